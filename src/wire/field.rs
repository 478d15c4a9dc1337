//! One field of a change or of a fax: how it is read from the wire, and how it is written.
//!
//! The pair of types says which rule applies, so that a table of names is all that a message with
//! many fields needs, and both ways are always complete.

use lineguard_core::change::{AccountKind, FaxesLeft, SourceSet, UserOrGroup};
use lineguard_core::facts::{Capabilities, MemberStatus};
use lineguard_core::id::{
    AccountId, ExtensionId, ExternalId, FaxId, FaxboxId, GroupId, InvitationId, Key, ModelDigest,
    PhoneNumber, QueueId, RequestId, Subject, TenantId, Timestamp,
};
use lineguard_core::model::reach::{Direction, FaxState};

use super::enums::{self, WireEnum};
use super::invalid::{Faults, Path};
use super::{id, pb};

/// A value of ours that stands in a field of the wire type `W`.
pub(super) trait Field<W>: Sized {
    /// Reads the field; `None` after a fault has been added.
    fn read(faults: &mut Faults, at: &Path<'_>, wire: W) -> Option<Self>;

    /// Writes the field.
    fn to_wire(&self) -> W;
}

macro_rules! ids {
    ($($name:ident),+ $(,)?) => {$(
        impl Field<String> for $name {
            fn read(faults: &mut Faults, at: &Path<'_>, wire: String) -> Option<Self> {
                id::required(faults, at, &wire)
            }

            fn to_wire(&self) -> String {
                self.as_str().to_owned()
            }
        }

        impl Field<Option<String>> for Option<$name> {
            fn read(faults: &mut Faults, at: &Path<'_>, wire: Option<String>) -> Option<Self> {
                id::optional(faults, at, wire.as_deref())
            }

            fn to_wire(&self) -> Option<String> {
                self.as_ref().map(|id| id.as_str().to_owned())
            }
        }

        impl Field<Vec<String>> for Vec<$name> {
            fn read(faults: &mut Faults, at: &Path<'_>, wire: Vec<String>) -> Option<Self> {
                id::set(faults, at, &wire)
            }

            fn to_wire(&self) -> Vec<String> {
                self.iter().map(|id| id.as_str().to_owned()).collect()
            }
        }
    )+};
}

ids!(
    AccountId,
    ExtensionId,
    ExternalId,
    FaxId,
    FaxboxId,
    GroupId,
    InvitationId,
    Key,
    PhoneNumber,
    QueueId,
    RequestId,
    TenantId,
);

/// Values that are the same on both sides.
macro_rules! plain {
    ($($ty:ty),+) => {$(
        impl Field<$ty> for $ty {
            fn read(_: &mut Faults, _: &Path<'_>, wire: $ty) -> Option<Self> {
                Some(wire)
            }

            fn to_wire(&self) -> $ty {
                *self
            }
        }
    )+};
}

plain!(bool, Option<bool>);

/// Enumerations that must be specified.
macro_rules! required_enums {
    ($($name:ident),+) => {$(
        impl Field<i32> for $name {
            fn read(faults: &mut Faults, at: &Path<'_>, wire: i32) -> Option<Self> {
                enums::required(faults, at, wire)
            }

            fn to_wire(&self) -> i32 {
                WireEnum::to_wire(*self)
            }
        }
    )+};
}

required_enums!(Direction, FaxState, MemberStatus);

impl Field<i32> for AccountKind {
    fn read(faults: &mut Faults, at: &Path<'_>, wire: i32) -> Option<Self> {
        enums::optional(faults, at, wire).map(Option::unwrap_or_default)
    }

    fn to_wire(&self) -> i32 {
        WireEnum::to_wire(*self)
    }
}

impl Field<i32> for Option<FaxesLeft> {
    fn read(faults: &mut Faults, at: &Path<'_>, wire: i32) -> Option<Self> {
        enums::optional(faults, at, wire)
    }

    fn to_wire(&self) -> i32 {
        enums::optional_to_wire(*self)
    }
}

/// A text is always a title.
impl Field<String> for String {
    fn read(faults: &mut Faults, at: &Path<'_>, wire: String) -> Option<Self> {
        id::title(faults, at, wire)
    }

    fn to_wire(&self) -> String {
        self.clone()
    }
}

impl Field<String> for ModelDigest {
    fn read(faults: &mut Faults, at: &Path<'_>, wire: String) -> Option<Self> {
        id::digest(faults, at, &wire)
    }

