//! How a node opens its store.

use super::error::ServerError;
use super::node::NodeSettings;
use crate::store::Store;

/// Opens the store, in a task, so that SQLite's threads give way to the cores.
pub(super) async fn open_store(settings: &NodeSettings) -> Result<Store, ServerError> {
    let address = match &settings.store {
        Some(address) => address.clone(),
        None => format!("sqlite:{}", settings.data.join("tollgate.db").display()),
    };
    let opening = tokio::spawn(async move { Store::open(&address).await });
    let opened = opening.await.map_err(|error| ServerError::Threads(std::io::Error::other(error)))?;
    Ok(opened?)
}
