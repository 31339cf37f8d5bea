//! Who calls: whom the credential of a request proves, and what has to be shown beside it. The same for calls that go to an
//! upstream and for those that the gateway answers itself.

use std::sync::Arc;

use http::request;

use super::head::Head;
use super::peer::Peer;
use super::worker::Worker;
use super::{confirm, signed};
use crate::credential::content_digest::ContentDigest;
use crate::credential::directory::Identity;
use crate::credential::message_signature::Body;
use crate::credential::presented::{self, Presented};
use crate::credential::refused::Refused;
use crate::domain::time::Moment;
use crate::policy::snapshot::Snapshot;

/// A call whose caller is looked for.
#[derive(Clone, Copy)]
pub(super) struct Asking<'c> {
    /// Its head.
    pub(super) parts: &'c request::Parts,
    /// Its checked parts.
    pub(super) head: &'c Head<'c>,
    /// The policies that it is under.
    pub(super) snapshot: &'c Arc<Snapshot>,
    /// The hosts that its route names, if that names any.
    pub(super) hosts: &'c [String],
    /// The connection that it came on.
    pub(super) peer: &'c Peer,
    /// When.
    pub(super) moment: Moment,
}

/// Who calls, as far as that is proved.
pub(super) struct Proven {
    /// The identity; `None` if there is no credential.
    pub(super) identity: Option<Arc<Identity>>,
    /// What the body must be that follows.
    pub(super) digest: Option<Box<ContentDigest>>,
}

/// Who calls, if the core has met the caller lately or there is no credential; else it is to be looked up.
pub(super) fn known(worker: &Worker, asking: &Asking<'_>) -> Option<Proven> {
    let shown = asking.head.shown;
    match worker.recent.borrow_mut().find(shown, asking.moment) {
        None if shown.is_something() => None,
        identity => Some(Proven { identity, digest: None }),
    }
}

/// Who calls by the certificate of the connection, where no other credential says it, if the connection remembers.
pub(super) fn known_by_connection(worker: &Worker, asking: &Asking<'_>) -> Option<Arc<Identity>> {
    asking.peer.certificate()?.known(&worker.shared.directory, asking.moment)
}

/// The same, as the connection remembers, or the directory knows or learns.
///
/// # Errors
/// Why the certificate is refused, with whose it is if that is known.
pub(super) async fn by_connection(
    worker: &Worker,
    asking: &Asking<'_>,
) -> Result<Option<Arc<Identity>>, Refused> {
    let Some(certificate) = asking.peer.certificate() else { return Ok(None) };
    match known_by_connection(worker, asking) {
        Some(identity) => Ok(Some(identity)),
        None => certificate.look_up(&worker.shared.directory, asking.peer.address, asking.moment).await,
    }
}

/// Who calls, asked again after a wait in which that may have ended. What was shown beside the credential was taken before. Who signed
/// the request is not asked for again, as a signature is taken once; nobody does for a merchant.
///
/// # Errors
/// Why the credential is refused by now.
pub(super) async fn again(worker: &Worker, asking: Asking<'_>) -> Result<Option<Arc<Identity>>, Refused> {
    match known(worker, &asking) {
        Some(proven) => Ok(proven.identity),
        None => Ok(look_up(worker, asking, Body::Present).await?.identity),
    }
}

/// Who calls, as the directory knows or learns.
///
/// # Errors
/// Why the credential is refused, with whose it is if that is known.
pub(super) async fn look_up(worker: &Worker, asking: Asking<'_>, body: Body) -> Result<Proven, Refused> {
    let Asking { parts, head, snapshot, hosts, peer, moment } = asking;
    let shown = head.shown;
    if shown.is_signed_alone() {
        let connection_scheme = peer.fields.forwarded_proto.to_str().unwrap_or("http");
        let (address, door) = (peer.address, &peer.fields.door);
        let signed =
            signed::Signed { parts, head, body, snapshot, hosts, address, door, connection_scheme, moment };
        let signer = signed::identify(&worker.shared, &signed).await?;
        return Ok(Proven { identity: Some(signer.identity), digest: signer.digest });
    }
    let presented = presented::find(shown)?;
    let known = match worker.shared.directory.identify_from(presented, Some(peer.address), moment).await {
        Ok(known) => known,
        Err(refused) => {
            // As of a flood of guesses: nobody who is known waits for their answers.
            if matches!(presented, Presented::ApiKey(_)) {
                worker.turns.next().await;
            }
            return Err(refused);
        }
    };
    let identity = known.as_ref().map(|known| known.identity.clone());
    if let Some(known) = known.filter(|_| presented.is_plain(shown)) {
        worker.recent.borrow_mut().keep(shown, known);
    }
    Ok(Proven { identity, digest: None })
}

/// Checks what has to be shown beside a credential that was found good, whose use is noted.
///
/// # Errors
/// As [`confirm::check`], with whose credential it is.
pub(super) fn confirm(worker: &Worker, identity: &Identity, asking: &Asking<'_>) -> Result<(), Refused> {
    let Asking { parts, head, snapshot, hosts, peer, moment } = *asking;
    if identity.is_use_due(moment.now) {
        worker.note_use(identity, moment.now);
    }
    if identity.confirmation.is_none() {
        return Ok(());
    }
    let (address, door) = (peer.address, &peer.fields.door);
    let shown = confirm::Shown { parts, head, snapshot, hosts, address, door, moment };
    let app = || Some(identity.caller.app.id.clone());
    confirm::check(&worker.shared, identity, &shown).map_err(|refusal| Refused { refusal, app: app() })
}
