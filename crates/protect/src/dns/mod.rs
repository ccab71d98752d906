//! DNS lists: verdicts as answers to names under a zone, for everything that speaks DNS.
//!
//! | zone of | a name before the zone | answer |
//! |---|---|---|
//! | [`ListKind::Addresses`] | `4.3.2.1`, or 32 nibbles of an IPv6 address | listed or not (RFC 5782) |
//! | [`ListKind::Domains`] | a domain | listed or not, parents included |
//! | [`ListKind::Uris`] | as for addresses or domains | listed or not |
//! | [`ListKind::Hashes`] | a digest in hex or base32 | listed or not |
//! | [`ListKind::Mhr`] | a file's hash | listed or not, and when it was seen |
//! | [`ListKind::HashPrefixes`] | up to four times 16 bits of a digest | whole digests |
//! | [`ListKind::Allowed`] | as for addresses and domains | known to be good or not |
//!
//! An address that answers means "listed", so nothing else is ever said by one: whoever may not
//! ask, or asks for what is not here, is refused with an extended error (RFC 8914), and a database
//! that cannot be trusted answers SERVFAIL.

mod answer;
mod batch;
mod config;
mod cookie;
mod digest;
mod follow;
mod index;
mod judge;
mod metrics;
mod question;
mod server;
mod tcp;
mod zone;

pub use config::{Codes, DnsConfig, ListConfig, ListKind, RateConfig};
pub use digest::Digest;
pub use metrics::DnsMetrics;
pub use question::fuzz_list_question;
pub use server::{BoundDns, DnsServer, Pulse};
pub use zone::{BITS, code_of};

#[cfg(test)]
mod tests;
