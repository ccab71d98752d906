//! The way of a question, with an upstream on the loopback that counts what it is asked.

use std::net::SocketAddr;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use super::*;
use crate::resolver::config::{Action, PolicyConfig};
use crate::testing;
use hickory_resolver::proto::op::{Edns, Query};
use hickory_resolver::proto::rr::rdata::{A, CNAME};
use hickory_resolver::proto::rr::{Name, RData, Record};
use tokio::net::UdpSocket;
use wardnet_model::{Band, Basis, Indicator, Risk, Scope, Timestamp};
use wardnet_server::Metrics;
use wardnet_verdictdb::{Change, EntryData, Layer, Profile, Terms, View};

/// What the upstream knows.
fn zone(name: &str) -> Vec<RData> {
    let address = |[a, b, c, d]: [u8; 4]| RData::A(A::new(a, b, c, d));
    let alias = |name: &str| RData::CNAME(CNAME(Name::from_ascii(name).unwrap()));
    match name {
        "good.shop." | "www.evil.top." | "allowed.top." => vec![address([198, 51, 100, 7])],
        "alias.shop." => vec![alias("www.evil.top."), address([198, 51, 100, 7])],
        "garden8.top." => vec![alias("www.login-verify7.top."), address([198, 51, 100, 7])],
        "garden9.top." => vec![alias("login-verify7.garden7.top."), address([198, 51, 100, 7])],
        "garden10.top." => vec![alias("login-verify7.github.io."), address([198, 51, 100, 7])],
        "listed.shop." => vec![address([45, 95, 11, 7])],
        "rebind.shop." => vec![address([192, 168, 0, 1])],
        _ => Vec::new(),
    }
}

struct House {
    engine: Arc<Engine>,
    views: Arc<Views>,
    asked: Arc<AtomicUsize>,
}

/// What the upstream says; nothing to what it has no word for.
fn say(bytes: &[u8], helps: bool) -> Option<Vec<u8>> {
    let mut message = Message::from_vec(bytes).unwrap().into_response();
    let asked = message.queries[0].name.clone();
    let name = asked.to_lowercase().to_ascii();
    let mut data = zone(&name);
    match &*name {
        "silent.shop." if !helps => return None,
        "refused.shop." if !helps => message.metadata.response_code = ResponseCode::Refused,
        "wrong-id.shop." => message.metadata.id ^= 1,
        "wrong-name.shop." => message.queries[0].name = Name::from_ascii("good.shop.").unwrap(),
        "wrong-case.shop." => {
            let flip = |byte: u8| if byte.is_ascii_alphabetic() { byte ^ 0x20 } else { byte };
            let labels = asked.iter().map(|label| label.iter().map(|b| flip(*b)).collect());
            message.queries[0].name = Name::from_labels(labels.collect::<Vec<Vec<u8>>>()).unwrap();
        }
        "garbage.shop." => return Some(bytes[..7].to_vec()),
        _ => {}
    }
    if data.is_empty() && message.response_code == ResponseCode::NoError {
        data.push(RData::A(A::new(198, 51, 100, 7)));
    }
    message.add_answers(data.into_iter().map(|data| {
        let owner = match (&data, &*name) {
            (RData::A(_), "alias.shop.") => Name::from_ascii("www.evil.top.").unwrap(),
            (RData::A(_), "garden8.top.") => Name::from_ascii("www.login-verify7.top.").unwrap(),
            (RData::A(_), "garden9.top.") => {
                Name::from_ascii("login-verify7.garden7.top.").unwrap()
            }
            (RData::A(_), "garden10.top.") => Name::from_ascii("login-verify7.github.io.").unwrap(),
            _ => asked.clone(),
        };
        Record::from_rdata(owner, 300, data)
    }));
    Some(message.to_vec().unwrap())
}

/// Starts an upstream; one that helps answers even what troubles others.
async fn upstream(asked: Arc<AtomicUsize>, helps: bool) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut bytes = [0; 4_096];
        while let Ok((length, from)) = socket.recv_from(&mut bytes).await {
            asked.fetch_add(1, Ordering::SeqCst);
            if let Some(answer) = say(&bytes[..length], helps) {
                socket.send_to(&answer, from).await.unwrap();
            }
        }
    });
    address
}

impl House {
    async fn new(change: impl FnOnce(&mut ResolverConfig)) -> Self {
        Self::with_view(testing::view(), change).await
    }

