//! The prices of every plan version that was ever in force: usage is rated by them even after they left the files.

use std::collections::HashMap;

use super::allowed_form;
use super::error::StoreError;
use super::open::Store;
use super::row::{known, parse};
use super::tariff_form;
use super::transaction::Transaction;
use super::usage::plan_ref;
use crate::domain::allowed::Allowed;
use crate::domain::id::{AppId, PlanName};
use crate::domain::location::Location;
use crate::domain::money::{Currency, Rounding, parse_decimal};
use crate::domain::plan::{Dated, Existing, PlanRef};
use crate::domain::recurring::Recurring;
use crate::domain::share::Share;
use crate::domain::tariff::{FeeItem, FeeTerms, Tariff};
use crate::domain::time::Timestamp;

/// A plan version as the books have it: as it was when it came into force, or was told before that.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptVersion {
    /// Its name and number.
    pub reference: PlanRef,
    /// Its prices.
    pub tariff: Tariff,
    /// From when it applies; none if it was kept when that was not.
    pub effective_from: Option<Timestamp>,
    /// Whether subscriptions to earlier versions moved to it; none if an older program kept it, and nobody said so since.
    pub moves: Option<bool>,
    /// What it lets its apps use; none if an older program kept it, or it is not in force yet.
    pub allowed: Option<Allowed>,
    /// Whether it was announced to them, from which it follows as long as nothing says it.
    is_announced: bool,
}

impl KeptVersion {
    /// One that is not in force yet, as it was told: subscriptions move to it from its date on.
    pub(super) fn told(reference: PlanRef, (tariff, effective_from): (Tariff, Timestamp)) -> Self {
        Self {
            reference,
            tariff,
            effective_from: Some(effective_from),
            moves: Some(true),
            allowed: None,
            is_announced: true,
        }
    }
}

impl Dated for KeptVersion {
    fn number(&self) -> u32 {
        self.reference.version
    }

    fn effective_from(&self) -> Timestamp {
        self.effective_from.unwrap_or(Timestamp::from_micros(i64::MIN))
    }

    fn is_moved_to(&self) -> bool {
        self.moves.unwrap_or(self.is_announced)
    }
}

