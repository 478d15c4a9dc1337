//! Random models: what no product has thought of yet.

use lineguard_core::id::Key;
use lineguard_core::model::reach::{Clause, Comparison, Direction, Except, FaxState, Qualifiers};
use lineguard_core::model::{
    AutoAssignRules, CallerIdRules, Channel, FactSet, FaxboxRules, Flag, FlagIx, Grant, Level,
    Members, Model, Obligation, OutgoingRules, Overlay, OverlayGives, OwnedKind, Permission,
    PermissionIx, PermissionKind, Product, ProductIx, Requirement, RestrictionList, Role,
    RolePermission, ScopeKind, Setting, SettingRule, Tree, Word, narrowed,
};
use lineguard_core::vocabulary::{Action, Confers, FactName, SendChannel, Vocabulary};

use super::Rng;

/// A random model whose permissions are about the actions of the focus and a few others.
pub fn model(rng: &mut Rng, vocabulary: &Vocabulary, focus: &[Action]) -> Model {
    let all: Vec<_> = vocabulary.actions().map(|(action, _)| action).collect();
    let mut actions = focus.to_vec();
    actions.extend(rng.some(&all, 10));
    let caller_id = caller_id(rng, vocabulary);
    actions.extend(caller_id.iter().flat_map(|rules| [rules.choose, rules.hide]));
    actions.extend(caller_id.and_then(|rules| rules.default));
    let tied = rng.chance(40);
    let mut maker = Maker { rng, vocabulary, actions, tied };
    let levels = (0..3).map(|at| maker.level(at)).collect();
    let permissions: Vec<_> =
        (0..maker.rng.between(10, 30)).map(|at| maker.permission(at)).collect();
    let roles = (0..4).map(|at| maker.role(at, permissions.len())).collect();
    let overlays = maker.overlays(permissions.len());
    let outgoing = maker.outgoing(caller_id.is_some());
    let granted_by = all.iter().map(|action| granting(&permissions, *action)).collect();
    Model {
        name: key("random"),
        title: "".into(),
        summary: "".into(),
        tree: Tree { sub_accounts: true, numbers_flow_down: maker.rng.chance(50), personal: false },
        members: Members {
            one_role: maker.rng.chance(20),
            default_roles: Vec::new(),
            everybody: if maker.rng.chance(40) {
                maker.indexes(permissions.len(), 2)
            } else {
                Vec::new()
            },
            unset_access_numbers_are_all: maker.rng.chance(30),
        },
        products: maker.products(),
        flags: maker.flags(),
        settings: maker.settings(),
        levels,
        permissions,
        roles,
        overlays,
        caller_id,
        outgoing,
        auto_assign: AutoAssignRules::default(),
        faxbox: FaxboxRules::default(),
        tests: Vec::new(),
        granted_by,
    }
}

fn caller_id(rng: &mut Rng, vocabulary: &Vocabulary) -> Option<CallerIdRules> {
    let rules = CallerIdRules {
        choose: vocabulary.action("caller_id.use")?,
        hide: vocabulary.action("caller_id.hide")?,
        default: vocabulary.action("caller_id.use_default").filter(|_| rng.chance(50)),
        single_number_is_default: rng.chance(50),
    };
    rng.chance(60).then_some(rules)
}

fn key(text: &str) -> Key {
    Key::parse(text).expect("a well-formed key")
}

fn granting(permissions: &[Permission], action: Action) -> Vec<PermissionIx> {
    let grants = |permission: &Permission| match &permission.kind {
        PermissionKind::Grant(grants) => grants.iter().any(|grant| grant.actions.contains(&action)),
        _ => false,
    };
    let all = (0..).map(PermissionIx).zip(permissions);
    all.filter(|(_, permission)| grants(permission)).map(|(ix, _)| ix).collect()
}

struct Maker<'a> {
    rng: &'a mut Rng,
    vocabulary: &'a Vocabulary,
    actions: Vec<Action>,
    /// Whether it is mostly about what hangs on groups, faxboxes and other people.
    tied: bool,
}

