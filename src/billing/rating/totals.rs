//! What was counted before: units of each service period, sales with their refunds, and the sums of statement lines.
//!
//! Remembered from the batch before or loaded from the store, changed by rating, and written back; only what changed is
//! written.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use std::collections::{HashMap, HashSet};

use super::bounds::TooLarge;
use super::call::Billable;
use super::running::Running;
use crate::domain::charge::Charge;
use crate::domain::id::AppId;
use crate::domain::running_total::{FeeKey, Refund, RefundKey, Sale, SaleKey, Units};
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
    running: Running,
    sales: Table<SaleKey, Sale>,
    refunds: Table<RefundKey, Refund>,
    changed_sales: HashSet<SaleKey>,
    new_refunds: HashSet<RefundKey>,
}

type Table<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

impl Totals {
    /// Those of a batch after others.
    pub(in crate::billing) fn after(running: Running) -> Self {
        Self { running, ..Self::default() }
    }

    /// What may be remembered of them once they are committed.
    pub(in crate::billing) fn into_running(self) -> Running {
        self.running.settled()
    }

    /// Whether all is here that was counted of an app in a service period.
    pub(in crate::billing) fn knows(&self, app: &AppId, service_period: Period) -> bool {
        self.running.knows(app, service_period)
    }

    /// Takes what the store knows of `apps` in service periods; what is known here already stays as it is.
    pub(in crate::billing) fn load_units(
        &mut self,
        apps: impl IntoIterator<Item = (AppId, Period)>,
        units: HashMap<FeeKey, Units>,
    ) {
        self.running.load(units);
        for (app, service_period) in apps {
            self.running.know(app, service_period);
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
        self.running.bounds.load(lines);
    }

    /// Units counted so far.
    #[must_use]
    pub fn units(&self, key: &FeeKey) -> Units {
        self.running.units(key)
    }

    /// Units that were free so far, under whatever version of the plan.
    pub(super) fn free_units(&self, key: &FeeKey) -> u64 {
        self.running.free_units(key)
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
        self.running.set_units(key, units);
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
        self.running.bounds.add(charge)
    }

    /// Apps and periods of statements of which the store was not asked yet how large they are, if nothing was added to any
    /// that could be too much for a small one.
    pub(in crate::billing) fn small_statements(&self) -> Option<(Vec<String>, Vec<String>)> {
        self.running.bounds.small()
    }

    /// Notes that those were small before anything was added that is here.
    pub(in crate::billing) fn were_small(&mut self) {
        self.running.bounds.were_small();
    }

    /// The units that changed.
    pub fn changed_units(&self) -> impl Iterator<Item = (&FeeKey, Units)> {
        self.running.changed_units()
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
