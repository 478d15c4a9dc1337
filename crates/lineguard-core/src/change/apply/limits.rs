//! How much there may be of what every question about a member reads and compiles. Told when it is
//! written, so that no question meets more.

use std::collections::BTreeMap;

use super::door::Door;
use crate::id::{Key, Num};
use crate::port::ApplyError;
use crate::row::{LinkKind, MemberBody, ObjectKind, OverrideBody, RoleBody};

/// Most levels of a tenant's tree, the root included.
pub const MAX_LEVELS: usize = 64;

/// Most roles of one member, and of one invitation.
pub const MAX_ROLES: usize = 50;

/// Most roles of one group.
pub const MAX_GROUP_ROLES: usize = 5;

/// Most groups of one subject in a tenant.
pub const MAX_GROUPS: usize = 200;

/// Most roles that one account defines or adjusts.
pub const MAX_OWN_ROLES: usize = 1_000;

/// Most permissions that these roles name together.
pub const MAX_OWN_PERMISSIONS: usize = 50_000;

/// Most values that the scoped overrides of one member name together.
pub const MAX_SCOPE_VALUES: usize = 5_000;

/// How many permissions each role of an account names.
pub(super) type OwnRoles = BTreeMap<String, usize>;

impl Door<'_> {
    /// Refuses an account below one of the last level.
    pub(super) async fn check_level(&mut self, parent: Num) -> Result<(), ApplyError> {
        if self.path(parent).await?.len() >= MAX_LEVELS {
            let problem = format!("the tree would have more than {MAX_LEVELS} levels");
            return Err(self.refused("parent", problem));
        }
        Ok(())
    }

    /// Refuses one more group for a subject who is in many.
    pub(super) async fn check_groups(
        &mut self,
        group: Num,
        subject: Num,
    ) -> Result<(), ApplyError> {
        let groups = self.tx.links_to(LinkKind::GroupMember, subject).await?;
        if groups.len() >= MAX_GROUPS && !groups.contains(&group) {
            let problem = format!("is in {MAX_GROUPS} groups already, which is the most");
            return Err(self.refused("subject", problem));
        }
        Ok(())
    }

    /// Refuses a role that makes the own roles of an account too many or too large.
    pub(super) async fn check_own_role(
        &mut self,
        account: Num,
        role: &Key,
        field: &'static str,
        body: &RoleBody,
    ) -> Result<(), ApplyError> {
        if !self.own_roles.contains_key(&account) {
            let mut own = OwnRoles::new();
            for role in self.every(ObjectKind::Role, Some(account)).await? {
                let names = named(&self.body(&role)?);
                own.insert(role.id, names);
            }
            self.own_roles.insert(account, own);
        }
        let own = self.own_roles.entry(account).or_default();
        let before = own.insert(role.as_str().to_owned(), named(body));
        let (count, names) = (own.len(), own.values().sum::<usize>());
        if before.is_none() && count > MAX_OWN_ROLES {
            let problem =
                format!("the account has {MAX_OWN_ROLES} roles already, which is the most");
            return Err(self.refused("role", problem));
        }
        if names > MAX_OWN_PERMISSIONS && before.is_none_or(|before| before < named(body)) {
            let problem = format!(
                "the roles of the account would name {names} permissions together; \
                 {MAX_OWN_PERMISSIONS} are allowed"
            );
            return Err(self.refused(field, problem));
        }
        Ok(())
    }

    /// Refuses overrides of a member that name too many values.
    pub(super) fn check_scope_values(&self, body: &MemberBody) -> Result<(), ApplyError> {
        let values = |one: &OverrideBody| match one {
            OverrideBody::Scoped(scopes) => scopes.values().map(Vec::len).sum(),
            OverrideBody::Off | OverrideBody::On => 0,
        };
        let all: usize = body.overrides.values().map(values).sum();
        if all > MAX_SCOPE_VALUES {
            let problem = format!(
                "the overrides of the member would name {all} values together; \
                 {MAX_SCOPE_VALUES} are allowed"
            );
            return Err(self.refused("value", problem));
        }
        Ok(())
    }
}

fn named(body: &RoleBody) -> usize {
    match body {
        RoleBody::Custom { permissions, .. } => permissions.len(),
        RoleBody::Adjusted { add, remove, .. } => add.len() + remove.len(),
    }
}
