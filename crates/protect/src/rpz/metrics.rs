//! What a primary counts.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use wardnet_server::Metrics;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    primary: String,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Which {
    primary: String,
}

/// The metrics of all primaries; made once and shared.
#[derive(Debug, Clone)]
pub struct RpzMetrics {
    answers: Family<Outcome, Counter>,
    records: Family<Which, Counter>,
    connections: Family<Which, Gauge>,
    notifications: Family<Outcome, Counter>,
}

impl RpzMetrics {
    /// Registers them.
    #[must_use]
    pub fn new(metrics: &Metrics) -> Self {
        let own = Self {
            answers: Family::default(),
            records: Family::default(),
            connections: Family::default(),
            notifications: Family::default(),
        };
        metrics.register(|registry| {
            let answers = "Answers of a policy zone primary, by what was sent";
            registry.register("rpz_answers", answers, own.answers.clone());
            registry.register("rpz_records", "Records sent in transfers", own.records.clone());
            registry.register("rpz_connections", "Connections open now", own.connections.clone());
            let told = "News told to secondaries, by whether they confirmed it";
            registry.register("rpz_notifications", told, own.notifications.clone());
        });
        own
    }

    pub(super) fn of(&self, primary: &str) -> Counters {
        let answers = |outcome| {
            let labels = Outcome { primary: primary.to_owned(), outcome };
            self.answers.get_or_create(&labels).clone()
        };
        let told = |outcome| {
            let labels = Outcome { primary: primary.to_owned(), outcome };
            self.notifications.get_or_create(&labels).clone()
        };
        let which = Which { primary: primary.to_owned() };
        Counters {
            replies: answers("reply"),
            whole: answers("axfr"),
            changes: answers("ixfr"),
            broken: answers("broken_off"),
            refused: answers("refused"),
            strangers: answers("closed"),
            confirmed: told("confirmed"),
            unconfirmed: told("unconfirmed"),
            records: self.records.get_or_create(&which).clone(),
            connections: self.connections.get_or_create(&which).clone(),
        }
    }
}

/// The counters of one primary.
#[derive(Debug, Clone)]
pub(super) struct Counters {
    pub(super) replies: Counter,
    pub(super) whole: Counter,
    pub(super) changes: Counter,
    pub(super) broken: Counter,
    pub(super) refused: Counter,
    pub(super) strangers: Counter,
    pub(super) confirmed: Counter,
    pub(super) unconfirmed: Counter,
    pub(super) records: Counter,
    pub(super) connections: Gauge,
}
