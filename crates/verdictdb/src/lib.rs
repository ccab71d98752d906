//! The compiled verdict database: write, read, overlay, delta, verify.
//!
//! A database is one immutable file that answers "what is known of this key?" in about one cache
//! miss. `FORMAT.md` beside this crate describes the file byte by byte. What changed since the file
//! was built lives in an [`Overlay`]; both together are a [`View`], the one thing every protocol
//! asks.
//!
//! | to do | use |
//! |---|---|
//! | write a file from entries in any order | [`Builder`] |
//! | write a file from sorted entries in bounded memory | [`Plan`], [`StreamBuilder`] |
//! | open a file (mapped, owned or shared bytes) | [`Db::open`], [`map_file`] |
//! | look up | [`View::find`], [`View::networks`], [`View::find_batch`] |
//! | judge | [`View::ask`], [`View::ask_many`] |
//! | find a hit's name and dates | [`View::name`], [`View::facts`] |
//! | publish changes and swap bases under running readers | [`Views`] |
//! | learn what changes, or walk everything that is said | [`ChangeFeed`], [`View::entries`] |
//! | write the next base | [`apply`] |
//! | keep changes on disk | [`log`] |
//! | say who made it, and demand it | [`SigningKey`], [`OpenOptions::signed_by`] |
//! | look inside | [`Db::dump`], [`diff`], [`Db::stat`], [`Db::verify`] |
//!
//! # How does it work?
//!
//! Every kind of indicator has a section of its own, once for evidence and once for decisions. A
//! section of hashed kinds is cut into shards by the first bits of the key. A shard is a table of
//! buckets, one cache line each; the key's next bits are the number of the bucket, where a few
//! vector instructions compare it with all entries at once. Keys that block keep 64 bits of
//! SHA-256, keys that grant safety keep 128. Addresses and networks are sorted by address, each
//! with a pointer to the network around it.
//!
//! # Example
//!
//! ```
//! use wardnet_model::{Band, Key, Kind, Risk, Scope, Timestamp};
//! use wardnet_verdictdb::{Builder, Db, Entry, Options, OpenOptions, Profile, View};
//!
//! let profile = Profile { risk: Risk::new(90), band: Band::Malicious, ..Profile::default() };
//! let key = Key::digest(b"evil.example/");
//! let mut builder = Builder::new(Options::default());
//! builder.push(&Entry::evidence(Kind::Domain, key, Scope::Subtree, &profile))?;
//! let mut file = Vec::new();
//! builder.finish(&mut file)?;
//!
//! let db = Db::open(file.into(), &OpenOptions::default())?;
//! let view = View::of(db);
//! let hits = view.find(None, Kind::Domain, &key, Timestamp(0))?;
//! assert_eq!(hits.evidence(Scope::Subtree).map(|hit| hit.profile.band), Some(Band::Malicious));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::expect_used,
        clippy::panic
    )
)]

mod ask;
mod batch;
mod bits;
mod buckets;
mod db;
mod delta;
mod details;
mod diff;
mod directory;
mod dump;
mod entry;
mod error;
mod expect;
mod feed;
mod fuzz;
mod limits;
mod listing;
pub mod log;
mod map;
mod networks;
mod news;
mod overlay;
mod prefix;
mod reader;
mod shelf;
mod sign;
mod stat;
mod table;
mod verify;
mod view;
mod write;

pub use ask::{Answer, MATCHES_SHOWN_MAX, Match, Question, Under};
pub use db::{Bytes, Db, OpenOptions, Place, Verify};
pub use delta::apply;
pub use diff::{Difference, diff};
pub use dump::{Dump, Stored};
pub use entry::{
    Change, Entry, EntryData, Facts, Layer, Profile, SOURCES_SHOWN_MAX, SourceNames, SourceSet,
    Terms,
};
pub use error::{BuildError, LookupError, OpenError};
pub use feed::{
    Batch, ChangeFeed, Cursor, CursorError, FeedLimits, History, Listening, PublishedChange,
    Recorder, Resync, ResyncReason, fuzz_history,
};
pub use fuzz::{fuzz_change_log, fuzz_open};
pub use limits::Limits;
pub use listing::{Entries, Listed};
pub use map::map_file;
pub use overlay::Overlay;
pub use prefix::{Prefix, kinds_by_section};
pub use sign::{PublicKey, PublicKeyError, SigningKey};
pub use stat::{SectionStat, Stat};
pub use view::{Hit, Hits, NextBase, Origin, StaleBase, View, Views};
pub use write::{Builder, Options, Plan, StreamBuilder, Written};
