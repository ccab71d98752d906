//! Sockets: clients that are slow, half gone, too many or strangers, and settings that change.

use super::client::{Word, data, unframe};
use super::content::config;
use super::questions::question;
use crate::Troubles;
use crate::rpz::config::{Limits, ZoneConfig};
use crate::rpz::{Bound, Primary, RpzConfig, RpzMetrics, Surroundings};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RecordType;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use wardnet_model::{Indicator, Scope, Timestamp};
use wardnet_score::Level;
use wardnet_server::{Health, Metrics, Status};
use wardnet_verdictdb::{Change, FeedLimits, Layer, Views};

/// Long enough for anything on loopback.
const SOON: Duration = Duration::from_secs(20);

struct House {
    views: Views,
    health: Health,
    around: Surroundings,
    seq: u64,
}

impl House {
    fn new() -> Self {
        let (views, health) = (Views::default(), Health::new());
        let around = Surroundings {
            feed: views.keep_changes(1, FeedLimits::default()),
            serials: Arc::default(),
            metrics: RpzMetrics::new(&Metrics::new("test")),
            health: Troubles::new(&health, "rpz"),
        };
        Self { views, health, around, seq: 0 }
    }

    fn list(&mut self, texts: impl IntoIterator<Item = String>, word: Word) {
        let changes: Vec<_> = texts
            .into_iter()
            .map(|text| {
                let indicator = Indicator::parse(&text).unwrap();
                self.seq += 1;
                Change {
                    seq: self.seq,
                    layer: Layer::Evidence,
                    kind: indicator.kind().unwrap(),
                    key: indicator.key(),
                    scope: Scope::Exact,
                    new: Some(data(&indicator, word)),
                }
            })
            .collect();
        self.views.publish(&changes, Timestamp(self.seq));
    }

    fn start(&self, config: RpzConfig) -> (Primary, SocketAddr) {
        let primary = Bound::bind(config, self.around.clone()).unwrap().start();
        let address = primary.addresses()[0].strip_prefix("rpz ").unwrap().parse().unwrap();
        (primary, address)
    }
}

fn settings(limits: Limits) -> RpzConfig {
    let listen = vec!["127.0.0.1:0".parse().unwrap()];
    RpzConfig { listen, zone: vec![config()], limits, ..RpzConfig::default() }
}

fn framed(kind: RecordType) -> Vec<u8> {
    let message = question(kind).to_vec().unwrap();
    let mut bytes = u16::try_from(message.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend(message);
    bytes
}

/// Sends bytes, says that there are no more, and reads what comes until the end.
async fn exchange(address: SocketAddr, bytes: &[u8]) -> Vec<Message> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut read = Vec::new();
    // Who sends more than is read is cut off; what came before counts.
    let end = tokio::time::timeout(SOON, stream.read_to_end(&mut read)).await.unwrap();
    assert!(end.is_ok() || read.is_empty());
    unframe(&read).iter().map(|message| Message::from_vec(message).unwrap()).collect()
}

fn names(number: usize) -> impl Iterator<Item = String> {
    (0..number).map(|number| format!("n{number}.top"))
}

#[tokio::test]
async fn a_half_closed_stream_with_several_questions_gets_all_answers() {
    let mut house = House::new();
    house.list(names(100), Word::Listed);
    let (primary, address) = house.start(settings(Limits::default()));
    let questions = [framed(RecordType::SOA), framed(RecordType::AXFR), framed(RecordType::A)];
    let answers = exchange(address, &questions.concat()).await;
    assert_eq!(answers.len(), 3);
    assert_eq!(answers[1].answers.len(), 103);
    assert!(answers[2].answers.is_empty());
    primary.stop().await;
}

#[tokio::test]
async fn what_is_no_question_ends_the_connection() {
    let house = House::new();
    let (primary, address) = house.start(settings(Limits::default()));
    let oversized = [0xff, 0xff, 1, 2, 3];
    let mut loops = vec![0, 18, 0, 9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 12, 0, 252, 0, 1];
    let answers = exchange(address, &loops).await;
    assert_eq!(answers[0].metadata.response_code, ResponseCode::FormErr);
    loops.truncate(9);
    for bytes in [&oversized[..], &loops, &[0], &[0, 3, 1, 2, 3], &[]] {
        assert!(exchange(address, bytes).await.is_empty(), "{bytes:?}");
    }
    primary.stop().await;
}

#[tokio::test]
async fn a_reader_that_takes_nothing_is_left_while_others_are_served() {
    let mut house = House::new();
    house.list(names(60_000), Word::Listed);
    let limits = Limits { stall_timeout_ms: 200, transfers_max: 1, ..Limits::default() };
    let (primary, address) = house.start(settings(limits));
    let mut slow = TcpStream::connect(address).await.unwrap();
    slow.write_all(&framed(RecordType::AXFR).repeat(4)).await.unwrap();
    // It has the only place for a transfer, until it is left.
    let answers = exchange(address, &framed(RecordType::AXFR)).await;
    let records: usize = answers.iter().map(|message| message.answers.len()).sum();
    assert_eq!(records, 60_003);
    assert_eq!(exchange(address, &framed(RecordType::SOA)).await.len(), 1);
    primary.stop().await;
}

