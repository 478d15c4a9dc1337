//! Invitations: memberships to be, without a subject (rulings R5).

use super::door::{Done, Door, IN_TENANT};
use super::limits::MAX_ROLES;
use super::role::texts;
use crate::change::IfExists;
use crate::facts::MemberStatus;
use crate::id::{AccountId, InvitationId, Key, Num, Subject, Timestamp};
use crate::port::{ApplyError, Fault, StoreError};
use crate::row::{InvitationBody, MemberBody, Object, ObjectKind};

/// The remark on an import that tells how a member came, where the member has other roles now.
const KEEPS_ROLES: &str = "somebody who is a member already gets no roles by an import of how an \
                           invitation was accepted; set their roles";

impl Door<'_> {
    pub(super) async fn invite(
        &mut self,
        account: &AccountId,
        invitation: &InvitationId,
        roles: Option<&[Key]>,
        expires_at: Timestamp,
    ) -> Done {
        let account = self.account("account", account).await?.num;
        let said = roles;
        let model = self.model.clone();
        // Whether they are in force is asked in the end, of those that are open then: what an import
        // restores may have ended long before a role that it named was removed.
        let roles = texts(said.unwrap_or(&model.members.default_roles));
        let id = invitation.as_str();
        let existing = self.find(ObjectKind::Invitation, IN_TENANT, id).await?;
        let Some(existing) = existing else {
            self.check_in_future(expires_at)?;
            let expires_at = expires_at.0;
            let body = InvitationBody { roles, expires_at, accepted_by: None, revoked: false };
            let num =
                self.insert(ObjectKind::Invitation, IN_TENANT, id, Some(account), &body).await?;
            self.invited.insert(num, self.position);
            return Ok(true);
        };
        if existing.account != Some(account) {
            return Err(self.exists("invitation", "the invitation is one of another account"));
        }
        let mut body: InvitationBody = self.body(&existing)?;
        // Roles that are left out stay what they are.
        let roles = if said.is_some() { roles } else { body.roles.clone() };
        if body.roles == roles && body.expires_at == expires_at.0 {
            return Ok(false);
        }
        if self.if_exists == IfExists::Refuse {
            return Err(self.exists("invitation", "the invitation exists and differs"));
        }
        if body.revoked || body.accepted_by.is_some() {
            return Err(self.refused("invitation", "the invitation is accepted or revoked"));
        }
        self.check_in_future(expires_at)?;
        body.roles = roles;
        body.expires_at = expires_at.0;
        self.invited.insert(existing.num, self.position);
        self.save(&existing, &body).await
    }

    /// The faults of the batch's invitations that can still be accepted and name roles that are not
    /// in force.
    pub(super) async fn faults_of_invitations(&mut self) -> Result<Vec<Fault>, StoreError> {
        let invited = std::mem::take(&mut self.invited);
        let mut faults = Vec::new();
        for object in self.get_all(&Vec::from_iter(invited.keys().copied())).await? {
            let body: InvitationBody = self.body(&object)?;
            if !body.is_open(self.now) {
                continue;
            }
            let account = self.account_of(&object)?;
            self.position = invited.get(&object.num).copied().unwrap_or_default();
            faults.extend(self.faults_of_roles("roles", account, &body.roles).await?);
        }
        Ok(faults)
    }

    /// An import restores what was: an invitation that has ended says so and binds nobody.
    fn check_in_future(&self, expires_at: Timestamp) -> Result<(), ApplyError> {
        if expires_at <= self.now && self.if_exists == IfExists::Refuse {
            return Err(self.invalid("expires_at", "lies in the past"));
        }
        Ok(())
    }

    async fn invitation(
        &mut self,
        invitation: &InvitationId,
    ) -> Result<(Object, InvitationBody), ApplyError> {
        let found = self.find(ObjectKind::Invitation, IN_TENANT, invitation.as_str()).await?;
        match found {
            Some(object) => {
                let body = self.body(&object)?;
                Ok((object, body))
            }
            None => Err(self.not_found("invitation", "no such invitation")),
        }
    }

    pub(super) async fn accept_invitation(
        &mut self,
        invitation: &InvitationId,
        subject: &Subject,
    ) -> Done {
        let (object, mut body) = self.invitation(invitation).await?;
        let qualified = subject.qualified();
        match &body.accepted_by {
            Some(accepted) if *accepted == qualified => return Ok(false),
            Some(_) => return Err(self.refused("invitation", "somebody else has accepted it")),
            None if body.revoked => return Err(self.refused("invitation", "it was revoked")),
            None if body.expires_at <= self.now.0 => {
                return Err(self.refused("invitation", "it has expired"));
            }
            None => {}
        }
        let account = self.account_of(&object)?;
        match self.any_member(account, &qualified).await? {
            // What an import says was accepted is history, and brings nobody back.
            Some((member, of)) if self.keeps_out() && is_out(&of) => self.leave_out(member.num),
            _ => self.bind(&object, account, subject, body.roles.clone()).await?,
        }
        body.accepted_by = Some(qualified);
        self.save(&object, &body).await
    }

    /// Makes the membership, or adds the roles to those of somebody who is a member already.
    /// Suspension wins.
    async fn bind(
        &mut self,
        invitation: &Object,
        account: Num,
        subject: &Subject,
        roles: Vec<String>,
    ) -> Result<(), ApplyError> {
        let found = self.present_member(account, &subject.qualified()).await?;
        let Some((member, mut body)) = found else {
            self.check_still_there(invitation, account, &roles).await?;
            self.admit(account, "subject", subject, MemberStatus::Active, roles).await?;
            return Ok(());
        };
        match MemberStatus::from_word(&body.status) {
            Some(MemberStatus::Suspended) => {
                return Err(self.refused("subject", "the member is suspended"));
            }
            Some(MemberStatus::Invited) => {
                MemberStatus::Active.as_str().clone_into(&mut body.status);
            }
            _ => {}
        }
        let new = roles.into_iter().filter(|role| !body.roles.contains(role));
        let new = Vec::from_iter(new);
        if self.keeps_out() && !new.is_empty() {
            self.noted.push((self.position, KEEPS_ROLES));
        } else if !new.is_empty() {
            self.check_still_there(invitation, account, &new).await?;
            body.roles.extend(new);
            self.check_roles_of_member(&body)?;
        }
        self.save_sight(&member, &body).await?;
        Ok(())
    }

    /// Refuses roles that an invitation gives and that are not there: a mistake of the batch that
    /// made it, or removed by a server for whose clock it had ended already.
    async fn check_still_there(
        &mut self,
        invitation: &Object,
        account: Num,
        roles: &[String],
    ) -> Result<(), ApplyError> {
        let faults = self.faults_of_roles("roles", account, roles).await?;
        if faults.is_empty() {
            return Ok(());
        }
        let Some(change) = self.invited.get(&invitation.num).copied() else {
            return Err(self.refused("invitation", "a role that it gives is there no more"));
        };
        let at = |fault: Fault| Fault { change, ..fault };
        Err(ApplyError::Invalid(faults.into_iter().map(at).collect()))
    }

    /// Refuses roles that come on top of others and are too many.
    fn check_roles_of_member(&self, body: &MemberBody) -> Result<(), ApplyError> {
        let problem = match body.roles.len() {
            0 | 1 => return Ok(()),
            _ if self.model.members.one_role => {
                "they are a member already and the product model gives a member one role; set that \
                 role and revoke the invitation"
            }
            count if count > MAX_ROLES => "they are a member already and would have too many roles",
            _ => return Ok(()),
        };
        Err(self.refused("subject", problem))
    }

    pub(super) async fn revoke_invitation(&mut self, invitation: &InvitationId) -> Done {
        let (object, mut body) = self.invitation(invitation).await?;
        if body.accepted_by.is_some() {
            return Err(self.refused("invitation", "it has been accepted; remove the member"));
        }
        body.revoked = true;
        self.save(&object, &body).await
    }
}

/// Whether somebody stays out unless a change says that they are active.
fn is_out(body: &MemberBody) -> bool {
    let out = [MemberStatus::Removed, MemberStatus::Suspended];
    out.iter().any(|status| body.status == status.as_str())
}
