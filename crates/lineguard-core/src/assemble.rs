//! Makes facts of rows.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::facts::{
    AccountBelow, AccountLevel, AccountSetup, Capabilities, Fact, GrantList, GroupFacts, ListOf,
    MemberFacts, MemberStatus, Membership, NumberFacts, Override, ResourceFacts, RoleDefinition,
};
use crate::id::{Key, Num};
use crate::model::reach::FaxState;
use crate::model::{RestrictionList, ScopeKind};
use crate::port::{FaxRow, MemberRows, StoreError, TenantRow};
use crate::row::{
    self, ALL, AccountBody, GroupBody, Link, LinkKind, MemberBody, NumberBody, Object, ObjectKind,
    OverrideBody, RoleBody,
};
use crate::vocabulary::SendChannel;

/// All rows of a tenant, as one snapshot reads them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dump {
    /// The tenant.
    pub tenant: TenantRow,
    /// Objects, by number.
    pub objects: Vec<Object>,
    /// Links, in their order.
    pub links: Vec<Link>,
    /// Faxes that were not deleted, by number.
    pub faxes: Vec<FaxRow>,
}

/// The links of a member that make a list which grants.
const GRANT_LISTS: [(LinkKind, GrantList); 7] = [
    (LinkKind::AccessNumber, GrantList::AccessNumbers),
    (LinkKind::AutoAssignNumber, GrantList::AutoAssignNumbers),
    (LinkKind::GrantedNumber, GrantList::GrantedNumbers),
    (LinkKind::HeldExtension, GrantList::HeldExtensions),
    (LinkKind::GrantedExtension, GrantList::GrantedExtensions),
    (LinkKind::GrantedQueue, GrantList::GrantedQueues),
    (LinkKind::MemberLabel, GrantList::Labels),
];

/// The links of a member that make a list which narrows.
const RESTRICTIONS: [(LinkKind, RestrictionList); 4] = [
    (LinkKind::SendFromFax, RestrictionList::SendFrom(SendChannel::Fax)),
    (LinkKind::SendFromMessage, RestrictionList::SendFrom(SendChannel::Message)),
    (LinkKind::SendFromCall, RestrictionList::SendFrom(SendChannel::Call)),
    (LinkKind::AttachmentSource, RestrictionList::AttachmentSources),
];

/// The facts about a subject at an acting account; none if the account does not exist.
pub fn member_facts(rows: &MemberRows) -> Result<Option<MemberFacts>, StoreError> {
    let Some(acting) = rows.path.first().copied() else {
        return Ok(None);
    };
    let rows = Rows::new(rows);
    let subject = rows.rows.subject.unwrap_or(Num::UNKNOWN);
    let path = rows.rows.path.iter().map(|account| rows.level(*account));
    let path = path.collect::<Result<Vec<_>, _>>()?;
    let owned_groups = rows.near(LinkKind::GroupOwner, subject);
    let mut supervised: BTreeSet<Num> =
        owned_groups.iter().flat_map(|group| rows.far(LinkKind::GroupMember, *group)).collect();
    supervised.remove(&subject);
    let mut owned_accounts = rows.near(LinkKind::AccountOwner, subject);
    owned_accounts.retain(|account| rows.rows.path.contains(account));
    Ok(Some(MemberFacts {
        revision: rows.rows.tenant.revision,
        model: rows.rows.tenant.model,
        subject,
        path,
        below: rows.below(acting)?,
        groups: rows.groups()?,
        owned_accounts,
        faxboxes: rows.faxboxes(subject),
        owned_faxboxes: rows.near(LinkKind::FaxboxOwner, subject),
        owned_groups,
        supervised: Vec::from_iter(supervised),
        delegators: rows.delegators(subject)?,
    }))
}

/// The rows, with what is looked up in them more than once.
struct Rows<'a> {
    rows: &'a MemberRows,
    by_num: HashMap<Num, &'a Object>,
    /// Members who delegated to the subject; all other members are the subject's own.
    delegating: BTreeSet<Num>,
}

impl<'a> Rows<'a> {
    fn new(rows: &'a MemberRows) -> Self {
        let by_num = rows.objects.iter().map(|object| (object.num, object)).collect();
        let delegation =
            |link: &&Link| link.kind == LinkKind::Delegation && Some(link.b) == rows.subject;
        let delegating = rows.links.iter().filter(delegation).map(|link| link.a).collect();
        Self { rows, by_num, delegating }
    }

