//! Sets of an object that may be large, piece by piece.

use lineguard_core::id::{FaxboxId, GroupId, Num, Subject};
use lineguard_core::port::{StoreError, TenantReader};
use lineguard_core::row::{LinkKind, Object, ObjectKind};

use crate::names::Names;

/// A set that an object has and that may be large.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Relation {
    /// Members of a group or a faxbox.
    Members,
    /// Owners.
    Owners,
    /// Who may act for a member.
    Delegates,
    /// What receives the faxes of a number.
    Targets,
}

/// An element of such a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Element {
    /// A subject.
    Subject(Subject),
    /// A group.
    Group(GroupId),
    /// A faxbox.
    Faxbox(FaxboxId),
}

/// A place in such a set: the kind of link, then what it leads to.
pub type Place = (u8, Num);

impl Relation {
    /// The relation that links of this kind make.
    pub const fn of(kind: LinkKind) -> Option<Self> {
        Some(match kind {
            LinkKind::GroupMember | LinkKind::FaxboxUser | LinkKind::FaxboxGroup => Self::Members,
            LinkKind::GroupOwner | LinkKind::FaxboxOwner | LinkKind::AccountOwner => Self::Owners,
            LinkKind::Delegation => Self::Delegates,
            LinkKind::NumberGroup | LinkKind::NumberFaxbox => Self::Targets,
            _ => return None,
        })
    }

    /// The kinds of link that make this relation of such an object; empty if it has none.
    pub const fn links(self, kind: ObjectKind) -> &'static [LinkKind] {
        match (self, kind) {
            (Self::Members, ObjectKind::Group) => &[LinkKind::GroupMember],
            (Self::Members, ObjectKind::Faxbox) => &[LinkKind::FaxboxUser, LinkKind::FaxboxGroup],
            (Self::Owners, ObjectKind::Group) => &[LinkKind::GroupOwner],
            (Self::Owners, ObjectKind::Faxbox) => &[LinkKind::FaxboxOwner],
            (Self::Owners, ObjectKind::Account) => &[LinkKind::AccountOwner],
            (Self::Delegates, ObjectKind::Member) => &[LinkKind::Delegation],
            (Self::Targets, ObjectKind::Number) => &[LinkKind::NumberGroup, LinkKind::NumberFaxbox],
            _ => &[],
        }
    }

    /// The elements after a place, at most `limit`, with their places.
    ///
    /// # Errors
    ///
    /// If the store gives no answer.
    pub async fn elements(
        self,
        reader: &mut dyn TenantReader,
        object: &Object,
        after: Place,
        limit: usize,
    ) -> Result<Vec<(Place, Element)>, StoreError> {
        let mut places = Vec::new();
        for (at, kind) in (0u8..).zip(self.links(object.kind)) {
            if places.len() < limit && at >= after.0 {
                let ends = reader.links_from(*kind, object.num).await?;
                let ends = ends.into_iter().map(|end| (at, end)).filter(|place| *place > after);
                places.extend(ends.take(limit - places.len()).map(|place| (*kind, place)));
            }
        }
        let names = Names::load(reader, places.iter().map(|(_, (_, num))| *num)).await?;
        let element = |(kind, place): (LinkKind, Place)| {
            let num = place.1;
            let element = match kind {
                LinkKind::FaxboxGroup | LinkKind::NumberGroup => Element::Group(names.group(num)?),
                LinkKind::NumberFaxbox => Element::Faxbox(names.faxbox(num)?),
                _ => Element::Subject(names.subject(num)?),
            };
            Ok((place, element))
        };
        places.into_iter().map(element).collect()
    }
}
