//! Host names and the addresses that stand in their place, in canonical form.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

#[cfg(test)]
mod tests;

/// The longest label of a domain name, in bytes (RFC 1035 section 2.3.4).
pub const LABEL_BYTES_MAX: usize = 63;

/// The longest domain name, in bytes of text without a trailing dot (RFC 1035 section 2.3.4).
pub const NAME_BYTES_MAX: usize = 253;

/// The longest name that is put through IDNA, which may shorten it. Punycode takes quadratic time.
pub const IDNA_INPUT_BYTES_MAX: usize = 1024;

/// Why a text is no host, or no domain name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// Nothing is left once surrounding dots are gone.
    #[error("the name is empty; give a name such as `example.com`")]
    Empty,
    /// Two dots in a row, or a leading dot.
    #[error("the name has an empty label; remove the leading or doubled dot")]
    EmptyLabel,
    /// A label is longer than [`LABEL_BYTES_MAX`].
    #[error("a label is {0} bytes long; the DNS allows 63")]
    LabelTooLong(usize),
    /// The name is longer than [`NAME_BYTES_MAX`].
    #[error("the name is {0} bytes long; the DNS allows 253")]
    TooLong(usize),
    /// A character that no host name has.
    #[error("`{0}` cannot stand in a domain name; use letters, digits, `-`, `_` and dots")]
    BadCharacter(char),
    /// An internationalised name that UTS #46 refuses.
    #[error("the name has characters that internationalised names (UTS #46) do not allow")]
    NotIdna,
    /// The last label is a number, so the text is an address or a mistake.
    #[error("the name ends in a number; an address must be written as an address")]
    Numeric,
    /// Square brackets that do not hold an IPv6 address.
    #[error("the brackets do not hold an IPv6 address; write one like `[2001:db8::1]`")]
    BadIpv6,
}

/// A domain name in canonical form: lower case, A-labels, no trailing dot.
///
/// Labels hold letters, digits, `-` and `_`, with hyphens anywhere, since names in the wild have
/// them. A name that is ASCII already is taken as it stands, even where an `xn--` label is no valid
/// punycode: a resolver is asked for such names too, and must find an answer. The last label is
/// never a number (<https://url.spec.whatwg.org/#ends-in-a-number-checker>).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DomainName(Box<str>);

impl DomainName {
    /// Reads a name in any case, with or without a trailing dot, in Unicode or in ASCII.
    pub fn parse(text: &str) -> Result<Self, HostError> {
        let text = text.strip_suffix('.').unwrap_or(text);
        let shape = Shape::of(text.as_bytes());
        if shape.is_canonical(text) {
            return Ok(Self(text.into()));
        }
        let text = if shape.seen & NON_ASCII == 0 {
            text.to_ascii_lowercase()
        } else {
            // IDNA has full stops of its own, such as U+3002, so the trailing dot may show only now.
            let text = to_ascii(text.as_bytes())?;
            text.strip_suffix('.').unwrap_or(&text).to_owned()
        };
        Shape::of(text.as_bytes()).check(&text)?;
        Ok(Self(text.into()))
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name, borrowed.
    pub fn borrowed(&self) -> DomainRef<'_> {
        DomainRef(&self.0)
    }

    /// The labels, the most specific first.
    pub fn labels(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('.')
    }

    /// The name without its first label; `None` for a single label.
    pub fn parent(&self) -> Option<DomainRef<'_>> {
        self.borrowed().parent()
    }

    /// Every name above this one, the nearest first.
    pub fn parents(&self) -> impl Iterator<Item = DomainRef<'_>> {
        self.borrowed().parents()
    }
}

impl fmt::Display for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for DomainName {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, HostError> {
        Self::parse(text)
    }
}

impl From<DomainRef<'_>> for DomainName {
    fn from(name: DomainRef<'_>) -> Self {
        Self(name.0.into())
    }
}

/// A borrowed [`DomainName`], often the tail of a longer one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DomainRef<'a>(&'a str);

