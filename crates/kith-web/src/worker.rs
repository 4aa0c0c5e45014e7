//! The worker: the one place in a browser where a person is open.
//!
//! JavaScript sees [`KithWorker`] and nothing else: texts of the contract in, texts of the contract out. It runs in a
//! dedicated worker, because only there a browser's private file system works at once, and so that no key is ever in the
//! memory of a page.

mod answers;
mod backups;
mod blob;
mod cards;
mod clock;
mod devices;
mod drive;
mod files;
mod gate;
mod home_backups;
mod home_restoring;
mod link_words;
mod links;
mod net;
mod person;
mod restoring;
mod way;

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::futures::future_to_promise;
use js_sys::{Array, Function, Promise, Uint8Array};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::Blob;

use crate::contract::{Failure, FailureCode, Notice, Reply, Request};
use crate::failures::failure;
use gate::Gate;

/// The worker, as its script sees it.
#[wasm_bindgen]
pub struct KithWorker {
    gate: Rc<Gate>,
}

#[wasm_bindgen]
impl KithWorker {
    /// Starts it. `tell` is called with each notice, as JSON.
    #[wasm_bindgen(constructor)]
    pub fn new(tell: Function) -> KithWorker {
        KithWorker { gate: Rc::new(Gate::new(Teller { tell: Rc::new(tell) })) }
    }

    /// Answers a request, both as JSON. The promise gives an array: whether it was done, the reply or failure, and the bytes
    /// that come beside it or nothing.
    pub fn ask(&self, request: String, file: Option<Blob>) -> Promise {
        let gate = Rc::clone(&self.gate);
        future_to_promise(async move {
            let answered = match serde_json::from_str::<Request>(&request) {
                Ok(request) => gate.answer(request, file).await,
                // What the reader says may quote what was asked, a password for one.
                Err(_) => Err(failure(FailureCode::BadRequest, "the request was not understood")),
            };
            drop(zeroize::Zeroizing::new(request));
            Ok(written(answered).into())
        })
    }
}

/// A reply, and the bytes that come beside it.
pub(crate) struct Answer {
    pub(crate) reply: Reply,
    pub(crate) bytes: Option<Vec<u8>>,
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Self {
        Self { reply, bytes: None }
    }
}

/// Tells the app what happens.
#[derive(Clone)]
pub(crate) struct Teller {
    tell: Rc<Function>,
}

impl Teller {
    pub(crate) fn tell(&self, notice: &Notice) {
        if let Ok(text) = serde_json::to_string(notice) {
            // A page that does not listen misses it, and asks how things stand when it comes back.
            let _ = self.tell.call1(&JsValue::NULL, &text.into());
        }
    }
}

fn written(answered: Result<Answer, Failure>) -> Array {
    let (is_done, text, bytes) = match answered {
        Ok(answer) => (true, serde_json::to_string(&answer.reply), answer.bytes),
        Err(failure) => (false, serde_json::to_string(&failure), None),
    };
    let bytes = bytes.map_or(JsValue::NULL, |bytes| Uint8Array::from(bytes.as_slice()).into());
    Array::of3(&is_done.into(), &text.unwrap_or_default().into(), &bytes)
}

/// A place for what is open, or nothing.
pub(crate) type Slot<T> = RefCell<Option<T>>;
