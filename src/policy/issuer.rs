//! Other issuers whose access tokens are taken as credentials, and what their claims mean here.

use std::time::Duration;

use super::expression::Expression;
use crate::config::service_url::ServiceUrl;
use crate::domain::location::Location;

/// An issuer beside this platform.
#[derive(Debug)]
pub struct ForeignIssuer {
    /// Its name, compared letter by letter (`iss`).
    pub issuer: ServiceUrl,
    /// Where its key set is (RFC 7517).
    pub keys: ServiceUrl,
    /// What its tokens must be for (`aud`).
    pub audience: String,
    /// By what they may be signed (`alg`); never empty.
    pub algorithms: Vec<TokenAlgorithm>,
    /// What they may say to be (`typ`), in lower case and without `application/`; never empty.
    pub types: Vec<String>,
    /// For how long they may be good: from `iat` to `exp`, and from now on.
    pub max_lifetime: Duration,
    /// Gives the id of the app that calls.
    pub app: Expression,
    /// Gives the id of the merchant on whose behalf, or null.
    pub merchant: Option<Expression>,
    /// Gives the scopes.
    pub scopes: Expression,
    /// Where it stands.
    pub source: Location,
}

/// A signature algorithm that is taken of other issuers: asymmetric alone, since whoever verifies by a shared secret could sign
/// (RFC 8725, section 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenAlgorithm {
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
}

impl ForeignIssuer {
    /// All by which it is decided whether a token holds and what it means, as one text: if that is another, so may be each token's
    /// meaning. Where it stands in a file is no part of it.
    #[must_use]
    pub fn terms(&self) -> String {
        let Self {
            issuer,
            keys,
            audience,
            algorithms,
            types,
            max_lifetime,
            app,
            merchant,
            scopes,
            source: _,
        } = self;
        let merchant = merchant.as_ref().map(Expression::text);
        let (issuer, keys) = (issuer.as_str(), keys.as_str());
        let taken = (audience, algorithms, types, max_lifetime);
        format!("{:?}", (issuer, keys, taken, app.text(), merchant, scopes.text()))
    }
}
