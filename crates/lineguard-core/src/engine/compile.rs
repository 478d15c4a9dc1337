//! From facts about a member to an [`Authority`].

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;

use super::authority::{
    AccountReach, ActionEntry, Authority, CompiledExcept, IdSet, Obstacle, Standing, TakenSets,
    Team, Term, state_bit,
};
use super::effective::{
    Contribution, Definitions, Effective, Worth, effective, entitled, flag_on, setting_on,
    switched_on, visibility_in_force,
};
use crate::decision::{OriginIx, Reason};
use crate::facts::{GrantList, ListOf, MemberFacts, MemberStatus, SupervisedBelow, Taken};
use crate::id::{Key, Num};
use crate::model::reach::{Clause, Comparison, Except, FactSet, FaxState, Word};
use crate::model::{
    Grant, Model, OwnedKind, Permission, PermissionIx, PermissionKind, RestrictionList, ScopeKind,
    SettingRule, narrowed,
};
use crate::vocabulary::{Action, FactName, SendChannel, Vocabulary};

/// A row names something that the tenant's model does not know. There is no answer then: a rule
/// that cannot be read might be a denial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownKey {
    /// Role, permission or level.
    pub what: &'static str,
    /// Its key.
    pub key: Key,
}

impl fmt::Display for UnknownKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the model does not know the {} `{}`", self.what, self.key)
    }
}

impl std::error::Error for UnknownKey {}

/// Compiles what is known about a member.
pub fn compile(
    model: &Model,
    vocabulary: &Vocabulary,
    facts: &MemberFacts,
) -> Result<Authority, UnknownKey> {
    let effective = effective(model, facts)?;
    let compiler = Compiler {
        model,
        vocabulary,
        facts,
        effective: &effective,
        levels: level_clauses(model, facts)?,
        self_approval: setting_on(model, facts, SettingRule::SelfApproval),
    };
    let gates: Vec<Gate> = compiler.gates();
    let (entries, terms) = compiler.entries(&gates);
    let (open_below, all_below) = accounts_below(facts);
    let acting = facts.path.first();
    let membership = acting.and_then(|level| level.membership.as_ref());
    let given = Ties::of_given(facts);
    Ok(Authority {
        revision: facts.revision,
        subject: facts.subject,
        account: acting.map_or(Num::UNKNOWN, |level| level.account),
        ancestors: facts.path.iter().skip(1).map(|level| level.account).collect(),
        barred: barred(membership.map(|membership| membership.status)),
        closed_channels: compiler.closed_channels(),
        entries,
        terms,
        taken: facts.taken.as_deref().map(|taken| {
            let ties = Ties::of_taken(taken);
            let teams_below = teams_below(facts, ties.supervised_below);
            Box::new(TakenSets { sets: sets(model, facts, &ties), teams_below })
        }),
        sets: sets(model, facts, &given),
        teams_below: teams_below(facts, given.supervised_below),
        open_below,
        all_below,
        parents: parents(facts),
        restrictions: compiler.restrictions(),
        obligations: compiler.obligations(&gates),
        recipient_restriction: setting_on(model, facts, SettingRule::RecipientRestriction),
        approval: setting_on(model, facts, SettingRule::Approval),
        call_without_caller_id: setting_on(model, facts, SettingRule::CallWithoutCallerId),
        default_number: membership.and_then(|membership| membership.default_number),
        standings: compiler.standings(&gates),
        everything: effective.everything.map(|(origin, _)| origin),
        origins: effective.origins.clone(),
    })
}

fn barred(status: Option<MemberStatus>) -> Option<Reason> {
    match status {
        None => Some(Reason::NotAMemberOfActingAccount),
        Some(MemberStatus::Invited) => Some(Reason::MemberInvited),
        Some(MemberStatus::Unverified) => Some(Reason::MemberUnverified),
        Some(MemberStatus::Suspended) => Some(Reason::MemberSuspended),
        Some(MemberStatus::Removed) => Some(Reason::MemberRemoved),
        Some(MemberStatus::Active) => None,
    }
}

/// Whether a permission is in force, or which gate is closed (rulings R8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gate {
    Open,
    Closed(Reason, Option<OriginIx>),
}

struct Compiler<'a> {
    model: &'a Model,
    vocabulary: &'a Vocabulary,
    facts: &'a MemberFacts,
    effective: &'a Effective<'a>,
    levels: Vec<&'a Clause>,
    self_approval: bool,
}

