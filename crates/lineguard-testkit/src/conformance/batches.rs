//! Batches: atomic, repeatable, and each a revision.

use lineguard_core::change::{Applied, Change};
use lineguard_core::id::{ModelDigest, Revision};
use lineguard_core::port::{ApplyError, Store};
use lineguard_core::row::ObjectKind;

use super::{
    Failure, Shown, apply, apply_batch, behaviours, find, holds, reader, same, tenant_row,
};
use crate::ids as id;
use crate::model::PLAIN;
use crate::world::{batch, world};

behaviours![
    a_change_raises_the_revision_by_one,
    a_batch_raises_the_revision_once,
    what_changes_nothing_raises_nothing,
    a_batch_is_all_or_nothing,
    later_changes_see_earlier_ones,
    a_repeated_request_has_the_first_result,
    a_repeated_request_with_other_changes_is_refused,
    a_refused_batch_does_not_use_up_its_request_id,
    an_unchanged_request_is_remembered_too,
    request_ids_belong_to_their_tenant,
    a_batch_for_no_tenant_is_not_found,
    a_tenant_whose_creation_is_refused_does_not_exist,
    a_tenant_needs_a_model_that_is_in_the_store,
    creating_a_tenant_again_changes_nothing,
    the_tenant_row_holds_what_was_said,
];

fn faxbox(one: &str) -> Change {
    let (account, title) = (id::account("root"), one.to_owned());
    Change::AddFaxbox { account, faxbox: id::faxbox(one), title }
}

fn misplaced() -> Change {
    let (account, title) = (id::account("nowhere"), String::new());
    Change::AddFaxbox { account, faxbox: id::faxbox("misplaced"), title }
}

async fn revision(store: &dyn Store) -> Result<Revision, Failure> {
    Ok(tenant_row(store, "acme").await?.revision)
}

async fn a_change_raises_the_revision_by_one(store: &dyn Store) -> Shown {
    let built = world("acme").account("root").build(store).await;
    same(revision(store).await?, built.revision)?;
    let applied = apply(store, "one", vec![faxbox("a")]).await?;
    same(applied.revision, Revision(built.revision.0 + 1))?;
    same(revision(store).await?, applied.revision)
}

async fn a_batch_raises_the_revision_once(store: &dyn Store) -> Shown {
    let built = world("acme").account("root").build(store).await;
    let applied = apply(store, "three", vec![faxbox("a"), faxbox("b"), faxbox("c")]).await?;
    same(applied.changed, 3)?;
    same(revision(store).await?, Revision(built.revision.0 + 1))
}

async fn what_changes_nothing_raises_nothing(store: &dyn Store) -> Shown {
    let built = world("acme").account("root").faxbox("a").build(store).await;
    let applied = apply(store, "same", vec![faxbox("a")]).await?;
    let unchanged =
        Applied { revision: built.revision, changed: 0, warnings: Vec::new(), repeated: false };
    same(applied, unchanged)?;
    same(revision(store).await?, built.revision)?;
    same(apply(store, "empty", Vec::new()).await?.revision, built.revision)
}

async fn a_batch_is_all_or_nothing(store: &dyn Store) -> Shown {
    let built = world("acme").account("root").build(store).await;
    let error = apply(store, "bad", vec![faxbox("a"), misplaced()]).await.err();
    let Some(ApplyError::NotFound(fault)) = error else {
        return Err(Failure(format!("expected not found: {error:?}")));
    };
    same((fault.change, fault.field), (1, "account"))?;
    same(find(store, "acme", ObjectKind::Faxbox, "a").await?, None)?;
    same(revision(store).await?, built.revision)
}

async fn later_changes_see_earlier_ones(store: &dyn Store) -> Shown {
    world("acme").account("root").build(store).await;
    let (account, parent) = (id::account("branch"), id::account("root"));
    let title = "Branch".to_owned();
    let add = Change::AddAccount { account, parent, title, sealed: false, owner: None };
    let seal = Change::SetSealed { account: id::account("branch"), sealed: true };
    same(apply(store, "both", vec![add, seal]).await?.changed, 2)
}

