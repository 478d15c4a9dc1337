//! The matrices as text.

use std::fmt::Write as _;

use lineguard_core::model::{Permission, PermissionKind};

use super::cell::LEGEND;
use super::expected::{Expected, golden};
use super::probe::Table;
use super::products::Product;

/// The matrix for people to read, in the order of the permission screen.
fn render(product: &Product, expected: &Expected, table: &Table) -> String {
    let cell = |row: &str, column: &'static str| {
        let weak = expected.cell(row, column).is_some_and(|cell| cell.weak);
        let mark = if weak { "?" } else { "" };
        format!("{}{mark}", table[&(row.to_owned(), column)])
    };
    let rows = &product.model.permissions;
    let width = rows.iter().map(|row| row.key.as_str().len()).max().unwrap_or(0);
    let widths = product.columns.iter().map(|column| {
        let cells = rows.iter().map(|row| cell(row.key.as_str(), column.key).len());
        cells.chain([column.key.len()]).max().unwrap_or(0)
    });
    let widths: Vec<_> = widths.collect();

    let mut text = format!("{}\n\n", product.model.title);
    for (name, meaning) in LEGEND {
        if table.values().any(|cell| cell.split('+').any(|one| one == *name)) {
            writeln!(text, "{name:<15}  {meaning}").unwrap();
        }
    }
    if table.values().any(|cell| cell.contains('+')) {
        writeln!(text, "{:<15}  some actions of the row the one, some the other", "one+other")
            .unwrap();
    }
    writeln!(text, "{:<15}  a reading; a tenant may configure the other value", "?").unwrap();
    let held = rows.iter().filter(|row| needs_number(product, row)).map(|row| row.key.as_str());
    let held: Vec<_> = held.collect();
    if !held.is_empty() {
        let held = held.join(", ");
        writeln!(text, "\nWith a number that the person may present: {held}").unwrap();
    }
    let mut line = format!("\n  {:width$}", "");
    for (column, width) in product.columns.iter().zip(&widths) {
        write!(line, "  {:width$}", column.key).unwrap();
    }
    writeln!(text, "{}", line.trim_end()).unwrap();

    let mut category = "";
    for row in rows {
        if &*row.category != category {
            category = &row.category;
            writeln!(text, "\n{category}").unwrap();
        }
        let mut line = format!("  {:width$}", row.key.as_str());
        for (column, width) in product.columns.iter().zip(&widths) {
            write!(line, "  {:width$}", cell(row.key.as_str(), column.key)).unwrap();
        }
        writeln!(text, "{}", line.trim_end()).unwrap();
    }
    text
}

/// Whether something goes out by the row, and the product asks for a number that is held.
fn needs_number(product: &Product, row: &Permission) -> bool {
    let PermissionKind::Grant(grants) = &row.kind else { return false };
    let held = &product.model.outgoing.held;
    grants.iter().flat_map(|grant| &grant.actions).any(|action| held.contains(action))
}

async fn matrix_is_golden(name: &str) {
    let product = Product::named(name);
    let expected = Expected::read(name);
    let mut bench = product.start().await;
    let table = product.matrix(&mut bench).await;
    let text = render(&product, &expected, &table);
    let path = golden(&format!("matrix/{name}.txt"));
    if std::env::var_os("LINEGUARD_BLESS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    expected.compare(&product, &table);
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let differing = text.lines().zip(kept.lines()).find(|(new, kept)| new != kept);
    assert!(text == kept, "{name}: LINEGUARD_BLESS=1 writes it anew; first: {differing:#?}");
    bench.harness.stop().await;
}

#[tokio::test]
async fn the_matrix_of_the_fax_portal() {
    matrix_is_golden("retarus").await;
}

#[tokio::test]
async fn the_matrix_of_the_account_tree() {
    matrix_is_golden("iovox").await;
}

#[tokio::test]
async fn the_matrix_of_the_fax_team() {
    matrix_is_golden("ifax").await;
}

#[tokio::test]
async fn the_matrix_of_the_suite() {
    matrix_is_golden("amplify").await;
}

#[tokio::test]
async fn the_matrix_of_telephony() {
    matrix_is_golden("nuacom").await;
}
