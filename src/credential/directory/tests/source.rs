//! A source of identities that does what a test says.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use tokio::sync::Semaphore;

use super::{KEYS, known_key};
use crate::credential::keys::KnownKey;
use crate::credential::request_key::RequestKey;
use crate::credential::sealing::SealingKey;
use crate::credential::source::{IdentitySource, SourceUnavailable};
use crate::domain::api_key::KeyHash;
use crate::domain::app_certificate::{AppCertificate, KnownByKey, ShownNames};
use crate::domain::calling::{CallingApp, CallingGrant};
use crate::domain::id::{AppId, FamilyId, GrantId, KeyId, MerchantId, PartnerId, SignatureKeyId};
use crate::domain::identity::{Environment, Grant, KeyRecord, Standing};
use crate::domain::principal::AppFacts;
use crate::domain::signature_key::{
    SignatureAlgorithm, SignatureKeyMaterial, SignatureKeyRecord, Signing, StoredSignatureKey,
};
use crate::domain::signature_style::SignatureStyle;
use crate::domain::time::Timestamp;
use crate::domain::token_rules::TokenRules;

/// Knows every key but some, as one of the same active app, unless it is away.
pub(super) struct Source {
    pub(super) is_away: AtomicBool,
    pub(super) is_suspended: AtomicBool,
    pub(super) is_key_revoked: AtomicBool,
    /// When keys end by themselves.
    pub(super) keys_end_at: std::sync::Mutex<Option<Timestamp>>,
    pub(super) loads: AtomicUsize,
    pub(super) unknown: std::sync::Mutex<Vec<KeyHash>>,
    /// Those that it tells of when it is asked which there are.
    pub(super) told: std::sync::Mutex<Vec<(KeyId, KeyHash)>>,
    pub(super) keys_asked: AtomicUsize,
    pub(super) certificates: std::sync::Mutex<Vec<AppCertificate>>,
    pub(super) granted: std::sync::Mutex<Option<Grant>>,
    pub(super) token_rules: std::sync::Mutex<TokenRules>,
    /// Taken by whoever loads; a test that holds all makes loads wait.
    pub(super) gate: Semaphore,
}

impl Source {
    fn answer<T>(&self, value: T) -> Result<T, SourceUnavailable> {
        match self.is_away.load(Ordering::SeqCst) {
            true => Err(SourceUnavailable("away".to_owned())),
            false => Ok(value),
        }
    }

    fn standing(&self) -> Standing {
        if self.is_suspended.load(Ordering::SeqCst) { Standing::Suspended } else { Standing::Active }
    }

    fn calling_grant(&self) -> Option<CallingGrant> {
        let grant = self.granted.lock().unwrap().clone()?;
        Some(CallingGrant { grant, merchant: Standing::Active, caps: Vec::new() })
    }

    /// A credential with its app, which is loaded with it.
    async fn with_app<T>(
        &self,
        app: AppId,
        credential: T,
    ) -> Result<Option<(T, CallingApp)>, SourceUnavailable> {
        self.answer(())?;
        Ok(self.app(&app).await?.map(|app| (credential, app)))
    }
}

#[async_trait]
impl IdentitySource for Source {
    async fn key(&self, hash: &KeyHash) -> Result<Option<(KeyRecord, CallingApp)>, SourceUnavailable> {
        self.keys_asked.fetch_add(1, Ordering::SeqCst);
        if self.unknown.lock().unwrap().contains(hash) {
            return self.answer(None);
        }
        let (id, app) = (KeyId::new("key_1").unwrap(), AppId::new("app_1").unwrap());
        let expires_at = *self.keys_end_at.lock().unwrap();
        let key = KeyRecord { expires_at, ..KeyRecord::new(id, app, (), Timestamp::default()) };
        self.with_app(key.app.clone(), key).await
    }

