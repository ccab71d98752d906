//! Where readers put what they find: the guard, the counts, and the way to the sink.

use crate::feeds::guard::never_blocks;
use crate::feeds::report::excerpt;
use crate::feeds::{FeedReport, ReadOptions, RejectReason, Rejection};
use wardnet_model::{Category, Indicator, Observation, Scope, Stance, SuffixList};

/// Takes what a feed says.
pub trait Sink {
    /// A row says this.
    fn observation(&mut self, observation: Observation);

    /// A row was refused.
    fn rejection(&mut self, rejection: Rejection);
}

/// The one way from the readers to the sink.
pub(crate) struct Output<'a, S> {
    pub(crate) options: &'a ReadOptions,
    pub(crate) report: FeedReport,
    /// The number of the line that is being read.
    pub(crate) line: u64,
    /// Whether that line is not UTF-8, so that replacement characters stand in it.
    pub(crate) is_lossy: bool,
    /// How many comments were read.
    pub(crate) comments: u64,
    /// Whether a row was taken for the names of the columns: only the first can be.
    pub(crate) has_names: bool,
    suffixes: &'static SuffixList,
    sink: &'a mut S,
}

impl<'a, S: Sink> Output<'a, S> {
    pub(crate) fn new(options: &'a ReadOptions, sink: &'a mut S) -> Self {
        Self {
            options,
            report: FeedReport::default(),
            line: 0,
            is_lossy: false,
            comments: 0,
            has_names: false,
            suffixes: SuffixList::shipped(),
            sink,
        }
    }

    /// The scope of a name or URL whose row does not say it.
    pub(crate) fn bare_scope(&self) -> Scope {
        self.options.scope.unwrap_or_default()
    }

    /// Hands an observation to the sink, unless it must never block.
    pub(crate) fn accept(&mut self, mut observation: Observation) -> Result<(), RejectReason> {
        match (observation.stance, self.options.stance) {
            (Stance::Malicious, Some(stance)) => observation.stance = stance,
            // The category of a block list is not that of its exceptions.
            (Stance::Benign, None) => {
                observation.category.get_or_insert(Category::KnownGood);
            }
            _ => {}
        }
        if self.is_lossy && has_replacement(&observation.indicator) {
            return Err(RejectReason::NotUtf8);
        }
        if let Some(reason) = never_blocks(&observation, self.suffixes) {
            return Err(reason.into());
        }
        self.report.accepted += 1;
        self.sink.observation(observation);
        Ok(())
    }

    /// Hands a rejection to the sink.
    pub(crate) fn reject(&mut self, reason: RejectReason, row: &str) {
        let reason = if self.is_lossy { RejectReason::NotUtf8 } else { reason };
        *self.report.rejected.entry(reason.name()).or_default() += 1;
        self.sink.rejection(Rejection { line: self.line, reason, excerpt: excerpt(row) });
    }

    /// Hands the outcome of one value of a row to the sink, where it is a rejection.
    pub(crate) fn settle(&mut self, outcome: Result<(), RejectReason>, row: &str) {
        if let Err(reason) = outcome {
            self.reject(reason, row);
        }
    }

    /// [`settle`](Self::settle) for a row that began on an earlier line.
    pub(crate) fn settle_at(&mut self, line: u64, outcome: Result<(), RejectReason>, row: &str) {
        let current = std::mem::replace(&mut self.line, line);
        self.settle(outcome, row);
        self.line = current;
    }
}

/// Whether bytes that are not UTF-8 were lost from an indicator, and not only from a note beside it.
fn has_replacement(indicator: &Indicator) -> bool {
    let text = indicator.to_string();
    text.contains(char::REPLACEMENT_CHARACTER) || text.contains("%EF%BF%BD")
}
