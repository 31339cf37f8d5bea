//! What is known of who calls, in the place of the store: the directory proves the credential of a call by it.

use async_trait::async_trait;

use super::facts::Facts;
use crate::credential::keys::KnownKey;
use crate::credential::request_key::RequestKey;
use crate::credential::sealing::SealingKey;
use crate::credential::source::{IdentitySource, SourceUnavailable};
use crate::domain::api_key::KeyHash;
use crate::domain::app_certificate::{AppCertificate, ShownNames};
use crate::domain::id::{AppId, FamilyId, GrantId, KeyId, MerchantId, PartnerId, SignatureKeyId};
use crate::domain::identity::{App, Grant, KeyRecord, Merchant, Partner, Subscription};
use crate::domain::signature_key::{SignatureKeyMaterial, SignatureKeyRecord};
use crate::domain::time::Timestamp;
use crate::domain::token_rules::TokenRules;

/// A public key in the place of whichever an app has (RFC 8037, appendix A.2).
const ANY_KEY: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

type Answered<T> = Result<T, SourceUnavailable>;

#[async_trait]
impl IdentitySource for Facts {
    async fn key(&self, _: &KeyHash) -> Answered<Option<KeyRecord>> {
        Ok(self.key.clone())
    }

    async fn keys_after(&self, _: Option<&KeyId>, _: u32) -> Answered<Vec<(KeyHash, KnownKey, bool)>> {
        Ok(Vec::new())
    }

    async fn signature_key(&self, _: &SignatureKeyId) -> Answered<Option<SignatureKeyRecord>> {
        Ok(self.signature.clone())
    }

    /// No signature is looked at.
    async fn request_key(&self, key: &SignatureKeyRecord) -> Answered<Option<RequestKey>> {
        let (signs, material) =
            ((&key.own.style, key.own.algorithm), SignatureKeyMaterial::Public(ANY_KEY.to_owned()));
        let open = |sealing| RequestKey::open((&key.id, key.created_at), signs, &material, &sealing).ok();
        Ok(SealingKey::new(&[0; 32]).and_then(open))
    }

    async fn certificate(&self, _: &ShownNames) -> Answered<Option<AppCertificate>> {
        Ok(self.certificate.clone())
    }

    async fn app(&self, _: &AppId) -> Answered<Option<App>> {
        Ok(Some(self.app.clone()))
    }

    async fn token_rules(&self, _: &AppId) -> Answered<TokenRules> {
        Ok(TokenRules::default())
    }

    async fn partner(&self, _: &PartnerId) -> Answered<Option<Partner>> {
        Ok(Some(self.partner.clone()))
    }

    async fn subscriptions(&self, _: &AppId) -> Answered<Vec<Subscription>> {
        Ok(self.subscriptions.clone())
    }

    async fn grant(&self, _: &GrantId) -> Answered<Option<Grant>> {
        Ok(self.grant.as_ref().map(|(grant, _)| grant.clone()))
    }

    async fn grant_to(&self, _: &MerchantId, _: &AppId) -> Answered<Option<GrantId>> {
        let grant = self.grant.as_ref().map(|(grant, _)| grant);
        Ok(grant.filter(|grant| grant.revoked_at.is_none()).map(|grant| grant.id.clone()))
    }

    /// It ends with its grant.
    async fn is_family_revoked(&self, _: &FamilyId) -> Answered<bool> {
        Ok(self.grant.as_ref().is_some_and(|(grant, _)| grant.revoked_at.is_some()))
    }

    async fn is_token_revoked(&self, _: &str) -> Answered<bool> {
        Ok(false)
    }

    async fn revoked_tokens(&self, _: &str, _: u32) -> Answered<Vec<(String, Timestamp)>> {
        Ok(Vec::new())
    }

    async fn merchant(&self, _: &MerchantId) -> Answered<Option<Merchant>> {
        Ok(self.grant.as_ref().map(|(_, merchant)| merchant.clone()))
    }
}
