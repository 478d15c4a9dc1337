//! Figures of three servers with PostgreSQL and Redis on one machine.

mod cut_off;
mod hits;
mod memory;
mod waits;

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use lineguard::wire::change::change_to_wire;
use lineguard::wire::pb;
use lineguard_core::change::{Change, OverrideValue};
use lineguard_core::model::BUILT_IN;
use lineguard_testkit::ids;
use lineguard_testkit::world::world;
use tokio::task::JoinSet;

use crate::clock::{Nanos, Stopwatch, seconds};
use crate::failure::{Doing, Failure, Result};
use crate::fleet::{Fleet, Promise};
use crate::probe::{Asked, user};
use crate::replica::Replica;
use crate::report::percentile;

/// The tenant of all measurements, and its only account.
const TENANT: &str = "large";
const ACCOUNT: &str = "home";

/// Changes in one part of an import.
const PART: usize = 5_000;

/// Measures everything, and says it line by line.
///
/// # Errors
///
/// If a server refuses what it should do.
pub async fn all(fleet: &Arc<Fleet>, promise: Promise, members: usize) -> Result<()> {
    let fleet = Arc::clone(fleet);
    let this = Measure { fleet, promise, members, watch: Stopwatch::start() };
    let began = this.watch.now();
    this.import().await?;
    say(&format!("{members} members imported in {:.1} s", seconds(this.watch.now() - began)));
    memory::of_sidecars(&this).await?;
    waits::measure(&this).await?;
    hits::stampede(&this).await?;
    hits::under_changes(&this).await?;
    cut_off::measure(&this).await
}

/// What the measurements share.
#[derive(Clone)]
struct Measure {
    fleet: Arc<Fleet>,
    promise: Promise,
    members: usize,
    watch: Stopwatch,
}

impl Measure {
    fn replica(&self, at: usize) -> Result<&Arc<Replica>> {
        self.fleet.replica(at).ok_or_else(|| Failure("measuring needs three servers".into()))
    }

    /// One large tenant.
    async fn import(&self) -> Result<()> {
        let standard = BUILT_IN.iter().find(|(name, _)| *name == "standard");
        let (_, text) = standard.ok_or_else(|| Failure("there is no model `standard`".into()))?;
        let began = world(TENANT).model(text).account(ACCOUNT);
        let told =
            (0..self.members).fold(began, |told, at| told.member(&member(at)).role("member"));
        let changes = told.batch().changes;
        let parts: Vec<pb::ImportRequest> = changes
            .chunks(PART)
            .map(|part| pb::ImportRequest {
                tenant: TENANT.into(),
                actor: Some(user("provisioning")),
                request_id: "import".into(),
                changes: part.iter().map(change_to_wire).collect(),
                faxes: vec![],
            })
            .collect();
        let reply = self.replica(0)?.changes().import(tokio_stream::iter(parts)).await?;
        let result = reply.into_inner().results.pop().and_then(|result| result.result);
        match result {
            Some(pb::import_result::Result::Imported(_)) => Ok(()),
            other => Err(Failure(format!("the import is refused: {other:?}"))),
        }
    }

    /// Flips a permission of a member by way of a server; how long until it was acknowledged.
    async fn write(&self, by: usize, at: usize, round: usize) -> Result<Nanos> {
        let value = if round.is_multiple_of(2) { OverrideValue::Off } else { OverrideValue::Unset };
        let change = Change::SetOverride {
            account: ids::account(ACCOUNT),
            subject: ids::user(&member(at)),
            permission: ids::key("folders.view"),
            value,
        };
        let began = self.watch.now();
        let request = pb::ApplyRequest {
            tenant: TENANT.into(),
            actor: Some(user("provisioning")),
            request_id: format!("write-{at}-{round}-{began}"),
            if_exists: 0,
            changes: vec![change_to_wire(&change)],
        };
        let request = self.replica(by)?.changes().apply(request).await;
        request.doing("a write that is measured")?;
        Ok(self.watch.now() - began)
    }

    /// Asks a server about a member; how long it took.
    async fn check(&self, by: usize, at: usize) -> Result<Nanos> {
        self.check_by(self.replica(by)?, at).await
    }

    /// Asks anybody about a member; how long it took.
    async fn check_by(&self, by: &Replica, at: usize) -> Result<Nanos> {
        let who = member(at);
        let asked = Asked { tenant: TENANT, who: &who, account: ACCOUNT, action: "folder.view" };
        let mut client = by.questions();
        let began = self.watch.now();
        client.check(asked.of_ours("thing")).await?;
        Ok(self.watch.now() - began)
    }
}

/// Runs tasks at the same time; what they return, in the order in which they end.
async fn together<T: Send + 'static>(
    tasks: impl Iterator<Item = impl Future<Output = Result<T>> + Send + 'static>,
) -> Result<Vec<T>> {
    let mut all: JoinSet<Result<T>> = tasks.collect();
    let mut results = Vec::new();
    while let Some(done) = all.join_next().await {
        results.push(done.doing("measuring")??);
    }
    Ok(results)
}

fn member(at: usize) -> String {
    format!("member-{at}")
}

/// Count and percentiles in milliseconds.
pub fn figures(mut took: Vec<Nanos>) -> String {
    took.sort_unstable();
    let mut text = format!("{:>7} times", took.len());
    for (name, part) in [("p50", 50), ("p95", 95), ("p99", 99), ("max", 100)] {
        let milliseconds = seconds(percentile(&took, part)) * 1_000.0;
        // Writing to a string cannot fail.
        let _ = write!(text, ", {name} {milliseconds:.2} ms");
    }
    text
}

#[expect(clippy::print_stdout, reason = "the figures are the output")]
fn say(line: &str) {
    println!("{line}");
}

async fn rest(duration: Duration) {
    tokio::time::sleep(duration).await;
}
