//! The way from the demonstration into a browser, in which the app becomes Amina's second device.
//!
//! On a machine with a display, a browser with a profile of its own opens, and a script does there what a person does: it takes the link, types the
//! password, and looks at the code. Elsewhere whoever runs the demonstration does it in a browser of their own.
//!
//! The link is pasted and is in no address: a page that took it from one would make whoever follows a stranger's address the stranger's device.

use std::{
    env,
    io::{self, IsTerminal as _, Write as _},
    path::Path,
    process::Command,
    thread,
};

use serde_json::json;

use crate::{
    failure::Failure,
    screen::Screen,
    tools::{self, Tool},
    up::{
        dialogue::Dialogue,
        programs::{PASSWORD, Person},
    },
    workspace::Workspace,
};

/// How long the link can be used.
const EXPIRES: &str = "8h";
/// What does in the app what a person does.
const SCRIPT: &str = "browser/demonstrate.mjs";

/// Whether the browser that opens can be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Window {
    /// On the display.
    Shown,
    /// Nowhere; tests look into it.
    None,
}

/// A link by which something becomes Amina's second device.
#[derive(Debug)]
pub(crate) struct Invitation {
    linking: Dialogue,
    link: String,
}

impl Invitation {
    /// Lets Amina make a link.
    pub(crate) fn new(amina: &Person) -> Result<Self, Failure> {
        let linking = amina.link(&["--history", "all", "--name", "terminal", "--expires", EXPIRES])?;
        let link = linking.wait_for("link")?;
        Ok(Self { linking, link })
    }

    /// Opens the app in a browser with a profile of its own, links it, and leaves it in Amina's conversation with Bruno, until the result is dropped.
    ///
    /// # Errors
    ///
    /// Fails if the browser does not do as it should, or shows another code.
    pub(crate) fn open(
        mut self,
        workspace: &Workspace,
        folder: &Path,
        address: &str,
        window: Window,
    ) -> Result<Dialogue, Failure> {
        let app = workspace.root().join(crate::web::APP);
        let mut script = Command::new("node");
        script.arg(SCRIPT).current_dir(&app);
        script.env("KITH_PROGRAMS", workspace.target().join("debug")).env("KITH_WEB", app.join("dist"));
        let mut browser = Dialogue::start("the browser", script)?;
        let told = json!({
            "address": address, "link": self.link, "password": PASSWORD, "with": "Bruno",
            "profile": folder.join("browser"), "headless": window == Window::None,
        });
        let gone = |error| Failure::new(format!("what was to be told did not arrive: {error}"));
        browser.answer(&told.to_string()).map_err(gone)?;
        let there = browser.wait_for("code")?;
        let here = self.linking.wait_for("code")?;
        if here != there {
            return Err(Failure::new(format!("the browser shows the code {there}, and Amina's first device {here}")));
        }
        self.linking.answer("y").map_err(gone)?;
        browser.answer("same").map_err(gone)?;
        self.linking.wait_for("device")?;
        browser.wait_for("open")?;
        Ok(browser)
    }

    /// Says what a person does in a browser of their own, and asks on a thread of its own whether both show the same code.
    pub(crate) fn by_hand(self, screen: &Screen) {
        screen.say("There, say that you have Kith on another device, choose a password, and take this link:");
        screen.say(&self.link);
        let mut linking = self.linking;
        thread::spawn(move || {
            let screen = Screen::from_environment();
            let Ok(code) = linking.wait_long_for("code") else { return };
            screen.say(&format!(
                "The browser is there. The code here is {}. Say there, too, whether it is the same.",
                super::in_groups(&code)
            ));
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
}

/// Returns whether a browser can be opened for whoever sits here: there is a display, a terminal, and a browser that scripts can lead.
pub(crate) fn can_be_seen(workspace: &Workspace, screen: &Screen) -> bool {
    let has_display = ["DISPLAY", "WAYLAND_DISPLAY"].into_iter().any(|name| env::var_os(name).is_some());
    has_display && io::stderr().is_terminal() && tools::wish(workspace, screen, &[Tool::Chromium])
}
