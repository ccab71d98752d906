//! URLs in the canonical form of the Safe Browsing specification.
//!
//! <https://developers.google.com/safe-browsing/reference/URLs.and.Hashing>. Where the
//! specification leaves a spelling to "a valid URL", the browsers' reading decides
//! (<https://url.spec.whatwg.org>), because a browser is what the victim uses. Known clients
//! disagree in places: `tests/data/url_clients_differ.tsv` lists them with our choice.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::net::IpAddr;
use std::ops::Range;
use std::str::FromStr;

use crate::hex::nibble;
use crate::host::{self, CanonicalHost, DomainRef, HostError, HostRef};

#[cfg(test)]
mod tests;

/// The longest URL, in bytes as given and in canonical form, which escapes may make longer.
///
/// It bounds the time and memory that one URL can cost. It is no setting, because what one machine
/// stores another must be able to read.
pub const URL_BYTES_MAX: usize = 8 * 1024;

/// Why a text is no URL that can be asked about.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// Longer than [`URL_BYTES_MAX`].
    #[error("the URL is {0} bytes long, with its escapes; at most 8192 are read")]
    TooLong(usize),
    /// A scheme that leads to no web page.
    #[error("URLs of scheme `{0}:` are not rated; give an http, https or ftp URL")]
    Scheme(String),
    /// No host, as in a relative reference.
    #[error("the URL has no host; give one such as `http://example.com/`")]
    NoHost,
    /// Something after the colon that is no port.
    #[error("the text after the host's colon is no port; give a number from 0 to 65535")]
    Port,
    /// A host that cannot be.
    #[error("the URL's host is wrong: {0}")]
    Host(#[from] HostError),
}

/// The schemes whose URLs are rated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// `http`, also for URLs written without a scheme.
    Http,
    /// `https`.
    Https,
    /// `ftp`.
    Ftp,
}

impl Scheme {
    /// The scheme's name, without a colon.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Ftp => "ftp",
        }
    }

    /// The port of a URL that names none.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
            Self::Ftp => 21,
        }
    }

    fn from_name(name: &[u8]) -> Option<Self> {
        [Self::Http, Self::Https, Self::Ftp]
            .into_iter()
            .find(|scheme| name.eq_ignore_ascii_case(scheme.name().as_bytes()))
    }
}

/// A canonical URL: `scheme://host[:port]/path[?query]`, ASCII, escaped exactly once.
///
/// User names, passwords, fragments and default ports are gone. What is hashed is the
/// [`expression`](Self::expression).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Url {
    /// The canonical text, and behind it the expression if a port keeps it from being a slice.
    buffer: Box<str>,
    text_end: u32,
    path_start: u32,
    /// Where the part of the path ends that belongs to the text, and its query starts.
    path_end: u32,
    expression_start: u32,
    expression_end: u32,
    host_length: u32,
    port: Option<u16>,
    scheme: Scheme,
    host: HostKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum HostKind {
    Domain,
    Address(IpAddr),
    Other,
}

