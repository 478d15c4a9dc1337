//! Roles and ownership overlays.

use std::collections::HashSet;

use super::fit::actions_of;
use super::{Context, Keyed};
use crate::id::Key;
use crate::model::qualify::narrowed;
use crate::model::reach::Clause;
use crate::model::{
    Grant, Overlay, OverlayGives, OwnedKind, Permission, PermissionIx, PermissionKind, Role,
    RolePermission,
};
use crate::text::{Fields, Item, shown};

pub(super) const KEYS: &[&str] =
    &["key", "title", "locked", "visibility", "permissions", "also", "but", "reach"];
pub(super) const OVERLAY_KEYS: &[&str] = &["key", "title", "of", "permissions"];

pub(in crate::model) const OWNED: &[(OwnedKind, &str)] =
    &[(OwnedKind::Faxbox, "faxbox"), (OwnedKind::Group, "group"), (OwnedKind::Account, "account")];

impl<'s, 't> Context<'s, 't, '_> {
    pub(super) fn roles(&self, permissions: &[Permission]) -> Vec<Role> {
        let entries = self.role.entries.iter();
        entries.map(|(key, fields)| self.role(key, fields, permissions)).collect()
    }

    fn role(&self, key: &Key, fields: &Fields<'s, 't>, permissions: &[Permission]) -> Role {
        let held = self.held(fields, permissions);
        let mut held: Vec<_> =
            held.into_iter().map(|permission| RolePermission { permission, reach: None }).collect();
        self.replace_reach(fields, permissions, &mut held);
        let level = fields.item("visibility").and_then(|item| self.level.find(self.source, item));
        Role {
            key: key.clone(),
            title: fields.title("title"),
            locked: fields.bool("locked", false),
            visibility: level.and_then(|i| self.level.entries.get(i)).map(|(key, _)| key.clone()),
            permissions: held,
        }
    }

    /// The permissions of a role in the order of the screen.
    fn held(&self, fields: &Fields<'s, 't>, permissions: &[Permission]) -> Vec<PermissionIx> {
        let everything = fields.text("permissions").map(|word| word == "all");
        let mut held: HashSet<PermissionIx> = match everything {
            Some(true) => self.all(permissions).collect(),
            Some(false) => {
                let at =
                    fields.value("permissions").map_or(fields.at(), |value| value.span().start);
                self.source.error(at, "`permissions` must be a list or the word `all`");
                HashSet::new()
            }
            None => self.listed(fields, "permissions").into_iter().map(|(ix, _)| ix).collect(),
        };
        if fields.value("permissions").is_none() {
            fields.missing("permissions");
        }
        if everything == Some(true) {
            held.extend(self.listed(fields, "also").into_iter().map(|(ix, _)| ix));
            for (ix, _) in self.listed(fields, "but") {
                held.remove(&ix);
            }
        } else {
            fields.refuse(&["also", "but"], "goes with `permissions = \"all\"` only");
        }
        let mut held: Vec<_> = held.into_iter().collect();
        held.sort_unstable();
        held
    }

    /// What `permissions = "all"` stands for. Obligations and routing bind rather than give.
    fn all<'p>(&self, permissions: &'p [Permission]) -> impl Iterator<Item = PermissionIx> + 'p {
        let ordinary = |permission: &Permission| match permission.kind {
            PermissionKind::Grant(_)
            | PermissionKind::Restriction(_)
            | PermissionKind::Channel(_) => !permission.role_only,
            PermissionKind::Obligation { .. } | PermissionKind::Routing => false,
        };
        let indexed = (0..).map(PermissionIx).zip(permissions);
        indexed.filter(move |(_, permission)| ordinary(permission)).map(|(ix, _)| ix)
    }

    /// The permissions of a list and where they stand; none if the key is not there.
    pub(super) fn listed(&self, fields: &Fields<'s, 't>, name: &str) -> Vec<(PermissionIx, usize)> {
        let items = fields.items(name).unwrap_or_default();
        let find = |item: Item<'_>| {
            let ix = self.permission.find_ix(self.source, item)?;
            Some((PermissionIx(ix), item.at))
        };
        items.into_iter().filter_map(find).collect()
    }

    /// `reach` of a role: permissions that it holds at another reach.
    fn replace_reach(
        &self,
        fields: &Fields<'s, 't>,
        permissions: &[Permission],
        held: &mut [RolePermission],
    ) {
        let Some(value) = fields.value("reach") else {
            return;
        };
        let Some(table) = value.get_ref().as_table() else {
            return fields.wrong_type("reach", value, "a table");
        };
        // The keys are names of permissions, which `find_ix` compares with the known ones.
        let words: Vec<&str> = table.keys().map(|key| key.get_ref().as_ref()).collect();
        let reach = Fields::new(self.source, table, value.span().start, &words);
        for (key, value) in table {
            let (word, at) = (key.get_ref().as_ref(), key.span().start);
            if value.get_ref().is_table() && !self.permission.by_key.contains_key(word) {
                let problem = format!("`{}` is a table; a key with dots needs quotes", shown(word));
                self.source.error(at, problem);
                continue;
            }
            let item = Item { text: word, at };
            let Some(ix) = self.permission.find_ix(self.source, item).map(PermissionIx) else {
                continue;
            };
            let clauses = self.role_clauses(&reach, item, permissions.get(usize::from(ix.0)));
            match held.iter_mut().find(|one| one.permission == ix) {
                Some(one) => one.reach = Some(clauses),
                None => self.source.error(at, format!("the role does not hold `{}`", shown(word))),
            }
        }
    }

    /// The clauses that replace the reach of a permission, checked against each of its grants.
    fn role_clauses(
        &self,
        reach: &Fields<'s, 't>,
        item: Item<'_>,
        permission: Option<&Permission>,
    ) -> Vec<Clause> {
        reach.not_empty(item.text);
        let clauses = self.clauses(reach, item.text);
        match permission.map(|permission| &permission.kind) {
            Some(PermissionKind::Grant(grants)) => {
                let actions = actions_of(grants);
                for (clause, at) in &clauses {
                    self.check_clause(&actions, clause, *at);
                    let fits = |grant: &Grant| narrowed(clause, &grant.qualifiers).is_some();
                    if !grants.iter().any(fits) {
                        let problem =
                            "this clause and the qualifiers of the permission exclude each other";
                        self.source.error(*at, problem);
                    }
                }
            }
            Some(_) => {
                let problem = format!("`{}` grants nothing, so it has no reach", item.text);
                self.source.error(item.at, problem);
            }
            None => {}
        }
        clauses.into_iter().map(|(clause, _)| clause).collect()
    }

    pub(super) fn overlays(
        &self,
        overlay: &Keyed<'s, 't>,
        permissions: &[Permission],
    ) -> Vec<Overlay> {
        let entries = overlay.entries.iter();
        entries.filter_map(|(key, fields)| self.overlay(key, fields, permissions)).collect()
    }

    fn overlay(
        &self,
        key: &Key,
        fields: &Fields<'s, 't>,
        permissions: &[Permission],
    ) -> Option<Overlay> {
        let title = fields.title("title");
        let of = fields.required_choice("of", OWNED);
        let gives = match fields.text("permissions") {
            Some(word) => self.everything(fields, word, of),
            None => {
                if fields.value("permissions").is_none() {
                    fields.missing("permissions");
                }
                let listed = self.listed(fields, "permissions");
                for (ix, at) in &listed {
                    if let (Some(of), Some(one)) = (of, permissions.get(usize::from(ix.0))) {
                        self.check_owned(one, of, *at);
                    }
                }
                OverlayGives::Permissions(listed.into_iter().map(|(ix, _)| ix).collect())
            }
        };
        Some(Overlay { key: key.clone(), title, of: of?, gives })
    }

    /// A word in place of the list.
    fn everything(
        &self,
        fields: &Fields<'s, 't>,
        word: &str,
        of: Option<OwnedKind>,
    ) -> OverlayGives {
        let at = fields.value("permissions").map_or(fields.at(), |value| value.span().start);
        if word != "everything" {
            self.source.error(at, "`permissions` must be a list or the word `everything`");
        } else if of.is_some_and(|of| of != OwnedKind::Account) {
            self.source.error(at, "`everything` is for owners of an account only");
        }
        OverlayGives::Everything
    }
}
