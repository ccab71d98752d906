//! Entries for tests: random ones from a seed, and strategies that make them.

use proptest::prelude::*;
use wardnet_model::{Band, Basis, CategorySet, Key, Kind, Risk, Scope, Timestamp};
use wardnet_verdictdb::{
    Builder, Change, Db, EntryData, Facts, Layer, OpenOptions, Options, Prefix, Profile, Terms,
    Verify,
};

pub(crate) const NOW: Timestamp = Timestamp(1_000);

/// A small generator of random numbers.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

pub(crate) fn profile(number: u64) -> Profile {
    let (risk, band) = match number % 5 {
        0 => (90, Band::Malicious),
        1 => (50, Band::Suspicious),
        2 => (0, Band::Safe),
        3 => (0, Band::Trusted),
        _ => (10, Band::Unrated),
    };
    Profile {
        risk: Risk::new(risk),
        band,
        basis: Basis::Evidence,
        categories: CategorySet::from_bits(number % 4),
        sources: [7, number as u32 % 3].into_iter().collect(),
    }
}

/// The state of a database as a plain list of changes that add entries.
pub(crate) type Row = Change;

/// A row whose key, scope and content follow from numbers.
pub(crate) fn row(seq: u64, kind: Kind, key: Key, scope: u64, content: Option<u64>) -> Row {
    let layer = if content.is_some_and(|c| c % 7 == 0) { Layer::Decision } else { Layer::Evidence };
    let scope = Scope::from_tag((scope % 3) as u8).unwrap();
    Row { seq, layer, kind, key, scope, new: content.map(|content| data(content, layer)) }
}

pub(crate) fn data(content: u64, layer: Layer) -> EntryData {
    let until = content.is_multiple_of(2).then_some(Timestamp(content % 2_000));
    EntryData {
        profile: profile(content),
        name: (!content.is_multiple_of(3)).then(|| format!("name-{content}").into()),
        facts: (!content.is_multiple_of(4))
            .then_some(Facts { first_seen: Timestamp(content), last_seen: Timestamp(content + 5) }),
        terms: (layer == Layer::Decision)
            .then_some(Terms { decided_at: Timestamp(content), until }),
    }
}

const KINDS: [Kind; 4] = [Kind::Domain, Kind::Url, Kind::Sha256, Kind::Email];

/// One of few keys, so that changes meet each other; about half are addresses and networks.
pub(crate) fn few_keys() -> impl Strategy<Value = (Kind, Key)> {
    let hashed = (0..4usize, 0..40u8).prop_map(|(k, n)| (KINDS[k], Key::digest(&[n])));
    let v4 = (0..64u32, 0..=32u8).prop_map(|(bits, length)| {
        let address = std::net::Ipv4Addr::from(bits << 26 | bits >> 3);
        let prefix = Prefix::of_address(address.into()).shorten(length).unwrap();
        (prefix.kind(), prefix.key())
    });
    let v6 = (0..64u128, 0..=128u8).prop_map(|(bits, length)| {
        let address = std::net::Ipv6Addr::from(bits << 122 | bits >> 3);
        let prefix = Prefix::of_address(address.into()).shorten(length).unwrap();
        (prefix.kind(), prefix.key())
    });
    prop_oneof![2 => hashed, 1 => v4, 1 => v6]
}

/// Changes with rising numbers; a few remove what may not be there.
pub(crate) fn changes(max: usize) -> impl Strategy<Value = Vec<Row>> {
    let one = (few_keys(), 0..3u64, prop::option::weighted(0.75, 0..5_000u64), any::<bool>());
    prop::collection::vec(one, 0..max).prop_map(|list| {
        let rows =
            list.into_iter().zip(1..).map(|(((kind, key), scope, content, decided), seq)| {
                let mut row = row(seq, kind, key, scope, content);
                if row.new.is_none() && decided {
                    row.layer = Layer::Decision;
                }
                row
            });
        rows.collect()
    })
}

pub(crate) fn options(sequence: u64) -> Options {
    let sources = [(7, "seven".into())].into();
    Options { sequence, names: true, facts: true, sources, ..Options::default() }
}

pub(crate) fn compile<'a>(rows: impl IntoIterator<Item = &'a Row>, sequence: u64) -> Vec<u8> {
    let mut builder = Builder::new(options(sequence));
    for row in rows {
        let new = row.new.as_ref().unwrap();
        builder.push(&new.as_entry(row.kind, row.key, row.scope)).unwrap();
    }
    let mut file = Vec::new();
    builder.finish(&mut file).unwrap();
    file
}

pub(crate) fn open(file: Vec<u8>) -> Db {
    Db::open(file.into(), &OpenOptions::default()).unwrap()
}

pub(crate) fn open_lazily(file: Vec<u8>) -> Db {
    Db::open(file.into(), &OpenOptions { verify: Verify::Lazy, ..OpenOptions::default() }).unwrap()
}

/// The state after changes, computed in the plainest way.
pub(crate) fn replay<'a>(changes: impl IntoIterator<Item = &'a Row>) -> Vec<Row> {
    let mut state = std::collections::BTreeMap::new();
    for change in changes {
        let at = (change.layer, change.kind, change.key, change.scope);
        match change.new {
            Some(_) => state.insert(at, change.clone()),
            None => state.remove(&at),
        };
    }
    state.into_values().collect()
}
