//! Tests of the routes: a whole engine behind them, asked as different callers.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;
use wardnet_model::{Category, Indicator, SuffixList, Timestamp};
use wardnet_server::tokens::{MemoryTokens, NewToken};
use wardnet_server::{
    Gate, Limits as ServerLimits, Metrics, Rate, Role, Tokens, now_unix, with_problem_fallbacks,
};
use wardnet_verdictdb::Question;

use super::*;
use crate::{Options, WriterThread, spawn};

/// An engine, its routes, and tokens for them.
struct House {
    router: Router,
    api: Api,
    tokens: Arc<Tokens>,
    thread: Option<WriterThread>,
    _folder: TempDir,
}

/// A model that finds names with `lure` in them bad.
fn find(indicator: &Indicator) -> Option<Finding> {
    let text = indicator.to_string();
    text.contains("lure").then(|| Finding {
        source: "model:domain@00".into(),
        confidence: 90,
        reason: "it looks like a lure".into(),
    })
}

impl House {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (engine, _) = Engine::open(folder.path(), Options::default(), now_unix()).unwrap();
        let (writer, thread) = spawn(engine, now_unix).unwrap();
        let tokens = Arc::new(Tokens::open(Arc::new(MemoryTokens::default())).unwrap());
        let limits = ServerLimits::default();
        let gate = Gate::new(Arc::clone(&tokens), Arc::default(), Metrics::new("test"), &limits);
        let mut api = Api::new(writer, Arc::clone(&tokens));
        api.finder = Finder::new(find);
        let router = with_problem_fallbacks(routes(&gate, api.clone()), &gate);
        Self { router, api, tokens, thread: Some(thread), _folder: folder }
    }

    fn token(&self, role: Role, tenant: u32) -> String {
        self.token_with(role, tenant, None)
    }

    fn token_with(&self, role: Role, tenant: u32, rate: Option<Rate>) -> String {
        let new =
            NewToken { tenant, role, name: format!("{role} of {tenant}"), expires: None, rate };
        self.tokens.issue(new, now_unix()).unwrap().0.reveal().to_owned()
    }

    async fn send(&self, method: &str, path: &str, token: &str, body: Option<Value>) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        if !token.is_empty() {
            request = request.header("x-api-key", token);
        }
        let body = match body {
            Some(body) => {
                request = request.header("content-type", "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        let request = request.body(body).unwrap();
        Reply::read(self.router.clone().oneshot(request).await.unwrap()).await
    }

    async fn get(&self, path: &str, token: &str) -> Reply {
        self.send("GET", path, token, None).await
    }

    async fn post(&self, path: &str, token: &str, body: Value) -> Reply {
        self.send("POST", path, token, Some(body)).await
    }

    /// What listeners answer to a tenant at this moment.
    fn band(&self, text: &str, tenant: u32) -> &'static str {
        self.answer(text, tenant).0
    }

    fn risk(&self, text: &str, tenant: u32) -> u8 {
        self.answer(text, tenant).1
    }

    fn answer(&self, text: &str, tenant: u32) -> (&'static str, u8) {
        let view = self.api.readers().views.load();
        let indicator = Indicator::parse(text).unwrap();
        let tenant = Some(wardnet_model::TenantId(tenant));
        let question = Question { indicator: &indicator, tenant, addresses: &[] };
        let answer = view.ask(&question, SuffixList::shipped(), now_unix()).unwrap();
        (answer.band.name(), answer.risk.value())
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            thread.stop().unwrap();
        }
    }
}

struct Reply {
    status: u16,
    body: Value,
}

impl Reply {
    async fn read(response: Response<Body>) -> Self {
        let status = response.status().as_u16();
        let bytes = axum::body::to_bytes(response.into_body(), 64 << 20).await.unwrap();
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|error| panic!("{status} {error}: {}", bytes.escape_ascii()));
        Self { status, body }
    }

    fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }

    fn expect_problem(self, status: u16, kind: &str) -> Value {
        let body = self.expect(status);
        assert_eq!(body["type"], format!("/problems/{kind}"), "{body}");
        body
    }
}

fn observation(indicator: &str) -> Value {
    json!({ "observations": [{ "indicator": indicator, "category": "phishing" }] })
}

