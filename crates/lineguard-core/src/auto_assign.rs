//! Who receives a fax that arrives on a number (rulings R18).
//!
//! The same resolution answers `ResolveAutoAssign` beforehand and stamps a fax when it is
//! registered.

use std::sync::Arc;

use crate::assemble::{Use, counts, member_facts};
use crate::change::apply::ModelSource;
use crate::decision::{Decision, Effect, Reason};
use crate::engine::{Authority, compile, decide};
use crate::facts::{Fact, MemberStatus, ResourceFacts};
use crate::id::{AccountId, Num, PhoneNumber, Revision, Subject};
use crate::model::reach::{Direction, FaxState};
use crate::model::{Fallback, Model, PermissionKind, TargetKind};
use crate::port::{StoreError, TenantReader};
use crate::request::{Context, Question};
use crate::row::{self, ALL, LinkKind, MemberBody, NumberBody, Object, ObjectKind};
use crate::vocabulary::Vocabulary;

/// A user, group or faxbox by its number in the tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Target {
    /// What it is.
    pub kind: TargetKind,
    /// The subject, group or faxbox.
    pub num: Num,
}

/// Why a target was passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Skipped {
    /// The membership is not active.
    Member(MemberStatus),
    /// The person does not hold the model's routing permission.
    NotATarget,
    /// The group has no active member.
    NobodyInGroup,
    /// Another target came first.
    NotFirst,
    /// The number is not active, so nothing is routed on it.
    NumberInactive,
}

impl Skipped {
    /// The code of the reason.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Member(MemberStatus::Invited) => "MEMBER_INVITED",
            Self::Member(MemberStatus::Unverified) => "MEMBER_UNVERIFIED",
            Self::Member(MemberStatus::Suspended) => "MEMBER_SUSPENDED",
            Self::Member(MemberStatus::Removed) => "MEMBER_REMOVED",
            Self::Member(MemberStatus::Active) | Self::NotFirst => "ANOTHER_TARGET_CAME_FIRST",
            Self::NotATarget => "NOT_A_TARGET",
            Self::NobodyInGroup => "NOBODY_IN_GROUP",
            Self::NumberInactive => "NUMBER_INACTIVE",
        }
    }
}

/// Whether a target can then open the fax.
#[derive(Debug, Clone)]
pub struct Sight {
    /// Whether it can; for a group or faxbox, whether one of its active members can.
    pub visible: bool,
    /// The decision behind it; none where there is nobody to ask about.
    pub decision: Option<(Decision, Arc<Authority>)>,
}

/// The answer.
#[derive(Debug, Clone)]
pub struct AutoAssign {
    /// The revision of the snapshot.
    pub revision: Revision,
    /// The number's account.
    pub account: Num,
    /// Who receives the fax, the first of several; none leaves it unassigned.
    pub target: Option<Target>,
    /// Whether the model's fallback named it.
    pub fallback: bool,
    /// Whether the target can then open the fax.
    pub sight: Option<Sight>,
    /// Those who come after the target, where the model allows several.
    pub further: Vec<(Target, Sight)>,
    /// Who was passed over, in order.
    pub skipped: Vec<(Target, Skipped)>,
    /// The tenant's model.
    pub model: Arc<Model>,
}

/// More levels than a tree of accounts may have; ends the walk if a tree were a circle.
const MAX_DEPTH: usize = 256;

/// What is asked of the store and the models.
pub struct Resolver<'a> {
    /// A snapshot or transaction.
    pub reader: &'a mut dyn TenantReader,
    /// Parsed models.
    pub models: &'a dyn ModelSource,
    /// The vocabulary.
    pub vocabulary: &'a Vocabulary,
}

