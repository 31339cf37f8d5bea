//! Whether the rates that stand beside charges are those of their plan versions: lines and exports tell them, whatever the amounts are.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use rust_decimal::Decimal;

use super::kept_tariffs::KeptTariffs;
use crate::billing::statement::StatementError;
use crate::domain::charge::{ChargeKind, Position};
use crate::domain::id::ItemName;
use crate::domain::money::parse_decimal;
use crate::domain::tariff::Tariff;
use crate::store::charged_rate::ChargedRate;
use crate::store::{StoreError, Transaction};

/// Whether each rate of charges is one that the price has at its position.
pub(super) async fn check_rates(
    transaction: &mut Transaction,
    findings: &mut Vec<String>,
) -> Result<(), StatementError> {
    let rates = match transaction.charged_rates().await {
        Err(StoreError::Corrupt { what }) => {
            findings.push(format!("rates of charges cannot be read: {what}"));
            return Ok(());
        }
        rates => rates?,
    };
    let mut tariffs = KeptTariffs::default();
    for charged in rates {
        let tariff = tariffs.of(transaction, &charged.plan).await?;
        let prices = tariff.map(|tariff| prices(tariff, &charged)).unwrap_or_default();
        let is_one = |rate: Decimal| prices.contains(&rate);
        if !parse_decimal(&charged.rate).is_ok_and(is_one) {
            findings.push(finding(&charged, &prices));
        }
    }
    Ok(())
}

/// At which rates such charges may stand by their prices.
fn prices(tariff: &Tariff, ChargedRate { kind, item, position, .. }: &ChargedRate) -> Vec<Decimal> {
    let shared = || {
        let share = tariff.share.as_ref().filter(|_| *position == Position::Whole)?;
        let name = item.clone().unwrap_or_else(ItemName::of_share);
        share.item_named(&name)
    };
    match kind {
        ChargeKind::ServiceFee | ChargeKind::Rewalk => {
            let fee = tariff.fee_named(item.as_ref());
            fee.and_then(|fee| fee.rate_at(*position)).into_iter().collect()
        }
        ChargeKind::RevenueShare | ChargeKind::ShareReversal => {
            shared().map(|item| item.rate.percents()).unwrap_or_default()
        }
        // What tiers come to beside the sales' own shares has no rate.
        ChargeKind::ShareRewalk => {
            shared().and_then(|item| item.rate.tiers()).map(|_| Decimal::ZERO).into_iter().collect()
        }
        // They go by their months, and not by calls.
        ChargeKind::MonthlyFee | ChargeKind::Minimum => Vec::new(),
    }
}

fn finding(ChargedRate { kind, plan, item, position, rate }: &ChargedRate, prices: &[Decimal]) -> String {
    let (what, unnamed) = match kind {
        ChargeKind::ServiceFee => ("fees", ItemName::CALLS),
        ChargeKind::Rewalk => ("fees that were walked again", ItemName::CALLS),
        ChargeKind::MonthlyFee => ("monthly fees", ""),
        ChargeKind::Minimum => ("minimums", ""),
        ChargeKind::RevenueShare => ("shares", ItemName::SHARE),
        ChargeKind::ShareReversal => ("shares that went back", ItemName::SHARE),
        ChargeKind::ShareRewalk => ("shares that were walked again", ItemName::SHARE),
    };
    let item = item.as_ref().map_or(unnamed, ItemName::as_str);
    let at = if *position == Position::Whole { String::new() } else { format!(" {position}") };
    let prices: Vec<String> = prices.iter().map(ToString::to_string).collect();
    let prices = if prices.is_empty() { "none that is known".to_owned() } else { prices.join(" or ") };
    format!("{plan} {item}{at}: {what} stand at a rate of {rate}, and the price is {prices}")
}
