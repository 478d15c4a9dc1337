//! What a sidecar holds: when it has answered nothing, and when it was asked about many members.

use std::sync::Arc;

use super::{Measure, figures, say, together};
use crate::clock::Nanos;
use crate::failure::Result;

/// Members that one sidecar is asked about, and how many askers share them.
const MEMBERS: usize = 20_000;
const ASKERS: usize = 8;

pub(super) async fn of_sidecars(this: &Measure) -> Result<()> {
    let Some(sidecar) = this.fleet.sidecars.first() else { return Ok(()) };
    tell(this, "asked about nothing").await;
    for times in ["first", "second"] {
        let members = MEMBERS.min(this.members);
        let ask = |first: usize| {
            let (this, sidecar) = (this.clone(), Arc::clone(sidecar));
            async move {
                let mut took: Vec<Nanos> = Vec::new();
                for at in (first..members).step_by(ASKERS) {
                    took.push(this.check_by(&sidecar, at).await?);
                }
                Ok(took)
            }
        };
        let took = together((0..ASKERS).map(ask)).await?.concat();
        say(&format!("a sidecar asked the {times} time, eight at once: {}", figures(took)));
    }
    tell(this, "the first asked about 20,000 members twice").await;
    Ok(())
}

async fn tell(this: &Measure, when: &str) {
    for (place, bytes) in this.fleet.memory().await {
        if place.is_sidecar() {
            say(&format!("{place}, {when}: {} MiB resident", bytes.div_ceil(1 << 20)));
        }
    }
}
