//! A client of a home server: seals, signs, deposits, listens. No sessions, no storage, no retries.

use std::collections::VecDeque;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use kith_crypto::capability::{new_send, prove, send_verifier};
use kith_crypto::live::{ClientOpening, LiveChannel};
use kith_crypto::request::{RequestStamp, live_account, live_reader, sign_as_account, sign_as_reader};
use kith_crypto::sealed::{PendingAnswer, seal};
use kith_crypto::sign::{AccountSecret, LookupSecret, open_by};
use kith_net::{AddressPolicy, Carrier, LiveReceiver, LiveSender};
use kith_wire::address::ServerAddress;
use kith_wire::descriptor::{Descriptor, EpochKeys};
use kith_wire::frame::Frame;
use kith_wire::id::{DedupId, InviteCode, Nonce, Proof, ReaderId, SendCapability, SenderId};
use kith_wire::live::{LiveEvent, LiveRequest, RequestNumber};
use kith_wire::operation::{Answer, Deposit, EntryId, Operation, Request, RequestSignature};
use kith_wire::sealed::{OneShotReply, SealKind};
use kith_wire::signed::Signed;
use kith_wire::{Timestamp, Wire};
use rand::rngs::SysRng;
use rand_core::{Rng as _, UnwrapErr};

use super::Kithd;

/// A home server as a client sees it.
pub(crate) struct Home {
    pub(crate) address: ServerAddress,
    pub(crate) carrier: Carrier,
    epoch: EpochKeys,
}

/// A device with an account and a queue.
pub(crate) struct Device {
    pub(crate) account: AccountSecret,
    pub(crate) lookup: LookupSecret,
    pub(crate) send: SendCapability,
    pub(crate) reader: ReaderId,
    pub(crate) sender: SenderId,
}

/// A client's end of a live connection.
pub(crate) struct Line {
    channel: LiveChannel,
    sender: LiveSender,
    receiver: LiveReceiver,
    number: u32,
    /// Pushes that overtook an answer.
    early: VecDeque<LiveEvent>,
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from_seconds(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs())
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    UnwrapErr(SysRng).fill_bytes(&mut bytes);
    bytes
}

impl Home {
    /// Fetches the descriptor and checks that the announced key signed it.
    pub(crate) async fn find(kithd: &Kithd) -> Self {
        Self::find_with(kithd, Carrier::builder(AddressPolicy::AllowPrivate).build().unwrap()).await
    }

    /// The same with another carrier, for instance one that trusts the server's certificate.
    pub(crate) async fn find_with(kithd: &Kithd, carrier: Carrier) -> Self {
        let bytes = carrier.descriptor(&kithd.url).await.unwrap();
        let descriptor = open_by(Signed::<Descriptor>::from_bytes(&bytes).unwrap(), &kithd.key.0).unwrap().into_inner();
        let epoch = descriptor.epochs.into_iter().next().unwrap();
        Self { address: ServerAddress { url: kithd.url.clone(), key: kithd.key }, carrier, epoch }
    }

    pub(crate) fn seal(&self, request: &Request) -> (Vec<u8>, PendingAnswer) {
        self.seal_bytes(&request.to_bytes())
    }

    /// Seals what need not be a request.
    pub(crate) fn seal_bytes(&self, content: &[u8]) -> (Vec<u8>, PendingAnswer) {
        let mut rng = UnwrapErr(SysRng);
        let sealed = seal(&self.address.key, &self.epoch, SealKind::OneShot, content, &mut rng).unwrap();
        (sealed.bytes, sealed.pending)
    }

    pub(crate) async fn ask(&self, operation: Operation, signatures: Vec<RequestSignature>) -> Answer {
        let (sealed, pending) = self.seal(&Request { operation, signatures });
        let reply = self.carrier.one_shot(&self.address.url, Bytes::from(sealed)).await.unwrap();
        answer_in(&reply, &pending)
    }

    fn stamp(&self) -> RequestStamp {
        RequestStamp { server: self.address.key, nonce: Nonce(random()), time: now().seconds() }
    }

    pub(crate) async fn ask_as_account(&self, account: &AccountSecret, operation: Operation) -> Answer {
        let signature = sign_as_account(account, &operation, &self.stamp());
        self.ask(operation, vec![signature]).await
    }

