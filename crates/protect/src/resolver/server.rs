//! One resolver with all its sockets: bound, served, changed, stopped.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use wardnet_server::listen::{Endpoint, ListenError};
use wardnet_server::tls::TlsError;
use wardnet_server::udp::{UdpListener, UdpServer};
use wardnet_server::{Listener, ListenerConfig, Metrics, Shutdown, Tls};
use wardnet_verdictdb::Views;

use crate::opinion::Opinions;

use super::config::ResolverConfig;
use super::doh;
use super::engine::Engine;
use super::listen::{Datagrams, Streams, acceptor, bind_tcp, serve_tcp};
use super::metrics::ResolverMetrics;
use super::moment::Settings;
use super::upstream::UpstreamError;

/// How often the answers in the cache are counted.
const COUNT_EVERY: Duration = Duration::from_secs(5);

/// The most datagram sockets per address.
const SOCKETS_MAX: usize = 16;

/// How often another free port is tried where TCP does not get the one that UDP has.
const FREE_PORT_TRIES: usize = 8;

/// Why a resolver cannot start or change.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResolverError {
    /// The settings contradict each other.
    #[error("{0}")]
    Config(&'static str),
    /// The system refused an address.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// Which address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The HTTPS listener cannot start.
    #[error(transparent)]
    Https(#[from] ListenError),
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The upstreams cannot be set up.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
}

/// Sockets that wait to be served.
#[derive(Debug)]
pub struct Bound {
    config: ResolverConfig,
    engine: Arc<Engine>,
    tls: Option<Arc<Tls>>,
    udp: Vec<UdpListener>,
    tcp: Vec<TcpListener>,
    dot: Vec<TcpListener>,
    doh: Vec<Listener>,
    addresses: Vec<String>,
}

/// A resolver that runs.
#[derive(Debug)]
pub struct Resolver {
    config: ResolverConfig,
    engine: Arc<Engine>,
    tls: Option<Arc<Tls>>,
    stop: Shutdown,
    udp: Vec<UdpServer>,
    tasks: JoinSet<()>,
    addresses: Vec<String>,
}

/// Settings that wait to be put into force.
#[derive(Debug)]
pub struct Renewal {
    config: ResolverConfig,
    settings: Settings,
}

/// Tells how a resolver is.
#[derive(Debug, Clone)]
pub struct Pulse(Arc<Engine>);

impl Pulse {
    /// Whether any of its upstreams answers.
    #[must_use]
    pub fn upstreams_answer(&self) -> bool {
        self.0.upstreams_answer()
    }
}

impl Bound {
    /// Loads what the settings name, and binds every address; answers will rest on what is `known`:
    /// verdicts, and perhaps opinions. Must be called within a tokio runtime.
    pub fn bind(
        config: ResolverConfig,
        known: (Arc<Views>, Option<Arc<Opinions>>),
        metrics: &Metrics,
        resolver_metrics: &ResolverMetrics,
    ) -> Result<Self, ResolverError> {
        if let Some(complaint) = config.complaint() {
            return Err(ResolverError::Config(complaint));
        }
        let name = config.listen.iter().chain(&config.dot).chain(&config.doh).next();
        let name = name.map_or_else(String::new, ToString::to_string);
        let tls = config.tls().map(Tls::load).transpose()?.map(Arc::new);
        let engine = Arc::new(Engine::new(config.clone(), known, resolver_metrics.of(&name))?);
        let mut bound = Self {
            engine,
            tls,
            udp: Vec::new(),
            tcp: Vec::new(),
            dot: Vec::new(),
            doh: Vec::new(),
            addresses: Vec::new(),
            config,
        };
        for address in bound.config.listen.clone() {
            bound.bind_plain(address)?;
        }
        for address in bound.config.dot.clone() {
            let listener =
                bind_tcp(address).map_err(|source| ResolverError::Bind { address, source })?;
            bound.addresses.push(format!("dot {}", listener.local_addr().unwrap_or(address)));
            bound.dot.push(listener);
        }
        for address in bound.config.doh.clone() {
            bound.bind_doh(address, metrics)?;
        }
        Ok(bound)
    }

    /// Binds UDP and TCP at one port, also where any free one will do.
    fn bind_plain(&mut self, address: SocketAddr) -> Result<(), ResolverError> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut tries = 0;
        let (udp, tcp) = loop {
            let failed = |source| ResolverError::Bind { address, source };
            let udp = UdpListener::bind(address, cores.min(SOCKETS_MAX)).map_err(failed)?;
            tries += 1;
            match bind_tcp(udp.local_addr()) {
                Ok(tcp) => break (udp, tcp),
                Err(_) if address.port() == 0 && tries < FREE_PORT_TRIES => {}
                Err(source) => return Err(failed(source)),
            }
        };
        self.addresses.push(format!("dns {}", udp.local_addr()));
        self.udp.push(udp);
        self.tcp.push(tcp);
        Ok(())
    }

    fn bind_doh(&mut self, address: SocketAddr, metrics: &Metrics) -> Result<(), ResolverError> {
        let config = ListenerConfig {
            name: format!("doh {address}"),
            endpoint: Endpoint::Tcp(address),
            tls: self.tls.clone(),
            limits: wardnet_server::Limits {
                connections_max: self.config.limits.connections_max,
                connections_per_address_max: self.config.limits.connections_per_address_max,
                ..wardnet_server::Limits::default()
            },
        };
        let listener = Listener::bind(config, metrics)?;
        self.addresses.push(format!("doh {}", listener.local_addr().unwrap_or(address)));
        self.doh.push(listener);
        Ok(())
    }

    /// Starts to answer. Must be called within a tokio runtime.
    #[must_use]
    pub fn start(self) -> Resolver {
        let stop = Shutdown::new();
        let mut tasks = JoinSet::new();
        let udp = serve_udp(self.udp, &self.engine);
        let streams = |tls| {
            let limits = self.config.limits.clone();
            let open = AtomicUsize::new(0);
            Arc::new(Streams { engine: Arc::clone(&self.engine), tls, limits, open })
        };
        let plain = streams(None);
        for listener in self.tcp {
            tasks.spawn(serve_tcp(listener, Arc::clone(&plain), stop.clone()));
        }
        if let Some(tls) = &self.tls {
            let secure = streams(Some(acceptor(&tls.server_config())));
            for listener in self.dot {
                tasks.spawn(serve_tcp(listener, Arc::clone(&secure), stop.clone()));
            }
        }
        for listener in self.doh {
            let router = doh::routes(&self.config.doh_path, Arc::clone(&self.engine));
            let stop = stop.clone();
            tasks.spawn(async move {
                let drained = listener.serve(router, &stop).await;
                tracing::debug!(cut = drained.cut, "a DoH listener drained");
            });
        }
        tasks.spawn(count(Arc::clone(&self.engine), stop.clone()));
        Resolver {
            config: self.config,
            engine: self.engine,
            tls: self.tls,
            stop,
            udp,
            tasks,
            addresses: self.addresses,
        }
    }
}

