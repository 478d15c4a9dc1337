//! Nothing is held for a client that does nothing: no snapshot of the database while it is slow, no
//! place when it is slow for long.

use std::time::Duration;

use lineguard::answer::LongReads;
use lineguard::app::App;
use lineguard::config::Config;
use lineguard::wire::pb;
use lineguard::wire::pb::admin_service_client::AdminServiceClient;
use lineguard::wire::pb::read_tenant_request::Read;
use lineguard::wire::pb::read_tenant_response::Read as Found;
use lineguard::wire::pb::sidecar_service_client::SidecarServiceClient;
use lineguard_core::change::Change;
use lineguard_core::row::ObjectKind;
use lineguard_testkit::ids;
use lineguard_testkit::world::{World, world};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Code, Streaming};

use crate::harness::Harness;
use crate::writing::{apply, expect, export, part};

/// More than the transport takes in for a client that reads nothing.
fn large(tenant: &str) -> World {
    let title = "🖷".repeat(200);
    let group = |at| Change::AddGroup {
        account: ids::account("home"),
        group: ids::group(&format!("g{at}")),
        title: title.clone(),
        roles: Vec::new(),
    };
    (0..GROUPS).map(group).fold(world(tenant).account("home"), World::change)
}

const GROUPS: usize = 1_000;

/// A connection on which a stream that is not read stops early.
async fn narrow(harness: &Harness) -> Channel {
    let uri = format!("http://{}", harness.address);
    let endpoint = Channel::from_shared(uri).unwrap();
    let endpoint = endpoint.initial_stream_window_size(65_535);
    endpoint.initial_connection_window_size(64 << 20).connect().await.unwrap()
}

/// Takes all the snapshots that there are, at the same time.
async fn all_snapshots(harness: &Harness, tenant: &str) {
    let tenant = ids::tenant(tenant);
    let mut taken = Vec::new();
    for _ in 0..harness.snapshots {
        let snapshot = tokio::time::timeout(Duration::from_secs(20), harness.app.snapshot(&tenant));
        taken.push(snapshot.await.unwrap().unwrap().unwrap());
    }
}

async fn until(so: impl Fn() -> bool) {
    let waited = async {
        while !so() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waited).await.unwrap();
}

async fn begin(channel: &Channel) -> Result<Streaming<pb::ExportResponse>, tonic::Status> {
    let request = pb::ExportRequest { tenant: "t1".into(), include_faxes: true };
    let mut client = AdminServiceClient::new(channel.clone());
    client.export(request).await.map(tonic::Response::into_inner)
}

async fn rest(
    mut stream: Streaming<pb::ExportResponse>,
) -> Result<Vec<pb::ExportResponse>, tonic::Status> {
    let mut parts = Vec::new();
    while let Some(part) = stream.message().await? {
        parts.push(part);
    }
    Ok(parts)
}

