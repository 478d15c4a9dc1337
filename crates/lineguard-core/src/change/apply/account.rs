//! Accounts: the tree, what is set up at its nodes, and who owns them.

use super::door::{Done, Door, IN_TENANT};
use crate::change::title_or_id;
use crate::facts::MemberStatus;
use crate::id::{AccountId, Key, Num, Subject};
use crate::port::{ApplyError, FaxColumn};
use crate::row::{AccountBody, LinkKind, Object, ObjectKind};

/// What must be gone before an account can be removed. Its members, roles and invitations go
/// with it.
const MUST_BE_GONE: [ObjectKind; 6] = [
    ObjectKind::Account,
    ObjectKind::Group,
    ObjectKind::Number,
    ObjectKind::Extension,
    ObjectKind::Queue,
    ObjectKind::Faxbox,
];

impl Door<'_> {
    pub(super) async fn add_account(
        &mut self,
        account: &AccountId,
        parent: &AccountId,
        title: &str,
        sealed: bool,
        owner: Option<&Subject>,
    ) -> Done {
        let parent = self.account("parent", parent).await?;
        let Some(existing) = self.find(ObjectKind::Account, IN_TENANT, account.as_str()).await?
        else {
            return self.insert_account(account, &parent, title, sealed, owner).await;
        };
        // An account never moves, so the tree cannot get a circle.
        if existing.account != Some(parent.num) {
            return Err(self.exists("parent", "the account exists in another place of the tree"));
        }
        let mut body: AccountBody = self.body(&existing)?;
        self.retitle(&mut body.title, title, "the account")?;
        if body.sealed != sealed {
            self.stays("sealed", "the account")?;
        }
        self.stays_owned(existing.num, owner).await?;
        self.save(&existing, &body).await
    }

    async fn insert_account(
        &mut self,
        account: &AccountId,
        parent: &Object,
        title: &str,
        sealed: bool,
        owner: Option<&Subject>,
    ) -> Done {
        if self.body::<AccountBody>(parent)?.personal {
            return Err(self.refused("parent", "a personal account has no accounts below it"));
        }
        self.check_level(parent.num).await?;
        let title = title_or_id(title, account.as_str()).to_owned();
        let body = AccountBody { title, sealed, ..AccountBody::default() };
        let parent = Some(parent.num);
        let num =
            self.insert(ObjectKind::Account, IN_TENANT, account.as_str(), parent, &body).await?;
        if let Some(owner) = owner {
            self.make_owner(num, owner).await?;
        }
        Ok(true)
    }

    async fn edit_account(
        &mut self,
        account: &AccountId,
        edit: impl FnOnce(&mut AccountBody) + Send,
    ) -> Done {
        let account = self.account("account", account).await?;
        let mut body = self.body(&account)?;
        edit(&mut body);
        self.save(&account, &body).await
    }

    pub(super) async fn set_sealed(&mut self, account: &AccountId, sealed: bool) -> Done {
        self.edit_account(account, |body| body.sealed = sealed).await
    }

    pub(super) async fn set_entitlement(
        &mut self,
        account: &AccountId,
        product: &Key,
        entitled: Option<bool>,
    ) -> Done {
        self.edit_account(account, |body| put(&mut body.entitlements, product, entitled)).await
    }

    pub(super) async fn set_flag(
        &mut self,
        account: &AccountId,
        flag: &Key,
        on: Option<bool>,
    ) -> Done {
        self.edit_account(account, |body| put(&mut body.flags, flag, on)).await
    }

    pub(super) async fn set_setting(
        &mut self,
        account: &AccountId,
        setting: &Key,
        on: Option<bool>,
    ) -> Done {
        self.edit_account(account, |body| put(&mut body.settings, setting, on)).await
    }

    pub(super) async fn remove_account(&mut self, account: &AccountId) -> Done {
        let Some(account) = self.find(ObjectKind::Account, IN_TENANT, account.as_str()).await?
        else {
            return Ok(false);
        };
        self.check_removable(&account).await?;
        for member in self.every(ObjectKind::Member, Some(account.num)).await? {
            self.unbind(&account, &member).await?;
            self.tx.remove_object(member.num).await?;
        }
        for kind in [ObjectKind::Role, ObjectKind::Invitation] {
            for object in self.every(kind, Some(account.num)).await? {
                self.tx.remove_object(object.num).await?;
            }
        }
        self.unlink_from(&[LinkKind::AccountOwner], account.num).await?;
        self.own_roles.remove(&account.num);
        self.tx.remove_object(account.num).await?;
        Ok(true)
    }

    async fn check_removable(&mut self, account: &Object) -> Result<(), ApplyError> {
        if account.account.is_none() {
            return Err(self.refused("account", "the root account stays as long as its tenant"));
        }
        for kind in MUST_BE_GONE {
            if !self.tx.list(kind, Some(account.num), Num(0), 1).await?.is_empty() {
                let word = kind.as_str();
                return Err(self.refused("account", format!("something is left in it: {word}")));
            }
        }
        // Its last owner cannot be removed before it, and is removed with it.
        let owners = self.tx.links_from(LinkKind::AccountOwner, account.num).await?;
        for qualified in self.present_members(account.num).await? {
            let subject = self.find(ObjectKind::Subject, IN_TENANT, &qualified).await?;
            if !subject.is_some_and(|subject| owners.contains(&subject.num)) {
                return Err(self.refused("account", "something is left in it: member"));
            }
        }
        if !self.tx.faxes_in(FaxColumn::Account, account.num, 1).await?.is_empty() {
            return Err(self.refused("account", "something is left in it: fax"));
        }
        Ok(())
    }

    pub(super) async fn set_account_owner(
        &mut self,
        account: &AccountId,
        subject: &Subject,
        owner: bool,
    ) -> Done {
        let account = self.account("account", account).await?;
        if owner {
            let subject = self.subject_of_member(account.num, "subject", subject).await?;
            return self.set_link(LinkKind::AccountOwner, account.num, subject, true).await;
        }
        let Some(num) = self.known_subject(subject).await? else {
            return Ok(false);
        };
        self.check_not_last_owner(account.num, "subject", subject).await?;
        self.set_link(LinkKind::AccountOwner, account.num, num, false).await
    }

    /// Refuses if the subject owns the account and no other active member does (rulings R4).
    pub(super) async fn check_not_last_owner(
        &mut self,
        account: Num,
        field: &'static str,
        subject: &Subject,
    ) -> Result<(), ApplyError> {
        let Some(num) = self.known_subject(subject).await? else {
            return Ok(());
        };
        let owners = self.tx.links_from(LinkKind::AccountOwner, account).await?;
        if !owners.contains(&num) {
            return Ok(());
        }
        let others: Vec<Num> = owners.into_iter().filter(|owner| *owner != num).collect();
        for other in self.get_all(&others).await? {
            let member = self.present_member(account, &other.id).await?;
            if member.is_some_and(|(_, body)| body.status == MemberStatus::Active.as_str()) {
                return Ok(());
            }
        }
        Err(self.refused(field, "the last owner of an account stays; name another owner first"))
    }

    /// Qualified subjects of the members of an account who were not removed.
    pub(super) async fn present_members(
        &mut self,
        account: Num,
    ) -> Result<Vec<String>, ApplyError> {
        let mut present = Vec::new();
        for member in self.every(ObjectKind::Member, Some(account)).await? {
            let body: crate::row::MemberBody = self.body(&member)?;
            if body.status != MemberStatus::Removed.as_str() {
                present.push(member.id);
            }
        }
        Ok(present)
    }
}

/// Sets a value, or takes it away.
pub(super) fn put(map: &mut std::collections::BTreeMap<String, bool>, key: &Key, on: Option<bool>) {
    match on {
        Some(on) => map.insert(key.as_str().to_owned(), on),
        None => map.remove(key.as_str()),
    };
}
