//! A server with one product's people, to be asked and reconfigured.

use lineguard::wire::pb;
use lineguard_core::change::Change;
use lineguard_core::port::ApplyError;
use lineguard_testkit::world::{NOW, World, batch};

use crate::harness::Harness;

/// Greatest number of questions of a batch.
const BATCH: usize = 1_000;

/// A server, and how often it was reconfigured.
pub struct Bench {
    pub harness: Harness,
    applied: usize,
}

impl Bench {
    /// A server of this world.
    pub async fn start(world: World) -> Self {
        let harness = Harness::start().await;
        harness.build(world).await;
        Self { harness, applied: 0 }
    }

    /// Changes the tenant, or tells why not.
    pub async fn try_apply(&mut self, changes: Vec<Change>) -> Result<(), ApplyError> {
        self.applied += 1;
        let batch = batch("t1", &format!("change-{}", self.applied), changes);
        self.harness.app.store.apply(&batch, NOW).await.map(|_| ())
    }

    /// Changes the tenant.
    pub async fn apply(&mut self, changes: Vec<Change>) {
        if !changes.is_empty() {
            self.try_apply(changes).await.unwrap();
        }
    }

    /// Asks many questions. A question without an answer is a mistake of the matrix.
    pub async fn ask(&self, asked: Vec<pb::CheckRequest>) -> Vec<pb::Decision> {
        let mut decisions = Vec::with_capacity(asked.len());
        for checks in asked.chunks(BATCH) {
            let request = pb::BatchCheckRequest { checks: checks.to_vec(), consistency: None };
            let results = self.harness.client().batch_check(request).await.unwrap();
            for (asked, answer) in checks.iter().zip(results.into_inner().results) {
                match answer.result.unwrap() {
                    pb::check_result::Result::Decision(decision) => decisions.push(decision),
                    pb::check_result::Result::Error(error) => panic!("{asked:#?}\n{error:#?}"),
                }
            }
        }
        decisions
    }

    /// Who receives a fax on this number.
    pub async fn receivers(&self, number: &str) -> pb::ResolveAutoAssignResponse {
        let request = pb::ResolveAutoAssignRequest {
            tenant: "t1".into(),
            number: number.into(),
            consistency: None,
        };
        self.harness.client().resolve_auto_assign(request).await.unwrap().into_inner()
    }

    /// Which number a person presents for a call; `requested` is what they ask for.
    pub async fn caller_id(
        &self,
        who: &str,
        requested: Option<&str>,
    ) -> (pb::CallerIdOutcome, String) {
        use pb::resolve_caller_id_request::Requested;
        let request = pb::ResolveCallerIdRequest {
            tenant: "t1".into(),
            subject: Some(crate::ask::user(who)),
            account: "home".into(),
            used_for: pb::SendChannel::Call.into(),
            requested: requested.map(|number| Requested::Number(number.into())),
            context: None,
            consistency: None,
        };
        let answer = self.harness.client().resolve_caller_id(request).await.unwrap().into_inner();
        (answer.outcome(), answer.number)
    }
}
