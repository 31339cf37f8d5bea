//! Access tokens: RFC 9068 JWTs, signed with ES256 (RFC 7518, section 3.4) by keys that this platform made.
//!
//! Time and randomness are passed in.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, Header, encode};
use serde::{Deserialize, Serialize};

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
            Self::Foreign => "This is not an access token of this platform.",
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
    /// Its id (`jti`).
    pub id: String,
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
struct ConfirmationClaim {
    #[serde(skip_serializing_if = "Option::is_none")]
    jkt: Option<String>,
    #[serde(rename = "x5t#S256", skip_serializing_if = "Option::is_none")]
    x5t: Option<String>,
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
    fn meaning(&self) -> Result<Confirmation, TokenError> {
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
    key: SigningKey,
    others: Vec<SigningKey>,
    issuer: String,
}

impl TokenSigner {
    /// A signer for `issuer`, which is the audience too: the platform's API. `others` are the keys that signed before and
    /// whose tokens may be alive.
    #[must_use]
    pub fn new(key: SigningKey, others: Vec<SigningKey>, issuer: String) -> Self {
        Self { key, others, issuer }
    }

    /// Signs a token that lives from `now` for `lifetime`.
    ///
    /// # Errors
    /// [`KeyError`] if signing fails, which only a broken key does, or if the token is longer than any that is looked at.
    pub fn sign(&self, token: NewToken, now: Timestamp, lifetime: Duration) -> Result<String, KeyError> {
        let subject = token.merchant.as_ref().map_or(token.app.as_str(), MerchantId::as_str).to_owned();
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: self.issuer.clone(),
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
        let mut header = Header::new(Algorithm::ES256);
        header.typ = Some("at+jwt".to_owned());
        header.kid = Some(self.key.kid.clone());
        let signed = encode(&header, &claims, &self.key.encoding).map_err(|_| KeyError("signing failed"))?;
        if signed.len() > MAX_TOKEN_LENGTH {
            return Err(KeyError("the token would be too long to be taken: its app has too many scopes"));
        }
        Ok(signed)
    }

    /// The key set document (RFC 7517, section 5): each key by which a token may have been signed that holds at `now`.
    #[must_use]
    pub fn key_set(&self, now: Timestamp) -> serde_json::Value {
        let trusted = std::iter::once(&self.key).chain(&self.others).filter(|key| key.is_trusted(now));
        serde_json::json!({ "keys": trusted.map(SigningKey::to_jwk).collect::<Vec<_>>() })
    }
}

/// What claims mean.
pub(super) fn verified(claims: &Claims) -> Result<VerifiedToken, TokenError> {
    let merchant = claims.merchant.as_deref().map(MerchantId::new).transpose();
    let grant = claims.grant.as_deref().map(GrantId::new).transpose();
    let family = claims.family.as_deref().map(FamilyId::new).transpose();
    Ok(VerifiedToken {
        id: claims.jti.clone(),
        app: AppId::new(&claims.client_id).map_err(|_| TokenError::Claims)?,
        merchant: merchant.map_err(|_| TokenError::Claims)?,
        grant: grant.map_err(|_| TokenError::Claims)?,
        family: family.map_err(|_| TokenError::Claims)?,
        scopes: claims.scope.parse().map_err(|_| TokenError::Claims)?,
        confirmation: claims.cnf.as_ref().map(ConfirmationClaim::meaning).transpose()?,
        authentication: claims.auth_time.zip(claims.acr.as_deref()).and_then(authentication),
        made_at: claims.made.map_or(Timestamp::from_seconds(claims.iat), Timestamp::from_micros),
        expires_at: Timestamp::from_seconds(claims.exp),
    })
}

fn authentication((at, class): (i64, &str)) -> Option<Authentication> {
    let class = AuthenticationClass::named(class)?;
    Some(Authentication { at: Timestamp::from_seconds(at), class })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);

    fn signer(issuer: &str) -> TokenSigner {
        let key = SigningKey::from_pkcs8(&SigningKey::generate().unwrap()).unwrap();
        TokenSigner::new(key, Vec::new(), issuer.to_owned())
    }