impl Maker<'_> {
    fn outgoing(&mut self, can_be_held: bool) -> OutgoingRules {
        let sends = self.vocabulary.actions().filter(|(_, def)| def.sends.is_some());
        let sends: Vec<_> = sends.map(|(action, _)| action).collect();
        let held =
            if can_be_held && self.rng.chance(60) { self.rng.some(&sends, 7) } else { Vec::new() };
        OutgoingRules { by_faxbox: self.rng.chance(30), held }
    }

    fn products(&mut self) -> Vec<Product> {
        let product = |at: usize| Product {
            key: key(&format!("product_{at}")),
            title: "".into(),
            entitled: self.rng.chance(85),
            switched_on: self.rng.chance(85),
        };
        (0..2).map(product).collect()
    }

    fn flags(&mut self) -> Vec<Flag> {
        let flag = |at: usize| Flag {
            key: key(&format!("flag_{at}")),
            title: "".into(),
            default: self.rng.chance(70),
        };
        (0..2).map(flag).collect()
    }

    fn settings(&mut self) -> Vec<Setting> {
        let rules = [
            SettingRule::RecipientRestriction,
            SettingRule::Approval,
            SettingRule::SelfApproval,
            SettingRule::RecipientRestriction,
        ];
        let setting = |(at, rule): (usize, SettingRule)| Setting {
            key: key(&format!("setting_{at}")),
            title: "".into(),
            rule,
            default: self.rng.chance(25),
        };
        rules.into_iter().enumerate().map(setting).collect()
    }

    fn level(&mut self, at: usize) -> Level {
        let many = self.rng.between(0, 2);
        let reach = (0..many).map(|_| self.clause()).collect();
        Level { key: key(&format!("level_{at}")), title: "".into(), reach }
    }

    fn permission(&mut self, at: usize) -> Permission {
        let kind = self.kind();
        // Sight, which has no target, may not depend on one.
        let may_require = |one: &Requirement| match one {
            Requirement::TargetFaxboxMember | Requirement::CoverPageOfFaxbox => !self.views(&kind),
            Requirement::FaxboxMember | Requirement::Extension => true,
        };
        let requires: Vec<_> =
            Requirement::ALL.iter().map(|(one, _)| *one).filter(may_require).collect();
        let scopes: Vec<_> = ScopeKind::ALL.iter().map(|(one, _)| *one).collect();
        // Nor on what the store may not know, as the sources of what is attached.
        let views = self.views(&kind);
        let may_scope = |one: &ScopeKind| *one != ScopeKind::Source || !views;
        let (product, flag) = (self.rng.below(2) as u16, self.rng.below(2) as u16);
        Permission {
            key: key(&format!("permission_{at}")),
            title: "".into(),
            category: "".into(),
            product: Some(ProductIx(product)).filter(|_| self.rng.chance(40)),
            flag: Some(FlagIx(flag)).filter(|_| self.rng.chance(25)),
            kind,
            requires: if self.rng.chance(20) { self.rng.some(&requires, 2) } else { Vec::new() },
            inherited: self.rng.chance(70),
            role_only: self.rng.chance(15),
            scopes: self.rng.some(&scopes, 3).into_iter().filter(may_scope).collect(),
            confers: self.rng.some(&[Confers::Role, Confers::Permission], 2),
        }
    }

    /// Whether one of its actions makes something visible.
    fn views(&self, kind: &PermissionKind) -> bool {
        let PermissionKind::Grant(grants) = kind else { return false };
        let mut resources = self.vocabulary.resources();
        resources.any(|(_, resource)| {
            grants.iter().flat_map(|grant| &grant.actions).any(|one| resource.view == Some(*one))
        })
    }

    fn kind(&mut self) -> PermissionKind {
        let channels = Channel::ALL.map(|(channel, _)| channel);
        let channel = [SendChannel::Fax, SendChannel::Message, SendChannel::Call];
        match self.rng.below(100) {
            0..4 => PermissionKind::Channel(self.rng.some(&channels, 2)),
            4..8 => PermissionKind::Restriction(RestrictionList::AttachmentSources),
            8..14 => {
                let sends = self.rng.pick(&channel).copied().unwrap_or(SendChannel::Fax);
                PermissionKind::Restriction(RestrictionList::SendFrom(sends))
            }
            14..20 => {
                let (actions, obligation) = (self.some_actions(), Obligation::Approval);
                PermissionKind::Obligation { actions, obligation }
            }
            20..22 => PermissionKind::Routing,
            _ => {
                let many = self.rng.between(1, 2);
                PermissionKind::Grant((0..many).map(|_| self.grant()).collect())
            }
        }
    }

    fn some_actions(&mut self) -> Vec<Action> {
        let mut actions = self.rng.some(&self.actions, 5);
        actions.extend(self.rng.pick(&self.actions));
        actions.sort_unstable();
        actions.dedup();
        actions
    }

    /// Qualifiers of a grant are part of its clauses, too; a clause that cannot satisfy both is
    /// not one that a text can have.
    fn grant(&mut self) -> Grant {
        let qualifiers = self.qualifiers();
        let many = self.rng.between(1, 3);
        let reach = (0..many).filter_map(|_| {
            let clause = if self.rng.chance(15) { Clause::Visibility } else { self.clause() };
            narrowed(&clause, &qualifiers)
        });
        let reach = reach.collect();
        Grant { actions: self.some_actions(), reach, qualifiers }
    }

    fn clause(&mut self) -> Clause {
        if self.rng.chance(if self.tied { 8 } else { 25 }) {
            return Clause::word(Word::Account);
        }
        Clause::Match { comparison: self.comparison(), qualifiers: self.qualifiers() }
    }

    fn comparison(&mut self) -> Comparison {
        if self.tied && self.rng.chance(70) {
            const TIES: [Word; 6] = [
                Word::Assigned,
                Word::FaxboxMember,
                Word::OwnedFaxbox,
                Word::OwnedGroup,
                Word::Supervised,
                Word::Delegated,
            ];
            return Comparison::Word(self.rng.pick(&TIES).copied().unwrap_or(Word::Assigned));
        }
        if self.rng.chance(70) {
            let word = self.rng.pick(&Word::ALL).map_or(Word::Own, |(word, _)| *word);
            return Comparison::Word(word);
        }
        const PAIRS: [(FactName, FactSet); 10] = [
            (FactName::Creator, FactSet::SelfSubject),
            (FactName::Creator, FactSet::Delegators),
            (FactName::Participant, FactSet::Supervised),
            (FactName::Assignee, FactSet::Groups),
            (FactName::Assignee, FactSet::SelfOrGroups),
            (FactName::Group, FactSet::Groups),
            (FactName::Faxbox, FactSet::Faxboxes),
            (FactName::Number, FactSet::GrantedNumbers),
            (FactName::Queue, FactSet::GrantedQueues),
            (FactName::Label, FactSet::Labels),
        ];
        let pair = self.rng.pick(&PAIRS).copied();
        let (field, set) = pair.unwrap_or((FactName::Creator, FactSet::SelfSubject));
        Comparison::Field(field, set)
    }

    fn direction(&mut self) -> Option<Direction> {
        match self.rng.below(100) {
            0..10 => Some(Direction::Inbound),
            10..20 => Some(Direction::Outbound),
            _ => None,
        }
    }

    fn states(&mut self) -> Vec<FaxState> {
        let all = FaxState::ALL.map(|(state, _)| state);
        if self.rng.chance(20) { self.rng.some(&all, 3) } else { Vec::new() }
    }

    fn qualifiers(&mut self) -> Qualifiers {
        let except = if self.rng.chance(25) { vec![self.except()] } else { Vec::new() };
        Qualifiers { direction: self.direction(), states: self.states(), except }
    }

    fn except(&mut self) -> Except {
        let unless_self_approval = self.rng.chance(25);
        let comparison =
            if unless_self_approval { Comparison::Word(Word::Own) } else { self.comparison() };
        let (direction, states) = (self.direction(), self.states());
        Except { comparison, direction, states, unless_self_approval }
    }

    fn indexes(&mut self, permissions: usize, most: usize) -> Vec<PermissionIx> {
        let all: Vec<_> = (0..permissions).map(|at| PermissionIx(at as u16)).collect();
        self.rng.some(&all, most)
    }

    fn role(&mut self, at: usize, permissions: usize) -> Role {
        let held = self.indexes(permissions, permissions);
        let level = key(&format!("level_{}", self.rng.below(3)));
        let held = held.into_iter().map(|permission| RolePermission {
            permission,
            reach: self.rng.chance(12).then(|| vec![self.clause()]),
        });
        Role {
            key: key(&format!("role_{at}")),
            title: "".into(),
            permissions: held.collect(),
            locked: self.rng.chance(20),
            visibility: Some(level).filter(|_| self.rng.chance(70)),
        }
    }

    fn overlays(&mut self, permissions: usize) -> Vec<Overlay> {
        let kinds = [OwnedKind::Faxbox, OwnedKind::Group, OwnedKind::Account];
        let overlay = |of: OwnedKind| Overlay {
            key: key(&format!("overlay_{}", of as u8)),
            title: "".into(),
            of,
            gives: if of == OwnedKind::Account && self.rng.chance(50) {
                OverlayGives::Everything
            } else {
                OverlayGives::Permissions(self.indexes(permissions, 5))
            },
        };
        kinds.into_iter().map(overlay).collect()
    }
}
