//! What a batch must not take away, and what is said about what it takes.

use lineguard_core::change::{Applied, Change, Import, OverrideValue, Part};
use lineguard_core::facts::MemberStatus;
use lineguard_core::id::{AccountId, ModelDigest};
use lineguard_core::port::{ApplyError, Store};

use super::{Failure, Shown, acme, apply, behaviours, holds, same};
use crate::ids as id;
use crate::model::{administered, no_longer_administered};
use crate::world::{NOW, World, world};

behaviours! {
    the_last_administrator_is_not_taken_away,
    an_administrator_by_a_group_is_one,
    an_administrator_is_found_among_many,
    roles_and_models_keep_an_administrator,
    handing_over_in_one_batch_is_fine,
    an_import_is_judged_at_its_end,
    a_tenant_that_never_had_an_administrator_goes_on,
    the_last_administrator_is_suspended_with_a_remark,
    a_suspended_administrator_is_worth_keeping,
}

fn root() -> AccountId {
    id::account("root")
}

/// A tenant with a model in which the role `boss` makes administrators.
fn office() -> World {
    world("acme").model(&administered()).account("root")
}

fn remove(user: &str) -> Change {
    Change::RemoveMember { account: root(), subject: id::user(user) }
}

fn status(user: &str, status: MemberStatus) -> Change {
    Change::SetMemberStatus { account: root(), subject: id::user(user), status }
}

fn roles(user: &str, roles: &[&str]) -> Change {
    let (subject, roles) = (id::user(user), id::keys(roles));
    Change::SetRoles { account: root(), subject, roles, keep_overrides: true }
}

fn over(user: &str, permission: &str, value: OverrideValue) -> Change {
    let (subject, permission) = (id::user(user), id::key(permission));
    Change::SetOverride { account: root(), subject, permission, value }
}

fn adjust(role: &str, remove: &[&str]) -> Change {
    let (role, remove) = (id::key(role), id::keys(remove));
    Change::AdjustRole { account: root(), role, add: Vec::new(), remove, visibility: None }
}

/// Where a batch was refused for taking the last administrator away.
async fn refused(
    store: &dyn Store,
    changes: Vec<Change>,
) -> Result<(usize, &'static str), Failure> {
    match apply(store, "refused", changes).await {
        Err(ApplyError::Refused(fault)) if fault.problem.contains("administrator") => {
            Ok((fault.change, fault.field))
        }
        other => Err(Failure(format!("not refused: {other:?}"))),
    }
}

fn texts(applied: &Applied) -> Vec<(usize, &str)> {
    applied.warnings.iter().map(|warning| (warning.change, warning.text.as_str())).collect()
}

const NOBODY_LEFT: &str =
    "nobody active may assign roles at the root account now, and nobody active owns it";

async fn the_last_administrator_is_not_taken_away(store: &dyn Store) -> Shown {
    office().member("ada").role("boss").member("bob").build(store).await;
    for (change, field) in [
        (remove("ada"), "subject"),
        (status("ada", MemberStatus::Removed), "status"),
        (status("ada", MemberStatus::Unverified), "status"),
        (roles("ada", &["user"]), "roles"),
        (over("ada", "roles", OverrideValue::Off), "value"),
        (adjust("boss", &["roles"]), "remove"),
    ] {
        same(refused(store, vec![change]).await?, (0, field))?;
    }
    // The change that takes it away is the one that is named.
    let others = vec![remove("bob"), remove("ada"), adjust("user", &["send"])];
    same(refused(store, others).await?.0, 2)?;
    let others = vec![remove("bob"), roles("ada", &["user"]), status("bob", MemberStatus::Removed)];
    same(refused(store, others).await?, (1, "roles"))?;
    // What takes nothing of it from anybody passes.
    let passing = vec![over("ada", "send", OverrideValue::Off), adjust("boss", &["send"])];
    apply(store, "passing", passing).await?;
    apply(store, "another", vec![roles("bob", &["boss"])]).await?;
    apply(store, "gone", vec![remove("ada")]).await?;
    same(refused(store, vec![remove("bob")]).await?, (0, "subject"))?;
    // An active owner is one as well, whatever their role.
    let (account, subject) = (root(), id::user("eve"));
    let (active, default) = (MemberStatus::Active, None);
    let add = Change::AddMember {
        account: account.clone(),
        subject: subject.clone(),
        status: active,
        roles: default,
    };
    let owner = Change::SetAccountOwner { account, subject, owner: true };
    apply(store, "owner", vec![add, owner, remove("bob")]).await?;
    Ok(())
}

