//! From the changes that make a tenant back to its world. The export of a server is made of such
//! changes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use lineguard_core::change::{
    AccountKind, Change, MemberList, NewFax, NumberList, NumberTarget, OverrideValue, UserOrGroup,
};
use lineguard_core::id::{AccountId, Key, Subject};
use lineguard_core::vocabulary::SendChannel;

use super::changes::listed;
use super::{
    Account, Assignee, Fax, Faxbox, Group, Invitation, Lists, Member, Number, Role, TenantWorld,
};

/// Why changes do not describe a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CollectError {
    /// They do not begin with the tenant itself.
    NoTenant,
    /// A change names something that no change before it has made.
    Unknown {
        /// Position of the change.
        change: usize,
        /// What it names.
        what: &'static str,
    },
    /// A change takes away instead of making.
    TakesAway {
        /// Position of the change.
        change: usize,
    },
}

impl fmt::Display for CollectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTenant => f.write_str("the changes do not begin with the tenant itself"),
            Self::Unknown { change, what } => {
                write!(f, "change {change} names {what} that no change before it has made")
            }
            Self::TakesAway { change } => {
                write!(f, "change {change} takes something away; a world file only says what is")
            }
        }
    }
}

impl std::error::Error for CollectError {}

/// The world that these changes and faxes make.
pub fn collect(changes: &[Change], faxes: &[NewFax]) -> Result<TenantWorld, CollectError> {
    let Some((Change::CreateTenant { title, model, root, kind, owner }, rest)) =
        changes.split_first()
    else {
        return Err(CollectError::NoTenant);
    };
    let mut world = TenantWorld::new(title.clone(), *model, root.clone(), *kind);
    world.add_account(root, None, title, false, owner.as_ref());
    for fax in faxes {
        let new = NewFax { labels: unique(&fax.labels), ..fax.clone() };
        let fax = Fax { new, assignee: Assignee::Routed, unfiled: false };
        world.faxes.insert(fax.new.fax.clone(), fax);
    }
    for (position, change) in rest.iter().enumerate() {
        Collector { world: &mut world, position: position + 1 }.change(change)?;
    }
    world.settle();
    Ok(world)
}

fn unique<T: Ord + Clone>(items: &[T]) -> Vec<T> {
    let set: BTreeSet<T> = items.iter().cloned().collect();
    set.into_iter().collect()
}

impl TenantWorld {
    fn add_account(
        &mut self,
        id: &AccountId,
        parent: Option<&AccountId>,
        title: &str,
        sealed: bool,
        owner: Option<&Subject>,
    ) {
        let account = Account {
            parent: parent.cloned(),
            title: title.to_owned(),
            sealed,
            owners: owner.cloned().into_iter().collect(),
            ..Account::default()
        };
        self.accounts.insert(id.clone(), account);
    }

    /// Writes down what follows: an owner is a member, a second member makes a personal account a
    /// shared one.
    pub(super) fn settle(&mut self) {
        for (id, account) in &self.accounts {
            for owner in &account.owners {
                self.members.entry((id.clone(), owner.clone())).or_default();
            }
        }
        let in_root = self.members.keys().filter(|(account, _)| *account == self.root).count();
        if in_root > 1 {
            self.kind = AccountKind::Shared;
        }
    }
}

type Done = Result<(), CollectError>;

struct Collector<'w> {
    world: &'w mut TenantWorld,
    position: usize,
}