    async fn with_view(view: View, change: impl FnOnce(&mut ResolverConfig)) -> Self {
        let asked = Arc::new(AtomicUsize::new(0));
        let address = upstream(Arc::clone(&asked), false).await;
        let mut config = ResolverConfig {
            upstreams: vec![format!("udp://{address}").parse().unwrap()],
            ..ResolverConfig::default()
        };
        config.limits.upstream_timeout_ms = 500;
        change(&mut config);
        let views = Arc::new(Views::new(view));
        let metrics = crate::resolver::ResolverMetrics::new(&Metrics::new("test"));
        let known = (Arc::clone(&views), Some(crate::opinion::tests::opinions()));
        let engine = Engine::new(config, known, metrics.of("test")).unwrap();
        Self { engine: Arc::new(engine), views, asked }
    }

    async fn ask_from(&self, address: &str, way: Way, request: &[u8]) -> Option<Message> {
        let client = Client { address: address.parse().unwrap(), way };
        let mut out = Vec::new();
        match self.engine.begin(&self.engine.moment(), request, client, &mut out) {
            Begun::Answered => {}
            Begun::Silence => return None,
            Begun::Ask(pending) => out = pending.finish().await,
        }
        Some(Message::from_vec(&out).unwrap())
    }

    async fn ask(&self, name: &str) -> Message {
        self.ask_from("127.0.0.1", Way::Plain, &request(name)).await.unwrap()
    }

    fn upstream_was_asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// The operator decides about a name.
    fn decide(&self, name: &str, band: Band) {
        let indicator = Indicator::parse(name).unwrap();
        let risk = if band == Band::Trusted { Risk::new(0) } else { Risk::new(100) };
        let profile = Profile { risk, band, basis: Basis::Decision, ..Profile::default() };
        let terms = Some(Terms { decided_at: Timestamp(1), until: None });
        let change = Change {
            seq: 100,
            layer: Layer::Decision,
            kind: indicator.kind().unwrap(),
            key: indicator.key(),
            scope: Scope::Subtree,
            new: Some(EntryData { profile, name: None, facts: None, terms }),
        };
        self.views.publish(&[change], Timestamp(2));
    }
}

fn request(name: &str) -> Vec<u8> {
    let mut message = Message::query();
    message.metadata.id = 1;
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), RecordType::A));
    message.set_edns(Edns::new());
    message.to_vec().unwrap()
}

/// The extended error of an answer: its code and text.
fn told(message: &Message) -> Option<(u16, String)> {
    use hickory_resolver::proto::rr::rdata::opt::{EdnsCode, EdnsOption};
    match message.edns.as_ref()?.option(EdnsCode::Unknown(15))? {
        EdnsOption::Unknown(_, bytes) => {
            let code = u16::from_be_bytes([bytes[0], bytes[1]]);
            Some((code, String::from_utf8(bytes[2..].to_vec()).unwrap()))
        }
        _ => None,
    }
}

#[tokio::test]
async fn good_names_resolve_and_are_kept() {
    let house = House::new(|_| {}).await;
    for _ in 0..3 {
        let answer = house.ask("GooD.shop.").await;
        assert_eq!(answer.answers[0].data, RData::A(A::new(198, 51, 100, 7)));
        assert_eq!(answer.queries[0].name.to_ascii(), "GooD.shop.");
    }
    assert_eq!(house.upstream_was_asked(), 1);
}

#[tokio::test]
async fn listed_names_aliases_and_addresses_are_blocked_with_the_reason() {
    let house = House::new(|_| {}).await;
    for (name, reason) in [
        ("www.evil.top.", "phishing: evil.top with all below it is listed, risk 90"),
        ("alias.shop.", "phishing: evil.top with all below it is listed, risk 90"),
        ("listed.shop.", "hijacked: 45.95.11.0/24 is listed, risk 100"),
        ("rebind.shop.", "rebinding: rebind.shop has the private address 192.168.0.1"),
    ] {
        let answer = house.ask(name).await;
        assert_eq!(answer.response_code, ResponseCode::NXDomain, "{name}");
        assert_eq!(told(&answer), Some((15, reason.to_owned())), "{name}");
        assert!(answer.answers.is_empty());
    }
    assert_eq!(house.upstream_was_asked(), 3, "a listed name is not told to upstreams");
}

