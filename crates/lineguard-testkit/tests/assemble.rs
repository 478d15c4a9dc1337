//! Facts from rows: what is not there, what is broken, and what each kind of thing is known by.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "the helpers of the tests fail them"
)]

use lineguard_core::assemble::{fax_facts, member_facts, object_facts};
use lineguard_core::change::{AttachmentSource, SourceSet};
use lineguard_core::concern::{Concern, Concerned, of_member_rows, of_object};
use lineguard_core::facts::{Fact, ResourceFacts};
use lineguard_core::id::{ModelDigest, Num, Revision, Timestamp};
use lineguard_core::model::built_in_vocabulary;
use lineguard_core::model::reach::{Direction, FaxState};
use lineguard_core::port::{FaxRow, Home, MemberRows, StoreError, TenantRow};
use lineguard_core::row::{ALL, Link, LinkKind, Object, ObjectKind};
use lineguard_core::vocabulary::{FactName, StoredType};
use lineguard_testkit::ids as id;

fn object(num: u64, kind: ObjectKind, name: &str, account: Option<u64>, body: &str) -> Object {
    let account = account.map(Num);
    let scope = if kind == ObjectKind::Member { account.unwrap_or(Num(0)) } else { Num(0) };
    Object { num: Num(num), kind, scope, id: name.to_owned(), account, body: body.to_owned() }
}

