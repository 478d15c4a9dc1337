//! Lists in three states, overrides and number targets, as changes and objects carry them.

use std::collections::BTreeMap;

use lineguard_core::change::{
    AttachmentSource, ListValue, MemberList, NumberList, NumberTarget, OverrideValue,
};
use lineguard_core::id::{ExternalId, PhoneNumber};
use lineguard_core::model::ScopeKind;
use lineguard_core::suggest::nearest;
use lineguard_core::vocabulary::SendChannel;

use super::enums::{self, WireEnum};
use super::field::Field;
use super::invalid::{Faults, Path, unknown};
use super::{id, pb};

impl Field<String> for AttachmentSource {
    fn read(faults: &mut Faults, at: &Path<'_>, wire: String) -> Option<Self> {
        Self::from_word(&wire).or_else(|| {
            let suggestion = nearest(&wire, Self::ALL.map(|(_, word)| word));
            faults.add(at, unknown("attachment source", &wire, suggestion))
        })
    }

    fn to_wire(&self) -> String {
        self.as_str().to_owned()
    }
}

impl<T: Field<String>> Field<Option<pb::ListValue>> for ListValue<T> {
    fn read(faults: &mut Faults, at: &Path<'_>, wire: Option<pb::ListValue>) -> Option<Self> {
        let pb::ListValue { state, values } = faults.required(at, wire)?;
        let empty = values.is_empty();
        let list = match pb::ListState::try_from(state) {
            Ok(pb::ListState::Values) => {
                return faults.each(&at.field("values"), values, T::read).map(Self::These);
            }
            Ok(pb::ListState::Unset) => Self::Unset,
            Ok(pb::ListState::All) => Self::All,
            Ok(pb::ListState::Unspecified) => {
                return faults.add(&at.field("state"), "is required");
            }
            Err(_) => return faults.add(&at.field("state"), enums::unknown_number(state)),
        };
        if empty {
            return Some(list);
        }
        faults.add(&at.field("values"), "must be empty unless the state is `LIST_STATE_VALUES`")
    }

    fn to_wire(&self) -> Option<pb::ListValue> {
        let (state, values) = match self {
            Self::Unset => (pb::ListState::Unset, Vec::new()),
            Self::All => (pb::ListState::All, Vec::new()),
            Self::These(values) => {
                (pb::ListState::Values, values.iter().map(Field::to_wire).collect())
            }
        };
        Some(pb::ListValue { state: state.into(), values })
    }
}

/// Reads a list of a member from its two fields.
pub(super) fn member_list(
    faults: &mut Faults,
    at: &Path<'_>,
    list: i32,
    value: Option<pb::ListValue>,
) -> Option<MemberList> {
    use pb::MemberList as Wire;

    let at_list = at.field("list");
    let list = match Wire::try_from(list) {
        Ok(list) => list,
        Err(_) => return faults.add(&at_list, enums::unknown_number(list)),
    };
    let at = &at.field("value");
    match list {
        Wire::Unspecified => faults.add(&at_list, "is required"),
        Wire::AccessNumbers => Field::read(faults, at, value)
            .map(|value| MemberList::Numbers(NumberList::Access, value)),
        Wire::AutoAssignNumbers => Field::read(faults, at, value)
            .map(|value| MemberList::Numbers(NumberList::AutoAssign, value)),
        Wire::GrantedNumbers => Field::read(faults, at, value)
            .map(|value| MemberList::Numbers(NumberList::Granted, value)),
        Wire::HeldExtensions => Field::read(faults, at, value).map(MemberList::HeldExtensions),
        Wire::GrantedExtensions => {
            Field::read(faults, at, value).map(MemberList::GrantedExtensions)
        }
        Wire::GrantedQueues => Field::read(faults, at, value).map(MemberList::GrantedQueues),
        Wire::Labels => Field::read(faults, at, value).map(MemberList::Labels),
        Wire::SendFromFax => Field::read(faults, at, value)
            .map(|value| MemberList::SendFrom(SendChannel::Fax, value)),
        Wire::SendFromMessage => Field::read(faults, at, value)
            .map(|value| MemberList::SendFrom(SendChannel::Message, value)),
        Wire::SendFromCall => Field::read(faults, at, value)
            .map(|value| MemberList::SendFrom(SendChannel::Call, value)),
        Wire::AttachmentSources => {
            Field::read(faults, at, value).map(MemberList::AttachmentSources)
        }
    }
}

