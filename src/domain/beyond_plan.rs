//! What a plan does not let through at all: no short wait mends it.

use std::time::Duration;

use super::id::LimitName;
use super::refusal::whole_seconds;

/// What is beyond a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BeyondPlan {
    /// The call is more units than a limit ever lets through at once.
    CallTooLarge {
        /// Which limit.
        limit: LimitName,
        /// The units that the call is.
        units: u64,
        /// The most that may come at once.
        most: u64,
    },
    /// A quota does not have what the call asks for.
    QuotaUsedUp {
        /// Which quota.
        quota: LimitName,
        /// The call's calls or units.
        units: u64,
        /// How long until it is whole again.
        retry_after: Duration,
    },
}

impl BeyondPlan {
    /// The limit or quota that says so.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::CallTooLarge { limit: name, .. } | Self::QuotaUsedUp { quota: name, .. } => name.as_str(),
        }
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::CallTooLarge { .. } => "call_too_large",
            Self::QuotaUsedUp { .. } => "quota_used_up",
        }
    }

    /// What happened, the same for each occurrence.
    #[must_use]
    pub fn title(&self) -> &'static str {
        match self {
            Self::CallTooLarge { .. } => "The call asks for more than its plan lets through at once",
            Self::QuotaUsedUp { .. } => "The plan's quota is used up",
        }
    }

    /// What is wrong with this one and what to do about it.
    #[must_use]
    pub fn detail(&self) -> String {
        match self {
            Self::CallTooLarge { limit, units, most } => format!(
                "The call is {units} units, and {limit} has {most} at most: waiting does not help. Ask for less at a time."
            ),
            Self::QuotaUsedUp { quota, units, retry_after } => format!(
                "Quota {quota} does not have {units} left on this node; it is whole again after {} s.",
                whole_seconds(*retry_after)
            ),
        }
    }
}
