//! From a question to its answer: the chain from the exact thing up to what it lies in.
//!
//! A URL question asks the exact URL, its directories, its host, the host's parents down to the
//! registered domain, and the addresses that the asker knows; where its host is an address, also the
//! port there. The answer is the highest risk along
//! that chain. Specific bad evidence therefore beats general good evidence, and specific good
//! evidence never clears a bad host. A Decision beats all evidence: among decisions the most
//! specific counts, then a block, then the newest. What standards reserve comes before everything.

use crate::{Hit, Layer, LookupError, View};
use smallvec::SmallVec;
use std::cmp::Reverse;
use std::net::{IpAddr, SocketAddr};
use wardnet_model::reserved::{is_reserved, is_special_name};
use wardnet_model::{
    Band, Basis, Category, CategorySet, Form, HostRef, Indicator, Key, Kind, Risk, Scope,
    SuffixList, TenantId, Timestamp, domain_key, question_names,
};

mod found;
mod many;
mod named;

use named::{Named, Step};

/// The most matches that an answer shows; the chain is always followed to its end.
pub const MATCHES_SHOWN_MAX: usize = 32;

/// What somebody asks.
#[derive(Debug, Clone, Copy)]
pub struct Question<'q> {
    /// The thing asked about.
    pub indicator: &'q Indicator,
    /// Who asks; `None` asks for what is shared with all.
    pub tenant: Option<TenantId>,
    /// Addresses that the asker knows the host to have.
    pub addresses: &'q [IpAddr],
}

impl<'q> Question<'q> {
    /// A question by nobody in particular.
    pub const fn about(indicator: &'q Indicator) -> Self {
        Self { indicator, tenant: None, addresses: &[] }
    }
}

/// What of the chain an entry was found under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Under<'q> {
    /// The thing asked about, or what its own text contains: a URL, a directory, a host.
    Text(&'q str),
    /// A network or address.
    Prefix(crate::Prefix),
    /// The address and port that a URL names.
    Endpoint(SocketAddr),
    /// The thing itself, by its key.
    Itself,
}

/// One entry of the chain.
#[derive(Debug, Clone, Copy)]
pub struct Match<'v, 'q> {
    /// The kind of the entry's indicator.
    pub kind: Kind,
    /// Where in the chain; 0 is the most specific.
    pub step: u16,
    /// Evidence or decision.
    pub layer: Layer,
    /// The entry.
    pub hit: Hit<'v>,
    /// What it was found under.
    pub under: Under<'q>,
}

/// What Wardnet answers.
#[derive(Debug, Clone)]
pub struct Answer<'v, 'q> {
    /// The risk.
    pub risk: Risk,
    /// The class.
    pub band: Band,
    /// What it rests on.
    pub basis: Basis,
    /// Why: the categories of all that counted on the side that the answer takes.
    pub categories: CategorySet,
    /// The time the verdicts are of.
    pub as_of: Timestamp,
    /// What standards say, when they have the word.
    pub reserved: Option<&'static str>,
    /// Every entry along the chain, the most specific first; at most [`MATCHES_SHOWN_MAX`].
    pub matches: SmallVec<[Match<'v, 'q>; 4]>,
    /// Which of the matches decided; `None` when nothing did.
    pub decided_by: Option<usize>,
}

impl View {
    /// Answers a question from this state.
    ///
    /// An error means that a part of the database cannot be trusted: there is no answer then,
    /// neither a good nor a bad one.
    pub fn ask<'v, 'q>(
        &'v self,
        question: &Question<'q>,
        suffixes: &SuffixList,
        now: Timestamp,
    ) -> Result<Answer<'v, 'q>, LookupError> {
        let reserved = reserved(question.indicator);
        let mut named = Named::default();
        let count = if reserved.is_none() { named.add(question.indicator, suffixes) } else { 0 };
        named.hash();
        self.ask_hashed(question, reserved, named.take(count), suffixes, now)
    }

