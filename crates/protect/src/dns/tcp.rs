//! The same over TCP: messages behind their length (RFC 7766).
//!
//! What one client, or many, can hold is bounded: connections in all and of each client, and the
//! time for which one may be silent, or slow with a message or with taking an answer. That time is
//! shorter while most places are taken (RFC 7766, section 6.2.3).

use super::answer::{From, Lists, Shared};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use wardnet_server::{Crowd, Shutdown};

/// How long accepting rests after it failed, as it does when files run out.
const REST: Duration = Duration::from_millis(50);

/// By how much time is shorter while most places are taken.
const HURRY: u32 = 10;

/// Answers connections until it is stopped. Above the limit they wait in the kernel.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>, stop: Shutdown) {
    let places = Arc::new(Semaphore::new(shared.config.tcp_connections_max));
    let crowd = Crowd::default();
    loop {
        let free = tokio::select! {
            free = Arc::clone(&places).acquire_owned() => free,
            () = stop.wait() => return,
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.wait() => return,
        };
        let (Ok(free), Ok((stream, from))) = (free, accepted) else {
            tracing::warn!("a connection could not be accepted");
            tokio::time::sleep(REST).await;
            continue;
        };
        let address = from.ip().to_canonical();
        let most = shared.config.tcp_connections_per_address_max;
        let Some(place) = crowd.enter(address, most) else { continue };
        let connection = Connection {
            stream,
            address,
            places: Arc::clone(&places),
            shared: Arc::clone(&shared),
        };
        let stop = stop.clone();
        connection.shared.metrics.connections.inc();
        tokio::spawn(async move {
            let ended = tokio::select! {
                ended = connection.converse() => ended,
                () = stop.wait() => Ok(()),
            };
            if let Err(error) = ended {
                tracing::trace!(%error, "a connection broke off");
            }
            drop((free, place));
        });
    }
}

struct Connection {
    stream: TcpStream,
    address: IpAddr,
    places: Arc<Semaphore>,
    shared: Arc<Shared>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.shared.metrics.connections.dec();
    }
}

impl Connection {
    /// Answers questions in order until the client is silent or done. One that has said all that it
    /// wants to say (a half-closed stream) still gets its answers.
    async fn converse(mut self) -> io::Result<()> {
        let (mut message, mut reply, mut framed) = (Vec::new(), Vec::new(), Vec::new());
        let mut lists = Lists::new(Arc::clone(&self.shared));
        self.stream.set_nodelay(true)?;
        while let Ok(length) = timeout(self.patience(), self.stream.read_u16()).await {
            message.resize(usize::from(length?), 0);
            timeout(self.patience(), self.stream.read_exact(&mut message)).await??;
            lists.refresh();
            reply.clear();
            lists.reply(From { address: self.address, udp: false }, &message, &mut reply);
            lists.flush();
            let Ok(octets) = u16::try_from(reply.len()) else { return Ok(()) };
            if octets == 0 {
                return Ok(());
            }
            framed.clear();
            framed.extend_from_slice(&octets.to_be_bytes());
            framed.extend_from_slice(&reply);
            timeout(self.patience(), self.stream.write_all(&framed)).await??;
        }
        Ok(())
    }

    /// How long to wait for the client at this moment.
    fn patience(&self) -> Duration {
        let config = &self.shared.config;
        let idle = Duration::from_secs(config.tcp_idle_secs);
        let is_crowded = self.places.available_permits() < config.tcp_connections_max / 2;
        if is_crowded { idle / HURRY } else { idle }
    }
}
