//! `lineguard status`

use std::time::Duration;

use clap::Args;
use lineguard_core::id::Timestamp;
use serde_json::json;

use super::client::{Client, ask, bare, failed};
use super::paint::{Paint, columns, plain};
use super::{Exit, Failure, Output, print};
use crate::wire::pb;
use crate::world::time::format_time;

/// Show how a replica is doing: its lease, its caches, and who else there is.
#[derive(Debug, Args)]
#[command(after_help = "Ends with 6 if the replica holds no lease.\n\n\
                        Example: lineguard status --server 127.0.0.1:7070 --output json")]
pub struct Status {
    #[command(flatten)]
    client: Client,
}

impl Status {
    /// Asks, and prints.
    ///
    /// # Errors
    ///
    /// If there is no answer.
    pub async fn run(self) -> Result<Exit, Failure> {
        let mut client = self.client.operations().await?;
        let answer = client.get_status(ask(pb::GetStatusRequest {})).await;
        let answer = answer.map_err(|status| failed(&status))?.into_inner();
        match self.client.output {
            Output::Text => print(text(&answer, Paint::of_stdout()))?,
            Output::Json => print(json(&answer))?,
        }
        let freshness = answer.freshness.unwrap_or_default();
        Ok(if freshness.lease_remaining.is_some() { Exit::Ok } else { Exit::NotServing })
    }
}

fn text(answer: &pb::GetStatusResponse, paint: Paint) -> String {
    let mut sections = vec![head(answer, paint)];
    let mut section = |title: &str, header: &[&str], rows: Vec<Vec<String>>| {
        if rows.is_empty() {
            return;
        }
        let header = header.iter().map(|&cell| cell.to_owned()).collect();
        let table = columns(&[vec![header], rows].concat());
        let mut lines = table.lines();
        let header = paint.dim(lines.next().unwrap_or_default());
        let rows: Vec<&str> = lines.collect();
        sections.push(format!("{}\n{header}\n{}", paint.strong(title), rows.join("\n")));
    };
    section(
        "Replicas",
        &["name", "state", "since", "incarnation"],
        answer.replicas.iter().map(replica_row).collect(),
    );
    section(
        "Writes that waited",
        &["until", "count", "mean", "longest"],
        answer.waits.iter().map(wait_row).collect(),
    );
    section(
        "Caches",
        &["name", "hits", "misses", "stale", "ratio", "entries", "size"],
        answer.caches.iter().map(cache_row).collect(),
    );
    section(
        "Numbers that are active in several tenants",
        &["number", "tenants"],
        answer.duplicate_numbers.iter().map(duplicate_row).collect(),
    );
    sections.join("\n\n")
}

fn duplicate_row(duplicate: &pb::DuplicateNumber) -> Vec<String> {
    let tenants: Vec<String> = duplicate.tenants.iter().map(|tenant| plain(tenant)).collect();
    vec![plain(&duplicate.number), tenants.join(", ")]
}

fn head(answer: &pb::GetStatusResponse, paint: Paint) -> String {
    let freshness = answer.freshness.clone().unwrap_or_default();
    let lease = match duration(freshness.lease_remaining) {
        Some(left) => paint.good(&format!("held, {} left", spent(left))),
        None => paint.bad("none: answers come from the database, or not at all"),
    };
    let poll = match (duration(freshness.last_poll_age), duration(freshness.last_poll_latency)) {
        (Some(age), Some(took)) => format!("{} ago, took {}", spent(age), spent(took)),
        _ => "none succeeded yet".to_owned(),
    };
    let mut rows = vec![
        ("version", plain(&answer.version)),
        ("started", time(answer.started)),
        ("incarnation", plain(&freshness.incarnation)),
        ("lease", lease),
        ("last poll", poll),
        ("behind by", format!("{} changes", freshness.revision_lag)),
        ("records", freshness.records.to_string()),
        ("redis", shared(answer.shared.unwrap_or_default(), paint)),
    ];
    let pb::SidecarsStatus { following, leased } = answer.sidecars.unwrap_or_default();
    if following > 0 {
        rows.push(("sidecars", format!("{following} follow, {leased} with a lease")));
    }
    if answer.removals_pending > 0 {
        rows.push(("removals", format!("{} under way", answer.removals_pending)));
    }
    // What should never be is shown where it is.
    let mut trouble = |name, count: u64| {
        if count > 0 {
            rows.push((name, paint.bad(&count.to_string())));
        }
    };
    trouble("polls failed", freshness.polls_failed);
    trouble("leases lost", freshness.leases_lost);
    trouble("fenced", freshness.fenced);
    trouble("other histories", freshness.other_histories);
    let shared = answer.shared.unwrap_or_default();
    trouble("redis errors", shared.errors);
    trouble("redis timeouts", shared.timeouts);
    trouble("redis forgeries", shared.forged);
    if answer.writes_fail {
        rows.push(("writes", paint.bad("none: the database takes none")));
    }
    if !answer.replicas_unknown.is_empty() {
        rows.push(("replicas", paint.bad(&plain(&answer.replicas_unknown))));
    }
    if !answer.duplicate_numbers_unknown.is_empty() {
        rows.push(("shared numbers", paint.bad(&plain(&answer.duplicate_numbers_unknown))));
    }
    let rows: Vec<String> = rows
        .into_iter()
        .map(|(name, value)| format!("{} {value}", paint.dim(&format!("{name:<15}"))))
        .collect();
    rows.join("\n")
}