impl<'a> DomainRef<'a> {
    /// A text that is a canonical name already, without copying it; `None` for any other.
    pub fn canonical(text: &'a str) -> Option<Self> {
        Shape::of(text.as_bytes()).is_canonical(text).then_some(Self(text))
    }

    /// A name that is known to be canonical.
    pub(crate) const fn trusted(text: &'a str) -> Self {
        Self(text)
    }

    /// The canonical text.
    pub const fn as_str(self) -> &'a str {
        self.0
    }

    /// The labels, the most specific first.
    pub fn labels(self) -> impl DoubleEndedIterator<Item = &'a str> {
        self.0.split('.')
    }

    /// The name without its first label; `None` for a single label.
    pub fn parent(self) -> Option<Self> {
        self.0.split_once('.').map(|(_, parent)| Self(parent))
    }

    /// Every name above this one, the nearest first.
    pub fn parents(self) -> impl Iterator<Item = Self> {
        std::iter::successors(self.parent(), |name| name.parent())
    }
}

impl<'a> From<&'a DomainName> for DomainRef<'a> {
    fn from(name: &'a DomainName) -> Self {
        name.borrowed()
    }
}

impl fmt::Display for DomainRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// A host as people and programs write it: a name or an address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    /// A domain name.
    Domain(DomainName),
    /// An address.
    Address(IpAddr),
}

