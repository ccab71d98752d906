//! What may be answered: verdicts on names and addresses, asked of the view at each answer.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use wardnet_model::reserved::is_special_name;
use wardnet_model::{
    Band, Basis, Category, DomainName, Indicator, Scope, Section, SuffixList, Timestamp,
};
use wardnet_verdictdb::{Answer, LookupError, Match, Question, Under, View};

use crate::opinion::Opinions;

use super::config::{PolicyConfig, ResolverConfig};
use super::stored::{ExtendedError, Stored};

/// Names that an answer leads over whose looks are judged; what leads over more leads nowhere.
const TARGETS_JUDGED_MAX: usize = 16;

/// What is to be done with an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// It goes out.
    Pass,
    /// It goes out whatever else it leads to: the operator allows the name.
    Allow,
    /// It is replaced.
    Block(ExtendedError),
}

/// Judges for one client, from one view.
pub(super) struct Judge<'a> {
    pub(super) view: &'a View,
    pub(super) suffixes: &'a SuffixList,
    pub(super) policy: &'a PolicyConfig,
    pub(super) config: &'a ResolverConfig,
    pub(super) now: Timestamp,
    /// What models think of what nobody has rated.
    pub(super) opinions: Option<&'a Opinions>,
}

/// Why nothing can be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoVerdict;

impl From<LookupError> for NoVerdict {
    fn from(error: LookupError) -> Self {
        tracing::debug!(%error, "no verdict");
        Self
    }
}

