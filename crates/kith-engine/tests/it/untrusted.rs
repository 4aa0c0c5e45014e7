//! Devices that are not to be trusted: strangers who say that they are siblings, siblings that lie, and those that were revoked.

use kith_crypto::sign::ContactSecret;
use kith_crypto::user::UserSecret;
use kith_engine::{Command, CommandError, ContactId, DeviceError, HistoryWish, MessageState, Receipts, Whom};
use kith_session::CardError;
use kith_wire::Wire;
use kith_wire::card::CardPurpose;
use kith_wire::content::{Body, KnownBody};
use kith_wire::devices::{DeviceList, Revocation, RevocationReason};
use kith_wire::ext::Ext;
use kith_wire::id::{ConversationId, DeviceId, DeviceKey, Hash, KemKey};
use kith_wire::own::{OwnDevice, OwnDevices};
use kith_wire::signed::Signed;
use kith_wire::sync::{ContactCopy, ContactSettings, Setting, SyncItem};
use kith_wire::time::Day;

use crate::world::{ANA, BELA, LAPTOP, Reach, World};

/// Lets somebody's device say a content that an honest one would not.
pub(crate) fn say(world: &mut World, who: usize, contact: ContactId, item: &SyncItem) {
    let bytes = minicbor::to_vec(Body::Known(KnownBody::Sync { item: item.to_bytes() })).unwrap();
    let sql = "INSERT INTO outgoing (contact, message, lamport, sent, body, kind, expires) \
               SELECT id, randomblob(16), lamport + 1, ?2, ?3, 2, ?2 + 1000000000 FROM contacts WHERE id = ?1";
    let (id, now) = (i64::try_from(contact.0).unwrap(), i64::try_from(world.now.0).unwrap());
    world.people[who].keeper.execute(sql, rusqlite::params![id, now, bytes]).unwrap();
    // What is told next lets it go first.
    let first = world.people[who].engine.contacts().unwrap()[0].id;
    world.command(who, Command::SetReadReceipts { contact: first, receipts: Receipts::Sent }).unwrap();
}

#[test]
fn ke_51_a_device_is_welcomed_with_the_password_only_and_after_it_said_who_it_is() {
    let (mut world, _, _) = World::with_laptop("welcome");
    let offer = world.device_card(ANA);
    let devices = world.people[ANA].engine.devices().unwrap();
    let waiting = devices.iter().find(|device| !device.is_this).unwrap().contact.unwrap();
    assert!(matches!(world.welcome(ANA, waiting, HistoryWish::None), Err(DeviceError::NotThereYet)));
    world.join(LAPTOP, offer).unwrap();
    let sibling = world.compared(ANA, LAPTOP);
    // Until then the new device is told nothing.
    assert!(!world.people[LAPTOP].engine.has_user_seed_to_adopt().unwrap());
    assert!(world.people[LAPTOP].engine.contacts().unwrap().is_empty());
    let own = std::mem::replace(&mut world.people[ANA].user, UserSecret::from_seed([9; 32]));
    assert!(matches!(world.welcome(ANA, sibling, HistoryWish::None), Err(DeviceError::WrongUserKey)));
    world.people[ANA].user = own;
    world.run(10);
    assert!(!world.people[LAPTOP].engine.has_user_seed_to_adopt().unwrap());
    world.welcome(ANA, sibling, HistoryWish::None).unwrap();
    world.run(10);
    world.adopt_from(ANA, LAPTOP);
}

#[test]
fn a_card_for_a_device_makes_no_contact_and_a_contacts_card_no_device() {
    let (mut world, _, _) = World::with_laptop("purposes");
    let offer = world.device_card(ANA);
    let accepted = world.command(LAPTOP, Command::CardAccept { offer: Box::new(offer), whom: Whom::New(None) });
    let link = Some(CardPurpose::Link);
    assert!(matches!(accepted, Err(CommandError::Card(CardError::OtherPurpose(purpose))) if purpose == link));
    let (_, offer) = world.card(ANA);
    let contact = Some(CardPurpose::Contact);
    let joined = world.join(LAPTOP, offer);
    assert!(matches!(joined, Err(CommandError::Card(CardError::OtherPurpose(purpose))) if purpose == contact));
    // A device with contacts of its own stays somebody of its own.
    let offer = world.device_card(ANA);
    assert!(matches!(world.join(BELA, offer), Err(CommandError::NotFresh)));
}

