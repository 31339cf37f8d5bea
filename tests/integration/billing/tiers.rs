//! Shares by the net amount of many sales, case by case: who owes what, on which line, and in which month.

use std::collections::BTreeMap;
use std::sync::Arc;

use tollgate::billing::ledger::check::check;
use tollgate::billing::statement::{CloseEarly, close, show};
use tollgate::domain::id::PartnerId;
use tollgate::domain::money::Amount;
use tollgate::domain::share::{Earned, Payer, Share, ShareItem, ShareRate};
use tollgate::domain::statement::StatementLine;
use tollgate::domain::tariff::Tariff;
use tollgate::domain::tiers::{Across, Over, TierBand, TierTerms, Tiers, Walk};
use tollgate::domain::transaction::{Details, Transaction, TransactionKind};
use tollgate::domain::usage::UsageRecord;
use tollgate::store::Store;

use super::ledger::{found, without};
use super::lifecycle::{balances, opened, reasons};
use super::on_both_stores;
use super::seed::{
    at, cny, period, plan, record, record_at, refund_named, register, rule, sale, tariff, usage, zone,
};
use crate::support::stores::Place;

on_both_stores! {
    a_sale_gives_back_what_it_gave_and_the_tiers_are_walked_again,
    what_is_settled_takes_its_position_then,
    what_goes_back_in_a_later_month_stands_there_and_walks_the_month_of_the_sale,
    a_merchant_who_owes_a_share_has_it_in_accounts_and_no_statement,
    what_tiers_come_to_and_what_is_pending_cannot_be_changed_unseen,
    a_sale_in_another_currency_is_asked_about_and_one_without_amounts_is_summed_up_by_itself,
}

pub(super) fn tiered(terms: TierTerms) -> ShareItem {
    let rate = ShareRate::Tiers(Arc::new(Tiers::new(terms, cny()).unwrap()));
    ShareItem::new("goods".parse().unwrap(), rate, rule(14))
}

pub(super) fn priced(item: ShareItem) -> Tariff {
    Tariff { fees: Vec::new(), share: Some(Share { items: vec![item] }), ..tariff("0", 0, "0") }
}

/// 3 % up to 1,000.00 and 2 % beyond, by months and apps.
pub(super) fn two_bands(walk: Walk) -> TierTerms {
    let band = |up_to, percent: i64| TierBand { up_to, percent: percent.into() };
    let bands = vec![band(Some(100_000), 3), band(None, 2)];
    TierTerms { walk, bands, over: Over::Month, across: Across::App, floor: None, cap: None }
}

/// The lines of a month: kind, base and amount.
async fn lines(store: &Store, month: &str) -> Vec<(&'static str, Option<String>, String)> {
    let statements = show(store, period(month), None).await.unwrap();
    let lines = statements.into_iter().flat_map(|one| one.lines);
    let line = |line: StatementLine| {
        (line.key.kind.name(), line.base.map(|base| base.to_string()), line.amount.to_string())
    };
    lines.map(line).collect()
}

async fn a_sale_gives_back_what_it_gave_and_the_tiers_are_walked_again(place: Place) {
    let store = place.open().await;
    register(&store, &plan("standard", 1), &priced(tiered(two_bands(Walk::Graduated)))).await;
    let sold = |id: u128, of: &str| usage(id, 1, Some(sale(of, 100_000)));
    record(&store, 1, &[sold(1, "o-1"), sold(2, "o-2")]).await;
    assert_eq!(balances(&store).await.get("partner:partner_1:receivable"), Some(&5_000));
    record(&store, 3, &[usage(3, 1, Some(refund_named("r-1", "o-1", 100_000)))]).await;
    let seen = lines(&store, "2026-11").await;
    let expected = [
        ("revenue_share", Some("2000.00".to_owned()), "50.00".to_owned()),
        ("share_reversal", Some("-1000.00".to_owned()), "-30.00".to_owned()),
        ("share_rewalk", None, "10.00".to_owned()),
    ];
    assert_eq!(seen, expected);
    let charges = store.charges_of_usage(&uuid::Uuid::from_u128(3).to_string()).await.unwrap();
    let words = "graduated by the net amount of a month: 3% to 1000.00, 2% beyond";
    let told = charges.iter().map(|kept| kept.charge.price.words().map(|words| words.to_string()));
    assert!(charges.len() == 2 && told.eq([Some(words.to_owned()), Some(words.to_owned())]), "{charges:#?}");
    record(&store, 4, &[usage(4, 1, Some(refund_named("r-2", "o-2", 100_000)))]).await;
    assert_eq!(balances(&store).await, BTreeMap::new());
    store.close().await;
}

