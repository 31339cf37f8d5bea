//! Why a proof proves nothing.

use crate::credential::jwk::JwkError;

/// Why a proof proves nothing (RFC 9449, section 4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// There is no proof.
    #[error("a DPoP proof is needed in the field DPoP")]
    Missing,
    /// More than one field `DPoP`.
    #[error("the field DPoP was sent more than once")]
    Repeated,
    /// Not a JWT, or one that is too long.
    #[error("the DPoP proof is no JWT of up to 4096 characters")]
    Malformed,
    /// A JWT of another type.
    #[error("the DPoP proof's typ must be dpop+jwt")]
    Type,
    /// An algorithm that is not taken.
    #[error("the DPoP proof's alg must be ES256, EdDSA, PS256 or RS256")]
    Algorithm,
    /// An extension that must be understood.
    #[error("the DPoP proof has crit, and no extension is understood here")]
    Critical,
    /// No key that is taken.
    #[error(transparent)]
    Key(#[from] JwkError),
    /// A claim is missing or malformed.
    #[error("the DPoP proof must have the claims jti, htm, htu and iat, well-formed")]
    Claims,
    /// Made for another method.
    #[error("the DPoP proof's htm is not the method of this request")]
    Method,
    /// Made for another URL.
    #[error("the DPoP proof's htu is not the URL of this request")]
    Target,
    /// Too old, or from the future.
    #[error("the DPoP proof's iat is too far from now: make a new proof for each request, by a right clock")]
    Time,
    /// No nonce, or one that is not ours or no longer good.
    #[error("the DPoP proof must have the nonce of the field DPoP-Nonce")]
    Nonce,
    /// Made for another access token.
    #[error("the DPoP proof's ath is not the hash of the access token")]
    Token,
    /// Made by another key.
    #[error("the DPoP proof was made by another key than the one that is bound")]
    OtherKey,
    /// The signature does not fit.
    #[error("the DPoP proof's signature does not fit its jwk and alg")]
    Signature,
    /// It was used before.
    #[error("the DPoP proof was used before: make a new one for each request")]
    Replayed,
}
