//! What each permission is worth to a member before any resource is looked at: where it comes
//! from, and which gates are open.

use std::collections::BTreeMap;

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
pub(super) struct RoleInForce<'a> {
    pub(super) title: &'a str,
    pub(super) locked: bool,
    pub(super) visibility: Option<&'a Key>,
    pub(super) permissions: Vec<(PermissionIx, Option<&'a [Clause]>)>,
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
    facts: &'a MemberFacts,
    out: Effective<'a>,
}

/// Walks from the root to the acting account and gathers what every level contributes.
pub(super) fn effective<'a>(
    model: &'a Model,
    facts: &'a MemberFacts,
) -> Result<Effective<'a>, UnknownKey> {
    let worth = vec![Worth::default(); model.permissions.len()];
    let out = Effective { worth, origins: Vec::new(), everything: None };
    let mut walk = Walk { model, facts, out };
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
            let contribution = Contribution {
                origin,
                reach: None,
                scopes: None,
                owned: None,
                locked: false,
                sealed_off,
            };
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
        let role = role_in_force(self.model, self.facts, depth, key)?;
        let title = match group {
            Some(group) => format!("{} (group {group})", role.title).into(),
            None => role.title.into(),
        };
        let origin = self.origin(Origin { kind, key: key.clone(), title });
        for (permission, reach) in role.permissions {
            let locked = role.locked;
            let contribution =
                Contribution { origin, reach, scopes: None, owned: None, locked, sealed_off };
            self.contribute(permission, contribution);
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
            if let Some(worth) = self.worth(ix) {
                worth.contributions.retain(|from| from.locked);
                worth.contributions.push(Contribution {
                    origin,
                    reach: None,
                    scopes,
                    owned: None,
                    locked: false,
                    sealed_off,
                });
            }
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
                    origin,
                    reach: Some(ACCOUNT.as_slice()),
                    scopes: None,
                    owned: None,
                    locked: true,
                    sealed_off,
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
                let contribution = Contribution {
                    origin,
                    reach: None,
                    scopes: None,
                    owned: Some(overlay.of),
                    locked: false,
                    sealed_off: false,
                };
                self.contribute(*permission, contribution);
            }
        }
    }

    fn contribute(&mut self, permission: PermissionIx, contribution: Contribution<'a>) {
        if let Some(worth) = self.worth(permission) {
            worth.contributions.push(contribution);
        }
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
        let known = self.out.origins.iter().position(|one| *one == origin);
        let at = known.unwrap_or_else(|| {
            self.out.origins.push(origin);
            self.out.origins.len() - 1
        });
        OriginIx(u16::try_from(at).unwrap_or(u16::MAX))
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

/// A role as the account at `depth` of the path sees it: the nearest definition wins.
pub(super) fn role_in_force<'a>(
    model: &'a Model,
    facts: &'a MemberFacts,
    depth: usize,
    key: &Key,
) -> Result<RoleInForce<'a>, UnknownKey> {
    let mut levels = facts.path.iter().skip(depth).flat_map(|level| &level.roles);
    role_defined(model, levels.find(|definition| definition.key() == key), key)
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
    let role = role_defined(model, defined, key)?;
    Ok(Some(role.permissions.into_iter().map(|(ix, _)| ix).collect()))
}

fn role_defined<'a>(
    model: &'a Model,
    defined: Option<&'a RoleDefinition>,
    key: &Key,
) -> Result<RoleInForce<'a>, UnknownKey> {
    let built_in = model.role(key.as_str()).map(|(_, role)| role);
    match (defined, built_in) {
        (Some(RoleDefinition::Custom { title, permissions, visibility, .. }), _) => {
            let permissions = permissions
                .iter()
                .map(|key| permission(model, key).map(|(ix, _)| (ix, None)))
                .collect::<Result<_, _>>()?;
            let visibility = visibility.as_ref();
            Ok(RoleInForce { title, locked: false, visibility, permissions })
        }
        (Some(RoleDefinition::Adjusted { add, remove, visibility, .. }), Some(role)) => {
            let mut in_force = as_built(role);
            for key in remove {
                let (ix, _) = permission(model, key)?;
                in_force.permissions.retain(|(one, _)| *one != ix);
            }
            for key in add {
                in_force.permissions.push((permission(model, key)?.0, None));
            }
            in_force.visibility = visibility.as_ref().or(in_force.visibility);
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
        visibility: role.visibility.as_ref(),
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
