use std::fmt;

use redis::io::tcp::TcpSettings;
use redis::{Client, IntoConnectionInfo, RedisError};

/// Where Redis is and how to log in. Nothing is connected yet.
#[derive(Clone)]
pub struct Redis {
    pub(crate) client: Client,
}

/// A text is not the URL of a Redis server. Says nothing of the text, which may hold a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadUrl {
    reason: String,
}

impl Redis {
    /// A server by its URL: `redis://[user[:password]@]host[:port][/database]`, `rediss://…` over
    /// TLS, `redis+unix:///path` for a socket in the file system.
    pub fn at(url: &str) -> Result<Self, BadUrl> {
        let bad = |error: RedisError| BadUrl { reason: error.category().to_owned() };
        // Each request is one small segment that should not wait for the next.
        let settings = TcpSettings::default().set_nodelay(true);
        let info = url.into_connection_info().map_err(bad)?.set_tcp_settings(settings);
        let client = Client::open(info).map_err(bad)?;
        Ok(Self { client })
    }
}

/// Hides the password.
impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redis({})", self.client.get_connection_info().addr())
    }
}

impl fmt::Display for BadUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not the URL of a Redis server: {}", self.reason)
    }
}

impl std::error::Error for BadUrl {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_all_kinds_are_taken() {
        for url in [
            "redis://localhost",
            "redis://:secret@localhost:6380/2",
            "rediss://user:secret@redis.example:6379",
            "redis+unix:///run/redis.sock",
        ] {
            let redis = Redis::at(url).unwrap();
            assert!(!format!("{redis:?}").contains("secret"));
        }
    }

    #[test]
    fn what_is_wrong_is_told_without_the_password() {
        for url in ["", "localhost", "http://:secret@localhost", "redis://:secret@localhost/x"] {
            let bad = Redis::at(url).unwrap_err().to_string();
            assert!(!bad.contains("secret"), "{bad}");
        }
    }
}
