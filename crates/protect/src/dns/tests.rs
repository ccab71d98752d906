//! Messages in and out, over databases whole and damaged.

use super::answer::{From, Lists, Shared};
use super::config::DnsConfig;
use super::digest::Digest;
use super::index::{Index, Wanted};
use super::metrics::DnsMetrics;
use crate::opinion;
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RData;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use wardnet_model::{Band, Basis, Category, CategorySet, Indicator, Risk, Scope, Timestamp};
use wardnet_server::Metrics;
use wardnet_verdictdb::{
    Builder, Change, Db, Entry, EntryData, Facts, FeedLimits, Layer, OpenOptions, Options, Profile,
    Terms, Verify, View, Views,
};
use wardnet_wire::dns::{Name, kind};

const SHA256: &str = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f";
const SEEN: u64 = 1_787_000_000;

const ZONES: &str = r#"
listen = "127.0.0.1:0"
rate = { per_second = 0, burst = 0 }
[[list]]
zone = "bl.test"
kind = "addresses"
[[list]]
zone = "dbl.test"
kind = "domains"
[[list]]
zone = "guess.test"
kind = "domains"
predictions_from_percent = 50
[[list]]
zone = "bits.test"
kind = "uris"
codes = "bits"
[[list]]
zone = "keys.test"
kind = "hashes"
[[list]]
zone = "hash.test"
kind = "hashes"
digests = ["md5", "sha1", "sha256", "blake2b"]
link = "https://w.test/{}"
[[list]]
zone = "mhr.test"
kind = "mhr"
[[list]]
zone = "sb.test"
kind = "hash-prefixes"
[[list]]
zone = "wl.test"
kind = "allowed"
"#;

fn profile(band: Band, category: Category) -> Profile {
    let risk = if band == Band::Malicious { 90 } else { 0 };
    Profile {
        risk: Risk::new(risk),
        band,
        basis: Basis::Evidence,
        categories: CategorySet::EMPTY.with(category),
        ..Profile::default()
    }
}

/// A file with one thing of each kind.
fn file() -> Vec<u8> {
    let options =
        Options { names: true, facts: true, created: Timestamp(SEEN), ..Options::default() };
    let mut builder = Builder::new(options);
    let bad = profile(Band::Malicious, Category::Phishing);
    let good = profile(Band::Safe, Category::PublicDns);
    let facts = Facts { first_seen: Timestamp(SEEN), last_seen: Timestamp(SEEN) };
    for (text, scope, profile) in [
        ("101.2.3.4", Scope::Exact, &bad),
        ("evil.top", Scope::Subtree, &bad),
        ("exact.top", Scope::Exact, &bad),
        ("github.io", Scope::Exact, &bad),
        ("beneath.top", Scope::Below, &bad),
        ("http://fine.org/Evil", Scope::Exact, &bad),
        ("bob@mail.org", Scope::Exact, &bad),
        (SHA256, Scope::Exact, &bad),
        ("101.8.8.8", Scope::Exact, &good),
    ] {
        let indicator = Indicator::parse(text).unwrap();
        let (kind, key, name) = (indicator.kind().unwrap(), indicator.key(), indicator.to_string());
        let entry = Entry::evidence(kind, key, scope, profile);
        builder.push(&Entry { name: Some(&name), facts: Some(facts), ..entry }).unwrap();
    }
    let mut file = Vec::new();
    builder.finish(&mut file).unwrap();
    file
}

struct House {
    views: Arc<Views>,
    shared: Arc<Shared>,
    lists: Lists,
}

impl House {
    fn of(file: Vec<u8>) -> Self {
        let options = OpenOptions { verify: Verify::Lazy, ..OpenOptions::default() };
        let views = Arc::new(Views::new(View::of(Db::open(file.into(), &options).unwrap())));
        let config: DnsConfig = toml::from_str(ZONES).unwrap();
        let metrics = DnsMetrics::new(&Metrics::new("test")).of("127.0.0.1:53".parse().unwrap());
        let known = (Arc::clone(&views), Some(opinion::tests::opinions()));
        let shared = Arc::new(Shared::new(config, known, metrics, [7; 16]));
        let lists = Lists::new(Arc::clone(&shared));
        Self { views, shared, lists }
    }

    fn with_index() -> Self {
        let house = Self::of(file());
        let wanted = Wanted::by(&house.shared.config).unwrap();
        let view = house.views.load();
        house.shared.publish(Index::build(&wanted, &view, view.as_of).unwrap());
        house
    }

