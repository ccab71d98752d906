//! Evidence and decisions by indicator, rebuilt from the journal.
//!
//! The journal is the truth; this is an index of it, kept in an embedded key-value engine (fjall).
//! Everything known of one indicator at one scope lies together in one [`Dossier`]. The store
//! remembers how far in the journal it has come ([`Store::position`]), in the same atomic write as
//! what it took in, so after a crash the owner replays the rest; taking in a record twice changes
//! nothing.
//!
//! Besides dossiers it keeps the [batches](BatchState) that evidence is renewed with, the members
//! of each feed's latest snapshot, which dossiers were decided about or are disputed, and when verdicts
//! will next change by themselves.

mod batches;
mod codec;
mod dossier;
mod error;
mod fold;
mod listings;
mod members;
mod relations;
mod snapshot;
mod store;
mod tables;

pub use batches::{BatchKey, BatchState};
pub use codec::{Front, fuzz_dossier};
pub use dossier::{Dossier, DossierKey, Effect, Held, Limits, Mutation, Published};
pub use error::StoreError;
pub use fold::Settle;
pub use listings::Listing;
pub use members::Member;
pub use snapshot::{Filed, Filing, Snapshot};
pub use store::{Due, Options, Store, Update};
