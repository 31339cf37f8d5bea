//! Each line of a statement is explained by its charges and by what the ledger has of them, and each call by its place among others.

use proptest::prelude::*;
use tollgate::billing::explain::{CallPlace, ExplainError, Explanation, Which, explain, key_of};
use tollgate::billing::ledger::check::check;
use tollgate::billing::statement::{CloseEarly, close, show};
use tollgate::domain::charge::ChargeKind;
use tollgate::domain::recurring::Recurring;
use tollgate::domain::tariff::Tariff;
use tollgate::domain::usage::UsageRecord;
use tollgate::domain::working::LineName;
use tollgate::store::Store;

use super::items::{any_records, by_items};
use super::ledger::without;
use super::on_both_stores;
use super::recurring::{ALWAYS, keep, monthly, subscribe, with_app};
use super::seed::{
    app, at, cny, none, november, period, plan, record, refund, register, sale, tariff, usage, zone,
};
use super::split::sample;
use super::workings::by_volume;
use crate::support::stores::Place;

on_both_stores! {
    of_ten_calls_that_come_to_a_cent_one_has_it,
    each_line_of_any_months_agrees_with_its_charges_and_with_the_ledger,
    lines_of_every_kind_agree_with_their_charges_and_with_the_ledger,
    what_was_changed_behind_its_back_does_not_agree,
    what_is_no_line_is_not_explained,
    a_line_that_an_older_program_closed_is_reckoned_as_it_is_explained,
}

async fn closed(store: &Store, month: &str) {
    let (now, early) = (at("2027-01-02T00:00:00Z"), CloseEarly::Allowed);
    let now = if month == "2026-11" { november() } else { now };
    close(store, period(month), (&zone(), now), early).await.unwrap();
}

async fn named(store: &Store, name: &str, usage: Option<&str>) -> Explanation {
    explain(store, Which::Named(name.parse().unwrap()), usage).await.unwrap()
}

async fn of_ten_calls_that_come_to_a_cent_one_has_it(place: Place) {
    let store = place.open().await;
    register(&store, &plan("standard", 1), &tariff("0.001", 0, "0")).await;
    let calls: Vec<UsageRecord> = (1..=10).map(|number| usage(number, 1, None)).collect();
    record(&store, 1, &calls[..7]).await;
    record(&store, 8, &calls[7..]).await;
    let app = app("app_1");
    let line = show(&store, period("2026-11"), None).await.unwrap()[0].lines[0].key.id().to_string();
    let mut added = Vec::new();
    for call in &calls {
        let which = Which::Of(period("2026-11"), &app, &line);
        let explained = explain(&store, which, Some(&call.id.to_string())).await.unwrap();
        assert!(explained.agrees() && explained.name.is_none() && explained.line.working.is_some());
        let CallPlace { before, with } = explained.call.unwrap();
        let [before, with] = [before, with].map(|one| (one.exact.in_major(cny()), one.rounded.minor));
        added.push((before.0, with.0, with.1 - before.1));
    }
    let thousandths = |number: usize| match number {
        0 => "0".to_owned(),
        10 => "0.01".to_owned(),
        number => format!("0.00{number}"),
    };
    let expected: Vec<_> = (0..10)
        .map(|number| (thousandths(number), thousandths(number + 1), i64::from(number == 4)))
        .collect();
    assert_eq!(added, expected, "half a cent is rounded up");
    store.close().await;
}

async fn each_line_of_any_months_agrees_with_its_charges_and_with_the_ledger(place: Place) {
    let store = place.open().await;
    for version in 1..=3 {
        register(&store, &plan("standard", version), &by_items()).await;
    }
    let records: Vec<UsageRecord> = sample(any_records().prop_shuffle());
    let (early, late) = records.split_at(records.len() / 2);
    record(&store, 1, early).await;
    closed(&store, "2026-11").await;
    record(&store, early.len() as u64 + 1, late).await;
    closed(&store, "2026-12").await;
    for month in ["2026-11", "2026-12"] {
        for statement in show(&store, period(month), None).await.unwrap() {
            for place in 0..statement.lines.len() {
                let name = statement.line_name(place).unwrap();
                each_call_has_its_place(&store, name).await;
            }
        }
    }
    store.close().await;
}

async fn each_call_has_its_place(store: &Store, name: LineName) {
    let explained = named(store, &name.to_string(), None).await;
    assert!(explained.agrees(), "{explained:#?}");
    assert_eq!(key_of(store, Which::Named(name)).await.unwrap(), explained.line.key);
    let charges = store.charges_of_line_alone(&explained.line.key, "").await.unwrap();
    assert_eq!(charges.len() as u64, explained.line.charges);
    for kept in charges.iter().filter(|kept| kept.charge.line.kind == ChargeKind::ServiceFee) {
        let usage = kept.charge.usage.to_string();
        let explained = named(store, &name.to_string(), Some(&usage)).await;
        let CallPlace { before, with } = explained.call.unwrap();
        assert_eq!(with.rounded.minor - before.rounded.minor, kept.charge.minor, "{usage}");
    }
}

