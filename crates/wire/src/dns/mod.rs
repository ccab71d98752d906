//! DNS messages as a list server meets them: one question in, a few records out.
//!
//! A server that answers a hundred thousand questions a second cannot build a tree for each. What
//! resolvers send is one question and perhaps an OPT record; [`Query`] reads just that, where it
//! lies, and [`Reply`] writes the answer into a buffer that is used again. Whatever else is well
//! formed is refused with the code that RFC 1035 and RFC 6891 give for it. The tests hold both to
//! hickory's reading of the same bytes.

mod query;
mod reply;

pub use query::{Edns, Name, Query, Refused, fuzz_dns_query, read};
pub use reply::{Rcode, Reply};

/// A type of records (RFC 1035, section 3.2.2).
pub mod kind {
    /// An address.
    pub const A: u16 = 1;
    /// A name server.
    pub const NS: u16 = 2;
    /// The start of authority.
    pub const SOA: u16 = 6;
    /// Text.
    pub const TXT: u16 = 16;
    /// An IPv6 address.
    pub const AAAA: u16 = 28;
    /// The record that carries extensions (RFC 6891).
    pub const OPT: u16 = 41;
    /// Everything, which nobody should ask for (RFC 8482).
    pub const ANY: u16 = 255;
}

/// Class IN.
pub const CLASS_IN: u16 = 1;

/// The bytes of a message over UDP when nothing else was agreed (RFC 1035).
pub const UDP_BYTES: usize = 512;

/// The most that is sent over UDP whatever was agreed: no fragments (DNS flag day 2020).
pub const UDP_BYTES_MAX: usize = 1232;

/// Why something went wrong, or was not answered (RFC 8914).
pub mod extended {
    /// Other.
    pub const OTHER: u16 = 0;
    /// The server is not ready.
    pub const NOT_READY: u16 = 14;
    /// The asker may not ask.
    pub const PROHIBITED: u16 = 18;
    /// The server does not hold this zone.
    pub const NOT_AUTHORITATIVE: u16 = 20;
    /// This kind of question is not answered.
    pub const NOT_SUPPORTED: u16 = 21;
}

#[cfg(test)]
mod tests;
