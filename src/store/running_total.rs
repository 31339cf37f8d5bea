//! Units counted together: what rating must know of before, as it follows from what charges come to ([`super::charge_total`]).

use super::error::StoreError;
use super::row::parse;
use super::transaction::Transaction;
use super::usage::{count, plan_ref};
use crate::domain::id::ItemName;
use crate::domain::location::Location;
use crate::domain::running_total::{Counted, FeeFamily, Units};

row! {
    UnitRow {
        app: String,
        product: String,
        plan: String,
        plan_version: i64,
        service_period: String,
        item: String,
        promotion: i64,
        units: i64,
        free: i64,
    }
}

/// Most promotions of an item that are believed.
const MAX_PROMOTIONS: usize = 10_000;

impl UnitRow {
    /// Adds the row to those before it, which stand by family, version and promotion.
    fn add_to(self, counted: &mut Vec<Counted>) -> Result<(), StoreError> {
        let of = family(FamilyColumns {
            app: &self.app,
            product: &self.product,
            plan: (&self.plan, self.plan_version),
            service_period: &self.service_period,
            item: &self.item,
        })?;
        let is_new = counted.last().is_none_or(|last| (&last.family, last.version) != (&of.0, of.1));
        if is_new {
            counted.push(Counted { family: of.0, version: of.1, units: Units::default() });
        }
        let Some(Counted { units, .. }) = counted.last_mut() else { return Ok(()) };
        let how_many = count("fee_total.units", self.units)?;
        match usize::try_from(self.promotion) {
            Ok(0) => (units.all, units.free) = (how_many, count("fee_total.free", self.free)?),
            Ok(place) if place <= MAX_PROMOTIONS => {
                units.promoted.resize(units.promoted.len().max(place), 0);
                units.promoted[place - 1] = how_many;
            }
            Ok(_) | Err(_) => return Err(StoreError::corrupt("fee_total.promotion")),
        }
        Ok(())
    }
}

/// A family, and a version of its plan, as columns.
pub(super) struct FamilyColumns<'c> {
    pub(super) app: &'c str,
    pub(super) product: &'c str,
    pub(super) plan: (&'c str, i64),
    pub(super) service_period: &'c str,
    pub(super) item: &'c str,
}

/// A family, and a version of its plan, from their columns.
pub(super) fn family(columns: FamilyColumns<'_>) -> Result<(FeeFamily, u32), StoreError> {
    let plan = plan_ref("charge_terms.plan", columns.plan.0, columns.plan.1)?;
    let family = FeeFamily {
        app: parse("charge_terms.app", columns.app)?,
        product: parse("charge_terms.product", columns.product)?,
        plan: plan.name,
        service_period: parse("charge_terms.service_period", columns.service_period)?,
        item: item("charge_terms.item", columns.item)?,
    };
    Ok((family, plan.version))
}

/// An item's name from its column: none where it is empty.
pub(super) fn item(column: &'static str, text: &str) -> Result<Option<ItemName>, StoreError> {
    Some(text).filter(|text| !text.is_empty()).map(|text| parse(column, text)).transpose()
}

/// The column of an item's name.
pub(super) fn item_text(item: Option<&ItemName>) -> &str {
    item.map_or("", ItemName::as_str)
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
    pub async fn fee_totals(
        &mut self,
        apps: &[String],
        service_periods: &[String],
    ) -> Result<Vec<Counted>, StoreError> {
        let mut counted = Vec::new();
        if apps.is_empty() || service_periods.is_empty() {
            return Ok(counted);
        }
        let rows: Vec<UnitRow> = on!(self.connection(), db => {
            let mut statement = sqlx::QueryBuilder::new(
                "select app, product, plan, plan_version, service_period, item, promotion, units, free from fee_total \
                 where app in ",
            );
            push_list!(statement, apps);
            statement.push(" and service_period in ");
            push_list!(statement, service_periods);
            statement.push(" order by app, service_period, product, plan, plan_version, item, promotion");
            statement.build_query_as().persistent(false).fetch_all(db).await
        })?;
        for row in rows {
            row.add_to(&mut counted)?;
        }
        Ok(counted)
    }
}
