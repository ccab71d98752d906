//! Listeners: the accept loop, its caps, and the graceful end.

mod connection;
mod seldom;
mod socket;
mod watch;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::watch as signal;
use tokio::task::JoinSet;

use crate::crowd::{Crowd, Place};
use crate::limits::Limits;
use crate::live_router::LiveRouter;
use crate::metrics::{ListenerMetrics, Metrics};
use crate::tls::Tls;
use connection::Connections;
use socket::{Accepted, Socket};

/// The longest pause after a failed accept.
const BACKOFF_MAX: Duration = Duration::from_secs(1);
const BACKOFF_MIN: Duration = Duration::from_millis(10);

/// Where a connection came from; every request carries it in its extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// Over the network.
    Tcp(SocketAddr),
    /// Over a socket in the file system, by a process of this user.
    Unix {
        /// The user, as the kernel vouches for it.
        uid: u32,
    },
}

impl Peer {
    /// A request that came through no listener: it shares its budget with all others of the kind.
    pub const UNKNOWN: Self = Self::Tcp(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0));

    /// This process itself, which calls a router without a socket in between.
    #[must_use]
    pub fn own() -> Self {
        Self::Unix { uid: rustix::process::geteuid().as_raw() }
    }

    /// The address it counts by; all users of the local socket are at home.
    #[must_use]
    pub const fn address(self) -> IpAddr {
        match self {
            Self::Tcp(address) => address.ip(),
            Self::Unix { .. } => IpAddr::V4(Ipv4Addr::LOCALHOST),
        }
    }
}

/// What to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// A TCP address; port 0 takes any free one.
    Tcp(SocketAddr),
    /// A socket file, made with mode 0600.
    Unix(PathBuf),
}

/// One listener.
#[derive(Debug, Clone)]
pub struct ListenerConfig {
    /// Its name in metrics and logs.
    pub name: String,
    /// What to listen on.
    pub endpoint: Endpoint,
    /// TLS, on TCP only.
    pub tls: Option<Arc<Tls>>,
    /// Its bounds.
    pub limits: Limits,
}

/// Why a listener cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// The system refused the address.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// Which address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The system refused the socket file.
    #[error("cannot make the socket {path}: {source}")]
    Socket {
        /// Which path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process listens there.
    #[error("another process is listening on {path}; stop it first, or use another data folder")]
    InUse {
        /// Which path.
        path: PathBuf,
    },
    /// Something that is not a socket has the name.
    #[error("{path} exists and is not a socket; move it away")]
    NotASocket {
        /// Which path.
        path: PathBuf,
    },
    /// TLS was asked for on a socket file.
    #[error("the listener {name} is a socket file, which takes no TLS; remove its certificate")]
    TlsOnUnix {
        /// Which listener.
        name: String,
    },
    /// A limit makes no sense.
    #[error("limits of the listener {name}: {complaint}")]
    Limits {
        /// Which listener.
        name: String,
        /// What is wrong.
        complaint: &'static str,
    },
}

/// Tells every listener to stop. Clones are the same signal.
#[derive(Debug, Clone)]
pub struct Shutdown {
    triggered: Arc<signal::Sender<bool>>,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self { triggered: Arc::new(signal::Sender::new(false)) }
    }
}

impl Shutdown {
    /// A signal that was not given yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives the signal, once and for all.
    pub fn trigger(&self) {
        self.triggered.send_replace(true);
    }

    /// Waits for the signal; returns at once when it was given before.
    pub async fn wait(&self) {
        let mut receiver = self.triggered.subscribe();
        // The sender lives as long as `self`, so waiting cannot fail.
        if receiver.wait_for(|triggered| *triggered).await.is_err() {
            tracing::debug!("the shutdown signal's sender is gone");
        }
    }
}

/// How a listener ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were cut because their requests took longer than the drain's deadline.
    pub cut: usize,
}

/// A bound socket, ready to serve.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    config: ListenerConfig,
    metrics: ListenerMetrics,
}

impl Listener {
    /// Binds. From here on clients can connect; they are answered once [`serve`](Self::serve)
    /// runs. Must be called within a tokio runtime.
    pub fn bind(config: ListenerConfig, metrics: &Metrics) -> Result<Self, ListenError> {
        if let Some(complaint) = config.limits.complaint() {
            return Err(ListenError::Limits { name: config.name, complaint });
        }
        if config.tls.is_some() && matches!(config.endpoint, Endpoint::Unix(_)) {
            return Err(ListenError::TlsOnUnix { name: config.name });
        }
        let socket = Socket::bind(&config.endpoint, config.limits.backlog)?;
        let metrics = metrics.listener(&config.name);
        Ok(Self { socket, config, metrics })
    }

