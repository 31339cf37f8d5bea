//! Who may call a route, where more than a word says it.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// Whether a call must be on behalf of a merchant, and where the request names it: `true`, or `{path: merchant}`.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum MerchantEntry {
    /// Whether there must be one.
    Needed(bool),
    /// There must be, and the request must name it here.
    Named(MerchantPlace),
}

/// The one place where a request names its merchant.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MerchantPlace {
    /// A parameter of the path.
    pub path: Option<String>,
    /// A parameter of the query.
    pub query: Option<String>,
    /// A member of the JSON body, such as `seller.id`.
    pub body: Option<String>,
}

impl MerchantEntry {
    /// Whether there must be a merchant behind the call.
    #[must_use]
    pub fn is_needed(&self) -> bool {
        match self {
            Self::Needed(is_needed) => *is_needed,
            Self::Named(_) => true,
        }
    }

    /// Whether the body must name it.
    #[must_use]
    pub fn is_in_body(&self) -> bool {
        matches!(self, Self::Named(MerchantPlace { body: Some(_), .. }))
    }
}

impl Default for MerchantEntry {
    fn default() -> Self {
        Self::Needed(false)
    }
}

impl JsonSchema for MerchantEntry {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Merchant".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["boolean", "object"],
            "description": "Whether the call must be on behalf of a merchant, or where the request names it, in one of: path, query, body.",
            "properties": {
                "path": {
                    "type": "string",
                    "description": "The parameter of the path that names the merchant, such as merchant in /api/merchants/{merchant}/orders."
                },
                "query": {
                    "type": "string",
                    "description": "The parameter of the query that names the merchant, such as merchant_id. It must be there once."
                },
                "body": {
                    "type": "string",
                    "description": "The member of the JSON body that names the merchant, such as seller.id. The body is read whole, up to max_body (64KiB when left out, 1MiB at most), before any of it goes on."
                }
            },
            "additionalProperties": false,
            "minProperties": 1
        })
    }
}

/// A last condition: CEL, or with what goes with it.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum ConditionEntry {
    /// The condition alone.
    Text(String),
    /// With what goes with it.
    Whole(WholeCondition),
}

/// A condition with what goes with it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WholeCondition {
    /// The condition.
    #[serde(rename = "if")]
    pub condition: String,
    /// Header fields that it may read.
    #[serde(default)]
    pub headers: Vec<String>,
    /// What a caller is told that does not meet it.
    pub message: Option<String>,
}

impl JsonSchema for ConditionEntry {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Condition".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "object"],
            "description": "CEL over request (method, path, params, query, headers), principal (app, partner, merchant, environment, scopes) and source (address); or {if, headers, message}.",
            "properties": {
                "if": {
                    "type": "string",
                    "description": "The condition, in CEL. What has no value for a call is not met. Where it comes from, source.address.in_network('10.0.0.0/8') asks."
                },
                "headers": {
                    "type": "array",
                    "items": {"type": "string"},
                    "description": "Header fields that the condition reads, as request.headers['x-channel']. One that is not there has no value: ask 'x-channel' in request.headers. One that is there twice leaves all of them without."
                },
                "message": {
                    "type": "string",
                    "description": "What a caller is told that does not meet it."
                }
            },
            "required": ["if"],
            "additionalProperties": false
        })
    }
}
