//! What a view says of addresses and networks, as bouncers are told it.
//!
//! A place is told if something is said of it itself that the policy blocks, and if a question
//! about it would be blocked. A bouncer knows no exceptions: of a network in which somebody allows an
//! address or a network, the parts around those are told.

use super::place::Place;
use super::told::{Said, secs};
use crate::around::around;
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::net::IpAddr;
use wardnet_model::{Category, Indicator, Kind, SuffixList, Timestamp};
use wardnet_score::Policy;
use wardnet_verdictdb::{Hits, Layer, LookupError, Prefix, Question, View};

/// What people decided about addresses: it reaches beyond its own place.
#[derive(Debug, Clone, Default)]
pub(super) struct Decided {
    /// What is allowed.
    allowed: BTreeSet<Place>,
    /// When decisions end.
    ends: BTreeSet<(Timestamp, Place)>,
}

impl Decided {
    /// Notes what is decided about a place; says whether it is allowed otherwise than before.
    pub(super) fn note(
        &mut self,
        view: &View,
        place: Place,
        policy: Policy,
        now: Timestamp,
    ) -> Result<bool, LookupError> {
        let Some(prefix) = place.prefix() else { return Ok(false) };
        let hits = view.find(None, prefix.kind(), &prefix.key(), now)?;
        let decisions = || hits.iter().filter(|(layer, _)| *layer == Layer::Decision);
        let is_allowed = decisions().any(|(_, hit)| {
            let profile = hit.profile;
            !policy.blocks(profile.risk, profile.band, profile.categories)
        });
        let is_news = match is_allowed {
            true => self.allowed.insert(place),
            false => self.allowed.remove(&place),
        };
        for (_, hit) in decisions() {
            if let Some(until) = view.terms(hit).and_then(|terms| terms.until) {
                self.ends.insert((until, place));
            }
        }
        Ok(is_news)
    }

    /// Takes out the places whose decisions have ended.
    pub(super) fn ended(&mut self, now: Timestamp) -> Vec<Place> {
        let mut ended = Vec::new();
        while self.ends.first().is_some_and(|(until, _)| *until <= now) {
            ended.extend(self.ends.pop_first().map(|(_, place)| place));
        }
        ended
    }

    /// When the next decision ends.
    pub(super) fn next_end(&self) -> Option<Timestamp> {
        self.ends.first().map(|(until, _)| *until)
    }

    /// Whether anything is allowed.
    pub(super) fn allows_any(&self) -> bool {
        !self.allowed.is_empty()
    }

    /// Whether something in a network is allowed.
    pub(super) fn allows_beneath(&self, place: Place) -> bool {
        self.beneath(place).next().is_some()
    }

    /// What is allowed in a network, in order.
    fn beneath(&self, place: Place) -> impl Iterator<Item = Place> {
        let after = self.allowed.range(place.beneath_from()..).copied();
        after
            .take_while(move |one| one.is_up_to_last_of(place))
            .filter(move |one| place.contains(*one))
    }

    /// The parts of a network around what is allowed in it.
    fn parts(&self, place: Place) -> Vec<Place> {
        let mut parts = Vec::new();
        let mut holes: Vec<IpNet> = self.beneath(place).filter_map(Place::network).collect();
        holes.sort_unstable();
        if let Some(network) = place.network() {
            around(network, &holes, &mut parts);
        }
        parts.iter().filter_map(|part| Place::of(part.addr(), part.prefix_len())).collect()
    }
}

/// Says what is told of a view.
#[derive(Debug, Clone, Copy)]
pub(super) struct Judge<'v> {
    pub(super) view: &'v View,
    pub(super) policy: Policy,
    pub(super) now: Timestamp,
}

pub(super) const fn is_told(kind: Kind) -> bool {
    matches!(kind, Kind::Ipv4 | Kind::Ipv6 | Kind::Ipv4Network | Kind::Ipv6Network)
}

/// What is read from a whole view.
pub(super) struct Everything {
    pub(super) decided: Decided,
    /// In order of places.
    pub(super) words: Vec<(Place, Said)>,
    /// Networks that are told in parts, since something in them is allowed.
    pub(super) divided: u64,
}

