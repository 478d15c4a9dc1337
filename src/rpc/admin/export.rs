//! `Export`: a tenant as the changes and faxes that make it again, from one snapshot.

mod faxes;

use lineguard_core::change::{AccountKind, Change, NewFax};
use lineguard_core::id::{Num, TenantId};
use lineguard_core::port::{StoreError, TenantReader, TenantRow};
use lineguard_core::row::{self, ObjectKind};
use prost::Message as _;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt as _};
use tonic::Status;

use super::recreate;
use crate::answer::Setting;
use crate::app::App;
use crate::objects::{self, Account, Stored};
use crate::wire::admin::export_call;
use crate::wire::change::{change_to_wire, new_fax_to_wire};
use crate::wire::pb;
use crate::wire::status::Failure;

/// How many rows are read at once, and most changes and faxes of a part.
const PAGE: usize = 500;

/// About how many bytes make a part; any client takes a few times that.
const MAX_PART_BYTES: usize = 1 << 20;

/// How long an export may take, its caller's reading included.
const LONGEST: std::time::Duration = std::time::Duration::from_secs(600);

/// Parts that wait for a slow reader.
const WAITING: usize = 2;

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
    message: pb::ExportRequest,
) -> Result<impl Stream<Item = Sent> + Send + use<>, Status> {
    let (tenant, include_faxes) = export_call(message).map_err(Failure::from)?;
    let (parts, mut receiver) = mpsc::channel(WAITING);
    let app = app.clone();
    tokio::spawn(async move {
        // A caller that stops reading must not hold a snapshot for ever.
        let exported = run(&app, &tenant, include_faxes, &parts);
        let ended = match tokio::time::timeout(LONGEST, exported).await {
            Ok(ended) => ended,
            Err(_) => Err(Ended::Failed(Failure::DeadlineExceeded)),
        };
        if let Err(Ended::Failed(failure)) = ended {
            // Nobody may be left to hear it.
            let _ = parts.send(Err(failure.into())).await;
        }
    });
    let ended = || Status::from(Failure::Internal("an export ended before its first part".into()));
    let first = receiver.recv().await.ok_or_else(ended)??;
    Ok(tokio_stream::once(Ok(first)).chain(ReceiverStream::new(receiver)))
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

async fn run(
    app: &App,
    tenant: &TenantId,
    include_faxes: bool,
    parts: &mpsc::Sender<Sent>,
) -> Result<(), Ended> {
    let unknown = || Ended::Failed(Failure::NotFound("tenant"));
    let (mut reader, setting) = app.with_model(tenant).await?.ok_or_else(unknown)?;
    let Setting { tenant: row, model } = setting;
    let reader = reader.as_mut();
    let mut out = Out::new(parts, row.revision.0);
    tenant_and_accounts(reader, &row, &mut out).await?;
    for kind in MADE {
        each(reader, kind, &mut out, recreate::make).await?;
    }
    for kind in TIED {
        each(reader, kind, &mut out, recreate::tie).await?;
    }
    if include_faxes {
        faxes::faxes(app, reader, &row, model, &mut out).await?;
    }
    out.send().await
}

/// Collects changes and faxes and sends them in parts.
struct Out<'a> {
    parts: &'a mpsc::Sender<Sent>,
    part: pb::ExportResponse,
    bytes: usize,
}

impl<'a> Out<'a> {
    fn new(parts: &'a mpsc::Sender<Sent>, revision: u64) -> Self {
        let part = pb::ExportResponse { revision, ..Default::default() };
        Self { parts, part, bytes: 0 }
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
        self.bytes = 0;
        if part.changes.is_empty() && part.faxes.is_empty() {
            return Ok(());
        }
        self.parts.send(Ok(part)).await.map_err(|_| Ended::Unheard)
    }
}

/// The tenant with its root, then all accounts: parents were made before their children.
async fn tenant_and_accounts(
    reader: &mut dyn TenantReader,
    tenant: &TenantRow,
    out: &mut Out<'_>,
) -> Result<(), Ended> {
    let first = reader.list(ObjectKind::Account, None, Num(0), 1).await?;
    let first = objects::load(reader, &first).await?;
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
    each(reader, ObjectKind::Account, out, recreate::make).await
}

/// Goes through all objects of a kind in the order in which they were made.
async fn each(
    reader: &mut dyn TenantReader,
    kind: ObjectKind,
    out: &mut Out<'_>,
    changes_of: fn(&Stored, &mut Vec<Change>),
) -> Result<(), Ended> {
    let mut after = Num(0);
    loop {
        let rows = reader.list(kind, None, after, PAGE).await?;
        for object in objects::load(reader, &rows).await? {
            let mut changes = Vec::new();
            changes_of(&object, &mut changes);
            for change in &changes {
                out.change(change).await?;
            }
        }
        match rows.last() {
            Some(last) if rows.len() == PAGE => after = last.num,
            _ => return Ok(()),
        }
    }
}
