//! Invitations: what ended ones hold, and what accepting gives to somebody who is a member already.

use lineguard_core::change::{Applied, Batch, Change, IfExists, Import, OverrideValue, Part};
use lineguard_core::facts::MemberStatus;
use lineguard_core::id::{AccountId, ModelDigest, Num, Timestamp};
use lineguard_core::port::{ApplyError, Store};
use lineguard_core::row::{MemberBody, ObjectKind};

use super::{Failure, Shown, acme, apply, behaviours, find, num, reader, same};
use crate::ids as id;
use crate::model::{NARROW, PLAIN};
use crate::world::{NOW, World, batch, world};

behaviours! {
    an_invitation_that_has_ended_holds_no_role,
    an_invitation_that_has_ended_holds_no_model,
    what_an_import_restores_of_invitations_may_have_ended,
    accepting_adds_roles_to_a_member,
    accepting_gives_no_second_role_where_there_is_one,
    an_import_of_an_acceptance_gives_a_member_nothing,
    an_import_of_an_acceptance_lets_nobody_in_again,
}

/// A minute after the end of the invitations.
const LATER: Timestamp = Timestamp(NOW.0 + 120_000);

fn root() -> AccountId {
    id::account("root")
}

fn invite(name: &str, roles: Option<&[&str]>) -> Change {
    Change::Invite {
        account: root(),
        invitation: id::invitation(name),
        roles: roles.map(id::keys),
        expires_at: Timestamp(NOW.0 + 60_000),
    }
}

fn accept(name: &str, user: &str) -> Change {
    Change::AcceptInvitation { invitation: id::invitation(name), subject: id::user(user) }
}

fn own() -> Change {
    Change::AddRole {
        account: root(),
        role: id::key("own"),
        title: String::new(),
        permissions: id::keys(&["view"]),
        visibility: None,
    }
}

fn remove_own() -> Change {
    Change::RemoveRole { account: root(), role: id::key("own") }
}

fn import(request: &str, changes: Vec<Change>) -> Import {
    Import {
        tenant: acme(),
        actor: id::service("importer"),
        provisions: true,
        request_id: id::request(request),
        parts: vec![Part { changes, faxes: Vec::new() }],
    }
}

fn office() -> World {
    world("acme").account("root").change(own())
}

/// The kind and place of a refusal.
fn place<T: std::fmt::Debug>(
    answer: Result<T, ApplyError>,
) -> Result<(&'static str, usize, &'static str), Failure> {
    Ok(match answer {
        Err(ApplyError::Refused(fault)) => ("refused", fault.change, fault.field),
        Err(ApplyError::Invalid(faults)) => match faults.as_slice() {
            [fault] => ("invalid", fault.change, fault.field),
            other => return Err(Failure(format!("not one fault: {other:?}"))),
        },
        other => return Err(Failure(format!("not refused: {other:?}"))),
    })
}

async fn later(
    store: &dyn Store,
    request: &str,
    changes: Vec<Change>,
) -> Result<Applied, ApplyError> {
    store.apply(&batch("acme", request, changes), LATER).await
}

async fn body(store: &dyn Store, user: &str) -> Result<MemberBody, Failure> {
    let root = num(store, ObjectKind::Account, "root").await?;
    let qualified = id::user(user).qualified();
    let keys: [(_, Num, &str); 1] = [(ObjectKind::Member, root, &qualified)];
    let found = reader(store, "acme").await?.find(&keys).await?.into_iter().next().flatten();
    let body = found.and_then(|member| serde_json::from_str(&member.body).ok());
    body.ok_or_else(|| Failure(format!("no member `{user}`")))
}

async fn an_invitation_that_has_ended_holds_no_role(store: &dyn Store) -> Shown {
    office().change(invite("i", Some(&["own"]))).build(store).await;
    same(place(apply(store, "open", vec![remove_own()]).await)?, ("refused", 0, "role"))?;
    same(later(store, "ended", vec![remove_own()]).await?.changed, 1)?;
    // Nobody gets it by a server whose clock is behind, or by an invitation that goes on.
    let behind = apply(store, "behind", vec![accept("i", "ada")]).await;
    same(place(behind)?, ("refused", 0, "invitation"))?;
    let again = Change::Invite {
        account: root(),
        invitation: id::invitation("i"),
        roles: None,
        expires_at: Timestamp(LATER.0 + 60_000),
    };
    let again = Batch { if_exists: IfExists::Update, ..batch("acme", "again", vec![again]) };
    same(place(store.apply(&again, LATER).await)?, ("invalid", 0, "roles"))
}

