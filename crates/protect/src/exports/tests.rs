//! What stands in lists.

use super::*;
use crate::testing::{CREATED, House, text};
use std::collections::BTreeSet;
use wardnet_model::{Band, Basis, Category, Indicator, Risk, Scope, Timestamp};
use wardnet_verdictdb::{Change, EntryData, Facts, FeedLimits, Layer, Profile, Terms, Views};

const FILE: &str = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f";

/// A store that is changed, and the route that lists it.
struct Scene {
    house: House,
    views: Views,
    router: Router,
    seq: u64,
}

impl Scene {
    fn new() -> Self {
        let (house, views) = (House::new(), Views::default());
        let feed = views.keep_changes(1, FeedLimits::default());
        // Only what source 7 says may be handed on.
        let state = ExportState::new(feed, Arc::new(|source| source == 7));
        let router = house.router(routes(&house.gate, state));
        let mut scene = Self { house, views, router, seq: 0 };
        scene.say("evil.top", Scope::Subtree, Some((90, Category::Phishing)), 7);
        scene.say("a.evil.top", Scope::Exact, Some((90, Category::Phishing)), 1);
        scene.say("exact.top", Scope::Exact, Some((80, Category::Malware)), 1);
        scene.say("below.top", Scope::Below, Some((80, Category::Malware)), 1);
        scene.say("doubtful.top", Scope::Exact, Some((40, Category::Malware)), 1);
        scene.say("allowed.top", Scope::Exact, Some((90, Category::Malware)), 1);
        scene.say("allowed.top", Scope::Subtree, None, 0);
        for network in ["101.2.2.0/24", "101.2.3.0/24", "101.9.9.9", "2a0e:b107::/32"] {
            scene.say(network, Scope::Exact, Some((100, Category::CommandAndControl)), 7);
        }
        scene.say("http://page.top/a,\"b\"", Scope::Exact, Some((90, Category::Malware)), 7);
        scene.say(FILE, Scope::Exact, Some((90, Category::Malware)), 7);
        scene
    }

    /// Evidence by a source, or else an allow.
    fn say(&mut self, text: &str, scope: Scope, bad: Option<(u8, Category)>, source: u32) {
        let indicator = Indicator::parse(text).unwrap();
        let risk = Risk::new(bad.map_or(0, |(risk, _)| risk));
        let band = if bad.is_some() { Band::of_risk(risk, true) } else { Band::Trusted };
        let basis = if bad.is_some() { Basis::Evidence } else { Basis::Decision };
        let categories = bad.into_iter().map(|(_, category)| category).collect();
        let profile =
            Profile { risk, band, basis, categories, sources: [source].into_iter().collect() };
        let facts = Some(Facts { first_seen: CREATED, last_seen: CREATED });
        let terms = bad.is_none().then_some(Terms { decided_at: Timestamp(1), until: None });
        let layer = if bad.is_some() { Layer::Evidence } else { Layer::Decision };
        let (kind, key, name) =
            (indicator.kind().unwrap(), indicator.key(), Some(indicator.to_string().into()));
        self.seq += 1;
        let new = Some(EntryData { profile, name, facts, terms });
        self.views.publish(&[Change { seq: self.seq, layer, kind, key, scope, new }], CREATED);
    }

    async fn list(&self, path: &str) -> String {
        let path = format!("/v1/export/{path}");
        let response = self.house.get(&self.router, &path, Some(&self.house.reader)).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        text(response).await
    }

    /// The lines of a list, without comments.
    async fn lines(&self, path: &str) -> BTreeSet<String> {
        let list = self.list(path).await;
        let lines = list.lines().filter(|line| !line.starts_with(['#', '!', '$', '@']));
        lines.map(str::to_owned).collect()
    }
}

fn set(lines: &[&str]) -> BTreeSet<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

#[tokio::test]
async fn every_format_says_what_it_can_and_no_more() {
    let scene = Scene::new();
    for (path, lines) in [
        ("plain?kind=domain", &["a.evil.top", "evil.top", "exact.top"][..]),
        ("hosts", &["0.0.0.0 a.evil.top", "0.0.0.0 evil.top", "0.0.0.0 exact.top"]),
        ("adblock", &["||evil.top^", "|exact.top^", "||*.below.top^"]),
        ("squid", &[".evil.top", "exact.top"]),
        ("dnsmasq", &["host-record=exact.top,0.0.0.0", "local=/*.below.top/", "local=/evil.top/"]),
        ("cidr", &["101.2.2.0/23", "101.9.9.9/32", "2a0e:b107::/32"]),
        (
            "nginx",
            &[
                "deny 101.2.2.0/24;",
                "deny 101.2.3.0/24;",
                "deny 101.9.9.9;",
                "deny 2a0e:b107::/32;",
            ],
        ),
        ("haproxy", &["101.2.2.0/24 c2", "101.2.3.0/24 c2", "101.9.9.9 c2", "2a0e:b107::/32 c2"]),
        (
            "suricata-iprep?kind=ipv4",
            &["101.2.2.0/24,1,100", "101.2.3.0/24,1,100", "101.9.9.9,1,100"],
        ),
        (
            "rpz?kind=domain",
            &[
                "*.below.top CNAME .",
                "*.evil.top CNAME .",
                "a.evil.top CNAME .",
                "evil.top CNAME .",
                "exact.top CNAME .",
            ],
        ),
        (
            "rpz?kind=ipv6&kind=ipv4",
            &[
                "24.0.2.2.101.rpz-ip CNAME .",
                "24.0.3.2.101.rpz-ip CNAME .",
                "32.9.9.9.101.rpz-ip CNAME .",
                "32.zz.b107.2a0e.rpz-ip CNAME .",
            ],
        ),
    ] {
        assert_eq!(scene.lines(path).await, set(lines), "{path}");
    }
}

