//! Objects and links: finding, listing, directions.

use lineguard_core::change::{Change, UserOrGroup};
use lineguard_core::id::Num;
use lineguard_core::port::Store;
use lineguard_core::row::{LinkKind, ObjectKind};

use super::{Shown, apply, behaviours, find, holds, num, reader, same, tenant_row};
use crate::ids as id;
use crate::world::{received, world};

behaviours![
    find_answers_in_the_order_asked,
    find_takes_five_hundred_keys_at_once,
    the_same_id_names_one_object_of_each_kind,
    ids_of_members_are_unique_in_their_account_only,
    get_answers_what_exists,
    get_takes_five_hundred_numbers_at_once,
    list_pages_in_order_of_number,
    list_keeps_to_an_account,
    links_have_a_direction,
    ends_of_links_are_ascending,
    links_that_are_taken_away_are_gone,
    numbers_are_never_used_again,
    bodies_and_titles_are_kept_as_they_are,
    tenants_share_nothing,
];

async fn find_answers_in_the_order_asked(store: &dyn Store) -> Shown {
    world("acme").account("root").faxbox("a").faxbox("b").build(store).await;
    let mut reader = reader(store, "acme").await?;
    let keys = ["b", "none", "a", "b"].map(|one| (ObjectKind::Faxbox, Num(0), one));
    let found = reader.find(&keys).await?;
    let found: Vec<_> = found.into_iter().map(|one| one.map(|object| object.id)).collect();
    let text = |one: &str| Some(one.to_owned());
    same(found, vec![text("b"), None, text("a"), text("b")])?;
    same(reader.find(&[]).await?, Vec::new())
}

async fn find_takes_five_hundred_keys_at_once(store: &dyn Store) -> Shown {
    world("acme").account("root").faxbox("last").build(store).await;
    let mut ids: Vec<String> = (0..499).map(|one| format!("none-{one}")).collect();
    ids.push("last".to_owned());
    let keys: Vec<_> = ids.iter().map(|one| (ObjectKind::Faxbox, Num(0), one.as_str())).collect();
    let found = reader(store, "acme").await?.find(&keys).await?;
    same(found.len(), 500)?;
    holds(found.last().is_some_and(Option::is_some), "the last key was not found")?;
    same(found.iter().flatten().count(), 1)
}

async fn the_same_id_names_one_object_of_each_kind(store: &dyn Store) -> Shown {
    world("acme")
        .account("x")
        .faxbox("x")
        .group("x", &[])
        .extension("x")
        .queue("x")
        .build(store)
        .await;
    let kinds = [
        ObjectKind::Account,
        ObjectKind::Faxbox,
        ObjectKind::Group,
        ObjectKind::Extension,
        ObjectKind::Queue,
    ];
    let mut nums = Vec::new();
    for kind in kinds {
        let found = find(store, "acme", kind, "x").await?;
        same(found.as_ref().map(|object| object.kind), Some(kind))?;
        nums.extend(found.map(|object| object.num));
    }
    nums.sort();
    nums.dedup();
    same(nums.len(), kinds.len())
}

async fn ids_of_members_are_unique_in_their_account_only(store: &dyn Store) -> Shown {
    world("acme").account("root").member("ada").account("branch").member("ada").build(store).await;
    let (root, branch) = (
        num(store, ObjectKind::Account, "root").await?,
        num(store, ObjectKind::Account, "branch").await?,
    );
    let mut reader = reader(store, "acme").await?;
    let keys = [root, branch, Num(0)].map(|scope| (ObjectKind::Member, scope, "user:ada"));
    let found = reader.find(&keys).await?;
    let accounts: Vec<_> =
        found.into_iter().map(|one| one.and_then(|object| object.account)).collect();
    same(accounts, vec![Some(root), Some(branch), None])
}

