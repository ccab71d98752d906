//! From the labels before a zone to what is asked about.

use super::config::ListKind;
use data_encoding::{BASE32_NOPAD_NOCASE, HEXLOWER_PERMISSIVE};
use smallvec::SmallVec;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use wardnet_model::{DomainName, Indicator, Key, Kind};

/// The test point of lists of addresses (RFC 5782, section 5).
const TEST_V4: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// What is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    /// The point that is always listed, so that a client can tell that the list works.
    Test,
    /// One thing.
    About(Indicator),
    /// A SHA-256 that may be of a file, a URL or an e-mail address.
    Digest(Key),
}

impl Asked {
    /// Kinds whose key a digest may be, besides files.
    pub(super) const DIGESTS: [Kind; 2] = [Kind::Url, Kind::Email];
}

/// Reads labels; `None` for what the zone can hold nothing about.
pub(super) fn read(kind: ListKind, labels: &[&[u8]]) -> Option<Asked> {
    match kind {
        ListKind::Addresses => about_address(labels),
        ListKind::Domains => about_domain(labels),
        ListKind::Hashes => about_hash(labels),
        ListKind::Allowed => about_address(labels).or_else(|| about_domain(labels)),
    }
}

fn about_address(labels: &[&[u8]]) -> Option<Asked> {
    let address = match labels.len() {
        4 => IpAddr::V4(v4(labels)?),
        32 => IpAddr::V6(v6(labels)?).to_canonical(),
        _ => return None,
    };
    if address == IpAddr::V4(TEST_V4) {
        return Some(Asked::Test);
    }
    Some(Asked::About(Indicator::Address(address)))
}

/// Four decimal numbers, the last one first (RFC 5782, section 2.1).
fn v4(labels: &[&[u8]]) -> Option<Ipv4Addr> {
    let mut octets = [0u8; 4];
    for (octet, label) in octets.iter_mut().rev().zip(labels) {
        let plain = label.len() <= 3 && (label.len() == 1 || label.first() != Some(&b'0'));
        let digits = plain.then(|| std::str::from_utf8(label).ok()).flatten()?;
        *octet =
            digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse().ok())??;
    }
    Some(Ipv4Addr::from(octets))
}

/// Thirty-two nibbles, the last one first (RFC 5782, section 2.4).
fn v6(labels: &[&[u8]]) -> Option<Ipv6Addr> {
    let mut bits = 0u128;
    for label in labels.iter().rev() {
        let [digit] = label else { return None };
        bits = bits.wrapping_shl(4) | u128::from(char::from(*digit).to_digit(16)?);
    }
    Some(Ipv6Addr::from_bits(bits))
}

/// The test point of lists of names (RFC 5782, section 5).
fn is_test(labels: &[&[u8]]) -> bool {
    matches!(labels, [only] if only.eq_ignore_ascii_case(b"test"))
}

fn about_domain(labels: &[&[u8]]) -> Option<Asked> {
    if is_test(labels) {
        return Some(Asked::Test);
    }
    let mut text = String::with_capacity(64);
    for label in labels {
        // A dot inside of a label would be read as the end of it.
        let label = std::str::from_utf8(label).ok().filter(|label| !label.contains('.'))?;
        if !text.is_empty() {
            text.push('.');
        }
        text.push_str(label);
    }
    DomainName::parse(&text).ok().map(|name| Asked::About(Indicator::Domain(name)))
}

