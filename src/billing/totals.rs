//! What was counted before: units of each service period, and sales with what was refunded of them.
//!
//! Loaded from the store for a batch, changed by rating, and written back; only what changed is written.

use std::collections::{HashMap, HashSet};

use super::rating::Billable;
use crate::domain::running_total::{FeeKey, Sale, SaleKey};
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

/// What was counted before, and what rating adds to it.
#[derive(Debug, Default)]
pub struct Totals {
    units: HashMap<FeeKey, u64>,
    sales: HashMap<SaleKey, Sale>,
    changed_units: HashSet<FeeKey>,
    changed_sales: HashSet<SaleKey>,
}

impl Totals {
    /// What the store knows.
    #[must_use]
    pub fn loaded(units: HashMap<FeeKey, u64>, sales: HashMap<SaleKey, Sale>) -> Self {
        Self { units, sales, ..Self::default() }
    }

    /// Units counted so far.
    #[must_use]
    pub fn units(&self, key: &FeeKey) -> u64 {
        self.units.get(key).copied().unwrap_or(0)
    }

    /// A sale of which a share was taken.
    #[must_use]
    pub fn sale(&self, key: &SaleKey) -> Option<&Sale> {
        self.sales.get(key)
    }

    pub(super) fn set_units(&mut self, key: FeeKey, units: u64) {
        self.changed_units.insert(key.clone());
        self.units.insert(key, units);
    }

    pub(super) fn set_sale(&mut self, key: SaleKey, sale: Sale) {
        self.changed_sales.insert(key.clone());
        self.sales.insert(key, sale);
    }

    /// The units that changed.
    pub fn changed_units(&self) -> impl Iterator<Item = (&FeeKey, u64)> {
        self.changed_units.iter().map(|key| (key, self.units(key)))
    }

    /// The sales that are new or changed.
    pub fn changed_sales(&self) -> impl Iterator<Item = (&SaleKey, &Sale)> {
        self.changed_sales.iter().filter_map(|key| Some((key, self.sales.get(key)?)))
    }
}
