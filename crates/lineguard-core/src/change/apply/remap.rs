//! Whether a tenant fits another model text: everything of the old one that is in use.

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;

use super::door::Door;
use crate::id::Num;
use crate::model::Model;
use crate::port::StoreError;
use crate::row::{
    AccountBody, GroupBody, InvitationBody, MemberBody, ObjectKind, OverrideBody, RoleBody,
};

impl Door<'_> {
    /// What the tenant uses and the model does not know or allow.
    pub(super) async fn unfit_for(
        &mut self,
        model: &Model,
    ) -> Result<BTreeSet<String>, StoreError> {
        let mut fit = Fit { model, custom: BTreeSet::new(), unfit: BTreeSet::new() };
        for (id, body) in self.bodies::<RoleBody>(ObjectKind::Role).await? {
            fit.role(&id, &body);
        }
        for (_, body) in self.bodies::<MemberBody>(ObjectKind::Member).await? {
            fit.member(&body);
        }
        for (_, body) in self.bodies::<GroupBody>(ObjectKind::Group).await? {
            fit.roles(&body.roles);
        }
        for (_, body) in self.bodies::<InvitationBody>(ObjectKind::Invitation).await? {
            if body.is_open(self.now) {
                fit.main_roles(&body.roles);
            }
        }
        for (_, body) in self.bodies::<AccountBody>(ObjectKind::Account).await? {
            fit.account(&body);
        }
        if self.tx.list(ObjectKind::Account, None, Num(0), 2).await?.len() > 1
            && !model.tree.sub_accounts
        {
            fit.unfit.insert("accounts below the root".to_owned());
        }
        Ok(fit.unfit)
    }

    async fn bodies<T: DeserializeOwned>(
        &mut self,
        kind: ObjectKind,
    ) -> Result<Vec<(String, T)>, StoreError> {
        let objects = self.every(kind, None).await?;
        let parsed = |object: crate::row::Object| {
            let body = self.body(&object)?;
            Ok((object.id, body))
        };
        objects.into_iter().map(parsed).collect()
    }
}

struct Fit<'a> {
    model: &'a Model,
    /// Keys of the tenant's own roles.
    custom: BTreeSet<String>,
    unfit: BTreeSet<String>,
}

impl Fit<'_> {
    fn need(&mut self, known: bool, what: &str, key: &str) {
        if !known {
            self.unfit.insert(format!("{what} `{key}`"));
        }
    }

    fn permission(&mut self, key: &str) {
        self.need(self.model.permission(key).is_some(), "permission", key);
    }

    fn level(&mut self, key: Option<&str>) {
        if let Some(key) = key {
            self.need(self.model.level(key).is_some(), "visibility level", key);
        }
    }

    fn role(&mut self, id: &str, body: &RoleBody) {
        let built_in = self.model.role(id).is_some();
        match body {
            RoleBody::Custom { permissions, visibility, .. } => {
                self.need(!built_in, "a role of the tenant's own with the built-in key", id);
                permissions.iter().for_each(|key| self.permission(key));
                self.level(visibility.as_deref());
                self.custom.insert(id.to_owned());
            }
            RoleBody::Adjusted { add, remove, visibility } => {
                self.need(built_in, "role", id);
                add.iter().chain(remove).for_each(|key| self.permission(key));
                self.level(visibility.as_deref());
            }
        }
    }

    fn roles(&mut self, roles: &[String]) {
        for role in roles {
            let known = self.custom.contains(role) || self.model.role(role).is_some();
            self.need(known, "role", role);
        }
    }

    fn main_roles(&mut self, roles: &[String]) {
        self.roles(roles);
        if self.model.members.one_role && roles.len() > 1 {
            self.unfit.insert("members with more than one role".to_owned());
        }
    }

    fn member(&mut self, body: &MemberBody) {
        self.main_roles(&body.roles);
        self.level(body.visibility.as_deref());
        for key in body.switches.keys() {
            self.need(self.model.product(key).is_some(), "product", key);
        }
        for (key, value) in &body.overrides {
            self.overridden(key, value);
        }
    }

    fn overridden(&mut self, key: &str, value: &OverrideBody) {
        let Some((_, permission)) = self.model.permission(key) else {
            return self.permission(key);
        };
        let gives = !matches!(value, OverrideBody::Off);
        self.need(!(gives && permission.role_only), "an override that gives", key);
        if let OverrideBody::Scoped(scopes) = value {
            for word in scopes.keys() {
                let known = permission.scopes.iter().any(|scope| scope.as_str() == word);
                self.need(known, "a scope of", key);
            }
        }
    }

    fn account(&mut self, body: &AccountBody) {
        if body.personal && !self.model.tree.personal {
            self.unfit.insert("a personal account".to_owned());
        }
        for key in body.entitlements.keys() {
            self.need(self.model.product(key).is_some(), "product", key);
        }
        for key in body.flags.keys() {
            self.need(self.model.flag(key).is_some(), "feature flag", key);
        }
        for key in body.settings.keys() {
            self.need(self.model.setting(key).is_some(), "setting", key);
        }
    }
}
