//! How a verdict came about: every piece of evidence, every decision, the whole sum.

use crate::EngineError;
use crate::patterns::{self, PatternLine};
use crate::praise;
use crate::settle::{self, scopes, subject};
use wardnet_model::{
    Decision, Indicator, Relation, Scope, Sharing, SuffixList, TenantId, Timestamp, Tlp,
};
use wardnet_score::{Epoch, Explanation, Scorer};
use wardnet_store::{Dossier, Held, Published, Store};

/// One indicator at one scope, explained.
#[derive(Debug, Clone)]
pub struct Explained {
    /// The indicator.
    pub indicator: Indicator,
    /// The scope.
    pub scope: Scope,
    /// The verdict that is published.
    pub published: Published,
    /// The sum for the time asked about.
    pub explanation: Explanation,
    /// The evidence behind the sum, the newest first.
    pub evidence: Vec<EvidenceLine>,
    /// The patterns that match it, with or without a say in the sum.
    pub patterns: Vec<PatternLine>,
    /// Every decision, in force or not.
    pub decisions: Vec<Decision>,
}

/// One piece of evidence as it is held.
#[derive(Debug, Clone)]
pub struct EvidenceLine {
    /// The evidence.
    pub held: Held,
    /// When it was last seen, renewals of its batch included.
    pub last_seen: Timestamp,
    /// The domain and scope that it is about, when it is another place of the same site.
    pub elsewhere: Option<(Box<str>, Scope)>,
}

/// Explains what is known of exactly this indicator, at every scope, as `tenant` may see it.
pub fn explain(
    store: &Store,
    epoch: &Epoch,
    indicator: &Indicator,
    tenant: TenantId,
    as_of: Timestamp,
) -> Result<Vec<Explained>, EngineError> {
    let suffixes = SuffixList::shipped();
    let scorer = Scorer::new(epoch);
    let mut found = Vec::new();
    for key in scopes(indicator) {
        let Some(mut dossier) = store.dossier(&key)? else {
            continue;
        };
        forget_later(&mut dossier, as_of);
        let subject = subject(epoch, suffixes, &key, &dossier);
        let mut praise = praise::of(store, &key, &dossier)?;
        praise.retain(|praise| praise.held.first_seen.floor_minute() <= as_of);
        let held = dossier.evidence.iter().chain(praise.iter().map(|praise| &praise.held));
        let mut items = settle::evidence(store, held, tenant);
        let mut patterns = patterns::lines(store, epoch, indicator, &items, as_of);
        items.extend(patterns.iter().filter(|line| line.left_out.is_none()).map(|line| line.item));
        patterns.retain(|line| patterns::may_see(line, tenant));
        let mut evidence: Vec<EvidenceLine> = dossier
            .evidence
            .iter()
            .filter(|held| may_see(held, tenant))
            .map(|held| EvidenceLine {
                last_seen: store.last_seen(held),
                held: held.clone(),
                elsewhere: None,
            })
            .collect();
        evidence.extend(praise.into_iter().filter(|one| may_see(&one.held, tenant)).map(|one| {
            EvidenceLine {
                last_seen: store.last_seen(&one.held),
                held: one.held,
                elsewhere: Some((one.domain, one.scope)),
            }
        }));
        evidence.sort_by_key(|line| std::cmp::Reverse(line.last_seen));
        let decisions = dossier.decisions.iter();
        let decisions = decisions
            .filter(|decision| decision.tenant == tenant || decision.tenant == TenantId::SHARED)
            .cloned()
            .collect();
        found.push(Explained {
            indicator: indicator.clone(),
            scope: key.scope(),
            published: dossier.published.clone(),
            explanation: scorer.explain(subject, &items, as_of),
            evidence,
            patterns,
            decisions,
        });
    }
    Ok(found)
}

/// Leaves out what was first seen, or decided, only after the time asked about. What has ended or
/// was superseded since is gone from the store and cannot be brought back.
fn forget_later(dossier: &mut Dossier, as_of: Timestamp) {
    // Verdicts are of whole minutes: what came in the minute asked about counts.
    dossier.evidence.retain(|held| held.first_seen.floor_minute() <= as_of);
    dossier.decisions.retain(|decision| decision.at.floor_minute() <= as_of);
}

/// Its own tenant sees all of it; others what is shared and not marked for its owner alone.
fn may_see(held: &Held, tenant: TenantId) -> bool {
    held.tenant == tenant
        || (held.tenant == TenantId::SHARED || held.sharing == Sharing::Everyone)
            && held.tlp != Tlp::Red
}

/// The relations of an indicator that `tenant` may see.
pub fn relations(
    store: &Store,
    indicator: &Indicator,
    tenant: TenantId,
) -> Result<Vec<Relation>, EngineError> {
    let mut relations = store.relations_of(indicator)?;
    relations.retain(|relation| {
        relation.tenant == tenant || relation.tenant == TenantId::SHARED && relation.tlp != Tlp::Red
    });
    Ok(relations)
}
