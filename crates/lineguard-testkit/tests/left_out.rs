//! Left out means unchanged (rulings R40): what an `Add…` of something that exists does, and who
//! comes back by what.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot be set up must fail")]

use lineguard_core::assemble::Dump;
use lineguard_core::change::{
    AccountKind, Applied, Batch, Change, IfExists, ListValue, MemberList, NumberList, UserOrGroup,
};
use lineguard_core::facts::{Capabilities, MemberStatus};
use lineguard_core::id::{Key, ModelDigest, Timestamp};
use lineguard_core::port::{ApplyError, Fault, Store};
use lineguard_core::row::{MemberBody, Object, ObjectKind};
use lineguard_testkit::memory::MemoryStore;
use lineguard_testkit::model::{NARROW, PLAIN};
use lineguard_testkit::world::{NOW, World, batch, world};
use lineguard_testkit::{block_on, ids as id};

const ONE: &str = "+15550100100";

struct Office {
    store: MemoryStore,
    asked: std::cell::Cell<u32>,
}

impl Office {
    fn new(world: World) -> Self {
        let store = MemoryStore::new();
        block_on(world.build(&store));
        Self { store, asked: std::cell::Cell::new(0) }
    }

    fn ask(&self, if_exists: IfExists, changes: &[Change]) -> Result<Applied, ApplyError> {
        self.asked.set(self.asked.get() + 1);
        let name = format!("asked-{}", self.asked.get());
        let asked = Batch { if_exists, ..batch("acme", &name, changes.to_vec()) };
        block_on(self.store.apply(&asked, NOW))
    }

    /// An import of these changes.
    #[track_caller]
    fn kept(&self, changes: &[Change]) -> Applied {
        self.ask(IfExists::Keep, changes).expect("applied")
    }

    #[track_caller]
    fn does(&self, change: Change) {
        let change = [change];
        assert_eq!(self.ask(IfExists::Refuse, &change).expect("applied").changed, 1);
        assert_eq!(self.ask(IfExists::Refuse, &change).expect("applied again").changed, 0);
    }

    /// The fault of a change that is refused for what is so.
    #[track_caller]
    fn refused(&self, change: Change) -> (&'static str, &'static str) {
        match self.ask(IfExists::Refuse, &[change]).expect_err("should be refused") {
            ApplyError::Refused(Fault { field, .. }) => ("refused", field),
            ApplyError::NotFound(Fault { field, .. }) => ("not found", field),
            ApplyError::AlreadyExists(Fault { field, .. }) => ("exists", field),
            ApplyError::Invalid(faults) => ("invalid", faults.first().expect("a fault").field),
            other => panic!("{other:?}"),
        }
    }

    fn dump(&self) -> Dump {
        self.store.dump(&id::tenant("acme")).expect("the tenant")
    }

    fn object(&self, kind: ObjectKind, id: &str) -> Option<Object> {
        self.dump().objects.into_iter().find(|object| object.kind == kind && object.id == id)
    }

    fn body(&self, kind: ObjectKind, id: &str) -> serde_json::Value {
        let object = self.object(kind, id).expect("the object");
        serde_json::from_str(&object.body).expect("a body")
    }

    fn member(&self, user: &str) -> MemberBody {
        let body = self.body(ObjectKind::Member, &format!("user:{user}"));
        serde_json::from_value(body).expect("a member")
    }
}

fn root() -> World {
    world("acme").account("root")
}

/// A tenant with one of everything that can be added.
fn full() -> Office {
    let told = root().owner("ann").member("ada").role("admin").number(ONE).faxbox("box");
    Office::new(
        told.group("team", &["admin"]).change(add_role(&["view"], Some("all"))).below("root", "a"),
    )
}

fn create_tenant() -> Change {
    Change::CreateTenant {
        title: String::new(),
        model: ModelDigest::of(PLAIN),
        root: id::account("root"),
        kind: AccountKind::Shared,
        owner: None,
    }
}

fn add_account(title: &str, sealed: bool, owner: Option<&str>) -> Change {
    let (account, parent, title) = (id::account("a"), id::account("root"), title.to_owned());
    Change::AddAccount { account, parent, title, sealed, owner: owner.map(id::user) }
}

fn add_role(permissions: &[&str], level: Option<&str>) -> Change {
    Change::AddRole {
        account: id::account("root"),
        role: id::key("clerk"),
        title: String::new(),
        permissions: id::keys(permissions),
        visibility: level.map(id::key),
    }
}

