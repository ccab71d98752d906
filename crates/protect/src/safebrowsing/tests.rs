//! What is published, and how it follows what changes.

use super::follow::Follower;
use super::judge::Withheld;
use super::prefix::Hash;
use super::state::{Source, State};
use super::threat::ALL;
use super::*;
use crate::opinion::Percent;
use crate::testing::{House, json, text};
use axum::http::StatusCode;
use proptest::prelude::*;
use std::collections::BTreeSet;
use wardnet_model::{
    Band, Basis, Calibration, CalibrationChange, Category, CategorySet, Indicator, Key, Risk,
    Scope, SuffixList, Timestamp,
};
use wardnet_server::now_unix;
use wardnet_verdictdb::{Change, EntryData, FeedLimits, Layer, Profile, SourceSet, Terms, Views};
use wardnet_wire::safebrowsing::v5::ThreatType;

/// What somebody says of a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Phishing,
    Malware,
    Scanner,
    Doubtful,
    Good,
    Hosting,
    Blocked,
    Allowed,
}

fn profile(word: Word) -> Profile {
    let (risk, band, category) = match word {
        Word::Phishing => (90, Band::Malicious, Some(Category::Phishing)),
        Word::Malware => (80, Band::Malicious, Some(Category::Malware)),
        Word::Scanner => (90, Band::Malicious, Some(Category::Scanner)),
        Word::Doubtful => (40, Band::Suspicious, Some(Category::Phishing)),
        Word::Good => (0, Band::Safe, Some(Category::TopSite)),
        Word::Hosting => (0, Band::Unrated, Some(Category::Hosting)),
        Word::Blocked => (100, Band::Malicious, None),
        Word::Allowed => (0, Band::Trusted, None),
    };
    let is_decision = matches!(word, Word::Blocked | Word::Allowed);
    let basis = if is_decision { Basis::Decision } else { Basis::Evidence };
    let categories: CategorySet = category.into_iter().collect();
    let sources = SourceSet::default();
    Profile { risk: Risk::new(risk), band, basis, categories, sources }
}

fn change(seq: u64, text: &str, scope: Scope, word: Word, is_said: bool) -> Change {
    let indicator = Indicator::parse(text).unwrap();
    let profile = profile(word);
    let is_decision = profile.basis == Basis::Decision;
    let new = EntryData {
        profile,
        name: Some(indicator.to_string().into()),
        facts: None,
        terms: is_decision.then_some(Terms { decided_at: Timestamp(1), until: None }),
    };
    let layer = if is_decision { Layer::Decision } else { Layer::Evidence };
    let (kind, key) = (indicator.kind().unwrap(), indicator.key());
    Change { seq, layer, kind, key, scope, new: is_said.then_some(new) }
}

/// Two lend space: one beneath its name, one by paths.
fn epoch() -> Epoch {
    let hosting = vec!["pages.shop".into(), "drive.tube.shop".into()];
    let changes = vec![CalibrationChange::Hosting(hosting)];
    let mut epoch = Epoch::default();
    epoch.apply(&Calibration { epoch: 1, at: Timestamp(0), reason: "test".into(), changes });
    epoch
}

/// A store, and a service that follows it step by step.
struct Scene {
    views: Arc<Views>,
    service: Arc<Service>,
    follower: Option<Follower>,
    seq: u64,
}

impl Scene {
    fn new(config: SafeBrowsingConfig) -> Self {
        let views = Arc::new(Views::default());
        let feed = views.keep_changes(1, FeedLimits::default());
        let served = ArcSwap::from_pointee(Served::NotYet);
        let limits = Limits::default();
        let service = Arc::new(Service {
            config,
            feed,
            epochs: Arc::new(ArcSwap::from_pointee(epoch())),
            opinions: Some(crate::opinion::tests::opinions()),
            served,
            history: 42,
            past: Mutex::new(None),
            limits,
        });
        let follower = Some(Follower::begin(Arc::clone(&service)));
        Self { views, service, follower, seq: 0 }
    }

    fn with(words: &[(&str, Scope, Word)]) -> Self {
        let mut scene = Self::new(SafeBrowsingConfig::default());
        for (text, scope, word) in words {
            scene.say(text, *scope, *word, true);
        }
        scene.follow();
        scene
    }

