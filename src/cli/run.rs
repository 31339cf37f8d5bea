//! From the command line to an exit status.

use std::io::Write;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};
use clap::{ArgMatches, CommandFactory, FromArgMatches};

use super::arguments::{Arguments, Command};
use super::failure::Outcome;
use super::screen::Screen;
use super::{
    app, audit, balance, client_certificate, dev, exceptions, grant, journal, key, ledger, merchant, partner,
    plan, policy, proof_key, sale, sandbox, serve, signature_key, signing_key, statement, subscription,
    switch, token, usage,
};

/// Runs the command that the process was started with, and gives its exit status: 0 done, 1 it failed, 2 bad usage,
/// 3 the input was invalid.
#[must_use]
pub fn main() -> ExitCode {
    let given = Arguments::command().try_get_matches().unwrap_or_else(|error| refused(&error));
    let arguments = Arguments::from_arg_matches(&given).unwrap_or_else(|error| refused(&error));
    let screen = Screen::new(arguments.output);
    match run(arguments.command, &screen) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if failure.is_broken_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            let all = Arguments::command();
            let command = innermost(&all, &given);
            // If standard error is gone too, the status is all that is left to say.
            let _ = writeln!(std::io::stderr(), "{}", failure.message(|field| option_for(command, field)));
            failure.status()
        }
    }
}

/// The command that was given: `command`, or one below it.
fn innermost<'c>(command: &'c clap::Command, given: &ArgMatches) -> &'c clap::Command {
    match given.subcommand() {
        Some((name, given)) => command.find_subcommand(name).map_or(command, |below| innermost(below, given)),
        None => command,
    }
}

/// The option of a command by which a field of the admin API is given: the one whose value is kept under the field's name.
fn option_for(command: &clap::Command, field: &str) -> Option<String> {
    let argument = command.get_arguments().find(|argument| argument.get_id().as_str() == field)?;
    argument.get_long().map(|long| format!("--{long}"))
}

/// Says what is wrong with the command line and, if that was not written there, in which variable it was.
fn refused(error: &clap::Error) -> ! {
    if let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg) {
        let option = argument.split(' ').next().unwrap_or_default();
        let is_written = std::env::args_os()
            .any(|written| written.to_str().is_some_and(|text| text.split('=').next() == Some(option)));
        if let Some(variable) = variable_of(&Arguments::command(), option).filter(|_| !is_written) {
            // If standard error is gone, so is what clap has to say.
            let _ = writeln!(std::io::stderr(), "tollgate: the variable {variable} stands for {option}:");
        }
    }
    error.exit()
}

/// The variable that stands for an option.
fn variable_of(command: &clap::Command, option: &str) -> Option<String> {
    let is_it = |argument: &&clap::Arg| argument.get_long().is_some_and(|long| option == format!("--{long}"));
    let of_own = command.get_arguments().find(is_it).and_then(clap::Arg::get_env);
    let variable = of_own.map(|name| name.to_string_lossy().into_owned());
    variable.or_else(|| command.get_subcommands().find_map(|inner| variable_of(inner, option)))
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
        Command::ClientCertificate(arguments) => client_certificate::run(arguments, screen),
        Command::Merchant(arguments) => merchant::run(arguments, screen),
        Command::Grant(arguments) => grant::run(arguments, screen),
        Command::SignatureKey(arguments) => signature_key::run(arguments, screen),
        Command::SigningKey(arguments) => signing_key::run(arguments, screen),
        Command::ProofKey(arguments) => proof_key::run(arguments, screen),
        Command::Subscription(arguments) => subscription::run(arguments, screen),
        Command::Plan(arguments) => plan::run(arguments, screen),
        Command::Usage(arguments) => usage::run(&arguments, screen),
        Command::Statement(arguments) => statement::run(arguments, screen),
        Command::Balance(arguments) => balance::run(arguments, screen),
        Command::Sale(arguments) => sale::run(arguments, screen),
        Command::Ledger(arguments) => ledger::run(arguments, screen),
        Command::Journal(arguments) => journal::run(arguments, screen),
        Command::Exceptions(arguments) => exceptions::run(arguments, screen),
        Command::Switch(arguments) => switch::run(arguments, screen),
        Command::Token(arguments) => token::run(arguments, screen),
        Command::Audit(arguments) => audit::run(&arguments, screen),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_of_an_app_is_told_by_its_option() {
        let all = Arguments::command();
        let app = all.find_subcommand("app").unwrap();
        let option = |action: &str, field: &str| option_for(app.find_subcommand(action).unwrap(), field);
        for (field, expected) in [
            ("redirect_uris", "--redirect-uri"),
            ("scopes", "--scope"),
            ("default_scopes", "--default-scope"),
            ("requires_pkce", "--require-pkce"),
            ("token_endpoint_auth_methods", "--auth-method"),
            ("grant_types", "--grant-type"),
            ("jwks", "--jwks"),
            ("tls_client_auth_subject_dn", "--tls-subject-dn"),
            ("tls_client_auth_san_dns", "--tls-san-dns"),
            ("tls_client_auth_san_uri", "--tls-san-uri"),
            ("tls_client_auth_san_ip", "--tls-san-ip"),
            ("tls_client_auth_san_email", "--tls-san-email"),
            ("dpop_bound_access_tokens", "--dpop-bound"),
            ("tls_client_certificate_bound_access_tokens", "--certificate-bound"),
            ("require_pushed_authorization_requests", "--require-par"),
        ] {
            for action in ["create", "update"] {
                assert_eq!(option(action, field).as_deref(), Some(expected), "{action}: {field}");
            }
        }
        for (field, expected) in [("kind", "--public"), ("partner", "--partner")] {
            assert_eq!(option("create", field).as_deref(), Some(expected), "{field}");
        }
    }
}
