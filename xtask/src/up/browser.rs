//! The way from the demonstration into a browser: the address of the app, and a link by which it becomes Amina's second device.
//!
//! The link is pasted there and is in no address: a page that took it from one would make whoever follows a stranger's address the stranger's device.
//! Whoever runs the demonstration chooses a password there, and says here that both show the same code: nothing is pretended.

use std::{
    env,
    io::{self, IsTerminal as _, Write as _},
    process::{Command, Stdio},
    thread,
};

use crate::{
    failure::Failure,
    screen::Screen,
    up::programs::{Linking, Person},
};

/// How long the link can be used.
const EXPIRES: &str = "8h";

/// Makes a link for a browser.
pub(crate) fn begin(amina: &Person) -> Result<(Linking, String), Failure> {
    let linking = amina.link(&["--history", "all", "--name", "terminal", "--expires", EXPIRES])?;
    let link = linking.wait_for("link")?;
    let link = link.get("link").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
    Ok((linking, link))
}

/// Opens an address in the browser of whoever sits here; without a display, or with nobody at the terminal, it is printed only.
pub(crate) fn show(address: &str) {
    let has_display = ["DISPLAY", "WAYLAND_DISPLAY"].into_iter().any(|name| env::var_os(name).is_some());
    if has_display && io::stderr().is_terminal() {
        // A machine without it has the address on the screen.
        let _ = Command::new("xdg-open").arg(address).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    }
}

/// Waits on a thread of its own until the browser has used the link, and asks whether both show the same code.
pub(crate) fn confirm(mut linking: Linking) {
    thread::spawn(move || {
        let screen = Screen::from_environment();
        let Ok(code) = linking.wait_long_for("code") else { return };
        let code = code.get("code").and_then(serde_json::Value::as_str).unwrap_or_default();
        screen.say(&format!("The browser is there. The code here is {}.", super::in_groups(code)));
        eprint!("  Is the same code in the browser? [y/N] ");
        let _ = io::stderr().flush();
        let mut answer = String::new();
        if io::stdin().read_line(&mut answer).is_err() || linking.answer(&answer).is_err() {
            return;
        }
        match linking.wait_long_for("device") {
            Ok(_) => screen.say("The browser is Amina's second device now, and has what she and Bruno said."),
            Err(_) => screen.say("Nothing was linked. Run it again to try once more."),
        }
    });
}
