//! The policies of a node: none comes into force whose plan versions are not kept and that is not in the audit records.

use std::sync::{Arc, Mutex, PoisonError};

use super::error::ServerError;
use super::node::NodeSettings;
use crate::billing::plans::{self, Occasion};
use crate::domain::audit::{Actor, Change};
use crate::domain::id::NodeId;
use crate::domain::time::{Clock, Timestamp};
use crate::policy::live::{Admit, Live};
use crate::store::Store;

/// Loads the policies; each snapshot that takes effect has its plan versions kept, or is refused. The
/// first one that is asked about is that of the start.
pub(super) async fn open(
    settings: &NodeSettings,
    store: &Store,
    clock: Arc<dyn Clock>,
) -> Result<Live, ServerError> {
    let (folder, values, store) = (settings.policies.clone(), settings.values.clone(), store.clone());
    let node = settings.node.clone();
    let control = tokio::runtime::Handle::current();
    let opening = tokio::task::spawn_blocking(move || {
        let at = clock.clone();
        let in_force = Mutex::new(None::<String>);
        let admit: Admit = Box::new(move |snapshot| {
            let mut in_force = in_force.lock().unwrap_or_else(PoisonError::into_inner);
            let occasion = if in_force.is_some() { Occasion::Reload } else { Occasion::Start };
            let change = policy_change(&node, in_force.as_deref(), snapshot.hash.as_str(), at.now());
            control.block_on(async {
                let admitted = plans::admit(&store, snapshot, at.now(), occasion).await;
                admitted.map_err(|error| error.to_string())?;
                store.record_change(&change).await.map_err(|error| error.to_string())
            })?;
            *in_force = Some(snapshot.hash.as_str().to_owned());
            Ok(())
        });
        Live::open(&folder, values, admit, clock)
    });
    let opened = opening.await.map_err(|error| ServerError::Secrets(error.to_string()))?;
    Ok(opened?)
}

/// That another set of policies comes into force on `node`, each named by the hash of its content.
fn policy_change(node: &NodeId, before: Option<&str>, after: &str, at: Timestamp) -> Change {
    let shown = |hash: &str| format!(r#"{{"hash":"{hash}"}}"#);
    Change {
        at,
        actor: Actor::Node(node.clone()),
        credential: None,
        address: None,
        request_id: None,
        action: "policy.activate".to_owned(),
        subject: "policies".to_owned(),
        before: before.map(shown),
        after: Some(shown(after)),
    }
}
