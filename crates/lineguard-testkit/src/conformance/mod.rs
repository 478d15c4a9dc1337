//! Behaviours that every store must show, by name.

mod batches;
mod faxes;
mod guards;
mod ids;
mod imports;
mod invitations;
mod lists;
mod looks;
mod losses;
mod members;
mod numbers;
mod objects;
mod races;
mod registering;
mod removal;
mod rest;

use std::fmt::Debug;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};

use lineguard_core::change::{Applied, Batch, Change};
use lineguard_core::id::{Num, TenantId};
use lineguard_core::port::{ApplyError, Store, StoreError, TenantReader, TenantRow};
use lineguard_core::row::{Object, ObjectKind};

use crate::ids as id;
use crate::world::{NOW, batch};

pub use races::run_races;

/// How many behaviours run side by side, each on a store of its own.
const SIDE_BY_SIDE: usize = 6;

/// Runs every behaviour, each on a fresh store, and panics with the names of those that fail.
pub async fn run_all(make: impl AsyncFn() -> Box<dyn Store>) {
    let mut failed = Vec::new();
    for behaviours in all().chunks(SIDE_BY_SIDE) {
        let shown = side_by_side(behaviours.iter().map(async |(name, behaviour)| {
            let store = make().await;
            let shown = surviving(behaviour(&*store)).await;
            shown.map_err(|Failure(text)| format!("{name}: {text}"))
        }));
        failed.extend(shown.await.into_iter().filter_map(Result::err));
    }
    assert!(failed.is_empty(), "behaviours that fail:\n{}", failed.join("\n"));
}

/// The outputs of all futures, which run at the same time, in their order.
async fn side_by_side<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(move |context| {
        for (future, output) in &mut running {
            if output.is_none()
                && let Poll::Ready(ready) = future.as_mut().poll(context)
            {
                *output = Some(ready);
            }
        }
        if running.iter().any(|(_, output)| output.is_none()) {
            return Poll::Pending;
        }
        Poll::Ready(running.drain(..).filter_map(|(_, output)| output).collect())
    })
    .await
}

/// A panic is the failure of one behaviour and does not hide the others.
async fn surviving(mut behaviour: Checked<'_>) -> Shown {
    let once = |context: &mut Context<'_>| {
        let polled = AssertUnwindSafe(|| behaviour.as_mut().poll(context));
        std::panic::catch_unwind(polled).unwrap_or_else(|_| {
            Poll::Ready(Err(Failure("panicked; the message stands above".to_owned())))
        })
    };
    std::future::poll_fn(once).await
}

/// The names of all behaviours.
pub fn names() -> Vec<&'static str> {
    all().into_iter().map(|(name, _)| name).collect()
}

type Checked<'a> = Pin<Box<dyn Future<Output = Shown> + 'a>>;
type Behaviour = (&'static str, fn(&dyn Store) -> Checked<'_>);

fn all() -> Vec<Behaviour> {
    [
        ids::ALL,
        objects::ALL,
        batches::ALL,
        guards::ALL,
        invitations::ALL,
        looks::ALL,
        losses::ALL,
        imports::ALL,
        members::ALL,
        numbers::ALL,
        faxes::ALL,
        registering::ALL,
        lists::ALL,
        removal::ALL,
        rest::ALL,
    ]
    .concat()
}

/// A table of behaviours: each is a function whose name says what holds.
macro_rules! behaviours {
    ($($name:ident),+ $(,)?) => {
        pub(super) const ALL: &[super::Behaviour] =
            &[$((stringify!($name), |store| Box::pin($name(store)))),+];
    };
}
use behaviours;

/// Why a behaviour was not shown.
struct Failure(String);

type Shown = Result<(), Failure>;

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self(format!("{error:?}"))
    }
}

impl From<ApplyError> for Failure {
    fn from(error: ApplyError) -> Self {
        Self(format!("{error:?}"))
    }
}

#[track_caller]
fn same<T: PartialEq + Debug>(found: T, expected: T) -> Shown {
    let place = std::panic::Location::caller();
    if found == expected {
        return Ok(());
    }
    Err(Failure(format!("at {place}\n  found    {found:?}\n  expected {expected:?}")))
}

#[track_caller]
fn holds(what: bool, text: &str) -> Shown {
    let place = std::panic::Location::caller();
    if what { Ok(()) } else { Err(Failure(format!("at {place}: {text}"))) }
}

/// A snapshot of a tenant that must exist.
async fn reader<'s>(
    store: &'s dyn Store,
    tenant: &str,
) -> Result<Box<dyn TenantReader + 's>, Failure> {
    let found = store.snapshot(&id::tenant(tenant)).await?;
    found.ok_or_else(|| Failure(format!("no tenant `{tenant}`")))
}

async fn tenant_row(store: &dyn Store, tenant: &str) -> Result<TenantRow, Failure> {
    Ok(reader(store, tenant).await?.tenant().await?)
}

async fn find(
    store: &dyn Store,
    tenant: &str,
    kind: ObjectKind,
    id: &str,
) -> Result<Option<Object>, Failure> {
    let found = reader(store, tenant).await?.find(&[(kind, Num(0), id)]).await?;
    Ok(found.into_iter().next().flatten())
}

/// The number of an object that must exist.
async fn num(store: &dyn Store, kind: ObjectKind, id: &str) -> Result<Num, Failure> {
    let found = find(store, "acme", kind, id).await?;
    Ok(found.ok_or_else(|| Failure(format!("no {} `{id}`", kind.as_str())))?.num)
}

/// Applies changes to `acme` under a request id.
async fn apply(
    store: &dyn Store,
    request: &str,
    changes: Vec<Change>,
) -> Result<Applied, ApplyError> {
    store.apply(&batch("acme", request, changes), NOW).await
}

async fn apply_batch(store: &dyn Store, batch: &Batch) -> Result<Applied, ApplyError> {
    store.apply(batch, NOW).await
}

fn acme() -> TenantId {
    id::tenant("acme")
}
