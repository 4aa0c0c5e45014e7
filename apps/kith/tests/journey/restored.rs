//! A folder that was put back from a copy: both people are told, and a new card goes on in the same conversation.

use std::path::Path;

use serde_json::Value;

use crate::support::{Person, World, eventually};

#[test]
fn a_folder_restored_from_a_copy_is_noticed_and_a_new_card_mends_the_conversation() {
    let world = World::of_friends();
    let copy = world.folder.path().join("copy");
    copy_folder(&world.bela.home, &copy);
    for text in ["one", "two"] {
        say(&world.ana, &world.bela, "Belarmino", text);
        say(&world.bela, &world.ana, "Anastasia", text);
    }
    std::fs::remove_dir_all(&world.bela.home).unwrap();
    std::fs::rename(&copy, &world.bela.home).unwrap();

    world.ana.succeed(&["send", "Belarmino", "are you there?"]);
    let (mut ana_heard, mut bela_heard) = (Vec::new(), Vec::new());
    eventually("both are told that the conversation has ended", || {
        ana_heard.extend(world.ana.succeed(&["sync"]).lines);
        bela_heard.extend(world.bela.succeed(&["sync"]).lines);
        (ended(&ana_heard) && ended(&bela_heard)).then_some(())
    });
    let lost = ana_heard.iter().find(|line| line["event"] == "expired").expect("Ana hears what did not arrive");
    assert!(lost["message_id"].is_string() && lost["contact"] == "c1", "{lost}");
    let refused = world.ana.run(&["send", "Belarmino", "hello?"]);
    assert_eq!((refused.code, refused.lines[0]["error"]["code"].as_str()), (1, Some("session_unusable")));
    let states = world.ana.succeed(&["log", "Belarmino"]);
    assert_eq!(states.lines.last().unwrap()["state"], "expired");

    let link = world.ana.succeed(&["card", "new", "--name", "Belarmino"]).text("link");
    world.bela.succeed(&["card", "accept", &link, "--name", "Anastasia"]);
    world.ana.succeed(&["send", "Belarmino", "once more"]);
    eventually("the conversation goes on", || {
        world.bela.succeed(&["sync"]);
        world.ana.succeed(&["sync"]);
        (world.bela.heard("Anastasia").last()? == "once more").then_some(())
    });
    assert_eq!(world.ana.succeed(&["contacts"]).lines.len(), 1, "nobody is there twice");
    assert_eq!(world.ana.heard("Belarmino"), ["one", "two"], "what was said before is still there");
}

#[test]
fn who_has_lost_everything_takes_their_place_by_a_new_card_on_purpose_and_whoever_is_there_hears_of_it() {
    let world = World::of_friends();
    let (old, bela) = (&world.ana, &world.bela);
    say(old, bela, "Belarmino", "from before");
    bela.succeed(&["verify", "Anastasia", "--confirm"]);
    let new = Person::new(&world.folder.path().join("new"));
    new.succeed(&["init", "--server", &world.one.url, "--server-key", &world.one.key, "--name", "Anastasia"]);
    let link = new.succeed(&["card", "new", "--name", "Belarmino"]).text("link");
    let contact = || bela.succeed(&["contacts"]).lines.remove(0);
    assert_eq!((&contact()["verified"], &contact()["state"]), (&true.into(), &"established".into()));
    let given_up = bela.succeed(&["card", "accept", &link, "--name", "Anastasia", "--instead"]);
    assert!(given_up.said.contains("has new keys from now on"), "{}", given_up.said);
    new.succeed(&["send", "Belarmino", "here again"]);
    eventually("the conversation goes on with the new device", || {
        new.succeed(&["sync"]);
        bela.succeed(&["sync"]);
        bela.heard("Anastasia").contains(&"here again".to_owned()).then_some(())
    });
    assert!(bela.heard("Anastasia").contains(&"from before".to_owned()), "what was said before is still there");
    assert_eq!(bela.succeed(&["contacts"]).lines.len(), 1, "nobody is there twice");
    assert_eq!(contact()["verified"], false);
    assert!(contact()["new_keys_since"].is_string(), "{}", contact());
    // Whoever was there before, a thief or somebody who is not lost at all, hears that it has ended, and says nothing to Bela any more.
    let mut heard = Vec::new();
    eventually("the device of before is told", || {
        heard.extend(old.succeed(&["sync"]).lines);
        ended(&heard).then_some(())
    });
    assert_eq!(old.run(&["send", "Belarmino", "it is still me"]).code, 1);
}

fn ended(heard: &[Value]) -> bool {
    heard.iter().any(|line| line["event"] == "error" && line["code"] == "session_unusable")
}

fn say(from: &Person, to: &Person, contact: &str, text: &str) {
    from.succeed(&["send", contact, text]);
    from.succeed(&["sync"]);
    to.succeed(&["sync"]);
    from.succeed(&["sync"]);
}

pub fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    std::fs::set_permissions(to, std::fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let name = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_folder(&path, &name);
        } else if path.is_file() {
            std::fs::copy(&path, &name).unwrap();
        }
    }
}
