//! Scoring: from the evidence on one indicator to its risk, by arithmetic anybody can repeat.
//!
//! A verdict is a pure function of the evidence, the Decisions, the time and a numbered
//! calibration [`Epoch`]. All arithmetic is on integers (probabilities in 30-bit fixed point,
//! log-odds in thousandths of a nat), so every machine computes the same verdict, bit for bit.
//!
//! ```text
//! w  = r · q · D                       weight of one piece of evidence
//! P  = 1 − Π (1 − w)                   one dependence group, noisy-or
//! S  = clip(logit P − logit π₀)        what the group adds
//! L  = logit π(age) + Σ S_bad − Σ S_good
//! risk = round(100 · σ(L)), published at the steps of the model crate
//! ```
//!
//! `r` is how far the source is believed, `q` how sure it is, `D` halves with every half-life.
//! Read [`Epoch`] for what steers it, [`Patterns`] for what is said of indicators by their look,
//! [`Scorer::score`] for the sum, [`Scorer::next_crossing`] for when it changes by itself, and
//! [`Explanation`] for the same sum with every term shown.

#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::expect_used,
        clippy::panic
    )
)]

mod crossing;
mod decisions;
mod epoch;
mod explain;
mod fixed;
mod patterns;
mod policy;
mod sum;

pub use crossing::HORIZON_SECS;
pub use decisions::{Ruling, rule};
pub use epoch::{Epoch, default_half_life_secs};
pub use explain::{Contribution, Explanation, GroupTerm};
pub use fixed::{ONE, Probability, decay, logit, percent, risk_of};
pub use patterns::{PatternLimits, PatternMatch, Patterns, PatternsError, fuzz_patterns};
pub use policy::{Level, Policy, UnknownLevel};
pub use sum::{
    BENIGN_PRIOR, GROUP_CLIP, GroupVoice, HOSTING_RISK_MAX, INFERRED_RISK_MAX, Item, PRIOR, Score,
    Scorer, Subject,
};
