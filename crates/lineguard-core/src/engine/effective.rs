//! What each permission is worth to a member before any resource is looked at: where it comes
//! from, and which gates are open.

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap, HashSet};

use super::authority::{Origin, OriginKind};
use super::compile::UnknownKey;
use crate::decision::OriginIx;
use crate::facts::{AccountLevel, MemberFacts, MemberStatus, Membership, Override, RoleDefinition};
use crate::id::{Key, Num};
use crate::model::reach::Clause;
use crate::model::{
    Model, OverlayGives, OwnedKind, PermissionIx, PermissionKind, ScopeKind, SettingRule,
};

/// One source of a permission.
#[derive(Debug, Clone)]
pub(super) struct Contribution<'a> {
    pub(super) origin: OriginIx,
    /// Its place among all contributions.
    pub(super) at: u32,
    /// The same from other roles, with their places. Only the first of them makes terms: the others
    /// would cover nothing else, and many roles of many permissions would make terms without end.
    pub(super) also: Vec<(u32, OriginIx)>,
    /// Replaces the reach of the permission.
    pub(super) reach: Option<&'a [Clause]>,
    /// Limits of a scoped override.
    pub(super) scopes: Option<&'a BTreeMap<ScopeKind, Vec<Num>>>,
    /// On owned faxboxes or groups only.
    pub(super) owned: Option<OwnedKind>,
    /// Overrides cannot take it away: a locked role, or ownership of the account.
    pub(super) locked: bool,
    /// Comes from above a seal: only manage actions pass.
    pub(super) sealed_off: bool,
}

/// What a permission is worth.
#[derive(Debug, Clone, Default)]
pub(super) struct Worth<'a> {
    pub(super) contributions: Vec<Contribution<'a>>,
    /// The override that takes it away.
    pub(super) denied_by: Option<OriginIx>,
}

/// A role as it is in force at an account.
#[derive(Debug, Clone)]
struct RoleInForce<'a> {
    title: &'a str,
    locked: bool,
    permissions: Vec<(PermissionIx, Option<&'a [Clause]>)>,
}

pub(super) struct Effective<'a> {
    pub(super) worth: Vec<Worth<'a>>,
    pub(super) origins: Vec<Origin>,
    /// Ownership of an account that gives everything: its origin, and whether it comes from above
    /// a seal.
    pub(super) everything: Option<(OriginIx, bool)>,
}

struct Walk<'a> {
    model: &'a Model,
    keys: Keys<'a>,
    defined: Definitions<'a>,
    facts: &'a MemberFacts,
    out: Effective<'a>,
    /// When a role last gave all it gives, so that it need not at each account of a path.
    given: HashMap<Given, u32>,
    /// When an override last replaced what was given of a permission.
    replaced: HashMap<PermissionIx, u32>,
    /// How many contributions there were so far.
    contributions: u32,
    /// Where the origins stand, once there are many.
    origins: HashMap<Origin, OriginIx>,
}

/// A role as it is defined, where it is, and whether from above a seal.
type Given = (OriginIx, Option<*const RoleDefinition>, bool);

/// So few are looked through as they stand.
const FEW: usize = 32;

/// What the accounts of a path say about roles, by the keys of the roles where there are many.
pub(super) struct Definitions<'a> {
    facts: &'a MemberFacts,
    by_key: Option<ByKey<'a>>,
}

/// With the depths of their accounts, the nearest first.
type ByKey<'a> = HashMap<&'a Key, Vec<(usize, &'a RoleDefinition)>>;

impl<'a> Definitions<'a> {
    pub(super) fn of(facts: &'a MemberFacts) -> Self {
        let many = facts.path.iter().map(|level| level.roles.len()).sum::<usize>() > FEW;
        let by_key = many.then(|| {
            let mut by_key = ByKey::new();
            for (depth, level) in facts.path.iter().enumerate() {
                for role in &level.roles {
                    by_key.entry(role.key()).or_default().push((depth, role));
                }
            }
            by_key
        });
        Self { facts, by_key }
    }

    /// What the account at `depth` sees of a role: the nearest definition wins.
    fn find(&self, depth: usize, key: &Key) -> Option<&'a RoleDefinition> {
        match &self.by_key {
            None => {
                let levels = self.facts.path.iter().skip(depth);
                levels.flat_map(|level| &level.roles).find(|one| one.key() == key)
            }
            Some(by_key) => {
                let mut all = by_key.get(key)?.iter();
                all.find(|(at, _)| *at >= depth).map(|(_, one)| *one)
            }
        }
    }
}

