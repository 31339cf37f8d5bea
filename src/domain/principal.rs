//! Who a request turned out to be.

use std::sync::Arc;

use super::balance::PaidFrom;
use super::id::{AppId, GrantId, MerchantId, PartnerId, PlanName, ProductName};
use super::identity::{Environment, Subscription};
use super::narrowing::Narrowing;
use super::scope::ScopeSet;
use super::time::Timestamp;

/// Who a request turned out to be.
#[derive(Debug, Clone)]
pub enum Principal {
    /// Nobody in particular: the request carried no credential.
    Anonymous,
    /// An app, perhaps on behalf of a merchant.
    App(Arc<Caller>),
}

/// An app that proved itself, with what it may do.
#[derive(Debug)]
pub struct Caller {
    /// The app.
    pub app: Arc<AppFacts>,
    /// The kind of credential that proved it.
    pub credential: CredentialKind,
    /// The credential's public id (the id of a key, or a token's `jti`), safe to log.
    pub credential_id: Arc<str>,
    /// On whose behalf it acts.
    pub merchant: Option<MerchantId>,
    /// The consent behind it.
    pub grant: Option<GrantId>,
    /// The merchant's caps on what the app may cost in its name, one for each currency; nearly always none.
    pub caps: Vec<PaidFrom>,
    /// What this credential permits.
    pub scopes: ScopeSet,
    /// To what else it is narrowed; `None`, if to nothing.
    pub narrowing: Option<Arc<Narrowing>>,
}

/// What the data plane needs to know of an app; its access tokens share it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppFacts {
    /// The app.
    pub id: AppId,
    /// Whose it is.
    pub partner: PartnerId,
    /// Where its calls may go.
    pub environment: Environment,
    /// The most that any credential of it can permit.
    pub scopes: ScopeSet,
    /// What it has subscribed to.
    pub subscriptions: Vec<Subscribed>,
    /// What its fees are paid from, one for each currency; nearly always none: then they are owed.
    pub balances: Vec<PaidFrom>,
}

/// What the data plane needs to know of a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribed {
    /// What the app may call.
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

impl Subscribed {
    /// Whether it is in force at `now`.
    #[must_use]
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.from <= now && self.until.is_none_or(|until| now < until)
    }
}

impl From<Subscription> for Subscribed {
    fn from(subscription: Subscription) -> Self {
        let Subscription { product, plan, version, from, until, .. } = subscription;
        Self { product, plan, version, from, until }
    }
}

/// The kinds of credential that the data plane takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CredentialKind {
    /// An API key.
    ApiKey,
    /// An OAuth2 access token.
    AccessToken,
    /// A signature of the request itself.
    SignedRequest,
    /// The client certificate of the connection.
    ClientCertificate,
}

impl CredentialKind {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::ApiKey, Self::AccessToken, Self::SignedRequest, Self::ClientCertificate];

    /// The name used in usage records and metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ApiKey => "api_key",
            Self::AccessToken => "access_token",
            Self::SignedRequest => "signed_request",
            Self::ClientCertificate => "client_certificate",
        }
    }

    /// The kind of that [`Self::name`].
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}
