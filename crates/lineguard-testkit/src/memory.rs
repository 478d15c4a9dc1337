//! The reference store: what the ports mean, in the plainest way that works.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use lineguard_core::assemble::Dump;
use lineguard_core::change::apply::{self, ModelSource};
use lineguard_core::change::register::{self, Registering};
use lineguard_core::change::{
    Activation, Applied, Batch, Change, IfExists, Import, Imported, NewFax, Warning, title_or_id,
};
use lineguard_core::id::{
    AccountId, FaxId, ModelDigest, Num, PhoneNumber, RequestId, Revision, Subject, TenantId,
    Timestamp,
};
use lineguard_core::model::{self, Model};
use lineguard_core::port::{
    AccountOfSubject, ApplyError, DuplicateNumber, Fault, FaxColumn, FaxRow, FaxSlice, Home,
    MemberRows, Registered, Seek, Store, StoreError, TenantReader, TenantRow, TenantTx, Whole,
};
use lineguard_core::row::{self, Link, LinkKind, NumberBody, Object, ObjectKind};
use lineguard_core::stamp::Stamp;

/// A store in memory. Readers hold a whole copy of a tenant; a writer works on a copy of its own
/// and puts it in place if nobody was faster, or starts again.
#[derive(Default)]
pub struct MemoryStore {
    state: Mutex<State>,
    models: Models,
}

#[derive(Default)]
struct State {
    tenants: BTreeMap<Num, Arc<Tenant>>,
    secrets: BTreeMap<&'static str, Vec<u8>>,
}

/// Each text with the model that it parses to, if it does.
#[derive(Default)]
struct Models(Mutex<BTreeMap<ModelDigest, (String, ParsedModel)>>);

type ParsedModel = Option<Arc<Model>>;

impl ModelSource for Models {
    fn model(&self, digest: &ModelDigest) -> Option<Arc<Model>> {
        locked(&self.0).get(digest).and_then(|(_, model)| model.clone())
    }
}

/// A panic of one test must not hide the others behind a poisoned lock.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All rows of a tenant.
#[derive(Clone)]
struct Tenant {
    row: TenantRow,
    /// The last number given out, to an object or a fax.
    last: u64,
    objects: BTreeMap<Num, Object>,
    keys: BTreeMap<(ObjectKind, Num, String), Num>,
    links: BTreeSet<Link>,
    faxes: BTreeMap<Num, FaxRow>,
    /// Every fax id ever used, with what was said about it, and its number until it is deleted.
    fax_ids: BTreeMap<FaxId, ([u8; 32], Option<Num>)>,
    requests: BTreeMap<RequestId, (Asked, Imported)>,
    /// Whether a transaction has written anything.
    touched: bool,
}

impl Tenant {
    fn new(num: Num, id: &TenantId, title: &str, model: ModelDigest) -> Self {
        let (id, title) = (id.clone(), title.to_owned());
        Self {
            row: TenantRow { num, id, title, revision: Revision(0), model },
            last: 0,
            objects: BTreeMap::new(),
            keys: BTreeMap::new(),
            links: BTreeSet::new(),
            faxes: BTreeMap::new(),
            fax_ids: BTreeMap::new(),
            requests: BTreeMap::new(),
            touched: false,
        }
    }

    fn next(&mut self) -> Num {
        self.last += 1;
        Num(self.last)
    }

    fn object(&self, kind: ObjectKind, scope: Num, id: &str) -> Option<&Object> {
        let num = self.keys.get(&(kind, scope, id.to_owned()))?;
        self.objects.get(num)
    }

    fn of_kind(&self, kind: ObjectKind) -> impl Iterator<Item = &Object> {
        self.objects.values().filter(move |object| object.kind == kind)
    }

    fn far(&self, kind: LinkKind, a: Num) -> impl Iterator<Item = Num> {
        let all = Link { kind, a, b: Num(0) }..=Link { kind, a, b: Num(u64::MAX) };
        self.links.range(all).map(|link| link.b)
    }

