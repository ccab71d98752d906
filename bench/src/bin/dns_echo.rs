//! The yardstick of DNS rows: sends every message back as an answer, over the sockets and threads
//! that the lists use, and does nothing else.
//!
//! `dns_echo ADDRESS`

use std::net::SocketAddr;
use wardnet_server::udp::{Answerer, UdpListener};

struct Echo;

impl Answerer for Echo {
    fn begin(&mut self) {}

    fn answer(&mut self, _: SocketAddr, datagram: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(datagram);
        // QR: a load generator counts answers only.
        if let Some(flags) = out.get_mut(2) {
            *flags |= 0x80;
        }
    }
}

fn main() -> anyhow::Result<()> {
    let address: SocketAddr = std::env::args().nth(1).unwrap_or_default().parse()?;
    let threads = std::thread::available_parallelism()?.get();
    let _running = UdpListener::bind(address, threads)?.start(|| Echo)?;
    loop {
        std::thread::park();
    }
}
