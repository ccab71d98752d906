//! Lists are those that asking about every entry gives.

use super::super::Rights;
use super::super::asked::Asked;
use super::super::walk::write_item;
use super::*;
use crate::frames::Stop;
use proptest::prelude::*;
use std::cell::OnceCell;
use std::sync::Arc;
use wardnet_model::{
    Band, Basis, Category, CategorySet, Indicator, Risk, Scope, SourceId, SuffixList, TenantId,
    Timestamp, Voice,
};
use wardnet_score::{Level, Policy};
use wardnet_verdictdb::{
    Builder, Change, Db, Entry, EntryData, Facts, OpenOptions, Options, Overlay, Profile, Terms,
    View,
};

const NOW: Timestamp = Timestamp(1_000);
const TENANT: TenantId = TenantId(7);

/// Things above and beneath each other, set apart, shared, and at one host.
const TEXTS: [&str; 36] = [
    "evil.top",
    "a.evil.top",
    "b.a.evil.top",
    "c.b.a.evil.top",
    "top",
    "com",
    "one.com",
    "two.com",
    "x.one.com",
    "example.com",
    "a.example.com",
    "test",
    "x.test",
    "co.uk",
    "shop.co.uk",
    "www.shop.co.uk",
    "github.io",
    "me.github.io",
    "www.me.github.io",
    "three.net",
    "four.net",
    "http://evil.top/a",
    "http://one.com/b/c",
    "101.2.3.4",
    "101.2.3.0/24",
    "101.2.3.4:443",
    "certificate-sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "ja3:e7d705a3286e19ea42f587b344ee6865",
    "2a0e:b107::/32",
    "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f",
    "five.org",
    // Parents too long to be remembered, and names too deep to be looked up with others.
    "a-name-of-more-than-thirty-signs.net",
    "x.a-name-of-more-than-thirty-signs.net",
    "1.2.3.4.5.6.7.8.9.10.five.org",
    "0.1.2.3.4.5.6.7.8.9.10.11.five.org",
    "n.m.l.k.j.i.h.g.f.e.d.c.b.a.9.8.7.6.five.org",
];

/// What is said of a thing, and where.
#[derive(Debug, Clone)]
struct Said {
    text: usize,
    scope: Scope,
    /// Base, overlay, or a tenant's.
    place: u8,
    /// In place of an entry, that there is none; not for bases.
    is_gone: bool,
    is_decision: bool,
    risk: u8,
    category: Option<Category>,
    source: u32,
    until: Option<u64>,
    /// Names may be kept otherwise than canonical, or not at all.
    name: u8,
}

fn said() -> impl Strategy<Value = Said> {
    let scope = prop::sample::select(vec![Scope::Exact, Scope::Below, Scope::Subtree]);
    let risk = prop::sample::select(vec![0u8, 20, 40, 75, 90, 100]);
    let category = prop::sample::select(vec![
        None,
        Some(Category::Malware),
        Some(Category::Phishing),
        Some(Category::Hosting),
    ]);
    let until = prop::sample::select(vec![None, Some(500), Some(5_000)]);
    let first = (0..TEXTS.len(), scope, 0..8u8, any::<bool>(), prop::bool::weighted(0.15));
    (first, risk, category, 1..3u32, until, 0..20u8).prop_map(
        |((text, scope, place, is_gone, is_decision), risk, category, source, until, name)| {
            // Most is said by the base.
            let place = place.saturating_sub(5);
            let is_gone = is_gone && place > 0;
            Said { text, scope, place, is_gone, is_decision, risk, category, source, until, name }
        },
    )
}

impl Said {
    fn indicator(&self) -> Indicator {
        Indicator::parse(TEXTS[self.text]).unwrap()
    }

    fn layer(&self) -> Layer {
        if self.is_decision { Layer::Decision } else { Layer::Evidence }
    }

