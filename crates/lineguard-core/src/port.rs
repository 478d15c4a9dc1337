//! Ports: what the service needs from a store. Every store shows the behaviour that the
//! conformance suite of `lineguard-testkit` describes.

use std::fmt;

use async_trait::async_trait;

use crate::change::{Applied, Batch, Import, Imported, NewFax, SourceSet};
use crate::id::{
    AccountId, ExternalId, FaxId, ModelDigest, Num, PhoneNumber, Revision, Subject, TenantId,
    Timestamp,
};
use crate::model::reach::{Direction, FaxState};
use crate::row::{Link, LinkKind, Object, ObjectKind};
use crate::stamp::Stamp;

/// Why a store gave no answer. Never a deny.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreError {
    /// The database cannot be reached or refused; worth a retry.
    Unavailable {
        /// For the log; not for clients.
        detail: String,
    },
    /// A row does not parse. Questions that need it get no answer; others do.
    Corrupt {
        /// Table.
        table: &'static str,
        /// Column.
        column: &'static str,
        /// Row, by its key.
        row: String,
    },
    /// One statement of a write would be larger than the database takes. No retry helps.
    TooLarge {
        /// How large, in bytes.
        bytes: usize,
        /// The limit.
        most: usize,
    },
    /// The tenant's model text is not in the store, or this server cannot read it.
    UnreadableModel {
        /// Its digest.
        digest: ModelDigest,
        /// For the log.
        detail: String,
    },
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable { detail } => write!(f, "the store is unavailable: {detail}"),
            Self::Corrupt { table, column, row } => {
                write!(f, "table `{table}`, column `{column}`, row {row} does not parse")
            }
            Self::TooLarge { bytes, most } => write!(
                f,
                "a statement of {bytes} bytes is needed, and the database takes no more than {most}"
            ),
            Self::UnreadableModel { digest, detail } => {
                write!(f, "model text {digest} cannot be read: {detail}")
            }
        }
    }
}

impl std::error::Error for StoreError {}

/// Why a batch, or one fax of a registration, was refused. Nothing of it was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApplyError {
    /// The store gave no answer.
    Store(StoreError),
    /// A field does not fit. All faults of the batch that could be found, at once.
    Invalid(Vec<Fault>),
    /// Something named does not exist in the tenant.
    NotFound(Fault),
    /// It exists already, and differs.
    AlreadyExists(Fault),
    /// The state of the tenant does not allow it: the last owner, a locked role, a used number.
    Refused(Fault),
    /// What is under way must end first; worth a retry.
    NotNow(Fault),
    /// The request id was used for other changes.
    RequestIdReused,
}

impl From<StoreError> for ApplyError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl ApplyError {
    /// The same error of a change or fax that stands `offset` places further on.
    #[must_use]
    pub fn further_on(self, offset: usize) -> Self {
        let moved = |fault: Fault| Fault { change: fault.change + offset, ..fault };
        match self {
            Self::Invalid(faults) => Self::Invalid(faults.into_iter().map(moved).collect()),
            Self::NotFound(fault) => Self::NotFound(moved(fault)),
            Self::AlreadyExists(fault) => Self::AlreadyExists(moved(fault)),
            Self::Refused(fault) => Self::Refused(moved(fault)),
            Self::NotNow(fault) => Self::NotNow(moved(fault)),
            Self::Store(_) | Self::RequestIdReused => self,
        }
    }
}

/// What is wrong with one change of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Position of the change (or fax) in the batch, from 0.
    pub change: usize,
    /// Its field, in snake case.
    pub field: &'static str,
    /// What is wrong, for people; quotes what the caller sent, and at most the id of what stands in
    /// its way in the same tenant.
    pub problem: String,
}

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantRow {
    /// Its number; unique in the store.
    pub num: Num,
    /// Its id.
    pub id: TenantId,
    /// Title for people.
    pub title: String,
    /// Its revision.
    pub revision: Revision,
    /// Its model.
    pub model: ModelDigest,
}

/// A registered fax.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaxRow {
    /// Its number in the tenant; larger for later registrations.
    pub num: Num,
    /// Its id.
    pub id: FaxId,
    /// The account it arrived in or was sent from.
    pub account: Num,
    /// Direction.
    pub direction: Direction,
    /// The number of ours.
    pub number: Option<Num>,
    /// Its faxbox.
    pub faxbox: Option<Num>,
    /// Who sent it.
    pub creator: Option<Num>,
    /// The user or group it is assigned to.
    pub assignee: Option<Num>,
    /// State.
    pub state: FaxState,
    /// Labels.
    pub labels: Vec<Num>,
    /// The time that orders lists; set once.
    pub at: Timestamp,
    /// Where its attachments come from; none if nobody has said it, which is not the same as no
    /// attachments.
    pub attachment_sources: Option<SourceSet>,
}

