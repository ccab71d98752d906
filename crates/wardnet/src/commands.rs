//! One module per command.

mod check;
pub(crate) mod classify;
mod crowdsec;
mod db;
mod decisions;
mod dga;
mod explain;
mod feeds;
mod ingest;
mod lookup;
mod model;
mod reload;
mod reports;
mod serve;
mod sources;
mod status;
mod tokens;
mod train;
mod watch;

use crate::args::{Args, Command};
use std::process::ExitCode;

/// The exit status when a command could not do its work.
pub(crate) const NO_ANSWER: u8 = 3;

/// The exit status when a command was used wrongly.
pub(crate) const USAGE: u8 = 2;

/// Runs the command, prints what went wrong, and gives the exit status.
pub(crate) fn run(args: &Args) -> ExitCode {
    let outcome = match &args.command {
        Command::Lookup(options) => lookup::run(args, options),
        Command::Explain(options) => explain::run(args, options),
        Command::Ingest(options) => ingest::run(args, options),
        Command::Feeds(command) => feeds::run(args, command),
        Command::Sources(command) => sources::run(args, command),
        Command::Allow(options) => decisions::decide(args, "allow", options),
        Command::Block(options) => decisions::decide(args, "block", options),
        Command::Decisions(command) => decisions::run(args, command),
        Command::Db(command) => db::run(args, command),
        Command::Reports(output) => reports::run(args, *output),
        Command::Watch(options) => watch::run(args, options),
        Command::Model(command) => model::run(args, command),
        Command::Tokens(command) => tokens::run(args, command),
        Command::Crowdsec(command) => crowdsec::run(args, command),
        Command::Classify(subject) => classify::run(args, subject),
        Command::Dga(options) => dga::run(options),
        Command::Train(subject) => train::run(subject),
        Command::Check => check::run(args),
        Command::Compact => status::compact(args),
        Command::Status(output) => status::run(args, *output),
        Command::Serve(options) => serve::run(args, options),
        Command::Reload(output) => reload::run(args, *output),
    };
    outcome.unwrap_or_else(|error| {
        complain(&crate::output::in_words(&error));
        ExitCode::from(NO_ANSWER)
    })
}

/// Tells what went wrong.
#[expect(clippy::print_stderr, reason = "the one place where commands complain")]
pub(crate) fn complain(message: &str) {
    eprintln!("wardnet: {}", crate::output::clean(message));
}
