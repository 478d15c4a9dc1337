//! A product: who answers for which row, and the world with all of them in it.

use lineguard_core::change::{Change, NumberTarget};
use lineguard_core::model::reach::{Direction, FaxState};
use lineguard_core::model::{Model, Permission, PermissionKind, built_in_vocabulary, parse};
use lineguard_core::vocabulary::Action;
use lineguard_testkit::ids;
use lineguard_testkit::world::World;

use super::bench::Bench;
use super::column::{Column, Joining, Kit, Variant};
use super::place::{INSIDE_NUMBER, Inside, OUTSIDE_NUMBER, Place, Spot, furnish};
use crate::harness::{product, text_of};

const BOTH: [Direction; 2] = [Direction::Inbound, Direction::Outbound];

/// How a `-` is looked at once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refine {
    /// Any administrator may tick any permission, so a tick is not worth a name.
    No,
    /// Whether it can be switched on for a person.
    Toggle,
    /// Whether it comes with roles only.
    Explicit,
}

/// What the questions of a row are about.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Directions of the faxes.
    pub directions: &'static [Direction],
    /// State of the faxes.
    pub state: FaxState,
    /// Whether one's own is asked about too.
    pub mine: bool,
    /// By what things lie inside; none where the row is not about lists.
    pub inside: Option<Inside>,
}

impl Shape {
    /// Everything.
    pub const ANY: Self =
        Self { directions: &BOTH, state: FaxState::Active, mine: true, inside: Some(Inside::All) };
    /// Received faxes.
    pub const INBOUND: Self = Self { directions: &[Direction::Inbound], ..Self::ANY };
    /// Sent faxes.
    pub const OUTBOUND: Self = Self { directions: &[Direction::Outbound], ..Self::ANY };
}

/// A product whose matrix is asked for.
pub struct Product {
    pub name: &'static str,
    pub text: String,
    pub model: Model,
    pub columns: Vec<Column>,
    /// Permissions that together show every fax: lent where an action needs sight of the fax.
    pub sight: &'static [&'static str],
    /// Permissions that let a number be presented: lent where what goes out needs one that is held.
    pub presents: &'static [&'static str],
    /// Whether rows are told apart from others that give the same actions.
    pub attribute: bool,
    pub refine: Refine,
    /// The visibility level of everybody, where the product has levels.
    pub level: Option<&'static str>,
    pub shape: fn(&str, &Column) -> Shape,
    pub variants: Vec<Variant>,
    /// By position of the row.
    pub variant_of: Vec<usize>,
}

impl Product {
    /// A product without anything of its own.
    pub fn new(name: &'static str, columns: Vec<Column>) -> Self {
        let text = text_of(name).to_owned();
        let model = parse(&text, built_in_vocabulary()).unwrap();
        let shape = |_: &str, _: &Column| Shape::ANY;
        let (attribute, refine) = (true, Refine::No);
        Self {
            name,
            text,
            model,
            columns,
            sight: &[],
            presents: &[],
            attribute,
            refine,
            level: None,
            shape,
            variants: Vec::new(),
            variant_of: Vec::new(),
        }
    }

    /// The same product with another model text.
    pub fn with_text(mut self, text: String) -> Self {
        self.model = parse(&text, built_in_vocabulary()).unwrap();
        self.text = text;
        self.prepared()
    }

    pub fn column(&self, key: &str) -> &Column {
        self.columns.iter().find(|column| column.key == key).unwrap()
    }

    pub fn row(&self, key: &str) -> &Permission {
        self.model.permission(key).unwrap().1
    }

    /// Finds the variants once and for all: every question asks for them.
    pub fn prepared(mut self) -> Self {
        self.variants = vec![Variant::default()];
        self.variant_of = Vec::new();
        for row in &self.model.permissions {
            let variant = self.variant(row);
            let known = self.variants.iter().position(|one| *one == variant);
            self.variant_of.push(known.unwrap_or(self.variants.len()));
            if known.is_none() {
                self.variants.push(variant);
            }
        }
        self
    }

    /// The overrides that let a row be seen by itself.
    fn variant(&self, row: &Permission) -> Variant {
        let actions = actions_of(row);
        if !self.attribute {
            return Variant::default();
        }
        let gives = |other: &Permission| {
            let grants = matches!(other.kind, PermissionKind::Grant(_));
            grants && actions_of(other).iter().any(|action| actions.contains(action))
        };
        let others = self.model.permissions.iter().filter(|other| other.key != row.key);
        let others = others.filter(|other| gives(other)).map(|other| other.key.to_string());
        let grants = matches!(row.kind, PermissionKind::Grant(_));
        let (off, mut on): (Vec<_>, Vec<_>) =
            if grants { (others.collect(), Vec::new()) } else { (Vec::new(), others.collect()) };
        let mut lend = |keys: &[&str]| {
            let lent = keys.iter().copied().map(str::to_owned);
            on.extend(lent.filter(|key| *key != row.key.as_str() && !off.contains(key)));
        };
        if actions.iter().any(|action| needs_sight(*action)) {
            lend(self.sight);
        }
        if actions.iter().any(|action| self.model.outgoing.held.contains(action)) {
            lend(self.presents);
        }
        if let PermissionKind::Channel(_) = row.kind {
            on.push("nav.access".into());
        }
        Variant { off, on }
    }

