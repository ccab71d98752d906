//! Which patterns match an indicator, and what weighs of them.
//!
//! A pattern names no single indicator, so it is no evidence that could be kept with one. It is
//! part of the calibration instead: where an indicator has evidence of its own, the patterns that
//! match its canonical text speak beside it, as one [`Item`] for each list.
//!
//! All substrings are found by one automaton in one pass, the expressions of a list by one set, so
//! the cost does not grow with their number. Neither ever backtracks.
//!
//! Strangers choose what stands in a URL's path, or in front of the name they own. So a substring
//! that reads as a host (`any.run`) vouches only for that host and what lies below it, not for
//! `http://evil.top/any.run` and not for `any.run.evil.top`.

use crate::Item;
use aho_corasick::AhoCorasick;
use regex::{RegexSet, RegexSetBuilder};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;
use wardnet_model::{
    DomainName, Kind, Pattern, PatternKind, PatternList, PatternSet, Stance, Timestamp,
};

/// How much patterns may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PatternLimits {
    /// The most patterns in force, of all sources together. Default: 250,000.
    pub patterns_max: usize,
    /// The most bytes of text that one batch of patterns has, and four for each pattern. Default:
    /// 768 KiB; a batch is one record of the journal, which takes 1 MiB.
    pub set_bytes_max: usize,
    /// The most bytes of text of all patterns together. Default: 8 MiB.
    pub bytes_max: usize,
    /// The most regular expressions of all sources together. Default: 2,000.
    pub expressions_max: usize,
    /// The most lists that have regular expressions. Default: 64.
    pub expression_lists_max: usize,
    /// The largest that the expressions of one list may become when compiled, in bytes. Default:
    /// 8 MiB.
    pub compiled_bytes_max: usize,
    /// The most places at which substrings are found in one text, matches that overlap included.
    /// Default: 65,536.
    pub hits_max: usize,
}

impl Default for PatternLimits {
    fn default() -> Self {
        Self {
            patterns_max: 250_000,
            set_bytes_max: 768 << 10,
            bytes_max: 8 << 20,
            expressions_max: 2_000,
            expression_lists_max: 64,
            compiled_bytes_max: 8 << 20,
            hits_max: 1 << 16,
        }
    }
}

/// Why patterns cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternsError {
    /// More than a limit allows.
    #[error("the patterns are more than the limit `{0}` allows; leave some lists out")]
    TooMany(&'static str),
    /// Expressions that do not compile, or become too large.
    #[error("the regular expressions of `{list}` cannot be used: {reason}")]
    Expressions {
        /// The name of the list.
        list: Box<str>,
        /// Why.
        reason: String,
    },
    /// Substrings that cannot be made one automaton.
    #[error("the substrings cannot be used together: {0}")]
    Substrings(String),
}

/// A pattern that matches, and where it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PatternMatch<'p> {
    /// The batch.
    pub set: &'p PatternSet,
    /// The list.
    pub list: &'p PatternList,
    /// The longest pattern of the list that matches.
    pub pattern: &'p Pattern,
}

impl PatternMatch<'_> {
    /// What scoring reads of it, where its batch was last seen at a time.
    pub fn item(&self, last_seen: Timestamp) -> Item {
        Item {
            source: self.set.source,
            stance: self.list.stance,
            category: self.list.category,
            confidence: self.set.confidence,
            first_seen: self.set.first_seen,
            last_seen: last_seen.max(self.set.last_seen),
            until: None,
            registered: None,
            tlp: self.set.tlp,
        }
    }
}

/// Patterns, compiled.
#[derive(Debug, Default)]
pub struct Patterns {
    sets: Vec<Arc<PatternSet>>,
    /// Those that take a side.
    weighing: Searcher,
    /// Those that only say what a thing is: no verdict reads them.
    context: Searcher,
}

