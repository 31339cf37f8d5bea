//! What is kept by batches is found by app and time, by line and by record: all of it, once, in whatever batches it came.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use tollgate::billing::ledger::check::check;
use tollgate::billing::statement::{charges_of, show};
use tollgate::domain::id::AppId;
use tollgate::domain::time::Timestamp;
use tollgate::domain::usage::UsageRecord;
use tollgate::store::Store;
use tollgate::store::charge::KeptCharge;
use tollgate::store::usage::UsageRow;
use uuid::Uuid;

use super::on_both_stores;
use super::seed::{app, none, november, period, plan, record_at, register, sale, tariff, usage};
use crate::support::stores::Place;

on_both_stores! {
    usage_is_found_by_app_and_time,
    every_charge_is_found_once_by_its_line_and_by_its_record,
    charges_of_a_line_of_two_partners_are_in_the_order_of_their_records,
}

const DAY: u64 = 86_400;

/// Calls of three apps in some days, not in the order of time, with the sizes of the batches that they come in.
fn batches() -> impl Strategy<Value = Vec<Vec<UsageRecord>>> {
    let one = (0_u64..3, 0..6 * DAY, 1_u64..5, any::<bool>());
    prop::collection::vec(prop::collection::vec(one, 1..30), 1..8).prop_map(|batches| {
        let mut number = 0_u128;
        let mut record = |(of, second, units, is_sale): (u64, u64, u64, bool)| {
            number += 1;
            let sold = is_sale.then(|| sale(&format!("o-{number}"), 10_000));
            let mut record = usage(number, units, sold);
            // Ids do not follow the order in which the records come.
            record.id = Uuid::from_u128(number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
            record.app = app(&format!("app_{of}"));
            record.at = november().plus(Duration::from_secs(second));
            record
        };
        batches.into_iter().map(|batch| batch.into_iter().map(&mut record).collect()).collect()
    })
}

async fn recorded(place: &Place) -> (Store, Vec<UsageRecord>) {
    let store = place.open().await;
    register(&store, &plan("standard", 1), &tariff("0.0037", 3, "2.5")).await;
    let batches = batches().new_tree(&mut TestRunner::default()).unwrap().current();
    let mut first = 1;
    for batch in &batches {
        record_at(&store, november(), first, batch).await;
        first += u64::try_from(batch.len()).unwrap();
    }
    none(&check(&store).await.unwrap().findings);
    (store, batches.into_iter().flatten().collect())
}

async fn usage_is_found_by_app_and_time(place: Place) {
    let (store, records) = recorded(&place).await;
    let hours = [0, 5, 24, 30, 49, 96, 200];
    for of in ["app_0", "app_1", "app_2", ""] {
        for (from, to) in hours.iter().flat_map(|from| hours.iter().map(move |to| (*from, *to))) {
            let time = |hours: u64| november().plus(Duration::from_secs(hours * 3600));
            let (from, to): (Timestamp, Timestamp) = (time(from), time(to));
            let mut expected: Vec<_> = records
                .iter()
                .filter(|record| of.is_empty() || record.app.as_str() == of)
                .filter(|record| from <= record.at && record.at < to)
                .map(|record| (record.at, record.id.to_string()))
                .collect();
            expected.sort_unstable_by(|one, other| other.cmp(one));
            let named = app(if of.is_empty() { "none" } else { of });
            let named = (!of.is_empty()).then_some(&named);
            for size in [1000, 1, 7] {
                // A long walk for one time alone.
                if size > 1 || from == november() {
                    assert_eq!(
                        paged(&store, named, (from, to), size).await,
                        expected,
                        "{of} {from} {to} by {size}"
                    );
                }
            }
        }
    }
    for record in &records {
        let found = store.usage_record(&record.id.to_string()).await.unwrap().unwrap();
        assert_eq!((found.app, found.at, found.status), (record.app.clone(), record.at, 201));
    }
    store.close().await;
}

/// What pages of `size` have, each read on from where the one before ended.
async fn paged(
    store: &Store,
    app: Option<&AppId>,
    span: (Timestamp, Timestamp),
    size: u32,
) -> Vec<(Timestamp, String)> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = store.usage(app, span, after.as_ref(), size).await.unwrap();
        after = page.last().and_then(UsageRow::cursor);
        let is_last = page.len() < size as usize;
        found.extend(page.into_iter().map(|row| (row.at, row.id)));
        if is_last {
            return found;
        }
    }
}

