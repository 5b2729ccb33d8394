//! Hosts: one spelling for every way of writing a name or an address, and where it is.
//!
//! The WHATWG URL Standard's host parser does the reading (percent-decoding, IDNA to punycode,
//! decimal, octal, hexadecimal and short IPv4). What it accepts and other clients do not is
//! refused here. Nothing is resolved: a public name may still point inside, which only the
//! executor can see.

use std::net::{Ipv4Addr, Ipv6Addr};

use ::url::Host as Parsed;

/// Where a host is, as far as its text tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// This machine: `127.0.0.0/8`, `0.0.0.0/8`, `::1`, `localhost`.
    Loopback,
    /// A network of the operator: RFC 1918, RFC 6598, RFC 4193, names without a public ending.
    Private,
    /// The local segment: `169.254.0.0/16` (RFC 3927), `fe80::/10` (RFC 4291).
    LinkLocal,
    /// A cloud's instance metadata service: hands out credentials.
    Metadata,
    /// Everything else.
    Public,
}

impl Class {
    /// The word used in policies and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::LinkLocal => "link_local",
            Self::Metadata => "metadata",
            Self::Public => "public",
        }
    }
}

/// A host in canonical form.
pub(super) struct Host {
    /// No brackets, no trailing dot.
    pub(super) text: String,
    pub(super) class: Class,
}

/// Addresses at which clouds answer with an instance's credentials, from their manuals: AWS EC2,
/// ECS and EKS, GCP, Azure and most others; Alibaba; Oracle; Azure's wire server; Scaleway; Tencent.
const METADATA_V4: [Ipv4Addr; 8] = [
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(169, 254, 170, 2),
    Ipv4Addr::new(169, 254, 170, 23),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(192, 0, 0, 192),
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(169, 254, 42, 42),
    Ipv4Addr::new(169, 254, 0, 23),
];

/// The same over IPv6: AWS EC2 and EKS, GCP, OpenStack, Scaleway.
const METADATA_V6: [Ipv6Addr; 5] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe),
    Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42),
];

/// Names of the same services.
const METADATA_NAMES: [&str; 9] = [
    "metadata",
    "metadata.google.internal",
    "metadata.goog",
    "metadata.tencentyun.com",
    "metadata.platformequinix.com",
    "metadata.packet.net",
    "rancher-metadata",
    "instance-data",
    "instance-data.ec2.internal",
];

/// Names that stand for this machine in common `hosts` files.
const LOOPBACK_NAMES: [&str; 5] =
    ["localhost", "localhost6", "localhost.localdomain", "ip6-localhost", "ip6-loopback"];

/// Endings that the public DNS does not serve: RFC 6762 (and its appendix G), RFC 8375, ICANN's
/// `internal`, Kubernetes' cluster names.
const PRIVATE_ENDINGS: [&str; 10] = [
    ".local",
    ".internal",
    ".lan",
    ".home.arpa",
    ".intranet",
    ".corp",
    ".home",
    ".localdomain",
    ".private",
    ".svc",
];

/// Public names that answer with an address of the asker's choice or with loopback. Neither
/// "public" nor "private" would be true.
const WILDCARD_DNS: [&str; 7] =
    ["nip.io", "sslip.io", "xip.io", "localtest.me", "lvh.me", "vcap.me", "traefik.me"];

/// Characters that IDNA 2003 and IDNA 2008 read differently (UTS 46, deviations).
const DEVIATIONS: [char; 4] = ['ß', 'ς', '\u{200c}', '\u{200d}'];

/// RFC 1035: octets in a name and in a label.
const NAME_MAX: usize = 253;
const LABEL_MAX: usize = 63;

/// Reads the host part of an authority; IPv6 in brackets.
pub(super) fn read(text: &str) -> Result<Host, &'static str> {
    if text.is_empty() {
        return Err("has no host");
    }
    if hides_a_delimiter(text) {
        return Err("has a percent-encoded delimiter in the host");
    }
    if text.contains(DEVIATIONS) {
        return Err("has a host that old and new IDNA read differently");
    }
    match Parsed::parse(text).map_err(|_| "has a host that is not valid")? {
        Parsed::Domain(name) => read_name(&name),
        Parsed::Ipv4(address) => Ok(Host { text: address.to_string(), class: class_of_v4(address) }),
        Parsed::Ipv6(address) => Ok(match address.to_ipv4_mapped() {
            // The same socket as the plain address, so the same name.
            Some(mapped) => Host { text: mapped.to_string(), class: class_of_v4(mapped) },
            None => Host { text: address.to_string(), class: class_of_v6(address) },
        }),
    }
}

