//! Tests of the change stream: nothing is missed, nothing comes twice, nobody costs too much.

use std::time::Duration;

use axum::http::StatusCode;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use wardnet_model::{Band, Basis, Category, Indicator, Key, Risk, Scope};
use wardnet_server::metrics::Exposition;
use wardnet_verdictdb::{
    Change, Cursor, Db, EntryData, FeedLimits, Layer, OpenOptions, Options, Terms,
};

use super::*;
use crate::testing::{CREATED, House, json, text, view};

/// A house with the routes, and the views behind them.
struct Scene {
    house: House,
    views: Arc<Views>,
    feed: Arc<ChangeFeed>,
    state: ChangesState,
    router: Router,
}

impl Scene {
    fn new(feed_limits: FeedLimits, limits: Limits) -> Self {
        let house = House::new();
        let views = Arc::new(Views::new(view()));
        let feed = views.keep_changes(77, feed_limits);
        let with = (Arc::clone(&house.tokens), &house.metrics);
        let state = ChangesState::new(Arc::clone(&views), Arc::clone(&feed), with, limits);
        let router = house.router(routes(&house.gate, state.clone()));
        Self { house, views, feed, state, router }
    }

    fn plain() -> Self {
        Self::new(FeedLimits::default(), Limits::default())
    }

    async fn get(&self, path: &str) -> Response {
        self.house.get(&self.router, path, Some(&self.house.reader)).await
    }

    async fn poll(&self, query: &str) -> Value {
        json(self.get(&format!("/v1/changes?{query}")).await).await
    }

    /// Begins to follow, as a browser does.
    async fn follow(&self, query: &str, last: Option<&str>) -> Reader {
        self.follow_as(&self.house.reader, query, last).await
    }

    async fn follow_as(&self, token: &str, query: &str, last: Option<&str>) -> Reader {
        let mut request = Request::builder()
            .uri(format!("/v1/changes?{query}"))
            .header("authorization", format!("Bearer {token}"))
            .header("accept", "text/event-stream");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = self.router.clone().oneshot(request.body(Body::empty()).unwrap()).await;
        let response = response.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Reader { body: response.into_body(), last: String::new(), held: String::new() }
    }

    fn publish(&self, changes: impl IntoIterator<Item = Change>) {
        let changes: Vec<Change> = changes.into_iter().collect();
        self.views.publish(&changes, CREATED);
    }
}

/// Reads a stream of events as the standard says.
struct Reader {
    body: Body,
    last: String,
    held: String,
}

#[derive(Debug, PartialEq)]
struct Event {
    name: String,
    data: Value,
}

impl Reader {
    /// The next event with data; `None` at the end.
    async fn next(&mut self) -> Option<Event> {
        loop {
            while let Some((block, rest)) = self.held.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.held = rest;
                if let Some(event) = self.read(&block) {
                    return Some(event);
                }
            }
            let frame = self.body.frame().await?.unwrap().into_data().unwrap();
            assert!(frame.len() < 64 * 1024, "frames are small");
            self.held.push_str(std::str::from_utf8(&frame).unwrap());
        }
    }

    fn read(&mut self, block: &str) -> Option<Event> {
        let (mut name, mut data) = ("message".to_owned(), None);
        for line in block.lines() {
            match line.split_once(": ").unwrap() {
                ("id", id) => self.last = id.to_owned(),
                ("event", event) => name = event.to_owned(),
                ("data", text) => data = Some(serde_json::from_str(text).unwrap()),
                ("retry", _) | ("", _) => {}
                other => panic!("{other:?}"),
            }
        }
        data.map(|data| Event { name, data })
    }

    async fn change(&mut self) -> Value {
        let event = self.next().await.unwrap();
        assert_eq!(event.name, "change", "{event:?}");
        event.data
    }
}

fn data(risk: u8, band: Band, category: Category, name: &str) -> EntryData {
    let profile = wardnet_verdictdb::Profile {
        risk: Risk::new(risk),
        band,
        basis: Basis::Evidence,
        categories: [category].into_iter().collect(),
        sources: [1].into_iter().collect(),
    };
    EntryData { profile, name: Some(name.into()), facts: None, terms: None }
}