    pub(crate) async fn ask_as_reader(&self, lookup: &LookupSecret, operation: Operation) -> Answer {
        let signature = sign_as_reader(lookup, &operation, &self.stamp());
        self.ask(operation, vec![signature]).await
    }

    pub(crate) async fn register(&self, account: &AccountSecret, invite: Option<InviteCode>) -> Answer {
        self.ask_as_account(account, Operation::AccountOpen { invite }).await
    }

    /// Registers a device and creates its queue.
    pub(crate) async fn device(&self) -> Device {
        let account = AccountSecret::generate(&mut UnwrapErr(SysRng));
        assert_eq!(self.register(&account, None).await, Answer::Accepted);
        self.device_of(account).await
    }

    /// Creates a queue for an account.
    async fn device_of(&self, account: AccountSecret) -> Device {
        let mut rng = UnwrapErr(SysRng);
        let (lookup, send) = (LookupSecret::generate(&mut rng), new_send(&mut rng));
        let answer = self.create_queue(&account, &lookup, &send).await;
        let Answer::Queue { reader_id, sender_id } = answer else { unreachable!("{answer:?}") };
        Device { account, lookup, send, reader: reader_id, sender: sender_id }
    }

    /// Asks for a queue with fresh keys.
    pub(crate) async fn try_queue(&self, account: &AccountSecret) -> Answer {
        let mut rng = UnwrapErr(SysRng);
        self.create_queue(account, &LookupSecret::generate(&mut rng), &new_send(&mut rng)).await
    }

    async fn create_queue(&self, account: &AccountSecret, lookup: &LookupSecret, send: &SendCapability) -> Answer {
        let create = Operation::QueueCreate { lookup_key: lookup.public(), verifier: send_verifier(send) };
        let signatures =
            vec![sign_as_account(account, &create, &self.stamp()), sign_as_reader(lookup, &create, &self.stamp())];
        self.ask(create, signatures).await
    }

    /// Makes a deposit of a frame full of `byte`.
    pub(crate) fn deposit_of(&self, device: &Device, byte: u8) -> Deposit {
        let deposit = Deposit {
            sender_id: device.sender,
            proof: Proof([0; 32]),
            dedup: DedupId(random()),
            expires: kith_wire::time::Hour(now().hour().0 + 24),
            frame: Frame::new([byte; 4096]),
        };
        prove(deposit, &device.send, &self.address.key)
    }

    /// Makes a deposit of a frame that begins with a number.
    pub(crate) fn numbered_deposit(&self, device: &Device, number: u32) -> Deposit {
        let mut frame = [0; 4096];
        frame[..4].copy_from_slice(&number.to_be_bytes());
        let deposit = Deposit { frame: Frame::new(frame), ..self.deposit_of(device, 0) };
        prove(deposit, &device.send, &self.address.key)
    }

    /// Deposits at a server that may be gone; `None` when no answer came.
    pub(crate) async fn try_deposit(&self, deposit: Deposit) -> Option<Answer> {
        let (sealed, pending) = self.seal(&Request { operation: Operation::Deposit(deposit), signatures: Vec::new() });
        let reply = self.carrier.one_shot(&self.address.url, Bytes::from(sealed)).await.ok()?;
        Some(answer_in(&reply, &pending))
    }

    pub(crate) async fn deposit(&self, deposit: Deposit) -> Answer {
        self.ask(Operation::Deposit(deposit), Vec::new()).await
    }

    /// Fetches everything: entry numbers, and first bytes of the frames.
    pub(crate) async fn fetch(&self, device: &Device) -> Vec<(u64, u8)> {
        let operation = Operation::Fetch { reader_id: device.reader, after: EntryId(0), limit: 16 };
        let answer = self.ask_as_reader(&device.lookup, operation).await;
        let Answer::Frames { entries, .. } = answer else { unreachable!("{answer:?}") };
        entries.iter().map(|entry| (entry.entry.0, entry.frame.as_bytes()[0])).collect()
    }

