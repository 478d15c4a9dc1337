//! What the store knows of the identifiers that questions name.

use std::collections::{BTreeMap, BTreeSet};

use lineguard_core::assemble::number_facts;
use lineguard_core::change::UserOrGroup;
use lineguard_core::facts::{Fact, NumberFacts, RoleDefinition};
use lineguard_core::id::{AccountId, ExternalId, FaxId, Key, Num, Subject};
use lineguard_core::port::{FaxRow, StoreError, TenantReader};
use lineguard_core::request::Conferred;
use lineguard_core::row::{LinkKind, Object, ObjectKind};
use lineguard_core::vocabulary::{StoredType, Vocabulary};

use super::conferred;
use crate::wire::check::{CheckCall, ResourceRef};
use crate::wire::facts::SentFacts;

const TENANT: Num = Num(0);

/// Identifiers to look up, each once.
#[derive(Debug, Default)]
pub struct Wanted {
    objects: BTreeSet<(ObjectKind, Box<str>)>,
    members: BTreeSet<(AccountId, Box<str>)>,
    /// Accounts whose owners matter.
    owned: BTreeSet<AccountId>,
    /// Roles that are to be conferred, with the account of the member who gets them.
    conferred: BTreeSet<(AccountId, Key)>,
    faxes: BTreeSet<FaxId>,
    /// Whether something goes out, perhaps with the number of one of the faxes.
    sends: bool,
}

impl Wanted {
    /// Adds what a question names.
    pub fn of_call(&mut self, call: &CheckCall, vocabulary: &Vocabulary) {
        self.of_resource(&call.resource, &call.account, vocabulary);
        let def = vocabulary.def(call.action);
        self.sends |= def.is_some_and(|def| def.sends.is_some());
        if def.is_some_and(|def| def.spares_owners) {
            self.owned.insert(account_of_member(&call.resource.facts, &call.account).clone());
        }
        if let Some(Conferred::Role { key, .. }) = &call.conferred {
            let account = account_of_member(&call.resource.facts, &call.account);
            self.object(ObjectKind::Account, account.as_str());
            self.conferred.insert((account.clone(), key.clone()));
        }
        if let Some(target) = &call.target {
            self.of_resource(target, &call.account, vocabulary);
        }
        if let Some(holder) = &call.locked_by {
            self.subject(holder);
        }
    }

    fn of_resource(&mut self, named: &ResourceRef, acting: &AccountId, vocabulary: &Vocabulary) {
        self.of_facts(&named.facts);
        let stored = vocabulary.resource(named.ty).and_then(|resource| resource.stored);
        if let (Some(stored), Some(id)) = (stored, &named.id) {
            self.of_stored(stored, id, &named.facts, acting);
        }
    }

    fn of_stored(
        &mut self,
        stored: StoredType,
        id: &ExternalId,
        facts: &SentFacts,
        acting: &AccountId,
    ) {
        match kind_of(stored) {
            Some(ObjectKind::Member) => {
                let account = account_of_member(facts, acting);
                self.object(ObjectKind::Account, account.as_str());
                self.object(ObjectKind::Subject, id.as_str());
                self.members.insert((account.clone(), id.as_str().into()));
            }
            Some(kind) => self.object(kind, id.as_str()),
            None => self.faxes.extend(FaxId::parse(id.as_str()).ok()),
        }
    }

