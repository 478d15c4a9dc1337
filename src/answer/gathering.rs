//! What one question reads: cached parts where they may be used, one snapshot of the database for
//! the rest, and a note of everything that the answer will have been built from.
//!
//! All parts are of one state of the tenant. Cached parts are those that hold at one sight; they
//! are mixed with a snapshot only if the snapshot shows that very state. Otherwise everything is
//! read from the snapshot, which needs no lease: it began after the question arrived.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use lineguard_cache::{Hit, Origin};
use lineguard_core::concern::Concern;
use lineguard_core::id::{AccountId, FaxId, Num, Revision, Subject, TenantId, Timestamp};
use lineguard_core::port::{
    FaxRow, FaxSlice, MemberRows, Seek, StoreError, TenantReader, TenantRow,
};
use lineguard_core::row::{Link, LinkKind, Object, ObjectKind};
use lineguard_core::stamp::{Shard, Stamp};
use lineguard_lease::Sight;

use super::caches::{Caches, FactKey, MemberKey, Part, Setting};
use crate::app::App;
use crate::gather::{self, Askers, Member, Read};

/// Reads for one question about one tenant.
pub struct Gathering<'a> {
    app: &'a App,
    tenant: &'a TenantId,
    shard: Shard,
    now: Timestamp,
    /// What cached parts must hold at; none if no cached part may be used.
    sight: Option<Sight>,
    /// The database; none where only cached parts may be used.
    reader: Option<Box<dyn TenantReader + 'a>>,
    /// The state that the answer is of.
    stamp: Stamp,
    /// The history that the state belongs to.
    epoch: u64,
    setting: Option<Setting>,
    /// The tenant's number and revision at that state, once known.
    known: Option<(Num, Revision)>,
    concerns: BTreeSet<Concern>,
    /// Who asks about which fax.
    askers: Askers,
    /// Whether the answer may be kept: nothing it was built from was missing.
    keeps: bool,
    missed: bool,
}

/// A snapshot of a tenant, with its model; none if the tenant does not exist.
///
/// A model that has to be read first is read while no snapshot is held: whoever holds one
/// connection and waits for another starves others who do the same.
async fn open<'a>(
    app: &'a App,
    tenant: &TenantId,
) -> Result<Option<(Box<dyn TenantReader + 'a>, Setting)>, StoreError> {
    loop {
        let Some(mut reader) = app.store.snapshot(tenant).await? else { return Ok(None) };
        let tenant = reader.tenant().await?;
        if let Some(model) = app.models.parsed(&tenant.model) {
            return Ok(Some((reader, Setting { tenant, model })));
        }
        drop(reader);
        app.models.get(&tenant.model).await?;
    }
}

/// Why cached parts alone did not do; never seen by a caller.
fn missed() -> StoreError {
    StoreError::Unavailable { detail: "a part of the answer is not cached".into() }
}

impl<'a> Gathering<'a> {
    /// From cached parts alone.
    pub fn cached(app: &'a App, tenant: &'a TenantId, sight: Sight, now: Timestamp) -> Self {
        let shard = Shard::of(tenant);
        let (stamp, epoch) = (sight.stamp(shard), sight.epoch());
        Self {
            app,
            tenant,
            shard,
            now,
            sight: Some(sight),
            reader: None,
            stamp,
            epoch,
            setting: None,
            known: None,
            concerns: BTreeSet::new(),
            askers: Askers::default(),
            keeps: true,
            missed: false,
        }
    }

