//! Random tenants told as changes: what a store makes of them has passed every rule of the door.

use std::collections::BTreeMap;

use lineguard_core::change::{
    AccountKind, AttachmentSource, Change, FaxesLeft, ListValue, MemberList, NewFax, NumberList,
    NumberTarget, OverrideValue, UserOrGroup,
};
use lineguard_core::facts::{Capabilities, MemberStatus};
use lineguard_core::id::{AccountId, Key, ModelDigest, Subject, Timestamp};
use lineguard_core::model::reach::{Direction, FaxState};
use lineguard_core::model::{Model, PermissionKind, ScopeKind, TargetKind};
use lineguard_core::port::{ApplyError, Store};
use lineguard_core::vocabulary::{Action, SendChannel};

use super::Rng;
use super::world::any_sources;
use crate::ids;
use crate::world::{NOW, batch};

/// Ids that lie in an account.
type Placed = Vec<(String, String)>;

/// A random tenant: how it is set up, the faxes that arrive, and what changes afterwards.
#[derive(Debug, Clone)]
pub struct Story {
    /// Up to the first fax.
    pub setup: Vec<Change>,
    /// The faxes.
    pub faxes: Vec<NewFax>,
    /// After the last fax.
    pub later: Vec<Change>,
    /// The accounts; the root first.
    pub accounts: Vec<String>,
    /// Everybody who may be a member somewhere.
    pub people: Vec<Subject>,
    /// Every membership that was told, with its account.
    pub members: Vec<(String, Subject)>,
    /// Groups with their accounts.
    pub groups: Placed,
    /// Faxboxes with their accounts.
    pub faxboxes: Placed,
    /// Numbers with the accounts they begin in.
    pub numbers: Placed,
    /// Extensions with their accounts.
    pub extensions: Placed,
    /// Queues with their accounts.
    pub queues: Placed,
    roles: Vec<(String, Key)>,
}

/// Labels, and values of scopes that are not stored objects.
pub const PLAIN_NAMES: [&str; 3] = ["blue", "green", "red"];

/// A random tenant on a model, rich in what bears on the actions of the focus. `which` tells it from
/// the other stories of a store: no two may have the same active number.
pub fn story(rng: &mut Rng, which: u64, model: &Model, text: &str, focus: &[Action]) -> Story {
    let story = Story {
        setup: Vec::new(),
        faxes: Vec::new(),
        later: Vec::new(),
        accounts: Vec::new(),
        people: (0..rng.between(3, 7)).map(|at| ids::user(&format!("p{at}"))).collect(),
        members: Vec::new(),
        groups: Vec::new(),
        faxboxes: Vec::new(),
        numbers: Vec::new(),
        extensions: Vec::new(),
        queues: Vec::new(),
        roles: Vec::new(),
    };
    let concerns = |kind: &PermissionKind| match kind {
        PermissionKind::Grant(grants) => {
            grants.iter().any(|grant| grant.actions.iter().any(|one| focus.contains(one)))
        }
        PermissionKind::Restriction(_) | PermissionKind::Channel(_) => true,
        PermissionKind::Obligation { .. } | PermissionKind::Routing => false,
    };
    let keys = model.permissions.iter().filter(|one| concerns(&one.kind)).map(|one| &one.key);
    let focus = keys.cloned().collect();
    let mut teller = Teller { rng, which, model, focus, story };
    teller.accounts(ModelDigest::of(text));
    teller.things();
    teller.roles();
    teller.members();
    teller.ties();
    teller.faxes();
    teller.afterwards();
    teller.story
}

