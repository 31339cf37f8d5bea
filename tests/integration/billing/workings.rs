//! Final statements say how each of their fees is reckoned, by themselves: also where units of before, of another version or of another
//! partner have a part in it; and which lines adjustments correct.

use proptest::prelude::*;
use tollgate::billing::ledger::check::check;
use tollgate::billing::statement::{CloseEarly, close, show};
use tollgate::domain::charge::ChargeKind;
use tollgate::domain::id::PartnerId;
use tollgate::domain::money::Amount;
use tollgate::domain::statement::{Statement, StatementLine};
use tollgate::domain::tariff::{Band, FeeItem, FeePrice, FeeTerms, Tariff};
use tollgate::domain::usage::UsageRecord;
use tollgate::domain::working::{LineName, Working};
use tollgate::store::Store;

use super::items::{any_records, by_items, number, three_versions, under};
use super::ledger::{found, without};
use super::on_both_stores;
use super::seed::{
    at, cny, none, november, period, plan, record, record_at, refund, register, rule, sale, tariff, usage,
    zone,
};
use super::split::sample;
use crate::support::stores::Place;

on_both_stores! {
    what_a_volume_price_gives_back_is_reckoned_beside_what_was_billed_before,
    what_was_walked_again_is_reckoned_together_with_its_fee,
    units_of_an_app_that_went_to_another_partner_are_reckoned_with_those_before,
    each_fee_of_any_months_is_reckoned_by_its_statement_alone,
    an_adjustment_of_a_share_names_the_line_of_its_sale,
    a_statement_that_was_changed_with_its_hash_is_found_by_its_prices,
}

/// 0.01 each for up to ten units, 0.004 each for all once there are more; the first two are free.
pub(super) fn by_volume() -> Tariff {
    let band = |up_to, each: &str| Band { up_to, each: number(each), flat: number("0") };
    let price = FeePrice::Volume(vec![band(Some(10), "0.01"), band(None, "0.004")]);
    let terms = FeeTerms { price, ..FeeTerms::calls(number("0"), 2, rule(12)) };
    Tariff { fees: vec![FeeItem::new(terms, cny()).unwrap()], ..tariff("0", 0, "2.5") }
}

/// Closes November early, then what is recorded next stands on December's.
async fn close_november(store: &Store) {
    let early = CloseEarly::Allowed;
    close(store, period("2026-11"), (&zone(), november()), early).await.unwrap();
}

async fn close_december(store: &Store) -> Vec<Statement> {
    let now = at("2027-01-02T00:00:00Z");
    close(store, period("2026-12"), (&zone(), now), CloseEarly::Refused).await.unwrap();
    none(&check(store).await.unwrap().findings);
    show(store, period("2026-12"), None).await.unwrap()
}

fn reckoned(line: &StatementLine) -> (&Working, Vec<String>) {
    let working = line.working.as_ref().unwrap();
    let step = |step: &tollgate::domain::tariff::Step| {
        format!("{} {} {}", step.of, step.units, step.exact.in_major(cny()))
    };
    (working, working.steps.iter().map(step).collect())
}

async fn what_a_volume_price_gives_back_is_reckoned_beside_what_was_billed_before(place: Place) {
    let store = place.open().await;
    register(&store, &plan("standard", 1), &by_volume()).await;
    record(&store, 1, &[usage(1, 12, None)]).await;
    let draft = &show(&store, period("2026-11"), None).await.unwrap()[0];
    assert!(draft.lines[0].working.is_none() && draft.line_name(0).is_none(), "its lines may still move");
    close_november(&store).await;
    record(&store, 2, &[usage(2, 3, None)]).await;
    let first = &show(&store, period("2026-11"), None).await.unwrap()[0];
    let (working, steps) = reckoned(&first.lines[0]);
    assert_eq!(steps, ["free 2 0", "band 1 10 0.1"]);
    assert_eq!((working.billed_before.minor, first.lines[0].corrects), (0, None));
    let second = &close_december(&store).await[0];
    let (working, steps) = reckoned(&second.lines[0]);
    assert_eq!(steps, ["free 2 0", "band 2 13 0.052"]);
    assert_eq!(
        (working.exact.in_major(cny()), working.billed_before.to_string()),
        ("0.052".into(), "0.10".into())
    );
    assert_eq!((second.lines[0].amount.to_string().as_str(), &working.with[..]), ("-0.05", &[][..]));
    assert_eq!(second.lines[0].corrects, Some(LineName { statement: 1, place: 1 }));
    assert_eq!(second.line_name(0), Some(LineName { statement: 2, place: 1 }));
    store.close().await;
}

