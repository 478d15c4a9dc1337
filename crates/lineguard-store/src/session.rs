//! One transaction of one tenant: its reads. `write` adds the writes.

use std::collections::HashMap;

use async_trait::async_trait;
use lineguard_core::id::{AccountId, FaxId, Num, Subject, TenantId};
use lineguard_core::port::{
    FaxRow, FaxSlice, MemberRows, Seek, StoreError, TenantReader, TenantRow, Whole,
};
use lineguard_core::row::{Link, LinkKind, Object, ObjectKind};
use lineguard_core::stamp::{Shard, Stamp};
use sea_orm::QueryResult;

use crate::error::refused;
use crate::removal::Share;
use crate::rows::{self, FAX, OBJECT, Row, TENANT, TENANT_COLUMNS, TenantState};
use crate::sql::{MAX_IN, Sql, Tx, limit, seek};
use crate::trail::Trail;
use crate::{concern, dialect, lists, member};

/// A transaction with its tenant.
pub(crate) struct Session {
    pub(crate) tx: Tx,
    pub(crate) state: TenantState,
    stamp: Option<Stamp>,
    /// How many rows of removals this transaction may still take away itself.
    pub(crate) share: Share,
    /// Removals that this transaction began and did not end.
    pub(crate) begun: Vec<(Num, Whole)>,
    pub(crate) trail: Trail,
    remembered: Option<Remembered>,
}

/// What a session has read before. Any write but the insertion of an object forgets it.
#[derive(Default)]
struct Remembered {
    objects: HashMap<(ObjectKind, Num, String), Option<Object>>,
    nums: HashMap<i64, Object>,
    links: HashMap<(LinkKind, End, Num), Vec<Num>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum End {
    Near,
    Far,
}

impl Session {
    /// The session of a tenant that writes; gives the transaction back if there is no such tenant.
    /// Locks the tenant before anything else is read, so that all that is read stays true.
    pub(crate) async fn open(tx: Tx, id: &TenantId) -> Result<Result<Self, Tx>, StoreError> {
        let lock = dialect::for_update(tx.backend());
        let query =
            Sql::new(format!("SELECT {TENANT} FROM tenant WHERE id = ? AND staged IS NULL{lock}"));
        let Some(row) = tx.one(query.bind(id.as_str().as_bytes().to_vec())).await? else {
            return Ok(Err(tx));
        };
        let state = rows::tenant(&row, 0)?;
        let trail = Trail::new(state.row.revision);
        Ok(Ok(Self::new(tx, state, None, trail)))
    }

    /// The session of a tenant that is staged, under the id that it will have.
    pub(crate) async fn open_staged(
        tx: Tx,
        num: Num,
        id: &TenantId,
        trail: Trail,
    ) -> Result<Self, StoreError> {
        let lock = dialect::for_update(tx.backend());
        let query = Sql::new(format!("SELECT {TENANT} FROM tenant WHERE num = ?{lock}"));
        let row = tx.one(query.bind(seek(num))).await?;
        let row = row.ok_or_else(|| refused("a staged tenant has no row"))?;
        let state = rows::staged(&row, 0, id)?;
        Ok(Self::new(tx, state, None, trail))
    }

    /// The session of a tenant that only reads: with the stamp of its shard, by one statement. That
    /// statement is the first, so both are of the snapshot that everything else is read from.
    pub(crate) async fn open_to_read(tx: Tx, id: &TenantId) -> Result<Option<Self>, StoreError> {
        let text = format!(
            "SELECT {TENANT}, counter, nonce FROM tenant, rev_shard \
             WHERE id = ? AND staged IS NULL AND shard = ?"
        );
        let query =
            Sql::new(text).bind(id.as_str().as_bytes().to_vec()).bind(i64::from(Shard::of(id).0));
        let Some(row) = tx.one(query).await? else { return Ok(None) };
        let state = rows::tenant(&row, 0)?;
        let stamp = concern::stamp(&Row::new("rev_shard", &row, 0), TENANT_COLUMNS)?;
        let trail = Trail::new(state.row.revision);
        Ok(Some(Self::new(tx, state, Some(stamp), trail)))
    }

