//! Faxboxes.

use super::door::{Done, Door, IN_TENANT};
use crate::change::{FaxesLeft, UserOrGroup, title_or_id};
use crate::id::{AccountId, FaxboxId, Num, Subject};
use crate::port::{ApplyError, FaxColumn, Whole};
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

    pub(super) async fn remove_faxbox(
        &mut self,
        faxbox: &FaxboxId,
        faxes: Option<FaxesLeft>,
    ) -> Done {
        let Some(faxbox) = self.find(ObjectKind::Faxbox, IN_TENANT, faxbox.as_str()).await? else {
            return Ok(false);
        };
        let whole = match faxes.or(self.model.faxbox.removal) {
            Some(FaxesLeft::Delete) => Whole::FaxboxWithFaxes,
            Some(FaxesLeft::Keep) => Whole::Faxbox,
            None if self.tx.faxes_in(FaxColumn::Faxbox, faxbox.num, 1).await?.is_empty() => {
                Whole::Faxbox
            }
            None => {
                let problem = "the faxbox holds faxes, and neither the change nor the product says \
                               what becomes of them";
                return Err(self.refused("faxes", problem));
            }
        };
        self.remove_whole("faxbox", faxbox.num, whole).await
    }

    /// Removes a faxbox or a group, however much hangs on it.
    pub(super) async fn remove_whole(
        &mut self,
        field: &'static str,
        num: Num,
        whole: Whole,
    ) -> Done {
        if self.tx.remove_whole(num, whole).await? {
            return Ok(true);
        }
        let problem = "too many large removals of this tenant are still under way";
        Err(ApplyError::NotNow(self.fault(field, problem)))
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