/// Whether percent-encoding hides a character that ends or splits a host for those who decode first.
pub(super) fn hides_a_delimiter(text: &str) -> bool {
    text.split('%').skip(1).any(|after| {
        let code = after.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        code.is_some_and(|byte| byte <= b' ' || byte == 0x7f || b"/\\@:?#%[]".contains(&byte))
    })
}

fn read_name(name: &str) -> Result<Host, &'static str> {
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.len() > NAME_MAX || name.split('.').any(|label| label.is_empty() || label.len() > LABEL_MAX) {
        return Err("has a host with an empty or overlong label");
    }
    if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b)) {
        return Err("has a character that no host name has");
    }
    if WILDCARD_DNS.iter().any(|ending| under(name, ending)) {
        return Err("has a public name for an address written in it");
    }
    Ok(Host { text: name.to_owned(), class: class_of_name(name) })
}

fn class_of_name(name: &str) -> Class {
    if METADATA_NAMES.contains(&name) {
        Class::Metadata
    } else if LOOPBACK_NAMES.contains(&name) || name.ends_with(".localhost") {
        Class::Loopback
    } else if !name.contains('.') || PRIVATE_ENDINGS.iter().any(|ending| name.ends_with(ending)) {
        Class::Private
    } else {
        Class::Public
    }
}