    fn say(&mut self, text: &str, scope: Scope, word: Word, is_said: bool) {
        self.seq += 1;
        let change = change(self.seq, text, scope, word, is_said);
        self.views.publish(&[change], Timestamp(self.seq));
    }

    fn follow(&mut self) {
        self.follower = self.follower.take().map(|follower| follower.catch_up().0);
    }

    fn state<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        self.service.ready(|state| Ok(look(state))).unwrap()
    }

    /// What is served, as far as clients see it.
    fn content(&self) -> Content {
        self.state(content)
    }

    /// What a reading of everything finds.
    fn read(&self) -> State {
        let (view, config) = (self.views.load(), &self.service.config);
        let (epoch, suffixes) = (self.service.epochs.load(), SuffixList::shipped());
        let source = Source { view: &view, config, epoch: &epoch, suffixes, now: now_unix() };
        State::read(source, 1).unwrap()
    }

    fn lists(&self, expression: &str, threat: ThreatType) -> bool {
        let hash = Key::digest(expression.as_bytes()).0;
        self.state(|state| {
            let lists = state.threats.iter().find(|lists| lists.threat == threat).unwrap();
            let in_list = lists.four.has(&prefix::Prefix::of(&hash));
            assert_eq!(in_list, lists.eight.has(&prefix::Prefix::of(&hash)));
            assert_eq!(in_list, state.rows.get(&hash).is_some_and(|row| row.threats.has(threat)));
            in_list
        })
    }

    fn is_published(&self, expression: &str) -> bool {
        ALL.into_iter().any(|threat| self.lists(expression, threat))
    }
}

type Content = (Vec<rows::Row>, Vec<(Vec<u32>, Vec<u64>)>);

fn content(state: &State) -> Content {
    let lists = state.threats.iter();
    let lists = lists.map(|one| (one.four.prefixes().to_vec(), one.eight.prefixes().to_vec()));
    (state.rows.iter().copied().collect(), lists.collect())
}

#[test]
fn what_is_listed_is_published_under_its_threat() {
    let scene = Scene::with(&[
        ("evil.top", Scope::Subtree, Word::Phishing),
        ("http://shop.top/bad/page?q=1", Scope::Exact, Word::Malware),
        ("101.2.3.4", Scope::Exact, Word::Malware),
        ("http://101.2.3.5/", Scope::Exact, Word::Malware),
        ("decided.top", Scope::Subtree, Word::Blocked),
    ]);
    assert!(scene.lists("evil.top/", ThreatType::SocialEngineering));
    assert!(!scene.lists("evil.top/", ThreatType::Malware));
    assert!(scene.lists("shop.top/bad/page?q=1", ThreatType::Malware));
    assert!(!scene.is_published("shop.top/"));
    assert!(scene.lists("101.2.3.4/", ThreatType::Malware));
    assert!(scene.lists("101.2.3.5/", ThreatType::Malware));
    assert!(scene.lists("decided.top/", ThreatType::Malware));
}

#[test]
fn what_would_do_harm_is_withheld_and_counted() {
    let scene = Scene::with(&[
        // Too many strangers live there.
        ("github.io", Scope::Exact, Word::Phishing),
        ("files.top", Scope::Exact, Word::Hosting),
        ("http://files.top/", Scope::Exact, Word::Malware),
        ("http://files.top/of-somebody/", Scope::Exact, Word::Malware),
        ("http://files.top/of-somebody/evil.exe", Scope::Exact, Word::Malware),
        // A good site with a bad page and a bad directory.
        ("good.shop", Scope::Subtree, Word::Good),
        ("http://good.shop/hacked/", Scope::Exact, Word::Phishing),
        ("http://good.shop/hacked/login.html", Scope::Exact, Word::Phishing),
        // Only what lies beneath it is bad.
        ("wild.top", Scope::Below, Word::Phishing),
        ("doubtful.top", Scope::Subtree, Word::Doubtful),
        ("scanner.top", Scope::Subtree, Word::Scanner),
        ("allowed.top", Scope::Subtree, Word::Allowed),
        ("allowed.top", Scope::Exact, Word::Phishing),
        ("http://www.allowed.top/x", Scope::Exact, Word::Phishing),
    ]);
    for expression in [
        "github.io/",
        "files.top/",
        "files.top/of-somebody/",
        "good.shop/",
        "good.shop/hacked/",
        "wild.top/",
        "doubtful.top/",
        "scanner.top/",
        "allowed.top/",
        "www.allowed.top/x",
    ] {
        assert!(!scene.is_published(expression), "{expression}");
    }
    assert!(scene.is_published("files.top/of-somebody/evil.exe"));
    assert!(scene.is_published("good.shop/hacked/login.html"));
    let withheld = scene.read().withheld;
    assert_eq!(withheld.get(&Withheld::Shared), Some(&3));
    assert_eq!(withheld.get(&Withheld::KnownGood), Some(&1));
    assert_eq!(withheld.get(&Withheld::NotBlocked), Some(&2));
}

