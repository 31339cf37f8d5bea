//! Sales. One changes by what becomes of it alone, and of that no sum ever falls, by triggers of both stores.

use std::collections::HashMap;
use std::time::Duration;

use super::error::StoreError;
use super::line_total::words;
use super::row::{known, optional, parse};
use super::running_total::location;
use super::tier_total::{month_text, scope};
use super::transaction::Transaction;
use super::usage::{count, integer, plan_ref};
use crate::domain::account::{Account, Party};
use crate::domain::id::{ItemName, ProductName};
use crate::domain::money::{Amount, Rounding, parse_decimal};
use crate::domain::plan::PlanRef;
use crate::domain::running_total::TierFamily;
use crate::domain::sale::{Sale, SaleKey, Sums};
use crate::domain::share::Earned;
use crate::domain::split::Split;
use crate::domain::time::Timestamp;

/// A sale to be kept, with what its share comes to in minor units.
#[derive(Debug, Clone, Copy)]
pub struct NewSale<'s> {
    /// Which.
    pub key: &'s SaleKey,
    /// The sale.
    pub sale: &'s Sale,
    /// What of the share was given back.
    pub returned: i64,
    /// What of it is pending.
    pub pending: i64,
    /// Of so much of its base a share is earned.
    pub net: i64,
}

/// Sales of a page that a check reads.
const PENDING_AT_ONCE: usize = 10_000;

row! {
    SaleRow {
        app: String,
        id: String,
        currency: String,
        usage: Option<String>,
        at: i64,
        partner: Option<String>,
        payer: Option<String>,
        product: String,
        plan: String,
        plan_version: i64,
        item: String,
        percent: String,
        price: String,
        rounding: String,
        rule_file: Option<String>,
        rule_line: Option<i64>,
        rule_column: Option<i64>,
        amount: i64,
        base: i64,
        share: i64,
        earned: String,
        settles_within: Option<i64>,
        split: Option<String>,
        tier_scope: Option<String>,
        tier_month: String,
        walked: i64,
        refunded: i64,
        cancelled: i64,
        charged_back: i64,
        won_back: i64,
        settled: i64,
        is_cancelled: i64,
        is_settled: i64,
        cancelled_by: Option<String>,
        given_since: i64,
    }
}

impl TryFrom<SaleRow> for (SaleKey, Sale) {
    type Error = StoreError;

    fn try_from(row: SaleRow) -> Result<Self, StoreError> {
        let currency = parse("sale.currency", &row.currency)?;
        let rule = match (&row.rule_file, row.rule_line, row.rule_column) {
            (Some(file), Some(line), Some(column)) => Some(location(file, line, column)),
            _ => None,
        };
        let (product, plan) =
            (parse("sale.product", &row.product)?, plan_ref("sale.plan", &row.plan, row.plan_version)?);
        let item = parse("sale.item", &row.item)?;
        let family = row.tier_scope.as_deref().map(|text| {
            Ok::<_, StoreError>(TierFamily {
                scope: scope("sale.tier_scope", text)?,
                product: ProductName::clone(&product),
                plan: PlanRef::clone(&plan),
                item: ItemName::clone(&item),
                currency,
                month: optional(
                    "sale.tier_month",
                    Some(row.tier_month.as_str()).filter(|month| !month.is_empty()),
                )?,
            })
        });
        let settles_within = row.settles_within.map(|seconds| count("sale.settles_within", seconds));
        let sale = Sale {
            usage: optional("sale.usage", row.usage.as_deref())?,
            at: Timestamp::from_micros(row.at),
            partner: optional("sale.partner", row.partner.as_deref())?,
            payer: optional("sale.payer", row.payer.as_deref())?,
            family: family.transpose()?,
            product,
            plan,
            item,
            percent: parse_decimal(&row.percent).map_err(|_| StoreError::corrupt("sale.percent"))?,
            price: words(&row.price),
            rounding: known("sale.rounding", Rounding::named(&row.rounding))?,
            rule,
            amount: Amount { minor: row.amount, currency },
            base: row.base,
            share: Amount { minor: row.share, currency },
            earned: known("sale.earned", Earned::named(&row.earned))?,
            settles_within: settles_within.transpose()?.map(Duration::from_secs),
            split: row.split.as_deref().map(split).transpose()?,
            walked: row.walked,
            sums: Sums {
                refunded: row.refunded,
                cancelled: row.cancelled,
                charged_back: row.charged_back,
                won_back: row.won_back,
                settled: row.settled,
                is_cancelled: row.is_cancelled != 0,
                is_settled: row.is_settled != 0,
                cancelled_by: optional("sale.cancelled_by", row.cancelled_by.as_deref())?,
                given_since: row.given_since,
            },
        };
        Ok((SaleKey { app: parse("sale.app", &row.app)?, id: row.id, currency }, sale))
    }
}

/// `[["platform", 70], ["partner:acme", 30]]`.
fn split(text: &str) -> Result<Split<Party>, StoreError> {
    let corrupt = || StoreError::corrupt("sale.split");
    let weights: Vec<(String, u64)> = serde_json::from_str(text).map_err(|_| corrupt())?;
    let parts = weights.into_iter().map(|(name, weight)| {
        // A party's text is that of any account of it, less what that is for.
        let account: Account = format!("{name}:pending").parse().map_err(|_| corrupt())?;
        Ok((account.party, weight))
    });
    Split::new(parts.collect::<Result<_, StoreError>>()?).map_err(|_| corrupt())
}

