//! The browser's clock, randomness and timers, and a bell that wakes whoever waits for something to change.

use std::cell::{Cell, RefCell};

use js_sys::futures::JsFuture;
use js_sys::{Function, Promise};
use kith_wire::Timestamp;
use rand::rngs::SysRng;
use rand_core::{CryptoRng, UnwrapErr};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::WorkerGlobalScope;

/// The wall clock.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "milliseconds since 1970 fit for long")]
pub(crate) fn now() -> Timestamp {
    Timestamp(js_sys::Date::now().max(0.0) as u64)
}

/// The browser's randomness. A browser without it cannot run this program at all.
pub(crate) fn rng() -> impl CryptoRng {
    UnwrapErr(SysRng)
}

/// Waits for some milliseconds.
pub(crate) async fn pause(milliseconds: i32) {
    let promise = Promise::new(&mut |done: Function, _| {
        let _ = set_timeout(&done, milliseconds);
    });
    let _ = JsFuture::from(promise).await;
}

fn set_timeout(function: &Function, milliseconds: i32) -> Option<i32> {
    let scope: WorkerGlobalScope = js_sys::global().dyn_into().ok()?;
    scope.set_timeout_with_callback_and_timeout_and_arguments_0(function, milliseconds).ok()
}

/// Wakes those who wait for a change.
#[derive(Default)]
pub(crate) struct Bell {
    waiting: RefCell<Vec<Function>>,
}

impl Bell {
    /// Wakes all who wait.
    pub(crate) fn ring(&self) {
        for function in self.waiting.take() {
            let _ = function.call0(&JsValue::NULL);
        }
    }

    /// Waits for the bell, but no longer than some milliseconds.
    pub(crate) async fn wait(&self, milliseconds: i32) {
        let promise = Promise::new(&mut |done: Function, _| {
            let _ = set_timeout(&done, milliseconds);
            self.waiting.borrow_mut().push(done);
        });
        let _ = JsFuture::from(promise).await;
    }
}

/// One timer, which rings at the earliest time that it was set to.
pub(crate) struct Timer {
    function: RefCell<Option<Closure<dyn FnMut()>>>,
    handle: Cell<Option<i32>>,
}

impl Timer {
    /// Makes a timer that is not set and rings for nobody.
    pub(crate) fn new() -> Self {
        Self { function: RefCell::new(None), handle: Cell::new(None) }
    }

    /// Says what happens when it rings.
    pub(crate) fn rings(&self, function: impl FnMut() + 'static) {
        *self.function.borrow_mut() = Some(Closure::new(function));
    }

    /// Sets it anew; what it was set to is forgotten.
    pub(crate) fn set(&self, milliseconds: i32) {
        self.stop();
        if let Some(function) = self.function.borrow().as_ref() {
            self.handle.set(set_timeout(function.as_ref().unchecked_ref(), milliseconds));
        }
    }

    /// Forgets what it was set to.
    pub(crate) fn stop(&self) {
        let Some(handle) = self.handle.take() else { return };
        if let Ok(scope) = js_sys::global().dyn_into::<WorkerGlobalScope>() {
            scope.clear_timeout_with_handle(handle);
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.stop();
    }
}