impl Story {
    /// Makes it happen in a store. What the rules refuse (the last owner, an extension that somebody
    /// else holds) is taken out of the story, so that another store has to take it as it is.
    pub async fn happen(&mut self, store: &dyn Store, tenant: &str) {
        self.setup = fitting(store, tenant, "setup", std::mem::take(&mut self.setup)).await;
        let answers = store.register(&ids::tenant(tenant), &self.faxes, NOW).await;
        let answers = answers.expect("a registration is answered fax by fax");
        let told = std::mem::take(&mut self.faxes).into_iter().zip(answers);
        self.faxes = told.filter(|(_, answer)| answer.is_ok()).map(|(fax, _)| fax).collect();
        self.later = fitting(store, tenant, "later", std::mem::take(&mut self.later)).await;
    }

    /// How long it is.
    pub fn len(&self) -> usize {
        self.setup.len() + self.faxes.len() + self.later.len()
    }

    /// Whether nothing happens.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Applies the changes as one batch; those that are refused are left out and the rest tried again.
async fn fitting(
    store: &dyn Store,
    tenant: &str,
    request: &str,
    mut changes: Vec<Change>,
) -> Vec<Change> {
    while !changes.is_empty() {
        let refused = match store.apply(&batch(tenant, request, changes.clone()), NOW).await {
            Ok(_) => return changes,
            Err(ApplyError::Invalid(faults)) => faults,
            Err(
                ApplyError::NotFound(fault)
                | ApplyError::AlreadyExists(fault)
                | ApplyError::Refused(fault),
            ) => vec![fault],
            Err(other) => panic!("a batch without an answer: {other:?}"),
        };
        let mut at = 0;
        changes.retain(|_| {
            at += 1;
            refused.iter().all(|fault| fault.change != at - 1)
        });
    }
    changes
}

struct Teller<'a> {
    rng: &'a mut Rng,
    which: u64,
    model: &'a Model,
    /// Permissions that bear on the focus.
    focus: Vec<Key>,
    story: Story,
}

