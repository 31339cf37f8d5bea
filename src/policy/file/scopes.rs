//! `scopes.yaml`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::text::DurationText;

/// Every scope that an app may ask for, with the words in which a merchant is asked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScopesFile {
    /// Scope → what it means.
    pub scopes: BTreeMap<String, ScopeEntry>,
}

/// What a scope means, in the merchant's words, and how long tokens live that have it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScopeEntry {
    /// In English.
    pub en: String,
    /// In Chinese.
    pub zh: String,
    /// The longest that an access token lives which has this scope, if that is less than the platform says.
    pub access_token_lifetime: Option<DurationText>,
    /// The longest that a refresh token lives, without being used, which gives this scope, if that is less than the platform
    /// says.
    pub refresh_token_lifetime: Option<DurationText>,
}
