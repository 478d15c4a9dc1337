//! Which product models a caller may know of: the built-in ones, which are no secret, and those of
//! the tenants that it may ask about. Of other tenants' models not even a title is told.

use std::collections::BTreeSet;

use lineguard_core::id::{ModelDigest, Num};
use lineguard_core::model::BUILT_IN;
use lineguard_core::port::StoreError;

use crate::access::Caller;
use crate::app::App;

/// How many tenants are read at once.
const PAGE: usize = 1_000;

/// The models of the tenants that a caller may ask about.
pub(super) async fn by_tenants_of(
    app: &App,
    caller: &Caller,
) -> Result<BTreeSet<ModelDigest>, StoreError> {
    let mut digests = BTreeSet::new();
    let mut after = Num(0);
    loop {
        let tenants = app.store.tenants(after, PAGE).await?;
        let its = tenants.iter().filter(|tenant| caller.may_ask_of(&tenant.id));
        digests.extend(its.map(|tenant| tenant.model));
        match tenants.last() {
            Some(last) if tenants.len() == PAGE => after = last.num,
            _ => return Ok(digests),
        }
    }
}

/// Whether a caller may be given the text of this digest, if there is one.
pub(super) async fn may_see(
    app: &App,
    caller: &Caller,
    digest: &ModelDigest,
) -> Result<bool, StoreError> {
    if caller.may_ask_about_every_tenant() || built_in(digest).is_some() {
        return Ok(true);
    }
    Ok(by_tenants_of(app, caller).await?.contains(digest))
}

/// The text of a built-in model.
pub(super) fn built_in(digest: &ModelDigest) -> Option<&'static str> {
    let found = BUILT_IN.iter().find(|(_, text)| ModelDigest::of(text) == *digest);
    found.map(|(_, text)| *text)
}
