//! One or more examples of every object: what hostile tests start from and what `spec/vectors/objects.json` shows.

use kith_wire::address::{QueueAddress, ServerAddress, ServerUrl};
use kith_wire::backup::{BackupHead, BackupItem, BackupPiece};
use kith_wire::blob::Manifest;
use kith_wire::card::{AnswerCard, AnswerInside, AnswerProof, Card, CardOffer, CardPurpose, Confirm, ConfirmHello};
use kith_wire::content::{Body, Content, KnownBody, ReceiptKind};
use kith_wire::descriptor::{Descriptor, EpochKeys, ServerLimits, VersionRange};
use kith_wire::devices::{Device, DeviceList, Revocation, RevocationReason};
use kith_wire::ext::{Ext, Extension, Importance};
use kith_wire::frame::{Control, Frame, SeqRange, SessionAck};
use kith_wire::id::*;
use kith_wire::live::{LiveAccept, LiveEvent, LiveOpening, LiveRequest, RequestNumber};
use kith_wire::operation::*;
use kith_wire::own::{OwnDevice, OwnDevices, OwnRevocation};
use kith_wire::payload::{Item, ListState, Part, Payload};
use kith_wire::preview::Preview;
use kith_wire::rotation::{DeviceRotation, Rotation};
use kith_wire::signed::Signed;
use kith_wire::sync::{ContactCopy, ContactSettings, PastMessage, Setting, SyncItem};
use kith_wire::time::{Day, EpochId, Hour, Timestamp};
use kith_wire::{DecodeError, Wire};

/// One encoded object.
pub(crate) struct Example {
    /// The rule of `spec/kith.cddl` that it must match.
    pub(crate) rule: &'static str,
    /// What is special about it.
    pub(crate) note: &'static str,
    /// Its encoding.
    pub(crate) bytes: Vec<u8>,
    /// The longest encoding that its type accepts.
    pub(crate) max_bytes: usize,
    /// Decodes bytes as this type and encodes what came out.
    pub(crate) again: fn(&[u8]) -> Result<Vec<u8>, DecodeError>,
}

fn example<T: Wire>(rule: &'static str, note: &'static str, value: &T) -> Example {
    let again = |bytes: &[u8]| T::from_bytes(bytes).map(|value| value.to_bytes());
    Example { rule, note, bytes: value.to_bytes(), max_bytes: T::MAX_BYTES, again }
}

/// Bytes `first, first + 1, …`: recognisable in a dump.
fn run<const N: usize>(first: u8) -> [u8; N] {
    std::array::from_fn(|at| first.wrapping_add(at as u8))
}

pub(crate) fn server_address() -> ServerAddress {
    let url = ServerUrl::parse("https://home.example.org").expect("the URL is fine");
    ServerAddress { url, key: ServerKey(run(0x10)) }
}

pub(crate) fn queue_address() -> QueueAddress {
    let capability = SendCapability::new(run(0x40));
    QueueAddress { server: server_address(), sender_id: SenderId(run(0x30)), capability }
}

pub(crate) fn kem_key() -> KemKey {
    KemKey::new(run(0x50))
}

pub(crate) fn ext() -> Ext {
    let mut ext = Ext::new();
    ext.insert(7, Extension { importance: Importance::Optional, value: vec![1, 2, 3] });
    ext.insert(300, Extension { importance: Importance::Optional, value: vec![] });
    ext
}

pub(crate) fn card() -> Card {
    Card {
        version: 1,
        suite: 1,
        card_id: CardId(run(1)),
        not_after: Hour(498_000),
        contact_key: ContactKey(run(2)),
        olm_identity: OlmIdentity(run(3)),
        olm_one_time: OlmOneTimeKey(run(4)),
        dh: DhKey(run(5)),
        kem_hash: Hash(run(6)),
        queue: queue_address(),
        reply_secret: ReplySecret::new(run(7)),
        commitment: Hash(run(8)),
        ext: Ext::new(),
    }
}

