//! Things that exist already: what an `Add…` of one does, and members who stay out (rulings R40).

use super::door::{Done, Door};
use crate::change::IfExists;
use crate::id::Num;
use crate::port::{ApplyError, StoreError};
use crate::row::ObjectKind;

impl Door<'_> {
    /// Takes over the title of an `Add…` of something that exists, where one is said and that is
    /// allowed.
    pub(super) fn retitle(&self, old: &mut String, new: &str, what: &str) -> Done {
        if new.is_empty() || old == new {
            return Ok(false);
        }
        if self.if_exists == IfExists::Refuse {
            return Err(self.exists("title", format!("{what} exists and differs")));
        }
        new.clone_into(old);
        Ok(true)
    }

    /// The answer to an `Add…` of something that exists and differs in more than its title. It
    /// never changes that; whether it says so is for the batch to choose (rulings R40).
    pub fn stays(&self, field: &'static str, what: &str) -> Result<(), ApplyError> {
        match self.if_exists {
            IfExists::Keep => Ok(()),
            IfExists::Update | IfExists::Refuse => {
                let problem = format!("{what} exists and differs; use the change that sets it");
                Err(self.exists(field, problem))
            }
        }
    }
}

impl Door<'_> {
    /// Whether members who were removed or suspended stay so, and changes are passed over that do
    /// not bring them back in so many words.
    pub fn keeps_out(&self) -> bool {
        self.if_exists == IfExists::Keep
    }

    /// Notes that a change is passed over because of a member who stays out.
    pub fn leave_out(&mut self, member: Num) {
        self.passed_over = true;
        self.left_out.entry(member).or_insert(self.position);
    }

    /// Notes that somebody who is no member on an account's path was removed from it, where changes
    /// about them are passed over.
    pub async fn leave_out_on_path(
        &mut self,
        account: Num,
        qualified: &str,
    ) -> Result<(), StoreError> {
        if self.keeps_out() {
            for level in self.path(account).await? {
                if let Some(member) = self.find(ObjectKind::Member, level, qualified).await? {
                    self.leave_out(member.num);
                }
            }
        }
        Ok(())
    }
}
