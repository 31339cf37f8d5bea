//! The store as the source of identities, with the key that opens what is sealed in it.

use std::sync::Arc;

use async_trait::async_trait;

use super::keys::KnownKey;
use super::request_key::RequestKey;
use super::sealing::SealingKey;
use super::source::{IdentitySource, SourceUnavailable};
use crate::domain::api_key::KeyHash;
use crate::domain::app_certificate::{AppCertificate, ShownNames};
use crate::domain::balance::PaidFrom;
use crate::domain::id::{AppId, FamilyId, GrantId, KeyId, MerchantId, PartnerId, SignatureKeyId};
use crate::domain::identity::{App, Grant, KeyRecord, Merchant, Partner, Subscription};
use crate::domain::signature_key::SignatureKeyRecord;
use crate::domain::time::Timestamp;
use crate::domain::token_rules::TokenRules;
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
    async fn key(&self, hash: &KeyHash) -> Result<Option<KeyRecord>, SourceUnavailable> {
        self.store.key_by_hash(hash).await.map_err(out_of_reach)
    }

    async fn keys_after(
        &self,
        after: Option<&KeyId>,
        most: u32,
    ) -> Result<Vec<(KeyHash, KnownKey, bool)>, SourceUnavailable> {
        let keys = self.store.keys_with_apps(after, most).await.map_err(out_of_reach)?;
        let known = |key: KeyWithApp| {
            let KeyWithApp { hash, id, scopes, narrowing, expires_at, app, is_active } = key;
            let scopes = scopes.map_or_else(|| app.scopes.clone(), |narrow| narrow.intersection(&app.scopes));
            let narrowing = narrowing.shared();
            (hash, KnownKey { id, scopes, narrowing, expires_at, app: Arc::new(app) }, is_active)
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
    ) -> Result<Option<SignatureKeyRecord>, SourceUnavailable> {
        self.store.credential(id).await.map_err(out_of_reach)
    }

    async fn request_key(&self, key: &SignatureKeyRecord) -> Result<Option<RequestKey>, SourceUnavailable> {
        let material = self.store.signature_key_material(&key.id).await.map_err(out_of_reach)?;
        let open = |material| {
            let signs = (&key.own.style, key.own.algorithm);
            RequestKey::open((&key.id, key.created_at), signs, &material, &self.sealing)
                .map_err(|error| out_of_reach(format!("signature key {}: {error}", key.id)))
        };
        material.map(open).transpose()
    }

    async fn certificate(&self, names: &ShownNames) -> Result<Option<AppCertificate>, SourceUnavailable> {
        self.store.client_certificate_known_by(names).await.map_err(out_of_reach)
    }

    async fn app(&self, id: &AppId) -> Result<Option<App>, SourceUnavailable> {
        self.store.app(id).await.map_err(out_of_reach)
    }

    async fn token_rules(&self, app: &AppId) -> Result<TokenRules, SourceUnavailable> {
        self.store.token_rules(app).await.map_err(out_of_reach)
    }

    async fn partner(&self, id: &PartnerId) -> Result<Option<Partner>, SourceUnavailable> {
        self.store.partner(id).await.map_err(out_of_reach)
    }

    async fn subscriptions(&self, app: &AppId) -> Result<Vec<Subscription>, SourceUnavailable> {
        self.store.subscriptions_of(app).await.map_err(out_of_reach)
    }

    async fn balances(&self, app: &App) -> Result<Vec<PaidFrom>, SourceUnavailable> {
        let of = [(app.id.clone(), app.partner.clone())];
        let mut paid_from = self.store.paid_from(&of).await.map_err(out_of_reach)?;
        Ok(paid_from.remove(&app.id).unwrap_or_default())
    }

    async fn caps(&self, merchant: &MerchantId, app: &AppId) -> Result<Vec<PaidFrom>, SourceUnavailable> {
        self.store.caps_of(merchant, app).await.map_err(out_of_reach)
    }

    async fn grant(&self, id: &GrantId) -> Result<Option<Grant>, SourceUnavailable> {
        self.store.grant(id).await.map_err(out_of_reach)
    }

    async fn grant_to(
        &self,
        merchant: &MerchantId,
        app: &AppId,
    ) -> Result<Option<GrantId>, SourceUnavailable> {
        let grant = self.store.active_grant_of((merchant, app)).await.map_err(out_of_reach)?;
        Ok(grant.map(|grant| grant.id))
    }

    async fn is_family_revoked(&self, id: &FamilyId) -> Result<bool, SourceUnavailable> {
        let family = self.store.refresh_family(id).await.map_err(out_of_reach)?;
        Ok(family.is_some_and(|family| family.revoked_at.is_some()))
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

    async fn merchant(&self, id: &MerchantId) -> Result<Option<Merchant>, SourceUnavailable> {
        self.store.merchant(id).await.map_err(out_of_reach)
    }
}
