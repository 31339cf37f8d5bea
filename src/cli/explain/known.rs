//! What is known of a call beside itself and the policies.

use super::binding::Bound;
use super::facts::Facts;
use super::funds::Funds;
use super::recorded::Recorded;
use super::switches::Switches;

/// What is known of a call beside itself and the policies.
#[derive(Clone, Copy)]
pub(super) struct Known<'k> {
    /// Who calls; without, nobody in particular.
    pub(super) facts: Option<&'k Facts>,
    /// What is switched off, if a node was asked.
    pub(super) switches: Option<&'k Switches<'k>>,
    /// What pays for the app's calls, and what is left of its quotas, if a node was asked.
    pub(super) funds: Option<&'k Funds<'k>>,
    /// The call, if it is on record.
    pub(super) recorded: Option<&'k Recorded>,
    /// Which merchant that was for.
    pub(super) bound: Option<&'k Bound<'k>>,
}
