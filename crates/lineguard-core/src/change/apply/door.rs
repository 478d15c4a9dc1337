//! What every change needs: looking things up, writing what differs, and saying what is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::ModelSource;
use super::alike::Added;
use super::limits::OwnRoles;
use super::lost::Lost;
use super::warn::Routed;
use crate::change::{Activation, IfExists};
use crate::facts::MemberStatus;
use crate::id::{AccountId, FaxboxId, GroupId, Num, PhoneNumber, Subject, Timestamp};
use crate::model::Model;
use crate::port::{ApplyError, Fault, StoreError, TenantTx};
use crate::row::{self, Link, LinkKind, MemberBody, Object, ObjectKind};

/// Whether a change had an effect.
pub(super) type Done = Result<bool, ApplyError>;

/// The scope of ids that are unique in the whole tenant.
pub(super) const IN_TENANT: Num = Num(0);

/// How many rows are read by one statement.
pub(super) const PAGE: usize = 500;

/// A batch on its way through.
pub(super) struct Door<'a> {
    pub tx: &'a mut dyn TenantTx,
    pub models: &'a dyn ModelSource,
    pub if_exists: IfExists,
    pub activation: Activation,
    pub now: Timestamp,
    pub tenant: Num,
    /// The tenant's model as of the change at `position`.
    pub model: Arc<Model>,
    /// The change that is being applied.
    pub position: usize,
    /// Settings to look at when all changes have been applied, with their positions.
    pub routed: Vec<(usize, Routed)>,
    /// Whether the change is passed over.
    pub passed_over: bool,
    /// The members who stay removed or suspended although a change says something else, each with
    /// the first change that does.
    pub left_out: BTreeMap<Num, usize>,
    /// The roles that accounts define or adjust, of those accounts whose roles were written.
    pub own_roles: BTreeMap<Num, OwnRoles>,
    /// Remarks that need no look at the rest of the batch, with their positions.
    pub noted: Vec<(usize, &'static str)>,
    /// What was taken away and may be missed, to be looked at when all changes have been applied.
    pub lost: Vec<(usize, Lost)>,
    /// What was added, to be compared with what there is when all changes have been applied.
    pub added: Vec<(usize, Added)>,
    /// The invitations that were made or prolonged, each with the last change that did it.
    pub invited: BTreeMap<Num, usize>,
}

impl<'a> Door<'a> {
    pub fn new(
        tx: &'a mut dyn TenantTx,
        models: &'a dyn ModelSource,
        now: Timestamp,
        tenant: Num,
        model: Arc<Model>,
    ) -> Self {
        Self {
            tx,
            models,
            if_exists: IfExists::Refuse,
            activation: Activation::Withheld,
            now,
            tenant,
            model,
            position: 0,
            routed: Vec::new(),
            passed_over: false,
            left_out: BTreeMap::new(),
            own_roles: BTreeMap::new(),
            noted: Vec::new(),
            lost: Vec::new(),
            added: Vec::new(),
            invited: BTreeMap::new(),
        }
    }
}

/// What is wrong.
impl Door<'_> {
    pub fn fault(&self, field: &'static str, problem: impl Into<String>) -> Fault {
        Fault { change: self.position, field, problem: problem.into() }
    }

    pub fn invalid(&self, field: &'static str, problem: impl Into<String>) -> ApplyError {
        ApplyError::Invalid(vec![self.fault(field, problem)])
    }

    pub fn not_found(&self, field: &'static str, problem: impl Into<String>) -> ApplyError {
        ApplyError::NotFound(self.fault(field, problem))
    }

    pub fn exists(&self, field: &'static str, problem: impl Into<String>) -> ApplyError {
        ApplyError::AlreadyExists(self.fault(field, problem))
    }

    pub fn refused(&self, field: &'static str, problem: impl Into<String>) -> ApplyError {
        ApplyError::Refused(self.fault(field, problem))
    }
}

