//! Which membership decides whether what hangs on a person's memberships counts (rulings R33).
//!
//! A right that hangs on a membership (being in a group or a faxbox, owning one, delegating) counts
//! only while that membership is active. The membership that decides is the nearest one on the path
//! from the account of the thing upwards that is active or suspended. One that is invited,
//! unverified or removed neither gives nor takes; where none decides, nothing counts.

use std::collections::{BTreeMap, HashMap};

use crate::facts::MemberStatus;
use crate::id::Num;
use crate::port::{Home, MemberRows, StoreError};
use crate::row::{self, MemberBody, ObjectKind};

/// What something that hangs on a membership is looked at for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// It gives: it counts while the membership is active.
    Gives,
    /// An exception takes it out: it counts while the membership is suspended, too. Otherwise a
    /// suspension would open what was closed before.
    Takes,
}

/// Whether what hangs on memberships of these statuses counts, the nearest first.
pub fn counts(nearest_first: impl IntoIterator<Item = MemberStatus>, used: Use) -> bool {
    let decides =
        |status: &MemberStatus| matches!(status, MemberStatus::Active | MemberStatus::Suspended);
    match nearest_first.into_iter().find(decides) {
        Some(MemberStatus::Active) => true,
        Some(_) => used == Use::Takes,
        None => false,
    }
}

/// Where things lie, and who is a member where.
pub(super) struct Standings<'a> {
    tenant: Num,
    homes: HashMap<Num, Option<Num>>,
    /// By account and subject id.
    statuses: BTreeMap<(Num, &'a str), MemberStatus>,
}

impl<'a> Standings<'a> {
    pub(super) fn read(rows: &'a MemberRows) -> Result<Self, StoreError> {
        let tenant = rows.tenant.num;
        let mut statuses = BTreeMap::new();
        let members = rows.objects.iter().chain(&rows.standings);
        for member in members.filter(|object| object.kind == ObjectKind::Member) {
            let body: MemberBody = row::parse_body(tenant, member)?;
            let status = MemberStatus::from_word(&body.status);
            let status = status.ok_or_else(|| row::corrupt(tenant, "body", member.num))?;
            let account = member.account;
            let account = account.ok_or_else(|| row::corrupt(tenant, "account", member.num))?;
            statuses.insert((account, member.id.as_str()), status);
        }
        let mut homes: HashMap<_, _> =
            rows.objects.iter().map(|object| (object.num, object.account)).collect();
        homes.extend(rows.homes.iter().map(|Home { num, account }| (*num, *account)));
        Ok(Self { tenant, homes, statuses })
    }

    /// Whether it matters to anything that was read what it is looked at for.
    pub(super) fn is_anybody_suspended(&self) -> bool {
        self.statuses.values().any(|status| *status == MemberStatus::Suspended)
    }

    /// The account that a group or a faxbox belongs to. Where it was not read there is no answer:
    /// to leave the thing out would be to guess.
    pub(super) fn account_of(&self, thing: Num) -> Result<Num, StoreError> {
        self.homes
            .get(&thing)
            .copied()
            .flatten()
            .ok_or_else(|| row::corrupt(self.tenant, "account", thing))
    }

    /// Whether what lies in an account counts for a person.
    pub(super) fn counts_in(
        &self,
        account: Num,
        subject: &str,
        used: Use,
    ) -> Result<bool, StoreError> {
        let path = self.path(account)?;
        let statuses = path.iter().filter_map(|level| self.statuses.get(&(*level, subject)));
        Ok(counts(statuses.copied(), used))
    }

    /// Whether a thing counts for a person.
    pub(super) fn counts_for(
        &self,
        thing: Num,
        subject: &str,
        used: Use,
    ) -> Result<bool, StoreError> {
        self.counts_in(self.account_of(thing)?, subject, used)
    }

    /// The account and its ancestors, nearest first.
    fn path(&self, account: Num) -> Result<Vec<Num>, StoreError> {
        let mut path = Vec::new();
        let mut next = Some(account);
        while let Some(level) = next {
            // A tree that runs in a circle, or has a hole, leaves the question open.
            let parent = self.homes.get(&level).filter(|_| path.len() < self.homes.len());
            next = *parent.ok_or_else(|| row::corrupt(self.tenant, "account", level))?;
            path.push(level);
        }
        Ok(path)
    }
}
