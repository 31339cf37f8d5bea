//! What the platform says of when its billing periods are closed.

use std::time::Duration;

/// When billing periods are closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BillingTerms {
    /// For how long after its end a period is left open for what comes late.
    pub grace: Duration,
    /// Who closes it then.
    pub close: CloseRule,
}

/// Who closes billing periods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseRule {
    /// An administrator.
    ByHand,
    /// A node, once the grace has ended.
    AfterGrace,
}