pub(crate) fn answer_card() -> AnswerCard {
    AnswerCard {
        version: 1,
        suite: 1,
        card: Hash(run(11)),
        exchange: Hash(run(12)),
        contact_key: ContactKey(run(13)),
        olm_identity: OlmIdentity(run(14)),
        kem: kem_key(),
        queue: queue_address(),
        devices: Hash(run(15)),
        ext: ext(),
    }
}

pub(crate) fn device(first: u8) -> Device {
    Device {
        id: DeviceId(run(first)),
        device_key: DeviceKey(run(first)),
        olm_identity: OlmIdentity(run(first)),
        added_in: 1,
    }
}

pub(crate) fn device_list(n_devices: u8, n_revoked: u8) -> DeviceList {
    let list = DeviceList {
        contact_key: ContactKey(run(21)),
        version: 2,
        previous: Hash(run(22)),
        issued: Day(20_750),
        not_after: Day(20_840),
        devices: (0..n_devices).map(|at| device(0x80 + at)).collect(),
        revoked: (0..n_revoked)
            .map(|at| Revocation { id: DeviceId(run(0xb0 + at)), revoked_in: 2, reason: RevocationReason::Retired })
            .collect(),
        ext: Ext::new(),
        padding: Vec::new(),
    };
    list.padded().expect("the list has room")
}

pub(crate) fn descriptor() -> Descriptor {
    let epoch = |id| EpochKeys { id: EpochId(id), kem: kem_key(), dh: DhKey(run(32)) };
    Descriptor {
        versions: VersionRange { min: 1, max: 1 },
        server_key: ServerKey(run(0x10)),
        serial: 4,
        urls: vec![server_address().url],
        epochs: vec![epoch(2964), epoch(2965)],
        limits: ServerLimits { retention_hours: 504, max_blob_bytes: 1 << 27, invite_only: false },
        successor: None,
        ext: Ext::new(),
    }
}

pub(crate) fn manifest() -> Manifest {
    Manifest {
        name: "picture.jpg".to_owned(),
        media_type: "image/jpeg".to_owned(),
        size: 70_000,
        hash: Hash(run(41)),
        server: server_address(),
        blob: BlobId(run(42)),
        capability: ReadCapability::new(run(43)),
        key: AttachmentKey::new(run(44)),
    }
}

pub(crate) fn content(body: Body) -> Content {
    Content {
        message: MessageId(run(51)),
        conversation: ConversationId(run(52)),
        lamport: 99,
        device: DeviceId(run(53)),
        sent: Timestamp(1_792_540_800_000),
        disappears: None,
        body,
        also_for: None,
    }
}

pub(crate) fn control() -> Control {
    let ack = SessionAck { next: 5, ranges: vec![SeqRange { first: 7, last: 9 }] };
    Control { ack, skips: vec![SeqRange { first: 3, last: 3 }], end: None }
}

pub(crate) fn part() -> Part {
    Part { message: MessageId(run(51)), index: 0, count: 1, bytes: vec![0xa5; 40] }
}

fn list_state() -> ListState {
    ListState { version: 1, hash: Hash(run(61)) }
}

fn confirm_hello() -> ConfirmHello {
    ConfirmHello {
        ciphertext: KemCiphertext::new(run(71)),
        nonce: ConfirmNonce::new(run(72)),
        versions: VersionRange { min: 1, max: 1 },
        devices: Hash(run(73)),
        conversation: ConversationId(run(74)),
    }
}

pub(crate) fn confirm() -> Confirm {
    let devices = Signed::new(device_list(1, 0).to_bytes(), Signature(run(9)));
    Confirm { hello: confirm_hello().to_bytes(), devices, mac: run(75) }
}

fn frame() -> Frame {
    Frame::new(run(81))
}

fn request_signature() -> RequestSignature {
    RequestSignature {
        role: SignerRole::Reader,
        key: run(91),
        nonce: Nonce(run(92)),
        time: 1_792_540_800,
        signature: Signature(run(93)),
    }
}

pub(crate) fn preview(has_picture: bool) -> Preview {
    Preview {
        address: "https://cakes.example/plum".to_owned(),
        title: "Plum cake".to_owned(),
        description: "Mostly patience, and 200 g of butter".to_owned(),
        picture: has_picture.then(|| vec![0xff, 0xd8, 0xff, 0xdb, 0xff, 0xd9]),
    }
}

