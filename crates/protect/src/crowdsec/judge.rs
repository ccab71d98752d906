//! What a view says of addresses and networks, as bouncers are told it.
//!
//! A place is told if something is said of it itself that the policy blocks, and if a question
//! about it would be blocked. A bouncer knows no exceptions: a network is not told while somebody
//! allows an address or a network in it.

use super::place::Place;
use super::told::{Said, secs};
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
    /// Notes what is decided about a place.
    pub(super) fn note(
        &mut self,
        view: &View,
        place: Place,
        policy: Policy,
        now: Timestamp,
    ) -> Result<(), LookupError> {
        let Some(prefix) = place.prefix() else { return Ok(()) };
        let hits = view.find(None, prefix.kind(), &prefix.key(), now)?;
        let decisions = || hits.iter().filter(|(layer, _)| *layer == Layer::Decision);
        let is_allowed = decisions().any(|(_, hit)| {
            let profile = hit.profile;
            !policy.blocks(profile.risk, profile.band, profile.categories)
        });
        if is_allowed {
            self.allowed.insert(place);
        } else {
            self.allowed.remove(&place);
        }
        for (_, hit) in decisions() {
            if let Some(until) = view.terms(hit).and_then(|terms| terms.until) {
                self.ends.insert((until, place));
            }
        }
        Ok(())
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

    fn allows_beneath(&self, place: Place) -> bool {
        let after = self.allowed.range(place.beneath_from()..);
        after.take_while(|one| one.is_up_to_last_of(place)).any(|one| place.contains(*one))
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
    /// Networks that are not told since something in them is allowed.
    pub(super) withheld: u64,
}

impl Judge<'_> {
    /// What is told of a place, or nothing; and whether that is because of an exception.
    pub(super) fn word(
        &self,
        place: Place,
        decided: &Decided,
    ) -> Result<(Option<Said>, bool), LookupError> {
        let Some(prefix) = place.prefix() else { return Ok((None, false)) };
        let hits = self.view.find(None, prefix.kind(), &prefix.key(), self.now)?;
        let Some(said) = self.said(&hits) else { return Ok((None, false)) };
        let Some(network) = place.network() else { return Ok((None, false)) };
        if !self.is_blocked(network)? {
            return Ok((None, false));
        }
        let is_withheld = !place.is_single() && decided.allows_beneath(place);
        Ok(((!is_withheld).then_some(said), is_withheld))
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
        let (mut words, mut withheld) = (Vec::with_capacity(places.len()), 0u64);
        for place in places {
            let (said, is_withheld) = self.word(place, &decided)?;
            withheld = withheld.saturating_add(is_withheld.into());
            words.extend(said.map(|said| (place, said)));
        }
        Ok(Everything { decided, words, withheld })
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
