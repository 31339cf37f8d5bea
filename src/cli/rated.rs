//! How a recorded call was rated: each charge with the rule and plan version that made it, and what the ledger posts of it.

use serde_json::{Value, json};

use super::failure::Outcome;
use super::screen::{Column, Screen};

const CHARGES: &[Column] = &[
    ("charge", "/kind"),
    ("item", "/item"),
    ("how", "/how"),
    ("rounding", "/rounding"),
    ("amount", "/amount"),
    ("posted", "/posted"),
    ("currency", "/currency"),
    ("plan", "/plan"),
    ("rule", "/rule"),
    ("line", "/line"),
    ("used in", "/service_period"),
    ("billed in", "/period"),
];

const POSTINGS: &[Column] = &[
    ("ledger cause", "/cause"),
    ("period", "/period"),
    ("account", "/account"),
    ("amount", "/amount"),
    ("currency", "/currency"),
];

/// Shows the charges of a usage record to people, how the share of its sale stands that is pending, and what the ledger posts of both.
pub(super) fn show(record: &Value, screen: &Screen) -> Outcome {
    let charges: Vec<Value> = list(record, "charges").iter().map(with_how).collect();
    screen.list(&charges, CHARGES, "Nothing is charged for it.")?;
    if let Some(words) = pending_in_words(&record["pending_share"]) {
        screen.text("")?;
        screen.lines(&words)?;
    }
    let postings: Vec<Value> = list(record, "postings").iter().flat_map(by_account).collect();
    if postings.is_empty() {
        return Ok(());
    }
    screen.text("")?;
    screen.list(&postings, POSTINGS, "")
}

/// How the share of a sale stands of which something is pending, as `pending_share` tells it.
pub(super) fn pending_in_words(pending: &Value) -> Option<String> {
    let text = |name: &str| pending[name].as_str();
    let (amount, currency, sale) = (text("amount")?, text("currency")?, text("sale")?);
    let due = text("due").map(|due| match pending["unsettled"] == true {
        true => format!(" That should have been by {due}."),
        false => format!(" Its plan has that happen by {due}."),
    });
    Some(format!(
        "{amount} {currency} of the share of sale {sale} is pending: it stands on no statement until its money moved.{}",
        due.unwrap_or_default()
    ))
}

fn list<'r>(record: &'r Value, name: &str) -> &'r [Value] {
    record[name].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn with_how(charge: &Value) -> Value {
    let mut charge = charge.clone();
    charge["how"] = json!(how(&charge["price"]));
    charge
}

/// How much of what is charged, at which price: `3 units and 2 free, 0.01 each` or `2.5% of 100.00, transaction o-1`.
fn how(price: &Value) -> String {
    let text = |name: &str| price[name].as_str();
    let words = text("price");
    let mut told = match (price["units"].as_u64(), text("percent")) {
        (Some(units), _) => {
            let free = price["free_units"].as_u64().filter(|free| *free > 0);
            let free = free.map(|free| format!(" and {free} free")).unwrap_or_default();
            let each = || format!("{} each", text("unit_price").unwrap_or("–"));
            format!("{}{free}, {}", self::units(units), words.map_or_else(each, str::to_owned))
        }
        (None, Some(percent)) => words.map_or_else(|| format!("{percent}%"), str::to_owned),
        (None, None) => words.unwrap_or("–").to_owned(),
    };
    let of = if words.is_some() { ", of " } else { " of " };
    let parts = [(", in ", text("position")), (of, text("base")), (", transaction ", text("transaction"))];
    for (before, part) in parts {
        if let Some(part) = part {
            told.push_str(before);
            told.push_str(part);
        }
    }
    told
}

/// A number of units in words.
pub(super) fn units(units: u64) -> String {
    let unit = if units == 1 { "unit" } else { "units" };
    format!("{units} {unit}")
}

/// A row for each account of a ledger transaction.
fn by_account(posting: &Value) -> Vec<Value> {
    let row = |account: &Value| {
        let mut row = posting.clone();
        (row["account"], row["amount"]) = (account["account"].clone(), account["amount"].clone());
        row
    };
    list(posting, "accounts").iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_much_is_charged_is_told_with_its_place_in_the_price() {
        for (price, told) in [
            (json!({"units": 1, "free_units": 0, "unit_price": "0.01"}), "1 unit, 0.01 each"),
            (json!({"units": 0, "free_units": 2, "unit_price": "0.01"}), "0 units and 2 free, 0.01 each"),
            (
                json!({"units": 3, "free_units": 0, "unit_price": "0.5", "price": "volume: …", "position": "bands 1-2"}),
                "3 units, volume: …, in bands 1-2",
            ),
            (
                json!({"transaction": "o-1", "base": "100.00", "percent": "2.5"}),
                "2.5% of 100.00, transaction o-1",
            ),
            (
                json!({"transaction": "o-1", "base": "100.00", "percent": "0", "price": "tiers: …"}),
                "tiers: …, of 100.00, transaction o-1",
            ),
            (json!({"transaction": "o-1", "price": "tiers: …"}), "tiers: …, transaction o-1"),
            (json!({"transaction": "o-1"}), "–, transaction o-1"),
        ] {
            assert_eq!(how(&price), told, "{price}");
        }
    }
}
