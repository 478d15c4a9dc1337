//! `Export`: a tenant as the changes and faxes that make it again, from one snapshot.

mod faxes;

use std::time::Duration;

use lineguard_core::change::{AccountKind, Change, NewFax};
use lineguard_core::id::{Num, TenantId};
use lineguard_core::port::{StoreError, TenantReader, TenantRow};
use lineguard_core::row::{self, ObjectKind};
use prost::Message as _;
use tokio::time::timeout;
use tokio_stream::{Stream, StreamExt as _};
use tonic::Status;

use super::super::outbox::{Emptying, Gone, Outbox, outbox};
use super::recreate;
use crate::access::Caller;
use crate::answer::{KEPT, Paused, Setting, turn};
use crate::app::App;
use crate::objects::{self, Account, Stored};
use crate::wire::admin::export_call;
use crate::wire::change::{change_to_wire, new_fax_to_wire};
use crate::wire::pb;
use crate::wire::status::Failure;

/// How many rows are read at once, and most changes and faxes of a part.
const PAGE: usize = 500;

/// About how many bytes make a part. What a client does not take, the transport keeps by whole parts.
const MAX_PART_BYTES: usize = 64 << 10;

/// How many bytes are read ahead of a slow client.
const MAX_READY_BYTES: usize = 256 << 10;

/// How long an export may take, its caller's reading included.
const LONGEST: Duration = Duration::from_secs(600);

/// Kinds in the order in which they can be made: each needs only those before it.
const MADE: [ObjectKind; 8] = [
    ObjectKind::Role,
    ObjectKind::Number,
    ObjectKind::Extension,
    ObjectKind::Queue,
    ObjectKind::Group,
    ObjectKind::Faxbox,
    ObjectKind::Member,
    ObjectKind::Invitation,
];

/// Kinds that are tied to others when all of them are there.
const TIED: [ObjectKind; 5] = [
    ObjectKind::Account,
    ObjectKind::Group,
    ObjectKind::Faxbox,
    ObjectKind::Number,
    ObjectKind::Member,
];

type Sent = Result<pb::ExportResponse, Status>;

/// The parts. The first of them is there before the stream is: an unknown tenant is an error of
/// the call.
pub(super) async fn export(
    app: &App,
    caller: &Caller,
    message: pb::ExportRequest,
) -> Result<impl Stream<Item = Sent> + Send + use<>, Status> {
    let (tenant, include_faxes) = export_call(message).map_err(Failure::from)?;
    let (parts, mut taken) = outbox(MAX_READY_BYTES);
    let (app, caller) = (app.clone(), caller.name.clone());
    tokio::spawn(async move {
        let exported = run(&app, &caller, &tenant, include_faxes, &parts);
        // Nobody reads for somebody who has gone.
        let exported = async {
            tokio::select! {
                ended = exported => ended,
                () = parts.gone() => Err(Ended::Unheard),
            }
        };
        match timeout(LONGEST, exported).await {
            Ok(Ok(())) => parts.end(),
            Ok(Err(Ended::Unheard)) => {}
            Ok(Err(Ended::Failed(failure))) => parts.fail(failure.into()),
            Err(_) => parts.fail(Failure::DeadlineExceeded.into()),
        }
    });
    let ended = || Status::from(Failure::Internal("an export ended before its first part".into()));
    let first = taken.next().await.ok_or_else(ended)??;
    Ok(tokio_stream::once(Ok(first)).chain(taken))
}

/// Why an export ended early.
enum Ended {
    Failed(Failure),
    /// The caller has gone.
    Unheard,
}

impl From<StoreError> for Ended {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Gone> for Ended {
    fn from(_: Gone) -> Self {
        Self::Unheard
    }
}

async fn run(
    app: &App,
    caller: &str,
    tenant: &TenantId,
    include_faxes: bool,
    parts: &Outbox<pb::ExportResponse>,
) -> Result<(), Ended> {
    let unknown = || Ended::Failed(Failure::NotFound("tenant"));
    let mut place = app.long.exports.place(tenant, caller).ok_or_else(|| app.shed())?;
    turn(app, &mut place).await?;
    let (reader, setting) = app.with_model(tenant).await?.ok_or_else(unknown)?;
    let Setting { tenant: row, model } = setting;
    let reader = Paused::new(app, reader, place).await?;
    let mut out = Out::new(parts, reader, app.patience, row.revision.0);
    let all = async {
        tenant_and_accounts(&row, &mut out).await?;
        for kind in MADE {
            each(kind, &mut out, recreate::make).await?;
        }
        for kind in TIED {
            each(kind, &mut out, recreate::tie).await?;
        }
        if include_faxes {
            faxes::faxes(app, &row, model, &mut out).await?;
        }
        out.send().await
    };
    all.await.map_err(|ended| out.reader.why().map_or(ended, Ended::Failed))?;
    // The place is kept until nothing is held for the client any more.
    out.reader.pause();
    parts.emptied(app.patience).await.map_err(|why| match why {
        Emptying::Gone => Ended::Unheard,
        Emptying::Stalled => Ended::Failed(Failure::Stalled),
    })
}

/// Where everything is read from, and the parts that it is sent in.
struct Out<'a> {
    parts: &'a Outbox<pb::ExportResponse>,
    reader: Paused<'a>,
    patience: Duration,
    part: pb::ExportResponse,
    bytes: usize,
}

