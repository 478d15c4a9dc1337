//! Left out means unchanged (rulings R40), for world files as they are written and for the parts of
//! exports.

mod files;
mod parts;

use lineguard::world::World;
use lineguard_core::change::{Import, Imported};
use lineguard_core::port::ApplyError;
use lineguard_testkit::ids;
use lineguard_testkit::world::NOW;

use crate::harness::Harness;

/// Imports a world of one tenant.
async fn import_world(
    harness: &Harness,
    request: &str,
    world: &World,
) -> Result<Imported, ApplyError> {
    let steps = world.steps().remove(0);
    let import = Import {
        tenant: steps.tenant.clone(),
        actor: ids::service("importer"),
        provisions: true,
        request_id: ids::request(request),
        parts: steps.into_parts(500),
    };
    harness.app.store.import(&import, NOW).await
}
