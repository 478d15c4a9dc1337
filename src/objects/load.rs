//! From rows to objects: links and names are read for all of them at once.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use lineguard_core::change::{AccountKind, NumberTarget, UserOrGroup};
use lineguard_core::facts::Capabilities;
use lineguard_core::id::{
    AccountId, ExtensionId, FaxboxId, GroupId, InvitationId, Key, Num, PhoneNumber, QueueId,
    Subject, Timestamp,
};
use lineguard_core::port::{StoreError, TenantReader};
use lineguard_core::row::{
    self, ALL, AccountBody, FaxboxBody, GroupBody, InvitationBody, LinkKind, NumberBody, Object,
    ObjectKind, RoleBody,
};
use serde::de::DeserializeOwned;

use super::member::{member, scope_values};
use super::{
    Account, Definition, Faxbox, Group, Invitation, Number, Relation, Role, Stored, Switches,
};
use crate::names::Names;

/// The objects of these rows, in their order. Rows that are plain names give an error: nobody
/// asks for them.
pub async fn load(
    reader: &mut dyn TenantReader,
    rows: &[Object],
) -> Result<Vec<Stored>, StoreError> {
    let (all, _) = read(reader, rows, usize::MAX).await?;
    rows.iter().map(|row| all.of(row).stored()).collect()
}

/// The same, with the first `most` elements of each relation, and the relations that have more.
pub async fn load_first(
    reader: &mut dyn TenantReader,
    rows: &[Object],
    most: usize,
) -> Result<Vec<(Stored, BTreeSet<Relation>)>, StoreError> {
    let (all, mut cut) = read(reader, rows, most).await?;
    let told = |row: &Object| Ok((all.of(row).stored()?, cut.remove(&row.num).unwrap_or_default()));
    rows.iter().map(told).collect()
}

type Cut = HashMap<Num, BTreeSet<Relation>>;

async fn read(
    reader: &mut dyn TenantReader,
    rows: &[Object],
    most: usize,
) -> Result<(All, Cut), StoreError> {
    let tenant = reader.tenant().await?.num;
    let nums: Vec<Num> = rows.iter().map(|row| row.num).collect();
    let mut links: HashMap<(LinkKind, Num), Vec<Num>> = HashMap::new();
    let mut wanted: Vec<Num> = rows.iter().filter_map(|row| row.account).collect();
    for link in reader.links_of(&nums).await? {
        links.entry((link.kind, link.a)).or_default().push(link.b);
    }
    let mut cut = Cut::new();
    for ((kind, a), ends) in &mut links {
        ends.sort_unstable();
        if let Some(relation) = Relation::of(*kind).filter(|_| ends.len() > most) {
            ends.truncate(most);
            cut.entry(*a).or_default().insert(relation);
        }
        if *kind != LinkKind::AttachmentSource {
            wanted.extend(ends.iter().filter(|end| **end != ALL));
        }
    }
    for row in rows.iter().filter(|row| row.kind == ObjectKind::Member) {
        wanted.extend(scope_values(tenant, row)?);
    }
    let mut homes = Vec::new();
    for row in rows.iter().filter(|row| row.is_retired_number()) {
        homes.push(row::home_of_number(tenant, row)?);
    }
    let mut root = None;
    if !homes.is_empty() {
        wanted.extend(homes);
        let first = reader.list(ObjectKind::Account, None, Num(0), 1).await?;
        root = first.first().map(|account| account.num);
        wanted.extend(root);
    }
    let names = Names::load(reader, wanted).await?;
    Ok((All { tenant, links, names, root }, cut))
}

/// What is known of all the rows.
struct All {
    tenant: Num,
    links: HashMap<(LinkKind, Num), Vec<Num>>,
    names: Names,
    /// The root account; read where a number that was given back is among the rows.
    root: Option<Num>,
}

impl All {
    const fn of<'a>(&'a self, row: &'a Object) -> Row<'a> {
        Row { all: self, row }
    }
}

/// One of the rows.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    all: &'a All,
    row: &'a Object,
}

