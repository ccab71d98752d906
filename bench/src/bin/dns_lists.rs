//! Rows "DNS lists": processor time for a question over UDP, beside rbldnsd with the same list and
//! beside a bare echo, in one run.
//!
//! `dns_lists [SECONDS] [ROUNDS]`; needs Debian's `rbldnsd` and `dnsperf`.

use anyhow::{Context as _, ensure};
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use wardnet_bench::timing::median;
use wardnet_bench::{process, row, server};

/// dnsperf processes: one alone is the bottleneck.
const LOADERS: usize = 3;

/// Different questions; each loader repeats them.
const QUESTIONS: u64 = 200_000;

/// What is listed and asked.
struct List {
    what: &'static str,
    kind: &'static str,
    zone: &'static str,
    entries: u64,
    /// As Wardnet's feed reader and as rbldnsd want it.
    feed: fn(u64) -> String,
    rbldnsd: (&'static str, fn(u64) -> String),
    /// A question that hits entry `n`, or none.
    question: fn(u64, bool) -> String,
}

const LISTS: [List; 2] = [
    List {
        what: "DNSBL, 1,000,000 addresses",
        kind: "addresses",
        zone: "bl.bench.test",
        entries: 1_000_000,
        feed: |n| address(n).to_string(),
        rbldnsd: ("ip4set", |n| address(n).to_string()),
        question: |n, hit| {
            let [a, b, c, d] = address(if hit { n } else { n + (1 << 40) }).octets();
            format!("{d}.{c}.{b}.{a}")
        },
    },
    List {
        what: "DBL, 500,000 domains with all below",
        kind: "domains",
        zone: "dbl.bench.test",
        entries: 500_000,
        feed: |n| format!("||{}^", domain(n)),
        rbldnsd: ("dnset", |n| format!(".{}", domain(n))),
        question: |n, hit| {
            let name = domain(if hit { n } else { n + (1 << 40) });
            if n % 2 == 0 { format!("www.{name}") } else { name }
        },
    },
];

/// Spread over the public space, and always the same.
fn address(n: u64) -> Ipv4Addr {
    let [a, b, c, d, ..] = mix(n).to_le_bytes();
    // 11.0.0.0 to 99.255.255.255 has no reserved ranges.
    Ipv4Addr::new(11 + a % 89, b, c, d)
}

fn domain(n: u64) -> String {
    format!("x{:x}.top", mix(n) & 0xffff_ffff_ffff)
}

/// SplitMix64.
fn mix(n: u64) -> u64 {
    let mut z = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A server under load.
struct Subject {
    name: &'static str,
    child: Child,
    address: SocketAddr,
    rates: Vec<f64>,
    cpu: Vec<f64>,
}

impl Drop for Subject {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.child.kill().unwrap_or_default();
        drop(self.child.wait());
    }
}

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse());
    let seconds: u64 = arguments.next().unwrap_or(Ok(5))?;
    let rounds: u64 = arguments.next().unwrap_or(Ok(3))?;
    row::machine();
    row::head(&["what", "server", "CPU us/query", "x echo", "queries/s", "anonymous MB"]);
    for list in &LISTS {
        measure(list, seconds, rounds)?;
    }
    Ok(())
}

fn measure(list: &List, seconds: u64, rounds: u64) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut subjects =
        [echo(folder.path())?, rbldnsd(list, folder.path())?, wardnet(list, folder.path())?];
    let questions = folder.path().join("questions");
    let mut text = String::new();
    for n in 0..QUESTIONS {
        // Half of them hit, spread over the whole list.
        let name = (list.question)(mix(n) % list.entries, n % 2 == 0);
        writeln!(text, "{name}.{} A", list.zone)?;
    }
    std::fs::write(&questions, text)?;
    for _ in 0..rounds {
        for subject in &mut subjects {
            load(subject, &questions, seconds)?;
        }
    }
    let of_echo = median(subjects[0].cpu.iter().copied());
    for subject in &subjects {
        let cpu = median(subject.cpu.iter().copied());
        let memory = process::kilobytes(subject.child.id(), "RssAnon").unwrap_or(0);
        row::row(&[
            list.what.to_owned(),
            subject.name.to_owned(),
            format!("{cpu:.2}"),
            format!("{:.2}", cpu / of_echo),
            row::thousands(median(subject.rates.iter().copied())),
            format!("{:.0}", memory as f64 * 1024.0 / 1e6),
        ]);
    }
    Ok(())
}

