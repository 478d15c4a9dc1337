//! Turns a fax to be registered into the row to be stored; every store registers with it.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use super::NewFax;
use super::apply::{ModelSource, plain};
use crate::auto_assign::{Resolver, Target};
use crate::id::{Num, Subject};
use crate::model::reach::{Direction, FaxState};
use crate::model::{TargetKind, built_in_vocabulary};
use crate::port::{ApplyError, Fault, FaxRow, StoreError, TenantTx};
use crate::row::{Object, ObjectKind};

/// The row for a new fax, with [`Num::UNKNOWN`] as its number: the store gives it one.
/// `position` is the fax's place in its registration, for faults. A creator and labels that the
/// tenant has never seen are inserted as plain objects.
pub async fn row(
    tx: &mut dyn TenantTx,
    models: &dyn ModelSource,
    stamps: &mut Stamps,
    fax: &NewFax,
    position: usize,
) -> Result<FaxRow, ApplyError> {
    let NewFax { fax: id, account, direction, number, faxbox, creator, state, labels, at } = fax;
    let inbound = *direction == Direction::Inbound;
    if inbound && matches!(state, FaxState::Draft | FaxState::Pending) {
        let problem = "a received fax is neither a draft nor pending".to_owned();
        let fault = Fault { change: position, field: "state", problem };
        return Err(ApplyError::Invalid(vec![fault]));
    }
    let mut names = Names { tx, position };
    let account = names.find("account", ObjectKind::Account, account.as_str()).await?.num;
    let number = match number {
        Some(number) => Some(names.find("number", ObjectKind::Number, number.as_str()).await?),
        None => None,
    };
    let faxbox = match faxbox {
        Some(faxbox) => Some(names.faxbox(faxbox.as_str(), account).await?),
        None => None,
    };
    let creator = match creator {
        Some(creator) => Some(plain(tx, ObjectKind::Subject, &creator.qualified()).await?),
        None => None,
    };
    let mut label_nums = BTreeSet::new();
    for label in labels {
        label_nums.insert(plain(tx, ObjectKind::Label, label.as_str()).await?);
    }
    let place = match &number {
        // A number of another account, because it has moved or serves from above, assigns nobody:
        // its targets are members there.
        Some(number) if inbound && number.account == Some(account) => {
            let target = stamps.of(tx, models, number).await?;
            place(tx, target, account).await?
        }
        _ => Place::default(),
    };
    Ok(FaxRow {
        num: Num::UNKNOWN,
        id: id.clone(),
        account,
        direction: *direction,
        number: number.map(|number| number.num),
        faxbox: faxbox.or(place.faxbox),
        creator,
        assignee: place.assignee,
        state: *state,
        labels: Vec::from_iter(label_nums),
        at: *at,
    })
}

struct Names<'a> {
    tx: &'a mut dyn TenantTx,
    position: usize,
}

impl Names<'_> {
    async fn find(
        &mut self,
        field: &'static str,
        kind: ObjectKind,
        id: &str,
    ) -> Result<Object, ApplyError> {
        let found = self.tx.find(&[(kind, Num(0), id)]).await?.into_iter().next().flatten();
        found.ok_or_else(|| {
            let problem = format!("no such {}", kind.as_str());
            ApplyError::NotFound(Fault { change: self.position, field, problem })
        })
    }

    async fn faxbox(&mut self, id: &str, account: Num) -> Result<Num, ApplyError> {
        let faxbox = self.find("faxbox", ObjectKind::Faxbox, id).await?;
        if faxbox.account == Some(account) {
            return Ok(faxbox.num);
        }
        let problem = "no such faxbox in the account".to_owned();
        Err(ApplyError::NotFound(Fault { change: self.position, field: "faxbox", problem }))
    }
}

/// Who receives the faxes of each number, resolved once for all faxes of a registration: nothing
/// that it depends on changes meanwhile.
#[derive(Debug, Default)]
pub struct Stamps(BTreeMap<Num, Option<Target>>);

