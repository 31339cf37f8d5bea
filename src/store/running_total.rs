//! Units counted together: what rating must know of before.

use std::collections::HashMap;

use super::error::StoreError;
use super::row::parse;
use super::transaction::Transaction;
use super::usage::{count, integer, plan_ref};
use crate::domain::location::Location;
use crate::domain::running_total::{FeeKey, Units};

row! {
    UnitRow {
        app: String,
        product: String,
        plan: String,
        plan_version: i64,
        service_period: String,
        units: i64,
        free: i64,
    }
}

impl TryFrom<UnitRow> for (FeeKey, Units) {
    type Error = StoreError;

    fn try_from(row: UnitRow) -> Result<Self, StoreError> {
        let key = FeeKey {
            app: parse("unit_total.app", &row.app)?,
            product: parse("unit_total.product", &row.product)?,
            plan: plan_ref("unit_total.plan", &row.plan, row.plan_version)?,
            service_period: parse("unit_total.service_period", &row.service_period)?,
        };
        let units =
            Units { all: count("unit_total.units", row.units)?, free: count("unit_total.free", row.free)? };
        Ok((key, units))
    }
}

/// A place in a policy file from its columns.
pub(super) fn location(file: &str, line: i64, column: i64) -> Location {
    let place = |value: i64| u32::try_from(value).unwrap_or(1);
    Location { file: file.into(), line: place(line), column: place(column) }
}

impl Transaction {
    /// The units counted for these apps in these service periods.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn unit_totals(
        &mut self,
        apps: &[String],
        service_periods: &[String],
    ) -> Result<HashMap<FeeKey, Units>, StoreError> {
        if apps.is_empty() || service_periods.is_empty() {
            return Ok(HashMap::new());
        }
        let rows: Vec<UnitRow> = on!(self.connection(), db => {
            let mut statement = sqlx::QueryBuilder::new(
                "select app, product, plan, plan_version, service_period, units, free from unit_total where app in ",
            );
            push_list!(statement, apps);
            statement.push(" and service_period in ");
            push_list!(statement, service_periods);
            statement.build_query_as().persistent(false).fetch_all(db).await
        })?;
        rows.into_iter().map(<(FeeKey, Units)>::try_from).collect()
    }

    /// Keeps units counted.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn keep_unit_totals(&mut self, totals: &[(&FeeKey, Units)]) -> Result<(), StoreError> {
        insert_rows!(
            self,
            "insert into unit_total (app, product, plan, plan_version, service_period, units, free) ",
            7,
            totals,
            "on conflict (app, service_period, product, plan, plan_version) do update set units = excluded.units, \
             free = excluded.free",
            |row, total| {
                let (key, units) = total;
                row.push_bind(key.app.as_str())
                    .push_bind(key.product.as_str())
                    .push_bind(key.plan.name.as_str())
                    .push_bind(i64::from(key.plan.version))
                    .push_bind(key.service_period.to_string())
                    .push_bind(integer(units.all))
                    .push_bind(integer(units.free));
            }
        )?;
        Ok(())
    }
}
