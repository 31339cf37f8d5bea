//! `upstreams.yaml`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::text::DurationText;

/// The internal backends.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpstreamsFile {
    /// Upstream → where it is.
    pub upstreams: BTreeMap<String, UpstreamEntry>,
}

/// One internal backend.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpstreamEntry {
    /// Its servers, as host:port. `${env:NAME:-default}` is replaced by the variable NAME, `${file:PATH}` by what the
    /// file at PATH holds.
    #[schemars(length(min = 1))]
    pub endpoints: Vec<String>,
    /// Whose calls may reach it: only live apps, only sandbox apps, or both. When left out it is both, and a warning says so.
    pub environment: Option<EnvironmentName>,
    /// How long a connection may take; 2s when left out.
    pub connect_timeout: Option<DurationText>,
    /// The access token that this upstream asks for. The gateway gets it for itself, by client credentials, ahead of
    /// time, and sends it as `Authorization: Bearer` with each call to this upstream. The caller's own credential never
    /// goes on.
    pub oauth2: Option<UpstreamTokenEntry>,
}

/// How the gateway gets an access token for an upstream (RFC 6749, section 4.4). `${env:NAME}` and `${file:PATH}` are
/// replaced.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpstreamTokenEntry {
    /// The token endpoint; https, or http of this machine itself.
    pub token_url: String,
    /// As whom the gateway asks.
    pub client_id: String,
    /// What it proves itself with: `${env:NAME}` or `${file:PATH}`. The secret itself never stands here.
    pub client_secret: String,
    /// How the secret is sent; `client_secret_basic` when left out.
    #[serde(default)]
    pub client_authentication: SecretPlaceName,
    /// What is asked for; when left out, what the token server gives by itself.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// The `audience` that some token servers ask for.
    pub audience: Option<String>,
    /// The resource for which the token is to be (RFC 8707): its address.
    pub resource: Option<String>,
}

/// How a client's secret is sent to a token endpoint (RFC 6749, section 2.3.1).
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecretPlaceName {
    /// In the Authorization header.
    #[default]
    ClientSecretBasic,
    /// In the form.
    ClientSecretPost,
}

/// An environment.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EnvironmentName {
    /// Real orders, real money.
    Live,
    /// Trials.
    Sandbox,
    /// Both, such as a list of countries.
    Both,
}
