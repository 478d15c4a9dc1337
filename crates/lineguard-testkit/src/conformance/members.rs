//! The rows about one subject at one acting account, and what is made of them.

use std::collections::{BTreeMap, BTreeSet};

use lineguard_core::assemble::member_facts;
use lineguard_core::change::{
    AttachmentSource, Change, ListValue, MemberList, NumberList, OverrideValue,
};
use lineguard_core::facts::{
    GrantList, ListOf, MemberFacts, MemberStatus, Override, RoleDefinition, SupervisedBelow,
};
use lineguard_core::id::Num;
use lineguard_core::model::{RestrictionList, ScopeKind};
use lineguard_core::port::{Home, MemberRows, Store};
use lineguard_core::row::{LinkKind, ObjectKind};
use lineguard_core::vocabulary::SendChannel;

use super::{Failure, Shown, apply, behaviours, holds, num, reader, same};
use crate::ids as id;
use crate::world::{World, world};

behaviours![
    rows_of_an_unknown_account_are_none,
    rows_of_an_unknown_subject_have_the_tree_only,
    rows_come_without_repeats,
    rows_are_of_one_subject,
    rows_carry_the_revision_of_their_snapshot,
    the_path_leads_up_to_the_root,
    accounts_below_come_parents_first,
    accounts_beside_the_path_stay_out,
    memberships_are_those_of_the_path,
    a_removed_member_is_still_told,
    lists_keep_their_three_states,
    overrides_and_switches_are_kept,
    roles_are_those_of_the_path,
    groups_are_those_of_the_path,
    faxboxes_come_directly_and_through_groups,
    owners_own_and_supervise,
    delegation_counts_at_the_acting_account,
    homes_lead_from_things_to_the_root,
    standings_are_what_decides_besides_the_path,
    what_hangs_on_a_suspended_membership_is_left_out,
    who_is_supervised_below_is_told_with_the_account,
    set_up_is_read_level_by_level,
];

const NUMBERS: [&str; 2] = ["+15550100100", "+15550100101"];

/// root > branch > leaf, and side below root.
fn tree() -> World {
    world("acme").account("root").account("branch").below("branch", "leaf").account("side")
}

async fn rows(store: &dyn Store, account: &str, user: &str) -> Result<MemberRows, Failure> {
    let mut reader = reader(store, "acme").await?;
    let rows = reader.member_rows(&id::account(account), &id::user(user)).await?;
    rows.ok_or_else(|| Failure(format!("no account `{account}`")))
}

async fn facts(store: &dyn Store, account: &str, user: &str) -> Result<MemberFacts, Failure> {
    let facts = member_facts(&rows(store, account, user).await?)?;
    facts.ok_or_else(|| Failure("no facts".to_owned()))
}

async fn account(store: &dyn Store, id: &str) -> Result<Num, Failure> {
    num(store, ObjectKind::Account, id).await
}

async fn subject(store: &dyn Store, id: &str) -> Result<Num, Failure> {
    num(store, ObjectKind::Subject, &format!("user:{id}")).await
}

async fn rows_of_an_unknown_account_are_none(store: &dyn Store) -> Shown {
    world("acme").account("root").member("ada").build(store).await;
    let mut reader = reader(store, "acme").await?;
    same(reader.member_rows(&id::account("none"), &id::user("ada")).await?, None)
}

async fn rows_of_an_unknown_subject_have_the_tree_only(store: &dyn Store) -> Shown {
    tree().enter("root").member("ada").group("g", &[]).in_group("ada", "g").build(store).await;
    let rows = rows(store, "branch", "nobody").await?;
    same(rows.subject, None)?;
    same(rows.links.len(), 0)?;
    same(rows.objects.len(), 3)?;
    let facts = facts(store, "branch", "nobody").await?;
    same(facts.subject, Num::UNKNOWN)?;
    holds(facts.path.iter().all(|level| level.membership.is_none()), "a membership of nobody")
}

