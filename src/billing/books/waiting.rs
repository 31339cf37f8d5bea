//! What comes before its sale: each transaction waits once, known by its own id, and is rated when the sale has come.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::recorded_call::billable;
use crate::billing::error::BillingError;
use crate::billing::rating::totals::{event_key, sale_key};
use crate::billing::rating::{Billable, Unrated};
use crate::domain::id::AppId;
use crate::domain::money::Amount;
use crate::domain::sale::{EventKey, SaleKey, WaitingEvent};
use crate::domain::tariff::Tariff;
use crate::domain::transaction::{Reach, Transaction};
use crate::store;

/// Usage records that are read at once, or sales that are asked for: within what a statement may bind.
pub(super) const MAX_AT_ONCE: usize = 10_000;

/// What waits. Its sale is filed under the app that calls, as whose it is is not known.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    known: HashMap<EventKey, WaitingEvent>,
    new: Vec<(EventKey, WaitingEvent)>,
}

impl Waiting {
    /// Takes what the store knows; what is known here already stays as it is.
    pub(super) fn load(&mut self, events: HashMap<EventKey, WaitingEvent>) {
        for (key, event) in events {
            self.known.entry(key).or_insert(event);
        }
    }

    /// Has a transaction wait whose sale is `unknown`, and gives why someone must look at it, if someone must. Under a plan that
    /// takes no share, most likely nothing is owed, and nobody is asked: the sale decides when it comes. So it is with what may be of
    /// any app's sale: whoever confirms payments confirms those of others, too, and is asked once it waited for long (`overdue.rs`). If its
    /// sale was made in another currency, none is likely to come.
    pub(super) fn wait(
        &mut self,
        (call, transaction): (&Billable, &Transaction),
        tariff: &Tariff,
        unknown: Unrated,
    ) -> Option<Unrated> {
        let (key, amount) = (event_key(&sale_key(call, transaction), transaction), transaction.minor());
        match self.known.get(&key) {
            None => {
                let waiting = WaitingEvent { usage: call.usage, amount };
                self.known.insert(key.clone(), waiting);
                self.new.push((key, waiting));
                let is_owed = tariff.share.is_some() && transaction.details.reach == Reach::OwnApp;
                let is_elsewhere = matches!(unknown, Unrated::SaleElsewhere { .. });
                (is_owed || is_elsewhere).then_some(unknown)
            }
            Some(before) if before.amount != amount => {
                let currency = transaction.amount.currency;
                let before = before.amount.map(|minor| Amount { minor, currency });
                Some(Unrated::EventDiffers { kind: transaction.kind, id: transaction.id.clone(), before })
            }
            // Without an id of its own it may be a second one: the sale's amount will tell.
            Some(_) if transaction.of.is_none() && amount.is_some() => Some(unknown),
            // A retry that the upstream answered as before.
            Some(_) => None,
        }
    }

    /// Those that are new.
    pub(super) fn into_new(self) -> Vec<(EventKey, WaitingEvent)> {
        self.new
    }
}

/// Calls whose transactions wait, oldest first.
#[derive(Debug)]
pub(super) struct WaitingCalls {
    /// The calls.
    pub(super) calls: Vec<Billable>,
    /// Those of which someone is asked, by an exception.
    pub(super) asked: HashSet<Uuid>,
}

impl WaitingCalls {
    /// Those that wait for one of `sales`, or for one of its id in another currency.
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
        let mut usage: Vec<String> = exceptions.into_iter().filter_map(|exception| exception.usage).collect();
        let asked = usage.iter().filter_map(|id| id.parse().ok()).collect();
        usage.extend(quiet.into_iter().map(|(_, event)| event.usage.to_string()));
        let own: HashSet<(&AppId, &str)> = sales.iter().map(|sale| (&sale.app, sale.id.as_str())).collect();
        let any: HashSet<&str> = sales.iter().map(|sale| sale.id.as_str()).collect();
        let is_for = |call: &Billable| {
            call.transaction.as_ref().is_some_and(|transaction| match transaction.details.reach {
                Reach::OwnApp => own.contains(&(&call.app, transaction.sale())),
                Reach::AnyApp => any.contains(transaction.sale()),
            })
        };
        let mut calls = Vec::with_capacity(usage.len());
        for ids in usage.chunks(MAX_AT_ONCE) {
            let rows = transaction.usage_records(ids).await?;
            calls.extend(rows.iter().filter_map(billable).filter(&is_for));
        }
        calls.sort_by_key(|call| (call.at, call.usage));
        Ok(Self { calls, asked })
    }
}