impl<'a> Out<'a> {
    fn new(
        parts: &'a Outbox<pb::ExportResponse>,
        reader: Paused<'a>,
        patience: Duration,
        revision: u64,
    ) -> Self {
        let part = pb::ExportResponse { revision, ..Default::default() };
        Self { parts, reader, patience, part, bytes: 0 }
    }

    /// A change comes after all the faxes before it. A part has its changes first, so it needs one
    /// of its own then.
    async fn change(&mut self, change: &Change) -> Result<(), Ended> {
        if !self.part.faxes.is_empty() {
            self.send().await?;
        }
        let change = change_to_wire(change);
        self.bytes += change.encoded_len();
        self.part.changes.push(change);
        self.send_if_full().await
    }

    async fn fax(&mut self, fax: &NewFax) -> Result<(), Ended> {
        let fax = new_fax_to_wire(fax);
        self.bytes += fax.encoded_len();
        self.part.faxes.push(fax);
        self.send_if_full().await
    }

    async fn send_if_full(&mut self) -> Result<(), Ended> {
        let items = self.part.changes.len() + self.part.faxes.len();
        if items >= PAGE || self.bytes >= MAX_PART_BYTES { self.send().await } else { Ok(()) }
    }

    async fn send(&mut self) -> Result<(), Ended> {
        let revision = self.part.revision;
        let next = pb::ExportResponse { revision, ..Default::default() };
        let part = std::mem::replace(&mut self.part, next);
        let bytes = std::mem::take(&mut self.bytes);
        if part.changes.is_empty() && part.faxes.is_empty() {
            return Ok(());
        }
        self.room().await?;
        self.parts.put(part, bytes);
        Ok(())
    }

    /// Waits for the client, at first with the snapshot and then without it.
    async fn room(&mut self) -> Result<(), Ended> {
        let Ok(room) = timeout(KEPT, self.parts.room()).await else {
            self.reader.pause();
            let room = timeout(self.patience, self.parts.room()).await;
            return Ok(room.map_err(|_| Failure::Stalled)??);
        };
        Ok(room?)
    }
}

/// The tenant with its root, then all accounts: parents were made before their children.
async fn tenant_and_accounts(tenant: &TenantRow, out: &mut Out<'_>) -> Result<(), Ended> {
    let first = out.reader.list(ObjectKind::Account, None, Num(0), 1).await?;
    let first = objects::load(&mut out.reader, &first).await?;
    let Some(Stored::Account(root)) = first.first() else {
        // A tenant always has its root.
        return Err(row::corrupt(tenant.num, "num", Num(0)).into());
    };
    let Account { account, kind, owners, .. } = root;
    // Owners are set when the members are there, so that members come in their old order. A
    // personal account is made with its one member.
    let owner = owners.first().filter(|_| *kind == AccountKind::Personal);
    let create = Change::CreateTenant {
        title: tenant.title.clone(),
        model: tenant.model,
        root: account.clone(),
        kind: *kind,
        owner: owner.cloned(),
    };
    out.change(&create).await?;
    // The one makes the tenant where there is none, the others what it is where there is one.
    out.change(&Change::SetModel { model: tenant.model }).await?;
    if *kind == AccountKind::Personal {
        let account = account.clone();
        out.change(&Change::SetPersonal { account, personal: true }).await?;
    }
    each(ObjectKind::Account, out, recreate::make).await
}

/// How many objects are held at once; some kinds may be linked to everybody.
const fn at_once(kind: ObjectKind) -> usize {
    match kind {
        ObjectKind::Group | ObjectKind::Faxbox => 5,
        _ => PAGE,
    }
}

/// Goes through all objects of a kind in the order in which they were made.
async fn each(
    kind: ObjectKind,
    out: &mut Out<'_>,
    changes_of: fn(&Stored, &mut Vec<Change>),
) -> Result<(), Ended> {
    let mut after = Num(0);
    loop {
        let rows = out.reader.list(kind, None, after, PAGE).await?;
        for rows in rows.chunks(at_once(kind)) {
            for object in objects::load(&mut out.reader, rows).await? {
                let mut changes = Vec::new();
                changes_of(&object, &mut changes);
                for change in &changes {
                    out.change(change).await?;
                }
            }
        }
        match rows.last() {
            Some(last) if rows.len() == PAGE => after = last.num,
            _ => return Ok(()),
        }
    }
}