pub(crate) fn bodies() -> Vec<(&'static str, Body)> {
    let message = MessageId(run(54));
    let text =
        |reply_to, attachment| KnownBody::Text { text: "Grüß dich".to_owned(), reply_to, attachment, preview: None };
    let known = [
        ("a text", text(None, None)),
        ("a text that answers", text(Some(message), None)),
        ("a text with an attachment", text(None, Some(manifest()))),
        ("a text that answers, with an attachment", text(Some(message), Some(manifest()))),
        (
            "a text with a preview",
            KnownBody::Text {
                text: "https://cakes.example/plum".to_owned(),
                reply_to: None,
                attachment: None,
                preview: Some(preview(true)),
            },
        ),
        (
            "a text with a preview without a picture",
            KnownBody::Text {
                text: "https://cakes.example/plum".to_owned(),
                reply_to: Some(message),
                attachment: None,
                preview: Some(preview(false)),
            },
        ),
        ("a reaction", KnownBody::Reaction { target: message, emoji: "❤".to_owned() }),
        ("an edit", KnownBody::Edit { target: message, text: "better".to_owned() }),
        ("a deletion", KnownBody::Delete { target: message }),
        ("receipts", KnownBody::Receipt { kind: ReceiptKind::Read, messages: vec![message, MessageId(run(55))] }),
        ("a queue move", KnownBody::QueueMove { queue: queue_address() }),
        ("a queue moved", KnownBody::QueueMoved { sender_id: SenderId(run(0x30)) }),
        ("disappearing messages", KnownBody::Disappearing { seconds: Some(3600) }),
        ("no more disappearing", KnownBody::Disappearing { seconds: None }),
        ("nothing to say", KnownBody::Nothing),
        (
            "a device card",
            KnownBody::DeviceCard { to: DeviceId(run(56)), list: signed_list(), offer: Box::new(device_offer()) },
        ),
        ("for a sibling", KnownBody::Sync { item: SyncItem::ContactsTold.to_bytes() }),
        ("rotation", KnownBody::Rotation { rotation: rotation() }),
        ("a spare card", KnownBody::SpareCard { offer: Box::new(offer_for(CardPurpose::Spare)) }),
        ("somebody else was refused", KnownBody::RefusedAnother),
    ];
    let known = known.into_iter().map(|(note, body)| (note, Body::Known(body)));
    known.chain([("a body of a newer version", Body::Unknown(vec![0x83, 0x18, 99, 0xf6, 0xa1, 0x01, 0x02]))]).collect()
}

fn operations() -> Vec<(&'static str, Operation)> {
    let deposit = Deposit {
        sender_id: SenderId(run(0x30)),
        proof: Proof(run(94)),
        dedup: DedupId(run(95)),
        expires: Hour(498_100),
        frame: frame(),
    };
    let (reader_id, blob, verifier) = (ReaderId(run(96)), BlobId(run(42)), Verifier(run(97)));
    let reader = LiveReader { reader_id, signature: Signature(run(98)) };
    vec![
        ("deposit", Operation::Deposit(deposit)),
        ("fetch", Operation::Fetch { reader_id, after: EntryId(0), limit: 16 }),
        ("ack", Operation::Ack { reader_id, entries: vec![EntryId(1), EntryId(300)] }),
        ("account-open", Operation::AccountOpen { invite: None }),
        ("account-open with an invite", Operation::AccountOpen { invite: Some(InviteCode::new(run(99))) }),
        ("queue-create", Operation::QueueCreate { lookup_key: LookupKey(run(100)), verifier }),
        ("queue-delete", Operation::QueueDelete { reader_id }),
        ("queue-rotate", Operation::QueueRotate { reader_id, verifier }),
        ("relay", Operation::Relay { to: server_address(), sealed: vec![7; 60] }),
        (
            "relay-durable",
            Operation::RelayDurable { to: server_address(), relay_id: RelayId(run(101)), sealed: vec![7; 60] },
        ),
        ("return-ack", Operation::ReturnAck { relay_id: RelayId(run(101)) }),
        ("descriptor-of", Operation::DescriptorOf { url: server_address().url }),
        ("blob-create", Operation::BlobCreate { blob, chunks: 2, bytes: 70_688, read: verifier, delete: verifier }),
        ("blob-put", Operation::BlobPut { blob, index: 1, chunk: vec![9; 40] }),
        ("blob-status", Operation::BlobStatus { blob }),
        ("blob-get", Operation::BlobGet { blob, index: 1, capability: ReadCapability::new(run(43)) }),
        ("blob-delete", Operation::BlobDelete { blob, capability: DeleteCapability::new(run(45)) }),
        ("clock", Operation::Clock),
        ("live-account", Operation::LiveAccount { account: AccountKey(run(102)), signature: Signature(run(98)) }),
        ("account-close", Operation::AccountClose { account: AccountKey(run(102)), signature: Signature(run(98)) }),
        ("blob-keep", Operation::BlobKeep { blobs: vec![blob] }),
        ("live-read", Operation::LiveRead { readers: vec![reader], window: 32 }),
    ]
}

