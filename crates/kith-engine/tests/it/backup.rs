//! Backups: what they say, what changed since, and that what is restored is what was there.

use kith_crypto::user::UserSecret;
use kith_engine::{
    BackupError, BackupFrom, Command, CommandError, ContactId, HistoryWish, MessageState, MessageView, Receipts,
    RestoreError, Whom,
};
use kith_wire::backup::{BackupItem, pack};
use kith_wire::id::{BackupMark, MessageId};
use proptest::prelude::*;

use crate::world::{ANA, BELA, Reach, START, World, text_of};

/// What a person sees of a conversation, but for how far messages have come.
fn seen(messages: &[MessageView]) -> Vec<impl PartialEq + std::fmt::Debug + use<>> {
    let one = |message: &MessageView| {
        let file = message.attachment.as_ref().map(|file| (file.name.clone(), file.size));
        let (text, reactions) = (text_of(message), message.reactions.clone());
        (message.id, message.direction, message.sent, text, message.reply_to, message.edited, reactions, file)
    };
    messages.iter().map(one).collect()
}

fn n_messages(items: &[BackupItem]) -> usize {
    let some = |item: &BackupItem| if let BackupItem::Messages { messages, .. } = item { messages.len() } else { 0 };
    items.iter().map(some).sum()
}

#[test]
fn what_is_restored_is_what_was_there() {
    let (mut world, bela, ana) = World::met("backup-restored");
    let first = world.send(ANA, bela, "Is the kettle on?");
    world.run(5);
    let reply = Command::Send { contact: ana, text: "Yes".to_owned(), reply_to: Some(first), attachment: None };
    world.command(BELA, reply).unwrap();
    let attachment = world.prepare(ANA, &[7; 100_000]);
    let send = Command::Send { contact: bela, text: String::new(), reply_to: None, attachment: Some(attachment) };
    world.command(ANA, send).unwrap();
    world.run(30);
    world.command(BELA, Command::React { contact: ana, message: first, emoji: "👍".to_owned() }).unwrap();
    world.command(ANA, Command::Edit { contact: bela, message: first, text: "Is it on?".to_owned() }).unwrap();
    world.command(ANA, Command::Rename { contact: bela, name: "Belarmino".to_owned() }).unwrap();
    world.command(ANA, Command::ConfirmVerified { contact: bela }).unwrap();
    world.command(ANA, Command::SetReadReceipts { contact: bela, receipts: Receipts::Withheld }).unwrap();
    world.command(ANA, Command::SetKeyRotation { hours: 24 }).unwrap();
    world.command(ANA, Command::MarkRead { contact: bela }).unwrap();
    world.run(30);

    let (items, _) = world.backup_run(ANA, None).unwrap();
    world.online(ANA, Reach::Down);
    let tablet = world.come_back("backup-restored-tablet", ANA, 1, &items);
    let contacts = world.people[tablet].engine.contacts().unwrap();
    assert_eq!(contacts.len(), 1);
    let (old, new) = (world.people[ANA].engine.contact(bela).unwrap(), &contacts[0]);
    assert_eq!((&new.name, new.receipts, new.unread), (&old.name, old.receipts, old.unread));
    assert_eq!(seen(&world.log(tablet, new.id)), seen(&world.log(ANA, bela)));
    let digits = |who: usize, contact: ContactId| world.people[who].engine.digits(contact).unwrap();
    assert_eq!(digits(tablet, new.id), digits(ANA, bela));
    let (again, _) = world.backup_run(tablet, None).unwrap();
    assert!(again.iter().any(|item| matches!(item, BackupItem::Person { hours: Some(24), .. })));
}

