//! Invitations: memberships to be, without a subject (rulings R5).

use super::door::{Done, Door, IN_TENANT};
use crate::change::IfExists;
use crate::facts::MemberStatus;
use crate::id::{AccountId, InvitationId, Key, Num, Subject, Timestamp};
use crate::port::ApplyError;
use crate::row::{InvitationBody, Object, ObjectKind};

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
        let roles = self.roles_or_default(account, said).await?;
        let id = invitation.as_str();
        let existing = self.find(ObjectKind::Invitation, IN_TENANT, id).await?;
        let Some(existing) = existing else {
            self.check_in_future(expires_at)?;
            let expires_at = expires_at.0;
            let body = InvitationBody { roles, expires_at, accepted_by: None, revoked: false };
            self.insert(ObjectKind::Invitation, IN_TENANT, id, Some(account), &body).await?;
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
        self.save(&existing, &body).await
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
            Some((member, of))
                if self.keeps_out() && of.status == MemberStatus::Removed.as_str() =>
            {
                self.leave_out(member.num);
            }
            _ => self.bind(account, subject, body.roles.clone()).await?,
        }
        body.accepted_by = Some(qualified);
        self.save(&object, &body).await
    }

    /// Makes the membership. Somebody who is a member already keeps their roles; suspension wins.
    async fn bind(
        &mut self,
        account: Num,
        subject: &Subject,
        roles: Vec<String>,
    ) -> Result<(), ApplyError> {
        let found = self.present_member(account, &subject.qualified()).await?;
        let Some((member, mut body)) = found else {
            self.admit(account, subject, MemberStatus::Active, roles).await?;
            return Ok(());
        };
        match MemberStatus::from_word(&body.status) {
            Some(MemberStatus::Suspended) => {
                return Err(self.refused("subject", "the member is suspended"));
            }
            Some(MemberStatus::Invited) => {
                MemberStatus::Active.as_str().clone_into(&mut body.status);
                self.save(&member, &body).await?;
            }
            _ => {}
        }
        Ok(())
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
