//! What a scrape reads.

use axum::http::{HeaderMap, HeaderValue, StatusCode};

use super::{Exposition, Metrics};

fn sample() -> Metrics {
    let metrics = Metrics::new("1.2.3");
    let route = metrics.route("/v1/lookup");
    route.record(StatusCode::OK, 40_000);
    route.record(StatusCode::OK, 50_000);
    route.record(StatusCode::NOT_FOUND, 3_000_000_000);
    metrics.route("/v1/lookup").record(StatusCode::OK, u64::from(u32::MAX) * 10);
    metrics.listener("api").open.set(3);
    metrics
}

#[test]
fn openmetrics_has_families_units_and_an_end() {
    let text = sample().render(Exposition::OpenMetrics).expect("written");
    for line in [
        "# TYPE wardnet_http_requests counter",
        r#"wardnet_http_requests_total{route="/v1/lookup",code="200"} 3"#,
        r#"wardnet_http_requests_total{route="/v1/lookup",code="404"} 1"#,
        "# TYPE wardnet_http_request_duration_seconds histogram",
        "# UNIT wardnet_http_request_duration_seconds seconds",
        r#"wardnet_http_request_duration_seconds_count{route="/v1/lookup"} 4"#,
        r#"wardnet_http_request_duration_seconds_bucket{le="0.00005",route="/v1/lookup"} 2"#,
        r#"wardnet_http_request_duration_seconds_bucket{le="+Inf",route="/v1/lookup"} 4"#,
        r#"wardnet_connections_open{listener="api"} 3"#,
        r#"wardnet_build_info{version="1.2.3"} 1"#,
        "# TYPE wardnet_process_resident_memory_bytes gauge",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    assert!(text.ends_with("# EOF\n"));
}

#[test]
fn prometheus_text_names_samples_and_repeats_no_type() {
    let text = sample().render(Exposition::Prometheus).expect("written");
    assert!(text.contains("# TYPE wardnet_http_requests_total counter\n"));
    assert!(text.contains("# TYPE wardnet_build_info gauge\n"));
    assert!(!text.contains("# EOF") && !text.contains("# UNIT"));
    let mut typed: Vec<_> = text.lines().filter(|line| line.starts_with("# TYPE")).collect();
    let count = typed.len();
    typed.sort_unstable();
    typed.dedup();
    assert_eq!(typed.len(), count);
    for sample in text.lines().filter(|line| !line.starts_with('#')) {
        let (_, value) = sample.rsplit_once(' ').expect("name and value");
        assert!(value.parse::<f64>().is_ok(), "{sample}");
    }
}

#[test]
fn the_format_follows_accept() {
    let accept = |value: &'static str| {
        let headers =
            HeaderMap::from_iter([(axum::http::header::ACCEPT, HeaderValue::from_static(value))]);
        Exposition::from_accept(&headers)
    };
    let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.2";
    assert_eq!(accept(prometheus), Exposition::OpenMetrics);
    assert_eq!(accept("*/*"), Exposition::Prometheus);
    assert_eq!(Exposition::from_accept(&HeaderMap::new()), Exposition::Prometheus);
}
