//! Identifiers of new things: seen in full, and remarked on where they look like others.

use lineguard_core::change::{Applied, Change, Import, Part};
use lineguard_core::facts::MemberStatus;
use lineguard_core::id::{AccountId, Timestamp};
use lineguard_core::port::{ApplyError, Store};
use lineguard_core::row::ObjectKind;

use super::{Failure, Shown, acme, apply, behaviours, find, holds, same};
use crate::ids as id;
use crate::world::{NOW, batch, world};

behaviours! {
    new_ids_are_seen_in_full,
    names_of_other_services_are_taken_as_they_are,
    an_import_is_refused_for_what_is_new_in_it,
    what_looks_like_another_is_told,
    members_who_look_like_others_are_told,
}

fn root() -> AccountId {
    id::account("root")
}

fn add_member(user: &str) -> Change {
    let (account, subject, status) = (root(), id::user(user), MemberStatus::Active);
    Change::AddMember { account, subject, status, roles: None }
}

fn add_group(group: &str) -> Change {
    let (group, title) = (id::group(group), String::new());
    Change::AddGroup { account: root(), group, title, roles: Vec::new() }
}

fn add_account(account: &str, owner: Option<&str>) -> Change {
    Change::AddAccount {
        account: id::account(account),
        parent: root(),
        title: String::new(),
        sealed: false,
        owner: owner.map(id::user),
    }
}

fn invite(invitation: &str) -> Change {
    Change::Invite {
        account: root(),
        invitation: id::invitation(invitation),
        roles: None,
        expires_at: Timestamp(NOW.0 + 60_000),
    }
}

/// Where and why a batch was refused.
fn fault<T: std::fmt::Debug>(
    answer: Result<T, ApplyError>,
) -> Result<(usize, &'static str, String), Failure> {
    match answer {
        Err(ApplyError::Invalid(faults)) => match faults.as_slice() {
            [fault] => Ok((fault.change, fault.field, fault.problem.clone())),
            other => Err(Failure(format!("not one fault: {other:?}"))),
        },
        other => Err(Failure(format!("not refused: {other:?}"))),
    }
}

async fn new_ids_are_seen_in_full(store: &dyn Store) -> Shown {
    world("acme").account("root").change(invite("i")).build(store).await;
    for (bad, why) in [
        ("a\u{200b}b", "invisible characters"),
        ("a\u{202e}b", "invisible characters"),
        (" ab", "begin or end with a blank"),
        ("ab\u{a0}", "begin or end with a blank"),
    ] {
        let accept =
            Change::AcceptInvitation { invitation: id::invitation("i"), subject: id::user(bad) };
        let faxbox =
            Change::AddFaxbox { account: root(), faxbox: id::faxbox(bad), title: String::new() };
        let extension = Change::AddExtension { account: root(), extension: id::extension(bad) };
        for (change, field) in [
            (add_member(bad), "subject"),
            (add_account(bad, None), "account"),
            (add_account("new", Some(bad)), "owner"),
            (add_group(bad), "group"),
            (faxbox, "faxbox"),
            (extension, "extension"),
            (Change::AddQueue { account: root(), queue: id::queue(bad) }, "queue"),
            (invite(bad), "invitation"),
            (accept, "subject"),
        ] {
            let (_, found, problem) = fault(apply(store, "refused", vec![change]).await)?;
            same(found, field)?;
            holds(problem.contains(why), &problem)?;
        }
        let tenant = batch(bad, "new", world(bad).account("root").batch().changes);
        same(fault(store.apply(&tenant, NOW).await)?.1, "tenant")?;
        holds(store.snapshot(&id::tenant(bad)).await?.is_none(), "a tenant is left")?;
        let root = batch("other", "new", world("other").account(bad).batch().changes);
        same(fault(store.apply(&root, NOW).await)?.1, "root")?;
    }
    // All that are wrong are told at once.
    let all = vec![add_group("a\u{ad}b"), add_group("fine"), add_member("ada ")];
    match apply(store, "all", all).await {
        Err(ApplyError::Invalid(faults)) => {
            same(faults.iter().map(|fault| fault.change).collect::<Vec<_>>(), vec![0, 2])
        }
        other => Err(Failure(format!("not refused: {other:?}"))),
    }
}

