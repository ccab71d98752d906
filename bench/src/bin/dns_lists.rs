//! Rows "DNS lists": processor time for a question over UDP, beside rbldnsd with the same list,
//! beside unbound with the same names in a response policy zone, and beside a bare echo, in one run;
//! and the memory that the list adds to each.
//!
//! `dns_lists [SECONDS] [ROUNDS] [RATE]`; needs Debian's `rbldnsd`, `unbound` and `dnsperf`. With a
//! rate, Wardnet is asked so many questions a second for a minute besides.

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use wardnet_bench::database::random as mix;
use wardnet_bench::dns::{self, Subject, load};
use wardnet_bench::timing::median;
use wardnet_bench::{row, server};

/// Different questions; each loader repeats them.
const QUESTIONS: u64 = 200_000;

const WARDNET: &str = "wardnet";
const UNBOUND: &str = "unbound";

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

/// A server with one list.
struct Tried {
    subject: Subject,
    /// Anonymous memory that it needs without the list.
    empty_bytes: f64,
}

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse());
    let seconds: u64 = arguments.next().unwrap_or(Ok(5))?;
    let rounds: u64 = arguments.next().unwrap_or(Ok(3))?;
    let rate = arguments.next().transpose()?;
    row::machine();
    row::head(&[
        "what",
        "server",
        "CPU us/query",
        "x echo",
        "x rbldnsd",
        "queries/s",
        "anonymous MB added by the list",
    ]);
    for list in &LISTS {
        measure(list, seconds, rounds, rate)?;
    }
    Ok(())
}

fn measure(list: &List, seconds: u64, rounds: u64, rate: Option<u64>) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let starts: &[Start] = match list.kind {
        "domains" => &[echo, rbldnsd, wardnet, unbound],
        _ => &[echo, rbldnsd, wardnet],
    };
    let mut all = Vec::new();
    for (number, start) in starts.iter().enumerate() {
        let own = |name: &str| -> anyhow::Result<_> {
            let folder = folder.path().join(format!("{name}-{number}"));
            std::fs::create_dir(&folder)?;
            Ok(folder)
        };
        let empty = start(list, &own("empty")?, 0)?;
        std::thread::sleep(Duration::from_secs(1));
        let empty_bytes = empty.anonymous_bytes();
        drop(empty);
        all.push(Tried { subject: start(list, &own("full")?, list.entries)?, empty_bytes });
    }
    let [below, bare] = questions(list, folder.path())?;
    for _ in 0..rounds {
        for Tried { subject, .. } in &mut all {
            // A resolver is asked for the names themselves, and not below a zone.
            let questions = if subject.name == UNBOUND { &bare } else { &below };
            load(subject, questions, seconds, None)?;
        }
    }
    let cpu = |subject: &Subject| median(subject.cpu.iter().copied());
    let (of_echo, of_rbldnsd) = (cpu(&all[0].subject), cpu(&all[1].subject));
    for Tried { subject, empty_bytes } in &all {
        row::row(&[
            list.what.to_owned(),
            subject.name.to_owned(),
            format!("{:.2}", cpu(subject)),
            format!("{:.2}", cpu(subject) / of_echo),
            format!("{:.2}", cpu(subject) / of_rbldnsd),
            row::thousands(median(subject.rates.iter().copied())),
            format!("{:.0}", (subject.anonymous_bytes() - empty_bytes) / 1e6),
        ]);
    }
    let ours = all.iter_mut().map(|tried| &mut tried.subject).find(|one| one.name == WARDNET);
    match (ours, rate) {
        (Some(subject), Some(rate)) => a_minute(list, subject, &below, rate),
        _ => Ok(()),
    }
}

fn a_minute(list: &List, subject: &mut Subject, below: &Path, rate: u64) -> anyhow::Result<()> {
    (subject.rates, subject.cpu) = (Vec::new(), Vec::new());
    load(subject, below, 60, Some(rate))?;
    row::row(&[
        list.what.to_owned(),
        format!("wardnet, a minute at {rate}/s"),
        format!("{:.2}", median(subject.cpu.iter().copied())),
        String::new(),
        String::new(),
        row::thousands(median(subject.rates.iter().copied())),
        String::new(),
    ]);
    Ok(())
}

