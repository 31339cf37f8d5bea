//! Usage record × plan version → charges. Pure: no clock, no store, no float.
//!
//! A fee is exact to the last digit of its price; its line is rounded once, and what is posted is the difference
//! that a charge makes to the rounded line, so line and ledger are always equal. A share is rounded for each
//! transaction, since the transaction's parties see it.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use rust_decimal::Decimal;

use crate::domain::charge::{Charge, ChargeKind, LineKey, Price};
use crate::domain::money::{Amount, Currency, MoneyError};
use crate::domain::plan::{Fee, PlanRef, Share, Tariff};
use crate::domain::time::Period;
use crate::domain::usage::{Evidence, Transaction, TransactionKind, UsageRecord};

/// The sums of a line so far.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LineTotal {
    /// Units, free ones too.
    pub units: u64,
    /// The exact amount in major units.
    pub exact: Decimal,
    /// The rounded amount in minor units: what has been posted.
    pub posted: i64,
}

/// Where a usage record is charged.
#[derive(Debug, Clone)]
pub struct Context {
    /// The plan version.
    pub plan: PlanRef,
    /// The period on whose statement it stands.
    pub period: Period,
    /// The period in which it was used.
    pub service_period: Period,
}

/// A charge, the sums of its line after it, and what it adds to the ledger in minor units.
#[derive(Debug, Clone, PartialEq)]
pub struct Rated {
    /// The charge.
    pub charge: Charge,
    /// The sums of its line with it.
    pub total: LineTotal,
    /// What it adds to the rounded line.
    pub posting: i64,
}

/// Rates a usage record. `total_of` gives a line's sums so far.
///
/// # Errors
/// [`MoneyError::Overflow`].
pub fn rate(
    usage: &UsageRecord,
    context: &Context,
    tariff: &Tariff,
    mut total_of: impl FnMut(&LineKey) -> LineTotal,
) -> Result<Vec<Rated>, MoneyError> {
    let Evidence::Billable { units, transaction } = &usage.evidence else { return Ok(Vec::new()) };
    let mut rated = Vec::new();
    if let Some(fee) = &tariff.fee {
        let line = line(usage, context, ChargeKind::ServiceFee, tariff.currency);
        if let Some(line) = line {
            let before = total_of(&line);
            rated.push(rate_fee(usage, (line, before), (fee, *units), tariff)?);
        }
    }
    if let (Some(share), Some(transaction)) = (&tariff.share, transaction) {
        let line = line(usage, context, ChargeKind::RevenueShare, transaction.amount.currency);
        if let Some(line) = line {
            let before = total_of(&line);
            rated.push(rate_share(usage, (line, before), (share, transaction), tariff)?);
        }
    }
    Ok(rated)
}

fn line(usage: &UsageRecord, context: &Context, kind: ChargeKind, currency: Currency) -> Option<LineKey> {
    let (product, _) = usage.subscribed.as_ref()?;
    Some(LineKey {
        partner: usage.partner.clone(),
        app: usage.app.clone(),
        period: context.period,
        service_period: context.service_period,
        kind,
        plan: context.plan.clone(),
        product: product.clone(),
        currency,
    })
}

fn rate_fee(
    usage: &UsageRecord,
    (line, before): (LineKey, LineTotal),
    (fee, units): (&Fee, u64),
    tariff: &Tariff,
) -> Result<Rated, MoneyError> {
    let free = fee.free_units.saturating_sub(before.units).min(units);
    let charged = units.saturating_sub(free);
    let exact = fee.per_unit.checked_mul(Decimal::from(charged)).ok_or(MoneyError::Overflow)?;
    let sum = before.exact.checked_add(exact).ok_or(MoneyError::Overflow)?;
    let posted = Amount::rounded(sum, line.currency, tariff.rounding)?.minor;
    let total =
        LineTotal { units: before.units.checked_add(units).ok_or(MoneyError::Overflow)?, exact: sum, posted };
    let posting = posted.checked_sub(before.posted).ok_or(MoneyError::Overflow)?;
    let price = Price::Units { charged, free, each: fee.per_unit };
    Ok(Rated {
        charge: Charge { usage: usage.id, line, price, exact, rule: fee.source.clone() },
        total,
        posting,
    })
}

