//! Who administers a tenant, found without looking at everybody.

mod everybody;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::assemble::member_facts;
use crate::change::apply::ModelSource;
use crate::change::apply::door::PAGE;
use crate::engine::holds_at_large;
use crate::facts::MemberStatus;
use crate::id::{AccountId, Num, Subject};
use crate::model::{Model, PermissionIx, built_in_vocabulary};
use crate::port::{StoreError, TenantReader};
use crate::row::{
    self, GroupBody, LinkKind, MemberBody, Object, ObjectKind, OverrideBody, RoleBody,
};
use crate::vocabulary::Action;

/// Most different sets of roles and overrides that one search of everybody takes apart.
const MOST_SHAPES: usize = 1_000;

/// Of more subjects than that, groups are read once and not for each.
const FEW: usize = 20;

/// What somebody is at the root account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    /// No administrator.
    None,
    /// One who is suspended, and would be one again.
    Suspended,
    /// An administrator.
    Active,
}

/// What a member's right to assign roles depends on: their row, and the groups that may give it.
type Shape = (String, Vec<Num>);

pub(super) struct Search<'a> {
    reader: &'a mut dyn TenantReader,
    tenant: Num,
    model: Arc<Model>,
    action: Action,
    root: Object,
    id: AccountId,
    /// Subjects who own the root account.
    owners: BTreeSet<Num>,
    /// Keys of permissions that grant the action.
    permissions: BTreeSet<String>,
    /// Roles that name such a permission, as the root account knows them.
    roles: BTreeSet<String>,
    /// By subject the groups of the root account that give such a role; none until they were read.
    in_groups: Option<HashMap<Num, Vec<Num>>>,
    known: HashMap<Shape, bool>,
}

