//! From a world to the changes that make it, in an order in which each finds what it names.
//!
//! Nobody knows beforehand what exists. So an `Add…` says all that a new thing begins with, defaults
//! among it, and never changes one that exists; what the text says of a thing is said again by the
//! `Set…` that changes it.

mod member;

use std::collections::BTreeMap;

use lineguard_core::change::{AccountKind, Change, NewFax, NumberTarget, Part, UserOrGroup};
use lineguard_core::id::{AccountId, Key, Subject, TenantId};

pub(super) use member::listed;

use super::{Account, Assignee, EVERYTHING, Role, TenantWorld, World, default_model};

/// What makes one tenant, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Steps {
    /// The tenant.
    pub tenant: TenantId,
    /// Its set-up; begins with the tenant itself.
    pub changes: Vec<Change>,
    /// Faxes to register, oldest first.
    pub faxes: Vec<NewFax>,
    /// What became of the faxes afterwards.
    pub afterwards: Vec<Change>,
}

impl Steps {
    /// The same as parts of an import, none with more than `size` changes and faxes.
    pub fn into_parts(self, size: usize) -> Vec<Part> {
        let changes = |changes: &[Change]| Part { changes: changes.to_vec(), faxes: Vec::new() };
        let faxes = |faxes: &[NewFax]| Part { changes: Vec::new(), faxes: faxes.to_vec() };
        let size = size.max(1);
        let set_up = self.changes.chunks(size).map(changes);
        let afterwards = self.afterwards.chunks(size).map(changes);
        set_up.chain(self.faxes.chunks(size).map(faxes)).chain(afterwards).collect()
    }
}

impl World {
    /// What makes each tenant.
    pub fn steps(&self) -> Vec<Steps> {
        self.tenants.iter().map(|(id, tenant)| tenant.steps(id)).collect()
    }
}

impl TenantWorld {
    /// What makes the tenant.
    pub fn steps(&self, id: &TenantId) -> Steps {
        let mut changes = Vec::new();
        self.accounts(&mut changes);
        self.roles(&mut changes);
        self.lines(&mut changes);
        self.invitations(&mut changes);
        self.members(&mut changes);
        self.groups(&mut changes);
        for ((account, subject), member) in &self.members {
            member::details(account, subject, member, &mut changes);
        }
        self.faxboxes(&mut changes);
        self.targets(&mut changes);
        let (faxes, afterwards) = self.faxes();
        Steps { tenant: id.clone(), changes, faxes, afterwards }
    }

    fn accounts(&self, out: &mut Vec<Change>) {
        let mut below: BTreeMap<Option<&AccountId>, Vec<(&AccountId, &Account)>> = BTreeMap::new();
        for (id, account) in &self.accounts {
            below.entry(account.parent.as_ref()).or_default().push((id, account));
        }
        // Parents before children. What hangs on no root is refused by the parser.
        let mut next = below.remove(&None).unwrap_or_default();
        while let Some((id, account)) = next.pop() {
            let owner = self.first_owner(id, account);
            match &account.parent {
                None => self.tenant(owner, out),
                Some(parent) => out.push(Change::AddAccount {
                    account: id.clone(),
                    parent: parent.clone(),
                    title: account.title.clone().unwrap_or_default(),
                    sealed: account.sealed.unwrap_or_default(),
                    owner,
                }),
            }
            set_up(id, account, out);
            next.extend(below.remove(&Some(id)).unwrap_or_default());
        }
    }

    fn tenant(&self, owner: Option<Subject>, out: &mut Vec<Change>) {
        out.push(Change::CreateTenant {
            title: self.title.clone().unwrap_or_default(),
            model: self.model.unwrap_or_else(default_model),
            root: self.root.clone(),
            kind: self.kind.unwrap_or_default(),
            owner,
        });
        out.extend(self.model.map(|model| Change::SetModel { model }));
        out.extend(self.kind.map(|kind| Change::SetPersonal {
            account: self.root.clone(),
            personal: kind == AccountKind::Personal,
        }));
    }