    fn new(tx: Tx, state: TenantState, stamp: Option<Stamp>, trail: Trail) -> Self {
        let (share, begun) = (Share::default(), Vec::new());
        Self { tx, state, stamp, share, begun, trail, remembered: None }
    }

    /// From now on, does not read the same object or links twice.
    pub(crate) fn remember(&mut self) {
        self.remembered = Some(Remembered::default());
    }

    /// Forgets what was read.
    pub(crate) fn forget(&mut self) {
        if self.remembered.is_some() {
            self.remember();
        }
    }

    /// Notes an object that was inserted.
    pub(crate) fn note_inserted(&mut self, object: &Object) {
        if let Some(remembered) = &mut self.remembered {
            let key = (object.kind, object.scope, object.id.clone());
            remembered.objects.insert(key, Some(object.clone()));
        }
    }

    /// The tenant's number as a value to look for.
    pub(crate) fn tenant_num(&self) -> i64 {
        seek(self.state.row.num)
    }

    /// Objects by kind, scope and id, each group of keys with one kind and scope as one `IN`.
    async fn find_rows(
        &self,
        keys: &[(ObjectKind, Num, &str)],
    ) -> Result<HashMap<(ObjectKind, Num, String), Object>, StoreError> {
        let mut groups: HashMap<(ObjectKind, Num), Vec<Vec<u8>>> = HashMap::new();
        for (kind, scope, id) in keys {
            groups.entry((*kind, *scope)).or_default().push(id.as_bytes().to_vec());
        }
        let mut query = Sql::new(format!("SELECT {OBJECT} FROM object WHERE tenant = ? AND ("))
            .bind(self.tenant_num());
        for (position, ((kind, scope), ids)) in groups.iter().enumerate() {
            query.push(if position == 0 { "" } else { " OR " });
            query.push("(tenant = ? AND kind = ? AND scope = ? AND id IN ");
            query.add(self.tenant_num()).add(i64::from(*kind as u8)).add(seek(*scope));
            query.push_list(ids).push(")");
        }
        query.push(")");
        let mut found = HashMap::new();
        for row in self.tx.all(query).await? {
            let object = rows::object(&row, 0, self.state.row.num)?;
            found.insert((object.kind, object.scope, object.id.clone()), object);
        }
        Ok(found)
    }

    async fn ends(&self, kind: LinkKind, end: End, num: Num) -> Result<Vec<Num>, StoreError> {
        let text = match end {
            End::Far => "SELECT b FROM link WHERE tenant = ? AND kind = ? AND a = ? ORDER BY b",
            End::Near => "SELECT a FROM link WHERE tenant = ? AND kind = ? AND b = ? ORDER BY a",
        };
        let query =
            Sql::new(text).bind(self.tenant_num()).bind(i64::from(kind as u8)).bind(seek(num));
        let mut ends = Vec::new();
        for row in self.tx.all(query).await? {
            let other = Row::new("link", &row, 0).of(self.state.row.num).num(0, "a or b")?;
            let link = match end {
                End::Far => Link { kind, a: num, b: other },
                End::Near => Link { kind, a: other, b: num },
            };
            if !self.state.hidden.has_link(&link) {
                ends.push(other);
            }
        }
        Ok(ends)
    }

    /// The fax in a row, as it is to be seen.
    pub(crate) fn fax_in(&self, row: &QueryResult, first: usize) -> Result<FaxRow, StoreError> {
        let fax = rows::fax(row, first, self.state.row.num)?;
        Ok(self.state.hidden.shown(fax))
    }

