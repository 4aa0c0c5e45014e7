//! Two devices of persons who know each other meet by a device card.

use kith_crypto::sign::Verified;
use kith_wire::card::CardPurpose;
use kith_wire::devices::DeviceList;
use kith_wire::rotation::Rotation;
use kith_wire::time::{Hour, Timestamp};
use rand::rngs::StdRng;

use super::OwnDevice;
use crate::pair::{Meeting, NOW, Side, checked, meeting, queue, rng, today};
use crate::{
    AnswerCardError, AnswerError, CardError, CheckedCard, ConfirmError, DeviceCard, Giver, ListChange, ListedDevice,
    NewCardError, PeerKeys, answer_device, check_card, device_card, list_state, next_list,
};

/// Ana, who gave the card, has a second device; her list says so.
struct Second {
    met: Meeting,
    own: OwnDevice,
    anas: Verified<DeviceList>,
    bobs: Verified<DeviceList>,
    rng: StdRng,
}

impl Second {
    fn new(seed: u64) -> Self {
        let mut rng = rng(seed);
        let met = meeting(&mut rng);
        let own = OwnDevice::generate(&mut rng);
        let add = [ListChange::Add(own.entry(1))];
        let anas = next_list(&met.card.devices, &add, 0, 2, &met.card.contact_secret, today(), &mut rng).unwrap();
        let bobs = met.answered.devices.clone();
        Self { met, own, anas, bobs, rng }
    }

    /// The new device gives a card to Bob's.
    fn card(&mut self) -> DeviceCard {
        let bob = ListedDevice::by_id(&self.bobs, &self.met.answered.own.id()).unwrap();
        let (own, list) = (OwnDevice::from_bytes(&self.own.to_bytes()).unwrap(), self.anas.clone());
        device_card(&own, &list, &bob, self.met.card.conversation, queue(5, &mut self.rng), later(), &mut self.rng)
            .unwrap()
    }

    fn checked(card: &DeviceCard) -> CheckedCard {
        check_card(card.offer.clone(), CardPurpose::Device, NOW).unwrap()
    }

    fn giver(&self) -> ListedDevice {
        ListedDevice::by_id(&self.anas, &self.own.id()).unwrap()
    }
}

fn later() -> Hour {
    Hour(NOW.hour().0 + 24 * 60)
}

#[test]
fn a_new_device_meets_the_contacts_device_without_a_password() {
    let mut two = Second::new(90);
    let card = two.card();
    let from = ListedDevice::by_key(&two.anas, &two.own.entry(1).device_key.0).unwrap();
    assert_eq!(from.id(), two.own.id());
    let bob = &two.met.answered.own;
    let answered = answer_device(&Second::checked(&card), &from, bob, &two.bobs, queue(6, &mut two.rng), &mut two.rng);
    let answered = answered.unwrap();
    let met = card.giver.accept(&answered.answer, NOW, &mut two.rng).unwrap();
    let confirmed = answered.answerer.confirm(&met.confirm.frame, NOW, &mut two.rng).unwrap();
    assert_eq!(confirmed.conversation, two.met.card.conversation);
    assert_eq!(list_state(&confirmed.peer_devices), list_state(&two.anas));

    let (mut ana, mut bob) = (Side::new(met.session), Side::new(confirmed.session));
    assert_eq!(ana.session.peer_device(), Some(two.met.answered.own.id()));
    assert_eq!(bob.session.peer_device(), Some(two.own.id()));
    let opened = ana.hear(&confirmed.first.frame, &mut two.rng).unwrap();
    assert!(opened.established && opened.alarm.is_none());
    let hello = ana.say("from the new one", &mut two.rng);
    bob.hear(&hello.frame, &mut two.rng).unwrap();
    let back = bob.say("welcome", &mut two.rng);
    ana.hear(&back.frame, &mut two.rng).unwrap();
    assert_eq!((bob.shown, ana.shown), (vec!["from the new one".to_owned()], vec!["welcome".to_owned()]));
}

#[test]
fn ks_50_a_device_card_is_by_the_listed_device() {
    let mut two = Second::new(91);
    // By the person's other device, which the list names too.
    let card = two.card();
    let other = ListedDevice::by_id(&two.anas, &two.met.card.own.id()).unwrap();
    let bob = &two.met.answered.own;
    let refused = answer_device(&Second::checked(&card), &other, bob, &two.bobs, queue(6, &mut two.rng), &mut two.rng);
    assert_eq!(refused.err(), Some(AnswerCardError::OtherDevice));
    // By a device that no list names: the server cannot make one that is.
    let stranger = OwnDevice::generate(&mut two.rng);
    assert!(ListedDevice::by_key(&two.anas, &stranger.entry(1).device_key.0).is_none());
    let to = ListedDevice::by_id(&two.bobs, &bob.id()).unwrap();
    let conversation = two.met.card.conversation;
    let refused = device_card(&stranger, &two.anas, &to, conversation, queue(5, &mut two.rng), later(), &mut two.rng);
    assert_eq!(refused.err(), Some(NewCardError::Broken));
}

