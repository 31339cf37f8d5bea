//! How a caller can prove itself who did not (`WWW-Authenticate`): as Bearer (RFC 6750, section 3), or with a proof of
//! possession (RFC 9449, section 7.1), and where more is to be learnt (RFC 9728, section 5.1); and what a signature must have whose
//! was refused.

use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::fields::X_REQUEST_ID;
use crate::credential::jwk::Algorithm;
use crate::credential::message_signature::SIGNATURE_INPUT;
use crate::credential::presented::Scheme;
use crate::domain::authentication::Step;
use crate::domain::ended::Ended;
use crate::domain::refusal::Refusal;
use crate::domain::signature_mistake::SignatureMistake;

/// Says what a signature must have (RFC 9421, section 5.1).
const ACCEPT_SIGNATURE: HeaderName = HeaderName::from_static("accept-signature");

/// What challenges have in common.
#[derive(Debug)]
pub struct Challenges {
    bearer: String,
    dpop: String,
}

impl Challenges {
    /// Those of the API that the world knows by `origin`.
    #[must_use]
    pub fn of(origin: &str) -> Self {
        let metadata = format!("resource_metadata=\"{origin}/.well-known/oauth-protected-resource\"");
        let algorithms = Algorithm::NAMES.join(" ");
        Self {
            bearer: format!("Bearer realm=\"tollgate\", {metadata}"),
            dpop: format!("DPoP realm=\"tollgate\", algs=\"{algorithms}\", {metadata}"),
        }
    }

    /// Adds to an answer the challenge of a refusal, if there is anything to prove. `sent` are the fields of the request.
    pub fn add(&self, to: &mut HeaderMap, refusal: &Refusal, sent: &HeaderMap) {
        let Some(error) = error(refusal) else { return };
        let scheme = sent.get(AUTHORIZATION).and_then(Scheme::of);
        let (tried, other) = match scheme {
            Some(Scheme::Dpop) => (&self.dpop, None),
            Some(Scheme::Bearer) | None => (&self.bearer, Some(&self.dpop)),
        };
        append(to, &format!("{tried}{error}"));
        if is_of_message(refusal, sent) {
            let wanted = wanted_signature(to);
            to.extend(wanted.map(|wanted| (ACCEPT_SIGNATURE, wanted)));
        }
        // Who may prove itself in another way is told so.
        if matches!(
            refusal,
            Refusal::CredentialMissing | Refusal::CredentialInvalid(_) | Refusal::CertificateInvalid(_)
        ) {
            other.into_iter().for_each(|other| append(to, other));
        }
    }
}

/// What the next signature must have. A nonce is asked for by its value (RFC 9421, section 5.1), and the id of the answer to which
/// `fields` belong is one that no other request has.
fn wanted_signature(fields: &HeaderMap) -> Option<HeaderValue> {
    let nonce = fields.get(X_REQUEST_ID)?.to_str().ok()?;
    let covered = "\"@method\" \"@target-uri\" \"content-digest\"";
    HeaderValue::from_str(&format!("sig=({covered});created;nonce=\"{nonce}\"")).ok()
}

/// Whether it was a signed message (RFC 9421) that was refused: who signs parameters is told of them. Of a body that is another, nothing
/// of the head need be at hand.
fn is_of_message(refusal: &Refusal, sent: &HeaderMap) -> bool {
    match refusal {
        Refusal::SignatureInvalid(error) => {
            error.mistake == SignatureMistake::DigestMismatch || sent.contains_key(SIGNATURE_INPUT)
        }
        _ => false,
    }
}

/// What is wrong, as parameters of a challenge; `None` for a refusal that no credential would change.
fn error(refusal: &Refusal) -> Option<String> {
    let named = |error: &str| Some(format!(", error=\"{error}\""));
    match refusal {
        // RFC 6750, section 3.1: no error code for a request without a credential in its head.
        Refusal::CredentialMissing | Refusal::CertificateInvalid(_) | Refusal::SignatureInvalid(_) => {
            Some(String::new())
        }
        Refusal::CredentialInvalid(_) | Refusal::Ended(Ended::Revoked(_)) => named("invalid_token"),
        Refusal::CredentialRepeated => named("invalid_request"),
        Refusal::ProofInvalid(_) => named("invalid_dpop_proof"),
        Refusal::ProofNonceNeeded(_) => named("use_dpop_nonce"),
        Refusal::AuthenticationInsufficient(step) => Some(insufficient(step)),
        // RFC 6750, section 3: `scope` is what the resource requires, not what is missing.
        Refusal::ScopeMissing { required, .. } => {
            Some(format!(", error=\"insufficient_scope\", scope=\"{required}\""))
        }
        Refusal::MessageMalformed(_)
        | Refusal::TransferCodingUnsupported
        | Refusal::UpgradeUnsupported
        | Refusal::PathAmbiguous(_)
        | Refusal::HeadersTooLarge { .. }
        | Refusal::BodyTooLarge { .. }
        | Refusal::BodyTooSlow
        | Refusal::MethodNotServed
        | Refusal::RouteUnknown
        | Refusal::MethodNotAllowed { .. }
        | Refusal::Suspended(_)
        | Refusal::NotSubscribed
        | Refusal::ProductNotAllowed { .. }
        | Refusal::AddressNotAllowed(..)
        | Refusal::EnvironmentMismatch
        | Refusal::MerchantMissing
        | Refusal::OwnCredentialNeeded
        | Refusal::MerchantMismatch(_)
        | Refusal::MerchantUnclear(..)
        | Refusal::ConditionUnmet(_)
        | Refusal::SwitchedOff(_)
        | Refusal::Ended(Ended::Suspended(_) | Ended::SwitchedOff(_) | Ended::Unclear)
        | Refusal::LimitReached { .. }
        | Refusal::BeyondPlan(_)
        | Refusal::BalanceExhausted(_)
        | Refusal::UpstreamTokenMissing { .. }
        | Refusal::UpstreamTokenRefused { .. }
        | Refusal::UpstreamUnreachable
        | Refusal::UpstreamTimeout
        | Refusal::UpstreamBroken
        | Refusal::AnswerUnmaskable(_)
        | Refusal::AnswerWithheld { .. }
        | Refusal::Unavailable(_)
        | Refusal::Unrecorded => None,
    }
}

/// RFC 9470, section 3.
fn insufficient(step: &Step) -> String {
    let mut error = ", error=\"insufficient_user_authentication\"".to_owned();
    if let Some(class) = step.class {
        error.push_str(&format!(", acr_values=\"{}\"", class.name()));
    }
    if let Some(max_age) = step.max_age {
        error.push_str(&format!(", max_age=\"{}\"", max_age.as_secs()));
    }
    error
}

fn append(to: &mut HeaderMap, challenge: &str) {
    to.extend(HeaderValue::from_str(challenge).ok().map(|challenge| (WWW_AUTHENTICATE, challenge)));
}
