//! What a Check does.
//!
//! To be called and to load the view, or to have the first statement sent, is one step: a Check
//! that waits in between is one that was called later and may answer more. Likewise a follower
//! that takes the result of a flight which left after it came does what it could do by itself.

use super::history::{Both, Part, Stamp};
use super::mutant::Mutant;
use super::records;
use super::state::{Caller, Check, Entry, Hand, Replica, State, Who};
use super::step::{Answer, Next, Source, Step};
use super::{Config, Form};

/// The next steps of a replica's Checks, and of the database on their behalf.
pub(super) fn steps(config: &Config, state: &State, who: Who, next: &mut Vec<Next>) {
    let checks = state.replica(who).checks;
    let mut may_call = true;
    for (slot, check) in checks.into_iter().enumerate().take(usize::from(config.checks)) {
        let at = At { config, state, who, slot };
        match check {
            Check::Idle => {
                // Another free slot would do the same.
                if may_call {
                    at.call(next);
                }
                may_call = false;
            }
            Check::Looking { caller, sight, leased, hands } => {
                at.look(caller, sight, leased, hands, next);
            }
            Check::Fetched { caller, snapshot, contents, fresh, waits } => {
                at.fetched(caller, snapshot, contents, fresh, waits, next);
            }
        }
    }
}

/// A Check in its world.
struct At<'a> {
    config: &'a Config,
    state: &'a State,
    who: Who,
    slot: usize,
}

