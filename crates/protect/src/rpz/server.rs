//! One primary: bound, then running.

use super::config::{RpzConfig, ZoneConfig};
use super::follow::Follower;
use super::listen::{Live, Shared, serve_tcp, serve_udp};
use super::metrics::{Counters, RpzMetrics};
use super::notify::Teller;
use super::resume::{Wanted, resume};
use super::serial::Serials;
use super::tsig::{self, KeyError};
use super::zone::Zone;
use crate::Troubles;
use arc_swap::ArcSwap;
use hickory_proto::rr::TSigner;
use rustls::ServerConfig;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpSocket, UdpSocket};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use wardnet_server::tls::TlsError;
use wardnet_server::{Crowd, Shutdown, Tls};
use wardnet_verdictdb::{ChangeFeed, Cursor, View};

const BACKLOG: u32 = 128;

/// Tries to find a port that is free for both TCP and UDP.
const FREE_PORT_TRIES: u32 = 16;

/// Why a primary cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RpzError {
    /// The settings contradict themselves.
    #[error("{0}")]
    Config(&'static str),
    /// A key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The certificate or its key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// An address cannot be had.
    #[error("cannot listen on {address}: {source}; is something else listening there?")]
    Bind {
        /// Which address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

/// What all primaries of a server share.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The changes that zones follow.
    pub feed: Arc<ChangeFeed>,
    /// Where serials come from.
    pub serials: Arc<Serials>,
    /// What is counted.
    pub metrics: RpzMetrics,
    /// Where troubles are told.
    pub health: Troubles,
}

/// A primary with its sockets, ready to start.
pub struct Bound {
    config: RpzConfig,
    around: Surroundings,
    shared: Shared,
    cursor: Cursor,
    tls: Option<Arc<Tls>>,
    udp: Vec<UdpSocket>,
    tcp: Vec<TcpListener>,
    secure: Vec<TcpListener>,
    addresses: Vec<String>,
}

/// A primary that runs.
pub struct Primary {
    config: RpzConfig,
    around: Surroundings,
    live: Arc<ArcSwap<Live>>,
    counters: Counters,
    tls: Option<Arc<Tls>>,
    stop: Shutdown,
    tasks: JoinSet<()>,
    follower: JoinSet<()>,
    tellers: JoinSet<()>,
    addresses: Vec<String>,
}

/// Other settings for a primary that keeps its sockets.
pub struct Renewal {
    config: RpzConfig,
    keys: Vec<TSigner>,
}

impl Bound {
    /// Loads what the settings name, and binds every address. Must be called within a tokio
    /// runtime.
    pub fn bind(config: RpzConfig, around: Surroundings) -> Result<Self, RpzError> {
        let keys = load_keys(&config)?;
        let tls = config.tls_files().map(Tls::load).transpose()?.map(Arc::new);
        let (mut udp, mut tcp, mut addresses) = (Vec::new(), Vec::new(), Vec::new());
        for address in &config.listen {
            let (datagrams, streams) = bind_plain(*address)
                .map_err(|source| RpzError::Bind { address: *address, source })?;
            addresses.push(format!("rpz {}", streams.local_addr().unwrap_or(*address)));
            udp.push(datagrams);
            tcp.push(streams);
        }
        let mut secure = Vec::new();
        for address in &config.tls {
            let listener = bind_tcp(*address)
                .map_err(|source| RpzError::Bind { address: *address, source })?;
            addresses.push(format!("rpz+tls {}", listener.local_addr().unwrap_or(*address)));
            secure.push(listener);
        }
        let (cursor, view) = around.feed.snapshot();
        let live = Live::new(&config, keys, (cursor, &view), &around, &[]);
        let name = config.listen.iter().chain(&config.tls).next();
        let shared = Shared {
            live: Arc::new(ArcSwap::from_pointee(live)),
            transfers: Arc::new(Semaphore::new(config.limits.transfers_max)),
            limits: Arc::new(config.limits.clone()),
            counters: around.metrics.of(&name.map_or_else(String::new, ToString::to_string)),
            crowd: Crowd::default(),
        };
        Ok(Self { config, around, shared, cursor, tls, udp, tcp, secure, addresses })
    }

    /// The addresses in use, each behind its protocol.
    #[must_use]
    pub fn addresses(&self) -> &[String] {
        &self.addresses
    }

    /// Starts to answer, to follow the changes, and to tell the secondaries.
    #[must_use]
    pub fn start(self) -> Primary {
        let (stop, mut tasks, mut follower) = (Shutdown::new(), JoinSet::new(), JoinSet::new());
        for socket in self.udp {
            tasks.spawn(serve_udp(socket, self.shared.clone(), stop.clone()));
        }
        for listener in self.tcp {
            tasks.spawn(serve_tcp(listener, None, self.shared.clone(), stop.clone()));
        }
        if let Some(tls) = &self.tls {
            let acceptor = acceptor(&tls.server_config());
            for listener in self.secure {
                let (acceptor, shared) = (Some(acceptor.clone()), self.shared.clone());
                tasks.spawn(serve_tcp(listener, acceptor, shared, stop.clone()));
            }
        }
        let following = Follower {
            feed: Arc::clone(&self.around.feed),
            cursor: self.cursor,
            live: Arc::clone(&self.shared.live),
            serials: Arc::clone(&self.around.serials),
            records_max: self.config.limits.difference_records_max,
        };
        follower.spawn(following.follow());
        let Self { config, around, shared: Shared { live, counters, .. }, tls, addresses, .. } =
            self;
        let tellers = JoinSet::new();
        let mut primary = Primary {
            config,
            around,
            live,
            counters,
            tls,
            stop,
            tasks,
            follower,
            tellers,
            addresses,
        };
        primary.tell();
        primary
    }
}

impl Live {
    /// Zones whose settings are those of a running one go on as that one.
    fn new(
        config: &RpzConfig,
        keys: Vec<TSigner>,
        (cursor, view): (Cursor, &Arc<View>),
        around: &Surroundings,
        running: &[Arc<Zone>],
    ) -> Self {
        let zone = |wanted: &ZoneConfig| match running.iter().find(|zone| zone.config == *wanted) {
            Some(zone) => Arc::clone(zone),
            None => Arc::new(resume(&Wanted {
                config: wanted,
                primary: format!("{:?} {:?}", config.listen, config.tls),
                feed: &around.feed,
                serials: &around.serials,
                cursor,
                view,
                records_max: config.limits.difference_records_max,
            })),
        };
        let zones = config.zone.iter().map(zone).collect();
        Self { zones, keys, allow: config.allow.clone() }
    }
}

impl std::fmt::Debug for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bound").field("config", &self.config).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Primary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Primary").field("config", &self.config).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Renewal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Renewal").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Primary {
    /// Looks whether settings could be put into force, and changes nothing.
    pub fn check(config: &RpzConfig) -> Result<(), RpzError> {
        load_keys(config)?;
        config.tls_files().map(Tls::load).transpose()?;
        Ok(())
    }

    /// Loads what other settings name, for a primary that keeps its sockets.
    pub fn prepare(config: RpzConfig) -> Result<Renewal, RpzError> {
        let keys = load_keys(&config)?;
        Ok(Renewal { config, keys })
    }

    /// Puts other settings into force. Zones that are wanted as they are go on with their serials
    /// and differences; secondaries of the others take them whole.
    pub async fn renew(&mut self, renewal: Renewal) {
        let Renewal { config, keys } = renewal;
        let (cursor, view) = self.around.feed.snapshot();
        let running = self.live.load_full();
        let live = Live::new(&config, keys, (cursor, &view), &self.around, &running.zones);
        self.live.store(Arc::new(live));
        self.config = config;
        self.tellers.shutdown().await;
        self.tell();
    }

    /// Begins to tell every secondary of every zone.
    fn tell(&mut self) {
        for zone in &self.live.load().zones {
            for secondary in &self.config.notify {
                let teller = Teller {
                    zone: Arc::clone(zone),
                    secondary: *secondary,
                    trouble: self.around.health.trouble(),
                    counters: self.counters.clone(),
                };
                self.tellers.spawn(teller.keep_telling());
            }
        }
    }

    /// The settings in force.
    #[must_use]
    pub const fn config(&self) -> &RpzConfig {
        &self.config
    }

    /// The addresses in use, each behind its protocol.
    #[must_use]
    pub fn addresses(&self) -> &[String] {
        &self.addresses
    }

    /// Reads the certificate again; the one in force stays where it cannot be used.
    pub fn reload_certificate(&self) -> Result<(), RpzError> {
        self.tls.as_ref().map_or(Ok(()), |tls| Ok(tls.reload()?))
    }

    /// Stops. Transfers under way break off: secondaries keep what they have and ask again.
    pub async fn stop(mut self) {
        self.stop.trigger();
        self.follower.shutdown().await;
        self.tellers.shutdown().await;
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a primary's task failed");
            }
        }
    }
}

