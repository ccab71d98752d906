//! MISP warning lists: <https://github.com/MISP/misp-warninglists>.
//!
//! The meaning of the types is that of MISP's own `Warninglist.php`: `hostname` is the name and all
//! below, with dots around the entry ignored; `string` is the value itself; `cidr` an address or
//! network; `substring` and `regex` name no single indicator and are collected as patterns. A
//! `string` that begins with a dot matches nothing in MISP, though every such list means the name
//! and all below: it is read that way.

use crate::feeds::output::{Output, Sink};
use crate::feeds::patterns::{check_regex, check_substring};
use crate::feeds::warninglist_topics::topic;
use crate::feeds::{FeedError, Pattern, RejectReason, Warning, domain_list, ip_list};
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::{BufRead, Read};
use std::sync::Arc;
use wardnet_model::{
    Category, DomainName, Indicator, Kind, Observation, PatternKind, Scope, Stance, address,
};

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(default, rename = "type")]
    list_type: ListType,
    #[serde(borrow, default)]
    matching_attributes: Vec<Cow<'a, str>>,
    #[serde(borrow)]
    list: Vec<Entry<'a>>,
    #[serde(default)]
    version: Option<u64>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Default)]
#[serde(rename_all = "lowercase")]
enum ListType {
    // The schema's default.
    #[default]
    String,
    Substring,
    Hostname,
    Cidr,
    Regex,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Entry<'a> {
    #[serde(borrow)]
    Text(Cow<'a, str>),
    Other(serde::de::IgnoredAny),
}

/// What holds for all entries of a list.
struct List {
    name: Arc<str>,
    list_type: ListType,
    kinds: Arc<[Kind]>,
    category: Category,
    stance: Stance,
}

/// Kinds of indicator by the names of MISP attributes, in order of the names.
const ATTRIBUTES: [(&str, &[Kind]); 22] = [
    ("AS", &[Kind::Asn]),
    ("dns-soa-email", &[Kind::Email]),
    ("domain", &[Kind::Domain]),
    ("email", &[Kind::Email]),
    ("email-dst", &[Kind::Email]),
    ("email-src", &[Kind::Email]),
    ("hostname", &[Kind::Domain]),
    ("ip", ADDRESSES),
    ("ip-dst", ADDRESSES),
    ("ip-src", ADDRESSES),
    ("ja3-fingerprint-md5", &[Kind::Ja3]),
    ("md5", &[Kind::Md5]),
    ("mobile-application-id", &[Kind::App]),
    ("sha1", &[Kind::Sha1]),
    ("sha256", &[Kind::Sha256]),
    ("target-email", &[Kind::Email]),
    ("uri", &[Kind::Url]),
    ("url", &[Kind::Url]),
    ("vulnerability", &[Kind::Cve]),
    ("whois-registrant-email", &[Kind::Email]),
    ("x509-fingerprint-sha1", &[Kind::CertificateSha1]),
    ("x509-fingerprint-sha256", &[Kind::CertificateSha256]),
];

const ADDRESSES: &[Kind] = &[Kind::Ipv4, Kind::Ipv6, Kind::Ipv4Network, Kind::Ipv6Network];

/// Reads a whole list. Only a document that is no warning list is an error.
pub(crate) fn read<S: Sink>(
    input: impl BufRead,
    output: &mut Output<'_, S>,
) -> Result<(), FeedError> {
    let bytes = read_document(input, output.options.limits.document_bytes_max)?;
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes);
    let document: Document<'_> = serde_json::from_slice(bytes)
        .map_err(|error| FeedError::NotAWarninglist(error.to_string()))?;
    let feed_name = output.options.name.as_deref().unwrap_or_default();
    let (category, stance) = topic(&document.name, feed_name);
    let list = List {
        name: document.name.chars().take(200).collect::<String>().into(),
        list_type: document.list_type,
        kinds: kinds(&document.matching_attributes),
        category,
        stance,
    };
    output.report.header.title = Some((&*list.name).into());
    output.report.header.version = document.version.map(|version| version.to_string().into());
    for entry in &document.list {
        if output.line >= output.options.limits.lines_max {
            output.report.warnings.push(Warning::CutShort(output.line));
            break;
        }
        output.line += 1;
        match entry {
            Entry::Text(text) => {
                let outcome = list.entry(text.trim(), output);
                output.settle(outcome, text);
            }
            Entry::Other(_) => output.reject(RejectReason::NotText, ""),
        }
    }
    output.report.lines = output.line;
    output.report.rows = output.line;
    Ok(())
}

fn read_document(input: impl BufRead, bytes_max: u64) -> Result<Vec<u8>, FeedError> {
    let mut bytes = Vec::new();
    #[expect(clippy::disallowed_methods, reason = "bounded by `take` on the same line")]
    input.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > bytes_max {
        return Err(FeedError::DocumentTooLarge(bytes_max));
    }
    Ok(bytes)
}

