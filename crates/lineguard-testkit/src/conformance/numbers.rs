//! A number is active in one tenant, and keeps its name when it is given back (rulings R39).

use lineguard_core::change::{Applied, Batch, Change, Import, NewFax, Part};
use lineguard_core::change::{MemberList, NumberList};
use lineguard_core::facts::Capabilities;
use lineguard_core::id::{Num, Subject};
use lineguard_core::model::reach::Direction;
use lineguard_core::port::{ApplyError, Store};
use lineguard_core::row::{NumberBody, ObjectKind};

use super::{Failure, Shown, apply, behaviours, find, holds, num, reader, same};
use crate::ids as id;
use crate::world::{NOW, batch, received, world};

behaviours![
    a_number_is_active_in_one_tenant,
    a_number_that_is_given_back_may_be_active_elsewhere,
    a_refused_activation_leaves_nothing,
    whoever_may_not_activate_is_refused_like_one_who_comes_second,
    what_a_person_adds_is_inactive,
    a_person_cannot_activate_and_can_deactivate,
    an_import_activates_by_the_same_rules,
    a_number_that_stays_active_needs_no_right,
    a_number_that_is_given_back_keeps_its_row,
    a_number_that_is_given_back_is_the_same_when_it_comes_back,
    a_number_that_is_given_back_can_be_chosen_no_more,
    a_number_that_is_given_back_registers_what_happened_on_it,
    a_retired_number_is_brought_in_and_not_twice,
];

const NUMBER: &str = "+15550100100";

fn add(number: &str, account: &str, active: bool) -> Change {
    let capabilities = Capabilities { voice: true, fax: true, message: false };
    let (account, number) = (id::account(account), id::number(number));
    Change::AddNumber { account, number, capabilities, active }
}

fn switch(active: bool) -> Change {
    Change::SetNumberActive { number: id::number(NUMBER), active }
}

fn remove() -> Change {
    Change::RemoveNumber { number: id::number(NUMBER) }
}

fn retired(account: &str) -> Change {
    Change::AddRetiredNumber { account: id::account(account), number: id::number(NUMBER) }
}

/// Two tenants, the first of which has the number.
async fn two_tenants(store: &dyn Store) {
    world("acme").account("root").account("other").enter("root").number(NUMBER).build(store).await;
    world("rival").account("root").build(store).await;
}

/// Applies a change of this actor to a tenant.
async fn by(
    store: &dyn Store,
    tenant: &str,
    (actor, provisions): (Subject, bool),
    request: &str,
    change: Change,
) -> Result<Applied, ApplyError> {
    let batch = Batch { actor, provisions, ..batch(tenant, request, vec![change]) };
    store.apply(&batch, NOW).await
}

async fn rival(store: &dyn Store, request: &str, change: Change) -> Result<Applied, ApplyError> {
    store.apply(&batch("rival", request, vec![change]), NOW).await
}

/// Field and words of a refusal.
fn refusal(answer: Result<Applied, ApplyError>) -> Result<(&'static str, String), Failure> {
    match answer {
        Err(ApplyError::Refused(fault)) => Ok((fault.field, fault.problem)),
        answer => Err(Failure(format!("not refused: {answer:?}"))),
    }
}

async fn body(store: &dyn Store, tenant: &str) -> Result<NumberBody, Failure> {
    let found = find(store, tenant, ObjectKind::Number, NUMBER).await?;
    let found = found.ok_or_else(|| Failure("no such number".to_owned()))?;
    serde_json::from_str(&found.body).map_err(|error| Failure(error.to_string()))
}

async fn a_number_is_active_in_one_tenant(store: &dyn Store) -> Shown {
    two_tenants(store).await;
    let (field, _) = refusal(rival(store, "one", add(NUMBER, "root", true)).await)?;
    same(field, "active")?;
    // Inactive it may be there.
    same(rival(store, "two", add(NUMBER, "root", false)).await?.changed, 1)?;
    let (field, _) = refusal(rival(store, "three", switch(true)).await)?;
    same(field, "active")?;
    apply(store, "off", vec![switch(false)]).await?;
    same(rival(store, "four", switch(true)).await?.changed, 1)?;
    refusal(apply(store, "on", vec![switch(true)]).await)?;
    same((body(store, "acme").await?.active, body(store, "rival").await?.active), (false, true))?;
    same(store.duplicate_numbers(10).await?, Vec::new())
}

async fn a_number_that_is_given_back_may_be_active_elsewhere(store: &dyn Store) -> Shown {
    two_tenants(store).await;
    apply(store, "remove", vec![remove()]).await?;
    same(rival(store, "add", add(NUMBER, "root", true)).await?.changed, 1)?;
    refusal(apply(store, "again", vec![add(NUMBER, "root", true)]).await)?;
    holds(body(store, "acme").await?.was_at.is_some(), "the number came back")
}

