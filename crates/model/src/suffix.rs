//! The Public Suffix List: where a registrable name ends and shared ground begins.
//!
//! The matcher is our own because the `publicsuffix` crate follows one branch of its tree only:
//! with `*.firenet.ch` and `*.svc.firenet.ch` both listed, it does not see that `svc.firenet.ch` is
//! a public suffix, nor does it tell an unlisted top-level domain from a listed one.

use std::sync::OnceLock;

use rustc_hash::FxHashMap;

use crate::host::{DomainName, DomainRef};

#[cfg(test)]
mod tests;

/// The longest list that is read, in bytes; the official one has 320 kB.
pub const SUFFIX_LIST_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Which part of the list a public suffix comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Section {
    /// A registry's: `com`, `co.uk`.
    Icann,
    /// A company's that lends names to strangers: `github.io`.
    Private,
    /// None: a last label that the list does not know (its rule `*`).
    Unlisted,
}

/// Why a text is no Public Suffix List.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SuffixError {
    /// Longer than [`SUFFIX_LIST_BYTES_MAX`].
    #[error("the list has {0} bytes; at most 16 MiB are read")]
    TooLong(usize),
    /// A line that is no rule.
    #[error("line {line}: `{rule}` is no rule; rules look like `co.uk`, `*.ck` or `!www.ck`")]
    Rule {
        /// The line's number, from 1.
        line: usize,
        /// What stands there.
        rule: String,
    },
    /// Not one rule.
    #[error("the list has no rules; use public_suffix_list.dat from publicsuffix.org")]
    Empty,
}

/// The public suffix of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suffix<'a> {
    /// The suffix itself.
    pub name: DomainRef<'a>,
    /// Where it is listed.
    pub section: Section,
}

/// A Public Suffix List, ready to be asked.
///
/// All sections count: `foo.github.io` is registered under the public suffix `github.io`.
#[derive(Debug, Clone)]
pub struct SuffixList {
    /// The rules by the name they hang on, and every name above such a name.
    nodes: FxHashMap<Box<str>, Node>,
}

/// What the list says of one name.
#[derive(Debug, Clone, Copy, Default)]
struct Node {
    /// The name is a public suffix.
    itself: Option<Section>,
    /// Each name right below is one (`*.name`).
    children: Option<Section>,
    /// The name is none, whatever a wildcard says (`!name`).
    exception: Option<Section>,
}

/// The list as published, its licence (MPL-2.0) at its head.
const SHIPPED_TEXT: &str = include_str!("../data/public_suffix_list.dat");

