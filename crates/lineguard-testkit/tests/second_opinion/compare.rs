//! Asks both, and reduces what they disagree about.

use std::collections::{BTreeMap, HashMap};

use lineguard_core::assemble::{Dump, fax_facts, object_facts};
use lineguard_core::decision::{Decision, Effect, MissingFacts};
use lineguard_core::engine::emergency_call;
use lineguard_core::model::{BUILT_IN, Model, built_in_vocabulary, parse};
use lineguard_core::request::Question;
use lineguard_core::row::{LinkKind, MemberBody, Object, ObjectKind};
use lineguard_core::vocabulary::{Action, Vocabulary};
use lineguard_testkit::generate::{Asked, Rng, caller_id_question, focus, model, question, world};
use lineguard_testkit::naive::{self, Answer, World};

use crate::engine::{Bug, Engine};
use crate::kinds::Kinds;
use crate::missing::give;

pub const QUESTIONS_PER_WORLD: usize = 150;
pub const CALLER_IDS_PER_WORLD: usize = 30;

/// How often which answer was given, and which kind of question asked.
#[derive(Default)]
pub struct Tally {
    pub answers: BTreeMap<&'static str, usize>,
    pub kinds: BTreeMap<&'static str, usize>,
}

pub fn built_in_models() -> Vec<Model> {
    let read = |(name, text): &(&str, &str)| {
        parse(text, built_in_vocabulary()).unwrap_or_else(|errors| panic!("{name}: {errors:?}"))
    };
    BUILT_IN.iter().map(read).collect()
}

/// Asks so many questions of worlds made from the seed on; the first difference, told.
pub fn differ(seed: u64, questions: usize, bug: Bug, tally: &mut Tally) -> Result<(), String> {
    let models = built_in_models();
    for at in 0..questions.div_ceil(QUESTIONS_PER_WORLD) {
        Round::new(seed.wrapping_add(at as u64), &models, bug).run(tally)?;
    }
    Ok(())
}

/// Asks, of a few worlds, about an emergency call of everybody in it and of nobody (rulings R38);
/// whoever is told anything but the one answer. Gives how many were asked about who are no active
/// members.
pub fn help_is_refused(seed: u64, worlds: u64) -> Result<usize, String> {
    let models = built_in_models();
    let mut barred = 0;
    for at in 0..worlds {
        barred += Round::new(seed.wrapping_add(at), &models, Bug::None).calls_for_help()?;
    }
    Ok(barred)
}

/// Gives what is missing, and looks for a question that misses something then; tells how many
/// missed something at first.
pub fn asks_again(seed: u64, questions: usize) -> (usize, Result<(), String>) {
    let models = built_in_models();
    let mut errors = 0;
    for at in 0..questions.div_ceil(QUESTIONS_PER_WORLD) {
        let mut round = Round::new(seed.wrapping_add(at as u64), &models, Bug::None);
        if let Err(told) = round.says_all_at_once(&mut errors) {
            return (errors, Err(told));
        }
    }
    (errors, Ok(()))
}

/// One world and the questions about it. Everything follows from the seed.
pub struct Round<'a> {
    pub seed: u64,
    pub rng: Rng,
    pub vocabulary: &'a Vocabulary,
    pub focus: Vec<Action>,
    pub model: Model,
    pub engine: Engine<'a>,
    pub dump: Dump,
}

