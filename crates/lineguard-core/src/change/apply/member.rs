//! Members: who belongs to an account, in what status and with which roles.

use std::collections::{BTreeMap, BTreeSet};

use super::account::put;
use super::door::{Done, Door};
use super::lost::Lost;
use super::warn::Routed;
use crate::facts::MemberStatus;
use crate::id::{AccountId, Key, Num, Subject};
use crate::port::{ApplyError, StoreError};
use crate::row::{AccountBody, LinkKind, MemberBody, Object, ObjectKind, OverrideBody};

/// The links that lead away from a member.
pub(super) const OF_MEMBER: [LinkKind; 14] = [
    LinkKind::Delegation,
    LinkKind::AccessNumber,
    LinkKind::AutoAssignNumber,
    LinkKind::GrantedNumber,
    LinkKind::HeldExtension,
    LinkKind::GrantedExtension,
    LinkKind::GrantedQueue,
    LinkKind::MemberLabel,
    LinkKind::SendFromFax,
    LinkKind::SendFromMessage,
    LinkKind::SendFromCall,
    LinkKind::AttachmentSource,
    LinkKind::DefaultNumber,
    LinkKind::OverrideNumber,
];

/// The remark on the suspension of the last owner who was active.
const NOBODY_OWNS_IT: &str = "nobody active owns the account now";

