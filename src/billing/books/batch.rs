//! One batch of calls in the making: rated, posted and written within one transaction of the store, all or nothing.
//!
//! A call that cannot be rated becomes an exception; it never holds up the others.

use std::collections::HashSet;
use std::sync::Arc;

use uuid::Uuid;

use super::ahead::Begun;
use super::calendar::{BooksTime, Calendar};
use super::distinct::{distinct, texts};
use super::environments::load_environments;
use super::prices::{PriceList, Tariffs};
use super::recorded_call::{exception, exception_id, is_event, new_sale, whose_rest_is_cancelled};
use super::tiers::load_tiers;
use super::twins::late_twins;
use super::waiting::{MAX_AT_ONCE, Waiting, WaitingCalls};
use crate::billing::balance::consumed::{Calls, settle};
use crate::billing::balance::spending::Spending;
use crate::billing::error::BillingError;
use crate::billing::ledger::posting::{Origin, Posted, post};
use crate::billing::rating::totals::{Totals, sale_key};
use crate::billing::rating::{
    Billable, Booking, HALF, Prices, Rated, Running, ShareChange, Unrated, rate, rate_transaction,
};
use crate::domain::charge::Charge;
use crate::domain::id::{AppId, PartnerId};
use crate::domain::plan::PlanRef;
use crate::domain::sale::SaleKey;
use crate::domain::tariff::Tariff;
use crate::domain::time::{Period, Timestamp};
use crate::domain::transaction::{Reach, Transaction};
use crate::store;
use crate::store::exception_resolution::{Resolution, ResolutionOutcome};
use crate::store::numbers::Numbers;
use crate::store::sale_event::NewEvent;
use crate::store::usage_batch::Batch;
use crate::store::usage_exception::{ExceptionKind, UsageException};

/// Calls of which is loaded at once what was counted before: within what a statement may bind of two values each.
const LOADED_AT_ONCE: usize = 16_000;

/// Whether the sums of statement lines are read before anything is added to them. They are so far below their bound, nearly
/// always, that it is enough to ask afterwards whether they were, once for as long as what was added is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sums {
    /// They are.
    Read,
    /// They are not: [`Books::is_far_from_bounds`] says whether it matters.
    Unread,
}

/// A batch in the making.
pub(super) struct Books<'t> {
    pub(super) transaction: &'t mut store::Transaction,
    pub(super) calendar: Calendar,
    sums: Sums,
    prices: PriceList,
    pub(super) totals: Totals,
    charges: Vec<(Timestamp, Charge)>,
    changes: Vec<ShareChange>,
    new_sales: HashSet<SaleKey>,
    waiting: Waiting,
    exceptions: Vec<UsageException>,
    /// Those that are there and for which there is another reason by now.
    explained: Vec<UsageException>,
    resolutions: Vec<Resolution>,
}

impl<'t> Books<'t> {
    /// Begins a batch of `calls` by itself. The transaction must hold [`store::transaction::Exclusive::Billing`], so that nobody else
    /// rates or closes until it ends.
    pub(super) async fn open(
        transaction: &'t mut store::Transaction,
        time: BooksTime,
        tariffs: &Tariffs,
        calls: &[Billable],
    ) -> Result<Self, BillingError> {
        let calendar = Calendar::new(time, transaction.closed_periods().await?);
        let anew = (Sums::Read, Begun::after(Running::default()));
        Self::go_on(transaction, calendar, tariffs, calls, anew).await
    }

    /// Goes on with a batch that has begun: with `calls` that are still to be rated. The transaction must hold the same.
    pub(super) async fn go_on(
        transaction: &'t mut store::Transaction,
        calendar: Calendar,
        tariffs: &Tariffs,
        calls: &[Billable],
        (sums, Begun { totals, charges }): (Sums, Begun),
    ) -> Result<Self, BillingError> {
        let mut books = Self {
            transaction,
            calendar,
            sums,
            prices: PriceList::new(tariffs),
            totals,
            charges,
            changes: Vec::new(),
            new_sales: HashSet::new(),
            waiting: Waiting::default(),
            exceptions: Vec::new(),
            explained: Vec::new(),
            resolutions: Vec::new(),
        };
        for calls in calls.chunks(LOADED_AT_ONCE) {
            books.load(calls).await?;
        }
        Ok(books)
    }

