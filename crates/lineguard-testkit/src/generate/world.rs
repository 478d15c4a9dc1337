//! Random tenants, as rows.

use std::collections::{BTreeMap, BTreeSet};

use lineguard_core::assemble::Dump;
use lineguard_core::change::{AttachmentSource, SourceSet};
use lineguard_core::facts::MemberStatus;
use lineguard_core::id::{FaxId, Key, ModelDigest, Num, Revision, TenantId, Timestamp};
use lineguard_core::model::reach::{Direction, FaxState};
use lineguard_core::model::{Model, Permission, PermissionKind, ScopeKind};
use lineguard_core::port::{FaxRow, TenantRow};
use lineguard_core::row::{
    ALL, AccountBody, FaxboxBody, Formerly, GroupBody, Link, LinkKind, MemberBody, NumberBody,
    Object, ObjectKind, OverrideBody, RoleBody,
};
use lineguard_core::vocabulary::Action;

use super::Rng;

/// A random tenant on a model, rich in what bears on the actions of the focus.
pub fn world(rng: &mut Rng, model: &Model, focus: &[Action]) -> Dump {
    let keys = |about: &dyn Fn(&Permission) -> bool| {
        let chosen = model.permissions.iter().filter(|permission| about(permission));
        chosen.map(|permission| permission.key.to_string()).collect()
    };
    let mut builder = Builder {
        focus: keys(&|permission| concerns(permission, focus)),
        all: keys(&|_| true),
        dump: empty(),
        rng,
        model,
        owned: BTreeMap::new(),
        custom: Vec::new(),
    };
    builder.build();
    let mut dump = builder.dump;
    dump.links.sort_unstable();
    dump.links.dedup();
    dump
}

fn concerns(permission: &Permission, focus: &[Action]) -> bool {
    match &permission.kind {
        PermissionKind::Grant(grants) => {
            grants.iter().any(|grant| grant.actions.iter().any(|action| focus.contains(action)))
        }
        PermissionKind::Obligation { actions, .. } => {
            actions.iter().any(|action| focus.contains(action))
        }
        PermissionKind::Restriction(_) | PermissionKind::Channel(_) => true,
        PermissionKind::Routing => false,
    }
}

fn empty() -> Dump {
    Dump {
        tenant: TenantRow {
            num: Num(1),
            id: TenantId::parse("tenant").expect("a well-formed id"),
            title: String::new(),
            revision: Revision(1),
            model: ModelDigest([0; 32]),
        },
        objects: Vec::new(),
        links: Vec::new(),
        faxes: Vec::new(),
    }
}

struct Builder<'a> {
    rng: &'a mut Rng,
    model: &'a Model,
    dump: Dump,
    /// Keys of the permissions that bear on the focus.
    focus: Vec<String>,
    /// Keys of all permissions.
    all: Vec<String>,
    owned: BTreeMap<ObjectKind, Vec<Num>>,
    /// Custom roles, by the account that defines them.
    custom: Vec<(Num, String)>,
}

