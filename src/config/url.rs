//! The URLs of what a server connects to. They may hold passwords, so they print without them.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

/// The URL of the store.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct DatabaseUrl(String);

/// What kind of database a store is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseKind {
    /// A file of its own, or memory.
    Sqlite,
    /// A PostgreSQL server, or one that speaks its protocol.
    Postgres,
    /// A MariaDB or MySQL server.
    MySql,
}

impl DatabaseUrl {
    /// The URL as it was given, password and all; only for whoever connects.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The kind of database.
    pub fn kind(&self) -> DatabaseKind {
        match self.0.split_once(':').map_or("", |(scheme, _)| scheme) {
            "postgres" | "postgresql" => DatabaseKind::Postgres,
            "mysql" | "mariadb" => DatabaseKind::MySql,
            _ => DatabaseKind::Sqlite,
        }
    }

    /// The file of the store; `None` where it is kept in memory only, or by a database server.
    pub fn file(&self) -> Option<&Path> {
        let rest = self.0.strip_prefix("sqlite:")?;
        let rest = rest.strip_prefix("//").unwrap_or(rest);
        let path = rest.split_once('?').map_or(rest, |(path, _)| path);
        (path != ":memory:").then(|| Path::new(path))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redacted(&self.0))
    }
}

impl FromStr for DatabaseUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = "the URL of a store: `sqlite:` and the path of a file, \
                        `postgres://USER:PASSWORD@HOST:PORT/DATABASE` or \
                        `mysql://USER:PASSWORD@HOST:PORT/DATABASE`, other characters in them \
                        percent-encoded";
        let url = Self(text.to_owned());
        let fits = match text.split_once(':') {
            Some(("sqlite", _)) => url.file().is_none_or(|path| !path.as_os_str().is_empty()),
            Some(("postgres" | "postgresql" | "mysql" | "mariadb", _)) => {
                Parts::of(text).is_some_and(|parts| !parts.host.is_empty() && is_name(parts.path))
            }
            _ => false,
        };
        if fits { Ok(url) } else { Err(expected.to_owned()) }
    }
}

/// The URL of a Redis server.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl(String);

impl RedisUrl {
    /// The URL as it was given, password and all; only for whoever connects.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisUrl({self})")
    }
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redacted(&self.0))
    }
}

impl FromStr for RedisUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let database = |path: &str| path.is_empty() || path.parse::<u32>().is_ok();
        match (text.split_once(':'), Parts::of(text)) {
            (Some(("redis" | "rediss", _)), Some(parts))
                if !parts.host.is_empty() && database(parts.path) =>
            {
                Ok(Self(text.to_owned()))
            }
            _ => Err("the URL of a Redis server: `redis://:PASSWORD@HOST:PORT/NUMBER`, or \
                      `rediss://` for TLS, other characters in them percent-encoded"
                .to_owned()),
        }
    }
}

/// The parts of `scheme://user:password@host:port/path?query`.
struct Parts<'a> {
    scheme: &'a str,
    /// Name and password, as written.
    user: Option<(&'a str, Option<&'a str>)>,
    /// Host, and port if there is one.
    address: &'a str,
    /// The host alone.
    host: &'a str,
    /// Without its slash.
    path: &'a str,
    query: Option<&'a str>,
}

impl<'a> Parts<'a> {
    /// Takes a URL apart. None if it is not one, which is also said where a password holds a
    /// character that should have been percent-encoded: then its parts cannot be told apart.
    fn of(text: &'a str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let (rest, query) = match rest.split_once('?') {
            Some((rest, query)) => (rest, Some(query)),
            None => (rest, None),
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, address) = match authority.split_once('@') {
            Some((user, address)) => (Some(user), address),
            None => (None, authority),
        };
        let stray = |part: &str| {
            part.contains(['@', '#', '?', '/', '\\'])
                || part.contains(|c: char| c.is_whitespace() || c.is_control())
        };
        if stray(address) || stray(path) || user.is_some_and(stray) || query.is_some_and(stray) {
            return None;
        }
        Some(Self {
            scheme,
            user: user.map(|user| match user.split_once(':') {
                Some((name, password)) => (name, Some(password)),
                None => (user, None),
            }),
            address,
            host: host_of(address)?,
            path,
            query,
        })
    }

    /// Parameters as names and values.
    fn parameters(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let parts = self.query.into_iter().flat_map(|query| query.split('&'));
        parts.map(|part| part.split_once('=').unwrap_or((part, "")))
    }
}

/// The host of an address; none if its port is not one.
fn host_of(address: &str) -> Option<&str> {
    let (host, port) = match address.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => address.find(':').map_or((address, ""), |at| address.split_at(at)),
    };
    match port.strip_prefix(':') {
        Some(port) => port.parse::<u16>().ok().filter(|port| *port != 0).map(|_| host),
        None => port.is_empty().then_some(host),
    }
}

fn is_name(path: &str) -> bool {
    !path.is_empty() && !path.contains('/')
}

