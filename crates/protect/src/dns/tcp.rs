//! The same over TCP: messages behind their length (RFC 7766).

use super::answer::{From, Lists, Shared};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use wardnet_server::Shutdown;

/// How long accepting rests after it failed, as it does when files run out.
const REST: Duration = Duration::from_millis(50);

/// Answers connections until it is stopped. Above the limit they wait in the kernel.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>, stop: Shutdown) {
    let places = Arc::new(Semaphore::new(shared.config.tcp_connections_max));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.wait() => return,
        };
        match accepted {
            Ok((stream, from)) => {
                let (shared, stop) = (Arc::clone(&shared), stop.clone());
                tokio::spawn(async move {
                    let ended = tokio::select! {
                        ended = converse(stream, from.ip().to_canonical(), shared) => ended,
                        () = stop.wait() => Ok(()),
                    };
                    if let Err(error) = ended {
                        tracing::trace!(%error, "a connection broke off");
                    }
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(REST).await;
            }
        }
    }
}

/// Answers one connection's questions in order until it is silent or done.
async fn converse(mut stream: TcpStream, address: IpAddr, shared: Arc<Shared>) -> io::Result<()> {
    let idle = Duration::from_secs(shared.config.tcp_idle_secs);
    let (mut message, mut reply, mut framed) = (Vec::new(), Vec::new(), Vec::new());
    let mut lists = Lists::new(shared);
    stream.set_nodelay(true)?;
    // Each question, and each answer, within the time: slow ones are let go.
    while let Ok(length) = tokio::time::timeout(idle, stream.read_u16()).await {
        message.resize(usize::from(length?), 0);
        tokio::time::timeout(idle, stream.read_exact(&mut message)).await??;
        lists.refresh();
        reply.clear();
        lists.reply(From { address, udp: false }, &message, &mut reply);
        lists.flush();
        let Ok(octets) = u16::try_from(reply.len()) else { return Ok(()) };
        if octets == 0 {
            return Ok(());
        }
        framed.clear();
        framed.extend_from_slice(&octets.to_be_bytes());
        framed.extend_from_slice(&reply);
        tokio::time::timeout(idle, stream.write_all(&framed)).await??;
    }
    Ok(())
}
