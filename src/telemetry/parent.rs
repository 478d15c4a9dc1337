//! Where a trace comes from: the W3C context of a caller, or chance.

use std::cell::Cell;
use std::str::FromStr;

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};
use tonic::codegen::http::HeaderMap;

use crate::config::Sampler;

/// What a span hangs on.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Parent {
    /// The trace, whether or not somebody has begun it.
    pub trace: TraceId,
    /// The caller's span, or none if the trace begins here.
    pub span: SpanId,
    /// What other systems want to be passed on.
    pub state: TraceState,
}

/// Decides before anything is built for a span; none if there is to be no span.
pub(super) fn decide(sampler: Sampler, headers: &HeaderMap) -> Option<Parent> {
    let caller = if sampler.context { caller(headers) } else { None };
    let Some((trace, span, sampled)) = caller else {
        let trace = TraceId::from(u128::from(random()) << 64 | u128::from(random()));
        let root = Parent { trace, span: SpanId::INVALID, state: TraceState::NONE };
        return within(trace, sampler.ratio).then_some(root);
    };
    let take = if sampler.parent { sampled } else { within(trace, sampler.ratio) };
    take.then(|| Parent { trace, span, state: state(headers) })
}

/// Everybody who goes by the ratio decides alike about one trace: by its number, as other
/// implementations do.
fn within(trace: TraceId, ratio: f64) -> bool {
    let [.., a, b, c, d, e, f, g, h] = trace.to_bytes();
    let low = u64::from_be_bytes([a, b, c, d, e, f, g, h]) >> 1;
    // A ratio of 1 reaches past every number; casts of floats saturate.
    low < (ratio * (1_u64 << 63) as f64) as u64
}

/// The caller's trace and span, and whether the caller has a span. What does not parse is as if it
/// were not there, says the standard.
fn caller(headers: &HeaderMap) -> Option<(TraceId, SpanId, bool)> {
    let mut given = headers.get_all("traceparent").iter();
    let text = given.next()?.to_str().ok()?;
    if given.next().is_some() {
        return None;
    }
    let mut parts = text.trim().split('-');
    let (version, trace) = (hex(parts.next()?, 2)?, hex(parts.next()?, 32)?);
    let (span, flags) = (hex(parts.next()?, 16)?, hex(parts.next()?, 2)?);
    // Later versions may say more behind.
    let known = version != "ff" && (version != "00" || parts.next().is_none());
    let trace = TraceId::from_hex(trace).ok()?;
    let span = SpanId::from_hex(span).ok()?;
    let flags = u8::from_str_radix(flags, 16).ok()?;
    let valid = known && trace != TraceId::INVALID && span != SpanId::INVALID;
    valid.then_some((trace, span, flags & 1 == 1))
}

fn hex(text: &str, length: usize) -> Option<&str> {
    let small = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (text.len() == length && text.bytes().all(small)).then_some(text)
}

fn state(headers: &HeaderMap) -> TraceState {
    let all: Vec<&str> =
        headers.get_all("tracestate").iter().filter_map(|value| value.to_str().ok()).collect();
    TraceState::from_str(&all.join(",")).unwrap_or_default()
}

/// The context as a caller of others says it.
pub(super) fn written(context: &SpanContext) -> String {
    let flags = u8::from(context.trace_flags() & TraceFlags::SAMPLED == TraceFlags::SAMPLED);
    format!("00-{}-{}-{flags:02x}", context.trace_id(), context.span_id())
}

/// A number for a trace or a span, which need not be hard to guess: SplitMix64 from a secret start.
pub fn random() -> u64 {
    thread_local! {
        static STATE: Cell<u64> = Cell::new(start());
    }
    let state = STATE.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
    STATE.set(state);
    let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

fn start() -> u64 {
    getrandom::u64().unwrap_or_else(|_| {
        // Without randomness two threads would count alike; their stacks at least differ.
        std::ptr::from_ref(&()).addr() as u64
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const SPAN: &str = "b7ad6b7169203331";

    fn headers(parent: &str) -> HeaderMap {
        HeaderMap::from_iter([("traceparent".parse().unwrap(), parent.parse().unwrap())])
    }

    fn sampler(parent: bool, ratio: f64) -> Sampler {
        Sampler { context: true, parent, ratio }
    }

    #[test]
    fn a_callers_trace_goes_on_as_the_caller_decided() {
        let on = headers(&format!("00-{TRACE}-{SPAN}-01"));
        let parent = decide(sampler(true, 0.0), &on).unwrap();
        assert_eq!(
            (parent.trace.to_string(), parent.span.to_string()),
            (TRACE.into(), SPAN.into())
        );
        let off = headers(&format!("00-{TRACE}-{SPAN}-00"));
        assert_eq!(decide(sampler(true, 1.0), &off), None);
        assert!(decide(sampler(false, 1.0), &off).is_some());
        assert_eq!(decide(sampler(false, 0.0), &on), None);
    }

    #[test]
    fn who_looks_at_no_context_begins_traces_of_its_own() {
        let on = headers(&format!("00-{TRACE}-{SPAN}-01"));
        let alone = |ratio| Sampler { context: false, ..sampler(true, ratio) };
        assert_eq!(decide(alone(0.0), &on), None);
        assert_eq!(decide(alone(1.0), &on).unwrap().span, SpanId::INVALID);
    }

    #[test]
    fn a_later_version_may_say_more() {
        assert!(caller(&headers(&format!("01-{TRACE}-{SPAN}-01-more"))).is_some());
    }

    #[test]
    fn what_is_no_context_begins_a_trace_of_its_own() {
        let zeros = "0".repeat(32);
        for bad in [
            String::new(),
            format!("00-{TRACE}-{SPAN}"),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("00-{zeros}-{SPAN}-01"),
            format!("00-{TRACE}-0000000000000000-01"),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00-{TRACE}-{SPAN}-+1"),
        ] {
            assert_eq!(caller(&headers(&bad)), None, "{bad}");
            assert_eq!(decide(sampler(true, 0.0), &headers(&bad)), None, "{bad}");
            let own = decide(sampler(true, 1.0), &headers(&bad)).unwrap();
            assert_eq!(own.span, SpanId::INVALID, "{bad}");
        }
        let mut twice = headers(&format!("00-{TRACE}-{SPAN}-01"));
        twice.append("traceparent", format!("00-{TRACE}-{SPAN}-01").parse().unwrap());
        assert_eq!(caller(&twice), None);
    }

    #[test]
    fn about_as_many_traces_begin_as_the_ratio_says() {
        let none = &HeaderMap::new();
        let begun =
            |ratio| (0..20_000).filter(move |_| decide(sampler(true, ratio), none).is_some());
        assert_eq!(begun(0.0).count(), 0);
        assert_eq!(begun(1.0).count(), 20_000);
        let tenth = begun(0.1).count();
        assert!((1_700..2_300).contains(&tenth), "{tenth}");
    }

    #[test]
    fn what_others_want_passed_on_is_kept() {
        let mut headers = headers(&format!("00-{TRACE}-{SPAN}-01"));
        headers.append("tracestate", "a=1,b=2".parse().unwrap());
        let parent = decide(sampler(true, 1.0), &headers).unwrap();
        assert_eq!(parent.state.get("b"), Some("2"));
    }
}
