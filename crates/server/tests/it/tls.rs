//! TLS: versions of HTTP by ALPN, reload, and peers that do not speak it.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use wardnet_server::tls::TlsFiles;
use wardnet_server::{Limits, Tls};

use crate::server::{Server, Setup, exchange};

struct Fixture {
    _folder: TempDir,
    files: TlsFiles,
    tls: Arc<Tls>,
    server: Server,
}

fn write_pair(files: &TlsFiles) {
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a pair");
    fs::write(&files.certificate, pair.cert.pem()).expect("writable");
    fs::write(&files.key, pair.signing_key.serialize_pem()).expect("writable");
}

fn start(limits: Limits) -> Fixture {
    let folder = tempfile::tempdir().expect("a folder");
    let [certificate, key] = ["cert.pem", "key.pem"].map(|name| folder.path().join(name));
    let files = TlsFiles { certificate, key };
    write_pair(&files);
    let tls = Arc::new(Tls::load(files.clone()).expect("a good pair"));
    let server = Setup { tls: Some(Arc::clone(&tls)), limits, ..Setup::default() }.start();
    Fixture { _folder: folder, files, tls, server }
}

impl Fixture {
    /// A client that trusts exactly the certificate that is in the file now.
    async fn connect(&self, alpn: &[&[u8]]) -> std::io::Result<TlsStream<TcpStream>> {
        let certificate = CertificateDer::from_pem_file(&self.files.certificate).expect("PEM");
        let mut roots = RootCertStore::empty();
        roots.add(certificate).expect("a certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        let name = ServerName::try_from("localhost").expect("a name");
        TlsConnector::from(Arc::new(config)).connect(name, self.server.connect().await).await
    }
}

#[tokio::test]
async fn http_1_over_tls() {
    let fixture = start(Limits::default());
    let stream = fixture.connect(&[b"http/1.1"]).await.expect("handshake");
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let get = "GET /open HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    assert_eq!(exchange(stream, get).await.status, 200);
}

#[tokio::test]
async fn http_2_over_tls_is_drained_too() {
    let fixture = start(Limits::default());
    let stream = fixture.connect(&[b"h2", b"http/1.1"]).await.expect("handshake");
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let io = TokioIo::new(stream);
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await;
    let (mut sender, connection) = handshake.expect("HTTP/2");
    let connection = tokio::spawn(connection);
    let request = Request::get("https://localhost/slow").body(Body::empty()).expect("valid");
    let asked = tokio::spawn(sender.send_request(request));
    tokio::time::sleep(Duration::from_millis(100)).await;
    fixture.server.shutdown.trigger();
    let response = asked.await.expect("no panic").expect("an answer");
    assert_eq!((response.status().as_u16(), response.version()), (200, Version::HTTP_2));
    let body = axum::body::to_bytes(Body::new(response.into_body()), 64).await.expect("a body");
    assert_eq!(body, "finished");
    drop(sender);
    assert_eq!(fixture.server.serving.await.expect("no panic").cut, 0);
    connection.await.expect("no panic").expect("closed in order");
}

#[tokio::test]
async fn reload_serves_the_new_certificate_and_keeps_connections() {
    let fixture = start(Limits::default());
    let old = fixture.connect(&[]).await.expect("handshake");
    write_pair(&fixture.files);
    assert!(fixture.connect(&[]).await.is_err(), "still the old certificate");
    fixture.tls.reload().expect("a good pair");
    assert!(fixture.connect(&[]).await.is_ok());
    let get = "GET /open HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    assert_eq!(exchange(old, get).await.status, 200);
}

#[tokio::test]
async fn silent_and_plain_peers_are_dropped_and_counted() {
    let fixture = start(Limits { handshake_timeout_ms: 200, ..Limits::default() });
    let mut silent = fixture.server.connect().await;
    let read = timeout(Duration::from_secs(3), silent.read(&mut [0; 8])).await;
    assert!(matches!(read, Ok(Ok(0) | Err(_))));
    let mut plain = fixture.server.connect().await;
    tokio::io::AsyncWriteExt::write_all(&mut plain, b"GET / HTTP/1.1\r\n\r\n").await.expect("sent");
    let mut answer = Vec::new();
    let read = timeout(Duration::from_secs(3), plain.read_to_end(&mut answer)).await;
    assert!(read.is_ok());
    assert!(!answer.starts_with(b"HTTP"));
    let text = fixture.server.metrics.render(wardnet_server::metrics::Exposition::Prometheus);
    let line = r#"wardnet_tls_handshake_failures_total{listener="api"} 2"#;
    assert!(text.expect("written").contains(line));
}
