//! Telephony: weak cells of columns that are situations, and grants that add up.

use lineguard::wire::pb;
use lineguard_core::change::{Change, ListValue, MemberList, NumberList, OverrideValue};
use lineguard_testkit::ids;

use super::bench::Bench;
use super::column::{Kit, adjust};
use super::expected::Expected;
use super::flip::cannot_be_narrowed;
use super::place::{EXTENSION, INSIDE_NUMBER, OUTSIDE_NUMBER, QUEUE, SOMEBODY, furnish};
use super::probe::Table;
use super::products::Product;
use crate::ask::{ask, user};
use crate::harness::product;

const FULL: &str = "nonadmin_full_report";
const EXTENSIONS: &str = "nonadmin_extension_grant";
const QUEUES: &str = "nonadmin_queue_grant";
const NUMBERS: &str = "nonadmin_number_grant";
const NONE: &str = "nonadmin_no_report";

/// The cells of a row with some turned over.
fn turned(shipped: &Table, row: &str, cells: &[(&str, &str)]) -> Table {
    let of_row = shipped.iter().filter(|((key, _), _)| key == row);
    let cells = of_row.map(|(id, cell)| {
        let other = cells.iter().find(|(column, _)| *column == id.1);
        // Only the whole matrix looks twice at what is denied.
        let cell = if cell == "toggle" { "-" } else { cell };
        (id.clone(), other.map_or(cell, |(_, cell)| cell).to_owned())
    });
    cells.collect()
}

#[tokio::test]
async fn weak_cells_of_telephony_are_obeyed() {
    let (product, expected) = (Product::named("nuacom"), Expected::read("nuacom"));
    let mut bench = product.start().await;
    let shipped = product.matrix(&mut bench).await;
    let mut tested = 0;

    // Full access cannot be narrowed, so there the default is the only value.
    for (row, column, _) in expected.cells().filter(|(_, _, cell)| cell.weak) {
        let (row, column) = (product.row(row), product.column(column));
        if column.role != Some("nonadmin") {
            cannot_be_narrowed(&product, &mut bench, row, column).await;
            tested += 1;
        }
    }

    // What everybody has can be taken from one person.
    let limited = [EXTENSIONS, QUEUES, NUMBERS];
    let with_full = [FULL, EXTENSIONS, QUEUES, NUMBERS];
    for (row, columns) in [("log.view.own", &limited[..]), ("callerid.default", &with_full)] {
        let row = product.row(row);
        let of: Vec<_> = columns.iter().map(|key| product.column(key)).collect();
        bench.apply(product.overrides(row, &of, &OverrideValue::Off)).await;
        let cells: Vec<_> = columns.iter().map(|key| (*key, "-")).collect();
        let found = product.row_cells(&mut bench, row).await;
        assert_eq!(found, turned(&shipped, row.key.as_str(), &cells));
        bench.apply(product.overrides(row, &of, &OverrideValue::Unset)).await;
        tested += columns.len();
    }

    // Recordings of what is granted: nobody can be given them but through the role. Without
    // grants there is nothing to listen to.
    let row = product.row("recording.listen.granted");
    bench.apply(vec![adjust("nonadmin", &["recording.listen.granted"], &[])]).await;
    let cells = limited.map(|key| (key, "granted"));
    let found = product.row_cells(&mut bench, row).await;
    assert_eq!(found, turned(&shipped, row.key.as_str(), &cells));
    let extensions = ListValue::These(vec![ids::extension(EXTENSION)]);
    grant(&mut bench, &product, NONE, MemberList::GrantedExtensions(extensions)).await;
    for who in product.people(row, product.column(NONE)) {
        let listen = recording(&who, Lies { extension: true, ..Lies::default() });
        assert_eq!(bench.ask(vec![listen]).await[0].effect(), pb::Effect::Allow, "{who}");
    }
    grant(&mut bench, &product, NONE, MemberList::GrantedExtensions(ListValue::Unset)).await;
    bench.apply(vec![adjust("nonadmin", &[], &[])]).await;
    tested += 4;

    // Full reports make no number selectable; numbers that are granted besides are.
    let row = product.row("callerid.choose");
    let numbers = |value| MemberList::Numbers(NumberList::Granted, value);
    let these = ListValue::These(ids::numbers(&[INSIDE_NUMBER]));
    grant(&mut bench, &product, FULL, numbers(these)).await;
    let found = product.row_cells(&mut bench, row).await;
    assert_eq!(found, turned(&shipped, row.key.as_str(), &[(FULL, "granted")]));
    grant(&mut bench, &product, FULL, numbers(ListValue::Unset)).await;

    let row = product.row("callerid.any");
    bench.apply(vec![adjust("nonadmin", &["callerid.any"], &[])]).await;
    let cells = [FULL, EXTENSIONS, QUEUES, NUMBERS, NONE].map(|key| (key, "yes"));
    let found = product.row_cells(&mut bench, row).await;
    assert_eq!(found, turned(&shipped, row.key.as_str(), &cells));
    bench.apply(vec![adjust("nonadmin", &[], &[])]).await;
    tested += 2;

    assert_eq!(tested, expected.cells().filter(|(_, _, cell)| cell.weak).count());
    assert!(product.matrix(&mut bench).await == shipped, "something stayed turned over");
    bench.harness.stop().await;
}

/// Sets a list of everybody in a column.
async fn grant(bench: &mut Bench, product: &Product, column: &str, list: MemberList) {
    let people = product.people(&product.model.permissions[0], product.column(column));
    let set = people.iter().map(|who| Change::SetList {
        account: ids::account("home"),
        subject: ids::user(who),
        list: list.clone(),
    });
    bench.apply(set.collect()).await;
}

