//! Figures for operators: OpenTelemetry instruments, read by Prometheus.
//!
//! [`catalogue`] is the one list of what there is. What happens on a question is counted through
//! series that are bound to their labels once, so that counting takes no look-up and no memory;
//! what other parts count anyway is read from them when somebody asks ([`Metrics::observe`]).

pub mod catalogue;
pub mod endpoint;
mod observed;
pub mod reference;
mod rpc;
mod security;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use lineguard_core::decision::Effect;
use lineguard_core::vocabulary::{Action, Vocabulary};
use opentelemetry::KeyValue;
use opentelemetry::metrics::{
    BoundCounter, BoundHistogram, Counter, Histogram, Meter, MeterProvider,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use prometheus::{Registry, TextEncoder};

use crate::operations::{Observe, WaitPath};
use catalogue::{COUNTS, Figure, SECONDS};
pub use rpc::{Method, is_known, is_our_fault, word};
pub use security::{Refusal, Reloaded, ShownTo, TurnedAway};

/// Counts what happens; cheap to clone. [`Metrics::off`] counts nothing.
#[derive(Clone, Default)]
pub struct Metrics(Option<Arc<Instruments>>);

struct Instruments {
    registry: Registry,
    /// Ends the instruments when it goes.
    provider: SdkMeterProvider,
    meter: Meter,
    observed: OnceLock<Arc<ArcSwap<Observe>>>,
    decisions: Decisions,
    stale: [BoundCounter<u64>; Operation::ALL.len()],
    emergencies: BoundCounter<u64>,
    followers: BoundCounter<u64>,
    shed: BoundCounter<u64>,
    waits: [BoundHistogram<f64>; 2],
    rpc: rpc::Calls,
    list_size: BoundHistogram<f64>,
    comparisons: [BoundCounter<u64>; Comparison::ALL.len()],
    database: Histogram<f64>,
    security: security::Instruments,
}

/// What a comparison of a list with a decision came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// Both say the same.
    Agree,
    /// They do not.
    Disagree,
    /// They are of two states, or one of them says nothing.
    Skipped,
}

impl Comparison {
    const ALL: [(Self, &'static str); 3] =
        [(Self::Agree, "agree"), (Self::Disagree, "disagree"), (Self::Skipped, "skipped")];
}

/// What was asked of a database or of Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// The kind of database.
    pub system: &'static str,
    /// The first word of the statement, or the command.
    pub operation: &'static str,
    /// The table, where there is one.
    pub table: Option<&'static str>,
}

/// What a decision came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Allowed.
    Allow,
    /// Denied.
    Deny,
    /// There is no answer.
    Error,
}

impl Outcome {
    const ALL: [(Self, &'static str); 3] =
        [(Self::Allow, "allow"), (Self::Deny, "deny"), (Self::Error, "error")];
}

impl From<Effect> for Outcome {
    fn from(effect: Effect) -> Self {
        match effect {
            Effect::Allow => Self::Allow,
            Effect::Deny => Self::Deny,
        }
    }
}

/// A kind of operation that may be answered from an older state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Opening, playing or downloading content.
    ViewContent,
    /// Sending.
    Send,
    /// Placing, answering or passing on a call.
    PlaceCall,
    /// Which number is presented, and who receives a fax.
    CallerId,
    /// Lists, and visibility as a filter.
    List,
}

impl Operation {
    pub(crate) const ALL: [(Self, &'static str); 5] = [
        (Self::ViewContent, "view_content"),
        (Self::Send, "send"),
        (Self::PlaceCall, "place_call"),
        (Self::CallerId, "caller_id"),
        (Self::List, "list"),
    ];
}

impl From<lineguard_core::vocabulary::Outage> for Operation {
    fn from(kind: lineguard_core::vocabulary::Outage) -> Self {
        use lineguard_core::vocabulary::Outage;
        match kind {
            Outage::ViewContent => Self::ViewContent,
            Outage::Send => Self::Send,
            Outage::PlaceCall => Self::PlaceCall,
        }
    }
}

/// Why nothing can be counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricsError(String);

impl fmt::Display for MetricsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "metrics cannot be kept: {}", self.0)
    }
}

impl std::error::Error for MetricsError {}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Metrics({})", if self.0.is_some() { "on" } else { "off" })
    }
}

impl Metrics {
    /// Counts nothing.
    pub const fn off() -> Self {
        Self(None)
    }

    /// Whether anything is counted.
    pub const fn are_on(&self) -> bool {
        self.0.is_some()
    }

