//! Who leads and who waits. Nothing here knows of time; and what it locks with is its parent's
//! choice, so that tests can run it under a scheduler that tries many interleavings.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::sync::PoisonError;

use tokio::sync::oneshot;

use super::sync::{Arc, Mutex, MutexGuard, out_of_lock};

/// All flights that are under way, by key.
pub struct Table<K: Hash + Eq + Clone> {
    flying: Mutex<Flying<K>>,
}

struct Flying<K: Hash + Eq + Clone> {
    flights: HashMap<K, Waiting<K>>,
    /// The ticket of the next follower. No ticket is given out twice, so one who leaves late
    /// cannot take the place of one who waits in a later flight.
    ticket: u64,
}

/// Followers in the order in which they came. Sending one the lead makes it the leader; dropping
/// its sender tells it that the flight has landed.
type Waiting<K> = BTreeMap<u64, oneshot::Sender<Leader<K>>>;

/// What came of joining.
pub enum Joined<K: Hash + Eq + Clone> {
    /// Nobody was on it.
    Leader(Leader<K>),
    /// Somebody is.
    Follower(Follower<K>),
}

impl<K: Hash + Eq + Clone> Table<K> {
    /// An empty one.
    pub fn new() -> Arc<Self> {
        let flying = Flying { flights: HashMap::new(), ticket: 0 };
        Arc::new(Self { flying: Mutex::new(flying) })
    }

    /// Leads if nobody leads for this key, else follows.
    pub fn join(self: &Arc<Self>, key: &K) -> Joined<K> {
        let mut flying = self.lock();
        let ticket = flying.ticket;
        if let Some(waiting) = flying.flights.get_mut(key) {
            let (sender, lead) = oneshot::channel();
            waiting.insert(ticket, sender);
            flying.ticket = ticket.wrapping_add(1);
            let follower = Follower { table: self.clone(), key: key.clone(), ticket, lead };
            return Joined::Follower(follower);
        }
        flying.flights.insert(key.clone(), BTreeMap::new());
        Joined::Leader(Leader { table: self.clone(), key: key.clone(), leads: true })
    }

    /// How many flights are under way, and how many follow in all of them.
    pub fn len(&self) -> (usize, usize) {
        let flying = self.lock();
        (flying.flights.len(), flying.flights.values().map(BTreeMap::len).sum())
    }

    fn lock(&self) -> MutexGuard<'_, Flying<K>> {
        // Nothing panics while it holds the lock; and every state between two statements is sound.
        self.flying.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The only one on its key. Dropping it unfinished, as cancelling does, gives the lead to the
/// follower who has waited longest.
pub struct Leader<K: Hash + Eq + Clone> {
    table: Arc<Table<K>>,
    key: K,
    leads: bool,
}

impl<K: Hash + Eq + Clone> Leader<K> {
    /// The flight has landed: all followers look for themselves.
    pub fn land(mut self) {
        self.leads = false;
        let waiting = self.table.lock().flights.remove(&self.key);
        out_of_lock();
        // This wakes everybody.
        drop(waiting);
    }

    fn hand_over(&self) {
        loop {
            let next = {
                let mut flying = self.table.lock();
                let next = flying.flights.get_mut(&self.key).and_then(BTreeMap::pop_first);
                if next.is_none() {
                    flying.flights.remove(&self.key);
                }
                next
            };
            let Some((_, follower)) = next else { return };
            let lead = Self { table: self.table.clone(), key: self.key.clone(), leads: true };
            out_of_lock();
            // A follower may have left at this moment.
            match follower.send(lead) {
                Ok(()) => return,
                Err(mut refused) => refused.leads = false,
            }
        }
    }
}

impl<K: Hash + Eq + Clone> Drop for Leader<K> {
    fn drop(&mut self) {
        if self.leads {
            self.hand_over();
        }
    }
}

/// Waits for a leader.
pub struct Follower<K: Hash + Eq + Clone> {
    table: Arc<Table<K>>,
    key: K,
    ticket: u64,
    lead: oneshot::Receiver<Leader<K>>,
}

impl<K: Hash + Eq + Clone> Follower<K> {
    /// Waits until the flight has landed (none), or the lead falls to this follower. Ends with
    /// certainty if every leader lands or is dropped.
    pub async fn turn(&mut self) -> Option<Leader<K>> {
        (&mut self.lead).await.ok()
    }
}

/// Leaves the queue. If the lead was on its way, it is dropped with the receiver, and so goes on to
/// the next.
impl<K: Hash + Eq + Clone> Drop for Follower<K> {
    fn drop(&mut self) {
        let sender = {
            let mut flying = self.table.lock();
            flying.flights.get_mut(&self.key).and_then(|waiting| waiting.remove(&self.ticket))
        };
        drop(sender);
        out_of_lock();
    }
}
