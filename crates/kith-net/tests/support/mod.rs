//! A listener on loopback with a handler that echoes, and a carrier that may reach it.

#![allow(dead_code, reason = "each test file uses its part")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kith_net::{
    AddressPolicy, Answer, Carrier, Handler, Listener, ListenerLimits, LiveReceiver, LiveSender, ServerIdentity,
};
use kith_wire::address::ServerUrl;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

/// Answers with what it was sent; `wait` waits for the gate, `busy` and `refuse` do what they say.
#[derive(Default)]
pub(crate) struct Echo {
    pub(crate) entered: Notify,
    pub(crate) gate: Notify,
    pub(crate) live_ended: Notify,
    pub(crate) turned_away: std::sync::Mutex<Vec<kith_net::TurnedAway>>,
}

impl Handler for Echo {
    async fn descriptor(&self) -> Answer {
        Answer::Bytes(Bytes::from_static(b"descriptor"))
    }

    async fn one_shot(&self, request: Bytes) -> Answer {
        match &*request {
            b"wait" => {
                self.entered.notify_one();
                self.gate.notified().await;
                Answer::Bytes(request)
            }
            b"busy" => Answer::Busy { retry_after: Duration::from_secs(7) },
            b"refuse" => Answer::Refused,
            _ => Answer::Bytes(request),
        }
    }

    async fn live(&self, sender: LiveSender, mut receiver: LiveReceiver) {
        self.entered.notify_one();
        while let Ok(message) = receiver.next().await {
            if &*message == b"bye" || sender.send(message).await.is_err() {
                break;
            }
        }
        self.live_ended.notify_one();
    }

    fn well_known(&self) -> String {
        "{\"version\":1}".to_owned()
    }

    fn page(&self, path: &str, _: &http::HeaderMap) -> Option<http::Response<Bytes>> {
        (path == "/page").then(|| http::Response::new(Bytes::from_static(b"<p>page</p>")))
    }

    fn turned_away(&self, why: kith_net::TurnedAway) {
        self.turned_away.lock().unwrap().push(why);
    }
}

/// A running listener.
pub(crate) struct Server {
    pub(crate) handler: Arc<Echo>,
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(limits: ListenerLimits) -> Self {
        Self::start_with(limits, None).await
    }

    pub(crate) async fn start_with(limits: ListenerLimits, identity: Option<ServerIdentity>) -> Self {
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), identity, limits).await.unwrap();
        let address = listener.local_address();
        let handler = Arc::new(Echo::default());
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(listener.serve(Arc::clone(&handler), async {
            let _ = stopped.await;
        }));
        Self { handler, address, stop, task }
    }

    pub(crate) fn url(&self) -> ServerUrl {
        ServerUrl::parse(&format!("http://{}", self.address)).unwrap()
    }

    /// Tells the listener to stop and gives the task that ends when it has.
    pub(crate) fn stop(self) -> JoinHandle<()> {
        self.stop.send(()).unwrap();
        self.task
    }

    /// Sends raw bytes and returns all that comes back until the server hangs up.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        // A reset after the answer is a hang-up like any other.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }
}

/// A carrier that may dial loopback.
pub(crate) fn carrier() -> Carrier {
    Carrier::builder(AddressPolicy::AllowPrivate).build().unwrap()
}

/// A server that reads one request head and says `answer` to it, whatever it was.
pub(crate) async fn canned(answer: &'static [u8]) -> ServerUrl {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = ServerUrl::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0_u8; 4096];
            let _ = stream.read(&mut head).await;
            let _ = stream.write_all(answer).await;
            // Held open until the client is done: the answer's own framing has to end it.
            let _ = stream.read(&mut head).await;
        }
    });
    url
}
