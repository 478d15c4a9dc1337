//! Worlds: a tenant described from top to bottom, the way one would tell it.
//!
//! ```
//! # use lineguard_testkit::{block_on, memory::MemoryStore, world::world};
//! let store = MemoryStore::new();
//! let built = block_on(
//!     world("acme")
//!         .account("home")
//!         .member("ada")
//!         .role("admin")
//!         .number("+15550100100")
//!         .faxbox("box")
//!         .member("bob")
//!         .access(&["+15550100100"])
//!         .join("bob", "box")
//!         .build(&store),
//! );
//! assert_eq!(built.tenant.as_str(), "acme");
//! ```

use lineguard_core::change::{
    AccountKind, Batch, Change, IfExists, ListValue, MemberList, NewFax, NumberList, UserOrGroup,
};
use lineguard_core::facts::{Capabilities, MemberStatus};
use lineguard_core::id::{AccountId, ModelDigest, Num, Revision, Subject, TenantId, Timestamp};
use lineguard_core::model::reach::{Direction, FaxState};
use lineguard_core::port::{FaxRow, Store};

use crate::ids;

/// The moment at which worlds are built.
pub const NOW: Timestamp = Timestamp(1_700_000_000_000);

/// A world to be built.
#[derive(Debug, Clone)]
pub struct World {
    tenant: TenantId,
    model: String,
    account: Option<AccountId>,
    member: Option<Subject>,
    changes: Vec<Change>,
    faxes: Vec<NewFax>,
}

/// A world that has been built.
#[derive(Debug, Clone)]
pub struct Built {
    /// The tenant's id.
    pub tenant: TenantId,
    /// The tenant's number.
    pub num: Num,
    /// The revision at which the world is in force.
    pub revision: Revision,
    /// Its faxes, in the order in which they were told.
    pub faxes: Vec<FaxRow>,
}

/// A world of one tenant with [`crate::model::PLAIN`].
pub fn world(tenant: &str) -> World {
    World {
        tenant: ids::tenant(tenant),
        model: crate::model::PLAIN.to_owned(),
        account: None,
        member: None,
        changes: Vec::new(),
        faxes: Vec::new(),
    }
}

impl World {
    /// Another model text.
    pub fn model(mut self, text: &str) -> Self {
        let digest = ModelDigest::of(text);
        if let Some(Change::CreateTenant { model, .. }) = self.changes.first_mut() {
            *model = digest;
        }
        text.clone_into(&mut self.model);
        self
    }

    /// An account; what follows happens in it. The first one is the root; the others lie below it.
    pub fn account(self, id: &str) -> Self {
        let Some(Change::CreateTenant { root, .. }) = self.changes.first() else {
            let title = self.tenant.as_str().to_owned();
            let model = ModelDigest::of(&self.model);
            let (root, kind) = (ids::account(id), AccountKind::Shared);
            let create = Change::CreateTenant { title, model, root, kind, owner: None };
            return self.enter(id).change(create);
        };
        let parent = root.as_str().to_owned();
        self.below(&parent, id)
    }

    /// An account below another one; what follows happens in it.
    pub fn below(self, parent: &str, id: &str) -> Self {
        let (account, parent) = (ids::account(id), ids::account(parent));
        let title = id.to_owned();
        let add = Change::AddAccount { account, parent, title, sealed: false, owner: None };
        self.enter(id).change(add)
    }

    /// Goes back to an account that was told before.
    pub fn enter(mut self, id: &str) -> Self {
        self.account = Some(ids::account(id));
        self
    }

    /// The account just told is owned by this user.
    pub fn owner(mut self, id: &str) -> Self {
        match self.changes.last_mut() {
            Some(Change::CreateTenant { owner, .. } | Change::AddAccount { owner, .. }) => {
                *owner = Some(ids::user(id));
            }
            _ => panic!("an owner follows its account"),
        }
        self
    }

    /// The root just told is a personal account.
    pub fn personal(mut self) -> Self {
        match self.changes.last_mut() {
            Some(Change::CreateTenant { kind, .. }) => *kind = AccountKind::Personal,
            _ => panic!("only a root is personal"),
        }
        self
    }

    /// The account just told is sealed.
    pub fn sealed(mut self) -> Self {
        match self.changes.last_mut() {
            Some(Change::AddAccount { sealed, .. }) => *sealed = true,
            _ => panic!("only an account below another one is sealed"),
        }
        self
    }

    /// An active member with the default roles; lists that follow are theirs.
    pub fn member(mut self, id: &str) -> Self {
        let subject = ids::user(id);
        self.member = Some(subject.clone());
        let (account, status) = (self.here(), MemberStatus::Active);
        self.change(Change::AddMember { account, subject, status, roles: None })
    }

    /// The member just told has this role, and no default ones.
    pub fn role(mut self, role: &str) -> Self {
        match self.changes.last_mut() {
            Some(Change::AddMember { roles, .. }) => {
                roles.get_or_insert_default().push(ids::key(role));
            }
            _ => panic!("a role follows its member"),
        }
        self
    }

    /// The member just told has another status.
    pub fn status(mut self, new: MemberStatus) -> Self {
        match self.changes.last_mut() {
            Some(Change::AddMember { status, .. }) => *status = new,
            _ => panic!("a status follows its member"),
        }
        self
    }

    /// A list of the last member.
    pub fn list(self, list: MemberList) -> Self {
        let account = self.here();
        let subject = self.member.clone().expect("a list follows its member");
        self.change(Change::SetList { account, subject, list })
    }

