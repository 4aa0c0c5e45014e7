//! Pictures that a person chooses for contacts: on all devices, in backups, and with nobody else (KE-140).

use kith_engine::{Command, CommandError, ContactId, HistoryWish};
use kith_wire::Timestamp;
use kith_wire::backup::BackupItem;
use kith_wire::id::ConversationId;
use kith_wire::sync::SyncItem;

use crate::untrusted::say;
use crate::world::{ANA, BELA, LAPTOP, Reach, World, jpeg};

fn choose(world: &mut World, who: usize, contact: ContactId, picture: Option<Vec<u8>>) {
    world.command(who, Command::SetPicture { contact, picture }).unwrap();
}

fn seen(world: &World, who: usize, contact: ContactId) -> Option<Vec<u8>> {
    let engine = &world.people[who].engine;
    let picture = engine.picture(contact).unwrap();
    assert_eq!(engine.contact(contact).unwrap().picture.is_some(), picture.is_some());
    picture
}

fn there(world: &World) -> ContactId {
    world.people[LAPTOP].engine.contacts().unwrap()[0].id
}

#[test]
fn ke_140_a_picture_is_the_same_on_all_devices_and_the_contact_hears_nothing() {
    let (mut world, bela, ana) = World::with_laptop("pictures");
    let told = |world: &World| {
        let sql = "SELECT count(*) FROM frames f JOIN peers p ON p.id = f.peer JOIN contacts c ON c.id = p.contact WHERE c.kind = 0";
        world.count(ANA, sql) + world.count(ANA, "SELECT count(*) FROM outgoing")
    };
    let before = told(&world);
    choose(&mut world, ANA, bela, Some(jpeg(9000)));
    assert_eq!(told(&world), before, "nothing is made for the contact");
    // A device that is linked later is told with the contact.
    world.link(ANA, LAPTOP, HistoryWish::None);
    let there = there(&world);
    assert_eq!(seen(&world, LAPTOP, there), Some(jpeg(9000)));
    assert_eq!(seen(&world, BELA, ana), None);

    // Of what two devices choose at different times the later counts, whichever of them hears of it first.
    world.online(LAPTOP, Reach::Down);
    choose(&mut world, LAPTOP, there, Some(jpeg(1000)));
    world.run(60);
    choose(&mut world, ANA, bela, Some(jpeg(2000)));
    world.online(LAPTOP, Reach::Up);
    world.run(60);
    assert_eq!((seen(&world, ANA, bela), seen(&world, LAPTOP, there)), (Some(jpeg(2000)), Some(jpeg(2000))));
    choose(&mut world, LAPTOP, there, None);
    world.run(60);
    assert_eq!((seen(&world, ANA, bela), seen(&world, LAPTOP, there)), (None, None));
}

#[test]
fn ke_140_a_picture_for_somebody_who_is_being_met_is_told_when_they_have_met() {
    let (mut world, _, _) = World::with_laptop("pictures-meeting");
    world.link(ANA, LAPTOP, HistoryWish::None);
    let clara = world.add("pictures-clara");
    let (met, offer) = world.card(ANA);
    choose(&mut world, ANA, met, Some(jpeg(500)));
    world.accept(clara, offer);
    world.run(60);
    let pictures: Vec<_> = world.people[LAPTOP].engine.contacts().unwrap().iter().map(|one| one.id).collect();
    assert_eq!(pictures.len(), 2);
    assert_eq!(seen(&world, LAPTOP, pictures[1]), Some(jpeg(500)));
    // Who is forgotten leaves none behind.
    world.command(ANA, Command::Forget { contact: met }).unwrap();
    assert_eq!(world.count(ANA, "SELECT count(*) FROM pictures"), 0);
}

#[test]
fn ke_140_a_backup_holds_the_newest_picture_and_that_there_is_none_any_more() {
    let (mut world, bela, _) = World::met("pictures-backup");
    choose(&mut world, ANA, bela, Some(jpeg(3000)));
    let (whole, mark) = world.backup_run(ANA, None).unwrap();
    world.run(1);
    choose(&mut world, ANA, bela, Some(jpeg(4000)));
    let (news, second) = world.backup_run(ANA, Some(mark)).unwrap();
    world.run(1);
    choose(&mut world, ANA, bela, None);
    let (last, _) = world.backup_run(ANA, Some(second)).unwrap();
    world.online(ANA, Reach::Down);
    let picture_of = |items: &[BackupItem], world: &mut World, name: &str| {
        let back = world.come_back(name, ANA, 1, items);
        let contact = world.people[back].engine.contacts().unwrap()[0].id;
        seen(world, back, contact)
    };
    assert_eq!(picture_of(&whole, &mut world, "pictures-backup-1"), Some(jpeg(3000)));
    let both = [whole, news].concat();
    assert_eq!(picture_of(&both, &mut world, "pictures-backup-2"), Some(jpeg(4000)));
    assert_eq!(picture_of(&[both, last].concat(), &mut world, "pictures-backup-3"), None);
}

#[test]
fn ke_140_what_is_no_small_picture_is_refused_and_from_a_sibling_dropped() {
    let (mut world, bela, _) = World::with_laptop("pictures-none");
    choose(&mut world, ANA, bela, Some(jpeg(700)));
    let dump = world.dump(ANA);
    for picture in [vec![], vec![7; 50], jpeg(17_000)] {
        let refused = world.command(ANA, Command::SetPicture { contact: bela, picture: Some(picture) });
        assert!(matches!(refused, Err(CommandError::BadPicture)));
    }
    assert_eq!(world.dump(ANA), dump, "nothing has changed");
    world.link(ANA, LAPTOP, HistoryWish::None);
    let phone = world.other_device(LAPTOP).contact.unwrap();
    let contact =
        ConversationId(world.blob(ANA, "SELECT conversation FROM contacts WHERE kind = 0").try_into().unwrap());
    let soon = Timestamp(world.now.0 + 1000);
    let far = Timestamp(world.now.0 + 400 * 24 * 3_600_000);
    let stranger = ConversationId([9; 16]);
    for (contact, at, picture) in [
        (contact, soon, vec![7; 50]),
        (contact, far, jpeg(800)),
        (stranger, soon, jpeg(900)),
        (contact, Timestamp(1), jpeg(900)),
    ] {
        say(&mut world, LAPTOP, phone, &SyncItem::Picture { contact, at, picture });
        world.run(30);
        assert_eq!(seen(&world, ANA, bela), Some(jpeg(700)));
    }
    // What counts comes through the same door.
    say(&mut world, LAPTOP, phone, &SyncItem::Picture { contact, at: soon, picture: jpeg(600) });
    world.run(30);
    assert_eq!(seen(&world, ANA, bela), Some(jpeg(600)));
}
