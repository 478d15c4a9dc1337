//! `ResolveAutoAssign`.

use async_trait::async_trait;
use lineguard_core::auto_assign::{AutoAssign, Resolver, Sight, Skipped, Target};
use lineguard_core::decision::Reason;
use lineguard_core::explain::explain;
use lineguard_core::id::{FaxboxId, GroupId, TenantId};
use lineguard_core::model::TargetKind;
use lineguard_core::port::StoreError;

use crate::answer::{Ask, Gathering, Recency, Setting, from_database};
use crate::app::App;
use crate::metrics::Operation;
use crate::models::OneModel;
use crate::names::Names;
use crate::wire::auto_assign::{
    AutoAssignAnswer, AutoAssignCall, AutoAssignTarget, auto_assign_call, auto_assign_response,
};
use crate::wire::pb;
use crate::wire::status::Failure;

pub(super) async fn resolve(
    app: &App,
    message: pb::ResolveAutoAssignRequest,
) -> Result<pb::ResolveAutoAssignResponse, Failure> {
    let call = auto_assign_call(message)?;
    let recency = Recency::of(&call.consistency, app, &call.tenant)?;
    let answered = from_database(app, &Receiving(&call), &recency).await?;
    Ok(answered.answer)
}

/// Who receives a fax. Many people's authorities decide that, so it is always read.
struct Receiving<'a>(&'a AutoAssignCall);

#[async_trait]
impl Ask for Receiving<'_> {
    type Answer = pb::ResolveAutoAssignResponse;

    fn tenant(&self) -> &TenantId {
        &self.0.tenant
    }

    fn operation(&self) -> Option<Operation> {
        None
    }

    async fn ask(&self, app: &App, from: &mut Gathering<'_>) -> Result<Self::Answer, Failure> {
        let Setting { tenant, model } = from.setting()?;
        let models = OneModel(tenant.model, model);
        let mut resolver = Resolver { reader: from, models: &models, vocabulary: app.vocabulary };
        let Some(answer) = resolver.resolve(&self.0.number).await? else {
            return Err(Failure::NotFound("number"));
        };
        let skipped = answer.skipped.iter().map(|(target, _)| target.num);
        let further = answer.further.iter().map(|(target, _)| target.num);
        let nums = answer.target.iter().map(|target| target.num).chain(further).chain(skipped);
        let nums: Vec<_> = nums.chain([answer.account]).collect();
        let names = Names::load(from, nums).await?;
        Ok(auto_assign_response(named(&answer, &names)?))
    }

    fn nowhere(&self) -> Result<Self::Answer, Failure> {
        Err(Failure::NotFound("number"))
    }
}

fn named(answer: &AutoAssign, names: &Names) -> Result<AutoAssignAnswer, StoreError> {
    let first = answer.target.iter().zip(&answer.sight);
    let further = answer.further.iter().map(|(target, sight)| (target, sight));
    let recipients = first
        .chain(further)
        .map(|(receives, sight)| Ok((target(*receives, names)?, hidden(answer, sight))))
        .collect::<Result<_, StoreError>>()?;
    let skipped = answer
        .skipped
        .iter()
        .map(|(passed, why)| Ok((target(*passed, names)?, why.as_str(), words(*why).to_owned())))
        .collect::<Result<_, StoreError>>()?;
    Ok(AutoAssignAnswer {
        recipients,
        skipped,
        fallback_used: answer.fallback,
        account: names.account(answer.account)?,
        revision: answer.revision,
    })
}

/// Why the target cannot open the fax, unless it can.
fn hidden(answer: &AutoAssign, sight: &Sight) -> Option<(Reason, String)> {
    match &sight.decision {
        _ if sight.visible => None,
        Some((decision, authority)) => {
            let told = explain(&answer.model, Some(authority), decision);
            Some((decision.reason, told.text))
        }
        None => Some((Reason::NoGrant, "Nobody there is an active member.".into())),
    }
}

fn target(target: Target, names: &Names) -> Result<AutoAssignTarget, StoreError> {
    Ok(match target.kind {
        TargetKind::User => AutoAssignTarget::User(names.subject(target.num)?),
        TargetKind::Group => AutoAssignTarget::Group(group(names, target)?),
        TargetKind::Faxbox => AutoAssignTarget::Faxbox(faxbox(names, target)?),
    })
}

fn group(names: &Names, target: Target) -> Result<GroupId, StoreError> {
    names.group(target.num)
}

fn faxbox(names: &Names, target: Target) -> Result<FaxboxId, StoreError> {
    names.faxbox(target.num)
}

const fn words(why: Skipped) -> &'static str {
    match why {
        Skipped::Member(_) => "The membership is not active.",
        Skipped::NotATarget => "The person is not set up to be assigned faxes.",
        Skipped::NobodyInGroup => "The group has no active member.",
        Skipped::NotFirst => "Another target came first.",
        Skipped::NumberInactive => "The number is not active.",
    }
}