/// `name` is `zone` or below it.
fn under(name: &str, zone: &str) -> bool {
    name.strip_suffix(zone).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

fn class_of_v4(address: Ipv4Addr) -> Class {
    if METADATA_V4.contains(&address) {
        return Class::Metadata;
    }
    match address.octets() {
        [0 | 127, ..] => Class::Loopback,
        [169, 254, ..] => Class::LinkLocal,
        // RFC 1918; RFC 6598 (carrier NAT); RFC 6890 (protocol assignments); RFC 2544 (benchmarks);
        // multicast and reserved space never leave the operator's network.
        [10, ..]
        | [172, 16..=31, ..]
        | [192, 168, ..]
        | [100, 64..=127, ..]
        | [192, 0, 0, _]
        | [198, 18..=19, ..]
        | [224..=255, ..] => Class::Private,
        _ => Class::Public,
    }
}

fn class_of_v6(address: Ipv6Addr) -> Class {
    if METADATA_V6.contains(&address) {
        return Class::Metadata;
    }
    if address.is_loopback() || address.is_unspecified() {
        return Class::Loopback;
    }
    if let Some(inner) = embedded_v4(address) {
        return class_of_v4(inner);
    }
    match address.segments() {
        [0xfe80..=0xfebf, ..] => Class::LinkLocal,
        // RFC 4193; RFC 3879 (site-local); multicast.
        [0xfc00..=0xfdff | 0xfec0..=0xfeff | 0xff00..=0xffff, ..] => Class::Private,
        _ => Class::Public,
    }
}

/// The IPv4 address that a transition mechanism will reach.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let join = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match address.segments() {
        // IPv4-compatible (RFC 4291 2.5.5.1), SIIT (RFC 2765), NAT64 (RFC 6052, RFC 8215), ISATAP (RFC 5214).
        [0, 0, 0, 0, 0, 0, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0 | 1, _, _, _, high, low]
        | [0xfe80, 0, 0, 0, 0 | 0x200, 0x5efe, high, low] => Some(join(high, low)),
        // 6to4 (RFC 3056).
        [0x2002, high, low, ..] => Some(join(high, low)),
        // Teredo (RFC 4380): the client's address is inverted.
        [0x2001, 0, _, _, _, _, high, low] => Some(join(!high, !low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(text: &str) -> Class {
        read(text).map(|h| h.class).unwrap_or_else(|why| panic!("{text} {why}"))
    }

    fn text(host: &str) -> String {
        read(host).map(|h| h.text).unwrap_or_else(|why| panic!("{host} {why}"))
    }

    #[test]
    fn every_notation_of_an_address_is_the_same_host() {
        for host in [
            "127.0.0.1",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "0177.0.0.1",
            "017700000001",
            "127.1",
            "127.0.1",
            "127.0.0.1.",
            "[::ffff:127.0.0.1]",
            "[::FFFF:7f00:1]",
            "①②⑦.0.0.1",
            "１２７.0.0.1",
            "127。0。0。1",
            "%31%32%37.0.0.1",
        ] {
            assert_eq!(text(host), "127.0.0.1", "{host}");
            assert_eq!(class(host), Class::Loopback, "{host}");
        }
    }

    #[test]
    fn a_name_has_one_spelling() {
        assert_eq!(text("LOCALHOST"), "localhost");
        assert_eq!(text("loc%61lhost"), "localhost");
        assert_eq!(text("localhost."), "localhost");
        assert_eq!(text("local\u{00ad}host"), "localhost");
        assert_eq!(text("ｅｖｉｌ.com"), "evil.com");
        assert_eq!(text("münchen.example"), "xn--mnchen-3ya.example");
        assert!(text("еvil.com").starts_with("xn--"), "a Cyrillic е is not an e");
    }

    #[test]
    fn addresses_are_where_the_registries_say() {
        use Class::*;
        for (host, expected) in [
            ("0.0.0.0", Loopback),
            ("127.255.255.254", Loopback),
            ("[::1]", Loopback),
            ("[::]", Loopback),
            ("[0:0:0:0:0:0:0:1]", Loopback),
            ("10.1.2.3", Private),
            ("172.16.0.1", Private),
            ("172.31.255.255", Private),
            ("172.32.0.1", Public),
            ("192.168.0.1", Private),
            ("100.64.0.1", Private),
            ("100.128.0.1", Public),
            ("198.18.0.1", Private),
            ("239.255.255.250", Private),
            ("255.255.255.255", Private),
            ("169.254.1.1", LinkLocal),
            ("[fe80::1]", LinkLocal),
            ("[fd12:3456::1]", Private),
            ("[ff02::1]", Private),
            ("8.8.8.8", Public),
            ("[2606:4700::1111]", Public),
            ("169.254.169.254", Metadata),
            ("0xa9fea9fe", Metadata),
            ("100.100.100.200", Metadata),
            ("[fd00:ec2::254]", Metadata),
            ("[::ffff:169.254.169.254]", Metadata),
        ] {
            assert_eq!(class(host), expected, "{host}");
        }
    }

    #[test]
    fn an_address_inside_an_address_counts_where_it_leads() {
        for (host, expected) in [
            ("[::127.0.0.1]", Class::Loopback),
            ("[64:ff9b::a9fe:a9fe]", Class::Metadata),
            ("[64:ff9b:1::10.0.0.1]", Class::Private),
            ("[2002:7f00:0001::]", Class::Loopback),
            ("[2002:c0a8:0101::1]", Class::Private),
            ("[2002:0808:0808::1]", Class::Public),
            ("[::ffff:0:10.0.0.1]", Class::Private),
            ("[2001:0:4136:e378:8000:63bf:f5ff:fffe]", Class::Private),
            ("[fe80::5efe:127.0.0.1]", Class::Loopback),
        ] {
            assert_eq!(class(host), expected, "{host}");
        }
    }

    #[test]
    fn names_are_public_unless_their_ending_says_otherwise() {
        use Class::*;
        for (host, expected) in [
            ("localhost", Loopback),
            ("app.localhost", Loopback),
            ("localhost.localdomain", Loopback),
            ("localhost.evil.com", Public),
            ("127.0.0.1.evil.com", Public),
            ("127x0y0z1.evil.com", Public),
            ("notlocalhost", Private),
            ("printer.local", Private),
            ("git.corp", Private),
            ("db.prod.internal", Private),
            ("internal.evil.com", Public),
            ("router.home.arpa", Private),
            ("api.default.svc", Private),
            ("intranet", Private),
            ("metadata.google.internal", Metadata),
            ("METADATA.google.internal.", Metadata),
            ("evil-metadata.google.internal.com", Public),
            ("example.com", Public),
        ] {
            assert_eq!(class(host), expected, "{host}");
        }
    }

    #[test]
    fn hosts_that_clients_read_differently_are_refused() {
        for host in [
            "",
            "local host",
            "localhost%00.evil.com",
            "localhost%2fevil.com",
            "a%40b.com",
            "a%20b.com",
            "a%25b.com",
            "evil..com",
            ".evil.com",
            "evil.com..",
            "straße.de",
            "a\u{200d}b.com",
            "{a,b}.com",
            "$HOST",
            "08.0.0.1",
            "256.1.1.1",
            "1.2.3.4.5",
            "[::1",
            "[fe80::1%25eth0]",
            "127.0.0.1.nip.io",
            "localtest.me",
            "evil.com／x",
        ] {
            assert!(read(host).is_err(), "{host}");
        }
        assert!(read(&"a".repeat(LABEL_MAX)).is_ok());
        assert!(read(&"a".repeat(LABEL_MAX + 1)).is_err());
        assert!(read(&"abc.".repeat(64)).is_err());
    }
}
