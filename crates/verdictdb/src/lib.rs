//! The compiled verdict database: write, read, overlay, delta, verify.
