//! `tollgate dev`: sandbox upstreams, a node and a demonstration set in one process.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use super::clock::SystemClock;
use super::demo::{self, Demo, DemoApp};
use super::error::ServerError;
use super::node::{Node, NodeSettings};
use super::random::MachineRandom;
use super::{control_plane, lifecycle, secret_file};
use crate::config::settings::{Bounds, DevSettings};
use crate::domain::id::NodeId;
use crate::domain::random::{Random, new_secret};
use crate::domain::time::Clock;
use crate::policy::load::Values;
use crate::sandbox::{Sandbox, SandboxAddresses};

/// Runs until SIGTERM or SIGINT; calls `tell` with what a client needs to know once it serves.
///
/// # Errors
/// [`ServerError`] by the first part that cannot be had.
pub fn run(settings: &DevSettings, tell: &dyn Fn(&Value)) -> Result<(), ServerError> {
    let runtime = control_plane::runtime()?;
    let temporary = match settings.data {
        Some(_) => None,
        None => Some(TemporaryFolder::make()?),
    };
    let data = settings.data.clone().or_else(|| temporary.as_ref().map(|folder| folder.0.clone()));
    let result = runtime.block_on(serve(settings, &data.unwrap_or_default(), tell));
    drop(temporary);
    result
}

async fn serve(settings: &DevSettings, data: &Path, tell: &dyn Fn(&Value)) -> Result<(), ServerError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let random: Arc<dyn Random> = Arc::new(MachineRandom::new());
    let sandbox = Sandbox::start(SandboxAddresses::free(), clock.clone())
        .await
        .map_err(|(address, source)| ServerError::Listen { address: address.to_string(), source })?;
    let node = NodeSettings {
        listen: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, settings.port))),
        tls: settings.tls.clone(),
        trusted_proxies: Vec::new(),
        workers: settings.workers.get(),
        data: data.to_owned(),
        policies: settings.policies.clone(),
        values: Arc::new(SandboxValues(sandbox.addresses())),
        node: NodeId::new("dev").map_err(|error| ServerError::Secrets(error.to_string()))?,
        store: None,
        sealing_key_file: None,
        public_url: None,
        authorities: settings.authorities.clone(),
        bounds: Bounds::default(),
    };
    let node = Node::start(node, clock, random.clone()).await?;
    let demo = demo::make(&node.services).await?;
    let admin_token =
        new_secret("tga_", &*random).map_err(|error| ServerError::Secrets(error.to_string()))?;
    let admin_listen = SocketAddr::from((Ipv4Addr::LOCALHOST, settings.admin_port));
    let admin = control_plane::serve_admin(&node, admin_listen, &admin_token).await?;
    let ready = ready(&node, admin.address(), &admin_token, &demo);
    if let Some(path) = &settings.ready_file {
        secret_file::write(path, ready.to_string().as_bytes(), &*random)?;
    }
    tell(&ready);
    let stopping = lifecycle::wait_for_stop(&node).await.map_err(ServerError::Threads)?;
    node.begin_stop();
    admin.stop().await;
    node.stop().await;
    sandbox.shutdown().await;
    stopping.outcome()
}

/// What a client needs to know.
fn ready(node: &Node, admin: SocketAddr, admin_token: &str, demo: &Demo) -> Value {
    let app = |demo: &DemoApp| {
        json!({
            "name": demo.app.name,
            "client_id": demo.app.id.as_str(),
            "client_secret": demo.secret,
            "api_key": demo.api_key,
            "redirect_uri": demo.app.redirect_uris[0],
        })
    };
    let merchants: Vec<Value> = demo
        .merchants
        .iter()
        .map(|demo| {
            let merchant = &demo.merchant;
            json!({"id": merchant.id.as_str(), "username": merchant.username, "password": demo.password})
        })
        .collect();
    json!({
        "base_url": node.addresses.url(),
        "plain_url": node.addresses.plain_url(),
            "mtls_url": node.addresses.mutual_url(),
        "admin_url": format!("http://{admin}"),
        "admin_token": admin_token,
        "app": app(&demo.app),
        "other_app": app(&demo.other_app),
        "public_app": {
            "client_id": demo.public_app.app.id.as_str(),
            "redirect_uri": demo.public_app.app.redirect_uris[0],
        },
        "merchants": merchants,
    })
}

/// The sandbox upstreams' addresses as values of policy files.
struct SandboxValues(SandboxAddresses);

impl Values for SandboxValues {
    fn value(&self, name: &str) -> Option<String> {
        let address = match name {
            "TOLLGATE_UPSTREAM_CATALOG" => self.0.catalog,
            "TOLLGATE_UPSTREAM_ORDER" => self.0.order,
            "TOLLGATE_UPSTREAM_LOGISTICS" => self.0.logistics,
            "TOLLGATE_UPSTREAM_PAYMENT" => self.0.payment,
            _ => return crate::config::environment::variable(name),
        };
        Some(address.to_string())
    }

    fn file(&self, path: &str) -> Option<String> {
        crate::config::environment::file_value(path)
    }
}

/// A data folder that is removed at the end.
struct TemporaryFolder(std::path::PathBuf);

impl TemporaryFolder {
    fn make() -> Result<Self, ServerError> {
        let name = new_secret("tollgate-", &MachineRandom::new());
        let name = name.map_err(|error| ServerError::Secrets(error.to_string()))?;
        let path = std::env::temp_dir().join(&name[..25]);
        let made = std::fs::DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|source| ServerError::File { path: path.clone(), source })?;
        Ok(Self(path))
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, folder = %self.0.display(), "a temporary folder stays");
        }
    }
}