    fn near(&self, kind: LinkKind, b: Num) -> impl Iterator<Item = Num> {
        self.links.iter().filter(move |link| link.kind == kind && link.b == b).map(|link| link.a)
    }

    fn path(&self, account: Num) -> Vec<Num> {
        let mut path = Vec::new();
        let mut next = Some(account);
        while let Some(num) = next {
            path.push(num);
            next = self.objects.get(&num).and_then(|object| object.account);
        }
        path
    }

    fn newest(&self, slice: FaxSlice, limit: usize, fits: impl Fn(&FaxRow) -> bool) -> Vec<FaxRow> {
        let in_slice = |fax: &&FaxRow| {
            slice.after.is_none_or(|after| (fax.at, fax.num) < (after.at, after.num))
                && slice.not_before.is_none_or(|from| fax.at >= from)
                && slice.before.is_none_or(|before| fax.at < before)
        };
        let found = self.faxes.values().filter(in_slice).filter(|fax| fits(fax));
        let mut found: Vec<FaxRow> = found.cloned().collect();
        found.sort_by_key(|fax| std::cmp::Reverse((fax.at, fax.num)));
        found.truncate(limit);
        found
    }

    fn dump(&self) -> Dump {
        Dump {
            tenant: self.row.clone(),
            objects: self.objects.values().cloned().collect(),
            links: self.links.iter().copied().collect(),
            faxes: self.faxes.values().cloned().collect(),
        }
    }
}

/// What [`MemberRows`] asks for.
impl Tenant {
    fn member_rows(&self, account: &AccountId, subject: &Subject) -> Option<MemberRows> {
        let acting = self.object(ObjectKind::Account, Num(0), account.as_str())?.num;
        let qualified = subject.qualified();
        let subject = self.object(ObjectKind::Subject, Num(0), &qualified).map(|one| one.num);
        let path = self.path(acting);
        let mut wanted = Wanted::default();
        for object in self.objects.values() {
            let on_path = object.account.is_some_and(|account| path.contains(&account));
            let wants = match object.kind {
                ObjectKind::Account => {
                    path.contains(&object.num) || self.path(object.num).contains(&acting)
                }
                ObjectKind::Role => on_path,
                ObjectKind::Member => on_path && object.id == qualified,
                _ => false,
            };
            if wants {
                wanted.objects.insert(object.num);
            }
        }
        self.add_member_links(&path, &qualified, &mut wanted);
        if let Some(subject) = subject {
            wanted.objects.insert(subject);
            self.add_subject_links(&path, acting, subject, &mut wanted);
        }
        self.add_homes(&path, &qualified, &mut wanted);
        let found = |nums: &BTreeSet<Num>| -> Vec<Object> {
            nums.iter().filter_map(|num| self.objects.get(num)).cloned().collect()
        };
        Some(MemberRows {
            tenant: self.row.clone(),
            subject,
            path,
            objects: found(&wanted.objects),
            standings: found(&wanted.standings),
            links: wanted.links.into_iter().collect(),
            homes: wanted.homes.into_iter().collect(),
        })
    }

    fn add_member_links(&self, path: &[Num], qualified: &str, wanted: &mut Wanted) {
        for account in path {
            if let Some(member) = self.object(ObjectKind::Member, *account, qualified) {
                let of_member = |link: &&Link| {
                    link.a == member.num && link.kind as u8 >= 20 && !link.kind.is_derived()
                };
                wanted.links.extend(self.links.iter().filter(of_member));
            }
        }
    }

    fn add_subject_links(&self, path: &[Num], acting: Num, subject: Num, wanted: &mut Wanted) {
        for link in self.links.iter().filter(|link| link.b == subject) {
            match link.kind {
                LinkKind::GroupMember => {
                    wanted.links.insert(*link);
                    let group = self.objects.get(&link.a);
                    let account = group.and_then(|group| group.account);
                    if account.is_some_and(|account| path.contains(&account)) {
                        wanted.objects.insert(link.a);
                        let boxes = self.near(LinkKind::FaxboxGroup, link.a);
                        let to_group = |a| Link { kind: LinkKind::FaxboxGroup, a, b: link.a };
                        wanted.links.extend(boxes.map(to_group));
                    }
                }
                LinkKind::GroupOwner => {
                    wanted.links.insert(*link);
                    let members = self.far(LinkKind::GroupMember, link.a);
                    let from_group = |b| Link { kind: LinkKind::GroupMember, a: link.a, b };
                    wanted.links.extend(members.map(from_group));
                }
                LinkKind::FaxboxUser | LinkKind::FaxboxOwner | LinkKind::AccountOwner => {
                    wanted.links.insert(*link);
                }
                LinkKind::Delegation => self.add_delegation(path, acting, *link, wanted),
                _ => {}
            }
        }
    }