    /// Loads what the store knows of before that `calls` are rated by, and is not remembered.
    async fn load(&mut self, calls: &[Billable]) -> Result<(), BillingError> {
        self.load_units(calls).await?;
        let transactions = || calls.iter().filter_map(|call| call.transaction.as_ref());
        let sales = distinct(transactions().map(|transaction| transaction.sale().to_owned()));
        let events = transactions().filter(|transaction| is_event(transaction));
        let events = distinct(events.map(|event| event.id.clone()));
        self.totals.load_sales(self.transaction.sales(&sales).await?);
        load_environments(self.transaction, &mut self.totals, calls).await?;
        self.totals.load_events(self.transaction.sale_events(&sales, &events).await?);
        let cancelled = distinct(transactions().filter_map(whose_rest_is_cancelled).map(str::to_owned));
        self.totals.load_events(self.transaction.given_back(&cancelled).await?);
        self.waiting.load(self.transaction.waiting_transactions(&sales, &events).await?);
        let parties = transactions().flat_map(|one| one.details.parties.iter().map(|(_, partner)| partner));
        let mut parties: HashSet<PartnerId> = parties.cloned().collect();
        let known = self.transaction.known_partners(&texts(parties.iter().collect())).await?;
        parties.retain(|partner| !known.contains(partner.as_str()));
        self.totals.load_strangers(parties);
        load_tiers(self, calls).await?;
        self.load_lines_of_others(calls).await
    }

    /// The sums of the lines of other apps whose sales `calls` are of, if such sums are read.
    async fn load_lines_of_others(&mut self, calls: &[Billable]) -> Result<(), BillingError> {
        if self.sums == Sums::Unread {
            return Ok(());
        }
        let mut others: HashSet<(AppId, Period)> = HashSet::new();
        for call in calls {
            let reaches_others =
                |one: &&Transaction| one.details.reach == Reach::AnyApp || call.sale_app.is_some();
            let Some(transaction) = call.transaction.as_ref().filter(reaches_others) else { continue };
            if let Ok((sale, _)) = self.totals.sale_of(call, transaction) {
                others.insert((sale.app, self.calendar.booking(call.at).period));
            }
        }
        let apps = texts(distinct(others.iter().map(|(app, _)| app)));
        let periods = texts(distinct(others.iter().map(|(_, period)| *period)));
        if !apps.is_empty() {
            self.totals.load_lines(&self.transaction.lines_of(&apps, &periods).await?);
        }
        Ok(())
    }

    /// Units of the apps and service periods of `calls`, and the sums of their lines if these are read.
    async fn load_units(&mut self, calls: &[Billable]) -> Result<(), BillingError> {
        let mut unknown: HashSet<(&AppId, Booking), foldhash::fast::RandomState> = HashSet::default();
        let mut last = None;
        for call in calls {
            let one = (&call.app, self.calendar.booking(call.at));
            if last.replace(one) != Some(one) && !self.totals.knows(&call.app, one.1.service_period) {
                unknown.insert(one);
            }
        }
        let apps = texts(distinct(unknown.iter().map(|(app, _)| *app)));
        let service = texts(distinct(unknown.iter().map(|(_, booking)| booking.service_period)));
        let units = self.transaction.fee_totals(&apps, &service).await?;
        if self.sums == Sums::Read {
            let periods = texts(distinct(unknown.iter().map(|(_, booking)| booking.period)));
            self.totals.load_lines(&self.transaction.lines_of(&apps, &periods).await?);
        }
        let known = unknown.into_iter().map(|(app, booking)| (app.clone(), booking.service_period));
        self.totals.load_units(known, units);
        Ok(())
    }

    /// Whether all came to the same as if the sums had been read: nothing that was added could be too much for what is there.
    pub(super) async fn is_far_from_bounds(&mut self) -> Result<bool, BillingError> {
        let Some((apps, periods)) = self.totals.small_statements() else { return Ok(false) };
        for apps in apps.chunks(LOADED_AT_ONCE) {
            if self.transaction.has_large_statement(apps, &periods, HALF).await? {
                return Ok(false);
            }
        }
        self.totals.were_small();
        Ok(true)
    }

