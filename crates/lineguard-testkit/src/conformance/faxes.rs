//! Registering faxes, and what may change about them.

use lineguard_core::change::{
    AttachmentSource, Change, NewFax, NumberTarget, SourceSet, UserOrGroup,
};
use lineguard_core::id::{Num, Timestamp};
use lineguard_core::model::reach::{Direction, FaxState};
use lineguard_core::port::{ApplyError, FaxRow, Registered, Store};
use lineguard_core::row::ObjectKind;

use super::{Failure, Shown, acme, apply, behaviours, holds, num, reader, same, tenant_row};
use crate::ids as id;
use crate::world::{NOW, World, received, world};

behaviours![
    a_fax_is_kept_as_it_was_registered,
    a_repeated_registration_is_success,
    a_repetition_in_one_registration_is_success,
    an_id_with_other_facts_is_refused,
    a_fax_that_has_changed_can_be_registered_again,
    a_deleted_id_is_never_used_again,
    later_registrations_have_larger_numbers,
    one_bad_fax_does_not_stop_the_others,
    registering_raises_no_revision,
    registering_for_no_tenant_is_not_found,
    a_received_fax_takes_the_faxbox_of_its_number,
    a_received_fax_is_assigned_when_it_is_registered,
    a_member_who_is_not_active_is_passed_over,
    changes_of_a_fax_are_kept,
    a_changed_fax_keeps_its_time,
    a_deleted_fax_is_gone,
    moving_a_number_moves_no_fax,
];

const NUMBER: &str = "+15550100100";

fn office() -> World {
    world("acme").account("root").number(NUMBER).member("ada").member("bob").faxbox("box")
}

fn full(fax: &str) -> NewFax {
    NewFax {
        fax: id::fax(fax),
        account: id::account("root"),
        direction: Direction::Outbound,
        number: Some(id::number(NUMBER)),
        faxbox: Some(id::faxbox("box")),
        creator: Some(id::user("ada")),
        state: FaxState::Pending,
        labels: vec![id::external("vip"), id::external("late")],
        at: NOW,
        attachment_sources: Some(cloud()),
    }
}

fn cloud() -> SourceSet {
    id::sources(&[AttachmentSource::Cloud])
}

async fn register(store: &dyn Store, fax: NewFax) -> Result<Registered, ApplyError> {
    let mut answers = store.register(&acme(), &[fax], NOW).await?;
    answers.pop().unwrap_or(Err(ApplyError::RequestIdReused))
}

async fn stored(store: &dyn Store, fax: &str) -> Result<FaxRow, Failure> {
    let found = reader(store, "acme").await?.fax(&id::fax(fax)).await?;
    found.ok_or_else(|| Failure(format!("no fax `{fax}`")))
}

#[track_caller]
fn taken(answer: Result<Registered, ApplyError>) -> Shown {
    match answer {
        Err(ApplyError::AlreadyExists(fault)) => same(fault.field, "fax"),
        other => Err(Failure(format!("expected a taken id: {other:?}"))),
    }
}

async fn a_fax_is_kept_as_it_was_registered(store: &dyn Store) -> Shown {
    office().build(store).await;
    let registered = register(store, full("f")).await?;
    holds(registered.created, "not new")?;
    let fax = stored(store, "f").await?;
    same(registered.fax, fax.clone())?;
    let mut labels = vec![
        num(store, ObjectKind::Label, "vip").await?,
        num(store, ObjectKind::Label, "late").await?,
    ];
    labels.sort();
    let expected = FaxRow {
        num: fax.num,
        id: id::fax("f"),
        account: num(store, ObjectKind::Account, "root").await?,
        direction: Direction::Outbound,
        number: Some(num(store, ObjectKind::Number, NUMBER).await?),
        faxbox: Some(num(store, ObjectKind::Faxbox, "box").await?),
        creator: Some(num(store, ObjectKind::Subject, "user:ada").await?),
        assignee: None,
        state: FaxState::Pending,
        labels,
        at: NOW,
        attachment_sources: Some(cloud()),
    };
    same(fax, expected)
}

async fn a_repeated_registration_is_success(store: &dyn Store) -> Shown {
    office().build(store).await;
    let first = register(store, full("f")).await?;
    let mut repeat = full("f");
    repeat.labels.reverse();
    let second = register(store, repeat).await?;
    same((second.created, second.fax), (false, first.fax))
}