    fn add_delegation(&self, path: &[Num], acting: Num, link: Link, wanted: &mut Wanted) {
        let Some(member) = self.objects.get(&link.a) else {
            return;
        };
        if member.account != Some(acting) {
            return;
        }
        wanted.links.insert(link);
        wanted.objects.insert(member.num);
        let subject = self.object(ObjectKind::Subject, Num(0), &member.id);
        wanted.objects.extend(subject.map(|subject| subject.num));
        for account in path.iter().filter(|account| **account != acting) {
            let above = self.object(ObjectKind::Member, *account, &member.id);
            wanted.standings.extend(above.map(|member| member.num));
        }
    }

    /// Where faxboxes and owned groups lie, and who the subject is there.
    fn add_homes(&self, path: &[Num], qualified: &str, wanted: &mut Wanted) {
        for link in &wanted.links {
            let is_thing = matches!(
                link.kind,
                LinkKind::FaxboxUser
                    | LinkKind::FaxboxGroup
                    | LinkKind::FaxboxOwner
                    | LinkKind::GroupOwner
            );
            let Some(thing) = self.objects.get(&link.a).filter(|_| is_thing) else { continue };
            wanted.homes.insert(Home { num: thing.num, account: thing.account });
            for account in thing.account.map(|account| self.path(account)).unwrap_or_default() {
                let parent = self.objects.get(&account).and_then(|object| object.account);
                wanted.homes.insert(Home { num: account, account: parent });
                let member = self.object(ObjectKind::Member, account, qualified);
                let member = member.filter(|_| !path.contains(&account));
                wanted.standings.extend(member.map(|member| member.num));
            }
        }
    }
}

#[derive(Default)]
struct Wanted {
    objects: BTreeSet<Num>,
    standings: BTreeSet<Num>,
    links: BTreeSet<Link>,
    homes: BTreeSet<Home>,
}

/// What a request asked for.
#[derive(Debug, Clone, PartialEq)]
enum Asked {
    Batch(Batch),
    Import(Import),
}

/// A tenant as of one moment: shared for a snapshot, its own for a transaction.
struct View<T>(T, Elsewhere);

/// What a transaction works on.
type Working = View<Box<Tenant>>;

/// The other tenants as they were when a transaction began, and what it asked about them. It can
/// only be committed while that is still so.
#[derive(Default)]
struct Elsewhere {
    tenants: Vec<Arc<Tenant>>,
    held: BTreeMap<String, Vec<String>>,
}

/// The bodies that tenants have for a number, besides one.
fn bodies_elsewhere<'t>(
    tenants: impl Iterator<Item = &'t Arc<Tenant>>,
    but: &TenantId,
    number: &str,
) -> Vec<String> {
    let of = |tenant: &'t Arc<Tenant>| tenant.object(ObjectKind::Number, Num(0), number);
    let others = tenants.filter(|tenant| tenant.row.id != *but);
    others.filter_map(of).map(|object| object.body.clone()).collect()
}

#[async_trait]
impl<T: Deref<Target = Tenant> + Send> TenantReader for View<T> {
    async fn tenant(&mut self) -> Result<TenantRow, StoreError> {
        Ok(self.0.row.clone())
    }

    async fn stamp(&mut self) -> Result<Stamp, StoreError> {
        Ok(Stamp { counter: self.0.row.revision.0, nonce: 0 })
    }

    async fn member_rows(
        &mut self,
        account: &AccountId,
        subject: &Subject,
    ) -> Result<Option<MemberRows>, StoreError> {
        Ok(self.0.member_rows(account, subject))
    }