/// Somebody with everything twice over: in groups of two accounts that share a faxbox.
fn tangled() -> World {
    tree()
        .enter("root")
        .number(NUMBERS[0])
        .faxbox("box")
        .group("g", &["admin"])
        .member("ada")
        .access(&[NUMBERS[0]])
        .member("bob")
        .in_group("ada", "g")
        .in_group("bob", "g")
        .join("ada", "box")
        .join_group("g", "box")
        .change(Change::SetGroupOwner {
            group: id::group("g"),
            subject: id::user("ada"),
            owner: true,
        })
        .enter("branch")
        .member("ada")
        .granted(&[NUMBERS[0]])
        .group("h", &[])
        .in_group("ada", "h")
}

async fn rows_come_without_repeats(store: &dyn Store) -> Shown {
    tangled().build(store).await;
    let rows = rows(store, "branch", "ada").await?;
    let nums: BTreeSet<Num> = rows.objects.iter().map(|object| object.num).collect();
    same(nums.len(), rows.objects.len())?;
    let links: BTreeSet<_> = rows.links.iter().collect();
    same(links.len(), rows.links.len())
}

async fn rows_are_of_one_subject(store: &dyn Store) -> Shown {
    tangled().build(store).await;
    let rows = rows(store, "branch", "ada").await?;
    let mut kinds: Vec<(&str, &str)> =
        rows.objects.iter().map(|object| (object.kind.as_str(), object.id.as_str())).collect();
    kinds.sort();
    let expected = vec![
        ("account", "branch"),
        ("account", "leaf"),
        ("account", "root"),
        ("group", "g"),
        ("group", "h"),
        ("member", "user:ada"),
        ("member", "user:ada"),
        ("subject", "user:ada"),
    ];
    same(kinds, expected)?;
    let mut links: Vec<LinkKind> = rows.links.iter().map(|link| link.kind).collect();
    links.sort();
    let expected = vec![
        LinkKind::GroupMember, // ada in g
        LinkKind::GroupMember, // bob in g, which ada owns
        LinkKind::GroupMember, // ada in h
        LinkKind::GroupOwner,
        LinkKind::FaxboxUser,
        LinkKind::FaxboxGroup,
        LinkKind::AccessNumber,
        LinkKind::GrantedNumber,
    ];
    same(links, expected)
}

async fn rows_carry_the_revision_of_their_snapshot(store: &dyn Store) -> Shown {
    let built = world("acme").account("root").member("ada").build(store).await;
    same(rows(store, "root", "ada").await?.tenant.revision, built.revision)?;
    let seal = Change::SetSealed { account: id::account("root"), sealed: true };
    let applied = apply(store, "seal", vec![seal]).await?;
    same(rows(store, "root", "ada").await?.tenant.revision, applied.revision)?;
    same(facts(store, "root", "ada").await?.revision, applied.revision)
}

async fn the_path_leads_up_to_the_root(store: &dyn Store) -> Shown {
    tree().build(store).await;
    let (root, branch) = (account(store, "root").await?, account(store, "branch").await?);
    let leaf = account(store, "leaf").await?;
    same(rows(store, "leaf", "ada").await?.path, vec![leaf, branch, root])?;
    same(rows(store, "root", "ada").await?.path, vec![root])
}

async fn accounts_below_come_parents_first(store: &dyn Store) -> Shown {
    tree().build(store).await;
    let below = facts(store, "root", "ada").await?.below;
    same(below.len(), 3)?;
    let root = account(store, "root").await?;
    let mut seen = BTreeSet::from([root]);
    for one in &below {
        holds(seen.contains(&one.parent), "a child before its parent")?;
        seen.insert(one.account);
    }
    same(facts(store, "leaf", "ada").await?.below, Vec::new())
}

async fn accounts_beside_the_path_stay_out(store: &dyn Store) -> Shown {
    tree().build(store).await;
    let rows = rows(store, "branch", "ada").await?;
    let side = account(store, "side").await?;
    holds(rows.objects.iter().all(|object| object.num != side), "an account from beside")?;
    let below = facts(store, "branch", "ada").await?.below;
    same(below.iter().map(|one| one.account).collect(), vec![account(store, "leaf").await?])
}

