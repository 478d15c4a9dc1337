//! Configuration: flag before environment before file before default.
//!
//! [`settings`] is the one table of settings; [`Config`] is what they come to. Reading goes
//! through everything that was given and reports every mistake at once.

pub mod flags;
pub mod layers;
pub mod problem;
pub mod reference;
pub mod settings;
pub mod value;

#[cfg(test)]
mod tests;

use std::fs;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use tracing_subscriber::EnvFilter;

pub use flags::{ServerFlags, StoreFlags};
pub use layers::Sources;
use layers::{Given, Layers, Origin};
pub use problem::{Mistake, Problem, Problems};
pub use value::{Address, DatabaseUrl, LogFormat, MigrateOnStart, PageTokenKey};

/// What a server needs to know before it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where to listen.
    pub listen: Vec<Address>,
    /// Permissions of Unix sockets.
    pub unix_socket_mode: u32,
    /// The store.
    pub database: Database,
    /// A folder of product models besides the built-in ones.
    pub models_dir: Option<PathBuf>,
    /// The key that seals page tokens; `None` keeps one in the store.
    pub page_token_key: Option<PageTokenKey>,
    /// Logs.
    pub log: Log,
    /// Limits on what one server takes on.
    pub limits: Limits,
    /// The longest that calls may take.
    pub deadline: Deadlines,
    /// How to stop.
    pub drain: Drain,
}

/// The store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Database {
    /// Where it is.
    pub url: DatabaseUrl,
    /// Whether a start brings its schema up to date.
    pub migrate_on_start: MigrateOnStart,
}

/// Logs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Log {
    /// How a line looks.
    pub format: LogFormat,
    /// Which lines are written, as a filter of targets and levels.
    pub level: String,
}

/// Limits on what one server takes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The largest message that is read, in bytes.
    pub message_size: usize,
    /// Calls in flight on one connection.
    pub concurrent_streams: u32,
    /// Calls in flight in all.
    pub in_flight: usize,
    /// Open connections of one listener.
    pub connections: usize,
}

/// The longest that calls may take, by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// One decision or resolution.
    pub decision: Duration,
    /// A list, a batch of decisions, any other read.
    pub list: Duration,
    /// A write.
    pub write: Duration,
    /// An import with its upload.
    pub import: Duration,
}

/// How to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drain {
    /// From `NOT_SERVING` to the end of accepting calls.
    pub delay: Duration,
    /// From there until connections are cut.
    pub grace: Duration,
}

impl Config {
    /// Reads everything that was given.
    ///
    /// # Errors
    ///
    /// Every mistake that was found.
    pub fn load(sources: &Sources) -> Result<Self, Problems> {
        Self::load_with_layers(sources).map(|(config, _)| config)
    }

    /// Reads everything that was given, and says where each value came from.
    ///
    /// # Errors
    ///
    /// Every mistake that was found.
    pub fn load_with_layers(sources: &Sources) -> Result<(Self, Layers), Problems> {
        let mut problems = Vec::new();
        let layers = layers::gather(sources, &mut problems);
        let config = Reader { layers: &layers, problems: &mut problems }.config();
        if problems.is_empty() { Ok((config, layers)) } else { Err(Problems(problems)) }
    }
}

impl Default for Config {
    fn default() -> Self {
        let layers = layers::gather(&Sources::default(), &mut Vec::new());
        Reader { layers: &layers, problems: &mut Vec::new() }.config()
    }
}

/// Turns text into values. A value that does not parse becomes a problem and reading goes on with
/// a placeholder, which nobody gets to see.
struct Reader<'a> {
    layers: &'a Layers,
    problems: &'a mut Vec<Problem>,
}