    /// The owner that the account is created with: one who will be active, because the last
    /// active owner cannot be suspended.
    fn first_owner(&self, id: &AccountId, account: &Account) -> Option<Subject> {
        let active = |owner: &&Subject| {
            let member = self.members.get(&(id.clone(), (*owner).clone()));
            member.is_none_or(|member| member.is_active_if_new())
        };
        account.owners.iter().find(active).or(account.owners.first()).cloned()
    }

    fn roles(&self, out: &mut Vec<Change>) {
        for ((account, key), role) in &self.roles {
            let of = || (account.clone(), key.clone());
            let level = match role.clone() {
                Role::Custom { title, permissions, visibility } => {
                    let (account, role) = of();
                    out.push(Change::AddRole {
                        account,
                        role,
                        title: title.unwrap_or_default(),
                        permissions: permissions.clone().unwrap_or_default(),
                        visibility: visibility.clone(),
                    });
                    out.extend(permissions.map(|permissions| {
                        let (account, role) = of();
                        Change::SetRolePermissions { account, role, permissions }
                    }));
                    visibility
                }
                Role::Adjusted { add, remove, visibility } => {
                    let (account, role) = of();
                    if add.is_some() || remove.is_some() {
                        out.push(Change::SetRoleDifferences { account, role, add, remove });
                    }
                    visibility
                }
            };
            out.extend(level.map(|level| {
                let (account, role) = of();
                Change::SetRoleVisibility { account, role, level: Some(level) }
            }));
        }
    }

    fn lines(&self, out: &mut Vec<Change>) {
        for (number, of) in &self.numbers {
            out.push(Change::AddNumber {
                account: of.account.clone(),
                number: number.clone(),
                capabilities: of.capabilities.unwrap_or(EVERYTHING),
                active: of.active.unwrap_or(true),
            });
            out.extend(of.capabilities.map(|capabilities| Change::SetNumberCapabilities {
                number: number.clone(),
                capabilities,
            }));
            out.extend(
                of.active.map(|active| Change::SetNumberActive { number: number.clone(), active }),
            );
        }
        for (number, account) in &self.retired_numbers {
            let (account, number) = (account.clone(), number.clone());
            out.push(Change::AddRetiredNumber { account, number });
        }
        for (extension, account) in &self.extensions {
            let (account, extension) = (account.clone(), extension.clone());
            out.push(Change::AddExtension { account, extension });
        }
        for (queue, account) in &self.queues {
            let (account, queue) = (account.clone(), queue.clone());
            out.push(Change::AddQueue { account, queue });
        }
    }

    fn invitations(&self, out: &mut Vec<Change>) {
        for (id, invitation) in &self.invitations {
            out.push(Change::Invite {
                account: invitation.account.clone(),
                invitation: id.clone(),
                roles: invitation.roles.clone(),
                expires_at: invitation.expires_at,
            });
            if let Some(subject) = invitation.accepted_by.clone() {
                out.push(Change::AcceptInvitation { invitation: id.clone(), subject });
            } else if invitation.revoked {
                out.push(Change::RevokeInvitation { invitation: id.clone() });
            }
        }
    }

    fn members(&self, out: &mut Vec<Change>) {
        // Owners first: an account must have an active one before another is suspended.
        for owners in [true, false] {
            for ((account, subject), member) in &self.members {
                let owned = self.accounts.get(account).map(|account| &account.owners);
                if owned.is_some_and(|set| set.contains(subject)) != owners {
                    continue;
                }
                member::belongs(account, subject, member, out);
            }
        }
        for (id, account) in &self.accounts {
            for owner in &account.owners {
                out.push(Change::SetAccountOwner {
                    account: id.clone(),
                    subject: owner.clone(),
                    owner: true,
                });
            }
        }
    }