impl Builder<'_> {
    fn build(&mut self) {
        self.accounts();
        let people = self.rng.between(3, 6);
        for at in 0..people {
            let kind = if at == 0 { "service" } else { "user" };
            self.object(ObjectKind::Subject, Num(0), format!("{kind}:s{at}"), None, "{}");
        }
        for account in self.nums(ObjectKind::Account) {
            self.roles(account);
        }
        self.plain_objects();
        self.groups();
        self.links_of_people();
        for account in self.nums(ObjectKind::Account) {
            self.members(account);
        }
        self.delegations();
        self.faxes();
    }

    fn object(
        &mut self,
        kind: ObjectKind,
        scope: Num,
        id: String,
        account: Option<Num>,
        body: &str,
    ) -> Num {
        let num = Num(self.dump.objects.len() as u64 + 10);
        let body = body.to_owned();
        self.dump.objects.push(Object { num, kind, scope, id, account, body });
        self.owned.entry(kind).or_default().push(num);
        num
    }

    fn nums(&self, kind: ObjectKind) -> Vec<Num> {
        self.owned.get(&kind).cloned().unwrap_or_default()
    }

    fn one_of(&mut self, kind: ObjectKind) -> Option<Num> {
        let all = self.nums(kind);
        self.rng.pick(&all).copied()
    }

    fn link(&mut self, kind: LinkKind, a: Num, b: Num) {
        self.dump.links.push(Link { kind, a, b });
    }

    /// Random values for some keys.
    fn says<'k>(
        &mut self,
        keys: impl Iterator<Item = &'k Key>,
        often: usize,
        on: usize,
    ) -> BTreeMap<String, bool> {
        let mut said = BTreeMap::new();
        for key in keys {
            if self.rng.chance(often) {
                said.insert(key.to_string(), self.rng.chance(on));
            }
        }
        said
    }

    fn accounts(&mut self) {
        let many = if self.model.tree.sub_accounts { self.rng.between(1, 6) } else { 1 };
        for at in 0..many {
            let parent = self.one_of(ObjectKind::Account);
            let model = self.model;
            let body = AccountBody {
                title: String::new(),
                personal: false,
                sealed: self.rng.chance(if parent.is_some() { 25 } else { 8 }),
                entitlements: self.says(model.products.iter().map(|one| &one.key), 15, 70),
                flags: self.says(model.flags.iter().map(|one| &one.key), 30, 60),
                settings: self.says(model.settings.iter().map(|one| &one.key), 30, 60),
            };
            let body = json(&body);
            self.object(ObjectKind::Account, Num(0), format!("a{at}"), parent, &body);
        }
    }

    fn roles(&mut self, account: Num) {
        if self.rng.chance(35) {
            // Several accounts may define the same key differently; the nearest one counts.
            let key = format!("custom_{}", self.rng.below(2));
            let body = RoleBody::Custom {
                title: String::new(),
                permissions: self.permissions(14),
                visibility: self.level(60),
            };
            self.object(ObjectKind::Role, account, key.clone(), Some(account), &json(&body));
            self.custom.push((account, key));
        }
        let built_in: Vec<_> = self.model.roles.iter().map(|role| role.key.to_string()).collect();
        for key in self.rng.some(&built_in, 2) {
            if self.rng.chance(40) {
                let add = self.permissions(5);
                let mut remove = self.permissions(5);
                remove.retain(|key| !add.contains(key));
                let body = RoleBody::Adjusted { add, remove, visibility: self.level(30) };
                self.object(ObjectKind::Role, account, key, Some(account), &json(&body));
            }
        }
    }

    fn permissions(&mut self, most: usize) -> Vec<String> {
        let mut keys = self.rng.some(&self.all, most / 2);
        keys.extend(self.rng.some(&self.focus, most.div_ceil(2)));
        keys.sort();
        keys.dedup();
        keys
    }

    fn level(&mut self, percent: usize) -> Option<String> {
        let level = self.rng.pick(&self.model.levels).map(|level| level.key.to_string());
        level.filter(|_| self.rng.chance(percent))
    }

    fn plain_objects(&mut self) {
        for (kind, most) in [
            (ObjectKind::Faxbox, 4),
            (ObjectKind::Number, 6),
            (ObjectKind::Extension, 3),
            (ObjectKind::Queue, 3),
        ] {
            for at in 0..self.rng.between(1, most) {
                let account = self.one_of(ObjectKind::Account);
                let body = match kind {
                    ObjectKind::Number => json(&self.number()),
                    ObjectKind::Faxbox => json(&FaxboxBody::default()),
                    _ => "{}".to_owned(),
                };
                let id = format!("{}{at}", kind.as_str());
                let num = self.object(kind, Num(0), id, account, &body);
                let routes = if self.rng.chance(15) { 2 } else { 1 };
                for _ in 0..if kind == ObjectKind::Number { routes } else { 0 } {
                    if let Some(faxbox) = self.one_of(ObjectKind::Faxbox)
                        && self.rng.chance(60)
                    {
                        self.link(LinkKind::NumberFaxbox, num, faxbox);
                    }
                }
            }
        }
        for kind in [
            ObjectKind::Label,
            ObjectKind::FormType,
            ObjectKind::DocumentType,
            ObjectKind::Template,
        ] {
            for at in 0..2 {
                self.object(kind, Num(0), format!("{}{at}", kind.as_str()), None, "{}");
            }
        }
    }

    fn number(&mut self) -> NumberBody {
        NumberBody {
            active: self.rng.chance(85),
            voice: self.rng.chance(80),
            fax: self.rng.chance(80),
            message: self.rng.chance(80),
            was_at: None,
            formerly: Formerly::default(),
        }
    }

    fn groups(&mut self) {
        for at in 0..self.rng.between(0, 4) {
            let Some(account) = self.one_of(ObjectKind::Account) else { return };
            let roles = if self.rng.chance(50) { self.role_keys(account, 2) } else { Vec::new() };
            let body = json(&GroupBody { title: String::new(), roles });
            self.object(ObjectKind::Group, Num(0), format!("g{at}"), Some(account), &body);
        }
    }

    /// Keys of roles that an account knows.
    fn role_keys(&mut self, account: Num, most: usize) -> Vec<String> {
        let mut known: Vec<_> = self.model.roles.iter().map(|role| role.key.to_string()).collect();
        let mut next = Some(account);
        while let Some(at) = next {
            let custom = self.custom.iter().filter(|(account, _)| *account == at);
            known.extend(custom.map(|(_, key)| key.clone()));
            let row = self.dump.objects.iter().find(|object| object.num == at);
            next = row.and_then(|row| row.account);
        }
        let first = self.rng.pick(&known).cloned().filter(|_| self.rng.chance(90));
        let mut keys = self.rng.some(&known, most - 1);
        keys.extend(first);
        keys.sort();
        keys.dedup();
        keys
    }

    fn links_of_people(&mut self) {
        for (kind, from, to, percent) in [
            (LinkKind::GroupMember, ObjectKind::Group, ObjectKind::Subject, 40),
            (LinkKind::GroupOwner, ObjectKind::Group, ObjectKind::Subject, 25),
            (LinkKind::FaxboxUser, ObjectKind::Faxbox, ObjectKind::Subject, 30),
            (LinkKind::FaxboxGroup, ObjectKind::Faxbox, ObjectKind::Group, 50),
            (LinkKind::FaxboxOwner, ObjectKind::Faxbox, ObjectKind::Subject, 25),
            (LinkKind::AccountOwner, ObjectKind::Account, ObjectKind::Subject, 12),
        ] {
            for a in self.nums(from) {
                for b in self.nums(to) {
                    if self.rng.chance(percent) {
                        self.link(kind, a, b);
                    }
                }
            }
        }
    }

    fn members(&mut self, account: Num) {
        let subjects = self.dump.objects.iter().filter(|one| one.kind == ObjectKind::Subject);
        let subjects: Vec<_> = subjects.map(|one| one.id.clone()).collect();
        for subject in subjects {
            if !self.rng.chance(65) {
                continue;
            }
            let body = self.member(account);
            let lists = body.lists.clone();
            let body = json(&body);
            let member = self.object(ObjectKind::Member, account, subject, Some(account), &body);
            self.lists(member, &lists);
        }
    }

    fn member(&mut self, account: Num) -> MemberBody {
        let any = self.rng.pick(&MemberStatus::ALL).map(|(status, _)| *status);
        let status = match self.rng.below(100) {
            0..72 => MemberStatus::Active,
            72..82 => MemberStatus::Suspended,
            _ => any.unwrap_or(MemberStatus::Active),
        };
        let most = if self.model.members.one_role { 1 } else { 3 };
        let roles = self.role_keys(account, most);
        let mut overrides = BTreeMap::new();
        for key in self.permissions(8) {
            let value = self.override_of(&key);
            overrides.insert(key, value);
        }
        let products = self.model.products.iter().map(|one| &one.key);
        let switches = self.says(products, 12, 60);
        let visibility = self.level(45);
        let lists = LIST_LINKS.iter().filter(|_| self.rng.chance(70)).map(|(kind, _)| *kind as u8);
        let lists: BTreeSet<u8> = lists.collect();
        let status = status.as_str().to_owned();
        MemberBody { status, roles, overrides, switches, visibility, lists }
    }

    fn override_of(&mut self, key: &str) -> OverrideBody {
        let scopes = self.model.permission(key).map(|(_, one)| one.scopes.clone());
        let scopes = scopes.unwrap_or_default();
        match self.rng.below(100) {
            0..40 => OverrideBody::Off,
            40..70 if !scopes.is_empty() => {
                let chosen = self.rng.some(&scopes, 2);
                let values = chosen.into_iter().map(|scope| {
                    let values = self.scope_values(scope);
                    (scope.as_str().to_owned(), self.rng.some(&values, 2))
                });
                OverrideBody::Scoped(values.collect())
            }
            _ => OverrideBody::On,
        }
    }

    fn scope_values(&self, scope: ScopeKind) -> Vec<u64> {
        let kind = match scope {
            ScopeKind::Number => ObjectKind::Number,
            ScopeKind::FormType => ObjectKind::FormType,
            ScopeKind::DocumentType => ObjectKind::DocumentType,
            ScopeKind::Template => ObjectKind::Template,
            ScopeKind::Source => {
                return AttachmentSource::ALL.iter().map(|(source, _)| source.num().0).collect();
            }
        };
        self.nums(kind).iter().map(|num| num.0).collect()
    }

    fn lists(&mut self, member: Num, set: &BTreeSet<u8>) {
        for (kind, of) in LIST_LINKS {
            if !set.contains(&(kind as u8)) {
                continue;
            }
            let values = match of {
                Some(of) => self.nums(of),
                None => AttachmentSource::ALL.iter().map(|(source, _)| source.num()).collect(),
            };
            let chosen = if self.rng.chance(25) { vec![ALL] } else { self.rng.some(&values, 3) };
            for value in chosen {
                self.link(kind, member, value);
            }
        }
        if let Some(number) = self.one_of(ObjectKind::Number)
            && self.rng.chance(40)
        {
            self.link(LinkKind::DefaultNumber, member, number);
        }
    }

    fn delegations(&mut self) {
        for member in self.nums(ObjectKind::Member) {
            let Some(subject) = self.one_of(ObjectKind::Subject) else { return };
            let name = |num: Num| {
                let row = self.dump.objects.iter().find(|object| object.num == num);
                row.map(|row| &row.id)
            };
            // Nobody delegates to themselves.
            if name(member) != name(subject) && self.rng.chance(40) {
                self.link(LinkKind::Delegation, member, subject);
            }
        }
    }

    fn faxes(&mut self) {
        for at in 0..self.rng.between(0, 14) {
            let Some(account) = self.one_of(ObjectKind::Account) else { return };
            let inbound = self.rng.chance(60);
            let of = if self.rng.chance(70) { ObjectKind::Subject } else { ObjectKind::Group };
            let labels = self.nums(ObjectKind::Label);
            let state = self.rng.pick(&FaxState::ALL).map_or(FaxState::Active, |(one, _)| *one);
            let fax = FaxRow {
                num: Num(1000 + at as u64),
                id: FaxId::parse(&format!("f{at}")).expect("a well-formed id"),
                account,
                direction: if inbound { Direction::Inbound } else { Direction::Outbound },
                number: self.maybe(ObjectKind::Number, 85),
                faxbox: self.maybe(ObjectKind::Faxbox, 70),
                creator: self.maybe(ObjectKind::Subject, 50),
                assignee: self.maybe(of, 60),
                state: if self.rng.chance(50) { FaxState::Active } else { state },
                labels: self.rng.some(&labels, 2),
                at: Timestamp(at as i64),
                attachment_sources: any_sources(self.rng),
            };
            self.dump.faxes.push(fax);
        }
    }

    fn maybe(&mut self, kind: ObjectKind, percent: usize) -> Option<Num> {
        self.one_of(kind).filter(|_| self.rng.chance(percent))
    }
}

