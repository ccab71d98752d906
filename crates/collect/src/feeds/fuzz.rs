//! The fuzz target of all feed readers.

use crate::feeds::{
    Format, Limits, Mapping, ReadOptions, Rejection, Sink, detect, open_plain, pattern_lists,
    read_feed,
};
use std::sync::Arc;
use wardnet_model::{Indicator, Observation};

/// Checks what must hold for every observation and rejection.
#[derive(Default)]
struct Check {
    accepted: u64,
    rejected: u64,
}

impl Sink for Check {
    fn observation(&mut self, observation: Observation) {
        self.accepted += 1;
        let text = observation.indicator.to_string();
        let again = Indicator::parse(&text);
        let shown = matches!(again, Ok(ref again) if *again == observation.indicator);
        // A domain may look like a hash or a CVE number; all else parses back to itself.
        let ambiguous = matches!(observation.indicator, Indicator::Domain(_));
        assert!(shown || ambiguous, "`{text}` came back as {again:?}");
    }

    fn rejection(&mut self, rejection: Rejection) {
        self.rejected += 1;
        assert!(!rejection.reason.to_string().is_empty());
        assert!(rejection.excerpt.len() < 512, "{}", rejection.excerpt.len());
    }
}

/// Reads any bytes as a feed: the first one picks the format, the rest is the feed, perhaps
/// compressed. Panics when a reader breaks its word.
pub fn fuzz_feed(bytes: &[u8]) {
    let Some((pick, feed)) = bytes.split_first() else { return };
    let formats = Format::all().count();
    let Some(format) = Format::all().nth(usize::from(*pick) % formats) else { return };
    let limits = Limits {
        line_bytes_max: 512,
        row_lines_max: 3,
        lines_max: 2000,
        document_bytes_max: 64 << 10,
        record_bytes_max: 8 << 10,
        json_depth_max: 16,
        records_held_max: 20,
        stix_pattern_bytes_max: 4 << 10,
        stix_depth_max: 8,
        stix_cost_max: 100,
        plain_bytes_max: 1 << 20,
        inflate_ratio_max: 20,
        zstd_window_bytes_max: 1 << 20,
        patterns_max: 50,
        pattern_bytes_max: 100,
        pattern_compiled_bytes_max: 64 << 10,
    };
    let detection = detect(feed, None);
    assert!(detection.confidence <= 100 && !detection.why.is_empty());
    let mapping = Mapping { pattern: Some("(?<indicator>\\S+)".into()), ..Mapping::default() };
    let options = ReadOptions {
        limits: limits.clone(),
        mapping: Some(Arc::new(mapping)),
        ..ReadOptions::default()
    };
    let mut check = Check::default();
    let Ok(input) = open_plain(feed, &limits) else { return };
    let Ok(report) = read_feed(input, format, &options, &mut check) else { return };
    assert_eq!((report.accepted, report.rejected_total()), (check.accepted, check.rejected));
    assert!(report.rows <= report.lines && report.lines <= limits.lines_max);
    assert!(report.patterns.len() <= limits.patterns_max);
    let count = report.patterns.len();
    let lists = pattern_lists(report.patterns);
    assert_eq!(lists.iter().map(|list| list.patterns.len()).sum::<usize>(), count);
}
