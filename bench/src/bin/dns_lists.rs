//! Rows "DNS lists": processor time for a question over UDP, beside rbldnsd with the same list and
//! beside a bare echo, in one run.
//!
//! `dns_lists [SECONDS] [ROUNDS]`; needs Debian's `rbldnsd` and `dnsperf`.

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;
use wardnet_bench::database::random as mix;
use wardnet_bench::dns::{Subject, load, subject};
use wardnet_bench::timing::median;
use wardnet_bench::{dns, process, row, server};

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
    dns::wardnet("wardnet", folder, (&feed, &settings), address)
}
