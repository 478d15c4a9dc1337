//! `Import`: parts are collected by tenant, and each tenant is one transaction.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use lineguard_core::change::{Change, Import, Imported, Part, Warning};
use lineguard_core::id::TenantId;
use lineguard_core::port::Fault;
use prost::Message as _;
use tonic::{Status, Streaming};

use super::super::admit::permitted;
use crate::access::Caller;
use crate::app::App;
use crate::wire::admin::{ImportPart, import_part, import_response};
use crate::wire::change::kind_name;
use crate::wire::invalid::{InvalidRequest, Violation};
use crate::wire::pb;
use crate::wire::status::Failure;

/// Most changes and faxes of one stream.
const MAX_ITEMS: usize = 1_000_000;

/// Most bytes of one stream, as they are sent.
const MAX_BYTES: usize = 256 << 20;

/// Most bytes of all streams together.
const MAX_BYTES_OF_ALL: usize = 512 << 20;

/// Most faults that are told for one tenant.
const MAX_FAULTS: usize = 1_000;

pub(super) async fn import(
    app: &App,
    imported: &AtomicUsize,
    caller: &Caller,
    mut stream: Streaming<pb::ImportRequest>,
) -> Result<pb::ImportResponse, Status> {
    let place = app.long.imports.place_of_caller(&caller.name);
    let _place = place.ok_or_else(|| app.shed())?;
    let mut held = Held { of_all: imported, bytes: 0 };
    let mut collected = Collected::default();
    let mut index = 0;
    while let Some(message) = next(app, &mut stream).await? {
        permitted(app, caller, &message)?;
        held.add(message.encoded_len()).ok_or_else(|| app.shed())?;
        collected.add(message, index).map_err(Failure::from)?;
        index += 1;
    }
    // A stream that the client cut off ends like one that is whole. The transport knows better, and
    // drops this call as soon as it waits: before anything of what has come is applied.
    tokio::task::yield_now().await;
    let mut results = Vec::with_capacity(collected.tenants.len());
    for (tenant, collecting) in collected.tenants {
        let result = apply(app, caller, tenant.clone(), collecting).await;
        results.push((tenant, result));
    }
    Ok(import_response(results))
}

/// The next message of a client that sends one every so often.
async fn next(
    app: &App,
    stream: &mut Streaming<pb::ImportRequest>,
) -> Result<Option<pb::ImportRequest>, Status> {
    let next = tokio::time::timeout(app.patience, stream.message()).await;
    next.map_err(|_| Failure::Stalled)?
}

/// The bytes of a stream among those of all, for as long as it is there.
struct Held<'a> {
    of_all: &'a AtomicUsize,
    bytes: usize,
}

