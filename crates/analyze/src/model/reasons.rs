//! What spoke for a score, in plain words, with the pieces that it rests on.

mod direction;
mod quote;

use std::ops::Range;

use direction::directed;
use quote::Quote;

use super::{Model, REASONS_MAX, of_kind};
use crate::forest::Share;
use crate::gram::{GROUPS, KINDS};
use crate::network::Piece;
use crate::sheet::{self, PARTS, Scratch};

/// How many pieces a reason quotes, at most.
const QUOTES_MAX: usize = 3;

/// What each piece does to the margin, about, by group and kind in the order in which they are read.
type Effects = [[Vec<f32>; KINDS]; GROUPS];

/// A reason before its pieces are quoted.
#[derive(Debug)]
struct Told {
    /// Its share of the margin.
    share: f32,
    words: &'static str,
    /// Whether it is a sum over pieces: without one of them it tells little.
    is_sum: bool,
    /// The group whose pieces it quotes.
    group: Option<usize>,
}

/// A reason with what it quotes.
#[derive(Debug)]
struct Reason {
    words: &'static str,
    is_sum: bool,
    quotes: Vec<Quote>,
}

impl Reason {
    fn has_ground(&self) -> bool {
        self.quotes.iter().any(|quote| quote.is_ground)
    }

    fn sentence(&self) -> String {
        // What is no ground is quoted where there is nothing else.
        let is_shown = |quote: &&Quote| quote.is_ground || !self.has_ground();
        let quotes: Vec<&str> =
            self.quotes.iter().filter(is_shown).map(|quote| quote.text.as_str()).collect();
        if quotes.is_empty() {
            return self.words.to_owned();
        }
        format!("{}: {}", self.words, quotes.join(", "))
    }
}

impl Model {
    /// The strongest reasons for the score of what is in `scratch`.
    pub(super) fn reasons(&self, scratch: &Scratch) -> Vec<String> {
        let effects = self.effects(scratch);
        let reasons = self.told(scratch, &effects).into_iter().map(|told| {
            let quotes = told.group.map(|group| self.quotes(group, &effects, scratch));
            Reason { words: told.words, is_sum: told.is_sum, quotes: quotes.unwrap_or_default() }
        });
        sentences(reasons.collect())
    }

    /// What spoke for the score, the strongest first.
    fn told(&self, scratch: &Scratch, effects: &Effects) -> Vec<Told> {
        let mut all: Vec<Told> = Vec::new();
        for (index, share) in self.shares(scratch, effects).into_iter().enumerate() {
            let (name, words) = self.subject.feature(index);
            let words = directed(name, share.is_of_high()).unwrap_or(words);
            let share = share.all;
            match all.iter_mut().find(|told| told.words == words) {
                Some(told) => told.share += share,
                None => all.push(Told {
                    share,
                    words,
                    is_sum: index < self.subject.sums(),
                    group: (index < PARTS).then_some(index / 3),
                }),
            }
        }
        all.retain(|told| told.share > 0.1);
        all.sort_by(|a, b| b.share.total_cmp(&a.share));
        all
    }

    /// What each figure adds to the margin. What the wording as a whole adds is given to the groups
    /// that it rests on: they can be shown.
    fn shares(&self, scratch: &Scratch, effects: &Effects) -> Vec<Share> {
        let mut shares = vec![Share::default(); self.subject.width()];
        self.forest.explain(&scratch.features, &mut shares);
        let for_it = |kinds: &[Vec<f32>; KINDS]| kinds.iter().flatten().sum::<f32>().max(0.0);
        let all: f32 = effects.iter().map(for_it).sum();
        let sums = self.subject.sums();
        let whole: f32 =
            shares.get(PARTS..sums).unwrap_or_default().iter().map(|share| share.all).sum();
        if whole > 0.0 && all > 0.0 {
            shares.iter_mut().take(sums).skip(PARTS).for_each(|share| *share = Share::default());
            for (share, group) in shares.iter_mut().step_by(3).zip(effects) {
                share.all += whole * for_it(group) / all;
            }
        }
        shares
    }

    fn effects(&self, scratch: &Scratch) -> Effects {
        let network = self.network.as_ref().map(|network| {
            (network, network.sensed(|group, kind| of_kind(&scratch.keys, group, kind)))
        });
        let mut effects = Effects::default();
        for (group, (kinds, effects)) in scratch.keys.iter().zip(&mut effects).enumerate() {
            let count: usize = kinds.iter().map(Vec::len).sum();
            let root = (count.max(1) as f32).sqrt();
            for (kind, (keys, effects)) in kinds.iter().zip(effects).enumerate() {
                effects.extend(keys.iter().map(|key| {
                    let piece = Piece { group, kind, key: *key };
                    let beside = network
                        .as_ref()
                        .map_or(0.0, |(network, sensed)| network.effect(sensed, piece, keys.len()));
                    self.table.weight(*key) / root + beside
                }));
            }
        }
        effects
    }