impl Round<'_> {
    pub fn new(seed: u64, models: &[Model], bug: Bug) -> Self {
        Self::about(seed, models, bug, &[])
    }

    /// A world about these actions, too.
    pub fn about(seed: u64, models: &[Model], bug: Bug, actions: &[Action]) -> Self {
        let vocabulary = built_in_vocabulary();
        let mut rng = Rng::new(seed);
        let built_in = rng.pick(models).filter(|_| rng.chance(70));
        let mut focus = focus(&mut rng, vocabulary, built_in);
        focus.extend(actions);
        let model = match built_in {
            Some(model) => model.clone(),
            None => model(&mut rng, vocabulary, &focus),
        };
        let dump = world(&mut rng, &model, &focus);
        let engine = Engine::new(vocabulary, &model, bug);
        Self { seed, rng, vocabulary, focus, model, engine, dump }
    }

    pub fn question(&mut self) -> Asked {
        question(&mut self.rng, &self.dump, &self.model, self.vocabulary, &self.focus)
    }

    fn run(&mut self, tally: &mut Tally) -> Result<(), String> {
        let all: Vec<_> = (0..QUESTIONS_PER_WORLD).map(|_| self.question()).collect();
        let world = World::read(&self.dump, &self.model, self.vocabulary)?;
        same_facts(&world, &self.dump);
        let mut known = HashMap::new();
        let kinds = Kinds::new(&self.dump, &self.model, self.vocabulary);
        for asked in all {
            let (subject, account) = (&asked.subject, &asked.account);
            let authority = known
                .entry((subject.clone(), account.clone()))
                .or_insert_with(|| self.engine.authority(&self.dump, subject, account));
            let theirs = self.engine.ask(authority.as_ref(), &asked);
            let ours = naive::check(&world, subject, account, &asked.question);
            *tally.answers.entry(word(&theirs)).or_default() += 1;
            for kind in kinds.of(&asked) {
                *tally.kinds.entry(kind).or_default() += 1;
            }
            if !same(&ours, &theirs) && self.is_sound(&ours, &asked) {
                return Err(self.tell(&asked));
            }
        }
        self.caller_ids()
    }

    /// Whether a difference is due to the bug that was put in: the engine without it agrees.
    fn is_sound(&self, ours: &Answer, asked: &Asked) -> bool {
        let whole = Engine::new(self.vocabulary, &self.model, Bug::None);
        let authority = whole.authority(&self.dump, &asked.subject, &asked.account);
        self.engine.bug == Bug::None || same(ours, &whole.ask(authority.as_ref(), asked))
    }

    fn caller_ids(&mut self) -> Result<(), String> {
        if self.model.caller_id.is_none() || self.engine.bug != Bug::None {
            return Ok(());
        }
        let (dump, model) = (&self.dump, &self.model);
        let world = World::read(dump, model, self.vocabulary)?;
        for _ in 0..CALLER_IDS_PER_WORLD {
            let (subject, account, question) =
                caller_id_question(&mut self.rng, dump, model, self.vocabulary);
            let ours = naive::caller_id(&world, &subject, &account, &question);
            let theirs = self.engine.caller_id(dump, &subject, &account, &question);
            if theirs.as_ref() != Ok(&ours) {
                return Err(format!(
                    "LINEGUARD_SEED={} finds on model {} that the two differ about a caller ID\n\
                     {subject} as {account} asks {question:?}\nsecond opinion: {ours:?}\n\
                     engine: {theirs:?}\n{}\nlinks: {:?}",
                    self.seed,
                    model.name,
                    dump.objects.iter().map(line).collect::<Vec<_>>().join("\n"),
                    dump.links,
                ));
            }
        }
        Ok(())
    }

    fn calls_for_help(&mut self) -> Result<usize, String> {
        let action = self.vocabulary.action("call.emergency").expect("it is in the vocabulary");
        let asked = self.question();
        let of_kind = |kind| self.dump.objects.iter().filter(move |object| object.kind == kind);
        let ids = |kind| of_kind(kind).map(|object| object.id.clone());
        let subjects: Vec<_> = ids(ObjectKind::Subject).chain(["user:nobody".into()]).collect();
        let accounts: Vec<_> = ids(ObjectKind::Account).chain(["nowhere".into()]).collect();
        let mut barred = 0;
        for (subject, account) in
            subjects.iter().flat_map(|one| accounts.iter().map(move |account| (one, account)))
        {
            let question = Question { action, ..asked.question.clone() };
            let (subject, account) = (subject.clone(), account.clone());
            let asked = Asked { subject, account, question };
            let authority = self.engine.authority(&self.dump, &asked.subject, &asked.account);
            barred += usize::from(authority.is_none_or(|authority| authority.barred().is_some()));
            let told = self.both(&self.dump, &asked);
            if told != (Answer::Allow(Vec::new()), Ok(emergency_call())) {
                return Err(format!("{}\n{told:?}", self.tell(&asked)));
            }
        }
        Ok(barred)
    }

    fn says_all_at_once(&mut self, errors: &mut usize) -> Result<(), String> {
        for _ in 0..QUESTIONS_PER_WORLD {
            let asked = self.question();
            let authority = self.engine.authority(&self.dump, &asked.subject, &asked.account);
            let Err(missing) = self.engine.ask(authority.as_ref(), &asked) else { continue };
            *errors += 1;
            let mut again = asked.clone();
            give(&mut self.rng, self.vocabulary, &mut again.question, missing);
            if let Err(others) = self.engine.ask(authority.as_ref(), &again) {
                let seed = self.seed;
                return Err(format!(
                    "LINEGUARD_SEED={seed}: {asked:?}\nmissed {missing:?}, then {others:?}"
                ));
            }
        }
        Ok(())
    }

    pub fn sees(&self, asked: &Asked) -> bool {
        let action = self.vocabulary.def(asked.question.action);
        let Some(view) = action.and_then(|def| self.vocabulary.resource(def.resource)?.view) else {
            return true;
        };
        let question = Question { action: view, ..asked.question.clone() };
        let world = World::read(&self.dump, &self.model, self.vocabulary).expect("rows parse");
        naive::check(&world, &asked.subject, &asked.account, &question) != Answer::Deny
    }

    /// Both answers about a smaller tenant.
    fn both(&self, dump: &Dump, asked: &Asked) -> (Answer, Result<Decision, MissingFacts>) {
        let world = World::read(dump, &self.model, self.vocabulary).expect("rows parse");
        let authority = self.engine.authority(dump, &asked.subject, &asked.account);
        let ours = naive::check(&world, &asked.subject, &asked.account, &asked.question);
        (ours, self.engine.ask(authority.as_ref(), asked))
    }

    fn differs(&self, dump: &Dump, asked: &Asked) -> bool {
        let (ours, theirs) = self.both(dump, asked);
        !same(&ours, &theirs)
    }

    pub fn tell(&self, asked: &Asked) -> String {
        let dump = self.reduce(asked);
        let (ours, theirs) = self.both(&dump, asked);
        let action = self.vocabulary.def(asked.question.action);
        let objects: Vec<_> = dump.objects.iter().map(line).collect();
        let view = action.and_then(|def| self.vocabulary.resource(def.resource)?.view);
        let actions = [Some(asked.question.action), action.and_then(|def| def.sees), view];
        let concerned =
            actions.into_iter().flatten().flat_map(|action| self.model.permissions_for(action));
        let concerned = concerned.filter_map(|ix| self.model.permission_at(*ix));
        let concerned: Vec<_> = concerned.map(|one| format!("{one:?}")).collect();
        format!(
            "LINEGUARD_SEED={} finds on model {} that the two differ\n{} as {} asks {action:?}\n\
             {:?}\nsecond opinion: {ours:?}\nengine: {theirs:?}\n{}\nlinks: {:?}\n\
             permissions:\n{}",
            self.seed,
            self.model.name,
            asked.subject,
            asked.account,
            asked.question,
            objects.join("\n"),
            dump.links,
            concerned.join("\n"),
        )
    }

    /// Takes away what the difference does not need.
    fn reduce(&self, asked: &Asked) -> Dump {
        let mut dump = self.dump.clone();
        dump.faxes.clear();
        for at in (0..dump.links.len()).rev() {
            let mut less = dump.clone();
            less.links.remove(at);
            self.keep(&mut dump, less, asked);
        }
        for at in (0..dump.objects.len()).rev() {
            let mut less = dump.clone();
            let gone = less.objects.remove(at);
            let used = less.links.iter().any(|link| link.a == gone.num || link.b == gone.num);
            let keeps = matches!(gone.kind, ObjectKind::Account | ObjectKind::Subject);
            if !used && !keeps && gone.kind != ObjectKind::Role {
                self.keep(&mut dump, less, asked);
            }
        }
        for at in 0..dump.objects.len() {
            for part in 0..PARTS_OF_A_MEMBER {
                let mut less = dump.clone();
                if without(&mut less.objects[at], part) {
                    self.keep(&mut dump, less, asked);
                }
            }
        }
        dump
    }

    fn keep(&self, dump: &mut Dump, less: Dump, asked: &Asked) {
        if self.differs(&less, asked) {
            *dump = less;
        }
    }
}

