//! Name servers under load: three dnsperf processes, and the processor time of who answers.

use crate::{process, server};
use anyhow::{Context as _, ensure};
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// dnsperf processes: one alone is the bottleneck.
const LOADERS: usize = 3;

/// A server under load.
#[derive(Debug)]
pub struct Subject {
    /// How rows call it.
    pub name: &'static str,
    /// Its process.
    pub child: Child,
    /// Where it answers.
    pub address: SocketAddr,
    /// Answers per second, one figure for each round.
    pub rates: Vec<f64>,
    /// Microseconds of processor time for an answer, one figure for each round.
    pub cpu: Vec<f64>,
}

impl Subject {
    /// Bytes of anonymous memory that it holds.
    pub fn anonymous_bytes(&self) -> f64 {
        process::kilobytes(self.child.id(), "RssAnon").unwrap_or(0) as f64 * 1024.0
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.child.kill().unwrap_or_default();
        drop(self.child.wait());
    }
}

/// Asks for some seconds from several processes, as fast as it goes or so many questions a second,
/// and notes the rate and the server's share.
pub fn load(
    subject: &mut Subject,
    questions: &Path,
    seconds: u64,
    rate: Option<u64>,
) -> anyhow::Result<()> {
    let before = process::cpu_seconds(subject.child.id())?;
    let loaders: Vec<Child> = (0..LOADERS)
        .map(|_| {
            let mut loader = Command::new("dnsperf");
            if let Some(rate) = rate {
                loader.args(["-Q", &(rate / LOADERS as u64).to_string()]);
            }
            loader
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

/// Starts a server and waits until it answers.
pub fn subject(
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

/// Has Wardnet take in a list, unless it is empty, and starts it with these settings.
pub fn wardnet(
    name: &'static str,
    folder: &Path,
    (feed, settings): (&Path, &str),
    address: SocketAddr,
) -> anyhow::Result<Subject> {
    std::fs::write(folder.join("wardnet.toml"), settings)?;
    let mut ingest = server::command(folder)?;
    ingest.args(["ingest", "--source", "bench", "--category", "malware"]).arg(feed);
    if std::fs::metadata(feed)?.len() > 0 {
        server::output(&mut ingest)?;
    }
    let mut serve = server::command(folder)?;
    serve.arg("serve").env("WARDNET_LOG", "warn");
    subject(name, &mut serve, address)
}
