//! A run: what all who take part share, and the order of things.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;

use crate::asker::{Asker, Probes};
use crate::clock::Stopwatch;
use crate::failure::{Doing, Failure, Result};
use crate::fleet::{Fleet, Promise};
use crate::history::{History, Register, RegisterAt};
use crate::probe::Probe;
use crate::whom::Whom;
use crate::world::{Tenant, Texts};
use crate::writer::{Acknowledged, Writer};

/// How much is done in a run.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    /// Checks, at least.
    pub checks: u64,
    /// Acknowledged writes, at least.
    pub writes: u64,
    /// Checks a second; a goal, not a promise.
    pub check_rate: u64,
    /// Writes a second.
    pub write_rate: u64,
    /// Tenants.
    pub tenants: usize,
    /// Those who ask at the same time.
    pub askers: usize,
    /// What a busy machine may add to everything that has to be done in time.
    pub slack: Duration,
}

/// What all who take part in a run share.
#[derive(Debug)]
pub struct Run {
    /// All choices follow from it.
    pub seed: u64,
    /// The clock.
    pub watch: Stopwatch,
    /// How long a client waits for an answer.
    pub ask_patience: Duration,
    /// How long a client waits for an acknowledgement.
    pub write_patience: Duration,
    /// How often a write is tried.
    pub attempts: u32,
    /// How long each who asks rests after a question.
    pub ask_rest: Duration,
    /// How long each writer rests after a write.
    pub write_rest: Duration,
    /// How long after the last disturbance everything has to be well.
    recovery: Duration,
    extent: Extent,
    asked: AtomicU64,
    written: AtomicU64,
    disturbed: AtomicBool,
    /// For each register the last acknowledgement of its tenant.
    tokens: Mutex<Vec<Option<Acknowledged>>>,
    tenants: Mutex<Vec<usize>>,
}

impl Run {
    /// A run that has not begun.
    pub fn new(seed: u64, extent: Extent, promise: Promise) -> Self {
        let askers = u32::try_from(extent.askers).unwrap_or(1).max(1);
        let each = |rate: u64, among: u32| Duration::from_secs(1) * among / narrow(rate);
        Self {
            seed,
            watch: Stopwatch::start(),
            ask_patience: Duration::from_secs(2) + extent.slack,
            write_patience: promise.wait() + extent.slack * 2,
            attempts: 60,
            ask_rest: each(extent.check_rate, askers),
            write_rest: Duration::ZERO,
            recovery: promise.recovery() + extent.slack,
            extent,
            asked: AtomicU64::new(0),
            written: AtomicU64::new(0),
            disturbed: AtomicBool::new(false),
            tokens: Mutex::default(),
            tenants: Mutex::default(),
        }
    }

    /// What a busy machine may add to everything that has to be done in time.
    pub fn slack(&self) -> Duration {
        self.extent.slack
    }

    /// Counts checks.
    pub fn asked(&self, checks: usize) {
        self.asked.fetch_add(u64::try_from(checks).unwrap_or(0), Ordering::Relaxed);
    }

    /// Counts a write and keeps its token for those who ask.
    pub fn acknowledged(&self, register: RegisterAt, acknowledged: &Acknowledged) {
        self.written.fetch_add(1, Ordering::Relaxed);
        let tenant = self.tenant(register);
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = tokens.get_mut(tenant)
            && last.as_ref().is_none_or(|last| last.revision < acknowledged.revision)
        {
            *last = Some(acknowledged.clone());
        }
    }

    /// The last acknowledgement of the tenant of a register.
    pub fn token(&self, register: RegisterAt) -> Option<Acknowledged> {
        let tenant = self.tenant(register);
        let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.get(tenant).cloned().flatten()
    }

    fn tenant(&self, register: RegisterAt) -> usize {
        let tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        let at = usize::try_from(register).unwrap_or(usize::MAX);
        tenants.get(at).copied().unwrap_or(usize::MAX)
    }

    /// Every disturbance that was planned has been.
    pub fn disturbed_enough(&self) {
        self.disturbed.store(true, Ordering::Relaxed);
    }

    /// Whether everything has been done.
    pub fn over(&self) -> bool {
        self.disturbed.load(Ordering::Relaxed) && self.done()
    }

    /// Waits for a while, or until the run is over. True if it is.
    pub async fn rest(&self, mut rest: Duration) -> bool {
        const STEP: Duration = Duration::from_millis(200);
        while !self.over() && !rest.is_zero() {
            let step = rest.min(STEP);
            tokio::time::sleep(step).await;
            rest -= step;
        }
        self.over()
    }

    /// Whether enough has been asked and written.
    pub fn done(&self) -> bool {
        let (asked, written) = self.progress();
        asked >= self.extent.checks && written >= self.extent.writes
    }

    /// Checks and acknowledged writes so far.
    pub fn progress(&self) -> (u64, u64) {
        (self.asked.load(Ordering::Relaxed), self.written.load(Ordering::Relaxed))
    }
}

fn narrow(rate: u64) -> u32 {
    u32::try_from(rate).unwrap_or(u32::MAX).max(1)
}

