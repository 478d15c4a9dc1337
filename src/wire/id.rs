//! Identifiers, subjects, keys, titles and times.

use lineguard_core::change::UserOrGroup;
use lineguard_core::id::{
    AccountId, ExtensionId, ExternalId, FaxId, FaxboxId, GroupId, IdError, InvitationId, Key,
    ModelDigest, PhoneNumber, QueueId, RequestId, Subject, SubjectKind, TenantId, Timestamp,
};
use lineguard_core::suggest::nearest;

use super::invalid::{Faults, InvalidRequest, Path, unknown};
use super::pb;

/// Greatest number of elements of a set of facts or labels.
pub const MAX_SET: usize = 1_000;

/// Greatest length of a title, in characters.
pub const MAX_TITLE: usize = 200;

/// An identifier that is read from a text.
pub trait ParseId: Sized {
    /// Parses the text.
    fn parse_id(text: &str) -> Result<Self, IdError>;
}

macro_rules! parse_ids {
    ($($name:ident),+) => {$(
        impl ParseId for $name {
            fn parse_id(text: &str) -> Result<Self, IdError> {
                Self::parse(text)
            }
        }
    )+};
}

parse_ids!(
    AccountId,
    ExtensionId,
    ExternalId,
    FaxId,
    FaxboxId,
    GroupId,
    InvitationId,
    Key,
    PhoneNumber,
    QueueId,
    RequestId,
    TenantId
);

/// An identifier that must be there. The empty text, which the wire does not tell from a field
/// that was left out, is refused as empty.
pub fn required<T: ParseId>(faults: &mut Faults, at: &Path<'_>, text: &str) -> Option<T> {
    faults.check(at, T::parse_id(text))
}

/// An identifier that may be left out; a present one must be well formed.
pub fn optional<T: ParseId>(
    faults: &mut Faults,
    at: &Path<'_>,
    text: Option<&str>,
) -> Option<Option<T>> {
    match text {
        None => Some(None),
        Some(text) => required(faults, at, text).map(Some),
    }
}

/// A list of identifiers.
pub fn list<T: ParseId>(faults: &mut Faults, at: &Path<'_>, texts: &[String]) -> Option<Vec<T>> {
    faults.each(at, texts, |faults, at, text| required(faults, at, text))
}

/// A list of at most [`MAX_SET`] identifiers.
pub fn set<T: ParseId>(faults: &mut Faults, at: &Path<'_>, texts: &[String]) -> Option<Vec<T>> {
    bounded(faults, at, texts.len(), MAX_SET)?;
    list(faults, at, texts)
}

/// Refuses a list with too many elements before any of them is read.
pub fn bounded(faults: &mut Faults, at: &Path<'_>, len: usize, max: usize) -> Option<()> {
    if len > max {
        return faults.add(at, format!("has {len} elements, at most {max} are allowed"));
    }
    Some(())
}

/// A subject that must be there.
pub fn subject(
    faults: &mut Faults,
    at: &Path<'_>,
    message: Option<pb::Subject>,
) -> Option<Subject> {
    let message = faults.required(at, message)?;
    subject_fields(faults, at, &message)
}

