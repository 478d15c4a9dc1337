//! Numbers that are active in several tenants. Nothing makes them any more; what was so before is
//! left, and told to operators.

use std::collections::{BTreeMap, BTreeSet};

use lineguard_core::id::{Num, PhoneNumber, TenantId};
use lineguard_core::port::{DuplicateNumber, StoreError};
use lineguard_core::row::{self, NumberBody, ObjectKind};
use sea_orm::DatabaseConnection;

use crate::rows::{self, Row};
use crate::sql::Sql;
use crate::watch::Watcher;

/// How many numbers that several tenants have are looked at together.
const PAGE: usize = 500;

/// Numbers that several tenants have, active or not, in order, from the index alone.
const SHARED: &str = "SELECT id FROM object WHERE kind = ? AND id > ? \
     GROUP BY id HAVING COUNT(*) > 1 ORDER BY id LIMIT ?";

/// What the tenants have for some of them.
const HELD: &str = "SELECT t.num, t.id, o.num, o.kind, o.scope, o.id, o.account, o.body \
     FROM object o JOIN tenant t ON t.num = o.tenant \
     WHERE t.staged IS NULL AND o.kind = ? AND o.id IN ";

/// The first of them, in order.
pub(crate) async fn read(
    db: &DatabaseConnection,
    watcher: &Watcher,
    limit: usize,
) -> Result<Vec<DuplicateNumber>, StoreError> {
    let mut found = Vec::new();
    let mut after = Vec::new();
    loop {
        let query = Sql::new(SHARED)
            .bind(i64::from(ObjectKind::Number as u8))
            .bind(after.clone())
            .bind(crate::sql::limit(PAGE));
        let rows = query.all_watched(db, watcher).await?;
        let page = rows.iter().map(|row| Row::new("object", row, 0).bytes(0, "id"));
        let page = page.collect::<Result<Vec<_>, _>>()?;
        let Some(last) = page.last() else { return Ok(found) };
        for duplicate in active_of(db, watcher, &page).await? {
            if found.len() == limit {
                return Ok(found);
            }
            found.push(duplicate);
        }
        after.clone_from(last);
    }
}

/// Those numbers of a page that several tenants have active.
async fn active_of(
    db: &DatabaseConnection,
    watcher: &Watcher,
    page: &[Vec<u8>],
) -> Result<Vec<DuplicateNumber>, StoreError> {
    let mut query = Sql::new(HELD).bind(i64::from(ObjectKind::Number as u8));
    query.push_list(page);
    let mut active: BTreeMap<String, BTreeSet<(Num, String)>> = BTreeMap::new();
    for row in query.all_watched(db, watcher).await? {
        let tenant = Row::new("tenant", &row, 0);
        let (num, id) = (tenant.num(0, "num")?, tenant.id(1, "id")?);
        let object = rows::object(&row, 2, num)?;
        let body: NumberBody = row::parse_body(num, &object)?;
        if body.active {
            active.entry(object.id).or_default().insert((num, id));
        }
    }
    let several = active.into_iter().filter(|(_, tenants)| tenants.len() > 1);
    several.map(|(number, tenants)| duplicate(&number, &tenants)).collect()
}

fn duplicate(
    number: &str,
    tenants: &BTreeSet<(Num, String)>,
) -> Result<DuplicateNumber, StoreError> {
    let corrupt = |table| {
        let row = "of a number that several tenants have".to_owned();
        StoreError::Corrupt { table, column: "id", row }
    };
    let tenants = tenants
        .iter()
        .map(|(_, id)| TenantId::parse(id).map_err(|_| corrupt("tenant")))
        .collect::<Result<_, _>>()?;
    let number = PhoneNumber::parse(number).map_err(|_| corrupt("object"))?;
    Ok(DuplicateNumber { number, tenants })
}
