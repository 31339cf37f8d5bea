//! Whether fees are what the prices of their plan versions make of the units that were counted, which the store cannot tell by itself: an
//! amount may have been changed wherever it stands, or the price.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use std::collections::BTreeMap;

use super::export::major;
use super::kept_tariffs::KeptTariffs;
use crate::billing::statement::StatementError;
use crate::domain::id::ItemName;
use crate::domain::money::{Amount, Currency};
use crate::domain::plan::PlanRef;
use crate::domain::running_total::{FeeFamily, Units};
use crate::domain::tariff::Tariff;
use crate::store::{StoreError, Transaction};

/// Most fees that are told one by one.
const MOST_TOLD: usize = 100;

/// What was counted and charged of a family under one version of its plan.
#[derive(Default)]
struct Fees {
    units: Units,
    charged: BTreeMap<Currency, i128>,
}

/// Whether fees come to what their prices say of the units that were counted, whatever came in which order.
pub(super) async fn check_fees(
    transaction: &mut Transaction,
    findings: &mut Vec<String>,
) -> Result<(), StatementError> {
    let mut wrong = Vec::new();
    let mut untold: usize = 0;
    let mut find = |finding: String| {
        if wrong.len() < MOST_TOLD { wrong.push(finding) } else { untold = untold.saturating_add(1) }
    };
    match compare_fees(transaction, &mut find).await {
        Err(StoreError::Corrupt { what }) => {
            findings.push(format!("what fees come to cannot be read: {what}"));
        }
        compared => compared?,
    }
    findings.append(&mut wrong);
    if untold > 0 {
        findings.push(format!("{untold} fees more are not what their prices say of the units counted"));
    }
    Ok(())
}

async fn compare_fees(
    transaction: &mut Transaction,
    find: &mut (impl FnMut(String) + Send),
) -> Result<(), StoreError> {
    let periods = transaction.service_periods().await?;
    let mut tariffs = KeptTariffs::default();
    let mut last = String::new();
    loop {
        let apps = transaction.apps_with_fees(&last).await?;
        let Some(end) = apps.last() else { return Ok(()) };
        last.clone_from(end);
        let mut all: BTreeMap<(FeeFamily, u32), Fees> = BTreeMap::new();
        for counted in transaction.fee_totals(&apps, &periods).await? {
            all.entry((counted.family, counted.version)).or_default().units = counted.units;
        }
        for sum in transaction.fee_sums(&apps).await? {
            all.entry((sum.family, sum.version)).or_default().charged.insert(sum.currency, sum.minor);
        }
        for ((family, version), fees) in all {
            let plan = PlanRef { name: family.plan.clone(), version };
            let expected = tariffs
                .of(transaction, &plan)
                .await?
                .and_then(|tariff| worth(tariff, family.item.as_ref(), &fees.units));
            if !expected.is_some_and(|expected| is_charged(&fees, expected)) {
                find(finding((&family, &plan), &fees, expected));
            }
        }
    }
}

/// What units come to; none if the prices do not say it.
fn worth(tariff: &Tariff, item: Option<&ItemName>, units: &Units) -> Option<Amount> {
    let exact = tariff.fee_named(item)?.amount(units.charged(), &units.promoted).ok()?;
    exact.rounded(tariff.currency, tariff.rounding).ok()
}

/// Whether that is charged, and nothing else.
fn is_charged(fees: &Fees, expected: Amount) -> bool {
    let is_right = |(currency, minor): (&Currency, &i128)| match *currency == expected.currency {
        true => *minor == i128::from(expected.minor),
        false => *minor == 0,
    };
    let is_missing = expected.minor != 0 && !fees.charged.contains_key(&expected.currency);
    !is_missing && fees.charged.iter().all(is_right)
}

fn finding((family, plan): (&FeeFamily, &PlanRef), fees: &Fees, expected: Option<Amount>) -> String {
    let FeeFamily { app, product, plan: _, service_period, item } = family;
    let item = item.as_ref().map_or("calls", ItemName::as_str);
    let charged = fees.charged.iter();
    let charged: Vec<String> =
        charged.map(|(currency, minor)| format!("{} {currency}", major(*minor, currency.code()))).collect();
    let charged = if charged.is_empty() { "nothing".to_owned() } else { charged.join(", ") };
    let expected = expected
        .map_or_else(|| "nothing that is known".to_owned(), |amount| format!("{amount} {}", amount.currency));
    let units = fees.units.promoted.iter().fold(fees.units.all, |sum, units| sum.saturating_add(*units));
    format!(
        "{app} {product} {plan} {item} {service_period}: of {units} units, {free} of them free, {charged} is the fee, and its prices \
         say {expected}",
        free = fees.units.free
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_charged_is_all_of_it_in_its_currency_and_nothing_else() {
        let currency = |code: &str| code.parse::<Currency>().unwrap();
        type Row<'r> = (&'r [(&'r str, i128)], i64, bool);
        let rows: [Row<'_>; 8] = [
            (&[], 0, true),
            (&[], 1, false),
            (&[("CNY", 1)], 1, true),
            (&[("CNY", 0)], 0, true),
            (&[("CNY", 2)], 1, false),
            (&[("USD", 1)], 1, false),
            (&[("CNY", 1), ("USD", 1)], 1, false),
            (&[("CNY", 1), ("USD", 0)], 1, true),
        ];
        for (charged, minor, expected) in rows {
            let charged = charged.iter().map(|(code, minor)| (currency(code), *minor)).collect();
            let fees = Fees { units: Units::default(), charged };
            let amount = Amount { minor, currency: currency("CNY") };
            assert_eq!(is_charged(&fees, amount), expected, "{:?} {minor}", fees.charged);
        }
    }
}
