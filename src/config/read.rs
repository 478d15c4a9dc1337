//! From what was given to what it means, with every mistake on the way.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use tracing_subscriber::EnvFilter;

use super::layers::{Given, Layers, Origin};
use super::outage::MOST_STALENESS;
use super::problem::{Mistake, Problem};
use super::settings::{self, Sensitivity};
use super::{
    Address, Cache, Config, Database, Deadlines, Drain, Freshness, Limits, Log, LogFormat, Metrics,
    MigrateOnStart, Otel, Outage, Redis, url, value,
};

/// Turns text into values. A value that does not parse becomes a problem and reading goes on with
/// a placeholder, which nobody gets to see.
pub(super) struct Reader<'a> {
    pub(super) layers: &'a Layers,
    pub(super) problems: &'a mut Vec<Problem>,
}

impl Reader<'_> {
    pub(super) fn config(mut self) -> Config {
        let config = Config {
            listen: self.listen("listen"),
            admin_listen: self.listen("admin_listen"),
            health_listen: self.maybe("health.listen", tcp),
            security: self.security(),
            unix_socket_mode: self.one("unix_socket_mode", value::mode),
            database: Database {
                url: self.secret("database.url", "database.url_file").unwrap_or_default(),
                max_connections: self.one("database.max_connections", count(1, 1_000)),
                acquire_timeout: self.one("database.acquire_timeout", deadline),
                migrate_on_start: self.one("database.migrate_on_start", MigrateOnStart::from_str),
            },
            redis: self.redis(),
            cache: self.cache(),
            freshness: Freshness {
                lease: self.one("freshness.lease", lease),
                poll: self.one("freshness.poll", poll),
                poll_timeout: self.one("freshness.poll_timeout", poll),
                max_records: self.one("freshness.max_records", count(1_024, 16_777_216)),
                sidecar_lease: self.one("freshness.sidecar_lease", sidecar_lease),
                max_sidecars: self.one("freshness.max_sidecars", count(0, 65_536)),
                max_staleness: self.one("freshness.max_staleness", staleness),
            },
            outage: Outage {
                view_content: self.one("outage.view_content", FromStr::from_str),
                send: self.one("outage.send", FromStr::from_str),
                place_call: self.one("outage.place_call", FromStr::from_str),
                caller_id: self.one("outage.caller_id", FromStr::from_str),
                list: self.one("outage.list", FromStr::from_str),
            },
            models_dir: self.maybe("models_dir", path),
            page_token_key: self.secret("page_token_key", "page_token_key_file"),
            log: Log {
                format: self.one("log.format", LogFormat::from_str),
                level: self.one("log.level", log_level),
            },
            limits: Limits {
                message_size: self.one("limits.message_size", message_size),
                concurrent_streams: self.one("limits.concurrent_streams", count(1, 10_000)),
                in_flight: self.one("limits.in_flight", count(1, 1_000_000)),
                cold: self.one("limits.cold", count(4, 1_000_000)),
                exports: self.one("limits.exports", count(1, 10_000)),
                imports: self.one("limits.imports", count(1, 1_000)),
                connections: self.one("limits.connections", count(1, 100_000)),
                connections_per_address: self
                    .one("limits.connections_per_address", count(1, 100_000)),
                handshake_time: self.one("limits.handshake_time", deadline),
                connection_age: self.one("limits.connection_age", age),
                question_size: self.one("limits.question_size", message_size),
            },
            deadline: Deadlines {
                decision: self.one("deadline.decision", deadline),
                list: self.one("deadline.list", deadline),
                write: self.one("deadline.write", deadline),
                import: self.one("deadline.import", deadline),
                stalled: self.one("deadline.stalled", deadline),
            },
            drain: Drain {
                delay: self.one("drain.delay", pause),
                grace: self.one("drain.grace", pause),
            },
            metrics: Metrics {
                listen: self.maybe("metrics.listen", tcp),
                compare_lists: self.one("metrics.compare_lists", count(0, 1_000_000_000)),
            },
            // Not settings of ours; read from the environment by their own rules.
            otel: Otel::default(),
            upstream: self.upstream(),
        };
        self.fits(&config);
        self.guards(&config);
        config
    }

    fn redis(&mut self) -> Option<Redis> {
        let timeout = self.one("redis.timeout", redis_timeout);
        let url = self.secret("redis.url", "redis.url_file")?;
        Some(Redis { url, timeout })
    }

    fn cache(&mut self) -> Cache {
        let shared = self.maybe("cache.l2", auto_or_yes_or_no).flatten();
        // A file for the URL counts even if it cannot be read: that is a mistake of its own.
        let redis = self.is_given("redis.url") || self.is_given("redis.url_file");
        if shared == Some(true) && !redis {
            self.conflict("cache.l2", "redis.url", "replicas share decisions through Redis");
        }
        Cache {
            l1: self.one("cache.l1", yes_or_no),
            l1_size: self.one("cache.l1_size", cache_size),
            l2: shared.unwrap_or(true) && redis,
        }
    }

    /// What two settings must be to each other. Looked at only where both are right by
    /// themselves; the placeholder of one that is not says nothing.
    fn fits(&mut self, config: &Config) {
        let Freshness { lease, poll, poll_timeout, .. } = config.freshness;
        let zero = Duration::ZERO;
        if poll != zero && lease != zero && poll * 2 >= lease {
            let rule = "it must be less than half of a lease, so that one failed poll does not \
                        end it";
            self.conflict("freshness.poll", "freshness.lease", rule);
        }
        if poll_timeout != zero && poll != zero && poll_timeout >= poll {
            let rule = "a poll must end before the next begins";
            self.conflict("freshness.poll_timeout", "freshness.poll", rule);
        }
        if config.deadline.write != zero && lease != zero && config.deadline.write < lease * 2 {
            let rule = "a write may wait a little more than a lease for replicas that say \
                        nothing, so it must be at least two leases";
            self.conflict("deadline.write", "freshness.lease", rule);
        }
        let taken = config.metrics.listen.filter(|metrics| {
            metrics.port() != 0 && config.listen.contains(&Address::Tcp(*metrics))
        });
        if taken.is_some() {
            self.conflict("metrics.listen", "listen", "two listeners cannot share an address");
        }
    }

    /// Says that two settings do not go together, at the one that somebody wrote.
    pub(super) fn conflict(&mut self, key: &'static str, other: &'static str, rule: &str) {
        let (Some(given), Some(with)) = (self.layers.get(key), self.layers.get(other)) else {
            return;
        };
        let written = |given: &Given| given.values.join(", ");
        let (place, value, other, with) = match (&given.origin, &with.origin) {
            (Origin::Default, origin) if *origin != Origin::Default => {
                (with, written(with), key, written(given))
            }
            _ => (given, written(given), other, written(with)),
        };
        let rule = rule.to_owned();
        let mistake = Mistake::Conflict { value, other, with, key, rule };
        self.problems.push(Problem { place: place.origin.to_string(), mistake });
    }

    pub(super) fn is_given(&self, key: &str) -> bool {
        self.layers.get(key).is_some_and(|given| given.values.iter().any(|text| !text.is_empty()))
    }

    fn listen(&mut self, key: &'static str) -> Vec<Address> {
        let addresses = self.many(key, str::parse);
        let optional = settings::by_key(key).is_some_and(|setting| setting.default.is_empty());
        if let Some(given) = self.layers.get(key).filter(|given| given.values.is_empty())
            && !optional
        {
            self.mistake(key, given, bad("[]", "at least one address"));
        }
        addresses
    }

    /// A setting of several values. Where none is the default, an empty text says so too.
    pub(super) fn many<T>(&mut self, key: &'static str, parse: impl Parse<T>) -> Vec<T> {
        let Some(given) = self.layers.get(key) else {
            return Vec::new();
        };
        let none = settings::by_key(key).is_some_and(|setting| setting.default.is_empty());
        let mut values = Vec::new();
        for text in given.values.iter().filter(|text| !(none && text.is_empty())) {
            match parse(text) {
                Ok(value) => values.push(value),
                Err(expected) => self.mistake(key, given, bad(text, &expected)),
            }
        }
        values
    }

    /// A secret, given as it is or as the file that holds it.
    fn secret<T: FromStr<Err = String>>(
        &mut self,
        key: &'static str,
        file_key: &'static str,
    ) -> Option<T> {
        let Some(file) = self.maybe(file_key, path) else {
            return self.direct(key);
        };
        let given = self.layers.get(file_key)?;
        if let Some(other) = self.layers.get(key).filter(|key| key.origin != Origin::Default) {
            let other = other.origin.to_string();
            self.mistake(file_key, given, Mistake::Both { other });
            return self.direct(key);
        }
        let value = match fs::read_to_string(&file) {
            Ok(text) => {
                text.trim().parse().map_err(|expected| Mistake::BadValue { value: None, expected })
            }
            Err(error) => {
                Err(Mistake::Unreadable { reason: format!("{}: {error}", file.display()) })
            }
        };
        value.map_err(|mistake| self.mistake(file_key, given, mistake)).ok()
    }

    /// A secret given as it is, which must not stand in the list of processes.
    fn direct<T: FromStr<Err = String>>(&mut self, key: &'static str) -> Option<T> {
        let value = self.maybe(key, T::from_str)?;
        let given = self.layers.get(key)?;
        let shown = matches!(given.origin, Origin::Flag(_));
        if shown && given.values.iter().any(|text| url::has_password(text)) {
            self.mistake(key, given, Mistake::PasswordInFlag);
        }
        Some(value)
    }

    /// A setting that always has a value.
    pub(super) fn one<T: Default>(&mut self, key: &'static str, parse: impl Parse<T>) -> T {
        self.maybe(key, parse).unwrap_or_default()
    }

    /// A setting that may be left out. Where none is the default, an empty text says so too.
    pub(super) fn maybe<T>(&mut self, key: &'static str, parse: impl Parse<T>) -> Option<T> {
        let given = self.layers.get(key)?;
        let text = given.values.first()?;
        let none = settings::by_key(key).is_some_and(|setting| setting.default.is_empty());
        if text.is_empty() && none {
            return None;
        }
        match parse(text) {
            Ok(value) => Some(value),
            Err(expected) => {
                self.mistake(key, given, bad(text, &expected));
                None
            }
        }
    }

    fn mistake(&mut self, key: &str, given: &Given, mistake: Mistake) {
        let sensitivity = settings::by_key(key).map(|setting| setting.sensitivity);
        let mistake = match (mistake, sensitivity) {
            (Mistake::BadValue { expected, .. }, Some(Sensitivity::Secret)) => {
                Mistake::BadValue { value: None, expected }
            }
            (Mistake::BadValue { value, expected }, Some(Sensitivity::Url)) => {
                // What is no URL is shown only if it cannot hold a password.
                let value = value.filter(|value| url::redacted(value) == *value);
                Mistake::BadValue { value, expected }
            }
            (other, _) => other,
        };
        self.problems.push(Problem { place: given.origin.to_string(), mistake });
    }
}

