//! One record with named fields (a CSV row, a JSON object, a line that an expression took apart):
//! what it is about, and what it says of that.

use crate::feeds::mapping::Role;
use crate::feeds::output::{Output, Sink};
use crate::feeds::value_type::{hash, is_type, typed};
use crate::feeds::words::{
    FAMILY_BYTES_MAX, category_of, date, is_family, is_family_tag, is_tlp, tlp_or_strict,
};
use crate::feeds::{NeverBlocks, RejectReason, domain_list, ip_list, url_list};
use std::borrow::Cow;
use wardnet_model::{Category, Details, Indicator, Kind, Observation, Scope, Tlp, address};

/// The longest reference that is kept, in bytes.
const REFERENCE_BYTES_MAX: usize = 512;

/// Fields with nothing in them, in the ways of the feeds.
const EMPTY: [&str; 8] = ["", "-", "None", "none", "n/a", "N/A", "null", "NULL"];

/// How sure a record is that nobody has verified, where others of its feed are verified.
const UNVERIFIED: u8 = 50;

/// What holds for all records of a publisher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Style {
    /// What the records are about, where they do not say.
    pub(crate) category: Option<Category>,
    /// Whether URLs are escaped for a web page.
    pub(crate) escaped: bool,
    /// Whether remarks read `Possible Cobaltstrike C2 IP`.
    pub(crate) c2_notes: bool,
}

/// One record.
#[derive(Debug, Clone, Default)]
pub(crate) struct Record<'r> {
    pub(crate) fields: Vec<(Role, Cow<'r, str>)>,
}

impl<'r> Record<'r> {
    /// Adds a field, unless there is nothing in it.
    pub(crate) fn push(&mut self, role: Role, value: Cow<'r, str>) {
        if !EMPTY.contains(&value.trim()) {
            self.fields.push((role, value));
        }
    }

    pub(crate) fn first(&self, role: Role) -> Option<&str> {
        self.all(role).next()
    }

    fn all(&self, role: Role) -> impl Iterator<Item = &str> {
        self.fields.iter().filter(move |(of, _)| *of == role).map(|(_, value)| value.trim())
    }

    /// Hands over what the record says.
    pub(crate) fn emit<S: Sink>(
        &self,
        style: Style,
        output: &mut Output<'_, S>,
    ) -> Result<(), RejectReason> {
        if self.all(Role::Note).any(|note| note.eq_ignore_ascii_case("test data")) {
            return Err(NeverBlocks::TestRow.into());
        }
        let is = |role, words: &[&str]| {
            self.first(role)
                .is_some_and(|value| words.iter().any(|w| value.eq_ignore_ascii_case(w)))
        };
        if is(Role::Active, &["no", "false", "0", "removed"])
            || is(Role::Simulated, &["yes", "true", "1"])
        {
            return Err(RejectReason::NotInForce);
        }
        // Other makers' risks are seldom a share of a hundred.
        let risk = self.first(Role::Risk).filter(|_| self.reach().is_some());
        let mut confidence = self.first(Role::Confidence).or(risk).and_then(percent);
        if is(Role::Verified, &["no", "false", "0"]) {
            confidence = confidence.or(Some(UNVERIFIED));
        }
        let found = self.observations(style, output.options.scope)?;
        if found.is_empty() {
            return Err(RejectReason::NoIndicator);
        }
        let details = self.details(style);
        let details = (!details.is_empty()).then(|| Box::new(details));
        for observation in found {
            output.accept(Observation {
                category: self.category().or(style.category),
                confidence,
                first_seen: self.first(Role::FirstSeen).and_then(date),
                until: self.first(Role::Until).and_then(date),
                tlp: self.tlp(),
                details: details.clone(),
                ..observation
            })?;
        }
        Ok(())
    }

