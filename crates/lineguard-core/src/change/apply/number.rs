//! Phone numbers.

use std::collections::BTreeMap;

use super::door::{Done, Door, IN_TENANT};
use crate::change::Activation;
use crate::facts::Capabilities;
use crate::id::{AccountId, Num, PhoneNumber};
use crate::port::{ApplyError, StoreError};
use crate::row::{self, LinkKind, NumberBody, Object, ObjectKind};

/// Links from a member to a number.
const TO_NUMBER: [LinkKind; 8] = [
    LinkKind::AccessNumber,
    LinkKind::AutoAssignNumber,
    LinkKind::GrantedNumber,
    LinkKind::SendFromFax,
    LinkKind::SendFromMessage,
    LinkKind::SendFromCall,
    LinkKind::DefaultNumber,
    LinkKind::OverrideNumber,
];

/// Links from a number to what receives its faxes.
const FROM_NUMBER: [LinkKind; 2] = [LinkKind::NumberFaxbox, LinkKind::NumberGroup];

/// The one refusal of an activation: it does not tell whether another tenant has the number.
const NOT_ACTIVATED: &str = "the number cannot be activated: it is active elsewhere, or may not be \
                             activated by this caller";

/// The remark on a number that a person added as active.
const ADDED_INACTIVE: &str = "the number is inactive until it is provisioned";

/// The remark on a number that a person makes inactive.
const STAYS_INACTIVE: &str = "no person can make the number active again, only a provisioning \
                              service";

