//! Rows, models and questions as an engine with a bug takes them.

use std::sync::LazyLock;

use lineguard_core::assemble::Dump;
use lineguard_core::facts::{Capabilities, Fact, MemberStatus, NumberFacts, ResourceFacts};
use lineguard_core::id::Num;
use lineguard_core::model::reach::{Clause, Qualifiers};
use lineguard_core::model::{Model, PermissionKind};
use lineguard_core::request::{Conferred, Question};
use lineguard_core::row::{Link, LinkKind, MemberBody, Object, ObjectKind};
use lineguard_core::vocabulary::{self, Outgoing, Vocabulary};

use crate::engine::Bug;

/// A vocabulary in which no action needs sight of what it is done to.
pub static BLIND: LazyLock<Vocabulary> = LazyLock::new(|| without(&["sees = ", "seen_first = "]));

/// A vocabulary in which every action that sets something up passes seals.
pub static UNSTOPPED: LazyLock<Vocabulary> = LazyLock::new(|| without(&["stops_at_seals = "]));

fn without(starts: &[&str]) -> Vocabulary {
    let text = include_str!("../../../lineguard-core/models/vocabulary.toml");
    let kept = |line: &&str| !starts.iter().any(|start| line.starts_with(start));
    let lines: Vec<_> = text.lines().filter(kept).collect();
    vocabulary::parse(&lines.join("\n")).expect("the vocabulary without some of its lines")
}

/// The rows as an engine takes them that misreads what hangs on memberships.
pub fn rows(bug: Bug, dump: &Dump, subject: &str, account: &str) -> Option<Dump> {
    let acting = |one: &&Object| one.kind == ObjectKind::Account && one.id == account;
    let acting = dump.objects.iter().find(acting).map(|one| one.num);
    let mut read = dump.clone();
    let members = read.objects.iter_mut().filter(|one| one.kind == ObjectKind::Member);
    match bug {
        Bug::SuspensionElsewherePassedOver => members
            .filter(|one| one.id == subject && one.account != acting && is_suspended(one))
            .for_each(|one| set_status(one, MemberStatus::Invited)),
        Bug::DelegationOutlivesMembership => members
            .filter(|one| one.id != subject && one.account == acting)
            .for_each(|one| set_status(one, MemberStatus::Active)),
        Bug::TiesNeedNoMembership => {
            for account in without_membership(dump, subject, acting) {
                read.objects.push(plain_member(subject, account));
            }
        }
        Bug::SupervisionEverywhere => {
            let groups = read.objects.iter_mut().filter(|one| one.kind == ObjectKind::Group);
            for group in groups.filter(|one| supervises_beside(dump, subject, one)) {
                group.account = root(dump);
            }
        }
        Bug::FaxboxesOfGroupsAskTheGroupAlone => {
            for (faxbox, account) in boxes_of_groups(dump, subject) {
                let moved = read.objects.iter_mut().filter(|one| one.num == faxbox);
                moved.for_each(|one| one.account = Some(account));
            }
        }
        _ => return None,
    }
    Some(read)
}

pub fn drop_exceptions(model: &mut Model) {
    let clear = |qualifiers: &mut Qualifiers| qualifiers.except.clear();
    let clear_all = |reach: &mut Vec<Clause>| {
        for clause in reach {
            if let Clause::Match { qualifiers, .. } = clause {
                clear(qualifiers);
            }
        }
    };
    model.levels.iter_mut().for_each(|level| clear_all(&mut level.reach));
    for permission in &mut model.permissions {
        if let PermissionKind::Grant(grants) = &mut permission.kind {
            for grant in grants {
                clear(&mut grant.qualifiers);
                clear_all(&mut grant.reach);
            }
        }
    }
}

fn is_suspended(member: &Object) -> bool {
    let body: MemberBody = serde_json::from_str(&member.body).expect("a member's body");
    body.status == MemberStatus::Suspended.as_str()
}

fn set_status(member: &mut Object, status: MemberStatus) {
    let mut body: MemberBody = serde_json::from_str(&member.body).expect("a member's body");
    status.as_str().clone_into(&mut body.status);
    member.body = serde_json::to_string(&body).expect("a body is JSON");
}

/// Accounts, but for the acting one, that a subject is no member of and does not own, and have no groups with them
/// whose roles would count if they were a member.
fn without_membership(dump: &Dump, subject: &str, acting: Option<Num>) -> Vec<Num> {
    let all = || dump.objects.iter();
    let is = |one: &&Object, kind: ObjectKind| one.kind == kind;
    let person = all().find(|one| is(one, ObjectKind::Subject) && one.id == subject);
    let knows = |account: Num| {
        all().filter(|one| one.account == Some(account)).any(|one| match one.kind {
            ObjectKind::Member => one.id == subject,
            ObjectKind::Group => dump.links.iter().any(|link| {
                link.kind == LinkKind::GroupMember
                    && link.a == one.num
                    && person.is_some_and(|person| person.num == link.b)
            }),
            _ => false,
        })
    };
    let owns = |account: Num| {
        let of_account = |link: &&Link| link.kind == LinkKind::AccountOwner && link.a == account;
        let mut owners = dump.links.iter().filter(of_account);
        owners.any(|link| person.is_some_and(|person| person.num == link.b))
    };
    let accounts = all().filter(|one| is(one, ObjectKind::Account)).map(|one| one.num);
    let mut accounts: Vec<_> = accounts.collect();
    accounts.retain(|one| Some(*one) != acting && !knows(*one) && !owns(*one));
    accounts
}