/// Starts a server in a folder of its own with so many entries of a list.
type Start = fn(&List, &Path, u64) -> anyhow::Result<Subject>;

/// Questions below the zone, and for the names themselves.
fn questions(list: &List, folder: &Path) -> anyhow::Result<[PathBuf; 2]> {
    let (mut below, mut bare) = (String::new(), String::new());
    for n in 0..QUESTIONS {
        // Half of them hit, spread over the whole list.
        let name = (list.question)(mix(n) % list.entries, n % 2 == 0);
        writeln!(below, "{name}.{} A", list.zone)?;
        writeln!(bare, "{name} A")?;
    }
    let files = ["below", "bare"].map(|name| folder.join(name));
    std::fs::write(&files[0], below)?;
    std::fs::write(&files[1], bare)?;
    Ok(files)
}

fn echo(_: &List, _: &Path, _: u64) -> anyhow::Result<Subject> {
    let address = server::free_address()?;
    let program = std::env::current_exe()?.with_file_name("dns_echo");
    dns::subject("echo", Command::new(program).arg(address.to_string()), address)
}

fn rbldnsd(list: &List, folder: &Path, entries: u64) -> anyhow::Result<Subject> {
    let (data, line) = (folder.join("rbldnsd.list"), list.rbldnsd.1);
    let mut text = String::from(":127.0.0.2:listed\n");
    for n in 0..entries {
        writeln!(text, "{}", line(n))?;
    }
    std::fs::write(&data, text)?;
    readable(folder)?;
    folder.parent().map_or(Ok(()), readable)?;
    let address = server::free_address()?;
    let zone = format!("{}:{}:{}", list.zone, list.rbldnsd.0, data.display());
    let bind = format!("{}/{}", address.ip(), address.port());
    dns::subject("rbldnsd", Command::new("rbldnsd").args(["-n", "-b", &bind, &zone]), address)
}

/// The names in a response policy zone, which says of all others that they do not exist: a local
/// zone that did would be asked first.
fn unbound(_: &List, folder: &Path, entries: u64) -> anyhow::Result<Subject> {
    let mut zone = String::from(
        "$TTL 60\n@ SOA ns. hostmaster. 1 3600 600 86400 5\n@ NS ns.\n*.top CNAME .\n",
    );
    for n in 0..entries {
        let name = domain(n);
        writeln!(zone, "{name} A 127.0.0.2\n*.{name} A 127.0.0.2")?;
    }
    std::fs::write(folder.join("zone"), zone)?;
    let address = server::free_address()?;
    let folder_name = folder.display();
    let settings = format!(
        "server:\n interface: {}\n port: {}\n do-daemonize: no\n username: \"\"\n chroot: \"\"\n \
         pidfile: \"\"\n directory: \"{folder_name}\"\n use-syslog: no\n num-threads: 2\n \
         module-config: \"respip iterator\"\n\
         remote-control:\n control-enable: no\n\
         rpz:\n name: \"rpz.bench.\"\n zonefile: \"{folder_name}/zone\"\n",
        address.ip(),
        address.port()
    );
    let file = folder.join("unbound.conf");
    std::fs::write(&file, settings)?;
    let mut command = Command::new("unbound");
    dns::subject(UNBOUND, command.arg("-d").arg("-c").arg(file), address)
}

/// rbldnsd gives up its rights before it reads.
fn readable(folder: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755))?)
}

fn wardnet(list: &List, folder: &Path, entries: u64) -> anyhow::Result<Subject> {
    let feed = folder.join("feed.txt");
    let mut text = String::new();
    for n in 0..entries {
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
    dns::wardnet(WARDNET, folder, (&feed, &settings), address)
}
