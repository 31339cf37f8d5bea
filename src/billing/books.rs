//! One batch of calls in the making: rated, posted and written within one transaction of the store, all or nothing.
//!
//! A call that cannot be rated becomes an exception; it never holds up the others.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use uuid::Uuid;

use super::error::BillingError;
use super::lines;
use super::posting::{Origin, post};
use super::rating::{Billable, Booking, Unrated, rate};
use super::sale::rate_transaction;
use super::totals::{Totals, sale_key};
use super::waiting::{MAX_AT_ONCE, Waiting, WaitingCalls};
use crate::domain::charge::Charge;
use crate::domain::plan::{PlanRef, Tariff};
use crate::domain::running_total::SaleKey;
use crate::domain::time::{Period, Timestamp, Zone};
use crate::domain::usage::{Transaction, TransactionKind};
use crate::store;
use crate::store::charge::KeptCharge;
use crate::store::exception_resolution::{Resolution, ResolutionOutcome};
use crate::store::usage::UsageRow;
use crate::store::usage_exception::{ExceptionKind, UsageException};

/// Plan versions whose prices are remembered. A version never changes, so what is remembered stays true.
const REMEMBERED_TARIFFS: u64 = 10_000;

/// Prices by plan version.
pub(super) type Tariffs = moka::sync::Cache<PlanRef, Arc<Tariff>>;

/// An empty memory of prices.
pub(super) fn tariffs() -> Tariffs {
    moka::sync::Cache::new(REMEMBERED_TARIFFS)
}

/// When and where the books are kept.
#[derive(Debug, Clone)]
pub struct BooksTime {
    /// The zone in which periods begin and end.
    pub zone: Zone,
    /// Now.
    pub now: Timestamp,
}

/// A batch in the making.
pub(super) struct Books<'t> {
    transaction: &'t mut store::Transaction,
    time: BooksTime,
    known: Tariffs,
    closed: BTreeSet<Period>,
    totals: Totals,
    charges: Vec<(Timestamp, Charge)>,
    new_sales: HashSet<SaleKey>,
    waiting: Waiting,
    exceptions: Vec<UsageException>,
    resolutions: Vec<Resolution>,
}

impl<'t> Books<'t> {
    /// Begins a batch of `calls`. The transaction must hold [`store::transaction::Exclusive::Billing`], so that nobody else
    /// rates or closes until it ends.
    pub(super) async fn open(
        transaction: &'t mut store::Transaction,
        time: BooksTime,
        known: Tariffs,
        calls: &[Billable],
    ) -> Result<Self, BillingError> {
        let closed = transaction.closed_periods().await?;
        let mut books = Self {
            transaction,
            time,
            known,
            closed,
            totals: Totals::default(),
            charges: Vec::new(),
            new_sales: HashSet::new(),
            waiting: Waiting::default(),
            exceptions: Vec::new(),
            resolutions: Vec::new(),
        };
        books.load(calls).await?;
        Ok(books)
    }

    /// Loads what the store knows of before that `calls` are rated by.
    async fn load(&mut self, calls: &[Billable]) -> Result<(), BillingError> {
        let bookings: Vec<Booking> = calls.iter().map(|call| self.booking(call.at)).collect();
        let apps = distinct(calls.iter().map(|call| call.app.to_string()));
        let service = distinct(bookings.iter().map(|booking| booking.service_period.to_string()));
        let periods = distinct(bookings.iter().map(|booking| booking.period.to_string()));
        let transactions = || calls.iter().filter_map(|call| call.transaction.as_ref());
        let sales = distinct(transactions().map(|transaction| transaction.sale().to_owned()));
        let is_refund = |transaction: &&Transaction| transaction.kind == TransactionKind::Refund;
        let refunds = distinct(transactions().filter(is_refund).map(|refund| refund.id.clone()));
        self.totals.load_units(self.transaction.unit_totals(&apps, &service).await?);
        self.totals.load_sales(self.transaction.sales(&sales).await?);
        self.totals.load_refunds(self.transaction.refunds(&sales, &refunds).await?);
        self.waiting.load(self.transaction.waiting_refunds(&sales, &refunds).await?);
        self.totals.load_lines(&self.transaction.lines_of(&apps, &periods).await?);
        Ok(())
    }

    /// Rates calls: refunds after the rest, so that one finds the sale that came with it; then the refunds of earlier
    /// batches that waited for these sales.
    pub(super) async fn rate(&mut self, calls: &[Billable]) -> Result<(), BillingError> {
        let (refunds, others): (Vec<_>, Vec<_>) = calls.iter().partition(|call| is_refund(call));
        for call in others.into_iter().chain(refunds) {
            if let Err((kind, unrated)) = self.rate_one(call).await? {
                self.set_aside(call, kind, unrated).await?;
            }
        }
        self.rate_waiting(None).await
    }

    /// Notes what could not be rated, unless it is a refund of which nobody need be asked.
    async fn set_aside(
        &mut self,
        call: &Billable,
        kind: ExceptionKind,
        unrated: Option<Unrated>,
    ) -> Result<(), BillingError> {
        let unrated = match (unrated, &call.transaction, self.tariff(&call.plan).await?) {
            (Some(unknown @ Unrated::SaleUnknown { .. }), Some(refund), Some(tariff)) => {
                let Some(unrated) = self.waiting.wait((call, refund), &tariff, unknown) else {
                    return Ok(());
                };
                Some(unrated)
            }
            (unrated, _, _) => unrated,
        };
        self.note(call, kind, unrated.as_ref());
        Ok(())
    }

