//! The engine, whole or deliberately broken at its edges.

use lineguard_core::assemble::{Dump, member_facts};
use lineguard_core::decision::{Decision, Effect, MissingFacts, Obligations, Reason};
use lineguard_core::engine::caller_id::{Candidates, Outcome, resolve};
use lineguard_core::engine::{Authority, compile, decide};
use lineguard_core::facts::{
    Capabilities, Fact, MemberFacts, NumberFacts, Override, ResourceFacts,
};
use lineguard_core::model::reach::{Clause, Qualifiers};
use lineguard_core::model::{Model, PermissionKind};
use lineguard_core::request::{CallerIdQuestion, Question};
use lineguard_core::row::{NumberBody, Object, ObjectKind};
use lineguard_core::vocabulary::Vocabulary;
use lineguard_testkit::generate::Asked;
use lineguard_testkit::naive::CallerIdAnswer;

use crate::rows::member_rows;

/// A bug that somebody might write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    None,
    OffOverridesIgnored,
    SealsIgnored,
    ExceptionsIgnored,
    MissingTakenForAbsent,
    ObligationsForgotten,
}

pub struct Engine<'a> {
    pub vocabulary: &'a Vocabulary,
    pub model: Model,
    pub bug: Bug,
}

impl<'a> Engine<'a> {
    pub fn new(vocabulary: &'a Vocabulary, model: &Model, bug: Bug) -> Self {
        let mut model = model.clone();
        if bug == Bug::ExceptionsIgnored {
            drop_exceptions(&mut model);
        }
        Self { vocabulary, model, bug }
    }

    /// What the engine knows of a person; none if the account does not exist.
    pub fn authority(&self, dump: &Dump, subject: &str, account: &str) -> Option<Authority> {
        let rows = member_rows(dump, subject, account)?;
        let facts = member_facts(&rows).expect("generated rows parse");
        let mut facts = facts.expect("the path begins with the account");
        self.spoil(&mut facts);
        Some(compile(&self.model, self.vocabulary, &facts).expect("generated keys are known"))
    }

    pub fn ask(
        &self,
        authority: Option<&Authority>,
        asked: &Asked,
    ) -> Result<Decision, MissingFacts> {
        let Some(authority) = authority else {
            return Ok(stranger());
        };
        let mut question = asked.question.clone();
        if self.bug == Bug::MissingTakenForAbsent {
            forget_what_is_missing(&mut question);
        }
        let mut decision = decide(&self.model, self.vocabulary, authority, &question)?;
        if self.bug == Bug::ObligationsForgotten {
            decision.obligations = Obligations::NONE;
        }
        Ok(decision)
    }

    pub fn caller_id(
        &self,
        dump: &Dump,
        subject: &str,
        account: &str,
        question: &CallerIdQuestion,
    ) -> CallerIdAnswer {
        let Some(authority) = self.authority(dump, subject, account) else {
            return CallerIdAnswer::Denied;
        };
        let numbers = dump.objects.iter().filter(|one| one.kind == ObjectKind::Number);
        let numbers: Vec<_> = numbers.map(number_facts).collect();
        let candidates = Candidates { numbers: &numbers, complete: true };
        let answer = resolve(&self.model, self.vocabulary, &authority, question, candidates);
        match answer.map(|answer| (answer.outcome, answer.selectable)) {
            Ok((Outcome::Number(number, _), _)) => CallerIdAnswer::Number(number),
            Ok((Outcome::Anonymous, _)) => CallerIdAnswer::Anonymous,
            Ok((Outcome::None(_), selectable)) => CallerIdAnswer::None(selectable),
            Ok((Outcome::Denied(_), _)) => CallerIdAnswer::Denied,
            Err(missing) => CallerIdAnswer::Missing(missing.iter().collect()),
        }
    }

    fn spoil(&self, facts: &mut MemberFacts) {
        for level in &mut facts.path {
            if self.bug == Bug::SealsIgnored {
                level.sealed = false;
            }
            if let (Bug::OffOverridesIgnored, Some(member)) = (self.bug, &mut level.membership) {
                member.overrides.retain(|_, value| *value != Override::Off);
            }
        }
        for account in &mut facts.below {
            account.sealed &= self.bug != Bug::SealsIgnored;
        }
    }
}

fn number_facts(object: &Object) -> NumberFacts {
    let body: NumberBody = serde_json::from_str(&object.body).expect("a number's body");
    NumberFacts {
        number: object.num,
        account: object.account.expect("a number lies in an account"),
        active: body.active,
        capabilities: Capabilities { voice: body.voice, fax: body.fax, message: body.message },
    }
}

fn stranger() -> Decision {
    Decision {
        effect: Effect::Deny,
        reason: Reason::NotAMemberOfActingAccount,
        permission: None,
        origin: None,
        clause: None,
        requirement: None,
        obligations: Obligations::NONE,
    }
}

fn drop_exceptions(model: &mut Model) {
    let clear = |qualifiers: &mut Qualifiers| qualifiers.except.clear();
    let clear_all = |reach: &mut Vec<Clause>| {
        for clause in reach {
            if let Clause::Match { qualifiers, .. } = clause {
                clear(qualifiers);
            }
        }
    };
    model.levels.iter_mut().for_each(|level| clear_all(&mut level.reach));
    for permission in &mut model.permissions {
        if let PermissionKind::Grant(grants) = &mut permission.kind {
            for grant in grants {
                clear(&mut grant.qualifiers);
                clear_all(&mut grant.reach);
            }
        }
    }
}

fn forget_what_is_missing(question: &mut Question) {
    fn absent<T>(fact: &mut Fact<T>) {
        if matches!(fact, Fact::Missing) {
            *fact = Fact::Absent;
        }
    }
    let forget = |facts: &mut ResourceFacts| {
        absent(&mut facts.account);
        absent(&mut facts.creator);
        absent(&mut facts.participants);
        absent(&mut facts.assignee);
        absent(&mut facts.faxbox);
        absent(&mut facts.number);
        absent(&mut facts.extension);
        absent(&mut facts.queue);
        absent(&mut facts.labels);
        absent(&mut facts.group);
        absent(&mut facts.direction);
        absent(&mut facts.state);
        absent(&mut facts.form_type);
        absent(&mut facts.document_type);
        absent(&mut facts.template);
        absent(&mut facts.sources);
    };
    forget(&mut question.resource);
    forget(question.target.get_or_insert_with(ResourceFacts::nowhere));
}