#[test]
fn roots_and_directories_of_lenders_are_not_published_and_their_customers_are() {
    let words = [
        "http://pages.shop/",
        "http://www.pages.shop/",
        "http://drive.tube.shop/",
        "http://drive.tube.shop/of-somebody/",
        "http://drive.tube.shop/of-somebody/evil.exe",
        "http://evil.pages.shop/",
        "fraud.pages.shop",
    ];
    let mut words = words.map(|text| (text, Scope::Exact, Word::Phishing)).to_vec();
    for good in ["pages.shop", "tube.shop", "good.shop"] {
        words.push((good, Scope::Subtree, Word::Good));
    }
    let scene = Scene::with(&words);
    for expression in
        ["pages.shop/", "www.pages.shop/", "drive.tube.shop/", "drive.tube.shop/of-somebody/"]
    {
        assert!(!scene.is_published(expression), "{expression}");
    }
    for expression in
        ["drive.tube.shop/of-somebody/evil.exe", "evil.pages.shop/", "fraud.pages.shop/"]
    {
        assert!(scene.is_published(expression), "{expression}");
    }
    let read = scene.read();
    assert_eq!(read.withheld.get(&Withheld::Shared), Some(&4));
    // What vouches for all beneath it is not asked about: not where strangers are beneath.
    let has = |host: &str| read.global_cache.has(&Key::digest(format!("{host}/").as_bytes()).0);
    assert!(has("good.shop") && !has("pages.shop") && !has("tube.shop"));
}

#[test]
fn the_global_cache_has_no_host_with_something_dangerous_that_no_list_tells_of() {
    let mut scene = Scene::new(SafeBrowsingConfig::default());
    for name in ["good.shop", "hacked.shop", "partly.shop", "files.shop", "turned.shop"] {
        scene.say(name, Scope::Subtree, Word::Good, true);
    }
    // Told of by a list; withheld; on a host that belongs to many; the host itself.
    scene.say("http://partly.shop/bad.html", Scope::Exact, Word::Phishing, true);
    scene.say("http://www.hacked.shop/bad/", Scope::Exact, Word::Phishing, true);
    scene.say("files.shop", Scope::Exact, Word::Hosting, true);
    scene.say("turned.shop", Scope::Subtree, Word::Blocked, true);
    let read = scene.read();
    let has = |state: &State, host: &str| {
        state.global_cache.has(&Key::digest(format!("{host}/").as_bytes()).0)
    };
    assert!(has(&read, "good.shop") && has(&read, "partly.shop"));
    for host in ["hacked.shop", "files.shop", "turned.shop"] {
        assert!(!has(&read, host), "{host}");
    }
    // What comes to be is taken out at once.
    scene.service.served.store(Arc::new(Served::Ready(read)));
    scene.say("http://good.shop/evil/", Scope::Exact, Word::Phishing, true);
    scene.follow();
    assert!(!scene.state(|state| has(state, "good.shop")));
}

