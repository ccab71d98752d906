//! From the labels before a zone to what is asked about.

use super::config::ListKind;
use data_encoding::{BASE32_NOPAD_NOCASE, HEXLOWER_PERMISSIVE};
use smallvec::SmallVec;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use wardnet_model::{DomainName, Indicator};

/// The test point of lists of addresses (RFC 5782, section 5).
const TEST_V4: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// Prefixes in one question at most: what AdGuard's clients send.
const PREFIXES_MAX: usize = 4;

/// A digest as it was written, in small letters; one in two labels put together.
pub(super) type Label = SmallVec<[u8; 64]>;

/// What is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    /// The point that is always listed, so that a client can tell that the list works.
    Test,
    /// One thing.
    About(Indicator),
    /// A digest of a file, a URL, an e-mail address or a domain.
    Digest(Label),
    /// All domains whose SHA-256 begins with one of these.
    Prefixes(SmallVec<[u16; PREFIXES_MAX]>),
}

/// Reads labels; `None` for what the zone can hold nothing about.
pub(super) fn read(kind: ListKind, labels: &[&[u8]]) -> Option<Asked> {
    match kind {
        ListKind::Addresses => about_address(labels),
        ListKind::Domains => about_domain(labels),
        ListKind::Hashes => about_digest(labels),
        ListKind::Mhr => match about_digest(labels)? {
            Asked::Digest(label) => file(&label).map(Asked::About),
            other => Some(other),
        },
        ListKind::HashPrefixes => about_prefixes(labels),
        ListKind::Uris | ListKind::Allowed => {
            about_address(labels).or_else(|| about_domain(labels))
        }
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
        *octet = decimal(label)?;
    }
    Some(Ipv4Addr::from(octets))
}

/// One to three digits, without zeros before.
fn decimal(label: &[u8]) -> Option<u8> {
    if label.is_empty() || label.len() > 3 || (label.len() > 1 && label.first() == Some(&b'0')) {
        return None;
    }
    let number = label.iter().try_fold(0u16, |number, digit| {
        digit.is_ascii_digit().then(|| number * 10 + u16::from(digit - b'0'))
    })?;
    u8::try_from(number).ok()
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

/// A digest in one label or, as SHA-256 in hex is too long for one, in two.
fn about_digest(labels: &[&[u8]]) -> Option<Asked> {
    if is_test(labels) {
        return Some(Asked::Test);
    }
    let mut label: Label = match labels {
        [one] => SmallVec::from_slice(one),
        [one, two] if one.len() == 32 && two.len() == 32 => {
            one.iter().chain(*two).copied().collect()
        }
        _ => return None,
    };
    label.make_ascii_lowercase();
    Some(Asked::Digest(label))
}

/// The file whose hash this is: MD5 and SHA-1 in hex, SHA-1 and SHA-256 in base32, SHA-256 in hex.
pub(super) fn file(label: &[u8]) -> Option<Indicator> {
    let hex = || HEXLOWER_PERMISSIVE.decode(label).ok();
    let base32 = || BASE32_NOPAD_NOCASE.decode(label).ok();
    let octets = match label.len() {
        // Thirty-two letters are MD5 in hex, or SHA-1 in base32.
        32 => hex().or_else(base32)?,
        40 | 64 => hex()?,
        52 => base32()?,
        _ => return None,
    };
    match octets.len() {
        16 => Some(Indicator::Md5(octets.try_into().ok()?)),
        20 => Some(Indicator::Sha1(octets.try_into().ok()?)),
        32 => Some(Indicator::Sha256(octets.try_into().ok()?)),
        _ => None,
    }
}

/// One to four prefixes of two octets in hex.
fn about_prefixes(labels: &[&[u8]]) -> Option<Asked> {
    if labels.len() > PREFIXES_MAX {
        return None;
    }
    let prefix = |label: &&[u8]| {
        let octets = HEXLOWER_PERMISSIVE.decode(label).ok()?;
        Some(u16::from_be_bytes(octets.try_into().ok()?))
    };
    labels.iter().map(prefix).collect::<Option<_>>().map(Asked::Prefixes)
}

/// Every kind of zone.
const KINDS: [ListKind; 7] = [
    ListKind::Addresses,
    ListKind::Domains,
    ListKind::Uris,
    ListKind::Hashes,
    ListKind::Mhr,
    ListKind::HashPrefixes,
    ListKind::Allowed,
];

/// Reads any labels, at any zone.
pub fn fuzz_list_question(bytes: &[u8]) {
    let name = wardnet_wire::dns::Name::of(bytes);
    let labels: Vec<&[u8]> = name.labels().take(128).collect();
    for kind in KINDS {
        match read(kind, &labels) {
            Some(Asked::Prefixes(prefixes)) => assert!(prefixes.len() <= PREFIXES_MAX),
            Some(Asked::Digest(label)) => {
                assert!(label.len() <= 64, "a label, or two of 32");
                super::digest::readings(&label);
            }
            _ => {}
        }
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
            Asked::Digest(label) => Some(String::from_utf8(label.to_vec()).unwrap()),
            Asked::Prefixes(prefixes) => Some(format!("{prefixes:x?}")),
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
    fn hosts_of_urls_are_names_or_addresses() {
        let about = |text: &str| about(ListKind::Uris, text);
        assert_eq!(about("evil.top"), Some("evil.top".into()));
        assert_eq!(about("4.3.2.1"), Some("1.2.3.4".into()));
        assert_eq!(about("2.0.0.127"), Some("test".into()));
        assert_eq!(about("test"), Some("test".into()));
    }

    #[test]
    fn hashes_come_in_the_forms_that_clients_send() {
        let about = |text: &str| about(ListKind::Mhr, text);
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
        // What is no file's hash may still be another digest.
        assert_eq!(super::tests::about(ListKind::Hashes, "44D8"), Some("44d8".into()));
    }

    #[test]
    fn prefixes_are_four_digits_each_and_four_at_most() {
        let about = |text: &str| about(ListKind::HashPrefixes, text);
        assert_eq!(about("0aF1"), Some("[af1]".into()));
        assert_eq!(about("0000.ffff.1234.abcd"), Some("[0, ffff, 1234, abcd]".into()));
        for wrong in ["0aF", "0aF10", "0aF10b", "0aFg", "0000.0000.0000.0000.0000", "test"] {
            assert_eq!(about(wrong), None, "{wrong}");
        }
    }

    /// The corpus of the fuzz target, and what becomes of it when octets change.
    #[test]
    fn any_labels_are_read() {
        let folder =
            concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/protect_list_question");
        let seeds: Vec<Vec<u8>> = std::fs::read_dir(folder)
            .unwrap()
            .map(|file| std::fs::read(file.unwrap().path()).unwrap())
            .collect();
        assert!(!seeds.is_empty());
        for seed in seeds {
            fuzz_list_question(&seed);
            for at in 0..seed.len() {
                for value in [0, 1, 4, 32, b'0', b'x', 63, 255] {
                    let mut changed = seed.clone();
                    changed[at] = value;
                    fuzz_list_question(&changed);
                    fuzz_list_question(&changed[..at]);
                }
            }
        }
    }
}
