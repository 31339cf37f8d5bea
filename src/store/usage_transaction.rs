//! What few transactions have, beside their usage records: a kind other than sale and refund, and details. Append-only, by triggers
//! of both stores.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::error::StoreError;
use super::row::{known, parse};
use super::transaction::Transaction;
use crate::domain::transaction::{self, Details, Extent, Reach, TransactionKind};

/// What is kept of a transaction beside its usage record; none of most.
fn kept(transaction: &transaction::Transaction) -> Option<(Option<&'static str>, Option<String>)> {
    let kind = in_record(transaction.kind).is_none().then(|| transaction.kind.name());
    let details = (!transaction.details.is_plain()).then(|| to_json(&transaction.details).to_string());
    (kind.is_some() || details.is_some()).then_some((kind, details))
}

/// The name of a kind that stands in usage records themselves.
pub(super) fn in_record(kind: TransactionKind) -> Option<&'static str> {
    match kind {
        TransactionKind::Sale | TransactionKind::Refund => Some(kind.name()),
        TransactionKind::Cancellation
        | TransactionKind::Settlement
        | TransactionKind::Chargeback
        | TransactionKind::ChargebackWon => None,
    }
}

fn to_json(details: &Details) -> Value {
    let Details { extent, reach, tax, shipping, category, parties } = details;
    let parties: BTreeMap<&str, &str> =
        parties.iter().map(|(name, partner)| (name.as_str(), partner.as_str())).collect();
    json!({
        "is_rest": *extent == Extent::Rest,
        "reach": reach.name(),
        "tax": tax,
        "shipping": shipping,
        "category": category.as_ref().map(|category| category.as_str()),
        "parties": parties,
    })
}

/// The details that were kept as a text.
pub(super) fn details(text: &str) -> Result<Details, StoreError> {
    const WHAT: &str = "usage_transaction.details";
    let value: Value = serde_json::from_str(text).map_err(|_| StoreError::corrupt(WHAT))?;
    let parties = value["parties"].as_object().into_iter().flatten().map(|(name, partner)| {
        let partner = known(WHAT, partner.as_str())?;
        Ok((parse(WHAT, name)?, parse(WHAT, partner)?))
    });
    Ok(Details {
        extent: if value["is_rest"] == true { Extent::Rest } else { Extent::Amount },
        reach: known(WHAT, value["reach"].as_str().and_then(Reach::named))?,
        tax: value["tax"].as_i64(),
        shipping: value["shipping"].as_i64(),
        category: value["category"].as_str().map(|category| parse(WHAT, category)).transpose()?,
        parties: parties.collect::<Result<_, StoreError>>()?,
    })
}

impl Transaction {
    /// Keeps what stands beside usage records, by their numbers.
    pub(super) async fn insert_usage_transactions<'t>(
        &mut self,
        transactions: impl Iterator<Item = (i64, &'t transaction::Transaction)>,
    ) -> Result<(), StoreError> {
        let rows: Vec<_> = transactions.filter_map(|(number, one)| Some((number, kept(one)?))).collect();
        insert_rows!(
            self,
            "insert into usage_transaction (usage, kind, details) ",
            3,
            rows,
            "",
            |row, new| {
                let (number, (kind, details)) = new;
                row.push_bind(*number).push_bind(*kind).push_bind(details.as_deref());
            }
        )?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_details_survive_their_text(
            (is_rest, is_any, tax, shipping) in any::<(bool, bool, Option<i64>, Option<i64>)>(),
            category in prop::option::of("[!#-\\[\\]-~]{1,128}"),
            parties in prop::collection::btree_map("[!#-\\[\\]-~]{1,20}", "[!#-\\[\\]-~]{1,20}", 0..4),
        ) {
            let parties = parties.iter().map(|(name, partner)| (name.parse().unwrap(), partner.parse().unwrap()));
            let one = Details {
                extent: if is_rest { Extent::Rest } else { Extent::Amount },
                reach: if is_any { Reach::AnyApp } else { Reach::OwnApp },
                tax,
                shipping,
                category: category.map(|name| name.parse().unwrap()),
                parties: parties.collect(),
            };
            prop_assert_eq!(details(&to_json(&one).to_string()).unwrap(), one);
        }
    }

    #[test]
    fn details_survive_their_text() {
        let full = Details {
            extent: Extent::Rest,
            reach: Reach::AnyApp,
            tax: Some(7),
            shipping: Some(0),
            category: Some("ebook".parse().unwrap()),
            parties: vec![
                ("carrier".parse().unwrap(), "haulier".parse().unwrap()),
                ("supplier".parse().unwrap(), "acme".parse().unwrap()),
            ],
        };
        for one in [Details::default(), full] {
            assert_eq!(details(&to_json(&one).to_string()).unwrap(), one);
        }
        for broken in ["", "{}", r#"{"reach":"own-app","parties":{"a":1}}"#] {
            assert!(details(broken).is_err(), "{broken}");
        }
    }
}
