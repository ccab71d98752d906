//! Indicators: the things one can ask about, in their one canonical form.

use crate::hex::{self, Hex};
use crate::{DomainName, HostRef, Key, Kind, ParseError, Url};
use ipnet::IpNet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A thing one can ask about.
///
/// Built by [`Indicator::parse`] and friends, which bring every spelling into the canonical one, so
/// equal things compare equal. [`fmt::Display`] writes the canonical text, which parses back to the
/// same indicator.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Indicator {
    /// One address. IPv4-mapped IPv6 addresses are IPv4 addresses.
    Address(IpAddr),
    /// A network with more than one address; bits beyond the prefix are zero.
    Network(IpNet),
    /// An address and a port.
    Endpoint(SocketAddr),
    /// A domain name.
    Domain(DomainName),
    /// A URL.
    Url(Url),
    /// MD5 of a file.
    Md5([u8; 16]),
    /// SHA-1 of a file.
    Sha1([u8; 20]),
    /// SHA-256 of a file.
    Sha256([u8; 32]),
    /// An e-mail address, in lower case.
    Email(EmailAddress),
    /// An autonomous system.
    Asn(u32),
    /// A JA3 fingerprint.
    Ja3([u8; 16]),
    /// A JA4 fingerprint, in lower case.
    Ja4(Box<str>),
    /// A CVE identifier, in upper case.
    Cve(Box<str>),
    /// An app package, such as `com.example.app`; its case matters.
    App(Box<str>),
    /// SHA-1 of a DER certificate.
    CertificateSha1([u8; 20]),
    /// SHA-256 of a DER certificate.
    CertificateSha256([u8; 32]),
    /// A kind this build does not know, kept as it was read.
    Unknown {
        /// The number of its kind.
        tag: u8,
        /// What the journal holds of it.
        payload: Box<[u8]>,
    },
}

/// An e-mail address: local part and domain, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EmailAddress {
    text: Box<str>,
    at: usize,
}

impl EmailAddress {
    /// Reads `local@domain`. Quoted local parts are refused: no list holds them.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let (local, domain) =
            text.rsplit_once('@').ok_or(ParseError::Email("there is no `@` in it"))?;
        let allowed = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
        if local.is_empty() || local.len() > 64 {
            return Err(ParseError::Email("the part before `@` must have 1 to 64 bytes"));
        }
        if !local.chars().all(allowed) {
            return Err(ParseError::Email("the part before `@` has a character it cannot have"));
        }
        let domain = DomainName::parse(domain)?;
        let local = local.to_lowercase();
        Ok(Self { at: local.len(), text: format!("{local}@{domain}").into() })
    }

    /// The whole address.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The domain behind the `@`.
    pub fn domain(&self) -> &str {
        self.text.get(self.at + 1..).unwrap_or_default()
    }
}

impl Indicator {
    /// The kind; `None` for one this build does not know.
    pub fn kind(&self) -> Option<Kind> {
        Some(match self {
            Self::Address(IpAddr::V4(_)) => Kind::Ipv4,
            Self::Address(IpAddr::V6(_)) => Kind::Ipv6,
            Self::Network(IpNet::V4(_)) => Kind::Ipv4Network,
            Self::Network(IpNet::V6(_)) => Kind::Ipv6Network,
            Self::Endpoint(_) => Kind::Endpoint,
            Self::Domain(_) => Kind::Domain,
            Self::Url(_) => Kind::Url,
            Self::Md5(_) => Kind::Md5,
            Self::Sha1(_) => Kind::Sha1,
            Self::Sha256(_) => Kind::Sha256,
            Self::Email(_) => Kind::Email,
            Self::Asn(_) => Kind::Asn,
            Self::Ja3(_) => Kind::Ja3,
            Self::Ja4(_) => Kind::Ja4,
            Self::Cve(_) => Kind::Cve,
            Self::App(_) => Kind::App,
            Self::CertificateSha1(_) => Kind::CertificateSha1,
            Self::CertificateSha256(_) => Kind::CertificateSha256,
            Self::Unknown { .. } => return None,
        })
    }

    /// The number of the kind, known or not.
    pub fn tag(&self) -> u8 {
        match self {
            Self::Unknown { tag, .. } => *tag,
            known => known.kind().map_or(0, Kind::tag),
        }
    }

    /// An address; IPv4-mapped IPv6 becomes IPv4.
    pub fn address(address: IpAddr) -> Self {
        Self::Address(address.to_canonical())
    }