#[tokio::test]
async fn evidence_is_visible_when_the_reply_comes() {
    let house = House::new();
    let token = house.token(Role::Analyst, 0);
    assert_eq!(house.risk("www.evil.top", 0), 0);
    let reply = house.post("/v1/evidence", &token, observation("hxxp://evil[.]top/")).await;
    assert_eq!(reply.expect(200), json!({ "accepted": 1, "rejected": [] }));
    let reply = house.post("/v1/evidence", &token, observation("evil.top")).await;
    assert_eq!(reply.expect(200)["accepted"], 1);
    assert!(house.risk("www.evil.top", 0) > 0);
    // Said again, it is the same record.
    house.post("/v1/evidence", &token, observation("evil.top")).await.expect(200);
    let explained = house.get("/v1/explain?indicator=evil.top", &token).await.expect(200);
    let evidence = explained["explained"][0]["evidence"].as_array().unwrap();
    assert_eq!(evidence.len(), 1, "{explained}");
    assert_eq!(evidence[0]["reliability"], "C");
    assert!(evidence[0]["source"].as_str().unwrap().starts_with("token:"));
}

#[tokio::test]
async fn what_cannot_be_used_is_told_back_by_its_place() {
    let house = House::new();
    let token = house.token(Role::Reporter, 0);
    let report = json!({
        "observations": [
            { "indicator": "192.168.1.1" },
            { "indicator": "bad.top", "stance": "terrible" },
            { "indicator": "one two" },
            { "indicator": "co.uk" },
            { "indicator": "45.0.0.0/9" },
            { "indicator": "a.arpa" },
            { "indicator": "www.iana.org" },
            { "indicator": "bad.top", "until": "2001-01-01" },
            { "indicator": "bad.top", "confidence": 0 },
            { "indicator": "github.io" },
            { "indicator": "bad.top", "family": "Kit", "confidence": 80 },
        ],
        "relations": [
            { "from": "bad.top", "relation": "resolves-to", "to": "45.95.11.2" },
            { "from": "bad.top", "relation": "likes", "to": "45.95.11.2" },
        ],
    });
    let outcome = house.post("/v1/evidence", &token, report).await.expect(200);
    assert_eq!(outcome["accepted"], 2, "{outcome}");
    let rejected = outcome["rejected"].as_array().unwrap();
    let places: Vec<_> = rejected
        .iter()
        .map(|r| (r["in"].as_str().unwrap(), r["index"].as_u64().unwrap()))
        .collect();
    let mut expected: Vec<_> = (0..10).map(|index| ("observations", index)).collect();
    expected.push(("relations", 1));
    assert_eq!(places, expected);
    assert!(rejected[1]["detail"].as_str().unwrap().contains("malicious"), "names the choices");
    let explained = house.get("/v1/explain?indicator=bad.top", &token).await.expect(200);
    assert_eq!(explained["relations"][0]["to"], "45.95.11.2");
    assert_eq!(explained["explained"][0]["evidence"][0]["family"], "Kit");
}

