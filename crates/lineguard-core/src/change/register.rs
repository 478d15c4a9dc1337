//! Turns a fax to be registered into the row to be stored; every store registers with it.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::apply::{ModelSource, plain};
use super::{NewFax, SourceSet};
use crate::auto_assign::{Resolver, Target};
use crate::id::{Num, Subject, Timestamp};
use crate::model::reach::{Direction, FaxState};
use crate::model::{Model, TargetKind, built_in_vocabulary};
use crate::port::{ApplyError, Fault, FaxRow, StoreError, TenantTx};
use crate::row::{self, LinkKind, NumberBody, Object, ObjectKind};

/// How many milliseconds after the clock of who registers it a fax may say that it arrived or was
/// sent: clocks differ, and what lies further ahead would stand on top of every list until then.
pub const AHEAD: i64 = 24 * 60 * 60 * 1000;

/// The row for a new fax, with [`Num::UNKNOWN`] as its number: the store gives it one.
/// `position` is the fax's place in its registration, for faults. A creator and labels that the
/// tenant has never seen are inserted as plain objects, after everything that could be refused.
pub async fn row(
    tx: &mut dyn TenantTx,
    models: &dyn ModelSource,
    registering: &mut Registering,
    fax: &NewFax,
    position: usize,
) -> Result<FaxRow, ApplyError> {
    let faults = faults(fax, registering.now, position);
    if !faults.is_empty() {
        return Err(ApplyError::Invalid(faults));
    }
    let NewFax {
        fax: id,
        account,
        direction,
        number,
        faxbox,
        creator,
        state,
        labels,
        at,
        attachment_sources,
    } = fax;
    let inbound = *direction == Direction::Inbound;
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
    if let Some(number) = number.as_ref().filter(|_| !inbound) {
        match registering.number_belongs(names.tx, models, number, account, faxbox).await? {
            Belongs::Yes => {}
            Belongs::No => return Err(names.not_found("number", ObjectKind::Number)),
            Belongs::ToAFaxbox => return Err(names.needs_faxbox()),
        }
    }
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
            let target = registering.target_of(tx, models, number).await?;
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
        attachment_sources: *attachment_sources,
    })
}

/// What is wrong with a fax, whatever the tenant looks like.
fn faults(fax: &NewFax, now: Timestamp, position: usize) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut refuse = |field, problem: &str| {
        faults.push(Fault { change: position, field, problem: problem.to_owned() });
    };
    if let Err(problem) = check_state(fax.direction, fax.state) {
        refuse("state", problem);
    }
    if let Err(problem) = check_creator(fax.state, fax.creator.is_some()) {
        refuse("creator", problem);
    }
    if fax.at < Timestamp(0) {
        refuse("at", "lies before 1970");
    }
    if fax.at.0 > now.0.saturating_add(AHEAD) {
        refuse("at", "lies more than a day in the future");
    }
    faults
}

/// Whether a fax of this direction can be in a state.
pub const fn check_state(direction: Direction, state: FaxState) -> Result<(), &'static str> {
    match (direction, state) {
        (Direction::Inbound, FaxState::Draft | FaxState::Pending) => {
            Err("a received fax is neither a draft nor pending")
        }
        _ => Ok(()),
    }
}

/// Whether a fax can be in a state without somebody who sends it: nobody approves their own fax
/// (rulings R22), and whose it is must be known for that. A draft waits for nobody.
pub const fn check_creator(state: FaxState, known: bool) -> Result<(), &'static str> {
    match state {
        FaxState::Pending if !known => {
            Err("is required: a fax that waits for approval says who sends it")
        }
        _ => Ok(()),
    }
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
        found.ok_or_else(|| self.not_found(field, kind))
    }

    fn not_found(&self, field: &'static str, kind: ObjectKind) -> ApplyError {
        let problem = format!("no such {}", kind.as_str());
        ApplyError::NotFound(Fault { change: self.position, field, problem })
    }

    fn needs_faxbox(&self) -> ApplyError {
        let problem = "is required: a fax with a number goes out from a faxbox".to_owned();
        let fault = Fault { change: self.position, field: "faxbox", problem };
        ApplyError::Invalid(vec![fault])
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

/// Whether a fax can have gone out from a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Belongs {
    Yes,
    No,
    /// It depends on the faxbox, and the fax names none.
    ToAFaxbox,
}

/// One registration: its clock, and what is resolved once for all its faxes, since nothing that it
/// depends on changes meanwhile.
#[derive(Debug)]
pub struct Registering {
    now: Timestamp,
    restores: bool,
    /// Who receives the faxes of each number.
    targets: BTreeMap<Num, Option<Target>>,
    /// Accounts whose numbers an account's faxes can go out from.
    serving: BTreeMap<Num, Vec<Num>>,
}

impl Registering {
    /// The registration of faxes that arrive or go out.
    pub const fn new(now: Timestamp) -> Self {
        Self { now, restores: false, targets: BTreeMap::new(), serving: BTreeMap::new() }
    }

    /// The registration of faxes of an import, which restores what was: a number may have moved
    /// since a fax went out from it.
    pub fn restoring(now: Timestamp) -> Self {
        Self { restores: true, ..Self::new(now) }
    }

