//! What a page is about whose address stands in a text: it goes where the text goes, and no further.

use kith_engine::{Command, CommandError, ContactId, HistoryWish};
use kith_wire::id::MessageId;
use kith_wire::preview::Preview;

use crate::world::{ANA, BELA, LAPTOP, Reach, World, jpeg, message_of};

const TEXT: &str = "Look: https://cakes.example/plum";

fn preview() -> Preview {
    Preview {
        address: "https://cakes.example/plum".to_owned(),
        title: "Plum cake".to_owned(),
        description: "Mostly patience".to_owned(),
        picture: Some(jpeg(9000)),
    }
}

fn send(world: &mut World, who: usize, contact: ContactId) -> MessageId {
    let send = Command::SendPreviewed { contact, text: TEXT.to_owned(), reply_to: None, preview: preview() };
    message_of(world.command(who, send).unwrap())
}

fn shown(world: &World, who: usize, message: MessageId) -> Option<Preview> {
    let engine = &world.people[who].engine;
    engine.message(engine.contacts().unwrap()[0].id, message).unwrap().preview
}

#[test]
fn ke_118_a_preview_goes_to_all_devices_and_into_backups_and_an_edit_takes_it_away_everywhere() {
    let (mut world, bela, _) = World::with_laptop("previews");
    world.link(ANA, LAPTOP, HistoryWish::None);
    let message = send(&mut world, ANA, bela);
    world.run(30);
    // A device that is linked later is told of it with what was said before.
    let tablet = world.add("previews-tablet");
    world.link(ANA, tablet, HistoryWish::All);
    world.run(30);
    let (items, _) = world.backup_run(ANA, None).unwrap();
    let everywhere = [ANA, BELA, LAPTOP, tablet];
    for who in everywhere {
        assert_eq!(shown(&world, who, message), Some(preview()), "{who}");
    }

    world.command(ANA, Command::Edit { contact: bela, message, text: format!("{TEXT}!") }).unwrap();
    world.run(30);
    for who in everywhere {
        assert_eq!(shown(&world, who, message), None, "{who}");
    }
    for who in everywhere {
        world.online(who, Reach::Down);
    }
    let back = world.come_back("previews-back", ANA, 1, &items);
    assert_eq!(shown(&world, back, message), Some(preview()), "the backup is from before the edit");
}

#[test]
fn ke_118_what_is_taken_back_or_forgotten_leaves_no_preview() {
    let (mut world, bela, ana) = World::met("previews-gone");
    let (first, _) = (send(&mut world, ANA, bela), send(&mut world, ANA, bela));
    world.run(10);
    world.command(ANA, Command::Delete { contact: bela, message: first }).unwrap();
    world.run(10);
    let kept = |world: &World, who: usize| {
        let rows = "SELECT count(*) FROM previews";
        world.people[who].keeper.query_row(rows, [], |row| row.get::<_, i64>(0)).unwrap()
    };
    assert_eq!((kept(&world, ANA), kept(&world, BELA)), (1, 1));
    world.command(BELA, Command::Forget { contact: ana }).unwrap();
    assert_eq!(kept(&world, BELA), 0);
}

#[test]
fn a_text_too_long_for_its_preview_is_refused_and_can_be_sent_without() {
    let (mut world, bela, ana) = World::met("previews-long");
    let text = format!("{TEXT} {}", "x".repeat(20_000));
    let send = Command::SendPreviewed { contact: bela, text: text.clone(), reply_to: None, preview: preview() };
    assert!(matches!(world.command(ANA, send), Err(CommandError::TooLong { .. })));
    world.send(ANA, bela, &text);
    world.run(10);
    assert_eq!(world.texts(BELA, ana), [text]);
}
