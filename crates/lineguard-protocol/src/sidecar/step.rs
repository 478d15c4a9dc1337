//! What can happen next. Whoever can act may act or wait, as in the coarse model.

use super::state::{Database, Life, Row, State, View, WAIT, Writer};
use super::{Config, parent, writer};
use crate::sidecar::mutant::Mutant;
use crate::sidecar::state::{LEASE, Renewal, Sidecar};

/// Who answers, and whose clock may lose a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Party {
    /// The parent.
    Parent,
    /// The sidecar.
    Sidecar,
}

/// One thing that one party does, or one tick of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A tick passes on every clock, or on every clock but this one.
    Tick(Option<Party>),
    /// The writer commits.
    Commit,
    /// It reads who the members are: whether it waits for the present incarnation, and whether
    /// for the one before.
    ReadMembers(bool, bool),
    /// It acknowledges, as nobody is left to wait for.
    AcknowledgeConfirmed,
    /// It acknowledges, as it has waited long enough.
    AcknowledgeWaited,
    /// The parent is fenced; or, after its end, its former incarnation.
    Fence,
    /// The one who fenced deletes the row.
    DeleteFenced,
    /// The database is closed to be restored.
    Close,
    /// It opens again, as it was before the change.
    Open,
    /// The parent registers an incarnation.
    Register,
    /// It sends a poll, which shows this, and whether its row is live.
    Poll(View, bool),
    /// It installs the reply.
    Install(View),
    /// It ignores a reply that is too old for a lease.
    IgnoreLate,
    /// The reply shows no live row: it drops its lease and its incarnation.
    LoseIncarnation,
    /// The reply shows another history: it drops everything but its grants.
    NoticeRestore,
    /// It confirms the change.
    Confirm,
    /// It deletes the row of its former incarnation.
    DeleteFormer,
    /// It begins to stop.
    Stop,
    /// It deletes its row, as the last thing that it does.
    DeleteOwn,
    /// Its process dies and starts again with empty memory.
    Die,
    /// The sidecar asks for a lease, and the parent grants it for so many ticks.
    Renew(u8),
    /// The parent makes a record of a grant. Mutants only.
    Record,
    /// The sidecar asks, and learns that its parent is in another history.
    DropView,
    /// The sidecar installs the reply.
    Take(View),
    /// It ignores a reply that is too old for a lease.
    IgnoreOldGrant,
    /// The parent hears what the sidecar has installed.
    Hear(View),
    /// The sidecar drops its lease, and then its parent the record of it.
    Leave,
    /// Somebody who holds a lease answers.
    Answer(Party, View),
}

/// Something that a search should have met, or it has shown little.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Landmark {
    /// A write was acknowledged because everybody had confirmed it.
    AcknowledgedEarly,
    /// A write was acknowledged because enough time had passed.
    AcknowledgedLate,
    /// The sidecar answered.
    Answered,
    /// The parent heard that the sidecar has installed the change.
    Heard,
    /// A clock lost a tick.
    TickLost,
    /// The parent left in order.
    Left,
    /// A row of a former incarnation was deleted by the parent.
    FormerDeleted,
    /// A fenced row was deleted.
    FencedDeleted,
    /// The parent died.
    Died,
    /// The parent noticed a restore.
    RestoreNoticed,
    /// The sidecar was told of another history.
    ViewDropped,
    /// A grant came too late.
    OldGrantIgnored,
}

/// A set of landmarks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Landmarks(u32);

impl Landmarks {
    /// Whether this one was met.
    #[must_use]
    pub const fn has(self, landmark: Landmark) -> bool {
        self.0 & (1 << landmark as u32) != 0
    }

    /// Adds what a step shows.
    pub fn note(&mut self, step: Step) {
        let landmark = match step {
            Step::AcknowledgeConfirmed => Landmark::AcknowledgedEarly,
            Step::AcknowledgeWaited => Landmark::AcknowledgedLate,
            Step::Answer(Party::Sidecar, _) => Landmark::Answered,
            Step::Hear(_) => Landmark::Heard,
            Step::Tick(Some(_)) => Landmark::TickLost,
            Step::DeleteOwn => Landmark::Left,
            Step::DeleteFormer => Landmark::FormerDeleted,
            Step::DeleteFenced => Landmark::FencedDeleted,
            Step::Die => Landmark::Died,
            Step::NoticeRestore => Landmark::RestoreNoticed,
            Step::DropView => Landmark::ViewDropped,
            Step::IgnoreOldGrant => Landmark::OldGrantIgnored,
            _ => return,
        };
        self.0 |= 1 << landmark as u32;
    }
}

/// A step and the state that it leads to.
pub type Next = (Step, State);

/// Everything that can happen next, in a fixed order.
pub fn successors(config: &Config, state: &State, next: &mut Vec<Next>) {
    next.clear();
    answers(state, next);
    time(state, next);
    restore(config, state, next);
    writer::steps(config, state, next);
    parent::steps(config, state, next);
    sidecar(config, state, next);
}

