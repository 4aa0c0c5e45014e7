//! Linking when the new device shows the card; links that come to nothing; what a new device is told, and how far that has come.

use kith_engine::{Command, CommandError, ContactId, DeviceError, DeviceState, Event, HistoryWish, LinkInWords, Reply};
use kith_session::CardError;
use kith_wire::Wire;
use kith_wire::card::{CardOffer, CardPurpose};
use kith_wire::id::LinkSecret;
use kith_wire::padding::pad_to;

use crate::world::{ANA, BELA, LAPTOP, Reach, World};

/// The laptop, which is new, makes a card.
fn ask(world: &mut World, who: usize) -> CardOffer {
    match world.command(who, Command::AskToJoin { name: "laptop".to_owned(), expires: 600 }).unwrap() {
        Reply::Card { offer, .. } => *offer,
        other => panic!("not a card: {other:?}"),
    }
}

fn answer(world: &mut World, who: usize, offer: CardOffer) -> Result<Reply, CommandError> {
    world.command(who, Command::AnswerNewDevice { offer: Box::new(offer), name: "phone".to_owned() })
}

/// Returns whether somebody is asked whether the codes are the same, and for which other device.
fn asked(world: &World, who: usize) -> Option<(ContactId, bool)> {
    let devices = world.people[who].engine.devices().unwrap();
    devices.into_iter().find_map(|device| match device.state {
        DeviceState::Compare { asks, .. } => Some((device.contact.unwrap(), asks)),
        _ => None,
    })
}

#[test]
fn a_new_device_shows_the_card_and_the_one_that_is_there_answers_it() {
    let (mut world, bela, ana) = World::with_laptop("other-way");
    world.send(ANA, bela, "from before");
    world.run(5);
    let offer = ask(&mut world, LAPTOP);
    answer(&mut world, ANA, offer).unwrap();
    world.run(10);
    assert_eq!(world.comparing(ANA).unwrap().1, world.comparing(LAPTOP).unwrap().1);
    let (phone, asks) = asked(&world, LAPTOP).unwrap();
    let (laptop, asks_too) = asked(&world, ANA).unwrap();
    assert!(asks && asks_too, "the person says on both that the codes are the same");
    assert!(matches!(world.welcome(ANA, laptop, HistoryWish::All), Err(DeviceError::NotThereYet)));
    world.command(LAPTOP, Command::ConfirmCode { contact: phone }).unwrap();
    world.command(LAPTOP, Command::ConfirmCode { contact: phone }).unwrap();
    world.run(5);
    assert_eq!(asked(&world, LAPTOP), Some((phone, false)));
    world.welcome(ANA, laptop, HistoryWish::All).unwrap();
    world.run(5);
    world.adopt_from(ANA, LAPTOP);
    world.run(60);
    let there = world.people[LAPTOP].engine.contacts().unwrap()[0].id;
    world.send(LAPTOP, there, "from the laptop");
    world.run(10);
    for texts in [world.texts(ANA, bela), world.texts(BELA, ana), world.texts(LAPTOP, there)] {
        assert_eq!(texts, ["from before", "from the laptop"]);
    }
    assert_eq!(world.device_names(LAPTOP), [("laptop".to_owned(), true), ("phone".to_owned(), false)]);
}

#[test]
fn ke_83_whoever_answers_a_new_devices_card_first_does_not_get_the_device() {
    let (mut world, _, _) = World::with_laptop("seen-first");
    // Bela has seen the code over Ana's shoulder, and answers it before Ana's phone does.
    let offer = ask(&mut world, LAPTOP);
    answer(&mut world, BELA, offer.clone()).unwrap();
    world.run(10);
    answer(&mut world, ANA, offer).unwrap();
    world.run(10);
    // The laptop shows another code than the phone, and has told nobody who it is.
    let (thief, _) = world.comparing(BELA).unwrap();
    assert!(world.comparing(ANA).is_none());
    assert!(matches!(world.welcome(BELA, thief, HistoryWish::All), Err(DeviceError::NotThereYet)));
    // Even one who knows what a hello would say is not let in: a welcome counts only after the person has compared.
    let id = world.blob(LAPTOP, "SELECT device FROM own_device");
    let user = world.people[LAPTOP].user.public().0;
    let sql = "UPDATE siblings SET device = ?1, name = 'laptop', user = ?2";
    world.alter(BELA, sql, &[&id, &user.as_bytes().as_slice()]);
    world.welcome(BELA, thief, HistoryWish::All).unwrap();
    world.run(10);
    assert!(!world.people[LAPTOP].engine.has_user_seed_to_adopt().unwrap());
    assert!(world.people[LAPTOP].engine.contacts().unwrap().is_empty());
    // The codes differ: the person takes the link back, and begins anew.
    let (posing, _) = asked(&world, LAPTOP).unwrap();
    world.command(LAPTOP, Command::UnlinkDevice { contact: posing }).unwrap();
    let offer = ask(&mut world, LAPTOP);
    answer(&mut world, ANA, offer).unwrap();
    world.run(10);
    let (phone, _) = asked(&world, LAPTOP).unwrap();
    world.command(LAPTOP, Command::ConfirmCode { contact: phone }).unwrap();
    world.run(5);
    let (laptop, _) = world.comparing(ANA).unwrap();
    world.welcome(ANA, laptop, HistoryWish::None).unwrap();
    world.run(5);
    world.adopt_from(ANA, LAPTOP);
}