#[tokio::test]
async fn the_caller_id_that_is_presented_agrees_with_the_matrix() {
    let product = Product::named("nuacom");
    let mut bench = product.start().await;
    let table = product.matrix(&mut bench).await;
    for column in &product.columns {
        let cell = |row: &str| table[&(row.to_owned(), column.key)].clone();
        let who = product.person(product.row("callerid.choose"), column, Kit::NoExtension);
        for (number, may) in [
            (INSIDE_NUMBER, cell("callerid.choose") != "-"),
            (OUTSIDE_NUMBER, cell("callerid.any") == "yes"),
        ] {
            let wanted = if may {
                (pb::CallerIdOutcome::Number, number.to_owned())
            } else {
                (pb::CallerIdOutcome::Denied, String::new())
            };
            assert_eq!(bench.caller_id(&who, Some(number)).await, wanted, "{who}: {number}");
        }
    }
    bench.harness.stop().await;
}

/// In what a call lies, or what a person is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Lies {
    extension: bool,
    queue: bool,
    number: bool,
    /// The person took part, or holds an extension.
    own: bool,
}

impl Lies {
    fn all() -> impl Iterator<Item = Self> {
        (0..16_u8).map(|bits| Self {
            extension: bits & 1 != 0,
            queue: bits & 2 != 0,
            number: bits & 4 != 0,
            own: bits & 8 != 0,
        })
    }

    fn meets(self, other: Self) -> bool {
        (self.extension && other.extension)
            || (self.queue && other.queue)
            || (self.number && other.number)
            || (self.own && other.own)
    }

    fn facts(self, who: &str, facts: &mut pb::Facts) {
        let subjects = vec![user(if self.own { who } else { SOMEBODY })];
        facts.participants = Some(pb::Subjects { subjects });
        facts.extension = Some(if self.extension { EXTENSION } else { "e9" }.into());
        facts.number = Some(if self.number { INSIDE_NUMBER } else { OUTSIDE_NUMBER }.into());
        facts.account = Some("home".into());
        // A call that passed no queue says so.
        if self.queue {
            facts.queue = Some(QUEUE.into());
        } else {
            facts.absent.push("queue".into());
        }
    }
}

fn recording(who: &str, lies: Lies) -> pb::CheckRequest {
    ask(who, "home", "recording.listen").facts(|facts| lies.facts(who, facts)).message()
}

#[tokio::test]
async fn grants_add_up() {
    let mut world = furnish(product("nuacom").account("home"));
    let persons: Vec<_> = Lies::all()
        .enumerate()
        .flat_map(|(at, has)| [(format!("p{at}"), has, false), (format!("full{at}"), has, true)])
        .collect();
    for (who, has, full) in &persons {
        world = world.member(who).role("nonadmin");
        if has.own {
            let held = format!("held-by-{who}");
            let list = ListValue::These(vec![ids::extension(&held)]);
            world = world.extension(&held).list(MemberList::HeldExtensions(list));
        }
        if has.extension {
            let list = ListValue::These(vec![ids::extension(EXTENSION)]);
            world = world.list(MemberList::GrantedExtensions(list));
        }
        if has.queue {
            let list = ListValue::These(vec![ids::queue(QUEUE)]);
            world = world.list(MemberList::GrantedQueues(list));
        }
        if has.number {
            world = world.granted(&[INSIDE_NUMBER]);
        }
        if *full {
            world = world.change(super::column::override_of(who, "report.full", OverrideValue::On));
        }
    }
    let bench = Bench::start(world).await;

    let (mut asked, mut wanted) = (Vec::new(), Vec::new());
    for (who, has, full) in &persons {
        for call in Lies::all() {
            let question = ask(who, "home", "call.view").facts(|facts| call.facts(who, facts));
            asked.push(question.message());
            wanted.push(*full || has.meets(call));
            // Recordings are named under full access only.
            asked.push(recording(who, call));
            wanted.push(*full);
        }
        for (action, id, may) in [
            ("extension.view_log", EXTENSION, has.extension || *full),
            ("extension.view_log", "e9", *full),
            ("queue.view_report", QUEUE, has.queue || *full),
            ("queue.view_report", "q9", *full),
            ("number.view_activity", INSIDE_NUMBER, has.number || *full),
            ("number.view_activity", OUTSIDE_NUMBER, *full),
            // A grant for reports is no caller ID; a number grant is both.
            ("caller_id.use", INSIDE_NUMBER, has.number),
            ("caller_id.use", OUTSIDE_NUMBER, false),
        ] {
            asked.push(ask(who, "home", action).on(id).message());
            wanted.push(may);
        }
    }
    for ((decision, wanted), asked) in bench.ask(asked.clone()).await.iter().zip(wanted).zip(asked)
    {
        let allowed = decision.effect() == pb::Effect::Allow;
        assert_eq!(allowed, wanted, "{asked:#?}\n{}", decision.explanation);
    }
    bench.harness.stop().await;
}

/// Full access of both locked roles stays whole: not one row of theirs can be taken away.
#[tokio::test]
async fn full_access_cannot_be_narrowed_in_any_row() {
    let product = Product::named("nuacom");
    let mut bench = product.start().await;
    let locked = |key: &str| product.model.role(key).unwrap().1.locked;
    assert!(locked("account_holder") && locked("admin") && !locked("nonadmin"));
    for column in ["account_holder", "admin"] {
        for row in &product.model.permissions {
            cannot_be_narrowed(&product, &mut bench, row, product.column(column)).await;
        }
    }
    bench.harness.stop().await;
}
