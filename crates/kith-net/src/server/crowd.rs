//! What one network may take: so many connections, so many new ones a second, so many requests a second.
//!
//! It counts hashes under a salt that is drawn when the listener starts and again every day. It holds no address, writes
//! none down, and forgets a network seconds after its last connection has ended.

use std::collections::HashMap;
use std::collections::hash_map::{Entry, RandomState};
use std::hash::BuildHasher as _;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::limits::{ListenerLimits, LoopbackPeers};
use crate::pace::{Pace, Turns};

#[cfg(test)]
mod tests;

/// The networks that are there.
pub(super) struct Crowd {
    bounds: Bounds,
    days: Mutex<Days>,
}

#[derive(Clone, Copy)]
struct Bounds {
    connections: usize,
    connects: u32,
    requests: u32,
    loopback: LoopbackPeers,
}

/// The oldest first. More than one only while connections last that were counted under an earlier salt: a network
/// must not get all its places anew at midnight.
struct Days {
    days: Vec<Day>,
    swept: Instant,
}

/// What was counted under one salt.
struct Day {
    number: u64,
    began: Instant,
    salt: RandomState,
    networks: HashMap<u64, Present>,
}

/// A network, and how fast it may be.
struct Present {
    n_connections: usize,
    connects: Pace,
    requests: Arc<Pace>,
}

/// A place in the crowd; given back when dropped.
pub(super) struct Place {
    crowd: Arc<Crowd>,
    /// Nothing for a peer that is not counted.
    counted: Option<Counted>,
}

struct Counted {
    day: u64,
    hash: u64,
    requests: Arc<Pace>,
}

impl Crowd {
    pub(super) fn new(limits: &ListenerLimits) -> Arc<Self> {
        let now = Instant::now();
        let bounds = Bounds {
            connections: limits.max_per_network.max(1),
            connects: limits.connects_per_network,
            requests: limits.requests_per_network,
            loopback: limits.loopback,
        };
        let days = Days { days: vec![Day::new(0, now)], swept: now };
        Arc::new(Self { bounds, days: Mutex::new(days) })
    }

    /// Gives a place to a connection from `peer`, unless its network has as many as it may, or comes too fast.
    pub(super) fn enter(self: &Arc<Self>, peer: IpAddr, now: Instant) -> Option<Place> {
        let peer = peer.to_canonical();
        if peer.is_loopback() && self.bounds.loopback == LoopbackPeers::Exempt {
            return Some(Place { crowd: Arc::clone(self), counted: None });
        }
        let network = network_of(peer);
        let mut days = self.days();
        days.sweep(now);
        if days.n_connections(network) >= self.bounds.connections {
            return None;
        }
        let today = days.days.last_mut()?;
        let hash = today.salt.hash_one(network);
        let present = today.networks.entry(hash).or_insert_with(|| Present::new(&self.bounds));
        if !present.connects.try_turn(now) {
            return None;
        }
        present.n_connections += 1;
        let counted = Counted { day: today.number, hash, requests: Arc::clone(&present.requests) };
        drop(days);
        Some(Place { crowd: Arc::clone(self), counted: Some(counted) })
    }

    /// A panic while the lock was held cannot leave a count half changed.
    fn days(&self) -> MutexGuard<'_, Days> {
        self.days.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Days {
    fn n_connections(&self, network: [u8; 8]) -> usize {
        let count = |day: &Day| day.networks.get(&day.salt.hash_one(network)).map_or(0, |there| there.n_connections);
        self.days.iter().map(count).sum()
    }

    /// Begins a day when one is over, and forgets who has left. At most once a second: it looks at everybody.
    fn sweep(&mut self, now: Instant) {
        if now.saturating_duration_since(self.swept) < SWEEP {
            return;
        }
        self.swept = now;
        if let Some(today) = self.days.last().filter(|day| now.saturating_duration_since(day.began) >= DAY) {
            let next = Day::new(today.number + 1, now);
            self.days.push(next);
        }
        let last = self.days.last().map(|day| day.number);
        for day in &mut self.days {
            day.networks.retain(|_, there| there.n_connections > 0 || !there.is_rested(now));
        }
        self.days.retain(|day| Some(day.number) == last || !day.networks.is_empty());
    }
}

impl Day {
    fn new(number: u64, began: Instant) -> Self {
        Self { number, began, salt: RandomState::new(), networks: HashMap::new() }
    }
}

impl Present {
    fn new(bounds: &Bounds) -> Self {
        let at_once = u32::try_from(bounds.connections).unwrap_or(u32::MAX);
        let requests = Arc::new(Pace::new(bounds.requests, bounds.requests));
        Self { n_connections: 0, connects: Pace::new(bounds.connects, at_once), requests }
    }

    fn is_rested(&self, now: Instant) -> bool {
        self.connects.is_rested(now) && self.requests.is_rested(now)
    }
}

impl Place {
    /// Returns the turns that this connection shares with all of its network.
    pub(super) fn turns(&self) -> Turns {
        Turns(self.counted.as_ref().map(|counted| Arc::clone(&counted.requests)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(Counted { day, hash, .. }) = &self.counted else { return };
        let mut days = self.crowd.days();
        let Some(day) = days.days.iter_mut().find(|there| there.number == *day) else { return };
        if let Entry::Occupied(mut there) = day.networks.entry(*hash) {
            there.get_mut().n_connections = there.get().n_connections.saturating_sub(1);
            if there.get().n_connections == 0 && there.get().is_rested(Instant::now()) {
                there.remove();
            }
        }
    }
}

/// Cuts an address down to what one customer of a provider can fill alone: /24 for IPv4, /48 for IPv6, which is given
/// away for the asking.
fn network_of(peer: IpAddr) -> [u8; 8] {
    match peer {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            [4, a, b, c, 0, 0, 0, 0]
        }
        IpAddr::V6(v6) => {
            let [a, b, c, d, e, f, ..] = v6.octets();
            [6, a, b, c, d, e, f, 0]
        }
    }
}

/// How long a salt is used for who comes.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How often those who have left are looked for.
const SWEEP: Duration = Duration::from_secs(1);
