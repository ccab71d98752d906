//! Whether a URL leads to another site than its own: redirects, caches and proxies have the other's
//! address in the path or the query.

use wardnet_model::{DomainName, Section, SuffixList};

use crate::url::Spelling;

/// How often escapes are undone: links stand in links.
const ROUNDS_MAX: usize = 4;

/// Endings of pages that are also tops of the DNS.
const FILE_ENDINGS: [&[u8]; 4] = [b"do", b"pl", b"py", b"sh"];

/// What browsers take for a dot in a host (UTS #46 section 4: U+3002, U+FF0E and U+FF61).
const OTHER_DOTS: [&[u8]; 3] = [b"\xe3\x80\x82", b"\xef\xbc\x8e", b"\xef\xbd\xa1"];

/// Whether another site's address stands in the path or the query, as in `/amp/s/example.com/x` and
/// `?url=https%3A%2F%2Fexample.com`. Log-in pages lead back to pages of the site itself.
pub(crate) fn leads_elsewhere(url: &Spelling) -> bool {
    let Some(rest) = readable(url.rest()) else { return true };
    let is_own = |host: &[u8]| {
        let front = host.strip_suffix(url.registered());
        front.is_some_and(|front| front.is_empty() || front.ends_with(b"."))
    };
    // An address of IPv6 stands in brackets (RFC 3986 section 3.2.2).
    let has_address = rest.windows(3).any(|part| part == b"//[");
    has_address || words(&rest).any(|word| !is_own(word.text) && word.is_host())
}

/// Path and query in lower case and without escapes; nothing where an escape hides a dot, as no honest
/// address does.
fn readable(rest: &[u8]) -> Option<Vec<u8>> {
    let mut text = rest.to_ascii_lowercase();
    for _ in 0..ROUNDS_MAX {
        let plain = unescaped(&text)?;
        let is_plain = plain.len() == text.len();
        text = plain;
        if is_plain {
            return Some(text);
        }
    }
    None
}

/// The text with its escapes undone once. Browsers leave tabs and line breaks out (WHATWG URL, section
/// 4.4).
fn unescaped(text: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(text.len());
    let mut left = text;
    while let Some((byte, after)) = left.split_first() {
        let (sign, after) = match (byte, after) {
            (b'%', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => (high << 4 | low, after),
                _ => (*byte, left.get(1..).unwrap_or_default()),
            },
            _ => (*byte, after),
        };
        if *byte == b'%' && sign == b'.' {
            return None;
        }
        if !matches!(sign, b'\t' | b'\n' | b'\r') {
            plain.push(sign.to_ascii_lowercase());
        }
        left = after;
        if let Some(front) = OTHER_DOTS.iter().find_map(|dot| plain.strip_suffix(*dot)) {
            let length = front.len();
            plain.truncate(length);
            plain.push(b'.');
        }
    }
    Some(plain)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// A word that may be a host, with what stands around it.
struct Word<'a> {
    before: &'a [u8],
    text: &'a [u8],
    after: &'a [u8],
}

/// The words of a text between signs that no host has.
fn words(text: &[u8]) -> impl Iterator<Item = Word<'_>> {
    let is_of_host = |b: &u8| b.is_ascii_alphanumeric() || b"-._".contains(b) || !b.is_ascii();
    let mut end = 0_usize;
    text.split(move |byte| !is_of_host(byte)).map(move |word| {
        let start = end;
        let behind = start.saturating_add(word.len());
        end = behind.saturating_add(1);
        Word {
            before: text.get(..start).unwrap_or_default(),
            // A host may end in a dot (RFC 1034 section 3.1).
            text: without_dot(word),
            after: text.get(behind..).unwrap_or_default(),
        }
    })
}

fn without_dot(word: &[u8]) -> &[u8] {
    word.strip_suffix(b".").unwrap_or(word)
}

impl Word<'_> {
    /// Whether it is the name of a host or an address. Where a file may stand it does not end as one.
    fn is_host(&self) -> bool {
        let top = self.text.rsplit(|byte| *byte == b'.').next().unwrap_or_default();
        let has_dot = self.text.contains(&b'.');
        if is_number(top) {
            // With another label before a number it is no address, and leads nowhere.
            let is_address = self.text.split(|byte| *byte == b'.').all(is_number);
            return is_address && (has_dot || self.is_behind_scheme());
        }
        let is_file = || FILE_ENDINGS.contains(&top) && self.ends_path();
        has_dot && is_top(top) && !is_file()
    }

    /// Whether it stands where a URL has its host. Browsers need only one slash, or none, behind the
    /// scheme, and take a backslash for a slash.
    fn is_behind_scheme(&self) -> bool {
        // A user name may stand before the host.
        let user = self.before.strip_suffix(b"@");
        let place = user.map(|user| user.trim_ascii_end()).map_or(self.before, |user| {
            let length = user.iter().rev().take_while(|b| !b"/\\?&=".contains(b)).count();
            user.get(..user.len().saturating_sub(length)).unwrap_or_default()
        });
        let slashes = place.iter().rev().take_while(|b| b"/\\".contains(b)).count();
        let scheme = place.get(..place.len().saturating_sub(slashes)).unwrap_or_default();
        slashes > 1 || scheme.ends_with(b"http:") || scheme.ends_with(b"https:")
    }

    /// Whether it is the last part of a path: behind one slash, and with nothing of the path behind it.
    fn ends_path(&self) -> bool {
        let is_last = self.after.first().is_none_or(|sign| b"?&;#".contains(sign));
        is_last && self.before.ends_with(b"/") && !self.is_behind_scheme()
    }
}

/// Whether a last label makes a host an address: digits, or hexadecimal ones (WHATWG URL, section 3.5).
fn is_number(top: &[u8]) -> bool {
    let digits = |digits: &[u8]| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let is_hex = |rest: &[u8]| rest.iter().all(u8::is_ascii_hexdigit);
    digits(top) || top.strip_prefix(b"0x").is_some_and(is_hex)
}

/// Whether names end in this label in the DNS.
pub(crate) fn is_top(top: &[u8]) -> bool {
    let name = std::str::from_utf8(top).ok().and_then(|top| DomainName::parse(top).ok());
    let section = name.and_then(|name| SuffixList::shipped().is_public_suffix(&name));
    section == Some(Section::Icann)
}
