//! What is counted.

use super::{Served, Service};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use wardnet_server::Metrics;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    listener: String,
    request: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Which {
    listener: String,
}

type Running = Mutex<BTreeMap<String, Weak<Service>>>;

/// The metrics of all listeners; made once and shared.
#[derive(Debug, Clone)]
pub struct CrowdSecMetrics {
    requests: Family<Labels, Counter>,
    sightings: Family<Which, Counter>,
    running: Arc<Running>,
}

impl CrowdSecMetrics {
    /// Registers them.
    #[must_use]
    pub fn new(metrics: &Metrics) -> Self {
        let own = Self {
            requests: Family::default(),
            sightings: Family::default(),
            running: Arc::default(),
        };
        let collector = Box::new(ServiceCollector(Arc::clone(&own.running)));
        metrics.register(|registry| {
            let help = "Requests of CrowdSec's clients that were answered, by what was asked";
            registry.register("crowdsec_requests", help, own.requests.clone());
            let help = "What agents have seen, taken as evidence";
            registry.register("crowdsec_sightings", help, own.sightings.clone());
            registry.register_collector(collector);
        });
        own
    }

    pub(super) fn of(&self, listener: &str) -> Counters {
        let which = Which { listener: listener.to_owned() };
        let of = |request| {
            let labels = Labels { listener: listener.to_owned(), request };
            self.requests.get_or_create(&labels).clone()
        };
        Counters {
            everything: of("everything"),
            news: of("news"),
            list: of("list"),
            usage: of("usage"),
            sightings: self.sightings.get_or_create(&which).clone(),
            running: Arc::clone(&self.running),
        }
    }
}

/// The counters of one listener.
#[derive(Debug, Clone)]
pub(super) struct Counters {
    everything: Counter,
    news: Counter,
    list: Counter,
    usage: Counter,
    sightings: Counter,
    running: Arc<Running>,
}

fn lock(running: &Running) -> MutexGuard<'_, BTreeMap<String, Weak<Service>>> {
    running.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Counters {
    pub(super) fn pulled(&self, is_everything: bool) {
        if is_everything {
            self.everything.inc()
        } else {
            self.news.inc()
        };
    }

    pub(super) fn asked(&self) {
        self.list.inc();
    }

    pub(super) fn usage(&self) {
        self.usage.inc();
    }

    pub(super) fn reported(&self, sightings: usize) {
        self.sightings.inc_by(u64::try_from(sightings).unwrap_or(u64::MAX));
    }

    /// Counts what a service tells from now on.
    pub(super) fn follow(&self, service: &Arc<Service>) {
        lock(&self.running).insert(service.config.name.clone(), Arc::downgrade(service));
    }

    /// No longer counts it, unless another took its place.
    pub(super) fn forget(&self, service: &Arc<Service>) {
        let mut running = lock(&self.running);
        let name = &service.config.name;
        if running.get(name).is_some_and(|one| one.as_ptr() == Arc::as_ptr(service)) {
            running.remove(name);
        }
    }
}

/// Counts when it is asked.
#[derive(Debug)]
struct ServiceCollector(Arc<Running>);

type Look = fn(&Service) -> usize;

/// How much is told.
fn told(service: &Service, look: fn(&super::Told) -> usize) -> usize {
    match &**service.served.load() {
        Served::Ready(told) => look(told),
        Served::NotYet | Served::Damaged => 0,
    }
}

impl Collector for ServiceCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let services: Vec<_> = lock(&self.0).values().filter_map(Weak::upgrade).collect();
        if services.is_empty() {
            return Ok(());
        }
        let all: [(&str, &str, Look); 4] = [
            (
                "crowdsec_decisions",
                "Addresses and networks that bouncers are told to block",
                |one| told(one, super::Told::len),
            ),
            ("crowdsec_gone", "Those that were blocked, and are still remembered", |one| {
                told(one, super::Told::gone_len)
            }),
            (
                "crowdsec_divided",
                "Networks that are told in parts, since something in them is allowed",
                |one| usize::try_from(one.divided.load(Ordering::Relaxed)).unwrap_or(usize::MAX),
            ),
            ("crowdsec_bouncers", "Bouncers whose place in the changes is remembered", |one| {
                one.kept().bouncers.len()
            }),
        ];
        for (name, help, look) in all {
            let kind = ConstGauge::new(0i64).metric_type();
            let mut family = encoder.encode_descriptor(name, help, None, kind)?;
            for service in &services {
                let labels = [("listener", service.config.name.as_str())];
                let value = i64::try_from(look(service)).unwrap_or(i64::MAX);
                ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}
