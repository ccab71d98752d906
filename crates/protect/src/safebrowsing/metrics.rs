//! What is served, in numbers.

use super::judge::Withheld;
use super::name;
use super::state::State;
use super::{SafeBrowsing, Served};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::gauge::ConstGauge;
use std::fmt;
use std::sync::Arc;
use wardnet_server::Metrics;

type Current = Box<dyn Fn() -> Option<Arc<SafeBrowsing>> + Send + Sync>;

pub(super) fn register(
    metrics: &Metrics,
    current: impl Fn() -> Option<Arc<SafeBrowsing>> + Send + Sync + 'static,
) {
    let collector = Box::new(ListCollector(Box::new(current)));
    metrics.register(|registry| registry.register_collector(collector));
}

/// Counts when it is asked.
struct ListCollector(Current);

impl fmt::Debug for ListCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListCollector").finish_non_exhaustive()
    }
}

impl Collector for ListCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Some(running) = (self.0)() else { return Ok(()) };
        let Served::Ready(state) = &*running.service.served.load_full() else { return Ok(()) };
        entries(state, &mut encoder)?;
        withheld(state, &mut encoder)
    }
}

fn gauge(count: u64) -> ConstGauge<i64> {
    ConstGauge::new(i64::try_from(count).unwrap_or(i64::MAX))
}

fn entries(state: &State, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
    let help = "Entries of each list that Safe Browsing clients keep";
    let kind = gauge(0).metric_type();
    let mut family = encoder.encode_descriptor("safe_browsing_entries", help, None, kind)?;
    for (text, name, _) in name::ALL {
        let count = u64::try_from(name.len(state)).unwrap_or(u64::MAX);
        gauge(count).encode(family.encode_family(&[("list", text)])?)?;
    }
    Ok(())
}

fn withheld(state: &State, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
    let help = "Dangerous entries that are not published, by reason, when all was last read";
    let kind = gauge(0).metric_type();
    let mut family = encoder.encode_descriptor("safe_browsing_withheld", help, None, kind)?;
    for (reason, text) in [
        (Withheld::Shared, "shared"),
        (Withheld::KnownGood, "known-good"),
        (Withheld::NotBlocked, "not-blocked"),
    ] {
        let count = state.withheld.get(&reason).copied().unwrap_or(0);
        gauge(count).encode(family.encode_family(&[("reason", text)])?)?;
    }
    Ok(())
}