#[test]
fn ke_50_contacts_are_no_siblings_and_nobody_is_welcomed_twice() {
    let (mut world, bela, ana) = World::with_laptop("no-sibling");
    let conversation = {
        let sql = "SELECT conversation FROM contacts";
        let id: [u8; 16] = world.people[ANA].keeper.query_row(sql, [], |row| row.get(0)).unwrap();
        ConversationId(id)
    };
    let list = UserSecret::from_seed([7; 32]).person();
    let own = OwnDevice { id: DeviceId([1; 16]), name: "mine".to_owned(), since: Day(20_000), key: DeviceKey([1; 32]) };
    let devices = OwnDevices {
        person_key: list.public(),
        version: 1,
        previous: Hash([0; 32]),
        devices: vec![own],
        revoked: Vec::new(),
        ext: Ext::new(),
    };
    let welcome =
        SyncItem::Welcome { user: vec![7; 1168], devices: list.sign(&devices), contacts: 0, messages: 0, name: None };
    let hello = SyncItem::Hello { device: DeviceId([1; 16]), name: "mine".to_owned(), user: KemKey::new([1; 1216]) };
    let forgotten = SyncItem::Forgotten { contact: conversation };
    // A contact that says it is ignored, also while a device is being linked.
    world.device_card(ANA);
    for item in [&welcome, &hello, &forgotten] {
        say(&mut world, BELA, ana, item);
    }
    world.send(BELA, ana, "nothing happened");
    world.run(10);
    assert_eq!(world.texts(ANA, bela), ["nothing happened"]);
    assert!(!world.people[ANA].engine.has_user_seed_to_adopt().unwrap());
    assert_eq!(world.people[ANA].engine.devices().unwrap().len(), 2);
    // Nor is a device that was welcomed welcomed again, by a sibling.
    world.link(ANA, LAPTOP, HistoryWish::All);
    let phone = world.people[LAPTOP].engine.devices().unwrap().into_iter().find(|device| !device.is_this).unwrap();
    let laptop = world.people[ANA].engine.devices().unwrap().into_iter().find(|device| !device.is_this).unwrap();
    say(&mut world, ANA, laptop.contact.unwrap(), &welcome);
    world.send(ANA, bela, "and on");
    world.run(10);
    assert!(!world.people[LAPTOP].engine.has_user_seed_to_adopt().unwrap());
    let devices = world.people[LAPTOP].engine.devices().unwrap();
    assert!(devices.iter().any(|device| device.id == phone.id) && devices.len() == 2);
}

#[test]
fn ke_52_a_list_by_another_key_or_with_a_revoked_device_does_not_count() {
    let (mut world, bela, ana) = World::with_laptop("lists");
    world.link(ANA, LAPTOP, HistoryWish::None);
    let sql = "SELECT conversation, own_list, peer_list FROM contacts WHERE kind = 0";
    let read = |row: &rusqlite::Row<'_>| {
        Ok((row.get::<_, [u8; 16]>(0)?, row.get::<_, Vec<u8>>(1)?, row.get::<_, Vec<u8>>(2)?))
    };
    let (conversation, before, belas) = world.people[ANA].keeper.query_row(sql, [], read).unwrap();
    let laptop = world.people[ANA].engine.devices().unwrap().into_iter().find(|device| !device.is_this).unwrap();
    let phone = world.people[LAPTOP].engine.devices().unwrap().into_iter().find(|device| !device.is_this).unwrap();
    // The laptop tells a list of another key: Bela's own, say.
    let contact = ConversationId(conversation);
    let foreign = SyncItem::List { contact, list: Signed::from_bytes(&belas).unwrap(), owners: Vec::new() };
    say(&mut world, LAPTOP, phone.contact.unwrap(), &foreign);
    // And one that names a device that was revoked before.
    world.revoke(ANA, laptop.id.unwrap(), RevocationReason::Retired).unwrap();
    let old = SyncItem::List { contact, list: Signed::from_bytes(&before).unwrap(), owners: Vec::new() };
    say(&mut world, LAPTOP, phone.contact.unwrap(), &old);
    world.run(10);
    let newest: Vec<u8> = world.people[ANA]
        .keeper
        .query_row("SELECT own_list FROM contacts WHERE kind = 0", [], |row| row.get(0))
        .unwrap();
    let list = Signed::<DeviceList>::from_bytes(&newest).unwrap().decode_unverified().unwrap();
    assert_eq!((list.devices.len(), list.revoked.len()), (1, 1));
    world.send(BELA, ana, "to the phone");
    world.run(10);
    assert_eq!(world.texts(ANA, bela), ["to the phone"]);
}