    fn of_facts(&mut self, sent: &SentFacts) {
        let SentFacts {
            account,
            creator,
            participants,
            assignee,
            faxbox,
            number,
            extension,
            queue,
            labels,
            group,
            direction: _,
            state: _,
            form_type,
            document_type,
            template,
            sources: _,
        } = sent;
        let mut text = |kind, fact: Option<&str>| {
            if let Some(id) = fact {
                self.object(kind, id);
            }
        };
        text(ObjectKind::Account, known(account).map(|id| id.as_str()));
        text(ObjectKind::Faxbox, known(faxbox).map(|id| id.as_str()));
        text(ObjectKind::Number, known(number).map(|id| id.as_str()));
        text(ObjectKind::Extension, known(extension).map(|id| id.as_str()));
        text(ObjectKind::Queue, known(queue).map(|id| id.as_str()));
        text(ObjectKind::Group, known(group).map(|id| id.as_str()));
        text(ObjectKind::FormType, known(form_type).map(|id| id.as_str()));
        text(ObjectKind::DocumentType, known(document_type).map(|id| id.as_str()));
        text(ObjectKind::Template, known(template).map(|id| id.as_str()));
        for label in known(labels).into_iter().flatten() {
            text(ObjectKind::Label, Some(label.as_str()));
        }
        for subject in known(creator).into_iter().chain(known(participants).into_iter().flatten()) {
            self.subject(subject);
        }
        match known(assignee) {
            Some(UserOrGroup::User(subject)) => self.subject(subject),
            Some(UserOrGroup::Group(group)) => self.object(ObjectKind::Group, group.as_str()),
            None => {}
        }
    }

    fn subject(&mut self, subject: &Subject) {
        self.object(ObjectKind::Subject, &subject.qualified());
    }

    /// Adds one object by its id in the tenant.
    pub fn object(&mut self, kind: ObjectKind, id: &str) {
        self.objects.insert((kind, id.into()));
    }

    /// Looks everything up.
    pub async fn load(self, reader: &mut dyn TenantReader) -> Result<Known, StoreError> {
        let mut known = Known::default();
        let keys: Vec<_> =
            self.objects.iter().map(|(kind, id)| (*kind, TENANT, id.as_ref())).collect();
        known.keep(find_all(reader, &keys).await?);
        let members: Vec<_> = self
            .members
            .iter()
            .map(|(account, id)| {
                let account = known.num(ObjectKind::Account, account.as_str());
                (ObjectKind::Member, account, id.as_ref())
            })
            .collect();
        known.keep(find_all(reader, &members).await?);
        for account in &self.owned {
            let Some(account) = known.object(ObjectKind::Account, account.as_str()) else {
                continue;
            };
            let account = account.num;
            let owners = reader.links_from(LinkKind::AccountOwner, account).await?;
            known.owners.insert(account, owners);
        }
        known.roles = conferred::load(&self.conferred, &known, reader).await?;
        let faxes: Vec<&FaxId> = self.faxes.iter().collect();
        for chunk in faxes.chunks(500) {
            let rows = reader.find_faxes(chunk).await?;
            known.faxes.extend(rows.into_iter().map(|row| (row.id.clone(), row)));
        }
        let of_faxes: BTreeSet<Num> = match self.sends {
            true => known.faxes.values().filter_map(|fax| fax.number).collect(),
            false => BTreeSet::new(),
        };
        known.keep_numbers(reader, of_faxes).await?;
        Ok(known)
    }
}

/// A member of the acting account, unless the question says otherwise.
pub(super) fn account_of_member<'a>(facts: &'a SentFacts, acting: &'a AccountId) -> &'a AccountId {
    known(&facts.account).unwrap_or(acting)
}

fn known<T>(fact: &Fact<T>) -> Option<&T> {
    match fact {
        Fact::Known(value) => Some(value),
        Fact::Missing | Fact::Absent => None,
    }
}

/// The kind of the objects of a stored type; faxes are rows of their own.
pub(super) fn kind_of(stored: StoredType) -> Option<ObjectKind> {
    match stored {
        StoredType::Account => Some(ObjectKind::Account),
        StoredType::Member => Some(ObjectKind::Member),
        StoredType::Group => Some(ObjectKind::Group),
        StoredType::Number => Some(ObjectKind::Number),
        StoredType::Extension => Some(ObjectKind::Extension),
        StoredType::Queue => Some(ObjectKind::Queue),
        StoredType::Faxbox => Some(ObjectKind::Faxbox),
        StoredType::Fax => None,
    }
}

pub(super) async fn find_all(
    reader: &mut dyn TenantReader,
    keys: &[(ObjectKind, Num, &str)],
) -> Result<Vec<Object>, StoreError> {
    let mut found = Vec::new();
    for chunk in keys.chunks(500) {
        found.extend(reader.find(chunk).await?.into_iter().flatten());
    }
    Ok(found)
}

