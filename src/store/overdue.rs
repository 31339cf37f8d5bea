//! What waits for longer than it should: sales that were settled in part, and transactions that may be of any app's sale.

use std::time::Duration;

use super::error::StoreError;
use super::open::Store;
use super::row::parse;
use super::usage::count;
use crate::domain::id::AppId;
use crate::domain::money::Amount;
use crate::domain::time::Timestamp;

/// A sale that was settled in part, and should have been settled whole.
#[derive(Debug, Clone, PartialEq)]
pub struct ShortSale {
    /// The usage record that made it.
    pub usage: String,
    /// The app that made it.
    pub app: AppId,
    /// The upstream's id of it.
    pub id: String,
    /// When it was made.
    pub at: Timestamp,
    /// What it was worth.
    pub amount: Amount,
    /// What of that is settled.
    pub settled: Amount,
    /// Until when all of it should have been.
    pub due: Timestamp,
}

row! {
    ShortRow {
        usage: String,
        app: String,
        id: String,
        currency: String,
        at: i64,
        amount: i64,
        settled: i64,
        settles_within: i64,
    }
}

impl TryFrom<ShortRow> for ShortSale {
    type Error = StoreError;

    fn try_from(row: ShortRow) -> Result<Self, StoreError> {
        let currency = parse("sale.currency", &row.currency)?;
        let (at, amount) = (Timestamp::from_micros(row.at), |minor| Amount { minor, currency });
        let within = Duration::from_secs(count("sale.settles_within", row.settles_within)?);
        Ok(Self {
            usage: row.usage,
            app: parse("sale.app", &row.app)?,
            id: row.id,
            at,
            amount: amount(row.amount),
            settled: amount(row.settled),
            due: at.plus(within),
        })
    }
}

/// Transactions that are looked at together.
const AT_ONCE: i64 = 10_000;

impl Store {
    /// Sales that were settled in part, should have been settled whole by `now`, and of which nobody was asked: `limit` at most, the
    /// oldest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn short_sales(&self, now: Timestamp, limit: i64) -> Result<Vec<ShortSale>, StoreError> {
        let rows: Vec<ShortRow> = on!(self.reader(), db => {
            sqlx::query_as(
                "select s.usage, s.app, s.id, s.currency, s.at, s.amount, s.settled, s.settles_within from sale s \
                 where s.pending > 0 and s.settled > 0 and s.usage is not null and s.at < $1 \
                 and s.at + s.settles_within * 1000000 < $1 \
                 and not exists (select 1 from usage_exception e where e.id = 'short:' || s.usage) order by s.at limit $2",
            )
            .bind(now.as_micros())
            .bind(limit)
            .fetch_all(db)
            .await
        })?;
        super::row::all(rows)
    }

    /// Open exceptions of sales that were settled in part, and wait for nothing by now: `limit` at most.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn no_longer_short(&self, limit: i64) -> Result<Vec<String>, StoreError> {
        let rows: Vec<(String,)> = on!(self.reader(), db => {
            sqlx::query_as(
                // Few are short: SQLite joins in this order.
                "select o.exception from open_exception o cross join usage_exception e cross join sale_event v cross join sale s \
                 where o.exception > 'short:' and o.exception < 'short;' and e.id = o.exception and v.usage = e.usage \
                 and v.kind = 'sale' and s.id = v.sale and s.app = v.app and s.currency = v.currency and s.pending = 0 limit $1",
            )
            .bind(limit)
            .fetch_all(db)
            .await
        })?;
        Ok(rows.into_iter().map(|(id,)| id).collect())
    }

    /// Some of the usage records behind `after` and before `before`, by their ids, whose transactions may be of any app's sale, wait for
    /// it, were made by `made_by`, and of which nobody was asked; and the last record that was looked at. `None` if there are no more.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn unasked_of_any_app(
        &self,
        (after, before): (&str, &str),
        made_by: Timestamp,
    ) -> Result<Option<(Vec<String>, String)>, StoreError> {
        let last: (Option<String>,) = on!(self.reader(), db => {
            sqlx::query_as(sqlx::AssertSqlSafe(format!(
                "select max(w.usage) from (select usage from waiting_transaction where usage > $1 and usage < $2 \
                 order by usage limit {AT_ONCE}) w"
            )))
            .bind(after)
            .bind(before)
            .fetch_one(db)
            .await
        })?;
        let Some(last) = last.0 else { return Ok(None) };
        let rows: Vec<(String,)> = on!(self.reader(), db => {
            sqlx::query_as(
                "select w.usage from waiting_transaction w join usage u on u.id = w.usage \
                 join usage_transaction x on x.usage = u.number \
                 where w.usage > $1 and w.usage <= $2 and u.at <= $3 and x.details like '%\"reach\":\"any-app\"%' \
                 and not exists (select 1 from usage_exception e where e.usage = w.usage) \
                 and not exists (select 1 from sale_event v where v.usage = w.usage) \
                 and not exists (select 1 from sale_event v where v.sale = w.sale and v.id = w.id and v.kind = w.kind \
                 and v.currency = w.currency and v.app = w.app) order by w.usage",
            )
            .bind(after)
            .bind(&last)
            .bind(made_by.as_micros())
            .fetch_all(db)
            .await
        })?;
        Ok(Some((rows.into_iter().map(|(usage,)| usage).collect(), last)))
    }
}