async fn a_repetition_in_one_registration_is_success(store: &dyn Store) -> Shown {
    office().build(store).await;
    let answers = store.register(&acme(), &[full("f"), full("f")], NOW).await?;
    let created: Vec<_> = answers.iter().map(|one| one.as_ref().map(|one| one.created)).collect();
    same(created, vec![Ok(true), Ok(false)])
}

async fn an_id_with_other_facts_is_refused(store: &dyn Store) -> Shown {
    office().build(store).await;
    register(store, full("f")).await?;
    taken(register(store, NewFax { at: Timestamp(NOW.0 + 1), ..full("f") }).await)?;
    taken(register(store, NewFax { number: None, ..full("f") }).await)?;
    taken(register(store, NewFax { creator: Some(id::user("bob")), ..full("f") }).await)?;
    taken(register(store, NewFax { labels: Vec::new(), ..full("f") }).await)?;
    taken(register(store, NewFax { faxbox: None, ..full("f") }).await)?;
    let none = Some(SourceSet::default());
    taken(register(store, NewFax { attachment_sources: none, ..full("f") }).await)?;
    taken(register(store, NewFax { attachment_sources: None, ..full("f") }).await)?;
    taken(register(store, NewFax { state: FaxState::Draft, ..full("f") }).await)
}

async fn a_fax_that_has_changed_can_be_registered_again(store: &dyn Store) -> Shown {
    office().build(store).await;
    register(store, full("f")).await?;
    apply(store, "move", vec![Change::MoveFax { fax: id::fax("f"), faxbox: None }]).await?;
    let again = register(store, full("f")).await?;
    same((again.created, again.fax.faxbox), (false, None))
}

async fn a_deleted_id_is_never_used_again(store: &dyn Store) -> Shown {
    office().build(store).await;
    register(store, full("f")).await?;
    apply(store, "delete", vec![Change::DeleteFax { fax: id::fax("f") }]).await?;
    taken(register(store, full("f")).await)?;
    taken(register(store, received("f", "root", 0)).await)
}

async fn later_registrations_have_larger_numbers(store: &dyn Store) -> Shown {
    office().build(store).await;
    let first = register(store, received("a", "root", 5)).await?.fax.num;
    let answers =
        store.register(&acme(), &[received("b", "root", 1), received("c", "root", 0)], NOW).await?;
    let mut nums = vec![first];
    for answer in answers {
        nums.push(answer?.fax.num);
    }
    holds(nums.is_sorted_by(|a, b| a < b), "numbers do not rise")?;
    apply(store, "delete", vec![Change::DeleteFax { fax: id::fax("c") }]).await?;
    let last = nums.last().copied().unwrap_or(Num(0));
    holds(register(store, received("d", "root", 0)).await?.fax.num > last, "a number came back")
}

async fn one_bad_fax_does_not_stop_the_others(store: &dyn Store) -> Shown {
    office().build(store).await;
    let faxes = [received("a", "root", 0), received("b", "nowhere", 0), received("c", "root", 0)];
    let answers = store.register(&acme(), &faxes, NOW).await?;
    same(answers.len(), 3)?;
    match answers.get(1) {
        Some(Err(ApplyError::NotFound(fault))) => {
            same((fault.change, fault.field), (1, "account"))?
        }
        other => return Err(Failure(format!("expected not found: {other:?}"))),
    }
    stored(store, "a").await?;
    stored(store, "c").await?;
    same(store.register(&acme(), &[], NOW).await?.len(), 0)
}

async fn registering_raises_no_revision(store: &dyn Store) -> Shown {
    let built = office().build(store).await;
    register(store, received("f", "root", 0)).await?;
    same(tenant_row(store, "acme").await?.revision, built.revision)
}

async fn registering_for_no_tenant_is_not_found(store: &dyn Store) -> Shown {
    match store.register(&acme(), &[received("f", "root", 0)], NOW).await {
        Err(ApplyError::NotFound(fault)) => same(fault.field, "tenant"),
        other => Err(Failure(format!("expected not found: {other:?}"))),
    }
}

fn on_number(fax: &str) -> NewFax {
    NewFax { number: Some(id::number(NUMBER)), ..received(fax, "root", 0) }
}