impl Patterns {
    /// Compiles sets of patterns.
    pub fn compile<'s>(
        sets: impl IntoIterator<Item = &'s Arc<PatternSet>>,
        limits: &PatternLimits,
    ) -> Result<Self, PatternsError> {
        let sets: Vec<Arc<PatternSet>> = sets.into_iter().cloned().collect();
        check_sizes(&sets, limits)?;
        let weighs = |list: &PatternList| matches!(list.stance, Stance::Malicious | Stance::Benign);
        let weighing = Searcher::compile(&sets, weighs, limits)?;
        let context = Searcher::compile(&sets, |list| !weighs(list), limits)?;
        Ok(Self { sets, weighing, context })
    }

    /// The patterns that take a side and match the canonical text of an indicator: at most one for
    /// each list, in order of source, batch and list.
    pub fn weighing(&self, kind: Kind, text: &str) -> Vec<PatternMatch<'_>> {
        self.weighing.search(&self.sets, kind, text)
    }

    /// The patterns that only describe it.
    pub fn describing(&self, kind: Kind, text: &str) -> Vec<PatternMatch<'_>> {
        self.context.search(&self.sets, kind, text)
    }

    /// Whether any pattern that takes a side is for a kind.
    pub fn weigh_for(&self, kind: Kind) -> bool {
        self.weighing.is_for(kind)
    }
}

fn check_sizes(sets: &[Arc<PatternSet>], limits: &PatternLimits) -> Result<(), PatternsError> {
    let (mut count, mut bytes, mut expressions, mut lists) = (0usize, 0usize, 0usize, 0usize);
    for set in sets {
        let mut set_bytes = 0usize;
        for list in &set.lists {
            let regexes = list.patterns.iter().filter(|one| one.kind == PatternKind::Regex).count();
            expressions = expressions.saturating_add(regexes);
            lists = lists.saturating_add(usize::from(regexes > 0));
            let texts = list.patterns.iter().map(|one| one.text.len().saturating_add(4));
            set_bytes = texts.fold(set_bytes, usize::saturating_add);
        }
        if set_bytes > limits.set_bytes_max {
            return Err(PatternsError::TooMany("set_bytes_max"));
        }
        bytes = bytes.saturating_add(set_bytes);
        count = count.saturating_add(set.len());
    }
    for (value, most, name) in [
        (count, limits.patterns_max, "patterns_max"),
        (bytes, limits.bytes_max, "bytes_max"),
        (expressions, limits.expressions_max, "expressions_max"),
        (lists, limits.expression_lists_max, "expression_lists_max"),
    ] {
        if value > most {
            return Err(PatternsError::TooMany(name));
        }
    }
    Ok(())
}

/// Where a pattern stands: numbers of its set, its list in the set, and itself in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    set: usize,
    list: usize,
    pattern: usize,
}

/// The compiled patterns of some lists.
#[derive(Debug, Default)]
struct Searcher {
    /// The bits of the kinds that any pattern is for.
    kinds: u32,
    substrings: Option<AhoCorasick>,
    /// Of each number that the automaton answers with: where it stands, and where it may be found.
    places: Vec<(Place, Anchor)>,
    expressions: Vec<(RegexSet, Vec<Place>)>,
    hits_max: usize,
}

