//! Stored objects on the wire.

use std::collections::{BTreeSet, HashMap};

use lineguard_core::change::{MemberList, OverrideValue};
use lineguard_core::facts::MemberStatus;
use lineguard_core::id::Key;
use lineguard_core::port::TenantRow;

use super::field::Field;
use super::{pb, setup};
use crate::objects::{
    Account, Definition, Element, Faxbox, Group, Invitation, Member, Number, Relation, Role,
    Stored, Switches,
};

/// A tenant.
pub fn tenant_to_wire(tenant: &TenantRow) -> pb::Tenant {
    let TenantRow { num: _, id, title, revision, model } = tenant;
    pb::Tenant {
        tenant: id.to_wire(),
        title: title.clone(),
        model: model.to_wire(),
        revision: revision.0,
    }
}

/// The tenant as one of its own objects.
pub fn tenant_object(tenant: &TenantRow) -> pb::Object {
    pb::Object { kind: Some(pb::object::Kind::Tenant(tenant_to_wire(tenant))), cut: Vec::new() }
}

/// An object, and which of its relations have more elements than it tells.
pub fn object_to_wire(object: &Stored, cut: &BTreeSet<Relation>) -> pb::Object {
    use pb::object::Kind;

    let kind = match object {
        Stored::Account(account) => Kind::Account(account_to_wire(account)),
        Stored::Member(member) => Kind::Member(member_to_wire(member)),
        Stored::Group(group) => Kind::Group(group_to_wire(group)),
        Stored::Role(role) => Kind::Role(role_to_wire(role)),
        Stored::Number(number) => Kind::Number(number_to_wire(number)),
        // Reads leave these out; only an export has them.
        Stored::RetiredNumber(number, account) => Kind::Number(pb::Number {
            number: number.to_wire(),
            account: account.to_wire(),
            ..Default::default()
        }),
        Stored::Extension(extension, account) => Kind::Extension(pb::Extension {
            extension: extension.to_wire(),
            account: account.to_wire(),
        }),
        Stored::Queue(queue, account) => {
            Kind::Queue(pb::Queue { queue: queue.to_wire(), account: account.to_wire() })
        }
        Stored::Faxbox(faxbox) => Kind::Faxbox(faxbox_to_wire(faxbox)),
        Stored::Invitation(invitation) => Kind::Invitation(invitation_to_wire(invitation)),
    };
    pb::Object {
        kind: Some(kind),
        cut: cut.iter().map(|relation| relation.to_wire().into()).collect(),
    }
}

fn all<W>(values: &[impl Field<Option<W>>]) -> Vec<W> {
    values.iter().filter_map(Field::to_wire).collect()
}

fn switches_to_wire(switches: &Switches) -> HashMap<String, bool> {
    switches.iter().map(|(key, on)| (key.to_wire(), *on)).collect()
}

fn key_or_empty(key: &Option<Key>) -> String {
    key.to_wire().unwrap_or_default()
}

fn account_to_wire(account: &Account) -> pb::Account {
    let Account { account, parent, title, kind, sealed, entitlements, flags, settings, owners } =
        account;
    pb::Account {
        account: account.to_wire(),
        parent: parent.to_wire().unwrap_or_default(),
        title: title.clone(),
        kind: kind.to_wire(),
        sealed: *sealed,
        entitlements: switches_to_wire(entitlements),
        flags: switches_to_wire(flags),
        settings: switches_to_wire(settings),
        owners: all(owners),
    }
}

fn member_to_wire(member: &Member) -> pb::Member {
    let Member {
        account,
        subject,
        status,
        roles,
        overrides,
        switches,
        visibility,
        lists,
        default_number,
        delegates,
    } = member;
    let value = |(key, value): (&Key, &OverrideValue)| Some((key.to_wire(), value.to_wire()?));
    pb::Member {
        account: account.to_wire(),
        subject: subject.to_wire(),
        status: <MemberStatus as Field<i32>>::to_wire(status),
        roles: roles.to_wire(),
        overrides: overrides.iter().filter_map(value).collect(),
        switches: switches_to_wire(switches),
        visibility: key_or_empty(visibility),
        lists: lists.iter().map(list_to_wire).collect(),
        default_number: default_number.to_wire().unwrap_or_default(),
        delegates: all(delegates),
    }
}