    async fn remembered_ends(
        &mut self,
        kind: LinkKind,
        end: End,
        num: Num,
    ) -> Result<Vec<Num>, StoreError> {
        let key = (kind, end, num);
        if let Some(ends) = self.remembered.as_ref().and_then(|known| known.links.get(&key)) {
            return Ok(ends.clone());
        }
        let ends = self.ends(kind, end, num).await?;
        if let Some(remembered) = &mut self.remembered {
            remembered.links.insert(key, ends.clone());
        }
        Ok(ends)
    }
}

#[async_trait]
impl TenantReader for Session {
    async fn tenant(&mut self) -> Result<TenantRow, StoreError> {
        Ok(self.state.row.clone())
    }

    async fn stamp(&mut self) -> Result<Stamp, StoreError> {
        if let Some(stamp) = self.stamp {
            return Ok(stamp);
        }
        concern::stamp_of(&self.tx, Shard::of(&self.state.row.id)).await
    }

    async fn member_rows(
        &mut self,
        account: &AccountId,
        subject: &Subject,
    ) -> Result<Option<MemberRows>, StoreError> {
        let (backend, tenant) = (self.tx.backend(), self.tenant_num());
        let query = member::query(backend, tenant, account, subject, &self.state.hidden);
        let rows = self.tx.all(query).await?;
        member::collect(self.state.row.clone(), &rows)
    }

    async fn find(
        &mut self,
        keys: &[(ObjectKind, Num, &str)],
    ) -> Result<Vec<Option<Object>>, StoreError> {
        let known = |this: &Self, (kind, scope, id): &(ObjectKind, Num, &str)| {
            let remembered = this.remembered.as_ref()?;
            remembered.objects.get(&(*kind, *scope, (*id).to_owned())).cloned()
        };
        let mut fresh = HashMap::new();
        let missing: Vec<_> =
            keys.iter().copied().filter(|key| known(self, key).is_none()).collect();
        for chunk in missing.chunks(MAX_IN) {
            let found = self.find_rows(chunk).await?;
            for (kind, scope, id) in chunk {
                let key = (*kind, *scope, (*id).to_owned());
                let object = found.get(&key).cloned();
                fresh.insert(key, object);
            }
        }
        let answer = keys
            .iter()
            .map(|key| {
                known(self, key)
                    .or_else(|| fresh.get(&(key.0, key.1, key.2.to_owned())).cloned())
                    .flatten()
            })
            .collect();
        if let Some(remembered) = &mut self.remembered {
            remembered.objects.extend(fresh);
        }
        Ok(answer)
    }

    async fn get(&mut self, nums: &[Num]) -> Result<Vec<Object>, StoreError> {
        let mut nums: Vec<i64> = nums.iter().map(|num| seek(*num)).collect();
        nums.sort_unstable();
        nums.dedup();
        let mut objects = Vec::new();
        if let Some(remembered) = &self.remembered {
            nums.retain(|num| match remembered.nums.get(num) {
                Some(object) => {
                    objects.push(object.clone());
                    false
                }
                None => true,
            });
        }
        let fresh = objects.len();
        for chunk in nums.chunks(MAX_IN) {
            let mut query =
                Sql::new(format!("SELECT {OBJECT} FROM object WHERE tenant = ? AND num IN "))
                    .bind(self.tenant_num());
            query.push_list(chunk);
            for row in self.tx.all(query).await? {
                objects.push(rows::object(&row, 0, self.state.row.num)?);
            }
        }
        if let Some(remembered) = &mut self.remembered {
            let read = objects.iter().skip(fresh);
            remembered.nums.extend(read.map(|object| (seek(object.num), object.clone())));
        }
        Ok(objects)
    }

