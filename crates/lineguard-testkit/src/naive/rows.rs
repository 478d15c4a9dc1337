//! The rows of a tenant with their bodies read, and the few walks over them that rules speak of.

use lineguard_core::assemble::Dump;
use lineguard_core::change::AttachmentSource;
use lineguard_core::facts::{Fact, ResourceFacts};
use lineguard_core::id::Num;
use lineguard_core::model::Model;
use lineguard_core::model::reach::FaxState;
use lineguard_core::port::FaxRow;
use lineguard_core::row::{
    AccountBody, GroupBody, Link, LinkKind, MemberBody, NumberBody, Object, ObjectKind, RoleBody,
};
use lineguard_core::vocabulary::Vocabulary;

/// A tenant: its rows, its model, and the words.
#[derive(Debug)]
pub struct World<'a> {
    pub(super) model: &'a Model,
    pub(super) vocabulary: &'a Vocabulary,
    pub(super) objects: &'a [Object],
    pub(super) links: &'a [Link],
    pub(super) faxes: &'a [FaxRow],
    pub(super) accounts: Vec<Account>,
    pub(super) members: Vec<Member>,
    pub(super) groups: Vec<Group>,
    pub(super) roles: Vec<RoleRow>,
    pub(super) numbers: Vec<NumberRow>,
}

#[derive(Debug)]
pub(super) struct Account {
    pub(super) num: Num,
    pub(super) id: String,
    pub(super) parent: Option<Num>,
    pub(super) body: AccountBody,
}

#[derive(Debug)]
pub(super) struct Member {
    pub(super) num: Num,
    pub(super) account: Num,
    /// The qualified subject.
    pub(super) subject: String,
    pub(super) body: MemberBody,
}

#[derive(Debug)]
pub(super) struct Group {
    pub(super) num: Num,
    pub(super) account: Num,
    pub(super) body: GroupBody,
}

#[derive(Debug)]
pub(super) struct RoleRow {
    pub(super) account: Num,
    pub(super) key: String,
    pub(super) body: RoleBody,
}

#[derive(Debug)]
pub(super) struct NumberRow {
    pub(super) num: Num,
    pub(super) account: Num,
    pub(super) body: NumberBody,
}

impl<'a> World<'a> {
    /// Reads the bodies of all rows; the error names the first row that does not parse.
    pub fn read(
        dump: &'a Dump,
        model: &'a Model,
        vocabulary: &'a Vocabulary,
    ) -> Result<Self, String> {
        let mut world = Self {
            model,
            vocabulary,
            objects: &dump.objects,
            links: &dump.links,
            faxes: &dump.faxes,
            accounts: Vec::new(),
            members: Vec::new(),
            groups: Vec::new(),
            roles: Vec::new(),
            numbers: Vec::new(),
        };
        for object in &dump.objects {
            world
                .read_object(object)
                .map_err(|error| format!("object {} does not parse: {error}", object.num.0))?;
        }
        Ok(world)
    }

    fn read_object(&mut self, object: &Object) -> Result<(), serde_json::Error> {
        let Object { num, kind, scope, id, account, body } = object;
        let (num, lies_in) = (*num, account.unwrap_or(*scope));
        match kind {
            ObjectKind::Account => self.accounts.push(Account {
                num,
                id: id.clone(),
                parent: *account,
                body: serde_json::from_str(body)?,
            }),
            ObjectKind::Member => self.members.push(Member {
                num,
                account: lies_in,
                subject: id.clone(),
                body: serde_json::from_str(body)?,
            }),
            ObjectKind::Group => {
                self.groups.push(Group { num, account: lies_in, body: serde_json::from_str(body)? })
            }
            ObjectKind::Role => self.roles.push(RoleRow {
                account: lies_in,
                key: id.clone(),
                body: serde_json::from_str(body)?,
            }),
            ObjectKind::Number => self.numbers.push(NumberRow {
                num,
                account: lies_in,
                body: serde_json::from_str(body)?,
            }),
            _ => {}
        }
        Ok(())
    }

