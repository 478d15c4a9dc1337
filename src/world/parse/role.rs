//! Roles of the tenant's own, and adjusted built-in ones.

use lineguard_core::id::Key;
use lineguard_core::text::Fields;

use super::read;
use super::{MAX_OBJECTS, Tenant};
use crate::world::Role;

const ROLE: &[&str] = &["key", "account", "title", "permissions", "visibility"];
const ADJUSTED: &[&str] = &["role", "account", "add", "remove", "visibility"];

impl<'s, 't> Tenant<'s, 't> {
    pub(super) fn roles(&mut self, fields: &Fields<'s, 't>) {
        for fields in fields.subs("role", MAX_OBJECTS, ROLE) {
            self.custom_role(&fields);
        }
        for fields in fields.subs("adjusted_role", MAX_OBJECTS, ADJUSTED) {
            self.adjusted_role(&fields);
        }
    }

    fn custom_role(&mut self, fields: &Fields<'s, 't>) {
        let account = self.account(fields);
        let permissions = self.permissions(fields, "permissions");
        let visibility = self.level(fields, "visibility");
        let Some((key, at)) = read::required_id(self.source, fields, "key", Key::parse) else {
            return;
        };
        let built_in = self.model.as_ref().is_some_and(|model| model.role(key.as_str()).is_some());
        if built_in {
            let problem = format!("`key`: `{key}` is a built-in role; write an `adjusted_role`");
            self.source.error(at, problem);
        }
        let title = read::title(self.source, fields);
        if self.first("role", &format!("{key} at {account}"), at) {
            let role = Role::Custom { title, permissions, visibility };
            self.world.roles.insert((account, key), role);
        }
    }

    fn adjusted_role(&mut self, fields: &Fields<'s, 't>) {
        let account = self.account(fields);
        let add = self.permissions(fields, "add");
        let remove = self.permissions(fields, "remove");
        let visibility = self.level(fields, "visibility");
        let Some((key, at)) = read::required_id(self.source, fields, "role", Key::parse) else {
            return;
        };
        if let Some(model) = &self.model {
            let known = model.roles.iter().map(|role| role.key.as_str());
            match model.role(key.as_str()) {
                None => self.source.unknown(at, "built-in role", key.as_str(), known),
                Some((_, role)) if role.locked && names_some(remove.as_deref()) => {
                    let at = fields.key_at("remove").unwrap_or(at);
                    let problem =
                        format!("`remove`: role `{key}` is locked and cannot be narrowed");
                    self.source.error(at, problem);
                }
                Some(_) => {}
            }
        }
        let both = |key: &&Key| remove.iter().flatten().any(|removed| removed == *key);
        if let Some(both) = add.iter().flatten().find(both) {
            let at = fields.key_at("remove").unwrap_or(at);
            self.source.error(at, format!("`remove`: `{both}` is both added and removed"));
        }
        if add.is_none() && remove.is_none() && visibility.is_none() {
            self.source
                .error(at, "`adjusted_role` adjusts nothing: say `add`, `remove` or `visibility`");
        }
        if self.first("role", &format!("{key} at {account}"), at) {
            let role = Role::Adjusted { add, remove, visibility };
            self.world.roles.insert((account, key), role);
        }
    }

    fn permissions(&self, fields: &Fields<'s, 't>, name: &str) -> Option<Vec<Key>> {
        let model = self.model.as_deref();
        let known = model.map(|model| model.permissions.iter().map(|permission| &permission.key));
        self.known_keys(fields, name, "permission", known)
    }

    pub(super) fn level(&self, fields: &Fields<'s, 't>, name: &str) -> Option<Key> {
        let model = self.model.as_deref();
        let known = model.map(|model| model.levels.iter().map(|level| &level.key));
        self.known_key(fields, name, "visibility level", known)
    }
}

fn names_some(keys: Option<&[Key]>) -> bool {
    keys.is_some_and(|keys| !keys.is_empty())
}
