//! Balances. Only the limit of one changes, and that it ends, each by a cause; its locked row is what keeps its sums together while
//! somebody adds to any of them.

use super::error::{StoreError, require};
use super::open::Store;
use super::page::Page;
use super::row::{all, known, parse};
use super::transaction::{Exclusive, Transaction};
use crate::domain::balance::{Balance, BalanceKind, Owner};
use crate::domain::id::{AppId, BalanceId, PartnerId};
use crate::domain::money::Currency;
use crate::domain::time::Timestamp;

row! {
    BalanceRow {
        id: String,
        owner_kind: String,
        owner: String,
        app: String,
        kind: String,
        amount_limit: i64,
        currency: String,
        created_at: i64,
        ended_at: Option<i64>,
        counts_shares: i64,
        used_up_until: Option<i64>,
    }
}

impl TryFrom<BalanceRow> for Balance {
    type Error = StoreError;

    fn try_from(row: BalanceRow) -> Result<Self, StoreError> {
        let owner = match row.owner_kind.as_str() {
            "app" => Owner::App(parse("balance.owner", &row.owner)?),
            "partner" => Owner::Partner(parse("balance.owner", &row.owner)?),
            "merchant" => Owner::Merchant {
                merchant: parse("balance.owner", &row.owner)?,
                app: parse("balance.app", &row.app)?,
            },
            _ => return Err(StoreError::corrupt("balance.owner_kind")),
        };
        Ok(Self {
            id: parse("balance.id", &row.id)?,
            owner,
            kind: known("balance.kind", BalanceKind::named(&row.kind, row.amount_limit))?,
            currency: parse("balance.currency", &row.currency)?,
            created_at: Timestamp::from_micros(row.created_at),
            ended_at: row.ended_at.map(Timestamp::from_micros),
            counts_shares: row.counts_shares != 0,
            used_up_until: row.used_up_until.map(Timestamp::from_micros),
        })
    }
}

macro_rules! select_balance {
    ($tail:literal) => {
        concat!(
            "select id, owner_kind, owner, app, kind, amount_limit, currency, created_at, ended_at, counts_shares, used_up_until \
             from balance ",
            $tail
        )
    };
}

mod cap;
mod paying;

pub(super) use self::paying::PaidFromColumns;

/// What changes of a balance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Its limit, to so many minor units.
    Limit(i64),
    /// It ends.
    End,
}

impl Change {
    fn name(self) -> &'static str {
        match self {
            Self::Limit(_) => "limit",
            Self::End => "end",
        }
    }
}

impl Store {
    /// Makes a balance.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if its id is taken, if another one pays in that currency for some of the same apps, or is the same
    /// merchant's cap on the same app;
    /// [`StoreError::Missing`] without such an owner; [`StoreError::Unavailable`].
    pub async fn create_balance(&self, balance: &Balance) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        // Of an app's and its partner's, made at the same time, one sees the other.
        transaction.hold(Exclusive::Billing).await?;
        transaction.insert_balance(balance).await?;
        transaction.commit().await
    }

    /// The balance of that id.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn balance(&self, id: &BalanceId) -> Result<Option<Balance>, StoreError> {
        let row: Option<BalanceRow> = on!(self.reader(), db => {
            sqlx::query_as(select_balance!("where id = $1")).bind(id.as_str()).fetch_optional(db).await
        })?;
        row.map(Balance::try_from).transpose()
    }

    /// A page of all balances.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn balances(&self, page: &Page) -> Result<Vec<Balance>, StoreError> {
        let rows: Vec<BalanceRow> = on!(self.reader(), db => {
            sqlx::query_as(select_balance!("where id > $1 order by id limit $2"))
                .bind(page.cursor())
                .bind(page.limit())
                .fetch_all(db)
                .await
        })?;
        all(rows)
    }

    /// The balances into which money is paid, that have not ended, and from which fees of a partner's apps in a currency are paid: so many
    /// at most.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn paying_for(
        &self,
        partner: &PartnerId,
        currency: Currency,
        most: usize,
    ) -> Result<Vec<Balance>, StoreError> {
        let rows: Vec<BalanceRow> = on!(self.reader(), db => {
            sqlx::query_as(select_balance!(
                "where ended_at is null and kind <> 'budget' and currency = $2 and ((owner_kind = 'partner' and owner = $1) \
                 or (owner_kind = 'app' and owner in (select a.id from app a where a.partner = $1))) order by id limit $3"
            ))
            .bind(partner.as_str())
            .bind(currency.to_string())
            .bind(i64::try_from(most).unwrap_or(i64::MAX))
            .fetch_all(db)
            .await
        })?;
        all(rows)
    }
}

