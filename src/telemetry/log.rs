//! A log line as JSON: one object, with the trace of the call that it belongs to.

use std::fmt;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::trace;

/// Writes lines for a service of this name.
pub(super) struct Json {
    pub(super) service: String,
}

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let meta = event.metadata();
        let mut line = Fields(Map::new());
        // What we say ourselves comes last: no field of an event can take its place.
        event.record(&mut line);
        line.put("timestamp", time);
        line.put("level", meta.level().as_str());
        line.put("target", meta.target());
        line.put("service.name", self.service.as_str());
        line.put("service.version", env!("CARGO_PKG_VERSION"));
        if let Some((trace, span)) = trace::current_ids() {
            line.put("trace_id", trace);
            line.put("span_id", span);
        }
        writeln!(writer, "{}", Value::Object(line.0))
    }
}

struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into());
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field.name(), value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field.name(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::super::page::Page;
    use super::*;

    #[test]
    fn a_line_is_an_object_that_no_field_can_forge() {
        let page = Page::default();
        let own = page.clone();
        let subscriber = tracing_subscriber::fmt()
            .event_format(Json { service: "lineguard".to_owned() })
            .with_writer(move || own.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(count = 3, level = "none", text = "a \"b\"\nc", "done");
        });
        let text = page.text();
        assert_eq!(text.lines().count(), 1);
        let line: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["message"], "done");
        assert_eq!((&line["count"], &line["text"]), (&3.into(), &"a \"b\"\nc".into()));
        assert_eq!((&line["level"], &line["service.name"]), (&"INFO".into(), &"lineguard".into()));
        assert_eq!(line["service.version"], env!("CARGO_PKG_VERSION"));
        assert!(line["timestamp"].as_str().is_some_and(|time| time.ends_with('Z')));
        assert_eq!(line.get("trace_id"), None);
    }
}
