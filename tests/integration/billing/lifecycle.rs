//! What becomes of sales, by whichever app and for each party, on both stores. That any of it in any order comes to what fractions say
//! is shown by `months.rs`.

use std::collections::BTreeMap;

use tollgate::billing::ledger::check::check;
use tollgate::billing::statement::show;
use tollgate::domain::id::PartnerId;
use tollgate::domain::identity::{Partner, Standing};
use tollgate::domain::money::Amount;
use tollgate::domain::share::{Earned, Receiver};
use tollgate::domain::split::Split;
use tollgate::domain::tariff::Tariff;
use tollgate::domain::transaction::{Details, Extent, Reach, Transaction, TransactionKind};
use tollgate::domain::usage::UsageRecord;
use tollgate::store::{Page, Store};

use super::on_both_stores;
use super::seed::{
    accounts_at, app, cny, none, november, period, plan, record, refund_named, register, sale, tariff, usage,
};
use crate::support::stores::Place;

on_both_stores! {
    a_provider_settles_the_sale_of_another_app,
    a_sale_that_several_apps_have_made_is_asked_about,
    what_is_given_back_is_owed_by_whoever_made_the_sale,
    a_part_for_someone_who_is_not_named_is_asked_about,
}

pub(super) async fn balances(store: &Store) -> BTreeMap<String, i128> {
    let checked = check(store).await.unwrap();
    none(&checked.findings);
    let balances = accounts_at(store, None).await.into_iter().filter(|balance| balance.minor != 0);
    balances.map(|balance| (balance.account, balance.minor)).collect()
}

/// A store whose plan takes 2.5 percent, earned on settlement, of which a carrier gets a part if it does.
pub(super) async fn opened(place: &Place, carrier: Option<u64>) -> Store {
    let store = place.open().await;
    let mut tariff = Tariff { fees: Vec::new(), ..tariff("0", 0, "2.5") };
    let item = &mut tariff.share.as_mut().unwrap().items[0];
    item.earned = Earned::OnSettlement;
    item.split = carrier.map(|weight| {
        let carrier = (Receiver::named("carrier").unwrap(), weight);
        Split::new(vec![(Receiver::Platform, 100 - weight), carrier]).unwrap()
    });
    register(&store, &plan("standard", 1), &tariff).await;
    haulier(&store).await;
    store
}

/// Registers the carrier.
async fn haulier(store: &Store) {
    let id = PartnerId::new("haulier").unwrap();
    let name = "Haulier".to_owned();
    let partner = Partner { id, name, standing: Standing::Active, created_at: november() };
    store.create_partner(&partner).await.unwrap();
}

pub(super) fn of_any_app(kind: TransactionKind, id: &str, of: &str, amount: Option<i64>) -> Transaction {
    let extent = if amount.is_some() { Extent::Amount } else { Extent::Rest };
    let details = Details { extent, reach: Reach::AnyApp, ..Details::default() };
    let amount = Amount { minor: amount.unwrap_or(0), currency: cny() };
    Transaction { id: id.to_owned(), of: Some(of.to_owned()), amount, kind, details }
}

pub(super) fn by_provider(id: u128, transaction: Transaction) -> UsageRecord {
    let partner = PartnerId::new("partner_2").unwrap();
    UsageRecord { app: app("provider"), partner, ..usage(id, 1, Some(transaction)) }
}

async fn statements(store: &Store) -> Vec<(String, String)> {
    let statements = show(store, period("2026-11"), None).await.unwrap();
    statements.iter().map(|one| (one.app.to_string(), one.totals.total.to_string())).collect()
}

pub(super) async fn reasons(store: &Store) -> Vec<String> {
    none(&check(store).await.unwrap().findings);
    let open = store.open_exceptions(&Page::first()).await.unwrap();
    open.into_iter().map(|exception| exception.reason).collect()
}

