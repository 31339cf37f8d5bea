//! What another issuer's claims mean here: which app calls, for whom, and what it may. The policies say so by CEL.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::ForeignError;
use super::look::Claims;
use crate::credential::access_token::{ConfirmationClaim, VerifiedToken};
use crate::domain::id::{AppId, MerchantId};
use crate::domain::scope::Scope;
use crate::policy::expression::{EvaluationError, Variables, json};
use crate::policy::issuer::ForeignIssuer;

/// What the id of each such token begins with: none of our own does.
const ID_PREFIX: &str = "ext_";

/// What a token means whose signature fits. `issuer` and `key` are the names of both, `hash` is that of the whole token.
pub(super) fn mapped(
    terms: &ForeignIssuer,
    (claims, payload): (&Claims, &[u8]),
    (issuer, key): (Arc<str>, Arc<str>),
    hash: &[u8; 32],
) -> Result<VerifiedToken, ForeignError> {
    let mut variables = Variables::default();
    variables.add_value("claims", json::read(payload).map_err(|_| ForeignError::Claims)?);
    let app = found(terms.app.evaluate_text(&variables), ForeignError::App)?;
    let merchant = match &terms.merchant {
        Some(merchant) => found(merchant.evaluate_optional_text(&variables), ForeignError::Merchant)?,
        None => None,
    };
    let words = found(terms.scopes.evaluate_words(&variables), ForeignError::Scopes)?;
    let merchant = merchant.as_deref().map(MerchantId::new).transpose();
    let confirmation = claims.cnf.as_ref().map(ConfirmationClaim::meaning).transpose();
    Ok(VerifiedToken {
        id: id(&issuer, claims.jti.as_deref(), hash),
        key,
        app: AppId::new(&app).map_err(|_| ForeignError::App)?,
        merchant: merchant.map_err(|_| ForeignError::Merchant)?,
        grant: None,
        family: None,
        // An issuer has words of its own, too.
        scopes: words.iter().filter_map(|word| word.parse::<Scope>().ok()).collect(),
        confirmation: confirmation.map_err(|_| ForeignError::Confirmation)?,
        // How well somebody proved himself elsewhere is not known here.
        authentication: None,
        made_at: claims.made_at(),
        expires_at: claims.expires_at(),
        issuer: Some(issuer),
    })
}

/// A token's own id is unique among its issuer's alone (RFC 7519, section 4.1.7).
fn id(issuer: &str, jti: Option<&str>, hash: &[u8; 32]) -> String {
    let named = jti.map(|jti| digest(&SHA256, [issuer, "\0", jti].concat().as_bytes()));
    let unique = named.as_ref().map_or(&hash[..], AsRef::as_ref);
    format!("{ID_PREFIX}{}", URL_SAFE_NO_PAD.encode(unique))
}

/// What an expression gave. Why it gave nothing is for the administrator, and has none of the claims in it.
fn found<T>(given: Result<T, EvaluationError>, error: ForeignError) -> Result<T, ForeignError> {
    given.map_err(|why| {
        tracing::debug!(%why, "another issuer's access token is signed well, and its claims mean nothing here");
        error
    })
}