#[tokio::test]
async fn what_a_model_finds_of_a_report_counts_once_it_is_promoted() {
    let house = House::new();
    let reporter = house.token(Role::Reporter, 0);
    let report = json!({ "observations": [
        { "indicator": "lure.top" }, { "indicator": "plain.top" },
        { "indicator": "fair-lure.top", "stance": "benign" },
    ] });
    house.post("/v1/evidence", &reporter, report.clone()).await.expect(200);
    let reader = house.token(Role::Reader, 0);
    let evidence = async |name: &str| {
        let path = format!("/v1/explain?indicator={name}");
        let explained = house.get(&path, &reader).await.expect(200);
        explained["explained"][0]["evidence"].as_array().unwrap().len()
    };
    assert_eq!(evidence("lure.top").await, 2, "the report, and the model's finding");
    assert_eq!((evidence("plain.top").await, evidence("fair-lure.top").await), (1, 1));
    let on_trial = house.risk("lure.top", 0);
    assert_eq!(on_trial, house.risk("plain.top", 0), "a model on trial counts for nothing");
    let admin = house.token(Role::Admin, 0);
    let path = "/v1/sources/model:domain@00";
    house.send("PUT", path, &admin, Some(json!({ "shadow": false }))).await.expect(200);
    house.post("/v1/evidence", &reporter, report).await.expect(200);
    assert_eq!(evidence("lure.top").await, 2, "one finding of a model on a thing");
    assert!(house.risk("lure.top", 0) > on_trial);
    assert_eq!(house.band("lure.top", 0), "suspicious", "it was asked because of the report");
    let explained = house.get("/v1/explain?indicator=lure.top", &reader).await.expect(200);
    let ceiling = explained["explained"][0]["sum"]["ceiling"].as_str().unwrap();
    assert!(ceiling.contains("only reporters"), "{ceiling}");
    let person = json!({ "kind": "person" });
    let source = explained["explained"][0]["evidence"].as_array().unwrap().iter();
    let source =
        source.filter_map(|line| line["source"].as_str()).find(|name| name.contains("token"));
    let path = format!("/v1/sources/{}", source.unwrap());
    house.send("PUT", &path, &admin, Some(person)).await.expect(200);
    assert_eq!(house.band("lure.top", 0), "malicious", "the administrator vouches for who reports");
}

#[tokio::test]
async fn a_tenants_evidence_and_decisions_are_its_own() {
    let house = House::new();
    let (seven, eight) = (house.token(Role::Analyst, 7), house.token(Role::Analyst, 8));
    house.post("/v1/evidence", &seven, observation("evil.top")).await.expect(200);
    let decision = json!({ "indicator": "kit.top", "action": "block", "reason": "ours" });
    house.post("/v1/decisions", &seven, decision).await.expect(201);
    assert!(house.risk("evil.top", 7) > 0);
    assert_eq!(house.band("kit.top", 7), "malicious");
    for other in [0, 8] {
        assert_eq!((house.risk("evil.top", other), house.risk("kit.top", other)), (0, 0));
    }
    let seen = |token: String| {
        let house = &house;
        async move {
            let explained = house.get("/v1/explain?indicator=evil.top", &token).await.expect(200);
            let lines = explained["explained"].as_array().unwrap().iter();
            let lines: usize = lines.map(|e| e["evidence"].as_array().unwrap().len()).sum();
            let listed = house.get("/v1/decisions", &token).await.expect(200);
            let sources = house.get("/v1/sources", &token).await.expect(200);
            let counts = [&listed["decisions"], &sources["sources"]];
            let [decisions, sources] = counts.map(|list| list.as_array().unwrap().len());
            (lines, decisions, sources)
        }
    };
    assert_eq!(seen(seven).await, (1, 1, 1));
    assert_eq!(seen(eight).await, (0, 0, 0));
}

#[tokio::test]
async fn a_decision_is_in_force_until_it_is_withdrawn() {
    let house = House::new();
    let token = house.token(Role::Analyst, 0);
    let block = json!({
        "indicator": "evil.top", "action": "block", "category": "phishing",
        "reason": "seen in ticket 7", "for": "7d",
    });
    let made = house.post("/v1/decisions", &token, block).await.expect(201);
    assert_eq!((&made["scope"], &made["author"]), (&json!("subtree"), &json!("analyst of 0")));
    let until = Timestamp::parse(made["until"].as_str().unwrap()).unwrap();
    assert_eq!(until.secs_since(Timestamp::parse(made["at"].as_str().unwrap()).unwrap()), 604_800);
    assert_eq!(house.band("http://a.evil.top/x", 0), "malicious");
    let path = "/v1/decisions?indicator=evil.top";
    let listed = house.get(path, &token).await.expect(200);
    assert_eq!(listed["decisions"], json!([made]));
    let all = house.get("/v1/decisions?limit=1", &token).await.expect(200);
    assert_eq!(all["decisions"], json!([made]));
    let next = format!("/v1/decisions?after={}", all["next"].as_str().unwrap());
    let rest = house.get(&next, &token).await.expect(200);
    assert_eq!(rest, json!({ "decisions": [], "next": null }));

    let withdraw = json!({ "indicator": "evil.top", "action": "withdraw", "reason": "wrong" });
    house.post("/v1/decisions", &token, withdraw.clone()).await.expect(201);
    assert_eq!(house.band("http://a.evil.top/x", 0), "unrated");
    house.post("/v1/decisions", &token, withdraw).await.expect_problem(404, "not-found");
    let listed = house.get(path, &token).await.expect(200);
    let in_force = listed["decisions"].as_array().unwrap().iter().map(|d| &d["in_force"]);
    assert_eq!(in_force.collect::<Vec<_>>(), [false, false]);
}

