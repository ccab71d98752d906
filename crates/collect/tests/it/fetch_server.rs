//! A web server on this machine that behaves as badly as a test wants.

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// What the server does with a connection, one after the other; then it closes it.
pub(crate) enum Step {
    Send(Vec<u8>),
    Wait(Duration),
}

/// A response with these header lines and this body, of the announced length.
pub(crate) fn reply(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Vec<Step> {
    let body = body.as_ref();
    let length = body.len();
    let mut bytes =
        format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n").into_bytes();
    bytes.extend_from_slice(b"Connection: close\r\n\r\n");
    bytes.extend_from_slice(body);
    vec![Step::Send(bytes)]
}

/// A running server. It stops when it is dropped.
pub(crate) struct Server {
    pub(crate) url: String,
    /// The certificate to trust, for a server with TLS.
    pub(crate) certificate: String,
    port: u16,
    requests: Arc<Mutex<Vec<String>>>,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Answers each request head with what `handler` says.
    pub(crate) fn start(handler: impl Fn(&str) -> Vec<Step> + Send + Sync + 'static) -> Self {
        Self::run(handler, None, String::new())
    }

    pub(crate) fn start_tls(handler: impl Fn(&str) -> Vec<Step> + Send + Sync + 'static) -> Self {
        let pair = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pair.signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![pair.cert.der().clone()], key)
            .unwrap();
        Self::run(handler, Some(Arc::new(config)), pair.cert.pem())
    }

    /// The heads of the requests so far, in lower case.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    fn run(
        handler: impl Fn(&str) -> Vec<Step> + Send + Sync + 'static,
        tls: Option<Arc<ServerConfig>>,
        certificate: String,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let requests = Arc::new(Mutex::new(Vec::new()));
        let stopping = Arc::new(AtomicBool::new(false));
        let (heads, stop) = (requests.clone(), stopping.clone());
        let thread = thread::spawn(move || {
            for socket in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    break;
                }
                match &tls {
                    None => serve(socket.unwrap(), &handler, &heads),
                    Some(config) => {
                        let connection = ServerConnection::new(config.clone()).unwrap();
                        let stream = StreamOwned::new(connection, socket.unwrap());
                        serve(stream, &handler, &heads);
                    }
                }
            }
        });
        let url = format!("{scheme}://127.0.0.1:{port}");
        Self { url, certificate, port, requests, stopping, thread: Some(thread) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for a connection.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

/// Serves one request. A client that hangs up ends it, which is what some tests are about.
fn serve(
    mut stream: impl Read + Write,
    handler: &impl Fn(&str) -> Vec<Step>,
    heads: &Mutex<Vec<String>>,
) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return,
        }
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    heads.lock().unwrap().push(head.clone());
    for step in handler(&head) {
        match step {
            Step::Send(bytes) if stream.write_all(&bytes).and(stream.flush()).is_err() => return,
            Step::Send(_) => {}
            Step::Wait(time) => thread::sleep(time),
        }
    }
}
