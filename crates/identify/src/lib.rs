//! What it means: verdict maintenance over the journal, the store and the score.
//!
//! [`Engine`] is the one writer of a data folder. Everything learned passes through it: records
//! are appended to the journal, folded into dossiers, settled into verdicts and published to the
//! view that every listener asks. [`Engine::begin_import`] takes in feeds, [`Engine::append`]
//! single records, [`Engine::calibrate`] what scoring reads, [`Engine::tick`] the passing of time,
//! and [`explain()`] shows how a verdict came about.

mod base;
mod chain;
mod compact;
mod compile;
mod defaults;
mod dispute;
mod engine;
mod error;
mod explain;
mod files;
mod fold;
mod history;
pub mod http;
mod import;
mod key;
mod learn;
mod lock;
mod patterns;
mod praise;
mod rebuild;
mod settle;
mod testimony;
mod writer;

pub use engine::{Engine, Opened, Options};
pub use error::EngineError;
pub use explain::{EvidenceLine, Explained, explain, relations};
pub use files::resting_view;
pub use import::{Begun, DEFAULT_CONFIDENCE, Import, ImportTerms, Packer, Parcel};
pub use key::public_key;
pub use patterns::{PatternLine, PatternTerms, PatternsTaken, patterns_of};
pub use testimony::testimonies;
pub use writer::{Clock, Readers, WriteError, Writer, WriterThread, spawn};
