//! The expressions by which URLs and domains are looked up and listed.
//!
//! An expression is a suffix of the host and a prefix of the path: `b.example/1/` stands for
//! everything below it. Every one of them is a slice of the URL's own
//! [`expression`](Url::expression), so nothing is copied before it is hashed.

use smallvec::SmallVec;

use crate::host::{self, DomainRef, HostRef, NAME_BYTES_MAX};
use crate::{Key, SuffixList, Url};

#[cfg(test)]
mod tests;

/// Hosts that a Safe Browsing client asks for: the exact one and four more.
pub const SAFE_BROWSING_HOSTS_MAX: usize = 5;

/// Directories that a Safe Browsing client asks for, from the root on.
pub const SAFE_BROWSING_PREFIXES_MAX: usize = 4;

/// Hosts that a question of ours asks for: the exact one and those nearest the registered domain.
pub const QUESTION_HOSTS_MAX: usize = 16;

/// Directories that a question of ours asks for, from the root on.
pub const QUESTION_PREFIXES_MAX: usize = 16;

/// One thing to look up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expression<'a> {
    /// What is hashed: `host/path`.
    pub text: &'a str,
    /// How many labels the host has lost; 0 is the exact host.
    pub host_level: u8,
    /// How much of the path is left.
    pub form: Form,
}

/// How much of a URL's path an expression has, the most specific first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Form {
    /// The whole path, with the query if there is one.
    Exact,
    /// The whole path, its query left off.
    WithoutQuery,
    /// A directory above the path. It ends in `/`.
    Directory,
}

impl Expression<'_> {
    /// The key under which the expression is listed.
    pub fn key(&self) -> Key {
        Key::digest(self.text.as_bytes())
    }

    /// Whether the expression stands for everything beneath it, and not for one page.
    pub fn is_prefix(&self) -> bool {
        self.text.ends_with('/') && !self.text.contains('?')
    }
}

/// The expressions of one URL: the exact host first, and for each host the most specific first.
#[derive(Debug, Clone)]
pub struct Expressions<'a> {
    text: &'a str,
    hosts: Hosts,
    paths: SmallVec<[(u32, Form); QUESTION_PREFIXES_MAX + 2]>,
    next: usize,
}

/// Where each host starts in the text, and how many labels it lacks.
type Hosts = SmallVec<[(u16, u8); QUESTION_HOSTS_MAX]>;

impl<'a> Iterator for Expressions<'a> {
    type Item = Expression<'a>;

    fn next(&mut self) -> Option<Expression<'a>> {
        let (start, host_level) = *self.hosts.get(self.next / self.paths.len())?;
        let (end, form) = *self.paths.get(self.next % self.paths.len())?;
        self.next += 1;
        let text = self.text.get(usize::from(start)..end as usize)?;
        Some(Expression { text, host_level, form })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.hosts.len() * self.paths.len() - self.next;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Expressions<'_> {}

/// The expressions that a Safe Browsing v5 client generates for `url`: at most 30.
///
/// What is published must be among them, or no client will ever find it.
pub fn safe_browsing_expressions<'a>(url: &'a Url, suffixes: &SuffixList) -> Expressions<'a> {
    expressions(url, suffixes, SAFE_BROWSING_HOSTS_MAX, SAFE_BROWSING_PREFIXES_MAX)
}

/// The expressions that a question of ours asks for: every host down to the registered domain,
/// every directory, within [`QUESTION_HOSTS_MAX`] and [`QUESTION_PREFIXES_MAX`].
///
/// They include all of [`safe_browsing_expressions`].
pub fn question_expressions<'a>(url: &'a Url, suffixes: &SuffixList) -> Expressions<'a> {
    expressions(url, suffixes, QUESTION_HOSTS_MAX, QUESTION_PREFIXES_MAX)
}

