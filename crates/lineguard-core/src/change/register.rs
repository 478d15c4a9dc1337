//! Turns a fax to be registered into the row to be stored; every store registers with it.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use super::NewFax;
use super::apply::{ModelSource, plain, receivers};
use crate::facts::MemberStatus;
use crate::id::Num;
use crate::model::reach::{Direction, FaxState};
use crate::port::{ApplyError, Fault, FaxRow, StoreError, TenantTx};
use crate::row::{self, MemberBody, Object, ObjectKind};

/// The row for a new fax, with [`Num::UNKNOWN`] as its number: the store gives it one.
/// `position` is the fax's place in its registration, for faults. A creator and labels that the
/// tenant has never seen are inserted as plain objects.
pub async fn row(
    tx: &mut dyn TenantTx,
    models: &dyn ModelSource,
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
        Some(number) if inbound => place(tx, models, number, account).await?,
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

/// Where a received fax goes.
#[derive(Default)]
struct Place {
    assignee: Option<Num>,
    faxbox: Option<Num>,
}

/// Where the settings of its number send a received fax: to the first active member, else to the
/// first group; and into the first faxbox that lies in the fax's account.
async fn place(
    tx: &mut dyn TenantTx,
    models: &dyn ModelSource,
    number: &Object,
    account: Num,
) -> Result<Place, StoreError> {
    let tenant = tx.tenant().await?;
    let Some(model) = models.model(&tenant.model) else {
        let detail = "not in the store, or not readable by this server".to_owned();
        return Err(StoreError::UnreadableModel { digest: tenant.model, detail });
    };
    let found = receivers(tx, &model, tenant.num, number).await?;
    let mut assignee = found.groups.first().copied();
    for member in found.members {
        let body: MemberBody = row::parse_body(tenant.num, &member)?;
        if body.status == MemberStatus::Active.as_str() {
            assignee = Some(plain(tx, ObjectKind::Subject, &member.id).await?);
            break;
        }
    }
    let faxboxes = tx.get(&found.faxboxes).await?;
    let faxbox =
        faxboxes.iter().filter(|one| one.account == Some(account)).map(|one| one.num).min();
    Ok(Place { assignee, faxbox })
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