fn add_member(user: &str, status: MemberStatus, roles: Option<&[&str]>) -> Change {
    let (account, subject) = (id::account("root"), id::user(user));
    Change::AddMember { account, subject, status, roles: roles.map(id::keys) }
}

fn add_group(title: &str, roles: &[&str]) -> Change {
    let (account, group, title) = (id::account("root"), id::group("team"), title.to_owned());
    Change::AddGroup { account, group, title, roles: id::keys(roles) }
}

fn add_number(active: bool, fax: bool) -> Change {
    Change::AddNumber {
        account: id::account("root"),
        number: id::number(ONE),
        capabilities: Capabilities { voice: true, fax, message: true },
        active,
    }
}

fn add_faxbox(title: &str) -> Change {
    let (account, faxbox) = (id::account("root"), id::faxbox("box"));
    Change::AddFaxbox { account, faxbox, title: title.to_owned() }
}

fn set_status(user: &str, status: MemberStatus) -> Change {
    Change::SetMemberStatus { account: id::account("root"), subject: id::user(user), status }
}

fn set_roles(user: &str, roles: &[&str]) -> Change {
    let (account, subject, keep_overrides) = (id::account("root"), id::user(user), false);
    Change::SetRoles { account, subject, roles: id::keys(roles), keep_overrides }
}

#[test]
fn an_add_of_what_exists_changes_no_more_than_its_title() {
    let office = full();
    block_on(office.store.put_model(NARROW)).expect("a model");
    let of_tenant = |edit: fn(&mut ModelDigest, &mut AccountKind, &mut Option<_>)| {
        let mut create = create_tenant();
        if let Change::CreateTenant { model, kind, owner, .. } = &mut create {
            edit(model, kind, owner);
        }
        create
    };
    let active = MemberStatus::Active;
    let differing = [
        (of_tenant(|model, _, _| *model = ModelDigest::of(NARROW)), "model"),
        (
            of_tenant(|_, kind, owner| {
                (*kind, *owner) = (AccountKind::Personal, Some(id::user("ann")));
            }),
            "kind",
        ),
        (of_tenant(|_, _, owner| *owner = Some(id::user("ada"))), "owner"),
        (of_tenant(|_, _, owner| *owner = Some(id::user("nobody"))), "owner"),
        (add_account("", true, None), "sealed"),
        (add_account("", false, Some("ada")), "owner"),
        (add_role(&["view", "send"], Some("all")), "permissions"),
        (add_role(&["view"], None), "visibility"),
        (add_member("ada", active, Some(&["user"])), "roles"),
        (add_member("ada", MemberStatus::Suspended, None), "status"),
        (add_member("ada", MemberStatus::Removed, None), "status"),
        (add_group("", &[]), "roles"),
        (add_number(false, true), "active"),
        (add_number(true, false), "capabilities"),
    ];
    let before = office.dump();
    for (change, field) in differing {
        for mode in [IfExists::Refuse, IfExists::Update] {
            let error = office.ask(mode, std::slice::from_ref(&change)).expect_err("differs");
            let ApplyError::AlreadyExists(fault) = error else { panic!("{change:?}: {error:?}") };
            assert_eq!(fault.field, field, "{mode:?} {change:?}");
        }
        let applied = office.kept(std::slice::from_ref(&change));
        assert_eq!((applied.changed, applied.warnings), (0, vec![]), "{change:?}");
        assert_eq!(office.dump(), before, "{change:?}");
    }
}

#[test]
fn a_title_that_is_left_out_stays_and_that_of_a_new_thing_is_its_id() {
    let office = full();
    let before = office.dump();
    let untitled =
        [create_tenant(), add_account("", false, None), add_group("", &["admin"]), add_faxbox("")];
    for mode in [IfExists::Refuse, IfExists::Update, IfExists::Keep] {
        assert_eq!(office.ask(mode, &untitled).expect("the same").changed, 0);
    }
    assert_eq!(office.dump(), before);
    assert_eq!(office.body(ObjectKind::Role, "clerk")["custom"]["title"], "clerk");

    let titled = add_group("Team", &[]);
    assert_eq!(office.refused(titled.clone()), ("exists", "title"));
    assert_eq!(office.kept(&[titled]).changed, 1);
    let group = office.body(ObjectKind::Group, "team");
    assert_eq!((&group["title"], &group["roles"]), (&"Team".into(), &vec!["admin"].into()));
    let update = office.ask(IfExists::Update, &[add_faxbox("Box")]);
    assert_eq!(update.expect("retitled").changed, 1);
}