impl<'a> Compiler<'a> {
    fn gates(&self) -> Vec<Gate> {
        self.model
            .permissions
            .iter()
            .zip(&self.effective.worth)
            .map(|(permission, worth)| self.gate(permission, worth))
            .collect()
    }

    fn gate(&self, permission: &Permission, worth: &Worth<'_>) -> Gate {
        let product = permission.product.and_then(|ix| self.model.products.get(usize::from(ix.0)));
        let flag = permission.flag.and_then(|ix| self.model.flags.get(usize::from(ix.0)));
        if product.is_some_and(|product| !entitled(self.facts, product)) {
            Gate::Closed(Reason::NotEntitled, None)
        } else if product.is_some_and(|product| !switched_on(self.facts, product)) {
            Gate::Closed(Reason::ProductSwitchedOff, None)
        } else if flag.is_some_and(|flag| !flag_on(self.facts, flag)) {
            Gate::Closed(Reason::FeatureOff, None)
        } else if worth.contributions.is_empty() && worth.denied_by.is_none() {
            Gate::Closed(Reason::NoGrant, None)
        } else if worth.denied_by.is_some() && surviving(worth).next().is_none() {
            Gate::Closed(Reason::ExplicitlyDenied, worth.denied_by)
        } else {
            Gate::Open
        }
    }

    fn entries(&self, gates: &[Gate]) -> (Box<[ActionEntry]>, Box<[Term]>) {
        let mut terms = Vec::new();
        let entries = self
            .vocabulary
            .actions()
            .map(|(action, def)| {
                let start = terms.len();
                self.terms_of(action, def.passes_seals(), gates, &mut terms);
                ActionEntry {
                    // A u32 holds any number of terms that fit in memory.
                    terms: start as u32..terms.len() as u32,
                    obstacle: self.obstacle(action, gates),
                }
            })
            .collect();
        (entries, terms.into())
    }

    fn terms_of(&self, action: Action, passes_seals: bool, gates: &[Gate], out: &mut Vec<Term>) {
        let permissions = self.model.permissions_for(action);
        for ix in permissions {
            let at = usize::from(ix.0);
            let (Some(permission), Some(worth), Some(Gate::Open)) =
                (self.model.permission_at(*ix), self.effective.worth.get(at), gates.get(at))
            else {
                continue;
            };
            let PermissionKind::Grant(grants) = &permission.kind else {
                continue;
            };
            for contribution in surviving(worth) {
                if contribution.sealed_off && !passes_seals {
                    continue;
                }
                for grant in grants.iter().filter(|grant| grant.actions.contains(&action)) {
                    let reach = account_reach(permission.inherited, passes_seals);
                    self.terms_of_grant((*ix, permission), contribution, grant, reach, out);
                }
            }
        }
        if let Some((origin, sealed_off)) = self.effective.everything
            && permissions.is_empty()
            && (!sealed_off || passes_seals)
        {
            out.push(Term {
                permission: None,
                origin,
                accounts: account_reach(true, passes_seals),
                comparison: Comparison::Word(Word::Account),
                direction: None,
                states: 0,
                except: Box::default(),
                scopes: Box::default(),
                requires: Box::default(),
            });
        }
    }

    fn terms_of_grant(
        &self,
        (ix, permission): (PermissionIx, &Permission),
        contribution: &Contribution<'_>,
        grant: &Grant,
        accounts: AccountReach,
        out: &mut Vec<Term>,
    ) {
        let owned = contribution.owned.map(owned_clause);
        let reach: Vec<&Clause> = match (&owned, contribution.reach) {
            (Some(clause), _) => vec![clause],
            (None, Some(reach)) => reach.iter().collect(),
            (None, None) => grant.reach.iter().collect(),
        };
        let level = |clause| match clause {
            &Clause::Visibility => self.levels.clone(),
            _ => vec![clause],
        };
        for clause in reach.into_iter().flat_map(level) {
            let Some(Clause::Match { comparison, qualifiers }) =
                narrowed(clause, &grant.qualifiers)
            else {
                continue;
            };
            out.push(Term {
                permission: Some(ix),
                origin: contribution.origin,
                accounts,
                comparison,
                direction: qualifiers.direction,
                states: mask(&qualifiers.states),
                except: self.excepts(&qualifiers.except),
                scopes: contribution.scopes.map(scopes).unwrap_or_default(),
                requires: permission.requires.clone().into(),
            });
        }
    }

