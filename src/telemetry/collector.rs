//! The connection to a collector, and what is said when it is not there.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_otlp::tonic_types::transport::{Certificate, ClientTlsConfig, Identity};
use opentelemetry_otlp::{ExporterBuildError, MetricExporter, SpanExporter, WithTonicConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{PeriodicReader, Temporality};
use opentelemetry_sdk::trace::{
    BatchSpanProcessor, SpanData, SpanExporter as ExportSpans, SpanProcessor,
};

use super::parent;
use super::trace::Tracer;
use crate::config::{Otel, OtelTls, Sampler};

/// Why nothing can be told to a collector.
#[derive(Debug)]
pub enum CollectorError {
    /// A file for the connection cannot be read.
    File(std::path::PathBuf, std::io::Error),
    /// A variable makes no sense to the exporter.
    Exporter(ExporterBuildError),
}

impl fmt::Display for CollectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, error) => write!(f, "`{}`: {error}", path.display()),
            Self::Exporter(error) => write!(f, "the collector's address cannot be used: {error}"),
        }
    }
}

impl std::error::Error for CollectorError {}

impl From<ExporterBuildError> for CollectorError {
    fn from(error: ExporterBuildError) -> Self {
        Self::Exporter(error)
    }
}

/// Begins to trace calls. Needs a runtime, which carries the connection.
///
/// # Errors
///
/// [`CollectorError`].
pub(super) fn trace(sampler: Sampler, otel: &Otel) -> Result<Tracer, CollectorError> {
    let mut builder = SpanExporter::builder().with_tonic();
    if let Some(tls) = tls(&otel.tls)? {
        builder = builder.with_tls_config(tls);
    }
    let mut processor =
        BatchSpanProcessor::builder(Reported::new(builder.build()?, "traces")).build();
    processor.set_resource(&resource(otel));
    Ok(Tracer::new(sampler, Box::new(processor)))
}

/// Pushes figures. Needs a runtime, which carries the connection.
///
/// # Errors
///
/// [`CollectorError`].
pub fn push(otel: &Otel) -> Result<PeriodicReader<impl PushMetricExporter>, CollectorError> {
    let mut builder = MetricExporter::builder().with_tonic();
    if let Some(tls) = tls(&otel.tls)? {
        builder = builder.with_tls_config(tls);
    }
    Ok(PeriodicReader::builder(Reported::new(builder.build()?, "metrics")).build())
}

fn tls(files: &OtelTls) -> Result<Option<ClientTlsConfig>, CollectorError> {
    if *files == OtelTls::default() {
        return Ok(None);
    }
    let read = |path: &std::path::PathBuf| {
        std::fs::read(path).map_err(|error| CollectorError::File(path.clone(), error))
    };
    let mut config = ClientTlsConfig::new();
    config = match &files.authority {
        Some(path) => config.ca_certificate(Certificate::from_pem(read(path)?)),
        None => config.with_enabled_roots(),
    };
    if let Some((certificate, key)) = &files.identity {
        config = config.identity(Identity::from_pem(read(certificate)?, read(key)?));
    }
    Ok(Some(config))
}

/// Who tells: the service, its version, this start of it, and what the environment adds.
pub fn resource(otel: &Otel) -> Resource {
    // Spans and figures are of one start.
    static INSTANCE: OnceLock<String> = OnceLock::new();
    let instance = || format!("{:016x}{:016x}", parent::random(), parent::random());
    let instance = INSTANCE.get_or_init(instance).as_str();
    let name = otel.service_name.as_deref().unwrap_or(super::SERVICE).to_owned();
    Resource::builder_empty()
        .with_attributes([
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", instance),
        ])
        .with_detector(Box::new(opentelemetry_sdk::resource::TelemetryResourceDetector))
        // What operators say is stronger than what we do.
        .with_detector(Box::new(opentelemetry_sdk::resource::EnvResourceDetector::new()))
        .with_service_name(name)
        .build()
}

/// Says once that a collector takes nothing, and once that it does again.
#[derive(Debug)]
struct Reported<E> {
    exporter: E,
    signal: &'static str,
    failing: AtomicBool,
}

impl<E> Reported<E> {
    const fn new(exporter: E, signal: &'static str) -> Self {
        Self { exporter, signal, failing: AtomicBool::new(false) }
    }

    fn report(&self, result: OTelSdkResult) -> OTelSdkResult {
        let (failed, signal) = (result.is_err(), self.signal);
        if self.failing.swap(failed, Ordering::Relaxed) != failed {
            // Not the error itself: it may quote what the collector or the environment said.
            match failed {
                true => tracing::warn!(signal, "the collector takes nothing; telemetry is dropped"),
                false => tracing::info!(signal, "the collector takes telemetry again"),
            }
        }
        result
    }
}

impl<E: ExportSpans> ExportSpans for Reported<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.report(self.exporter.export(batch).await)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

impl<E: PushMetricExporter> PushMetricExporter for Reported<E> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        self.report(self.exporter.export(metrics).await)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.exporter.temporality()
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_sdk::error::OTelSdkError;

    use super::super::page::Page;
    use super::*;

    #[test]
    fn a_dead_collector_is_reported_once_and_so_is_its_return() {
        let page = Page::default();
        let own = page.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || own.clone()).finish();
        tracing::subscriber::with_default(subscriber, || {
            let reported = Reported::new((), "traces");
            let failure = || Err(OTelSdkError::InternalFailure("said by the collector".into()));
            for result in [Ok(()), failure(), failure(), failure(), Ok(()), Ok(()), failure()] {
                let _ = reported.report(result);
            }
        });
        let text = page.text();
        let said: Vec<bool> = text.lines().map(|line| line.contains("takes nothing")).collect();
        assert_eq!(said, [true, false, true], "{text}");
        assert!(!text.contains("said by the collector"), "{text}");
    }
}
