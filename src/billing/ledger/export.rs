//! Accounts and their history as CSV, a row for each, with amounts in major units.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use rust_decimal::Decimal;

use super::history::History;
use crate::billing::statement::export::inert;
use crate::domain::account::Account;
use crate::domain::money::Currency;
use crate::store::ledger::Balance;

/// Minor units in major ones; a currency that this program does not know keeps its minor ones.
#[must_use]
pub fn major(minor: i128, currency: &str) -> String {
    let currency = currency.parse::<Currency>().ok();
    let decimal = currency.and_then(|known| Decimal::try_from_i128_with_scale(minor, known.exponent()).ok());
    decimal.map_or_else(|| minor.to_string(), |decimal| decimal.to_string())
}

/// What accounts come to.
///
/// # Errors
/// What the CSV writer says.
pub fn balances_to_csv(balances: &[Balance]) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["account", "balance", "currency"])?;
    for balance in balances {
        let Balance { account, currency, minor } = balance;
        writer.write_record([inert(account), major(*minor, currency), inert(currency)])?;
    }
    text(writer)
}

/// A page of an account's history.
///
/// # Errors
/// What the CSV writer says.
pub fn history_to_csv(
    (account, currency): (&Account, Currency),
    history: &History,
) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "number", "at", "cause", "app", "period", "reason", "account", "amount", "balance", "currency",
    ])?;
    for (entry, balance) in &history.entries {
        writer.write_record([
            entry.number.to_string(),
            entry.at.to_string(),
            inert(&entry.cause),
            inert(&entry.app),
            inert(&entry.period),
            inert(entry.reason.as_deref().unwrap_or_default()),
            inert(&account.to_string()),
            major(entry.minor.into(), currency.code()),
            major(*balance, currency.code()),
            currency.to_string(),
        ])?;
    }
    text(writer)
}

fn text(writer: csv::Writer<Vec<u8>>) -> Result<String, csv::Error> {
    let bytes =
        writer.into_inner().map_err(|error| csv::Error::from(std::io::Error::other(error.to_string())))?;
    Ok(String::from_utf8(bytes).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Timestamp;
    use crate::store::account_history::HistoryEntry;

    #[test]
    fn what_comes_from_outside_is_no_formula_and_amounts_are_numbers() {
        let entry = HistoryEntry {
            number: 7,
            cause: "manual:paid-1".to_owned(),
            at: Timestamp::default(),
            app: String::new(),
            period: String::new(),
            reason: Some("=1+1, \"cash\"".to_owned()),
            minor: -125,
        };
        let history = History { opening: 0, entries: vec![(entry, -125)], closing: -125, next: None };
        let account = "partner:a:receivable".parse().unwrap();
        let written = history_to_csv((&account, "CNY".parse().unwrap()), &history).unwrap();
        let row = written.lines().nth(1).unwrap();
        assert_eq!(
            row,
            "7,1970-01-01T00:00:00Z,manual:paid-1,,,\"'=1+1, \"\"cash\"\"\",partner:a:receivable,-1.25,-1.25,CNY"
        );
    }

    #[test]
    fn an_account_of_a_currency_that_is_not_known_keeps_its_minor_units() {
        let balance = |currency: &str, minor| Balance {
            account: "platform:cash".to_owned(),
            currency: currency.to_owned(),
            minor,
        };
        let huge = i128::from(i64::MAX).saturating_mul(10);
        let balances = [balance("CNY", huge), balance("JPY", 5), balance("???", -7)];
        assert_eq!(
            balances_to_csv(&balances).unwrap(),
            "account,balance,currency\nplatform:cash,922337203685477580.70,CNY\nplatform:cash,5,JPY\nplatform:cash,-7,???\n"
        );
    }
}
