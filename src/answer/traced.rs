//! Spans of look-ups in caches.

use std::time::Duration;

use lineguard_cache::breaker::Phase;
use lineguard_lease::{Clock as _, SystemClock};
use opentelemetry::trace::SpanKind;

use crate::app::App;
use crate::metrics::{Asked, catalogue};
use crate::operations::CacheName;
use crate::telemetry::trace::{self, Span};

/// Ends the span of a look-up.
pub(super) fn looked_up(span: Option<Span>, cache: CacheName, hit: bool) {
    if let Some(mut span) = span {
        span.set(catalogue::CACHE, cache.as_str());
        span.set(catalogue::RESULT, if hit { "hit" } else { "miss" });
    }
}

/// A look-up in the cache that replicas share: one command of Redis.
pub(super) async fn redis<T>(app: &App, look: impl Future<Output = Option<T>>) -> Option<T> {
    let open = app.caches.shared.as_ref().is_some_and(|l2| l2.stats().breaker == Phase::Open);
    if open {
        // Nothing is sent.
        return look.await;
    }
    let mut span = trace::child(SpanKind::Client, || "GET".into());
    if let Some(span) = &mut span {
        span.set(catalogue::DB_SYSTEM, "redis");
        span.set(catalogue::DB_OPERATION, "GET");
    }
    let begun = SystemClock.now();
    let (found, span) = Span::around(span, look).await;
    let time: Duration = SystemClock.now().since(begun);
    looked_up(span, CacheName::L2, found.is_some());
    app.metrics.asked(Asked { system: "redis", operation: "GET", table: None }, time, true);
    found
}
