//! The order of faxes: newest first, ties by number, one seek for each value.

use lineguard_core::change::register;
use lineguard_core::change::{Change, NewFax, UserOrGroup};
use lineguard_core::id::{Num, Timestamp};
use lineguard_core::model::reach::Direction;
use lineguard_core::port::{FaxColumn, FaxCursor, FaxRow, FaxSlice, Seek, Store};
use lineguard_core::row::ObjectKind;

use super::{Failure, Shown, apply, behaviours, num, reader, same};
use crate::ids as id;
use crate::world::{Built, NOW, received, world};

behaviours![
    the_newest_fax_comes_first,
    ties_are_broken_by_number,
    a_walk_meets_every_fax_once,
    a_walk_is_not_moved_by_what_arrives,
    slices_end_where_they_should,
    a_limit_of_none_gives_none,
    faxes_of_other_tenants_stay_out,
    seeks_go_by_every_column,
    seeks_keep_to_their_direction,
    seeks_are_answered_in_their_order,
    seeks_have_the_same_slices,
    a_changed_fax_is_found_where_it_is_now,
    a_deleted_fax_is_in_no_list,
    a_list_is_of_its_snapshot,
    very_old_and_very_new_faxes_are_in_order,
];

/// Faxes at these minutes, in the order in which they are registered.
async fn faxes_at(store: &dyn Store, minutes: &[i64]) -> Built {
    let mut told = world("acme").account("root");
    for (one, minutes) in minutes.iter().enumerate() {
        told = told.fax(received(&format!("f-{one}"), "root", *minutes));
    }
    told.build(store).await
}

async fn newest(store: &dyn Store, slice: FaxSlice, limit: usize) -> Result<Vec<FaxRow>, Failure> {
    Ok(reader(store, "acme").await?.newest_faxes(slice, limit).await?)
}

async fn sought(
    store: &dyn Store,
    tenant: &str,
    seeks: &[Seek],
    slice: FaxSlice,
    limit_each: usize,
) -> Result<Vec<Vec<FaxRow>>, Failure> {
    Ok(reader(store, tenant).await?.seek_faxes(seeks, slice, limit_each).await?)
}

/// Everything there is, `limit` at a time.
async fn walk(store: &dyn Store, limit: usize) -> Result<Vec<FaxRow>, Failure> {
    let mut walked: Vec<FaxRow> = Vec::new();
    loop {
        let after = walked.last().map(|last| FaxCursor { at: last.at, num: last.num });
        let slice = FaxSlice { after, ..FaxSlice::default() };
        let page = newest(store, slice, limit).await?;
        if page.is_empty() || walked.len() > 1_000 {
            return Ok(walked);
        }
        walked.extend(page);
    }
}

fn names(rows: &[FaxRow]) -> Vec<&str> {
    rows.iter().map(|fax| fax.id.as_str()).collect()
}

async fn the_newest_fax_comes_first(store: &dyn Store) -> Shown {
    faxes_at(store, &[2, 9, 4]).await;
    let rows = newest(store, FaxSlice::default(), 10).await?;
    same(names(&rows), vec!["f-1", "f-2", "f-0"])
}

async fn ties_are_broken_by_number(store: &dyn Store) -> Shown {
    faxes_at(store, &[1, 1, 2, 1]).await;
    let rows = newest(store, FaxSlice::default(), 10).await?;
    same(names(&rows), vec!["f-2", "f-3", "f-1", "f-0"])
}

async fn a_walk_meets_every_fax_once(store: &dyn Store) -> Shown {
    let minutes: Vec<i64> = (0..23).map(|one| one * 7 % 5).collect();
    faxes_at(store, &minutes).await;
    let whole = newest(store, FaxSlice::default(), 100).await?;
    same(whole.len(), 23)?;
    for limit in [1, 2, 5, 23, 24] {
        same(names(&walk(store, limit).await?), names(&whole))?;
    }
    Ok(())
}

async fn a_walk_is_not_moved_by_what_arrives(store: &dyn Store) -> Shown {
    let built = faxes_at(store, &[1, 2, 3, 4]).await;
    let first = newest(store, FaxSlice::default(), 2).await?;
    let arrivals = [received("new", "root", 9), received("tie", "root", 3)];
    store.register(&built.tenant, &arrivals, NOW).await?;
    let after = first.last().map(|last| FaxCursor { at: last.at, num: last.num });
    let slice = FaxSlice { after, ..FaxSlice::default() };
    let rest = newest(store, slice, 10).await?;
    same(names(&first), vec!["f-3", "f-2"])?;
    same(names(&rest), vec!["f-1", "f-0"])
}

