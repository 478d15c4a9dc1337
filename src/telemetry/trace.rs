//! Spans of the calls that are traced.
//!
//! Whether a call is traced is decided from its headers before anything is built ([`Tracer::call`]).
//! For a call that is not traced there is no span and nothing is current, so that everything below
//! finds nothing to hang a span on and makes none: what is left to pay is a look at a variable of
//! the thread. What a span says is written in this program: no attribute carries an id, a number
//! or a name.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks, SpanProcessor};
use tonic::codegen::http::HeaderMap;

use super::parent::{self, Parent};
use crate::config::Sampler;

/// Makes spans.
#[derive(Debug)]
pub struct Tracer {
    sampler: Sampler,
    processor: Box<dyn SpanProcessor>,
    scope: InstrumentationScope,
}

/// The tracer of this process, as loggers are of a process.
static TRACER: OnceLock<Arc<Tracer>> = OnceLock::new();

thread_local! {
    /// The span that is under way on this thread, if its call is traced.
    static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
    /// Statements that the call under way on this thread has sent to the database.
    static STATEMENTS: Cell<u32> = const { Cell::new(0) };
}

/// What new spans hang on.
#[derive(Debug, Clone)]
struct Current {
    tracer: Arc<Tracer>,
    context: SpanContext,
}

impl Tracer {
    /// Hands spans to a processor.
    pub(super) fn new(sampler: Sampler, processor: Box<dyn SpanProcessor>) -> Self {
        let scope = InstrumentationScope::builder(env!("CARGO_PKG_NAME"))
            .with_version(env!("CARGO_PKG_VERSION"))
            .build();
        Self { sampler, processor, scope }
    }

    /// Makes it the one of this process; a second one is not looked at.
    pub(super) fn install(self) {
        let _ = TRACER.set(Arc::new(self));
    }

    /// The one of this process, if spans are made.
    pub(super) fn installed() -> Option<&'static Arc<Self>> {
        TRACER.get()
    }

    /// The span of a call, if it is to be traced.
    fn call(
        self: &Arc<Self>,
        headers: &HeaderMap,
        name: impl FnOnce() -> Cow<'static, str>,
    ) -> Option<Span> {
        let parent = parent::decide(self.sampler, headers)?;
        let Parent { trace, span, state } = parent;
        let id = SpanId::from(parent::random());
        let context = SpanContext::new(trace, id, TraceFlags::SAMPLED, false, state);
        let remote = span != SpanId::INVALID;
        Some(Span::begin(Arc::clone(self), context, (span, remote), SpanKind::Server, name()))
    }

    /// Sends what is left, within this time.
    pub(super) fn flush(&self, time: Duration) {
        // Spans that a collector did not take by now are lost; that was reported when it began.
        let _ = self.processor.shutdown_with_timeout(time);
    }
}

/// The span of a call, if it is to be traced. It becomes current with [`Frame::enter`].
pub fn call(headers: &HeaderMap, name: impl FnOnce() -> Cow<'static, str>) -> Option<Span> {
    TRACER.get()?.call(headers, name)
}

/// A span below the current one; none where the call is not traced.
pub fn child(kind: SpanKind, name: impl FnOnce() -> Cow<'static, str>) -> Option<Span> {
    CURRENT.with_borrow(|current| {
        let Current { tracer, context } = current.as_ref()?;
        let id = SpanId::from(parent::random());
        let (trace, state) = (context.trace_id(), context.trace_state().clone());
        let own = SpanContext::new(trace, id, TraceFlags::SAMPLED, false, state);
        let parent = (context.span_id(), false);
        Some(Span::begin(Arc::clone(tracer), own, parent, kind, name()))
    })
}

/// A span of work inside this process.
pub fn inner(name: &'static str) -> Option<Span> {
    child(SpanKind::Internal, || name.into())
}

/// Trace and span that are current, in hexadecimal.
pub fn current_ids() -> Option<(String, String)> {
    // A line that is logged while a span is taken or given back has none.
    let current = CURRENT.try_with(|current| {
        let current = current.try_borrow().ok()?;
        let context = &current.as_ref()?.context;
        Some((context.trace_id().to_string(), context.span_id().to_string()))
    });
    current.ok().flatten()
}

/// Passes the current context on to a service that we call: `traceparent`, and `tracestate` where
/// there is one.
pub fn pass_on(headers: &mut HeaderMap) {
    CURRENT.with_borrow(|current| {
        let Some(Current { tracer, context }) = current else { return };
        if !tracer.sampler.context {
            return;
        }
        if let Ok(value) = parent::written(context).parse() {
            headers.insert("traceparent", value);
        }
        let state = context.trace_state().header();
        if let (false, Ok(value)) = (state.is_empty(), state.parse()) {
            headers.insert("tracestate", value);
        }
    });
}

