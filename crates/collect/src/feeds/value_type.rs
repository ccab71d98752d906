//! Types of value, by the names that MISP, OTX, ThreatFox, CrowdSec and others give them.

use crate::feeds::{RejectReason, domain_list, hash_list, ip_list, url_list};
use wardnet_model::{Indicator, Kind, Observation, ParseError, Scope};

/// What a type of value is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    Address,
    Endpoint,
    Host,
    Url,
    Hash,
    Asn,
    As(Kind),
}

/// Types by name, in lower case with `-` for blanks and `_`, in order.
const TYPES: [(&str, Reading); 65] = [
    ("address", Reading::Address),
    ("as", Reading::Asn),
    ("asn", Reading::Asn),
    ("autonomous-system", Reading::Asn),
    ("certificate-sha1", Reading::As(Kind::CertificateSha1)),
    ("certificate-sha256", Reading::As(Kind::CertificateSha256)),
    ("cidr", Reading::Address),
    ("cve", Reading::As(Kind::Cve)),
    ("domain", Reading::Host),
    ("domain-name", Reading::Host),
    ("domain|ip", Reading::Host),
    ("email", Reading::As(Kind::Email)),
    ("email-addr", Reading::As(Kind::Email)),
    ("email-dst", Reading::As(Kind::Email)),
    ("email-reply-to", Reading::As(Kind::Email)),
    ("email-src", Reading::As(Kind::Email)),
    ("file-hash", Reading::Hash),
    ("filehash-md5", Reading::Hash),
    ("filehash-sha1", Reading::Hash),
    ("filehash-sha256", Reading::Hash),
    ("filename|md5", Reading::Hash),
    ("filename|sha1", Reading::Hash),
    ("filename|sha256", Reading::Hash),
    ("fqdn", Reading::Host),
    ("hash", Reading::Hash),
    ("host", Reading::Host),
    ("hostname", Reading::Host),
    ("hostname|port", Reading::Host),
    ("ip", Reading::Address),
    ("ip-address", Reading::Address),
    ("ip-dst", Reading::Address),
    ("ip-dst|port", Reading::Endpoint),
    ("ip-range", Reading::Address),
    ("ip-src", Reading::Address),
    ("ip-src|port", Reading::Endpoint),
    ("ip:port", Reading::Endpoint),
    ("ipv4", Reading::Address),
    ("ipv4-addr", Reading::Address),
    ("ipv4-address", Reading::Address),
    ("ipv6", Reading::Address),
    ("ipv6-addr", Reading::Address),
    ("ipv6-address", Reading::Address),
    ("ja3", Reading::As(Kind::Ja3)),
    ("ja3-fingerprint-md5", Reading::As(Kind::Ja3)),
    ("ja4", Reading::As(Kind::Ja4)),
    ("ja4-plus", Reading::As(Kind::Ja4)),
    ("malware-sample", Reading::Hash),
    ("md5", Reading::Hash),
    ("md5-hash", Reading::Hash),
    ("mobile-application-id", Reading::As(Kind::App)),
    ("netblock", Reading::Address),
    ("network", Reading::Address),
    ("package", Reading::As(Kind::App)),
    ("range", Reading::Address),
    ("sha-1", Reading::Hash),
    ("sha-256", Reading::Hash),
    ("sha1", Reading::Hash),
    ("sha1-hash", Reading::Hash),
    ("sha256", Reading::Hash),
    ("sha256-hash", Reading::Hash),
    ("uri", Reading::Url),
    ("url", Reading::Url),
    ("vulnerability", Reading::As(Kind::Cve)),
    ("x509-fingerprint-sha1", Reading::As(Kind::CertificateSha1)),
    ("x509-fingerprint-sha256", Reading::As(Kind::CertificateSha256)),
];

/// What a type of that name is read as: names of feeds first, then our own.
fn reading_of(kind: &str) -> Option<Reading> {
    let name: String = kind
        .trim()
        .chars()
        .take(32)
        .map(|c| if c == ' ' || c == '_' { '-' } else { c.to_ascii_lowercase() })
        .collect();
    match TYPES.binary_search_by(|(known, _)| (*known).cmp(&name)) {
        Ok(at) => TYPES.get(at).map(|(_, reading)| *reading),
        Err(_) => name.parse().ok().map(Reading::As),
    }
}

/// Whether a word is the name of a type that is read.
pub(crate) fn is_type(kind: &str) -> bool {
    reading_of(kind).is_some()
}

/// Reads a value of a named type.
pub(crate) fn typed(kind: &str, value: &str, scope: Scope) -> Result<Observation, RejectReason> {
    let Some(reading) = reading_of(kind) else {
        return Err(RejectReason::ValueType(kind.trim().chars().take(32).collect()));
    };
    let value = value.trim();
    let indicator = match reading {
        Reading::Host => {
            return domain_list::read(value.split('|').next().unwrap_or_default(), scope);
        }
        Reading::Url => return Ok(Observation::malicious(url_list::read(value)?, scope)),
        Reading::Address => ip_list::read(value)?,
        Reading::Endpoint => endpoint(value)?,
        Reading::Hash => hash(value.rsplit('|').next().unwrap_or_default())?,
        Reading::Asn => asn(value)?,
        Reading::As(kind) => Indicator::parse_as(kind, value)?,
    };
    Ok(Observation::malicious(indicator, Scope::Exact))
}

/// A hash of a file, by its length.
pub(crate) fn hash(value: &str) -> Result<Indicator, ParseError> {
    hash_list::read(value)
}

/// `192.0.2.1:80`, or `192.0.2.1|80` as MISP has it.
fn endpoint(value: &str) -> Result<Indicator, ParseError> {
    match value.split_once('|') {
        Some((host, port)) if host.contains(':') => {
            Indicator::parse_as(Kind::Endpoint, &format!("[{host}]:{port}"))
        }
        Some((host, port)) => Indicator::parse_as(Kind::Endpoint, &format!("{host}:{port}")),
        None => Indicator::parse_as(Kind::Endpoint, value),
    }
}

/// `AS64496` or `64496`.
fn asn(value: &str) -> Result<Indicator, ParseError> {
    let bare = value.bytes().all(|b| b.is_ascii_digit());
    if bare {
        Indicator::parse_as(Kind::Asn, &format!("AS{value}"))
    } else {
        Indicator::parse_as(Kind::Asn, value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_in_order_and_read() {
        assert!(TYPES.is_sorted_by_key(|(name, _)| *name));
        for (kind, value, expected) in [
            ("ip-dst|port", "45.95.11.34|443", "45.95.11.34:443"),
            ("IP:Port", "45.95.11[.]34:443", "45.95.11.34:443"),
            ("Range", "45.95.11.0/24", "45.95.11.0/24"),
            ("domain|ip", "evil-shop.top|45.95.11.34", "evil-shop.top"),
            (
                "FileHash-MD5",
                "D41D8CD98F00B204E9800998ECF8427E",
                "d41d8cd98f00b204e9800998ecf8427e",
            ),
            ("AS", "64500", "AS64500"),
            ("ipv4-network", "45.95.11.0/24", "45.95.11.0/24"),
            ("endpoint", "45.95.11.34:443", "45.95.11.34:443"),
            ("CVE", "CVE-2021-44228", "CVE-2021-44228"),
        ] {
            let read = typed(kind, value, Scope::Exact).unwrap();
            assert_eq!(read.indicator.to_string(), expected, "{kind}");
        }
        assert_eq!(
            typed("Country", "CN", Scope::Exact),
            Err(RejectReason::ValueType("Country".into()))
        );
    }
}