async fn a_refused_activation_leaves_nothing(store: &dyn Store) -> Shown {
    two_tenants(store).await;
    let faxbox = Change::AddFaxbox {
        account: id::account("root"),
        faxbox: id::faxbox("box"),
        title: String::new(),
    };
    let changes = vec![faxbox, add(NUMBER, "root", true)];
    refusal(store.apply(&batch("rival", "one", changes), NOW).await)?;
    same(find(store, "rival", ObjectKind::Faxbox, "box").await?, None)?;
    same(find(store, "rival", ObjectKind::Number, NUMBER).await?, None)
}

async fn whoever_may_not_activate_is_refused_like_one_who_comes_second(store: &dyn Store) -> Shown {
    two_tenants(store).await;
    let second = refusal(rival(store, "one", add(NUMBER, "root", true)).await)?;
    let service = || (id::service("portal"), false);
    let free = "+15550100999";
    for (request, number) in [("taken", NUMBER), ("free", free)] {
        let change = add(number, "root", true);
        same(refusal(by(store, "rival", service(), request, change).await)?, second.clone())?;
    }
    rival(store, "two", add(NUMBER, "root", false)).await?;
    for (request, actor) in [("service", service()), ("person", (id::user("ada"), true))] {
        let answer = by(store, "rival", actor, request, switch(true)).await;
        same(refusal(answer)?, second.clone())?;
    }
    same(refusal(rival(store, "three", switch(true)).await)?, second)
}

async fn what_a_person_adds_is_inactive(store: &dyn Store) -> Shown {
    two_tenants(store).await;
    let ada = || (id::user("ada"), true);
    let mut told = Vec::new();
    for (request, number) in [("taken", NUMBER), ("free", "+15550100999")] {
        let change = add(number, "root", true);
        let applied = by(store, "rival", ada(), request, change).await?;
        same((applied.changed, applied.warnings.len()), (1, 1))?;
        told.extend(applied.warnings);
    }
    // Whether somebody else has it is told to nobody.
    same(told.first(), told.last())?;
    same(body(store, "rival").await?.active, false)?;
    let again = by(store, "rival", ada(), "again", add(NUMBER, "root", true)).await?;
    same(again.changed, 0)
}

async fn a_person_cannot_activate_and_can_deactivate(store: &dyn Store) -> Shown {
    two_tenants(store).await;
    let ada = || (id::user("ada"), true);
    same(by(store, "acme", ada(), "kept", switch(true)).await?.changed, 0)?;
    same(by(store, "acme", ada(), "off", switch(false)).await?.changed, 1)?;
    refusal(by(store, "acme", ada(), "on", switch(true)).await)?;
    same(body(store, "acme").await?.active, false)
}

async fn an_import_activates_by_the_same_rules(store: &dyn Store) -> Shown {
    two_tenants(store).await;
    // What exists is changed by what sets it (rulings R40).
    let import = |actor, provisions, request| Import {
        tenant: id::tenant("rival"),
        actor,
        provisions,
        request_id: id::request(request),
        parts: vec![Part {
            changes: match request {
                "four" => vec![add(NUMBER, "root", true), switch(true)],
                _ => vec![add(NUMBER, "root", true)],
            },
            faxes: Vec::new(),
        }],
    };
    let second = store.import(&import(id::service("importer"), true, "one"), NOW).await;
    let second = refusal(second.map(|imported| imported.applied))?;
    let withheld = store.import(&import(id::service("importer"), false, "two"), NOW).await;
    same(refusal(withheld.map(|imported| imported.applied))?, second)?;
    let person = store.import(&import(id::user("ada"), true, "three"), NOW).await?;
    same(person.applied.warnings.len(), 1)?;
    same(body(store, "rival").await?.active, false)?;
    apply(store, "off", vec![switch(false)]).await?;
    store.import(&import(id::service("importer"), true, "four"), NOW).await?;
    same(body(store, "rival").await?.active, true)
}

async fn a_number_that_stays_active_needs_no_right(store: &dyn Store) -> Shown {
    two_tenants(store).await;
    let capabilities = Capabilities { voice: false, fax: true, message: true };
    let (account, number) = (id::account("root"), id::number(NUMBER));
    let changed = Change::AddNumber { account, number: number.clone(), capabilities, active: true };
    let able = Change::SetNumberCapabilities { number, capabilities };
    let import = Import {
        tenant: id::tenant("acme"),
        actor: id::user("ada"),
        provisions: false,
        request_id: id::request("one"),
        parts: vec![Part { changes: vec![changed, able], faxes: Vec::new() }],
    };
    let imported = store.import(&import, NOW).await?;
    same((imported.applied.changed, imported.applied.warnings.len()), (1, 0))?;
    let NumberBody { active, message, .. } = body(store, "acme").await?;
    same((active, message), (true, true))
}