#[tokio::test]
async fn decisions_without_effect_or_sense_are_refused() {
    let house = House::new();
    let token = house.token(Role::Analyst, 0);
    for (change, kind) in [
        (json!({ "indicator": "10.0.0.0/8" }), "no-effect"),
        (json!({ "indicator": "localhost" }), "no-effect"),
        (json!({ "indicator": "root-servers.net" }), "no-effect"),
        (json!({ "indicator": "co.uk" }), "no-effect"),
        (json!({ "indicator": "no no" }), "unprocessable"),
        (json!({ "action": "banish" }), "unprocessable"),
        (json!({ "reason": " " }), "unprocessable"),
        (json!({ "reason": "x".repeat(2_001) }), "unprocessable"),
        (json!({ "until": "2001-01-01" }), "unprocessable"),
        (json!({ "for": "7d", "until": "2100-01-01" }), "unprocessable"),
        (json!({ "for": "soon" }), "unprocessable"),
        (json!({ "scop": "exact" }), "unprocessable"),
    ] {
        let mut body = json!({ "indicator": "evil.top", "action": "block", "reason": "r" });
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        house.post("/v1/decisions", &token, body).await.expect_problem(422, kind);
    }
}

#[tokio::test]
async fn an_explanation_adds_up() {
    let house = House::new();
    let token = house.token(Role::Admin, 0);
    let other = house.token(Role::Reporter, 0);
    for token in [&token, &other] {
        house.post("/v1/evidence", token, observation("evil.top")).await.expect(200);
    }
    house.post("/v1/evidence", &other, observation("45.95.11.0/24")).await.expect(200);
    let path = "/v1/explain?indicator=https%3A%2F%2Fa.evil.top%2Fkit%2Fx";
    let explained = house.get(path, &token).await.expect(200);
    assert_eq!(explained["verdict"]["band"], house.band("a.evil.top", 0));
    let one = &explained["explained"][0];
    assert_eq!((&one["indicator"], &one["applies"]), (&json!("evil.top"), &json!(true)));
    let sum = &one["sum"];
    assert_eq!(sum["recomputed"], sum["exact"]);
    assert_eq!(sum["published"], one["published"]["risk"]);
    assert_eq!(one["today"]["published"], one["published"]["risk"]);
    assert_eq!(sum["groups"].as_array().unwrap().len(), 2);
    let terms = sum["groups"].as_array().unwrap().iter().map(|g| g["s"]["raw"].as_i64().unwrap());
    let log_odds = sum["prior"]["raw"].as_i64().unwrap() + terms.sum::<i64>();
    assert_eq!(sum["log_odds"]["raw"], log_odds);
    let weight = &sum["contributions"][0]["weight"];
    let decimal = weight["raw"].as_f64().unwrap() / wardnet_score::ONE as f64;
    assert!((decimal - weight["value"].as_f64().unwrap()).abs() < 1e-6);

    let address = house.get("/v1/explain?indicator=45.95.11.9", &token).await.expect(200);
    assert_eq!(address["explained"][0]["indicator"], "45.95.11.0/24");
    let later = "/v1/explain?indicator=evil.top&as_of=2100-01-01T00%3A00%3A00Z";
    let later = house.get(later, &token).await.expect(200);
    assert!(later["explained"][0]["sum"]["exact"].as_u64() < sum["exact"].as_u64());
}

