//! From the command line to an exit status.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use super::arguments::{Arguments, Command};
use super::failure::Outcome;
use super::screen::Screen;
use super::{
    app, audit, dev, exceptions, grant, key, ledger, merchant, partner, plan, policy, sandbox, serve,
    signing_key, statement, subscription, token, usage,
};

/// Runs the command that the process was started with, and gives its exit status: 0 done, 1 it failed, 2 bad usage,
/// 3 the input was invalid.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let screen = Screen::new(arguments.output);
    match run(arguments.command, &screen) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if failure.is_broken_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            // If standard error is gone too, the status is all that is left to say.
            let _ = writeln!(std::io::stderr(), "{}", failure.message());
            failure.status()
        }
    }
}

fn run(command: Command, screen: &Screen) -> Outcome {
    match command {
        Command::Dev(arguments) => dev::run(arguments, screen),
        Command::Serve(arguments) => serve::run(arguments),
        Command::Sandbox(arguments) => sandbox::run(arguments, screen),
        Command::Policy(arguments) => policy::run(arguments, screen),
        Command::Partner(arguments) => partner::run(arguments, screen),
        Command::App(arguments) => app::run(arguments, screen),
        Command::Key(arguments) => key::run(arguments, screen),
        Command::Merchant(arguments) => merchant::run(arguments, screen),
        Command::Grant(arguments) => grant::run(arguments, screen),
        Command::SigningKey(arguments) => signing_key::run(arguments, screen),
        Command::Subscription(arguments) => subscription::run(arguments, screen),
        Command::Plan(arguments) => plan::run(arguments, screen),
        Command::Usage(arguments) => usage::run(&arguments, screen),
        Command::Statement(arguments) => statement::run(arguments, screen),
        Command::Ledger(arguments) => ledger::run(arguments, screen),
        Command::Exceptions(arguments) => exceptions::run(arguments, screen),
        Command::Token(arguments) => token::run(arguments, screen),
        Command::Audit(arguments) => audit::run(&arguments, screen),
    }
}