/// A subject that must be there, alone in its message.
pub fn subject_at(field: &str, message: Option<pb::Subject>) -> Result<Subject, InvalidRequest> {
    let missing = || InvalidRequest::one(field.to_owned(), "is missing");
    let pb::Subject { r#type, id } = message.ok_or_else(missing)?;
    let wrong = || InvalidRequest::one(field.to_owned(), "is no subject");
    let kind = SubjectKind::from_word(&r#type).ok_or_else(wrong)?;
    Subject::parse(kind, &id).map_err(|_| wrong())
}

/// A subject that may be left out.
pub fn optional_subject(
    faults: &mut Faults,
    at: &Path<'_>,
    message: Option<&pb::Subject>,
) -> Option<Option<Subject>> {
    match message {
        None => Some(None),
        Some(message) => subject_fields(faults, at, message).map(Some),
    }
}

/// Reads the fields of a subject.
pub fn subject_fields(
    faults: &mut Faults,
    at: &Path<'_>,
    message: &pb::Subject,
) -> Option<Subject> {
    let pb::Subject { r#type, id } = message;
    let kind = subject_kind(faults, &at.field("type"), r#type);
    // The kind plays no part in whether the id is well formed, so both faults are told at once.
    let subject =
        faults.check(&at.field("id"), Subject::parse(kind.unwrap_or(SubjectKind::User), id));
    kind.and(subject)
}

fn subject_kind(faults: &mut Faults, at: &Path<'_>, word: &str) -> Option<SubjectKind> {
    match SubjectKind::from_word(word) {
        Some(kind) => Some(kind),
        None if word.is_empty() => faults.add(at, "must be `user` or `service`"),
        None => {
            let suggestion = nearest(word, ["user", "service"]);
            faults.add(at, unknown("subject type", word, suggestion))
        }
    }
}

/// A user or group that may be left out.
pub fn optional_user_or_group(
    faults: &mut Faults,
    at: &Path<'_>,
    message: Option<&pb::UserOrGroup>,
) -> Option<Option<UserOrGroup>> {
    match message {
        None => Some(None),
        Some(message) => user_or_group(faults, at, message).map(Some),
    }
}

/// A user or group.
pub fn user_or_group(
    faults: &mut Faults,
    at: &Path<'_>,
    message: &pb::UserOrGroup,
) -> Option<UserOrGroup> {
    let pb::UserOrGroup { kind } = message;
    match kind {
        None => faults.add(at, "needs `user` or `group`"),
        Some(pb::user_or_group::Kind::User(user)) => {
            subject_fields(faults, &at.field("user"), user).map(UserOrGroup::User)
        }
        Some(pb::user_or_group::Kind::Group(group)) => {
            required(faults, &at.field("group"), group).map(UserOrGroup::Group)
        }
    }
}

/// A title: at most [`MAX_TITLE`] characters, none of them a control character.
pub fn title(faults: &mut Faults, at: &Path<'_>, text: String) -> Option<String> {
    if text.chars().nth(MAX_TITLE).is_some() {
        return faults.add(at, format!("must be at most {MAX_TITLE} characters long"));
    }
    if text.chars().any(char::is_control) {
        return faults.check(at, Err::<String, _>(IdError::ControlCharacter));
    }
    Some(text)
}

/// The digest of a model text.
pub fn digest(faults: &mut Faults, at: &Path<'_>, text: &str) -> Option<ModelDigest> {
    match ModelDigest::from_hex(text) {
        Some(digest) => Some(digest),
        None => faults.add(at, "must be 64 hexadecimal digits"),
    }
}

/// A point in time that must be there, to the millisecond.
pub fn time(
    faults: &mut Faults,
    at: &Path<'_>,
    message: Option<prost_types::Timestamp>,
) -> Option<Timestamp> {
    let message = faults.required(at, message)?;
    optional_time(faults, at, Some(message))?
}

/// A point in time that may be left out, to the millisecond.
pub fn optional_time(
    faults: &mut Faults,
    at: &Path<'_>,
    message: Option<prost_types::Timestamp>,
) -> Option<Option<Timestamp>> {
    // The years 1 to 9999, as `google.protobuf.Timestamp` is defined.
    const SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;
    let Some(prost_types::Timestamp { seconds, nanos }) = message else {
        return Some(None);
    };
    if !SECONDS.contains(&seconds) || !(0..1_000_000_000).contains(&nanos) {
        return faults.add(at, "must lie in the years 1 to 9999, with 0 to 999999999 nanoseconds");
    }
    Some(Some(Timestamp(seconds * 1_000 + i64::from(nanos / 1_000_000))))
}

/// A subject on the wire.
pub fn subject_to_wire(subject: &Subject) -> pb::Subject {
    pb::Subject { r#type: subject.kind.as_str().to_owned(), id: subject.id().to_owned() }
}

/// A user or group on the wire.
pub fn user_or_group_to_wire(value: &UserOrGroup) -> pb::UserOrGroup {
    let kind = match value {
        UserOrGroup::User(user) => pb::user_or_group::Kind::User(subject_to_wire(user)),
        UserOrGroup::Group(group) => pb::user_or_group::Kind::Group(group.to_string()),
    };
    pb::UserOrGroup { kind: Some(kind) }
}

/// A point in time on the wire.
pub fn time_to_wire(time: Timestamp) -> prost_types::Timestamp {
    // At most 999 million, so the remainder always fits.
    let nanos = i32::try_from(time.0.rem_euclid(1_000) * 1_000_000).unwrap_or_default();
    prost_types::Timestamp { seconds: time.0.div_euclid(1_000), nanos }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(text: &str) -> Result<TenantId, String> {
        Faults::collect(|faults, at| required(faults, &at.field("tenant"), text))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn an_identifier_has_1_to_128_bytes_without_control_characters() {
        assert_eq!(tenant("").unwrap_err(), "`tenant` must not be empty");
        assert_eq!(tenant("a\u{7}").unwrap_err(), "`tenant` must not contain control characters");
        assert_eq!(tenant(&"a".repeat(128)).unwrap().as_str().len(), 128);
        assert_eq!(
            tenant(&"a".repeat(129)).unwrap_err(),
            "`tenant` must be at most 128 bytes long"
        );
        // Bytes, not characters.
        assert!(tenant(&"ä".repeat(65)).is_err());
    }

    #[test]
    fn both_faults_of_a_subject_are_told_with_a_suggestion() {
        let message = pb::Subject { r#type: "usr".into(), id: String::new() };
        let result =
            Faults::collect(|faults, at| subject(faults, &at.field("subject"), Some(message)));
        assert_eq!(
            result.unwrap_err().to_string(),
            "`subject.type` unknown subject type `usr`, did you mean `user`?; \
             `subject.id` must not be empty"
        );
    }

    #[test]
    fn a_missing_subject_is_a_fault() {
        let result = Faults::collect(|faults, at| subject(faults, &at.field("actor"), None));
        assert_eq!(result.unwrap_err().to_string(), "`actor` is required");
    }

    #[test]
    fn times_keep_milliseconds_also_before_1970() {
        for ms in [0, 1, 999, 1_700_000_000_123, -1, -1_001] {
            let wire = time_to_wire(Timestamp(ms));
            let back = Faults::collect(|faults, at| time(faults, at, Some(wire)));
            assert_eq!(back, Ok(Timestamp(ms)));
        }
    }

    #[test]
    fn a_time_beyond_the_year_9999_is_a_fault() {
        let wire = prost_types::Timestamp { seconds: i64::MAX, nanos: 0 };
        assert!(Faults::collect(|faults, at| time(faults, at, Some(wire))).is_err());
    }
}