    /// The address in use; `None` for a socket file.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.socket.local_addr()
    }

    /// Serves until `shutdown`, then stops accepting, lets requests in flight finish, and cuts
    /// what is left at the deadline.
    pub async fn serve(self, router: impl Into<LiveRouter>, shutdown: &Shutdown) -> Drained {
        let Self { socket, config, metrics } = self;
        let limits = config.limits.clone();
        let connections =
            Arc::new(Connections::new(&config, router.into(), metrics.clone(), shutdown));
        let guests = Guests::new(limits.connections_per_address_max, metrics.open.clone());
        let mut tasks = JoinSet::new();
        let mut backoff = Duration::ZERO;
        let stop = shutdown.wait();
        tokio::pin!(stop);
        loop {
            tokio::select! {
                biased;
                () = &mut stop => break,
                Some(ended) = tasks.join_next() => report(ended),
                accepted = accept(&socket, backoff), if tasks.len() < limits.connections_max => {
                    match accepted {
                        Ok(accepted) => {
                            backoff = Duration::ZERO;
                            admit(accepted, &guests, &connections, &mut tasks);
                        }
                        Err(error) => backoff = next_backoff(backoff, &error, &metrics),
                    }
                }
            }
        }
        drop(socket);
        drain(tasks, Duration::from_millis(limits.drain_timeout_ms), &config.name).await
    }
}

async fn accept(socket: &Socket, backoff: Duration) -> io::Result<Accepted> {
    if !backoff.is_zero() {
        tokio::time::sleep(backoff).await;
    }
    socket.accept().await
}

fn admit(
    accepted: Accepted,
    guests: &Guests,
    connections: &Arc<Connections>,
    tasks: &mut JoinSet<()>,
) {
    connections.metrics().accepted.inc();
    let Some(place) = guests.enter(accepted.peer) else {
        connections.metrics().crowded.inc();
        return;
    };
    let connections = Arc::clone(connections);
    tasks.spawn(async move {
        connections.serve(accepted).await;
        drop(place);
    });
}

/// A client that hung up in the backlog is no reason to pause; a lack of descriptors or memory
/// is, as the next call would fail the same way and spin.
fn next_backoff(last: Duration, error: &io::Error, metrics: &ListenerMetrics) -> Duration {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    metrics.accept_errors.inc();
    if matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted) {
        return Duration::ZERO;
    }
    tracing::warn!(%error, "cannot accept connections; raise the limit of open files (ulimit -n)");
    (last * 2).clamp(BACKOFF_MIN, BACKOFF_MAX)
}

async fn drain(mut tasks: JoinSet<()>, deadline: Duration, name: &str) -> Drained {
    let all_ended = async {
        while let Some(ended) = tasks.join_next().await {
            report(ended);
        }
    };
    if tokio::time::timeout(deadline, all_ended).await.is_ok() {
        return Drained { cut: 0 };
    }
    let cut = tasks.len();
    tracing::warn!(listener = name, cut, "requests outlived the drain's deadline and were cut");
    tasks.shutdown().await;
    Drained { cut }
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a connection's task failed");
    }
}

/// Connections per client address, and how many there are.
struct Guests {
    per_address_max: usize,
    gauge: Gauge,
    crowd: Crowd,
}

/// One connection's place, given back on drop: also when its task is cut.
struct Guest {
    gauge: Gauge,
    _place: Option<Place>,
}

impl Guests {
    fn new(per_address_max: usize, gauge: Gauge) -> Self {
        Self { per_address_max, gauge, crowd: Crowd::default() }
    }

    fn enter(&self, peer: Peer) -> Option<Guest> {
        let place = match peer {
            Peer::Tcp(address) => Some(self.crowd.enter(address.ip(), self.per_address_max)?),
            // Users of the socket file own it; only the total cap binds them.
            Peer::Unix { .. } => None,
        };
        self.gauge.inc();
        Some(Guest { gauge: self.gauge.clone(), _place: place })
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.gauge.dec();
    }
}
