//! Imports: changes and faxes of one tenant in one transaction.

use lineguard_core::change::{
    Applied, Change, Import, Imported, MAX_WARNINGS, NewFax, Part, UserOrGroup, Warning,
};
use lineguard_core::facts::MemberStatus;
use lineguard_core::id::{Num, Revision};
use lineguard_core::model::reach::FaxState;
use lineguard_core::port::{ApplyError, Fault, FaxRow, Store};
use lineguard_core::row::{Link, LinkKind, ObjectKind};

use super::{Failure, Shown, acme, behaviours, find, holds, num, reader, same, tenant_row};
use crate::ids as id;
use crate::world::{NOW, World, received, world};

behaviours! {
    an_import_makes_a_tenant_with_its_faxes,
    an_import_that_fails_in_a_fax_leaves_nothing,
    an_import_that_fails_in_a_late_part_leaves_nothing,
    a_second_import_changes_nothing_and_registers_nothing,
    an_import_takes_the_title_of_what_exists_and_nothing_else,
    an_import_brings_nobody_back_without_a_word,
    a_repeat_of_an_import_returns_the_first_result,
    of_very_many_warnings_the_first_are_told,
    parts_are_applied_in_their_order,
    a_fax_may_say_what_was_said_first_or_what_is_so_now,
    an_import_restores_an_assignee_who_has_left,
    all_links_of_objects_are_read_at_once,
    faxes_are_read_in_the_order_of_their_registration,
}

fn import(request: &str, parts: Vec<Part>) -> Import {
    let (actor, request_id) = (id::service("importer"), id::request(request));
    Import { tenant: acme(), actor, provisions: true, request_id, parts }
}

fn part(changes: Vec<Change>, faxes: Vec<NewFax>) -> Part {
    Part { changes, faxes }
}

/// The changes of a world with one root.
fn changes(world: World) -> Vec<Change> {
    world.batch().changes
}

fn root() -> World {
    world("acme").account("root")
}

fn in_root(fax: &str) -> NewFax {
    received(fax, "root", 0)
}

fn lost(fax: &str) -> NewFax {
    NewFax { faxbox: Some(id::faxbox("nowhere")), ..in_root(fax) }
}

async fn put_plain(store: &dyn Store) -> Shown {
    store.put_model(crate::model::PLAIN).await?;
    Ok(())
}

async fn fax(store: &dyn Store, fax: &str) -> Result<Option<FaxRow>, Failure> {
    Ok(reader(store, "acme").await?.fax(&id::fax(fax)).await?)
}

/// The error without what it says to people.
fn place(error: &ApplyError) -> Option<(usize, &'static str)> {
    let fault = match error {
        ApplyError::Invalid(faults) => faults.first()?,
        ApplyError::NotFound(fault)
        | ApplyError::AlreadyExists(fault)
        | ApplyError::Refused(fault)
        | ApplyError::NotNow(fault) => fault,
        ApplyError::Store(_) | ApplyError::RequestIdReused => return None,
    };
    let Fault { change, field, .. } = fault;
    Some((*change, field))
}

async fn an_import_makes_a_tenant_with_its_faxes(store: &dyn Store) -> Shown {
    put_plain(store).await?;
    let faxes = vec![in_root("a"), in_root("b")];
    let all = import("one", vec![part(changes(root().faxbox("box")), faxes)]);
    let applied =
        Applied { revision: Revision(1), changed: 2, warnings: Vec::new(), repeated: false };
    same(store.import(&all, NOW).await?, Imported { applied, registered: 2 })?;
    same(tenant_row(store, "acme").await?.revision, Revision(1))?;
    holds(fax(store, "b").await?.is_some(), "a fax is missing")
}

async fn an_import_that_fails_in_a_fax_leaves_nothing(store: &dyn Store) -> Shown {
    put_plain(store).await?;
    let faxes = vec![in_root("a"), lost("b")];
    let all = import("one", vec![part(changes(root().faxbox("box")), faxes)]);
    let error = store.import(&all, NOW).await.err();
    // After two changes and a fax.
    same(error.as_ref().and_then(place), Some((3, "faxbox")))?;
    holds(store.snapshot(&acme()).await?.is_none(), "a tenant is left")
}

async fn an_import_that_fails_in_a_late_part_leaves_nothing(store: &dyn Store) -> Shown {
    let built = root().build(store).await;
    let first = part(changes(root().faxbox("box")), vec![in_root("a")]);
    let missing = Change::SetNumberActive { number: id::number("+15550100"), active: true };
    let all = import("one", vec![first, part(vec![missing], vec![])]);
    let error = store.import(&all, NOW).await.err();
    same(error.as_ref().and_then(place), Some((3, "number")))?;
    same(tenant_row(store, "acme").await?.revision, built.revision)?;
    same(find(store, "acme", ObjectKind::Faxbox, "box").await?, None)?;
    same(fax(store, "a").await?, None)?;
    // Its request id is free.
    store.import(&import("one", vec![]), NOW).await?;
    Ok(())
}

