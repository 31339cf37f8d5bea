//! Access tokens: RFC 9068 JWTs, signed with ES256 (RFC 7518, section 3.4) by keys that this platform made.
//!
//! Time and randomness are passed in. A token is refused by its header before any curve arithmetic is spent on it.

use std::collections::HashMap;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use serde::{Deserialize, Serialize};

use crate::domain::id::{AppId, FamilyId, GrantId, MerchantId};
use crate::domain::scope::ScopeSet;
use crate::domain::time::Timestamp;

/// Longest access token that is looked at, in bytes.
const MAX_TOKEN_LENGTH: usize = 4096;

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

/// Why a signing key cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the signing key cannot be used: {0}")]
pub struct KeyError(&'static str);

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
}

/// The claims of RFC 9068, section 2.2, and three of our own.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
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
    exp: i64,
    jti: String,
}

/// A P-256 key pair and its `kid`, the key's thumbprint (RFC 7638).
pub struct SigningKey {
    kid: String,
    point: Vec<u8>,
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({})", self.kid)
    }
}

impl SigningKey {
    /// Makes a key pair, as PKCS#8 DER.
    ///
    /// # Errors
    /// [`KeyError`] if the system gives no randomness.
    pub fn generate() -> Result<Vec<u8>, KeyError> {
        EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
            .map(|document| document.as_ref().to_vec())
            .map_err(|_| KeyError("no randomness to make one"))
    }

    /// Reads a key pair from PKCS#8 DER.
    ///
    /// # Errors
    /// [`KeyError`] if it is not a P-256 key pair.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der)
            .map_err(|_| KeyError("it is not a P-256 key pair in PKCS#8"))?;
        let point = pair.public_key().as_ref().to_vec();
        let (x, y) = coordinates(&point)?;
        let thumbprint = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, thumbprint.as_bytes());
        Ok(Self {
            kid: URL_SAFE_NO_PAD.encode(digest.as_ref()),
            encoding: EncodingKey::from_ec_der(der),
            decoding: DecodingKey::from_ec_components(&x, &y)
                .map_err(|_| KeyError("its point is malformed"))?,
            point,
        })
    }

    /// The key's id.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The public half as a JWK (RFC 7517).
    #[must_use]
    pub fn to_jwk(&self) -> serde_json::Value {
        let (x, y) = coordinates(&self.point).unwrap_or_default();
        serde_json::json!({
            "kty": "EC", "crv": "P-256", "x": x, "y": y, "use": "sig", "alg": "ES256", "kid": self.kid,
        })
    }
}

/// The coordinates of an uncompressed point (SEC 1, section 2.3.3), in base64url.
fn coordinates(point: &[u8]) -> Result<(String, String), KeyError> {
    match point {
        [4, rest @ ..] if rest.len() == 64 => {
            let (x, y) = rest.split_at(32);
            Ok((URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y)))
        }
        _ => Err(KeyError("its point is malformed")),
    }
}

/// Signs access tokens.
#[derive(Debug)]
pub struct TokenSigner {
    key: SigningKey,
    issuer: String,
}

impl TokenSigner {
    /// A signer for `issuer`, which is the audience too: the platform's API.
    #[must_use]
    pub fn new(key: SigningKey, issuer: String) -> Self {
        Self { key, issuer }
    }

    /// Signs a token that lives from `now` for `lifetime`.
    ///
    /// # Errors
    /// [`KeyError`] if signing fails, which only a broken key does.
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
            exp: now.plus(lifetime).as_seconds(),
            jti: token.id,
        };
        let mut header = Header::new(Algorithm::ES256);
        header.typ = Some("at+jwt".to_owned());
        header.kid = Some(self.key.kid.clone());
        encode(&header, &claims, &self.key.encoding).map_err(|_| KeyError("signing failed"))
    }

    /// The key set document (RFC 7517, section 5).
    #[must_use]
    pub fn key_set(&self) -> serde_json::Value {
        serde_json::json!({ "keys": [self.key.to_jwk()] })
    }
}

/// Verifies access tokens.
pub struct TokenVerifier {
    keys: HashMap<String, DecodingKey>,
    validation: Validation,
}

impl std::fmt::Debug for TokenVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TokenVerifier({} keys)", self.keys.len())
    }
}

impl TokenVerifier {
    /// Trusts `keys` for tokens that `issuer` made for itself.
    #[must_use]
    pub fn new<'a>(keys: impl IntoIterator<Item = &'a SigningKey>, issuer: &str) -> Self {
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_audience(&[issuer]);
        validation.set_issuer(&[issuer]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // `exp` is checked by `verify` against the time that it is given.
        validation.validate_exp = false;
        let keys = keys.into_iter().map(|key| (key.kid.clone(), key.decoding.clone())).collect();
        Self { keys, validation }
    }

    /// What `token` says, if it holds at `now`.
    ///
    /// # Errors
    /// [`TokenError`] by the first check that fails (RFC 9068, section 4).
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<VerifiedToken, TokenError> {
        if token.len() > MAX_TOKEN_LENGTH {
            return Err(TokenError::Foreign);
        }
        let header = decode_header(token).map_err(|_| TokenError::Foreign)?;
        let typ = header.typ.as_deref().unwrap_or_default().to_ascii_lowercase();
        if header.alg != Algorithm::ES256 || !matches!(typ.as_str(), "at+jwt" | "application/at+jwt") {
            return Err(TokenError::Foreign);
        }
        let kid = header.kid.as_deref().ok_or(TokenError::Foreign)?;
        let key = self.keys.get(kid).ok_or(TokenError::Foreign)?;
        let claims =
            decode::<Claims>(token, key, &self.validation).map_err(|error| explain(error.kind()))?.claims;
        if now >= Timestamp::from_seconds(claims.exp) {
            return Err(TokenError::Expired);
        }
        verified(&claims)
    }
}

fn explain(kind: &jsonwebtoken::errors::ErrorKind) -> TokenError {
    use jsonwebtoken::errors::ErrorKind;
    match kind {
        ErrorKind::InvalidSignature => TokenError::Signature,
        ErrorKind::InvalidIssuer | ErrorKind::InvalidAudience => TokenError::Audience,
        _ => TokenError::Claims,
    }
}

fn verified(claims: &Claims) -> Result<VerifiedToken, TokenError> {
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
        expires_at: Timestamp::from_seconds(claims.exp),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);

    fn signer(issuer: &str) -> TokenSigner {
        let key = SigningKey::from_pkcs8(&SigningKey::generate().unwrap()).unwrap();
        TokenSigner::new(key, issuer.to_owned())
    }

    fn new_token() -> NewToken {
        NewToken {
            id: "t1".to_owned(),
            app: AppId::new("app_1").unwrap(),
            merchant: Some(MerchantId::new("mer_1").unwrap()),
            grant: Some(GrantId::new("gr_1").unwrap()),
            family: None,
            scopes: "order:read order:write".parse().unwrap(),
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
        let end = NOW.plus(Duration::from_secs(60));
        assert_eq!(verifier.verify(&token, end), Err(TokenError::Expired));
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
