//! What sales with tiers come to together. The transactions of the books alone change it, under their lock.

use super::error::StoreError;
use super::row::{optional, parse};
use super::transaction::Transaction;
use super::usage::plan_ref;
use crate::domain::running_total::{TierFamily, TierScope, TierSum};

row! {
    TierRow {
        scope: String,
        product: String,
        plan: String,
        plan_version: i64,
        item: String,
        currency: String,
        month: String,
        net: i64,
        minor: i64,
    }
}

impl TryFrom<TierRow> for (TierFamily, TierSum) {
    type Error = StoreError;

    fn try_from(row: TierRow) -> Result<Self, StoreError> {
        let family = TierFamily {
            scope: scope("tier_total.scope", &row.scope)?,
            product: parse("tier_total.product", &row.product)?,
            plan: plan_ref("tier_total.plan", &row.plan, row.plan_version)?,
            item: parse("tier_total.item", &row.item)?,
            currency: parse("tier_total.currency", &row.currency)?,
            month: optional("tier_total.month", Some(row.month.as_str()).filter(|month| !month.is_empty()))?,
        };
        Ok((family, TierSum { net: row.net, minor: row.minor }))
    }
}

/// Whose sales a column names: `app:ID`, `partner:ID` or `sandbox:ID`.
pub(super) fn scope(column: &'static str, text: &str) -> Result<TierScope, StoreError> {
    match text.split_once(':') {
        Some(("app", id)) => Ok(TierScope::App(parse(column, id)?)),
        Some(("partner", id)) => Ok(TierScope::Partner(parse(column, id)?)),
        Some(("sandbox", id)) => Ok(TierScope::Sandbox(parse(column, id)?)),
        Some(_) | None => Err(StoreError::corrupt(column)),
    }
}

/// A family's month as a column: empty for all time.
pub(super) fn month_text(family: &TierFamily) -> String {
    family.month.map_or_else(String::new, |month| month.to_string())
}

impl Transaction {
    /// What there is of these families, and perhaps of others.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn tier_totals(
        &mut self,
        families: impl IntoIterator<Item = &TierFamily>,
    ) -> Result<Vec<(TierFamily, TierSum)>, StoreError> {
        let (mut scopes, mut months) = (Vec::new(), Vec::new());
        for family in families {
            scopes.push(family.scope.to_string());
            months.push(month_text(family));
        }
        for names in [&mut scopes, &mut months] {
            names.sort_unstable();
            names.dedup();
        }
        if scopes.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<TierRow> = on!(self.connection(), db => {
            let mut statement = sqlx::QueryBuilder::new("select * from tier_total where scope in ");
            push_list!(statement, &scopes);
            statement.push(" and month in ");
            push_list!(statement, &months);
            statement.build_query_as().persistent(false).fetch_all(db).await
        })?;
        rows.into_iter().map(<(TierFamily, TierSum)>::try_from).collect()
    }

    /// What there is of all families.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn all_tier_totals(&mut self) -> Result<Vec<(TierFamily, TierSum)>, StoreError> {
        let time = self.answer_time();
        let rows: Vec<TierRow> = on!(self.connection(), within time, db => {
            sqlx::query_as("select * from tier_total").fetch_all(db).await
        })?;
        rows.into_iter().map(<(TierFamily, TierSum)>::try_from).collect()
    }

    /// Has families come to these sums.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn keep_tier_totals(&mut self, totals: &[(&TierFamily, TierSum)]) -> Result<(), StoreError> {
        insert_rows!(
            self,
            "insert into tier_total (scope, product, plan, plan_version, item, currency, month, net, minor) ",
            9,
            totals,
            "on conflict (scope, month, product, plan, plan_version, item, currency) do update \
             set net = excluded.net, minor = excluded.minor",
            |row, total| {
                let (family, sum) = total;
                row.push_bind(family.scope.to_string())
                    .push_bind(family.product.as_str())
                    .push_bind(family.plan.name.as_str())
                    .push_bind(i64::from(family.plan.version))
                    .push_bind(family.item.as_str())
                    .push_bind(family.currency.to_string())
                    .push_bind(month_text(family))
                    .push_bind(sum.net)
                    .push_bind(sum.minor);
            }
        )?;
        Ok(())
    }
}
