//! What is a tenant's own counts for that tenant, and for nobody else.

use crate::sample::{append, ask, bad, days, decided, import_as, open, pass, said, source, terms};
use wardnet_identify::{Engine, ImportTerms};
use wardnet_model::{
    Action, Band, Decision, Evidence, Record, RecordId, Retraction, Scope, Sharing, SourceId,
    TenantId, Timestamp,
};

const OWN: TenantId = TenantId(7);
const OTHER: TenantId = TenantId(8);

/// What the tenant itself, another one, and nobody in particular are answered.
fn bands(engine: &Engine, text: &str, now: Timestamp) -> [Band; 3] {
    let view = engine.views().load();
    [Some(OWN), Some(OTHER), None].map(|tenant| ask(&view, tenant, text, now).0)
}

fn private(text: &str, source: SourceId, at: Timestamp) -> Evidence {
    Evidence { tenant: OWN, sharing: Sharing::Tenant, ..said(text, source, 1, at) }
}

const FOR_OWN: [Band; 3] = [Band::Malicious, Band::Unrated, Band::Unrated];
const FOR_ALL: [Band; 3] = [Band::Malicious; 3];
const FOR_NOBODY: [Band; 3] = [Band::Unrated; 3];

#[test]
fn private_evidence_counts_for_its_tenant_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path(), days(0));
    let feed = source(&mut engine, "own", days(0));
    append(&mut engine, Record::Evidence(private("secret.top", feed, days(0))), days(0));
    assert_eq!(bands(&engine, "secret.top", days(0)), FOR_OWN);
    assert_eq!(bands(&engine, "http://secret.top/x", days(0)), FOR_OWN);
    engine.rebuild_base(days(0)).unwrap();
    assert_eq!(bands(&engine, "secret.top", days(0)), FOR_OWN, "after a new base");
    engine.close(days(0)).unwrap();
    let engine = open(folder.path(), days(0));
    assert_eq!(bands(&engine, "secret.top", days(0)), FOR_OWN, "after a restart");
}

#[test]
fn what_a_tenant_shares_counts_for_everybody() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path(), days(0));
    let feed = source(&mut engine, "own", days(0));
    let shared = Evidence { sharing: Sharing::Everyone, ..private("seen.top", feed, days(0)) };
    append(&mut engine, Record::Evidence(shared), days(0));
    assert_eq!(bands(&engine, "seen.top", days(0)), FOR_ALL);
}

#[test]
fn private_evidence_that_ended_is_gone_for_its_tenant_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path(), days(0));
    let feed = source(&mut engine, "own", days(0));
    let said = private("secret.top", feed, days(0));
    append(&mut engine, Record::Evidence(said.clone()), days(0));
    let end = Retraction {
        tenant: OWN,
        source: feed,
        indicator: said.indicator.clone(),
        scope: Scope::Exact,
        record: RecordId(1),
        at: days(1),
    };
    append(&mut engine, Record::Retraction(end), days(1));
    assert_eq!(bands(&engine, "secret.top", days(1)), FOR_NOBODY);
    // From now on the tenant sees what is shared of it.
    append(
        &mut engine,
        Record::Evidence(crate::sample::said("secret.top", feed, 2, days(1))),
        days(1),
    );
    assert_eq!(bands(&engine, "secret.top", days(1)), FOR_ALL);
    append(&mut engine, Record::Evidence(Evidence { revision: days(2).0, ..said }), days(2));
    assert_eq!(bands(&engine, "secret.top", days(2)), FOR_ALL);
}

#[test]
fn private_verdicts_fade_like_shared_ones() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path(), days(0));
    let feed = source(&mut engine, "own", days(0));
    append(&mut engine, Record::Evidence(private("secret.top", feed, days(0))), days(0));
    pass(&mut engine, days(400));
    assert_eq!(bands(&engine, "secret.top", days(400)), FOR_NOBODY);
}

#[test]
fn a_private_feed_is_renewed_and_expires_like_a_shared_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path(), days(0));
    let feed = source(&mut engine, "own", days(0));
    let of = |rows: &[_]| ImportTerms {
        tenant: OWN,
        sharing: Sharing::Tenant,
        ..terms(feed, true, rows)
    };
    let both = [bad("one.top"), bad("two.top")];
    import_as(&mut engine, of(&both), &both, days(0));
    pass(&mut engine, days(60));
    assert_eq!(bands(&engine, "one.top", days(60)), FOR_NOBODY);
    import_as(&mut engine, of(&both), &both, days(60));
    assert_eq!(bands(&engine, "one.top", days(60)), FOR_OWN);
    let one = [bad("one.top")];
    import_as(&mut engine, of(&one), &one, days(61));
    assert_eq!(bands(&engine, "one.top", days(61)), FOR_OWN);
    assert_eq!(bands(&engine, "two.top", days(61)), FOR_NOBODY);
}

#[test]
fn a_tenants_decision_is_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path(), days(0));
    let feed = source(&mut engine, "feed", days(0));
    append(&mut engine, Record::Evidence(said("evil.top", feed, 1, days(0))), days(0));
    let until = Some(days(1));
    let allow = Decision { tenant: OWN, until, ..decided("evil.top", Action::Allow, days(0)) };
    append(&mut engine, Record::Decision(allow), days(0));
    let allowed = [Band::Trusted, Band::Malicious, Band::Malicious];
    assert_eq!(bands(&engine, "evil.top", days(0)), allowed);
    engine.rebuild_base(days(0)).unwrap();
    assert_eq!(bands(&engine, "evil.top", days(0)), allowed);
    assert_eq!(bands(&engine, "evil.top", days(1)), FOR_ALL, "it has ended");

    let shared = decided("evil.top", Action::Allow, days(1));
    append(&mut engine, Record::Decision(shared), days(1));
    assert_eq!(bands(&engine, "evil.top", days(1)), [Band::Trusted; 3]);
    let block = Decision { tenant: OWN, ..decided("evil.top", Action::Block, days(1)) };
    append(&mut engine, Record::Decision(block), days(1));
    let blocked = [Band::Malicious, Band::Trusted, Band::Trusted];
    assert_eq!(bands(&engine, "evil.top", days(1)), blocked);
    let withdrawn = Decision { tenant: OWN, ..decided("evil.top", Action::Withdraw, days(2)) };
    append(&mut engine, Record::Decision(withdrawn), days(2));
    assert_eq!(bands(&engine, "evil.top", days(2)), [Band::Trusted; 3]);
}

#[test]
fn changes_right_after_a_new_base_are_seen() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path(), days(0));
    let feed = source(&mut engine, "own", days(0));
    for number in 0..20 {
        let said = private(&format!("secret{number}.top"), feed, days(0));
        append(&mut engine, Record::Evidence(said), days(0));
    }
    engine.rebuild_base(days(0)).unwrap();
    let allow = Decision { tenant: OWN, ..decided("secret19.top", Action::Allow, days(0)) };
    append(&mut engine, Record::Decision(Decision { scope: Scope::Exact, ..allow }), days(0));
    let view = engine.views().load();
    assert_eq!(ask(&view, Some(OWN), "secret19.top", days(0)).0, Band::Trusted);
}