#[tokio::test]
async fn an_opinion_blocks_only_where_the_policy_says_so() {
    let policies = r#"[{"networks": ["10.1.0.0/16"], "predictions_from_percent": 50}]"#;
    let house = House::new(|config| {
        config.policy = serde_json::from_str(policies).unwrap();
        config.private_names = vec![DomainName::parse("login-verify9.top").unwrap()];
    });
    let house = house.await;
    let ask = async |client: &str, name: &str| {
        house.ask_from(client, Way::Plain, &request(name)).await.unwrap()
    };
    let blocked = ask("10.1.0.1", "login-verify7.top.").await;
    assert_eq!(blocked.response_code, ResponseCode::NXDomain);
    let (code, text) = told(&blocked).unwrap();
    assert!(code == 15 && text.starts_with("login-verify7.top: a model's opinion"), "{text}");
    assert_eq!(house.upstream_was_asked(), 0);
    for _ in 0..2 {
        let (_, text) = told(&ask("10.1.0.1", "garden8.top.").await).unwrap();
        let reason = "it leads to www.login-verify7.top: a model's opinion";
        assert!(text.starts_with(reason), "from the upstream, and from the cache: {text}");
    }
    for (client, name) in [
        ("10.1.0.1", "garden7.top."),
        ("10.1.0.1", "login-verify9.top."),
        ("10.1.0.1", "allowed.top."),
        // Whoever serves others has names of theirs below its own.
        ("10.1.0.1", "garden9.top."),
        ("10.1.0.1", "garden10.top."),
        ("10.2.0.1", "garden8.top."),
        ("10.2.0.1", "login-verify7.top."),
    ] {
        let answer = ask(client, name).await;
        assert!(!answer.answers.is_empty(), "{client} {name}: {:?}", told(&answer));
    }
}

#[tokio::test]
async fn decisions_are_in_force_at_once_for_what_is_kept() {
    let house = House::new(|_| {}).await;
    assert!(!house.ask("good.shop.").await.answers.is_empty());
    house.decide("good.shop", Band::Malicious);
    let blocked = house.ask("good.shop.").await;
    assert_eq!(blocked.response_code, ResponseCode::NXDomain);
    assert!(told(&blocked).unwrap().1.contains("blocked by a decision"));
    house.decide("good.shop", Band::Trusted);
    assert!(!house.ask("good.shop.").await.answers.is_empty());
    assert_eq!(house.upstream_was_asked(), 1);
}

#[tokio::test]
async fn an_allowed_name_resolves_wherever_it_leads() {
    let house = House::new(|_| {}).await;
    for name in ["alias.shop", "listed.shop", "rebind.shop", "www.evil.top"] {
        house.decide(name, Band::Trusted);
        assert!(!house.ask(&format!("{name}.")).await.answers.is_empty(), "{name}");
    }
}

#[tokio::test]
async fn each_network_has_its_policy() {
    let policies = r#"[
        {"networks": ["10.1.0.0/16"], "action": "pass"},
        {"networks": ["10.2.0.0/16"], "categories": ["malware"]},
        {"networks": ["10.3.0.0/16"], "level": "low", "action": "zero", "filtered": true, "label": "kids"},
        {"networks": ["10.4.0.0/16"], "action": "refused"}
    ]"#;
    let house = House::new(|config| config.policy = serde_json::from_str(policies).unwrap()).await;
    let from = |client: &'static str| house.ask_from(client, Way::Plain, &REQUEST);
    static REQUEST: std::sync::LazyLock<Vec<u8>> =
        std::sync::LazyLock::new(|| request("www.evil.top."));
    for client in ["10.1.0.1", "10.2.0.1"] {
        let answer = from(client).await.unwrap();
        assert_eq!(answer.answers[0].data, RData::A(A::new(198, 51, 100, 7)), "{client}");
    }
    let zero = from("10.3.0.1").await.unwrap();
    assert_eq!(zero.answers[0].data, RData::A(A::new(0, 0, 0, 0)));
    let (code, text) = told(&zero).unwrap();
    assert!(code == 17 && text.starts_with("kids: phishing"), "{code} {text}");
    assert_eq!(from("10.4.0.1").await.unwrap().response_code, ResponseCode::Refused);
    assert_eq!(from("10.5.0.1").await.unwrap().response_code, ResponseCode::NXDomain);
    let stranger = from("192.0.2.1").await.unwrap();
    assert_eq!(stranger.response_code, ResponseCode::Refused);
    assert_eq!(told(&stranger).unwrap().0, 18);
}

