//! A store that can be changed, and a secondary that reads transfers with hickory.

use crate::rpz::config::ZoneConfig;
use crate::rpz::follow::{Follower, Progress, beneath_of, catch_up};
use crate::rpz::listen::Live;
use crate::rpz::message::Asked;
use crate::rpz::question::Transfer;
use crate::rpz::resume::{Wanted, resume};
use crate::rpz::serial::Serials;
use crate::rpz::transfer::{Cut, send};
use crate::rpz::tsig::Signer;
use crate::rpz::zone::Zone;
use arc_swap::ArcSwap;
use hickory_proto::op::Message;
use hickory_proto::rr::{RData, Record};
use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use wardnet_model::{Band, Basis, Category, Indicator, Risk, Scope, Timestamp};
use wardnet_verdictdb::{Change, EntryData, FeedLimits, Layer, Profile, SourceSet, Terms, Views};

/// What somebody says of a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    Listed,
    Doubtful,
    Blocked,
    Allowed,
}

pub(super) fn data(indicator: &Indicator, word: Word) -> EntryData {
    let (risk, band, layer) = match word {
        Word::Listed => (90, Band::Malicious, Layer::Evidence),
        Word::Doubtful => (40, Band::Suspicious, Layer::Evidence),
        Word::Blocked => (100, Band::Malicious, Layer::Decision),
        Word::Allowed => (0, Band::Trusted, Layer::Decision),
    };
    let is_decision = layer == Layer::Decision;
    let basis = if is_decision { Basis::Decision } else { Basis::Evidence };
    let categories = (!is_decision).then_some(Category::Phishing).into_iter().collect();
    let sources = SourceSet::default();
    EntryData {
        profile: Profile { risk: Risk::new(risk), band, basis, categories, sources },
        name: Some(indicator.to_string().into()),
        facts: None,
        terms: is_decision.then_some(Terms { decided_at: Timestamp(1), until: None }),
    }
}

/// A store, its feed, and a zone that follows it step by step.
pub(super) struct House {
    pub(super) views: Views,
    pub(super) zone: Arc<Zone>,
    follower: Option<Progress>,
    seq: u64,
}

impl House {
    pub(super) fn new(config: &ZoneConfig) -> Self {
        Self::with(config, Views::default(), FeedLimits::default())
    }

    pub(super) fn with(config: &ZoneConfig, views: Views, limits: FeedLimits) -> Self {
        let feed = views.keep_changes(1, limits);
        let (_, view) = feed.snapshot();
        let zone = Zone::at(config, view, 1_000, 0);
        Self::of(zone, views, Arc::default())
    }

    /// A server that starts on a folder in which the history of changes goes on.
    pub(super) fn start(config: &ZoneConfig, views: Views, folder: &Path) -> Self {
        let feed = views.keep_changes(1, FeedLimits::default());
        let (serials, (cursor, view)) = (Serials::open(folder.join("rpz-serial")), feed.snapshot());
        let zone = resume(&Wanted {
            config,
            primary: String::new(),
            feed: &feed,
            serials: &serials,
            cursor,
            view: &view,
            records_max: 100_000,
        });
        Self::of(zone, views, Arc::new(serials))
    }

    fn of(zone: Zone, views: Views, serials: Arc<Serials>) -> Self {
        let feed = Arc::clone(views.feed().unwrap());
        let ((cursor, view), zone) = (feed.snapshot(), Arc::new(zone));
        let live = Live { zones: vec![Arc::clone(&zone)], keys: Vec::new(), allow: Vec::new() };
        let live = Arc::new(ArcSwap::from_pointee(live));
        let seq = view.seq;
        let follower = Follower { feed, cursor, live, serials, records_max: 100_000 };
        Self { views, zone, follower: Some((follower, beneath_of(&view))), seq }
    }

    /// Says something, or takes it back.
    pub(super) fn say(&mut self, text: &str, scope: Scope, word: Word, is_said: bool) {
        let indicator = Indicator::parse(text).unwrap();
        let new = data(&indicator, word);
        let layer = if new.terms.is_some() { Layer::Decision } else { Layer::Evidence };
        let (kind, key) = (indicator.kind().unwrap(), indicator.key());
        self.seq += 1;
        let new = is_said.then_some(new);
        let change = Change { seq: self.seq, layer, kind, key, scope, new };
        self.views.publish(&[change], Timestamp(self.seq));
    }

