//! Snapshots, the account switcher, tenants, model texts and secrets.

use lineguard_core::change::Change;
use lineguard_core::id::{ModelDigest, Num};
use lineguard_core::port::Store;
use lineguard_core::row::{LinkKind, ObjectKind};

use super::{Failure, Shown, apply, behaviours, find, holds, num, reader, same};
use crate::ids as id;
use crate::model::{PLAIN, several_targets};
use crate::world::{received, world};

behaviours![
    a_snapshot_is_of_one_revision,
    a_new_snapshot_sees_what_was_applied,
    an_unknown_tenant_has_no_snapshot,
    accounts_of_a_subject_come_from_all_tenants,
    accounts_of_a_subject_come_in_pages,
    accounts_of_a_stranger_are_none,
    tenants_come_in_order_and_pages,
    model_texts_are_kept_under_their_digest,
    model_texts_are_kept_byte_for_byte,
    an_unknown_model_text_is_none,
    a_tenant_moves_to_another_model,
    a_secret_is_made_once,
    secrets_have_names,
];

async fn a_snapshot_is_of_one_revision(store: &dyn Store) -> Shown {
    let built = world("acme")
        .account("root")
        .member("ada")
        .faxbox("box")
        .join("ada", "box")
        .fax(received("f", "root", 0))
        .build(store)
        .await;
    let faxbox = num(store, ObjectKind::Faxbox, "box").await?;
    let mut before = reader(store, "acme").await?;
    same(before.tenant().await?.revision, built.revision)?;
    let (account, subject) = (id::account("root"), id::user("ada"));
    let changes = vec![
        Change::RemoveMember { account, subject },
        Change::RemoveFaxbox { faxbox: id::faxbox("box"), faxes: None },
        Change::DeleteFax { fax: id::fax("f") },
    ];
    let applied = apply(store, "change", changes).await?;
    same(before.tenant().await?.revision, built.revision)?;
    same(before.find(&[(ObjectKind::Faxbox, Num(0), "box")]).await?.iter().flatten().count(), 1)?;
    same(before.links_from(LinkKind::FaxboxUser, faxbox).await?.len(), 1)?;
    holds(before.fax(&id::fax("f")).await?.is_some(), "the fax is gone from the snapshot")?;
    let rows = before.member_rows(&id::account("root"), &id::user("ada")).await?;
    let rows = rows.ok_or_else(|| Failure("no rows".to_owned()))?;
    same(rows.tenant.revision, built.revision)?;
    same(rows.links.len(), 1)?;
    drop(before);
    // A store that takes rows away in steps raises it further.
    let after = reader(store, "acme").await?.tenant().await?.revision;
    holds(after >= applied.revision, "a new snapshot is of before the change")
}

async fn a_new_snapshot_sees_what_was_applied(store: &dyn Store) -> Shown {
    world("acme").account("root").build(store).await;
    for one in 0..5 {
        let title = String::new();
        let faxbox = format!("box-{one}");
        let add =
            Change::AddFaxbox { account: id::account("root"), faxbox: id::faxbox(&faxbox), title };
        let applied = apply(store, &faxbox, vec![add]).await?;
        holds(find(store, "acme", ObjectKind::Faxbox, &faxbox).await?.is_some(), "not seen")?;
        same(reader(store, "acme").await?.tenant().await?.revision, applied.revision)?;
    }
    Ok(())
}

async fn an_unknown_tenant_has_no_snapshot(store: &dyn Store) -> Shown {
    holds(store.snapshot(&id::tenant("none")).await?.is_none(), "a snapshot of nothing")
}

/// Member of two accounts of `acme` and one of `other`.
async fn member_of_three(store: &dyn Store) {
    let acme = world("acme").account("root").member("ada").account("branch").member("ada");
    acme.account("side").member("bob").build(store).await;
    world("other").account("home").member("ada").build(store).await;
}