async fn what_is_settled_takes_its_position_then(place: Place) {
    let store = place.open().await;
    let item = ShareItem { earned: Earned::OnSettlement, ..tiered(two_bands(Walk::Volume)) };
    register(&store, &plan("standard", 1), &priced(item)).await;
    let sold = |id: u128, of: &str| usage(id, 1, Some(sale(of, 100_000)));
    let settled = |id: u128, of: &str| {
        let settlement = Transaction { kind: TransactionKind::Settlement, ..refund_named("s", of, 100_000) };
        usage(id, 1, Some(settlement))
    };
    record(&store, 1, &[sold(1, "o-1"), sold(2, "o-2")]).await;
    let pending = balances(&store).await;
    assert_eq!(
        pending.get("partner:partner_1:pending"),
        Some(&6_000),
        "both by what is settled: nothing yet"
    );
    assert_eq!(lines(&store, "2026-11").await, []);
    record(&store, 3, &[settled(3, "o-2"), settled(4, "o-1")]).await;
    let seen = lines(&store, "2026-11").await;
    let expected = [
        ("revenue_share", Some("2000.00".to_owned()), "50.00".to_owned()),
        ("share_rewalk", None, "-10.00".to_owned()),
    ];
    assert_eq!(seen, expected);
    let owed = balances(&store).await;
    assert_eq!(owed.get("partner:partner_1:receivable"), Some(&4_000));
    assert_eq!(owed.get("partner:partner_1:pending"), None);
    store.close().await;
}

async fn what_goes_back_in_a_later_month_stands_there_and_walks_the_month_of_the_sale(place: Place) {
    let store = place.open().await;
    register(&store, &plan("standard", 1), &priced(tiered(two_bands(Walk::Graduated)))).await;
    let sold = |id: u128, of: &str| usage(id, 1, Some(sale(of, 100_000)));
    record(&store, 1, &[sold(1, "o-1"), sold(2, "o-2")]).await;
    let december = at("2026-12-02T08:00:00Z");
    close(&store, period("2026-11"), (&zone(), december), CloseEarly::Refused).await.unwrap();
    let later = |id: u128, transaction| UsageRecord { at: december, ..usage(id, 1, Some(transaction)) };
    let back = later(3, refund_named("r-1", "o-1", 100_000));
    record_at(&store, december, 3, &[later(4, sale("o-3", 10_000)), back]).await;
    let seen = lines(&store, "2026-12").await;
    let expected = [
        ("revenue_share", Some("100.00".to_owned()), "3.00".to_owned()),
        ("share_reversal", Some("-1000.00".to_owned()), "-30.00".to_owned()),
        ("share_rewalk", None, "10.00".to_owned()),
    ];
    assert_eq!(seen, expected);
    assert_eq!(lines(&store, "2026-11").await.len(), 1);
    assert!(reasons(&store).await.is_empty());
    store.close().await;
}

async fn a_merchant_who_owes_a_share_has_it_in_accounts_and_no_statement(place: Place) {
    let store = place.open().await;
    let mut tariff = Tariff { fees: Vec::new(), ..tariff("0", 0, "2.5") };
    tariff.share.as_mut().unwrap().items[0].paid_by = Payer::Merchant;
    register(&store, &plan("standard", 1), &tariff).await;
    let nobody = UsageRecord { merchant: None, ..usage(2, 1, Some(sale("o-2", 10_000))) };
    record(&store, 1, &[usage(1, 1, Some(sale("o-1", 10_000))), nobody]).await;
    assert_eq!(reasons(&store).await, ["its share hangs on its merchant, and its evidence has none"]);
    let owed = [("merchant:merchant_1:receivable", 250), ("platform:revenue:share", -250)];
    let owed: BTreeMap<String, i128> = owed.map(|(account, minor)| (account.to_owned(), minor)).into();
    assert_eq!(balances(&store).await, owed);
    assert_eq!(lines(&store, "2026-11").await, []);
    record(&store, 3, &[usage(3, 1, Some(refund_named("r-1", "o-1", 10_000)))]).await;
    assert_eq!(balances(&store).await, BTreeMap::new());
    store.close().await;
}

