//! The smaller parts of a model text: products, flags, settings, levels, and the rules of the
//! tree, of members, of caller IDs and of auto-assign.

use std::collections::BTreeSet;

use super::{Context, Keyed};
use crate::change::FaxesLeft;
use crate::model::{
    AutoAssignRules, CallerIdRules, Fallback, FaxboxRules, Flag, Level, Members, OutgoingRules,
    Product, Setting, SettingRule, TargetKind, Tree,
};
use crate::text::{Fields, Item};

pub(super) const PRODUCT_KEYS: &[&str] = &["key", "title", "entitled", "switched_on"];
pub(super) const FLAG_KEYS: &[&str] = &["key", "title", "default"];
pub(super) const SETTING_KEYS: &[&str] = &["key", "title", "rule", "default"];
pub(super) const LEVEL_KEYS: &[&str] = &["key", "title", "reach"];

const MEMBERS_KEYS: &[&str] = &["roles", "default_roles", "everybody", "unset_access_numbers"];
const OUTGOING_KEYS: &[&str] = &["numbers", "held"];
const TREE_KEYS: &[&str] = &["sub_accounts", "numbers_flow_down", "personal"];
const CALLER_ID_KEYS: &[&str] = &["choose", "hide", "default", "single_number_is_default"];
const AUTO_ASSIGN_KEYS: &[&str] = &["targets", "several", "fallback"];
const FAXBOX_KEYS: &[&str] = &["removal"];

pub(in crate::model) const SETTING_RULES: &[(SettingRule, &str)] = &[
    (SettingRule::RecipientRestriction, "recipient_restriction"),
    (SettingRule::Approval, "approval"),
    (SettingRule::SelfApproval, "self_approval"),
    (SettingRule::CallWithoutCallerId, "call_without_caller_id"),
];
pub(in crate::model) const FALLBACKS: &[(Fallback, &str)] =
    &[(Fallback::Unassigned, "unassigned"), (Fallback::Faxbox, "faxbox")];
pub(in crate::model) const REMOVALS: &[(Option<FaxesLeft>, &str)] =
    &[(None, "refuse"), (Some(FaxesLeft::Delete), "delete"), (Some(FaxesLeft::Keep), "keep")];
pub(in crate::model) const TARGETS: &[(TargetKind, &str)] =
    &[(TargetKind::User, "user"), (TargetKind::Group, "group"), (TargetKind::Faxbox, "faxbox")];

pub(super) fn tree(root: &Fields<'_, '_>) -> Tree {
    let Some(fields) = root.sub("tree", TREE_KEYS) else {
        return Tree::default();
    };
    Tree {
        sub_accounts: fields.bool("sub_accounts", false),
        numbers_flow_down: fields.bool("numbers_flow_down", false),
        personal: fields.bool("personal", false),
    }
}

pub(super) fn auto_assign(root: &Fields<'_, '_>) -> AutoAssignRules {
    let Some(fields) = root.sub("auto_assign", AUTO_ASSIGN_KEYS) else {
        return AutoAssignRules::default();
    };
    AutoAssignRules {
        targets: fields.choices("targets", TARGETS),
        several: fields.bool("several", false),
        fallback: fields.choice("fallback", FALLBACKS).unwrap_or_default(),
    }
}

pub(super) fn faxbox(root: &Fields<'_, '_>) -> FaxboxRules {
    let Some(fields) = root.sub("faxbox", FAXBOX_KEYS) else {
        return FaxboxRules::default();
    };
    FaxboxRules { removal: fields.choice("removal", REMOVALS).unwrap_or_default() }
}

