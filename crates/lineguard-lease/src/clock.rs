//! The clocks that leases are measured with.

use std::time::Duration;

use lineguard_core::id::Timestamp;
use rustix::time::{ClockId, Timespec, clock_gettime};

/// A moment on this machine's clocks, in nanoseconds. Both go on while the machine is suspended:
/// a lease must not outlive a pause of the process that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Moment {
    /// Since the machine started. Never set, never goes back.
    pub boot: u64,
    /// Since 1970-01-01 UTC. Somebody may set it.
    pub real: u64,
}

impl Moment {
    /// How much time may have passed since `earlier`: the most that either clock says. For what
    /// must end in time. A clock that went back counts as a very long time.
    pub fn since(self, earlier: Self) -> Duration {
        let on =
            |now: u64, then: u64| now.checked_sub(then).map_or(Duration::MAX, Duration::from_nanos);
        on(self.boot, earlier.boot).max(on(self.real, earlier.real))
    }

    /// How much time has passed since `earlier` for certain. For what must not end too early. The
    /// wall clock has no say: when somebody sets it forward, the leases of others do not end
    /// sooner.
    pub fn waited(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.boot.saturating_sub(earlier.boot))
    }

    /// The wall clock in the form that is stored.
    pub fn timestamp(self) -> Timestamp {
        Timestamp(i64::try_from(self.real / 1_000_000).unwrap_or(i64::MAX))
    }
}

/// Where the time comes from.
pub trait Clock: Send + Sync + 'static {
    /// Now.
    fn now(&self) -> Moment;
}

/// The clocks of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        Moment {
            boot: nanos(clock_gettime(ClockId::Boottime)),
            real: nanos(clock_gettime(ClockId::Realtime)),
        }
    }
}

/// A time before the clock's own zero counts as zero.
fn nanos(time: Timespec) -> u64 {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let rest = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Moment = Moment { boot: 50_000, real: 90_000 };

    #[test]
    fn a_jump_of_either_clock_ends_a_lease_early_and_never_late() {
        let now = |boot, real| Moment { boot, real }.since(START);
        assert_eq!(now(50_007, 90_007), Duration::from_nanos(7));
        assert_eq!(now(50_007, 91_000), Duration::from_nanos(1_000), "wall clock set forward");
        assert_eq!(now(50_007, 89_000), Duration::MAX, "wall clock set back");
        assert_eq!(now(51_000, 90_007), Duration::from_nanos(1_000), "wall clock stood still");
        assert_eq!(now(49_999, 90_007), Duration::MAX, "cannot be, so ends it");
    }

    #[test]
    fn no_jump_of_the_wall_clock_shortens_a_wait() {
        let now = |boot, real| Moment { boot, real }.waited(START);
        assert_eq!(now(50_007, 99_999_999), Duration::from_nanos(7));
        assert_eq!(now(50_007, 0), Duration::from_nanos(7));
        assert_eq!(now(49_999, 99_999_999), Duration::ZERO);
    }

    #[test]
    fn the_clocks_of_the_machine_go_forward() {
        let earlier = SystemClock.now();
        let later = SystemClock.now();
        assert!(later.boot >= earlier.boot);
        assert!(later.timestamp() > Timestamp(1_700_000_000_000));
    }
}