impl Collector<'_> {
    fn change(&mut self, change: &Change) -> Done {
        match change {
            Change::AddAccount { account, parent, title, sealed, owner } => {
                self.world.add_account(account, Some(parent), title, *sealed, owner.as_ref());
                Ok(())
            }
            Change::SetSealed { .. }
            | Change::SetAccountOwner { .. }
            | Change::SetEntitlement { .. }
            | Change::SetFlag { .. }
            | Change::SetSetting { .. } => self.account(change),
            Change::AddRole { .. } | Change::AdjustRole { .. } => {
                self.role(change);
                Ok(())
            }
            Change::AddMember { .. }
            | Change::SetMemberStatus { .. }
            | Change::SetRoles { .. }
            | Change::SetOverride { .. }
            | Change::SetSwitch { .. }
            | Change::SetVisibility { .. }
            | Change::SetList { .. }
            | Change::SetDefaultNumber { .. }
            | Change::SetDelegation { .. } => self.member(change),
            Change::Invite { .. }
            | Change::AcceptInvitation { .. }
            | Change::RevokeInvitation { .. } => self.invitation(change),
            Change::AddGroup { .. }
            | Change::SetGroupRoles { .. }
            | Change::SetGroupMember { .. }
            | Change::SetGroupOwner { .. } => self.group(change),
            Change::AddNumber { .. }
            | Change::SetNumberActive { .. }
            | Change::MoveNumber { .. }
            | Change::SetNumberTarget { .. }
            | Change::AddExtension { .. }
            | Change::AddQueue { .. } => self.line(change),
            Change::AddFaxbox { .. }
            | Change::SetFaxboxMember { .. }
            | Change::SetFaxboxOwner { .. } => self.faxbox(change),
            Change::AssignFax { .. }
            | Change::MoveFax { .. }
            | Change::SetFaxState { .. }
            | Change::SetFaxLabels { .. } => self.fax(change),
            Change::SetModel { model } => {
                self.world.model = *model;
                Ok(())
            }
            _ => Err(CollectError::TakesAway { change: self.position }),
        }
    }

    fn unknown(&self, what: &'static str) -> CollectError {
        CollectError::Unknown { change: self.position, what }
    }

    fn account(&mut self, change: &Change) -> Done {
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
            Change::SetSealed { sealed, .. } => account.sealed = *sealed,
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

    fn role(&mut self, change: &Change) {
        let (account, key, role) = match change.clone() {
            Change::AddRole { account, role, title, permissions, visibility } => {
                (account, role, Role::Custom { title, permissions, visibility })
            }
            Change::AdjustRole { account, role, add, remove, visibility } => {
                (account, role, Role::Adjusted { add, remove, visibility })
            }
            _ => return,
        };
        self.world.roles.insert((account, key), role);
    }

    fn member(&mut self, change: &Change) -> Done {
        if let Change::AddMember { account, subject, status, roles } = change {
            let member = self.world.members.entry((account.clone(), subject.clone())).or_default();
            member.status = *status;
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

    fn invitation(&mut self, change: &Change) -> Done {
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

    fn group(&mut self, change: &Change) -> Done {
        if let Change::AddGroup { account, group, title, roles } = change {
            let (account, title, roles) = (account.clone(), title.clone(), roles.clone());
            let (members, owners) = (BTreeSet::new(), BTreeSet::new());
            let made = Group { account, title, roles, members, owners };
            self.world.groups.insert(group.clone(), made);
            return Ok(());
        }
        let missing = self.unknown("a group");
        let (Change::SetGroupRoles { group, .. }
        | Change::SetGroupMember { group, .. }
        | Change::SetGroupOwner { group, .. }) = change
        else {
            return Ok(());
        };
        let group = self.world.groups.get_mut(group).ok_or(missing)?;
        match change {
            Change::SetGroupRoles { roles, .. } => group.roles.clone_from(roles),
            Change::SetGroupMember { subject, member, .. } => {
                put(&mut group.members, subject, *member);
            }
            Change::SetGroupOwner { subject, owner, .. } => {
                put(&mut group.owners, subject, *owner);
            }
            _ => {}
        }
        Ok(())
    }

    fn line(&mut self, change: &Change) -> Done {
        let missing = self.unknown("a number");
        match change {
            Change::AddExtension { account, extension } => {
                self.world.extensions.insert(extension.clone(), account.clone());
                return Ok(());
            }
            Change::AddQueue { account, queue } => {
                self.world.queues.insert(queue.clone(), account.clone());
                return Ok(());
            }
            Change::AddNumber { account, number, capabilities, active } => {
                let (account, capabilities, active) = (account.clone(), *capabilities, *active);
                let (groups, faxboxes) = (BTreeSet::new(), BTreeSet::new());
                let made = Number { account, capabilities, active, groups, faxboxes };
                self.world.numbers.insert(number.clone(), made);
                return Ok(());
            }
            _ => {}
        }
        let (Change::SetNumberActive { number, .. }
        | Change::MoveNumber { number, .. }
        | Change::SetNumberTarget { number, .. }) = change
        else {
            return Ok(());
        };
        let number = self.world.numbers.get_mut(number).ok_or(missing)?;
        match change {
            Change::SetNumberActive { active, .. } => number.active = *active,
            Change::MoveNumber { account, .. } => number.account = account.clone(),
            Change::SetNumberTarget { target: NumberTarget::Group(group), on, .. } => {
                put(&mut number.groups, group, *on);
            }
            Change::SetNumberTarget { target: NumberTarget::Faxbox(faxbox), on, .. } => {
                put(&mut number.faxboxes, faxbox, *on);
            }
            _ => {}
        }
        Ok(())
    }

    fn faxbox(&mut self, change: &Change) -> Done {
        if let Change::AddFaxbox { account, faxbox, title } = change {
            let (account, title) = (account.clone(), title.clone());
            let (members, groups, owners) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
            let made = Faxbox { account, title, members, groups, owners };
            self.world.faxboxes.insert(faxbox.clone(), made);
            return Ok(());
        }
        let missing = self.unknown("a faxbox");
        let (Change::SetFaxboxMember { faxbox, .. } | Change::SetFaxboxOwner { faxbox, .. }) =
            change
        else {
            return Ok(());
        };
        let faxbox = self.world.faxboxes.get_mut(faxbox).ok_or(missing)?;
        match change {
            Change::SetFaxboxMember { member: UserOrGroup::User(subject), on, .. } => {
                put(&mut faxbox.members, subject, *on);
            }
            Change::SetFaxboxMember { member: UserOrGroup::Group(group), on, .. } => {
                put(&mut faxbox.groups, group, *on);
            }
            Change::SetFaxboxOwner { subject, owner, .. } => {
                put(&mut faxbox.owners, subject, *owner);
            }
            _ => {}
        }
        Ok(())
    }

    fn fax(&mut self, change: &Change) -> Done {
        let missing = self.unknown("a fax");
        let (Change::AssignFax { fax, .. }
        | Change::MoveFax { fax, .. }
        | Change::SetFaxState { fax, .. }
        | Change::SetFaxLabels { fax, .. }) = change
        else {
            return Ok(());
        };
        let fax = self.world.faxes.get_mut(fax).ok_or(missing)?;
        match change {
            Change::AssignFax { assignee: None, .. } => fax.assignee = Assignee::Nobody,
            Change::AssignFax { assignee: Some(assignee), .. } => {
                fax.assignee = Assignee::To(assignee.clone());
            }
            Change::MoveFax { faxbox, .. } => {
                fax.unfiled = faxbox.is_none();
                fax.new.faxbox.clone_from(faxbox);
            }
            Change::SetFaxState { state, .. } => fax.new.state = *state,
            Change::SetFaxLabels { labels, .. } => fax.new.labels = unique(labels),
            _ => {}
        }
        Ok(())
    }
}

fn set_member(member: &mut Member, change: &Change) {
    match change {
        Change::SetMemberStatus { status, .. } => member.status = *status,
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

fn put<T: Ord + Clone>(set: &mut BTreeSet<T>, item: &T, on: bool) {
    if on {
        set.insert(item.clone());
    } else {
        set.remove(item);
    }
}

fn set(map: &mut BTreeMap<Key, bool>, key: &Key, on: Option<bool>) {
    match on {
        Some(on) => map.insert(key.clone(), on),
        None => map.remove(key),
    };
}
