//! Live connections over the browser's WebSocket: one each, closed when it is dropped.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use js_sys::{ArrayBuffer, Uint8Array};
use kith_engine::{Arrival, LinkFailure, LinkId};
use kith_wire::address::ServerUrl;
use wasm_bindgen::JsCast as _;
use wasm_bindgen::closure::Closure;
use web_sys::{BinaryType, Event, MessageEvent, WebSocket};

use crate::worker::net::{NetError, live_address};
use crate::worker::person::Person;

/// A live connection, or the attempt at one.
pub(crate) struct Link {
    socket: WebSocket,
    /// What is sent before the connection is up; nothing afterwards.
    early: Rc<RefCell<Option<Vec<Vec<u8>>>>>,
    // Kept for as long as the socket may call them.
    _calls: Calls,
}

struct Calls {
    _opened: Closure<dyn FnMut(Event)>,
    _message: Closure<dyn FnMut(MessageEvent)>,
    _ended: Closure<dyn FnMut(Event)>,
}

impl Link {
    /// Starts an attempt; how it went comes back as arrivals.
    pub(crate) fn open(person: &Rc<Person>, link: LinkId, url: &ServerUrl, opening: Vec<u8>) -> Result<Self, NetError> {
        let socket = WebSocket::new(&live_address(url)).map_err(|_| NetError)?;
        socket.set_binary_type(BinaryType::Arraybuffer);
        let early = Rc::new(RefCell::new(Some(vec![opening])));
        let calls = Calls {
            _opened: opened(&socket, &early),
            _message: message(&socket, Rc::downgrade(person), link),
            _ended: ended(&socket, Rc::downgrade(person), link, Rc::clone(&early)),
        };
        Ok(Self { socket, early, _calls: calls })
    }

    /// Sends a message. The engine bounds what it has in flight, so this needs no bound of its own.
    pub(crate) fn send(&self, bytes: Vec<u8>) {
        match self.early.borrow_mut().as_mut() {
            Some(waiting) => waiting.push(bytes),
            // A connection that has just ended says so by itself.
            None => drop(self.socket.send_with_u8_array(&bytes)),
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.socket.set_onopen(None);
        self.socket.set_onmessage(None);
        self.socket.set_onclose(None);
        self.socket.set_onerror(None);
        let _ = self.socket.close();
    }
}

fn opened(socket: &WebSocket, early: &Rc<RefCell<Option<Vec<Vec<u8>>>>>) -> Closure<dyn FnMut(Event)> {
    let (open, early) = (socket.clone(), Rc::clone(early));
    let call = Closure::<dyn FnMut(Event)>::new(move |_| {
        for bytes in early.take().unwrap_or_default() {
            let _ = open.send_with_u8_array(&bytes);
        }
    });
    socket.set_onopen(Some(call.as_ref().unchecked_ref()));
    call
}

fn message(socket: &WebSocket, person: Weak<Person>, link: LinkId) -> Closure<dyn FnMut(MessageEvent)> {
    let call = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
        let Some(person) = person.upgrade() else { return };
        // Texts are no part of the protocol.
        let Ok(buffer) = event.data().dyn_into::<ArrayBuffer>() else { return };
        person.arrive(Arrival::Live { link, bytes: Uint8Array::new(&buffer).to_vec() });
    });
    socket.set_onmessage(Some(call.as_ref().unchecked_ref()));
    call
}

fn ended(
    socket: &WebSocket,
    person: Weak<Person>,
    link: LinkId,
    early: Rc<RefCell<Option<Vec<Vec<u8>>>>>,
) -> Closure<dyn FnMut(Event)> {
    let call = Closure::<dyn FnMut(Event)>::new(move |_| {
        let Some(person) = person.upgrade() else { return };
        let reason = if early.borrow().is_some() { LinkFailure::Unreachable } else { LinkFailure::Closed };
        // This very function is inside of the connection: it goes after the function has returned.
        let gone = person.links.borrow_mut().remove(&link);
        js_sys::futures::spawn_local(async move { drop(gone) });
        person.arrive(Arrival::LinkClosed { link, reason });
    });
    // An error is always followed by the end.
    socket.set_onclose(Some(call.as_ref().unchecked_ref()));
    call
}
