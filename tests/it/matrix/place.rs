//! What questions are about: resources of every type, near to a person or far away.

use lineguard::wire::pb;
use lineguard_core::change::NewFax;
use lineguard_core::model::reach::{Direction, FaxState};
use lineguard_core::vocabulary::{ActionDef, FactName, ResourceDef, StoredType};
use lineguard_testkit::ids;
use lineguard_testkit::world::{World, received};

use crate::ask::user;

/// A number on people's lists.
pub const INSIDE_NUMBER: &str = "+15550100101";
/// A number on nobody's list.
pub const OUTSIDE_NUMBER: &str = "+15550100109";
/// A number that is preset and on nobody's list.
pub const PRESET_NUMBER: &str = "+15550100105";
/// An extension that columns grant.
pub const EXTENSION: &str = "e1";
/// A queue that columns grant.
pub const QUEUE: &str = "q1";
/// Somebody with nothing, who made and did what nobody else did.
pub const SOMEBODY: &str = "somebody";

/// Where a resource lies, seen from the person who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In the account; nothing of the person's has to do with it.
    Elsewhere,
    /// The same, but the person made it or took part in it.
    Mine,
    /// In the person's faxbox, group, or on their lists; made by somebody else.
    Inside,
}

/// By what something lies inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inside {
    All,
    Extension,
    Queue,
    Number,
}

/// The things that questions are about, apart from people and their faxes.
pub fn furnish(world: World) -> World {
    world
        .member(SOMEBODY)
        .number(INSIDE_NUMBER)
        .number(OUTSIDE_NUMBER)
        .number(PRESET_NUMBER)
        .extension(EXTENSION)
        .extension("e9")
        .queue(QUEUE)
        .queue("q9")
        .group("team", &[])
        .group("crowd", &[])
        .faxbox("box")
        .faxbox("box2")
        .faxbox("far")
}

/// One resource as a question names it.
#[derive(Debug, Clone, Copy)]
pub struct Spot<'a> {
    /// Who asks.
    pub who: &'a str,
    pub place: Place,
    pub inside: Inside,
    pub direction: Direction,
    pub state: FaxState,
}

impl Spot<'_> {
    fn is_inside(&self, by: Inside) -> bool {
        self.place == Place::Inside && (self.inside == Inside::All || self.inside == by)
    }

    fn number(&self) -> &'static str {
        if self.is_inside(Inside::Number) { INSIDE_NUMBER } else { OUTSIDE_NUMBER }
    }

    fn pick(&self, by: Inside, near: &'static str, far: &'static str) -> &'static str {
        if self.is_inside(by) { near } else { far }
    }

    fn person(&self) -> &str {
        if self.place == Place::Mine { self.who } else { SOMEBODY }
    }

    /// Id of the stored fax of this place.
    fn fax(&self) -> String {
        let Self { who, direction, state, .. } = self;
        match self.place {
            Place::Mine => format!("fax-{state:?}-{who}"),
            place => format!("fax-{place:?}-{direction:?}-{state:?}"),
        }
    }

    /// The resource that an action acts on. A new one for actions that make or send something.
    pub fn resource(&self, action: &ActionDef, ty: &ResourceDef) -> pb::Resource {
        let makes =
            [".create", ".invite", ".add", ".port"].iter().any(|end| action.name.ends_with(end));
        let sends = action.sends.is_some() && action.sees.is_none();
        let id = match ty.stored {
            _ if makes || sends => None,
            None => None,
            Some(StoredType::Account) => Some("home".into()),
            Some(StoredType::Member) => Some(format!("user:{}", self.person())),
            Some(StoredType::Group) => Some(self.pick(Inside::All, "team", "crowd").into()),
            Some(StoredType::Number) => Some(self.number().into()),
            Some(StoredType::Extension) => {
                Some(self.pick(Inside::Extension, EXTENSION, "e9").into())
            }
            Some(StoredType::Queue) => Some(self.pick(Inside::Queue, QUEUE, "q9").into()),
            Some(StoredType::Faxbox) => Some(self.pick(Inside::All, "box", "far").into()),
            Some(StoredType::Fax) => Some(self.fax()),
        };
        let properties = match ty.stored {
            Some(_) if id.is_some() || makes => None,
            _ => Some(self.facts(ty, sends)),
        };
        pb::Resource { r#type: ty.name.to_string(), id, properties }
    }

    /// Every fact that the type declares.
    fn facts(&self, ty: &ResourceDef, outgoing: bool) -> pb::Facts {
        let outgoing = outgoing || self.direction == Direction::Outbound;
        let mut facts = pb::Facts::default();
        for fact in &ty.facts {
            match fact {
                FactName::Account => facts.account = Some("home".into()),
                FactName::Creator => facts.creator = Some(user(self.person())),
                FactName::Participant => {
                    let subjects = vec![user(self.person())];
                    facts.participants = Some(pb::Subjects { subjects });
                }
                FactName::Faxbox => {
                    facts.faxbox = Some(self.pick(Inside::All, "box", "far").into())
                }
                FactName::Number => facts.number = Some(self.number().into()),
                FactName::Extension => {
                    facts.extension = Some(self.pick(Inside::Extension, EXTENSION, "e9").into());
                }
                FactName::Queue => facts.queue = Some(self.pick(Inside::Queue, QUEUE, "q9").into()),
                FactName::Group => {
                    facts.group = Some(self.pick(Inside::All, "team", "crowd").into())
                }
                FactName::Direction => {
                    let way =
                        if outgoing { pb::Direction::Outbound } else { pb::Direction::Inbound };
                    facts.direction = Some(way.into());
                }
                FactName::State => facts.state = Some(pb::FaxState::Draft.into()),
                FactName::FormType => facts.form_type = Some("invoice".into()),
                FactName::DocumentType => facts.document_type = Some("contract".into()),
                FactName::Template => facts.template = Some("letter".into()),
                FactName::Source => {
                    let sources = vec![pb::AttachmentSource::Computer.into()];
                    facts.attachment_sources = Some(pb::AttachmentSources { sources });
                }
                FactName::Assignee | FactName::Label => {
                    facts.absent.push(fact.as_str().into());
                }
            }
        }
        facts
    }

    /// The target of an action: the destination of a move, what goes out when something is passed
    /// on, or what is conferred.
    pub fn target(&self, ty: &ResourceDef, conferred: (&str, &str)) -> pb::Resource {
        let (role, permission) = conferred;
        let id: Option<&str> = match &*ty.name {
            "role" => Some(role),
            "permission" => Some(permission),
            "faxbox" => Some(self.pick(Inside::All, "box2", "far")),
            _ => None,
        };
        let properties = id.is_none().then(|| self.facts(ty, true));
        pb::Resource { r#type: ty.name.to_string(), id: id.map(Into::into), properties }
    }

    /// The stored fax of this place.
    pub fn stored_fax(&self) -> NewFax {
        let outbound = self.direction == Direction::Outbound;
        NewFax {
            fax: ids::fax(&self.fax()),
            direction: self.direction,
            number: Some(ids::number(self.number())),
            faxbox: Some(ids::faxbox(self.pick(Inside::All, "box", "far"))),
            creator: outbound.then(|| ids::user(self.person())),
            state: self.state,
            ..received("unnamed", "home", 0)
        }
    }
}