#[test]
fn only_the_most_dangerous_fill_lists_that_are_bounded() {
    let config = SafeBrowsingConfig { entries_max: 1_024, ..SafeBrowsingConfig::default() };
    let mut scene = Scene::new(config);
    for number in 0..1_000 {
        scene.say(&format!("bad-{number}.top"), Scope::Subtree, Word::Malware, true);
        scene.say(&format!("worse-{number}.top"), Scope::Subtree, Word::Phishing, true);
    }
    let read = scene.read();
    let [malware, phishing, ..] = &read.threats[..] else { panic!("four") };
    assert_eq!((malware.eight.len(), phishing.eight.len()), (24, 1_000));
    // Searches know all of them.
    assert_eq!(read.rows.len(), 2_000);
}

const NAMES: [&str; 6] = [
    "evil.top",
    "a.evil.top",
    "good.shop",
    "http://a.evil.top/x/",
    "http://good.shop/y",
    "files.top",
];
const WORDS: [Word; 7] = [
    Word::Phishing,
    Word::Malware,
    Word::Doubtful,
    Word::Good,
    Word::Hosting,
    Word::Blocked,
    Word::Allowed,
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn following_ends_where_reading_does(
        steps in proptest::collection::vec((0usize..6, 0usize..7, 0u8..3, any::<bool>(), any::<bool>()), 1..30),
    ) {
        let mut scene = Scene::new(SafeBrowsingConfig::default());
        for (name, word, scope, is_said, looks) in steps {
            let scope = [Scope::Exact, Scope::Subtree, Scope::Below][usize::from(scope)];
            let scope = if NAMES[name].contains("//") { Scope::Exact } else { scope };
            scene.say(NAMES[name], scope, WORDS[word], is_said);
            if looks {
                scene.follow();
            }
        }
        scene.follow();
        let read = scene.read();
        prop_assert_eq!(scene.content(), content(&read));
        // The global cache may lack what a reading would add, and has nothing else.
        let good: BTreeSet<Hash> = read.global_cache.prefixes().iter().copied().collect();
        let has = scene.state(|state| state.global_cache.prefixes().to_vec());
        prop_assert!(has.iter().all(|hash| good.contains(hash)));
    }
}

/// The routes of a service that does not follow by itself.
fn router(scene: &Scene, house: &House) -> Router {
    let nothing = tokio::spawn(async {}).abort_handle();
    let running = SafeBrowsing { service: Arc::clone(&scene.service), follower: nothing };
    house.router(routes(&house.gate, &running))
}