/// What one statement reads about a subject at an acting account; `crate::assemble` makes
/// [`crate::facts::MemberFacts`] of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRows {
    /// The tenant, with the revision of this snapshot.
    pub tenant: TenantRow,
    /// The subject's number, if the tenant knows it.
    pub subject: Option<Num>,
    /// The acting account first, then its ancestors up to the root.
    pub path: Vec<Num>,
    /// Objects: accounts of the path and below; roles defined on the path; the subject, and its
    /// members on the path; groups on the path that the subject belongs to; members of the acting
    /// account who delegated to the subject, and their subjects; in any order, without repeats.
    pub objects: Vec<Object>,
    /// Links: from the subject's members on the path (kinds 20 to 34); `GroupMember`,
    /// `FaxboxUser`, and every `…Owner` link to the subject; `FaxboxGroup` to the groups above;
    /// `GroupMember` from groups that the subject owns; `Delegation` to the subject from members
    /// of the acting account. Any order, without repeats.
    pub links: Vec<Link>,
    /// Where the faxboxes of these links lie, and the groups that the subject owns; and the parents
    /// of those accounts, up to the root. Any order, without repeats.
    pub homes: Vec<Home>,
    /// Memberships that only decide whether others count, whatever their status; which of them
    /// does is not the store's to say: the subject's members of the accounts in `homes` that are
    /// not on the path, and, of those who delegated, the members of the accounts above the acting
    /// one. Any order, without repeats.
    pub standings: Vec<Object>,
}

/// Where something lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Home {
    /// A group, a faxbox or an account.
    pub num: Num,
    /// The account it belongs to; the parent of an account, none for a root.
    pub account: Option<Num>,
}

/// Reads of one tenant from one snapshot: all answers are of one revision.
#[async_trait]
pub trait TenantReader: Send {
    /// The tenant as of this snapshot.
    async fn tenant(&mut self) -> Result<TenantRow, StoreError>;

    /// The stamp of the tenant's shard as of this snapshot.
    async fn stamp(&mut self) -> Result<Stamp, StoreError>;

    /// What `crate::assemble` needs; none if the account does not exist. One statement.
    async fn member_rows(
        &mut self,
        account: &AccountId,
        subject: &Subject,
    ) -> Result<Option<MemberRows>, StoreError>;

    /// Objects by kind, scope and id, in the order asked; one statement for up to 500.
    async fn find(
        &mut self,
        keys: &[(ObjectKind, Num, &str)],
    ) -> Result<Vec<Option<Object>>, StoreError>;

    /// Objects by number; those that exist, in any order; chunks of up to 500.
    async fn get(&mut self, nums: &[Num]) -> Result<Vec<Object>, StoreError>;

    /// Objects of a kind in order of their number, after `after`; of one account if given.
    async fn list(
        &mut self,
        kind: ObjectKind,
        account: Option<Num>,
        after: Num,
        limit: usize,
    ) -> Result<Vec<Object>, StoreError>;

    /// Far ends of the links of a kind from `a`, ascending.
    async fn links_from(&mut self, kind: LinkKind, a: Num) -> Result<Vec<Num>, StoreError>;

    /// Near ends of the links of a kind to `b`, ascending.
    async fn links_to(&mut self, kind: LinkKind, b: Num) -> Result<Vec<Num>, StoreError>;

    /// All links that lead away from these objects, in any order; one statement for up to 500.
    async fn links_of(&mut self, nums: &[Num]) -> Result<Vec<Link>, StoreError>;

    /// Registered faxes in order of their number, after `after`.
    async fn faxes(&mut self, after: Num, limit: usize) -> Result<Vec<FaxRow>, StoreError>;

    /// Registered faxes by id, those that exist and were not deleted, in any order; one statement
    /// for up to 500.
    async fn find_faxes(&mut self, ids: &[&FaxId]) -> Result<Vec<FaxRow>, StoreError>;

    /// The newest faxes of the tenant.
    async fn newest_faxes(
        &mut self,
        slice: FaxSlice,
        limit: usize,
    ) -> Result<Vec<FaxRow>, StoreError>;

    /// For each seek its newest faxes, in the order of the seeks.
    async fn seek_faxes(
        &mut self,
        seeks: &[Seek],
        slice: FaxSlice,
        limit_each: usize,
    ) -> Result<Vec<Vec<FaxRow>>, StoreError>;

    /// A registered fax; none if it does not exist or was deleted.
    async fn fax(&mut self, fax: &FaxId) -> Result<Option<FaxRow>, StoreError> {
        Ok(self.find_faxes(&[fax]).await?.into_iter().next())
    }
}

