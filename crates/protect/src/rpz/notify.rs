//! Telling secondaries that a zone has changed (RFC 1996).

use super::message::{Answer, Asked, Rcode};
use super::metrics::Counters;
use super::zone::Zone;
use crate::trouble::Trouble;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::watch;

/// Pauses before a message that nobody confirmed is sent again.
const PAUSES: [Duration; 5] = [
    Duration::from_millis(200),
    Duration::from_millis(400),
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(15),
];

/// Tells one secondary of each new serial of a zone. Serials that come while it is being told are
/// told as one.
pub(super) struct Teller {
    pub(super) zone: Arc<Zone>,
    pub(super) secondary: SocketAddr,
    pub(super) trouble: Trouble,
    pub(super) counters: Counters,
}

impl Teller {
    /// Tells until it is dropped, beginning with the serial of the moment.
    pub(super) async fn keep_telling(self) {
        let Self { zone, secondary, trouble, counters } = self;
        let mut news = zone.subscribe();
        loop {
            match tell(&zone, secondary, &mut news).await {
                Ok(Told::Confirmed) => {
                    counters.confirmed.inc();
                    trouble.end();
                }
                Ok(Told::Overtaken) => {}
                Err(error) => {
                    tracing::warn!(zone = zone.name, %secondary, %error, "a secondary was not told");
                    counters.unconfirmed.inc();
                    trouble.begin(format!("{secondary} confirms no news of {}", zone.name));
                }
            }
            if news.changed().await.is_err() {
                return;
            }
        }
    }
}

/// What became of a message.
enum Told {
    /// The secondary has it.
    Confirmed,
    /// There are newer ones.
    Overtaken,
}

/// Tells of the serial of the moment, again and again until it is confirmed or news come.
async fn tell(
    zone: &Zone,
    secondary: SocketAddr,
    news: &mut watch::Receiver<()>,
) -> io::Result<Told> {
    let own: SocketAddr =
        if secondary.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
    let socket = UdpSocket::bind(own).await?;
    socket.connect(secondary).await?;
    news.mark_unchanged();
    let serial = zone.state().serial;
    // The low bits of a serial differ from one to the next; an answer is only a confirmation.
    let [.., high, low] = serial.to_be_bytes();
    let id = u16::from_be_bytes([high, low]);
    let message = notification(zone, serial, id);
    for pause in PAUSES {
        if let Err(error) = socket.send(&message).await {
            tracing::debug!(%secondary, %error, "a secondary cannot be reached");
        }
        tokio::select! {
            confirmed = confirmation(&socket, id) => if confirmed { return Ok(Told::Confirmed) },
            () = tokio::time::sleep(pause) => {}
            changed = news.changed() => {
                // The next message says it; the sender being gone is seen there, too.
                if changed.is_ok() {
                    news.mark_changed();
                }
                return Ok(Told::Overtaken);
            }
        }
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, "no confirmation; does it allow NOTIFY from here?"))
}

/// Waits for an answer with this number; false when none can come.
async fn confirmation(socket: &UdpSocket, id: u16) -> bool {
    let mut answer = [0; 512];
    loop {
        match socket.recv(&mut answer).await {
            Ok(length) => {
                let answer = answer.get(..length).unwrap_or_default();
                if let [high, low, flags, ..] = answer
                    && flags & 0x80 != 0
                    && u16::from_be_bytes([*high, *low]) == id
                {
                    return true;
                }
            }
            // Nobody listens there at the moment (ICMP): the pause goes on.
            Err(_) => std::future::pending().await,
        }
    }
}

/// The message: the zone's name as the question, and its new SOA (section 3.7).
fn notification(zone: &Zone, serial: u32, id: u16) -> Vec<u8> {
    const OPCODE_NOTIFY: u8 = 4 << 3;
    const TYPE_SOA_CLASS_IN: [u8; 4] = [0, 6, 0, 1];
    const RESPONSE: u8 = 0x80;
    let mut question = zone.origin.clone();
    question.extend(TYPE_SOA_CLASS_IN);
    let asked = Asked { id, flags: OPCODE_NOTIFY, question, has_edns: false };
    let mut answer = Answer::new(&asked, Rcode::NoError, true);
    answer.record(|to| zone.records.soa(serial, to));
    let mut bytes = answer.finish();
    if let Some(flags) = bytes.get_mut(2) {
        *flags &= !RESPONSE;
    }
    bytes
}