/// Account 1 with member 3 of subject 2.
fn rows() -> MemberRows {
    MemberRows {
        tenant: TenantRow {
            num: Num(9),
            id: id::tenant("acme"),
            title: String::new(),
            revision: Revision(4),
            model: ModelDigest([0; 32]),
        },
        subject: Some(Num(2)),
        path: vec![Num(1)],
        objects: vec![
            object(1, ObjectKind::Account, "root", None, "{}"),
            object(3, ObjectKind::Member, "user:ada", Some(1), r#"{"status":"active"}"#),
            object(2, ObjectKind::Subject, "user:ada", None, "{}"),
        ],
        links: Vec::new(),
        homes: Vec::new(),
        standings: Vec::new(),
    }
}

#[track_caller]
fn corrupt(rows: &MemberRows, place: (&str, &str)) {
    let Err(StoreError::Corrupt { table, column, row }) = member_facts(rows) else {
        panic!("{:?}", member_facts(rows))
    };
    assert_eq!((table, column, row.as_str()), ("object", place.0, place.1));
}

#[test]
fn no_path_no_facts() {
    let rows = MemberRows { path: Vec::new(), ..rows() };
    assert_eq!(member_facts(&rows), Ok(None));
}

#[test]
fn good_rows_make_facts() {
    let facts = member_facts(&rows()).expect("good rows").expect("facts");
    assert_eq!(facts.path.len(), 1);
    assert_eq!(facts.path[0].membership.as_ref().map(|member| member.member), Some(Num(3)));
}

#[test]
fn a_body_that_does_not_parse_is_named() {
    for body in ["", "{", r#"{"status":"active","more":1}"#, r#"{"status":"fine"}"#] {
        let mut rows = rows();
        body.clone_into(&mut rows.objects[1].body);
        corrupt(&rows, ("body", "tenant 9 num 3"));
    }
    let mut rows = rows();
    r#"{"flags":{"No Key":true}}"#.clone_into(&mut rows.objects[0].body);
    corrupt(&rows, ("body", "tenant 9 num 1"));
}

#[test]
fn links_of_a_list_that_is_not_set_are_no_answer() {
    let mut rows = rows();
    rows.links.push(Link { kind: LinkKind::SendFromFax, a: Num(3), b: Num(7) });
    corrupt(&rows, ("body", "tenant 9 num 3"));
    r#"{"status":"active","lists":[30]}"#.clone_into(&mut rows.objects[1].body);
    assert!(member_facts(&rows).is_ok());
    rows.links.push(Link { kind: LinkKind::SendFromFax, a: Num(3), b: ALL });
    corrupt(&rows, ("body", "tenant 9 num 3"));
}

#[test]
fn an_account_that_hangs_nowhere_is_no_answer() {
    let mut rows = rows();
    rows.objects.push(object(5, ObjectKind::Account, "stray", Some(4), "{}"));
    corrupt(&rows, ("account", "tenant 9 num 5"));
    rows.objects.push(object(4, ObjectKind::Account, "between", Some(1), "{}"));
    let facts = member_facts(&rows).expect("good rows").expect("facts");
    assert_eq!(facts.below.iter().map(|one| one.account).collect::<Vec<_>>(), [Num(4), Num(5)]);
    rows.objects.remove(0);
    corrupt(&rows, ("num", "tenant 9 num 1"));
}

#[test]
fn a_subject_that_was_not_read_is_no_answer() {
    let mut rows = rows();
    rows.objects.pop();
    corrupt(&rows, ("num", "tenant 9 num 2"));
}

#[test]
fn what_lies_nowhere_is_no_answer() {
    let home = |num, account| Home { num: Num(num), account };
    for kind in [LinkKind::FaxboxUser, LinkKind::FaxboxOwner, LinkKind::GroupOwner] {
        let mut rows = rows();
        rows.links.push(Link { kind, a: Num(7), b: Num(2) });
        corrupt(&rows, ("account", "tenant 9 num 7"));
        rows.homes.push(home(7, None));
        corrupt(&rows, ("account", "tenant 9 num 7"));
        rows.homes = vec![home(7, Some(Num(8)))];
        corrupt(&rows, ("account", "tenant 9 num 8"));
        // A circle.
        rows.homes.extend([home(8, Some(Num(9))), home(9, Some(Num(8)))]);
        assert!(matches!(member_facts(&rows), Err(StoreError::Corrupt { column: "account", .. })));
        rows.homes = vec![home(7, Some(Num(8))), home(8, Some(Num(1)))];
        let facts = member_facts(&rows).expect("good rows").expect("facts");
        let held = [facts.faxboxes, facts.owned_faxboxes, facts.owned_groups].concat();
        assert_eq!(held, [Num(7)], "{kind:?}");
    }
}

/// Faxbox 7 of account 8 below account 1, used by the subject; the statuses of its memberships of
/// both, nearest first.
fn uses(below: Option<&str>, here: &str) -> bool {
    let body = |status: &str| format!(r#"{{"status":"{status}"}}"#);
    let mut rows = rows();
    rows.objects[1].body = body(here);
    rows.links.push(Link { kind: LinkKind::FaxboxUser, a: Num(7), b: Num(2) });
    rows.homes.push(Home { num: Num(7), account: Some(Num(8)) });
    rows.homes.push(Home { num: Num(8), account: Some(Num(1)) });
    let member = |status: &str| object(9, ObjectKind::Member, "user:ada", Some(8), &body(status));
    rows.standings.extend(below.map(member));
    !member_facts(&rows).expect("good rows").expect("facts").faxboxes.is_empty()
}

#[test]
fn the_nearest_membership_that_is_active_or_suspended_decides() {
    let silent = [None, Some("invited"), Some("unverified"), Some("removed")];
    for below in silent {
        assert!(uses(below, "active"), "{below:?}");
        assert!(!uses(below, "suspended"), "{below:?}");
        for nobody in ["invited", "unverified", "removed"] {
            assert!(!uses(below, nobody), "{below:?}, {nobody}");
        }
    }
    for here in ["active", "suspended", "removed"] {
        assert!(uses(Some("active"), here), "{here}");
        assert!(!uses(Some("suspended"), here), "{here}");
    }
}

#[test]
fn a_status_that_does_not_parse_is_no_answer() {
    let mut rows = rows();
    let body = r#"{"status":"fine"}"#;
    rows.standings.push(object(9, ObjectKind::Member, "user:ada", Some(8), body));
    corrupt(&rows, ("body", "tenant 9 num 9"));
}

/// A fax of which nothing is known that need not be.
fn bare() -> FaxRow {
    FaxRow {
        num: Num(1),
        id: id::fax("f"),
        account: Num(2),
        direction: Direction::Inbound,
        number: None,
        faxbox: None,
        creator: None,
        assignee: None,
        state: FaxState::Active,
        labels: Vec::new(),
        at: Timestamp(0),
        attachment_sources: None,
    }
}

#[test]
fn of_a_fax_only_what_nobody_said_is_missing() {
    let fax = FaxRow { faxbox: Some(Num(3)), assignee: Some(Num(4)), ..bare() };
    let facts = fax_facts(&fax);
    assert_eq!(facts.account, Fact::Known(Num(2)));
    assert_eq!(facts.number, Fact::Absent);
    assert_eq!(facts.faxbox, Fact::Known(Num(3)));
    assert_eq!(facts.labels, Fact::Known(Box::default()));
    assert_eq!(facts.participants, Fact::Absent);
    assert_eq!(facts.sources, Fact::Missing);
    let none = FaxRow { attachment_sources: Some(SourceSet::default()), ..bare() };
    assert_eq!(fax_facts(&none).sources, Fact::Known(Box::default()));
    let both = [AttachmentSource::Cloud, AttachmentSource::Library];
    let both = FaxRow { attachment_sources: Some(id::sources(&both)), ..bare() };
    assert_eq!(fax_facts(&both).sources, Fact::Known(vec![Num(2), Num(4)].into()));
}

/// What is known of a fact, whatever its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Missing,
    Absent,
    Known,
}

fn said_of<T>(fact: &Fact<T>) -> Said {
    match fact {
        Fact::Missing => Said::Missing,
        Fact::Absent => Said::Absent,
        Fact::Known(_) => Said::Known,
    }
}

fn said(facts: &ResourceFacts, name: FactName) -> Said {
    match name {
        FactName::Account => said_of(&facts.account),
        FactName::Creator => said_of(&facts.creator),
        FactName::Participant => said_of(&facts.participants),
        FactName::Assignee => said_of(&facts.assignee),
        FactName::Faxbox => said_of(&facts.faxbox),
        FactName::Number => said_of(&facts.number),
        FactName::Extension => said_of(&facts.extension),
        FactName::Queue => said_of(&facts.queue),
        FactName::Label => said_of(&facts.labels),
        FactName::Group => said_of(&facts.group),
        FactName::Direction => said_of(&facts.direction),
        FactName::State => said_of(&facts.state),
        FactName::FormType => said_of(&facts.form_type),
        FactName::DocumentType => said_of(&facts.document_type),
        FactName::Template => said_of(&facts.template),
        FactName::Source => said_of(&facts.sources),
    }
}

/// Facts of a thing with everything, and of one with as little as a store can hold.
fn full_and_empty(stored: StoredType) -> [ResourceFacts; 2] {
    let one = Some(Num(5));
    let of = |kind| {
        let full = object_facts(&object(7, kind, "x", Some(1), "{}"), one, one);
        [full, object_facts(&object(7, kind, "x", None, "{}"), None, None)]
    };
    match stored {
        StoredType::Account => of(ObjectKind::Account),
        StoredType::Member => of(ObjectKind::Member),
        StoredType::Group => of(ObjectKind::Group),
        StoredType::Number => of(ObjectKind::Number),
        StoredType::Extension => of(ObjectKind::Extension),
        StoredType::Queue => of(ObjectKind::Queue),
        StoredType::Faxbox => of(ObjectKind::Faxbox),
        StoredType::Fax => {
            let attachment_sources = Some(SourceSet::default());
            let full = FaxRow {
                number: one,
                faxbox: one,
                creator: one,
                assignee: one,
                attachment_sources,
                ..bare()
            };
            [fax_facts(&full), fax_facts(&bare())]
        }
    }
}

/// Facts that a stored thing may be known not to have. An account of its own it always has; a row
/// without one is a broken row, and lies nowhere.
const MAY_BE_NONE: [(StoredType, FactName); 12] = [
    (StoredType::Member, FactName::Account),
    (StoredType::Member, FactName::Creator),
    (StoredType::Group, FactName::Account),
    (StoredType::Number, FactName::Account),
    (StoredType::Number, FactName::Faxbox),
    (StoredType::Extension, FactName::Account),
    (StoredType::Queue, FactName::Account),
    (StoredType::Faxbox, FactName::Account),
    (StoredType::Fax, FactName::Number),
    (StoredType::Fax, FactName::Faxbox),
    (StoredType::Fax, FactName::Creator),
    (StoredType::Fax, FactName::Assignee),
];

/// Rulings R31: every declared fact of what is stored is the store's, or the question's to bring.
/// One that neither holds would be absent by oversight, and an absent fact restricts nothing.
#[test]
fn every_declared_fact_of_what_is_stored_is_held_or_can_be_brought() {
    for (_, def) in built_in_vocabulary().resources() {
        let Some(stored) = def.stored else { continue };
        let [full, empty] = full_and_empty(stored);
        for (name, word) in FactName::ALL {
            let what = format!("`{word}` of a {}", def.name);
            if !def.facts.contains(&name) {
                assert!(!stored.may_lack(name), "{what} is not declared, and may be brought");
                continue;
            }
            assert_eq!(said(&full, name), Said::Known, "{what} is not held");
            let expected = match (stored.may_lack(name), MAY_BE_NONE.contains(&(stored, name))) {
                (true, _) => Said::Missing,
                (false, true) => Said::Absent,
                (false, false) => Said::Known,
            };
            assert_eq!(said(&empty, name), expected, "{what} where nothing is known");
        }
    }
}

#[test]
fn each_kind_of_thing_is_known_by_its_own_facts() {
    let of = |kind| object_facts(&object(7, kind, "x", Some(1), "{}"), Some(Num(5)), Some(Num(6)));
    let itself = || Fact::Known(Num(7));
    let in_account = || ResourceFacts { account: Fact::Known(Num(1)), ..ResourceFacts::nowhere() };
    let account = ResourceFacts { account: itself(), ..in_account() };
    assert_eq!(of(ObjectKind::Account), account);
    let member = ResourceFacts { creator: Fact::Known(Num(6)), ..in_account() };
    assert_eq!(of(ObjectKind::Member), member);
    let number = ResourceFacts { number: itself(), faxbox: Fact::Known(Num(5)), ..in_account() };
    assert_eq!(of(ObjectKind::Number), number);
    assert_eq!(of(ObjectKind::Group), ResourceFacts { group: itself(), ..in_account() });
    assert_eq!(of(ObjectKind::Extension), ResourceFacts { extension: itself(), ..in_account() });
    assert_eq!(of(ObjectKind::Queue), ResourceFacts { queue: itself(), ..in_account() });
    assert_eq!(of(ObjectKind::Faxbox), ResourceFacts { faxbox: itself(), ..in_account() });
}

#[test]
fn an_authority_hangs_on_the_subjects_whose_memberships_may_decide() {
    let mut rows = rows();
    let body = r#"{"status":"invited"}"#;
    rows.objects.push(object(5, ObjectKind::Member, "user:bob", Some(1), body));
    rows.objects.push(object(6, ObjectKind::Subject, "user:bob", None, "{}"));
    rows.links.push(Link { kind: LinkKind::Delegation, a: Num(5), b: Num(2) });
    let concerns = of_member_rows(&rows).expect("a subject that is known");
    for concern in [
        Concern::Subject(Num(2)),
        Concern::Subject(Num(6)),
        Concern::Member(Num(3)),
        Concern::Member(Num(5)),
        Concern::Account(Num(1)),
    ] {
        assert!(concerns.contains(&concern), "{concern:?}");
    }
    // One that comes, anywhere, concerns its subject.
    let new = object(9, ObjectKind::Member, "user:bob", Some(8), body);
    let raised = of_object(None, Some(&new));
    assert!(raised.contains(&Concerned::SubjectOf("user:bob".into())), "{raised:?}");
}

#[test]
fn where_a_group_or_a_faxbox_lies_concerns_everybody() {
    for kind in [ObjectKind::Group, ObjectKind::Faxbox] {
        let (here, there) =
            (object(7, kind, "x", Some(1), "{}"), object(7, kind, "x", Some(2), "{}"));
        let moved = of_object(Some(&here), Some(&there));
        assert!(moved.contains(&Concern::Tenant.into()), "{moved:?}");
        let stays = of_object(Some(&here), Some(&here));
        assert!(!stays.contains(&Concern::Tenant.into()), "{stays:?}");
    }
}
