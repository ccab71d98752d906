//! Scoring, decay and explanation: pure functions over evidence.
