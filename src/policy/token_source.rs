//! Where the gateway gets an access token that an upstream asks for: by client credentials (RFC 6749, section 4.4).

use secrecy::{ExposeSecret, SecretString};

use crate::config::service_url::ServiceUrl;

/// How a token for an upstream is had.
#[derive(Debug, Clone)]
pub struct TokenSource {
    /// The token endpoint.
    pub token_url: ServiceUrl,
    /// As whom the gateway asks.
    pub client_id: String,
    /// What it proves itself with; never shown.
    pub client_secret: SecretString,
    /// How the secret is sent.
    pub authentication: SecretPlace,
    /// What is asked for; empty: what the token server gives by itself.
    pub scopes: Vec<String>,
    /// The `audience` that some token servers ask for.
    pub audience: Option<String>,
    /// The resource for which the token is to be (RFC 8707).
    pub resource: Option<String>,
}

/// Where a client's secret stands in a request to a token endpoint (RFC 6749, section 2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SecretPlace {
    /// `client_secret_basic`.
    #[default]
    Header,
    /// `client_secret_post`.
    Form,
}

impl PartialEq for TokenSource {
    /// A source that is the same in all, its secret too, keeps the token that it gave.
    fn eq(&self, other: &Self) -> bool {
        let parts = |source: &Self| {
            let Self { token_url, client_id, scopes, audience, resource, authentication, client_secret: _ } =
                source.clone();
            (token_url, client_id, scopes, audience, resource, authentication)
        };
        parts(self) == parts(other)
            && self.client_secret.expose_secret() == other.client_secret.expose_secret()
    }
}

impl Eq for TokenSource {}