impl Stamps {
    async fn of(
        &mut self,
        tx: &mut dyn TenantTx,
        models: &dyn ModelSource,
        number: &Object,
    ) -> Result<Option<Target>, StoreError> {
        if let Some(target) = self.0.get(&number.num) {
            return Ok(*target);
        }
        let mut resolver = Resolver { reader: tx, models, vocabulary: built_in_vocabulary() };
        let target = resolver.target_of(number).await?;
        self.0.insert(number.num, target);
        Ok(target)
    }
}

/// Where a received fax goes: to a user or group as its assignee, or into a faxbox.
#[derive(Default)]
struct Place {
    assignee: Option<Num>,
    faxbox: Option<Num>,
}

/// The place that `ResolveAutoAssign` shows beforehand. A faxbox elsewhere in the tenant cannot
/// hold the fax, because a fax lies in its own account.
async fn place(
    tx: &mut dyn TenantTx,
    target: Option<Target>,
    account: Num,
) -> Result<Place, StoreError> {
    let Some(Target { kind, num }) = target else { return Ok(Place::default()) };
    if kind != TargetKind::Faxbox {
        return Ok(Place { assignee: Some(num), faxbox: None });
    }
    let faxbox = tx.get(&[num]).await?.into_iter().next();
    let here = faxbox.filter(|faxbox| faxbox.account == Some(account));
    Ok(Place { assignee: None, faxbox: here.map(|faxbox| faxbox.num) })
}

/// Whether a fax to be registered says what is so of a registered one now. An import may bring a
/// fax that has changed since it was registered; nothing is inserted here.
pub async fn describes(
    tx: &mut dyn TenantTx,
    new: &NewFax,
    fax: &FaxRow,
) -> Result<bool, StoreError> {
    let NewFax { fax: _, account, direction, number, faxbox, creator, state, labels, at } = new;
    let creator = creator.as_ref().map(Subject::qualified);
    let mut keys = vec![(ObjectKind::Account, Num(0), account.as_str())];
    keys.extend(faxbox.iter().map(|id| (ObjectKind::Faxbox, Num(0), id.as_str())));
    keys.extend(creator.iter().map(|id| (ObjectKind::Subject, Num(0), id.as_str())));
    keys.extend(number.iter().map(|id| (ObjectKind::Number, Num(0), id.as_str())));
    keys.extend(labels.iter().map(|id| (ObjectKind::Label, Num(0), id.as_str())));
    let mut said = BTreeSet::new();
    for object in tx.find(&keys).await? {
        let Some(object) = object else { return Ok(false) };
        said.insert(object.num);
    }
    let mut so: BTreeSet<Num> = fax.labels.iter().copied().collect();
    so.extend([Some(fax.account), fax.faxbox, fax.creator].into_iter().flatten());
    // A number that was removed since cannot be named any more.
    if let Some(number) = fax.number {
        so.extend(tx.get(&[number]).await?.iter().map(|number| number.num));
    }
    Ok(said == so && direction == &fax.direction && state == &fax.state && at == &fax.at)
}

/// SHA-256 of what the caller said about a fax. A store keeps it with the fax and its tombstone:
/// the same id with the same fingerprint is a repeat, whatever became of the fax since; with
/// another one it is refused.
pub fn fingerprint(fax: &NewFax) -> [u8; 32] {
    let NewFax { fax: id, account, direction, number, faxbox, creator, state, labels, at } = fax;
    let mut hash = Sha256::new();
    let mut add = |part: Option<&str>| {
        // Lengths keep `a` + `bc` and `ab` + `c` apart; the first byte none and empty.
        let text = part.unwrap_or_default();
        hash.update([u8::from(part.is_some())]);
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    };
    add(Some(id.as_str()));
    add(Some(account.as_str()));
    add(Some(direction.as_str()));
    add(number.as_ref().map(|number| number.as_str()));
    add(faxbox.as_ref().map(|faxbox| faxbox.as_str()));
    add(creator.as_ref().map(|creator| creator.qualified()).as_deref());
    add(Some(state.as_str()));
    add(Some(&at.0.to_string()));
    for label in BTreeSet::from_iter(labels) {
        add(Some(label.as_str()));
    }
    hash.finalize().into()
}
