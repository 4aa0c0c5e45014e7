//! Revoked devices at their home servers: their accounts are closed, and nothing else is.

use kith_crypto::request::closing_statement;
use kith_crypto::sign::AccountSecret;
use kith_engine::{Command, CommandError, HistoryWish};
use kith_home::store::{Store, Txn};
use kith_wire::address::ServerAddress;
use kith_wire::backup::BackupItem;
use kith_wire::devices::RevocationReason;
use kith_wire::id::{DeviceId, ServerKey};
use kith_wire::sync::SyncItem;

use crate::untrusted::say;
use crate::world::{ANA, BELA, LAPTOP, Reach, World};

/// Returns whether somebody's account is closed at their home server.
fn is_closed(world: &mut World, who: usize) -> bool {
    let account = account(world, who).public();
    let server = world.people[who].server;
    let txn = world.servers[server].store.begin().unwrap();
    txn.account(&account).unwrap().is_some_and(|account| account.closed.is_some())
}

fn account(world: &World, who: usize) -> AccountSecret {
    AccountSecret::from_seed(world.blob(who, "SELECT account FROM person").try_into().unwrap())
}

#[test]
fn ke_88_the_account_of_a_revoked_device_is_closed_and_the_device_learns_by_it() {
    let (mut world, bela, ana) = World::with_laptop("closing");
    world.link(ANA, LAPTOP, HistoryWish::None);
    world.online(LAPTOP, Reach::Down);
    world.send(BELA, ana, "waits for both");
    world.run(10);
    let laptop = world.other_device(ANA).id.unwrap();
    // The laptop is at the other server, which is away at first: it is closed there when that is back.
    world.reach(1, Reach::Down);
    world.revoke(ANA, laptop, RevocationReason::Compromised).unwrap();
    world.crash(ANA);
    world.run(60);
    assert!(!is_closed(&mut world, LAPTOP));
    world.reach(1, Reach::Up);
    world.run(2 * 3600);
    assert!(is_closed(&mut world, LAPTOP) && !is_closed(&mut world, ANA) && !is_closed(&mut world, BELA));
    assert_eq!(world.count(ANA, "SELECT count(*) FROM closings_sent"), 0, "once it is there, that is all");
    // A thief turns it on: nothing comes, and the device knows why.
    world.online(LAPTOP, Reach::Up);
    world.run(10);
    assert!(world.people[LAPTOP].engine.status(world.now).unwrap().revoked);
    assert!(matches!(
        world.command(LAPTOP, Command::Connect(kith_engine::Connection::Wanted)),
        Err(CommandError::Revoked)
    ));
    let there = world.people[LAPTOP].engine.contacts().unwrap()[0].id;
    assert!(world.texts(LAPTOP, there).is_empty());
    world.send(ANA, bela, "all is well");
    world.run(10);
    assert_eq!(world.texts(BELA, ana), ["waits for both", "all is well"]);
}

#[test]
fn ke_104_a_restored_device_closes_the_accounts_of_all_that_it_replaces() {
    let (mut world, _, _) = World::with_laptop("closing-restored");
    world.link(ANA, LAPTOP, HistoryWish::None);
    world.run(60);
    let (items, _) = world.backup_run(ANA, None).unwrap();
    world.online(ANA, Reach::Down);
    world.online(LAPTOP, Reach::Down);
    let tablet = world.come_back("closing-restored-tablet", ANA, 0, &items);
    world.run(2 * 3600);
    assert!(is_closed(&mut world, ANA) && is_closed(&mut world, LAPTOP), "one is at each server");
    assert!(!is_closed(&mut world, tablet) && !is_closed(&mut world, BELA));
    // Whoever found the computer learns nothing but that it was revoked.
    world.online(ANA, Reach::Up);
    world.run(10);
    assert!(world.people[ANA].engine.status(world.now).unwrap().revoked);
}

#[test]
fn ke_104_a_person_with_one_device_closes_its_account_too_and_no_other_persons_statement_does() {
    let (mut world, _, _) = World::met("closing-alone");
    let (items, _) = world.backup_run(ANA, None).unwrap();
    // What is sealed to another person's key, as a backup that was changed might have it, closes nothing.
    let (others, _) = world.backup_run(BELA, None).unwrap();
    let closings: Vec<BackupItem> =
        others.into_iter().filter(|item| matches!(item, BackupItem::Closing { .. })).collect();
    assert_eq!(closings.len(), 1);
    world.online(ANA, Reach::Down);
    let tablet = world.come_back("closing-alone-tablet", ANA, 0, &[items, closings].concat());
    world.run(2 * 3600);
    assert!(is_closed(&mut world, ANA) && !is_closed(&mut world, BELA) && !is_closed(&mut world, tablet));
    // A device that was never linked is locked as any other.
    world.online(ANA, Reach::Up);
    world.run(10);
    assert!(world.people[ANA].engine.status(world.now).unwrap().revoked);
}