async fn slices_end_where_they_should(store: &dyn Store) -> Shown {
    faxes_at(store, &[1, 2, 3, 4]).await;
    let at = |minutes: i64| Some(Timestamp(NOW.0 + minutes * 60_000));
    let slice = FaxSlice { after: None, not_before: at(2), before: at(4) };
    let rows = newest(store, slice, 10).await?;
    same(names(&rows), vec!["f-2", "f-1"])?;
    let after = rows.first().map(|first| FaxCursor { at: first.at, num: first.num });
    let rows = newest(store, FaxSlice { after, ..slice }, 10).await?;
    same(names(&rows), vec!["f-1"])
}

async fn a_limit_of_none_gives_none(store: &dyn Store) -> Shown {
    faxes_at(store, &[1]).await;
    same(newest(store, FaxSlice::default(), 0).await?, Vec::new())
}

async fn faxes_of_other_tenants_stay_out(store: &dyn Store) -> Shown {
    let acme = faxes_at(store, &[1]).await;
    world("other").account("root").fax(received("o", "root", 2)).build(store).await;
    let rows = newest(store, FaxSlice::default(), 10).await?;
    same(names(&rows), vec!["f-0"])?;
    let account = acme.faxes.first().map_or(Num::UNKNOWN, |fax| fax.account);
    let seek = Seek { column: FaxColumn::Account, value: account, direction: Direction::Inbound };
    let found = sought(store, "other", &[seek], FaxSlice::default(), 10).await?;
    let found: Vec<&FaxRow> = found.iter().flatten().collect();
    same(found.iter().all(|fax| fax.id == id::fax("o")), true)
}

const NUMBER: &str = "+15550100100";

/// A fax with everything, assigned to `ada`, and one with nothing.
async fn furnished(store: &dyn Store) -> Built {
    let full = NewFax {
        number: Some(id::number(NUMBER)),
        faxbox: Some(id::faxbox("box")),
        creator: Some(id::user("bob")),
        ..received("full", "root", 1)
    };
    world("acme")
        .account("root")
        .number(NUMBER)
        .faxbox("box")
        .member("bob")
        .member("ada")
        .auto_assign(&[NUMBER])
        .fax(full)
        .fax(received("bare", "root", 2))
        .build(store)
        .await
}

async fn seek(store: &dyn Store, column: FaxColumn, value: Num) -> Result<Vec<String>, Failure> {
    let seek = Seek { column, value, direction: Direction::Inbound };
    let found = sought(store, "acme", &[seek], FaxSlice::default(), 10).await?;
    Ok(found.iter().flatten().map(|fax| fax.id.as_str().to_owned()).collect())
}

async fn seeks_go_by_every_column(store: &dyn Store) -> Shown {
    furnished(store).await;
    let root = num(store, ObjectKind::Account, "root").await?;
    same(seek(store, FaxColumn::Account, root).await?.len(), 2)?;
    let columns = [
        (FaxColumn::Number, ObjectKind::Number, NUMBER),
        (FaxColumn::Faxbox, ObjectKind::Faxbox, "box"),
        (FaxColumn::Creator, ObjectKind::Subject, "user:bob"),
        (FaxColumn::Assignee, ObjectKind::Subject, "user:ada"),
    ];
    for (column, kind, id) in columns {
        let value = num(store, kind, id).await?;
        same(seek(store, column, value).await?, vec!["full".to_owned()])?;
        same(seek(store, column, Num::UNKNOWN).await?, Vec::new())?;
    }
    Ok(())
}

async fn seeks_keep_to_their_direction(store: &dyn Store) -> Shown {
    let sent = NewFax { direction: Direction::Outbound, ..received("sent", "root", 3) };
    world("acme").account("root").fax(received("in", "root", 1)).fax(sent).build(store).await;
    let value = num(store, ObjectKind::Account, "root").await?;
    let seeks = [Direction::Inbound, Direction::Outbound].map(|direction| Seek {
        column: FaxColumn::Account,
        value,
        direction,
    });
    let found = sought(store, "acme", &seeks, FaxSlice::default(), 10).await?;
    let found: Vec<_> = found.iter().map(|rows| names(rows)).collect();
    same(found, vec![vec!["in"], vec!["sent"]])
}

