//! Which network addresses may be dialled.
//!
//! A stranger chooses the name of the server that ours is asked to reach, and so what that name resolves to.
//! Without this check he could make a home server talk to the machines around it. The check is made on the
//! address that is really dialled, after resolution; a name that resolves differently the next time gains
//! nothing. This module resolves and dials nothing itself.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use thiserror::Error;

#[cfg(test)]
mod tests;

/// Which addresses a [`Carrier`](crate::Carrier) may dial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressPolicy {
    /// Only addresses that are reachable from the whole Internet.
    PublicOnly,
    /// Also this machine and the networks around it: loopback, link-local, private, shared and unique local
    /// addresses, and IPv6 forms that carry an allowed IPv4 address. What never names one machine (multicast,
    /// unspecified, documentation, reserved) stays refused.
    AllowPrivate,
}

impl AddressPolicy {
    /// Tells whether `address` may be dialled.
    ///
    /// # Errors
    ///
    /// Returns the kind of address that was refused; never the address itself.
    pub fn check(self, address: IpAddr) -> Result<(), RefusedAddress> {
        let kind = AddressKind::of(address);
        let allowed = match (self, kind) {
            (_, AddressKind::Public) => true,
            (Self::PublicOnly, _) => false,
            (
                Self::AllowPrivate,
                AddressKind::Loopback
                | AddressKind::LinkLocal
                | AddressKind::Private
                | AddressKind::Shared
                | AddressKind::UniqueLocal,
            ) => true,
            (Self::AllowPrivate, AddressKind::Embedded) => match embedded_ipv4(address) {
                Some(inner) => return self.check(IpAddr::V4(inner)),
                None => false,
            },
            (Self::AllowPrivate, _) => false,
        };
        if allowed { Ok(()) } else { Err(RefusedAddress { kind }) }
    }
}

/// An address that the policy does not allow. It names the kind of address only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the server's address is {kind}, which is not dialled")]
pub struct RefusedAddress {
    /// What kind of address it was.
    pub kind: AddressKind,
}

/// What an address is for, as far as the policy needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddressKind {
    /// Reachable from the whole Internet.
    Public,
    /// This machine.
    Loopback,
    /// This network segment; also where clouds put their metadata services.
    LinkLocal,
    /// RFC 1918.
    Private,
    /// RFC 6598: between a provider and its customers.
    Shared,
    /// RFC 4193, and the site-local addresses before it.
    UniqueLocal,
    /// An IPv6 form that carries an IPv4 address: mapped, compatible, translated, NAT64, 6to4, Teredo.
    Embedded,
    /// Many machines.
    Multicast,
    /// No machine.
    Unspecified,
    /// Examples in books.
    Documentation,
    /// Anything else that is not for hosts: benchmarking, protocol assignments, future use.
    Reserved,
}

impl AddressKind {
    /// Returns what `address` is for.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => Self::of_ipv4(v4),
            IpAddr::V6(v6) => Self::of_ipv6(v6),
        }
    }

    fn of_ipv4(address: Ipv4Addr) -> Self {
        match address.octets() {
            [0, ..] => Self::Unspecified,
            [127, ..] => Self::Loopback,
            [169, 254, ..] => Self::LinkLocal,
            [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Self::Private,
            [100, 64..=127, ..] => Self::Shared,
            [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Self::Documentation,
            [192, 0, 0, _] | [192, 88, 99, _] | [198, 18..=19, ..] => Self::Reserved,
            [224..=239, ..] => Self::Multicast,
            [240..=255, ..] => Self::Reserved,
            _ => Self::Public,
        }
    }

    fn of_ipv6(address: Ipv6Addr) -> Self {
        match address.segments() {
            [0, 0, 0, 0, 0, 0, 0, 0] => Self::Unspecified,
            [0, 0, 0, 0, 0, 0, 0, 1] => Self::Loopback,
            // IPv4-compatible ::/96, mapped ::ffff:0:0/96, translated ::ffff:0:0:0/96.
            [0, 0, 0, 0, 0, 0 | 0xffff, ..] | [0, 0, 0, 0, 0xffff, 0, ..] => Self::Embedded,
            // NAT64: the well-known prefix and the one for local use.
            [0x64, 0xff9b, 0, 0, 0, 0, ..] | [0x64, 0xff9b, 1, ..] => Self::Embedded,
            // Teredo and 6to4.
            [0x2001, 0, ..] | [0x2002, ..] => Self::Embedded,
            [0x2001, 0xdb8, ..] | [0x3fff, 0..=0x0fff, ..] => Self::Documentation,
            // Protocol assignments 2001::/23: benchmarking, ORCHID and other things that are no hosts.
            [0x2001, 0..=0x01ff, ..] => Self::Reserved,
            [0xfc00..=0xfdff, ..] | [0xfec0..=0xfeff, ..] => Self::UniqueLocal,
            [0xfe80..=0xfebf, ..] => Self::LinkLocal,
            [0xff00..=0xffff, ..] => Self::Multicast,
            [0x2000..=0x3fff, ..] => Self::Public,
            _ => Self::Reserved,
        }
    }

    fn phrase(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Loopback => "this machine's own (loopback)",
            Self::LinkLocal => "link-local",
            Self::Private => "in a private network",
            Self::Shared => "in a provider's shared network",
            Self::UniqueLocal => "in a local IPv6 network",
            Self::Embedded => "an IPv4 address inside an IPv6 one",
            Self::Multicast => "for many machines (multicast)",
            Self::Unspecified => "unspecified",
            Self::Documentation => "for documentation",
            Self::Reserved => "reserved",
        }
    }
}

impl std::fmt::Display for AddressKind {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.phrase())
    }
}

/// Returns the IPv4 address that traffic to a mapped, compatible, translated, NAT64 or 6to4 address ends up at.
/// Teredo is left out: it hides a client behind a relay, no home server lives there.
fn embedded_ipv4(address: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(v6) = address else { return None };
    let [.., c, d] = v6.segments();
    match v6.segments() {
        [0, 0, 0, 0, 0, 0 | 0xffff, ..] | [0, 0, 0, 0, 0xffff, 0, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => {
            Some(joined(c, d))
        }
        [0x2002, a, b, ..] => Some(joined(a, b)),
        _ => None,
    }
}

fn joined(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))
}