#[test]
fn ke_83_whoever_made_the_link_that_a_new_device_reads_does_not_get_the_device_either() {
    let (mut world, _, _) = World::with_laptop("false-link");
    // Somebody has put another link in the place of the phone's.
    let offer = world.device_card(BELA);
    world.join(LAPTOP, offer).unwrap();
    world.run(10);
    let (posing, asks) = asked(&world, LAPTOP).unwrap();
    let (thief, _) = world.comparing(BELA).unwrap();
    assert!(asks && world.comparing(ANA).is_none());
    // Nobody has heard who the laptop is, and a welcome counts for nothing.
    assert!(matches!(world.welcome(BELA, thief, HistoryWish::All), Err(DeviceError::NotThereYet)));
    let (id, user) = (world.blob(LAPTOP, "SELECT device FROM own_device"), world.people[LAPTOP].user.public().0);
    let sql = "UPDATE siblings SET device = ?1, name = 'laptop', user = ?2";
    world.alter(BELA, sql, &[&id, &user.as_bytes().as_slice()]);
    world.welcome(BELA, thief, HistoryWish::All).unwrap();
    world.run(10);
    assert!(!world.people[LAPTOP].engine.has_user_seed_to_adopt().unwrap());
    world.command(LAPTOP, Command::UnlinkDevice { contact: posing }).unwrap();
    world.link(ANA, LAPTOP, HistoryWish::None);
    assert_eq!(world.device_names(LAPTOP), [("laptop".to_owned(), true), ("phone".to_owned(), false)]);
}

/// The phone makes a link in words.
fn words(world: &mut World) -> (ContactId, LinkSecret) {
    let link = Command::LinkDevice { name: "phone".to_owned(), expires: 600 };
    let Reply::Card { contact, offer, .. } = world.command(ANA, link).unwrap() else { panic!("not a card") };
    let Reply::Words(secret) = world.command(ANA, Command::LinkWords { contact, offer }).unwrap() else {
        panic!("no words")
    };
    (contact, secret)
}

/// The laptop looks for a link under words, at one of the home servers.
fn look(world: &mut World, server: usize, secret: &LinkSecret) -> Result<Reply, CommandError> {
    let (url, descriptor) = (world.servers[server].url.clone(), world.servers[server].home.descriptor().to_vec());
    let secret = LinkSecret::new(*secret.expose());
    world.command(LAPTOP, Command::JoinByWords { url, descriptor, secret, name: "laptop".to_owned() })
}

fn state(world: &World, who: usize) -> Option<DeviceState> {
    let devices = world.people[who].engine.devices().unwrap();
    devices.into_iter().find(|device| !device.is_this).map(|device| device.state)
}

