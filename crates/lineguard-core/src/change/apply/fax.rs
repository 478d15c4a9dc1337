//! Registered faxes: what may change about them.

use super::door::{Done, Door};
use crate::change::{IfExists, SourceSet, UserOrGroup, register};
use crate::id::{ExternalId, FaxId, FaxboxId, Num};
use crate::model::reach::FaxState;
use crate::port::{ApplyError, FaxRow};
use crate::row::ObjectKind;

impl Door<'_> {
    async fn fax(&mut self, fax: &FaxId) -> Result<FaxRow, ApplyError> {
        match self.tx.fax(fax).await? {
            Some(fax) => Ok(fax),
            None => Err(self.not_found("fax", "no such fax")),
        }
    }

    async fn save_fax(&mut self, before: &FaxRow, after: &FaxRow) -> Done {
        if before == after {
            return Ok(false);
        }
        self.tx.update_fax(after).await?;
        Ok(true)
    }

    pub(super) async fn assign_fax(&mut self, fax: &FaxId, assignee: Option<&UserOrGroup>) -> Done {
        let fax = self.fax(fax).await?;
        let assignee = match assignee {
            Some(assignee) => Some(self.assignee(fax.account, assignee).await?),
            None => None,
        };
        self.save_fax(&fax, &FaxRow { assignee, ..fax.clone() }).await
    }

    async fn assignee(&mut self, account: Num, assignee: &UserOrGroup) -> Result<Num, ApplyError> {
        match assignee {
            // An import restores what was: also an assignee who has left since.
            UserOrGroup::User(subject) if self.if_exists != IfExists::Refuse => {
                let found = self.any_member(account, &subject.qualified()).await?;
                if found.is_none() {
                    return Err(self.not_found("assignee", "not a member of the account"));
                }
                self.subject(subject).await.map_err(Into::into)
            }
            UserOrGroup::User(subject) => {
                self.subject_of_member(account, "assignee", subject).await
            }
            UserOrGroup::Group(group) => {
                let group = self.group("assignee", group).await?;
                if group.account != Some(account) {
                    return Err(self.not_found("assignee", "no such group in the fax's account"));
                }
                Ok(group.num)
            }
        }
    }

    pub(super) async fn move_fax(&mut self, fax: &FaxId, faxbox: Option<&FaxboxId>) -> Done {
        let fax = self.fax(fax).await?;
        let faxbox = match faxbox {
            Some(faxbox) => {
                let faxbox = self.faxbox("faxbox", faxbox).await?;
                if faxbox.account != Some(fax.account) {
                    return Err(self.not_found("faxbox", "no such faxbox in the fax's account"));
                }
                Some(faxbox.num)
            }
            None => None,
        };
        self.save_fax(&fax, &FaxRow { faxbox, ..fax.clone() }).await
    }

    pub(super) async fn set_fax_state(&mut self, fax: &FaxId, state: FaxState) -> Done {
        let fax = self.fax(fax).await?;
        register::check_state(fax.direction, state)
            .map_err(|problem| self.refused("state", problem))?;
        register::check_creator(state, fax.creator.is_some())
            .map_err(|_| self.refused("state", "a fax without a creator cannot be pending"))?;
        self.save_fax(&fax, &FaxRow { state, ..fax.clone() }).await
    }

    pub(super) async fn set_fax_labels(&mut self, fax: &FaxId, labels: &[ExternalId]) -> Done {
        let fax = self.fax(fax).await?;
        let mut nums = std::collections::BTreeSet::new();
        for label in labels {
            nums.insert(self.plain(ObjectKind::Label, label.as_str()).await?);
        }
        let labels = Vec::from_iter(nums);
        self.save_fax(&fax, &FaxRow { labels, ..fax.clone() }).await
    }

    /// What a fax went out with is history: only what was never said is filled in afterwards.
    pub(super) async fn set_fax_attachment_sources(
        &mut self,
        fax: &FaxId,
        sources: SourceSet,
    ) -> Done {
        let fax = self.fax(fax).await?;
        let written = matches!(fax.state, FaxState::Draft | FaxState::Pending);
        let other = fax.attachment_sources.is_some_and(|known| known != sources);
        if other && !written {
            let problem = "are set only while a fax is a draft or pending";
            return Err(self.refused("attachment_sources", problem));
        }
        let attachment_sources = Some(sources);
        self.save_fax(&fax, &FaxRow { attachment_sources, ..fax.clone() }).await
    }

    pub(super) async fn delete_fax(&mut self, fax: &FaxId) -> Done {
        let Some(fax) = self.tx.fax(fax).await? else {
            return Ok(false);
        };
        self.tx.delete_fax(fax.num).await?;
        Ok(true)
    }
}
