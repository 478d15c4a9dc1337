//! What a change concerns, and what a cached answer was built from, in the same words.
//!
//! An answer is outdated by a change that concerns one of the things it was built from. Every row
//! that a change writes is mapped here, by an exhaustive match: a new kind of row does not compile
//! until somebody has said what it concerns.

use crate::id::Num;
use crate::port::MemberRows;
use crate::row::{AccountBody, Link, LinkKind, Object, ObjectKind};

/// One thing of a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Concern {
    /// Everything: its model, its title, the tree of its accounts.
    Tenant,
    /// The set-up of an account, which holds for it and for all accounts below it.
    Account(Num),
    /// A subject, wherever in the tenant it is a member, in groups, in faxboxes, an owner.
    Subject(Num),
    /// A member: status, roles, overrides, lists.
    Member(Num),
    /// What a group has: roles, faxboxes, its account.
    Group(Num),
    /// Who is in a group. Concerns those who own it; the members themselves are concerned as
    /// subjects.
    Roster(Num),
    /// A faxbox.
    Faxbox(Num),
    /// A fax, by its own count of numbers.
    Fax(Num),
    /// A number.
    Number(Num),
    /// Which numbers an account has.
    Numbers(Num),
    /// An extension.
    Extension(Num),
    /// A queue.
    Queue(Num),
    /// A plain name, such as a label, or an invitation. Only names that exist are ever cached, and
    /// they do not change, so this outdates nothing.
    Name(Num),
}

impl Concern {
    /// Code and number, as they are stored.
    pub const fn parts(self) -> (u8, Num) {
        match self {
            Self::Tenant => (1, Num(0)),
            Self::Account(num) => (2, num),
            Self::Subject(num) => (3, num),
            Self::Member(num) => (4, num),
            Self::Group(num) => (5, num),
            Self::Roster(num) => (6, num),
            Self::Faxbox(num) => (7, num),
            Self::Fax(num) => (8, num),
            Self::Number(num) => (9, num),
            Self::Numbers(num) => (10, num),
            Self::Extension(num) => (11, num),
            Self::Queue(num) => (12, num),
            Self::Name(num) => (13, num),
        }
    }

    /// The concern of a stored code and number; none if there is no such code.
    pub const fn from_parts(code: u8, num: Num) -> Option<Self> {
        Some(match code {
            1 => Self::Tenant,
            2 => Self::Account(num),
            3 => Self::Subject(num),
            4 => Self::Member(num),
            5 => Self::Group(num),
            6 => Self::Roster(num),
            7 => Self::Faxbox(num),
            8 => Self::Fax(num),
            9 => Self::Number(num),
            10 => Self::Numbers(num),
            11 => Self::Extension(num),
            12 => Self::Queue(num),
            13 => Self::Name(num),
            _ => return None,
        })
    }
}

/// What a written row concerns.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Concerned {
    /// This.
    Thing(Concern),
    /// The subject with this qualified id, whose number the row does not say.
    SubjectOf(String),
}

impl From<Concern> for Concerned {
    fn from(concern: Concern) -> Self {
        Self::Thing(concern)
    }
}

/// What it concerns that an object was inserted (`before` is none), replaced or removed (`after`
/// is none).
pub fn of_object(before: Option<&Object>, after: Option<&Object>) -> Vec<Concerned> {
    let mut concerned = Vec::new();
    for object in before.into_iter().chain(after) {
        let num = object.num;
        match object.kind {
            ObjectKind::Account => concerned.push(Concern::Account(num).into()),
            ObjectKind::Member => {
                concerned.push(Concern::Member(num).into());
                concerned.push(Concerned::SubjectOf(object.id.clone()));
            }
            ObjectKind::Subject => concerned.push(Concern::Subject(num).into()),
            ObjectKind::Group => concerned.push(Concern::Group(num).into()),
            ObjectKind::Role => {
                concerned.push(object.account.map_or(Concern::Tenant, Concern::Account).into())
            }
            ObjectKind::Number => {
                concerned.push(Concern::Number(num).into());
                concerned.extend(object.account.map(|account| Concern::Numbers(account).into()));
            }
            ObjectKind::Extension => concerned.push(Concern::Extension(num).into()),
            ObjectKind::Queue => concerned.push(Concern::Queue(num).into()),
            ObjectKind::Faxbox => concerned.push(Concern::Faxbox(num).into()),
            ObjectKind::Invitation
            | ObjectKind::Label
            | ObjectKind::FormType
            | ObjectKind::DocumentType
            | ObjectKind::Template => concerned.push(Concern::Name(num).into()),
        }
    }
    if reshapes_the_tree(before, after) || moves(before, after) {
        concerned.push(Concern::Tenant.into());
    }
    concerned.sort_unstable();
    concerned.dedup();
    concerned
}

