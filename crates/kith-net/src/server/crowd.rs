//! How many connections come from one network, so that no network takes all the places.
//!
//! It counts hashes under a salt that is drawn when the listener starts and is gone with it. It holds no address, writes
//! none down, and what it holds says nothing once the last connection of a network has ended.

use std::collections::HashMap;
use std::collections::hash_map::{Entry, RandomState};
use std::hash::BuildHasher as _;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::limits::{ListenerLimits, LoopbackPeers};

/// The connections that there are, by network.
pub(super) struct Crowd {
    salt: RandomState,
    most: usize,
    loopback: LoopbackPeers,
    counts: Mutex<HashMap<u64, usize>>,
}

/// A place in the crowd; given back when dropped.
pub(super) struct Place {
    crowd: Arc<Crowd>,
    /// Nothing for a peer that is not counted.
    network: Option<u64>,
}

impl Crowd {
    pub(super) fn new(limits: &ListenerLimits) -> Arc<Self> {
        let (most, loopback) = (limits.max_per_network, limits.loopback);
        Arc::new(Self { salt: RandomState::new(), most, loopback, counts: Mutex::default() })
    }

    /// Gives a place to a connection from `peer`, unless its network has as many as it may.
    pub(super) fn enter(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        let peer = peer.to_canonical();
        if peer.is_loopback() && self.loopback == LoopbackPeers::Exempt {
            return Some(Place { crowd: Arc::clone(self), network: None });
        }
        let network = self.salt.hash_one(network_of(peer));
        let mut counts = self.counts();
        let count = counts.entry(network).or_insert(0);
        if *count >= self.most.max(1) {
            return None;
        }
        *count += 1;
        Some(Place { crowd: Arc::clone(self), network: Some(network) })
    }

    /// A panic while the lock was held cannot leave a count half changed.
    fn counts(&self) -> MutexGuard<'_, HashMap<u64, usize>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(network) = self.network else { return };
        if let Entry::Occupied(mut count) = self.crowd.counts().entry(network) {
            *count.get_mut() = count.get().saturating_sub(1);
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

/// Cuts an address down to what one customer of a provider usually has: /24 for IPv4, /56 for IPv6.
fn network_of(peer: IpAddr) -> [u8; 8] {
    match peer {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            [4, a, b, c, 0, 0, 0, 0]
        }
        IpAddr::V6(v6) => {
            let [a, b, c, d, e, f, g, ..] = v6.octets();
            [6, a, b, c, d, e, f, g]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crowd(most: usize) -> Arc<Crowd> {
        Crowd::new(&ListenerLimits { max_per_network: most, ..ListenerLimits::default() })
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_is_a_24_or_a_56_however_it_is_written() {
        for (one, other, same) in [
            ("192.0.2.1", "192.0.2.254", true),
            ("192.0.2.1", "192.0.3.1", false),
            ("192.0.2.1", "::ffff:192.0.2.9", true),
            ("2001:db8:0:1::1", "2001:db8:0:ff:9::", true),
            ("2001:db8:0:1::1", "2001:db8:0:100::1", false),
        ] {
            let crowd = crowd(1);
            let _place = crowd.enter(ip(one)).unwrap();
            assert_eq!(crowd.enter(ip(other)).is_none(), same, "{one} {other}");
        }
    }

    #[test]
    fn places_come_back_and_nothing_is_left_of_who_was_there() {
        let crowd = crowd(2);
        let places = [crowd.enter(ip("192.0.2.1")).unwrap(), crowd.enter(ip("192.0.2.2")).unwrap()];
        assert!(crowd.enter(ip("192.0.2.3")).is_none());
        drop(places);
        assert!(crowd.counts().is_empty());
        assert!(crowd.enter(ip("192.0.2.3")).is_some());
    }

    #[test]
    fn loopback_is_not_counted_because_a_proxy_there_speaks_for_everybody() {
        let crowd = crowd(1);
        let places: Vec<Place> = (0..9).filter_map(|_| crowd.enter(ip("127.0.0.1"))).collect();
        assert_eq!(places.len(), 9);
    }
}
