//! The rows of the permission screen.

use super::Context;
use crate::id::Key;
use crate::model::qualify::narrowed;
use crate::model::reach::{Clause, Qualifiers, Word};
use crate::model::{
    Channel, FlagIx, Grant, Obligation, Permission, PermissionKind, ProductIx, Requirement,
    RestrictionList, ScopeKind,
};
use crate::text::Fields;
use crate::vocabulary::{Confers, SendChannel};

pub(super) const KEYS: &[&str] = &[
    "key",
    "title",
    "category",
    "product",
    "flag",
    "kind",
    "actions",
    "grants",
    "reach",
    "direction",
    "states",
    "except",
    "requires",
    "inherited",
    "role_only",
    "scopes",
    "confers",
    "restricts",
    "obligation",
    "channels",
];
const GRANT_KEYS: &[&str] = &["actions", "reach", "direction", "states", "except"];

/// What each kind has of its own; to every other kind it means nothing.
const OWN_KEYS: &[(Kind, &[&str])] = &[
    (
        Kind::Grant,
        &[
            "actions",
            "grants",
            "reach",
            "direction",
            "states",
            "except",
            "requires",
            "inherited",
            "scopes",
            "confers",
        ],
    ),
    (Kind::Restriction, &["restricts"]),
    (Kind::Obligation, &["actions", "obligation"]),
    (Kind::Routing, &[]),
    (Kind::Channel, &["channels"]),
];

const KINDS: &[(Kind, &str)] = &[
    (Kind::Grant, "grant"),
    (Kind::Restriction, "restriction"),
    (Kind::Obligation, "obligation"),
    (Kind::Routing, "routing"),
    (Kind::Channel, "channel"),
];
pub(in crate::model) const RESTRICTIONS: &[(RestrictionList, &str)] = &[
    (RestrictionList::SendFrom(SendChannel::Fax), "send_from.fax"),
    (RestrictionList::SendFrom(SendChannel::Message), "send_from.message"),
    (RestrictionList::SendFrom(SendChannel::Call), "send_from.call"),
    (RestrictionList::AttachmentSources, "attachment_sources"),
];
const OBLIGATIONS: &[(Obligation, &str)] = &[(Obligation::Approval, "approval")];
pub(in crate::model) const CONFERS: &[(Confers, &str)] =
    &[(Confers::Role, "role"), (Confers::Permission, "permission")];

/// Most grants of one permission.
const MAX_GRANTS: usize = 100;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Grant,
    Restriction,
    Obligation,
    Routing,
    Channel,
}

