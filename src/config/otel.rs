//! The standard variables of OpenTelemetry, as far as something must be decided by them here. What
//! only an exporter needs (endpoints, headers, time limits, compression) it reads itself.
//!
//! What cannot be honoured is a mistake, not ignored: who asks for an exporter or a format that
//! this server does not have would otherwise look for spans in vain.

use std::ffi::OsString;
use std::path::PathBuf;

use super::problem::{Mistake, Problem};

/// What is told to a collector.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Otel {
    /// Spans, and of which calls; none if no spans are made.
    pub traces: Option<Sampler>,
    /// Whether figures are pushed.
    pub metrics: bool,
    /// Files for connections with TLS.
    pub tls: Tls,
    /// What somebody named the service; none where nobody did.
    pub service_name: Option<String>,
}

/// Files for the connection to a collector.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tls {
    /// Who may sign the collector's certificate; the public authorities if none.
    pub authority: Option<PathBuf>,
    /// Our certificate and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// Of which calls spans are made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampler {
    /// Whether the trace of a caller is looked at, and passed on.
    pub context: bool,
    /// Whether a caller who has a trace decides.
    pub parent: bool,
    /// How many of the others, 0 to 1.
    pub ratio: f64,
}

/// A trace that begins here is one of a hundred: enough to see, too few to cost.
const RATIO: f64 = 0.01;

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const PROTOCOL: &str = "OTEL_EXPORTER_OTLP_PROTOCOL";

/// Reads the variables. Without an endpoint everything is off, whatever else they say.
pub(super) fn read(environment: &[(OsString, OsString)], problems: &mut Vec<Problem>) -> Otel {
    let mut reader = Reader { environment, problems };
    let context = reader.context();
    reader.one_of("OTEL_LOGS_EXPORTER", "`none`: logs go to standard error", &["none"]);
    let traces = reader.exports("TRACES");
    let metrics = reader.exports("METRICS");
    let sampler = reader.sampler(context);
    let tls = reader.tls();
    let off = reader.get("OTEL_SDK_DISABLED").is_some_and(|text| text.eq_ignore_ascii_case("true"));
    if off {
        return Otel::default();
    }
    let service_name = reader.get("OTEL_SERVICE_NAME").map(str::to_owned).or_else(|| {
        let attributes = reader.get("OTEL_RESOURCE_ATTRIBUTES")?.split(',');
        let named = |one: &str| one.trim().strip_prefix("service.name=").map(str::to_owned);
        attributes.filter_map(named).next_back()
    });
    Otel { traces: traces.then_some(sampler), metrics, tls, service_name }
}

struct Reader<'a> {
    environment: &'a [(OsString, OsString)],
    problems: &'a mut Vec<Problem>,
}