/// Writes inside one transaction that holds the tenant's lock. Every write is recorded with what
/// was before and what is after; the record, the new revision and the rows commit together.
#[async_trait]
pub trait TenantTx: TenantReader {
    /// Inserts an object and gives it the next number.
    async fn insert_object(
        &mut self,
        kind: ObjectKind,
        scope: Num,
        id: &str,
        account: Option<Num>,
        body: String,
    ) -> Result<Num, StoreError>;

    /// Replaces account and body of an object.
    async fn update_object(
        &mut self,
        num: Num,
        account: Option<Num>,
        body: String,
    ) -> Result<(), StoreError>;

    /// Removes an object. Its links must be gone already.
    async fn remove_object(&mut self, num: Num) -> Result<(), StoreError>;

    /// Removes a faxbox or a group with all that hangs on it ([`Whole`]), however much that is.
    /// From then on every read says that all of it is gone, and its id is free; a store may take
    /// the rows away later, in steps of [`Removals`]. Does nothing and says `false` while as many
    /// removals of the tenant are under way as there may be.
    async fn remove_whole(&mut self, num: Num, whole: Whole) -> Result<bool, StoreError>;

    /// Holds a number against all other tenants until the transaction ends: a transaction of
    /// another tenant that holds it is waited for. Gives the bodies of the objects that other tenants
    /// have for it, as they were committed last, and nothing else of them.
    async fn hold_number(&mut self, number: &PhoneNumber) -> Result<Vec<String>, StoreError>;

    /// Inserts a link; whether it was new.
    async fn link(&mut self, link: Link) -> Result<bool, StoreError>;

    /// Removes a link; whether it was there.
    async fn unlink(&mut self, link: Link) -> Result<bool, StoreError>;

    /// Whether the links of derived kinds ([`LinkKind::is_derived`]) are what bodies say. They are
    /// not where a program of a version before has written, which does not know them.
    async fn derived_links_are_kept(&mut self) -> Result<bool, StoreError>;

    /// Removes all links of derived kinds. Those that are written from now on, by this transaction
    /// and later ones, are kept.
    async fn derive_links_anew(&mut self) -> Result<(), StoreError>;

    /// Sets title and model of the tenant.
    async fn update_tenant(&mut self, title: &str, model: ModelDigest) -> Result<(), StoreError>;

    /// Replaces faxbox, assignee, state, labels and attachment sources of a fax.
    async fn update_fax(&mut self, fax: &FaxRow) -> Result<(), StoreError>;

    /// Deletes a fax for good; its id stays taken.
    async fn delete_fax(&mut self, num: Num) -> Result<(), StoreError>;

    /// Faxes in a faxbox or an account, up to `limit`, in any order.
    async fn faxes_in(
        &mut self,
        column: FaxColumn,
        value: Num,
        limit: usize,
    ) -> Result<Vec<FaxRow>, StoreError>;
}

/// Something that is removed with all that hangs on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Whole {
    /// A faxbox with its links. Its faxes are deleted for good.
    FaxboxWithFaxes,
    /// A faxbox with its links. Its faxes stay, and belong to no faxbox.
    Faxbox,
    /// A group with its links. Its faxes are assigned to nobody.
    Group,
}

impl Whole {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::FaxboxWithFaxes, Self::Faxbox, Self::Group];

    /// The kind of object that it is.
    pub const fn kind(self) -> ObjectKind {
        match self {
            Self::FaxboxWithFaxes | Self::Faxbox => ObjectKind::Faxbox,
            Self::Group => ObjectKind::Group,
        }
    }

    /// The column by which faxes hang on it.
    pub const fn column(self) -> FaxColumn {
        match self {
            Self::FaxboxWithFaxes | Self::Faxbox => FaxColumn::Faxbox,
            Self::Group => FaxColumn::Assignee,
        }
    }

    /// The links whose near end it is.
    pub const fn links_from(self) -> &'static [LinkKind] {
        match self {
            Self::FaxboxWithFaxes | Self::Faxbox => {
                &[LinkKind::FaxboxUser, LinkKind::FaxboxGroup, LinkKind::FaxboxOwner]
            }
            Self::Group => &[LinkKind::GroupMember, LinkKind::GroupOwner],
        }
    }

    /// The links whose far end it is.
    pub const fn links_to(self) -> &'static [LinkKind] {
        match self {
            Self::FaxboxWithFaxes | Self::Faxbox => &[LinkKind::NumberFaxbox],
            Self::Group => &[LinkKind::FaxboxGroup, LinkKind::NumberGroup],
        }
    }
}

/// What is left of removals: rows that no read shows and that are still to be taken away.
#[async_trait]
pub trait Removals: Send + Sync {
    /// Returns when a write of this process has left something; also for nothing.
    async fn left(&self);

    /// Removals that are not at their end, of all tenants, the oldest first.
    async fn pending(&self, limit: usize) -> Result<Vec<PendingRemoval>, StoreError>;

