//! The tenants of a run and their registers.

use lineguard::wire::change::{change_to_wire, new_fax_to_wire};
use lineguard::wire::pb;
use lineguard_core::change::{
    Change, ListValue, MemberList, NewFax, NumberList, NumberTarget, OverrideValue, UserOrGroup,
};
use lineguard_core::facts::MemberStatus;
use lineguard_core::id::{ModelDigest, PhoneNumber};
use lineguard_core::model::BUILT_IN;
use lineguard_testkit::ids;
use lineguard_testkit::world::{World as Told, received, world};

use crate::failure::{Doing, Failure, Result};
use crate::probe::{Asked, Probe, service, user};
use crate::replica::Replica;

/// Questions of the same kind about one register that differ in the resource, so that some of them
/// are asked for the first time.
const VARIANTS: usize = 24;

/// Faxes that lie together in a faxbox or on a number.
const TOGETHER: usize = 8;

/// The root account of every tenant, and one below it.
const HOME: &str = "home";
const BRANCH: &str = "branch";

/// A register with the means to write and to read it.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What it is, for people.
    pub name: &'static str,
    /// Makes it off, on.
    pub changes: [Change; 2],
    /// Show whether it is on.
    pub probes: Vec<Probe>,
}

/// A tenant that is not in the store yet.
#[derive(Debug)]
pub struct Tenant {
    /// Its id.
    pub id: String,
    /// Its registers.
    pub plans: Vec<Plan>,
    changes: Vec<Change>,
    faxes: Vec<NewFax>,
}

/// The model of the run: the text of `standard`, and the same without one action.
#[derive(Debug)]
pub struct Texts {
    whole: &'static str,
    without: String,
}

impl Texts {
    /// The texts.
    ///
    /// # Errors
    ///
    /// If the built-in model is not as it was when this was written.
    pub fn new() -> Result<Self> {
        let standard = BUILT_IN.iter().find(|(name, _)| *name == "standard");
        let (_, whole) = standard.ok_or_else(|| Failure("there is no model `standard`".into()))?;
        let without = whole.replace("\"folder.view\", \"label.view\",", "\"folder.view\",");
        if without == *whole {
            return Err(Failure("`folders.view` grants no `label.view` any more".into()));
        }
        Ok(Self { whole, without })
    }

    /// Puts the text that is not built in into the store.
    ///
    /// # Errors
    ///
    /// If the server does not take it.
    pub async fn put(&self, server: &Replica) -> Result<()> {
        let (actor, text) = (Some(service("provisioning")), self.without.clone());
        let request = pb::PutModelRequest { actor, text };
        let reply = server.changes().put_model(request).await?.into_inner();
        match reply.result {
            Some(pb::put_model_response::Result::Model(_)) => Ok(()),
            other => Err(Failure(format!("the model is not taken: {other:?}"))),
        }
    }
}

impl Tenant {
    /// The tenant of this number.
    pub fn new(number: usize, texts: &Texts) -> Self {
        let id = format!("tenant-{number}");
        let mut draft =
            Draft { id: &id, told: begin(&id, texts), plans: Vec::new(), faxes: vec![] };
        draft.members_and_groups();
        draft.faxes();
        draft.numbers(number);
        draft.broad(texts);
        let Draft { told, plans, faxes, .. } = draft;
        let changes = told.batch().changes;
        Self { id, plans, changes, faxes }
    }

    /// Makes it, by this server.
    ///
    /// # Errors
    ///
    /// If the server refuses.
    pub async fn make(&self, server: &Replica) -> Result<()> {
        let request = pb::ApplyRequest {
            tenant: self.id.clone(),
            actor: Some(service("provisioning")),
            request_id: "world".into(),
            if_exists: 0,
            changes: self.changes.iter().map(change_to_wire).collect(),
        };
        server.changes().apply(request).await.doing("making a tenant")?;
        let request = pb::BatchRegisterFaxesRequest {
            tenant: self.id.clone(),
            actor: Some(service("provisioning")),
            request_id: "world".into(),
            faxes: self.faxes.iter().map(new_fax_to_wire).collect(),
        };
        let reply = server.faxes().batch_register_faxes(request).await?.into_inner();
        let refused = reply.results.into_iter().find_map(|result| match result.result {
            Some(pb::register_fax_result::Result::Error(error)) => Some(error.message),
            _ => None,
        });
        refused.map_or(Ok(()), |why| Err(Failure(format!("registering a fax: {why}"))))
    }
}

fn begin(id: &str, texts: &Texts) -> Told {
    world(id).model(texts.whole).account(HOME).below(HOME, BRANCH).enter(HOME)
}

/// A tenant in the making.
struct Draft<'a> {
    id: &'a str,
    told: Told,
    plans: Vec<Plan>,
    faxes: Vec<NewFax>,
}

