//! What one statement of a store reads about a subject, out of all rows of a tenant.

use std::collections::BTreeSet;

use lineguard_core::assemble::Dump;
use lineguard_core::id::Num;
use lineguard_core::port::{Home, MemberRows};
use lineguard_core::row::{Link, LinkKind, Object, ObjectKind};

pub fn member_rows(dump: &Dump, subject: &str, account: &str) -> Option<MemberRows> {
    let of_id = |kind: ObjectKind, id: &str| {
        dump.objects.iter().find(|one| one.kind == kind && one.id == id).map(|one| one.num)
    };
    let picker = Picker {
        dump,
        path: path(dump, of_id(ObjectKind::Account, account)?),
        qualified: subject,
        subject: of_id(ObjectKind::Subject, subject),
    };
    Some(MemberRows {
        tenant: dump.tenant.clone(),
        subject: picker.subject,
        objects: dump.objects.iter().filter(|one| picker.wants(one)).cloned().collect(),
        links: dump.links.iter().filter(|one| picker.wants_link(one)).copied().collect(),
        homes: picker.homes(),
        standings: dump.objects.iter().filter(|one| picker.decides(one)).cloned().collect(),
        path: picker.path,
    })
}

pub fn object(dump: &Dump, num: Num) -> Option<&Object> {
    dump.objects.iter().find(|one| one.num == num)
}

pub fn path(dump: &Dump, account: Num) -> Vec<Num> {
    let mut path = vec![account];
    while let Some(parent) = path.last().and_then(|num| object(dump, *num)?.account) {
        path.push(parent);
    }
    path
}

struct Picker<'a> {
    dump: &'a Dump,
    path: Vec<Num>,
    qualified: &'a str,
    subject: Option<Num>,
}

impl Picker<'_> {
    fn linked(&self, kind: LinkKind, a: Num, b: Option<Num>) -> bool {
        b.is_some_and(|b| self.dump.links.contains(&Link { kind, a, b }))
    }

    fn on_path(&self, one: &Object) -> bool {
        one.account.is_some_and(|account| self.path.contains(&account))
    }

    fn is_own_group(&self, num: Num) -> bool {
        object(self.dump, num).is_some_and(|group| self.on_path(group))
            && self.linked(LinkKind::GroupMember, num, self.subject)
    }

    fn is_own_member(&self, one: &Object) -> bool {
        one.kind == ObjectKind::Member && one.id == self.qualified && self.on_path(one)
    }

    fn delegates(&self, one: &Object) -> bool {
        one.kind == ObjectKind::Member
            && one.account == self.path.first().copied()
            && self.linked(LinkKind::Delegation, one.num, self.subject)
    }

    fn wants(&self, one: &Object) -> bool {
        match one.kind {
            ObjectKind::Account => {
                let around = path(self.dump, one.num);
                self.path.contains(&one.num)
                    || self.path.first().is_some_and(|a| around.contains(a))
            }
            ObjectKind::Role => self.on_path(one),
            ObjectKind::Member => self.is_own_member(one) || self.delegates(one),
            ObjectKind::Group => self.is_own_group(one.num),
            // The subject, and those of members who delegated.
            ObjectKind::Subject => {
                Some(one.num) == self.subject
                    || self
                        .dump
                        .objects
                        .iter()
                        .any(|member| self.delegates(member) && member.id == one.id)
            }
            _ => false,
        }
    }

    /// Faxboxes and owned groups, and the accounts from theirs up to the root.
    fn homes(&self) -> Vec<Home> {
        let mut homes = BTreeSet::new();
        for link in self.dump.links.iter().filter(|link| self.wants_link(link)) {
            let lies = matches!(
                link.kind,
                LinkKind::FaxboxUser
                    | LinkKind::FaxboxGroup
                    | LinkKind::FaxboxOwner
                    | LinkKind::GroupOwner
            );
            if lies {
                homes.extend(path(self.dump, link.a).into_iter().map(|num| Home {
                    num,
                    account: object(self.dump, num).and_then(|one| one.account),
                }));
            }
        }
        homes.into_iter().collect()
    }

    /// Members whose status decides about others: the subject's where things lie beside the path,
    /// and, of those who delegated, those above.
    fn decides(&self, one: &Object) -> bool {
        if one.kind != ObjectKind::Member {
            return false;
        }
        let delegates = |other: &Object| self.delegates(other) && other.id == one.id;
        let above = self.on_path(one) && one.account != self.path.first().copied();
        let own = one.id == self.qualified && !self.on_path(one);
        (own && self.homes().iter().any(|home| Some(home.num) == one.account))
            || (above && self.dump.objects.iter().any(delegates))
    }

    fn wants_link(&self, link: &Link) -> bool {
        let to_subject = Some(link.b) == self.subject;
        match link.kind {
            LinkKind::GroupMember => {
                to_subject || self.linked(LinkKind::GroupOwner, link.a, self.subject)
            }
            LinkKind::FaxboxUser
            | LinkKind::GroupOwner
            | LinkKind::FaxboxOwner
            | LinkKind::AccountOwner => to_subject,
            LinkKind::FaxboxGroup => self.is_own_group(link.b),
            LinkKind::Delegation => {
                to_subject && object(self.dump, link.a).is_some_and(|one| self.delegates(one))
            }
            LinkKind::NumberFaxbox | LinkKind::NumberGroup => false,
            _ => object(self.dump, link.a).is_some_and(|one| self.is_own_member(one)),
        }
    }
}
