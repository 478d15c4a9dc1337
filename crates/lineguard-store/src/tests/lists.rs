//! The fax index: order, bounds, and that every seek is one.

use lineguard_core::port::{FaxColumn, FaxCursor, FaxSlice, Seek};
use sea_orm::DbBackend;

use super::*;
use crate::hidden::Hidden;
use crate::lists::{self as index, From};

lineguard_testkit::on_every_database![
    a_walk_over_pages_sees_every_fax_once_newest_first,
    bounds_hold_alone_and_together,
    each_seek_gets_its_own_newest_faxes,
];

async fn ready(on: &Databases) -> SqlStore {
    let store = fresh(on).await;
    let ops = [
        Op::Insert(ObjectKind::Account, 0, "root", None),
        Op::Insert(ObjectKind::Account, 0, "sub", Some(1)),
    ];
    apply(&store, "t", "r", &ops).await.unwrap();
    let faxes: Vec<_> = (0..60)
        .map(|position| NewFax {
            account: AccountId::parse(if position % 3 == 0 { "sub" } else { "root" }).unwrap(),
            direction: if position % 2 == 0 { Direction::Inbound } else { Direction::Outbound },
            ..fax(&format!("f{position}"), position / 5)
        })
        .collect();
    register(&store, "t", &faxes).await;
    store
}

async fn newest(store: &SqlStore, slice: FaxSlice, count: usize) -> Vec<FaxRow> {
    let mut snapshot = store.snapshot(&tenant_id("t")).await.unwrap().unwrap();
    snapshot.newest_faxes(slice, count).await.unwrap()
}

fn cursor(fax: &FaxRow) -> Option<FaxCursor> {
    Some(FaxCursor { at: fax.at, num: fax.num })
}

async fn a_walk_over_pages_sees_every_fax_once_newest_first(on: &Databases) {
    let store = ready(on).await;
    for page in [1, 4, 7, 100] {
        let mut slice = FaxSlice::default();
        let mut seen = Vec::new();
        loop {
            let rows = newest(&store, slice, page).await;
            let Some(last) = rows.last() else {
                break;
            };
            slice.after = cursor(last);
            seen.extend(rows.iter().map(|fax| fax.num.0));
        }
        assert_eq!(seen, (1..=60).rev().collect::<Vec<u64>>(), "pages of {page}");
    }
}

async fn bounds_hold_alone_and_together(on: &Databases) {
    let store = ready(on).await;
    let all = newest(&store, FaxSlice::default(), 100).await;
    for after in [None, cursor(&all[10]), cursor(&all[30])] {
        for not_before in [None, Some(Timestamp(3))] {
            for before in [None, Some(Timestamp(6)), Some(Timestamp(9))] {
                let slice = FaxSlice { after, not_before, before };
                let expected: Vec<_> = all
                    .iter()
                    .filter(|fax| after.is_none_or(|one| (fax.at, fax.num) < (one.at, one.num)))
                    .filter(|fax| not_before.is_none_or(|time| fax.at >= time))
                    .filter(|fax| before.is_none_or(|time| fax.at < time))
                    .cloned()
                    .collect();
                let found = newest(&store, slice, 100).await;
                assert_eq!(found, expected, "{slice:?}");
            }
        }
    }
}

async fn each_seek_gets_its_own_newest_faxes(on: &Databases) {
    let store = ready(on).await;
    let all = newest(&store, FaxSlice::default(), 100).await;
    let seeks: Vec<_> = (0..1_000)
        .map(|position| Seek {
            column: if position % 5 == 4 { FaxColumn::Number } else { FaxColumn::Account },
            value: if position % 11 == 0 { Num::UNKNOWN } else { Num(position % 4) },
            direction: if position % 2 == 0 { Direction::Inbound } else { Direction::Outbound },
        })
        .collect();
    let mut snapshot = store.snapshot(&tenant_id("t")).await.unwrap().unwrap();
    let found = snapshot.seek_faxes(&seeks, FaxSlice::default(), 4).await.unwrap();
    assert_eq!(found.len(), seeks.len());
    for (seek, rows) in seeks.iter().zip(&found) {
        let expected: Vec<_> = all
            .iter()
            .filter(|fax| seek.column == FaxColumn::Account && fax.account == seek.value)
            .filter(|fax| fax.direction == seek.direction)
            .take(4)
            .cloned()
            .collect();
        assert_eq!(*rows, expected, "{seek:?}");
    }
    assert_eq!(snapshot.seek_faxes(&[], FaxSlice::default(), 4).await.unwrap().len(), 0);
}

/// The steps by which the database means to run a statement.
pub(super) async fn plan(store: &SqlStore, sql: Sql) -> Vec<String> {
    let rows = sql.prefixed("EXPLAIN QUERY PLAN ").all(&store.readers).await.unwrap();
    rows.iter().map(|row| row.try_get_by_index::<String>(3).unwrap()).collect()
}

#[tokio::test]
async fn every_seek_uses_its_index_and_sorts_nothing() {
    let store = ready(&Databases::new(Kind::Sqlite)).await;
    let slices = [
        FaxSlice::default(),
        FaxSlice {
            after: Some(FaxCursor { at: Timestamp(5), num: Num(5) }),
            not_before: Some(Timestamp(1)),
            before: None,
        },
        FaxSlice { after: None, not_before: Some(Timestamp(1)), before: Some(Timestamp(9)) },
    ];
    let columns = [
        (FaxColumn::Account, "fax_by_account"),
        (FaxColumn::Number, "fax_by_number"),
        (FaxColumn::Faxbox, "fax_by_faxbox"),
        (FaxColumn::Creator, "fax_by_creator"),
        (FaxColumn::Assignee, "fax_by_assignee"),
    ];
    for hidden in hidden() {
        let from = From { backend: DbBackend::Sqlite, tenant: Num(1), hidden: &hidden };
        for slice in slices {
            for (column, name) in columns {
                let seek = Seek { column, value: Num(1), direction: Direction::Inbound };
                let sql = index::seeks_sql(from, &[seek, seek], slice, 5);
                let steps = plan(&store, sql).await.join("\n");
                assert_eq!(steps.matches(&format!("USING INDEX {name} ")).count(), 2, "{steps}");
                assert_no_detour(&steps);
            }
            let sql = index::newest_sql(from, slice, 5);
            let steps = plan(&store, sql).await.join("\n");
            assert!(steps.contains("USING INDEX fax_by_time "), "{steps}");
            assert_no_detour(&steps);
        }
        let sql = index::newest_sql(from, slices[1], 5);
        let steps = plan(&store, sql).await.join("\n");
        assert!(steps.contains("(at,num)<(?,?)"), "{steps}");
    }
}

/// Nothing, and a faxbox and a group whose rows are still to be taken away.
pub(super) fn hidden() -> [Hidden; 2] {
    let mut some = Hidden::default();
    assert!(some.add(Num(7), Whole::FaxboxWithFaxes) && some.add(Num(8), Whole::Group));
    [Hidden::default(), some]
}

fn assert_no_detour(steps: &str) {
    assert!(!steps.contains("SCAN fax"), "{steps}");
    assert!(!steps.contains("SCAN tenant"), "{steps}");
    assert!(!steps.contains("TEMP B-TREE"), "{steps}");
}
