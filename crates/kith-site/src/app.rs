//! The files of the app, read once, and the answers to browsers that ask for them.
//!
//! A file may lie there packed as well (`.br`, `.gz`), and is then given as the browser likes it. Files in `assets/` have names that
//! change with their content, so a browser keeps them for good; all others are asked for again each time. So is the worker, since a
//! browser would keep its policy with it, and that may change while the content does not.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Response, StatusCode};
use kith_crypto::hash::hash;
use kith_crypto::label::Label;
use kith_wire::address::ServerUrl;

use crate::folder::{self, PACKAGED, ReadError};
use crate::policy::{self, Policies};

/// How browsers can unpack, in the order in which it saves most.
const PACKED: [(&str, &str); 2] = [("br", "br"), ("gz", "gzip")];
/// Where the build writes which one it is.
const BUILD: &str = "/build.json";

/// The files of the app, by path; none when no app is served.
#[derive(Debug, Default)]
pub struct App {
    files: BTreeMap<String, File>,
    policies: Policies,
}

#[derive(Debug)]
struct File {
    plain: Bytes,
    /// The same, packed, with the name of the packing.
    packed: Vec<(&'static str, Bytes)>,
    media_type: &'static str,
    /// Changes with the content.
    tag: HeaderValue,
    is_lasting: bool,
}

impl App {
    /// Reads a folder with all that is in it.
    ///
    /// # Errors
    /// [`ReadError`] when something in there cannot be read, or it is no app.
    pub fn read(folder: &Path) -> Result<Self, ReadError> {
        let found = folder::files(folder)?;
        let mut files: BTreeMap<String, File> = BTreeMap::new();
        for (path, bytes) in &found {
            if PACKED.iter().any(|(ending, _)| is_packing_of(&found, path, ending)) {
                continue;
            }
            let packed = PACKED.iter().filter_map(|(ending, name)| {
                let bytes = found.get(&format!("{path}.{ending}"))?;
                Some((*name, bytes.clone()))
            });
            files.insert(path.clone(), File::new(path, bytes.clone(), packed.collect()));
        }
        let Some(index) = files.remove("/index.html") else { return Err(ReadError::NoApp(folder.to_owned())) };
        files.insert("/".to_owned(), index);
        Ok(Self { files, policies: Policies::default() })
    }

    /// Reads the app that a package has brought onto this machine; none where there is no package.
    ///
    /// # Errors
    /// [`ReadError`] when there is a folder and something in it cannot be read.
    pub fn packaged() -> Result<Option<Self>, ReadError> {
        let folder = Path::new(PACKAGED);
        if folder.join("index.html").is_file() { Self::read(folder).map(Some) } else { Ok(None) }
    }

    /// Lets the app speak to a home server that is not reached over TLS: one on this machine. The last one counts.
    pub fn reach(&mut self, server: &ServerUrl) {
        self.policies.reach(server);
        for (path, file) in &mut self.files {
            if policy::is_worker(path) {
                // Whoever knows the file under another policy is given it anew, policy and all.
                file.tag = tag(&[file.plain.as_ref(), self.policies.of(path).as_bytes()].concat());
            }
        }
    }

    /// Returns which build this is: the hash over everything in it, as the build itself has written it down. Nothing here checks it;
    /// browsers do, file by file.
    #[must_use]
    pub fn build(&self) -> Option<String> {
        let papers: serde_json::Value = serde_json::from_slice(&self.files.get(BUILD)?.plain).ok()?;
        let build = papers.get("build")?.as_str()?;
        let is_hash = build.len() == 64 && build.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hash.then(|| build.to_owned())
    }

    /// Returns every path that is answered, in order.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// Answers a browser that asks for a file; `None` when there is none of this path.
    #[must_use]
    pub fn answer(&self, path: &str, headers: &HeaderMap) -> Option<Response<Bytes>> {
        let file = self.files.get(path)?;
        let is_known = headers.get_all(header::IF_NONE_MATCH).iter().any(|known| *known == file.tag);
        let (packing, bytes) = file.as_liked(headers);
        let mut response = Response::new(if is_known { Bytes::new() } else { bytes });
        if is_known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        }
        let told = response.headers_mut();
        told.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.media_type));
        self.policies.tell(path, told);
        told.insert(header::ETAG, file.tag.clone());
        told.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        let keep = if file.is_lasting { "public, max-age=31536000, immutable" } else { "no-cache" };
        told.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
        if let Some(packing) = packing {
            told.insert(header::CONTENT_ENCODING, HeaderValue::from_static(packing));
        }
        Some(response)
    }
}

