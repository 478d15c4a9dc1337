//! `Check` and `BatchCheck`: a single question is a batch of one.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use lineguard_core::engine::decide;
use lineguard_core::id::{AccountId, Revision, Subject, TenantId};
use lineguard_core::port::StoreError;

use super::words::{decided, no_member};
use crate::app::{App, Snapshot};
use crate::gather::{self, Known, Member, Wanted, question};
use crate::wire::check::{CheckCall, batch_check_calls, check_call};
use crate::wire::decision::{batch_check_response, check_response};
use crate::wire::pb;
use crate::wire::status::Failure;

pub(super) async fn check(
    app: &App,
    message: pb::CheckRequest,
) -> Result<pb::CheckResponse, Failure> {
    let call = check_call(message, app.vocabulary)?;
    let answers = of_tenant(app, &call.tenant, &[&call]).await?;
    let answer = answers.into_iter().next().unwrap_or_else(|| Ok(no_member(Revision(0))));
    answer.map(check_response)
}

pub(super) async fn batch_check(
    app: &App,
    message: pb::BatchCheckRequest,
) -> Result<pb::BatchCheckResponse, Failure> {
    let calls = batch_check_calls(message, app.vocabulary)?;
    let mut by_tenant: BTreeMap<&TenantId, Vec<(usize, &CheckCall)>> = BTreeMap::new();
    for (at, call) in calls.iter().enumerate() {
        if let Ok(call) = call {
            by_tenant.entry(&call.tenant).or_default().push((at, call));
        }
    }
    let mut answers = BTreeMap::new();
    for (tenant, calls) in by_tenant {
        let (places, calls): (Vec<usize>, Vec<&CheckCall>) = calls.into_iter().unzip();
        match of_tenant(app, tenant, &calls).await {
            Ok(of_tenant) => answers.extend(places.into_iter().zip(of_tenant)),
            // The other tenants of the batch still get their answers.
            Err(error) => {
                answers.extend(places.into_iter().map(|at| (at, Err(Failure::from(error.clone())))))
            }
        }
    }
    let in_order = calls.into_iter().enumerate().map(|(at, call)| match call {
        Err(invalid) => Err(Failure::from(invalid)),
        Ok(_) => answers.remove(&at).unwrap_or_else(|| {
            Err(Failure::Internal("a question of a batch was left without an answer".into()))
        }),
    });
    Ok(batch_check_response(in_order.collect::<Vec<_>>()))
}

/// Answers questions about one tenant, all from one snapshot.
async fn of_tenant(
    app: &App,
    tenant: &TenantId,
    calls: &[&CheckCall],
) -> Result<Vec<Result<pb::Decision, Failure>>, StoreError> {
    let Some(Snapshot { mut reader, model, .. }) = app.snapshot(tenant).await? else {
        return Ok(calls.iter().map(|_| Ok(no_member(Revision(0)))).collect());
    };
    let mut wanted = Wanted::default();
    let mut members: BTreeMap<(&AccountId, &Subject), Result<Member, StoreError>> = BTreeMap::new();
    for call in calls {
        wanted.of_call(call, app.vocabulary);
        if let Entry::Vacant(place) = members.entry((&call.account, &call.subject)) {
            let (model, vocabulary) = (Arc::clone(&model), app.vocabulary);
            let (account, subject) = (&call.account, &call.subject);
            let member = gather::member(reader.as_mut(), model, vocabulary, account, subject);
            // A row of one member that does not parse leaves the others their answers.
            place.insert(member.await);
        }
    }
    let known = wanted.load(reader.as_mut()).await?;
    let answer = |call: &&CheckCall| match members.get(&(&call.account, &call.subject)) {
        Some(Ok(member)) => one(app, call, member, &known),
        Some(Err(error)) => Err(Failure::from(error.clone())),
        None => Ok(no_member(Revision(0))),
    };
    Ok(calls.iter().map(answer).collect())
}

fn one(
    app: &App,
    call: &CheckCall,
    member: &Member,
    known: &Known,
) -> Result<pb::Decision, Failure> {
    let Some(authority) = member.authority.as_deref() else {
        return Ok(no_member(member.revision()));
    };
    let question = question(call, known, &member.model, app.vocabulary, authority)?;
    let decision = decide(&member.model, app.vocabulary, authority, &question)?;
    Ok(decided(member, &decision))
}