async fn what_was_walked_again_is_reckoned_together_with_its_fee(place: Place) {
    let store = three_versions(&place).await;
    // The second version has the four free units, until the first, whose turn is before it, takes three of them.
    record(&store, 1, &[under(2, usage(1, 6, None)), under(1, usage(2, 3, None))]).await;
    close_november(&store).await;
    let statement = &show(&store, period("2026-11"), None).await.unwrap()[0];
    let of_second: Vec<(usize, &StatementLine)> =
        statement.lines.iter().enumerate().filter(|(_, line)| line.key.plan.version == 2).collect();
    let [(fee, fee_line), (rewalk, rewalk_line)] = of_second[..] else { panic!("{statement:#?}") };
    assert_eq!((fee_line.key.kind, rewalk_line.key.kind), (ChargeKind::ServiceFee, ChargeKind::Rewalk));
    let (working, steps) = reckoned(fee_line);
    assert_eq!(steps, ["free 1 0", "each 5 10"]);
    let together = fee_line.amount.checked_add(rewalk_line.amount);
    assert_eq!((working.comes_to().ok(), together.ok()), (Some(cents(1_000)), Some(cents(1_000))));
    let place = |place: usize| u32::try_from(place).unwrap() + 1;
    assert_eq!(working.with, [place(rewalk)]);
    assert_eq!(reckoned(rewalk_line).0.with, [place(fee)]);
    none(&check(&store).await.unwrap().findings);
    store.close().await;
}

fn cents(minor: i64) -> Amount {
    Amount { minor, currency: cny() }
}

async fn units_of_an_app_that_went_to_another_partner_are_reckoned_with_those_before(place: Place) {
    let store = place.open().await;
    register(&store, &plan("standard", 1), &by_volume()).await;
    let moved = UsageRecord { partner: PartnerId::new("partner_2").unwrap(), ..usage(2, 6, None) };
    record(&store, 1, &[usage(1, 7, None)]).await;
    record(&store, 2, &[moved]).await;
    close_november(&store).await;
    let statements = show(&store, period("2026-11"), None).await.unwrap();
    let told = |statement: &Statement| {
        let (working, steps) = reckoned(&statement.lines[0]);
        (steps.join(", "), working.billed_before.minor, statement.lines[0].amount.minor)
    };
    let steps = || "free 2 0, band 2 11 0.044".to_owned();
    assert_eq!(statements.iter().map(told).collect::<Vec<_>>(), [(steps(), -1, 5), (steps(), 5, -1)]);
    none(&check(&store).await.unwrap().findings);
    store.close().await;
}

async fn each_fee_of_any_months_is_reckoned_by_its_statement_alone(place: Place) {
    let store = place.open().await;
    for version in 1..=3 {
        register(&store, &plan("standard", version), &by_items()).await;
    }
    let records: Vec<UsageRecord> = sample(any_records().prop_shuffle());
    let (early, late) = records.split_at(records.len() / 2);
    record(&store, 1, early).await;
    close_november(&store).await;
    record(&store, early.len() as u64 + 1, late).await;
    close_december(&store).await;
    for month in ["2026-11", "2026-12"] {
        for line in show(&store, period(month), None).await.unwrap().iter().flat_map(|one| &one.lines) {
            assert!(line.working.is_some(), "{line:#?}");
            let is_same = |other: &&UsageRecord| other.subscribed.as_ref().unwrap().1 == line.key.plan;
            let is_corrected = line.key.is_adjustment() && early.iter().any(|one| is_same(&one));
            assert!(line.corrects.is_none() || is_corrected, "{line:#?}");
        }
    }
    store.close().await;
}

async fn an_adjustment_of_a_share_names_the_line_of_its_sale(place: Place) {
    let store = place.open().await;
    register(&store, &plan("standard", 1), &tariff("0", 0, "2.5")).await;
    record(&store, 1, &[usage(1, 1, Some(sale("o-1", 10_000)))]).await;
    close_november(&store).await;
    record_at(&store, november(), 2, &[usage(2, 1, Some(refund("o-1", 4_000)))]).await;
    let statement = &close_december(&store).await[0];
    let line = statement.lines.iter().find(|line| line.key.kind == ChargeKind::ShareReversal).unwrap();
    let sold = &show(&store, period("2026-11"), None).await.unwrap()[0];
    let corrected = line.corrects.unwrap();
    let place = usize::try_from(corrected.place).unwrap() - 1;
    assert_eq!((corrected.statement, sold.lines[place].key.kind), (1, ChargeKind::RevenueShare));
    assert!(line.working.is_none(), "it is rounded by each sale");
    store.close().await;
}

async fn a_statement_that_was_changed_with_its_hash_is_found_by_its_prices(place: Place) {
    let store = place.open().await;
    register(&store, &plan("standard", 1), &by_volume()).await;
    record(&store, 1, &[usage(1, 12, None)]).await;
    close_november(&store).await;
    none(&check(&store).await.unwrap().findings);
    place.tamper(&without(&place, "statement_stays", "statement")).await;
    let content = place.texts("select content from statement").await.remove(0);
    for (there, instead) in [
        (r#""units":10,"each":"0.01""#, r#""units":9,"each":"0.01""#),
        (r#""billed_before":"0.00""#, r#""billed_before":"0.01""#),
        (r#""rounding":"half-up""#, r#""rounding":"half-even""#),
        (r#""exact":"0.1","rounding""#, r#""exact":"0.101","rounding""#),
    ] {
        let changed = content.replacen(there, instead, 1);
        assert_ne!(changed, content, "{there}");
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, changed.as_bytes());
        let hash: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        place.tamper(&format!("update statement set content = '{changed}', hash = '{hash}'")).await;
        let findings = check(&store).await.unwrap().findings;
        found(&findings, "line 1.1 is not what its prices make of the units that it tells");
        assert_eq!(findings.len(), 1, "{findings:#?}");
    }
    store.close().await;
}
