//! Datagrams: many taken from the kernel at once, and as many answers given back at once.
//!
//! A small question costs less to answer than to receive. So each thread has a socket of its own on
//! the same address (`SO_REUSEPORT`; the kernel spreads clients over them), takes whatever waits
//! there in one call, answers it, and sends all answers in another call. There is no runtime in
//! between, and no memory is taken for a datagram.

use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmmsg, sendto};
use smallvec::SmallVec;
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Datagrams taken from the kernel at once.
const AT_ONCE: usize = 64;

/// The largest datagram that is read whole; the rest of a larger one is cut off by the kernel.
const DATAGRAM_BYTES_MAX: usize = 1500;

/// How long a thread sleeps in the kernel before it looks whether it is to stop.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What the kernel may hold back for a socket whose thread is busy.
const KERNEL_BYTES: usize = 4 << 20;

/// Stands for a sender that the kernel does not tell, and that no answer reaches.
const NOBODY: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0));

/// Answers datagrams. Each thread has one of its own.
pub trait Answerer: Send + 'static {
    /// Called before the datagrams that were taken at once: the time to look at clock and state.
    fn begin(&mut self);

    /// Writes the answer into `out`, which is empty; what stays empty is met with silence, or
    /// answered later through a [`LateSender`].
    fn answer(&mut self, from: SocketAddr, datagram: &[u8], out: &mut Vec<u8>);

    /// Answers all that were taken at once, each into the buffer of its position. Whoever can share
    /// work between them does so here.
    fn answer_all(&mut self, datagrams: &[Datagram<'_>], answers: &mut [Vec<u8>]) {
        for (datagram, out) in datagrams.iter().zip(answers) {
            self.answer(datagram.from, datagram.bytes, out);
        }
    }

    /// Called after them.
    fn end(&mut self) {}
}

/// A datagram as it came.
#[derive(Debug, Clone, Copy)]
pub struct Datagram<'d> {
    /// Who sent it.
    pub from: SocketAddr,
    /// What it says.
    pub bytes: &'d [u8],
}

/// Sockets on one address, one for each thread.
#[derive(Debug)]
pub struct UdpListener {
    sockets: Vec<UdpSocket>,
    address: SocketAddr,
}

impl UdpListener {
    /// Binds `threads` sockets.
    pub fn bind(address: SocketAddr, threads: usize) -> io::Result<Self> {
        let first = socket(address)?;
        let address = first.local_addr()?;
        let mut sockets = vec![first];
        for _ in 1..threads.max(1) {
            sockets.push(socket(address)?);
        }
        Ok(Self { sockets, address })
    }

    /// Where it listens.
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// A way to answer later than at once.
    pub fn late_sender(&self) -> io::Result<LateSender> {
        let first = self.sockets.first().ok_or(io::ErrorKind::NotConnected)?;
        Ok(LateSender(first.try_clone()?))
    }

    /// Answers on all threads until it is stopped.
    pub fn start<A: Answerer>(self, mut answerer: impl FnMut() -> A) -> io::Result<UdpServer> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut threads = Vec::with_capacity(self.sockets.len());
        for (number, socket) in self.sockets.into_iter().enumerate() {
            let (stop, mut answerer) = (Arc::clone(&stop), answerer());
            let thread = std::thread::Builder::new().name(format!("udp-{number}"));
            threads.push(thread.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    if let Err(error) = exchange(&socket, &mut answerer) {
                        tracing::warn!(%error, "datagrams could not be exchanged");
                        std::thread::sleep(LOOK_EVERY);
                    }
                }
            })?);
        }
        Ok(UdpServer { stop, threads, address: self.address })
    }
}

/// Sends answers that took longer, from the address that was asked.
#[derive(Debug)]
pub struct LateSender(UdpSocket);

impl LateSender {
    /// Sends one answer. A datagram that the kernel does not take now is lost, as it might be
    /// anywhere on its way: nobody waits here.
    pub fn send(&self, to: SocketAddr, answer: &[u8]) -> io::Result<()> {
        let to = SockaddrStorage::from(to);
        sendto(self.0.as_raw_fd(), answer, &to, MsgFlags::MSG_DONTWAIT)?;
        Ok(())
    }
}

/// Threads that answer.
#[derive(Debug)]
pub struct UdpServer {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    address: SocketAddr,
}

impl UdpServer {
    /// Where it listens.
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Lets the threads finish what they have taken, and waits for them.
    pub fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a thread that answered datagrams had panicked");
            }
        }
    }
}

