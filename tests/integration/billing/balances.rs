//! Balances in the books: what is paid into them, and what fees take of them, on both stores.

use tollgate::billing::balance::available::Asked;
use tollgate::billing::balance::deposits::{DepositError, Deposited, deposit};
use tollgate::billing::balance::leases::{Granted, grant};
use tollgate::billing::balance::left::funds;
use tollgate::billing::ledger::check::check;
use tollgate::domain::balance::{Balance, BalanceKind, Funds, Owner, Part, Run, Stretch};
use tollgate::domain::client::ClientSettings;
use tollgate::domain::id::{BalanceId, PartnerId, ProductName};
use tollgate::domain::identity::{App, ClientKind, DefaultScopes, Environment, Partner, Standing};
use tollgate::domain::time::Timestamp;
use tollgate::domain::usage::UsageRecord;
use tollgate::store::balance_deposit::Deposit;
use tollgate::store::{Store, StoreError};

use super::on_both_stores;
use super::seed::{
    app, at, cny, node, none, november, period, plan, record, record_at, register, tariff, usage, zone,
};
use crate::support::stores::Place;

on_both_stores!(
    a_deposit_comes_in_once_and_is_posted,
    a_budget_is_whole_again_in_the_next_month,
    an_app_pays_from_its_own_balance_and_from_one_alone,
    what_is_spent_is_paid_by_what_was_paid_in,
    fees_of_calls_from_before_a_balance_was_made_are_owed,
);

/// An app of a partner, whose calls cost a minor unit each after two that are free.
pub(super) async fn open(place: &Place) -> Store {
    let store = place.open().await;
    register(&store, &plan("standard", 1), &tariff("0.01", 2, "2.5")).await;
    seed(&store).await;
    store
}

pub(super) async fn seed(store: &Store) {
    let (id, created_at) = (PartnerId::new("partner_1").unwrap(), Timestamp::default());
    let partner = Partner { id, name: "A".to_owned(), standing: Standing::Active, created_at };
    store.create_partner(&partner).await.unwrap();
    for name in ["app_1", "app_2"] {
        let app = app_named(name);
        store.create_app(&app, &ClientSettings::of_kind(app.kind), None).await.unwrap();
    }
}

pub(super) fn app_named(name: &str) -> App {
    App {
        id: app(name),
        partner: PartnerId::new("partner_1").unwrap(),
        name: name.to_owned(),
        environment: Environment::Live,
        kind: ClientKind::Confidential,
        redirect_uris: Vec::new(),
        scopes: "order:read".parse().unwrap(),
        default_scopes: DefaultScopes::All,
        requires_pkce: false,
        standing: Standing::Active,
        created_at: Timestamp::default(),
    }
}

pub(super) async fn make(
    store: &Store,
    id: &str,
    owner: Owner,
    kind: BalanceKind,
) -> Result<Balance, StoreError> {
    let id = BalanceId::new(id).unwrap();
    let counts_shares = owner.capped().is_none();
    let balance = Balance {
        id,
        owner,
        kind,
        currency: cny(),
        created_at: november(),
        ended_at: None,
        counts_shares,
        used_up_until: None,
    };
    store.create_balance(&balance).await.map(|()| balance)
}

pub(super) async fn of_app(store: &Store, kind: BalanceKind) -> Balance {
    make(store, "bal_1", Owner::App(app("app_1")), kind).await.unwrap()
}

pub(super) async fn pay_in(store: &Store, cause: &str, minor: i64) -> Result<Deposited, DepositError> {
    let (balance, cause) = (BalanceId::new("bal_1").unwrap(), cause.to_owned());
    let paid = Deposit { balance, cause, minor, at: november() };
    let mut transaction = store.begin().await.unwrap();
    let partner = PartnerId::new("partner_1").unwrap();
    let (_, deposited) = deposit(&mut transaction, &paid, &partner).await?;
    transaction.commit().await.unwrap();
    Ok(deposited)
}