#[test]
fn who_comes_back_from_a_backup_goes_on_talking_and_the_old_device_does_not() {
    let (mut world, bela, ana) = World::met("backup-back");
    world.send(ANA, bela, "before");
    world.run(3600);
    let (whole, mark) = world.backup_run(ANA, None).unwrap();
    let is_card = |item: &BackupItem| matches!(item, BackupItem::SpareCard { .. });
    assert!(whole.iter().any(is_card), "Bela's device has left a card");
    world.send(BELA, ana, "after the first run");
    world.run(60);
    let (news, _) = world.backup_run(ANA, Some(mark)).unwrap();
    world.online(ANA, Reach::Down);
    let tablet = world.come_back("backup-back-tablet", ANA, 1, &[whole, news].concat());
    world.run(20);
    world.unlock(tablet);
    world.run(60);
    let there = world.people[tablet].engine.contacts().unwrap()[0].id;
    world.send(tablet, there, "I am back");
    world.run(60);
    world.send(BELA, ana, "so you are");
    world.run(60);
    assert_eq!(world.texts(BELA, ana), ["before", "after the first run", "I am back", "so you are"]);
    assert_eq!(world.texts(tablet, there), ["before", "after the first run", "I am back", "so you are"]);
    let at_belas = world.people[BELA].engine.contact(ana).unwrap();
    assert!(at_belas.restored.is_some_and(|restored| !restored.twice), "Bela is told");
    world.online(ANA, Reach::Up);
    world.send(ANA, bela, "from the thief");
    world.run(3600);
    assert!(!world.texts(BELA, ana).contains(&"from the thief".to_owned()));
}

#[test]
fn a_card_that_a_contact_leaves_later_is_in_the_next_run() {
    let (mut world, bela, ana) = World::met("backup-cards");
    world.run(3600);
    let (_, mark) = world.backup_run(ANA, None).unwrap();
    let (nothing, mark) = world.backup_run(ANA, Some(mark)).unwrap();
    let n_cards =
        |items: &[BackupItem]| items.iter().filter(|item| matches!(item, BackupItem::SpareCard { .. })).count();
    assert_eq!(n_cards(&nothing), 0);
    // Another queue makes another card.
    world.command(BELA, Command::Rotate { contact: ana }).unwrap();
    world.run(3600);
    let (news, _) = world.backup_run(ANA, Some(mark)).unwrap();
    assert_eq!(n_cards(&news), 1);
    assert!(world.people[ANA].engine.contact(bela).is_ok());
}

#[test]
fn a_second_run_says_only_what_is_new_or_has_changed() {
    let (mut world, bela, ana) = World::met("backup-grows");
    for number in 0..200 {
        world.send(BELA, ana, &format!("number {number}"));
    }
    world.run(30);
    let (whole, mark) = world.backup_run(ANA, None).unwrap();
    assert_eq!(n_messages(&whole), 200);
    let (nothing, mark) = world.backup_run(ANA, Some(mark)).unwrap();
    let is_frame = |item: &BackupItem| matches!(item, BackupItem::Person { .. } | BackupItem::End { .. });
    assert!(nothing.iter().all(is_frame), "{nothing:?}");

    let old = world.log(ANA, bela)[3].id;
    world.command(ANA, Command::React { contact: bela, message: old, emoji: "🌻".to_owned() }).unwrap();
    world.send(ANA, bela, "and one more");
    assert_eq!(world.people[ANA].engine.backups().unwrap().behind, 2);
    let (news, _) = world.backup_run(ANA, Some(mark)).unwrap();
    assert_eq!(n_messages(&news), 2);
    assert_eq!(world.people[ANA].engine.backups().unwrap().behind, 0);

    let user = world.people[ANA].user.clone();
    let tablet = world.add_folder("backup-grows-tablet", 0, user);
    world.take_in(tablet, &[whole, nothing, news].concat()).unwrap();
    let there = world.people[tablet].engine.contacts().unwrap()[0].id;
    assert_eq!(seen(&world.log(tablet, there)), seen(&world.log(ANA, bela)));
}

