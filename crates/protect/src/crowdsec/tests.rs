//! What bouncers are told, step by step, over restarts, and over HTTP.

use super::follow::Follower;
use super::place::Place;
use super::stream::Pull;
use super::*;
use crate::testing::{House, json, send};
use axum::body::Body;
use axum::http::{Request, Response};
use proptest::prelude::*;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use tower::ServiceExt as _;
use wardnet_model::{
    Band, Basis, Category, CategorySet, Indicator, Risk, Scope, SuffixList, Timestamp,
};
use wardnet_server::tokens::MemoryTokens;
use wardnet_server::{Health, Tokens, now_unix};
use wardnet_verdictdb::{
    Change, EntryData, FeedLimits, Layer, Profile, Question, SourceSet, Terms, View, Views,
};
use wardnet_wire::crowdsec::StreamQuery;

/// What somebody says of a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Attacker,
    Spam,
    Doubtful,
    Good,
    Blocked,
    Allowed,
}

const WORDS: [Word; 6] =
    [Word::Attacker, Word::Spam, Word::Doubtful, Word::Good, Word::Blocked, Word::Allowed];

fn change(seq: u64, text: &str, word: Word, is_said: bool, until: Option<Timestamp>) -> Change {
    let (risk, band, category) = match word {
        Word::Attacker => (90, Band::Malicious, Some(Category::Attacker)),
        Word::Spam => (80, Band::Malicious, Some(Category::Spam)),
        Word::Doubtful => (40, Band::Suspicious, Some(Category::Scanner)),
        Word::Good => (0, Band::Safe, Some(Category::KnownGood)),
        Word::Blocked => (100, Band::Malicious, None),
        Word::Allowed => (0, Band::Trusted, None),
    };
    let is_decision = matches!(word, Word::Blocked | Word::Allowed);
    let basis = if is_decision { Basis::Decision } else { Basis::Evidence };
    let categories: CategorySet = category.into_iter().collect();
    let sources = SourceSet::default();
    let profile = Profile { risk: Risk::new(risk), band, basis, categories, sources };
    let terms = is_decision.then_some(Terms { decided_at: Timestamp(1), until });
    let new = EntryData { profile, name: None, facts: None, terms };
    let layer = if is_decision { Layer::Decision } else { Layer::Evidence };
    let indicator = Indicator::parse(text).unwrap();
    let (kind, key) = (indicator.kind().unwrap(), indicator.key());
    Change { seq, layer, kind, key, scope: Scope::Exact, new: is_said.then_some(new) }
}

/// A view, and a service that follows it step by step.
struct Scene {
    folder: tempdir::Folder,
    config: CrowdSecConfig,
    views: Arc<Views>,
    service: Arc<Service>,
    follower: Option<Follower>,
    seq: u64,
}

/// Folders that go when they are dropped.
mod tempdir {
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicU32, Ordering};

    static NEXT: AtomicU32 = AtomicU32::new(0);

    pub(super) struct Folder(pub(super) PathBuf);

    impl Folder {
        pub(super) fn new() -> Self {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let name = format!("wardnet-crowdsec-{}-{number}", std::process::id());
            Self(std::env::temp_dir().join(name))
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _gone = std::fs::remove_dir_all(&self.0);
        }
    }
}

fn around(folder: &Path, feed: Arc<ChangeFeed>) -> Surroundings {
    let metrics = CrowdSecMetrics::new(&wardnet_server::Metrics::new("test"));
    let health = Troubles::new(&Health::new(), "crowdsec");
    let tokens = Arc::new(Tokens::open(Arc::new(MemoryTokens::default())).unwrap());
    let agents = agents(folder, tokens, Arc::default());
    Surroundings { feed, folder: folder.to_path_buf(), metrics, health, agents }
}

/// Everything that agents reported.
type Heard = Arc<Mutex<Vec<(Agent, Sighting)>>>;

