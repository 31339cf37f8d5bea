//! `scopes.yaml`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// Every scope that an app may ask for, with the words in which a merchant is asked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScopesFile {
    /// Scope → what it means.
    pub scopes: BTreeMap<String, ScopeEntry>,
}

/// What a scope means, in the merchant's words.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScopeEntry {
    /// In English.
    pub en: String,
    /// In Chinese.
    pub zh: String,
}
