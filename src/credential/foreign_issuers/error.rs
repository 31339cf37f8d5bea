//! Why a token of another issuer proves nothing.

/// Why a token of another issuer proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in crate::credential) enum ForeignError {
    /// Nothing that says to be of an issuer whose tokens are taken.
    #[error("it is of no issuer whose tokens are taken")]
    NotTheirs,
    /// Not a JWS in the compact form.
    #[error("it is not a JWS in the compact form")]
    Malformed,
    /// An extension that must be understood and is not (RFC 7515, section 4.1.11; RFC 7797).
    #[error("it has crit or b64")]
    Extension,
    /// It says to be something else than an access token.
    #[error("its typ is none that is taken of its issuer")]
    Type,
    /// Signed by an algorithm that is not taken of its issuer, or is not the key's.
    #[error("its alg is none that is taken of its issuer and its key")]
    Algorithm,
    /// For somebody else.
    #[error("its aud is another")]
    Audience,
    /// Past its end.
    #[error("it has expired")]
    Expired,
    /// Before its time.
    #[error("it is not valid yet, or was made in the future")]
    Early,
    /// Good for longer than the policies let a token of its issuer be.
    #[error("from its iat, or from now, to its exp is longer than is taken of its issuer")]
    Lifetime,
    /// Claims that cannot be.
    #[error("a claim is missing or malformed")]
    Claims,
    /// Bound to something that cannot be checked (RFC 7800).
    #[error("its cnf is none that can be checked")]
    Confirmation,
    /// Its key is none of the issuer's.
    #[error("its kid is none of its issuer's keys")]
    UnknownKey,
    /// It could be of several of them.
    #[error("its kid, or that it has none, leaves open which of its issuer's keys it is of")]
    KeyUnclear,
    /// The signature does not fit.
    #[error("its signature does not fit")]
    Signature,
    /// What the policies read of its claims gives no app.
    #[error("its claims give no app")]
    App,
    /// What they read gives neither a merchant nor null.
    #[error("its claims give no merchant, nor null")]
    Merchant,
    /// What they read gives no scopes.
    #[error("its claims give no scopes")]
    Scopes,
}

impl ForeignError {
    /// What to tell the caller.
    #[must_use]
    pub(in crate::credential) fn explanation(self) -> &'static str {
        match self {
            Self::NotTheirs => "This is no access token of an issuer that is known here.",
            Self::Malformed => "The access token is no JWS in the compact form.",
            Self::Extension => {
                "The access token asks for an extension (crit, b64) that is not understood here."
            }
            Self::Type => {
                "The access token's typ is none that is taken of its issuer: at+jwt, unless the platform says otherwise."
            }
            Self::Algorithm => "The access token's alg is none that is taken of its issuer and its key.",
            Self::Audience => "The access token was made for another audience.",
            Self::Expired => "The access token has expired.",
            Self::Early => "The access token is not valid yet, or says that it was made in the future.",
            Self::Lifetime => {
                "The access token is good for too long: from iat, or from now, to exp is longer than is taken of its issuer."
            }
            Self::Claims => "A claim of the access token is missing or malformed.",
            Self::Confirmation => "The access token is bound by a cnf that cannot be checked here.",
            Self::UnknownKey => "The access token's kid is none of its issuer's keys.",
            Self::KeyUnclear => {
                "The access token does not say by kid which key it is of, and its issuer has several that it may be."
            }
            Self::Signature => "The access token's signature does not fit.",
            Self::App => "The access token's claims name no app, by the way in which they are read here.",
            Self::Merchant => {
                "The access token's claims name no merchant, by the way in which they are read here."
            }
            Self::Scopes => {
                "The access token's claims have no scopes, by the way in which they are read here."
            }
        }
    }
}
