//! Files that no home server has any more: another device of the person has them still.

use kith_crypto::attachment::open_chunk;
use kith_engine::{AttachmentState, AttachmentView, Command, ContactId, HistoryWish};
use kith_wire::blob::BlobShape;
use kith_wire::devices::RevocationReason;
use kith_wire::id::MessageId;

use crate::world::{ANA, BELA, LAPTOP, Reach, World, message_of};

/// Ana's phone has a file that Bela has sent, her laptop only knows of it, and Bela's home server has lost it.
struct Lost {
    world: World,
    /// What Ana's phone and her laptop call Bela.
    bela: [ContactId; 2],
    message: MessageId,
    bytes: Vec<u8>,
}

impl Lost {
    fn new(name: &str) -> Self {
        let (mut world, bela, ana) = World::with_laptop(name);
        world.link(ANA, LAPTOP, HistoryWish::All);
        let there = world.people[LAPTOP].engine.contacts().unwrap()[0].id;
        world.run(7 * 3600);
        let bytes: Vec<u8> = (0..400_000_u32).map(|n| u8::try_from(n * 7 % 251).unwrap()).collect();
        let attachment = world.prepare(BELA, &bytes);
        let send = Command::Send { contact: ana, text: String::new(), reply_to: None, attachment: Some(attachment) };
        let message = message_of(world.command(BELA, send).unwrap());
        world.run(60);
        let mut lost = Self { world, bela: [bela, there], message, bytes };
        lost.fetch(ANA);
        lost.world.run(60);
        assert_eq!(lost.file(ANA).state, AttachmentState::Complete);
        for server in 0..lost.world.servers.len() {
            lost.world.lose_blobs(server);
        }
        lost
    }

    fn file(&self, who: usize) -> AttachmentView {
        let contact = self.bela[usize::from(who == LAPTOP)];
        self.world.people[who].engine.message(contact, self.message).unwrap().attachment.unwrap()
    }

    fn fetch(&mut self, who: usize) {
        let attachment = self.file(who).id;
        self.world.command(who, Command::FetchAttachment { attachment }).unwrap();
    }

    /// What the phone has still to say to the laptop.
    fn unsaid(&self) -> i64 {
        self.world.count(ANA, "SELECT count(*) FROM outgoing")
    }

    fn loans(&self) -> i64 {
        self.world.count(ANA, "SELECT count(*) FROM attachments WHERE lends IS NOT NULL")
    }

    fn blobs(&mut self) -> u64 {
        (0..self.world.servers.len()).map(|server| self.world.blobs(server)).sum()
    }

    fn saved(&self, who: usize) -> Vec<u8> {
        let (id, person) = (self.file(who).id, &self.world.people[who]);
        let keys = person.engine.attachment_keys(id).unwrap();
        let shape = BlobShape::of(keys.size).unwrap();
        let chunks = (0..shape.chunks)
            .flat_map(|index| open_chunk(&keys.key, shape, index, &person.vault[&(id, index)]).unwrap().to_vec());
        chunks.take(self.bytes.len()).collect()
    }
}

#[test]
fn ke_121_a_file_that_no_server_has_comes_from_another_device() {
    let mut lost = Lost::new("lent");
    lost.fetch(LAPTOP);
    lost.world.run(60);
    assert_eq!(lost.file(LAPTOP).state, AttachmentState::Complete);
    assert_eq!(lost.saved(LAPTOP), lost.bytes);
    // Under another key: whoever has seen both blobs sees no more than that they are of one size.
    let key = |who: usize| {
        let id = lost.file(who).id;
        *lost.world.people[who].engine.attachment_keys(id).unwrap().key.expose()
    };
    assert_ne!(key(ANA), key(LAPTOP));
    // And nothing of it stays.
    lost.world.run(60);
    assert_eq!((lost.loans(), lost.blobs()), (0, 0));
}