impl SuffixList {
    /// The list that ships with this crate.
    pub fn shipped() -> &'static Self {
        static SHIPPED: OnceLock<SuffixList> = OnceLock::new();
        SHIPPED.get_or_init(|| {
            Self::parse(SHIPPED_TEXT).expect("the shipped list is read by the tests")
        })
    }

    /// SHA-256 of the text of the list that ships with this crate.
    pub fn shipped_digest() -> [u8; 32] {
        crate::Key::digest(SHIPPED_TEXT.as_bytes()).0
    }

    /// Reads the text of `public_suffix_list.dat`.
    pub fn parse(text: &str) -> Result<Self, SuffixError> {
        if text.len() > SUFFIX_LIST_BYTES_MAX {
            return Err(SuffixError::TooLong(text.len()));
        }
        let mut list = Self { nodes: FxHashMap::default() };
        let mut section = Section::Icann;
        for (index, line) in text.lines().enumerate() {
            if line.contains("===BEGIN PRIVATE DOMAINS===") {
                section = Section::Private;
            } else if line.contains("===BEGIN ICANN DOMAINS===") {
                section = Section::Icann;
            }
            // https://publicsuffix.org/list/: a rule ends at the first blank.
            let rule = line.split_whitespace().next().unwrap_or_default();
            if !rule.is_empty() && !rule.starts_with("//") {
                list.add(rule, section)
                    .ok_or_else(|| SuffixError::Rule { line: index + 1, rule: rule.to_owned() })?;
            }
        }
        if list.nodes.is_empty() { Err(SuffixError::Empty) } else { Ok(list) }
    }

    /// The public suffix of `name`; the last label where no rule matches.
    pub fn suffix<'a>(&self, name: impl Into<DomainRef<'a>>) -> Suffix<'a> {
        let (suffix, section) = self.split(name.into().as_str());
        Suffix { name: DomainRef::trusted(suffix), section }
    }

    /// The suffix and one label more: what somebody registered. `None` for a public suffix.
    pub fn registered_domain<'a>(&self, name: impl Into<DomainRef<'a>>) -> Option<DomainRef<'a>> {
        self.registered_text(name.into().as_str()).map(DomainRef::trusted)
    }

    /// Whether the whole name is a public suffix, and of which section.
    pub fn is_public_suffix<'a>(&self, name: impl Into<DomainRef<'a>>) -> Option<Section> {
        let name = name.into().as_str();
        let (suffix, section) = self.split(name);
        (suffix.len() == name.len()).then_some(section)
    }

    /// The public suffix of a host that need not be a domain name, and whether a company lends
    /// names under it. The text is taken as it is: lower case, without a trailing dot.
    pub fn suffix_of_text<'a>(&self, host: &'a str) -> (&'a str, bool) {
        let (suffix, section) = self.split(host);
        (suffix, section == Section::Private)
    }

    /// [`registered_domain`](Self::registered_domain) for hosts that are no domain names.
    pub(crate) fn registered_text<'a>(&self, host: &'a str) -> Option<&'a str> {
        let (suffix, _) = self.split(host);
        let above = host.len().checked_sub(suffix.len() + 1)?;
        let start = host.get(..above)?.rfind('.').map_or(0, |dot| dot + 1);
        host.get(start..)
    }

    /// Walks down from the last label: the longest rule wins, an exception beats all.
    fn split<'a>(&self, host: &'a str) -> (&'a str, Section) {
        let mut above: Option<(&str, Node)> = None;
        let mut found = None;
        let mut dots = host.rmatch_indices('.');
        loop {
            let dot = dots.next();
            let name = dot.and_then(|(at, _)| host.get(at + 1..)).unwrap_or(host);
            let node = self.nodes.get(name).copied();
            if let (Some(section), Some((parent, _))) =
                (node.and_then(|node| node.exception), above)
            {
                return (parent, section);
            }
            let by_wildcard = above.and_then(|(_, node)| node.children);
            if let Some(section) = node.and_then(|node| node.itself).or(by_wildcard) {
                found = Some((name, section));
            } else if found.is_none() && above.is_none() {
                let section = node.and_then(|node| node.children);
                found = Some((name, section.unwrap_or(Section::Unlisted)));
            }
            match node {
                Some(node) if dot.is_some() => above = Some((name, node)),
                // Each name above a rule has a node, so nothing is listed below this one.
                _ => return found.unwrap_or((host, Section::Unlisted)),
            }
        }
    }

    fn add(&mut self, rule: &str, section: Section) -> Option<()> {
        let (name, is_exception, is_wildcard) = match (rule.strip_prefix('!'), rule) {
            (Some(name), _) => (name, true, false),
            (None, rule) => match rule.strip_prefix("*.") {
                Some(name) => (name, false, true),
                None => (rule, false, false),
            },
        };
        let name = DomainName::parse(name).ok()?;
        for parent in name.parents() {
            self.nodes.entry(parent.as_str().into()).or_default();
        }
        let node = self.nodes.entry(name.as_str().into()).or_default();
        if is_exception {
            node.exception = Some(section);
        } else if is_wildcard {
            node.children = Some(section);
        } else {
            node.itself = Some(section);
        }
        Some(())
    }
}