async fn an_administrator_by_a_group_is_one(store: &dyn Store) -> Shown {
    let told = office().member("ada").member("bob").group("bosses", &["boss"]);
    told.in_group("ada", "bosses").group("others", &[]).build(store).await;
    let (group, subject) = (|| id::group("bosses"), id::user("ada"));
    for (change, field) in [
        (remove("ada"), "subject"),
        (Change::SetGroupMember { group: group(), subject, member: false }, "member"),
        (Change::SetGroupRoles { group: group(), roles: id::keys(&["user"]) }, "roles"),
        (Change::RemoveGroup { group: group() }, "group"),
    ] {
        same(refused(store, vec![change]).await?, (0, field))?;
    }
    apply(store, "others", vec![Change::RemoveGroup { group: id::group("others") }]).await?;
    let bob = Change::SetGroupMember { group: group(), subject: id::user("bob"), member: true };
    apply(store, "bob", vec![remove("ada"), bob]).await?;
    Ok(())
}

/// What a batch says of very many members is looked up for all of them together.
async fn an_administrator_is_found_among_many(store: &dyn Store) -> Shown {
    let many: Vec<String> = (0..40).map(|one| format!("m{one}")).collect();
    let told = office().member("ada").group("bosses", &["boss"]).in_group("ada", "bosses");
    many.iter().fold(told, |told, one| told.member(one)).build(store).await;
    let all = |last: Change| {
        many.iter().map(|one| roles(one, &["admin"])).chain([last]).collect::<Vec<_>>()
    };
    same(refused(store, all(remove("ada"))).await?, (many.len(), "subject"))?;
    // A role of a group stays where the member's own change.
    apply(store, "own", all(roles("ada", &["admin"]))).await?;
    Ok(())
}

async fn roles_and_models_keep_an_administrator(store: &dyn Store) -> Shown {
    let own = |permissions: &[&str]| Change::SetRolePermissions {
        account: root(),
        role: id::key("own"),
        permissions: id::keys(permissions),
    };
    let add = Change::AddRole {
        account: root(),
        role: id::key("own"),
        title: String::new(),
        permissions: id::keys(&["roles", "view"]),
        visibility: None,
    };
    office().change(add).member("ada").role("own").build(store).await;
    same(refused(store, vec![own(&["view"])]).await?, (0, "permissions"))?;
    apply(store, "fewer", vec![own(&["roles"])]).await?;

    apply(store, "boss", vec![roles("ada", &["boss"])]).await?;
    let narrowed = |remove: &[&str]| Change::SetRoleDifferences {
        account: root(),
        role: id::key("boss"),
        add: None,
        remove: Some(id::keys(remove)),
    };
    same(refused(store, vec![narrowed(&["roles"])]).await?, (0, "remove"))?;
    let text = no_longer_administered();
    store.put_model(&text).await?;
    let model = Change::SetModel { model: ModelDigest::of(&text) };
    same(refused(store, vec![model.clone()]).await?, (0, "model"))?;
    let given = over("ada", "roles", OverrideValue::On);
    apply(store, "given", vec![model, given]).await?;
    same(refused(store, vec![over("ada", "roles", OverrideValue::Unset)]).await?, (0, "value"))
}

