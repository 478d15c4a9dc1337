//! The engine, whole or deliberately broken at its edges.

use lineguard_core::assemble::{Dump, member_facts};
use lineguard_core::decision::{Decision, Effect, Extent, MissingFacts, Obligations, Reason};
use lineguard_core::engine::caller_id::{Candidates, Outcome, resolve};
use lineguard_core::engine::{Authority, compile, decide, emergency_call};
use lineguard_core::facts::{MemberFacts, Override};
use lineguard_core::model::Model;
use lineguard_core::request::{CallerIdQuestion, Question};
use lineguard_core::row::ObjectKind;
use lineguard_core::vocabulary::Vocabulary;
use lineguard_testkit::generate::{Asked, number_facts};
use lineguard_testkit::naive::CallerIdAnswer;

use crate::rows::member_rows;
use crate::spoil;

/// A bug that somebody might write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    None,
    OffOverridesIgnored,
    SealsIgnored,
    ExceptionsIgnored,
    MissingTakenForAbsent,
    ObligationsForgotten,
    EveryNumberUsable,
    EveryNumberHeld,
    FaxboxesOfNumbersForgotten,
    TargetNotAsked,
    SightNotAsked,
    UnseenNamesTakenForNone,
    SuspensionElsewherePassedOver,
    DelegationOutlivesMembership,
    TiesNeedNoMembership,
    SupervisionEverywhere,
    FaxboxesOfGroupsAskTheGroupAlone,
    NothingStopsAtSeals,
    UnknownRoleTakenForEmpty,
}

pub struct Engine<'a> {
    pub vocabulary: &'a Vocabulary,
    pub model: Model,
    pub bug: Bug,
}

impl<'a> Engine<'a> {
    pub fn new(vocabulary: &'a Vocabulary, model: &Model, bug: Bug) -> Self {
        let mut model = model.clone();
        match bug {
            Bug::ExceptionsIgnored => spoil::drop_exceptions(&mut model),
            Bug::EveryNumberHeld => model.outgoing.held.clear(),
            Bug::FaxboxesOfNumbersForgotten => model.outgoing.by_faxbox = false,
            _ => {}
        }
        let vocabulary = match bug {
            Bug::SightNotAsked => &*spoil::BLIND,
            Bug::NothingStopsAtSeals => &*spoil::UNSTOPPED,
            _ => vocabulary,
        };
        Self { vocabulary, model, bug }
    }

    /// What the engine knows of a person; none if the account does not exist.
    pub fn authority(&self, dump: &Dump, subject: &str, account: &str) -> Option<Authority> {
        let spoiled = spoil::rows(self.bug, dump, subject, account);
        let rows = member_rows(spoiled.as_ref().unwrap_or(dump), subject, account)?;
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
            let def = self.vocabulary.def(asked.question.action);
            let emergency = def.is_some_and(|def| def.emergency);
            return Ok(if emergency { emergency_call() } else { stranger() });
        };
        let mut question = asked.question.clone();
        self.spoil_question(&mut question);
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
    ) -> Result<CallerIdAnswer, MissingFacts> {
        let Some(authority) = self.authority(dump, subject, account) else {
            return Ok(CallerIdAnswer::Denied);
        };
        let numbers = dump.objects.iter().filter(|one| one.kind == ObjectKind::Number);
        let numbers: Vec<_> = numbers.filter_map(|one| number_facts(dump, one.num)).collect();
        let candidates = Candidates { numbers: &numbers, complete: true };
        let answer = resolve(&self.model, self.vocabulary, &authority, question, candidates);
        answer.map(|answer| match answer.outcome {
            Outcome::Number(number, _) => CallerIdAnswer::Number(number),
            Outcome::Anonymous => CallerIdAnswer::Anonymous,
            Outcome::None(_) => CallerIdAnswer::None(answer.selectable),
            Outcome::Denied(_) => CallerIdAnswer::Denied,
        })
    }

    fn spoil_question(&self, question: &mut Question) {
        match self.bug {
            Bug::MissingTakenForAbsent => spoil::forget_what_is_missing(question),
            Bug::EveryNumberUsable => spoil::make_usable(self.vocabulary, question),
            Bug::TargetNotAsked => question.target.clone_from(&Some(question.resource.clone())),
            Bug::UnknownRoleTakenForEmpty => spoil::know_every_role(question),
            Bug::UnseenNamesTakenForNone => spoil::forget_unseen_names(&mut question.resource),
            _ => {}
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

fn stranger() -> Decision {
    Decision {
        effect: Effect::Deny,
        reason: Reason::NotAMemberOfActingAccount,
        permission: None,
        origin: None,
        clause: None,
        extent: Extent::default(),
        requirement: None,
        because: None,
        obligations: Obligations::NONE,
    }
}
