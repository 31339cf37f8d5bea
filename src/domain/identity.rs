//! Who is known to the platform: partners, their apps, merchants, and what ties them together.

use super::app_credential::AppCredential;
use super::id::{AppId, GrantId, KeyId, MerchantId, PartnerId, PlanName, ProductName, SubscriptionId};
use super::scope::ScopeSet;
pub use super::secret_hash::SecretHash;
use super::time::Timestamp;

/// Where an app's calls may go. A sandbox app never reaches a live upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Environment {
    /// Real orders, real money.
    Live,
    /// Trials.
    Sandbox,
}

impl Environment {
    /// The name used in API keys, files and answers: `live` or `sandbox`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Sandbox => "sandbox",
        }
    }

    /// The environment of that [`Self::name`].
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Live, Self::Sandbox].into_iter().find(|environment| environment.name() == name)
    }
}

/// Whether a partner, app or merchant may act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// It may.
    Active,
    /// It may not, until an administrator says so.
    Suspended,
}

impl Standing {
    /// The name used in the store and in answers: `active` or `suspended`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
        }
    }

    /// The standing of that [`Self::name`].
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Active, Self::Suspended].into_iter().find(|standing| standing.name() == name)
    }
}

/// Whether an app can keep a secret (RFC 6749, section 2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClientKind {
    /// It authenticates with a client secret.
    Confidential,
    /// It has no secret (a browser or native app) and must use PKCE.
    Public,
}

impl ClientKind {
    /// The name used in the store and in answers: `confidential` or `public`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Confidential => "confidential",
            Self::Public => "public",
        }
    }

    /// The kind of that [`Self::name`].
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Confidential, Self::Public].into_iter().find(|kind| kind.name() == name)
    }
}

/// An outside organisation: an ISV, supplier or carrier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partner {
    /// Its id.
    pub id: PartnerId,
    /// Its name, shown on the consent page.
    pub name: String,
    /// Whether its apps may act.
    pub standing: Standing,
    /// When it was registered.
    pub created_at: Timestamp,
}

/// A partner's registered client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    /// Its id: the OAuth2 `client_id`.
    pub id: AppId,
    /// Whose it is.
    pub partner: PartnerId,
    /// Its name, shown on the consent page.
    pub name: String,
    /// Where its calls may go.
    pub environment: Environment,
    /// Whether it can keep a secret.
    pub kind: ClientKind,
    /// Where authorization answers may go: compared as exact strings, but for the port of a loopback address.
    pub redirect_uris: Vec<String>,
    /// The most it can ever ask for.
    pub scopes: ScopeSet,
    /// What a request without `scope` asks for; within `scopes`.
    pub default_scopes: DefaultScopes,
    /// Whether it must use PKCE although it is confidential. Public apps always must.
    pub requires_pkce: bool,
    /// Whether it may act.
    pub standing: Standing,
    /// When it was registered.
    pub created_at: Timestamp,
}

impl App {
    /// What it asks for by a request without `scope`.
    #[must_use]
    pub fn default_scopes(&self) -> &ScopeSet {
        match &self.default_scopes {
            DefaultScopes::All => &self.scopes,
            DefaultScopes::Named(scopes) => scopes,
        }
    }
}

/// What an app asks for by a request without `scope`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DefaultScopes {
    /// All that it may ask for, also what it may later: none were named.
    All,
    /// These.
    Named(ScopeSet),
}

/// An app's use of an API product under a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Its id.
    pub id: SubscriptionId,
    /// The app.
    pub app: AppId,
    /// What it may call.
    pub product: ProductName,
    /// Limits and prices.
    pub plan: PlanName,
    /// At which version of the plan it stands; none: it follows the plan.
    pub version: Option<u32>,
    /// From when.
    pub from: Timestamp,
    /// Until when, if it has ended or will end.
    pub until: Option<Timestamp>,
}

/// A user of the platform: a shop. Its password hash stays in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merchant {
    /// Its id.
    pub id: MerchantId,
    /// What it logs in with.
    pub username: String,
    /// The shop's name, shown on the consent page.
    pub name: String,
    /// Whether it may log in and be acted for.
    pub standing: Standing,
    /// When it was registered.
    pub created_at: Timestamp,
}

/// A merchant's consent that an app acts for it. There is at most one that is not revoked for each pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Its id; access tokens name it.
    pub id: GrantId,
    /// Who consents.
    pub merchant: MerchantId,
    /// Who may act.
    pub app: AppId,
    /// In what.
    pub scopes: ScopeSet,
    /// Since when.
    pub created_at: Timestamp,
    /// When it was taken back.
    pub revoked_at: Option<Timestamp>,
}

/// What is kept of an API key beside its hash.
pub type KeyRecord = AppCredential<KeyId, ()>;