#[test]
fn what_changes_while_a_backup_is_made_is_in_the_next_one_at_the_latest() {
    let (mut world, bela, ana) = World::met("backup-meanwhile");
    for number in 0..600 {
        world.send(BELA, ana, &format!("number {number}, {}", "and so on ".repeat(60)));
    }
    world.run(60);
    let now = world.now;
    let mut run = world.people[ANA].engine.begin_backup(None, now, &mut world.rng).unwrap().run;
    let mut items = world.people[ANA].engine.continue_backup(&mut run, now).unwrap().items;
    let changed: Vec<MessageId> = [5, 595].iter().map(|at| world.log(ANA, bela)[*at].id).collect();
    for message in changed {
        world.command(ANA, Command::React { contact: bela, message, emoji: "🌻".to_owned() }).unwrap();
    }
    loop {
        let portion = world.people[ANA].engine.continue_backup(&mut run, now).unwrap();
        items.extend(portion.items);
        if portion.is_last {
            break;
        }
    }
    let (next, _) = world.backup_run(ANA, Some(run.mark())).unwrap();
    assert!(n_messages(&items) >= 600 && n_messages(&next) >= 1);
    let tablet = world.add_folder("backup-meanwhile-tablet", 0, world.people[ANA].user.clone());
    world.take_in(tablet, &[items, next].concat()).unwrap();
    let there = world.people[tablet].engine.contacts().unwrap()[0].id;
    assert_eq!(seen(&world.log(tablet, there)), seen(&world.log(ANA, bela)));
}

#[test]
fn a_contact_that_is_being_met_anew_keeps_what_was_said() {
    let (mut world, bela, ana) = World::met("backup-anew");
    world.send(BELA, ana, "years of this");
    world.run(60);
    world.command(ANA, Command::Rename { contact: bela, name: "Belarmino".to_owned() }).unwrap();
    world.alter(ANA, "UPDATE contacts SET unusable = 1", &[]);
    world.command(ANA, Command::CardNew { whom: Whom::Again(bela), expires: 3600 }).unwrap();
    let (whole, mark) = world.backup_run(ANA, None).unwrap();
    assert_eq!(n_messages(&whole), 1);
    // Met again, it is told whole, and the later word counts.
    let offer = world.card(BELA).1;
    world.alter(ANA, "UPDATE contacts SET unusable = 1", &[]);
    world.command(ANA, Command::CardAccept { offer: Box::new(offer), whom: Whom::Again(bela) }).unwrap();
    world.run(60);
    let (news, _) = world.backup_run(ANA, Some(mark)).unwrap();
    assert!(news.iter().any(|item| matches!(item, BackupItem::Contact(_))));
    let tablet = world.come_back("backup-anew-tablet", ANA, 0, &whole);
    let there = world.people[tablet].engine.contacts().unwrap().remove(0);
    assert_eq!((there.name.as_str(), there.needs_card), ("Belarmino", true));
    assert_eq!(world.texts(tablet, there.id), ["years of this"]);
    world.run(20);
    let card = Command::CardNew { whom: Whom::Again(there.id), expires: 3600 };
    assert!(world.command(tablet, card).is_ok(), "the conversation can go on");
}

#[test]
fn portions_are_bounded_however_much_was_said() {
    let (mut world, bela, _) = World::met("backup-bounded");
    let sql = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) \
               INSERT INTO messages (contact, message, direction, device, lamport, sent, kind, text, state) \
               SELECT ?1, randomblob(16), i % 2, zeroblob(16), i, 1700000000000 + i, 0, \
               substr(hex(zeroblob(12000)), 1, CASE WHEN i % 500 = 0 THEN 24000 ELSE i % 300 END), 2 FROM n";
    world.alter(ANA, sql, &[&i64::try_from(bela.0).unwrap()]);
    let now = world.now;
    let start = world.people[ANA].engine.begin_backup(None, now, &mut world.rng).unwrap();
    assert_eq!((start.messages, start.contacts), (20_000, 1));
    let (mut run, mut said, mut whole) = (start.run, 0, 0);
    loop {
        let portion = world.people[ANA].engine.continue_backup(&mut run, now).unwrap();
        let mut content = Vec::new();
        portion.items.iter().for_each(|item| pack(&mut content, item).unwrap());
        assert!(content.len() < 300_000, "{}", content.len());
        whole += content.len() as u64;
        said += portion.messages;
        if portion.is_last {
            break;
        }
    }
    assert_eq!(said, 20_000);
    // What a whole backup takes is known well enough to see when a file is twice as long.
    assert!(start.whole_bytes > whole * 2 / 3 && start.whole_bytes < whole * 3 / 2, "{} {whole}", start.whole_bytes);
}

