//! Every source's word on a thing, for protocols that name each voice.

use crate::chain::chain;
use crate::{EngineError, EvidenceLine, Explained, Readers};
use std::cmp::Reverse;
use wardnet_model::{Indicator, Stance, SuffixList, TenantId, Testimony, Timestamp};
use wardnet_score::Epoch;

/// What each source says of `indicator` and of what it lies in, as `tenant` may know it; one word
/// for each source, the one that weighs most, in the order of their names.
pub fn testimonies(
    readers: &Readers,
    indicator: &Indicator,
    tenant: TenantId,
    now: Timestamp,
) -> Result<Vec<Testimony>, EngineError> {
    let epoch = readers.epochs.load();
    let mut all = Vec::new();
    for link in chain(indicator, SuffixList::shipped()) {
        let explained = crate::explain(&readers.store, &epoch, &link.indicator, tenant, now)?;
        for one in explained.iter().filter(|one| link.applies(one.scope)) {
            all.extend(one.evidence.iter().map(|line| testimony(&epoch, one, line)));
        }
    }
    all.sort_by(|one, other| {
        let weight = |one: &Testimony| {
            let takes_side = matches!(one.stance, Stance::Malicious | Stance::Benign);
            Reverse((one.counts, takes_side, one.stance == Stance::Malicious, one.last_seen))
        };
        (&one.source, weight(one)).cmp(&(&other.source, weight(other)))
    });
    all.dedup_by(|later, first| later.source == first.source);
    Ok(all)
}

fn testimony(epoch: &Epoch, explained: &Explained, line: &EvidenceLine) -> Testimony {
    let held = &line.held;
    let source = epoch.source(held.source);
    let said = (held.source, held.stance, held.category, held.confidence, held.first_seen);
    let takes_side = matches!(held.stance, Stance::Malicious | Stance::Benign);
    let counts = explained.explanation.contributions.iter().any(|term| {
        let item = &term.item;
        let summed = (item.source, item.stance, item.category, item.confidence, item.first_seen);
        summed == said && term.left_out.is_none()
    });
    Testimony {
        source: source.map_or_else(|| held.source.0.to_string().into(), |known| known.name.clone()),
        stance: held.stance,
        category: held.category,
        family: held.details.as_deref().and_then(|details| details.family.clone()),
        counts: counts && takes_side,
        first_seen: held.first_seen,
        last_seen: line.last_seen,
    }
}