async fn memberships_are_those_of_the_path(store: &dyn Store) -> Shown {
    tree()
        .enter("root")
        .member("ada")
        .role("admin")
        .enter("side")
        .member("ada")
        .enter("leaf")
        .member("ada")
        .status(MemberStatus::Invited)
        .build(store)
        .await;
    let facts = facts(store, "branch", "ada").await?;
    let roles: Vec<_> = facts.path.iter().map(|level| level.membership.as_ref()).collect();
    let [None, Some(at_root)] = roles.as_slice() else {
        return Err(Failure(format!("memberships: {roles:?}")));
    };
    same((at_root.status, at_root.roles.clone()), (MemberStatus::Active, id::keys(&["admin"])))?;
    same(facts.subject, subject(store, "ada").await?)?;
    let facts = self::facts(store, "leaf", "ada").await?;
    let status = facts.path.first().and_then(|level| level.membership.as_ref());
    same(status.map(|member| member.status), Some(MemberStatus::Invited))
}

async fn a_removed_member_is_still_told(store: &dyn Store) -> Shown {
    world("acme").account("root").member("ada").build(store).await;
    let (account, subject) = (id::account("root"), id::user("ada"));
    apply(store, "remove", vec![Change::RemoveMember { account, subject }]).await?;
    let facts = facts(store, "root", "ada").await?;
    let membership = facts.path.first().and_then(|level| level.membership.as_ref());
    same(membership.map(|member| member.status), Some(MemberStatus::Removed))
}

async fn lists_keep_their_three_states(store: &dyn Store) -> Shown {
    let these = |numbers: &[&str]| ListValue::These(id::numbers(numbers));
    world("acme")
        .account("root")
        .number(NUMBERS[0])
        .number(NUMBERS[1])
        .member("ada")
        .access(&[NUMBERS[1], NUMBERS[0], NUMBERS[1]])
        .list(MemberList::Numbers(NumberList::Granted, ListValue::All))
        .list(MemberList::SendFrom(SendChannel::Fax, these(&[])))
        .list(MemberList::SendFrom(SendChannel::Call, ListValue::All))
        .list(MemberList::AttachmentSources(ListValue::These(vec![AttachmentSource::Cloud])))
        .list(MemberList::Labels(ListValue::These(vec![id::external("vip")])))
        .build(store)
        .await;
    let mut numbers = Vec::new();
    for number in NUMBERS {
        numbers.push(num(store, ObjectKind::Number, number).await?);
    }
    numbers.sort();
    let label = num(store, ObjectKind::Label, "vip").await?;
    let facts = facts(store, "root", "ada").await?;
    let member = facts.path.first().and_then(|level| level.membership.as_ref());
    let member = member.ok_or_else(|| Failure("no membership".to_owned()))?;
    let lists = BTreeMap::from([
        (GrantList::AccessNumbers, ListOf::These(numbers)),
        (GrantList::GrantedNumbers, ListOf::All),
        (GrantList::Labels, ListOf::These(vec![label])),
    ]);
    same(member.lists.clone(), lists)?;
    let cloud = AttachmentSource::Cloud.num();
    let restrictions = BTreeMap::from([
        (RestrictionList::SendFrom(SendChannel::Fax), ListOf::These(Vec::new())),
        (RestrictionList::SendFrom(SendChannel::Call), ListOf::All),
        (RestrictionList::AttachmentSources, ListOf::These(vec![cloud])),
    ]);
    same(member.restrictions.clone(), restrictions)
}

async fn overrides_and_switches_are_kept(store: &dyn Store) -> Shown {
    let (account, subject) = (id::account("root"), id::user("ada"));
    let set = |permission: &str, value| Change::SetOverride {
        account: account.clone(),
        subject: subject.clone(),
        permission: id::key(permission),
        value,
    };
    let scoped =
        |kind, value: &str| OverrideValue::Scoped(BTreeMap::from([(kind, vec![value.to_owned()])]));
    let product = id::key("fax");
    let switch = Change::SetSwitch {
        account: account.clone(),
        subject: subject.clone(),
        product,
        on: Some(false),
    };
    world("acme")
        .account("root")
        .number(NUMBERS[0])
        .member("ada")
        .change(set("send", scoped(ScopeKind::Number, NUMBERS[0])))
        .change(set("forms", scoped(ScopeKind::FormType, "invoice")))
        .change(set("view", OverrideValue::Off))
        .change(switch)
        .build(store)
        .await;
    let number = num(store, ObjectKind::Number, NUMBERS[0]).await?;
    let form = num(store, ObjectKind::FormType, "invoice").await?;
    let facts = facts(store, "root", "ada").await?;
    let member = facts.path.first().and_then(|level| level.membership.as_ref());
    let member = member.ok_or_else(|| Failure("no membership".to_owned()))?;
    let scoped = |kind, num| Override::Scoped(BTreeMap::from([(kind, vec![num])]));
    let overrides = BTreeMap::from([
        (id::key("send"), scoped(ScopeKind::Number, number)),
        (id::key("forms"), scoped(ScopeKind::FormType, form)),
        (id::key("view"), Override::Off),
    ]);
    same(member.overrides.clone(), overrides)?;
    same(member.switches.clone(), BTreeMap::from([(id::key("fax"), false)]))
}