#[test]
fn ke_84_twelve_words_stand_for_a_link_until_it_is_used() {
    let (mut world, _, _) = World::with_laptop("words");
    let (contact, secret) = words(&mut world);
    world.run(5);
    assert_eq!(world.people[ANA].engine.links_in_words().unwrap(), [LinkInWords { contact, is_there: true }]);
    // Its home server does not get there: the card is looked for again, also after a crash.
    world.online(LAPTOP, Reach::Down);
    look(&mut world, 0, &secret).unwrap();
    world.run(2);
    assert_eq!(state(&world, LAPTOP), Some(DeviceState::Looking));
    world.crash(LAPTOP);
    world.online(LAPTOP, Reach::Up);
    world.run(600);
    let sibling = world.compared(ANA, LAPTOP);
    assert!(world.people[ANA].engine.links_in_words().unwrap().is_empty());
    world.welcome(ANA, sibling, HistoryWish::None).unwrap();
    world.run(5);
    world.adopt_from(ANA, LAPTOP);
    world.run(60);
    assert_eq!(world.people[LAPTOP].engine.contacts().unwrap().len(), 1);
    // Nothing is left of it, here or at the home server.
    for (who, sql) in [(ANA, "SELECT count(*) FROM card_blobs"), (LAPTOP, "SELECT count(*) FROM word_requests")] {
        assert_eq!(world.count(who, sql), 0);
    }
    assert_eq!(world.blobs(0), 0);
}

#[test]
fn ke_84_words_lead_to_nothing_else_than_the_card_of_a_link() {
    let (mut world, _, _) = World::with_laptop("words-wrong");
    let (contact, secret) = words(&mut world);
    world.run(5);
    assert_eq!(world.blobs(0), 1);
    // Other words, and the right ones at another server, find nothing.
    for (server, words) in [(0, LinkSecret::new([7; 16])), (1, LinkSecret::new(*secret.expose()))] {
        look(&mut world, server, &words).unwrap();
        world.run(30);
        assert_eq!(state(&world, LAPTOP), None);
    }
    // Words are for the card of that link alone, and go with it.
    let (_, offer) = world.card(ANA);
    let other = Command::LinkWords { contact, offer: Box::new(offer) };
    assert!(matches!(world.command(ANA, other), Err(CommandError::UnknownContact)));
    world.command(ANA, Command::UnlinkDevice { contact }).unwrap();
    world.run(5);
    assert_eq!(world.blobs(0), 0);
    // Somebody who owns the server and knows the words puts another card there: one that makes a contact, and rubbish.
    let (_, card) = world.card(ANA);
    let padded = pad_to(&card.to_bytes(), CardOffer::MAX_BYTES + 4).unwrap();
    for (n, content) in [(0, padded), (1, vec![255; CardOffer::MAX_BYTES + 4])] {
        let secret = LinkSecret::new([n; 16]);
        world.put_blob(0, &secret, &content);
        look(&mut world, 0, &secret).unwrap();
        world.run(30);
        assert_eq!(state(&world, LAPTOP), None, "{n}");
        assert!(world.people[LAPTOP].engine.contacts().unwrap().is_empty());
    }
}

#[test]
fn ke_137_words_are_to_be_shown_when_they_lead_somewhere_and_what_leads_nowhere_is_looked_for_no_more() {
    let (mut world, _, _) = World::with_laptop("words-there");
    world.online(ANA, Reach::Down);
    let (contact, secret) = words(&mut world);
    world.run(60);
    let links = |world: &World| world.people[ANA].engine.links_in_words().unwrap();
    assert_eq!(links(&world), [LinkInWords { contact, is_there: false }]);
    // Whoever were shown them now would be told that there is nothing, and not wait for what may never come.
    look(&mut world, 0, &secret).unwrap();
    world.run(5);
    assert_eq!(state(&world, LAPTOP), None);
    assert_eq!(world.count(LAPTOP, "SELECT count(*) FROM word_requests"), 0);
    world.online(ANA, Reach::Up);
    world.run(60);
    assert_eq!(links(&world), [LinkInWords { contact, is_there: true }]);
    assert_eq!(world.blobs(0), 1);
    // The same words, typed again, are good.
    look(&mut world, 0, &secret).unwrap();
    world.run(5);
    world.compared(ANA, LAPTOP);
    assert!(links(&world).is_empty());
}

#[test]
fn ks_51_a_new_devices_card_makes_no_contact_and_links_nobody_else() {
    let (mut world, _, _) = World::with_laptop("join-purposes");
    let offer = ask(&mut world, LAPTOP);
    let other = |refused: Result<Reply, CommandError>, purpose| {
        assert!(matches!(refused, Err(CommandError::Card(CardError::OtherPurpose(found))) if found == Some(purpose)));
    };
    let accept = Command::CardAccept { offer: Box::new(offer.clone()), whom: kith_engine::Whom::New(None) };
    other(world.command(BELA, accept), CardPurpose::Join);
    let tablet = world.add("join-purposes-tablet");
    other(world.join(tablet, offer.clone()), CardPurpose::Join);
    let link = world.device_card(ANA);
    other(answer(&mut world, BELA, link), CardPurpose::Link);
    // One that is about to become somebody else takes nobody in; and who has people of its own does not join.
    assert!(matches!(answer(&mut world, LAPTOP, offer), Err(CommandError::Joining)));
    let asks = Command::AskToJoin { name: "phone".to_owned(), expires: 600 };
    assert!(matches!(world.command(ANA, asks), Err(CommandError::NotFresh)));
}

