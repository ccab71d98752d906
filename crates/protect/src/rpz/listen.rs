//! The sockets: UDP for serials and short differences, TCP and TLS for everything.

use super::config::Limits;
use super::message::{Answer, Rcode};
use super::metrics::Counters;
use super::question::{Plan, Transfer, plan};
use super::transfer::{Cut, Sent, send, write_framed};
use super::zone::Zone;
use arc_swap::ArcSwap;
use hickory_proto::rr::TSigner;
use ipnet::IpNet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use wardnet_server::{Crowd, Shutdown, now_unix};

/// The longest answer over UDP: what passes without fragments.
const DATAGRAM_BYTES: usize = 1_232;

/// What everybody takes (RFC 1035 section 4.2.1).
const DATAGRAM_BYTES_MIN: usize = 512;

/// Questions are short; what is longer is none.
const QUESTION_BYTES_MAX: usize = 4_096;

/// The pause after a failed accept or receive.
const BACKOFF: Duration = Duration::from_millis(100);

/// What a primary serves, and to whom: what other settings change while it runs.
pub(super) struct Live {
    pub(super) zones: Vec<Arc<Zone>>,
    pub(super) keys: Vec<TSigner>,
    pub(super) allow: Vec<IpNet>,
}

/// What all sockets of a primary share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) live: Arc<ArcSwap<Live>>,
    pub(super) limits: Arc<Limits>,
    pub(super) transfers: Arc<Semaphore>,
    pub(super) counters: Counters,
    pub(super) crowd: Crowd,
}

impl Shared {
    fn is_allowed(&self, client: IpAddr) -> bool {
        let client = client.to_canonical();
        self.live.load().allow.iter().any(|network| network.contains(&client))
    }

    fn plan(&self, bytes: &[u8], client: IpAddr) -> Plan {
        if self.is_allowed(client) {
            let live = self.live.load();
            return plan(bytes, &live.zones, &live.keys, now_unix());
        }
        self.counters.refused.inc();
        // Nothing is read of what strangers send but what the answer has to repeat.
        super::question::refusal(bytes).map_or(Plan::Silence, Plan::Reply)
    }
}

/// Answers datagrams until `stop`.
pub(super) async fn serve_udp(socket: UdpSocket, shared: Shared, stop: Shutdown) {
    let mut question = vec![0; QUESTION_BYTES_MAX];
    loop {
        tokio::select! {
            () = stop.wait() => return,
            received = socket.recv_from(&mut question) => match received {
                Ok((length, from)) => {
                    let bytes = question.get(..length).unwrap_or_default();
                    if let Some(answer) = datagram(&shared, bytes, from.ip())
                        && let Err(error) = socket.try_send_to(&answer, from)
                    {
                        // Lost, as it might be anywhere on its way.
                        tracing::debug!(%error, "an answer was not sent");
                    }
                }
                Err(error) => {
                    tracing::debug!(%error, "a datagram was not received");
                    tokio::time::sleep(BACKOFF).await;
                }
            }
        }
    }
}

fn datagram(shared: &Shared, bytes: &[u8], client: IpAddr) -> Option<Vec<u8>> {
    match shared.plan(bytes, client) {
        Plan::Silence => None,
        Plan::Reply(answer) => {
            shared.counters.replies.inc();
            Some(answer)
        }
        // A whole zone has no place in a datagram (RFC 5936 section 4.2).
        Plan::Transfer(Transfer { since: None, asked, .. }) => {
            Some(Answer::new(&asked, Rcode::FormErr, false).finish())
        }
        Plan::Transfer(mut transfer) => {
            shared.counters.changes.inc();
            let room = transfer.datagram_bytes_max.clamp(DATAGRAM_BYTES_MIN, DATAGRAM_BYTES);
            let room = room.saturating_sub(transfer.signature_bytes());
            let mut answer = transfer.short(room).unwrap_or_else(|| transfer.serial_only());
            let is_sound = match &mut transfer.signer {
                Some(signer) => signer.sign(&mut answer, now_unix()),
                None => true,
            };
            is_sound.then_some(answer)
        }
    }
}

