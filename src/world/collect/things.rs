//! Groups, lines, faxboxes and faxes.

use std::collections::BTreeSet;

use lineguard_core::change::{Change, NumberTarget, UserOrGroup};

use super::{Collector, Done, put, said, unique};
use crate::world::{Assignee, EVERYTHING, Faxbox, Group, Number};

impl Collector<'_> {
    pub(super) fn group(&mut self, change: &Change) -> Done {
        if let Change::AddGroup { account, group, title, roles } = change {
            let (account, title) = (account.clone(), said(title));
            let roles = Some(roles.clone()).filter(|roles| !roles.is_empty());
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
            Change::SetGroupRoles { roles, .. } => group.roles = Some(roles.clone()),
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

    pub(super) fn line(&mut self, change: &Change) -> Done {
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
            Change::AddRetiredNumber { account, number } => {
                self.world.retired_numbers.insert(number.clone(), account.clone());
                return Ok(());
            }
            Change::AddNumber { account, number, capabilities, active } => {
                let account = account.clone();
                let capabilities = Some(*capabilities).filter(|can| *can != EVERYTHING);
                let active = (!active).then_some(false);
                let (groups, faxboxes) = (BTreeSet::new(), BTreeSet::new());
                let made = Number { account, capabilities, active, groups, faxboxes };
                self.world.numbers.insert(number.clone(), made);
                return Ok(());
            }
            _ => {}
        }
        let (Change::SetNumberActive { number, .. }
        | Change::SetNumberCapabilities { number, .. }
        | Change::MoveNumber { number, .. }
        | Change::SetNumberTarget { number, .. }) = change
        else {
            return Ok(());
        };
        let number = self.world.numbers.get_mut(number).ok_or(missing)?;
        match change {
            Change::SetNumberActive { active, .. } => number.active = Some(*active),
            Change::SetNumberCapabilities { capabilities, .. } => {
                number.capabilities = Some(*capabilities);
            }
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

    pub(super) fn faxbox(&mut self, change: &Change) -> Done {
        if let Change::AddFaxbox { account, faxbox, title } = change {
            let (account, title) = (account.clone(), said(title));
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

    pub(super) fn fax(&mut self, change: &Change) -> Done {
        let missing = self.unknown("a fax");
        let (Change::AssignFax { fax, .. }
        | Change::MoveFax { fax, .. }
        | Change::SetFaxState { fax, .. }
        | Change::SetFaxLabels { fax, .. }
        | Change::SetFaxAttachmentSources { fax, .. }) = change
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
            Change::SetFaxAttachmentSources { attachment_sources, .. } => {
                fax.new.attachment_sources = Some(*attachment_sources);
            }
            _ => {}
        }
        Ok(())
    }
}
