//! URLs by their look: how they are spelled, what pieces they have, what the pieces measure.

mod lexical;
mod pieces;
mod spelling;
#[cfg(test)]
mod tests;
mod undisguised;
mod words;

pub(crate) use lexical::{FEATURES, measure};
pub(crate) use pieces::pieces;
pub use spelling::{Spelling, UrlLimits};
pub use undisguised::undisguised;
