//! The action vocabulary: every action and resource type that a question can name, as data.

mod parse;

use std::collections::HashMap;

pub use parse::parse;

/// An action: an index into the vocabulary, made only by looking a name up in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Action(pub(crate) u16);

impl Action {
    /// The position of this action in the vocabulary.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A resource type: an index into the vocabulary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResourceType(pub(crate) u16);

impl ResourceType {
    /// The position of this type in the vocabulary.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// What an action does to its resource. Below a sealed account only `Manage` reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ActionKind {
    /// Reads content or records.
    View,
    /// Works with the resource.
    Use,
    /// Sets something up.
    Manage,
}

/// What the services that ask are about. Says which of them may ask about a resource type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Product {
    /// Faxes.
    Fax,
    /// Calls.
    Voice,
    /// Messages.
    Messaging,
}

impl Product {
    /// All of them, with the words for them.
    pub const ALL: [(Self, &str); 3] =
        [(Self::Fax, "fax"), (Self::Voice, "voice"), (Self::Messaging, "messaging")];
}

/// A channel that a message leaves by; each has a send-from list of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SendChannel {
    /// A fax.
    Fax,
    /// A text message.
    Message,
    /// A voice call.
    Call,
}

/// Whose facts describe what goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Outgoing {
    /// The resource of the question.
    #[default]
    Resource,
    /// The target of the question.
    Target,
}

/// What an action confers on somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Confers {
    /// A role, named by the target.
    Role,
    /// A permission, named by the target.
    Permission,
}

/// What kind of operation an action is where the present state cannot be known: an operator decides
/// by these what is then answered from an older one. An action of none of them never is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outage {
    /// Opening, playing or downloading content.
    ViewContent,
    /// Sending a fax, a message or an e-mail.
    Send,
    /// Placing, answering or passing on a call.
    PlaceCall,
}

impl Outage {
    /// All kinds, with the words that name them.
    pub const ALL: [(Self, &'static str); 3] = [
        (Self::ViewContent, "view_content"),
        (Self::Send, "send"),
        (Self::PlaceCall, "place_call"),
    ];
}

/// A resource type whose facts the store holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StoredType {
    /// A node of the account tree.
    Account,
    /// A subject bound to an account.
    Member,
    /// A group of users.
    Group,
    /// A phone number.
    Number,
    /// An extension.
    Extension,
    /// A call queue.
    Queue,
    /// A faxbox.
    Faxbox,
    /// A registered fax.
    Fax,
}

impl StoredType {
    /// All stored types, with the words that name them.
    pub const ALL: [(Self, &'static str); 8] = [
        (Self::Account, "account"),
        (Self::Member, "member"),
        (Self::Group, "group"),
        (Self::Number, "number"),
        (Self::Extension, "extension"),
        (Self::Queue, "queue"),
        (Self::Faxbox, "faxbox"),
        (Self::Fax, "fax"),
    ];

    /// Whether the store may not know a fact that the type has, because nobody has said it. Then a
    /// question may bring it (rulings R31); every other fact of what is stored is the store's.
    pub const fn may_lack(self, fact: FactName) -> bool {
        matches!((self, fact), (Self::Fax, FactName::Source))
    }
}

/// A fact about a resource that a decision may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum FactName {
    /// The account the resource lies in.
    Account,
    /// Who created, sent or holds it.
    Creator,
    /// Who took part (a set).
    Participant,
    /// The user or group it is assigned to.
    Assignee,
    /// The faxbox it lies in.
    Faxbox,
    /// The number of ours that it came in on or goes out from.
    Number,
    /// The extension concerned.
    Extension,
    /// The queue concerned.
    Queue,
    /// Opaque tags (a set).
    Label,
    /// The group concerned.
    Group,
    /// Inbound or outbound.
    Direction,
    /// Draft, pending approval, active or trash.
    State,
    /// The type of a form.
    FormType,
    /// The type of a document.
    DocumentType,
    /// The template used.
    Template,
    /// Where attachments come from (a set).
    Source,
}

impl FactName {
    /// All facts, with the one word for each: the field of `Facts` on the wire, and the name in
    /// data files, in answers and on the command line. Facts that are sets have theirs in the plural.
    pub const ALL: [(Self, &'static str); 16] = [
        (Self::Account, "account"),
        (Self::Creator, "creator"),
        (Self::Participant, "participants"),
        (Self::Assignee, "assignee"),
        (Self::Faxbox, "faxbox"),
        (Self::Number, "number"),
        (Self::Extension, "extension"),
        (Self::Queue, "queue"),
        (Self::Label, "labels"),
        (Self::Group, "group"),
        (Self::Direction, "direction"),
        (Self::State, "state"),
        (Self::FormType, "form_type"),
        (Self::DocumentType, "document_type"),
        (Self::Template, "template"),
        (Self::Source, "attachment_sources"),
    ];

    /// The word that names this fact.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(fact, _)| *fact == self).map_or("", |(_, word)| word)
    }

    /// Whether its values are names that belong to other services, so that one which the tenant has
    /// never seen is as good as any other (rulings R36).
    pub const fn is_opaque(self) -> bool {
        match self {
            Self::Label | Self::FormType | Self::DocumentType | Self::Template | Self::Source => {
                true
            }
            Self::Account
            | Self::Creator
            | Self::Participant
            | Self::Assignee
            | Self::Faxbox
            | Self::Number
            | Self::Extension
            | Self::Queue
            | Self::Group
            | Self::Direction
            | Self::State => false,
        }
    }
}