fn answers() -> Vec<(&'static str, Answer)> {
    let entry = QueueEntry { entry: EntryId(17), frame: frame() };
    vec![
        ("accepted", Answer::Accepted),
        ("refused", Answer::Refused { reason: Refusal::QuotaExceeded }),
        ("stale", Answer::Stale { time: 1_792_540_800, nonce: Nonce(run(92)) }),
        ("queue", Answer::Queue { reader_id: ReaderId(run(96)), sender_id: SenderId(run(0x30)) }),
        ("frames", Answer::Frames { entries: vec![entry], overflowed: false, more: true }),
        ("relayed", Answer::Relayed { reply: vec![3] }),
        ("descriptor", Answer::Descriptor { descriptor: vec![5; 40] }),
        ("blob-status", Answer::BlobStatus { present: vec![0b11] }),
        ("blob-chunk", Answer::BlobChunk { chunk: vec![9; 40] }),
        ("clock", Answer::Clock { time: 1_792_540_800 }),
        ("busy", Answer::Busy { seconds: 30 }),
        ("closed", Answer::Closed { signature: Signature(run(98)) }),
    ]
}

fn events() -> Vec<(&'static str, LiveEvent)> {
    let reader_id = ReaderId(run(96));
    vec![
        ("answer", LiveEvent::Answer { number: RequestNumber(3), answer: Answer::Accepted }),
        ("push", LiveEvent::Push { reader_id, entry: EntryId(17), frame: frame() }),
        ("overflow", LiveEvent::Overflow { reader_id }),
        ("returned", LiveEvent::Returned { relay_id: RelayId(run(101)), descriptor: vec![] }),
    ]
}

fn payloads() -> Vec<(&'static str, Payload)> {
    let of = |yours, items| Payload { mine: list_state(), yours, items };
    let list = Signed::new(device_list(8, 8).to_bytes(), Signature(run(9)));
    let key = Hash(run(62));
    vec![
        ("with a part", of(Some(list_state()), vec![Item::Part(part())])),
        ("with an epoch key", of(Some(list_state()), vec![Item::EpochKey { epoch: 2, key: kem_key() }])),
        (
            "with an epoch ciphertext",
            of(
                Some(list_state()),
                vec![Item::EpochCiphertext { epoch: 2, key, ciphertext: KemCiphertext::new(run(63)) }],
            ),
        ),
        ("with a device list", of(Some(list_state()), vec![Item::Devices(list.clone())])),
        ("with a list of the receiver", of(Some(list_state()), vec![Item::Yours(list)])),
        ("with a confirmation", of(None, vec![Item::Confirm(Box::new(confirm()))])),
        ("with nothing", of(None, vec![])),
    ]
}

fn signed_list() -> Signed<DeviceList> {
    Signed::new(device_list(2, 1).to_bytes(), Signature(run(9)))
}

fn device_offer() -> CardOffer {
    offer_for(CardPurpose::Device)
}

fn offer_for(purpose: CardPurpose) -> CardOffer {
    let card = Card { ext: purpose.to_ext(), ..card() };
    CardOffer { card: Signed::new(card.to_bytes(), Signature(run(9))), kem: Some(kem_key()) }
}