#[tokio::test]
async fn lists_are_cut_as_asked() {
    let scene = Scene::new();
    assert_eq!(scene.lines("plain?kind=domain&category=malware").await, set(&["exact.top"]));
    let high = scene.lines("plain?kind=domain&level=high&category=malware").await;
    assert_eq!(high, set(&["doubtful.top", "exact.top"]));
    assert_eq!(scene.lines("plain?kind=domain&level=low").await, set(&["a.evil.top", "evil.top"]));
    let worst = scene.lines("plain?risk_min=100").await;
    assert_eq!(worst, set(&["101.2.2.0/24", "101.2.3.0/24", "101.9.9.9", "2a0e:b107::/32"]));
    // What the format cannot say does not count.
    for max in 1..=3 {
        assert_eq!(scene.lines(&format!("plain?kind=domain&max={max}")).await.len(), max);
    }
    assert_eq!(scene.lines("plain?kind=domain&for=others").await, set(&["evil.top"]));
}

#[tokio::test]
async fn lists_that_there_are_not_are_refused() {
    let scene = Scene::new();
    for (path, status) in [
        ("none", 404),
        ("hosts?kind=ipv4", 404),
        ("plain?knid=domain", 400),
        ("plain?max=-1", 400),
        ("plain?risk_min=101", 400),
        ("plain?for=all", 400),
        ("plain?level=extreme", 400),
    ] {
        let path = format!("/v1/export/{path}");
        let response = scene.house.get(&scene.router, &path, Some(&scene.house.reader)).await;
        assert_eq!(response.status(), status, "{path}");
    }
}

#[tokio::test]
async fn tables_and_bundles_are_whole() {
    let scene = Scene::new();
    let table = scene.list("csv").await;
    assert!(table.contains("\"http://page.top/a,\"\"b\"\"\",url,exact,90,malware,"), "{table}");
    let bundle: serde_json::Value = serde_json::from_str(&scene.list("stix").await).unwrap();
    let objects = bundle["objects"].as_array().unwrap();
    assert_eq!(objects.len(), table.lines().count() - 1);
    let ids: BTreeSet<_> = objects.iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), objects.len());
    let file = objects.iter().find(|one| one["name"] == FILE).unwrap();
    assert_eq!(file["pattern"], format!("[file:hashes.'SHA-256' = '{FILE}']"));
    let again: serde_json::Value = serde_json::from_str(&scene.list("stix").await).unwrap();
    assert_eq!(again, bundle);
}

#[tokio::test]
async fn a_list_of_nothing_is_one() {
    let scene = Scene::new();
    let bundle = scene.list("stix?category=gambling").await;
    let bundle: serde_json::Value = serde_json::from_str(&bundle).unwrap();
    assert_eq!(bundle["objects"], serde_json::json!([]));
    let sets = scene.list("nftables?category=gambling").await;
    assert!(sets.contains("flush set inet wardnet bad4"), "{sets}");
}

#[tokio::test]
async fn what_a_client_has_is_not_sent_again() {
    let mut scene = Scene::new();
    let ask = |router: Router, token: String, tag: String| async move {
        let request = axum::http::Request::get("/v1/export/plain")
            .header("authorization", format!("Bearer {token}"))
            .header("if-none-match", tag);
        let request = request.body(Body::empty()).unwrap();
        tower::ServiceExt::oneshot(router, request).await.unwrap()
    };
    let (router, token) = (scene.router.clone(), scene.house.reader.clone());
    let first = ask(router.clone(), token.clone(), "\"other\"".into()).await;
    assert_eq!(first.status(), StatusCode::OK);
    let tag = first.headers()[ETAG].to_str().unwrap().to_owned();
    let again = ask(router.clone(), token.clone(), format!("\"x\", W/{tag}")).await;
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    scene.say("new.top", Scope::Exact, Some((90, Category::Malware)), 1);
    assert_eq!(ask(router, token, tag).await.status(), StatusCode::OK);
}
