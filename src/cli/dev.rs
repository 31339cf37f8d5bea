//! `tollgate dev`: everything in one process.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

use super::failure::{Failure, Outcome};
use crate::config::environment;
use crate::config::settings::DevSettings;
use crate::server;
use crate::telemetry::logs;

#[derive(Debug, Args)]
pub(super) struct DevArguments {
    /// Port for partners, on 127.0.0.1; 0 picks a free one
    #[arg(long, default_value_t = 8080, value_name = "PORT")]
    port: u16,
    /// Port for administrators, on 127.0.0.1; 0 picks a free one
    #[arg(long, default_value_t = 8081, value_name = "PORT")]
    admin_port: u16,
    /// Keep data in this folder [default: a temporary one, removed at the end]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The policy folder
    #[arg(long, default_value = "policies", value_name = "DIR")]
    policies: PathBuf,
    /// Once it serves, write addresses and credentials to this file, as JSON that only you can read
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// How many cores serve partners [default: all]
    #[arg(long, value_name = "N")]
    workers: Option<NonZeroUsize>,
}

impl DevArguments {
    fn settings(self) -> DevSettings {
        DevSettings {
            port: self.port,
            admin_port: self.admin_port,
            data: self.data,
            policies: self.policies,
            ready_file: self.ready_file,
            workers: self.workers.unwrap_or_else(all_cores),
        }
    }
}

/// The cores that this process may use.
pub(super) fn all_cores() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

pub(super) fn run(arguments: DevArguments) -> Outcome {
    let settings = arguments.settings();
    let _log = logs::start(environment::variable("TOLLGATE_LOG").as_deref());
    server::dev::run(&settings).map_err(Failure::of_server)
}
