//! What a model says besides the cells: the rules of the whole product, and the small print of its
//! permissions and roles.
//!
//! Everything is taken apart without `..`, so that a field that a model gets is told here, or the
//! code does not compile.

use super::exact::{grants, listed, named, reach};
use crate::id::Key;
use crate::model::parse::{
    CONFERS, FALLBACKS, OWNED, REMOVALS, RESTRICTIONS, SETTING_RULES, TARGETS,
};
use crate::model::{
    AutoAssignRules, CallerIdRules, Channel, FaxboxRules, Flag, Level, Members, Model,
    OutgoingRules, Overlay, Permission, PermissionKind, Product, Requirement, Role, RolePermission,
    Setting, Tree,
};
use crate::vocabulary::{Action, Vocabulary};

/// Nothing is said. No key and no word looks like it.
pub(super) const NOTHING: &str = "(none)";

/// One thing that a model says, and how it says it.
pub(super) struct Rule {
    pub(super) what: String,
    pub(super) says: String,
}

/// How a model calls itself.
pub(super) fn head(model: &Model) -> Vec<Rule> {
    vec![rule("name", &model.name), rule("title", &model.title), rule("summary", &model.summary)]
}

/// Everything that a model says outside its permissions and roles and the heads of them.
pub(super) fn rules(model: &Model, vocabulary: &Vocabulary) -> Vec<Rule> {
    let Model {
        name: _,
        title: _,
        summary: _,
        tree,
        members,
        products,
        flags,
        settings,
        levels,
        permissions: _,
        roles: _,
        overlays,
        caller_id,
        outgoing,
        auto_assign,
        faxbox,
        tests: _,
        granted_by: _,
    } = model;
    let mut rules = of_tree(*tree);
    rules.extend(of_members(members, model));
    rules.extend(of_caller_id(caller_id.as_ref(), vocabulary));
    rules.extend(of_outgoing(outgoing, vocabulary));
    rules.extend(of_auto_assign(auto_assign));
    rules.push(of_faxbox(*faxbox));
    rules.extend(products.iter().map(of_product));
    rules.extend(flags.iter().map(of_flag));
    rules.extend(settings.iter().map(of_setting));
    rules.extend(levels.iter().map(of_level));
    rules.extend(overlays.iter().map(of_overlay));
    rules
}

fn rule(what: impl Into<String>, says: impl ToString) -> Rule {
    Rule { what: what.into(), says: says.to_string() }
}

fn of_tree(tree: Tree) -> Vec<Rule> {
    let Tree { sub_accounts, numbers_flow_down, personal } = tree;
    vec![
        rule("tree.sub_accounts", sub_accounts),
        rule("tree.numbers_flow_down", numbers_flow_down),
        rule("tree.personal", personal),
    ]
}

fn of_members(members: &Members, model: &Model) -> Vec<Rule> {
    let Members { one_role, default_roles, everybody, unset_access_numbers_are_all } = members;
    let everybody = everybody.iter().filter_map(|ix| model.permission_at(*ix));
    let default_roles = listed(default_roles.iter().map(Key::as_str));
    vec![
        rule("members.roles", if *one_role { "one" } else { "many" }),
        rule("members.default_roles", default_roles),
        rule("members.everybody", listed(everybody.map(|permission| permission.key.as_str()))),
        rule(
            "members.unset_access_numbers",
            if *unset_access_numbers_are_all { "all" } else { "none" },
        ),
    ]
}

fn of_caller_id(rules: Option<&CallerIdRules>, vocabulary: &Vocabulary) -> Vec<Rule> {
    let Some(CallerIdRules { choose, hide, default, single_number_is_default }) = rules else {
        return vec![rule("caller_id", NOTHING)];
    };
    vec![
        rule("caller_id.choose", names(&[*choose], vocabulary)),
        rule("caller_id.hide", names(&[*hide], vocabulary)),
        rule("caller_id.default", names(default.as_slice(), vocabulary)),
        rule("caller_id.single_number_is_default", single_number_is_default),
    ]
}

fn of_outgoing(outgoing: &OutgoingRules, vocabulary: &Vocabulary) -> Vec<Rule> {
    let OutgoingRules { by_faxbox, held } = outgoing;
    vec![
        rule("outgoing.numbers", if *by_faxbox { "by_faxbox" } else { "by_account" }),
        rule("outgoing.held", names(held, vocabulary)),
    ]
}

fn of_auto_assign(rules: &AutoAssignRules) -> Vec<Rule> {
    let AutoAssignRules { targets, several, fallback } = rules;
    vec![
        rule("auto_assign.targets", listed(targets.iter().map(|one| named(TARGETS, one)))),
        rule("auto_assign.several", several),
        rule("auto_assign.fallback", named(FALLBACKS, fallback)),
    ]
}

fn of_faxbox(FaxboxRules { removal }: FaxboxRules) -> Rule {
    rule("faxbox.removal", named(REMOVALS, &removal))
}

