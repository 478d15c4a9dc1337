//! The five products: their columns, and what a row of each is about.

use lineguard_core::model::reach::FaxState;

use super::column::{Column, Granted, Kit};
use super::place::Inside;
use super::products::{Product, Refine, Shape};

impl Product {
    /// The product by its name.
    pub fn named(name: &str) -> Self {
        let product = match name {
            "retarus" => retarus(),
            "iovox" => iovox(),
            "ifax" => ifax(),
            "amplify" => amplify(),
            "nuacom" => nuacom(),
            other => panic!("no product `{other}`"),
        };
        product.prepared()
    }
}

fn retarus() -> Product {
    const MEMBERS: &[Kit] = &[Kit::Bare, Kit::Member];
    let owner = |key, kits| Column { key, role: None, ..Column::role("", kits) };
    let columns = vec![
        Column::role("tenant_admin", MEMBERS),
        Column::role("address_book_admin", MEMBERS),
        Column::role("user", MEMBERS),
        owner("faxbox_owner", &[Kit::FaxboxOwner]),
        owner("group_owner", &[Kit::GroupOwner]),
    ];
    // Only received faxes are edited.
    let shape =
        |row: &str, _: &Column| if row.starts_with("doc.") { Shape::INBOUND } else { Shape::ANY };
    Product { shape, ..Product::new("retarus", columns) }
}

fn iovox() -> Product {
    let roles = [
        "full_editor",
        "full_viewer",
        "config_editor",
        "config_viewer",
        "reporting_editor",
        "reporting_viewer",
    ];
    let columns = roles.map(|role| Column::role(role, &[Kit::Bare]));
    Product::new("iovox", columns.into())
}

fn ifax() -> Product {
    let roles = ["admin", "manager", "sender", "receiver", "sender_receiver"];
    let columns = roles.map(|role| Column::role(role, &[Kit::Bare, Kit::Listed]));
    let shape = |row: &str, _: &Column| match row {
        "fax.assign" | "fax.custom_fields" | "fax.view_inbound" | "fax.delete_inbound"
        | "fax.to_email" => Shape::INBOUND,
        "fax.view_sent_others" | "fax.delete_outbound" | "fax.view_own_sent" => Shape::OUTBOUND,
        _ => Shape::ANY,
    };
    Product {
        sight: &["fax.view_inbound", "fax.view_sent_others"],
        presents: &["numbers.use"],
        // The level is a setting of its own; a cell is about the tick beside it.
        level: Some("all_team"),
        shape,
        ..Product::new("ifax", columns.into())
    }
}

fn amplify() -> Product {
    let roles = ["admin", "manager", "member"];
    let columns = roles.map(|role| Column::role(role, &[Kit::Bare, Kit::Listed]));
    let shape = |row: &str, _: &Column| match row {
        "fax.view_received" => Shape::INBOUND,
        "fax.view_own_sent" => Shape::OUTBOUND,
        "fax.approve" => Shape { state: FaxState::Pending, ..Shape::OUTBOUND },
        _ => Shape::ANY,
    };
    Product {
        sight: &["fax.view_by_number"],
        refine: Refine::Explicit,
        shape,
        ..Product::new("amplify", columns.into())
    }
}

fn nuacom() -> Product {
    const KITS: &[Kit] = &[Kit::NoExtension, Kit::Extension];
    let nonadmin = |key, granted| Column { key, granted, ..Column::role("nonadmin", KITS) };
    let columns = vec![
        Column::role("account_holder", KITS),
        Column::role("admin", KITS),
        Column { on: &["report.full"], ..nonadmin("nonadmin_full_report", Granted::Nothing) },
        nonadmin("nonadmin_extension_grant", Granted::Extension),
        nonadmin("nonadmin_queue_grant", Granted::Queue),
        nonadmin("nonadmin_number_grant", Granted::Number),
        nonadmin("nonadmin_no_report", Granted::Nothing),
    ];
    // A call lies in several things at once, so a row is asked about one of them at a time.
    let shape = |row: &str, column: &Column| {
        let inside = match (row, column.granted) {
            ("log.view.extension", _) => Some(Inside::Extension),
            ("log.view.queue", _) => Some(Inside::Queue),
            ("log.view.number" | "callerid.choose", _) => Some(Inside::Number),
            ("recording.listen.granted", Granted::Nothing) => Some(Inside::All),
            ("recording.listen.granted", Granted::Extension) => Some(Inside::Extension),
            ("recording.listen.granted", Granted::Queue) => Some(Inside::Queue),
            ("recording.listen.granted", Granted::Number) => Some(Inside::Number),
            _ => None,
        };
        Shape { mine: row == "log.view.own", inside, ..Shape::ANY }
    };
    let (attribute, refine) = (false, Refine::Toggle);
    Product { attribute, refine, shape, ..Product::new("nuacom", columns) }
}