fn agents(folder: &Path, tokens: Arc<Tokens>, heard: Heard) -> Agents {
    let machines = Arc::new(Machines::open(folder).unwrap());
    let report: Report = Arc::new(move |agent, sightings| {
        let count = sightings.len();
        let mut heard = heard.lock().unwrap();
        heard.extend(sightings.into_iter().map(|one| (agent.clone(), one)));
        Box::pin(async move { Ok(count) })
    });
    Agents::new(machines, Sessions::new(&[7; 32]), tokens, report)
}

fn open(
    config: &CrowdSecConfig,
    folder: &Path,
    views: &Views,
    history: u64,
) -> (Arc<Service>, Follower) {
    // A small history: who lags much has to be told what nobody can say step by step.
    let limits = FeedLimits { changes_max: 6, ..FeedLimits::default() };
    let feed = views.keep_changes(history, limits);
    let (service, told) = Service::open(config.clone(), &around(folder, feed));
    let follower = Follower::begin(Arc::clone(&service), told);
    (service, follower)
}

impl Scene {
    fn new(config: CrowdSecConfig) -> Self {
        let folder = tempdir::Folder::new();
        let views = Arc::new(Views::default());
        let (service, follower) = open(&config, &folder.0, &views, 1);
        Self { folder, config, views, service, follower: Some(follower), seq: 0 }
    }

    fn say(&mut self, text: &str, word: Word, is_said: bool) {
        self.say_until(text, word, is_said, None);
    }

    fn say_until(&mut self, text: &str, word: Word, is_said: bool, until: Option<Timestamp>) {
        self.seq += 1;
        let change = change(self.seq, text, word, is_said, until);
        self.views.publish(&[change], Timestamp(self.seq));
    }

    fn follow(&mut self) {
        self.follower = self.follower.take().map(Follower::catch_up);
    }

    /// Another run of the program, with nothing but the file and the view.
    fn restart(&mut self) {
        self.follower = None;
        self.service.kept().book.close();
        let view = View::clone(&self.views.load());
        self.views = Arc::new(Views::new(view));
        self.seq += 1;
        let (service, follower) = open(&self.config, &self.folder.0, &self.views, self.seq);
        (self.service, self.follower) = (service, Some(follower));
    }

    fn told(&self) -> Told {
        self.service.ready(Clone::clone).unwrap()
    }

    /// What is to be blocked, by asking about every candidate.
    fn truth(&self, candidates: &[&str]) -> BTreeSet<String> {
        let (view, policy, now) = (self.views.load(), self.config.policy(), now_unix());
        let ask = |text: &str| {
            let indicator = Indicator::parse(text).unwrap();
            let kind = indicator.kind().unwrap();
            let hits = view.find(None, kind, &indicator.key(), now).unwrap();
            let own = hits.iter().any(|(_, hit)| {
                policy.blocks(hit.profile.risk, hit.profile.band, hit.profile.categories)
            });
            let question = Question::about(&indicator);
            let answer = view.ask(&question, SuffixList::shipped(), now).unwrap();
            (
                own,
                policy.blocks(answer.risk, answer.band, answer.categories),
                hits.iter().any(|(layer, hit)| {
                    layer == Layer::Decision && hit.profile.band == Band::Trusted
                }),
            )
        };
        let mut told = BTreeSet::new();
        for text in candidates.iter().filter(|text| matches!(ask(text), (true, true, _))) {
            let network = network_of(text);
            let mut holes: Vec<_> = candidates
                .iter()
                .filter(|one| ask(one).2)
                .map(|one| network_of(one))
                .filter(|hole| network.contains(hole) && *hole != network)
                .collect();
            holes.sort_unstable();
            let mut parts = Vec::new();
            crate::around::around(network, &holes, &mut parts);
            let places = parts.iter().filter_map(|part| Place::of(part.addr(), part.prefix_len()));
            told.extend(places.map(Place::text));
        }
        // Each address is blocked exactly if a question about it is answered so.
        for text in candidates.iter().filter(|text| !text.contains('/')) {
            let is_covered = told.iter().any(|one| network_of(one).contains(&network_of(text)));
            assert_eq!(is_covered, ask(text).1, "{text}: {told:?}");
        }
        told
    }
}

