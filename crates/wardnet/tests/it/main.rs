//! The program as people and scripts use it: started, fed, asked, stopped.

#![cfg(test)]

mod classify;
mod commands;
mod patterns;
mod program;
mod reload;
mod serving;