async fn get_answers_what_exists(store: &dyn Store) -> Shown {
    world("acme").account("root").faxbox("a").faxbox("b").build(store).await;
    let (a, b) =
        (num(store, ObjectKind::Faxbox, "a").await?, num(store, ObjectKind::Faxbox, "b").await?);
    let mut reader = reader(store, "acme").await?;
    let mut found = reader.get(&[b, Num::UNKNOWN, a]).await?;
    found.sort_by_key(|object| object.num);
    same(found.into_iter().map(|object| object.num).collect(), vec![a, b])?;
    same(reader.get(&[]).await?, Vec::new())
}

async fn get_takes_five_hundred_numbers_at_once(store: &dyn Store) -> Shown {
    world("acme").account("root").faxbox("a").build(store).await;
    let a = num(store, ObjectKind::Faxbox, "a").await?;
    let nums: Vec<Num> = (0..499).map(|one| Num(1_000_000 + one)).chain([a]).collect();
    let found = reader(store, "acme").await?.get(&nums).await?;
    same(found.into_iter().map(|object| object.num).collect(), vec![a])
}

async fn list_pages_in_order_of_number(store: &dyn Store) -> Shown {
    let mut told = world("acme").account("root");
    for one in 0..7 {
        told = told.faxbox(&format!("box-{one}"));
    }
    told.group("g", &[]).build(store).await;
    let mut reader = reader(store, "acme").await?;
    let mut walked = Vec::new();
    loop {
        let after = walked.last().map_or(id::NONE, |(num, _)| *num);
        let page = reader.list(ObjectKind::Faxbox, None, after, 3).await?;
        if page.is_empty() {
            break;
        }
        holds(page.len() <= 3, "a page is longer than its limit")?;
        walked.extend(page.into_iter().map(|object| (object.num, object.id)));
    }
    holds(walked.is_sorted_by(|a, b| a.0 < b.0), "not in order of number")?;
    same(walked.len(), 7)
}

async fn list_keeps_to_an_account(store: &dyn Store) -> Shown {
    world("acme").account("root").faxbox("a").account("branch").faxbox("b").build(store).await;
    let (root, branch) = (
        num(store, ObjectKind::Account, "root").await?,
        num(store, ObjectKind::Account, "branch").await?,
    );
    let mut reader = reader(store, "acme").await?;
    let faxboxes = reader.list(ObjectKind::Faxbox, Some(branch), id::NONE, 10).await?;
    same(faxboxes.into_iter().map(|object| object.id).collect(), vec!["b".to_owned()])?;
    let children = reader.list(ObjectKind::Account, Some(root), id::NONE, 10).await?;
    same(children.into_iter().map(|object| object.id).collect(), vec!["branch".to_owned()])
}

async fn links_have_a_direction(store: &dyn Store) -> Shown {
    world("acme").account("root").member("ada").faxbox("box").join("ada", "box").build(store).await;
    let faxbox = num(store, ObjectKind::Faxbox, "box").await?;
    let ada = num(store, ObjectKind::Subject, "user:ada").await?;
    let mut reader = reader(store, "acme").await?;
    same(reader.links_from(LinkKind::FaxboxUser, faxbox).await?, vec![ada])?;
    same(reader.links_to(LinkKind::FaxboxUser, ada).await?, vec![faxbox])?;
    same(reader.links_from(LinkKind::FaxboxUser, ada).await?, Vec::new())?;
    same(reader.links_to(LinkKind::FaxboxUser, faxbox).await?, Vec::new())?;
    same(reader.links_from(LinkKind::FaxboxOwner, faxbox).await?, Vec::new())
}

