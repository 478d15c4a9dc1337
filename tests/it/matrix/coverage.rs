//! Nothing is left out: not a published row, not a permission of a model, not an action.

use std::collections::BTreeSet;

use lineguard_core::model::{BUILT_IN, PermissionKind, built_in_vocabulary, parse};

use super::expected::{Expected, golden};
use super::products::Product;

/// The products with a published matrix.
const PRODUCTS: [&str; 5] = ["retarus", "iovox", "ifax", "amplify", "nuacom"];

/// Published rows and cells of each product, hard and weak: what is transcribed cannot shrink.
const PUBLISHED: [(&str, usize, usize, usize); 5] = [
    ("retarus", 47, 90, 69),
    ("iovox", 39, 212, 22),
    ("ifax", 22, 0, 110),
    ("amplify", 66, 0, 198),
    ("nuacom", 15, 74, 31),
];

#[test]
fn every_published_row_is_a_permission_and_every_column_is_asked() {
    for name in PRODUCTS {
        let (product, expected) = (Product::named(name), Expected::read(name));
        for (row, _) in &expected.rows {
            assert!(product.model.permission(row).is_some(), "{name}: no permission `{row}`");
        }
        for row in expected.within.keys() {
            assert!(expected.rows.iter().any(|(key, _)| key == row), "{name}: no row `{row}`");
        }
        let asked: Vec<_> = product.columns.iter().map(|column| column.key).collect();
        assert_eq!(asked, expected.columns, "{name}");
        let roles: BTreeSet<_> = product.columns.iter().filter_map(|one| one.role).collect();
        let built_in: BTreeSet<_> =
            product.model.roles.iter().map(|role| role.key.as_str()).collect();
        assert_eq!(roles, built_in, "{name}: a built-in role without a column");
    }
}

#[test]
fn the_published_cells_are_all_there() {
    for (name, rows, hard, weak) in PUBLISHED {
        let expected = Expected::read(name);
        let weak_cells = expected.cells().filter(|(_, _, cell)| cell.weak).count();
        let all = expected.cells().count();
        assert_eq!(
            (expected.rows.len(), all - weak_cells, weak_cells),
            (rows, hard, weak),
            "{name}"
        );
    }
}

#[test]
fn every_permission_is_in_a_golden_file() {
    for name in PRODUCTS {
        let text = std::fs::read_to_string(golden(&format!("matrix/{name}.txt"))).unwrap();
        let rows: BTreeSet<_> = text
            .lines()
            .filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next())
            .collect();
        for permission in &Product::named(name).model.permissions {
            assert!(rows.contains(permission.key.as_str()), "{name}: `{}`", permission.key);
        }
    }
}

#[test]
fn every_action_is_given_by_some_built_in_model() {
    let vocabulary = built_in_vocabulary();
    let mut given = BTreeSet::new();
    for (name, text) in BUILT_IN {
        let model = parse(text, vocabulary).unwrap_or_else(|errors| panic!("{name}: {errors:#?}"));
        for permission in &model.permissions {
            if let PermissionKind::Grant(grants) = &permission.kind {
                given.extend(grants.iter().flat_map(|grant| grant.actions.iter().copied()));
            }
        }
    }
    let missing: Vec<_> = vocabulary
        .actions()
        .filter(|(action, def)| !given.contains(action) && !def.emergency)
        .map(|(_, def)| &def.name)
        .collect();
    assert!(missing.is_empty(), "no permission gives {missing:?}");
}