/// One action of the vocabulary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionDef {
    /// Dotted name, stable: `fax.view`.
    pub name: Box<str>,
    /// What it does, for people.
    pub title: Box<str>,
    /// The type of resource it acts on.
    pub resource: ResourceType,
    /// View, use or manage.
    pub kind: ActionKind,
    /// An action that must be allowed on the very same resource first (rulings R16).
    pub sees: Option<Action>,
    /// The type of the target resource, where the action has one.
    pub target: Option<ResourceType>,
    /// Whether the target may be left out: then the resource alone decides (rulings R37).
    pub target_optional: bool,
    /// The channel whose send-from list applies.
    pub sends: Option<SendChannel>,
    /// Whose facts describe what goes out.
    pub outgoing: Outgoing,
    /// Whether the attachment-source list applies.
    pub attaches: bool,
    /// Whether the recipient restriction applies (rulings R21).
    pub recipient: bool,
    /// Whether it is refused while somebody else holds the editing lock (rulings R20).
    pub exclusive: bool,
    /// Whether only owners may do it to an owner of the account (rulings R4).
    pub spares_owners: bool,
    /// Whether a seal stops it although it sets things up.
    pub stops_at_seals: bool,
    /// What the target confers, where it does (rulings R15).
    pub confers: Option<Confers>,
    /// What kind of operation it is during an outage; none fails closed, whatever operators say.
    pub outage: Option<Outage>,
    /// Whether it is allowed to whoever is asked about, before anything is looked up (rulings R38).
    pub emergency: bool,
}

impl ActionDef {
    /// Whether the target is a second side of the action: something that goes out or arrives there,
    /// and not what is conferred.
    pub const fn two_sided(&self) -> bool {
        self.target.is_some() && self.confers.is_none()
    }
}

impl ActionDef {
    /// Whether grants from above a seal pass it: those that set things up do, unless that would
    /// open what the seal closes.
    pub fn passes_seals(&self) -> bool {
        self.kind == ActionKind::Manage && !self.stops_at_seals
    }
}

/// One resource type of the vocabulary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceDef {
    /// Name of the type: `fax`.
    pub name: Box<str>,
    /// What it is, for people.
    pub title: Box<str>,
    /// Set where the store holds the facts; otherwise the asking service supplies them.
    pub stored: Option<StoredType>,
    /// The action that makes one resource of this type visible.
    pub view: Option<Action>,
    /// Whether every action on a stored resource of this type needs sight of it first
    /// (rulings R32).
    pub seen_first: bool,
    /// The facts a decision about this type may need.
    pub facts: Vec<FactName>,
    /// The product it belongs to; none where several share it.
    pub product: Option<Product>,
}

/// The whole vocabulary.
#[derive(Debug, Clone)]
pub struct Vocabulary {
    actions: Vec<ActionDef>,
    resources: Vec<ResourceDef>,
    by_name: HashMap<Box<str>, Action>,
    by_type: HashMap<Box<str>, ResourceType>,
}

impl Vocabulary {
    /// A vocabulary that knows nothing.
    pub fn empty() -> Self {
        Self {
            actions: Vec::new(),
            resources: Vec::new(),
            by_name: HashMap::new(),
            by_type: HashMap::new(),
        }
    }

    /// The action of this name.
    pub fn action(&self, name: &str) -> Option<Action> {
        self.by_name.get(name).copied()
    }

    /// The resource type of this name.
    pub fn resource_type(&self, name: &str) -> Option<ResourceType> {
        self.by_type.get(name).copied()
    }

    /// What is known about an action. Falls back to the first action only if `action` comes from
    /// another vocabulary, which a process that holds one vocabulary cannot make.
    pub fn def(&self, action: Action) -> Option<&ActionDef> {
        self.actions.get(action.index())
    }

    /// The product that an action belongs to; none where several share what it acts on.
    pub fn product(&self, action: Action) -> Option<Product> {
        self.resource(self.def(action)?.resource)?.product
    }

    /// What is known about a resource type.
    pub fn resource(&self, resource: ResourceType) -> Option<&ResourceDef> {
        self.resources.get(resource.index())
    }

    /// All actions in the order of the file.
    pub fn actions(&self) -> impl ExactSizeIterator<Item = (Action, &ActionDef)> {
        self.actions.iter().enumerate().map(|(i, def)| (Action(i as u16), def))
    }

    /// All resource types in the order of the file.
    pub fn resources(&self) -> impl ExactSizeIterator<Item = (ResourceType, &ResourceDef)> {
        self.resources.iter().enumerate().map(|(i, def)| (ResourceType(i as u16), def))
    }

    /// The known action whose name is nearest to a misspelt one.
    pub fn suggest_action(&self, name: &str) -> Option<&str> {
        crate::suggest::nearest(name, self.actions.iter().map(|def| &*def.name))
    }

    /// The known resource type whose name is nearest to a misspelt one.
    pub fn suggest_type(&self, name: &str) -> Option<&str> {
        crate::suggest::nearest(name, self.resources.iter().map(|def| &*def.name))
    }
}
