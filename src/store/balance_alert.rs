//! What was told of balances that are nearly used up, or are: once for each mark, whichever node sees it first.

use super::error::StoreError;
use super::open::Store;
use super::page::MAX_PAGE_SIZE;
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
    /// Balances that have not ended and of which one of two percentages is used in a service period, the higher one last, that was not
    /// told of them yet, each with how far it is used: a page, as those that are told are not among them any more.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn untold_balances(
        &self,
        period: Period,
        [lower, upper]: [u8; 2],
    ) -> Result<Vec<Used>, StoreError> {
        let rows: Vec<UsedRow> = on!(self.reader(), db => {
            sqlx::query_as(
                "select u.id, u.kind, u.amount_limit, u.paid_in, u.spent \
                 from (select f.*, cast(f.amount_limit as numeric) + f.paid_in as bound \
                 from (select b.id, b.kind, b.amount_limit, \
                 cast(coalesce((select sum(d.minor) from balance_deposit d where d.balance = b.id), 0) \
                 - coalesce((select sum(w.minor) from balance_withdrawal w where w.balance = b.id), 0) as bigint) as paid_in, \
                 cast(coalesce((select sum(s.minor) from balance_spent s where s.balance = b.id \
                 and (b.kind <> 'budget' or s.service_period = $1)), 0) as bigint) as spent \
                 from balance b where b.ended_at is null) f where f.spent > 0) u \
                 where cast(u.spent as numeric) * 100 >= u.bound * cast($2 as bigint) \
                 and not exists (select 1 from balance_alert a where a.balance = u.id \
                 and a.mark = (case u.kind when 'budget' then $1 || ' ' else '' end) || cast(u.bound as text) and a.percent >= \
                 case when cast(u.spent as numeric) * 100 >= u.bound * cast($3 as bigint) then cast($3 as bigint) else cast($2 as bigint) end) \
                 order by u.id limit $4",
            )
            .bind(period.to_string())
            .bind(i64::from(lower))
            .bind(i64::from(upper))
            .bind(i64::from(MAX_PAGE_SIZE))
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
