//! Every figure there is, once: instruments, the reference page and its test come from here.
//!
//! No label carries a tenant, a person, a number or an identifier, so the number of series is
//! bounded by this list and by the actions of the vocabulary.

/// What kind of figure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only goes up.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A distribution.
    Histogram,
}

impl Kind {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// What a label may say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Values {
    /// One of these.
    These(&'static [&'static str]),
    /// One of a set that is bounded elsewhere.
    Bounded(&'static str),
}

/// A label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label {
    /// Its name in OpenTelemetry.
    pub name: &'static str,
    /// What it may say.
    pub values: Values,
}

/// A figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figure {
    /// Its name in OpenTelemetry.
    pub name: &'static str,
    /// Its name for Prometheus.
    pub prometheus: &'static str,
    /// What kind it is.
    pub kind: Kind,
    /// Its unit, in the notation of UCUM.
    pub unit: &'static str,
    /// What it tells.
    pub help: &'static str,
    /// Its labels.
    pub labels: &'static [Label],
}

/// Bounds of the buckets of durations, in seconds. A decision from memory takes some tens of
/// microseconds, a write without word from a replica a whole lease.
pub const SECONDS: &[f64] = &[
    0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025,
    0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// Bounds of the buckets of counts of things: statements of a call, faxes of a page.
pub const COUNTS: &[f64] =
    &[0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0];

const fn these(name: &'static str, values: &'static [&'static str]) -> Label {
    Label { name, values: Values::These(values) }
}

/// Which cache.
pub const CACHE: &str = "lineguard.cache.name";
/// How a look-up went.
pub const RESULT: &str = "lineguard.cache.result";
/// What a decision came to.
pub const OUTCOME: &str = "lineguard.decision.outcome";
/// The first word of an action.
pub const FAMILY: &str = "lineguard.action.family";
/// How a writer knew.
pub const PATH: &str = "lineguard.wait.path";
/// The kind of operation.
pub const OPERATION: &str = "lineguard.operation";
/// Why something failed.
pub const REASON: &str = "lineguard.failure.reason";

/// What was read anew.
pub const WHAT: &str = "lineguard.reload.what";
/// How reading it anew went.
pub const RELOADED: &str = "lineguard.reload.result";
/// What a sidecar may do.
pub const SIDECAR: &str = "lineguard.sidecar.state";
/// To whom a certificate is shown.
pub const SHOWN_TO: &str = "lineguard.certificate.shown_to";
/// Why a caller was refused.
pub const REFUSAL: &str = "lineguard.refusal.reason";
/// Why a connection was turned away.
pub const TURNED_AWAY_FOR: &str = "lineguard.connection.reason";
/// What a comparison of a list with decisions came to.
pub const COMPARED: &str = "lineguard.comparison.result";
/// The kind of database.
pub const DB_SYSTEM: &str = "db.system.name";
/// The first word of a statement.
pub const DB_OPERATION: &str = "db.operation.name";
/// The table that a statement is about.
pub const DB_TABLE: &str = "db.collection.name";

const METHOD: Label =
    Label { name: "rpc.method", values: Values::Bounded("our methods, or `_OTHER`") };

const CACHES: Label = these(CACHE, &["l1.decisions", "l1.members", "l1.facts", "l2"]);

/// Decisions.
pub const DECISIONS: Figure = Figure {
    name: "lineguard.decisions",
    prometheus: "lineguard_decisions_total",
    kind: Kind::Counter,
    unit: "{decision}",
    help: "Decisions by the first word of their action and by outcome; each question of a batch \
           counts.",
    labels: &[
        Label {
            name: FAMILY,
            values: Values::Bounded("the first words of the vocabulary's actions"),
        },
        these(OUTCOME, &["allow", "deny", "error"]),
    ],
};

/// Answers of an older state.
pub const STALE_ANSWERS: Figure = Figure {
    name: "lineguard.answers.stale",
    prometheus: "lineguard_answers_stale_total",
    kind: Kind::Counter,
    unit: "{answer}",
    help: "Answers from a state older than the present one, while the database could not be \
           reached.",
    labels: &[these(OPERATION, &["view_content", "send", "place_call", "caller_id", "list"])],
};

/// Emergency calls.
pub const EMERGENCIES: Figure = Figure {
    name: "lineguard.emergency.answers",
    prometheus: "lineguard_emergency_answers_total",
    kind: Kind::Counter,
    unit: "{answer}",
    help: "Questions about emergency calls, all of them allowed without looking anything up.",
    labels: &[],
};

/// Waits of writers.
pub const WRITE_WAIT: Figure = Figure {
    name: "lineguard.write.wait",
    prometheus: "lineguard_write_wait_seconds",
    kind: Kind::Histogram,
    unit: "s",
    help: "How long a committed write waited until it was in force on all replicas.",
    labels: &[these(PATH, &["confirmed", "expired"])],
};

/// Questions that waited for another's reading.
pub const FOLLOWERS: Figure = Figure {
    name: "lineguard.flights.followers",
    prometheus: "lineguard_flights_followers_total",
    kind: Kind::Counter,
    unit: "{question}",
    help: "Questions that waited for the reading of another one instead of reading themselves.",
    labels: &[],
};

/// Calls that were refused because of too many others.
pub const SHED: Figure = Figure {
    name: "lineguard.requests.shed",
    prometheus: "lineguard_requests_shed_total",
    kind: Kind::Counter,
    unit: "{request}",
    help: "Calls that were refused at once because too many were in flight.",
    labels: &[],
};

/// Durations of calls, named by the conventions of OpenTelemetry.
pub const RPC_DURATION: Figure = Figure {
    name: "rpc.server.call.duration",
    prometheus: "rpc_server_call_duration_seconds",
    kind: Kind::Histogram,
    unit: "s",
    help: "How long calls took, until their status, or the first part of a stream, was known. \
           Health and reflection are left out.",
    labels: &[
        these("rpc.system.name", &["grpc"]),
        METHOD,
        Label { name: "rpc.response.status_code", values: Values::Bounded("the codes of gRPC") },
        Label {
            name: "error.type",
            values: Values::Bounded("the code, where the fault is the server's"),
        },
    ],
};

/// Look-ups in caches.
pub const CACHE_LOOKUPS: Figure = Figure {
    name: "lineguard.cache.lookups",
    prometheus: "lineguard_cache_lookups_total",
    kind: Kind::Counter,
    unit: "{lookup}",
    help: "Look-ups in caches: `hit` could be used, `stale` was found and outdated.",
    labels: &[CACHES, these(RESULT, &["hit", "miss", "stale"])],
};

/// Entries of caches.
pub const CACHE_ENTRIES: Figure = Figure {
    name: "lineguard.cache.entries",
    prometheus: "lineguard_cache_entries",
    kind: Kind::Gauge,
    unit: "{entry}",
    help: "Entries that a cache holds.",
    labels: &[CACHES],
};

/// Bytes of caches.
pub const CACHE_SIZE: Figure = Figure {
    name: "lineguard.cache.size",
    prometheus: "lineguard_cache_size_bytes",
    kind: Kind::Gauge,
    unit: "By",
    help: "What the entries of a cache weigh.",
    labels: &[CACHES],
};

/// What is left of the lease.
pub const LEASE_REMAINING: Figure = Figure {
    name: "lineguard.lease.remaining",
    prometheus: "lineguard_lease_remaining_seconds",
    kind: Kind::Gauge,
    unit: "s",
    help: "How long this replica may still answer from what it keeps; 0 without a lease.",
    labels: &[],
};

/// Age of the last poll.
pub const POLL_AGE: Figure = Figure {
    name: "lineguard.poll.age",
    prometheus: "lineguard_poll_age_seconds",
    kind: Kind::Gauge,
    unit: "s",
    help: "How long ago the last poll that succeeded was sent; absent before the first.",
    labels: &[],
};

/// Latency of the last poll.
pub const POLL_LATENCY: Figure = Figure {
    name: "lineguard.poll.latency",
    prometheus: "lineguard_poll_latency_seconds",
    kind: Kind::Gauge,
    unit: "s",
    help: "How long that poll took.",
    labels: &[],
};

/// How far behind the replica is.
pub const REVISION_LAG: Figure = Figure {
    name: "lineguard.revision.lag",
    prometheus: "lineguard_revision_lag",
    kind: Kind::Gauge,
    unit: "{change}",
    help: "By how many changes the state was behind what the last poll found.",
    labels: &[],
};

/// Changes that are remembered.
pub const RECORDS: Figure = Figure {
    name: "lineguard.records",
    prometheus: "lineguard_records",
    kind: Kind::Gauge,
    unit: "{change}",
    help: "Newest changes that are remembered one by one.",
    labels: &[],
};

/// Leases that ended too early.
pub const LEASES_LOST: Figure = Figure {
    name: "lineguard.leases.lost",
    prometheus: "lineguard_leases_lost_total",
    kind: Kind::Counter,
    unit: "{lease}",
    help: "Leases that ended before the next one was taken.",
    labels: &[],
};

/// Polls that failed.
pub const POLLS_FAILED: Figure = Figure {
    name: "lineguard.polls.failed",
    prometheus: "lineguard_polls_failed_total",
    kind: Kind::Counter,
    unit: "{poll}",
    help: "Polls that failed or took too long.",
    labels: &[],
};

/// Histories that took the place of another.
pub const OTHER_HISTORIES: Figure = Figure {
    name: "lineguard.histories.other",
    prometheus: "lineguard_histories_other_total",
    kind: Kind::Counter,
    unit: "{history}",
    help: "How often the database turned out to have another history: it was restored. Worth an \
           alarm.",
    labels: &[],
};

/// How often the replica was fenced.
pub const FENCED: Figure = Figure {
    name: "lineguard.fenced",
    prometheus: "lineguard_fenced_total",
    kind: Kind::Counter,
    unit: "{fence}",
    help: "How often this replica found itself fenced and began anew.",
    labels: &[],
};

/// Trouble with the shared cache.
pub const L2_FAILURES: Figure = Figure {
    name: "lineguard.l2.failures",
    prometheus: "lineguard_l2_failures_total",
    kind: Kind::Counter,
    unit: "{lookup}",
    help: "Reads and writes of shared decisions that failed, took too long, or brought something \
           whose seal is not ours.",
    labels: &[these(REASON, &["error", "timeout", "mac"])],
};

/// Whether hints are heard.
pub const BUS_CONNECTED: Figure = Figure {
    name: "lineguard.bus.connected",
    prometheus: "lineguard_bus_connected",
    kind: Kind::Gauge,
    unit: "{connection}",
    help: "1 while hints and confirmations are heard through Redis, else 0.",
    labels: &[],
};

/// Whether Redis is left alone.
pub const BREAKER_OPEN: Figure = Figure {
    name: "lineguard.breaker.open",
    prometheus: "lineguard_breaker_open",
    kind: Kind::Gauge,
    unit: "{breaker}",
    help: "1 while the breaker keeps questions from Redis, else 0.",
    labels: &[],
};

/// Durations of statements and of commands, named by the conventions of OpenTelemetry.
pub const DB_DURATION: Figure = Figure {
    name: "db.client.operation.duration",
    prometheus: "db_client_operation_duration_seconds",
    kind: Kind::Histogram,
    unit: "s",
    help: "How long statements of questions and writes took in the database, waiting for a \
           connection included (`BEGIN`), and look-ups of shared decisions in Redis.",
    labels: &[
        these(DB_SYSTEM, &["sqlite", "postgresql", "mariadb", "redis"]),
        these(
            DB_OPERATION,
            &["SELECT", "INSERT", "UPDATE", "DELETE", "BEGIN", "COMMIT", "GET", "_OTHER"],
        ),
        Label { name: DB_TABLE, values: Values::Bounded("our tables, where there is one") },
        these("error.type", &["_OTHER"]),
    ],
};

/// Statements of calls.
pub const STATEMENTS: Figure = Figure {
    name: "lineguard.database.statements",
    prometheus: "lineguard_database_statements",
    kind: Kind::Histogram,
    unit: "{statement}",
    help: "Statements that a call sent to the database, `BEGIN` and `COMMIT` included; 0 for one \
           that was answered from memory.",
    labels: &[METHOD],
};

/// Sizes of lists.
pub const LIST_SIZE: Figure = Figure {
    name: "lineguard.list.size",
    prometheus: "lineguard_list_size",
    kind: Kind::Histogram,
    unit: "{fax}",
    help: "Faxes on a page of visible faxes.",
    labels: &[],
};

/// Comparisons of lists with decisions.
pub const COMPARISONS: Figure = Figure {
    name: "lineguard.list.comparisons",
    prometheus: "lineguard_list_comparisons_total",
    kind: Kind::Counter,
    unit: "{fax}",
    help: "Faxes of a few pages, and faxes that the pages left out, about which `Check` was asked \
           afterwards: `disagree` is a defect, `skipped` was not comparable because the tenant had \
           changed or there was no answer.",
    labels: &[these(COMPARED, &["agree", "disagree", "skipped"])],
};

/// Whether the replica takes calls.
pub const READY: Figure = Figure {
    name: "lineguard.ready",
    prometheus: "lineguard_ready",
    kind: Kind::Gauge,
    unit: "{replica}",
    help: "1 while this replica is sure to answer, else 0.",
    labels: &[],
};

/// Whether the database takes writes.
pub const STORING: Figure = Figure {
    name: "lineguard.storing",
    prometheus: "lineguard_storing",
    kind: Kind::Gauge,
    unit: "{replica}",
    help: "1 while the database takes writes as far as this replica knows, else 0. A write that \
           failed makes it try for itself, until one goes well.",
    labels: &[],
};

/// Removals under way.
pub const REMOVALS: Figure = Figure {
    name: "lineguard.removals",
    prometheus: "lineguard_removals",
    kind: Kind::Gauge,
    unit: "{removal}",
    help: "Faxboxes and groups that were removed and whose rows are still being taken away, by any \
           server, as this replica has last seen. Nobody sees those rows.",
    labels: &[],
};

/// Rows taken away.
pub const REMOVED_ROWS: Figure = Figure {
    name: "lineguard.removals.rows",
    prometheus: "lineguard_removals_rows_total",
    kind: Kind::Counter,
    unit: "{row}",
    help: "Rows of removed faxboxes and groups that this replica has taken away, or taken out of \
           them, after the removal.",
    labels: &[],
};

/// Sidecars that follow.
pub const SIDECARS: Figure = Figure {
    name: "lineguard.sidecars",
    prometheus: "lineguard_sidecars",
    kind: Kind::Gauge,
    unit: "{sidecar}",
    help: "Sidecars that follow this replica. `leased` may answer from memory, and writers wait for \
           them; `lapsed` may not.",
    labels: &[these(SIDECAR, &["leased", "lapsed"])],
};

/// When the certificate ends.
pub const CERTIFICATE_EXPIRY: Figure = Figure {
    name: "lineguard.certificate.expiry",
    prometheus: "lineguard_certificate_expiry_seconds",
    kind: Kind::Gauge,
    unit: "s",
    help: "When the certificate that is shown ends, in seconds since 1970; absent without one.",
    labels: &[these(SHOWN_TO, &["callers", "parent"])],
};

/// Files that were read anew.
pub const RELOADS: Figure = Figure {
    name: "lineguard.reloads",
    prometheus: "lineguard_reloads_total",
    kind: Kind::Counter,
    unit: "{reload}",
    help: "How often something was read anew; after a failure the old one stays in use.",
    labels: &[
        these(WHAT, &["certificate", "callers", "jwks", "upstream"]),
        these(RELOADED, &["success", "failure"]),
    ],
};

/// Callers that were refused.
pub const REFUSED: Figure = Figure {
    name: "lineguard.callers.refused",
    prometheus: "lineguard_callers_refused_total",
    kind: Kind::Counter,
    unit: "{call}",
    help: "Calls that were refused for who called: nobody we know, or somebody who may not.",
    labels: &[these(REFUSAL, &["unauthenticated", "permission_denied"])],
};

/// Connections that were turned away.
pub const TURNED_AWAY: Figure = Figure {
    name: "lineguard.connections.turned_away",
    prometheus: "lineguard_connections_turned_away_total",
    kind: Kind::Counter,
    unit: "{connection}",
    help: "Connections that were not taken or were ended: too many from one address; silent, and \
           all places taken; silent for too long; without a good certificate; without TLS; for a \
           flood of frames; for what is no HTTP/2; and requests that were reset for malformed \
           headers.",
    labels: &[these(
        TURNED_AWAY_FOR,
        &[
            "address_limit",
            "crowded",
            "silent",
            "certificate",
            "handshake",
            "flood",
            "protocol",
            "malformed",
        ],
    )],
};

/// All of them, in the order of the reference page.
pub const FIGURES: &[Figure] = &[
    DECISIONS,
    STALE_ANSWERS,
    EMERGENCIES,
    RPC_DURATION,
    TURNED_AWAY,
    REFUSED,
    SHED,
    FOLLOWERS,
    LIST_SIZE,
    COMPARISONS,
    STATEMENTS,
    DB_DURATION,
    WRITE_WAIT,
    READY,
    STORING,
    REMOVALS,
    REMOVED_ROWS,
    LEASE_REMAINING,
    LEASES_LOST,
    POLL_AGE,
    POLL_LATENCY,
    POLLS_FAILED,
    REVISION_LAG,
    RECORDS,
    OTHER_HISTORIES,
    FENCED,
    CACHE_LOOKUPS,
    CACHE_ENTRIES,
    CACHE_SIZE,
    L2_FAILURES,
    BUS_CONNECTED,
    BREAKER_OPEN,
    SIDECARS,
    CERTIFICATE_EXPIRY,
    RELOADS,
];