impl<'s, 't> Context<'s, 't, '_> {
    /// All permissions in the order of the text, so that a position in [`super::Keyed`] is an
    /// index into them.
    pub(super) fn permissions(&self) -> Vec<Permission> {
        let entries = self.permission.entries.iter();
        let permissions: Vec<_> =
            entries.map(|(key, fields)| self.permission(key, fields)).collect();
        self.check_restrictions(&permissions);
        permissions
    }

    fn permission(&self, key: &Key, fields: &Fields<'s, 't>) -> Permission {
        let kind = self.kind(fields);
        let product = fields.item("product");
        let flag = fields.item("flag");
        let permission = Permission {
            key: key.clone(),
            title: fields.title("title"),
            category: fields.title("category"),
            product: product
                .and_then(|item| self.product.find_ix(self.source, item))
                .map(ProductIx),
            flag: flag.and_then(|item| self.flag.find_ix(self.source, item)).map(FlagIx),
            kind,
            requires: fields.choices("requires", &Requirement::ALL),
            inherited: fields.bool("inherited", true),
            role_only: fields.bool("role_only", false),
            scopes: fields.choices("scopes", &ScopeKind::ALL),
            confers: fields.choices("confers", CONFERS),
        };
        self.check_permission(&permission, fields);
        permission
    }

    fn kind(&self, fields: &Fields<'s, 't>) -> PermissionKind {
        let kind = match fields.value("kind") {
            None => Some(Kind::Grant),
            Some(_) => fields.choice("kind", KINDS),
        };
        // What an unknown kind may have is unknown too.
        let Some(kind) = kind else {
            return PermissionKind::Routing;
        };
        refuse_other_kinds(kind, fields);
        match kind {
            Kind::Grant => PermissionKind::Grant(self.grants(fields)),
            Kind::Restriction => fields
                .required_choice("restricts", RESTRICTIONS)
                .map_or(PermissionKind::Routing, PermissionKind::Restriction),
            Kind::Obligation => PermissionKind::Obligation {
                actions: self.actions(fields, "actions"),
                obligation: fields
                    .required_choice("obligation", OBLIGATIONS)
                    .unwrap_or(Obligation::Approval),
            },
            Kind::Routing => PermissionKind::Routing,
            Kind::Channel => {
                if fields.value("channels").is_none() {
                    fields.missing("channels");
                }
                fields.not_empty("channels");
                PermissionKind::Channel(fields.choices("channels", &Channel::ALL))
            }
        }
    }

    /// The grants of a list, or the one that the permission itself describes.
    fn grants(&self, fields: &Fields<'s, 't>) -> Vec<Grant> {
        if fields.value("grants").is_none() {
            return vec![self.grant(fields)];
        }
        fields.refuse(GRANT_KEYS, "stands in each of the `grants`, not beside them");
        fields.not_empty("grants");
        let grants = fields.subs("grants", MAX_GRANTS, GRANT_KEYS);
        grants.iter().map(|grant| self.grant(grant)).collect()
    }

    fn grant(&self, fields: &Fields<'s, 't>) -> Grant {
        let actions = self.actions(fields, "actions");
        let qualifiers = self.qualifiers(fields);
        self.check_qualifiers(&actions, &qualifiers, fields);
        fields.not_empty("reach");
        let mut clauses = self.clauses(fields, "reach");
        if fields.value("reach").is_none() {
            clauses.push((Clause::word(Word::Account), fields.at()));
        }
        let mut reach = Vec::with_capacity(clauses.len());
        for (clause, at) in clauses {
            self.check_clause(&actions, &clause, at);
            reach.extend(self.narrow(&clause, &qualifiers, at));
        }
        Grant { actions, reach, qualifiers }
    }

    /// A clause under the qualifiers of its grant; a contradiction is a mistake.
    fn narrow(&self, clause: &Clause, qualifiers: &Qualifiers, at: usize) -> Option<Clause> {
        let clause = narrowed(clause, qualifiers);
        if clause.is_none() {
            let problem = "this clause and the qualifiers of its grant exclude each other";
            self.source.error(at, problem);
        }
        clause
    }

    /// A list that narrows has one row on the screen: with two, one of them would not be in force.
    fn check_restrictions(&self, permissions: &[Permission]) {
        let mut seen: Vec<(RestrictionList, &Key)> = Vec::new();
        for (permission, (_, fields)) in permissions.iter().zip(&self.permission.entries) {
            let PermissionKind::Restriction(list) = permission.kind else {
                continue;
            };
            if let Some((_, first)) = seen.iter().find(|(other, _)| *other == list) {
                let at = fields.key_at("restricts").unwrap_or(fields.at());
                self.source.error(at, format!("permission `{first}` restricts the same already"));
            } else {
                seen.push((list, &permission.key));
            }
        }
    }
}

fn refuse_other_kinds(kind: Kind, fields: &Fields<'_, '_>) {
    let name = KINDS.iter().find(|(one, _)| *one == kind).map_or("", |(_, word)| word);
    let own = OWN_KEYS.iter().find(|(one, _)| *one == kind).map_or(&[][..], |(_, keys)| keys);
    let mut others: Vec<_> = OWN_KEYS.iter().flat_map(|(_, keys)| keys.iter().copied()).collect();
    others.retain(|key| !own.contains(key));
    others.sort_unstable();
    others.dedup();
    fields.refuse(&others, &format!("means nothing to a permission of kind `{name}`"));
}
