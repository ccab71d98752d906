//! One primary: bound, then running.

use super::config::RpzConfig;
use super::follow::{follow, since_1970};
use super::listen::{Crowd, Shared, serve_tcp, serve_udp};
use super::metrics::RpzMetrics;
use super::notify::keep_telling;
use super::tsig::{self, KeyError};
use super::zone::{Zone, serial_at};
use rustls::ServerConfig;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpSocket, UdpSocket};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use wardnet_server::tls::TlsError;
use wardnet_server::{Shutdown, Tls};
use wardnet_verdictdb::{ChangeFeed, Cursor};

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

/// A primary with its sockets, ready to start.
pub struct Bound {
    config: RpzConfig,
    shared: Shared,
    feed: Arc<ChangeFeed>,
    cursor: Cursor,
    tls: Option<Arc<Tls>>,
    udp: Vec<UdpSocket>,
    tcp: Vec<TcpListener>,
    secure: Vec<TcpListener>,
    addresses: Vec<String>,
}

/// A primary that runs.
#[derive(Debug)]
pub struct Primary {
    config: RpzConfig,
    tls: Option<Arc<Tls>>,
    stop: Shutdown,
    tasks: JoinSet<()>,
    followers: JoinSet<()>,
    addresses: Vec<String>,
}

impl Bound {
    /// Loads what the settings name, and binds every address. Must be called within a tokio
    /// runtime.
    pub fn bind(
        config: RpzConfig,
        feed: Arc<ChangeFeed>,
        metrics: &RpzMetrics,
    ) -> Result<Self, RpzError> {
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
        let (cursor, view) = feed.snapshot();
        let serial = serial_at(since_1970());
        let zone = |zone| Arc::new(Zone::new(zone, Arc::clone(&view), serial));
        let name = config.listen.iter().chain(&config.tls).next();
        let shared = Shared {
            zones: config.zone.iter().map(zone).collect(),
            keys: keys.into(),
            allow: config.allow.clone().into(),
            transfers: Arc::new(Semaphore::new(config.limits.transfers_max)),
            limits: Arc::new(config.limits.clone()),
            counters: metrics.of(&name.map_or_else(String::new, ToString::to_string)),
            crowd: Crowd::default(),
        };
        Ok(Self { config, shared, feed, cursor, tls, udp, tcp, secure, addresses })
    }

    /// The addresses in use, each behind its protocol.
    #[must_use]
    pub fn addresses(&self) -> &[String] {
        &self.addresses
    }

    /// Starts to answer, to follow the changes, and to tell the secondaries.
    #[must_use]
    pub fn start(self) -> Primary {
        let (stop, mut tasks, mut followers) = (Shutdown::new(), JoinSet::new(), JoinSet::new());
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
        let mut told = Vec::new();
        for zone in self.shared.zones.iter() {
            let (sender, receiver) = watch::channel(());
            for secondary in &self.config.notify {
                followers.spawn(keep_telling(Arc::clone(zone), *secondary, receiver.clone()));
            }
            told.push((Arc::clone(zone), sender));
        }
        let records_max = self.config.limits.difference_records_max;
        followers.spawn(follow(self.feed, self.cursor, told, records_max));
        let Self { config, tls, addresses, .. } = self;
        Primary { config, tls, stop, tasks, followers, addresses }
    }
}

impl std::fmt::Debug for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bound").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Primary {
    /// Looks whether settings could be put into force, and changes nothing.
    pub fn check(config: &RpzConfig) -> Result<(), RpzError> {
        load_keys(config)?;
        config.tls_files().map(Tls::load).transpose()?;
        Ok(())
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
        self.followers.shutdown().await;
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a primary's task failed");
            }
        }
    }
}

fn load_keys(config: &RpzConfig) -> Result<Vec<hickory_proto::rr::TSigner>, RpzError> {
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