#[test]
fn ke_73_messages_that_disappear_are_in_no_backup() {
    let (mut world, bela, _) = World::met("backup-disappearing");
    world.send(ANA, bela, "for good");
    world.command(ANA, Command::SetDisappearing { contact: bela, seconds: Some(86_400) }).unwrap();
    world.send(ANA, bela, "for a day");
    world.run(10);
    let (items, _) = world.backup_run(ANA, None).unwrap();
    assert_eq!(n_messages(&items), 1);
    let tablet = world.add_folder("backup-disappearing-tablet", 0, world.people[ANA].user.clone());
    world.take_in(tablet, &items).unwrap();
    let contact = world.people[tablet].engine.contacts().unwrap().remove(0);
    assert_eq!(world.texts(tablet, contact.id), ["for good"]);
    assert_eq!(contact.disappearing, Some(86_400), "that they disappear is known");
}

#[test]
fn whom_the_person_forgets_the_next_run_forgets_too() {
    let (mut world, bela, _) = World::met("backup-forgotten");
    world.send(ANA, bela, "never mind");
    world.run(10);
    let (whole, mark) = world.backup_run(ANA, None).unwrap();
    world.command(ANA, Command::Forget { contact: bela }).unwrap();
    let (news, _) = world.backup_run(ANA, Some(mark)).unwrap();
    let tablet = world.add_folder("backup-forgotten-tablet", 0, world.people[ANA].user.clone());
    world.take_in(tablet, &[whole, news].concat()).unwrap();
    assert!(world.people[tablet].engine.contacts().unwrap().is_empty());
    assert_eq!(world.people[tablet].engine.n_messages().unwrap(), 0);
}

#[test]
fn what_waited_on_the_lost_device_is_shown_as_not_delivered() {
    let (mut world, bela, _) = World::met("backup-waiting");
    world.online(ANA, Reach::Down);
    let message = world.send(ANA, bela, "it never left");
    let (items, _) = world.backup_run(ANA, None).unwrap();
    let tablet = world.add_folder("backup-waiting-tablet", 0, world.people[ANA].user.clone());
    world.take_in(tablet, &items).unwrap();
    let there = world.people[tablet].engine.contacts().unwrap()[0].id;
    assert_eq!(world.state(tablet, there, message), MessageState::Expired);
}

#[test]
fn ke_74_a_device_goes_on_behind_its_own_runs_only() {
    let (mut world, bela, _) = World::with_laptop("backup-marks");
    world.link(ANA, crate::world::LAPTOP, HistoryWish::None);
    world.send(ANA, bela, "hello");
    let (_, mark) = world.backup_run(ANA, None).unwrap();
    let elsewhere = world.backup_run(crate::world::LAPTOP, Some(mark));
    assert!(matches!(elsewhere, Err(BackupError::UnknownMark)));
    assert!(matches!(world.backup_run(ANA, Some(BackupMark([9; 16]))), Err(BackupError::UnknownMark)));
    world.crash(ANA);
    assert!(world.backup_run(ANA, Some(mark)).is_ok());
    // However often a disk is full, the run with which the file ends is known.
    for _ in 0..200 {
        let now = world.now;
        world.people[ANA].engine.begin_backup(None, now, &mut world.rng).unwrap();
    }
    assert!(world.people[ANA].engine.knows_backup(&[BackupMark([9; 16]), mark]).unwrap());
    assert!(!world.people[crate::world::LAPTOP].engine.knows_backup(&[mark]).unwrap());
    // Runs that are long past are forgotten.
    for _ in 0..70 {
        world.backup_run(ANA, None).unwrap();
    }
    assert!(matches!(world.backup_run(ANA, Some(mark)), Err(BackupError::UnknownMark)));
}

