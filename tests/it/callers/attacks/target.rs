//! A server that is attacked: a process of its own, with TLS, callers and metrics.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use lineguard::clock::{Clock as _, SystemClock};
use lineguard::wire::pb;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tonic::transport::{Channel, Endpoint};

use super::super::pki::{self, Ca, Files, Leaf, dns};
use super::super::tokens::{self, Issuer};
use super::super::{caller, sum};
use super::memory;
use crate::process::Server;

pub struct Target {
    server: Server,
    pub ca: Ca,
    pub issuer: Issuer,
    pub to: SocketAddr,
    _files: Files,
    _folder: tempfile::TempDir,
}

impl Target {
    /// Starts this program on the demo world.
    pub fn start(program: &Path) -> Self {
        let (folder, ca, issuer) = (tempfile::tempdir().unwrap(), Ca::new(), Issuer::new());
        let files = Files::new(&ca.server(), &[&ca]);
        let callers =
            [caller("caller", "dns = [\"caller\"]"), caller("store", "jwt = [\"store\"]")];
        let callers = files.write("callers.toml", &format!("format = 1\n{}", callers.concat()));
        let jwks = files.write("jwks.json", &issuer.jwks().to_string());
        let argument = |flag: &str, path: &Path| format!("--{flag}={}", path.display());
        let paths = [
            argument("tls-certificate-file", &files.files.certificate),
            argument("tls-key-file", &files.files.key),
            argument("tls-client-ca-file", files.files.client_ca.as_deref().unwrap()),
            argument("callers-file", &callers),
            argument("jwt-jwks", &jwks),
            format!("--jwt-issuer={}", tokens::ISSUER),
        ];
        let mut arguments = vec![
            "--demo",
            "--listen=127.0.0.1:0",
            "--metrics-listen=127.0.0.1:0",
            "--database-url=sqlite:lineguard.db",
            "--jwt-audience=lineguard",
        ];
        arguments.extend(paths.iter().map(String::as_str));
        let server = Server::start_program(program, folder.path(), &arguments);
        let to = server.listen.parse().unwrap();
        Self { server, ca, issuer, to, _files: files, _folder: folder }
    }

    /// A certificate of somebody who may ask everything.
    pub fn known(&self) -> Leaf {
        self.ca.leaf(&[dns("caller")], |_| {})
    }

    pub fn endpoint(&self) -> Endpoint {
        let address = format!("localhost:{}", self.to.port());
        pki::endpoint(&address, &self.ca, Some(&self.known()))
    }

    pub async fn channel(&self) -> Channel {
        self.endpoint().connect().await.unwrap()
    }

    /// What is counted at present.
    pub async fn exposition(&self) -> String {
        let mut stream = TcpStream::connect(self.server.metrics.as_ref().unwrap()).await.unwrap();
        let request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    }

    pub fn watch(&self) -> Watched {
        Watched::start(self.server.id().to_string())
    }

    pub fn end(self) {
        self.server.signal("TERM");
        assert_eq!(self.server.end(), Some(0));
    }
}

/// A question that a member of the demo world has an answer to.
pub fn question() -> pb::CheckRequest {
    pb::CheckRequest {
        tenant: "isar-kliniken".into(),
        subject: Some(pb::Subject { r#type: "user".into(), id: "anna.keller".into() }),
        account: "isar-kliniken".into(),
        action: Some(pb::Action { name: "fax.view".into() }),
        resource: Some(pb::Resource {
            r#type: "fax".into(),
            id: Some("in-02593".into()),
            properties: None,
        }),
        ..Default::default()
    }
}

/// Claims that a token of the issuer could have, and their end, in seconds from now.
pub fn claims(end: i64) -> serde_json::Value {
    let end = SystemClock.now().0 / 1_000 + end;
    json!({ "iss": tokens::ISSUER, "aud": "lineguard", "sub": "store", "exp": end })
}

/// By how much a series has grown.
pub fn growth(before: &str, after: &str, (figure, label): (&str, &str)) -> u64 {
    sum(after, figure, label) - sum(before, figure, label)
}

/// Watches the memory of a process.
pub struct Watched {
    process: String,
    before: u64,
    highest: Arc<AtomicU64>,
    end: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

/// Resident memory in KiB.
pub struct Memory {
    pub before: u64,
    pub highest: u64,
    pub after: u64,
}

impl Watched {
    fn start(process: String) -> Self {
        let before = memory(&process);
        let highest = Arc::new(AtomicU64::new(before));
        let end = Arc::<AtomicBool>::default();
        let (watched, most, ended) = (process.clone(), Arc::clone(&highest), Arc::clone(&end));
        let task = tokio::spawn(async move {
            while !ended.load(Ordering::Relaxed) {
                most.fetch_max(memory(&watched), Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        Self { process, before, highest, end, task }
    }

    pub async fn end(self) -> Memory {
        self.end.store(true, Ordering::Relaxed);
        self.task.await.unwrap();
        let highest = self.highest.load(Ordering::Relaxed);
        Memory { before: self.before, highest, after: memory(&self.process) }
    }
}