#[tokio::test]
async fn idle_connections_do_not_keep_others_out() {
    let house = House::new();
    let limits =
        Limits { connections_per_address_max: 3, idle_timeout_ms: 300, ..Limits::default() };
    let (primary, address) = house.start(settings(limits));
    let mut idle = Vec::new();
    for _ in 0..3 {
        idle.push(TcpStream::connect(address).await.unwrap());
    }
    // One too many of this address is closed at once; datagrams are answered all the same.
    let mut more = TcpStream::connect(address).await.unwrap();
    let end = tokio::time::timeout(SOON, more.read(&mut [0; 8])).await.unwrap();
    assert!(matches!(end, Ok(0) | Err(_)));
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.send_to(&question(RecordType::SOA).to_vec().unwrap(), address).await.unwrap();
    let mut answer = [0; 512];
    let length = tokio::time::timeout(SOON, socket.recv(&mut answer)).await.unwrap().unwrap();
    assert_eq!(Message::from_vec(&answer[..length]).unwrap().answers.len(), 1);
    // The idle ones are closed in their time, and there is room again.
    for stream in &mut idle {
        let end = tokio::time::timeout(SOON, stream.read(&mut [0; 8])).await.unwrap();
        assert!(matches!(end, Ok(0)));
    }
    assert_eq!(exchange(address, &framed(RecordType::SOA)).await.len(), 1);
    primary.stop().await;
}

#[tokio::test]
async fn strangers_are_refused() {
    let house = House::new();
    let allow = vec!["192.0.2.0/24".parse().unwrap()];
    let (primary, address) = house.start(RpzConfig { allow, ..settings(Limits::default()) });
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.send_to(&question(RecordType::SOA).to_vec().unwrap(), address).await.unwrap();
    let mut answer = [0; 512];
    let length = tokio::time::timeout(SOON, socket.recv(&mut answer)).await.unwrap().unwrap();
    let answer = Message::from_vec(&answer[..length]).unwrap();
    assert_eq!(answer.metadata.response_code, ResponseCode::Refused);
    let mut stream = TcpStream::connect(address).await.unwrap();
    let end = tokio::time::timeout(SOON, stream.read(&mut [0; 8])).await.unwrap();
    assert!(matches!(end, Ok(0) | Err(_)));
    primary.stop().await;
}

#[tokio::test]
async fn other_settings_keep_the_sockets_and_the_zones_that_stay() {
    let mut house = House::new();
    house.list(names(3), Word::Doubtful);
    let (mut primary, address) = house.start(settings(Limits::default()));
    let serial = |messages: &[Message]| match &messages[0].answers[0].data {
        hickory_proto::rr::RData::SOA(soa) => soa.serial,
        other => panic!("{other}"),
    };
    let first = exchange(address, &framed(RecordType::AXFR)).await;
    assert_eq!(first[0].answers.len(), 3, "nothing at the middle level");
    let same = settings(Limits::default());
    let mut renewed = RpzConfig { listen: same.listen.clone(), ..same };
    assert!(primary.config().listens_like(&renewed));
    primary.renew(Primary::prepare(renewed.clone()).unwrap()).await;
    let second = exchange(address, &framed(RecordType::AXFR)).await;
    assert_eq!(serial(&first), serial(&second), "the zone goes on");
    renewed.zone = vec![ZoneConfig { level: Level::High, ..config() }];
    primary.renew(Primary::prepare(renewed).unwrap()).await;
    let third = exchange(address, &framed(RecordType::AXFR)).await;
    assert_eq!(third[0].answers.len(), 6, "all at the high level");
    assert!(serial(&third) > serial(&second), "other content, another serial");
    // And it follows what is new.
    house.list(["new.top".to_owned()], Word::Listed);
    let deadline = tokio::time::Instant::now() + SOON;
    while exchange(address, &framed(RecordType::AXFR)).await[0].answers.len() < 7 {
        assert!(tokio::time::Instant::now() < deadline, "the change never came");
    }
    primary.stop().await;
}

#[tokio::test]
async fn secondaries_are_told_until_they_confirm() {
    let mut house = House::new();
    let secondary = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let notify = vec![secondary.local_addr().unwrap()];
    let (primary, _) = house.start(RpzConfig { notify, ..settings(Limits::default()) });
    let mut bytes = [0; 512];
    let mut told = Vec::new();
    for round in 0..3 {
        let received = tokio::time::timeout(SOON, secondary.recv_from(&mut bytes));
        let (length, from) = received.await.unwrap().unwrap();
        let message = Message::from_vec(&bytes[..length]).unwrap();
        assert_eq!(message.metadata.op_code, hickory_proto::op::OpCode::Notify);
        told.push(match &message.answers[0].data {
            hickory_proto::rr::RData::SOA(soa) => soa.serial,
            other => panic!("{other}"),
        });
        // The first message is lost: it comes again.
        if round > 0 {
            bytes[2] |= 0x80;
            secondary.send_to(&bytes[..length], from).await.unwrap();
            house.list([format!("n{round}.top")], Word::Listed);
        }
    }
    assert!(told[0] == told[1] && told[1] < told[2], "{told:?}");
    assert_eq!(house.health.overall(), Status::Ok);
    primary.stop().await;
}
