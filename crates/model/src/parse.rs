//! Reading indicators as people and feeds write them: the kind is guessed, the value refanged.

use crate::indicator::hash;
use crate::{DomainName, EmailAddress, HostError, Indicator, Kind, Url, UrlError};
use ipnet::IpNet;
use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

/// The longest text that is looked at: longer than any URL a browser sends.
pub const INDICATOR_BYTES_MAX: usize = 8192;

/// Why a text is not an indicator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// Nothing to read.
    #[error("it is empty")]
    Empty,
    /// Longer than [`INDICATOR_BYTES_MAX`].
    #[error("it has {0} bytes; an indicator has at most {INDICATOR_BYTES_MAX}")]
    TooLong(usize),
    /// White space or a control character in the middle.
    #[error("it has a blank or control character in it; give one indicator at a time")]
    Blank,
    /// A host that is neither a domain nor an address.
    #[error(transparent)]
    Host(#[from] HostError),
    /// Not a URL.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// Not an e-mail address.
    #[error("not an e-mail address: {0}")]
    Email(&'static str),
    /// Not an IP address.
    #[error("not an IP address: {0}")]
    Address(&'static str),
    /// Not a network.
    #[error("not a network: {0}")]
    Network(&'static str),
    /// Not a port.
    #[error("not a port: give a number from 1 to 65535")]
    Port,
    /// Not a hash.
    #[error("not a {kind}: give {digits} hexadecimal digits")]
    Hash {
        /// Of which kind.
        kind: Kind,
        /// How many digits it has.
        digits: usize,
    },
    /// Not an autonomous system number.
    #[error("not an AS number: write `AS` and a number up to 4294967295")]
    Asn,
    /// Not a JA4 fingerprint.
    #[error("not a JA4 fingerprint: it looks like t13d1516h2_8daaf6152771_b186095e22b6")]
    Ja4,
    /// Not a CVE identifier.
    #[error("not a CVE identifier: it looks like CVE-2021-44228")]
    Cve,
    /// Not an app package.
    #[error("not an app package: it has 2 or more parts of letters, digits and `_`, with dots")]
    App,
    /// Bytes from disk that no canonical form has.
    #[error("these bytes are not the canonical form of a {0}: the file is damaged")]
    NotCanonical(Kind),
}

impl Indicator {
    /// Reads an indicator of any kind, guessing which. `hxxp`, `[.]` and their kind are refanged.
    /// A kind's name and a colon in front (`ja3:…`, `app:…`) settle what the text alone does not.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let text = text.trim();
        check_text(text)?;
        if let Some((name, rest)) = text.split_once(':')
            && let Ok(kind) = name.to_ascii_lowercase().parse::<Kind>()
            && rest.parse::<u16>().is_err()
        {
            return Self::parse_as(kind, rest);
        }
        guess(&refang(text))
    }

    /// Reads an indicator of a known kind. Addresses and networks go together: a `/32` given as a
    /// network is the address, and the other way round is an error.
    pub fn parse_as(kind: Kind, text: &str) -> Result<Self, ParseError> {
        let text = text.trim();
        check_text(text)?;
        let text = &*refang(text);
        Ok(match kind {
            Kind::Ipv4 | Kind::Ipv6 => {
                let address = address(text)?;
                if address.is_ipv4() != (kind == Kind::Ipv4) {
                    return Err(ParseError::Address("it is of the other family"));
                }
                Self::Address(address)
            }
            Kind::Ipv4Network | Kind::Ipv6Network => network(text)?,
            Kind::Endpoint => endpoint(text)?,
            Kind::Domain => Self::Domain(DomainName::parse(text)?),
            Kind::Url => Self::Url(Url::parse(text)?),
            Kind::Md5 => Self::Md5(hash(kind, text)?),
            Kind::Sha1 => Self::Sha1(hash(kind, text)?),
            Kind::Sha256 => Self::Sha256(hash(kind, text)?),
            Kind::Email => Self::Email(EmailAddress::parse(text)?),
            Kind::Asn => asn(text).ok_or(ParseError::Asn)?,
            Kind::Ja3 => Self::Ja3(hash(kind, text)?),
            Kind::Ja4 => ja4(text).ok_or(ParseError::Ja4)?,
            Kind::Cve => cve(text).ok_or(ParseError::Cve)?,
            Kind::App => app(text)?,
            Kind::CertificateSha1 => Self::CertificateSha1(hash(kind, text)?),
            Kind::CertificateSha256 => Self::CertificateSha256(hash(kind, text)?),
        })
    }
}

fn check_text(text: &str) -> Result<(), ParseError> {
    if text.is_empty() {
        return Err(ParseError::Empty);
    }
    if text.len() > INDICATOR_BYTES_MAX {
        return Err(ParseError::TooLong(text.len()));
    }
    Ok(())
}

fn guess(text: &str) -> Result<Indicator, ParseError> {
    if let Some(indicator) = guess_by_shape(text) {
        return Ok(indicator);
    }
    if text.contains("://") {
        return Ok(Indicator::Url(Url::parse(text)?));
    }
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(ParseError::Blank);
    }
    if let Ok(address) = address(text) {
        return Ok(Indicator::Address(address));
    }
    if let Ok(endpoint) = endpoint(text) {
        return Ok(endpoint);
    }
    if let Some((front, bits)) = text.split_once('/')
        && !bits.is_empty()
        && bits.bytes().all(|b| b.is_ascii_digit())
        && front.parse::<IpAddr>().is_ok()
    {
        return network(text);
    }
    if text.contains(['/', '?']) || has_port(text) {
        return Ok(Indicator::Url(Url::parse(text)?));
    }
    if is_zero_padded(text) {
        return Err(ZERO_PADDED);
    }
    if text.contains('@') {
        return Ok(Indicator::Email(EmailAddress::parse(text)?));
    }
    Ok(Indicator::Domain(DomainName::parse(text)?))
}

/// The kinds whose spelling cannot be anything else.
fn guess_by_shape(text: &str) -> Option<Indicator> {
    match text.len() {
        32 => hash(Kind::Md5, text).ok().map(Indicator::Md5),
        40 => hash(Kind::Sha1, text).ok().map(Indicator::Sha1),
        64 => hash(Kind::Sha256, text).ok().map(Indicator::Sha256),
        _ => None,
    }
    .or_else(|| cve(text))
    .or_else(|| asn(text))
    .or_else(|| ja4(text))
}

fn has_port(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| {
        !host.contains(':') && !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit())
    })
}