/// What is known of the attachments of a fax: nothing, that there are none, or where from.
pub(super) fn any_sources(rng: &mut Rng) -> Option<SourceSet> {
    let all = AttachmentSource::ALL.map(|(source, _)| source);
    match rng.below(10) {
        0..3 => None,
        3..5 => Some(SourceSet::default()),
        _ => Some(rng.some(&all, 2).into_iter().collect()),
    }
}

/// Links that are lists of a member, and what their values are; none for attachment sources.
const LIST_LINKS: [(LinkKind, Option<ObjectKind>); 11] = [
    (LinkKind::AccessNumber, Some(ObjectKind::Number)),
    (LinkKind::AutoAssignNumber, Some(ObjectKind::Number)),
    (LinkKind::GrantedNumber, Some(ObjectKind::Number)),
    (LinkKind::HeldExtension, Some(ObjectKind::Extension)),
    (LinkKind::GrantedExtension, Some(ObjectKind::Extension)),
    (LinkKind::GrantedQueue, Some(ObjectKind::Queue)),
    (LinkKind::MemberLabel, Some(ObjectKind::Label)),
    (LinkKind::SendFromFax, Some(ObjectKind::Number)),
    (LinkKind::SendFromMessage, Some(ObjectKind::Number)),
    (LinkKind::SendFromCall, Some(ObjectKind::Number)),
    (LinkKind::AttachmentSource, None),
];

fn json(body: &impl serde::Serialize) -> String {
    serde_json::to_string(body).expect("a body is JSON")
}