    /// Answers a question whose names are hashed already.
    fn ask_hashed<'v, 'q>(
        &'v self,
        question: &Question<'q>,
        reserved: Option<&'static str>,
        (steps, keys): (&[Step<'q>], &[Key]),
        suffixes: &SuffixList,
        now: Timestamp,
    ) -> Result<Answer<'v, 'q>, LookupError> {
        let mut chain =
            Chain { view: self, tenant: question.tenant, now, step: 0, matches: SmallVec::new() };
        if reserved.is_none() {
            let mut names = steps.iter().zip(keys);
            chain.follow(question.indicator, &mut names, suffixes)?;
            chain.addresses(question.addresses)?;
        }
        Ok(chain.answer(self.as_of, reserved))
    }
}

/// What a standard says of an indicator, if it sets it apart.
fn reserved(indicator: &Indicator) -> Option<&'static str> {
    const ADDRESS: &str = "the address is reserved by a standard (RFC 6890)";
    const NAME: &str = "the name is set apart by a standard (RFC 6761)";
    let address = |address: IpAddr| is_reserved(address).then_some(ADDRESS);
    let name = |name: &str| is_special_name(name).then_some(NAME);
    match indicator {
        Indicator::Address(ip) => address(*ip),
        Indicator::Network(network) => {
            let overlap = wardnet_model::reserved::overlap(network);
            (overlap == wardnet_model::reserved::Overlap::Inside).then_some(ADDRESS)
        }
        Indicator::Endpoint(endpoint) => address(endpoint.ip()),
        Indicator::Domain(domain) => name(domain.as_str()),
        Indicator::Url(url) => match url.host() {
            HostRef::Domain(domain) => name(domain.as_str()),
            HostRef::Address(ip) => address(ip),
            HostRef::Other(_) => None,
        },
        _ => None,
    }
}

struct Chain<'v, 'q> {
    view: &'v View,
    tenant: Option<TenantId>,
    now: Timestamp,
    step: u16,
    matches: SmallVec<[Match<'v, 'q>; 4]>,
}

impl<'v, 'q> Chain<'v, 'q> {
    fn follow<'s>(
        &mut self,
        indicator: &'q Indicator,
        names: impl Iterator<Item = (&'s Step<'q>, &'s Key)>,
        suffixes: &SuffixList,
    ) -> Result<(), LookupError>
    where
        'q: 's,
    {
        match indicator {
            Indicator::Url(url) => self.url(url, names),
            Indicator::Domain(_) => self.domain(names),
            Indicator::Address(address) => self.address(*address),
            Indicator::Network(network) => self.prefixes(network.addr(), network.prefix_len()),
            Indicator::Endpoint(endpoint) => {
                self.exact(Kind::Endpoint, &indicator.key())?;
                self.address(endpoint.ip())
            }
            Indicator::Email(address) => {
                self.exact(Kind::Email, &indicator.key())?;
                self.parents(address.domain(), suffixes)
            }
            other => match other.kind() {
                Some(kind) => self.exact(kind, &other.key()),
                None => Ok(()),
            },
        }
    }

    fn url<'s>(
        &mut self,
        url: &'q wardnet_model::Url,
        names: impl Iterator<Item = (&'s Step<'q>, &'s Key)>,
    ) -> Result<(), LookupError>
    where
        'q: 's,
    {
        let host = url.host();
        let mut level = 0;
        // The last expression of a host is that of the host itself.
        let mut last = None;
        for (step, key) in names {
            if step.level != level {
                self.host_of(host, level, last)?;
                level = step.level;
            }
            let exact_host = step.level == 0;
            let page = matches!(step.form, Form::Exact | Form::WithoutQuery);
            let whole = step.form == Form::Exact;
            self.find(Kind::Url, key, Under::Text(step.text.text()), |scope| match scope {
                Scope::Exact => exact_host && page,
                Scope::Subtree => true,
                Scope::Below => !(exact_host && whole),
            })?;
            last = Some((step.text.text(), key));
        }
        if let HostRef::Address(address) = host {
            let port = url.port().unwrap_or_else(|| url.scheme().default_port());
            self.endpoint(SocketAddr::new(address, port))?;
        }
        self.host_of(host, level, last)
    }

    fn endpoint(&mut self, endpoint: SocketAddr) -> Result<(), LookupError> {
        let key = Indicator::Endpoint(endpoint).key();
        self.find(Kind::Endpoint, &key, Under::Endpoint(endpoint), Scope::covers_self)
    }