impl Resolver<'_> {
    /// Resolves a number; none if the tenant does not have it, or has given it back.
    pub async fn resolve(
        &mut self,
        number: &PhoneNumber,
    ) -> Result<Option<AutoAssign>, StoreError> {
        let key = (ObjectKind::Number, Num(0), number.as_str());
        let found = self.reader.find(&[key]).await?.into_iter().next().flatten();
        match found.filter(|number| !number.is_retired_number()) {
            Some(number) => self.of_number(&number).await.map(Some),
            None => Ok(None),
        }
    }

    /// Resolves a number that has been looked up.
    pub async fn of_number(&mut self, number: &Object) -> Result<AutoAssign, StoreError> {
        let mut answer = self.chosen(number).await?;
        let (account, model) = (answer.account, Arc::clone(&answer.model));
        if let Some(target) = answer.target {
            answer.sight = Some(self.sight(target, number.num, account, &model).await?);
        }
        for (target, sight) in &mut answer.further {
            *sight = self.sight(*target, number.num, account, &model).await?;
        }
        Ok(answer)
    }

    /// Who receives the faxes of a number, whether or not they can open them.
    pub async fn target_of(&mut self, number: &Object) -> Result<Option<Target>, StoreError> {
        Ok(self.chosen(number).await?.target)
    }

    /// The answer without sight.
    async fn chosen(&mut self, number: &Object) -> Result<AutoAssign, StoreError> {
        let tenant = self.reader.tenant().await?;
        let model = self.models.model(&tenant.model).ok_or_else(|| {
            StoreError::UnreadableModel { digest: tenant.model, detail: "not loaded".into() }
        })?;
        let account = number.account.unwrap_or(Num::UNKNOWN);
        let NumberBody { active, .. } = row::parse_body(tenant.num, number)?;
        let mut target = None;
        let (mut further, mut skipped) = (Vec::new(), Vec::new());
        for candidate in self.candidates(number.num, account, &model).await? {
            let passed_over = match active {
                true => self.passed_over(candidate, account, &model).await?,
                false => Some(Skipped::NumberInactive),
            };
            match passed_over {
                Some(why) => skipped.push((candidate, why)),
                None if target.is_none() => target = Some(candidate),
                None if model.auto_assign.several => {
                    further.push((candidate, Sight { visible: false, decision: None }));
                }
                None => skipped.push((candidate, Skipped::NotFirst)),
            }
        }
        let fallback = match target {
            None if active => self.fallback(number.num, &model).await?,
            None | Some(_) => None,
        };
        Ok(AutoAssign {
            revision: tenant.revision,
            account,
            target: target.or(fallback),
            fallback: fallback.is_some(),
            sight: None,
            further,
            skipped,
            model,
        })
    }

    /// The targets in order: members by their number, then groups, then faxboxes.
    async fn candidates(
        &mut self,
        number: Num,
        account: Num,
        model: &Model,
    ) -> Result<Vec<Target>, StoreError> {
        let allowed = |kind| model.auto_assign.targets.contains(&kind);
        let mut candidates = Vec::new();
        if allowed(TargetKind::User) {
            let mut members = self.reader.links_to(LinkKind::AutoAssignNumber, number).await?;
            members.extend(self.reader.links_to(LinkKind::AutoAssignNumber, ALL).await?);
            members.sort_unstable();
            members.dedup();
            let mut members = self.reader.get(&members).await?;
            members.retain(|member| member.account == Some(account));
            members.sort_unstable_by_key(|member| member.num);
            for member in members {
                if let Some(num) = self.subject_of(&member).await? {
                    candidates.push(Target { kind: TargetKind::User, num });
                }
            }
        }
        let things = [
            (TargetKind::Group, LinkKind::NumberGroup),
            (TargetKind::Faxbox, LinkKind::NumberFaxbox),
        ];
        for (kind, link) in things.into_iter().filter(|(kind, _)| allowed(*kind)) {
            let nums = self.reader.links_from(link, number).await?;
            candidates.extend(nums.into_iter().map(|num| Target { kind, num }));
        }
        Ok(candidates)
    }

    async fn subject_of(&mut self, member: &Object) -> Result<Option<Num>, StoreError> {
        let key = (ObjectKind::Subject, Num(0), member.id.as_str());
        let subject = self.reader.find(&[key]).await?.into_iter().next().flatten();
        Ok(subject.map(|subject| subject.num))
    }

    async fn passed_over(
        &mut self,
        target: Target,
        account: Num,
        model: &Model,
    ) -> Result<Option<Skipped>, StoreError> {
        match target.kind {
            TargetKind::Faxbox => Ok(None),
            TargetKind::Group => {
                let members = self.reader.links_from(LinkKind::GroupMember, target.num).await?;
                for member in members {
                    if self.status(member, account).await? == Some(MemberStatus::Active)
                        && self.is_in_group(member, target.num, account).await?
                    {
                        return Ok(None);
                    }
                }
                Ok(Some(Skipped::NobodyInGroup))
            }
            TargetKind::User => match self.status(target.num, account).await? {
                Some(MemberStatus::Active) => self.not_a_target(target.num, account, model).await,
                Some(status) => Ok(Some(Skipped::Member(status))),
                None => Ok(Some(Skipped::Member(MemberStatus::Removed))),
            },
        }
    }

    /// Whether being in a group counts for somebody who is active in an account (rulings R33).
    async fn is_in_group(
        &mut self,
        member: Num,
        group: Num,
        active_in: Num,
    ) -> Result<bool, StoreError> {
        let gone = || StoreError::Corrupt {
            table: "object",
            column: "account",
            row: format!("num {}", group.0),
        };
        let mut statuses = Vec::new();
        let mut next = group;
        for _ in 0..MAX_DEPTH {
            let object = self.reader.get(&[next]).await?.into_iter().next().ok_or_else(gone)?;
            let Some(account) = object.account else { return Ok(counts(statuses, Use::Gives)) };
            statuses.extend(self.status(member, account).await?);
            // What is nearest decides, and here it is known to be active.
            if account == active_in {
                return Ok(counts(statuses, Use::Gives));
            }
            next = account;
        }
        Err(gone())
    }

    /// Where the model has a routing permission, only those who hold it can be targets (rulings R13).
    async fn not_a_target(
        &mut self,
        subject: Num,
        account: Num,
        model: &Model,
    ) -> Result<Option<Skipped>, StoreError> {
        let routing = (0u16..)
            .zip(&model.permissions)
            .filter(|(_, permission)| permission.kind == PermissionKind::Routing)
            .map(|(ix, _)| crate::model::PermissionIx(ix))
            .collect::<Vec<_>>();
        if routing.is_empty() {
            return Ok(None);
        }
        let authority = self.authority(subject, account, model).await?;
        let holds = |ix: &_| authority.standing(*ix).is_some_and(|standing| standing.held);
        Ok((!routing.iter().any(holds)).then_some(Skipped::NotATarget))
    }

    async fn fallback(&mut self, number: Num, model: &Model) -> Result<Option<Target>, StoreError> {
        match model.auto_assign.fallback {
            Fallback::Unassigned => Ok(None),
            Fallback::Faxbox => {
                let faxboxes = self.reader.links_from(LinkKind::NumberFaxbox, number).await?;
                Ok(faxboxes.first().map(|num| Target { kind: TargetKind::Faxbox, num: *num }))
            }
        }
    }

    async fn status(
        &mut self,
        subject: Num,
        account: Num,
    ) -> Result<Option<MemberStatus>, StoreError> {
        let Some(subject) = self.reader.get(&[subject]).await?.into_iter().next() else {
            return Ok(None);
        };
        let key = (ObjectKind::Member, account, subject.id.as_str());
        let Some(member) = self.reader.find(&[key]).await?.into_iter().next().flatten() else {
            return Ok(None);
        };
        let corrupt = || StoreError::Corrupt {
            table: "object",
            column: "body",
            row: format!("num {}", member.num.0),
        };
        let body: MemberBody = serde_json::from_str(&member.body).map_err(|_| corrupt())?;
        MemberStatus::from_word(&body.status).map(Some).ok_or_else(corrupt)
    }

    async fn authority(
        &mut self,
        subject: Num,
        account: Num,
        model: &Model,
    ) -> Result<Arc<Authority>, StoreError> {
        let gone = || StoreError::Corrupt {
            table: "object",
            column: "num",
            row: format!("num {} or {}", subject.0, account.0),
        };
        let objects = self.reader.get(&[subject, account]).await?;
        let of = |num| objects.iter().find(|object| object.num == num);
        let subject =
            of(subject).and_then(|one| Subject::from_qualified(&one.id)).ok_or_else(gone)?;
        let account =
            of(account).and_then(|one| AccountId::parse(&one.id).ok()).ok_or_else(gone)?;
        let rows = self.reader.member_rows(&account, &subject).await?.ok_or_else(gone)?;
        let facts = member_facts(&rows)?.ok_or_else(gone)?;
        let authority = compile(model, self.vocabulary, &facts).map_err(|unknown| {
            StoreError::Corrupt { table: "object", column: "body", row: unknown.to_string() }
        })?;
        Ok(Arc::new(authority))
    }

    async fn sight(
        &mut self,
        target: Target,
        number: Num,
        account: Num,
        model: &Model,
    ) -> Result<Sight, StoreError> {
        let faxbox = (target.kind == TargetKind::Faxbox).then_some(target.num);
        let assignee = (target.kind != TargetKind::Faxbox).then_some(target.num);
        let arriving = arriving(account, number, faxbox, assignee);
        let mut last = None;
        for subject in self.people(target).await? {
            if self.status(subject, account).await? != Some(MemberStatus::Active) {
                continue;
            }
            let authority = self.authority(subject, account, model).await?;
            let decision = self.may_view(model, &authority, &arriving);
            let visible = decision.is_some_and(|decision| decision.effect == Effect::Allow);
            last = decision.map(|decision| (decision, authority));
            if visible {
                return Ok(Sight { visible, decision: last });
            }
        }
        Ok(Sight { visible: false, decision: last })
    }

    async fn people(&mut self, target: Target) -> Result<Vec<Num>, StoreError> {
        match target.kind {
            TargetKind::User => Ok(vec![target.num]),
            TargetKind::Group => self.reader.links_from(LinkKind::GroupMember, target.num).await,
            TargetKind::Faxbox => {
                let mut people = self.reader.links_from(LinkKind::FaxboxUser, target.num).await?;
                for group in self.reader.links_from(LinkKind::FaxboxGroup, target.num).await? {
                    people.extend(self.reader.links_from(LinkKind::GroupMember, group).await?);
                }
                people.sort_unstable();
                people.dedup();
                Ok(people)
            }
        }
    }

    fn may_view(
        &self,
        model: &Model,
        authority: &Authority,
        fax: &ResourceFacts,
    ) -> Option<Decision> {
        let question = Question {
            action: self.vocabulary.action(crate::FAX_VIEW)?,
            names_stored_resource: false,
            resource: fax.clone(),
            target: None,
            sent_from: None,
            conferred: None,
            context: Context::default(),
        };
        // Every fact that sight may depend on is known, so nothing can be missing.
        decide(model, self.vocabulary, authority, &question).ok()
    }
}

/// The facts of a fax that arrives on a number.
fn arriving(
    account: Num,
    number: Num,
    faxbox: Option<Num>,
    assignee: Option<Num>,
) -> ResourceFacts {
    let known = |fact: Option<Num>| fact.map_or(Fact::Absent, Fact::Known);
    ResourceFacts {
        account: Fact::Known(account),
        creator: Fact::Absent,
        participants: Fact::Absent,
        assignee: known(assignee),
        faxbox: known(faxbox),
        number: Fact::Known(number),
        extension: Fact::Absent,
        queue: Fact::Absent,
        labels: Fact::Absent,
        group: Fact::Absent,
        direction: Fact::Known(Direction::Inbound),
        state: Fact::Known(FaxState::Active),
        form_type: Fact::Absent,
        document_type: Fact::Absent,
        template: Fact::Absent,
        sources: Fact::Absent,
        owner: Fact::Absent,
    }
}

/// The reason that a target cannot open the fax, for a warning or an answer.
pub fn hidden_because(sight: &Sight) -> Option<Reason> {
    match &sight.decision {
        Some((decision, _)) if !sight.visible => Some(decision.reason),
        _ => None,
    }
}