    fn new_token() -> NewToken {
        NewToken {
            id: "t1".to_owned(),
            merchant: Some(MerchantId::new("mer_1").unwrap()),
            grant: Some(GrantId::new("gr_1").unwrap()),
            confirmation: Some(Confirmation::Key(Thumbprint([7; 32]))),
            authentication: Some(Authentication { at: NOW, class: AuthenticationClass::TwoFactors }),
            ..NewToken::of_app(AppId::new("app_1").unwrap(), "order:read order:write".parse().unwrap())
        }
    }

    fn sign(signer: &TokenSigner) -> String {
        signer.sign(new_token(), NOW, Duration::from_secs(60)).unwrap()
    }

    #[test]
    fn a_token_says_what_was_signed_until_it_expires() {
        let signer = signer("https://a");
        let verifier = TokenVerifier::new([&signer.key], "https://a");
        let token = sign(&signer);
        let verified = verifier.verify(&token, NOW).unwrap();
        assert_eq!(verified.app.as_str(), "app_1");
        assert_eq!(verified.merchant.unwrap().as_str(), "mer_1");
        assert_eq!(verified.scopes.to_string(), "order:read order:write");
        assert_eq!(verified.confirmation, new_token().confirmation);
        assert_eq!(verified.authentication, new_token().authentication);
        let end = NOW.plus(Duration::from_secs(60));
        assert_eq!(verifier.verify(&token, end), Err(TokenError::Expired));
    }

    #[test]
    fn a_key_that_retired_is_trusted_for_a_while_and_published_as_long() {
        let (old, end) = (SigningKey::generate().unwrap(), NOW.plus(Duration::from_secs(30)));
        let old = SigningKey::from_pkcs8(&old).unwrap().trusted_until(Some(end));
        let verifier = TokenVerifier::new([&old], "https://a");
        let kid = old.kid().to_owned();
        let token = sign(&TokenSigner::new(old, Vec::new(), "https://a".to_owned()));
        assert!(verifier.verify(&token, NOW).is_ok());
        assert_eq!(verifier.verify(&token, end), Err(TokenError::Foreign));
        let old = SigningKey::from_pkcs8(&SigningKey::generate().unwrap()).unwrap().trusted_until(Some(end));
        let signer = TokenSigner { others: vec![old], ..signer("https://a") };
        let published = |now| signer.key_set(now)["keys"].as_array().unwrap().len();
        assert_eq!((published(NOW), published(end)), (2, 1));
        assert_ne!(signer.key_set(end)["keys"][0]["kid"], kid.as_str());
    }

    #[test]
    fn a_token_that_nobody_would_take_is_not_made() {
        let signer = signer("https://a");
        let scopes = (0..70).map(|number| format!("{number:064}").parse().unwrap()).collect();
        let new = NewToken { scopes, ..new_token() };
        assert!(signer.sign(new, NOW, Duration::from_secs(60)).is_err());
    }

    #[test]
    fn a_token_of_another_key_issuer_type_or_algorithm_proves_nothing() {
        let signer = signer("https://a");
        let token = sign(&signer);
        let other = TokenVerifier::new([&signer.key], "https://b");
        assert_eq!(other.verify(&token, NOW), Err(TokenError::Audience));
        let stranger = TokenVerifier::new([], "https://a");
        assert_eq!(stranger.verify(&token, NOW), Err(TokenError::Foreign));
        let verifier = TokenVerifier::new([&signer.key], "https://a");
        let (rest, signature) = token.rsplit_once('.').unwrap();
        let changed = format!("{rest}.{}", signature.chars().rev().collect::<String>());
        assert!(verifier.verify(&changed, NOW).is_err());
        let payload = rest.split_once('.').unwrap().1;
        for header in [
            r#"{"alg":"none","typ":"at+jwt"}"#.to_owned(),
            format!(r#"{{"alg":"ES256","kid":"{}"}}"#, signer.key.kid()),
        ] {
            let forged = format!("{}.{payload}.{signature}", URL_SAFE_NO_PAD.encode(header));
            assert_eq!(verifier.verify(&forged, NOW), Err(TokenError::Foreign));
        }
        for text in ["", ".", "..", "a.b.c", &"x".repeat(10_000)] {
            assert_eq!(verifier.verify(text, NOW), Err(TokenError::Foreign));
        }
    }
}
