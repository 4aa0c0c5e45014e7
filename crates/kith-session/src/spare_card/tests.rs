//! Ana has lost all devices. Bob's device gave her a spare card; a device that was restored from a backup answers it.

use kith_crypto::sign::{ContactSecret, Verified};
use kith_wire::card::CardPurpose;
use kith_wire::devices::{DeviceList, RevocationReason};
use kith_wire::id::ContactKey;
use kith_wire::time::Hour;
use rand::rngs::StdRng;

use crate::pair::{Meeting, NOW, Side, meeting, queue, rng, today};
use crate::{
    Alarm, AnswerCardError, AnswerError, AnsweredDevice, CardError, CheckedCard, DeviceCard, Giver, LateAnswer,
    ListChange, ListedDevice, NewCardError, OwnDevice, SealError, Urgency, answer_spare, check_card, next_list,
    spare_card,
};

struct Lost {
    met: Meeting,
    /// Ana's new device.
    own: OwnDevice,
    /// The list that names it alone.
    anas: Verified<DeviceList>,
    card: DeviceCard,
    rng: StdRng,
}

impl Lost {
    fn new(seed: u64) -> Self {
        let mut rng = rng(seed);
        let met = meeting(&mut rng);
        let (bob, bobs) = (&met.answered.own, &met.answered.devices);
        let (conversation, queue) = (met.card.conversation, queue(5, &mut rng));
        let not_after = Hour(NOW.hour().0 + 365 * 24);
        let card = spare_card(bob, bobs, &met.card.devices, conversation, queue, not_after, &mut rng).unwrap();
        let own = OwnDevice::generate(&mut rng);
        let anas = replacing(&met, &met.card.devices, &own, &mut rng);
        Self { met, own, anas, card, rng }
    }

    fn checked(&self) -> CheckedCard {
        check_card(self.card.offer.clone(), CardPurpose::Spare, NOW).unwrap()
    }

    fn bob(&self) -> ListedDevice {
        ListedDevice::by_id(&self.met.answered.devices, &self.met.answered.own.id()).unwrap()
    }

    /// Answers the card with these keys.
    fn answer_as(&mut self, secret: &ContactSecret, own: &OwnDevice, list: &Verified<DeviceList>) -> AnsweredDevice {
        let (card, bob, queue) = (self.checked(), self.bob(), queue(6, &mut self.rng));
        answer_spare(&card, &bob, secret, own, list, queue, &mut self.rng).unwrap()
    }

    fn answer(&mut self) -> AnsweredDevice {
        let (secret, own, list) = (self.secret(), copy(&self.own), self.anas.clone());
        self.answer_as(&secret, &own, &list)
    }

    fn secret(&self) -> ContactSecret {
        ContactSecret::from_seed(*self.met.card.contact_secret.expose())
    }

    /// Both sides after the confirmation; Ana's first frame is the third thing.
    fn confirmed(&mut self, answered: &AnsweredDevice) -> (Side, Side, crate::Sealed) {
        let met = self.card.giver.accept(&answered.answer, NOW, &mut self.rng).unwrap();
        let confirmed = answered.answerer.confirm(&met.confirm.frame, NOW, &mut self.rng).unwrap();
        assert_eq!(confirmed.conversation, self.met.card.conversation);
        (Side::new(met.session), Side::new(confirmed.session), confirmed.first)
    }
}

/// The list that names a new device and revokes the one of before.
fn replacing(met: &Meeting, known: &Verified<DeviceList>, own: &OwnDevice, rng: &mut StdRng) -> Verified<DeviceList> {
    let revoke = ListChange::Revoke(met.card.own.id(), RevocationReason::Compromised);
    let changes = [revoke, ListChange::Add(own.entry(1))];
    next_list(known, &changes, 0, own.maker(), &met.card.contact_secret, today(), rng).unwrap()
}

fn copy(own: &OwnDevice) -> OwnDevice {
    OwnDevice::from_bytes(&own.to_bytes()).unwrap()
}

