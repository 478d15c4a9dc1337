//! A server that is cut off from the database: when it stops to answer, what its readiness says,
//! and when it is back.

use std::time::Duration;

use tokio::time::timeout;

use super::{Measure, rest, say};
use crate::clock::{Nanos, seconds};
use crate::failure::{Failure, Result};
use crate::link::Condition;

/// How often it is asked.
const EVERY: Duration = Duration::from_millis(10);

/// How long a client waits.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) async fn measure(this: &Measure) -> Result<()> {
    for (what, condition) in [("silent", Condition::Silent), ("cut", Condition::Cut)] {
        let server = this.replica(0)?;
        let link = server.links.postgres.as_ref();
        let link = link.ok_or_else(|| Failure("measuring needs PostgreSQL".into()))?;
        this.check(0, 1).await?;
        this.check(0, 1).await?;

        let cut = this.watch.now();
        link.set(condition);
        let last = this.promise.lease * 2 + Duration::from_secs(1);
        let stopped = change(this, false, last).await?;
        link.set(Condition::Open);
        let healed = this.watch.now();
        let back = change(this, true, last).await?;
        say(&format!(
            "link to the database {what}: last answer after {}, not ready after {}; \
             healed: first answer after {}, ready after {}",
            since(cut, stopped.answers),
            since(cut, stopped.ready),
            since(healed, back.answers),
            since(healed, back.ready),
        ));
        rest(this.promise.lease).await;
    }
    Ok(())
}

/// When a warm question and readiness changed.
#[derive(Default)]
struct Changed {
    answers: Option<Nanos>,
    ready: Option<Nanos>,
}

/// Asks for as long as it takes until both are as wanted, but not for ever. The moment of answers is
/// that of the call of the last one that was answered, or of the first.
async fn change(this: &Measure, wanted: bool, last: Duration) -> Result<Changed> {
    let server = this.replica(0)?;
    let mut changed = Changed::default();
    let mut answered = None;
    let asking = async {
        loop {
            let now = this.watch.now();
            let answers = matches!(timeout(PATIENCE, this.check(0, 1)).await, Ok(Ok(_)));
            if changed.ready.is_none() && server.ready().await == wanted {
                changed.ready = Some(this.watch.now());
            }
            if answers == wanted && changed.answers.is_none() {
                changed.answers =
                    if wanted { Some(this.watch.now()) } else { answered.or(Some(now)) };
            }
            if answers {
                answered = Some(now);
            }
            if changed.answers.is_some() && changed.ready.is_some() {
                break;
            }
            rest(EVERY).await;
        }
    };
    // What did not change by then is told as such.
    let _ = timeout(last, asking).await;
    Ok(changed)
}

fn since(from: Nanos, moment: Option<Nanos>) -> String {
    moment.map_or("never".into(), |at| format!("{:.2} s", seconds(at.saturating_sub(from))))
}
