//! How much is asked, from the counters that `/metrics` shows. What is asked, nobody knows.

use crate::output::thousands;

/// Protocols, and the counters that add up to their questions.
const PROTOCOLS: [(&str, &str); 4] = [
    ("http", "wardnet_http_requests_total"),
    ("DNS lists", "wardnet_dns_list_questions_total"),
    ("resolver", "wardnet_resolver_answers_total"),
    ("zones", "wardnet_rpz_answers_total"),
];

/// Requests of this command itself, which are no questions.
const OWN: [&str; 2] = ["route=\"/metrics\"", "route=\"/v1/changes\""];

/// What was counted the last time.
#[derive(Debug, Default)]
pub(super) struct Questions {
    last: Option<(u64, [u64; PROTOCOLS.len()])>,
}

impl Questions {
    /// Questions a second since the last time, by protocol; `now` in nanoseconds.
    pub(super) fn rates(&mut self, metrics: &str, now: u64) -> String {
        let counts = PROTOCOLS.map(|(_, counter)| sum(metrics, counter));
        let Some((then, before)) = self.last.replace((now, counts)) else {
            return "questions a second: …".to_owned();
        };
        let secs = (now.saturating_sub(then) as f64 / 1e9).max(0.001);
        let rates =
            PROTOCOLS.iter().zip(counts.iter().zip(before)).map(|((name, _), (now, then))| {
                let rate = now.saturating_sub(then) as f64 / secs;
                format!("{name} {}", thousands(rate.round() as u64))
            });
        format!("questions a second: {}", rates.collect::<Vec<_>>().join(", "))
    }
}

/// The sum of a counter over all its labels.
fn sum(metrics: &str, counter: &str) -> u64 {
    let lines = metrics.lines().filter_map(|line| line.strip_prefix(counter));
    let counts = lines.filter(|line| line.starts_with(['{', ' ']));
    let others = counts.filter(|line| !OWN.iter().any(|own| line.contains(own)));
    others.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const METRICS: &str = "\
# TYPE wardnet_http_requests_total counter
wardnet_http_requests_total{route=\"GET /v1/lookup\",code=\"200\"} 10
wardnet_http_requests_total{route=\"/metrics\",code=\"200\"} 99
wardnet_http_requests_total_created{route=\"x\"} 7
wardnet_dns_list_questions_total{listener=\"a\",outcome=\"listed\"} 5
wardnet_dns_list_questions_total{listener=\"a\",outcome=\"unlisted\"} 6
";

    #[test]
    fn counters_become_rates() {
        let mut questions = Questions::default();
        assert!(questions.rates(METRICS, 7_000_000_000).ends_with('…'));
        let later = METRICS.replace(" 10\n", " 30\n").replace(" 6\n", " 2006\n");
        let told = questions.rates(&later, 9_000_000_000);
        assert_eq!(told, "questions a second: http 10, DNS lists 1,000, resolver 0, zones 0");
    }
}