fn load_keys(config: &RpzConfig) -> Result<Vec<TSigner>, RpzError> {
    if let Some(complaint) = config.complaint() {
        return Err(RpzError::Config(complaint));
    }
    let keys: Result<Vec<_>, _> = config.tsig.iter().map(tsig::load).collect();
    Ok(keys?)
}

/// The way to speak TLS for transfers (RFC 9103 section 7.1: ALPN `dot`, TLS 1.3 where both can).
fn acceptor(config: &Arc<ServerConfig>) -> TlsAcceptor {
    let mut config = ServerConfig::clone(config);
    config.alpn_protocols = vec![b"dot".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

/// Binds UDP and TCP at one port, also where any free one will do.
fn bind_plain(address: SocketAddr) -> io::Result<(UdpSocket, TcpListener)> {
    let mut tries = 0;
    loop {
        let tcp = bind_tcp(address)?;
        tries += 1;
        match bind_udp(tcp.local_addr()?) {
            Ok(udp) => return Ok((udp, tcp)),
            Err(_) if address.port() == 0 && tries < FREE_PORT_TRIES => {}
            Err(error) => return Err(error),
        }
    }
}

fn bind_udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = std::net::UdpSocket::bind(address)?;
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket)
}

fn bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A restart must not wait for the old connections' TIME_WAIT.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
