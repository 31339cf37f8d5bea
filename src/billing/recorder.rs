//! Takes usage records from the journal, rates them and posts the charges: all of a batch in one transaction with
//! the journal's position, so that each record is rated exactly once whatever crashes in between.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use tokio::sync::OnceCell;

use super::rating::{Context, LineTotal, Rated, rate};
use crate::domain::charge::{ChargeKind, LineKey};
use crate::domain::ledger::{Account, LedgerTransaction};
use crate::domain::money::MoneyError;
use crate::domain::plan::{PlanRef, Tariff};
use crate::domain::time::{Clock, Period, Zone};
use crate::domain::usage::{Evidence, UsageRecord};
use crate::metering::drain::{Drained, SinkError, UsageSink};
use crate::policy::live::Live;
use crate::store::charge::KeptTotal;
use crate::store::transaction::Exclusive;
use crate::store::usage::{JournalLoss, Recorded};
use crate::store::{Store, StoreError, Transaction};

/// Why a batch could not be recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The store cannot be used.
    #[error("the store cannot be used")]
    Store(#[from] StoreError),
    /// An amount does not fit.
    #[error("usage record {usage} cannot be rated")]
    Money {
        /// The record.
        usage: uuid::Uuid,
        /// Why.
        #[source]
        source: MoneyError,
    },
    /// A posting does not fit.
    #[error("a posting is too large")]
    Posting(#[from] MoneyError),
}

/// Records and rates the usage of one node.
pub struct Recorder {
    store: Store,
    node: String,
    live: Arc<Live>,
    clock: Arc<dyn Clock>,
    position: OnceCell<AtomicU64>,
    tariffs: moka::sync::Cache<PlanRef, Option<Arc<Tariff>>>,
}

/// Plan versions whose prices are remembered.
const REMEMBERED_TARIFFS: u64 = 10_000;

impl Recorder {
    /// A recorder for the journal of `node`.
    #[must_use]
    pub fn new(store: Store, node: String, live: Arc<Live>, clock: Arc<dyn Clock>) -> Self {
        let tariffs = moka::sync::Cache::new(REMEMBERED_TARIFFS);
        Self { store, node, live, clock, position: OnceCell::new(), tariffs }
    }

    /// Records a batch that ends at `up_to`.
    ///
    /// # Errors
    /// [`RecordError`]; then nothing of the batch is recorded.
    pub async fn record_batch(&self, batch: Vec<Drained>, up_to: u64) -> Result<(), RecordError> {
        let tariffs = self.tariffs_of(&batch).await?;
        let zone = self.live.load().platform.zone.clone();
        let mut transaction = self.store.begin().await?;
        transaction.hold(Exclusive::Billing).await?;
        let position = transaction.journal_position(&self.node).await?;
        let (recorded, losses) = sort(batch, position);
        transaction.insert_usage(&recorded).await?;
        transaction.insert_losses(&self.node, &losses).await?;
        let mut rating = Rating {
            transaction: &mut transaction,
            zone: &zone,
            totals: HashMap::new(),
            open: HashMap::new(),
        };
        let rated = rating.rate_all(&recorded, &tariffs, self.clock.now()).await?;
        let totals = rating.changed_totals();
        transaction.keep_line_totals(&totals).await?;
        let charges: Vec<_> = rated.iter().map(|rated| rated.charge.clone()).collect();
        transaction.insert_charges(&charges).await?;
        for (period, postings) in postings(&self.node, (position, up_to), &rated)? {
            transaction.post(&postings, period, self.clock.now()).await?;
        }
        transaction.set_journal_position(&self.node, up_to.max(position)).await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn tariffs_of(&self, batch: &[Drained]) -> Result<HashMap<PlanRef, Arc<Tariff>>, StoreError> {
        let mut tariffs = HashMap::new();
        for drained in batch {
            let Drained::Usage(_, usage) = drained else { continue };
            let (Evidence::Billable { .. }, Some((_, plan))) = (&usage.evidence, &usage.subscribed) else {
                continue;
            };
            if tariffs.contains_key(plan) {
                continue;
            }
            let known = match self.tariffs.get(plan) {
                Some(known) => known,
                None => {
                    let loaded = self.store.tariff(plan).await?.map(Arc::new);
                    if loaded.is_some() {
                        self.tariffs.insert(plan.clone(), loaded.clone());
                    }
                    loaded
                }
            };
            tariffs.extend(known.map(|tariff| (plan.clone(), tariff)));
        }
        Ok(tariffs)
    }
}

#[async_trait]
impl UsageSink for Recorder {
    async fn position(&self) -> Result<u64, SinkError> {
        let load = || async { self.store.journal_position(&self.node).await.map(AtomicU64::new) };
        let position = self.position.get_or_try_init(load).await.map_err(|error| SinkError(chain(&error)))?;
        Ok(position.load(Ordering::Acquire))
    }

    async fn record(&self, batch: Vec<Drained>, up_to: u64) -> Result<(), SinkError> {
        self.record_batch(batch, up_to).await.map_err(|error| SinkError(chain(&error)))?;
        if let Some(position) = self.position.get() {
            position.store(up_to, Ordering::Release);
        }
        Ok(())
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// What is new in a batch, by kind.
fn sort(batch: Vec<Drained>, position: u64) -> (Vec<Recorded>, Vec<JournalLoss>) {
    let (mut recorded, mut losses) = (Vec::new(), Vec::new());
    for drained in batch {
        match drained {
            Drained::Usage(sequence, usage) if sequence > position => {
                recorded.push(Recorded { sequence, usage: *usage });
            }
            Drained::Unreadable(sequence, reason) if sequence > position => {
                losses.push(JournalLoss { first: sequence, last: sequence, reason });
            }
            Drained::Lost(first, last) if last > position => {
                losses.push(JournalLoss { first, last, reason: "rot in the journal".to_owned() });
            }
            Drained::Usage(..) | Drained::Unreadable(..) | Drained::Lost(..) => {}
        }
    }
    (recorded, losses)
}

/// The rating of one batch.
struct Rating<'t> {
    transaction: &'t mut Transaction,
    zone: &'t Zone,
    totals: HashMap<LineKey, LineTotal>,
    /// Service period → the period on whose statement it goes.
    open: HashMap<Period, Period>,
}

impl Rating<'_> {
    async fn rate_all(
        &mut self,
        recorded: &[Recorded],
        tariffs: &HashMap<PlanRef, Arc<Tariff>>,
        now: crate::domain::time::Timestamp,
    ) -> Result<Vec<Rated>, RecordError> {
        let mut all = Vec::new();
        for Recorded { usage, .. } in recorded {
            let Some((_, plan)) = &usage.subscribed else { continue };
            let (Some(tariff), Evidence::Billable { .. }) = (tariffs.get(plan), &usage.evidence) else {
                continue;
            };
            let service_period = Period::of(usage.at, self.zone);
            let period = self.open_period(service_period, now).await?;
            let context = Context { plan: plan.clone(), period, service_period };
            self.load_totals(usage, &context, tariff).await?;
            let totals = &self.totals;
            let rated = rate(usage, &context, tariff, |line| totals.get(line).copied().unwrap_or_default())
                .map_err(|source| RecordError::Money { usage: usage.id, source })?;
            for one in &rated {
                self.totals.insert(one.charge.line.clone(), one.total);
            }
            all.extend(rated);
        }
        Ok(all)
    }

    /// The period itself while it is open; else the first open one from now's on.
    async fn open_period(
        &mut self,
        service: Period,
        now: crate::domain::time::Timestamp,
    ) -> Result<Period, StoreError> {
        if let Some(known) = self.open.get(&service) {
            return Ok(*known);
        }
        let mut period = service;
        while self.transaction.is_closed(period).await? {
            period = period.next().max(Period::of(now, self.zone));
            // The current period may have been closed early: then the next one takes it.
            if self.transaction.is_closed(period).await? {
                period = period.next();
            }
        }
        self.open.insert(service, period);
        Ok(period)
    }

    /// Loads the sums of the lines that a record falls on, once a batch. Rating a record with nothing known gives
    /// just those lines.
    async fn load_totals(
        &mut self,
        usage: &UsageRecord,
        context: &Context,
        tariff: &Tariff,
    ) -> Result<(), RecordError> {
        let lines = rate(usage, context, tariff, |_| LineTotal::default())
            .map_err(|source| RecordError::Money { usage: usage.id, source })?;
        for line in lines.into_iter().map(|rated| rated.charge.line) {
            if self.totals.contains_key(&line) {
                continue;
            }
            let kept = self.transaction.line_total(&line).await?;
            let total = kept.map_or_else(LineTotal::default, |kept| LineTotal {
                units: kept.units,
                exact: kept.exact,
                posted: kept.posted,
            });
            self.totals.insert(line, total);
        }
        Ok(())
    }

    fn changed_totals(self) -> Vec<KeptTotal> {
        let kept = |(line, total): (LineKey, LineTotal)| KeptTotal {
            line,
            units: total.units,
            exact: total.exact,
            posted: total.posted,
        };
        self.totals.into_iter().map(kept).collect()
    }
}

/// The batch's ledger transactions by period: one for each share, one for the fees of each line.
fn postings(
    node: &str,
    (position, up_to): (u64, u64),
    rated: &[Rated],
) -> Result<BTreeMap<Period, Vec<LedgerTransaction>>, MoneyError> {
    let mut by_period: BTreeMap<Period, Vec<LedgerTransaction>> = BTreeMap::new();
    let mut fees: BTreeMap<&LineKey, i64> = BTreeMap::new();
    for Rated { charge, posting, .. } in rated {
        match charge.line.kind {
            ChargeKind::ServiceFee => {
                let sum = fees.entry(&charge.line).or_default();
                *sum = sum.checked_add(*posting).ok_or(MoneyError::Overflow)?;
            }
            ChargeKind::RevenueShare => {
                let accounts = (Account::Receivable(charge.line.partner.clone()), Account::ShareRevenue);
                let cause = format!("usage:{}:share", charge.usage);
                let transaction =
                    LedgerTransaction::transfer(cause, accounts, (*posting, charge.line.currency))?;
                by_period.entry(charge.line.period).or_default().push(transaction);
            }
        }
    }
    for (number, (line, sum)) in fees.into_iter().enumerate().filter(|(_, (_, sum))| *sum != 0) {
        let accounts = (Account::Receivable(line.partner.clone()), Account::FeeRevenue);
        let cause = format!("fees:{node}:{}-{up_to}:{number}", position.saturating_add(1));
        let transaction = LedgerTransaction::transfer(cause, accounts, (sum, line.currency))?;
        by_period.entry(line.period).or_default().push(transaction);
    }
    Ok(by_period)
}