#[tokio::test]
async fn without_verdicts_nothing_is_called_blocked_and_nothing_passes_in_silence() {
    let house = House::with_view(View::default(), |_| {}).await;
    let answer = house.ask("good.shop.").await;
    assert_eq!(answer.response_code, ResponseCode::ServFail);
    assert_eq!(told(&answer).unwrap().0, ExtendedError::NOT_READY);
    assert_eq!(house.upstream_was_asked(), 0);
    let forward = |config: &mut ResolverConfig| {
        config.without_verdicts = WithoutVerdicts::Forward;
    };
    let house = House::with_view(View::default(), forward).await;
    assert!(!house.ask("good.shop.").await.answers.is_empty());
}

#[tokio::test]
async fn upstreams_that_are_silent_are_told_and_not_asked_at_once_again() {
    let house = House::new(|_| {}).await;
    for _ in 0..2 {
        let answer = house.ask("silent.shop.").await;
        assert_eq!(answer.response_code, ResponseCode::ServFail);
        assert_eq!(told(&answer).unwrap().0, ExtendedError::NO_REACHABLE_AUTHORITY);
    }
    let before = house.upstream_was_asked();
    house.ask("silent.shop.").await;
    assert_eq!(house.upstream_was_asked(), before);
}

#[tokio::test]
async fn more_questions_than_may_wait_are_told_so() {
    let house = House::new(|config| config.limits.in_flight_max = 1).await;
    let client = Client { address: "127.0.0.1".parse().unwrap(), way: Way::Plain };
    let mut out = Vec::new();
    let moment = house.engine.moment();
    let first = house.engine.begin(&moment, &request("silent.shop."), client, &mut out);
    assert!(matches!(first, Begun::Ask(_)));
    let answer = house.ask("good.shop.").await;
    assert_eq!(answer.response_code, ResponseCode::ServFail);
    drop(first);
    assert!(!house.ask("good.shop.").await.answers.is_empty(), "the place is free again");
}

#[tokio::test]
async fn one_client_cannot_take_all_places() {
    let house = House::new(|config| config.limits.in_flight_per_address_max = 1).await;
    let greedy = Client { address: "127.0.0.1".parse().unwrap(), way: Way::Plain };
    let (moment, mut out) = (house.engine.moment(), Vec::new());
    let first = house.engine.begin(&moment, &request("silent.shop."), greedy, &mut out);
    assert!(matches!(first, Begun::Ask(_)));
    assert_eq!(house.ask("good.shop.").await.response_code, ResponseCode::ServFail);
    let other = house.ask_from("10.0.0.1", Way::Udp, &request("good.shop.")).await.unwrap();
    assert!(!other.answers.is_empty());
}

#[tokio::test]
async fn many_who_ask_the_same_are_one_question_to_the_upstream() {
    let house = House::new(|_| {}).await;
    let (one, two, three) =
        tokio::join!(house.ask("good.shop."), house.ask("GOOD.shop."), house.ask("good.shop."));
    assert!([one, two, three].iter().all(|answer| !answer.answers.is_empty()));
    assert_eq!(house.upstream_was_asked(), 1);
}

#[tokio::test]
async fn upstreams_that_lie_about_the_question_are_not_believed() {
    let house = House::new(|_| {}).await;
    for name in ["wrong-id.shop.", "wrong-name.shop.", "wrong-case.shop.", "garbage.shop."] {
        let answer = house.ask(name).await;
        assert_eq!(answer.response_code, ResponseCode::ServFail, "{name}");
        assert!(answer.answers.is_empty(), "{name}");
    }
}

#[tokio::test]
async fn an_upstream_that_knows_no_case_is_believed_where_the_operator_says_so() {
    let house = House::new(|config| config.random_case = false).await;
    assert!(!house.ask("wrong-case.shop.").await.answers.is_empty());
}

#[tokio::test]
async fn the_next_upstream_is_asked_where_one_refuses_or_is_silent() {
    let good = upstream(Arc::default(), true).await;
    for trouble in ["refused.shop.", "silent.shop."] {
        let house = House::new(|config| {
            config.limits.upstream_patience_ms = 50;
            config.upstreams.push(format!("udp://{good}").parse().unwrap());
        });
        let answer = house.await.ask(trouble).await;
        assert!(!answer.answers.is_empty(), "{trouble}");
    }
}

