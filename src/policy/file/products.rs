//! `products.yaml`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// The API products: what partners can subscribe to.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProductsFile {
    /// API product → what is in it.
    pub products: BTreeMap<String, ProductEntry>,
}

/// One API product.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProductEntry {
    /// Its title, shown to partners.
    pub title: String,
    /// Whether its calls cost money. Then each of its routes must have a meter.
    #[serde(default)]
    pub billable: bool,
    /// The names of its routes.
    #[schemars(length(min = 1))]
    pub routes: Vec<String>,
}
