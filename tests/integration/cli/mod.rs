//! The real program, run as a person or a script runs it.

mod administration;
mod arguments;
mod balances;
mod compared;
mod credentials;
mod exceptions;
mod explain;
mod explain_binding;
mod explain_caps;
mod explain_money;
mod explain_on_node;
mod explain_order;
mod explain_quota;
mod explain_recorded;
mod explain_unrecorded;
mod in_use;
mod journal;
mod keys;
mod ledger;
mod plans;
mod policy;
mod process;
mod programs;
mod proof_keys;
mod readme;
mod serve;
mod statements;
mod subscriptions;
mod switches;
mod tls;
mod trusted_proxy;

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The program with those arguments, in a clean environment.
pub(crate) fn tollgate(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command.args(arguments).env_clear().stdin(Stdio::null());
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")));
    command
}

/// What became of a run.
pub(crate) struct Finished {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

pub(crate) fn run(arguments: &[&str]) -> Finished {
    finished(tollgate(arguments).output().unwrap())
}

pub(crate) fn finished(output: Output) -> Finished {
    Finished {
        status: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}
