//! The primary as a whole: zones against the verdicts, differences against whole zones, and sockets
//! against clients that misbehave. Hickory reads what is sent.

mod client;
mod content;
mod questions;
mod restart;
mod sockets;