/// Asks for some seconds from several processes, and notes the rate and the server's share.
fn load(subject: &mut Subject, questions: &Path, seconds: u64) -> anyhow::Result<()> {
    let before = process::cpu_seconds(subject.child.id())?;
    let loaders: Vec<Child> = (0..LOADERS)
        .map(|_| {
            Command::new("dnsperf")
                .args(["-s", "127.0.0.1", "-c", "4", "-q", "200", "-d"])
                .arg(questions)
                .args(["-p", &subject.address.port().to_string(), "-l", &seconds.to_string()])
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
        })
        .collect::<Result<_, _>>()
        .context("cannot run dnsperf; install Debian's package of that name")?;
    let mut completed = 0.0;
    for loader in loaders {
        let told = String::from_utf8(loader.wait_with_output()?.stdout)?;
        let line = told.lines().find_map(|line| line.trim().strip_prefix("Queries completed:"));
        let count = line.and_then(|rest| rest.split_whitespace().next()).context("no count")?;
        completed += count.parse::<f64>()?;
    }
    ensure!(completed > 0.0, "{} answered nothing", subject.name);
    let cpu = process::cpu_seconds(subject.child.id())? - before;
    subject.rates.push(completed / seconds as f64);
    subject.cpu.push(cpu * 1e6 / completed);
    Ok(())
}

fn echo(_: &Path) -> anyhow::Result<Subject> {
    let address = server::free_address()?;
    let program = std::env::current_exe()?.with_file_name("dns_echo");
    subject("echo", Command::new(program).arg(address.to_string()), address)
}

fn rbldnsd(list: &List, folder: &Path) -> anyhow::Result<Subject> {
    let (data, line) = (folder.join("rbldnsd.list"), list.rbldnsd.1);
    let mut text = String::from(":127.0.0.2:listed\n");
    for n in 0..list.entries {
        writeln!(text, "{}", line(n))?;
    }
    std::fs::write(&data, text)?;
    readable(folder)?;
    let address = server::free_address()?;
    let zone = format!("{}:{}:{}", list.zone, list.rbldnsd.0, data.display());
    let bind = format!("{}/{}", address.ip(), address.port());
    subject("rbldnsd", Command::new("rbldnsd").args(["-n", "-b", &bind, &zone]), address)
}

/// rbldnsd gives up its rights before it reads.
fn readable(folder: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755))?)
}

fn wardnet(list: &List, folder: &Path) -> anyhow::Result<Subject> {
    let feed = folder.join("feed.txt");
    let mut text = String::new();
    for n in 0..list.entries {
        writeln!(text, "{}", (list.feed)(n))?;
    }
    std::fs::write(&feed, text)?;
    let address = server::free_address()?;
    let http = server::free_address()?;
    let settings = format!(
        "[[http]]\nlisten = \"{http}\"\n[[dns]]\nlisten = \"{address}\"\n[[dns.list]]\n\
         zone = \"{}\"\nkind = \"{}\"\n",
        list.zone, list.kind
    );
    std::fs::write(folder.join("wardnet.toml"), settings)?;
    let mut ingest = server::command(folder)?;
    ingest.args(["ingest", "--source", "bench", "--category", "malware"]).arg(&feed);
    server::output(&mut ingest)?;
    let mut serve = server::command(folder)?;
    serve.arg("serve").env("WARDNET_LOG", "warn").stdout(Stdio::null());
    subject("wardnet", &mut serve, address)
}

/// Starts a server and waits until it answers.
fn subject(
    name: &'static str,
    command: &mut Command,
    address: SocketAddr,
) -> anyhow::Result<Subject> {
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let child = child.with_context(|| format!("cannot run {name}"))?;
    let subject = Subject { name, child, address, rates: Vec::new(), cpu: Vec::new() };
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.set_read_timeout(Some(Duration::from_millis(100)))?;
    // SOA of the root: whoever answers, even to refuse, is there.
    let question = [0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 6, 0, 1];
    for _ in 0..300 {
        socket.send_to(&question, address)?;
        if socket.recv(&mut [0; 512]).is_ok() {
            return Ok(subject);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    anyhow::bail!("{name} does not answer on {address}")
}
