//! Histories that are right, and one for everything that can be wrong with them.

use std::time::Duration;

use super::{Limits, Rule, check};
use crate::clock::Nanos;
use crate::history::{
    Answer, Attempt, Disturbance, History, Kind, Place, Refusal, Refused, Register, Write,
};
use crate::random::Random;

const LIMITS: Limits = Limits {
    recovery: Duration::from_nanos(50),
    following: Duration::from_nanos(20),
    acknowledgement: Duration::from_nanos(30),
};

/// Two registers of tenant 0 and one of tenant 1.
fn empty() -> History {
    let register = |tenant, name: &str| Register { tenant, name: name.into() };
    let registers = vec![register(0, "a"), register(0, "b"), register(1, "c")];
    History { registers, ..History::default() }
}

fn write(register: u32, value: bool, call: Nanos, ack: Nanos, revision: u64) -> Write {
    Write { register, value, call, ack: Some(ack), revision }
}

fn answer(register: u32, call: Nanos, reply: Nanos, value: bool, revision: u64) -> Answer {
    let (place, life, value) = (Place::Server(0), Some(1), Some(value));
    Answer { register, kind: Kind::Check, place, life, call, reply, value, revision, at_least: 0 }
}

/// `a` goes on at revision 1, off at 3; `b` goes on at 2.
fn flips() -> History {
    let writes = vec![
        write(0, true, 10, 20, 1),
        write(1, true, 30, 40, 2),
        write(0, false, 50, 60, 3),
        write(2, true, 5, 6, 1),
    ];
    History { writes, ..empty() }
}

fn rules(history: &History) -> Vec<Rule> {
    let mut rules: Vec<Rule> =
        check(history, &LIMITS).into_iter().map(|violation| violation.rule).collect();
    rules.sort_unstable();
    rules.dedup();
    rules
}

fn of(answer: Answer) -> Vec<Rule> {
    rules(&History { answers: vec![answer], ..flips() })
}

#[test]
fn what_may_be_so_is_no_violation() {
    for right in [
        answer(0, 21, 25, true, 1),
        // While the next write is on its way, both values are right, each at its revision.
        answer(0, 45, 55, true, 2),
        answer(0, 45, 55, false, 3),
        answer(0, 52, 53, false, 3),
        answer(0, 61, 62, false, 3),
        // Asked before the acknowledgement, answered long after it.
        answer(0, 45, 90, true, 2),
        // Before anything is acknowledged, nothing is known.
        answer(1, 7, 15, true, 1),
    ] {
        assert_eq!(of(right.clone()), [], "{right}");
    }
}

#[test]
fn an_answer_older_than_an_acknowledged_write_is_found() {
    assert_eq!(of(answer(0, 61, 70, true, 2)), [Rule::Reflects, Rule::Acknowledged]);
    // Even if it lies about its revision, and even if only the revision is old.
    assert_eq!(of(answer(0, 61, 70, true, 3)), [Rule::Reflects, Rule::OneRevision]);
    assert_eq!(of(answer(1, 61, 70, true, 2)), [Rule::Acknowledged]);
    // Another tenant has revisions of its own.
    assert_eq!(of(answer(2, 61, 70, true, 1)), []);
}

#[test]
fn an_answer_of_two_revisions_is_found() {
    assert_eq!(of(answer(0, 45, 55, true, 3)), [Rule::OneRevision]);
    assert_eq!(of(answer(0, 45, 55, false, 2)), [Rule::OneRevision]);
    let torn = Answer { value: None, ..answer(0, 45, 55, true, 2) };
    assert_eq!(of(torn), [Rule::Reflects, Rule::OneRevision]);
}

#[test]
fn an_answer_from_the_future_is_found() {
    assert_eq!(of(answer(0, 22, 25, true, 2)), [Rule::Future]);
    assert_eq!(of(answer(0, 61, 62, false, 4)), [Rule::Future]);
    let mut never = flips();
    never.writes.push(Write { ack: None, revision: 0, ..write(1, false, 70, 0, 0) });
    // A write that nobody acknowledged may have made the revision, but not before it was called.
    never.answers = vec![answer(0, 71, 72, false, 4), answer(1, 71, 72, false, 4)];
    never.answers.push(answer(1, 71, 72, true, 3));
    assert_eq!(rules(&never), []);
    never.answers = vec![answer(0, 61, 62, false, 4)];
    assert_eq!(rules(&never), [Rule::Future]);
}

#[test]
fn an_answer_older_than_its_token_is_found() {
    let asked = |at_least| Answer { at_least, ..answer(0, 45, 55, true, 2) };
    assert_eq!(of(asked(2)), []);
    assert_eq!(of(asked(3)), [Rule::Token]);
}

