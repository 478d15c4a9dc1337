//! With any one rule left out, a database that moves makes answers stale.
//!
//! The numbers in these tests are those of the tables in `docs/protocol.md`. A change of the model
//! changes them, and then the tables have to change too.
#![expect(clippy::print_stdout, reason = "counterexamples are worth reading: --nocapture")]

use lineguard_protocol::moving::{Config, Mutant, Violation};
use lineguard_protocol::{Model, search};

/// The length of a shortest counterexample without a rule, if there is any.
fn caught(rule: Mutant, config: Config) -> Option<usize> {
    find(config.without(rule))
}

fn find(config: Config) -> Option<usize> {
    let outcome = search(&config);
    println!("{config:?}\n{} states", outcome.states);
    let counterexample = outcome.counterexample?;
    let length = counterexample.steps.len();
    println!("{length} steps\n{counterexample}");
    // Each step is possible after the ones before it.
    let mut state = config.first();
    let mut next = Vec::new();
    for wanted in &counterexample.steps {
        config.successors(&state, &mut next);
        state = next.iter().find(|(step, _)| step == wanted).map(|(_, after)| *after)?;
    }
    let told = matches!(counterexample.violation, Violation::Stale { .. } | Violation::Missing);
    told.then_some(length)
}

/// Arrivals, with copies that are behind and no failover.
const BEHIND: Config = Config { promotions: 0, ..Config::ARRIVALS };

#[test]
fn m42_renewed_without_beat() {
    assert_eq!(caught(Mutant::RenewedWithoutBeat, Config::LAGGING), Some(9));
}

#[test]
fn m43_beat_not_asked_for() {
    assert_eq!(caught(Mutant::BeatNotAskedFor, Config::LAGGING), Some(11));
}

#[test]
fn m44_cold_without_lease() {
    assert_eq!(caught(Mutant::ColdWithoutLease, Config::LAGGING), Some(5));
}

#[test]
fn m45_own_lease_waited() {
    assert_eq!(caught(Mutant::OwnLeaseWaited, Config::ROLLING), Some(11));
}

#[test]
fn m46_confirmed_by_counter() {
    assert_eq!(caught(Mutant::ConfirmedByCounter, Config::FAILOVER), Some(16));
    assert_eq!(caught(Mutant::ConfirmedByCounter, Config::LOSSY), Some(16));
}

#[test]
fn m47_lease_from_beat_reply() {
    assert_eq!(caught(Mutant::LeaseFromBeatReply, Config::LAGGING), Some(11));
}

#[test]
fn m48_absent_without_beat() {
    assert_eq!(caught(Mutant::AbsentWithoutBeat, BEHIND), Some(8));
}

#[test]
fn m49_unknown_mapping_skipped() {
    assert_eq!(caught(Mutant::UnknownMappingSkipped, Config::FORMATS), Some(12));
}

#[test]
fn m50_audience_from_anywhere() {
    assert_eq!(caught(Mutant::AudienceFromAnywhere, Config::LAGGING), Some(9));
}

#[test]
fn m51_history_does_not_wait() {
    assert_eq!(caught(Mutant::HistoryDoesNotWait, Config::LOSSY), Some(10));
}

/// What was acknowledged to the replica is still there, its row included, and so nobody has to
/// wait longer than for the rows.
#[test]
fn m51_is_harmless_where_nothing_is_lost() {
    assert_eq!(caught(Mutant::HistoryDoesNotWait, Config::FAILOVER), None);
}

#[test]
fn m52_unstated_lease_ignored() {
    assert_eq!(caught(Mutant::UnstatedLeaseIgnored, Config::ROLLING), Some(10));
}

/// A copy may show the beat of the present lease and not what arrived after it.
#[test]
fn m53_absent_by_lease_beat() {
    assert_eq!(caught(Mutant::AbsentByLeaseBeat, BEHIND), Some(10));
    assert_eq!(caught(Mutant::AbsentByLeaseBeat, Config::ARRIVALS), Some(9));
}

#[test]
fn m54_unreturned_beat_counts() {
    assert_eq!(caught(Mutant::UnreturnedBeatCounts, Config::FAILOVER), Some(10));
}

#[test]
fn m55_role_not_asked() {
    assert_eq!(caught(Mutant::RoleNotAsked, Config::STRAY), Some(11));
}

#[test]
fn m56_above_view_unasked() {
    assert_eq!(caught(Mutant::AboveViewUnasked, Config::FAILOVER), Some(13));
}

#[test]
fn m57_fence_outlives_history() {
    assert_eq!(caught(Mutant::FenceOutlivesHistory, Config::FENCES), Some(15));
}

#[test]
fn m58_lease_changed_in_place() {
    assert_eq!(caught(Mutant::LeaseChangedInPlace, Config::ROLLING), Some(12));
}

#[test]
fn m59_history_known_by_server() {
    assert_eq!(caught(Mutant::HistoryKnownByServer, Config::FAILBACK), Some(12));
}

#[test]
fn m60_unread_waits_own() {
    assert_eq!(caught(Mutant::UnreadWaitsOwn, Config::LAGGING), Some(9));
}

#[test]
fn m61_beat_and_rows_apart() {
    assert_eq!(caught(Mutant::BeatAndRowsApart, Config::LAGGING), Some(9));
}

#[test]
fn m62_number_used_again() {
    assert_eq!(caught(Mutant::NumberUsedAgain, Config::FAILOVER), Some(13));
}

/// What a beat does not show: that somebody else is the primary by now. If commits return on one
/// that was deposed, all the rules together are not enough.
#[test]
fn a_deposed_primary_whose_commits_return_breaks_the_promise() {
    assert_eq!(find(Config { deposed_returns: true, ..Config::FAILOVER }), Some(10));
}

/// A clean search proves nothing about what its configuration has no room for.
#[test]
fn no_configuration_is_enough_alone() {
    for (rule, config) in [
        (Mutant::UnstatedLeaseIgnored, Config::STRAY),
        (Mutant::ConfirmedByCounter, Config::ROLLING),
        (Mutant::HistoryKnownByServer, Config { changes: 1, ..Config::LOSSY }),
        (Mutant::FenceOutlivesHistory, Config { changes: 1, ..Config::FAILOVER }),
        (Mutant::NumberUsedAgain, Config::STRAY),
    ] {
        assert_eq!(caught(rule, config), None, "{rule}");
    }
}

#[test]
fn a_counterexample_can_be_read() {
    let outcome = search(&Config::LAGGING.without(Mutant::ColdWithoutLease));
    let text = outcome.counterexample.expect("M44 is caught").to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "  1. a change is committed; the counter is 1a");
    assert_eq!(
        *lines.last().unwrap(),
        "     So an answer showed 0, though 1a had been acknowledged when it was asked for."
    );
}
