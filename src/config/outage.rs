//! What is answered while the database cannot be reached, by kind of operation.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::value;

/// What holds for each kind of operation while neither a lease nor the database is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outage {
    /// Opening, playing or downloading what was received or sent.
    pub view_content: OutageRule,
    /// Sending faxes, messages and e-mail.
    pub send: OutageRule,
    /// Placing, answering and transferring calls.
    pub place_call: OutageRule,
    /// Which number is presented, and who receives a fax.
    pub caller_id: OutageRule,
    /// Lists, and visibility as a filter.
    pub list: OutageRule,
}

/// What is answered when the present state cannot be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OutageRule {
    /// Nothing: the answer is `UNAVAILABLE`.
    #[default]
    FailClosed,
    /// The last known state while it is not older than this; the answer says how old it is.
    Stale(Duration),
}

/// The oldest state that may be answered from.
pub const MOST_STALENESS: Duration = Duration::from_secs(24 * 3600);

impl FromStr for OutageRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let age = |text: &str| value::duration(text).ok();
        match (text, text.strip_prefix("stale:").and_then(age)) {
            ("fail_closed", _) => Ok(Self::FailClosed),
            (_, Some(age)) if (Duration::from_secs(1)..=MOST_STALENESS).contains(&age) => {
                Ok(Self::Stale(age))
            }
            _ => Err("`fail_closed`, or `stale:` and a duration from 1s to 24h".to_owned()),
        }
    }
}

impl fmt::Display for OutageRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FailClosed => f.write_str("fail_closed"),
            Self::Stale(age) => write!(f, "stale:{age:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_words_or_an_age() {
        let rule = |text: &str| text.parse::<OutageRule>();
        assert_eq!(rule("fail_closed"), Ok(OutageRule::FailClosed));
        assert_eq!(rule("stale:30s"), Ok(OutageRule::Stale(Duration::from_secs(30))));
        for bad in ["", "allow", "stale", "stale:", "stale:30", "stale:0s", "stale:25h", "30s"] {
            assert!(rule(bad).is_err(), "{bad}");
        }
    }
}
