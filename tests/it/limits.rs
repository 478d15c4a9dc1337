//! What every question about a member reads and compiles is bounded where it is written.

use lineguard::wire::pb;
use lineguard_core::change::apply::limits::{
    MAX_GROUP_ROLES, MAX_GROUPS, MAX_LEVELS, MAX_OWN_PERMISSIONS, MAX_OWN_ROLES, MAX_ROLES,
    MAX_SCOPE_VALUES,
};
use lineguard_core::change::{Change, OverrideValue};
use lineguard_core::id::Key;
use lineguard_core::model::ScopeKind;
use lineguard_testkit::ids;
use lineguard_testkit::world::World;
use tonic::{Code, Status};

use crate::ask::ask;
use crate::harness::{Harness, product};
use crate::writing::{apply, expect};

/// Fails unless the write is refused with this reason at this field, and says the limit.
#[track_caller]
fn limited<T: std::fmt::Debug>(answer: Result<T, Status>, code: Code, field: &str, limit: usize) {
    let message = answer.as_ref().map_err(|status| status.message().to_owned());
    let message = message.map(drop).unwrap_err();
    assert!(message.contains(&limit.to_string()), "{message}");
    let reason = if code == Code::InvalidArgument { "INVALID_REQUEST" } else { "REFUSED" };
    expect(answer, code, reason, &[field]);
}

fn keys(count: usize) -> Vec<Key> {
    (0..count).map(|at| ids::key(&format!("own{at}"))).collect()
}

fn own_role(role: &Key, permissions: &[Key]) -> Change {
    Change::AddRole {
        account: ids::account("home"),
        role: role.clone(),
        title: String::new(),
        permissions: permissions.to_vec(),
        visibility: None,
    }
}

fn below(parent: &str, id: &str) -> Change {
    Change::AddAccount {
        account: ids::account(id),
        parent: ids::account(parent),
        title: String::new(),
        sealed: false,
        owner: None,
    }
}

#[tokio::test]
async fn a_tree_has_so_many_levels() {
    let harness = Harness::start().await;
    let id = |at: usize| if at == 1 { "home".to_owned() } else { format!("a{at}") };
    let deep = (2..=MAX_LEVELS).map(|at| below(&id(at - 1), &id(at)));
    let office = product("standard").account("home").member("me").role("administrator");
    harness.build(deep.fold(office, World::change)).await;
    // A batch that is refused leaves nothing behind.
    let deeper = [below("home", "beside"), below(&id(MAX_LEVELS), "deeper")];
    let refused = apply(&harness, "deeper", &deeper).await;
    limited(refused, Code::FailedPrecondition, "changes[1].add_account.parent", MAX_LEVELS);
    // The deepest is as good as any other.
    let me = Change::AddMember {
        account: ids::account(&id(MAX_LEVELS)),
        subject: ids::user("deep"),
        status: lineguard_core::facts::MemberStatus::Active,
        roles: Some(ids::keys(&["administrator"])),
    };
    apply(&harness, "member", &[me, below("home", "beside")]).await.unwrap();
    ask("deep", &id(MAX_LEVELS), "member.view").send(&harness).await.allows();
    harness.stop().await;
}

#[tokio::test]
async fn a_member_and_a_group_hold_so_many_roles() {
    let harness = Harness::start().await;
    let own = keys(MAX_ROLES + 1);
    let few = ids::keys(&["fax.view"]);
    let office = product("standard").account("home").member("me").role("administrator");
    // Somebody is left who may assign roles.
    let office = office.member("boss").role("administrator");
    let office = own.iter().map(|key| own_role(key, &few)).fold(office, World::change);
    harness.build(office.group("g", &[])).await;
    let roles = |count| Change::SetRoles {
        account: ids::account("home"),
        subject: ids::user("me"),
        roles: own[..count].to_vec(),
        keep_overrides: false,
    };
    apply(&harness, "most", &[roles(MAX_ROLES)]).await.unwrap();
    let refused = apply(&harness, "more", &[roles(MAX_ROLES + 1)]).await;
    limited(refused, Code::InvalidArgument, "changes[0].set_roles.roles", MAX_ROLES);
    let of_group =
        |count| Change::SetGroupRoles { group: ids::group("g"), roles: own[..count].to_vec() };
    apply(&harness, "most of group", &[of_group(MAX_GROUP_ROLES)]).await.unwrap();
    let refused = apply(&harness, "more of group", &[of_group(MAX_GROUP_ROLES + 1)]).await;
    let field = "changes[0].set_group_roles.roles";
    limited(refused, Code::InvalidArgument, field, MAX_GROUP_ROLES);
    harness.stop().await;
}