    fn excepts(&self, excepts: &[Except]) -> Box<[CompiledExcept]> {
        let mut compiled: Vec<CompiledExcept> = Vec::new();
        let lifted = |one: &&Except| one.unless_self_approval && self.self_approval;
        for except in excepts.iter().filter(|one| !lifted(one)) {
            let one = CompiledExcept {
                comparison: except.comparison,
                direction: except.direction,
                states: mask(&except.states),
            };
            if !compiled.contains(&one) {
                compiled.push(one);
            }
        }
        compiled.into()
    }

    /// What to say where nothing grants an action: among the permissions that could, the one that
    /// was granted and then stopped; else the one that came furthest.
    fn obstacle(&self, action: Action, gates: &[Gate]) -> Obstacle {
        let candidates = self.model.permissions_for(action).iter().filter_map(|ix| {
            let at = usize::from(ix.0);
            let granted =
                self.effective.worth.get(at).is_some_and(|worth| {
                    !worth.contributions.is_empty() || worth.denied_by.is_some()
                });
            match gates.get(at)? {
                // Held, but for nothing: no visibility level, or all of it stopped by a seal.
                Gate::Open => Some((granted, Reason::OutOfReach, *ix, None)),
                Gate::Closed(reason, origin) => Some((granted, *reason, *ix, *origin)),
            }
        });
        candidates
            .max_by_key(|(granted, reason, ix, _)| (*granted, *reason, std::cmp::Reverse(*ix)))
            .map_or(
                Obstacle { reason: Reason::NoGrant, permission: None, origin: None },
                |(_, reason, ix, origin)| Obstacle { reason, permission: Some(ix), origin },
            )
    }

    /// Restrictions always narrow, whatever gate is closed.
    fn restrictions(&self) -> BTreeMap<RestrictionList, IdSet> {
        let own = self.facts.path.first().and_then(|level| level.membership.as_ref());
        let lists = [
            RestrictionList::SendFrom(SendChannel::Fax),
            RestrictionList::SendFrom(SendChannel::Message),
            RestrictionList::SendFrom(SendChannel::Call),
            RestrictionList::AttachmentSources,
        ];
        let narrow = |list| match own.and_then(|membership| membership.restrictions.get(&list)) {
            Some(ListOf::All) => None,
            Some(ListOf::These(values)) => Some((list, IdSet::of(values.iter().copied()))),
            None => self.not_held(list).then(|| (list, IdSet::default())),
        };
        lists.into_iter().filter_map(narrow).collect()
    }

    /// Whether the model has a permission for this list that the member does not hold.
    fn not_held(&self, list: RestrictionList) -> bool {
        self.with_worth().any(|(permission, worth)| {
            permission.kind == PermissionKind::Restriction(list) && !holds(worth)
        })
    }

    fn closed_channels(&self) -> Vec<(crate::model::Channel, PermissionIx)> {
        let mut closed = Vec::new();
        for (ix, (permission, worth)) in (0u16..).zip(self.with_worth()) {
            if let PermissionKind::Channel(channels) = &permission.kind
                && !holds(worth)
            {
                closed.extend(channels.iter().map(|channel| (*channel, PermissionIx(ix))));
            }
        }
        closed
    }

    fn obligations(&self, gates: &[Gate]) -> Vec<(crate::model::Obligation, Vec<Action>)> {
        self.model
            .permissions
            .iter()
            .zip(gates)
            .filter(|(_, gate)| **gate == Gate::Open)
            .filter_map(|(permission, _)| match &permission.kind {
                PermissionKind::Obligation { actions, obligation } => {
                    Some((*obligation, actions.clone()))
                }
                _ => None,
            })
            .collect()
    }

    fn standings(&self, gates: &[Gate]) -> Vec<Standing> {
        self.effective
            .worth
            .iter()
            .zip(gates)
            .map(|(worth, gate)| Standing {
                held: *gate == Gate::Open,
                obstacle: match gate {
                    Gate::Open => None,
                    Gate::Closed(reason, _) => Some(*reason),
                },
                origins: match gate {
                    Gate::Closed(_, Some(origin)) => vec![*origin],
                    _ => origins(worth),
                },
            })
            .collect()
    }

