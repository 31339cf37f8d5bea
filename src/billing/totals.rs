//! What was counted before: units of each service period, sales with their refunds, and the sums of statement lines.
//!
//! Loaded from the store for a batch, changed by rating, and written back; only what changed is written.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use std::collections::{HashMap, HashSet};

use super::bounds::{Bounds, TooLarge};
use super::rating::Billable;
use crate::domain::charge::Charge;
use crate::domain::running_total::{AllowanceKey, FeeKey, Refund, RefundKey, Sale, SaleKey, Units};
use crate::domain::statement::StatementLine;
use crate::domain::time::Period;
use crate::domain::usage::Transaction;

/// Where a call's units are counted.
#[must_use]
pub fn fee_key(call: &Billable, service_period: Period) -> FeeKey {
    let (app, product, plan) = (call.app.clone(), call.product.clone(), call.plan.clone());
    FeeKey { app, product, plan, service_period }
}

/// The sale that a transaction is, or is a refund of.
#[must_use]
pub fn sale_key(call: &Billable, transaction: &Transaction) -> SaleKey {
    let currency = transaction.amount.currency;
    SaleKey { app: call.app.clone(), id: transaction.sale().to_owned(), currency }
}

/// Where a refund is counted.
#[must_use]
pub fn refund_key(call: &Billable, refund: &Transaction) -> RefundKey {
    RefundKey { sale: sale_key(call, refund), id: refund.id.clone() }
}

/// What was counted before, and what rating adds to it.
#[derive(Debug, Default)]
pub struct Totals {
    units: HashMap<FeeKey, Units>,
    free: HashMap<AllowanceKey, u64>,
    sales: HashMap<SaleKey, Sale>,
    refunds: HashMap<RefundKey, Refund>,
    bounds: Bounds,
    changed_units: HashSet<FeeKey>,
    changed_sales: HashSet<SaleKey>,
    new_refunds: HashSet<RefundKey>,
}

impl Totals {
    /// Takes what the store knows; what is known here already stays as it is.
    pub(super) fn load_units(&mut self, units: HashMap<FeeKey, Units>) {
        for (key, units) in units {
            if let std::collections::hash_map::Entry::Vacant(place) = self.units.entry(key) {
                let free = self.free.entry(place.key().allowance()).or_default();
                *free = free.saturating_add(units.free);
                place.insert(units);
            }
        }
    }

    /// Takes what the store knows; what is known here already stays as it is.
    pub(super) fn load_sales(&mut self, sales: HashMap<SaleKey, Sale>) {
        for (key, sale) in sales {
            self.sales.entry(key).or_insert(sale);
        }
    }

    /// Takes what the store knows; what is known here already stays as it is.
    pub(super) fn load_refunds(&mut self, refunds: HashMap<RefundKey, Refund>) {
        for (key, refund) in refunds {
            self.refunds.entry(key).or_insert(refund);
        }
    }

    /// Takes what the store knows; what is known here already stays as it is.
    pub(super) fn load_lines(&mut self, lines: &[StatementLine]) {
        self.bounds.load(lines);
    }

    /// Units counted so far.
    #[must_use]
    pub fn units(&self, key: &FeeKey) -> Units {
        self.units.get(key).copied().unwrap_or_default()
    }

    /// Units that were free so far, under whatever version of the plan.
    pub(super) fn free_units(&self, key: &FeeKey) -> u64 {
        self.free.get(&key.allowance()).copied().unwrap_or(0)
    }

    /// A sale that is known.
    #[must_use]
    pub fn sale(&self, key: &SaleKey) -> Option<&Sale> {
        self.sales.get(key)
    }

    pub(super) fn refund(&self, key: &RefundKey) -> Option<&Refund> {
        self.refunds.get(key)
    }

    /// Counts units on top of those before.
    pub(super) fn set_units(&mut self, key: FeeKey, units: Units) {
        let more = units.free.saturating_sub(self.units(&key).free);
        let free = self.free.entry(key.allowance()).or_default();
        *free = free.saturating_add(more);
        self.changed_units.insert(key.clone());
        self.units.insert(key, units);
    }

    pub(super) fn set_sale(&mut self, key: SaleKey, sale: Sale) {
        self.changed_sales.insert(key.clone());
        self.sales.insert(key, sale);
    }

    pub(super) fn set_refund(&mut self, key: RefundKey, refund: Refund) {
        self.new_refunds.insert(key.clone());
        self.refunds.insert(key, refund);
    }

    /// Adds a charge to the sums of its line and statement, if they stay within what is believed.
    pub(super) fn add_to_line(&mut self, charge: &Charge) -> Result<(), TooLarge> {
        self.bounds.add(charge)
    }

    /// The units that changed.
    pub fn changed_units(&self) -> impl Iterator<Item = (&FeeKey, Units)> {
        self.changed_units.iter().map(|key| (key, self.units(key)))
    }

    /// The sales that are new or changed.
    pub fn changed_sales(&self) -> impl Iterator<Item = (&SaleKey, &Sale)> {
        self.changed_sales.iter().filter_map(|key| Some((key, self.sales.get(key)?)))
    }

    /// The refunds that are new.
    pub fn new_refunds(&self) -> impl Iterator<Item = (&RefundKey, &Refund)> {
        self.new_refunds.iter().filter_map(|key| Some((key, self.refunds.get(key)?)))
    }
}
