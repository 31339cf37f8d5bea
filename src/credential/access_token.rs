//! Access tokens: RFC 9068 JWTs, signed by keys that this platform made.
//!
//! Time and randomness are passed in.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

pub use super::key_ring::{KeyRing, RingKey};
pub use super::signing_key::{KeyError, SigningKey};
pub use super::token_verifier::TokenVerifier;
use crate::domain::authentication::{Authentication, AuthenticationClass};
use crate::domain::confirmation::{Confirmation, Thumbprint};
use crate::domain::id::{AppId, FamilyId, GrantId, MerchantId};
use crate::domain::scope::ScopeSet;
use crate::domain::time::Timestamp;

/// Longest access token that is made or looked at, in bytes.
pub(super) const MAX_TOKEN_LENGTH: usize = 4096;

/// Why a token proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a JWT of the kind that this platform signs.
    #[error("not an access token of this platform")]
    Foreign,
    /// Signed by a key that may be one of this platform, and is none that is known.
    #[error("signed by a key that is not known")]
    UnknownKey,
    /// The signature does not fit.
    #[error("the signature does not fit")]
    Signature,
    /// Made by another issuer or for another audience.
    #[error("made by another issuer or for another audience")]
    Audience,
    /// Past its end.
    #[error("expired")]
    Expired,
    /// Claims that cannot be.
    #[error("a claim is missing or malformed")]
    Claims,
}

impl TokenError {
    /// What to tell the caller.
    #[must_use]
    pub fn explanation(self) -> &'static str {
        match self {
            Self::Foreign | Self::UnknownKey => "This is not an access token of this platform.",
            Self::Signature => "The access token's signature does not fit.",
            Self::Audience => "The access token was made by another issuer or for another audience.",
            Self::Expired => "The access token has expired.",
            Self::Claims => "A claim of the access token is missing or malformed.",
        }
    }
}

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedToken {
    /// Its id (`jti`, or what is made of it, of another issuer).
    pub id: String,
    /// The key that signed it: its `kid`, or, of another issuer, the name by which it is trusted here.
    pub key: Arc<str>,
    /// The app (`client_id`).
    pub app: AppId,
    /// On whose behalf (`merchant`).
    pub merchant: Option<MerchantId>,
    /// By which consent (`grant`).
    pub grant: Option<GrantId>,
    /// The family of refresh tokens that it came with (`family`); revoked with it.
    pub family: Option<FamilyId>,
    /// What it permits (`scope`).
    pub scopes: ScopeSet,
    /// What its holder has to show beside it (`cnf`).
    pub confirmation: Option<Confirmation>,
    /// How its merchant had proved itself (`auth_time`, `acr`).
    pub authentication: Option<Authentication>,
    /// When it was made (`made`, or `iat`).
    pub made_at: Timestamp,
    /// Until when (`exp`).
    pub expires_at: Timestamp,
    /// Which other issuer made it (`iss`); `None`: this platform.
    pub issuer: Option<Arc<str>>,
}

/// A new token's contents.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// Its id (`jti`): unique.
    pub id: String,
    /// The app.
    pub app: AppId,
    /// On whose behalf.
    pub merchant: Option<MerchantId>,
    /// By which consent.
    pub grant: Option<GrantId>,
    /// The family of refresh tokens that it comes with.
    pub family: Option<FamilyId>,
    /// What it permits.
    pub scopes: ScopeSet,
    /// What its holder has to show beside it.
    pub confirmation: Option<Confirmation>,
    /// How its merchant had proved itself.
    pub authentication: Option<Authentication>,
}

impl NewToken {
    /// A token that an app gets for itself, bound to nothing. Its id is still to be given.
    #[must_use]
    pub fn of_app(app: AppId, scopes: ScopeSet) -> Self {
        Self {
            id: String::new(),
            app,
            merchant: None,
            grant: None,
            family: None,
            scopes,
            confirmation: None,
            authentication: None,
        }
    }
}

/// The claim `cnf` (RFC 7800, section 3.1).
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ConfirmationClaim {
    #[serde(skip_serializing_if = "Option::is_none")]
    jkt: Option<String>,
    #[serde(rename = "x5t#S256", skip_serializing_if = "Option::is_none")]
    x5t: Option<String>,
}

/// A confirmation as the value of `cnf`.
#[must_use]
pub fn cnf(confirmation: Confirmation) -> serde_json::Value {
    serde_json::json!(ConfirmationClaim::from(confirmation))
}

impl From<Confirmation> for ConfirmationClaim {
    fn from(confirmation: Confirmation) -> Self {
        match confirmation {
            Confirmation::Key(Thumbprint(key)) => Self { jkt: Some(URL_SAFE_NO_PAD.encode(key)), x5t: None },
            Confirmation::Certificate(Thumbprint(certificate)) => {
                Self { jkt: None, x5t: Some(URL_SAFE_NO_PAD.encode(certificate)) }
            }
        }
    }
}

