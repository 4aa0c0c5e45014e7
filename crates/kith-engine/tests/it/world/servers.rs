//! What somebody does at a home server, past the engines: invites, deposits of any frame, losses.

use kith_crypto::attachment::{NewBlob, seal_chunk, words_shape};
use kith_crypto::capability::{delete_verifier, prove, read_verifier};
use kith_crypto::random;
use kith_crypto::sealed::seal;
use kith_home::store::{Blob, Stay, Store, Txn};
use kith_home::{Config, Home, Input, Ticket, create_invite};
use kith_wire::Wire;
use kith_wire::address::QueueAddress;
use kith_wire::descriptor::Descriptor;
use kith_wire::frame::Frame;
use kith_wire::id::{AccountKey, DedupId, InviteCode, LinkSecret, Proof};
use kith_wire::operation::{Deposit, Operation, Request};
use kith_wire::sealed::SealKind;
use kith_wire::signed::Signed;
use kith_wire::time::Hour;

use super::{Reach, Server, Step, World};

impl Server {
    /// Returns whether something waits here for another server.
    pub(super) fn has_outgoing(&mut self) -> bool {
        self.store.begin().unwrap().counts().unwrap().outgoing > 0
    }
}

impl World {
    /// Restarts a server so that it asks newcomers for an invite.
    pub(crate) fn require_invites(&mut self, server: usize) {
        self.reach(server, Reach::Down);
        self.settle();
        let Server { home, store, url, reach, .. } = &mut self.servers[server];
        let mut config = Config::new(vec![url.clone()]);
        config.registration = kith_home::Registration::Invite;
        *home = Home::open(store, config, self.now, &mut self.rng).unwrap();
        *reach = Reach::Up;
        self.run(10);
    }

    /// Makes an invite for one person.
    pub(crate) fn invite(&mut self, server: usize) -> InviteCode {
        let code = InviteCode::new(random::bytes(&mut self.rng));
        create_invite(&mut self.servers[server].store, &code, 1, self.now.plus_seconds(86_400)).unwrap();
        code
    }

    /// Deposits a frame into a queue of a server, as anybody with the capability can.
    pub(crate) fn deposit(&mut self, server: usize, queue: &QueueAddress, frame: Frame) {
        let signed = Signed::<Descriptor>::from_bytes(self.servers[server].home.descriptor()).unwrap();
        let descriptor = signed.decode_unverified().unwrap();
        let deposit = Deposit {
            sender_id: queue.sender_id,
            proof: Proof([0; 32]),
            dedup: DedupId(random::bytes(&mut self.rng)),
            expires: Hour(self.now.hour().0 + 24),
            frame,
        };
        let deposit = prove(deposit, &queue.capability, &descriptor.server_key);
        let request = Request { operation: Operation::Deposit(deposit), signatures: Vec::new() };
        let (key, epoch, kind) = (descriptor.server_key, &descriptor.epochs[0], SealKind::OneShot);
        let sealed = seal(&key, epoch, kind, &request.to_bytes(), &mut self.rng).unwrap().bytes;
        let ticket = Ticket(self.number());
        self.pending.push_back(Step::ToHome(server, Input::OneShot { ticket, sealed }));
    }

    /// A server loses every frame that waits there.
    pub(crate) fn lose_queues(&mut self, server: usize) {
        let mut txn = self.servers[server].store.begin().unwrap();
        for (reader, seq) in txn.entries_before(Hour(u32::MAX), 10_000).unwrap() {
            txn.remove_entry(&reader, seq).unwrap();
        }
        txn.commit().unwrap();
    }

    /// A server loses every blob.
    pub(crate) fn lose_blobs(&mut self, server: usize) {
        let mut txn = self.servers[server].store.begin().unwrap();
        for blob in txn.blobs_before(Hour(u32::MAX), 10_000).unwrap() {
            txn.remove_blob(&blob).unwrap();
        }
        txn.commit().unwrap();
    }

    /// Returns how many blobs a server has.
    pub(crate) fn blobs(&mut self, server: usize) -> u64 {
        self.servers[server].store.begin().unwrap().counts().unwrap().blobs
    }

    /// Puts something where words lead to, as whoever owns the server can.
    pub(crate) fn put_blob(&mut self, server: usize, words: &LinkSecret, content: &[u8]) {
        let blob = NewBlob::of_words(words, &mut self.rng);
        let sealed = seal_chunk(&blob.key, words_shape().unwrap(), 0, content).unwrap();
        let row = Blob {
            account: AccountKey([1; 32]),
            size: sealed.len() as u64,
            n_chunks: 1,
            n_present: 1,
            read: read_verifier(&blob.read),
            delete: delete_verifier(&blob.delete),
            expires: Hour(self.now.hour().0 + 24),
            stay: Stay::Passing,
        };
        let mut txn = self.servers[server].store.begin().unwrap();
        txn.put_blob(&blob.id, &row).unwrap();
        txn.insert_chunk(&blob.id, 0, &sealed).unwrap();
        txn.commit().unwrap();
    }

    /// Returns how many frames wait at a server.
    pub(crate) fn queued(&mut self, server: usize) -> usize {
        let txn = self.servers[server].store.begin().unwrap();
        txn.entries_before(Hour(u32::MAX), 10_000).unwrap().len()
    }
}