/// Permissions by their keys: a tenant's own roles may name many.
struct Keys<'a> {
    model: &'a Model,
    by_key: OnceCell<HashMap<&'a str, PermissionIx>>,
}

impl<'a> Keys<'a> {
    const fn of(model: &'a Model) -> Self {
        Self { model, by_key: OnceCell::new() }
    }

    fn find(&self, key: &Key) -> Result<PermissionIx, UnknownKey> {
        let by_key = self.by_key.get_or_init(|| {
            let all = self.model.permissions.iter().zip((0u16..).map(PermissionIx));
            all.map(|(permission, ix)| (permission.key.as_str(), ix)).collect()
        });
        let unknown = || UnknownKey { what: "permission", key: key.clone() };
        by_key.get(key.as_str()).copied().ok_or_else(unknown)
    }
}

/// Walks from the root to the acting account and gathers what every level contributes.
pub(super) fn effective<'a>(
    model: &'a Model,
    facts: &'a MemberFacts,
) -> Result<Effective<'a>, UnknownKey> {
    let worth = vec![Worth::default(); model.permissions.len()];
    let out = Effective { worth, origins: Vec::new(), everything: None };
    let (keys, defined) = (Keys::of(model), Definitions::of(facts));
    let origins = HashMap::new();
    let (given, replaced) = (HashMap::new(), HashMap::new());
    let mut walk =
        Walk { model, keys, defined, facts, out, given, replaced, contributions: 0, origins };
    for (depth, level) in facts.path.iter().enumerate().rev() {
        // The acting account's own seal also stops what its ancestors give.
        let sealed_off = facts.path.iter().take(depth).any(|below| below.sealed);
        if let Some(membership) = &level.membership {
            if membership.status == MemberStatus::Active {
                walk.roles(depth, level, membership, sealed_off)?;
                walk.ownership_of_account(level, sealed_off);
                walk.overrides(membership, sealed_off)?;
            }
            walk.denies(membership)?;
        }
    }
    walk.ownership_of_things();
    Ok(walk.out)
}

impl<'a> Walk<'a> {
    fn roles(
        &mut self,
        depth: usize,
        level: &'a AccountLevel,
        membership: &'a Membership,
        sealed_off: bool,
    ) -> Result<(), UnknownKey> {
        self.everybody(sealed_off);
        for key in &membership.roles {
            self.role(depth, key, OriginKind::Role, None, sealed_off)?;
        }
        for group in self.facts.groups.iter().filter(|group| group.account == level.account) {
            for key in &group.roles {
                self.role(depth, key, OriginKind::GroupRole, Some(&group.title), sealed_off)?;
            }
        }
        Ok(())
    }

    /// What every member has is one more role of the membership, and no locked one.
    fn everybody(&mut self, sealed_off: bool) {
        for ix in &self.model.members.everybody {
            let Some(permission) = self.model.permission_at(*ix) else { continue };
            let origin = self.origin(Origin {
                kind: OriginKind::Everybody,
                key: permission.key.clone(),
                title: permission.title.clone(),
            });
            let contribution = Contribution { sealed_off, ..contribution(origin) };
            self.contribute(*ix, contribution);
        }
    }

    fn role(
        &mut self,
        depth: usize,
        key: &Key,
        kind: OriginKind,
        group: Option<&str>,
        sealed_off: bool,
    ) -> Result<(), UnknownKey> {
        let defined = self.defined.find(depth, key);
        let role = role_defined(&self.keys, defined, key)?;
        let title = match group {
            Some(group) => format!("{} (group {group})", role.title).into(),
            None => role.title.into(),
        };
        let origin = self.origin(Origin { kind, key: key.clone(), title });
        // Most people have the same roles at several accounts of a path: then a role gives again only
        // what was replaced since.
        let now = self.next();
        let this = (origin, defined.map(std::ptr::from_ref), sealed_off);
        let before = self.given.insert(this, now);
        for (permission, reach) in role.permissions {
            let replaced = || self.replaced.get(&permission).copied().unwrap_or_default();
            if before.is_some_and(|before| replaced() < before) {
                continue;
            }
            let locked = role.locked;
            let contribution = Contribution { reach, locked, sealed_off, ..contribution(origin) };
            self.contribute_with_others(permission, contribution);
        }
        Ok(())
    }

