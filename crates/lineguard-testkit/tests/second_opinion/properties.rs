//! What must hold of every answer, whatever the second evaluator thinks of it.

use std::collections::BTreeMap;

use lineguard_core::change::AttachmentSource;
use lineguard_core::decision::{Decision, Effect, MissingFacts, Reason};
use lineguard_core::engine::Authority;
use lineguard_core::facts::{Fact, ResourceFacts};
use lineguard_core::id::Num;
use lineguard_core::model::built_in_vocabulary;
use lineguard_core::request::{CallerIdQuestion, Presentation, Question};
use lineguard_core::row::{LinkKind, NumberBody, ObjectKind};
use lineguard_core::vocabulary::{Action, ActionDef, Outgoing, SendChannel};
use lineguard_testkit::generate::{Asked, caller_id_question, number_facts};
use lineguard_testkit::naive::CallerIdAnswer;

use crate::compare::{CALLER_IDS_PER_WORLD, QUESTIONS_PER_WORLD, Round, built_in_models};
use crate::engine::Bug;
use crate::rows::path;

/// How often a property was put to the proof, by what was asked.
pub type Proofs = BTreeMap<Box<str>, usize>;

type Property = fn(&mut Round<'_>, &mut Proofs) -> Result<(), String>;

/// Holds a property in worlds made from the seed on, which are about these actions, too.
pub fn holds(
    property: Property,
    seed: u64,
    questions: usize,
    about: &[Action],
) -> Result<Proofs, String> {
    let models = built_in_models();
    let mut proofs = Proofs::new();
    for at in 0..questions.div_ceil(QUESTIONS_PER_WORLD) {
        let seed = seed.wrapping_add(at as u64);
        property(&mut Round::about(seed, &models, Bug::None, about), &mut proofs)?;
    }
    Ok(proofs)
}

/// The actions of the vocabulary that something is true of.
pub fn actions(which: impl Fn(&ActionDef) -> bool) -> Vec<Action> {
    let all = built_in_vocabulary().actions();
    all.filter(|(_, def)| which(def)).map(|(action, _)| action).collect()
}

fn authority(round: &Round<'_>, asked: &Asked) -> Option<Authority> {
    round.engine.authority(&round.dump, &asked.subject, &asked.account)
}

fn allows(answer: &Result<Decision, MissingFacts>) -> bool {
    answer.as_ref().is_ok_and(|decision| decision.effect == Effect::Allow)
}

fn account(round: &Round<'_>, id: &str) -> Option<Num> {
    let mut all = round.dump.objects.iter();
    all.find(|one| one.kind == ObjectKind::Account && one.id == id).map(|one| one.num)
}

fn def<'a>(round: &Round<'a>, action: Action) -> &'a ActionDef {
    round.vocabulary.def(action).expect("an action of this vocabulary")
}

fn describes_what_goes_out<'q>(def: &ActionDef, question: &'q Question) -> &'q ResourceFacts {
    match (def.outgoing, &question.target) {
        (Outgoing::Target, Some(target)) => target,
        _ => &question.resource,
    }
}

/// Whether a number can be used for what goes out, by its row.
fn is_usable(round: &Round<'_>, number: Num, channel: SendChannel, side: &ResourceFacts) -> bool {
    let all = &round.dump.objects;
    let row = all.iter().find(|one| one.kind == ObjectKind::Number && one.num == number);
    let (Some(row), Fact::Known(account)) = (row, &side.account) else { return false };
    let body: NumberBody = serde_json::from_str(&row.body).expect("a number's body");
    let able = match channel {
        SendChannel::Call => body.voice,
        SendChannel::Fax => body.fax,
        SendChannel::Message => body.message,
    };
    let path = path(&round.dump, *account);
    let served = if round.model.tree.numbers_flow_down { &path[..] } else { &path[..1] };
    let routed = !round.model.outgoing.by_faxbox
        || channel != SendChannel::Fax
        || boxes_of(round, number).iter().any(|one| side.faxbox == Fact::Known(*one));
    body.active && able && served.iter().any(|one| row.account == Some(*one)) && routed
}