impl Searcher {
    fn compile(
        sets: &[Arc<PatternSet>],
        takes: impl Fn(&PatternList) -> bool,
        limits: &PatternLimits,
    ) -> Result<Self, PatternsError> {
        let mut searcher = Self { hits_max: limits.hits_max, ..Self::default() };
        let mut texts: Vec<&str> = Vec::new();
        for (set, lists) in sets.iter().enumerate() {
            for (number, list) in lists.lists.iter().enumerate().filter(|(_, list)| takes(list)) {
                searcher.kinds |= list.kinds.iter().fold(0, |bits, kind| bits | bit(*kind));
                let mut expressions: Vec<(&str, Place)> = Vec::new();
                for (pattern, one) in list.patterns.iter().enumerate() {
                    let place = Place { set, list: number, pattern };
                    match one.kind {
                        PatternKind::Substring => {
                            searcher.places.push((place, Anchor::of(&one.text, list.stance)));
                            texts.push(&one.text);
                        }
                        PatternKind::Regex => expressions.push((&one.text, place)),
                    }
                }
                searcher.add_expressions(list, &expressions, limits)?;
            }
        }
        if !texts.is_empty() {
            let automaton = AhoCorasick::builder().ascii_case_insensitive(true).build(texts);
            let refused = |error: aho_corasick::BuildError| error.to_string();
            searcher.substrings =
                Some(automaton.map_err(refused).map_err(PatternsError::Substrings)?);
        }
        Ok(searcher)
    }

    fn add_expressions(
        &mut self,
        list: &PatternList,
        expressions: &[(&str, Place)],
        limits: &PatternLimits,
    ) -> Result<(), PatternsError> {
        if expressions.is_empty() {
            return Ok(());
        }
        let set = RegexSetBuilder::new(expressions.iter().map(|(text, _)| *text))
            .size_limit(limits.compiled_bytes_max)
            .build()
            .map_err(|error| PatternsError::Expressions {
                list: list.name.clone(),
                reason: error.to_string(),
            })?;
        self.expressions.push((set, expressions.iter().map(|(_, place)| *place).collect()));
        Ok(())
    }

    const fn is_for(&self, kind: Kind) -> bool {
        self.kinds & bit(kind) != 0
    }

    fn search<'p>(
        &self,
        sets: &'p [Arc<PatternSet>],
        kind: Kind,
        text: &str,
    ) -> Vec<PatternMatch<'p>> {
        if !self.is_for(kind) {
            return Vec::new();
        }
        let mut found: BTreeMap<(usize, usize), PatternMatch<'p>> = BTreeMap::new();
        self.find(kind, text, |place| {
            let Some(one) = resolve(sets, place).filter(|one| one.list.kinds.contains(&kind))
            else {
                return;
            };
            let length = |one: &PatternMatch<'_>| one.pattern.text.len();
            found
                .entry((place.set, place.list))
                .and_modify(|known| {
                    // Of equally long ones the first, whatever order they were found in.
                    let better = length(&one).cmp(&length(known));
                    if better.then_with(|| known.pattern.cmp(one.pattern)).is_gt() {
                        *known = one;
                    }
                })
                .or_insert(one);
        });
        found.into_values().collect()
    }

    fn find(&self, kind: Kind, text: &str, mut found: impl FnMut(Place)) {
        if let Some(automaton) = &self.substrings {
            let host = host_in(kind, text);
            // Matches may overlap, and the first one may be for other kinds.
            for hit in automaton.find_overlapping_iter(text).take(self.hits_max) {
                if let Some((place, anchor)) = self.places.get(hit.pattern().as_usize())
                    && anchor.holds(text, &host, hit.range())
                {
                    found(*place);
                }
            }
        }
        for (set, places) in &self.expressions {
            set.matches(text).iter().filter_map(|at| places.get(at)).for_each(|at| found(*at));
        }
    }
}

fn resolve(sets: &[Arc<PatternSet>], place: Place) -> Option<PatternMatch<'_>> {
    let set = sets.get(place.set)?;
    let list = set.lists.get(place.list)?;
    Some(PatternMatch { set, list, pattern: list.patterns.get(place.pattern)? })
}

const fn bit(kind: Kind) -> u32 {
    match 1u32.checked_shl(kind.tag() as u32) {
        Some(bit) => bit,
        None => 0,
    }
}

/// Where in a text a substring must be found to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Anchor {
    /// Anywhere.
    Anywhere,
    /// It vouches for a host: so many of its first bytes are the end of the host's name.
    Host(usize),
}