fn shared(shared: pb::SharedStatus, paint: Paint) -> String {
    if !shared.configured {
        return "not configured".to_owned();
    }
    let connected =
        if shared.connected { paint.good("connected") } else { paint.bad("not connected") };
    match shared.breaker() {
        pb::BreakerState::Unspecified => connected,
        state => format!("{connected}, breaker {}", breaker(state)),
    }
}

fn breaker(state: pb::BreakerState) -> String {
    bare(state.as_str_name(), "BREAKER_STATE_").to_lowercase().replace('_', " ")
}

fn replica_row(replica: &pb::ReplicaStatus) -> Vec<String> {
    let state = bare(replica.state().as_str_name(), "REPLICA_STATE_").to_lowercase();
    let name = match plain(&replica.name) {
        name if replica.answering => format!("{name} (this one)"),
        name => name,
    };
    vec![name, state, time(replica.since), plain(&replica.incarnation)]
}

fn wait_row(wait: &pb::WaitStatus) -> Vec<String> {
    let path = match wait.path() {
        pb::WaitPath::Confirmed => "all replicas confirmed",
        pb::WaitPath::Expired => "all leases had ended",
        pb::WaitPath::Unspecified => "unknown",
    };
    let total = duration(wait.total).unwrap_or_default();
    let mean = u32::try_from(wait.count).ok().and_then(|count| total.checked_div(count));
    let longest = duration(wait.longest).unwrap_or_default();
    vec![path.to_owned(), wait.count.to_string(), spent(mean.unwrap_or_default()), spent(longest)]
}

fn cache_row(cache: &pb::CacheStatus) -> Vec<String> {
    vec![
        plain(&cache.name),
        cache.hits.to_string(),
        cache.misses.to_string(),
        cache.stale.to_string(),
        format!("{:.1} %", cache.hit_ratio * 100.0),
        cache.entries.to_string(),
        size(cache.bytes),
    ]
}

fn duration(wire: Option<prost_types::Duration>) -> Option<Duration> {
    wire.and_then(|wire| Duration::try_from(wire).ok())
}

/// A duration with as many digits as one reads.
fn spent(duration: Duration) -> String {
    match duration.as_micros() {
        0..1_000 => format!("{} µs", duration.as_micros()),
        1_000..10_000 => format!("{:.1} ms", duration.as_secs_f64() * 1_000.0),
        10_000..1_000_000 => format!("{} ms", duration.as_millis()),
        1_000_000..60_000_000 => format!("{:.1} s", duration.as_secs_f64()),
        _ => format!("{} min", duration.as_secs() / 60),
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_024 => format!("{bytes} B"),
        1_024..1_048_576 => format!("{} KiB", bytes >> 10),
        _ => format!("{} MiB", bytes >> 20),
    }
}

fn time(wire: Option<prost_types::Timestamp>) -> String {
    wire.map(|time| {
        let ms = i64::from(time.nanos / 1_000_000);
        format_time(Timestamp(time.seconds.saturating_mul(1_000).saturating_add(ms)))
    })
    .unwrap_or_default()
}