impl<'a> Row<'a> {
    pub fn names(&self) -> &'a Names {
        &self.all.names
    }

    pub fn corrupt(&self, column: &'static str) -> StoreError {
        row::corrupt(self.all.tenant, column, self.row.num)
    }

    pub fn body<T: DeserializeOwned>(&self) -> Result<T, StoreError> {
        row::parse_body(self.all.tenant, self.row)
    }

    pub fn id<T>(&self, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, StoreError> {
        parse(&self.row.id).ok_or_else(|| self.corrupt("id"))
    }

    pub fn account(&self) -> Result<AccountId, StoreError> {
        let account = self.row.account.ok_or_else(|| self.corrupt("account"))?;
        self.names().account(account)
    }

    /// The account that a number was set up at when it was given back; the root if that account is
    /// gone.
    fn home(&self) -> Result<AccountId, StoreError> {
        let home = row::home_of_number(self.all.tenant, self.row)?;
        if self.names().object(home).is_some() {
            return self.names().account(home);
        }
        self.names().account(self.all.root.ok_or_else(|| self.corrupt("account"))?)
    }

    /// Where the links of a kind lead to.
    pub fn ends(&self, kind: LinkKind) -> &'a [Num] {
        self.all.links.get(&(kind, self.row.num)).map_or(&[], Vec::as_slice)
    }

    pub fn subjects(&self, kind: LinkKind) -> Result<Vec<Subject>, StoreError> {
        self.ends(kind).iter().map(|num| self.names().subject(*num)).collect()
    }

    pub fn key(&self, text: &str) -> Result<Key, StoreError> {
        Key::parse(text).map_err(|_| self.corrupt("body"))
    }

    pub fn maybe_key(&self, text: Option<&String>) -> Result<Option<Key>, StoreError> {
        text.map(|text| self.key(text)).transpose()
    }

    pub fn keys(&self, texts: &[String]) -> Result<Vec<Key>, StoreError> {
        texts.iter().map(|text| self.key(text)).collect()
    }

    pub fn switches(&self, map: &BTreeMap<String, bool>) -> Result<Switches, StoreError> {
        map.iter().map(|(key, on)| Ok((self.key(key)?, *on))).collect()
    }

    fn stored(&self) -> Result<Stored, StoreError> {
        Ok(match self.row.kind {
            ObjectKind::Account => Stored::Account(self.as_account()?),
            ObjectKind::Member => Stored::Member(member(self)?),
            ObjectKind::Group => Stored::Group(self.as_group()?),
            ObjectKind::Role => Stored::Role(self.as_role()?),
            ObjectKind::Number if self.row.is_retired_number() => {
                Stored::RetiredNumber(self.id(|id| PhoneNumber::parse(id).ok())?, self.home()?)
            }
            ObjectKind::Number => Stored::Number(self.as_number()?),
            ObjectKind::Extension => {
                Stored::Extension(self.id(|id| ExtensionId::parse(id).ok())?, self.account()?)
            }
            ObjectKind::Queue => {
                Stored::Queue(self.id(|id| QueueId::parse(id).ok())?, self.account()?)
            }
            ObjectKind::Faxbox => Stored::Faxbox(self.as_faxbox()?),
            ObjectKind::Invitation => Stored::Invitation(self.as_invitation()?),
            ObjectKind::Subject
            | ObjectKind::Label
            | ObjectKind::FormType
            | ObjectKind::DocumentType
            | ObjectKind::Template => return Err(self.corrupt("kind")),
        })
    }

    fn as_account(&self) -> Result<Account, StoreError> {
        let AccountBody { title, personal, sealed, entitlements, flags, settings } = self.body()?;
        Ok(Account {
            account: self.id(|id| AccountId::parse(id).ok())?,
            parent: self.row.account.map(|parent| self.names().account(parent)).transpose()?,
            title,
            kind: if personal { AccountKind::Personal } else { AccountKind::Shared },
            sealed,
            entitlements: self.switches(&entitlements)?,
            flags: self.switches(&flags)?,
            settings: self.switches(&settings)?,
            owners: self.subjects(LinkKind::AccountOwner)?,
        })
    }

    fn as_group(&self) -> Result<Group, StoreError> {
        let GroupBody { title, roles } = self.body()?;
        Ok(Group {
            group: self.id(|id| GroupId::parse(id).ok())?,
            account: self.account()?,
            title,
            roles: self.keys(&roles)?,
            members: self.subjects(LinkKind::GroupMember)?,
            owners: self.subjects(LinkKind::GroupOwner)?,
        })
    }

    fn as_role(&self) -> Result<Role, StoreError> {
        let (definition, visibility) = match self.body()? {
            RoleBody::Custom { title, permissions, visibility } => {
                (Definition::Custom { title, permissions: self.keys(&permissions)? }, visibility)
            }
            RoleBody::Adjusted { add, remove, visibility } => {
                let (add, remove) = (self.keys(&add)?, self.keys(&remove)?);
                (Definition::Adjusted { add, remove }, visibility)
            }
        };
        Ok(Role {
            account: self.account()?,
            role: self.id(|id| Key::parse(id).ok())?,
            definition,
            visibility: self.maybe_key(visibility.as_ref())?,
        })
    }

    fn as_number(&self) -> Result<Number, StoreError> {
        let NumberBody { active, voice, fax, message, was_at: _, formerly: _ } = self.body()?;
        let group = |num: &Num| self.names().group(*num).map(NumberTarget::Group);
        let faxbox = |num: &Num| self.names().faxbox(*num).map(NumberTarget::Faxbox);
        let groups = self.ends(LinkKind::NumberGroup).iter().map(group);
        let faxboxes = self.ends(LinkKind::NumberFaxbox).iter().map(faxbox);
        Ok(Number {
            number: self.id(|id| PhoneNumber::parse(id).ok())?,
            account: self.account()?,
            capabilities: Capabilities { voice, fax, message },
            active,
            targets: groups.chain(faxboxes).collect::<Result<_, _>>()?,
        })
    }

    fn as_faxbox(&self) -> Result<Faxbox, StoreError> {
        let FaxboxBody { title } = self.body()?;
        let user = |num: &Num| self.names().subject(*num).map(UserOrGroup::User);
        let group = |num: &Num| self.names().group(*num).map(UserOrGroup::Group);
        let users = self.ends(LinkKind::FaxboxUser).iter().map(user);
        let groups = self.ends(LinkKind::FaxboxGroup).iter().map(group);
        Ok(Faxbox {
            faxbox: self.id(|id| FaxboxId::parse(id).ok())?,
            account: self.account()?,
            title,
            members: users.chain(groups).collect::<Result<_, _>>()?,
            owners: self.subjects(LinkKind::FaxboxOwner)?,
        })
    }

    fn as_invitation(&self) -> Result<Invitation, StoreError> {
        let InvitationBody { roles, expires_at, accepted_by, revoked } = self.body()?;
        let subject =
            |text: String| Subject::from_qualified(&text).ok_or_else(|| self.corrupt("body"));
        Ok(Invitation {
            invitation: self.id(|id| InvitationId::parse(id).ok())?,
            account: self.account()?,
            roles: self.keys(&roles)?,
            expires_at: Timestamp(expires_at),
            accepted_by: accepted_by.map(subject).transpose()?,
            revoked,
        })
    }
}