fn rate_share(
    usage: &UsageRecord,
    (line, before): (LineKey, LineTotal),
    (share, transaction): (&Share, &Transaction),
    tariff: &Tariff,
) -> Result<Rated, MoneyError> {
    let base = match transaction.kind {
        TransactionKind::Sale => transaction.amount,
        TransactionKind::Refund => transaction.amount.negated()?,
    };
    let part = share.percent.checked_div(Decimal::ONE_HUNDRED).ok_or(MoneyError::Overflow)?;
    let value = base.to_decimal().checked_mul(part).ok_or(MoneyError::Overflow)?;
    let amount = Amount::rounded(value, base.currency, tariff.rounding)?;
    let exact = amount.to_decimal();
    let total = LineTotal {
        units: before.units.checked_add(1).ok_or(MoneyError::Overflow)?,
        exact: before.exact.checked_add(exact).ok_or(MoneyError::Overflow)?,
        posted: before.posted.checked_add(amount.minor).ok_or(MoneyError::Overflow)?,
    };
    let price = Price::Share { transaction: transaction.id.clone(), base, percent: share.percent };
    let charge = Charge { usage: usage.id, line, price, exact, rule: share.source.clone() };
    Ok(Rated { charge, total, posting: amount.minor })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, reason = "a test may overflow loudly")]
    use std::collections::HashMap;
    use std::time::Duration;

    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::domain::id::{AppId, NodeId, PartnerId, PlanName, ProductName, SnapshotHash};
    use crate::domain::location::Location;
    use crate::domain::money::{Rounding, parse_decimal};
    use crate::domain::principal::CredentialKind;
    use crate::domain::time::Timestamp;

    fn rule() -> Location {
        Location { file: "plans/p.yaml".into(), line: 3, column: 1 }
    }

    fn tariff(price: &str, free: u64, percent: &str) -> Tariff {
        Tariff {
            currency: "CNY".parse().unwrap(),
            rounding: Rounding::HalfUp,
            fee: Some(Fee { per_unit: parse_decimal(price).unwrap(), free_units: free, source: rule() }),
            share: Some(Share { percent: parse_decimal(percent).unwrap(), source: rule() }),
        }
    }

    fn usage(units: u64, amount: Option<i64>) -> UsageRecord {
        let plan = PlanRef { name: PlanName::new("p").unwrap(), version: 1 };
        let transaction = amount.map(|minor| Transaction {
            id: "o-1".to_owned(),
            of: None,
            amount: Amount { minor: minor.abs(), currency: "CNY".parse().unwrap() },
            kind: if minor < 0 { TransactionKind::Refund } else { TransactionKind::Sale },
        });
        UsageRecord {
            id: Uuid::from_u128(1),
            at: Timestamp::default(),
            node: NodeId::new("n").unwrap(),
            snapshot: SnapshotHash::new("s").unwrap(),
            app: AppId::new("a").unwrap(),
            partner: PartnerId::new("p").unwrap(),
            credential: CredentialKind::ApiKey,
            credential_id: "k".to_owned(),
            merchant: None,
            grant: None,
            route: None,
            subscribed: Some((ProductName::new("shop").unwrap(), plan)),
            method: "GET".to_owned(),
            status: 200,
            latency: Duration::ZERO,
            bytes_in: 0,
            bytes_out: 0,
            refusal: None,
            evidence: Evidence::Billable { units, transaction },
        }
    }

    fn context() -> Context {
        let period: Period = "2026-11".parse().unwrap();
        let plan = PlanRef { name: PlanName::new("p").unwrap(), version: 1 };
        Context { plan, period, service_period: period }
    }

    fn rate_all(usages: &[UsageRecord], tariff: &Tariff) -> (HashMap<LineKey, LineTotal>, i64, Vec<Charge>) {
        let mut totals = HashMap::new();
        let (mut posted, mut charges) = (0, Vec::new());
        for usage in usages {
            let rated = rate(usage, &context(), tariff, |line| totals.get(line).copied().unwrap_or_default())
                .unwrap();
            for one in rated {
                posted += one.posting;
                totals.insert(one.charge.line.clone(), one.total);
                charges.push(one.charge);
            }
        }
        (totals, posted, charges)
    }

    #[test]
    fn an_order_of_100_yuan_costs_a_fen_and_two_yuan_fifty() {
        let (_, posted, charges) = rate_all(&[usage(1, Some(10_000))], &tariff("0.01", 0, "2.5"));
        assert_eq!(posted, 251);
        let amounts: Vec<String> =
            charges.iter().map(|charge| charge.exact.normalize().to_string()).collect();
        assert_eq!(amounts, ["0.01", "2.5"]);
    }

    #[test]
    fn the_free_allowance_is_used_up_first() {
        let (totals, posted, charges) = rate_all(&[usage(3, None), usage(3, None)], &tariff("1", 4, "0"));
        assert_eq!(posted, 200);
        assert_eq!(charges[1].price, Price::Units { charged: 2, free: 1, each: Decimal::ONE });
        assert_eq!(totals.values().next().unwrap().units, 6);
    }

    proptest! {
        #[test]
        fn what_is_posted_is_the_line_rounded_once(units in prop::collection::vec(0_u64..50, 1..60), price in 0_i64..200_000, free in 0_u64..100) {
            let price = Decimal::new(price, 6);
            let tariff = tariff(&price.to_string(), free, "0");
            let usages: Vec<UsageRecord> = units.iter().map(|units| usage(*units, None)).collect();
            let (totals, posted, _) = rate_all(&usages, &tariff);
            let charged = units.iter().sum::<u64>().saturating_sub(free);
            let exact = price * Decimal::from(charged);
            let expected = Amount::rounded(exact, tariff.currency, Rounding::HalfUp).unwrap().minor;
            prop_assert_eq!(posted, expected);
            prop_assert_eq!(totals.values().map(|total| total.posted).sum::<i64>(), expected);
        }

        #[test]
        fn a_full_refund_gives_back_exactly_what_was_taken(minor in 0_i64..1_000_000_000, percent in 0_i64..10_000) {
            let tariff = tariff("0", 0, &Decimal::new(percent, 2).to_string());
            let (_, posted, _) = rate_all(&[usage(1, Some(minor)), usage(1, Some(-minor))], &tariff);
            prop_assert_eq!(posted, 0);
        }
    }
}
