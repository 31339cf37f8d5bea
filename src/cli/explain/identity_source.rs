//! What is known of who calls, in the place of the store: the directory proves the credential of a call by it.

use async_trait::async_trait;

use super::facts::Facts;
use crate::credential::keys::KnownKey;
use crate::credential::request_key::RequestKey;
use crate::credential::sealing::SealingKey;
use crate::credential::source::{IdentitySource, SourceUnavailable};
use crate::domain::api_key::KeyHash;
use crate::domain::app_certificate::{AppCertificate, ShownNames};
use crate::domain::calling::{CallingApp, CallingGrant};
use crate::domain::id::{AppId, FamilyId, GrantId, KeyId, MerchantId, SignatureKeyId};
use crate::domain::identity::KeyRecord;
use crate::domain::principal::{AppFacts, Subscribed};
use crate::domain::signature_key::{SignatureKeyMaterial, StoredSignatureKey};
use crate::domain::time::Timestamp;

/// A public key in the place of whichever an app has (RFC 8037, appendix A.2).
const ANY_KEY: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

type Answered<T> = Result<T, SourceUnavailable>;

impl Facts {
    fn calling(&self) -> CallingApp {
        let facts = AppFacts {
            id: self.app.id.clone(),
            partner: self.app.partner.clone(),
            environment: self.app.environment,
            scopes: self.app.scopes.clone(),
            subscriptions: self.subscriptions.iter().cloned().map(Subscribed::from).collect(),
            balances: Vec::new(),
        };
        CallingApp::new(facts, self.app.standing, self.partner.standing)
    }

    fn calling_grant(&self) -> Option<CallingGrant> {
        let (grant, merchant) = self.grant.as_ref()?;
        Some(CallingGrant { grant: grant.clone(), merchant: merchant.standing, caps: Vec::new() })
    }
}

#[async_trait]
impl IdentitySource for Facts {
    async fn key(&self, _: &KeyHash) -> Answered<Option<(KeyRecord, CallingApp)>> {
        Ok(self.key.clone().map(|key| (key, self.calling())))
    }

    async fn keys_after(&self, _: Option<&KeyId>, _: u32) -> Answered<Vec<(KeyHash, KnownKey, bool)>> {
        Ok(Vec::new())
    }

    async fn signature_key(&self, _: &SignatureKeyId) -> Answered<Option<(StoredSignatureKey, CallingApp)>> {
        let material = || SignatureKeyMaterial::Public(ANY_KEY.to_owned());
        let stored = |record| StoredSignatureKey { record, material: material() };
        Ok(self.signature.clone().map(|record| (stored(record), self.calling())))
    }

    /// No signature is looked at.
    fn request_key(
        &self,
        StoredSignatureKey { record, material }: &StoredSignatureKey,
    ) -> Answered<RequestKey> {
        let signs = (&record.own.style, record.own.algorithm);
        let open =
            |sealing| RequestKey::open((&record.id, record.created_at), signs, material, &sealing).ok();
        let opened = SealingKey::new(&[0; 32]).and_then(open);
        opened.ok_or_else(|| SourceUnavailable("the public key in its place is none".to_owned()))
    }

    async fn certificate(&self, _: &ShownNames) -> Answered<Option<(AppCertificate, CallingApp)>> {
        Ok(self.certificate.clone().map(|certificate| (certificate, self.calling())))
    }

    async fn app(&self, _: &AppId) -> Answered<Option<CallingApp>> {
        Ok(Some(self.calling()))
    }

    async fn grant(&self, _: &GrantId) -> Answered<Option<CallingGrant>> {
        Ok(self.calling_grant())
    }

    async fn grant_to(&self, _: &MerchantId, _: &AppId) -> Answered<Option<CallingGrant>> {
        Ok(self.calling_grant().filter(|found| found.grant.revoked_at.is_none()))
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
}
