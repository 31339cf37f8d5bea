//! Merchants' caps in the books: what an app's calls in a merchant's name take of them, beside what pays for these, on both stores.

use tollgate::billing::balance::change::change;
use tollgate::billing::balance::leases::settle;
use tollgate::billing::balance::left::funds;
use tollgate::billing::books::exceptions::{Decision, Given, Reason, resolve};
use tollgate::billing::ledger::check::check;
use tollgate::domain::balance::{Balance, BalanceKind, Owner, Stretch};
use tollgate::domain::id::{BalanceId, MerchantId, PartnerId};
use tollgate::domain::identity::{Grant, Merchant, Standing};
use tollgate::domain::money::parse_decimal;
use tollgate::domain::scope::ScopeSet;
use tollgate::domain::tariff::{Band, FeeItem, FeePrice, FeeTerms, Tariff};
use tollgate::domain::time::Timestamp;
use tollgate::domain::usage::{Evidence, UsageRecord};
use tollgate::store::balance::Change;
use tollgate::store::{Store, StoreError};

use super::balances::{held, lease_of, make, of_app, open, paid_from, run, seed, stretch, sums};
use super::on_both_stores;
use super::seed::{
    app, at, calls, cny, deciding, node, none, november, period, plan, record, record_at, register, tariff,
    usage, zone,
};
use crate::support::stores::Place;

on_both_stores!(
    a_cap_counts_what_calls_in_its_merchant_s_name_come_to_and_no_others,
    units_of_a_cap_and_of_what_pays_are_consumed_by_the_same_call,
    many_leases_at_once_are_within_the_cap,
    what_someone_must_decide_about_stays_reserved_of_the_cap_too,
    a_cap_is_one_for_a_merchant_an_app_and_a_currency,
    a_call_that_makes_others_cheaper_gives_that_to_its_merchant_s_cap_and_pays_nothing,
);

fn merchant(name: &str) -> MerchantId {
    MerchantId::new(name).unwrap()
}

async fn seed_merchants(store: &Store) {
    for name in ["merchant_1", "merchant_2"] {
        let merchant = Merchant {
            id: merchant(name),
            username: name.to_owned(),
            name: "Shop".to_owned(),
            standing: Standing::Active,
            created_at: Timestamp::default(),
        };
        store.create_merchant(&merchant, "hash").await.unwrap();
    }
}

/// As [`open`], with two merchants.
async fn with_merchants(place: &Place) -> Store {
    let store = open(place).await;
    seed_merchants(&store).await;
    store
}

fn owner(name: &str) -> Owner {
    Owner::Merchant { merchant: merchant(name), app: app("app_1") }
}

/// The cap of the first merchant on the first app.
async fn cap(store: &Store, limit: i64) -> Balance {
    make(store, "cap_1", owner("merchant_1"), BalanceKind::Budget(limit)).await.unwrap()
}

fn of_cap() -> Stretch {
    Stretch { balance: BalanceId::new("cap_1").unwrap(), ..stretch("2026-11") }
}

/// A call that was let through by as many units of what pays and of the cap as it used.
fn capped(id: u128, units: u64) -> UsageRecord {
    UsageRecord { held_of_cap: units, ..held(id, units, units) }
}

async fn a_cap_counts_what_calls_in_its_merchant_s_name_come_to_and_no_others(place: Place) {
    let store = with_merchants(&place).await;
    let balance = of_app(&store, BalanceKind::Credit(100)).await;
    let cap = cap(&store, 50).await;
    record(&store, 1, &[usage(1, 5, None)]).await;
    let other = UsageRecord { merchant: Some(merchant("merchant_2")), ..usage(2, 4, None) };
    let own = UsageRecord { merchant: None, ..usage(3, 1, None) };
    let other_app = UsageRecord { app: app("app_2"), ..usage(4, 4, None) };
    let before = UsageRecord { at: at("2026-11-24T07:59:59Z"), ..usage(5, 9, None) };
    record(&store, 2, &[other, own, other_app, before]).await;
    assert_eq!((sums(&store, &cap).await, sums(&store, &balance).await.0), ((3, 0, 47), 8));
    // It is whole again in the next month.
    let december = at("2026-12-02T00:00:00Z");
    record_at(&store, december, 6, &[UsageRecord { at: december, ..usage(6, 7, None) }]).await;
    let told = funds(&store, &cap, december, &zone()).await.unwrap();
    assert_eq!((told.spent, sums(&store, &cap).await.0), (5, 3));
    none(&check(&store).await.unwrap().findings);
    place.tamper("update balance_spent set minor = minor + 1 where balance = 'cap_1' and service_period = '2026-11'").await;
    let findings = check(&store).await.unwrap().findings;
    assert!(findings.iter().any(|finding| finding.starts_with("cap_1 2026-11")), "{findings:?}");
    store.close().await;
}

