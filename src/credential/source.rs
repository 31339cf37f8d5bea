//! Where identities come from when they are not remembered.

use async_trait::async_trait;

use super::keys::KnownKey;
use super::request_key::RequestKey;
use crate::domain::api_key::KeyHash;
use crate::domain::app_certificate::{AppCertificate, ShownNames};
use crate::domain::balance::PaidFrom;
use crate::domain::id::{AppId, FamilyId, GrantId, KeyId, MerchantId, PartnerId, SignatureKeyId};
use crate::domain::identity::{App, Grant, KeyRecord, Merchant, Partner, Subscription};
use crate::domain::signature_key::SignatureKeyRecord;
use crate::domain::time::Timestamp;
use crate::domain::token_rules::TokenRules;

/// The source is out of reach; what it would have said is unknown.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the store of identities is out of reach: {0}")]
pub struct SourceUnavailable(pub String);

/// Of a source that is asked for single keys alone.
const NOT_TOLD: &str = "it does not tell which keys there are";

/// Looks identities up. Only called off the data plane's threads.
#[async_trait]
pub trait IdentitySource: Send + Sync {
    /// The key of that hash.
    async fn key(&self, hash: &KeyHash) -> Result<Option<KeyRecord>, SourceUnavailable>;
    /// The keys that are not revoked after `after` in the order of their ids, at most `most`, each with its hash, and
    /// whether its app and partner may call.
    async fn keys_after(
        &self,
        after: Option<&KeyId>,
        most: u32,
    ) -> Result<Vec<(KeyHash, KnownKey, bool)>, SourceUnavailable>;
    /// All keys after `after`, whether they work or not, in the order of their ids, at most `most`, each with its hash.
    async fn key_hashes_after(
        &self,
        _after: Option<&KeyId>,
        _most: u32,
    ) -> Result<Vec<(KeyId, KeyHash)>, SourceUnavailable> {
        Err(SourceUnavailable(NOT_TOLD.to_owned()))
    }
    /// The hash of that key.
    async fn key_hash(&self, _id: &KeyId) -> Result<Option<KeyHash>, SourceUnavailable> {
        Err(SourceUnavailable(NOT_TOLD.to_owned()))
    }
    /// The key of that id by which an app signs requests.
    async fn signature_key(
        &self,
        id: &SignatureKeyId,
    ) -> Result<Option<SignatureKeyRecord>, SourceUnavailable>;
    /// What verifies the signatures of that key.
    async fn request_key(&self, key: &SignatureKeyRecord) -> Result<Option<RequestKey>, SourceUnavailable>;
    /// The certificate that is registered by the first of those names by which any is, or was: the one that was not revoked, or else
    /// the last that was.
    async fn certificate(&self, names: &ShownNames) -> Result<Option<AppCertificate>, SourceUnavailable>;
    /// The app.
    async fn app(&self, id: &AppId) -> Result<Option<App>, SourceUnavailable>;
    /// What holds of all access tokens of the app.
    async fn token_rules(&self, app: &AppId) -> Result<TokenRules, SourceUnavailable>;
    /// The partner.
    async fn partner(&self, id: &PartnerId) -> Result<Option<Partner>, SourceUnavailable>;
    /// The app's subscriptions.
    async fn subscriptions(&self, app: &AppId) -> Result<Vec<Subscription>, SourceUnavailable>;
    /// What the app's fees are paid from; of a source that knows of no money, nothing.
    async fn balances(&self, _app: &App) -> Result<Vec<PaidFrom>, SourceUnavailable> {
        Ok(Vec::new())
    }
    /// The merchant's caps on what the app may cost in its name; of a source that knows of no money, none.
    async fn caps(&self, _merchant: &MerchantId, _app: &AppId) -> Result<Vec<PaidFrom>, SourceUnavailable> {
        Ok(Vec::new())
    }
    /// The grant.
    async fn grant(&self, id: &GrantId) -> Result<Option<Grant>, SourceUnavailable>;
    /// The grant of a merchant to an app that holds, if there is one.
    async fn grant_to(
        &self,
        merchant: &MerchantId,
        app: &AppId,
    ) -> Result<Option<GrantId>, SourceUnavailable>;
    /// Whether the family of refresh tokens was revoked, and with it the access tokens that came with them.
    async fn is_family_revoked(&self, id: &FamilyId) -> Result<bool, SourceUnavailable>;
    /// Whether the access token of that id was revoked by itself.
    async fn is_token_revoked(&self, id: &str) -> Result<bool, SourceUnavailable>;
    /// The tokens that were revoked by themselves after the id `after`, in the order of their ids, at most `most`, each with
    /// the time from which on it would have expired.
    async fn revoked_tokens(
        &self,
        after: &str,
        most: u32,
    ) -> Result<Vec<(String, Timestamp)>, SourceUnavailable>;
    /// The merchant.
    async fn merchant(&self, id: &MerchantId) -> Result<Option<Merchant>, SourceUnavailable>;
}
