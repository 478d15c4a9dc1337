//! What can be said about a batch without reading anything: each change against the model.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::ModelSource;
use super::limits::{MAX_GROUP_ROLES, MAX_ROLES};
use crate::change::{
    AccountKind, Change, ListValue, MemberList, NumberList, NumberTarget, OverrideValue,
};
use crate::id::{Key, PhoneNumber};
use crate::model::{Fallback, Model, ScopeKind, TargetKind};
use crate::port::Fault;
use crate::suggest::nearest;

/// Greatest length of a title, in characters.
const MAX_TITLE: usize = 200;

/// All the faults of changes that the models show. `model` is the tenant's; a change to another
/// one counts from there on.
pub(super) fn all(
    changes: &[Change],
    mut model: Option<Arc<Model>>,
    models: &dyn ModelSource,
) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (position, change) in changes.iter().enumerate() {
        // A tenant that exists keeps its model, whatever its creation says.
        let named = match change {
            Change::CreateTenant { model: digest, .. } => models.model(digest),
            Change::SetModel { model: digest } => {
                model = models.model(digest);
                model.clone()
            }
            _ => model.clone(),
        };
        let Some(model) = &named else {
            let problem = "no text of this digest that can be read is in the store";
            faults.push(Fault { change: position, field: "model", problem: problem.to_owned() });
            // What the rest would have to fit is unknown.
            return faults;
        };
        let mut check = Check { model, position, faults: &mut faults };
        check.change(change);
    }
    faults
}

struct Check<'a> {
    model: &'a Model,
    position: usize,
    faults: &'a mut Vec<Fault>,
}