    fn ask(&mut self, name: &str, kind: u16) -> Message {
        let mut query = vec![1, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1];
        query.extend(Name::encode(name).unwrap());
        query.push(0);
        query.extend([kind.to_be_bytes(), [0, 1]].concat());
        query.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
        let mut out = Vec::new();
        self.lists.refresh();
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        self.lists.reply(From { address, udp: true }, &query, &mut out);
        Message::from_vec(&out).unwrap()
    }

    /// The addresses of an answer; none for NXDOMAIN.
    fn codes(&mut self, name: &str) -> Vec<String> {
        let message = self.ask(name, kind::A);
        let expected = [ResponseCode::NoError, ResponseCode::NXDomain];
        assert!(expected.contains(&message.response_code), "{name}: {}", message.response_code);
        message.answers.iter().map(|record| record.data.to_string()).collect()
    }

    fn texts(&mut self, name: &str) -> Vec<String> {
        let of = |data: &RData| match data {
            RData::TXT(text) => text.txt_data.concat(),
            other => panic!("{other}"),
        };
        let message = self.ask(name, kind::TXT);
        let octets = message.answers.iter().map(|record| of(&record.data));
        octets.map(|octets| String::from_utf8(octets).unwrap()).collect()
    }

    fn block(&self, text: &str) {
        let indicator = Indicator::parse(text).unwrap();
        let mut profile = profile(Band::Malicious, Category::Scam);
        profile.basis = Basis::Decision;
        let terms = Some(Terms { decided_at: Timestamp(SEEN), until: None });
        let new = EntryData { profile, name: Some(text.into()), facts: None, terms };
        let change = Change {
            seq: 50,
            layer: Layer::Decision,
            kind: indicator.kind().unwrap(),
            key: indicator.key(),
            scope: Scope::Subtree,
            new: Some(new),
        };
        self.views.publish(&[change], Timestamp(SEEN));
    }
}

fn hex(digest: Digest, text: &str) -> String {
    data_encoding::HEXLOWER.encode(&digest.of(text.as_bytes()))
}

fn cut(text: &str, length: usize) -> &str {
    text.split_at(length).0
}

/// A question for the 16 bits by which AdGuard asks for a host.
fn prefix(host: &str) -> String {
    format!("{}.sb.test", cut(&hex(Digest::Sha256, host), 4))
}

#[test]
fn what_nobody_listed_is_listed_by_opinion_only_where_the_zone_says_so() {
    let mut house = House::of(file());
    assert_eq!(house.codes("login-verify7.top.guess.test"), ["127.0.1.2"]);
    let message = house.ask("login-verify7.top.guess.test", kind::TXT);
    let text = message.answers.first().map(|record| record.data.to_string()).unwrap();
    assert!(text.contains("login-verify7.top: a model's opinion"), "{text}");
    assert_eq!(house.codes("garden7.top.guess.test"), [""; 0]);
    assert_eq!(house.codes("evil.top.guess.test"), house.codes("evil.top.dbl.test"));
    assert_eq!(house.codes("login-verify7.top.dbl.test"), [""; 0]);
}

#[test]
fn every_kind_of_zone_lists_what_it_holds_and_nothing_else() {
    let mut house = House::with_index();
    let (one, two) = SHA256.split_at(32);
    for (name, code) in [
        ("4.3.2.101.bl.test", "127.0.0.12"),
        ("www.evil.top.dbl.test", "127.0.0.12"),
        ("www.evil.top.bits.test", "127.0.0.4"),
        ("4.3.2.101.bits.test", "127.0.0.4"),
        (&format!("{one}.{two}.keys.test"), "127.0.0.12"),
        (&format!("{one}.{two}.mhr.test"), "127.0.0.2"),
        ("8.8.8.101.wl.test", "127.0.5.2"),
        ("test.mhr.test", "127.0.0.2"),
    ] {
        assert_eq!(house.codes(name), [code], "{name}");
    }
    for name in [
        "4.3.2.102.bl.test",
        "4.3.2.101.dbl.test",
        "www.exact.top.dbl.test",
        "invalid.bits.test",
        "4.3.2.101.wl.test",
        &format!("{two}.{one}.mhr.test"),
    ] {
        assert_eq!(house.codes(name), [] as [&str; 0], "{name}");
    }
    assert_eq!(house.texts(&format!("{one}.{two}.mhr.test")), [format!("{SEEN} 90")]);
}