#[test]
fn a_restored_device_comes_back_with_the_contact_key_and_the_list_that_names_it() {
    let mut lost = Lost::new(120);
    let answered = lost.answer();
    lost.card.giver = Giver::from_bytes(&lost.card.giver.to_bytes()).unwrap();
    let (mut bob, mut ana, first) = lost.confirmed(&answered);
    // Until the list has come nothing is sealed for it, and it has no name.
    assert!(!bob.session.is_established() && bob.session.peer_device().is_none());
    assert_eq!(bob.session.seal(Vec::new(), Urgency::Content, &mut lost.rng).err(), Some(SealError::NotEstablished));
    bob.restart();
    let opened = bob.hear(&first.frame, &mut lost.rng).unwrap();
    assert!(opened.established && opened.alarm.is_none());
    assert_eq!(opened.peer_devices.map(|list| list.hash()), Some(lost.anas.hash()));
    assert_eq!(bob.session.peer_device(), Some(lost.own.id()));
    let back = ana.say("here again", &mut lost.rng);
    bob.hear(&back.frame, &mut lost.rng).unwrap();
    let welcome = bob.say("welcome back", &mut lost.rng);
    ana.hear(&welcome.frame, &mut lost.rng).unwrap();
    assert_eq!((bob.shown, ana.shown), (vec!["here again".to_owned()], vec!["welcome back".to_owned()]));
    // The session with the device of before stops over the same list.
    let mut before = lost.met.confirmed.session;
    assert_eq!(before.learn_devices(&lost.anas), Err(Alarm::DeviceRevoked));
}

#[test]
fn ks_57_a_spare_card_is_answered_under_the_contact_key() {
    let mut lost = Lost::new(121);
    // A thief of the device of before has its keys and the card, but no contact key.
    let (card, bob, thief) = (lost.checked(), lost.bob(), copy(&lost.met.card.own));
    let secret = thief.secret();
    let terms = crate::answerer::Terms {
        queue: queue(7, &mut lost.rng),
        signer: ContactKey(secret.public().0),
        peer_key: bob.contact_key,
        known: Some(bob.list),
    };
    let list = lost.met.card.devices.clone();
    let stolen = crate::answerer::for_device(&card, terms, &thief, &list, |made| secret.sign(made), &mut lost.rng);
    let refused = lost.card.giver.accept(&stolen.unwrap().answer, NOW, &mut lost.rng).err();
    assert_eq!(refused, Some(AnswerError::OtherPerson));
    // Somebody else who has the card.
    let (stranger, own, anas) = (ContactSecret::generate(&mut lost.rng), copy(&lost.own), lost.anas.clone());
    let strange = lost.answer_as(&stranger, &own, &anas);
    assert_eq!(lost.card.giver.accept(&strange.answer, NOW, &mut lost.rng).err(), Some(AnswerError::OtherPerson));
    // A device that the list names is no new one: it is met as such.
    let (secret, before) = (lost.secret(), lost.met.card.devices.clone());
    let old = lost.answer_as(&secret, &thief, &before);
    let met = lost.card.giver.accept(&old.answer, NOW, &mut lost.rng).unwrap();
    assert_eq!(met.session.peer_device(), Some(thief.id()));
    // None of this burned the card.
    let answered = lost.answer();
    assert!(lost.card.giver.accept(&answered.answer, NOW, &mut lost.rng).is_ok());
}

#[test]
fn ks_58_a_list_that_is_not_newer_than_the_one_known_brings_nobody_back() {
    let mut lost = Lost::new(122);
    let answered = lost.answer();
    // The person's other device has made a list meanwhile, with a higher number than the backup's next one.
    let other = OwnDevice::generate(&mut lost.rng);
    let add = [ListChange::Add(other.entry(1))];
    let above = lost.anas.get().version;
    let secret = lost.secret();
    let newer = next_list(&lost.met.card.devices, &add, above, other.maker(), &secret, today(), &mut lost.rng).unwrap();
    let bobs = lost.met.answered.devices.clone();
    lost.card.giver.renew(&bobs, &newer);
    let (mut bob, mut ana, first) = lost.confirmed(&answered);
    let said = ana.say("let me in", &mut lost.rng);
    let opened = bob.hear(&first.frame, &mut lost.rng).unwrap();
    assert_eq!((opened.established, opened.alarm), (false, Some(Alarm::DeviceRevoked)));
    bob.hear(&said.frame, &mut lost.rng).unwrap();
    assert!(bob.shown.is_empty() && bob.session.is_halted());
    // One with the number of the known list is a fork.
    let mut lost = Lost::new(122);
    let forked = replacing(&lost.met, &lost.met.card.devices, &lost.own, &mut lost.rng);
    let answered = lost.answer();
    let bobs = lost.met.answered.devices.clone();
    lost.card.giver.renew(&bobs, &forked);
    let (mut bob, _, first) = lost.confirmed(&answered);
    let opened = bob.hear(&first.frame, &mut lost.rng).unwrap();
    assert_eq!(opened.alarm, Some(Alarm::ListForked));
}