impl Url {
    /// Reads a URL, in any spelling that a browser or a feed has for it.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        Self::parse_bytes(text.as_bytes())
    }

    /// Reads a URL that need not be UTF-8.
    pub fn parse_bytes(input: &[u8]) -> Result<Self, UrlError> {
        if input.len() > URL_BYTES_MAX {
            return Err(UrlError::TooLong(input.len()));
        }
        let plain = unescape(input);
        let (scheme, rest) = split_scheme(&plain)?;
        let parts = Parts::of(rest, scheme)?;
        let url = parts.assemble(scheme);
        match url.as_str().len() {
            ..=URL_BYTES_MAX => Ok(url),
            length => Err(UrlError::TooLong(length)),
        }
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        self.slice(0..self.text_end)
    }

    /// The scheme.
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host.
    pub fn host(&self) -> HostRef<'_> {
        match self.host {
            HostKind::Domain => HostRef::Domain(DomainRef::trusted(self.host_text())),
            HostKind::Address(address) => HostRef::Address(address),
            HostKind::Other => HostRef::Other(self.host_text()),
        }
    }

    /// The host as it stands in the text, IPv6 in brackets.
    pub fn host_text(&self) -> &str {
        self.slice(self.expression_start..self.expression_start + self.host_length)
    }

    /// The port, unless it is the scheme's own.
    pub const fn port(&self) -> Option<u16> {
        self.port
    }

    /// The path: at least `/`.
    pub fn path(&self) -> &str {
        self.slice(self.path_start..self.path_end)
    }

    /// The path and what follows it: `/search?q=1`.
    pub fn path_and_query(&self) -> &str {
        self.slice(self.path_start..self.text_end)
    }

    /// The query without its question mark. `Some("")` for a URL that ends in one.
    pub fn query(&self) -> Option<&str> {
        self.slice(self.path_end..self.text_end).strip_prefix('?')
    }

    /// What is hashed: `host/path?query` without scheme, user and port.
    ///
    /// The question mark of an empty query is left out: Chromium and Google's own client never
    /// hash it, and every client hashes the URL without its query.
    pub fn expression(&self) -> &str {
        self.slice(self.expression_start..self.expression_end)
    }

    /// Whether it names a directory, which stands for what lies in it. A page whose query ends in `/`
    /// is a page.
    pub fn is_directory(&self) -> bool {
        let expression = self.expression();
        expression.ends_with('/') && !expression.contains('?')
    }

    /// How much of the [`expression`](Self::expression) is host, and how much host and path.
    pub(crate) const fn expression_ends(&self) -> (usize, usize) {
        let path_length = self.path_end - self.path_start;
        (self.host_length as usize, (self.host_length + path_length) as usize)
    }

    fn slice(&self, range: Range<u32>) -> &str {
        // The offsets were taken from this very buffer, which is ASCII: the slice always exists.
        self.buffer.get(range.start as usize..range.end as usize).unwrap_or_default()
    }
}

impl PartialOrd for Url {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Url {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Url {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        Self::parse(text)
    }
}

/// Drops surrounding blanks, the fragment, tabs and line ends, then undoes all percent-escapes.
///
/// "Repeatedly, until no more are left" is done in one pass: whenever the newest three bytes are
/// an escape, they become its byte, which may complete another. Escapes never overlap and each
/// step shortens the text, so every order of undoing them ends at the same text.
fn unescape(input: &[u8]) -> Cow<'_, [u8]> {
    let (before_fragment, _) = split_before(trim_blanks(input), |byte| byte == b'#');
    if !before_fragment.iter().any(|byte| matches!(byte, b'%' | b'\t' | b'\r' | b'\n')) {
        return Cow::Borrowed(before_fragment);
    }
    let mut plain = Vec::with_capacity(before_fragment.len());
    for byte in before_fragment {
        if matches!(byte, b'\t' | b'\r' | b'\n') {
            continue;
        }
        plain.push(*byte);
        while let [.., b'%', high, low] = plain.as_slice()
            && let (Some(high), Some(low)) = (nibble(*high), nibble(*low))
        {
            plain.truncate(plain.len() - 3);
            plain.push(high << 4 | low);
        }
    }
    Cow::Owned(plain)
}

/// Drops blanks and control characters at both ends, as browsers do.
fn trim_blanks(mut bytes: &[u8]) -> &[u8] {
    while let [0..=b' ', rest @ ..] | [rest @ .., 0..=b' '] = bytes {
        bytes = rest;
    }
    bytes
}

/// The scheme, and what follows its slashes.
fn split_scheme(plain: &[u8]) -> Result<(Scheme, &[u8]), UrlError> {
    let end = plain.iter().position(|byte| !is_scheme_byte(*byte)).unwrap_or(plain.len());
    if let Some((name, [b':', rest @ ..])) = plain.split_at_checked(end)
        && !is_host_with_port(name, rest)
    {
        let scheme = Scheme::from_name(name).ok_or_else(|| match name {
            [] => UrlError::NoHost,
            name => UrlError::Scheme(String::from_utf8_lossy(name).into_owned()),
        })?;
        // Browsers take any number of slashes, either way round, before the host.
        return Ok((scheme, trim_slashes(rest)));
    }
    match plain {
        [b'/' | b'\\', b'/' | b'\\', rest @ ..] => Ok((Scheme::Http, trim_slashes(rest))),
        [b'/' | b'\\', ..] => Err(UrlError::NoHost),
        _ => match split_before(plain, |byte| matches!(byte, b'/' | b'\\' | b'?')) {
            // `<http://…` and `h**p://…` mean a scheme and no host with an empty port.
            ([name @ .., b':'], [b'/' | b'\\', b'/' | b'\\', ..]) => {
                Err(UrlError::Scheme(String::from_utf8_lossy(name).into_owned()))
            }
            _ => Ok((Scheme::Http, plain)),
        },
    }
}