    fn of_kind(&self, kind: ObjectKind) -> impl Iterator<Item = &'a Object> {
        self.rows.objects.iter().filter(move |object| object.kind == kind)
    }

    /// Near ends of the links of a kind to `b`, ascending.
    fn near(&self, kind: LinkKind, b: Num) -> Vec<Num> {
        let links = self.rows.links.iter().filter(|link| link.kind == kind && link.b == b);
        Vec::from_iter(links.map(|link| link.a).collect::<BTreeSet<_>>())
    }

    /// Far ends of the links of a kind from `a`, ascending.
    fn far(&self, kind: LinkKind, a: Num) -> Vec<Num> {
        let links = self.rows.links.iter().filter(|link| link.kind == kind && link.a == a);
        Vec::from_iter(links.map(|link| link.b).collect::<BTreeSet<_>>())
    }

    fn corrupt(&self, column: &'static str, num: Num) -> StoreError {
        row::corrupt(self.rows.tenant.num, column, num)
    }

    fn body<T: serde::de::DeserializeOwned>(&self, object: &Object) -> Result<T, StoreError> {
        row::parse_body(self.rows.tenant.num, object)
    }

    fn key(&self, object: &Object, text: &str) -> Result<Key, StoreError> {
        Key::parse(text).map_err(|_| self.corrupt("body", object.num))
    }

    fn keys(&self, object: &Object, texts: &[String]) -> Result<Vec<Key>, StoreError> {
        texts.iter().map(|text| self.key(object, text)).collect()
    }

    fn maybe_key(&self, object: &Object, text: Option<&str>) -> Result<Option<Key>, StoreError> {
        text.map(|text| self.key(object, text)).transpose()
    }

    fn switches(
        &self,
        object: &Object,
        texts: &BTreeMap<String, bool>,
    ) -> Result<BTreeMap<Key, bool>, StoreError> {
        texts.iter().map(|(text, on)| Ok((self.key(object, text)?, *on))).collect()
    }
}

/// The account tree.
impl Rows<'_> {
    fn level(&self, account: Num) -> Result<AccountLevel, StoreError> {
        let Some(object) = self.by_num.get(&account) else {
            return Err(self.corrupt("num", account));
        };
        let body: AccountBody = self.body(object)?;
        let setup = AccountSetup {
            entitlements: self.switches(object, &body.entitlements)?,
            flags: self.switches(object, &body.flags)?,
            settings: self.switches(object, &body.settings)?,
        };
        let mut roles = Vec::new();
        let mut defined: Vec<_> = self.of_kind(ObjectKind::Role).collect();
        defined.sort_by_key(|role| role.num);
        for role in defined.into_iter().filter(|role| role.account == Some(account)) {
            roles.push(self.role(role)?);
        }
        let membership = self.own_member(account).map(|member| self.membership(member));
        Ok(AccountLevel {
            account,
            sealed: body.sealed,
            setup,
            roles,
            membership: membership.transpose()?,
        })
    }

    fn role(&self, object: &Object) -> Result<RoleDefinition, StoreError> {
        let key = self.key(object, &object.id)?;
        Ok(match self.body(object)? {
            RoleBody::Custom { title, permissions, visibility } => RoleDefinition::Custom {
                key,
                title: title.into(),
                permissions: self.keys(object, &permissions)?,
                visibility: self.maybe_key(object, visibility.as_deref())?,
            },
            RoleBody::Adjusted { add, remove, visibility } => RoleDefinition::Adjusted {
                key,
                add: self.keys(object, &add)?,
                remove: self.keys(object, &remove)?,
                visibility: self.maybe_key(object, visibility.as_deref())?,
            },
        })
    }

    /// Accounts below the acting one, parents before children.
    fn below(&self, acting: Num) -> Result<Vec<AccountBelow>, StoreError> {
        let mut children: BTreeMap<Num, BTreeSet<Num>> = BTreeMap::new();
        let mut expected = 0;
        for account in self.of_kind(ObjectKind::Account) {
            if self.rows.path.contains(&account.num) {
                continue;
            }
            let parent = account.account.ok_or_else(|| self.corrupt("account", account.num))?;
            children.entry(parent).or_default().insert(account.num);
            expected += 1;
        }
        let mut below: Vec<AccountBelow> = Vec::with_capacity(expected);
        let mut parents = vec![acting];
        while let Some(parent) = parents.pop() {
            for child in children.remove(&parent).unwrap_or_default() {
                let Some(object) = self.by_num.get(&child) else {
                    continue;
                };
                let body: AccountBody = self.body(object)?;
                below.push(AccountBelow { account: child, parent, sealed: body.sealed });
                parents.push(child);
            }
        }
        // What is left hangs on no account that was read; to leave it out would be to guess.
        match children.into_values().flatten().next() {
            Some(stray) => Err(self.corrupt("account", stray)),
            None => Ok(below),
        }
    }
}

