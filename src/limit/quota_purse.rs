//! What a node has leased of quotas: a call takes of it before its upstream sees it, and its answer settles what it has used.
//!
//! What is used beyond what was leased is owed, and leased before anything else: so the store comes to know of all that was used.

use std::sync::Arc;

use super::purse::{Hold, Purse, signed};
use super::purses::{Leasable, LocalPurses, Purses, TooMany};
use crate::domain::id::{AppId, PlanName};
use crate::domain::quota::{Quota, QuotaWindow};
use crate::domain::time::{Timestamp, Zone};

/// What a node has leased of a quota in one window, in units, or calls.
pub type QuotaPurse = Purse<QuotaWindow>;
/// What a call under way holds of a quota. Dropped, all of it goes back.
pub type QuotaHold = Hold<QuotaWindow>;
/// All that a node has leased of quotas.
pub type QuotaPurses = Purses<QuotaWindow>;
/// A core's own view.
pub type LocalQuotas = LocalPurses<QuotaWindow, AppId>;

impl Leasable for QuotaWindow {
    type Key = Self;

    fn key(&self) -> &Self {
        self
    }

    fn span(&self) -> (Timestamp, Timestamp) {
        (self.from, self.until)
    }

    fn following(&self, zone: &Zone) -> Self {
        QuotaWindow::following(self, zone)
    }
}

impl QuotaPurse {
    /// Of what it is.
    #[must_use]
    pub fn window(&self) -> &QuotaWindow {
        self.of()
    }

    /// Has another one owe what this one does: what is left of both together stays.
    pub fn pass_debt_on(&self, other: &Self) {
        if let Some(owed) = self.change(|left| (left < 0).then_some(0)) {
            other.add_left(owed);
        }
    }
}

impl QuotaHold {
    /// It is known now that the call used so many. What is missing is owed.
    pub fn settle(mut self, used: u64) {
        let held = std::mem::take(&mut self.units);
        self.purse.add_left(signed(held).saturating_sub(signed(used)));
    }

    /// What it holds is used.
    pub fn keep(mut self) {
        self.units = 0;
    }
}

impl LocalQuotas {
    /// The purse for a call at `at` under a quota of a plan, in windows of that zone.
    ///
    /// # Errors
    /// [`TooMany`].
    pub fn find(
        &mut self,
        purses: &QuotaPurses,
        (app, plan, quota): (&AppId, &PlanName, &Quota),
        (at, zone): (Timestamp, &Zone),
    ) -> Result<Arc<QuotaPurse>, TooMany> {
        let is_it = |purse: &QuotaPurse| {
            let QuotaWindow { plan: of_plan, quota: name, of, most, from, until, .. } = purse.window();
            let is_of_quota = *name == quota.name && (*of, *most) == (quota.of, quota.most);
            is_of_quota && of_plan == plan && *from <= at && at < *until
        };
        if let Some(purse) = self.known(app, is_it) {
            return Ok(purse);
        }
        let purse = purses.find(quota.window((app, plan), at, zone))?;
        self.keep(app, &purse);
        Ok(purse)
    }
}

#[cfg(test)]
mod tests;