#[test]
fn ke_75_half_a_person_does_nothing_but_go_on() {
    let (mut world, bela, ana) = World::met("backup-half");
    world.send(ANA, bela, "one");
    world.run(5);
    world.send(BELA, ana, "two");
    world.run(5);
    let (items, _) = world.backup_run(ANA, None).unwrap();
    world.online(ANA, Reach::Down);
    let tablet = world.add_folder("backup-half-tablet", 0, world.people[ANA].user.clone());
    world.take_in(tablet, &items[..3]).unwrap();
    assert!(matches!(world.finish_restore(tablet), Err(RestoreError::NoHomeServer)));
    world.find_home(tablet);
    world.stop(tablet);
    let there = world.people[tablet].engine.contacts().unwrap()[0].id;
    let send = Command::Send { contact: there, text: "too early".to_owned(), reply_to: None, attachment: None };
    assert!(matches!(world.command(tablet, send.clone()), Err(CommandError::Restoring)));
    let card = Command::CardNew { whom: Whom::New(None), expires: 60 };
    assert!(matches!(world.command(tablet, card), Err(CommandError::Restoring)));
    let connect = Command::Connect(kith_engine::Connection::Wanted);
    assert!(matches!(world.command(tablet, connect), Err(CommandError::Restoring)));
    assert!(matches!(world.backup_run(tablet, None), Err(BackupError::Restoring)));
    assert!(world.people[tablet].engine.is_restoring().unwrap());
    world.unlock(tablet);
    assert_eq!(world.people[tablet].engine.next_wake(), None);
    // Said again from the beginning, it goes on, and nothing is there twice.
    world.take_in(tablet, &items).unwrap();
    world.finish_restore(tablet).unwrap();
    assert_eq!(world.texts(tablet, there), ["one", "two"]);
    assert!(!world.people[tablet].engine.is_restoring().unwrap());
    assert!(matches!(world.take_in(tablet, &items), Err(RestoreError::NotFresh)));
    assert!(matches!(world.finish_restore(tablet), Err(RestoreError::NotBegun)));
}

#[test]
fn nothing_is_restored_over_a_person_and_nothing_of_another_persons_list_counts() {
    let (mut world, bela, _) = World::with_laptop("backup-over");
    world.link(ANA, crate::world::LAPTOP, HistoryWish::None);
    world.send(ANA, bela, "hello");
    let (items, _) = world.backup_run(ANA, None).unwrap();
    assert!(matches!(world.take_in(BELA, &items), Err(RestoreError::NotFresh)));
    // Somebody with another root secret is not made a device of Ana's by her list.
    let stranger = world.add_folder("backup-over-stranger", 0, UserSecret::from_seed([9; 32]));
    world.take_in(stranger, &items[..1]).unwrap();
    let known = world.people[stranger].engine.devices().unwrap();
    assert!(known.iter().all(|device| device.is_this), "{known:?}");
    let now = START;
    let named = world.people[stranger].engine.begin_restore("two\nlines", BackupFrom::File, now, &mut world.rng);
    assert!(matches!(named, Err(RestoreError::BadName)));
}

#[test]
fn that_the_phrase_was_checked_is_remembered_until_it_is_another_one() {
    let (mut world, _, _) = World::with_laptop("backup-phrase");
    let now = world.now;
    assert_eq!(world.people[crate::world::LAPTOP].engine.backups().unwrap().phrase_checked, None);
    world.people[crate::world::LAPTOP].engine.phrase_checked(now, &mut world.rng).unwrap();
    world.crash(crate::world::LAPTOP);
    assert_eq!(world.people[crate::world::LAPTOP].engine.backups().unwrap().phrase_checked, Some(now));
    world.link(ANA, crate::world::LAPTOP, HistoryWish::None);
    assert_eq!(world.people[crate::world::LAPTOP].engine.backups().unwrap().phrase_checked, None);
}

