//! Removing faxboxes and groups on which much hangs. When the change has been applied all of it is
//! gone for every reader, however a store takes it away.

use lineguard_core::change::{Change, FaxesLeft, NewFax, NumberTarget, UserOrGroup};
use lineguard_core::id::Num;
use lineguard_core::model::reach::{Direction, FaxState};
use lineguard_core::port::{ApplyError, FaxColumn, FaxRow, FaxSlice, Seek, Store};
use lineguard_core::row::{LinkKind, ObjectKind};

use super::{Failure, Shown, acme, apply, behaviours, find, holds, num, reader, same, tenant_row};
use crate::ids as id;
use crate::model::PLAIN;
use crate::world::{NOW, World, received, world};

behaviours![
    removing_a_faxbox_deletes_its_faxes,
    removing_a_group_leaves_its_faxes_unassigned,
    a_faxbox_with_faxes_is_not_removed_without_a_word,
    a_faxbox_without_faxes_needs_no_word,
    the_model_says_what_becomes_of_faxes_and_the_change_says_it_louder,
    faxes_that_are_kept_belong_to_no_faxbox,
    faxes_that_are_kept_can_be_changed,
    a_fax_that_went_with_its_faxbox_cannot_be_written,
    an_id_that_went_with_its_faxbox_is_never_used_again,
    a_kept_fax_can_be_registered_again_as_the_same,
    a_new_faxbox_with_the_id_begins_empty,
    a_new_group_with_the_id_begins_empty,
    pages_are_full_whatever_is_removed,
    members_have_nothing_left_of_what_is_removed,
    an_account_is_empty_when_its_faxboxes_went_with_their_faxes,
    an_account_is_not_empty_while_faxes_are_kept,
    a_number_can_go_where_its_faxbox_went,
];

const NUMBER: &str = "+15550100100";

fn office() -> World {
    world("acme").account("root").number(NUMBER).member("ada").member("bob").faxbox("box")
}

fn in_box(fax: &str, faxbox: &str, minutes: i64) -> NewFax {
    NewFax { faxbox: Some(id::faxbox(faxbox)), ..received(fax, "root", minutes) }
}

fn remove(faxes: Option<FaxesLeft>) -> Vec<Change> {
    vec![Change::RemoveFaxbox { faxbox: id::faxbox("box"), faxes }]
}

async fn stored(store: &dyn Store, fax: &str) -> Result<Option<FaxRow>, Failure> {
    Ok(reader(store, "acme").await?.fax(&id::fax(fax)).await?)
}

async fn removing_a_faxbox_deletes_its_faxes(store: &dyn Store) -> Shown {
    let mut told = office().faxbox("other");
    for one in 0..20 {
        let faxbox = Some(id::faxbox("box"));
        told = told.fax(NewFax { faxbox, ..received(&format!("f-{one}"), "root", one) });
    }
    let kept = NewFax { faxbox: Some(id::faxbox("other")), ..received("kept", "root", 0) };
    told.join("ada", "box").fax(kept).build(store).await;
    let (faxbox, faxes) = (id::faxbox("box"), Some(FaxesLeft::Delete));
    apply(store, "remove", vec![Change::RemoveFaxbox { faxbox, faxes }]).await?;
    same(find(store, "acme", ObjectKind::Faxbox, "box").await?, None)?;
    let mut reader = reader(store, "acme").await?;
    for one in 0..20 {
        same(reader.fax(&id::fax(&format!("f-{one}"))).await?, None)?;
    }
    holds(reader.fax(&id::fax("kept")).await?.is_some(), "a fax of another faxbox is gone")
}

async fn removing_a_group_leaves_its_faxes_unassigned(store: &dyn Store) -> Shown {
    office().group("g", &[]).fax(received("f", "root", 0)).build(store).await;
    let assignee = Some(UserOrGroup::Group(id::group("g")));
    apply(store, "assign", vec![Change::AssignFax { fax: id::fax("f"), assignee }]).await?;
    let group = num(store, ObjectKind::Group, "g").await?;
    same(stored(store, "f").await?.and_then(|fax| fax.assignee), Some(group))?;
    apply(store, "remove", vec![Change::RemoveGroup { group: id::group("g") }]).await?;
    same(stored(store, "f").await?.map(|fax| fax.assignee), Some(None))?;
    let seek = Seek { column: FaxColumn::Assignee, value: group, direction: Direction::Inbound };
    let mut reader = reader(store, "acme").await?;
    same(reader.seek_faxes(&[seek], FaxSlice::default(), 9).await?.concat(), Vec::new())
}