fn socket(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_port(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_recv_buffer_size(KERNEL_BYTES)?;
    socket.set_send_buffer_size(KERNEL_BYTES)?;
    socket.set_read_timeout(Some(LOOK_EVERY))?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// Takes and answers datagrams until none came for a while.
fn exchange(socket: &UdpSocket, answerer: &mut impl Answerer) -> io::Result<()> {
    let mut received = vec![[0u8; DATAGRAM_BYTES_MAX]; AT_ONCE];
    let mut answers: Vec<Vec<u8>> = (0..AT_ONCE).map(|_| Vec::with_capacity(512)).collect();
    let mut came: Vec<(usize, Option<SockaddrStorage>)> = Vec::with_capacity(AT_ONCE);
    // Reused: all datagrams of a socket come from addresses of one family.
    let (mut heads, mut heads_out) = (heads(), heads());
    loop {
        came.clear();
        if !receive(socket, &mut heads, &mut received, &mut came)? {
            return Ok(());
        }
        answerer.begin();
        let datagrams: SmallVec<[Datagram<'_>; AT_ONCE]> = came
            .iter()
            .zip(&received)
            .map(|((length, from), datagram)| Datagram {
                from: from.as_ref().and_then(sender).unwrap_or(NOBODY),
                bytes: datagram.get(..*length).unwrap_or_default(),
            })
            .collect();
        answers.iter_mut().for_each(Vec::clear);
        answerer.answer_all(&datagrams, &mut answers);
        answerer.end();
        send(socket, &mut heads_out, &answers, &came);
    }
}

/// What the kernel is told of datagrams, and tells.
fn heads() -> MultiHeaders<SockaddrStorage> {
    MultiHeaders::preallocate(AT_ONCE, None)
}

/// Waits for a datagram and takes all that are there; false when none came for a while.
fn receive(
    socket: &UdpSocket,
    heads: &mut MultiHeaders<SockaddrStorage>,
    buffers: &mut [[u8; DATAGRAM_BYTES_MAX]],
    came: &mut Vec<(usize, Option<SockaddrStorage>)>,
) -> io::Result<bool> {
    let mut slices: Vec<[IoSliceMut<'_>; 1]> =
        buffers.iter_mut().map(|buffer| [IoSliceMut::new(buffer)]).collect();
    let flags = MsgFlags::MSG_WAITFORONE;
    match recvmmsg(socket.as_raw_fd(), heads, slices.iter_mut(), flags, None) {
        Ok(messages) => {
            came.extend(messages.map(|message| (message.bytes, message.address)));
            Ok(true)
        }
        Err(nix::errno::Errno::EAGAIN | nix::errno::Errno::EINTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Sends what was answered. A datagram that cannot be sent is lost, as datagrams may be: the next
/// ones are tried all the same.
fn send(
    socket: &UdpSocket,
    heads: &mut MultiHeaders<SockaddrStorage>,
    answers: &[Vec<u8>],
    came: &[(usize, Option<SockaddrStorage>)],
) {
    let answered = || answers.iter().zip(came).filter(|(answer, _)| !answer.is_empty());
    let slices: Vec<[IoSlice<'_>; 1]> =
        answered().map(|(answer, _)| [IoSlice::new(answer)]).collect();
    let to: Vec<Option<SockaddrStorage>> = answered().map(|(_, (_, from))| *from).collect();
    let mut from = 0;
    while let (Some(slices), Some(to)) = (slices.get(from..), to.get(from..))
        && !slices.is_empty()
    {
        let flags = MsgFlags::empty();
        let sent = sendmmsg(socket.as_raw_fd(), heads, slices, to, [], flags);
        from += sent.map_or(1, |sent| sent.count().max(1));
    }
}

fn sender(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address.as_sockaddr_in().map(|address| SocketAddrV4::from(*address).into());
    v4.or_else(|| address.as_sockaddr_in6().map(|address| SocketAddrV6::from(*address).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Echo;

    impl Answerer for Echo {
        fn begin(&mut self) {}

        fn answer(&mut self, from: SocketAddr, datagram: &[u8], out: &mut Vec<u8>) {
            assert!(from.ip().is_loopback());
            if datagram != b"silence" {
                out.extend_from_slice(datagram);
            }
        }
    }

    #[test]
    fn every_datagram_is_answered_to_who_sent_it() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let address: SocketAddr = address.parse().unwrap();
            let server = UdpListener::bind(address, 2).unwrap().start(|| Echo).unwrap();
            let clients: Vec<UdpSocket> = (0..8)
                .map(|_| {
                    let client = UdpSocket::bind((address.ip(), 0)).unwrap();
                    client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
                    client.connect(server.local_addr()).unwrap();
                    client
                })
                .collect();
            for round in 0..50u8 {
                for (number, client) in (0u8..).zip(&clients) {
                    client.send(b"silence").unwrap();
                    client.send(&[round, number]).unwrap();
                }
                for (number, client) in (0u8..).zip(&clients) {
                    let mut buffer = [0; 16];
                    let length = client.recv(&mut buffer).unwrap();
                    assert_eq!(buffer[..length], [round, number]);
                }
            }
            server.stop();
        }
    }

    #[test]
    fn a_late_answer_comes_from_where_it_was_asked() {
        let listener = UdpListener::bind("127.0.0.1:0".parse().unwrap(), 2).unwrap();
        let late = listener.late_sender().unwrap();
        let server = listener.start(|| Echo).unwrap();
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        // A connected socket takes datagrams from this address alone.
        client.connect(server.local_addr()).unwrap();
        late.send(client.local_addr().unwrap(), b"later").unwrap();
        let mut buffer = [0; 16];
        assert_eq!(client.recv(&mut buffer).unwrap(), 5);
        server.stop();
    }
}