    /// An override replaces, for its permission, everything that the roles gave so far: those of
    /// this level and of the levels above (rulings R10).
    fn overrides(
        &mut self,
        membership: &'a Membership,
        sealed_off: bool,
    ) -> Result<(), UnknownKey> {
        for (key, value) in &membership.overrides {
            let (ix, permission) = permission(self.model, key)?;
            let scopes = match value {
                Override::Off => continue,
                // Rulings R12: a member's own override cannot switch it on.
                Override::On | Override::Scoped(_) if permission.role_only => continue,
                Override::On => None,
                Override::Scoped(scopes) => Some(scopes),
            };
            let origin = self.override_origin(key, &permission.title);
            let now = self.next();
            self.replaced.insert(ix, now);
            if let Some(worth) = self.worth(ix) {
                worth.contributions.retain(|from| from.locked);
            }
            self.contribute(ix, Contribution { scopes, sealed_off, ..contribution(origin) });
        }
        Ok(())
    }

    /// Denies count where they are set and below, whatever becomes of the membership there, unless
    /// it was removed.
    fn denies(&mut self, membership: &'a Membership) -> Result<(), UnknownKey> {
        if membership.status == MemberStatus::Removed {
            return Ok(());
        }
        for (key, value) in &membership.overrides {
            let (ix, permission) = permission(self.model, key)?;
            if *value == Override::Off {
                let origin = self.override_origin(key, &permission.title);
                if let Some(worth) = self.worth(ix) {
                    worth.denied_by = Some(origin);
                }
            }
        }
        Ok(())
    }

    fn ownership_of_account(&mut self, level: &'a AccountLevel, sealed_off: bool) {
        if !self.facts.owned_accounts.contains(&level.account) {
            return;
        }
        let overlays =
            self.model.overlays.iter().filter(|overlay| overlay.of == OwnedKind::Account);
        for overlay in overlays {
            let origin = self.overlay_origin(overlay);
            let given = match &overlay.gives {
                OverlayGives::Permissions(permissions) => permissions.clone(),
                OverlayGives::Everything => {
                    // The nearest ownership wins: one that no seal stands before beats one above.
                    self.out.everything = Some((origin, sealed_off));
                    everything_that_widens(self.model)
                }
            };
            for permission in given {
                let contribution = Contribution {
                    reach: Some(ACCOUNT.as_slice()),
                    locked: true,
                    sealed_off,
                    ..contribution(origin)
                };
                self.contribute(permission, contribution);
            }
        }
    }

    /// Ownership of faxboxes and groups adds to any active member of the acting account.
    fn ownership_of_things(&mut self) {
        for overlay in &self.model.overlays {
            let owns = match overlay.of {
                OwnedKind::Faxbox => !self.facts.owned_faxboxes.is_empty(),
                OwnedKind::Group => !self.facts.owned_groups.is_empty(),
                OwnedKind::Account => false,
            };
            let OverlayGives::Permissions(permissions) = &overlay.gives else {
                continue;
            };
            if !owns {
                continue;
            }
            let origin = self.overlay_origin(overlay);
            for permission in permissions {
                let contribution = Contribution { owned: Some(overlay.of), ..contribution(origin) };
                self.contribute(*permission, contribution);
            }
        }
    }

    fn contribute(&mut self, permission: PermissionIx, contribution: Contribution<'a>) {
        let at = self.next();
        if let Some(worth) = self.worth(permission) {
            worth.contributions.push(Contribution { at, ..contribution });
        }
    }

