//! The engine from records to answers: imports, replay, time, tenants, faults.
#![cfg(test)]

mod background;
mod faults;
mod follow;
mod import;
mod kill;
mod learning;
mod lent;
mod patterns;
mod praise;
mod replay;
mod sample;
mod swap;
mod tenants;
mod time;