#[tokio::test]
async fn a_dispute_waits_until_an_analyst_decides() {
    let house = House::new();
    let (reporter, analyst) = (house.token(Role::Reporter, 0), house.token(Role::Analyst, 0));
    let dispute = json!({ "observations": [
        { "indicator": "good.shop", "stance": "disputed", "reference": "our own shop" },
    ]});
    house.post("/v1/evidence", &reporter, dispute).await.expect(200);
    assert_eq!(house.band("good.shop", 0), "unrated");
    let waiting = house.get("/v1/reports", &analyst).await.expect(200);
    assert_eq!(waiting["reports"][0]["indicator"], "good.shop");
    assert_eq!(waiting["reports"][0]["reference"], "our own shop");
    house.get("/v1/reports", &reporter).await.expect_problem(403, "forbidden");
    let allow = json!({ "indicator": "good.shop", "action": "allow", "reason": "it is" });
    house.post("/v1/decisions", &analyst, allow).await.expect(201);
    assert_eq!(house.band("good.shop", 0), "trusted");
    let waiting = house.get("/v1/reports", &analyst).await.expect(200);
    assert_eq!(waiting["reports"], json!([]));
}

#[tokio::test]
async fn listings_look_at_what_they_list_and_at_nothing_else() {
    let house = House::new();
    let token = house.token(Role::Analyst, 0);
    let many: Vec<Value> =
        (0..500).map(|at| json!({ "indicator": format!("n{at}.top") })).collect();
    house.post("/v1/evidence", &token, json!({ "observations": many })).await.expect(200);
    let dispute = json!({ "observations": [{ "indicator": "n7.top", "stance": "disputed" }] });
    house.post("/v1/evidence", &token, dispute).await.expect(200);
    for name in ["one.top", "two.top", "three.top"] {
        let block = json!({ "indicator": name, "action": "block", "reason": "r" });
        house.post("/v1/decisions", &token, block).await.expect(201);
    }
    // So few may be looked at that a walk over all dossiers would come back with empty hands.
    let limits = Limits { scan_max: 4, ..Limits::default() };
    let server_limits = ServerLimits::default();
    let metrics = Metrics::new("test");
    let gate = Gate::new(Arc::clone(&house.tokens), Arc::default(), metrics, &server_limits);
    let router = routes(&gate, Api { limits, ..house.api.clone() });
    let get = |path: &str| {
        let request = Request::builder().uri(path).header("x-api-key", &token);
        router.clone().oneshot(request.body(Body::empty()).unwrap())
    };
    let decided = Reply::read(get("/v1/decisions").await.unwrap()).await.expect(200);
    assert_eq!(decided["decisions"].as_array().unwrap().len(), 3);
    let page = Reply::read(get("/v1/decisions?limit=2").await.unwrap()).await.expect(200);
    assert_eq!(page["decisions"].as_array().unwrap().len(), 2);
    let next = format!("/v1/decisions?after={}", page["next"].as_str().unwrap());
    let rest = Reply::read(get(&next).await.unwrap()).await.expect(200);
    assert_eq!((rest["decisions"].as_array().unwrap().len(), &rest["next"]), (1, &Value::Null));
    let disputed = Reply::read(get("/v1/reports").await.unwrap()).await.expect(200);
    assert_eq!(disputed["reports"][0]["indicator"], "n7.top");
}

#[tokio::test]
async fn an_explanation_of_the_past_leaves_out_what_came_later() {
    let house = House::new();
    let token = house.token(Role::Analyst, 0);
    let seen = |at: &str| {
        json!({ "observations": [
            { "indicator": "evil.top", "first_seen": at, "record": at, "confidence": 90 },
        ]})
    };
    house.post("/v1/evidence", &token, seen("2026-01-01")).await.expect(200);
    house.post("/v1/evidence", &token, observation("evil.top")).await.expect(200);
    let block = json!({ "indicator": "evil.top", "action": "block", "reason": "r" });
    house.post("/v1/decisions", &token, block).await.expect(201);
    let of = |path: &'static str| {
        let (house, token) = (&house, &token);
        async move {
            let explained = house.get(path, token).await.expect(200);
            let one = &explained["explained"][0];
            ["evidence", "decisions"].map(|name| one[name].as_array().unwrap().len())
        }
    };
    assert_eq!(of("/v1/explain?indicator=evil.top").await, [2, 1]);
    assert_eq!(of("/v1/explain?indicator=evil.top&as_of=2026-03-01").await, [1, 0]);
}