const PARTS_OF_A_MEMBER: usize = 4;

/// Clears one part of a member; false for other objects.
fn without(object: &mut Object, part: usize) -> bool {
    if object.kind != ObjectKind::Member {
        return false;
    }
    let mut body: MemberBody = serde_json::from_str(&object.body).expect("a member's body");
    match part {
        0 => body.switches.clear(),
        1 => body.visibility = None,
        2 => body.roles.clear(),
        _ => body.overrides.clear(),
    }
    object.body = serde_json::to_string(&body).expect("a body is JSON");
    true
}

fn line(object: &Object) -> String {
    let Object { num, kind, id, account, body, .. } = object;
    format!("{} {} {id} in {:?}: {body}", num.0, kind.as_str(), account.map(|one| one.0))
}

fn same(ours: &Answer, theirs: &Result<Decision, MissingFacts>) -> bool {
    match (ours, theirs) {
        (Answer::Missing(facts), Err(missing)) => {
            missing.iter().all(|one| facts.contains(&one))
                && facts.iter().all(|one| missing.iter().any(|other| other == *one))
        }
        (Answer::Deny, Ok(decision)) => decision.effect == Effect::Deny,
        (Answer::Allow(obligations), Ok(decision)) => {
            decision.effect == Effect::Allow
                && decision.obligations.iter().eq(obligations.iter().copied())
        }
        _ => false,
    }
}

fn word(answer: &Result<Decision, MissingFacts>) -> &'static str {
    match answer {
        Err(_) => "(missing fact)",
        Ok(decision) => match decision.reason.as_str() {
            "GRANTED" if decision.obligations.iter().next().is_some() => "GRANTED, obligation",
            other => Box::leak(other.to_owned().into_boxed_str()),
        },
    }
}

/// The facts of what is stored are the same in both.
fn same_facts(world: &World<'_>, dump: &Dump) {
    for fax in &dump.faxes {
        assert_eq!(naive::fax_facts(fax), fax_facts(fax));
    }
    for object in &dump.objects {
        let mut boxes = dump
            .links
            .iter()
            .filter(|link| link.kind == LinkKind::NumberFaxbox && link.a == object.num);
        let subject =
            dump.objects.iter().find(|one| one.kind == ObjectKind::Subject && one.id == object.id);
        let faxbox = boxes.next().map(|link| link.b);
        let theirs = object_facts(object, faxbox, subject.map(|one| one.num));
        if object.account.is_some() || object.kind == ObjectKind::Account {
            assert_eq!(world.object_facts(object), theirs, "{}", line(object));
        }
    }
}
