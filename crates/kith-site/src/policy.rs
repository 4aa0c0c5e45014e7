//! What pages and programs of the app may do, as browsers enforce it.
//!
//! The page draws what strangers have written, with the help of code that is not all ours; so it may speak to the server that it came from
//! and to nobody else. The worker holds the keys, and only the worker goes out: to the person's home server, which anybody may run
//! anywhere. Its address is the person's own affair, so no server that gives the app away can know it, and it cannot stand in a policy; what
//! can is that the way there is encrypted. Scripts are ours alone in both: no inline text, no evaluation, no markup made from texts, and the
//! addresses that may be started as programs are two.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use kith_wire::address::{Scheme, ServerUrl};

/// The page, and everything that is not a program of its own.
const PAGE: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self' blob:; \
    font-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types kith-worker";

/// The worker. It alone compiles WebAssembly, and draws nothing.
const WORKER: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self' https: wss:{more}; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// The service worker, which fetches what is here and stores it.
const SERVICE: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// What the machine has that a page may ask for: the camera for codes, the microphone for voice notes.
const FEATURES: &str = "camera=(self), microphone=(self), geolocation=(), display-capture=(), payment=(), usb=(), serial=(), \
    hid=(), midi=()";

/// The policies of one app.
#[derive(Debug)]
pub(crate) struct Policies {
    worker: HeaderValue,
}

impl Default for Policies {
    fn default() -> Self {
        Self { worker: worker("") }
    }
}

impl Policies {
    /// Lets the worker speak to one home server that is not reached over TLS.
    pub(crate) fn reach(&mut self, server: &ServerUrl) {
        let host = server.host();
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let port = server.port();
        self.worker = match server.scheme() {
            Scheme::Https => worker(""),
            Scheme::Http => worker(&format!(" http://{host}:{port} ws://{host}:{port}")),
        };
    }

    /// Returns what the file at this path may do.
    pub(crate) fn of(&self, path: &str) -> HeaderValue {
        match path {
            "/service-worker.js" => HeaderValue::from_static(SERVICE),
            _ if is_worker(path) => self.worker.clone(),
            _ => HeaderValue::from_static(PAGE),
        }
    }

    /// Writes what the file at this path may do.
    pub(crate) fn tell(&self, path: &str, told: &mut HeaderMap) {
        told.insert(header::CONTENT_SECURITY_POLICY, self.of(path));
        for (name, value) in ALWAYS {
            told.insert(name, value);
        }
    }
}

/// What is told with every file.
const ALWAYS: [(HeaderName, HeaderValue); 6] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-embedder-policy"), HeaderValue::from_static("require-corp")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("permissions-policy"), HeaderValue::from_static(FEATURES)),
];

/// Returns whether a path is that of the worker, whose name the build ends with a hash.
pub(crate) fn is_worker(path: &str) -> bool {
    path.strip_prefix("/assets/worker-").is_some_and(|rest| rest.ends_with(".js"))
}

fn worker(more: &str) -> HeaderValue {
    // An address that was read as one holds nothing that a header must not; without it, less is allowed.
    HeaderValue::try_from(WORKER.replace("{more}", more)).unwrap_or(HeaderValue::from_static(PAGE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(policies: &Policies, path: &str) -> String {
        let mut headers = HeaderMap::new();
        policies.tell(path, &mut headers);
        headers["content-security-policy"].to_str().unwrap().to_owned()
    }

    #[test]
    fn only_the_worker_speaks_to_other_servers_and_only_securely() {
        let policies = Policies::default();
        for path in ["/", "/assets/index-1.js", "/service-worker.js", "/worker-1.js", "/assets/worker-1.css"] {
            let policy = told(&policies, path);
            assert!(policy.contains("connect-src 'self';"), "{path}");
            assert!(!policy.contains("wasm-unsafe-eval"), "{path}");
        }
        let policy = told(&policies, "/assets/worker-a1.js");
        assert!(policy.contains("connect-src 'self' https: wss:;") && policy.contains("'wasm-unsafe-eval'"));
    }

    #[test]
    fn nothing_may_more_than_the_app_needs() {
        let policies = Policies::default();
        for path in ["/", "/assets/worker-a1.js", "/service-worker.js", "/licences.txt"] {
            let policy = told(&policies, path);
            for word in ["default-src 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"] {
                assert!(policy.contains(word), "{path} {word}");
            }
            for word in ["unsafe-inline", "'unsafe-eval'", "http:", "ws:", "data:", "*", "{more}"] {
                assert!(!policy.contains(word), "{path} {word}");
            }
        }
    }

    #[test]
    fn one_server_on_this_machine_can_be_allowed() {
        let mut policies = Policies::default();
        policies.reach(&ServerUrl::parse("http://127.0.0.1:5484").unwrap());
        let policy = told(&policies, "/assets/worker-a1.js");
        assert!(policy.contains("connect-src 'self' https: wss: http://127.0.0.1:5484 ws://127.0.0.1:5484;"));
        assert!(!told(&policies, "/").contains("5484"));
        policies.reach(&ServerUrl::parse("http://[::1]:80").unwrap());
        assert!(told(&policies, "/assets/worker-a1.js").contains(" ws://[::1]:80;"));
    }
}
