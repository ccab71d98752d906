//! The graceful end.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use wardnet_server::Limits;
use wardnet_server::listen::Drained;

use crate::server::{Setup, exchange};

const SLOW: &str = "GET /slow HTTP/1.1\r\nhost: x\r\n\r\n";

#[tokio::test]
async fn requests_in_flight_finish_and_new_ones_are_refused() {
    let server = Setup::default().start();
    let address = server.address.expect("TCP");
    let mut idle = server.connect().await;
    idle.write_all(b"GET /open HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
    assert!(idle.read(&mut [0; 1024]).await.expect("an answer") > 0);
    let asked = tokio::spawn(exchange(server.connect().await, SLOW));
    sleep(Duration::from_millis(100)).await;

    server.shutdown.trigger();
    // The idle connection goes at once, the busy one after its answer.
    let read = timeout(Duration::from_secs(10), idle.read(&mut [0; 8])).await;
    assert!(matches!(read, Ok(Ok(0))));
    assert!(TcpStream::connect(address).await.is_err());
    let reply = asked.await.expect("no panic");
    assert_eq!((reply.status, reply.body.as_str()), (200, "finished"));
    assert!(reply.head.contains("connection: close"));
    assert_eq!(server.serving.await.expect("no panic"), Drained { cut: 0 });
}

#[tokio::test]
async fn the_deadline_cuts_what_is_left() {
    let limits = Limits { drain_timeout_ms: 50, ..Limits::default() };
    let server = Setup { limits, ..Setup::default() }.start();
    let mut busy = server.connect().await;
    busy.write_all(SLOW.as_bytes()).await.expect("sent");
    sleep(Duration::from_millis(50)).await;
    server.shutdown.trigger();
    assert_eq!(server.serving.await.expect("no panic"), Drained { cut: 1 });
    let text = server.metrics.render(wardnet_server::metrics::Exposition::Prometheus);
    assert!(text.expect("written").contains(r#"wardnet_connections_open{listener="api"} 0"#));
}
