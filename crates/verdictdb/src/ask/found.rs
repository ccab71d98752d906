//! The answer about a name where everything along its chain has been found already.

use super::{Answer, Chain, Match, Under, push};
use crate::{Hits, View};
use smallvec::SmallVec;
use wardnet_model::{Kind, Scope, Timestamp};

impl View {
    /// What [`Self::ask`] answers about a domain that no standard sets apart, of which `itself` is
    /// known, and `above` of the names above it that a question asks for: the nearest first.
    pub fn answer_about_name<'v, 'h>(
        &'v self,
        itself: &Hits<'v>,
        above: impl IntoIterator<Item = &'h Hits<'v>>,
    ) -> Answer<'v, 'static>
    where
        'v: 'h,
    {
        let mut matches = SmallVec::new();
        let mut put = |step: u16, hits: &Hits<'v>, covers: fn(Scope) -> bool| {
            for (layer, hit) in hits.iter().filter(|(_, hit)| covers(hit.scope)) {
                let (kind, under) = (Kind::Domain, Under::Itself);
                push(&mut matches, Match { kind, step, layer, hit: *hit, under });
            }
        };
        put(1, itself, Scope::covers_self);
        for (hits, step) in above.into_iter().zip(2u16..) {
            put(step, hits, Scope::covers_beneath);
        }
        let chain = Chain { view: self, tenant: None, now: Timestamp(0), step: 0, matches };
        chain.answer(self.as_of, None)
    }
}