impl At<'_> {
    fn replica(&self) -> &Replica {
        self.state.replica(self.who)
    }

    fn to(&self, check: Check) -> State {
        self.with(*self.replica(), check)
    }

    fn with(&self, mut replica: Replica, check: Check) -> State {
        if let Some(place) = replica.checks.get_mut(self.slot) {
            *place = check;
        }
        self.state.with(self.who, replica)
    }

    /// Somebody asks. The view and the lease are looked at once.
    fn call(&self, next: &mut Vec<Next>) {
        let replica = self.replica();
        let floor = self.state.acknowledged();
        let caller = Caller { floor, before_restore: false, told: replica.told };
        let (who, history) = (self.who, &self.state.history);
        if let Some(sight) = replica.sight() {
            let check = Check::Looking { caller, sight, leased: true, hands: Both::default() };
            next.push((Step::Call { who, floor, sight }, self.to(check)));
            return;
        }
        let snapshot = history.now();
        let contents = history.contents(history.present(), snapshot.counter);
        let (fresh, waits) = (Both { a: true, b: true }, self.config.form == Form::Waiting);
        let check = Check::Fetched { caller, snapshot, contents, fresh, waits };
        let barred = replica.lease;
        next.push((Step::CallAndFetch { who, floor, snapshot, barred }, self.to(check)));

        if self.config.lacks(Mutant::MixedWithoutLease)
            && let Some(sight) = replica.view
        {
            // A part has to come from the database, or this would be answered from memory alone.
            let hands = Both { a: Hand::Untested, b: Hand::Unfit };
            let check = Check::Looking { caller, sight, leased: false, hands };
            next.push((Step::Call { who, floor, sight }, self.to(check)));
        }
        if self.config.lacks(Mutant::EarlierFlightTaken) {
            for other in replica.checks {
                if let Check::Fetched { snapshot, contents, .. } = other {
                    let (fresh, waits) = (Both::default(), false);
                    let check = Check::Fetched { caller, snapshot, contents, fresh, waits };
                    next.push((Step::TakeFlight { who, floor, snapshot }, self.to(check)));
                }
            }
        }
    }

    /// Looks for one part after the other, and then answers or asks the database.
    fn look(
        &self,
        caller: Caller,
        sight: Stamp,
        leased: bool,
        hands: Both<Hand>,
        next: &mut Vec<Next>,
    ) {
        for part in Part::BOTH {
            let hand = self.test(part, sight, *hands.of(part));
            if hand != *hands.of(part) {
                let mut hands = hands;
                *hands.of_mut(part) = hand;
                let check = Check::Looking { caller, sight, leased, hands };
                next.push((Step::Test { who: self.who, part, hand }, self.to(check)));
                return;
            }
        }
        if let Both { a: Hand::Fit(a), b: Hand::Fit(b) } = hands {
            next.push(self.answer_warm(caller, sight, Both { a, b }));
            return;
        }
        if leased && self.config.level2 {
            self.answer_level2(caller, sight, next);
        }
        next.push(self.fetch(caller, sight, leased, hands));
    }

    /// The next thing to be known of a part.
    fn test(&self, part: Part, sight: Stamp, hand: Hand) -> Hand {
        let (config, replica) = (self.config, self.replica());
        let entry = match hand {
            Hand::Untested => *replica.entries.of(part),
            Hand::Passed(entry) => Some(entry),
            Hand::Unfit | Hand::Fit(_) => return hand,
        };
        let Some(entry) = entry else { return Hand::Unfit };
        let record = records::passes_record(replica, part, entry.stamp);
        let floor = records::passes_floor(config, replica, sight, entry.stamp);
        let floor_first = config.lacks(Mutant::FloorReadFirst);
        let (first, second) = if floor_first { (floor, record) } else { (record, floor) };
        match hand {
            Hand::Untested if !first => Hand::Unfit,
            Hand::Untested if config.evict => Hand::Passed(entry),
            _ if second => Hand::Fit(entry),
            _ => Hand::Unfit,
        }
    }

    /// Answers from memory, and stamps the entries with the view that they were found good at.
    fn answer_warm(&self, caller: Caller, sight: Stamp, tested: Both<Entry>) -> Next {
        let mut to = *self.replica();
        let later = self.config.lacks(Mutant::RestampLater);
        let stamp = to.view.filter(|_| later).unwrap_or(sight);
        for part in Part::BOTH {
            records::restamp(self.config, &mut to, part, *tested.of(part), stamp);
        }
        let contents = Both::each(|part| tested.of(part).content);
        let old = !tested.all(|entry| entry.stamp == sight);
        self.answer(to, caller, sight, contents, Source::Memory { old })
    }

    /// Answers from the second level, with anything that was ever stored there and fits.
    fn answer_level2(&self, caller: Caller, sight: Stamp, next: &mut Vec<Next>) {
        let (config, replica, history) = (self.config, self.replica(), &self.state.history);
        for stamp in self.state.stored() {
            if Part::BOTH.iter().all(|part| records::fits(config, replica, sight, *part, stamp)) {
                let contents = history.contents(super::History::line(stamp), stamp.counter);
                let source = Source::Level2 { stamp };
                next.push(self.answer(*replica, caller, sight, contents, source));
            }
        }
    }

    /// Asks the database, in one statement, for what is missing; or, where that cannot be combined
    /// with what is in memory, for everything.
    fn fetch(&self, caller: Caller, sight: Stamp, leased: bool, hands: Both<Hand>) -> Next {
        let history = &self.state.history;
        let now = history.now();
        let fit = Both::each(|part| matches!(hands.of(part), Hand::Fit(_)));
        let mixed = self.may_mix(sight, leased, hands, now) && (fit.a || fit.b);
        let waits = self.config.form == Form::Waiting && !mixed;
        let mut contents = history.contents(history.present(), now.counter);
        let mut fresh = Both { a: true, b: true };
        for part in Part::BOTH {
            if let Hand::Fit(entry) = hands.of(part)
                && (mixed || waits)
            {
                *fresh.of_mut(part) = false;
                if mixed {
                    *contents.of_mut(part) = entry.content;
                }
            }
        }
        let mut snapshot = now;
        if mixed && self.config.form == Form::Waiting && !leased {
            (snapshot, fresh) = (sight, Both::default());
        }
        let check = Check::Fetched { caller, snapshot, contents, fresh, waits };
        (Step::Fetch { who: self.who, snapshot: now, mixed }, self.to(check))
    }

    /// Whether parts in memory may be combined with a snapshot.
    fn may_mix(&self, sight: Stamp, leased: bool, hands: Both<Hand>, snapshot: Stamp) -> bool {
        let config = self.config;
        let mutant_nonce = config.lacks(Mutant::NonceIgnored);
        let same = snapshot == sight || mutant_nonce && snapshot.counter == sight.counter;
        let unleased = config.lacks(Mutant::MixedWithoutLease);
        match config.form {
            _ if config.lacks(Mutant::MixedStamps) => leased,
            Form::Answering => same && (leased || unleased),
            // What a statement brings is combined as if it had been in memory, too.
            Form::Waiting => {
                unleased
                    && !leased
                    && Part::BOTH.iter().all(|part| {
                        matches!(hands.of(*part), Hand::Fit(_))
                            || records::fits(config, self.replica(), sight, *part, snapshot)
                    })
            }
        }
    }

    /// Answers if that is allowed, and stores what the statement brought.
    fn fetched(
        &self,
        caller: Caller,
        snapshot: Stamp,
        contents: Both<Stamp>,
        fresh: Both<bool>,
        waits: bool,
        next: &mut Vec<Next>,
    ) {
        let config = self.config;
        let mut to = *self.replica();
        let whole = fresh.all(|fresh| *fresh);
        let newer = to.view.is_none_or(|view| view.counter < snapshot.counter);
        if config.lacks(Mutant::FillMovesView) && to.view.is_some() && newer {
            records::install_blindly(&mut to, snapshot);
        }
        if config.form == Form::Answering && newer && !config.lacks(Mutant::NoAnsweredFloor) {
            to.answered = to.answered.max(snapshot.counter);
        }
        // There may be no room; then older entries stay.
        for stored in [true, false] {
            let mut to = to;
            for part in Part::BOTH {
                if stored && *fresh.of(part) {
                    let content = *contents.of(part);
                    *to.entries.of_mut(part) = Some(Entry { stamp: snapshot, content });
                }
            }
            if waits {
                let step = Step::LookAgain { who: self.who, snapshot, stored };
                next.push((step, self.with(to, Check::Idle)));
            }
            // Whatever waits may still be answered without a lease, from one statement, as that was
            // sent after the call; but not before the view has followed.
            if !waits || whole && !to.lease && !newer {
                let source = Source::Database { mixed: !whole, newer, stored };
                next.push(self.answer(to, caller, snapshot, contents, source));
            }
        }
    }

    /// Answers, and ends.
    fn answer(
        &self,
        mut to: Replica,
        caller: Caller,
        stamp: Stamp,
        contents: Both<Stamp>,
        source: Source,
    ) -> Next {
        let history = &self.state.history;
        // Revisions of a lost history are not compared with those of the present one.
        if history.stamp(history.present(), stamp.counter) == stamp {
            to.told = to.told.max(stamp.counter);
        }
        let mut after = self.with(to, Check::Idle);
        if self.config.level2 && after.history.true_at(stamp, contents) {
            after.store(stamp);
        }
        let committed = history.now();
        let answer = Answer { who: self.who, caller, stamp, contents, source, committed };
        (Step::Answer(answer), after)
    }
}