/// RFC 3986 section 3.1.
const fn is_scheme_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')
}

/// Tells `example.com:80/` from `javascript:80/`: no scheme in use has a dot, and hosts do.
fn is_host_with_port(name: &[u8], rest: &[u8]) -> bool {
    (name.contains(&b'.') || name.eq_ignore_ascii_case(b"localhost")) && !rest.starts_with(b"//")
}

fn trim_slashes(mut bytes: &[u8]) -> &[u8] {
    while let [b'/' | b'\\', rest @ ..] = bytes {
        bytes = rest;
    }
    bytes
}

/// A URL taken apart, unescaped, its host canonical.
struct Parts<'a> {
    host: CanonicalHost<'a>,
    port: Option<u16>,
    path: &'a [u8],
    query: Option<&'a [u8]>,
}

impl<'a> Parts<'a> {
    /// Takes apart what follows the scheme.
    fn of(rest: &'a [u8], scheme: Scheme) -> Result<Self, UrlError> {
        // Browsers end the host at a backslash too: `http://evil.example\@good.example/`.
        let (authority, rest) = split_before(rest, |byte| matches!(byte, b'/' | b'\\' | b'?'));
        let host_and_port = authority.rsplit(|byte| *byte == b'@').next().unwrap_or(authority);
        let (host, port) = split_port(host_and_port)?;
        if host.is_empty() {
            return Err(UrlError::NoHost);
        }
        let (path, query) = split_before(rest, |byte| byte == b'?');
        Ok(Self {
            host: host::canonical_host(host)?,
            port: port.filter(|port| *port != scheme.default_port()),
            path,
            query: query.split_first().map(|(_, query)| query),
        })
    }

    /// Writes the canonical text and notes where its parts are.
    fn assemble(self, scheme: Scheme) -> Url {
        let length = self.path.len() + self.query.map_or(0, <[u8]>::len);
        let mut text = String::with_capacity(length + 64);
        text.push_str(scheme.name());
        text.push_str("://");
        let host_start = text.len();
        let host = push_host(&mut text, &self.host);
        let host_end = text.len();
        if let Some(port) = self.port {
            push_display(&mut text, format_args!(":{port}"));
        }
        let path_start = text.len();
        push_path(&mut text, self.path);
        let path_end = text.len();
        if let Some(query) = self.query {
            text.push('?');
            push_escaped(&mut text, query);
        }
        let text_end = text.len();
        let hashed_end = if self.query == Some(&[]) { path_end } else { text_end };
        let (mut expression_start, mut expression_end) = (host_start, hashed_end);
        if self.port.is_some() {
            expression_start = text_end;
            text.extend_from_within(host_start..host_end);
            text.extend_from_within(path_start..hashed_end);
            expression_end = text.len();
        }
        Url {
            // All offsets are far below 2^32: escaping at most triples `URL_BYTES_MAX`.
            text_end: text_end as u32,
            path_start: path_start as u32,
            path_end: path_end as u32,
            expression_start: expression_start as u32,
            expression_end: expression_end as u32,
            host_length: (host_end - host_start) as u32,
            buffer: text.into_boxed_str(),
            port: self.port,
            scheme,
            host,
        }
    }
}

/// Splits before the first byte that `ends` the first part.
fn split_before(bytes: &[u8], ends: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|byte| ends(*byte)).unwrap_or(bytes.len());
    bytes.split_at(end)
}

