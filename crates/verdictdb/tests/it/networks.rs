//! Addresses and networks: every covering prefix is found, whatever the shards.

use crate::sample::{NOW, Random, Row, compile, open, profile, row};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use wardnet_model::{Key, Kind, Scope};
use wardnet_verdictdb::{Change, EntryData, Layer, LookupError, Prefix, View};

/// Networks of all lengths that nest a lot.
fn nested(count: usize, seed: u64) -> Vec<Row> {
    let mut random = Random(seed);
    let mut known = BTreeSet::new();
    let mut rows = Vec::new();
    while rows.len() < count {
        let address = address(&mut random);
        let whole = Prefix::of_address(address);
        let length = random.below(u64::from(whole.length()) + 1) as u8;
        let length = if random.below(3) > 0 { whole.length() } else { length };
        let prefix = whole.shorten(length).unwrap();
        let scope = random.below(3);
        if known.insert((prefix, scope)) {
            let content = random.below(500) * 7 + 1;
            rows.push(row(1, prefix.kind(), prefix.key(), scope, Some(content)));
        }
    }
    rows
}

/// An address out of few networks.
fn address(random: &mut Random) -> IpAddr {
    let bits = random.next();
    if bits.is_multiple_of(4) {
        let top = u128::from(random.below(4)) << 120 | 0x20 << 120;
        Ipv6Addr::from(top | u128::from(bits & 0xff0f)).into()
    } else {
        Ipv4Addr::from((bits as u32) & 0xf3ff_0fff).into()
    }
}

/// What covers an address, found by looking at every row.
fn expected(rows: &[Row], address: IpAddr) -> Vec<(Prefix, Scope)> {
    let whole = Prefix::of_address(address);
    let mut covering: Vec<(Prefix, Scope)> = rows
        .iter()
        .filter(|row| row.layer == Layer::Evidence)
        .filter_map(|row| Some((Prefix::from_key(row.kind, &row.key)?, row.scope)))
        .filter(|(prefix, _)| {
            prefix.address().is_ipv4() == address.is_ipv4()
                && whole.shorten(prefix.length()) == Some(*prefix)
        })
        .collect();
    covering.sort_by_key(|(prefix, scope)| (std::cmp::Reverse(prefix.length()), *scope));
    covering
}

fn found(view: &View, address: IpAddr) -> Vec<(Prefix, Scope)> {
    let mut all = Vec::new();
    let collect = |prefix, hits: &wardnet_verdictdb::Hits<'_>| {
        all.extend(hits.iter().map(|(_, hit)| (prefix, hit.scope)));
    };
    view.networks(None, address, NOW, collect).unwrap();
    all
}

#[test]
fn all_covering_prefixes_are_found() {
    for (count, questions) in [(60, 400), (5_000, 300), (120_000, 60)] {
        let rows = nested(count, 3);
        let view = View::of(open(compile(&rows, 0)));
        let mut random = Random(17);
        let mut hits = 0;
        for _ in 0..questions {
            let address = address(&mut random);
            let found = found(&view, address);
            assert_eq!(found, expected(&rows, address), "{address} among {count}");
            hits += found.len();
        }
        assert!(hits > 0);
    }
}

#[test]
fn shards_are_cut_and_networks_across_shards_still_cover() {
    let mut rows = nested(120_000, 5);
    let everything = Prefix::of_address("0.0.0.0".parse().unwrap()).shorten(0).unwrap();
    rows.retain(|row| row.key != everything.key());
    rows.push(row(1, everything.kind(), everything.key(), 2, Some(1)));
    let db = open(compile(&rows, 0));
    assert!(db.stat().sections[0].shards > 4);
    let order: Vec<_> = db.dump().map(|stored| stored.unwrap().entry).collect();
    assert_eq!(order.len(), rows.len());
    assert!(order.is_sorted_by(|a, b| a.order(b).is_lt()));
    let view = View::of(db);
    for address in ["1.2.3.4", "200.0.0.1"] {
        let found = found(&view, address.parse().unwrap());
        assert!(found.contains(&(everything, Scope::Subtree)));
    }
}

#[test]
fn a_single_address_or_network_is_found_by_its_key() {
    let rows = nested(3_000, 8);
    let view = View::of(open(compile(&rows, 0)));
    for row in &rows {
        let hits = view.find(None, row.kind, &row.key, NOW).unwrap();
        let hit = hits.evidence(row.scope).unwrap();
        assert_eq!(*hit.profile, row.new.as_ref().unwrap().profile);
    }
    let bad = view.find(None, Kind::Ipv4, &Key([1; 32]), NOW);
    assert_eq!(bad, Err(LookupError::BadKey));
}

#[test]
fn overlays_add_hide_and_replace_networks() {
    let prefix =
        |text: &str, length| Prefix::of_address(text.parse().unwrap()).shorten(length).unwrap();
    let (wide, narrow) = (prefix("10.0.0.0", 8), prefix("10.1.0.0", 16));
    let rows = [row(1, wide.kind(), wide.key(), 2, Some(1))];
    let view = View::of(open(compile(&rows, 0)));
    let change = |seq, prefix: Prefix, add: bool| Change {
        seq,
        layer: Layer::Evidence,
        kind: prefix.kind(),
        key: prefix.key(),
        scope: Scope::Subtree,
        new: add.then(|| EntryData { profile: profile(0), name: None, facts: None, terms: None }),
    };
    let address = "10.1.2.3".parse().unwrap();
    let added = view.after(&[change(2, narrow, true)], NOW);
    assert_eq!(found(&added, address), [(narrow, Scope::Subtree), (wide, Scope::Subtree)]);
    let hidden = added.after(&[change(3, wide, false)], NOW);
    assert_eq!(found(&hidden, address), [(narrow, Scope::Subtree)]);
    assert_eq!(found(&view, address), [(wide, Scope::Subtree)]);
}