fn json(answer: &pb::GetStatusResponse) -> serde_json::Value {
    let freshness = answer.freshness.clone().unwrap_or_default();
    let shared = answer.shared.unwrap_or_default();
    let sidecars = answer.sidecars.unwrap_or_default();
    let seconds = |wire| duration(wire).map(|duration| duration.as_secs_f64());
    let replicas: Vec<_> = answer
        .replicas
        .iter()
        .map(|one| {
            json!({
                "incarnation": one.incarnation,
                "name": one.name,
                "state": bare(one.state().as_str_name(), "REPLICA_STATE_"),
                "since": time(one.since),
                "answering": one.answering,
            })
        })
        .collect();
    let waits: Vec<_> = answer
        .waits
        .iter()
        .map(|one| {
            json!({
                "path": bare(one.path().as_str_name(), "WAIT_PATH_"),
                "count": one.count,
                "total_seconds": seconds(one.total),
                "longest_seconds": seconds(one.longest),
            })
        })
        .collect();
    let caches: Vec<_> = answer
        .caches
        .iter()
        .map(|one| {
            json!({
                "name": one.name,
                "hits": one.hits,
                "misses": one.misses,
                "stale": one.stale,
                "entries": one.entries,
                "bytes": one.bytes,
                "hit_ratio": one.hit_ratio,
            })
        })
        .collect();
    let duplicates: Vec<_> = answer
        .duplicate_numbers
        .iter()
        .map(|one| json!({ "number": one.number, "tenants": one.tenants }))
        .collect();
    let untold = &answer.duplicate_numbers_unknown;
    let unknown = &answer.replicas_unknown;
    json!({
        "version": answer.version,
        "started": time(answer.started),
        "freshness": {
            "incarnation": freshness.incarnation,
            "lease_remaining_seconds": seconds(freshness.lease_remaining),
            "last_poll_age_seconds": seconds(freshness.last_poll_age),
            "last_poll_latency_seconds": seconds(freshness.last_poll_latency),
            "polls_failed": freshness.polls_failed,
            "leases_lost": freshness.leases_lost,
            "revision_lag": freshness.revision_lag,
            "other_histories": freshness.other_histories,
            "fenced": freshness.fenced,
            "records": freshness.records,
        },
        "writes_fail": answer.writes_fail,
        "removals_pending": answer.removals_pending,
        "replicas": if unknown.is_empty() { json!(replicas) } else { json!(null) },
        "sidecars": { "following": sidecars.following, "leased": sidecars.leased },
        "duplicate_numbers": if untold.is_empty() { json!(duplicates) } else { json!(null) },
        "waits": waits,
        "caches": caches,
        "redis": {
            "configured": shared.configured,
            "connected": shared.connected,
            "errors": shared.errors,
            "timeouts": shared.timeouts,
            "forged": shared.forged,
            "breaker": match shared.breaker() {
                pb::BreakerState::Unspecified => json!(null),
                state => json!(bare(state.as_str_name(), "BREAKER_STATE_")),
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::operations::status_response;
    use crate::wire::operations::tests::example;

    #[test]
    fn a_status_reads_as_a_page() {
        let text = text(&status_response(example()), Paint::none());
        assert_eq!(
            text,
            "version         0.1.0\n\
             started         2023-11-14T22:13:20Z\n\
             incarnation     01010101010101010101010101010101\n\
             lease           held, 4.7 s left\n\
             last poll       300 ms ago, took 2.0 ms\n\
             behind by       0 changes\n\
             records         12\n\
             redis           connected, breaker closed\n\
             sidecars        3 follow, 2 with a lease\n\
             polls failed    3\n\
             redis errors    1\n\
             redis timeouts  2\n\
             \n\
             Replicas\n\
             name               state   since                 incarnation\n\
             one-17 (this one)  live    2023-11-14T22:13:20Z  01010101010101010101010101010101\n\
             two-9              fenced  2023-11-14T22:13:20Z  02020202020202020202020202020202\n\
             \n\
             Writes that waited\n\
             until                   count  mean    longest\n\
             all replicas confirmed  4      5.0 ms  9.0 ms\n\
             \n\
             Caches\n\
             name          hits  misses  stale  ratio   entries  size\n\
             l1.decisions  9     1       0      90.0 %  5        2 KiB\n\
             \n\
             Numbers that are active in several tenants\n\
             number        tenants\n\
             +15550100100  a, b"
        );
    }

    #[test]
    fn a_replica_without_a_lease_or_a_database_says_so() {
        let wire = pb::GetStatusResponse {
            replicas_unknown: "the store gave no answer".into(),
            duplicate_numbers_unknown: "the store gave no answer".into(),
            writes_fail: true,
            removals_pending: 2,
            ..Default::default()
        };
        let text = text(&wire, Paint::none());
        assert!(text.contains("lease           none: answers come from the database"), "{text}");
        assert!(text.contains("last poll       none succeeded yet"), "{text}");
        assert!(text.contains("writes          none: the database takes none"), "{text}");
        assert!(text.contains("replicas        the store gave no answer"), "{text}");
        let json = json(&wire);
        assert!(text.contains("shared numbers  the store gave no answer"), "{text}");
        assert!(text.contains("removals        2 under way"), "{text}");
        assert_eq!(json["removals_pending"], json!(2));
        assert_eq!(json["writes_fail"], json!(true));
        assert_eq!(json["replicas"], json!(null));
        assert_eq!(json["duplicate_numbers"], json!(null));
        assert_eq!(json["freshness"]["lease_remaining_seconds"], json!(null));
    }

    #[test]
    fn programs_get_numbers() {
        let json = json(&status_response(example()));
        assert_eq!(json["freshness"]["lease_remaining_seconds"], json!(4.7));
        assert_eq!(json["writes_fail"], json!(false));
        assert_eq!(json["replicas"][1]["state"], json!("FENCED"));
        assert_eq!(json["sidecars"], json!({ "following": 3, "leased": 2 }));
        assert_eq!(json["caches"][0]["name"], json!("l1.decisions"));
        let numbers = json!([{ "number": "+15550100100", "tenants": ["a", "b"] }]);
        assert_eq!(json["duplicate_numbers"], numbers);
        assert_eq!(json["redis"]["breaker"], json!("CLOSED"));
    }
}
