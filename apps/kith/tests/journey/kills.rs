//! Fifty times, somebody pulls the plug in the middle of five hundred messages.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use crate::support::{Listener, Person, World, eventually};

const MESSAGES: usize = 500;
const KILLS: usize = 50;

/// Everything that may be killed, and what the listeners had said before they were.
struct Victims {
    world: World,
    ana: Listener,
    bela: Listener,
    shown: Vec<Value>,
    random: u64,
}

#[test]
fn fifty_kills_during_five_hundred_messages_lose_nothing_and_repeat_nothing() {
    let world = World::of_friends();
    let (ana, bela) = (world.ana.listen(), world.bela.listen());
    let seed = 20_261_121;
    println!("seed {seed}");
    let sender = world.ana.clone();
    let mut victims = Victims { world, ana, bela, shown: Vec::new(), random: seed };

    let sending = std::thread::spawn(move || send_all(&sender));
    for _ in 0..KILLS {
        let pause = 100 + victims.next() % 700;
        std::thread::sleep(Duration::from_millis(pause));
        victims.kill_one();
    }
    let sent = sending.join().unwrap();

    let heard = eventually("everything has arrived", || {
        let heard = victims.world.bela.heard("Anastasia");
        (heard.len() >= sent.len()).then_some(heard)
    });
    assert_eq!(heard, sent, "each once, in the order of sending");

    let shown = victims.bela.kill();
    victims.shown.extend(shown);
    let ids: Vec<&str> = victims
        .shown
        .iter()
        .filter(|event| event["event"] == "message")
        .filter_map(|event| event["message_id"].as_str())
        .collect();
    let distinct: BTreeSet<&&str> = ids.iter().collect();
    assert_eq!(ids.len(), distinct.len(), "no message was announced twice");
}

/// Sends beside the listener, or in its place. A send whose owner is killed hands itself to the next one, so none fails,
/// and none is done twice.
fn send_all(sender: &Person) -> Vec<String> {
    let texts: Vec<String> = (0..MESSAGES).map(|number| format!("message {number:04}")).collect();
    for text in &texts {
        sender.succeed(&["send", "Belarmino", text]);
    }
    texts
}

impl Victims {
    fn kill_one(&mut self) {
        match self.next() % 4 {
            0 => {
                self.ana.kill();
                self.ana = self.world.ana.listen();
            }
            1 => {
                let shown = self.bela.kill();
                self.shown.extend(shown);
                self.bela = self.world.bela.listen();
            }
            2 => {
                self.world.one.kill();
                self.world.one.restart();
            }
            _ => {
                self.world.two.kill();
                self.world.two.restart();
            }
        }
    }

    /// A linear congruential generator (Knuth's MMIX constants): which plug is pulled needs no better one.
    fn next(&mut self) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.random >> 33
    }
}
