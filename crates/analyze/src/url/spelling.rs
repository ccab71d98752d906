//! A URL taken apart, without its scheme and without what only tells how it was collected.
//!
//! Lists of bad URLs and crawls of good ones differ in habits that say nothing about a page: the
//! scheme, a leading `www.`, a trailing slash, `&amp;` for `&`, the fragment. A model that sees
//! them learns the collectors instead of the attackers, so they are gone before anything looks.

use std::net::Ipv6Addr;
use std::ops::Range;

use wardnet_model::SuffixList;

use crate::popular::is_popular;

/// How much of a URL is looked at.
#[derive(Debug, Clone, Copy)]
pub struct UrlLimits {
    /// Bytes read; what follows is left aside. Bounds the time that one URL costs.
    pub bytes_max: usize,
    /// Bytes of a host that are looked up in the Public Suffix List; longer ones have no suffix.
    pub host_bytes_max: usize,
}

impl Default for UrlLimits {
    fn default() -> Self {
        Self { bytes_max: 2048, host_bytes_max: 255 }
    }
}

/// The text of a URL and where its parts lie. Reused from one URL to the next.
#[derive(Debug, Default, Clone)]
pub struct Spelling {
    text: Vec<u8>,
    /// The name before the `@`, if it is written as a host's.
    user: Vec<u8>,
    /// It goes on as an address of mail does.
    pub(crate) user_has_mail: bool,
    host_end: usize,
    path_end: usize,
    registered_start: usize,
    suffix_start: usize,
    pub(crate) has_port: bool,
    pub(crate) has_user: bool,
    pub(crate) is_address: bool,
    pub(crate) is_private_suffix: bool,
}

impl Spelling {
    /// Takes `input` apart. Any bytes do.
    pub fn read(&mut self, input: &[u8], limits: &UrlLimits) {
        let input = trimmed(input);
        let input = input.get(..limits.bytes_max).unwrap_or(input);
        let (authority, rest) = authority(input);
        self.text.clear();
        self.read_authority(authority);
        // Accounts for files are often called as the site they are of.
        if !self.user.is_empty() && moves_files(input) {
            self.user.clear();
        }
        self.host_end = self.text.len();
        self.read_rest(rest);
        self.find_suffix(limits);
    }

    /// Takes the name of a host apart; also one given as a URL, of which only the host counts.
    pub fn read_host(&mut self, input: &[u8], limits: &UrlLimits) {
        self.read(input, limits);
        self.text.truncate(self.host_end);
        self.path_end = self.host_end;
    }

    /// Host, path and query, as models see them.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The host, in lower case.
    pub fn host(&self) -> &[u8] {
        self.part(0..self.host_end)
    }

    /// The name before the `@` in lower case, if it is written as that of a host.
    pub(crate) fn user(&self) -> &[u8] {
        &self.user
    }

    /// Path and query.
    pub fn rest(&self) -> &[u8] {
        self.part(self.host_end..self.text.len())
    }

    /// The path, empty or from its first slash.
    pub fn path(&self) -> &[u8] {
        self.part(self.host_end..self.path_end)
    }

    /// The query with its question mark, or nothing.
    pub fn query(&self) -> &[u8] {
        self.part(self.path_end..self.text.len())
    }

    /// What stands left of the registered domain, with its dot.
    pub fn subdomain(&self) -> &[u8] {
        self.part(0..self.registered_start)
    }

    /// What somebody registered, without the public suffix and its dot.
    pub fn label(&self) -> &[u8] {
        self.part(self.registered_start..self.suffix_start.saturating_sub(1))
    }

    /// The registered domain, suffix included; the whole host for addresses.
    pub fn registered(&self) -> &[u8] {
        self.part(self.registered_start..self.host_end)
    }

    /// The public suffix; nothing for addresses.
    pub fn suffix(&self) -> &[u8] {
        self.part(self.suffix_start..self.host_end)
    }

    /// Whether strangers share the host: a popular site, or a name that a provider lends.
    pub fn is_shared(&self) -> bool {
        self.is_private_suffix || is_popular(self.registered())
    }

    fn part(&self, range: Range<usize>) -> &[u8] {
        self.text.get(range).unwrap_or_default()
    }

    fn read_authority(&mut self, authority: &[u8]) {
        let at = authority.iter().rposition(|b| *b == b'@');
        self.has_user = at.is_some();
        self.user.clear();
        if let Some((name, after)) = at.and_then(|at| authority.get(..at)).and_then(host_as_user) {
            self.user.extend(name.iter().map(u8::to_ascii_lowercase));
            self.user_has_mail = after.starts_with(b"@") || after.starts_with(b"%40");
        }
        let host = at.and_then(|at| authority.get(at.saturating_add(1)..)).unwrap_or(authority);
        let host = without_port(host);
        self.has_port = host.1;
        let mut bytes = host.0.iter().copied().peekable();
        while let Some(byte) = bytes.next() {
            // Defanged dots: `example[.]com`.
            if (byte == b'[' && bytes.peek() == Some(&b'.')) || byte == b']' {
                continue;
            }
            self.text.push(byte.to_ascii_lowercase());
        }
        while self.text.last() == Some(&b'.') {
            self.text.pop();
        }
        let front = www_length(&self.text);
        self.text.drain(..front);
    }