    /// What the record is about: one value of the network, the most telling, and all hashes.
    fn observations(
        &self,
        style: Style,
        scope: Option<Scope>,
    ) -> Result<Vec<Observation>, RejectReason> {
        let bare_scope = self.reach().or(scope).unwrap_or_default();
        let mut found = Vec::new();
        for value in self.all(Role::Indicator) {
            found.push(match self.kind() {
                Some(kind) => typed(kind, value, bare_scope)?,
                None => guess(value, bare_scope)?,
            });
        }
        if !found.is_empty() {
            return Ok(found);
        }
        let exact = |indicator| Observation::malicious(indicator, Scope::Exact);
        if let Some(url) = self.first(Role::Url) {
            let url = if style.escaped { unescape(url) } else { url.into() };
            found.push(Observation::malicious(url_list::read(&url)?, bare_scope));
        } else if let Some(name) = self.first(Role::Domain) {
            found.push(host(name, bare_scope)?);
        } else if let Some(ip) = self.first(Role::Ip) {
            found.push(self.address(ip, bare_scope)?);
        }
        for (role, kind) in [
            (Role::Md5, Kind::Md5),
            (Role::Sha1, Kind::Sha1),
            (Role::Sha256, Kind::Sha256),
            (Role::Ja3, Kind::Ja3),
            (Role::Ja4, Kind::Ja4),
            (Role::CertificateSha1, Kind::CertificateSha1),
            (Role::CertificateSha256, Kind::CertificateSha256),
            (Role::Email, Kind::Email),
            (Role::Cve, Kind::Cve),
        ] {
            for value in self.all(role) {
                found.push(exact(Indicator::parse_as(kind, value)?));
            }
        }
        if let Some(asn) = self.first(Role::Asn) {
            found.push(typed("asn", asn, Scope::Exact)?);
        }
        // Many apps share the name of a good one, which a copy with malware keeps.
        if found.is_empty()
            && let Some(app) = self.first(Role::App)
        {
            found.push(exact(Indicator::parse_as(Kind::App, app)?));
        }
        Ok(found)
    }

    /// How far the record says that it reaches.
    fn reach(&self) -> Option<Scope> {
        self.all(Role::Scope).find_map(|word| word.parse().ok())
    }

    /// The type of its value, which CrowdSec calls the scope; its `type` is what is to be done.
    fn kind(&self) -> Option<&str> {
        let scopes = self.all(Role::Scope).filter(|word| word.parse::<Scope>().is_err());
        let mut words = scopes.chain(self.all(Role::Type));
        let first = words.next()?;
        Some(if is_type(first) { first } else { words.find(|word| is_type(word)).unwrap_or(first) })
    }

