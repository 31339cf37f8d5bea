//! What was told of balances that are nearly used up, or are: once for each mark, whichever node sees it first.

use super::error::StoreError;
use super::open::Store;
use super::page::Page;
use super::row::{all, known, parse};
use crate::domain::balance::{BalanceKind, Funds};
use crate::domain::id::BalanceId;
use crate::domain::time::{Period, Timestamp};

row! {
    UsedRow {
        id: String,
        kind: String,
        amount_limit: i64,
        paid_in: i64,
        spent: i64,
    }
}

/// How far a balance is used, in minor units: what is reserved is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Used {
    /// The balance.
    pub balance: BalanceId,
    /// What bounds it.
    pub kind: BalanceKind,
    /// What was paid in and spent; of a budget, in the period alone.
    pub funds: Funds,
}

impl TryFrom<UsedRow> for Used {
    type Error = StoreError;

    fn try_from(row: UsedRow) -> Result<Self, StoreError> {
        let UsedRow { id, kind, amount_limit, paid_in, spent } = row;
        Ok(Self {
            balance: parse("balance.id", &id)?,
            kind: known("balance.kind", BalanceKind::named(&kind, amount_limit))?,
            funds: Funds { paid_in, spent, reserved: 0 },
        })
    }
}

impl Store {
    /// A page of the balances that have not ended, with how far each is used in a service period.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn used_balances(&self, period: Period, page: &Page) -> Result<Vec<Used>, StoreError> {
        let rows: Vec<UsedRow> = on!(self.reader(), db => {
            sqlx::query_as(
                "select b.id, b.kind, b.amount_limit, \
                 cast(coalesce((select sum(d.minor) from balance_deposit d where d.balance = b.id), 0) \
                 - coalesce((select sum(w.minor) from balance_withdrawal w where w.balance = b.id), 0) as bigint) as paid_in, \
                 cast(coalesce((select sum(s.minor) from balance_spent s where s.balance = b.id \
                 and (b.kind <> 'budget' or s.service_period = $1)), 0) as bigint) as spent \
                 from balance b where b.ended_at is null and b.id > $2 order by b.id limit $3",
            )
            .bind(period.to_string())
            .bind(page.cursor())
            .bind(page.limit())
            .fetch_all(db)
            .await
        })?;
        all(rows)
    }

    /// Notes that it is told of a balance that so many percent of it are used; `mark` says of what. Gives whether that is new.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn note_balance_alert(
        &self,
        balance: &BalanceId,
        (mark, percent): (&str, u8),
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let noted = on!(transaction.connection(), db => {
            sqlx::query(
                "insert into balance_alert (balance, mark, percent, at) values ($1, $2, $3, $4) \
                 on conflict (balance, mark, percent) do nothing",
            )
            .bind(balance.as_str())
            .bind(mark)
            .bind(i64::from(percent))
            .bind(at.as_micros())
            .execute(db)
            .await
            .map(|done| done.rows_affected())
        })?;
        transaction.commit().await?;
        Ok(noted > 0)
    }

    /// How often it was told that so many percent of a balance are used.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn balance_alert_count(&self, percent: u8) -> Result<u64, StoreError> {
        let (count,): (i64,) = on!(self.reader(), db => {
            sqlx::query_as("select count(*) from balance_alert where percent = $1")
                .bind(i64::from(percent))
                .fetch_one(db)
                .await
        })?;
        Ok(u64::try_from(count).unwrap_or(0))
    }
}