fn list_to_wire(list: &MemberList) -> pb::MemberListValue {
    let (list, value) = setup::member_list_to_wire(list);
    pb::MemberListValue { list, value }
}

fn group_to_wire(group: &Group) -> pb::Group {
    let Group { group, account, title, roles, members, owners } = group;
    pb::Group {
        group: group.to_wire(),
        account: account.to_wire(),
        title: title.clone(),
        roles: roles.to_wire(),
        members: all(members),
        owners: all(owners),
    }
}

fn role_to_wire(role: &Role) -> pb::Role {
    use pb::role::Definition as Wire;

    let Role { account, role, definition, visibility } = role;
    let visibility = key_or_empty(visibility);
    let definition = match definition {
        Definition::Custom { title, permissions } => Wire::Custom(pb::CustomRole {
            title: title.clone(),
            permissions: permissions.to_wire(),
            visibility,
        }),
        Definition::Adjusted { add, remove } => {
            let (add, remove) = (add.to_wire(), remove.to_wire());
            Wire::Adjusted(pb::AdjustedRole { add, remove, visibility })
        }
    };
    pb::Role { account: account.to_wire(), role: role.to_wire(), definition: Some(definition) }
}

fn number_to_wire(number: &Number) -> pb::Number {
    let Number { number, account, capabilities, active, targets } = number;
    pb::Number {
        number: number.to_wire(),
        account: account.to_wire(),
        capabilities: capabilities.to_wire(),
        active: *active,
        targets: all(targets),
    }
}

fn faxbox_to_wire(faxbox: &Faxbox) -> pb::Faxbox {
    let Faxbox { faxbox, account, title, members, owners } = faxbox;
    pb::Faxbox {
        faxbox: faxbox.to_wire(),
        account: account.to_wire(),
        title: title.clone(),
        members: all(members),
        owners: all(owners),
    }
}

fn invitation_to_wire(invitation: &Invitation) -> pb::Invitation {
    let Invitation { invitation, account, roles, expires_at, accepted_by, revoked } = invitation;
    pb::Invitation {
        invitation: invitation.to_wire(),
        account: account.to_wire(),
        roles: roles.to_wire(),
        expires_at: expires_at.to_wire(),
        accepted_by: accepted_by.to_wire(),
        revoked: *revoked,
    }
}

impl Relation {
    /// What it is called on the wire.
    pub const fn to_wire(self) -> pb::Relation {
        match self {
            Self::Members => pb::Relation::Members,
            Self::Owners => pb::Relation::Owners,
            Self::Delegates => pb::Relation::Delegates,
            Self::Targets => pb::Relation::Targets,
        }
    }

    /// What is called so on the wire; none for the unspecified one.
    pub const fn from_wire(wire: pb::Relation) -> Option<Self> {
        match wire {
            pb::Relation::Unspecified => None,
            pb::Relation::Members => Some(Self::Members),
            pb::Relation::Owners => Some(Self::Owners),
            pb::Relation::Delegates => Some(Self::Delegates),
            pb::Relation::Targets => Some(Self::Targets),
        }
    }
}

/// An element of a relation.
pub fn element_to_wire(element: &Element) -> pb::Related {
    use pb::related::Kind;

    let kind = match element {
        Element::Subject(subject) => subject.to_wire().map(Kind::Subject),
        Element::Group(group) => Some(Kind::Group(group.to_wire())),
        Element::Faxbox(faxbox) => Some(Kind::Faxbox(faxbox.to_wire())),
    };
    pb::Related { kind }
}
