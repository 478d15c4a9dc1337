//! Identifiers, each parsed once at the door.
//!
//! External identifiers are opaque byte strings given by the identity provider or a sibling
//! service. They are compared byte for byte: `Bob`, `bob` and `bob ` are three identifiers. What may
//! not be given to something new is refused where it is added: see [`crate::looks`].

use std::fmt;

/// Greatest length of an external identifier, in bytes.
pub const MAX_ID_BYTES: usize = 128;

/// Why a text is not an identifier, a phone number or a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdError {
    /// The text is empty.
    Empty,
    /// The text is longer than the limit, in bytes.
    TooLong {
        /// The limit.
        max: usize,
    },
    /// The text contains a control character.
    ControlCharacter,
    /// The text contains a character that cannot be seen, or that changes how others are shown.
    Unseen,
    /// The text begins or ends with a blank.
    BlankAtEnd,
    /// The text is not `+` followed by 7 to 15 digits, the first of them not zero.
    NotE164,
    /// The text has a character other than `a-z 0-9 _ . -`.
    NotAKey,
}

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("must not be empty"),
            Self::TooLong { max } => write!(f, "must be at most {max} bytes long"),
            Self::ControlCharacter => f.write_str("must not contain control characters"),
            Self::Unseen => f.write_str(
                "must not contain invisible characters, or such as change the direction of writing",
            ),
            Self::BlankAtEnd => f.write_str("must not begin or end with a blank"),
            Self::NotE164 => {
                f.write_str("must be in E.164 form: `+` and 7 to 15 digits, without blanks")
            }
            Self::NotAKey => f.write_str("must consist of `a-z`, `0-9`, `_`, `.` and `-`"),
        }
    }
}

impl std::error::Error for IdError {}

fn check_external(text: &str) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    if text.len() > MAX_ID_BYTES {
        return Err(IdError::TooLong { max: MAX_ID_BYTES });
    }
    if text.chars().any(char::is_control) {
        return Err(IdError::ControlCharacter);
    }
    Ok(())
}

macro_rules! external_ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Box<str>);

        impl $name {
            /// Parses an identifier of 1 to [`MAX_ID_BYTES`] bytes without control characters.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                check_external(text)?;
                Ok(Self(text.into()))
            }

            /// The identifier as it was given.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}

external_ids! {
    /// A tenant: one customer, the root of an account tree.
    TenantId,
    /// An account: a node of a tenant's tree.
    AccountId,
    /// A group of users of an account.
    GroupId,
    /// A faxbox.
    FaxboxId,
    /// An extension: a number inside the voice system.
    ExtensionId,
    /// A call queue.
    QueueId,
    /// A registered fax.
    FaxId,
    /// An invitation that has not been bound to a subject yet.
    InvitationId,
    /// The caller's own name for a write; a repeat with the same one returns the first result.
    RequestId,
    /// An identifier whose kind the surrounding field names: a resource, a label, a template.
    ExternalId,
}

/// What kind of principal a subject is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SubjectKind {
    /// A person.
    User,
    /// A program that acts on its own behalf.
    Service,
}

impl SubjectKind {
    /// The word for this kind on the wire, in files and in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Service => "service",
        }
    }

    /// The kind that a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "user" => Some(Self::User),
            "service" => Some(Self::Service),
            _ => None,
        }
    }
}

/// Who is asking or acting: a kind and an opaque id given by the identity provider. Global: the
/// same subject may be a member of accounts in many tenants.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subject {
    /// User or service.
    pub kind: SubjectKind,
    id: Box<str>,
}

impl Subject {
    /// A subject from its kind and its id of 1 to [`MAX_ID_BYTES`] bytes.
    pub fn parse(kind: SubjectKind, id: &str) -> Result<Self, IdError> {
        check_external(id)?;
        Ok(Self { kind, id: id.into() })
    }

    /// A user by id.
    pub fn user(id: &str) -> Result<Self, IdError> {
        Self::parse(SubjectKind::User, id)
    }

    /// The id without the kind.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Kind and id in one text, `user:alice`; [`Subject::from_qualified`] reads it back.
    pub fn qualified(&self) -> String {
        format!("{}:{}", self.kind.as_str(), self.id)
    }

    /// Reads the form that [`Subject::qualified`] writes.
    pub fn from_qualified(text: &str) -> Option<Self> {
        let (kind, id) = text.split_once(':')?;
        Self::parse(SubjectKind::from_word(kind)?, id).ok()
    }
}

/// A phone number in E.164 form. The only way in is [`PhoneNumber::parse`], so `+1 (555) 010-0100`
/// and `+15550100100` can never be two numbers.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PhoneNumber(Box<str>);

impl PhoneNumber {
    /// Parses `+` and 7 to 15 digits.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let digits = text.strip_prefix('+').ok_or(IdError::NotE164)?;
        let fits = (7..=15).contains(&digits.len())
            && digits.bytes().all(|b| b.is_ascii_digit())
            && !digits.starts_with('0');
        if fits { Ok(Self(text.into())) } else { Err(IdError::NotE164) }
    }

    /// The number with its plus sign. Not for logs.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Hides the digits: phone numbers do not belong in logs.
impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PhoneNumber(…)")
    }
}

/// The key of something that a product model or a tenant defines: a permission, role, product,
/// flag, setting or visibility level. 1 to 64 characters of `a-z 0-9 _ . -`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(Box<str>);

impl Key {
    /// Greatest length of a key.
    pub const MAX_BYTES: usize = 64;

    /// Parses a key.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        if text.is_empty() {
            return Err(IdError::Empty);
        }
        if text.len() > Self::MAX_BYTES {
            return Err(IdError::TooLong { max: Self::MAX_BYTES });
        }
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_.-".contains(&b);
        if text.bytes().all(fits) { Ok(Self(text.into())) } else { Err(IdError::NotAKey) }
    }

    /// Stands in for a key that is a mistake in a text, while the rest of the text is read. No text
    /// gives it: it is empty.
    pub(crate) fn nameless() -> Self {
        Self(Box::default())
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The number that stands for an external identifier inside one tenant. Given out by the store,
/// never reused, meaningless outside its tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Num(pub u64);

impl Num {
    /// Stands for a well-formed identifier that the store does not know. No set contains it.
    pub const UNKNOWN: Self = Self(u64::MAX);
}

/// Per-tenant counter, raised in the same transaction as every change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Revision(pub u64);

/// SHA-256 of a model text: the name by which the store and a tenant know it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelDigest(pub [u8; 32]);

impl ModelDigest {
    /// The digest of a model text.
    pub fn of(text: &str) -> Self {
        use sha2::{Digest, Sha256};
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// Reads 64 hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        if text.len() != 64 {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).ok()?;
            *byte = u8::from_str_radix(pair, 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for ModelDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ModelDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ModelDigest({self})")
    }
}

/// Milliseconds since 1970-01-01 UTC. Read once, on arrival, and handed down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(pub i64);