/// A hash in one label (hex of MD5 and SHA-1, base32 of SHA-1 and SHA-256) or, as SHA-256 in hex is
/// too long for one, in two.
fn about_hash(labels: &[&[u8]]) -> Option<Asked> {
    if is_test(labels) {
        return Some(Asked::Test);
    }
    let text: SmallVec<[u8; 64]> = match labels {
        [one] => SmallVec::from_slice(one),
        [one, two] if one.len() == 32 && two.len() == 32 => {
            one.iter().chain(*two).copied().collect()
        }
        _ => return None,
    };
    let hex = || HEXLOWER_PERMISSIVE.decode(&text).ok();
    let base32 = || BASE32_NOPAD_NOCASE.decode(&text).ok();
    let octets = match text.len() {
        // Thirty-two letters are MD5 in hex, or SHA-1 in base32.
        32 => hex().or_else(base32)?,
        40 | 64 => hex()?,
        52 => base32()?,
        _ => return None,
    };
    match octets.len() {
        16 => Some(Asked::About(Indicator::Md5(octets.try_into().ok()?))),
        20 => Some(Asked::About(Indicator::Sha1(octets.try_into().ok()?))),
        32 => Some(Asked::Digest(Key(octets.try_into().ok()?))),
        _ => None,
    }
}

/// Reads any labels, at any zone.
pub fn fuzz_list_question(bytes: &[u8]) {
    let name = wardnet_wire::dns::Name::of(bytes);
    let labels: Vec<&[u8]> = name.labels().take(128).collect();
    for kind in [ListKind::Addresses, ListKind::Domains, ListKind::Hashes, ListKind::Allowed] {
        read(kind, &labels);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(text: &str) -> Vec<&[u8]> {
        text.split('.').map(str::as_bytes).collect()
    }

    fn about(kind: ListKind, text: &str) -> Option<String> {
        match read(kind, &labels(text))? {
            Asked::Test => Some("test".to_owned()),
            Asked::About(indicator) => Some(indicator.to_string()),
            Asked::Digest(key) => Some(data_encoding::HEXLOWER.encode(&key.0)),
        }
    }

    #[test]
    fn addresses_stand_in_reverse() {
        let about = |text: &str| about(ListKind::Addresses, text);
        assert_eq!(about("4.3.2.1"), Some("1.2.3.4".into()));
        let nibbles = |text: &str| {
            let digits: Vec<String> = text.chars().rev().map(String::from).collect();
            digits.join(".")
        };
        let v6 = nibbles("20010db8000000000000000000000001");
        assert_eq!(about(&v6), Some("2001:db8::1".into()));
        assert_eq!(about("2.0.0.127"), Some("test".into()));
        let mapped = nibbles("00000000000000000000ffff7f000002");
        assert_eq!(about(&mapped), Some("test".into()));
        for wrong in ["256.1.1.1", "01.1.1.1", "+1.1.1.1", "1.1.1", "x.1.1.1", "1.1.1.1.1"] {
            assert_eq!(about(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn domains_are_read_as_everywhere() {
        let about = |text: &str| about(ListKind::Domains, text);
        assert_eq!(about("WWW.Example.org"), Some("www.example.org".into()));
        assert_eq!(about("TEST"), Some("test".into()));
        assert_eq!(about("4.3.2.1"), None);
        assert_eq!(read(ListKind::Domains, &[b"a.b", b"org"]), None, "a dot in a label");
        assert_eq!(about("invalid"), Some("invalid".into()), "and never listed");
    }

    #[test]
    fn hashes_come_in_the_forms_that_clients_send() {
        let about = |text: &str| about(ListKind::Hashes, text);
        let md5 = "44d88612fea8a8f36de82e1278abb02f";
        assert_eq!(about(md5), Some(md5.into()));
        let sha1 = "3395856ce81f2b7382dee72602f798b642f14140";
        assert_eq!(about(&sha1.to_ascii_uppercase()), Some(sha1.into()));
        let sha256 = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f";
        let (one, two) = sha256.split_at(32);
        assert_eq!(about(&format!("{one}.{two}")), Some(sha256.into()));
        let octets = data_encoding::HEXLOWER.decode(sha256.as_bytes()).unwrap();
        let base32 = data_encoding::BASE32_NOPAD.encode(&octets).to_ascii_lowercase();
        assert_eq!(about(&base32), Some(sha256.into()));
        assert_eq!(about("44d8"), None);
        assert_eq!(about(&format!("{two}x.{one}")), None);
    }
}
