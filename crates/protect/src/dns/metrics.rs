//! What the DNS lists count.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use wardnet_server::Metrics;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Label {
    outcome: &'static str,
}

/// How questions went.
#[derive(Debug, Clone, Default)]
pub struct DnsMetrics {
    outcomes: Family<Label, Counter>,
}

/// Counts of one thread, added to the common ones now and then.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    /// Answered with a listing.
    pub(super) listed: u64,
    /// Answered that there is none.
    pub(super) unlisted: u64,
    /// Refused: who asked, or what was asked.
    pub(super) refused: u64,
    /// Malformed, or not a query.
    pub(super) malformed: u64,
    /// Held back or shortened, since the client asked too much.
    pub(super) limited: u64,
    /// Not answered because the database cannot be trusted.
    pub(super) failed: u64,
}

impl DnsMetrics {
    /// Registers the counters.
    pub fn new(metrics: &Metrics) -> Self {
        let own = Self::default();
        metrics.register(|registry| {
            registry.register(
                "wardnet_dns_list_questions",
                "Questions to DNS lists by how they went",
                own.outcomes.clone(),
            );
        });
        own
    }

    /// Adds a thread's counts, and empties them.
    pub(super) fn add(&self, tally: &mut Tally) {
        let Tally { listed, unlisted, refused, malformed, limited, failed } = std::mem::take(tally);
        for (outcome, count) in [
            ("listed", listed),
            ("unlisted", unlisted),
            ("refused", refused),
            ("malformed", malformed),
            ("limited", limited),
            ("failed", failed),
        ] {
            if count > 0 {
                self.outcomes.get_or_create(&Label { outcome }).inc_by(count);
            }
        }
    }
}