async fn a_faxbox_with_faxes_is_not_removed_without_a_word(store: &dyn Store) -> Shown {
    let built = office().fax(in_box("f", "box", 0)).build(store).await;
    match apply(store, "remove", remove(None)).await {
        Err(ApplyError::Refused(fault)) => same((fault.change, fault.field), (0, "faxes"))?,
        other => return Err(Failure(format!("{other:?}"))),
    }
    same(tenant_row(store, "acme").await?.revision, built.revision)?;
    holds(stored(store, "f").await?.is_some(), "the fax is gone")
}

async fn a_faxbox_without_faxes_needs_no_word(store: &dyn Store) -> Shown {
    office().join("ada", "box").build(store).await;
    same(apply(store, "remove", remove(None)).await?.changed, 1)?;
    same(apply(store, "again", remove(None)).await?.changed, 0)?;
    same(find(store, "acme", ObjectKind::Faxbox, "box").await?, None)
}

async fn the_model_says_what_becomes_of_faxes_and_the_change_says_it_louder(
    store: &dyn Store,
) -> Shown {
    let says = |what: &str| format!("{PLAIN}\n[faxbox]\nremoval = \"{what}\"\n");
    let told = office().model(&says("delete")).faxbox("other");
    told.fax(in_box("f", "box", 0)).fax(in_box("g", "other", 0)).build(store).await;
    apply(store, "one", remove(None)).await?;
    same(stored(store, "f").await?, None)?;
    let (faxbox, faxes) = (id::faxbox("other"), Some(FaxesLeft::Keep));
    apply(store, "two", vec![Change::RemoveFaxbox { faxbox, faxes }]).await?;
    same(stored(store, "g").await?.map(|fax| fax.faxbox), Some(None))
}

async fn faxes_that_are_kept_belong_to_no_faxbox(store: &dyn Store) -> Shown {
    let built = office().fax(in_box("f", "box", 0)).build(store).await;
    let before = built.faxes.into_iter().next();
    let faxbox = num(store, ObjectKind::Faxbox, "box").await?;
    apply(store, "remove", remove(Some(FaxesLeft::Keep))).await?;
    let after = before.map(|fax| FaxRow { faxbox: None, ..fax });
    same(stored(store, "f").await?, after.clone())?;
    let mut reader = reader(store, "acme").await?;
    let account = after.as_ref().map_or(Num::UNKNOWN, |fax| fax.account);
    let seek = |column, value| Seek { column, value, direction: Direction::Inbound };
    let seeks = [seek(FaxColumn::Faxbox, faxbox), seek(FaxColumn::Account, account)];
    let found = reader.seek_faxes(&seeks, FaxSlice::default(), 9).await?;
    let kept: Vec<FaxRow> = after.into_iter().collect();
    same(found, vec![Vec::new(), kept.clone()])?;
    same(reader.newest_faxes(FaxSlice::default(), 9).await?, kept.clone())?;
    same(reader.faxes(Num(0), 9).await?, kept)
}

async fn faxes_that_are_kept_can_be_changed(store: &dyn Store) -> Shown {
    office().faxbox("other").fax(in_box("f", "box", 0)).build(store).await;
    apply(store, "remove", remove(Some(FaxesLeft::Keep))).await?;
    let out = Change::MoveFax { fax: id::fax("f"), faxbox: None };
    same(apply(store, "out", vec![out]).await?.changed, 0)?;
    let bin = Change::SetFaxState { fax: id::fax("f"), state: FaxState::Trash };
    same(apply(store, "bin", vec![bin]).await?.changed, 1)?;
    same(
        stored(store, "f").await?.map(|fax| (fax.faxbox, fax.state)),
        Some((None, FaxState::Trash)),
    )?;
    let into = Change::MoveFax { fax: id::fax("f"), faxbox: Some(id::faxbox("other")) };
    same(apply(store, "in", vec![into]).await?.changed, 1)?;
    let other = num(store, ObjectKind::Faxbox, "other").await?;
    same(stored(store, "f").await?.and_then(|fax| fax.faxbox), Some(other))
}