/// Whether the accounts above see another tree: what is below them, or what is sealed there. A
/// body that does not parse may hide anything.
fn reshapes_the_tree(before: Option<&Object>, after: Option<&Object>) -> bool {
    let account = |object: &&Object| object.kind == ObjectKind::Account;
    let shape = |object: &Object| {
        let body: Option<AccountBody> = serde_json::from_str(&object.body).ok();
        body.map(|body| (object.account, body.sealed))
    };
    match (before.filter(account), after.filter(account)) {
        (None, None) => false,
        (Some(before), Some(after)) => {
            let (before, after) = (shape(before), shape(after));
            before.is_none() || before != after
        }
        _ => true,
    }
}

/// Whether a group or a faxbox goes to another account. It comes into reach of members who were
/// built without it, or another membership decides about it, and nothing that they were built from
/// names it.
fn moves(before: Option<&Object>, after: Option<&Object>) -> bool {
    match (before, after) {
        (Some(before), Some(after)) => {
            let lies_somewhere = matches!(before.kind, ObjectKind::Group | ObjectKind::Faxbox);
            lies_somewhere && before.account != after.account
        }
        _ => false,
    }
}

/// What it concerns that a link was inserted or removed.
pub fn of_link(link: &Link) -> Vec<Concerned> {
    let Link { kind, a, b } = *link;
    match kind {
        LinkKind::GroupMember => vec![Concern::Subject(b).into(), Concern::Roster(a).into()],
        LinkKind::GroupOwner | LinkKind::FaxboxUser | LinkKind::FaxboxOwner => {
            vec![Concern::Subject(b).into()]
        }
        LinkKind::FaxboxGroup => vec![Concern::Group(b).into()],
        // Who owns an account also decides what may be done to them there, which is never cached.
        LinkKind::AccountOwner => vec![Concern::Subject(b).into()],
        LinkKind::NumberFaxbox | LinkKind::NumberGroup => vec![Concern::Number(a).into()],
        LinkKind::Delegation => vec![Concern::Member(a).into(), Concern::Subject(b).into()],
        LinkKind::AccessNumber
        | LinkKind::AutoAssignNumber
        | LinkKind::GrantedNumber
        | LinkKind::HeldExtension
        | LinkKind::GrantedExtension
        | LinkKind::GrantedQueue
        | LinkKind::MemberLabel
        | LinkKind::SendFromFax
        | LinkKind::SendFromMessage
        | LinkKind::SendFromCall
        | LinkKind::AttachmentSource
        | LinkKind::DefaultNumber
        | LinkKind::OverrideNumber => vec![Concern::Member(a).into()],
    }
}

/// What a member's authority depends on that is made of these rows, besides [`Concern::Tenant`],
/// on which everything depends; none if the tenant does not know the subject, because then nothing
/// names what would make it known.
///
/// Which membership decides about a group, a faxbox or a delegation may change by a membership that
/// did not exist when this was built. It is a membership of the subject or of somebody who
/// delegated to it, and whatever becomes of memberships concerns their subject.
pub fn of_member_rows(rows: &MemberRows) -> Option<Vec<Concern>> {
    let subject = rows.subject?;
    let mut concerns = vec![Concern::Subject(subject)];
    concerns.extend(rows.path.iter().map(|account| Concern::Account(*account)));
    for object in &rows.objects {
        match object.kind {
            // The subject's own memberships, and those of members who delegated to it.
            ObjectKind::Member => concerns.push(Concern::Member(object.num)),
            // Those who delegated.
            ObjectKind::Subject => concerns.push(Concern::Subject(object.num)),
            ObjectKind::Group => concerns.push(Concern::Group(object.num)),
            _ => {}
        }
    }
    let owned = rows.links.iter().filter(|link| link.kind == LinkKind::GroupOwner);
    concerns.extend(owned.map(|link| Concern::Roster(link.a)));
    concerns.sort_unstable();
    concerns.dedup();
    Some(concerns)
}
