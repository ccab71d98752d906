//! What a scrape sees after some traffic.

use std::collections::BTreeSet;

use crate::server::Setup;

#[tokio::test]
async fn metrics_count_every_route_and_parse() {
    let server = Setup::default().start();
    for path in ["/open", "/open", "/read", "/nowhere"] {
        server.get(path, "").await;
    }
    server.get("/open", "authorization: Bearer wn_x\r\n").await;
    let plain = server.get("/metrics", "").await;
    assert!(plain.head.contains("content-type: text/plain; version=0.0.4"));
    for line in [
        r#"wardnet_http_requests_total{route="/open",code="200"} 2"#,
        r#"wardnet_http_requests_total{route="/open",code="401"} 1"#,
        r#"wardnet_http_requests_total{route="/read",code="401"} 1"#,
        r#"wardnet_http_requests_total{route="unmatched",code="404"} 1"#,
        r#"wardnet_http_request_duration_seconds_count{route="/open"} 3"#,
        "wardnet_auth_failures_total 1",
        r#"wardnet_connections_accepted_total{listener="api"} 6"#,
    ] {
        assert!(plain.body.lines().any(|found| found == line), "{line} is not in\n{}", plain.body);
    }
    assert!(plain.body.contains("wardnet_process_resident_memory_bytes{kind=\"anonymous\"}"));
    parses(&plain.body);

    let open = server.get("/metrics", "accept: application/openmetrics-text\r\n").await;
    assert!(open.head.contains("content-type: application/openmetrics-text; version=1.0.0"));
    assert!(open.body.ends_with("# EOF\n"));
    assert!(server.metrics.render(wardnet_server::metrics::Exposition::Prometheus).is_some());
}

/// The grammar of the text format: samples follow the type of their family, once each.
fn parses(text: &str) {
    let mut typed = BTreeSet::new();
    let mut samples = BTreeSet::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("name and kind");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert!(typed.insert(name.to_owned()), "{name} has two types");
        } else if !line.starts_with('#') {
            let (sample, value) = line.rsplit_once(' ').expect("sample and value");
            assert!(value.parse::<f64>().is_ok(), "{line}");
            assert!(samples.insert(sample.to_owned()), "{sample} stands twice");
            let name = sample.split('{').next().expect("a name");
            let family = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|suffix| name.strip_suffix(suffix).filter(|base| typed.contains(*base)));
            assert!(family.is_some() || typed.contains(name), "{name} has no type");
        }
    }
    assert!(samples.len() > 10);
}
