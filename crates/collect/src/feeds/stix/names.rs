//! What a STIX pattern names: the indicators each of which is enough for a match.
//!
//! A pattern is true for any of its alternatives. Where an alternative needs several things at once,
//! the combination is what is bad, and a part of it may be a good site; only parts that mean one
//! object by themselves are taken: all hashes of one file, an address with its port.

use crate::feeds::stix::pattern::{
    Comparison, Comparisons, Observations, Operator, Pattern, StixError,
};
use crate::feeds::value_type::{hash, typed};
use crate::feeds::{Limits, RejectReason, domain_list, ip_list, url_list};
use wardnet_model::{Indicator, Kind, Observation, Scope};

/// What one alternative needs at once.
type Together<'p> = Vec<&'p Comparison>;

/// The statements that a pattern makes, each with what it rests on.
pub(crate) fn names(
    pattern: &Pattern,
    scope: Scope,
    limits: &Limits,
) -> Vec<Result<Observation, RejectReason>> {
    let cost = size_of(&pattern.observations).comparisons;
    if cost > limits.stix_cost_max {
        return vec![Err(StixError::Cost(cost).into())];
    }
    let mut found = Vec::new();
    alternatives(&pattern.observations, scope, &mut found);
    found
}

/// How many alternatives there are, and how many comparisons all of them together have.
#[derive(Debug, Clone, Copy)]
struct Size {
    alternatives: u64,
    comparisons: u64,
}

impl Size {
    const NOTHING: Self = Self { alternatives: 0, comparisons: 0 };
    const EMPTY: Self = Self { alternatives: 1, comparisons: 0 };

    const fn or(self, other: Self) -> Self {
        Self {
            alternatives: self.alternatives.saturating_add(other.alternatives),
            comparisons: self.comparisons.saturating_add(other.comparisons),
        }
    }

    const fn and(self, other: Self) -> Self {
        let (left, right) = (
            self.comparisons.saturating_mul(other.alternatives),
            other.comparisons.saturating_mul(self.alternatives),
        );
        Self {
            alternatives: self.alternatives.saturating_mul(other.alternatives),
            comparisons: left.saturating_add(right),
        }
    }
}

/// How much a pattern stands for, without making it.
fn size_of(observations: &Observations) -> Size {
    match observations {
        Observations::Seen(comparisons) => size(comparisons),
        Observations::Any(parts) => parts.iter().map(size_of).fold(Size::NOTHING, Size::or),
        Observations::All(parts) => parts.iter().map(size_of).fold(Size::EMPTY, Size::and),
    }
}

fn size(comparisons: &Comparisons) -> Size {
    match comparisons {
        Comparisons::One(one) => {
            Size { alternatives: 1, comparisons: one.values.len().max(1) as u64 }
        }
        Comparisons::Any(parts) => parts.iter().map(size).fold(Size::NOTHING, Size::or),
        Comparisons::All(parts) => parts.iter().map(size).fold(Size::EMPTY, Size::and),
    }
}

fn alternatives(
    observations: &Observations,
    scope: Scope,
    found: &mut Vec<Result<Observation, RejectReason>>,
) {
    match observations {
        Observations::Any(parts) => {
            for part in parts {
                alternatives(part, scope, found);
            }
        }
        // Several things that were seen apart.
        Observations::All(_) => found.push(Err(StixError::Combination.into())),
        Observations::Seen(comparisons) => {
            for together in products(comparisons) {
                found.extend(judge(&together, scope));
            }
        }
    }
}

/// All combinations; the caller knows that they are few.
fn products(comparisons: &Comparisons) -> Vec<Together<'_>> {
    match comparisons {
        Comparisons::One(one) => vec![vec![one]],
        Comparisons::Any(parts) => parts.iter().flat_map(products).collect(),
        Comparisons::All(parts) => parts.iter().fold(vec![Vec::new()], |so_far, part| {
            let further = products(part);
            so_far
                .iter()
                .flat_map(|front: &Together<'_>| {
                    further.iter().map(move |back| [front.as_slice(), back.as_slice()].concat())
                })
                .collect()
        }),
    }
}

/// What must hold at once, as statements.
fn judge(together: &Together<'_>, scope: Scope) -> Vec<Result<Observation, RejectReason>> {
    if let [one] = together.as_slice() {
        return values(one, scope);
    }
    let is_hash = |one: &&&Comparison| {
        one.path.starts_with("hashes.")
            && ["file", "artifact", "x509-certificate"].contains(&&*one.object)
    };
    let of_same = |one: &&Comparison| together.iter().all(|other| other.object == one.object);
    // Name and size of a file only narrow down what its hash says already.
    if together.iter().all(of_same) && together.iter().any(|one| is_hash(&one)) {
        return together.iter().filter(is_hash).flat_map(|one| values(one, scope)).collect();
    }
    if let Some(endpoint) = endpoint(together) {
        return vec![endpoint];
    }
    // The same object looked at from several sides: what it resolves to, which type it is.
    let narrowing =
        |one: &&&Comparison| one.path.contains("resolves_to_refs") || one.path.ends_with(".type");
    let rest: Together<'_> = together.iter().filter(|one| !narrowing(one)).copied().collect();
    match rest.as_slice() {
        [one] if rest.len() < together.len() => values(one, scope),
        _ => vec![Err(StixError::Combination.into())],
    }
}

