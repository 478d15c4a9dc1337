//! What an operator chooses.

use std::fmt;
use std::time::Duration;

/// How long leases last and how often they are renewed. All replicas of one database must run
/// with the same `lease`, `drift_ppm` and `margin`: a writer waits by its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Params {
    /// How long after the start of a poll the replica may answer from what it showed; 1 to 30
    /// seconds. Also how long a write waits at most for a replica that is gone.
    pub lease: Duration,
    /// How often to poll.
    pub poll: Duration,
    /// When to give up a statement of a poll. Shorter than `poll`.
    pub poll_timeout: Duration,
    /// How far the rate of a clock may be off, in millionths.
    pub drift_ppm: u32,
    /// Added to every wait.
    pub margin: Duration,
    /// How many changes are remembered, over all shards.
    pub max_records: usize,
    /// The age at which rows of changes are removed from the database.
    pub trim_after: Duration,
    /// What this replica calls itself, for operators: host and process.
    pub name: String,
    /// The longest lease that it grants to a follower: about how long a write waits for a
    /// follower that is gone.
    pub grant: Duration,
    /// How many followers it has at most.
    pub max_followers: usize,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(5),
            poll: Duration::from_millis(500),
            poll_timeout: Duration::from_millis(400),
            drift_ppm: 10_000,
            margin: Duration::from_millis(50),
            max_records: 262_144,
            trim_after: Duration::from_secs(24 * 60 * 60),
            name: String::new(),
            grant: Duration::from_secs(1),
            max_followers: 1_024,
        }
    }
}

/// A parameter that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParamsError {
    /// Which, by the name of its field.
    pub field: &'static str,
    /// What it must be.
    pub must: &'static str,
}

impl fmt::Display for ParamsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` must be {}", self.field, self.must)
    }
}

impl std::error::Error for ParamsError {}

impl Params {
    /// After this much time, measured here, no lease that was taken before holds anywhere: the
    /// lease, what two clocks may disagree about it, and the margin.
    pub fn wait(&self) -> Duration {
        self.until_over(self.lease)
    }

    /// After this much time, measured here, a lease of this length that somebody else took before
    /// is over.
    pub(crate) fn until_over(&self, lease: Duration) -> Duration {
        let drift = lease.as_nanos() * 2 * u128::from(self.drift_ppm) / 1_000_000;
        let drift = u64::try_from(drift).unwrap_or(u64::MAX);
        lease + Duration::from_nanos(drift) + self.margin
    }

    /// The longest lease that is over for certain within this much time, measured here.
    pub(crate) fn over_within(&self, time: Duration) -> Duration {
        let million = 1_000_000;
        let time = time.saturating_sub(self.margin).as_nanos() * million;
        let lease = time / (million + 2 * u128::from(self.drift_ppm));
        Duration::from_nanos(u64::try_from(lease).unwrap_or(u64::MAX))
    }

    /// Whether they fit together.
    pub fn check(&self) -> Result<(), ParamsError> {
        let second = Duration::from_secs(1);
        let rules = [
            ("lease", (second..=30 * second).contains(&self.lease), "1 to 30 seconds"),
            ("poll", self.poll >= second / 100, "at least 10 milliseconds"),
            ("poll", self.poll * 2 <= self.lease, "at most half of `lease`"),
            ("poll_timeout", !self.poll_timeout.is_zero(), "more than nothing"),
            ("poll_timeout", self.poll_timeout < self.poll, "less than `poll`"),
            ("drift_ppm", self.drift_ppm <= 100_000, "at most 100000"),
            ("margin", self.margin <= self.lease, "at most `lease`"),
            ("max_records", self.max_records >= 1_024, "at least 1024"),
            ("grant", self.grant >= second / 100, "at least 10 milliseconds"),
            ("grant", self.grant <= self.lease, "at most `lease`"),
            ("trim_after", self.trim_after >= 120 * 60 * second, "at least 2 hours"),
        ];
        match rules.into_iter().find(|(_, fits, _)| !fits) {
            Some((field, _, must)) => Err(ParamsError { field, must }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_covers_a_lease_and_two_clocks() {
        let params = Params::default();
        assert_eq!(params.wait(), Duration::from_millis(5_150));
        assert_eq!(params.over_within(params.wait()), params.lease);
        assert_eq!(params.over_within(params.margin), Duration::ZERO);
    }

    #[test]
    fn a_parameter_that_does_not_fit_is_named() {
        assert_eq!(Params::default().check(), Ok(()));
        let lease = Params { lease: Duration::from_secs(31), ..Params::default() };
        assert_eq!(lease.check().unwrap_err().to_string(), "`lease` must be 1 to 30 seconds");
        let timeout = Params { poll_timeout: Duration::from_millis(500), ..Params::default() };
        assert_eq!(timeout.check().unwrap_err().field, "poll_timeout");
    }
}
