//! Where identities come from when they are not remembered.

use async_trait::async_trait;

use super::keys::KnownKey;
use super::request_key::RequestKey;
use crate::domain::api_key::KeyHash;
use crate::domain::app_certificate::{AppCertificate, ShownNames};
use crate::domain::calling::{CallingApp, CallingGrant};
use crate::domain::id::{AppId, FamilyId, GrantId, KeyId, MerchantId, SignatureKeyId};
use crate::domain::identity::KeyRecord;
use crate::domain::signature_key::StoredSignatureKey;
use crate::domain::time::Timestamp;

/// The source is out of reach; what it would have said is unknown.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the store of identities is out of reach: {0}")]
pub struct SourceUnavailable(pub String);

/// Of a source that is asked for single keys alone.
const NOT_TOLD: &str = "it does not tell which keys there are";
/// Of a source without signature keys.
const NOT_OPENED: &str = "it opens no signature keys";

/// Looks identities up. Only called off the data plane's threads.
#[async_trait]
pub trait IdentitySource: Send + Sync {
    /// The key of that hash, with its app. Which app a key is of never changes, nor which partner an app is of.
    async fn key(&self, hash: &KeyHash) -> Result<Option<(KeyRecord, CallingApp)>, SourceUnavailable>;
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
    /// The key of that id by which an app signs requests, with its app.
    async fn signature_key(
        &self,
        id: &SignatureKeyId,
    ) -> Result<Option<(StoredSignatureKey, CallingApp)>, SourceUnavailable>;
    /// What verifies the signatures of that key.
    fn request_key(&self, _key: &StoredSignatureKey) -> Result<RequestKey, SourceUnavailable> {
        Err(SourceUnavailable(NOT_OPENED.to_owned()))
    }
    /// The certificate that is registered by the first of those names by which any is, or was: the one that was not revoked, or else
    /// the last that was; with its app.
    async fn certificate(
        &self,
        names: &ShownNames,
    ) -> Result<Option<(AppCertificate, CallingApp)>, SourceUnavailable>;
    /// The app.
    async fn app(&self, id: &AppId) -> Result<Option<CallingApp>, SourceUnavailable>;
    /// The grant. Which merchant one is of never changes.
    async fn grant(&self, id: &GrantId) -> Result<Option<CallingGrant>, SourceUnavailable>;
    /// The grant of a merchant to an app that holds, if there is one.
    async fn grant_to(
        &self,
        merchant: &MerchantId,
        app: &AppId,
    ) -> Result<Option<CallingGrant>, SourceUnavailable>;
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
}