async fn a_second_import_changes_nothing_and_registers_nothing(store: &dyn Store) -> Shown {
    put_plain(store).await?;
    let parts = || {
        let fax = NewFax { labels: vec![id::external("x")], ..in_root("a") };
        vec![part(changes(root().faxbox("box").member("ada").join("ada", "box")), vec![fax])]
    };
    let first = store.import(&import("one", parts()), NOW).await?;
    let second = store.import(&import("two", parts()), NOW).await?;
    let applied = Applied { changed: 0, ..first.applied };
    same(second, Imported { applied, registered: 0 })?;
    same(tenant_row(store, "acme").await?.revision, Revision(1))
}

async fn an_import_takes_the_title_of_what_exists_and_nothing_else(store: &dyn Store) -> Shown {
    root().group("team", &["admin"]).build(store).await;
    let retitled = Change::AddGroup {
        account: id::account("root"),
        group: id::group("team"),
        title: "Another".to_owned(),
        roles: Vec::new(),
    };
    let done = store.import(&import("one", vec![part(vec![retitled], vec![])]), NOW).await?;
    same((done.applied.changed, done.applied.warnings), (1, Vec::new()))?;
    let found = find(store, "acme", ObjectKind::Group, "team").await?;
    let body = found.map(|found| found.body).unwrap_or_default();
    holds(body.contains("Another"), "the title is the old one")?;
    holds(body.contains("admin"), "the roles are gone")
}

/// Rulings R40: what an `Add…` says is for what does not exist yet, and only `active` brings back.
async fn an_import_brings_nobody_back_without_a_word(store: &dyn Store) -> Shown {
    let told = root().number("+15550100").member("ada").member("bob");
    told.build(store).await;
    let (account, bob) = (|| id::account("root"), || id::user("bob"));
    let suspended = MemberStatus::Suspended;
    let off = vec![
        Change::SetMemberStatus { account: account(), subject: id::user("ada"), status: suspended },
        Change::RemoveMember { account: account(), subject: bob() },
        Change::SetNumberActive { number: id::number("+15550100"), active: false },
    ];
    super::apply(store, "off", off).await?;
    let before = tenant_row(store, "acme").await?.revision;
    let again = changes(root().number("+15550100").member("ada").member("bob").role("admin"));
    let roles = Change::SetRoles {
        account: account(),
        subject: bob(),
        roles: vec![id::key("admin")],
        keep_overrides: true,
    };
    let parts = vec![part(again.clone(), vec![]), part(vec![roles.clone()], vec![])];
    let done = store.import(&import("again", parts), NOW).await?;
    same((done.applied.changed, done.applied.revision), (0, before))?;
    let told: Vec<usize> = done.applied.warnings.iter().map(|warning| warning.change).collect();
    // The addition of the one who was removed, and what would be set for them in the next part.
    same(told, vec![again.len() - 1, again.len()])?;

    let active = MemberStatus::Active;
    let back = |subject| Change::SetMemberStatus { account: account(), subject, status: active };
    let said = vec![back(id::user("ada")), back(bob()), roles];
    let done = store.import(&import("said", vec![part(said, vec![])]), NOW).await?;
    same((done.applied.changed, done.applied.warnings.len()), (3, 0))
}

async fn a_repeat_of_an_import_returns_the_first_result(store: &dyn Store) -> Shown {
    put_plain(store).await?;
    let all = import("one", vec![part(changes(root()), vec![in_root("a")])]);
    let first = store.import(&all, NOW).await?;
    same(first.registered, 1)?;
    let applied = Applied { repeated: true, ..first.applied.clone() };
    same(store.import(&all, NOW).await?, Imported { applied, ..first })?;
    let more = import("one", vec![part(changes(root()), vec![in_root("a"), in_root("b")])]);
    same(store.import(&more, NOW).await, Err(ApplyError::RequestIdReused))?;
    same(fax(store, "b").await?, None)
}

/// An import by a person warns of each number that it wants active.
async fn of_very_many_warnings_the_first_are_told(store: &dyn Store) -> Shown {
    put_plain(store).await?;
    let many = MAX_WARNINGS + 7;
    let numbers = (0..many).fold(root(), |world, at| world.number(&format!("+1555{at:0>7}")));
    let all = Import { provisions: false, ..import("one", vec![part(changes(numbers), vec![])]) };
    let all = Import { actor: id::user("ada"), ..all };
    let first = store.import(&all, NOW).await?;
    same(first.applied.changed, many + 1)?;
    same(first.applied.warnings.len(), MAX_WARNINGS + 1)?;
    let last = first.applied.warnings.last();
    let expected = "and 7 more warnings, which are not told".to_owned();
    same(last, Some(&Warning { change: 1 + MAX_WARNINGS, text: expected }))?;
    same(store.import(&all, NOW).await?.applied.warnings, first.applied.warnings)
}

