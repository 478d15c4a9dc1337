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
    /// Must never be printed.
    pub secret: bool,
    /// Is of use to commands that open the store without serving.
    pub store: bool,
    /// Heading in help texts.
    pub group: &'static str,
    /// What it does, in a sentence or two.
    pub help: &'static str,
}

impl Setting {
    /// The variable: the key in capitals, dots as underscores, after our prefix.
    pub fn variable(&self) -> String {
        format!("{PREFIX}{}", self.key.replace('.', "_").to_uppercase())
    }
}

/// What our variables begin with.
pub const PREFIX: &str = "LINEGUARD_";

/// Names the configuration file itself.
pub const CONFIG_VARIABLE: &str = "LINEGUARD_CONFIG";

/// Variables that are ours but not settings of a server: those of the client commands.
pub const OTHER_VARIABLES: &[&str] = &[CONFIG_VARIABLE, "LINEGUARD_SERVER", "LINEGUARD_OUTPUT"];

const PLAIN: Setting = Setting {
    key: "",
    flag: None,
    value: "",
    default: "",
    list: false,
    secret: false,
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
               Port 0 takes a free one. Callers are not authenticated yet, so only loopback \
               addresses and Unix sockets are accepted.",
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
        key: "database.url",
        flag: Some("database-url"),
        value: "URL",
        default: "sqlite:lineguard.db",
        store: true,
        group: "Store",
        help: "The store: `sqlite:` and the path of a file.",
        ..PLAIN
    },
    Setting {
        key: "database.migrate_on_start",
        flag: Some("database-migrate-on-start"),
        value: "auto|true|false",
        default: "auto",
        group: "Store",
        help: "Bring the schema up to date at start. `auto` does so only where the SQLite file does \
               not exist yet; otherwise run `lineguard migrate`.",
        ..PLAIN
    },
    Setting {
        key: "models_dir",
        flag: Some("models-dir"),
        value: "FOLDER",
        store: true,
        group: "Store",
        help: "A folder of product model files besides the built-in ones.",
        ..PLAIN
    },
    Setting {
        key: "page_token_key",
        value: "BASE64",
        secret: true,
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
        help: "The largest message that is read.",
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
        key: "limits.connections",
        flag: Some("limits-connections"),
        value: "COUNT",
        default: "1024",
        group: "Limits",
        help: "Open connections of one listener; more wait to be accepted.",
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
                None => assert!(setting.secret, "{} has no flag", setting.key),
            }
        }
    }

    #[test]
    fn every_secret_can_come_from_a_file() {
        for secret in SETTINGS.iter().filter(|setting| setting.secret) {
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