#[test]
fn ks_50_a_device_card_is_answered_by_the_device_that_it_is_for() {
    let mut two = Second::new(92);
    let card = two.card();
    // Bob has a second device too, which got hold of the card.
    let second = OwnDevice::generate(&mut two.rng);
    let add = [ListChange::Add(second.entry(1))];
    let bobs = next_list(&two.bobs, &add, 0, 2, &two.met.answered.contact_secret, today(), &mut two.rng).unwrap();
    let (from, queue) = (two.giver(), queue(6, &mut two.rng));
    let answered = answer_device(&Second::checked(&card), &from, &second, &bobs, queue, &mut two.rng).unwrap();
    assert_eq!(card.giver.accept(&answered.answer, NOW, &mut two.rng).err(), Some(AnswerError::OtherDevice));
}

#[test]
fn ks_51_a_card_is_taken_for_what_it_is_for_only() {
    let mut two = Second::new(93);
    let card = two.card();
    let device = Some(CardPurpose::Device);
    for wrong in [CardPurpose::Contact, CardPurpose::Link] {
        assert_eq!(check_card(card.offer.clone(), wrong, NOW).err(), Some(CardError::OtherPurpose(device)));
    }
    let contact = two.met.card.offer.clone();
    let refused = check_card(contact, CardPurpose::Link, NOW).err();
    assert_eq!(refused, Some(CardError::OtherPurpose(Some(CardPurpose::Contact))));
    assert_eq!(checked(&two.met.card).card().purpose(), Some(CardPurpose::Contact));
}

#[test]
fn a_device_card_rests_on_the_list_that_was_known_when_it_was_answered() {
    let mut two = Second::new(94);
    let card = two.card();
    // Bob knows a list of the same version with another content: somebody has forked Ana's devices.
    let add = [ListChange::Add(two.own.entry(1))];
    let secret = &two.met.card.contact_secret;
    let mut forked = next_list(&two.met.card.devices, &add, 0, 2, secret, today(), &mut two.rng).unwrap().into_inner();
    forked.not_after.0 -= 1;
    let forked = kith_crypto::sign::open(secret.sign(&forked)).unwrap();
    let from = ListedDevice::by_id(&forked, &two.own.id()).unwrap();
    let bob = &two.met.answered.own;
    let answered = answer_device(&Second::checked(&card), &from, bob, &two.bobs, queue(6, &mut two.rng), &mut two.rng);
    let answered = answered.unwrap();
    let met = card.giver.accept(&answered.answer, NOW, &mut two.rng).unwrap();
    let refused = answered.answerer.confirm(&met.confirm.frame, NOW, &mut two.rng).err();
    assert_eq!(refused, Some(ConfirmError::Devices));
}

#[test]
fn what_is_kept_of_a_device_opens_no_meeting_of_before() {
    let two = Second::new(95);
    // The one-time key of a meeting is drawn in a copy of the account: what is kept has none.
    let mut account = two.own.account();
    let identity = account.identity();
    account.new_one_time_key().unwrap();
    assert_eq!(two.own.account().identity(), identity);
    assert!(account.n_one_time_keys() == 1 && two.own.account().n_one_time_keys() == 0);
}

/// What somebody knows of a device who has the list and has heard its rotations.
fn rotated(listed: &ListedDevice, rotations: &[Rotation], now: Timestamp) -> Option<ListedDevice> {
    let mut keys = PeerKeys::of_list(&listed.device, listed.list.version);
    for rotation in rotations {
        keys.learn(rotation, now).unwrap();
    }
    listed.clone().rotated(&keys, now)
}