async fn parts_are_applied_in_their_order(store: &dyn Store) -> Shown {
    put_plain(store).await?;
    let trash = Change::SetFaxState { fax: id::fax("a"), state: FaxState::Trash };
    let boxed = NewFax { faxbox: Some(id::faxbox("box")), ..in_root("b") };
    let all = vec![
        part(changes(root()), vec![in_root("a")]),
        part(vec![trash, changes(root().faxbox("box")).remove(1)], vec![boxed]),
    ];
    let done = store.import(&import("one", all), NOW).await?;
    same((done.applied.changed, done.registered), (3, 2))?;
    same(done.applied.revision, Revision(1))?;
    same(fax(store, "a").await?.map(|fax| fax.state), Some(FaxState::Trash))?;
    let faxbox = num(store, ObjectKind::Faxbox, "box").await?;
    same(fax(store, "b").await?.and_then(|fax| fax.faxbox), Some(faxbox))
}

async fn a_fax_may_say_what_was_said_first_or_what_is_so_now(store: &dyn Store) -> Shown {
    let trash = Change::SetFaxState { fax: id::fax("a"), state: FaxState::Trash };
    root().fax(in_root("a")).build(store).await;
    super::apply(store, "trash", vec![trash]).await?;
    let now = NewFax { state: FaxState::Trash, ..in_root("a") };
    for (request, fax) in [("first", in_root("a")), ("now", now.clone())] {
        let done = store.import(&import(request, vec![part(vec![], vec![fax])]), NOW).await?;
        same((done.registered, done.applied.changed), (0, 0))?;
    }
    same(fax(store, "a").await?.map(|fax| fax.state), Some(FaxState::Trash))?;
    let neither = NewFax { labels: vec![id::external("x")], ..now.clone() };
    let answer = store.import(&import("neither", vec![part(vec![], vec![neither])]), NOW).await;
    holds(matches!(answer, Err(ApplyError::AlreadyExists(_))), "other facts were taken")?;
    // A registration by itself compares with the first alone.
    let answers = store.register(&acme(), &[now], NOW).await?;
    holds(matches!(answers.first(), Some(Err(ApplyError::AlreadyExists(_)))), "it was taken")
}

async fn an_import_restores_an_assignee_who_has_left(store: &dyn Store) -> Shown {
    root().member("ada").fax(in_root("a")).build(store).await;
    let remove = Change::RemoveMember { account: id::account("root"), subject: id::user("ada") };
    super::apply(store, "leave", vec![remove]).await?;
    let assign = |who: &str| {
        let assignee = Some(UserOrGroup::User(id::user(who)));
        vec![Change::AssignFax { fax: id::fax("a"), assignee }]
    };
    let refused = super::apply(store, "assign", assign("ada")).await;
    holds(matches!(refused, Err(ApplyError::NotFound(_))), "one who has left was assigned")?;
    let done = store.import(&import("restore", vec![part(assign("ada"), vec![])]), NOW).await?;
    same(done.applied.changed, 1)?;
    let stranger = store.import(&import("other", vec![part(assign("eve"), vec![])]), NOW).await;
    holds(matches!(stranger, Err(ApplyError::NotFound(_))), "a stranger was assigned")
}

async fn all_links_of_objects_are_read_at_once(store: &dyn Store) -> Shown {
    let world = root().faxbox("box").faxbox("other").member("ada");
    world.join("ada", "box").join("ada", "other").build(store).await;
    let ada = num(store, ObjectKind::Subject, "user:ada").await?;
    let mut expected = Vec::new();
    for faxbox in ["box", "other"] {
        let a = num(store, ObjectKind::Faxbox, faxbox).await?;
        expected.push(Link { kind: LinkKind::FaxboxUser, a, b: ada });
    }
    let nums: Vec<Num> = expected.iter().map(|link| link.a).collect();
    let mut reader = reader(store, "acme").await?;
    let mut links = reader.links_of(&nums).await?;
    links.sort_unstable();
    same(&links, &expected)?;
    let first: Vec<Num> = nums.into_iter().take(1).collect();
    expected.truncate(1);
    same(reader.links_of(&first).await?, expected)?;
    // Links that lead to an object are none of its own.
    same(reader.links_of(&[ada]).await?, vec![])
}

async fn faxes_are_read_in_the_order_of_their_registration(store: &dyn Store) -> Shown {
    let world = root().fax(received("late", "root", 9)).fax(received("early", "root", 1));
    let built = world.fax(in_root("third")).build(store).await;
    let mut reader = reader(store, "acme").await?;
    let all = reader.faxes(Num(0), 10).await?;
    same(&all, &built.faxes)?;
    let second: Vec<FaxRow> = all.iter().skip(1).take(1).cloned().collect();
    let after = all.first().map_or(Num(0), |first| first.num);
    same(reader.faxes(after, 1).await?, second)
}