impl Teller<'_> {
    fn tell(&mut self, change: Change) {
        self.story.setup.push(change);
    }

    fn number(&self, at: usize) -> String {
        format!("+1{:010}{at:02}", self.which % 10_000_000_000)
    }

    fn any_account(&mut self) -> String {
        self.rng.pick(&self.story.accounts).cloned().unwrap_or_default()
    }

    fn anybody(&mut self) -> Subject {
        self.rng.pick(&self.story.people).cloned().expect("there are people")
    }

    fn accounts(&mut self, model: ModelDigest) {
        let owner = self.rng.chance(60).then(|| self.anybody());
        self.story.accounts.push("a0".to_owned());
        self.story.members.extend(owner.clone().map(|owner| ("a0".to_owned(), owner)));
        let root = ids::account("a0");
        let (title, kind) = (String::new(), AccountKind::Shared);
        self.tell(Change::CreateTenant { title, model, root, kind, owner });
        let many = if self.model.tree.sub_accounts { self.rng.between(0, 5) } else { 0 };
        for at in 1..=many {
            let (parent, id) = (ids::account(&self.any_account()), format!("a{at}"));
            let owner = self.rng.chance(25).then(|| self.anybody());
            self.story.members.extend(owner.clone().map(|owner| (id.clone(), owner)));
            let (account, title, sealed) = (ids::account(&id), String::new(), self.rng.chance(25));
            self.tell(Change::AddAccount { account, parent, title, sealed, owner });
            self.story.accounts.push(id);
        }
        for account in self.story.accounts.clone() {
            self.switches_of(&ids::account(&account));
        }
    }

    fn switches_of(&mut self, account: &AccountId) {
        let model = self.model;
        for product in &model.products {
            if self.rng.chance(12) {
                let (account, product) = (account.clone(), product.key.clone());
                let entitled = Some(self.rng.chance(70));
                self.tell(Change::SetEntitlement { account, product, entitled });
            }
        }
        for flag in &model.flags {
            if self.rng.chance(25) {
                let (account, flag, on) =
                    (account.clone(), flag.key.clone(), Some(self.rng.chance(65)));
                self.tell(Change::SetFlag { account, flag, on });
            }
        }
        for setting in &model.settings {
            if self.rng.chance(25) {
                let (account, setting) = (account.clone(), setting.key.clone());
                let on = Some(self.rng.chance(50));
                self.tell(Change::SetSetting { account, setting, on });
            }
        }
    }

    fn things(&mut self) {
        for at in 0..self.rng.between(1, 5) {
            let (id, place) = (format!("box{at}"), self.any_account());
            let (account, faxbox) = (ids::account(&place), ids::faxbox(&id));
            self.tell(Change::AddFaxbox { account, faxbox, title: String::new() });
            self.story.faxboxes.push((id, place));
        }
        for at in 0..self.rng.between(1, 7) {
            let (id, place) = (self.number(at), self.any_account());
            let (account, number) = (ids::account(&place), ids::number(&id));
            let capabilities =
                Capabilities { voice: true, fax: true, message: self.rng.chance(80) };
            let active = self.rng.chance(90);
            self.tell(Change::AddNumber { account, number, capabilities, active });
            self.story.numbers.push((id, place));
        }
        for at in 0..self.rng.between(0, 4) {
            let (id, place) = (format!("x{at}"), self.any_account());
            let (account, extension) = (ids::account(&place), ids::extension(&id));
            self.tell(Change::AddExtension { account, extension });
            self.story.extensions.push((id, place));
        }
        for at in 0..self.rng.between(0, 3) {
            let (id, place) = (format!("q{at}"), self.any_account());
            let (account, queue) = (ids::account(&place), ids::queue(&id));
            self.tell(Change::AddQueue { account, queue });
            self.story.queues.push((id, place));
        }
    }

    fn roles(&mut self) {
        for (at, account) in self.story.accounts.clone().into_iter().enumerate() {
            if self.rng.chance(35) {
                // Several accounts define the same key.
                let role = ids::key(&format!("own_{}", at % 2));
                let permissions = self.permissions(10);
                let visibility = self.level(60);
                let (account, title) = (ids::account(&account), String::new());
                self.story.roles.push((account.as_str().to_owned(), role.clone()));
                self.tell(Change::AddRole { account, role, title, permissions, visibility });
            }
            let built_in: Vec<Key> = self.model.roles.iter().map(|one| one.key.clone()).collect();
            for role in self.rng.some(&built_in, 2) {
                let (add, mut remove) = (self.permissions(4), self.permissions(4));
                remove.retain(|key| !add.contains(key));
                let (account, visibility) = (ids::account(&account), self.level(30));
                self.tell(Change::AdjustRole { account, role, add, remove, visibility });
            }
        }
    }

    /// Up to `most` permissions, half of them from the focus.
    fn permissions(&mut self, most: usize) -> Vec<Key> {
        let all: Vec<Key> = self.model.permissions.iter().map(|one| one.key.clone()).collect();
        let mut keys = self.rng.some(&all, most / 2);
        keys.extend(self.rng.some(&self.focus, most.div_ceil(2)));
        keys.sort();
        keys.dedup();
        keys
    }

    fn level(&mut self, percent: usize) -> Option<Key> {
        let level = self.rng.pick(&self.model.levels).map(|level| level.key.clone());
        level.filter(|_| self.rng.chance(percent))
    }

    /// Roles of the model, and now and then one that the account defines itself.
    fn role_keys(&mut self, account: &str) -> Vec<Key> {
        let mut known: Vec<Key> = self.model.roles.iter().map(|one| one.key.clone()).collect();
        let own = self.story.roles.iter().filter(|(at, _)| at == account);
        known.extend(own.map(|(_, role)| role.clone()));
        let most = if self.model.members.one_role { 1 } else { 3 };
        let keys = self.rng.some(&known, most);
        let first = self.rng.pick(&known).cloned();
        if keys.is_empty() { Vec::from_iter(first) } else { keys }
    }

    fn members(&mut self) {
        for account in self.story.accounts.clone() {
            for subject in self.story.people.clone() {
                let owns = self.story.members.contains(&(account.clone(), subject.clone()));
                if owns {
                    let (account, subject) = (ids::account(&account), subject.clone());
                    let (roles, keep_overrides) = (self.role_keys(account.as_str()), false);
                    self.tell(Change::SetRoles { account, subject, roles, keep_overrides });
                } else if self.rng.chance(55) {
                    let status = match self.rng.below(10) {
                        0 => self.rng.pick(&MemberStatus::ALL).map(|(status, _)| *status),
                        1 => Some(MemberStatus::Suspended),
                        _ => Some(MemberStatus::Active),
                    };
                    let (status, roles) =
                        (status.unwrap_or(MemberStatus::Active), Some(self.role_keys(&account)));
                    let account = ids::account(&account);
                    let subject = subject.clone();
                    self.tell(Change::AddMember { account, subject, status, roles });
                } else {
                    continue;
                }
                self.story.members.push((account.clone(), subject.clone()));
                self.member(&account, &subject);
            }
        }
        self.story.members.sort();
        self.story.members.dedup();
    }

    fn member(&mut self, place: &str, who: &Subject) {
        let (account, subject) = (ids::account(place), who.clone());
        let most = self.rng.between(2, 16);
        for permission in self.permissions(most) {
            let value = self.override_of(&permission);
            let (account, subject) = (account.clone(), subject.clone());
            self.tell(Change::SetOverride { account, subject, permission, value });
        }
        self.scoped(&account, who);
        let model = self.model;
        for product in &model.products {
            if self.rng.chance(10) {
                let (account, subject) = (account.clone(), subject.clone());
                let (product, on) = (product.key.clone(), Some(self.rng.chance(60)));
                self.tell(Change::SetSwitch { account, subject, product, on });
            }
        }
        if let Some(level) = self.level(50) {
            let (account, subject, level) = (account.clone(), subject.clone(), Some(level));
            self.tell(Change::SetVisibility { account, subject, level });
        }
        for list in self.lists(place) {
            let (account, subject) = (account.clone(), subject.clone());
            self.tell(Change::SetList { account, subject, list });
        }
        let numbers = self.usable_numbers(place);
        if let Some(number) = self.rng.pick(&numbers).filter(|_| self.rng.chance(30)) {
            let number = Some(ids::number(number));
            self.tell(Change::SetDefaultNumber { account, subject, number });
        }
    }

    /// Now and then one permission that the story is about, with limits.
    fn scoped(&mut self, account: &AccountId, who: &Subject) {
        let model = self.model;
        let limited = |key: &&Key| {
            model.permission(key.as_str()).is_some_and(|(_, one)| !one.scopes.is_empty())
        };
        let limited: Vec<Key> = self.focus.iter().filter(limited).cloned().collect();
        if let Some(permission) = self.rng.pick(&limited).filter(|_| self.rng.chance(40)).cloned() {
            let value = self.override_of(&permission);
            let (account, subject) = (account.clone(), who.clone());
            self.tell(Change::SetOverride { account, subject, permission, value });
        }
    }

    fn override_of(&mut self, key: &Key) -> OverrideValue {
        let known = self.model.permission(key.as_str());
        let scopes = known.map(|(_, one)| one.scopes.clone()).unwrap_or_default();
        let role_only = known.is_some_and(|(_, one)| one.role_only);
        match self.rng.below(100) {
            _ if role_only => OverrideValue::Off,
            0..30 => OverrideValue::Off,
            30..70 if !scopes.is_empty() => {
                let mut limits = BTreeMap::new();
                let first = self.rng.pick(&scopes).copied();
                for scope in self.rng.some(&scopes, 1).into_iter().chain(first) {
                    limits.insert(scope, self.scope_values(scope));
                }
                OverrideValue::Scoped(limits)
            }
            _ => OverrideValue::On,
        }
    }

    fn scope_values(&mut self, scope: ScopeKind) -> Vec<String> {
        let all: Vec<String> = match scope {
            ScopeKind::Number => self.story.numbers.iter().map(|(id, _)| id.clone()).collect(),
            ScopeKind::Source => AttachmentSource::ALL.map(|(_, word)| word.to_owned()).to_vec(),
            ScopeKind::FormType | ScopeKind::DocumentType | ScopeKind::Template => {
                PLAIN_NAMES.map(str::to_owned).to_vec()
            }
        };
        self.rng.some(&all, 3)
    }

    /// Numbers that members of an account may be given.
    fn usable_numbers(&self, place: &str) -> Vec<String> {
        let down = self.model.tree.numbers_flow_down;
        // The root lies above every account.
        let root = self.story.accounts.first();
        let here = |(_, at): &&(String, String)| at == place || down && Some(at) == root;
        self.story.numbers.iter().filter(here).map(|(id, _)| id.clone()).collect()
    }

    fn lists(&mut self, place: &str) -> Vec<MemberList> {
        let numbers: Vec<_> =
            self.usable_numbers(place).iter().map(|number| ids::number(number)).collect();
        let here = |(id, at): &(String, String)| (at == place).then(|| id.clone());
        let extensions: Vec<_> = self.story.extensions.iter().filter_map(here).collect();
        let extensions: Vec<_> = extensions.iter().map(|id| ids::extension(id)).collect();
        let queues: Vec<_> = self.story.queues.iter().filter_map(here).collect();
        let queues: Vec<_> = queues.iter().map(|id| ids::queue(id)).collect();
        let labels: Vec<_> = PLAIN_NAMES.iter().map(|name| ids::external(name)).collect();
        let sources: Vec<_> = AttachmentSource::ALL.iter().map(|(source, _)| *source).collect();
        let rng = &mut *self.rng;
        let held = match value(rng, &extensions) {
            ListValue::All => ListValue::These(Vec::new()),
            other => other,
        };
        let all = vec![
            MemberList::Numbers(NumberList::Access, value(rng, &numbers)),
            MemberList::Numbers(NumberList::AutoAssign, value(rng, &numbers)),
            MemberList::Numbers(NumberList::Granted, value(rng, &numbers)),
            MemberList::HeldExtensions(held),
            MemberList::GrantedExtensions(value(rng, &extensions)),
            MemberList::GrantedQueues(value(rng, &queues)),
            MemberList::Labels(value(rng, &labels)),
            MemberList::SendFrom(SendChannel::Fax, value(rng, &numbers)),
            MemberList::AttachmentSources(value(rng, &sources)),
        ];
        let mut kept = Vec::new();
        for list in all {
            let assigns = self.model.auto_assign.targets.contains(&TargetKind::User)
                || !matches!(list, MemberList::Numbers(NumberList::AutoAssign, _));
            if assigns && self.rng.chance(60) {
                kept.push(list);
            }
        }
        kept
    }

    /// Groups, faxboxes, owners and delegations. Many need a membership, so most name a member of
    /// the right account; what the rules refuse falls away.
    fn ties(&mut self) {
        for at in 0..self.rng.between(0, 4) {
            let (id, place) = (format!("g{at}"), self.any_account());
            let (account, group) = (ids::account(&place), ids::group(&id));
            let roles = if self.rng.chance(50) { self.role_keys(&place) } else { Vec::new() };
            self.tell(Change::AddGroup { account, group, title: String::new(), roles });
            for subject in self.members_of(&place) {
                let (member, owner) = (self.rng.chance(45), self.rng.chance(20));
                let (group, subject) = (ids::group(&id), subject);
                if member {
                    let (group, subject) = (group.clone(), subject.clone());
                    self.tell(Change::SetGroupMember { group, subject, member });
                }
                if owner {
                    self.tell(Change::SetGroupOwner { group, subject, owner });
                }
            }
            self.story.groups.push((id, place));
        }
        for (id, place) in self.story.faxboxes.clone() {
            self.faxbox(&id, &place);
        }
        for (id, place) in self.story.numbers.clone() {
            self.number_target(&id, &place);
        }
        for (account, from) in self.story.members.clone() {
            let others = self.members_of(&account);
            let to = self.rng.pick(&others).cloned().filter(|to| *to != from);
            if let Some(to) = to.filter(|_| self.rng.chance(25)) {
                let account = ids::account(&account);
                self.tell(Change::SetDelegation { account, from, to, on: true });
            }
        }
    }

    fn members_of(&self, place: &str) -> Vec<Subject> {
        let here = self.story.members.iter().filter(|(account, _)| account == place);
        here.map(|(_, subject)| subject.clone()).collect()
    }

    fn faxbox(&mut self, id: &str, place: &str) {
        for subject in self.members_of(place) {
            let faxbox = ids::faxbox(id);
            if self.rng.chance(40) {
                let (faxbox, member) = (faxbox.clone(), UserOrGroup::User(subject.clone()));
                self.tell(Change::SetFaxboxMember { faxbox, member, on: true });
            }
            if self.rng.chance(20) {
                self.tell(Change::SetFaxboxOwner { faxbox, subject, owner: true });
            }
        }
        for (group, _) in self.story.groups.clone() {
            if self.rng.chance(35) {
                let (faxbox, member) = (ids::faxbox(id), UserOrGroup::Group(ids::group(&group)));
                self.tell(Change::SetFaxboxMember { faxbox, member, on: true });
            }
        }
    }

    fn number_target(&mut self, id: &str, place: &str) {
        let here = |(_, at): &&(String, String)| at == place;
        let faxboxes: Vec<_> = self.story.faxboxes.iter().filter(here).cloned().collect();
        let groups: Vec<_> = self.story.groups.iter().filter(here).cloned().collect();
        let target = if !self.model.auto_assign.targets.contains(&TargetKind::Group)
            || self.rng.chance(50)
        {
            let faxbox = self.rng.pick(&faxboxes);
            faxbox.map(|(faxbox, _)| NumberTarget::Faxbox(ids::faxbox(faxbox)))
        } else {
            self.rng.pick(&groups).map(|(group, _)| NumberTarget::Group(ids::group(group)))
        };
        if let Some(target) = target.filter(|_| self.rng.chance(40)) {
            self.tell(Change::SetNumberTarget { number: ids::number(id), target, on: true });
        }
    }

    /// Faxes of the same minutes, told out of order: ties and late arrivals.
    fn faxes(&mut self) {
        for at in 0..self.rng.between(20, 60) {
            let fax = self.fax(&format!("f{at}"));
            self.story.faxes.push(fax);
        }
    }

    fn fax(&mut self, id: &str) -> NewFax {
        random_fax(self.rng, &self.story, id, NOW)
    }

    fn afterwards(&mut self) {
        for fax in self.story.faxes.clone() {
            let NewFax { fax, account, direction, .. } = fax;
            let place = account.as_str().to_owned();
            match self.rng.below(100) {
                0..35 => {
                    let assignee = self.assignee(&place);
                    self.story.later.push(Change::AssignFax { fax, assignee });
                }
                35..42 => {
                    let here = |(_, at): &&(String, String)| *at == place;
                    let faxboxes: Vec<_> = self.story.faxboxes.iter().filter(here).collect();
                    let faxbox = self.rng.pick(&faxboxes).map(|(id, _)| ids::faxbox(id));
                    self.story.later.push(Change::MoveFax { fax, faxbox });
                }
                42..50 => {
                    let state = any_state(self.rng, direction);
                    self.story.later.push(Change::SetFaxState { fax, state });
                }
                50..53 => self.story.later.push(Change::DeleteFax { fax }),
                53..60 => {
                    let attachment_sources = any_sources(self.rng).unwrap_or_default();
                    let change = Change::SetFaxAttachmentSources { fax, attachment_sources };
                    self.story.later.push(change);
                }
                _ => {}
            }
        }
        let turns = [
            Change::MoveNumber {
                number: ids::number(&self.number(0)),
                account: ids::account(&self.any_account()),
            },
            Change::SetSealed {
                account: ids::account(&self.any_account()),
                sealed: self.rng.chance(50),
            },
            Change::RemoveMember {
                account: ids::account(&self.any_account()),
                subject: self.anybody(),
            },
            Change::SetMemberStatus {
                account: ids::account(&self.any_account()),
                subject: self.anybody(),
                status: MemberStatus::Suspended,
            },
            Change::RemoveFaxbox {
                faxbox: ids::faxbox("box1"),
                faxes: self.rng.pick(&[FaxesLeft::Delete, FaxesLeft::Keep]).copied(),
            },
            // Faxes that arrived on it keep its name.
            Change::RemoveNumber { number: ids::number(&self.number(1)) },
            Change::RemoveGroup { group: ids::group("g1") },
        ];
        for turn in turns {
            if self.rng.chance(40) {
                self.story.later.push(turn);
            }
        }
    }

    fn assignee(&mut self, place: &str) -> Option<UserOrGroup> {
        let here = |(_, at): &&(String, String)| at == place;
        let groups: Vec<_> = self.story.groups.iter().filter(here).cloned().collect();
        let group = self.rng.pick(&groups).map(|(group, _)| ids::group(group));
        let members = self.members_of(place);
        match (self.rng.below(10), group) {
            (0, _) => None,
            (1..4, Some(group)) => Some(UserOrGroup::Group(group)),
            _ => self.rng.pick(&members).cloned().map(UserOrGroup::User),
        }
    }
}