#[test]
fn a_sibling_that_tells_nonsense_keeps_nobody_from_their_folder_and_is_revoked() {
    let (mut world, bela, ana) = World::with_laptop("nonsense");
    world.link(ANA, LAPTOP, HistoryWish::None);
    let (laptop, phone) = (world.other_device(ANA), world.other_device(LAPTOP));
    // Lists of a stranger, and a secret that is none.
    let stranger = ContactSecret::generate(&mut world.rng);
    let sql = "SELECT own_list FROM contacts WHERE kind = 0";
    let list: Vec<u8> = world.people[ANA].keeper.query_row(sql, [], |row| row.get(0)).unwrap();
    let list = Signed::<DeviceList>::from_bytes(&list).unwrap().decode_unverified().unwrap();
    let list = stranger.sign(&DeviceList { contact_key: stranger.public(), ..list });
    let at = world.now;
    let copy = ContactCopy {
        contact: ConversationId([9; 16]),
        secret: vec![1; 1168],
        own_list: list.clone(),
        peer_list: list,
        digits: String::new(),
        settings: ContactSettings {
            name: Setting { at, value: "Nobody".to_owned() },
            verified: Setting { at, value: true },
            blocked: Setting { at, value: false },
            receipts: Setting { at, value: true },
            disappearing: (0, None),
            pinned: Setting { at, value: false },
            muted: Setting { at, value: false },
            archived: Setting { at, value: false },
        },
        lamport: 1,
        met: at,
        owners: vec![(phone.id.unwrap(), DeviceId([3; 16]))],
        before: None,
    };
    say(&mut world, LAPTOP, phone.contact.unwrap(), &SyncItem::Contact(Box::new(copy)));
    world.send(BELA, ana, "go on");
    world.run(10);
    assert_eq!(world.people[ANA].engine.contacts().unwrap().len(), 2);
    world.unlock(ANA);
    world.revoke(ANA, laptop.id.unwrap(), RevocationReason::Compromised).unwrap();
    world.run(10);
    world.send(BELA, ana, "only here");
    world.run(10);
    assert_eq!(world.texts(ANA, bela), ["go on", "only here"]);
    assert!(world.people[LAPTOP].engine.status(world.now).unwrap().revoked);
}

#[test]
fn ke_52_a_sibling_takes_no_device_of_another_for_itself() {
    let (mut world, bela, ana) = World::with_laptop("owners");
    world.link(ANA, LAPTOP, HistoryWish::None);
    let (laptop, phone) = (world.other_device(ANA), world.other_device(LAPTOP));
    let here = |world: &World, who: usize| {
        let sql = "SELECT conversation, own_list, device FROM contacts WHERE kind = 0";
        let read = |row: &rusqlite::Row<'_>| {
            Ok((row.get::<_, [u8; 16]>(0)?, row.get::<_, Vec<u8>>(1)?, row.get::<_, [u8; 16]>(2)?))
        };
        world.people[who].keeper.query_row(sql, [], read).unwrap()
    };
    let (conversation, list, phones) = here(&world, ANA);
    let (_, _, laptops) = here(&world, LAPTOP);
    // The laptop says that the phone's device is its own, and its own the phone's.
    let owners = vec![(laptop.id.unwrap(), DeviceId(phones)), (phone.id.unwrap(), DeviceId(laptops))];
    let list = Signed::from_bytes(&list).unwrap();
    let lie = SyncItem::List { contact: ConversationId(conversation), list, owners };
    say(&mut world, LAPTOP, phone.contact.unwrap(), &lie);
    world.send(BELA, ana, "before");
    world.run(10);
    world.revoke(ANA, laptop.id.unwrap(), RevocationReason::Compromised).unwrap();
    world.run(10);
    // The laptop is out, and not the phone.
    world.send(BELA, ana, "after");
    world.run(10);
    assert_eq!(world.texts(ANA, bela), ["before", "after"]);
    world.send(ANA, bela, "still me");
    world.run(10);
    assert_eq!(world.texts(BELA, ana), ["before", "after", "still me"]);
}