fn network_of(text: &str) -> ipnet::IpNet {
    text.parse().unwrap_or_else(|_| ipnet::IpNet::from(text.parse::<std::net::IpAddr>().unwrap()))
}

/// A bouncer that does what it is told.
#[derive(Debug, Clone)]
struct Bouncer {
    id: BouncerId,
    query: StreamQuery,
    blocked: BTreeSet<String>,
}

impl Bouncer {
    fn new(number: u8, query: &str) -> Self {
        let query = StreamQuery::read(query, &Limits::default()).unwrap();
        Self { id: [number; 16], query, blocked: BTreeSet::new() }
    }

    /// Pulls; gives back how much it was told to block.
    fn pull(&mut self, service: &Service, startup: bool, now: Timestamp) -> usize {
        let told = service.ready(Clone::clone).unwrap();
        let known = if startup { None } else { service.known(self.id, &told) };
        let (filter, wording) = (&self.query.filter, &service.wording);
        let mut out = Vec::new();
        Pull { told: &told, known, filter, wording, now }.write(&mut out).unwrap();
        service.heard(self.id, Known { seq: told.seq(), at_secs: told::secs(now) });
        let answer: Value = serde_json::from_slice(&out).unwrap();
        if startup {
            self.blocked.clear();
        }
        for gone in answer["deleted"].as_array().unwrap() {
            assert!(gone["duration"].as_str().unwrap().starts_with('-'), "{gone}");
            self.blocked.remove(gone["value"].as_str().unwrap());
        }
        let new = answer["new"].as_array().unwrap();
        self.blocked.extend(new.iter().map(|one| one["value"].as_str().unwrap().to_owned()));
        new.len()
    }
}

const CANDIDATES: [&str; 8] = [
    "45.95.11.1",
    "45.95.11.2",
    "45.95.11.0/24",
    "45.95.0.0/16",
    "45.96.0.7",
    "2a0b:f4c0::1",
    "2a0b:f4c0::/32",
    "10.1.2.3",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn bouncers_block_what_is_told_over_restarts_and_gaps(
        steps in proptest::collection::vec(
            (0..CANDIDATES.len(), 0..WORDS.len(), any::<bool>(), 0u8..12), 1..60),
    ) {
        let mut scene = Scene::new(CrowdSecConfig::default());
        let mut often = Bouncer::new(1, "");
        let mut seldom = Bouncer::new(2, "");
        let mut picky = Bouncer::new(3, "scenarios_containing=attacker&scopes=ip");
        for (place, word, is_said, then) in steps {
            scene.say(CANDIDATES[place], WORDS[word], is_said);
            match then {
                0 => scene.restart(),
                1..8 => scene.follow(),
                _ => continue,
            }
            let truth = scene.truth(&CANDIDATES);
            let now = now_unix();
            let blocked: BTreeSet<_> =
                scene.told().rows().map(|(place, _)| place.text()).collect();
            prop_assert_eq!(&blocked, &truth);
            often.pull(&scene.service, false, now);
            prop_assert_eq!(&often.blocked, &truth);
            if then < 3 {
                seldom.pull(&scene.service, false, now);
                prop_assert_eq!(&seldom.blocked, &truth);
                picky.pull(&scene.service, false, now);
                let wanted: BTreeSet<_> = scene.told().rows()
                    .filter(|(place, row)| place.is_single() && row.said.category == Category::Attacker)
                    .map(|(place, _)| place.text()).collect();
                prop_assert_eq!(&picky.blocked, &wanted);
            }
        }
    }
}

