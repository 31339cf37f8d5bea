//! Leased units of one balance, by which calls are let through that it pays.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::purse::{Hold, Purse, signed};
use super::purses::{Leasable, LocalPurses, Purses, TooMany};
use crate::domain::balance::{PaidFrom, Part, Stretch};
use crate::domain::id::{AppId, BalanceId, ProductName};
use crate::domain::plan::PlanRef;
use crate::domain::tariff::{CapUnits, FeeItem};
use crate::domain::time::{Period, Timestamp, Zone};

/// Units for one stretch of one balance.
#[derive(Debug)]
pub struct BalanceUnits {
    paid_from: PaidFrom,
    stretch: Stretch,
    /// The service period: from when, and until when.
    span: (Timestamp, Timestamp),
    /// How many of them a call takes.
    taken: CapUnits,
    /// Units that calls have spent.
    spent: AtomicU64,
}

/// What a node has leased for one stretch of one balance.
pub type BalancePurse = Purse<BalanceUnits>;
/// Units of a balance that a call holds. What is not spent goes back.
pub type BalanceHold = Hold<BalanceUnits>;
/// All that a node has leased of balances.
pub type BalancePurses = Purses<BalanceUnits>;
/// A core's own view.
#[derive(Debug, Default)]
pub struct LocalBalances {
    /// Purses of what pays.
    by_app: LocalPurses<BalanceUnits, AppId>,
    /// Those of merchants' caps, of which an app may be under many.
    by_cap: LocalPurses<BalanceUnits, BalanceId>,
}

impl BalanceUnits {
    /// Those for a stretch of a balance, whose service period has that span. A call takes as many as it is.
    #[must_use]
    pub fn new(paid_from: PaidFrom, stretch: Stretch, span: (Timestamp, Timestamp)) -> Self {
        Self { paid_from, stretch, span, taken: CapUnits::default(), spent: AtomicU64::new(0) }
    }

    /// Those for a stretch, in periods of that zone, of which calls take so many.
    fn of((paid_from, taken): (PaidFrom, CapUnits), stretch: Stretch, zone: &Zone) -> Self {
        let period = stretch.service_period;
        Self { taken, ..Self::new(paid_from, stretch, (period.start(zone), period.end(zone))) }
    }
}

impl Leasable for BalanceUnits {
    type Key = Stretch;

    fn key(&self) -> &Stretch {
        &self.stretch
    }

    fn span(&self) -> (Timestamp, Timestamp) {
        self.span
    }

    fn following(&self, zone: &Zone) -> Self {
        let stretch = Stretch { service_period: self.stretch.service_period.next(), ..self.stretch.clone() };
        Self::of((self.paid_from.clone(), self.taken.clone()), stretch, zone)
    }
}

impl BalancePurse {
    /// For what its units are.
    #[must_use]
    pub fn stretch(&self) -> &Stretch {
        &self.of().stretch
    }

    /// Which balance pays for them.
    #[must_use]
    pub fn paid_from(&self) -> &PaidFrom {
        &self.of().paid_from
    }

    /// Whether its units are for calls of that time.
    #[must_use]
    pub fn is_for(&self, at: Timestamp) -> bool {
        let (from, until) = self.of().span;
        from <= at && at < until
    }

    /// How many of its units a call of so many takes: fewer of a cap, if it is of more than one at a price finer than a minor unit.
    #[must_use]
    pub fn of_call(&self, units: u64) -> u64 {
        self.of().taken.of_call(units)
    }

    /// Units that are leased, and that no call has spent: the record of each that has is the journal's.
    #[must_use]
    pub fn unspent(&self) -> u64 {
        // Looked at first: what is spent was leased before.
        let spent = self.of().spent.load(Ordering::Acquire);
        u64::try_from(self.leased()).unwrap_or(0).saturating_sub(spent)
    }
}

impl BalanceHold {
    /// Has it hold what a call takes of which it is known now how many units it has used: what is too much goes back, and of what is
    /// missing is taken what there is. What is beyond is spent all the same once it is recorded, and leaves no debt here: a balance
    /// may be overdrawn by the units of calls that were under way beyond those that each held.
    #[must_use]
    pub fn settled(mut self, used: u64) -> Self {
        let units = self.purse.of_call(used);
        match units.checked_sub(self.units) {
            Some(0) => {}
            Some(missing) => {
                let missing = signed(missing);
                let before = self.purse.change(|left| Some(left.saturating_sub(missing).max(0)));
                let taken = before.map_or(0, |before| before.clamp(0, missing));
                self.units = self.units.saturating_add_signed(taken);
            }
            None => {
                let before = std::mem::replace(&mut self.units, units);
                self.purse.add_left(signed(before - units));
            }
        }
        self
    }

    /// Spends them: they do not come back.
    pub fn spend(mut self) {
        self.purse.of().spent.fetch_add(std::mem::take(&mut self.units), Ordering::AcqRel);
    }
}

/// Whose calls are asked for.
#[derive(Debug, Clone, Copy)]
pub struct Sought<'s> {
    /// What pays for them, or the cap that they are under.
    pub paid_from: &'s PaidFrom,
    /// The app.
    pub app: &'s AppId,
    /// The API product.
    pub product: &'s ProductName,
    /// The plan version in force.
    pub plan: &'s PlanRef,
    /// The item that charges them.
    pub item: &'s FeeItem,
    /// The place of the item's promotion in which they are, if there is one.
    pub promotion: Option<usize>,
    /// When the call came.
    pub at: Timestamp,
}

impl Sought<'_> {
    fn is_of(&self, purse: &BalancePurse) -> bool {
        let Stretch { balance, product, plan, part, .. } = purse.stretch();
        part.as_ref()
            .is_some_and(|part| part.item == self.item.terms().name && part.promotion == self.promotion)
            && plan == self.plan
            && product == self.product
            && *balance == self.paid_from.balance
            && purse.is_for(self.at)
    }
}

impl LocalBalances {
    /// The purse for a call, in periods of that zone.
    ///
    /// # Errors
    /// [`TooMany`].
    pub fn find(
        &mut self,
        purses: &BalancePurses,
        sought: Sought<'_>,
        zone: &Zone,
    ) -> Result<Arc<BalancePurse>, TooMany> {
        let is_it = |purse: &BalancePurse| sought.is_of(purse);
        let known = match sought.paid_from.merchant {
            None => self.by_app.known(sought.app, is_it),
            Some(_) => self.by_cap.known(&sought.paid_from.balance, is_it),
        };
        if let Some(purse) = known {
            return Ok(purse);
        }
        let Sought { paid_from, app, product, plan, item, promotion, at } = sought;
        let stretch = Stretch {
            balance: paid_from.balance.clone(),
            app: app.clone(),
            product: product.clone(),
            plan: plan.clone(),
            part: Some(Part { item: item.terms().name.clone(), promotion }),
            service_period: Period::of(at, zone),
        };
        // What pays has all units of the app, and each costs what it costs.
        let taken = paid_from.merchant.as_ref().map_or_else(CapUnits::default, |_| item.cap_units(promotion));
        let purse = purses.find(BalanceUnits::of((paid_from.clone(), taken), stretch, zone))?;
        match paid_from.merchant {
            None => self.by_app.keep(app, &purse),
            Some(_) => self.by_cap.keep(&paid_from.balance, &purse),
        }
        Ok(purse)
    }

    /// Forgets all, so that the shared map can drop what nobody uses.
    pub fn sweep(&mut self) {
        self.by_app.sweep();
        self.by_cap.sweep();
    }
}
