//! `Check` and `BatchCheck`.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use async_trait::async_trait;
use lineguard_core::engine::decide;
use lineguard_core::id::{AccountId, Subject, TenantId};
use lineguard_core::port::StoreError;

use super::conferred;
use super::words::{decided, emergency, no_member, stamped};
use crate::answer::{Answer, Answered, Ask, Gathering, Question, Recency, gathered, remembered};
use crate::app::App;
use crate::gather::{Askers, Known, Member, Wanted, question};
use crate::metrics::{Operation, Outcome};
use crate::wire::check::{CheckCall, batch_check_calls, check_call};
use crate::wire::decision::{batch_check_response, check_response};
use crate::wire::pb;
use crate::wire::status::Failure;

pub(super) async fn check(
    app: &App,
    message: pb::CheckRequest,
) -> Result<pb::CheckResponse, Failure> {
    let asked = Question::check(&message);
    let call = check_call(message, app.vocabulary)?;
    if is_emergency(app, &call) {
        return counted(app, &call, Ok(emergency())).map(check_response);
    }
    let recency = Recency::of(&call.consistency, app, &call.tenant)?;
    let answered = remembered(app, &One(&call, operation(app, &call)), asked, &recency).await;
    counted(app, &call, answered.and_then(told)).map(check_response)
}

/// Whether it is about a call to emergency services. That is answered from the question alone
/// (rulings R38): whatever else is looked at could be missing, wrong or away.
fn is_emergency(app: &App, call: &CheckCall) -> bool {
    app.vocabulary.def(call.action).is_some_and(|def| def.emergency)
}

/// Counts what came of a question.
fn counted(
    app: &App,
    call: &CheckCall,
    answer: Result<pb::Decision, Failure>,
) -> Result<pb::Decision, Failure> {
    let outcome = match answer.as_ref().map(pb::Decision::effect) {
        Ok(pb::Effect::Allow) => Outcome::Allow,
        Ok(_) => Outcome::Deny,
        Err(_) => Outcome::Error,
    };
    app.metrics.decision(call.action, outcome);
    if is_emergency(app, call) {
        app.metrics.emergency();
    }
    answer
}

/// The decision with its revision and age.
fn told(answered: Answered<Answer>) -> Result<pb::Decision, Failure> {
    let Answered { answer: Answer::Decision(decision), revision, staleness } = answered else {
        return Err(Failure::Internal("a check was answered with something else".into()));
    };
    Ok(stamped(decision, revision, staleness))
}

fn operation(app: &App, call: &CheckCall) -> Option<Operation> {
    app.vocabulary.def(call.action).and_then(|def| def.outage).map(Operation::from)
}

/// One question.
pub(super) struct One<'a>(pub(super) &'a CheckCall, pub(super) Option<Operation>);

#[async_trait]
impl Ask for One<'_> {
    type Answer = Answer;

    fn tenant(&self) -> &TenantId {
        &self.0.tenant
    }

    fn operation(&self) -> Option<Operation> {
        self.1
    }

    async fn ask(&self, app: &App, from: &mut Gathering<'_>) -> Result<Answer, Failure> {
        let mut wanted = Wanted::default();
        wanted.of_call(self.0, app.vocabulary);
        let member = from.member(&self.0.account, &self.0.subject).await?;
        from.asks(Askers::of([(self.0, member.authority.as_ref())], app.vocabulary));
        let known = wanted.load(from).await?;
        one(app, self.0, &member, &known).map(Answer::Decision)
    }

    fn nowhere(&self) -> Result<Answer, Failure> {
        Ok(Answer::Decision(no_member()))
    }
}

pub(super) async fn batch_check(
    app: &App,
    message: pb::BatchCheckRequest,
) -> Result<pb::BatchCheckResponse, Failure> {
    let calls = batch_check_calls(message, app.vocabulary)?;
    let mut by_tenant: BTreeMap<&TenantId, Vec<(usize, &CheckCall)>> = BTreeMap::new();
    let mut answers: BTreeMap<usize, Result<pb::Decision, Failure>> = BTreeMap::new();
    for (at, call) in calls.iter().enumerate() {
        match call {
            Ok(call) if is_emergency(app, call) => {
                answers.insert(at, Ok(emergency()));
            }
            Ok(call) => by_tenant.entry(&call.tenant).or_default().push((at, call)),
            Err(_) => {}
        }
    }
    for (tenant, calls) in by_tenant {
        let (places, calls): (Vec<usize>, Vec<&CheckCall>) = calls.into_iter().unzip();
        match of_tenant(app, tenant, &calls).await {
            Ok(answered) => answers.extend(places.into_iter().zip(each_stamped(answered))),
            // The other tenants of the batch still get their answers.
            Err(failure) => {
                answers.extend(places.into_iter().map(|at| (at, Err(failure.clone()))));
            }
        }
    }
    let left = || Failure::Internal("a question of a batch was left without an answer".into());
    let in_order = calls.iter().enumerate().map(|(at, call)| match call {
        Err(invalid) => Err(Failure::from(invalid.clone())),
        Ok(call) => counted(app, call, answers.remove(&at).unwrap_or_else(|| Err(left()))),
    });
    Ok(batch_check_response(in_order.collect::<Vec<_>>()))
}

