//! What a member may do, compiled.

use std::collections::BTreeMap;

use crate::assemble::Use;
use crate::decision::{OriginIx, Reason};
use crate::facts::Fact;
use crate::id::{Key, Num, Revision};
use crate::model::reach::{Comparison, Direction, FactSet, FaxState};
use crate::model::{Channel, Obligation, PermissionIx, Requirement, RestrictionList};
use crate::vocabulary::{Action, FactName};

/// A sorted set of ids, or everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdSet {
    /// Everything.
    All,
    /// These, ascending.
    These(Box<[Num]>),
}

impl Default for IdSet {
    fn default() -> Self {
        Self::These(Box::default())
    }
}

impl IdSet {
    /// A set of these ids.
    pub fn of(ids: impl IntoIterator<Item = Num>) -> Self {
        let mut ids: Vec<Num> = ids.into_iter().collect();
        ids.sort_unstable();
        ids.dedup();
        Self::These(ids.into())
    }

    /// Whether the id is in the set, where "everything" means this.
    pub fn contains(&self, id: Num, everything: Everything) -> bool {
        match self {
            Self::All => id != Num::UNKNOWN || everything == Everything::SeenOrNot,
            Self::These(ids) => ids.binary_search(&id).is_ok(),
        }
    }

    /// The ids, unless the set is everything.
    pub fn finite(&self) -> Option<&[Num]> {
        match self {
            Self::All => None,
            Self::These(ids) => Some(ids),
        }
    }
}

/// What "everything" means where a set that holds it is compared with a value (rulings R36).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Everything {
    /// All that the tenant has: a grant of things that the store keeps.
    OfTheTenant,
    /// Every value, whether the tenant has ever seen it or not: names that belong to other services,
    /// and whatever an exception takes out.
    SeenOrNot,
}

impl Everything {
    /// What it means for a grant that compares this fact.
    pub const fn granted(fact: FactName) -> Self {
        if fact.is_opaque() { Self::SeenOrNot } else { Self::OfTheTenant }
    }
}

/// Which accounts a term reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AccountReach {
    /// The acting account alone.
    Here,
    /// The acting account and those below it that no seal hides.
    OpenBelow,
    /// The acting account and all below it.
    AllBelow,
}

/// An exception of a term, with the qualifiers that it needs to apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompiledExcept {
    /// What is compared.
    pub comparison: Comparison,
    /// The direction, where it matters.
    pub direction: Option<Direction>,
    /// Bits of the states, where they matter; 0 means any.
    pub states: u8,
}

/// One way in which an action is granted: all parts must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// The permission; none for what ownership of an account gives beyond the model's permissions.
    pub permission: Option<PermissionIx>,
    /// Where it came from.
    pub origin: OriginIx,
    /// The accounts.
    pub accounts: AccountReach,
    /// What is compared with the person's sets.
    pub comparison: Comparison,
    /// The direction, where it matters.
    pub direction: Option<Direction>,
    /// Bits of the states, where they matter; 0 means any.
    pub states: u8,
    /// What is taken out again.
    pub except: Box<[CompiledExcept]>,
    /// Limits of a scoped override: each fact must lie in its set.
    pub scopes: Box<[(FactName, IdSet)]>,
    /// What must hold besides.
    pub requires: Box<[Requirement]>,
}

/// The bit of a state in the masks of terms.
pub(crate) const fn state_bit(state: FaxState) -> u8 {
    1 << state as u8
}

/// What kind of thing a permission came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OriginKind {
    /// The product, which gives it to every member whatever their roles.
    Everybody,
    /// A role that the member holds.
    Role,
    /// A role that a group of the member holds.
    GroupRole,
    /// Ownership.
    Overlay,
    /// An override of the member.
    Override,
}

/// What a permission came from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    /// Role, overlay, override, or everybody.
    pub kind: OriginKind,
    /// Key of the role or overlay; the permission's for an override and for what everybody has.
    pub key: Key,
    /// Title for people.
    pub title: Box<str>,
}

/// Whom a person supervises in some of the accounts below the acting one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Team {
    /// The accounts.
    pub(crate) accounts: IdSet,
    /// The subjects.
    pub(crate) members: IdSet,
}

/// Sets that exceptions are compared with: what hangs on suspended memberships is in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TakenSets {
    pub(crate) sets: [IdSet; FactSet::COUNT],
    pub(crate) teams_below: Box<[Team]>,
}

