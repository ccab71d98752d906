//! What a zone says of a thing, from the view of the moment.

use super::config::ListKind;
use super::digest::{Digest, readings};
use super::index::{Index, spellings};
use super::question::{self, Asked, Label};
use super::zone::{LISTED, Listing, PREDICTED, Zone};
use crate::opinion::Opinions;
use data_encoding::HEXLOWER;
use smallvec::SmallVec;
use std::fmt::Display;
use wardnet_model::{
    Category, DomainName, EmailAddress, Indicator, Key, Kind, Scope, SuffixList, Timestamp, Url,
};
use wardnet_verdictdb::{Answer, LookupError, Question, View};

/// What a zone says.
#[derive(Debug)]
pub(super) enum Said {
    /// Listed: as addresses, and in words if they were asked for.
    Listed(Listing, String),
    /// Digests of what is listed, in hex, sorted. They are all the answer, and may be none.
    Digests(Vec<String>),
}

/// Why nothing can be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Silence {
    /// A part of the database is damaged.
    Damaged,
    /// The index of digests is not there yet.
    NoIndex,
}

impl From<LookupError> for Silence {
    fn from(_: LookupError) -> Self {
        Self::Damaged
    }
}

/// Judges from one state, at one time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Judge<'v> {
    pub(super) view: &'v View,
    pub(super) index: Option<&'v Index>,
    pub(super) now: Timestamp,
    /// What models think, for zones that list it.
    pub(super) opinions: Option<&'v Opinions>,
    /// Whether the reason is wanted.
    pub(super) in_words: bool,
}

