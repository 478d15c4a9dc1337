//! What is answered while the database cannot be reached, by kind of operation.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use lineguard_core::vocabulary::Outage as Kind;

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
    /// Calls to emergency services.
    pub emergency_call: EmergencyRule,
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

/// What an emergency call is told when the present state cannot be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EmergencyRule {
    /// It is allowed.
    #[default]
    Allow,
    /// As for other kinds.
    Rule(OutageRule),
}

/// What to do about one question whose answer cannot be of the present state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fallback {
    /// Answer `UNAVAILABLE`.
    Refuse,
    /// Answer from the last known state if it is not older than this; else `UNAVAILABLE`.
    Stale(Duration),
    /// Allow: it is an emergency call.
    Allow,
}

impl OutageRule {
    /// What to do where a request asked for a state that is not older than `asked`, and requests
    /// may ask for one of up to `most`.
    pub fn fallback(self, asked: Option<Duration>, most: Duration) -> Fallback {
        let own = match self {
            Self::FailClosed => Duration::ZERO,
            Self::Stale(age) => age,
        };
        match asked.map_or(own, |asked| asked.min(own.max(most))) {
            Duration::ZERO => Fallback::Refuse,
            age => Fallback::Stale(age),
        }
    }
}

impl Outage {
    /// What to do about an action of this kind. One of no kind is never answered from an older
    /// state, whatever is asked for.
    pub fn fallback(
        &self,
        kind: Option<Kind>,
        asked: Option<Duration>,
        most: Duration,
    ) -> Fallback {
        let rule = match kind {
            None => return Fallback::Refuse,
            Some(Kind::ViewContent) => self.view_content,
            Some(Kind::Send) => self.send,
            Some(Kind::PlaceCall) => self.place_call,
            Some(Kind::EmergencyCall) => match self.emergency_call {
                EmergencyRule::Allow => return Fallback::Allow,
                EmergencyRule::Rule(rule) => rule,
            },
        };
        rule.fallback(asked, most)
    }
}

/// The oldest state that may be answered from.
pub const MOST_STALENESS: Duration = Duration::from_secs(24 * 3600);

const STALE: &str = "`stale:` and a duration from 1s to 24h";

impl FromStr for OutageRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let age = |text: &str| value::duration(text).ok();
        match (text, text.strip_prefix("stale:").and_then(age)) {
            ("fail_closed", _) => Ok(Self::FailClosed),
            (_, Some(age)) if (Duration::from_secs(1)..=MOST_STALENESS).contains(&age) => {
                Ok(Self::Stale(age))
            }
            _ => Err(format!("`fail_closed`, or {STALE}")),
        }
    }
}

impl FromStr for EmergencyRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "allow" => Ok(Self::Allow),
            other => other
                .parse()
                .map(Self::Rule)
                .map_err(|_| format!("`allow`, `fail_closed`, or {STALE}")),
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
        assert_eq!("allow".parse(), Ok(EmergencyRule::Allow));
        let closed = EmergencyRule::Rule(OutageRule::FailClosed);
        assert_eq!("fail_closed".parse(), Ok(closed));
        assert!("open".parse::<EmergencyRule>().is_err());
    }

    #[test]
    fn a_request_may_ask_for_less_and_as_far_as_permitted_for_more() {
        let seconds = Duration::from_secs;
        let fallback = |rule: OutageRule, asked: Option<u64>, most| {
            rule.fallback(asked.map(seconds), seconds(most))
        };
        let (closed, stale) = (OutageRule::FailClosed, OutageRule::Stale(seconds(30)));
        assert_eq!(fallback(closed, None, 60), Fallback::Refuse);
        assert_eq!(fallback(closed, Some(10), 60), Fallback::Stale(seconds(10)));
        assert_eq!(fallback(closed, Some(90), 60), Fallback::Stale(seconds(60)));
        assert_eq!(fallback(closed, Some(10), 0), Fallback::Refuse);
        assert_eq!(fallback(stale, None, 0), Fallback::Stale(seconds(30)));
        assert_eq!(fallback(stale, Some(10), 0), Fallback::Stale(seconds(10)));
        assert_eq!(fallback(stale, Some(90), 0), Fallback::Stale(seconds(30)));
        assert_eq!(fallback(stale, Some(90), 60), Fallback::Stale(seconds(60)));
        assert_eq!(fallback(stale, Some(0), 60), Fallback::Refuse);
    }

    #[test]
    fn only_marked_actions_are_answered_from_an_older_state() {
        let age = Duration::from_secs(5);
        let all = Outage {
            view_content: OutageRule::Stale(age),
            send: OutageRule::Stale(age),
            place_call: OutageRule::Stale(age),
            ..Outage::default()
        };
        assert_eq!(all.fallback(None, Some(age), age), Fallback::Refuse);
        for kind in [Kind::ViewContent, Kind::Send, Kind::PlaceCall] {
            assert_eq!(all.fallback(Some(kind), None, Duration::ZERO), Fallback::Stale(age));
        }
        let emergency = Some(Kind::EmergencyCall);
        assert_eq!(all.fallback(emergency, None, Duration::ZERO), Fallback::Allow);
        let closed = EmergencyRule::Rule(OutageRule::FailClosed);
        let closed = Outage { emergency_call: closed, ..all };
        assert_eq!(closed.fallback(emergency, None, age), Fallback::Refuse);
    }
}