fn answers(state: &State, next: &mut Vec<Next>) {
    let parent = state.parent.view.filter(|_| state.parent.lease > 0);
    let sidecar = state.sidecar.view.filter(|_| state.sidecar.lease > 0);
    next.extend(parent.map(|view| (Step::Answer(Party::Parent, view), *state)));
    next.extend(sidecar.map(|view| (Step::Answer(Party::Sidecar, view), *state)));
}

fn time(state: &State, next: &mut Vec<Next>) {
    let spent = State { ticks_to_lose: state.ticks_to_lose.saturating_sub(1), ..*state };
    next.push((Step::Tick(None), tick(state, true, true)));
    if state.ticks_to_lose > 0 {
        next.push((Step::Tick(Some(Party::Parent)), tick(&spent, false, true)));
        next.push((Step::Tick(Some(Party::Sidecar)), tick(&spent, true, false)));
    }
}

fn tick(state: &State, parent: bool, sidecar: bool) -> State {
    let mut to = *state;
    let up = |age: u8| (age + 1).min(WAIT);
    if let Writer::Committed { age } | Writer::Waiting { age, .. } = &mut to.writer {
        *age = up(*age);
    }
    for row in [&mut to.row, &mut to.former] {
        if let Row::Fenced { age } = row {
            *age = up(*age);
        }
    }
    to.database.closed = to.database.closed.map(up);
    if parent {
        let here = &mut to.parent;
        here.lease = here.lease.saturating_sub(1);
        if let Some(poll) = &mut here.poll {
            poll.age = (poll.age + 1).min(LEASE);
        }
        if let Some(grant) = &mut here.grant {
            grant.left -= 1;
        }
        here.grant = here.grant.filter(|grant| grant.left > 0);
        here.clears = here.clears.map(|left| left.saturating_sub(1));
    }
    if sidecar {
        let here = &mut to.sidecar;
        here.lease = here.lease.saturating_sub(1);
        if let Some(renewal) = &mut here.renewal {
            renewal.age = (renewal.age + 1).min(LEASE);
        }
    }
    to
}

/// Nobody restores a database while leases on it may hold. What its backup says of members is
/// nothing: then nobody is waited for.
fn restore(config: &Config, state: &State, next: &mut Vec<Next>) {
    let present = state.database.present;
    match state.database.closed {
        None if config.restores && !present.restored => {
            let database = Database { present, closed: Some(0) };
            next.push((Step::Close, State { database, ..*state }));
        }
        Some(age) if age >= WAIT => {
            let present = View { restored: true, changed: false };
            let database = Database { present, closed: None };
            let (row, former, writer) = (Row::Absent, Row::Absent, Writer::Idle);
            let mut to = State { database, row, former, writer, ..*state };
            to.parent.confirmed = false;
            next.push((Step::Open, to));
        }
        _ => {}
    }
}

/// What the sidecar does, and the parent on its behalf.
fn sidecar(config: &Config, state: &State, next: &mut Vec<Next>) {
    let own = &state.sidecar;
    match own.renewal {
        None => next.extend(parent::renew(config, state)),
        Some(renewal) if renewal.unrecorded => next.extend(parent::record(config, state)),
        Some(renewal) => next.push(take(config, state, renewal)),
    }
    if let Some(to) = parent::hear(state) {
        next.push(to);
    }
    if own.lease > 0 || own.renewal.is_some() {
        let mut to = *state;
        (to.sidecar.lease, to.sidecar.renewal, to.parent.grant) = (0, None, None);
        next.push((Step::Leave, to));
    }
}

/// The sidecar's lease ends so long after it *sent* its request.
fn take(config: &Config, state: &State, renewal: Renewal) -> Next {
    let Sidecar { view, lease, .. } = state.sidecar;
    let spent = if config.lacks(Mutant::LeaseFromReceipt) { 0 } else { renewal.age };
    let granted = renewal.granted.saturating_sub(spent);
    let with = |sidecar| State { sidecar, ..*state };
    if granted == 0 {
        return (Step::IgnoreOldGrant, with(Sidecar { renewal: None, ..state.sidecar }));
    }
    let view = view.filter(|view| view.changed && keeps(config, *view, renewal.view));
    let view = view.unwrap_or(renewal.view);
    let sidecar = Sidecar { view: Some(view), lease: lease.max(granted), renewal: None };
    (Step::Take(view), with(sidecar))
}

/// Whether a view with the change is kept when this one arrives.
fn keeps(config: &Config, own: View, arrived: View) -> bool {
    own.restored == arrived.restored || config.lacks(Mutant::OldViewKept)
}

/// Whether the parent can do anything.
pub(super) fn lives(state: &State) -> bool {
    matches!(state.parent.life, Life::Out | Life::In)
}