async fn every_charge_is_found_once_by_its_line_and_by_its_record(place: Place) {
    let (store, records) = recorded(&place).await;
    let month = period("2026-11");
    for of in ["app_0", "app_1", "app_2"].map(app) {
        let all = store.charges(month, &of, "").await.unwrap();
        // From wherever it is read on, the rest follows.
        for (place, kept) in all.iter().enumerate() {
            let rest = store.charges(month, &of, &kept.charge.usage.to_string()).await.unwrap();
            let expected: Vec<&KeptCharge> =
                all[place..].iter().filter(|other| other.charge.usage != kept.charge.usage).collect();
            assert_eq!(rest.iter().collect::<Vec<_>>(), expected);
        }
        let by_line: BTreeMap<String, Vec<&KeptCharge>> =
            all.iter().fold(BTreeMap::new(), |mut lines, kept| {
                lines.entry(kept.charge.line.id().to_string()).or_insert_with(Vec::new).push(kept);
                lines
            });
        for (line, expected) in &by_line {
            let found = charges_of(&store, (month, &of), line, "").await.unwrap().unwrap();
            assert_eq!(found.iter().collect::<Vec<_>>(), *expected, "{line}");
        }
        let statements = show(&store, month, Some(&of)).await.unwrap();
        let lines: Vec<_> = statements.iter().flat_map(|statement| &statement.lines).collect();
        assert_eq!(lines.len(), by_line.len());
        for line in lines {
            let charges = &by_line[&line.key.id().to_string()];
            assert_eq!(charges.iter().map(|kept| kept.charge.minor).sum::<i64>(), line.amount.minor);
            assert_eq!(u64::try_from(charges.len()).unwrap(), line.charges);
        }
    }
    for record in &records {
        let found = store.charges_of_usage(&record.id.to_string()).await.unwrap();
        let kinds: Vec<&str> = found.iter().map(|kept| kept.charge.line.kind.name()).collect();
        let is_sale = matches!(
            &record.evidence,
            tollgate::domain::usage::Evidence::Billable { transaction: Some(_), .. }
        );
        assert_eq!(kinds, if is_sale { vec!["service_fee", "revenue_share"] } else { vec!["service_fee"] });
        assert!(
            found.iter().all(
                |kept| kept.charge.usage == record.id && kept.cause.is_some() == (kept.charge.minor != 0)
            )
        );
    }
    store.close().await;
}

/// As an app has it that went from one partner to another in the month.
async fn charges_of_a_line_of_two_partners_are_in_the_order_of_their_records(place: Place) {
    let store = place.open().await;
    register(&store, &plan("standard", 1), &tariff("0.01", 0, "2.5")).await;
    let by_turns = |number: u128| {
        let partner = format!("partner_{}", number % 2).parse().unwrap();
        let at = november().plus(Duration::from_secs(u64::try_from(number).unwrap()));
        UsageRecord { partner, at, ..usage(number, 1, None) }
    };
    record_at(&store, november(), 1, &(1..=4).map(by_turns).collect::<Vec<_>>()).await;
    let (month, of) = (period("2026-11"), app("app_1"));
    let statements = show(&store, month, Some(&of)).await.unwrap();
    assert_eq!(statements.len(), 2, "{statements:#?}");
    let line = statements[0].lines[0].key.id().to_string();
    let (line, after) = (line.as_str(), Uuid::from_u128(2).to_string());
    for (after, expected) in [("", vec![1, 2, 3, 4]), (after.as_str(), vec![3, 4])] {
        let found = charges_of(&store, (month, &of), line, after).await.unwrap().unwrap();
        let numbers: Vec<u128> = found.iter().map(|kept| kept.charge.usage.as_u128()).collect();
        assert_eq!(numbers, expected);
    }
    store.close().await;
}
