//! Calls whose parameters are signed, on routes that take such: the query and a form are looked at together, a key is looked for by
//! the parameter that names it, and then the signature is looked at. What was signed so acts for no merchant.
//!
//! Invariant: a signature that was taken ends here: neither query nor form has it when the upstream gets them.

use std::sync::Arc;

use hyper::body::Incoming;

use super::form::{self, Form};
use super::identify::Asking;
use super::upload;
use super::worker::Worker;
use crate::credential::directory::Identity;
use crate::credential::message_signature::SignatureError;
use crate::credential::parameter_signature::{
    ParameterSignature, Parameters, Source, have_signature, mean_signature, without,
};
use crate::credential::refused::Refused;
use crate::domain::id::SignatureKeyId;
use crate::domain::refusal::Refusal;
use crate::domain::signature_mistake::SignatureMistake::ComponentMissing;
use crate::domain::signature_style::ParameterStyle;

/// What came of looking at a call's parameters.
#[derive(Debug, Default)]
pub(super) struct Looked {
    /// Who signed them, if they are signed.
    pub(super) identity: Option<Arc<Identity>>,
    /// The query without its signature, if that stood there.
    pub(super) query: Option<String>,
    /// The form that had to be read, without a signature.
    pub(super) form: Option<Form>,
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
    let form = match form::is_form(&call.parts.headers) {
        true => form::read((worker, call.peer), (&mut *body, call.parts.version), max_body).await?,
        false => None,
    };
    let query = call.parts.uri.query().unwrap_or_default();
    let text = form.as_ref().map_or("", Form::text);
    match call.head.shown.is_something() {
        true if have_signature(query, text) => return Err(Refusal::CredentialRepeated.into()),
        false if mean_signature(style, query, text) => {}
        true | false => return Ok(Looked { form, ..Looked::default() }),
    }
    if body.as_ref().is_some_and(|body| !upload::is_empty(body)) {
        return Err(of_look(not_covered()));
    }
    let parameters = Parameters::read(query, text).map_err(of_look)?;
    let identity = verify(worker, style, call, &parameters).await?;
    let place = parameters.sign_place().cloned();
    drop(parameters);
    let identity = Some(identity);
    Ok(match place {
        Some((Source::Query, place)) => {
            Looked { identity, query: Some(without(query, &place).into_owned()), form }
        }
        Some((Source::Form, place)) => {
            Looked { identity, query: None, form: form.map(|form| form.without(&place)) }
        }
        None => Looked { identity, query: None, form },
    })
}

async fn verify(
    worker: &Worker,
    style: ParameterStyle,
    call: Asking<'_>,
    parameters: &Parameters<'_>,
) -> Result<Arc<Identity>, Refused> {
    let (shared, address, moment) = (&worker.shared, call.peer.address, call.moment);
    let signature = ParameterSignature::read(style, parameters).map_err(of_look)?;
    let known = shared.directory.identify_signature_key(signature.key(), Some(address), moment).await?;
    let identity = known.identity;
    let refused = |refusal| Refused { refusal, app: Some(identity.caller.app.id.clone()) };
    let (Some(key), Ok(id)) = (&identity.request_key, SignatureKeyId::new(signature.key())) else {
        return Err(refused(Refusal::Unavailable("The signature's key cannot be used")));
    };
    shared.signatures.take_parameters((address, moment), &signature, (&id, key)).map_err(refused)?;
    Ok(identity)
}

fn of_look(error: SignatureError) -> Refused {
    Refused::from(Refusal::from(error))
}

fn not_covered() -> SignatureError {
    let detail = "the body is not covered: send what it has as application/x-www-form-urlencoded, in UTF-8 and not compressed";
    SignatureError::new(ComponentMissing, detail)
}