/// Takes the text of a value, or says what was expected instead.
pub(super) trait Parse<T>: Fn(&str) -> Result<T, String> {}

impl<T, F: Fn(&str) -> Result<T, String>> Parse<T> for F {}

fn bad(value: &str, expected: &str) -> Mistake {
    Mistake::BadValue { value: Some(value.to_owned()), expected: expected.to_owned() }
}

pub(super) fn path(text: &str) -> Result<PathBuf, String> {
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

pub(super) fn deadline(text: &str) -> Result<Duration, String> {
    let least = Duration::from_millis(1);
    within(text, least, Duration::from_secs(3600), "1ms to 1h")
}

fn age(text: &str) -> Result<Duration, String> {
    within(text, Duration::from_secs(10), Duration::from_secs(24 * 3600), "10s to 24h")
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

fn lease(text: &str) -> Result<Duration, String> {
    within(text, Duration::from_secs(1), Duration::from_secs(30), "1s to 30s")
}

/// A sidecar asks four times in a second, and takes no more than a second.
fn sidecar_lease(text: &str) -> Result<Duration, String> {
    within(text, Duration::from_millis(500), Duration::from_secs(1), "500ms to 1s")
}

fn poll(text: &str) -> Result<Duration, String> {
    within(text, Duration::from_millis(10), Duration::from_secs(15), "10ms to 15s")
}

fn redis_timeout(text: &str) -> Result<Duration, String> {
    within(text, Duration::from_millis(1), Duration::from_secs(1), "1ms to 1s")
}

fn staleness(text: &str) -> Result<Duration, String> {
    within(text, Duration::ZERO, MOST_STALENESS, "0s to 24h")
}

fn cache_size(text: &str) -> Result<u64, String> {
    let size = value::size(text)?;
    if (1 << 20..=64 << 30).contains(&size) {
        Ok(size)
    } else {
        Err("a size from 1MiB to 64GiB".to_owned())
    }
}

fn yes_or_no(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| "`true` or `false`".to_owned())
}

pub(super) fn auto_or_yes_or_no(text: &str) -> Result<Option<bool>, String> {
    match text {
        "auto" => Ok(None),
        other => other.parse().map(Some).map_err(|_| "`auto`, `true` or `false`".to_owned()),
    }
}

fn tcp(text: &str) -> Result<SocketAddr, String> {
    match text.parse() {
        Ok(Address::Tcp(address)) => Ok(address),
        _ => Err("an address and a port: `127.0.0.1:9464`, `0.0.0.0:9464`".to_owned()),
    }
}
