//! Random questions about a tenant.

use lineguard_core::assemble::{self, Dump, role_definition};
use lineguard_core::engine::role_permissions;
use lineguard_core::facts::{Fact, MemberStatus, NumberFacts, ResourceFacts};
use lineguard_core::id::{Key, Num};
use lineguard_core::model::{Channel, Model, PermissionIx};
use lineguard_core::request::{
    CallerIdQuestion, Conferred, Context, Presentation, Question, sent_from,
};
use lineguard_core::row::{LinkKind, MemberBody, Object, ObjectKind};
use lineguard_core::vocabulary::{
    Action, ActionDef, Confers, Outgoing, ResourceDef, SendChannel, StoredType, Vocabulary,
};

use super::Rng;

/// A question with those who ask it.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The qualified subject.
    pub subject: String,
    /// The acting account.
    pub account: String,
    /// The question.
    pub question: Question,
}

/// A random question, more often than not about an action of the focus.
pub fn question(
    rng: &mut Rng,
    dump: &Dump,
    model: &Model,
    vocabulary: &Vocabulary,
    focus: &[Action],
) -> Asked {
    let mut asking = Asking { rng, dump, model, vocabulary, subject: Num(0), acting: Num(0) };
    let (subject, account) = asking.who();
    let all: Vec<_> = vocabulary.actions().map(|(action, _)| action).collect();
    let rare = [
        "call.emergency",
        "role.assign",
        "role.assign",
        "permission.assign",
        "account.seal",
        "account.assign_owners",
    ];
    let rare: Vec<_> = rare.iter().filter_map(|name| vocabulary.action(name)).collect();
    let from = match asking.rng.below(100) {
        0..6 if !rare.is_empty() => &rare,
        0..72 if !focus.is_empty() => focus,
        _ => &all,
    };
    let action = *asking.rng.pick(from).expect("a vocabulary has actions");
    let def = vocabulary.def(action).expect("the action is of this vocabulary");
    let question = asking.question(action, def);
    Asked { subject, account, question }
}

/// A random question about a caller ID: the subject, the acting account and what is asked.
pub fn caller_id_question(
    rng: &mut Rng,
    dump: &Dump,
    model: &Model,
    vocabulary: &Vocabulary,
) -> (String, String, CallerIdQuestion) {
    let mut asking = Asking { rng, dump, model, vocabulary, subject: Num(0), acting: Num(0) };
    let (subject, account) = asking.who();
    let requested = match asking.rng.below(100) {
        0..40 => Presentation::Unspecified,
        40..80 => Presentation::Number(asking.value(ObjectKind::Number)),
        _ => Presentation::Anonymous,
    };
    let channels = [SendChannel::Call, SendChannel::Fax, SendChannel::Message];
    let channel = asking.rng.pick(&channels).copied().unwrap_or(SendChannel::Call);
    let context = asking.context();
    (subject, account, CallerIdQuestion { channel, requested, context })
}

/// What the store holds of a number, as a question brings it.
pub fn number_facts(dump: &Dump, number: Num) -> Option<NumberFacts> {
    let object = dump.objects.iter().find(|object| object.num == number)?;
    let routed = dump.links.iter().filter(|link| link.kind == LinkKind::NumberFaxbox);
    let faxboxes: Vec<_> = routed.filter(|link| link.a == number).map(|link| link.b).collect();
    assemble::number_facts(dump.tenant.num, object, &faxboxes).ok()
}

fn is_active(member: &Object) -> bool {
    let body: Result<MemberBody, _> = serde_json::from_str(&member.body);
    body.is_ok_and(|body| body.status == MemberStatus::Active.as_str())
}

/// Somebody who asks about a tenant.
pub(super) struct Asking<'a> {
    pub(super) rng: &'a mut Rng,
    pub(super) dump: &'a Dump,
    pub(super) model: &'a Model,
    pub(super) vocabulary: &'a Vocabulary,
    pub(super) subject: Num,
    pub(super) acting: Num,
}

