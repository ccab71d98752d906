//! Judging what nobody has listed: URLs, names and pages, by models and by rules.

#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::expect_used,
        clippy::panic
    )
)]

mod brands;
mod commonplace;
pub mod dga;
mod disposable;
mod domain;
mod familiar;
mod forest;
mod gram;
pub mod learn;
mod measure;
mod model;
mod network;
mod own;
pub mod page;
mod popular;
mod set;
mod sheet;
mod table;
pub mod url;

pub use gram::Rolling;
pub use model::{Judgement, Model, ModelError, ModelLimits, fuzz_model};
pub use set::ModelSet;
pub use sheet::{Scratch, Subject, fuzz_subject};
