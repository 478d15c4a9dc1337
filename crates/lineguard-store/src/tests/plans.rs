//! How much of a table the statements touch where there is much of it: what they ask for, and
//! little else, on every server.

use lineguard_core::port::{FaxColumn, FaxCursor, FaxSlice, Seek};
use sea_orm::{ConnectionTrait as _, TransactionTrait as _};

use super::lists::hidden;
use super::*;
use crate::lists::{self as index, From};

lineguard_testkit::on_one_database! { postgres, Postgres,
    a_list_reads_what_it_shows,
    an_authority_is_read_by_seeks
}
lineguard_testkit::on_one_database! { mariadb, MariaDb,
    a_list_reads_what_it_shows,
    an_authority_is_read_by_seeks
}

/// `SELECT n` for 1 to `count`.
fn numbers(on: &Databases, count: usize) -> String {
    match on.kind {
        Kind::Postgres => format!("(SELECT n FROM generate_series(1, {count}) AS s(n)) AS numbers"),
        _ => format!("(SELECT seq AS n FROM seq_1_to_{count}) AS numbers"),
    }
}

/// A text made of a prefix and a number, as bytes.
fn bytes_of(on: &Databases, prefix: &str, n: &str) -> String {
    match on.kind {
        Kind::Postgres => format!("CAST('{prefix}' || ({n}) AS bytea)"),
        _ => format!("CAST(CONCAT('{prefix}', {n}) AS BINARY)"),
    }
}

async fn analyse(on: &Databases, store: &SqlStore) {
    let how = if on.kind == Kind::Postgres { "ANALYZE" } else { "ANALYZE TABLE" };
    let text = format!("{how} tenant, object, link, fax");
    store.writer.connection().execute_unprepared(&text).await.unwrap();
}

async fn fill(store: &SqlStore, text: &str) {
    store.writer.connection().execute_unprepared(text).await.unwrap();
}

/// How many rows of tables and indexes a statement touches.
async fn touched(on: &Databases, store: &SqlStore, sql: Sql) -> (i64, String) {
    let tx = store.readers.begin().await.unwrap();
    if on.kind == Kind::Postgres {
        // A plan for all values, which is what a prepared statement comes to.
        tx.execute_unprepared("SET LOCAL plan_cache_mode = force_generic_plan").await.unwrap();
        let rows = sql.prefixed("EXPLAIN (ANALYZE, COSTS OFF) ").all(&tx).await.unwrap();
        let lines: Vec<String> = rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
        return (rows_of_scans(&lines), lines.join("\n"));
    }
    let plan = sql.clone().prefixed("EXPLAIN ").all(&tx).await.unwrap();
    let text = |row: &sea_orm::QueryResult, at| {
        row.try_get_by_index::<Option<String>>(at).ok().flatten().unwrap_or_default()
    };
    let plan =
        plan.iter().map(|row| (2..10).map(|at| text(row, at)).collect::<Vec<_>>().join(" | "));
    let plan = plan.collect::<Vec<_>>().join("\n");
    let read = "SELECT CAST(SUM(variable_value) AS SIGNED) FROM information_schema.session_status \
                WHERE variable_name LIKE 'Handler_read%'";
    let before: i64 = Sql::new(read).one(&tx).await.unwrap().unwrap().try_get_by_index(0).unwrap();
    let between: i64 = Sql::new(read).one(&tx).await.unwrap().unwrap().try_get_by_index(0).unwrap();
    sql.all(&tx).await.unwrap();
    let after: i64 = Sql::new(read).one(&tx).await.unwrap().unwrap().try_get_by_index(0).unwrap();
    (after - between - (between - before), plan)
}

/// Rows that the scans of a plan gave or threw away.
fn rows_of_scans(lines: &[String]) -> i64 {
    let number = |text: &str, after: &str, until: &str| -> f64 {
        let found = text.split_once(after).map(|(_, rest)| rest.split(until).next().unwrap());
        found.and_then(|found| found.trim().parse().ok()).unwrap_or(0.0)
    };
    let mut sum = 0.0;
    let mut loops = 0.0;
    for line in lines {
        if line.contains("actual time") {
            let table = ["Index Scan", "Index Only Scan", "Seq Scan", "Bitmap Heap Scan"];
            let table = table.iter().any(|kind| line.contains(kind));
            loops = if table { number(line, "loops=", ")") } else { 0.0 };
            sum += number(line, " rows=", " ") * loops;
        }
        if line.contains("Rows Removed by") {
            sum += number(line, ": ", "\n") * loops;
        }
    }
    sum as i64
}

#[expect(clippy::print_stdout, reason = "shown only when a test fails")]
fn within(what: &str, most: i64, (touched, plan): (i64, String)) {
    println!("{what}: {touched} rows\n{plan}");
    assert!(touched <= most, "{what} touches {touched} rows, not {most}");
}

const FAXES: usize = 20_000;

