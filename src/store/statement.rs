//! Closed periods and final statements. Append-only, by triggers of both stores.

use std::collections::BTreeSet;

use super::error::StoreError;
use super::row::parse;
use super::transaction::Transaction;
use crate::domain::id::AppId;
use crate::domain::time::{Period, Timestamp};

/// Most statements that are told at once: each may have very many lines.
const STATEMENTS: i64 = 100;

/// A final statement as kept: its content is the bytes that its hash is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptStatement {
    /// Its number.
    pub number: i64,
    /// Whose app.
    pub partner: String,
    /// Which app.
    pub app: String,
    /// The period.
    pub period: String,
    /// The currency.
    pub currency: String,
    /// When it was closed.
    pub closed_at: Timestamp,
    /// SHA-256 of the content, in hexadecimal.
    pub hash: String,
    /// JSON.
    pub content: String,
}

row! {
    StatementRow {
        number: i64,
        partner: String,
        app: String,
        period: String,
        currency: String,
        closed_at: i64,
        hash: String,
        content: String,
    }
}

row! {
    ClosedRow { closed_at: i64 }
}

row! {
    NumberRow { number: i64 }
}

impl From<StatementRow> for KeptStatement {
    fn from(row: StatementRow) -> Self {
        Self {
            number: row.number,
            partner: row.partner,
            app: row.app,
            period: row.period,
            currency: row.currency,
            closed_at: Timestamp::from_micros(row.closed_at),
            hash: row.hash,
            content: row.content,
        }
    }
}

impl Transaction {
    /// The final statements of a period; of one app if it is named.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn statements(
        &mut self,
        period: Period,
        app: Option<&AppId>,
    ) -> Result<Vec<KeptStatement>, StoreError> {
        let rows: Vec<StatementRow> = on!(self.connection(), db => {
            sqlx::query_as(
                "select * from statement where period = $1 and ($2 = '' or app = $2) \
                 order by app, partner, currency",
            )
            .bind(period.to_string())
            .bind(app.map_or("", AppId::as_str))
            .fetch_all(db)
            .await
        })?;
        Ok(rows.into_iter().map(KeptStatement::from).collect())
    }

    /// Some of the final statements of a period, in the same order, behind the one that is given; none if there are no more.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn some_statements(
        &mut self,
        period: Period,
        after: Option<&KeptStatement>,
    ) -> Result<Vec<KeptStatement>, StoreError> {
        let (app, partner, currency) = after.map_or(("", "", ""), |after| {
            (after.app.as_str(), after.partner.as_str(), after.currency.as_str())
        });
        let rows: Vec<StatementRow> = on!(self.connection(), db => {
            sqlx::query_as(
                "select * from statement where period = $1 and (app, partner, currency) > ($2, $3, $4) \
                 order by app, partner, currency limit $5",
            )
            .bind(period.to_string())
            .bind(app)
            .bind(partner)
            .bind(currency)
            .bind(STATEMENTS)
            .fetch_all(db)
            .await
        })?;
        Ok(rows.into_iter().map(KeptStatement::from).collect())
    }

    /// The final statements of these apps of the periods from one on and before another, the latest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn statements_between(
        &mut self,
        apps: &[String],
        (from, before): (Period, Period),
    ) -> Result<Vec<KeptStatement>, StoreError> {
        if apps.is_empty() || before <= from {
            return Ok(Vec::new());
        }
        let rows: Vec<StatementRow> = on!(self.connection(), db => {
            let mut statement = sqlx::QueryBuilder::new("select * from statement where period >= ");
            statement.push_bind(from.to_string()).push(" and period < ").push_bind(before.to_string());
            statement.push(" and app in ");
            push_list!(statement, apps);
            statement.push(" order by period desc, number desc");
            statement.build_query_as().persistent(false).fetch_all(db).await
        })?;
        Ok(rows.into_iter().map(KeptStatement::from).collect())
    }

    /// The final statement of a number.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn statement_of_number(&mut self, number: i64) -> Result<Option<KeptStatement>, StoreError> {
        let row: Option<StatementRow> = on!(self.connection(), db => {
            sqlx::query_as("select * from statement where number = $1").bind(number).fetch_optional(db).await
        })?;
        Ok(row.map(KeptStatement::from))
    }

    /// When a period was closed.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn closed_at(&mut self, period: Period) -> Result<Option<Timestamp>, StoreError> {
        let row: Option<ClosedRow> = on!(self.connection(), db => {
            sqlx::query_as("select closed_at from closed_period where period = $1")
                .bind(period.to_string())
                .fetch_optional(db)
                .await
        })?;
        Ok(row.map(|row| Timestamp::from_micros(row.closed_at)))
    }

    /// All closed periods, as this transaction sees them.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn closed_periods(&mut self) -> Result<BTreeSet<Period>, StoreError> {
        let rows: Vec<(String,)> = on!(self.connection(), db => {
            sqlx::query_as("select period from closed_period").fetch_all(db).await
        })?;
        rows.iter().map(|(period,)| parse("closed_period.period", period)).collect()
    }

    /// Closes a period.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if it is closed; [`StoreError::Unavailable`].
    pub async fn close_period(&mut self, period: Period, now: Timestamp) -> Result<(), StoreError> {
        on!(self.connection(), db => {
            sqlx::query("insert into closed_period (period, closed_at) values ($1, $2)")
                .bind(period.to_string())
                .bind(now.as_micros())
                .execute(db)
                .await
                .map(|_| ())
        })?;
        Ok(())
    }

    /// The number of the next final statement: they are numbered from 1, without a gap.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn next_statement_number(&mut self) -> Result<i64, StoreError> {
        let row: NumberRow = on!(self.connection(), db => {
            sqlx::query_as("select cast(coalesce(max(number), 0) + 1 as bigint) as number from statement")
                .fetch_one(db)
                .await
        })?;
        Ok(row.number)
    }

    /// Keeps final statements.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if there is one; [`StoreError::Unavailable`].
    pub async fn insert_statements(&mut self, statements: &[KeptStatement]) -> Result<(), StoreError> {
        insert_rows!(
            self,
            "insert into statement (number, partner, app, period, currency, closed_at, hash, content) ",
            8,
            statements,
            "",
            |row, statement| {
                row.push_bind(statement.number)
                    .push_bind(&statement.partner)
                    .push_bind(&statement.app)
                    .push_bind(&statement.period)
                    .push_bind(&statement.currency)
                    .push_bind(statement.closed_at.as_micros())
                    .push_bind(&statement.hash)
                    .push_bind(&statement.content);
            }
        )?;
        Ok(())
    }
}
