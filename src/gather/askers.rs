//! Who asks about which fax. A fax that one of them may not see is looked up as if nothing were known
//! of it, so that it costs what one costs that does not exist, and is never told from memory
//! (rulings R41).

use std::collections::BTreeMap;
use std::sync::Arc;

use lineguard_core::assemble::fax_facts;
use lineguard_core::engine::{Authority, is_seen};
use lineguard_core::id::FaxId;
use lineguard_core::port::FaxRow;
use lineguard_core::vocabulary::{Action, StoredType, Vocabulary};

use crate::wire::check::CheckCall;

/// The faxes that questions name, each with the authorities of those who ask about it.
#[derive(Debug, Default)]
pub struct Askers {
    view: Option<Action>,
    by_fax: BTreeMap<FaxId, Vec<Option<Arc<Authority>>>>,
}

impl Askers {
    /// Those of these questions, each with the authority of the member who asks.
    pub fn of<'c>(
        asking: impl IntoIterator<Item = (&'c CheckCall, Option<&'c Arc<Authority>>)>,
        vocabulary: &Vocabulary,
    ) -> Self {
        let mut askers = Self::default();
        for (call, authority) in asking {
            for named in std::iter::once(&call.resource).chain(&call.target) {
                let resource = vocabulary.resource(named.ty);
                let fax = resource.filter(|resource| resource.stored == Some(StoredType::Fax));
                let id = named.id.as_ref().and_then(|id| FaxId::parse(id.as_str()).ok());
                if let (Some(fax), Some(id)) = (fax, id) {
                    askers.view = fax.view;
                    askers.by_fax.entry(id).or_default().push(authority.cloned());
                }
            }
        }
        askers
    }

    /// Whether all who ask about a fax see it.
    pub fn see(&self, fax: &FaxRow) -> bool {
        let Some(asking) = self.by_fax.get(&fax.id) else { return true };
        let facts = fax_facts(fax);
        asking.iter().all(|authority| match (authority, self.view) {
            (Some(authority), Some(view)) => is_seen(authority, view, &facts),
            _ => false,
        })
    }
}