    /// Starts counting, for those who read.
    ///
    /// # Errors
    ///
    /// If the exporter cannot be made.
    pub fn start(vocabulary: &Vocabulary) -> Result<Self, MetricsError> {
        let nowhere: Option<PeriodicReader<opentelemetry_otlp::MetricExporter>> = None;
        Self::start_with(vocabulary, Resource::builder_empty().build(), nowhere)
    }

    /// Starts counting, for those who read and for a collector. Each keeps its own sums of what
    /// happens once, so that nothing is counted twice.
    ///
    /// # Errors
    ///
    /// If the exporter cannot be made.
    pub fn start_with<E: PushMetricExporter>(
        vocabulary: &Vocabulary,
        resource: Resource,
        push: Option<PeriodicReader<E>>,
    ) -> Result<Self, MetricsError> {
        let registry = Registry::new();
        let exporter = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .scope_info_enabled(false)
            .build()
            .map_err(|error| MetricsError(error.to_string()))?;
        let mut provider =
            SdkMeterProvider::builder().with_reader(exporter).with_resource(resource);
        if let Some(push) = push {
            provider = provider.with_reader(push);
        }
        let provider = provider.build();
        let meter = provider.meter("lineguard");
        let waits = histogram(&meter, &catalogue::WRITE_WAIT, SECONDS);
        let stale = counter(&meter, &catalogue::STALE_ANSWERS);
        let comparisons = counter(&meter, &catalogue::COMPARISONS);
        let bare = |figure| at_zero(counter(&meter, figure).bind(&[]));
        Ok(Self(Some(Arc::new(Instruments {
            decisions: Decisions::new(counter(&meter, &catalogue::DECISIONS), vocabulary),
            stale: Operation::ALL
                .map(|(_, word)| at_zero(stale.bind(&[KeyValue::new(catalogue::OPERATION, word)]))),
            emergencies: bare(&catalogue::EMERGENCIES),
            followers: bare(&catalogue::FOLLOWERS),
            shed: bare(&catalogue::SHED),
            waits: ["confirmed", "expired"]
                .map(|word| waits.bind(&[KeyValue::new(catalogue::PATH, word)])),
            rpc: rpc::Calls::new(
                histogram(&meter, &catalogue::RPC_DURATION, SECONDS),
                histogram(&meter, &catalogue::STATEMENTS, COUNTS),
            ),
            list_size: histogram(&meter, &catalogue::LIST_SIZE, COUNTS).bind(&[]),
            comparisons: Comparison::ALL.map(|(_, word)| {
                at_zero(comparisons.bind(&[KeyValue::new(catalogue::COMPARED, word)]))
            }),
            database: histogram(&meter, &catalogue::DB_DURATION, SECONDS),
            security: security::Instruments::new(&meter),
            registry,
            meter,
            observed: OnceLock::new(),
            provider,
        }))))
    }

    /// Tells a collector what it was not told yet, within this time.
    pub fn flush(&self, time: Duration) {
        if let Some(on) = &self.0 {
            // A collector that does not take it was reported when it began.
            let _ = on.provider.shutdown_with_timeout(time);
        }
    }

    /// Reads the rest of the figures from here, from now on, whenever somebody asks for them.
    pub fn observe(&self, observe: Observe) {
        let Some(on) = &self.0 else { return };
        let source = on.observed.get_or_init(|| {
            let source = Arc::new(ArcSwap::from_pointee(Arc::clone(&observe)));
            let read = Arc::clone(&source);
            let present: Observe = Arc::new(move || (**read.load())());
            observed::register(&on.meter, &present);
            source
        });
        source.store(Arc::new(observe));
    }

    /// A decision was made, or could not be.
    pub fn decision(&self, action: Action, outcome: Outcome) {
        if let Some(on) = &self.0 {
            on.decisions.add(action, outcome);
        }
    }

    /// An answer was given from an older state.
    pub fn stale_answer(&self, operation: Operation) {
        if let Some(on) = &self.0
            && let Some(counter) = on.stale.get(operation as usize)
        {
            counter.add(1);
        }
    }

    /// A question about an emergency call was answered.
    pub fn emergency(&self) {
        if let Some(on) = &self.0 {
            on.emergencies.add(1);
        }
    }

    /// A question waited for the reading of another.
    pub fn follower(&self) {
        if let Some(on) = &self.0 {
            on.followers.add(1);
        }
    }

    /// A call was refused because too many were in flight.
    pub fn shed(&self) {
        if let Some(on) = &self.0 {
            on.shed.add(1);
        }
    }

