//! What the admin API works on; all of it is passed in.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::exception_figures::ExceptionFigures;
use super::token::AdminToken;
use crate::billing::ledger::history::PageEnds;
use crate::credential::directory::Directory;
use crate::credential::hasher::Hasher;
use crate::credential::proof_keys::ProofKeys;
use crate::credential::sealing::SealingKey;
use crate::credential::signing_keys::SigningKeys;
use crate::domain::api_key::KeyHash;
use crate::domain::app_certificate::KnownBy;
use crate::domain::id::{AppId, GrantId, KeyId, MerchantId, SignatureKeyId};
use crate::domain::random::Random;
use crate::domain::time::Clock;
use crate::policy::kill_switches::KillSwitches;
use crate::policy::live::Live;
use crate::store::Store;

/// Told of every change to who may call, so that nothing that was remembered outlives it.
pub trait Invalidation: Send + Sync {
    /// An app, its partner, or its subscriptions changed.
    fn forget_app(&self, app: &AppId);
    /// An API key was made.
    fn learn_key(&self, hash: &KeyHash);
    /// An API key changed.
    fn forget_key(&self, key: &KeyId);
    /// A key by which an app signs requests changed.
    fn forget_signature_key(&self, key: &SignatureKeyId);
    /// A client certificate was registered or revoked that is known by this.
    fn forget_certificate(&self, known_by: &KnownBy);
    /// A grant changed.
    fn forget_grant(&self, grant: &GrantId);
    /// A merchant changed.
    fn forget_merchant(&self, merchant: &MerchantId);
    /// A signing key is no longer to be believed.
    fn forget_all(&self);
}

impl Invalidation for Directory {
    fn forget_app(&self, app: &AppId) {
        Self::forget_app(self, app);
    }

    fn learn_key(&self, hash: &KeyHash) {
        Self::learn_key(self, hash);
    }

    fn forget_key(&self, key: &KeyId) {
        Self::forget_key(self, key);
    }

    fn forget_signature_key(&self, key: &SignatureKeyId) {
        Self::forget_signature_key(self, key);
    }

    fn forget_certificate(&self, known_by: &KnownBy) {
        Self::forget_certificate(self, known_by);
    }

    fn forget_grant(&self, grant: &GrantId) {
        Self::forget_grant(self, grant);
    }

    fn forget_merchant(&self, merchant: &MerchantId) {
        Self::forget_merchant(self, merchant);
    }

    fn forget_all(&self) {
        Self::forget_all(self);
    }
}

/// What the admin API works on.
pub struct AdminState {
    /// What survives a restart.
    pub store: Store,
    /// The policies in force.
    pub policies: Arc<Live>,
    /// What is switched off.
    pub kill_switches: Arc<KillSwitches>,
    /// The keys that sign access tokens.
    pub signing_keys: Arc<SigningKeys>,
    /// The keys that sign heads of closed periods.
    pub proof_keys: Arc<ProofKeys>,
    /// Seals secrets that must come back.
    pub sealing: Arc<SealingKey>,
    /// The data plane's memory of credentials.
    pub invalidation: Arc<dyn Invalidation>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance, for ids and secrets.
    pub random: Arc<dyn Random>,
    /// What an administrator proves himself with.
    pub token: AdminToken,
    /// Hashes passwords.
    pub hasher: Arc<Hasher>,
    /// Exceptions that nobody has resolved, as counted for the last `/metrics`.
    pub open_exceptions: Arc<ExceptionFigures>,
    /// Sales that should be settled and are not, as counted for the last `/metrics`.
    pub unsettled_sales: Arc<AtomicU64>,
    /// How often it was told that so many percent of a balance are used, as counted for the last `/metrics`, by
    /// [`crate::billing::balance::alerts::PERCENTS`].
    pub balance_alerts: Arc<[AtomicU64; 2]>,
    /// Where pages of accounts' histories ended.
    pub histories: PageEnds,
    /// The text of `/metrics`.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// Why the node should get no calls now, beside its store being out of reach; `Ok` if it should.
    pub readiness: Arc<dyn Fn() -> Result<(), String> + Send + Sync>,
}

impl std::fmt::Debug for AdminState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AdminState({:?}, {:?})", self.store, self.policies)
    }
}
