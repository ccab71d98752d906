//! What goes out: listeners that answer questions from a view of the verdict database.
//!
//! | to do | use |
//! |---|---|
//! | ask once and write the answer as JSON, over HTTP or on the command line | [`answer::Asker`] |
//! | serve `/v1/lookup` | [`lookup::routes`] |
//! | say what models think of what nobody has listed | [`opinion::Opinions`] |
//! | tell people why something is blocked | [`blockpage::BlockPage`] |
//! | serve `/v1/changes` and its snapshot | [`changes::routes`] |
//! | serve `/health`, `/ready`, `/metrics` | [`health::routes`] |
//! | resolve names and block what is dangerous | [`resolver::Bound`] |
//! | serve response policy zones | [`rpz::Bound`] |
//! | serve lists to take away | [`exports::routes`] |
//! | serve CrowdSec's bouncers and agents | [`crowdsec::CrowdSec`] |
//! | serve Safe Browsing clients | [`safebrowsing::routes`] |
//! | serve hashlookup's clients | [`hashlookup::routes`] |
//! | serve VirusTotal's clients | [`virustotal::routes`] |
//! | know files by Bloom filters | [`known_files::KnownFiles`] |
//! | serve `/v1/status` | [`status::routes`] |
//! | serve DNS lists | [`dns::BoundDns`] |
//! | describe the whole API | [`openapi::document`], [`openapi::routes`] |
//!
//! # Invariants
//!
//! - A request is answered from one [`View`](wardnet_verdictdb::View), from its first byte to its
//!   last: a batch never mixes two states.
//! - What cannot be answered is an error with a type, never a band.
//! - Nobody's questions are logged, and no answer may be cached by what lies in between.

pub mod answer;
mod around;
pub mod blockpage;
pub mod changes;
pub mod crowdsec;
pub mod dns;
mod encoding;
pub mod exports;
mod frames;
pub mod hashlookup;
pub mod health;
pub mod known_files;
pub mod lookup;
mod missed;
pub mod openapi;
pub mod opinion;
mod parameter;
pub mod resolver;
pub mod rpz;
pub mod safebrowsing;
pub mod status;
mod trouble;

pub use trouble::Troubles;
pub mod virustotal;
pub mod witness;

#[cfg(test)]
mod testing;