    /// Rates calls: what becomes of sales after the rest, so that it finds the sale that came with it; then what of earlier
    /// batches waited for these sales.
    pub(super) async fn rate(&mut self, calls: &[Billable]) -> Result<(), BillingError> {
        let has_event = |call: &&Billable| call.transaction.as_ref().is_some_and(is_event);
        let (events, others): (Vec<_>, Vec<_>) = calls.iter().partition(has_event);
        for call in others.into_iter().chain(events) {
            if let Err((kind, unrated)) = self.rate_one(call).await? {
                self.set_aside(call, kind, unrated).await?;
            }
        }
        for (call, unrated) in late_twins(self.transaction, &mut self.totals, calls).await? {
            self.note(call, ExceptionKind::Transaction, Some(&unrated));
        }
        self.rate_waiting(None).await
    }

    /// Notes what could not be rated, unless it waits for its sale and nobody need be asked.
    async fn set_aside(
        &mut self,
        call: &Billable,
        kind: ExceptionKind,
        unrated: Option<Unrated>,
    ) -> Result<(), BillingError> {
        let unrated = match (unrated, &call.transaction, self.tariff(&call.plan).await?) {
            (Some(unknown @ Unrated::SaleUnknown { .. }), Some(transaction), Some(tariff)) => {
                let unknown = self.made_elsewhere(call, transaction).unwrap_or(unknown);
                let Some(unrated) = self.waiting.wait((call, transaction), &tariff, unknown) else {
                    return Ok(());
                };
                Some(unrated)
            }
            (unrated, _, _) => unrated,
        };
        self.note(call, kind, unrated.as_ref());
        Ok(())
    }

    /// Why a transaction waits in vain whose sale is known in another currency alone.
    pub(super) fn made_elsewhere(&self, call: &Billable, transaction: &Transaction) -> Option<Unrated> {
        let sale = self.totals.elsewhere(call, transaction).into_iter().next()?;
        let (kind, currency) = (transaction.kind, transaction.amount.currency);
        Some(Unrated::SaleElsewhere { kind, sale: sale.id, currency, made_in: sale.currency })
    }

    /// Rates a call. What could not be rated is given, for the caller to deal with.
    pub(super) async fn rate_one(
        &mut self,
        call: &Billable,
    ) -> Result<Result<(), (ExceptionKind, Option<Unrated>)>, BillingError> {
        let Some(tariff) = self.tariff(&call.plan).await? else {
            return Ok(Err((ExceptionKind::Plan, None)));
        };
        load_tiers(self, std::slice::from_ref(call)).await?;
        let booking = self.calendar.booking(call.at);
        let mut later = Vec::new();
        for version in self.totals.later_versions(call, &tariff, booking.service_period) {
            let plan = PlanRef { name: call.plan.name.clone(), version };
            later.extend(self.tariff(&plan).await?.map(|tariff| (version, tariff)));
        }
        let prices = Prices { tariff: &tariff, later: &later };
        Ok(match rate(call, prices, booking, &mut self.totals) {
            Ok(rated) => match self.keep(call, rated) {
                None => Ok(()),
                Some(unrated) => Err((ExceptionKind::Transaction, Some(unrated))),
            },
            Err(unrated) => Err((ExceptionKind::Evidence, Some(unrated))),
        })
    }

    /// Rates the transaction of a call whose fee was charged before.
    pub(super) async fn rate_its_transaction(
        &mut self,
        call: &Billable,
    ) -> Result<Result<(), Unrated>, BillingError> {
        let Some(tariff) = self.tariff(&call.plan).await? else {
            return Err(BillingError::PlanUnknown(call.plan.clone()));
        };
        load_tiers(self, std::slice::from_ref(call)).await?;
        let booking = self.calendar.booking(call.at);
        Ok(rate_transaction(call, &tariff, booking, &mut self.totals)
            .and_then(|rated| self.keep(call, rated).map_or(Ok(()), Err)))
    }

    /// What came before its sale is rated as soon as that has come; not that of `resolved`, which has just been decided about.
    pub(super) async fn rate_waiting(&mut self, resolved: Option<Uuid>) -> Result<(), BillingError> {
        let sales = std::mem::take(&mut self.new_sales);
        let WaitingCalls { calls, asked } = WaitingCalls::of(self.transaction, &sales).await?;
        for calls in calls.chunks(MAX_AT_ONCE) {
            self.load(calls).await?;
            for call in calls.iter().filter(|call| Some(call.usage) != resolved) {
                self.rate_one_waiting(call, asked.contains(&call.usage)).await?;
            }
        }
        Ok(())
    }

