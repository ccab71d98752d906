//! What holds for all fetches: time limits, trusted authorities, the proxy.

use std::path::PathBuf;
use std::time::Duration;

/// The `[fetch]` table of `feeds.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FetchSettings {
    /// A PEM file of certificate authorities that are trusted besides the system's.
    pub ca_file: Option<PathBuf>,
    /// Whether the system's certificate authorities are trusted.
    pub system_roots: bool,
    /// The URL of a proxy. The environment's proxies are not used: what a feed sees must not
    /// depend on who started the program.
    pub proxy: Option<Box<str>>,
    /// How much a fetch may cost.
    pub limits: Limits,
}

impl Default for FetchSettings {
    fn default() -> Self {
        Self { ca_file: None, system_roots: true, proxy: None, limits: Limits::default() }
    }
}

/// How much one fetch may cost. The largest size belongs to the feed:
/// [`FeedConfig::bytes_max`](crate::catalogue::FeedConfig::bytes_max).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The longest time to find the server and set up a connection. Default: 10 seconds.
    pub connect_timeout: Duration,
    /// The longest time without a single byte. Default: 30 seconds.
    pub stall_timeout: Duration,
    /// The longest time for all of it, redirects included. Default: 10 minutes.
    pub total_timeout: Duration,
    /// The most redirects that are followed. Default: 5.
    pub redirects_max: u32,
    /// The largest head of a response, in bytes. Default: 32 KiB.
    pub head_bytes_max: usize,
    /// The most events that the manifest of a MISP feed may name. Default: 20,000.
    pub events_max: usize,
    /// The largest file of certificate authorities, in bytes. Default: 4 MiB.
    pub ca_file_bytes_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            stall_timeout: Duration::from_secs(30),
            total_timeout: Duration::from_secs(600),
            redirects_max: 5,
            head_bytes_max: 32 << 10,
            events_max: 20_000,
            ca_file_bytes_max: 4 << 20,
        }
    }
}
