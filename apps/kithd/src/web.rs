//! The web app: its files, read once at the start, and what a browser is told with them.
//!
//! What is in the files is nothing to this server. A file may lie there packed as well (`.br`, `.gz`), and is then given as
//! the browser likes it. Files in `assets/` have names that change with their content, so a browser keeps them for good; all
//! others are asked for again each time. No page of the app may load, run or send anything from or to elsewhere.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Response, StatusCode};
use kith_crypto::hash::hash;
use kith_crypto::label::Label;
use thiserror::Error;

/// The most that is read, all files together, in bytes. The app is a few mebibytes; a folder with more is the wrong one.
const MAX_BYTES: u64 = 64 * 1024 * 1024;
/// The most folders inside of each other.
const MAX_DEPTH: usize = 8;
/// How browsers can unpack, in the order in which it saves most.
const PACKED: [(&str, &str); 2] = [("br", "br"), ("gz", "gzip")];

/// What pages of the app may do: run and load what is here and nothing else, compile WebAssembly, make no markup from
/// texts, speak to this server or securely to the one that the person has chosen, and be shown in no other page.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
    img-src 'self' blob:; media-src 'self' blob:; font-src 'self'; connect-src 'self' https: wss:; worker-src 'self'; \
    manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types kith-worker";

/// The files of the app, by path; none when no app is served.
#[derive(Debug, Default)]
pub(crate) struct Web {
    files: BTreeMap<String, File>,
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

/// Why the app is not served.
#[derive(Debug, Error)]
pub(crate) enum WebError {
    /// A file or folder cannot be read.
    #[error("{}, of the web app, cannot be read: {reason}", path.display())]
    Unreadable { path: PathBuf, reason: io::Error },
    /// It is not an app.
    #[error("there is no index.html in {}, which web names", .0.display())]
    NoApp(PathBuf),
    /// It is too much to be an app.
    #[error("{}, which web names, holds more than {} MiB", .0.display(), MAX_BYTES / 1024 / 1024)]
    TooLarge(PathBuf),
}

impl Web {
    /// Reads a folder with all that is in it.
    ///
    /// # Errors
    /// [`WebError`] when something in there cannot be read, or it is no app.
    pub(crate) fn read(folder: &Path) -> Result<Self, WebError> {
        let mut found = BTreeMap::new();
        let mut left = MAX_BYTES;
        collect(folder, "/", MAX_DEPTH, &mut left, &mut found)?;
        if left == 0 {
            return Err(WebError::TooLarge(folder.to_owned()));
        }
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
        let Some(index) = files.remove("/index.html") else { return Err(WebError::NoApp(folder.to_owned())) };
        files.insert("/".to_owned(), index);
        Ok(Self { files })
    }

    /// Answers a browser that asks for a file; `None` when there is none of this path.
    pub(crate) fn answer(&self, path: &str, headers: &HeaderMap) -> Option<Response<Bytes>> {
        let file = self.files.get(path)?;
        let is_known = headers.get_all(header::IF_NONE_MATCH).iter().any(|known| *known == file.tag);
        let (packing, bytes) = file.as_liked(headers);
        let mut response = Response::new(if is_known { Bytes::new() } else { bytes });
        if is_known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        }
        let told = response.headers_mut();
        told.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.media_type));
        told.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        told.insert(header::ETAG, file.tag.clone());
        told.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        let keep = if file.is_lasting { "public, max-age=31536000, immutable" } else { "no-cache" };
        told.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
        told.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
        if let Some(packing) = packing {
            told.insert(header::CONTENT_ENCODING, HeaderValue::from_static(packing));
        }
        Some(response)
    }
}

impl File {
    fn new(path: &str, plain: Bytes, packed: Vec<(&'static str, Bytes)>) -> Self {
        let digest = hash(Label::AT_REST, &plain).0;
        let short: String = digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
        let tag = HeaderValue::try_from(format!("W/\"{short}\"")).unwrap_or(HeaderValue::from_static("W/\"\""));
        Self { plain, packed, media_type: media_type(path), tag, is_lasting: path.starts_with("/assets/") }
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

/// Returns whether a file is another one, packed.
fn is_packing_of(found: &BTreeMap<String, Bytes>, path: &str, ending: &str) -> bool {
    let plain = path.strip_suffix(ending).and_then(|rest| rest.strip_suffix('.'));
    plain.is_some_and(|plain| found.contains_key(plain))
}

fn collect(
    folder: &Path,
    prefix: &str,
    depth: usize,
    left: &mut u64,
    found: &mut BTreeMap<String, Bytes>,
) -> Result<(), WebError> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |reason| WebError::Unreadable { path, reason }
    };
    for entry in fs::read_dir(folder).map_err(unreadable(folder))? {
        let path = entry.map_err(unreadable(folder))?.path();
        // What has no plain name is none of the app's.
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let about = fs::metadata(&path).map_err(unreadable(&path))?;
        if about.is_dir() && depth > 0 {
            collect(&path, &format!("{prefix}{name}/"), depth - 1, left, found)?;
        } else if about.is_file() {
            *left = left.saturating_sub(about.len());
            if *left == 0 {
                return Ok(());
            }
            let bytes = fs::read(&path).map_err(unreadable(&path))?;
            found.insert(format!("{prefix}{name}"), bytes.into());
        }
    }
    Ok(())
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
    use super::*;

    fn app() -> (tempfile::TempDir, Web) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("assets")).unwrap();
        for (name, content) in [
            ("index.html", "<!doctype html>"),
            ("index.html.br", "packed"),
            ("assets/app-1234.js", "run()"),
            ("assets/app-1234.js.gz", "zipped"),
            ("lonely.br", "not a packing"),
        ] {
            fs::write(folder.path().join(name), content).unwrap();
        }
        let web = Web::read(folder.path()).unwrap();
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
        assert!(Web::default().answer("/", &HeaderMap::new()).is_none());
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
    fn pages_may_do_nothing_that_the_app_does_not_need() {
        let (_folder, web) = app();
        let answer = web.answer("/", &HeaderMap::new()).unwrap();
        let policy = answer.headers()["content-security-policy"].to_str().unwrap();
        for word in ["default-src 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"] {
            assert!(policy.contains(word), "{word}");
        }
        for word in ["unsafe-inline", "'unsafe-eval'", "http:", "ws:", "data:", "*"] {
            assert!(!policy.contains(word), "{word}");
        }
    }

    #[test]
    fn a_folder_that_is_no_app_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(Web::read(folder.path()), Err(WebError::NoApp(_))));
        assert!(matches!(Web::read(&folder.path().join("nothing")), Err(WebError::Unreadable { .. })));
    }
}