impl Draft<'_> {
    fn tell(&mut self, more: impl FnOnce(Told) -> Told) {
        let told = std::mem::replace(&mut self.told, world(self.id));
        self.told = more(told);
    }

    /// A register and the probes of it.
    fn plan(&mut self, name: &'static str, off: Change, on: Change, probes: Vec<Probe>) {
        self.plans.push(Plan { name, changes: [off, on], probes });
    }

    /// Checks of an action on things that only the caller knows.
    fn checks(&self, who: &str, account: &str, action: &str) -> Vec<Probe> {
        let asked = Asked { tenant: self.id, who, account, action };
        let of = |variant| Probe::Check(Box::new(asked.of_ours(&format!("thing-{variant}"))));
        (0..VARIANTS).map(of).collect()
    }

    /// Checks of an action on what the server knows.
    fn checks_of(&self, who: &str, action: &str, things: &[String]) -> Vec<Probe> {
        let asked = Asked { tenant: self.id, who, account: HOME, action };
        things.iter().map(|thing| Probe::Check(Box::new(asked.of(Some(thing))))).collect()
    }

    /// Checks and pages of faxes that are seen together or not at all.
    fn sights(&self, who: &str, faxes: &[String]) -> Vec<Probe> {
        let mut probes = self.checks_of(who, "fax.view", faxes);
        for page_size in 100..104 {
            let request = pb::ListVisibleFaxesRequest {
                tenant: self.id.into(),
                subject: Some(user(who)),
                account: HOME.into(),
                page_size,
                ..pb::ListVisibleFaxesRequest::default()
            };
            probes.push(Probe::List(request, faxes.to_vec()));
        }
        probes
    }

    /// Received faxes.
    fn receive(
        &mut self,
        name: &str,
        number: Option<&PhoneNumber>,
        faxbox: Option<&str>,
    ) -> Vec<String> {
        let names: Vec<String> = (0..TOGETHER).map(|fax| format!("{name}-{fax}")).collect();
        for (at, fax) in names.iter().enumerate() {
            let fax = received(fax, HOME, i64::try_from(at).unwrap_or(0));
            let (number, faxbox) = (number.cloned(), faxbox.map(ids::faxbox));
            self.faxes.push(NewFax { number, faxbox, ..fax });
        }
        names
    }

    fn members_and_groups(&mut self) {
        let account = || ids::account(HOME);
        self.tell(|told| {
            told.member("rolled")
                .role("billing")
                .member("overridden")
                .role("member")
                .member("suspended")
                .role("member")
                .group("clerks", &["manager"])
                .member("clerk")
                .role("billing")
                .group("crew", &[])
                .member("sailor")
                .role("billing")
                .in_group("sailor", "crew")
        });

        let roles = |role| Change::SetRoles {
            account: account(),
            subject: ids::user("rolled"),
            roles: ids::keys(&[role]),
            keep_overrides: false,
        };
        let probes = self.checks("rolled", HOME, "folder.view");
        self.plan("roles of a member", roles("billing"), roles("member"), probes);

        let value = |value| Change::SetOverride {
            account: account(),
            subject: ids::user("overridden"),
            permission: ids::key("folders.view"),
            value,
        };
        let probes = self.checks("overridden", HOME, "folder.view");
        let (off, on) = (value(OverrideValue::Off), value(OverrideValue::Unset));
        self.plan("override of a member", off, on, probes);

        let status = |status| {
            let (account, subject) = (account(), ids::user("suspended"));
            Change::SetMemberStatus { account, subject, status }
        };
        let probes = self.checks("suspended", HOME, "folder.view");
        let (off, on) = (status(MemberStatus::Suspended), status(MemberStatus::Active));
        self.plan("status of a member", off, on, probes);

        let member = |member| {
            let (group, subject) = (ids::group("clerks"), ids::user("clerk"));
            Change::SetGroupMember { group, subject, member }
        };
        let probes = self.checks("clerk", HOME, "folder.create");
        self.plan("membership of a group", member(false), member(true), probes);

        let roles = |roles: &[&str]| Change::SetGroupRoles {
            group: ids::group("crew"),
            roles: ids::keys(roles),
        };
        let probes = self.checks("sailor", HOME, "folder.create");
        self.plan("roles of a group", roles(&[]), roles(&["manager"]), probes);
    }

    fn faxes(&mut self) {
        self.tell(|told| {
            told.faxbox("open")
                .faxbox("shared")
                .faxbox("inbox")
                .member("boxed")
                .role("supervisor")
                .group("desk", &[])
                .member("desker")
                .role("supervisor")
                .in_group("desker", "desk")
                .member("inboxed")
                .role("supervisor")
                .join("inboxed", "inbox")
                .member("assigned")
                .role("router")
                .member("owner")
                .role("billing")
        });
        let inside = |faxbox: &str, member, on| Change::SetFaxboxMember {
            faxbox: ids::faxbox(faxbox),
            member,
            on,
        };
        let open = self.receive("open", None, Some("open"));
        let probes = self.sights("boxed", &open);
        let boxed = || UserOrGroup::User(ids::user("boxed"));
        let (off, on) = (inside("open", boxed(), false), inside("open", boxed(), true));
        self.plan("member of a faxbox", off, on, probes);

        let shared = self.receive("shared", None, Some("shared"));
        let probes = self.sights("desker", &shared);
        let desk = || UserOrGroup::Group(ids::group("desk"));
        let (off, on) = (inside("shared", desk(), false), inside("shared", desk(), true));
        self.plan("group in a faxbox", off, on, probes);

        let moved = self.receive("moved", None, None).into_iter().take(1).collect::<Vec<_>>();
        let probes = self.sights("inboxed", &moved);
        let into = |faxbox| Change::MoveFax { fax: ids::fax("moved-0"), faxbox };
        self.plan("place of a fax", into(None), into(Some(ids::faxbox("inbox"))), probes);

        let given = self.receive("given", None, None).into_iter().take(1).collect::<Vec<_>>();
        let probes = self.sights("assigned", &given);
        let to = |assignee| Change::AssignFax { fax: ids::fax("given-0"), assignee };
        let assignee = UserOrGroup::User(ids::user("assigned"));
        self.plan("assignment of a fax", to(None), to(Some(assignee)), probes);

        let owner = |owner| {
            let (faxbox, subject) = (ids::faxbox("open"), ids::user("owner"));
            Change::SetFaxboxOwner { faxbox, subject, owner }
        };
        let probes = self.checks_of("owner", "faxbox.update", &["open".to_owned()]);
        self.plan("owner of a faxbox", owner(false), owner(true), probes);
    }

    fn numbers(&mut self, tenant: usize) {
        let number = |of: usize| ids::number(&format!("+1555{:07}", tenant * 100 + of));
        let (listed, preset, targeted) = (number(1), number(2), number(3));
        self.tell(|told| {
            let told = [&listed, &preset, &targeted]
                .into_iter()
                .fold(told, |told, number| told.number(number.as_str()));
            told.member("lister").role("member").member("caller").role("member").faxbox("mail")
        });

        let faxes = self.receive("listed", Some(&listed), None);
        let probes = self.sights("lister", &faxes);
        let list = |value| Change::SetList {
            account: ids::account(HOME),
            subject: ids::user("lister"),
            list: MemberList::Numbers(NumberList::Access, value),
        };
        let (off, on) = (ListValue::These(vec![]), ListValue::These(vec![listed]));
        self.plan("numbers of a member", list(off), list(on), probes);

        let default = |number| Change::SetDefaultNumber {
            account: ids::account(HOME),
            subject: ids::user("caller"),
            number,
        };
        let request = pb::ResolveCallerIdRequest {
            tenant: self.id.into(),
            subject: Some(user("caller")),
            account: HOME.into(),
            used_for: pb::SendChannel::Call.into(),
            ..pb::ResolveCallerIdRequest::default()
        };
        let probes = vec![Probe::CallerId(request)];
        self.plan("preset number", default(None), default(Some(preset)), probes);

        let request = pb::ResolveAutoAssignRequest {
            tenant: self.id.into(),
            number: targeted.as_str().to_owned(),
            consistency: None,
        };
        let target = |on| {
            let (number, target) = (targeted.clone(), NumberTarget::Faxbox(ids::faxbox("mail")));
            Change::SetNumberTarget { number, target, on }
        };
        let probes = vec![Probe::AutoAssign(request)];
        self.plan("target of a number", target(false), target(true), probes);
    }

    /// Changes that concern many members at once.
    fn broad(&mut self, texts: &Texts) {
        self.tell(|told| {
            told.member("witness").role("member").enter(BRANCH).member("local").role("member")
        });
        let adjust = |remove: &[&str]| Change::AdjustRole {
            account: ids::account(BRANCH),
            role: ids::key("member"),
            add: vec![],
            remove: ids::keys(remove),
            visibility: None,
        };
        let probes = self.checks("local", BRANCH, "folder.view");
        self.plan("adjusted role", adjust(&["folders.view"]), adjust(&[]), probes);

        let account = || ids::account(HOME);
        let restrict = |on| {
            let setting = ids::key("restrict_recipients");
            Change::SetSetting { account: account(), setting, on: Some(on) }
        };
        let asked = Asked { tenant: self.id, who: "witness", account: HOME, action: "fax.send" };
        let recipient_verified = Some(false);
        let context = Some(pb::Context { recipient_verified, ..pb::Context::default() });
        let probes = vec![Probe::Check(Box::new(pb::CheckRequest { context, ..asked.of(None) }))];
        self.plan("account setting", restrict(true), restrict(false), probes);

        let entitle = |entitled| {
            let product = ids::key("messaging");
            Change::SetEntitlement { account: account(), product, entitled: Some(entitled) }
        };
        let probes = self.checks("witness", HOME, "message.send");
        self.plan("entitlement", entitle(false), entitle(true), probes);

        let model = |text: &str| Change::SetModel { model: ModelDigest::of(text) };
        let probes = self.checks("witness", HOME, "label.view");
        self.plan("product model", model(&texts.without), model(texts.whole), probes);
    }
}