    /// Opens a live connection, proves account and queue, and waits until the server has accepted both.
    pub(crate) async fn listen(&self, device: &Device) -> Line {
        let mut line = self.line().await;
        let account = live_account(&device.account, &line.channel.binding);
        assert_eq!(line.ask(account).await, Answer::Accepted);
        let reader = live_reader(&device.lookup, device.reader, &line.channel.binding);
        assert_eq!(line.ask(Operation::LiveRead { readers: vec![reader], window: 64 }).await, Answer::Accepted);
        line
    }

    /// Opens a live connection that proves nothing.
    pub(crate) async fn line(&self) -> Line {
        let mut rng = UnwrapErr(SysRng);
        let opening = ClientOpening::new(&self.address.key, &self.epoch, &mut rng).unwrap();
        let (sender, mut receiver) = self.carrier.live(&self.address.url).await.unwrap();
        sender.send(Bytes::from(opening.bytes.clone())).await.unwrap();
        let Some(OneShotReply::Sealed(sealed)) = OneShotReply::from_bytes(&receiver.next().await.unwrap()) else {
            unreachable!()
        };
        Line { channel: opening.accept(&sealed).unwrap(), sender, receiver, number: 0, early: VecDeque::new() }
    }
}

impl Line {
    /// Sends a request without waiting.
    pub(crate) async fn say(&mut self, operation: Operation) {
        self.number += 1;
        let request = LiveRequest { number: RequestNumber(self.number), operation };
        let record = self.channel.seal(&request.to_bytes()).unwrap();
        self.sender.send(Bytes::from(record)).await.unwrap();
    }

    /// Seals what need not be a request and sends it.
    pub(crate) async fn say_bytes(&mut self, content: &[u8]) {
        let record = self.channel.seal(content).unwrap();
        self.sender.send(Bytes::from(record)).await.unwrap();
    }

    /// Sends a request and waits for its answer; only pushes may come before it, and are kept.
    pub(crate) async fn ask(&mut self, operation: Operation) -> Answer {
        self.say(operation).await;
        loop {
            match self.next_event().await {
                LiveEvent::Answer { answer, .. } => return answer,
                push @ LiveEvent::Push { .. } => self.early.push_back(push),
                other => unreachable!("{other:?}"),
            }
        }
    }

    /// Waits for the next push: entry number, and first byte of the frame.
    pub(crate) async fn push(&mut self) -> (u64, u8) {
        let event = self.event().await;
        let LiveEvent::Push { entry, frame, .. } = event else { unreachable!("{event:?}") };
        (entry.0, frame.as_bytes()[0])
    }

    /// Waits for the next push, past answers: entry number, and number at the beginning of the frame.
    pub(crate) async fn numbered_push(&mut self) -> (u64, u32) {
        loop {
            if let LiveEvent::Push { entry, frame, .. } = self.event().await {
                let number = frame.as_bytes().first_chunk().map(|bytes| u32::from_be_bytes(*bytes)).unwrap();
                return (entry.0, number);
            }
        }
    }

    /// Waits for the next event.
    pub(crate) async fn event(&mut self) -> LiveEvent {
        match self.early.pop_front() {
            Some(event) => event,
            None => self.next_event().await,
        }
    }

    async fn next_event(&mut self) -> LiveEvent {
        let record = self.receiver.next().await.unwrap();
        LiveEvent::from_bytes(&self.channel.open(&record).unwrap()).unwrap()
    }

    /// Takes the other line's keys and gives it its own.
    pub(crate) fn swap_channels(&mut self, other: &mut Self) {
        std::mem::swap(&mut self.channel, &mut other.channel);
    }

    /// Waits until the server ends the connection.
    pub(crate) async fn end(&mut self) -> kith_net::LiveEnd {
        loop {
            if let Err(end) = self.receiver.next().await {
                return end;
            }
        }
    }
}

/// Opens the answer to a one-shot request.
pub(crate) fn answer_in(reply: &[u8], pending: &PendingAnswer) -> Answer {
    let reply = OneShotReply::from_bytes(reply).unwrap();
    let OneShotReply::Sealed(sealed) = reply else { unreachable!("{reply:?}") };
    Answer::from_bytes(&pending.open(&sealed).unwrap()).unwrap()
}
