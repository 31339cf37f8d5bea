//! Closings of periods: what a cut keeps for the statements that are made behind it, and how far these are. Append-only, by triggers of
//! both stores, which also see to it that a period is sealed with all its statements alone, and takes none from then on.

use std::collections::BTreeMap;

use super::error::StoreError;
use super::ledger::whole;
use super::open::Store;
use super::row::{parse, time};
use super::transaction::Transaction;
use super::usage::count;
use crate::domain::id::{AppId, PartnerId};
use crate::domain::money::Currency;
use crate::domain::time::{Period, Timestamp};

/// What balances had paid of statements, in minor units, by who owes these.
pub type PaidOf = BTreeMap<(AppId, PartnerId, Currency), i64>;

/// A cut: from then on the period takes nothing more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// The period.
    pub period: Period,
    /// When it was closed.
    pub closed_at: Timestamp,
    /// The number of its first statement.
    pub first_number: i64,
}

/// How far the closing of a period is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    /// When it was closed.
    pub closed_at: Timestamp,
    /// When all its statements were there; none: some are still made.
    pub sealed_at: Option<Timestamp>,
    /// The number of its first statement, and the zone in which it begins and ends; none, if an older program closed it.
    pub terms: Option<(i64, String)>,
    /// How many statements it comes to.
    pub statements: u64,
    /// How many of them are there.
    pub made: u64,
    /// Up to where the journals of nodes were in the books when it was closed.
    pub positions: Vec<ClosingPosition>,
}

/// Up to where a node's journal was in the books when a period was closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosingPosition {
    /// The node.
    pub node: String,
    /// Its journal's identity, if it had given that.
    pub journal: Option<String>,
    /// The last place that was recorded.
    pub sequence: u64,
}

row! {
    CutRow { period: String, closed_at: i64, first_number: i64 }
}

row! {
    ClosingRow {
        closed_at: i64,
        sealed_at: Option<i64>,
        first_number: Option<i64>,
        zone: Option<String>,
        statements: Option<i64>,
        made: i64,
    }
}

impl Store {
    /// How far the closing of a period is; none, if it is open.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn closing(&self, period: Period) -> Result<Option<Closing>, StoreError> {
        let row: Option<ClosingRow> = on!(self.reader(), db => {
            sqlx::query_as(
                "select c.closed_at, s.sealed_at, p.first_number, p.zone, p.statements, \
                 (select count(*) from statement t where t.period = $1) as made from closed_period c \
                 left join period_closing p on p.period = c.period left join period_seal s on s.period = c.period \
                 where c.period = $1",
            )
            .bind(period.to_string())
            .fetch_optional(db)
            .await
        })?;
        let Some(row) = row else { return Ok(None) };
        let made = count("statement.number", row.made)?;
        let statements = row.statements.map(|all| count("period_closing.statements", all)).transpose()?;
        Ok(Some(Closing {
            closed_at: Timestamp::from_micros(row.closed_at),
            sealed_at: time(row.sealed_at),
            terms: row.first_number.zip(row.zone),
            statements: statements.unwrap_or(made),
            made,
            positions: self.closing_positions(period).await?,
        }))
    }

    async fn closing_positions(&self, period: Period) -> Result<Vec<ClosingPosition>, StoreError> {
        let rows: Vec<(String, Option<String>, i64)> = on!(self.reader(), db => {
            sqlx::query_as("select node, journal, sequence from closing_position where period = $1 order by node")
                .bind(period.to_string())
                .fetch_all(db)
                .await
        })?;
        let position = |(node, journal, sequence)| {
            Ok(ClosingPosition { node, journal, sequence: count("closing_position.sequence", sequence)? })
        };
        rows.into_iter().map(position).collect()
    }

    /// What the statements of a period come to, in minor units by currency.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn period_totals(&self, period: Period) -> Result<Vec<(String, i128)>, StoreError> {
        let rows: Vec<(String, i64, i64)> = on!(self.reader(), db => {
            sqlx::query_as(
                "select t.currency, cast(sum(n.minor / 1000000000) as bigint), cast(sum(n.minor % 1000000000) as bigint) \
                 from charge_terms t join charge_total n on n.terms = t.number where t.period = $1 \
                 group by t.currency order by t.currency",
            )
            .bind(period.to_string())
            .fetch_all(db)
            .await
        })?;
        Ok(rows.into_iter().map(|(currency, high, low)| (currency, whole(high, low))).collect())
    }
}