    /// Lets the zone follow up to now.
    pub(super) fn follow(&mut self) {
        self.follower = self.follower.take().map(catch_up);
    }

    pub(super) fn serial(&self) -> u32 {
        self.zone.state().serial
    }

    /// The records of the whole zone, or of what has changed since a serial, as they are sent.
    pub(super) fn transfer(&self, since: Option<u32>) -> io::Result<Vec<Record>> {
        let messages = messages(&self.zone, since, None)?;
        let read = |message: &Vec<u8>| Message::from_vec(message).unwrap().answers;
        Ok(messages.iter().flat_map(read).collect())
    }

    /// The policy of the zone: a whole transfer without its frame.
    pub(super) fn policy(&self) -> Policy {
        let records = self.transfer(None).unwrap();
        let [first, _, middle @ .., last] = &*records else { panic!("a frame") };
        assert_eq!((soa(first), soa(last)), (Some(self.serial()), Some(self.serial())));
        let all: Policy = middle.iter().map(line).collect();
        assert_eq!(all.len(), middle.len(), "nothing comes twice");
        all
    }
}

/// Policy records: owners and the names they lead to.
pub(super) type Policy = BTreeSet<(String, String)>;

pub(super) fn line(record: &Record) -> (String, String) {
    let RData::CNAME(target) = &record.data else { panic!("{record} is no policy") };
    let owner = record.name.to_ascii();
    let owner = owner.strip_suffix(".rpz.wardnet.").expect("an owner in the zone");
    (owner.to_owned(), target.0.to_ascii())
}

pub(super) fn soa(record: &Record) -> Option<u32> {
    match &record.data {
        RData::SOA(soa) => Some(soa.serial),
        _ => None,
    }
}

/// The messages of a transfer, without their lengths.
pub(super) fn messages(
    zone: &Arc<Zone>,
    since: Option<u32>,
    signer: Option<Signer>,
) -> io::Result<Vec<Vec<u8>>> {
    let kind: u16 = if since.is_some() { 251 } else { 252 };
    let mut question = zone.origin.clone();
    question.extend(kind.to_be_bytes());
    question.extend([0, 1]);
    let asked = Asked { id: 9, flags: 0, question, has_edns: false };
    let zone = Arc::clone(zone);
    let transfer = Transfer { asked, zone, signer, since, datagram_bytes_max: 0 };
    let cut = Cut { message_bytes_max: 1_024, stall: Duration::from_secs(5) };
    let mut sent = Vec::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(send(&transfer, &mut sent, cut, &Semaphore::new(1)))?;
    Ok(unframe(&sent))
}

pub(super) fn unframe(mut sent: &[u8]) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    while let Some((length, rest)) = sent.split_first_chunk::<2>() {
        let (message, rest) = rest.split_at(u16::from_be_bytes(*length).into());
        messages.push(message.to_vec());
        sent = rest;
    }
    messages
}

/// What a secondary makes of the differences (RFC 1995 section 4): they must fit what it has.
pub(super) fn apply(mut policy: Policy, from: u32, differences: &[Record]) -> (Policy, u32) {
    let newest = differences.first().and_then(soa).expect("the newest serial first");
    assert_eq!(differences.last().and_then(soa), Some(newest));
    if differences.len() == 1 {
        return (policy, newest);
    }
    let (mut serial, mut is_adding) = (from, true);
    for record in &differences[1..differences.len() - 1] {
        match soa(record) {
            Some(at) if is_adding => {
                assert_eq!(at, serial, "differences without a gap");
                is_adding = false;
            }
            Some(at) => (serial, is_adding) = (at, true),
            None if is_adding => assert!(policy.insert(line(record)), "{record} is there already"),
            None => assert!(policy.remove(&line(record)), "{record} is not there"),
        }
    }
    assert_eq!((serial, is_adding), (newest, true));
    (policy, newest)
}
