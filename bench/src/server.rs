//! The release binary as a child process.

use crate::http::Client;
use anyhow::{Context as _, ensure};
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The binary to measure: `WARDNET_BIN`, or the one beside this program.
pub fn binary() -> anyhow::Result<PathBuf> {
    let path = match std::env::var_os("WARDNET_BIN") {
        Some(path) => PathBuf::from(path),
        None => std::env::current_exe()?.with_file_name("wardnet"),
    };
    ensure!(path.exists(), "{} is missing: cargo build --release -p wardnet", path.display());
    Ok(path)
}

/// A command of the binary on a folder.
pub fn command(folder: &Path) -> anyhow::Result<Command> {
    let mut command = Command::new(binary()?);
    command.arg("--data-dir").arg(folder.join("data"));
    command.arg("--config").arg(folder.join("wardnet.toml"));
    Ok(command)
}

/// What a command printed; its failure is an error.
pub fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command.stderr(Stdio::inherit()).output()?;
    Ok(String::from_utf8(output.stdout)?)
}

/// Writes `wardnet.toml` with budgets that no measurement reaches.
pub fn configure(folder: &Path, feeds: bool) -> anyhow::Result<()> {
    let feeds = if feeds { "feeds = \"feeds.toml\"\n" } else { "" };
    let rate = "{ per_second = 100000000, burst = 400000000 }";
    let text = format!("{feeds}[budget]\ntoken = {rate}\n");
    Ok(std::fs::write(folder.join("wardnet.toml"), text)?)
}

/// A port that is free now.
pub fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// A running process that is ended when dropped.
#[derive(Debug)]
pub struct Running {
    /// The process.
    pub child: Child,
    /// Where it answers.
    pub address: SocketAddr,
}

impl Running {
    /// Waits until the address answers.
    pub fn await_ready(child: Child, address: SocketAddr) -> anyhow::Result<Self> {
        let running = Self { child, address };
        for _ in 0..500 {
            if std::net::TcpStream::connect(address).is_ok() {
                return Ok(running);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        anyhow::bail!("nothing answers on {address}")
    }

    /// The process's number.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for child in crate::process::children(self.pid()) {
            end(child);
        }
        end(self.pid());
        drop(self.child.wait());
    }
}

fn end(pid: u32) {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = pid {
        // A process that has ended already needs no signal.
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap_or_default();
    }
}

/// Starts `wardnet serve` on a folder that has no tokens yet; gives the admin token with it.
pub fn start(folder: &Path) -> anyhow::Result<(Running, String)> {
    let address = free_address()?;
    let mut child = command(folder)?
        .args(["serve", "--listen", &address.to_string()])
        .env("WARDNET_LOG", "warn")
        .stdout(Stdio::piped())
        .spawn()?;
    let stdout = child.stdout.take().context("a pipe")?;
    let mut lines = BufReader::new(stdout).lines();
    let line = lines.next().context("the server prints its first token")??;
    let token = line.rsplit(' ').next().unwrap_or_default().to_owned();
    // The pipe is read to its end, so that the server never waits for it.
    std::thread::spawn(move || lines.for_each(drop));
    Ok((Running::await_ready(child, address)?, token))
}

/// A client of a started server.
pub fn client((running, token): &(Running, String)) -> anyhow::Result<Client> {
    Client::connect(running.address, token)
}