pub(super) fn stretch(month: &str) -> Stretch {
    Stretch {
        balance: BalanceId::new("bal_1").unwrap(),
        app: app("app_1"),
        product: ProductName::new("storefront").unwrap(),
        plan: plan("standard", 1),
        part: Some(Part { item: "calls".parse().unwrap(), promotion: None }),
        service_period: period(month),
    }
}

/// The run of a node that began when there was so much in its journal.
pub(super) fn run(on: &str, since: u64) -> Run {
    Run { node: node(on), since }
}

pub(super) async fn lease_of(store: &Store, run: &Run, stretch: &Stretch, waiting: u64) -> u64 {
    match grant(store, run, stretch, (Asked { waiting, ahead: 0 }, &[])).await.unwrap() {
        Granted::Now(units) => units,
        Granted::Unsaid(doubt) => panic!("{doubt:?}"),
    }
}

pub(super) async fn lease(store: &Store, on: &str, waiting: u64) -> u64 {
    lease_of(store, &run(on, 0), &stretch("2026-11"), waiting).await
}

/// A call of `app_1` that was let through by leased units.
pub(super) fn held(id: u128, units: u64, held: u64) -> UsageRecord {
    UsageRecord { held, ..usage(id, units, None) }
}

pub(super) async fn sums(store: &Store, balance: &Balance) -> (i64, i64, i64) {
    let funds = funds(store, balance, november(), &zone()).await.unwrap();
    let Funds { spent, reserved, .. } = funds;
    (spent, reserved, balance.left(funds))
}

async fn a_deposit_comes_in_once_and_is_posted(place: Place) {
    let store = open(&place).await;
    let balance = of_app(&store, BalanceKind::Prepaid).await;
    assert_eq!(pay_in(&store, "transfer 1", 500).await.unwrap(), Deposited::Now);
    assert_eq!(pay_in(&store, "transfer 1", 500).await.unwrap(), Deposited::Before);
    let differs = pay_in(&store, "transfer 1", 600).await;
    assert!(matches!(differs, Err(DepositError::Differs { .. })), "{differs:?}");
    assert_eq!(sums(&store, &balance).await, (0, 0, 500));
    let posted = place
        .texts(
            "select t.cause || ' ' || p.account || ' ' || p.minor from ledger_posted p \
             join ledger_transaction t on t.number = p.number order by p.minor",
        )
        .await;
    let expected = [
        "deposit:bal_1:transfer 1 partner:partner_1:deposit -500",
        "deposit:bal_1:transfer 1 platform:cash 500",
    ];
    assert_eq!(posted, expected);
    none(&check(&store).await.unwrap().findings);
    for sql in [
        "update balance_deposit set minor = 600",
        "delete from balance_deposit",
        "insert into balance_deposit select balance, cause, 1, at, posting from balance_deposit",
        "update balance set kind = 'credit', amount_limit = 1000",
        "delete from balance",
    ] {
        assert!(place.try_tamper(sql).await.is_err(), "{sql} was done");
    }
    store.close().await;
}

async fn a_budget_is_whole_again_in_the_next_month(place: Place) {
    let store = open(&place).await;
    let balance = of_app(&store, BalanceKind::Budget(5)).await;
    assert!(matches!(pay_in(&store, "transfer 1", 500).await, Err(DepositError::Budget)));
    assert_eq!(lease(&store, "node-1", 50).await, 7);
    record(&store, 1, &[held(1, 7, 7)]).await;
    assert_eq!(sums(&store, &balance).await, (5, 0, 0));
    assert_eq!(lease_of(&store, &run("node-1", 0), &stretch("2026-12"), 50).await, 7);
    assert_eq!(sums(&store, &balance).await, (5, 0, 0), "November's");
    let used = UsageRecord { at: at("2026-12-02T00:00:00Z"), ..held(2, 7, 7) };
    record_at(&store, at("2026-12-02T00:00:00Z"), 2, &[used]).await;
    let told = funds(&store, &balance, at("2026-12-03T00:00:00Z"), &zone()).await.unwrap();
    assert_eq!((told.spent, told.reserved), (5, 0));
    store.close().await;
}