#[test]
fn nothing_is_told_twice_but_in_its_turn() {
    let mut scene = Scene::new(CrowdSecConfig::default());
    scene.say("45.95.11.1", Word::Attacker, true);
    scene.say("45.95.11.0/24", Word::Spam, true);
    scene.follow();
    let mut bouncer = Bouncer::new(1, "");
    let now = now_unix();
    assert_eq!(bouncer.pull(&scene.service, false, now), 2, "nobody knows it yet");
    assert_eq!(bouncer.pull(&scene.service, false, now), 0);
    scene.restart();
    assert_eq!(bouncer.pull(&scene.service, false, now), 0, "a restart is no news");
    scene.say("45.95.11.1", Word::Spam, true);
    scene.follow();
    assert_eq!(bouncer.pull(&scene.service, false, now), 1, "it is spam now");
    // Everything is told again within half the time for which it holds, and once only.
    let half = 168 * 3_600 / 2;
    let mut told = 0;
    for step in 1..=100 {
        told += bouncer.pull(&scene.service, false, Timestamp(now.0 + half * step / 100));
    }
    assert_eq!(told, 2);
    let gap = Timestamp(now.0 + half * 3);
    assert_eq!(bouncer.pull(&scene.service, false, gap), 2, "all has run out meanwhile");
}

#[test]
fn other_settings_are_told_as_differences() {
    let mut scene = Scene::new(CrowdSecConfig::default());
    scene.say("45.95.11.1", Word::Attacker, true);
    scene.say("45.95.11.2", Word::Doubtful, true);
    scene.follow();
    let mut bouncer = Bouncer::new(1, "");
    assert_eq!(bouncer.pull(&scene.service, true, now_unix()), 1);
    scene.config.level = wardnet_score::Level::High;
    scene.restart();
    assert_eq!(bouncer.pull(&scene.service, false, now_unix()), 1);
    scene.config.categories = CategorySet::EMPTY.with(Category::Scanner);
    scene.restart();
    assert_eq!(bouncer.pull(&scene.service, false, now_unix()), 0);
    assert_eq!(bouncer.blocked, BTreeSet::from(["45.95.11.2".to_owned()]));
}

#[test]
fn decisions_end_by_themselves() {
    let mut scene = Scene::new(CrowdSecConfig::default());
    let soon = Timestamp(now_unix().0 + 2);
    scene.say_until("45.95.11.1", Word::Blocked, true, Some(soon));
    scene.say("45.95.12.0/24", Word::Attacker, true);
    scene.say_until("45.95.12.9", Word::Allowed, true, Some(soon));
    scene.follow();
    let mut bouncer = Bouncer::new(1, "");
    bouncer.pull(&scene.service, true, now_unix());
    let around = ["45.95.12.0/29", "45.95.12.8", "45.95.12.10/31", "45.95.12.12/30"];
    let beyond = ["45.95.12.16/28", "45.95.12.32/27", "45.95.12.64/26", "45.95.12.128/25"];
    let told = ["45.95.11.1"].into_iter().chain(around).chain(beyond).map(str::to_owned);
    assert_eq!(bouncer.blocked, told.collect(), "the parts around the exception");
    while now_unix() < soon {
        std::thread::yield_now();
    }
    scene.follow();
    bouncer.pull(&scene.service, false, now_unix());
    assert_eq!(bouncer.blocked, BTreeSet::from(["45.95.12.0/24".to_owned()]));
}

/// A service that answers over HTTP.
struct Listening {
    house: House,
    router: Router,
    running: CrowdSec,
    scene: Scene,
    heard: Heard,
}

impl Listening {
    async fn new(mut scene: Scene) -> Self {
        scene.follow();
        scene.service.kept().book.close();
        let feed = scene.views.keep_changes(1, FeedLimits::default());
        let (house, heard) = (House::new(), Heard::default());
        let mut around = around(&scene.folder.0, feed);
        around.agents = agents(&scene.folder.0, Arc::clone(&house.tokens), Arc::clone(&heard));
        let running = CrowdSec::start(scene.config.clone(), &around);
        let router = running.routes(&house.gate);
        while !matches!(&**running.service.served.load(), Served::Ready(_)) {
            tokio::task::yield_now().await;
        }
        Self { house, router, running, scene, heard }
    }