impl<'a> Reader<'a> {
    /// The value of a variable; an empty one is as good as none, says the standard.
    fn get(&self, name: &str) -> Option<&'a str> {
        let found = self.environment.iter().find(|(one, _)| one == name);
        found.and_then(|(_, value)| value.to_str()).map(str::trim).filter(|text| !text.is_empty())
    }

    fn bad(&mut self, name: &str, value: &str, expected: &str) {
        let mistake =
            Mistake::BadValue { value: Some(value.to_owned()), expected: expected.to_owned() };
        self.problems.push(Problem { place: name.to_owned(), mistake });
    }

    /// A variable that may say no other words than these, separated by commas.
    fn one_of(&mut self, name: &str, expected: &str, words: &[&str]) {
        let Some(text) = self.get(name) else { return };
        if let Some(other) = text.split(',').map(str::trim).find(|word| !words.contains(word)) {
            self.bad(name, other, expected);
        }
    }

    /// Whether the contexts of callers are looked at. Baggage may be named; nothing uses it.
    fn context(&mut self) -> bool {
        const NAME: &str = "OTEL_PROPAGATORS";
        let expected = "`tracecontext`, `baggage` or `none`, the formats that are known";
        self.one_of(NAME, expected, &["tracecontext", "baggage", "none"]);
        let named = |text: &str| text.split(',').any(|word| word.trim() == "tracecontext");
        self.get(NAME).is_none_or(named)
    }

    /// Whether a signal is exported: it has an endpoint, and nobody turned it off.
    fn exports(&mut self, signal: &str) -> bool {
        let exporter = format!("OTEL_{signal}_EXPORTER");
        self.one_of(&exporter, "`otlp` or `none`", &["otlp", "none"]);
        let wanted = self.get(&exporter) != Some("none");
        let endpoint = format!("OTEL_EXPORTER_OTLP_{signal}_ENDPOINT");
        let wanted = wanted && (self.get(&endpoint).is_some() || self.get(ENDPOINT).is_some());
        let own = format!("OTEL_EXPORTER_OTLP_{signal}_PROTOCOL");
        let protocol = if self.get(&own).is_some() { own.as_str() } else { PROTOCOL };
        if wanted {
            self.one_of(protocol, "`grpc`, the protocol that is spoken", &["grpc"]);
        }
        wanted
    }

    fn sampler(&mut self, context: bool) -> Sampler {
        const NAME: &str = "OTEL_TRACES_SAMPLER";
        let name = self.get(NAME);
        // A sampler that somebody chose samples all it may; one that nobody chose does not.
        let ratio = self.ratio(if name.is_some() { 1.0 } else { RATIO });
        let (parent, ratio) = match name {
            None | Some("parentbased_traceidratio") => (true, ratio),
            Some("parentbased_always_on") => (true, 1.0),
            Some("parentbased_always_off") => (true, 0.0),
            Some("traceidratio") => (false, ratio),
            Some("always_on") => (false, 1.0),
            Some("always_off") => (false, 0.0),
            Some(other) => {
                let expected = "`always_on`, `always_off` or `traceidratio`, or one of these after \
                                `parentbased_`";
                self.bad(NAME, other, expected);
                (true, 0.0)
            }
        };
        Sampler { context, parent, ratio }
    }

    fn ratio(&mut self, otherwise: f64) -> f64 {
        const NAME: &str = "OTEL_TRACES_SAMPLER_ARG";
        let Some(text) = self.get(NAME) else { return otherwise };
        match text.parse() {
            Ok(ratio) if (0.0..=1.0).contains(&ratio) => ratio,
            _ => {
                self.bad(NAME, text, "a number from 0 to 1");
                otherwise
            }
        }
    }

    fn tls(&mut self) -> Tls {
        const CERTIFICATE: &str = "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE";
        const KEY: &str = "OTEL_EXPORTER_OTLP_CLIENT_KEY";
        let file = |name| self.get(name).map(PathBuf::from);
        let authority = file("OTEL_EXPORTER_OTLP_CERTIFICATE");
        let identity = match (file(CERTIFICATE), file(KEY)) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (Some(certificate), None) => {
                let certificate = certificate.display().to_string();
                self.bad(CERTIFICATE, &certificate, "of use without a key");
                None
            }
            (None, Some(_)) => {
                self.bad(KEY, "a key", "of use without a certificate");
                None
            }
        };
        Tls { authority, identity }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(variables: &[(&str, &str)]) -> (Otel, Vec<String>) {
        let environment: Vec<_> =
            variables.iter().map(|(name, value)| (name.into(), value.into())).collect();
        let mut problems = Vec::new();
        let otel = read(&environment, &mut problems);
        (otel, problems.iter().map(ToString::to_string).collect())
    }

    const TO: (&str, &str) = (ENDPOINT, "http://collector:4317");

    #[test]
    fn nothing_is_exported_without_an_endpoint() {
        let (otel, problems) = given(&[("OTEL_TRACES_SAMPLER", "always_on")]);
        assert_eq!((otel, problems.len()), (Otel::default(), 0));
        let (otel, _) = given(&[(ENDPOINT, "")]);
        assert_eq!(otel, Otel::default());
    }

    #[test]
    fn an_endpoint_of_one_signal_is_for_that_signal() {
        let (otel, _) = given(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://a:4317")]);
        assert!(otel.traces.is_some() && !otel.metrics);
        let (otel, _) = given(&[TO, ("OTEL_METRICS_EXPORTER", "none")]);
        assert!(otel.traces.is_some() && !otel.metrics);
        let (otel, _) = given(&[TO, ("OTEL_SDK_DISABLED", "TRUE")]);
        assert_eq!(otel, Otel::default());
    }

    #[test]
    fn samplers_are_those_of_the_standard() {
        let sampler = |more: &[(&str, &str)]| {
            let (otel, problems) = given(&[&[TO], more].concat());
            assert_eq!(problems, Vec::<String>::new());
            let Sampler { context: _, parent, ratio } = otel.traces.unwrap();
            (parent, ratio)
        };
        let name = |name| ("OTEL_TRACES_SAMPLER", name);
        let quarter = ("OTEL_TRACES_SAMPLER_ARG", "0.25");
        assert_eq!(sampler(&[]), (true, 0.01));
        assert_eq!(sampler(&[quarter]), (true, 0.25));
        assert_eq!(sampler(&[name("parentbased_traceidratio")]), (true, 1.0));
        assert_eq!(sampler(&[name("traceidratio"), quarter]), (false, 0.25));
        assert_eq!(sampler(&[name("always_on")]), (false, 1.0));
        assert_eq!(sampler(&[name("parentbased_always_off")]), (true, 0.0));
    }

    #[test]
    fn contexts_are_looked_at_unless_somebody_says_otherwise() {
        let looks =
            |more: &[(&str, &str)]| given(&[&[TO], more].concat()).0.traces.unwrap().context;
        assert!(looks(&[]));
        assert!(looks(&[("OTEL_PROPAGATORS", "baggage, tracecontext")]));
        assert!(!looks(&[("OTEL_PROPAGATORS", "baggage")]));
        assert!(!looks(&[("OTEL_PROPAGATORS", "none")]));
    }

    #[test]
    fn what_cannot_be_done_is_refused_by_name() {
        for (name, value, said) in [
            ("OTEL_TRACES_SAMPLER", "jaeger_remote", "`jaeger_remote` is not `always_on`"),
            ("OTEL_TRACES_SAMPLER_ARG", "2", "`2` is not a number from 0 to 1"),
            ("OTEL_TRACES_EXPORTER", "zipkin", "`zipkin` is not `otlp` or `none`"),
            ("OTEL_METRICS_EXPORTER", "prometheus", "`prometheus` is not `otlp` or `none`"),
            ("OTEL_LOGS_EXPORTER", "otlp", "`otlp` is not `none`"),
            ("OTEL_PROPAGATORS", "tracecontext,b3", "`b3` is not `tracecontext`"),
            (PROTOCOL, "http/protobuf", "`http/protobuf` is not `grpc`"),
            ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/k", "is not of use without a certificate"),
        ] {
            let (_, problems) = given(&[TO, (name, value)]);
            assert!(!problems.is_empty(), "{name}");
            for problem in problems {
                assert!(problem.starts_with(&format!("{name}: ")), "{problem}");
                assert!(problem.contains(said), "{problem}");
            }
        }
    }

    #[test]
    fn a_signals_own_protocol_beats_the_general_one() {
        let own = |signal| (signal, "grpc");
        let (otel, problems) = given(&[
            TO,
            (PROTOCOL, "http/protobuf"),
            own("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"),
            own("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL"),
        ]);
        assert_eq!(problems, Vec::<String>::new());
        assert!(otel.traces.is_some() && otel.metrics);
    }

    #[test]
    fn a_name_may_be_given_in_either_place() {
        let attributes = ("OTEL_RESOURCE_ATTRIBUTES", "k8s.pod.name=a, service.name=faxes");
        let name = |more: &[(&str, &str)]| given(&[&[TO], more].concat()).0.service_name;
        assert_eq!(name(&[]), None);
        assert_eq!(name(&[attributes]).as_deref(), Some("faxes"));
        assert_eq!(name(&[attributes, ("OTEL_SERVICE_NAME", "own")]).as_deref(), Some("own"));
    }
}