#[test]
fn ke_85_a_link_that_is_taken_back_leads_nowhere() {
    let (mut world, _, _) = World::with_laptop("withdrawn");
    let offer = world.device_card(ANA);
    let waiting = world.other_device(ANA).contact.unwrap();
    assert!(matches!(
        world.command(ANA, Command::UnlinkDevice { contact: ContactId(1) }),
        Err(CommandError::UnknownContact)
    ));
    world.command(ANA, Command::UnlinkDevice { contact: waiting }).unwrap();
    assert!(world.people[ANA].engine.devices().unwrap().iter().all(|device| device.is_this));
    world.join(LAPTOP, offer).unwrap();
    world.run(60);
    assert!(world.comparing(ANA).is_none() && world.comparing(LAPTOP).is_none());
    // A device that was answered, too; but not one that is linked.
    let offer = world.device_card(ANA);
    world.join(LAPTOP, offer).unwrap();
    world.run(10);
    let (laptop, _) = world.comparing(ANA).unwrap();
    world.command(ANA, Command::UnlinkDevice { contact: laptop }).unwrap();
    assert!(world.comparing(ANA).is_none());
    world.link(ANA, LAPTOP, HistoryWish::None);
    let linked = world.other_device(ANA).contact.unwrap();
    let refused = world.command(ANA, Command::UnlinkDevice { contact: linked });
    assert!(matches!(refused, Err(CommandError::UnknownContact)));
}

#[test]
fn ke_85_a_link_that_is_not_used_in_time_goes_by_itself() {
    let (mut world, _, _) = World::with_laptop("run-out");
    let offer = world.device_card(ANA);
    world.run(3 * 3600);
    assert!(world.people[ANA].engine.devices().unwrap().iter().all(|device| device.is_this));
    let refused = world.join(LAPTOP, offer);
    assert!(matches!(refused, Err(CommandError::Card(CardError::Expired { .. }))));
    // Codes that nobody compares: both sides forget each other after a day.
    let offer = world.device_card(ANA);
    world.join(LAPTOP, offer).unwrap();
    world.run(23 * 3600);
    assert!(world.comparing(ANA).is_some() && world.comparing(LAPTOP).is_some());
    world.run(2 * 3600);
    assert!(world.comparing(ANA).is_none() && world.comparing(LAPTOP).is_none());
    let sql = "SELECT count(*) FROM contacts WHERE kind = 1";
    assert_eq!((world.count(ANA, sql), world.count(LAPTOP, sql)), (0, 0));
}

#[test]
fn ke_85_a_device_that_was_off_when_it_was_welcomed_is_linked_when_it_comes_back() {
    let (mut world, _, _) = World::with_laptop("was-off");
    let offer = world.device_card(ANA);
    world.join(LAPTOP, offer).unwrap();
    let sibling = world.compared(ANA, LAPTOP);
    world.online(LAPTOP, Reach::Down);
    world.run(23 * 3600);
    world.welcome(ANA, sibling, HistoryWish::None).unwrap();
    world.run(3 * 3600);
    world.stop(LAPTOP);
    world.online(LAPTOP, Reach::Up);
    world.run(10);
    world.adopt_from(ANA, LAPTOP);
    world.run(60);
    assert!(
        world.other_device(ANA).state == DeviceState::Linked && world.other_device(LAPTOP).state == DeviceState::Linked
    );
}