    fn data(&self) -> EntryData {
        let risk = Risk::new(self.risk);
        let band = match (self.risk, self.is_decision) {
            (0, true) => Band::Trusted,
            (0, false) => Band::Safe,
            _ => Band::of_risk(risk, true),
        };
        let basis = if self.is_decision { Basis::Decision } else { Basis::Evidence };
        let categories: CategorySet = self.category.into_iter().collect();
        // Some is for fewer eyes, of every source.
        let shareable = self.name % 2 == 1;
        let voice = Voice { source: SourceId(self.source), shareable };
        let sources = [voice].into_iter().collect();
        let seen = Timestamp(self.source.into());
        let until = self.until.map(Timestamp);
        let text = self.indicator().to_string();
        let name = match self.name {
            0 => None,
            1 => Some(text.to_uppercase().into()),
            2 => Some("no name".into()),
            _ => Some(text.into()),
        };
        EntryData {
            profile: Profile { risk, band, basis, categories, sources },
            name,
            facts: (self.name != 3).then_some(Facts { first_seen: seen, last_seen: NOW }),
            terms: self.is_decision.then_some(Terms { decided_at: Timestamp(1), until }),
        }
    }
}

fn view(all: &[Said]) -> View {
    let options = Options { names: true, facts: true, ..Options::default() };
    let mut builder = Builder::new(options);
    let mut places = std::collections::BTreeSet::new();
    for one in all.iter().filter(|one| one.place == 0) {
        let indicator = one.indicator();
        let (kind, key, data) = (indicator.kind().unwrap(), indicator.key(), one.data());
        if places.insert((one.layer(), kind, key, one.scope)) {
            let entry: Entry<'_> = data.as_entry(kind, key, one.scope);
            builder.push(&entry).unwrap();
        }
    }
    let mut file = Vec::new();
    builder.finish(&mut file).unwrap();
    let view = View::of(Db::open(file.into(), &OpenOptions::default()).unwrap());
    let change = |(one, seq): (&Said, u64)| Change {
        seq,
        layer: one.layer(),
        kind: one.indicator().kind().unwrap(),
        key: one.indicator().key(),
        scope: one.scope,
        new: (!one.is_gone).then(|| one.data()),
    };
    let of = |place| all.iter().filter(move |one| one.place == place).zip(1u64..).map(change);
    let mut own = Overlay::default();
    of(2).for_each(|change| own.apply(&change));
    view.after(&of(1).collect::<Vec<_>>(), NOW).with_tenant(TENANT, own)
}

fn asked() -> impl Strategy<Value = Asked> {
    let level = prop::sample::select(vec![Level::Low, Level::Medium, Level::High]);
    let category = prop::option::of(prop::sample::select(vec![Category::Malware, Category::Spam]));
    let risk_min = prop::sample::select(vec![0u8, 0, 80, 95]);
    let max = prop::sample::select(vec![usize::MAX, usize::MAX, 0, 1, 3]);
    let kinds = prop::sample::select(vec![
        vec![],
        vec![],
        vec![Kind::Domain],
        vec![Kind::Ipv4],
        vec![Kind::Ipv4Network],
    ]);
    (level, category, risk_min, max, any::<bool>(), kinds).prop_map(
        |(level, category, risk_min, max, for_others, kinds)| Asked {
            kinds,
            policy: Policy { level, categories: category.into_iter().collect() },
            risk_min: Risk::new(risk_min),
            max,
            for_others,
            since: None,
        },
    )
}

/// Writes an item; says whether the format could say it.
fn put(format: Format, item: &super::super::item::Item<'_>, out: &mut Vec<u8>) -> bool {
    let before = out.len();
    write_item(format, item, before, out);
    // All of it, whatever the format says of it.
    let all = format!("{item:?}");
    out.extend_from_slice(all.as_bytes());
    out.len() > before + all.len()
}

