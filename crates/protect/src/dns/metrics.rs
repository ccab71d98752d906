//! What the DNS lists count.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use std::net::SocketAddr;
use wardnet_server::Metrics;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    listener: String,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Listener {
    listener: String,
}

/// What all listeners count.
#[derive(Debug, Clone, Default)]
pub struct DnsMetrics {
    outcomes: Family<Outcome, Counter>,
    names: Family<Listener, Gauge>,
    left_out: Family<Listener, Gauge>,
    connections: Family<Listener, Gauge>,
}

/// What one listener counts.
#[derive(Debug, Clone)]
pub(super) struct ListenerMetrics {
    outcomes: [Counter; 6],
    names: Gauge,
    left_out: Gauge,
    /// TCP connections that are open.
    pub(super) connections: Gauge,
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
                "dns_list_questions",
                "Questions to DNS lists by how they went",
                own.outcomes.clone(),
            );
            registry.register(
                "dns_list_digest_names",
                "Names that are found by their digest",
                own.names.clone(),
            );
            registry.register(
                "dns_list_digest_names_left_out",
                "Names that are not found by their digest, for want of room",
                own.left_out.clone(),
            );
            registry.register(
                "dns_list_connections",
                "TCP connections to DNS lists that are open",
                own.connections.clone(),
            );
        });
        own
    }

    /// The part of one listener.
    pub(super) fn of(&self, address: SocketAddr) -> ListenerMetrics {
        let listener = || address.to_string();
        let label = Listener { listener: listener() };
        let outcomes = OUTCOMES.map(|outcome| {
            let label = Outcome { listener: listener(), outcome };
            self.outcomes.get_or_create(&label).clone()
        });
        ListenerMetrics {
            outcomes,
            names: self.names.get_or_create(&label).clone(),
            left_out: self.left_out.get_or_create(&label).clone(),
            connections: self.connections.get_or_create(&label).clone(),
        }
    }
}

/// How questions go, in the order of a tally.
const OUTCOMES: [&str; 6] = ["listed", "unlisted", "refused", "malformed", "limited", "failed"];

impl ListenerMetrics {
    /// Adds a thread's counts, and empties them.
    pub(super) fn add(&self, tally: &mut Tally) {
        let Tally { listed, unlisted, refused, malformed, limited, failed } = std::mem::take(tally);
        let counts = [listed, unlisted, refused, malformed, limited, failed];
        for (counter, count) in self.outcomes.iter().zip(counts) {
            if count > 0 {
                counter.inc_by(count);
            }
        }
    }

    /// Shows how many names an index holds, and how many it has no room for.
    pub(super) fn names(&self, held: usize, left_out: usize) {
        let shown = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.names.set(shown(held));
        self.left_out.set(shown(left_out));
    }
}
