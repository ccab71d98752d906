//! Files that are known, good and bad, and those that are not.

use super::*;
use crate::known_files::KnownFilesConfig;
use crate::testing::{CREATED, FILE, House, json, send, view};
use crate::witness::Known;
use wardnet_model::{Category, Relation, RelationKind, Scope, SourceId, Stance, Testimony, Tlp};
use wardnet_verdictdb::{Change, Layer};

const DROPPED: &str = "3395856ce81f2b7382dee72602f798b642f14140";

fn testimony(source: &str, stance: Stance, counts: bool) -> Testimony {
    Testimony {
        source: source.into(),
        stance,
        category: Category::Malware,
        family: None,
        counts,
        first_seen: CREATED,
        last_seen: CREATED,
    }
}

/// The file of the test database drops one that only a filter knows.
fn state() -> HashlookupState {
    let file = Indicator::parse(FILE).unwrap();
    let witness: Witness = Arc::new(move |asked, _, _| {
        let drops = Relation {
            tenant: TenantId::SHARED,
            source: SourceId(1),
            from: file.clone(),
            kind: RelationKind::Drops,
            to: Indicator::parse(DROPPED).unwrap(),
            confidence: 90,
            first_seen: CREATED,
            last_seen: CREATED,
            tlp: Tlp::Clear,
        };
        let testimonies = if *asked == file {
            vec![
                testimony("debian", Stance::Benign, true),
                testimony("over", Stance::Malicious, false),
                testimony("urlhaus", Stance::Malicious, true),
            ]
        } else {
            Vec::new()
        };
        let relations =
            if *asked == drops.from || *asked == drops.to { vec![drops] } else { vec![] };
        Ok(Known { testimonies, relations })
    });
    let views = Arc::new(Views::new(view()));
    HashlookupState { views, witness, known_files: KnownFiles::default() }
}

fn with_filter(state: &HashlookupState) {
    let filter = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/known_files/flor.bloom");
    let config = KnownFilesConfig { name: "circl".to_owned(), filter: filter.into() };
    state.known_files.apply(KnownFiles::prepare(&[config]).unwrap());
}

fn router(house: &House, state: HashlookupState) -> Router {
    house.router(routes(&house.gate, &HashlookupConfig::default(), state))
}