impl Host {
    /// Reads a host the way a browser reads the one in a URL.
    ///
    /// Surplus dots vanish; IPv4 addresses may be octal, hexadecimal or shorter than four parts
    /// (`0x7f.1`); IPv6 stands in brackets, and IPv4-mapped and NAT64 addresses become IPv4.
    pub fn parse(text: &str) -> Result<Self, HostError> {
        match canonical_host(text.as_bytes())? {
            CanonicalHost::Domain(name) => Ok(Self::Domain(DomainName(name.into()))),
            CanonicalHost::Address(address) => Ok(Self::Address(address)),
            CanonicalHost::Other(bytes) => {
                let text = String::from_utf8_lossy(&bytes);
                DomainName::parse(&text).map(Self::Domain)
            }
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Domain(name) => name.fmt(f),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// The host of a URL, which may be neither a name nor an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostRef<'a> {
    /// A domain name.
    Domain(DomainRef<'a>),
    /// An address.
    Address(IpAddr),
    /// Text, percent-escaped, that no [`DomainName`] can have. Browsers may still resolve it
    /// (`we!rd.example.com`), so it keeps its place in URLs.
    Other(&'a str),
}

/// What [`canonical_host`] makes of the bytes between `://` and the port.
#[derive(Debug)]
pub(crate) enum CanonicalHost<'a> {
    /// The text of a [`DomainName`].
    Domain(Cow<'a, str>),
    /// An address.
    Address(IpAddr),
    /// Anything else, in lower case, not yet percent-escaped.
    Other(Cow<'a, [u8]>),
}

/// The canonical form of an unescaped host, by the Safe Browsing rules.
pub(crate) fn canonical_host(raw: &[u8]) -> Result<CanonicalHost<'_>, HostError> {
    if raw.first() == Some(&b'[') {
        return bracketed(raw).map(CanonicalHost::Address).ok_or(HostError::BadIpv6);
    }
    if let Some(name) = canonical_already(raw) {
        return Ok(CanonicalHost::Domain(Cow::Borrowed(name)));
    }
    let tidy = tidy_dots(raw);
    if tidy.is_empty() {
        return Err(HostError::Empty);
    }
    if !tidy.is_ascii()
        && let Ok(ascii) = to_ascii(&tidy)
    {
        return classify(tidy_dots(ascii.as_bytes()));
    }
    classify(tidy)
}

/// The bytes as text, if they are a canonical domain name as they stand.
fn canonical_already(raw: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(raw).ok()?;
    Shape::of(raw).is_canonical(text).then_some(text)
}

/// Lower case, no leading or trailing dots, no two dots in a row.
fn tidy_dots(raw: &[u8]) -> Vec<u8> {
    let mut tidy: Vec<u8> = Vec::with_capacity(raw.len());
    for byte in raw {
        if *byte != b'.' || tidy.last().is_some_and(|last| *last != b'.') {
            tidy.push(byte.to_ascii_lowercase());
        }
    }
    tidy.pop_if(|last| *last == b'.');
    tidy
}

/// Tells names, addresses and the rest apart.
fn classify(tidy: Vec<u8>) -> Result<CanonicalHost<'static>, HostError> {
    match tidy.as_slice() {
        [] => return Err(HostError::Empty),
        [b'[', ..] => return Err(HostError::BadIpv6),
        name if name.len() > NAME_BYTES_MAX => return Err(HostError::TooLong(name.len())),
        _ => {}
    }
    let text = match String::from_utf8(tidy) {
        Ok(text) => text,
        Err(not_text) => return Ok(CanonicalHost::Other(not_text.into_bytes().into())),
    };
    if let Some(address) = ipv4(&text) {
        Ok(CanonicalHost::Address(address.into()))
    } else if Shape::of(text.as_bytes()).is_canonical(&text) {
        Ok(CanonicalHost::Domain(text.into()))
    } else {
        Ok(CanonicalHost::Other(text.into_bytes().into()))
    }
}

/// An IPv4 address in any notation of `inet_aton`: octal, hexadecimal, fewer than four parts.
///
/// A part that is too large loses its high bits, as in the reference implementation.
fn ipv4(text: &str) -> Option<Ipv4Addr> {
    if !text.ends_with(|last: char| last.is_ascii_hexdigit()) {
        return None;
    }
    let mut address = 0u32;
    let mut parts = text.split('.').peekable();
    for position in 0..4 {
        let number = ipv4_number(parts.next()?)?;
        if parts.peek().is_none() {
            // The last part fills all the bytes that the others left.
            return Some(Ipv4Addr::from_bits(address | (number & (u32::MAX >> (8 * position)))));
        }
        address |= (number & 0xff) << (24 - 8 * position);
    }
    None
}

/// One part of an IPv4 address: `0x` hexadecimal, leading `0` octal, else decimal.
fn ipv4_number(part: &str) -> Option<u32> {
    let (digits, radix) = match part.strip_prefix("0x") {
        Some(digits) => (digits, 16),
        None if part.len() > 1 && part.starts_with('0') => (part, 8),
        None => (part, 10),
    };
    // `from_str_radix` would take a sign.
    let all_digits = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if all_digits { u32::from_str_radix(digits, radix).ok() } else { None }
}

/// The address in `[…]`, folded to IPv4 where it is one in disguise.
fn bracketed(raw: &[u8]) -> Option<IpAddr> {
    let inner = raw.strip_prefix(b"[")?.strip_suffix(b"]")?;
    let address: Ipv6Addr = std::str::from_utf8(inner).ok()?.parse().ok()?;
    Some(fold(address))
}

/// IPv4-mapped (RFC 4291 section 2.5.5.2) and NAT64 (RFC 6052 section 2.1) addresses as IPv4.
fn fold(address: Ipv6Addr) -> IpAddr {
    const NAT64: u128 = 0x0064_ff9b << 96;
    if let Some(mapped) = address.to_ipv4_mapped() {
        return mapped.into();
    }
    match u32::try_from(address.to_bits() ^ NAT64) {
        Ok(low) => Ipv4Addr::from_bits(low).into(),
        Err(_) => address.into(),
    }
}

/// UTS #46, non-transitional. Lengths are checked on the result; hyphens may stand anywhere.
fn to_ascii(name: &[u8]) -> Result<Cow<'_, str>, HostError> {
    if name.len() > IDNA_INPUT_BYTES_MAX {
        return Err(HostError::TooLong(name.len()));
    }
    Uts46::new()
        .to_ascii(name, AsciiDenyList::URL, Hyphens::Allow, DnsLength::Ignore)
        .map_err(|_| HostError::NotIdna)
}

/// Whether the last label is a decimal or hexadecimal number, so that the whole is no name.
pub(crate) fn ends_in_number(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    last.bytes().all(|byte| byte.is_ascii_digit())
        || last
            .strip_prefix("0x")
            .is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
}

const LOWER: u8 = 1;
const DIGIT: u8 = 2;
const UPPER: u8 = 4;
const HYPHEN: u8 = 8;
const BAD: u8 = 16;
const NON_ASCII: u8 = 32;
/// Dots have no bit of their own: they end a label.
const DOT: u8 = 0;

/// What each byte means in a name.
const CLASS: [u8; 256] = {
    let mut table = [BAD; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match byte as u8 {
            b'a'..=b'z' => LOWER,
            b'0'..=b'9' => DIGIT,
            b'A'..=b'Z' => UPPER,
            b'-' | b'_' => HYPHEN,
            b'.' => DOT,
            128.. => NON_ASCII,
            _ => BAD,
        };
        byte += 1;
    }
    table
};

/// What one pass over a name finds out.
struct Shape {
    /// The classes of all bytes.
    seen: u8,
    /// The classes of the last label's bytes.
    last: u8,
    longest: usize,
    shortest: usize,
}

impl Shape {
    fn of(name: &[u8]) -> Self {
        let mut shape = Self { seen: 0, last: 0, longest: 0, shortest: usize::MAX };
        let mut length = 0;
        for byte in name {
            let class = CLASS[usize::from(*byte)];
            if class == DOT {
                shape.end_label(length);
                length = 0;
            } else {
                shape.last |= class;
                length += 1;
            }
        }
        let last = shape.last;
        shape.end_label(length);
        shape.last = last;
        shape
    }

    fn end_label(&mut self, length: usize) {
        self.longest = self.longest.max(length);
        self.shortest = self.shortest.min(length);
        self.seen |= self.last;
        self.last = 0;
    }

    /// Whether `name`, which has this shape, needs no change to be a domain name.
    fn is_canonical(&self, name: &str) -> bool {
        self.seen & (UPPER | BAD | NON_ASCII) == 0
            && self.shortest > 0
            && self.longest <= LABEL_BYTES_MAX
            && name.len() <= NAME_BYTES_MAX
            && (self.last & DIGIT == 0 || !ends_in_number(name))
    }

    /// Says what keeps `name`, which has this shape and no upper case, from being canonical.
    fn check(&self, name: &str) -> Result<(), HostError> {
        if self.seen & (BAD | NON_ASCII) != 0 {
            let bad = name.chars().find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '-' | '_' | '.'));
            return Err(bad.map_or(HostError::NotIdna, HostError::BadCharacter));
        }
        if name.is_empty() {
            Err(HostError::Empty)
        } else if self.shortest == 0 {
            Err(HostError::EmptyLabel)
        } else if self.longest > LABEL_BYTES_MAX {
            Err(HostError::LabelTooLong(self.longest))
        } else if name.len() > NAME_BYTES_MAX {
            Err(HostError::TooLong(name.len()))
        } else if ends_in_number(name) {
            Err(HostError::Numeric)
        } else {
            Ok(())
        }
    }
}

/// Reads foreign bytes as a host and as a name: each canonical text must read back as itself.
pub fn fuzz_host(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(host) = Host::parse(&text) {
        assert_eq!(Host::parse(&host.to_string()).as_ref(), Ok(&host));
    }
    if let Ok(name) = DomainName::parse(&text) {
        assert_eq!(DomainName::parse(name.as_str()).as_ref(), Ok(&name));
        assert!(name.as_str().len() <= NAME_BYTES_MAX && name.as_str().is_ascii());
        for parent in name.parents() {
            assert_eq!(DomainName::parse(parent.as_str()), Ok(parent.into()));
        }
    }
}