impl<'s, 't> Context<'s, 't, '_> {
    pub(super) fn members(&self, root: &Fields<'s, 't>) -> Members {
        let Some(fields) = root.sub("members", MEMBERS_KEYS) else {
            return Members::default();
        };
        let one_role = fields.choice("roles", &[(true, "one"), (false, "many")]).unwrap_or(false);
        let roles = fields.items("default_roles").unwrap_or_default();
        if let Some(second) = roles.get(1)
            && one_role
        {
            self.source.error(second.at, "a member holds one role here, and this is a second");
        }
        let known = roles.into_iter().filter_map(|item| self.role.find(self.source, item));
        let keys = known.filter_map(|i| self.role.entries.get(i).map(|(key, _)| key.clone()));
        let everybody = self.listed(&fields, "everybody").into_iter().map(|(ix, _)| ix);
        let unset = fields.choice("unset_access_numbers", &[(true, "all"), (false, "none")]);
        Members {
            one_role,
            default_roles: keys.collect(),
            everybody: BTreeSet::from_iter(everybody).into_iter().collect(),
            unset_access_numbers_are_all: unset.unwrap_or(false),
        }
    }

    pub(super) fn products(&self) -> Vec<Product> {
        let product = |key: &_, fields: &Fields<'_, '_>| Product {
            key: Clone::clone(key),
            title: fields.title("title"),
            entitled: fields.bool("entitled", true),
            switched_on: fields.bool("switched_on", true),
        };
        self.product.entries.iter().map(|(key, fields)| product(key, fields)).collect()
    }

    pub(super) fn flags(&self) -> Vec<Flag> {
        let flag = |key: &_, fields: &Fields<'_, '_>| Flag {
            key: Clone::clone(key),
            title: fields.title("title"),
            default: required_bool(fields, "default"),
        };
        self.flag.entries.iter().map(|(key, fields)| flag(key, fields)).collect()
    }

    pub(super) fn settings(&self, setting: &Keyed<'s, 't>) -> Vec<Setting> {
        let mut settings: Vec<Setting> = Vec::new();
        for (key, fields) in &setting.entries {
            let title = fields.title("title");
            let default = required_bool(fields, "default");
            let Some(rule) = fields.required_choice("rule", SETTING_RULES) else {
                continue;
            };
            // With two, an account could say yes and no to one rule.
            if let Some(other) = settings.iter().find(|other| other.rule == rule) {
                let at = fields.key_at("rule").unwrap_or(fields.at());
                let problem = format!("setting `{}` stands for the same rule already", other.key);
                self.source.error(at, problem);
            }
            settings.push(Setting { key: key.clone(), title, rule, default });
        }
        settings
    }

    pub(super) fn levels(&self) -> Vec<Level> {
        let level = |key: &_, fields: &Fields<'s, 't>| Level {
            key: Clone::clone(key),
            title: fields.title("title"),
            reach: self.level_reach(fields),
        };
        self.level.entries.iter().map(|(key, fields)| level(key, fields)).collect()
    }

    pub(super) fn outgoing(&self, root: &Fields<'s, 't>) -> OutgoingRules {
        let Some(fields) = root.sub("outgoing", OUTGOING_KEYS) else {
            return OutgoingRules::default();
        };
        let by_faxbox = fields
            .choice("numbers", &[(true, "by_faxbox"), (false, "by_account")])
            .unwrap_or(false);
        if root.value("caller_id").is_none() {
            fields.refuse(&["held"], "needs `[caller_id]`, which says what a person may present");
        }
        let mut held = Vec::new();
        for item in fields.items("held").unwrap_or_default() {
            let Some(action) = self.action(item) else { continue };
            if self.vocabulary.def(action).is_some_and(|def| def.sends.is_none()) {
                self.source.error(item.at, format!("`{}` sends nothing", item.text));
            }
            held.push(action);
        }
        OutgoingRules { by_faxbox, held }
    }

    pub(super) fn caller_id(&self, root: &Fields<'s, 't>) -> Option<CallerIdRules> {
        let fields = root.sub("caller_id", CALLER_ID_KEYS)?;
        // To present a number is not to send: otherwise whether it is held would lead in a circle.
        let action = |item: Item<'_>| {
            let action = self.action(item)?;
            if self.vocabulary.def(action).is_some_and(|def| def.sends.is_some()) {
                let problem = format!("`{}` sends; it says nothing of presenting", item.text);
                self.source.error(item.at, problem);
            }
            Some(action)
        };
        let choose = fields.required("choose").and_then(action);
        let hide = fields.required("hide").and_then(action);
        let default = fields.item("default").and_then(action);
        let single_number_is_default = fields.bool("single_number_is_default", false);
        Some(CallerIdRules { choose: choose?, hide: hide?, default, single_number_is_default })
    }
}

/// The default of a flag or a setting is a decision of the product; nothing stands in for it.
fn required_bool(fields: &Fields<'_, '_>, name: &str) -> bool {
    if fields.value(name).is_none() {
        fields.missing(name);
    }
    fields.bool(name, false)
}