#[tokio::test]
async fn describing_a_source_opens_an_epoch() {
    let house = House::new();
    let admin = house.token(Role::Admin, 0);
    let before = house.get("/v1/sources", &admin).await.expect(200);
    let path = "/v1/sources/openphish";
    let body = json!({ "reliability": "B", "half_life": "14d", "per_kind": { "url": "A" } });
    let put = house.send("PUT", path, &admin, Some(body)).await.expect(200);
    assert_eq!(put["epoch"].as_u64(), before["epoch"].as_u64().map(|epoch| epoch + 1));
    assert_eq!(put["source"]["half_life_secs"], 1_209_600);
    let body = json!({ "shadow": true, "half_life": "default" });
    let again = house.send("PUT", path, &admin, Some(body)).await.expect(200);
    let source = &again["source"];
    assert_eq!((&source["reliability"], &source["shadow"]), (&json!("B"), &json!(true)));
    assert_eq!(
        (&source["per_kind"], &source["half_life_secs"]),
        (&json!({"url": "A"}), &json!(null))
    );
    let listed = house.get("/v1/sources", &admin).await.expect(200);
    assert_eq!(listed["sources"], json!([source]));
    let tenant = house.token(Role::Admin, 7);
    let refused = house.send("PUT", path, &tenant, Some(json!({}))).await;
    refused.expect_problem(403, "forbidden");
    let wrong = house.send("PUT", path, &admin, Some(json!({ "reliability": "Z" }))).await;
    wrong.expect_problem(422, "unprocessable");
    let name = house.send("PUT", "/v1/sources/a%20b", &admin, Some(json!({}))).await;
    name.expect_problem(422, "unprocessable");
}

#[tokio::test]
async fn an_operators_description_survives_the_next_report() {
    let house = House::new();
    let (admin, reporter) = (house.token(Role::Admin, 0), house.token(Role::Reporter, 0));
    house.post("/v1/evidence", &reporter, observation("evil.top")).await.expect(200);
    let listed = house.get("/v1/sources", &admin).await.expect(200);
    assert_eq!(listed["sources"][0]["reliability"], "D");
    let path = format!("/v1/sources/{}", listed["sources"][0]["name"].as_str().unwrap());
    house.send("PUT", &path, &admin, Some(json!({ "reliability": "A" }))).await.expect(200);
    house.post("/v1/evidence", &reporter, observation("worse.top")).await.expect(200);
    let listed = house.get("/v1/sources", &admin).await.expect(200);
    assert_eq!(listed["sources"][0]["reliability"], "A");
}

#[tokio::test]
async fn roles_limits_and_shapes_are_kept() {
    let house = House::new();
    let (reader, reporter) = (house.token(Role::Reader, 0), house.token(Role::Reporter, 0));
    let decision = json!({ "indicator": "evil.top", "action": "block", "reason": "r" });
    house.get("/v1/explain?indicator=evil.top", "").await.expect_problem(401, "unauthorized");
    house.post("/v1/decisions", &reporter, decision).await.expect_problem(403, "forbidden");
    let report = observation("evil.top");
    house.post("/v1/evidence", &reader, report.clone()).await.expect_problem(403, "forbidden");
    house.get("/v1/explain", &reader).await.expect_problem(400, "bad-request");
    house.get("/v1/explain?indicator=a.top&x=1", &reader).await.expect_problem(400, "bad-request");
    house.get("/v1/explain?indicator=", &reader).await.expect_problem(422, "unprocessable");
    let path = "/v1/explain?indicator=a.top&as_of=yesterday";
    house.get(path, &reader).await.expect_problem(422, "unprocessable");
    house.get("/v1/decisions?limit=0", &reader).await.expect_problem(400, "bad-request");
    house.get("/v1/decisions?after=zz", &reader).await.expect_problem(400, "bad-request");
    let missing = house.send("DELETE", "/v1/decisions", &reader, None).await;
    missing.expect_problem(405, "method-not-allowed");
    let bodiless = house.send("POST", "/v1/evidence", &reporter, None).await;
    bodiless.expect_problem(415, "unsupported-media-type");
    let one = json!({ "indicator": "evil.top" });
    let many = json!({ "observations": vec![one.clone(); 10_001] });
    house.post("/v1/evidence", &reporter, many).await.expect_problem(413, "batch-too-large");
    let poor = house.token_with(Role::Reporter, 0, Some(Rate { per_second: 1, burst: 3 }));
    let three = json!({ "observations": vec![one; 3] });
    house.post("/v1/evidence", &poor, three.clone()).await.expect(200);
    house.post("/v1/evidence", &poor, three).await.expect_problem(429, "over-budget");
}

