//! Built-in roles as an account adjusts them: their differences to the model.

use super::door::{Done, Door};
use super::role::texts;
use crate::id::{AccountId, Key, Num};
use crate::port::ApplyError;
use crate::row::{Object, ObjectKind, RoleBody};

/// Differences of a built-in role to the model.
#[derive(Default)]
struct Differences {
    add: Vec<String>,
    remove: Vec<String>,
    visibility: Option<String>,
}

impl Door<'_> {
    pub(super) async fn set_role_differences(
        &mut self,
        account: &AccountId,
        role: &Key,
        add: Option<&[Key]>,
        remove: Option<&[Key]>,
    ) -> Done {
        let account = self.account("account", account).await?.num;
        let (existing, mut now) = self.differences(account, role).await?;
        if let Some(add) = add {
            now.add = texts(add);
        }
        if let Some(remove) = remove {
            now.remove = texts(remove);
        }
        if let Some(key) = now.add.iter().find(|key| now.remove.contains(key)) {
            let field = if remove.is_some() { "remove" } else { "add" };
            return Err(self.refused(field, format!("`{key}` would be both added and removed")));
        }
        self.adjust(account, role, existing, now).await
    }

    pub(super) async fn set_role_visibility(
        &mut self,
        account: &AccountId,
        role: &Key,
        level: Option<&Key>,
    ) -> Done {
        let account = self.account("account", account).await?.num;
        let level = level.map(|level| level.as_str().to_owned());
        if self.model.role(role.as_str()).is_some() {
            let (existing, now) = self.differences(account, role).await?;
            return self
                .adjust(account, role, existing, Differences { visibility: level, ..now })
                .await;
        }
        let Some(existing) = self.find(ObjectKind::Role, account, role.as_str()).await? else {
            return Err(self.not_found("role", "neither built in nor defined at the account"));
        };
        let body = match self.body(&existing)? {
            RoleBody::Custom { title, permissions, .. } => {
                RoleBody::Custom { title, permissions, visibility: level }
            }
            RoleBody::Adjusted { add, remove, .. } => {
                RoleBody::Adjusted { add, remove, visibility: level }
            }
        };
        self.save(&existing, &body).await
    }

    /// How a built-in role differs from the model at an account, with the row that says so.
    async fn differences(
        &mut self,
        account: Num,
        role: &Key,
    ) -> Result<(Option<Object>, Differences), ApplyError> {
        let Some(existing) = self.find(ObjectKind::Role, account, role.as_str()).await? else {
            return Ok((None, Differences::default()));
        };
        match self.body(&existing)? {
            RoleBody::Adjusted { add, remove, visibility } => {
                Ok((Some(existing), Differences { add, remove, visibility }))
            }
            RoleBody::Custom { .. } => {
                Err(self.exists("role", "the key is one of a role of the account's own"))
            }
        }
    }

    pub(super) async fn adjust_role(
        &mut self,
        account: &AccountId,
        role: &Key,
        add: &[Key],
        remove: &[Key],
        visibility: Option<&Key>,
    ) -> Done {
        let account = self.account("account", account).await?.num;
        let (existing, _) = self.differences(account, role).await?;
        let now = Differences {
            add: texts(add),
            remove: texts(remove),
            visibility: visibility.map(|level| level.as_str().to_owned()),
        };
        self.adjust(account, role, existing, now).await
    }

    /// Makes these the differences of a built-in role to the model; none undo the adjustment.
    async fn adjust(
        &mut self,
        account: Num,
        role: &Key,
        existing: Option<Object>,
        differences: Differences,
    ) -> Done {
        let Differences { add, remove, visibility } = differences;
        let undone = add.is_empty() && remove.is_empty() && visibility.is_none();
        let narrows = !remove.is_empty();
        let body = RoleBody::Adjusted { add, remove, visibility };
        if let Some(existing) = &existing
            && self.body::<RoleBody>(existing)? == body
        {
            // What is so already, from a time before the role was locked, may stay.
            return Ok(false);
        }
        let locked = self.model.role(role.as_str()).is_some_and(|(_, role)| role.locked);
        if locked && narrows {
            return Err(self.refused("remove", "the role is locked and cannot be narrowed"));
        }
        if undone {
            self.own_roles.remove(&account);
        } else {
            self.check_own_role(account, role, "add", &body).await?;
        }
        match existing {
            None if undone => Ok(false),
            None => {
                self.insert(ObjectKind::Role, account, role.as_str(), Some(account), &body).await?;
                Ok(true)
            }
            Some(existing) if undone => {
                self.tx.remove_object(existing.num).await?;
                Ok(true)
            }
            Some(existing) => self.save(&existing, &body).await,
        }
    }
}