async fn a_list_reads_what_it_shows(on: &Databases) {
    let store = fresh(on).await;
    for tenant in ["t", "u"] {
        apply(&store, tenant, "r", &[Op::Insert(ObjectKind::Account, 0, "root", None)])
            .await
            .unwrap();
    }
    let (id, print) = (bytes_of(on, "f", "n"), bytes_of(on, "p", "n"));
    let columns = "tenant, num, id, account, direction, number, faxbox, creator, assignee, state, \
                   labels, at, revision, fingerprint";
    let every = "1 + n % 2, CASE WHEN n % 3 = 0 THEN NULL ELSE n % 500 END, n % 200, n % 1000, \
                 CASE WHEN n % 10 = 0 THEN n % 50 END, 3, '', 1000 + n / 3, 1";
    let numbers = numbers(on, FAXES);
    for tenant in [1, 2] {
        let text = format!(
            "INSERT INTO fax ({columns}) \
             SELECT {tenant}, n, {id}, n % 40, {every}, {print} FROM {numbers}"
        );
        fill(&store, &text).await;
    }
    analyse(on, &store).await;
    let backend = store.readers.get_database_backend();
    let middle = FaxCursor { at: Timestamp(1000 + FAXES as i64 / 6), num: Num(FAXES as u64 / 2) };
    let slices = [
        FaxSlice::default(),
        FaxSlice { after: Some(middle), not_before: Some(Timestamp(1100)), before: None },
        FaxSlice { after: None, not_before: Some(Timestamp(1100)), before: Some(Timestamp(9000)) },
    ];
    let columns = [
        FaxColumn::Account,
        FaxColumn::Number,
        FaxColumn::Faxbox,
        FaxColumn::Creator,
        FaxColumn::Assignee,
    ];
    for hidden in hidden() {
        let from = From { backend, tenant: Num(1), hidden: &hidden };
        for slice in slices {
            let sql = index::newest_sql(from, slice, 200);
            within(&format!("newest of {slice:?}"), 1_000, touched(on, &store, sql).await);
            for column in columns {
                let seek =
                    |value| Seek { column, value: Num(value), direction: Direction::Inbound };
                let seeks: Vec<Seek> = (0..100).map(seek).collect();
                let sql = index::seeks_sql(from, &seeks, slice, 1);
                within(&format!("{column:?} of {slice:?}"), 1_000, touched(on, &store, sql).await);
            }
        }
    }
}

const MEMBERS: usize = 15_000;

async fn an_authority_is_read_by_seeks(on: &Databases) {
    let store = fresh(on).await;
    for tenant in ["t", "u"] {
        let ops = [
            Op::Insert(ObjectKind::Account, 0, "root", None),
            Op::Insert(ObjectKind::Account, 0, "leaf", Some(1)),
        ];
        apply(&store, tenant, "r", &ops).await.unwrap();
    }
    let numbers = numbers(on, MEMBERS);
    for tenant in [1, 2] {
        for (kind, scope, account, first) in [
            (ObjectKind::Subject, 0, "NULL", 1_000),
            (ObjectKind::Member, 1, "1", 1_000_000),
            (ObjectKind::Number, 0, "1", 2_000_000),
            (ObjectKind::Faxbox, 0, "2", 4_000_000),
            // Of a tree that those who are asked about have nothing to do with.
            (ObjectKind::Account, 0, "999", 5_000_000),
            (ObjectKind::Role, 999, "5000001", 6_000_000),
        ] {
            let (kind, id) = (kind as u8, bytes_of(on, "user:u", "n"));
            let text = format!(
                "INSERT INTO object (tenant, num, kind, scope, id, account, body) \
                 SELECT {tenant}, {first} + n, {kind}, {scope}, {id}, {account}, '{{}}' \
                 FROM {numbers}"
            );
            fill(&store, &text).await;
        }
        for (kind, a, b) in [
            (LinkKind::AccessNumber, "1000000 + n", "2000000 + n"),
            (LinkKind::GroupMember, "3000000 + n % 300", "1000 + n"),
            (LinkKind::GroupOwner, "3000000 + n % 300", "1000 + n * 2"),
            (LinkKind::FaxboxUser, "4000000 + n % 500", "1000 + n"),
            (LinkKind::FaxboxOwner, "4000000 + n", "1000 + n % 5000"),
            (LinkKind::FaxboxGroup, "4000000 + n", "3000000 + n % 300"),
            (LinkKind::Delegation, "1000000 + n", "1000 + n / 2"),
        ] {
            let kind = kind as u8;
            let text = format!(
                "INSERT INTO link (tenant, kind, a, b) SELECT {tenant}, {kind}, {a}, {b} FROM {numbers}"
            );
            fill(&store, &text).await;
        }
        let (kind, id) = (ObjectKind::Group as u8, bytes_of(on, "g", "n"));
        let numbers = self::numbers(on, 300);
        let text = format!(
            "INSERT INTO object (tenant, num, kind, scope, id, account, body) \
             SELECT {tenant}, 2999999 + n, {kind}, 0, {id}, 1, '{{}}' FROM {numbers}"
        );
        fill(&store, &text).await;
    }
    analyse(on, &store).await;
    for (account, subject) in [("root", "u77"), ("leaf", "u5000"), ("root", "nobody")] {
        for hidden in hidden() {
            let sql = crate::member::query(
                store.readers.get_database_backend(),
                1,
                &AccountId::parse(account).unwrap(),
                &user(subject),
                &hidden,
            );
            let plan = touched(on, &store, sql).await;
            within(&format!("{subject} at {account}"), 1_000, plan);
        }
        let mut snapshot = store.snapshot(&tenant_id("t")).await.unwrap().unwrap();
        let rows = snapshot.member_rows(&AccountId::parse(account).unwrap(), &user(subject)).await;
        let rows = rows.unwrap().unwrap();
        assert_eq!(rows.subject.is_some(), subject != "nobody");
        assert_eq!(rows.homes.is_empty(), subject == "nobody");
    }
}
