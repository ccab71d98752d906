//! What stands in lists.

use super::*;
use crate::testing::{CREATED, House, text};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use wardnet_model::{Band, Basis, Category, Indicator, Risk, Scope, SourceId, Timestamp, Voice};
use wardnet_verdictdb::{Change, EntryData, Facts, FeedLimits, Layer, Profile, Terms, Views};

/// Source 7, where what it says is for fewer eyes.
const RESTRICTED: u32 = 0x107;

const FILE: &str = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f";

/// A store that is changed, and the route that lists it.
struct Scene {
    house: House,
    views: Views,
    router: Router,
    /// The number of the sources' rights.
    rights: Arc<AtomicU32>,
    seq: u64,
}

impl Scene {
    fn new() -> Self {
        let (house, views) = (House::new(), Views::default());
        let feed = views.keep_changes(1, FeedLimits::default());
        // Only what source 7 says may be handed on.
        let (number, set) = (Arc::new(AtomicU32::new(1)), Arc::new(|source| source == 7));
        let known = Arc::clone(&number);
        let rights =
            move || Rights { number: known.load(Ordering::Relaxed), may_share: set.clone() };
        let state = ExportState::new(feed, Arc::new(rights));
        let router = house.router(routes(&house.gate, state));
        let mut scene = Self { house, views, router, rights: number, seq: 0 };
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
        let shareable = source != RESTRICTED;
        let voice = Voice { source: SourceId(source & 0xFF), shareable };
        let sources = [voice].into_iter().collect();
        let profile = Profile { risk, band, basis, categories, sources };
        let facts = Some(Facts { first_seen: CREATED, last_seen: CREATED });
        let terms = bad.is_none().then_some(Terms { decided_at: Timestamp(1), until: None });
        let layer = if bad.is_some() { Layer::Evidence } else { Layer::Decision };
        let (kind, key, name) =
            (indicator.kind().unwrap(), indicator.key(), Some(indicator.to_string().into()));
        self.seq += 1;
        let new = Some(EntryData { profile, name, facts, terms });
        self.views.publish(&[Change { seq: self.seq, layer, kind, key, scope, new }], CREATED);
    }