    async fn signature_key(
        &self,
        id: &SignatureKeyId,
    ) -> Result<Option<(StoredSignatureKey, CallingApp)>, SourceUnavailable> {
        self.keys_asked.fetch_add(1, Ordering::SeqCst);
        if id.as_str() == "sgk_unknown" {
            return self.answer(None);
        }
        let is_revoked = self.is_key_revoked.load(Ordering::SeqCst);
        let signing = Signing { style: SignatureStyle::Http, algorithm: SignatureAlgorithm::Ed25519 };
        let app = AppId::new("app_1").unwrap();
        let record = SignatureKeyRecord {
            expires_at: *self.keys_end_at.lock().unwrap(),
            revoked_at: is_revoked.then(Timestamp::default),
            ..SignatureKeyRecord::new(id.clone(), app.clone(), signing, Timestamp::default())
        };
        let jwk = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
        let material = SignatureKeyMaterial::Public(jwk.to_owned());
        self.with_app(app, StoredSignatureKey { record, material }).await
    }

    fn request_key(&self, key: &StoredSignatureKey) -> Result<RequestKey, SourceUnavailable> {
        let StoredSignatureKey { record, material } = key;
        let sealing = SealingKey::new(&[7; 32]).unwrap();
        let signs = (&record.own.style, record.own.algorithm);
        let opened = RequestKey::open((&record.id, record.created_at), signs, material, &sealing);
        Ok(opened.unwrap())
    }

    async fn keys_after(
        &self,
        after: Option<&KeyId>,
        most: u32,
    ) -> Result<Vec<(KeyHash, KnownKey, bool)>, SourceUnavailable> {
        let keys = (0..KEYS).map(known_key).filter(|(_, key, _)| after.is_none_or(|after| key.id > *after));
        self.answer(keys.take(most as usize).collect())
    }

    async fn key_hashes_after(
        &self,
        after: Option<&KeyId>,
        most: u32,
    ) -> Result<Vec<(KeyId, KeyHash)>, SourceUnavailable> {
        let told = self.told.lock().unwrap();
        let keys = told.iter().filter(|(id, _)| after.is_none_or(|after| id > after));
        self.answer(keys.take(most as usize).cloned().collect())
    }

    async fn key_hash(&self, id: &KeyId) -> Result<Option<KeyHash>, SourceUnavailable> {
        let told = self.told.lock().unwrap();
        self.answer(told.iter().find(|(key, _)| key == id).map(|(_, hash)| *hash))
    }

    async fn certificate(
        &self,
        names: &ShownNames,
    ) -> Result<Option<(AppCertificate, CallingApp)>, SourceUnavailable> {
        self.keys_asked.fetch_add(1, Ordering::SeqCst);
        let found = {
            let registered = self.certificates.lock().unwrap();
            let by = |key: &KnownByKey| {
                registered.iter().rfind(|certificate| certificate.own.known_by.key() == *key)
            };
            names.keys().iter().find_map(by).cloned()
        };
        match found {
            Some(certificate) => self.with_app(certificate.app.clone(), certificate).await,
            None => self.answer(None),
        }
    }

    async fn app(&self, id: &AppId) -> Result<Option<CallingApp>, SourceUnavailable> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        let _turn = self.gate.acquire().await.unwrap();
        let facts = AppFacts {
            id: id.clone(),
            partner: PartnerId::new("partner_1").unwrap(),
            environment: Environment::Live,
            scopes: "order:read order:write".parse().unwrap(),
            subscriptions: Vec::new(),
            balances: Vec::new(),
        };
        let token_rules = *self.token_rules.lock().unwrap();
        let app = CallingApp { token_rules, ..CallingApp::new(facts, self.standing(), Standing::Active) };
        self.answer(Some(app))
    }

    async fn grant(&self, id: &GrantId) -> Result<Option<CallingGrant>, SourceUnavailable> {
        self.answer(self.calling_grant().filter(|found| found.grant.id == *id))
    }

    async fn grant_to(&self, _: &MerchantId, _: &AppId) -> Result<Option<CallingGrant>, SourceUnavailable> {
        self.answer(self.calling_grant())
    }

    async fn is_family_revoked(&self, _: &FamilyId) -> Result<bool, SourceUnavailable> {
        self.answer(false)
    }

    async fn is_token_revoked(&self, _: &str) -> Result<bool, SourceUnavailable> {
        self.answer(false)
    }

    async fn revoked_tokens(&self, _: &str, _: u32) -> Result<Vec<(String, Timestamp)>, SourceUnavailable> {
        self.answer(Vec::new())
    }
}