async fn an_invitation_that_has_ended_holds_no_model(store: &dyn Store) -> Shown {
    let told = world("acme").account("root").change(invite("i", Some(&["holder"])));
    told.build(store).await;
    store.put_model(NARROW).await?;
    let narrow = || vec![Change::SetModel { model: ModelDigest::of(NARROW) }];
    same(place(apply(store, "open", narrow()).await)?, ("refused", 0, "model"))?;
    same(later(store, "ended", narrow()).await?.changed, 1)
}

async fn what_an_import_restores_of_invitations_may_have_ended(store: &dyn Store) -> Shown {
    store.put_model(PLAIN).await?;
    let revoked = Change::RevokeInvitation { invitation: id::invitation("r") };
    let made = world("acme").account("root").batch().changes;
    let with = |more: Vec<Change>| [made.clone(), more].concat();
    let all = with(vec![invite("r", Some(&["gone"])), revoked, invite("i", Some(&["gone"]))]);
    same(place(store.import(&import("open", all.clone()), NOW).await)?, ("invalid", 3, "roles"))?;
    store.import(&import("ended", all), LATER).await?;
    let found = find(store, "acme", ObjectKind::Invitation, "i").await?;
    same(found.is_some_and(|found| found.body.contains("gone")), true)?;
    // Its mistake is told where it stands, and once.
    let bound = vec![invite("b", Some(&["gone"])), accept("b", "ada")];
    same(place(store.import(&import("bound", bound), NOW).await)?, ("invalid", 0, "roles"))
}

async fn accepting_adds_roles_to_a_member(store: &dyn Store) -> Shown {
    let denied = Change::SetOverride {
        account: root(),
        subject: id::user("ada"),
        permission: id::key("forms"),
        value: OverrideValue::Off,
    };
    let told = office().member("ada").change(denied).change(invite("i", Some(&["own", "user"])));
    told.build(store).await;
    apply(store, "accept", vec![accept("i", "ada")]).await?;
    let MemberBody { roles, overrides, .. } = body(store, "ada").await?;
    same(roles, vec!["user".to_owned(), "own".to_owned()])?;
    // What was denied stays denied.
    same(overrides.len(), 1)
}

async fn accepting_gives_no_second_role_where_there_is_one(store: &dyn Store) -> Shown {
    let told = world("acme").model(NARROW).account("root").member("ada").role("user");
    let told = told.change(invite("i", Some(&["admin"]))).change(invite("same", Some(&["user"])));
    told.build(store).await;
    let second = apply(store, "second", vec![accept("i", "ada")]).await;
    same(place(second)?, ("refused", 0, "subject"))?;
    same(apply(store, "same", vec![accept("same", "ada")]).await?.changed, 1)?;
    same(body(store, "ada").await?.roles, vec!["user".to_owned()])
}

async fn an_import_of_an_acceptance_gives_a_member_nothing(store: &dyn Store) -> Shown {
    office().member("ada").build(store).await;
    let told = vec![invite("i", Some(&["own"])), accept("i", "ada")];
    let done = store.import(&import("told", told.clone()), NOW).await?.applied;
    same(done.warnings.iter().map(|warning| warning.change).collect::<Vec<_>>(), vec![1])?;
    same(body(store, "ada").await?.roles, vec!["user".to_owned()])?;
    let again = store.import(&import("again", told), NOW).await?.applied;
    same((again.changed, again.warnings.len()), (0, 0))
}

async fn an_import_of_an_acceptance_lets_nobody_in_again(store: &dyn Store) -> Shown {
    let suspended = MemberStatus::Suspended;
    office().member("ada").status(suspended).build(store).await;
    let told = vec![invite("i", Some(&["own"])), accept("i", "ada")];
    let done = store.import(&import("told", told), NOW).await?.applied;
    same(done.warnings.iter().map(|warning| warning.change).collect::<Vec<_>>(), vec![1])?;
    let MemberBody { status, roles, .. } = body(store, "ada").await?;
    same((status.as_str(), roles.len()), ("suspended", 1))?;
    // A change of now is refused.
    let asked = vec![invite("now", None), accept("now", "ada")];
    same(place(apply(store, "asked", asked).await)?, ("refused", 1, "subject"))
}
