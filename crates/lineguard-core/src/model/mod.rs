//! A product model: one product's permission screen as data. `docs/models.md` describes the text.

mod builtin;
mod parse;
mod qualify;
pub mod reach;
pub mod render;

use crate::change::FaxesLeft;
use crate::id::Key;
use crate::vocabulary::{Action, SendChannel};
pub use builtin::{BUILT_IN, STANDARD, built_in_vocabulary};
pub use parse::{parse, parse_new};
pub use qualify::narrowed;
pub use reach::{Clause, Except, FactSet, MatchField, Word};

/// A mistake in a text of data: where it is, what it is, and what was perhaps meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextError {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong; user input in backticks.
    pub problem: String,
    /// What was perhaps meant.
    pub suggestion: Option<String>,
}

/// Index of a permission in its model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PermissionIx(pub u16);

/// Index of a product in its model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProductIx(pub u16);

/// Index of a feature flag in its model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlagIx(pub u16);

/// A product model, parsed and checked against the vocabulary.
#[derive(Debug, Clone)]
pub struct Model {
    /// Key of the model.
    pub name: Key,
    /// Title for people.
    pub title: Box<str>,
    /// One or two sentences.
    pub summary: Box<str>,
    /// Behaviour of the account tree.
    pub tree: Tree,
    /// Rules about members.
    pub members: Members,
    /// Parts of the subscription.
    pub products: Vec<Product>,
    /// Feature flags.
    pub flags: Vec<Flag>,
    /// Account settings, each bound to a rule of the engine.
    pub settings: Vec<Setting>,
    /// Visibility levels.
    pub levels: Vec<Level>,
    /// Permissions in the order of the screen.
    pub permissions: Vec<Permission>,
    /// Built-in roles.
    pub roles: Vec<Role>,
    /// Ownership overlays.
    pub overlays: Vec<Overlay>,
    /// Caller-ID rules, where the product has calls.
    pub caller_id: Option<CallerIdRules>,
    /// Rules about the numbers that things go out with.
    pub outgoing: OutgoingRules,
    /// Auto-assign rules.
    pub auto_assign: AutoAssignRules,
    /// Rules about faxboxes.
    pub faxbox: FaxboxRules,
    /// The model's own tests.
    pub tests: Vec<ModelTest>,
    /// For each action, the permissions that grant it. Indexed by [`Action::index`].
    pub granted_by: Vec<Vec<PermissionIx>>,
}

/// Account-tree behaviour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tree {
    /// Accounts may have children.
    pub sub_accounts: bool,
    /// Numbers set up at an account serve the members of accounts below.
    pub numbers_flow_down: bool,
    /// Personal accounts may exist.
    pub personal: bool,
}

/// Rules about members.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Members {
    /// Whether a member may hold only one main role.
    pub one_role: bool,
    /// Roles of a member who is added without roles.
    pub default_roles: Vec<Key>,
    /// What every membership holds whatever its roles, as one more role of it would give it. In
    /// the order of the screen.
    pub everybody: Vec<PermissionIx>,
    /// Whether a member whose access numbers were never set has all of them (rulings R30).
    pub unset_access_numbers_are_all: bool,
}

/// A part of the subscription that permissions may belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// Key.
    pub key: Key,
    /// Title for people.
    pub title: Box<str>,
    /// Whether an account has it unless set otherwise.
    pub entitled: bool,
    /// Whether a member's switch is on unless set otherwise.
    pub switched_on: bool,
}

/// A feature flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// Key.
    pub key: Key,
    /// Title for people.
    pub title: Box<str>,
    /// Its value where no account on the path sets it.
    pub default: bool,
}

/// A rule of the engine that an account setting turns on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SettingRule {
    /// Only verified recipients (rulings R21).
    RecipientRestriction,
    /// Every fax sent needs approval (rulings R22).
    Approval,
    /// A person may approve their own fax (rulings R22).
    SelfApproval,
    /// An external call may be placed without a number to present (rulings R27).
    CallWithoutCallerId,
}

/// An account setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Key.
    pub key: Key,
    /// Title for people.
    pub title: Box<str>,
    /// What it turns on.
    pub rule: SettingRule,
    /// Its value where no account on the path sets it.
    pub default: bool,
}

/// A visibility level: a set of clauses. Levels are not ordered (rulings R17).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Level {
    /// Key.
    pub key: Key,
    /// Title for people.
    pub title: Box<str>,
    /// What it shows; never contains [`Clause::Visibility`].
    pub reach: Vec<Clause>,
}

