//! Adblock Plus and AdGuard rules.
//!
//! A list for browsers holds much that a network cannot enforce: rules for third parties, for parts
//! of pages, for text anywhere in a URL. Only what blocks a name, an address or the beginning of a
//! URL for everybody becomes an observation; the rest is rejected with its reason.
//! Syntax: <https://adguard.com/kb/general/ad-filtering/create-own-filters/> and, for lists of
//! names, <https://adguard-dns.io/kb/general/dns-filtering-syntax/>.

use crate::feeds::output::{Output, Sink};
use crate::feeds::{RejectReason, hosts, ip_list};
use wardnet_model::{DomainName, HostError, Indicator, Observation, Scope, Stance, Url};

/// Modifiers that do not narrow a rule down, in order.
const KEPT_MODIFIERS: [&str; 5] = ["all", "doc", "document", "important", "popup"];

/// Modifiers for whole pages. Beside one of them, [`PART_MODIFIERS`] only add to what is blocked.
const PAGE_MODIFIERS: [&str; 3] = ["all", "doc", "document"];

/// Modifiers for what a page loads, in order.
const PART_MODIFIERS: [&str; 14] = [
    "css",
    "font",
    "frame",
    "image",
    "media",
    "object",
    "other",
    "ping",
    "script",
    "stylesheet",
    "subdocument",
    "websocket",
    "xhr",
    "xmlhttprequest",
];

/// What stands between the sites of a cosmetic rule and what it does there.
const COSMETIC_MARKS: [&str; 7] = ["##", "#@#", "#?#", "#$#", "#%#", "#@$#", "#@%#"];

/// The text of a comment; `None` for a rule.
pub(crate) fn comment(text: &str) -> Option<&str> {
    if text.starts_with('[') && text.ends_with(']') {
        return Some("");
    }
    if let Some(rest) = text.strip_prefix('!') {
        return Some(rest.trim());
    }
    // AdGuard takes `# text` for a comment; `##selector` is a rule for all sites.
    let rest = text.strip_prefix('#')?;
    let behind = rest.trim_start_matches('#');
    let is_comment = behind.is_empty()
        || behind.starts_with([' ', '\t'])
        || !rest.starts_with(['#', '@', '?', '$', '%']);
    is_comment.then(|| rest.trim())
}

pub(crate) fn row<S: Sink>(text: &str, output: &mut Output<'_, S>) -> Result<(), RejectReason> {
    if memchr::memchr(b'#', text.as_bytes()).is_some()
        && COSMETIC_MARKS.iter().any(|mark| text.contains(mark))
    {
        return Err(RejectReason::Cosmetic);
    }
    if let Some(outcome) = hosts::row_in_other_list(text, output) {
        return outcome;
    }
    let text = strip_note(text);
    let (rule, stance) = match text.strip_prefix("@@") {
        Some(rule) => (rule, Stance::Benign),
        None => (text, Stance::Malicious),
    };
    if is_regular_expression(rule) {
        return Err(RejectReason::RegularExpression);
    }
    let pattern = strip_modifiers(rule)?;
    let (indicator, scope) = read_pattern(pattern)?;
    output.accept(Observation { stance, ..Observation::malicious(indicator, scope) })
}

/// The rule without a note such as `||example.com^  # breaks the shop`.
fn strip_note(text: &str) -> &str {
    text.split(" #").next().unwrap_or(text).trim_end()
}

fn is_regular_expression(rule: &str) -> bool {
    rule.strip_prefix('/')
        .and_then(|rest| rest.rsplit_once('/'))
        .is_some_and(|(_, behind)| behind.is_empty() || behind.starts_with('$'))
}

/// The pattern of a rule, unless a modifier narrows it down.
fn strip_modifiers(rule: &str) -> Result<&str, RejectReason> {
    let Some((pattern, modifiers)) = rule.split_once('$') else { return Ok(rule) };
    let blocks_pages = modifiers.split(',').any(|name| PAGE_MODIFIERS.contains(&name.trim()));
    for modifier in modifiers.split(',') {
        let name = modifier.split('=').next().unwrap_or_default().trim();
        if name == "badfilter" {
            return Err(RejectReason::Badfilter);
        }
        let adds = blocks_pages && PART_MODIFIERS.binary_search(&name).is_ok();
        if !adds && KEPT_MODIFIERS.binary_search(&name).is_err() {
            let name = name.chars().take(32).collect::<String>();
            return Err(RejectReason::Modifier(name.into()));
        }
    }
    Ok(pattern)
}