async fn a_fax_that_went_with_its_faxbox_cannot_be_written(store: &dyn Store) -> Shown {
    office().fax(in_box("f", "box", 0)).build(store).await;
    apply(store, "remove", remove(Some(FaxesLeft::Delete))).await?;
    let state = FaxState::Trash;
    for (request, change) in [
        ("assign", Change::AssignFax { fax: id::fax("f"), assignee: None }),
        ("move", Change::MoveFax { fax: id::fax("f"), faxbox: None }),
        ("bin", Change::SetFaxState { fax: id::fax("f"), state }),
    ] {
        let error = apply(store, request, vec![change]).await.err();
        let not_found = matches!(error, Some(ApplyError::NotFound(_)));
        holds(not_found, &format!("{request}: {error:?}"))?;
    }
    let delete = Change::DeleteFax { fax: id::fax("f") };
    same(apply(store, "delete", vec![delete]).await?.changed, 0)
}

async fn an_id_that_went_with_its_faxbox_is_never_used_again(store: &dyn Store) -> Shown {
    office().fax(in_box("f", "box", 0)).build(store).await;
    apply(store, "remove", remove(Some(FaxesLeft::Delete))).await?;
    let (account, faxbox) = (id::account("root"), id::faxbox("box"));
    let add = Change::AddFaxbox { account, faxbox, title: String::new() };
    apply(store, "add", vec![add]).await?;
    for fax in [in_box("f", "box", 0), received("f", "root", 5)] {
        let answer = store.register(&acme(), &[fax], NOW).await?.into_iter().next();
        let taken = matches!(answer, Some(Err(ApplyError::AlreadyExists(_))));
        holds(taken, &format!("{answer:?}"))?;
    }
    same(stored(store, "f").await?, None)
}

async fn a_kept_fax_can_be_registered_again_as_the_same(store: &dyn Store) -> Shown {
    office().fax(in_box("f", "box", 0)).build(store).await;
    apply(store, "remove", remove(Some(FaxesLeft::Keep))).await?;
    let answer = store.register(&acme(), &[in_box("f", "box", 0)], NOW).await?;
    let answer = answer.into_iter().next().and_then(Result::ok);
    same(answer.map(|answer| (answer.created, answer.fax.faxbox)), Some((false, None)))
}

async fn a_new_faxbox_with_the_id_begins_empty(store: &dyn Store) -> Shown {
    let told = office().join("ada", "box").group("g", &[]).join_group("g", "box");
    let (number, target) = (id::number(NUMBER), NumberTarget::Faxbox(id::faxbox("box")));
    let told = told.change(Change::SetNumberTarget { number, target, on: true });
    let (faxbox, subject) = (id::faxbox("box"), id::user("ada"));
    let told = told.change(Change::SetFaxboxOwner { faxbox, subject, owner: true });
    told.fax(in_box("f", "box", 0)).build(store).await;
    let before = num(store, ObjectKind::Faxbox, "box").await?;
    let (account, faxbox) = (id::account("root"), id::faxbox("box"));
    let mut changes = remove(Some(FaxesLeft::Delete));
    changes.push(Change::AddFaxbox { account, faxbox, title: String::new() });
    same(apply(store, "both", changes).await?.changed, 2)?;
    let after = num(store, ObjectKind::Faxbox, "box").await?;
    holds(after > before, "a number was used again")?;
    let number = num(store, ObjectKind::Number, NUMBER).await?;
    let mut reader = reader(store, "acme").await?;
    for faxbox in [before, after] {
        same(reader.get(&[faxbox]).await?.len(), usize::from(faxbox == after))?;
        for kind in [LinkKind::FaxboxUser, LinkKind::FaxboxGroup, LinkKind::FaxboxOwner] {
            same(reader.links_from(kind, faxbox).await?, Vec::new())?;
        }
        same(reader.links_to(LinkKind::NumberFaxbox, faxbox).await?, Vec::new())?;
        same(reader.links_of(&[faxbox]).await?, Vec::new())?;
    }
    same(reader.links_from(LinkKind::NumberFaxbox, number).await?, Vec::new())
}