async fn names_of_other_services_are_taken_as_they_are(store: &dyn Store) -> Shown {
    let told = world("acme").account("root").member("ada");
    told.sent("f\u{200b}", "bob ", 0).build(store).await;
    let labels = vec![id::external(" urgent"), id::external("a\u{200d}b")];
    apply(store, "labels", vec![Change::SetFaxLabels { fax: id::fax("f\u{200b}"), labels }])
        .await?;
    // Who has sent a fax is nobody's member for that.
    same(fault(apply(store, "bob", vec![add_member("bob ")]).await)?.1, "subject")
}

async fn an_import_is_refused_for_what_is_new_in_it(store: &dyn Store) -> Shown {
    world("acme").account("root").build(store).await;
    let import = Import {
        tenant: acme(),
        actor: id::service("importer"),
        provisions: true,
        request_id: id::request("one"),
        parts: vec![
            Part { changes: vec![add_group("fine")], faxes: Vec::new() },
            Part { changes: vec![add_group("a\u{feff}")], faxes: Vec::new() },
        ],
    };
    same(fault(store.import(&import, NOW).await)?.1, "group")?;
    holds(find(store, "acme", ObjectKind::Group, "fine").await?.is_none(), "half is applied")
}

fn texts(applied: &Applied) -> Vec<(usize, &str)> {
    applied.warnings.iter().map(|warning| (warning.change, warning.text.as_str())).collect()
}

async fn what_looks_like_another_is_told(store: &dyn Store) -> Shown {
    world("acme").account("root").group("team", &[]).faxbox("inbox").build(store).await;
    let add_faxbox = |faxbox: &str| Change::AddFaxbox {
        account: root(),
        faxbox: id::faxbox(faxbox),
        title: String::new(),
    };
    let add_role = |role: &str| Change::AddRole {
        account: root(),
        role: id::key(role),
        title: String::new(),
        permissions: Vec::new(),
        visibility: None,
    };
    let differs = |kind: &str, id: &str| {
        format!(
            "the {kind}'s id differs from `{id}` only in letter case, width, or characters that \
             look alike"
        )
    };
    let changes = vec![
        add_group("Team"),
        // Cyrillic.
        add_group("t\u{435}\u{430}m"),
        add_group("team-2"),
        // Of another kind.
        add_faxbox("team"),
        add_faxbox("ｉｎｂｏｘ"),
        add_role("tier-1"),
        add_role("tier-l"),
        add_account("north", None),
        add_account("North", None),
    ];
    let done = apply(store, "new", changes.clone()).await?;
    let expected = [
        (0, differs("group", "team")),
        (1, differs("group", "team")),
        (4, differs("faxbox", "inbox")),
        (6, differs("role", "tier-1")),
        (8, differs("account", "north")),
    ];
    let expected = expected.iter().map(|(change, text)| (*change, text.as_str()));
    same(texts(&done), expected.collect())?;
    // What is there is not told again.
    same(texts(&apply(store, "again", changes).await?), Vec::new())
}

async fn members_who_look_like_others_are_told(store: &dyn Store) -> Shown {
    let told = world("acme").account("root").member("ada").member("Bob").member("gone");
    told.account("below").member("eve").build(store).await;
    let gone = Change::RemoveMember { account: root(), subject: id::user("gone") };
    let changes = vec![
        gone,
        add_member("Ada"),
        add_member("bob"),
        // Cyrillic, and wide.
        add_member("\u{430}d\u{430}"),
        add_member("ｂｏｂ"),
        add_member("zoe"),
        // Not of this account, and not there any more.
        add_member("Eve"),
        add_member("Gone"),
    ];
    let told = apply(store, "new", changes.clone()).await?;
    let places: Vec<usize> = told.warnings.iter().map(|warning| warning.change).collect();
    same(places, vec![1, 2, 3, 4])?;
    let text = "the member's id differs from that of another member of the account only in letter \
                case, width, or characters that look alike";
    holds(told.warnings.iter().all(|warning| warning.text == text), "another text")?;
    same(texts(&apply(store, "again", changes).await?), Vec::new())
}
