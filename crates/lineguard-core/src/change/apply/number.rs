//! Phone numbers.

use super::door::{Done, Door, IN_TENANT};
use crate::facts::Capabilities;
use crate::id::{AccountId, Num, PhoneNumber};
use crate::model::ScopeKind;
use crate::port::{ApplyError, StoreError};
use crate::row::{LinkKind, MemberBody, NumberBody, Object, ObjectKind, OverrideBody};

/// Links from a member to a number.
const TO_NUMBER: [LinkKind; 7] = [
    LinkKind::AccessNumber,
    LinkKind::AutoAssignNumber,
    LinkKind::GrantedNumber,
    LinkKind::SendFromFax,
    LinkKind::SendFromMessage,
    LinkKind::SendFromCall,
    LinkKind::DefaultNumber,
];

/// Links from a number to what receives its faxes.
const FROM_NUMBER: [LinkKind; 2] = [LinkKind::NumberFaxbox, LinkKind::NumberGroup];

impl Door<'_> {
    pub(super) async fn add_number(
        &mut self,
        account: &AccountId,
        number: &PhoneNumber,
        capabilities: Capabilities,
        active: bool,
    ) -> Done {
        let account = self.account("account", account).await?.num;
        let Capabilities { voice, fax, message } = capabilities;
        let body = NumberBody { active, voice, fax, message };
        let id = number.as_str();
        let Some(existing) = self.find(ObjectKind::Number, IN_TENANT, id).await? else {
            self.insert(ObjectKind::Number, IN_TENANT, id, Some(account), &body).await?;
            let number = self.number("number", number).await?;
            self.check_targets(&number, "number").await?;
            return Ok(true);
        };
        if existing.account != Some(account) {
            return Err(self.exists("number", "the number exists in another account"));
        }
        let now: NumberBody = self.body(&existing)?;
        if (now.voice, now.fax, now.message) != (voice, fax, message) {
            self.stays("capabilities", "the number")?;
        }
        if now.active != active {
            self.stays("active", "the number")?;
        }
        Ok(false)
    }

    pub(super) async fn set_number_capabilities(
        &mut self,
        number: &PhoneNumber,
        capabilities: Capabilities,
    ) -> Done {
        let number = self.number("number", number).await?;
        let Capabilities { voice, fax, message } = capabilities;
        let body = NumberBody { voice, fax, message, ..self.body(&number)? };
        self.save(&number, &body).await
    }

    pub(super) async fn set_number_active(&mut self, number: &PhoneNumber, active: bool) -> Done {
        let number = self.number("number", number).await?;
        let mut body: NumberBody = self.body(&number)?;
        body.active = active;
        self.save(&number, &body).await
    }

    pub(super) async fn move_number(&mut self, number: &PhoneNumber, account: &AccountId) -> Done {
        let number = self.number("number", number).await?;
        let account = self.account("account", account).await?.num;
        if number.account == Some(account) {
            return Ok(false);
        }
        self.check_movable(&number, account).await?;
        let body: NumberBody = self.body(&number)?;
        self.save_in(&number, Some(account), &body).await?;
        let moved = Object { account: Some(account), ..number };
        self.check_targets(&moved, "account").await?;
        Ok(true)
    }

    /// Whatever names the number must be able to name it in its new account too.
    async fn check_movable(&mut self, number: &Object, account: Num) -> Result<(), ApplyError> {
        let mut namers = self.naming_members(number).await?;
        for kind in FROM_NUMBER {
            let targets = self.tx.links_from(kind, number.num).await?;
            namers.extend(self.get_all(&targets).await?);
        }
        for namer in namers {
            let of = self.account_of(&namer)?;
            if !self.number_accounts(of).await?.contains(&account) {
                let problem = "a list, default, override or target of its old account names the \
                               number; take it out first";
                return Err(self.refused("account", problem));
            }
        }
        Ok(())
    }

    pub(super) async fn remove_number(&mut self, number: &PhoneNumber) -> Done {
        let Some(number) = self.find(ObjectKind::Number, IN_TENANT, number.as_str()).await? else {
            return Ok(false);
        };
        let mut used = !self.naming_members(&number).await?.is_empty();
        for kind in FROM_NUMBER {
            used |= !self.tx.links_from(kind, number.num).await?.is_empty();
        }
        if used {
            let problem = "a list, default, override or target names the number";
            return Err(self.refused("number", problem));
        }
        self.tx.remove_object(number.num).await?;
        Ok(true)
    }

    /// Members whose lists, default or overrides name a number.
    async fn naming_members(&mut self, number: &Object) -> Result<Vec<Object>, StoreError> {
        let mut members = Vec::new();
        for kind in TO_NUMBER {
            let ends = self.tx.links_to(kind, number.num).await?;
            members.extend(self.get_all(&ends).await?);
        }
        let account = self.account_of(number)?;
        let accounts = if self.model.tree.numbers_flow_down {
            self.subtree(account).await?
        } else {
            vec![account]
        };
        for account in accounts {
            for member in self.every(ObjectKind::Member, Some(account)).await? {
                if names_in_override(&self.body(&member)?, number.num) {
                    members.push(member);
                }
            }
        }
        Ok(members)
    }
}

fn names_in_override(body: &MemberBody, number: Num) -> bool {
    body.overrides.values().any(|value| match value {
        OverrideBody::Off | OverrideBody::On => false,
        OverrideBody::Scoped(scopes) => {
            scopes.get(ScopeKind::Number.as_str()).is_some_and(|nums| nums.contains(&number.0))
        }
    })
}
