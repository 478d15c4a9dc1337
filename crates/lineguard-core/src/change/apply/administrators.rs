//! A tenant that has an administrator keeps one.
//!
//! An administrator is an active member of the root account who owns it, or who may give roles
//! there. A batch is judged as a whole, when all of it has been applied, so that handing over in one
//! batch is fine; and it is judged only if it took something from somebody who was one when it began.
//! A tenant that never had an administrator can be set up in any order.

mod search;

use super::ModelSource;
use crate::change::{Change, Warning};
use crate::facts::MemberStatus;
use crate::id::{AccountId, Subject};
use crate::port::{ApplyError, Fault, StoreError, TenantTx};
use search::{Search, Standing};

const STAYS: &str = "nobody who is active would be left who may assign roles at the root account or \
                     owns it; name another administrator first";

/// The remark on the suspension of the last one (rulings R4: a suspension always wins).
const NOBODY_LEFT: &str = "nobody active may assign roles at the root account now, and nobody \
                           active owns it";

/// What a change may take from administrators.
enum Taking<'a> {
    /// Something of one member, said in this field.
    From(&'a Subject, &'static str),
    /// Something of everybody who holds it.
    FromAll(&'static str),
    /// The member is suspended.
    Suspends(&'a Subject),
}

impl<'a> Taking<'a> {
    const fn subject(&self) -> Option<&'a Subject> {
        match self {
            Self::From(subject, _) | Self::Suspends(subject) => Some(subject),
            Self::FromAll(_) => None,
        }
    }
}

/// The changes that may take administration away, and what they are called. Subscriptions, flags and
/// switches are not among them: see [`crate::engine::holds_at_large`]. Neither is the removal of a
/// role, which nobody holds then.
fn taking<'a>(change: &'a Change, is_root: impl Fn(&AccountId) -> bool) -> Option<Taking<'a>> {
    match change {
        Change::RemoveMember { account, subject } if is_root(account) => {
            Some(Taking::From(subject, "subject"))
        }
        Change::SetMemberStatus { account, subject, status } if is_root(account) => match status {
            MemberStatus::Active => None,
            MemberStatus::Suspended => Some(Taking::Suspends(subject)),
            MemberStatus::Invited | MemberStatus::Unverified | MemberStatus::Removed => {
                Some(Taking::From(subject, "status"))
            }
        },
        Change::SetRoles { account, subject, .. } if is_root(account) => {
            Some(Taking::From(subject, "roles"))
        }
        Change::SetOverride { account, subject, .. } if is_root(account) => {
            Some(Taking::From(subject, "value"))
        }
        Change::SetAccountOwner { account, subject, owner: false } if is_root(account) => {
            Some(Taking::From(subject, "owner"))
        }
        Change::SetGroupMember { subject, member: false, .. } => {
            Some(Taking::From(subject, "member"))
        }
        Change::RemoveGroup { .. } => Some(Taking::FromAll("group")),
        Change::SetGroupRoles { .. } => Some(Taking::FromAll("roles")),
        Change::AdjustRole { account, .. } | Change::SetRoleDifferences { account, .. }
            if is_root(account) =>
        {
            Some(Taking::FromAll("remove"))
        }
        Change::SetRolePermissions { account, .. } if is_root(account) => {
            Some(Taking::FromAll("permissions"))
        }
        Change::SetModel { .. } => Some(Taking::FromAll("model")),
        _ => None,
    }
}

/// That there was an administrator when a batch or an import began, and what it may take away.
#[derive(Debug)]
pub struct Administrators {
    /// The best there was.
    had: Standing,
    /// The last change that may have taken it away: its position and field.
    last: (usize, &'static str),
    /// Those who were active and are to be suspended, with the position of the last such change.
    suspended: Vec<(usize, Subject)>,
}

impl Administrators {
    /// Looks before anything is applied; none where nothing has to be looked at afterwards. Each part
    /// is its changes with the number of faxes after them, as positions count both.
    ///
    /// What it costs: nothing for a batch whose changes cannot take administration away; for those
    /// that concern single members, the look at these members; for those that concern everybody, a
    /// search that ends at the first administrator found (see [`Search::anybody`]).
    pub async fn before(
        tx: &mut dyn TenantTx,
        models: &dyn ModelSource,
        parts: &[(&[Change], usize)],
    ) -> Result<Option<Self>, StoreError> {
        if numbered(parts).all(|(_, change)| taking(change, |_| true).is_none()) {
            return Ok(None);
        }
        // A new tenant has no root account yet.
        let Some(mut search) = Search::new(tx, models).await? else { return Ok(None) };
        let root = search.root().clone();
        let is_root = |account: &AccountId| *account == root;
        let takings = numbered(parts).filter_map(|(position, change)| {
            taking(change, is_root).map(|taking| (position, taking))
        });
        let takings = Vec::from_iter(takings);
        let subjects = takings.iter().filter_map(|(_, taking)| taking.subject()).collect();
        let standings = search.standings(&subjects).await?;
        let mut found = Self { had: Standing::None, last: (0, ""), suspended: Vec::new() };
        let mut from_all = false;
        for (position, taking) in takings {
            let standing = taking.subject().and_then(|subject| standings.get(subject).copied());
            found.had = found.had.max(standing.unwrap_or(Standing::None));
            match (taking, standing) {
                (Taking::FromAll(field), _) => (found.last, from_all) = ((position, field), true),
                (Taking::From(_, field), Some(_)) => found.last = (position, field),
                (Taking::Suspends(subject), Some(Standing::Active)) => {
                    found.suspended.push((position, subject.clone()));
                }
                (Taking::From(..) | Taking::Suspends(_), _) => {}
            }
        }
        if from_all && found.had != Standing::Active {
            found.had = found.had.max(search.anybody(Standing::Active).await?);
        }
        Ok((found.had != Standing::None).then_some(found))
    }

    /// Looks again when everything has been applied, and refuses if nobody is left. Where the last
    /// one is suspended and could be let in again, that is a remark.
    pub async fn after(
        self,
        tx: &mut dyn TenantTx,
        models: &dyn ModelSource,
    ) -> Result<Option<Warning>, ApplyError> {
        let Some(mut search) = Search::new(tx, models).await? else { return Ok(None) };
        // A suspended one is worth keeping where there was no better.
        if search.anybody(self.had).await? >= self.had {
            return Ok(None);
        }
        for (change, subject) in &self.suspended {
            if search.standing(subject).await? == Standing::Suspended {
                return Ok(Some(Warning { change: *change, text: NOBODY_LEFT.to_owned() }));
            }
        }
        let (change, field) = self.last;
        Err(ApplyError::Refused(Fault { change, field, problem: STAYS.to_owned() }))
    }
}

/// The changes of all parts with their positions.
fn numbered<'a>(parts: &'a [(&'a [Change], usize)]) -> impl Iterator<Item = (usize, &'a Change)> {
    let starts = parts.iter().scan(0, |at, (changes, faxes)| {
        let start = *at;
        *at += changes.len() + faxes;
        Some((start, *changes))
    });
    starts.flat_map(|(start, changes)| (start..).zip(changes))
}
