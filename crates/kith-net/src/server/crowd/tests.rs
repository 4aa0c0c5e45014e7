//! Who gets a place, who waits, and what is remembered of whom.

use super::*;

fn crowd(most: usize) -> Arc<Crowd> {
    Crowd::new(&ListenerLimits { max_per_network: most, ..ListenerLimits::default() })
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn enter(crowd: &Arc<Crowd>, peer: &str) -> Option<Place> {
    crowd.enter(ip(peer), Instant::now())
}

#[tokio::test(start_paused = true)]
async fn a_network_is_a_24_or_a_48_however_it_is_written() {
    for (one, other, same) in [
        ("192.0.2.1", "192.0.2.254", true),
        ("192.0.2.1", "192.0.3.1", false),
        ("192.0.2.1", "::ffff:192.0.2.9", true),
        ("2001:db8:0:1::1", "2001:db8:0:ffff:9::", true),
        ("2001:db8:0:1::1", "2001:db8:1:1::1", false),
    ] {
        let crowd = crowd(1);
        let _place = enter(&crowd, one).unwrap();
        assert_eq!(enter(&crowd, other).is_none(), same, "{one} {other}");
    }
}

#[tokio::test(start_paused = true)]
async fn places_come_back_and_seconds_later_nothing_is_left_of_who_was_there() {
    let crowd = crowd(2);
    let places = [enter(&crowd, "192.0.2.1").unwrap(), enter(&crowd, "192.0.2.2").unwrap()];
    assert!(enter(&crowd, "192.0.2.3").is_none());
    drop(places);
    tokio::time::advance(Duration::from_millis(100)).await;
    drop(enter(&crowd, "192.0.2.3").unwrap());
    tokio::time::advance(Duration::from_secs(2)).await;
    // Whoever comes next sweeps.
    let _other = enter(&crowd, "198.51.100.1").unwrap();
    let n_networks = crowd.days().days.iter().map(|day| day.networks.len()).sum::<usize>();
    assert_eq!(n_networks, 1);
}

#[tokio::test(start_paused = true)]
async fn loopback_is_not_counted_because_a_proxy_there_speaks_for_everybody() {
    let crowd = crowd(1);
    let places: Vec<Place> = (0..999).filter_map(|_| enter(&crowd, "127.0.0.1")).collect();
    assert_eq!(places.len(), 999);
}

#[tokio::test(start_paused = true)]
async fn a_network_that_connects_without_end_is_turned_away_and_harms_no_other() {
    let limits = ListenerLimits { max_per_network: 8, connects_per_network: 2, ..ListenerLimits::default() };
    let crowd = Crowd::new(&limits);
    // Each place is given back at once: only the rate stops it.
    assert_eq!((0..100).filter(|_| enter(&crowd, "192.0.2.1").is_some()).count(), 8);
    assert!(enter(&crowd, "198.51.100.1").is_some());
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!((0..100).filter(|_| enter(&crowd, "192.0.2.1").is_some()).count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_network_takes_turns_to_ask_and_another_does_not_wait_for_it() {
    let crowd = Crowd::new(&ListenerLimits { requests_per_network: 10, ..ListenerLimits::default() });
    let (one, same) = (enter(&crowd, "192.0.2.1").unwrap(), enter(&crowd, "192.0.2.2").unwrap());
    let other = enter(&crowd, "198.51.100.1").unwrap();
    let start = Instant::now();
    for _ in 0..10 {
        one.turns().next().await;
        same.turns().next().await;
    }
    let took = start.elapsed().as_millis();
    assert!((1000..1100).contains(&took), "{took}");
    let start = Instant::now();
    other.turns().next().await;
    assert!(start.elapsed().is_zero());
}

#[tokio::test(start_paused = true)]
async fn the_salt_is_new_every_day_and_the_old_one_goes_with_its_last_connection() {
    let crowd = crowd(2);
    let old = enter(&crowd, "192.0.2.1").unwrap();
    let yesterday = crowd.days().days[0].salt.hash_one(network_of(ip("192.0.2.1")));
    tokio::time::advance(DAY).await;
    let new = enter(&crowd, "192.0.2.1").unwrap();
    // Both days count: midnight gives no more places than there are.
    assert!(enter(&crowd, "192.0.2.1").is_none());
    assert_eq!(crowd.days().days.len(), 2);
    assert_ne!(new.counted.as_ref().unwrap().hash, yesterday);
    drop(old);
    tokio::time::advance(SWEEP).await;
    assert!(enter(&crowd, "192.0.2.1").is_some());
    assert_eq!(crowd.days().days.len(), 1);
    assert_eq!(crowd.days().days[0].number, 1);
}
