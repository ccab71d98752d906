//! What a lookup answers: chosen collisions, decisions and their end, tenants.

use crate::sample::{NOW, compile, data, open, options, profile};
use wardnet_model::{Band, Key, Kind, Scope, TenantId, Timestamp};
use wardnet_verdictdb::{Builder, Change, Entry, EntryData, Layer, Overlay, Terms, View, apply};

/// Two keys that agree in their first 64 bits.
fn colliding() -> (Key, Key) {
    let one = Key::digest(b"well known");
    let mut other = one;
    other.0[8..].copy_from_slice(&Key::digest(b"forged").0[8..]);
    (one, other)
}

fn view_of(entries: &[Entry<'_>]) -> View {
    let mut builder = Builder::new(options(0));
    entries.iter().for_each(|entry| builder.push(entry).unwrap());
    let mut file = Vec::new();
    builder.finish(&mut file).unwrap();
    View::of(open(file))
}

fn band(view: &View, kind: Kind, key: &Key) -> Option<Band> {
    let hits = view.find(None, kind, key, NOW).unwrap();
    hits.evidence(Scope::Exact).map(|hit| hit.profile.band)
}

#[test]
fn a_forged_collision_with_a_trusted_key_is_not_trusted() {
    let (known, forged) = colliding();
    for good in [profile(2), profile(3)] {
        let view = view_of(&[Entry::evidence(Kind::Sha256, known, Scope::Exact, &good)]);
        assert_eq!(band(&view, Kind::Sha256, &known), Some(good.band));
        assert_eq!(band(&view, Kind::Sha256, &forged), None);
    }
}

#[test]
fn a_block_that_meets_a_known_good_key_does_not_touch_it() {
    let (known, forged) = colliding();
    let (good, bad) = (profile(2), profile(0));
    let safe = Entry::evidence(Kind::Sha256, known, Scope::Exact, &good);
    let block = Entry::evidence(Kind::Sha256, forged, Scope::Exact, &bad);
    let at_once = view_of(&[safe, block]);
    let change = Change {
        seq: 1,
        layer: Layer::Evidence,
        kind: Kind::Sha256,
        key: forged,
        scope: Scope::Exact,
        new: Some(EntryData { profile: bad.clone(), name: None, facts: None, terms: None }),
    };
    let base = view_of(&[safe]);
    let mut file = Vec::new();
    let db = base.base.as_ref().unwrap();
    apply(db, std::slice::from_ref(&change), &options(0), &mut file).unwrap();
    let by_delta = View::of(open(file));
    let by_overlay = base.after(&[change], NOW);
    for view in [at_once, by_delta, by_overlay] {
        assert_eq!(band(&view, Kind::Sha256, &known), Some(Band::Safe));
        assert_eq!(band(&view, Kind::Sha256, &forged), Some(Band::Malicious));
    }
}

#[test]
fn a_decision_counts_until_its_end_and_then_the_evidence_shows_again() {
    let (bad, allow) = (profile(0), profile(3));
    let key = Key::digest(b"example.com/");
    let until = Some(Timestamp(2_000));
    let terms = Terms { decided_at: Timestamp(500), until };
    let view = view_of(&[
        Entry::evidence(Kind::Domain, key, Scope::Subtree, &bad),
        Entry::decision(Kind::Domain, key, Scope::Subtree, &allow, terms),
    ]);
    let before = view.find(None, Kind::Domain, &key, Timestamp(1_999)).unwrap();
    let decision = before.decision(Scope::Subtree).unwrap();
    assert_eq!(decision.profile.band, Band::Trusted);
    assert_eq!(view.terms(decision), Some(terms));
    let after = view.find(None, Kind::Domain, &key, Timestamp(2_000)).unwrap();
    assert_eq!(after.decision(Scope::Subtree), None);
    assert_eq!(after.evidence(Scope::Subtree).unwrap().profile.band, Band::Malicious);
}

#[test]
fn an_operator_may_allow_by_md5_but_it_is_not_trusted() {
    let (key, allow) = (Key::digest(b"md5"), profile(3));
    let view = view_of(&[Entry::decision(Kind::Md5, key, Scope::Exact, &allow, Terms::default())]);
    let hits = view.find(None, Kind::Md5, &key, NOW).unwrap();
    assert_eq!(hits.decision(Scope::Exact).unwrap().profile.band, Band::Safe);
}

#[test]
fn an_overlay_hides_adds_and_replaces() {
    let (bad, good) = (profile(0), profile(2));
    let keys = [Key::digest(b"a"), Key::digest(b"b"), Key::digest(b"c")];
    let view = view_of(&[
        Entry::evidence(Kind::Url, keys[0], Scope::Exact, &bad),
        Entry::evidence(Kind::Url, keys[1], Scope::Exact, &bad),
    ]);
    let change = |seq, key, new: Option<u64>| Change {
        seq,
        layer: Layer::Evidence,
        kind: Kind::Url,
        key,
        scope: Scope::Exact,
        new: new.map(|content| data(content, Layer::Evidence)),
    };
    let changes =
        [change(1, keys[0], None), change(2, keys[1], Some(2)), change(3, keys[2], Some(0))];
    let next = view.after(&changes, NOW);
    let bands: Vec<_> = keys.iter().map(|key| band(&next, Kind::Url, key)).collect();
    assert_eq!(bands, [None, Some(good.band), Some(bad.band)]);
    assert_eq!(band(&view, Kind::Url, &keys[0]), Some(bad.band), "the old view stays as it was");
    let stale = next.after(&[change(1, keys[2], None)], NOW);
    assert_eq!(band(&stale, Kind::Url, &keys[2]), Some(bad.band), "older changes lose");
}

#[test]
fn a_tenant_is_asked_first() {
    let (bad, tenant) = (profile(0), TenantId(9));
    let key = Key::digest(b"mine");
    let shared = view_of(&[Entry::evidence(Kind::Url, key, Scope::Exact, &bad)]);
    let mut own = Overlay::default();
    own.apply(&Change {
        seq: 1,
        layer: Layer::Evidence,
        kind: Kind::Url,
        key,
        scope: Scope::Exact,
        new: Some(data(2, Layer::Evidence)),
    });
    let view = shared.with_tenant(tenant, own);
    let of = |tenant| {
        let hits = view.find(tenant, Kind::Url, &key, NOW).unwrap();
        hits.evidence(Scope::Exact).unwrap().profile.band
    };
    assert_eq!((of(None), of(Some(tenant))), (Band::Malicious, Band::Safe));
    assert_eq!(of(Some(TenantId(8))), Band::Malicious);
    let none = view.with_tenant(tenant, Overlay::default());
    assert!(none.tenants.is_empty());
}

#[test]
fn an_empty_database_answers_nothing() {
    let view = View::of(open(compile(&[], 0)));
    assert!(view.find(None, Kind::Url, &Key::digest(b""), NOW).unwrap().is_empty());
    assert!(View::default().find(None, Kind::Url, &Key::digest(b""), NOW).unwrap().is_empty());
}