async fn a_new_group_with_the_id_begins_empty(store: &dyn Store) -> Shown {
    let told = office().group("g", &[]).in_group("ada", "g").join_group("g", "box");
    told.build(store).await;
    let before = num(store, ObjectKind::Group, "g").await?;
    let (account, group) = (id::account("root"), id::group("g"));
    let add = Change::AddGroup { account, group, title: String::new(), roles: Vec::new() };
    apply(store, "both", vec![Change::RemoveGroup { group: id::group("g") }, add]).await?;
    let (faxbox, ada) = (
        num(store, ObjectKind::Faxbox, "box").await?,
        num(store, ObjectKind::Subject, "user:ada").await?,
    );
    let mut reader = reader(store, "acme").await?;
    same(reader.links_from(LinkKind::GroupMember, before).await?, Vec::new())?;
    same(reader.links_to(LinkKind::GroupMember, ada).await?, Vec::new())?;
    same(reader.links_from(LinkKind::FaxboxGroup, faxbox).await?, Vec::new())?;
    same(reader.links_of(&[faxbox]).await?, Vec::new())
}

async fn pages_are_full_whatever_is_removed(store: &dyn Store) -> Shown {
    let mut told = office().faxbox("other");
    for one in 0..40 {
        let faxbox = if one % 4 == 0 { "other" } else { "box" };
        told = told.fax(in_box(&format!("f-{one}"), faxbox, one));
    }
    let account = told.build(store).await.faxes.first().map_or(Num::UNKNOWN, |fax| fax.account);
    apply(store, "remove", remove(Some(FaxesLeft::Delete))).await?;
    let mut reader = reader(store, "acme").await?;
    let newest = reader.newest_faxes(FaxSlice::default(), 6).await?;
    let ids: Vec<_> = newest.iter().map(|fax| fax.id.as_str()).collect();
    same(ids, vec!["f-36", "f-32", "f-28", "f-24", "f-20", "f-16"])?;
    let seek = Seek { column: FaxColumn::Account, value: account, direction: Direction::Inbound };
    same(reader.seek_faxes(&[seek], FaxSlice::default(), 6).await?, vec![newest])?;
    same(reader.faxes(Num(0), 6).await?.len(), 6)
}

async fn members_have_nothing_left_of_what_is_removed(store: &dyn Store) -> Shown {
    let told = office().join("ada", "box").group("g", &[]).in_group("ada", "g");
    let told = told.faxbox("far").join_group("g", "far");
    let (group, subject) = (id::group("g"), id::user("ada"));
    let told = told.change(Change::SetGroupOwner { group, subject, owner: true });
    told.in_group("bob", "g").build(store).await;
    let mut changes = remove(None);
    changes.push(Change::RemoveGroup { group: id::group("g") });
    apply(store, "remove", changes).await?;
    let mut reader = reader(store, "acme").await?;
    let rows = reader.member_rows(&id::account("root"), &id::user("ada")).await?;
    let rows = rows.ok_or_else(|| Failure("no rows".to_owned()))?;
    same(rows.links, Vec::new())?;
    same(rows.homes, Vec::new())?;
    holds(rows.objects.iter().all(|object| object.kind != ObjectKind::Group), "the group is left")
}

fn branch() -> World {
    let told = world("acme").account("root").member("ada").account("branch").faxbox("box");
    let faxbox = Some(id::faxbox("box"));
    told.fax(NewFax { faxbox, ..received("f", "branch", 0) })
}

async fn an_account_is_empty_when_its_faxboxes_went_with_their_faxes(store: &dyn Store) -> Shown {
    branch().build(store).await;
    apply(store, "remove", remove(Some(FaxesLeft::Delete))).await?;
    let gone = Change::RemoveAccount { account: id::account("branch") };
    same(apply(store, "account", vec![gone]).await?.changed, 1)?;
    same(stored(store, "f").await?, None)
}

async fn an_account_is_not_empty_while_faxes_are_kept(store: &dyn Store) -> Shown {
    branch().build(store).await;
    apply(store, "remove", remove(Some(FaxesLeft::Keep))).await?;
    let gone = Change::RemoveAccount { account: id::account("branch") };
    let error = apply(store, "account", vec![gone]).await.err();
    holds(matches!(error, Some(ApplyError::Refused(_))), &format!("{error:?}"))
}

async fn a_number_can_go_where_its_faxbox_went(store: &dyn Store) -> Shown {
    let (number, target) = (id::number(NUMBER), NumberTarget::Faxbox(id::faxbox("box")));
    office().change(Change::SetNumberTarget { number, target, on: true }).build(store).await;
    apply(store, "remove", remove(None)).await?;
    let inactive = Change::SetNumberActive { number: id::number(NUMBER), active: false };
    let gone = Change::RemoveNumber { number: id::number(NUMBER) };
    same(apply(store, "number", vec![inactive, gone]).await?.changed, 2)
}
