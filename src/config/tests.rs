use std::fs;
use std::path::PathBuf;

use super::*;

/// Sources made of a file's text, variables and flags.
struct Given3 {
    _folder: tempfile::TempDir,
    path: PathBuf,
    sources: Sources,
}

fn given(file: &str, variables: &[(&str, &str)], flags: &[(&'static str, &str)]) -> Given3 {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lineguard.toml");
    fs::write(&path, file).unwrap();
    let mut sources = Sources {
        file: Some(path.clone()),
        environment: variables.iter().map(|(name, value)| (name.into(), value.into())).collect(),
        ..Sources::default()
    };
    for (key, value) in flags {
        sources.flags.entry(key).or_default().push((*value).to_owned());
    }
    Given3 { _folder: folder, path, sources }
}

fn loaded(file: &str, variables: &[(&str, &str)], flags: &[(&'static str, &str)]) -> Config {
    Config::load(&given(file, variables, flags).sources).unwrap()
}

/// The problems, with the name of the file cut to `FILE`.
fn problems(file: &str, variables: &[(&str, &str)], flags: &[(&'static str, &str)]) -> String {
    let given = given(file, variables, flags);
    let problems = Config::load(&given.sources).unwrap_err().to_string();
    problems.replace(&given.path.display().to_string(), "FILE")
}

#[test]
fn defaults_are_safe_and_parse() {
    let config = Config::load(&Sources::default()).unwrap();
    assert_eq!(config, Config::default());
    assert_eq!(config.listen, ["127.0.0.1:7070".parse().unwrap()]);
    assert_eq!(config.unix_socket_mode, 0o660);
    assert_eq!(config.database.url.as_str(), "sqlite:lineguard.db");
    assert_eq!(config.database.migrate_on_start, MigrateOnStart::Auto);
    assert_eq!(config.limits.message_size, 4 << 20);
    assert_eq!(config.deadline.decision, Duration::from_secs(1));
    assert_eq!(config.page_token_key, None);
}

#[test]
fn flag_beats_variable_beats_file_beats_default() {
    // One setting of every type.
    type Case = (&'static str, &'static str, [&'static str; 3], fn(&Config) -> String);
    let cases: [Case; 8] = [
        ("listen", "LINEGUARD_LISTEN", ["127.0.0.1:1", "[::1]:2", "unix:/c"], |c| {
            c.listen.first().unwrap().to_string()
        }),
        ("unix_socket_mode", "LINEGUARD_UNIX_SOCKET_MODE", ["0600", "0660", "0666"], |c| {
            format!("{:04o}", c.unix_socket_mode)
        }),
        ("database.url", "LINEGUARD_DATABASE_URL", ["sqlite:a", "sqlite:b", "sqlite:c"], |c| {
            c.database.url.as_str().to_owned()
        }),
        ("models_dir", "LINEGUARD_MODELS_DIR", ["a", "b", "c"], |c| {
            c.models_dir.as_ref().unwrap().display().to_string()
        }),
        ("log.format", "LINEGUARD_LOG_FORMAT", ["text", "json", "auto"], |c| {
            format!("{:?}", c.log.format).to_lowercase()
        }),
        (
            "limits.message_size",
            "LINEGUARD_LIMITS_MESSAGE_SIZE",
            ["1024B", "2048B", "4096B"],
            |c| format!("{}B", c.limits.message_size),
        ),
        ("limits.in_flight", "LINEGUARD_LIMITS_IN_FLIGHT", ["1", "2", "3"], |c| {
            c.limits.in_flight.to_string()
        }),
        ("drain.delay", "LINEGUARD_DRAIN_DELAY", ["1ms", "2ms", "3ms"], |c| {
            format!("{}ms", c.drain.delay.as_millis())
        }),
    ];
    for (key, variable, [in_file, in_variable, in_flag], read) in cases {
        let file = format!("{key} = \"{in_file}\"\n");
        assert_eq!(read(&loaded(&file, &[], &[])), in_file);
        let variables = [(variable, in_variable)];
        assert_eq!(read(&loaded(&file, &variables, &[])), in_variable);
        assert_eq!(read(&loaded(&file, &variables, &[(key, in_flag)])), in_flag);
        assert_eq!(read(&loaded("", &[], &[(key, in_flag)])), in_flag);
    }
}

#[test]
fn a_file_may_use_tables_lists_numbers_and_booleans() {
    let config = loaded(
        "listen = [\"127.0.0.1:1\", \"unix:/run/l.sock\"]\n\
         [database]\nmigrate_on_start = true\n[limits]\nconcurrent_streams = 7\n",
        &[],
        &[],
    );
    assert_eq!(config.listen.len(), 2);
    assert_eq!(config.database.migrate_on_start, MigrateOnStart::Always);
    assert_eq!(config.limits.concurrent_streams, 7);
}

#[test]
fn lists_in_variables_are_separated_by_commas() {
    let config = loaded("", &[("LINEGUARD_LISTEN", "127.0.0.1:1, unix:/run/l.sock")], &[]);
    assert_eq!(config.listen.len(), 2);
}

#[test]
fn every_mistake_is_reported_at_once_and_says_where() {
    let found = problems(
        "lisen = \"127.0.0.1:1\"\n[log]\nfromat = \"json\"\nlevel = 3.5\n[drain]\ngrace = 20\n[pets]\ncat = 1\n",
        &[("LINEGUARD_DRIAN_DELAY", "5s"), ("LINEGUARD_DEADLINE_LIST", "soon"), ("UNRELATED", "x")],
        &[("listen", "0.0.0.0:7070"), ("limits.message_size", "1GiB")],
    );
    let mut lines: Vec<_> = found.lines().skip(1).map(str::trim).collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "--limits-message-size: `1GiB` is not a size from 1KiB to 64MiB",
            "--listen: `0.0.0.0:7070` does not go with `callers_file` (not set): listen: other \
             machines can reach it, so say who may call",
            "--listen: `0.0.0.0:7070` does not go with `plaintext_listen` (`local`): listen: other \
             machines can reach it, so set `tls.certificate_file`, or say `anywhere` if something \
             else encrypts what they send",
            "FILE:1: lisen: there is no such setting; did you mean `listen`?",
            "FILE:3: log.fromat: there is no such setting; did you mean `log.format`?",
            "FILE:4: log.level: `float` is not one value (FILTER)",
            "FILE:6: drain.grace: `20` is not a duration with its unit: `250ms`, `30s`, `5m`, `1h`",
            "FILE:7: pets: there is no such setting",
            "LINEGUARD_DEADLINE_LIST: `soon` is not a duration with its unit: `250ms`, `30s`, \
             `5m`, `1h`",
            "LINEGUARD_DRIAN_DELAY: there is no such setting; did you mean \
             `LINEGUARD_DRAIN_DELAY`?",
        ]
    );
}

#[test]
fn an_address_that_others_can_reach_needs_known_callers_and_encryption() {
    let callers = ("LINEGUARD_CALLERS_FILE", "callers.toml");
    let tls = [("LINEGUARD_TLS_CERTIFICATE_FILE", "a"), ("LINEGUARD_TLS_KEY_FILE", "b")];
    let anywhere = ("LINEGUARD_PLAINTEXT_LISTEN", "anywhere");
    for (key, variable) in
        [("listen", "LINEGUARD_LISTEN"), ("admin_listen", "LINEGUARD_ADMIN_LISTEN")]
    {
        for address in ["0.0.0.0:1", "[::]:1", "192.0.2.1:1"] {
            let at = (variable, address);
            let found = problems("", &[at], &[]);
            let who = format!("{key}: other machines can reach it, so say who may call");
            assert!(found.contains(&who), "{found}");
            assert!(found.contains("`callers_file` (not set)"), "{found}");
            let found = problems("", &[at, callers], &[]);
            assert!(found.contains("set `tls.certificate_file`, or say `anywhere`"), "{found}");
            let found = problems("", &[at, anywhere], &[]);
            assert!(found.contains(&who), "{found}");
            loaded("", &[at, callers, anywhere], &[]);
            loaded("", &[at, callers, tls[0], tls[1]], &[]);
        }
    }
}

#[test]
fn half_of_the_security_settings_is_refused() {
    let callers = ("LINEGUARD_CALLERS_FILE", "callers.toml");
    let certificate = ("LINEGUARD_TLS_CERTIFICATE_FILE", "a");
    let key = ("LINEGUARD_TLS_KEY_FILE", "b");
    let ca = ("LINEGUARD_TLS_CLIENT_CA_FILE", "c");
    let issuer = ("LINEGUARD_JWT_ISSUER", "https://issuer.example.org");
    let audience = ("LINEGUARD_JWT_AUDIENCE", "lineguard");
    let jwks = ("LINEGUARD_JWT_JWKS", "https://issuer.example.org/keys");
    let halves: [(&[(&str, &str)], &str); 7] = [
        (&[callers, certificate], "does not go with `tls.key_file`"),
        (&[callers, key], "does not go with `tls.certificate_file`"),
        (&[callers, ca], "does not go with `tls.certificate_file`"),
        (&[certificate, key], "does not go with `callers_file`"),
        (&[callers, issuer, jwks], "does not go with `jwt.audience`"),
        (&[callers, audience], "does not go with `jwt.issuer`"),
        (&[issuer, audience, jwks], "does not go with `callers_file`"),
    ];
    for (variables, problem) in halves {
        let found = problems("", variables, &[]);
        assert!(found.contains(problem), "{variables:?}: {found}");
    }
    let config = loaded("", &[callers, certificate, key, ca, issuer, audience, jwks], &[]);
    assert!(config.security.tls.unwrap().client_ca.is_some());
    assert!(config.security.jwt.is_some());
    assert!(!config.security.reflection);
    assert!(loaded("", &[], &[]).security.reflection);
    let found = problems(
        "",
        &[callers, issuer, audience, ("LINEGUARD_JWT_JWKS", "http://example.org")],
        &[],
    );
    assert!(found.contains("an `http:` URL of this machine"), "{found}");
}

#[test]
fn a_file_that_is_not_there_or_not_toml_is_an_error() {
    let sources = Sources {
        environment: vec![("LINEGUARD_CONFIG".into(), "/nowhere/lineguard.toml".into())],
        ..Sources::default()
    };
    let found = Config::load(&sources).unwrap_err().to_string();
    assert!(found.contains("/nowhere/lineguard.toml: cannot be read:"), "{found}");

    let found = problems("a = 1\npage_token_key = \"secret\n", &[], &[]);
    assert!(found.contains("FILE:2: is not TOML:"), "{found}");
    assert!(!found.contains("secret"), "{found}");
}

#[test]
fn the_flag_names_the_file_before_the_variable_does() {
    let given = given("drain.delay = \"7s\"\n", &[("LINEGUARD_CONFIG", "/nowhere.toml")], &[]);
    assert_eq!(Config::load(&given.sources).unwrap().drain.delay, Duration::from_secs(7));
}

const KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

#[test]
fn the_page_token_key_comes_from_a_variable_or_a_file() {
    let config = loaded("", &[("LINEGUARD_PAGE_TOKEN_KEY", KEY)], &[]);
    assert_eq!(config.page_token_key.unwrap().bytes(), &[7; 32]);

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    fs::write(&file, format!("{KEY}\n")).unwrap();
    let file = file.display().to_string();
    let config = loaded("", &[], &[("page_token_key_file", &file)]);
    assert_eq!(config.page_token_key.unwrap().bytes(), &[7; 32]);

    let both =
        problems("", &[("LINEGUARD_PAGE_TOKEN_KEY", KEY)], &[("page_token_key_file", &file)]);
    assert!(
        both.contains("--page-token-key-file: `LINEGUARD_PAGE_TOKEN_KEY` is given as well"),
        "{both}"
    );
}

#[test]
fn a_bad_secret_is_not_repeated() {
    let found = problems("page_token_key = \"hunter2\"\n", &[], &[]);
    assert!(found.contains("page_token_key: the value is not 32 bytes in base64"), "{found}");
    assert!(!found.contains("hunter2"));
}

#[test]
fn numbers_have_bounds() {
    let found = problems(
        "[limits]\nin_flight = 0\nconcurrent_streams = -1\nconnections = \"many\"\n\
         [deadline]\ndecision = \"0s\"\n",
        &[],
        &[],
    );
    assert_eq!(found.lines().count(), 5, "{found}");
}

#[test]
fn several_replicas_share_a_database_and_redis() {
    let config = loaded(
        "[database]\nurl = \"postgres://lineguard:pw@db.test/lineguard\"\nmax_connections = 5\n\
         [redis]\nurl = \"redis://:pw@redis.test:6379/1\"\ntimeout = \"15ms\"\n\
         [freshness]\nlease = \"2s\"\npoll = \"200ms\"\npoll_timeout = \"150ms\"\n\
         [metrics]\nlisten = \"0.0.0.0:9464\"\n",
        &[],
        &[],
    );
    assert_eq!(config.database.url.kind(), DatabaseKind::Postgres);
    assert_eq!(config.database.max_connections, 5);
    assert_eq!(config.database.acquire_timeout, Duration::from_secs(1));
    let redis = config.redis.as_ref().unwrap();
    assert_eq!(redis.url.as_str(), "redis://:pw@redis.test:6379/1");
    assert_eq!(redis.timeout, Duration::from_millis(15));
    assert_eq!(config.cache, Cache { l1: true, l1_size: 64 << 20, l2: true });
    assert_eq!(config.freshness.lease, Duration::from_secs(2));
    assert_eq!(config.freshness.max_records, 262_144);
    assert_eq!(config.freshness.max_staleness, Duration::ZERO);
    assert_eq!(config.metrics.listen, Some("0.0.0.0:9464".parse().unwrap()));
    assert!(!format!("{config:?}").contains("pw"), "{config:?}");
}

#[test]
fn alone_nothing_is_shared_and_an_outage_is_no_answer() {
    let config = Config::default();
    assert_eq!(config.redis, None);
    assert!(!config.cache.l2);
    assert_eq!(config.metrics.listen, None);
    let Outage { view_content, send, place_call, caller_id, list } = config.outage;
    for rule in [view_content, send, place_call, caller_id, list] {
        assert_eq!(rule, OutageRule::FailClosed);
    }

    let config = loaded("", &[("LINEGUARD_OUTAGE_PLACE_CALL", "stale:5m")], &[]);
    assert_eq!(config.outage.place_call, OutageRule::Stale(Duration::from_secs(300)));
    assert!(!loaded("cache.l2 = false\n", &[("LINEGUARD_REDIS_URL", "redis://h")], &[]).cache.l2);
}

#[test]
fn a_setting_that_is_gone_is_refused_and_says_why() {
    let file = "[outage]\nemergency_call = \"allow\"\n";
    let found = problems(file, &[("LINEGUARD_OUTAGE_EMERGENCY_CALL", "fail_closed")], &[]);
    let why = "there is no such setting any more: emergency calls are always allowed, whoever is \
               asked about and whatever is away; leave it out";
    assert_eq!(
        found,
        format!(
            "invalid configuration\n  LINEGUARD_OUTAGE_EMERGENCY_CALL: {why}\n  \
             FILE:2: outage.emergency_call: {why}"
        )
    );
    for (key, _) in settings::GONE {
        assert!(settings::by_key(key).is_none(), "{key}");
    }
}

#[test]
fn only_a_new_file_is_migrated_unasked() {
    let migrates = |url: &str, when| {
        let database =
            Database { url: url.parse().unwrap(), migrate_on_start: when, ..Database::default() };
        database.migrates()
    };
    let folder = tempfile::tempdir().unwrap();
    let file = format!("sqlite:{}", folder.path().join("a.db").display());
    assert!(migrates(&file, MigrateOnStart::Auto));
    fs::write(folder.path().join("a.db"), "").unwrap();
    assert!(!migrates(&file, MigrateOnStart::Auto));
    assert!(migrates("sqlite::memory:", MigrateOnStart::Auto));
    assert!(!migrates("postgres://h/x", MigrateOnStart::Auto));
    assert!(!migrates("mysql://h/x", MigrateOnStart::Auto));
    assert!(migrates("postgres://h/x", MigrateOnStart::Always));
    assert!(!migrates(&file, MigrateOnStart::Never));
    // A file below a file: whether it is there is not told, so it is not taken for a new one.
    let file = tempfile::NamedTempFile::new().unwrap();
    let below = format!("sqlite:{}/lineguard.db", file.path().display());
    assert!(!migrates(&below, MigrateOnStart::Auto));
}

#[test]
fn settings_that_do_not_go_together_are_reported_at_once() {
    let found = problems(
        "cache.l2 = true\n[freshness]\nlease = \"1s\"\npoll_timeout = \"500ms\"\n\
         [deadline]\nwrite = \"1s\"\n",
        &[("LINEGUARD_METRICS_LISTEN", "127.0.0.1:7070")],
        &[],
    );
    let lines: Vec<_> = found.lines().skip(1).map(str::trim).collect();
    assert_eq!(
        lines,
        [
            "FILE:1: cache.l2: `true` does not go with `redis.url` (not set): cache.l2: replicas \
             share decisions through Redis",
            "FILE:3: freshness.lease: `1s` does not go with `freshness.poll` (`500ms`): \
             freshness.poll: it must be less than half of a lease, so that one failed poll does \
             not end it",
            "FILE:4: freshness.poll_timeout: `500ms` does not go with `freshness.poll` (`500ms`): \
             freshness.poll_timeout: a poll must end before the next begins",
            "FILE:6: deadline.write: `1s` does not go with `freshness.lease` (`1s`): \
             deadline.write: a write may wait a little more than a lease for replicas that say \
             nothing, so it must be at least two leases",
            "LINEGUARD_METRICS_LISTEN: `127.0.0.1:7070` does not go with `listen` \
             (`127.0.0.1:7070`): metrics.listen: two listeners cannot share an address",
        ]
    );
}

#[test]
fn what_replicas_need_has_bounds() {
    let found = problems(
        "[database]\nmax_connections = 0\nacquire_timeout = \"0s\"\n\
         [cache]\nl1 = \"yes\"\nl1_size = \"1KiB\"\nl2 = \"maybe\"\n\
         [freshness]\nlease = \"31s\"\npoll = \"1ms\"\nmax_records = 1\nmax_staleness = \"25h\"\n\
         sidecar_lease = \"499ms\"\nmax_sidecars = 65537\n\
         [outage]\nsend = \"allow\"\nlist = \"open\"\n\
         [redis]\ntimeout = \"2s\"\n[metrics]\nlisten = \"unix:/run/m.sock\"\n",
        &[],
        &[],
    );
    assert_eq!(found.lines().count(), 16, "{found}");
}

#[test]
fn an_empty_text_says_that_there_is_none() {
    let config = loaded("redis.url = \"\"\nmetrics.listen = \"\"\n", &[], &[]);
    assert_eq!((config.redis, config.metrics.listen), (None, None));
    let found = problems("log.level = \"\"\n", &[], &[]);
    assert!(found.contains("log.level: `` is not a log filter"), "{found}");
}

#[test]
fn passwords_come_from_variables_and_files_not_from_flags() {
    let secret = "postgres://a:hunter2@h/x";
    let config = loaded("", &[("LINEGUARD_DATABASE_URL", secret)], &[]);
    assert_eq!(config.database.url.as_str(), secret);

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("url");
    fs::write(&file, format!("{secret}\n")).unwrap();
    let file = file.display().to_string();
    let config = loaded("", &[], &[("database.url_file", &file)]);
    assert_eq!(config.database.url.as_str(), secret);
    let config = loaded("", &[], &[("database.url", "postgres://a@h/x")]);
    assert_eq!(config.database.url.as_str(), "postgres://a@h/x");

    let found = problems("", &[], &[("database.url", secret), ("redis.url", "redis://:hunter2@h")]);
    assert_eq!(found.matches("a password in a flag").count(), 2, "{found}");
    let both = problems("", &[("LINEGUARD_DATABASE_URL", secret)], &[("database.url_file", &file)]);
    assert!(both.contains("--database-url-file: `LINEGUARD_DATABASE_URL` is given as well"));
    let bad = problems("database.url = \"postgres://a:hun@ter2@h/x\"\n", &[], &[]);
    assert!(bad.contains("database.url: the value is not the URL of a store"), "{bad}");
    for text in [found, both, bad] {
        assert!(!text.contains("hunter2") && !text.contains("ter2"), "{text}");
    }
}

/// Cargo puts what the build tells the compiler into the environment of what it runs.
#[test]
fn nothing_of_the_build_looks_like_a_setting() {
    let build = include_str!("../../build.rs");
    assert!(build.contains("rustc-env="));
    assert!(!build.contains("rustc-env=LINEGUARD_"));
}
