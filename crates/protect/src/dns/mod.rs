//! DNS lists: verdicts as answers to names under a zone, for everything that speaks DNS.
//!
//! | zone of | a name before the zone | answer |
//! |---|---|---|
//! | [`ListKind::Addresses`] | `4.3.2.1`, or 32 nibbles of an IPv6 address | listed or not (RFC 5782) |
//! | [`ListKind::Domains`] | a domain | listed or not, parents included |
//! | [`ListKind::Hashes`] | a hash in hex or base32 | listed or not |
//! | [`ListKind::Allowed`] | as for addresses and domains | known to be good or not |
//!
//! An address that answers means "listed", so nothing else is ever said by one: whoever may not
//! ask, or asks for what is not here, is refused with an extended error (RFC 8914), and a database
//! that cannot be trusted answers SERVFAIL.

mod answer;
mod config;
mod cookie;
mod metrics;
mod question;
mod server;
mod tcp;
mod zone;

pub use config::{DnsConfig, ListConfig, ListKind, RateConfig};
pub use metrics::DnsMetrics;
pub use question::fuzz_list_question;
pub use server::{BoundDns, DnsServer};
pub use zone::code_of;
