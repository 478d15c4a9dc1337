//! Roles of the tenant's own, and adjustments of built-in ones.

use std::collections::BTreeSet;

use super::check::unknown;
use super::door::{Done, Door};
use crate::change::title_or_id;
use crate::id::{AccountId, Key, Num};
use crate::port::{ApplyError, Fault, StoreError};
use crate::row::{GroupBody, InvitationBody, MemberBody, Object, ObjectKind, RoleBody};

impl Door<'_> {
    pub(super) async fn add_role(
        &mut self,
        account: &AccountId,
        role: &Key,
        title: &str,
        permissions: &[Key],
        visibility: Option<&Key>,
    ) -> Done {
        let account = self.account("account", account).await?.num;
        let permissions = texts(permissions);
        let visibility = visibility.map(|level| level.as_str().to_owned());
        let Some(existing) = self.find(ObjectKind::Role, account, role.as_str()).await? else {
            let title = title_or_id(title, role.as_str()).to_owned();
            let body = RoleBody::Custom { title, permissions, visibility };
            self.check_own_role(account, role, "permissions", &body).await?;
            self.insert(ObjectKind::Role, account, role.as_str(), Some(account), &body).await?;
            return Ok(true);
        };
        let RoleBody::Custom { title: mut old, permissions: held, visibility: level } =
            self.body(&existing)?
        else {
            return Err(self.exists("role", "the key is one of an adjusted role"));
        };
        self.retitle(&mut old, title, "the role")?;
        if held != permissions {
            self.stays("permissions", "the role")?;
        }
        if level != visibility {
            self.stays("visibility", "the role")?;
        }
        let body = RoleBody::Custom { title: old, permissions: held, visibility: level };
        self.save(&existing, &body).await
    }

    pub(super) async fn set_role_permissions(
        &mut self,
        account: &AccountId,
        role: &Key,
        permissions: &[Key],
    ) -> Done {
        let account = self.account("account", account).await?.num;
        let found = self.find(ObjectKind::Role, account, role.as_str()).await?;
        let Some(existing) = found else {
            return Err(self.not_found("role", "no such role of the account's own"));
        };
        let RoleBody::Custom { title, visibility, .. } = self.body(&existing)? else {
            return Err(self.refused("role", "the role is an adjusted one"));
        };
        let body = RoleBody::Custom { title, permissions: texts(permissions), visibility };
        self.check_own_role(account, role, "permissions", &body).await?;
        self.save(&existing, &body).await
    }

    pub(super) async fn remove_role(&mut self, account: &AccountId, role: &Key) -> Done {
        let account = self.account("account", account).await?.num;
        let Some(existing) = self.find(ObjectKind::Role, account, role.as_str()).await? else {
            return Ok(false);
        };
        if self.is_held_below(account, role).await? {
            return Err(self.refused("role", "a member, a group or an invitation has the role"));
        }
        self.tx.remove_object(existing.num).await?;
        self.own_roles.remove(&account);
        Ok(true)
    }

    /// Whether somebody at the account or below has the role that is defined there.
    async fn is_held_below(&mut self, account: Num, role: &Key) -> Result<bool, StoreError> {
        for below in self.subtree(account).await? {
            if self.nearest_definition(below, role).await? != Some(account) {
                continue;
            }
            for kind in [ObjectKind::Member, ObjectKind::Group, ObjectKind::Invitation] {
                for object in self.every(kind, Some(below)).await? {
                    if self.roles_of(&object)?.iter().any(|held| held == role.as_str()) {
                        return Ok(true);
                    }
                }
            }
        }
        Ok(false)
    }

    async fn nearest_definition(
        &mut self,
        account: Num,
        role: &Key,
    ) -> Result<Option<Num>, StoreError> {
        for level in self.path(account).await? {
            if self.find(ObjectKind::Role, level, role.as_str()).await?.is_some() {
                return Ok(Some(level));
            }
        }
        Ok(None)
    }

    /// Roles that an object has or will give.
    fn roles_of(&self, object: &Object) -> Result<Vec<String>, StoreError> {
        Ok(match object.kind {
            ObjectKind::Member => self.body::<MemberBody>(object)?.roles,
            ObjectKind::Group => self.body::<GroupBody>(object)?.roles,
            ObjectKind::Invitation => {
                let body: InvitationBody = self.body(object)?;
                if body.is_open(self.now) { body.roles } else { Vec::new() }
            }
            _ => Vec::new(),
        })
    }

    /// Role keys without repeats, each of them built in or defined at the account or above it.
    pub(super) async fn roles_in_force(
        &mut self,
        field: &'static str,
        account: Num,
        roles: &[Key],
    ) -> Result<Vec<String>, ApplyError> {
        let roles = texts(roles);
        let faults = self.faults_of_roles(field, account, &roles).await?;
        if faults.is_empty() { Ok(roles) } else { Err(ApplyError::Invalid(faults)) }
    }

    /// The faults of roles that are neither built in nor defined at the account or above it.
    pub(super) async fn faults_of_roles(
        &mut self,
        field: &'static str,
        account: Num,
        roles: &[String],
    ) -> Result<Vec<Fault>, StoreError> {
        let model = self.model.clone();
        let is_built_in = |role: &String| model.role(role).is_some();
        let mut faults = Vec::new();
        if roles.iter().all(is_built_in) {
            return Ok(faults);
        }
        let own = self.own_roles(account).await?;
        for role in roles.iter().filter(|role| !is_built_in(role)) {
            if !own.contains(role) {
                let built_in = model.roles.iter().map(|role| role.key.as_str());
                let known = built_in.chain(own.iter().map(String::as_str));
                faults.push(self.fault(field, unknown("role", role, known)));
            }
        }
        Ok(faults)
    }

    /// Keys of the tenant's own roles that are in force at an account.
    async fn own_roles(&mut self, account: Num) -> Result<BTreeSet<String>, StoreError> {
        let mut keys = BTreeSet::new();
        for level in self.path(account).await? {
            let roles = self.every(ObjectKind::Role, Some(level)).await?;
            keys.extend(roles.into_iter().map(|role| role.id));
        }
        Ok(keys)
    }

    /// Whether a role, as it is in force at an account, gives a permission.
    pub(super) async fn role_gives(
        &mut self,
        account: Num,
        role: &str,
        permission: &str,
    ) -> Result<bool, StoreError> {
        let mut definition = None;
        for level in self.path(account).await? {
            if let Some(object) = self.find(ObjectKind::Role, level, role).await? {
                definition = Some(self.body::<RoleBody>(&object)?);
                break;
            }
        }
        let built_in = self.model.role(role).is_some_and(|(_, role)| {
            let named = |held: &crate::model::RolePermission| {
                self.model
                    .permission_at(held.permission)
                    .is_some_and(|one| one.key.as_str() == permission)
            };
            role.permissions.iter().any(named)
        });
        let among = |keys: &[String]| keys.iter().any(|key| key == permission);
        Ok(match definition {
            None => built_in,
            Some(RoleBody::Custom { permissions, .. }) => among(&permissions),
            Some(RoleBody::Adjusted { add, remove, .. }) => {
                among(&add) || (built_in && !among(&remove))
            }
        })
    }
}

/// Keys as text, in their order, without repeats.
pub(super) fn texts(keys: &[Key]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    keys.iter().filter(|key| seen.insert(*key)).map(|key| key.as_str().to_owned()).collect()
}
