//! The prices of every plan version that was ever in force: usage is rated by them even after they left the files.

use super::error::StoreError;
use super::open::Store;
use super::row::{known, parse};
use super::share_form;
use super::transaction::Transaction;
use crate::domain::location::Location;
use crate::domain::money::{Rounding, parse_decimal};
use crate::domain::plan::{Fee, PlanRef, Share, Tariff};
use crate::domain::time::Timestamp;

/// A plan version as it was when it came into force.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptVersion {
    /// Its prices.
    pub tariff: Tariff,
    /// From when it applies; none if it was kept when that was not.
    pub effective_from: Option<Timestamp>,
}

row! {
    TariffRow {
        effective_from: Option<i64>,
        currency: String,
        rounding: String,
        fee: Option<String>,
        free_units: i64,
        fee_file: Option<String>,
        fee_line: Option<i64>,
        fee_column: Option<i64>,
        share: Option<String>,
        share_file: Option<String>,
        share_line: Option<i64>,
        share_column: Option<i64>,
        shares: Option<String>,
    }
}

impl TryFrom<TariffRow> for KeptVersion {
    type Error = StoreError;

    fn try_from(row: TariffRow) -> Result<Self, StoreError> {
        let rounding = known("plan_version.rounding", Rounding::named(&row.rounding))?;
        let decimal = |text: &str| parse_decimal(text).map_err(|_| StoreError::corrupt("plan_version.fee"));
        let fee = row.fee.as_deref().map(decimal).transpose()?.map(|per_unit| Fee {
            per_unit,
            free_units: u64::try_from(row.free_units).unwrap_or(0),
            source: location(row.fee_file.as_deref(), row.fee_line, row.fee_column),
        });
        let share = match &row.shares {
            Some(text) => Some(items(text)?),
            None => row.share.as_deref().map(decimal).transpose()?.map(|percent| {
                let source = location(row.share_file.as_deref(), row.share_line, row.share_column);
                Share::of_percent(percent, source)
            }),
        };
        let currency = parse("plan_version.currency", &row.currency)?;
        let tariff = Tariff { currency, rounding, fee, share };
        Ok(Self { tariff, effective_from: super::row::time(row.effective_from) })
    }
}

fn items(text: &str) -> Result<Share, StoreError> {
    let value = serde_json::from_str(text).map_err(|_| StoreError::corrupt("plan_version.shares"))?;
    share_form::from_json(&value)
}

/// What the columns for one percentage cannot say.
fn items_text(share: &Share) -> Option<String> {
    let first = share.items.first()?;
    let is_plain = *share == Share::of_percent(first.rate.percent, first.source.clone());
    (!is_plain).then(|| share_form::to_json(share).to_string())
}

fn location(file: Option<&str>, line: Option<i64>, column: Option<i64>) -> Location {
    let part = |value: Option<i64>| value.and_then(|value| u32::try_from(value).ok()).unwrap_or(1);
    Location { file: file.unwrap_or_default().into(), line: part(line), column: part(column) }
}

const SELECT: &str = "select effective_from, currency, rounding, fee, free_units, fee_file, fee_line, fee_column, share, share_file, \
                      share_line, share_column, shares from plan_version where plan = $1 and version = $2";

impl Store {
    /// A plan version that came into force.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn plan_version(&self, plan: &PlanRef) -> Result<Option<KeptVersion>, StoreError> {
        let (name, version) = (plan.name.as_str(), i64::from(plan.version));
        let row: Option<TariffRow> = on!(self.reader(), db => {
            sqlx::query_as(SELECT).bind(name).bind(version).fetch_optional(db).await
        })?;
        row.map(KeptVersion::try_from).transpose()
    }
}

/// Binds a plan version and its prices, in the order of the table's columns.
macro_rules! bind_version {
    ($statement:expr, $plan:expr, $tariff:expr) => {{
        let fee = $tariff.fee.as_ref();
        let share = $tariff.share.as_ref().and_then(|share| share.items.first());
        $statement
            .bind($plan.name.as_str())
            .bind(i64::from($plan.version))
            .bind($tariff.currency.to_string())
            .bind($tariff.rounding.name())
            .bind(fee.map(|fee| fee.per_unit.to_string()))
            .bind(fee.map_or(0, |fee| super::usage::integer(fee.free_units)))
            .bind(fee.map(|fee| fee.source.file.to_string()))
            .bind(fee.map(|fee| i64::from(fee.source.line)))
            .bind(fee.map(|fee| i64::from(fee.source.column)))
            .bind(share.map(|share| share.rate.percent.to_string()))
            .bind(share.map(|share| share.source.file.to_string()))
            .bind(share.map(|share| i64::from(share.source.line)))
            .bind(share.map(|share| i64::from(share.source.column)))
            .bind($tariff.share.as_ref().and_then(items_text))
    }};
}

impl Transaction {
    /// A plan version that came into force, as this transaction sees it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn plan_version(&mut self, plan: &PlanRef) -> Result<Option<KeptVersion>, StoreError> {
        let (name, version) = (plan.name.as_str(), i64::from(plan.version));
        let row: Option<TariffRow> = on!(self.connection(), db => {
            sqlx::query_as(SELECT).bind(name).bind(version).fetch_optional(db).await
        })?;
        row.map(KeptVersion::try_from).transpose()
    }

    /// Keeps a plan version that came into force.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] or [`StoreError::Corrupt`] if it is kept already; [`StoreError::Unavailable`].
    pub async fn keep_plan_version(
        &mut self,
        plan: &PlanRef,
        tariff: &Tariff,
        effective_from: Timestamp,
    ) -> Result<(), StoreError> {
        on!(self.connection(), db => {
            let statement = sqlx::query(
                "insert into plan_version (plan, version, currency, rounding, fee, free_units, fee_file, fee_line, \
                 fee_column, share, share_file, share_line, share_column, shares, effective_from) \
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
            );
            bind_version!(statement, plan, tariff)
            .bind(effective_from.as_micros())
            .execute(db)
            .await
            .map(|_| ())
        })?;
        Ok(())
    }

    /// Gives a plan version its date that was kept without one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn date_plan_version(
        &mut self,
        plan: &PlanRef,
        effective_from: Timestamp,
    ) -> Result<(), StoreError> {
        on!(self.connection(), db => {
            sqlx::query(
                "update plan_version set effective_from = $3 where plan = $1 and version = $2 \
                 and effective_from is null",
            )
            .bind(plan.name.as_str())
            .bind(i64::from(plan.version))
            .bind(effective_from.as_micros())
            .execute(db)
            .await
            .map(|_| ())
        })?;
        Ok(())
    }

    /// Replaces the prices of a plan version that was kept without a date, and gives whether it did: not if anything was
    /// charged by them.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn replace_plan_version(
        &mut self,
        plan: &PlanRef,
        tariff: &Tariff,
    ) -> Result<bool, StoreError> {
        let changed = on!(self.connection(), db => {
            let statement = sqlx::query(
                "update plan_version set currency = $3, rounding = $4, fee = $5, free_units = $6, fee_file = $7, \
                 fee_line = $8, fee_column = $9, share = $10, share_file = $11, share_line = $12, share_column = $13, \
                 shares = $14 \
                 where plan = $1 and version = $2 and effective_from is null \
                 and not exists (select 1 from charge c where c.plan = $1 and c.plan_version = $2)",
            );
            bind_version!(statement, plan, tariff)
            .execute(db)
            .await
            .map(|done| done.rows_affected())
        })?;
        Ok(changed > 0)
    }
}
