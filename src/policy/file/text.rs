//! Small texts of policy files with a meaning of their own: durations, sizes, decimals.

use std::time::Duration;

use rust_decimal::Decimal;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use crate::domain::money::parse_decimal;

/// How a span of time is written.
pub(in crate::policy) const SPAN: &str = "^[1-9][0-9]{0,8}(ms|s|m|h|d)$";

/// A span of time: `500ms`, `10s`, `5m`, `1h`, `30d`.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub struct DurationText(pub String);

impl DurationText {
    /// The span; `None` if the text is not one, or not above zero.
    #[must_use]
    pub fn duration(&self) -> Option<Duration> {
        let digits = self.0.find(|char: char| !char.is_ascii_digit())?;
        let number: u64 = self.0[..digits].parse().ok()?;
        let milliseconds: u64 = match &self.0[digits..] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        let span = number.checked_mul(milliseconds).filter(|span| *span > 0 && *span <= 400 * 86_400_000)?;
        Some(Duration::from_millis(span))
    }
}

impl JsonSchema for DurationText {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": SPAN,
            "description": "A span of time: 500ms, 10s, 5m, 1h, 30d."
        })
    }
}

/// A size in bytes: `512`, `64KiB`, `1MiB`.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum SizeText {
    /// With or without a unit.
    Text(String),
    /// A number of bytes.
    Bytes(u64),
}

impl SizeText {
    /// The size in bytes; `None` if the text is not one.
    #[must_use]
    pub fn bytes(&self) -> Option<u64> {
        let text = match self {
            Self::Bytes(bytes) => return Some(*bytes),
            Self::Text(text) => text,
        };
        let digits = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
        let number: u64 = text[..digits].parse().ok()?;
        let unit: u64 = match &text[digits..] {
            "" | "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return None,
        };
        number.checked_mul(unit)
    }
}

impl JsonSchema for SizeText {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "integer"],
            "minimum": 0,
            "pattern": "^[0-9]{1,12}(B|KiB|MiB|GiB)?$",
            "description": "A size: 512B, 64KiB, 1MiB."
        })
    }
}

/// An exact decimal: `0.01`, quoted or not.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum DecimalText {
    /// With a fraction.
    Text(String),
    /// Without one.
    Integer(i64),
}

impl DecimalText {
    /// The decimal; `None` if the text is not one.
    #[must_use]
    pub fn decimal(&self) -> Option<Decimal> {
        match self {
            Self::Text(text) => parse_decimal(text).ok(),
            Self::Integer(value) => Some(Decimal::from(*value)),
        }
    }
}

impl JsonSchema for DecimalText {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Decimal".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "number"],
            "pattern": "^-?[0-9]{1,15}(\\.[0-9]{1,12})?$",
            "description": "An exact decimal such as 0.01."
        })
    }
}