#[tokio::test]
async fn a_bad_file_is_known_malicious_and_little_trusted() {
    let house = House::new();
    let router = router(&house, state());
    let path = format!("/hashlookup/lookup/sha256/{FILE}");
    let reply = house.get(&router, &path, Some(&house.reader)).await;
    assert_eq!(
        (reply.status(), &reply.headers()["cache-control"]),
        (StatusCode::OK, &"no-store".parse().unwrap())
    );
    assert_eq!(
        json(reply).await,
        json!({
            "SHA-256": FILE.to_uppercase(),
            "KnownMalicious": "urlhaus",
            "wardnet:categories": ["phishing"],
            "children": [{ "SHA-1": DROPPED.to_uppercase() }],
            "hashlookup:children-total": 1,
            "hashlookup:trust": 5,
        })
    );
    let body = format!(r#"{{"hashes": ["{FILE}", "nonsense", "{}"]}}"#, "0".repeat(64));
    let reply = house.post(&router, "/hashlookup/bulk/sha256", ("text/plain", &body)).await;
    let all = json(reply).await;
    assert_eq!(all.as_array().unwrap().len(), 1);
    assert_eq!(all[0]["KnownMalicious"], "urlhaus");
}

#[tokio::test]
async fn what_came_since_the_last_base_counts_too() {
    let (house, state) = (House::new(), state());
    let views = state.views.clone();
    let router = router(&house, state);
    let total = async || {
        let info = json(house.get(&router, "/hashlookup/info", Some(&house.reader)).await).await;
        info["stat:hashlookup_total_keys"].clone()
    };
    assert_eq!(total().await, 1);
    let indicator = Indicator::parse(DROPPED).unwrap();
    let (layer, kind, key) = (Layer::Evidence, Kind::Sha1, indicator.key());
    let file = Indicator::parse(FILE).unwrap();
    let view = views.load();
    let at = (layer, Kind::Sha256, &file.key(), Scope::Exact);
    let new = view.entry_at(None, at).unwrap();
    views.publish(&[Change { seq: 99, layer, kind, key, scope: Scope::Exact, new }], CREATED);
    assert_eq!(total().await, 2);
}

#[tokio::test]
async fn a_filter_informs_and_never_trusts() {
    let house = House::new();
    let state = state();
    let router = router(&house, state.clone());
    let path = format!("/hashlookup/lookup/sha1/{DROPPED}");
    let reply = house.get(&router, &path, Some(&house.reader)).await;
    assert_eq!(reply.status(), StatusCode::NOT_FOUND);
    assert_eq!(json(reply).await, json!({ "message": "Non existing SHA-1", "query": DROPPED }));
    with_filter(&state);
    let known = json(house.get(&router, &path, Some(&house.reader)).await).await;
    assert_eq!((&known["source"], &known["hashlookup:trust"]), (&"circl".into(), &55.into()));
    assert_eq!(known["parents"], json!([{ "SHA-256": FILE.to_uppercase() }]));
    let path = format!("/hashlookup/parents/{DROPPED}/10/0");
    let parents = house.get(&router, &path, Some(&house.reader));
    assert_eq!(
        json(parents.await).await,
        json!({ "parents": [FILE.to_uppercase()], "cursor": 0, "total": 1 })
    );
    let path = format!("/hashlookup/children/{DROPPED}/10/0");
    let children = house.get(&router, &path, Some(&house.reader));
    let children = children.await;
    assert_eq!(children.status(), StatusCode::NOT_FOUND);
    assert_eq!(json(children).await, json!({ "message": "The SHA1 value has no known child." }));
}

#[tokio::test]
async fn mistakes_are_told_in_the_words_of_hashlookup() {
    let house = House::new();
    let router = router(&house, state());
    for (path, status, part) in [
        ("/hashlookup/lookup/md5/zz", 400, "expecting a MD5 value in hex format"),
        ("/hashlookup/lookup/md5/0123", 400, "MD5 value incorrect"),
        ("/hashlookup/lookup/sha512/00", 404, "md5, sha1 and sha256"),
        ("/hashlookup/session/create/me", 501, "not enabled"),
        ("/hashlookup/stats/top", 400, "statistics not enabled"),
        ("/hashlookup/children/3395856ce81f2b7382dee72602f798b642f14140/x/0", 400, "a number"),
    ] {
        let reply = house.get(&router, path, Some(&house.reader)).await;
        assert_eq!(reply.status().as_u16(), status, "{path}");
        let told = json(reply).await["message"].as_str().unwrap().to_owned();
        assert!(told.contains(part), "{path}: {told}");
    }
    let path = format!("/hashlookup/lookup/sha256/{FILE}");
    let reply = house.get(&router, &path, None).await;
    assert_eq!(reply.status(), StatusCode::UNAUTHORIZED);
    assert!(json(reply).await["message"].as_str().unwrap().contains("token"));
    let reply = house.post(&router, "/hashlookup/bulk/md5", ("application/json", "[1]")).await;
    assert_eq!(reply.status(), StatusCode::NOT_FOUND);
    assert!(json(reply).await["message"].as_str().unwrap().contains("'hashes'"));
}

#[tokio::test]
async fn what_cannot_be_answered_is_neither_known_nor_unknown() {
    let house = House::new();
    let nothing = HashlookupState { views: Arc::default(), ..state() };
    let broken =
        HashlookupState { witness: Arc::new(|_, _, _| Err("broken".to_owned())), ..state() };
    for state in [nothing, broken] {
        let router = router(&house, state);
        let path = format!("/hashlookup/lookup/sha256/{FILE}");
        let reply = send(&router, "GET", &path, Some(&house.reader), None).await;
        assert_eq!(reply.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(json(reply).await["message"].is_string());
    }
}

#[tokio::test]
async fn a_batch_costs_one_question_for_each_hash() {
    let house = House::new();
    let router = router(&house, state());
    let poor = house.poor(2);
    let body = format!(r#"{{"hashes": ["{FILE}", "{FILE}", "{FILE}"]}}"#);
    let body = Some(("application/json", &*body));
    let reply = send(&router, "POST", "/hashlookup/bulk/sha256", Some(&poor), body).await;
    assert_eq!(reply.status(), StatusCode::TOO_MANY_REQUESTS);
}
