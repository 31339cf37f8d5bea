//! `tollgate sandbox`: the sandbox upstreams alone.

use std::io::Write;
use std::sync::Arc;

use clap::Args;

use super::failure::Outcome;
use crate::config::environment;
use crate::sandbox::{Sandbox, SandboxAddresses};
use crate::server;
use crate::server::clock::SystemClock;
use crate::telemetry::logs;

#[derive(Debug, Args)]
pub(super) struct SandboxArguments {
    /// Port of the catalog, on 127.0.0.1; order, logistics and payment get the three after it. 0 picks free ones
    #[arg(long, default_value_t = 9101, value_name = "PORT")]
    port: u16,
}

pub(super) fn run(arguments: SandboxArguments) -> Outcome {
    let _log = logs::start(environment::variable("TOLLGATE_LOG").as_deref());
    let addresses = SandboxAddresses::from_port(arguments.port);
    server::control_plane::runtime()?.block_on(async {
        let sandbox = Sandbox::start(addresses, Arc::new(SystemClock::new())).await?;
        let SandboxAddresses { catalog, order, logistics, payment } = sandbox.addresses();
        writeln!(
            std::io::stdout(),
            "catalog http://{catalog}\norder http://{order}\nlogistics http://{logistics}\npayment http://{payment}"
        )?;
        tokio::signal::ctrl_c().await?;
        sandbox.shutdown().await;
        Ok(())
    })
}
