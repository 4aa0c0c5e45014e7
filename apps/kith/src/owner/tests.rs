//! What travels between the two processes survives the way; the wrong password does not get in (tests/ does that with
//! real processes).

use super::words::{Reply, Request, from_hex, read, to_hex, write};
use crate::output::{Colour, Line, Voice};

#[tokio::test]
async fn requests_and_replies_survive_the_way() {
    let request = Request {
        words: vec!["kith".into(), "send".into(), "Bela".into(), "two\nlines".into()],
        directory: "/home/ana".into(),
        stdin: Some("text\n".into()),
        at_terminal: true,
        voice: Voice::Json,
        colour: Colour::Off,
        id: Some([7; 16]),
        passwords: None,
    };
    let mut wire = Vec::new();
    write(&mut wire, &request).await.unwrap();
    write(&mut wire, &Reply::Line(Line::Out("{\"a\":1}".into()))).await.unwrap();
    write(&mut wire, &Reply::Exit(4)).await.unwrap();
    assert_eq!(wire.iter().filter(|byte| **byte == b'\n').count(), 3);
    let mut wire = wire.as_slice();
    let arrived: Request = read(&mut wire).await.unwrap();
    assert_eq!(serde_json::to_value(arrived).unwrap(), serde_json::to_value(request).unwrap());
    assert_eq!(read::<Reply>(&mut wire).await, Some(Reply::Line(Line::Out("{\"a\":1}".into()))));
    assert_eq!(read::<Reply>(&mut wire).await, Some(Reply::Exit(4)));
    assert_eq!(read::<Reply>(&mut wire).await, None);
}

#[tokio::test]
async fn endless_lines_and_garbage_are_no_words() {
    let endless = vec![b'a'; 3 * 1024 * 1024];
    assert_eq!(read::<Reply>(&mut endless.as_slice()).await, None);
    assert_eq!(read::<Reply>(&mut b"{\"exit\":\"soon\"}\n".as_slice()).await, None);
}

#[test]
fn numbers_are_written_in_full() {
    assert_eq!(from_hex(&to_hex(&[7; 32])), Some([7; 32]));
    assert_eq!(from_hex("07"), None);
    assert_eq!(from_hex(""), None);
}
