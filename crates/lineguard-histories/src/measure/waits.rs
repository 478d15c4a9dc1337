//! How long acknowledgements take: with sidecars, with everything well, with a server paused, without
//! Redis.

use std::time::Duration;

use super::{Measure, figures, rest, say, together};
use crate::clock::Nanos;
use crate::failure::{Failure, Result};

/// Those who write to the tenant at the same time.
const WRITERS: usize = 8;

pub(super) async fn measure(this: &Measure) -> Result<()> {
    with_sidecars(this).await?;
    servers_alone(this).await
}

/// With a live sidecar of each server, then with one of them standing still. Leaves them stopped.
async fn with_sidecars(this: &Measure) -> Result<()> {
    let sidecars = &this.fleet.sidecars;
    let Some(paused) = sidecars.last() else { return Ok(()) };
    let alone = writes(this, 1, 200, 3).await?;
    say(&format!(
        "acknowledgements, {} sidecars, one writer:       {}",
        sidecars.len(),
        figures(alone)
    ));
    let healthy = writes(this, WRITERS, 100, 3).await?;
    say(&format!(
        "acknowledgements, {} sidecars, eight at once:    {}",
        sidecars.len(),
        figures(healthy)
    ));

    paused.pause().await?;
    let first = writes(this, WRITERS, 1, 3).await?;
    say(&format!("acknowledgements, one sidecar paused:           {}", figures(first)));
    let later = writes(this, WRITERS, 50, 3).await?;
    say(&format!("  the same, once its lease is over:             {}", figures(later)));
    paused.resume().await?;
    for sidecar in sidecars {
        sidecar.kill().await?;
    }
    rest(this.promise.lease).await;
    Ok(())
}

async fn servers_alone(this: &Measure) -> Result<()> {
    let alone = writes(this, 1, 200, 3).await?;
    say(&format!("acknowledgements, one writer:         {}", figures(alone)));
    let healthy = writes(this, WRITERS, 100, 3).await?;
    say(&format!("acknowledgements, eight at once:      {}", figures(healthy)));

    let paused = this.replica(2)?;
    paused.pause().await?;
    let first = writes(this, WRITERS, 1, 2).await?;
    say(&format!("acknowledgements, one server paused:  {}", figures(first)));
    // Fenced by the first, and counted until another wait is over.
    rest(this.promise.wait() + Duration::from_secs(1)).await;
    let later = writes(this, WRITERS, 50, 2).await?;
    say(&format!("  the same, once it counts no more:   {}", figures(later)));
    paused.resume().await?;
    rest(this.promise.lease).await;

    let redis = this.fleet.redis.as_ref();
    let redis = redis.ok_or_else(|| Failure("measuring needs Redis".into()))?;
    redis.lock().await.kill().await?;
    rest(this.promise.poll).await;
    let without = writes(this, WRITERS, 25, 3).await?;
    say(&format!("acknowledgements, Redis down:         {}", figures(without)));
    redis.lock().await.start_again().await?;
    rest(this.promise.lease).await;
    Ok(())
}

/// So many writers, `rounds` writes each, by the first servers in turn.
async fn writes(
    this: &Measure,
    writers: usize,
    rounds: usize,
    servers: usize,
) -> Result<Vec<Nanos>> {
    let one = |writer: usize| {
        let this = this.clone();
        async move {
            let mut took = Vec::with_capacity(rounds);
            for round in 0..rounds {
                took.push(this.write((writer + round) % servers, writer, round).await?);
            }
            Ok(took)
        }
    };
    Ok(together((0..writers).map(one)).await?.concat())
}
