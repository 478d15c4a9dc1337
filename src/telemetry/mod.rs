//! Logs, on standard error; spans and figures, to a collector.
//!
//! What may be told: ids of our own making, enums, counts, durations. No phone number, name or
//! token, and so no text that a caller or a file gave us.

pub mod collector;
mod log;
#[cfg(test)]
mod page;
mod parent;
pub mod statements;
pub mod trace;

use std::io::{self, IsTerminal, Write};
use std::panic::PanicHookInfo;
use std::time::Duration;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{Config, LogFormat};
use crate::metrics::Metrics;
use collector::CollectorError;
pub use parent::random;
use trace::Tracer;

/// What the service is called where nobody gave it another name.
const SERVICE: &str = env!("CARGO_PKG_NAME");

/// How long the end may wait for a collector.
const FLUSH: Duration = Duration::from_secs(2);

/// Libraries speak up from here unless the configuration names them: statements and frames are
/// noise at best and other people's data at worst. Of HTTP/2 a warning is a line for each flood: those
/// are counted, and who floods us must not fill the log as well.
const LIBRARIES: &str = "sqlx=warn,sqlx::postgres::notice=error,sea_orm=warn,sea_orm_migration=warn,h2=error,hyper=warn,\
                         hyper_util=warn,tonic=warn,tower=warn";

/// The running telemetry of a process.
#[derive(Debug)]
#[must_use = "flush it before the process ends"]
pub struct Telemetry(());

impl Telemetry {
    /// Writes out what is not written yet.
    pub fn flush(self) {
        // Log lines are not buffered, and a server has told its collector the rest.
        let _ = io::stderr().flush();
    }
}

/// Starts logging. A second start in one process changes nothing.
pub fn start(config: &Config) -> Telemetry {
    let log = &config.log;
    // The level was checked when the configuration was read.
    let filter = EnvFilter::try_new(format!("{LIBRARIES},{}", log.level))
        .unwrap_or_else(|_| EnvFilter::new("info"));
    let terminal = io::stderr().is_terminal();
    let text = match log.format {
        LogFormat::Auto => terminal,
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let started = if text {
        let colour = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        builder.with_ansi(colour).finish().try_init()
    } else {
        let service = config.otel.service_name.as_deref().unwrap_or(SERVICE).to_owned();
        builder.event_format(log::Json { service }).finish().try_init()
    };
    if started.is_ok() {
        std::panic::set_hook(Box::new(log_panic));
    }
    Telemetry(())
}

/// Begins to trace calls, where the environment names a collector. Needs a runtime.
///
/// # Errors
///
/// [`CollectorError`].
pub fn trace_calls(config: &Config) -> Result<(), CollectorError> {
    if let Some(sampler) = config.otel.traces {
        collector::trace(sampler, &config.otel)?.install();
    }
    Ok(())
}

/// Tells the collector what it was not told yet. Takes two seconds at most; what a collector does
/// not take in that time is lost.
pub async fn flush(metrics: &Metrics) {
    let metrics = metrics.clone();
    let figures = tokio::task::spawn_blocking(move || metrics.flush(FLUSH));
    let spans = tokio::task::spawn_blocking(|| {
        if let Some(tracer) = Tracer::installed() {
            tracer.flush(FLUSH);
        }
    });
    let both = async {
        let _ = figures.await;
        let _ = spans.await;
    };
    let _ = tokio::time::timeout(FLUSH, both).await;
}

/// Says where, but repeats only what is written in the source: a message that was put together at
/// run time may quote the data that caused it.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let message = panic.payload().downcast_ref::<&'static str>();
    tracing::error!(place, message = message.copied().unwrap_or("panicked"));
}
