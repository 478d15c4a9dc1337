//! A Redis server of a test's own, in a directory of its own, reached by a socket there.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use lineguard_cache::Redis;
use redis::aio::MultiplexedConnection;
use tempfile::TempDir;

/// A server; killed when dropped.
pub struct Server {
    dir: TempDir,
    child: Option<Child>,
}

impl Server {
    /// One that does not run yet.
    pub fn stopped() -> Self {
        Self { dir: TempDir::new().unwrap(), child: None }
    }

    /// One that runs.
    pub fn started() -> Self {
        let mut server = Self::stopped();
        server.start();
        server
    }

    /// Starts it with the dump that is in its directory, if there is one.
    pub fn start(&mut self) {
        let mut command = Command::new("redis-server");
        command.args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"]);
        command.arg(self.socket()).arg("--dir").arg(self.dir.path());
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut child = child.unwrap_or_else(|error| {
            panic!("these tests need `redis-server` (7 or later) on the path: {error}")
        });
        let said = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready =
            said.map_while(Result::ok).any(|line| line.to_lowercase().contains("ready to accept"));
        self.child = Some(child);
        assert!(ready, "redis-server did not start");
    }

    /// Ends it without a word, as a crash does.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Halts it: what is connected stays connected and is not answered.
    pub fn halt(&self) {
        self.signal("-STOP");
    }

    /// Lets it go on.
    pub fn go_on(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// The socket that it listens on.
    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("redis.sock")
    }

    /// Where it keeps its dump.
    pub fn dump(&self) -> PathBuf {
        self.dir.path().join("dump.rdb")
    }

    /// Its URL.
    pub fn redis_url(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    /// It, for what is tested.
    pub fn redis(&self) -> Redis {
        Redis::at(&self.redis_url()).unwrap()
    }

    /// A connection to do mischief with.
    pub async fn connection(&self) -> MultiplexedConnection {
        let client = redis::Client::open(self.redis_url()).unwrap();
        client.get_multiplexed_async_connection().await.unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// All keys of texts and their values.
pub async fn all_values(redis: &mut MultiplexedConnection) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut values = Vec::new();
    let keys: Vec<Vec<u8>> = redis::cmd("KEYS").arg("*").query_async(redis).await.unwrap();
    for key in keys {
        if let Ok(value) = redis::cmd("GET").arg(&key).query_async(redis).await {
            values.push((key, value));
        }
    }
    values
}

/// Puts a value under a key.
pub async fn set(redis: &mut MultiplexedConnection, key: &[u8], value: &[u8]) {
    redis::cmd("SET").arg(key).arg(value).exec_async(redis).await.unwrap();
}

/// Looks until it is so. A real server follows no simulated clock.
pub async fn until(what: &str, mut so: impl AsyncFnMut() -> bool) {
    let look = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(2));
        while !so().await {
            ticks.tick().await;
        }
    };
    let looked = tokio::time::timeout(Duration::from_secs(30), look).await;
    assert!(looked.is_ok(), "not after half a minute: {what}");
}
