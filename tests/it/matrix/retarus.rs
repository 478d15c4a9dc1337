//! The fax portal: what ownership adds to any role, and ownership that is configured otherwise.

use lineguard_core::change::Change;
use lineguard_core::model::{built_in_vocabulary, parse};

use super::bench::Bench;
use super::column::{Column, Granted, Joining, Kit, Variant};
use super::expected::Expected;
use super::place::furnish;
use super::products::Product;
use crate::harness::{product, text_of};

const OVERLAYS: [(&str, Kit); 2] =
    [("faxbox_owner", Kit::FaxboxOwner), ("group_owner", Kit::GroupOwner)];

/// A column of an ownership for people of a main role.
fn owners(role: &'static str, kits: &'static [Kit]) -> Column {
    Column { key: role, role: Some(role), kits, granted: Granted::Nothing, on: &[] }
}

#[tokio::test]
async fn ownership_adds_the_same_to_every_role() {
    let expected = Expected::read("retarus");
    let portal = Product::named("retarus");
    let mut world = furnish(product("retarus").account("home"));
    let roles = ["address_book_admin", "user"];
    let columns = roles.map(|role| owners(role, &[Kit::FaxboxOwner, Kit::GroupOwner]));
    for column in &columns {
        for kit in column.kits {
            let id = format!("{}-{kit:?}-0", column.key);
            let variant = &Variant::default();
            world = Joining { id: &id, column, kit: *kit, variant, level: None }.join(world);
        }
    }
    let bench = Bench::start(world).await;
    // One column for each role and ownership, so that each is a cell of its own.
    for role in roles {
        for (overlay, kit) in OVERLAYS {
            let kits: &'static [Kit] =
                if kit == Kit::FaxboxOwner { &[Kit::FaxboxOwner] } else { &[Kit::GroupOwner] };
            let column = owners(role, kits);
            for (row, _, cell) in expected.cells().filter(|(_, column, _)| *column == overlay) {
                let found = portal.cells(&bench, &[portal.row(row)], &[&column]).await;
                let found = &found[&(row.to_owned(), role)];
                assert_eq!(found, &cell.value, "{row} for a {overlay} who is {role}");
            }
        }
    }
    bench.harness.stop().await;
}

/// The text of the model with the list of an overlay's permissions edited.
fn edited(overlay: &str, edit: impl FnOnce(&str) -> String) -> String {
    let (begins, opens) = (format!("[[overlay]]\nkey = \"{overlay}\""), "permissions = [");
    let (before, overlay) = text_of("retarus").split_once(&begins).unwrap();
    let (head, list) = overlay.split_once(opens).unwrap();
    let (list, after) = list.split_once(']').unwrap();
    format!("{before}{begins}{head}{opens}{}]{after}", edit(list))
}

/// Moves the tenant to another text.
async fn configure(bench: &mut Bench, text: &str) {
    let model = bench.harness.app.store.put_model(text).await.unwrap();
    bench.apply(vec![Change::SetModel { model }]).await;
}

/// Ownership is part of the model, not of a tenant's set-up; a tenant gets another model.
#[tokio::test]
async fn weak_cells_of_ownership_are_obeyed() {
    let expected = Expected::read("retarus");
    let portal = Product::named("retarus");
    let mut bench = portal.start().await;
    let shipped = portal.matrix(&mut bench).await;
    let of_ownership =
        |column: &str, weak: bool| weak && OVERLAYS.iter().any(|(key, _)| *key == column);
    let weak: Vec<_> =
        expected.cells().filter(|(_, column, cell)| of_ownership(column, cell.weak)).collect();
    assert_eq!(weak.len(), 15);
    for (row, overlay, cell) in weak {
        let quoted = format!("\"{row}\"");
        let text = edited(overlay, |list| match cell.value.as_str() {
            "-" => format!("{quoted}, {list}"),
            _ => list.replace(&format!("{quoted},"), "").replace(&quoted, ""),
        });
        if cell.value == "-" {
            // Groups have no faxbox and faxboxes no group: such an ownership would never cover
            // anything, and a model that says so is refused rather than obeyed in silence.
            let errors = parse(&text, built_in_vocabulary()).unwrap_err();
            let problem = format!("nothing that `{row}` is about has a fact");
            assert!(errors.iter().any(|error| error.problem.starts_with(&problem)), "{errors:?}");
            continue;
        }
        let other = Product::named("retarus").with_text(text);
        configure(&mut bench, &other.text).await;
        let found = other.matrix(&mut bench).await;
        for (id, cell) in &shipped {
            let turned = *id == (row.to_owned(), portal.column(overlay).key);
            let wanted = if turned { "-" } else { cell };
            assert_eq!(found[id], wanted, "{id:?} without {row} for {overlay}");
        }
    }
    configure(&mut bench, text_of("retarus")).await;
    assert!(portal.matrix(&mut bench).await == shipped);
    bench.harness.stop().await;
}

/// The other way round: what another model lists, ownership gives.
#[tokio::test]
async fn ownership_gives_what_another_model_lists() {
    let portal = Product::named("retarus");
    let mut bench = portal.start().await;
    let row = portal.row("header.personalize");
    let column = portal.column("faxbox_owner");
    let id = ("header.personalize".to_owned(), column.key);
    assert_eq!(portal.cells(&bench, &[row], &[column]).await[&id], "-");
    let text = edited("faxbox_owner", |list| format!("\"header.personalize\", {list}"));
    configure(&mut bench, &text).await;
    assert_eq!(portal.cells(&bench, &[row], &[column]).await[&id], "owned");
    bench.harness.stop().await;
}