/// `network-traffic:dst_ref.value = '192.0.2.1' AND network-traffic:dst_port = 80`.
fn endpoint(together: &Together<'_>) -> Option<Result<Observation, RejectReason>> {
    let value = |path: &str| {
        together
            .iter()
            .find(|one| &*one.object == "network-traffic" && &*one.path == path && is_equal(one))
    };
    let known = |one: &&&Comparison| {
        &*one.object == "network-traffic"
            && ["dst_ref.value", "dst_ref.type", "dst_port", "protocols[*]", "protocols[0]"]
                .contains(&&*one.path)
    };
    if together.iter().any(|one| !known(&one)) {
        return None;
    }
    let host = value("dst_ref.value")?.values.first()?;
    let Some(port) = value("dst_port").and_then(|one| one.values.first()) else {
        return Some(network_value(host, Scope::Exact));
    };
    let text =
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    Some(match Indicator::parse_as(Kind::Endpoint, &text) {
        Ok(endpoint) => Ok(Observation::malicious(endpoint, Scope::Exact)),
        Err(error) => Err(error.into()),
    })
}

/// Whether a comparison says that something has a value.
fn is_equal(one: &Comparison) -> bool {
    !one.negated && matches!(one.operator, Operator::Equal | Operator::In)
}

/// What a comparison by itself names.
fn values(one: &Comparison, scope: Scope) -> Vec<Result<Observation, RejectReason>> {
    let about = Object::of(one);
    if about == Object::Other {
        let about = format!("{}:{}", one.object, one.path).chars().take(80).collect();
        return vec![Err(StixError::NotAbout(about).into())];
    }
    if let Some(algorithm) = unread_algorithm(one) {
        return vec![Err(StixError::Algorithm(algorithm).into())];
    }
    let negated = one.negated != matches!(one.operator, Operator::NotEqual);
    if negated {
        return vec![Err(StixError::Negation.into())];
    }
    match one.operator {
        Operator::Equal | Operator::In => {
            one.values.iter().map(|value| about.read(value, scope)).collect()
        }
        Operator::IsSubset if about == Object::Address => {
            one.values.iter().map(|value| about.read(value, scope)).collect()
        }
        Operator::Like => one.values.iter().map(|value| like(about, value, scope)).collect(),
        _ => vec![Err(StixError::Inexact.into())],
    }
}

/// The algorithm of a hash, where it is none that Wardnet lists: other hashes are as long as theirs.
fn unread_algorithm(one: &Comparison) -> Option<Box<str>> {
    let name = one.path.strip_prefix("hashes")?.trim_matches(['.', '[', ']', '\'']);
    // `hashes[*]` is of whichever algorithm it looks like.
    let name = Some(name).filter(|name| *name != "*")?;
    let bare: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let is_read = ["md5", "sha1", "sha256"].iter().any(|known| bare.eq_ignore_ascii_case(known));
    (!is_read).then(|| name.chars().take(32).collect())
}

/// `LIKE '%.evil.top'` is all below a name, `LIKE 'http://evil.top/a%'` all below a URL.
fn like(about: Object, value: &str, scope: Scope) -> Result<Observation, RejectReason> {
    let plain = |text: &str| !text.contains('%') && !text.is_empty();
    if plain(value) && !value.contains('_') {
        return about.read(value, scope);
    }
    if about == Object::Name
        && let Some(name) = value.strip_prefix("%.").filter(|name| plain(name))
    {
        return about.read(name, Scope::Below);
    }
    if about == Object::Url
        && let Some(url) = value.strip_suffix('%').filter(|url| plain(url) && url.contains("://"))
    {
        return about.read(url, Scope::Subtree);
    }
    Err(StixError::Inexact.into())
}

/// Kinds of object that Wardnet can list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Object {
    Address,
    Name,
    Url,
    File,
    Certificate,
    Email,
    System,
    /// An address or name at the other end of traffic.
    Peer,
    Other,
}

impl Object {
    fn of(one: &Comparison) -> Self {
        match (&*one.object, &*one.path) {
            ("ipv4-addr" | "ipv6-addr", "value") => Self::Address,
            ("domain-name", "value") => Self::Name,
            ("url", "value") => Self::Url,
            ("file", path) if path.starts_with("hashes.") => Self::File,
            ("file", path) if path.starts_with("hashes[") => Self::File,
            ("artifact", path) if path.starts_with("hashes.") => Self::File,
            ("x509-certificate", path) if path.starts_with("hashes.") => Self::Certificate,
            ("email-addr", "value") => Self::Email,
            ("email-message", "from_ref.value" | "sender_ref.value") => Self::Email,
            ("autonomous-system", "number") => Self::System,
            ("network-traffic", "dst_ref.value") => Self::Peer,
            _ => Self::Other,
        }
    }

    fn read(self, value: &str, scope: Scope) -> Result<Observation, RejectReason> {
        let exact = |indicator| Ok(Observation::malicious(indicator, Scope::Exact));
        match self {
            Self::Address => exact(ip_list::read(value)?),
            Self::Name => domain_list::read(value, scope),
            Self::Url => Ok(Observation::malicious(url_list::read(value)?, scope)),
            Self::File => exact(hash(value)?),
            Self::Certificate => {
                let kind = match value.len() {
                    40 => Kind::CertificateSha1,
                    _ => Kind::CertificateSha256,
                };
                exact(Indicator::parse_as(kind, value)?)
            }
            Self::Email => exact(Indicator::parse_as(Kind::Email, value)?),
            Self::System => typed("asn", value, Scope::Exact),
            Self::Peer => network_value(value, scope),
            Self::Other => Err(StixError::Inexact.into()),
        }
    }
}

/// An address or a name.
fn network_value(value: &str, scope: Scope) -> Result<Observation, RejectReason> {
    match ip_list::read(value) {
        Ok(address) => Ok(Observation::malicious(address, Scope::Exact)),
        Err(_) => domain_list::read(value, scope),
    }
}