/// Whether a URL holds a password.
pub fn has_password(text: &str) -> bool {
    !text.starts_with("sqlite:")
        && Parts::of(text).is_some_and(|parts| {
            parts.user.is_some_and(|(_, password)| password.is_some())
                || parts.parameters().any(|(name, _)| is_secret(name))
        })
}

/// Parameters are shown if they are about TLS or the file of a store; others may hold anything.
fn is_secret(parameter: &str) -> bool {
    !matches!(parameter.to_ascii_lowercase().as_str(), "mode" | "cache")
        && !parameter.to_ascii_lowercase().starts_with("ssl")
}

/// A URL as it may be printed: without its password, or not at all where nobody can say what in it
/// may be one.
pub fn redacted(text: &str) -> String {
    if !text.contains("://") || text.starts_with("sqlite:") {
        return text.to_owned();
    }
    let Some(parts) = Parts::of(text) else { return "…".to_owned() };
    let user = match parts.user {
        Some((name, Some(_))) => format!("{name}:…@"),
        Some((name, None)) => format!("{name}@"),
        None => String::new(),
    };
    let slash = if parts.path.is_empty() { "" } else { "/" };
    let mut printed = format!("{}://{user}{}{slash}{}", parts.scheme, parts.address, parts.path);
    for (position, (name, value)) in parts.parameters().enumerate() {
        let value = if is_secret(name) { "…" } else { value };
        printed.push(if position == 0 { '?' } else { '&' });
        printed.push_str(&format!("{name}={value}"));
    }
    printed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_a_file_memory_or_a_server() {
        let file = |text: &str| text.parse::<DatabaseUrl>().unwrap().file().map(Path::to_owned);
        assert_eq!(file("sqlite:lineguard.db"), Some("lineguard.db".into()));
        assert_eq!(file("sqlite:///var/x.db?mode=rwc"), Some("/var/x.db".into()));
        assert_eq!(file("sqlite::memory:"), None);

        let kind = |text: &str| text.parse::<DatabaseUrl>().unwrap().kind();
        assert_eq!(kind("sqlite:lineguard.db"), DatabaseKind::Sqlite);
        for text in ["postgres://a:b@db.test:5432/lineguard", "postgresql://[::1]/x"] {
            assert_eq!(kind(text), DatabaseKind::Postgres);
            assert_eq!(file(text), None);
        }
        for text in ["mysql://a:p%40ss@127.0.0.1:3306/x?ssl-mode=REQUIRED", "mariadb://h/x"] {
            assert_eq!(kind(text), DatabaseKind::MySql);
        }
        for bad in [
            "",
            "sqlite:",
            "lineguard.db",
            "oracle://host/db",
            "postgres:db",
            "postgres://host",
            "postgres://host/",
            "postgres:///db",
            "postgres://host:port/db",
            "postgres://host:0/db",
            "postgres://host/a/b",
            "postgres://u:p@ss@host/db",
            "postgres://u:p/ss@host/db",
            "postgres://u:p#ss@host/db",
            "mysql://host/db?password=p@ss",
        ] {
            assert!(bad.parse::<DatabaseUrl>().is_err(), "{bad}");
        }
    }

    #[test]
    fn redis_is_a_host_and_perhaps_a_number() {
        for good in ["redis://h", "redis://:pw@h:6379/2", "rediss://u:pw@[::1]:6380", "redis://h/"]
        {
            assert!(good.parse::<RedisUrl>().is_ok(), "{good}");
        }
        for bad in ["", "h:6379", "http://h", "redis://", "redis://h/db", "redis://:p@w@h"] {
            assert!(bad.parse::<RedisUrl>().is_err(), "{bad}");
        }
    }

    #[test]
    fn passwords_are_not_printed() {
        let check = |text: &str, printed: &str| {
            assert_eq!(redacted(text), printed);
            assert!(!printed.contains("hunter2"));
        };
        check("sqlite:lineguard.db?mode=rwc", "sqlite:lineguard.db?mode=rwc");
        check("postgres://a:hunter2@h:1/x", "postgres://a:…@h:1/x");
        check("postgres://a@h/x?sslmode=require", "postgres://a@h/x?sslmode=require");
        check("mysql://h/x?user=a&password=hunter2", "mysql://h/x?user=…&password=…");
        check("redis://:hunter2@h", "redis://:…@h");
        // Not a URL: nobody can say where its password begins.
        check("postgres://a:hun/ter@h/x", "…");

        let url: DatabaseUrl = "postgres://a:hunter2@h/x".parse().unwrap();
        assert_eq!(format!("{url:?} {url}"), "DatabaseUrl(postgres://a:…@h/x) postgres://a:…@h/x");
        let url: RedisUrl = "redis://:hunter2@h".parse().unwrap();
        assert_eq!(format!("{url:?} {url}"), "RedisUrl(redis://:…@h) redis://:…@h");
    }

    #[test]
    fn it_is_known_whether_there_is_a_password() {
        for with in ["redis://:pw@h", "mysql://h/x?password=a", "postgres://a:pw@h/x"] {
            assert!(has_password(with), "{with}");
        }
        for without in ["sqlite:a@b.db", "postgres://a@h/x?sslmode=require", "redis://h"] {
            assert!(!has_password(without), "{without}");
        }
    }
}