    /// From a snapshot that is taken now, and from cached parts if they are of the same state; none
    /// if the tenant does not exist.
    pub async fn read(
        app: &'a App,
        tenant: &'a TenantId,
        sight: Option<Sight>,
        now: Timestamp,
    ) -> Result<Option<Self>, StoreError> {
        let shard = Shard::of(tenant);
        let (epoch, seen) = (app.freshness.epoch(), app.freshness.seen(shard));
        let Some((mut reader, setting)) = open(app, tenant).await? else { return Ok(None) };
        let stamp = reader.stamp().await?;
        if stamp.counter < seen {
            let detail = "the database shows an older state than before".into();
            return Err(StoreError::Unavailable { detail });
        }
        // The answer will be of this state; nothing older may be answered afterwards.
        app.freshness.answered(shard, stamp);
        let sight = sight.filter(|sight| sight.stamp(shard) == stamp);
        let known = Some((setting.tenant.num, setting.tenant.revision));
        let origin = Origin {
            tenant: setting.tenant.num,
            shard,
            stamp,
            revision: setting.tenant.revision,
            concerns: Arc::new([]),
            not_after: None,
            epoch,
        };
        app.caches.settings.put(tenant.clone(), setting.clone(), origin);
        Ok(Some(Self {
            app,
            tenant,
            shard,
            now,
            sight,
            reader: Some(reader),
            stamp,
            epoch,
            setting: Some(setting),
            known,
            concerns: BTreeSet::new(),
            askers: Askers::default(),
            keeps: true,
            missed: false,
        }))
    }

    /// Whether something was wanted that is not cached, and there was no database to ask.
    pub const fn has_missed(&self) -> bool {
        self.missed
    }

    /// The state that the answer is of.
    pub const fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// The tenant's revision at that state; zero if nothing of the tenant was read.
    pub fn revision(&self) -> Revision {
        self.known.map_or(Revision(0), |(_, revision)| revision)
    }

    /// What the answer was built from; none if it must not be kept.
    pub fn origin(&self) -> Option<Origin> {
        let (tenant, revision) = self.known.filter(|_| self.keeps && !self.missed)?;
        let concerns = self.concerns.iter().copied().collect();
        Some(self.origin_of(tenant, revision, concerns))
    }

    fn origin_of(&self, tenant: Num, revision: Revision, concerns: Arc<[Concern]>) -> Origin {
        Origin {
            tenant,
            shard: self.shard,
            stamp: self.stamp,
            revision,
            concerns,
            not_after: None,
            epoch: self.epoch,
        }
    }

    /// Says who asks about which fax: one that they do not see is read each time, and what was
    /// answered about it is not kept (rulings R41).
    pub fn asks(&mut self, askers: Askers) {
        self.askers = askers;
    }

    /// The answer must not be kept.
    pub const fn forget(&mut self) {
        self.keeps = false;
    }

    fn caches(&self) -> &'a Caches {
        &self.app.caches
    }

    /// Takes a cached part: from now on the answer depends on what it depends on.
    fn take<V>(&mut self, tenant: Num, hit: Hit<V>) -> V {
        let before = self.revision();
        self.known = Some((tenant, before.max(hit.revision)));
        self.concerns.extend(hit.concerns.iter().copied());
        hit.value
    }

    fn reader(&mut self) -> Result<&mut (dyn TenantReader + 'a), StoreError> {
        match &mut self.reader {
            Some(reader) => Ok(reader.as_mut()),
            None => {
                self.missed = true;
                Err(missed())
            }
        }
    }

    /// The tenant and its model.
    pub fn setting(&mut self) -> Result<Setting, StoreError> {
        if let Some(setting) = &self.setting {
            return Ok(setting.clone());
        }
        let sight = self.sight.as_ref();
        let hit = sight.and_then(|sight| self.caches().settings.get(self.tenant, sight, self.now));
        let Some(hit) = hit else {
            self.missed = true;
            return Err(missed());
        };
        let (tenant, revision) = (hit.value.tenant.num, hit.revision);
        let mut setting = self.take(tenant, hit);
        setting.tenant.revision = revision;
        self.setting = Some(setting.clone());
        Ok(setting)
    }

    /// What a subject may do from an acting account.
    pub async fn member(
        &mut self,
        account: &AccountId,
        subject: &Subject,
    ) -> Result<Member, StoreError> {
        let Setting { tenant, model } = self.setting()?;
        let key = MemberKey::new(self.tenant, account, subject);
        if let Some(sight) = &self.sight
            && let Some(hit) = self.caches().members.get(&key, sight, self.now)
        {
            let authority = Some(self.take(tenant.num, hit));
            return Ok(Member { tenant, model, authority });
        }
        let Read { authority, concerns, facts: _ } = self.read_member(account, subject).await?;
        match (&authority, concerns) {
            (Some(authority), Some(concerns)) => {
                self.concerns.extend(concerns.iter().copied());
                let origin = self.origin_of(tenant.num, tenant.revision, concerns);
                self.caches().members.put(key, Arc::clone(authority), origin);
            }
            // Somebody that the tenant does not know, or nowhere: the next change may bring them.
            _ => self.keeps = false,
        }
        Ok(Member { tenant, model, authority })
    }

    /// Reads what is known of a subject at an acting account. Never cached.
    pub async fn read_member(
        &mut self,
        account: &AccountId,
        subject: &Subject,
    ) -> Result<Read, StoreError> {
        let model = self.setting()?.model;
        let vocabulary = self.app.vocabulary;
        gather::read_member(self.reader()?, &model, vocabulary, account, subject).await
    }

    fn cached_part(&mut self, key: &FactKey) -> Option<Part> {
        let sight = self.sight.as_ref()?;
        let (tenant, _) = self.known?;
        let hit = self.caches().facts.get(key, sight, self.now)?;
        Some(self.take(tenant, hit))
    }

    /// Keeps a part that was read, with the one thing that it depends on, if any.
    fn keep_part(&mut self, key: FactKey, part: Part, concern: Option<Concern>) {
        self.concerns.extend(concern);
        if let Some((tenant, revision)) = self.known {
            let origin = self.origin_of(tenant, revision, concern.into_iter().collect());
            self.caches().facts.put(key, part, origin);
        }
    }
}

