//! The changes that make an object again. They are in two groups: what makes the objects, and what
//! ties them together once all of them are there.
//!
//! An `Add…` makes a new object all that it is, and changes none that exists; `Set…` says again what
//! one that exists shall be. What would give something back is not said again: that a member or a
//! number is active, that an account is open, that a root is shared (rulings R40).

use lineguard_core::change::{Change, UserOrGroup};
use lineguard_core::facts::MemberStatus;
use lineguard_core::id::{AccountId, Subject};

use crate::objects::{
    Account, Definition, Faxbox, Group, Invitation, Member, Number, Role, Stored,
};

/// What makes an object with all that needs nothing else of its kind or a later one.
pub(super) fn make(object: &Stored, out: &mut Vec<Change>) {
    match object {
        Stored::Account(account) => make_account(account, out),
        Stored::Member(member) => make_member(member, out),
        Stored::Group(Group { group, account, title, roles, .. }) => {
            out.push(Change::AddGroup {
                account: account.clone(),
                group: group.clone(),
                title: title.clone(),
                roles: roles.clone(),
            });
            out.push(Change::SetGroupRoles { group: group.clone(), roles: roles.clone() });
        }
        Stored::Role(role) => make_role(role, out),
        Stored::Number(number) => {
            let Number { number, account, capabilities, active, targets: _ } = number;
            out.push(Change::AddNumber {
                account: account.clone(),
                number: number.clone(),
                capabilities: *capabilities,
                active: *active,
            });
            let number = || number.clone();
            let capabilities = *capabilities;
            out.push(Change::SetNumberCapabilities { number: number(), capabilities });
            if !active {
                out.push(Change::SetNumberActive { number: number(), active: false });
            }
        }
        Stored::RetiredNumber(number, account) => {
            out.push(Change::AddRetiredNumber { account: account.clone(), number: number.clone() })
        }
        Stored::Extension(extension, account) => out
            .push(Change::AddExtension { account: account.clone(), extension: extension.clone() }),
        Stored::Queue(queue, account) => {
            out.push(Change::AddQueue { account: account.clone(), queue: queue.clone() });
        }
        Stored::Faxbox(Faxbox { faxbox, account, title, .. }) => out.push(Change::AddFaxbox {
            account: account.clone(),
            faxbox: faxbox.clone(),
            title: title.clone(),
        }),
        Stored::Invitation(invitation) => make_invitation(invitation, out),
    }
}

/// What ties an object to others.
pub(super) fn tie(object: &Stored, out: &mut Vec<Change>) {
    match object {
        Stored::Account(Account { account, owners, .. }) => {
            out.extend(owners.iter().map(|owner| Change::SetAccountOwner {
                account: account.clone(),
                subject: owner.clone(),
                owner: true,
            }));
        }
        Stored::Member(member) => tie_member(member, out),
        Stored::Group(Group { group, members, owners, .. }) => {
            let member = |subject: &Subject| Change::SetGroupMember {
                group: group.clone(),
                subject: subject.clone(),
                member: true,
            };
            let owner = |subject: &Subject| Change::SetGroupOwner {
                group: group.clone(),
                subject: subject.clone(),
                owner: true,
            };
            out.extend(members.iter().map(member).chain(owners.iter().map(owner)));
        }
        Stored::Number(Number { number, targets, .. }) => {
            out.extend(targets.iter().map(|target| Change::SetNumberTarget {
                number: number.clone(),
                target: target.clone(),
                on: true,
            }));
        }
        Stored::Faxbox(Faxbox { faxbox, members, owners, .. }) => {
            let member = |member: &UserOrGroup| Change::SetFaxboxMember {
                faxbox: faxbox.clone(),
                member: member.clone(),
                on: true,
            };
            let owner = |subject: &Subject| Change::SetFaxboxOwner {
                faxbox: faxbox.clone(),
                subject: subject.clone(),
                owner: true,
            };
            out.extend(members.iter().map(member).chain(owners.iter().map(owner)));
        }
        Stored::Role(_)
        | Stored::RetiredNumber(..)
        | Stored::Extension(..)
        | Stored::Queue(..)
        | Stored::Invitation(_) => {}
    }
}