    async fn find(
        &mut self,
        keys: &[(ObjectKind, Num, &str)],
    ) -> Result<Vec<Option<Object>>, StoreError> {
        Ok(keys.iter().map(|(kind, scope, id)| self.0.object(*kind, *scope, id).cloned()).collect())
    }

    async fn get(&mut self, nums: &[Num]) -> Result<Vec<Object>, StoreError> {
        let nums = BTreeSet::from_iter(nums);
        Ok(nums.into_iter().filter_map(|num| self.0.objects.get(num).cloned()).collect())
    }

    async fn list(
        &mut self,
        kind: ObjectKind,
        account: Option<Num>,
        after: Num,
        limit: usize,
    ) -> Result<Vec<Object>, StoreError> {
        let fits = |object: &&Object| {
            object.num > after && (account.is_none() || object.account == account)
        };
        Ok(self.0.of_kind(kind).filter(fits).take(limit).cloned().collect())
    }

    async fn links_from(&mut self, kind: LinkKind, a: Num) -> Result<Vec<Num>, StoreError> {
        Ok(self.0.far(kind, a).collect())
    }

    async fn links_to(&mut self, kind: LinkKind, b: Num) -> Result<Vec<Num>, StoreError> {
        Ok(self.0.near(kind, b).collect())
    }

    async fn links_of(&mut self, nums: &[Num]) -> Result<Vec<Link>, StoreError> {
        let nums = BTreeSet::from_iter(nums);
        let own = |link: &&Link| nums.contains(&link.a) && !link.kind.is_derived();
        Ok(self.0.links.iter().filter(own).copied().collect())
    }

    async fn faxes(&mut self, after: Num, limit: usize) -> Result<Vec<FaxRow>, StoreError> {
        let later = self.0.faxes.values().filter(|fax| fax.num > after);
        Ok(later.take(limit).cloned().collect())
    }

    async fn find_faxes(&mut self, ids: &[&FaxId]) -> Result<Vec<FaxRow>, StoreError> {
        let num = |id: &&FaxId| self.0.fax_ids.get(*id).and_then(|(_, num)| *num);
        let nums = ids.iter().filter_map(num);
        Ok(nums.filter_map(|num| self.0.faxes.get(&num).cloned()).collect())
    }

    async fn newest_faxes(
        &mut self,
        slice: FaxSlice,
        limit: usize,
    ) -> Result<Vec<FaxRow>, StoreError> {
        Ok(self.0.newest(slice, limit, |_| true))
    }

    async fn seek_faxes(
        &mut self,
        seeks: &[Seek],
        slice: FaxSlice,
        limit_each: usize,
    ) -> Result<Vec<Vec<FaxRow>>, StoreError> {
        let rows = seeks.iter().map(|seek| {
            self.0.newest(slice, limit_each, |fax| {
                column_of(fax, seek.column) == Some(seek.value) && fax.direction == seek.direction
            })
        });
        Ok(rows.collect())
    }
}

#[async_trait]
impl TenantTx for View<Box<Tenant>> {
    async fn insert_object(
        &mut self,
        kind: ObjectKind,
        scope: Num,
        id: &str,
        account: Option<Num>,
        body: String,
    ) -> Result<Num, StoreError> {
        let num = self.0.next();
        let key = (kind, scope, id.to_owned());
        assert!(self.0.keys.insert(key, num).is_none(), "two objects of one kind, scope and id");
        let id = id.to_owned();
        self.0.objects.insert(num, Object { num, kind, scope, id, account, body });
        self.0.touched = true;
        Ok(num)
    }

    async fn update_object(
        &mut self,
        num: Num,
        account: Option<Num>,
        body: String,
    ) -> Result<(), StoreError> {
        let object = self.0.objects.get_mut(&num).expect("an object to update");
        object.account = account;
        object.body = body;
        self.0.touched = true;
        Ok(())
    }