async fn handing_over_in_one_batch_is_fine(store: &dyn Store) -> Shown {
    office().member("ada").role("boss").member("bob").build(store).await;
    apply(store, "first", vec![remove("ada"), roles("bob", &["boss"])]).await?;
    let (account, subject) = (root(), id::user("ada"));
    let (status, new) = (MemberStatus::Active, Some(id::keys(&["boss"])));
    let back = Change::AddMember { account, subject, status, roles: new };
    let done = apply(store, "back", vec![back, roles("bob", &["user"])]).await?;
    same(done.warnings, Vec::new())?;
    // To somebody who cannot act it is no handing over.
    let invited = Change::AddMember {
        account: root(),
        subject: id::user("eve"),
        status: MemberStatus::Unverified,
        roles: Some(id::keys(&["boss"])),
    };
    same(refused(store, vec![invited, remove("ada")]).await?, (1, "subject"))
}

async fn an_import_is_judged_at_its_end(store: &dyn Store) -> Shown {
    office().member("ada").role("boss").member("bob").build(store).await;
    let import = |request: &str, parts: Vec<Vec<Change>>| Import {
        tenant: acme(),
        actor: id::service("importer"),
        provisions: true,
        request_id: id::request(request),
        parts: parts.into_iter().map(|changes| Part { changes, faxes: Vec::new() }).collect(),
    };
    let taken = || vec![vec![remove("bob")], vec![remove("ada")]];
    match store.import(&import("taken", taken()), NOW).await {
        Err(ApplyError::Refused(fault)) => same((fault.change, fault.field), (1, "subject"))?,
        other => return Err(Failure(format!("not refused: {other:?}"))),
    }
    let mut handed = taken();
    let (account, subject) = (root(), id::user("eve"));
    let (status, new) = (MemberStatus::Active, Some(id::keys(&["boss"])));
    handed.push(vec![Change::AddMember { account, subject, status, roles: new }]);
    store.import(&import("handed", handed), NOW).await?;
    Ok(())
}

async fn a_tenant_that_never_had_an_administrator_goes_on(store: &dyn Store) -> Shown {
    let told = office().member("ada").member("bob").group("team", &["user"]);
    told.in_group("ada", "team").build(store).await;
    // One who comes and goes in the same batch was none when it began.
    let brief = vec![roles("ada", &["boss"]), roles("ada", &["user"]), adjust("boss", &["roles"])];
    apply(store, "brief", brief).await?;
    apply(store, "gone", vec![remove("ada"), remove("bob")]).await?;
    Ok(())
}

async fn the_last_administrator_is_suspended_with_a_remark(store: &dyn Store) -> Shown {
    office().member("ada").role("boss").member("bob").role("boss").build(store).await;
    let suspended = |user| status(user, MemberStatus::Suspended);
    let done = apply(store, "one", vec![suspended("ada")]).await?;
    same(done.warnings, Vec::new())?;
    let send = over("bob", "send", OverrideValue::Off);
    let done = apply(store, "last", vec![send, suspended("bob")]).await?;
    same(texts(&done), vec![(1, NOBODY_LEFT)])?;
    apply(store, "again", vec![status("ada", MemberStatus::Active)]).await?;
    // Who is suspended already excuses nothing, and neither does who could not come back.
    let both = vec![suspended("bob"), remove("ada")];
    same(refused(store, both).await?, (1, "subject"))?;
    let stripped = vec![suspended("ada"), roles("ada", &["user"])];
    same(refused(store, stripped).await?, (1, "roles"))
}

async fn a_suspended_administrator_is_worth_keeping(store: &dyn Store) -> Shown {
    office().member("ada").role("boss").member("bob").build(store).await;
    apply(store, "suspended", vec![status("ada", MemberStatus::Suspended)]).await?;
    same(refused(store, vec![remove("ada")]).await?, (0, "subject"))?;
    same(refused(store, vec![adjust("boss", &["roles"])]).await?, (0, "remove"))?;
    holds(apply(store, "bob", vec![remove("bob")]).await.is_ok(), "others cannot be removed")?;
    let (account, subject) = (root(), id::user("eve"));
    let (status, new) = (MemberStatus::Active, Some(id::keys(&["boss"])));
    let add = Change::AddMember { account, subject, status, roles: new };
    apply(store, "eve", vec![add, remove("ada")]).await?;
    Ok(())
}
