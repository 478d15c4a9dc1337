//! The program as a process: what it prints, how it stops, and its exit codes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use tokio::time::Instant;

/// The program, in a folder of its own and with no environment but what is given.
fn lineguard(program: &Path, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).env_clear();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn ours() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_lineguard"))
}

pub fn run(folder: &Path, arguments: &[&str]) -> Output {
    lineguard(ours(), folder, arguments).output().unwrap()
}

pub fn check(output: &Output, code: i32, said: &str) {
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert!(text.contains(said), "{text}");
}

/// A server that has said where it listens; killed if a test gives up on it.
pub struct Server {
    child: Child,
    log: BufReader<std::process::ChildStderr>,
    pub listen: String,
    /// What it logged before that.
    pub before: Vec<String>,
    /// Where its metrics can be read, if anywhere.
    pub metrics: Option<String>,
}

impl Server {
    pub fn start(folder: &Path, arguments: &[&str]) -> Self {
        Self::start_program(ours(), folder, arguments)
    }

    /// The same of a program that was built otherwise.
    pub fn start_program(program: &Path, folder: &Path, arguments: &[&str]) -> Self {
        let mut child =
            lineguard(program, folder, &[&["serve"], arguments].concat()).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let (listen, before) = (String::new(), Vec::new());
        let mut server = Self { child, log, listen, before, metrics: None };
        while server.listen.is_empty() {
            // Not a terminal, so every line is one JSON object.
            let line = server.log_until("\"message\"");
            let entry: serde_json::Value = serde_json::from_str(&line).unwrap();
            let text = |field: &str| entry[field].as_str().unwrap_or_default().to_owned();
            match entry["message"].as_str() {
                Some("serving") => server.listen = text("listen"),
                Some("metrics can be read") => server.metrics = Some(text("address")),
                _ => {}
            }
            server.before.push(line);
        }
        server
    }

    /// The first line of the log, from here on, that contains this.
    pub fn log_until(&mut self, wanted: &str) -> String {
        let mut line = String::new();
        while !line.contains(wanted) {
            line.clear();
            assert_ne!(self.log.read_line(&mut line).unwrap(), 0, "ended before {wanted}");
        }
        line
    }

    /// The process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    pub fn end(mut self) -> Option<i32> {
        std::io::copy(&mut self.log, &mut std::io::sink()).unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The answer to a probe once it is `SERVING`, or the last one within a minute: a machine that is
/// busy with other tests may keep a server from its lease for a moment.
fn until_served(folder: &Path, probe: &[&str]) -> Output {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let output = run(folder, probe);
        if output.status.success() || Instant::now() > until {
            return output;
        }
    }
}

#[test]
fn a_server_says_where_it_listens_is_healthy_and_drains_on_a_signal() {
    for signal in ["TERM", "INT"] {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(folder.path(), &["--listen=127.0.0.1:0,unix:here.sock"]);
        let (tcp, unix) = server.listen.split_once(',').unwrap();
        assert!(!tcp.ends_with(":0"), "{tcp}");
        assert_eq!(unix, "unix:here.sock");
        for address in [tcp, unix] {
            let health = ["healthcheck", "--timeout=30s", "--server", address];
            check(&until_served(folder.path(), &health), 0, "SERVING");
            let one = ["--service", "lineguard.v1.AuthorizationService"];
            check(&until_served(folder.path(), &[&health[..], &one].concat()), 0, "SERVING");
            let unknown = ["--service", "lineguard.v1.Nothing"];
            check(&run(folder.path(), &[&health[..], &unknown].concat()), 6, "unknown service");
        }
        server.signal(signal);
        assert_eq!(server.end(), Some(0), "{signal}");
        assert!(!folder.path().join("here.sock").exists());
    }
}

#[test]
fn metrics_are_served_where_the_configuration_says() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let arguments = ["--listen=127.0.0.1:0", "--metrics-listen=127.0.0.1:0"];
    let server = Server::start(here, &arguments);
    let question = ["check", "nobody", "fax.view", "fax:f1", "--tenant=none"];
    check(&run(here, &[&question[..], &["--server", &server.listen]].concat()), 7, "DENY");

    let metrics = server.metrics.clone().unwrap();
    let mut stream = TcpStream::connect(&metrics).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let call = "rpc_server_call_duration_seconds_count{\
                rpc_method=\"lineguard.v1.AuthorizationService/Check\",\
                rpc_response_status_code=\"OK\",rpc_system_name=\"grpc\"} 1\n";
    assert!(text.contains(call), "{text}");

    let taken = ["serve", "--listen=127.0.0.1:0", "--database-url=sqlite:other.db"];
    let taken = run(here, &[&taken[..], &["--metrics-listen", &metrics]].concat());
    check(&taken, 5, &metrics);
    server.signal("TERM");
    assert_eq!(server.end(), Some(0));
}

#[test]
fn a_second_signal_ends_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path(), &["--listen=127.0.0.1:0", "--drain-delay=1h"]);
    server.signal("TERM");
    // Two signals sent at once may arrive as one.
    server.log_until("draining");
    server.signal("INT");
    assert_eq!(server.end(), Some(128 + 2));
}

#[test]
fn exit_codes_tell_what_went_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    check(&run(here, &["serve", "--no-such-flag"]), 2, "--no-such-flag");
    check(&run(here, &["config", "validate", "--listen=0.0.0.0:1"]), 3, "say who may call");
    check(&run(here, &["sidecar"]), 3, "`upstream.url` says which server a sidecar follows");
    check(&run(here, &["serve", "--listen=127.0.0.1:x", "--drain-grace=1"]), 3, "--drain-grace");

    let first = Server::start(here, &["--listen=127.0.0.1:0"]);
    let other = tempfile::tempdir().unwrap();
    check(&run(other.path(), &["serve", "--listen", &first.listen]), 5, &first.listen);
    first.signal("TERM");
    assert_eq!(first.end(), Some(0));

    let nobody = ["healthcheck", "--server=unix:nobody.sock"];
    check(&run(here, &nobody), 6, "no server answers on unix:nobody.sock");
}

#[test]
fn results_go_to_standard_output_and_nothing_else_does() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, said) in [
        (&["version"][..], env!("CARGO_PKG_VERSION")),
        (&["version", "--output=json"], "\"api\":\"lineguard.v1\""),
        (&["--version"], env!("CARGO_PKG_VERSION")),
        (&["completions", "bash"], "complete -F"),
        (&["config", "print", "--drain-delay=3s"], "drain.delay = \"3s\" # --drain-delay"),
        (&["config", "print", "--output=json"], "\"origin\":\"default\""),
    ] {
        let output = run(folder.path(), arguments);
        assert!(output.status.success());
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(printed.contains(said), "{printed}");
    }
}
