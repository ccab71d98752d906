//! Fetching feeds: one polite, bounded request at a time, and the last good copy kept.
//!
//! ```text
//! FeedConfig ─┐
//! FeedFolder ─┴► Fetcher::fetch ─► Unchanged ─► folder.unchanged
//!                    │          └► Fresh ─► open_plain, read_feed ─► judge ─► folder.apply
//!                    └ FetchError ─► folder.failed                      └───► folder.hold_back
//! ```
//!
//! The caller reads a fresh copy with [`feeds::read_feed`](crate::feeds::read_feed), lets
//! [`judge`] compare it with the last applied one, imports it, and only then calls
//! [`FeedFolder::apply`]: a crash in between imports the same copy once more, which changes
//! nothing. Each method of [`FeedFolder`] also sets when the feed is due next.
//!
//! Copies are kept byte for byte as the server sent them. Fetching asks for `gzip` or `zstd` and
//! never inflates: [`open_plain`](crate::feeds::open_plain) recognises compression by the first
//! bytes, so a file that its publisher compressed and one that was compressed for the way are
//! treated alike. For `list.txt.gz` no encoding is asked for, since that would compress it twice.

mod copy;
mod digest;
mod download;
mod error;
mod fetcher;
mod folder;
mod guard;
mod hop;
mod judge;
mod local;
mod manifest;
mod schedule;
mod settings;
mod state;
mod trust;

pub use copy::{Fetched, Fresh, Unchanged, Validators, WhichCopy};
pub use digest::Digest;
pub use error::FetchError;
pub use fetcher::Fetcher;
pub use folder::{FeedFolder, FolderError, request_release};
pub use guard::is_public;
pub use judge::{Counts, HoldReason, Verdict, judge};
pub use schedule::{Cadence, jitter_seed, next_due};
pub use settings::{FetchSettings, Limits};
pub use state::{Applied, FeedState, Held};
