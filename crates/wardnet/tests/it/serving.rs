//! Commands beside a running server, and what a server survives.

use crate::program::{Folder, Server};
use std::os::unix::fs::PermissionsExt as _;

#[test]
fn commands_reach_the_running_server_through_its_socket() {
    let folder = Folder::new();
    let server = Server::start(&folder);
    assert!(server.token.starts_with("wn_"), "the first administrator's token is printed");
    let socket = std::fs::metadata(folder.data().join("wardnet.sock")).unwrap();
    assert_eq!(socket.permissions().mode() & 0o777, 0o600);
    folder.ingest("list", "bad-shop.top\n", &["--format", "domain-list"]);
    assert_eq!(folder.bands(&["bad-shop.top", "good-shop.top"]), ["malicious", "unrated"]);
    folder.succeed(&["allow", "bad-shop.top"]);
    assert_eq!(folder.bands(&["bad-shop.top"]), ["trusted"]);
    let token = folder.succeed(&["tokens", "create", "script", "--role", "reader"]);
    assert!(token.starts_with("wn_"));
    assert!(folder.succeed(&["tokens", "list"]).contains("script"));
    assert!(server.stop(), "a clean stop");
    assert_eq!(folder.bands(&["bad-shop.top"]), ["trusted"], "and all is still there");
}

#[test]
fn standard_input_is_taken_in_with_and_without_a_server() {
    let folder = Folder::new();
    let words = ["ingest", "--source", "list", "--format", "domain-list", "-"];
    let told = folder.feed(&words, "one-shop.top\n");
    assert!(told.status.success(), "{told:?}");
    let server = Server::start(&folder);
    let told = folder.feed(&words, "two-shop.top\n");
    assert!(String::from_utf8_lossy(&told.stdout).contains("1 accepted"), "{told:?}");
    assert_eq!(folder.bands(&["one-shop.top", "two-shop.top"]), ["malicious", "malicious"]);
    assert!(server.stop());
    let left = std::fs::read_dir(folder.data().join("tmp")).unwrap();
    assert_eq!(left.count(), 0);
}

#[test]
fn a_second_server_on_the_folder_is_refused() {
    let folder = Folder::new();
    let server = Server::start(&folder);
    let second = folder.run(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(second.status.code(), Some(3));
    let told = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(told.contains("in use by process"), "{told}");
    assert_eq!(folder.bands(&["good-shop.top"]), ["unrated"], "the first one goes on");
    assert!(server.stop());
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let folder = Folder::new();
    let server = Server::start(&folder);
    folder.ingest("list", "bad-shop.top\nworse-shop.top\n", &["--format", "domain-list"]);
    folder.succeed(&["block", "other-shop.top"]);
    server.kill();
    assert_eq!(
        folder.bands(&["bad-shop.top", "worse-shop.top", "other-shop.top"]),
        ["malicious"; 3]
    );
    let server = Server::start(&folder);
    assert_eq!(server.token, "", "the first token is printed once");
    assert_eq!(folder.bands(&["bad-shop.top"]), ["malicious"]);
    assert!(server.stop());
}