    /// Where the pieces of a group speak most for it, as it is written.
    fn quotes(&self, group: usize, effects: &Effects, scratch: &Scratch) -> Vec<Quote> {
        let text = scratch.spelling.text();
        let mut effects = effects.get(group).map(|kinds| kinds.each_ref().map(|kind| kind.iter()));
        let mut along = vec![0.0; text.len()];
        sheet::pieces(self.subject, &scratch.spelling, &mut |gram| {
            if gram.group == group {
                let of_kind = effects.as_mut().and_then(|kinds| kinds.get_mut(gram.kind));
                let effect = of_kind.and_then(Iterator::next).copied().unwrap_or(0.0);
                let share = effect / gram.at.len().max(1) as f32;
                let covered = along.get_mut(gram.at).into_iter().flatten();
                covered.for_each(|effect| *effect += share);
            }
        });
        let suffix = scratch.spelling.suffix();
        let stretches = strongest(along, text).into_iter();
        let mut quotes: Vec<Quote> = Vec::new();
        for at in stretches {
            let quote = Quote::new(text.get(at).unwrap_or_default(), suffix);
            // Equal words stand in several places.
            if quotes.iter().all(|other| other.text != quote.text) {
                quotes.push(quote);
            }
        }
        quotes
    }
}

/// The reasons as they are told: sums without ground only where nothing has any.
fn sentences(mut reasons: Vec<Reason>) -> Vec<String> {
    if reasons.iter().any(Reason::has_ground) {
        reasons.retain(|reason| !reason.is_sum || reason.has_ground());
    }
    reasons.iter().take(REASONS_MAX).map(Reason::sentence).collect()
}

/// The stretches of `text` where most lies above the average of what is above zero; the strongest
/// first.
fn strongest(mut along: Vec<f32>, text: &[u8]) -> Vec<Range<usize>> {
    let (mut sum, mut count) = (0.0, 0.0_f32);
    for effect in along.iter().filter(|effect| **effect > 0.0) {
        sum += effect;
        count += 1.0;
    }
    let average = sum / count.max(1.0);
    along.iter_mut().for_each(|effect| *effect -= average);
    let mut found: Vec<Range<usize>> = Vec::new();
    for _ in 0..QUOTES_MAX {
        let Some(best) = heaviest(&along) else { break };
        // Nothing is quoted twice, nor as part of something longer.
        along.get_mut(best.clone()).into_iter().flatten().for_each(|effect| *effect = f32::MIN);
        let best = rounded(best, text);
        // One sign alone tells nobody anything.
        let is_new = found.iter().all(|other| best.end <= other.start || other.end <= best.start);
        if is_new && best.len() > 1 {
            found.push(best);
        }
    }
    found
}

/// The stretch with the words at its ends whole, or without them when most of them lies outside.
fn rounded(at: Range<usize>, text: &[u8]) -> Range<usize> {
    // Letters beyond ASCII take several bytes.
    let is_sign = |byte: &u8| byte.is_ascii_alphanumeric() || !byte.is_ascii();
    let is_word = |at: &usize| text.get(*at).is_some_and(is_sign);
    let word_of = |place: usize| {
        let before = (0..place).rev().take_while(is_word).count();
        let behind = (place..text.len()).take_while(is_word).count();
        place.saturating_sub(before)..place.saturating_add(behind)
    };
    let is_most = |part: usize, word: &Range<usize>| part.saturating_mul(2) >= word.len();
    let (first, last) = (word_of(at.start), word_of(at.end.saturating_sub(1)));
    let start = if is_most(first.end.min(at.end).saturating_sub(at.start), &first) {
        first.start.min(at.start)
    } else if first.end < at.end {
        first.end
    } else {
        at.start
    };
    let end = if is_most(at.end.saturating_sub(last.start.max(at.start)), &last) {
        last.end.max(at.end)
    } else if last.start > at.start {
        last.start
    } else {
        at.end
    };
    whole_letters(start..end.max(start), text)
}

/// The stretch with the letters at its ends whole (RFC 3629, section 3).
fn whole_letters(at: Range<usize>, text: &[u8]) -> Range<usize> {
    let is_inside = |at: &usize| text.get(*at).is_some_and(|byte| (0x80..0xc0).contains(byte));
    let before = (0..=at.start).rev().take_while(is_inside).count();
    let behind = (at.end..text.len()).take_while(is_inside).count();
    at.start.saturating_sub(before)..at.end.saturating_add(behind)
}