async fn ends_of_links_are_ascending(store: &dyn Store) -> Shown {
    let mut told = world("acme").account("root").member("a").member("b").member("c").faxbox("box");
    for one in ["c", "a", "b"] {
        told = told.join(one, "box");
    }
    told.faxbox("other").join("a", "other").build(store).await;
    let faxbox = num(store, ObjectKind::Faxbox, "box").await?;
    let mut subjects = Vec::new();
    for one in ["user:a", "user:b", "user:c"] {
        subjects.push(num(store, ObjectKind::Subject, one).await?);
    }
    subjects.sort();
    let mut reader = reader(store, "acme").await?;
    same(reader.links_from(LinkKind::FaxboxUser, faxbox).await?, subjects.clone())?;
    let a = subjects.first().copied().unwrap_or(Num::UNKNOWN);
    same(reader.links_to(LinkKind::FaxboxUser, a).await?.len(), 2)
}

async fn links_that_are_taken_away_are_gone(store: &dyn Store) -> Shown {
    world("acme").account("root").member("ada").faxbox("box").join("ada", "box").build(store).await;
    let member = UserOrGroup::User(id::user("ada"));
    let out = Change::SetFaxboxMember { faxbox: id::faxbox("box"), member, on: false };
    same(apply(store, "out", vec![out.clone()]).await?.changed, 1)?;
    same(apply(store, "again", vec![out]).await?.changed, 0)?;
    let faxbox = num(store, ObjectKind::Faxbox, "box").await?;
    let mut reader = reader(store, "acme").await?;
    same(reader.links_from(LinkKind::FaxboxUser, faxbox).await?, Vec::new())
}

async fn numbers_are_never_used_again(store: &dyn Store) -> Shown {
    world("acme").account("root").group("g", &[]).build(store).await;
    let before = num(store, ObjectKind::Group, "g").await?;
    let group = id::group("g");
    apply(store, "remove", vec![Change::RemoveGroup { group: group.clone() }]).await?;
    same(find(store, "acme", ObjectKind::Group, "g").await?, None)?;
    let account = id::account("root");
    let add = Change::AddGroup { account, group, title: String::new(), roles: Vec::new() };
    apply(store, "add", vec![add]).await?;
    holds(num(store, ObjectKind::Group, "g").await? > before, "a number was used again")
}

async fn bodies_and_titles_are_kept_as_they_are(store: &dyn Store) -> Shown {
    let title = "Ünïcode 😀 'quoted' \"twice\" \\ % _ ";
    world("acme").account("root").build(store).await;
    let (account, faxbox) = (id::account("root"), id::faxbox("box"));
    let add = Change::AddFaxbox { account, faxbox, title: title.to_owned() };
    apply(store, "add", vec![add]).await?;
    let found = find(store, "acme", ObjectKind::Faxbox, "box").await?;
    let body = found.map(|object| object.body).unwrap_or_default();
    let body: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
    same(body.get("title").and_then(serde_json::Value::as_str), Some(title))
}

async fn tenants_share_nothing(store: &dyn Store) -> Shown {
    for tenant in ["acme", "other"] {
        let told = world(tenant).account("root").member("ada").faxbox("box").join("ada", "box");
        told.fax(received("f", "root", 0)).build(store).await;
    }
    world("third").account("root").build(store).await;
    let before = tenant_row(store, "other").await?;
    apply(store, "remove", vec![Change::RemoveFaxbox { faxbox: id::faxbox("box"), faxes: None }])
        .await?;
    apply(store, "delete", vec![Change::DeleteFax { fax: id::fax("f") }]).await?;
    same(tenant_row(store, "other").await?, before)?;
    holds(find(store, "other", ObjectKind::Faxbox, "box").await?.is_some(), "removed in another")?;
    same(find(store, "acme", ObjectKind::Faxbox, "box").await?, None)?;
    same(find(store, "third", ObjectKind::Subject, "user:ada").await?, None)?;
    let fax = reader(store, "other").await?.fax(&id::fax("f")).await?;
    holds(fax.is_some(), "a fax of another tenant was deleted")?;
    let fax = reader(store, "third").await?.fax(&id::fax("f")).await?;
    holds(fax.is_none(), "a fax is seen from another tenant")
}