fn of_product(product: &Product) -> Rule {
    let Product { key, title, entitled, switched_on } = product;
    let entitled = if *entitled { "entitled" } else { "not entitled" };
    let switched = if *switched_on { "switched on" } else { "switched off" };
    rule(format!("product {key}"), format!("“{title}”, {entitled} and {switched} by default"))
}

fn of_flag(flag: &Flag) -> Rule {
    let Flag { key, title, default } = flag;
    rule(format!("flag {key}"), format!("“{title}”, {} by default", on(*default)))
}

fn of_setting(setting: &Setting) -> Rule {
    let Setting { key, title, rule: turns_on, default } = setting;
    let turns_on = named(SETTING_RULES, turns_on);
    let says = format!("“{title}”, {} by default: {turns_on}", on(*default));
    rule(format!("setting {key}"), says)
}

fn of_level(level: &Level) -> Rule {
    let Level { key, title, reach: clauses } = level;
    rule(format!("visibility {key}"), format!("“{title}”: {}", reach(clauses)))
}

fn of_overlay(overlay: &Overlay) -> Rule {
    // What it gives is told permission by permission.
    let Overlay { key, title, of, gives: _ } = overlay;
    rule(format!("overlay {key}"), format!("“{title}”, of: {}", named(OWNED, of)))
}

const fn on(yes: bool) -> &'static str {
    if yes { "on" } else { "off" }
}

/// Something about a permission or a role that no cell shows.
pub(super) struct Detail {
    pub(super) what: &'static str,
    pub(super) says: String,
    /// What goes without saying.
    pub(super) usual: &'static str,
}

/// Everything about a permission that no cell shows, always in the same order.
pub(super) fn of_permission(
    model: &Model,
    permission: &Permission,
    vocabulary: &Vocabulary,
) -> Vec<Detail> {
    let Permission {
        key: _,
        title: _,
        category: _,
        product,
        flag,
        kind,
        requires,
        inherited,
        role_only,
        scopes,
        confers,
    } = permission;
    let product = product.and_then(|ix| model.products.get(usize::from(ix.0)));
    let flag = flag.and_then(|ix| model.flags.get(usize::from(ix.0)));
    let requires = requires.iter().copied().map(Requirement::as_str);
    let detail = |what, says, usual| Detail { what, says, usual };
    vec![
        detail("gives", kind_words(kind, vocabulary), ""),
        detail("product", key(product.map(|product| &product.key)), NOTHING),
        detail("flag", key(flag.map(|flag| &flag.key)), NOTHING),
        detail("requires", listed(requires), NOTHING),
        detail("inherited", inherited.to_string(), "true"),
        detail("role_only", role_only.to_string(), "false"),
        detail("scopes", listed(scopes.iter().map(|scope| scope.as_str())), NOTHING),
        detail("confers", listed(confers.iter().map(|one| named(CONFERS, one))), NOTHING),
    ]
}

fn kind_words(kind: &PermissionKind, vocabulary: &Vocabulary) -> String {
    match kind {
        PermissionKind::Grant(list) => grants(list, |actions| names(actions, vocabulary)),
        PermissionKind::Obligation { actions, obligation } => {
            format!("obligation {}: {}", obligation.as_str(), names(actions, vocabulary))
        }
        PermissionKind::Restriction(list) => format!("restriction {}", named(RESTRICTIONS, list)),
        PermissionKind::Routing => "routing".to_owned(),
        PermissionKind::Channel(channels) => {
            let words = channels.iter().map(|one| named(&Channel::ALL, one));
            format!("channel {}", listed(words))
        }
    }
}

/// Everything about a role that no cell shows.
pub(super) fn of_role(model: &Model, role: &Role) -> Vec<Detail> {
    let Role { key: _, title, locked, visibility, permissions } = role;
    let own = permissions.iter().filter_map(|RolePermission { permission, reach: own }| {
        let permission = model.permission_at(*permission)?;
        Some(format!("{} {}", permission.key, reach(own.as_deref()?)))
    });
    let mut own: Vec<_> = own.collect();
    own.sort_unstable();
    let own = if own.is_empty() { NOTHING.to_owned() } else { own.join(", ") };
    let detail = |what, says, usual| Detail { what, says, usual };
    vec![
        detail("title", title.to_string(), ""),
        detail("locked", locked.to_string(), "false"),
        detail("visibility", key(visibility.as_ref()), NOTHING),
        detail("reach", own, NOTHING),
    ]
}

fn key(key: Option<&Key>) -> String {
    key.map_or_else(|| NOTHING.to_owned(), Key::to_string)
}

fn names(actions: &[Action], vocabulary: &Vocabulary) -> String {
    let defs = actions.iter().filter_map(|action| vocabulary.def(*action));
    listed(defs.map(|def| &*def.name))
}