/// One row of the permission screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission {
    /// Key.
    pub key: Key,
    /// The product's own title.
    pub title: Box<str>,
    /// Heading it stands under.
    pub category: Box<str>,
    /// Needs this product's entitlement and switch.
    pub product: Option<ProductIx>,
    /// Needs this feature flag.
    pub flag: Option<FlagIx>,
    /// What holding it does.
    pub kind: PermissionKind,
    /// What must hold besides the reach.
    pub requires: Vec<Requirement>,
    /// Whether it reaches accounts below the acting account.
    pub inherited: bool,
    /// Whether a member's override cannot switch it on (rulings R12).
    pub role_only: bool,
    /// By what an override may limit it.
    pub scopes: Vec<ScopeKind>,
    /// What its actions may confer although the person does not hold it (rulings R15).
    pub confers: Vec<crate::vocabulary::Confers>,
}

/// What holding a permission does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PermissionKind {
    /// Gives actions.
    Grant(Vec<Grant>),
    /// Held: unrestricted unless the member's own list says so; not held: only what the list names.
    Restriction(RestrictionList),
    /// Held: these actions carry the obligation.
    Obligation {
        /// The actions that carry it.
        actions: Vec<Action>,
        /// What must also happen.
        obligation: Obligation,
    },
    /// Held: the member can be a target of auto-assign.
    Routing,
    /// Not held: every action from these channels is denied (rulings R6).
    Channel(Vec<Channel>),
}

/// Actions at a reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// What may be done.
    pub actions: Vec<Action>,
    /// To what; qualifiers written on the permission are already part of each clause.
    pub reach: Vec<Clause>,
    /// The direction that every clause of the reach must also have, also where a role replaces the reach.
    pub qualifiers: reach::Qualifiers,
}

/// A list that narrows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RestrictionList {
    /// Numbers that may be sent from on a channel.
    SendFrom(SendChannel),
    /// Where attachments may come from.
    AttachmentSources,
}

/// Allowed, but this must also happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Obligation {
    /// Somebody else approves before it goes out.
    Approval,
}

impl Obligation {
    /// The word for it on the wire and in data files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approval => "approval",
        }
    }
}

/// The channel a person works through (rulings R6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Channel {
    /// A browser.
    Web,
    /// A desktop program.
    Desktop,
    /// A mobile program.
    Mobile,
    /// A program of the customer's own.
    Api,
}

impl Channel {
    /// All channels, with their words.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::Web, "web"),
        (Self::Desktop, "desktop"),
        (Self::Mobile, "mobile"),
        (Self::Api, "api"),
    ];
}

/// What must hold besides the reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Requirement {
    /// The resource lies in a faxbox that the person belongs to.
    FaxboxMember,
    /// The target lies in, or is, a faxbox that the person belongs to (rulings R20).
    TargetFaxboxMember,
    /// The person holds an extension (rulings R23, R27).
    Extension,
    /// A cover page that belongs to a faxbox is used for a fax of that faxbox (rulings R20).
    CoverPageOfFaxbox,
}

impl Requirement {
    /// All requirements, with their words.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::FaxboxMember, "faxbox_member"),
        (Self::TargetFaxboxMember, "target_faxbox_member"),
        (Self::Extension, "extension"),
        (Self::CoverPageOfFaxbox, "cover_page_of_faxbox"),
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(one, _)| *one == self).map_or("", |(_, word)| word)
    }
}

/// By what an override may limit a permission (rulings R14).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ScopeKind {
    /// Phone number.
    Number,
    /// Form type.
    FormType,
    /// Document type.
    DocumentType,
    /// Template.
    Template,
    /// Attachment source.
    Source,
}

impl ScopeKind {
    /// All scopes, with their words.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::Number, "number"),
        (Self::FormType, "form_type"),
        (Self::DocumentType, "document_type"),
        (Self::Template, "template"),
        (Self::Source, "source"),
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(one, _)| *one == self).map_or("", |(_, word)| word)
    }
}

/// A built-in role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Key.
    pub key: Key,
    /// Title for people.
    pub title: Box<str>,
    /// Whether overrides of a member cannot take anything away (rulings R11).
    pub locked: bool,
    /// Default visibility level.
    pub visibility: Option<Key>,
    /// What it gives.
    pub permissions: Vec<RolePermission>,
}

