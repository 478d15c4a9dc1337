//! Changes and new faxes, both ways.

use lineguard_core::change::{Change, NewFax};

use super::field::Field;
use super::invalid::{Faults, Path};
use super::pb;
use super::pb::change::Kind;
use super::setup;

/// Every change with its name and its fields. `Field` finds the rule of each by its types; a field
/// that is missing here on either side does not compile.
macro_rules! changes {
    ($($name:literal $change:ident { $($field:ident),+ })+) => {
        fn read_kind(faults: &mut Faults, at: &Path<'_>, kind: Kind) -> Option<Change> {
            match kind {
                $(Kind::$change(pb::$change { $($field),+ }) => {
                    let at = at.field($name);
                    $(let $field = Field::read(faults, &at.field(stringify!($field)), $field);)+
                    Some(Change::$change { $($field: $field?),+ })
                })+
                Kind::SetList(pb::SetList { account, subject, list, value }) => {
                    let at = at.field("set_list");
                    let account = Field::read(faults, &at.field("account"), account);
                    let subject = Field::read(faults, &at.field("subject"), subject);
                    let list = setup::member_list(faults, &at, list, value);
                    Some(Change::SetList { account: account?, subject: subject?, list: list? })
                }
            }
        }

        fn write_kind(change: &Change) -> Kind {
            match change {
                $(Change::$change { $($field),+ } => {
                    Kind::$change(pb::$change { $($field: $field.to_wire()),+ })
                })+
                Change::SetList { account, subject, list } => {
                    let (list, value) = setup::member_list_to_wire(list);
                    let (account, subject) = (account.to_wire(), subject.to_wire());
                    Kind::SetList(pb::SetList { account, subject, list, value })
                }
            }
        }

        /// The name of a change in field paths.
        pub fn kind_name(change: &Change) -> &'static str {
            match change {
                $(Change::$change { .. } => $name,)+
                Change::SetList { .. } => "set_list",
            }
        }
    };
}

changes! {
    "create_tenant" CreateTenant { title, model, root, kind, owner }
    "set_model" SetModel { model }
    "set_personal" SetPersonal { account, personal }
    "add_account" AddAccount { account, parent, title, sealed, owner }
    "set_sealed" SetSealed { account, sealed }
    "remove_account" RemoveAccount { account }
    "set_account_owner" SetAccountOwner { account, subject, owner }
    "set_entitlement" SetEntitlement { account, product, entitled }
    "set_flag" SetFlag { account, flag, on }
    "set_setting" SetSetting { account, setting, on }
    "add_role" AddRole { account, role, title, permissions, visibility }
    "adjust_role" AdjustRole { account, role, add, remove, visibility }
    "set_role_permissions" SetRolePermissions { account, role, permissions }
    "set_role_differences" SetRoleDifferences { account, role, add, remove }
    "set_role_visibility" SetRoleVisibility { account, role, level }
    "remove_role" RemoveRole { account, role }
    "add_member" AddMember { account, subject, status, roles }
    "set_member_status" SetMemberStatus { account, subject, status }
    "remove_member" RemoveMember { account, subject }
    "set_roles" SetRoles { account, subject, roles, keep_overrides }
    "set_override" SetOverride { account, subject, permission, value }
    "set_switch" SetSwitch { account, subject, product, on }
    "set_visibility" SetVisibility { account, subject, level }
    "set_default_number" SetDefaultNumber { account, subject, number }
    "set_delegation" SetDelegation { account, from, to, on }
    "invite" Invite { account, invitation, roles, expires_at }
    "accept_invitation" AcceptInvitation { invitation, subject }
    "revoke_invitation" RevokeInvitation { invitation }
    "add_group" AddGroup { account, group, title, roles }
    "remove_group" RemoveGroup { group }
    "set_group_roles" SetGroupRoles { group, roles }
    "set_group_member" SetGroupMember { group, subject, member }
    "set_group_owner" SetGroupOwner { group, subject, owner }
    "add_number" AddNumber { account, number, capabilities, active }
    "set_number_active" SetNumberActive { number, active }
    "set_number_capabilities" SetNumberCapabilities { number, capabilities }
    "move_number" MoveNumber { number, account }
    "set_number_target" SetNumberTarget { number, target, on }
    "remove_number" RemoveNumber { number }
    "add_retired_number" AddRetiredNumber { account, number }
    "add_extension" AddExtension { account, extension }
    "remove_extension" RemoveExtension { extension }
    "add_queue" AddQueue { account, queue }
    "remove_queue" RemoveQueue { queue }
    "add_faxbox" AddFaxbox { account, faxbox, title }
    "remove_faxbox" RemoveFaxbox { faxbox, faxes }
    "set_faxbox_member" SetFaxboxMember { faxbox, member, on }
    "set_faxbox_owner" SetFaxboxOwner { faxbox, subject, owner }
    "assign_fax" AssignFax { fax, assignee }
    "move_fax" MoveFax { fax, faxbox }
    "set_fax_state" SetFaxState { fax, state }
    "set_fax_labels" SetFaxLabels { fax, labels }
    "set_fax_attachment_sources" SetFaxAttachmentSources { fax, attachment_sources }
    "delete_fax" DeleteFax { fax }
}

/// Reads a change.
pub(super) fn read(faults: &mut Faults, at: &Path<'_>, message: pb::Change) -> Option<Change> {
    let pb::Change { kind } = message;
    match kind {
        Some(kind) => read_kind(faults, at, kind),
        None => faults.add(at, "names no change, or one that this server does not know"),
    }
}

/// A change on the wire.
pub fn change_to_wire(change: &Change) -> pb::Change {
    pb::Change { kind: Some(write_kind(change)) }
}

macro_rules! new_fax {
    ($($field:ident),+) => {
        /// Reads a fax to be registered.
        pub(super) fn read_fax(
            faults: &mut Faults,
            at: &Path<'_>,
            message: pb::NewFax,
        ) -> Option<NewFax> {
            let pb::NewFax { $($field),+ } = message;
            $(let $field = Field::read(faults, &at.field(stringify!($field)), $field);)+
            Some(NewFax { $($field: $field?),+ })
        }

        /// A fax to be registered, on the wire.
        pub fn new_fax_to_wire(fax: &NewFax) -> pb::NewFax {
            let NewFax { $($field),+ } = fax;
            pb::NewFax { $($field: $field.to_wire()),+ }
        }
    };
}

new_fax!(fax, account, direction, number, faxbox, creator, state, labels, at, attachment_sources);

#[cfg(test)]
mod tests;