async fn seeks_are_answered_in_their_order(store: &dyn Store) -> Shown {
    furnished(store).await;
    let faxbox = num(store, ObjectKind::Faxbox, "box").await?;
    let root = num(store, ObjectKind::Account, "root").await?;
    let seek = |column, value| Seek { column, value, direction: Direction::Inbound };
    let seeks = [
        seek(FaxColumn::Faxbox, faxbox),
        seek(FaxColumn::Faxbox, Num::UNKNOWN),
        seek(FaxColumn::Account, root),
        seek(FaxColumn::Faxbox, faxbox),
    ];
    let found = sought(store, "acme", &seeks, FaxSlice::default(), 1).await?;
    let found: Vec<_> = found.iter().map(|rows| names(rows)).collect();
    same(found, vec![vec!["full"], vec![], vec!["bare"], vec!["full"]])?;
    same(sought(store, "acme", &[], FaxSlice::default(), 10).await?.len(), 0)
}

async fn seeks_have_the_same_slices(store: &dyn Store) -> Shown {
    faxes_at(store, &[1, 2, 2, 3, 4]).await;
    let value = num(store, ObjectKind::Account, "root").await?;
    let seek = Seek { column: FaxColumn::Account, value, direction: Direction::Inbound };
    let at = |minutes: i64| Some(Timestamp(NOW.0 + minutes * 60_000));
    let first = newest(store, FaxSlice::default(), 3).await?;
    let after = first.last().map(|last| FaxCursor { at: last.at, num: last.num });
    for slice in [
        FaxSlice::default(),
        FaxSlice { after, ..FaxSlice::default() },
        FaxSlice { after, not_before: at(2), before: at(4) },
        FaxSlice { after: None, not_before: at(2), before: at(3) },
    ] {
        let by_seek = sought(store, "acme", &[seek], slice, 10).await?;
        same(by_seek, vec![newest(store, slice, 10).await?])?;
    }
    Ok(())
}

async fn a_changed_fax_is_found_where_it_is_now(store: &dyn Store) -> Shown {
    furnished(store).await;
    let ada = num(store, ObjectKind::Subject, "user:ada").await?;
    let bob = num(store, ObjectKind::Subject, "user:bob").await?;
    let faxbox = num(store, ObjectKind::Faxbox, "box").await?;
    let fax = || id::fax("full");
    let assignee = Some(UserOrGroup::User(id::user("bob")));
    let changes = vec![
        Change::AssignFax { fax: fax(), assignee },
        Change::MoveFax { fax: fax(), faxbox: None },
    ];
    apply(store, "change", changes).await?;
    same(seek(store, FaxColumn::Assignee, ada).await?, Vec::new())?;
    same(seek(store, FaxColumn::Assignee, bob).await?, vec!["full".to_owned()])?;
    same(seek(store, FaxColumn::Faxbox, faxbox).await?, Vec::new())
}

async fn a_deleted_fax_is_in_no_list(store: &dyn Store) -> Shown {
    furnished(store).await;
    let faxbox = num(store, ObjectKind::Faxbox, "box").await?;
    apply(store, "delete", vec![Change::DeleteFax { fax: id::fax("full") }]).await?;
    same(seek(store, FaxColumn::Faxbox, faxbox).await?, Vec::new())?;
    let rows = newest(store, FaxSlice::default(), 10).await?;
    same(names(&rows), vec!["bare"])
}

async fn a_list_is_of_its_snapshot(store: &dyn Store) -> Shown {
    furnished(store).await;
    let mut before = reader(store, "acme").await?;
    let revision = before.tenant().await?.revision;
    apply(store, "delete", vec![Change::DeleteFax { fax: id::fax("full") }]).await?;
    store.register(&id::tenant("acme"), &[received("late", "root", 3)], NOW).await?;
    let rows = before.newest_faxes(FaxSlice::default(), 10).await?;
    same(names(&rows), vec!["bare", "full"])?;
    same(before.tenant().await?.revision, revision)?;
    drop(before);
    let rows = newest(store, FaxSlice::default(), 10).await?;
    same(names(&rows), vec!["late", "bare"])
}

async fn very_old_and_very_new_faxes_are_in_order(store: &dyn Store) -> Shown {
    let at = |fax: &str, at: i64| NewFax { at: Timestamp(at), ..received(fax, "root", 0) };
    let told = world("acme").account("root").fax(at("now", NOW.0)).fax(at("zero", 0));
    told.fax(at("far", NOW.0 + register::AHEAD)).build(store).await;
    same(names(&walk(store, 1).await?), vec!["far", "now", "zero"])
}
