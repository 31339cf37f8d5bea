//! Requests that the holder of a key signed (RFC 9421): what can be refused by the look of the signature is, then its key is looked
//! for, and then the signature is looked at. A call by another credential never comes here.

use std::net::IpAddr;
use std::sync::Arc;

use http::request;

use super::fields;
use super::head::Head;
use super::upload;
use super::worker::Shared;
use crate::credential::content_digest::ContentDigest;
use crate::credential::directory::Identity;
use crate::credential::message_signature::{Body, Message, MessageSignature};
use crate::credential::refused::Refused;
use crate::credential::signatures::Named;
use crate::domain::door::Door;
use crate::domain::id::SignatureKeyId;
use crate::domain::refusal::Refusal;
use crate::domain::signature_mistake::SignatureError;
use crate::domain::signature_mistake::SignatureMistake::ComponentUnknown;
use crate::domain::time::Moment;
use crate::policy::snapshot::Snapshot;

/// A call that is signed.
pub(super) struct Signed<'c> {
    /// Its head.
    pub(super) parts: &'c request::Parts,
    /// Its checked parts.
    pub(super) head: &'c Head<'c>,
    /// Whether it has a body.
    pub(super) body: Body,
    /// The policies that it is under.
    pub(super) snapshot: &'c Snapshot,
    /// The hosts that its route names, if that names any.
    pub(super) hosts: &'c [String],
    /// Where it comes from.
    pub(super) address: IpAddr,
    /// By which door.
    pub(super) door: &'c Door,
    /// By which scheme its connection is spoken.
    pub(super) connection_scheme: &'c str,
    /// When.
    pub(super) moment: Moment,
}

/// Who signed a call.
pub(super) struct Signer {
    /// Whose key it was.
    pub(super) identity: Arc<Identity>,
    /// What the body must be that follows.
    pub(super) digest: Option<Box<ContentDigest>>,
}

/// Who signed a call, if the signature holds.
///
/// # Errors
/// [`Refusal::SignatureInvalid`], [`Refusal::Suspended`]; [`Refusal::LimitReached`] and [`Refusal::Unavailable`] for who sends too
/// many that do not hold.
pub(super) async fn identify(shared: &Shared, signed: &Signed<'_>) -> Result<Signer, Refused> {
    let of_look = |error: SignatureError| Refused::from(Refusal::from(error));
    let signature = MessageSignature::read(&signed.parts.headers).map_err(of_look)?;
    let window = signed.snapshot.platform.signature_window;
    let ends_at = signature.check_time(signed.moment.now, window).map_err(of_look)?;
    let signatures = &shared.signatures;
    signatures.check_remembered(signature.created, (window, signed.moment.now)).map_err(of_look)?;
    signature.check_covers(signed.body).map_err(of_look)?;
    check_nominated(&signature, signed.parts).map_err(of_look)?;
    let digest = digest(&signature, signed)?;

    let (address, moment) = (signed.address, signed.moment);
    let known = shared.directory.identify_signature_key(&signature.key, Some(address), moment).await?;
    let identity = known.identity;
    let refused = |refusal| Refused { refusal, app: Some(identity.caller.app.id.clone()) };
    let (Some(key), Ok(id)) = (&identity.request_key, SignatureKeyId::new(&signature.key)) else {
        return Err(refused(Refusal::Unavailable("The signature's key cannot be used")));
    };
    let message = message(shared, signed);
    let named = Named { id: &id, key, ends_at };
    signatures.take((address, moment), (&signature, named), &message).map_err(refused)?;
    Ok(Signer { identity, digest: digest.map(Box::new) })
}

/// What `Connection` nominates ends at the gateway (RFC 9110, section 7.6.1): the upstream would not see what was signed.
fn check_nominated(signature: &MessageSignature, parts: &request::Parts) -> Result<(), SignatureError> {
    let nominated = fields::nominated(&parts.headers);
    match signature.fields().find(|name| nominated.contains(name)) {
        Some(name) => {
            let detail = format!("\"{name}\" is covered, and Connection says that it ends here");
            Err(SignatureError::new(ComponentUnknown, detail))
        }
        None => Ok(()),
    }
}

/// What the body must be. That of a request that has none is nothing.
fn digest(signature: &MessageSignature, signed: &Signed<'_>) -> Result<Option<ContentDigest>, Refusal> {
    if !signature.covers.digest {
        return Ok(None);
    }
    match (ContentDigest::read(&signed.parts.headers)?, signed.body) {
        (Some(digest), Body::Absent) if digest.clone().begin().matches() => Ok(None),
        (Some(_), Body::Absent) => Err(upload::another_body()),
        (digest, Body::Present | Body::Absent) => Ok(digest),
    }
}

/// The request as whoever signed it sees it: under the gateway's own name it was sent by the scheme by which the world knows that,
/// also if something before the gateway ends TLS. So it was under hosts that a route names.
fn message<'c>(shared: &'c Shared, signed: &Signed<'c>) -> Message<'c> {
    let Signed { parts, head, hosts, door, connection_scheme, .. } = signed;
    let origin = shared.origin(door).split_once("://");
    let scheme = match origin {
        Some((scheme, own)) if !hosts.is_empty() || own.eq_ignore_ascii_case(head.authority) => scheme,
        Some(_) | None => connection_scheme,
    };
    Message {
        method: &parts.method,
        scheme,
        authority: head.authority,
        uri: &parts.uri,
        version: parts.version,
        headers: &parts.headers,
    }
}
