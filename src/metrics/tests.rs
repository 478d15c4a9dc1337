use std::collections::{BTreeMap, BTreeSet};

use lineguard_core::id::Timestamp;
use lineguard_core::model::built_in_vocabulary;
use tonic::Code;

use super::catalogue::{FIGURES, Kind, Values};
use super::*;
use crate::wire::operations::tests::example;

/// Everything that can be counted, counted once.
fn full() -> Metrics {
    let vocabulary = built_in_vocabulary();
    let metrics = Metrics::start(vocabulary).unwrap();
    let observed = example().observed;
    metrics.observe(Arc::new(move || observed.clone()));
    for (action, _) in vocabulary.actions() {
        for (outcome, _) in Outcome::ALL {
            metrics.decision(action, outcome);
        }
    }
    for (operation, _) in Operation::ALL {
        metrics.stale_answer(operation);
    }
    metrics.emergency();
    metrics.follower();
    metrics.shed();
    metrics.list_size(25);
    for (result, _) in Comparison::ALL {
        metrics.compared(result);
    }
    let asked = Asked { system: "postgresql", operation: "SELECT", table: Some("fax") };
    metrics.asked(asked, Duration::from_millis(2), true);
    metrics.asked(Asked { system: "redis", operation: "GET", table: None }, Duration::ZERO, false);
    for (to, _) in ShownTo::ALL {
        metrics.certificate_expires(to, Some(Timestamp(1_800_000_000_000)));
    }
    for what in [Reloaded::Certificate, Reloaded::Callers, Reloaded::Jwks] {
        metrics.reloaded(what, true);
        metrics.reloaded(what, false);
    }
    metrics.refused(Refusal::Unauthenticated);
    metrics.refused(Refusal::PermissionDenied);
    for (why, _) in TurnedAway::ALL {
        metrics.turned_away(why);
    }
    metrics.write_waited(WaitPath::Confirmed, Duration::from_millis(3));
    metrics.write_waited(WaitPath::Expired, Duration::from_secs(5));
    for method in crate::wire::methods().into_iter().chain(["unknown".to_owned()]) {
        for code in 0..17 {
            let method = metrics.method(&format!("/{method}")).unwrap();
            metrics.call(method, Code::from_i32(code), Duration::from_micros(40), 2);
        }
    }
    metrics
}

/// A series: its name, its labels, its value.
type Series = (String, BTreeMap<String, String>, f64);

fn series(text: &str) -> Vec<Series> {
    let line = |line: &str| {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let labels = labels.strip_suffix('}').unwrap();
        let label = |label: &str| {
            let (name, value) = label.split_once('=').unwrap();
            (name.to_owned(), value.trim_matches('"').to_owned())
        };
        let labels = labels.split(',').filter(|label| !label.is_empty()).map(label).collect();
        (name.to_owned(), labels, value.parse().unwrap())
    };
    text.lines().filter(|line| !line.starts_with('#')).map(line).collect()
}

fn value(text: &str, name: &str, labels: &[(&str, &str)]) -> f64 {
    let found = series(text).into_iter().find(|(one, with, _)| {
        one == name && labels.iter().all(|(key, value)| with.get(*key).is_some_and(|v| v == value))
    });
    found.unwrap_or_else(|| panic!("no {name} {labels:?} in\n{text}")).2
}

#[test]
fn what_is_exported_is_what_the_catalogue_says() {
    let text = full().text().unwrap();
    let kinds: BTreeMap<_, _> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .map(|line| line.split_once(' ').unwrap())
        .filter(|(name, _)| *name != "target_info")
        .collect();
    let known: BTreeMap<_, _> =
        FIGURES.iter().map(|figure| (figure.prometheus, figure.kind.as_str())).collect();
    assert_eq!(kinds, known);

    for (name, labels, _) in series(&text) {
        if name == "target_info" {
            continue;
        }
        let figure = FIGURES
            .iter()
            .find(|figure| {
                let rest = name.strip_prefix(figure.prometheus);
                rest.is_some_and(|rest| match figure.kind {
                    Kind::Histogram => matches!(rest, "_bucket" | "_sum" | "_count"),
                    Kind::Counter | Kind::Gauge => rest.is_empty(),
                })
            })
            .unwrap_or_else(|| panic!("{name} is not in the catalogue"));
        for (label, value) in labels.iter().filter(|(label, _)| *label != "le") {
            let known = figure.labels.iter().find(|one| one.name.replace('.', "_") == *label);
            match known.unwrap_or_else(|| panic!("{name} has a label {label}")).values {
                Values::These(words) => assert!(words.contains(&value.as_str()), "{value}"),
                Values::Bounded(_) => {}
            }
        }
    }
}