impl<'a> Asking<'a> {
    pub(super) fn objects(&self, kind: ObjectKind) -> Vec<&'a Object> {
        self.dump.objects.iter().filter(|object| object.kind == kind).collect()
    }

    /// Mostly a member, sometimes anybody or nobody.
    fn who(&mut self) -> (String, String) {
        let (members, dump) = (self.objects(ObjectKind::Member), self.dump);
        let accounts = self.objects(ObjectKind::Account);
        let subjects = self.objects(ObjectKind::Subject);
        let active: Vec<_> = members.iter().filter(|one| is_active(one)).copied().collect();
        let from = if self.rng.chance(70) { &active } else { &members };
        let member = self.rng.pick(from).copied().filter(|_| self.rng.chance(94));
        let account = match member {
            Some(member) => dump.objects.iter().find(|one| Some(one.num) == member.account),
            None => self.rng.pick(&accounts).copied(),
        };
        let subject = match member {
            Some(member) => subjects.iter().find(|one| one.id == member.id).copied(),
            None => self.rng.pick(&subjects).copied(),
        };
        self.acting = account.map_or(Num::UNKNOWN, |one| one.num);
        self.subject = subject.map_or(Num::UNKNOWN, |one| one.num);
        let name = |object: Option<&Object>, unknown: &str, broken: bool| {
            object.filter(|_| !broken).map_or_else(|| unknown.to_owned(), |one| one.id.clone())
        };
        let stranger = self.rng.chance(1);
        let nowhere = self.rng.chance(1);
        (name(subject, "user:stranger", stranger), name(account, "nowhere", nowhere))
    }

    fn question(&mut self, action: Action, def: &ActionDef) -> Question {
        let kind = self.vocabulary.resource(def.resource).expect("a type of this vocabulary");
        let named = kind.stored.is_some() && self.rng.chance(60);
        let mut resource = match kind.stored {
            Some(StoredType::Member) if def.confers.is_some() && named && self.rng.chance(80) => {
                self.member_below()
            }
            Some(stored) if named => self.stored(stored),
            _ => self.facts(kind),
        };
        // What is not said to lie elsewhere lies in the acting account; without an account nobody
        // could look up what a role is worth there.
        if def.confers.is_some() && resource.account == Fact::Missing {
            resource.account = Fact::Known(self.acting);
        }
        if !named && self.rng.chance(60) {
            self.tie(kind, &mut resource);
        }
        if kind.stored == Some(StoredType::Member) && resource != ResourceFacts::nowhere() {
            let owner = self.rng.chance(50);
            resource.owner = self.wrap(owner);
        }
        let mut target = def.target.and_then(|kind| self.target(self.vocabulary.resource(kind)?));
        if def.sends.is_some() && self.rng.chance(60) {
            match (def.outgoing, &mut target) {
                (Outgoing::Target, Some(target)) => self.give_number(target),
                _ if !named => self.give_number(&mut resource),
                _ => {}
            }
        }
        let number = sent_from(def, &resource, target.as_ref()).filter(|_| def.sends.is_some());
        let sent_from = number.and_then(|number| number_facts(self.dump, number));
        let conferred = def.confers.and_then(|confers| self.conferred(confers, &resource));
        Question {
            action,
            names_stored_resource: named,
            resource,
            target,
            sent_from,
            conferred,
            context: self.context(),
        }
    }

    /// A target: not named, stored but not seen and so without facts, stored, or described.
    fn target(&mut self, kind: &ResourceDef) -> Option<ResourceFacts> {
        match (self.rng.below(100), kind.stored) {
            (0..18, _) => None,
            (18..23, _) => Some(ResourceFacts::nowhere()),
            (23..45, Some(stored)) => Some(self.stored(stored)),
            _ => Some(self.facts(kind)),
        }
    }

    /// A number, mostly of the account that the facts name, and mostly in one of its faxboxes.
    fn give_number(&mut self, facts: &mut ResourceFacts) {
        let mut numbers = self.objects(ObjectKind::Number);
        if let (Fact::Known(account), true) = (&facts.account, self.rng.chance(60)) {
            numbers.retain(|number| number.account == Some(*account));
        }
        let Some(number) = self.rng.pick(&numbers) else { return };
        facts.number = Fact::Known(number.num);
        let links = self.dump.links.iter().filter(|link| link.kind == LinkKind::NumberFaxbox);
        let boxes: Vec<_> = links.filter(|link| link.a == number.num).map(|link| link.b).collect();
        if let Some(faxbox) = self.rng.pick(&boxes).filter(|_| self.rng.chance(70)) {
            facts.faxbox = Fact::Known(*faxbox);
        }
    }

    fn conferred(&mut self, confers: Confers, resource: &ResourceFacts) -> Option<Conferred> {
        if self.rng.chance(12) {
            return None;
        }
        let model = self.model;
        let unknown = || Key::parse("unheard-of").expect("a well-formed key");
        Some(match confers {
            Confers::Role => {
                let own = self.objects(ObjectKind::Role);
                let own = self.rng.pick(&own).and_then(|role| Key::parse(&role.id).ok());
                let built_in = self.rng.pick(&model.roles).map(|role| role.key.clone());
                let key = if self.rng.chance(40) { own.or(built_in) } else { built_in };
                let key = key.filter(|_| self.rng.chance(96)).unwrap_or_else(unknown);
                let permissions = self.worth(&key, &resource.account);
                Conferred::Role { key, permissions }
            }
            Confers::Permission => {
                let key = self.rng.pick(&model.permissions).map(|one| one.key.clone());
                Conferred::Permission(key.filter(|_| self.rng.chance(96)).unwrap_or_else(unknown))
            }
        })
    }

    /// What a role gives in an account: by the nearest definition on its path.
    fn worth(&self, key: &Key, account: &Fact<Num>) -> Option<Box<[PermissionIx]>> {
        let mut level = match account {
            Fact::Known(account) => Some(*account),
            Fact::Missing | Fact::Absent => None,
        };
        let mut defined = None;
        while let (Some(account), None) = (level, &defined) {
            let mut roles = self.dump.objects.iter().filter(|one| one.kind == ObjectKind::Role);
            let nearest =
                roles.find(|role| role.account == Some(account) && role.id == key.as_str());
            defined = nearest
                .map(|role| role_definition(self.dump.tenant.num, role).expect("a role's body"));
            level = self.dump.objects.iter().find(|one| one.num == account)?.account;
        }
        role_permissions(self.model, key, defined.as_ref()).expect("generated keys are known")
    }

    fn context(&mut self) -> Context {
        let channel = self.rng.pick(&Channel::ALL).map(|(channel, _)| *channel);
        let verified = self.rng.chance(60);
        let somebody = self.value(ObjectKind::Subject);
        let holder = if self.rng.chance(50) { self.subject } else { somebody };
        Context {
            channel: channel.filter(|_| self.rng.chance(35)),
            recipient_verified: Some(verified).filter(|_| self.rng.chance(75)),
            locked_by: Some(holder).filter(|_| self.rng.chance(40)),
        }
    }
}