    async fn list(
        &mut self,
        kind: ObjectKind,
        account: Option<Num>,
        after: Num,
        count: usize,
    ) -> Result<Vec<Object>, StoreError> {
        let mut query = Sql::new(format!("SELECT {OBJECT} FROM object WHERE tenant = ?"))
            .bind(self.tenant_num());
        query.push(" AND kind = ?").add(i64::from(kind as u8));
        if let Some(account) = account {
            query.push(" AND account = ?").add(seek(account));
        }
        query.push(" AND num > ? ORDER BY num LIMIT ?");
        query.add(i64::try_from(after.0).unwrap_or(i64::MAX)).add(limit(count));
        let rows = self.tx.all(query).await?;
        rows.iter().map(|row| rows::object(row, 0, self.state.row.num)).collect()
    }

    async fn links_from(&mut self, kind: LinkKind, a: Num) -> Result<Vec<Num>, StoreError> {
        self.remembered_ends(kind, End::Far, a).await
    }

    async fn links_to(&mut self, kind: LinkKind, b: Num) -> Result<Vec<Num>, StoreError> {
        self.remembered_ends(kind, End::Near, b).await
    }

    async fn links_of(&mut self, nums: &[Num]) -> Result<Vec<Link>, StoreError> {
        let kinds: Vec<i64> = LinkKind::ALL.into_iter().map(|kind| i64::from(kind as u8)).collect();
        let nums: Vec<i64> = nums.iter().map(|num| seek(*num)).collect();
        let mut links = Vec::new();
        for chunk in nums.chunks(MAX_IN) {
            // The kinds stand first in the key, so naming them all keeps this a seek.
            let mut query = Sql::new("SELECT kind, a, b FROM link WHERE tenant = ? AND kind IN ")
                .bind(self.tenant_num());
            query.push_list(&kinds).push(" AND a IN ").push_list(chunk);
            for row in self.tx.all(query).await? {
                let row = Row::new("link", &row, 0).of(self.state.row.num);
                let kind = u8::try_from(row.int(0, "kind")?).ok().and_then(LinkKind::from_code);
                let kind = kind.ok_or_else(|| row.corrupt("kind"))?;
                links.push(Link { kind, a: row.num(1, "a")?, b: row.num(2, "b")? });
            }
        }
        links.retain(|link| !self.state.hidden.has_link(link));
        Ok(links)
    }

    async fn faxes(&mut self, after: Num, count: usize) -> Result<Vec<FaxRow>, StoreError> {
        let mut query = Sql::new(format!("SELECT {FAX} FROM fax WHERE tenant = ? AND num > ?"))
            .bind(self.tenant_num())
            .bind(i64::try_from(after.0).unwrap_or(i64::MAX));
        query.push(&self.state.hidden.and_shown()).push(" ORDER BY num LIMIT ?").add(limit(count));
        let rows = self.tx.all(query).await?;
        rows.iter().map(|row| self.fax_in(row, 0)).collect()
    }

    async fn find_faxes(&mut self, ids: &[&FaxId]) -> Result<Vec<FaxRow>, StoreError> {
        let mut faxes = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(MAX_IN) {
            let keys: Vec<_> = chunk.iter().map(|id| id.as_str().as_bytes().to_vec()).collect();
            let mut query = Sql::new(format!("SELECT {FAX} FROM fax WHERE tenant = ? AND id IN "))
                .bind(self.tenant_num());
            query.push_list(&keys).push(&self.state.hidden.and_shown());
            for row in self.tx.all(query).await? {
                faxes.push(self.fax_in(&row, 0)?);
            }
        }
        Ok(faxes)
    }

    async fn newest_faxes(
        &mut self,
        slice: FaxSlice,
        count: usize,
    ) -> Result<Vec<FaxRow>, StoreError> {
        lists::newest(self, slice, count).await
    }

    async fn seek_faxes(
        &mut self,
        seeks: &[Seek],
        slice: FaxSlice,
        limit_each: usize,
    ) -> Result<Vec<Vec<FaxRow>>, StoreError> {
        lists::seek_all(self, seeks, slice, limit_each).await
    }
}