    /// A network; one of a single address becomes that address, bits beyond the prefix become zero,
    /// and an IPv4-mapped network an IPv4 network.
    pub fn network(network: IpNet) -> Self {
        if network.prefix_len() == network.max_prefix_len() {
            return Self::address(network.addr());
        }
        if let IpNet::V6(v6) = network
            && let (Some(v4), Some(bits)) =
                (v6.addr().to_ipv4_mapped(), v6.prefix_len().checked_sub(96))
            && let Ok(folded) = ipnet::Ipv4Net::new(v4, bits)
        {
            return Self::Network(IpNet::V4(folded.trunc()));
        }
        Self::Network(network.trunc())
    }

    /// The fixed-width name under which stores and databases keep the indicator.
    pub fn key(&self) -> Key {
        match self {
            Self::Address(address) => address_key(*address, address_bits(*address)),
            Self::Network(network) => address_key(network.addr(), network.prefix_len()),
            Self::Domain(name) => domain_key(name.as_str()),
            Self::Url(url) => Key::digest(url.expression().as_bytes()),
            Self::Sha256(hash) | Self::CertificateSha256(hash) => Key(*hash),
            other => {
                let mut payload = Vec::with_capacity(64);
                other.write_payload(&mut payload);
                Key::digest(&payload)
            }
        }
    }

    /// Appends the canonical bytes of the indicator, without its kind, as the journal keeps them.
    pub fn write_payload(&self, out: &mut Vec<u8>) {
        match self {
            Self::Address(address) => write_address(*address, out),
            Self::Network(network) => {
                write_address(network.addr(), out);
                out.push(network.prefix_len());
            }
            Self::Endpoint(endpoint) => {
                write_address(endpoint.ip(), out);
                out.extend_from_slice(&endpoint.port().to_le_bytes());
            }
            Self::Domain(name) => out.extend_from_slice(name.as_str().as_bytes()),
            Self::Url(url) => out.extend_from_slice(url.as_str().as_bytes()),
            Self::Md5(hash) | Self::Ja3(hash) => out.extend_from_slice(hash),
            Self::Sha1(hash) | Self::CertificateSha1(hash) => out.extend_from_slice(hash),
            Self::Sha256(hash) | Self::CertificateSha256(hash) => out.extend_from_slice(hash),
            Self::Email(address) => out.extend_from_slice(address.text.as_bytes()),
            Self::Asn(number) => out.extend_from_slice(&number.to_le_bytes()),
            Self::Ja4(text) | Self::Cve(text) | Self::App(text) => {
                out.extend_from_slice(text.as_bytes());
            }
            Self::Unknown { payload, .. } => out.extend_from_slice(payload),
        }
    }

    /// Reads back what [`write_payload`](Self::write_payload) wrote. Bytes that are not canonical
    /// are refused, so damage never turns into another indicator.
    pub fn from_payload(tag: u8, payload: &[u8]) -> Result<Self, ParseError> {
        let Some(kind) = Kind::from_tag(tag) else {
            return Ok(Self::Unknown { tag, payload: payload.into() });
        };
        let indicator = read_payload(kind, payload)?;
        let mut again = Vec::with_capacity(payload.len());
        indicator.write_payload(&mut again);
        if again == payload && indicator.tag() == tag {
            Ok(indicator)
        } else {
            Err(ParseError::NotCanonical(kind))
        }
    }

    /// The domain name the indicator is, or lies on.
    pub fn domain(&self) -> Option<&str> {
        match self {
            Self::Domain(name) => Some(name.as_str()),
            Self::Url(url) => match url.host() {
                HostRef::Domain(name) => Some(name.as_str()),
                HostRef::Address(_) | HostRef::Other(_) => None,
            },
            Self::Email(address) => Some(address.domain()),
            _ => None,
        }
    }
}

/// The key of a domain name: SHA-256 of its Safe Browsing expression, `name/`.
pub fn domain_key(name: &str) -> Key {
    let mut expression = [0u8; 256];
    match expression.get_mut(..=name.len()) {
        Some(buffer) => {
            let (text, slash) = buffer.split_at_mut(name.len());
            text.copy_from_slice(name.as_bytes());
            slash.fill(b'/');
            Key::digest(buffer)
        }
        None => Key::digest(format!("{name}/").as_bytes()),
    }
}

/// The key of an address or, with fewer bits, of a network.
pub fn address_key(address: IpAddr, prefix_len: u8) -> Key {
    let mut bytes = [0u8; 32];
    match address {
        IpAddr::V4(v4) => bytes[..4].copy_from_slice(&v4.octets()),
        IpAddr::V6(v6) => bytes[..16].copy_from_slice(&v6.octets()),
    }
    bytes[16] = prefix_len;
    Key(bytes)
}

