//! The demo world: one invented customer for each built-in product model.

use lineguard_core::model::TextError;

use crate::world::World;

/// The files of the demo world: name and text.
pub const FILES: &[(&str, &str)] = &[
    ("amplify.toml", include_str!("../deploy/demo/amplify.toml")),
    ("ifax.toml", include_str!("../deploy/demo/ifax.toml")),
    ("iovox.toml", include_str!("../deploy/demo/iovox.toml")),
    ("nuacom.toml", include_str!("../deploy/demo/nuacom.toml")),
    ("retarus.toml", include_str!("../deploy/demo/retarus.toml")),
    ("standard.toml", include_str!("../deploy/demo/standard.toml")),
];

/// The demo world.
///
/// # Errors
///
/// The first file with mistakes, by name. A test sees to it that there is none.
pub fn world() -> Result<World, (&'static str, Vec<TextError>)> {
    let mut all = World::default();
    for (name, text) in FILES {
        let world = World::parse(text).map_err(|errors| (*name, errors))?;
        all.tenants.extend(world.tenants);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::world::{collect, print};

    fn demo() -> World {
        world().unwrap_or_else(|(name, errors)| {
            let told: String = errors.iter().map(|error| format!("{name}:{error}\n")).collect();
            panic!("\n{told}")
        })
    }

    #[test]
    fn every_customer_has_people_and_faxes() {
        let demo = demo();
        assert_eq!(demo.tenants.len(), FILES.len());
        for (id, tenant) in &demo.tenants {
            let people: BTreeSet<_> = tenant.members.keys().map(|(_, subject)| subject).collect();
            assert!((20..=60).contains(&people.len()), "{id}: {} people", people.len());
            assert!(tenant.faxes.len() >= 2000, "{id}: {} faxes", tenant.faxes.len());
        }
    }

    #[test]
    fn what_is_printed_reads_back_the_same() {
        let demo = demo();
        let text = print(&demo);
        assert!(World::parse(&text).as_ref() == Ok(&demo), "another world came back");
        assert_eq!(print(&World::parse(&text).unwrap()), text);
    }

    #[test]
    fn the_changes_that_make_a_tenant_describe_it() {
        for (id, tenant) in demo().tenants {
            let steps = tenant.steps(&id);
            let mut changes = steps.changes;
            changes.extend(steps.afterwards);
            assert!(collect(&changes, &steps.faxes).as_ref() == Ok(&tenant), "{id} differs");
        }
    }
}