impl Transaction {
    async fn insert_balance(&mut self, balance: &Balance) -> Result<(), StoreError> {
        match &balance.owner {
            Owner::App(app) => self.lock_app(app).await?,
            Owner::Partner(partner) => {
                require("partner", u64::from(self.lock_partner(partner).await?.is_some()))?;
            }
            Owner::Merchant { merchant, app } => {
                self.lock_app(app).await?;
                require("merchant", u64::from(self.lock_merchant(merchant).await?.is_some()))?;
            }
        }
        if self.is_paid_for(balance).await? {
            return Err(StoreError::Conflict { what: "balance.owner".to_owned() });
        }
        on!(self.connection(), db => {
            sqlx::query(
                "insert into balance (id, owner_kind, owner, app, kind, amount_limit, currency, created_at, counts_shares, \
                 used_up_until) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            )
            .bind(balance.id.as_str())
            .bind(balance.owner.kind())
            .bind(balance.owner.id())
            .bind(balance.owner.capped().map_or("", AppId::as_str))
            .bind(balance.kind.name())
            .bind(balance.kind.limit().unwrap_or(0))
            .bind(balance.currency.to_string())
            .bind(balance.created_at.as_micros())
            .bind(i64::from(balance.counts_shares))
            .bind(balance.used_up_until.map(Timestamp::as_micros))
            .execute(db)
            .await
            .map(|_| ())
        })?;
        Ok(())
    }

    /// Whether another balance, that has not ended by then, pays for some of the same apps, as their partner's or as one's own, or is
    /// the same cap.
    async fn is_paid_for(&mut self, balance: &Balance) -> Result<bool, StoreError> {
        let found: Option<(String,)> = on!(self.connection(), db => {
            sqlx::query_as(
                "select b.id from balance b where b.currency = $1 and (b.ended_at is null or b.ended_at > $4) \
                 and ((b.owner_kind = $2 and b.owner = $3 and b.app = $5) \
                 or (b.owner_kind = 'partner' and $2 = 'app' and b.owner in (select partner from app where id = $3)) \
                 or (b.owner_kind = 'app' and $2 = 'partner' and b.owner in (select id from app where partner = $3))) limit 1",
            )
            .bind(balance.currency.to_string())
            .bind(balance.owner.kind())
            .bind(balance.owner.id())
            .bind(balance.created_at.as_micros())
            .bind(balance.owner.capped().map_or("", AppId::as_str))
            .fetch_optional(db)
            .await
        })?;
        Ok(found.is_some())
    }

    /// The balance of that id, whose sums nobody else changes until the end of the transaction.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn lock_balance(&mut self, id: &BalanceId) -> Result<Option<Balance>, StoreError> {
        let row: Option<BalanceRow> =
            lock_row!(self, select_balance!("where id = $1"), |query| query.bind(id.as_str()))?;
        row.map(Balance::try_from).transpose()
    }

    /// Whether there are balances at all.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn has_balances(&mut self) -> Result<bool, StoreError> {
        let found: Option<(String,)> = on!(self.connection(), db => {
            sqlx::query_as("select id from balance limit 1").fetch_optional(db).await
        })?;
        Ok(found.is_some())
    }

    /// The balances of these owners, apps, partners and merchants.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn balances_of(&mut self, owners: &[&str]) -> Result<Vec<Balance>, StoreError> {
        let mut balances = Vec::new();
        for some in owners.chunks(super::arm::MAX_PARAMETERS) {
            let rows: Vec<BalanceRow> = on!(self.connection(), db => {
                let mut statement = sqlx::QueryBuilder::new(select_balance!("where owner in "));
                push_list!(statement, some.iter().copied());
                statement.build_query_as().persistent(false).fetch_all(db).await
            })?;
            balances.extend(all::<BalanceRow, Balance>(rows)?);
        }
        Ok(balances)
    }

    /// What changed of a balance by that cause, if anything did.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn balance_change(
        &mut self,
        balance: &BalanceId,
        cause: &str,
    ) -> Result<Option<Change>, StoreError> {
        let found: Option<(String, i64)> = on!(self.connection(), db => {
            sqlx::query_as("select what, amount_limit from balance_change where balance = $1 and cause = $2")
                .bind(balance.as_str())
                .bind(cause)
                .fetch_optional(db)
                .await
        })?;
        found
            .map(|(what, limit)| match what.as_str() {
                "limit" => Ok(Change::Limit(limit)),
                "end" => Ok(Change::End),
                _ => Err(StoreError::corrupt("balance_change.what")),
            })
            .transpose()
    }

    /// Says until when no call passes that may bring a share; every node hears of it. The transaction must have locked the balance.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn keep_used_up(
        &mut self,
        balance: &BalanceId,
        until: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        on!(self.connection(), db => {
            sqlx::query("update balance set used_up_until = $2 where id = $1")
                .bind(balance.as_str())
                .bind(until.map(Timestamp::as_micros))
                .execute(db)
                .await
                .map(|_| ())
        })?;
        Ok(())
    }

    /// Changes a balance by a cause. The transaction must have locked it, and it must not have ended.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] or [`StoreError::Corrupt`] if the cause is known, or the balance has ended;
    /// [`StoreError::Unavailable`].
    pub async fn change_balance(
        &mut self,
        balance: &Balance,
        change: Change,
        (cause, at): (&str, Timestamp),
    ) -> Result<(), StoreError> {
        let (limit, ended_at) = match change {
            Change::Limit(limit) => (limit, None),
            Change::End => (balance.kind.limit().unwrap_or(0), Some(at.as_micros())),
        };
        on!(self.connection(), db => {
            sqlx::query("insert into balance_change (balance, cause, what, amount_limit, at) values ($1, $2, $3, $4, $5)")
                .bind(balance.id.as_str())
                .bind(cause)
                .bind(change.name())
                .bind(limit)
                .bind(at.as_micros())
                .execute(db)
                .await
                .map(|_| ())
        })?;
        on!(self.connection(), db => {
            // Whether it is used up by another limit is found out as the next call is recorded.
            sqlx::query("update balance set amount_limit = $2, ended_at = $3, used_up_until = null where id = $1")
                .bind(balance.id.as_str())
                .bind(limit)
                .bind(ended_at)
                .execute(db)
                .await
                .map(|_| ())
        })?;
        Ok(())
    }
}
