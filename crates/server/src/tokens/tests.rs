//! Tokens: their spelling, their checks, their store.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use wardnet_model::Timestamp;

use super::{FileTokens, MemoryTokens, NewToken, TokenError, TokenStore, TokenStoreError, Tokens};
use crate::budget::Rate;
use crate::principal::Role;

const NOW: Timestamp = Timestamp(1_000);

fn tokens() -> Tokens {
    Tokens::open(Arc::new(MemoryTokens::default())).expect("memory opens")
}

fn reader(name: &str) -> NewToken {
    NewToken { tenant: 7, role: Role::Reader, name: name.into(), expires: None, rate: None }
}

#[test]
fn a_token_is_accepted_and_stands_for_its_tenant_and_role() {
    let tokens = tokens();
    let (text, record) = tokens.issue(reader("proxy"), NOW).expect("issued");
    assert_eq!(text.reveal().len(), 60);
    assert!(text.reveal().starts_with(&format!("wn_{}_", record.id)));
    let entry = tokens.verify(text.reveal().as_bytes(), NOW).expect("valid");
    let principal = entry.principal();
    assert_eq!((principal.tenant, principal.role), (7, Role::Reader));
    assert_eq!(principal.token, Some(record.id));
}

#[test]
fn every_changed_character_is_refused() {
    let tokens = tokens();
    let (text, _) = tokens.issue(reader("proxy"), NOW).expect("issued");
    let good = text.reveal().as_bytes().to_vec();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] = if bad[at] == b'a' { b'b' } else { b'a' };
        assert!(tokens.verify(&bad, NOW).is_err(), "position {at}");
        assert!(tokens.verify(&good[..at], NOW).is_err(), "cut at {at}");
    }
    let mut long = good.clone();
    long.push(b'a');
    assert_eq!(tokens.verify(&long, NOW).err(), Some(TokenError::Malformed));
    assert!(tokens.verify(&good, NOW).is_ok());
}

#[test]
fn expiry_disabling_and_removal_hold_at_once() {
    let tokens = tokens();
    let new = NewToken { expires: Some(Timestamp(2_000)), ..reader("guest") };
    let (text, record) = tokens.issue(new, NOW).expect("issued");
    let check = |now| tokens.verify(text.reveal().as_bytes(), Timestamp(now)).err();
    assert_eq!(check(1_999), None);
    assert_eq!(check(2_000), Some(TokenError::Expired));
    tokens.set_disabled(record.id, true).expect("known");
    assert_eq!(check(1_999), Some(TokenError::Disabled));
    tokens.set_disabled(record.id, false).expect("known");
    assert_eq!(check(1_999), None);
    tokens.remove(record.id).expect("known");
    assert_eq!(check(1_999), Some(TokenError::Unknown));
    assert!(matches!(tokens.remove(record.id), Err(TokenStoreError::NoSuchToken(_))));
}

#[test]
fn an_edit_does_not_refill_the_budget() {
    let tokens = tokens();
    let rate = Some(Rate { per_second: 1, burst: 1 });
    let (text, record) = tokens.issue(NewToken { rate, ..reader("slow") }, NOW).expect("issued");
    let take = || {
        let entry = tokens.verify(text.reveal().as_bytes(), NOW).expect("valid");
        entry.take(Rate::UNLIMITED, 1, 5)
    };
    assert!(take().is_ok());
    tokens.set_disabled(record.id, false).expect("known");
    tokens.reload().expect("memory reads");
    assert!(take().is_err());
}

#[test]
fn the_first_administrator_is_made_once() {
    let tokens = tokens();
    let first = tokens.bootstrap(NOW).expect("memory writes").expect("none before");
    let entry = tokens.verify(first.reveal().as_bytes(), NOW).expect("valid");
    assert_eq!(entry.record().role, Role::Admin);
    assert!(tokens.bootstrap(NOW).expect("memory writes").is_none());
}

#[test]
fn no_secret_is_shown_or_stored() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tokens.json");
    let tokens = Tokens::open(Arc::new(FileTokens::new(&path))).expect("opens");
    let (text, record) = tokens.issue(reader("proxy"), NOW).expect("issued");
    let secret = text.reveal().rsplit('_').next().expect("three parts");
    let shown = format!("{text:?} {record:?} {tokens:?}");
    assert!(!shown.contains(secret));
    assert!(!fs::read_to_string(&path).expect("written").contains(secret));
}

#[test]
fn the_file_is_private_and_survives_reopening() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tokens.json");
    let tokens = Tokens::open(Arc::new(FileTokens::new(&path))).expect("opens");
    let (kept, _) = tokens.issue(reader("kept"), NOW).expect("issued");
    let (gone, record) = tokens.issue(reader("gone"), NOW).expect("issued");
    tokens.remove(record.id).expect("known");
    let mode = fs::metadata(&path).expect("written").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let again = Tokens::open(Arc::new(FileTokens::new(&path))).expect("opens");
    assert!(again.verify(kept.reveal().as_bytes(), NOW).is_ok());
    assert!(again.verify(gone.reveal().as_bytes(), NOW).is_err());
    assert_eq!(again.list(), tokens.list());
}

#[test]
fn exposed_torn_and_foreign_files_are_named_errors() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tokens.json");
    let store = FileTokens::new(&path);
    assert_eq!(store.load_all().expect("absent is empty"), []);
    let write = |content: &str, mode| {
        fs::write(&path, content).expect("writable");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("ours");
    };
    write(r#"{"version":1,"tokens":[]}"#, 0o640);
    assert!(matches!(store.load_all(), Err(TokenStoreError::Exposed { mode: 0o640, .. })));
    for torn in [r#"{"version":1,"tok"#, r#"{"version":2,"tokens":[]}"#, "", "[]"] {
        write(torn, 0o600);
        assert!(matches!(store.load_all(), Err(TokenStoreError::Corrupt { .. })), "{torn:?}");
    }
}

#[test]
fn a_failed_write_changes_nothing_in_force() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("missing").join("tokens.json");
    let tokens = Tokens::open(Arc::new(FileTokens::new(path))).expect("absent is empty");
    assert!(matches!(tokens.issue(reader("x"), NOW), Err(TokenStoreError::Io { .. })));
    assert!(tokens.list().is_empty());
}
