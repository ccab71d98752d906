//! A listener with zones: its sockets and threads.

use super::answer::{Lists, Shared};
use super::config::DnsConfig;
use super::follow::follow;
use super::index::Wanted;
use super::metrics::DnsMetrics;
use super::tcp;
use crate::opinion::Opinions;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use wardnet_server::Shutdown;
use wardnet_server::udp::{UdpListener, UdpServer};
use wardnet_verdictdb::Views;

/// Sockets that are bound and not yet served.
#[derive(Debug)]
pub struct BoundDns {
    config: DnsConfig,
    udp: UdpListener,
    tcp: TcpListener,
}

impl BoundDns {
    /// Binds UDP, with a socket for each of `threads`, and TCP at the same port.
    pub fn bind(config: DnsConfig, threads: usize) -> io::Result<Self> {
        let udp = UdpListener::bind(config.listen, threads)?;
        let tcp = TcpListener::bind(udp.local_addr())?;
        tcp.set_nonblocking(true)?;
        Ok(Self { config, udp, tcp })
    }

    /// Serves. Within a runtime, which serves TCP; UDP has its own threads.
    pub fn start(
        self,
        views: Arc<Views>,
        opinions: Option<Arc<Opinions>>,
        metrics: &DnsMetrics,
        secret: [u8; 16],
    ) -> io::Result<DnsServer> {
        let address = self.udp.local_addr();
        let metrics = metrics.of(address);
        let known = (Arc::clone(&views), opinions);
        let shared = Shared::new(self.config.clone(), known, metrics, secret);
        let shared = Arc::new(shared);
        let stop = Shutdown::new();
        let tcp = tokio::net::TcpListener::from_std(self.tcp)?;
        if let Some(wanted) = Wanted::by(&self.config) {
            let feed = views.feed().ok_or_else(|| io::Error::other("changes are not kept"))?;
            let follow = follow(Arc::clone(feed), wanted, Arc::clone(&shared), stop.clone());
            tokio::spawn(follow);
        }
        let tcp = tokio::spawn(tcp::serve(tcp, Arc::clone(&shared), stop.clone()));
        let udp = self.udp.start(|| Lists::new(Arc::clone(&shared)))?;
        Ok(DnsServer { config: self.config, address, udp, tcp, stop, pulse: Pulse(shared) })
    }
}

/// A listener that runs.
#[derive(Debug)]
pub struct DnsServer {
    config: DnsConfig,
    address: SocketAddr,
    udp: UdpServer,
    tcp: tokio::task::JoinHandle<()>,
    stop: Shutdown,
    pulse: Pulse,
}

/// Tells how a listener is.
#[derive(Debug, Clone)]
pub struct Pulse(Arc<Shared>);

impl Pulse {
    /// What a listener cannot do that it should.
    pub fn trouble(&self) -> Option<&'static str> {
        Wanted::by(&self.0.config)?;
        match self.0.index() {
            None => Some("an index of digests is not built yet"),
            Some(index) if index.left_out() > 0 => {
                Some("digest_names_max is too small for all names")
            }
            Some(_) => None,
        }
    }
}

impl DnsServer {
    /// What it was started with.
    pub const fn config(&self) -> &DnsConfig {
        &self.config
    }

    /// Where it listens.
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Tells how it is.
    pub fn pulse(&self) -> Pulse {
        self.pulse.clone()
    }

    /// Answers what it has taken, and lets go of its sockets.
    pub async fn stop(self) {
        self.stop.trigger();
        let udp = self.udp;
        let stopped = tokio::task::spawn_blocking(move || udp.stop());
        if stopped.await.is_err() || self.tcp.await.is_err() {
            tracing::error!("a DNS listener ended badly");
        }
    }
}
