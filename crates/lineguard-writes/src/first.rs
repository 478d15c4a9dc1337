//! The state that all writes start from, and whether the trails of its tenants are whole.

use lineguard_core::change::NewFax;
use lineguard_core::facts::MemberStatus;
use lineguard_core::feed::Feed;
use lineguard_core::port::Store as _;
use lineguard_core::stamp::{Shard, Stamp};
use lineguard_store::{Chain, SqlStore};
use lineguard_testkit::ids;
use lineguard_testkit::world::{NOW, World, batch, received, world};

use crate::failure::{Doing, Failure, Result};
use crate::writes::{LIVE, status};

/// The tenants there may be.
const TENANTS: [&str; 3] = ["t", "other", "new"];

fn first_world() -> World {
    let mut world = world("t").account("root").owner("olga").member("anna").role("admin");
    for number in ["+15550100100", "+15550100101"] {
        world = world.number(number);
    }
    world = world.member("bert").access(&["+15550100100"]).member("carl");
    world = world.faxbox("box").join("bert", "box").join("carl", "box").group("crew", &["user"]);
    for minute in 0..12 {
        let fax = NewFax { faxbox: Some(ids::faxbox("box")), ..received("x", "root", minute) };
        world = world.fax(NewFax { fax: ids::fax(&format!("fax-{minute}")), ..fax });
    }
    world
}

/// Makes the first state in an empty store.
///
/// # Errors
///
/// If the store does not take it.
pub async fn prepare(store: &SqlStore) -> Result<()> {
    first_world().build(store).await;
    world("other").account("root").owner("otto").number("+15550100200").build(store).await;
    let second = batch("t", "second", vec![status("carl", MemberStatus::Suspended)]);
    let second = store.apply(&second, NOW).await;
    second.map_err(|error| Failure(format!("the second change: {error:?}"))).map(drop)
}

/// What follows the opening of a store: a replica, which an SQLite file forgets when it is opened.
///
/// # Errors
///
/// If the store does not take it.
pub async fn join(store: &SqlStore) -> Result<()> {
    Feed::register(store, LIVE, "live", NOW).await.doing("a replica")?;
    store.confirm(LIVE, &[(Shard(7), Stamp { counter: 1, nonce: 5 })]).await.doing("confirming")
}

/// Tenants whose audit trail is broken or cannot be read.
pub async fn broken(store: &SqlStore) -> Vec<String> {
    let mut broken = Vec::new();
    for tenant in TENANTS {
        match store.verify_chain(&ids::tenant(tenant)).await {
            Ok(None | Some(Chain::Intact { .. })) => {}
            other => broken.push(format!("the audit trail of `{tenant}`: {other:?}")),
        }
    }
    match store.tenants(ids::NONE, 9).await {
        Ok(_) => {}
        Err(error) => broken.push(format!("the tenants: {error}")),
    }
    broken
}
