//! Shares under balances in the books: taken as they are earned, given back as they go back, and told once nothing is left, on both
//! stores.

use tollgate::billing::balance::change::change;
use tollgate::billing::ledger::check::check;
use tollgate::billing::statement::show;
use tollgate::domain::balance::{Balance, BalanceKind, Owner};
use tollgate::domain::id::BalanceId;
use tollgate::domain::share::Earned;
use tollgate::domain::tariff::Tariff;
use tollgate::domain::time::Timestamp;
use tollgate::domain::transaction::{Transaction, TransactionKind};
use tollgate::domain::usage::UsageRecord;
use tollgate::store::Store;
use tollgate::store::balance::Change;

use super::balances::{of_app, open, owed, pay_in, seed, sums};
use super::on_both_stores;
use super::seed::{
    app, at, cny, none, november, period, plan, record, record_at, refund, register, sale, tariff, usage,
    zone,
};
use crate::support::stores::Place;

on_both_stores!(
    a_share_is_taken_of_a_balance_and_what_goes_back_comes_back,
    a_budget_that_shares_used_up_is_so_until_its_month_ends,
    a_share_that_waits_for_its_settlement_is_taken_by_that,
    a_balance_of_fees_alone_counts_no_share,
);

/// Until when no call passes that may bring a share.
async fn used_up(store: &Store) -> Option<Timestamp> {
    store.balance(&BalanceId::new("bal_1").unwrap()).await.unwrap().unwrap().used_up_until
}

async fn a_share_is_taken_of_a_balance_and_what_goes_back_comes_back(place: Place) {
    let store = open(&place).await;
    let balance = of_app(&store, BalanceKind::Prepaid).await;
    pay_in(&store, "transfer 1", 300).await.unwrap();
    // The calls are free, and a share is 2.5 %.
    record(&store, 1, &[usage(1, 1, Some(sale("o-1", 10_000)))]).await;
    assert_eq!((sums(&store, &balance).await, used_up(&store).await), ((250, 0, 50), None));
    assert_eq!(owed(&place).await, ["partner:partner_1:deposit -50", "partner:partner_1:receivable 0"]);
    record(&store, 2, &[usage(2, 1, Some(sale("o-2", 10_000)))]).await;
    assert_eq!(sums(&store, &balance).await, (500, 0, -200), "it is taken behind");
    assert!(used_up(&store).await.is_some());
    assert_eq!(owed(&place).await, ["partner:partner_1:deposit 0", "partner:partner_1:receivable 200"]);
    let statements = show(&store, period("2026-11"), None).await.unwrap();
    let paid = statements[0].paid.unwrap();
    assert_eq!((paid.from_balance.minor, paid.left.minor), (300, 200));
    record(&store, 3, &[usage(3, 1, Some(refund("o-1", 10_000)))]).await;
    // That call has a fee.
    assert_eq!((sums(&store, &balance).await, used_up(&store).await), ((251, 0, 49), None));
    record(&store, 4, &[usage(4, 1, Some(sale("o-3", 4_000)))]).await;
    assert_eq!(sums(&store, &balance).await, (352, 0, -52));
    assert!(used_up(&store).await.is_some());
    pay_in(&store, "transfer 2", 52).await.unwrap();
    assert!(used_up(&store).await.is_some(), "it is at zero");
    pay_in(&store, "transfer 3", 1).await.unwrap();
    assert_eq!((sums(&store, &balance).await, used_up(&store).await), ((352, 0, 1), None));
    none(&check(&store).await.unwrap().findings);
    place.tamper("update balance_spent set minor = minor + 1").await;
    let findings = check(&store).await.unwrap().findings;
    assert!(findings.iter().any(|finding| finding.starts_with("bal_1 2026-11")), "{findings:?}");
    store.close().await;
}

async fn a_budget_that_shares_used_up_is_so_until_its_month_ends(place: Place) {
    let store = open(&place).await;
    let balance = of_app(&store, BalanceKind::Budget(200)).await;
    record(&store, 1, &[usage(1, 1, Some(sale("o-1", 10_000)))]).await;
    assert_eq!(sums(&store, &balance).await, (250, 0, -50));
    assert_eq!(used_up(&store).await, Some(period("2026-11").end(&zone())));
    // What is recorded in December of November is nothing of December's.
    let december = at("2026-12-02T00:00:00Z");
    record_at(&store, december, 2, &[usage(2, 1, Some(sale("o-2", 10_000)))]).await;
    assert_eq!(used_up(&store).await, None);
    let used = UsageRecord { at: december, ..usage(3, 1, Some(sale("o-3", 10_000))) };
    record_at(&store, december, 3, &[used]).await;
    assert_eq!(used_up(&store).await, Some(period("2026-12").end(&zone())));
    let mut transaction = store.begin().await.unwrap();
    change(&mut transaction, &balance.id, Change::Limit(400), ("asked for", december)).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(used_up(&store).await, None);
    none(&check(&store).await.unwrap().findings);
    store.close().await;
}

async fn a_share_that_waits_for_its_settlement_is_taken_by_that(place: Place) {
    let store = place.open().await;
    let mut tariff: Tariff = tariff("0.01", 9, "2.5");
    tariff.share.as_mut().unwrap().items[0].earned = Earned::OnSettlement;
    register(&store, &plan("standard", 1), &tariff).await;
    seed(&store).await;
    let balance = of_app(&store, BalanceKind::Credit(100)).await;
    record(&store, 1, &[usage(1, 1, Some(sale("o-1", 10_000)))]).await;
    assert_eq!(sums(&store, &balance).await, (0, 0, 100));
    let settled =
        Transaction { kind: TransactionKind::Settlement, of: Some("o-1".to_owned()), ..sale("s-1", 4_000) };
    record(&store, 2, &[usage(2, 1, Some(settled))]).await;
    assert_eq!((sums(&store, &balance).await, used_up(&store).await.is_some()), ((100, 0, 0), true));
    assert_eq!(owed(&place).await, ["partner:partner_1:receivable 100"]);
    none(&check(&store).await.unwrap().findings);
    store.close().await;
}

async fn a_balance_of_fees_alone_counts_no_share(place: Place) {
    let store = open(&place).await;
    let balance = Balance {
        id: BalanceId::new("bal_1").unwrap(),
        owner: Owner::App(app("app_1")),
        kind: BalanceKind::Credit(100),
        currency: cny(),
        created_at: november(),
        ended_at: None,
        counts_shares: false,
        used_up_until: None,
    };
    store.create_balance(&balance).await.unwrap();
    record(&store, 1, &[usage(1, 5, Some(sale("o-1", 10_000)))]).await;
    assert_eq!((sums(&store, &balance).await, used_up(&store).await), ((3, 0, 97), None));
    none(&check(&store).await.unwrap().findings);
    assert!(place.try_tamper("update balance set counts_shares = 1").await.is_err());
    store.close().await;
}
