//! Row "release binary": its size, and the memory of an idle server on the sample feeds.
//!
//! `WARDNET_DATA=DIR idle`

use std::time::Duration;
use wardnet_bench::{process, row, server, vectors};

fn main() -> anyhow::Result<()> {
    row::machine();
    let folder = tempfile::tempdir()?;
    server::configure(folder.path(), true)?;
    vectors::write_catalogue(folder.path())?;
    server::output(server::command(folder.path())?.args(["feeds", "update"]))?;
    let started = server::start(folder.path())?;
    std::thread::sleep(Duration::from_secs(3));
    let megabytes = |name: &str| {
        let kilobytes = process::kilobytes(started.0.pid(), name).unwrap_or(0);
        format!("{:.1}", kilobytes as f64 * 1024.0 / 1e6)
    };
    row::head(&["binary MB", "idle resident MB", "anonymous MB", "mapped file MB", "feeds"]);
    let size = std::fs::metadata(server::binary()?)?.len();
    row::row(&[
        format!("{:.1}", size as f64 / 1e6),
        megabytes("VmRSS"),
        megabytes("RssAnon"),
        megabytes("RssFile"),
        vectors::FEEDS.len().to_string(),
    ]);
    Ok(())
}