#[test]
fn ks_56_a_rotated_device_meets_under_its_newest_key_and_its_card_of_before_is_good_for_28_days() {
    let mut two = Second::new(96);
    let listed = two.giver();
    let before = two.card();
    let rotation = two.own.rotate(NOW, &mut two.rng).unwrap();
    let after = two.card();
    assert_ne!(Second::checked(&before).contact_key(), Second::checked(&after).contact_key());
    let month = NOW.plus_seconds(28 * 24 * 3600);
    let bob = OwnDevice::from_bytes(&two.met.answered.own.to_bytes()).unwrap();
    let mut may_answer = |card: &DeviceCard, from: &ListedDevice| {
        let queue = queue(6, &mut two.rng);
        answer_device(&Second::checked(card), from, &bob, &two.bobs, queue, &mut two.rng).map(|_| ())
    };
    let knows = rotated(&listed, std::slice::from_ref(&rotation), NOW).unwrap();
    assert_eq!((may_answer(&before, &knows), may_answer(&after, &knows)), (Ok(()), Ok(())));
    let later = rotated(&listed, &[rotation], month).unwrap();
    let refused = Err(AnswerCardError::OtherDevice);
    assert_eq!((may_answer(&before, &later), may_answer(&after, &later)), (refused, Ok(())));
    // Whoever has not heard of the rotation takes the old key only.
    assert_eq!((may_answer(&before, &listed), may_answer(&after, &listed)), (Ok(()), refused));
}

#[test]
fn ks_56_an_answer_under_a_newer_key_is_taken_when_the_rotation_is_known() {
    let mut two = Second::new(97);
    let card = two.card();
    let listed = ListedDevice::by_id(&two.bobs, &two.met.answered.own.id()).unwrap();
    let mut bob = OwnDevice::from_bytes(&two.met.answered.own.to_bytes()).unwrap();
    let rotations = [bob.rotate(NOW, &mut two.rng).unwrap(), bob.rotate(NOW, &mut two.rng).unwrap()];
    let (from, to) = (two.giver(), queue(6, &mut two.rng));
    let answered = answer_device(&Second::checked(&card), &from, &bob, &two.bobs, to, &mut two.rng).unwrap();
    let mut giver = Giver::from_bytes(&card.giver.to_bytes()).unwrap();
    let refused = Some(AnswerError::OtherDevice);
    assert_eq!(giver.accept(&answered.answer, NOW, &mut two.rng).err(), refused);
    // Another device's keys do not count for this one.
    giver.expect(two.giver());
    assert_eq!(giver.accept(&answered.answer, NOW, &mut two.rng).err(), refused);
    giver.expect(rotated(&listed, &rotations, NOW).unwrap());
    let giver = Giver::from_bytes(&giver.to_bytes()).unwrap();
    let met = giver.accept(&answered.answer, NOW, &mut two.rng).unwrap();
    answered.answerer.confirm(&met.confirm.frame, NOW, &mut two.rng).unwrap();
}

#[test]
fn ks_54_a_device_whose_keys_contradict_each_other_is_not_met() {
    let mut two = Second::new(98);
    let listed = two.giver();
    let stolen = OwnDevice::from_bytes(&two.own.to_bytes());
    let rotations = [two.own.rotate(NOW, &mut two.rng), stolen.unwrap().rotate(NOW, &mut two.rng)].map(Option::unwrap);
    assert!(rotated(&listed, &rotations[..1], NOW).is_some());
    assert!(rotated(&listed, &rotations, NOW).is_none());
    assert!(listed.has_key(&listed.device.device_key.0));
}

#[test]
fn a_list_names_the_newest_key_of_a_device() {
    let mut two = Second::new(99);
    two.own.rotate(NOW, &mut two.rng).unwrap();
    let key = two.own.entry(1).device_key;
    let change = [ListChange::Key(two.own.id(), key)];
    let next = next_list(&two.anas, &change, 0, 2, &two.met.card.contact_secret, today(), &mut two.rng).unwrap();
    assert_eq!(ListedDevice::by_key(&next, &key.0).unwrap().id(), two.own.id());
    let others = |list: &DeviceList| list.devices.iter().filter(|device| device.id != two.own.id()).cloned().collect();
    let (now, before): (Vec<_>, Vec<_>) = (others(next.get()), others(two.anas.get()));
    assert_eq!(now, before);
}

#[test]
fn a_rotated_device_key_leaves_no_old_secret_behind() {
    let mut two = Second::new(100);
    let before = two.own.secret();
    two.own.rotate(NOW, &mut two.rng).unwrap();
    let stored = two.own.to_bytes();
    assert!(!stored.windows(32).any(|bytes| bytes == before.expose()));
    assert!(stored.windows(32).any(|bytes| bytes == two.own.secret().expose()));
    // Also when the clock was set back, the hour of the next one is later.
    let mut hours = Vec::new();
    for days in [3, 1, 2] {
        let rotation = two.own.rotate(NOW.plus_seconds(days * 24 * 3600), &mut two.rng).unwrap();
        hours.push(rotation.statement.decode_unverified().unwrap().since);
    }
    assert!(hours.is_sorted_by(|one, next| one < next), "{hours:?}");
}