#[test]
fn ke_88_a_sibling_closes_what_the_revoking_device_could_not() {
    let (mut world, _, _) = World::with_laptop("closing-sibling");
    world.link(ANA, LAPTOP, HistoryWish::None);
    let tablet = world.add("closing-sibling-tablet");
    world.link(LAPTOP, tablet, HistoryWish::None);
    world.run(300);
    // Every device has the statements of the two others.
    for who in [ANA, LAPTOP, tablet] {
        assert_eq!(world.count(who, "SELECT count(DISTINCT device) FROM closings"), 2, "{who}");
    }
    let lost = DeviceId(world.blob(LAPTOP, "SELECT device FROM own_device").try_into().unwrap());
    // The phone revokes the laptop, whose server it cannot ask, and is gone for good when it has told the tablet.
    world.reach(1, Reach::Down);
    world.revoke(ANA, lost, RevocationReason::Compromised).unwrap();
    world.run(60);
    world.online(ANA, Reach::Down);
    world.reach(1, Reach::Up);
    world.run(2 * 3600);
    assert!(is_closed(&mut world, LAPTOP) && !is_closed(&mut world, tablet));
}

#[test]
fn ke_88_an_unlocked_device_closes_no_siblings_account_and_no_server_locks_a_device_by_its_word() {
    let (mut world, _, _) = World::with_laptop("closing-thief");
    world.link(ANA, LAPTOP, HistoryWish::None);
    // The thief of the laptop has the phone's statement, sealed: without the password there is nothing to send.
    let phones = world.blob(LAPTOP, "SELECT sealed FROM closings");
    let server = ServerKey(world.blob(ANA, "SELECT key FROM servers ORDER BY id").try_into().unwrap());
    let statement = closing_statement(&account(&world, ANA), &server);
    assert!(phones.len() > 1000 && !phones.windows(64).any(|part| part == statement.0));
    assert_eq!(world.count(LAPTOP, "SELECT count(*) FROM closings_sent"), 0);
    // The phone's server says that the account is closed, with a statement of its own making.
    let (server, key) = (world.people[ANA].server, account(&world, ANA).public());
    let mut txn = world.servers[server].store.begin().unwrap();
    let account = txn.account(&key).unwrap().unwrap();
    let closed = Some(kith_wire::id::Signature([5; 64]));
    txn.put_account(&key, &kith_home::store::Account { closed, ..account.clone() }).unwrap();
    txn.commit().unwrap();
    world.crash(ANA);
    world.run(60);
    assert!(!world.people[ANA].engine.status(world.now).unwrap().revoked);
    let mut txn = world.servers[server].store.begin().unwrap();
    txn.put_account(&key, &account).unwrap();
    txn.commit().unwrap();
    world.run(600);
    assert_eq!(world.device_names(ANA).len(), 2);
}

#[test]
fn ke_88_what_a_stolen_device_says_before_it_is_revoked_closes_its_own_account_and_no_other() {
    let (mut world, _, _) = World::with_laptop("closing-lies");
    world.link(ANA, LAPTOP, HistoryWish::None);
    let tablet = world.add("closing-lies-tablet");
    world.link(LAPTOP, tablet, HistoryWish::None);
    world.run(300);
    // The laptop is stolen, unlocked. It leaves the tablet's statement, sealed as it is, with the phone under its own name.
    let id = |world: &World, who: usize| DeviceId(world.blob(who, "SELECT device FROM own_device").try_into().unwrap());
    let (stolen, tablets) = (id(&world, LAPTOP), id(&world, tablet));
    let row = |world: &World, column: &str| {
        let sql = format!("SELECT {column} FROM closings WHERE device = x'{}'", hex(&tablets.0));
        world.blob(LAPTOP, &sql)
    };
    let server = ServerAddress {
        url: world.servers[world.people[tablet].server].url.clone(),
        key: ServerKey(row(&world, "key").try_into().unwrap()),
    };
    let phone = world.people[LAPTOP].engine.devices().unwrap().into_iter().find(|one| one.name == "phone").unwrap();
    let phone = phone.contact.unwrap();
    let sealed = row(&world, "sealed");
    for sealed in [sealed, vec![7; 1200]] {
        say(&mut world, LAPTOP, phone, &SyncItem::Closing { device: stolen, server: server.clone(), sealed });
    }
    // And it has the phone ask servers of its choice for whatever, until there is no room.
    for n in 0..100 {
        let account = AccountSecret::from_seed([n; 32]);
        let signature = closing_statement(&account, &server.key);
        let account = account.public();
        say(
            &mut world,
            LAPTOP,
            phone,
            &SyncItem::Close { device: tablets, server: server.clone(), account, signature },
        );
    }
    world.run(60);
    assert_eq!(world.count(ANA, "SELECT count(*) FROM closings_sent"), 0, "nobody has revoked the tablet");
    world.revoke(ANA, stolen, RevocationReason::Compromised).unwrap();
    world.run(2 * 3600);
    assert!(is_closed(&mut world, LAPTOP) && !is_closed(&mut world, tablet) && !is_closed(&mut world, ANA));
    assert!(!world.people[tablet].engine.status(world.now).unwrap().revoked);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
