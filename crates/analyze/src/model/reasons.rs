//! What spoke for a score, in plain words, with the pieces that it rests on.

use std::ops::Range;

use super::{Model, REASONS_MAX};
use crate::gram::GROUPS;
use crate::sheet::{self, PARTS, Scratch};

/// How many pieces a reason quotes.
const QUOTES_MAX: usize = 3;

/// What each piece of each group does to the margin, about, in the order in which they are read.
type Effects = [Vec<f32>; GROUPS];

/// A reason's share of the margin, its words, and the group whose pieces it quotes.
type Told = (f32, &'static str, Option<usize>);

impl Model {
    /// The strongest reasons for the score of what is in `scratch`.
    pub(super) fn reasons(&self, scratch: &Scratch) -> Vec<String> {
        let effects = self.effects(scratch);
        let mut told: Vec<Told> = Vec::new();
        for (index, share) in self.shares(scratch, &effects).into_iter().enumerate() {
            let (_, words) = self.subject.feature(index);
            match told.iter_mut().find(|(_, known, _)| *known == words) {
                Some(known) => known.0 += share,
                None => told.push((share, words, (index < PARTS).then_some(index / 3))),
            }
        }
        told.retain(|(share, ..)| *share > 0.1);
        told.sort_by(|a, b| b.0.total_cmp(&a.0));
        told.truncate(REASONS_MAX);
        let quotes = |group: Option<usize>| {
            group.map_or_else(Vec::new, |group| self.quotes(group, &effects, scratch))
        };
        let sentence = |(_, words, group): &Told| match quotes(*group) {
            quotes if quotes.is_empty() => (*words).to_owned(),
            quotes => format!("{words}: {}", quotes.join(", ")),
        };
        told.iter().map(sentence).collect()
    }

    /// What each figure adds to the margin. What the wording as a whole adds is given to the groups
    /// that it rests on: they can be shown.
    fn shares(&self, scratch: &Scratch, effects: &Effects) -> Vec<f32> {
        let mut shares = vec![0.0; self.subject.width()];
        self.forest.explain(&scratch.features, &mut shares);
        let for_it = |group: &Vec<f32>| group.iter().sum::<f32>().max(0.0);
        let all: f32 = effects.iter().map(for_it).sum();
        let sums = self.subject.sums();
        let whole: f32 = shares.get(PARTS..sums).unwrap_or_default().iter().sum();
        if whole > 0.0 && all > 0.0 {
            shares.iter_mut().take(sums).skip(PARTS).for_each(|share| *share = 0.0);
            for (share, group) in shares.iter_mut().step_by(3).zip(effects) {
                *share += whole * for_it(group) / all;
            }
        }
        shares
    }

    fn effects(&self, scratch: &Scratch) -> Effects {
        let network = self.network.as_ref().map(|network| {
            let inputs = network.inputs(scratch.keys.iter().map(Vec::as_slice));
            (network, network.slopes(&inputs))
        });
        let mut effects = Effects::default();
        for (group, (keys, effects)) in scratch.keys.iter().zip(&mut effects).enumerate() {
            let count = keys.len();
            let root = (count.max(1) as f32).sqrt();
            effects.extend(keys.iter().map(|key| {
                let beside = network
                    .as_ref()
                    .map_or(0.0, |(network, slopes)| network.effect(slopes, group, *key, count));
                self.table.weight(*key) / root + beside
            }));
        }
        effects
    }

    /// The pieces of a group that speak most for it, as they are written.
    fn quotes(&self, group: usize, effects: &Effects, scratch: &Scratch) -> Vec<String> {
        let text = scratch.spelling.text();
        let mut effects = effects.get(group).into_iter().flatten();
        let mut found: Vec<(f32, Range<usize>)> = Vec::new();
        sheet::pieces(self.subject, &scratch.spelling, &mut |gram| {
            if gram.group == group {
                let effect = effects.next().copied().unwrap_or(0.0);
                found.push((effect, gram.at));
            }
        });
        found.retain(|(effect, at)| *effect > 0.0 && !at.is_empty());
        found.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut quotes: Vec<Range<usize>> = Vec::new();
        for (_, at) in found {
            if quotes.len() == QUOTES_MAX {
                break;
            }
            if quotes.iter().all(|other| at.end <= other.start || other.end <= at.start) {
                quotes.push(at);
            }
        }
        let quoted = quotes.into_iter().map(|at| {
            let piece = text.get(at).unwrap_or_default();
            format!("`{}`", String::from_utf8_lossy(piece).escape_default())
        });
        quoted.collect()
    }
}