/// What a question that names this object depends on. What is never rewritten once it is there, as
/// long as the tree of accounts stays as it is, does not count: subjects, accounts, plain names.
const fn depends_on(object: &Object) -> Option<Concern> {
    let num = object.num;
    match object.kind {
        ObjectKind::Member => Some(Concern::Member(num)),
        ObjectKind::Group => Some(Concern::Group(num)),
        ObjectKind::Number => Some(Concern::Number(num)),
        ObjectKind::Extension => Some(Concern::Extension(num)),
        ObjectKind::Queue => Some(Concern::Queue(num)),
        ObjectKind::Faxbox => Some(Concern::Faxbox(num)),
        // Role and account change together.
        ObjectKind::Role => match object.account {
            Some(account) => Some(Concern::Account(account)),
            None => Some(Concern::Tenant),
        },
        ObjectKind::Subject
        | ObjectKind::Account
        | ObjectKind::Invitation
        | ObjectKind::Label
        | ObjectKind::FormType
        | ObjectKind::DocumentType
        | ObjectKind::Template => None,
    }
}

#[async_trait]
impl TenantReader for Gathering<'_> {
    async fn tenant(&mut self) -> Result<TenantRow, StoreError> {
        self.setting().map(|setting| setting.tenant)
    }

    async fn stamp(&mut self) -> Result<Stamp, StoreError> {
        Ok(self.stamp)
    }

    async fn member_rows(
        &mut self,
        account: &AccountId,
        subject: &Subject,
    ) -> Result<Option<MemberRows>, StoreError> {
        self.keeps = false;
        self.reader()?.member_rows(account, subject).await
    }

    async fn find(
        &mut self,
        keys: &[(ObjectKind, Num, &str)],
    ) -> Result<Vec<Option<Object>>, StoreError> {
        let mut found = Vec::with_capacity(keys.len());
        let mut missing = Vec::new();
        let tenant = self.setting()?.tenant.num;
        for (place, (kind, scope, id)) in keys.iter().enumerate() {
            let key = FactKey::Object(tenant, *kind, *scope, (*id).into());
            match self.cached_part(&key) {
                Some(Part::Object(object)) => found.push(Some(object)),
                _ => {
                    found.push(None);
                    missing.push((place, key));
                }
            }
        }
        if missing.is_empty() {
            return Ok(found);
        }
        let wanted: Vec<_> =
            missing.iter().filter_map(|(place, _)| keys.get(*place).copied()).collect();
        let read = self.reader()?.find(&wanted).await?;
        for ((place, key), object) in missing.into_iter().zip(read) {
            match &object {
                None => self.keeps = false,
                Some(object) => {
                    self.keep_part(key, Part::Object(object.clone()), depends_on(object));
                }
            }
            if let Some(slot) = found.get_mut(place) {
                *slot = object;
            }
        }
        Ok(found)
    }

    async fn get(&mut self, nums: &[Num]) -> Result<Vec<Object>, StoreError> {
        let tenant = self.setting()?.tenant.num;
        let mut objects = Vec::with_capacity(nums.len());
        let mut missing = Vec::new();
        for num in nums {
            match self.cached_part(&FactKey::Num(tenant, *num)) {
                Some(Part::Object(object)) => objects.push(object),
                _ => missing.push(*num),
            }
        }
        if missing.is_empty() {
            return Ok(objects);
        }
        let read = self.reader()?.get(&missing).await?;
        self.keeps &= missing.iter().all(|num| read.iter().any(|object| object.num == *num));
        for object in read {
            let key = FactKey::Num(tenant, object.num);
            self.keep_part(key, Part::Object(object.clone()), depends_on(&object));
            objects.push(object);
        }
        Ok(objects)
    }

    async fn list(
        &mut self,
        kind: ObjectKind,
        account: Option<Num>,
        after: Num,
        limit: usize,
    ) -> Result<Vec<Object>, StoreError> {
        let objects = self.reader()?.list(kind, account, after, limit).await?;
        match (kind, account) {
            (ObjectKind::Number, Some(account)) => {
                self.concerns.insert(Concern::Numbers(account));
                self.concerns.extend(objects.iter().filter_map(depends_on));
            }
            _ => self.keeps = false,
        }
        Ok(objects)
    }

    async fn links_from(&mut self, kind: LinkKind, a: Num) -> Result<Vec<Num>, StoreError> {
        if kind != LinkKind::NumberFaxbox {
            self.keeps = false;
            return self.reader()?.links_from(kind, a).await;
        }
        let tenant = self.setting()?.tenant.num;
        let key = FactKey::FaxboxOfNumber(tenant, a);
        if let Some(Part::Ends(ends)) = self.cached_part(&key) {
            return Ok(ends);
        }
        let ends = self.reader()?.links_from(kind, a).await?;
        self.keep_part(key, Part::Ends(ends.clone()), Some(Concern::Number(a)));
        Ok(ends)
    }

    async fn links_to(&mut self, kind: LinkKind, b: Num) -> Result<Vec<Num>, StoreError> {
        self.keeps = false;
        self.reader()?.links_to(kind, b).await
    }

    async fn links_of(&mut self, nums: &[Num]) -> Result<Vec<Link>, StoreError> {
        self.keeps = false;
        self.reader()?.links_of(nums).await
    }

    async fn faxes(&mut self, after: Num, limit: usize) -> Result<Vec<FaxRow>, StoreError> {
        self.keeps = false;
        self.reader()?.faxes(after, limit).await
    }

    async fn find_faxes(&mut self, ids: &[&FaxId]) -> Result<Vec<FaxRow>, StoreError> {
        let tenant = self.setting()?.tenant.num;
        let mut faxes = Vec::with_capacity(ids.len());
        let mut missing = Vec::new();
        for id in ids {
            match self.cached_part(&FactKey::Fax(tenant, (*id).clone())) {
                Some(Part::Fax(fax)) if self.askers.see(&fax) => faxes.push(fax),
                _ => missing.push(*id),
            }
        }
        if missing.is_empty() {
            return Ok(faxes);
        }
        let read = self.reader()?.find_faxes(&missing).await?;
        self.keeps &= read.len() == missing.len();
        self.keeps &= read.iter().all(|fax| self.askers.see(fax));
        for fax in read {
            let key = FactKey::Fax(tenant, fax.id.clone());
            self.keep_part(key, Part::Fax(fax.clone()), Some(Concern::Fax(fax.num)));
            faxes.push(fax);
        }
        Ok(faxes)
    }

    async fn newest_faxes(
        &mut self,
        slice: FaxSlice,
        limit: usize,
    ) -> Result<Vec<FaxRow>, StoreError> {
        self.keeps = false;
        self.reader()?.newest_faxes(slice, limit).await
    }

    async fn seek_faxes(
        &mut self,
        seeks: &[Seek],
        slice: FaxSlice,
        limit_each: usize,
    ) -> Result<Vec<Vec<FaxRow>>, StoreError> {
        self.keeps = false;
        self.reader()?.seek_faxes(seeks, slice, limit_each).await
    }
}
