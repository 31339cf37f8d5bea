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
    /// Whose calls may reach it: only live apps, only sandbox apps, or (when left out) both.
    pub environment: Option<EnvironmentName>,
    /// How long a connection may take; 2s when left out.
    pub connect_timeout: Option<DurationText>,
}

/// An environment.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EnvironmentName {
    /// Real orders, real money.
    Live,
    /// Trials.
    Sandbox,
}