impl Judge<'_> {
    /// Judges a name, with the addresses it is known to have.
    pub(super) fn name(
        &self,
        name: &DomainName,
        addresses: &[IpAddr],
    ) -> Result<Judgement, NoVerdict> {
        self.name_and_standing(name, addresses).map(|(judged, _)| judged)
    }

    /// Judges a name, and says whether it is known to be good.
    fn name_and_standing(
        &self,
        name: &DomainName,
        addresses: &[IpAddr],
    ) -> Result<(Judgement, bool), NoVerdict> {
        let indicator = Indicator::Domain(name.clone());
        let (judged, answer) = self.ask(&indicator, addresses)?;
        let is_good = matches!(answer.band, Band::Trusted | Band::Safe);
        if judged != Judgement::Pass {
            return Ok((judged, is_good));
        }
        Ok((self.predicted(&indicator, &answer).unwrap_or(Judgement::Pass), is_good))
    }

    /// Judges by what is known alone.
    fn ask<'q>(
        &'q self,
        indicator: &'q Indicator,
        addresses: &'q [IpAddr],
    ) -> Result<(Judgement, Answer<'q, 'q>), NoVerdict> {
        if self.view.base.is_none() {
            return Err(NoVerdict);
        }
        let question = Question { indicator, tenant: None, addresses };
        let answer = self.view.ask(&question, self.suffixes, self.now)?;
        if answer.band == Band::Trusted && matches!(answer.basis, Basis::Decision | Basis::Hard) {
            return Ok((Judgement::Allow, answer));
        }
        if self.policy.policy().blocks(answer.risk, answer.band, answer.categories) {
            let error = self.error(&reason(&answer, indicator));
            return Ok((Judgement::Block(error), answer));
        }
        Ok((Judgement::Pass, answer))
    }

    /// Blocks by a model's opinion, where the policy says so. The operator's own names are not
    /// judged by their looks.
    fn predicted(&self, indicator: &Indicator, answer: &Answer<'_, '_>) -> Option<Judgement> {
        let opinions = self.opinions?;
        let Indicator::Domain(name) = indicator else { return None };
        let Some(from) = self.policy.predictions_from_percent else {
            opinions.glance(indicator, answer);
            return None;
        };
        if is_private_name(name, &self.config.private_names) {
            return None;
        }
        let opinion = opinions.on(indicator, answer)?;
        let error = || self.error(&format!("{name}: {}", opinion.words()));
        opinion.blocks(Some(from)).then(|| Judgement::Block(error()))
    }

    /// Judges an answer: the name, all names it leads over, and its addresses.
    pub(super) fn answer(&self, stored: &Stored) -> Result<Judgement, NoVerdict> {
        let (judged, is_good) = match &stored.name {
            Some(name) => self.name_and_standing(name, &stored.addresses)?,
            None => (self.addresses(&stored.addresses)?, false),
        };
        if judged != Judgement::Pass {
            return Ok(judged);
        }
        for (at, name) in stored.targets.iter().enumerate() {
            // An operator's word for a target is no word for the name that was asked.
            let target = Indicator::Domain(name.clone());
            let (judged, _) = self.ask(&target, &[])?;
            if let blocked @ Judgement::Block(_) = judged {
                return Ok(blocked);
            }
            // Whoever is known to be good has chosen where its name leads.
            let by_looks = at < TARGETS_JUDGED_MAX && judged == Judgement::Pass && !is_good;
            if by_looks && let Some(blocked) = self.predicted_target(stored.name.as_ref(), name)? {
                return Ok(blocked);
            }
        }
        Ok(self.rebinding(stored).unwrap_or(Judgement::Pass))
    }

    /// Blocks by a model's opinion of the domain that a target is registered under. The labels in
    /// front of it say nothing: whoever serves others has their names there, as in
    /// `www.bank.example.cdn.example`. So do those who lend names below a suffix of their own.
    fn predicted_target(
        &self,
        asked: Option<&DomainName>,
        target: &DomainName,
    ) -> Result<Option<Judgement>, NoVerdict> {
        let (Some(opinions), Some(from)) = (self.opinions, self.policy.predictions_from_percent)
        else {
            return Ok(None);
        };
        let is_own = |name: &DomainName| is_private_name(name, &self.config.private_names);
        let is_lent = self.suffixes.suffix(target).section == Section::Private;
        if is_lent || is_own(target) || asked.is_some_and(is_own) {
            return Ok(None);
        }
        let Some(registered) = self.suffixes.registered_domain(target) else { return Ok(None) };
        let registered = Indicator::Domain(registered.into());
        let (judged, answer) = self.ask(&registered, &[])?;
        if judged != Judgement::Pass {
            return Ok(None);
        }
        let opinion = opinions.on(&registered, &answer).filter(|one| one.blocks(Some(from)));
        let error = |words: String| self.error(&format!("it leads to {target}: {words}"));
        Ok(opinion.map(|opinion| Judgement::Block(error(opinion.words()))))
    }

    /// Judges addresses of what has no name: the root, and numbers in place of names.
    fn addresses(&self, addresses: &[IpAddr]) -> Result<Judgement, NoVerdict> {
        for address in addresses {
            let indicator = Indicator::Address(*address);
            if let (blocked @ Judgement::Block(_), _) = self.ask(&indicator, &[])? {
                return Ok(blocked);
            }
        }
        Ok(Judgement::Pass)
    }

    /// Names of the world have no private addresses: who gives them some wants a browser to open
    /// what only its user can reach.
    fn rebinding(&self, stored: &Stored) -> Option<Judgement> {
        if !self.config.rebinding_protection {
            return None;
        }
        let name = stored.name.as_ref()?;
        let address = stored.addresses.iter().find(|address| is_private(**address))?;
        if is_special_name(name.as_str()) || is_private_name(name, &self.config.private_names) {
            return None;
        }
        let text = format!("rebinding: {name} has the private address {address}");
        Some(Judgement::Block(self.error(&text)))
    }

    fn error(&self, reason: &str) -> ExtendedError {
        let filtered = self.policy.filtered;
        let code = if filtered { ExtendedError::FILTERED } else { ExtendedError::BLOCKED };
        let text = match &self.policy.label {
            Some(label) => format!("{label}: {reason}"),
            None => reason.to_owned(),
        };
        ExtendedError::new(code, text)
    }
}

