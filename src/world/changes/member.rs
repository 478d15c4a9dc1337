//! What is set at a member, as changes.

use std::collections::BTreeSet;

use lineguard_core::change::{Change, ListValue, MemberList, NumberList};
use lineguard_core::facts::MemberStatus;
use lineguard_core::id::{AccountId, Subject};
use lineguard_core::vocabulary::SendChannel;

use crate::world::{Listed, Lists, Member};

/// The membership itself.
pub(super) fn belongs(
    account: &AccountId,
    subject: &Subject,
    member: &Member,
    out: &mut Vec<Change>,
) {
    let who = || (account.clone(), subject.clone());
    let ((account, subject), roles) = (who(), member.roles.clone());
    let status = member.status.unwrap_or(MemberStatus::Active);
    out.push(Change::AddMember { account, subject, status, roles });
    if let Some(status) = member.status {
        let (account, subject) = who();
        out.push(Change::SetMemberStatus { account, subject, status });
    }
    let stays = member.status != Some(MemberStatus::Removed);
    if let Some(roles) = member.roles.clone().filter(|_| stays) {
        // Overrides that the text leaves out stay, too.
        let ((account, subject), keep_overrides) = (who(), true);
        out.push(Change::SetRoles { account, subject, roles, keep_overrides });
    }
}

impl Member {
    /// Whether the member would be active if they did not exist yet.
    pub(super) fn is_active_if_new(&self) -> bool {
        self.status.is_none_or(|status| status == MemberStatus::Active)
    }
}

/// What is set at a member who belongs to the account.
pub(super) fn details(
    account: &AccountId,
    subject: &Subject,
    member: &Member,
    out: &mut Vec<Change>,
) {
    let who = || (account.clone(), subject.clone());
    for (permission, value) in &member.overrides {
        let ((account, subject), value) = (who(), value.clone());
        out.push(Change::SetOverride { account, subject, permission: permission.clone(), value });
    }
    for (product, on) in &member.switches {
        let ((account, subject), on) = (who(), Some(*on));
        out.push(Change::SetSwitch { account, subject, product: product.clone(), on });
    }
    if let Some(level) = &member.visibility {
        let ((account, subject), level) = (who(), Some(level.clone()));
        out.push(Change::SetVisibility { account, subject, level });
    }
    for list in member.lists.set() {
        let (account, subject) = who();
        out.push(Change::SetList { account, subject, list });
    }
    if let Some(number) = &member.default_number {
        let ((account, subject), number) = (who(), Some(number.clone()));
        out.push(Change::SetDefaultNumber { account, subject, number });
    }
    for to in &member.delegates {
        let (account, from) = who();
        out.push(Change::SetDelegation { account, from, to: to.clone(), on: true });
    }
}

impl Lists {
    /// The lists that are set, as changes name them.
    fn set(&self) -> Vec<MemberList> {
        let numbers = |kind| move |value| MemberList::Numbers(kind, value);
        let from = |channel| move |value| MemberList::SendFrom(channel, value);
        let lists = [
            set(self.access_numbers.as_ref(), numbers(NumberList::Access)),
            set(self.auto_assign_numbers.as_ref(), numbers(NumberList::AutoAssign)),
            set(self.granted_numbers.as_ref(), numbers(NumberList::Granted)),
            set(self.held_extensions.as_ref(), MemberList::HeldExtensions),
            set(self.granted_extensions.as_ref(), MemberList::GrantedExtensions),
            set(self.granted_queues.as_ref(), MemberList::GrantedQueues),
            set(self.labels.as_ref(), MemberList::Labels),
            set(self.send_from_fax.as_ref(), from(SendChannel::Fax)),
            set(self.send_from_message.as_ref(), from(SendChannel::Message)),
            set(self.send_from_call.as_ref(), from(SendChannel::Call)),
            set(self.attachment_sources.as_ref(), MemberList::AttachmentSources),
        ];
        lists.into_iter().flatten().collect()
    }
}

fn set<T: Clone>(
    list: Option<&Listed<T>>,
    kind: impl FnOnce(ListValue<T>) -> MemberList,
) -> Option<MemberList> {
    Some(kind(match list? {
        Listed::All => ListValue::All,
        Listed::These(these) => ListValue::These(these.iter().cloned().collect()),
    }))
}

/// The values of a list as a set; none if it is unset.
pub(in crate::world) fn listed<T: Ord + Clone>(value: &ListValue<T>) -> Option<Listed<T>> {
    match value {
        ListValue::Unset => None,
        ListValue::All => Some(Listed::All),
        ListValue::These(these) => Some(Listed::These(BTreeSet::from_iter(these.iter().cloned()))),
    }
}