row! {
    TariffRow {
        plan: String,
        version: i64,
        moves: Option<i64>,
        is_announced: i64,
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
        allowed: Option<String>,
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
        Ok(Self {
            reference: plan_ref("plan_version.version", &row.plan, row.version)?,
            tariff,
            effective_from: super::row::time(row.effective_from),
            moves: row.moves.map(|moves| moves != 0),
            allowed: row.allowed.as_deref().map(allowed_form::read).transpose()?,
            is_announced: row.is_announced != 0,
        })
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
    Ok(Tariff { currency, rounding, fees, share, recurring: Recurring::default() })
}

fn location(file: Option<&str>, line: Option<i64>, column: Option<i64>) -> Location {
    let part = |value: Option<i64>| value.and_then(|value| u32::try_from(value).ok()).unwrap_or(1);
    Location { file: file.unwrap_or_default().into(), line: part(line), column: part(column) }
}

macro_rules! select {
    ($which:literal) => {
        concat!(
            "select v.plan, v.version, v.moves, cast(coalesce((select max(1) from plan_announcement n where n.plan = v.plan \
             and n.version = v.version and (n.effective_from is not null or n.tariff is null)), 0) as bigint) as is_announced, \
             v.effective_from, v.currency, v.rounding, v.form, v.tariff, v.fee, v.free_units, v.fee_file, v.fee_line, v.fee_column, \
             v.share, v.share_file, v.share_line, v.share_column, (select a.allowed from plan_version_allowed a where a.plan = v.plan \
             and a.version = v.version) as allowed from plan_version v where ",
            $which
        )
    };
}

const SELECT: &str = select!("v.plan = $1 and v.version = $2");

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
    ($statement:expr, $plan:expr, ($tariff:expr, $text:expr), $existing:expr) => {
        $statement
            .bind($plan.name.as_str())
            .bind(i64::from($plan.version))
            .bind($tariff.currency.to_string())
            .bind($tariff.rounding.name())
            .bind($text.0)
            .bind($text.1.as_str())
            .bind(i64::from($tariff.charges_every_call()))
            .bind(i64::from($existing.moves()))
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

    /// All versions that came into force, in order, of each plan under which there are subscriptions: of one app, if it is named.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn plans_in_use(
        &mut self,
        app: Option<&AppId>,
    ) -> Result<HashMap<PlanName, Vec<KeptVersion>>, StoreError> {
        // An app's are found by their index.
        let sql = match app {
            Some(_) => {
                select!("v.plan in (select plan from subscription where app = $1) order by v.plan, v.version")
            }
            None => {
                select!("$1 = '' and v.plan in (select plan from subscription) order by v.plan, v.version")
            }
        };
        let rows: Vec<TariffRow> = on!(self.connection(), db => {
            sqlx::query_as(sql).bind(app.map_or("", AppId::as_str)).fetch_all(db).await
        })?;
        let mut plans: HashMap<PlanName, Vec<KeptVersion>> = HashMap::new();
        for row in rows {
            let kept = KeptVersion::try_from(row)?;
            plans.entry(kept.reference.name.clone()).or_default().push(kept);
        }
        Ok(plans)
    }

    /// Keeps a plan version that came into force.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] or [`StoreError::Corrupt`] if it is kept already; [`StoreError::Unavailable`].
    pub async fn keep_plan_version(
        &mut self,
        plan: &PlanRef,
        tariff: &Tariff,
        (effective_from, existing): (Timestamp, Existing),
    ) -> Result<(), StoreError> {
        let text = tariff_form::write(tariff)?;
        on!(self.connection(), db => {
            let statement = sqlx::query(
                "insert into plan_version (plan, version, currency, rounding, form, tariff, every_call, moves, effective_from, \
                 free_units) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0)",
            );
            bind_version!(statement, plan, (tariff, text), existing)
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
        (effective_from, existing): (Timestamp, Existing),
    ) -> Result<(), StoreError> {
        on!(self.connection(), db => {
            sqlx::query(
                "update plan_version set effective_from = $3, moves = $4 where plan = $1 and version = $2 \
                 and effective_from is null",
            )
            .bind(plan.name.as_str())
            .bind(i64::from(plan.version))
            .bind(effective_from.as_micros())
            .bind(i64::from(existing.moves()))
            .execute(db)
            .await
            .map(|_| ())
        })?;
        Ok(())
    }

    /// Says of a plan version that an older program kept whether subscriptions moved to it; what is said already stays.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn say_who_moved(&mut self, plan: &PlanRef, existing: Existing) -> Result<(), StoreError> {
        on!(self.connection(), db => {
            sqlx::query("update plan_version set moves = $3 where plan = $1 and version = $2 and moves is null")
                .bind(plan.name.as_str())
                .bind(i64::from(plan.version))
                .bind(i64::from(existing.moves()))
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
        existing: Existing,
    ) -> Result<bool, StoreError> {
        let text = tariff_form::write(tariff)?;
        let changed = on!(self.connection(), db => {
            let statement = sqlx::query(
                "update plan_version set currency = $3, rounding = $4, form = $5, tariff = $6, every_call = $7, \
                 moves = $8 \
                 where plan = $1 and version = $2 and effective_from is null \
                 and not exists (select 1 from charge c where c.plan = $1 and c.plan_version = $2)",
            );
            bind_version!(statement, plan, (tariff, text), existing)
            .execute(db)
            .await
            .map(|done| done.rows_affected())
        })?;
        Ok(changed > 0)
    }

    /// Notes what a plan version lets its apps use as it comes into force; what is noted already stays.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn keep_allowed(&mut self, plan: &PlanRef, allowed: &Allowed) -> Result<(), StoreError> {
        let text = allowed_form::write(allowed)?;
        on!(self.connection(), db => {
            sqlx::query(
                "insert into plan_version_allowed (plan, version, allowed) values ($1, $2, $3) on conflict do nothing",
            )
            .bind(plan.name.as_str())
            .bind(i64::from(plan.version))
            .bind(text.as_str())
            .execute(db)
            .await
            .map(|_| ())
        })?;
        Ok(())
    }
}