    fn groups(&self, out: &mut Vec<Change>) {
        for (id, group) in &self.groups {
            out.push(Change::AddGroup {
                account: group.account.clone(),
                group: id.clone(),
                title: group.title.clone().unwrap_or_default(),
                roles: group.roles.clone().unwrap_or_default(),
            });
            out.extend(
                group.roles.clone().map(|roles| Change::SetGroupRoles { group: id.clone(), roles }),
            );
            let group_of = |subject: &Subject| (id.clone(), subject.clone());
            out.extend(
                group.members.iter().map(group_of).map(|(group, subject)| Change::SetGroupMember {
                    group,
                    subject,
                    member: true,
                }),
            );
            out.extend(
                group.owners.iter().map(group_of).map(|(group, subject)| Change::SetGroupOwner {
                    group,
                    subject,
                    owner: true,
                }),
            );
        }
    }

    fn faxboxes(&self, out: &mut Vec<Change>) {
        for (id, faxbox) in &self.faxboxes {
            out.push(Change::AddFaxbox {
                account: faxbox.account.clone(),
                faxbox: id.clone(),
                title: faxbox.title.clone().unwrap_or_default(),
            });
            let users = faxbox.members.iter().cloned().map(UserOrGroup::User);
            let groups = faxbox.groups.iter().cloned().map(UserOrGroup::Group);
            out.extend(users.chain(groups).map(|member| Change::SetFaxboxMember {
                faxbox: id.clone(),
                member,
                on: true,
            }));
            out.extend(faxbox.owners.iter().map(|subject| Change::SetFaxboxOwner {
                faxbox: id.clone(),
                subject: subject.clone(),
                owner: true,
            }));
        }
    }

    fn targets(&self, out: &mut Vec<Change>) {
        for (number, of) in &self.numbers {
            let groups = of.groups.iter().cloned().map(NumberTarget::Group);
            let faxboxes = of.faxboxes.iter().cloned().map(NumberTarget::Faxbox);
            out.extend(groups.chain(faxboxes).map(|target| Change::SetNumberTarget {
                number: number.clone(),
                target,
                on: true,
            }));
        }
    }

    fn faxes(&self) -> (Vec<NewFax>, Vec<Change>) {
        let mut faxes: Vec<_> = self.faxes.values().collect();
        faxes.sort_by(|a, b| (a.new.at, &a.new.fax).cmp(&(b.new.at, &b.new.fax)));
        let mut afterwards = Vec::new();
        for fax in &faxes {
            let id = || fax.new.fax.clone();
            if fax.unfiled {
                afterwards.push(Change::MoveFax { fax: id(), faxbox: None });
            }
            match &fax.assignee {
                Assignee::Routed => {}
                Assignee::Nobody => {
                    afterwards.push(Change::AssignFax { fax: id(), assignee: None });
                }
                Assignee::To(assignee) => {
                    let assignee = Some(assignee.clone());
                    afterwards.push(Change::AssignFax { fax: id(), assignee });
                }
            }
        }
        (faxes.into_iter().map(|fax| fax.new.clone()).collect(), afterwards)
    }
}

fn set_up(id: &AccountId, account: &Account, out: &mut Vec<Change>) {
    let pairs = |map: &BTreeMap<Key, bool>| -> Vec<(Key, Option<bool>)> {
        map.iter().map(|(key, on)| (key.clone(), Some(*on))).collect()
    };
    out.extend(account.sealed.map(|sealed| Change::SetSealed { account: id.clone(), sealed }));
    for (product, entitled) in pairs(&account.entitlements) {
        out.push(Change::SetEntitlement { account: id.clone(), product, entitled });
    }
    for (flag, on) in pairs(&account.flags) {
        out.push(Change::SetFlag { account: id.clone(), flag, on });
    }
    for (setting, on) in pairs(&account.settings) {
        out.push(Change::SetSetting { account: id.clone(), setting, on });
    }
}