/// A person's own devices.
pub(crate) fn own_devices(n_devices: u8, n_revoked: u8) -> OwnDevices {
    let since = Day(20_750);
    let name = "x".repeat(64);
    let device =
        |at| OwnDevice { id: DeviceId(run(0x80 + at)), name: name.clone(), since, key: DeviceKey(run(0x90 + at)) };
    let revocation = |at| OwnRevocation { id: DeviceId(run(0xb0 + at)), since, reason: RevocationReason::Compromised };
    OwnDevices {
        person_key: PersonKey(run(23)),
        version: 10,
        previous: Hash(run(22)),
        devices: (0..n_devices).map(device).collect(),
        revoked: (0..n_revoked).map(revocation).collect(),
        ext: Ext::new(),
    }
}

/// A device's second rotation towards a contact.
pub(crate) fn device_rotation() -> DeviceRotation {
    DeviceRotation {
        device: DeviceId(run(56)),
        number: 2,
        previous: Hash(run(25)),
        old: DeviceKey(run(26)),
        new: DeviceKey(run(27)),
        since: Hour(498_000),
        ext: Ext::new(),
    }
}

pub(crate) fn rotation() -> Rotation {
    Rotation { statement: Signed::new(device_rotation().to_bytes(), Signature(run(9))), by_new: Signature(run(10)) }
}

fn past_message() -> PastMessage {
    PastMessage {
        message: MessageId(run(51)),
        is_own: true,
        device: DeviceId(run(53)),
        lamport: 7,
        sent: Timestamp(1_792_540_800_000),
        body: Some(vec![0x81, 8]),
        edited: 9,
        state: 3,
        reactions: vec![(false, 8, "❤".to_owned())],
        disappears: Some((3600, None)),
    }
}

fn contact_copy() -> ContactCopy {
    let at = Timestamp(1_792_540_800_000);
    let settings = ContactSettings {
        name: Setting { at, value: "Bela".to_owned() },
        verified: Setting { at, value: true },
        blocked: Setting { at, value: false },
        receipts: Setting { at, value: true },
        disappearing: (3, Some(3600)),
        pinned: Setting { at, value: true },
        muted: Setting { at, value: false },
        archived: Setting { at, value: false },
    };
    ContactCopy {
        contact: ConversationId(run(74)),
        secret: vec![5; 1168],
        own_list: signed_list(),
        peer_list: signed_list(),
        digits: "12345 67890".to_owned(),
        settings,
        lamport: 12,
        met: at,
        owners: vec![(DeviceId(run(1)), DeviceId(run(2)))],
        before: Some(vec![ConversationId(run(75))]),
    }
}

fn welcome(devices: &Signed<OwnDevices>) -> SyncItem {
    let (user, devices, name) = (vec![24; 1168], devices.clone(), Some("Ana".to_owned()));
    SyncItem::Welcome { user, devices, contacts: 40, messages: 8000, name }
}

fn close() -> SyncItem {
    let (account, signature) = (AccountKey(run(102)), Signature(run(98)));
    SyncItem::Close { device: DeviceId(run(56)), server: server_address(), account, signature }
}

fn draft(contact: ConversationId) -> SyncItem {
    let draft = Setting { at: Timestamp(1_700_000_000_000), value: "half a th".to_owned() };
    SyncItem::Draft { contact, draft }
}