fn nth(sets: &[IdSet; FactSet::COUNT], set: FactSet) -> &IdSet {
    static EMPTY: std::sync::LazyLock<IdSet> = std::sync::LazyLock::new(IdSet::default);
    sets.get(set as usize).unwrap_or(&EMPTY)
}

/// A part of a set that a clause compares with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part<'a> {
    /// The accounts in which the resource must lie for these values to count; none for all that a
    /// term reaches.
    pub within: Option<&'a IdSet>,
    /// The values.
    pub values: &'a IdSet,
}

/// What stands in the way of an action before any resource is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Obstacle {
    pub(crate) reason: Reason,
    pub(crate) permission: Option<PermissionIx>,
    pub(crate) origin: Option<OriginIx>,
}

/// Terms of one action, and the answer where there are none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ActionEntry {
    pub(crate) terms: std::ops::Range<u32>,
    pub(crate) obstacle: Obstacle,
}

/// What one permission is worth to the member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Whether it is in force: granted, and no gate is closed.
    pub held: bool,
    /// Why not, where it is not.
    pub obstacle: Option<Reason>,
    /// Where it comes from.
    pub origins: Vec<OriginIx>,
}

/// All that one subject may do from one acting account, at one revision.
#[derive(Debug, Clone)]
pub struct Authority {
    /// The revision of the facts it was compiled from.
    pub revision: Revision,
    /// The subject.
    pub subject: Num,
    /// The acting account.
    pub account: Num,
    /// Ancestors of the acting account, nearest first.
    pub ancestors: Box<[Num]>,
    /// Why nothing is allowed, where that is so.
    pub(crate) barred: Option<Reason>,
    /// Channels through which nothing is allowed, with the permission that would be needed.
    pub(crate) closed_channels: Vec<(Channel, PermissionIx)>,
    pub(crate) entries: Box<[ActionEntry]>,
    pub(crate) terms: Box<[Term]>,
    pub(crate) sets: [IdSet; FactSet::COUNT],
    /// Whom the person supervises in a part of what lies below the acting account.
    pub(crate) teams_below: Box<[Team]>,
    /// The same for exceptions, where they take out more.
    pub(crate) taken: Option<Box<TakenSets>>,
    pub(crate) open_below: Box<[Num]>,
    pub(crate) all_below: Box<[Num]>,
    /// The parent of every account below the acting account, ascending by the child.
    pub(crate) parents: Box<[(Num, Num)]>,
    /// Lists that narrow. An absent one does not.
    pub(crate) restrictions: BTreeMap<RestrictionList, IdSet>,
    pub(crate) obligations: Vec<(Obligation, Vec<Action>)>,
    /// Account settings that are on.
    pub(crate) recipient_restriction: bool,
    pub(crate) approval: bool,
    pub(crate) call_without_caller_id: bool,
    /// The preset default number.
    pub default_number: Option<Num>,
    pub(crate) origins: Vec<Origin>,
    /// The origin of an ownership that gives everything.
    pub(crate) everything: Option<OriginIx>,
    /// By permission: what it is worth to the member.
    pub(crate) standings: Vec<Standing>,
}

impl Authority {
    /// Why nothing at all is allowed, where that is so: the membership is not active.
    pub fn barred(&self) -> Option<Reason> {
        self.barred
    }

    /// The ways in which an action is granted. Empty where [`Self::obstacle`] stands in the way.
    pub fn terms(&self, action: Action) -> &[Term] {
        self.entries
            .get(action.index())
            .and_then(|entry| self.terms.get(entry.terms.start as usize..entry.terms.end as usize))
            .unwrap_or_default()
    }

    /// The terms that a permission gives, of whatever action.
    pub fn terms_of(&self, permission: PermissionIx) -> impl Iterator<Item = &Term> {
        self.terms.iter().filter(move |term| term.permission == Some(permission))
    }

    pub(crate) fn obstacle(&self, action: Action) -> Obstacle {
        let none = Obstacle { reason: Reason::NoGrant, permission: None, origin: None };
        self.entries.get(action.index()).map_or(none, |entry| entry.obstacle)
    }