/// Looking up.
impl Door<'_> {
    pub async fn find(
        &mut self,
        kind: ObjectKind,
        scope: Num,
        id: &str,
    ) -> Result<Option<Object>, StoreError> {
        Ok(self.tx.find(&[(kind, scope, id)]).await?.into_iter().next().flatten())
    }

    async fn named(
        &mut self,
        field: &'static str,
        kind: ObjectKind,
        id: &str,
    ) -> Result<Object, ApplyError> {
        match self.find(kind, IN_TENANT, id).await? {
            Some(object) => Ok(object),
            None => Err(self.not_found(field, format!("no such {}", kind.as_str()))),
        }
    }

    pub async fn account(
        &mut self,
        field: &'static str,
        id: &AccountId,
    ) -> Result<Object, ApplyError> {
        self.named(field, ObjectKind::Account, id.as_str()).await
    }

    pub async fn group(&mut self, field: &'static str, id: &GroupId) -> Result<Object, ApplyError> {
        self.named(field, ObjectKind::Group, id.as_str()).await
    }

    pub async fn faxbox(
        &mut self,
        field: &'static str,
        id: &FaxboxId,
    ) -> Result<Object, ApplyError> {
        self.named(field, ObjectKind::Faxbox, id.as_str()).await
    }

    pub async fn number(
        &mut self,
        field: &'static str,
        number: &PhoneNumber,
    ) -> Result<Object, ApplyError> {
        let found = self.named(field, ObjectKind::Number, number.as_str()).await?;
        if found.is_retired_number() {
            return Err(self.not_found(field, "no such number"));
        }
        Ok(found)
    }

    /// The account that an object of one belongs to.
    pub fn account_of(&self, object: &Object) -> Result<Num, StoreError> {
        object.account.ok_or_else(|| row::corrupt(self.tenant, "account", object.num))
    }

    pub async fn get_all(&mut self, nums: &[Num]) -> Result<Vec<Object>, StoreError> {
        let mut objects = Vec::new();
        for chunk in nums.chunks(PAGE) {
            objects.extend(self.tx.get(chunk).await?);
        }
        Ok(objects)
    }

    /// All objects of a kind, of one account if given.
    pub async fn every(
        &mut self,
        kind: ObjectKind,
        account: Option<Num>,
    ) -> Result<Vec<Object>, StoreError> {
        let mut objects: Vec<Object> = Vec::new();
        loop {
            let after = objects.last().map_or(Num(0), |last| last.num);
            let page = self.tx.list(kind, account, after, PAGE).await?;
            let full = page.len() == PAGE;
            objects.extend(page);
            if !full {
                return Ok(objects);
            }
        }
    }

    /// An account, then its ancestors up to the root.
    pub async fn path(&mut self, account: Num) -> Result<Vec<Num>, StoreError> {
        row::path(self.tx, account).await
    }

    /// Accounts that an account's members may use numbers of: its own and, where the model says
    /// so, those above it.
    pub async fn number_accounts(&mut self, account: Num) -> Result<Vec<Num>, StoreError> {
        if self.model.tree.numbers_flow_down { self.path(account).await } else { Ok(vec![account]) }
    }

    /// An account and everything below it, parents first.
    pub async fn subtree(&mut self, account: Num) -> Result<Vec<Num>, StoreError> {
        let mut all = vec![account];
        let mut at = 0;
        while let Some(parent) = all.get(at).copied() {
            let children = self.every(ObjectKind::Account, Some(parent)).await?;
            all.extend(children.iter().map(|child| child.num));
            at += 1;
        }
        Ok(all)
    }

    pub async fn known_subject(&mut self, subject: &Subject) -> Result<Option<Num>, StoreError> {
        let found = self.find(ObjectKind::Subject, IN_TENANT, &subject.qualified()).await?;
        Ok(found.map(|object| object.num))
    }

    /// The member and its body, whatever its status.
    pub async fn any_member(
        &mut self,
        account: Num,
        qualified: &str,
    ) -> Result<Option<(Object, MemberBody)>, StoreError> {
        let Some(member) = self.find(ObjectKind::Member, account, qualified).await? else {
            return Ok(None);
        };
        let body = self.body(&member)?;
        Ok(Some((member, body)))
    }

    /// The member and its body, unless it was removed.
    pub async fn present_member(
        &mut self,
        account: Num,
        qualified: &str,
    ) -> Result<Option<(Object, MemberBody)>, StoreError> {
        let found = self.any_member(account, qualified).await?;
        Ok(found.filter(|(_, body)| body.status != MemberStatus::Removed.as_str()))
    }

    /// The member of an account that a change names.
    pub async fn member(
        &mut self,
        account: Num,
        field: &'static str,
        subject: &Subject,
    ) -> Result<(Object, MemberBody), ApplyError> {
        match self.any_member(account, &subject.qualified()).await? {
            Some((member, body)) if body.status != MemberStatus::Removed.as_str() => {
                return Ok((member, body));
            }
            Some((member, _)) if self.keeps_out() => self.leave_out(member.num),
            _ => {}
        }
        Err(self.not_found(field, "not a member of the account"))
    }

    /// The number of a subject who is a member of the account.
    pub async fn subject_of_member(
        &mut self,
        account: Num,
        field: &'static str,
        subject: &Subject,
    ) -> Result<Num, ApplyError> {
        self.member(account, field, subject).await?;
        self.subject(subject).await.map_err(Into::into)
    }

    /// Whether a subject is a member of an account or of one above it.
    pub async fn is_member_on_path(
        &mut self,
        account: Num,
        qualified: &str,
    ) -> Result<bool, StoreError> {
        for level in self.path(account).await? {
            if self.present_member(level, qualified).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub fn body<T: DeserializeOwned>(&self, object: &Object) -> Result<T, StoreError> {
        row::parse_body(self.tenant, object)
    }
}

/// Writing what differs.
impl Door<'_> {
    pub async fn insert(
        &mut self,
        kind: ObjectKind,
        scope: Num,
        id: &str,
        account: Option<Num>,
        body: &impl Serialize,
    ) -> Result<Num, ApplyError> {
        self.check_looks(kind, id, account)?;
        let body = row::write_body(body)?;
        let named = self.named_by(kind, &body)?;
        let num = self.tx.insert_object(kind, scope, id, account, body).await?;
        self.adds(kind, num, id, account);
        for number in named {
            self.tx.link(Link { kind: LinkKind::OverrideNumber, a: num, b: number }).await?;
        }
        Ok(num)
    }

    /// Gives an object another body and account.
    pub async fn save_in(
        &mut self,
        object: &Object,
        account: Option<Num>,
        body: &impl Serialize,
    ) -> Done {
        let body = row::write_body(body)?;
        if body == object.body && account == object.account {
            return Ok(false);
        }
        let before = self.named_by(object.kind, &object.body)?;
        let after = self.named_by(object.kind, &body)?;
        self.tx.update_object(object.num, account, body).await?;
        for number in before.symmetric_difference(&after) {
            let on = after.contains(number);
            self.set_link(LinkKind::OverrideNumber, object.num, *number, on).await?;
        }
        Ok(true)
    }

    /// The numbers that a body names, if it is one of a member.
    fn named_by(&self, kind: ObjectKind, body: &str) -> Result<BTreeSet<Num>, StoreError> {
        if kind != ObjectKind::Member {
            return Ok(BTreeSet::new());
        }
        let body: MemberBody = serde_json::from_str(body)
            .map_err(|_| row::corrupt(self.tenant, "body", Num::UNKNOWN))?;
        Ok(body.override_numbers())
    }

    /// Makes sure that the links of derived kinds are what bodies say: once for a tenant that a
    /// version before has written to.
    pub async fn derive_links(&mut self) -> Result<(), StoreError> {
        if self.tx.derived_links_are_kept().await? {
            return Ok(());
        }
        self.tx.derive_links_anew().await?;
        let mut after = Num(0);
        loop {
            let page = self.tx.list(ObjectKind::Member, None, after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.num;
            for member in &page {
                for number in self.body::<MemberBody>(member)?.override_numbers() {
                    let kind = LinkKind::OverrideNumber;
                    self.tx.link(Link { kind, a: member.num, b: number }).await?;
                }
            }
        }
    }

    pub async fn save<T: Serialize>(&mut self, object: &Object, body: &T) -> Done {
        self.save_in(object, object.account, body).await
    }

    pub async fn set_link(&mut self, kind: LinkKind, a: Num, b: Num, on: bool) -> Done {
        let link = Link { kind, a, b };
        let changed = if on { self.tx.link(link).await? } else { self.tx.unlink(link).await? };
        Ok(changed)
    }

    /// Makes the links of a kind from `a` lead to exactly these.
    pub async fn set_links(&mut self, kind: LinkKind, a: Num, ends: &BTreeSet<Num>) -> Done {
        let present = BTreeSet::from_iter(self.tx.links_from(kind, a).await?);
        for b in present.difference(ends) {
            self.set_link(kind, a, *b, false).await?;
        }
        for b in ends.difference(&present) {
            self.set_link(kind, a, *b, true).await?;
        }
        Ok(present != *ends)
    }

    pub async fn unlink_from(&mut self, kinds: &[LinkKind], a: Num) -> Result<(), StoreError> {
        for kind in kinds {
            for b in self.tx.links_from(*kind, a).await? {
                self.tx.unlink(Link { kind: *kind, a, b }).await?;
            }
        }
        Ok(())
    }

    /// The number of a subject, new if the tenant has never seen it.
    pub async fn subject(&mut self, subject: &Subject) -> Result<Num, StoreError> {
        self.plain(ObjectKind::Subject, &subject.qualified()).await
    }

    /// The number of an object that is only a name.
    pub async fn plain(&mut self, kind: ObjectKind, id: &str) -> Result<Num, StoreError> {
        plain(self.tx, kind, id).await
    }
}

/// The number of an object that is only a name, new if the tenant has never seen it.
pub(in crate::change) async fn plain(
    tx: &mut dyn TenantTx,
    kind: ObjectKind,
    id: &str,
) -> Result<Num, StoreError> {
    match tx.find(&[(kind, IN_TENANT, id)]).await?.into_iter().next().flatten() {
        Some(object) => Ok(object.num),
        None => tx.insert_object(kind, IN_TENANT, id, None, "{}".to_owned()).await,
    }
}
