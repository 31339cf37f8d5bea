//! What was counted before: units of each service period, sales with their refunds, and the sums of statement lines.
//!
//! Loaded from the store for a batch, changed by rating, and written back; only what changed is written.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use std::collections::{HashMap, HashSet};

use super::bounds::{Bounds, TooLarge};
use super::call::Billable;
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
    /// With whether rating has changed them.
    units: Table<FeeKey, (Units, bool)>,
    free: Table<AllowanceKey, u64>,
    sales: Table<SaleKey, Sale>,
    refunds: Table<RefundKey, Refund>,
    bounds: Bounds,
    changed_sales: HashSet<SaleKey>,
    new_refunds: HashSet<RefundKey>,
}

type Table<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

impl Totals {
    /// Takes what the store knows; what is known here already stays as it is.
    pub(in crate::billing) fn load_units(&mut self, units: HashMap<FeeKey, Units>) {
        for (key, units) in units {
            if let std::collections::hash_map::Entry::Vacant(place) = self.units.entry(key) {
                let free = self.free.entry(place.key().allowance()).or_default();
                *free = free.saturating_add(units.free);
                place.insert((units, false));
            }
        }
    }

    /// Takes what the store knows; what is known here already stays as it is.
    pub(in crate::billing) fn load_sales(&mut self, sales: HashMap<SaleKey, Sale>) {
        for (key, sale) in sales {
            self.sales.entry(key).or_insert(sale);
        }
    }

    /// Takes what the store knows; what is known here already stays as it is.
    pub(in crate::billing) fn load_refunds(&mut self, refunds: HashMap<RefundKey, Refund>) {
        for (key, refund) in refunds {
            self.refunds.entry(key).or_insert(refund);
        }
    }

    /// Takes what the store knows; what is known here already stays as it is.
    pub(in crate::billing) fn load_lines(&mut self, lines: &[StatementLine]) {
        self.bounds.load(lines);
    }

    /// Units counted so far.
    #[must_use]
    pub fn units(&self, key: &FeeKey) -> Units {
        self.units.get(key).map(|(units, _)| *units).unwrap_or_default()
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
        let before = self.units.get_mut(&key).map(|kept| std::mem::replace(kept, (units, true)));
        let more = units.free.saturating_sub(before.map_or(0, |(before, _)| before.free));
        if more > 0 {
            let free = self.free.entry(key.allowance()).or_default();
            *free = free.saturating_add(more);
        }
        if before.is_none() {
            self.units.insert(key, (units, true));
        }
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

    /// Apps and periods of the statements, if nothing was added that could be too much for small ones.
    pub(in crate::billing) fn small_statements(&self) -> Option<(Vec<String>, Vec<String>)> {
        self.bounds.small()
    }

    /// The units that changed.
    pub fn changed_units(&self) -> impl Iterator<Item = (&FeeKey, Units)> {
        self.units.iter().filter(|(_, (_, is_changed))| *is_changed).map(|(key, (units, _))| (key, *units))
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