    async fn ask(&self, method: &str, path: &str, agent: &str) -> Response<Body> {
        let request = Request::builder().method(method).uri(path).header("user-agent", agent);
        let request = request.header("x-api-key", &self.house.reader);
        self.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    }

    async fn values(&self, path: &str, agent: &str) -> (Vec<String>, Vec<String>) {
        let answer = json(self.ask("GET", path, agent).await).await;
        let values = |list: &Value| {
            let list = list.as_array().unwrap().iter();
            list.map(|one| one["value"].as_str().unwrap().to_owned()).collect()
        };
        (values(&answer["new"]), values(&answer["deleted"]))
    }
}

const STREAM: &str = "/v1/decisions/stream";

#[tokio::test]
async fn a_key_is_needed_and_errors_have_a_message() {
    let served = Listening::new(Scene::new(CrowdSecConfig::default())).await;
    for path in [STREAM, "/v1/decisions"] {
        let refused = send(&served.router, "GET", path, None, None).await;
        assert_eq!(refused.status(), 403);
        assert!(json(refused).await["message"].is_string());
    }
    let refused = served.ask("GET", "/v1/decisions?ip=nowhere", "b/1").await;
    assert_eq!(refused.status(), 400);
    assert!(json(refused).await["message"].as_str().unwrap().contains("`ip`"));
    assert_eq!(served.ask("GET", "/v1/elsewhere", "b/1").await.status(), 404);
}

#[tokio::test]
async fn bouncers_that_share_a_key_each_hear_everything() {
    let mut scene = Scene::new(CrowdSecConfig::default());
    scene.say("45.95.11.1", Word::Attacker, true);
    let served = Listening::new(scene).await;
    let one = vec!["45.95.11.1".to_owned()];
    assert_eq!(served.values(STREAM, "one/1").await, (one.clone(), vec![]));
    assert_eq!(served.values(STREAM, "one/2").await, (vec![], vec![]), "an update is no other one");
    // To look is not to listen.
    assert_eq!(served.ask("HEAD", STREAM, "two/1").await.status(), 200);
    // Nor is an answer that nobody took.
    drop(served.ask("GET", STREAM, "two/1").await);
    assert_eq!(served.values(STREAM, "two/1").await, (one.clone(), vec![]));
    assert_eq!(served.values(&format!("{STREAM}?scopes=range"), "one/1").await, (vec![], vec![]));
    assert_eq!(served.values(&format!("{STREAM}?startup=true"), "one/1").await, (one, vec![]));
    assert_eq!(served.running.config(), &served.scene.config);
}

