//! What a page is about travels with its address, and only the sender's program reads the page.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use kith_net::{Answer, Handler, Listener, ListenerLimits, LiveReceiver, LiveSender, ServerIdentity};

use crate::support::World;

/// A page in somebody's own network.
#[derive(Default)]
struct Page {
    asked: Mutex<Vec<String>>,
}

impl Handler for Page {
    async fn descriptor(&self) -> Answer {
        Answer::Refused
    }

    async fn one_shot(&self, _: Bytes) -> Answer {
        Answer::Refused
    }

    async fn live(&self, _: LiveSender, _: LiveReceiver) {}

    fn well_known(&self) -> String {
        String::new()
    }

    fn page(&self, path: &str, _: &http::HeaderMap) -> Option<http::Response<Bytes>> {
        self.asked.lock().unwrap().push(path.to_owned());
        let html = "<head><title>Plum cake</title><meta name=description content='Mostly patience'></head>";
        let mut response = http::Response::new(Bytes::from_static(html.as_bytes()));
        response.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("text/html"));
        Some(response)
    }

    fn turned_away(&self, _: kith_net::TurnedAway) {}
}

/// Starts it on a thread of its own. Returns the page, its port and its authority.
fn start() -> (Arc<Page>, u16, String) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let authority = made.cert.pem();
    let identity = ServerIdentity::from_pem(authority.as_bytes(), made.signing_key.serialize_pem().as_bytes()).unwrap();
    let page = Arc::new(Page::default());
    let (tell, told) = std::sync::mpsc::channel();
    let served = Arc::clone(&page);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let address = "127.0.0.1:0".parse().unwrap();
            let listener = Listener::bind(address, Some(identity), ListenerLimits::default()).await.unwrap();
            tell.send(listener.local_address().port()).unwrap();
            listener.serve(served, std::future::pending()).await;
        });
    });
    (page, told.recv().unwrap(), authority)
}

#[test]
fn ke_119_a_preview_is_made_by_its_sender_who_asked_for_it_and_read_without_a_network() {
    let world = World::of_friends();
    let (page, port, authority) = start();
    let pem = world.folder.path().join("authority.pem");
    std::fs::write(&pem, authority).unwrap();
    let text = format!("Look: https://localhost:{port}/plum");
    let receiver = world.bela.listen();
    let wait = ["--wait", "delivered", "--timeout", "60s"];

    world.ana.succeed(&[&["send", "Belarmino", &text], wait.as_slice()].concat());
    assert_eq!(page.asked.lock().unwrap().len(), 0, "nobody asked for a preview");
    let refused = world.ana.succeed(&[&["send", "Belarmino", &text, "--preview"], wait.as_slice()].concat());
    assert_eq!(refused.lines[0]["previewed"], false, "the page is not in the public web");
    assert_eq!(page.asked.lock().unwrap().len(), 0);

    let inside = ["send", "Belarmino", &text, "--preview", "--preview-inside", pem.to_str().unwrap()];
    let sent = world.ana.succeed(&[inside.as_slice(), wait.as_slice()].concat());
    assert_eq!(sent.lines[0]["previewed"], true);
    let log = world.bela.succeed(&["log", "Anastasia"]);
    let previews: Vec<_> = log.lines.iter().map(|line| line["preview"]["title"].as_str()).collect();
    assert_eq!(previews, [None, None, Some("Plum cake")]);
    assert_eq!(log.lines[2]["preview"]["description"], "Mostly patience");
    assert_eq!(*page.asked.lock().unwrap(), ["/plum"], "it was read once, by the sender");
    drop(receiver);
}
