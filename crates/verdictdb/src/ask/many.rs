//! Many questions at once.

use super::named::Named;
use super::{Answer, Question, reserved};
use crate::prefix::Prefix;
use crate::{LookupError, View};
use wardnet_model::{Indicator, SuffixList, Timestamp};

/// Questions whose names are hashed together, and whose memory is fetched together.
const GROUP: usize = 16;

impl View {
    /// Answers questions as [`Self::ask`] does; calls `told` for each in order, with its position.
    ///
    /// The names of several questions are hashed together, and memory is on its way for one while
    /// another is answered.
    pub fn ask_many<'v, 'q>(
        &'v self,
        questions: &[Question<'q>],
        suffixes: &SuffixList,
        now: Timestamp,
        mut told: impl FnMut(usize, Result<Answer<'v, 'q>, LookupError>),
    ) {
        let mut positions = 0usize..;
        for group in questions.chunks(GROUP) {
            let mut named = Named::default();
            let mut planned = [(None, 0); GROUP];
            for (question, plan) in group.iter().zip(&mut planned) {
                let reserved = reserved(question.indicator);
                let names = match reserved {
                    Some(_) => 0,
                    None => named.add(question.indicator, suffixes),
                };
                *plan = (reserved, names);
                if let (Some(base), Indicator::Address(address)) = (&self.base, question.indicator)
                {
                    base.expect_networks(Prefix::of_address(*address));
                }
            }
            named.hash();
            if let Some(base) = &self.base {
                named.expect(base);
            }
            for ((question, (reserved, names)), position) in
                group.iter().zip(planned).zip(&mut positions)
            {
                let names = named.take(names);
                told(position, self.ask_hashed(question, reserved, names, suffixes, now));
            }
        }
    }
}

#[cfg(test)]
mod tests;