    /// The host of a URL, or one of its parents. `last` is an expression of it with its key.
    fn host_of(
        &mut self,
        host: HostRef<'q>,
        level: u8,
        last: Option<(&str, &Key)>,
    ) -> Result<(), LookupError> {
        let name = match host {
            HostRef::Domain(name) => name.as_str(),
            HostRef::Address(address) => return self.address(address),
            HostRef::Other(text) => text,
        };
        let name = after_labels(name, level);
        match last {
            Some((text, key)) if text.strip_suffix('/') == Some(name) => {
                self.name(key, Under::Text(name), level)
            }
            _ => self.name(&domain_key(name), Under::Text(name), level),
        }
    }

    fn domain<'s>(
        &mut self,
        mut names: impl Iterator<Item = (&'s Step<'q>, &'s Key)>,
    ) -> Result<(), LookupError>
    where
        'q: 's,
    {
        names.try_for_each(|(step, key)| self.name(key, Under::Text(step.text.text()), step.level))
    }

    fn parents(&mut self, name: &'q str, suffixes: &SuffixList) -> Result<(), LookupError> {
        let Ok(parsed) = wardnet_model::DomainName::parse(name) else {
            return Ok(());
        };
        for (_, level) in question_names(&parsed, suffixes) {
            let name = after_labels(name, level);
            self.name(&domain_key(name), Under::Text(name), level)?;
        }
        Ok(())
    }

    fn name(&mut self, key: &Key, under: Under<'q>, level: u8) -> Result<(), LookupError> {
        self.find(Kind::Domain, key, under, |scope| match level {
            0 => scope.covers_self(),
            _ => scope.covers_beneath(),
        })
    }

    fn exact(&mut self, kind: Kind, key: &Key) -> Result<(), LookupError> {
        self.find(kind, key, Under::Itself, Scope::covers_self)
    }

    fn address(&mut self, address: IpAddr) -> Result<(), LookupError> {
        self.prefixes(address, 128)
    }

    /// What the asker knows the host to resolve to. No address is more specific than another, and
    /// what a standard reserves says nothing of a name that points there.
    fn addresses(&mut self, addresses: &[IpAddr]) -> Result<(), LookupError> {
        let first = self.step;
        let public = addresses.iter().map(IpAddr::to_canonical).filter(|ip| !is_reserved(*ip));
        for address in public {
            self.step = first;
            self.address(address)?;
        }
        Ok(())
    }

    /// Every known prefix of at most `longest` bits that covers an address.
    fn prefixes(&mut self, address: IpAddr, longest: u8) -> Result<(), LookupError> {
        let (view, first) = (self.view, self.step);
        let mut steps = 0u16;
        let matches = &mut self.matches;
        view.networks(self.tenant, address, self.now, |prefix, hits| {
            if prefix.length > longest {
                return;
            }
            steps = steps.saturating_add(1);
            for (layer, hit) in hits.iter() {
                let kind = prefix.kind();
                let step = first.saturating_add(steps);
                push(matches, Match { kind, step, layer, hit: *hit, under: Under::Prefix(prefix) });
            }
        })?;
        self.step = first.saturating_add(steps).saturating_add(1);
        Ok(())
    }

    fn find(
        &mut self,
        kind: Kind,
        key: &Key,
        under: Under<'q>,
        covers: impl Fn(Scope) -> bool,
    ) -> Result<(), LookupError> {
        self.step = self.step.saturating_add(1);
        let hits = self.view.find(self.tenant, kind, key, self.now)?;
        if hits.is_empty() {
            return Ok(());
        }
        for (layer, hit) in hits.iter().filter(|(_, hit)| covers(hit.scope)) {
            push(&mut self.matches, Match { kind, step: self.step, layer, hit: *hit, under });
        }
        Ok(())
    }

