//! What strangers may not make large, slow or many.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep, timeout};
use wardnet_server::Limits;

use crate::server::{Server, Setup, exchange};

const GET: &str = "GET /open HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

fn with(limits: Limits) -> Server {
    Setup { limits, ..Setup::default() }.start()
}

#[tokio::test]
async fn bad_bodies_are_problems() {
    let server = with(Limits { body_bytes_max: 64, ..Limits::default() });
    let json = "application/json";
    assert_eq!(server.post("/json", json, "[1,2]").await.body, "[1,2]");
    assert_eq!(server.post("/json", "application/x+json; a=b", "[1]").await.status, 200);
    server.post("/json", json, "[1,").await.is_problem(400, "bad-request");
    server.post("/json", json, "[-1]").await.is_problem(422, "unprocessable");
    server.post("/json", "text/plain", "[1]").await.is_problem(415, "unsupported-media-type");
    let long = " ".repeat(65);
    server.post("/json", json, &long).await.is_problem(413, "body-too-large");
    server.get("/nowhere", "").await.is_problem(404, "not-found");
    let reply = server.get("/json", "").await;
    reply.is_problem(405, "method-not-allowed");
    assert!(reply.head.contains("allow: post"), "{}", reply.head);
}

#[tokio::test]
async fn a_chunked_body_cannot_hide_its_size() {
    let server = with(Limits::default());
    let request = |chunk: &str| {
        let length = chunk.len();
        format!(
            "POST /bytes HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
             transfer-encoding: chunked\r\n\r\n{length:x}\r\n{chunk}\r\n0\r\n\r\n"
        )
    };
    assert_eq!(server.ask(&request("0123456789")).await.body, "10");
    server.ask(&request("0123456789a")).await.is_problem(413, "body-too-large");
}

#[tokio::test]
async fn a_body_that_dribbles_is_given_up() {
    let server = with(Limits { body_timeout_ms: 200, ..Limits::default() });
    let head = "POST /bytes HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 5\r\n\r\n";
    server.ask(&format!("{head}ab")).await.is_problem(408, "request-timeout");
}

#[tokio::test]
async fn slow_heads_are_cut() {
    let server = with(Limits { header_timeout_ms: 200, ..Limits::default() });
    let start = Instant::now();
    let mut slow = server.connect().await;
    let (mut read, mut write) = slow.split();
    let dribble = async {
        // One byte at a time, so that the connection is never silent.
        for byte in GET.as_bytes().iter().cycle() {
            if write.write_all(&[*byte | 0x40]).await.is_err() {
                break;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    let ended = async { read.read(&mut [0; 64]).await };
    let cut = timeout(Duration::from_secs(5), async {
        tokio::select! { () = dribble => None, ended = ended => Some(ended) }
    });
    assert!(matches!(cut.await, Ok(Some(Ok(0) | Err(_)) | None)));
    assert!(start.elapsed() < Duration::from_secs(2));
    let text = server.metrics.render(wardnet_server::metrics::Exposition::Prometheus);
    let line = r#"wardnet_connections_closed_total{listener="api",reason="timeout"} 1"#;
    assert!(text.expect("written").contains(line), "it was the watchdog");
}

#[tokio::test]
async fn silent_and_idle_connections_are_closed() {
    let limits = Limits { header_timeout_ms: 200, idle_timeout_ms: 600, ..Limits::default() };
    let server = with(limits);
    let mut silent = server.connect().await;
    let read = timeout(Duration::from_secs(3), silent.read(&mut [0; 8])).await;
    assert!(matches!(read, Ok(Ok(0) | Err(_))), "a connection that never asks is closed");

    let mut idle = server.connect().await;
    idle.write_all(b"GET /open HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
    let mut buffer = [0; 1024];
    assert!(idle.read(&mut buffer).await.expect("an answer") > 0);
    let answered = Instant::now();
    let read = timeout(Duration::from_secs(3), idle.read(&mut buffer)).await;
    assert!(matches!(read, Ok(Ok(0))), "an idle connection is closed");
    assert!(answered.elapsed() > Duration::from_millis(400), "but not as early as a slow head");
}

#[tokio::test]
async fn long_heads_are_refused() {
    let server = with(Limits { header_bytes_max: 8_192, ..Limits::default() });
    let long = format!("x-filler: {}\r\n", "a".repeat(10_000));
    assert_eq!(server.get("/open", &long).await.status, 431);
    let many = "x-a: b\r\n".repeat(70);
    assert_eq!(server.get("/open", &many).await.status, 431);
}

#[tokio::test]
async fn connections_beyond_the_cap_wait_their_turn() {
    let server = with(Limits { connections_max: 2, ..Limits::default() });
    let (one, two) = (server.connect().await, server.connect().await);
    sleep(Duration::from_millis(100)).await;
    let mut three = server.connect().await;
    three.write_all(GET.as_bytes()).await.expect("sent");
    let mut buffer = [0; 512];
    let early = timeout(Duration::from_millis(300), three.read(&mut buffer)).await;
    assert!(early.is_err(), "the third is not served");
    drop(one);
    let late = timeout(Duration::from_secs(3), three.read(&mut buffer)).await;
    assert!(late.expect("in time").expect("an answer") > 0);
    drop(two);
}

#[tokio::test]
async fn one_address_cannot_take_all_connections() {
    let server = with(Limits { connections_per_address_max: 1, ..Limits::default() });
    let first = server.connect().await;
    sleep(Duration::from_millis(50)).await;
    let mut second = server.connect().await;
    let read = timeout(Duration::from_secs(2), second.read(&mut [0; 8])).await;
    assert!(matches!(read, Ok(Ok(0) | Err(_))));
    drop(first);
    sleep(Duration::from_millis(50)).await;
    assert_eq!(exchange(server.connect().await, GET).await.status, 200);
}
