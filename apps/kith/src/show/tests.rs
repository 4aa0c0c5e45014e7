//! Lines and objects of made-up contacts and messages.

use super::*;

fn message(direction: Direction, text: &str) -> MessageView {
    MessageView {
        id: MessageId([7; 16]),
        direction,
        sent: Timestamp(1_795_236_000_000),
        body: MessageBody::Text(text.into()),
        state: MessageState::Delivered,
        reply_to: None,
        edited: false,
        reactions: Vec::new(),
        attachment: None,
        preview: None,
        disappears: None,
    }
}

#[test]
fn message_object_has_the_fields_of_the_contract() {
    let mut view = message(Direction::In, "hello");
    view.attachment = Some(AttachmentView {
        id: kith_engine::AttachmentId(1),
        name: "a.jpg".into(),
        media_type: "image/jpeg".into(),
        size: 5,
        state: AttachmentState::Paused,
        done: 0,
        total: 1,
    });
    let object = Value::Object(message_object(&view));
    assert_eq!(object["message_id"], "a4dqobyha4dqobyha4dqobyha4");
    assert_eq!(object["direction"], "in");
    assert_eq!(object["sent_at"], "2026-11-21T04:40:00.000Z");
    assert_eq!(object["text"], "hello");
    assert_eq!(object["state"], "delivered");
    assert_eq!(object["attachment"]["name"], "a.jpg");
    assert_eq!(object["attachment"]["size"], 5);
    assert_eq!(object["attachment"]["state"], "paused");
}

#[test]
fn message_line_has_name_time_ticks_and_text() {
    let now = Timestamp(1_795_236_000_000);
    let line = message_line("Bela", &message(Direction::Out, "hello"), None, now, Colour::Off);
    assert!(line.starts_with("You  ") && line.ends_with("✓✓  hello"), "{line}");
    let line = message_line("Bela", &message(Direction::In, "hello"), Some("hi"), now, Colour::Off);
    assert!(line.starts_with("Bela  ") && line.ends_with("  ↪ hi  hello") && !line.contains('✓'), "{line}");
}

#[test]
fn a_message_that_nobody_has_confirmed_for_a_week_says_so() {
    let days = |n: u64| Timestamp(1_795_236_000_000 + n * 24 * 3600 * 1000);
    let sent = |state| MessageView { state, ..message(Direction::Out, "hello") };
    let line = |state, n| message_line("Bela", &sent(state), None, days(n), Colour::Off);
    assert!(line(MessageState::Accepted, 6).ends_with("  ✓  hello"));
    assert!(line(MessageState::Accepted, 7).ends_with("  ✓ not confirmed for 7 days  hello"));
    assert!(line(MessageState::Delivered, 21).ends_with("  ✓✓  hello"));
    let theirs = MessageView { state: MessageState::Accepted, ..message(Direction::In, "hello") };
    assert!(!message_line("Bela", &theirs, None, days(21), Colour::Off).contains("confirmed"));
}

#[test]
fn a_reaction_says_whose_it_is_and_to_what_and_does_not_show_the_message_again() {
    let mut view = message(Direction::Out, "Is the kettle on?");
    view.reactions = vec![(Direction::In, "👍".into()), (Direction::Out, "🫖".into())];
    let line = reactions_line("Bela", &view, "Is the kettle on?", Colour::Off);
    assert_eq!(line, "Bela  👍, You  🫖  to: Is the kettle on?");
    view.reactions.clear();
    let line = reactions_line("Bela", &view, "Is the kettle on?", Colour::Off);
    assert_eq!(line, "Bela  no reaction any more  to: Is the kettle on?");
}

#[test]
fn text_of_others_cannot_command_the_terminal() {
    let said = message(Direction::In, "a\u{7}\u{1b}[2J\nb\u{202e}c");
    let line = message_line("B\u{1b}[31m", &said, None, Timestamp(0), Colour::Off);
    assert!(!line.contains('\u{1b}') && !line.contains('\u{7}') && !line.contains('\u{202e}'), "{line:?}");
    assert!(line.contains("\n    bc"), "{line:?}");
}

#[test]
fn sizes_are_said_as_people_do() {
    for (bytes, text) in
        [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (20 << 20, "20.0 MiB"), (1_600_000, "1.5 MiB")]
    {
        assert_eq!(size(bytes), text);
    }
}
