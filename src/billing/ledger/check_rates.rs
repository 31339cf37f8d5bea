//! Whether the rates that stand beside fees are those of their plan versions: lines and exports tell them, whatever the amounts are.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use super::kept_tariffs::KeptTariffs;
use crate::billing::statement::StatementError;
use crate::domain::id::ItemName;
use crate::domain::money::parse_decimal;
use crate::store::fee_rate::FeeRate;
use crate::store::{StoreError, Transaction};

/// Whether each rate of fees is what the price has at its position.
pub(super) async fn check_rates(
    transaction: &mut Transaction,
    findings: &mut Vec<String>,
) -> Result<(), StatementError> {
    let rates = match transaction.fee_rates().await {
        Err(StoreError::Corrupt { what }) => {
            findings.push(format!("rates of fees cannot be read: {what}"));
            return Ok(());
        }
        rates => rates?,
    };
    let mut tariffs = KeptTariffs::default();
    for FeeRate { plan, item, position, rate } in rates {
        let tariff = tariffs.of(transaction, &plan).await?;
        let fee = tariff.and_then(|tariff| tariff.fee_named(item.as_ref()));
        let price = fee.and_then(|fee| fee.rate_at(position));
        if price.is_none_or(|price| parse_decimal(&rate) != Ok(price)) {
            let item = item.as_ref().map_or(ItemName::CALLS, ItemName::as_str);
            let price = price.map_or_else(|| "none that is known".to_owned(), |price| price.to_string());
            let at = if position.to_string().is_empty() { String::new() } else { format!(" {position}") };
            findings
                .push(format!("{plan} {item}{at}: fees stand at a rate of {rate}, and the price is {price}"));
        }
    }
    Ok(())
}