#[test]
fn a_process_that_goes_back_is_found() {
    let first = answer(0, 45, 52, false, 3);
    let back = answer(0, 53, 55, true, 2);
    let both = |second: Answer| rules(&History { answers: vec![second, first.clone()], ..flips() });
    assert_eq!(both(back.clone()), [Rule::Backwards]);
    // Overlapping, on another server, after a restart, or not known where.
    assert_eq!(both(Answer { call: 51, ..back.clone() }), []);
    assert_eq!(both(Answer { place: Place::Server(1), ..back.clone() }), []);
    assert_eq!(both(Answer { life: Some(2), ..back.clone() }), []);
    assert_eq!(both(Answer { life: None, ..back }), []);
}

#[test]
fn writes_out_of_order_are_found() {
    let mut same = flips();
    same.writes.push(write(1, false, 70, 80, 3));
    assert_eq!(rules(&same), [Rule::Order]);
    let mut lower = flips();
    lower.writes = vec![write(0, true, 10, 20, 5), write(1, true, 30, 40, 4)];
    assert_eq!(rules(&lower), [Rule::Order]);
    let mut at_once = flips();
    at_once.writes.push(write(0, true, 55, 80, 4));
    assert_eq!(rules(&at_once), [Rule::Order]);
}

#[test]
fn errors_need_a_cause_and_end_with_it() {
    let outage = Disturbance {
        what: "pause",
        from: 100,
        until: 200,
        place: Some(Place::Server(0)),
        cuts_off: true,
        effect: 1,
    };
    let unavailable = Refused::Status("UNAVAILABLE", String::new());
    let denied = Refused::Status("PERMISSION_DENIED", String::new());
    let at = |server, call, end, why: &Refused, outage: &Disturbance| {
        let place = Place::Server(server);
        let refusal = Refusal { kind: Kind::Check, place, call, end, why: why.clone() };
        let (refusals, disturbances) = (vec![refusal], vec![outage.clone()]);
        rules(&History { refusals, disturbances, ..flips() })
    };
    assert_eq!(at(0, 120, 130, &unavailable, &outage), []);
    assert_eq!(at(0, 90, 101, &Refused::Silence, &outage), []);
    assert_eq!(at(0, 249, 260, &Refused::Transport, &outage), []);
    assert_eq!(at(0, 251, 260, &unavailable, &outage), [Rule::Refused]);
    assert_eq!(at(0, 10, 20, &unavailable, &outage), [Rule::Refused]);
    // Another server has no excuse, and what does not cut off from the database is none.
    assert_eq!(at(1, 120, 130, &unavailable, &outage), [Rule::Refused]);
    let redis = Disturbance { cuts_off: false, ..outage.clone() };
    assert_eq!(at(0, 120, 130, &unavailable, &redis), [Rule::Refused]);
    let all = Disturbance { place: None, ..outage.clone() };
    assert_eq!(at(1, 120, 130, &unavailable, &all), []);
    // An outage excuses only the codes of an outage.
    assert_eq!(at(0, 120, 130, &denied, &outage), [Rule::Refused]);
}

#[test]
fn an_acknowledgement_comes_in_time() {
    let took = |call, end, cuts_off| {
        let attempts =
            vec![Attempt { register: 0, place: Place::Server(0), call, end, refused: None }];
        let (what, from, until, place) = ("", 200, 300, Some(Place::Server(1)));
        let disturbances = vec![Disturbance { what, from, until, place, cuts_off, effect: 1 }];
        rules(&History { attempts, disturbances, ..flips() })
    };
    assert_eq!(took(100, 130, true), []);
    assert_eq!(took(100, 131, true), [Rule::Late]);
    // Another server may hold the tenant's lock; Redis holds none.
    assert_eq!(took(210, 290, true), []);
    assert_eq!(took(210, 290, false), [Rule::Late]);
}

/// What was wrong with one place, from 200 to 300.
fn wrong(place: Place) -> Vec<Disturbance> {
    let (what, from, until, place) = ("", 200, 300, Some(place));
    vec![Disturbance { what, from, until, place, cuts_off: true, effect: 1 }]
}

fn sidecar(at: u8) -> Place {
    Place::Sidecar { at, parent: at }
}