/// One permission as a role holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolePermission {
    /// Which.
    pub permission: PermissionIx,
    /// Replaces the reach of the permission's grants, where the role has one of its own.
    pub reach: Option<Vec<Clause>>,
}

/// What is owned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OwnedKind {
    /// A faxbox.
    Faxbox,
    /// A group.
    Group,
    /// An account and everything below it.
    Account,
}

/// What an ownership overlay gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OverlayGives {
    /// These permissions.
    Permissions(Vec<PermissionIx>),
    /// Every action of the vocabulary; only for ownership of an account (rulings R4).
    Everything,
}

/// Powers that ownership adds, on what is owned only, whatever the role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlay {
    /// Key.
    pub key: Key,
    /// Title for people.
    pub title: Box<str>,
    /// What must be owned.
    pub of: OwnedKind,
    /// What it gives.
    pub gives: OverlayGives,
}

/// Caller-ID rules (rulings R26).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallerIdRules {
    /// The action that makes a number selectable.
    pub choose: Action,
    /// The action that allows anonymity.
    pub hide: Action,
    /// The action needed to present the preset default; without it nothing is needed.
    pub default: Option<Action>,
    /// The only selectable number is presented when nothing is asked for and no default is set.
    pub single_number_is_default: bool,
}

/// Rules about the numbers that faxes, messages and calls go out with (rulings R30).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OutgoingRules {
    /// Whether a fax goes out only with a number of the faxbox that it goes out from.
    pub by_faxbox: bool,
    /// The actions whose number must be one that the person may present.
    pub held: Vec<Action>,
}

/// Rules about faxboxes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FaxboxRules {
    /// What becomes of the faxes of a faxbox that is removed, where the change does not say it;
    /// none refuses such a change.
    pub removal: Option<FaxesLeft>,
}

/// What receives a fax when no target does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fallback {
    /// Nobody; the fax stays unassigned.
    #[default]
    Unassigned,
    /// The number's faxbox.
    Faxbox,
}

/// Kinds of auto-assign target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TargetKind {
    /// A member.
    User,
    /// A group.
    Group,
    /// A faxbox.
    Faxbox,
}

/// Auto-assign rules (rulings R18).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AutoAssignRules {
    /// What can be a target.
    pub targets: Vec<TargetKind>,
    /// Whether a number may have more than one.
    pub several: bool,
    /// What receives the fax when every target is skipped or none is set.
    pub fallback: Fallback,
}

/// A test that a model text carries. `crate::model_test` reads and runs it.
#[derive(Debug, Clone)]
pub struct ModelTest {
    /// A sentence.
    pub name: Box<str>,
    /// Line of the text where it begins, from 1.
    pub line: usize,
    /// Column where it begins, from 1.
    pub column: usize,
    /// What it says; `docs/models.md` describes it.
    pub says: crate::model_test::Test,
}

macro_rules! find_by_key {
    ($($(#[$doc:meta])* $method:ident in $list:ident -> $item:ty;)+) => {$(
        $(#[$doc])*
        pub fn $method(&self, key: &str) -> Option<(usize, &$item)> {
            self.$list.iter().enumerate().find(|(_, item)| item.key.as_str() == key)
        }
    )+};
}

impl Model {
    find_by_key! {
        /// The product of this key, with its index.
        product in products -> Product;
        /// The flag of this key, with its index.
        flag in flags -> Flag;
        /// The setting of this key, with its index.
        setting in settings -> Setting;
        /// The visibility level of this key, with its index.
        level in levels -> Level;
        /// The permission of this key, with its index.
        permission in permissions -> Permission;
        /// The built-in role of this key, with its index.
        role in roles -> Role;
    }

    /// The permission at an index.
    pub fn permission_at(&self, ix: PermissionIx) -> Option<&Permission> {
        self.permissions.get(usize::from(ix.0))
    }

    /// Whether every member has a permission, whatever their roles.
    pub fn everybody_has(&self, permission: &Key) -> bool {
        let mut everybody = self.members.everybody.iter().filter_map(|ix| self.permission_at(*ix));
        everybody.any(|one| one.key == *permission)
    }

    /// The permissions that grant an action.
    pub fn permissions_for(&self, action: Action) -> &[PermissionIx] {
        self.granted_by.get(action.index()).map_or(&[], Vec::as_slice)
    }
}