async fn a_number_that_is_given_back_keeps_its_row(store: &dyn Store) -> Shown {
    two_tenants(store).await;
    let before = num(store, ObjectKind::Number, NUMBER).await?;
    let root = num(store, ObjectKind::Account, "root").await?;
    same(apply(store, "one", vec![remove()]).await?.changed, 1)?;
    same(apply(store, "two", vec![remove()]).await?.changed, 0)?;
    same(num(store, ObjectKind::Number, NUMBER).await?, before)?;
    same(body(store, "acme").await?, NumberBody::retired(root))?;
    let of_root = reader(store, "acme").await?;
    let listed = { of_root }.list(ObjectKind::Number, Some(root), Num(0), 10).await?;
    same(listed, Vec::new())
}

async fn a_number_that_is_given_back_is_the_same_when_it_comes_back(store: &dyn Store) -> Shown {
    two_tenants(store).await;
    let before = num(store, ObjectKind::Number, NUMBER).await?;
    apply(store, "one", vec![remove()]).await?;
    same(apply(store, "two", vec![add(NUMBER, "other", true)]).await?.changed, 1)?;
    same(num(store, ObjectKind::Number, NUMBER).await?, before)?;
    let other = num(store, ObjectKind::Account, "other").await?;
    let found = find(store, "acme", ObjectKind::Number, NUMBER).await?;
    same(found.and_then(|number| number.account), Some(other))?;
    same(body(store, "acme").await?.active, true)?;
    refusal(rival(store, "three", add(NUMBER, "root", true)).await)?;
    Ok(())
}

async fn a_number_that_is_given_back_can_be_chosen_no_more(store: &dyn Store) -> Shown {
    two_tenants(store).await;
    let told = world("acme").account("root").enter("root").member("ada").faxbox("box");
    let changes = told.batch().changes.split_off(1);
    apply(store, "people", changes).await?;
    apply(store, "remove", vec![remove()]).await?;
    let (account, subject) = (id::account("root"), id::user("ada"));
    let number = || id::number(NUMBER);
    let these = lineguard_core::change::ListValue::These(vec![number()]);
    let list = MemberList::Numbers(NumberList::Access, these);
    let target = lineguard_core::change::NumberTarget::Faxbox(id::faxbox("box"));
    let choices = [
        Change::SetList { account: account.clone(), subject: subject.clone(), list },
        Change::SetDefaultNumber { account: account.clone(), subject, number: Some(number()) },
        Change::SetNumberTarget { number: number(), target, on: true },
        Change::MoveNumber { number: number(), account },
        switch(true),
        switch(false),
    ];
    for (at, change) in choices.into_iter().enumerate() {
        let answer = apply(store, &format!("choose {at}"), vec![change.clone()]).await;
        let unknown = matches!(answer, Err(ApplyError::NotFound(_)));
        holds(unknown, &format!("{change:?} gave {answer:?}"))?;
    }
    Ok(())
}

async fn a_number_that_is_given_back_registers_what_happened_on_it(store: &dyn Store) -> Shown {
    two_tenants(store).await;
    let arrived = |fax, direction| NewFax {
        number: Some(id::number(NUMBER)),
        direction,
        ..received(fax, "root", 0)
    };
    let number = num(store, ObjectKind::Number, NUMBER).await?;
    store.register(&id::tenant("acme"), &[arrived("before", Direction::Inbound)], NOW).await?;
    apply(store, "remove", vec![remove()]).await?;
    let late = [
        arrived("before", Direction::Inbound),
        arrived("in", Direction::Inbound),
        arrived("out", Direction::Outbound),
    ];
    for answer in store.register(&id::tenant("acme"), &late, NOW).await? {
        let fax = answer?.fax;
        same((fax.number, fax.assignee, fax.faxbox), (Some(number), None, None))?;
    }
    // It is nobody's number elsewhere.
    let elsewhere = store.register(&id::tenant("rival"), &late, NOW).await?;
    let unknown = |answer: &Result<_, _>| matches!(answer, Err(ApplyError::NotFound(_)));
    holds(elsewhere.iter().all(unknown), "another tenant's number was taken")
}

async fn a_retired_number_is_brought_in_and_not_twice(store: &dyn Store) -> Shown {
    two_tenants(store).await;
    let (field, _) = refusal(apply(store, "live", vec![retired("root")]).await)?;
    same(field, "number")?;
    same(rival(store, "one", retired("root")).await?.changed, 1)?;
    same(rival(store, "two", retired("root")).await?.changed, 0)?;
    holds(body(store, "rival").await?.was_at.is_some(), "it is in use")?;
    // What the number is elsewhere does not matter: it is not active here.
    same(body(store, "acme").await?.active, true)
}
