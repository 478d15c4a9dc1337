//! From the numbers that rows hold back to the identifiers that callers know.

use std::collections::{BTreeSet, HashMap};

use lineguard_core::change::UserOrGroup;
use lineguard_core::id::{
    AccountId, ExtensionId, ExternalId, FaxboxId, GroupId, Key, Num, PhoneNumber, QueueId, Subject,
};
use lineguard_core::port::{FaxRow, StoreError, TenantReader};
use lineguard_core::row::{self, Object, ObjectKind};

use crate::wire::faxes::NamedFax;

/// How many objects are read by one statement.
const PAGE: usize = 500;

/// Objects of one tenant by their number, read at once.
#[derive(Debug, Clone)]
pub struct Names {
    tenant: Num,
    objects: HashMap<Num, Object>,
}

impl Names {
    /// Reads the objects of these numbers, each once. One that does not exist is an error only
    /// where it is asked for.
    pub async fn load(
        reader: &mut dyn TenantReader,
        nums: impl IntoIterator<Item = Num>,
    ) -> Result<Self, StoreError> {
        let nums = Vec::from_iter(BTreeSet::from_iter(nums));
        let mut names = Self { tenant: reader.tenant().await?.num, objects: HashMap::new() };
        for chunk in nums.chunks(PAGE) {
            names.extend(reader.get(chunk).await?);
        }
        Ok(names)
    }

    /// Adds objects that have been read already.
    pub fn extend(&mut self, objects: impl IntoIterator<Item = Object>) {
        self.objects.extend(objects.into_iter().map(|object| (object.num, object)));
    }

    /// The tenant's own number in the store.
    pub const fn tenant(&self) -> Num {
        self.tenant
    }

    /// An object; none if it was not asked for or does not exist.
    pub fn object(&self, num: Num) -> Option<&Object> {
        self.objects.get(&num)
    }

    /// A user or a group.
    pub fn user_or_group(&self, num: Num) -> Result<UserOrGroup, StoreError> {
        let kind = self.object(num).map(|object| object.kind);
        if kind == Some(ObjectKind::Group) {
            return self.group(num).map(UserOrGroup::Group);
        }
        self.subject(num).map(UserOrGroup::User)
    }

    /// The subject of a member.
    pub fn subject_of_member(&self, num: Num) -> Result<Subject, StoreError> {
        self.parsed(num, ObjectKind::Member, Subject::from_qualified)
    }

    /// The id of an object of this kind, whatever its form.
    pub fn text(&self, num: Num, kind: ObjectKind) -> Result<&str, StoreError> {
        let object = self.object(num).ok_or_else(|| row::corrupt(self.tenant, "num", num))?;
        if object.kind != kind {
            return Err(row::corrupt(self.tenant, "kind", num));
        }
        Ok(&object.id)
    }

    fn parsed<T>(
        &self,
        num: Num,
        kind: ObjectKind,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, StoreError> {
        parse(self.text(num, kind)?).ok_or_else(|| row::corrupt(self.tenant, "id", num))
    }
}

/// One getter for each kind of identifier. An id that does not parse names its row.
macro_rules! getters {
    ($($(#[$doc:meta])* $name:ident: $kind:ident -> $ty:ident = $parse:expr;)+) => {
        impl Names {
            $($(#[$doc])*
            pub fn $name(&self, num: Num) -> Result<$ty, StoreError> {
                self.parsed(num, ObjectKind::$kind, $parse)
            })+
        }
    };
}

getters! {
    /// An account.
    account: Account -> AccountId = |id| AccountId::parse(id).ok();
    /// A subject.
    subject: Subject -> Subject = Subject::from_qualified;
    /// A group.
    group: Group -> GroupId = |id| GroupId::parse(id).ok();
    /// A role of the tenant's own, or an adjusted one.
    role: Role -> Key = |id| Key::parse(id).ok();
    /// A number.
    number: Number -> PhoneNumber = |id| PhoneNumber::parse(id).ok();
    /// An extension.
    extension: Extension -> ExtensionId = |id| ExtensionId::parse(id).ok();
    /// A queue.
    queue: Queue -> QueueId = |id| QueueId::parse(id).ok();
    /// A faxbox.
    faxbox: Faxbox -> FaxboxId = |id| FaxboxId::parse(id).ok();
    /// A label.
    label: Label -> ExternalId = |id| ExternalId::parse(id).ok();
}

/// The numbers that a fax names.
pub fn named_by(fax: &FaxRow) -> impl Iterator<Item = Num> + '_ {
    let single = [Some(fax.account), fax.number, fax.faxbox, fax.creator, fax.assignee];
    single.into_iter().flatten().chain(fax.labels.iter().copied())
}

/// A fax with the identifiers that its numbers stand for.
pub fn named_fax(fax: &FaxRow, names: &Names) -> Result<NamedFax, StoreError> {
    let FaxRow {
        num: _,
        id,
        account,
        direction,
        number,
        faxbox,
        creator,
        assignee,
        state,
        labels,
        at,
        attachment_sources,
    } = fax;
    Ok(NamedFax {
        fax: id.clone(),
        account: names.account(*account)?,
        direction: *direction,
        // A number may be removed while faxes are left that arrived on it; then none is known.
        number: number
            .filter(|num| names.object(*num).is_some())
            .map(|num| names.number(num))
            .transpose()?,
        faxbox: faxbox.map(|num| names.faxbox(num)).transpose()?,
        creator: creator.map(|num| names.subject(num)).transpose()?,
        assignee: assignee.map(|num| names.user_or_group(num)).transpose()?,
        state: *state,
        labels: labels.iter().map(|num| names.label(*num)).collect::<Result<_, _>>()?,
        at: *at,
        attachment_sources: *attachment_sources,
    })
}

/// Faxes with their identifiers, in the same order.
pub async fn named_faxes(
    reader: &mut dyn TenantReader,
    faxes: &[FaxRow],
) -> Result<Vec<NamedFax>, StoreError> {
    let nums: Vec<Num> = faxes.iter().flat_map(named_by).collect();
    let names = Names::load(reader, nums).await?;
    faxes.iter().map(|fax| named_fax(fax, &names)).collect()
}
