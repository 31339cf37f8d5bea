//! `tollgate serve`: a production node.

use std::sync::Arc;

use serde_json::json;

use super::clock::SystemClock;
use super::error::ServerError;
use super::node::{Node, NodeSettings};
use super::random::MachineRandom;
use super::{control_plane, lifecycle, secret_file};
use crate::config::environment;
use crate::config::settings::{Bounds, ServeSettings};
use crate::domain::random::Random;
use crate::domain::time::Clock;
use crate::policy::load::Values;

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
/// [`ServerError`] by the first part that cannot be had.
pub fn run(settings: &ServeSettings, admin_token: &str) -> Result<(), ServerError> {
    control_plane::runtime()?.block_on(serve(settings, admin_token))
}

async fn serve(settings: &ServeSettings, admin_token: &str) -> Result<(), ServerError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let random: Arc<dyn Random> = Arc::new(MachineRandom::new());
    let node = NodeSettings {
        listen: settings.listen,
        tls: settings.tls.clone(),
        trusted_proxies: settings.trusted_proxies.clone(),
        workers: settings.workers.get(),
        data: settings.data.clone(),
        policies: settings.policies.clone(),
        values: Arc::new(Environment),
        node: settings.node.clone(),
        store: settings.store.clone(),
        sealing_key_file: settings.sealing_key_file.clone(),
        public_url: settings.public_url.clone(),
        authorities: settings.authorities.clone(),
        bounds: Bounds::default(),
    };
    if let Some(url) = settings.public_url.as_ref().filter(|url| !url.is_secure()) {
        tracing::warn!(public_url = %url, "the public URL is http: passwords, secrets and tokens can be read on the way");
    }
    let node = Node::start(node, clock, random.clone()).await?;
    let admin = control_plane::serve_admin(&node, settings.admin_listen, admin_token).await?;
    if let Some(path) = &settings.ready_file {
        let ready = json!({
            "base_url": node.addresses.url(),
            "plain_url": node.addresses.plain_url(),
            "mtls_url": node.addresses.mutual_url(),
            "admin_url": format!("http://{}", admin.address()),
        });
        secret_file::write(path, ready.to_string().as_bytes(), &*random)?;
    }
    let (partners, in_clear_text) = (node.addresses.url(), node.addresses.plain_url());
    tracing::info!(partners, in_clear_text, administrators = %admin.address(), "serving");
    let stopping = lifecycle::wait_for_stop(&node).await.map_err(ServerError::Threads)?;
    node.begin_stop();
    admin.stop().await;
    node.stop().await;
    stopping.outcome()?;
    tracing::info!("stopped: all that was used is on disk");
    Ok(())
}

/// Values of policy files from the environment.
struct Environment;

impl Values for Environment {
    fn value(&self, name: &str) -> Option<String> {
        environment::variable(name)
    }

    fn file(&self, path: &str) -> Option<String> {
        environment::file_value(path)
    }
}