/// Faxboxes that a subject is in through a group alone, with the group's account.
fn boxes_of_groups(dump: &Dump, subject: &str) -> Vec<(Num, Num)> {
    let is = |one: &&Object| one.kind == ObjectKind::Subject && one.id == subject;
    let Some(person) = dump.objects.iter().find(is).map(|one| one.num) else { return Vec::new() };
    let linked = |kind, a| dump.links.contains(&Link { kind, a, b: person });
    let shared = dump.links.iter().filter(|link| link.kind == LinkKind::FaxboxGroup);
    let through_group = shared.filter(|link| {
        linked(LinkKind::GroupMember, link.b)
            && !linked(LinkKind::FaxboxUser, link.a)
            && !linked(LinkKind::FaxboxOwner, link.a)
    });
    let account = |group: Num| dump.objects.iter().find(|one| one.num == group)?.account;
    through_group.filter_map(|link| Some((link.a, account(link.b)?))).collect()
}

fn root(dump: &Dump) -> Option<Num> {
    let is_root = |one: &&Object| one.kind == ObjectKind::Account && one.account.is_none();
    dump.objects.iter().find(is_root).map(|one| one.num)
}

/// Whether a group may be taken for one of the root without giving its owner anything but
/// supervision: they are no member of it, and an active one of both accounts.
fn supervises_beside(dump: &Dump, subject: &str, group: &Object) -> bool {
    let all = || dump.objects.iter();
    let person = all().find(|one| one.kind == ObjectKind::Subject && one.id == subject);
    let Some(person) = person.map(|one| one.num) else { return false };
    let linked = |kind| dump.links.contains(&Link { kind, a: group.num, b: person });
    let active = |account: Option<Num>| {
        all().filter(|one| one.kind == ObjectKind::Member && one.id == subject).any(|one| {
            let body: MemberBody = serde_json::from_str(&one.body).expect("a member's body");
            one.account == account && body.status == MemberStatus::Active.as_str()
        })
    };
    linked(LinkKind::GroupOwner)
        && !linked(LinkKind::GroupMember)
        && active(group.account)
        && active(root(dump))
}

/// An active member of an account, without anything.
fn plain_member(subject: &str, account: Num) -> Object {
    Object {
        num: Num(1_000_000 + account.0),
        kind: ObjectKind::Member,
        scope: account,
        id: subject.to_owned(),
        account: Some(account),
        body: r#"{"status":"active"}"#.to_owned(),
    }
}

/// Makes of the number that it goes out with one that can be used there.
pub fn make_usable(vocabulary: &Vocabulary, question: &mut Question) {
    let Some(def) = vocabulary.def(question.action).filter(|def| def.sends.is_some()) else {
        return;
    };
    let side = match (def.outgoing, &question.target) {
        (Outgoing::Target, Some(target)) => target,
        _ => &question.resource,
    };
    if let (Fact::Known(number), Fact::Known(account)) = (&side.number, &side.account) {
        let faxbox = match &side.faxbox {
            Fact::Known(faxbox) => vec![*faxbox],
            Fact::Missing | Fact::Absent => Vec::new(),
        };
        question.sent_from = Some(NumberFacts {
            number: *number,
            account: *account,
            active: true,
            capabilities: Capabilities { voice: true, fax: true, message: true },
            faxboxes: faxbox.into(),
        });
    }
}

/// A role that nobody knows, as one that gives nothing.
pub fn know_every_role(question: &mut Question) {
    if let Some(Conferred::Role { permissions, .. }) = &mut question.conferred {
        permissions.get_or_insert_default();
    }
}

pub fn forget_unseen_names(facts: &mut ResourceFacts) {
    let known =
        |labels: &[Num]| labels.iter().copied().filter(|one| *one != Num::UNKNOWN).collect();
    if let Fact::Known(labels) = &facts.labels {
        facts.labels = Fact::Known(known(labels));
    }
}

pub fn forget_what_is_missing(question: &mut Question) {
    fn absent<T>(fact: &mut Fact<T>) {
        if matches!(fact, Fact::Missing) {
            *fact = Fact::Absent;
        }
    }
    let forget = |facts: &mut ResourceFacts| {
        absent(&mut facts.account);
        absent(&mut facts.creator);
        absent(&mut facts.participants);
        absent(&mut facts.assignee);
        absent(&mut facts.faxbox);
        absent(&mut facts.number);
        absent(&mut facts.extension);
        absent(&mut facts.queue);
        absent(&mut facts.labels);
        absent(&mut facts.group);
        absent(&mut facts.direction);
        absent(&mut facts.state);
        absent(&mut facts.form_type);
        absent(&mut facts.document_type);
        absent(&mut facts.template);
        absent(&mut facts.sources);
    };
    forget(&mut question.resource);
    forget(question.target.get_or_insert_with(ResourceFacts::nowhere));
}