async fn units_of_a_cap_and_of_what_pays_are_consumed_by_the_same_call(place: Place) {
    let store = with_merchants(&place).await;
    let balance = of_app(&store, BalanceKind::Credit(100)).await;
    let cap = cap(&store, 10).await;
    let run = run("node-1", 0);
    assert_eq!(lease_of(&store, &run, &stretch("2026-11"), 50).await, 50);
    assert_eq!(lease_of(&store, &run, &of_cap(), 50).await, 10, "others may use up the free ones");
    // Two are free; a call for nobody holds none of the cap.
    let own = UsageRecord { merchant: None, ..held(2, 4, 4) };
    record(&store, 1, &[capped(1, 3), own]).await;
    assert_eq!((sums(&store, &cap).await, sums(&store, &balance).await), ((1, 7, 2), (5, 43, 52)));
    assert_eq!(lease_of(&store, &run, &of_cap(), 9).await, 2);
    record(&store, 3, &[capped(3, 9)]).await;
    assert_eq!((sums(&store, &cap).await, sums(&store, &balance).await), ((10, 0, 0), (14, 34, 52)));
    assert_eq!(lease_of(&store, &run, &of_cap(), 1).await, 0);
    none(&check(&store).await.unwrap().findings);
    store.close().await;
}

async fn many_leases_at_once_are_within_the_cap(place: Place) {
    let store = with_merchants(&place).await;
    let cap = cap(&store, 100).await;
    let asking: Vec<_> = (0..64)
        .map(|number: u64| {
            let (store, run) = (store.clone(), run(&format!("node-{}", number % 3), 0));
            tokio::spawn(async move { lease_of(&store, &run, &of_cap(), 1 + number % 4).await })
        })
        .collect();
    let mut leased = 0;
    for asked in asking {
        leased += asked.await.unwrap();
    }
    assert_eq!((leased, sums(&store, &cap).await), (100, (0, 100, 0)));
    store.close().await;
}

async fn what_someone_must_decide_about_stays_reserved_of_the_cap_too(place: Place) {
    let store = with_merchants(&place).await;
    let balance = of_app(&store, BalanceKind::Credit(100)).await;
    let cap = cap(&store, 5).await;
    record(&store, 1, &[UsageRecord { merchant: None, ..usage(1, 2, None) }]).await;
    let run = run("node-1", 0);
    assert_eq!(lease_of(&store, &run, &stretch("2026-11"), 3).await, 3);
    assert_eq!(lease_of(&store, &run, &of_cap(), 3).await, 3);
    let evidence =
        || Evidence::Exception { reason: "the caller left before the upstream's answer".to_owned() };
    let left = |id| UsageRecord { evidence: evidence(), ..capped(id, 1) };
    record(&store, 2, &[left(2), left(3)]).await;
    assert!(settle(&store, &node("node-1"), 3).await.unwrap());
    assert_eq!((sums(&store, &cap).await, sums(&store, &balance).await), ((0, 2, 3), (0, 2, 98)));
    let reason = || Reason { who: "ops".to_owned(), why: "asked".to_owned() };
    let id = |number: u128| format!("usage:{}", uuid::Uuid::from_u128(number));
    resolve(&store, &id(2), Decision::Waive, reason(), deciding(november())).await.unwrap();
    let rated = Decision::RateBy(Given::Call { units: 2, transaction: None });
    resolve(&store, &id(3), rated, reason(), deciding(november())).await.unwrap();
    assert_eq!((sums(&store, &cap).await, sums(&store, &balance).await), ((2, 0, 3), (2, 0, 98)));
    none(&check(&store).await.unwrap().findings);
    store.close().await;
}

