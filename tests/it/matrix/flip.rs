//! Weak cells: the shipped default is a reading, so what is tested is that a configured value is
//! obeyed, whichever way, and that nothing else moves.

use std::collections::BTreeSet;

use lineguard_core::change::{Change, OverrideValue};
use lineguard_core::facts::MemberStatus;
use lineguard_core::model::{Permission, PermissionKind};
use lineguard_core::port::ApplyError;
use lineguard_testkit::ids;

use super::bench::Bench;
use super::column::{Column, adjust, override_of};
use super::expected::Expected;
use super::probe::Table;
use super::products::Product;

/// A row with the weak cells that a tenant may turn over.
struct WeakRow<'a> {
    row: &'a Permission,
    columns: Vec<&'a Column>,
}

fn weak_rows<'a>(product: &'a Product, expected: &Expected) -> Vec<WeakRow<'a>> {
    let weak = |row: &Permission, column: &&Column| {
        let cell = expected.cell(row.key.as_str(), column.key);
        column.role.is_some() && cell.is_some_and(|cell| cell.weak)
    };
    let rows = product.model.permissions.iter().map(|row| {
        let columns = product.columns.iter().filter(|column| weak(row, column)).collect();
        WeakRow { row, columns }
    });
    rows.filter(|weak| !weak.columns.is_empty()).collect()
}

/// Whether the shipped default gives the cell.
fn is_given(cell: &str) -> bool {
    cell != "-" && cell != "explicit"
}

/// What a row is worth to whoever has it.
fn worth<'a>(expected: &'a Expected, row: &str) -> &'a str {
    let values = expected.cells().filter(|(key, _, _)| *key == row);
    let given = values.map(|(_, _, cell)| cell.value.as_str()).find(|cell| is_given(cell));
    expected.meaning(row, given.unwrap_or("yes"))
}

/// Turns every weak cell over, by the role and by the person.
async fn weak_cells_are_obeyed(name: &str) {
    let (product, expected) = (Product::named(name), Expected::read(name));
    let mut bench = product.start().await;
    let shipped = product.matrix(&mut bench).await;
    for weak in weak_rows(&product, &expected) {
        let key = weak.row.key.as_str();
        let given = |column: &Column| is_given(&shipped[&(key.to_owned(), column.key)]);
        let turned = |turns: &dyn Fn(&Column) -> bool| {
            let mut wanted = Table::new();
            for column in &product.columns {
                let id = (key.to_owned(), column.key);
                let weak = weak.columns.iter().any(|one| one.key == column.key);
                let cell = match (weak && turns(column), given(column)) {
                    (true, true) => "-",
                    (true, false) => worth(&expected, key),
                    // Nobody looks at a role again that was left alone.
                    (false, _) if shipped[&id] == "explicit" => "-",
                    (false, _) => &shipped[&id],
                };
                wanted.insert(id, cell.to_owned());
            }
            wanted
        };

        let roles = weak.columns.iter().map(|column| {
            let role = column.role.unwrap();
            if given(column) { adjust(role, &[], &[key]) } else { adjust(role, &[key], &[]) }
        });
        bench.apply(roles.collect()).await;
        let by_role = product.row_cells(&mut bench, weak.row).await;
        assert_eq!(by_role, turned(&|_| true), "{key} at the role");
        let back = weak.columns.iter().map(|column| adjust(column.role.unwrap(), &[], &[]));
        bench.apply(back.collect()).await;

        let (on, off): (Vec<_>, Vec<_>) = weak.columns.iter().partition(|column| !given(column));
        let on = if weak.row.role_only { Vec::new() } else { on };
        let mut people = product.overrides(weak.row, &off, &OverrideValue::Off);
        people.extend(product.overrides(weak.row, &on, &OverrideValue::On));
        bench.apply(people).await;
        let by_person = product.row_cells(&mut bench, weak.row).await;
        let can = |column: &Column| given(column) || !weak.row.role_only;
        assert_eq!(by_person, turned(&can), "{key} at the person");
        bench.apply(product.overrides(weak.row, &weak.columns, &OverrideValue::Unset)).await;
    }
    assert!(product.matrix(&mut bench).await == shipped, "{name}: something stayed turned over");
    bench.harness.stop().await;
}

#[tokio::test]
async fn weak_cells_of_the_fax_portal_are_obeyed() {
    weak_cells_are_obeyed("retarus").await;
}

#[tokio::test]
async fn weak_cells_of_the_account_tree_are_obeyed() {
    weak_cells_are_obeyed("iovox").await;
}

#[tokio::test]
async fn weak_cells_of_the_fax_team_are_obeyed() {
    weak_cells_are_obeyed("ifax").await;
}

#[tokio::test]
async fn weak_cells_of_the_suite_are_obeyed() {
    weak_cells_are_obeyed("amplify").await;
}

