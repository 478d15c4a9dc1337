//! Makes facts of rows.

mod standing;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::facts::{
    AccountBelow, AccountLevel, AccountSetup, Capabilities, Fact, GrantList, GroupFacts, ListOf,
    MemberFacts, MemberStatus, Membership, NumberFacts, Override, ResourceFacts, RoleDefinition,
    SupervisedBelow, Taken,
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

use standing::Standings;
pub use standing::{Use, counts};

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
    let rows = Rows::new(rows)?;
    let subject = rows.rows.subject.unwrap_or(Num::UNKNOWN);
    let path = rows.rows.path.iter().map(|account| rows.level(*account));
    let path = path.collect::<Result<Vec<_>, _>>()?;
    let below = rows.below(acting)?;
    let given = rows.ties(acting, subject, &below, Use::Gives)?;
    // Nearly always nobody is suspended, and an exception takes out what counts for giving.
    let taken = match rows.standings.is_anybody_suspended() {
        true => Some(rows.ties(acting, subject, &below, Use::Takes)?),
        false => None,
    };
    let taken = taken.filter(|taken| *taken != given).map(Box::new);
    let mut owned_accounts = rows.near(LinkKind::AccountOwner, subject);
    owned_accounts.retain(|account| rows.rows.path.contains(account));
    Ok(Some(MemberFacts {
        revision: rows.rows.tenant.revision,
        model: rows.rows.tenant.model,
        subject,
        path,
        below,
        groups: rows.groups(&given.groups)?,
        owned_accounts,
        faxboxes: given.faxboxes,
        owned_faxboxes: given.owned_faxboxes,
        owned_groups: given.owned_groups,
        supervised: given.supervised,
        supervised_below: given.supervised_below,
        delegators: given.delegators,
        taken,
    }))
}

/// The rows, with what is looked up in them more than once.
struct Rows<'a> {
    rows: &'a MemberRows,
    by_num: HashMap<Num, &'a Object>,
    /// The subject's qualified id; empty, which is nobody's, for one that the tenant does not know.
    qualified: &'a str,
    standings: Standings<'a>,
}

impl<'a> Rows<'a> {
    fn new(rows: &'a MemberRows) -> Result<Self, StoreError> {
        let by_num: HashMap<_, _> =
            rows.objects.iter().map(|object| (object.num, object)).collect();
        let qualified = match rows.subject {
            None => "",
            Some(num) => {
                let subject: Option<&&Object> = by_num.get(&num);
                let subject = subject.filter(|one| one.kind == ObjectKind::Subject);
                subject.ok_or_else(|| row::corrupt(rows.tenant.num, "num", num))?.id.as_str()
            }
        };
        Ok(Self { rows, by_num, qualified, standings: Standings::read(rows)? })
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
        key(self.rows.tenant.num, object, text)
    }

