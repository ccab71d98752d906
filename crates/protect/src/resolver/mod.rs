//! The protective resolver: forwards, caches, and answers for what is dangerous itself.
//!
//! ```text
//!   listen   UDP, TCP, TLS        doh   HTTPS
//!      └───────────┬───────────────┘
//!               engine    one question: access, budget, names apart, cache
//!      ┌───────────┼───────────┬─────────────┐
//!    judge       stored      own          pending ── upstream
//!    verdicts    answers as  answers made  upstreams   hickory's connections
//!    per client  bytes       here          asked       and validator
//! ```
//!
//! Messages, transports to upstreams and validation are hickory's. What is ours is the verdict:
//! on the name, on every name an alias leads over, and on the addresses.
//!
//! # Invariants
//!
//! - Verdicts are asked when an answer goes out, of the view of that moment, and never cached: a
//!   decision is in force with the next answer, also for what is in the cache.
//! - The cache holds what upstreams said, never what a policy made of it.
//! - Without verdicts the answer is SERVFAIL, unless the operator says otherwise; it is never
//!   "blocked".
//! - No log and no metric says who asked or what.

mod asked;
mod cache;
pub mod config;
mod doh;
mod engine;
mod fuzz;
mod intake;
mod judge;
mod listen;
pub mod metrics;
mod moment;
mod own;
mod pending;
mod server;
mod stored;
pub mod upstream;

pub use config::ResolverConfig;
pub use fuzz::{fuzz_resolver_answer, fuzz_resolver_question};
pub use metrics::ResolverMetrics;
pub use server::{Bound, Pulse, Renewal, Resolver, ResolverError};