impl Reader<'_> {
    fn config(mut self) -> Config {
        Config {
            listen: self.listen(),
            unix_socket_mode: self.one("unix_socket_mode", value::mode),
            database: Database {
                url: self.one("database.url", DatabaseUrl::from_str),
                migrate_on_start: self.one("database.migrate_on_start", MigrateOnStart::from_str),
            },
            models_dir: self.maybe("models_dir", path),
            page_token_key: self.page_token_key(),
            log: Log {
                format: self.one("log.format", LogFormat::from_str),
                level: self.one("log.level", log_level),
            },
            limits: Limits {
                message_size: self.one("limits.message_size", message_size),
                concurrent_streams: self.one("limits.concurrent_streams", count(1, 10_000)),
                in_flight: self.one("limits.in_flight", count(1, 1_000_000)),
                connections: self.one("limits.connections", count(1, 100_000)),
            },
            deadline: Deadlines {
                decision: self.one("deadline.decision", deadline),
                list: self.one("deadline.list", deadline),
                write: self.one("deadline.write", deadline),
                import: self.one("deadline.import", deadline),
            },
            drain: Drain {
                delay: self.one("drain.delay", pause),
                grace: self.one("drain.grace", pause),
            },
        }
    }

    fn listen(&mut self) -> Vec<Address> {
        let Some(given) = self.layers.get("listen") else {
            return Vec::new();
        };
        if given.values.is_empty() {
            self.mistake("listen", given, bad("[]", "at least one address"));
        }
        let mut addresses = Vec::new();
        for text in &given.values {
            match text.parse::<Address>() {
                Ok(address) if address.is_local() => addresses.push(address),
                Ok(address) => self.mistake(
                    "listen",
                    given,
                    Mistake::NotLoopback { address: address.to_string() },
                ),
                Err(expected) => self.mistake("listen", given, bad(text, &expected)),
            }
        }
        addresses
    }

    fn page_token_key(&mut self) -> Option<PageTokenKey> {
        let direct = self.maybe("page_token_key", PageTokenKey::from_str);
        let Some(file) = self.maybe("page_token_key_file", path) else {
            return direct;
        };
        let given = self.layers.get("page_token_key_file")?;
        let key_given = self.layers.get("page_token_key");
        if let Some(other) = key_given.filter(|key| key.origin != Origin::Default) {
            let other = other.origin.to_string();
            self.mistake("page_token_key_file", given, Mistake::Both { other });
            return direct;
        }
        let key = match fs::read_to_string(&file) {
            Ok(text) => {
                text.trim().parse().map_err(|expected| Mistake::BadValue { value: None, expected })
            }
            Err(error) => {
                Err(Mistake::Unreadable { reason: format!("{}: {error}", file.display()) })
            }
        };
        key.map_err(|mistake| self.mistake("page_token_key_file", given, mistake)).ok()
    }

    /// A setting that always has a value.
    fn one<T: Default>(&mut self, key: &'static str, parse: impl Parse<T>) -> T {
        self.maybe(key, parse).unwrap_or_default()
    }

    /// A setting that may be left out.
    fn maybe<T>(&mut self, key: &'static str, parse: impl Parse<T>) -> Option<T> {
        let given = self.layers.get(key)?;
        let text = given.values.first()?;
        match parse(text) {
            Ok(value) => Some(value),
            Err(expected) => {
                self.mistake(key, given, bad(text, &expected));
                None
            }
        }
    }

    fn mistake(&mut self, key: &str, given: &Given, mistake: Mistake) {
        let secret = settings::by_key(key).is_some_and(|setting| setting.secret);
        let mistake = match mistake {
            Mistake::BadValue { expected, .. } if secret => {
                Mistake::BadValue { value: None, expected }
            }
            other => other,
        };
        self.problems.push(Problem { place: given.origin.to_string(), mistake });
    }
}

/// Takes the text of a value, or says what was expected instead.
trait Parse<T>: Fn(&str) -> Result<T, String> {}

impl<T, F: Fn(&str) -> Result<T, String>> Parse<T> for F {}

fn bad(value: &str, expected: &str) -> Mistake {
    Mistake::BadValue { value: Some(value.to_owned()), expected: expected.to_owned() }
}

fn path(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() {
        return Err("a path".to_owned());
    }
    Ok(PathBuf::from(text))
}

fn log_level(text: &str) -> Result<String, String> {
    match EnvFilter::try_new(text) {
        Ok(_) if !text.is_empty() => Ok(text.to_owned()),
        _ => Err("a log filter such as `info` or `info,lineguard=debug`".to_owned()),
    }
}

fn message_size(text: &str) -> Result<usize, String> {
    value::size(text)?
        .try_into()
        .ok()
        .filter(|size| (1 << 10..=64 << 20).contains(size))
        .ok_or_else(|| "a size from 1KiB to 64MiB".to_owned())
}

fn count<T: FromStr + PartialOrd + std::fmt::Display>(least: T, most: T) -> impl Parse<T> {
    move |text| {
        text.parse()
            .ok()
            .filter(|count| (&least..=&most).contains(&count))
            .ok_or_else(|| format!("a number from {least} to {most}"))
    }
}

fn deadline(text: &str) -> Result<Duration, String> {
    let least = Duration::from_millis(1);
    within(text, least, Duration::from_secs(3600), "1ms to 1h")
}

fn pause(text: &str) -> Result<Duration, String> {
    within(text, Duration::ZERO, Duration::from_secs(3600), "0s to 1h")
}

fn within(text: &str, least: Duration, most: Duration, range: &str) -> Result<Duration, String> {
    let duration = value::duration(text)?;
    if (least..=most).contains(&duration) {
        Ok(duration)
    } else {
        Err(format!("a duration from {range}"))
    }
}