fn role(account: &str, role: &str) -> Change {
    Change::AddRole {
        account: id::account(account),
        role: id::key(role),
        title: role.to_owned(),
        permissions: id::keys(&["send"]),
        visibility: None,
    }
}

async fn roles_are_those_of_the_path(store: &dyn Store) -> Shown {
    let adjust = Change::AdjustRole {
        account: id::account("branch"),
        role: id::key("user"),
        add: id::keys(&["ai"]),
        remove: id::keys(&["send"]),
        visibility: Some(id::key("all")),
    };
    tree()
        .change(role("root", "clerk"))
        .change(role("side", "elsewhere"))
        .change(role("leaf", "under"))
        .change(adjust)
        .build(store)
        .await;
    let facts = facts(store, "branch", "ada").await?;
    let keys = |roles: &[RoleDefinition]| -> Vec<String> {
        roles.iter().map(|role| role.key().as_str().to_owned()).collect()
    };
    let found: Vec<_> = facts.path.iter().map(|level| keys(&level.roles)).collect();
    same(found, vec![vec!["user".to_owned()], vec!["clerk".to_owned()]])?;
    let adjusted = facts.path.first().and_then(|level| level.roles.first()).cloned();
    let expected = RoleDefinition::Adjusted {
        key: id::key("user"),
        add: id::keys(&["ai"]),
        remove: id::keys(&["send"]),
        visibility: Some(id::key("all")),
    };
    same(adjusted, Some(expected))
}

async fn groups_are_those_of_the_path(store: &dyn Store) -> Shown {
    tree()
        .enter("root")
        .member("ada")
        .group("up", &["admin"])
        .in_group("ada", "up")
        .group("not-in", &[])
        .enter("side")
        .member("ada")
        .group("beside", &[])
        .in_group("ada", "beside")
        .build(store)
        .await;
    let groups = facts(store, "branch", "ada").await?.groups;
    let up = num(store, ObjectKind::Group, "up").await?;
    let found: Vec<_> = groups.iter().map(|one| (one.group, one.roles.clone())).collect();
    same(found, vec![(up, id::keys(&["admin"]))])?;
    let root = account(store, "root").await?;
    same(groups.first().map(|group| group.account), Some(root))
}

async fn faxboxes_come_directly_and_through_groups(store: &dyn Store) -> Shown {
    world("acme")
        .account("root")
        .member("ada")
        .member("bob")
        .faxbox("direct")
        .faxbox("group")
        .faxbox("both")
        .faxbox("none")
        .group("g", &[])
        .in_group("ada", "g")
        .join("ada", "direct")
        .join_group("g", "group")
        .join("ada", "both")
        .join_group("g", "both")
        .join("bob", "none")
        .build(store)
        .await;
    let mut expected = Vec::new();
    for one in ["direct", "group", "both"] {
        expected.push(num(store, ObjectKind::Faxbox, one).await?);
    }
    expected.sort();
    same(facts(store, "root", "ada").await?.faxboxes, expected)
}