    async fn rate_one_waiting(&mut self, call: &Billable, is_asked: bool) -> Result<(), BillingError> {
        let Some(transaction) = &call.transaction else { return Ok(()) };
        let is_unknown = matches!(self.totals.sale_of(call, transaction), Err(Unrated::SaleUnknown { .. }));
        let rated = if is_unknown {
            let Some(elsewhere) = self.made_elsewhere(call, transaction) else { return Ok(()) };
            Err(elsewhere)
        } else {
            self.rate_its_transaction(call).await?
        };
        match rated {
            Ok(()) if is_asked => self.resolve(Resolution {
                exception: exception_id(call),
                outcome: ResolutionOutcome::Rated,
                at: self.calendar.now(),
                resolver: "tollgate".to_owned(),
                reason: "its sale has come".to_owned(),
                evidence: None,
            }),
            // There was no question.
            Ok(()) => {}
            Err(unrated) => {
                let why = (ExceptionKind::Transaction, Some(&unrated));
                let exception = exception(call, why, self.calendar.now());
                let noted = if is_asked { &mut self.explained } else { &mut self.exceptions };
                noted.push(exception);
            }
        }
        Ok(())
    }

    /// Notes how an exception was resolved.
    pub(super) fn resolve(&mut self, resolution: Resolution) {
        self.resolutions.push(resolution);
    }

    /// Notes exceptions that were found before rating.
    pub(super) fn note_all(&mut self, exceptions: Vec<UsageException>) {
        self.exceptions.extend(exceptions);
    }

    /// Writes all of it, and the `batch` which it is of; it takes effect when the transaction is committed.
    pub(super) async fn write(
        self,
        origin: &Origin,
        batch: Batch<'_>,
        numbers: &mut Numbers,
    ) -> Result<(), BillingError> {
        let Self {
            transaction,
            calendar,
            charges,
            changes,
            totals,
            waiting,
            exceptions,
            explained,
            resolutions,
            ..
        } = self;
        let spending = Spending::of(transaction, &charges, batch.records).await?;
        let Posted { charges, ledger, changes: places } = post(origin, charges, &changes)?;
        let posted = transaction.keep_charged(batch, &charges, &ledger, numbers).await?;
        let sales = totals.changed_sales().map(new_sale);
        transaction.keep_sales(&sales.collect::<Result<Vec<_>, Unrated>>()?).await?;
        transaction.keep_tier_totals(&totals.changed_tiers().collect::<Vec<_>>()).await?;
        let posting = |usage: &Uuid| places.get(usage).and_then(|place| posted.get(*place)).copied();
        let events = totals.new_events().map(|(key, event)| NewEvent {
            key,
            event,
            posting: event.usage.as_ref().and_then(posting),
        });
        transaction.insert_sale_events(&events.collect::<Vec<_>>()).await?;
        transaction.insert_waiting_transactions(&waiting.into_new()).await?;
        transaction.insert_exceptions(&exceptions).await?;
        transaction.explain_exceptions(&explained).await?;
        let calls = Calls { origin, records: batch.records, exceptions: &exceptions };
        settle(transaction, spending, calls, (calendar.zone(), calendar.now()), numbers).await?;
        transaction.insert_resolutions(&resolutions).await?;
        Ok(())
    }

    /// Keeps what a call was rated as, and gives why its transaction was not, if it was not.
    fn keep(&mut self, call: &Billable, rated: Rated) -> Option<Unrated> {
        if let Some(sale) = call.transaction.as_ref().filter(|transaction| !is_event(transaction)) {
            self.new_sales.insert(sale_key(call, sale));
        }
        self.charges.extend(rated.charges.into_iter().map(|charge| (call.at, charge)));
        self.changes.extend(rated.change);
        rated.unrated
    }

    fn note(&mut self, call: &Billable, kind: ExceptionKind, unrated: Option<&Unrated>) {
        self.exceptions.push(exception(call, (kind, unrated), self.calendar.now()));
    }

    pub(super) async fn tariff(&mut self, plan: &PlanRef) -> Result<Option<Arc<Tariff>>, BillingError> {
        if let Some(tariff) = self.prices.of(plan) {
            return Ok(Some(tariff));
        }
        let Some(kept) = self.transaction.plan_version(plan).await? else { return Ok(None) };
        let tariff = Arc::new(kept.tariff);
        self.prices.learn(plan, tariff.clone());
        Ok(Some(tariff))
    }
}