impl Judge<'_> {
    /// What the zone says; nothing of what it does not list.
    pub(super) fn say(self, zone: &Zone, asked: &Asked) -> Result<Option<Said>, Silence> {
        match asked {
            Asked::Test => Ok(Some(self.test())),
            Asked::About(indicator) => Ok(self.ask(zone, indicator, indicator)?),
            Asked::Digest(label) => self.digest(zone, label),
            Asked::Prefixes(prefixes) => self.prefixes(zone, prefixes).map(Some),
        }
    }

    fn test(self) -> Said {
        let words = if self.in_words { "a test point: the list is at work" } else { "" };
        Said::Listed(Listing::plain(LISTED), words.to_owned())
    }

    /// What is known of a thing, and of what it lies in; in words it is called `name`.
    fn ask(
        self,
        zone: &Zone,
        indicator: &Indicator,
        name: &dyn Display,
    ) -> Result<Option<Said>, LookupError> {
        let question = Question::about(indicator);
        let answer = self.view.ask(&question, SuffixList::shipped(), self.now)?;
        self.listed(zone, &answer, indicator, name)
    }

    /// What a zone makes of an answer.
    pub(super) fn listed(
        self,
        zone: &Zone,
        answer: &Answer<'_, '_>,
        indicator: &Indicator,
        name: &dyn Display,
    ) -> Result<Option<Said>, LookupError> {
        let Some(listing) = zone.listing(answer) else {
            return Ok(self.predicted(zone, answer, indicator));
        };
        let words = match (self.in_words, zone.config.kind) {
            (false, _) => String::new(),
            (true, ListKind::Mhr) => self.registry(answer)?,
            (true, _) => words(zone, answer, &name.to_string()),
        };
        Ok(Some(Said::Listed(listing, words)))
    }

    /// What a model thinks of what nobody has listed, where the zone lists that.
    fn predicted(
        self,
        zone: &Zone,
        answer: &Answer<'_, '_>,
        indicator: &Indicator,
    ) -> Option<Said> {
        let from = zone.config.predictions_from_percent?;
        let opinion = self.opinions?.on(indicator, answer)?;
        opinion.blocks(Some(from)).then(|| {
            let words = match self.in_words {
                true => linked(zone, &indicator.to_string(), &opinion.words()),
                false => String::new(),
            };
            Said::Listed(Listing::plain(PREDICTED), words)
        })
    }

    /// As the Malware Hash Registry: when it was last seen, and how surely it is bad, in percent.
    fn registry(self, answer: &Answer<'_, '_>) -> Result<String, LookupError> {
        let found = answer.decided_by.and_then(|at| answer.matches.get(at));
        let facts = match found {
            Some(found) => self.view.facts(&found.hit)?,
            None => None,
        };
        let seen = facts.map_or(answer.as_of, |facts| facts.last_seen);
        Ok(format!("{} {}", seen.0, answer.risk.value()))
    }

    fn digest(self, zone: &Zone, label: &Label) -> Result<Option<Said>, Silence> {
        let file = question::file(label);
        if let Some(file) = &file
            && let Some(said) = self.ask(zone, file, file)?
        {
            return Ok(Some(said));
        }
        if let Some(Indicator::Sha256(octets)) = file {
            // The key of a URL or an e-mail address.
            for kind in [Kind::Url, Kind::Email] {
                if let Some(said) = self.key(zone, kind, &Key(octets), label)? {
                    return Ok(Some(said));
                }
            }
        }
        for digest in &zone.config.digests {
            if let Some(said) = self.named(zone, *digest, label)? {
                return Ok(Some(said));
            }
        }
        Ok(None)
    }

    /// What is known of a thing of which only the key is: nothing of what it lies in.
    fn key(
        self,
        zone: &Zone,
        kind: Kind,
        key: &Key,
        label: &Label,
    ) -> Result<Option<Said>, LookupError> {
        let hits = self.view.find(None, kind, key, self.now)?;
        let of = |scope| hits.decision(scope).or_else(|| hits.evidence(scope));
        let Some(hit) = of(Scope::Exact).or_else(|| of(Scope::Subtree)) else {
            return Ok(None);
        };
        let profile = hit.profile;
        let answer = Answer {
            risk: profile.risk,
            band: profile.band,
            basis: profile.basis,
            categories: profile.categories,
            as_of: self.view.as_of,
            reserved: None,
            matches: SmallVec::new(),
            decided_by: None,
        };
        Ok(zone.listing(&answer).map(|listing| {
            let name = || String::from_utf8_lossy(label).into_owned();
            let words = if self.in_words { words(zone, &answer, &name()) } else { String::new() };
            Said::Listed(listing, words)
        }))
    }

    /// A name that a digest is of, or begins like. The name itself is not told.
    fn named(self, zone: &Zone, digest: Digest, label: &Label) -> Result<Option<Said>, Silence> {
        let index = self.index.ok_or(Silence::NoIndex)?;
        for (form, start) in readings(label) {
            for (kind, name) in index.candidates(digest, start..=start) {
                let is_of = |text: &String| form.is_of(label, digest, text.as_bytes());
                if !spellings(kind, name).iter().any(is_of) {
                    continue;
                }
                let Some(indicator) = named(kind, name) else { continue };
                if let Some(said) = self.ask(zone, &indicator, &String::from_utf8_lossy(label))? {
                    return Ok(Some(said));
                }
            }
        }
        Ok(None)
    }

    /// Whole digests of the domains that are listed and begin like one of the prefixes.
    ///
    /// Who asks this way looks for parents, too, and takes each for everything beneath it. So a
    /// name that is listed alone is not given away where it lends space to strangers.
    fn prefixes(self, zone: &Zone, prefixes: &[u16]) -> Result<Said, Silence> {
        let index = self.index.ok_or(Silence::NoIndex)?;
        let mut digests = Vec::new();
        for prefix in prefixes {
            let first = u32::from(*prefix) << 16;
            for (kind, name) in index.candidates(Digest::Sha256, first..=first | 0xffff) {
                if kind == Kind::Domain && self.lists_with_all_beneath(zone, name)? {
                    digests.push(HEXLOWER.encode(&Digest::Sha256.of(name.as_bytes())));
                }
            }
        }
        digests.sort_unstable();
        digests.dedup();
        Ok(Said::Digests(digests))
    }

    fn lists_with_all_beneath(self, zone: &Zone, name: &str) -> Result<bool, LookupError> {
        let Ok(domain) = DomainName::parse(name) else { return Ok(false) };
        let suffixes = SuffixList::shipped();
        let lends_space = suffixes.is_public_suffix(&domain).is_some();
        let indicator = Indicator::Domain(domain);
        let answer = self.view.ask(&Question::about(&indicator), suffixes, self.now)?;
        if zone.listing(&answer).is_none() {
            return Ok(false);
        }
        let lends_space = lends_space || answer.categories.contains(Category::Hosting);
        let found = answer.decided_by.and_then(|at| answer.matches.get(at));
        let reaches_beneath = found.is_some_and(|found| found.hit.scope.covers_beneath());
        Ok(reaches_beneath || !lends_space)
    }
}

/// What a name stands for.
fn named(kind: Kind, name: &str) -> Option<Indicator> {
    match kind {
        Kind::Domain => DomainName::parse(name).ok().map(Indicator::Domain),
        Kind::Url => Url::parse(name).ok().map(Indicator::Url),
        Kind::Email => EmailAddress::parse(name).ok().map(Indicator::Email),
        _ => None,
    }
}

/// The reason, for people.
fn words(zone: &Zone, answer: &Answer<'_, '_>, name: &str) -> String {
    let categories = Category::all().filter(|one| answer.categories.contains(*one));
    let names: Vec<&str> = categories.map(Category::name).collect();
    let why = if names.is_empty() { answer.band.name().to_owned() } else { names.join(", ") };
    linked(zone, name, &format!("{why}; risk {}", answer.risk.value()))
}

fn linked(zone: &Zone, name: &str, why: &str) -> String {
    let mut text = format!("{name}: {why}");
    if let Some(link) = &zone.config.link {
        text += "; ";
        text += &link.replace("{}", name);
    }
    text
}
