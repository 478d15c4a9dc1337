//! The columns of a matrix, and the people who stand in them.

use lineguard_core::change::{Change, ListValue, MemberList, NumberList, OverrideValue};
use lineguard_core::facts::MemberStatus;
use lineguard_testkit::ids;
use lineguard_testkit::world::World;

use super::place::{EXTENSION, INSIDE_NUMBER, PRESET_NUMBER, QUEUE};

/// What a person has besides the role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kit {
    /// Nothing.
    Bare,
    /// Belongs to two faxboxes.
    Member,
    /// Has lists of access and granted numbers.
    Listed,
    /// Owns a faxbox, without belonging to it.
    FaxboxOwner,
    /// Owns a group, without belonging to it.
    GroupOwner,
    /// What the column grants, and no extension.
    NoExtension,
    /// What the column grants, an extension, and a preset number.
    Extension,
}

impl Kit {
    /// Whether the person owns something.
    pub fn owns(self) -> bool {
        matches!(self, Self::FaxboxOwner | Self::GroupOwner)
    }

    /// Whether the person may have lists.
    pub fn is_listed(self) -> bool {
        matches!(self, Self::Listed | Self::NoExtension | Self::Extension)
    }
}

/// What a column grants to a non-admin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Granted {
    Nothing,
    Extension,
    Queue,
    Number,
}

/// A column: a role, an ownership, or a situation of a role.
#[derive(Debug, Clone)]
pub struct Column {
    pub key: &'static str,
    /// None for what ownership gives to somebody without a role.
    pub role: Option<&'static str>,
    pub kits: &'static [Kit],
    pub granted: Granted,
    /// Permissions switched on for everybody in it.
    pub on: &'static [&'static str],
}

impl Column {
    /// The column of a role.
    pub fn role(role: &'static str, kits: &'static [Kit]) -> Self {
        Self { key: role, role: Some(role), kits, granted: Granted::Nothing, on: &[] }
    }
}

/// Overrides that let one row be seen by itself: its rivals, which give the same actions, are off,
/// and what the question needs besides the row is on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Variant {
    pub off: Vec<String>,
    pub on: Vec<String>,
}

/// Adds a person to a world.
pub struct Joining<'a> {
    pub id: &'a str,
    pub column: &'a Column,
    pub kit: Kit,
    pub variant: &'a Variant,
    /// A visibility level of their own.
    pub level: Option<&'a str>,
}

impl Joining<'_> {
    pub fn join(&self, world: World) -> World {
        let (account, subject) = (ids::account("home"), ids::user(self.id));
        let roles = Some(self.column.role.into_iter().map(ids::key).collect());
        let status = MemberStatus::Active;
        let add =
            Change::AddMember { account: account.clone(), subject: subject.clone(), status, roles };
        let mut world = world.change(add);
        if let Some(level) = self.level {
            let level = Some(ids::key(level));
            let (account, subject) = (account.clone(), subject.clone());
            world = world.change(Change::SetVisibility { account, subject, level });
        }
        let on = self.column.on.iter().copied().chain(self.variant.on.iter().map(String::as_str));
        for permission in on {
            world = world.change(override_of(self.id, permission, OverrideValue::On));
        }
        for permission in &self.variant.off {
            world = world.change(override_of(self.id, permission, OverrideValue::Off));
        }
        if !self.variant.on.is_empty() {
            // What is lent must not stop at a list.
            for list in [NumberList::Access, NumberList::Granted] {
                world = world.change(self.list(MemberList::Numbers(list, ListValue::All)));
            }
        }
        self.equip(world)
    }

    fn equip(&self, world: World) -> World {
        let account = ids::account("home");
        match self.kit {
            Kit::Bare => world,
            Kit::Member => world.join(self.id, "box").join(self.id, "box2"),
            Kit::Listed if !self.variant.on.is_empty() => world,
            Kit::Listed => {
                let numbers = || ListValue::These(ids::numbers(&[INSIDE_NUMBER]));
                let lists = [NumberList::Access, NumberList::Granted];
                lists.into_iter().fold(world, |world, list| {
                    world.change(self.list(MemberList::Numbers(list, numbers())))
                })
            }
            Kit::FaxboxOwner => {
                let (faxbox, subject) = (ids::faxbox("box"), ids::user(self.id));
                world.change(Change::SetFaxboxOwner { faxbox, subject, owner: true })
            }
            Kit::GroupOwner => {
                let (group, subject) = (ids::group("team"), ids::user(self.id));
                world.change(Change::SetGroupOwner { group, subject, owner: true })
            }
            Kit::NoExtension => self.grant(world),
            Kit::Extension => {
                let held = format!("held-by-{}", self.id);
                let held_list = ListValue::These(vec![ids::extension(&held)]);
                let number = Some(ids::number(PRESET_NUMBER));
                let subject = ids::user(self.id);
                self.grant(world)
                    .extension(&held)
                    .change(self.list(MemberList::HeldExtensions(held_list)))
                    .change(Change::SetDefaultNumber { account, subject, number })
            }
        }
    }

    fn grant(&self, world: World) -> World {
        let list = match self.column.granted {
            Granted::Nothing => return world,
            Granted::Extension => {
                MemberList::GrantedExtensions(ListValue::These(vec![ids::extension(EXTENSION)]))
            }
            Granted::Queue => MemberList::GrantedQueues(ListValue::These(vec![ids::queue(QUEUE)])),
            Granted::Number => MemberList::Numbers(
                NumberList::Granted,
                ListValue::These(ids::numbers(&[INSIDE_NUMBER])),
            ),
        };
        world.change(self.list(list))
    }

    fn list(&self, list: MemberList) -> Change {
        Change::SetList { account: ids::account("home"), subject: ids::user(self.id), list }
    }
}

/// An override of a person.
pub fn override_of(who: &str, permission: &str, value: OverrideValue) -> Change {
    let (account, subject) = (ids::account("home"), ids::user(who));
    Change::SetOverride { account, subject, permission: ids::key(permission), value }
}

/// An adjustment of a built-in role; nothing added or removed undoes it.
pub fn adjust(role: &str, add: &[&str], remove: &[&str]) -> Change {
    Change::AdjustRole {
        account: ids::account("home"),
        role: ids::key(role),
        add: ids::keys(add),
        remove: ids::keys(remove),
        visibility: None,
    }
}