    /// The variants that a column has people for. What ownership gives is seen as it is.
    fn variants_in(&self, column: &Column) -> &[Variant] {
        if column.role.is_some() { &self.variants } else { &self.variants[..1] }
    }

    /// The person who answers for a row.
    pub fn person(&self, row: &Permission, column: &Column, kit: Kit) -> String {
        let (at, _) = self.model.permission(row.key.as_str()).unwrap();
        let variant = if column.role.is_some() { self.variant_of[at] } else { 0 };
        person(column, kit, variant)
    }

    /// All people who answer for a row in a column.
    pub fn people(&self, row: &Permission, column: &Column) -> Vec<String> {
        let mut people: Vec<_> =
            column.kits.iter().map(|kit| self.person(row, column, *kit)).collect();
        if row.kind == PermissionKind::Routing {
            people.push(routed(column));
        }
        people
    }

    /// The world with everybody in it.
    pub fn world(&self) -> World {
        let world = product(self.name).model(&self.text).account("home");
        let mut world = furnish(world);
        if self.model.outgoing.by_faxbox {
            // What goes out from a faxbox goes out with a number of it.
            for (number, faxbox) in [(INSIDE_NUMBER, "box"), (OUTSIDE_NUMBER, "far")] {
                let target = NumberTarget::Faxbox(ids::faxbox(faxbox));
                let number = ids::number(number);
                world = world.change(Change::SetNumberTarget { number, target, on: true });
            }
        }
        for direction in BOTH {
            for place in [Place::Elsewhere, Place::Inside] {
                for state in states_of(direction) {
                    let inside = Inside::All;
                    let spot = Spot { who: "", place, inside, direction, state: *state };
                    world = world.fax(spot.stored_fax());
                }
            }
        }
        for column in &self.columns {
            for (position, variant) in self.variants_in(column).iter().enumerate() {
                for kit in column.kits {
                    let id = person(column, *kit, position);
                    let joining =
                        Joining { id: &id, column, kit: *kit, variant, level: self.level };
                    world = joining.join(world);
                    for state in states_of(Direction::Outbound) {
                        world = world.fax(own_fax(&id, *state));
                    }
                }
            }
        }
        if self.model.permissions.iter().any(|row| row.kind == PermissionKind::Routing) {
            for (position, column) in self.columns.iter().enumerate() {
                let number = routed_number(position);
                world = world.number(&number).member(&routed(column));
                world = world.role(column.role.unwrap()).auto_assign(&[&number]);
            }
        }
        world
    }

    /// A server of that world.
    pub async fn start(&self) -> Bench {
        Bench::start(self.world()).await
    }
}

/// Whether an action on what is stored needs sight of it first.
fn needs_sight(action: Action) -> bool {
    let vocabulary = built_in_vocabulary();
    let def = vocabulary.def(action).unwrap();
    let ty = vocabulary.resource(def.resource).unwrap();
    def.sees.is_some() || (ty.seen_first && ty.view != Some(action) && def.sends.is_none())
}

fn states_of(direction: Direction) -> &'static [FaxState] {
    match direction {
        Direction::Inbound => &[FaxState::Active],
        Direction::Outbound => &[FaxState::Active, FaxState::Pending],
    }
}

fn own_fax(who: &str, state: FaxState) -> lineguard_core::change::NewFax {
    let (place, direction) = (Place::Mine, Direction::Outbound);
    Spot { who, place, inside: Inside::All, direction, state }.stored_fax()
}

fn person(column: &Column, kit: Kit, variant: usize) -> String {
    format!("{}-{kit:?}-{variant}", column.key)
}

/// The person of a column whose list names a number of their own for auto-assign.
pub fn routed(column: &Column) -> String {
    format!("{}-routed", column.key)
}

/// The number of that person.
pub fn routed_number(column: usize) -> String {
    format!("+155501002{column:02}")
}

/// The actions that a permission names.
pub fn actions_of(permission: &Permission) -> Vec<Action> {
    let vocabulary = built_in_vocabulary();
    match &permission.kind {
        PermissionKind::Grant(grants) => {
            grants.iter().flat_map(|grant| grant.actions.iter().copied()).collect()
        }
        PermissionKind::Obligation { actions, .. } => actions.clone(),
        PermissionKind::Restriction(list) => {
            use lineguard_core::model::RestrictionList;
            let all = vocabulary.actions().filter(|(_, def)| match list {
                RestrictionList::SendFrom(channel) => def.sends == Some(*channel),
                RestrictionList::AttachmentSources => def.attaches,
            });
            all.map(|(action, _)| action).collect()
        }
        PermissionKind::Routing | PermissionKind::Channel(_) => Vec::new(),
    }
}
