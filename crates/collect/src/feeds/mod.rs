//! Published lists, read row by row into [`Observation`](wardnet_model::Observation)s.
//!
//! ```text
//! fetched bytes ──► open_plain ──► read_feed(format) ──► Sink: observations and rejections
//!                   inflate,        one row at a time,    └► FeedReport: counts, header,
//!                   bounded         guarded                   warnings, patterns
//! ```
//!
//! A bad line never ends a feed: it becomes a [`Rejection`] that says why, and the next line is
//! read. What must never block (private networks, whole public suffixes, `localhost`) is held back
//! by [`never_blocks`], whatever list it stands on. To add a format: one file here, one variant in
//! [`Format`], and its golden cases in `tests/data/feeds`.

mod abuse_ch;
mod adblock;
mod csv;
mod detect;
mod dnsmasq;
mod domain_list;
mod format;
mod fuzz;
mod guard;
mod hash_list;
mod hosts;
mod ip_list;
mod json_items;
mod json_records;
mod limits;
mod lines;
mod maltrail;
mod mapping;
mod metamask;
mod misp_event;
mod misp_warninglist;
mod nsrl;
mod output;
mod patterns;
mod plain;
mod preview;
mod read;
mod record;
mod regex_lines;
mod report;
mod rpz;
mod spamhaus_drop;
mod stix;
mod suricata;
mod table;
mod unbound;
mod url_list;
mod value_type;
mod warninglist_topics;
mod words;

pub use detect::{Detection, detect, looks_like_html, marked_as_utf16};
pub use format::Format;
pub use fuzz::fuzz_feed;
pub use guard::{NeverBlocks, never_blocks};
pub use limits::{Limits, ReadOptions};
pub use mapping::{Mapping, Role};
pub use output::Sink;
pub use patterns::{Pattern, PatternError, pattern_lists};
pub use plain::{PlainError, open_plain};
pub use preview::Preview;
pub use read::{FeedError, read_feed};
pub use regex_lines::{ExpressionError, check_expression};
pub use report::{FeedReport, Header, RejectReason, Rejection, Warning};
pub use stix::{StixError, fuzz_stix_pattern};