async fn a_received_fax_takes_the_faxbox_of_its_number(store: &dyn Store) -> Shown {
    let target = NumberTarget::Faxbox(id::faxbox("box"));
    let set = Change::SetNumberTarget { number: id::number(NUMBER), target, on: true };
    office().faxbox("other").change(set).build(store).await;
    let faxbox = num(store, ObjectKind::Faxbox, "box").await?;
    let other = num(store, ObjectKind::Faxbox, "other").await?;
    same(register(store, on_number("f")).await?.fax.faxbox, Some(faxbox))?;
    let named = NewFax { faxbox: Some(id::faxbox("other")), ..on_number("g") };
    same(register(store, named).await?.fax.faxbox, Some(other))?;
    let sent = NewFax { direction: Direction::Outbound, ..on_number("h") };
    same(register(store, sent).await?.fax.faxbox, None)
}

async fn a_received_fax_is_assigned_when_it_is_registered(store: &dyn Store) -> Shown {
    office().auto_assign(&[NUMBER]).build(store).await;
    let bob = num(store, ObjectKind::Subject, "user:bob").await?;
    same(register(store, on_number("f")).await?.fax.assignee, Some(bob))?;
    same(register(store, received("g", "root", 0)).await?.fax.assignee, None)?;
    let again = register(store, on_number("f")).await?;
    same((again.created, again.fax.assignee), (false, Some(bob)))
}

async fn a_member_who_is_not_active_is_passed_over(store: &dyn Store) -> Shown {
    office().auto_assign(&[NUMBER]).build(store).await;
    let status = lineguard_core::facts::MemberStatus::Suspended;
    let (account, subject) = (id::account("root"), id::user("bob"));
    apply(store, "off", vec![Change::SetMemberStatus { account, subject, status }]).await?;
    same(register(store, on_number("f")).await?.fax.assignee, None)
}

async fn changes_of_a_fax_are_kept(store: &dyn Store) -> Shown {
    office().fax(received("f", "root", 0)).build(store).await;
    let fax = || id::fax("f");
    let assignee = Some(UserOrGroup::User(id::user("bob")));
    let changes = vec![
        Change::AssignFax { fax: fax(), assignee },
        Change::MoveFax { fax: fax(), faxbox: Some(id::faxbox("box")) },
        Change::SetFaxState { fax: fax(), state: FaxState::Trash },
        Change::SetFaxLabels { fax: fax(), labels: vec![id::external("vip")] },
        Change::SetFaxAttachmentSources { fax: fax(), attachment_sources: cloud() },
    ];
    same(apply(store, "all", changes.clone()).await?.changed, 5)?;
    same(apply(store, "again", changes).await?.changed, 0)?;
    let row = stored(store, "f").await?;
    same(row.assignee, Some(num(store, ObjectKind::Subject, "user:bob").await?))?;
    same(row.faxbox, Some(num(store, ObjectKind::Faxbox, "box").await?))?;
    same(row.labels, vec![num(store, ObjectKind::Label, "vip").await?])?;
    same(row.attachment_sources, Some(cloud()))?;
    same(row.state, FaxState::Trash)
}

async fn a_changed_fax_keeps_its_time(store: &dyn Store) -> Shown {
    office().fax(received("f", "root", 7)).build(store).await;
    let before = stored(store, "f").await?;
    let state = FaxState::Trash;
    apply(store, "bin", vec![Change::SetFaxState { fax: id::fax("f"), state }]).await?;
    same(stored(store, "f").await?, FaxRow { state, ..before })
}

async fn a_deleted_fax_is_gone(store: &dyn Store) -> Shown {
    let built = office().fax(received("f", "root", 0)).build(store).await;
    let delete = Change::DeleteFax { fax: id::fax("f") };
    let applied = apply(store, "delete", vec![delete.clone()]).await?;
    same((applied.changed, applied.revision.0), (1, built.revision.0 + 1))?;
    same(apply(store, "again", vec![delete]).await?.changed, 0)?;
    same(reader(store, "acme").await?.fax(&id::fax("f")).await?, None)
}

async fn moving_a_number_moves_no_fax(store: &dyn Store) -> Shown {
    world("acme").account("root").number(NUMBER).account("branch").build(store).await;
    let before = register(store, on_number("f")).await?.fax;
    let (number, account) = (id::number(NUMBER), id::account("branch"));
    same(apply(store, "move", vec![Change::MoveNumber { number, account }]).await?.changed, 1)?;
    same(stored(store, "f").await?, before)
}