    fn address(&self, ip: &str, scope: Scope) -> Result<Observation, RejectReason> {
        // CrowdSec's command line writes `Ip:192.0.2.1` and `Range:192.0.2.0/24`.
        let ip = ["Ip:", "Range:"].iter().find_map(|name| ip.strip_prefix(name)).unwrap_or(ip);
        let Some(port) = self.first(Role::Port) else {
            return match ip_list::read(ip) {
                Ok(indicator) => Ok(Observation::malicious(indicator, Scope::Exact)),
                // Some call a column `address` that holds names too.
                Err(error) => host(ip, scope).map_err(|_| error.into()),
            };
        };
        let host = address(ip)?;
        let text =
            if host.is_ipv6() { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        Ok(Observation::malicious(Indicator::parse_as(Kind::Endpoint, &text)?, Scope::Exact))
    }

    /// Who may see it: by its marking, and by those of its tags that are one, the strictest.
    fn tlp(&self) -> Option<Tlp> {
        let tags = self.all(Role::Tags).flat_map(tags).filter(|tag| is_tlp(tag));
        self.all(Role::Tlp).chain(tags).filter_map(tlp_or_strict).max()
    }

    fn category(&self) -> Option<Category> {
        // A type without a value beside it is that of the threat.
        let kind = self.first(Role::Type).filter(|_| self.first(Role::Indicator).is_none());
        // `phishing malware`, as Wardnet exports it: the first of them.
        let listed = |text: &str| text.split(' ').next()?.parse().ok();
        self.all(Role::Category)
            .chain(kind)
            .chain(self.all(Role::Tags).flat_map(tags))
            .find_map(|text| listed(text).or_else(|| category_of(text)))
    }

    fn details(&self, style: Style) -> Details {
        let short = |name: &&str| (1..=FAMILY_BYTES_MAX).contains(&name.len());
        let c2_note = || self.first(Role::Note).filter(|_| style.c2_notes).and_then(c2_family);
        Details {
            family: self
                .all(Role::Family)
                .find(|name| is_family(name))
                .or_else(c2_note)
                .or_else(|| self.all(Role::Tags).flat_map(tags).find(|tag| is_family_tag(tag)))
                .map(Into::into),
            actor: self.first(Role::Actor).filter(short).map(Into::into),
            reference: self
                .first(Role::Reference)
                .filter(|text| text.len() <= REFERENCE_BYTES_MAX)
                .map(Into::into),
            ..Details::default()
        }
    }
}

/// The words of a field of tags: `#phishing #C2`, `a,b`, `a|b`.
fn tags(text: &str) -> impl Iterator<Item = &str> {
    text.split([' ', ',', '|', ';', '\t'])
        .map(|tag| tag.trim().trim_start_matches('#'))
        .filter(|tag| !tag.is_empty())
}

/// `Possible Cobaltstrike C2 IP`.
fn c2_family(note: &str) -> Option<&str> {
    let name = note.split(" C2").next()?.trim();
    let name = name.strip_prefix("Possible ").unwrap_or(name).trim();
    (is_family(name) && name != note).then_some(name)
}

/// `90`, `90%`, `0.9`; nothing where it is out of range.
fn percent(text: &str) -> Option<u8> {
    let text = text.trim_end_matches('%').trim();
    if let Ok(percent) = text.parse::<u8>() {
        return (1..=100).contains(&percent).then_some(percent);
    }
    let share: f64 = text.parse().ok()?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to 100")]
    (share > 0.0 && share <= 1.0).then(|| ((share * 100.0) as u8).max(1))
}

/// A name, or what stands in its place: `name:8080`, `192.0.2.1/`.
fn host(value: &str, scope: Scope) -> Result<Observation, RejectReason> {
    domain_list::read(value, scope).or_else(|error| match url_list::read(value) {
        Ok(url) if value.contains(['/', ':']) => Ok(Observation::malicious(url, scope)),
        _ => Err(error),
    })
}

/// A value of which nobody says what it is.
pub(crate) fn guess(value: &str, scope: Scope) -> Result<Observation, RejectReason> {
    if let Ok(hash) = hash(value) {
        return Ok(Observation::malicious(hash, Scope::Exact));
    }
    if value.contains("://") || !value.contains('@') {
        return domain_list::read(value, scope);
    }
    Ok(Observation::malicious(Indicator::parse(value)?, Scope::Exact))
}

/// Undoes the escapes of HTML that stand in URLs (`&amp;`), also where they were applied twice.
pub(crate) fn unescape(text: &str) -> Cow<'_, str> {
    const ENTITIES: [(&str, &str); 8] = [
        ("&amp;", "&"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#x27;", "'"),
        ("&#039;", "'"),
        ("&#39;", "'"),
        ("&apos;", "'"),
    ];
    let mut text = Cow::Borrowed(text);
    for (entity, plain) in ENTITIES {
        while text.contains(entity) {
            text = Cow::Owned(text.replace(entity, plain));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_parts_are_read() {
        assert_eq!(c2_family("Possible Cobaltstrike C2 IP"), Some("Cobaltstrike"));
        assert_eq!(c2_family("IOC FOUND"), None);
        assert_eq!(unescape("http://a.top/?b=1&amp;amp;c=2&#x27;"), "http://a.top/?b=1&c=2'");
        for (text, expected) in
            [("90", Some(90)), ("90 %", Some(90)), ("0.5", Some(50)), ("0", None), ("500", None)]
        {
            assert_eq!(percent(text), expected, "{text}");
        }
        assert_eq!(tags("#phishing #C2, x").collect::<Vec<_>>(), ["phishing", "C2", "x"]);
    }
}
