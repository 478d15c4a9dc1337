//! Remarks on what a batch took away and somebody may miss: owners, receivers of faxes, denials.
//!
//! Like the other remarks they are made when all changes have been applied: what one change takes, a
//! later one may give to somebody else.

use std::collections::{BTreeMap, BTreeSet};

use super::door::Door;
use super::member::denied;
use super::warn::MAX_NUMBERS;
use crate::auto_assign::Resolver;
use crate::facts::MemberStatus;
use crate::id::Num;
use crate::model::built_in_vocabulary;
use crate::port::{FaxColumn, StoreError};
use crate::row::{ALL, LinkKind, MemberBody, NumberBody, Object, ObjectKind};

/// Most things that the remarks of one batch look at; each costs a read or two.
pub(super) const MAX_LOOKS: usize = 1_000;

/// Most assigned faxes that are counted.
const MAX_COUNTED: usize = 1_000;

/// Most ids or keys that one remark names.
const MAX_NAMED: usize = 5;

/// Something that was taken away.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lost {
    /// An owner of a faxbox or group.
    Owner(Num),
    /// Somebody who received the faxes of a number.
    Receiver(Num),
    /// A member, whom faxes may be assigned to.
    Member {
        /// The account.
        account: Num,
        /// The member.
        member: Num,
        /// The subject.
        subject: Num,
    },
    /// Overrides that denied these permissions.
    Denies {
        /// The member.
        member: Num,
        /// Keys of the permissions.
        denied: BTreeSet<String>,
    },
}

/// What is missing after one change, to be told together.
#[derive(Default)]
struct Missing {
    faxboxes: Vec<String>,
    groups: Vec<String>,
    numbers: usize,
    texts: Vec<String>,
}

/// Noting.
impl Door<'_> {
    pub(super) fn loses(&mut self, lost: Lost) {
        self.lost.push((self.position, lost));
    }

    /// Notes what goes with a subject's link from a faxbox or group.
    pub(super) async fn loses_link(&mut self, kind: LinkKind, of: Num) -> Result<(), StoreError> {
        match kind {
            LinkKind::FaxboxOwner | LinkKind::GroupOwner => self.loses(Lost::Owner(of)),
            LinkKind::GroupMember => {
                let numbers = self.tx.links_to(LinkKind::NumberGroup, of).await?;
                numbers.into_iter().for_each(|number| self.loses(Lost::Receiver(number)));
            }
            _ => {}
        }
        Ok(())
    }

    /// Notes the numbers whose faxes are assigned to a member.
    pub(super) async fn loses_receiver(
        &mut self,
        account: Num,
        member: Num,
    ) -> Result<(), StoreError> {
        let mut numbers = self.tx.links_from(LinkKind::AutoAssignNumber, member).await?;
        if numbers.contains(&ALL) {
            let all = self.tx.list(ObjectKind::Number, Some(account), Num(0), MAX_NUMBERS).await?;
            numbers = all.into_iter().map(|number| number.num).collect();
        }
        numbers.into_iter().for_each(|number| self.loses(Lost::Receiver(number)));
        Ok(())
    }
}