/// What a pattern names: `||name^`, `||name/path`, `|name^`, `|http://…|` or a bare name.
fn read_pattern(pattern: &str) -> Result<(Indicator, Scope), RejectReason> {
    if let Some(anchored) = pattern.strip_prefix("||") {
        return read_anchored(anchored);
    }
    if let Some(url) = pattern.strip_prefix('|') {
        // For AdGuard, which sees names alone, `|name^` and `|name|` are that name, not those below.
        if let Some(name) = url.strip_suffix(['^', '|']).filter(|name| !name.contains(['/', ':'])) {
            refuse_wildcards(name)?;
            return Ok((read_name(name)?, Scope::Exact));
        }
        let (url, scope) = match url.strip_suffix('|') {
            Some(whole) => (whole, Scope::Exact),
            None => (url.trim_end_matches('^'), Scope::Subtree),
        };
        refuse_wildcards(url)?;
        return Ok((Indicator::Url(Url::parse(url)?), scope));
    }
    if pattern.contains('/') || pattern.starts_with(['.', '-', '_', '^']) || !pattern.contains('.')
    {
        return Err(RejectReason::NotAnchored);
    }
    refuse_wildcards(pattern)?;
    // A bare name in a list for AdGuard Home is that name, not those below.
    Ok((read_name(pattern)?, Scope::Exact))
}

/// `name^`, `*.name^` or `name/path`, behind `||`.
fn read_anchored(pattern: &str) -> Result<(Indicator, Scope), RejectReason> {
    let (pattern, scope) = match pattern.strip_prefix("*.") {
        Some(rest) => (rest, Scope::Below),
        None => (pattern, Scope::Subtree),
    };
    let name = pattern.trim_end_matches('|');
    let name = name.strip_suffix('^').unwrap_or(name);
    refuse_wildcards(name)?;
    // Every URL of a host begins with `name/`.
    let name = name.strip_suffix('/').filter(|host| !host.contains(['/', '?'])).unwrap_or(name);
    if !name.contains(['/', ':', '?']) {
        return Ok(match read_name(name)? {
            Indicator::Domain(name) => (Indicator::Domain(name), scope),
            other => (other, Scope::Exact),
        });
    }
    if scope == Scope::Below {
        return Err(RejectReason::Wildcard);
    }
    if let Ok(address) = ip_list::read(name) {
        return Ok((address, Scope::Exact));
    }
    let scope = if pattern.ends_with('|') { Scope::Exact } else { Scope::Subtree };
    Ok((Indicator::Url(Url::parse(name)?), scope))
}

fn read_name(name: &str) -> Result<Indicator, RejectReason> {
    match DomainName::parse(name) {
        Ok(name) => Ok(Indicator::Domain(name)),
        Err(HostError::Numeric) => Ok(ip_list::read(name)?),
        Err(error) => Err(error.into()),
    }
}

/// `^` stands for any of several characters, `*` for any text.
fn refuse_wildcards(text: &str) -> Result<(), RejectReason> {
    if text.contains(['*', '^']) { Err(RejectReason::Wildcard) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_modifiers_are_in_order() {
        assert!(KEPT_MODIFIERS.is_sorted());
        assert!(PART_MODIFIERS.is_sorted());
    }

    #[test]
    fn comments_are_told_from_rules() {
        for (text, expected) in [
            ("! Title: List", Some("Title: List")),
            ("# Entries: 5", Some("Entries: 5")),
            ("#", Some("")),
            ("####", Some("###")),
            ("[Adblock Plus 2.0]", Some("")),
            ("## Section ##", Some("# Section ##")),
            ("##.banner", None),
            ("###banner", None),
            ("#@#.banner", None),
            ("||name.top^", None),
        ] {
            assert_eq!(comment(text), expected, "{text}");
        }
    }
}