    /// Takes some rows of the oldest removal of a tenant away, in a transaction of its own that
    /// is as short as one write of a caller. No answer of any read changes by it.
    async fn step(&self, tenant: &TenantId, now: Timestamp) -> Result<RemovalStep, StoreError>;
}

/// A removal that is not at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingRemoval {
    /// The tenant.
    pub tenant: TenantId,
    /// The number that the thing had; unique in the tenant, never used again.
    pub num: Num,
    /// What was removed.
    pub whole: Whole,
    /// When.
    pub at: Timestamp,
}

/// What one step of a removal did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RemovalStep {
    /// The rows that it took away or changed.
    pub rows: usize,
    /// The removal that it ended, if it did.
    pub ended: Option<Num>,
    /// Whether the tenant has removals that are not at their end.
    pub more: bool,
}

/// A column of the fax index that seeks go by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FaxColumn {
    /// The account.
    Account,
    /// The number.
    Number,
    /// The faxbox.
    Faxbox,
    /// The creator.
    Creator,
    /// The assignee.
    Assignee,
}

/// One seek: the newest faxes that have this value in this column, in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Seek {
    /// Column.
    pub column: FaxColumn,
    /// Value.
    pub value: Num,
    /// Direction.
    pub direction: Direction,
}

/// A position in a list: everything after it is older, or as old with a lower number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FaxCursor {
    /// Time of the last fax seen.
    pub at: Timestamp,
    /// Number of the last fax seen.
    pub num: Num,
}

/// What part of the order of faxes to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FaxSlice {
    /// After this position; from the newest if none.
    pub after: Option<FaxCursor>,
    /// Not older than this.
    pub not_before: Option<Timestamp>,
    /// Older than this.
    pub before: Option<Timestamp>,
}

/// A membership of a subject, for the account switcher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountOfSubject {
    /// The tenant's id.
    pub tenant: TenantId,
    /// The tenant's title.
    pub tenant_title: String,
    /// The account.
    pub account: Object,
    /// The member.
    pub member: Object,
}

/// A number that is active in several tenants, from a time when nothing kept it from that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DuplicateNumber {
    /// The number.
    pub number: PhoneNumber,
    /// The tenants, by their numbers in the store.
    pub tenants: Vec<TenantId>,
}

/// What registering one fax gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// The fax as it is stored.
    pub fax: FaxRow,
    /// Whether it was new.
    pub created: bool,
}

/// A store.
#[async_trait]
pub trait Store: Send + Sync {
    /// A snapshot of a tenant; none if it does not exist.
    async fn snapshot(
        &self,
        tenant: &TenantId,
    ) -> Result<Option<Box<dyn TenantReader + '_>>, StoreError>;

    /// Applies a batch: `crate::change::apply` inside one transaction.
    async fn apply(&self, batch: &Batch, now: Timestamp) -> Result<Applied, ApplyError>;

    /// Registers faxes, all in one transaction; each gets its own answer.
    async fn register(
        &self,
        tenant: &TenantId,
        faxes: &[NewFax],
        now: Timestamp,
    ) -> Result<Vec<Result<Registered, ApplyError>>, ApplyError>;

    /// Imports a tenant: the changes and the faxes of each part in turn, or nothing at all; nobody sees
    /// a part of it before the rest. Raises the revision once, and only if something changed.
    async fn import(&self, import: &Import, now: Timestamp) -> Result<Imported, ApplyError>;

    /// Memberships of a subject in all tenants, ordered by tenant and account number.
    async fn accounts_of(
        &self,
        subject: &Subject,
        after: Option<(Num, Num)>,
        limit: usize,
    ) -> Result<Vec<(Num, AccountOfSubject)>, StoreError>;

    /// Tenants in order of their number, after `after`.
    async fn tenants(&self, after: Num, limit: usize) -> Result<Vec<TenantRow>, StoreError>;

    /// Numbers that are active in several tenants, in their order, at most so many. For operators
    /// alone: it tells of all tenants.
    async fn duplicate_numbers(&self, limit: usize) -> Result<Vec<DuplicateNumber>, StoreError>;

    /// Keeps a model text under its digest; no effect if it is there.
    async fn put_model(&self, text: &str) -> Result<ModelDigest, StoreError>;

    /// A model text.
    async fn model_text(&self, digest: &ModelDigest) -> Result<Option<String>, StoreError>;

    /// A secret of the store's own, made on first use: `make` gives the value to keep.
    async fn secret(
        &self,
        name: &'static str,
        make: &(dyn Fn() -> Vec<u8> + Sync),
    ) -> Result<Vec<u8>, StoreError>;
}

/// A plain name that a scope or a label uses; stored as an object without a body.
pub type PlainName = (ObjectKind, ExternalId);
