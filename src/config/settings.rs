//! Every setting there is, once: flags, variables, keys and the reference page come from here.

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// Its key in a configuration file; dots are tables.
    pub key: &'static str,
    /// Its flag, without dashes. A secret has none, because flags show in process lists.
    pub flag: Option<&'static str>,
    /// What a value looks like, for help texts.
    pub value: &'static str,
    /// The default, as one would write it; empty means not set.
    pub default: &'static str,
    /// Takes several values.
    pub list: bool,
    /// What of it must never be printed.
    pub sensitivity: Sensitivity,
    /// Is of use to commands that open the store without serving.
    pub store: bool,
    /// Heading in help texts.
    pub group: &'static str,
    /// What it does, in a sentence or two.
    pub help: &'static str,
}

/// What of a value must never be printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sensitivity {
    /// It may be seen by anyone.
    None,
    /// A URL: its password. Refused in a flag.
    Url,
    /// All of it. There is no flag for it.
    Secret,
}

impl Setting {
    /// The variable: the key in capitals, dots as underscores, after our prefix.
    pub fn variable(&self) -> String {
        variable_of(self.key)
    }
}

/// The variable of a key.
pub fn variable_of(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "_").to_uppercase())
}

/// What our variables begin with.
pub const PREFIX: &str = "LINEGUARD_";

/// Names the configuration file itself.
pub const CONFIG_VARIABLE: &str = "LINEGUARD_CONFIG";

/// Variables that are ours but not settings of a server: those of the client commands.
pub const OTHER_VARIABLES: &[&str] = &[
    CONFIG_VARIABLE,
    "LINEGUARD_SERVER",
    "LINEGUARD_SERVER_NAME",
    "LINEGUARD_CLIENT_CA_FILE",
    "LINEGUARD_CLIENT_CERTIFICATE_FILE",
    "LINEGUARD_CLIENT_KEY_FILE",
    "LINEGUARD_CLIENT_TOKEN_FILE",
    "LINEGUARD_OUTPUT",
];

/// Settings that were, and why they are no more.
pub const GONE: &[(&str, &str)] = &[(
    "outage.emergency_call",
    "emergency calls are always allowed, whoever is asked about and whatever is away; leave it out",
)];

const PLAIN: Setting = Setting {
    key: "",
    flag: None,
    value: "",
    default: "",
    list: false,
    sensitivity: Sensitivity::None,
    store: false,
    group: "",
    help: "",
};

