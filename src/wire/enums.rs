//! Enumerations: each value of ours and its value on the wire, written once for both ways.

use lineguard_core::change::{AccountKind, AttachmentSource, FaxesLeft, IfExists};
use lineguard_core::decision::{Effect, Reason};
use lineguard_core::facts::MemberStatus;
use lineguard_core::model::reach::{Direction, FaxState};
use lineguard_core::model::{Channel, Obligation, ScopeKind};
use lineguard_core::row::ObjectKind;
use lineguard_core::vocabulary::SendChannel;

use super::invalid::{Faults, Path};
use super::pb;

/// An enumeration with a counterpart on the wire, whose zero value says nothing.
pub trait WireEnum: Copy {
    /// The generated counterpart.
    type Wire: TryFrom<i32>;

    /// Our value; none for the unspecified one.
    fn from_wire(wire: Self::Wire) -> Option<Self>;

    /// The number on the wire.
    fn to_wire(self) -> i32;
}

macro_rules! wire_enums {
    ($($name:ident { $($value:ident),+ $(,)? })+) => {$(
        impl WireEnum for $name {
            type Wire = pb::$name;

            fn from_wire(wire: pb::$name) -> Option<Self> {
                match wire {
                    pb::$name::Unspecified => None,
                    $(pb::$name::$value => Some(Self::$value),)+
                }
            }

            fn to_wire(self) -> i32 {
                match self {
                    $(Self::$value => pb::$name::$value.into(),)+
                }
            }
        }
    )+};
}

wire_enums! {
    AccountKind { Shared, Personal }
    AttachmentSource { Computer, Cloud, MobileScan, Library }
    Channel { Web, Desktop, Mobile, Api }
    Direction { Inbound, Outbound }
    Effect { Allow, Deny }
    FaxesLeft { Delete, Keep }
    FaxState { Draft, Pending, Active, Trash }
    IfExists { Refuse, Update, Keep }
    MemberStatus { Invited, Unverified, Active, Suspended, Removed }
    Obligation { Approval }
    Reason {
        Granted, NotAMemberOfActingAccount, MemberInvited, MemberUnverified, MemberSuspended,
        MemberRemoved, ChannelNotAllowed, NotEntitled, ProductSwitchedOff, FeatureOff, NoGrant,
        ExplicitlyDenied, RequirementNotMet, OutOfReach, MayNotConfer, NumberNotUsable,
        NumberNotHeld, Restricted,
        RecipientNotVerified, LockedByAnother, OwnerIsSpared, EmergencyCall,
    }
    ScopeKind { Number, FormType, DocumentType, Template, Source }
    SendChannel { Fax, Message, Call }
}

/// The kind of object that a list asks for; none for the unspecified one. Subjects, labels and
/// other plain names are not listed.
pub(super) const fn listed_kind(wire: pb::ObjectKind) -> Option<ObjectKind> {
    match wire {
        pb::ObjectKind::Unspecified => None,
        pb::ObjectKind::Account => Some(ObjectKind::Account),
        pb::ObjectKind::Member => Some(ObjectKind::Member),
        pb::ObjectKind::Group => Some(ObjectKind::Group),
        pb::ObjectKind::Role => Some(ObjectKind::Role),
        pb::ObjectKind::Number => Some(ObjectKind::Number),
        pb::ObjectKind::Extension => Some(ObjectKind::Extension),
        pb::ObjectKind::Queue => Some(ObjectKind::Queue),
        pb::ObjectKind::Faxbox => Some(ObjectKind::Faxbox),
        pb::ObjectKind::Invitation => Some(ObjectKind::Invitation),
    }
}

/// A value that must be one of the known ones.
pub(super) fn required<T: WireEnum>(faults: &mut Faults, at: &Path<'_>, raw: i32) -> Option<T> {
    let value = optional(faults, at, raw)?;
    faults.required(at, value)
}

/// A value that may be unspecified.
pub(super) fn optional<T: WireEnum>(
    faults: &mut Faults,
    at: &Path<'_>,
    raw: i32,
) -> Option<Option<T>> {
    match T::Wire::try_from(raw) {
        Ok(wire) => Some(T::from_wire(wire)),
        Err(_) => faults.add(at, unknown_number(raw)),
    }
}

/// The problem of a number that no value has.
pub(super) fn unknown_number(raw: i32) -> String {
    format!("unknown value {raw}")
}

/// The number of a value that may be unspecified.
pub(super) fn optional_to_wire<T: WireEnum>(value: Option<T>) -> i32 {
    value.map_or(0, T::to_wire)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_goes_to_the_wire_by_its_own_code() {
        for (reason, code) in Reason::ALL {
            let wire = pb::Reason::try_from(reason.to_wire()).unwrap();
            assert_eq!(wire.as_str_name(), format!("REASON_{code}"));
            assert_eq!(Reason::from_wire(wire), Some(reason));
        }
    }

    #[test]
    fn a_value_from_the_future_is_a_fault_and_not_unspecified() {
        let result =
            Faults::collect(|faults, at| optional::<Direction>(faults, &at.field("direction"), 9));
        assert_eq!(result.unwrap_err().to_string(), "`direction` unknown value 9");
    }

    #[test]
    fn a_required_value_may_not_be_unspecified() {
        let result =
            Faults::collect(|faults, at| required::<FaxState>(faults, &at.field("state"), 0));
        assert_eq!(result.unwrap_err().to_string(), "`state` is required");
    }
}
