//! `tollgate sandbox`: the sandbox upstreams alone.

use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use serde_json::json;

use super::failure::Outcome;
use super::log;
use super::screen::{Format, Screen};
use crate::sandbox::{Sandbox, SandboxAddresses};
use crate::server;
use crate::server::clock::SystemClock;

#[derive(Debug, Args)]
pub(super) struct SandboxArguments {
    /// Port of the catalog, on 127.0.0.1; order, logistics and payment get the three after it. 0 picks free ones
    #[arg(long, default_value_t = 9101, value_name = "PORT")]
    port: u16,
}

pub(super) fn run(arguments: SandboxArguments, screen: &Screen) -> Outcome {
    let _log = log::start()?;
    let addresses = SandboxAddresses::from_port(arguments.port);
    server::control_plane::runtime()?.block_on(async {
        // Before anything is told: who reads it may send a signal at once.
        let stop = server::lifecycle::StopSignal::new()?;
        let sandbox = Sandbox::start(addresses, Arc::new(SystemClock::new())).await;
        let sandbox = match sandbox {
            Ok(sandbox) => sandbox,
            Err((address, error)) => {
                return Err(error).with_context(|| format!("cannot listen on {address}"))?;
            }
        };
        // A closed standard output is no reason to stop.
        let _ = tell(&sandbox.addresses(), screen);
        stop.received().await;
        sandbox.shutdown().await;
        Ok(())
    })
}

fn tell(addresses: &SandboxAddresses, screen: &Screen) -> Outcome {
    let SandboxAddresses { catalog, order, logistics, payment } = addresses;
    let named = [("catalog", catalog), ("order", order), ("logistics", logistics), ("payment", payment)]
        .map(|(name, address)| (name, format!("http://{address}")));
    match screen.format() {
        Format::Human => screen.text(&named.map(|(name, url)| format!("{name} {url}")).join("\n")),
        Format::Json => {
            let mut urls = json!({});
            for (name, url) in named {
                urls[name] = json!(url);
            }
            screen.json(&urls)
        }
    }
}
