//! Rows "RPZ": a response policy zone of a million names, taken by unbound from Wardnet and from a
//! file, and one change until unbound blocks by it.
//!
//! `rpz [NAMES] [ROUNDS] [CHANGES]`; needs Debian's `unbound` and `bind9-dnsutils`.

#![expect(clippy::disallowed_methods, reason = "measuring programs read the clock")]

use anyhow::{Context as _, ensure};
use std::fmt::Write as _;
use std::io::{BufWriter, Write as _};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use wardnet_bench::timing::{median, percentile};
use wardnet_bench::{process, row, server};

const ZONE: &str = "rpz.bench.test";

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse());
    let names: u64 = arguments.next().unwrap_or(Ok(1_000_000))?;
    let rounds: u64 = arguments.next().unwrap_or(Ok(3))?;
    let changes: u64 = arguments.next().unwrap_or(Ok(50))?;
    row::machine();
    let folder = tempfile::tempdir()?;
    let resolver = server::free_address()?;
    let primary = Primary::start(folder.path(), names, resolver)?;
    zone_file(folder.path(), primary.zones)?;
    alone(&primary, rounds)?;
    beside_a_file(folder.path(), &primary, resolver, names, rounds)?;
    one_change(folder.path(), &primary, resolver, changes)
}

/// Wardnet with the zone.
struct Primary {
    child: Child,
    zones: SocketAddr,
}

impl Drop for Primary {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

fn end(child: &mut Child) {
    // It may have ended by itself.
    child.kill().unwrap_or_default();
    drop(child.wait());
}

impl Primary {
    fn start(folder: &Path, names: u64, resolver: SocketAddr) -> anyhow::Result<Self> {
        let feed = folder.join("feed.txt");
        let mut text = BufWriter::new(std::fs::File::create(&feed)?);
        for n in 0..names {
            writeln!(text, "x{:x}.top", mix(n) & 0xffff_ffff_ffff)?;
        }
        text.flush()?;
        let (zones, http) = (server::free_address()?, server::free_address()?);
        let settings = format!(
            "[[http]]\nlisten = \"{http}\"\n[[rpz]]\nlisten = [\"{zones}\"]\n\
             notify = [\"{resolver}\"]\n[[rpz.zone]]\nname = \"{ZONE}\"\n"
        );
        std::fs::write(folder.join("wardnet.toml"), settings)?;
        let mut ingest = server::command(folder)?;
        ingest.args(["ingest", "--source", "bench", "--category", "malware"]).arg(&feed);
        server::output(&mut ingest)?;
        let mut serve = server::command(folder)?;
        serve.arg("serve").env("WARDNET_LOG", "warn").stdout(Stdio::null());
        let primary = Self { child: serve.spawn()?, zones };
        wait("Wardnet", || TcpStream::connect(zones).is_ok())?;
        Ok(primary)
    }