    /// What a clause compares with: a fact lies in the set if it lies in one of the parts, and the
    /// resource in its accounts. Everybody who reads a clause reads these, because what is
    /// supervised through a group of an account below counts there alone (rulings R34).
    pub fn parts(&self, set: FactSet, used: Use) -> impl Iterator<Item = Part<'_>> {
        let taken = self.taken.as_deref().filter(|_| used == Use::Takes);
        let (values, teams) = match taken {
            Some(taken) => (nth(&taken.sets, set), &*taken.teams_below),
            None => (self.set(set), &*self.teams_below),
        };
        let teams = if set == FactSet::Supervised { teams } else { &[] };
        let teams =
            teams.iter().map(|team| Part { within: Some(&team.accounts), values: &team.members });
        std::iter::once(Part { within: None, values }).chain(teams)
    }

    /// The part of a set that counts wherever a term reaches; all of it for every set but
    /// [`FactSet::Supervised`].
    pub fn set(&self, set: FactSet) -> &IdSet {
        nth(&self.sets, set)
    }

    /// The accounts that a term reaches, ascending.
    pub fn accounts(&self, reach: AccountReach) -> &[Num] {
        match reach {
            AccountReach::Here => std::slice::from_ref(&self.account),
            AccountReach::OpenBelow => &self.open_below,
            AccountReach::AllBelow => &self.all_below,
        }
    }

    /// What an origin index stands for.
    pub fn origin(&self, ix: OriginIx) -> Option<&Origin> {
        self.origins.get(usize::from(ix.0))
    }

    /// What a permission is worth to the member.
    pub fn standing(&self, permission: PermissionIx) -> Option<&Standing> {
        self.standings.get(usize::from(permission.0))
    }

    /// Whether an external call may be placed with no number to present (rulings R27).
    pub fn may_call_without_number(&self) -> bool {
        self.call_without_caller_id
    }

    /// The list that narrows, where one does.
    pub fn restriction(&self, list: RestrictionList) -> Option<&IdSet> {
        self.restrictions.get(&list)
    }

    /// Whether the account is the acting account or above it.
    pub fn is_on_path(&self, account: Num) -> bool {
        self.account == account || self.ancestors.contains(&account)
    }

    /// Whether `upper` is `lower` or one of its ancestors. `lower` is the acting account or below it;
    /// nothing is known of other accounts.
    pub(crate) fn is_at_or_above(&self, upper: Num, lower: Num) -> bool {
        let mut at = lower;
        // A path is no longer than there are accounts.
        for _ in 0..=self.parents.len() {
            if at == self.account {
                return self.is_on_path(upper);
            }
            let parent = self.parents.binary_search_by_key(&at, |(child, _)| *child);
            let Some((_, parent)) = parent.ok().and_then(|place| self.parents.get(place)) else {
                return false;
            };
            if at == upper {
                return true;
            }
            at = *parent;
        }
        false
    }

    /// About how many bytes of memory it takes, for caches that are bounded by bytes.
    pub fn bytes(&self) -> usize {
        let set = |set: &IdSet| set.finite().map_or(0, size_of_val);
        let terms = self.terms.iter().map(|term| {
            let scopes = term.scopes.iter().map(|(_, ids)| set(ids)).sum::<usize>();
            size_of_val(&*term.except) + size_of_val(&*term.scopes) + scopes
        });
        let names =
            self.origins.iter().map(|origin| origin.key.as_str().len() + origin.title.len());
        let standings = self.standings.iter().map(|one| size_of_val(&*one.origins));
        let taken = self.taken.as_deref();
        let teams =
            self.teams_below.iter().chain(taken.iter().flat_map(|taken| &taken.teams_below));
        let teams = teams.flat_map(|team| [&team.accounts, &team.members]);
        let taken = taken.map_or(0, |taken| {
            size_of_val(taken)
                + size_of_val(&*taken.teams_below)
                + taken.sets.iter().map(set).sum::<usize>()
        });
        let accounts = [&self.ancestors, &self.open_below, &self.all_below];
        size_of::<Self>()
            + taken
            + size_of_val(&*self.entries)
            + size_of_val(&*self.terms)
            + terms.sum::<usize>()
            + self.sets.iter().chain(self.restrictions.values()).map(set).sum::<usize>()
            + size_of_val(&*self.teams_below)
            + teams.map(set).sum::<usize>()
            + accounts.into_iter().map(|list| size_of_val(&**list)).sum::<usize>()
            + size_of_val(&*self.parents)
            + size_of_val(&*self.origins)
            + names.sum::<usize>()
            + size_of_val(&*self.standings)
            + standings.sum::<usize>()
    }

    /// The account fact of a number, as this person's questions see it: a number set up above
    /// serves the accounts below where the model says that numbers flow down (rulings R7).
    pub fn number_account(&self, flows_down: bool, account: Num) -> Fact<Num> {
        if flows_down && self.is_on_path(account) {
            Fact::Known(self.account)
        } else {
            Fact::Known(account)
        }
    }
}
