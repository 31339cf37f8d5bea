//! The policies of a node: none comes into force whose plan versions are not kept and that is not in the audit records. While
//! the store that both go to is out of reach, those in force stay.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use super::error::ServerError;
use super::node::NodeSettings;
use crate::billing::plans::{self, Occasion, PlanError};
use crate::domain::action::Action;
use crate::domain::audit::{Actor, AuditRecord, Change, Subject};
use crate::domain::id::NodeId;
use crate::domain::time::{Clock, Timestamp};
use crate::policy::approval;
use crate::policy::issuer::ForeignIssuer;
use crate::policy::live::{Admit, Coming, Live};
use crate::policy::load::LoadError;
use crate::policy::snapshot::Snapshot;
use crate::store::audit::AuditFilter;
use crate::store::{Page, Store, StoreError};

/// Loads the policies of the platform that is known as `issuer`; each snapshot that takes effect has its plan versions kept, or is
/// refused. The first one that is asked about is that of the start.
pub(super) async fn open(
    settings: &NodeSettings,
    store: &Store,
    issuer: &str,
    clock: Arc<dyn Clock>,
) -> Result<Live, ServerError> {
    let (folder, values, store) = (settings.policies.clone(), settings.values.clone(), store.clone());
    let (node, issuer) = (settings.node.clone(), issuer.to_owned());
    let ran_with = last_activation(&store, &node).await?;
    let control = tokio::runtime::Handle::current();
    let opening = tokio::task::spawn_blocking(move || {
        let at = clock.clone();
        let in_force = Mutex::new(None::<String>);
        let admit: Admit = Box::new(move |coming: Coming<'_>, asked| {
            let snapshot = coming.snapshot;
            check_issuers(snapshot, &issuer)?;
            let now = at.now();
            if let Some(before) = coming.before {
                let checked = approval::check(before, snapshot, now);
                checked.map_err(|unapproved| LoadError::Refused(unapproved.to_string()))?;
            }
            let mut in_force = in_force.lock().unwrap_or_else(PoisonError::into_inner);
            let occasion = match (&*in_force, &ran_with) {
                (Some(_), _) => Occasion::Reload,
                (None, Some((hash, since))) if *hash != snapshot.hash.as_str() => Occasion::Changed(*since),
                (None, _) => Occasion::Start,
            };
            let terms = &coming.before.unwrap_or(snapshot).platform.changes;
            let approvers = approval::approved_by(terms, snapshot);
            let hashes = (in_force.as_deref(), snapshot.hash.as_str());
            let activated = activation(&node, hashes, &approvers, now);
            let (before, after) = (activated.before.clone(), activated.after.clone());
            let asked = asked.map(|asked| Change { before, after, ..asked.clone() });
            let changes: Vec<_> = std::iter::once(activated).chain(asked).collect();
            control.block_on(async {
                let admitted = plans::admit_after(&store, coming, (now, occasion), &changes).await;
                admitted.map_err(|error| match error {
                    PlanError::Changed(_)
                    | PlanError::TooSoon(_)
                    | PlanError::Unannounced(_)
                    | PlanError::Lacking(_) => LoadError::Refused(error.to_string()),
                    PlanError::Store(error) => unavailable(&error),
                })
            })?;
            *in_force = Some(snapshot.hash.as_str().to_owned());
            Ok(())
        });
        Live::open(&folder, values, admit, clock)
    });
    let opened = opening.await.map_err(|error| ServerError::Secrets(error.to_string()))?;
    Ok(opened?)
}

/// The tokens of `ours` are taken by its own keys: a set that has it read from elsewhere would have no effect, or a wrong one.
fn check_issuers(snapshot: &Snapshot, ours: &str) -> Result<(), LoadError> {
    let is_ours = |issuer: &&Arc<ForeignIssuer>| issuer.issuer.as_str().trim_end_matches('/') == ours;
    match snapshot.platform.issuers.iter().find(is_ours) {
        Some(issuer) => {
            let message = format!("{}: {ours} is this platform itself, not another issuer", issuer.source);
            Err(LoadError::Refused(message))
        }
        None => Ok(()),
    }
}

fn unavailable(error: &StoreError) -> LoadError {
    LoadError::Unavailable(format!("what comes into force cannot be recorded: {error}"))
}

/// By which policies a node ran last, by their hash, and since when.
async fn last_activation(store: &Store, node: &NodeId) -> Result<Option<(String, Timestamp)>, StoreError> {
    let (actor, action) = (Some(Actor::Node(node.clone()).to_string()), Some(Action::PolicyActivate));
    let filter = AuditFilter { actor, action, ..AuditFilter::default() };
    let last = store.audit_records(&filter, &Page::first().with_size(1)).await?.into_iter().next();
    let hash = |record: &AuditRecord| {
        let after: Value = serde_json::from_str(record.after.as_deref()?).ok()?;
        after["hash"].as_str().map(str::to_owned)
    };
    Ok(last.and_then(|record| Some((hash(&record)?, record.at))))
}

/// That another set of policies comes into force on `node`, each named by the hash of its content, with who approved it.
fn activation(
    node: &NodeId,
    (before, after): (Option<&str>, &str),
    approved_by: &[&str],
    at: Timestamp,
) -> Change {
    let shown = |hash: &str| json!({ "hash": hash });
    let mut set = shown(after);
    if !approved_by.is_empty() {
        set["approved_by"] = json!(approved_by);
    }
    Change {
        at,
        actor: Actor::Node(node.clone()),
        credential: None,
        address: None,
        request_id: None,
        action: Action::PolicyActivate,
        subject: Subject::new("policies"),
        before: before.map(|hash| shown(hash).to_string()),
        after: Some(set.to_string()),
    }
}