/// The host and its port. A colon with nothing behind it names no port.
fn split_port(authority: &[u8]) -> Result<(&[u8], Option<u16>), UrlError> {
    let host_end = match authority {
        [b'[', ..] => authority.iter().position(|byte| *byte == b']').map_or(0, |end| end + 1),
        _ => authority.iter().position(|byte| *byte == b':').unwrap_or(authority.len()),
    };
    let (host, port) = authority.split_at(host_end);
    match port {
        [] | [b':'] => Ok((host, None)),
        [b':', digits @ ..] if digits.iter().all(u8::is_ascii_digit) => {
            let digits = std::str::from_utf8(digits).map_err(|_| UrlError::Port)?;
            Ok((host, Some(digits.parse().map_err(|_| UrlError::Port)?)))
        }
        _ if host.is_empty() => Err(HostError::BadIpv6.into()),
        _ => Err(UrlError::Port),
    }
}

fn push_host(text: &mut String, host: &CanonicalHost<'_>) -> HostKind {
    match host {
        CanonicalHost::Domain(name) => {
            text.push_str(name);
            HostKind::Domain
        }
        CanonicalHost::Address(address) => {
            push_display(text, host::Host::Address(*address));
            HostKind::Address(*address)
        }
        CanonicalHost::Other(bytes) => {
            push_escaped(text, bytes);
            HostKind::Other
        }
    }
}

/// Writes a path that starts with `/`, without `.`, `..` and empty segments.
fn push_path(text: &mut String, path: &[u8]) {
    // The first byte is the slash, or the backslash, that ended the host.
    let path = path.split_first().map_or(&[][..], |(_, path)| path);
    let simple = !matches!(path, [b'.' | b'/', ..])
        && !path.windows(2).any(|pair| matches!(pair, b"//" | b"/."));
    text.push('/');
    if simple {
        push_escaped(text, path);
    } else {
        push_resolved(text, path);
    }
}

/// The specification's order: first `.` and `..` are resolved, then runs of slashes shrink.
fn push_resolved(text: &mut String, path: &[u8]) {
    let mut kept: Vec<&[u8]> = Vec::new();
    let mut is_directory = false;
    for segment in path.split(|byte| *byte == b'/') {
        is_directory = matches!(segment, b"" | b"." | b"..");
        match segment {
            b"." => {}
            b".." => {
                kept.pop();
            }
            _ => kept.push(segment),
        }
    }
    kept.retain(|segment| !segment.is_empty());
    for (position, segment) in kept.iter().enumerate() {
        if position > 0 {
            text.push('/');
        }
        push_escaped(text, segment);
    }
    if is_directory && !kept.is_empty() {
        text.push('/');
    }
}

/// Escapes what the specification names: up to 32, from 127 on, `#` and `%`, in upper case.
fn push_escaped(text: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for run in bytes.chunk_by(|left, right| is_plain(*left) && is_plain(*right)) {
        match (run, std::str::from_utf8(run)) {
            ([byte], _) if !is_plain(*byte) => {
                text.push('%');
                text.push(char::from(DIGITS[usize::from(byte >> 4)]));
                text.push(char::from(DIGITS[usize::from(byte & 15)]));
            }
            (_, run) => text.push_str(run.unwrap_or_default()),
        }
    }
}

/// Whether a byte stands in a canonical URL as it is.
const fn is_plain(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~') && !matches!(byte, b'#' | b'%')
}

fn push_display(text: &mut String, value: impl fmt::Display) {
    // Writing to a `String` cannot fail.
    write!(text, "{value}").unwrap_or_default();
}

/// Reads foreign bytes as a URL: its canonical text must read back as itself.
pub fn fuzz_url(bytes: &[u8]) {
    let Ok(url) = Url::parse_bytes(bytes) else { return };
    assert!(url.as_str().is_ascii());
    assert_eq!(Url::parse(url.as_str()).as_ref(), Ok(&url));
    assert!(url.expression().starts_with(url.host_text()));
    let list = crate::SuffixList::shipped();
    for expression in crate::question_expressions(&url, list) {
        assert!(url.expression().contains(expression.text));
    }
}