/// Telling. A row that does not parse costs the remark, not the change.
impl Door<'_> {
    /// The remarks, each with the last change that took the thing away.
    pub(super) async fn remarks_on_losses(&mut self) -> Result<Vec<(usize, String)>, StoreError> {
        let mut missing: BTreeMap<usize, Missing> = BTreeMap::new();
        for (position, lost) in std::mem::take(&mut self.lost) {
            self.look(lost, missing.entry(position).or_default()).await?;
        }
        let told = |(position, missing): (usize, Missing)| {
            missing.texts().into_iter().map(move |text| (position, text))
        };
        Ok(missing.into_iter().flat_map(told).collect())
    }

    async fn look(&mut self, lost: Lost, missing: &mut Missing) -> Result<(), StoreError> {
        match lost {
            Lost::Owner(of) => match self.ownerless(of).await? {
                Some(Object { kind: ObjectKind::Group, id, .. }) => missing.groups.push(id),
                Some(faxbox) => missing.faxboxes.push(faxbox.id),
                None => {}
            },
            Lost::Receiver(number) => {
                missing.numbers += usize::from(self.reaches_nobody(number).await?);
            }
            Lost::Member { account, member, subject } => {
                if self.status_of(member).await? == Some(MemberStatus::Removed) {
                    missing.texts.extend(self.assigned(account, subject).await?);
                }
            }
            Lost::Denies { member, denied: before } => {
                let Some(now) = self.body_of_member(member).await? else { return Ok(()) };
                let now = denied(&now);
                let gone = Vec::from_iter(before.difference(&now).map(|key| format!("`{key}`")));
                if !gone.is_empty() {
                    let named = named(&gone);
                    missing.texts.push(format!("the member is no longer denied {named}"));
                }
            }
        }
        Ok(())
    }

    /// A faxbox or group that is still there, if nobody owns it.
    async fn ownerless(&mut self, of: Num) -> Result<Option<Object>, StoreError> {
        let Some(object) = self.tx.get(&[of]).await?.into_iter().next() else { return Ok(None) };
        let kind = match object.kind {
            ObjectKind::Group => LinkKind::GroupOwner,
            _ => LinkKind::FaxboxOwner,
        };
        let owners = self.tx.links_from(kind, of).await?;
        Ok(owners.is_empty().then_some(object))
    }

    async fn reaches_nobody(&mut self, number: Num) -> Result<bool, StoreError> {
        let Some(number) = self.tx.get(&[number]).await?.into_iter().next() else {
            return Ok(false);
        };
        if !self.body(&number).is_ok_and(|body: NumberBody| body.active) {
            return Ok(false);
        }
        let vocabulary = built_in_vocabulary();
        let mut resolver = Resolver { reader: &mut *self.tx, models: self.models, vocabulary };
        match resolver.target_of(&number).await {
            Ok(target) => Ok(target.is_none()),
            Err(StoreError::Corrupt { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn body_of_member(&mut self, member: Num) -> Result<Option<MemberBody>, StoreError> {
        let member = self.tx.get(&[member]).await?.into_iter().next();
        let body = member.and_then(|member| self.body::<MemberBody>(&member).ok());
        Ok(body.filter(|body| body.status != MemberStatus::Removed.as_str()))
    }

    async fn status_of(&mut self, member: Num) -> Result<Option<MemberStatus>, StoreError> {
        let member = self.tx.get(&[member]).await?.into_iter().next();
        let body = member.and_then(|member| self.body::<MemberBody>(&member).ok());
        Ok(body.and_then(|body| MemberStatus::from_word(&body.status)))
    }

    /// What to say of the faxes that are still assigned to somebody who is no member of the account.
    async fn assigned(&mut self, account: Num, subject: Num) -> Result<Option<String>, StoreError> {
        // Those of other accounts, where they may be a member, are read with them.
        let faxes = self.tx.faxes_in(FaxColumn::Assignee, subject, MAX_COUNTED + 1).await?;
        let all = faxes.len() <= MAX_COUNTED;
        let here = faxes.iter().filter(|fax| fax.account == account).count();
        Ok(match (all, here) {
            (true, 0) => None,
            (true, 1) => Some("1 fax stays assigned to the member who was removed".to_owned()),
            (true, count) => {
                Some(format!("{count} faxes stay assigned to the member who was removed"))
            }
            (false, 0) => Some("faxes may stay assigned to the member who was removed".to_owned()),
            (false, count) => {
                let count = count.min(MAX_COUNTED);
                Some(format!("at least {count} faxes stay assigned to the member who was removed"))
            }
        })
    }
}

impl Missing {
    fn texts(self) -> Vec<String> {
        let Self { faxboxes, groups, numbers, mut texts } = self;
        for (kind, kinds, ids) in [("faxbox", "faxboxes", faxboxes), ("group", "groups", groups)] {
            let ids = Vec::from_iter(ids.iter().map(|id| format!("`{id}`")));
            match ids.len() {
                0 => {}
                1 => texts.push(format!("nobody owns the {kind} {} now", named(&ids))),
                _ => texts.push(format!("nobody owns the {kinds} {} now", named(&ids))),
            }
        }
        match numbers {
            0 => {}
            1 => texts.push("the faxes of a number reach nobody now".to_owned()),
            count => texts.push(format!("the faxes of {count} numbers reach nobody now")),
        }
        texts
    }
}

/// The first of several names, and how many more there are.
fn named(names: &[String]) -> String {
    let shown = names.get(..MAX_NAMED.min(names.len())).unwrap_or(names).join(", ");
    match names.len().saturating_sub(MAX_NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