/// What devices of one person say to each other.
pub(crate) fn sync_items() -> Vec<(&'static str, SyncItem)> {
    let (contact, to, message) = (ConversationId(run(74)), DeviceId(run(56)), MessageId(run(51)));
    let devices = Signed::new(own_devices(2, 1).to_bytes(), Signature(run(9)));
    let offer = || Box::new(device_offer());
    let said = content(Body::Known(KnownBody::Delete { target: message }));
    vec![
        ("hello", SyncItem::Hello { device: to, name: "laptop".to_owned(), user: kem_key() }),
        ("welcome", welcome(&devices)),
        ("contact", SyncItem::Contact(Box::new(contact_copy()))),
        ("contacts told", SyncItem::ContactsTold),
        ("forgotten", SyncItem::Forgotten { contact }),
        ("list", SyncItem::List { contact, list: signed_list(), owners: vec![] }),
        ("introduction", SyncItem::Introduction { contact, to, list: signed_list(), offer: offer() }),
        ("card for you", SyncItem::CardForYou { contact, list: signed_list(), offer: offer() }),
        ("said", SyncItem::Said { content: Box::new(said.clone()) }),
        ("heard", SyncItem::Heard { content: Box::new(said) }),
        ("history", SyncItem::History { contact, messages: vec![past_message()], told: 1, total: 20 }),
        ("seen", SyncItem::Seen { contact, messages: vec![message] }),
        ("states", SyncItem::States { contact, states: vec![(message, 2)] }),
        ("devices", SyncItem::Devices { devices }),
        ("meet", SyncItem::Meet { to, from: DeviceId(run(57)), offer: offer() }),
        ("rotation", SyncItem::Rotation { contact, rotation: rotation() }),
        ("changed", SyncItem::Changed { contact, messages: vec![past_message()] }),
        ("all forgotten", SyncItem::AllForgotten { contacts: vec![contact] }),
        ("draft", draft(contact)),
        ("closing", SyncItem::Closing { device: to, server: server_address(), sealed: vec![24; 1232] }),
        ("close", close()),
        ("file wanted", SyncItem::FileWanted { contact, message, wanted: true }),
        ("file lent", SyncItem::FileLent { contact, message, file: manifest() }),
        ("picture", SyncItem::Picture { contact, at: Timestamp(1_792_500_000_000), picture: vec![0xff; 40] }),
        ("restored", SyncItem::Restored { contact, list: signed_list(), at: Timestamp(1_792_540_800_000) }),
    ]
}

/// What a backup says.
pub(crate) fn backup_items() -> Vec<(&'static str, BackupItem)> {
    let contact = ConversationId(run(74));
    let devices = Signed::new(own_devices(2, 1).to_bytes(), Signature(run(9)));
    let (name, server) = (Some("Anastasia".to_owned()), server_address());
    let alone = BackupItem::Person { name: None, server: server.clone(), devices: None, hours: None };
    vec![
        ("a person with two devices", BackupItem::Person { name, server, devices: Some(devices), hours: Some(24) }),
        ("a person with one device", alone),
        ("contact", BackupItem::Contact(Box::new(contact_copy()))),
        ("forgotten", BackupItem::Forgotten { contact }),
        ("messages", BackupItem::Messages { contact, messages: vec![past_message()] }),
        ("rotation", BackupItem::Rotation { contact, rotation: rotation() }),
        ("spare card", BackupItem::SpareCard { contact, device: DeviceId(run(56)), offer: Box::new(device_offer()) }),
        ("unmet", BackupItem::Unmet { contact, settings: contact_copy().settings, lamport: 900 }),
        (
            "draft",
            BackupItem::Draft { contact, draft: Setting { at: Timestamp(1_792_900_000_000), value: "Dear".into() } },
        ),
        ("closing", BackupItem::Closing { device: DeviceId(run(56)), server: server_address(), sealed: vec![7; 60] }),
        ("picture", BackupItem::Picture { contact, at: Timestamp(1_792_500_000_000), picture: vec![0xff; 40] }),
        ("no picture any more", BackupItem::Picture { contact, at: Timestamp(1_792_600_000_000), picture: vec![] }),
        ("end", BackupItem::End { mark: BackupMark(run(60)), made: Timestamp(1_793_000_000_000) }),
    ]
}

/// What lies in the place of a backup at a home server.
pub(crate) fn backup_head() -> BackupHead {
    let piece = |bytes, n| BackupPiece { bytes, hash: Hash(run(n)) };
    let (device, made) = ("laptop".to_owned(), Timestamp(1_793_000_000_000));
    let pieces = vec![piece(16_777_216, 61), piece(4_410, 62)];
    BackupHead { number: 7, device, made, every: Some(24), label: run(63), pieces }
}