fn boxes_of(round: &Round<'_>, number: Num) -> Vec<Num> {
    let links = round.dump.links.iter();
    let links = links.filter(|link| link.kind == LinkKind::NumberFaxbox && link.a == number);
    links.map(|link| link.b).collect()
}

/// What is allowed to go out with a number goes out with one that can be used there, and that the
/// person could present where the model says so.
pub fn sends_with_usable_numbers(round: &mut Round<'_>, proofs: &mut Proofs) -> Result<(), String> {
    for _ in 0..QUESTIONS_PER_WORLD {
        let asked = round.question();
        let def = def(round, asked.question.action);
        let side = describes_what_goes_out(def, &asked.question);
        let (Some(channel), Fact::Known(number)) = (def.sends, side.number.clone()) else {
            continue;
        };
        if !allows(&round.engine.ask(authority(round, &asked).as_ref(), &asked)) {
            continue;
        }
        *proofs.entry(def.name.clone()).or_default() += 1;
        if !is_usable(round, number, channel, side) {
            return Err(format!("number {} is not usable\n{}", number.0, round.tell(&asked)));
        }
        if round.model.outgoing.held.contains(&asked.question.action) {
            *proofs.entry("held".into()).or_default() += 1;
            let context = asked.question.context;
            let wanted =
                CallerIdQuestion { channel, requested: Presentation::Number(number), context };
            let Asked { subject, account, .. } = &asked;
            let given = round.engine.caller_id(&round.dump, subject, account, &wanted);
            if given != Ok(CallerIdAnswer::Number(number)) {
                return Err(format!("{given:?} for {number:?}\n{}", round.tell(&asked)));
            }
        }
    }
    Ok(())
}

/// A number that may be presented is not refused to what is new and goes out with it.
pub fn what_may_be_presented_may_go_out(
    round: &mut Round<'_>,
    proofs: &mut Proofs,
) -> Result<(), String> {
    if round.model.caller_id.is_none() {
        return Ok(());
    }
    for _ in 0..CALLER_IDS_PER_WORLD {
        let (subject, name, wanted) =
            caller_id_question(&mut round.rng, &round.dump, &round.model, round.vocabulary);
        let given = round.engine.caller_id(&round.dump, &subject, &name, &wanted);
        let (Ok(CallerIdAnswer::Number(number)), Some(acting)) = (given, account(round, &name))
        else {
            continue;
        };
        for action in actions(|def| def.sends == Some(wanted.channel)) {
            let def = def(round, action);
            for question in new_things(round, def, action, acting, number, &wanted) {
                let (subject, account) = (subject.clone(), name.clone());
                let asked = Asked { subject, account, question };
                let answer = round.engine.ask(authority(round, &asked).as_ref(), &asked);
                if allows(&answer) {
                    *proofs.entry(def.name.clone()).or_default() += 1;
                }
                let refused = [Reason::NumberNotUsable, Reason::NumberNotHeld, Reason::Restricted];
                if answer.is_ok_and(|decision| refused.contains(&decision.reason)) {
                    return Err(format!("{number:?} may be presented\n{}", round.tell(&asked)));
                }
            }
        }
    }
    Ok(())
}

/// Something new of an account, without anything attached: one in each faxbox of the number where
/// numbers belong to faxboxes.
fn new_things(
    round: &Round<'_>,
    def: &ActionDef,
    action: Action,
    acting: Num,
    number: Num,
    wanted: &CallerIdQuestion,
) -> Vec<Question> {
    let mut boxes = vec![Fact::Absent];
    if round.model.outgoing.by_faxbox && wanted.channel == SendChannel::Fax {
        boxes = boxes_of(round, number).into_iter().map(Fact::Known).collect();
    }
    let here = ResourceFacts { account: Fact::Known(acting), ..ResourceFacts::nowhere() };
    let question = |faxbox| {
        let new = ResourceFacts { number: Fact::Known(number), faxbox, ..here.clone() };
        let to_target = def.outgoing == Outgoing::Target;
        Question {
            action,
            names_stored_resource: false,
            resource: if to_target { here.clone() } else { new.clone() },
            target: to_target.then_some(new),
            sent_from: number_facts(&round.dump, number),
            conferred: None,
            context: wanted.context,
        }
    };
    boxes.into_iter().map(question).collect()
}

