//! What is said about owners, receivers and denials that a change takes away.

use lineguard_core::change::{Applied, Change, NewFax, NumberTarget, OverrideValue, UserOrGroup};
use lineguard_core::facts::MemberStatus;
use lineguard_core::id::AccountId;
use lineguard_core::port::Store;

use super::{Shown, acme, apply, behaviours, same};
use crate::ids as id;
use crate::world::{NOW, World, received, world};

behaviours! {
    the_loss_of_a_last_owner_is_told,
    faxes_that_stay_assigned_are_told,
    a_number_that_reaches_nobody_is_told,
    denials_that_other_roles_clear_are_told,
}

const ONE: &str = "+15550100100";
const TWO: &str = "+15550100101";

fn root() -> AccountId {
    id::account("root")
}

fn office() -> World {
    world("acme").account("root")
}

fn remove(user: &str) -> Change {
    Change::RemoveMember { account: root(), subject: id::user(user) }
}

fn add(user: &str) -> Change {
    let (account, subject, status) = (root(), id::user(user), MemberStatus::Active);
    Change::AddMember { account, subject, status, roles: None }
}

fn owns_faxbox(user: &str, faxbox: &str, owner: bool) -> Change {
    Change::SetFaxboxOwner { faxbox: id::faxbox(faxbox), subject: id::user(user), owner }
}

fn owns_group(user: &str, group: &str, owner: bool) -> Change {
    Change::SetGroupOwner { group: id::group(group), subject: id::user(user), owner }
}

fn texts(applied: &Applied) -> Vec<(usize, &str)> {
    applied.warnings.iter().map(|warning| (warning.change, warning.text.as_str())).collect()
}

async fn the_loss_of_a_last_owner_is_told(store: &dyn Store) -> Shown {
    let mut told = office().member("ada").member("bob").faxbox("box").group("team", &[]);
    for one in 0..7 {
        told = told.faxbox(&format!("f{one}")).change(owns_faxbox("ada", &format!("f{one}"), true));
    }
    let told = told.change(owns_faxbox("ada", "box", true)).change(owns_faxbox("bob", "box", true));
    told.change(owns_group("bob", "team", true)).build(store).await;

    let done = apply(store, "one of two", vec![owns_faxbox("ada", "box", false)]).await?;
    same(texts(&done), vec![])?;
    let off = vec![owns_group("bob", "team", false), owns_faxbox("bob", "box", false)];
    let nobody =
        vec![(0, "nobody owns the group `team` now"), (1, "nobody owns the faxbox `box` now")];
    same(texts(&apply(store, "last", off.clone()).await?), nobody)?;
    // What was so already, or is handed over in the same batch, is no loss.
    same(texts(&apply(store, "again", off).await?), vec![])?;
    let handed = vec![owns_faxbox("ada", "f6", false), owns_faxbox("bob", "f6", true)];
    same(texts(&apply(store, "handed", handed).await?), vec![])?;
    let gone = "nobody owns the faxboxes `f0`, `f1`, `f2`, `f3`, `f4` and 1 more now";
    same(texts(&apply(store, "gone", vec![add("eve"), remove("ada")]).await?), vec![(1, gone)])
}

async fn faxes_that_stay_assigned_are_told(store: &dyn Store) -> Shown {
    let told = office().member("ada").member("bob").below("root", "below").member("ada");
    told.enter("root")
        .fax(received("a", "root", 0))
        .fax(received("b", "root", 1))
        .fax(received("c", "below", 2))
        .build(store)
        .await;
    let assign = |fax: &str, user: Option<&str>| Change::AssignFax {
        fax: id::fax(fax),
        assignee: user.map(|user| UserOrGroup::User(id::user(user))),
    };
    let to_ada = ["a", "b", "c"].map(|fax| assign(fax, Some("ada")));
    apply(store, "assigned", to_ada.to_vec()).await?;
    let two = "2 faxes stay assigned to the member who was removed";
    same(texts(&apply(store, "gone", vec![remove("ada")]).await?), vec![(0, two)])?;

    apply(store, "bob's", vec![assign("a", Some("bob"))]).await?;
    let taken = vec![remove("bob"), assign("a", None)];
    same(texts(&apply(store, "taken", taken).await?), vec![])?;

    apply(store, "busy", vec![add("eve")]).await?;
    let faxes: Vec<NewFax> = (0..1_001).map(|n| received(&format!("n{n}"), "root", n)).collect();
    store.register(&acme(), &faxes, NOW).await?;
    let all = faxes.iter().map(|fax| assign(fax.fax.as_str(), Some("eve"))).collect();
    apply(store, "all", all).await?;
    let many = "at least 1000 faxes stay assigned to the member who was removed";
    same(texts(&apply(store, "many", vec![remove("eve")]).await?), vec![(0, many)])
}

async fn a_number_that_reaches_nobody_is_told(store: &dyn Store) -> Shown {
    let to_team = Change::SetNumberTarget {
        number: id::number(TWO),
        target: NumberTarget::Group(id::group("team")),
        on: true,
    };
    let told = office().number(ONE).number(TWO).member("ada").auto_assign(&[ONE]).member("bob");
    let told = told.group("team", &[]).in_group("bob", "team").in_group("ada", "team");
    told.change(to_team).build(store).await;
    let one = "the faxes of a number reach nobody now";
    same(texts(&apply(store, "gone", vec![remove("ada")]).await?), vec![(0, one)])?;
    let out = Change::SetGroupMember {
        group: id::group("team"),
        subject: id::user("bob"),
        member: false,
    };
    same(texts(&apply(store, "out", vec![out]).await?), vec![(0, one)])?;
    // Nothing arrives on an inactive number.
    let back =
        Change::SetGroupMember { group: id::group("team"), subject: id::user("bob"), member: true };
    let off = Change::SetNumberActive { number: id::number(TWO), active: false };
    apply(store, "off", vec![back, off]).await?;
    same(texts(&apply(store, "bob", vec![remove("bob")]).await?), vec![])
}

async fn denials_that_other_roles_clear_are_told(store: &dyn Store) -> Shown {
    let over = |permission: &str, value| Change::SetOverride {
        account: root(),
        subject: id::user("ada"),
        permission: id::key(permission),
        value,
    };
    let roles = |roles: &[&str], keep_overrides| Change::SetRoles {
        account: root(),
        subject: id::user("ada"),
        roles: id::keys(roles),
        keep_overrides,
    };
    let told = office().member("ada").change(over("send", OverrideValue::Off));
    let told = told.change(over("forms", OverrideValue::Off));
    told.change(over("view", OverrideValue::On)).build(store).await;
    let kept = vec![roles(&["admin"], true), roles(&["admin"], false)];
    same(texts(&apply(store, "kept", kept).await?), vec![])?;
    let said = vec![roles(&["user"], false), over("send", OverrideValue::Off)];
    let forms = "the member is no longer denied `forms`";
    same(texts(&apply(store, "said", said).await?), vec![(0, forms)])?;
    let send = "the member is no longer denied `send`";
    let gone = vec![roles(&["admin"], false)];
    same(texts(&apply(store, "gone", gone).await?), vec![(0, send)])?;
    same(texts(&apply(store, "none", vec![roles(&["user"], false)]).await?), vec![])
}