    fn anonymous(&self) -> u64 {
        process::kilobytes(self.child.id(), "RssAnon").unwrap_or(0)
    }
}

/// The zone as a file, as dig takes it.
fn zone_file(folder: &Path, zones: SocketAddr) -> anyhow::Result<()> {
    let file = std::fs::File::create(folder.join("rpz.zone"))?;
    let mut dig = Command::new("dig");
    dig.args(["+noall", "+answer", "+onesoa", "@127.0.0.1", "-p"]);
    dig.args([&zones.port().to_string(), ZONE, "AXFR"]).stdout(file);
    ensure!(dig.status().context("cannot run dig")?.success(), "dig got no zone");
    Ok(())
}

/// Transfers to somebody who only counts bytes.
fn alone(primary: &Primary, rounds: u64) -> anyhow::Result<()> {
    row::head(&["transfer to who only reads", "s", "Wardnet CPU s", "MB", "anonymous MB added"]);
    for _ in 0..rounds {
        let (cpu, memory) = (process::cpu_seconds(primary.child.id())?, primary.anonymous());
        let (begin, mut most) = (Instant::now(), memory);
        let bytes = read_whole(primary, &mut most)?;
        let seconds = begin.elapsed().as_secs_f64();
        row::row(&[
            String::new(),
            format!("{seconds:.2}"),
            format!("{:.2}", process::cpu_seconds(primary.child.id())? - cpu),
            format!("{:.0}", bytes as f64 / 1e6),
            format!("{:.1}", most.saturating_sub(memory) as f64 * 1024.0 / 1e6),
        ]);
    }
    Ok(())
}

/// Asks for the zone and reads until its second SOA; gives the bytes.
fn read_whole(primary: &Primary, most: &mut u64) -> anyhow::Result<usize> {
    use std::io::Read as _;
    let mut question = vec![0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in ZONE.split('.') {
        question.push(u8::try_from(label.len())?);
        question.extend(label.bytes());
    }
    question.extend([0, 0, 252, 0, 1]);
    let mut stream = TcpStream::connect(primary.zones)?;
    stream.write_all(&u16::try_from(question.len())?.to_be_bytes())?;
    stream.write_all(&question)?;
    // The server sees the end of what is asked, sends all, and closes.
    stream.shutdown(std::net::Shutdown::Write)?;
    let (mut bytes, mut buffer) = (0, vec![0; 1 << 20]);
    loop {
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            return Ok(bytes);
        }
        bytes += read;
        *most = (*most).max(primary.anonymous());
    }
}

/// unbound until it blocks the last name, with the zone from a file and from Wardnet, in turns.
fn beside_a_file(
    folder: &Path,
    primary: &Primary,
    resolver: SocketAddr,
    names: u64,
    rounds: u64,
) -> anyhow::Result<()> {
    let (mut ratios, mut cpu_ratios, mut all) = (Vec::new(), Vec::new(), [vec![], vec![]]);
    let (mut cpu, mut added) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let [file, transfer] = [false, true].map(|is| load(folder, primary, is, resolver));
        let (file, transfer) = (file?, transfer?);
        ratios.push(transfer.seconds / file.seconds);
        cpu_ratios.push(transfer.unbound_cpu / file.unbound_cpu);
        cpu.push(transfer.wardnet_cpu * 1e6 / names as f64);
        added.push(transfer.wardnet_added as f64 * 1024.0 / 1e6);
        all[0].push(file.seconds);
        all[1].push(transfer.seconds);
    }
    let [file, transfer] = all.map(median);
    row::head(&[
        "unbound ready: transfer / file",
        "its CPU: transfer / file",
        "transfer s",
        "file s",
        "Wardnet CPU us/record",
        "Wardnet anonymous MB added",
    ]);
    row::row(&[
        format!("{:.2}", median(ratios)),
        format!("{:.2}", median(cpu_ratios)),
        format!("{transfer:.1}"),
        format!("{file:.1}"),
        format!("{:.2}", median(cpu)),
        format!("{:.1}", median(added)),
    ]);
    Ok(())
}

struct Loaded {
    seconds: f64,
    unbound_cpu: f64,
    wardnet_cpu: f64,
    wardnet_added: u64,
}

/// Starts unbound and waits until it has the zone.
fn load(
    folder: &Path,
    primary: &Primary,
    is_transfer: bool,
    resolver: SocketAddr,
) -> anyhow::Result<Loaded> {
    let (cpu, memory) = (process::cpu_seconds(primary.child.id())?, primary.anonymous());
    let (begin, mut most) = (Instant::now(), memory);
    let unbound = Unbound::start(folder, (primary.zones, is_transfer), resolver)?;
    wait("unbound with its zone", || {
        most = most.max(primary.anonymous());
        blocks(resolver, &listed(0))
    })?;
    let seconds = begin.elapsed().as_secs_f64();
    Ok(Loaded {
        seconds,
        unbound_cpu: process::cpu_seconds(unbound.0.id())?,
        wardnet_cpu: process::cpu_seconds(primary.child.id())? - cpu,
        wardnet_added: most.saturating_sub(memory),
    })
}

struct Unbound(Child);

impl Drop for Unbound {
    fn drop(&mut self) {
        end(&mut self.0);
    }
}