/// The answers to those questions of a batch that are about emergency calls, by their places.
pub(crate) fn emergencies(
    app: &App,
    message: &pb::BatchCheckRequest,
) -> Result<BTreeMap<usize, pb::Decision>, Failure> {
    let calls = batch_check_calls(message.clone(), app.vocabulary)?.into_iter().enumerate();
    let about = |(at, call): (usize, Result<CheckCall, _>)| {
        let call = call.ok().filter(|call| is_emergency(app, call))?;
        Some(counted(app, &call, Ok(emergency())).map(|decision| (at, decision)))
    };
    calls.filter_map(about).collect()
}

async fn of_tenant(
    app: &App,
    tenant: &TenantId,
    calls: &[&CheckCall],
) -> Result<Answered<Items>, Failure> {
    let mut recency = Recency::default();
    for call in calls {
        recency = recency.and(Recency::of(&call.consistency, app, tenant)?);
    }
    gathered(app, &Many { tenant, calls }, &recency).await
}

/// The answers of a batch, each with its age; all are of one revision.
fn each_stamped(answered: Answered<Items>) -> Items {
    let Answered { answer, revision, staleness } = answered;
    let stamp = |decision| stamped(decision, revision, staleness);
    answer.into_iter().map(|item| item.map(stamp)).collect()
}

type Items = Vec<Result<pb::Decision, Failure>>;

/// Questions about one tenant, all answered from one state of it.
struct Many<'a> {
    tenant: &'a TenantId,
    calls: &'a [&'a CheckCall],
}

#[async_trait]
impl Ask for Many<'_> {
    type Answer = Items;

    fn tenant(&self) -> &TenantId {
        self.tenant
    }

    fn operation(&self) -> Option<Operation> {
        None
    }

    async fn ask(&self, app: &App, from: &mut Gathering<'_>) -> Result<Items, Failure> {
        let mut wanted = Wanted::default();
        let mut members: BTreeMap<(&AccountId, &Subject), Result<Member, StoreError>> =
            BTreeMap::new();
        for call in self.calls {
            wanted.of_call(call, app.vocabulary);
            if let Entry::Vacant(place) = members.entry((&call.account, &call.subject)) {
                // A row of one member that does not parse leaves the others their answers.
                place.insert(from.member(&call.account, &call.subject).await);
            }
        }
        let asking = self.calls.iter().map(|call| {
            let member = members.get(&(&call.account, &call.subject));
            let member = member.and_then(|member| member.as_ref().ok());
            (*call, member.and_then(|member| member.authority.as_ref()))
        });
        from.asks(Askers::of(asking, app.vocabulary));
        let known = wanted.load(from).await?;
        let answer = |call: &&CheckCall| match members.get(&(&call.account, &call.subject)) {
            Some(Ok(member)) => one(app, call, member, &known),
            Some(Err(error)) => Err(Failure::from(error.clone())),
            None => Ok(no_member()),
        };
        Ok(self.calls.iter().map(answer).collect())
    }

    fn nowhere(&self) -> Result<Items, Failure> {
        Ok(self.calls.iter().map(|_| Ok(no_member())).collect())
    }
}

fn one(
    app: &App,
    call: &CheckCall,
    member: &Member,
    known: &Known,
) -> Result<pb::Decision, Failure> {
    let Some(authority) = member.authority.as_deref() else {
        return Ok(no_member());
    };
    let question = question(call, known, &member.model, app.vocabulary, authority)?;
    let decision = decide(&member.model, app.vocabulary, authority, &question)?;
    conferred::known(&question, &member.model, &decision)?;
    Ok(decided(member, &decision))
}
