//! Accounts, roles, members and invitations.

use lineguard_core::change::{Change, MemberList, NumberList, OverrideValue};
use lineguard_core::facts::MemberStatus;
use lineguard_core::vocabulary::SendChannel;

use super::{Collector, Done, put, said, set};
use crate::world::changes::listed;
use crate::world::{Invitation, Lists, Member, Role};

impl Collector<'_> {
    pub(super) fn account(&mut self, change: &Change) -> Done {
        let (Change::SetSealed { account: id, .. }
        | Change::SetAccountOwner { account: id, .. }
        | Change::SetEntitlement { account: id, .. }
        | Change::SetFlag { account: id, .. }
        | Change::SetSetting { account: id, .. }) = change
        else {
            return Ok(());
        };
        let missing = self.unknown("an account");
        let account = self.world.accounts.get_mut(id).ok_or(missing)?;
        match change {
            Change::SetSealed { sealed, .. } => account.sealed = Some(*sealed),
            Change::SetAccountOwner { subject, owner, .. } => {
                put(&mut account.owners, subject, *owner);
            }
            Change::SetEntitlement { product, entitled, .. } => {
                set(&mut account.entitlements, product, *entitled);
            }
            Change::SetFlag { flag, on, .. } => set(&mut account.flags, flag, *on),
            Change::SetSetting { setting, on, .. } => set(&mut account.settings, setting, *on),
            _ => {}
        }
        Ok(())
    }

    pub(super) fn role(&mut self, change: &Change) -> Done {
        let missing = self.unknown("a role");
        let roles = &mut self.world.roles;
        match change.clone() {
            Change::AddRole { account, role, title, permissions, visibility } => {
                let permissions = Some(permissions).filter(|keys| !keys.is_empty());
                let made = Role::Custom { title: said(&title), permissions, visibility };
                roles.insert((account, role), made);
            }
            Change::AdjustRole { account, role, add, remove, visibility } => {
                let made = Role::Adjusted { add: Some(add), remove: Some(remove), visibility };
                roles.insert((account, role), made);
            }
            Change::SetRolePermissions { account, role, permissions: keys } => {
                let Some(Role::Custom { permissions, .. }) = roles.get_mut(&(account, role)) else {
                    return Err(missing);
                };
                *permissions = Some(keys);
            }
            Change::SetRoleDifferences { account, role, add, remove } => {
                let (key, visibility) = ((account, role), None);
                match roles.get_mut(&key) {
                    None => drop(roles.insert(key, Role::Adjusted { add, remove, visibility })),
                    Some(Role::Adjusted { add: added, remove: removed, .. }) => {
                        *added = add.or(added.take());
                        *removed = remove.or(removed.take());
                    }
                    Some(Role::Custom { .. }) => return Err(missing),
                }
            }
            Change::SetRoleVisibility { account, role, level } => {
                let nothing = Role::Adjusted { add: None, remove: None, visibility: None };
                match roles.entry((account, role)).or_insert(nothing) {
                    Role::Custom { visibility, .. } | Role::Adjusted { visibility, .. } => {
                        *visibility = level;
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn member(&mut self, change: &Change) -> Done {
        if let Change::AddMember { account, subject, status, roles } = change {
            let member = self.world.members.entry((account.clone(), subject.clone())).or_default();
            member.status = Some(*status).filter(|status| *status != MemberStatus::Active);
            member.roles.clone_from(roles);
            return Ok(());
        }
        let (Change::SetMemberStatus { account, subject, .. }
        | Change::SetRoles { account, subject, .. }
        | Change::SetOverride { account, subject, .. }
        | Change::SetSwitch { account, subject, .. }
        | Change::SetVisibility { account, subject, .. }
        | Change::SetList { account, subject, .. }
        | Change::SetDefaultNumber { account, subject, .. }
        | Change::SetDelegation { account, from: subject, .. }) = change
        else {
            return Ok(());
        };
        let missing = self.unknown("a member");
        let owned = self.world.accounts.get(account).map(|account| &account.owners);
        let key = (account.clone(), subject.clone());
        let member = match self.world.members.get_mut(&key) {
            Some(member) => member,
            None if owned.is_some_and(|owners| owners.contains(subject)) => {
                self.world.members.entry(key).or_default()
            }
            None => return Err(missing),
        };
        set_member(member, change);
        Ok(())
    }

    pub(super) fn invitation(&mut self, change: &Change) -> Done {
        let missing = self.unknown("an invitation");
        let (Change::Invite { invitation: id, .. }
        | Change::AcceptInvitation { invitation: id, .. }
        | Change::RevokeInvitation { invitation: id }) = change
        else {
            return Ok(());
        };
        if let Change::Invite { account, roles, expires_at, .. } = change {
            let invitation = Invitation {
                account: account.clone(),
                roles: roles.clone(),
                expires_at: *expires_at,
                accepted_by: None,
                revoked: false,
            };
            self.world.invitations.insert(id.clone(), invitation);
            return Ok(());
        }
        let invitation = self.world.invitations.get_mut(id).ok_or(missing)?;
        match change {
            Change::AcceptInvitation { subject, .. } => {
                invitation.accepted_by = Some(subject.clone());
                let key = (invitation.account.clone(), subject.clone());
                let roles = invitation.roles.clone();
                self.world.members.entry(key).or_insert(Member { roles, ..Member::default() });
            }
            _ => invitation.revoked = true,
        }
        Ok(())
    }
}

fn set_member(member: &mut Member, change: &Change) {
    match change {
        Change::SetMemberStatus { status, .. } => member.status = Some(*status),
        Change::SetRoles { roles, keep_overrides, .. } => {
            member.roles = Some(roles.clone());
            if !keep_overrides {
                member.overrides.clear();
            }
        }
        Change::SetOverride { permission, value: OverrideValue::Unset, .. } => {
            member.overrides.remove(permission);
        }
        Change::SetOverride { permission, value, .. } => {
            member.overrides.insert(permission.clone(), value.clone());
        }
        Change::SetSwitch { product, on, .. } => set(&mut member.switches, product, *on),
        Change::SetVisibility { level, .. } => member.visibility.clone_from(level),
        Change::SetList { list, .. } => set_list(&mut member.lists, list),
        Change::SetDefaultNumber { number, .. } => member.default_number.clone_from(number),
        Change::SetDelegation { to, on, .. } => put(&mut member.delegates, to, *on),
        _ => {}
    }
}

fn set_list(lists: &mut Lists, list: &MemberList) {
    match list {
        MemberList::Numbers(NumberList::Access, value) => lists.access_numbers = listed(value),
        MemberList::Numbers(NumberList::AutoAssign, value) => {
            lists.auto_assign_numbers = listed(value);
        }
        MemberList::Numbers(NumberList::Granted, value) => lists.granted_numbers = listed(value),
        MemberList::HeldExtensions(value) => lists.held_extensions = listed(value),
        MemberList::GrantedExtensions(value) => lists.granted_extensions = listed(value),
        MemberList::GrantedQueues(value) => lists.granted_queues = listed(value),
        MemberList::Labels(value) => lists.labels = listed(value),
        MemberList::SendFrom(SendChannel::Fax, value) => lists.send_from_fax = listed(value),
        MemberList::SendFrom(SendChannel::Message, value) => {
            lists.send_from_message = listed(value);
        }
        MemberList::SendFrom(SendChannel::Call, value) => lists.send_from_call = listed(value),
        MemberList::AttachmentSources(value) => lists.attachment_sources = listed(value),
    }
}