fn listed(seq: u64, name: &str, risk: u8) -> Change {
    let indicator = Indicator::parse(name).unwrap();
    let (kind, key) = (indicator.kind().unwrap(), indicator.key());
    let new = Some(data(risk, Band::Malicious, Category::Phishing, name));
    Change { seq, layer: Layer::Evidence, kind, key, scope: Scope::Subtree, new }
}

/// A change that the base of the scene, which ends at number 9, does not contain.
fn numbered(number: u64) -> Change {
    listed(9 + number, &format!("host{number}.top"), 90)
}

#[tokio::test]
async fn a_change_says_what_was_and_what_is() {
    let scene = Scene::plain();
    let cursor = scene.poll("").await["cursor"].as_str().unwrap().to_owned();
    assert_eq!(cursor, "000000000000004d-0");
    scene.publish([listed(10, "evil.top", 50)]);
    let reply = scene.poll(&format!("cursor={cursor}")).await;
    let said = |risk, band| json!({ "band": band, "risk": risk, "basis": "evidence", "categories": ["phishing"] });
    let expected = json!({
        "cursor": "000000000000004d-1",
        "more": false,
        "changes": [{
            "seq": 1, "as_of": CREATED.to_string(), "kind": "domain", "indicator": "evil.top",
            "scope": "subtree", "layer": "evidence",
            "old": said(90, "malicious"), "new": said(50, "malicious"),
        }],
    });
    assert_eq!(reply, expected);
    let mut reader = scene.follow(&format!("cursor={cursor}"), None).await;
    assert_eq!(reader.change().await, expected["changes"][0], "both ways tell the same");
    assert_eq!(reader.last, "000000000000004d-1");
}

#[tokio::test]
async fn addresses_and_hashes_are_shown_without_a_name() {
    let scene = Scene::plain();
    let cursor = scene.feed.head();
    let file = "5f".repeat(32);
    let changes = ["192.0.2.7", "2001:db8::/32", &file].map(|text| {
        let mut change = listed(10, text, 90);
        change.new.as_mut().unwrap().name = None;
        change
    });
    scene.publish(changes);
    let reply = scene.poll(&format!("cursor={cursor}")).await;
    let shown = |at: usize| reply["changes"][at]["indicator"].clone();
    assert_eq!([shown(0), shown(1), shown(2)], ["192.0.2.7", "2001:db8::/32", &file]);
}

#[tokio::test]
async fn a_poll_waits_for_a_change_that_passes() {
    let scene = Scene::plain();
    let polling = scene.poll("wait=20&kind=url");
    let publishing = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        scene.publish([listed(10, "other.top", 90), listed(11, "http://evil.top/x", 90)]);
    };
    let (reply, ()) = tokio::join!(polling, publishing);
    assert_eq!(reply["changes"].as_array().unwrap().len(), 1);
    assert_eq!(reply["changes"][0]["indicator"], "http://evil.top/x");
    assert_eq!(reply["cursor"], "000000000000004d-2");
}

#[tokio::test]
async fn a_poll_out_of_time_says_how_far_it_looked() {
    let scene = Scene::plain();
    let cursor = scene.feed.head();
    scene.publish((1..=600).map(numbered));
    let reply = scene.poll(&format!("cursor={cursor}&kind=url&wait=1")).await;
    assert_eq!(reply, json!({"cursor": "000000000000004d-600", "more": false, "changes": []}));
}

#[tokio::test]
async fn long_replies_come_in_parts() {
    let limits = Limits { poll_changes_max: 250, ..Limits::default() };
    let scene = Scene::new(FeedLimits::default(), limits);
    let mut cursor = scene.feed.head().to_string();
    scene.publish((1..=600).map(numbered));
    let mut parts = Vec::new();
    loop {
        let reply = scene.poll(&format!("cursor={cursor}")).await;
        parts.push(reply["changes"].as_array().unwrap().len());
        cursor = reply["cursor"].as_str().unwrap().to_owned();
        if reply["more"] == false {
            break;
        }
    }
    assert_eq!(parts, [250, 250, 100]);
}

