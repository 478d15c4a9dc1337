//! What each permission is worth to a person: the contributions that are left of it.

use lineguard_core::facts::MemberStatus;
use lineguard_core::id::Num;
use lineguard_core::model::reach::{Clause, Word};
use lineguard_core::model::{
    OverlayGives, OwnedKind, Permission, PermissionIx, PermissionKind, ScopeKind,
};
use lineguard_core::row::{LinkKind, OverrideBody, RoleBody};
use lineguard_core::vocabulary::ActionDef;

use super::matching::passes_seals;
use super::person::{Person, Use, is_active};

/// One source of a permission.
#[derive(Debug, Clone)]
pub(super) struct Contribution {
    /// Level of the path it comes from; 0 is the acting account.
    pub(super) level: usize,
    /// A reach that replaces the permission's own.
    pub(super) reach: Option<Vec<Clause>>,
    /// Limits of a scoped override.
    pub(super) scopes: Vec<(ScopeKind, Vec<Num>)>,
    /// From a locked role or from ownership of an account: overrides do not touch it.
    pub(super) stays: bool,
    /// From an ownership that gives everything.
    pub(super) everything: bool,
    /// From ownership of an account.
    pub(super) owner: bool,
}

impl Contribution {
    pub(super) fn at(level: usize, reach: Option<Vec<Clause>>) -> Self {
        Self { level, reach, scopes: Vec::new(), stays: false, everything: false, owner: false }
    }
}

/// A role as one account knows it.
pub(super) struct KnownRole {
    pub(super) locked: bool,
    pub(super) visibility: Option<String>,
    pub(super) holds: Vec<(PermissionIx, Option<Vec<Clause>>)>,
}