async fn a_repeated_request_has_the_first_result(store: &dyn Store) -> Shown {
    world("acme").account("root").build(store).await;
    let first = apply(store, "one", vec![faxbox("a")]).await?;
    apply(store, "two", vec![faxbox("b")]).await?;
    let again = Applied { repeated: true, ..first.clone() };
    same((first.repeated, apply(store, "one", vec![faxbox("a")]).await?), (false, again.clone()))?;
    let gone = Change::RemoveFaxbox { faxbox: id::faxbox("a"), faxes: None };
    apply(store, "three", vec![gone]).await?;
    // What it did is undone; the answer is the first one, and says that it is.
    same(apply(store, "one", vec![faxbox("a")]).await?, again)?;
    same(find(store, "acme", ObjectKind::Faxbox, "a").await?, None)
}

async fn a_repeated_request_with_other_changes_is_refused(store: &dyn Store) -> Shown {
    world("acme").account("root").build(store).await;
    apply(store, "one", vec![faxbox("a")]).await?;
    let error = apply(store, "one", vec![faxbox("b")]).await.err();
    same(error, Some(ApplyError::RequestIdReused))?;
    same(find(store, "acme", ObjectKind::Faxbox, "b").await?, None)
}

async fn a_refused_batch_does_not_use_up_its_request_id(store: &dyn Store) -> Shown {
    world("acme").account("root").build(store).await;
    holds(apply(store, "one", vec![misplaced()]).await.is_err(), "should be refused")?;
    same(apply(store, "one", vec![faxbox("a")]).await?.changed, 1)
}

async fn an_unchanged_request_is_remembered_too(store: &dyn Store) -> Shown {
    world("acme").account("root").faxbox("a").build(store).await;
    let first = apply(store, "same", vec![faxbox("a")]).await?;
    apply(store, "other", vec![faxbox("b")]).await?;
    let again = Applied { repeated: true, ..first };
    same(apply(store, "same", vec![faxbox("a")]).await?, again)?;
    let error = apply(store, "same", vec![faxbox("c")]).await.err();
    same(error, Some(ApplyError::RequestIdReused))
}

async fn request_ids_belong_to_their_tenant(store: &dyn Store) -> Shown {
    world("acme").account("root").build(store).await;
    world("other").account("root").build(store).await;
    apply(store, "one", vec![faxbox("a")]).await?;
    let applied = apply_batch(store, &batch("other", "one", vec![faxbox("b")])).await?;
    same(applied.changed, 1)
}

async fn a_batch_for_no_tenant_is_not_found(store: &dyn Store) -> Shown {
    let error = apply(store, "one", vec![faxbox("a")]).await.err();
    let Some(ApplyError::NotFound(fault)) = error else {
        return Err(Failure(format!("expected not found: {error:?}")));
    };
    same(fault.field, "tenant")?;
    holds(store.snapshot(&id::tenant("acme")).await?.is_none(), "a tenant came into being")
}

async fn a_tenant_whose_creation_is_refused_does_not_exist(store: &dyn Store) -> Shown {
    store.put_model(PLAIN).await?;
    let told = world("acme").account("root").change(misplaced());
    holds(apply_batch(store, &told.batch()).await.is_err(), "should be refused")?;
    holds(store.snapshot(&id::tenant("acme")).await?.is_none(), "the tenant exists")?;
    same(store.tenants(id::NONE, 10).await?, Vec::new())?;
    world("acme").account("root").build(store).await;
    Ok(())
}

async fn a_tenant_needs_a_model_that_is_in_the_store(store: &dyn Store) -> Shown {
    let told = world("acme").account("root");
    let error = apply_batch(store, &told.batch()).await.err();
    let Some(ApplyError::Invalid(faults)) = error else {
        return Err(Failure(format!("expected invalid: {error:?}")));
    };
    same(faults.iter().map(|fault| fault.field).collect(), vec!["model"])
}

async fn creating_a_tenant_again_changes_nothing(store: &dyn Store) -> Shown {
    let told = world("acme").account("root").owner("ada").faxbox("box");
    let built = told.clone().build(store).await;
    let again = batch("acme", "again", told.batch().changes);
    let applied = apply_batch(store, &again).await?;
    same((applied.changed, applied.revision), (0, built.revision))
}

async fn the_tenant_row_holds_what_was_said(store: &dyn Store) -> Shown {
    let built = world("acme").account("root").build(store).await;
    let row = tenant_row(store, "acme").await?;
    same(
        (row.id, row.title, row.model),
        (id::tenant("acme"), "acme".to_owned(), ModelDigest::of(PLAIN)),
    )?;
    same((row.num, row.revision), (built.num, built.revision))?;
    holds(row.revision > Revision(0), "a tenant that exists has a revision")?;
    same(reader(store, "acme").await?.tenant().await?.num, built.num)
}
