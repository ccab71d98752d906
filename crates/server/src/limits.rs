//! Everything a stranger could make large or slow, by name.

use std::time::Duration;

use serde::Deserialize;

/// The bounds of one listener. Every field has a documented default and can be configured.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Connections open at once; more wait in the kernel's backlog. Default 20,000.
    pub connections_max: usize,
    /// Connections open at once from one address (IPv6: one /64); more are closed at once.
    /// Default 1,000.
    pub connections_per_address_max: usize,
    /// Connections the kernel holds for us before they are accepted. Default 1,024.
    pub backlog: u32,
    /// Time for the TLS handshake. Default 10 s.
    pub handshake_timeout_ms: u64,
    /// Time for the head of a request once its first byte came, and for the first request of a
    /// connection. Default 10 s.
    pub header_timeout_ms: u64,
    /// Time a connection may stay open with no request on it. Default 75 s.
    pub idle_timeout_ms: u64,
    /// Time for the whole body of a request that is buffered. Default 30 s.
    pub body_timeout_ms: u64,
    /// Time a peer may refuse to take any byte of a response. Default 60 s.
    pub stall_timeout_ms: u64,
    /// Bytes of a request's head. At least 8,192. Default 32 KiB, which holds a search of Safe
    /// Browsing 5 for its 1,000 prefixes.
    pub header_bytes_max: usize,
    /// Header lines of a request. Default 64.
    pub headers_max: usize,
    /// HTTP/2 streams open at once on one connection. Default 128.
    pub streams_max: u32,
    /// Bytes of a request's body where the route does not say otherwise. Default 1 MiB.
    pub body_bytes_max: usize,
    /// Time that requests in flight get to finish when the server stops. Default 30 s.
    pub drain_timeout_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 20_000,
            connections_per_address_max: 1_000,
            backlog: 1_024,
            handshake_timeout_ms: 10_000,
            header_timeout_ms: 10_000,
            idle_timeout_ms: 75_000,
            body_timeout_ms: 30_000,
            stall_timeout_ms: 60_000,
            header_bytes_max: 32 * 1024,
            headers_max: 64,
            streams_max: 128,
            body_bytes_max: 1024 * 1024,
            drain_timeout_ms: 30_000,
        }
    }
}

impl Limits {
    /// Says what is wrong with configured values, or nothing.
    #[must_use]
    pub fn complaint(&self) -> Option<&'static str> {
        // hyper refuses smaller head buffers by panicking.
        if self.header_bytes_max < 8_192 {
            return Some("header_bytes_max must be at least 8192");
        }
        if self.connections_max == 0 || self.connections_per_address_max == 0 {
            return Some("connections_max and connections_per_address_max must be at least 1");
        }
        if self.streams_max == 0 || self.headers_max == 0 {
            return Some("streams_max and headers_max must be at least 1");
        }
        let times = [
            self.handshake_timeout_ms,
            self.header_timeout_ms,
            self.idle_timeout_ms,
            self.body_timeout_ms,
            self.stall_timeout_ms,
        ];
        times.contains(&0).then_some("timeouts must be at least 1 ms")
    }

    pub(crate) const fn body_timeout(&self) -> Duration {
        Duration::from_millis(self.body_timeout_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::Limits;

    #[test]
    fn defaults_are_valid_and_zeroes_are_named() {
        assert_eq!(Limits::default().complaint(), None);
        let small = Limits { header_bytes_max: 4096, ..Limits::default() };
        assert!(small.complaint().is_some_and(|text| text.contains("header_bytes_max")));
        let never = Limits { idle_timeout_ms: 0, ..Limits::default() };
        assert!(never.complaint().is_some_and(|text| text.contains("timeouts")));
    }

    #[test]
    fn unknown_keys_are_errors() {
        let error = serde_json::from_str::<Limits>(r#"{"conections_max": 5}"#).expect_err("typo");
        assert!(error.to_string().contains("conections_max"), "{error}");
    }
}
