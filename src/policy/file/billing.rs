//! The billing part of `platform.yaml`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::text::DurationText;

/// When billing periods are closed.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BillingSection {
    /// For how long after its end a period is left open, so that calls whose records come late are still billed with it; 1m to 35d, not at
    /// all unless it is given. What comes later is an adjustment on a later statement.
    pub grace: Option<DurationText>,
    /// Who closes a period that has ended; by-hand unless it is given.
    #[serde(default)]
    pub close: CloseName,
}

/// Who closes a period that has ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CloseName {
    /// An administrator: `tollgate statement close`.
    #[default]
    ByHand,
    /// A node does so by itself within ten minutes of the end of the grace, which must be given.
    AfterGrace,
}
