//! Statements of the database, as spans and figures.

use lineguard_lease::{Clock as _, Moment, SystemClock};
use lineguard_store::{Ending, Statement, Watch};
use opentelemetry::trace::SpanKind;

use super::trace::{self, Span};
use crate::metrics::{Asked, Metrics, catalogue};

/// Watches a store for one server.
pub struct Statements(pub Metrics);

impl Watch for Statements {
    fn begun(&self, statement: Statement) -> Box<dyn Ending> {
        trace::count_statement();
        let Statement { system, operation, table } = statement;
        let name = || match table {
            Some(table) => format!("{operation} {table}").into(),
            None => operation.into(),
        };
        let mut span = trace::child(SpanKind::Client, name);
        if let Some(span) = &mut span {
            span.set(catalogue::DB_SYSTEM, system);
            span.set(catalogue::DB_OPERATION, operation);
            if let Some(table) = table {
                span.set(catalogue::DB_TABLE, table);
            }
        }
        let what = Asked { system, operation, table };
        Box::new(Sent { metrics: self.0.clone(), what, span, begun: SystemClock.now() })
    }
}

/// A statement that is under way.
struct Sent {
    metrics: Metrics,
    what: Asked,
    span: Option<Span>,
    begun: Moment,
}

impl Ending for Sent {
    fn ended(mut self: Box<Self>, well: bool) {
        if let (Some(span), false) = (&mut self.span, well) {
            span.fail("_OTHER");
        }
        let time = SystemClock.now().since(self.begun);
        self.metrics.asked(self.what, time, well);
    }
}