#[test]
fn ks_58_what_a_restored_device_says_before_its_list_waits_and_lists_of_others_do_not_name_it() {
    let mut lost = Lost::new(123);
    let answered = lost.answer();
    let (mut bob, mut ana, first) = lost.confirmed(&answered);
    // Another list of before comes from another device: it changes nothing for this one.
    let secret = lost.secret();
    let renewed = next_list(&lost.met.card.devices, &[], 0, 1, &secret, today(), &mut lost.rng).unwrap();
    if renewed.get().version < lost.anas.get().version {
        assert_eq!(bob.session.learn_devices(&renewed), Ok(()));
    }
    let said = ana.say("early", &mut lost.rng);
    let opened = bob.hear(&said.frame, &mut lost.rng).unwrap();
    assert!(!opened.established && bob.shown.is_empty());
    assert!(bob.hear(&first.frame, &mut lost.rng).unwrap().established);
    assert_eq!(bob.shown, ["early"]);

    // The frame with the list was given up: the next one brings it again.
    let mut lost = Lost::new(124);
    let answered = lost.answer();
    let (mut bob, mut ana, first) = lost.confirmed(&answered);
    ana.session.skip(&[first.seq]);
    let again = ana.say("with the list again", &mut lost.rng);
    assert!(bob.hear(&again.frame, &mut lost.rng).unwrap().established);
    // And a list that came from elsewhere names it: the next frame establishes.
    let mut lost = Lost::new(125);
    let answered = lost.answer();
    let (mut bob, _, first) = lost.confirmed(&answered);
    assert_eq!(bob.session.learn_devices(&lost.anas), Ok(()));
    assert!(!bob.session.is_established() && bob.session.peer_device() == Some(lost.own.id()));
    assert!(bob.hear(&first.frame, &mut lost.rng).unwrap().established);
}

#[test]
fn ks_59_a_spare_card_is_answered_when_a_listed_device_gave_it() {
    let mut lost = Lost::new(126);
    let (card, queue) = (lost.checked(), queue(6, &mut lost.rng));
    let (secret, own, anas) = (lost.secret(), copy(&lost.own), lost.anas.clone());
    // Another device of Bob's list.
    let second = OwnDevice::generate(&mut lost.rng);
    let add = [ListChange::Add(second.entry(1))];
    let bobs = &lost.met.answered;
    let bobs = next_list(&bobs.devices, &add, 0, 2, &bobs.contact_secret, today(), &mut lost.rng).unwrap();
    let other = ListedDevice::by_id(&bobs, &second.id()).unwrap();
    let refused = answer_spare(&card, &other, &secret, &own, &anas, queue.clone(), &mut lost.rng).err();
    assert_eq!(refused, Some(AnswerCardError::OtherDevice));
    assert!(lost.bob().gave_spare(&card) && !other.gave_spare(&card));
    // A list that does not name the restored device.
    let before = lost.met.card.devices.clone();
    let refused = answer_spare(&card, &lost.bob(), &secret, &own, &before, queue, &mut lost.rng).err();
    assert_eq!(refused, Some(AnswerCardError::OtherDevice));
}

#[test]
fn ks_51_a_spare_card_is_taken_for_nothing_else() {
    let mut lost = Lost::new(127);
    let spare = Some(CardPurpose::Spare);
    for wrong in [CardPurpose::Contact, CardPurpose::Link, CardPurpose::Device] {
        assert_eq!(
            check_card(lost.card.offer.clone(), wrong, NOW).err(),
            Some(CardError::OtherPurpose(spare)),
            "{wrong:?}"
        );
    }
    // And only a device that the list names gives one.
    let (stranger, queue) = (OwnDevice::generate(&mut lost.rng), queue(5, &mut lost.rng));
    let (bobs, anas, conversation) = (&lost.met.answered.devices, &lost.met.card.devices, lost.met.card.conversation);
    let refused = spare_card(&stranger, bobs, anas, conversation, queue, Hour(NOW.hour().0 + 1), &mut lost.rng).err();
    assert_eq!(refused, Some(NewCardError::Broken));
}

#[test]
fn a_withdrawn_card_opens_nothing_and_tells_who_still_answers_it() {
    let mut lost = Lost::new(128);
    let answered = lost.answer();
    let left = crate::AnsweredCard::from_bytes(&lost.card.giver.withdraw().to_bytes()).unwrap();
    assert_eq!(left.classify(&answered.answer), LateAnswer::Different);
    let (mut bob, _, first) = lost.confirmed(&answered);
    assert_eq!(left.classify(&first.frame), LateAnswer::Garbage);
    assert!(bob.hear(&first.frame, &mut lost.rng).unwrap().established);
}