    /// Access numbers of the last member.
    pub fn access(self, numbers: &[&str]) -> Self {
        let these = ListValue::These(ids::numbers(numbers));
        self.list(MemberList::Numbers(NumberList::Access, these))
    }

    /// Auto-assign numbers of the last member.
    pub fn auto_assign(self, numbers: &[&str]) -> Self {
        let these = ListValue::These(ids::numbers(numbers));
        self.list(MemberList::Numbers(NumberList::AutoAssign, these))
    }

    /// Granted numbers of the last member.
    pub fn granted(self, numbers: &[&str]) -> Self {
        let these = ListValue::These(ids::numbers(numbers));
        self.list(MemberList::Numbers(NumberList::Granted, these))
    }

    /// An active number that can do everything.
    pub fn number(self, number: &str) -> Self {
        let capabilities = Capabilities { voice: true, fax: true, message: true };
        let (account, number) = (self.here(), ids::number(number));
        self.change(Change::AddNumber { account, number, capabilities, active: true })
    }

    /// An extension.
    pub fn extension(self, id: &str) -> Self {
        let (account, extension) = (self.here(), ids::extension(id));
        self.change(Change::AddExtension { account, extension })
    }

    /// A queue.
    pub fn queue(self, id: &str) -> Self {
        let (account, queue) = (self.here(), ids::queue(id));
        self.change(Change::AddQueue { account, queue })
    }

    /// A faxbox.
    pub fn faxbox(self, id: &str) -> Self {
        let (account, faxbox, title) = (self.here(), ids::faxbox(id), id.to_owned());
        self.change(Change::AddFaxbox { account, faxbox, title })
    }

    /// A group with roles.
    pub fn group(self, id: &str, roles: &[&str]) -> Self {
        let (account, group, title) = (self.here(), ids::group(id), id.to_owned());
        self.change(Change::AddGroup { account, group, title, roles: ids::keys(roles) })
    }

    /// Puts a user into a faxbox.
    pub fn join(self, user: &str, faxbox: &str) -> Self {
        let (faxbox, member) = (ids::faxbox(faxbox), UserOrGroup::User(ids::user(user)));
        self.change(Change::SetFaxboxMember { faxbox, member, on: true })
    }

    /// Puts a group into a faxbox.
    pub fn join_group(self, group: &str, faxbox: &str) -> Self {
        let (faxbox, member) = (ids::faxbox(faxbox), UserOrGroup::Group(ids::group(group)));
        self.change(Change::SetFaxboxMember { faxbox, member, on: true })
    }

    /// Puts a user into a group.
    pub fn in_group(self, user: &str, group: &str) -> Self {
        let (group, subject) = (ids::group(group), ids::user(user));
        self.change(Change::SetGroupMember { group, subject, member: true })
    }

    /// Anything else.
    pub fn change(mut self, change: Change) -> Self {
        self.changes.push(change);
        self
    }

    /// A received fax of the account, `minutes` after [`NOW`].
    pub fn received(self, id: &str, number: &str, minutes: i64) -> Self {
        let fax = received(id, self.here().as_str(), minutes);
        self.fax(NewFax { number: Some(ids::number(number)), ..fax })
    }

    /// A sent fax of the account, `minutes` after [`NOW`].
    pub fn sent(self, id: &str, by: &str, minutes: i64) -> Self {
        let fax = received(id, self.here().as_str(), minutes);
        self.fax(NewFax { direction: Direction::Outbound, creator: Some(ids::user(by)), ..fax })
    }

    /// Any fax.
    pub fn fax(mut self, fax: NewFax) -> Self {
        self.faxes.push(fax);
        self
    }

    /// The whole world as one batch.
    pub fn batch(&self) -> Batch {
        batch(self.tenant.as_str(), "world", self.changes.clone())
    }

    /// Builds it and panics if the store refuses.
    pub async fn build(self, store: &dyn Store) -> Built {
        store.put_model(&self.model).await.expect("keeping the model");
        let applied = store.apply(&self.batch(), NOW).await.expect("a world that can be built");
        let tenant = self.tenant;
        let answers =
            store.register(&tenant, &self.faxes, NOW).await.expect("registering the faxes");
        let faxes = answers.into_iter().map(|answer| answer.expect("a fax that can be").fax);
        let mut reader = store.snapshot(&tenant).await.expect("a snapshot").expect("the tenant");
        let row = reader.tenant().await.expect("the tenant's row");
        Built { tenant, num: row.num, revision: applied.revision, faxes: faxes.collect() }
    }

    fn here(&self) -> AccountId {
        self.account.clone().expect("an account comes first")
    }
}

/// A batch of a provisioning service.
pub fn batch(tenant: &str, request: &str, changes: Vec<Change>) -> Batch {
    Batch {
        tenant: ids::tenant(tenant),
        actor: ids::service("provisioning"),
        provisions: true,
        request_id: ids::request(request),
        if_exists: IfExists::Refuse,
        changes,
    }
}

/// A received fax without a number, `minutes` after [`NOW`].
pub fn received(id: &str, account: &str, minutes: i64) -> NewFax {
    NewFax {
        fax: ids::fax(id),
        account: ids::account(account),
        direction: Direction::Inbound,
        number: None,
        faxbox: None,
        creator: None,
        state: FaxState::Active,
        labels: Vec::new(),
        at: Timestamp(NOW.0 + minutes * 60_000),
        attachment_sources: None,
    }
}