/// Undoes the ways in which analysts make indicators unclickable.
pub fn refang(text: &str) -> Cow<'_, str> {
    let mut text = match text.get(..4) {
        Some(scheme) if scheme.eq_ignore_ascii_case("hxxp") => {
            Cow::Owned(format!("http{}", text.get(4..).unwrap_or_default()))
        }
        Some(scheme) if scheme.eq_ignore_ascii_case("fxp:") => {
            Cow::Owned(format!("ftp:{}", text.get(4..).unwrap_or_default()))
        }
        _ => Cow::Borrowed(text),
    };
    const SPELLINGS: [(&str, &str); 12] = [
        ("[.]", "."),
        ("(.)", "."),
        ("{.}", "."),
        ("[dot]", "."),
        ("(dot)", "."),
        ("[://]", "://"),
        ("[:]//", "://"),
        ("[:]", ":"),
        ("[/]", "/"),
        ("[@]", "@"),
        ("[at]", "@"),
        ("(at)", "@"),
    ];
    if text.contains(['[', '(', '{']) {
        for (defanged, plain) in SPELLINGS {
            if text.contains(defanged) {
                text = Cow::Owned(text.replace(defanged, plain));
            }
        }
    }
    text
}

/// Reads one address as feeds write it. Zero-padded parts are refused: they are octal to some
/// programs and decimal to others.
pub fn address(text: &str) -> Result<IpAddr, ParseError> {
    let text = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    match text.parse::<IpAddr>() {
        Ok(address) => Ok(address.to_canonical()),
        Err(_) if is_zero_padded(text) => Err(ZERO_PADDED),
        Err(_) => Err(ParseError::Address("write 192.0.2.1 or 2001:db8::1")),
    }
}

