//! The names and URLs that questions ask for, hashed together.

use crate::db::Db;
use smallvec::SmallVec;
use wardnet_model::{
    Form, Hashed, Indicator, Key, Kind, SuffixList, digest_all, question_expressions,
    question_names,
};

/// Names of all questions that are asked together, on the stack: others go to the heap.
const ON_STACK: usize = 32;

/// One name or expression that is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step<'q> {
    pub(super) text: Hashed<'q>,
    /// How many labels the host has lost.
    pub(super) level: u8,
    /// How much of the path is left.
    pub(super) form: Form,
}

impl Step<'_> {
    /// Whether the key is also that of a host: its expression is `host/`.
    pub(super) fn is_host(&self) -> bool {
        self.text.text().bytes().position(|byte| byte == b'/')
            == self.text.text().len().checked_sub(1)
    }
}

/// What some questions ask for, and the keys of it.
#[derive(Debug, Default)]
pub(super) struct Named<'q> {
    steps: SmallVec<[Step<'q>; ON_STACK]>,
    keys: SmallVec<[Key; ON_STACK]>,
    /// Steps and keys that were taken.
    taken: usize,
}

impl<'q> Named<'q> {
    /// Adds what a question about an indicator asks for, and gives back how much that is.
    pub(super) fn add(&mut self, indicator: &'q Indicator, suffixes: &SuffixList) -> usize {
        let before = self.steps.len();
        match indicator {
            Indicator::Domain(name) => {
                for (text, level) in question_names(name, suffixes) {
                    self.steps.push(Step { text: Hashed::name(text), level, form: Form::Exact });
                }
            }
            Indicator::Url(url) => {
                for expression in question_expressions(url, suffixes) {
                    let text = Hashed::expression(expression.text);
                    self.steps.push(Step {
                        text,
                        level: expression.host_level,
                        form: expression.form,
                    });
                }
            }
            _ => {}
        }
        self.steps.len().wrapping_sub(before)
    }

    /// Hashes all that was added.
    pub(super) fn hash(&mut self) {
        digest_all(self.steps.iter().map(|step| step.text), &mut self.keys);
    }

    /// Has the memory fetched in which a database would hold the names.
    pub(super) fn expect(&self, base: &Db) {
        for (step, key) in self.steps.iter().zip(&self.keys) {
            if step.text.is_name() || step.is_host() {
                base.expect(Kind::Domain, key);
            }
            if !step.text.is_name() {
                base.expect(Kind::Url, key);
            }
        }
    }

    /// The next `count` of what was added, with the keys.
    pub(super) fn take(&mut self, count: usize) -> (&[Step<'q>], &[Key]) {
        let begin = self.taken;
        self.taken = begin.wrapping_add(count);
        let steps = self.steps.get(begin..self.taken).unwrap_or_default();
        (steps, self.keys.get(begin..self.taken).unwrap_or_default())
    }
}