/// Everything that may be said of a member.
fn about(user: &str) -> Vec<Change> {
    let (account, subject) = (|| id::account("root"), || id::user(user));
    let access = ListValue::These(id::numbers(&[ONE]));
    let list = MemberList::Numbers(NumberList::Access, access);
    vec![
        add_member(user, MemberStatus::Active, Some(&["admin"])),
        set_status(user, MemberStatus::Suspended),
        set_roles(user, &["admin"]),
        Change::SetList { account: account(), subject: subject(), list },
        Change::SetAccountOwner { account: account(), subject: subject(), owner: true },
        Change::SetDelegation {
            account: account(),
            from: id::user("ada"),
            to: subject(),
            on: true,
        },
        Change::SetGroupMember { group: id::group("team"), subject: subject(), member: true },
        Change::SetFaxboxMember {
            faxbox: id::faxbox("box"),
            member: UserOrGroup::User(subject()),
            on: true,
        },
        Change::SetFaxboxOwner { faxbox: id::faxbox("box"), subject: subject(), owner: true },
    ]
}

#[test]
fn a_removed_member_stays_removed_until_a_change_of_an_import_says_active() {
    let office = full();
    office.does(add_member("bert", MemberStatus::Active, None));
    office.does(Change::RemoveMember { account: id::account("root"), subject: id::user("bert") });
    let before = office.dump();
    let applied = office.kept(&about("bert"));
    assert_eq!(applied.changed, 0);
    let told: Vec<_> = applied.warnings.iter().map(|one| (one.change, &*one.text)).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].1.contains("stays removed"), "{told:?}");
    assert_eq!(office.dump(), before);
    // Elsewhere, somebody who is not there is an error.
    assert_eq!(office.refused(set_roles("bert", &["admin"])), ("not found", "subject"));
    let active = set_status("bert", MemberStatus::Active);
    assert_eq!(office.refused(active.clone()), ("not found", "subject"));

    let back = office.kept(&[add_member("bert", MemberStatus::Active, None), active]);
    assert_eq!((back.changed, back.warnings.len()), (1, 0));
    let member = office.member("bert");
    assert_eq!((&*member.status, member.roles.as_slice()), ("active", &["user".to_owned()][..]));
}

#[test]
fn an_accepted_invitation_of_an_import_brings_nobody_back() {
    let office = full();
    let invite = |name: &str| Change::Invite {
        account: id::account("root"),
        invitation: id::invitation(name),
        roles: None,
        expires_at: Timestamp(NOW.0 + 1_000),
    };
    let accept = |name: &str| Change::AcceptInvitation {
        invitation: id::invitation(name),
        subject: id::user("bert"),
    };
    office.does(add_member("bert", MemberStatus::Active, None));
    office.does(Change::RemoveMember { account: id::account("root"), subject: id::user("bert") });
    let applied = office.kept(&[invite("old"), accept("old")]);
    assert_eq!((applied.changed, applied.warnings.len()), (2, 1));
    assert_eq!(office.member("bert").status, "removed");
    // It is used up all the same.
    assert_eq!(office.kept(&[accept("old")]).changed, 0);
    // Who is invited anew comes back.
    office.does(invite("new"));
    office.does(accept("new"));
    assert_eq!(office.member("bert").status, "active");
}

#[test]
fn only_active_lifts_a_suspension() {
    let office = full();
    office.does(set_status("ada", MemberStatus::Suspended));
    for status in [MemberStatus::Unverified, MemberStatus::Invited] {
        assert_eq!(office.refused(set_status("ada", status)), ("refused", "status"));
    }
    let again = office.kept(&[add_member("ada", MemberStatus::Active, None)]);
    assert_eq!((again.changed, again.warnings.len()), (0, 0));
    let unverified = office.kept(&[set_status("ada", MemberStatus::Unverified)]);
    assert_eq!((unverified.changed, unverified.warnings.len()), (0, 1));
    assert_eq!(office.member("ada").status, "suspended");
    office.does(set_status("ada", MemberStatus::Active));
}