    fn with_worth(&self) -> impl Iterator<Item = (&'a Permission, &'a Worth<'a>)> {
        self.model.permissions.iter().zip(&self.effective.worth)
    }
}

/// Contributions that a deny leaves standing.
pub(super) fn surviving<'w, 'a>(
    worth: &'w Worth<'a>,
) -> impl Iterator<Item = &'w Contribution<'a>> {
    let denied = worth.denied_by.is_some();
    worth.contributions.iter().filter(move |from| from.locked || !denied)
}

/// What a permission comes from, each once: a role may be held at several accounts of the path, and
/// everybody has what everybody has at each.
fn origins(worth: &Worth<'_>) -> Vec<OriginIx> {
    let from = |from: &Contribution<'_>| {
        let also = from.also.iter().copied();
        std::iter::once((from.at, from.origin)).chain(also).collect::<Vec<_>>()
    };
    let mut origins: Vec<_> = surviving(worth).flat_map(from).collect();
    origins.sort_unstable_by_key(|(at, _)| *at);
    let mut seen = HashSet::new();
    origins.into_iter().map(|(_, origin)| origin).filter(|origin| seen.insert(*origin)).collect()
}

fn holds(worth: &Worth<'_>) -> bool {
    surviving(worth).next().is_some()
}

fn account_reach(inherited: bool, passes_seals: bool) -> AccountReach {
    match (inherited, passes_seals) {
        (false, _) => AccountReach::Here,
        (true, true) => AccountReach::AllBelow,
        (true, false) => AccountReach::OpenBelow,
    }
}

fn owned_clause(of: OwnedKind) -> Clause {
    Clause::word(match of {
        OwnedKind::Faxbox => Word::OwnedFaxbox,
        OwnedKind::Group => Word::OwnedGroup,
        OwnedKind::Account => Word::Account,
    })
}

fn mask(states: &[FaxState]) -> u8 {
    states.iter().fold(0, |mask, state| mask | state_bit(*state))
}

fn scopes(scopes: &BTreeMap<ScopeKind, Vec<Num>>) -> Box<[(FactName, IdSet)]> {
    scopes
        .iter()
        .map(|(kind, values)| {
            let fact = match kind {
                ScopeKind::Number => FactName::Number,
                ScopeKind::FormType => FactName::FormType,
                ScopeKind::DocumentType => FactName::DocumentType,
                ScopeKind::Template => FactName::Template,
                ScopeKind::Source => FactName::Source,
            };
            (fact, IdSet::of(values.iter().copied()))
        })
        .collect()
}

/// The clauses of the member's visibility level: their own, or the default levels of the roles
/// that they hold in the acting account (rulings R2, R10).
fn level_clauses<'a>(
    model: &'a Model,
    facts: &'a MemberFacts,
) -> Result<Vec<&'a Clause>, UnknownKey> {
    let mut clauses = Vec::new();
    for key in levels_in_force(model, facts)? {
        let unknown = || UnknownKey { what: "visibility level", key: key.clone() };
        let (_, level) = model.level(key.as_str()).ok_or_else(unknown)?;
        clauses.extend(&level.reach);
    }
    Ok(clauses)
}

/// Keys of the visibility levels in force: the member's own, else the defaults of the roles held in
/// the acting account.
pub fn levels_in_force<'a>(
    model: &'a Model,
    facts: &'a MemberFacts,
) -> Result<Vec<&'a Key>, UnknownKey> {
    let Some(acting) = facts.path.first() else {
        return Ok(Vec::new());
    };
    let Some(membership) = &acting.membership else {
        return Ok(Vec::new());
    };
    if let Some(own) = &membership.visibility {
        return Ok(vec![own]);
    }
    let groups = facts.groups.iter().filter(|group| group.account == acting.account);
    let roles = membership.roles.iter().chain(groups.flat_map(|group| &group.roles));
    let defined = Definitions::of(facts);
    let defaults = roles.map(|key| visibility_in_force(model, &defined, key));
    let mut keys: Vec<&Key> =
        defaults.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
    keys.sort_unstable();
    keys.dedup();
    Ok(keys)
}