#[test]
fn ke_52_a_sibling_that_makes_devices_up_takes_nobodys_room() {
    let (mut world, _, _) = World::with_laptop("crowd");
    world.link(ANA, LAPTOP, HistoryWish::None);
    let phone = world.other_device(LAPTOP);
    let conversation = world.blob(ANA, "SELECT conversation FROM contacts WHERE kind = 0");
    let contact = ConversationId(conversation.try_into().unwrap());
    let crowd = |world: &mut World, round: u8, owner: &dyn Fn(u8) -> DeviceId| {
        let owners =
            (0..64).map(|n| (owner(n), DeviceId([round, n, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7]))).collect();
        let list = Signed::from_bytes(&world.blob(ANA, "SELECT own_list FROM contacts WHERE kind = 0")).unwrap();
        say(world, LAPTOP, phone.contact.unwrap(), &SyncItem::List { contact, list, owners });
        world.run(10);
    };
    // Devices that there are not, of a person's who has them not either.
    for round in 0..4 {
        crowd(&mut world, round, &|n| DeviceId([round, n, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9]));
    }
    let said = "SELECT count(*) FROM own_entries WHERE entry IS NULL AND owner IS NOT NULL";
    assert_eq!(world.count(ANA, said), 16);
    let tablet = world.add("crowd-tablet");
    world.link(ANA, tablet, HistoryWish::None);
    world.run(60);
    let id = world.people[tablet].engine.devices().unwrap().into_iter().find(|one| one.is_this).unwrap().id.unwrap();
    let owner: String = id.0.iter().map(|byte| format!("{byte:02x}")).collect();
    let of_tablet = format!("SELECT count(*) FROM own_entries WHERE entry IS NOT NULL AND owner = x'{owner}'");
    assert_eq!(world.count(ANA, &of_tablet), 1, "the tablet is known for who it is");
    // And more of them that are said to be the tablet.
    crowd(&mut world, 9, &|_| id);
    assert_eq!(world.count(ANA, &of_tablet), 1, "what a list has named stays");
    assert!(world.count(ANA, said) <= 16 + 3);
    // So it can be taken out, towards contacts too.
    world.unlock(ANA);
    world.revoke(ANA, id, RevocationReason::Compromised).unwrap();
    world.run(60);
    assert_eq!(world.count(ANA, &format!("{of_tablet} AND revoked = 1")), 1);
}

#[test]
fn ke_52_a_sibling_pushes_out_no_device_that_no_list_has_named_yet_to_take_it_for_itself() {
    let (mut world, _, _) = World::with_laptop("pushed-out");
    world.link(ANA, LAPTOP, HistoryWish::None);
    let (laptop, phone) = (world.other_device(ANA).id.unwrap(), world.other_device(LAPTOP));
    let tablet = world.add("pushed-out-tablet");
    world.link(ANA, tablet, HistoryWish::None);
    world.run(60);
    let id = world.people[tablet].engine.devices().unwrap().into_iter().find(|one| one.is_this).unwrap().id.unwrap();
    let here = DeviceId(world.blob(tablet, "SELECT device FROM contacts WHERE kind = 0").try_into().unwrap());
    // As if no list had named it towards Bela yet.
    world.alter(ANA, "UPDATE own_entries SET entry = NULL WHERE device = ?1", &[&here.0]);
    let conversation = world.blob(ANA, "SELECT conversation FROM contacts WHERE kind = 0");
    let contact = ConversationId(conversation.try_into().unwrap());
    let flood = (0..60).map(|n| (id, DeviceId([n; 16]))).collect();
    for owners in [flood, vec![(laptop, here)]] {
        let list = Signed::from_bytes(&world.blob(ANA, "SELECT own_list FROM contacts WHERE kind = 0")).unwrap();
        say(&mut world, LAPTOP, phone.contact.unwrap(), &SyncItem::List { contact, list, owners });
        world.run(10);
    }
    let text: String = here.0.iter().map(|byte| format!("{byte:02x}")).collect();
    let owner = world.blob(ANA, &format!("SELECT owner FROM own_entries WHERE device = x'{text}'"));
    assert_eq!(owner, id.0, "what was said first holds");
}