#[test]
fn ke_121_a_device_that_is_away_lends_when_it_comes_back_whatever_is_interrupted() {
    let mut lost = Lost::new("lent-later");
    lost.world.online(ANA, Reach::Down);
    lost.fetch(LAPTOP);
    lost.world.run(60);
    assert_eq!(lost.file(LAPTOP).state, AttachmentState::Asked);
    lost.world.online(ANA, Reach::Up);
    for round in 0..40 {
        lost.world.settle_some(7);
        lost.world.crash(if round % 2 == 0 { ANA } else { LAPTOP });
    }
    lost.world.run(3600);
    assert_eq!(lost.file(LAPTOP).state, AttachmentState::Complete);
    assert_eq!(lost.saved(LAPTOP), lost.bytes);
    assert_eq!((lost.loans(), lost.blobs()), (0, 0));
}

#[test]
fn ke_122_what_is_lent_is_what_the_message_promised() {
    let mut lost = Lost::new("lent-other");
    lost.world.alter(ANA, "UPDATE attachments SET hash = zeroblob(32)", &[]);
    lost.fetch(LAPTOP);
    lost.world.run(60);
    assert_eq!(lost.file(LAPTOP).state, AttachmentState::Asked);
    assert_eq!(lost.file(LAPTOP).done, 0);
}

#[test]
fn ke_122_what_nobody_asked_for_is_not_taken() {
    let mut lost = Lost::new("lent-unasked");
    lost.world.online(ANA, Reach::Down);
    lost.fetch(LAPTOP);
    lost.world.run(60);
    // The person does not want it any more, and the phone hears the wish first.
    let attachment = lost.file(LAPTOP).id;
    let before = lost.world.people[LAPTOP].engine.attachment_keys(attachment).unwrap();
    lost.world.command(LAPTOP, Command::PauseAttachment { attachment }).unwrap();
    lost.world.online(ANA, Reach::Up);
    lost.world.run(3600);
    assert_eq!(lost.file(LAPTOP).state, AttachmentState::Paused);
    let after = lost.world.people[LAPTOP].engine.attachment_keys(attachment).unwrap();
    assert_eq!(before.key.expose(), after.key.expose());
    assert_eq!((lost.loans(), lost.blobs(), lost.unsaid()), (0, 0, 0));
}

#[test]
fn a_device_without_the_file_says_nothing_and_may_be_asked_again() {
    let mut lost = Lost::new("lent-twice");
    lost.world.alter(ANA, "UPDATE attachments SET state = 3", &[]);
    lost.fetch(LAPTOP);
    lost.world.run(60);
    assert_eq!(lost.file(LAPTOP).state, AttachmentState::Asked);
    lost.world.alter(ANA, "UPDATE attachments SET state = 2", &[]);
    lost.fetch(LAPTOP);
    lost.world.run(60);
    assert_eq!(lost.saved(LAPTOP), lost.bytes);
}

#[test]
fn a_loan_that_the_vault_cannot_give_is_given_up() {
    let mut lost = Lost::new("lent-damaged");
    let id = lost.file(ANA).id;
    lost.world.people[ANA].vault.get_mut(&(id, 2)).unwrap()[9] ^= 1;
    lost.fetch(LAPTOP);
    lost.world.run(3600);
    assert_eq!(lost.file(LAPTOP).state, AttachmentState::Asked);
    assert_eq!((lost.loans(), lost.blobs()), (0, 0));
}

#[test]
fn what_is_taken_back_is_lent_no_more() {
    let mut lost = Lost::new("lent-deleted");
    lost.world.online(LAPTOP, Reach::Up);
    lost.fetch(LAPTOP);
    for _ in 0..400 {
        if lost.loans() > 0 {
            break;
        }
        lost.world.step();
    }
    assert_eq!(lost.loans(), 1);
    lost.world.command(ANA, Command::Forget { contact: lost.bela[0] }).unwrap();
    lost.world.run(3600);
    assert_eq!((lost.loans(), lost.blobs()), (0, 0));
    assert!(lost.world.people[LAPTOP].engine.contacts().unwrap().is_empty());
}

