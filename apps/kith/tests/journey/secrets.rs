//! What must not be readable anywhere: not on the servers, not on a locked device.

use crate::support::{PASSWORD, World, files_below, holds};

const TEXT: &str = "the plum cake is in the oven";

#[test]
fn servers_keep_and_log_no_text_no_name_and_no_address() {
    let world = World::of_friends();
    let hears = world.bela.listen();
    world.ana.succeed(&["send", "Belarmino", TEXT, "--wait", "delivered", "--timeout", "60s"]);
    drop(hears);
    for server in [&world.one, &world.two] {
        let log = server.log();
        for secret in [TEXT, "Anastasia", "Belarmino"] {
            assert!(!log.contains(secret), "the log of a server holds {secret:?}");
        }
        // Addresses of people would be those of loopback here; the servers' own stand in URLs with a port.
        for line in log.lines().filter(|line| line.contains("127.0.0.1")) {
            assert!(line.contains("http://127.0.0.1:") || line.contains("listen"), "an address in the log: {line}");
        }
        for (path, bytes) in files_below(&server.data) {
            for secret in [TEXT, "Anastasia", "Belarmino"] {
                assert!(!holds(&bytes, secret), "{} holds {secret:?}", path.display());
            }
        }
    }
}

#[test]
fn a_locked_folder_shows_nothing() {
    let world = World::of_friends();
    let hears = world.bela.listen();
    world.ana.succeed(&["send", "Belarmino", TEXT, "--wait", "delivered", "--timeout", "60s"]);
    hears.wait_for("the message", |event| event["event"] == "message");
    // Killed, not closed: what lies around in journals counts too.
    drop(hears);
    for person in [&world.ana, &world.bela] {
        let url = world.two.url.trim_start_matches("http://");
        for (path, bytes) in files_below(&person.home) {
            for secret in [TEXT, "Anastasia", "Belarmino", PASSWORD, url, "CREATE TABLE", "SQLite format 3"] {
                assert!(!holds(&bytes, secret), "{} holds {secret:?}", path.display());
            }
        }
    }
}