async fn owners_own_and_supervise(store: &dyn Store) -> Shown {
    let ada = || id::user("ada");
    let group = id::group("g");
    tree()
        .enter("root")
        .member("ada")
        .member("bob")
        .group("g", &[])
        .in_group("ada", "g")
        .in_group("bob", "g")
        .faxbox("box")
        .change(Change::SetGroupOwner { group, subject: ada(), owner: true })
        .change(Change::SetFaxboxOwner { faxbox: id::faxbox("box"), subject: ada(), owner: true })
        .change(Change::SetAccountOwner {
            account: id::account("root"),
            subject: ada(),
            owner: true,
        })
        .enter("side")
        .member("ada")
        .change(Change::SetAccountOwner {
            account: id::account("side"),
            subject: ada(),
            owner: true,
        })
        .build(store)
        .await;
    let facts = facts(store, "branch", "ada").await?;
    same(facts.owned_accounts, vec![account(store, "root").await?])?;
    same(facts.owned_groups, vec![num(store, ObjectKind::Group, "g").await?])?;
    same(facts.owned_faxboxes, vec![num(store, ObjectKind::Faxbox, "box").await?])?;
    same(facts.faxboxes, Vec::new())?;
    same(facts.supervised, vec![subject(store, "bob").await?])
}

async fn delegation_counts_at_the_acting_account(store: &dyn Store) -> Shown {
    let delegate = |account: &str, from: &str| Change::SetDelegation {
        account: id::account(account),
        from: id::user(from),
        to: id::user("ada"),
        on: true,
    };
    world("acme")
        .account("root")
        .member("ada")
        .member("bob")
        .account("branch")
        .member("ada")
        .member("cleo")
        .change(delegate("root", "bob"))
        .change(delegate("branch", "cleo"))
        .build(store)
        .await;
    same(facts(store, "root", "ada").await?.delegators, vec![subject(store, "bob").await?])?;
    let at_branch = facts(store, "branch", "ada").await?;
    same(at_branch.delegators, vec![subject(store, "cleo").await?])?;
    let members = at_branch.path.iter().filter_map(|level| level.membership.as_ref());
    same(members.count(), 2)?;
    same(facts(store, "root", "bob").await?.delegators, Vec::new())
}

async fn set_up_is_read_level_by_level(store: &dyn Store) -> Shown {
    let account = || id::account("branch");
    let root = id::account("root");
    tree()
        .change(Change::SetFlag { account: root, flag: id::key("editing"), on: Some(false) })
        .change(Change::SetEntitlement {
            account: account(),
            product: id::key("fax"),
            entitled: Some(false),
        })
        .change(Change::SetSetting {
            account: account(),
            setting: id::key("approval"),
            on: Some(true),
        })
        .change(Change::SetSealed { account: account(), sealed: true })
        .build(store)
        .await;
    let facts = facts(store, "branch", "ada").await?;
    let [branch, root] = facts.path.as_slice() else {
        return Err(Failure("the path has two levels".to_owned()));
    };
    same((branch.sealed, root.sealed), (true, false))?;
    same(branch.setup.entitlements.clone(), BTreeMap::from([(id::key("fax"), false)]))?;
    same(branch.setup.settings.clone(), BTreeMap::from([(id::key("approval"), true)]))?;
    same(branch.setup.flags.clone(), BTreeMap::new())?;
    same(root.setup.flags.clone(), BTreeMap::from([(id::key("editing"), false)]))?;
    let below = self::facts(store, "root", "ada").await?.below;
    same(below.iter().filter(|one| one.sealed).count(), 1)
}

/// [`tree`] with ada in faxboxes of `leaf` (herself) and `side` (by a group of the root), an owner
/// of a group and a faxbox of `side`, and bob of `branch` and the root, who delegated to her.
fn scattered() -> World {
    let (subject, owner) = (id::user("ada"), true);
    tree()
        .enter("root")
        .member("ada")
        .member("bob")
        .group("up", &[])
        .in_group("ada", "up")
        .enter("branch")
        .member("ada")
        .member("bob")
        .change(Change::SetDelegation {
            account: id::account("branch"),
            from: id::user("bob"),
            to: id::user("ada"),
            on: true,
        })
        .enter("leaf")
        .member("ada")
        .faxbox("low")
        .join("ada", "low")
        .enter("side")
        .member("ada")
        .faxbox("shared")
        .join_group("up", "shared")
        .faxbox("own")
        .change(Change::SetFaxboxOwner {
            faxbox: id::faxbox("own"),
            subject: subject.clone(),
            owner,
        })
        .member("cleo")
        .group("team", &[])
        .in_group("cleo", "team")
        .change(Change::SetGroupOwner { group: id::group("team"), subject, owner })
}