/// The list by asking about every entry.
fn slowly(walk: &Walk, format: Format) -> Vec<u8> {
    let (mut out, mut left) = (Vec::new(), walk.asked.max);
    let wanted = |_, kind| walk.asked.reads(format, kind);
    for listed in walk.view.entries_where(walk.tenant, walk.now, wanted) {
        let listed = listed.unwrap();
        if left == 0 {
            break;
        }
        if walk.asked.wants(format, listed.entry.kind) && walk.blocks(listed.entry.profile) {
            let said = walk.ask_about(format, &listed, left, &mut |item| {
                Ok::<_, Stop>(put(format, item, &mut out))
            });
            left -= said.unwrap();
        }
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn lists_are_those_of_asking(
        all in prop::collection::vec(said(), 0..40),
        asked in asked(),
        is_tenants in any::<bool>(),
    ) {
        let walk = Walk {
            view: Arc::new(view(&all)),
            tenant: is_tenants.then_some(TENANT),
            asked,
            suffixes: SuffixList::shipped(),
            now: NOW,
            rights: Rights { number: 1, may_share: Arc::new(|source| source == 1) },
            holes: OnceCell::new(),
        };
        for format in Format::ALL {
            let mut quickly = Vec::new();
            walk.each(*format, |item| Ok(put(*format, item, &mut quickly))).unwrap();
            let slowly = slowly(&walk, *format);
            prop_assert_eq!(
                String::from_utf8_lossy(&quickly),
                String::from_utf8_lossy(&slowly),
                "{}", format.name()
            );
        }
    }
}

/// What entries of a list stand on.
fn grounds(texts: &[(&str, Scope, u8)], decided: &[&str]) -> Vec<String> {
    let place = |text: &str| TEXTS.iter().position(|one| *one == text).unwrap();
    let say = |text: &str, scope, risk, is_decision| Said {
        text: place(text),
        scope,
        place: 0,
        is_gone: false,
        is_decision,
        risk,
        category: None,
        source: 1,
        until: None,
        name: 9,
    };
    let mut all: Vec<Said> =
        texts.iter().map(|(text, scope, risk)| say(text, *scope, *risk, false)).collect();
    all.extend(decided.iter().map(|text| say(text, Scope::Exact, 0, true)));
    let walk = Walk {
        view: Arc::new(view(&all)),
        tenant: None,
        asked: Asked::all(),
        suffixes: SuffixList::shipped(),
        now: NOW,
        rights: Rights { number: 1, may_share: Arc::new(|_| true) },
        holes: OnceCell::new(),
    };
    let mut entries = walk.view.entries(None, NOW);
    let mut batch = Batch::new(&walk, Format::Plain).unwrap();
    let mut found_out: Vec<String> = Vec::new();
    let mut goes_on = true;
    while goes_on {
        goes_on = batch.fill(&mut entries).unwrap();
        for (listed, ground) in batch.entries() {
            found_out.push(match ground {
                Ground::Sole(name) => name.to_string(),
                Ground::Found(name, hits, above) => {
                    assert!(!hits.is_empty(), "{name}");
                    let above: Vec<_> = above.iter().map(|one| one.length).collect();
                    format!("{name} {above:?}")
                }
                Ground::Asked => format!("? {}", listed.entry.name.unwrap()),
            });
        }
    }
    found_out.sort();
    found_out
}

#[test]
fn most_names_need_not_be_asked_about() {
    let found = grounds(
        &[
            ("one.com", Scope::Subtree, 90),
            ("x.one.com", Scope::Subtree, 90),
            ("evil.top", Scope::Exact, 90),
            ("a.evil.top", Scope::Exact, 90),
            ("two.com", Scope::Exact, 90),
            ("three.net", Scope::Exact, 90),
            ("three.net", Scope::Subtree, 20),
            ("example.com", Scope::Exact, 90),
            ("x.test", Scope::Exact, 90),
            ("www.me.github.io", Scope::Below, 90),
            ("0.1.2.3.4.5.6.7.8.9.10.11.five.org", Scope::Exact, 90),
            ("1.2.3.4.5.6.7.8.9.10.five.org", Scope::Exact, 90),
        ],
        &["two.com"],
    );
    let expected = [
        "1.2.3.4.5.6.7.8.9.10.five.org",
        "? 0.1.2.3.4.5.6.7.8.9.10.11.five.org",
        "? example.com",
        "? x.test",
        "a.evil.top",
        "evil.top",
        "one.com",
        "three.net []",
        "two.com []",
        "www.me.github.io",
        "x.one.com [7]",
    ];
    assert_eq!(found, expected);
}