    fn keys(&self, object: &Object, texts: &[String]) -> Result<Vec<Key>, StoreError> {
        keys(self.rows.tenant.num, object, texts)
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
            roles.push(role_definition(self.rows.tenant.num, role)?);
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
        self.of_kind(ObjectKind::Member)
            .find(|member| member.account == Some(account) && member.id == self.qualified)
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

    /// What hangs on the subject's memberships, and on those of whoever delegated, as far as it
    /// counts for this use.
    fn ties(
        &self,
        acting: Num,
        subject: Num,
        below: &[AccountBelow],
        used: Use,
    ) -> Result<Taken, StoreError> {
        let groups = self.of_kind(ObjectKind::Group).map(|group| group.num);
        let groups = self.counting(BTreeSet::from_iter(groups), used)?;
        let owned_groups = self.held(LinkKind::GroupOwner, subject, used)?;
        let (supervised, supervised_below) = self.supervised(subject, &owned_groups, below)?;
        Ok(Taken {
            faxboxes: self.faxboxes(subject, &groups, used)?,
            groups,
            owned_faxboxes: self.held(LinkKind::FaxboxOwner, subject, used)?,
            owned_groups,
            supervised,
            supervised_below,
            delegators: self.delegators(acting, subject, used)?,
        })
    }

    /// Groups on the path that the subject belongs to, ascending.
    fn groups(&self, counting: &[Num]) -> Result<Vec<GroupFacts>, StoreError> {
        let mut groups = Vec::with_capacity(counting.len());
        for num in counting {
            let group = self.by_num.get(num).ok_or_else(|| self.corrupt("num", *num))?;
            let body: GroupBody = self.body(group)?;
            groups.push(GroupFacts {
                group: group.num,
                account: group.account.ok_or_else(|| self.corrupt("account", group.num))?,
                title: body.title.into(),
                roles: self.keys(group, &body.roles)?,
            });
        }
        Ok(groups)
    }

    /// Groups or faxboxes that links of a kind give the subject, as far as they count.
    fn held(&self, kind: LinkKind, subject: Num, used: Use) -> Result<Vec<Num>, StoreError> {
        self.counting(self.near(kind, subject), used)
    }

    fn counting(
        &self,
        things: impl IntoIterator<Item = Num>,
        used: Use,
    ) -> Result<Vec<Num>, StoreError> {
        let mut counting = Vec::new();
        for thing in things {
            if self.standings.counts_for(thing, self.qualified, used)? {
                counting.push(thing);
            }
        }
        Ok(counting)
    }

    /// Faxboxes that the subject is in, directly or through a group. Through a group both hang on a
    /// membership: being in the group, and using what lies in the faxbox's account.
    fn faxboxes(&self, subject: Num, groups: &[Num], used: Use) -> Result<Vec<Num>, StoreError> {
        let mut faxboxes = BTreeSet::from_iter(self.near(LinkKind::FaxboxUser, subject));
        for group in groups {
            faxboxes.extend(self.near(LinkKind::FaxboxGroup, *group));
        }
        self.counting(faxboxes, used)
    }

    /// Members of owned groups, without the subject: those whose group covers the acting account,
    /// and those whose group covers an account below it and what is below that (rulings R34). Their
    /// own status does not matter: what the suspended leave behind stays with who supervises it.
    fn supervised(
        &self,
        subject: Num,
        owned: &[Num],
        below: &[AccountBelow],
    ) -> Result<(Vec<Num>, Vec<SupervisedBelow>), StoreError> {
        let mut everywhere = BTreeSet::new();
        let mut by_account: BTreeMap<Num, BTreeSet<Num>> = BTreeMap::new();
        for group in owned {
            let account = self.standings.account_of(*group)?;
            let members = self.far(LinkKind::GroupMember, *group).into_iter();
            let members = members.filter(|member| *member != subject);
            if self.rows.path.contains(&account) {
                everywhere.extend(members);
            } else if below.iter().any(|one| one.account == account) {
                by_account.entry(account).or_default().extend(members);
            }
        }
        let teams = by_account.into_iter().map(|(account, members)| SupervisedBelow {
            account,
            members: members.difference(&everywhere).copied().collect(),
        });
        let teams = teams.filter(|team| !team.members.is_empty()).collect();
        Ok((Vec::from_iter(everywhere), teams))
    }

    /// Members of the acting account who delegated to the subject, as far as their own membership
    /// counts. That of the subject counts, or nothing is allowed at all.
    fn delegators(&self, acting: Num, subject: Num, used: Use) -> Result<Vec<Num>, StoreError> {
        let mut delegators = BTreeSet::new();
        for member in self.near(LinkKind::Delegation, subject) {
            let member = self.by_num.get(&member).ok_or_else(|| self.corrupt("num", member))?;
            if !self.standings.counts_in(acting, &member.id, used)? {
                continue;
            }
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
    let NumberBody { active, voice, fax, message, was_at: _, formerly: _ } =
        row::parse_body(tenant, object)?;
    Ok(NumberFacts {
        number: object.num,
        account: object.account.ok_or_else(|| row::corrupt(tenant, "account", object.num))?,
        active,
        capabilities: Capabilities { voice, fax, message },
        faxboxes: faxboxes.into(),
    })
}

fn key(tenant: Num, object: &Object, text: &str) -> Result<Key, StoreError> {
    Key::parse(text).map_err(|_| row::corrupt(tenant, "body", object.num))
}

fn keys(tenant: Num, object: &Object, texts: &[String]) -> Result<Vec<Key>, StoreError> {
    texts.iter().map(|text| key(tenant, object, text)).collect()
}

/// What a role object of a tenant says.
pub fn role_definition(tenant: Num, object: &Object) -> Result<RoleDefinition, StoreError> {
    let named = key(tenant, object, &object.id)?;
    let level = |text: Option<String>| text.map(|text| key(tenant, object, &text)).transpose();
    Ok(match row::parse_body(tenant, object)? {
        RoleBody::Custom { title, permissions, visibility } => RoleDefinition::Custom {
            key: named,
            title: title.into(),
            permissions: keys(tenant, object, &permissions)?,
            visibility: level(visibility)?,
        },
        RoleBody::Adjusted { add, remove, visibility } => RoleDefinition::Adjusted {
            key: named,
            add: keys(tenant, object, &add)?,
            remove: keys(tenant, object, &remove)?,
            visibility: level(visibility)?,
        },
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
