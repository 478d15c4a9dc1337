//! What a change is about, in the words of a world file: for messages about a change that only the
//! server could refuse.

use lineguard_core::change::Change;
use lineguard_core::id::Subject;

use super::print::subject_text;

/// The part of a world file that a change comes from: ``member `anna` of `head-office` ``.
pub fn about(change: &Change) -> String {
    let of = |subject: &Subject, account: &dyn std::fmt::Display| {
        format!("member `{}` of `{account}`", subject_text(subject))
    };
    match change {
        Change::CreateTenant { .. } | Change::SetModel { .. } => "the tenant".to_owned(),
        Change::AddAccount { account, .. }
        | Change::SetPersonal { account, .. }
        | Change::SetSealed { account, .. }
        | Change::RemoveAccount { account }
        | Change::SetAccountOwner { account, .. }
        | Change::SetEntitlement { account, .. }
        | Change::SetFlag { account, .. }
        | Change::SetSetting { account, .. } => format!("account `{account}`"),
        Change::AddRole { account, role, .. }
        | Change::AdjustRole { account, role, .. }
        | Change::SetRolePermissions { account, role, .. }
        | Change::SetRoleDifferences { account, role, .. }
        | Change::SetRoleVisibility { account, role, .. }
        | Change::RemoveRole { account, role } => format!("role `{role}` of `{account}`"),
        Change::AddMember { account, subject, .. }
        | Change::SetMemberStatus { account, subject, .. }
        | Change::RemoveMember { account, subject }
        | Change::SetRoles { account, subject, .. }
        | Change::SetOverride { account, subject, .. }
        | Change::SetSwitch { account, subject, .. }
        | Change::SetVisibility { account, subject, .. }
        | Change::SetList { account, subject, .. }
        | Change::SetDefaultNumber { account, subject, .. }
        | Change::SetDelegation { account, from: subject, .. } => of(subject, account),
        Change::Invite { invitation, .. }
        | Change::AcceptInvitation { invitation, .. }
        | Change::RevokeInvitation { invitation } => format!("invitation `{invitation}`"),
        Change::AddGroup { group, .. }
        | Change::RemoveGroup { group }
        | Change::SetGroupRoles { group, .. }
        | Change::SetGroupMember { group, .. }
        | Change::SetGroupOwner { group, .. } => format!("group `{group}`"),
        Change::AddNumber { number, .. }
        | Change::SetNumberActive { number, .. }
        | Change::SetNumberCapabilities { number, .. }
        | Change::MoveNumber { number, .. }
        | Change::SetNumberTarget { number, .. }
        | Change::RemoveNumber { number }
        | Change::AddRetiredNumber { number, .. } => format!("number `{}`", number.as_str()),
        Change::AddExtension { extension, .. } | Change::RemoveExtension { extension } => {
            format!("extension `{extension}`")
        }
        Change::AddQueue { queue, .. } | Change::RemoveQueue { queue } => {
            format!("queue `{queue}`")
        }
        Change::AddFaxbox { faxbox, .. }
        | Change::RemoveFaxbox { faxbox, .. }
        | Change::SetFaxboxMember { faxbox, .. }
        | Change::SetFaxboxOwner { faxbox, .. } => format!("faxbox `{faxbox}`"),
        Change::AssignFax { fax, .. }
        | Change::MoveFax { fax, .. }
        | Change::SetFaxState { fax, .. }
        | Change::SetFaxLabels { fax, .. }
        | Change::SetFaxAttachmentSources { fax, .. }
        | Change::DeleteFax { fax } => format!("fax `{fax}`"),
    }
}