async fn homes_lead_from_things_to_the_root(store: &dyn Store) -> Shown {
    scattered().build(store).await;
    let mut homes = rows(store, "branch", "ada").await?.homes;
    homes.sort();
    let root = account(store, "root").await?;
    let branch = account(store, "branch").await?;
    let (leaf, side) = (account(store, "leaf").await?, account(store, "side").await?);
    let mut expected = vec![
        Home { num: root, account: None },
        Home { num: branch, account: Some(root) },
        Home { num: leaf, account: Some(branch) },
        Home { num: side, account: Some(root) },
    ];
    for (kind, thing, of) in [
        (ObjectKind::Faxbox, "low", leaf),
        (ObjectKind::Faxbox, "shared", side),
        (ObjectKind::Faxbox, "own", side),
        (ObjectKind::Group, "team", side),
    ] {
        expected.push(Home { num: num(store, kind, thing).await?, account: Some(of) });
    }
    expected.sort();
    same(homes, expected)?;
    same(rows(store, "branch", "nobody").await?.homes, Vec::new())
}

async fn standings_are_what_decides_besides_the_path(store: &dyn Store) -> Shown {
    scattered().build(store).await;
    let (subject, leaf) = (id::user("ada"), account(store, "leaf").await?);
    let status = MemberStatus::Suspended;
    let suspend = Change::SetMemberStatus { account: id::account("leaf"), subject, status };
    apply(store, "suspend", vec![suspend]).await?;
    let mut standings: Vec<_> = rows(store, "branch", "ada")
        .await?
        .standings
        .into_iter()
        .map(|member| (member.account, member.id, member.kind))
        .collect();
    standings.sort();
    let (root, side) = (account(store, "root").await?, account(store, "side").await?);
    let mut expected: Vec<_> = [(root, "bob"), (leaf, "ada"), (side, "ada")]
        .into_iter()
        .map(|(at, who)| (Some(at), format!("user:{who}"), ObjectKind::Member))
        .collect();
    expected.sort();
    same(standings, expected)?;
    same(rows(store, "root", "bob").await?.standings, Vec::new())
}

async fn what_hangs_on_a_suspended_membership_is_left_out(store: &dyn Store) -> Shown {
    scattered().build(store).await;
    let held = async |when: &str| -> Result<[usize; 6], Failure> {
        let facts = facts(store, "branch", "ada").await?;
        holds(facts.supervised.is_empty(), when)?;
        Ok([
            facts.groups.len(),
            facts.faxboxes.len(),
            facts.owned_faxboxes.len(),
            facts.owned_groups.len(),
            facts.delegators.len(),
            facts.supervised_below.len(),
        ])
    };
    // The team lies beside the branch: nobody in it is supervised from there.
    same(held("at first").await?, [1, 2, 1, 1, 1, 0])?;
    let set = async |account: &str, who: &str, status, request: &str| {
        let (account, subject) = (id::account(account), id::user(who));
        apply(store, request, vec![Change::SetMemberStatus { account, subject, status }]).await
    };
    set("side", "ada", MemberStatus::Suspended, "r1").await?;
    same(held("suspended beside").await?, [1, 1, 0, 0, 1, 0])?;
    set("leaf", "ada", MemberStatus::Suspended, "r2").await?;
    same(held("suspended below").await?, [1, 0, 0, 0, 1, 0])?;
    set("side", "ada", MemberStatus::Active, "r3").await?;
    set("leaf", "ada", MemberStatus::Active, "r4").await?;
    set("root", "ada", MemberStatus::Suspended, "r5").await?;
    same(held("suspended above").await?, [0, 1, 1, 1, 1, 0])?;
    set("branch", "bob", MemberStatus::Suspended, "r6").await?;
    same(held("who delegated").await?, [0, 1, 1, 1, 0, 0])
}

async fn who_is_supervised_below_is_told_with_the_account(store: &dyn Store) -> Shown {
    scattered().build(store).await;
    let cleo = subject(store, "cleo").await?;
    let side = account(store, "side").await?;
    let from_root = facts(store, "root", "ada").await?;
    same(from_root.supervised, Vec::new())?;
    let below = vec![SupervisedBelow { account: side, members: vec![cleo] }];
    same(from_root.supervised_below, below)?;
    let there = facts(store, "side", "ada").await?;
    same((there.supervised, there.supervised_below), (vec![cleo], Vec::new()))
}
