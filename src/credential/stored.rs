//! The store as the source of identities.

use std::sync::Arc;

use async_trait::async_trait;

use super::keys::KnownKey;
use super::source::{IdentitySource, SourceUnavailable};
use crate::domain::api_key::KeyHash;
use crate::domain::id::{AppId, FamilyId, GrantId, KeyId, MerchantId, PartnerId};
use crate::domain::identity::{App, Grant, KeyRecord, Merchant, Partner, Subscription};
use crate::domain::time::Timestamp;
use crate::store::Store;
use crate::store::key_page::KeyWithApp;

fn out_of_reach(error: impl std::fmt::Display) -> SourceUnavailable {
    SourceUnavailable(error.to_string())
}

#[async_trait]
impl IdentitySource for Store {
    async fn key(&self, hash: &KeyHash) -> Result<Option<KeyRecord>, SourceUnavailable> {
        self.key_by_hash(hash).await.map_err(out_of_reach)
    }

    async fn keys_after(
        &self,
        after: Option<&KeyId>,
        most: u32,
    ) -> Result<Vec<(KeyHash, KnownKey, bool)>, SourceUnavailable> {
        let keys = self.keys_with_apps(after, most).await.map_err(out_of_reach)?;
        let known = |key: KeyWithApp| {
            let KeyWithApp { hash, id, scopes, narrowing, expires_at, app, is_active } = key;
            let scopes = scopes.map_or_else(|| app.scopes.clone(), |narrow| narrow.intersection(&app.scopes));
            let narrowing = narrowing.shared();
            (hash, KnownKey { id, scopes, narrowing, expires_at, app: Arc::new(app) }, is_active)
        };
        Ok(keys.into_iter().map(known).collect())
    }

    async fn app(&self, id: &AppId) -> Result<Option<App>, SourceUnavailable> {
        Self::app(self, id).await.map_err(out_of_reach)
    }

    async fn tokens_valid_from(&self, app: &AppId) -> Result<Option<Timestamp>, SourceUnavailable> {
        self.app_tokens_valid_from(app).await.map_err(out_of_reach)
    }

    async fn partner(&self, id: &PartnerId) -> Result<Option<Partner>, SourceUnavailable> {
        Self::partner(self, id).await.map_err(out_of_reach)
    }

    async fn subscriptions(&self, app: &AppId) -> Result<Vec<Subscription>, SourceUnavailable> {
        self.subscriptions_of(app).await.map_err(out_of_reach)
    }

    async fn grant(&self, id: &GrantId) -> Result<Option<Grant>, SourceUnavailable> {
        Self::grant(self, id).await.map_err(out_of_reach)
    }

    async fn is_family_revoked(&self, id: &FamilyId) -> Result<bool, SourceUnavailable> {
        let family = self.refresh_family(id).await.map_err(out_of_reach)?;
        Ok(family.is_some_and(|family| family.revoked_at.is_some()))
    }

    async fn is_token_revoked(&self, id: &str) -> Result<bool, SourceUnavailable> {
        Self::is_token_revoked(self, id).await.map_err(out_of_reach)
    }

    async fn revoked_tokens(
        &self,
        after: &str,
        most: u32,
    ) -> Result<Vec<(String, Timestamp)>, SourceUnavailable> {
        Self::revoked_tokens(self, after, most).await.map_err(out_of_reach)
    }

    async fn merchant(&self, id: &MerchantId) -> Result<Option<Merchant>, SourceUnavailable> {
        Self::merchant(self, id).await.map_err(out_of_reach)
    }
}
