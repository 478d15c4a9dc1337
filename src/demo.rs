//! The demo world: one invented customer for each built-in product model.

use std::fmt;

use lineguard_core::change::Import;
use lineguard_core::id::{Num, RequestId, Subject, SubjectKind, TenantId, Timestamp};
use lineguard_core::model::TextError;
use lineguard_core::port::{ApplyError, Store, StoreError};

use crate::wire::status;
use crate::world::World;

/// Greatest number of changes and faxes in one part of an import.
const PART: usize = 500;

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

/// Why the demo world is not in the store.
#[derive(Debug)]
pub enum LoadError {
    /// A file of ours has mistakes.
    File(&'static str, Vec<TextError>),
    /// A customer was refused.
    Refused(TenantId, ApplyError),
    /// The store gave no answer.
    Store(StoreError),
    /// An identifier of ours is none.
    Id(lineguard_core::id::IdError),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(name, errors) => {
                write!(f, "the demo world has mistakes")?;
                errors.iter().try_for_each(|error| write!(f, "\n  {name}:{error}"))
            }
            Self::Refused(tenant, error) => {
                let status =
                    tonic::Status::from(status::Failure::of_write(error.clone(), |fault| {
                        format!("change {}, {}", fault.change, fault.field)
                    }));
                write!(f, "the demo customer `{tenant}` was refused: {}", status.message())
            }
            Self::Store(error) => error.fmt(f),
            Self::Id(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for LoadError {}

impl From<StoreError> for LoadError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<lineguard_core::id::IdError> for LoadError {
    fn from(error: lineguard_core::id::IdError) -> Self {
        Self::Id(error)
    }
}

/// Loads the demo world into a store that has no tenant yet. How many customers were loaded: none
/// if the store has tenants already.
///
/// # Errors
///
/// [`LoadError`]; the customers before the one that failed are loaded.
pub async fn load(store: &dyn Store, now: Timestamp) -> Result<usize, LoadError> {
    if !store.tenants(Num(0), 1).await?.is_empty() {
        return Ok(0);
    }
    let world = world().map_err(|(name, errors)| LoadError::File(name, errors))?;
    for steps in world.steps() {
        let import = Import {
            tenant: steps.tenant.clone(),
            actor: Subject::parse(SubjectKind::Service, "lineguard-demo")?,
            provisions: true,
            request_id: RequestId::parse("demo")?,
            parts: steps.into_parts(PART),
        };
        let tenant = import.tenant.clone();
        store.import(&import, now).await.map_err(|error| LoadError::Refused(tenant, error))?;
    }
    Ok(world.tenants.len())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use lineguard_core::model::reach::FaxState;

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
    fn whether_a_fax_may_be_released_is_known() {
        for (id, tenant) in demo().tenants {
            let waits = |state| matches!(state, FaxState::Draft | FaxState::Pending);
            let waiting = tenant.faxes.iter().filter(|(_, fax)| waits(fax.new.state));
            for (name, fax) in waiting {
                assert!(fax.new.attachment_sources.is_some(), "{id}: {name} is of unknown sources");
            }
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