    async fn remove_object(&mut self, num: Num) -> Result<(), StoreError> {
        // The far end of an attachment-source link is no object.
        let names = |link: &Link| {
            link.a == num || (link.b == num && link.kind != LinkKind::AttachmentSource)
        };
        assert!(!self.0.links.iter().any(names), "a link of a removed object is left");
        let object = self.0.objects.remove(&num).expect("an object to remove");
        self.0.keys.remove(&(object.kind, object.scope, object.id));
        self.0.touched = true;
        Ok(())
    }

    /// At once: there is no later here.
    async fn remove_whole(&mut self, num: Num, whole: Whole) -> Result<bool, StoreError> {
        self.0.links.retain(|link| {
            !(link.a == num && whole.links_from().contains(&link.kind)
                || link.b == num && whole.links_to().contains(&link.kind))
        });
        let hangs = |fax: &&FaxRow| column_of(fax, whole.column()) == Some(num);
        let faxes: Vec<FaxRow> = self.0.faxes.values().filter(hangs).cloned().collect();
        for fax in faxes {
            match whole {
                Whole::FaxboxWithFaxes => self.delete_fax(fax.num).await?,
                Whole::Faxbox => self.update_fax(&FaxRow { faxbox: None, ..fax }).await?,
                Whole::Group => self.update_fax(&FaxRow { assignee: None, ..fax }).await?,
            }
        }
        self.remove_object(num).await?;
        Ok(true)
    }

    async fn hold_number(&mut self, number: &PhoneNumber) -> Result<Vec<String>, StoreError> {
        let number = number.as_str();
        let bodies = bodies_elsewhere(self.1.tenants.iter(), &self.0.row.id, number);
        self.1.held.insert(number.to_owned(), bodies.clone());
        Ok(bodies)
    }

    async fn link(&mut self, link: Link) -> Result<bool, StoreError> {
        let new = self.0.links.insert(link);
        self.0.touched |= new && !link.kind.is_derived();
        Ok(new)
    }

    async fn unlink(&mut self, link: Link) -> Result<bool, StoreError> {
        let was = self.0.links.remove(&link);
        self.0.touched |= was && !link.kind.is_derived();
        Ok(was)
    }

    async fn derived_links_are_kept(&mut self) -> Result<bool, StoreError> {
        Ok(true)
    }

    async fn derive_links_anew(&mut self) -> Result<(), StoreError> {
        self.0.links.retain(|link| !link.kind.is_derived());
        Ok(())
    }

    async fn update_tenant(&mut self, title: &str, model: ModelDigest) -> Result<(), StoreError> {
        title.clone_into(&mut self.0.row.title);
        self.0.row.model = model;
        self.0.touched = true;
        Ok(())
    }

    async fn update_fax(&mut self, fax: &FaxRow) -> Result<(), StoreError> {
        let stored = self.0.faxes.get_mut(&fax.num).expect("a fax to update");
        stored.faxbox = fax.faxbox;
        stored.assignee = fax.assignee;
        stored.state = fax.state;
        stored.labels.clone_from(&fax.labels);
        stored.attachment_sources = fax.attachment_sources;
        self.0.touched = true;
        Ok(())
    }

    async fn delete_fax(&mut self, num: Num) -> Result<(), StoreError> {
        let fax = self.0.faxes.remove(&num).expect("a fax to delete");
        if let Some((_, num)) = self.0.fax_ids.get_mut(&fax.id) {
            *num = None;
        }
        self.0.touched = true;
        Ok(())
    }

    async fn faxes_in(
        &mut self,
        column: FaxColumn,
        value: Num,
        limit: usize,
    ) -> Result<Vec<FaxRow>, StoreError> {
        let fits = |fax: &&FaxRow| column_of(fax, column) == Some(value);
        Ok(self.0.faxes.values().filter(fits).take(limit).cloned().collect())
    }
}

