//! Calls whose parameters are signed, on routes that take such: the query and a form are looked at together, a key is looked for by
//! the parameter that names it, and then the signature is looked at. What was signed so acts for no merchant. Of who shows a
//! credential in a field the form is a body like any other, whatever its parameters are called.
//!
//! Invariant: a signature that was taken ends here, and with it each parameter that it does not cover: neither query nor form has
//! them when the upstream gets them.

use std::sync::Arc;

use hyper::body::Incoming;

use super::form::{self, Form};
use super::identify::Asking;
use super::upload;
use super::worker::Worker;
use crate::credential::directory::Identity;
use crate::credential::parameter_signature::{
    Covered, ParameterSignature, Parameters, has_signature, means_signature, without,
};
use crate::credential::refused::Refused;
use crate::domain::id::SignatureKeyId;
use crate::domain::refusal::Refusal;
use crate::domain::signature_mistake::SignatureError;
use crate::domain::signature_mistake::SignatureMistake::ComponentMissing;
use crate::domain::signature_style::ParameterStyle;
use crate::domain::time::Moment;

/// What came of looking at a call's parameters.
#[derive(Debug, Default)]
pub(super) struct Looked {
    /// Who signed them, if they are signed.
    pub(super) identity: Option<Arc<Identity>>,
    /// The query without what of it ends here, if there is such.
    pub(super) query: Option<String>,
    /// The form that had to be read, without what of it ends here.
    pub(super) form: Option<Form>,
    /// When it had come: who calls and what it may is decided by then.
    pub(super) came_at: Option<Moment>,
}

/// Who signed a call's parameters, if anyone did, on a route that takes `style` and bodies of up to `max_body` bytes. A form is taken
/// out of `body`.
///
/// # Errors
/// [`Refusal::SignatureInvalid`], [`Refusal::CredentialRepeated`], [`Refusal::Suspended`]; what [`form::read`] refuses;
/// [`Refusal::LimitReached`] and [`Refusal::Unavailable`] for who sends too many that do not hold.
pub(super) async fn look(
    worker: &Worker,
    (style, max_body): (ParameterStyle, u64),
    call: Asking<'_>,
    body: &mut Option<Incoming>,
) -> Result<Looked, Refused> {
    let query = call.parts.uri.query().unwrap_or_default();
    if call.head.shown.is_something() {
        return match has_signature(query) {
            true => Err(Refusal::CredentialRepeated.into()),
            false => Ok(Looked::default()),
        };
    }
    let form = match form::is_form(call.parts) {
        true => form::read((worker, call.peer), (&mut *body, call.parts.version), max_body).await?,
        false => None,
    };
    let came_at = form.as_ref().map(|_| worker.shared.clock.moment());
    let call = Asking { moment: came_at.unwrap_or(call.moment), ..call };
    let text = form.as_ref().map_or("", Form::text);
    if !means_signature(style, query) && !means_signature(style, text) {
        return Ok(Looked { form, came_at, ..Looked::default() });
    }
    if body.as_ref().is_some_and(|body| !upload::is_empty(body)) {
        return Err(of_look(not_covered()));
    }
    let parameters = Parameters::read(query, text).map_err(of_look)?;
    let (identity, covered) = verify(worker, style, call, &parameters).await?;
    let spent = parameters.spent(covered);
    drop(parameters);
    let query = (!spent.query.is_empty()).then(|| without(query, &spent.query));
    let form = match spent.form.is_empty() {
        true => form,
        false => form.map(|form| form.without(&spent.form)),
    };
    Ok(Looked { identity: Some(identity), query, form, came_at })
}

async fn verify(
    worker: &Worker,
    style: ParameterStyle,
    call: Asking<'_>,
    parameters: &Parameters<'_>,
) -> Result<(Arc<Identity>, Covered), Refused> {
    let (shared, address, moment) = (&worker.shared, call.peer.address, call.moment);
    let signature = ParameterSignature::read(style, parameters).map_err(of_look)?;
    let known = shared.directory.identify_signature_key(signature.key(), Some(address), moment).await?;
    let identity = known.identity;
    let refused = |refusal| Refused { refusal, app: Some(identity.caller.app.id.clone()) };
    let (Some(key), Ok(id)) = (&identity.request_key, SignatureKeyId::new(signature.key())) else {
        return Err(refused(Refusal::Unavailable("The signature's key cannot be used")));
    };
    let taken = shared.signatures.take_parameters((address, moment), &signature, (&id, key));
    let covered = taken.map_err(refused)?;
    Ok((identity, covered))
}

fn of_look(error: SignatureError) -> Refused {
    Refused::from(Refusal::from(error))
}

fn not_covered() -> SignatureError {
    let detail = "the body is not covered: send what it has by POST, PUT or PATCH as application/x-www-form-urlencoded, in UTF-8 and \
                  not compressed";
    SignatureError::new(ComponentMissing, detail)
}
