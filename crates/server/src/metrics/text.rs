//! The Prometheus text format 0.0.4, made from OpenMetrics.
//!
//! Samples are alike in both. The descriptions differ: OpenMetrics names the family, Prometheus
//! the sample, so that a counter's `# TYPE x counter` becomes `# TYPE x_total counter`, and an
//! info's becomes a gauge `x_info`. `# UNIT` and `# EOF` do not exist there.

/// Rewrites what [`prometheus_client`] wrote.
pub(super) fn to_prometheus(openmetrics: &str) -> String {
    let mut text = String::with_capacity(openmetrics.len() + openmetrics.len() / 16);
    let mut help: Option<(&str, &str)> = None;
    for line in openmetrics.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            // Held back until the type is known, which decides the name.
            help = rest.split_once(' ');
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (family, kind) = rest.split_once(' ').unwrap_or((rest, "unknown"));
            let (suffix, kind) = prometheus_type(kind);
            if let Some((name, words)) = help.take().filter(|(name, _)| *name == family) {
                push_all(&mut text, &["# HELP ", name, suffix, " ", words, "\n"]);
            }
            push_all(&mut text, &["# TYPE ", family, suffix, " ", kind, "\n"]);
        } else if !line.starts_with("# ") {
            push_all(&mut text, &[line, "\n"]);
        }
    }
    text
}

fn prometheus_type(kind: &str) -> (&'static str, &'static str) {
    match kind {
        "counter" => ("_total", "counter"),
        "gauge" => ("", "gauge"),
        "histogram" => ("", "histogram"),
        "summary" => ("", "summary"),
        "info" => ("_info", "gauge"),
        _ => ("", "untyped"),
    }
}

fn push_all(text: &mut String, parts: &[&str]) {
    text.extend(parts.iter().copied());
}
