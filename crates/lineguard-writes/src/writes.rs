//! Every kind of write that a store takes.

use std::time::Duration;

use lineguard_core::change::{AccountKind, Change, FaxesLeft, Import, NewFax, Part};
use lineguard_core::facts::{Capabilities, MemberStatus};
use lineguard_core::feed::{Feed, Incarnation};
use lineguard_core::id::{ModelDigest, Timestamp};
use lineguard_core::model::reach::FaxState;
use lineguard_core::port::{ApplyError, Registered, Store, StoreError};
use lineguard_core::stamp::{Shard, Stamp};
use lineguard_store::SqlStore;
use lineguard_testkit::world::{NOW, batch, received};
use lineguard_testkit::{ids, model};
use tokio::time::timeout;

/// A write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Write {
    /// A member is suspended.
    Suspend,
    /// A role is made, given and taken.
    Roles,
    /// A number is added, which is held in all tenants.
    Number,
    /// A faxbox with faxes and members is removed.
    RemoveFaxbox,
    /// A fax is deleted for good.
    DeleteFax,
    /// Many changes in one batch.
    Many,
    /// A fax is registered.
    Fax,
    /// Three hundred are.
    Faxes,
    /// An import of two parts, with faxes.
    Import,
    /// A tenant is created.
    CreateTenant,
    /// A model text is kept.
    PutModel,
    /// A secret is made.
    Secret,
    /// A replica registers.
    Register,
    /// A replica confirms.
    Confirm,
    /// A replica is fenced.
    Fence,
    /// A replica is removed.
    Remove,
    /// What is old in the feed is trimmed.
    Trim,
    /// Something is written and taken back.
    Try,
    /// A replica that does not know whether it is registered takes that back, and registers anew.
    RegisterAnew,
    /// Afterwards: a write that is refused.
    Refused,
    /// Afterwards: an ordinary one.
    Next,
    /// Afterwards: a fax.
    NextFax,
    /// Last of all.
    Last,
}

/// Those that are made under faults.
pub const ALL: [Write; 18] = [
    Write::Suspend,
    Write::Roles,
    Write::Number,
    Write::RemoveFaxbox,
    Write::DeleteFax,
    Write::Many,
    Write::Fax,
    Write::Faxes,
    Write::Import,
    Write::CreateTenant,
    Write::PutModel,
    Write::Secret,
    Write::Register,
    Write::Confirm,
    Write::Fence,
    Write::Remove,
    Write::Trim,
    Write::Try,
];

/// What a writer was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is stored; the tenant's revision, where the answer says one.
    Done(Option<u64>),
    /// It is not, for a reason of its own.
    Refused(String),
    /// `UNAVAILABLE`: it may be stored.
    Unknown(String),
    /// Something that no fault excuses.
    Wrong(String),
}

/// How long a write may take before it counts as one that never ends.
const PATIENCE: Duration = Duration::from_secs(90);

/// When everything but the first state happens.
const LATER: Timestamp = Timestamp(NOW.0 + 60_000);

/// The replica that is there.
pub const LIVE: Incarnation = Incarnation([1; 16]);
const NEW: Incarnation = Incarnation([2; 16]);
const ANEW: Incarnation = Incarnation([3; 16]);

/// A model text that no tenant has.
fn other_model() -> String {
    model::several_targets()
}

/// The status of a member.
pub fn status(who: &str, status: MemberStatus) -> Change {
    Change::SetMemberStatus { account: ids::account("root"), subject: ids::user(who), status }
}

fn role(key: &str) -> Change {
    Change::AddRole {
        account: ids::account("root"),
        role: ids::key(key),
        title: key.to_owned(),
        permissions: ids::keys(&["view"]),
        visibility: None,
    }
}

fn give(who: &str, roles: &[&str]) -> Change {
    Change::SetRoles {
        account: ids::account("root"),
        subject: ids::user(who),
        roles: ids::keys(roles),
        keep_overrides: true,
    }
}

fn number(number: &str) -> Change {
    Change::AddNumber {
        account: ids::account("root"),
        number: ids::number(number),
        capabilities: Capabilities { voice: true, fax: true, message: false },
        active: true,
    }
}

impl Write {
    /// Makes the write.
    pub async fn run(self, store: &SqlStore) -> Answer {
        match timeout(PATIENCE, self.make(store)).await {
            Ok(answer) => answer,
            Err(_) => Answer::Wrong(format!("no answer within {PATIENCE:?}")),
        }
    }

    /// What who made it does if they do not know what became of it.
    pub const fn again(self) -> Self {
        match self {
            Self::Register => Self::RegisterAnew,
            other => other,
        }
    }

    /// Whether it begins with a lock on its tenant.
    pub fn holds_its_tenant(self) -> bool {
        self.changes().is_some() || matches!(self, Self::Fax | Self::Faxes | Self::Import)
    }