    fn to_wire(&self) -> String {
        self.to_string()
    }
}

impl Field<Option<pb::Subject>> for Subject {
    fn read(faults: &mut Faults, at: &Path<'_>, wire: Option<pb::Subject>) -> Option<Self> {
        id::subject(faults, at, wire)
    }

    fn to_wire(&self) -> Option<pb::Subject> {
        Some(id::subject_to_wire(self))
    }
}

impl Field<Option<pb::Subject>> for Option<Subject> {
    fn read(faults: &mut Faults, at: &Path<'_>, wire: Option<pb::Subject>) -> Option<Self> {
        id::optional_subject(faults, at, wire.as_ref())
    }

    fn to_wire(&self) -> Option<pb::Subject> {
        self.as_ref().map(id::subject_to_wire)
    }
}

impl Field<Option<pb::UserOrGroup>> for UserOrGroup {
    fn read(faults: &mut Faults, at: &Path<'_>, wire: Option<pb::UserOrGroup>) -> Option<Self> {
        let wire = faults.required(at, wire)?;
        id::user_or_group(faults, at, &wire)
    }

    fn to_wire(&self) -> Option<pb::UserOrGroup> {
        Some(id::user_or_group_to_wire(self))
    }
}

impl Field<Option<pb::UserOrGroup>> for Option<UserOrGroup> {
    fn read(faults: &mut Faults, at: &Path<'_>, wire: Option<pb::UserOrGroup>) -> Option<Self> {
        id::optional_user_or_group(faults, at, wire.as_ref())
    }

    fn to_wire(&self) -> Option<pb::UserOrGroup> {
        self.as_ref().map(id::user_or_group_to_wire)
    }
}

impl Field<Option<pb::Keys>> for Option<Vec<Key>> {
    fn read(faults: &mut Faults, at: &Path<'_>, wire: Option<pb::Keys>) -> Option<Self> {
        let Some(pb::Keys { keys }) = wire else {
            return Some(None);
        };
        id::set(faults, &at.field("keys"), &keys).map(Some)
    }

    fn to_wire(&self) -> Option<pb::Keys> {
        self.as_ref().map(|keys| pb::Keys { keys: keys.to_wire() })
    }
}

impl Field<Option<pb::AttachmentSources>> for SourceSet {
    fn read(
        faults: &mut Faults,
        at: &Path<'_>,
        wire: Option<pb::AttachmentSources>,
    ) -> Option<Self> {
        let wire = faults.required(at, wire)?;
        Field::read(faults, at, Some(wire)).flatten()
    }

    fn to_wire(&self) -> Option<pb::AttachmentSources> {
        Some(self).copied().to_wire()
    }
}

/// Unset is not known, and an empty list known to be none.
impl Field<Option<pb::AttachmentSources>> for Option<SourceSet> {
    fn read(
        faults: &mut Faults,
        at: &Path<'_>,
        wire: Option<pb::AttachmentSources>,
    ) -> Option<Self> {
        let Some(pb::AttachmentSources { sources }) = wire else {
            return Some(None);
        };
        let sources = faults.each(&at.field("sources"), sources, enums::required)?;
        Some(Some(sources.into_iter().collect()))
    }

    fn to_wire(&self) -> Option<pb::AttachmentSources> {
        let sources = |set: SourceSet| set.iter().map(WireEnum::to_wire).collect();
        self.map(|set| pb::AttachmentSources { sources: sources(set) })
    }
}

impl Field<Option<prost_types::Timestamp>> for Timestamp {
    fn read(
        faults: &mut Faults,
        at: &Path<'_>,
        wire: Option<prost_types::Timestamp>,
    ) -> Option<Self> {
        id::time(faults, at, wire)
    }

    fn to_wire(&self) -> Option<prost_types::Timestamp> {
        Some(id::time_to_wire(*self))
    }
}

impl Field<Option<pb::Capabilities>> for Capabilities {
    fn read(_: &mut Faults, _: &Path<'_>, wire: Option<pb::Capabilities>) -> Option<Self> {
        let pb::Capabilities { voice, fax, message } = wire.unwrap_or_default();
        Some(Self { voice, fax, message })
    }

    fn to_wire(&self) -> Option<pb::Capabilities> {
        let Self { voice, fax, message } = *self;
        Some(pb::Capabilities { voice, fax, message })
    }
}
