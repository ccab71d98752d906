//! Names of hosts by their look: whether a generator made them, whom they resemble.

mod lexical;
mod pieces;
mod resemblance;
#[cfg(test)]
mod tests;

pub use lexical::FEATURES;
pub(crate) use lexical::measure;
pub(crate) use pieces::pieces;
pub(crate) use resemblance::strong_resemblance;
pub use resemblance::{Likeness, Resemblance, resemblance};
