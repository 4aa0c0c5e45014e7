//! `cargo xtask up`: two home servers, two people, one message, and what each party could see of it.
//!
//! Everything that is shown was measured in this very run, on the real programs: what passed the wire is read from a
//! tap in front of each server, what a server knows is read from its data folder.

mod browser;
mod dialogue;
mod programs;
mod story;
mod tap;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::mpsc,
};

use clap::Args;

use crate::{
    cargo::{self, cargo},
    failure::Failure,
    screen::Screen,
    tools::{self, Tool},
    up::{
        browser::{Invitation, Window},
        dialogue::Dialogue,
        programs::{Person, Programs, Server},
        story::Story,
        tap::Tap,
    },
    web::{self, Fast},
    workspace::Workspace,
};

/// Where the demonstration keeps what it makes, in the workspace.
const FOLDER: &str = "target/up";

/// What the demonstration does at its end.
#[derive(Args, Debug)]
pub(crate) struct UpArgs {
    /// Ends after the demonstration instead of leaving the servers running
    #[arg(long)]
    once: bool,
    /// The web app, if it is built already
    #[arg(long, value_name = "FOLDER", conflicts_with = "once")]
    app: Option<PathBuf>,
    /// Opens the app in a browser without a window, for tests: everybody on this machine can look into it
    #[arg(long, conflicts_with = "once", hide = true)]
    headless: bool,
}

/// The two servers, the two people, and the taps between them.
struct World {
    servers: [Server; 2],
    taps: [Tap; 2],
    amina: Person,
    bruno: Person,
    has_app: bool,
}

/// Runs the demonstration.
pub(crate) fn up(workspace: &Workspace, screen: &Screen, args: &UpArgs) -> Result<(), Failure> {
    tools::ensure(workspace, screen, &[Tool::Compiler, Tool::PkgConfig, Tool::OpenSsl])?;
    screen.begin("build", "kith and kithd; the first time takes a few minutes");
    cargo::run(cargo(workspace, &["build", "--quiet", "--package", "kith", "--package", "kithd"]))?;
    let app = match &args.app {
        Some(built) => Some(built.clone()),
        None if args.once => None,
        None => app(workspace, screen)?,
    };
    let mut world = World::start(workspace, screen, app.as_deref())?;
    world.meet(screen)?;
    world.talk(screen)?;
    if args.once {
        screen.say("That was all. Without --once the servers stay, and you can go on by hand.");
        return Ok(());
    }
    let window = match args.headless {
        true => Some(Window::None),
        false => browser::can_be_seen(workspace, screen).then_some(Window::Shown),
    };
    world.stay(workspace, screen, window)
}

/// Builds the web app, if this machine has what that needs, and returns its folder.
fn app(workspace: &Workspace, screen: &Screen) -> Result<Option<PathBuf>, Failure> {
    if !tools::wish(workspace, screen, &web::NEEDED) {
        return Ok(None);
    }
    screen.begin("app", "the web app; the first time takes some minutes");
    web::build(workspace, screen, Fast::Yes).map(Some)
}

impl World {
    fn start(workspace: &Workspace, screen: &Screen, app: Option<&Path>) -> Result<Self, Failure> {
        let folder = fresh_folder(&workspace.root().join(FOLDER))?;
        let built = workspace.target().join("debug");
        let programs = Programs { kith: built.join("kith"), kithd: built.join("kithd") };
        screen.begin("servers", "two home servers, each with its own data folder");
        let taps = [Tap::start()?, Tap::start()?];
        let [first, second] = &taps;
        let servers = [
            programs.server(&folder.join("server-one"), &first.url(), app)?,
            programs.server(&folder.join("server-two"), &second.url(), app)?,
        ];
        for (tap, server) in taps.iter().zip(&servers) {
            tap.lead_to(server.listen);
            screen.say(&format!("{}   key {}…", tap.url(), server.key.get(..12).unwrap_or_default()));
        }
        let amina = programs.person("Amina", folder.join("amina"));
        let bruno = programs.person("Bruno", folder.join("bruno"));
        Ok(Self { servers, taps, amina, bruno, has_app: app.is_some() })
    }

    fn meet(&self, screen: &Screen) -> Result<(), Failure> {
        screen.begin("people", "Amina lives on the first server, Bruno on the second");
        for (person, (tap, server)) in [&self.amina, &self.bruno].into_iter().zip(self.taps.iter().zip(&self.servers)) {
            person.run(&["init", "--server", &tap.url(), "--server-key", &server.key, "--name", person.name])?;
        }
        screen.begin("meeting", "Amina makes a contact card, Bruno answers it");
        let card = self.amina.ask(&["card", "new", "--name", "Bruno"], "link")?;
        screen.say(&format!(
            "the card, as a link: {}… ({} characters)",
            card.get(..40).unwrap_or_default(),
            card.len()
        ));
        self.bruno.run(&["card", "accept", &card, "--name", "Amina"])?;
        // The answer travels to Amina, her confirmation to Bruno, and his first words to her.
        for person in [&self.bruno, &self.amina, &self.bruno, &self.amina] {
            person.run(&["sync"])?;
        }
        let digits = self.amina.ask(&["verify", "Bruno"], "code")?;
        if digits != self.bruno.ask(&["verify", "Amina"], "code")? {
            return Err(Failure::new("the comparison digits of the two differ"));
        }
        screen.say(&format!("both see the same digits: {}", in_groups(&digits)));
        Ok(())
    }

