//! What a feed would bring, without storing any of it.

use crate::feeds::{RejectReason, Rejection, Sink};
use crate::overlap::hash;
use std::collections::BTreeMap;
use wardnet_model::{Kind, Observation, Stance};

/// The most families that are told apart; what comes later is left out of the count.
const FAMILIES_MAX: usize = 10_000;

/// Gathers what a reader says, in bounded memory.
#[derive(Debug, Default)]
pub struct Preview {
    /// Kinds that are taken; all when empty.
    kinds: Vec<Kind>,
    samples_max: usize,
    drawn_max: usize,
    /// How many entries of each kind there are.
    pub by_kind: BTreeMap<Kind, u64>,
    /// How many entries take each side.
    pub by_stance: BTreeMap<Stance, u64>,
    /// How many entries name each category; those that name none are left out.
    pub by_category: BTreeMap<&'static str, u64>,
    /// How many entries name each family.
    pub by_family: BTreeMap<Box<str>, u64>,
    /// The first entries of each kind.
    pub samples: BTreeMap<Kind, Vec<Observation>>,
    /// How many rows were rejected for each reason, with the first of them.
    pub rejected: BTreeMap<&'static str, (u64, Vec<Rejection>)>,
    /// How many rows were rejected because their value must never block.
    pub never_blocks: u64,
    /// Entries of a kind that the feed is not meant for.
    pub not_taken: u64,
    /// Entries that say "bad", drawn evenly from all distinct ones.
    drawn: BTreeMap<u64, String>,
}

impl Preview {
    /// A preview that keeps `samples_max` entries of each kind and rows of each reason, and draws
    /// `drawn_max` entries.
    pub fn new(kinds: &[Kind], samples_max: usize, drawn_max: usize) -> Self {
        Self { kinds: kinds.to_vec(), samples_max, drawn_max, ..Self::default() }
    }

    /// The entries that were drawn.
    pub fn drawn(&self) -> Vec<String> {
        self.drawn.values().cloned().collect()
    }

    /// How many entries would come in.
    pub fn accepted(&self) -> u64 {
        self.by_kind.values().sum()
    }

    /// The families that are named most, the most frequent first.
    pub fn families(&self, count: usize) -> Vec<(&str, u64)> {
        let mut families: Vec<(&str, u64)> =
            self.by_family.iter().map(|(name, count)| (&**name, *count)).collect();
        families.sort_by_key(|(name, count)| (std::cmp::Reverse(*count), *name));
        families.truncate(count);
        families
    }

    /// Keeps the entries with the lowest digests: which they are has nothing to do with their order.
    fn draw(&mut self, observation: &Observation) {
        if observation.stance != Stance::Malicious || self.drawn_max == 0 {
            return;
        }
        let value = hash(observation.indicator.tag(), &observation.indicator.key());
        let is_full = self.drawn.len() >= self.drawn_max;
        let highest = self.drawn.last_key_value().map_or(u64::MAX, |(highest, _)| *highest);
        if is_full && value >= highest {
            return;
        }
        self.drawn.insert(value, observation.indicator.to_string());
        if self.drawn.len() > self.drawn_max {
            self.drawn.pop_last();
        }
    }
}

impl Sink for Preview {
    fn observation(&mut self, observation: Observation) {
        let Some(kind) = observation.indicator.kind() else { return };
        if !self.kinds.is_empty() && !self.kinds.contains(&kind) {
            self.not_taken += 1;
            return;
        }
        *self.by_kind.entry(kind).or_default() += 1;
        *self.by_stance.entry(observation.stance).or_default() += 1;
        if let Some(category) = observation.category {
            *self.by_category.entry(category.name()).or_default() += 1;
        }
        if let Some(family) = observation.details.as_ref().and_then(|d| d.family.as_ref()) {
            let is_full = self.by_family.len() >= FAMILIES_MAX;
            match self.by_family.get_mut(family) {
                Some(count) => *count += 1,
                None if is_full => {}
                None => {
                    self.by_family.insert(family.clone(), 1);
                }
            }
        }
        self.draw(&observation);
        let samples = self.samples.entry(kind).or_default();
        if samples.len() < self.samples_max {
            samples.push(observation);
        }
    }

    fn rejection(&mut self, rejection: Rejection) {
        self.never_blocks += u64::from(matches!(rejection.reason, RejectReason::NeverBlocks(_)));
        let (count, kept) = self.rejected.entry(rejection.reason.name()).or_default();
        *count += 1;
        if kept.len() < self.samples_max {
            kept.push(rejection);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feeds::{Format, ReadOptions, read_feed};

    #[test]
    fn a_preview_counts_and_keeps_little() {
        let mut text = String::from("10.0.0.1\na..b\n");
        for n in 0..5000 {
            text += &format!("evil-{n}.top\n45.{}.{}.1\n", n / 250, n % 250);
        }
        let mut preview = Preview::new(&[], 2, 100);
        let options = ReadOptions::default();
        read_feed(text.as_bytes(), Format::DomainList, &options, &mut preview).unwrap();
        assert_eq!(preview.by_kind[&Kind::Domain], 5000);
        assert_eq!(preview.accepted(), 10_000);
        assert_eq!(preview.never_blocks, 1);
        assert_eq!(preview.samples[&Kind::Ipv4].len(), 2);
        let drawn = preview.drawn();
        assert_eq!(drawn.len(), 100);
        // Drawn from all of it, and not from its beginning.
        let names = drawn.iter().filter(|text| text.ends_with(".top")).count();
        assert!((20..=80).contains(&names), "{names}");
        let mut narrow = Preview::new(&[Kind::Ipv4], 2, 0);
        read_feed(text.as_bytes(), Format::DomainList, &options, &mut narrow).unwrap();
        assert_eq!((narrow.accepted(), narrow.not_taken), (5000, 5000));
    }
}
