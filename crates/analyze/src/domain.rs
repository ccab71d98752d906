//! Names of hosts by their look: whether a generator made them, whom they resemble.

mod lexical;
mod pieces;
mod resemblance;
#[cfg(test)]
mod tests;

pub use lexical::FEATURES;
pub(crate) use lexical::measure;
pub(crate) use pieces::pieces;
pub use resemblance::{Likeness, Resemblance, resemblance};
pub(crate) use resemblance::{imitated, is_in_other_script, strong_resemblance};