async fn a_cap_is_one_for_a_merchant_an_app_and_a_currency(place: Place) {
    let store = with_merchants(&place).await;
    let partner = Owner::Partner(PartnerId::new("partner_1").unwrap());
    make(&store, "bal_1", partner, BalanceKind::Credit(100)).await.unwrap();
    let first = cap(&store, 5).await;
    make(&store, "cap_2", owner("merchant_2"), BalanceKind::Budget(7)).await.unwrap();
    let dollars =
        Balance { id: BalanceId::new("cap_3").unwrap(), currency: "USD".parse().unwrap(), ..first.clone() };
    store.create_balance(&dollars).await.unwrap();
    let again = make(&store, "cap_4", owner("merchant_1"), BalanceKind::Budget(9)).await;
    assert!(matches!(again, Err(StoreError::Conflict { .. })), "{again:?}");
    let nobody = make(&store, "cap_4", owner("merchant_none"), BalanceKind::Budget(9)).await;
    assert!(matches!(nobody, Err(StoreError::Missing { what: "merchant" })), "{nobody:?}");
    let no_app = Owner::Merchant { merchant: merchant("merchant_1"), app: app("app_none") };
    let no_app = make(&store, "cap_4", no_app, BalanceKind::Budget(9)).await;
    assert!(matches!(no_app, Err(StoreError::Missing { what: "app" })), "{no_app:?}");
    assert_eq!(store.balance(&first.id).await.unwrap().as_ref(), Some(&first));
    let granted = async |name: &str| {
        let (of, app) = (merchant("merchant_1"), app(name));
        let id = format!("grant_{name}").parse().unwrap();
        store.grant_consent((&of, &app), &ScopeSet::none(), &id, november()).await.unwrap()
    };
    let (grant, other) = (granted("app_1").await, granted("app_2").await);
    let caps = async |of: &Grant| store.calling_grant(&of.id).await.unwrap().unwrap().caps;
    let told = async || {
        let caps = caps(&grant).await;
        assert!(caps.iter().all(|cap| cap.merchant == Some(merchant("merchant_1"))), "{caps:?}");
        caps.iter().map(|cap| cap.balance.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(told().await, ["cap_1", "cap_3"]);
    assert_eq!(caps(&other).await, []);
    assert_eq!(paid_from(&store, "app_1").await, ["bal_1"], "a cap pays nothing");

    let ended = at("2026-11-24T09:00:00Z");
    let mut transaction = store.begin().await.unwrap();
    change(&mut transaction, &first.id, Change::End, ("left", ended)).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(told().await, ["cap_3"]);
    let later = UsageRecord { at: ended, ..usage(2, 4, None) };
    record(&store, 1, &[usage(1, 5, None), later]).await;
    assert_eq!(sums(&store, &first).await.0, 3, "of calls from before its end");
    let next = Balance {
        id: BalanceId::new("cap_5").unwrap(),
        created_at: at("2026-11-24T09:00:01Z"),
        ..first.clone()
    };
    store.create_balance(&next).await.unwrap();
    none(&check(&store).await.unwrap().findings);
    for sql in [
        "update balance set app = 'app_2' where id = 'cap_2'",
        "update balance set owner = 'merchant_2' where id = 'cap_3'",
        "insert into balance (id, owner_kind, owner, app, kind, amount_limit, currency, created_at) \
         values ('cap_6', 'merchant', 'merchant_2', 'app_2', 'prepaid', 0, 'CNY', 0)",
        "insert into balance (id, owner_kind, owner, kind, amount_limit, currency, created_at) \
         values ('cap_6', 'merchant', 'merchant_2', 'budget', 9, 'CNY', 0)",
        "insert into balance (id, owner_kind, owner, app, kind, amount_limit, currency, created_at) \
         values ('cap_6', 'partner', 'partner_2', 'app_2', 'budget', 9, 'CNY', 0)",
    ] {
        assert!(place.try_tamper(sql).await.is_err(), "{sql} was done");
    }
    store.close().await;
}

async fn a_call_that_makes_others_cheaper_gives_that_to_its_merchant_s_cap_and_pays_nothing(place: Place) {
    let store = place.open().await;
    let band = |up_to, each: &str| Band {
        up_to,
        each: parse_decimal(each).unwrap(),
        flat: parse_decimal("0").unwrap(),
    };
    let price = FeePrice::Volume(vec![band(Some(10), "0.10"), band(None, "0.01")]);
    let terms = FeeTerms { price, ..calls("0", 0).terms().clone() };
    let fees = vec![FeeItem::new(terms, cny()).unwrap()];
    register(&store, &plan("standard", 1), &Tariff { fees, ..tariff("0.01", 0, "2.5") }).await;
    seed(&store).await;
    seed_merchants(&store).await;
    let cap = cap(&store, 50).await;
    let other = UsageRecord { merchant: Some(merchant("merchant_2")), ..usage(1, 10, None) };
    record(&store, 1, &[other]).await;
    record(&store, 2, &[usage(2, 1, None)]).await;
    assert_eq!(sums(&store, &cap).await, (-89, 0, 139), "eleven units come to 0.11, and ten to 1.00");
    let mut transaction = store.begin().await.unwrap();
    assert_eq!(transaction.billed(period("2026-11"), None).await.unwrap(), [], "a cap pays no statement");
    transaction.roll_back().await.unwrap();
    none(&check(&store).await.unwrap().findings);
    store.close().await;
}
