//! Requests per route and status, and their latency: three atomic additions per request.

use std::array;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use axum::http::StatusCode;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::registry::Unit;

/// Upper bounds of the latency buckets. A lookup takes some ten microseconds, an analysis
/// seconds: the steps are fine at both ends.
const BOUNDS_NANOS: [u64; 16] = [
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    5_000_000_000,
    30_000_000_000,
];
const BUCKETS: usize = BOUNDS_NANOS.len() + 1;

/// Status codes have three digits (RFC 9110 section 15), and those from 600 on are not used.
const STATUS_MIN: usize = 100;
const STATUSES: usize = 500;

/// The counters of one route.
pub struct RouteMetrics {
    name: &'static str,
    by_status: [AtomicU64; STATUSES],
    buckets: [AtomicU64; BUCKETS],
    sum_nanos: AtomicU64,
}

impl RouteMetrics {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            by_status: array::from_fn(|_| AtomicU64::new(0)),
            buckets: array::from_fn(|_| AtomicU64::new(0)),
            sum_nanos: AtomicU64::new(0),
        }
    }

    /// Counts a request that was answered with `status` after `nanos`. The time ends where the
    /// body starts: long streams do not blur it.
    pub fn record(&self, status: StatusCode, nanos: u64) {
        let status = usize::from(status.as_u16()).saturating_sub(STATUS_MIN);
        self.by_status[status.min(STATUSES - 1)].fetch_add(1, Ordering::Relaxed);
        let bucket = BOUNDS_NANOS.iter().take_while(|bound| nanos > **bound).count();
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum_nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    fn encode_requests(&self, encoder: &mut MetricEncoder<'_>) -> fmt::Result {
        for (index, counter) in self.by_status.iter().enumerate() {
            let count = counter.load(Ordering::Relaxed);
            if count > 0 {
                let code = (index + STATUS_MIN).to_string();
                let labels = [("route", self.name), ("code", code.as_str())];
                ConstCounter::new(count).encode(encoder.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }

    fn encode_latency(&self, encoder: &mut MetricEncoder<'_>) -> fmt::Result {
        let bounds = BOUNDS_NANOS.iter().map(|nanos| seconds(*nanos)).chain([f64::INFINITY]);
        let counts = self.buckets.iter().map(|count| count.load(Ordering::Relaxed));
        let buckets: Vec<_> = bounds.zip(counts).collect();
        // The count is the sum of the buckets just read, so the text never contradicts itself.
        let count = buckets.iter().map(|(_, count)| count).sum();
        let sum = seconds(self.sum_nanos.load(Ordering::Relaxed));
        let labels = [("route", self.name)];
        encoder
            .encode_family(&labels)?
            .encode_histogram::<[(&str, &str); 0]>(sum, count, &buckets, None)
    }
}

impl fmt::Debug for RouteMetrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RouteMetrics").field("name", &self.name).finish_non_exhaustive()
    }
}

/// All routes, in the order they were made.
#[derive(Debug, Clone, Default)]
pub(super) struct RouteTable {
    routes: Arc<RwLock<Vec<Arc<RouteMetrics>>>>,
}

impl RouteTable {
    pub(super) fn route(&self, name: &'static str) -> Arc<RouteMetrics> {
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = routes.iter().find(|route| route.name == name) {
            return Arc::clone(known);
        }
        let route = Arc::new(RouteMetrics::new(name));
        routes.push(Arc::clone(&route));
        route
    }
}

impl Collector for RouteTable {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        let mut requests = encoder.encode_descriptor(
            "http_requests",
            "Requests answered",
            None,
            MetricType::Counter,
        )?;
        routes.iter().try_for_each(|route| route.encode_requests(&mut requests))?;
        let mut latency = encoder.encode_descriptor(
            "http_request_duration",
            "Time from a request's head to its answer's head",
            Some(&Unit::Seconds),
            MetricType::Histogram,
        )?;
        routes.iter().try_for_each(|route| route.encode_latency(&mut latency))
    }
}

fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}
