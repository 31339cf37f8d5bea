//! The store as the source of identities, with the key that opens what is sealed in it.

use std::sync::Arc;

use async_trait::async_trait;

use super::keys::KnownKey;
use super::request_key::RequestKey;
use super::sealing::SealingKey;
use super::source::{IdentitySource, SourceUnavailable};
use crate::domain::api_key::KeyHash;
use crate::domain::app_certificate::{AppCertificate, ShownNames};
use crate::domain::calling::{CallingApp, CallingGrant};
use crate::domain::id::{AppId, FamilyId, GrantId, KeyId, MerchantId, SignatureKeyId};
use crate::domain::identity::KeyRecord;
use crate::domain::signature_key::StoredSignatureKey;
use crate::domain::time::Timestamp;
use crate::store::Store;
use crate::store::key_page::KeyWithApp;

/// The store as the source of identities.
#[derive(Debug)]
pub struct StoredIdentities {
    /// The store.
    pub store: Store,
    /// What opens the secrets in it.
    pub sealing: Arc<SealingKey>,
}

fn out_of_reach(error: impl std::fmt::Display) -> SourceUnavailable {
    SourceUnavailable(error.to_string())
}

#[async_trait]
impl IdentitySource for StoredIdentities {
    async fn key(&self, hash: &KeyHash) -> Result<Option<(KeyRecord, CallingApp)>, SourceUnavailable> {
        self.store.key_with_app(hash).await.map_err(out_of_reach)
    }

    async fn keys_after(
        &self,
        after: Option<&KeyId>,
        most: u32,
    ) -> Result<Vec<(KeyHash, KnownKey, bool)>, SourceUnavailable> {
        let keys = self.store.keys_with_apps(after, most).await.map_err(out_of_reach)?;
        let known = |key: KeyWithApp| {
            let KeyWithApp { hash, id, scopes, narrowing, expires_at, app } = key;
            let CallingApp { facts: app, suspended, .. } = app;
            let scopes = scopes.map_or_else(|| app.scopes.clone(), |narrow| narrow.intersection(&app.scopes));
            let key = KnownKey { id, scopes, narrowing: narrowing.shared(), expires_at, app: Arc::new(app) };
            (hash, key, suspended.is_none())
        };
        Ok(keys.into_iter().map(known).collect())
    }

    async fn key_hashes_after(
        &self,
        after: Option<&KeyId>,
        most: u32,
    ) -> Result<Vec<(KeyId, KeyHash)>, SourceUnavailable> {
        self.store.key_hashes_after(after, most).await.map_err(out_of_reach)
    }

    async fn key_hash(&self, id: &KeyId) -> Result<Option<KeyHash>, SourceUnavailable> {
        self.store.key_hash(id).await.map_err(out_of_reach)
    }

    async fn signature_key(
        &self,
        id: &SignatureKeyId,
    ) -> Result<Option<(StoredSignatureKey, CallingApp)>, SourceUnavailable> {
        self.store.signature_key_with_app(id).await.map_err(out_of_reach)
    }

    fn request_key(&self, key: &StoredSignatureKey) -> Result<RequestKey, SourceUnavailable> {
        let StoredSignatureKey { record, material } = key;
        let signs = (&record.own.style, record.own.algorithm);
        RequestKey::open((&record.id, record.created_at), signs, material, &self.sealing)
            .map_err(|error| out_of_reach(format!("signature key {}: {error}", record.id)))
    }

    async fn certificate(
        &self,
        names: &ShownNames,
    ) -> Result<Option<(AppCertificate, CallingApp)>, SourceUnavailable> {
        self.store.client_certificate_known_by(names).await.map_err(out_of_reach)
    }

    async fn app(&self, id: &AppId) -> Result<Option<CallingApp>, SourceUnavailable> {
        self.store.calling_app(id).await.map_err(out_of_reach)
    }

    async fn grant(&self, id: &GrantId) -> Result<Option<CallingGrant>, SourceUnavailable> {
        self.store.calling_grant(id).await.map_err(out_of_reach)
    }

    async fn grant_to(
        &self,
        merchant: &MerchantId,
        app: &AppId,
    ) -> Result<Option<CallingGrant>, SourceUnavailable> {
        self.store.calling_grant_of((merchant, app)).await.map_err(out_of_reach)
    }

    async fn is_family_revoked(&self, id: &FamilyId) -> Result<bool, SourceUnavailable> {
        self.store.is_family_revoked(id).await.map_err(out_of_reach)
    }

    async fn is_token_revoked(&self, id: &str) -> Result<bool, SourceUnavailable> {
        self.store.is_token_revoked(id).await.map_err(out_of_reach)
    }

    async fn revoked_tokens(
        &self,
        after: &str,
        most: u32,
    ) -> Result<Vec<(String, Timestamp)>, SourceUnavailable> {
        self.store.revoked_tokens(after, most).await.map_err(out_of_reach)
    }
}