#[test]
fn names_are_found_by_the_digests_that_a_zone_has() {
    let mut house = House::with_index();
    for text in [
        "bob@mail.org",
        "evil.top",
        "http://fine.org/Evil",
        "http://fine.org/evil",
        "fine.org/evil",
    ] {
        for digest in [Digest::Md5, Digest::Sha1] {
            let label = hex(digest, text);
            assert_eq!(house.codes(&format!("{label}.hash.test")), ["127.0.0.12"], "{text}");
            assert_eq!(house.codes(&format!("{label}.keys.test")), [] as [&str; 0], "{text}");
        }
        let label = hex(Digest::Blake2b, text);
        assert_eq!(
            house.codes(&format!("{}.hash.test", cut(&label, 40))),
            ["127.0.0.12"],
            "{text}"
        );
    }
    let label = hex(Digest::Sha1, "evil.top");
    let reason = format!("{label}: phishing; risk 90; https://w.test/{label}");
    assert_eq!(house.texts(&format!("{label}.hash.test")), [reason], "the name is not told");
    for text in ["mail.org", "http://fine.org/", "beneath.top", "never.top"] {
        let label = hex(Digest::Sha1, text);
        assert_eq!(house.codes(&format!("{label}.hash.test")), [] as [&str; 0], "{text}");
    }
}

#[test]
fn prefixes_are_answered_with_whole_digests() {
    let mut house = House::with_index();
    for host in ["evil.top", "exact.top"] {
        assert_eq!(house.texts(&prefix(host)), [hex(Digest::Sha256, host)]);
    }
    for (host, why) in [
        ("never.top", "nothing is known"),
        ("beneath.top", "only what lies beneath is listed"),
        ("github.io", "listed alone, and it lends space"),
    ] {
        let message = house.ask(&prefix(host), kind::TXT);
        assert_eq!(message.response_code, ResponseCode::NoError, "{why}");
        assert_eq!((message.answers.len(), message.authorities.len()), (0, 1), "{why}");
    }
    let both = format!("{}.{}", cut(&hex(Digest::Sha256, "evil.top"), 4), prefix("exact.top"));
    let mut expected = [hex(Digest::Sha256, "evil.top"), hex(Digest::Sha256, "exact.top")];
    expected.sort();
    assert_eq!(house.texts(&both), expected);
    assert_eq!(house.codes(&prefix("evil.top")), [] as [&str; 0], "no address");
}

#[test]
fn what_changes_is_found_and_judged_anew() {
    let mut house = House::with_index();
    let feed = house.views.keep_changes(1, FeedLimits::default());
    let (cursor, _) = feed.snapshot();
    house.block("new.top");
    let batch = feed.since(cursor, 10).unwrap();
    let index = house.shared.index().unwrap().after(&batch.changes);
    house.shared.publish(index);
    assert_eq!(house.texts(&prefix("new.top")), [hex(Digest::Sha256, "new.top")]);
    let label = hex(Digest::Sha1, "new.top");
    assert_eq!(house.codes(&format!("{label}.hash.test")), ["127.0.0.17"]);
}

#[test]
fn without_its_index_a_zone_says_nothing() {
    let mut house = House::of(file());
    let digest = format!("{}.hash.test", hex(Digest::Sha1, "evil.top"));
    for name in [prefix("evil.top"), digest] {
        for kind in [kind::A, kind::TXT] {
            let message = house.ask(&name, kind);
            assert_eq!(message.response_code, ResponseCode::ServFail, "{name}");
            assert!(message.answers.is_empty());
        }
    }
    assert_eq!(house.codes("4.3.2.101.bl.test"), ["127.0.0.12"], "others do");
}

/// Every octet of every shard, one after the other: an answer is the true one or SERVFAIL.
#[test]
fn a_damaged_database_never_lists() {
    let whole = file();
    let (one, two) = SHA256.split_at(32);
    let sha256 = format!("{one}.{two}");
    let listed = [
        "4.3.2.101.bl.test".to_owned(),
        "evil.top.dbl.test".to_owned(),
        "evil.top.bits.test".to_owned(),
        format!("{sha256}.keys.test"),
        format!("{sha256}.mhr.test"),
    ];
    let unlisted = ["4.3.2.102.bl.test".to_owned(), "fine.top.dbl.test".to_owned()];
    let mut silent = 0;
    for at in (0..whole.len()).step_by(5) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        let options = OpenOptions { verify: Verify::Lazy, ..OpenOptions::default() };
        if Db::open(damaged.clone(), &options).is_err() {
            continue;
        }
        let mut house = House::of(damaged);
        for (names, is_listed) in [(&listed[..], true), (&unlisted[..], false)] {
            for name in names {
                let message = house.ask(name, kind::A);
                match message.response_code {
                    ResponseCode::ServFail => {
                        silent += 1;
                        assert!(message.answers.is_empty() && message.authorities.is_empty());
                    }
                    ResponseCode::NoError => assert!(is_listed, "{name}, octet {at}"),
                    ResponseCode::NXDomain => assert!(!is_listed, "{name}, octet {at}"),
                    other => panic!("{other}"),
                }
            }
        }
    }
    assert!(silent > 0, "damage was met");
}

