//! What the kernel says of a process: processor time and memory.

use anyhow::Context as _;
use std::fs;
use std::process::{Child, Output};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// How often a process is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// Processor seconds that a process has used, user and system, all threads.
pub fn cpu_seconds(pid: u32) -> anyhow::Result<f64> {
    ticks(pid, [11, 12])
}

/// Processor seconds of this process's children that have ended.
pub fn children_cpu_seconds() -> anyhow::Result<f64> {
    ticks(std::process::id(), [13, 14])
}

/// The sum of two fields of `/proc/PID/stat`, counted from the one after the name (proc(5)).
fn ticks(pid: u32, fields: [usize; 2]) -> anyhow::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, rest) = stat.rsplit_once(") ").context("/proc/PID/stat has a name in brackets")?;
    let numbers: Vec<&str> = rest.split(' ').collect();
    let mut sum = 0u64;
    for field in fields {
        sum += numbers.get(field).context("/proc/PID/stat is too short")?.parse::<u64>()?;
    }
    Ok(sum as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// The processes that a process has started.
pub fn children(pid: u32) -> Vec<u32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    children.unwrap_or_default().split_whitespace().filter_map(|child| child.parse().ok()).collect()
}

/// Kilobytes that a line of `/proc/PID/status` names, such as `RssAnon`.
pub fn kilobytes(pid: u32, name: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Waits for a process; gives what it printed, and the most kilobytes of anonymous memory it had.
pub fn watch(child: Child) -> anyhow::Result<(Output, u64)> {
    let pid = child.id();
    let (ended, watch) = channel::<()>();
    let watcher = std::thread::spawn(move || {
        let mut most = 0;
        while watch.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
            most = kilobytes(pid, "RssAnon").unwrap_or(0).max(most);
        }
        most
    });
    let output = child.wait_with_output()?;
    drop(ended);
    Ok((output, watcher.join().unwrap_or(0)))
}