impl Unbound {
    fn start(
        folder: &Path,
        (zones, is_transfer): (SocketAddr, bool),
        resolver: SocketAddr,
    ) -> anyhow::Result<Self> {
        let from = match is_transfer {
            true => format!("primary: 127.0.0.1@{}\n  allow-notify: 127.0.0.1", zones.port()),
            false => format!("zonefile: \"{}\"", folder.join("rpz.zone").display()),
        };
        let mut text = String::new();
        write!(
            text,
            "server:\n  interface: 127.0.0.1@{port}\n  port: {port}\n  do-daemonize: no\n  \
             username: \"\"\n  chroot: \"\"\n  directory: \"{folder}\"\n  pidfile: \"\"\n  \
             use-syslog: no\n  module-config: \"respip iterator\"\n  do-not-query-localhost: no\n\
             rpz:\n  name: \"{ZONE}\"\n  {from}\n\
             forward-zone:\n  name: \".\"\n  forward-addr: 127.0.0.1@{zones}\n\
             remote-control:\n  control-enable: no\n",
            port = resolver.port(),
            // It refuses all other questions, so that unbound answers them at once.
            zones = zones.port(),
            folder = folder.display(),
        )?;
        let config = folder.join("unbound.conf");
        std::fs::write(&config, text)?;
        let mut unbound = Command::new("/usr/sbin/unbound");
        unbound.arg("-d").arg("-c").arg(config).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Self(unbound.spawn().context("cannot run unbound; install Debian's package")?))
    }
}

/// From the start of a command to unbound's first answer by its decision.
fn one_change(
    folder: &Path,
    primary: &Primary,
    resolver: SocketAddr,
    changes: u64,
) -> anyhow::Result<()> {
    let _unbound = Unbound::start(folder, (primary.zones, true), resolver)?;
    wait("unbound with its zone", || blocks(resolver, &listed(0)))?;
    let (mut all, mut commands) = (Vec::new(), Vec::new());
    for n in 0..changes {
        let name = format!("change{n}.top");
        let mut block = server::command(folder)?;
        block.args(["block", &name]);
        ensure!(!blocks(resolver, &name), "{name} is blocked already");
        let begin = Instant::now();
        server::output(&mut block)?;
        let told = begin.elapsed();
        wait("the change", || blocks(resolver, &name))?;
        all.push(begin.elapsed().as_secs_f64() * 1e3);
        commands.push(told.as_secs_f64() * 1e3);
        std::thread::sleep(Duration::from_millis(150));
    }
    row::head(&["`wardnet block` until unbound blocks: median ms", "90 %", "most", "the command"]);
    row::row(&[
        format!("{:.0}", median(all.iter().copied())),
        format!("{:.0}", percentile(all.iter().copied(), 90)),
        format!("{:.0}", all.iter().copied().fold(0.0, f64::max)),
        format!("{:.0}", median(commands)),
    ]);
    Ok(())
}

/// Whether a resolver says that there is no such name.
fn blocks(resolver: SocketAddr, name: &str) -> bool {
    const NXDOMAIN: u8 = 3;
    let mut question = vec![0, 9, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        question.push(u8::try_from(label.len()).unwrap_or(0));
        question.extend(label.bytes());
    }
    question.extend([0, 0, 1, 0, 1]);
    let ask = || -> std::io::Result<bool> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_read_timeout(Some(Duration::from_millis(20)))?;
        socket.send_to(&question, resolver)?;
        let mut answer = [0; 512];
        let length = socket.recv(&mut answer)?;
        Ok(length > 4 && answer[3] & 15 == NXDOMAIN)
    };
    ask().unwrap_or(false)
}

fn listed(n: u64) -> String {
    format!("x{:x}.top", mix(n) & 0xffff_ffff_ffff)
}

/// Looks again and again, for five minutes at most.
fn wait(what: &str, mut is_so: impl FnMut() -> bool) -> anyhow::Result<()> {
    let begin = Instant::now();
    while !is_so() {
        ensure!(begin.elapsed() < Duration::from_secs(300), "no {what} within 5 minutes");
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

/// SplitMix64.
fn mix(n: u64) -> u64 {
    let mut z = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