impl Door<'_> {
    pub(super) async fn add_number(
        &mut self,
        account: &AccountId,
        number: &PhoneNumber,
        capabilities: Capabilities,
        active: bool,
    ) -> Done {
        let account = self.account("account", account).await?.num;
        let id = number.as_str();
        let existing = self.find(ObjectKind::Number, IN_TENANT, id).await?;
        let body = |active| {
            let Capabilities { voice, fax, message } = capabilities;
            NumberBody { active, voice, fax, message, ..NumberBody::default() }
        };
        match existing {
            Some(existing) if !existing.is_retired_number() => {
                if existing.account != Some(account) {
                    return Err(self.exists("number", "the number exists in another account"));
                }
                let now: NumberBody = self.body(&existing)?;
                let NumberBody { voice, fax, message, .. } = body(active);
                if (now.voice, now.fax, now.message) != (voice, fax, message) {
                    self.stays("capabilities", "the number")?;
                }
                // What a person adds is inactive, however often they add it.
                let wanted = active && self.activation != Activation::ByPerson;
                if now.active != active && now.active != wanted {
                    self.stays("active", "the number")?;
                }
                Ok(false)
            }
            retired => {
                let mut body = body(self.active(number, active).await?);
                match retired {
                    Some(number) => {
                        body.formerly = self.body::<NumberBody>(&number)?.formerly;
                        body.formerly.left_account(row::home_of_number(self.tenant, &number)?);
                        self.save_in(&number, Some(account), &body).await?;
                    }
                    None => {
                        self.insert(ObjectKind::Number, IN_TENANT, id, Some(account), &body)
                            .await?;
                    }
                }
                let number = self.number("number", number).await?;
                self.check_targets(&number, "number").await?;
                Ok(true)
            }
        }
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

    /// Whether a number that is added becomes active. A person's is not, which they are told.
    async fn active(&mut self, number: &PhoneNumber, wanted: bool) -> Result<bool, ApplyError> {
        if !wanted {
            return Ok(false);
        }
        if self.activation == Activation::ByPerson {
            self.noted.push((self.position, ADDED_INACTIVE));
            return Ok(false);
        }
        self.activate(number).await.map(|()| true)
    }

    /// Makes sure that a number may become active, and that no other tenant activates it at the
    /// same time. Whoever may not activate is refused before anything is looked at, and in the same
    /// words as somebody whose number is active elsewhere.
    async fn activate(&mut self, number: &PhoneNumber) -> Result<(), ApplyError> {
        if self.activation != Activation::Granted {
            return Err(self.refused("active", NOT_ACTIVATED));
        }
        for body in self.tx.hold_number(number).await? {
            let body: NumberBody = serde_json::from_str(&body).map_err(|_| unreadable())?;
            if body.active {
                return Err(self.refused("active", NOT_ACTIVATED));
            }
        }
        Ok(())
    }

    pub(super) async fn set_number_active(&mut self, name: &PhoneNumber, active: bool) -> Done {
        let number = self.number("number", name).await?;
        let mut body: NumberBody = self.body(&number)?;
        if active && !body.active {
            self.activate(name).await?;
        }
        if body.active && !active && self.activation == Activation::ByPerson {
            self.noted.push((self.position, STAYS_INACTIVE));
        }
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
        let mut body: NumberBody = self.body(&number)?;
        body.formerly.left_account(self.account_of(&number)?);
        self.save_in(&number, Some(account), &body).await?;
        let moved = Object { account: Some(account), ..number };
        self.check_targets(&moved, "account").await?;
        Ok(true)
    }

    /// Whatever names the number must be able to name it in its new account too.
    async fn check_movable(&mut self, number: &Object, account: Num) -> Result<(), ApplyError> {
        let mut stuck = Vec::new();
        for namer in self.namers(number).await? {
            let of = self.account_of(&namer)?;
            if !self.number_accounts(of).await?.contains(&account) {
                stuck.push(namer);
            }
        }
        self.nothing_names("account", &stuck)
    }

    pub(super) async fn remove_number(&mut self, number: &PhoneNumber) -> Done {
        let found = self.find(ObjectKind::Number, IN_TENANT, number.as_str()).await?;
        let Some(number) = found.filter(|number| !number.is_retired_number()) else {
            return Ok(false);
        };
        let namers = self.namers(&number).await?;
        self.nothing_names("number", &namers)?;
        let NumberBody { formerly, .. } = self.body(&number)?;
        let body = NumberBody { formerly, ..NumberBody::retired(self.account_of(&number)?) };
        self.save_in(&number, None, &body).await
    }

    pub(super) async fn add_retired_number(
        &mut self,
        account: &AccountId,
        number: &PhoneNumber,
    ) -> Done {
        let body = NumberBody::retired(self.account("account", account).await?.num);
        let id = number.as_str();
        match self.find(ObjectKind::Number, IN_TENANT, id).await? {
            None => {
                self.insert(ObjectKind::Number, IN_TENANT, id, None, &body).await?;
                Ok(true)
            }
            Some(number) if number.is_retired_number() => {
                if self.body::<NumberBody>(&number)?.was_at != body.was_at {
                    self.stays("account", "the retired number")?;
                }
                Ok(false)
            }
            Some(_) => Err(self.refused("number", "the number is in use; it is not removed here")),
        }
    }

    /// Refuses what cannot be while something names the number, and tells where one begins to take
    /// it out.
    fn nothing_names(&self, field: &'static str, namers: &[Object]) -> Result<(), ApplyError> {
        let Some((first, others)) = namers.split_first() else { return Ok(()) };
        let id = &first.id;
        let names = match first.kind {
            ObjectKind::Member => {
                format!("a list, the default or an override of the member `{id}` names the number")
            }
            kind => format!("the {} `{id}` receives faxes of the number", kind.as_str()),
        };
        let more = match others.len() {
            0 => String::new(),
            more => format!(", and {more} more name it"),
        };
        Err(self.refused(field, format!("{names}{more}; take it out first")))
    }

    /// Whatever names a number, each once.
    async fn namers(&mut self, number: &Object) -> Result<Vec<Object>, StoreError> {
        let mut namers = self.naming_members(number).await?;
        for kind in FROM_NUMBER {
            let targets = self.tx.links_from(kind, number.num).await?;
            namers.extend(self.get_all(&targets).await?);
        }
        let each: BTreeMap<Num, Object> = namers.into_iter().map(|one| (one.num, one)).collect();
        Ok(each.into_values().collect())
    }

    /// Members whose lists, default or overrides name a number.
    async fn naming_members(&mut self, number: &Object) -> Result<Vec<Object>, StoreError> {
        self.derive_links().await?;
        let mut members = Vec::new();
        for kind in TO_NUMBER {
            let ends = self.tx.links_to(kind, number.num).await?;
            members.extend(self.get_all(&ends).await?);
        }
        Ok(members)
    }
}

/// A row of another tenant that does not parse. It may be an active number, and whoever asks is not
/// told whose it is.
fn unreadable() -> StoreError {
    let row = "the number in another tenant".to_owned();
    StoreError::Corrupt { table: "object", column: "body", row }
}
