//! Opinions in numbers.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use wardnet_analyze::Subject;
use wardnet_server::Metrics;

use super::Opinions;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    subject: &'static str,
    label: &'static str,
}

/// What is counted.
#[derive(Debug, Default)]
pub(super) struct Counters {
    judged: Family<Labels, Counter>,
}

impl Counters {
    pub(super) fn count(&self, subject: Subject, is_malicious: bool) {
        let label = if is_malicious { "malicious" } else { "benign" };
        self.judged.get_or_create(&Labels { subject: subject.name(), label }).inc();
    }
}

impl Opinions {
    /// Adds what is counted to the metrics.
    pub fn register(self: &Arc<Self>, metrics: &Metrics) {
        let help = "Subjects that models judged, by what they called them";
        let drift = Box::new(Drift(Arc::clone(self)));
        metrics.register(|registry| {
            registry.register("opinions", help, self.counters.judged.clone());
            registry.register_collector(drift);
        });
    }
}

/// Computed when it is asked.
#[derive(Debug)]
struct Drift(Arc<Opinions>);

impl Collector for Drift {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let help = "How far a model's last scores are from its first; above 0.25 it has drifted";
        let kind = ConstGauge::new(0.0).metric_type();
        let mut family = encoder.encode_descriptor("model_drift", help, None, kind)?;
        for trial in self.0.standing() {
            let labels = [("subject", trial.subject.name())];
            let gauge = ConstGauge::new(trial.drift().unwrap_or(0.0));
            gauge.encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}
