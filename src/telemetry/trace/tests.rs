use std::sync::Mutex;

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::Span as SdkSpan;

use super::*;

/// Keeps the spans that have ended.
#[derive(Debug, Clone, Default)]
struct Kept(Arc<Mutex<Vec<SpanData>>>);

impl SpanProcessor for Kept {
    fn on_start(&self, _: &mut SdkSpan, _: &opentelemetry::Context) {}

    fn on_end(&self, span: SpanData) {
        self.0.lock().unwrap().push(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn set_resource(&mut self, _: &Resource) {}
}

impl Kept {
    fn tracer(&self, ratio: f64) -> Arc<Tracer> {
        Arc::new(Tracer::new(
            Sampler { context: true, parent: true, ratio },
            Box::new(self.clone()),
        ))
    }

    fn one(&self, name: &str) -> SpanData {
        let spans = self.0.lock().unwrap();
        spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no {name}")).clone()
    }
}

fn begin(tracer: &Arc<Tracer>) -> Option<Span> {
    tracer.call(&HeaderMap::new(), || "call".into())
}

/// Polls a handler as the server does.
async fn handled<T>(frame: &mut Frame, handler: impl Future<Output = T>) -> T {
    let mut handler = Box::pin(handler);
    std::future::poll_fn(|cx| {
        let _current = frame.enter();
        handler.as_mut().poll(cx)
    })
    .await
}

fn is_below(child: &SpanData, parent: &SpanData) {
    assert_eq!(child.parent_span_id, parent.span_context.span_id());
    assert_eq!(child.span_context.trace_id(), parent.span_context.trace_id());
}

#[tokio::test]
async fn spans_hang_on_what_they_were_made_in() {
    let kept = Kept::default();
    let mut frame = Frame { span: begin(&kept.tracer(1.0)), statements: 0 };
    handled(&mut frame, async {
        let outer = Span::around(inner("outer"), async {
            tokio::task::yield_now().await;
            drop(inner("inside"));
        });
        drop(outer.await);
        // A task of its own, beside others on this thread.
        trace_apart().await;
        drop(inner("beside"));
    })
    .await;
    drop(frame);
    let call = kept.one("call");
    assert_eq!(call.parent_span_id, SpanId::INVALID);
    is_below(&kept.one("outer"), &call);
    is_below(&kept.one("inside"), &kept.one("outer"));
    is_below(&kept.one("apart"), &call);
    is_below(&kept.one("beside"), &call);
}

async fn trace_apart() {
    apart(async {
        tokio::task::yield_now().await;
        drop(inner("apart"));
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_call_that_is_not_traced_makes_no_span_and_passes_nothing_on() {
    let kept = Kept::default();
    let span = begin(&kept.tracer(0.0));
    assert!(span.is_none());
    let mut frame = Frame { span, statements: 0 };
    handled(&mut frame, async {
        assert!(inner("nothing").is_none());
        let mut headers = HeaderMap::new();
        pass_on(&mut headers);
        assert!(headers.is_empty());
    })
    .await;
    drop(frame);
    assert!(kept.0.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_is_current_ends_with_the_poll() {
    let kept = Kept::default();
    let mut frame = Frame { span: begin(&kept.tracer(1.0)), statements: 0 };
    {
        let _current = frame.enter();
        assert!(current_ids().is_some());
    }
    assert_eq!(current_ids(), None);
    // A handler that panics leaves nothing behind either.
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _current = frame.enter();
        panic!("as a test does");
    }));
    assert!(panicked.is_err() && current_ids().is_none());
}

#[tokio::test]
async fn statements_count_for_their_call_wherever_they_are_sent() {
    let (mut one, mut other) = (Frame::default(), Frame::default());
    let work = |apart_too| async move {
        count_statement();
        tokio::task::yield_now().await;
        count_statement();
        if apart_too {
            apart(async {
                count_statement();
                tokio::task::yield_now().await;
                count_statement();
            })
            .await
            .unwrap();
        }
    };
    tokio::join!(handled(&mut one, work(true)), handled(&mut other, work(false)));
    assert_eq!((one.statements, other.statements), (4, 2));
}

#[tokio::test]
async fn the_context_is_passed_on_as_it_came() {
    let kept = Kept::default();
    let (trace, parent) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
    let mut headers = HeaderMap::new();
    headers.insert("traceparent", format!("00-{trace}-{parent}-01").parse().unwrap());
    headers.insert("tracestate", "vendor=1".parse().unwrap());
    let span = kept.tracer(0.0).call(&headers, || "call".into());
    let mut frame = Frame { span, statements: 0 };
    let mut passed = HeaderMap::new();
    {
        let _current = frame.enter();
        pass_on(&mut passed);
    }
    drop(frame);
    let call = kept.one("call");
    assert!(call.parent_span_is_remote);
    assert_eq!(call.parent_span_id.to_string(), parent);
    let own = call.span_context.span_id();
    assert_eq!(passed["traceparent"], format!("00-{trace}-{own}-01"));
    assert_eq!(passed["tracestate"], "vendor=1");
}

#[test]
fn what_goes_wrong_is_marked() {
    let kept = Kept::default();
    let mut span = begin(&kept.tracer(1.0)).unwrap();
    span.fail("INTERNAL");
    drop(span);
    let call = kept.one("call");
    assert_eq!(call.status, Status::error(""));
    assert_eq!(call.attributes, [KeyValue::new("error.type", "INTERNAL")]);
}
