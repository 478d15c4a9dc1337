//! The engine: one rule, two readers.
//!
//! [`compile`] turns what is known about a member into an [`Authority`]: for every action the
//! *terms* that grant it. [`decide`] reads them for one resource; [`Authority::terms`] hands the
//! same terms to the list. Nothing here does I/O, reads a clock, or can panic.

mod at_large;
mod authority;
pub mod caller_id;
mod compile;
mod decide;
mod effective;
mod evaluate;
mod outgoing;

pub use at_large::holds_at_large;
pub use authority::{
    AccountReach, Authority, CompiledExcept, Everything, IdSet, Origin, OriginKind, Part, Term,
};
pub use compile::{UnknownKey, compile, levels_in_force};
pub use decide::{decide, emergency_call, is_seen, may_know, may_see, not_a_member};
pub use effective::role_permissions;
pub(crate) use evaluate::Sides;
pub use evaluate::Truth;
pub use outgoing::by_faxbox;
