//! How merchants log in.

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

use super::token_source::SecretPlace;
use crate::config::service_url::ServiceUrl;
use crate::domain::authentication::AuthenticationClass;

/// How merchants log in.
#[derive(Debug, Clone)]
pub struct Login {
    /// By the passwords that the platform keeps.
    pub by_password: bool,
    /// By an identity provider.
    pub provider: Option<Arc<IdentityProvider>>,
}

/// An identity provider that speaks OpenID Connect.
#[derive(Debug)]
pub struct IdentityProvider {
    /// Its issuer.
    pub issuer: ServiceUrl,
    /// As whom the gateway asks.
    pub client_id: String,
    /// What it proves itself with; never shown.
    pub client_secret: SecretString,
    /// How the secret is sent.
    pub authentication: SecretPlace,
    /// What is asked for beside `openid`.
    pub scopes: Vec<String>,
    /// What stands on the login page, in English and in Chinese.
    pub label: (String, String),
    /// Whether each login there is one by two factors.
    pub always_two_factors: bool,
    /// Values of `acr` that stand for two factors.
    pub two_factors: Vec<String>,
    /// Who links accounts.
    pub linking: Linking,
}

/// How an account of the provider's comes to be a merchant's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Linking {
    /// An administrator says so.
    ByAdministrator,
    /// By a claim that holds the merchant's user name.
    ByClaim {
        /// The claim.
        claim: String,
        /// Whether a merchant is registered if there is none.
        creates: bool,
    },
}

impl IdentityProvider {
    /// How well somebody proved himself there whose ID token has that `acr`.
    #[must_use]
    pub fn class(&self, acr: Option<&str>) -> AuthenticationClass {
        let is_named = acr.is_some_and(|acr| self.two_factors.iter().any(|known| known == acr));
        match self.always_two_factors || is_named {
            true => AuthenticationClass::TwoFactors,
            false => AuthenticationClass::OneFactor,
        }
    }

    /// The secret, for the one who sends it.
    #[must_use]
    pub fn secret(&self) -> &str {
        self.client_secret.expose_secret()
    }
}
