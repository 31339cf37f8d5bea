//! `tollgate sandbox`: the sandbox upstreams alone.

use clap::Args;

use super::failure::Outcome;

#[derive(Debug, Args)]
pub(super) struct SandboxArguments {
    /// Port of the catalog, on 127.0.0.1; order, logistics and payment get the three after it. 0 picks free ones
    #[arg(long, default_value_t = 9101, value_name = "PORT")]
    port: u16,
}

pub(super) fn run(arguments: SandboxArguments) -> Outcome {
    Err(anyhow::anyhow!("this build has no sandbox yet: port {}", arguments.port).into())
}