impl Judge<'_> {
    /// What is said of a place, exceptions aside; nothing where it is not blocked.
    pub(super) fn word(&self, place: Place) -> Result<Option<Said>, LookupError> {
        let Some(prefix) = place.prefix() else { return Ok(None) };
        let hits = self.view.find(None, prefix.kind(), &prefix.key(), self.now)?;
        let Some(said) = self.said(&hits) else { return Ok(None) };
        let Some(network) = place.network() else { return Ok(None) };
        Ok(self.is_blocked(network)?.then_some(said))
    }

    /// What is said by what is known of one place itself.
    fn said(&self, hits: &Hits<'_>) -> Option<Said> {
        let blocking = || {
            hits.iter().filter(|(_, hit)| {
                let profile = hit.profile;
                self.policy.blocks(profile.risk, profile.band, profile.categories)
            })
        };
        let (layer, first) = blocking().last()?;
        let is_decided = layer == Layer::Decision;
        let is_evident = blocking().any(|(layer, _)| layer == Layer::Evidence);
        let ends = blocking().filter_map(|(_, hit)| self.view.terms(hit)?.until).max();
        // What evidence says goes on when the decision has ended.
        let until = ends.filter(|_| is_decided && !is_evident);
        let mut all = blocking().flat_map(|(_, hit)| hit.profile.categories.iter());
        let own = first.profile.categories.iter().next();
        let category = own.or_else(|| all.next()).unwrap_or(Category::Uncategorised);
        Some(Said { category, is_decided, until_secs: until.map_or(0, secs) })
    }

    /// Whether a question about it is answered so.
    fn is_blocked(&self, network: IpNet) -> Result<bool, LookupError> {
        let indicator = Indicator::network(network);
        let question = Question::about(&indicator);
        let answer = self.view.ask(&question, SuffixList::shipped(), self.now)?;
        let blocks = self.policy.blocks(answer.risk, answer.band, answer.categories);
        Ok(blocks && answer.reserved.is_none())
    }

    /// Everything that is told.
    pub(super) fn everything(&self) -> Result<Everything, LookupError> {
        let mut decided = Decided::default();
        let mut places = Vec::new();
        for listed in self.view.entries_where(None, self.now, |_, kind| is_told(kind)) {
            let entry = listed?.entry;
            let Some(prefix) = Prefix::from_key(entry.kind, &entry.key) else { continue };
            let Some(place) = Place::of_prefix(prefix) else { continue };
            if entry.layer() == Layer::Decision {
                decided.note(self.view, place, self.policy, self.now)?;
            }
            let profile = entry.profile;
            if self.policy.blocks(profile.risk, profile.band, profile.categories) {
                places.push(place);
            }
        }
        places.sort_unstable();
        places.dedup();
        let (mut words, mut divided) = (Vec::with_capacity(places.len()), 0u64);
        let mut parts = Vec::new();
        for place in places {
            let Some(said) = self.word(place)? else { continue };
            if decided.allows_beneath(place) {
                divided = divided.saturating_add(1);
                parts.extend(decided.parts(place).into_iter().map(|part| (part, said)));
            } else {
                words.push((place, said));
            }
        }
        if !parts.is_empty() {
            // What is said of a part itself comes first, and stays.
            words.extend(parts);
            words.sort_by_key(|(place, _)| *place);
            words.dedup_by_key(|(place, _)| *place);
        }
        Ok(Everything { decided, words, divided })
    }

    /// What blocks a network or address: every place that contains it, or is it.
    pub(super) fn covering(
        &self,
        address: IpAddr,
        length: u8,
    ) -> Result<Vec<(Place, Said)>, LookupError> {
        let Ok(network) = IpNet::new(address, length) else { return Ok(Vec::new()) };
        if !self.is_blocked(network.trunc())? {
            return Ok(Vec::new());
        }
        let mut all = Vec::new();
        self.view.networks(None, address, self.now, |prefix, hits| {
            let said = self.said(hits).filter(|_| prefix.length() <= length);
            if let (Some(said), Some(place)) = (said, Place::of_prefix(prefix)) {
                all.push((place, said));
            }
        })?;
        Ok(all)
    }
}
