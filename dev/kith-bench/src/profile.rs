//! Where a server's processor time goes: a recording of `perf`, sorted into areas and drawn.
//!
//! Functions are counted where the processor was found in them, whoever called them; `serve::flame` draws who did.

use std::collections::BTreeMap;
use std::process::Command;

use crate::Failure;
use crate::serve::stats::Summary;
use crate::serve::svg;

/// Areas with what their functions are called; the first that fits counts. Kernel functions are told by `perf`.
const AREAS: [(&str, &[&str]); 8] = [
    ("X25519", &["curve25519", "x25519"]),
    ("ML-KEM-768", &["libcrux", "keccak", "sha3", "ml_kem"]),
    (
        "AEAD, HMAC, hashes",
        &["chacha20", "poly1305", "sha2", "sha256", "hmac", "hkdf", "hpke", "subtle", "kith_crypto"],
    ),
    (
        "store",
        &["sqlite", "pager", "wal", "pcache", "btree", "vdbe", "kith_store", "crc32", "yy_", "unixfd", "hashbrown"],
    ),
    ("memory", &["alloc", "free", "mem", "unlink_chunk", "sysmalloc", "zeroize"]),
    ("HTTP and runtime", &["hyper", "tokio", "http", "bytes", "mio", "pthread", "futures", "httparse", "epoll"]),
    ("rules and encoding", &["kith_home", "kith_wire", "minicbor", "kithd"]),
    ("system calls", &["__gi_", "__lib", "syscall"]),
];

/// Reads a recording and writes the picture.
pub(crate) fn run(recording: &str, picture: &str) -> Result<(), Failure> {
    let args = ["report", "--no-children", "--stdio", "-F", "overhead,sym", "-i", recording];
    let output = Command::new("perf").args(args).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let mut areas: Vec<(String, f64)> = sorted(&String::from_utf8_lossy(&output.stdout)).into_iter().collect();
    areas.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    for (area, share) in &areas {
        println!("{share:5.1} %  {area}");
    }
    let bar = |(area, share): (String, f64)| (area, Summary { median: share, least: share, most: share });
    let rows: Vec<_> = areas.into_iter().map(bar).collect();
    Ok(std::fs::write(picture, svg::bars("where the processor time of kithd goes, per cent", &rows))?)
}

/// Adds up the shares of each area, in per cent.
fn sorted(report: &str) -> BTreeMap<String, f64> {
    let mut areas = BTreeMap::new();
    for line in report.lines() {
        let Some((share, symbol)) = line.trim().split_once("%  ") else { continue };
        let Ok(share) = share.trim().parse::<f64>() else { continue };
        *areas.entry(area_of(symbol.trim()).to_owned()).or_default() += share;
    }
    areas
}

fn area_of(symbol: &str) -> &'static str {
    let (mode, name) = symbol.split_at(symbol.len().min(4));
    if mode.starts_with("[k]") {
        return "kernel";
    }
    let name = name.to_ascii_lowercase();
    let fits = |names: &[&str]| names.iter().any(|known| name.contains(known));
    AREAS.iter().find(|(_, names)| fits(names)).map_or("other", |(area, _)| area)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_added_by_area() {
        let report = "# Overhead  Symbol\n    10.15%  [.] Lcurve25519_x25519_scalarloop\n     2.00%  [k] vfs_write   -      -\n\
                      1.00%  [.] x25519_fe\n     0.50%  [.] something_new\n";
        let areas = sorted(report);
        assert!((areas["X25519"] - 11.15).abs() < 1e-9);
        assert!((areas["kernel"] - 2.0).abs() < 1e-9);
        assert!((areas["other"] - 0.5).abs() < 1e-9);
    }

    #[test]
    fn an_area_is_told_by_its_library_before_its_verb() {
        assert_eq!(area_of("[.] libcrux_ml_kem::ind_cca::decapsulate"), "ML-KEM-768");
        assert_eq!(area_of("[.] kith_crypto::live::LiveChannel::seal"), "AEAD, HMAC, hashes");
        assert_eq!(area_of("[.] __memmove_avx512_unaligned_erms"), "memory");
        assert_eq!(area_of("[.]"), "other");
    }
}
