//! Calls, prices and a store that knows them.

use std::time::Duration;

use tollgate::billing::books::BooksTime;
use tollgate::billing::books::recorder::{JournalOf, record_batch};
use tollgate::billing::rating::Billable;
use tollgate::domain::id::{
    AppId, MerchantId, NodeId, PartnerId, PlanName, ProductName, RouteName, SnapshotHash,
};
use tollgate::domain::location::Location;
use tollgate::domain::money::{Amount, Currency, Rounding, parse_decimal};
use tollgate::domain::plan::{Existing, PlanRef};
use tollgate::domain::principal::CredentialKind;
use tollgate::domain::recurring::Recurring;
use tollgate::domain::scope::ScopeSet;
use tollgate::domain::share::Share;
use tollgate::domain::tariff::{FeeItem, FeeTerms, Tariff};
use tollgate::domain::time::{Period, Timestamp, Zone};
use tollgate::domain::transaction::{Details, Transaction, TransactionKind};
use tollgate::domain::usage::{Evidence, UsageRecord};
use tollgate::metering::drain::Drained;
use tollgate::policy::journal_terms::RecordTimes;
use tollgate::store::ledger::Balance;
use tollgate::store::page::MAX_PAGE_SIZE;
use tollgate::store::{Page, Store};
use uuid::Uuid;

pub(crate) fn cny() -> Currency {
    "CNY".parse().unwrap()
}

pub(crate) fn period(text: &str) -> Period {
    text.parse().unwrap()
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn november() -> Timestamp {
    at("2026-11-24T08:00:00Z")
}

/// The books at a time, in Shanghai.
pub(crate) fn time(now: Timestamp) -> BooksTime {
    BooksTime { zone: zone(), now }
}

/// Someone decides at a time, by the usual terms.
pub(crate) fn deciding(now: Timestamp) -> (BooksTime, RecordTimes) {
    (time(now), RecordTimes::default())
}

pub(crate) fn zone() -> Zone {
    Zone::named("Asia/Shanghai").unwrap()
}

pub(crate) fn app(name: &str) -> AppId {
    AppId::new(name).unwrap()
}

pub(crate) fn node(name: &str) -> NodeId {
    NodeId::new(name).unwrap()
}

/// The journal of a node, the first that it ever had.
pub(crate) fn journal_of(name: &str) -> JournalOf {
    JournalOf { node: node(name), journal: format!("{name}-journal") }
}

pub(crate) fn plan(name: &str, version: u32) -> PlanRef {
    PlanRef { name: PlanName::new(name).unwrap(), version }
}

pub(crate) fn rule(line: u32) -> Location {
    Location { file: "plans/standard.yaml".into(), line, column: 7 }
}

/// A price for each unit after the free ones, and a percentage of sales.
pub(crate) fn tariff(per_unit: &str, free_units: u64, percent: &str) -> Tariff {
    Tariff {
        currency: cny(),
        rounding: Rounding::HalfUp,
        fees: vec![calls(per_unit, free_units)],
        share: Some(Share::of_percent(parse_decimal(percent).unwrap(), rule(14))),
        recurring: Recurring::default(),
    }
}

/// A price for each unit of all calls after the free ones.
pub(crate) fn calls(per_unit: &str, free_units: u64) -> FeeItem {
    let terms = FeeTerms::calls(parse_decimal(per_unit).unwrap(), free_units, rule(12));
    FeeItem::new(terms, cny()).unwrap()
}

pub(crate) async fn register(store: &Store, plan: &PlanRef, tariff: &Tariff) {
    let mut transaction = store.begin().await.unwrap();
    let dated = (Timestamp::default(), Existing::Stay);
    transaction.keep_plan_version(plan, tariff, dated).await.unwrap();
    transaction.commit().await.unwrap();
}

pub(crate) fn sale(id: &str, minor: i64) -> Transaction {
    let amount = Amount { minor, currency: cny() };
    let (kind, details) = (TransactionKind::Sale, Details::default());
    Transaction { id: id.to_owned(), of: None, amount, kind, details }
}

pub(crate) fn refund(of: &str, minor: i64) -> Transaction {
    let of = Some(of.to_owned());
    Transaction { id: format!("r-{minor}"), of, kind: TransactionKind::Refund, ..sale("", minor) }
}

/// A refund with an id of its own.
pub(crate) fn refund_named(id: &str, of: &str, minor: i64) -> Transaction {
    Transaction { id: id.to_owned(), ..refund(of, minor) }
}

/// The usage record of number `id`, of `app_1` of `partner_1`, under `standard@1`.
pub(crate) fn usage(id: u128, units: u64, transaction: Option<Transaction>) -> UsageRecord {
    UsageRecord {
        id: Uuid::from_u128(id),
        at: november(),
        node: node("node-1"),
        snapshot: SnapshotHash::new("abc").unwrap(),
        app: app("app_1"),
        partner: PartnerId::new("partner_1").unwrap(),
        credential: CredentialKind::AccessToken,
        credential_id: "token".to_owned(),
        merchant: Some(MerchantId::new("merchant_1").unwrap()),
        grant: None,
        route: Some(RouteName::new("place-order").unwrap()),
        subscribed: Some((ProductName::new("storefront").unwrap(), plan("standard", 1))),
        method: "POST".to_owned(),
        status: 201,
        latency: Duration::from_micros(250),
        bytes_in: 1,
        bytes_out: 2,
        refusal: None,
        disclosed: ScopeSet::none(),
        idempotency: None,
        held: 0,
        counted: None,
        held_of_cap: 0,
        evidence: Evidence::Billable { units, transaction },
    }
}

pub(crate) fn call(units: u64, transaction: Option<Transaction>) -> Billable {
    Billable::of(&usage(1, units, transaction)).unwrap()
}

/// Records as the journal of `node-1` gives them, from place `first` on.
pub(crate) fn journal(first: u64, records: &[UsageRecord]) -> (Vec<Drained>, u64) {
    let last = first + u64::try_from(records.len()).unwrap() - 1;
    let drained =
        (first..).zip(records).map(|(sequence, record)| Drained::Usage(sequence, Box::new(record.clone())));
    (drained.collect(), last)
}

/// Records them at `now`.
pub(crate) async fn record_at(store: &Store, now: Timestamp, first: u64, records: &[UsageRecord]) {
    record_batch(store, &journal_of("node-1"), journal(first, records), time(now)).await.unwrap();
}

/// Records them in November.
pub(crate) async fn record(store: &Store, first: u64, records: &[UsageRecord]) {
    record_at(store, november(), first, records).await;
}

/// What all accounts came to by a time, or by now.
pub(crate) async fn accounts_at(store: &Store, as_of: Option<Timestamp>) -> Vec<Balance> {
    let (mut all, mut page) = (Vec::new(), Page::first().with_size(MAX_PAGE_SIZE));
    let mut transaction = store.begin_reading().await.unwrap();
    loop {
        let told = transaction.account_balances(None, as_of, &page).await.unwrap();
        all.extend(told.balances);
        let Some(next) = told.next else { break };
        page = Page::after(&next).with_size(MAX_PAGE_SIZE);
    }
    transaction.roll_back().await.unwrap();
    all
}

#[track_caller]
pub(crate) fn none(findings: &[String]) {
    assert!(findings.is_empty(), "{findings:#?}");
}