    /// Rates a call. What could not be rated is given, for the caller to deal with.
    pub(super) async fn rate_one(
        &mut self,
        call: &Billable,
    ) -> Result<Result<(), (ExceptionKind, Option<Unrated>)>, BillingError> {
        let Some(tariff) = self.tariff(&call.plan).await? else {
            return Ok(Err((ExceptionKind::Plan, None)));
        };
        let booking = self.booking(call.at);
        Ok(match rate(call, &tariff, booking, &mut self.totals) {
            Ok(rated) => {
                self.keep(call, rated.charges);
                rated.unrated.map_or(Ok(()), |unrated| Err((ExceptionKind::Transaction, Some(unrated))))
            }
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
        let booking = self.booking(call.at);
        Ok(rate_transaction(call, &tariff, booking, &mut self.totals).and_then(|rated| {
            self.keep(call, rated.charges);
            rated.unrated.map_or(Ok(()), Err)
        }))
    }

    /// Refunds that came before their sales are rated as soon as these have; not that of `resolved`, which has just been
    /// decided about.
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
        let sale = call.transaction.as_ref().map(|refund| sale_key(call, refund));
        if sale.is_none_or(|sale| self.totals.sale(&sale).is_none()) {
            return Ok(());
        }
        match self.rate_its_transaction(call).await? {
            Ok(()) if is_asked => self.resolve(Resolution {
                exception: exception_id(call),
                outcome: ResolutionOutcome::Rated,
                at: self.time.now,
                resolver: "tollgate".to_owned(),
                reason: "the sale that it refunds has come".to_owned(),
                evidence: None,
            }),
            Err(unrated) if !is_asked => self.note(call, ExceptionKind::Transaction, Some(&unrated)),
            // It stays open; or there was no question.
            Ok(()) | Err(_) => {}
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

    /// Writes all of it; it takes effect when the transaction is committed.
    pub(super) async fn write(self, origin: &Origin) -> Result<(), BillingError> {
        let Self { transaction, charges, totals, waiting, exceptions, resolutions, .. } = self;
        let (posted, transactions) = post(origin, charges)?;
        let kept: Vec<KeptCharge> =
            posted.into_iter().map(|one| KeptCharge { charge: one.charge, cause: one.cause }).collect();
        transaction.insert_charges(&kept).await?;
        transaction.add_to_lines(&lines::sum(kept.iter().map(|kept| &kept.charge))?).await?;
        transaction.keep_unit_totals(&totals.changed_units().collect::<Vec<_>>()).await?;
        transaction.keep_sales(&totals.changed_sales().collect::<Vec<_>>()).await?;
        transaction.insert_refunds(&totals.new_refunds().collect::<Vec<_>>()).await?;
        transaction.insert_waiting_refunds(&waiting.into_new()).await?;
        transaction.post(&transactions).await?;
        transaction.insert_exceptions(&exceptions).await?;
        transaction.insert_resolutions(&resolutions).await?;
        Ok(())
    }

    fn keep(&mut self, call: &Billable, charges: impl IntoIterator<Item = Charge>) {
        if let Some(transaction) = call.transaction.as_ref().filter(|_| !is_refund(call)) {
            self.new_sales.insert(sale_key(call, transaction));
        }
        self.charges.extend(charges.into_iter().map(|charge| (call.at, charge)));
    }

    fn note(&mut self, call: &Billable, kind: ExceptionKind, unrated: Option<&Unrated>) {
        let sale = match unrated {
            Some(Unrated::SaleUnknown { sale, .. }) => Some(sale.clone()),
            Some(
                Unrated::TooLarge
                | Unrated::SumTooLarge
                | Unrated::SaleDiffers { .. }
                | Unrated::RefundDiffers { .. }
                | Unrated::RefundUnnamed(_)
                | Unrated::RefundExceeds { .. },
            )
            | None => None,
        };
        let plan_unknown = || format!("the prices of plan {} are not known", call.plan);
        self.exceptions.push(UsageException {
            id: exception_id(call),
            kind,
            at: call.at,
            usage: Some(call.usage.to_string()),
            app: Some(call.app.to_string()),
            sale,
            reason: unrated.map_or_else(plan_unknown, ToString::to_string),
            payload: None,
        });
    }

    /// A call's own period while it is open; else the current one, or the first open one after that.
    fn booking(&self, at: Timestamp) -> Booking {
        let service_period = Period::of(at, &self.time.zone);
        let mut period = service_period;
        if self.closed.contains(&period) {
            period = period.next().max(Period::of(self.time.now, &self.time.zone));
        }
        while self.closed.contains(&period) {
            period = period.next();
        }
        Booking { period, service_period }
    }

    async fn tariff(&mut self, plan: &PlanRef) -> Result<Option<Arc<Tariff>>, BillingError> {
        if let Some(known) = self.known.get(plan) {
            return Ok(Some(known));
        }
        let tariff = self.transaction.plan_version(plan).await?.map(|kept| Arc::new(kept.tariff));
        if let Some(tariff) = &tariff {
            self.known.insert(plan.clone(), tariff.clone());
        }
        Ok(tariff)
    }
}

fn distinct(texts: impl Iterator<Item = String>) -> Vec<String> {
    texts.collect::<BTreeSet<_>>().into_iter().collect()
}

fn is_refund(call: &Billable) -> bool {
    call.transaction.as_ref().is_some_and(|transaction| transaction.kind == TransactionKind::Refund)
}

fn exception_id(call: &Billable) -> String {
    format!("usage:{}", call.usage)
}

/// A call as it was recorded; `None` if it was under no plan.
pub(super) fn billable(row: &UsageRow) -> Option<Billable> {
    let (product, plan) = row.subscribed.clone()?;
    Some(Billable {
        usage: row.id.parse().ok()?,
        at: row.at,
        partner: row.partner.clone(),
        app: row.app.clone(),
        product,
        plan,
        units: row.units,
        transaction: row.transaction.clone(),
    })
}