    fn talk(&self, screen: &Screen) -> Result<(), Failure> {
        const QUESTION: &str = "Bruno, is the kettle on?";
        const ANSWER: &str = "It is. Bring the plum cake.";
        screen.begin("talking", "both are online");
        let (amina_hears, bruno_hears) = (self.amina.listen()?, self.bruno.listen()?);
        self.bruno.run(&["send", "Amina", "Good morning!", "--wait", "delivered", "--timeout", "60s"])?;
        amina_hears.wait_for("message")?;
        let marks = [self.taps[0].mark(), self.taps[1].mark()];
        self.amina.run(&["send", "Bruno", QUESTION, "--wait", "delivered", "--timeout", "60s"])?;
        bruno_hears.wait_for("message")?;
        let passed = [self.taps[0].since(&marks[0]), self.taps[1].since(&marks[1])];
        self.bruno.run(&["send", "Amina", ANSWER, "--wait", "delivered", "--timeout", "60s"])?;
        amina_hears.wait_for("message")?;
        screen.say(&format!("Amina: {QUESTION}"));
        screen.say(&format!("Bruno: {ANSWER}"));
        let data = [self.servers[0].data.as_path(), self.servers[1].data.as_path()];
        Story { text: QUESTION, names: ["Amina", "Bruno"], passed: &passed, data }.tell(screen)
    }

    /// Leads into Amina's conversation in the app. What is returned is the browser, which closes when that is dropped.
    fn show_app(
        &self,
        workspace: &Workspace,
        screen: &Screen,
        window: Option<Window>,
    ) -> Result<Option<Dialogue>, Failure> {
        let address = self.taps[0].url();
        screen.begin("app", "Amina's second device is a browser, and has her conversation with Bruno");
        screen.say(&format!("The app: {address}"));
        if let Some(window) = window {
            screen.say("A browser becomes her second device; this takes a moment.");
            let folder = workspace.root().join(FOLDER);
            // Her new device meets his while he is online.
            let _bruno_hears = self.bruno.listen()?;
            match Invitation::new(&self.amina)?.open(workspace, &folder, &address, window) {
                Ok(browser) => {
                    screen.say("It shows the conversation. Its password is the one above.");
                    return Ok(Some(browser));
                }
                Err(failure) => screen.failure(&failure),
            }
        }
        Invitation::new(&self.amina)?.by_hand(screen);
        Ok(None)
    }

    /// Leaves the servers running until Ctrl-C.
    fn stay(&mut self, workspace: &Workspace, screen: &Screen, window: Option<Window>) -> Result<(), Failure> {
        let (stop, stopped) = mpsc::channel();
        ctrlc::set_handler(move || {
            // A second Ctrl-C finds nobody waiting, which is fine.
            let _ = stop.send(());
        })
        .map_err(|error| Failure::new(format!("Ctrl-C cannot be caught: {error}")))?;
        let [amina, bruno] =
            [&self.amina, &self.bruno].map(|person| format!("{} --home {}", shown(&person.kith), shown(&person.home)));
        screen.begin("yours", "the servers stay; go on by hand in other terminals, from this folder");
        screen.say(&format!("export KITH_PASSWORD='{}'", programs::PASSWORD));
        screen.say(&format!("{bruno} listen"));
        screen.say(&format!("{amina} send Bruno 'Hello from me' --wait delivered"));
        screen.say(&format!("{amina} log Bruno"));
        // Beside it, every other command of hers goes on working.
        let _listener = self.amina.listen()?;
        let _browser = if self.has_app { self.show_app(workspace, screen, window)? } else { None };
        screen.say("Ctrl-C ends it.");
        // An error means that the handler is gone, which ends the waiting as well.
        let _ = stopped.recv();
        for server in &mut self.servers {
            server.stop();
        }
        screen.say("Both servers have ended. Their data stays in target/up until the next time.");
        Ok(())
    }
}

/// Returns an empty folder at this place.
fn fresh_folder(place: &Path) -> Result<PathBuf, Failure> {
    let trouble = |error| Failure::new(format!("{} cannot be made: {error}", place.display()));
    if place.exists() {
        fs::remove_dir_all(place).map_err(trouble)?;
    }
    fs::create_dir_all(place).map_err(trouble)?;
    Ok(place.to_owned())
}

/// A path as one types it: relative to where one stands, if it can be, and in quotes where a shell needs them.
fn shown(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let text = path.strip_prefix(here).unwrap_or(path).display().to_string();
    let is_plain = text.chars().all(|letter| letter.is_ascii_alphanumeric() || "/._-".contains(letter));
    if is_plain { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// Writes digits as people read them to each other: in groups of five.
fn in_groups(digits: &str) -> String {
    let letters: Vec<char> = digits.chars().collect();
    letters.chunks(5).map(String::from_iter).collect::<Vec<_>>().join(" ")
}