#[tokio::test]
async fn a_subject_is_in_so_many_groups() {
    let harness = Harness::start().await;
    let office = product("standard").account("home").member("me").role("administrator");
    let group = |at| format!("g{at}");
    let office = (0..=MAX_GROUPS).fold(office, |world, at| world.group(&group(at), &[]));
    let office = (0..MAX_GROUPS).fold(office, |world, at| world.in_group("me", &group(at)));
    harness.build(office).await;
    let join = |at| Change::SetGroupMember {
        group: ids::group(&group(at)),
        subject: ids::user("me"),
        member: true,
    };
    apply(&harness, "again", &[join(3)]).await.unwrap();
    let refused = apply(&harness, "one more", &[join(MAX_GROUPS)]).await;
    let field = "changes[0].set_group_member.subject";
    limited(refused, Code::FailedPrecondition, field, MAX_GROUPS);
    let leave =
        Change::SetGroupMember { group: ids::group("g0"), subject: ids::user("me"), member: false };
    apply(&harness, "instead", &[leave, join(MAX_GROUPS)]).await.unwrap();
    harness.stop().await;
}

#[tokio::test]
async fn an_account_defines_so_many_roles_of_so_many_permissions() {
    let harness = Harness::start().await;
    harness.build(product("standard").account("home").member("me").role("administrator")).await;
    let own = keys(MAX_OWN_ROLES + 1);
    let request = pb::ListPermissionsRequest {
        tenant: "t1".into(),
        subject: Some(crate::ask::user("me")),
        account: "home".into(),
        ..Default::default()
    };
    let listed = harness.client().list_permissions(request).await.unwrap().into_inner();
    let all: Vec<_> = listed.permissions.iter().map(|one| ids::key(&one.key)).collect();

    let large = MAX_OWN_PERMISSIONS / all.len();
    assert!(large < MAX_OWN_ROLES, "the model has enough permissions for the test");
    let too_large: Vec<_> = own[..=large].iter().map(|key| own_role(key, &all)).collect();
    let refused = apply(&harness, "too large", &too_large).await;
    let field = format!("changes[{large}].add_role.permissions");
    limited(refused, Code::FailedPrecondition, &field, MAX_OWN_PERMISSIONS);

    let small: Vec<_> = own.iter().map(|key| own_role(key, &all[..1])).collect();
    apply(&harness, "most", &small[..MAX_OWN_ROLES]).await.unwrap();
    let refused = apply(&harness, "more", &small[MAX_OWN_ROLES..]).await;
    limited(refused, Code::FailedPrecondition, "changes[0].add_role.role", MAX_OWN_ROLES);
    let remove = Change::RemoveRole { account: ids::account("home"), role: own[0].clone() };
    let instead = [remove, small[MAX_OWN_ROLES].clone()];
    apply(&harness, "instead", &instead).await.unwrap();
    harness.stop().await;
}

#[tokio::test]
async fn overrides_of_a_member_name_so_many_values() {
    let harness = Harness::start().await;
    harness.build(product("amplify").account("home").member("me").role("manager")).await;
    let request = pb::ListPermissionsRequest {
        tenant: "t1".into(),
        subject: Some(crate::ask::user("me")),
        account: "home".into(),
        ..Default::default()
    };
    let listed = harness.client().list_permissions(request).await.unwrap().into_inner();
    let values: Vec<_> = (0..1_000).map(|at| format!("v{at}")).collect();
    let mut taken = 0;
    for (scope, word) in
        [(ScopeKind::FormType, "form"), (ScopeKind::Template, "t"), (ScopeKind::DocumentType, "d")]
    {
        for permission in &listed.permissions {
            let value = OverrideValue::Scoped([(scope, values.clone())].into());
            let change = Change::SetOverride {
                account: ids::account("home"),
                subject: ids::user("me"),
                permission: ids::key(&permission.key),
                value,
            };
            let request = format!("{word} {}", permission.key);
            match apply(&harness, &request, &[change]).await {
                Ok(_) => taken += 1_000,
                // Another permission is limited by other things.
                Err(status) if status.code() == Code::InvalidArgument => {}
                refused => {
                    assert_eq!(taken, MAX_SCOPE_VALUES);
                    let field = "changes[0].set_override.value";
                    return limited(refused, Code::FailedPrecondition, field, MAX_SCOPE_VALUES);
                }
            }
        }
    }
    panic!("{taken} values were taken");
}
