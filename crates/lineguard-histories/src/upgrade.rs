//! An upgrade there and back between two programs that answer the same questions differently, on one
//! PostgreSQL and one Redis. No answer of the one may come out of the other, although each finds
//! those of its own in Redis.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use lineguard::wire::change::change_to_wire;
use lineguard::wire::pb;
use lineguard_core::change::{Change, OverrideValue};
use lineguard_core::model::BUILT_IN;
use lineguard_testkit::ids;
use lineguard_testkit::world::world;

use crate::failure::{Doing, Failure, Result};
use crate::fleet::Fleet;
use crate::probe::{Asked, user};
use crate::replica::Replica;

const TENANT: &str = "upgraded";
const ACCOUNT: &str = "home";

/// One of two programs.
#[derive(Debug, Clone)]
pub struct Program {
    /// Where it is.
    pub path: PathBuf,
    /// What it says to every question.
    pub says: pb::Effect,
}

/// What was seen.
#[derive(Debug, Clone, Copy, Default)]
pub struct Seen {
    /// Questions asked.
    pub asked: u64,
    /// Answers of the other program.
    pub strangers: u64,
    /// Answers that came out of Redis.
    pub shared: u64,
    /// Restarts after which the program had answers in Redis already, and how many of those it took
    /// at least one of.
    pub expected: usize,
    /// See `expected`.
    pub found: usize,
}

impl Seen {
    /// Whether nothing was mixed up, and could have been.
    pub fn is_sound(&self) -> bool {
        self.strangers == 0 && self.expected > 0 && self.expected == self.found
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { asked, strangers, shared, expected, found } = self;
        write!(f, "{asked} checks, {shared} of them answered out of Redis, ")?;
        write!(f, "{strangers} by answers of the other program; ")?;
        write!(f, "answers of its own were found after {found} of {expected} restarts")
    }
}

/// Replaces the program of one server after the other by the second, then by the first again, for
/// some rounds, and asks every server everything after each restart.
///
/// # Errors
///
/// If something does not come back, or there is no answer.
pub async fn there_and_back(
    fleet: &Fleet,
    [first, second]: [&Program; 2],
    (rounds, members): (usize, usize),
) -> Result<Seen> {
    let mut running: Vec<(Arc<Replica>, &Program)> =
        fleet.replicas.iter().map(|server| (Arc::clone(server), first)).collect();
    set_up(fleet, members).await?;
    let mut seen = Seen::default();
    ask_all(&running, members, &mut seen).await?;
    for round in 0..rounds {
        for (there, program) in [(true, second), (false, first)] {
            for at in 0..running.len() {
                let Some((server, runs)) = running.get_mut(at) else { continue };
                server.stop().await?;
                server.install(&program.path);
                server.start().await?;
                *runs = program;
                let server = Arc::clone(server);
                ask_all(&running, members, &mut seen).await?;
                // Before the first of its servers was asked, the second program had said nothing.
                let (says_first, shared) = (round == 0 && there && at == 0, shared(&server).await?);
                if !says_first {
                    seen.expected += 1;
                    seen.found += usize::from(shared > 0);
                }
                seen.shared += shared;
            }
        }
    }
    Ok(seen)
}

fn member(at: usize) -> String {
    format!("member-{at}")
}

/// Members who may not see folders.
async fn set_up(fleet: &Fleet, members: usize) -> Result<()> {
    let standard = BUILT_IN.iter().find(|(name, _)| *name == "standard");
    let (_, text) = standard.ok_or_else(|| Failure("there is no model `standard`".into()))?;
    let told = world(TENANT).model(text).account(ACCOUNT);
    let told = (0..members).fold(told, |told, at| told.member(&member(at)).role("member"));
    let mut changes = told.batch().changes;
    changes.extend((0..members).map(|at| Change::SetOverride {
        account: ids::account(ACCOUNT),
        subject: ids::user(&member(at)),
        permission: ids::key("folders.view"),
        value: OverrideValue::Off,
    }));
    let part = pb::ImportRequest {
        tenant: TENANT.into(),
        actor: Some(user("provisioning")),
        request_id: "import".into(),
        changes: changes.iter().map(change_to_wire).collect(),
        faxes: Vec::new(),
    };
    let server = fleet.replica(0).ok_or_else(|| Failure("there is no server".into()))?;
    let reply = server.changes().import(tokio_stream::once(part)).await?;
    let result = reply.into_inner().results.pop().and_then(|result| result.result);
    match result {
        Some(pb::import_result::Result::Imported(_)) => Ok(()),
        other => Err(Failure(format!("the import is refused: {other:?}"))),
    }
}

/// Asks every server about every member, twice: the second time each answers from memory.
async fn ask_all(
    running: &[(Arc<Replica>, &Program)],
    members: usize,
    seen: &mut Seen,
) -> Result<()> {
    for (server, program) in running.iter().chain(running) {
        for at in 0..members {
            let who = member(at);
            let asked =
                Asked { tenant: TENANT, who: &who, account: ACCOUNT, action: "folder.view" };
            let answer = server.questions().check(asked.of_ours("thing")).await;
            let decision = answer.doing(format!("asking {}", server.place))?.into_inner().decision;
            let said = decision.map(|decision| decision.effect());
            seen.asked += 1;
            seen.strangers += u64::from(said != Some(program.says));
        }
    }
    Ok(())
}

/// How many answers a server has taken out of Redis since it was started.
async fn shared(server: &Replica) -> Result<u64> {
    let status = server.operations().get_status(pb::GetStatusRequest {}).await?.into_inner();
    let l2 = status.caches.into_iter().find(|cache| cache.name == "l2");
    Ok(l2.ok_or_else(|| Failure(format!("{} shares nothing", server.place)))?.hits)
}