/// What happens between two people, and when a backup is made.
#[derive(Debug, Clone)]
enum Step {
    Say { by_ana: bool },
    Edit(usize),
    Delete(usize),
    React(usize),
    Rename(u8),
    BackUp,
    Wait,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => any::<bool>().prop_map(|by_ana| Step::Say { by_ana }),
        2 => any::<usize>().prop_map(Step::Edit),
        1 => any::<usize>().prop_map(Step::Delete),
        2 => any::<usize>().prop_map(Step::React),
        1 => any::<u8>().prop_map(Step::Rename),
        2 => Just(Step::BackUp),
        1 => Just(Step::Wait),
    ];
    proptest::collection::vec(step, 1..30)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn runs_together_say_what_a_whole_one_says(steps in steps(), seed: u32) {
        let name = format!("backup-model-{seed}");
        let (mut world, bela, ana) = World::met(&name);
        let (mut runs, mut mark) = (Vec::new(), None);
        for (number, step) in steps.into_iter().enumerate() {
            let log = world.log(ANA, bela);
            let message = |at: usize| log.get(at % log.len().max(1)).map(|message| message.id);
            match step {
                Step::Say { by_ana: true } => drop(world.send(ANA, bela, &format!("a{number}"))),
                Step::Say { by_ana: false } => drop(world.send(BELA, ana, &format!("b{number}"))),
                Step::Wait => world.run(20),
                Step::BackUp => {
                    let (items, made) = world.backup_run(ANA, mark).unwrap();
                    runs.extend(items);
                    mark = Some(made);
                }
                Step::Rename(number) => {
                    world.command(ANA, Command::Rename { contact: bela, name: format!("Bela {number}") }).unwrap();
                }
                Step::Edit(at) | Step::Delete(at) | Step::React(at) => {
                    let Some(message) = message(at) else { continue };
                    let command = match step {
                        Step::Edit(_) => Command::Edit { contact: bela, message, text: format!("e{number}") },
                        Step::Delete(_) => Command::Delete { contact: bela, message },
                        _ => Command::React { contact: bela, message, emoji: "👍".to_owned() },
                    };
                    // What Bela wrote, or what was taken back, is not changed.
                    let _refused = world.command(ANA, command);
                }
            }
        }
        world.run(20);
        runs.extend(world.backup_run(ANA, mark).unwrap().0);
        let whole = world.backup_run(ANA, None).unwrap().0;
        let mut restored = Vec::new();
        for (place, items) in [("runs", &runs), ("whole", &whole)] {
            let user = world.people[ANA].user.clone();
            let who = world.add_folder(&format!("{name}-{place}"), 0, user);
            world.take_in(who, items).unwrap();
            let contact = world.people[who].engine.contacts().unwrap().remove(0);
            prop_assert_eq!(seen(&world.log(who, contact.id)), seen(&world.log(ANA, bela)));
            restored.push(contact.name);
        }
        let known = world.people[ANA].engine.contact(bela).unwrap().name;
        prop_assert_eq!(restored, [known.clone(), known]);
    }
}

#[test]
fn ke_76_no_key_by_which_a_device_talks_is_in_a_backup() {
    let (mut world, bela, _) = World::with_laptop("backup-keys");
    world.link(ANA, crate::world::LAPTOP, HistoryWish::All);
    world.send(ANA, bela, "hello");
    world.run(7 * 86_400);
    let (items, _) = world.backup_run(ANA, None).unwrap();
    let mut content = Vec::new();
    items.iter().for_each(|item| pack(&mut content, item).unwrap());
    let keeper = &world.people[ANA].keeper;
    let secrets = [
        "SELECT account FROM person",
        "SELECT secret FROM own_device",
        "SELECT own FROM contacts WHERE own IS NOT NULL",
        "SELECT lookup FROM queues",
        "SELECT capability FROM queues",
        "SELECT reader FROM queues WHERE reader IS NOT NULL",
    ];
    let mut n_looked_for = 0;
    for sql in secrets {
        let mut statement = keeper.prepare(sql).unwrap();
        let blobs: Vec<Vec<u8>> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        for blob in &blobs {
            // Of what is longer, every part.
            for part in blob.chunks_exact(blob.len().min(24)) {
                assert!(!content.windows(part.len()).any(|window| window == part), "{sql}");
                n_looked_for += 1;
            }
        }
    }
    assert!(n_looked_for > 50, "there was something to look for");
    let seed = world.people[ANA].user.expose();
    assert!(!content.windows(32).any(|window| window == seed), "the user key is in the head, and only there");
}

