//! A table of addresses, each with its kind and what either policy says.

use super::*;

use AddressKind as Kind;

/// Address, kind, and whether `AllowPrivate` lets it pass. `PublicOnly` lets only `Kind::Public` pass.
const TABLE: &[(&str, Kind, bool)] = &[
    ("1.1.1.1", Kind::Public, true),
    ("93.184.216.34", Kind::Public, true),
    ("172.15.255.255", Kind::Public, true),
    ("172.32.0.0", Kind::Public, true),
    ("100.63.255.255", Kind::Public, true),
    ("100.128.0.0", Kind::Public, true),
    ("192.0.1.1", Kind::Public, true),
    ("198.17.255.255", Kind::Public, true),
    ("223.255.255.255", Kind::Public, true),
    ("2001:200::1", Kind::Public, true),
    ("2606:4700::1111", Kind::Public, true),
    ("2a00:1450::1", Kind::Public, true),
    ("127.0.0.1", Kind::Loopback, true),
    ("127.255.255.254", Kind::Loopback, true),
    ("::1", Kind::Loopback, true),
    ("169.254.169.254", Kind::LinkLocal, true),
    ("fe80::1", Kind::LinkLocal, true),
    ("febf::1", Kind::LinkLocal, true),
    ("10.0.0.1", Kind::Private, true),
    ("172.16.0.1", Kind::Private, true),
    ("172.31.255.255", Kind::Private, true),
    ("192.168.1.1", Kind::Private, true),
    ("100.64.0.1", Kind::Shared, true),
    ("100.127.255.255", Kind::Shared, true),
    ("fc00::1", Kind::UniqueLocal, true),
    ("fdff::1", Kind::UniqueLocal, true),
    ("fec0::1", Kind::UniqueLocal, true),
    ("0.0.0.0", Kind::Unspecified, false),
    ("0.1.2.3", Kind::Unspecified, false),
    ("::", Kind::Unspecified, false),
    ("224.0.0.1", Kind::Multicast, false),
    ("239.255.255.255", Kind::Multicast, false),
    ("ff02::1", Kind::Multicast, false),
    ("192.0.2.1", Kind::Documentation, false),
    ("198.51.100.1", Kind::Documentation, false),
    ("203.0.113.1", Kind::Documentation, false),
    ("2001:db8::1", Kind::Documentation, false),
    ("3fff::1", Kind::Documentation, false),
    ("192.0.0.8", Kind::Reserved, false),
    ("192.88.99.1", Kind::Reserved, false),
    ("198.18.0.1", Kind::Reserved, false),
    ("240.0.0.1", Kind::Reserved, false),
    ("255.255.255.255", Kind::Reserved, false),
    ("2001:2::1", Kind::Reserved, false),
    ("2001:10::1", Kind::Reserved, false),
    ("100::1", Kind::Reserved, false),
    ("4000::1", Kind::Reserved, false),
    ("5f00::1", Kind::Reserved, false),
    // The embedded forms: refused in public, judged by what they carry otherwise.
    ("::ffff:127.0.0.1", Kind::Embedded, true),
    ("::ffff:1.1.1.1", Kind::Embedded, true),
    ("::ffff:224.0.0.1", Kind::Embedded, false),
    ("::ffff:0:10.0.0.1", Kind::Embedded, true),
    ("::10.0.0.1", Kind::Embedded, true),
    ("64:ff9b::192.168.0.1", Kind::Embedded, true),
    ("64:ff9b::1.1.1.1", Kind::Embedded, true),
    ("64:ff9b:1::10.0.0.1", Kind::Embedded, false),
    ("2002:7f00:1::1", Kind::Embedded, true),
    ("2002:e000:1::1", Kind::Embedded, false),
    ("2001:0:4136:e378:8000:63bf:3fff:fdd2", Kind::Embedded, false),
];

#[test]
fn every_listed_address_has_its_kind() {
    for (text, kind, _) in TABLE {
        assert_eq!(AddressKind::of(text.parse().unwrap()), *kind, "{text}");
    }
}

#[test]
fn public_only_dials_nothing_but_public_addresses() {
    for (text, kind, _) in TABLE {
        let outcome = AddressPolicy::PublicOnly.check(text.parse().unwrap());
        assert_eq!(outcome.is_ok(), *kind == Kind::Public, "{text}");
    }
}

#[test]
fn allow_private_still_refuses_what_is_no_single_machine() {
    for (text, _, allowed) in TABLE {
        let outcome = AddressPolicy::AllowPrivate.check(text.parse().unwrap());
        assert_eq!(outcome.is_ok(), *allowed, "{text}");
    }
}

#[test]
fn a_refusal_names_the_kind_and_not_the_address() {
    let refusal = AddressPolicy::PublicOnly.check("10.1.2.3".parse().unwrap()).unwrap_err();
    let shown = format!("{refusal} {refusal:?}");
    assert!(shown.contains("private network"), "{shown}");
    assert!(!shown.contains("10.1"), "{shown}");
}
