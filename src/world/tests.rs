//! What a world file leaves out, and what it says, as changes (rulings R40).

use lineguard_core::change::Change;
use lineguard_core::id::TenantId;

use super::{TenantWorld, World, collect, print};
use crate::wire::change::kind_name;

fn tenant(text: &str) -> TenantWorld {
    let text = format!("format = 1\n[tenant]\nid = \"t\"\n{text}");
    let mut world = World::parse(&text).unwrap();
    world.tenants.pop_first().unwrap().1
}

fn changes(text: &str) -> Vec<Change> {
    tenant(text).steps(&id()).changes
}

fn id() -> TenantId {
    TenantId::parse("t").unwrap()
}

fn kinds(text: &str) -> Vec<&'static str> {
    changes(text).iter().map(kind_name).collect()
}

/// One of everything, by name alone.
const NAMES: &str = "\
    [[tenant.account]]\nid = \"a\"\n\
    [[tenant.role]]\nkey = \"clerk\"\n\
    [[tenant.member]]\nsubject = \"anna\"\n\
    [[tenant.group]]\nid = \"g\"\n\
    [[tenant.number]]\nnumber = \"+15550100100\"\n\
    [[tenant.faxbox]]\nid = \"f\"\n";

/// The same with all that can be said of each.
const ALL: &str = "\
    title = \"T\"\nmodel = \"standard\"\nkind = \"shared\"\nsealed = false\n\
    [[tenant.account]]\nid = \"a\"\ntitle = \"A\"\nsealed = true\n\
    [[tenant.role]]\nkey = \"clerk\"\ntitle = \"C\"\npermissions = []\n\
    visibility = \"everything\"\n\
    [[tenant.adjusted_role]]\nrole = \"member\"\nadd = [\"fax.ai\"]\n\
    [[tenant.member]]\nsubject = \"anna\"\nstatus = \"active\"\nroles = []\n\
    [[tenant.group]]\nid = \"g\"\ntitle = \"G\"\nroles = []\n\
    [[tenant.number]]\nnumber = \"+15550100100\"\nactive = true\n\
    capabilities = [\"voice\", \"fax\", \"message\"]\n\
    [[tenant.faxbox]]\nid = \"f\"\ntitle = \"F\"\n";

#[test]
fn what_is_left_out_is_not_set() {
    let expected = [
        "create_tenant",
        "add_account",
        "add_role",
        "add_number",
        "add_member",
        "add_group",
        "add_faxbox",
    ];
    assert_eq!(kinds(NAMES), expected);
}

#[test]
fn what_stands_there_is_set_though_it_is_the_default() {
    let expected = [
        "create_tenant",
        "set_model",
        "set_personal",
        "set_sealed",
        "add_account",
        "set_sealed",
        "set_role_differences",
        "add_role",
        "set_role_permissions",
        "set_role_visibility",
        "add_number",
        "set_number_capabilities",
        "set_number_active",
        "add_member",
        "set_member_status",
        "set_roles",
        "add_group",
        "set_group_roles",
        "add_faxbox",
    ];
    let mut found = kinds(ALL);
    let mut sorted = expected.to_vec();
    sorted.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, sorted);
    let keeps = |change: &Change| match change {
        Change::SetRoles { keep_overrides, .. } => *keep_overrides,
        _ => true,
    };
    assert!(changes(ALL).iter().all(keeps), "an import clears overrides that it leaves out");
}

#[test]
fn what_was_said_and_what_was_not_come_back_from_the_changes_and_the_text() {
    for text in [NAMES, ALL] {
        let tenant = tenant(text);
        let steps = tenant.steps(&id());
        assert_eq!(collect(&steps.changes, &steps.faxes).as_ref(), Ok(&tenant));
        let world = World { tenants: [(id(), tenant)].into() };
        assert_eq!(World::parse(&print(&world)), Ok(world));
    }
}