impl Door<'_> {
    pub(super) async fn add_member(
        &mut self,
        account: &AccountId,
        subject: &Subject,
        status: MemberStatus,
        roles: Option<&[Key]>,
    ) -> Done {
        let account = self.account("account", account).await?.num;
        let said = roles;
        let roles = self.roles_or_default(account, said).await?;
        let Some((member, body)) = self.any_member(account, &subject.qualified()).await? else {
            return self.admit(account, "subject", subject, status, roles).await;
        };
        if body.status == MemberStatus::Removed.as_str() {
            if !self.keeps_out() {
                return self.admit(account, "subject", subject, status, roles).await;
            }
            if status != MemberStatus::Removed {
                self.leave_out(member.num);
            }
            return Ok(false);
        }
        if body.status != status.as_str() {
            self.stays("status", "the member")?;
        }
        if said.is_some() && !same_roles(&body.roles, &roles) {
            self.stays("roles", "the member")?;
        }
        Ok(false)
    }

    /// The roles that a change names, or the model's default ones.
    pub(super) async fn roles_or_default(
        &mut self,
        account: Num,
        roles: Option<&[Key]>,
    ) -> Result<Vec<String>, ApplyError> {
        let model = self.model.clone();
        let roles = roles.unwrap_or(&model.members.default_roles);
        self.roles_in_force("roles", account, roles).await
    }

    /// Makes a member of somebody who is none, or was removed. Nothing of an earlier membership
    /// comes back.
    pub(super) async fn admit(
        &mut self,
        account: Num,
        field: &'static str,
        subject: &Subject,
        status: MemberStatus,
        roles: Vec<String>,
    ) -> Done {
        let qualified = subject.qualified();
        let removed = self.find(ObjectKind::Member, account, &qualified).await?;
        if removed.is_none() {
            self.check_new_id(field, subject.id())?;
        }
        self.subject(subject).await?;
        let mut body = body_of(status);
        if status != MemberStatus::Removed {
            body.roles = roles;
            self.share(account).await?;
        }
        if let Some(removed) = removed {
            return self.save(&removed, &body).await;
        }
        self.insert(ObjectKind::Member, account, &qualified, Some(account), &body).await?;
        Ok(true)
    }

    /// A second member makes a personal account a shared one (rulings R3). Called before that
    /// member is there.
    async fn share(&mut self, account: Num) -> Result<(), ApplyError> {
        let Some(object) = self.tx.get(&[account]).await?.into_iter().next() else {
            return Ok(());
        };
        let mut body: AccountBody = self.body(&object)?;
        if body.personal && !self.present_members(account).await?.is_empty() {
            body.personal = false;
            self.save(&object, &body).await?;
        }
        Ok(())
    }

    pub(super) async fn set_member_status(
        &mut self,
        account: &AccountId,
        subject: &Subject,
        status: MemberStatus,
    ) -> Done {
        let account_id = account;
        let account = self.account("account", account).await?;
        if status == MemberStatus::Removed {
            return self.remove_member(account_id, subject).await;
        }
        if status == MemberStatus::Active && self.keeps_out() {
            let found = self.any_member(account.num, &subject.qualified()).await?;
            if found.is_some_and(|(_, body)| body.status == MemberStatus::Removed.as_str()) {
                let roles = self.roles_or_default(account.num, None).await?;
                return self.admit(account.num, "subject", subject, status, roles).await;
            }
        }
        let (member, mut body) = self.member(account.num, "subject", subject).await?;
        let suspended = body.status == MemberStatus::Suspended.as_str();
        if suspended && self.keeps_out() && !lifts_or_keeps(status) {
            self.leave_out(member.num);
            return Ok(false);
        }
        self.check_transition(account.num, subject, &body, status).await?;
        status.as_str().clone_into(&mut body.status);
        self.save(&member, &body).await
    }

    async fn check_transition(
        &mut self,
        account: Num,
        subject: &Subject,
        body: &MemberBody,
        to: MemberStatus,
    ) -> Result<(), ApplyError> {
        if body.status == to.as_str() {
            return Ok(());
        }
        if to == MemberStatus::Invited {
            return Err(self.refused("status", "a member who has accepted is not invited again"));
        }
        if body.status == MemberStatus::Suspended.as_str() && to != MemberStatus::Active {
            return Err(self.refused("status", "only `active` lifts a suspension"));
        }
        if body.status != MemberStatus::Active.as_str() {
            return Ok(());
        }
        match self.check_not_last_owner(account, "status", subject).await {
            // Suspension always wins (rulings R4): an account that somebody took over has to be
            // closed before another owner can be found.
            Err(ApplyError::Refused(_)) if to == MemberStatus::Suspended => {
                self.noted.push((self.position, NOBODY_OWNS_IT));
                Ok(())
            }
            checked => checked,
        }
    }

    pub(super) async fn remove_member(&mut self, account: &AccountId, subject: &Subject) -> Done {
        let account = self.account("account", account).await?;
        match self.present_member(account.num, &subject.qualified()).await? {
            Some((member, _)) => self.dismiss(&account, subject, &member).await,
            None => Ok(false),
        }
    }

    /// Takes everything from a member. The row stays, so that the reason can be told (rulings R5).
    async fn dismiss(&mut self, account: &Object, subject: &Subject, member: &Object) -> Done {
        self.check_not_last_owner(account.num, "subject", subject).await?;
        self.save(member, &body_of(MemberStatus::Removed)).await?;
        self.unbind(account, member).await?;
        Ok(true)
    }

    /// Removes the links of a member, and those of its subject that need the membership.
    pub(super) async fn unbind(
        &mut self,
        account: &Object,
        member: &Object,
    ) -> Result<(), ApplyError> {
        self.loses_receiver(account.num, member.num).await?;
        self.unlink_from(&OF_MEMBER, member.num).await?;
        let Some(subject) = self.find(ObjectKind::Subject, Num(0), &member.id).await? else {
            return Ok(());
        };
        let subject = subject.num;
        self.loses(Lost::Member { account: account.num, member: member.num, subject });
        self.set_link(LinkKind::AccountOwner, account.num, subject, false).await?;
        for kind in [
            LinkKind::GroupMember,
            LinkKind::GroupOwner,
            LinkKind::FaxboxOwner,
            LinkKind::FaxboxUser,
            LinkKind::Delegation,
        ] {
            let ends = self.tx.links_to(kind, subject).await?;
            for object in self.get_all(&ends).await? {
                if self.needs_membership(&object, kind, account.num, &member.id).await? {
                    self.set_link(kind, object.num, subject, false).await?;
                    self.loses_link(kind, object.num).await?;
                }
            }
        }
        Ok(())
    }

    /// Whether a link of a subject to something ends with its membership of `account`. A faxbox of
    /// an account below stays theirs as long as another membership on its path is left.
    async fn needs_membership(
        &mut self,
        object: &Object,
        kind: LinkKind,
        account: Num,
        qualified: &str,
    ) -> Result<bool, StoreError> {
        let of = self.account_of(object)?;
        if of == account {
            return Ok(true);
        }
        Ok(kind == LinkKind::FaxboxUser
            && self.path(of).await?.contains(&account)
            && !self.is_member_on_path(of, qualified).await?)
    }

    pub(super) async fn set_roles(
        &mut self,
        account: &AccountId,
        subject: &Subject,
        roles: &[Key],
        keep_overrides: bool,
    ) -> Done {
        let account = self.account("account", account).await?;
        let roles = self.roles_in_force("roles", account.num, roles).await?;
        let (member, mut body) = self.member(account.num, "subject", subject).await?;
        let denied = denied(&body);
        change_roles(&mut body, roles, keep_overrides);
        if body.overrides.is_empty() && !denied.is_empty() {
            self.loses(Lost::Denies { member: member.num, denied });
        }
        self.save_sight(&member, &body).await
    }

    pub(super) async fn set_switch(
        &mut self,
        account: &AccountId,
        subject: &Subject,
        product: &Key,
        on: Option<bool>,
    ) -> Done {
        let account = self.account("account", account).await?;
        let (member, mut body) = self.member(account.num, "subject", subject).await?;
        put(&mut body.switches, product, on);
        self.save(&member, &body).await
    }

    pub(super) async fn set_visibility(
        &mut self,
        account: &AccountId,
        subject: &Subject,
        level: Option<&Key>,
    ) -> Done {
        let account = self.account("account", account).await?;
        let (member, mut body) = self.member(account.num, "subject", subject).await?;
        body.visibility = level.map(|level| level.as_str().to_owned());
        self.save_sight(&member, &body).await
    }

    /// Saves a member whose sight of faxes may be another one now.
    pub(super) async fn save_sight(&mut self, member: &Object, body: &MemberBody) -> Done {
        let changed = self.save(member, body).await?;
        if changed {
            self.routes(Routed::Member(member.num));
        }
        Ok(changed)
    }

    pub(super) async fn set_delegation(
        &mut self,
        account: &AccountId,
        from: &Subject,
        to: &Subject,
        on: bool,
    ) -> Done {
        let account = self.account("account", account).await?.num;
        let (from, _) = self.member(account, "from", from).await?;
        let to = if on {
            self.subject_of_member(account, "to", to).await?
        } else {
            let Some(to) = self.known_subject(to).await? else {
                return Ok(false);
            };
            to
        };
        self.set_link(LinkKind::Delegation, from.num, to, on).await
    }
}