/// The acting account with those below it: first without, then with what seals hide.
fn accounts_below(facts: &MemberFacts) -> (Box<[Num]>, Box<[Num]>) {
    let Some(acting) = facts.path.first() else {
        return Default::default();
    };
    let mut open = BTreeSet::from([acting.account]);
    let mut all = open.clone();
    // Parents come before children, so a parent that is open is already in the set.
    for below in &facts.below {
        if open.contains(&below.parent) && !below.sealed {
            open.insert(below.account);
        }
        all.insert(below.account);
    }
    (open.into_iter().collect(), all.into_iter().collect())
}

fn parents(facts: &MemberFacts) -> Box<[(Num, Num)]> {
    let mut parents: Vec<_> =
        facts.below.iter().map(|below| (below.account, below.parent)).collect();
    parents.sort_unstable();
    parents.into()
}

/// Whom the person supervises below, each with the accounts where that counts: that of the groups
/// and those below it.
fn teams_below(facts: &MemberFacts, supervised: &[SupervisedBelow]) -> Box<[Team]> {
    let team = |team: &SupervisedBelow| {
        let mut accounts = BTreeSet::from([team.account]);
        // Parents come before children.
        for below in &facts.below {
            if accounts.contains(&below.parent) {
                accounts.insert(below.account);
            }
        }
        Team { accounts: IdSet::of(accounts), members: IdSet::of(team.members.iter().copied()) }
    };
    supervised.iter().map(team).collect()
}

/// What hangs on memberships, for one use.
struct Ties<'a> {
    groups: Vec<Num>,
    faxboxes: &'a [Num],
    owned_faxboxes: &'a [Num],
    owned_groups: &'a [Num],
    supervised: &'a [Num],
    supervised_below: &'a [SupervisedBelow],
    delegators: &'a [Num],
}

impl<'a> Ties<'a> {
    fn of_given(facts: &'a MemberFacts) -> Self {
        Self {
            groups: facts.groups.iter().map(|group| group.group).collect(),
            faxboxes: &facts.faxboxes,
            owned_faxboxes: &facts.owned_faxboxes,
            owned_groups: &facts.owned_groups,
            supervised: &facts.supervised,
            supervised_below: &facts.supervised_below,
            delegators: &facts.delegators,
        }
    }

    fn of_taken(taken: &'a Taken) -> Self {
        Self {
            groups: taken.groups.clone(),
            faxboxes: &taken.faxboxes,
            owned_faxboxes: &taken.owned_faxboxes,
            owned_groups: &taken.owned_groups,
            supervised: &taken.supervised,
            supervised_below: &taken.supervised_below,
            delegators: &taken.delegators,
        }
    }
}

fn sets(model: &Model, facts: &MemberFacts, ties: &Ties<'_>) -> [IdSet; FactSet::COUNT] {
    let lists = facts.path.first().and_then(|level| level.membership.as_ref());
    let list = |list: GrantList| match lists.and_then(|membership| membership.lists.get(&list)) {
        Some(ListOf::All) => IdSet::All,
        Some(ListOf::These(values)) => IdSet::of(values.iter().copied()),
        None if list == GrantList::AccessNumbers && model.members.unset_access_numbers_are_all => {
            IdSet::All
        }
        None => IdSet::default(),
    };
    let groups = || ties.groups.iter().copied();
    let of = |ids: &[Num]| IdSet::of(ids.iter().copied());
    FactSet::ALL.map(|(set, _)| match set {
        FactSet::SelfSubject => IdSet::of([facts.subject]),
        FactSet::Groups => IdSet::of(groups()),
        FactSet::SelfOrGroups => IdSet::of(groups().chain([facts.subject])),
        FactSet::Supervised => of(ties.supervised),
        FactSet::Delegators => of(ties.delegators),
        FactSet::Faxboxes => of(ties.faxboxes),
        FactSet::OwnedFaxboxes => of(ties.owned_faxboxes),
        FactSet::OwnedGroups => of(ties.owned_groups),
        FactSet::AccessNumbers => list(GrantList::AccessNumbers),
        FactSet::AutoAssignNumbers => list(GrantList::AutoAssignNumbers),
        FactSet::GrantedNumbers => list(GrantList::GrantedNumbers),
        FactSet::HeldExtensions => list(GrantList::HeldExtensions),
        FactSet::GrantedExtensions => list(GrantList::GrantedExtensions),
        FactSet::GrantedQueues => list(GrantList::GrantedQueues),
        FactSet::Labels => list(GrantList::Labels),
    })
}