#[test]
fn an_invitation_keeps_the_roles_that_are_left_out() {
    let office = full();
    let invite = |roles: Option<&[&str]>, after| Change::Invite {
        account: id::account("root"),
        invitation: id::invitation("i"),
        roles: roles.map(id::keys),
        expires_at: Timestamp(NOW.0 + after),
    };
    office.does(invite(Some(&["admin"]), 1_000));
    assert_eq!(office.kept(&[invite(None, 1_000)]).changed, 0);
    assert_eq!(office.kept(&[invite(None, 2_000)]).changed, 1);
    let body = office.body(ObjectKind::Invitation, "i");
    assert_eq!(body["roles"], serde_json::json!(["admin"]));
    let revoke = Change::RevokeInvitation { invitation: id::invitation("i") };
    office.does(revoke);
    assert_eq!(office.kept(&[invite(None, 2_000)]).changed, 0);
    assert_eq!(office.body(ObjectKind::Invitation, "i")["revoked"], true);
}

fn in_role(role: &str) -> (lineguard_core::id::AccountId, Key) {
    (id::account("root"), id::key(role))
}

fn differences(role: &str, add: Option<&[&str]>, remove: Option<&[&str]>) -> Change {
    let (account, role) = in_role(role);
    Change::SetRoleDifferences {
        account,
        role,
        add: add.map(id::keys),
        remove: remove.map(id::keys),
    }
}

fn level(role: &str, level: Option<&str>) -> Change {
    let (account, role) = in_role(role);
    Change::SetRoleVisibility { account, role, level: level.map(id::key) }
}

#[test]
fn parts_of_a_role_are_set_and_the_others_stay() {
    let office = full();
    let permissions = |role: &str, keys: &[&str]| {
        let (account, role) = in_role(role);
        Change::SetRolePermissions { account, role, permissions: id::keys(keys) }
    };
    office.does(permissions("clerk", &["send"]));
    office.does(level("clerk", Some("given")));
    let expected = serde_json::json!({
        "custom": { "title": "clerk", "permissions": ["send"], "visibility": "given" }
    });
    assert_eq!(office.body(ObjectKind::Role, "clerk"), expected);
    office.does(level("clerk", None));
    assert_eq!(office.refused(permissions("porter", &["send"])), ("not found", "role"));
    assert_eq!(office.refused(permissions("user", &["send"])), ("invalid", "role"));
    assert_eq!(office.refused(permissions("clerk", &["sned"])), ("invalid", "permissions"));
    assert_eq!(office.refused(level("porter", None)), ("not found", "role"));
    assert_eq!(office.refused(level("clerk", Some("none"))), ("invalid", "level"));
    assert_eq!(office.refused(differences("clerk", None, None)), ("invalid", "role"));

    office.does(differences("user", Some(&["ai"]), None));
    office.does(differences("user", None, Some(&["send"])));
    office.does(level("user", Some("all")));
    let expected = serde_json::json!({
        "adjusted": { "add": ["ai"], "remove": ["send"], "visibility": "all" }
    });
    assert_eq!(office.body(ObjectKind::Role, "user"), expected);
    assert_eq!(office.refused(differences("user", None, Some(&["ai"]))), ("refused", "remove"));
    assert_eq!(office.refused(differences("user", Some(&["send"]), None)), ("refused", "add"));
    let locked = differences("holder", None, Some(&["send"]));
    assert_eq!(office.refused(locked), ("refused", "remove"));
    office.does(differences("user", Some(&[]), Some(&[])));
    office.does(level("user", None));
    assert_eq!(office.object(ObjectKind::Role, "user"), None);
}

#[test]
fn what_a_number_can_do_and_the_kind_of_the_root_are_set_by_themselves() {
    let office = full();
    let set = |number: &str| Change::SetNumberCapabilities {
        number: id::number(number),
        capabilities: Capabilities { fax: true, ..Capabilities::default() },
    };
    office.does(set(ONE));
    let body = office.body(ObjectKind::Number, ONE);
    assert_eq!(
        (&body["fax"], &body["voice"], &body["active"]),
        (&true.into(), &false.into(), &true.into())
    );
    assert_eq!(office.refused(set("+15550100199")), ("not found", "number"));

    let personal =
        |account: &str, personal| Change::SetPersonal { account: id::account(account), personal };
    assert_eq!(office.refused(personal("a", true)), ("refused", "account"));
    assert_eq!(office.refused(personal("root", true)), ("refused", "personal"));
    let alone = Office::new(root().owner("ann"));
    alone.does(personal("root", true));
    alone.does(personal("root", false));
    let empty = Office::new(root());
    assert_eq!(empty.refused(personal("root", true)), ("refused", "personal"));
}
