//! A subject as models see it: figures, and sums over the weights of its pieces.

use crate::commonplace;
use crate::domain;
use crate::familiar::{self, FAMILIAR, FamiliarTable};
use crate::gram::{GROUPS, Gram, KINDS, Keys};
use crate::own;
use crate::table::key;
use crate::url;
use crate::url::{Spelling, UrlLimits};

/// What kind of subject a model judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A URL, without its scheme.
    Url,
    /// The name of a host.
    Domain,
}

/// Figures of the pieces of one group: the sum, the highest and the lowest weight.
pub(crate) const PARTS: usize = GROUPS * 3;

/// What the pieces of each group are, and what a sum over them says.
const URL_GROUPS: [&str; GROUPS] = [
    "the spelling of the host",
    "the spelling of the path",
    "the spelling of the query",
    "the words of the host",
    "the words of the path",
];

/// The same for names.
const DOMAIN_GROUPS: [&str; GROUPS] = [
    "the spelling of the name",
    "the spelling of the name under this suffix",
    "the order of vowels, consonants and digits",
    "the suffix and the length",
    "the subdomain",
];

impl Subject {
    /// The subject's name in files and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Url => "url",
            Self::Domain => "domain",
        }
    }

    /// How many figures it has, sums included.
    pub const fn width(self) -> usize {
        let own = match self {
            Self::Url => url::FEATURES.len(),
            Self::Domain => domain::FEATURES.len(),
        };
        own.saturating_add(self.sums()).saturating_add(FAMILIAR)
    }

    /// Figures that rest on pieces: those of each group, the sum of all, and the network's margin.
    pub(crate) const fn sums(self) -> usize {
        PARTS.saturating_add(if self.has_network() { 2 } else { 1 })
    }

    /// Whether models learn a network. Of names it finds no more than the weights do: generators that
    /// nobody has seen rather fewer.
    pub(crate) const fn has_network(self) -> bool {
        matches!(self, Self::Url)
    }

    /// The name and the plain words of a figure.
    pub fn feature(self, index: usize) -> (&'static str, &'static str) {
        let (own, groups): (&[(&str, &str)], _) = match self {
            Self::Url => (&url::FEATURES, &URL_GROUPS),
            Self::Domain => (&domain::FEATURES, &DOMAIN_GROUPS),
        };
        if let Some(at) = index.checked_sub(self.sums()) {
            let all = familiar::NAMES.get(at).or_else(|| own.get(at.saturating_sub(FAMILIAR)));
            return all.copied().unwrap_or(("unknown", "an unknown figure"));
        }
        let kind = ["sum", "highest", "lowest"].get(index % 3).copied().unwrap_or("sum");
        let whole = if index > PARTS { "network" } else { "sum" };
        groups.get(index / 3).map_or((whole, "the wording as a whole"), |words| (kind, *words))
    }
}

/// Sums over the weights of pieces.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct GroupSum {
    pub(crate) sum: f32,
    pub(crate) highest: f32,
    pub(crate) lowest: f32,
    pub(crate) count: u16,
}

impl GroupSum {
    pub(crate) fn add(&mut self, weight: f32) {
        self.sum += weight;
        // No weight is without a value, as no span is infinite: a comparison is all it takes.
        self.highest = if weight > self.highest { weight } else { self.highest };
        self.lowest = if weight < self.lowest { weight } else { self.lowest };
        self.count = self.count.saturating_add(1);
    }

    /// What the group adds to the linear margin.
    pub(crate) fn margin(&self) -> f32 {
        if self.count == 0 { 0.0 } else { self.sum / f32::from(self.count).sqrt() }
    }
}

/// What was learned of a subject's pieces.
#[derive(Debug)]
pub(crate) struct LearnedSums<'a> {
    pub(crate) groups: &'a [GroupSum; GROUPS],
    /// What is added to the sum of all.
    pub(crate) bias: f32,
    /// The network's margin, where there is one.
    pub(crate) network: Option<f32>,
}

/// Writes the figures that depend on what was learned: those of pieces, and how familiar the
/// registered name is.
pub(crate) fn write_learned(
    sums: &LearnedSums<'_>,
    familiar: &FamiliarTable,
    host: &Spelling,
    out: &mut Vec<f32>,
) {
    let mut all = sums.bias;
    for group in sums.groups {
        out.extend([group.margin(), group.highest, group.lowest]);
        all += group.margin();
    }
    out.push(all);
    out.extend(sums.network);
    familiar.measure(host, out);
}

/// Room to take subjects apart in, reused from one to the next.
#[derive(Debug, Default, Clone)]
pub struct Scratch {
    pub(crate) spelling: Spelling,
    pub(crate) features: Vec<f32>,
    /// The keys of the pieces.
    pub(crate) keys: Keys,
}

/// Takes a subject apart; the spelling in `scratch` is then that subject's.
pub(crate) fn read(subject: Subject, input: &[u8], scratch: &mut Scratch) {
    let limits = UrlLimits::default();
    match subject {
        Subject::Url => scratch.spelling.read(input, &limits),
        Subject::Domain => scratch.spelling.read_host(input, &limits),
    }
}

/// Emits the pieces of the subject last read.
pub(crate) fn pieces(subject: Subject, spelling: &Spelling, emit: &mut impl FnMut(Gram)) {
    match subject {
        Subject::Url => url::pieces(spelling, emit),
        Subject::Domain => domain::pieces(spelling, emit),
    }
}

/// Reads the keys of the subject last read.
pub(crate) fn read_keys(subject: Subject, spelling: &Spelling, keys: &mut Keys) {
    keys.iter_mut().flatten().for_each(Vec::clear);
    pieces(subject, spelling, &mut |gram: Gram| {
        if let Some(keys) = keys.get_mut(gram.group).and_then(|kinds| kinds.get_mut(gram.kind)) {
            keys.push(key(gram.hash));
        }
    });
}

/// Writes the figures of the subject last read.
pub(crate) fn measure(subject: Subject, spelling: &Spelling, out: &mut Vec<f32>) {
    match subject {
        Subject::Url => url::measure(spelling, out),
        Subject::Domain => domain::measure(spelling, out),
    }
}

/// Takes any bytes apart, as a URL and as a name.
pub fn fuzz_subject(bytes: &[u8]) {
    let mut scratch = Scratch::default();
    for subject in [Subject::Url, Subject::Domain] {
        read(subject, bytes, &mut scratch);
        let text_len = scratch.spelling.text().len();
        pieces(subject, &scratch.spelling, &mut |gram| {
            assert!(gram.group < GROUPS && gram.kind < KINDS, "a piece is of a group and a kind");
            assert!(gram.at.end <= text_len, "a piece stands in the text");
        });
        let mut figures = Vec::new();
        measure(subject, &scratch.spelling, &mut figures);
        let width = figures.len().saturating_add(subject.sums()).saturating_add(FAMILIAR);
        assert_eq!(width, subject.width(), "every figure is measured");
        assert!(figures.iter().all(|figure| figure.is_finite()), "figures are numbers");
        domain::resemblance(&scratch.spelling);
        own::excuse(subject, &scratch.spelling);
        if subject == Subject::Url {
            commonplace::rest(&scratch.spelling);
        }
    }
    url::undisguised(bytes);
}