impl Held<'_> {
    /// None if there is no room for so many more.
    fn add(&mut self, bytes: usize) -> Option<()> {
        self.bytes += bytes;
        let before = self.of_all.fetch_add(bytes, Ordering::Relaxed);
        (before + bytes <= MAX_BYTES_OF_ALL).then_some(())
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.of_all.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// The tenants of a stream in the order of their first parts.
#[derive(Default)]
struct Collected {
    tenants: Vec<(TenantId, Collecting)>,
    positions: HashMap<TenantId, usize>,
    items: usize,
    bytes: usize,
}

impl Collected {
    /// Adds a part. A fault of the part is one of its tenant; the rest is still collected, so that
    /// all faults are told at once.
    fn add(&mut self, message: pb::ImportRequest, index: usize) -> Result<(), InvalidRequest> {
        self.items += message.changes.len() + message.faxes.len();
        self.bytes += message.encoded_len();
        if self.items > MAX_ITEMS || self.bytes > MAX_BYTES {
            let problem = format!(
                "the stream has more than {MAX_ITEMS} changes and faxes, or {MAX_BYTES} bytes; \
                 import in several streams"
            );
            return Err(InvalidRequest::one(format!("parts[{index}]"), problem));
        }
        let (tenant, part) = import_part(message, index)?;
        let known = self.positions.get(&tenant).copied();
        let position = known.unwrap_or_else(|| {
            self.positions.insert(tenant.clone(), self.tenants.len());
            self.tenants.push((tenant, Collecting::default()));
            self.tenants.len() - 1
        });
        if let Some((_, collecting)) = self.tenants.get_mut(position) {
            collecting.add(part, index);
        }
        Ok(())
    }
}

/// What has come of one tenant.
#[derive(Default)]
struct Collecting {
    head: Option<Head>,
    parts: Vec<Part>,
    origins: Vec<Origin>,
    faults: Vec<Violation>,
}

/// What all parts of a tenant must say alike.
struct Head {
    actor: lineguard_core::id::Subject,
    request_id: lineguard_core::id::RequestId,
}

/// Where some changes and faxes stood in the stream.
#[derive(Debug, Clone, Copy)]
struct Origin {
    part: usize,
    changes: usize,
    faxes: usize,
}

impl Collecting {
    fn add(&mut self, part: Result<ImportPart, InvalidRequest>, index: usize) {
        let ImportPart { actor, request_id, changes, faxes } = match part {
            Ok(part) => part,
            Err(invalid) => return self.fault(invalid.violations),
        };
        match &self.head {
            None => self.head = Some(Head { actor, request_id }),
            Some(head) => {
                let differs = |field| Violation {
                    field: format!("parts[{index}].{field}"),
                    problem: "must be the same in all parts of a tenant".to_owned(),
                };
                let actor = (head.actor != actor).then(|| differs("actor"));
                let request = (head.request_id != request_id).then(|| differs("request_id"));
                self.fault(actor.into_iter().chain(request));
            }
        }
        if !self.faults.is_empty() {
            // Nothing of it will be applied.
            self.parts.clear();
            return;
        }
        self.origins.push(Origin { part: index, changes: changes.len(), faxes: faxes.len() });
        match self.parts.last_mut() {
            // Changes that follow each other are checked together, so that their mistakes are told
            // together.
            Some(last) if last.faxes.is_empty() => {
                last.changes.extend(changes);
                last.faxes = faxes;
            }
            _ => self.parts.push(Part { changes, faxes }),
        }
    }

    fn fault(&mut self, violations: impl IntoIterator<Item = Violation>) {
        let room = MAX_FAULTS.saturating_sub(self.faults.len());
        self.faults.extend(violations.into_iter().take(room));
    }
}

/// What a tenant's import did, and the token of the state that it made.
async fn apply(
    app: &App,
    caller: &Caller,
    tenant: TenantId,
    collecting: Collecting,
) -> Result<(Imported, String), Failure> {
    let Collecting { head, parts, origins, faults } = collecting;
    let Some(Head { actor, request_id }) = head.filter(|_| faults.is_empty()) else {
        return Err(Failure::Invalid(InvalidRequest { violations: faults }));
    };
    let import = Import { tenant, actor, provisions: caller.provisions, request_id, parts };
    let mut imported =
        app.store.import(&import, app.clock.now()).await.map_err(|error| {
            Failure::of_write(error, |fault| path(&import.parts, &origins, fault))
        })?;
    for warning in &mut imported.applied.warnings {
        *warning = Warning { change: changes_before(&origins, warning.change), ..warning.clone() };
    }
    let token = app.revision_token(&import.tenant, imported.applied.revision)?;
    Ok((imported, token))
}

/// The path of a fault in the stream: `parts[2].changes[7].set_roles.roles`.
fn path(parts: &[Part], origins: &[Origin], fault: &Fault) -> String {
    let Fault { change: position, field, .. } = fault;
    let Some((origin, within)) = locate(origins, *position) else {
        return (*field).to_owned();
    };
    let part = origin.part;
    if *field == "tenant" {
        return format!("parts[{part}].tenant");
    }
    if within >= origin.changes {
        return format!("parts[{part}].faxes[{}].{field}", within - origin.changes);
    }
    match change_at(parts, *position).map(kind_name) {
        Some(kind) if field.is_empty() => format!("parts[{part}].changes[{within}].{kind}"),
        Some(kind) => format!("parts[{part}].changes[{within}].{kind}.{field}"),
        None => format!("parts[{part}].changes[{within}]"),
    }
}

/// The part of the stream that holds a position, and the place in it, changes first.
fn locate(origins: &[Origin], mut position: usize) -> Option<(Origin, usize)> {
    for origin in origins {
        let size = origin.changes + origin.faxes;
        if position < size {
            return Some((*origin, position));
        }
        position -= size;
    }
    None
}

fn change_at(parts: &[Part], mut position: usize) -> Option<&Change> {
    for Part { changes, faxes } in parts {
        if let Some(change) = changes.get(position) {
            return Some(change);
        }
        position = position.checked_sub(changes.len() + faxes.len())?;
    }
    None
}

/// Where a change stands among the changes alone.
fn changes_before(origins: &[Origin], mut position: usize) -> usize {
    let mut before = 0;
    for Origin { changes, faxes, .. } in origins {
        if position < changes + faxes {
            return before + position.min(*changes);
        }
        position -= changes + faxes;
        before += changes;
    }
    before
}

#[cfg(test)]
mod tests {
    use lineguard_core::id::AccountId;

    use super::*;

    const ORIGINS: [Origin; 2] =
        [Origin { part: 1, changes: 2, faxes: 1 }, Origin { part: 4, changes: 1, faxes: 2 }];

    fn path_of(position: usize) -> String {
        let change = || Change::RemoveAccount { account: AccountId::parse("a").unwrap() };
        let parts = [
            Part { changes: vec![change(), change()], faxes: Vec::new() },
            Part { changes: vec![change()], faxes: Vec::new() },
        ];
        // Faxes need not be there for a path.
        let fault = Fault { change: position, field: "account", problem: String::new() };
        path(&parts, &ORIGINS, &fault)
    }

    #[test]
    fn a_fault_is_told_where_it_stood_in_the_stream() {
        assert_eq!(path_of(1), "parts[1].changes[1].remove_account.account");
        assert_eq!(path_of(2), "parts[1].faxes[0].account");
        assert_eq!(path_of(5), "parts[4].faxes[1].account");
    }

    #[test]
    fn warnings_count_changes_alone() {
        assert_eq!(changes_before(&ORIGINS, 1), 1);
        assert_eq!(changes_before(&ORIGINS, 3), 2);
    }
}
