//! What a resolver counts. Nothing of it says who asked, or what.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use wardnet_server::Metrics;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    resolver: String,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfUpstream {
    resolver: String,
    upstream: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Which {
    resolver: String,
}

/// The metrics of all resolvers; made once and shared.
#[derive(Debug, Clone)]
pub struct ResolverMetrics {
    answers: Family<Outcome, Counter>,
    in_flight: Family<Which, Gauge>,
    cached: Family<Which, Gauge>,
    connections: Family<Which, Gauge>,
    upstreams: Family<OfUpstream, Gauge>,
}

impl ResolverMetrics {
    /// Registers them.
    #[must_use]
    pub fn new(metrics: &Metrics) -> Self {
        let own = Self {
            answers: Family::default(),
            in_flight: Family::default(),
            cached: Family::default(),
            connections: Family::default(),
            upstreams: Family::default(),
        };
        metrics.register(|registry| {
            let answers = "Answers of a resolver, by what became of the question";
            registry.register("resolver_answers", answers, own.answers.clone());
            let in_flight = "Questions on their way to upstreams";
            registry.register("resolver_in_flight", in_flight, own.in_flight.clone());
            registry.register("resolver_cached", "Answers in the cache", own.cached.clone());
            let open = "Connections over TCP and TLS open now";
            registry.register("resolver_connections", open, own.connections.clone());
            let up = "Whether an upstream answers: 1, or 0 when it has failed some times in a row";
            registry.register("resolver_upstream_up", up, own.upstreams.clone());
        });
        own
    }

    pub(super) fn of(&self, resolver: &str) -> Counters {
        let answers = |outcome| {
            let labels = Outcome { resolver: resolver.to_owned(), outcome };
            self.answers.get_or_create(&labels).clone()
        };
        let which = Which { resolver: resolver.to_owned() };
        Counters {
            cached: answers("cached"),
            forwarded: answers("forwarded"),
            stale: answers("stale"),
            blocked: answers("blocked"),
            own: answers("local"),
            failed: answers("failed"),
            bogus: answers("bogus"),
            no_verdict: answers("no_verdict"),
            refused: answers("refused"),
            over_budget: answers("over_budget"),
            overload: answers("overload"),
            malformed: answers("malformed"),
            in_flight: self.in_flight.get_or_create(&which).clone(),
            entries: self.cached.get_or_create(&which).clone(),
            connections: self.connections.get_or_create(&which).clone(),
            resolver: resolver.to_owned(),
            upstreams: self.upstreams.clone(),
        }
    }
}

/// The counters of one resolver.
#[derive(Debug, Clone)]
pub(super) struct Counters {
    pub(super) cached: Counter,
    pub(super) forwarded: Counter,
    pub(super) stale: Counter,
    pub(super) blocked: Counter,
    pub(super) own: Counter,
    pub(super) failed: Counter,
    pub(super) bogus: Counter,
    pub(super) no_verdict: Counter,
    pub(super) refused: Counter,
    pub(super) over_budget: Counter,
    pub(super) overload: Counter,
    pub(super) malformed: Counter,
    pub(super) in_flight: Gauge,
    pub(super) entries: Gauge,
    pub(super) connections: Gauge,
    resolver: String,
    upstreams: Family<OfUpstream, Gauge>,
}

impl Counters {
    /// Shows whether an upstream answers.
    pub(super) fn upstream(&self, upstream: &str, answers: bool) {
        let (resolver, upstream) = (self.resolver.clone(), upstream.to_owned());
        let gauge = self.upstreams.get_or_create(&OfUpstream { resolver, upstream });
        gauge.set(i64::from(answers));
    }
}