#[test]
fn ke_57_whoever_passes_a_card_on_cannot_put_its_own_in_its_place() {
    let (mut world, _, _) = World::with_laptop("posing");
    world.link(ANA, LAPTOP, HistoryWish::None);
    // The laptop welcomes a tablet, which is gone then, and tells the phone a card of its own as the tablet's.
    let tablet = world.add("posing-tablet");
    let offer = world.device_card(LAPTOP);
    world.join(tablet, offer).unwrap();
    let sibling = world.compared(LAPTOP, tablet);
    world.online(tablet, Reach::Down);
    world.welcome(LAPTOP, sibling, HistoryWish::None).unwrap();
    world.run(20);
    let devices = world.people[ANA].engine.devices().unwrap();
    assert_eq!(devices.len(), 3);
    let to = world.people[LAPTOP].engine.devices().unwrap().into_iter().find(|one| one.name == "phone").unwrap();
    let known = world.people[LAPTOP].engine.devices().unwrap();
    let own = known.iter().find(|one| one.is_this).unwrap().id;
    let from = known.iter().find(|one| one.id != own && one.id != to.id).unwrap();
    let offer = world.device_card(LAPTOP);
    let lie = SyncItem::Meet { to: to.id.unwrap(), from: from.id.unwrap(), offer: Box::new(offer) };
    say(&mut world, LAPTOP, to.contact.unwrap(), &lie);
    world.run(60);
    // The phone has not taken the laptop for the tablet: it has met no third device.
    let sql = "SELECT count(*) FROM siblings s JOIN contacts c ON c.id = s.contact WHERE c.stage = 2";
    assert_eq!(world.count(ANA, sql), 1);
}

/// Somebody's device has a newer list towards its contact, which another one signed.
fn sign_anew(world: &World, who: usize, change: impl FnOnce(&mut DeviceList)) {
    let secret = world.blob(who, "SELECT secret FROM contacts WHERE kind = 0");
    let seed = world.people[who].user.open(b"kith/1/contact-secret", &secret).unwrap();
    let secret = ContactSecret::from_seed(seed.as_ref().try_into().unwrap());
    let list = Signed::<DeviceList>::from_bytes(&world.blob(who, "SELECT own_list FROM contacts WHERE kind = 0"));
    let mut list = list.unwrap().decode_unverified().unwrap();
    (list.version, list.previous) = (list.version + 65_536, Hash([1; 32]));
    change(&mut list);
    let list = secret.sign(&list.padded().unwrap()).to_bytes();
    world.alter(who, "UPDATE contacts SET own_list = ?1 WHERE kind = 0", &[&list]);
}

#[test]
fn ke_98_a_thief_who_makes_devices_up_stays_in_no_list_and_pushes_no_revocation_out() {
    let (mut world, _, _) = World::with_laptop("made-up");
    world.link(ANA, LAPTOP, HistoryWish::None);
    world.run(2 * 86_400);
    let (laptop, phone) = (world.other_device(ANA), world.other_device(LAPTOP));
    let real = DeviceId(world.blob(LAPTOP, "SELECT device FROM contacts WHERE kind = 0").try_into().unwrap());
    // Seven devices were taken out before: there is room for one more.
    let before: Vec<DeviceId> = (1..8).map(|n| DeviceId([n; 16])).collect();
    let revoked = |id: &DeviceId| Revocation { id: *id, revoked_in: 1, reason: RevocationReason::Retired };
    sign_anew(&world, ANA, |list| list.revoked = before.iter().map(revoked).collect());
    // Whoever has the laptop says that sixty other devices are the laptop, too.
    let made_up = |n: u8| DeviceId([if n < 30 { 0 } else { 0xff }, n, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, n]);
    let owners = (0..60).map(|n| (laptop.id.unwrap(), made_up(n))).collect();
    let conversation = world.blob(ANA, "SELECT conversation FROM contacts WHERE kind = 0");
    let list = Signed::from_bytes(&world.blob(ANA, "SELECT own_list FROM contacts WHERE kind = 0")).unwrap();
    let contact = ConversationId(conversation.try_into().unwrap());
    say(&mut world, LAPTOP, phone.contact.unwrap(), &SyncItem::List { contact, list, owners });
    world.run(10);
    // Four names of it are believed (KE-52), and the real one is among them.
    assert_eq!(world.count(ANA, "SELECT count(*) FROM own_entries WHERE entry IS NULL AND owner IS NOT NULL"), 3);
    world.revoke(ANA, laptop.id.unwrap(), RevocationReason::Compromised).unwrap();
    world.run(60);
    let list = Signed::<DeviceList>::from_bytes(&world.blob(BELA, "SELECT peer_list FROM contacts")).unwrap();
    let list = list.decode_unverified().unwrap();
    let revoked: Vec<DeviceId> = list.revoked.iter().map(|revoked| revoked.id).collect();
    assert_eq!(revoked, [before, vec![real]].concat());
    assert!(list.devices.iter().all(|device| device.id != real));
    assert_eq!(world.count(BELA, "SELECT count(*) FROM peers WHERE stopped = 0"), 1);
    // Nor does any later list say what was made up.
    world.unlock(ANA);
    world.run(60);
    assert_eq!(
        world.blob(BELA, "SELECT peer_list FROM contacts"),
        world.blob(ANA, "SELECT own_list FROM contacts WHERE kind = 0")
    );
}