async fn a_provider_settles_the_sale_of_another_app(place: Place) {
    let store = opened(&place, None).await;
    let settled = |id| by_provider(id, of_any_app(TransactionKind::Settlement, "s-1", "o-1", None));
    // It comes first, and again.
    record(&store, 1, &[settled(1), settled(2)]).await;
    assert!(reasons(&store).await.is_empty() && statements(&store).await.is_empty());
    record(&store, 3, &[usage(3, 1, Some(sale("o-1", 10_000))), usage(4, 1, Some(sale("o-2", 10_000)))])
        .await;
    assert_eq!(statements(&store).await, [("app_1".to_owned(), "2.50".to_owned())]);
    let pending = [("partner:partner_1:pending", 250), ("platform:pending", -250)];
    for (account, minor) in pending {
        assert_eq!(balances(&store).await.get(account), Some(&minor), "{account}");
    }
    let lost = by_provider(5, of_any_app(TransactionKind::Chargeback, "c-1", "o-1", Some(4_000)));
    let won = by_provider(6, of_any_app(TransactionKind::ChargebackWon, "c-1", "o-1", Some(1_000)));
    record(&store, 5, &[lost]).await;
    assert_eq!(statements(&store).await, [("app_1".to_owned(), "1.50".to_owned())]);
    record(&store, 6, &[won, settled(7)]).await;
    assert_eq!(statements(&store).await, [("app_1".to_owned(), "1.75".to_owned())]);
    assert!(reasons(&store).await.is_empty());
    store.close().await;
}

async fn a_sale_that_several_apps_have_made_is_asked_about(place: Place) {
    let store = opened(&place, None).await;
    let other = UsageRecord { app: app("app_2"), ..usage(2, 1, Some(sale("o-1", 10_000))) };
    record(&store, 1, &[usage(1, 1, Some(sale("o-1", 10_000))), other]).await;
    record(&store, 3, &[by_provider(3, of_any_app(TransactionKind::Settlement, "s-1", "o-1", None))]).await;
    let several = "it settles o-1, and several apps have made a sale of that id in CNY";
    assert_eq!(reasons(&store).await, [several]);
    // An app that speaks of its own is understood.
    let own = of_any_app(TransactionKind::Settlement, "s-2", "o-1", None);
    let own = Transaction { details: Details { reach: Reach::OwnApp, ..own.details.clone() }, ..own };
    record(&store, 4, &[usage(4, 1, Some(own))]).await;
    assert_eq!(statements(&store).await, [("app_1".to_owned(), "2.50".to_owned())]);
    store.close().await;
}

async fn what_is_given_back_is_owed_by_whoever_made_the_sale(place: Place) {
    let store = place.open().await;
    register(&store, &plan("standard", 1), &Tariff { fees: Vec::new(), ..tariff("0", 0, "2.5") }).await;
    record(&store, 1, &[usage(1, 1, Some(sale("o-1", 10_000)))]).await;
    // The app is another partner's by now.
    let partner = PartnerId::new("partner_2").unwrap();
    let back = UsageRecord { partner, ..usage(2, 1, Some(refund_named("r-1", "o-1", 10_000))) };
    record(&store, 2, &[back]).await;
    assert_eq!(balances(&store).await, BTreeMap::new());
    store.close().await;
}

async fn a_part_for_someone_who_is_not_named_is_asked_about(place: Place) {
    let store = opened(&place, Some(10)).await;
    let of = |carrier: &str| Details {
        parties: vec![("carrier".parse().unwrap(), PartnerId::new(carrier).unwrap())],
        ..Details::default()
    };
    let named = Transaction { details: of("haulier"), ..sale("o-1", 10_000) };
    record(&store, 1, &[usage(1, 1, Some(named)), usage(2, 1, Some(sale("o-2", 10_000)))]).await;
    assert_eq!(
        reasons(&store).await,
        ["a part of its share is for its carrier, as whom its evidence names no partner that there is"]
    );
    assert_eq!(balances(&store).await.get("partner:haulier:pending"), Some(&-25));
    let stranger = Transaction { details: of("nobody"), ..sale("o-3", 10_000) };
    record(&store, 3, &[usage(3, 1, Some(stranger))]).await;
    assert_eq!(reasons(&store).await.len(), 2);
    assert_eq!(balances(&store).await.get("partner:nobody:pending"), None);
    store.close().await;
}