impl ConfirmationClaim {
    /// What has to be shown beside the token.
    pub(super) fn meaning(&self) -> Result<Confirmation, TokenError> {
        let thumbprint = |text: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
            bytes.map(Thumbprint).ok_or(TokenError::Claims)
        };
        match (&self.jkt, &self.x5t) {
            (Some(key), None) => thumbprint(key).map(Confirmation::Key),
            (None, Some(certificate)) => thumbprint(certificate).map(Confirmation::Certificate),
            // What is not understood must not be taken for a token that is bound to nothing.
            (None, None) | (Some(_), Some(_)) => Err(TokenError::Claims),
        }
    }
}

/// The claims of RFC 9068, section 2.2, and four of our own.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Claims {
    pub(super) iss: String,
    pub(super) aud: String,
    sub: String,
    client_id: String,
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    merchant: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grant: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    family: Option<String>,
    iat: i64,
    /// `iat` in microseconds, so that it is known which tokens were made before an app's secrets were revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    made: Option<i64>,
    pub(super) exp: i64,
    jti: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cnf: Option<ConfirmationClaim>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    acr: Option<String>,
}

/// Signs access tokens.
#[derive(Debug)]
pub struct TokenSigner {
    ring: Arc<KeyRing>,
}

impl TokenSigner {
    /// A signer by the keys of `ring`, for its issuer, which is the audience too: the platform's API.
    #[must_use]
    pub fn new(ring: Arc<KeyRing>) -> Self {
        Self { ring }
    }

    /// Signs a token that lives from `now` for `lifetime`.
    ///
    /// # Errors
    /// [`KeyError`] if signing fails, which only a broken key does, or if the token is longer than any that is looked at.
    pub fn sign(&self, token: NewToken, now: Timestamp, lifetime: Duration) -> Result<String, KeyError> {
        let subject = token.merchant.as_ref().map_or(token.app.as_str(), MerchantId::as_str).to_owned();
        let keys = self.ring.keys();
        let claims = Claims {
            iss: self.ring.issuer().to_owned(),
            aud: self.ring.issuer().to_owned(),
            sub: subject,
            client_id: token.app.to_string(),
            scope: token.scopes.to_string(),
            merchant: token.merchant.map(|merchant| merchant.to_string()),
            grant: token.grant.map(|grant| grant.to_string()),
            family: token.family.map(|family| family.to_string()),
            iat: now.as_seconds(),
            made: Some(now.as_micros()),
            exp: now.plus(lifetime).as_seconds(),
            jti: token.id,
            cnf: token.confirmation.map(ConfirmationClaim::from),
            auth_time: token.authentication.map(|authentication| authentication.at.as_seconds()),
            acr: token.authentication.map(|authentication| authentication.class.name().to_owned()),
        };
        let claims = serde_json::to_vec(&claims).map_err(|_| KeyError("the claims are no text"))?;
        let signed = keys.signing(now).ok_or(KeyError("there is none"))?.sign(&claims)?;
        if signed.len() > MAX_TOKEN_LENGTH {
            return Err(KeyError("the token would be too long to be taken: its app has too many scopes"));
        }
        Ok(signed)
    }

    /// The key set document (RFC 7517, section 5): each key by which a token may have been signed that holds at `now`, and
    /// those that will sign.
    #[must_use]
    pub fn key_set(&self, now: Timestamp) -> serde_json::Value {
        serde_json::json!({ "keys": self.ring.keys().published(now).map(SigningKey::to_jwk).collect::<Vec<_>>() })
    }
}

/// What claims mean that the key `kid` signed.
pub(super) fn verified(claims: &Claims, kid: &Arc<str>) -> Result<VerifiedToken, TokenError> {
    let merchant = claims.merchant.as_deref().map(MerchantId::new).transpose();
    let grant = claims.grant.as_deref().map(GrantId::new).transpose();
    let family = claims.family.as_deref().map(FamilyId::new).transpose();
    Ok(VerifiedToken {
        id: claims.jti.clone(),
        key: kid.clone(),
        app: AppId::new(&claims.client_id).map_err(|_| TokenError::Claims)?,
        merchant: merchant.map_err(|_| TokenError::Claims)?,
        grant: grant.map_err(|_| TokenError::Claims)?,
        family: family.map_err(|_| TokenError::Claims)?,
        scopes: claims.scope.parse().map_err(|_| TokenError::Claims)?,
        confirmation: claims.cnf.as_ref().map(ConfirmationClaim::meaning).transpose()?,
        authentication: claims.auth_time.zip(claims.acr.as_deref()).and_then(authentication),
        made_at: claims.made.map_or(Timestamp::from_seconds(claims.iat), Timestamp::from_micros),
        expires_at: Timestamp::from_seconds(claims.exp),
        issuer: None,
    })
}

fn authentication((at, class): (i64, &str)) -> Option<Authentication> {
    let class = AuthenticationClass::named(class)?;
    Some(Authentication { at: Timestamp::from_seconds(at), class })
}

#[cfg(test)]
mod tests;
