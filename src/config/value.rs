//! The values of settings, parsed once. An error says what was expected.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tonic::codegen::http::Uri;

/// Where to listen, or where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A TCP address.
    Tcp(SocketAddr),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

/// The kernel takes 107 bytes; one is for the name under which a socket is prepared.
const SOCKET_PATH_BYTES: usize = 106;

impl Address {
    /// Whether only this machine can reach it.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tcp(address) => address.ip().to_canonical().is_loopback(),
            Self::Unix(_) => true,
        }
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return match path.len() {
                0 => Err("`unix:` and a path".to_owned()),
                1..=SOCKET_PATH_BYTES => Ok(Self::Unix(PathBuf::from(path))),
                _ => Err(format!("`unix:` and a path of at most {SOCKET_PATH_BYTES} bytes")),
            };
        }
        // Only this name, so that reading a configuration needs no resolver.
        let numeric = text
            .strip_prefix("localhost:")
            .map_or_else(|| text.to_owned(), |port| format!("127.0.0.1:{port}"));
        numeric.parse().map(Self::Tcp).map_err(|_| {
            "an address: `127.0.0.1:7070`, `[::1]:7070` or `unix:/path/of/socket`".to_owned()
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Where to serve without TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Plaintext {
    /// On this machine only.
    #[default]
    Local,
    /// Anywhere.
    Anywhere,
}

impl FromStr for Plaintext {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "local" => Ok(Self::Local),
            "anywhere" => Ok(Self::Anywhere),
            _ => Err("`local` or `anywhere`".to_owned()),
        }
    }
}

/// Where the keys of an issuer are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JwksSource {
    /// In a file.
    File(PathBuf),
    /// At a URL.
    Url(Uri),
}

impl FromStr for JwksSource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = "a file, an `https:` URL, or an `http:` URL of this machine";
        if !text.contains("://") {
            return Ok(Self::File(PathBuf::from(text)));
        }
        let uri: Uri = text.parse().map_err(|_| expected.to_owned())?;
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        match uri.scheme_str() {
            Some("https") if !host.is_empty() => Ok(Self::Url(uri)),
            // Whoever could change what is read there could let anybody in.
            Some("http") if here => Ok(Self::Url(uri)),
            _ => Err(expected.to_owned()),
        }
    }
}

/// Whether a start brings the schema up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MigrateOnStart {
    /// Only where the store is a file that does not exist yet; never that of a database server,
    /// which other processes may be using.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never; a store of another schema refuses to start.
    Never,
}

impl FromStr for MigrateOnStart {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "true" => Ok(Self::Always),
            "false" => Ok(Self::Never),
            _ => Err("`auto`, `true` or `false`".to_owned()),
        }
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    #[default]
    Auto,
    /// For people.
    Text,
    /// One object a line.
    Json,
}

impl FromStr for LogFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("`auto`, `text` or `json`".to_owned()),
        }
    }
}

/// The key that seals page tokens. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct PageTokenKey([u8; 32]);

impl PageTokenKey {
    /// The key itself.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for PageTokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PageTokenKey(…)")
    }
}

impl FromStr for PageTokenKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        STANDARD
            .decode(text)
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self)
            .ok_or_else(|| "32 bytes in base64".to_owned())
    }
}

/// A duration with its unit: `250ms`, `30s`, `5m`, `1h`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let expected = || "a duration with its unit: `250ms`, `30s`, `5m`, `1h`".to_owned();
    let (count, unit) = split_unit(text).ok_or_else(expected)?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(expected()),
    };
    count.checked_mul(millis).map(Duration::from_millis).ok_or_else(expected)
}

/// A size in bytes with its unit: `512B`, `64KiB`, `4MiB`, `1GiB`.
pub fn size(text: &str) -> Result<u64, String> {
    let expected = || "a size with its unit: `512B`, `64KiB`, `4MiB`, `1GiB`".to_owned();
    let (count, unit) = split_unit(text).ok_or_else(expected)?;
    let bytes = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(expected()),
    };
    count.checked_mul(bytes).ok_or_else(expected)
}

/// Permissions of a file in octal, such as `0660`.
pub fn mode(text: &str) -> Result<u32, String> {
    u32::from_str_radix(text, 8)
        .ok()
        .filter(|mode| *mode <= 0o777 && matches!(text.len(), 3 | 4) && !text.starts_with('+'))
        .ok_or_else(|| "permissions in octal, such as `0660`".to_owned())
}

fn split_unit(text: &str) -> Option<(u64, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (count, unit) = text.split_at(digits);
    Some((count.parse().ok()?, unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(duration("5m"), Ok(Duration::from_secs(300)));
        assert_eq!(duration("1h"), Ok(Duration::from_secs(3600)));
        for bad in ["", "30", "s", "-1s", "1.5s", "1 s", "1d", "99999999999999999999h"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_need_a_unit() {
        assert_eq!(size("512B"), Ok(512));
        assert_eq!(size("64KiB"), Ok(65_536));
        assert_eq!(size("4MiB"), Ok(4_194_304));
        for bad in ["", "4", "4MB", "MiB", "4 MiB", "99999999999999GiB"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn addresses_are_tcp_or_unix() {
        let check = |text: &str, printed: &str, local: bool| {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), printed);
            assert_eq!(address.is_local(), local, "{text}");
        };
        check("127.0.0.1:7070", "127.0.0.1:7070", true);
        check("127.9.9.9:1", "127.9.9.9:1", true);
        check("[::1]:0", "[::1]:0", true);
        check("[::ffff:127.0.0.1]:1", "[::ffff:127.0.0.1]:1", true);
        check("localhost:80", "127.0.0.1:80", true);
        check("0.0.0.0:7070", "0.0.0.0:7070", false);
        check("[::]:7070", "[::]:7070", false);
        check("unix:/run/a.sock", "unix:/run/a.sock", true);
        check("unix:///run/a.sock", "unix:/run/a.sock", true);
        for bad in ["", "7070", "example.test:1", "unix:", "127.0.0.1"] {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
        assert!(format!("unix:/{}", "x".repeat(105)).parse::<Address>().is_ok());
        assert!(format!("unix:/{}", "x".repeat(106)).parse::<Address>().is_err());
    }

    #[test]
    fn modes_are_octal() {
        assert_eq!(mode("0660"), Ok(0o660));
        assert_eq!(mode("600"), Ok(0o600));
        for bad in ["", "660x", "0680", "1777", "66", "+660"] {
            assert!(mode(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_key_is_32_bytes_and_never_printed() {
        let key: PageTokenKey = STANDARD.encode([7; 32]).parse().unwrap();
        assert_eq!(key.bytes(), &[7; 32]);
        assert_eq!(format!("{key:?}"), "PageTokenKey(…)");
        assert!(STANDARD.encode([7; 31]).parse::<PageTokenKey>().is_err());
    }
}
