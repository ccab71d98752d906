//! The socket in the data folder.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use tokio::net::UnixStream;
use wardnet_server::listen::{Endpoint, ListenError};
use wardnet_server::{Limits, Listener, ListenerConfig, Metrics, Role};

use crate::server::{Setup, exchange};

fn get(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n")
}

#[tokio::test]
async fn the_owner_is_admin_on_a_private_socket() {
    let server = Setup { unix: true, ..Setup::default() }.start();
    let path = server.folder.path().join("socket");
    let mode = fs::metadata(&path).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let ask = async |request: String| {
        exchange(UnixStream::connect(&path).await.expect("listens"), &request).await
    };
    let reply = ask(get("/admin", "")).await;
    assert_eq!((reply.status, reply.body.as_str()), (200, "\"admin of tenant 0, token false\""));
    // A token that is shown counts, also here: so one can try what it may do.
    let (reader, _) = server.token(Role::Reader, None);
    let reply = ask(get("/admin", &format!("x-api-key: {reader}\r\n"))).await;
    reply.is_problem(403, "forbidden");

    server.shutdown.trigger();
    server.serving.await.expect("no panic");
    assert!(!path.exists(), "the name is given back");
}

#[tokio::test]
async fn a_socket_in_use_and_a_foreign_file_are_left_alone() {
    let server = Setup { unix: true, ..Setup::default() }.start();
    let bind = |name: &str| {
        let endpoint = Endpoint::Unix(server.folder.path().join(name));
        let (name, limits) = (name.to_owned(), Limits::default());
        Listener::bind(ListenerConfig { name, endpoint, tls: None, limits }, &Metrics::new("0"))
    };
    assert!(matches!(bind("socket"), Err(ListenError::InUse { .. })));
    let file = server.folder.path().join("notes");
    fs::write(&file, "precious").expect("writable");
    assert!(matches!(bind("notes"), Err(ListenError::NotASocket { .. })));
    assert_eq!(fs::read_to_string(&file).expect("there"), "precious");
    // Left behind by a process that was killed: nobody listens.
    let stale = server.folder.path().join("stale");
    drop(std::os::unix::net::UnixListener::bind(&stale).expect("binds"));
    assert!(bind("stale").is_ok());
}

/// A reload opens the socket at the moment in which the listener before it lets go.
#[tokio::test]
async fn a_name_passes_from_one_listener_to_the_next() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("socket");
    let bind = || {
        let (endpoint, limits) = (Endpoint::Unix(path.clone()), Limits::default());
        let config = ListenerConfig { name: "socket".to_owned(), endpoint, tls: None, limits };
        Listener::bind(config, &Metrics::new("0"))
    };
    let mut old = bind().expect("free");
    for round in 0..500 {
        let leaving = std::thread::spawn(move || drop(old));
        old = loop {
            match bind() {
                Ok(new) => break new,
                Err(ListenError::InUse { .. }) => {}
                Err(error) => panic!("round {round}: {error}"),
            }
        };
        leaving.join().expect("no panic");
        assert!(UnixStream::connect(&path).await.is_ok(), "round {round}: its name was removed");
    }
}
