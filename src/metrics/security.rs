//! Figures of who may call: certificates, what is read anew, refusals.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use lineguard_core::id::Timestamp;
use opentelemetry::KeyValue;
use opentelemetry::metrics::{BoundCounter, Meter};

use super::catalogue::{self, CERTIFICATE_EXPIRY};
use super::{Metrics, at_zero, counter};
use crate::access::Refused;

/// Something that is read anew while the server runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reloaded {
    /// The certificate, its key and who may sign those of callers.
    Certificate,
    /// Who may call what.
    Callers,
    /// The keys that tokens are signed with.
    Jwks,
    /// What a sidecar proves itself to its parent by.
    Upstream,
}

impl Reloaded {
    pub(super) const ALL: [(Self, &'static str); 4] = [
        (Self::Certificate, "certificate"),
        (Self::Callers, "callers"),
        (Self::Jwks, "jwks"),
        (Self::Upstream, "upstream"),
    ];
}

/// To whom a certificate of ours is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShownTo {
    /// To callers.
    Callers,
    /// By a sidecar to its parent.
    Parent,
}

impl ShownTo {
    pub(super) const ALL: [(Self, &'static str); 2] =
        [(Self::Callers, "callers"), (Self::Parent, "parent")];
}

/// Why a caller was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Nobody that we know.
    Unauthenticated,
    /// Somebody who may not do this.
    PermissionDenied,
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Unauthenticated | Refused::Unclear(_) => Self::Unauthenticated,
            Refused::NotPermitted => Self::PermissionDenied,
        }
    }
}

impl Refusal {
    pub(super) const ALL: [(Self, &'static str); 2] =
        [(Self::Unauthenticated, "unauthenticated"), (Self::PermissionDenied, "permission_denied")];
}

/// Why a connection was not taken, was ended, or had a request reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnedAway {
    /// There are too many from its address.
    AddressLimit,
    /// All places were taken, and of those who had said nothing it had been there the longest.
    Crowded,
    /// It did not finish its handshake, or said nothing after it, in time.
    Silent,
    /// Its certificate is missing or not good.
    Certificate,
    /// It speaks no TLS, or not ours.
    Handshake,
    /// It sent floods of resets, headers and the like.
    Flood,
    /// What it sent is no HTTP/2.
    Protocol,
    /// A request on it was reset, because its headers are none that HTTP/2 allows.
    Malformed,
}

impl TurnedAway {
    pub(super) const ALL: [(Self, &'static str); 8] = [
        (Self::AddressLimit, "address_limit"),
        (Self::Crowded, "crowded"),
        (Self::Silent, "silent"),
        (Self::Certificate, "certificate"),
        (Self::Handshake, "handshake"),
        (Self::Flood, "flood"),
        (Self::Protocol, "protocol"),
        (Self::Malformed, "malformed"),
    ];
}

/// Where there is no certificate.
const NONE: i64 = i64::MIN;

pub(super) struct Instruments {
    /// By whom it is shown to.
    expiry: Arc<[AtomicI64; ShownTo::ALL.len()]>,
    /// By what it was; success and failure.
    reloads: [[BoundCounter<u64>; 2]; Reloaded::ALL.len()],
    refused: [BoundCounter<u64>; Refusal::ALL.len()],
    turned_away: [BoundCounter<u64>; TurnedAway::ALL.len()],
}

impl Instruments {
    pub(super) fn new(meter: &Meter) -> Self {
        let expiry = Arc::new(ShownTo::ALL.map(|_| AtomicI64::new(NONE)));
        let read = Arc::clone(&expiry);
        let figure = CERTIFICATE_EXPIRY;
        let _ = meter
            .i64_observable_gauge(figure.name)
            .with_unit(figure.unit)
            .with_description(figure.help)
            .with_callback(move |into| {
                for (moment, (_, to)) in read.iter().zip(ShownTo::ALL) {
                    let seconds = moment.load(Ordering::Relaxed);
                    if seconds != NONE {
                        into.observe(seconds, &[KeyValue::new(catalogue::SHOWN_TO, to)]);
                    }
                }
            })
            .build();
        let reloads = counter(meter, &catalogue::RELOADS);
        let refused = counter(meter, &catalogue::REFUSED);
        let turned_away = counter(meter, &catalogue::TURNED_AWAY);
        let reloaded = |what, result| {
            at_zero(reloads.bind(&[
                KeyValue::new(catalogue::WHAT, what),
                KeyValue::new(catalogue::RELOADED, result),
            ]))
        };
        Self {
            expiry,
            reloads: Reloaded::ALL
                .map(|(_, what)| ["success", "failure"].map(|result| reloaded(what, result))),
            refused: Refusal::ALL.map(|(_, reason)| {
                at_zero(refused.bind(&[KeyValue::new(catalogue::REFUSAL, reason)]))
            }),
            turned_away: TurnedAway::ALL.map(|(_, why)| {
                at_zero(turned_away.bind(&[KeyValue::new(catalogue::TURNED_AWAY_FOR, why)]))
            }),
        }
    }
}

impl Metrics {
    /// The certificate that is shown there ends then; none if none is shown.
    pub fn certificate_expires(&self, to: ShownTo, ends: Option<Timestamp>) {
        let moment = self.0.as_ref().and_then(|on| on.security.expiry.get(to as usize));
        if let Some(moment) = moment {
            moment.store(ends.map_or(NONE, |ends| ends.0 / 1_000), Ordering::Relaxed);
        }
    }

    /// Something was read anew, or could not be.
    pub fn reloaded(&self, what: Reloaded, success: bool) {
        let counters = self.0.as_ref().and_then(|on| on.security.reloads.get(what as usize));
        if let Some([succeeded, failed]) = counters {
            (if success { succeeded } else { failed }).add(1);
        }
    }

    /// A caller was refused.
    pub fn refused(&self, reason: Refusal) {
        let counter = self.0.as_ref().and_then(|on| on.security.refused.get(reason as usize));
        if let Some(counter) = counter {
            counter.add(1);
        }
    }

    /// A connection was not taken, was ended for what came over it, or had a request reset.
    pub fn turned_away(&self, why: TurnedAway) {
        let counter = self.0.as_ref().and_then(|on| on.security.turned_away.get(why as usize));
        if let Some(counter) = counter {
            counter.add(1);
        }
    }
}