    async fn make(self, store: &SqlStore) -> Answer {
        if let Some(changes) = self.changes() {
            let tenant = if self == Self::CreateTenant { "new" } else { "t" };
            let batch = batch(tenant, &format!("{self:?}"), changes);
            let applied = store.apply(&batch, LATER).await;
            return of_change(applied.map(|applied| Some(applied.revision.0)));
        }
        match self {
            Self::Fax => register(store, vec![received("new-fax", "root", 1)]).await,
            Self::NextFax => register(store, vec![received("next-fax", "root", 1)]).await,
            Self::Faxes => {
                let fax = |at: i64| NewFax {
                    fax: ids::fax(&format!("many-{at}")),
                    ..received("x", "root", 0)
                };
                register(store, (0..300).map(fax).collect()).await
            }
            Self::Import => {
                let imported = store.import(&import(), LATER).await;
                of_change(imported.map(|imported| Some(imported.applied.revision.0)))
            }
            Self::PutModel => of_store(store.put_model(&other_model()).await.map(drop)),
            Self::Secret => of_store(store.secret("of-a-test", &|| vec![7; 32]).await.map(drop)),
            Self::Register => of_store(Feed::register(store, NEW, "new", LATER).await),
            Self::RegisterAnew => {
                let mut done = store.remove(NEW).await;
                if done.is_ok() {
                    done = Feed::register(store, ANEW, "anew", LATER).await;
                }
                of_store(done)
            }
            Self::Confirm => {
                let stamp = |counter| Stamp { counter, nonce: 9 };
                let installed = [(Shard(7), stamp(3)), (Shard(8), stamp(2))];
                of_store(store.confirm(LIVE, &installed).await)
            }
            Self::Fence => of_store(store.fence(LIVE).await),
            Self::Remove => of_store(store.remove(LIVE).await),
            Self::Trim => of_store(store.trim(LATER).await),
            _ => of_store(store.try_write().await),
        }
    }

    /// The changes of a batch, where it is one.
    fn changes(self) -> Option<Vec<Change>> {
        let account = ids::account("root");
        Some(match self {
            Self::Suspend => vec![status("anna", MemberStatus::Suspended)],
            Self::Roles => vec![role("night"), give("anna", &["night"]), give("bert", &["admin"])],
            Self::Number => vec![number("+15550100300")],
            Self::RemoveFaxbox => {
                let faxes = Some(FaxesLeft::Delete);
                vec![Change::RemoveFaxbox { faxbox: ids::faxbox("box"), faxes }]
            }
            Self::DeleteFax => vec![Change::DeleteFax { fax: ids::fax("fax-3") }],
            Self::Many => {
                let mut changes = vec![role("day"), number("+15550100301")];
                changes.extend((0..20).map(|at| Change::AddMember {
                    account: account.clone(),
                    subject: ids::user(&format!("new-{at}")),
                    status: MemberStatus::Active,
                    roles: None,
                }));
                let (fax, state) = (ids::fax("fax-1"), FaxState::Trash);
                changes.push(Change::SetFaxState { fax, state });
                changes.push(Change::RemoveMember { account, subject: ids::user("bert") });
                changes
            }
            Self::CreateTenant => vec![Change::CreateTenant {
                title: "New".into(),
                model: ModelDigest::of(model::PLAIN),
                root: account,
                kind: AccountKind::Shared,
                owner: Some(ids::user("nora")),
            }],
            Self::Refused => vec![status("nobody", MemberStatus::Suspended)],
            Self::Next => vec![role("next"), give("bert", &["next"])],
            Self::Last => vec![role("last")],
            _ => return None,
        })
    }
}

fn import() -> Import {
    let trash = Change::SetFaxState { fax: ids::fax("in-1"), state: FaxState::Trash };
    let faxes = vec![received("in-1", "root", 1), received("in-2", "root", 2)];
    Import {
        tenant: ids::tenant("t"),
        actor: ids::service("importer"),
        provisions: true,
        request_id: ids::request("import"),
        parts: vec![
            Part { changes: vec![role("imported"), number("+15550100302")], faxes },
            Part { changes: vec![trash], faxes: vec![received("in-3", "root", 3)] },
        ],
    }
}

async fn register(store: &SqlStore, faxes: Vec<NewFax>) -> Answer {
    let answers = match Store::register(store, &ids::tenant("t"), &faxes, LATER).await {
        Ok(answers) => answers,
        Err(error) => return of_change(Err(error)),
    };
    let all: Result<Vec<Registered>, ApplyError> = answers.into_iter().collect();
    of_change(all.map(|_| None))
}

fn of_change(answer: Result<Option<u64>, ApplyError>) -> Answer {
    match answer {
        Ok(revision) => Answer::Done(revision),
        Err(ApplyError::Store(error)) => of_store(Err(error)),
        Err(error) => Answer::Refused(format!("{error:?}")),
    }
}

fn of_store(answer: Result<(), StoreError>) -> Answer {
    match answer {
        Ok(()) => Answer::Done(None),
        Err(StoreError::Unavailable { detail }) => Answer::Unknown(detail),
        Err(error) => Answer::Wrong(error.to_string()),
    }
}