/// Whether a status means something to a member who is suspended.
const fn lifts_or_keeps(status: MemberStatus) -> bool {
    matches!(status, MemberStatus::Active | MemberStatus::Suspended)
}

/// A member with nothing but a status.
fn body_of(status: MemberStatus) -> MemberBody {
    MemberBody {
        status: status.as_str().to_owned(),
        roles: Vec::new(),
        overrides: BTreeMap::new(),
        switches: BTreeMap::new(),
        visibility: None,
        lists: BTreeSet::new(),
    }
}

/// Other roles clear the overrides, which are differences to the old ones (rulings R10).
fn change_roles(body: &mut MemberBody, roles: Vec<String>, keep_overrides: bool) {
    if same_roles(&body.roles, &roles) {
        return;
    }
    if !keep_overrides {
        body.overrides.clear();
    }
    body.roles = roles;
}

/// Keys of the permissions that a member's overrides deny.
pub(super) fn denied(body: &MemberBody) -> BTreeSet<String> {
    let off = body.overrides.iter().filter(|(_, value)| **value == OverrideBody::Off);
    off.map(|(key, _)| key.clone()).collect()
}

/// The order of roles means nothing.
fn same_roles(a: &[String], b: &[String]) -> bool {
    BTreeSet::from_iter(a) == BTreeSet::from_iter(b)
}
