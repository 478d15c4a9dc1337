//! Overrides: how one member differs from their roles.

use std::collections::{BTreeMap, BTreeSet};

use super::door::{Done, Door};
use crate::change::{AttachmentSource, OverrideValue};
use crate::id::{AccountId, Key, Num, PhoneNumber, Subject};
use crate::model::ScopeKind;
use crate::port::ApplyError;
use crate::row::{MemberBody, ObjectKind, OverrideBody};

impl Door<'_> {
    pub(super) async fn set_override(
        &mut self,
        account: &AccountId,
        subject: &Subject,
        permission: &Key,
        value: &OverrideValue,
    ) -> Done {
        let account = self.account("account", account).await?.num;
        let (member, before) = self.member(account, "subject", subject).await?;
        let stored = match value {
            OverrideValue::Unset => None,
            OverrideValue::Off => Some(OverrideBody::Off),
            OverrideValue::On => Some(OverrideBody::On),
            OverrideValue::Scoped(scopes) => {
                Some(OverrideBody::Scoped(self.scope_values(account, scopes).await?))
            }
        };
        let mut body = before.clone();
        match stored {
            Some(stored) => body.overrides.insert(permission.as_str().to_owned(), stored),
            None => body.overrides.remove(permission.as_str()),
        };
        // What is so already, from a time before the role was held, may stay.
        if body != before {
            self.check_not_narrowing(account, &before, permission, value).await?;
            self.check_scope_values(&body)?;
        }
        self.save_sight(&member, &body).await
    }

    /// Refuses to take something away from the holder of a locked role (rulings R11).
    async fn check_not_narrowing(
        &mut self,
        account: Num,
        body: &MemberBody,
        permission: &Key,
        value: &OverrideValue,
    ) -> Result<(), ApplyError> {
        let is_locked = |role: &String| self.model.role(role).is_some_and(|(_, role)| role.locked);
        if !body.roles.iter().any(is_locked) {
            return Ok(());
        }
        let narrows = match value {
            OverrideValue::Unset | OverrideValue::On => false,
            OverrideValue::Off => true,
            OverrideValue::Scoped(_) => self.is_held(account, body, permission).await?,
        };
        if narrows {
            return Err(self.refused("value", "the member's role is locked and cannot be narrowed"));
        }
        Ok(())
    }

    async fn is_held(
        &mut self,
        account: Num,
        body: &MemberBody,
        permission: &Key,
    ) -> Result<bool, ApplyError> {
        if self.model.everybody_has(permission) {
            return Ok(true);
        }
        for role in &body.roles {
            if self.role_gives(account, role, permission.as_str()).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn scope_values(
        &mut self,
        account: Num,
        scopes: &BTreeMap<ScopeKind, Vec<String>>,
    ) -> Result<BTreeMap<String, Vec<u64>>, ApplyError> {
        let mut stored = BTreeMap::new();
        for (scope, values) in scopes {
            let mut nums = BTreeSet::new();
            for value in values {
                nums.insert(self.scope_value(account, *scope, value).await?.0);
            }
            stored.insert(scope.as_str().to_owned(), Vec::from_iter(nums));
        }
        Ok(stored)
    }

    async fn scope_value(
        &mut self,
        account: Num,
        scope: ScopeKind,
        value: &str,
    ) -> Result<Num, ApplyError> {
        let kind = match scope {
            ScopeKind::Number => {
                let number = PhoneNumber::parse(value);
                let number = number.map_err(|error| self.invalid("value", error.to_string()))?;
                return self.usable_number(account, "value", &number).await;
            }
            ScopeKind::Source => {
                let source = AttachmentSource::from_word(value);
                let source = source.ok_or_else(|| self.invalid("value", "no such source"))?;
                return Ok(source.num());
            }
            ScopeKind::FormType => ObjectKind::FormType,
            ScopeKind::DocumentType => ObjectKind::DocumentType,
            ScopeKind::Template => ObjectKind::Template,
        };
        self.plain(kind, value).await.map_err(Into::into)
    }
}