    /// Blocks a name by decision.
    fn decide_bad(&mut self, text: &str, scope: Scope) {
        let indicator = Indicator::parse(text).unwrap();
        let (kind, key) = (indicator.kind().unwrap(), indicator.key());
        let profile = Profile {
            risk: Risk::new(100),
            band: Band::Malicious,
            basis: Basis::Decision,
            ..Profile::default()
        };
        let terms = Some(Terms { decided_at: Timestamp(2), until: None });
        self.seq += 1;
        let (layer, name) = (Layer::Decision, Some(text.into()));
        let new = Some(EntryData { profile, name, facts: None, terms });
        let change = Change { seq: self.seq, layer, kind, key, scope, new };
        self.views.publish(&[change], CREATED);
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
        ("plain?kind=ipv4-network", &["101.2.2.0/24", "101.2.3.0/24"]),
        ("plain?kind=ipv6-network", &["2a0e:b107::/32"]),
        (
            "hosts",
            &[
                "0.0.0.0 a.evil.top",
                "0.0.0.0 evil.top",
                "0.0.0.0 exact.top",
                ":: a.evil.top",
                ":: evil.top",
                ":: exact.top",
            ],
        ),
        ("adblock", &["||evil.top^", "|exact.top^", "||*.below.top^"]),
        ("squid", &[".evil.top", "exact.top"]),
        (
            "dnsmasq",
            &["host-record=exact.top,0.0.0.0,::", "local=/*.below.top/", "local=/evil.top/"],
        ),
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
            &["*.below.top CNAME .", "*.evil.top CNAME .", "evil.top CNAME .", "exact.top CNAME ."],
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
    let mut scene = Scene::new();
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
    scene.say("marked.top", Scope::Exact, Some((90, Category::Malware)), RESTRICTED);
    assert!(scene.lines("plain?kind=domain").await.contains("marked.top"));
    // Where others speak too, their reasons stay here.
    scene.say("both.top", Scope::Exact, Some((90, Category::Malware)), 7);
    scene.say("both.top", Scope::Subtree, Some((100, Category::CommandAndControl)), 1);
    let others = scene.list("csv?kind=domain&for=others").await;
    assert!(others.contains("\nboth.top,domain,exact,70,uncategorised,,\n"), "{others}");
    assert!(others.contains("\nevil.top,domain,subtree,90,phishing,"), "{others}");
    let c2 = scene.lines("csv?kind=domain&for=others&category=c2").await;
    assert!(!c2.iter().any(|line| line.contains("both.top")), "{c2:?}");
    scene.say("both.top", Scope::Exact, Some((90, Category::Malware)), 1);
    scene.say("both.top", Scope::Subtree, Some((90, Category::Malware)), 1);
    assert_eq!(scene.lines("plain?kind=domain&for=others").await, set(&["evil.top"]));
}

#[tokio::test]
async fn who_allows_a_name_allows_what_lies_beneath() {
    let mut scene = Scene::new();
    for (name, scope) in [("tree.top", Scope::Subtree), ("wild.top", Scope::Below)] {
        scene.say(name, scope, Some((90, Category::Malware)), 1);
        scene.say(name, Scope::Subtree, None, 0);
    }
    scene.say("half.top", Scope::Subtree, Some((90, Category::Malware)), 1);
    scene.say("half.top", Scope::Exact, None, 0);
    scene.say("a.over.top", Scope::Subtree, Some((90, Category::Malware)), 1);
    scene.say("over.top", Scope::Subtree, None, 0);
    for format in ["rpz", "dnsmasq", "adblock", "suricata-rules", "csv", "stix", "plain"] {
        let list = scene.list(format).await;
        for name in ["tree.top", "wild.top", "over.top"] {
            assert!(!list.contains(name), "{format} has {name}: {list}");
        }
    }
    assert!(scene.list("csv").await.contains("\nhalf.top,domain,below,90,malware,"));
    assert!(!scene.list("stix").await.contains("half.top"), "STIX has no word for it");
}

#[tokio::test]
async fn what_is_allowed_beneath_a_listed_name_is_excepted() {
    let mut scene = Scene::new();
    scene.say("x.y.evil.top", Scope::Subtree, None, 0);
    scene.say("b.evil.top", Scope::Exact, None, 0);
    scene.say("c.evil.top", Scope::Below, None, 0);
    // Within what is allowed only a decision blocks.
    scene.say("p.x.y.evil.top", Scope::Exact, Some((90, Category::Malware)), 1);
    // What is not listed needs no exception.
    scene.say("fine.allowed.top", Scope::Subtree, None, 0);
    for (path, lines) in [
        (
            "rpz?kind=domain&risk_min=90",
            &[
                "*.b.evil.top CNAME .",
                "*.c.evil.top CNAME rpz-passthru.",
                "*.evil.top CNAME .",
                "*.x.y.evil.top CNAME rpz-passthru.",
                "*.y.evil.top CNAME .",
                "b.evil.top CNAME rpz-passthru.",
                "c.evil.top CNAME .",
                "evil.top CNAME .",
                "x.y.evil.top CNAME rpz-passthru.",
                "y.evil.top CNAME .",
            ][..],
        ),
        (
            "dnsmasq?risk_min=90",
            &[
                "local=/*.b.evil.top/",
                "local=/c.evil.top/",
                "local=/evil.top/",
                "server=/*.c.evil.top/#",
                "server=/b.evil.top/#",
                "server=/x.y.evil.top/#",
            ],
        ),
        ("squid?risk_min=90", &[".evil.top"]),
        // Decisions are not told to others.
        ("rpz?kind=domain&for=others", &["*.evil.top CNAME .", "evil.top CNAME ."]),
    ] {
        assert_eq!(scene.lines(path).await, set(lines), "{path}");
    }
    let unbound = scene.list("unbound?risk_min=90").await;
    for line in [
        "local-zone: \"x.y.evil.top.\" transparent",
        "local-zone: \"b.evil.top.\" transparent",
        "local-zone: \"c.evil.top.\" typetransparent",
        "local-data: \"c.evil.top. A 0.0.0.0\"",
    ] {
        assert!(unbound.lines().any(|one| one == line), "{line}: {unbound}");
    }
    scene.decide_bad("q.x.y.evil.top", Scope::Exact);
    scene.decide_bad("r.x.y.evil.top", Scope::Below);
    scene.say("s.r.x.y.evil.top", Scope::Exact, None, 0);
    let adblock = scene.list("adblock?risk_min=90").await;
    let rules: BTreeSet<&str> = adblock.lines().skip(1).collect();
    let expected = [
        "||evil.top^",
        "|q.x.y.evil.top^",
        "||*.r.x.y.evil.top^",
        "@@|b.evil.top^",
        "@@||*.c.evil.top^",
        "@@||x.y.evil.top^",
        "|q.x.y.evil.top^$important",
        "||*.r.x.y.evil.top^$important",
        "@@|s.r.x.y.evil.top^$important",
    ];
    assert_eq!(rules, expected.into_iter().collect(), "{adblock}");
}

/// Formats without a word for what lies beneath a name alone say what is listed there.
#[tokio::test]
async fn what_is_listed_beneath_a_name_that_alone_is_allowed_stays_listed() {
    let mut scene = Scene::new();
    for name in ["alone.top", "sub.alone.top", "y.d.evil.top"] {
        scene.say(name, Scope::Subtree, Some((90, Category::Malware)), 1);
    }
    scene.say("alone.top", Scope::Exact, None, 0);
    scene.say("d.evil.top", Scope::Exact, None, 0);
    let squid = scene.lines("squid").await;
    assert!(squid.contains(".sub.alone.top") && !squid.contains(".y.d.evil.top"), "{squid:?}");
    let unbound = scene.list("unbound").await;
    for name in ["sub.alone.top", "y.d.evil.top"] {
        let line = format!("local-zone: \"{name}.\" always_nxdomain");
        assert!(unbound.lines().any(|one| one == line), "{line}: {unbound}");
    }
}

/// Others learn neither how far a decision reaches nor what it allows.
#[tokio::test]
async fn decisions_are_not_told_to_others() {
    let mut scene = Scene::new();
    scene.say("seen.top", Scope::Exact, Some((90, Category::Malware)), 7);
    scene.decide_bad("seen.top", Scope::Subtree);
    scene.say("101.2.2.7", Scope::Exact, None, 0);
    assert!(scene.lines("adblock?for=others").await.contains("|seen.top^"));
    assert!(scene.lines("cidr?for=others").await.contains("101.2.2.0/23"));
    assert!(!scene.lines("cidr").await.contains("101.2.2.0/23"));
}

/// A list for others has what they may know, also where the name above it is not told to them.
#[tokio::test]
async fn what_lies_beneath_a_name_that_is_kept_back_is_told() {
    let mut scene = Scene::new();
    scene.say("kept.top", Scope::Subtree, Some((90, Category::Malware)), 1);
    scene.say("open.kept.top", Scope::Subtree, Some((90, Category::Malware)), 7);
    for (path, line) in [
        ("dnsmasq?for=others", "local=/open.kept.top/"),
        ("rpz?for=others", "*.open.kept.top CNAME ."),
        ("squid?for=others", ".open.kept.top"),
    ] {
        assert!(scene.lines(path).await.contains(line), "{path}");
    }
    assert!(!scene.lines("squid").await.contains(".open.kept.top"));
}

#[tokio::test]
async fn a_network_is_listed_without_what_is_allowed_in_it() {
    let mut scene = Scene::new();
    scene.say("45.140.0.0/22", Scope::Exact, Some((90, Category::Malware)), 1);
    scene.say("45.140.1.7", Scope::Exact, None, 0);
    scene.say("45.140.2.0/24", Scope::Exact, None, 0);
    scene.say("45.140.2.9", Scope::Exact, Some((90, Category::Malware)), 1);
    for format in ["plain", "cidr", "nginx", "nftables", "suricata-iprep", "rpz", "csv", "ipset"] {
        let list = scene.list(&format!("{format}?category=malware")).await;
        assert!(!list.contains("45.140.0.0/22"), "{format}: {list}");
    }
    let cidr = scene.lines("cidr?category=malware").await;
    let around = [
        "45.140.0.0/24",
        "45.140.1.0/30",
        "45.140.1.128/25",
        "45.140.1.16/28",
        "45.140.1.32/27",
        "45.140.1.4/31",
        "45.140.1.6/32",
        "45.140.1.64/26",
        "45.140.1.8/29",
        "45.140.3.0/24",
    ];
    assert_eq!(cidr, set(&around));
    let few = scene.lines("nginx?category=malware&max=2").await;
    assert_eq!(few, set(&["deny 45.140.0.0/24;", "deny 45.140.1.0/30;"]), "parts count, too");
}

#[tokio::test]
async fn a_list_may_have_the_ending_of_its_files() {
    let scene = Scene::new();
    for format in Format::ALL {
        let (name, extension) = (format.name(), format.extension());
        assert_eq!(scene.list(&format!("{name}.{extension}")).await, scene.list(name).await);
        assert_eq!(format!("{name}.other").parse::<Format>().ok(), None);
        assert_eq!(format!("{name}{extension}").parse::<Format>().ok(), None);
    }
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
        ("plain?level=low&level=high", 400),
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
    let sayable = table.lines().filter(|line| !line.contains(",below,"));
    assert_eq!(objects.len(), sayable.count() - 1);
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
    let first = scene.unless("plain", "\"other\"").await;
    assert_eq!(first.status(), StatusCode::OK);
    let tag = first.headers()[ETAG].to_str().unwrap().to_owned();
    let again = scene.unless("plain", &format!("\"x\", W/{tag}")).await;
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    scene.say("new.top", Scope::Exact, Some((90, Category::Malware)), 1);
    assert_eq!(scene.unless("plain", &tag).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_list_for_others_changes_with_the_rights_of_sources() {
    let scene = Scene::new();
    for (path, then) in [("plain", StatusCode::NOT_MODIFIED), ("plain?for=others", StatusCode::OK)]
    {
        let first = scene.unless(path, "\"other\"").await;
        let tag = first.headers()[ETAG].to_str().unwrap();
        assert_eq!(scene.unless(path, tag).await.status(), StatusCode::NOT_MODIFIED, "{path}");
        scene.rights.fetch_add(1, Ordering::Relaxed);
        assert_eq!(scene.unless(path, tag).await.status(), then, "{path}");
    }
}

impl Scene {
    /// A list, unless it is the one that has the tag.
    async fn unless(&self, path: &str, tag: &str) -> Response {
        let request = axum::http::Request::get(format!("/v1/export/{path}"))
            .header("authorization", format!("Bearer {}", self.house.reader))
            .header("if-none-match", tag);
        let request = request.body(Body::empty()).unwrap();
        tower::ServiceExt::oneshot(self.router.clone(), request).await.unwrap()
    }

    /// A list with its cursor.
    async fn with_cursor(&self, path: &str) -> (BTreeSet<String>, String) {
        let path = format!("/v1/export/{path}");
        let response = self.house.get(&self.router, &path, Some(&self.house.reader)).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        let cursor = response.headers()[CURSOR].to_str().unwrap().to_owned();
        (text(response).await.lines().map(str::to_owned).collect(), cursor)
    }

    async fn status(&self, path: &str) -> StatusCode {
        let path = format!("/v1/export/{path}");
        self.house.get(&self.router, &path, Some(&self.house.reader)).await.status()
    }

    /// A source takes back what it said.
    fn take_back(&mut self, text: &str, scope: Scope, layer: Layer) {
        let indicator = Indicator::parse(text).unwrap();
        let (kind, key) = (indicator.kind().unwrap(), indicator.key());
        self.seq += 1;
        let change = Change { seq: self.seq, layer, kind, key, scope, new: None };
        self.views.publish(&[change], CREATED);
    }
}

#[tokio::test]
async fn whoever_applies_the_changes_has_the_list_of_now() {
    let mut scene = Scene::new();
    let (mut list, mut cursor) = scene.with_cursor("plain").await;
    let bad = Some((90, Category::Malware));
    for step in 0..6 {
        match step {
            0 => scene.say("new.top", Scope::Exact, bad, 1),
            1 => scene.take_back("exact.top", Scope::Exact, Layer::Evidence),
            // Twice in one list of changes, and back to where it was.
            2 => {
                scene.take_back("new.top", Scope::Exact, Layer::Evidence);
                scene.say("new.top", Scope::Exact, bad, 2);
                scene.say("fleeting.top", Scope::Exact, bad, 2);
                scene.take_back("fleeting.top", Scope::Exact, Layer::Evidence);
            }
            3 => scene.say("doubtful.top", Scope::Exact, Some((80, Category::Malware)), 1),
            4 => scene.say("101.9.9.9", Scope::Exact, Some((40, Category::Spam)), 1),
            _ => scene.take_back(FILE, Scope::Exact, Layer::Evidence),
        }
        let (changes, next) = scene.with_cursor(&format!("plain?since={cursor}")).await;
        assert!(!changes.is_empty(), "{step}");
        for change in changes {
            match change.split_at(1) {
                ("+", line) => drop(list.insert(line.to_owned())),
                ("-", line) => drop(list.remove(line)),
                _ => panic!("{change}"),
            }
        }
        cursor = next;
        let (whole, _) = scene.with_cursor("plain").await;
        assert_eq!(list, whole, "{step}");
    }
    let (nothing, same) = scene.with_cursor(&format!("plain?since={cursor}")).await;
    assert_eq!((nothing.len(), same), (0, cursor));
}

#[tokio::test]
async fn changes_say_what_became_of_an_entry() {
    let mut scene = Scene::new();
    let (_, cursor) = scene.with_cursor("plain").await;
    scene.say("new.top", Scope::Exact, Some((90, Category::Malware)), 1);
    scene.take_back("exact.top", Scope::Exact, Layer::Evidence);
    let (csv, _) = scene.with_cursor(&format!("csv?since={cursor}")).await;
    assert!(
        csv.contains("change,indicator,kind,scope,risk,categories,first_seen,last_seen"),
        "{csv:?}"
    );
    assert!(csv.iter().any(|line| line.starts_with("added,new.top,domain,exact,90,malware,")));
    assert!(csv.iter().any(|line| line.starts_with("removed,exact.top,domain,")));
    let (lines, _) = scene.with_cursor(&format!("ndjson?since={cursor}&kind=domain")).await;
    let lines: Vec<serde_json::Value> =
        lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |change: &str| -> Vec<&str> {
        let some = lines.iter().filter(|line| line["change"] == change);
        some.map(|line| line["indicator"].as_str().unwrap()).collect()
    };
    assert_eq!((of("added"), of("removed")), (vec!["new.top"], vec!["exact.top"]));
    let bundle = scene.list(&format!("stix?since={cursor}")).await;
    let bundle: serde_json::Value = serde_json::from_str(&bundle).unwrap();
    let objects = bundle["objects"].as_array().unwrap();
    let revoked = objects.iter().find(|one| one["revoked"] == true).unwrap();
    assert_eq!((objects.len(), &revoked["name"]), (2, &"exact.top".into()));
}

#[tokio::test]
async fn what_the_changes_of_entries_cannot_tell_is_gone() {
    let mut scene = Scene::new();
    let (_, cursor) = scene.with_cursor("plain").await;
    // An allow of one name alone concerns its pages too, where there are pages in the list.
    scene.say("exact.top", Scope::Exact, None, 0);
    assert_eq!(scene.status(&format!("plain?since={cursor}")).await, StatusCode::GONE);
    let (changes, _) = scene.with_cursor(&format!("plain?kind=domain&since={cursor}")).await;
    assert_eq!(changes, set(&["-exact.top"]));
    scene.say("evil.top", Scope::Subtree, None, 0);
    assert_eq!(scene.status(&format!("plain?kind=domain&since={cursor}")).await, StatusCode::GONE);
    let other = "00000000000000ff-3";
    assert_eq!(scene.status(&format!("plain?since={other}")).await, StatusCode::GONE);
    for path in
        ["hosts?since=", "plain?max=3&since=", "plain?risk_min=80&since=", "csv?for=others&since="]
    {
        assert_eq!(scene.status(&format!("{path}{cursor}")).await, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(scene.status("plain?since=nonsense").await, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn lists_are_coded_as_clients_like_it() {
    use axum::http::Request;
    use tower::ServiceExt as _;
    let scene = Scene::new();
    let whole = scene.list("plain").await;
    let get = async |accepted: &str, known: &str| {
        let request = Request::builder()
            .uri("/v1/export/plain")
            .header("authorization", format!("Bearer {}", scene.house.reader))
            .header("accept-encoding", accepted)
            .header("if-none-match", known);
        scene.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    };
    let mut tags = BTreeSet::new();
    for (accepted, coding) in [("gzip", Some("gzip")), ("gzip, zstd", Some("zstd")), ("", None)] {
        let reply = get(accepted, "").await;
        let header =
            |name| reply.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(
            (header(CONTENT_ENCODING).as_deref(), header(VARY).as_deref()),
            (coding, Some("accept-encoding"))
        );
        let tag = header(ETAG).unwrap();
        assert_eq!(get(accepted, &tag).await.status(), StatusCode::NOT_MODIFIED);
        assert!(tags.insert(tag));
        let body = axum::body::to_bytes(reply.into_body(), 1 << 20).await.unwrap();
        let mut back = Vec::new();
        match coding {
            Some("gzip") => {
                std::io::copy(&mut flate2::read::GzDecoder::new(&*body), &mut back).unwrap();
            }
            Some(_) => {
                let mut decoder = ruzstd::decoding::StreamingDecoder::new(&*body).unwrap();
                std::io::copy(&mut decoder, &mut back).unwrap();
            }
            None => back = body.to_vec(),
        }
        assert_eq!(String::from_utf8(back).unwrap(), whole);
    }
}

#[tokio::test]
async fn a_misp_feed_has_each_value_in_one_event() {
    let scene = Scene::new();
    let read = async |file: &str| -> serde_json::Value {
        serde_json::from_str(&scene.list(&format!("misp/{file}")).await).unwrap()
    };
    let manifest = read("manifest.json").await;
    let mut values = BTreeSet::new();
    for (id, event) in manifest.as_object().unwrap() {
        let whole = read(&format!("{id}.json")).await;
        let whole = &whole["Event"];
        assert_eq!((&whole["uuid"], &whole["info"]), (&id.as_str().into(), &event["info"]));
        assert_eq!(
            (&event["date"], &event["timestamp"]),
            (&"2026-08-22".into(), &CREATED.0.to_string().into())
        );
        for attribute in whole["Attribute"].as_array().unwrap() {
            assert_eq!(attribute["to_ids"], true);
            assert!(values.insert(attribute["value"].as_str().unwrap().to_owned()), "{attribute}");
        }
    }
    let (plain, _) = scene.with_cursor("plain").await;
    assert_eq!(values, plain);
    let hashes = scene.list("misp/hashes.csv").await;
    assert_eq!(hashes.lines().count(), plain.len());
    // MD5 of `evil.top`.
    assert!(hashes.contains(&format!("{},", md5_of("evil.top"))), "{hashes}");
    assert_eq!(scene.status("misp/nothing.json").await, StatusCode::NOT_FOUND);
}

fn md5_of(text: &str) -> String {
    use md5::{Digest as _, Md5};
    wardnet_model::hex::Hex(&Md5::digest(text)).to_string()
}