/// A list of a member as its two fields.
pub(super) fn member_list_to_wire(list: &MemberList) -> (i32, Option<pb::ListValue>) {
    use pb::MemberList as Wire;

    let (list, value) = match list {
        MemberList::Numbers(NumberList::Access, value) => (Wire::AccessNumbers, value.to_wire()),
        MemberList::Numbers(NumberList::AutoAssign, value) => {
            (Wire::AutoAssignNumbers, value.to_wire())
        }
        MemberList::Numbers(NumberList::Granted, value) => (Wire::GrantedNumbers, value.to_wire()),
        MemberList::HeldExtensions(value) => (Wire::HeldExtensions, value.to_wire()),
        MemberList::GrantedExtensions(value) => (Wire::GrantedExtensions, value.to_wire()),
        MemberList::GrantedQueues(value) => (Wire::GrantedQueues, value.to_wire()),
        MemberList::Labels(value) => (Wire::Labels, value.to_wire()),
        MemberList::SendFrom(SendChannel::Fax, value) => (Wire::SendFromFax, value.to_wire()),
        MemberList::SendFrom(SendChannel::Message, value) => {
            (Wire::SendFromMessage, value.to_wire())
        }
        MemberList::SendFrom(SendChannel::Call, value) => (Wire::SendFromCall, value.to_wire()),
        MemberList::AttachmentSources(value) => (Wire::AttachmentSources, value.to_wire()),
    };
    (list.into(), value)
}

impl Field<Option<pb::OverrideValue>> for OverrideValue {
    fn read(faults: &mut Faults, at: &Path<'_>, wire: Option<pb::OverrideValue>) -> Option<Self> {
        let pb::OverrideValue { state, scopes } = faults.required(at, wire)?;
        let at_scopes = at.field("scopes");
        let scoped = !scopes.is_empty();
        let value = match pb::OverrideState::try_from(state) {
            Ok(pb::OverrideState::Scoped) => {
                return read_scopes(faults, &at_scopes, scopes).map(Self::Scoped);
            }
            Ok(pb::OverrideState::Unset) => Self::Unset,
            Ok(pb::OverrideState::Off) => Self::Off,
            Ok(pb::OverrideState::On) => Self::On,
            Ok(pb::OverrideState::Unspecified) => {
                return faults.add(&at.field("state"), "is required");
            }
            Err(_) => return faults.add(&at.field("state"), enums::unknown_number(state)),
        };
        // Scopes beside a plain "on" would be lost, and the grant wider than was meant.
        if scoped {
            return faults
                .add(&at_scopes, "must be empty unless the state is `OVERRIDE_STATE_SCOPED`");
        }
        Some(value)
    }

    fn to_wire(&self) -> Option<pb::OverrideValue> {
        let (state, scopes) = match self {
            Self::Unset => (pb::OverrideState::Unset, Vec::new()),
            Self::Off => (pb::OverrideState::Off, Vec::new()),
            Self::On => (pb::OverrideState::On, Vec::new()),
            Self::Scoped(scopes) => {
                let limit = |(kind, values): (&ScopeKind, &Vec<String>)| pb::ScopeLimit {
                    kind: kind.to_wire(),
                    values: values.clone(),
                };
                (pb::OverrideState::Scoped, scopes.iter().map(limit).collect())
            }
        };
        Some(pb::OverrideValue { state: state.into(), scopes })
    }
}

type Scopes = BTreeMap<ScopeKind, Vec<String>>;

fn read_scopes(faults: &mut Faults, at: &Path<'_>, limits: Vec<pb::ScopeLimit>) -> Option<Scopes> {
    if limits.is_empty() {
        return faults.add(at, "needs at least one limit");
    }
    let mut scopes = Scopes::new();
    faults.each(at, limits, |faults, at, limit| {
        let pb::ScopeLimit { kind, values } = limit;
        let kind = enums::required(faults, &at.field("kind"), kind)?;
        let values = faults.each(&at.field("values"), values, |faults, at, value| {
            check_scope(faults, at, kind, &value).map(|()| value)
        })?;
        if scopes.insert(kind, values).is_some() {
            return faults.add(&at.field("kind"), "is limited twice");
        }
        Some(())
    })?;
    Some(scopes)
}

fn check_scope(faults: &mut Faults, at: &Path<'_>, kind: ScopeKind, value: &str) -> Option<()> {
    match kind {
        ScopeKind::Number => id::required::<PhoneNumber>(faults, at, value).map(|_| ()),
        ScopeKind::Source => AttachmentSource::read(faults, at, value.to_owned()).map(|_| ()),
        ScopeKind::FormType | ScopeKind::DocumentType | ScopeKind::Template => {
            id::required::<ExternalId>(faults, at, value).map(|_| ())
        }
    }
}

impl Field<Option<pb::NumberTarget>> for NumberTarget {
    fn read(faults: &mut Faults, at: &Path<'_>, wire: Option<pb::NumberTarget>) -> Option<Self> {
        use pb::number_target::Kind;

        let pb::NumberTarget { kind } = faults.required(at, wire)?;
        match kind {
            None => faults.add(at, "needs `group` or `faxbox`"),
            Some(Kind::Group(group)) => {
                Field::read(faults, &at.field("group"), group).map(Self::Group)
            }
            Some(Kind::Faxbox(faxbox)) => {
                Field::read(faults, &at.field("faxbox"), faxbox).map(Self::Faxbox)
            }
        }
    }

    fn to_wire(&self) -> Option<pb::NumberTarget> {
        let kind = match self {
            Self::Group(group) => pb::number_target::Kind::Group(group.to_wire()),
            Self::Faxbox(faxbox) => pb::number_target::Kind::Faxbox(faxbox.to_wire()),
        };
        Some(pb::NumberTarget { kind: Some(kind) })
    }
}