const ZERO_PADDED: ParseError = ParseError::Address(
    "a part begins with a zero, which is octal to some programs and decimal to others",
);

fn is_zero_padded(text: &str) -> bool {
    let mut parts = text.split('.');
    parts.clone().count() == 4
        && parts.clone().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
        && parts.any(|part| part.len() > 1 && part.starts_with('0'))
}

/// Reads a network in CIDR notation, or an address as a network of one.
pub fn network(text: &str) -> Result<Indicator, ParseError> {
    let Some((front, bits)) = text.split_once('/') else {
        return Ok(Indicator::Address(address(text)?));
    };
    let address = front
        .parse::<IpAddr>()
        .map_err(|_| ParseError::Network("write 192.0.2.0/24 or 2001:db8::/32"))?;
    let bits = bits.parse::<u8>().map_err(|_| {
        ParseError::Network("the prefix length is not a number; masks are not read")
    })?;
    IpNet::new(address, bits)
        .map(Indicator::network)
        .map_err(|_| ParseError::Network("the prefix is longer than the address"))
}

fn endpoint(text: &str) -> Result<Indicator, ParseError> {
    let endpoint = text.parse::<SocketAddr>().map_err(|_| ParseError::Port)?;
    if endpoint.port() == 0 {
        return Err(ParseError::Port);
    }
    Ok(Indicator::Endpoint(SocketAddr::new(endpoint.ip().to_canonical(), endpoint.port())))
}

fn asn(text: &str) -> Option<Indicator> {
    let (letters, number) = text.split_at_checked(2)?;
    if !letters.eq_ignore_ascii_case("as") || !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    number.parse().ok().map(Indicator::Asn)
}

/// `CVE-YYYY-NNNN`, with four to nineteen digits at the end (CVE record format 5).
pub(crate) fn cve(text: &str) -> Option<Indicator> {
    let upper = text.to_ascii_uppercase();
    let (year, number) = upper.strip_prefix("CVE-")?.split_once('-')?;
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    (year.len() == 4 && (4..=19).contains(&number.len()) && digits(year) && digits(number))
        .then(|| Indicator::Cve(upper.clone().into()))
}

/// `t13d1516h2_8daaf6152771_b186095e22b6`: protocol, version, SNI, counts and ALPN, then two
/// truncated hashes (FoxIO JA4 specification).
pub(crate) fn ja4(text: &str) -> Option<Indicator> {
    if text.len() != 36 || !text.is_ascii() {
        return None;
    }
    let lower = text.to_ascii_lowercase();
    let mut parts = lower.split('_');
    let (front, ciphers, extensions) = (parts.next()?, parts.next()?, parts.next()?);
    let hexadecimal = |part: &str| part.len() == 12 && part.bytes().all(|b| b.is_ascii_hexdigit());
    let front = front.as_bytes();
    let shaped = parts.next().is_none()
        && front.len() == 10
        && matches!(front.first(), Some(b't' | b'q' | b'd'))
        && matches!(front.get(3), Some(b'd' | b'i'))
        && front.get(4..8).is_some_and(|counts| counts.iter().all(u8::is_ascii_digit))
        && front.iter().all(u8::is_ascii_alphanumeric);
    (shaped && hexadecimal(ciphers) && hexadecimal(extensions))
        .then(|| Indicator::Ja4(lower.clone().into()))
}

/// A Java package or Apple bundle identifier of two or more parts.
pub(crate) fn app(text: &str) -> Result<Indicator, ParseError> {
    let part = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
    };
    if text.len() <= 255 && text.contains('.') && text.split('.').all(part) {
        Ok(Indicator::App(text.into()))
    } else {
        Err(ParseError::App)
    }
}

#[cfg(test)]
mod tests;
