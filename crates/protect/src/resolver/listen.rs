//! The sockets: UDP, TCP, and TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use wardnet_server::udp::{Answerer, LateSender};
use wardnet_server::{Crowd, Shutdown};

use super::config::Limits;
use super::engine::{Begun, Client, Engine, Way};
use super::moment::Moment;

/// The longest pause after a failed accept.
const BACKOFF: Duration = Duration::from_millis(100);

const BACKLOG: u32 = 1_024;

/// Binds a listening socket.
pub(super) fn bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A restart must not wait for the old connections' TIME_WAIT.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Answers datagrams: from the cache on the thread that took them, and later what upstreams have
/// to be asked for.
#[derive(Debug)]
pub(super) struct Datagrams {
    engine: Arc<Engine>,
    moment: Moment,
    late: Arc<LateSender>,
    runtime: Handle,
}

impl Datagrams {
    /// Must be called within a runtime.
    pub(super) fn new(engine: Arc<Engine>, late: Arc<LateSender>) -> Self {
        Self { moment: engine.moment(), engine, late, runtime: Handle::current() }
    }
}

impl Answerer for Datagrams {
    fn begin(&mut self) {
        self.moment = self.engine.moment();
    }

    fn answer(&mut self, from: SocketAddr, datagram: &[u8], out: &mut Vec<u8>) {
        let client = Client { address: from.ip(), way: Way::Udp };
        match self.engine.begin(&self.moment, datagram, client, out) {
            Begun::Answered | Begun::Silence => {}
            Begun::Ask(pending) => {
                let late = Arc::clone(&self.late);
                self.runtime.spawn(async move {
                    if let Err(error) = late.send(from, &pending.finish().await) {
                        tracing::debug!(%error, "an answer was not sent");
                    }
                });
            }
        }
    }
}

/// What connections of a listener share.
pub(super) struct Streams {
    pub(super) engine: Arc<Engine>,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) limits: Limits,
    pub(super) open: AtomicUsize,
}

/// The way to speak TLS for DNS, from a configuration made for HTTP (RFC 7858, ALPN `dot`).
pub(super) fn acceptor(config: &Arc<ServerConfig>) -> TlsAcceptor {
    let mut config = ServerConfig::clone(config);
    config.alpn_protocols = vec![b"dot".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

/// Accepts connections until `stop`, then lets those that are open answer what they were asked.
pub(super) async fn serve_tcp(listener: TcpListener, streams: Arc<Streams>, stop: Shutdown) {
    let crowd = Crowd::default();
    let mut tasks = JoinSet::new();
    let stopped = stop.wait();
    tokio::pin!(stopped);
    loop {
        tokio::select! {
            biased;
            () = &mut stopped => break,
            Some(ended) = tasks.join_next() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "a connection's task failed");
                }
            }
            accepted = listener.accept(), if tasks.len() < streams.limits.connections_max => {
                match accepted {
                    Ok((stream, from)) => {
                        let most = streams.limits.connections_per_address_max;
                        if let Some(place) = crowd.enter(from.ip(), most) {
                            let (streams, stop) = (Arc::clone(&streams), stop.clone());
                            tasks.spawn(async move {
                                streams.connection(stream, from, stop).await;
                                drop(place);
                            });
                        }
                    }
                    Err(error) => {
                        tracing::debug!(%error, "cannot accept a connection");
                        tokio::time::sleep(BACKOFF).await;
                    }
                }
            }
        }
    }
    drop(listener);
    while tasks.join_next().await.is_some() {}
}

