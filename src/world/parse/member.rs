//! Members.

use std::collections::BTreeMap;

use lineguard_core::change::{AttachmentSource, OverrideValue};
use lineguard_core::facts::MemberStatus;
use lineguard_core::id::{AccountId, ExternalId, Key, PhoneNumber};
use lineguard_core::model::{Permission, ScopeKind};
use lineguard_core::text::{Fields, Item};

use super::read;
use super::reference::Target;
use super::{MAX_OBJECTS, Tenant};
use crate::world::{Listed, Member};

const MEMBER: &[&str] = &[
    "subject",
    "subjects",
    "account",
    "status",
    "roles",
    "overrides",
    "switches",
    "visibility",
    "access_numbers",
    "auto_assign_numbers",
    "granted_numbers",
    "held_extensions",
    "granted_extensions",
    "granted_queues",
    "labels",
    "send_from_fax",
    "send_from_message",
    "send_from_call",
    "attachment_sources",
    "default_number",
    "delegates",
];

impl<'s, 't> Tenant<'s, 't> {
    pub(super) fn members(&mut self, fields: &Fields<'s, 't>) {
        for fields in fields.subs("member", MAX_OBJECTS, MEMBER) {
            let account = self.account(&fields);
            let member = self.member_body(&fields, &account);
            let items = self.one_or_many(&fields, "subject", "subjects");
            let holds_own = matches!(&member.lists.held_extensions, Some(Listed::These(held)) if !held.is_empty());
            if items.len() > 1 && holds_own {
                let at = fields.key_at("held_extensions").unwrap_or_else(|| fields.at());
                self.source
                    .error(at, "`held_extensions`: an extension has one holder, not several");
            }
            for item in items {
                let parsed = read::parse(self.source, "subject", item, read::subject);
                let Some((subject, at)) = parsed else { continue };
                if self.first("member", &format!("{} of {account}", subject.id()), at) {
                    self.world.members.insert((account.clone(), subject), member.clone());
                }
            }
        }
    }

    fn member_body(&mut self, fields: &Fields<'s, 't>, account: &AccountId) -> Member {
        let model = self.model.clone();
        let products =
            model.as_deref().map(|model| model.products.iter().map(|product| &product.key));
        let number = read::id(self.source, fields, "default_number", PhoneNumber::parse);
        if let Some((number, at)) = &number {
            let to = Target::Number { account: account.clone(), number: number.clone() };
            self.refer(*at, "default_number", to);
        }
        let of = |subject| Target::Member { account: account.clone(), subject };
        Member {
            status: fields.choice("status", &MemberStatus::ALL),
            roles: self.main_roles(fields, account),
            overrides: self.overrides(fields, account),
            switches: self.switches(fields, "switches", "product", products),
            visibility: self.level(fields, "visibility"),
            lists: self.lists(fields, account),
            default_number: number.map(|(number, _)| number),
            delegates: self.subjects(fields, "delegates", of),
        }
    }

    /// The roles of a member or an invitation; none if the key is not there.
    pub(super) fn main_roles(
        &mut self,
        fields: &Fields<'s, 't>,
        account: &AccountId,
    ) -> Option<Vec<Key>> {
        let roles = self.roles_at(fields, account)?;
        let one = self.model.as_ref().is_some_and(|model| model.members.one_role);
        if one && roles.len() > 1 {
            let at = fields.key_at("roles").unwrap_or_else(|| fields.at());
            self.source.error(at, "`roles`: the product model gives a member one role");
        }
        Some(roles)
    }

    /// Roles that must be in force at an account.
    pub(super) fn roles_at(
        &mut self,
        fields: &Fields<'s, 't>,
        account: &AccountId,
    ) -> Option<Vec<Key>> {
        let roles = read::ids(self.source, fields, "roles", Key::parse)?;
        for (role, at) in &roles {
            let to = Target::Role { account: account.clone(), role: role.clone() };
            self.refer(*at, "roles", to);
        }
        Some(roles.into_iter().map(|(role, _)| role).collect())
    }