/// The current call has sent a statement to the database.
pub fn count_statement() {
    STATEMENTS.set(STATEMENTS.get().saturating_add(1));
}

/// Something that takes time, in a call that is traced. It ends when it is dropped.
#[derive(Debug)]
pub struct Span(Box<Open>);

#[derive(Debug)]
struct Open {
    current: Current,
    parent: (SpanId, bool),
    kind: SpanKind,
    name: Cow<'static, str>,
    start: SystemTime,
    attributes: Vec<KeyValue>,
    status: Status,
}

impl Span {
    fn begin(
        tracer: Arc<Tracer>,
        context: SpanContext,
        parent: (SpanId, bool),
        kind: SpanKind,
        name: Cow<'static, str>,
    ) -> Self {
        let current = Current { tracer, context };
        let (start, status) = (now(), Status::Unset);
        let attributes = Vec::new();
        Self(Box::new(Open { current, parent, kind, name, start, attributes, status }))
    }

    /// Says something about it.
    pub fn set(&mut self, key: &'static str, value: impl Into<opentelemetry::Value>) {
        self.0.attributes.push(KeyValue::new(key, value));
    }

    /// It went wrong.
    pub fn fail(&mut self, kind: &'static str) {
        self.set("error.type", kind);
        self.0.status = Status::error("");
    }

    /// Runs `future` with this span current, and gives the span back.
    pub async fn around<T>(
        this: Option<Self>,
        future: impl Future<Output = T>,
    ) -> (T, Option<Self>) {
        let Some(span) = this else { return (future.await, None) };
        let context = Some(span.0.current.clone());
        let result = Entering { future: Box::pin(future), context }.await;
        (result, Some(span))
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        let Open { current, parent, kind, name, start, attributes, status } = &mut *self.0;
        let (parent_span_id, parent_span_is_remote) = *parent;
        current.tracer.processor.on_end(SpanData {
            span_context: current.context.clone(),
            parent_span_id,
            parent_span_is_remote,
            span_kind: kind.clone(),
            name: std::mem::take(name),
            start_time: *start,
            end_time: now(),
            attributes: std::mem::take(attributes),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: std::mem::take(status),
            instrumentation_scope: current.tracer.scope.clone(),
        });
    }
}

#[expect(clippy::disallowed_methods, reason = "spans are telemetry, and carry the time of day")]
fn now() -> SystemTime {
    SystemTime::now()
}

/// What is known of a call apart from its handler: its span, and what it has cost so far.
#[derive(Debug, Default)]
pub struct Frame {
    /// Its span, if it is traced.
    pub span: Option<Span>,
    /// Statements that it has sent to the database.
    pub statements: u32,
}

impl Frame {
    /// Makes it current on this thread until the guard goes. To be held while the handler is
    /// polled, never longer.
    pub fn enter(&mut self) -> Entered<'_> {
        let statements = STATEMENTS.replace(self.statements);
        let outer = self.span.as_ref().map(|span| replace(Some(span.0.current.clone())));
        Entered { outer, statements, into: &mut self.statements }
    }
}

/// A frame that is current.
pub struct Entered<'f> {
    outer: Option<Option<Current>>,
    statements: u32,
    into: &'f mut u32,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        *self.into = STATEMENTS.replace(self.statements);
        if let Some(outer) = self.outer.take() {
            replace(outer);
        }
    }
}

fn replace(with: Option<Current>) -> Option<Current> {
    CURRENT.replace(with)
}

/// Polls a future with a context current.
struct Entering<F> {
    future: Pin<Box<F>>,
    context: Option<Current>,
}

impl<F: Future> Future for Entering<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let _back = Back(replace(self.context.clone()));
        self.future.as_mut().poll(cx)
    }
}

/// Makes what was current before current again, even after a panic.
struct Back(Option<Current>);

impl Drop for Back {
    fn drop(&mut self) {
        replace(self.0.take());
    }
}

/// Goes on as a task of its own, which is still part of the call: its spans hang where this one
/// would, and its statements count for the call.
///
/// # Errors
///
/// As [`tokio::task::JoinHandle`] has them.
pub async fn apart<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, tokio::task::JoinError> {
    let context = CURRENT.with_borrow(Clone::clone);
    let work = Box::pin(work);
    let counted = Counting { work: Entering { future: work, context }, statements: 0 };
    let (result, statements) = tokio::spawn(counted).await?;
    STATEMENTS.set(STATEMENTS.get().saturating_add(statements));
    Ok(result)
}

struct Counting<F> {
    work: Entering<F>,
    statements: u32,
}

impl<F: Future> Future for Counting<F> {
    type Output = (F::Output, u32);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let outer = STATEMENTS.replace(self.statements);
        let polled = Pin::new(&mut self.work).poll(cx);
        self.statements = STATEMENTS.replace(outer);
        polled.map(|output| (output, self.statements))
    }
}

#[cfg(test)]
mod tests;
