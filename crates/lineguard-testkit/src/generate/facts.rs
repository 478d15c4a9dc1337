//! The facts that a random question brings or names.

use lineguard_core::change::AttachmentSource;
use lineguard_core::facts::{Fact, MemberStatus, ResourceFacts};
use lineguard_core::id::Num;
use lineguard_core::model::reach::{Direction, FaxState};
use lineguard_core::port::FaxRow;
use lineguard_core::row::{Link, LinkKind, MemberBody, ObjectKind};
use lineguard_core::vocabulary::{FactName, ResourceDef, StoredType};

use super::question::Asking;
use crate::naive::{World, fax_facts};

impl Asking<'_> {
    /// The facts of something that is stored, now and then of something that is not there.
    pub(super) fn stored(&mut self, stored: StoredType) -> ResourceFacts {
        let kind = match stored {
            StoredType::Account => ObjectKind::Account,
            StoredType::Member => ObjectKind::Member,
            StoredType::Group => ObjectKind::Group,
            StoredType::Number => ObjectKind::Number,
            StoredType::Extension => ObjectKind::Extension,
            StoredType::Queue => ObjectKind::Queue,
            StoredType::Faxbox => ObjectKind::Faxbox,
            StoredType::Fax => {
                let mut faxes: Vec<_> = self.dump.faxes.iter().collect();
                let boxes = self.through_groups();
                let is_in = |fax: &FaxRow| fax.faxbox.is_some_and(|one| boxes.contains(&one));
                if faxes.iter().any(|fax| is_in(fax)) && self.rng.chance(40) {
                    faxes.retain(|fax| is_in(fax));
                }
                let fax = self.rng.pick(&faxes).copied().filter(|_| self.rng.chance(95));
                return fax.map_or_else(ResourceFacts::nowhere, fax_facts);
            }
        };
        let mut objects = self.objects(kind);
        if self.rng.chance(50) {
            let acting = self.acting;
            objects.retain(|one| one.account == Some(acting) || one.num == acting);
        }
        let ties = [LinkKind::GroupOwner, LinkKind::FaxboxOwner, LinkKind::FaxboxUser];
        let mut tied = self.tied(&ties);
        tied.extend(self.through_groups());
        if objects.iter().any(|one| tied.contains(&one.num)) && self.rng.chance(40) {
            objects.retain(|one| tied.contains(&one.num));
        }
        let object = self.rng.pick(&objects).copied().filter(|_| self.rng.chance(95));
        let world = World::read(self.dump, self.model, self.vocabulary);
        match (object, world) {
            (Some(object), Ok(world)) => world.object_facts(object),
            _ => ResourceFacts::nowhere(),
        }
    }

    /// What links of these kinds tie to the person.
    fn tied(&self, kinds: &[LinkKind]) -> Vec<Num> {
        let links = self.dump.links.iter();
        let links = links.filter(|link| link.b == self.subject && kinds.contains(&link.kind));
        links.map(|link| link.a).collect()
    }

    /// Faxboxes that the person is in through a group: mostly such as lie in another account than
    /// the group, where two memberships have a say, and among them those where one is suspended.
    fn through_groups(&mut self) -> Vec<Num> {
        let mine = self.tied(&[LinkKind::GroupMember]);
        let links = self.dump.links.iter().filter(|link| link.kind == LinkKind::FaxboxGroup);
        let links: Vec<_> = links.filter(|link| mine.contains(&link.b)).collect();
        let account = |num: Num| self.dump.objects.iter().find(|one| one.num == num)?.account;
        let apart = |link: &Link| account(link.a) != account(link.b);
        let suspended = |link: &Link| {
            let either = [account(link.a), account(link.b)];
            apart(link) && either.into_iter().flatten().any(|one| self.is_suspended_at(one))
        };
        let boxes = |which: &dyn Fn(&Link) -> bool| -> Vec<_> {
            links.iter().filter(|link| which(link)).map(|link| link.a).collect()
        };
        let (all, apart, suspended) = (boxes(&|_| true), boxes(&apart), boxes(&suspended));
        let mut preferred = [suspended, apart].into_iter().filter(|boxes| !boxes.is_empty());
        preferred.next().filter(|_| self.rng.chance(90)).unwrap_or(all)
    }

    fn is_suspended_at(&self, account: Num) -> bool {
        let subject = self.dump.objects.iter().find(|one| one.num == self.subject);
        let members = self.objects(ObjectKind::Member);
        let mut here = members.into_iter().filter(|one| one.account == Some(account));
        here.any(|one| {
            let body: Result<MemberBody, _> = serde_json::from_str(&one.body);
            subject.is_some_and(|subject| subject.id == one.id)
                && body.is_ok_and(|body| body.status == MemberStatus::Suspended.as_str())
        })
    }

    /// Puts into the facts what rights of the person may hang on: their groups and faxboxes, and
    /// people who delegated to them or whom they supervise.
    pub(super) fn tie(&mut self, kind: &ResourceDef, facts: &mut ResourceFacts) {
        let mut faxboxes = self.tied(&[LinkKind::FaxboxUser, LinkKind::FaxboxOwner]);
        let through_groups = self.through_groups();
        if !through_groups.is_empty() && self.rng.chance(70) {
            faxboxes = through_groups;
        }
        let owned = self.tied(&[LinkKind::GroupOwner]);
        let supervised = self
            .dump
            .links
            .iter()
            .filter(|link| link.kind == LinkKind::GroupMember && owned.contains(&link.a));
        let mut people: Vec<_> = supervised.map(|link| link.b).collect();
        let mut by_delegation = Vec::new();
        let delegators = self.tied(&[LinkKind::Delegation]);
        for member in self.objects(ObjectKind::Member) {
            if delegators.contains(&member.num) && member.account == Some(self.acting) {
                let subjects = self.objects(ObjectKind::Subject);
                let of_member = subjects.iter().find(|subject| subject.id == member.id);
                by_delegation.extend(of_member.map(|subject| subject.num));
            }
        }
        if !by_delegation.is_empty() && self.rng.chance(40) {
            people = by_delegation;
        } else {
            people.extend(by_delegation);
        }
        let mut assignees = people.clone();
        assignees.extend(self.tied(&[LinkKind::GroupMember]));
        for (name, values, fact) in [
            (FactName::Faxbox, &faxboxes, &mut facts.faxbox),
            (FactName::Group, &owned, &mut facts.group),
            (FactName::Creator, &people, &mut facts.creator),
            (FactName::Assignee, &assignees, &mut facts.assignee),
        ] {
            if let Some(value) = self.rng.pick(values)
                && kind.facts.contains(&name)
            {
                *fact = Fact::Known(*value);
            }
        }
        if let Some(person) = self.rng.pick(&people)
            && kind.facts.contains(&FactName::Participant)
        {
            facts.participants = Fact::Known(Box::from([*person]));
        }
    }

    /// The facts of a member of the acting account or of one below.
    pub(super) fn member_below(&mut self) -> ResourceFacts {
        let mut below = vec![self.acting];
        let accounts = self.objects(ObjectKind::Account);
        // Parents come before their children.
        for account in &accounts {
            if account.account.is_some_and(|parent| below.contains(&parent)) {
                below.push(account.num);
            }
        }
        let mut members = self.objects(ObjectKind::Member);
        members.retain(|one| one.account.is_some_and(|account| below.contains(&account)));
        let acting = Some(self.acting);
        if members.iter().any(|one| one.account != acting) && self.rng.chance(75) {
            members.retain(|one| one.account != acting);
        }
        let member = self.rng.pick(&members).copied();
        let world = World::read(self.dump, self.model, self.vocabulary);
        match (member, world) {
            (Some(member), Ok(world)) => world.object_facts(member),
            _ => ResourceFacts::nowhere(),
        }
    }

    /// Facts as a service might supply them: known, absent or missing.
    pub(super) fn facts(&mut self, kind: &ResourceDef) -> ResourceFacts {
        let mut facts = ResourceFacts::nowhere();
        for fact in &kind.facts {
            self.supply(*fact, &mut facts);
        }
        facts
    }

    fn supply(&mut self, name: FactName, facts: &mut ResourceFacts) {
        match name {
            FactName::Account => facts.account = self.account(),
            FactName::Creator => facts.creator = self.person(ObjectKind::Subject),
            FactName::Participant => facts.participants = self.several(ObjectKind::Subject),
            FactName::Assignee => {
                let group = self.rng.chance(30);
                let of = if group { ObjectKind::Group } else { ObjectKind::Subject };
                facts.assignee = self.person(of);
            }
            FactName::Faxbox => facts.faxbox = self.one(ObjectKind::Faxbox),
            FactName::Number => facts.number = self.one(ObjectKind::Number),
            FactName::Extension => facts.extension = self.one(ObjectKind::Extension),
            FactName::Queue => facts.queue = self.one(ObjectKind::Queue),
            FactName::Label => facts.labels = self.several(ObjectKind::Label),
            FactName::Group => facts.group = self.one(ObjectKind::Group),
            FactName::Direction => {
                let inbound = self.rng.chance(50);
                let way = if inbound { Direction::Inbound } else { Direction::Outbound };
                facts.direction = self.wrap(way);
            }
            FactName::State => {
                let (state, _) = self.rng.pick(&FaxState::ALL).expect("there are states");
                facts.state = self.wrap(*state);
            }
            FactName::FormType => facts.form_type = self.one(ObjectKind::FormType),
            FactName::DocumentType => facts.document_type = self.one(ObjectKind::DocumentType),
            FactName::Template => facts.template = self.one(ObjectKind::Template),
            FactName::Source => {
                let all = AttachmentSource::ALL.map(|(source, _)| source.num());
                let sources = self.rng.some(&all, 2);
                facts.sources = self.wrap(sources.into());
            }
        }
    }

    pub(super) fn wrap<T>(&mut self, value: T) -> Fact<T> {
        match self.rng.below(100) {
            0..9 => Fact::Missing,
            9..18 => Fact::Absent,
            _ => Fact::Known(value),
        }
    }

    fn account(&mut self) -> Fact<Num> {
        let accounts: Vec<_> = self.objects(ObjectKind::Account).iter().map(|a| a.num).collect();
        match self.rng.below(100) {
            0..2 => Fact::Missing,
            2..4 => Fact::Absent,
            4..6 => Fact::Known(Num::UNKNOWN),
            6..30 => self.rng.pick(&accounts).map_or(Fact::Absent, |one| Fact::Known(*one)),
            _ => Fact::Known(self.acting),
        }
    }

    fn person(&mut self, of: ObjectKind) -> Fact<Num> {
        if self.rng.chance(40) { self.wrap(self.subject) } else { self.one(of) }
    }

    pub(super) fn value(&mut self, kind: ObjectKind) -> Num {
        let all: Vec<_> = self.objects(kind).iter().map(|object| object.num).collect();
        // Names that belong to other services are often such as the tenant has never seen.
        let opaque = matches!(
            kind,
            ObjectKind::Label
                | ObjectKind::FormType
                | ObjectKind::DocumentType
                | ObjectKind::Template
        );
        if self.rng.chance(if opaque { 25 } else { 4 }) {
            return Num::UNKNOWN;
        }
        self.rng.pick(&all).copied().unwrap_or(Num::UNKNOWN)
    }

    fn one(&mut self, kind: ObjectKind) -> Fact<Num> {
        let value = self.value(kind);
        self.wrap(value)
    }

    fn several(&mut self, kind: ObjectKind) -> Fact<Box<[Num]>> {
        let mut values: Vec<_> = (0..self.rng.below(3)).map(|_| self.value(kind)).collect();
        if kind == ObjectKind::Subject && self.rng.chance(35) {
            values.push(self.subject);
        }
        values.sort_unstable();
        values.dedup();
        self.wrap(values.into())
    }
}