fn column_of(fax: &FaxRow, column: FaxColumn) -> Option<Num> {
    match column {
        FaxColumn::Account => Some(fax.account),
        FaxColumn::Number => fax.number,
        FaxColumn::Faxbox => fax.faxbox,
        FaxColumn::Creator => fax.creator,
        FaxColumn::Assignee => fax.assignee,
    }
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// All rows of a tenant.
    pub fn dump(&self, tenant: &TenantId) -> Option<Dump> {
        self.tenant(tenant).map(|tenant| tenant.dump())
    }

    fn tenant(&self, id: &TenantId) -> Option<Arc<Tenant>> {
        locked(&self.state).tenants.values().find(|tenant| tenant.row.id == *id).cloned()
    }

    /// A transaction on a tenant.
    fn begin(&self, tenant: Tenant) -> Working {
        let tenants = locked(&self.state).tenants.values().cloned().collect();
        View(Box::new(tenant), Elsewhere { tenants, held: BTreeMap::new() })
    }

    /// Puts a tenant in place unless it has changed since `before` was read, or another one has
    /// changed in what the transaction held.
    fn commit(&self, before: Option<&Arc<Tenant>>, tx: Working) -> bool {
        let View(mut after, Elsewhere { tenants: _, held }) = tx;
        after.touched = false;
        let mut state = locked(&self.state);
        let still = held.iter().all(|(number, bodies)| {
            bodies_elsewhere(state.tenants.values(), &after.row.id, number) == *bodies
        });
        let current = state.tenants.values().find(|tenant| tenant.row.id == after.row.id);
        let unchanged = match (before, current) {
            (None, None) => !state.tenants.contains_key(&after.row.num),
            (Some(before), Some(current)) => Arc::ptr_eq(before, current),
            _ => false,
        };
        if unchanged && still {
            state.tenants.insert(after.row.num, Arc::from(after));
        }
        unchanged && still
    }

    /// The tenant that changes concern: a copy, or a new one if the first of them makes it.
    fn working_copy(
        &self,
        before: Option<&Tenant>,
        id: &TenantId,
        first: Option<&Change>,
    ) -> Result<Tenant, ApplyError> {
        match (before, first) {
            (Some(tenant), _) => Ok(tenant.clone()),
            (None, Some(Change::CreateTenant { title, model, .. })) => {
                let last = locked(&self.state).tenants.keys().last().map_or(0, |num| num.0);
                let title = title_or_id(title, id.as_str());
                Ok(Tenant::new(Num(last + 1), id, title, *model))
            }
            (None, _) => Err(no_such_tenant()),
        }
    }
}

/// Changes and faxes, in turn.
type Parts<'a> = [(&'a [Change], &'a [NewFax])];

impl MemoryStore {
    /// Applies parts as one, unless the request was made before.
    async fn once(
        &self,
        id: &TenantId,
        asked: Asked,
        parts: &Parts<'_>,
        if_exists: IfExists,
        now: Timestamp,
    ) -> Result<Imported, ApplyError> {
        let (request, how) = match &asked {
            Asked::Batch(Batch { request_id, actor, provisions, .. })
            | Asked::Import(Import { request_id, actor, provisions, .. }) => {
                (request_id.clone(), Activation::of(actor, *provisions))
            }
        };
        loop {
            let before = self.tenant(id);
            let earlier = before.as_ref().and_then(|tenant| tenant.requests.get(&request));
            if let Some((first, imported)) = earlier {
                if *first != asked {
                    return Err(ApplyError::RequestIdReused);
                }
                let applied = Applied { repeated: true, ..imported.applied.clone() };
                return Ok(Imported { applied, ..*imported });
            }
            let first = parts.first().and_then(|(changes, _)| changes.first());
            let mut tx = self.begin(self.working_copy(before.as_deref(), id, first)?);
            let mut imported = self.run_parts(&mut tx, parts, if_exists, how, now).await?;
            let after = &mut tx.0;
            after.row.revision.0 += u64::from(after.touched);
            imported.applied.revision = after.row.revision;
            imported.applied.warnings = Warning::first(imported.applied.warnings);
            after.requests.insert(request.clone(), (asked.clone(), imported.clone()));
            if self.commit(before.as_ref(), tx) {
                return Ok(imported);
            }
        }
    }

