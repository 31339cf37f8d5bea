//! Other issuers: a section of `platform.yaml`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::text::DurationText;

/// Another issuer whose access tokens are taken as credentials of API calls. `${env:NAME}` and `${file:PATH}` are replaced in its
/// addresses and its audience.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IssuerEntry {
    /// Its name, letter by letter as its tokens have it in `iss`; https, or http of this machine itself.
    pub issuer: String,
    /// Where its key set (JWKS) is: https, or http of this machine itself. It is read in the background.
    pub keys: String,
    /// What a token must have in `aud`: the name that this API has there. Never one that the issuer puts into tokens for others.
    pub audience: String,
    /// By what its tokens may be signed. A key that says by what it signs is held to that, too.
    #[schemars(length(min = 1))]
    pub algorithms: Vec<TokenAlgorithmName>,
    /// What a token may say to be in `typ`; `[at+jwt]` when left out, so that nothing else that the issuer signs, such as an ID token,
    /// is taken for an access token (RFC 9068). Of an issuer whose access tokens say `JWT`, or nothing, which means the same, it is
    /// `[JWT]`: then the audience alone tells them from ID tokens.
    #[schemars(length(min = 1))]
    pub types: Option<Vec<String>>,
    /// For how long a token may be good, from `iat` to `exp` and from now on; `1d` when left out. One that is good for longer is
    /// refused.
    pub max_lifetime: Option<DurationText>,
    /// CEL that reads `claims` and gives the id of the app that calls, such as `claims.client_id`.
    pub app: String,
    /// CEL that gives the id of the merchant on whose behalf, or null, such as `has(claims.shop) ? claims.shop : null`. The app acts
    /// for it by that merchant's grant alone. Left out: the app acts for itself.
    pub merchant: Option<String>,
    /// CEL that gives the scopes: a text with blanks between them, or a list of texts, such as `claims.scope`. What the app, or the
    /// merchant's grant, does not have is left out.
    pub scopes: String,
}

/// By what tokens of another issuer may be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum TokenAlgorithmName {
    /// P-256 with SHA-256.
    ES256,
    /// Ed25519.
    EdDSA,
    /// RSA-PSS with SHA-256.
    PS256,
    /// RSA with SHA-256.
    RS256,
}