    /// The account and its ancestors up to the root.
    pub(super) fn path(&self, account: Num) -> Vec<&Account> {
        let mut path = Vec::new();
        let mut next = Some(account);
        while let Some(num) = next {
            let Some(found) = self.accounts.iter().find(|one| one.num == num) else { break };
            path.push(found);
            next = found.parent;
        }
        path
    }

    /// The account that an object lies in.
    pub(super) fn account_of(&self, num: Num) -> Option<Num> {
        self.objects.iter().find(|object| object.num == num).and_then(|object| object.account)
    }

    /// Whether an account is another one or lies below it.
    pub(super) fn lies_in(&self, account: Num, other: Num) -> bool {
        self.path(account).iter().any(|one| one.num == other)
    }

    /// The row of a number of the tenant.
    pub(super) fn number(&self, num: Num) -> Option<&NumberRow> {
        self.numbers.iter().find(|row| row.num == num)
    }

    /// Whether the tenant has this link.
    pub(super) fn linked(&self, kind: LinkKind, a: Num, b: Num) -> bool {
        self.links.contains(&Link { kind, a, b })
    }

    /// The far ends of links from `a`.
    pub(super) fn from(&self, kind: LinkKind, a: Num) -> Vec<Num> {
        let links = self.links.iter().filter(|link| link.kind == kind && link.a == a);
        links.map(|link| link.b).collect()
    }

    /// The near ends of links to `b`.
    pub(super) fn to(&self, kind: LinkKind, b: Num) -> Vec<Num> {
        let links = self.links.iter().filter(|link| link.kind == kind && link.b == b);
        links.map(|link| link.a).collect()
    }

    /// The number of a qualified subject.
    pub(super) fn subject(&self, qualified: &str) -> Option<Num> {
        let is = |object: &&Object| object.kind == ObjectKind::Subject && object.id == qualified;
        self.objects.iter().find(is).map(|object| object.num)
    }

    /// The facts of an object of a stored type.
    pub fn object_facts(&self, object: &Object) -> ResourceFacts {
        let mut facts = ResourceFacts::nowhere();
        facts.account = known(object.account);
        let itself = Fact::Known(object.num);
        match object.kind {
            ObjectKind::Account => facts.account = itself,
            ObjectKind::Member => facts.creator = known(self.subject(&object.id)),
            ObjectKind::Group => facts.group = itself,
            ObjectKind::Number => {
                facts.number = itself;
                let faxbox = self.from(LinkKind::NumberFaxbox, object.num).first().copied();
                facts.faxbox = known(faxbox);
            }
            ObjectKind::Extension => facts.extension = itself,
            ObjectKind::Queue => facts.queue = itself,
            ObjectKind::Faxbox => facts.faxbox = itself,
            _ => {}
        }
        facts
    }
}

/// The facts of a registered fax. A draft or pending fax was written by somebody, so where the row
/// does not say who, that is missing.
pub fn fax_facts(fax: &FaxRow) -> ResourceFacts {
    let mut facts = ResourceFacts::nowhere();
    facts.account = Fact::Known(fax.account);
    facts.direction = Fact::Known(fax.direction);
    facts.number = known(fax.number);
    facts.faxbox = known(fax.faxbox);
    let outgoing = matches!(fax.state, FaxState::Draft | FaxState::Pending);
    let nobody = if outgoing { Fact::Missing } else { Fact::Absent };
    facts.creator = fax.creator.map_or(nobody, Fact::Known);
    facts.assignee = known(fax.assignee);
    facts.state = Fact::Known(fax.state);
    facts.labels = Fact::Known(fax.labels.clone().into());
    // Said to be none is a list without values; not said is nothing that anybody knows.
    facts.sources = Fact::Missing;
    if let Some(sources) = fax.attachment_sources {
        facts.sources = Fact::Known(sources.iter().map(AttachmentSource::num).collect());
    }
    facts
}

fn known<T>(value: Option<T>) -> Fact<T> {
    value.map_or(Fact::Absent, Fact::Known)
}
