//! `kith status`: how the person is connected, and what waits.

use clap::Args;
use kith_engine::{BackupView, ContactView, HomeBackupView, LinkState};
use serde_json::json;

use crate::commands::{backup_reach, device, pace};
use crate::context::{Context, contact_id};
use crate::failure::Failure;
use crate::{show, times};

#[derive(Debug, Args)]
pub(crate) struct Status {}

pub(crate) fn run(context: &Context) -> Result<(), Failure> {
    let status = context.client.ask(|engine| engine.status(times::now()))?;
    let devices = device::all(&context.client)?;
    let contacts = context.client.ask(|engine| engine.contacts())?;
    let refused: Vec<_> = contacts.iter().filter(|contact| contact.refused_another.is_some()).cloned().collect();
    // Nothing that a locked device does changes what waits there.
    let is_held = |contact: &&ContactView| contact.held.is_some() && !status.revoked;
    let held: Vec<&ContactView> = contacts.iter().filter(is_held).collect();
    let returning = show::not_back_with(&contacts);
    let backups = context.client.ask(|engine| engine.backups())?;
    let home = context.client.ask(|engine| engine.home_backup())?;
    let reach = backup_reach::of(&context.client)?;
    let is_online = status.link == LinkState::Up;
    let about_server = match (status.registered, is_online) {
        (false, _) => ", which has not taken you yet",
        (true, true) => ", online",
        (true, false) => "",
    };
    let object = json!({
        "name": status.name,
        "home": context.client.folder().display().to_string(),
        "server": status.server.as_str(),
        "server_key": status.server_key.to_string(),
        "registered": status.registered,
        "online": is_online,
        "waiting": status.waiting,
        "held": held.iter().map(|contact| contact_id(contact.id)).collect::<Vec<_>>(),
        "refused_another": refused.iter().map(|contact| contact_id(contact.id)).collect::<Vec<_>>(),
        "returning": returning.iter().map(|contact| contact_id(contact.id)).collect::<Vec<_>>(),
        "spare_queues": status.spare_queues,
        "contacts": status.contacts,
        "devices": devices.iter().filter(|device| device.since.is_some()).count().max(1),
        "rotation_hours": status.rotation_hours,
        "revoked": status.revoked,
        "left_behind": status.left_behind,
        "phrase_checked_at": backups.phrase_checked.map(times::rfc3339),
        "backup_made_at": backups.made.map(times::rfc3339),
        "home_backup_made_at": home.made.map(times::rfc3339),
        "home_backup_every_hours": home.every,
        "backup_behind": backups.made.map(|_| backups.behind),
        "backup_missing": reach.missing,
        "last_backup_missing": reach.missing_in_last,
    });
    context.out.data(&object, || {
        let mut lines = vec![
            format!("folder       {}", context.client.folder().display()),
            format!("home server  {}{about_server}", status.server),
            format!("its key      {}", status.server_key),
            format!("contacts     {}", status.contacts),
            format!("devices      {}", show::devices_line(&devices)),
            format!("its keys     replaced {}", pace::words(status.rotation_hours)),
            format!("recovery     {}", recovery(&backups)),
            format!("             {}", at_home(&home)),
            format!("             {}", backup_reach::words(&reach)),
            format!("waiting      {}", if status.revoked { NEVER } else { waiting(status.waiting, status.link) }),
        ];
        if let Some(line) = show::return_line(returning.len()).filter(|_| !status.revoked) {
            lines.push(format!("return       {line}"));
        }
        lines.retain(|line| !line.trim().is_empty());
        if status.revoked {
            lines.insert(0, if status.left_behind { LEFT_BEHIND } else { REVOKED }.to_owned());
        }
        if let Some(name) = &status.name {
            lines.insert(0, format!("you          {}", show::one_line(name)));
        }
        lines.join("\n")
    });
    show::banner(&context.out, &context.client);
    for contact in &refused {
        context.out.note(format!("! {}  {}", show::name_among(contact, &contacts), show::REFUSED_ANOTHER));
    }
    for contact in &held {
        let name = show::name_among(contact, &contacts);
        context.out.note(contact.held.map(|held| show::held_words(held, &name)).unwrap_or_default());
    }
    Ok(())
}

/// Says how well the person is prepared for losing every device.
fn recovery(backups: &BackupView) -> String {
    let phrase = match backups.phrase_checked {
        Some(at) => format!("phrase written down ({})", times::date(at)),
        None => "phrase never checked: `kith recovery phrase`".to_owned(),
    };
    let backup = match (backups.made, backups.behind) {
        (None, _) => "no backup yet: `kith backup FILE`".to_owned(),
        (Some(at), 0) => format!("backup of {}", times::date(at)),
        (Some(at), behind) => format!("backup of {}, {} behind", times::date(at), show::number(behind, "message")),
    };
    format!("{phrase}; {backup}")
}

/// Says how old the backup at the home server is.
fn at_home(home: &HomeBackupView) -> String {
    let often = match home.every {
        Some(hours) if hours <= 24 => "made every day",
        Some(_) => "made every week",
        None => "made when you say so",
    };
    match (home.made, home.every) {
        (Some(made), _) => format!("backup at your home server of {}, {often}", times::date(made)),
        (None, Some(_)) => "no backup at your home server yet: it is made when you are online".to_owned(),
        (None, None) => "no backup at your home server: `kith backup --at-home --every day`".to_owned(),
    }
}

/// What a person must know before anything else.
const REVOKED: &str =
    "revoked      this device was revoked on another one of yours: it sends and receives nothing any more";

/// The same of a device that was linked after the backup.
const LEFT_BEHIND: &str = "revoked      your people show that you went on from a backup that did not know of this device: it sends and receives nothing\n             \
                           any more. What you wrote here since that backup is here alone (`kith log`). If it was you who came back, delete the folder when you need\n             \
                           nothing of it. If not, somebody has your recovery words, or a backup and your password: tell your people another way";

const NEVER: &str = "nothing goes out any more";

fn waiting(n_frames: u64, link: LinkState) -> &'static str {
    match (n_frames, link) {
        (0, _) => "nothing",
        (_, LinkState::Up) => "something, for a contact to come online or a home server that does not answer",
        (_, _) => "something has not left yet; it goes out with the next `kith sync` or `kith listen`",
    }
}