#[tokio::test]
async fn requests_that_cannot_be_answered_are_told_so() {
    let (scene, house) =
        (Scene::with(&[("evil.top", Scope::Subtree, Word::Phishing)]), House::new());
    let router = router(&scene, &house);
    let key = &house.reader;
    for (path, status, part) in [
        (format!("/v5/hashList/none-4b?key={key}"), 404, "there are se-4b"),
        (format!("/v5/hashLists:batchGet?key={key}"), 400, "names no `names`"),
        (format!("/v5/hashLists:batchGet?names=se-4b&names=se-4b&key={key}"), 400, "twice"),
        (format!("/v5/hashLists:batchGet?names=..%2F&key={key}"), 404, "no list"),
        (format!("/v5/hashes:search?hashPrefixes=AAA%3D&key={key}"), 400, "2 bytes"),
        (format!("/v5/hashes:search?hashPrefixes=*&key={key}"), 400, "base64"),
        (format!("/v5/hashes:search?key={key}"), 400, "names no `hashPrefixes`"),
        (format!("/v5/urls:search?urls=mailto:x&key={key}"), 422, "mailto"),
        ("/v5/hashLists".to_owned(), 401, "token"),
        ("/v5/hashLists?key=wn_none".to_owned(), 401, "token"),
        // As Google's clients read it.
        (format!("/v5/hashes:search?key={key}"), 400, r#""status":"INVALID_ARGUMENT""#),
    ] {
        let response = house.get(&router, &path, None).await;
        assert_eq!(response.status(), status, "{path}");
        let said = text(response).await;
        assert!(said.contains(part), "{path}: {said}");
    }
    let short = r#"{"threatInfo":{"threatTypes":["MALWARE"],"threatEntries":[{"hash":"AA=="}]}}"#;
    // Without what it names, the answer would be that nothing is wrong.
    let misspelt = short.replace("MALWARE", "MALWEAR");
    let nowhere =
        r#"{"threatInfo":{"threatTypes":["MALWARE"],"threatEntries":[{"url":"http://a.top/"}]}}"#;
    let nothing =
        r#"{"threatInfo":{"platformTypes":["LINUX"],"threatEntries":[{"url":"http://a.top/"}]}}"#;
    let with = |threat: &str, entries: &str| {
        format!(
            r#"{{"threatInfo":{{"threatTypes":["{threat}"],"platformTypes":["LINUX"],{entries}}}}}"#
        )
    };
    let empty = with("MALWARE", r#""threatEntries":[]"#);
    let other = with("MALWARE", r#""threat_entries":[{"url":"http://a.top/"}]"#);
    let shouted = with("MALWARE", r#""threatEntries":[{"URL":"http://a.top/"}]"#);
    let vague = with("THREAT_TYPE_UNSPECIFIED", r#""threatEntries":[{"url":"http://a.top/"}]"#);
    let list = r#"{"listUpdateRequests":[{"threatType":"NOSUCH"}]}"#;
    for (path, body, part) in [
        ("/v4/fullHashes:find", short, "1 bytes"),
        (
            "/v4/threatMatches:find",
            &*misspelt,
            "there is no threat type `MALWEAR`; there are MALWARE",
        ),
        ("/v4/threatMatches:find", nowhere, "names no `platformTypes`"),
        ("/v4/threatMatches:find", nothing, "names no `threatTypes`"),
        ("/v4/threatMatches:find", &*empty, "names no `threatEntries`"),
        ("/v4/fullHashes:find", &*empty, "names no `threatEntries`"),
        ("/v4/threatMatches:find", &*other, "names no `threatEntries`"),
        ("/v4/threatMatches:find", &*shouted, "names no `threatEntries`"),
        ("/v4/threatMatches:find", &*vague, "names no `threatTypes`"),
        ("/v4/threatListUpdates:fetch", list, "no threat type `NOSUCH`"),
    ] {
        let response = house.post(&router, path, ("application/json", body)).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{path}");
        let said = text(response).await;
        assert!(said.contains(part), "{path}: {said}");
    }
}

#[tokio::test]
async fn no_list_is_given_before_it_is_read_or_when_it_cannot_be() {
    let (scene, house) = (Scene::with(&[]), House::new());
    let router = router(&scene, &house);
    for served in [Served::NotYet, Served::Damaged] {
        scene.service.served.store(Arc::new(served));
        for path in
            ["/v5/hashLists:batchGet?names=se-4b", "/v5/hashes:search?hashPrefixes=AAAAAA%3D%3D"]
        {
            let response = house.get(&router, path, Some(&house.reader)).await;
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
        }
    }
}

#[tokio::test]
async fn searches_are_padded_and_answered_by_all_ways_alike() {
    let scene = Scene::with(&[("evil.top", Scope::Subtree, Word::Phishing)]);
    let house = House::new();
    let router = router(&scene, &house);
    let hash = Key::digest(b"evil.top/").0;
    let prefix = data_encoding::BASE64URL.encode(&hash[..4]);
    let path = format!("/v5/hashes:search?alt=json&hashPrefixes={prefix}");
    let response = house.get(&router, &path, Some(&house.reader)).await;
    let padding = response.headers()["x-padding"].len();
    let body = text(response).await;
    assert_eq!((body.len() + padding) % 512, 0);
    assert!(body.contains("SOCIAL_ENGINEERING"), "{body}");
    let found = |body: &str, part: &str| body.matches(part).count();
    let asked = format!(
        r#"{{"threatInfo":{{"threatTypes":["MALWARE","SOCIAL_ENGINEERING"],"platformTypes":["ANY_PLATFORM"],
            "threatEntryTypes":["URL"],"threatEntries":[{{"hash":"{prefix}"}},{{"url":"http://x.evil.top/"}}]}}}}"#
    );
    let response =
        house.post(&router, "/v4/threatMatches:find", ("application/json", &asked)).await;
    let body = text(response).await;
    assert_eq!(found(&body, "SOCIAL_ENGINEERING"), 1, "{body}");
    let only = asked.replace(r#",{"url":"http://x.evil.top/"}"#, "");
    let response = house.post(&router, "/v4/fullHashes:find", ("application/json", &only)).await;
    let body = json(response).await;
    assert_eq!(body["matches"][0]["threatType"], "SOCIAL_ENGINEERING");
    assert_eq!(body["matches"][0]["threatEntryMetadata"], serde_json::json!({}));
}

#[test]
fn clients_of_an_earlier_run_are_told_the_difference() {
    let scene = Scene::with(&[("evil.top", Scope::Subtree, Word::Phishing)]);
    let file = scene.state(|state| kept::encode(42, state));
    let version = scene.state(|state| state.version);
    let Kept { history, past } = Kept::decode(&file).unwrap();
    let later = Scene::new(SafeBrowsingConfig::default());
    assert_eq!(history, 42);
    *later.service.past.lock().unwrap() = past;
    let mut later = later;
    later.service.served.store(Arc::new(Served::NotYet));
    later.say("other.top", Scope::Subtree, Word::Phishing, true);
    later.follower = Some(Follower::begin(Arc::clone(&later.service)));
    assert_eq!(later.state(|state| state.version), version + 1);
    let held = list::Held { version, bound: [255; 32] };
    let update = later.state(|state| {
        let lists =
            state.threats.iter().find(|lists| lists.threat == ThreatType::SocialEngineering);
        lists.unwrap().eight.update(Some(held), list::Room::of(0, 0))
    });
    assert!(update.is_partial);
    assert_eq!((update.removals, update.additions.len()), (vec![0], 1));
}

#[test]
fn damaged_files_are_no_past() {
    let scene = Scene::with(&[("evil.top", Scope::Subtree, Word::Phishing)]);
    let file = scene.state(|state| kept::encode(42, state));
    kept::fuzz_safe_browsing_kept(&file);
    assert!(matches!(Kept::decode(b"other"), Err(KeptError::Magic)));
    for at in 8..file.len() {
        let mut damaged = file.clone();
        damaged[at] ^= 1;
        assert!(matches!(Kept::decode(&damaged), Err(KeptError::Damaged)), "{at}");
        assert!(Kept::decode(&file[..at]).is_err(), "{at}");
    }
}

#[tokio::test]
async fn opinions_are_threats_only_where_the_settings_say_so() {
    let house = House::new();
    let path = "/v5/urls:search?alt=json&urls=http://login-verify7.top/&urls=http://garden7.top/";
    for (percent, expected) in [(None, 0), (Percent::new(50), 1)] {
        let config = SafeBrowsingConfig { predictions_from_percent: percent, ..Default::default() };
        let scene = Scene::new(config);
        let router = router(&scene, &house);
        let body = text(house.get(&router, path, Some(&house.reader)).await).await;
        assert_eq!(body.matches("SOCIAL_ENGINEERING").count(), expected, "{body}");
        assert!(!body.contains("garden7"), "{body}");
    }
}

#[tokio::test]
async fn exactly_the_lists_asked_for_come_back() {
    let (scene, house) =
        (Scene::with(&[("evil.top", Scope::Subtree, Word::Phishing)]), House::new());
    let router = router(&scene, &house);
    let list = |threat: &str, kind: &str| {
        format!(r#"{{"threatType":"{threat}","platformType":"LINUX","threatEntryType":"{kind}"}}"#)
    };
    let asked = [
        list("SOCIAL_ENGINEERING", "URL"),
        list("MALICIOUS_BINARY", "EXECUTABLE"),
        list("SOCIAL_ENGINEERING", "IP_RANGE"),
        list("MALWARE", "URL"),
    ];
    let body = format!(r#"{{"listUpdateRequests":[{}]}}"#, asked.join(","));
    let path = "/v4/threatListUpdates:fetch";
    let reply = json(house.post(&router, path, ("application/json", &body)).await).await;
    let lists = reply["listUpdateResponses"].as_array().unwrap();
    assert_eq!(lists.len(), 4);
    assert_eq!(lists[0]["additions"][0]["rawHashes"]["prefixSize"], 4);
    for empty in &lists[1..] {
        assert!(empty.get("additions").is_none(), "{empty}");
        // SHA-256 of nothing.
        assert_eq!(empty["checksum"]["sha256"], "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    }
}
