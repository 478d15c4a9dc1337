//! What an exception takes out is not given back by a suspension (rulings R33): a group, faxbox or
//! delegation that hangs on a suspended membership gives nothing, and still takes.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "all of this is a test, also outside of its test functions"
)]

use lineguard_core::assemble::{fax_facts, member_facts};
use lineguard_core::change::{Change, NewFax};
use lineguard_core::decision::Reason;
use lineguard_core::engine::{compile, decide};
use lineguard_core::facts::MemberStatus;
use lineguard_core::model::{built_in_vocabulary, parse};
use lineguard_core::port::Store as _;
use lineguard_core::request::{Context, Question};
use lineguard_testkit::memory::MemoryStore;
use lineguard_testkit::naive::{self, Answer};
use lineguard_testkit::world::{NOW, World, batch, received, world};
use lineguard_testkit::{block_on, ids};

/// Readers see every fax but those that the exception takes out.
fn model(except: &str) -> String {
    format!(
        r#"
format = 1
name = "all-but"
title = "All but"
summary = "For tests of exceptions."

[tree]
sub_accounts = true

[[permission]]
key = "read"
title = "Read faxes"
category = "Faxes"
actions = ["fax.view"]
except = ["{except}"]

[[role]]
key = "reader"
title = "Reader"
permissions = ["read"]

[[role]]
key = "nobody"
title = "Nobody"
permissions = []
"#
    )
}

/// What a membership is changed to.
#[derive(Clone, Copy)]
enum Then {
    Nothing,
    Suspended,
    Removed,
}

/// One exception, and the membership that decides about what it compares with.
struct Case {
    except: &'static str,
    /// Whose membership changes, and where.
    whose: (&'static str, &'static str),
    /// From which account ann asks.
    acting: &'static str,
    world: fn(World) -> World,
    /// The fax, of the account `kid`.
    fax: fn(NewFax) -> NewFax,
}

/// `top`, `mid` and `kid`, one below the other, with ann as a member of all but the last.
fn tree(except: &str) -> World {
    world("t1")
        .model(&model(except))
        .account("top")
        .member("ann")
        .role("reader")
        .below("top", "mid")
        .member("ann")
        .role("nobody")
        .below("mid", "kid")
        .faxbox("box")
}

fn in_box(fax: NewFax) -> NewFax {
    NewFax { faxbox: Some(ids::faxbox("box")), ..fax }
}

fn unverified(account: &str, user: &str) -> Change {
    let (account, subject) = (ids::account(account), ids::user(user));
    Change::SetMemberStatus { account, subject, status: MemberStatus::Unverified }
}

fn cases() -> [Case; 5] {
    [
        Case {
            except: "faxbox_member",
            whose: ("ann", "mid"),
            acting: "top",
            world: |world| world.join("ann", "box"),
            fax: in_box,
        },
        // The group's membership is active, the faxbox's is not.
        Case {
            except: "faxbox_member",
            whose: ("ann", "kid"),
            acting: "top",
            world: |world| {
                let world = world.member("ann").role("nobody").enter("top").group("team", &[]);
                world.in_group("ann", "team").join_group("team", "box")
            },
            fax: in_box,
        },
        Case {
            except: "owned_faxbox",
            whose: ("ann", "mid"),
            acting: "top",
            world: |world| {
                let (faxbox, subject) = (ids::faxbox("box"), ids::user("ann"));
                let world = world.member("ann").role("nobody");
                let owner = Change::SetFaxboxOwner { faxbox, subject, owner: true };
                world.change(owner).change(unverified("kid", "ann"))
            },
            fax: in_box,
        },
        Case {
            except: "supervised",
            whose: ("ann", "mid"),
            acting: "top",
            world: |world| {
                let world = world.member("bob").role("nobody").member("ann").role("nobody");
                let world = world.group("team", &[]).in_group("bob", "team");
                let (group, subject) = (ids::group("team"), ids::user("ann"));
                let owner = Change::SetGroupOwner { group, subject, owner: true };
                world.change(owner).change(unverified("kid", "ann"))
            },
            fax: |fax| NewFax { creator: Some(ids::user("bob")), ..fax },
        },
        // Whoever delegated is suspended, and ann asks.
        Case {
            except: "delegated",
            whose: ("bob", "mid"),
            acting: "kid",
            world: |world| {
                let world = world.member("ann").role("reader").member("bob").role("nobody");
                let world = world.enter("mid").member("bob").role("nobody");
                let world = world.enter("top").member("bob").role("nobody");
                let (account, on) = (ids::account("kid"), true);
                let (from, to) = (ids::user("bob"), ids::user("ann"));
                let delegation = Change::SetDelegation { account, from, to, on };
                world.change(delegation).change(unverified("kid", "bob"))
            },
            fax: |fax| NewFax { creator: Some(ids::user("bob")), ..fax },
        },
    ]
}

/// What the engine says, and what the second evaluator.
async fn asked(case: &Case, then: Then) -> (Reason, Answer) {
    let vocabulary = built_in_vocabulary();
    let model = parse(&model(case.except), vocabulary);
    let model = model.unwrap_or_else(|faults| panic!("{faults:?}"));
    let store = MemoryStore::new();
    let told = (case.world)(tree(case.except));
    let built = told.fax((case.fax)(received("f1", "kid", 0))).build(&store).await;
    let (account, subject) = (ids::account(case.whose.1), ids::user(case.whose.0));
    let change = match then {
        Then::Nothing => None,
        Then::Suspended => {
            let status = MemberStatus::Suspended;
            Some(Change::SetMemberStatus { account, subject, status })
        }
        Then::Removed => Some(Change::RemoveMember { account, subject }),
    };
    let change = batch("t1", "then", change.into_iter().collect());
    store.apply(&change, NOW).await.expect("a member can be suspended and removed");
    let mut reader = store.snapshot(&built.tenant).await.expect("a snapshot").expect("the tenant");
    let rows = reader.member_rows(&ids::account(case.acting), &ids::user("ann")).await;
    let facts = member_facts(&rows.expect("memory answers").expect("the account"));
    let facts = facts.expect("rows that were written parse").expect("the account");
    let authority = compile(&model, vocabulary, &facts).expect("keys are known");
    let question = Question {
        action: vocabulary.action("fax.view").expect("an action"),
        names_stored_resource: true,
        resource: fax_facts(built.faxes.first().expect("the fax")),
        target: None,
        sent_from: None,
        conferred: None,
        context: Context::default(),
    };
    let dump = store.dump(&built.tenant).expect("the tenant");
    let rows = naive::World::read(&dump, &model, vocabulary).expect("rows that were written parse");
    let second = naive::check(&rows, "user:ann", case.acting, &question);
    (decide(&model, vocabulary, &authority, &question).expect("nothing is missing").reason, second)
}

#[test]
fn r33_an_exception_takes_out_no_less_while_a_membership_is_suspended() {
    let mut wrong = Vec::new();
    for (at, case) in cases().iter().enumerate() {
        let ask = |then| block_on(asked(case, then));
        let reasons = [ask(Then::Nothing), ask(Then::Suspended), ask(Then::Removed)];
        if reasons.iter().any(|one| *one != (Reason::OutOfReach, Answer::Deny)) {
            let (who, at_account) = case.whose;
            wrong.push(format!(
                "case {at}, except {:?}: before, with {who} suspended at {at_account}, with them \
                 removed: {reasons:?}",
                case.except
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
