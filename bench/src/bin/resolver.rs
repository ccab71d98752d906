//! Rows "Resolver": processor time for a question that the cache answers, of a resolver with
//! 1,000,000 block rules beside Debian's unbound without any, in one run.
//!
//! `resolver [SECONDS] [ROUNDS]`; needs Debian's `unbound` and `dnsperf`.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use wardnet_bench::database::random;
use wardnet_bench::dns::{Subject, load, subject};
use wardnet_bench::timing::median;
use wardnet_bench::{dns, process, row, server};

/// Domains that are blocked, with all below them.
const RULES: u64 = 1_000_000;

/// Different questions, all of them good.
const QUESTIONS: u64 = 20_000;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse());
    let seconds: u64 = arguments.next().unwrap_or(Ok(5))?;
    let rounds: u64 = arguments.next().unwrap_or(Ok(5))?;
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    let questions = folder.join("questions");
    let mut text = String::new();
    for n in 0..QUESTIONS {
        let host = if n % 2 == 0 { "www." } else { "" };
        writeln!(
            text,
            "{host}x{:x}.net {}",
            random(n) >> 16,
            if n % 4 < 2 { "A" } else { "AAAA" }
        )?;
    }
    std::fs::write(&questions, text)?;
    let upstream = upstream(folder)?;
    let echo = echo()?;
    let mut subjects =
        [unbound(folder, upstream.address)?, wardnet(folder, upstream.address)?, echo];
    for subject in &mut subjects {
        load(subject, &questions, 3, None)?;
        (subject.rates, subject.cpu) = Default::default();
    }
    for _ in 0..rounds {
        for subject in &mut subjects {
            load(subject, &questions, seconds, None)?;
        }
    }
    row::machine();
    row::head(&["server", "x unbound", "CPU us/query", "queries/s", "anonymous MB"]);
    let of_unbound = median(subjects[0].cpu.iter().copied());
    for subject in &subjects {
        let cpu = median(subject.cpu.iter().copied());
        let memory = process::kilobytes(subject.child.id(), "RssAnon").unwrap_or(0);
        row::row(&[
            subject.name.to_owned(),
            format!("{:.2}", cpu / of_unbound),
            format!("{cpu:.2}"),
            row::thousands(median(subject.rates.iter().copied())),
            format!("{:.0}", memory as f64 * 1024.0 / 1e6),
        ]);
    }
    Ok(())
}

/// Everything below `net.` has the same two addresses, for a day.
fn upstream(folder: &Path) -> anyhow::Result<Subject> {
    let answers = "  local-zone: \"net.\" redirect\n  local-data: \"net. 86400 A 198.51.100.1\"\n  \
                   local-data: \"net. 86400 AAAA 2001:db8::1\"\n";
    start_unbound("upstream", folder, answers)
}

fn unbound(folder: &Path, upstream: SocketAddr) -> anyhow::Result<Subject> {
    let threads = std::thread::available_parallelism()?;
    let settings = format!(
        "  num-threads: {threads}\n  so-reuseport: yes\n  msg-cache-size: 64m\n  \
         rrset-cache-size: 128m\n  do-not-query-localhost: no\nforward-zone:\n  name: \".\"\n  \
         forward-addr: {}@{}\n",
        upstream.ip(),
        upstream.port()
    );
    start_unbound("unbound", folder, &settings)
}

fn start_unbound(name: &'static str, folder: &Path, settings: &str) -> anyhow::Result<Subject> {
    let address = server::free_address()?;
    let path = folder.join(format!("{name}.conf"));
    let text = format!(
        "server:\n  interface: {}@{}\n  do-daemonize: no\n  username: \"\"\n  chroot: \"\"\n  \
         pidfile: \"\"\n  use-syslog: no\n  module-config: \"iterator\"\n  \
         access-control: 127.0.0.0/8 allow\n{settings}\nremote-control:\n  control-enable: no\n",
        address.ip(),
        address.port()
    );
    std::fs::write(&path, text)?;
    subject(name, Command::new("/usr/sbin/unbound").arg("-d").arg("-c").arg(&path), address)
}

fn wardnet(folder: &Path, upstream: SocketAddr) -> anyhow::Result<Subject> {
    let feed = folder.join("feed.txt");
    let mut text = String::new();
    for n in 0..RULES {
        writeln!(text, "||x{:x}.top^", random(n) >> 16)?;
    }
    std::fs::write(&feed, text)?;
    let (address, http) = (server::free_address()?, server::free_address()?);
    let settings = format!(
        "[[http]]\nlisten = \"{http}\"\n[[resolver]]\nlisten = [\"{address}\"]\n\
         upstreams = [\"udp://{upstream}\"]\nrate = {{ per_second = 0, burst = 0 }}\n"
    );
    dns::wardnet("wardnet, 1,000,000 rules", folder, (&feed, &settings), address)
}

/// The floor: a process that only sends back what it gets.
fn echo() -> anyhow::Result<Subject> {
    let address = server::free_address()?;
    let program = std::env::current_exe()?.with_file_name("dns_echo");
    subject("echo", Command::new(program).arg(address.to_string()), address)
}
