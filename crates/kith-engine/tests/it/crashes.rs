//! Crashes between any two steps: nothing is lost, nothing is shown twice, order stays.

use crate::world::{ANA, BELA, World};

/// Sends messages both ways and crashes somebody after each possible number of steps.
#[test]
fn ke_29_a_crash_between_any_two_steps_loses_and_repeats_nothing() {
    let (mut world, bela, ana) = World::met("crash");
    let (mut of_ana, mut of_bela) = (Vec::new(), Vec::new());
    for n_steps in 0..60 {
        let (a, b) = (format!("a{n_steps}"), format!("b{n_steps}"));
        world.send(ANA, bela, &a);
        world.send(BELA, ana, &b);
        of_ana.push(a);
        of_bela.push(b);
        for _ in 0..n_steps {
            if !world.step() {
                world.run(1);
            }
        }
        world.crash(if n_steps % 2 == 0 { ANA } else { BELA });
        world.run(3);
    }
    world.run(2 * 3600);
    for texts in [world.texts(ANA, bela), world.texts(BELA, ana)] {
        let by = |letter: char| texts.iter().filter(move |text| text.starts_with(letter)).cloned().collect::<Vec<_>>();
        assert_eq!(by('a'), of_ana);
        assert_eq!(by('b'), of_bela);
    }
}

/// The same for the meeting: a new pair of people for each number of steps.
#[test]
fn a_crash_between_any_two_steps_of_a_meeting_only_delays_it() {
    for n_steps in 0..20 {
        for who in [ANA, BELA] {
            // Odd numbers for one, even ones for the other: half the time, and both see every part of the meeting.
            let n_steps = 2 * n_steps + who;
            let mut world = World::new(&format!("crash-meet-{n_steps}-{who}"));
            let (bela, offer) = world.card(ANA);
            let ana = world.accept(BELA, offer);
            world.send(BELA, ana, "hello");
            for _ in 0..n_steps {
                if !world.step() {
                    world.run(1);
                }
            }
            world.crash(who);
            world.run(3 * 3600);
            assert_eq!(world.texts(ANA, bela), ["hello"], "crash of {who} after {n_steps} steps");
        }
    }
}

/// What the home server pushes is acknowledged only after it is stored: a crash in between brings it again.
#[test]
fn ke_17_what_was_not_committed_is_pushed_again() {
    let (mut world, bela, ana) = World::met("ack");
    world.stop(BELA);
    world.send(ANA, bela, "once");
    world.run(5);
    // Bela connects and is killed again and again, each time a step later.
    for n_steps in 0..25 {
        world.crash(BELA);
        for _ in 0..n_steps {
            world.step();
        }
        world.stop(BELA);
    }
    world.crash(BELA);
    world.run(5);
    assert_eq!(world.texts(BELA, ana), ["once"]);
}