    /// Whether a fax can have gone out of an account from a number of the tenant (rulings R30). The
    /// number is or was set up there, or above where numbers flow down; where numbers belong to
    /// faxboxes it is or was one of the fax's, unless it was given back: then nobody can say. Whether it is active and able to fax is not asked of what has happened.
    async fn number_belongs(
        &mut self,
        tx: &mut dyn TenantTx,
        models: &dyn ModelSource,
        number: &Object,
        account: Num,
        faxbox: Option<Num>,
    ) -> Result<Belongs, StoreError> {
        if self.restores {
            return Ok(Belongs::Yes);
        }
        let model = model_of(tx, models).await?;
        let tenant = tx.tenant().await?.num;
        let NumberBody { formerly, .. } = row::parse_body(tenant, number)?;
        if model.outgoing.by_faxbox && !number.is_retired_number() {
            let Some(faxbox) = faxbox else { return Ok(Belongs::ToAFaxbox) };
            let routed = tx.links_from(LinkKind::NumberFaxbox, number.num).await?;
            if !routed.contains(&faxbox) && !formerly.was_in(faxbox) {
                return Ok(Belongs::No);
            }
        }
        let set_up_at = row::home_of_number(tenant, number)?;
        let serving = match self.serving.entry(account) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => {
                let flow_down = model.tree.numbers_flow_down;
                unknown.insert(if flow_down {
                    row::path(tx, account).await?
                } else {
                    vec![account]
                })
            }
        };
        let belongs = formerly.accounts().chain([set_up_at]).any(|at| serving.contains(&at));
        Ok(if belongs { Belongs::Yes } else { Belongs::No })
    }

    async fn target_of(
        &mut self,
        tx: &mut dyn TenantTx,
        models: &dyn ModelSource,
        number: &Object,
    ) -> Result<Option<Target>, StoreError> {
        if let Some(target) = self.targets.get(&number.num) {
            return Ok(*target);
        }
        let mut resolver = Resolver { reader: tx, models, vocabulary: built_in_vocabulary() };
        let target = resolver.target_of(number).await?;
        self.targets.insert(number.num, target);
        Ok(target)
    }
}

async fn model_of(
    tx: &mut dyn TenantTx,
    models: &dyn ModelSource,
) -> Result<Arc<Model>, StoreError> {
    let digest = tx.tenant().await?.model;
    let unreadable = || StoreError::UnreadableModel { digest, detail: "not loaded".into() };
    models.model(&digest).ok_or_else(unreadable)
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
    let NewFax {
        fax: _,
        account,
        direction,
        number,
        faxbox,
        creator,
        state,
        labels,
        at,
        attachment_sources,
    } = new;
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
    // What is left out is not contradicted (rulings R40).
    let sources = attachment_sources.is_none() || *attachment_sources == fax.attachment_sources;
    let same = direction == &fax.direction && state == &fax.state && at == &fax.at;
    Ok(said == so && same && sources)
}

/// SHA-256 of what the caller said about a fax. A store keeps it with the fax and its tombstone:
/// the same id with the same fingerprint is a repeat, whatever became of the fax since; with
/// another one it is refused.
pub fn fingerprint(fax: &NewFax) -> [u8; 32] {
    let NewFax {
        fax: id,
        account,
        direction,
        number,
        faxbox,
        creator,
        state,
        labels,
        at,
        attachment_sources,
    } = fax;
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
    // Only where they are said: faxes that were registered before they could be keep their
    // fingerprint. No label begins with this byte.
    if let Some(sources) = attachment_sources {
        hash.update([2, SourceSet::bits(*sources)]);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::super::AttachmentSource;
    use super::*;
    use crate::id::{AccountId, ExternalId, FaxId, FaxboxId, PhoneNumber};

    fn fax(attachment_sources: Option<SourceSet>) -> NewFax {
        NewFax {
            fax: FaxId::parse("f").unwrap(),
            account: AccountId::parse("root").unwrap(),
            direction: Direction::Outbound,
            number: Some(PhoneNumber::parse("+15550100100").unwrap()),
            faxbox: Some(FaxboxId::parse("box").unwrap()),
            creator: Some(Subject::user("ada").unwrap()),
            state: FaxState::Pending,
            labels: ["vip", "late"].map(|label| ExternalId::parse(label).unwrap()).to_vec(),
            at: Timestamp(1_700_000_000_000),
            attachment_sources,
        }
    }

    fn printed(fax: &NewFax) -> String {
        fingerprint(fax).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Fingerprints are stored: a repeat of what was registered years ago must still be one.
    #[test]
    fn a_fax_without_sources_keeps_the_fingerprint_that_it_always_had() {
        let before = "2756d58517eb8aaf6628ee1d72e9eedb9de0a68650272ed2a1b99a37816acd83";
        assert_eq!(printed(&fax(None)), before);
        let cloud = [AttachmentSource::Cloud].into_iter().collect();
        let now = "d731fc070d5de427a7e4ce8d3c85c4f2b0838a4714d84754d6b99423c4b6ee85";
        assert_eq!(printed(&fax(Some(cloud))), now);
        assert_ne!(printed(&fax(Some(SourceSet::default()))), before);
    }
}
