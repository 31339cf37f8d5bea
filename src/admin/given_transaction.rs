//! A transaction as an operator gives it, to rate a call by.

use serde_json::{Map, Value};

use crate::domain::id::{CategoryName, PartnerId, PartyName};
use crate::domain::money::{Amount, Currency};
use crate::domain::transaction::{
    Details, Extent, MAX_TRANSACTION_ID, Reach, Transaction, TransactionKind, is_transaction_id,
};

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
    let of = text(fields, "of")?.map(id).transpose()?;
    let currency: Currency = required(fields, "currency")?.parse().map_err(|error| format!("{error}"))?;
    let amount = money(fields, "amount", currency)?;
    let extent = match amount {
        Some(_) => Extent::Amount,
        None if kind.may_be_of_the_rest() => Extent::Rest,
        None => return Err("has no amount, which must be a string".to_owned()),
    };
    let details = Details {
        extent,
        reach: match text(fields, "sale_of")? {
            None => Reach::OwnApp,
            Some(name) => Reach::named(name).ok_or("has a sale_of that is neither own-app nor any-app")?,
        },
        tax: money(fields, "tax", currency)?,
        shipping: money(fields, "shipping", currency)?,
        category: text(fields, "category")?.map(category).transpose()?,
        parties: parties(fields)?,
    };
    let amount = Amount { minor: amount.unwrap_or(0), currency };
    Ok(Transaction { id: id(required(fields, "id")?)?, of, amount, kind, details })
}

fn check_kind(kind: TransactionKind, fields: &Map<String, Value>) -> Result<(), String> {
    let is_sale = kind == TransactionKind::Sale;
    // What is shown of a transaction says null of what it does not have.
    let has = |name: &str| fields.get(name).is_some_and(|value| !value.is_null());
    if is_sale && (has("of") || has("sale_of")) {
        return Err("is a sale, which is of no other transaction".to_owned());
    }
    match ["tax", "shipping", "category", "parties"].into_iter().find(|name| has(name)) {
        Some(name) if !is_sale => Err(format!("has {name}, which only a sale has")),
        Some(_) | None => Ok(()),
    }
}

/// A text; none if it is not there, or null. Anything else is not passed over: without its `of` a refund would be another sale's.
fn text<'f>(fields: &'f Map<String, Value>, name: &str) -> Result<Option<&'f str>, String> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("has {name} that is not a string")),
    }
}

fn required<'f>(fields: &'f Map<String, Value>, name: &str) -> Result<&'f str, String> {
    text(fields, name)?.ok_or_else(|| format!("has no {name}, which must be a string"))
}

fn id(text: &str) -> Result<String, String> {
    is_transaction_id(text).then(|| text.to_owned()).ok_or_else(|| {
        format!(
            "has an id that is not of 1 to {MAX_TRANSACTION_ID} bytes, without control characters and blanks around it"
        )
    })
}

fn category(text: &str) -> Result<CategoryName, String> {
    CategoryName::new(text).map_err(|error| format!("has a category that is none: {error}"))
}

/// Minor units of an amount; nothing if it is not there, or null.
fn money(fields: &Map<String, Value>, name: &str, currency: Currency) -> Result<Option<i64>, String> {
    let Some(text) = text(fields, name)? else { return Ok(None) };
    let amount = Amount::parse(text, currency).map_err(|error| error.to_string())?;
    if amount.minor < 0 {
        return Err(format!("has {name} below zero; what goes back is above zero too"));
    }
    Ok(Some(amount.minor))
}

fn parties(fields: &Map<String, Value>) -> Result<Vec<(PartyName, PartnerId)>, String> {
    let parties = match fields.get("parties") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(parties) => parties,
    };
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::billing::books::exceptions::transaction_to_json;

    fn refund() -> Value {
        json!({ "id": "r-1", "of": "o-1", "kind": "refund", "amount": "1.00", "currency": "CNY" })
    }

    #[track_caller]
    fn check(name: &str, value: Value, expected: Result<(), &str>) {
        let mut given = refund();
        given[name] = value;
        match (transaction(&given), expected) {
            (Ok(_), Ok(())) => {}
            (Err(error), Err(part)) => assert!(error.contains(part), "{given}: {error}"),
            (found, _) => panic!("{given}: {found:?}, not {expected:?}"),
        }
    }

    #[test]
    fn what_is_no_text_is_not_passed_over_and_an_id_is_one_that_a_meter_reads() {
        for name in ["id", "of", "kind", "currency", "amount", "sale_of"] {
            check(name, json!(7), Err("that is not a string"));
        }
        for id in ["", " o-1", "o-1\n", "a\u{0}b", &"x".repeat(MAX_TRANSACTION_ID + 1)] {
            check("id", json!(id), Err("has an id that is not"));
            check("of", json!(id), Err("has an id that is not"));
        }
        check("of", Value::Null, Ok(()));
        check("of", json!("订单 1"), Ok(()));
        check("sale_of", json!("any-app"), Ok(()));
        check("category", json!("ebook"), Err("which only a sale has"));
        check("amount", Value::Null, Err("has no amount"));
    }

    proptest! {
        #[test]
        fn a_transaction_that_is_shown_is_given_again_as_it_is(
            kind in prop::sample::select(TransactionKind::ALL.to_vec()), minor in 0..=i64::MAX, is_rest: bool, is_any: bool,
            ids in ("\\PC{1,9}", prop::option::of("\\PC{1,9}")), (tax, shipping) in any::<(Option<u32>, Option<u32>)>(),
            category in prop::option::of("[a-z]{1,9}"), parties in prop::collection::btree_map("[a-z]{1,9}", "[a-z]{1,9}", 0..3),
        ) {
            let is_sale = kind == TransactionKind::Sale;
            let is_rest = is_rest && kind.may_be_of_the_rest();
            let (id, of) = (ids.0, ids.1.filter(|_| !is_sale));
            prop_assume!(is_transaction_id(&id) && of.as_deref().is_none_or(is_transaction_id));
            let of_sale = |minor: Option<u32>| minor.map(i64::from).filter(|_| is_sale);
            let parties = parties.iter().filter(|_| is_sale);
            let details = Details {
                extent: if is_rest { Extent::Rest } else { Extent::Amount },
                reach: if is_any && !is_sale { Reach::AnyApp } else { Reach::OwnApp },
                tax: of_sale(tax),
                shipping: of_sale(shipping),
                category: category.filter(|_| is_sale).map(|name| CategoryName::new(&name).unwrap()),
                parties: parties
                    .map(|(name, id)| (PartyName::new(name).unwrap(), PartnerId::new(id).unwrap()))
                    .collect(),
            };
            let amount = Amount { minor: if is_rest { 0 } else { minor }, currency: "CNY".parse().unwrap() };
            let given = Transaction { id, of, amount, kind, details };
            prop_assert_eq!(transaction(&transaction_to_json(&given)), Ok(given));
        }
    }
}
