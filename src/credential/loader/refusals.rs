//! Why a credential that was looked up proves nothing.

use super::certificate::ENDED;
use crate::credential::access_token::TokenError;
use crate::domain::principal::CredentialKind;
use crate::domain::refusal::Refusal;

pub(super) const ISSUER_CHANGED: Refusal =
    Refusal::Unavailable("What is taken of the access token's issuer has just changed");
pub(super) const APP_GONE: Refusal = Refusal::CredentialInvalid("The app is not registered, or no longer.");
pub(in crate::credential) const KEY_UNKNOWN: Refusal =
    Refusal::CredentialInvalid("The API key is unknown or no longer valid.");
pub(super) const SIGNATURE_KEY_UNKNOWN: Refusal =
    Refusal::CredentialInvalid("The signature key is unknown or no longer valid.");

pub(super) const GRANT_REVOKED: Refusal = Refusal::CredentialInvalid("The merchant's grant was revoked.");
pub(super) const GRANT_MISSING: Refusal =
    Refusal::CredentialInvalid("The app has no grant of the merchant that the access token names.");

pub(super) const NO_KEY: Refusal = Refusal::CredentialInvalid(
    "The app takes only access tokens that are bound to a key (DPoP): this one has no jkt in its cnf.",
);
pub(super) const NO_CERTIFICATE: Refusal = Refusal::CredentialInvalid(
    "The app takes only access tokens that are bound to its certificate: this one has no x5t#S256 in its cnf.",
);

/// What a credential of that kind is refused for that has ended by itself.
pub(in crate::credential) fn ended(kind: CredentialKind) -> Refusal {
    match kind {
        CredentialKind::ApiKey => KEY_UNKNOWN,
        CredentialKind::SignedRequest => SIGNATURE_KEY_UNKNOWN,
        CredentialKind::AccessToken => Refusal::CredentialInvalid(TokenError::Expired.explanation()),
        CredentialKind::ClientCertificate => ENDED,
    }
}