impl Transaction {
    /// Closes a period, in a zone, that comes to so many statements, of which balances had paid what is given. The transaction must hold
    /// [`super::transaction::Exclusive::Billing`], and be the one that charges the last of it.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] or [`StoreError::Corrupt`] if it is closed; [`StoreError::Unavailable`].
    pub async fn keep_cut(
        &mut self,
        cut: Cut,
        (zone, statements): (&str, usize),
        paid: &PaidOf,
    ) -> Result<(), StoreError> {
        let period = cut.period.to_string();
        on!(self.connection(), db => {
            sqlx::query(
                "insert into period_closing (period, first_number, statements, zone) values ($1, $2, $3, $4)",
            )
            .bind(&period)
            .bind(cut.first_number)
            .bind(i64::try_from(statements).unwrap_or(i64::MAX))
            .bind(zone)
            .execute(db)
            .await
            .map(|_| ())
        })?;
        let paid: Vec<_> = paid.iter().filter(|(_, minor)| **minor != 0).collect();
        insert_rows!(
            self,
            "insert into closing_paid (period, app, partner, currency, minor) ",
            5,
            paid,
            "",
            |row, paid| {
                let ((app, partner, currency), minor) = paid;
                row.push_bind(&period)
                    .push_bind(app.as_str())
                    .push_bind(partner.as_str())
                    .push_bind(currency.code())
                    .push_bind(**minor);
            }
        )?;
        on!(self.connection(), db => {
            sqlx::query(
                "insert into closing_position (period, node, journal, sequence) \
                 select $1, node, journal, sequence from journal_position",
            )
            .bind(&period)
            .execute(db)
            .await
            .map(|_| ())
        })?;
        self.close_period(cut.period, cut.closed_at).await
    }

    /// The first period that is closed and lacks statements; none, if all that are closed are final.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn unsealed(&mut self) -> Result<Option<Cut>, StoreError> {
        let row: Option<CutRow> = on!(self.connection(), db => {
            sqlx::query_as(
                "select c.period, c.closed_at, p.first_number from closed_period c \
                 join period_closing p on p.period = c.period \
                 where not exists (select 1 from period_seal s where s.period = c.period) order by c.period limit 1",
            )
            .fetch_optional(db)
            .await
        })?;
        let cut = |row: CutRow| {
            Ok(Cut {
                period: parse("closed_period.period", &row.period)?,
                closed_at: Timestamp::from_micros(row.closed_at),
                first_number: row.first_number,
            })
        };
        row.map(cut).transpose()
    }

    /// Whether a period is final.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn is_sealed(&mut self, period: Period) -> Result<bool, StoreError> {
        let row: Option<(String,)> = on!(self.connection(), db => {
            sqlx::query_as("select period from period_seal where period = $1")
                .bind(period.to_string())
                .fetch_optional(db)
                .await
        })?;
        Ok(row.is_some())
    }

    /// So many apps, in order, of which there are lines of a period, behind the last that has a statement of it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn apps_to_state(&mut self, period: Period, most: u32) -> Result<Vec<String>, StoreError> {
        let rows: Vec<(String,)> = on!(self.connection(), db => {
            sqlx::query_as(
                "select distinct t.app from charge_terms t join charge_total n on n.terms = t.number \
                 where t.period = $1 and t.app > coalesce((select max(app) from statement where period = $1), '') \
                 order by t.app limit $2",
            )
            .bind(period.to_string())
            .bind(i64::from(most))
            .fetch_all(db)
            .await
        })?;
        Ok(rows.into_iter().map(|(app,)| app).collect())
    }

    /// What balances had paid of the statements of a period when it was closed: of those of apps from one to another, in their order, or
    /// of all.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn closing_paid(
        &mut self,
        period: Period,
        apps: Option<(&str, &str)>,
    ) -> Result<PaidOf, StoreError> {
        let (first, last) = apps.unwrap_or_default();
        let rows: Vec<(String, String, String, i64)> = on!(self.connection(), db => {
            sqlx::query_as(
                "select app, partner, currency, minor from closing_paid \
                 where period = $1 and app >= $2 and ($3 = '' or app <= $3)",
            )
            .bind(period.to_string())
            .bind(first)
            .bind(last)
            .fetch_all(db)
            .await
        })?;
        let paid = |(app, partner, currency, minor): (String, String, String, i64)| {
            let app = parse("closing_paid.app", &app)?;
            let partner = parse("closing_paid.partner", &partner)?;
            Ok(((app, partner, parse("closing_paid.currency", &currency)?), minor))
        };
        rows.into_iter().map(paid).collect()
    }

    /// Makes a period final.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] unless it has all its statements; [`StoreError::Conflict`] or [`StoreError::Corrupt`] if it is final;
    /// [`StoreError::Unavailable`].
    pub async fn seal_period(&mut self, period: Period, now: Timestamp) -> Result<(), StoreError> {
        on!(self.connection(), db => {
            sqlx::query("insert into period_seal (period, sealed_at) values ($1, $2)")
                .bind(period.to_string())
                .bind(now.as_micros())
                .execute(db)
                .await
                .map(|_| ())
        })?;
        Ok(())
    }
}
