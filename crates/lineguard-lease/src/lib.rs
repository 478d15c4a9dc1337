//! How recent a replica is.
//!
//! Replicas answer from caches without asking anybody, and still no answer that starts after a
//! write was acknowledged is older than that write. This crate keeps the promise:
//!
//! - Every change raises a counter in the database. Each replica polls the counters, and what
//!   changed behind those that moved. What a poll showed is the replica's *view*; from the moment
//!   the poll was sent it may answer from that view for the length of a *lease*, by its own clock.
//! - A cached entry says at which state it was built, and from what. It may be used while nothing
//!   it was built from has changed since, as far as the view tells ([`Sight::valid`]).
//! - A writer acknowledges when all replicas have confirmed that they installed its change, or
//!   when every lease that was taken before its commit is over ([`Freshness::in_force`]).
//! - A replica that did not confirm is fenced: it gets no new lease before it has registered
//!   anew, so that others need not wait for it for long.
//!
//! Messages between replicas ([`Bus`]) make this quick. It is right without them.
//!
//! A replica may also follow another one instead of a database ([`FollowerFeed`]): it takes its
//! lease from what is left of its parent's ([`Grants`]), and the parent confirms nothing that its
//! followers do not have too, unless their leases are over.

mod bus;
mod clock;
mod follower;
mod freshness;
mod grants;
mod heard;
#[cfg(test)]
mod interleavings;
mod keeper;
mod ledger;
#[cfg(test)]
mod ledger_tests;
mod pace;
mod params;
mod plan;
mod poller;
mod records;
mod replica;
mod shards;
mod signal;
mod state;
#[cfg(test)]
mod state_tests;
mod status;
mod sync;
mod told;
mod view;
mod writer;

pub use bus::{Bus, Heard, NoBus};
pub use clock::{Clock, Moment, SystemClock};
pub use follower::{FollowerFeed, Parent};
pub use freshness::{Freshness, NotReached};
pub use grants::{Grants, Hints, NoRoom, NotGranted, Renewed};
pub use lineguard_core::feed::Incarnation;
pub use pace::{Pauses, Seldom};
pub use params::{Params, ParamsError};
pub use status::Status;
pub use view::Sight;
pub use writer::Acknowledged;