#[test]
fn ke_104_drafts_come_back_and_one_that_was_sent_stays_sent() {
    let (mut world, bela, _) = World::met("backup-drafts");
    let draft = |text: &str| Command::SaveDraft { contact: bela, text: text.to_owned() };
    world.command(ANA, draft("Dear Be")).unwrap();
    let (whole, mark) = world.backup_run(ANA, None).unwrap();
    world.run(1);
    world.command(ANA, draft("Dear Bela, I")).unwrap();
    let (news, second) = world.backup_run(ANA, Some(mark)).unwrap();
    world.run(1);
    world.send(ANA, bela, "Dear Bela, I am well");
    let (last, _) = world.backup_run(ANA, Some(second)).unwrap();
    world.online(ANA, Reach::Down);
    let drafts_of = |items: &[BackupItem], world: &mut World, name: &str| {
        let back = world.come_back(name, ANA, 1, items);
        world.people[back].engine.contacts().unwrap()[0].draft.clone()
    };
    assert_eq!(drafts_of(&whole, &mut world, "backup-drafts-1"), "Dear Be");
    let both = [whole, news].concat();
    assert_eq!(drafts_of(&both, &mut world, "backup-drafts-2"), "Dear Bela, I");
    assert_eq!(drafts_of(&[both, last].concat(), &mut world, "backup-drafts-3"), "");
}

#[test]
fn ke_106_after_a_restore_from_a_home_server_nobody_counts_as_compared() {
    let (mut world, bela, _) = World::met("home-doubt");
    world.command(ANA, Command::ConfirmVerified { contact: bela }).unwrap();
    world.run(30);
    let (items, _) = world.backup_run(ANA, None).unwrap();
    world.online(ANA, Reach::Down);
    let view = |world: &World, who: usize| world.people[who].engine.contacts().unwrap().remove(0);
    // From a file that the person has kept it goes on as it was.
    let file = world.come_back("home-doubt-file", ANA, 1, &items);
    assert!(view(&world, file).verified && view(&world, file).from_home.is_none());
    // An interruption that goes on with a file makes nothing better.
    let user = world.people[ANA].user.clone();
    let tablet = world.add_folder("home-doubt-tablet", 1, user);
    world.take_in_from(BackupFrom::HomeServer, tablet, &items).unwrap();
    world.take_in(tablet, &items).unwrap();
    world.find_home(tablet);
    world.finish_restore(tablet).unwrap();
    assert!(!view(&world, tablet).verified && view(&world, tablet).from_home.is_some());
    // It is said until the digits were compared anew.
    let contact = view(&world, tablet).id;
    world.command(tablet, Command::ConfirmVerified { contact }).unwrap();
    assert!(view(&world, tablet).verified && view(&world, tablet).from_home.is_none());
}

#[test]
fn a_home_server_without_room_is_left_alone_for_a_day() {
    let (mut world, _, _) = World::met("home-room");
    let (day, now) = (24 * 3600, world.now);
    let rng = &mut world.rng;
    let engine = &mut world.people[ANA].engine;
    engine.set_home_backup(Some(24), now, rng).unwrap();
    assert!(engine.home_backup().unwrap().is_due(now));
    engine.home_backup_refused(now, rng).unwrap();
    let view = engine.home_backup().unwrap();
    assert!(!view.is_due(now.plus_seconds(day - 1)) && view.is_due(now.plus_seconds(day)));
    // What the person does by hand counts at once.
    engine.home_backup_done((now, 9), now, rng).unwrap();
    assert_eq!(engine.home_backup().unwrap().refused, None);
}
