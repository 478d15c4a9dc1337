//! How recent the state of an answer must be, and how old it is.

use std::time::Duration;

use lineguard_core::id::TenantId;

use super::invalid::{Faults, InvalidRequest, Path};
use super::pb;
use crate::config::outage::MOST_STALENESS;
use crate::token::{RevisionToken, Tokens};

/// Greatest length of a revision token that is looked at, in bytes. Ours are far shorter.
const MAX_TOKEN_BYTES: usize = 512;

const AT_LEAST: &str = "consistency.at_least";

/// How recent the state must be that a question is answered from. The default asks for what is
/// promised anyway.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Consistency {
    /// The token of a write that must be part of it, still sealed.
    at_least: Option<Box<str>>,
    /// The oldest state that will do while the database cannot be reached. None leaves it to the
    /// operator; zero means never an old one.
    pub max_staleness: Option<Duration>,
}

impl Consistency {
    /// The write that the answer's state must include, if one was named.
    ///
    /// # Errors
    ///
    /// A fault of the field if the token is none of this tenant.
    pub fn at_least(
        &self,
        tokens: &Tokens,
        tenant: &TenantId,
    ) -> Result<Option<RevisionToken>, InvalidRequest> {
        let Some(token) = &self.at_least else { return Ok(None) };
        let wrong = || InvalidRequest::one(AT_LEAST, "is not a revision token of this tenant");
        tokens.open_revision(tenant, token).map(Some).ok_or_else(wrong)
    }
}

/// Reads what a question says about how recent its answer must be.
pub(super) fn read(
    faults: &mut Faults,
    at: &Path<'_>,
    message: Option<pb::Consistency>,
) -> Option<Consistency> {
    let Some(pb::Consistency { at_least, max_staleness }) = message else {
        return Some(Consistency::default());
    };
    let token = if at_least.len() > MAX_TOKEN_BYTES {
        faults.add(&at.field("at_least"), "is not a revision token of this tenant")
    } else {
        Some((!at_least.is_empty()).then(|| at_least.into_boxed_str()))
    };
    let max_staleness = match max_staleness {
        None => Some(None),
        Some(age) => read_age(faults, &at.field("max_staleness"), age).map(Some),
    };
    Some(Consistency { at_least: token?, max_staleness: max_staleness? })
}

fn read_age(
    faults: &mut Faults,
    at: &Path<'_>,
    message: prost_types::Duration,
) -> Option<Duration> {
    // The conversion refuses what is negative or has nanoseconds of a whole second or more only
    // after it has normalised them; a duration is refused as it was sent.
    let in_form = message.seconds >= 0 && (0..1_000_000_000).contains(&message.nanos);
    match Duration::try_from(message) {
        Ok(age) if in_form && age <= MOST_STALENESS => Some(age),
        _ => faults.add(at, "must be from 0 to 24 hours"),
    }
}

/// A duration on the wire.
pub fn duration_to_wire(duration: Duration) -> prost_types::Duration {
    // Longer ones than the format has are as long as it has.
    prost_types::Duration::try_from(duration)
        .unwrap_or(prost_types::Duration { seconds: 315_576_000_000, nanos: 0 })
}

/// Answers that say how old the state is that they are of.
pub trait Aged {
    /// The answer, of a state that was confirmed this long ago; none where it is the present one.
    #[must_use]
    fn aged(self, staleness: Option<Duration>) -> Self;
}

macro_rules! aged {
    ($($answer:ident),+) => {$(
        impl Aged for pb::$answer {
            fn aged(self, staleness: Option<Duration>) -> Self {
                Self { staleness: staleness.map(duration_to_wire), ..self }
            }
        }
    )+};
}

aged!(
    Decision,
    ListVisibleFaxesResponse,
    ResolveCallerIdResponse,
    ResolveAutoAssignResponse,
    ListPermissionsResponse
);

#[cfg(test)]
mod tests {
    use lineguard_core::id::Revision;
    use lineguard_core::stamp::Stamp;

    use super::*;
    use crate::token::KEY_BYTES;

    fn parsed(at_least: &str, age: Option<(i64, i32)>) -> Result<Consistency, String> {
        let max_staleness = age.map(|(seconds, nanos)| prost_types::Duration { seconds, nanos });
        let message = pb::Consistency { at_least: at_least.into(), max_staleness };
        Faults::collect(|faults, at| read(faults, &at.field("consistency"), Some(message)))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_said_is_nothing_asked() {
        assert_eq!(parsed("", None), Ok(Consistency::default()));
        assert_eq!(parsed("", Some((0, 0))).unwrap().max_staleness, Some(Duration::ZERO));
        assert_eq!(
            parsed("", Some((1, 500_000_000))).unwrap().max_staleness,
            Some(Duration::from_millis(1_500))
        );
    }

    #[test]
    fn ages_that_cannot_be_are_faults_of_their_field() {
        for age in [(-1, 0), (0, -1), (86_401, 0), (86_400, 1), (0, 1_000_000_000), (i64::MAX, 0)] {
            let error = parsed("", Some(age)).unwrap_err();
            assert_eq!(error, "`consistency.max_staleness` must be from 0 to 24 hours", "{age:?}");
        }
        assert!(parsed("", Some((86_400, 0))).is_ok());
        assert!(parsed(&"x".repeat(513), None).unwrap_err().contains("consistency.at_least"));
    }

    #[test]
    fn a_token_is_of_one_tenant() {
        let tokens = Tokens::new(&[7; KEY_BYTES]);
        let (one, other) = (TenantId::parse("a").unwrap(), TenantId::parse("b").unwrap());
        let stamp = Stamp { counter: 7, nonce: u64::MAX };
        let token = RevisionToken { stamp, revision: Revision(3) };
        let asked = parsed(&tokens.seal_revision(&one, &token).unwrap(), None).unwrap();
        assert_eq!(asked.at_least(&tokens, &one), Ok(Some(token)));
        let wrong = asked.at_least(&tokens, &other).unwrap_err();
        assert_eq!(
            wrong.to_string(),
            "`consistency.at_least` is not a revision token of this tenant"
        );
        assert!(parsed("AAAA", None).unwrap().at_least(&tokens, &one).is_err());
        assert_eq!(Consistency::default().at_least(&tokens, &one), Ok(None));
    }

    #[test]
    fn an_answer_says_its_age_only_where_it_has_one() {
        assert_eq!(pb::Decision::default().aged(None).staleness, None);
        let old = pb::Decision::default().aged(Some(Duration::from_millis(2_500)));
        let age = prost_types::Duration { seconds: 2, nanos: 500_000_000 };
        assert_eq!(old.staleness, Some(age));
        assert_eq!(duration_to_wire(Duration::MAX).seconds, 315_576_000_000);
    }
}
