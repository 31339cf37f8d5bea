//! By what an identity was found. It goes along with it, so that the directory can be asked about it again while a call is under
//! way, when the credential is no longer at hand.

use std::sync::Arc;

use super::loading::Owned;
use super::{Credential, Identity};
use crate::credential::access_token::VerifiedToken;
use crate::credential::freshness::Stamps;
use crate::domain::api_key::KeyHash;
use crate::domain::app_certificate::ShownNames;
use crate::domain::id::{FamilyId, SignatureKeyId};
use crate::domain::scope::ScopeSet;
use crate::domain::time::Timestamp;

/// By what an identity was found, and what it rests on.
pub(in crate::credential) struct Provenance {
    credential: Credential,
    by: By,
    /// Of all that it rests on.
    pub(super) stamps: Stamps,
}

impl std::fmt::Debug for Provenance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Provenance(…)")
    }
}

enum By {
    ApiKey,
    SignatureKey(SignatureKeyId),
    Certificate(ShownNames),
    /// What the token said that the identity does not tell.
    AccessToken {
        key: Arc<str>,
        issuer: Option<Arc<str>>,
        family: Option<FamilyId>,
        /// Those of the token alone: app and grant may get back what they lack now.
        scopes: ScopeSet,
        made_at: Timestamp,
    },
}

impl Provenance {
    /// Of what was found by a credential.
    pub(super) fn new(credential: Credential, presented: &Owned, stamps: Stamps) -> Self {
        let by = match presented {
            Owned::ApiKey(_) => By::ApiKey,
            Owned::SignatureKey(id) => By::SignatureKey(id.clone()),
            Owned::Certificate(names) => By::Certificate(names.clone()),
            Owned::AccessToken(token) => By::AccessToken {
                key: token.key.clone(),
                issuer: token.issuer.clone(),
                family: token.family.clone(),
                scopes: token.scopes.clone(),
                made_at: token.made_at,
            },
        };
        Self { credential, by, stamps }
    }

    /// The credential by which `identity` was found, as it was presented.
    pub(super) fn presented(&self, identity: &Identity) -> (Credential, Owned) {
        let (_, hash) = self.credential;
        let presented = match &self.by {
            By::ApiKey => Owned::ApiKey(KeyHash(hash)),
            By::SignatureKey(id) => Owned::SignatureKey(id.clone()),
            By::Certificate(names) => Owned::Certificate(names.clone()),
            By::AccessToken { key, issuer, family, scopes, made_at } => {
                let caller = &identity.caller;
                Owned::AccessToken(Box::new(VerifiedToken {
                    id: caller.credential_id.to_string(),
                    key: key.clone(),
                    app: caller.app.id.clone(),
                    merchant: caller.merchant.clone(),
                    // Another issuer's names none: which there is, is looked for.
                    grant: caller.grant.clone().filter(|_| issuer.is_none()),
                    family: family.clone(),
                    scopes: scopes.clone(),
                    confirmation: identity.confirmation,
                    authentication: identity.authentication,
                    made_at: *made_at,
                    expires_at: identity.expires_at.unwrap_or_default(),
                    issuer: issuer.clone(),
                }))
            }
        };
        (self.credential, presented)
    }
}
