//! Certificates and callers that change under load: no call fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use lineguard::access::reload::Watched;
use lineguard::dial::Dial;
use lineguard::server::Doors;
use lineguard::wire::pb;
use lineguard::wire::pb::authorization_service_client::AuthorizationServiceClient;
use tokio::task::JoinSet;

use super::pki::{self, Ca, Files, Leaf, uri};
use super::{Guarded, access, ask, caller, policy, refused, unauthenticated};
use crate::harness::{Beside, Harness};
use crate::process::Server;

const STORE: &str = "spiffe://example.org/fax/store";
const ROUTER: &str = "spiffe://example.org/fax/router";

/// Callers that ask all the time, over a connection that they keep and over new ones.
struct Load {
    calls: Arc<AtomicUsize>,
    end: Arc<AtomicBool>,
    tasks: JoinSet<()>,
}

impl Load {
    fn start(address: &str, ca: &Arc<Ca>, leaf: &Leaf) -> Self {
        let (calls, end) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
        let mut tasks = JoinSet::new();
        for new_each in [false, true] {
            let (address, ca, leaf) = (address.to_owned(), Arc::clone(ca), leaf.clone());
            let (calls, end) = (Arc::clone(&calls), Arc::clone(&end));
            tasks.spawn(async move {
                let mut channel = pki::connect(&address, &ca, Some(&leaf)).await.unwrap();
                while !end.load(Ordering::Relaxed) {
                    if new_each {
                        channel = pki::connect(&address, &ca, Some(&leaf)).await.unwrap();
                    }
                    ask(channel.clone()).await.unwrap();
                    calls.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        Self { calls, end, tasks }
    }

    /// Waits until this many more calls have been answered.
    async fn go_on(&self, more: usize) {
        let goal = self.calls.load(Ordering::Relaxed) + more;
        while self.calls.load(Ordering::Relaxed) < goal {
            assert!(self.tasks.len() == 2);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn end(mut self) -> usize {
        self.end.store(true, Ordering::Relaxed);
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
        self.calls.load(Ordering::Relaxed)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_change_under_load_without_a_failed_call() {
    let harness = Harness::start().await;
    let (old, new) = (Arc::new(Ca::new()), Ca::new());
    let files = Files::new(&old.server(), &[&old]);
    let tls = files.load();
    let mut watched = {
        let (tls, files) = (tls.clone(), files.files.clone());
        let paths =
            vec![files.certificate.clone(), files.key.clone(), files.client_ca.clone().unwrap()];
        Watched::new(paths, move || tls.reload(&files))
    };
    let access = access(&[
        caller("store", &format!("spiffe = [\"{STORE}\"]")),
        caller("router", &format!("spiffe = [\"{ROUTER}\"]")),
    ]);
    let server = Guarded::start(&harness, Doors { access, tls: Some(tls.clone()) }).await;
    let leaf = old.leaf(&[uri(STORE)], |_| {});
    let newcomer = new.leaf(&[uri(ROUTER)], |_| {});
    let load = Load::start(&server.address, &old, &leaf);
    load.go_on(20).await;
    assert!(watched.look().is_none(), "nothing has changed");
    let refused_newcomer = pki::connect(&server.address, &old, Some(&newcomer)).await;
    let answer = match refused_newcomer {
        Ok(channel) => ask(channel).await.map(drop).map_err(drop),
        Err(_) => Err(()),
    };
    answer.unwrap_err();

    // The CAs overlap, then the certificate of the server is another.
    for round in 0..5 {
        files.put(&old.server(), &[&old, &new]);
        assert_eq!(watched.look(), Some(Ok(())), "round {round}");
        load.go_on(20).await;
        let channel = pki::connect(&server.address, &old, Some(&newcomer)).await.unwrap();
        ask(channel).await.unwrap();
    }

    // What is no good changes nothing.
    let good = old.server();
    files.put(&Leaf { key: old.server().key, ..good }, &[&old, &new]);
    let wrong = watched.look().unwrap().unwrap_err().to_string();
    assert!(wrong.starts_with("tls.key_file: "), "{wrong}");
    assert!(watched.look().is_none(), "it is not tried again before it changes");
    load.go_on(20).await;
    let calls = load.end().await;
    println!("{calls} calls, none of which failed");
    server.stop().await;
    harness.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_change_under_load_without_a_failed_call() {
    let harness = Harness::start().await;
    let ca = Arc::new(Ca::new());
    let files = Files::new(&ca.server(), &[&ca]);
    let store = caller("store", &format!("spiffe = [\"{STORE}\"]"));
    let router = caller("router", &format!("spiffe = [\"{ROUTER}\"]"));
    let access = access(std::slice::from_ref(&store));
    let doors = Doors { access: access.clone(), tls: Some(files.load()) };
    let server = Guarded::start(&harness, doors).await;
    let load = Load::start(&server.address, &ca, &ca.leaf(&[uri(STORE)], |_| {}));
    let other = ca.leaf(&[uri(ROUTER)], |_| {});
    let channel = pki::connect(&server.address, &ca, Some(&other)).await.unwrap();
    for _ in 0..5 {
        load.go_on(10).await;
        let refusal = refused(&ask(channel.clone()).await.unwrap_err());
        assert_eq!(refusal, unauthenticated());
        access.replace(policy(&[store.clone(), router.clone()]));
        // On the connection that it has already.
        ask(channel.clone()).await.unwrap();
        load.go_on(10).await;
        access.replace(policy(std::slice::from_ref(&store)));
    }
    let calls = load.end().await;
    println!("{calls} calls, none of which failed");
    server.stop().await;
    harness.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sidecar_proves_itself_by_its_new_files() {
    let harness = Harness::start().await;
    let (old, new) = (Ca::new(), Ca::new());
    let files = Files::new(&old.server(), &[&old]);
    let tls = files.load();
    let known = |name: &str| [caller("sidecar", &format!("dns = [\"{name}\"]"))];
    let access = access(&known("before"));
    let doors = Doors { access: access.clone(), tls: Some(tls.clone()) };
    let server = Guarded::start(&harness, doors).await;
    let proof = Files::new(&old.leaf(&[pki::dns("before")], |_| {}), &[&old]);
    let dial = Dial {
        url: format!("https://{}", server.address),
        ca_file: proof.files.client_ca.clone(),
        certificate_file: Some(proof.files.certificate.clone()),
        key_file: Some(proof.files.key.clone()),
        ..Dial::default()
    };
    let sidecar = Beside::start_with(dial.clone(), &[]).await;
    let mut client = AuthorizationServiceClient::new(sidecar.channel().await);
    let me = pb::Subject { r#type: "user".into(), id: "me".into() };
    let passed_on = pb::ListAccountsRequest { subject: Some(me), ..Default::default() };
    client.list_accounts(passed_on.clone()).await.expect("by the certificate it began with");

    files.put(&new.server(), &[&new]);
    tls.reload(&files.files).unwrap();
    proof.write("tls.key", "no key");
    sidecar.parent.reload(&dial).unwrap_err();
    client.list_accounts(passed_on.clone()).await.expect("over the connection there is");
    access.replace(policy(&known("after")));
    let refusal = client.list_accounts(passed_on.clone()).await.unwrap_err();
    assert_eq!(refused(&refusal), unauthenticated(), "by the certificate of that connection");
    proof.put(&new.leaf(&[pki::dns("after")], |_| {}), &[&new]);
    sidecar.parent.reload(&dial).unwrap();
    client.list_accounts(passed_on).await.expect("over a connection of the new CA");
    sidecar.stop().await;
    server.stop().await;
    harness.stop().await;
}

/// The program itself, told by a signal.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_program_reads_its_files_again() {
    let ca = Ca::new();
    let files = Files::new(&ca.server(), &[&ca]);
    let store = caller("store", &format!("spiffe = [\"{STORE}\"]"));
    let router = caller("router", &format!("spiffe = [\"{ROUTER}\"]"));
    let callers = files.write("callers.toml", &format!("format = 1\n{store}"));
    let folder = tempfile::tempdir().unwrap();
    let flag = |name: &str, path: &std::path::Path| format!("--{name}={}", path.display());
    let flags = [
        "--listen=127.0.0.1:0".to_owned(),
        flag("tls-certificate-file", &files.files.certificate),
        flag("tls-key-file", &files.files.key),
        flag("tls-client-ca-file", files.files.client_ca.as_ref().unwrap()),
        flag("callers-file", &callers),
    ];
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    let mut server = Server::start(folder.path(), &flags);
    let address = server.listen.replace("127.0.0.1", "localhost");
    let other = pki::connect(&address, &ca, Some(&ca.leaf(&[uri(ROUTER)], |_| {}))).await.unwrap();
    assert_eq!(refused(&ask(other.clone()).await.unwrap_err()), unauthenticated());

    files.write("callers.toml", "format = 1\n[[caller]]\n");
    server.signal("HUP");
    assert!(server.log_until("not read again").contains("missing key `name`"));
    files.write("callers.toml", &format!("format = 1\n{store}{router}"));
    server.signal("HUP");
    server.log_until("\"read again\"");
    ask(other).await.expect("the new file holds on connections that were open before");

    files.put(&Leaf { key: ca.server().key, ..ca.server() }, &[&ca]);
    server.signal("HUP");
    assert!(server.log_until("not read again").contains("tls.key_file"));
    let new = ca.server();
    files.put(&new, &[&ca]);
    server.signal("HUP");
    server.log_until("\"read again\"");
    let store = ca.leaf(&[uri(STORE)], |_| {});
    ask(pki::connect(&address, &ca, Some(&store)).await.unwrap()).await.unwrap();
    server.signal("TERM");
    assert_eq!(server.end(), Some(0));
}