    fn overrides(
        &mut self,
        fields: &Fields<'s, 't>,
        account: &AccountId,
    ) -> BTreeMap<Key, OverrideValue> {
        let mut overrides = BTreeMap::new();
        let Some(value) = fields.value("overrides") else { return overrides };
        let Some(table) = value.get_ref().as_table() else {
            fields.wrong_type("overrides", value, "a table");
            return overrides;
        };
        // The keys are permissions; the model knows them better than a list of words would.
        let keys: Vec<&str> = table.keys().map(|key| key.get_ref().as_ref()).collect();
        let overridden = Fields::new(self.source, table, value.span().start, &keys);
        for (key, value) in table {
            let item = Item { text: key.get_ref(), at: key.span().start };
            let Some((permission, at)) = read::parse(self.source, "overrides", item, Key::parse)
            else {
                continue;
            };
            let value = match value.get_ref().as_str() {
                Some("on") => Some(OverrideValue::On),
                Some("off") => Some(OverrideValue::Off),
                Some(word) => {
                    let words = ["on", "off"];
                    self.source.unknown(value.span().start, "override", word, words);
                    None
                }
                None => self.scoped(&overridden, item.text, account),
            };
            let Some(value) = value else { continue };
            self.check_override(&permission, &value, at);
            overrides.insert(permission, value);
        }
        overrides
    }

    fn scoped(
        &mut self,
        overrides: &Fields<'s, 't>,
        permission: &str,
        account: &AccountId,
    ) -> Option<OverrideValue> {
        let words = ScopeKind::ALL.map(|(_, word)| word);
        let limits = overrides.sub(permission, &words)?;
        let mut scopes = BTreeMap::new();
        for (scope, word) in ScopeKind::ALL {
            let Some(items) = limits.items(word) else { continue };
            let mut values = Vec::with_capacity(items.len());
            for item in items {
                if self.scope_value(scope, word, item, account) {
                    values.push(item.text.to_owned());
                }
            }
            scopes.insert(scope, values);
        }
        if scopes.is_empty() {
            let problem = "`overrides`: names no scope; to give it without limits, say \"on\"";
            self.source.error(limits.at(), problem);
        }
        Some(OverrideValue::Scoped(scopes))
    }

    fn scope_value(
        &mut self,
        scope: ScopeKind,
        word: &'static str,
        item: Item<'_>,
        account: &AccountId,
    ) -> bool {
        match scope {
            ScopeKind::Number => {
                let number = read::parse(self.source, word, item, PhoneNumber::parse);
                let Some((number, at)) = number else { return false };
                self.refer(at, "overrides", Target::Number { account: account.clone(), number });
                true
            }
            ScopeKind::Source => {
                let known = AttachmentSource::from_word(item.text).is_some();
                if !known {
                    let words = AttachmentSource::ALL.map(|(_, word)| word);
                    self.source.unknown(item.at, "attachment source", item.text, words);
                }
                known
            }
            ScopeKind::FormType | ScopeKind::DocumentType | ScopeKind::Template => {
                read::parse(self.source, word, item, ExternalId::parse).is_some()
            }
        }
    }

    fn check_override(&self, key: &Key, value: &OverrideValue, at: usize) {
        let Some(model) = &self.model else { return };
        let Some((_, permission)) = model.permission(key.as_str()) else {
            let known = model.permissions.iter().map(|one| one.key.as_str());
            return self.source.unknown(at, "permission in `overrides`:", key.as_str(), known);
        };
        let Permission { role_only, scopes, .. } = permission;
        if *role_only && *value != OverrideValue::Off {
            self.source.error(at, format!("`overrides`: `{key}` comes with roles only"));
        }
        let OverrideValue::Scoped(limits) = value else { return };
        for scope in limits.keys().filter(|scope| !scopes.contains(scope)) {
            let scope = scope.as_str();
            self.source.error(at, format!("`overrides`: `{key}` cannot be limited by `{scope}`"));
        }
    }
}