impl Check<'_> {
    fn fault(&mut self, field: &'static str, problem: impl Into<String>) {
        self.faults.push(Fault { change: self.position, field, problem: problem.into() });
    }

    fn change(&mut self, change: &Change) {
        match change {
            Change::CreateTenant { title, kind, owner, .. } => {
                self.tenant(title, *kind, owner.is_some());
            }
            Change::AddAccount { title, .. } => {
                self.title(title);
                if !self.model.tree.sub_accounts {
                    self.fault("parent", "the product model has no accounts below the root");
                }
            }
            Change::SetEntitlement { product, .. } | Change::SetSwitch { product, .. } => {
                self.product(product);
            }
            Change::SetFlag { flag, .. } => {
                let known = self.model.flags.iter().map(|flag| &flag.key);
                self.known("flag", "feature flag", flag, known);
            }
            Change::SetSetting { setting, .. } => {
                let known = self.model.settings.iter().map(|setting| &setting.key);
                self.known("setting", "setting", setting, known);
            }
            Change::AddRole { role, title, permissions, visibility, .. } => {
                self.title(title);
                self.custom_role(role);
                self.permissions("permissions", permissions);
                self.level("visibility", visibility.as_ref());
            }
            Change::AdjustRole { role, add, remove, visibility, .. } => {
                self.adjustment(role, add, remove);
                self.level("visibility", visibility.as_ref());
            }
            Change::SetRolePermissions { role, permissions, .. } => {
                self.custom_role(role);
                self.permissions("permissions", permissions);
            }
            Change::SetRoleDifferences { role, add, remove, .. } => {
                let keys = |keys: &Option<Vec<Key>>| keys.clone().unwrap_or_default();
                self.adjustment(role, &keys(add), &keys(remove));
            }
            Change::SetRoleVisibility { level, .. } => self.level("level", level.as_ref()),
            Change::SetPersonal { personal: true, .. } if !self.model.tree.personal => {
                self.fault("personal", "the product model has no personal accounts");
            }
            Change::RemoveRole { role, .. } => self.custom_role(role),
            Change::SetVisibility { level, .. } => self.level("level", level.as_ref()),
            Change::SetOverride { permission, value, .. } => self.overridden(permission, value),
            Change::SetList { list, .. } => self.list(list),
            Change::SetNumberTarget { target, on, .. } => self.target(target, *on),
            Change::SetDelegation { from, to, .. } if from == to => {
                self.fault("to", "nobody delegates to themselves");
            }
            Change::AddMember { roles: Some(roles), .. }
            | Change::Invite { roles: Some(roles), .. }
            | Change::SetRoles { roles, .. } => {
                self.main_roles(roles);
                self.at_most("roles", roles, MAX_ROLES);
            }
            Change::AddGroup { title, roles, .. } => {
                self.title(title);
                self.at_most("roles", roles, MAX_GROUP_ROLES);
            }
            Change::SetGroupRoles { roles, .. } => {
                self.at_most("roles", roles, MAX_GROUP_ROLES);
            }
            Change::AddFaxbox { title, .. } => self.title(title),
            _ => {}
        }
    }

    fn tenant(&mut self, title: &str, kind: AccountKind, has_owner: bool) {
        self.title(title);
        if self.position != 0 {
            self.fault("root", "a tenant is created by the first change of a batch");
        }
        if kind == AccountKind::Personal && !self.model.tree.personal {
            self.fault("kind", "the product model has no personal accounts");
        }
        if kind == AccountKind::Personal && !has_owner {
            self.fault("owner", "a personal account is created with its one member");
        }
    }

    fn title(&mut self, title: &str) {
        if title.chars().count() > MAX_TITLE {
            self.fault("title", format!("must be at most {MAX_TITLE} characters long"));
        }
        if title.chars().any(char::is_control) {
            self.fault("title", "must not contain control characters");
        }
    }

    fn known<'k>(
        &mut self,
        field: &'static str,
        what: &str,
        key: &Key,
        known: impl Iterator<Item = &'k Key> + Clone,
    ) {
        if known.clone().all(|one| one != key) {
            self.fault(field, unknown(what, key.as_str(), known.map(Key::as_str)));
        }
    }

    fn product(&mut self, key: &Key) {
        let model = self.model;
        self.known("product", "product", key, model.products.iter().map(|product| &product.key));
    }

    fn level(&mut self, field: &'static str, key: Option<&Key>) {
        let model = self.model;
        if let Some(key) = key {
            self.known(field, "visibility level", key, model.levels.iter().map(|level| &level.key));
        }
    }

    fn permissions(&mut self, field: &'static str, keys: &[Key]) {
        let model = self.model;
        for key in keys {
            self.known(field, "permission", key, model.permissions.iter().map(|one| &one.key));
        }
    }

    fn custom_role(&mut self, role: &Key) {
        if self.model.role(role.as_str()).is_some() {
            self.fault("role", format!("`{role}` is a built-in role; adjust it instead"));
        }
    }

    fn adjustment(&mut self, role: &Key, add: &[Key], remove: &[Key]) {
        let model = self.model;
        self.known("role", "built-in role", role, model.roles.iter().map(|role| &role.key));
        self.permissions("add", add);
        self.permissions("remove", remove);
        for key in add.iter().filter(|key| remove.contains(key)) {
            self.fault("remove", format!("`{key}` is both added and removed"));
        }
    }

    fn at_most(&mut self, field: &'static str, keys: &[Key], most: usize) {
        let names = BTreeSet::from_iter(keys).len();
        if names > most {
            self.fault(field, format!("has {names} elements, at most {most} are allowed"));
        }
    }

    fn main_roles(&mut self, roles: &[Key]) {
        if self.model.members.one_role && BTreeSet::from_iter(roles).len() > 1 {
            self.fault("roles", "the product model gives a member one role");
        }
    }

    fn overridden(&mut self, key: &Key, value: &OverrideValue) {
        let model = self.model;
        let Some((_, permission)) = model.permission(key.as_str()) else {
            return self.permissions("permission", std::slice::from_ref(key));
        };
        let gives = matches!(value, OverrideValue::On | OverrideValue::Scoped(_));
        if permission.role_only && gives {
            self.fault("value", format!("`{key}` comes with roles only"));
        }
        let OverrideValue::Scoped(scopes) = value else {
            return;
        };
        if scopes.is_empty() {
            self.fault("value", "names no scope; to give the permission without limits, say on");
        }
        for (scope, values) in scopes {
            if !permission.scopes.contains(scope) {
                let scope = scope.as_str();
                self.fault("value", format!("`{key}` cannot be limited by {scope}"));
            }
            for value in values {
                self.scope_value(*scope, value);
            }
        }
    }

    fn scope_value(&mut self, scope: ScopeKind, value: &str) {
        use crate::change::AttachmentSource as Source;
        let problem = match scope {
            ScopeKind::Number => PhoneNumber::parse(value).err().map(|error| error.to_string()),
            ScopeKind::Source => Source::from_word(value).is_none().then(|| {
                unknown("attachment source", value, Source::ALL.iter().map(|(_, word)| *word))
            }),
            ScopeKind::FormType | ScopeKind::DocumentType | ScopeKind::Template => {
                crate::id::ExternalId::parse(value).err().map(|error| error.to_string())
            }
        };
        if let Some(problem) = problem {
            self.fault("value", problem);
        }
    }

    fn list(&mut self, list: &MemberList) {
        match list {
            MemberList::HeldExtensions(ListValue::All) => {
                self.fault("list", "an extension has one holder, so nobody holds them all");
            }
            MemberList::Numbers(NumberList::AutoAssign, value) => {
                let names_some = match value {
                    ListValue::Unset => false,
                    ListValue::All => true,
                    ListValue::These(numbers) => !numbers.is_empty(),
                };
                if names_some && !self.model.auto_assign.targets.contains(&TargetKind::User) {
                    self.fault("list", "the product model assigns no faxes to members");
                }
            }
            _ => {}
        }
    }

    fn target(&mut self, target: &NumberTarget, on: bool) {
        let rules = &self.model.auto_assign;
        let (allowed, word) = match target {
            NumberTarget::Group(_) => (rules.targets.contains(&TargetKind::Group), "groups"),
            NumberTarget::Faxbox(_) => {
                let falls_back = rules.fallback == Fallback::Faxbox;
                (falls_back || rules.targets.contains(&TargetKind::Faxbox), "faxboxes")
            }
        };
        if on && !allowed {
            self.fault("target", format!("the product model assigns no faxes to {word}"));
        }
    }
}

/// The problem with a name that is not known, with the nearest one that is.
pub(super) fn unknown<'k>(
    what: &str,
    name: &str,
    known: impl IntoIterator<Item = &'k str>,
) -> String {
    match nearest(name, known) {
        Some(near) => format!("unknown {what} `{name}`; did you mean `{near}`?"),
        None => format!("unknown {what} `{name}`"),
    }
}