impl File {
    fn new(path: &str, plain: Bytes, packed: Vec<(&'static str, Bytes)>) -> Self {
        let is_lasting = path.starts_with("/assets/") && !policy::is_worker(path);
        Self { tag: tag(&plain), plain, packed, media_type: media_type(path), is_lasting }
    }

    /// Returns the file in the first packing that the browser can unpack.
    fn as_liked(&self, headers: &HeaderMap) -> (Option<&'static str>, Bytes) {
        let liked = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let is_liked =
            |name: &str| liked.split(',').any(|one| one.split(';').next().unwrap_or_default().trim() == name);
        // A browser that says `br;q=0` does not exist; one that lists it can unpack it.
        match self.packed.iter().find(|(name, _)| is_liked(name)) {
            Some((name, bytes)) => (Some(*name), bytes.clone()),
            None => (None, self.plain.clone()),
        }
    }
}

/// Returns what changes with the content.
fn tag(content: &[u8]) -> HeaderValue {
    let digest = hash(Label::AT_REST, content).0;
    let short: String = digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    HeaderValue::try_from(format!("W/\"{short}\"")).unwrap_or(HeaderValue::from_static("W/\"\""))
}

/// Returns whether a file is another one, packed.
fn is_packing_of(found: &BTreeMap<String, Bytes>, path: &str, ending: &str) -> bool {
    let plain = path.strip_suffix(ending).and_then(|rest| rest.strip_suffix('.'));
    plain.is_some_and(|plain| found.contains_key(plain))
}

/// Says by its name what a file is. A browser is told not to guess, so what is not known here is not shown.
fn media_type(path: &str) -> &'static str {
    let ending = path.rsplit('.').next().unwrap_or_default();
    match ending {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "txt" => "text/plain; charset=utf-8",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn app() -> (tempfile::TempDir, App) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("assets")).unwrap();
        for (name, content) in [
            ("index.html", "<!doctype html>"),
            ("index.html.br", "packed"),
            ("assets/app-1234.js", "run()"),
            ("assets/app-1234.js.gz", "zipped"),
            ("assets/worker-5678.js", "work()"),
            ("lonely.br", "not a packing"),
        ] {
            fs::write(folder.path().join(name), content).unwrap();
        }
        let web = App::read(folder.path()).unwrap();
        (folder, web)
    }

    fn asked(accepted: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(accepted))])
    }

    #[test]
    fn files_are_given_as_the_browser_likes_them() {
        let (_folder, web) = app();
        let packed = web.answer("/", &asked("gzip, deflate, br")).unwrap();
        assert_eq!(
            (packed.body().as_ref(), packed.headers()["content-encoding"].as_bytes()),
            (&b"packed"[..], &b"br"[..])
        );
        let plain = web.answer("/", &HeaderMap::new()).unwrap();
        assert_eq!(plain.body().as_ref(), b"<!doctype html>");
        assert!(!plain.headers().contains_key("content-encoding"));
        let zipped = web.answer("/assets/app-1234.js", &asked("gzip;q=1.0, br")).unwrap();
        assert_eq!(zipped.body().as_ref(), b"zipped");
        assert_eq!(zipped.headers()["content-type"], "text/javascript; charset=utf-8");
    }

    #[test]
    fn nothing_else_is_given() {
        let (_folder, web) = app();
        for path in ["/index.html.br", "/index.html", "/assets/../index.html", "/assets", "/assets/", "", "/nothing"] {
            assert!(web.answer(path, &HeaderMap::new()).is_none(), "{path}");
        }
        assert!(web.answer("/lonely.br", &HeaderMap::new()).is_some());
        assert!(App::default().answer("/", &HeaderMap::new()).is_none());
    }

    #[test]
    fn what_a_browser_has_it_is_not_given_again() {
        let (_folder, web) = app();
        let first = web.answer("/", &HeaderMap::new()).unwrap();
        assert_eq!(first.headers()["cache-control"], "no-cache");
        let known = HeaderMap::from_iter([(header::IF_NONE_MATCH, first.headers()["etag"].clone())]);
        let again = web.answer("/", &known).unwrap();
        assert_eq!((again.status(), again.body().len()), (StatusCode::NOT_MODIFIED, 0));
        assert!(again.headers().contains_key("content-security-policy"));
        let asset = web.answer("/assets/app-1234.js", &HeaderMap::new()).unwrap();
        assert!(asset.headers()["cache-control"].to_str().unwrap().contains("immutable"));
    }

    #[test]
    fn a_worker_is_given_anew_when_it_may_do_something_else() {
        let (_folder, mut web) = app();
        let path = "/assets/worker-5678.js";
        let first = web.answer(path, &HeaderMap::new()).unwrap();
        assert_eq!(first.headers()["cache-control"], "no-cache");
        let known = HeaderMap::from_iter([(header::IF_NONE_MATCH, first.headers()["etag"].clone())]);
        assert_eq!(web.answer(path, &known).unwrap().status(), StatusCode::NOT_MODIFIED);
        web.reach(&ServerUrl::parse("http://127.0.0.1:5484").unwrap());
        let again = web.answer(path, &known).unwrap();
        assert_eq!(again.status(), StatusCode::OK);
        assert!(again.headers()["content-security-policy"].to_str().unwrap().contains("127.0.0.1:5484"));
    }

    #[test]
    fn the_build_is_what_its_papers_say_or_unknown() {
        let (folder, web) = app();
        assert_eq!(web.build(), None);
        let hash = "0f".repeat(32);
        for (papers, build) in [
            (format!("{{\"version\":\"1\",\"build\":\"{hash}\"}}"), Some(hash.clone())),
            ("{\"build\":\"<script>\"}".to_owned(), None),
            ("not json".to_owned(), None),
        ] {
            fs::write(folder.path().join("build.json"), papers).unwrap();
            assert_eq!(App::read(folder.path()).unwrap().build(), build);
        }
    }

    #[test]
    fn every_file_says_what_it_may_do() {
        let (_folder, web) = app();
        let known = web.paths().map(|path| (path, web.answer(path, &HeaderMap::new()).unwrap()));
        for (path, answer) in known {
            for name in [
                "content-security-policy",
                "cross-origin-opener-policy",
                "cross-origin-embedder-policy",
                "cross-origin-resource-policy",
                "permissions-policy",
            ] {
                assert!(answer.headers().contains_key(name), "{path} {name}");
            }
            assert_eq!(answer.headers()["x-content-type-options"], "nosniff", "{path}");
            assert_eq!(answer.headers()["referrer-policy"], "no-referrer", "{path}");
        }
    }

    #[test]
    fn a_folder_that_is_no_app_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(App::read(folder.path()), Err(ReadError::NoApp(_))));
        assert!(matches!(App::read(&folder.path().join("nothing")), Err(ReadError::Unreadable { .. })));
    }
}