/// The person.
impl Rows<'_> {
    fn own_member(&self, account: Num) -> Option<&Object> {
        self.of_kind(ObjectKind::Member).find(|member| {
            member.account == Some(account) && !self.delegating.contains(&member.num)
        })
    }

    fn membership(&self, object: &Object) -> Result<Membership, StoreError> {
        let body: MemberBody = self.body(object)?;
        let status = MemberStatus::from_word(&body.status);
        let mut overrides = BTreeMap::new();
        for (key, value) in &body.overrides {
            overrides.insert(self.key(object, key)?, self.overridden(object, value)?);
        }
        let mut default_numbers = self.far(LinkKind::DefaultNumber, object.num).into_iter();
        let default_number = default_numbers.next();
        if default_numbers.next().is_some() {
            return Err(StoreError::Corrupt {
                table: "link",
                column: "b",
                row: format!("tenant {} a {}", self.rows.tenant.num.0, object.num.0),
            });
        }
        Ok(Membership {
            member: object.num,
            status: status.ok_or_else(|| self.corrupt("body", object.num))?,
            roles: self.keys(object, &body.roles)?,
            overrides,
            switches: self.switches(object, &body.switches)?,
            visibility: self.maybe_key(object, body.visibility.as_deref())?,
            lists: self.lists(object, &body, &GRANT_LISTS)?,
            restrictions: self.lists(object, &body, &RESTRICTIONS)?,
            default_number,
        })
    }

    fn overridden(&self, object: &Object, value: &OverrideBody) -> Result<Override, StoreError> {
        let OverrideBody::Scoped(scopes) = value else {
            return Ok(if *value == OverrideBody::On { Override::On } else { Override::Off });
        };
        let mut known = BTreeMap::new();
        for (word, nums) in scopes {
            let kind = ScopeKind::ALL.iter().find(|(_, one)| one == word).map(|(kind, _)| *kind);
            let kind = kind.ok_or_else(|| self.corrupt("body", object.num))?;
            known.insert(kind, nums.iter().map(|num| Num(*num)).collect());
        }
        Ok(Override::Scoped(known))
    }

    /// Lists in their three states. Links of a list that is not set would, for a restriction,
    /// mean the opposite of what they say: no answer rather than a guess.
    fn lists<L: Ord + Copy>(
        &self,
        object: &Object,
        body: &MemberBody,
        kinds: &[(LinkKind, L)],
    ) -> Result<BTreeMap<L, ListOf>, StoreError> {
        let mut lists = BTreeMap::new();
        for (kind, list) in kinds {
            let ends = self.far(*kind, object.num);
            let value = match ends.as_slice() {
                [] => ListOf::These(Vec::new()),
                [ALL] => ListOf::All,
                ends if ends.contains(&ALL) => return Err(self.corrupt("body", object.num)),
                _ => ListOf::These(ends),
            };
            let set = body.lists.contains(&(*kind as u8));
            if set {
                lists.insert(*list, value);
            } else if value != ListOf::These(Vec::new()) {
                return Err(self.corrupt("body", object.num));
            }
        }
        Ok(lists)
    }

    fn groups(&self) -> Result<Vec<GroupFacts>, StoreError> {
        let mut groups = Vec::new();
        for group in self.of_kind(ObjectKind::Group) {
            let body: GroupBody = self.body(group)?;
            groups.push(GroupFacts {
                group: group.num,
                account: group.account.ok_or_else(|| self.corrupt("account", group.num))?,
                title: body.title.into(),
                roles: self.keys(group, &body.roles)?,
            });
        }
        groups.sort_by_key(|group| group.group);
        Ok(groups)
    }

    /// Faxboxes that the subject is in, directly or through a group.
    fn faxboxes(&self, subject: Num) -> Vec<Num> {
        let mut faxboxes = BTreeSet::from_iter(self.near(LinkKind::FaxboxUser, subject));
        for group in self.of_kind(ObjectKind::Group) {
            faxboxes.extend(self.near(LinkKind::FaxboxGroup, group.num));
        }
        Vec::from_iter(faxboxes)
    }

    fn delegators(&self, subject: Num) -> Result<Vec<Num>, StoreError> {
        let mut delegators = BTreeSet::new();
        for member in &self.delegating {
            let member = self.by_num.get(member).ok_or_else(|| self.corrupt("num", *member))?;
            let of = self.of_kind(ObjectKind::Subject).find(|one| one.id == member.id);
            delegators.insert(of.ok_or_else(|| self.corrupt("id", member.num))?.num);
        }
        delegators.remove(&subject);
        Ok(Vec::from_iter(delegators))
    }
}