    /// The contribution of a role, together with that of another role that comes to the same. Roles
    /// alone: where something comes from an overlay, its origin counts.
    fn contribute_with_others(&mut self, permission: PermissionIx, contribution: Contribution<'a>) {
        let at = self.next();
        let origin = contribution.origin;
        let is_role = |kind| matches!(kind, OriginKind::Role | OriginKind::GroupRole);
        let Effective { worth, origins, .. } = &mut self.out;
        let Some(worth) = worth.get_mut(usize::from(permission.0)) else { return };
        let same = worth.contributions.iter_mut().find(|other| {
            let from = origins.get(usize::from(other.origin.0));
            from.is_some_and(|from| is_role(from.kind))
                && (other.locked, other.sealed_off)
                    == (contribution.locked, contribution.sealed_off)
                && other.reach == contribution.reach
        });
        match same {
            Some(other) => other.also.push((at, origin)),
            None => worth.contributions.push(Contribution { at, ..contribution }),
        }
    }

    const fn next(&mut self) -> u32 {
        self.contributions += 1;
        self.contributions
    }

    fn worth(&mut self, permission: PermissionIx) -> Option<&mut Worth<'a>> {
        self.out.worth.get_mut(usize::from(permission.0))
    }

    fn overlay_origin(&mut self, overlay: &crate::model::Overlay) -> OriginIx {
        self.origin(Origin {
            kind: OriginKind::Overlay,
            key: overlay.key.clone(),
            title: overlay.title.clone(),
        })
    }

    fn override_origin(&mut self, key: &Key, title: &str) -> OriginIx {
        self.origin(Origin { kind: OriginKind::Override, key: key.clone(), title: title.into() })
    }

    fn origin(&mut self, origin: Origin) -> OriginIx {
        let all = &self.out.origins;
        if all.len() > FEW && self.origins.is_empty() {
            self.origins = all.iter().cloned().zip((0u16..).map(OriginIx)).collect();
        }
        let known = match all.len() {
            0..=FEW => {
                let at = all.iter().position(|one| *one == origin);
                at.and_then(|at| u16::try_from(at).ok()).map(OriginIx)
            }
            _ => self.origins.get(&origin).copied(),
        };
        if let Some(known) = known {
            return known;
        }
        let ix = OriginIx(u16::try_from(self.out.origins.len()).unwrap_or(u16::MAX));
        if !self.origins.is_empty() {
            self.origins.insert(origin.clone(), ix);
        }
        self.out.origins.push(origin);
        ix
    }
}

/// One that only says where it comes from.
const fn contribution<'a>(origin: OriginIx) -> Contribution<'a> {
    Contribution {
        origin,
        at: 0,
        also: Vec::new(),
        reach: None,
        scopes: None,
        owned: None,
        locked: false,
        sealed_off: false,
    }
}

static ACCOUNT: std::sync::LazyLock<[Clause; 1]> =
    std::sync::LazyLock::new(|| [Clause::word(crate::model::Word::Account)]);

/// Permissions that add rights; an obligation or a routing row would be a burden, not a right.
fn everything_that_widens(model: &Model) -> Vec<PermissionIx> {
    let widens = |kind: &PermissionKind| {
        matches!(
            kind,
            PermissionKind::Grant(_) | PermissionKind::Restriction(_) | PermissionKind::Channel(_)
        )
    };
    (0u16..)
        .zip(&model.permissions)
        .filter(|(_, permission)| widens(&permission.kind))
        .map(|(ix, _)| PermissionIx(ix))
        .collect()
}

pub(super) fn permission<'a>(
    model: &'a Model,
    key: &Key,
) -> Result<(PermissionIx, &'a crate::model::Permission), UnknownKey> {
    let (ix, permission) = model
        .permission(key.as_str())
        .ok_or_else(|| UnknownKey { what: "permission", key: key.clone() })?;
    let ix = u16::try_from(ix).map_err(|_| UnknownKey { what: "permission", key: key.clone() })?;
    Ok((PermissionIx(ix), permission))
}

/// The default visibility level of a role as the acting account sees it.
pub(super) fn visibility_in_force<'a>(
    model: &'a Model,
    defined: &Definitions<'a>,
    key: &Key,
) -> Result<Option<&'a Key>, UnknownKey> {
    let built_in = model.role(key.as_str()).map(|(_, role)| role.visibility.as_ref());
    match (defined.find(0, key), built_in) {
        (Some(RoleDefinition::Custom { visibility, .. }), _) => Ok(visibility.as_ref()),
        (Some(RoleDefinition::Adjusted { visibility, .. }), Some(built_in)) => {
            Ok(visibility.as_ref().or(built_in))
        }
        (None, Some(built_in)) => Ok(built_in),
        (_, None) => Err(UnknownKey { what: "role", key: key.clone() }),
    }
}

