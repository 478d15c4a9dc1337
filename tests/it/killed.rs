//! Imports of new tenants whose server is killed on the way.

use std::path::Path;
use std::time::Duration;

use lineguard::wire::pb;
use lineguard::wire::pb::admin_service_client::AdminServiceClient;
use lineguard::wire::pb::import_result::Result as Outcome;
use lineguard_core::id::{ModelDigest, Num};
use lineguard_core::port::Store as _;
use lineguard_core::row::ObjectKind;
use lineguard_store::{Chain, OpenMode, SqlStore};
use lineguard_testkit::generate::Rng;
use lineguard_testkit::ids;
use lineguard_testkit::world::NOW;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tonic::Status;
use tonic::transport::Channel;

use crate::burden::parts;
use crate::harness::text_of;
use crate::process::Server;
use crate::removal::setting;

/// More than one transaction takes of a new tenant.
const MEMBERS: usize = 1_200;

/// Imports a tenant over a connection of its own, which ends with the server.
fn import(server: &Server, tenant: &str) -> JoinHandle<Result<pb::ImportedTenant, Status>> {
    let digest = ModelDigest::of(text_of("standard")).to_string();
    let messages = parts(tenant, 0..MEMBERS, Some(&digest));
    let channel = Channel::from_shared(format!("http://{}", server.listen)).unwrap().connect_lazy();
    tokio::spawn(async move {
        let answer = AdminServiceClient::new(channel).import(tokio_stream::iter(messages)).await?;
        match answer.into_inner().results.remove(0).result {
            Some(Outcome::Imported(imported)) => Ok(imported),
            other => panic!("{other:?}"),
        }
    })
}

/// How many members there are of a tenant; none if nobody knows of the tenant.
async fn members(store: &SqlStore, tenant: &str) -> Option<usize> {
    let tenant = ids::tenant(tenant);
    let mut reader = store.snapshot(&tenant).await.unwrap()?;
    let members = reader.list(ObjectKind::Member, None, Num(0), 2 * MEMBERS).await.unwrap();
    drop(reader);
    let chain = store.verify_chain(&tenant).await.unwrap().unwrap();
    assert!(matches!(chain, Chain::Intact { .. }), "{chain:?}");
    Some(members.len())
}

async fn existing(folder: &Path) -> SqlStore {
    let url = format!("sqlite:{}", folder.join("lineguard.db").display());
    SqlStore::open(&url, OpenMode::Existing).await.unwrap()
}

/// `LINEGUARD_SEED` draws other moments, and `LINEGUARD_KILLS` more of them than 8.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stderr, reason = "the seed of a failure is shown with it")]
async fn nobody_sees_half_of_an_import_whose_server_was_killed() {
    /// The members, and the owner.
    const ALL: usize = MEMBERS + 1;
    let seed = setting("LINEGUARD_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    let kills = setting("LINEGUARD_KILLS").unwrap_or(8);
    eprintln!("LINEGUARD_SEED={seed}");
    let rng = &mut Rng::new(seed);
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["--listen=127.0.0.1:0"];
    let mut server = Server::start(folder.path(), &arguments);
    let begun = Instant::now();
    import(&server, "first").await.unwrap().unwrap();
    let usual = begun.elapsed();
    let (mut absent, mut whole) = (0, 0);
    for kill in 0..kills {
        let tenant = format!("t{kill}");
        let calling = import(&server, &tenant);
        let moment = usual.as_micros() as usize * 5 / 4;
        tokio::time::sleep(Duration::from_micros(rng.below(moment) as u64)).await;
        server.signal("KILL");
        assert_eq!(server.end(), None);
        let answer = calling.await.unwrap();
        let store = existing(folder.path()).await;
        let there = members(&store, &tenant).await;
        match there {
            None => absent += 1,
            Some(count) => {
                assert_eq!(count, ALL, "{tenant}: half of it can be seen");
                whole += 1;
            }
        }
        assert!(answer.is_err() || there.is_some(), "{tenant}: what was acknowledged is gone");
        store.close().await.unwrap();

        server = Server::start(folder.path(), &arguments);
        let again = import(&server, &tenant).await.unwrap().unwrap();
        assert_eq!(again.repeated, there.is_some(), "{tenant}");
        assert_eq!(again.changed as usize, MEMBERS + 1, "{tenant}");
    }
    server.signal("TERM");
    assert_eq!(server.end(), Some(0));
    eprintln!("killed {kills} times: {absent} found nothing of the import and {whole} all of it");
    let store = existing(folder.path()).await;
    // What was left is removed by whoever comes long after.
    store.remove_abandoned(lineguard_core::id::Timestamp(NOW.0 * 2)).await.unwrap();
    for kill in 0..kills {
        assert_eq!(members(&store, &format!("t{kill}")).await, Some(ALL));
    }
}
