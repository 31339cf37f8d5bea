//! The prices of every plan version that was ever in force: usage is rated by them even after they left the files.

use super::error::StoreError;
use super::open::Store;
use super::row::{known, parse};
use super::tariff_form;
use super::transaction::Transaction;
use crate::domain::location::Location;
use crate::domain::money::{Currency, Rounding, parse_decimal};
use crate::domain::plan::PlanRef;
use crate::domain::share::Share;
use crate::domain::tariff::{FeeItem, FeeTerms, Tariff};
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
        form: Option<i64>,
        tariff: Option<String>,
        fee: Option<String>,
        free_units: i64,
        fee_file: Option<String>,
        fee_line: Option<i64>,
        fee_column: Option<i64>,
        share: Option<String>,
        share_file: Option<String>,
        share_line: Option<i64>,
        share_column: Option<i64>,
    }
}

impl TryFrom<TariffRow> for KeptVersion {
    type Error = StoreError;

    fn try_from(row: TariffRow) -> Result<Self, StoreError> {
        let rounding = known("plan_version.rounding", Rounding::named(&row.rounding))?;
        let currency = parse("plan_version.currency", &row.currency)?;
        let tariff = match (row.form, row.tariff.as_deref()) {
            (Some(form), Some(text)) => tariff_form::read((form, text), currency, rounding)?,
            (None, None) => in_columns(&row, currency, rounding)?,
            (Some(_), None) | (None, Some(_)) => return Err(StoreError::corrupt("plan_version.form")),
        };
        Ok(Self { tariff, effective_from: super::row::time(row.effective_from) })
    }
}

/// The prices of a row that an older program wrote.
fn in_columns(row: &TariffRow, currency: Currency, rounding: Rounding) -> Result<Tariff, StoreError> {
    let corrupt = || StoreError::corrupt("plan_version.fee");
    let decimal = |text: &str| parse_decimal(text).map_err(|_| corrupt());
    let mut fees = Vec::new();
    if let Some(per_unit) = row.fee.as_deref().map(decimal).transpose()? {
        let free_units = u64::try_from(row.free_units).unwrap_or(0);
        let source = location(row.fee_file.as_deref(), row.fee_line, row.fee_column);
        let terms = FeeTerms::calls(per_unit, free_units, source);
        fees.push(FeeItem::new(terms, currency).map_err(|_| corrupt())?);
    }
    let share = row.share.as_deref().map(decimal).transpose()?.map(|percent| {
        let source = location(row.share_file.as_deref(), row.share_line, row.share_column);
        Share::of_percent(percent, source)
    });
    Ok(Tariff { currency, rounding, fees, share })
}

fn location(file: Option<&str>, line: Option<i64>, column: Option<i64>) -> Location {
    let part = |value: Option<i64>| value.and_then(|value| u32::try_from(value).ok()).unwrap_or(1);
    Location { file: file.unwrap_or_default().into(), line: part(line), column: part(column) }
}

const SELECT: &str = "select effective_from, currency, rounding, form, tariff, fee, free_units, fee_file, fee_line, fee_column, share, share_file, \
                      share_line, share_column from plan_version where plan = $1 and version = $2";

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

/// Binds a plan version and its prices, in the order of the statements below.
macro_rules! bind_version {
    ($statement:expr, $plan:expr, $tariff:expr, $text:expr) => {
        $statement
            .bind($plan.name.as_str())
            .bind(i64::from($plan.version))
            .bind($tariff.currency.to_string())
            .bind($tariff.rounding.name())
            .bind(tariff_form::FORM)
            .bind($text)
            .bind(i64::from($tariff.charges_every_call()))
    };
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
        let text = tariff_form::write(tariff)?;
        on!(self.connection(), db => {
            let statement = sqlx::query(
                "insert into plan_version (plan, version, currency, rounding, form, tariff, every_call, effective_from, \
                 free_units) values ($1, $2, $3, $4, $5, $6, $7, $8, 0)",
            );
            bind_version!(statement, plan, tariff, text.as_str())
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
        let text = tariff_form::write(tariff)?;
        let changed = on!(self.connection(), db => {
            let statement = sqlx::query(
                "update plan_version set currency = $3, rounding = $4, form = $5, tariff = $6, every_call = $7 \
                 where plan = $1 and version = $2 and effective_from is null \
                 and not exists (select 1 from charge c where c.plan = $1 and c.plan_version = $2)",
            );
            bind_version!(statement, plan, tariff, text.as_str())
            .execute(db)
            .await
            .map(|done| done.rows_affected())
        })?;
        Ok(changed > 0)
    }
}