#[tokio::test]
async fn one_visitor_is_asked_about_with_all_exceptions() {
    let mut scene = Scene::new(CrowdSecConfig::default());
    scene.say("45.95.0.0/16", Word::Attacker, true);
    scene.say("45.95.11.1", Word::Spam, true);
    scene.say("45.95.11.2", Word::Allowed, true);
    let served = Listening::new(scene).await;
    let ask = async |query: &str| {
        json(served.ask("GET", &format!("/v1/decisions?{query}"), "b/1").await).await
    };
    let values = |answer: &Value| {
        let list = answer.as_array().cloned().unwrap_or_default();
        list.iter().map(|one| one["value"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(values(&ask("ip=45.95.11.1").await), ["45.95.11.1", "45.95.0.0/16"]);
    assert_eq!(values(&ask("ip=45.95.99.9").await), ["45.95.0.0/16"]);
    for nothing in [
        "ip=45.95.11.2",
        "ip=45.94.1.1",
        "ip=45.95.11.1&type=captcha",
        "ip=45.95.11.1&origins=cscli",
        "scope=country",
        "value=nowhere",
        "range=45.96.0.0/16&contains=false",
    ] {
        assert_eq!(ask(nothing).await, Value::Null, "{nothing}");
    }
    // The parts around what is allowed, and what is listed for itself.
    let nearby = values(&ask("range=45.95.11.0/24&contains=false").await);
    assert_eq!(nearby[..4], ["45.95.11.0/31", "45.95.11.1", "45.95.11.3", "45.95.11.4/30"]);
    assert_eq!(nearby.len(), 9);
    assert_eq!(values(&ask("scope=ip&value=45.95.11.1").await), ["45.95.11.1"]);
    assert_eq!(values(&ask("").await).len(), 17, "the /16 but for one address, and one for itself");
    let one = ask("ip=45.95.11.1&scope=ip").await;
    assert_eq!(one[0]["scenario"], "wardnet/spam");
    assert_eq!((&one[0]["duration"], &one[0]["origin"]), (&"168h0m0s".into(), &"wardnet".into()));
}

impl Listening {
    fn agents() -> CrowdSecConfig {
        CrowdSecConfig { agents: true, central: true, ..CrowdSecConfig::default() }
    }

    async fn say(&self, path: &str, session: &str, body: &str) -> Response<Body> {
        let method = if body.is_empty() { "GET" } else { "POST" };
        let request = Request::builder().method(method).uri(path).header("user-agent", "agent/1.4");
        let request = request.header("authorization", session);
        let request = request.header("content-type", "application/json");
        let request = request.body(Body::from(body.to_owned())).unwrap();
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// A session, or the status of the answer.
    async fn log_in(&self, name: &str, password: &str) -> Result<String, u16> {
        let body = format!(r#"{{"machine_id":"{name}","password":"{password}"}}"#);
        let answer = self.say("/v1/watchers/login", "", &body).await;
        let status = answer.status().as_u16();
        let answer = json(answer).await;
        if status != 200 {
            assert!(answer["message"].is_string(), "{answer}");
            return Err(status);
        }
        assert!(Timestamp::parse(answer["expire"].as_str().unwrap()).unwrap() > now_unix());
        Ok(format!("Bearer {}", answer["token"].as_str().unwrap()))
    }

    fn machines(&self) -> &Machines {
        &self.running.service.agents.machines
    }

    fn token(&self, tenant: u32) -> (String, wardnet_server::tokens::TokenId) {
        let (role, name) = (wardnet_server::Role::Reporter, "agent".to_owned());
        let new =
            wardnet_server::tokens::NewToken { tenant, role, name, expires: None, rate: None };
        let (text, record) = self.house.tokens.issue(new, now_unix()).unwrap();
        (text.reveal().to_owned(), record.id)
    }
}

const ALERT: &str = r#"[{"scenario":"crowdsecurity/ssh-bf","message":"6 failures","events_count":6,
    "start_at":"2026-01-02T03:04:05Z","source":{"scope":"Ip","value":"45.95.11.1"},"simulated":false,
    "decisions":[{"duration":"4h","origin":"crowdsec","scope":"Ip","value":"45.95.11.1"}]}]"#;

#[tokio::test]
async fn an_agent_reports_once_the_operator_knows_it() {
    let served = Listening::new(Scene::new(Listening::agents())).await;
    let register = r#"{"machine_id":"edge-1","password":"a secret"}"#;
    assert_eq!(served.say("/v1/watchers", "", register).await.status(), 201);
    assert_eq!(served.say("/v1/watchers", "", register).await.status(), 403, "the name is taken");
    assert_eq!(served.log_in("edge-1", "a secret").await, Err(401), "it waits");
    served.machines().validate("edge-1").unwrap();
    assert_eq!(served.log_in("edge-1", "another").await, Err(401));
    assert_eq!(served.log_in("edge-2", "a secret").await, Err(401));
    let session = served.log_in("edge-1", "a secret").await.unwrap();
    assert_eq!(served.say("/v1/alerts", "Bearer nonsense", ALERT).await.status(), 401);
    let forged = format!("{session}x");
    assert_eq!(served.say("/v1/alerts", &forged, ALERT).await.status(), 401);
    let taken = served.say("/v1/alerts", &session, ALERT).await;
    assert_eq!((taken.status().as_u16(), json(taken).await), (201, serde_json::json!(["1"])));
    let simulated = ALERT.replace(r#""simulated":false"#, r#""simulated":true"#);
    assert_eq!(served.say("/v1/alerts", &session, &simulated).await.status(), 201);
    let heard = served.heard.lock().unwrap().clone();
    let [(agent, sighting)] = &heard[..] else { panic!("{heard:?}") };
    assert_eq!(*agent, Agent::Machine("edge-1".to_owned()));
    assert_eq!(sighting.indicator, Indicator::parse("45.95.11.1").unwrap());
    assert_eq!((sighting.category, sighting.until), (Category::BruteForce, None));
    assert_eq!(served.say("/v1/heartbeat", &session, "").await.status(), 200);
    let listed = json(served.say("/v1/alerts?limit=1", &session, "").await).await;
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["simulated"]), (1, &true.into()));
    let allowed = served.say("/v1/allowlists/check/45.95.11.1", &session, "").await;
    assert_eq!(json(allowed).await["allowlisted"], false);
    for path in ["/v1/decisions", "/v1/decisions/3", "/v1/alerts", "/v1/alerts/1"] {
        let request = Request::delete(path).header("authorization", &session);
        let request = request.body(Body::empty()).unwrap();
        let refused = served.router.clone().oneshot(request).await.unwrap();
        assert_eq!(refused.status(), 403, "{path}");
        assert!(json(refused).await["message"].as_str().unwrap().contains("wardnet allow"));
    }
    // Passwords stand nowhere, and a forgotten machine is out at once.
    let file = std::fs::read_to_string(served.scene.folder.0.join("machines.json")).unwrap();
    assert!(file.contains("edge-1") && !file.contains("secret"), "{file}");
    served.machines().remove("edge-1").unwrap();
    assert_eq!(served.say("/v1/heartbeat", &session, "").await.status(), 401);
}

#[tokio::test]
async fn a_token_is_a_password_as_long_as_it_holds() {
    let served = Listening::new(Scene::new(Listening::agents())).await;
    assert_eq!(served.log_in("any", &served.house.reader).await, Err(403), "a reader reports not");
    let (text, id) = served.token(7);
    let session = served.log_in("any", &text).await.unwrap();
    let by_hand = ALERT.replace(r#""origin":"crowdsec""#, r#""origin":"cscli""#);
    assert_eq!(served.say("/v3/signals", &session, &by_hand).await.status(), 200);
    let (agent, sighting) = served.heard.lock().unwrap()[0].clone();
    let Agent::Token(principal) = agent else { panic!("{agent:?}") };
    assert_eq!((principal.token, principal.tenant), (Some(id), 7));
    let left = sighting.until.unwrap().0.saturating_sub(now_unix().0);
    assert!((14_300..=14_400).contains(&left), "{left}");
    served.house.tokens.remove(id).unwrap();
    assert_eq!(served.say("/v3/signals", &session, &by_hand).await.status(), 401);
}

#[tokio::test]
async fn the_central_list_comes_in_both_shapes() {
    let mut scene = Scene::new(Listening::agents());
    scene.say("45.95.11.1", Word::Attacker, true);
    scene.say("45.95.12.0/24", Word::Spam, true);
    let served = Listening::new(scene).await;
    let session = served.log_in("any", &served.token(0).0).await.unwrap();
    assert_eq!(served.say("/v2/decisions/stream", "", "").await.status(), 401);
    let flat = json(served.say("/v2/decisions/stream", &session, "").await).await;
    assert_eq!(flat["new"].as_array().unwrap().len(), 2);
    assert_eq!(flat["new"][0]["origin"], "CAPI");
    // Clients in Python name no scheme.
    let bare = session.strip_prefix("Bearer ").unwrap();
    let grouped = json(served.say("/v3/decisions/stream", bare, "").await).await;
    let groups = grouped["new"].as_array().unwrap();
    assert_eq!(groups.len(), 2);
    let spam = groups.iter().find(|group| group["scenario"] == "wardnet/spam").unwrap();
    assert_eq!(spam["scope"], "range");
    assert_eq!(spam["decisions"][0]["value"], "45.95.12.0/24");
}
