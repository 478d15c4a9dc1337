//! The reference page of all figures.

use super::catalogue::{COUNTS, FIGURES, Figure, Label, SECONDS, Values};

/// The page, in Markdown.
pub fn page() -> String {
    let mut page = String::from(INTRODUCTION);
    for figure in FIGURES {
        page.push_str(&row(figure));
    }
    let listed = |bounds: &[f64]| -> String {
        bounds.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    page.push_str(&format!(
        "\nBuckets of durations end at {} seconds, those of counts at {}.\n{ALARMS}",
        listed(SECONDS),
        listed(COUNTS),
    ));
    page
}

const INTRODUCTION: &str = "# Metrics

<!-- Made from the list in `src/metrics/catalogue.rs`; a test says when it is out of date. -->

With `metrics.listen` set, a server answers `GET /metrics` there in the text format of Prometheus.
No label carries a tenant, a person, a number or an identifier, so the number of series does not grow with use.
Dots in the names of labels become underscores: `lineguard.cache.name` is `lineguard_cache_name`.
`target_info` carries the version.
A collector that is named to the server by the variables of OpenTelemetry is told the same figures under their OpenTelemetry names ([telemetry](telemetry.md)); each reader has sums of its own, so both may be used.

| name | kind | unit | labels | what it tells |
| --- | --- | --- | --- | --- |
";

const ALARMS: &str = "
## What to watch

- `lineguard_lease_remaining_seconds` at 0 for longer than a lease: the replica answers from the database or not at all.
- `lineguard_storing` at 0: the database takes no writes. Its disk is full, it is a standby, or it was made read-only.
- `lineguard_removals` above 0 for hours while `lineguard_removals_rows_total` stands still on all replicas: what was removed cannot be taken away; the log says why. Nobody sees it all the same.
- `lineguard_histories_other_total` going up: the database was restored or replaced.
- `lineguard_write_wait_seconds_count{lineguard_wait_path=\"expired\"}` going up: writers wait out whole leases; a replica is gone, or nobody hears confirmations.
- `lineguard_answers_stale_total` going up: an outage is being bridged.
- `lineguard_l2_failures_total{lineguard_failure_reason=\"mac\"}` going up: somebody else writes to Redis.
- `lineguard_list_comparisons_total{lineguard_comparison_result=\"disagree\"}` going up: a list and `Check` contradict each other. That is a defect, and may be a breach.
- `lineguard_certificate_expiry_seconds` less than a week ahead, `lineguard_reloads_total{lineguard_reload_result=\"failure\"}` going up: somebody must see to certificates or policies.
- `lineguard_requests_shed_total` going up: there is more to do than `limits.in_flight` lets through.
- `lineguard_connections_turned_away_total` going up: somebody attacks, a balancer shares one address among too many callers (`address_limit`), or a service was given a wrong certificate.
";

fn row(figure: &Figure) -> String {
    let labels: Vec<String> = figure.labels.iter().map(label).collect();
    format!(
        "| `{}` | {} | `{}` | {} | {} |\n",
        figure.prometheus,
        figure.kind.as_str(),
        figure.unit,
        labels.join("; "),
        figure.help,
    )
}

fn label(label: &Label) -> String {
    let values = match label.values {
        Values::These(words) => {
            let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
            words.join(", ")
        }
        Values::Bounded(by) => by.to_owned(),
    };
    format!("`{}`: {values}", label.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_page_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(path, page()).unwrap();
        }
        let written = std::fs::read_to_string(path).unwrap_or_default();
        assert!(written == page(), "run this test with UPDATE_GOLDEN=1");
    }
}
