//! A judge that finds nothing is no judge.

use super::*;

/// Everything that is expected is known already.
struct Nowhere;

impl Ground for Nowhere {
    async fn open(&mut self) -> Result<SqlStore> {
        Err(Failure("nothing is to be found out".into()))
    }

    async fn look(&mut self) -> Result<String> {
        Err(Failure("nothing is to be found out".into()))
    }

    fn forgotten(&self) -> &[&str] {
        &["replica|"]
    }
}

const BEFORE: &str = "a\nreplica|1";
const AFTER: &str = "b\nc\nreplica|1";

fn expected() -> Expected {
    let (done, refused) = (Answer::Done(Some(2)), Answer::Refused("no".into()));
    let of = |writes: &[Write], answer: &Answer, left: &str| {
        (writes.to_vec(), (Some(answer.clone()), left.to_owned()))
    };
    Expected(HashMap::from([
        of(&[], &done, BEFORE),
        of(&[Write::Suspend], &done, AFTER),
        of(&[Write::Suspend, Write::Suspend], &done, AFTER),
        of(&[Write::Refused], &refused, BEFORE),
        of(&[Write::Suspend, Write::Refused], &refused, AFTER),
    ]))
}

fn step(write: Write, answer: Answer, seen: &str) -> Step {
    Step { write, answer, seen: seen.to_owned(), well: false }
}

fn judged(steps: Vec<Step>, found: Option<&str>) -> (Option<Outcome>, Vec<String>) {
    let look = |seen: &str| Look {
        after: "the end",
        seen: Ok(seen.to_owned()),
        broken: Vec::new(),
        last: None,
    };
    let played = Played { steps, looks: found.map(look).into_iter().collect() };
    lineguard_testkit::block_on(judge(&played, &mut expected(), &mut Nowhere)).unwrap()
}

fn unknown() -> Answer {
    Answer::Unknown("the disk is full".into())
}

#[test]
fn what_may_be_is_no_violation() {
    let done = || Answer::Done(Some(2));
    for (steps, found, outcome) in [
        (vec![step(Write::Suspend, done(), AFTER)], "b\nc", Outcome::Acknowledged),
        (vec![step(Write::Suspend, unknown(), AFTER)], "b\nc", Outcome::UnknownThere),
        (vec![step(Write::Suspend, unknown(), BEFORE)], "a", Outcome::UnknownGone),
        // It was on its way.
        (vec![step(Write::Suspend, unknown(), BEFORE)], "b\nc", Outcome::UnknownGone),
    ] {
        assert_eq!(judged(steps, Some(found)), (Some(outcome), Vec::new()));
    }
}

#[test]
fn each_thing_that_must_not_be_is_found() {
    let suspend = |answer: Answer, seen: &str| step(Write::Suspend, answer, seen);
    let (done, refused) = (Answer::Done(Some(2)), Answer::Refused("no".into()));
    let well = Step { well: true, ..suspend(unknown(), BEFORE) };
    for (steps, found, part) in [
        (vec![suspend(done.clone(), BEFORE)], None, "not there"),
        (vec![suspend(done.clone(), "b")], None, "not there"),
        (vec![suspend(Answer::Done(Some(1)), AFTER)], None, "should be"),
        (vec![suspend(unknown(), "b")], None, "a part of it"),
        (vec![suspend(refused.clone(), BEFORE)], None, "should be"),
        (vec![suspend(Answer::Wrong("row".into()), BEFORE)], None, "no answer of an outage"),
        (vec![step(Write::Refused, refused, AFTER)], None, "something of it"),
        (vec![step(Write::Refused, done.clone(), BEFORE)], None, "should be"),
        (vec![well], None, "nothing is wrong any more"),
        (vec![suspend(done.clone(), AFTER)], Some("a"), "not what was acknowledged"),
        (vec![suspend(unknown(), AFTER)], Some("a"), "not what was acknowledged"),
        // What an acknowledged write follows cannot come to light later.
        (
            vec![suspend(unknown(), BEFORE), suspend(done, AFTER)],
            Some("a"),
            "not what was acknowledged",
        ),
    ] {
        let shown = format!("{steps:?}");
        let (_, violations) = judged(steps, found);
        assert!(violations.iter().any(|text| text.contains(part)), "{violations:?} of {shown}");
    }
}
