//! What the process itself costs, read when somebody asks.

use std::fmt;
use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

/// Memory from `/proc/self/status`; silent where there is no such file.
#[derive(Debug)]
pub(super) struct ProcessCollector;

impl Collector for ProcessCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Ok(status) = fs::read_to_string("/proc/self/status") else { return Ok(()) };
        let mut memory = encoder.encode_descriptor(
            "process_resident_memory",
            "Memory in use: the process's own (anonymous), and mapped files (file)",
            Some(&Unit::Bytes),
            MetricType::Gauge,
        )?;
        for (kind, field) in [("anonymous", "RssAnon:"), ("file", "RssFile:")] {
            if let Some(bytes) = field_bytes(&status, field) {
                let gauge = ConstGauge::new(bytes);
                gauge.encode(memory.encode_family(&[("kind", kind)])?)?;
            }
        }
        Ok(())
    }
}

/// The value of a line like `RssAnon:     1234 kB`.
fn field_bytes(status: &str, field: &str) -> Option<i64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kibibytes: i64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::field_bytes;

    #[test]
    fn fields_are_read_in_bytes() {
        let status = "Name:\twardnet\nRssAnon:\t    1234 kB\nRssFile:\t bad kB\n";
        assert_eq!(field_bytes(status, "RssAnon:"), Some(1_263_616));
        assert_eq!(field_bytes(status, "RssFile:"), None);
        assert_eq!(field_bytes(status, "RssShmem:"), None);
    }
}