async fn lines_of_every_kind_agree_with_their_charges_and_with_the_ledger(place: Place) {
    let store = with_app(&place).await;
    let recurring = Recurring { fee: monthly(9_900), minimum: monthly(50_000) };
    let by_the_month = Tariff { recurring, ..tariff("0.003", 1, "2.5") };
    keep(&store, &plan("standard", 1), &by_the_month, ALWAYS).await;
    subscribe(&place, ("sub_1", "storefront", "standard"), ("2026-11-09T16:00:00Z", None)).await;
    let sold = |number: u128| usage(number, 1, Some(sale(&format!("o-{number}"), 10_000)));
    record(&store, 1, &[sold(1), sold(2), usage(3, 1, Some(refund("o-1", 4_000)))]).await;
    closed(&store, "2026-11").await;
    record(&store, 4, &[usage(4, 1, Some(refund("o-2", 10_000)))]).await;
    closed(&store, "2026-12").await;
    let mut kinds = Vec::new();
    for month in ["2026-11", "2026-12"] {
        let statement = show(&store, period(month), None).await.unwrap().remove(0);
        for place in 0..statement.lines.len() {
            let name = statement.line_name(place).unwrap().to_string();
            let explained = named(&store, &name, None).await;
            assert!(explained.agrees(), "{explained:#?}");
            assert_eq!(explained.name.map(|name| name.to_string()), Some(name));
            assert!(explained.version.is_some());
            kinds.push(explained.line.key.kind);
        }
    }
    let rewalks = [ChargeKind::Rewalk, ChargeKind::ShareRewalk];
    let mut expected = ChargeKind::ALL.into_iter().filter(|kind| !rewalks.contains(kind));
    assert!(expected.all(|kind| kinds.contains(&kind)), "{kinds:?}");
    store.close().await;
}

async fn what_was_changed_behind_its_back_does_not_agree(place: Place) {
    let store = place.open().await;
    register(&store, &plan("standard", 1), &tariff("0.01", 0, "2.5")).await;
    record(&store, 1, &[usage(1, 5, Some(sale("o-1", 10_000))), usage(2, 1, None)]).await;
    closed(&store, "2026-11").await;
    for table in ["usage", "other_charge", "ledger_entry"] {
        place.tamper(&without(&place, &format!("{table}_stays"), table)).await;
    }
    for (there, back, lines) in [
        (
            "update usage set fee_minor = fee_minor + 1 where sequence = 2",
            "update usage set fee_minor = fee_minor - 1 where sequence = 2",
            [false, true],
        ),
        (
            "update other_charge set minor = minor + 1",
            "update other_charge set minor = minor - 1",
            [true, false],
        ),
        (
            "update ledger_entry set minor = minor + 1 where minor = 250",
            "update ledger_entry set minor = minor - 1 where minor = 251",
            [true, false],
        ),
    ] {
        place.tamper(there).await;
        let agree = [named(&store, "1.1", None).await, named(&store, "1.2", None).await];
        assert_eq!(agree.map(|explained| explained.agrees()), lines, "{there}");
        place.tamper(back).await;
        assert!(named(&store, "1.1", None).await.agrees() && named(&store, "1.2", None).await.agrees());
    }
    store.close().await;
}

async fn what_is_no_line_is_not_explained(place: Place) {
    let store = place.open().await;
    register(&store, &plan("standard", 1), &tariff("0.01", 0, "2.5")).await;
    record(&store, 1, &[usage(1, 5, None)]).await;
    let app = app("app_1");
    let id = "CNY 2026-11 service_fee storefront standard@1";
    for which in [
        Which::Named(LineName { statement: 1, place: 1 }),
        Which::Of(period("2026-12"), &app, id),
        Which::Of(period("2026-11"), &app, "CNY 2026-11 service_fee storefront standard@2"),
    ] {
        assert!(matches!(explain(&store, which, None).await, Err(ExplainError::NoLine)), "{which:?}");
        assert!(matches!(key_of(&store, which).await, Err(ExplainError::NoLine)), "{which:?}");
    }
    closed(&store, "2026-11").await;
    let beyond = Which::Named(LineName { statement: 1, place: 2 });
    assert!(matches!(explain(&store, beyond, None).await, Err(ExplainError::NoLine)));
    let unknown = explain(&store, Which::Of(period("2026-11"), &app, id), Some("no record")).await.unwrap();
    assert!(unknown.call.is_none() && unknown.agrees());
    store.close().await;
}

async fn a_line_that_an_older_program_closed_is_reckoned_as_it_is_explained(place: Place) {
    let store = place.open().await;
    register(&store, &plan("standard", 1), &by_volume()).await;
    record(&store, 1, &[usage(1, 12, None)]).await;
    closed(&store, "2026-11").await;
    let told = named(&store, "1.1", None).await;
    // What the form before lacked.
    let content = place.texts("select content from statement").await.remove(0);
    let mut content: serde_json::Value = serde_json::from_str(&content).unwrap();
    content["format"] = 3.into();
    let lines = content["lines"].as_array_mut().unwrap();
    for line in lines.iter_mut().filter_map(serde_json::Value::as_object_mut) {
        for field in ["place", "steps", "exact", "rounding", "billed_before"] {
            assert!(line.remove(field).is_some(), "{field}");
        }
    }
    let content = content.to_string();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, content.as_bytes());
    let hash: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    place.tamper(&without(&place, "statement_stays", "statement")).await;
    place.tamper(&format!("update statement set content = '{content}', hash = '{hash}'")).await;
    none(&check(&store).await.unwrap().findings);
    assert!(show(&store, period("2026-11"), None).await.unwrap()[0].lines[0].working.is_none());
    let reckoned = named(&store, "1.1", None).await;
    assert_eq!((&reckoned.line, reckoned.name), (&told.line, told.name));
    assert!(reckoned.line.working.is_some() && reckoned.agrees());
    store.close().await;
}