#[test]
fn a_loan_that_nobody_fetches_ends() {
    let mut lost = Lost::new("lent-in-vain");
    lost.fetch(LAPTOP);
    for _ in 0..400 {
        if lost.loans() > 0 {
            break;
        }
        lost.world.step();
    }
    lost.world.online(LAPTOP, Reach::Down);
    lost.world.run(20 * 86_400);
    assert_eq!(lost.loans(), 1);
    lost.world.run(2 * 86_400);
    lost.world.online(ANA, Reach::Down);
    lost.world.online(ANA, Reach::Up);
    lost.world.run(60);
    assert_eq!((lost.loans(), lost.blobs()), (0, 0));
}

#[test]
fn ke_122_a_wish_that_is_withdrawn_while_the_file_is_on_its_way_leaves_nothing() {
    let mut lost = Lost::new("lent-withdrawn");
    lost.fetch(LAPTOP);
    for _ in 0..400 {
        if lost.loans() > 0 {
            break;
        }
        lost.world.step();
    }
    assert_eq!((lost.loans(), lost.unsaid()), (1, 1));
    let attachment = lost.file(LAPTOP).id;
    lost.world.command(LAPTOP, Command::PauseAttachment { attachment }).unwrap();
    lost.world.run(3600);
    assert_eq!((lost.loans(), lost.blobs(), lost.unsaid()), (0, 0, 0));
    // Wanted again, it comes.
    lost.fetch(LAPTOP);
    lost.world.run(3600);
    assert_eq!(lost.saved(LAPTOP), lost.bytes);
}

#[test]
fn ke_122_a_device_that_is_taken_out_is_lent_nothing() {
    let mut lost = Lost::new("lent-revoked");
    lost.fetch(LAPTOP);
    for _ in 0..400 {
        if lost.loans() > 0 {
            break;
        }
        lost.world.step();
    }
    let laptop = lost.world.other_device(ANA).id.unwrap();
    lost.world.revoke(ANA, laptop, RevocationReason::Compromised).unwrap();
    lost.world.run(3600);
    assert_eq!((lost.loans(), lost.blobs()), (0, 0));
}

#[test]
fn ke_122_eight_files_are_lent_at_a_time_and_all_come() {
    let mut lost = Lost::new("lent-many");
    let ana = lost.world.people[BELA].engine.contacts().unwrap()[0].id;
    let files: Vec<MessageId> = (0..20_usize)
        .map(|n| {
            let attachment = lost.world.prepare(BELA, &vec![u8::try_from(n).unwrap(); 300_000]);
            let send =
                Command::Send { contact: ana, text: String::new(), reply_to: None, attachment: Some(attachment) };
            message_of(lost.world.command(BELA, send).unwrap())
        })
        .collect();
    lost.world.run(60);
    for message in &files {
        lost.message = *message;
        lost.fetch(ANA);
    }
    lost.world.run(60);
    for server in 0..lost.world.servers.len() {
        lost.world.lose_blobs(server);
    }
    for message in &files {
        lost.message = *message;
        lost.fetch(LAPTOP);
    }
    let mut most = 0;
    for _ in 0..20_000 {
        most =
            most.max(lost.world.count(ANA, "SELECT count(*) FROM attachments WHERE lends IS NOT NULL AND state <> 1"));
        if !lost.world.step() {
            break;
        }
    }
    lost.world.run(3600);
    assert!((1..=8).contains(&most), "{most} at a time");
    for message in &files {
        lost.message = *message;
        assert_eq!(lost.file(LAPTOP).state, AttachmentState::Complete);
    }
    assert_eq!((lost.loans(), lost.blobs(), lost.unsaid()), (0, 0, 0));
}

#[test]
fn ke_123_a_file_that_is_not_what_was_promised_is_asked_of_the_siblings() {
    let mut lost = Lost::new("lent-damaged-here");
    lost.fetch(LAPTOP);
    lost.world.run(60);
    let attachment = lost.file(LAPTOP).id;
    // What the program found when it read the file to its end.
    lost.world.command(LAPTOP, Command::AttachmentDamaged { attachment }).unwrap();
    lost.world.settle_some(1);
    assert!(lost.world.people[LAPTOP].dropped.contains(&attachment));
    lost.world.run(60);
    assert_eq!(lost.saved(LAPTOP), lost.bytes);
}
