//! The sockets: UDP, TCP, and TLS.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::ServerConfig;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use wardnet_server::Shutdown;

use super::config::Limits;
use super::engine::{Begun, Client, Engine, Way};

/// Datagrams taken from a socket before other tasks have their turn.
const BATCH: usize = 64;

/// The largest datagram.
const DATAGRAM_BYTES_MAX: usize = 65_535;

/// Bytes the kernel holds for a socket until they are read.
const RECEIVE_BYTES: usize = 4 << 20;

/// The longest pause after a failed accept.
const BACKOFF: Duration = Duration::from_millis(100);

const BACKLOG: u32 = 1_024;

/// Binds a datagram socket that others of this process may share.
pub(super) fn bind_udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_port(true)?;
    // The system may give less; a smaller buffer only drops more in a burst.
    if let Err(error) = socket.set_recv_buffer_size(RECEIVE_BYTES) {
        tracing::debug!(%error, "the receive buffer stays as it is");
    }
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket.into())
}

/// Binds a listening socket.
pub(super) fn bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A restart must not wait for the old connections' TIME_WAIT.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Answers datagrams until `stop`.
pub(super) async fn serve_udp(socket: UdpSocket, engine: Arc<Engine>, stop: Shutdown) {
    let socket = Arc::new(socket);
    let mut request = vec![0; DATAGRAM_BYTES_MAX];
    let mut answer = Vec::with_capacity(2_048);
    let stopped = stop.wait();
    tokio::pin!(stopped);
    loop {
        tokio::select! {
            biased;
            () = &mut stopped => return,
            ready = socket.readable() => {
                if let Err(error) = ready {
                    tracing::warn!(%error, "a datagram socket cannot be read");
                    tokio::time::sleep(BACKOFF).await;
                }
            }
        }
        for _ in 0..BATCH {
            let Ok((length, from)) = socket.try_recv_from(&mut request) else { break };
            let bytes = request.get(..length).unwrap_or_default();
            answer.clear();
            let client = Client { address: from.ip(), way: Way::Udp };
            match engine.begin(bytes, client, &mut answer) {
                Begun::Answered => send(&socket, &answer, from),
                Begun::Silence => {}
                Begun::Ask(pending) => {
                    let socket = Arc::clone(&socket);
                    tokio::spawn(async move { send(&socket, &pending.finish().await, from) });
                }
            }
        }
        tokio::task::yield_now().await;
    }
}

/// A datagram that the kernel does not take now is lost, as it might be anywhere on its way.
fn send(socket: &UdpSocket, answer: &[u8], to: SocketAddr) {
    if let Err(error) = socket.try_send_to(answer, to) {
        tracing::debug!(%error, "an answer was not sent");
    }
}

/// What connections of a listener share.
pub(super) struct Streams {
    pub(super) engine: Arc<Engine>,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) limits: Limits,
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
        let idle = Duration::from_millis(self.limits.idle_timeout_ms);
        let client = Client { address: from.ip(), way: Way::Stream };
        // Answers are written whole; waiting for more to send only delays them.
        let ended = match (&self.tls, stream.set_nodelay(true)) {
            (_, Err(error)) => Err(error),
            (None, Ok(())) => self.serve(stream, client, stop).await,
            (Some(tls), Ok(())) => match tokio::time::timeout(idle, tls.accept(stream)).await {
                Ok(Ok(stream)) => self.serve(stream, client, stop).await,
                Ok(Err(error)) => Err(error),
                Err(late) => Err(late.into()),
            },
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection broke off");
        }
        self.engine.counters.connections.dec();
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
        let idle = Duration::from_millis(self.limits.idle_timeout_ms);
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
                read = tokio::time::timeout(idle, read_framed(reader, &mut request)) => {
                    match read {
                        Ok(Ok(true)) => {}
                        Ok(Ok(false)) | Err(_) => return Ok(()),
                        Ok(Err(error)) => return Err(error),
                    }
                }
            }
            let mut answer = Vec::new();
            match self.engine.begin(&request, client, &mut answer) {
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

/// Connections per client; holds only clients that have some.
#[derive(Debug, Clone, Default)]
struct Crowd(Arc<Mutex<HashMap<Ipv6Addr, usize>>>);

/// One connection's place in the crowd, given back on drop.
struct Place {
    crowd: Crowd,
    client: Ipv6Addr,
}

impl Crowd {
    fn enter(&self, address: IpAddr, most: usize) -> Option<Place> {
        // One site has an IPv6 /64 (RFC 6177).
        let client = match address.to_canonical() {
            IpAddr::V4(address) => address.to_ipv6_mapped(),
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)),
        };
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(client).or_insert(0);
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Place { crowd: self.clone(), client })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.crowd.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.client);
            }
        }
    }
}