/// Whether a name is one of the operator's own, or below one.
pub(super) fn is_private_name(name: &DomainName, private: &[DomainName]) -> bool {
    let is = |one: &str| private.iter().any(|private| private.as_str() == one);
    is(name.as_str()) || name.parents().any(|parent| is(parent.as_str()))
}

/// Whether an address leads into the asker's own network or machine, as no name of the world
/// should: RFC 1918, 6598, 3927, 4193, loopback, and each of them within IPv6. `0.0.0.0` and `::`
/// stand for "nowhere" in answers that other filters have made already.
fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => is_private_v4(v4),
        IpAddr::V6(v6) => {
            let own = v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local();
            // RFC 6052: what NAT64 makes of an IPv4 address.
            let translated = (v6.to_bits() >> 32) == (0x0064_ff9b_u128 << 64);
            own || translated && is_private_v4(Ipv4Addr::from_bits(low_half(v6)))
        }
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    let shared = first == 100 && second & 0xc0 == 64;
    address.is_private() || address.is_loopback() || address.is_link_local() || shared
}

/// The last 32 bits.
fn low_half(address: Ipv6Addr) -> u32 {
    let [.., a, b, c, d] = address.octets();
    u32::from_be_bytes([a, b, c, d])
}

/// Why, in a few words: `phishing: evil.example and all below it is listed`.
fn reason(answer: &Answer<'_, '_>, asked: &Indicator) -> String {
    let asked = asked.to_string();
    let mut text = String::with_capacity(96);
    let categories = answer.categories.iter().filter(|one| *one != Category::Uncategorised);
    for (at, category) in categories.enumerate() {
        text.push_str(if at == 0 { "" } else { ", " });
        text.push_str(category.name());
    }
    if !text.is_empty() {
        text.push_str(": ");
    }
    let decided = answer.decided_by.and_then(|at| answer.matches.get(at));
    if let Some(found) = decided {
        subject(found, &asked, &mut text);
        text.push_str(match answer.basis {
            Basis::Decision | Basis::Hard => " is blocked by a decision",
            _ => " is listed",
        });
    } else {
        text.push_str(&asked);
    }
    // Writing into a String cannot fail.
    write!(text, ", risk {}", answer.risk.value()).unwrap_or_default();
    text
}

fn subject(found: &Match<'_, '_>, asked: &str, text: &mut String) {
    if found.hit.scope == Scope::Below {
        text.push_str("all below ");
    }
    match found.under {
        Under::Text(under) => text.push_str(under),
        Under::Prefix(prefix) => {
            let address = prefix.address();
            let holds_one = prefix.length() == if address.is_ipv4() { 32 } else { 128 };
            let written = match holds_one {
                true => write!(text, "{address}"),
                false => write!(text, "{address}/{}", prefix.length()),
            };
            written.unwrap_or_default();
        }
        Under::Endpoint(_) | Under::Itself => text.push_str(asked),
    }
    if found.hit.scope == Scope::Subtree {
        text.push_str(" with all below it");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_known_in_every_disguise() {
        for (text, expected) in [
            ("10.1.2.3", true),
            ("127.0.0.1", true),
            ("169.254.169.254", true),
            ("100.100.0.1", true),
            ("100.128.0.1", false),
            ("192.0.2.1", false),
            ("0.0.0.0", false),
            ("::1", true),
            ("::", false),
            ("fd00::1", true),
            ("fe80::1", true),
            ("::ffff:192.168.0.1", true),
            ("64:ff9b::10.0.0.1", true),
            ("64:ff9b::8.8.8.8", false),
            ("2001:db8::1", false),
        ] {
            assert_eq!(is_private(text.parse().unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn own_names_are_known_with_all_below_them() {
        let private = [DomainName::parse("corp.net").unwrap()];
        let is = |name: &str| is_private_name(&DomainName::parse(name).unwrap(), &private);
        assert!(is("corp.net") && is("a.b.corp.net"));
        assert!(!is("notcorp.net") && !is("net"));
    }
}
