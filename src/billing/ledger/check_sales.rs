//! Whether what the books say of sales is what prices and splits make of them, which the store cannot tell by itself.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use std::collections::BTreeMap;

use super::kept_tariffs::KeptTariffs;
use super::share_posting::pending;
use crate::billing::rating::standing;
use crate::billing::statement::StatementError;
use crate::domain::running_total::TierFamily;
use crate::domain::tariff::Tariff;
use crate::store::{StoreError, Transaction};

/// Whether sales with tiers come to what these say of their net amount, whatever came in which order.
pub(super) async fn check_tiers(
    transaction: &mut Transaction,
    findings: &mut Vec<String>,
) -> Result<(), StatementError> {
    let totals = match transaction.all_tier_totals().await {
        Err(StoreError::Corrupt { what }) => {
            findings.push(format!("what sales with tiers come to cannot be read: {what}"));
            return Ok(());
        }
        totals => totals?,
    };
    let mut tariffs = KeptTariffs::default();
    for (family, sum) in totals {
        let tiers = |tariff: &Tariff| {
            let tiers = tariff.share.as_ref()?.tiers_of(&family.item)?;
            tiers.total(sum.net, (family.currency, tariff.rounding)).ok()
        };
        let expected = tariffs.of(transaction, &family.plan).await?.and_then(tiers);
        if expected != Some(sum.minor) {
            let TierFamily { scope, product, plan, item, currency, month } = &family;
            let month = month.map_or_else(|| "all time".to_owned(), |month| month.to_string());
            let expected =
                expected.map_or_else(|| "nothing that is known".to_owned(), |minor| minor.to_string());
            findings.push(format!(
                "{scope} {product} {plan} {item} {currency} {month}: of a net amount of {} minor units, {} is the share, and its \
                 tiers say {expected}",
                sum.net, sum.minor
            ));
        }
    }
    Ok(())
}

/// Whether each account of what is pending has what the sales say of which a share is.
pub(super) async fn check_pending(
    transaction: &mut Transaction,
    findings: &mut Vec<String>,
) -> Result<(), StatementError> {
    let mut expected: BTreeMap<(String, String), i128> = BTreeMap::new();
    let mut last = None;
    loop {
        let page = match transaction.sales_with_pending(last.as_ref()).await {
            Err(StoreError::Corrupt { what }) => {
                findings.push(format!("a sale cannot be read: {what}"));
                return Ok(());
            }
            page => page?,
        };
        let Some((key, _)) = page.last() else { break };
        last = Some(key.clone());
        for (key, sale) in &page {
            let parts = standing(sale).ok().and_then(|standing| pending(sale, &standing).ok());
            let Some(parts) = parts else {
                findings.push(format!("{}: what is pending of its share cannot be told", key.id));
                continue;
            };
            for (account, minor) in parts {
                let sum = expected.entry((account.to_string(), key.currency.to_string())).or_default();
                *sum = sum.saturating_add(i128::from(minor));
            }
        }
    }
    for balance in transaction.pending_of_sales().await? {
        let account = (balance.account, balance.currency);
        let sum = expected.entry(account).or_default();
        *sum = sum.saturating_sub(balance.minor);
    }
    for ((account, currency), difference) in expected.iter().filter(|(_, difference)| **difference != 0) {
        findings.push(format!(
            "{account}: its sales say that {difference} minor units more of {currency} are pending than was posted"
        ));
    }
    Ok(())
}