impl Anchor {
    fn of(text: &str, stance: Stance) -> Self {
        let host = text.split_once('/').map_or(text, |(host, _)| host);
        let is_address = host.parse::<IpAddr>().is_ok();
        let is_name = host.contains('.') && DomainName::parse(host.trim_matches('.')).is_ok();
        match stance == Stance::Benign && (is_address || is_name) {
            true => Self::Host(host.len()),
            false => Self::Anywhere,
        }
    }

    fn holds(self, text: &str, host: &Range<usize>, found: Range<usize>) -> bool {
        let Self::Host(length) = self else {
            return true;
        };
        let begins = found.start == host.start
            || text.as_bytes().get(found.start) == Some(&b'.')
            || found.start.checked_sub(1).is_some_and(|at| text.as_bytes().get(at) == Some(&b'.'));
        let ends = found.start.saturating_add(length) == host.end;
        begins && ends && found.start >= host.start
    }
}

/// Where the host stands in the canonical text of an indicator: all of it, where it has no parts.
fn host_in(kind: Kind, text: &str) -> Range<usize> {
    let length = |part: &str, ends: &[char]| part.find(ends).unwrap_or(part.len());
    let (start, host) = match kind {
        Kind::Url => match text.split_once("://") {
            Some((scheme, rest)) => (scheme.len().saturating_add(3), rest),
            None => (0, text),
        },
        Kind::Email => match text.rsplit_once('@') {
            Some((local, host)) => (local.len().saturating_add(1), host),
            None => (0, text),
        },
        _ => (0, text),
    };
    let long = match kind {
        Kind::Url if host.starts_with('[') => length(host, &[']']).saturating_add(1),
        Kind::Url => length(host, &[':', '/', '?', '#']),
        Kind::Endpoint if !host.starts_with('[') => length(host, &[':']),
        _ => host.len(),
    };
    start..start.saturating_add(long.min(host.len()))
}

/// Reads any bytes as patterns and a text, and checks what must hold of every match: the first line
/// is the text, each other one a pattern, an expression where it begins with `/`.
pub fn fuzz_patterns(bytes: &[u8]) {
    let Ok(input) = std::str::from_utf8(bytes) else { return };
    let mut lines = input.split('\n');
    let text = lines.next().unwrap_or_default();
    let patterns = lines.map(|line| match line.strip_prefix('/') {
        Some(expression) => Pattern { kind: PatternKind::Regex, text: expression.into() },
        None => Pattern { kind: PatternKind::Substring, text: line.into() },
    });
    let list = PatternList {
        name: "fuzz".into(),
        kinds: vec![Kind::Domain, Kind::Url, Kind::Email],
        stance: Stance::Benign,
        category: wardnet_model::Category::KnownGood,
        patterns: patterns.collect(),
    };
    let set = Arc::new(PatternSet {
        source: wardnet_model::SourceId(1),
        batch: wardnet_model::BatchId::SNAPSHOT,
        confidence: 95,
        tlp: wardnet_model::Tlp::Clear,
        first_seen: Timestamp(0),
        last_seen: Timestamp(0),
        lists: vec![list],
    });
    let limits = PatternLimits { compiled_bytes_max: 64 << 10, ..PatternLimits::default() };
    let Ok(patterns) = Patterns::compile([&set], &limits) else { return };
    for kind in [Kind::Domain, Kind::Url, Kind::Email] {
        for found in patterns.weighing(kind, text) {
            let wanted = found.pattern.text.to_ascii_lowercase();
            let is_in = text.to_ascii_lowercase().contains(&*wanted);
            assert!(is_in || found.pattern.kind == PatternKind::Regex, "{found:?}");
        }
    }
    assert!(patterns.weighing(Kind::Md5, text).is_empty(), "a pattern for another kind matched");
    assert!(patterns.describing(Kind::Url, text).is_empty(), "what vouches only described");
}

#[cfg(test)]
mod tests;