/// A role of the tenant's own gives each row it names, and nothing besides.
async fn a_role_of_ones_own_gives_its_rows(name: &str) {
    let (product, expected) = (Product::named(name), Expected::read(name));
    let mut bench = product.start().await;
    let column = product.columns.iter().find(|column| column.role.is_some()).unwrap();
    // The people of the product give up their roles, and an administrator stays.
    let (account, subject) = (ids::account("home"), ids::user("keeper"));
    let (status, roles) = (MemberStatus::Active, None);
    let (at, who) = (account.clone(), subject.clone());
    let add = Change::AddMember { account, subject, status, roles };
    let own = Change::SetAccountOwner { account: at, subject: who, owner: true };
    bench.apply(vec![add, own]).await;
    let rows: Vec<_> = product.model.permissions.iter().collect();
    let people: BTreeSet<_> = rows.iter().flat_map(|row| product.people(row, column)).collect();
    // Every second row, then the others, so that each is asked for with and without. What narrows
    // where it is not held is in both: it would hide the rows that it narrows.
    for (role, half) in [("even", 0), ("odd", 1)] {
        let narrows = |row: &Permission| matches!(row.kind, PermissionKind::Restriction(_));
        let named = rows.iter().enumerate();
        let named = named.filter(|(at, row)| at % 2 == half || narrows(row));
        let permissions: Vec<_> = named.map(|(_, row)| row.key.clone()).collect();
        let (account, title) = (ids::account("home"), role.to_owned());
        let role = ids::key(role);
        let mut changes = vec![Change::AddRole {
            account,
            role: role.clone(),
            title,
            permissions: permissions.clone(),
            visibility: None,
        }];
        changes.extend(people.iter().map(|who| Change::SetRoles {
            account: ids::account("home"),
            subject: ids::user(who),
            roles: vec![role.clone()],
            keep_overrides: true,
        }));
        bench.apply(changes).await;
        for ((row, _), cell) in product.cells(&bench, &rows, &[column]).await {
            if expected.cell(&row, column.key).is_some() {
                let held = permissions.iter().any(|key| key.as_str() == row);
                let wanted = if held { worth(&expected, &row) } else { "-" };
                assert_eq!(cell, wanted, "{name}: {row} in a role of one's own");
            }
        }
    }
    bench.harness.stop().await;
}

#[tokio::test]
async fn roles_of_ones_own_give_the_rows_they_name() {
    for name in ["iovox", "ifax", "amplify"] {
        a_role_of_ones_own_gives_its_rows(name).await;
    }
}

/// Rows behind a feature flag or a product are off without it, for everybody, and no others.
async fn gates_bind_everybody(name: &str) {
    let (product, expected) = (Product::named(name), Expected::read(name));
    let mut bench = product.start().await;
    let rows: Vec<_> = product.model.permissions.iter().collect();
    let columns: Vec<_> = product.columns.iter().collect();
    let open = product.cells(&bench, &rows, &columns).await;
    assert!(!expected.gates.is_empty());
    for (kind, key, behind) in &expected.gates {
        let set = |to: Option<bool>| {
            let (account, key) = (ids::account("home"), ids::key(key));
            match *kind {
                "flag" => Change::SetFlag { account, flag: key, on: to },
                _ => Change::SetEntitlement { account, product: key, entitled: to },
            }
        };
        bench.apply(vec![set(Some(false))]).await;
        let closed = product.cells(&bench, &rows, &columns).await;
        for (id, cell) in &open {
            let wanted = if behind.contains(&id.0) { "-" } else { cell };
            assert_eq!(closed[id], wanted, "{id:?} without {kind} {key}");
        }
        bench.apply(vec![set(None)]).await;
    }
    bench.harness.stop().await;
}

#[tokio::test]
async fn feature_flags_bind_everybody() {
    gates_bind_everybody("retarus").await;
}

#[tokio::test]
async fn products_bind_everybody() {
    gates_bind_everybody("amplify").await;
}

/// Fails unless the tenant's state does not allow the change.
pub async fn refused(bench: &mut Bench, change: Change) {
    match bench.try_apply(vec![change.clone()]).await {
        Err(ApplyError::Refused(_)) => {}
        other => panic!("{change:?} should be refused, came {other:?}"),
    }
}

/// Fails unless nothing can be taken from the role, nor from anybody who has it.
pub async fn cannot_be_narrowed(
    product: &Product,
    bench: &mut Bench,
    row: &Permission,
    column: &Column,
) {
    refused(bench, adjust(column.role.unwrap(), &[], &[row.key.as_str()])).await;
    for who in product.people(row, column) {
        refused(bench, override_of(&who, row.key.as_str(), OverrideValue::Off)).await;
    }
}
