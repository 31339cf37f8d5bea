//! Sales of which a share is pending, and for how long.

use std::time::Duration;

use super::error::StoreError;
use super::open::Store;
use super::page::Page;
use super::row::{known, optional, parse};
use super::usage::count;
use crate::domain::id::{AppId, PartnerId};
use crate::domain::money::Amount;
use crate::domain::time::Timestamp;

/// A sale of which a share is pending.
#[derive(Debug, Clone, PartialEq)]
pub struct PendingSale {
    /// The usage record that made it.
    pub usage: String,
    /// The app that made it.
    pub app: AppId,
    /// Whose app that was; not known of some old ones.
    pub partner: Option<PartnerId>,
    /// The upstream's id of it.
    pub id: String,
    /// When it was made.
    pub at: Timestamp,
    /// What it was worth.
    pub amount: Amount,
    /// The share of all of it.
    pub share: Amount,
    /// What of the share is pending.
    pub pending: Amount,
    /// How long it may be.
    pub settles_within: Option<Duration>,
}

impl PendingSale {
    /// Whether it should have been settled by `now`.
    #[must_use]
    pub fn is_unsettled(&self, now: Timestamp) -> bool {
        self.settles_within.is_some_and(|span| self.at.plus(span) < now)
    }
}

row! {
    PendingRow {
        usage: Option<String>,
        app: String,
        partner: Option<String>,
        id: String,
        currency: String,
        at: i64,
        amount: i64,
        share: i64,
        pending: i64,
        settles_within: Option<i64>,
    }
}

impl TryFrom<PendingRow> for PendingSale {
    type Error = StoreError;

    fn try_from(row: PendingRow) -> Result<Self, StoreError> {
        let currency = parse("sale.currency", &row.currency)?;
        let amount = |minor| Amount { minor, currency };
        let seconds = row.settles_within.map(|seconds| count("sale.settles_within", seconds)).transpose()?;
        Ok(Self {
            usage: known("sale.usage", row.usage)?,
            app: parse("sale.app", &row.app)?,
            partner: optional("sale.partner", row.partner.as_deref())?,
            id: row.id,
            at: Timestamp::from_micros(row.at),
            amount: amount(row.amount),
            share: amount(row.share),
            pending: amount(row.pending),
            settles_within: seconds.map(Duration::from_secs),
        })
    }
}

impl Store {
    /// Sales of which a share is pending, the oldest first, by the usage records that made them.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn pending_sales(&self, page: &Page) -> Result<Vec<PendingSale>, StoreError> {
        let rows: Vec<PendingRow> = on!(self.reader(), db => {
            sqlx::query_as(
                "select usage, app, partner, id, currency, at, amount, share, pending, settles_within from sale \
                 where pending > 0 and usage is not null \
                 and ($1 = '' or at > (select s.at from sale_event e join sale s on s.id = e.sale and s.app = e.app \
                 and s.currency = e.currency where e.usage = $1 and e.kind = 'sale') \
                 or (at = (select s.at from sale_event e join sale s on s.id = e.sale and s.app = e.app \
                 and s.currency = e.currency where e.usage = $1 and e.kind = 'sale') and usage > $1)) \
                 order by at, usage limit $2",
            )
            .bind(page.cursor())
            .bind(page.limit())
            .fetch_all(db)
            .await
        })?;
        super::row::all(rows)
    }

    /// The sale that a usage record made, or said something of, if a share of it is pending.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn pending_sale_of(&self, usage: &str) -> Result<Option<PendingSale>, StoreError> {
        let row: Option<PendingRow> = on!(self.reader(), db => {
            sqlx::query_as(
                "select s.usage, s.app, s.partner, s.id, s.currency, s.at, s.amount, s.share, s.pending, s.settles_within \
                 from sale_event e join sale s on s.id = e.sale and s.app = e.app and s.currency = e.currency \
                 where e.usage = $1 and s.pending > 0 and s.usage is not null",
            )
            .bind(usage)
            .fetch_optional(db)
            .await
        })?;
        row.map(PendingSale::try_from).transpose()
    }

    /// How many sales should have been settled by `now` and are not, or not whole.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn unsettled_sale_count(&self, now: Timestamp) -> Result<u64, StoreError> {
        let row: (i64,) = on!(self.reader(), db => {
            sqlx::query_as(
                "select count(*) from sale where pending > 0 and at < $1 and at + settles_within * 1000000 < $1",
            )
            .bind(now.as_micros())
            .fetch_one(db)
            .await
        })?;
        Ok(u64::try_from(row.0).unwrap_or(0))
    }
}
