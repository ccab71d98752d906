//! Many answers at once: names are hashed together, and memory is on its way for one question while
//! another is answered.

use std::borrow::Cow;

use smallvec::SmallVec;
use wardnet_model::Indicator;
use wardnet_verdictdb::{LookupError, Question};

use super::json::Json;
use super::{Asker, Failure, parse, write_failure, write_unreadable};

/// Questions that are answered together: what is kept of them lies on the stack.
pub(crate) const TOGETHER: usize = 16;

/// One question of a batch.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Item<'q> {
    /// About this.
    Question(Cow<'q, str>),
    /// The line holds no question; why not.
    Unreadable(Cow<'q, str>),
}

impl Asker<'_> {
    /// Appends the answer to each, or the object that says why there is none, in their order; what
    /// stands between them is written by `join`, which is told how many it follows.
    pub(crate) fn answer_some(
        &self,
        items: &[Item<'_>],
        out: &mut Vec<u8>,
        join: impl Fn(usize, &mut Vec<u8>),
    ) {
        let read = items.iter().map(|item| match item {
            Item::Question(text) => Some(parse(text)),
            Item::Unreadable(_) => None,
        });
        let read: SmallVec<[_; TOGETHER]> = read.collect();
        let indicators = read.iter().filter_map(|read| read.as_ref()?.as_ref().ok());
        let of = |indicator| Question { indicator, tenant: self.tenant, addresses: &[] };
        let questions: SmallVec<[Question<'_>; TOGETHER]> = indicators.map(of).collect();
        let mut rest = items.iter().zip(&read).enumerate();
        self.view.ask_many(&questions, self.suffixes, self.now, |_, answer| {
            // What is no question stands before the next that is one.
            for (at, (item, read)) in rest.by_ref() {
                join(at, out);
                if let (Item::Question(input), Some(Ok(indicator))) = (item, read) {
                    return self.write_one(input, indicator, answer, out);
                }
                write_none(item, read.as_ref(), out);
            }
        });
        for (at, (item, read)) in rest {
            join(at, out);
            write_none(item, read.as_ref(), out);
        }
    }

    fn write_one(
        &self,
        input: &str,
        indicator: &Indicator,
        answer: Result<wardnet_verdictdb::Answer<'_, '_>, LookupError>,
        out: &mut Vec<u8>,
    ) {
        match answer {
            Ok(answer) => self.write(input, indicator, &answer, &mut Json(out)),
            Err(error) => write_failure(input, &Failure::Damaged(error), out),
        }
    }
}

/// Appends the object for what is no question.
fn write_none(
    item: &Item<'_>,
    read: Option<&Result<Indicator, wardnet_model::ParseError>>,
    out: &mut Vec<u8>,
) {
    match (item, read) {
        (Item::Question(input), Some(Err(error))) => {
            write_failure(input, &Failure::NotAnIndicator(error.clone()), out);
        }
        (Item::Question(input) | Item::Unreadable(input), _) => write_unreadable(input, out),
    }
}