    async fn run_parts(
        &self,
        tx: &mut Working,
        parts: &Parts<'_>,
        if_exists: IfExists,
        how: Activation,
        now: Timestamp,
    ) -> Result<Imported, ApplyError> {
        let applied =
            Applied { revision: Revision(0), changed: 0, warnings: Vec::new(), repeated: false };
        let mut imported = Imported { applied, registered: 0 };
        let sizes = parts.iter().map(|(changes, faxes)| (*changes, faxes.len()));
        let sizes = Vec::from_iter(sizes);
        let administrators = apply::Administrators::before(tx, &self.models, &sizes).await?;
        let mut at = 0;
        for (changes, faxes) in parts {
            let outcome = apply::run_changes(tx, &self.models, changes, if_exists, how, now)
                .await
                .map_err(|error| error.further_on(at))?;
            let moved = |warning: Warning| Warning { change: warning.change + at, ..warning };
            imported.applied.changed += outcome.changed;
            imported.applied.warnings.extend(outcome.warnings.into_iter().map(moved));
            at += changes.len();
            imported.registered += register_part(tx, &self.models, faxes, now)
                .await
                .map_err(|error| error.further_on(at))?;
            at += faxes.len();
        }
        if let Some(administrators) = administrators {
            imported.applied.warnings.extend(administrators.after(tx, &self.models).await?);
            imported.applied.warnings.sort_by_key(|warning| warning.change);
        }
        Ok(imported)
    }
}

fn no_such_tenant() -> ApplyError {
    let problem = "no such tenant".to_owned();
    ApplyError::NotFound(Fault { change: 0, field: "tenant", problem })
}

#[async_trait]
impl Store for MemoryStore {
    async fn snapshot(
        &self,
        tenant: &TenantId,
    ) -> Result<Option<Box<dyn TenantReader + '_>>, StoreError> {
        Ok(self
            .tenant(tenant)
            .map(|tenant| Box::new(View(tenant, Elsewhere::default())) as Box<dyn TenantReader>))
    }

    async fn apply(&self, batch: &Batch, now: Timestamp) -> Result<Applied, ApplyError> {
        let parts = [(batch.changes.as_slice(), [].as_slice())];
        let asked = Asked::Batch(batch.clone());
        let imported = self.once(&batch.tenant, asked, &parts, batch.if_exists, now).await?;
        Ok(imported.applied)
    }

    async fn import(&self, import: &Import, now: Timestamp) -> Result<Imported, ApplyError> {
        let parts: Vec<_> = import
            .parts
            .iter()
            .map(|part| (part.changes.as_slice(), part.faxes.as_slice()))
            .collect();
        let asked = Asked::Import(import.clone());
        self.once(&import.tenant, asked, &parts, IfExists::Keep, now).await
    }

    async fn register(
        &self,
        tenant: &TenantId,
        faxes: &[NewFax],
        now: Timestamp,
    ) -> Result<Vec<Result<Registered, ApplyError>>, ApplyError> {
        loop {
            let before = self.tenant(tenant).ok_or_else(no_such_tenant)?;
            let mut tx = self.begin(Tenant::clone(&before));
            let mut answers = Vec::new();
            let mut new = Registering::new(now);
            for (position, fax) in faxes.iter().enumerate() {
                let answer = register_one(&mut tx, &self.models, &mut new, fax, position).await;
                if let Err(ApplyError::Store(error @ StoreError::Unavailable { .. })) = answer {
                    return Err(error.into());
                }
                answers.push(answer);
            }
            if self.commit(Some(&before), tx) {
                return Ok(answers);
            }
        }
    }

    async fn accounts_of(
        &self,
        subject: &Subject,
        after: Option<(Num, Num)>,
        limit: usize,
    ) -> Result<Vec<(Num, AccountOfSubject)>, StoreError> {
        let tenants: Vec<_> = locked(&self.state).tenants.values().cloned().collect();
        let qualified = subject.qualified();
        let mut found = Vec::new();
        for tenant in tenants {
            for account in tenant.of_kind(ObjectKind::Account) {
                let place = (tenant.row.num, account.num);
                let member = tenant.object(ObjectKind::Member, account.num, &qualified);
                if let Some(member) = member.filter(|_| after.is_none_or(|after| place > after)) {
                    let account = AccountOfSubject {
                        tenant: tenant.row.id.clone(),
                        tenant_title: tenant.row.title.clone(),
                        account: account.clone(),
                        member: member.clone(),
                    };
                    found.push((tenant.row.num, account));
                }
            }
        }
        found.truncate(limit);
        Ok(found)
    }

    async fn tenants(&self, after: Num, limit: usize) -> Result<Vec<TenantRow>, StoreError> {
        let state = locked(&self.state);
        let later = state.tenants.values().filter(|tenant| tenant.row.num > after);
        Ok(later.take(limit).map(|tenant| tenant.row.clone()).collect())
    }

    async fn duplicate_numbers(&self, limit: usize) -> Result<Vec<DuplicateNumber>, StoreError> {
        let state = locked(&self.state);
        let mut active: BTreeMap<&str, Vec<TenantId>> = BTreeMap::new();
        for tenant in state.tenants.values() {
            for number in tenant.of_kind(ObjectKind::Number) {
                let body: NumberBody = row::parse_body(tenant.row.num, number)?;
                if body.active {
                    active.entry(&number.id).or_default().push(tenant.row.id.clone());
                }
            }
        }
        let several = active.into_iter().filter(|(_, tenants)| tenants.len() > 1);
        let named = several.map(|(number, tenants)| DuplicateNumber {
            number: PhoneNumber::parse(number).expect("a number's id"),
            tenants,
        });
        Ok(named.take(limit).collect())
    }

    async fn put_model(&self, text: &str) -> Result<ModelDigest, StoreError> {
        let digest = ModelDigest::of(text);
        let parse = || model::parse(text, model::built_in_vocabulary()).ok().map(Arc::new);
        locked(&self.models.0).entry(digest).or_insert_with(|| (text.to_owned(), parse()));
        Ok(digest)
    }

    async fn model_text(&self, digest: &ModelDigest) -> Result<Option<String>, StoreError> {
        Ok(locked(&self.models.0).get(digest).map(|(text, _)| text.clone()))
    }

    async fn secret(
        &self,
        name: &'static str,
        make: &(dyn Fn() -> Vec<u8> + Sync),
    ) -> Result<Vec<u8>, StoreError> {
        Ok(locked(&self.state).secrets.entry(name).or_insert_with(make).clone())
    }
}

