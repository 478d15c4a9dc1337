//! From the changes that make a tenant back to its world. The export of a server is made of such
//! changes.
//!
//! An `Add…` says what a new thing begins with; of that, defaults are as good as left out. What is
//! set has been said.

mod people;
mod things;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use lineguard_core::change::{AccountKind, Change, NewFax};
use lineguard_core::facts::MemberStatus;
use lineguard_core::id::{AccountId, Key, Subject};

use super::{Account, Assignee, Fax, Member, TenantWorld, default_model};

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
    let mut world = TenantWorld {
        title: said(title),
        model: Some(*model).filter(|model| *model != default_model()),
        kind: Some(*kind).filter(|kind| *kind != AccountKind::default()),
        ..TenantWorld::new(root.clone())
    };
    world.add_account(root, None, "", false, owner.as_ref());
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

/// A title, if there is one.
fn said(title: &str) -> Option<String> {
    Some(title.to_owned()).filter(|title| !title.is_empty())
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
            title: said(title),
            sealed: sealed.then_some(true),
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
        let in_root = |((account, _), member): &(&(AccountId, Subject), &Member)| {
            *account == self.root && member.status != Some(MemberStatus::Removed)
        };
        if self.members.iter().filter(in_root).count() > 1 {
            self.kind = self.kind.filter(|kind| *kind == AccountKind::Shared);
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
            Change::AddRole { .. }
            | Change::AdjustRole { .. }
            | Change::SetRolePermissions { .. }
            | Change::SetRoleDifferences { .. }
            | Change::SetRoleVisibility { .. } => self.role(change),
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
            | Change::AddRetiredNumber { .. }
            | Change::SetNumberActive { .. }
            | Change::SetNumberCapabilities { .. }
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
            | Change::SetFaxLabels { .. }
            | Change::SetFaxAttachmentSources { .. } => self.fax(change),
            Change::SetModel { model } => {
                self.world.model = Some(*model);
                Ok(())
            }
            Change::SetPersonal { account, personal } if *account == self.world.root => {
                let kind = if *personal { AccountKind::Personal } else { AccountKind::Shared };
                self.world.kind = Some(kind);
                Ok(())
            }
            Change::SetPersonal { .. } => Err(self.unknown("a root account")),
            _ => Err(CollectError::TakesAway { change: self.position }),
        }
    }

    fn unknown(&self, what: &'static str) -> CollectError {
        CollectError::Unknown { change: self.position, what }
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