/// Returns examples of all objects.
pub(crate) fn all() -> Vec<Example> {
    let signature = Signature(run(9));
    let signed_card = Signed::<Card>::new(card().to_bytes(), signature);
    let signed_answer = Signed::<AnswerCard>::new(answer_card().to_bytes(), signature);
    let mut all = vec![
        example("server-address", "", &server_address()),
        example("queue-address", "", &queue_address()),
        example("descriptor", "two weeks, no successor", &descriptor()),
        example("descriptor", "with a successor", &Descriptor { successor: Some(ServerKey(run(33))), ..descriptor() }),
        example("signed-descriptor", "", &Signed::<Descriptor>::new(descriptor().to_bytes(), signature)),
        example("card", "", &card()),
        example("card", "with extensions", &Card { ext: ext(), ..card() }),
        example("signed-card", "", &signed_card),
        example("card-offer", "for a QR code", &CardOffer { card: signed_card.clone(), kem: None }),
        example("card-offer", "for a file or link", &CardOffer { card: signed_card, kem: Some(kem_key()) }),
        example("answer-card", "", &answer_card()),
        example("signed-answer-card", "", &signed_answer),
        example("answer-inside", "", &AnswerInside { answer_card: signed_answer, olm: vec![6; 50] }),
        example("answer-proof", "", &AnswerProof { card: Hash(run(11)), answer_card: Hash(run(16)) }),
        example("confirm-hello", "", &confirm_hello()),
        example("confirm", "", &confirm()),
        example("device-list", "one device", &device_list(1, 0)),
        example("device-list", "as long as it gets", &device_list(8, 8)),
        example("signed-device-list", "", &Signed::<DeviceList>::new(device_list(2, 1).to_bytes(), signature)),
        example("own-devices", "one device", &own_devices(1, 0)),
        example("own-devices", "as long as it gets", &own_devices(8, 32)),
        example("signed-own-devices", "", &Signed::<OwnDevices>::new(own_devices(2, 1).to_bytes(), signature)),
        example("device-rotation", "", &device_rotation()),
        example("device-rotation", "with extensions", &DeviceRotation { ext: ext(), ..device_rotation() }),
        example("signed-device-rotation", "", &rotation().statement),
        example("rotation", "", &rotation()),
        example("control", "", &control()),
        example("live-opening", "", &LiveOpening { ephemeral: kem_key() }),
        example("live-accept", "", &LiveAccept { ciphertext: KemCiphertext::new(run(71)), random: run(76) }),
    ];
    let request = |operation, signatures| Request { operation, signatures };
    all.push(example("request", "unsigned", &request(Operation::Clock, vec![])));
    let signed = request(Operation::QueueDelete { reader_id: ReaderId(run(96)) }, vec![request_signature()]);
    all.push(example("request", "signed by a reader", &signed));
    all.extend(bodies().into_iter().map(|(note, body)| example("content", note, &content(body))));
    let short_lived = Content { disappears: Some(60), ..content(Body::Known(KnownBody::Nothing)) };
    all.push(example("content", "that disappears", &short_lived));
    let for_others = Content {
        also_for: Some(vec![DeviceId(run(54)), DeviceId(run(55))]),
        ..content(Body::Known(KnownBody::Nothing))
    };
    all.push(example("content", "that is for other devices, too", &for_others));
    all.extend(sync_items().iter().map(|(note, item)| example("sync-item", note, item)));
    all.push(example("backup-head", "", &backup_head()));
    all.push(example("backup-head", "made by hand", &BackupHead { every: None, ..backup_head() }));
    all.extend(backup_items().iter().map(|(note, item)| example("backup-item", note, item)));
    all.extend(payloads().iter().map(|(note, payload)| example("payload", note, payload)));
    for (note, operation) in operations() {
        if let Operation::Deposit(deposit) = &operation {
            all.push(example("deposit", "", deposit));
        }
        all.push(example("operation", note, &operation));
        all.push(example("live-request", note, &LiveRequest { number: RequestNumber(1), operation }));
    }
    all.extend(answers().iter().map(|(note, answer)| example("answer", note, answer)));
    all.extend(events().iter().map(|(note, event)| example("live-event", note, event)));
    all
}