/// All settings, in the order of the reference page.
pub const SETTINGS: &[Setting] = &[
    Setting {
        key: "listen",
        flag: Some("listen"),
        value: "ADDRESS",
        default: "127.0.0.1:7070",
        list: true,
        group: "Listening",
        help: "Where to serve: `127.0.0.1:7070`, `[::1]:7070`, `unix:/run/lineguard/lineguard.sock`. \
               Port 0 takes a free one. An address that other machines can reach needs \
               `callers_file`, and TLS or `plaintext_listen`.",
        ..PLAIN
    },
    Setting {
        key: "admin_listen",
        flag: Some("admin-listen"),
        value: "ADDRESS",
        list: true,
        group: "Listening",
        help: "Where to serve everything but questions: `AdminService`, `FaxService` and \
               `OperationsService`, which then are not served on `listen`. Questions are answered \
               here, too. A sidecar passes writes on only if it follows this address.",
        ..PLAIN
    },
    Setting {
        key: "health.listen",
        flag: Some("health-listen"),
        value: "ADDRESS",
        group: "Listening",
        help: "Where to serve `grpc.health.v1` alone, without TLS and for anybody: for probes that \
               cannot speak TLS. Not set: on the other addresses only.",
        ..PLAIN
    },
    Setting {
        key: "unix_socket_mode",
        flag: Some("unix-socket-mode"),
        value: "MODE",
        default: "0660",
        group: "Listening",
        help: "Permissions of Unix sockets, in octal.",
        ..PLAIN
    },
    Setting {
        key: "tls.certificate_file",
        flag: Some("tls-certificate-file"),
        value: "FILE",
        group: "Callers",
        help: "Certificate chain of this server, PEM. With it, TCP addresses speak TLS 1.3. Read \
               again when it changes; so are the key, the CA and the callers.",
        ..PLAIN
    },
    Setting {
        key: "tls.key_file",
        flag: Some("tls-key-file"),
        value: "FILE",
        group: "Callers",
        help: "The key of that certificate, PEM.",
        ..PLAIN
    },
    Setting {
        key: "tls.client_ca_file",
        flag: Some("tls-client-ca-file"),
        value: "FILE",
        group: "Callers",
        help: "CA certificates, PEM. With it, a caller without a certificate of one of these CAs \
               cannot connect.",
        ..PLAIN
    },
    Setting {
        key: "callers_file",
        flag: Some("callers-file"),
        value: "FILE",
        group: "Callers",
        help: "Who may call, and what each may ask for: see docs/callers.md. Who is not in it is \
               refused. Not set: whoever can reach the server may ask anything, so it must be \
               local.",
        ..PLAIN
    },
    Setting {
        key: "plaintext_listen",
        flag: Some("plaintext-listen"),
        value: "local|anywhere",
        default: "local",
        group: "Callers",
        help: "Where to serve without TLS: on this machine, or `anywhere`, because something else \
               encrypts what callers send, such as a service mesh.",
        ..PLAIN
    },
    Setting {
        key: "reflection",
        flag: Some("reflection"),
        value: "auto|true|false",
        default: "auto",
        group: "Callers",
        help: "Serve the descriptors of the API to anybody who asks. `auto`: where there is no \
               `callers_file`.",
        ..PLAIN
    },
    Setting {
        key: "jwt.issuer",
        flag: Some("jwt-issuer"),
        value: "URL",
        group: "Callers",
        help: "Accept JWT bearer tokens of this issuer, compared byte for byte.",
        ..PLAIN
    },
    Setting {
        key: "jwt.audience",
        flag: Some("jwt-audience"),
        value: "NAME",
        group: "Callers",
        help: "What a token must be meant for.",
        ..PLAIN
    },
    Setting {
        key: "jwt.jwks",
        flag: Some("jwt-jwks"),
        value: "FILE|URL",
        group: "Callers",
        help: "The keys of the issuer: a file, or an `https:` URL (`http:` on this machine only).",
        ..PLAIN
    },
    Setting {
        key: "jwt.jwks_ca_file",
        flag: Some("jwt-jwks-ca-file"),
        value: "FILE",
        group: "Callers",
        help: "CA certificates to trust when the keys are fetched, PEM, instead of the usual ones \
               of the web.",
        ..PLAIN
    },
    Setting {
        key: "jwt.refresh",
        flag: Some("jwt-refresh"),
        value: "DURATION",
        default: "5m",
        group: "Callers",
        help: "How often to fetch the keys; besides, when a token names one that is not known, at \
               most once in 10 s.",
        ..PLAIN
    },
    Setting {
        key: "database.url",
        flag: Some("database-url"),
        value: "URL",
        default: "sqlite:lineguard.db",
        sensitivity: Sensitivity::Url,
        store: true,
        group: "Store",
        help: "The store: `sqlite:` and the path of a file, or a database server that replicas \
               share: `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, \
               `mysql://USER:PASSWORD@HOST:PORT/DATABASE` (or `mariadb://`). A password is \
               refused in the flag, because flags show in process lists.",
        ..PLAIN
    },
    Setting {
        key: "database.url_file",
        flag: Some("database-url-file"),
        value: "FILE",
        store: true,
        group: "Store",
        help: "A file that holds `database.url`.",
        ..PLAIN
    },
    Setting {
        key: "database.max_connections",
        flag: Some("database-max-connections"),
        value: "COUNT",
        default: "16",
        store: true,
        group: "Store",
        help: "Open connections to a database server at most, for each replica; two more follow changes.",
        ..PLAIN
    },
    Setting {
        key: "database.acquire_timeout",
        flag: Some("database-acquire-timeout"),
        value: "DURATION",
        default: "1s",
        store: true,
        group: "Store",
        help: "How long a question may wait for a connection to a database server before the \
               answer is `UNAVAILABLE`.",
        ..PLAIN
    },
    Setting {
        key: "database.migrate_on_start",
        flag: Some("database-migrate-on-start"),
        value: "auto|true|false",
        default: "auto",
        group: "Store",
        help: "Bring the schema up to date at start. `auto` does so only where the SQLite file does \
               not exist yet, and never for a database server; otherwise run `lineguard migrate`.",
        ..PLAIN
    },
    Setting {
        key: "models_dir",
        flag: Some("models-dir"),
        value: "FOLDER",
        store: true,
        group: "Store",
        help: "A folder of product model files (`*.toml`) besides the built-in ones. All of them are \
               read at start and their tests run; one mistake, or a name that is taken, and the \
               server does not start.",
        ..PLAIN
    },
    Setting {
        key: "page_token_key",
        value: "BASE64",
        sensitivity: Sensitivity::Secret,
        group: "Store",
        help: "The key that seals page tokens: 32 bytes in base64. Without one, a key is made once \
               and kept in the store.",
        ..PLAIN
    },
    Setting {
        key: "page_token_key_file",
        flag: Some("page-token-key-file"),
        value: "FILE",
        group: "Store",
        help: "A file that holds `page_token_key`.",
        ..PLAIN
    },
    Setting {
        key: "upstream.url",
        flag: Some("upstream-url"),
        value: "URL",
        group: "Sidecar",
        help: "The replica that `lineguard sidecar` follows: `https://lineguard:7070`, \
               `http://127.0.0.1:7070`, `unix:/path/of/socket`.",
        ..PLAIN
    },
    Setting {
        key: "upstream.ca_file",
        flag: Some("upstream-ca-file"),
        value: "FILE",
        group: "Sidecar",
        help: "CA certificates to know it by, PEM; needed with `https:`.",
        ..PLAIN
    },
    Setting {
        key: "upstream.certificate_file",
        flag: Some("upstream-certificate-file"),
        value: "FILE",
        group: "Sidecar",
        help: "The certificate that tells it who the sidecar is, PEM.",
        ..PLAIN
    },
    Setting {
        key: "upstream.key_file",
        flag: Some("upstream-key-file"),
        value: "FILE",
        group: "Sidecar",
        help: "The key of that certificate, PEM.",
        ..PLAIN
    },
    Setting {
        key: "upstream.server_name",
        flag: Some("upstream-server-name"),
        value: "NAME",
        group: "Sidecar",
        help: "The name that its certificate must have; that of the URL unless given.",
        ..PLAIN
    },
    Setting {
        key: "upstream.token_file",
        flag: Some("upstream-token-file"),
        value: "FILE",
        group: "Sidecar",
        help: "A file with the bearer token that tells it who the sidecar is.",
        ..PLAIN
    },
    Setting {
        key: "upstream.tenants",
        flag: Some("upstream-tenants"),
        value: "TENANT",
        list: true,
        group: "Sidecar",
        help: "The tenants whose questions are answered from memory; those of others are read \
               from the parent each time. Not set: all.",
        ..PLAIN
    },
    Setting {
        key: "redis.url",
        flag: Some("redis-url"),
        value: "URL",
        sensitivity: Sensitivity::Url,
        group: "Replicas",
        help: "A Redis server that replicas share: `redis://:PASSWORD@HOST:PORT/NUMBER`, or \
               `rediss://` for TLS. Writes are then acknowledged in milliseconds. Without it, and \
               while it cannot be reached, answers are the same and writes take longer. A \
               password is refused in the flag.",
        ..PLAIN
    },
    Setting {
        key: "redis.url_file",
        flag: Some("redis-url-file"),
        value: "FILE",
        group: "Replicas",
        help: "A file that holds `redis.url`.",
        ..PLAIN
    },
    Setting {
        key: "redis.timeout",
        flag: Some("redis-timeout"),
        value: "DURATION",
        default: "20ms",
        group: "Replicas",
        help: "How long one read or write of a shared decision may take before it counts as a \
               miss.",
        ..PLAIN
    },
    Setting {
        key: "cache.l1",
        flag: Some("cache-l1"),
        value: "true|false",
        default: "true",
        group: "Replicas",
        help: "Keep decisions, members and facts in memory. Changes no answer.",
        ..PLAIN
    },
    Setting {
        key: "cache.l1_size",
        flag: Some("cache-l1-size"),
        value: "SIZE",
        default: "64MiB",
        group: "Replicas",
        help: "How much memory that may take.",
        ..PLAIN
    },
    Setting {
        key: "cache.l2",
        flag: Some("cache-l2"),
        value: "auto|true|false",
        default: "auto",
        group: "Replicas",
        help: "Share decisions among replicas through Redis. Changes no answer. `auto` does so \
               where `redis.url` is set.",
        ..PLAIN
    },
    Setting {
        key: "freshness.lease",
        flag: Some("freshness-lease"),
        value: "DURATION",
        default: "5s",
        group: "Replicas",
        help: "How long a state that the database has confirmed may be answered from, 1s to 30s. \
               A write waits about this long for a replica that says nothing. It should be the \
               same on all replicas.",
        ..PLAIN
    },
    Setting {
        key: "freshness.poll",
        flag: Some("freshness-poll"),
        value: "DURATION",
        default: "500ms",
        group: "Replicas",
        help: "How often the database is asked for changes; less than half of a lease.",
        ..PLAIN
    },
    Setting {
        key: "freshness.poll_timeout",
        flag: Some("freshness-poll-timeout"),
        value: "DURATION",
        default: "400ms",
        group: "Replicas",
        help: "How long one such question may take; less than the time between two.",
        ..PLAIN
    },
    Setting {
        key: "freshness.max_records",
        flag: Some("freshness-max-records"),
        value: "COUNT",
        default: "262144",
        group: "Replicas",
        help: "How many newest changes are remembered one by one. What was forgotten outdates \
               everything that is cached of its tenant, so this costs hits, never an answer.",
        ..PLAIN
    },
    Setting {
        key: "freshness.sidecar_lease",
        flag: Some("freshness-sidecar-lease"),
        value: "DURATION",
        default: "1s",
        group: "Replicas",
        help: "How long a sidecar of this server may answer from memory without asking again, \
               500ms to 1s. A write waits about so long for a sidecar that is gone.",
        ..PLAIN
    },
    Setting {
        key: "freshness.max_sidecars",
        flag: Some("freshness-max-sidecars"),
        value: "COUNT",
        default: "1024",
        group: "Replicas",
        help: "How many sidecars may follow this server. One more keeps nothing in memory: it \
               reads from this server for every answer.",
        ..PLAIN
    },
    Setting {
        key: "freshness.max_staleness",
        flag: Some("freshness-max-staleness"),
        value: "DURATION",
        default: "0s",
        group: "Outages",
        help: "The oldest state that a request may ask to be answered from while the database \
               cannot be reached, up to 24h. `0s`: none, whatever requests ask for.",
        ..PLAIN
    },
    Setting {
        key: "outage.view_content",
        flag: Some("outage-view-content"),
        value: "fail_closed|stale:DURATION",
        default: "fail_closed",
        group: "Outages",
        help: "What is answered to viewing, playing and downloading content while the \
               database cannot be reached: `fail_closed` is `UNAVAILABLE`, `stale:30s` the last \
               known state while it is not older than that (1s to 24h); the answer says how old \
               it is.",
        ..PLAIN
    },
    Setting {
        key: "outage.send",
        flag: Some("outage-send"),
        value: "fail_closed|stale:DURATION",
        default: "fail_closed",
        group: "Outages",
        help: "The same for sending faxes, messages and e-mail.",
        ..PLAIN
    },
    Setting {
        key: "outage.place_call",
        flag: Some("outage-place-call"),
        value: "fail_closed|stale:DURATION",
        default: "fail_closed",
        group: "Outages",
        help: "The same for placing, answering and transferring calls.",
        ..PLAIN
    },
    Setting {
        key: "outage.caller_id",
        flag: Some("outage-caller-id"),
        value: "fail_closed|stale:DURATION",
        default: "fail_closed",
        group: "Outages",
        help: "The same for which number is presented and who receives a fax.",
        ..PLAIN
    },
    Setting {
        key: "outage.list",
        flag: Some("outage-list"),
        value: "fail_closed|stale:DURATION",
        default: "fail_closed",
        group: "Outages",
        help: "The same for lists and for visibility as a filter.",
        ..PLAIN
    },
    Setting {
        key: "log.format",
        flag: Some("log-format"),
        value: "auto|text|json",
        default: "auto",
        store: true,
        group: "Logs",
        help: "`auto` is text on a terminal and JSON otherwise. Logs go to standard error.",
        ..PLAIN
    },
    Setting {
        key: "log.level",
        flag: Some("log-level"),
        value: "FILTER",
        default: "info",
        store: true,
        group: "Logs",
        help: "`error`, `warn`, `info`, `debug` or `trace`, or a filter such as \
               `info,lineguard=debug`. Libraries log from `warn` up unless named.",
        ..PLAIN
    },
    Setting {
        key: "limits.message_size",
        flag: Some("limits-message-size"),
        value: "SIZE",
        default: "4MiB",
        group: "Limits",
        help: "The largest message of the other services that is read.",
        ..PLAIN
    },
    Setting {
        key: "limits.concurrent_streams",
        flag: Some("limits-concurrent-streams"),
        value: "COUNT",
        default: "256",
        group: "Limits",
        help: "Calls in flight on one connection; more wait at the client.",
        ..PLAIN
    },
    Setting {
        key: "limits.in_flight",
        flag: Some("limits-in-flight"),
        value: "COUNT",
        default: "4096",
        group: "Limits",
        help: "Calls in flight in all; more are refused at once with `RESOURCE_EXHAUSTED`.",
        ..PLAIN
    },
    Setting {
        key: "limits.cold",
        flag: Some("limits-cold"),
        value: "COUNT",
        default: "1024",
        group: "Limits",
        help: "Questions that wait for the database or are read from it, a quarter of them about \
               one tenant; more are refused at once with `RESOURCE_EXHAUSTED`. Those answered from \
               memory do not count, nor do emergency calls.",
        ..PLAIN
    },
    Setting {
        key: "limits.exports",
        flag: Some("limits-exports"),
        value: "COUNT",
        default: "16",
        group: "Limits",
        help: "Exports under way, a quarter of them of one tenant and half of them for one caller; \
               more are refused at once with `RESOURCE_EXHAUSTED`. Together they read over at most a \
               quarter of the connections that read.",
        ..PLAIN
    },
    Setting {
        key: "limits.imports",
        flag: Some("limits-imports"),
        value: "COUNT",
        default: "8",
        group: "Limits",
        help: "Imports under way, half of them for one caller; more are refused at once with \
               `RESOURCE_EXHAUSTED`. Each may hold 256 MiB, all together 512 MiB.",
        ..PLAIN
    },
    Setting {
        key: "limits.connections",
        flag: Some("limits-connections"),
        value: "COUNT",
        default: "1024",
        group: "Limits",
        help: "Open connections of one listener. Where there are more, those that have not sent \
               anything yet make room, the oldest first; while all have, more wait to be accepted.",
        ..PLAIN
    },
    Setting {
        key: "limits.connections_per_address",
        flag: Some("limits-connections-per-address"),
        value: "COUNT",
        default: "512",
        group: "Limits",
        help: "Open connections from one IP address; more are closed at once.",
        ..PLAIN
    },
    Setting {
        key: "limits.handshake_time",
        flag: Some("limits-handshake-time"),
        value: "DURATION",
        default: "3s",
        group: "Limits",
        help: "How long a new connection may take to finish its TLS handshake and to send its \
               first bytes.",
        ..PLAIN
    },
    Setting {
        key: "limits.connection_age",
        flag: Some("limits-connection-age"),
        value: "DURATION",
        default: "10m",
        group: "Limits",
        help: "After how long a connection is asked to close, so that callers find new replicas \
               and prove anew who they are; calls in flight finish. Varied by a tenth.",
        ..PLAIN
    },
    Setting {
        key: "limits.question_size",
        flag: Some("limits-question-size"),
        value: "SIZE",
        default: "1MiB",
        group: "Limits",
        help: "The largest message of `AuthorizationService` that is read.",
        ..PLAIN
    },
    Setting {
        key: "deadline.decision",
        flag: Some("deadline-decision"),
        value: "DURATION",
        default: "1s",
        group: "Deadlines",
        help: "The longest that one decision or resolution may take. The caller's own deadline \
               counts where it is sooner; so for the others.",
        ..PLAIN
    },
    Setting {
        key: "deadline.list",
        flag: Some("deadline-list"),
        value: "DURATION",
        default: "5s",
        group: "Deadlines",
        help: "The longest that a list, a batch of decisions or another read may take.",
        ..PLAIN
    },
    Setting {
        key: "deadline.write",
        flag: Some("deadline-write"),
        value: "DURATION",
        default: "30s",
        group: "Deadlines",
        help: "The longest that a write may take.",
        ..PLAIN
    },
    Setting {
        key: "deadline.import",
        flag: Some("deadline-import"),
        value: "DURATION",
        default: "10m",
        group: "Deadlines",
        help: "The longest that an import may take, its upload included.",
        ..PLAIN
    },
    Setting {
        key: "deadline.stalled",
        flag: Some("deadline-stalled"),
        value: "DURATION",
        default: "10s",
        group: "Deadlines",
        help: "How long an export may wait for its client to take anything, and an import or a \
               sidecar's stream of reads for its client to send anything, before it ends with \
               `DEADLINE_EXCEEDED`.",
        ..PLAIN
    },
    Setting {
        key: "drain.delay",
        flag: Some("drain-delay"),
        value: "DURATION",
        default: "0s",
        group: "Stopping",
        help: "How long to keep accepting calls after health has turned to `NOT_SERVING`; a few \
               seconds where callers find servers by health or by an endpoint list.",
        ..PLAIN
    },
    Setting {
        key: "drain.grace",
        flag: Some("drain-grace"),
        value: "DURATION",
        default: "20s",
        group: "Stopping",
        help: "How long calls in flight may take to finish before connections are cut.",
        ..PLAIN
    },
    Setting {
        key: "metrics.listen",
        flag: Some("metrics-listen"),
        value: "ADDRESS",
        group: "Metrics",
        help: "Where to serve figures for Prometheus, at `/metrics`: `127.0.0.1:9464`. Port 0 \
               takes a free one. Whoever can reach it can read it; it names no tenant, person or \
               number. Not set: nowhere.",
        ..PLAIN
    },
    Setting {
        key: "metrics.compare_lists",
        flag: Some("metrics-compare-lists"),
        value: "COUNT",
        default: "1000",
        group: "Metrics",
        help: "Of so many pages of visible faxes about one is compared, afterwards and at most one \
               a second, with what `Check` says of some of its faxes and of some that it left out. \
               `0`: none.",
        ..PLAIN
    },
];

/// The setting with this key.
pub fn by_key(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_follow_mechanically_from_keys() {
        for setting in SETTINGS {
            let derived = setting.key.replace(['.', '_'], "-");
            match setting.flag {
                Some(flag) => assert_eq!(flag, derived),
                None => assert_eq!(setting.sensitivity, Sensitivity::Secret, "{}", setting.key),
            }
        }
    }

    #[test]
    fn every_secret_can_come_from_a_file() {
        for secret in SETTINGS.iter().filter(|one| one.sensitivity != Sensitivity::None) {
            assert!(by_key(&format!("{}_file", secret.key)).is_some());
        }
    }

    #[test]
    fn no_two_settings_share_a_variable() {
        let mut variables: Vec<_> = SETTINGS.iter().map(Setting::variable).collect();
        variables.sort();
        let all = variables.len();
        variables.dedup();
        assert_eq!(variables.len(), all);
    }
}