#[test]
fn figures_are_those_that_were_counted() {
    let metrics = full();
    let text = metrics.text().unwrap();
    let decisions = |outcome| {
        let labels = [("lineguard_action_family", "fax"), ("lineguard_decision_outcome", outcome)];
        value(&metrics.text().unwrap(), "lineguard_decisions_total", &labels)
    };
    let before = decisions("deny");
    let view = built_in_vocabulary().action("fax.view").unwrap();
    metrics.decision(view, Outcome::Deny);
    assert!((decisions("deny") - before - 1.0).abs() < 1e-9);
    assert!((decisions("allow") - before).abs() < 1e-9);

    let check = |text: &str, name: &str, labels: &[(&str, &str)], wanted: f64| {
        assert!((value(text, name, labels) - wanted).abs() < 1e-9, "{name} {labels:?}");
    };
    check(&text, "lineguard_lease_remaining_seconds", &[], 4.7);
    check(&text, "lineguard_polls_failed_total", &[], 3.0);
    check(&text, "lineguard_bus_connected", &[], 1.0);
    let hits = [("lineguard_cache_name", "l1.decisions"), ("lineguard_cache_result", "hit")];
    check(&text, "lineguard_cache_lookups_total", &hits, 9.0);
    let timeouts = [("lineguard_failure_reason", "timeout")];
    check(&text, "lineguard_l2_failures_total", &timeouts, 2.0);
    let expired = [("lineguard_wait_path", "expired")];
    check(&text, "lineguard_write_wait_seconds_sum", &expired, 5.0);

    let view = [("rpc_method", "lineguard.v1.AuthorizationService/Check")];
    check(&text, "lineguard_database_statements_sum", &view, 34.0);
    check(&text, "lineguard_certificate_expiry_seconds", &[], 1_800_000_000.0);
    let table = [("db_collection_name", "fax"), ("db_operation_name", "SELECT")];
    check(&text, "db_client_operation_duration_seconds_count", &table, 1.0);
    check(
        &text,
        "lineguard_list_comparisons_total",
        &[("lineguard_comparison_result", "disagree")],
        1.0,
    );

    // A warm call does not fall into the lowest bucket.
    let method = "lineguard.v1.AuthorizationService/Check";
    let check_ok = |le| [("rpc_method", method), ("rpc_response_status_code", "OK"), ("le", le)];
    check(&text, "rpc_server_call_duration_seconds_bucket", &check_ok("0.00001"), 0.0);
    check(&text, "rpc_server_call_duration_seconds_bucket", &check_ok("0.00005"), 1.0);
}

#[test]
fn only_what_is_the_servers_fault_is_an_error() {
    let text = full().text().unwrap();
    let errors: BTreeSet<_> = series(&text)
        .into_iter()
        .filter(|(name, _, _)| name.starts_with("rpc_"))
        .filter_map(|(_, labels, _)| labels.get("error_type").cloned())
        .collect();
    let known = ["DATA_LOSS", "DEADLINE_EXCEEDED", "INTERNAL", "UNAVAILABLE", "UNIMPLEMENTED"];
    assert_eq!(errors, known.into_iter().chain(["UNKNOWN"]).map(str::to_owned).collect());
}

#[test]
fn the_number_of_series_is_bounded() {
    let metrics = full();
    let before = series(&metrics.text().unwrap()).len();
    for at in 0..10_000 {
        let method = metrics.method(&format!("/lineguard.v1.Made/Up{at}")).unwrap();
        metrics.call(method, Code::Ok, Duration::from_secs(1), 0);
    }
    assert_eq!(series(&metrics.text().unwrap()).len(), before);
}

#[test]
fn methods_are_those_of_our_services() {
    let methods = crate::wire::methods();
    for method in [
        "lineguard.v1.AuthorizationService/Check",
        "lineguard.v1.AdminService/Import",
        "lineguard.v1.OperationsService/GetStatus",
    ] {
        assert!(methods.iter().any(|one| one == method), "{method}");
    }
}

#[test]
fn counting_takes_no_memory_once_a_series_is_there() {
    let metrics = full();
    let view = built_in_vocabulary().action("fax.view").unwrap();
    let path = "/lineguard.v1.AuthorizationService/Check";
    let taken = allocation_counter::measure(|| {
        let method = metrics.method(path).unwrap();
        metrics.decision(view, Outcome::Allow);
        metrics.stale_answer(Operation::List);
        metrics.follower();
        metrics.write_waited(WaitPath::Confirmed, Duration::from_millis(1));
        metrics.call(method, Code::Ok, Duration::from_micros(40), 0);
        metrics.list_size(10);
        metrics.compared(Comparison::Agree);
    });
    assert_eq!(taken.count_total, 0);
}

#[test]
fn what_is_rare_is_there_before_it_happens() {
    let text = Metrics::start(built_in_vocabulary()).unwrap().text().unwrap();
    for (name, label, values) in [
        ("lineguard_requests_shed_total", "", 1),
        ("lineguard_list_comparisons_total", "lineguard_comparison_result", 3),
        ("lineguard_callers_refused_total", "lineguard_refusal_reason", 2),
        ("lineguard_reloads_total", "lineguard_reload_what", 8),
        ("lineguard_connections_turned_away_total", "lineguard_connection_reason", 8),
        ("lineguard_answers_stale_total", "lineguard_operation", 5),
        ("lineguard_emergency_answers_total", "", 1),
    ] {
        let found = series(&text);
        let at_zero: Vec<_> =
            found.iter().filter(|(one, _, value)| one == name && *value == 0.0).collect();
        assert_eq!(at_zero.len(), values, "{name}");
        assert!(
            at_zero.iter().all(|(_, labels, _)| label.is_empty() || labels.contains_key(label))
        );
    }
}

#[test]
fn without_a_certificate_there_is_no_day_that_it_ends() {
    let metrics = full();
    metrics.certificate_expires(ShownTo::Callers, None);
    metrics.certificate_expires(ShownTo::Parent, None);
    assert!(!metrics.text().unwrap().contains("certificate_expiry"));
}

#[test]
fn off_is_nothing() {
    let metrics = Metrics::off();
    metrics.shed();
    metrics.observe(Arc::new(|| panic!("nobody asks")));
    assert_eq!(metrics.method("/lineguard.v1.AuthorizationService/Check"), None);
    assert_eq!(metrics.text().unwrap(), "");
}
