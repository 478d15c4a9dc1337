//! Writes one register, one write after the other.

use std::sync::Arc;
use std::time::Duration;

use lineguard::wire::change::change_to_wire;
use lineguard::wire::id::user_or_group_to_wire;
use lineguard::wire::pb;
use lineguard_core::change::Change;
use tokio::time::sleep;
use tonic::Status;

use crate::history::{Attempt, History, RegisterAt, Write};
use crate::probe::user;
use crate::random::Random;
use crate::refused::within;
use crate::replica::Replica;
use crate::run::Run;
use crate::whom::Whom;
use crate::world::Plan;

/// A writer; each register has exactly one.
pub struct Writer {
    /// The register.
    pub register: RegisterAt,
    /// How it is written.
    pub plan: Plan,
    /// By whom.
    pub whom: Whom,
    /// What it has written.
    pub history: History,
    tenant: String,
    run: Arc<Run>,
    random: Random,
    writes: u64,
}

/// What an acknowledgement says.
#[derive(Debug, Clone)]
pub struct Acknowledged {
    /// The tenant's revision.
    pub revision: u64,
    /// The token that names it.
    pub token: String,
}

impl Writer {
    /// The writer of a register.
    pub fn new(
        register: RegisterAt,
        tenant: String,
        plan: Plan,
        whom: Whom,
        run: &Arc<Run>,
    ) -> Self {
        let random = Random::new(run.seed, 1_000 + u64::from(register));
        let (run, history) = (Arc::clone(run), History::default());
        Self { register, plan, whom, history, tenant, run, random, writes: 0 }
    }

    /// Writes a value, and tries until somebody acknowledges it. False if it gave up; then it must
    /// not write again.
    pub async fn write(&mut self, value: bool) -> bool {
        self.writes += 1;
        let request_id = format!("register-{}-{}", self.register, self.writes);
        let call = self.run.watch.now();
        let acknowledged = self.attempts(value, &request_id).await;
        let ack = acknowledged.as_ref().map(|_| self.run.watch.now());
        let revision = acknowledged.as_ref().map_or(0, |acknowledged| acknowledged.revision);
        self.history.writes.push(Write { register: self.register, value, call, ack, revision });
        match acknowledged {
            Some(acknowledged) => {
                self.run.acknowledged(self.register, &acknowledged);
                true
            }
            None => false,
        }
    }

    async fn attempts(&mut self, value: bool, request_id: &str) -> Option<Acknowledged> {
        let [off, on] = &self.plan.changes;
        let change = if value { on.clone() } else { off.clone() };
        for _ in 0..self.run.attempts {
            let Some(server) = self.whom.pick(&mut self.random) else {
                sleep(Duration::from_millis(20)).await;
                continue;
            };
            let call = self.run.watch.now();
            let asked = apply(&server, &self.tenant, request_id, &change);
            let answered = within(self.run.write_patience, asked).await;
            let end = self.run.watch.now();
            let refused = answered.as_ref().err().cloned();
            let (register, place) = (self.register, server.place);
            self.history.attempts.push(Attempt { register, place, call, end, refused });
            if let Ok(acknowledged) = answered {
                return Some(acknowledged);
            }
            let (least, most) = (Duration::from_millis(20), Duration::from_millis(200));
            sleep(self.random.between(least, most)).await;
        }
        None
    }

    /// Writes until the run is over, at the pace of the run.
    pub async fn flip(mut self) -> History {
        let mut value = false;
        loop {
            let rest = self.random.between(Duration::ZERO, self.run.write_rest * 2);
            if self.run.rest(rest).await {
                return self.history;
            }
            value = !value;
            if !self.write(value).await {
                return self.history;
            }
        }
    }
}

/// Makes one change, by the door that is made for it.
async fn apply(
    server: &Replica,
    tenant: &str,
    request_id: &str,
    change: &Change,
) -> Result<Acknowledged, Status> {
    let (tenant, request_id) = (tenant.to_owned(), request_id.to_owned());
    let actor = Some(user("provisioning"));
    match change {
        Change::AssignFax { fax, assignee } => {
            let (fax, assignee) =
                (fax.as_str().to_owned(), assignee.as_ref().map(user_or_group_to_wire));
            let request = pb::AssignFaxRequest { tenant, actor, request_id, fax, assignee };
            let reply = server.faxes().assign_fax(request).await?.into_inner();
            Ok(Acknowledged { revision: reply.revision, token: reply.revision_token })
        }
        Change::MoveFax { fax, faxbox } => {
            let (fax, faxbox) =
                (fax.as_str().to_owned(), faxbox.as_ref().map(|one| one.as_str().to_owned()));
            let request = pb::MoveFaxRequest { tenant, actor, request_id, fax, faxbox };
            let reply = server.faxes().move_fax(request).await?.into_inner();
            Ok(Acknowledged { revision: reply.revision, token: reply.revision_token })
        }
        other => {
            let changes = vec![change_to_wire(other)];
            let request = pb::ApplyRequest { tenant, actor, request_id, if_exists: 0, changes };
            let reply = server.changes().apply(request).await?.into_inner();
            Ok(Acknowledged { revision: reply.revision, token: reply.revision_token })
        }
    }
}