#[test]
fn ke_98_a_device_that_the_newest_list_does_not_name_is_revoked_all_the_same() {
    let (mut world, _, ana) = World::with_laptop("unnamed");
    world.link(ANA, LAPTOP, HistoryWish::None);
    world.run(2 * 86_400);
    assert_eq!(world.count(BELA, "SELECT count(*) FROM peers WHERE stopped = 0"), 2);
    // A list that a third device signs at the same time names the laptop alone, and is the newer one.
    let laptop = world.blob(LAPTOP, "SELECT device FROM contacts WHERE kind = 0");
    sign_anew(&world, LAPTOP, |list| list.devices.retain(|device| device.id.0.as_slice() == laptop));
    let phone = world.other_device(LAPTOP).id.unwrap();
    world.revoke(LAPTOP, phone, RevocationReason::Compromised).unwrap();
    world.run(60);
    assert_eq!(world.count(BELA, "SELECT count(*) FROM peers WHERE stopped = 0"), 1);
    world.online(ANA, Reach::Down);
    let message = world.send(BELA, ana, "to the laptop alone");
    world.run(60);
    assert_eq!(world.state(BELA, ana, message), MessageState::Delivered);
    // It is said once: the next password entry finds nothing to say.
    let version = world.blob(LAPTOP, "SELECT own_list FROM contacts WHERE kind = 0");
    world.unlock(LAPTOP);
    assert_eq!(world.blob(LAPTOP, "SELECT own_list FROM contacts WHERE kind = 0"), version);
}

#[test]
fn ke_60_a_revoked_device_of_a_contact_is_not_met_again_whatever_a_later_list_names() {
    let (mut world, bela, ana) = World::with_laptop("again");
    world.link(ANA, LAPTOP, HistoryWish::None);
    let before: Vec<u8> =
        world.people[BELA].keeper.query_row("SELECT peer_list FROM contacts", [], |row| row.get(0)).unwrap();
    let laptop = world.other_device(ANA).id.unwrap();
    world.revoke(ANA, laptop, RevocationReason::Compromised).unwrap();
    world.run(20);
    // A list made without knowing of it names the laptop, with a higher number; and Bela's device has never met it.
    let devices = Signed::<DeviceList>::from_bytes(&before).unwrap().decode_unverified().unwrap();
    let list = DeviceList { version: devices.version + (1 << 20), ..devices };
    let sql = "SELECT secret FROM contacts WHERE kind = 0";
    let secret: Vec<u8> = world.people[ANA].keeper.query_row(sql, [], |row| row.get(0)).unwrap();
    let seed = world.people[ANA].user.open(b"kith/1/contact-secret", &secret).unwrap();
    let list = ContactSecret::from_seed(seed.as_ref().try_into().unwrap()).sign(&list.padded().unwrap());
    let keeper = &world.people[BELA].keeper;
    keeper
        .execute("UPDATE contacts SET peer_list = ?1, introduce_at = ?2", rusqlite::params![list.to_bytes(), 1])
        .unwrap();
    keeper.execute("DELETE FROM peers WHERE stopped = 1", []).unwrap();
    world.run(60);
    assert_eq!(world.count(BELA, "SELECT count(*) FROM introductions WHERE giver IS NOT NULL"), 0);
    assert_eq!(world.count(BELA, "SELECT count(*) FROM peers_revoked"), 1);
    world.send(BELA, ana, "to the phone");
    world.run(10);
    assert_eq!(world.texts(ANA, bela).last().unwrap(), "to the phone");
}

