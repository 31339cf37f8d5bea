//! What waits for longer than it should, and is asked about then, once: the rest of sales that were settled in part, and transactions that
//! may be of any app's sale. Of these nobody is asked before, as whoever confirms payments confirms those of others, too.

use std::time::Duration;

use super::batch::Books;
use super::believed::believed;
use super::calendar::BooksTime;
use super::prices::tariffs;
use super::recorded_call::{billable, exception};
use crate::billing::error::BillingError;
use crate::billing::rating::{Billable, Unrated};
use crate::domain::time::Timestamp;
use crate::policy::journal_terms::RecordTimes;
use crate::store::exception_resolution::{Resolution, ResolutionOutcome};
use crate::store::overdue::ShortSale;
use crate::store::transaction::Exclusive;
use crate::store::usage_exception::{ExceptionKind, UsageException};
use crate::store::{self, Store};

/// Most sales of which someone is asked, or no longer, at once.
const AT_ONCE: i64 = 1_000;

/// After so long all that waits is looked at anew: some of it may have come into the books late.
const ANEW: Duration = Duration::from_secs(24 * 3600);

/// How far what waits for its sale was looked at.
#[derive(Debug, Default)]
pub struct Looked {
    begun: Timestamp,
    up_to: String,
}

/// What one look came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Asked {
    /// Questions that may be new.
    pub asked: usize,
    /// Questions that have answered themselves: the money has come.
    pub answered: usize,
    /// Whether there may be more.
    pub is_more: bool,
}

/// Asks about some of what waits for too long by `time`, if its clock is believed by the `times`: transactions for longer than these let a
/// call be old. Call again while there may be more.
///
/// # Errors
/// [`BillingError`]; then nothing has changed but what was `looked` at.
pub async fn ask_overdue(
    store: &Store,
    time: BooksTime,
    times: &RecordTimes,
    looked: &mut Looked,
) -> Result<Asked, BillingError> {
    let now = believed(store, time.now, times).await?;
    let short = store.short_sales(now, AT_ONCE).await?;
    let over = store.no_longer_short(AT_ONCE).await?;
    if now.since(looked.begun) >= ANEW {
        *looked = Looked { begun: now, up_to: String::new() };
    }
    let made_by = now.minus(times.oldest);
    let waiting = store.unasked_of_any_app((looked.up_to.as_str(), &first_id(made_by)), made_by).await?;
    let is_more = waiting.is_some() || short.len().max(over.len()) >= AT_ONCE.unsigned_abs() as usize;
    let (waiting, up_to) = waiting.unzip();
    let waiting: Vec<String> = waiting.unwrap_or_default();
    let mut done = Asked { is_more, ..Asked::default() };
    if !(short.is_empty() && over.is_empty() && waiting.is_empty()) {
        let mut transaction = store.begin().await?;
        transaction.hold(Exclusive::Billing).await?;
        let mut asked: Vec<UsageException> = short.iter().map(|sale| short_of(sale, now)).collect();
        asked.extend(unknown(&mut transaction, &waiting, BooksTime { now, ..time }).await?);
        transaction.insert_exceptions(&asked).await?;
        done.asked = asked.len();
        done.answered = answer(&mut transaction, &over, now).await?;
        transaction.commit().await?;
    }
    if let Some(up_to) = up_to {
        looked.up_to = up_to;
    }
    Ok(done)
}

/// What the id of a call of that time is not before: ids of usage records begin with their time, in milliseconds (RFC 9562, section 5.7).
fn first_id(at: Timestamp) -> String {
    let millis = at.as_micros().div_euclid(1_000).max(0);
    format!("{:08x}-{:04x}", millis >> 16, millis & 0xffff)
}

/// The question about a sale that was settled in part.
fn short_of(sale: &ShortSale, now: Timestamp) -> UsageException {
    let ShortSale { usage, app, id, at, amount, settled, due } = sale;
    UsageException {
        id: format!("short:{usage}"),
        kind: ExceptionKind::Short,
        at: *at,
        noted_at: now,
        usage: Some(usage.clone()),
        app: Some(app.to_string()),
        sale: None,
        reason: format!(
            "of sale {id} of {amount} {}, {settled} is settled, and all of it should have been by {due}",
            amount.currency.code()
        ),
        payload: None,
    }
}

/// The questions about calls whose transactions wait for a sale of any app, as far as it has not come meanwhile.
async fn unknown(
    transaction: &mut store::Transaction,
    usage: &[String],
    time: BooksTime,
) -> Result<Vec<UsageException>, BillingError> {
    let rows = transaction.usage_records(usage).await?;
    let calls: Vec<Billable> = rows.iter().filter_map(billable).collect();
    let now = time.now;
    let books = Books::open(transaction, time, &tariffs(), &calls).await?;
    Ok(calls.iter().filter_map(|call| question(&books, call, now)).collect())
}

fn question(books: &Books<'_>, call: &Billable, now: Timestamp) -> Option<UsageException> {
    let passed = call.transaction.as_ref()?;
    let mut unrated = books.totals.sale_of(call, passed).err()?;
    if matches!(unrated, Unrated::SaleUnknown { .. }) {
        unrated = books.made_elsewhere(call, passed).unwrap_or(unrated);
    }
    Some(exception(call, (ExceptionKind::Transaction, Some(&unrated)), now))
}

/// Resolves the questions that have answered themselves, and gives how many nobody had resolved meanwhile.
async fn answer(
    transaction: &mut store::Transaction,
    over: &[String],
    now: Timestamp,
) -> Result<usize, BillingError> {
    let mut resolutions = Vec::with_capacity(over.len());
    for id in over {
        if transaction.open_exception(id).await?.is_some() {
            resolutions.push(Resolution {
                exception: id.clone(),
                outcome: ResolutionOutcome::Rated,
                at: now,
                resolver: "tollgate".to_owned(),
                reason: "its sale waits for no money any more".to_owned(),
                evidence: None,
            });
        }
    }
    transaction.insert_resolutions(&resolutions).await?;
    Ok(resolutions.len())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;

    #[test]
    fn ids_of_calls_are_behind_the_first_of_their_time() {
        let at: Timestamp = "2026-11-24T08:00:00.123456Z".parse().unwrap();
        let millis = u64::try_from(at.as_micros() / 1_000).unwrap();
        let id = uuid::Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid().to_string();
        assert!(first_id(at) < id, "{id}");
        assert!(first_id(at.plus(Duration::from_millis(1))) > id, "{id}");
        assert_eq!(first_id(Timestamp::from_micros(-1)), "00000000-0000");
    }
}