impl<'a> Search<'a> {
    /// None where the tenant has no root account, or a model that cannot be read: nothing is applied
    /// to it then.
    pub(super) async fn new(
        reader: &'a mut (dyn TenantReader + 'a),
        models: &dyn ModelSource,
    ) -> Result<Option<Self>, StoreError> {
        let tenant = reader.tenant().await?;
        // Accounts are numbered in the order of their creation, and the root is the first.
        let root = reader.list(ObjectKind::Account, None, Num(0), 1).await?.into_iter().next();
        let (Some(model), Some(root)) = (models.model(&tenant.model), root) else {
            return Ok(None);
        };
        let id =
            AccountId::parse(&root.id).map_err(|_| row::corrupt(tenant.num, "id", root.num))?;
        let Some(action) = built_in_vocabulary().action(crate::ROLE_ASSIGN) else {
            return Ok(None);
        };
        let owners = reader.links_from(LinkKind::AccountOwner, root.num).await?;
        let granting: &[PermissionIx] = model.permissions_for(action);
        let keys = granting.iter().filter_map(|ix| model.permission_at(*ix));
        let permissions = keys.map(|permission| permission.key.as_str().to_owned()).collect();
        let mut search = Self {
            reader,
            tenant: tenant.num,
            model,
            action,
            root,
            id,
            owners: owners.into_iter().collect(),
            permissions,
            roles: BTreeSet::new(),
            in_groups: None,
            known: HashMap::new(),
        };
        search.find_roles().await?;
        Ok(Some(search))
    }

    pub(super) const fn root(&self) -> &AccountId {
        &self.id
    }

    async fn find_roles(&mut self) -> Result<(), StoreError> {
        let model = Arc::clone(&self.model);
        for role in &model.roles {
            let mut named = role.permissions.iter();
            let grants = |ix| model.permissions_for(self.action).contains(&ix);
            if named.any(|named| grants(named.permission)) {
                self.roles.insert(role.key.as_str().to_owned());
            }
        }
        let own = self.every(ObjectKind::Role).await?;
        for role in own {
            let named = match self.body(&role) {
                Some(RoleBody::Custom { permissions, .. }) => permissions,
                Some(RoleBody::Adjusted { add, .. }) => add,
                None => continue,
            };
            if named.iter().any(|key| self.permissions.contains(key)) {
                self.roles.insert(role.id);
            }
        }
        Ok(())
    }

    /// Whether being in a group makes an administrator.
    fn gives(&self, group: &Object) -> bool {
        let body: Option<GroupBody> = self.body(group);
        group.account == Some(self.root.num)
            && body.is_some_and(|body| body.roles.iter().any(|role| self.roles.contains(role)))
    }

    /// Those groups of a subject that make an administrator.
    async fn groups_of(&mut self, subject: Num) -> Result<Vec<Num>, StoreError> {
        if let Some(known) = &self.in_groups {
            return Ok(known.get(&subject).cloned().unwrap_or_default());
        }
        let groups = self.reader.links_to(LinkKind::GroupMember, subject).await?;
        let mut giving = Vec::new();
        for some in groups.chunks(PAGE) {
            let groups = self.reader.get(some).await?;
            giving.extend(groups.iter().filter(|one| self.gives(one)).map(|one| one.num));
        }
        giving.sort_unstable();
        Ok(giving)
    }

    /// Reads all groups that make administrators, with their members.
    async fn read_groups(&mut self) -> Result<&HashMap<Num, Vec<Num>>, StoreError> {
        if self.in_groups.is_none() {
            let mut groups = self.every(ObjectKind::Group).await?;
            groups.retain(|group| self.gives(group));
            let mut known: HashMap<Num, Vec<Num>> = HashMap::new();
            for group in groups {
                for subject in self.reader.links_from(LinkKind::GroupMember, group.num).await? {
                    known.entry(subject).or_default().push(group.num);
                }
            }
            self.in_groups = Some(known);
        }
        Ok(self.in_groups.get_or_insert_default())
    }

    /// All objects of a kind in the root account.
    async fn every(&mut self, kind: ObjectKind) -> Result<Vec<Object>, StoreError> {
        let mut all: Vec<Object> = Vec::new();
        loop {
            let after = all.last().map_or(Num(0), |last| last.num);
            let page = self.reader.list(kind, Some(self.root.num), after, PAGE).await?;
            let full = page.len() == PAGE;
            all.extend(page);
            if !full {
                return Ok(all);
            }
        }
    }

    /// The body of a row; none if it does not parse. Nobody whose rows cannot be read gets an answer,
    /// so nobody administers by them; and they must not keep everybody else from being changed.
    fn body<T: serde::de::DeserializeOwned>(&self, object: &Object) -> Option<T> {
        row::parse_body(self.tenant, object).ok()
    }

    /// What a subject is.
    pub(super) async fn standing(&mut self, subject: &Subject) -> Result<Standing, StoreError> {
        let one = BTreeSet::from([subject]);
        Ok(self.standings(&one).await?.remove(subject).unwrap_or(Standing::None))
    }

    /// Those of some subjects who are or were administrators. An import may name very many.
    pub(super) async fn standings<'s>(
        &mut self,
        subjects: &BTreeSet<&'s Subject>,
    ) -> Result<BTreeMap<&'s Subject, Standing>, StoreError> {
        if subjects.len() > FEW {
            self.read_groups().await?;
        }
        let mut standings = BTreeMap::new();
        let subjects = Vec::from_iter(subjects.iter().map(|one| (*one, one.qualified())));
        for some in subjects.chunks(PAGE / 2) {
            let members = some.iter().map(|(_, id)| (ObjectKind::Member, self.root.num, &**id));
            let known = some.iter().map(|(_, id)| (ObjectKind::Subject, Num(0), &**id));
            let mut members = self.reader.find(&Vec::from_iter(members.chain(known))).await?;
            let known = members.split_off(some.len());
            for ((subject, _), (member, known)) in some.iter().zip(members.iter().zip(known)) {
                let (Some(member), Some(known)) = (member, known) else { continue };
                let standing = self.of_member(member, known.num, usize::MAX).await?;
                if standing != Standing::None {
                    standings.insert(*subject, standing);
                }
            }
        }
        Ok(standings)
    }

    /// Whether what a member's own row says might give the permission.
    fn may_give(&self, body: &MemberBody) -> bool {
        let everybody = &self.model.members.everybody;
        let granting = self.model.permissions_for(self.action);
        let gives = |(key, value): (&String, &OverrideBody)| {
            *value == OverrideBody::On && self.permissions.contains(key)
        };
        body.roles.iter().any(|role| self.roles.contains(role))
            || body.overrides.iter().any(gives)
            || everybody.iter().any(|ix| granting.contains(ix))
    }

    /// What a member is, unless so many different ones have been taken apart already.
    async fn of_member(
        &mut self,
        member: &Object,
        subject: Num,
        most: usize,
    ) -> Result<Standing, StoreError> {
        let Some(body): Option<MemberBody> = self.body(member) else { return Ok(Standing::None) };
        let standing = match MemberStatus::from_word(&body.status) {
            Some(MemberStatus::Active) => Standing::Active,
            Some(MemberStatus::Suspended) => Standing::Suspended,
            _ => return Ok(Standing::None),
        };
        if self.owners.contains(&subject) {
            return Ok(standing);
        }
        let groups = self.groups_of(subject).await?;
        if groups.is_empty() && !self.may_give(&body) {
            return Ok(Standing::None);
        }
        let shape = (member.body.clone(), groups);
        let holds = match self.known.get(&shape) {
            Some(holds) => *holds,
            None if self.known.len() >= most => false,
            None => {
                let holds = self.holds(member, body).await?;
                self.known.insert(shape, holds);
                holds
            }
        };
        Ok(if holds { standing } else { Standing::None })
    }

    /// Whether a member holds the permission, or would if they were not suspended.
    async fn holds(&mut self, member: &Object, body: MemberBody) -> Result<bool, StoreError> {
        let Some(subject) = Subject::from_qualified(&member.id) else { return Ok(false) };
        let Some(mut rows) = self.reader.member_rows(&self.id, &subject).await? else {
            return Ok(false);
        };
        let active = MemberStatus::Active.as_str().to_owned();
        let lifted = row::write_body(&MemberBody { status: active, ..body })?;
        for own in rows.objects.iter_mut().filter(|own| own.num == member.num) {
            own.body.clone_from(&lifted);
        }
        match member_facts(&rows) {
            Ok(Some(facts)) => {
                Ok(holds_at_large(&self.model, &facts, self.action).unwrap_or(false))
            }
            Ok(None) | Err(StoreError::Corrupt { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
