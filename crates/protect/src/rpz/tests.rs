//! Tests of the primary as a whole.