/// What a role gives where this is its nearest definition or adjustment, or where there is none;
/// none if neither the model nor a definition knows it.
pub fn role_permissions(
    model: &Model,
    key: &Key,
    defined: Option<&RoleDefinition>,
) -> Result<Option<Box<[PermissionIx]>>, UnknownKey> {
    if defined.is_none() && model.role(key.as_str()).is_none() {
        return Ok(None);
    }
    let role = role_defined(&Keys::of(model), defined, key)?;
    Ok(Some(role.permissions.into_iter().map(|(ix, _)| ix).collect()))
}

fn role_defined<'a>(
    keys: &Keys<'a>,
    defined: Option<&'a RoleDefinition>,
    key: &Key,
) -> Result<RoleInForce<'a>, UnknownKey> {
    let built_in = keys.model.role(key.as_str()).map(|(_, role)| role);
    match (defined, built_in) {
        (Some(RoleDefinition::Custom { title, permissions, .. }), _) => {
            let permissions = permissions
                .iter()
                .map(|key| keys.find(key).map(|ix| (ix, None)))
                .collect::<Result<_, _>>()?;
            Ok(RoleInForce { title, locked: false, permissions })
        }
        (Some(RoleDefinition::Adjusted { add, remove, .. }), Some(role)) => {
            let mut in_force = as_built(role);
            let removed: HashSet<PermissionIx> =
                remove.iter().map(|key| keys.find(key)).collect::<Result<_, _>>()?;
            in_force.permissions.retain(|(one, _)| !removed.contains(one));
            for key in add {
                in_force.permissions.push((keys.find(key)?, None));
            }
            Ok(in_force)
        }
        (None, Some(role)) => Ok(as_built(role)),
        (_, None) => Err(UnknownKey { what: "role", key: key.clone() }),
    }
}

fn as_built(role: &crate::model::Role) -> RoleInForce<'_> {
    RoleInForce {
        title: &role.title,
        locked: role.locked,
        permissions: role
            .permissions
            .iter()
            .map(|held| (held.permission, held.reach.as_deref()))
            .collect(),
    }
}

/// Whether the account has a product: the nearest account that says so wins.
pub(super) fn entitled(facts: &MemberFacts, product: &crate::model::Product) -> bool {
    nearest(facts, |level| level.setup.entitlements.get(&product.key)).unwrap_or(product.entitled)
}

/// Whether a feature flag is on: the nearest account that says so wins.
pub(super) fn flag_on(facts: &MemberFacts, flag: &crate::model::Flag) -> bool {
    nearest(facts, |level| level.setup.flags.get(&flag.key)).unwrap_or(flag.default)
}

/// Whether an account setting turns a rule on: the nearest account that says so wins.
pub(super) fn setting_on(model: &Model, facts: &MemberFacts, rule: SettingRule) -> bool {
    model.settings.iter().filter(|setting| setting.rule == rule).any(|one| {
        nearest(facts, |level| level.setup.settings.get(&one.key)).unwrap_or(one.default)
    })
}

/// Whether the member's switch for a product is on. Off anywhere on the path wins, whatever the
/// status there, unless the membership was removed (rulings R2); only active memberships switch on.
pub(super) fn switched_on(facts: &MemberFacts, product: &crate::model::Product) -> bool {
    let said = |counts: fn(MemberStatus) -> bool, word: bool| {
        facts
            .path
            .iter()
            .filter_map(|level| level.membership.as_ref())
            .filter(|membership| counts(membership.status))
            .any(|membership| membership.switches.get(&product.key) == Some(&word))
    };
    !said(|status| status != MemberStatus::Removed, false)
        && (product.switched_on || said(|status| status == MemberStatus::Active, true))
}

fn nearest(facts: &MemberFacts, said: impl Fn(&AccountLevel) -> Option<&bool>) -> Option<bool> {
    facts.path.iter().find_map(|level| said(level).copied())
}
