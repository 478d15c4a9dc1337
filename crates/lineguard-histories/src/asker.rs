//! Asks one server about any register.

use std::sync::Arc;
use std::time::Duration;

use lineguard::wire::pb;
use tokio::time::sleep;
use tonic::Status;

use crate::clock::Nanos;
use crate::history::{Answer, History, Kind, Place, Refusal, Refused, RegisterAt};
use crate::probe::{Probe, Shown, of_decision};
use crate::random::Random;
use crate::refused::{name, within};
use crate::replica::Replica;
use crate::run::Run;
use crate::whom::Whom;

/// Questions in a batch.
const BATCH: usize = 8;

/// What can be asked: the probes of each register.
pub type Probes = Vec<(RegisterAt, Vec<Probe>)>;

/// Somebody who asks.
pub struct Asker {
    whom: Whom,
    probes: Arc<Probes>,
    run: Arc<Run>,
    random: Random,
    history: History,
}

impl Asker {
    /// Somebody who asks these.
    pub fn new(whom: Whom, probes: &Arc<Probes>, run: &Arc<Run>, number: u64) -> Self {
        let random = Random::new(run.seed, 1_000_000 + number);
        let (probes, run) = (Arc::clone(probes), Arc::clone(run));
        Self { whom, probes, run, random, history: History::default() }
    }

    /// Asks until the run is over, at its pace.
    pub async fn ask(mut self) -> History {
        while !self.run.over() {
            let asked =
                if self.random.percent(8) { self.batch().await } else { self.single().await };
            self.run.asked(asked);
            let rest = self.run.ask_rest * u32::try_from(asked).unwrap_or(1);
            if !rest.is_zero() {
                sleep(self.random.between(Duration::ZERO, rest * 2)).await;
            }
        }
        self.history
    }

    /// Asks about every register once.
    pub async fn ask_all(mut self) -> History {
        let probes = Arc::clone(&self.probes);
        for (register, probes) in probes.iter() {
            if let Some(probe) = probes.first() {
                self.put(*register, probe.clone()).await;
            }
        }
        self.history
    }

    /// A question that is often, but not always, one that was asked before.
    fn pick(&mut self) -> Option<(RegisterAt, Probe)> {
        let (register, probes) = self.probes.get(self.random.below(self.probes.len()))?;
        let warm = self.random.percent(75);
        let among = if warm { 1 } else { probes.len() };
        // Pages stand last.
        let at = if self.random.percent(10) {
            probes.len().saturating_sub(1 + self.random.below(among.min(4)))
        } else {
            self.random.below(among)
        };
        probes.get(at).map(|probe| (*register, probe.clone()))
    }

    async fn single(&mut self) -> usize {
        if let Some((register, probe)) = self.pick() {
            self.put(register, probe).await;
        }
        1
    }

    async fn put(&mut self, register: RegisterAt, mut probe: Probe) {
        let at_least = if self.random.percent(20) { self.token(register, &mut probe) } else { 0 };
        let Some(server) = self.whom.pick(&mut self.random) else { return self.nobody().await };
        let (life, call) = (server.life(), self.run.watch.now());
        let answered = within(self.run.ask_patience, probe.ask(&server)).await;
        let reply = self.run.watch.now();
        let asked = Asked { server, kind: probe.kind(), life, call, reply, at_least };
        self.record(register, &asked, answered);
    }

    /// Makes a question ask for at least the last acknowledged revision of its tenant.
    fn token(&self, register: RegisterAt, probe: &mut Probe) -> u64 {
        let Some(last) = self.run.token(register).filter(|last| !last.token.is_empty()) else {
            return 0;
        };
        probe.at_least(last.token);
        last.revision
    }

    async fn batch(&mut self) -> usize {
        let mut registers = Vec::with_capacity(BATCH);
        let mut checks = Vec::with_capacity(BATCH);
        while checks.len() < BATCH {
            if let Some((register, Probe::Check(check))) = self.pick() {
                registers.push(register);
                checks.push(*check);
            }
        }
        let Some(server) = self.whom.pick(&mut self.random) else {
            self.nobody().await;
            return 0;
        };
        let (life, call) = (server.life(), self.run.watch.now());
        let mut client = server.questions();
        let request = pb::BatchCheckRequest { checks, consistency: None };
        let answered = within(self.run.ask_patience, client.batch_check(request)).await;
        let reply = self.run.watch.now();
        let asked = Asked { server, kind: Kind::Batch, life, call, reply, at_least: 0 };
        match answered {
            Ok(answers) => {
                let results = answers.into_inner().results;
                for (register, result) in registers.into_iter().zip(results) {
                    self.record(register, &asked, of_item(result));
                }
            }
            Err(why) => self.record(0, &asked, Err(why)),
        }
        BATCH
    }

    /// A call that can be sent to nobody has failed.
    async fn nobody(&mut self) {
        let (call, kind, why) = (self.run.watch.now(), Kind::Check, Refused::Nobody);
        let place = Place::Server(0);
        self.history.refusals.push(Refusal { kind, place, call, end: call, why });
        sleep(Duration::from_millis(20)).await;
    }

    fn record(&mut self, register: RegisterAt, asked: &Asked, answered: Result<Shown, Refused>) {
        let Asked { ref server, kind, life, call, reply, at_least } = *asked;
        let place = server.place;
        match answered {
            Ok((value, revision)) => {
                // Somebody answered before the restart or after it; which is not known.
                let life = (life == server.life()).then_some(life);
                self.history.answers.push(Answer {
                    register,
                    kind,
                    place,
                    life,
                    call,
                    reply,
                    value,
                    revision,
                    at_least,
                });
            }
            Err(why) => self.history.refusals.push(Refusal { kind, place, call, end: reply, why }),
        }
    }
}

/// A question as it was sent.
struct Asked {
    server: Arc<Replica>,
    kind: Kind,
    life: u16,
    call: Nanos,
    reply: Nanos,
    at_least: u64,
}

fn of_item(item: pb::CheckResult) -> Result<Shown, Refused> {
    match item.result {
        Some(pb::check_result::Result::Decision(decision)) => Ok(of_decision(Some(&decision))),
        Some(pb::check_result::Result::Error(error)) => {
            let code = Status::new(error.code.into(), "").code();
            Err(Refused::Status(name(code), error.message))
        }
        None => Ok((None, 0)),
    }
}
