//! A transaction as an operator gives it, to rate a call by.

use serde_json::{Map, Value};

use crate::domain::id::{CategoryName, PartnerId, PartyName};
use crate::domain::money::{Amount, Currency};
use crate::domain::transaction::{Details, Extent, Reach, Transaction, TransactionKind};

/// Longest id of a transaction, in bytes.
const MAX_TRANSACTION_ID: usize = 256;

/// What may stand in a transaction.
const KNOWN: [&str; 10] =
    ["id", "of", "kind", "amount", "currency", "sale_of", "tax", "shipping", "category", "parties"];

/// `{"id": …, "of": …, "kind": "sale" | "refund" | …, "amount": "100.00", "currency": "CNY"}`. `of` and `sale_of` are of anything but
/// a sale, `tax`, `shipping`, `category` and `parties` of a sale alone; a cancellation or a settlement of all that is left has no
/// amount.
///
/// # Errors
/// What is wrong, to be read behind its name.
pub(super) fn transaction(value: &Value) -> Result<Transaction, String> {
    let fields = value.as_object().ok_or("must be an object with id, kind, amount and currency")?;
    if let Some(name) = fields.keys().find(|name| !KNOWN.contains(&name.as_str())) {
        return Err(format!("has {name:.64}, which is not known here; there are: {}", KNOWN.join(", ")));
    }
    let kind = TransactionKind::named(required(fields, "kind")?).ok_or_else(|| {
        let names = TransactionKind::ALL.map(TransactionKind::name);
        format!("has a kind that is none of {}", names.join(", "))
    })?;
    check_kind(kind, fields)?;
    let of = text(fields, "of").map(id).transpose()?;
    let currency: Currency = required(fields, "currency")?.parse().map_err(|error| format!("{error}"))?;
    let amount = money(fields, "amount", currency)?;
    let extent = match amount {
        Some(_) => Extent::Amount,
        None if kind.may_be_of_the_rest() => Extent::Rest,
        None => return Err("has no amount, which must be a string".to_owned()),
    };
    let details = Details {
        extent,
        reach: match text(fields, "sale_of") {
            None => Reach::OwnApp,
            Some(name) => Reach::named(name).ok_or("has a sale_of that is neither own-app nor any-app")?,
        },
        tax: money(fields, "tax", currency)?,
        shipping: money(fields, "shipping", currency)?,
        category: text(fields, "category").map(category).transpose()?,
        parties: parties(fields)?,
    };
    let amount = Amount { minor: amount.unwrap_or(0), currency };
    Ok(Transaction { id: id(required(fields, "id")?)?, of, amount, kind, details })
}

fn check_kind(kind: TransactionKind, fields: &Map<String, Value>) -> Result<(), String> {
    let is_sale = kind == TransactionKind::Sale;
    if is_sale && (fields.contains_key("of") || fields.contains_key("sale_of")) {
        return Err("is a sale, which is of no other transaction".to_owned());
    }
    match ["tax", "shipping", "category", "parties"].into_iter().find(|name| fields.contains_key(*name)) {
        Some(name) if !is_sale => Err(format!("has {name}, which only a sale has")),
        Some(_) | None => Ok(()),
    }
}

fn text<'f>(fields: &'f Map<String, Value>, name: &str) -> Option<&'f str> {
    fields.get(name).and_then(Value::as_str)
}

fn required<'f>(fields: &'f Map<String, Value>, name: &str) -> Result<&'f str, String> {
    text(fields, name).ok_or_else(|| format!("has no {name}, which must be a string"))
}

fn id(text: &str) -> Result<String, String> {
    let fits = !text.is_empty() && text.len() <= MAX_TRANSACTION_ID;
    fits.then(|| text.to_owned())
        .ok_or_else(|| format!("has an id that is not of 1 to {MAX_TRANSACTION_ID} bytes"))
}

fn category(text: &str) -> Result<CategoryName, String> {
    CategoryName::new(text).map_err(|error| format!("has a category that is none: {error}"))
}

/// Minor units of an amount; nothing if it is not there, or null.
fn money(fields: &Map<String, Value>, name: &str, currency: Currency) -> Result<Option<i64>, String> {
    let text = match fields.get(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(value) => value.as_str().ok_or_else(|| format!("has {name} that is not a string"))?,
    };
    let amount = Amount::parse(text, currency).map_err(|error| error.to_string())?;
    if amount.minor < 0 {
        return Err(format!("has {name} below zero; what goes back is above zero too"));
    }
    Ok(Some(amount.minor))
}

fn parties(fields: &Map<String, Value>) -> Result<Vec<(PartyName, PartnerId)>, String> {
    let Some(parties) = fields.get("parties") else { return Ok(Vec::new()) };
    let wrong = || "has parties that are not an object of partners by their names".to_owned();
    let party = |(name, partner): (&String, &Value)| {
        let partner = partner.as_str().ok_or_else(wrong)?;
        let named = PartyName::new(name).map_err(|_| wrong())?;
        Ok((named, PartnerId::new(partner).map_err(|_| wrong())?))
    };
    let mut parties: Vec<_> =
        parties.as_object().ok_or_else(wrong)?.iter().map(party).collect::<Result<_, String>>()?;
    parties.sort();
    Ok(parties)
}