/// The kinds a list is for. Compound attributes such as `domain|ip` or `filename|md5` count for
/// each of their parts.
fn kinds(attributes: &[Cow<'_, str>]) -> Arc<[Kind]> {
    let kinds: BTreeSet<Kind> = attributes
        .iter()
        .flat_map(|attribute| attribute.split('|'))
        .filter_map(|name| {
            let at = ATTRIBUTES.binary_search_by(|(known, _)| (*known).cmp(name)).ok()?;
            ATTRIBUTES.get(at).map(|(_, kinds)| *kinds)
        })
        .flatten()
        .copied()
        .collect();
    kinds.into_iter().collect()
}

/// A name and all below, or an address that stands among names.
fn read_host(text: &str) -> Result<(Indicator, Scope), RejectReason> {
    match DomainName::parse(text) {
        Ok(name) => Ok((Indicator::Domain(name), Scope::Subtree)),
        Err(error) => match address(text) {
            Ok(address) => Ok((Indicator::Address(address), Scope::Exact)),
            Err(_) => Err(error.into()),
        },
    }
}

impl List {
    fn entry<S: Sink>(&self, text: &str, output: &mut Output<'_, S>) -> Result<(), RejectReason> {
        if self.kinds.is_empty() {
            return Err(RejectReason::WrongKind);
        }
        match self.list_type {
            ListType::Cidr => self.accept(ip_list::read(text)?, Scope::Exact, output),
            ListType::Hostname => {
                let (host, scope) = read_host(text.trim_matches('.'))?;
                self.accept(host, scope, output)
            }
            ListType::String => self.string(text, output),
            ListType::Substring => {
                let limits = &output.options.limits;
                let pattern = check_substring(text, limits)?;
                self.keep_pattern(PatternKind::Substring, pattern, output)?;
                self.implied(text, output)
            }
            ListType::Regex => {
                let pattern = check_regex(text, &output.options.limits)?;
                self.keep_pattern(PatternKind::Regex, pattern, output)
            }
        }
    }

    /// A value that stands for itself. A hash may be that of a file and of a certificate.
    fn string<S: Sink>(&self, text: &str, output: &mut Output<'_, S>) -> Result<(), RejectReason> {
        let hashes: &[Kind] = match text.len() {
            32 => &[Kind::Md5, Kind::Ja3],
            40 => &[Kind::Sha1, Kind::CertificateSha1],
            64 => &[Kind::Sha256, Kind::CertificateSha256],
            _ => &[],
        };
        let mut found = false;
        for kind in hashes.iter().filter(|kind| self.kinds.contains(kind)) {
            if let Ok(hash) = Indicator::parse_as(*kind, text) {
                self.accept(hash, Scope::Exact, output)?;
                found = true;
            }
        }
        if found {
            return Ok(());
        }
        let (indicator, scope) = self.read_string(text)?;
        self.accept(indicator, scope, output)
    }

    fn read_string(&self, text: &str) -> Result<(Indicator, Scope), RejectReason> {
        let others = [Kind::Asn, Kind::Cve, Kind::App];
        for kind in others.into_iter().filter(|kind| self.kinds.contains(kind)) {
            if let Ok(indicator) = Indicator::parse_as(kind, text) {
                return Ok((indicator, Scope::Exact));
            }
        }
        let host = [Kind::Domain, Kind::Url, Kind::Ipv4, Kind::Email];
        if !host.iter().any(|kind| self.kinds.contains(kind)) {
            return Err(RejectReason::WrongKind);
        }
        if text.contains('@') && self.kinds.contains(&Kind::Email) {
            return Ok((Indicator::parse_as(Kind::Email, text)?, Scope::Exact));
        }
        let read = domain_list::read(text, Scope::Exact)?;
        Ok((read.indicator, read.scope))
    }

    /// Every name below a name that is searched for as text contains that text too, so the pattern
    /// implies a plain statement, which needs no search when it is asked.
    fn implied<S: Sink>(&self, text: &str, output: &mut Output<'_, S>) -> Result<(), RejectReason> {
        match domain_list::read(text, Scope::Subtree) {
            Ok(read) => self.accept(read.indicator, read.scope, output),
            Err(_) => Ok(()),
        }
    }

    fn accept<S: Sink>(
        &self,
        indicator: Indicator,
        scope: Scope,
        output: &mut Output<'_, S>,
    ) -> Result<(), RejectReason> {
        output.accept(Observation {
            stance: self.stance,
            category: Some(self.category),
            ..Observation::malicious(indicator, scope)
        })
    }

    fn keep_pattern<S: Sink>(
        &self,
        kind: PatternKind,
        text: Box<str>,
        output: &mut Output<'_, S>,
    ) -> Result<(), RejectReason> {
        let patterns_max = output.options.limits.patterns_max;
        if output.report.patterns.len() >= patterns_max {
            let warning = Warning::PatternsCutShort(patterns_max);
            if !output.report.warnings.contains(&warning) {
                output.report.warnings.push(warning);
            }
            return Ok(());
        }
        output.report.patterns.push(Pattern {
            list: self.name.clone(),
            kind,
            text,
            applies_to: self.kinds.clone(),
            stance: self.stance,
            category: self.category,
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_in_order() {
        assert!(ATTRIBUTES.is_sorted_by_key(|(name, _)| *name));
    }
}