impl Person<'_> {
    /// The role of this key as an account knows it: by the nearest definition from there upwards.
    pub(super) fn role_at(&self, account: Num, key: &str) -> Option<KnownRole> {
        let path = self.world.path(account);
        let defined = path.iter().find_map(|account| {
            let mut roles = self.world.roles.iter();
            roles.find(|role| role.account == account.num && role.key == key)
        });
        let mut role = self.built_in(key);
        match defined.map(|role| &role.body) {
            Some(RoleBody::Custom { permissions, visibility, .. }) => {
                let holds = permissions.iter().filter_map(|key| Some((self.index(key)?, None)));
                let (holds, visibility) = (holds.collect(), visibility.clone());
                role = Some(KnownRole { locked: false, visibility, holds });
            }
            Some(RoleBody::Adjusted { add, remove, visibility }) => {
                if let Some(role) = &mut role {
                    let gone: Vec<_> = remove.iter().filter_map(|key| self.index(key)).collect();
                    role.holds.retain(|(held, _)| !gone.contains(held));
                    let added = add.iter().filter_map(|key| Some((self.index(key)?, None)));
                    role.holds.extend(added);
                    role.visibility = visibility.clone().or(role.visibility.take());
                }
            }
            None => {}
        }
        role
    }

    fn built_in(&self, key: &str) -> Option<KnownRole> {
        let (_, role) = self.world.model.role(key)?;
        let holds = role.permissions.iter().map(|held| (held.permission, held.reach.clone()));
        Some(KnownRole {
            locked: role.locked,
            visibility: role.visibility.as_ref().map(ToString::to_string),
            holds: holds.collect(),
        })
    }

    fn index(&self, key: &str) -> Option<PermissionIx> {
        let (at, _) = self.world.model.permission(key)?;
        u16::try_from(at).ok().map(PermissionIx)
    }

    /// Roles that an active membership at a level holds, those of its groups included.
    pub(super) fn roles_at(&self, level: usize) -> Vec<KnownRole> {
        let (Some(account), Some(member)) = (self.path.get(level), self.membership_at(level))
        else {
            return Vec::new();
        };
        if !is_active(member) {
            return Vec::new();
        }
        let mut keys = member.body.roles.clone();
        for group in self.groups_of(account.num) {
            keys.extend(group.body.roles.iter().cloned());
        }
        let mut roles: Vec<_> =
            keys.iter().filter_map(|key| self.role_at(account.num, key)).collect();
        roles.push(self.role_of_everybody());
        roles
    }

    /// What every membership holds besides its roles.
    fn role_of_everybody(&self) -> KnownRole {
        let everybody = &self.world.model.members.everybody;
        let holds = everybody.iter().map(|ix| (*ix, None)).collect();
        KnownRole { locked: false, visibility: None, holds }
    }

    /// All that is left of a permission, wherever it comes from.
    pub(super) fn contributions(&self, ix: PermissionIx) -> Vec<Contribution> {
        let mut left = Vec::new();
        for level in (0..self.path.len()).rev() {
            self.contribute_roles(ix, level, &mut left);
            self.contribute_account_ownership(ix, level, &mut left);
            self.apply_override(ix, level, &mut left);
        }
        for (of, owned, word) in [
            (OwnedKind::Faxbox, LinkKind::FaxboxOwner, Word::OwnedFaxbox),
            (OwnedKind::Group, LinkKind::GroupOwner, Word::OwnedGroup),
        ] {
            if !self.owned(owned, Use::Giving).is_empty() {
                let times = self.overlays_with(ix, of);
                let given = Contribution::at(0, Some(vec![Clause::word(word)]));
                left.extend(std::iter::repeat_n(given, times));
            }
        }
        if self.is_denied(ix) {
            left.retain(|one| one.stays);
        }
        left
    }

    fn contribute_roles(&self, ix: PermissionIx, level: usize, left: &mut Vec<Contribution>) {
        for role in self.roles_at(level) {
            for (held, reach) in role.holds {
                if held == ix {
                    let stays = role.locked;
                    left.push(Contribution { stays, ..Contribution::at(level, reach) });
                }
            }
        }
    }

    /// Whether the person is an active member of the account at a level, and owns it.
    pub(super) fn owns_level(&self, level: usize) -> bool {
        let active = self.membership_at(level).is_some_and(is_active);
        let owns = self.path.get(level).is_some_and(|account| {
            self.world.linked(LinkKind::AccountOwner, account.num, self.subject)
        });
        active && owns
    }

    /// Whether some overlay gives everything to the owner of an account.
    pub(super) fn owners_get_everything(&self) -> bool {
        let mut overlays = self.world.model.overlays.iter();
        overlays.any(|one| one.of == OwnedKind::Account && one.gives == OverlayGives::Everything)
    }

    fn contribute_account_ownership(
        &self,
        ix: PermissionIx,
        level: usize,
        left: &mut Vec<Contribution>,
    ) {
        if !self.owns_level(level) {
            return;
        }
        let given = Contribution {
            stays: true,
            owner: true,
            ..Contribution::at(level, Some(vec![Clause::word(Word::Account)]))
        };
        let times = self.overlays_with(ix, OwnedKind::Account);
        left.extend(std::iter::repeat_n(given.clone(), times));
        let kind = self.world.model.permission_at(ix).map(|permission| &permission.kind);
        let part_of_everything = matches!(
            kind,
            Some(
                PermissionKind::Grant(_)
                    | PermissionKind::Restriction(_)
                    | PermissionKind::Channel(_)
            )
        );
        if part_of_everything && self.owners_get_everything() {
            left.push(Contribution { everything: true, ..given });
        }
    }

    fn overlays_with(&self, ix: PermissionIx, of: OwnedKind) -> usize {
        let overlays = self.world.model.overlays.iter().filter(|overlay| overlay.of == of);
        let lists = |gives: &OverlayGives| match gives {
            OverlayGives::Permissions(list) => list.contains(&ix),
            OverlayGives::Everything => false,
        };
        overlays.filter(|overlay| lists(&overlay.gives)).count()
    }

    fn apply_override(&self, ix: PermissionIx, level: usize, left: &mut Vec<Contribution>) {
        let Some(permission) = self.world.model.permission_at(ix) else { return };
        let Some(member) = self.membership_at(level).filter(|member| is_active(member)) else {
            return;
        };
        let scopes = match member.body.overrides.get(permission.key.as_str()) {
            Some(OverrideBody::On) => Vec::new(),
            Some(OverrideBody::Scoped(scopes)) => {
                let word_of = |word: &str| {
                    let mut all = ScopeKind::ALL.iter();
                    all.find(|(_, one)| *one == word).map(|(kind, _)| *kind)
                };
                let read = scopes.iter().filter_map(|(word, values)| {
                    Some((word_of(word)?, values.iter().map(|value| Num(*value)).collect()))
                });
                read.collect()
            }
            Some(OverrideBody::Off) | None => return,
        };
        if permission.role_only {
            return;
        }
        left.retain(|one| one.stays);
        left.push(Contribution { scopes, ..Contribution::at(level, None) });
    }

    fn is_denied(&self, ix: PermissionIx) -> bool {
        let Some(permission) = self.world.model.permission_at(ix) else { return false };
        (0..self.path.len()).any(|level| {
            self.membership_at(level).is_some_and(|member| {
                let said = member.body.overrides.get(permission.key.as_str());
                member.body.status != MemberStatus::Removed.as_str()
                    && said == Some(&OverrideBody::Off)
            })
        })
    }

    /// Whether a contribution from a level counts for an action: not beyond a seal, except for what
    /// sets things up and does not open what the seal closes.
    pub(super) fn counts(&self, level: usize, def: &ActionDef) -> bool {
        let sealed = self.path.iter().take(level).any(|account| account.body.sealed);
        !sealed || passes_seals(def)
    }

    /// Whether a contribution is left, wherever it comes from: a seal limits what it is good for,
    /// not that it is held.
    pub(super) fn holds(&self, ix: PermissionIx) -> bool {
        !self.contributions(ix).is_empty()
    }

    /// Whether entitlement, switch and flag of a permission are open.
    pub(super) fn is_open(&self, permission: &Permission) -> bool {
        let model = self.world.model;
        let product = permission.product.and_then(|ix| model.products.get(usize::from(ix.0)));
        let flag = permission.flag.and_then(|ix| model.flags.get(usize::from(ix.0)));
        let entitled = product.is_none_or(|product| {
            let key = product.key.as_str();
            let said = self.path.iter().find_map(|one| one.body.entitlements.get(key).copied());
            said.unwrap_or(product.entitled) && self.switched_on(key).unwrap_or(product.switched_on)
        });
        let flagged = flag.is_none_or(|flag| {
            let key = flag.key.as_str();
            let said = self.path.iter().find_map(|one| one.body.flags.get(key).copied());
            said.unwrap_or(flag.default)
        });
        entitled && flagged
    }

    /// What the member's switches say about a product: one that is off wins, and only an active
    /// membership switches on.
    fn switched_on(&self, product: &str) -> Option<bool> {
        let mut said = None;
        for level in 0..self.path.len() {
            let Some(member) = self.membership_at(level) else { continue };
            if member.body.status == MemberStatus::Removed.as_str() {
                continue;
            }
            match member.body.switches.get(product) {
                Some(false) => return Some(false),
                Some(true) if member.body.status == MemberStatus::Active.as_str() => {
                    said = Some(true);
                }
                Some(true) | None => {}
            }
        }
        said
    }
}