impl Streams {
    async fn connection(&self, stream: TcpStream, from: SocketAddr, stop: Shutdown) {
        self.engine.counters.connections.inc();
        self.open.fetch_add(1, Ordering::Relaxed);
        let way = if self.tls.is_some() { Way::Encrypted } else { Way::Plain };
        let client = Client { address: from.ip(), way };
        // Answers are written whole; waiting for more to send only delays them.
        let ended = match (&self.tls, stream.set_nodelay(true)) {
            (_, Err(error)) => Err(error),
            (None, Ok(())) => self.serve(stream, client, stop).await,
            (Some(tls), Ok(())) => {
                match tokio::time::timeout(self.idle(), tls.accept(stream)).await {
                    Ok(Ok(stream)) => self.serve(stream, client, stop).await,
                    Ok(Err(error)) => Err(error),
                    Err(late) => Err(late.into()),
                }
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection broke off");
        }
        self.open.fetch_sub(1, Ordering::Relaxed);
        self.engine.counters.connections.dec();
    }

    /// How long a connection may be idle: less, when they become scarce.
    fn idle(&self) -> Duration {
        let idle = Duration::from_millis(self.limits.idle_timeout_ms);
        let are_scarce = self.open.load(Ordering::Relaxed) > self.limits.connections_max / 2;
        if are_scarce { idle / 10 } else { idle }
    }

    /// Answers the questions of one connection, each as soon as its answer is there (RFC 7766
    /// section 6.2.1.1), until it has been idle for too long.
    async fn serve(
        &self,
        stream: impl AsyncRead + AsyncWrite,
        client: Client,
        stop: Shutdown,
    ) -> io::Result<()> {
        let (mut reader, mut writer) = tokio::io::split(stream);
        let (sender, mut answers) = mpsc::channel::<Vec<u8>>(self.limits.pipeline_max);
        let stall = Duration::from_millis(self.limits.stall_timeout_ms);
        // It owns its end of the channel: the reader sees when it is gone.
        let write = async move {
            while let Some(answer) = answers.recv().await {
                tokio::time::timeout(stall, write_framed(&mut writer, &answer)).await??;
            }
            tokio::time::timeout(stall, writer.shutdown()).await?
        };
        let (read, written) = tokio::join!(self.read(&mut reader, client, sender, stop), write);
        read.and(written)
    }

    /// Reads questions and has them answered. A writer that has ended ends this, too.
    async fn read(
        &self,
        reader: &mut (impl AsyncRead + Unpin),
        client: Client,
        sender: mpsc::Sender<Vec<u8>>,
        stop: Shutdown,
    ) -> io::Result<()> {
        let mut request = Vec::new();
        loop {
            // Each question has its place before it is read: one that nobody reads answers for
            // is asked no more questions.
            let Ok(place) = sender.clone().reserve_owned().await else {
                return Ok(());
            };
            tokio::select! {
                biased;
                () = stop.wait() => return Ok(()),
                () = sender.closed() => return Ok(()),
                read = tokio::time::timeout(self.idle(), read_framed(reader, &mut request)) => {
                    match read {
                        Ok(Ok(true)) => {}
                        Ok(Ok(false)) | Err(_) => return Ok(()),
                        Ok(Err(error)) => return Err(error),
                    }
                }
            }
            let mut answer = Vec::new();
            match self.engine.begin(&self.engine.moment(), &request, client, &mut answer) {
                Begun::Answered => drop(place.send(answer)),
                Begun::Silence => return Ok(()),
                Begun::Ask(pending) => {
                    tokio::spawn(async move { drop(place.send(pending.finish().await)) });
                }
            }
        }
    }
}

/// Reads one message behind its length (RFC 1035 section 4.2.2); false at the end.
async fn read_framed(
    reader: &mut (impl AsyncRead + Unpin),
    message: &mut Vec<u8>,
) -> io::Result<bool> {
    let length = match reader.read_u16().await {
        Ok(length) => usize::from(length),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
        Err(error) => return Err(error),
    };
    message.resize(length, 0);
    reader.read_exact(message).await?;
    Ok(true)
}

async fn write_framed(writer: &mut (impl AsyncWrite + Unpin), message: &[u8]) -> io::Result<()> {
    // Length and message in one write, so that they share a segment (RFC 7766 section 8).
    let length = u16::try_from(message.len()).map_err(|_| io::ErrorKind::InvalidData)?;
    let mut framed = Vec::with_capacity(message.len() + 2);
    framed.extend_from_slice(&length.to_be_bytes());
    framed.extend_from_slice(message);
    writer.write_all(&framed).await?;
    writer.flush().await
}