#[tokio::test]
async fn filters_let_through_what_begins_or_ceases_to_be_wanted() {
    let scene = Scene::plain();
    let cursor = scene.feed.head();
    let mut removed = listed(13, "evil.top", 0);
    removed.new = None;
    let mut allowed = listed(14, "shop.top", 0);
    allowed.layer = Layer::Decision;
    let new = allowed.new.as_mut().unwrap();
    (new.profile.band, new.profile.categories) = (Band::Trusted, Default::default());
    new.terms = Some(Terms { decided_at: CREATED, until: None });
    scene.publish([
        listed(10, "mild.top", 30),
        listed(11, "worse.top", 80),
        listed(12, "http://worse.top/", 80),
        removed,
        allowed,
    ]);
    for (query, expected) in [
        ("", &[1, 2, 3, 4, 5][..]),
        ("&risk_min=70", &[2, 3, 4, 5]),
        ("&risk_min=70&kind=domain", &[2, 4, 5]),
        ("&kind=url&kind=email", &[3]),
        ("&category=phishing", &[1, 2, 3, 4, 5]),
        ("&category=malware", &[5]),
    ] {
        let reply = scene.poll(&format!("cursor={cursor}{query}")).await;
        let numbers: Vec<u64> = reply["changes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|change| change["seq"].as_u64().unwrap())
            .collect();
        assert_eq!(numbers, expected, "{query}");
    }
}

#[tokio::test]
async fn what_is_asked_wrongly_is_refused() {
    let scene = Scene::plain();
    for query in [
        "cursor=7",
        "cursor=",
        "kind=hostname",
        "category=bad",
        "risk_min=101",
        "risk_min=-1",
        "risk_min=",
        "wait=31",
        "wait=1.5",
        "catgory=spam",
        "kind=",
    ] {
        let response = scene.get(&format!("/v1/changes?{query}")).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{query}");
    }
    let response = scene.get("/v1/changes/snapshot?cursor=000000000000004d-1").await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    let anonymous = scene.house.get(&scene.router, "/v1/changes", None).await;
    assert_eq!(anonymous.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_cursor_without_a_way_on_is_gone() {
    let scene =
        Scene::new(FeedLimits { changes_max: 3, ..FeedLimits::default() }, Limits::default());
    let late = scene.feed.head();
    scene.publish((1..=4).map(numbered));
    let other = Cursor { history: 1, seq: 0 };
    for cursor in [late, other] {
        let response = scene.get(&format!("/v1/changes?cursor={cursor}&wait=9")).await;
        assert_eq!(response.status(), StatusCode::GONE);
        let problem = json(response).await;
        assert_eq!(problem["type"], "/problems/resynchronise");
        assert!(problem["detail"].as_str().unwrap().contains(SNAPSHOT_PATH));
    }
}

#[tokio::test]
async fn a_stream_that_lags_is_told_to_resynchronise_and_ends() {
    let scene =
        Scene::new(FeedLimits { changes_max: 50, ..FeedLimits::default() }, Limits::default());
    let mut reader = scene.follow("", None).await;
    scene.publish([numbered(1)]);
    assert_eq!(reader.change().await["seq"], 1);
    // The client takes nothing for a while: what waits for it is a cursor, however much comes.
    for seq in 2..500 {
        scene.publish([numbered(seq)]);
    }
    assert_eq!(scene.feed.kept(), 50);
    let event = reader.next().await.unwrap();
    assert_eq!(event.name, "resync");
    assert_eq!(event.data, json!({"reason": "late", "snapshot": "/v1/changes/snapshot"}));
    assert_eq!(reader.next().await, None);
    let mut again = scene.follow("", Some(&reader.last)).await;
    scene.publish([numbered(500)]);
    assert_eq!(again.change().await["seq"], 500, "and may come back at once");
}

#[test]
fn a_stream_is_small() {
    assert!(size_of::<Events>() <= 256, "{}", size_of::<Events>());
}

/// Readers break off and come back at any moment, while changes and bases are published.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_comes_back_misses_nothing_and_sees_nothing_twice() {
    const CHANGES: u64 = 2_000;
    let scene = Arc::new(Scene::plain());
    let mut readers = tokio::task::JoinSet::new();
    for number in 0..4u64 {
        let scene = Arc::clone(&scene);
        let begin = scene.feed.head().to_string();
        readers.spawn(async move {
            let mut last = begin;
            let mut seen = 0;
            let mut random = number + 1;
            while seen < CHANGES {
                let mut reader = scene.follow("", Some(&last)).await;
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                for _ in 0..(random >> 33) % 300 {
                    if seen == CHANGES {
                        break;
                    }
                    let change = reader.change().await;
                    seen += 1;
                    assert_eq!(change["seq"], seen);
                }
                if !reader.last.is_empty() {
                    last = reader.last;
                }
            }
        });
    }
    let writing = Arc::clone(&scene);
    let writer = std::thread::spawn(move || {
        let first = writing.views.load().base.clone();
        for number in 1..=CHANGES {
            // Every seventh change is published by no one: the next base brings it.
            if number % 7 != 0 {
                writing.publish([numbered(number)]);
            }
            if number % 200 == 0 {
                let changes: Vec<Change> = (1..=number).map(numbered).collect();
                let mut file = Vec::new();
                let sequence = 9 + number;
                let options = Options { sequence, names: true, ..Options::default() };
                wardnet_verdictdb::apply(first.as_ref().unwrap(), &changes, &options, &mut file)
                    .unwrap();
                let base = Db::open(file.into(), &OpenOptions::default()).unwrap();
                writing.views.swap_base(Arc::new(base)).unwrap();
            }
        }
    });
    let all = async {
        while let Some(ended) = readers.join_next().await {
            ended.unwrap()
        }
    };
    tokio::time::timeout(Duration::from_secs(60), all).await.unwrap();
    writer.join().unwrap();
    assert_eq!(scene.feed.head().seq, CHANGES);
}

#[tokio::test]
async fn a_tenant_sees_its_own_and_the_shared_changes() {
    let scene = Scene::plain();
    let cursor = scene.feed.head();
    let own = |name, risk| {
        let mut overlay = scene.views.load().tenants.get(&TenantId(7)).cloned().unwrap();
        overlay.apply(&listed(20, name, risk));
        scene.views.publish_tenant(TenantId(7), &overlay);
    };
    own("evil.top", 40);
    scene.publish([listed(21, "evil.top", 100), listed(22, "new.top", 80)]);
    let names = |reply: &Value| -> Vec<(String, u64)> {
        let changes = reply["changes"].as_array().unwrap().iter();
        changes
            .map(|change| {
                let name = change["indicator"].as_str().unwrap().to_owned();
                (name, change["new"]["risk"].as_u64().unwrap())
            })
            .collect()
    };
    let path = format!("/v1/changes?cursor={cursor}");
    let reply = scene.house.get(&scene.router, &path, Some(&scene.house.tenant)).await;
    let expected = [("evil.top".to_owned(), 40), ("new.top".to_owned(), 80)];
    assert_eq!(names(&json(reply).await), expected);
    let shared = [("evil.top".to_owned(), 100), ("new.top".to_owned(), 80)];
    assert_eq!(names(&json(scene.get(&path).await).await), shared);
}

#[tokio::test]
async fn a_token_that_ends_ends_its_streams() {
    let limits = Limits { heartbeat_secs: 1, ..Limits::default() };
    let scene = Scene::new(FeedLimits::default(), limits);
    let token = scene.house.poor(50);
    let mut reader = scene.follow_as(&token, "", None).await;
    let id = scene.house.tokens.list().into_iter().find(|one| one.rate.is_some()).unwrap().id;
    scene.house.tokens.remove(id).unwrap();
    let end = tokio::time::timeout(Duration::from_secs(10), reader.next()).await.unwrap();
    assert_eq!(end, None);
}

#[tokio::test]
async fn a_quiet_stream_shows_that_it_lives_and_how_far_it_came() {
    let limits = Limits { heartbeat_secs: 1, ..Limits::default() };
    let scene = Scene::new(FeedLimits::default(), limits);
    let mut reader = scene.follow("kind=url", None).await;
    scene.publish([numbered(10)]);
    while reader.last != "000000000000004d-1" {
        let frame = reader.body.frame().await.unwrap().unwrap().into_data().unwrap();
        let text = std::str::from_utf8(&frame).unwrap();
        assert!(text.starts_with(": ") || text.starts_with("retry: "), "{text}");
        assert_eq!(reader.read(text.trim_end()), None);
    }
}

#[tokio::test]
async fn streams_and_polls_end_when_the_server_stops() {
    let scene = Scene::plain();
    let mut reader = scene.follow("", None).await;
    let polling = scene.poll("wait=30");
    let stopping = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        scene.state.end_streams();
    };
    let all = async { tokio::join!(reader.next(), polling, stopping) };
    let (event, reply, ()) = tokio::time::timeout(Duration::from_secs(5), all).await.unwrap();
    assert_eq!(event, None);
    assert_eq!(reply["changes"], json!([]));
}

#[tokio::test]
async fn no_more_follow_than_may() {
    let limits = Limits { followers_max: 1, snapshots_max: 0, ..Limits::default() };
    let scene = Scene::new(FeedLimits::default(), limits);
    let reader = scene.follow("", None).await;
    for path in ["/v1/changes", "/v1/changes/snapshot"] {
        let response = scene.get(path).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(response.headers().contains_key("retry-after"));
    }
    let metrics = scene.house.metrics.render(Exposition::OpenMetrics).unwrap();
    assert!(metrics.contains("wardnet_changes_followers 1"), "{metrics}");
    drop(reader);
    assert_eq!(scene.get("/v1/changes").await.status(), StatusCode::OK);
}

async fn lines(response: Response) -> Vec<Value> {
    assert_eq!(response.headers()["content-type"], "application/x-ndjson");
    text(response).await.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn a_snapshot_is_everything_and_where_to_go_on() {
    let scene = Scene::plain();
    assert_eq!(scene.feed.head().seq, 0);
    scene.publish([listed(10, "evil.top", 40), listed(11, "new.top", 80)]);
    let all = lines(scene.get("/v1/changes/snapshot").await).await;
    assert_eq!(all[0]["cursor"], "000000000000004d-2");
    assert_eq!(all.last().unwrap(), &json!({"entries": 8}));
    assert_eq!(all.len(), 10);
    let risks = |lines: &[Value], name: &str| -> Vec<u64> {
        let of_name = lines.iter().filter(|line| line["indicator"] == name);
        of_name.map(|line| line["risk"].as_u64().unwrap()).collect()
    };
    assert_eq!((risks(&all, "evil.top"), risks(&all, "new.top")), (vec![40], vec![80]));
    let key = Indicator::parse(crate::testing::FILE).unwrap().key();
    let file = all.iter().find(|line| line["kind"] == "sha256").unwrap();
    assert_eq!(file["key"], wardnet_model::hex::Hex(&key.0[..8]).to_string(), "what is kept");
    let again = lines(scene.get("/v1/changes/snapshot").await).await;
    assert_eq!(again, all, "the order is fixed");

    let path = "/v1/changes/snapshot?kind=domain&risk_min=40";
    let some = lines(scene.get(path).await).await;
    assert_eq!(some.len(), 2 + 3, "two that are bad, and a decision");
    let own = scene.house.get(&scene.router, path, Some(&scene.house.tenant)).await;
    assert_eq!(lines(own).await.len(), 2 + 4);
}

#[tokio::test]
async fn whatever_is_asked_is_read_or_refused() {
    for seed in 0..2_000u64 {
        let hash = Key::digest(&seed.to_le_bytes()).0;
        fuzz_changes_query(&hash);
        let mut query =
            *b"cursor=000000000000004d-18446744073709551615&kind=ipv4&wait=3&risk_min=9";
        let at = usize::from(hash[0]) % query.len();
        query[at] = hash[1];
        fuzz_changes_query(&query);
    }
}