fn impatient(app: App) -> App {
    App { patience: Duration::from_millis(300), ..app }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exports_that_nobody_reads_hold_no_snapshot_and_are_bounded() {
    let harness = Harness::start().await;
    harness.build(large("t1")).await;
    harness.build(world("t2").account("home")).await;
    let channel = narrow(&harness).await;
    let begun = (0..40).map(|_| {
        let channel = channel.clone();
        tokio::spawn(async move { begin(&channel).await })
    });
    let mut streams = Vec::new();
    for begun in begun.collect::<Vec<_>>() {
        match begun.await.unwrap() {
            Ok(stream) => streams.push(stream),
            refused => expect(refused, Code::ResourceExhausted, "OVERLOADED", &[]),
        }
    }
    all_snapshots(&harness, "t2").await;
    assert_eq!(streams.len(), 4, "a quarter of sixteen is of one tenant");
    let mut parts = Vec::new();
    for stream in streams {
        parts.push(rest(stream).await.unwrap());
    }
    let whole = export(&harness, "t1").await;
    assert!(parts.iter().all(|parts| *parts == whole), "slow readers get all of it");
    harness.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_export_ends_where_the_tenant_is_changed_meanwhile() {
    let harness = Harness::start().await;
    harness.build(large("t1")).await;
    let stream = begin(&narrow(&harness).await).await.unwrap();
    all_snapshots(&harness, "t1").await;
    let group = ids::group("new");
    let (account, roles) = (ids::account("home"), Vec::new());
    let change = Change::AddGroup { account, group, title: String::new(), roles };
    apply(&harness, "meanwhile", &[change]).await.unwrap();
    let parts = rest(stream).await.map(|parts| parts.len());
    expect(parts, Code::Aborted, "TENANT_CHANGED", &[]);
    harness.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_that_nobody_reads_ends_and_says_why() {
    let harness = Harness::start_with(impatient).await;
    harness.build(large("t1")).await;
    let stream = begin(&narrow(&harness).await).await.unwrap();
    until(|| harness.app.long.exports.taken() == 0).await;
    let parts = rest(stream).await.map(|parts| parts.len());
    expect(parts, Code::DeadlineExceeded, "STALLED", &[]);
    harness.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn imports_that_send_nothing_end_and_are_bounded_for_each_caller() {
    let harness = Harness::start_with(|app| {
        let mut limits = Config::default().limits;
        limits.imports = 2;
        let long = LongReads::new(&limits, 4).into();
        App { long, patience: Duration::from_secs(1), ..app }
    })
    .await;
    let mut client = AdminServiceClient::new(harness.channel.clone());
    let mut other = client.clone();
    let (send, requests) = mpsc::channel(1);
    let begun = tokio::spawn(async move { client.import(ReceiverStream::new(requests)).await });
    send.send(part("t1", &[], &[])).await.unwrap();
    until(|| harness.app.long.imports.taken() == 1).await;
    let parts = vec![part("t1", &world("t1").account("home").batch().changes, &[])];
    let refused = other.import(tokio_stream::iter(parts.clone())).await;
    expect(refused, Code::ResourceExhausted, "OVERLOADED", &[]);
    expect(begun.await.unwrap(), Code::DeadlineExceeded, "STALLED", &[]);
    drop(send);
    until(|| harness.app.long.imports.taken() == 0).await;
    other.import(tokio_stream::iter(parts)).await.unwrap();
    harness.stop().await;
}

/// A stream of reads that is open, and what came first.
async fn open(
    harness: &Harness,
) -> (mpsc::Sender<pb::ReadTenantRequest>, Streaming<pb::ReadTenantResponse>) {
    let (reads, requests) = mpsc::channel(4);
    let open = pb::ReadOpen { tenant: "t1".into() };
    reads.send(pb::ReadTenantRequest { read: Some(Read::Open(open)) }).await.unwrap();
    let mut client = SidecarServiceClient::new(narrow(harness).await);
    let mut found = client.read_tenant(ReceiverStream::new(requests)).await.unwrap().into_inner();
    let first = found.message().await.unwrap().unwrap();
    assert!(matches!(first.read, Some(Found::Tenant(_))));
    (reads, found)
}

fn accounts() -> pb::ReadTenantRequest {
    let list = pb::ReadList {
        kind: u32::from(ObjectKind::Account as u8),
        account: None,
        after: 0,
        limit: 10,
    };
    pb::ReadTenantRequest { read: Some(Read::List(list)) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn snapshots_of_sidecars_that_ask_nothing_are_given_back() {
    let harness = Harness::start().await;
    harness.build(world("t1").account("home")).await;
    let mut streams = Vec::new();
    for _ in 0..4 * harness.snapshots {
        streams.push(open(&harness).await);
    }
    all_snapshots(&harness, "t1").await;
    let (reads, mut found) = streams.pop().unwrap();
    reads.send(accounts()).await.unwrap();
    let answer = found.message().await.unwrap().unwrap();
    let Some(Found::Objects(rows)) = answer.read else { panic!("{answer:?}") };
    assert_eq!(rows.objects.len(), 1);
    let account = ids::account("branch");
    let (parent, title) = (ids::account("home"), String::new());
    let change = Change::AddAccount { account, parent, title, sealed: false, owner: None };
    apply(&harness, "meanwhile", &[change]).await.unwrap();
    let (reads, mut found) = streams.pop().unwrap();
    reads.send(accounts()).await.unwrap();
    expect(found.message().await, Code::Aborted, "TENANT_CHANGED", &[]);
    harness.stop().await;
}
