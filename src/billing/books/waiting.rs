//! Refunds that come before their sales: each waits once, known by its own id, and is rated when the sale has come.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::batch::billable;
use crate::billing::error::BillingError;
use crate::billing::rating::totals::{refund_key, sale_key};
use crate::billing::rating::{Billable, Unrated};
use crate::domain::money::Amount;
use crate::domain::running_total::{RefundKey, SaleKey, WaitingRefund};
use crate::domain::tariff::Tariff;
use crate::domain::usage::Transaction;
use crate::store;

/// Usage records that are read at once, or sales that are asked for: within what a statement may bind.
pub(super) const MAX_AT_ONCE: usize = 10_000;

/// The refunds that wait.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    known: HashMap<RefundKey, WaitingRefund>,
    new: Vec<(RefundKey, WaitingRefund)>,
}

impl Waiting {
    /// Takes what the store knows; what is known here already stays as it is.
    pub(super) fn load(&mut self, refunds: HashMap<RefundKey, WaitingRefund>) {
        for (key, refund) in refunds {
            self.known.entry(key).or_insert(refund);
        }
    }

    /// Has a refund wait whose sale is `unknown`, and gives why someone must look at it, if someone must. Under a plan that
    /// takes no share, most likely nothing is owed, and nobody is asked: the sale decides when it comes.
    pub(super) fn wait(
        &mut self,
        (call, refund): (&Billable, &Transaction),
        tariff: &Tariff,
        unknown: Unrated,
    ) -> Option<Unrated> {
        let (key, minor) = (refund_key(call, refund), refund.amount.minor);
        match self.known.get(&key) {
            None => {
                let waiting = WaitingRefund { usage: call.usage, amount: minor };
                self.known.insert(key.clone(), waiting);
                self.new.push((key, waiting));
                tariff.share.is_some().then_some(unknown)
            }
            Some(before) if before.amount != minor => {
                let before = Amount { minor: before.amount, currency: refund.amount.currency };
                Some(Unrated::RefundDiffers { refund: refund.id.clone(), before })
            }
            // Without an id of its own it may be a second one: the sale's amount will tell.
            Some(_) if refund.of.is_none() => Some(unknown),
            // A retry that the upstream answered as before.
            Some(_) => None,
        }
    }

    /// Those that are new.
    pub(super) fn into_new(self) -> Vec<(RefundKey, WaitingRefund)> {
        self.new
    }
}

/// Calls whose refunds wait, oldest first.
#[derive(Debug)]
pub(super) struct WaitingCalls {
    /// The calls.
    pub(super) calls: Vec<Billable>,
    /// Those of which someone is asked, by an exception.
    pub(super) asked: HashSet<Uuid>,
}

impl WaitingCalls {
    /// Those that wait for one of `sales`.
    pub(super) async fn of(
        transaction: &mut store::Transaction,
        sales: &HashSet<SaleKey>,
    ) -> Result<Self, BillingError> {
        let ids: Vec<String> = sales.iter().map(|sale| sale.id.clone()).collect();
        let (mut exceptions, mut quiet) = (Vec::new(), Vec::new());
        for ids in ids.chunks(MAX_AT_ONCE) {
            exceptions.extend(transaction.waiting_for(ids).await?);
            quiet.extend(transaction.quietly_waiting_for(ids).await?);
        }
        let of_apps: HashSet<(&str, &str)> =
            sales.iter().map(|sale| (sale.app.as_str(), sale.id.as_str())).collect();
        let is_of_app = |app: &Option<String>, sale: &Option<String>| {
            app.as_deref().zip(sale.as_deref()).is_some_and(|sale| of_apps.contains(&sale))
        };
        let exceptions =
            exceptions.into_iter().filter(|exception| is_of_app(&exception.app, &exception.sale));
        let mut usage: Vec<String> = exceptions.filter_map(|exception| exception.usage).collect();
        let asked = usage.iter().filter_map(|id| id.parse().ok()).collect();
        let quiet = quiet.into_iter().filter(|(key, _)| sales.contains(&key.sale));
        usage.extend(quiet.map(|(_, refund)| refund.usage.to_string()));
        let mut calls = Vec::with_capacity(usage.len());
        for ids in usage.chunks(MAX_AT_ONCE) {
            let rows = transaction.usage_records(ids).await?;
            calls.extend(rows.iter().filter_map(billable).filter(|call| is_for(call, sales)));
        }
        calls.sort_by_key(|call| (call.at, call.usage));
        Ok(Self { calls, asked })
    }
}

fn is_for(call: &Billable, sales: &HashSet<SaleKey>) -> bool {
    call.transaction.as_ref().is_some_and(|refund| sales.contains(&sale_key(call, refund)))
}