async fn an_app_pays_from_its_own_balance_and_from_one_alone(place: Place) {
    let store = open(&place).await;
    let partner = || Owner::Partner(PartnerId::new("partner_1").unwrap());
    let own = of_app(&store, BalanceKind::Credit(100)).await;
    for owner in [Owner::App(app("app_1")), partner()] {
        let refused = make(&store, "bal_2", owner, BalanceKind::Prepaid).await;
        assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
    }
    let nobody = make(&store, "bal_2", Owner::App(app("app_none")), BalanceKind::Prepaid).await;
    assert!(matches!(nobody, Err(StoreError::Missing { what: "app" })), "{nobody:?}");
    let dollars = Balance {
        id: BalanceId::new("bal_2").unwrap(),
        owner: partner(),
        kind: BalanceKind::Prepaid,
        currency: "USD".parse().unwrap(),
        created_at: november(),
        ended_at: None,
        counts_shares: true,
        used_up_until: None,
    };
    store.create_balance(&dollars).await.unwrap();
    assert_eq!(paid_from(&store, "app_1").await, ["bal_1", "bal_2"]);
    assert_eq!(paid_from(&store, "app_2").await, ["bal_2"]);
    // Fees in another currency than the balance's are owed.
    record(&store, 1, &[usage(1, 5, None)]).await;
    assert_eq!(sums(&store, &own).await.0, 3);
    assert_eq!(sums(&store, &dollars).await.0, 0);
    store.close().await;
}

/// The balances that pay for an app's calls.
pub(super) async fn paid_from(store: &Store, name: &str) -> Vec<String> {
    let found = store.calling_app(&app(name)).await.unwrap().unwrap();
    found.facts.balances.iter().map(|one| one.balance.to_string()).collect()
}

/// What the partner owes, and what it has paid ahead.
pub(super) async fn owed(place: &Place) -> Vec<String> {
    place
        .texts(
            "select account || ' ' || sum(minor) from ledger_posted where account in \
             ('partner:partner_1:receivable', 'partner:partner_1:deposit') group by account order by account",
        )
        .await
}

async fn what_is_spent_is_paid_by_what_was_paid_in(place: Place) {
    let store = open(&place).await;
    of_app(&store, BalanceKind::Credit(100)).await;
    pay_in(&store, "transfer 1", 3).await.unwrap();
    record(&store, 1, &[usage(1, 4, None)]).await;
    assert_eq!(owed(&place).await, ["partner:partner_1:deposit -1", "partner:partner_1:receivable 0"]);
    record(&store, 2, &[usage(2, 5, None)]).await;
    assert_eq!(owed(&place).await, ["partner:partner_1:deposit 0", "partner:partner_1:receivable 4"]);
    pay_in(&store, "transfer 2", 10).await.unwrap();
    assert_eq!(owed(&place).await, ["partner:partner_1:deposit -6", "partner:partner_1:receivable 0"]);
    none(&check(&store).await.unwrap().findings);
    for sql in
        ["update balance_payment set minor = 1", "delete from balance_payment", "delete from balance_spent"]
    {
        assert!(place.try_tamper(sql).await.is_err(), "{sql} was done");
    }
    place.tamper("update balance_spent set minor = minor + 1").await;
    let findings = check(&store).await.unwrap().findings;
    assert!(findings.iter().any(|finding| finding.starts_with("bal_1 2026-11")), "{findings:?}");
    store.close().await;
}

async fn fees_of_calls_from_before_a_balance_was_made_are_owed(place: Place) {
    let store = open(&place).await;
    let balance = of_app(&store, BalanceKind::Credit(100)).await;
    let before = UsageRecord { at: at("2026-11-24T07:59:59Z"), ..usage(1, 5, None) };
    record(&store, 1, &[before, usage(2, 4, None)]).await;
    assert_eq!(sums(&store, &balance).await.0, 4);
    none(&check(&store).await.unwrap().findings);
    store.close().await;
}
