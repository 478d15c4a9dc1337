//! Faxboxes.

use super::door::{Done, Door, IN_TENANT, PAGE};
use crate::change::{UserOrGroup, title_or_id};
use crate::id::{AccountId, FaxboxId, Num, Subject};
use crate::port::{ApplyError, FaxColumn};
use crate::row::{FaxboxBody, LinkKind, ObjectKind};

impl Door<'_> {
    pub(super) async fn add_faxbox(
        &mut self,
        account: &AccountId,
        faxbox: &FaxboxId,
        title: &str,
    ) -> Done {
        let account = self.account("account", account).await?.num;
        let id = faxbox.as_str();
        let Some(existing) = self.find(ObjectKind::Faxbox, IN_TENANT, id).await? else {
            let body = FaxboxBody { title: title_or_id(title, id).to_owned() };
            self.insert(ObjectKind::Faxbox, IN_TENANT, id, Some(account), &body).await?;
            return Ok(true);
        };
        if existing.account != Some(account) {
            return Err(self.exists("faxbox", "the faxbox exists in another account"));
        }
        let mut body: FaxboxBody = self.body(&existing)?;
        self.retitle(&mut body.title, title, "the faxbox")?;
        self.save(&existing, &body).await
    }

    pub(super) async fn remove_faxbox(&mut self, faxbox: &FaxboxId) -> Done {
        let Some(faxbox) = self.find(ObjectKind::Faxbox, IN_TENANT, faxbox.as_str()).await? else {
            return Ok(false);
        };
        let links = [LinkKind::FaxboxUser, LinkKind::FaxboxGroup, LinkKind::FaxboxOwner];
        self.unlink_from(&links, faxbox.num).await?;
        self.unlink_to(&[LinkKind::NumberFaxbox], faxbox.num).await?;
        self.empty_faxbox(faxbox.num).await?;
        self.tx.remove_object(faxbox.num).await?;
        Ok(true)
    }

    async fn empty_faxbox(&mut self, faxbox: Num) -> Result<(), ApplyError> {
        loop {
            let faxes = self.tx.faxes_in(FaxColumn::Faxbox, faxbox, PAGE).await?;
            if faxes.is_empty() {
                return Ok(());
            }
            for fax in faxes {
                self.tx.delete_fax(fax.num).await?;
            }
        }
    }

    pub(super) async fn set_faxbox_member(
        &mut self,
        faxbox: &FaxboxId,
        member: &UserOrGroup,
        on: bool,
    ) -> Done {
        let faxbox = self.faxbox("faxbox", faxbox).await?;
        let account = self.account_of(&faxbox)?;
        match member {
            UserOrGroup::Group(group) => {
                let group = self.group("member", group).await?;
                let of = self.account_of(&group)?;
                if on && !self.path(account).await?.contains(&of) {
                    let problem = "the group belongs neither to the faxbox's account nor to one \
                                   above it";
                    return Err(self.not_found("member", problem));
                }
                self.set_link(LinkKind::FaxboxGroup, faxbox.num, group.num, on).await
            }
            UserOrGroup::User(subject) => {
                if on && !self.is_member_on_path(account, &subject.qualified()).await? {
                    self.leave_out_on_path(account, &subject.qualified()).await?;
                    let problem = "a member neither of the faxbox's account nor of one above it";
                    return Err(self.not_found("member", problem));
                }
                self.set_subject_link(LinkKind::FaxboxUser, faxbox.num, subject, on).await
            }
        }
    }

    pub(super) async fn set_faxbox_owner(
        &mut self,
        faxbox: &FaxboxId,
        subject: &Subject,
        owner: bool,
    ) -> Done {
        let faxbox = self.faxbox("faxbox", faxbox).await?;
        let account = self.account_of(&faxbox)?;
        if owner {
            self.member(account, "subject", subject).await?;
        }
        let kind = LinkKind::FaxboxOwner;
        let changed = self.set_subject_link(kind, faxbox.num, subject, owner).await?;
        if changed && !owner {
            self.loses_link(kind, faxbox.num).await?;
        }
        Ok(changed)
    }

    /// A subject that the tenant has never seen has no links to take away.
    pub(super) async fn set_subject_link(
        &mut self,
        kind: LinkKind,
        a: Num,
        subject: &Subject,
        on: bool,
    ) -> Done {
        match self.known_subject(subject).await? {
            Some(subject) => self.set_link(kind, a, subject, on).await,
            None => Ok(false),
        }
    }
}