fn expressions<'a>(
    url: &'a Url,
    suffixes: &SuffixList,
    hosts_max: usize,
    prefixes_max: usize,
) -> Expressions<'a> {
    let text = url.expression();
    let (host_end, path_end) = url.expression_ends();
    let mut paths = SmallVec::new();
    paths.push((text.len() as u32, Form::Exact));
    if path_end < text.len() {
        paths.push((path_end as u32, Form::WithoutQuery));
    }
    let directories = paths.len();
    let path = text.bytes().enumerate().take(path_end).skip(host_end);
    let slashes = path.filter(|(_, byte)| *byte == b'/').map(|(at, _)| at + 1);
    // A path that ends in a slash is its own innermost directory, and is there already.
    let above = slashes.filter(|end| *end < path_end);
    paths.extend(above.take(prefixes_max).map(|end| (end as u32, Form::Directory)));
    paths.get_mut(directories..).unwrap_or_default().reverse();
    Expressions { text, hosts: hosts(url.host(), suffixes, hosts_max), paths, next: 0 }
}

/// The hosts of a URL; an address, or a number in its place, has no host above it.
fn hosts(host: HostRef<'_>, suffixes: &SuffixList, hosts_max: usize) -> Hosts {
    match host {
        HostRef::Domain(name) => levels(name.as_str(), suffixes, hosts_max),
        HostRef::Other(text) if !host::ends_in_number(text) => levels(text, suffixes, hosts_max),
        HostRef::Address(_) | HostRef::Other(_) => SmallVec::from_slice(&[(0, 0)]),
    }
}

/// The exact host, then those from it down to the registered domain; too many lose their middle.
fn levels(host: &str, suffixes: &SuffixList, hosts_max: usize) -> Hosts {
    let mut hosts = SmallVec::from_slice(&[(0, 0)]);
    let registered = suffixes.registered_text(host).unwrap_or(host);
    let last = host.len() - registered.len();
    let dots = host.bytes().enumerate().take(last).filter(|(_, byte)| *byte == b'.');
    let above = dots.clone().count();
    let skipped = above.saturating_sub(hosts_max - 1);
    hosts.extend(dots.enumerate().skip(skipped).filter_map(|(index, (dot, _))| {
        Some((u16::try_from(dot + 1).ok()?, u8::try_from(index + 1).ok()?))
    }));
    hosts
}

/// The names that a question about a domain asks for: itself, and its parents down to the
/// registered domain, each with how many labels it lacks. Their expressions are
/// [`host_expressions`].
pub fn question_names<'a>(
    name: impl Into<DomainRef<'a>>,
    suffixes: &SuffixList,
) -> impl Iterator<Item = (&'a str, u8)> {
    let name = name.into().as_str();
    let hosts = levels(name, suffixes, QUESTION_HOSTS_MAX);
    hosts.into_iter().filter_map(|(start, level)| Some((name.get(usize::from(start)..)?, level)))
}

/// The expressions of a domain: `a.b.example/`, `b.example/` down to the registered domain.
#[derive(Debug, Clone)]
pub struct HostExpressions {
    text: [u8; NAME_BYTES_MAX + 1],
    length: usize,
    hosts: Hosts,
}

impl HostExpressions {
    /// The exact name first. Each has [`Form::Exact`].
    pub fn iter(&self) -> impl Iterator<Item = Expression<'_>> {
        let text = self.text.get(..self.length).unwrap_or_default();
        let text = std::str::from_utf8(text).unwrap_or_default();
        self.hosts.iter().filter_map(move |(start, host_level)| {
            let text = text.get(usize::from(*start)..)?;
            Some(Expression { text, host_level: *host_level, form: Form::Exact })
        })
    }
}

/// What a question about a domain asks for. A public suffix or a single label has only itself.
pub fn host_expressions<'a>(
    name: impl Into<DomainRef<'a>>,
    suffixes: &SuffixList,
) -> HostExpressions {
    let name = name.into().as_str();
    let mut text = [b'/'; NAME_BYTES_MAX + 1];
    for (to, from) in text.iter_mut().zip(name.bytes()) {
        *to = from;
    }
    let hosts = levels(name, suffixes, QUESTION_HOSTS_MAX);
    HostExpressions { text, length: name.len() + 1, hosts }
}