#[tokio::test]
async fn a_stopped_writer_is_not_available() {
    let mut house = House::new();
    let token = house.token(Role::Analyst, 0);
    house.thread.take().unwrap().stop().unwrap();
    let reply = house.post("/v1/evidence", &token, observation("evil.top")).await;
    reply.expect_problem(503, "unavailable");
}

#[test]
fn a_full_disk_is_not_the_clients_fault_nor_a_riddle() {
    let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
    let error = EngineError::Io { action: "write", path: "/data".into(), source: full };
    let problem = refused(WriteError::Engine(Arc::new(error)));
    assert_eq!(problem.status(), 507);
    assert!(problem.detail().contains("makes room"));
    let closed = EngineError::Store(wardnet_store::StoreError::Closed);
    assert_eq!(refused(WriteError::Engine(Arc::new(closed))).status(), 503);
}

#[test]
fn every_path_is_described() {
    let part = openapi();
    let described: Vec<String> = part["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| {
            methods.as_object().unwrap().keys().map(move |method| format!("{method} {path}"))
        })
        .collect();
    let mut described = described;
    described.sort_unstable();
    assert_eq!(
        described,
        [
            "get /v1/decisions",
            "get /v1/explain",
            "get /v1/reports",
            "get /v1/sources",
            "post /v1/decisions",
            "post /v1/evidence",
            "put /v1/sources/{name}",
        ]
    );
}

#[test]
fn the_words_of_the_description_are_those_of_the_model() {
    let schemas = openapi()["components"]["schemas"].take();
    let observation = &schemas["Observation"]["properties"];
    let names: Vec<&str> = wardnet_model::Category::all().map(|one| one.name()).collect();
    assert_eq!(observation["category"]["enum"], json!(names));
    for stance in observation["stance"]["enum"].as_array().unwrap() {
        stance.as_str().unwrap().parse::<wardnet_model::Stance>().unwrap();
    }
}

#[tokio::test]
async fn a_sensor_has_one_word_on_each_thing_and_none_on_what_is_set_apart() {
    let house = House::new();
    let sighting = |text: &str, category| Sighting {
        indicator: Indicator::parse(text).unwrap(),
        category,
        first_seen: None,
        until: None,
        reference: "x".repeat(5_000),
    };
    let machine = || Sensor::Machine("crowdsec:edge-1".to_owned());
    let seen = vec![
        sighting("45.95.11.1", Category::BruteForce),
        sighting("10.1.2.3", Category::BruteForce),
        sighting("45.0.0.0/8", Category::BruteForce),
    ];
    assert_eq!(house.api.take_sightings(machine(), seen).await, Ok(1), "the rest is set apart");
    let risk = house.risk("45.95.11.1", 0);
    assert!(risk >= 70, "an operator's own sensor is believed: {risk}");
    for category in [Category::Scanner, Category::WebAttack, Category::BruteForce] {
        let again = vec![sighting("45.95.11.1", category)];
        assert_eq!(house.api.take_sightings(machine(), again).await, Ok(1));
        assert_eq!(house.risk("45.95.11.1", 0), risk, "it says no more by saying it again");
    }
    // A token's word is its own source's, in its tenant.
    let token = house.token(Role::Reporter, 7);
    let principal = house.tokens.verify(token.as_bytes(), now_unix()).unwrap().principal();
    let seen = vec![sighting("45.95.12.1", Category::BruteForce)];
    assert_eq!(house.api.take_sightings(Sensor::Token(principal), seen).await, Ok(1));
    assert_eq!(house.risk("45.95.12.1", 0), 0, "another tenant's");
    assert_ne!(house.risk("45.95.12.1", 7), 0);
}
