//! Names of hosts by their look: whether a generator made them, whom they resemble.

mod lexical;
mod pieces;
mod resemblance;
#[cfg(test)]
mod tests;

pub(crate) use lexical::{FEATURES, measure};
pub(crate) use pieces::pieces;
pub(crate) use resemblance::{
    Resemblance, imitated, is_in_other_script, resemblance, strong_resemblance,
};