#[test]
fn a_sidecar_is_excused_by_its_parent_and_excuses_nobody_else() {
    let at = |place, end, disturbed| {
        let why = Refused::Status("UNAVAILABLE", String::new());
        let refusals = vec![Refusal { kind: Kind::Check, place, call: end - 10, end, why }];
        rules(&History { refusals, disturbances: wrong(disturbed), ..flips() })
    };
    let server = Place::Server;
    assert_eq!(at(sidecar(1), 250, sidecar(1)), []);
    assert_eq!(at(sidecar(1), 250, server(1)), []);
    assert_eq!(at(sidecar(1), 250, server(0)), [Rule::Refused]);
    assert_eq!(at(Place::Sidecar { at: 1, parent: 0 }, 250, server(0)), []);
    assert_eq!(at(sidecar(1), 250, sidecar(0)), [Rule::Refused]);
    assert_eq!(at(server(1), 250, sidecar(1)), [Rule::Refused]);
    // When its parent is well again, it has yet to follow it.
    assert_eq!(at(server(1), 361, server(1)), [Rule::Refused]);
    assert_eq!(at(sidecar(1), 380, server(1)), []);
    assert_eq!(at(sidecar(1), 381, server(1)), [Rule::Refused]);
}

#[test]
fn a_write_waits_for_a_sidecar_no_longer_than_for_a_server() {
    let took = |place, call, end, disturbed| {
        let attempts = vec![Attempt { register: 0, place, call, end, refused: None }];
        rules(&History { attempts, disturbances: wrong(disturbed), ..flips() })
    };
    let server = Place::Server;
    assert_eq!(took(server(0), 210, 290, sidecar(0)), [Rule::Late]);
    assert_eq!(took(sidecar(1), 210, 290, sidecar(0)), [Rule::Late]);
    // It may be held up on its way through the sidecar itself, or by a server that holds a lock.
    assert_eq!(took(sidecar(0), 210, 290, sidecar(0)), []);
    assert_eq!(took(sidecar(0), 210, 290, server(1)), []);
}

#[test]
fn a_sidecar_goes_back_only_in_what_it_answers_itself() {
    let of_sidecar = |answer| Answer { place: sidecar(0), ..answer };
    let first = of_sidecar(answer(0, 45, 52, false, 3));
    let back = of_sidecar(answer(0, 53, 55, true, 2));
    let both = |first: &Answer, second: Answer| {
        rules(&History { answers: vec![second, first.clone()], ..flips() })
    };
    assert_eq!(both(&first, back.clone()), [Rule::Backwards]);
    assert_eq!(both(&Answer { kind: Kind::List, ..first.clone() }, back.clone()), []);
    assert_eq!(both(&Answer { at_least: 1, ..first }, back.clone()), []);
    // A server passes nothing on.
    let list = Answer { kind: Kind::List, ..answer(0, 45, 52, false, 3) };
    assert_eq!(both(&list, Answer { place: Place::Server(0), ..back }), [Rule::Backwards]);
}

#[test]
fn a_stale_answer_of_a_sidecar_is_found() {
    let stale = |place| of(Answer { place, ..answer(0, 61, 70, true, 2) });
    assert_eq!(stale(sidecar(0)), [Rule::Reflects, Rule::Acknowledged]);
    assert_eq!(stale(sidecar(0)), stale(Place::Server(0)));
}

/// A store that is perfect, asked in random order: nothing is found. The same with one answer that
/// is older than an acknowledged write of its register: it is found.
#[test]
fn one_stale_answer_among_thousands_is_found() {
    for seed in 0..20 {
        let mut random = Random::new(seed, 0);
        let mut history = empty();
        history.registers.truncate(2);
        let mut now = 10;
        let mut values = [false, false];
        let mut revision = 0;
        for register in 0..2 {
            revision += 1;
            history.writes.push(write(register, false, now, now + 1, revision));
            now += 2;
        }
        for _ in 0..5_000 {
            let register = random.below(2);
            if random.percent(10) {
                revision += 1;
                values[register] = !values[register];
                let (value, ack) = (values[register], now + 3);
                history.writes.push(write(register as u32, value, now, ack, revision));
                now += 5;
            } else {
                let value = values[register];
                let reply = now + 1 + random.below(20) as u64;
                history.answers.push(answer(register as u32, now, reply, value, revision));
                now += 1;
            }
        }
        assert_eq!(rules(&history), [], "seed {seed}");

        let last = history.writes.iter().rfind(|write| write.register == 0).unwrap().clone();
        let stale = answer(0, now, now + 1, !last.value, last.revision - 1);
        let at = random.below(history.answers.len());
        history.answers.insert(at, Answer { life: None, ..stale });
        let found = rules(&history);
        assert!(found.contains(&Rule::Reflects), "seed {seed}: {found:?}");
        assert!(found.contains(&Rule::Acknowledged), "seed {seed}: {found:?}");
    }
}