#[tokio::test]
async fn lost_upstreams_are_noticed_and_come_back() {
    let house = House::new(|config| config.limits.failure_ttl_secs = 0).await;
    for _ in 0..3 {
        assert!(house.engine.upstreams_answer());
        house.ask("silent.shop.").await;
    }
    assert!(!house.engine.upstreams_answer());
    house.ask("good.shop.").await;
    assert!(house.engine.upstreams_answer());
}

#[tokio::test]
async fn a_stale_answer_is_better_than_none() {
    let house = House::new(|_| {}).await;
    let key = Head::read(&request("silent.shop.")).unwrap().key();
    let mut message = Message::query().into_response();
    let owner = Name::from_ascii("silent.shop.").unwrap();
    let data = RData::A(A::new(198, 51, 100, 7));
    message.add_answer(Record::from_rdata(owner.clone(), 1, data));
    let moment = house.engine.moment();
    let limits = &moment.settings.config.limits;
    let query = Query::query(owner, RecordType::A);
    let stored = Stored::of(message, &query, limits, moment.secs()).unwrap();
    house.engine.cache.insert(&key, Arc::new(stored));
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    for _ in 0..2 {
        let answer = house.ask("silent.shop.").await;
        assert_eq!(answer.answers.len(), 1);
        assert_eq!(told(&answer).unwrap().0, ExtendedError::STALE);
    }
    assert!(house.upstream_was_asked() <= 2, "not asked again at once: with one retransmission");
}

#[tokio::test]
async fn a_flood_from_one_client_is_cut_and_the_others_are_served() {
    let rate = wardnet_server::Rate { per_second: 1, burst: 2 };
    let house = House::new(|config| config.rate = rate).await;
    for _ in 0..2 {
        assert!(!house.ask("good.shop.").await.answers.is_empty());
    }
    assert_eq!(house.ask("good.shop.").await.response_code, ResponseCode::Refused);
    for _ in 0..2 {
        let over_udp = house.ask_from("127.0.0.1", Way::Udp, &request("good.shop.")).await;
        assert!(!over_udp.unwrap().answers.is_empty(), "a budget of its own");
    }
    // Over UDP, one half is asked to come over TCP and the other is dropped.
    let odd = house.ask_from("127.0.0.1", Way::Udp, &request("good.shop.")).await.unwrap();
    assert!(odd.truncation && odd.answers.is_empty());
    let mut even = request("good.shop.");
    even[1] = 2;
    assert!(house.ask_from("127.0.0.1", Way::Udp, &even).await.is_none());
    let other = house.ask_from("10.0.0.1", Way::Udp, &even).await.unwrap();
    assert!(!other.answers.is_empty());
}

#[tokio::test]
async fn other_settings_are_in_force_with_the_next_question() {
    let house = House::new(|_| {}).await;
    assert_eq!(house.ask("www.evil.top.").await.response_code, ResponseCode::NXDomain);
    let mut config = house.engine.settings().config.clone();
    config.policy = vec![PolicyConfig { action: Action::Zero, ..PolicyConfig::default() }];
    house.engine.replace(Settings::new(config).unwrap());
    assert_eq!(house.ask("www.evil.top.").await.answers[0].data, RData::A(A::new(0, 0, 0, 0)));
}

#[tokio::test]
async fn what_nobody_answers_here_is_refused() {
    let house = House::new(|_| {}).await;
    for (record_type, class, code) in [
        (RecordType::AXFR, DNSClass::IN, ResponseCode::Refused),
        (RecordType::OPT, DNSClass::IN, ResponseCode::FormErr),
        (RecordType::TXT, DNSClass::CH, ResponseCode::Refused),
    ] {
        let mut message = Message::query();
        let mut query = Query::query(Name::from_ascii("version.bind.").unwrap(), record_type);
        query.set_query_class(class);
        message.add_query(query);
        let request = message.to_vec().unwrap();
        let answer = house.ask_from("127.0.0.1", Way::Plain, &request).await.unwrap();
        assert_eq!(answer.response_code, code, "{record_type} {class}");
    }
    assert_eq!(house.upstream_was_asked(), 0);
}
