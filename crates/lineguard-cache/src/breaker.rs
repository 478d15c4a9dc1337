//! A breaker: after some failures in a row, nobody tries for a while; then one tries, and if that
//! goes well, everybody does again.
//!
//! It reads no clock. Moments are durations since any fixed origin of the caller's.

use std::time::Duration;

/// When a breaker opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How many failures in a row open it; at least one.
    pub failures: u32,
    /// How long it stays open at first. Each trial that fails doubles it.
    pub pause: Duration,
    /// How long it stays open at most.
    pub longest: Duration,
    /// How long a trial may take. One that was not reported by then counts for nothing, and
    /// somebody else tries.
    pub trial: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            failures: 5,
            pause: Duration::from_millis(100),
            longest: Duration::from_secs(2),
            trial: Duration::from_millis(100),
        }
    }
}

/// A breaker.
#[derive(Debug)]
pub struct Breaker {
    limits: Limits,
    state: State,
    /// How often the state has changed. What was begun in one state says nothing about the next.
    turn: u64,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Closed { failures: u32 },
    Open { until: Duration, pause: Duration },
    Trying { until: Duration, pause: Duration },
}

/// What a breaker does at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It lets everybody through.
    Closed,
    /// It lets nobody through, or, when its pause is over, the next one.
    Open,
    /// One is trying.
    HalfOpen,
}

/// Somebody was let through and has to report how it went.
#[derive(Debug)]
#[must_use = "a breaker has to be told how it went"]
pub struct Pass {
    turn: u64,
}

impl Breaker {
    /// A closed one.
    pub const fn new(limits: Limits) -> Self {
        Self { limits, state: State::Closed { failures: 0 }, turn: 0 }
    }

    /// Asks to be let through.
    pub fn ask(&mut self, now: Duration) -> Option<Pass> {
        match self.state {
            State::Closed { .. } => {}
            State::Open { until, pause } | State::Trying { until, pause } => {
                if now < until {
                    return None;
                }
                let until = now.saturating_add(self.limits.trial);
                self.turn_to(State::Trying { until, pause });
            }
        }
        Some(Pass { turn: self.turn })
    }

    /// Reports that it went well.
    pub fn succeeded(&mut self, pass: Pass) {
        if pass.turn != self.turn {
            return;
        }
        match self.state {
            State::Closed { .. } => self.state = State::Closed { failures: 0 },
            State::Open { .. } | State::Trying { .. } => {
                self.turn_to(State::Closed { failures: 0 });
            }
        }
    }

    /// Reports that it failed; says whether that opened the breaker.
    pub fn failed(&mut self, pass: Pass, now: Duration) -> bool {
        if pass.turn != self.turn {
            return false;
        }
        let pause = match self.state {
            State::Closed { failures } => {
                let failures = failures.saturating_add(1);
                if failures < self.limits.failures {
                    self.state = State::Closed { failures };
                    return false;
                }
                self.limits.pause
            }
            State::Open { pause, .. } | State::Trying { pause, .. } => {
                pause.saturating_mul(2).min(self.limits.longest)
            }
        };
        self.turn_to(State::Open { until: now.saturating_add(pause), pause });
        true
    }

    /// What it does at present.
    pub const fn phase(&self) -> Phase {
        match self.state {
            State::Closed { .. } => Phase::Closed,
            State::Open { .. } => Phase::Open,
            State::Trying { .. } => Phase::HalfOpen,
        }
    }

    fn turn_to(&mut self, state: State) {
        self.state = state;
        self.turn = self.turn.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        failures: 3,
        pause: Duration::from_millis(100),
        longest: Duration::from_millis(300),
        trial: Duration::from_millis(50),
    };

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// A breaker that opened at 0.
    fn open() -> Breaker {
        let mut breaker = Breaker::new(LIMITS);
        for last in [false, false, true] {
            let pass = breaker.ask(ms(0)).unwrap();
            assert_eq!(breaker.failed(pass, ms(0)), last);
        }
        breaker
    }

    #[test]
    fn only_failures_in_a_row_open_it() {
        let mut breaker = Breaker::new(LIMITS);
        for _ in 0..10 {
            for _ in 0..2 {
                let pass = breaker.ask(ms(0)).unwrap();
                assert!(!breaker.failed(pass, ms(0)));
            }
            let pass = breaker.ask(ms(0)).unwrap();
            breaker.succeeded(pass);
        }
        assert_eq!(breaker.phase(), Phase::Closed);
        assert_eq!(open().phase(), Phase::Open);
    }

    #[test]
    fn one_tries_when_the_pause_is_over() {
        let mut breaker = open();
        assert!(breaker.ask(ms(99)).is_none());
        let pass = breaker.ask(ms(100)).unwrap();
        assert_eq!(breaker.phase(), Phase::HalfOpen);
        assert!(breaker.ask(ms(100)).is_none());
        breaker.succeeded(pass);
        assert_eq!(breaker.phase(), Phase::Closed);
        assert!(breaker.ask(ms(101)).is_some() && breaker.ask(ms(101)).is_some());
    }

    #[test]
    fn each_failed_trial_doubles_the_pause_up_to_the_longest() {
        let mut breaker = open();
        let mut now = 100;
        for pause in [200, 300, 300] {
            let pass = breaker.ask(ms(now)).unwrap();
            assert!(breaker.failed(pass, ms(now)));
            assert!(breaker.ask(ms(now + pause - 1)).is_none());
            now += pause;
        }
    }

    #[test]
    fn a_trial_that_is_never_reported_does_not_end_all_trials() {
        let mut breaker = open();
        let lost = breaker.ask(ms(100)).unwrap();
        assert!(breaker.ask(ms(149)).is_none());
        let pass = breaker.ask(ms(150)).unwrap();
        breaker.succeeded(lost);
        assert_eq!(breaker.phase(), Phase::HalfOpen, "a late report counts for nothing");
        breaker.succeeded(pass);
        assert_eq!(breaker.phase(), Phase::Closed);
    }

    #[test]
    fn what_began_before_it_opened_neither_closes_nor_prolongs_it() {
        let mut breaker = Breaker::new(LIMITS);
        let [early, late] = [(); 2].map(|()| breaker.ask(ms(0)).unwrap());
        for _ in 0..3 {
            let pass = breaker.ask(ms(0)).unwrap();
            breaker.failed(pass, ms(0));
        }
        breaker.succeeded(early);
        assert_eq!(breaker.phase(), Phase::Open);
        assert!(!breaker.failed(late, ms(90)));
        assert!(breaker.ask(ms(100)).is_some());
    }

    #[test]
    fn it_survives_the_end_of_time() {
        let mut breaker = open();
        let pass = breaker.ask(Duration::MAX).unwrap();
        assert!(breaker.failed(pass, Duration::MAX));
        assert!(breaker.ask(Duration::MAX).is_some());
    }
}
