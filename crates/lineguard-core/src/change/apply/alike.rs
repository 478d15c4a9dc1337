//! Identifiers of new things: they can be seen in full, and are remarked on where they look like
//! others of their kind in the account.

use std::collections::BTreeMap;

use super::door::{Door, PAGE};
use crate::facts::MemberStatus;
use crate::id::{Num, Subject};
use crate::looks::{check_new, likeness, relatives};
use crate::port::{ApplyError, StoreError};
use crate::row::{MemberBody, ObjectKind};

/// Most things of one kind and account that new ones are compared with; the first of them.
const MAX_COMPARED: usize = 1_000;

/// Most new things of one batch or import that others are looked for of.
pub(super) const MAX_ADDED: usize = 1_000;

/// How many members are looked up by one statement, each in less than ten ways to write them.
const MEMBERS_AT_ONCE: usize = PAGE / 10;

const MEMBER: &str = "the member's id differs from that of another member of the account only in \
                      letter case, width, or characters that look alike";

/// Something that was added.
#[derive(Debug, Clone)]
pub(super) struct Added {
    kind: ObjectKind,
    num: Num,
    id: String,
    account: Num,
}

impl Door<'_> {
    /// Refuses an identifier that cannot be seen in full. What exists already is not asked. Names
    /// that belong to other services (labels, types of forms, faxes, who sent one) are theirs to choose.
    pub(super) fn check_looks(
        &self,
        kind: ObjectKind,
        id: &str,
        account: Option<Num>,
    ) -> Result<(), ApplyError> {
        let field = match kind {
            ObjectKind::Account if account.is_none() => "root",
            ObjectKind::Account
            | ObjectKind::Group
            | ObjectKind::Faxbox
            | ObjectKind::Extension
            | ObjectKind::Queue
            | ObjectKind::Invitation => kind.as_str(),
            _ => return Ok(()),
        };
        self.check_new_id(field, id)
    }

    pub(super) fn check_new_id(&self, field: &'static str, id: &str) -> Result<(), ApplyError> {
        check_new(id).map_err(|error| self.invalid(field, error.to_string()))
    }

    pub(super) fn adds(&mut self, kind: ObjectKind, num: Num, id: &str, account: Option<Num>) {
        let compared = matches!(
            kind,
            ObjectKind::Account
                | ObjectKind::Member
                | ObjectKind::Group
                | ObjectKind::Role
                | ObjectKind::Faxbox
        );
        if let (true, Some(account)) = (compared, account) {
            self.added.push((self.position, Added { kind, num, id: id.to_owned(), account }));
        }
    }

    /// The remarks on what was added and looks like what was there before it.
    pub(super) async fn remarks_on_looks(&mut self) -> Result<Vec<(usize, String)>, StoreError> {
        let mut things: BTreeMap<(ObjectKind, Num), Vec<(usize, Added)>> = BTreeMap::new();
        let mut members = Vec::new();
        for (position, added) in std::mem::take(&mut self.added) {
            match added.kind {
                ObjectKind::Member => members.push((position, added)),
                kind => {
                    things.entry((kind, added.account)).or_default().push((position, added));
                }
            }
        }
        let mut remarks = Vec::new();
        for ((kind, account), added) in things {
            remarks.extend(self.things_alike(kind, account, added).await?);
        }
        for some in members.chunks(MEMBERS_AT_ONCE) {
            remarks.extend(self.members_alike(some).await?);
        }
        Ok(remarks)
    }

    async fn things_alike(
        &mut self,
        kind: ObjectKind,
        account: Num,
        added: Vec<(usize, Added)>,
    ) -> Result<Vec<(usize, String)>, StoreError> {
        let present = self.tx.list(kind, Some(account), Num(0), MAX_COMPARED).await?;
        // The first of each likeness, by their numbers.
        let mut first = BTreeMap::new();
        for one in &present {
            first.entry(likeness(&one.id)).or_insert(one);
        }
        let remark = |(position, added): (usize, Added)| {
            let other = first.get(&likeness(&added.id)).filter(|other| other.num < added.num)?;
            let (kind, id) = (kind.as_str(), &other.id);
            let text = format!(
                "the {kind}'s id differs from `{id}` only in letter case, width, or characters \
                 that look alike"
            );
            Some((position, text))
        };
        Ok(added.into_iter().filter_map(remark).collect())
    }

    /// Members are many, so others are looked for by the ways to write them.
    async fn members_alike(
        &mut self,
        added: &[(usize, Added)],
    ) -> Result<Vec<(usize, String)>, StoreError> {
        let mut sought: Vec<(usize, Num, Num, String)> = Vec::new();
        for (position, Added { num, id, account, .. }) in added {
            let Some(subject) = Subject::from_qualified(id) else { continue };
            for other in relatives(subject.id()) {
                let qualified = format!("{}:{other}", subject.kind.as_str());
                sought.push((*position, *num, *account, qualified));
            }
        }
        let keys = sought.iter().map(|(_, _, account, id)| (ObjectKind::Member, *account, &**id));
        let found = self.tx.find(&Vec::from_iter(keys)).await?;
        let mut remarks = Vec::new();
        for ((position, num, ..), other) in sought.iter().zip(found) {
            let Some(other) = other.filter(|other| other.num < *num) else { continue };
            let left = |body: MemberBody| body.status == MemberStatus::Removed.as_str();
            if !self.body(&other).is_ok_and(left) {
                remarks.push((*position, MEMBER.to_owned()));
            }
        }
        Ok(remarks)
    }
}