async fn accounts_of_a_subject_come_from_all_tenants(store: &dyn Store) -> Shown {
    member_of_three(store).await;
    let found = store.accounts_of(&id::user("ada"), None, 10).await?;
    let names: Vec<_> =
        found.iter().map(|(_, one)| (one.tenant.as_str(), one.account.id.as_str())).collect();
    same(names, vec![("acme", "root"), ("acme", "branch"), ("other", "home")])?;
    for (_, one) in &found {
        same(one.tenant_title.as_str(), one.tenant.as_str())?;
        same((one.member.kind, one.member.id.as_str()), (ObjectKind::Member, "user:ada"))?;
        same(one.member.account, Some(one.account.num))?;
    }
    Ok(())
}

async fn accounts_of_a_subject_come_in_pages(store: &dyn Store) -> Shown {
    member_of_three(store).await;
    let whole = store.accounts_of(&id::user("ada"), None, 10).await?;
    let mut walked = Vec::new();
    let mut after = None;
    loop {
        let page = store.accounts_of(&id::user("ada"), after, 1).await?;
        let Some((tenant, last)) = page.last() else {
            break;
        };
        after = Some((*tenant, last.account.num));
        walked.extend(page);
        holds(walked.len() < 10, "the walk does not end")?;
    }
    same(walked, whole)
}

async fn accounts_of_a_stranger_are_none(store: &dyn Store) -> Shown {
    member_of_three(store).await;
    for stranger in [id::user("nobody"), id::user("Ada"), id::user("ada "), id::service("ada")] {
        same(store.accounts_of(&stranger, None, 10).await?.len(), 0)?;
    }
    Ok(())
}

async fn tenants_come_in_order_and_pages(store: &dyn Store) -> Shown {
    for one in ["c", "a", "b"] {
        world(one).account("root").build(store).await;
    }
    let whole = store.tenants(id::NONE, 10).await?;
    same(whole.iter().map(|row| row.id.as_str()).collect(), vec!["c", "a", "b"])?;
    holds(whole.is_sorted_by(|a, b| a.num < b.num), "not in order of number")?;
    let first = store.tenants(id::NONE, 2).await?;
    let after = first.last().map_or(id::NONE, |row| row.num);
    let rest = store.tenants(after, 2).await?;
    same([first, rest].concat(), whole)
}

async fn model_texts_are_kept_under_their_digest(store: &dyn Store) -> Shown {
    let digest = store.put_model(PLAIN).await?;
    same(digest, ModelDigest::of(PLAIN))?;
    same(store.put_model(PLAIN).await?, digest)?;
    let other = store.put_model(&several_targets()).await?;
    holds(other != digest, "two texts under one digest")?;
    same(store.model_text(&digest).await?.as_deref(), Some(PLAIN))?;
    same(store.model_text(&other).await?, Some(several_targets()))
}

async fn model_texts_are_kept_byte_for_byte(store: &dyn Store) -> Shown {
    let text = format!("{PLAIN}# Ünïcode 😀 cafe\u{301}\r\n\t{}\n \n", "long ".repeat(30_000));
    let digest = store.put_model(&text).await?;
    same(store.model_text(&digest).await? == Some(text), true)
}

async fn an_unknown_model_text_is_none(store: &dyn Store) -> Shown {
    same(store.model_text(&ModelDigest([7; 32])).await?, None)
}

async fn a_tenant_moves_to_another_model(store: &dyn Store) -> Shown {
    let built = world("acme").account("root").build(store).await;
    let model = store.put_model(&several_targets()).await?;
    let applied = apply(store, "move", vec![Change::SetModel { model }]).await?;
    same((applied.changed, applied.revision.0), (1, built.revision.0 + 1))?;
    let row = reader(store, "acme").await?.tenant().await?;
    same((row.model, row.revision), (model, applied.revision))?;
    let rows =
        reader(store, "acme").await?.member_rows(&id::account("root"), &id::user("a")).await?;
    same(rows.map(|rows| rows.tenant.model), Some(model))
}

async fn a_secret_is_made_once(store: &dyn Store) -> Shown {
    let first = store.secret("page_token", &|| vec![0, 1, 255]).await?;
    same(first, vec![0, 1, 255])?;
    same(store.secret("page_token", &|| vec![9]).await?, vec![0, 1, 255])
}

async fn secrets_have_names(store: &dyn Store) -> Shown {
    store.secret("one", &|| vec![1]).await?;
    same(store.secret("two", &|| vec![2]).await?, vec![2])
}