/// Accepts connections until `stop`. Transfers under way end with it: a secondary asks again.
pub(super) async fn serve_tcp(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    shared: Shared,
    stop: Shutdown,
) {
    let mut tasks = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = stop.wait() => return,
            Some(ended) = tasks.join_next() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "a connection's task failed");
                }
            }
            accepted = listener.accept(), if tasks.len() < shared.limits.connections_max => {
                match accepted {
                    Ok((_, from)) if !shared.is_allowed(from.ip()) => {
                        // Nothing is kept for strangers; a datagram would tell them why.
                        shared.counters.strangers.inc();
                    }
                    Ok((stream, from)) => {
                        let most = shared.limits.connections_per_address_max;
                        if let Some(place) = shared.crowd.enter(from.ip(), most) {
                            let (tls, shared) = (tls.clone(), shared.clone());
                            tasks.spawn(async move {
                                connection(stream, from, tls, shared).await;
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
}

async fn connection(stream: TcpStream, from: SocketAddr, tls: Option<TlsAcceptor>, shared: Shared) {
    shared.counters.connections.inc();
    let idle = Duration::from_millis(shared.limits.idle_timeout_ms);
    let ended = match (tls, stream.set_nodelay(true)) {
        (_, Err(error)) => Err(error),
        (None, Ok(())) => serve(stream, from, &shared).await,
        (Some(tls), Ok(())) => match tokio::time::timeout(idle, tls.accept(stream)).await {
            Ok(Ok(stream)) => serve(stream, from, &shared).await,
            Ok(Err(error)) => Err(error),
            Err(late) => Err(late.into()),
        },
    };
    if let Err(error) = ended {
        shared.counters.broken.inc();
        tracing::debug!(%error, "a connection broke off");
    }
    shared.counters.connections.dec();
}

/// Answers the questions of one connection, one after the other.
async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    from: SocketAddr,
    shared: &Shared,
) -> io::Result<()> {
    let limits = &shared.limits;
    let idle = Duration::from_millis(limits.idle_timeout_ms);
    let stall = Duration::from_millis(limits.stall_timeout_ms);
    let cut = Cut { message_bytes_max: limits.message_bytes_max.into(), stall };
    let mut question = Vec::new();
    loop {
        match tokio::time::timeout(idle, read_framed(&mut stream, &mut question)).await {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) | Err(_) => return stream.shutdown().await,
            Ok(Err(error)) => return Err(error),
        }
        match shared.plan(&question, from.ip()) {
            Plan::Silence => return stream.shutdown().await,
            Plan::Reply(answer) => {
                shared.counters.replies.inc();
                write_framed(&mut stream, &answer, stall).await?;
            }
            Plan::Transfer(transfer) => {
                let within = Duration::from_millis(limits.transfer_timeout_ms);
                let sending = send(&transfer, &mut stream, cut, &shared.transfers);
                let (sent, records) = tokio::time::timeout(within, sending).await??;
                shared.counters.records.inc_by(records);
                match sent {
                    Sent::Whole => shared.counters.whole.inc(),
                    Sent::Changes => shared.counters.changes.inc(),
                };
                let zone = &transfer.zone;
                let skipped = zone.skipped.load(std::sync::atomic::Ordering::Relaxed);
                tracing::info!(zone = zone.name, to = %from, ?sent, records, skipped, "transfer");
            }
        }
    }
}

/// Reads one message behind its length; false at the end.
async fn read_framed(
    reader: &mut (impl AsyncRead + Unpin),
    message: &mut Vec<u8>,
) -> io::Result<bool> {
    let length = match reader.read_u16().await {
        Ok(length) => usize::from(length),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
        Err(error) => return Err(error),
    };
    if length > QUESTION_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "longer than any question"));
    }
    message.resize(length, 0);
    reader.read_exact(message).await?;
    Ok(true)
}