fn make_account(made: &Account, out: &mut Vec<Change>) {
    let Account { account, parent, title, kind: _, sealed, .. } = made;
    // The root comes with the tenant.
    if let Some(parent) = parent {
        out.push(Change::AddAccount {
            account: account.clone(),
            parent: parent.clone(),
            title: title.clone(),
            sealed: *sealed,
            owner: None,
        });
    }
    if *sealed {
        out.push(Change::SetSealed { account: account.clone(), sealed: true });
    }
    let entitlement = |(product, entitled): (&_, &bool)| Change::SetEntitlement {
        account: account.clone(),
        product: Clone::clone(product),
        entitled: Some(*entitled),
    };
    let flag = |(flag, on): (&_, &bool)| Change::SetFlag {
        account: account.clone(),
        flag: Clone::clone(flag),
        on: Some(*on),
    };
    let setting = |(setting, on): (&_, &bool)| Change::SetSetting {
        account: account.clone(),
        setting: Clone::clone(setting),
        on: Some(*on),
    };
    out.extend(made.entitlements.iter().map(entitlement));
    out.extend(made.flags.iter().map(flag));
    out.extend(made.settings.iter().map(setting));
}

fn make_role(role: &Role, out: &mut Vec<Change>) {
    let Role { account, role, definition, visibility } = role;
    let of = || (account.clone(), role.clone());
    match definition.clone() {
        Definition::Custom { title, permissions } => {
            let ((account, role), visibility) = (of(), visibility.clone());
            let held = permissions.clone();
            out.push(Change::AddRole { account, role, title, permissions: held, visibility });
            let (account, role) = of();
            out.push(Change::SetRolePermissions { account, role, permissions });
        }
        Definition::Adjusted { add, remove } => {
            let ((account, role), add, remove) = (of(), Some(add), Some(remove));
            out.push(Change::SetRoleDifferences { account, role, add, remove });
        }
    }
    if visibility.is_some() {
        let ((account, role), level) = (of(), visibility.clone());
        out.push(Change::SetRoleVisibility { account, role, level });
    }
}

fn make_member(member: &Member, out: &mut Vec<Change>) {
    let Member { account, subject, status, roles, .. } = member;
    out.push(Change::AddMember {
        account: account.clone(),
        subject: subject.clone(),
        status: *status,
        roles: Some(roles.clone()).filter(|_| *status != MemberStatus::Removed),
    });
    let of = || (account.clone(), subject.clone());
    if *status != MemberStatus::Active {
        let ((account, subject), status) = (of(), *status);
        out.push(Change::SetMemberStatus { account, subject, status });
    }
    if *status != MemberStatus::Removed {
        let ((account, subject), roles) = (of(), roles.clone());
        out.push(Change::SetRoles { account, subject, roles, keep_overrides: true });
        let Member { account, subject, .. } = member;
        set_up_member(account, subject, member, out);
    }
}

fn set_up_member(account: &AccountId, subject: &Subject, member: &Member, out: &mut Vec<Change>) {
    let of = || (account.clone(), subject.clone());
    for (permission, value) in &member.overrides {
        let ((account, subject), permission) = (of(), permission.clone());
        out.push(Change::SetOverride { account, subject, permission, value: value.clone() });
    }
    for (product, on) in &member.switches {
        let ((account, subject), product) = (of(), product.clone());
        out.push(Change::SetSwitch { account, subject, product, on: Some(*on) });
    }
    if member.visibility.is_some() {
        let ((account, subject), level) = (of(), member.visibility.clone());
        out.push(Change::SetVisibility { account, subject, level });
    }
    for list in &member.lists {
        let ((account, subject), list) = (of(), list.clone());
        out.push(Change::SetList { account, subject, list });
    }
    if member.default_number.is_some() {
        let ((account, subject), number) = (of(), member.default_number.clone());
        out.push(Change::SetDefaultNumber { account, subject, number });
    }
}

fn tie_member(member: &Member, out: &mut Vec<Change>) {
    let Member { account, subject, delegates, .. } = member;
    out.extend(delegates.iter().map(|to| Change::SetDelegation {
        account: account.clone(),
        from: subject.clone(),
        to: to.clone(),
        on: true,
    }));
}

/// An accepted invitation has become a membership and is history.
fn make_invitation(invitation: &Invitation, out: &mut Vec<Change>) {
    let Invitation { invitation, account, roles, expires_at, accepted_by, revoked } = invitation;
    if accepted_by.is_some() {
        return;
    }
    out.push(Change::Invite {
        account: account.clone(),
        invitation: invitation.clone(),
        roles: Some(roles.clone()),
        expires_at: *expires_at,
    });
    if *revoked {
        out.push(Change::RevokeInvitation { invitation: invitation.clone() });
    }
}
