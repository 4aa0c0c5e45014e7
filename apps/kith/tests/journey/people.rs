//! What people see: data on standard output, the rest on standard error, decoration only where a terminal is.

use std::process::Command;

use crate::support::{PASSWORD, Person, World};

#[test]
fn people_read_names_times_ticks_and_what_a_reply_is_about() {
    let world = World::of_friends();
    let (code, out, said) = world.ana.as_human(&["send", "Belarmino", "Is the kettle on?"]);
    assert!(code == 0 && out.starts_with("◷  ") && said.contains("kith sync"), "{out} {said}");
    let id = out.trim().trim_start_matches("◷  ").to_owned();
    for person in [&world.ana, &world.bela] {
        person.succeed(&["sync"]);
    }
    let (_, out, _) = world.bela.as_human(&["contacts"]);
    assert_eq!(out, "   c1  Anastasia  not verified, 1 new message\n");
    world.bela.succeed(&["send", "Anastasia", "It is.", "--reply-to", &id]);
    world.bela.succeed(&["sync"]);
    let (_, out, said) = world.ana.as_human(&["sync"]);
    assert!(out.contains("✓✓  Belarmino  Is the kettle on?\n"), "{out}");
    assert_eq!(said, "Up to date.\n");
    let (_, out, _) = world.ana.as_human(&["log", "Belarmino"]);
    let lines: Vec<&str> = out.lines().collect();
    assert!(lines[0].starts_with("You  ") && lines[0].ends_with("  ✓✓  Is the kettle on?"), "{out}");
    assert!(lines[1].starts_with("Belarmino  ") && lines[1].ends_with("  ↪ Is the kettle on?  It is."), "{out}");
    assert!(!out.contains('\u{1b}'), "nothing is decorated where there is no terminal");

    let (code, out, said) = world.ana.as_human(&["send", "Nobody", "x"]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(said.starts_with("kith: ") && said.contains("\nhint: "), "{said}");
    let (_, out, _) = world.ana.as_human(&["verify", "Belarmino"]);
    assert_eq!(out.lines().map(|row| row.split(' ').count()).collect::<Vec<_>>(), [4, 4, 4], "{out}");
}

#[test]
fn the_only_device_is_one_for_programs_too() {
    let world = World::of_strangers();
    let devices = world.ana.succeed(&["device", "list"]).lines;
    assert_eq!(
        (devices.len(), &devices[0]["this"], &devices[0]["device"]),
        (1, &true.into(), &serde_json::Value::Null)
    );
    let (_, out, said) = world.ana.as_human(&["device", "list"]);
    assert!(out.is_empty() && said.contains("You have only this device"), "{out} {said}");
}

#[test]
fn with_json_everything_for_people_goes_to_standard_error() {
    let world = World::of_strangers();
    let card = world.ana.succeed(&["card", "new"]);
    assert_eq!(card.lines.len(), 1);
    assert!(card.said.contains("by a way that you trust"), "{}", card.said);
    let synced = world.ana.succeed(&["sync"]);
    assert!(synced.lines.is_empty() && synced.said.contains("Up to date."), "{synced:?}");
}

#[test]
fn a_terminal_gets_colours_unless_somebody_objects_and_asks_for_the_password() {
    let world = World::of_friends();
    let coloured = on_terminal(&world.ana, "contacts", &[("KITH_PASSWORD", PASSWORD)], "");
    assert!(coloured.contains("\u{1b}[1mBelarmino\u{1b}[0m"), "{coloured:?}");
    let plain = on_terminal(&world.ana, "contacts", &[("KITH_PASSWORD", PASSWORD), ("NO_COLOR", "1")], "");
    assert!(plain.contains("Belarmino") && !plain.contains('\u{1b}'), "{plain:?}");
    let typed = on_terminal(&world.ana, "contacts", &[], PASSWORD);
    assert!(typed.contains("Password: ") && typed.contains("Belarmino"), "{typed:?}");
    assert!(!typed.contains(PASSWORD), "what is typed is not shown");
}

#[test]
fn a_terminal_shows_how_far_a_file_has_come() {
    let world = World::of_friends();
    let file = world.folder.path().join("photo.bin");
    std::fs::write(&file, vec![7; 2 * 1024 * 1024]).unwrap();
    let password = [("KITH_PASSWORD", PASSWORD)];
    let send = format!("send Belarmino --file '{}' --wait accepted", file.display());
    let sent = on_terminal(&world.ana, &send, &password, "");
    assert!(sent.contains("Sending") && sent.contains(" %"), "{sent:?}");
    world.bela.succeed(&["sync"]);
    let log = world.bela.succeed(&["log", "Anastasia"]).text("message_id");
    let save = format!("save Anastasia {log} --out '{}'", world.folder.path().join("copy.bin").display());
    let saved = on_terminal(&world.bela, &save, &password, "");
    assert!(saved.contains("photo.bin") && saved.contains(" %") && saved.contains("copy.bin"), "{saved:?}");
}

/// Runs a command on a terminal, and types a line; it must succeed.
fn on_terminal(person: &Person, command: &str, variables: &[(&str, &str)], line: &str) -> String {
    let (code, said) = try_on_terminal(person, command, variables, line);
    assert_eq!(code, 0, "{said}");
    said
}

/// Runs a command on a terminal of its own, which `script` (util-linux) makes, and types a line. Returns the exit code and what stood there.
fn try_on_terminal(person: &Person, command: &str, variables: &[(&str, &str)], line: &str) -> (i32, String) {
    let kith = env!("CARGO_BIN_EXE_kith");
    let home = person.home.display();
    let mut child = Command::new("script")
        .args(["--quiet", "--return", "--echo", "never", "--command"])
        .arg(format!("'{kith}' --home '{home}' {command}"))
        .arg("/dev/null")
        .env_remove("KITH_PASSWORD")
        .env_remove("NO_COLOR")
        .env("KITH_CHEAP_PASSWORDS", "1")
        .envs(variables.iter().copied())
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("script, of the package bsdutils, makes terminals");
    let mut keyboard = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut keyboard, format!("{line}\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    drop(keyboard);
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn a_second_contact_of_one_name_is_made_knowingly() {
    let world = World::of_friends();
    let (bela, card) = (&world.bela, world.folder.path().join("card.kith"));
    world.ana.succeed(&["card", "new", "--name", "Somebody", "--out", card.to_str().unwrap()]);
    let (accept, password) =
        (format!("card accept '{}' --name Anastasia", card.display()), [("KITH_PASSWORD", PASSWORD)]);
    let (code, said) = try_on_terminal(bela, &accept, &password, "n");
    assert!(code == 1 && said.contains("Is it somebody else, also called Anastasia?"), "{said}");
    assert!(said.contains("nothing was done") && said.contains("--instead"), "{said}");
    assert_eq!(bela.succeed(&["contacts"]).lines.len(), 1);
    on_terminal(bela, &accept, &password, "y");
    assert_eq!(bela.succeed(&["contacts"]).lines.len(), 2);
    // Where nobody can be asked, it has to be said.
    let link = world.ana.succeed(&["card", "new", "--name", "Somebody else"]).text("link");
    let accept = ["card", "accept", &link, "--name", "Anastasia"];
    let (code, _, said) = bela.as_human(&accept);
    assert!(code == 2 && said.contains("You have a contact called Anastasia already, c1"), "{said}");
    assert_eq!(bela.run(&accept).lines[0]["error"]["code"], "name_taken");
    assert_eq!(bela.succeed(&["contacts"]).lines.len(), 2);
    bela.succeed(&[&accept[..], &["--yes"]].concat());
    assert_eq!(bela.succeed(&["contacts"]).lines.len(), 3);
    assert_eq!(bela.run(&accept).lines[0]["error"]["code"], "already_answered");
}

#[test]
fn a_second_card_for_one_name_is_made_knowingly() {
    let world = World::of_strangers();
    let (ana, password) = (&world.ana, [("KITH_PASSWORD", PASSWORD)]);
    let new = ["card", "new", "--name", "Belarmino"];
    ana.succeed(&new);
    let (code, out, said) = ana.as_human(&new);
    assert!(code == 2 && out.is_empty() && said.contains("give the command with --instead"), "{out} {said}");
    let (code, said) = try_on_terminal(ana, "card new --name Belarmino", &password, "n");
    assert!(code == 1 && said.contains("Is it somebody else, also called Belarmino?"), "{said}");
    assert_eq!(ana.succeed(&["contacts"]).lines.len(), 1);
    let (_, said) = try_on_terminal(ana, "forget Belarmino", &password, "n");
    assert!(said.contains("cannot be answered any more then") && said.contains("nothing was deleted"), "{said}");
    on_terminal(ana, "card new --name Belarmino", &password, "y");
    ana.succeed(&[&new[..], &["--yes"]].concat());
    assert_eq!(ana.succeed(&["contacts"]).lines.len(), 3);
}

#[test]
fn a_card_that_got_lost_is_followed_by_one_in_its_place() {
    let world = World::of_strangers();
    let (ana, bela) = (&world.ana, &world.bela);
    let lost = ana.succeed(&["card", "new", "--name", "Belarmino"]).text("link");
    ana.succeed(&["send", "Belarmino", "have you got it?"]);
    let instead = ["card", "new", "--name", "Belarmino", "--instead"];
    let link = ana.succeed(&instead).text("link");
    assert_ne!(link, lost);
    bela.succeed(&["card", "accept", &link, "--name", "Anastasia"]);
    for person in [bela, ana, bela, ana, bela] {
        person.succeed(&["sync"]);
    }
    assert_eq!(bela.heard("Anastasia"), ["have you got it?"], "what was written for the first one goes to the second");
    assert_eq!(ana.succeed(&["contacts"]).lines.len(), 1, "nobody has become a second contact");
    assert_eq!(ana.run(&instead).lines[0]["error"]["code"], "nothing_to_renew");
    assert_eq!(ana.run(&["card", "new", "--name", "Nobody", "--instead"]).lines[0]["error"]["code"], "unknown_contact");
}

#[test]
fn a_contact_is_forgotten_when_somebody_means_it() {
    let world = World::of_friends();
    let (bela, password) = (&world.bela, [("KITH_PASSWORD", PASSWORD)]);
    let unasked = bela.run(&["forget", "Anastasia"]);
    assert_eq!((unasked.code, &unasked.lines[0]["error"]["code"]), (2, &"not_confirmed".into()), "{unasked:?}");
    let (code, said) = try_on_terminal(bela, "forget Anastasia", &password, "n");
    assert!(code == 1 && said.contains("on all your devices") && said.contains("keeps what they have"), "{said}");
    assert_eq!(bela.succeed(&["contacts"]).lines.len(), 1);
    on_terminal(bela, "forget Anastasia", &password, "y");
    assert_eq!(bela.succeed(&["contacts"]).lines.len(), 0);
}

#[test]
fn a_password_that_is_easy_to_guess_is_taken_with_a_warning() {
    let world = World::of_strangers();
    let weak = |name: &str| Person::new(&world.folder.path().join(name)).with_password("a");
    let warning = "Weak: whoever gets hold of this folder guesses this password at once.";
    let cleo = weak("cleo");
    let (code, _, said) = cleo.as_human(&["init", "--server", &world.one.url]);
    assert!(code == 0 && said.contains(warning) && said.contains("`kith password` chooses another one"), "{said}");
    let (code, _, said) = cleo.as_human(&["status"]);
    assert!(code == 0 && !said.contains("Weak"), "only the choice is judged: {said}");
    let unsaid = cleo.run(&["password"]);
    assert!(unsaid.code == 2 && unsaid.said.contains("set KITH_NEW_PASSWORD"), "{unsaid:?}");
    let changed = |next: &str| cleo.succeed_with(&["password"], &[("KITH_NEW_PASSWORD", next)]).said;
    assert!(changed("letmein!").contains("one of the first that anybody would try"));
    let cleo = cleo.with_password("letmein!");
    assert_eq!(cleo.succeed_with(&["password"], &[("KITH_NEW_PASSWORD", PASSWORD)]).said, "");
}

#[test]
fn a_card_whose_maker_has_forgotten_the_contact_is_followed_by_another_one() {
    let world = World::of_strangers();
    let (ana, bela) = (&world.ana, &world.bela);
    let card = |name: &str| ana.succeed(&["card", "new", "--name", name]).text("link");
    let first = card("Belarmino");
    bela.succeed(&["card", "accept", &first, "--name", "Anastasia"]);
    bela.succeed(&["send", "Anastasia", "are you there?"]);
    bela.succeed(&["sync"]);
    ana.succeed(&["forget", "Belarmino", "--yes"]);
    ana.succeed(&["sync"]);
    assert_eq!(bela.succeed(&["contacts"]).lines[0]["state"], "answered");
    let other = card("Bela");
    let said = bela.succeed(&["card", "accept", &other, "--name", "Anastasia", "--instead"]).said;
    assert!(said.contains("What had begun with Anastasia is given up for this card."), "{said}");
    assert!(
        said.contains("one message to Anastasia that waited here will go to whoever has made this card."),
        "{said}"
    );
    for person in [bela, ana, bela, ana] {
        person.succeed(&["sync"]);
    }
    assert_eq!(bela.succeed(&["contacts"]).lines.len(), 1, "nobody has become a second contact");
    assert_eq!(ana.heard("Bela"), ["are you there?"]);
}

#[test]
fn who_was_confirmed_hears_that_the_meeting_was_given_up_for_another_card() {
    let world = World::of_strangers();
    let (ana, bela) = (&world.ana, &world.bela);
    let first = ana.succeed(&["card", "new", "--name", "Belarmino"]).text("link");
    bela.succeed(&["card", "accept", &first, "--name", "Anastasia"]);
    bela.succeed(&["sync"]);
    ana.succeed(&["sync"]);
    assert_eq!(ana.succeed(&["contacts"]).lines[0]["state"], "answered");
    let other = bela.succeed(&["card", "new", "--name", "Ana"]).text("link");
    let said = ana.succeed(&["card", "accept", &other, "--name", "Belarmino", "--instead"]).said;
    assert!(said.contains("What had begun with Belarmino is given up for this card."), "{said}");
    bela.succeed(&["sync"]);
    let known = bela.succeed(&["contacts"]).lines;
    let needs_card: Vec<_> = known.iter().filter(|contact| contact["needs_card"] == true).collect();
    assert!(needs_card.len() == 1 && needs_card[0]["name"] == "Anastasia", "{known:?}");
}