#[test]
fn ke_58_a_device_that_is_being_linked_meets_nobody_of_its_own() {
    let (mut world, _, _) = World::with_laptop("joining");
    let (_, offer) = world.card(ANA);
    let link = world.device_card(ANA);
    world.join(LAPTOP, link).unwrap();
    let accept = Command::CardAccept { offer: Box::new(offer), whom: Whom::New(None) };
    assert!(matches!(world.command(LAPTOP, accept.clone()), Err(CommandError::Joining)));
    let give = Command::CardNew { whom: Whom::New(None), expires: 600 };
    assert!(matches!(world.command(LAPTOP, give), Err(CommandError::Joining)));
    let sibling = world.compared(ANA, LAPTOP);
    world.welcome(ANA, sibling, HistoryWish::None).unwrap();
    world.run(10);
    assert!(matches!(world.command(LAPTOP, accept.clone()), Err(CommandError::Joining)));
    world.adopt_from(ANA, LAPTOP);
    world.command(LAPTOP, accept).unwrap();
}

#[test]
fn ke_54_a_device_that_is_revoked_while_it_is_told_history_gets_no_more_of_it() {
    let (mut world, bela, _) = World::with_laptop("history");
    for n in 0..600 {
        world.send(ANA, bela, &format!("{n} {}", "x".repeat(1500)));
        if n % 100 == 99 {
            world.run(5);
        }
    }
    let offer = world.device_card(ANA);
    world.join(LAPTOP, offer).unwrap();
    let sibling = world.compared(ANA, LAPTOP);
    world.welcome(ANA, sibling, HistoryWish::All).unwrap();
    world.settle_some(400);
    world.online(LAPTOP, Reach::Down);
    world.run(5);
    let laptop = world.other_device(ANA);
    world.revoke(ANA, laptop.id.unwrap(), RevocationReason::Compromised).unwrap();
    assert_eq!(world.count(ANA, "SELECT count(*) FROM history"), 0);
    world.online(LAPTOP, Reach::Up);
    world.run(60);
    assert!(world.people[LAPTOP].engine.status(world.now).unwrap().revoked);
    let told =
        world.people[LAPTOP].engine.contacts().unwrap().first().map_or(0, |there| world.texts(LAPTOP, there.id).len());
    assert!(told < 600, "{told}");
}

#[test]
fn ke_54_a_revoked_device_is_locked_and_hears_nothing_more() {
    let (mut world, bela, ana) = World::with_laptop("revoked");
    world.link(ANA, LAPTOP, HistoryWish::All);
    let there = world.people[LAPTOP].engine.contacts().unwrap()[0].id;
    world.send(LAPTOP, there, "still mine");
    world.run(10);
    let devices = world.people[ANA].engine.devices().unwrap();
    let laptop = devices.iter().find(|device| !device.is_this).unwrap().id.unwrap();
    world.online(LAPTOP, Reach::Down);
    world.revoke(ANA, laptop, RevocationReason::Compromised).unwrap();
    world.run(10);
    world.send(BELA, ana, "only for the phone");
    world.run(10);
    assert_eq!(world.texts(ANA, bela).last().unwrap(), "only for the phone");
    world.online(LAPTOP, Reach::Up);
    world.run(10);
    assert!(world.people[LAPTOP].engine.status(world.now).unwrap().revoked);
    let send = Command::Send { contact: there, text: "thief".to_owned(), reply_to: None, attachment: None };
    assert!(matches!(world.command(LAPTOP, send), Err(CommandError::Revoked)));
    assert!(!world.texts(LAPTOP, there).contains(&"only for the phone".to_owned()));
    assert_eq!(world.device_names(ANA), [("phone".to_owned(), true)]);
    // The conversation goes on with the other device.
    world.send(ANA, bela, "all is well");
    world.run(10);
    assert_eq!(world.texts(BELA, ana).last().unwrap(), "all is well");
}
