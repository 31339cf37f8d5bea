//! A batch's charges on their way in, with the usage records that they price and the ledger transactions that post them: a
//! fee goes into its usage record, all others stand beside.

use std::collections::HashMap;

use uuid::Uuid;

use super::charge::NewCharge;
use super::charge_total::{ChargeTotal, ChargeTotals};
use super::error::StoreError;
use super::numbers::{Numbers, Terms};
use super::running_total::item_text;
use super::transaction::Transaction;
use super::usage::integer;
use super::usage_batch::{Batch, Fees, KeptFee};
use crate::domain::charge::{Charge, ChargeKind, LineKey, Price};
use crate::domain::ledger::LedgerTransaction;

/// A charge that does not stand in its usage record.
struct Other<'c> {
    charge: &'c Charge,
    terms: i64,
    posting: Option<i64>,
}

impl Transaction {
    /// Keeps usage records, charges of these or of earlier ones, and the ledger transactions that post the charges, whose numbers
    /// are given. The transaction must hold [`super::transaction::Exclusive::Billing`].
    ///
    /// # Errors
    /// [`StoreError::Conflict`] or [`StoreError::Corrupt`] if something of it is there already, or a period is closed;
    /// [`StoreError::Unavailable`].
    pub async fn keep_charged(
        &mut self,
        batch: Batch<'_>,
        charges: &[NewCharge],
        ledger: &[LedgerTransaction],
        numbers: &mut Numbers,
    ) -> Result<Vec<i64>, StoreError> {
        self.learn_last(numbers).await?;
        let postings = self.post(ledger, numbers).await?;
        let (mut fees, mut others, mut new) = (Fees::default(), Vec::new(), Vec::new());
        let mut totals = ChargeTotals::default();
        fees.reserve(batch.records.len());
        for NewCharge { charge, posting } in charges {
            let terms = numbers.terms(charge, &mut new);
            totals.add(total(terms, charge))?;
            let posting = posting.and_then(|place| postings.get(place).copied());
            match &charge.price {
                // Fees of a batch are those of its records; without records, it is of something that was resolved.
                Price::Units { charged, free, .. }
                    if charge.line.kind == ChargeKind::ServiceFee && !batch.records.is_empty() =>
                {
                    let (charged, free, minor) = (*charged, *free, charge.minor);
                    fees.insert(charge.usage, KeptFee { terms, charged, free, minor, posting });
                }
                Price::Units { .. } | Price::Moved { .. } | Price::Percent { .. } | Price::Tiers { .. } => {
                    others.push(Other { charge, terms, posting })
                }
            }
        }
        self.insert_terms(&new).await?;
        self.add_to_charge_totals(totals).await?;
        let numbered = self.insert_usage(batch, &fees, numbers).await?;
        self.insert_other_charges(&others, numbered).await?;
        Ok(postings)
    }

    /// Keeps the terms of charges, each with its number and line.
    pub(super) async fn insert_terms(&mut self, terms: &[(i64, &LineKey, Terms)]) -> Result<(), StoreError> {
        insert_rows!(
            self,
            "insert into charge_terms (number, partner, app, period, service_period, kind, product, plan, plan_version, \
             item, currency, rate, price, position, rule_file, rule_line, rule_column) ",
            17,
            terms,
            "",
            |row, kept| {
                let (number, line, Terms { rate, position, words, rule }) = kept;
                row.push_bind(*number)
                    .push_bind(line.partner.as_str())
                    .push_bind(line.app.as_str())
                    .push_bind(line.period.to_string())
                    .push_bind(line.service_period.to_string())
                    .push_bind(line.kind.name())
                    .push_bind(line.product.as_str())
                    .push_bind(line.plan.name.as_str())
                    .push_bind(i64::from(line.plan.version))
                    .push_bind(item_text(line.item.as_ref()))
                    .push_bind(line.currency.to_string())
                    .push_bind(rate.to_string())
                    .push_bind(words.as_deref().unwrap_or_default())
                    .push_bind(position.to_string())
                    .push_bind(rule.file.to_string())
                    .push_bind(i64::from(rule.line))
                    .push_bind(i64::from(rule.column));
            }
        )?;
        Ok(())
    }

    async fn insert_other_charges(
        &mut self,
        others: &[Other<'_>],
        mut numbered: HashMap<Uuid, i64>,
    ) -> Result<(), StoreError> {
        let earlier: Vec<Uuid> = others
            .iter()
            .map(|other| other.charge.usage)
            .filter(|usage| !numbered.contains_key(usage))
            .collect();
        self.find_numbers(&earlier, &mut numbered).await?;
        let mut kept = Vec::with_capacity(others.len());
        for other in others {
            let number = numbered.get(&other.charge.usage).copied();
            kept.push((
                number.ok_or_else(|| StoreError::corrupt("a charge without its usage record"))?,
                other,
            ));
        }
        insert_rows!(
            self,
            "insert into other_charge (usage, kind, terms, quantity, free, transaction_id, base, minor, posting) ",
            9,
            kept,
            "",
            |row, kept| {
                let (number, other) = kept;
                let charge = other.charge;
                let (quantity, free, transaction, base) = columns(&charge.price);
                row.push_bind(*number)
                    .push_bind(charge.line.kind.name())
                    .push_bind(other.terms)
                    .push_bind(quantity)
                    .push_bind(free)
                    .push_bind(transaction)
                    .push_bind(base)
                    .push_bind(charge.minor)
                    .push_bind(other.posting);
            }
        )?;
        Ok(())
    }

    /// Adds the numbers of usage records of earlier batches.
    async fn find_numbers(
        &mut self,
        usage: &[Uuid],
        numbered: &mut HashMap<Uuid, i64>,
    ) -> Result<(), StoreError> {
        for some in usage.chunks(super::arm::MAX_PARAMETERS) {
            let rows: Vec<(String, i64)> = on!(self.connection(), db => {
                let mut statement = sqlx::QueryBuilder::new("select id, number from usage where id in ");
                push_list!(statement, some.iter().map(Uuid::to_string));
                statement.build_query_as().persistent(false).fetch_all(db).await
            })?;
            for (id, number) in rows {
                numbered.insert(super::row::parse("usage.id", &id)?, number);
            }
        }
        Ok(())
    }
}

/// What a charge comes to by itself.
fn total(terms: i64, charge: &Charge) -> ChargeTotal {
    let (quantity, free, _, base) = columns(&charge.price);
    ChargeTotal { terms, charges: 1, quantity, free, base, minor: charge.minor }
}

/// How a price is kept: quantity, free units, transaction and base.
fn columns(price: &Price) -> (i64, i64, Option<&str>, Option<i64>) {
    match price {
        Price::Units { charged, free, .. } => (integer(*charged), integer(*free), None, None),
        Price::Moved { units, .. } => (integer(*units), 0, None, None),
        Price::Percent { transaction, base, .. } => (1, 0, Some(transaction), Some(base.minor)),
        Price::Tiers { transaction, .. } => (1, 0, Some(transaction), None),
    }
}
