//! Logs, on standard error.
//!
//! What may be logged: ids of our own making, enums, counts, durations. No phone number, name or
//! token, and so no text that a caller or a file gave us.

use std::io::{self, IsTerminal, Write};
use std::panic::PanicHookInfo;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{Log, LogFormat};

/// Libraries speak up from here unless the configuration names them: statements and frames are
/// noise at best and other people's data at worst.
const LIBRARIES: &str = "sqlx=warn,sea_orm=warn,sea_orm_migration=warn,h2=warn,hyper=warn,\
                         hyper_util=warn,tonic=warn,tower=warn";

/// The running telemetry of a process.
#[derive(Debug)]
#[must_use = "flush it before the process ends"]
pub struct Telemetry(());

impl Telemetry {
    /// Writes out what is not written yet.
    pub fn flush(self) {
        // Log lines are not buffered; exporters will be flushed here.
        let _ = io::stderr().flush();
    }
}

/// Starts logging. A second start in one process changes nothing.
pub fn start(log: &Log) -> Telemetry {
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
        builder.json().flatten_event(true).finish().try_init()
    };
    if started.is_ok() {
        std::panic::set_hook(Box::new(log_panic));
    }
    Telemetry(())
}

/// Says where, but repeats only what is written in the source: a message that was put together at
/// run time may quote the data that caused it.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let message = panic.payload().downcast_ref::<&'static str>();
    tracing::error!(place, message = message.copied().unwrap_or("panicked"));
}