    fn read_rest(&mut self, rest: &[u8]) {
        let rest = rest.split(|b| *b == b'#').next().unwrap_or_default();
        let mut left = rest;
        while let Some((byte, after)) = left.split_first() {
            self.text.push(*byte);
            left = if *byte == b'&' { without_entity(after) } else { after };
        }
        while self.text.len() > self.host_end
            && self.text.last().is_some_and(|b| b"/?&".contains(b))
        {
            self.text.pop();
        }
        let question = self.rest().iter().position(|b| *b == b'?');
        self.path_end = question.map_or(self.text.len(), |at| at.saturating_add(self.host_end));
    }

    fn find_suffix(&mut self, limits: &UrlLimits) {
        let is_address = looks_like_address(self.host());
        let host = self.host();
        let text = std::str::from_utf8(host).unwrap_or_default();
        let usable = !is_address && !text.is_empty() && text.len() <= limits.host_bytes_max;
        let (registered, suffix, private) = if usable {
            let (suffix, private) = SuffixList::shipped().suffix_of_text(text);
            let suffix_start = text.len().saturating_sub(suffix.len());
            let above = text.get(..suffix_start.saturating_sub(1)).unwrap_or_default();
            let start = above.rfind('.').map_or(0, |dot| dot.saturating_add(1));
            (start, suffix_start, private)
        } else {
            (0, host.len().saturating_add(1), false)
        };
        self.is_address = is_address;
        self.registered_start = registered;
        self.suffix_start = suffix;
        self.is_private_suffix = private;
    }
}

/// A URL without its scheme: what names user, host and port, and the rest.
fn authority(input: &[u8]) -> (&[u8], &[u8]) {
    let input = without_scheme(input);
    let length = input.iter().position(|b| b"/?#\\".contains(b)).unwrap_or(input.len());
    input.split_at(length)
}

/// Whether a URL is for moving files or for commands.
fn moves_files(input: &[u8]) -> bool {
    let scheme = input.split(|b| *b == b':').next().unwrap_or_default();
    [&b"ftp"[..], b"ftps", b"sftp", b"scp", b"ssh"]
        .iter()
        .any(|one| scheme.eq_ignore_ascii_case(one))
}

/// The part of a user name that is written as the name of a host, with dots, and what only makes it
/// longer: `%2flogin:x`.
fn host_as_user(user: &[u8]) -> Option<(&[u8], &[u8])> {
    let is_of_host = |b: &u8| b.is_ascii_alphanumeric() || b"-._".contains(b);
    let (name, after) = user.split_at(user.iter().take_while(|b| is_of_host(b)).count());
    name.contains(&b'.').then_some((name, after))
}

/// A URL in three: what stands before the user, the user with the `@`, and what is behind them.
pub(super) fn around_user(input: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let input = trimmed(input);
    let (authority, rest) = authority(input);
    let user = authority.iter().rposition(|b| *b == b'@').map_or(0, |at| at.saturating_add(1));
    let length = authority.len().saturating_add(rest.len());
    let (scheme, all) = input.split_at(input.len().saturating_sub(length));
    let (user, behind) = all.split_at(user);
    (scheme, user, behind)
}

fn trimmed(input: &[u8]) -> &[u8] {
    let blank = |b: &u8| *b <= b' ';
    let start = input.iter().position(|b| !blank(b)).unwrap_or(input.len());
    let end = input.iter().rposition(|b| !blank(b)).map_or(start, |at| at.saturating_add(1));
    input.get(start..end).unwrap_or_default()
}

fn without_scheme(input: &[u8]) -> &[u8] {
    let name = input.iter().take_while(|b| b.is_ascii_alphanumeric() || b"+.-".contains(b)).count();
    let after = input.get(name..).unwrap_or_default();
    let marks: [&[u8]; 3] = [b"://", b":\\\\", b"[:]//"];
    for mark in marks {
        if name > 0
            && name <= 12
            && let Some(rest) = after.strip_prefix(mark)
        {
            return rest;
        }
    }
    input.strip_prefix(b"//").unwrap_or(input)
}

/// The host, and whether a port stood behind it.
fn without_port(host: &[u8]) -> (&[u8], bool) {
    // Of an address of IPv6 without brackets the last group is no port.
    if host.contains(&b':') && std::str::from_utf8(host).is_ok_and(is_v6) {
        return (host, false);
    }
    let digits = host.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    let colon = host.len().checked_sub(digits.saturating_add(1));
    match colon {
        Some(at) if host.get(at) == Some(&b':') => (host.get(..at).unwrap_or_default(), digits > 0),
        _ => (host, false),
    }
}

/// How long a `www.` or `www2.` at the front is, if a name is left behind it.
fn www_length(host: &[u8]) -> usize {
    let Some(rest) = host.strip_prefix(b"www") else { return 0 };
    let digits = rest.iter().take(2).take_while(|b| b.is_ascii_digit()).count();
    let behind = rest.get(digits..).unwrap_or_default();
    let is_prefix =
        behind.first() == Some(&b'.') && behind.iter().filter(|b| **b == b'.').count() > 1;
    if is_prefix { digits.saturating_add(4) } else { 0 }
}

/// What follows an ampersand, without `amp;` however often it was escaped.
fn without_entity(mut after: &[u8]) -> &[u8] {
    while let Some(rest) = after.strip_prefix(b"amp;") {
        after = rest;
    }
    after
}

fn is_v6(host: &str) -> bool {
    host.parse::<Ipv6Addr>().is_ok()
}

fn looks_like_address(host: &[u8]) -> bool {
    let is_v4 = host.iter().all(|b| b.is_ascii_digit() || *b == b'.') && host.contains(&b'.');
    is_v4 || host.iter().filter(|b| **b == b':').count() > 1 || host.starts_with(b"0x")
}