    fn answer(self, as_of: Timestamp, reserved: Option<&'static str>) -> Answer<'v, 'q> {
        let mut answer = Answer {
            risk: Risk::ZERO,
            band: Band::Unrated,
            basis: Basis::Evidence,
            categories: CategorySet::EMPTY,
            as_of,
            reserved,
            matches: self.matches,
            decided_by: None,
        };
        if reserved.is_some() {
            (answer.band, answer.basis) = (Band::Trusted, Basis::Hard);
            answer.categories = CategorySet::EMPTY.with(Category::Reserved);
            return answer;
        }
        let decision = deciding(self.view, &answer.matches);
        answer.decided_by = decision.or_else(|| highest(&answer.matches));
        let Some(found) = answer.decided_by.and_then(|at| answer.matches.get(at)) else {
            return answer;
        };
        let profile = found.hit.profile;
        (answer.risk, answer.band, answer.basis) = (profile.risk, profile.band, profile.basis);
        answer.categories = match decision {
            Some(_) => profile.categories,
            None => evidence(&answer.matches)
                .map(|(_, found)| found.hit.profile)
                .filter(|one| (one.band == Band::Safe) == (answer.band == Band::Safe))
                .fold(CategorySet::EMPTY, |all, one| all.union(one.categories)),
        };
        answer
    }
}

/// Keeps a match; among too many the least specific give way, but never a decision.
fn push<'v, 'q>(matches: &mut SmallVec<[Match<'v, 'q>; 4]>, new: Match<'v, 'q>) {
    if matches.len() >= MATCHES_SHOWN_MAX {
        let weakest = matches
            .iter()
            .enumerate()
            .filter(|(_, m)| m.layer == Layer::Evidence)
            .min_by_key(|(_, m)| (m.hit.profile.risk, Reverse(m.step)))
            .map(|(at, m)| (at, m.hit.profile.risk));
        match weakest {
            Some((at, risk)) if new.layer == Layer::Decision || new.hit.profile.risk > risk => {
                matches.remove(at);
            }
            _ => return,
        }
    }
    matches.push(new);
}

/// The decision that counts: what comes before all evidence first, then the most specific (at one
/// name the narrower scope), then a block, then the newest.
fn deciding(view: &View, matches: &[Match<'_, '_>]) -> Option<usize> {
    matches
        .iter()
        .enumerate()
        .filter(|(_, found)| found.layer == Layer::Decision)
        .max_by_key(|(_, found)| {
            let profile = found.hit.profile;
            let hard = profile.basis == Basis::Hard;
            let at = view.terms(&found.hit).map(|terms| terms.decided_at);
            let blocks = profile.band == Band::Malicious;
            (hard, Reverse((found.step, found.hit.scope)), blocks, at)
        })
        .map(|(at, _)| at)
}

fn evidence<'m, 'v, 'q>(
    matches: &'m [Match<'v, 'q>],
) -> impl Iterator<Item = (usize, &'m Match<'v, 'q>)> {
    matches.iter().enumerate().filter(|(_, found)| found.layer == Layer::Evidence)
}

/// The evidence with the highest risk, the most specific of equals. Where all risk is low, good
/// evidence counts: it makes the thing safe, unless it is about a host that lends space and the
/// question is about what lies there.
fn highest(matches: &[Match<'_, '_>]) -> Option<usize> {
    let (at, worst) =
        evidence(matches).max_by_key(|(_, found)| (found.hit.profile.risk, Reverse(found.step)))?;
    if matches!(worst.hit.profile.band, Band::Suspicious | Band::Malicious) {
        return Some(at);
    }
    let vouches = |found: &Match<'_, '_>| {
        let lends = found.hit.profile.categories.contains(Category::Hosting);
        found.hit.profile.band == Band::Safe && (found.step <= 1 || !lends)
    };
    evidence(matches)
        .filter(|(_, found)| vouches(found))
        .min_by_key(|(_, found)| found.step)
        .or_else(|| {
            // A host that lends space has nothing to say of what lies there, not even its band.
            evidence(matches)
                .filter(|(_, found)| found.hit.profile.band != Band::Safe)
                .max_by_key(|(_, found)| (found.hit.profile.risk, Reverse(found.step)))
        })
        .map(|(at, _)| at)
}

/// A name without its first labels.
fn after_labels(name: &str, labels: u8) -> &str {
    let mut rest = name;
    for _ in 0..labels {
        match rest.split_once('.') {
            Some((_, parent)) => rest = parent,
            None => break,
        }
    }
    rest
}

#[cfg(test)]
mod tests;