/// The stretch with the greatest sum above zero (J. Kadane's, in J. Bentley, "Programming pearls:
/// algorithm design techniques", CACM 1984).
fn heaviest(along: &[f32]) -> Option<Range<usize>> {
    let mut best: (f32, Option<Range<usize>>) = (0.0, None);
    let (mut sum, mut start) = (0.0_f32, 0);
    for (at, effect) in along.iter().enumerate() {
        if sum <= 0.0 {
            (sum, start) = (0.0, at);
        }
        sum += effect;
        if sum > best.0 {
            best = (sum, Some(start..at.saturating_add(1)));
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_piece_that_a_view_rests_on_is_quoted() {
        use crate::network::{Dense, Network, VIEWS, View};
        use crate::table::{WeightTable, place_of};

        let mut scratch = Scratch::default();
        let mut keys = crate::gram::Keys::default();
        sheet::read(crate::Subject::Url, b"abcdefghijklmnop.example", &mut scratch);
        sheet::read_keys(crate::Subject::Url, &scratch.spelling, &mut keys);
        // The seventh of each length starts six signs from the bound in front of the host.
        for (kind, expected) in ["`fgh`", "`fghi`", "`fghij`"].into_iter().enumerate() {
            let silent = View { levels: vec![0x7777; 1 << 16], step: 0.5, dense: Dense::ZERO };
            let mut views: [View; VIEWS] = std::array::from_fn(|_| silent.clone());
            views[kind].levels[place_of(keys[0][kind][6], 16)] = 0x777e;
            views[kind].dense.first[0][0] = 1.0;
            views[kind].dense.last[0] = 1.0;
            let (mut model, _) = crate::learn::tests::small_model(1);
            // A little of all, so that something stands above the average.
            model.table = WeightTable::new(0, &[0.01]);
            model.network = Some(Network::new(16, views));
            model.margin(b"abcdefghijklmnop.example", &mut scratch);
            let quotes = model.quotes(0, &model.effects(&scratch), &scratch);
            let quotes: Vec<&str> = quotes.iter().map(|quote| quote.text.as_str()).collect();
            assert_eq!(quotes, [expected]);
        }
    }

    #[test]
    fn the_strongest_stretches_are_told_and_none_twice() {
        let mut along = vec![0.1; 30];
        along[3..8].fill(2.0);
        along[5] = 0.9;
        along[14..16].fill(3.0);
        along[18..22].fill(-4.0);
        along[24] = 9.0;
        let text = [b'.'; 30];
        assert_eq!(strongest(along, &text), [14..16, 3..8]);
        let none = [vec![], vec![-1.0, -2.0], vec![1.0; 9]];
        assert!(none.into_iter().all(|along| strongest(along, &text).is_empty()));
    }

    #[test]
    fn words_are_quoted_whole_or_not_at_all() {
        let text = b"pay-confirm/login.php";
        let rounded = |at: Range<usize>| std::str::from_utf8(&text[rounded(at, text)]).unwrap();
        // `nfirm`, `login.p`, `y-confirm/l`, and a few signs within one word.
        assert_eq!(rounded(6..11), "confirm");
        assert_eq!(rounded(12..19), "login.");
        assert_eq!(rounded(2..13), "-confirm/");
        assert_eq!(rounded(5..7), "on");
        for start in 0..text.len() {
            for end in start + 1..=text.len() {
                let found = super::rounded(start..end, text);
                assert!(found.start <= found.end && found.end <= text.len());
            }
        }
    }

    #[test]
    fn no_letter_is_cut() {
        let text = "a/вход-für-東京/x".as_bytes();
        assert_eq!(&text[rounded(5..7, text)], "хо".as_bytes());
        assert_eq!(&text[rounded(2..7, text)], "вход".as_bytes());
        for start in 0..text.len() {
            for end in start + 1..=text.len() {
                let found = &text[rounded(start..end, text)];
                assert!(std::str::from_utf8(found).is_ok(), "{start}..{end}: {found:?}");
            }
        }
    }

    #[test]
    fn a_sum_without_ground_is_no_reason_beside_one_that_has_it() {
        let reason = |is_sum, quotes: &[&str]| {
            let quotes = quotes.iter().map(|quote| Quote::new(quote.as_bytes(), b"com"));
            Reason { words: "the words", is_sum, quotes: quotes.collect() }
        };
        let all = [
            reason(true, &[]),
            reason(true, &["com"]),
            reason(true, &["com", "login"]),
            reason(false, &[]),
        ];
        let alone = all.iter().map(Reason::sentence).collect::<Vec<_>>();
        assert_eq!(alone, ["the words", "the words: `com`", "the words: `login`", "the words"]);
        let kept = |reasons: Vec<Reason>| sentences(reasons).join("; ");
        let [bare, weak, strong, figure] = all;
        assert_eq!(kept(vec![bare, weak, strong, figure]), "the words: `login`; the words");
        let weak = vec![reason(true, &[]), reason(true, &["com"])];
        assert_eq!(kept(weak), "the words; the words: `com`");
    }

    #[test]
    fn the_heaviest_stretch_is_that_of_all_pairs() {
        let mut rng = crate::learn::Rng::new(3);
        for _ in 0..200 {
            let along: Vec<f32> = (0..12).map(|_| rng.below(21) as f32 - 10.0).collect();
            let sum = |at: Range<usize>| along[at].iter().sum::<f32>();
            let starts = 0..along.len();
            let best = starts
                .flat_map(|start| (start..along.len()).map(move |end| start..end + 1))
                .map(sum)
                .fold(0.0, f32::max);
            assert_eq!(heaviest(&along).map_or(0.0, sum), best);
        }
    }
}
