//! Who administers a tenant, found without looking at everybody.

use std::collections::{BTreeSet, HashMap};
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
    /// Groups of the root account that have such a role.
    groups: Vec<Num>,
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
            groups: Vec::new(),
            known: HashMap::new(),
        };
        search.find_roles().await?;
        search.find_groups().await?;
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

    async fn find_groups(&mut self) -> Result<(), StoreError> {
        for group in self.every(ObjectKind::Group).await? {
            let Some(GroupBody { roles, .. }) = self.body(&group) else { continue };
            if roles.iter().any(|role| self.roles.contains(role)) {
                self.groups.push(group.num);
            }
        }
        Ok(())
    }

    /// All objects of a kind in the root account. Of roles and groups there are few.
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
        let qualified = subject.qualified();
        let keys = [
            (ObjectKind::Member, self.root.num, qualified.as_str()),
            (ObjectKind::Subject, Num(0), qualified.as_str()),
        ];
        let mut found = self.reader.find(&keys).await?.into_iter();
        match (found.next().flatten(), found.next().flatten()) {
            (Some(member), Some(subject)) => self.of_member(&member, subject.num, usize::MAX).await,
            _ => Ok(Standing::None),
        }
    }

    /// The best standing that anybody has, or one that is enough. Looks at owners first, then at
    /// members of groups, then at all others, and stops as soon as it is enough.
    ///
    /// At worst, in a tenant that has nobody, it reads each member of the root account once (some 3 µs
    /// each) and takes [`MOST_SHAPES`] of them apart (a few hundred µs each): those who hold a role or
    /// an override that names the permission, once for each different row.
    pub(super) async fn anybody(&mut self, enough: Standing) -> Result<Standing, StoreError> {
        let mut best = Standing::None;
        let owners = Vec::from_iter(self.owners.iter().copied());
        best = best.max(self.best_of(&owners, enough).await?);
        for group in self.groups.clone() {
            if best >= enough {
                return Ok(best);
            }
            let members = self.reader.links_from(LinkKind::GroupMember, group).await?;
            best = best.max(self.best_of(&members, enough).await?);
        }
        let mut after = Num(0);
        while best < enough {
            let (kind, root) = (ObjectKind::Member, self.root.num);
            let page = self.reader.list(kind, Some(root), after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.num;
            best = best.max(self.best_of_page(page, enough).await?);
        }
        Ok(best)
    }

    /// The best standing among subjects.
    async fn best_of(
        &mut self,
        subjects: &[Num],
        enough: Standing,
    ) -> Result<Standing, StoreError> {
        let mut best = Standing::None;
        for chunk in subjects.chunks(PAGE) {
            let subjects = self.reader.get(chunk).await?;
            let keys = subjects.iter().map(|one| (ObjectKind::Member, self.root.num, &*one.id));
            let members = self.reader.find(&Vec::from_iter(keys)).await?;
            for (subject, member) in subjects.iter().zip(members) {
                let Some(member) = member else { continue };
                best = best.max(self.of_member(&member, subject.num, MOST_SHAPES).await?);
                if best >= enough {
                    return Ok(best);
                }
            }
        }
        Ok(best)
    }

    async fn best_of_page(
        &mut self,
        mut members: Vec<Object>,
        enough: Standing,
    ) -> Result<Standing, StoreError> {
        // Others have been looked at with their groups.
        members.retain(|member| {
            self.body(member).is_some_and(|body: MemberBody| self.may_give(&body))
        });
        let keys = members.iter().map(|member| (ObjectKind::Subject, Num(0), &*member.id));
        let subjects = self.reader.find(&Vec::from_iter(keys)).await?;
        let mut best = Standing::None;
        for (member, subject) in members.iter().zip(subjects) {
            let Some(subject) = subject else { continue };
            best = best.max(self.of_member(member, subject.num, MOST_SHAPES).await?);
            if best >= enough {
                break;
            }
        }
        Ok(best)
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
        let mut groups = Vec::new();
        if !self.groups.is_empty() {
            groups = self.reader.links_to(LinkKind::GroupMember, subject).await?;
            groups.retain(|group| self.groups.contains(group));
        }
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