/// What is allowed is allowed no more when one of its sides lies where the person's account reaches
/// nothing, whatever numbers that account has.
pub fn both_sides_are_asked(round: &mut Round<'_>, proofs: &mut Proofs) -> Result<(), String> {
    for _ in 0..QUESTIONS_PER_WORLD {
        let asked = round.question();
        let def = def(round, asked.question.action);
        let (true, Some(_), Some(acting)) =
            (def.two_sided(), &asked.question.target, account(round, &asked.account))
        else {
            continue;
        };
        let authority = authority(round, &asked);
        if !allows(&round.engine.ask(authority.as_ref(), &asked)) {
            continue;
        }
        *proofs.entry(def.name.clone()).or_default() += 1;
        for moved in elsewhere(round, &asked, acting) {
            if allows(&round.engine.ask(authority.as_ref(), &moved)) {
                return Err(format!("allowed on one side only\n{}", round.tell(&moved)));
            }
        }
    }
    Ok(())
}

/// The question with one side in an account that lies neither here nor below, with the number that
/// it had and with each that is set up there.
fn elsewhere(round: &Round<'_>, asked: &Asked, acting: Num) -> Vec<Asked> {
    let all = round.dump.objects.iter();
    let accounts = all.filter(|one| one.kind == ObjectKind::Account).map(|one| one.num);
    let foreign = accounts.filter(|one| !path(&round.dump, *one).contains(&acting));
    let mut moved = Vec::new();
    for foreign in foreign.chain([Num::UNKNOWN]) {
        let mut source = asked.clone();
        source.question.resource.account = Fact::Known(foreign);
        moved.push(source);
        let numbers = round
            .dump
            .objects
            .iter()
            .filter(|one| one.kind == ObjectKind::Number && one.account == Some(foreign));
        for number in numbers.map(|one| Some(one.num)).chain([None]) {
            let mut other = asked.clone();
            if let Some(target) = &mut other.question.target {
                target.account = Fact::Known(foreign);
                if let Some(number) = number {
                    target.number = Fact::Known(number);
                    other.question.sent_from = number_facts(&round.dump, number);
                }
            }
            moved.push(other);
        }
    }
    moved
}

/// What may not be seen gets, where its type says so, the decision for what does not exist, allows
/// among them; of other types no refusal tells it apart.
pub fn the_unseen_is_as_nothing(round: &mut Round<'_>, proofs: &mut Proofs) -> Result<(), String> {
    for _ in 0..QUESTIONS_PER_WORLD {
        let asked = round.question();
        if !asked.question.names_stored_resource || round.sees(&asked) {
            continue;
        }
        let def = def(round, asked.question.action);
        let seen_first = round.vocabulary.resource(def.resource).is_some_and(|one| one.seen_first);
        let authority = authority(round, &asked);
        let mut same_type = actions(|other| other.resource == def.resource);
        same_type.retain(|_| seen_first && round.rng.chance(15));
        for action in same_type.into_iter().chain([asked.question.action]) {
            let mut told = asked.clone();
            told.question.action = action;
            told.question.resource.sources = match round.rng.below(3) {
                0 => Fact::Missing,
                1 => Fact::Absent,
                _ => Fact::Known(Box::from([AttachmentSource::Cloud.num()])),
            };
            let mut nothing = told.clone();
            nothing.question.resource = ResourceFacts::nowhere();
            let of_it = round.engine.ask(authority.as_ref(), &told);
            let of_nothing = round.engine.ask(authority.as_ref(), &nothing);
            let word = if seen_first { "seen first" } else { "other types" };
            *proofs.entry(word.into()).or_default() += 1;
            if of_it != of_nothing && (seen_first || !allows(&of_it)) {
                let told = round.tell(&told);
                return Err(format!("{told}\nfor what does not exist: {of_nothing:?}"));
            }
        }
    }
    Ok(())
}