fn split_text(split: &Split<Party>) -> String {
    let weight = |(party, weight): &(Party, u64)| serde_json::json!([party.to_string(), weight]);
    serde_json::Value::Array(split.weights().iter().map(weight).collect()).to_string()
}

impl Transaction {
    /// The sales of these ids, of whatever app.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn sales(&mut self, ids: &[String]) -> Result<HashMap<SaleKey, Sale>, StoreError> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let rows: Vec<SaleRow> = on!(self.connection(), db => {
            let mut statement = sqlx::QueryBuilder::new("select * from sale where id in ");
            push_list!(statement, ids);
            statement.build_query_as().persistent(false).fetch_all(db).await
        })?;
        rows.into_iter().map(<(SaleKey, Sale)>::try_from).collect()
    }

    /// A page of sales of which a share is pending, behind one of them.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn sales_with_pending(
        &mut self,
        after: Option<&SaleKey>,
    ) -> Result<Vec<(SaleKey, Sale)>, StoreError> {
        let time = self.answer_time();
        let (id, app, currency) = after.map_or_else(Default::default, |key| {
            (key.id.clone(), key.app.to_string(), key.currency.to_string())
        });
        let rows: Vec<SaleRow> = on!(self.connection(), within time, db => {
            sqlx::query_as(sqlx::AssertSqlSafe(format!(
                "select * from sale where pending > 0 and (id, app, currency) > ($1, $2, $3) \
                 order by id, app, currency limit {PENDING_AT_ONCE}"
            )))
            .bind(&id)
            .bind(&app)
            .bind(&currency)
            .fetch_all(db)
            .await
        })?;
        rows.into_iter().map(<(SaleKey, Sale)>::try_from).collect()
    }

    /// Keeps sales, and what became of them.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn keep_sales(&mut self, sales: &[NewSale<'_>]) -> Result<(), StoreError> {
        insert_rows!(
            self,
            "insert into sale (app, id, currency, usage, at, partner, payer, product, plan, plan_version, item, percent, price, \
             rounding, rule_file, rule_line, rule_column, amount, base, share, earned, settles_within, split, tier_scope, tier_month, \
             refunded, cancelled, charged_back, won_back, settled, is_cancelled, is_settled, cancelled_by, given_since, returned, \
             pending, net, walked) ",
            38,
            sales,
            "on conflict (id, app, currency) do update set refunded = excluded.refunded, cancelled = excluded.cancelled, \
             charged_back = excluded.charged_back, won_back = excluded.won_back, settled = excluded.settled, \
             is_cancelled = excluded.is_cancelled, is_settled = excluded.is_settled, cancelled_by = excluded.cancelled_by, \
             given_since = excluded.given_since, returned = excluded.returned, pending = excluded.pending, share = excluded.share, \
             percent = excluded.percent, net = excluded.net, walked = excluded.walked",
            |row, kept| {
                let NewSale { key, sale, returned, pending, net } = kept;
                let (rule, family) = (sale.rule.as_ref(), sale.family.as_ref());
                row.push_bind(key.app.as_str())
                    .push_bind(&key.id)
                    .push_bind(key.currency.to_string())
                    .push_bind(sale.usage.map(|usage| usage.to_string()))
                    .push_bind(sale.at.as_micros())
                    .push_bind(sale.partner.as_ref().map(|partner| partner.as_str()))
                    .push_bind(sale.payer.as_ref().map(|payer| payer.as_str()))
                    .push_bind(sale.product.as_str())
                    .push_bind(sale.plan.name.as_str())
                    .push_bind(i64::from(sale.plan.version))
                    .push_bind(sale.item.as_str())
                    .push_bind(sale.percent.to_string())
                    .push_bind(sale.price.as_deref().unwrap_or_default())
                    .push_bind(sale.rounding.name())
                    .push_bind(rule.map(|rule| rule.file.to_string()))
                    .push_bind(rule.map(|rule| i64::from(rule.line)))
                    .push_bind(rule.map(|rule| i64::from(rule.column)))
                    .push_bind(sale.amount.minor)
                    .push_bind(sale.base)
                    .push_bind(sale.share.minor)
                    .push_bind(sale.earned.name())
                    .push_bind(sale.settles_within.map(|span| integer(span.as_secs())))
                    .push_bind(sale.split.as_ref().map(split_text))
                    .push_bind(family.map(|family| family.scope.to_string()))
                    .push_bind(family.map_or_else(String::new, month_text))
                    .push_bind(sale.sums.refunded)
                    .push_bind(sale.sums.cancelled)
                    .push_bind(sale.sums.charged_back)
                    .push_bind(sale.sums.won_back)
                    .push_bind(sale.sums.settled)
                    .push_bind(i64::from(sale.sums.is_cancelled))
                    .push_bind(i64::from(sale.sums.is_settled))
                    .push_bind(sale.sums.cancelled_by.map(|usage| usage.to_string()))
                    .push_bind(sale.sums.given_since)
                    .push_bind(*returned)
                    .push_bind(*pending)
                    .push_bind(*net)
                    .push_bind(sale.walked);
            }
        )?;
        Ok(())
    }
}