const fn address_bits(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

fn write_address(address: IpAddr, out: &mut Vec<u8>) {
    match address {
        IpAddr::V4(v4) => out.extend_from_slice(&v4.octets()),
        IpAddr::V6(v6) => out.extend_from_slice(&v6.octets()),
    }
}

fn read_payload(kind: Kind, payload: &[u8]) -> Result<Indicator, ParseError> {
    let damaged = || ParseError::NotCanonical(kind);
    let text = || std::str::from_utf8(payload).map_err(|_| damaged());
    Ok(match kind {
        Kind::Ipv4 | Kind::Ipv6 => Indicator::Address(read_address(payload).ok_or_else(damaged)?),
        Kind::Ipv4Network | Kind::Ipv6Network => {
            let (bits, address) = payload.split_last().ok_or_else(damaged)?;
            let address = read_address(address).ok_or_else(damaged)?;
            Indicator::network(IpNet::new(address, *bits).map_err(|_| damaged())?)
        }
        Kind::Endpoint => {
            let (address, port) = payload.split_last_chunk::<2>().ok_or_else(damaged)?;
            let address = read_address(address).ok_or_else(damaged)?;
            Indicator::Endpoint(SocketAddr::new(address, u16::from_le_bytes(*port)))
        }
        Kind::Domain => Indicator::Domain(DomainName::parse(text()?)?),
        Kind::Url => Indicator::Url(Url::parse(text()?)?),
        Kind::Md5 => Indicator::Md5(payload.try_into().map_err(|_| damaged())?),
        Kind::Ja3 => Indicator::Ja3(payload.try_into().map_err(|_| damaged())?),
        Kind::Sha1 => Indicator::Sha1(payload.try_into().map_err(|_| damaged())?),
        Kind::Sha256 => Indicator::Sha256(payload.try_into().map_err(|_| damaged())?),
        Kind::Email => Indicator::Email(EmailAddress::parse(text()?)?),
        Kind::Asn => Indicator::Asn(u32::from_le_bytes(payload.try_into().map_err(|_| damaged())?)),
        Kind::Ja4 => crate::parse::ja4(text()?).ok_or_else(damaged)?,
        Kind::Cve => crate::parse::cve(text()?).ok_or_else(damaged)?,
        Kind::App => crate::parse::app(text()?)?,
        Kind::CertificateSha1 => {
            Indicator::CertificateSha1(payload.try_into().map_err(|_| damaged())?)
        }
        Kind::CertificateSha256 => {
            Indicator::CertificateSha256(payload.try_into().map_err(|_| damaged())?)
        }
    })
}

fn read_address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(octets) = <[u8; 4]>::try_from(bytes) {
        return Some(IpAddr::V4(Ipv4Addr::from(octets)));
    }
    <[u8; 16]>::try_from(bytes).ok().map(|octets| IpAddr::V6(Ipv6Addr::from(octets)))
}

/// Writes the canonical text. Kinds that look like another kind carry their name in front.
impl Indicator {
    /// Its text without the word for its kind that some kinds have in front.
    pub fn bare(&self) -> String {
        let text = self.to_string();
        let bare = match self {
            Self::Ja3(_) | Self::App(_) | Self::CertificateSha1(_) | Self::CertificateSha256(_) => {
                text.split_once(':').map(|(_, bare)| bare.to_owned())
            }
            _ => None,
        };
        bare.unwrap_or(text)
    }
}

impl fmt::Display for Indicator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Network(network) => network.fmt(f),
            Self::Endpoint(endpoint) => endpoint.fmt(f),
            Self::Domain(name) => f.write_str(name.as_str()),
            Self::Url(url) => f.write_str(url.as_str()),
            Self::Md5(hash) => Hex(hash).fmt(f),
            Self::Sha1(hash) => Hex(hash).fmt(f),
            Self::Sha256(hash) => Hex(hash).fmt(f),
            Self::Email(address) => f.write_str(address.as_str()),
            Self::Asn(number) => write!(f, "AS{number}"),
            Self::Ja3(hash) => write!(f, "ja3:{}", Hex(hash)),
            Self::Ja4(text) | Self::Cve(text) => f.write_str(text),
            Self::App(package) => write!(f, "app:{package}"),
            Self::CertificateSha1(hash) => write!(f, "certificate-sha1:{}", Hex(hash)),
            Self::CertificateSha256(hash) => write!(f, "certificate-sha256:{}", Hex(hash)),
            Self::Unknown { tag, payload } => write!(f, "kind-{tag}:{}", Hex(payload)),
        }
    }
}

/// Reads a hash of `N` bytes.
pub(crate) fn hash<const N: usize>(kind: Kind, text: &str) -> Result<[u8; N], ParseError> {
    hex::decode(text).ok_or(ParseError::Hash { kind, digits: N * 2 })
}