    /// A committed write waited until it was in force everywhere.
    pub fn write_waited(&self, path: WaitPath, duration: Duration) {
        let index = match path {
            WaitPath::Confirmed => 0,
            WaitPath::Expired => 1,
        };
        if let Some(on) = &self.0
            && let Some(histogram) = on.waits.get(index)
        {
            histogram.record(duration.as_secs_f64());
        }
    }

    /// The method of a path, for [`Self::call`]; none where nothing is counted.
    pub fn method(&self, path: &str) -> Option<Method> {
        self.0.as_ref().map(|on| on.rpc.method(path))
    }

    /// A call has its status, and has sent so many statements to the database.
    pub fn call(&self, method: Method, code: tonic::Code, duration: Duration, statements: u32) {
        if let Some(on) = &self.0 {
            on.rpc.record(method, code, duration, statements);
        }
    }

    /// A page of visible faxes has this many.
    pub fn list_size(&self, faxes: usize) {
        if let Some(on) = &self.0 {
            on.list_size.record(faxes as f64);
        }
    }

    /// A fax of a list was compared with a decision.
    pub fn compared(&self, result: Comparison) {
        if let Some(on) = &self.0
            && let Some(counter) = on.comparisons.get(result as usize)
        {
            counter.add(1);
        }
    }

    /// A database or Redis has answered.
    pub fn asked(&self, what: Asked, duration: Duration, well: bool) {
        let Some(on) = &self.0 else { return };
        let Asked { system, operation, table } = what;
        let mut labels = vec![
            KeyValue::new(catalogue::DB_SYSTEM, system),
            KeyValue::new(catalogue::DB_OPERATION, operation),
        ];
        labels.extend(table.map(|table| KeyValue::new(catalogue::DB_TABLE, table)));
        if !well {
            labels.push(KeyValue::new("error.type", "_OTHER"));
        }
        on.database.record(duration.as_secs_f64(), &labels);
    }

    /// All figures in the text format of Prometheus; empty where nothing is counted.
    ///
    /// # Errors
    ///
    /// If they cannot be written.
    pub fn text(&self) -> Result<String, MetricsError> {
        let Some(on) = &self.0 else { return Ok(String::new()) };
        TextEncoder::new()
            .encode_to_string(&on.registry.gather())
            .map_err(|error| MetricsError(error.to_string()))
    }
}

fn counter(meter: &Meter, figure: &Figure) -> Counter<u64> {
    meter.u64_counter(figure.name).with_unit(figure.unit).with_description(figure.help).build()
}

/// Makes the series be there before anything is counted: who watches how it grows would not see the
/// first step of one that begins at 1.
fn at_zero(counter: BoundCounter<u64>) -> BoundCounter<u64> {
    counter.add(0);
    counter
}

fn histogram(meter: &Meter, figure: &Figure, bounds: &[f64]) -> Histogram<f64> {
    meter
        .f64_histogram(figure.name)
        .with_unit(figure.unit)
        .with_description(figure.help)
        .with_boundaries(bounds.to_vec())
        .build()
}

/// Decisions by family and outcome. A series is made when it first counts.
struct Decisions {
    counter: Counter<u64>,
    /// Of each action, by its index.
    families: Vec<usize>,
    series: Vec<(String, [OnceLock<BoundCounter<u64>>; Outcome::ALL.len()])>,
}

impl Decisions {
    fn new(counter: Counter<u64>, vocabulary: &Vocabulary) -> Self {
        let mut known = HashMap::new();
        let mut series = Vec::new();
        let mut family_of = |name: &str| {
            let family = name.split('.').next().unwrap_or_default().to_owned();
            *known.entry(family).or_insert_with_key(|family| {
                series.push((family.clone(), [const { OnceLock::new() }; Outcome::ALL.len()]));
                series.len() - 1
            })
        };
        let families = vocabulary.actions().map(|(_, def)| family_of(&def.name)).collect();
        Self { counter, families, series }
    }

    fn add(&self, action: Action, outcome: Outcome) {
        let family = self.families.get(action.index()).and_then(|at| self.series.get(*at));
        let Some((family, outcomes)) = family else { return };
        let (Some(series), Some((_, word))) =
            (outcomes.get(outcome as usize), Outcome::ALL.get(outcome as usize))
        else {
            return;
        };
        let bind = || {
            self.counter.bind(&[
                KeyValue::new(catalogue::FAMILY, family.clone()),
                KeyValue::new(catalogue::OUTCOME, *word),
            ])
        };
        series.get_or_init(bind).add(1);
    }
}