#[test]
fn ke_89_a_new_device_knows_how_much_it_is_still_to_be_told() {
    let (mut world, bela, _) = World::with_laptop("progress");
    for name in ["cem", "dora"] {
        let who = world.add(&format!("progress-{name}"));
        world.meets(ANA, who);
    }
    for n in 0..100 {
        world.send(ANA, bela, &format!("number {n}"));
    }
    world.run(10);
    let offer = world.device_card(ANA);
    world.join(LAPTOP, offer).unwrap();
    let sibling = world.compared(ANA, LAPTOP);
    world.welcome(ANA, sibling, HistoryWish::All).unwrap();
    let mut seen = Vec::new();
    while world.step() {
        let phone = world.people[LAPTOP].engine.devices().unwrap().into_iter().find(|device| !device.is_this);
        seen.extend(phone.and_then(|phone| Some((phone.contacts?, phone.history?))));
    }
    assert_eq!(seen.first(), Some(&((0, 3), (0, 100))), "what is to come is known with the welcome");
    assert!(seen.contains(&((1, 3), (0, 100))) && seen.is_sorted(), "{seen:?}");
    // A crash loses nothing of it.
    world.crash(LAPTOP);
    world.run(10);
    assert_eq!(
        (world.other_device(LAPTOP).contacts, world.other_device(LAPTOP).history),
        (Some((3, 3)), Some((100, 100)))
    );
}

#[test]
fn ke_132_a_device_that_was_added_is_news_on_all_but_itself_and_the_one_that_linked_it() {
    let (mut world, _, _) = World::with_laptop("banner");
    world.link(ANA, LAPTOP, HistoryWish::None);
    let added = |world: &mut World, who: usize| {
        let name = |event| match event {
            Event::DeviceAdded { name, .. } => Some(name),
            _ => None,
        };
        world.events(who).into_iter().filter_map(name).collect::<Vec<_>>()
    };
    // No other device tells of it: somebody may have had the phone in hand for a moment.
    assert_eq!(added(&mut world, ANA), ["laptop"]);
    assert!(world.other_device(ANA).heard.is_some());
    assert!(added(&mut world, LAPTOP).is_empty() && world.other_device(LAPTOP).heard.is_none());
    let tablet = world.add("banner-tablet");
    world.online(ANA, Reach::Down);
    world.link(LAPTOP, tablet, HistoryWish::None);
    world.run(3 * 86_400);
    world.online(ANA, Reach::Up);
    world.run(60);
    assert_eq!(added(&mut world, ANA), ["laptop 2"]);
    assert!(added(&mut world, LAPTOP).is_empty(), "the laptop has linked it, and the phone tells of it");
    let devices = world.people[ANA].engine.devices().unwrap();
    let heard = devices.iter().filter_map(|device| device.heard).max().unwrap();
    assert!(world.now.0 - heard.0 < 120_000, "it is new from when it was heard of");
}

#[test]
fn ke_87_a_draft_is_told_and_what_is_sent_clears_it_everywhere() {
    let (mut world, bela, _) = World::with_laptop("drafts-told");
    world.command(ANA, Command::SaveDraft { contact: bela, text: "from before".to_owned() }).unwrap();
    world.link(ANA, LAPTOP, HistoryWish::None);
    let there = world.people[LAPTOP].engine.contacts().unwrap()[0].id;
    let draft = |world: &World, who: usize, contact| world.people[who].engine.contact(contact).unwrap().draft;
    assert_eq!(draft(&world, LAPTOP, there), "from before");
    // While it is typed, the last letter counts; and while it cannot leave, the newest one waits alone.
    world.online(ANA, Reach::Down);
    let frames = "SELECT count(*) FROM frames f JOIN peers p ON p.id = f.peer JOIN siblings s ON s.contact = p.contact";
    let before = world.count(ANA, frames);
    for n in 0..20 {
        world.command(ANA, Command::SaveDraft { contact: bela, text: format!("half a th {n}") }).unwrap();
        world.run(1 + n % 4);
    }
    assert_eq!(world.count(ANA, frames) - before, 1);
    world.online(ANA, Reach::Up);
    world.run(10);
    assert_eq!(draft(&world, LAPTOP, there), "half a th 19");
    // The later one counts, whoever hears first; and an older one that comes late changes nothing.
    world.online(LAPTOP, Reach::Down);
    world.command(LAPTOP, Command::SaveDraft { contact: there, text: "older".to_owned() }).unwrap();
    world.run(5);
    world.command(ANA, Command::SaveDraft { contact: bela, text: "newer".to_owned() }).unwrap();
    world.run(5);
    world.online(LAPTOP, Reach::Up);
    world.run(10);
    assert_eq!((draft(&world, ANA, bela), draft(&world, LAPTOP, there)), ("newer".to_owned(), "newer".to_owned()));
    world.send(LAPTOP, there, "newer, and done");
    world.run(10);
    assert_eq!((draft(&world, ANA, bela), draft(&world, LAPTOP, there)), (String::new(), String::new()));
}