/// What was found.
#[derive(Debug, Default)]
pub struct Known {
    objects: BTreeMap<(ObjectKind, Num, Box<str>), Object>,
    faxes: BTreeMap<FaxId, FaxRow>,
    numbers: BTreeMap<Num, NumberFacts>,
    owners: BTreeMap<Num, Vec<Num>>,
    /// Nearest definitions of roles that are to be conferred, as the account of the member who gets
    /// them knows them.
    roles: BTreeMap<(AccountId, Key), RoleDefinition>,
}

impl Known {
    fn keep(&mut self, objects: Vec<Object>) {
        for object in objects {
            let key = (object.kind, object.scope, object.id.as_str().into());
            self.objects.insert(key, object);
        }
    }

    /// Reads all about the numbers that are known by name, and about these.
    async fn keep_numbers(
        &mut self,
        reader: &mut dyn TenantReader,
        more: BTreeSet<Num>,
    ) -> Result<(), StoreError> {
        let is_number = |object: &&Object| object.kind == ObjectKind::Number;
        let mut numbers: Vec<Object> = self.objects.values().filter(is_number).cloned().collect();
        let unread: Vec<Num> = more
            .into_iter()
            .filter(|num| numbers.iter().all(|number| number.num != *num))
            .collect();
        if !unread.is_empty() {
            let read = reader.get(&unread).await?;
            numbers.extend(read.into_iter().filter(|object| object.kind == ObjectKind::Number));
        }
        // One that was given back goes out with nothing (rulings R39).
        numbers.retain(|number| !number.is_retired_number());
        if numbers.is_empty() {
            return Ok(());
        }
        let tenant = reader.tenant().await?.num;
        for number in numbers {
            let faxboxes = reader.links_from(LinkKind::NumberFaxbox, number.num).await?;
            self.numbers.insert(number.num, number_facts(tenant, &number, &faxboxes)?);
        }
        Ok(())
    }

    /// An object by its id in the tenant.
    pub fn object(&self, kind: ObjectKind, id: &str) -> Option<&Object> {
        self.objects.get(&(kind, TENANT, id.into()))
    }

    /// A member by account and qualified subject.
    pub(super) fn member(&self, account: Num, subject: &str) -> Option<&Object> {
        self.objects.get(&(ObjectKind::Member, account, subject.into()))
    }

    /// An object of a stored type. A number that was given back is none: it only names faxes.
    pub(super) fn stored(&self, kind: ObjectKind, id: &str) -> Option<&Object> {
        self.object(kind, id).filter(|object| !object.is_retired_number())
    }

    /// What stands for a number that can be presented; [`Num::UNKNOWN`] if the tenant does not have
    /// it, or has given it back.
    pub fn number(&self, id: &str) -> Num {
        self.stored(ObjectKind::Number, id).map_or(Num::UNKNOWN, |object| object.num)
    }

    /// The number that stands for an identifier; [`Num::UNKNOWN`] if the tenant does not know it.
    pub fn num(&self, kind: ObjectKind, id: &str) -> Num {
        self.object(kind, id).map_or(Num::UNKNOWN, |object| object.num)
    }

    /// Whether a subject owns an account; absent where no question depends on it.
    pub(super) fn owns(&self, account: Num, subject: Num) -> Fact<bool> {
        let owners = self.owners.get(&account);
        owners.map_or(Fact::Absent, |owners| Fact::Known(owners.contains(&subject)))
    }

    /// The nearest definition or adjustment of a role that is to be conferred in an account.
    pub(super) fn role(&self, account: &AccountId, key: &Key) -> Option<&RoleDefinition> {
        self.roles.get(&(account.clone(), key.clone()))
    }

    pub(super) fn fax(&self, id: &str) -> Option<&FaxRow> {
        FaxId::parse(id).ok().and_then(|id| self.faxes.get(&id))
    }

    pub(super) fn faxbox_of_number(&self, number: Num) -> Option<Num> {
        self.number_facts(number)?.faxboxes.first().copied()
    }

    /// What the store holds of a number.
    pub(super) fn number_facts(&self, number: Num) -> Option<&NumberFacts> {
        self.numbers.get(&number)
    }
}