async fn register_one(
    tx: &mut Working,
    models: &Models,
    registering: &mut Registering,
    fax: &NewFax,
    position: usize,
) -> Result<Registered, ApplyError> {
    let fingerprint = register::fingerprint(fax);
    if let Some((first, num)) = tx.0.fax_ids.get(&fax.fax) {
        let stored = num.and_then(|num| tx.0.faxes.get(&num));
        return match stored.filter(|_| *first == fingerprint) {
            Some(stored) => Ok(Registered { fax: stored.clone(), created: false }),
            None => {
                let problem = "the id is taken by another fax or by a deleted one".to_owned();
                let fault = Fault { change: position, field: "fax", problem };
                Err(ApplyError::AlreadyExists(fault))
            }
        };
    }
    let mut row = register::row(tx, models, registering, fax, position).await?;
    row.num = tx.0.next();
    tx.0.faxes.insert(row.num, row.clone());
    tx.0.fax_ids.insert(fax.fax.clone(), (fingerprint, Some(row.num)));
    Ok(Registered { fax: row, created: true })
}

/// Registers the faxes of a part, or none; how many were new.
async fn register_part(
    tx: &mut Working,
    models: &Models,
    faxes: &[NewFax],
    now: Timestamp,
) -> Result<usize, ApplyError> {
    let mut restoring = Registering::restoring(now);
    let mut new = 0;
    for (position, fax) in faxes.iter().enumerate() {
        if let Some(stored) = tx.fax(&fax.fax).await?
            && register::describes(tx, fax, &stored).await?
        {
            continue;
        }
        let registered = register_one(tx, models, &mut restoring, fax, position).await?;
        new += usize::from(registered.created);
    }
    Ok(new)
}
