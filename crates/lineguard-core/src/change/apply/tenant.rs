//! The tenant itself: its root account and its model.

use super::door::{Done, Door, IN_TENANT};
use crate::change::AccountKind;
use crate::id::{AccountId, ModelDigest, Num, Subject};
use crate::port::ApplyError;
use crate::row::{AccountBody, LinkKind, ObjectKind};

impl Door<'_> {
    /// The store has inserted the tenant's row already, or found it.
    pub(super) async fn create_tenant(
        &mut self,
        title: &str,
        model: &ModelDigest,
        root: &AccountId,
        kind: AccountKind,
        owner: Option<&Subject>,
    ) -> Done {
        let personal = kind == AccountKind::Personal;
        let account = self.find(ObjectKind::Account, IN_TENANT, root.as_str()).await?;
        let Some(account) = account else {
            return self.insert_root(root, personal, owner).await;
        };
        if account.account.is_some() {
            return Err(self.exists("root", "the account is not the tenant's root"));
        }
        let mut tenant = self.tx.tenant().await?;
        if tenant.model != *model {
            self.stays("model", "the tenant")?;
        }
        if self.body::<AccountBody>(&account)?.personal != personal {
            self.stays("kind", "the root account")?;
        }
        self.stays_owned(account.num, owner).await?;
        if !self.retitle(&mut tenant.title, title, "the tenant")? {
            return Ok(false);
        }
        self.tx.update_tenant(&tenant.title, tenant.model).await?;
        Ok(true)
    }

    async fn insert_root(
        &mut self,
        root: &AccountId,
        personal: bool,
        owner: Option<&Subject>,
    ) -> Done {
        if !self.tx.list(ObjectKind::Account, None, Num(0), 1).await?.is_empty() {
            return Err(self.exists("root", "the tenant has another root account"));
        }
        let tenant = self.tx.tenant().await?;
        self.check_new_id("tenant", tenant.id.as_str())?;
        let title = tenant.title;
        let body = AccountBody { title, personal, ..AccountBody::default() };
        let num = self.insert(ObjectKind::Account, IN_TENANT, root.as_str(), None, &body).await?;
        if let Some(owner) = owner {
            self.make_owner(num, owner).await?;
        }
        Ok(true)
    }

    pub(super) async fn set_personal(&mut self, account: &AccountId, personal: bool) -> Done {
        let account = self.account("account", account).await?;
        if account.account.is_some() {
            return Err(self.refused("account", "only a root account is personal or shared"));
        }
        let mut body: AccountBody = self.body(&account)?;
        if body.personal == personal {
            return Ok(false);
        }
        if personal && self.present_members(account.num).await?.len() != 1 {
            return Err(self.refused("personal", "a personal account has exactly one member"));
        }
        if personal && !self.every(ObjectKind::Account, Some(account.num)).await?.is_empty() {
            return Err(self.refused("personal", "the account has accounts below it"));
        }
        body.personal = personal;
        self.save(&account, &body).await
    }

    /// An `Add…` of an account that exists makes nobody its owner.
    pub(super) async fn stays_owned(
        &mut self,
        account: Num,
        owner: Option<&Subject>,
    ) -> Result<(), ApplyError> {
        let Some(owner) = owner else { return Ok(()) };
        if let Some(subject) = self.known_subject(owner).await? {
            let owners = self.tx.links_from(LinkKind::AccountOwner, account).await?;
            if owners.contains(&subject) {
                return Ok(());
            }
        }
        self.stays("owner", "the account")
    }

    /// Makes a subject an owner, and a member where it is none yet. A suspended member stays
    /// suspended: suspension always wins (rulings R4).
    pub(super) async fn make_owner(&mut self, account: Num, owner: &Subject) -> Done {
        if self.present_member(account, &owner.qualified()).await?.is_none() {
            let roles = self.model.members.default_roles.clone();
            let roles = self.roles_in_force("owner", account, &roles).await?;
            self.admit(account, "owner", owner, crate::facts::MemberStatus::Active, roles).await?;
        }
        let subject = self.subject(owner).await?;
        self.set_link(LinkKind::AccountOwner, account, subject, true).await
    }

    pub(super) async fn set_model(&mut self, digest: &ModelDigest) -> Done {
        let tenant = self.tx.tenant().await?;
        if tenant.model == *digest {
            return Ok(false);
        }
        let Some(model) = self.models.model(digest) else {
            return Err(self.invalid("model", "no text of this digest is in the store"));
        };
        let unfit = self.unfit_for(&model).await?;
        if !unfit.is_empty() {
            return Err(self.refused("model", list_of(&unfit)));
        }
        self.tx.update_tenant(&tenant.title, *digest).await?;
        self.model = model;
        self.check_all_targets().await?;
        Ok(true)
    }
}

/// The list of what a model text does not know, cut where it gets too long to read.
fn list_of(unfit: &std::collections::BTreeSet<String>) -> String {
    const SHOWN: usize = 50;
    let shown: Vec<&str> = unfit.iter().take(SHOWN).map(String::as_str).collect();
    let rest = unfit.len().saturating_sub(SHOWN);
    let shown = shown.join(", ");
    let more = if rest == 0 { String::new() } else { format!(" and {rest} more") };
    format!("the new text does not allow what is in use: {shown}{more}")
}
