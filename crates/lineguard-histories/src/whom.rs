//! Whom somebody asks.

use std::sync::Arc;

use crate::fleet::Fleet;
use crate::random::Random;
use crate::replica::Replica;
use crate::serving::Serving;

/// Who is asked next.
#[derive(Debug, Clone)]
pub enum Whom {
    /// Always the same, so that one that says nothing does not keep the others from being asked.
    One(Arc<Replica>),
    /// Anybody: mostly a server, now and then a sidecar.
    Anybody(Arc<Fleet>),
    /// In turn those servers that say that they serve.
    Serving(Arc<Serving>),
}

impl Whom {
    /// Who is asked now; none if there is nobody.
    pub fn pick(&self, random: &mut Random) -> Option<Arc<Replica>> {
        match self {
            Self::One(replica) => Some(Arc::clone(replica)),
            Self::Anybody(fleet) => {
                let by_sidecar = !fleet.sidecars.is_empty() && random.percent(30);
                let among = if by_sidecar { &fleet.sidecars } else { &fleet.replicas };
                random.pick(among).cloned()
            }
            Self::Serving(serving) => serving.next().cloned(),
        }
    }
}