async fn a_sale_in_another_currency_is_asked_about_and_one_without_amounts_is_summed_up_by_itself(
    place: Place,
) {
    let store = place.open().await;
    let bands = vec![TierBand { up_to: None, percent: 2.into() }];
    let plain = TierTerms { bands, ..two_bands(Walk::Volume) };
    let mut plans = [("standard", two_bands(Walk::Volume)), ("plain", plain)].into_iter();
    for (name, terms) in plans.by_ref() {
        register(&store, &plan(name, 1), &priced(tiered(terms))).await;
    }
    let dollars = |id: u128, of: &str, name: &str| {
        let amount = Amount { minor: 10_000, currency: "USD".parse().unwrap() };
        let mut record = usage(id, 1, Some(Transaction { amount, ..sale(of, 0) }));
        record.subscribed = record.subscribed.map(|(product, _)| (product, plan(name, 1)));
        record
    };
    record(&store, 1, &[dollars(1, "o-1", "standard"), dollars(2, "o-2", "plain")]).await;
    let amounts = "its share has amounts in CNY, and it is in USD: nothing is converted";
    assert_eq!(reasons(&store).await, [amounts]);
    assert_eq!(balances(&store).await.get("partner:partner_1:receivable"), Some(&200));
    store.close().await;
}

async fn what_tiers_come_to_and_what_is_pending_cannot_be_changed_unseen(place: Place) {
    let store = place.open().await;
    register(&store, &plan("standard", 1), &priced(tiered(two_bands(Walk::Graduated)))).await;
    let sold = |id: u128, of: &str| usage(id, 1, Some(sale(of, 100_000)));
    let back = usage(3, 1, Some(refund_named("r-1", "o-1", 100_000)));
    record(&store, 1, &[sold(1, "o-1"), sold(2, "o-2"), back]).await;
    for table in ["other_charge", "sale_event", "charge_terms"] {
        place.tamper(&without(&place, &format!("{table}_stays"), table)).await;
    }
    for (there, undone, finding) in [
        (
            "update tier_total set minor = minor - 1",
            "update tier_total set minor = minor + 1",
            "and its tiers say 3000",
        ),
        (
            "update tier_total set net = net + 1",
            "update tier_total set net = net - 1",
            "come to another net amount",
        ),
        ("update sale set net = net + 1", "update sale set net = net - 1", "of which another base"),
        (
            "update sale set walked = walked + 1 where id = 'o-1'",
            "update sale set walked = walked - 1 where id = 'o-1'",
            "by which tiers were walked by another sum",
        ),
        (
            "update sale_event set walked = walked - 1 where kind = 'refund'",
            "update sale_event set walked = walked + 1 where kind = 'refund'",
            "which posted other amounts, or to other accounts",
        ),
        (
            "update other_charge set minor = minor - 1 where kind = 'share_rewalk'",
            "update other_charge set minor = minor + 1 where kind = 'share_rewalk'",
            "of which another base or adjustment is charged",
        ),
        (
            "update charge_terms set rate = '2.5' where kind = 'revenue_share' and rate = '3'",
            "update charge_terms set rate = '3' where kind = 'revenue_share' and rate = '2.5'",
            "standard@1 goods: shares stand at a rate of 2.5, and the price is 3 or 2",
        ),
        (
            "update charge_terms set rate = '2' where kind = 'share_rewalk'",
            "update charge_terms set rate = '0' where kind = 'share_rewalk'",
            "standard@1 goods: shares that were walked again stand at a rate of 2, and the price is 0",
        ),
    ] {
        place.tamper(there).await;
        found(&check(&store).await.unwrap().findings, finding);
        place.tamper(undone).await;
        super::seed::none(&check(&store).await.unwrap().findings);
    }
    store.close().await;
    let place = match place {
        Place::Folder(_) => Place::sqlite(),
        Place::Schema(_) => Place::postgres().await,
    };
    let store = opened(&place, Some(10)).await;
    let parties = vec![("carrier".parse().unwrap(), PartnerId::new("haulier").unwrap())];
    let details = Details { parties, ..Details::default() };
    record(&store, 1, &[usage(1, 1, Some(Transaction { details, ..sale("o-1", 10_000) }))]).await;
    place.tamper(&without(&place, "ledger_entry_stays", "ledger_entry")).await;
    place.tamper("update ledger_entry set minor = minor - 5 where minor = -225").await;
    place.tamper("update ledger_entry set minor = minor + 5 where minor = -25").await;
    found(
        &check(&store).await.unwrap().findings,
        "partner:haulier:pending: its sales say that -5 minor units more",
    );
    store.close().await;
}