/// A listener on loopback, whose clients may be any of 127.0.0.0/8.
async fn listener(more: &str) -> super::DnsServer {
    let views =
        Arc::new(Views::new(View::of(Db::open(file().into(), &OpenOptions::default()).unwrap())));
    views.keep_changes(1, FeedLimits::default());
    let config: DnsConfig = toml::from_str(&format!("{more}{ZONES}")).unwrap();
    let metrics = DnsMetrics::new(&Metrics::new("test"));
    // The port that is free for UDP may be taken for TCP: then another is drawn.
    let draws = (0..9).map(|_| super::BoundDns::bind(config.clone(), 1));
    let bound = draws.into_iter().find(|bound| {
        !bound.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::AddrInUse)
    });
    bound.unwrap().unwrap().start(views, None, &metrics, [7; 16]).unwrap()
}

/// A question for the test point, behind its length.
fn framed() -> Vec<u8> {
    let mut query = vec![1, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    query.extend(Name::encode("2.0.0.127.bl.test").unwrap());
    query.extend([0, 0, 1, 0, 1]);
    [&(query.len() as u16).to_be_bytes()[..], &query].concat()
}

async fn connect(from: [u8; 4], to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((from, 0).into()).unwrap();
    socket.connect(to).await.unwrap()
}

/// What comes until the other side is done, within five seconds.
async fn rest(stream: &mut TcpStream) -> usize {
    let mut all = Vec::new();
    let read = timeout(Duration::from_secs(5), stream.read_to_end(&mut all)).await;
    match read.expect("the listener lets go") {
        Ok(count) => count,
        Err(error) => {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
            0
        }
    }
}

#[tokio::test]
async fn a_half_closed_stream_still_gets_its_answers() {
    let server = listener("tcp_idle_secs = 60\n").await;
    let mut stream = connect([127, 0, 0, 1], server.local_addr()).await;
    stream.write_all(&[framed(), framed()].concat()).await.unwrap();
    stream.shutdown().await.unwrap();
    let (query, record) = (framed().len(), 16);
    assert_eq!(rest(&mut stream).await, 2 * (query + record));
    server.stop().await;
}

#[tokio::test]
async fn who_is_silent_or_slow_is_let_go() {
    let server = listener("tcp_idle_secs = 1\n").await;
    for sent in [0, 1, 2, 9] {
        let mut stream = connect([127, 0, 0, 1], server.local_addr()).await;
        stream.write_all(&framed()[..sent]).await.unwrap();
        assert_eq!(rest(&mut stream).await, 0, "after {sent} octets");
    }
    server.stop().await;
}

#[tokio::test]
async fn one_client_has_so_many_connections_and_no_more() {
    let server = listener("tcp_idle_secs = 60\ntcp_connections_per_address_max = 2\n").await;
    let to = server.local_addr();
    let mut held = [connect([127, 0, 0, 1], to).await, connect([127, 0, 0, 1], to).await];
    assert_eq!(rest(&mut connect([127, 0, 0, 1], to).await).await, 0, "closed at once");
    held[1].write_all(&framed()).await.unwrap();
    let mut other = connect([127, 0, 0, 2], to).await;
    other.write_all(&framed()).await.unwrap();
    for stream in [&mut held[1], &mut other] {
        let mut answer = vec![0; framed().len() + 16];
        timeout(Duration::from_secs(5), stream.read_exact(&mut answer)).await.unwrap().unwrap();
    }
    server.stop().await;
}

#[tokio::test]
async fn idle_connections_give_way_when_places_run_out() {
    let server = listener("tcp_idle_secs = 10\ntcp_connections_max = 8\n").await;
    let to = server.local_addr();
    let mut idle = Vec::new();
    for client in 1..=12 {
        idle.push(connect([127, 0, 1, client], to).await);
    }
    let mut stream = connect([127, 0, 2, 1], to).await;
    stream.write_all(&framed()).await.unwrap();
    let mut answer = vec![0; framed().len() + 16];
    // Two rounds of a tenth of the time at most, and not the ten seconds of quiet days.
    timeout(Duration::from_secs(8), stream.read_exact(&mut answer)).await.unwrap().unwrap();
    server.stop().await;
}