/// A list in one of its three states.
fn value<T: Clone>(rng: &mut Rng, all: &[T]) -> ListValue<T> {
    match rng.below(10) {
        0 => ListValue::Unset,
        1 | 2 => ListValue::All,
        _ => ListValue::These(rng.some(all, 3)),
    }
}

/// A state that a fax of this direction may have.
fn any_state(rng: &mut Rng, direction: Direction) -> FaxState {
    let state = rng.pick(&FaxState::ALL).map_or(FaxState::Active, |(state, _)| *state);
    match state {
        FaxState::Draft | FaxState::Pending if direction == Direction::Inbound => FaxState::Active,
        state => state,
    }
}

/// A random fax of a story's tenant, within forty minutes of `from`.
pub fn random_fax(rng: &mut Rng, story: &Story, id: &str, from: Timestamp) -> NewFax {
    let account = rng.pick(&story.accounts).cloned().unwrap_or_default();
    let near = |(_, at): &&(String, String)| *at == account;
    let faxboxes: Vec<_> = story.faxboxes.iter().filter(near).cloned().collect();
    let local: Vec<_> = story.numbers.iter().filter(near).cloned().collect();
    let numbers = if rng.chance(80) { &local } else { &story.numbers };
    let number = rng.pick(numbers).map(|(number, _)| ids::number(number));
    let faxbox = rng.pick(&faxboxes).map(|(faxbox, _)| ids::faxbox(faxbox));
    let inbound = rng.chance(60);
    let direction = if inbound { Direction::Inbound } else { Direction::Outbound };
    let creator = rng.pick(&story.people).cloned();
    let creator = creator.filter(|_| rng.chance(if inbound { 10 } else { 85 }));
    let labels = PLAIN_NAMES.iter().map(|name| ids::external(name));
    let labels = rng.some(&labels.collect::<Vec<_>>(), 2);
    NewFax {
        fax: ids::fax(id),
        account: ids::account(&account),
        direction,
        number: number.filter(|_| rng.chance(85)),
        faxbox: faxbox.filter(|_| rng.chance(60)),
        creator,
        state: any_state(rng, direction),
        labels,
        at: Timestamp(from.0 + 60_000 * rng.below(40) as i64),
        attachment_sources: any_sources(rng),
    }
}