/// Starts the threads of datagram sockets. One that the system gives no thread is told in the log,
/// and the others serve its address.
fn serve_udp(listeners: Vec<UdpListener>, engine: &Arc<Engine>) -> Vec<UdpServer> {
    let start = |listener: UdpListener| {
        let address = listener.local_addr();
        let late = listener.late_sender().map(Arc::new);
        let server = late.and_then(|late| {
            listener.start(|| Datagrams::new(Arc::clone(engine), Arc::clone(&late)))
        });
        let told =
            |error: &io::Error| tracing::error!(%error, "nobody answers datagrams on {address}");
        server.inspect_err(told).ok()
    };
    listeners.into_iter().filter_map(start).collect()
}

async fn count(engine: Arc<Engine>, stop: Shutdown) {
    loop {
        tokio::select! {
            () = stop.wait() => return,
            () = tokio::time::sleep(COUNT_EVERY) => engine.count(),
        }
    }
}

impl Resolver {
    /// The settings in force.
    #[must_use]
    pub const fn config(&self) -> &ResolverConfig {
        &self.config
    }

    /// The addresses in use, each behind its protocol.
    #[must_use]
    pub fn addresses(&self) -> &[String] {
        &self.addresses
    }

    /// Makes ready for other settings under the same sockets, and changes nothing yet.
    pub fn prepare(config: ResolverConfig) -> Result<Renewal, ResolverError> {
        if let Some(complaint) = config.complaint() {
            return Err(ResolverError::Config(complaint));
        }
        Ok(Renewal { settings: Settings::new(config.clone())?, config })
    }

    /// Puts other settings into force, from the next question on.
    pub fn renew(&mut self, renewal: Renewal) {
        self.engine.replace(renewal.settings);
        self.config = renewal.config;
    }

    /// A handle to see how it is.
    #[must_use]
    pub fn pulse(&self) -> Pulse {
        Pulse(Arc::clone(&self.engine))
    }

    /// Reads the certificate again; the one in force stays where it cannot be used.
    pub fn reload_certificate(&self) -> Result<(), ResolverError> {
        self.tls.as_ref().map_or(Ok(()), |tls| Ok(tls.reload()?))
    }

    /// Takes no more questions, and waits until those in flight have ended.
    pub async fn stop(mut self) {
        self.stop.trigger();
        // Threads look up now and then; nobody else waits for them meanwhile.
        let udp = std::mem::take(&mut self.udp);
        let stopped = tokio::task::spawn_blocking(|| udp.into_iter().for_each(UdpServer::stop));
        if let Err(error) = stopped.await {
            tracing::error!(%error, "threads of a resolver failed");
        }
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a resolver's task failed");
            }
        }
    }
}