/// What is known of a number, with the far ends of its [`LinkKind::NumberFaxbox`] links.
pub fn number_facts(
    tenant: Num,
    object: &Object,
    faxboxes: &[Num],
) -> Result<NumberFacts, StoreError> {
    let NumberBody { active, voice, fax, message, was_at: _ } = row::parse_body(tenant, object)?;
    Ok(NumberFacts {
        number: object.num,
        account: object.account.ok_or_else(|| row::corrupt(tenant, "account", object.num))?,
        active,
        capabilities: Capabilities { voice, fax, message },
        faxboxes: faxboxes.into(),
    })
}

fn known_or_absent(num: Option<Num>) -> Fact<Num> {
    num.map_or(Fact::Absent, Fact::Known)
}

/// The facts of a registered fax. What nobody has said of it is missing, so that a question may
/// bring it; every field is named, so that a new fact is never absent by oversight.
pub fn fax_facts(fax: &FaxRow) -> ResourceFacts {
    ResourceFacts {
        account: Fact::Known(fax.account),
        creator: match (fax.creator, fax.state) {
            (Some(creator), _) => Fact::Known(creator),
            // Somebody wrote it, and nobody said who (rulings R31).
            (None, FaxState::Draft | FaxState::Pending) => Fact::Missing,
            (None, FaxState::Active | FaxState::Trash) => Fact::Absent,
        },
        participants: Fact::Absent,
        assignee: known_or_absent(fax.assignee),
        faxbox: known_or_absent(fax.faxbox),
        number: known_or_absent(fax.number),
        extension: Fact::Absent,
        queue: Fact::Absent,
        labels: Fact::Known(fax.labels.as_slice().into()),
        group: Fact::Absent,
        direction: Fact::Known(fax.direction),
        state: Fact::Known(fax.state),
        form_type: Fact::Absent,
        document_type: Fact::Absent,
        template: Fact::Absent,
        sources: fax.attachment_sources.map_or(Fact::Missing, |known| Fact::Known(known.nums())),
        owner: Fact::Absent,
    }
}

/// The facts of an object of a stored type. `faxbox` is the far end of a number's
/// [`LinkKind::NumberFaxbox`] link and `subject` the number of a member's subject; each is ignored
/// for other kinds.
pub fn object_facts(object: &Object, faxbox: Option<Num>, subject: Option<Num>) -> ResourceFacts {
    let is = |kind: ObjectKind| object.kind == kind;
    let itself = |kind| if is(kind) { Fact::Known(object.num) } else { Fact::Absent };
    ResourceFacts {
        account: match object.kind {
            ObjectKind::Account => Fact::Known(object.num),
            _ => known_or_absent(object.account),
        },
        creator: known_or_absent(subject.filter(|_| is(ObjectKind::Member))),
        participants: Fact::Absent,
        assignee: Fact::Absent,
        faxbox: match object.kind {
            ObjectKind::Number => known_or_absent(faxbox),
            _ => itself(ObjectKind::Faxbox),
        },
        number: itself(ObjectKind::Number),
        extension: itself(ObjectKind::Extension),
        queue: itself(ObjectKind::Queue),
        labels: Fact::Absent,
        group: itself(ObjectKind::Group),
        direction: Fact::Absent,
        state: Fact::Absent,
        form_type: Fact::Absent,
        document_type: Fact::Absent,
        template: Fact::Absent,
        sources: Fact::Absent,
        owner: Fact::Absent,
    }
}
