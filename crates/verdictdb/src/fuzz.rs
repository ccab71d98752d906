//! Entry points for fuzzing: whatever the bytes, these return.

use crate::{Db, Limits, OpenOptions, Verify, View, log};
use std::net::IpAddr;
use std::sync::Arc;
use wardnet_model::{Key, Kind, Timestamp};

/// Opens `bytes` as a database and asks it a number of things.
pub fn fuzz_open(bytes: &[u8]) {
    let options = OpenOptions { verify: Verify::Lazy, ..OpenOptions::default() };
    let Ok(db) = Db::open(Arc::<[u8]>::from(bytes).into(), &options) else { return };
    let verified = db.verify();
    let mut dumped = 0u64;
    let mut some = vec![];
    for stored in db.dump() {
        dumped = dumped.saturating_add(1);
        if let Ok(stored) = stored
            && some.len() < 32
        {
            some.push((stored.entry.kind, stored.entry.key));
        }
    }
    if verified.is_ok() {
        assert_eq!(dumped, db.stat().entries(), "a verified file dumps what it says it has");
    }
    some.extend(Kind::all().map(|kind| (kind, Key::digest(&[kind.tag()]))));
    some.extend([(Kind::Domain, Key([0; 32])), (Kind::Url, Key([255; 32]))]);
    let view = View::of(db);
    let now = Timestamp(1);
    let see = |hits: &crate::Hits<'_>| {
        for (_, hit) in hits.iter() {
            let _seen = (view.name(hit), view.facts(hit), view.terms(hit));
        }
    };
    view.find_batch(None, &some, now, |_, hits| hits.map_or((), see));
    for address in ["0.0.0.0", "192.0.2.1", "255.255.255.255", "::", "2001:db8::1"] {
        if let Ok(address) = address.parse::<IpAddr>() {
            let _walked = view.networks(None, address, now, |_, hits| see(hits));
        }
    }
}

/// Reads `bytes` as a change log; what is read is written and read again.
pub fn fuzz_change_log(bytes: &[u8]) {
    let limits = Limits::default();
    let Ok(contents) = log::decode(bytes, &limits) else { return };
    if let Some(seal) = &contents.seal {
        assert!(bytes.len() >= log::SIGNED_HEAD_LEN, "{seal:?}");
    }
    let mut again = log::head().to_vec();
    if log::encode_frame(&contents.changes, &limits, &mut again).is_ok() {
        let read = log::decode(&again, &limits).map(|contents| contents.changes);
        assert_eq!(read.as_ref(), Ok(&contents.changes), "a log reads what it wrote");
    }
}