/// A run with its tenants in the store, and every register off.
pub struct Stage {
    /// What all share.
    pub run: Arc<Run>,
    /// What can be asked.
    pub probes: Arc<Probes>,
    writers: Vec<Writer>,
    registers: Vec<Register>,
}

/// Makes the tenants, and sees that every register can be written and read.
///
/// # Errors
///
/// If a server refuses, or a probe does not show what was written.
pub async fn prepare(fleet: &Arc<Fleet>, mut run: Run) -> Result<Stage> {
    let first = fleet.replica(0).ok_or_else(|| Failure("there is no server".into()))?;
    let texts = Texts::new()?;
    texts.put(first).await?;
    let mut registers = Vec::new();
    let mut planned = Vec::new();
    for number in 0..run.extent.tenants {
        let tenant = Tenant::new(number, &texts);
        tenant.make(first).await?;
        for plan in tenant.plans {
            let name = format!("{} of {}", plan.name, tenant.id);
            registers.push(Register { tenant: u16::try_from(number).unwrap_or(0), name });
            planned.push((tenant.id.clone(), plan));
        }
    }
    let writers = narrow(u64::try_from(planned.len()).unwrap_or(0));
    run.write_rest = Duration::from_secs(1) * writers / narrow(run.extent.write_rate);
    run.tenants = Mutex::new(registers.iter().map(|one| usize::from(one.tenant)).collect());
    run.tokens = Mutex::new(vec![None; run.extent.tenants]);
    let run = Arc::new(run);

    let mut probes = Probes::new();
    let mut tenants: BTreeMap<String, Vec<Writer>> = BTreeMap::new();
    for (register, (tenant, plan)) in (0..).zip(planned) {
        probes.push((register, plan.probes.clone()));
        let whom = Whom::Anybody(Arc::clone(fleet));
        let writer = Writer::new(register, tenant.clone(), plan, whom, &run);
        tenants.entry(tenant).or_default().push(writer);
    }
    let mut tried = JoinSet::new();
    for writers in tenants.into_values() {
        tried.spawn(try_out(writers, Arc::clone(fleet)));
    }
    let mut writers = Vec::new();
    while let Some(of_tenant) = tried.join_next().await {
        writers.extend(of_tenant.doing("trying out registers")??);
    }
    Ok(Stage { run, probes: Arc::new(probes), writers, registers })
}

/// Sees that each probe shows what is written, and leaves the registers off.
async fn try_out(mut writers: Vec<Writer>, fleet: Arc<Fleet>) -> Result<Vec<Writer>> {
    for writer in &mut writers {
        try_one(writer, &fleet).await?;
    }
    Ok(writers)
}

/// The first and the last: those between differ from the first in the resource only.
fn few(probes: &[Probe]) -> impl Iterator<Item = &Probe> {
    let last = probes.len().saturating_sub(1);
    probes.iter().enumerate().filter(move |(at, _)| *at == 0 || *at == last).map(|(_, one)| one)
}

async fn try_one(writer: &mut Writer, fleet: &Fleet) -> Result<()> {
    for (nth, value) in [false, true, false].into_iter().enumerate() {
        if !writer.write(value).await {
            let why = writer.history.attempts.iter().rev().find_map(|one| one.refused.clone());
            let why = why.map_or(String::new(), |why| why.to_string());
            let name = writer.plan.name;
            return Err(Failure(format!("`{name}` cannot be turned to {value}: {why}")));
        }
        if nth == 0 {
            // It may have been off before: then this made no revision.
            writer.history.writes.clear();
        }
        for probe in few(&writer.plan.probes) {
            for replica in fleet.all() {
                let (shown, _) = probe.ask(replica).await?;
                if shown != Some(value) {
                    let name = writer.plan.name;
                    return Err(Failure(format!(
                        "`{name}` is {value}, but {shown:?} on {}: {probe:?}",
                        replica.place
                    )));
                }
            }
        }
    }
    Ok(())
}

impl Stage {
    /// From now on writes go there.
    pub fn write_by(&mut self, whom: &Whom) {
        self.writers.iter_mut().for_each(|writer| writer.whom = whom.clone());
    }

    /// Writes and asks until the run is over, then asks everything once more everywhere. There is an
    /// asker for each of `asked`.
    ///
    /// # Errors
    ///
    /// If one of those who take part failed.
    pub async fn play(self, fleet: &Arc<Fleet>, asked: Vec<Whom>) -> Result<History> {
        let Self { run, probes, writers, registers } = self;
        let mut all = JoinSet::new();
        for writer in writers {
            all.spawn(writer.flip());
        }
        let mut number = 0;
        for whom in asked {
            number += 1;
            all.spawn(Asker::new(whom, &probes, &run, number).ask());
        }
        let mut history = History { registers, ..History::default() };
        while let Some(part) = all.join_next().await {
            history.absorb(part.doing("taking part")?);
        }
        tokio::time::sleep(run.recovery).await;
        for server in fleet.all() {
            number += 1;
            let whom = Whom::One(Arc::clone(server));
            all.spawn(Asker::new(whom, &probes, &run, number).ask_all());
        }
        while let Some(part) = all.join_next().await {
            history.absorb(part.doing("asking in the end")?);
        }
        Ok(history)
    }
}
