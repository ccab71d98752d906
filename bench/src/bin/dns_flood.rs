//! Row "the rest is served": how long one client's questions to a DNS list take in quiet times,
//! beside 10,000 idle TCP connections, and beside a flood from one network.
//!
//! `dns_flood [SECONDS]`; needs Debian's `dnsperf`, which floods from 127.0.0.9.

use anyhow::{Context as _, ensure};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use wardnet_bench::timing::{percentile, time};
use wardnet_bench::{process, row, server};

/// Connections that say nothing.
const IDLE: usize = 10_000;

/// Questions a second of the flood: a hundred times what one client may ask by default.
const FLOOD: &str = "100000";

/// Questions a second of the client whose time is taken.
const PACE: Duration = Duration::from_millis(1);

fn main() -> anyhow::Result<()> {
    let seconds: u64 = std::env::args().nth(1).map_or(Ok(5), |text| text.parse())?;
    let lasting = Duration::from_secs(seconds);
    let folder = tempfile::tempdir()?;
    let address = server::free_address()?;
    let child = Running(wardnet(folder.path(), address)?);
    await_answer(address)?;
    row::machine();
    row::head(&["beside", "median us", "99 % us", "lost", "anonymous MB"]);
    measure("nothing", address, lasting, &child)?;
    let idle: Vec<TcpStream> =
        (0..IDLE).map(|_| TcpStream::connect(address)).collect::<Result<_, _>>()?;
    measure("10,000 idle TCP connections", address, lasting, &child)?;
    drop(idle);
    std::thread::sleep(Duration::from_secs(1));
    let mut flood = Running(flood(folder.path(), address, seconds + 2)?);
    std::thread::sleep(Duration::from_millis(500));
    measure("a flood of 100,000/s from one address", address, lasting, &child)?;
    flood.0.wait()?;
    measure("nothing, again", address, lasting, &child)
}

/// A process that ends with its owner.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.0.kill().unwrap_or_default();
        drop(self.0.wait());
    }
}

fn wardnet(folder: &Path, address: SocketAddr) -> anyhow::Result<Child> {
    let http = server::free_address()?;
    let settings = format!(
        "[[http]]\nlisten = \"{http}\"\n[[dns]]\nlisten = \"{address}\"\n\
         rate = {{ exempt = [] }}\ntcp_connections_max = 12000\n\
         tcp_connections_per_address_max = 12000\ntcp_idle_secs = 600\n[[dns.list]]\n\
         zone = \"bl.bench.test\"\nkind = \"addresses\"\n"
    );
    std::fs::write(folder.join("wardnet.toml"), settings)?;
    let mut serve = server::command(folder)?;
    serve.arg("serve").env("WARDNET_LOG", "warn").stdout(Stdio::null()).stderr(Stdio::null());
    serve.spawn().context("cannot run wardnet")
}

fn flood(folder: &Path, address: SocketAddr, seconds: u64) -> anyhow::Result<Child> {
    let questions = folder.join("flood");
    std::fs::write(&questions, "2.0.0.127.bl.bench.test A\n")?;
    let port = address.port().to_string();
    let seconds = seconds.to_string();
    Command::new("dnsperf")
        .args(["-s", "127.0.0.1", "-a", "127.0.0.9", "-c", "4", "-t", "1", "-q", "65000"])
        .args(["-Q", FLOOD, "-p", &port, "-l", &seconds, "-d"])
        .arg(&questions)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot run dnsperf; install Debian's package of that name")
}

/// The test point.
fn question(number: u16) -> Vec<u8> {
    let mut query = number.to_be_bytes().to_vec();
    query.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in ["2", "0", "0", "127", "bl", "bench", "test"] {
        query.push(u8::try_from(label.len()).unwrap_or(0));
        query.extend_from_slice(label.as_bytes());
    }
    query.extend([0, 0, 1, 0, 1]);
    query
}

fn await_answer(address: SocketAddr) -> anyhow::Result<()> {
    let socket = client()?;
    for _ in 0..300 {
        socket.send_to(&question(0), address)?;
        if socket.recv(&mut [0; 512]).is_ok() {
            return Ok(());
        }
    }
    anyhow::bail!("wardnet does not answer on {address}")
}

fn client() -> anyhow::Result<UdpSocket> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.set_read_timeout(Some(Duration::from_millis(100)))?;
    Ok(socket)
}

/// Asks at a steady pace, from a new port each time: the kernel gives ports to threads.
fn measure(
    beside: &str,
    address: SocketAddr,
    lasting: Duration,
    child: &Running,
) -> anyhow::Result<()> {
    let (mut times, mut lost, mut waited) = (Vec::new(), 0, Duration::ZERO);
    while waited < lasting {
        let socket = client()?;
        let (took, answered) = time(|| {
            socket.send_to(&question(7), address)?;
            socket.recv(&mut [0; 512])
        });
        match answered {
            Ok(_) => times.push(took.as_secs_f64() * 1e6),
            Err(_) => lost += 1,
        }
        std::thread::sleep(PACE);
        waited += took + PACE;
    }
    ensure!(!times.is_empty(), "no answer beside {beside}");
    let at = |percent: usize| format!("{:.0}", percentile(times.iter().copied(), percent));
    let memory = process::kilobytes(child.0.id(), "RssAnon").unwrap_or(0);
    row::row(&[
        beside.to_owned(),
        at(50),
        at(99),
        lost.to_string(),
        format!("{:.0}", memory as f64 * 1024.0 / 1e6),
    ]);
    Ok(())
}
