//! Whole months of plans: fees, shares and what becomes of sales, together. However the records come, and however often, each
//! party's accounts come to what fractions of any size say.
//!
//! What else a plan charges, such as by the month, joins [`Whole::tariffs`] and [`Whole::expected`].

use std::sync::Arc;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{TestCaseError, TestRunner};
use tollgate::billing::books::recorder::Recorder;
use tollgate::billing::ledger::check::check;
use tollgate::billing::ledger::posting::{Origin, post};
use tollgate::billing::rating::totals::Totals;
use tollgate::billing::rating::{Billable, Booking, Prices, Rated, Unrated, rate, rate_transaction};
use tollgate::domain::identity::{Partner, Standing};
use tollgate::domain::money::Currency;
use tollgate::domain::tariff::Tariff;
use tollgate::domain::transaction::TransactionKind;
use tollgate::domain::usage::{Evidence, UsageRecord};
use tollgate::metering::drain::UsageSink;
use tollgate::store::{Page, Store};

use super::histories::{Accounts, Case, History, any_history};
use super::many::prove;
use super::on_both_stores;
use super::oracle::{Used, items_come_to, rounded};
use super::recorder::untrigger;
use super::remembered::recorder_at;
use super::seed::{accounts_at, journal, none, november, period, record, register};
use super::tariffs::{Month, ROUTES, any_month, at};
use crate::support::stores::Place;

on_both_stores! {
    months_come_to_what_fractions_do_in_the_books,
}

/// What an app pays in a month, and what passes through it.
#[derive(Debug, Clone)]
struct Whole {
    month: Month,
    history: History,
    /// What tells the order of its records, and where they are cut into batches.
    chance: u64,
}

fn any_whole() -> impl Strategy<Value = Whole> {
    (any_month(), any_history(), any::<u64>()).prop_map(|(month, history, chance)| Whole {
        month,
        history,
        chance,
    })
}

impl Whole {
    fn case(&self, number: u32) -> Case {
        let Month { rounding, currency, versions, .. } = &self.month;
        Case { number, versions: versions.len(), currency: *currency, rounding: *rounding }
    }

    fn tariffs(&self) -> Vec<Arc<Tariff>> {
        let fees = self.month.tariffs().into_iter().enumerate();
        let both = fees.map(|(version, tariff)| Tariff {
            share: Some(self.history.share(version)),
            ..Tariff::clone(&tariff)
        });
        both.map(Arc::new).collect()
    }

    fn records(&self, case: Case) -> Vec<UsageRecord> {
        let calls = self.month.calls.iter().enumerate().map(|(number, (version, route, hour, units, _))| {
            let route = Some(ROUTES[*route].parse().unwrap());
            UsageRecord { at: at(*hour), route, ..case.call(number, (*version, *units), None) }
        });
        let records: Vec<UsageRecord> = calls.collect();
        let of_sales = self.history.records(case, records.len());
        records.into_iter().chain(of_sales).collect()
    }

    /// What stands on each account, by fractions: everything summed up first, then priced.
    fn expected(&self, case: Case, records: &[UsageRecord]) -> Accounts {
        let mut accounts = Accounts::new();
        self.history.add_to(&mut accounts, case);
        let items = self.month.items();
        for (app, partner) in [(case.app(), "partner"), (case.provider(), "provider")] {
            let used: Vec<Used> = records.iter().filter(|one| one.app == app).map(used).collect();
            for (.., exact) in items_come_to(&items, &used) {
                let minor = rounded(&exact, case.rounding).unwrap();
                case.add(&mut accounts, &format!("partner:{}:receivable", case.partner(partner)), minor);
                case.add(&mut accounts, "platform:revenue:fees", -minor);
            }
        }
        accounts.retain(|_, minor| *minor != 0);
        accounts
    }
}

/// What of a record counts for fees.
fn used(record: &UsageRecord) -> Used {
    let Evidence::Billable { units, .. } = &record.evidence else { panic!("{record:?}") };
    let route = record.route.as_ref().unwrap().as_str();
    let route = *ROUTES.iter().find(|known| **known == route).unwrap();
    let version = record.subscribed.as_ref().unwrap().1.version as usize - 1;
    (version, route, record.at.since(november()).as_secs() / 3_600, *units)
}

/// Rates records one after the other, and posts them in batches that are cut anywhere. What waits for its sale is rated once that has
/// come, as the books do it.
fn booked(tariffs: &[Arc<Tariff>], records: &[UsageRecord], chance: &mut fastrand::Rng) -> Accounts {
    let (mut totals, mut waiting, mut accounts) = (Totals::default(), Vec::new(), Accounts::new());
    let mut rest = records;
    while !rest.is_empty() {
        let (batch, behind) = rest.split_at(chance.usize(1..=rest.len()));
        let mut rated = Vec::new();
        for record in batch {
            rate_one(tariffs, Billable::of(record).unwrap(), (&mut totals, &mut waiting), &mut rated);
        }
        add_posted(rated, &mut accounts);
        rest = behind;
    }
    assert!(waiting.is_empty(), "a sale never came: {waiting:?}");
    accounts.retain(|_, minor| *minor != 0);
    accounts
}

fn rate_one(
    tariffs: &[Arc<Tariff>],
    call: Billable,
    (totals, waiting): (&mut Totals, &mut Vec<Billable>),
    rated: &mut Vec<(Billable, Rated)>,
) {
    let booking = Booking { period: period("2026-11"), service_period: period("2026-11") };
    let tariff = |call: &Billable| tariffs[call.plan.version as usize - 1].as_ref();
    let later = totals.later_versions(&call, tariff(&call), booking.service_period).into_iter();
    let later: Vec<_> = later.map(|version| (version, tariffs[version as usize - 1].clone())).collect();
    let prices = Prices { tariff: tariff(&call), later: &later };
    let outcome = rate(&call, prices, booking, totals).unwrap();
    match &outcome.unrated {
        Some(Unrated::SaleUnknown { .. }) => waiting.push(call.clone()),
        None | Some(Unrated::Exceeds { .. } | Unrated::Contradicted { .. }) => {}
        Some(other) => panic!("{other}"),
    }
    let is_sale = call.transaction.as_ref().is_some_and(|one| one.kind == TransactionKind::Sale);
    rated.push((call, outcome));
    if is_sale {
        for call in std::mem::take(waiting) {
            match rate_transaction(&call, tariff(&call), booking, totals) {
                Ok(outcome) => rated.push((call, outcome)),
                Err(Unrated::SaleUnknown { .. }) => waiting.push(call),
                Err(other) => panic!("{other}"),
            }
        }
    }
}

fn add_posted(rated: Vec<(Billable, Rated)>, accounts: &mut Accounts) {
    let (mut charges, mut changes) = (Vec::new(), Vec::new());
    for (call, Rated { charges: of_call, change, .. }) in rated {
        charges.extend(of_call.into_iter().map(|charge| (call.at, charge)));
        changes.extend(change);
    }
    let origin = Origin::Journal { node: "node-1".parse().unwrap(), first: 1, last: 1 };
    for transaction in post(&origin, charges, &changes).unwrap().ledger {
        for posting in transaction.postings() {
            let name = named(&posting.account.to_string(), posting.amount.currency);
            *accounts.entry(name).or_default() += i128::from(posting.amount.minor);
        }
    }
}

fn named(account: &str, currency: Currency) -> String {
    format!("{account} {currency}")
}

fn a_whole_month_comes_to_what_fractions_do(month: Whole) -> Result<(), TestCaseError> {
    let (case, tariffs) = (month.case(0), month.tariffs());
    let mut records = month.records(case);
    let expected = month.expected(case, &records);
    let mut chance = fastrand::Rng::with_seed(month.chance);
    prop_assert_eq!(&booked(&tariffs, &records, &mut chance), &expected);
    chance.shuffle(&mut records);
    prop_assert_eq!(&booked(&tariffs, &records, &mut chance), &expected, "in another order");
    Ok(())
}

#[test]
fn whole_months_come_to_what_fractions_do_in_any_order() {
    prove(2_000, any_whole, a_whole_month_comes_to_what_fractions_do);
}

/// `make prove`.
#[test]
#[ignore = "a long proof: `make prove`"]
fn a_million_whole_months_come_to_what_fractions_do() {
    prove(1_000_000, any_whole, a_whole_month_comes_to_what_fractions_do);
    println!(
        "1,000,000 plans with a month of usage: fees, shares, splits and reversals are what exact fractions come to"
    );
}

/// Cases in one store, all of their records mixed.
struct Mixed {
    store: Store,
    records: Vec<UsageRecord>,
    expected: Accounts,
}

impl Mixed {
    async fn of(place: &Place, cases: u32) -> Self {
        let store = place.open().await;
        let mut runner = TestRunner::default();
        let (mut records, mut expected) = (Vec::new(), Accounts::new());
        for number in 1..=cases {
            let whole = any_whole().new_tree(&mut runner).unwrap().current();
            let case = whole.case(number);
            for (version, tariff) in whole.tariffs().iter().enumerate() {
                register(&store, &case.plan(version), tariff).await;
            }
            let id = case.partner("haulier");
            let (name, standing) = ("Haulier".to_owned(), Standing::Active);
            store.create_partner(&Partner { id, name, standing, created_at: november() }).await.unwrap();
            let of_case = whole.records(case);
            for (account, minor) in whole.expected(case, &of_case) {
                *expected.entry(account).or_default() += minor;
            }
            records.extend(of_case);
        }
        expected.retain(|_, minor| *minor != 0);
        fastrand::shuffle(&mut records);
        Self { store, records, expected }
    }

    /// Records all, in batches of any size, by one that remembers sums and by others beside it; some of them again, and again.
    async fn record_all(&self, recorder: &Recorder) {
        let mut done = 0;
        while done < self.records.len() {
            let last = (done + fastrand::usize(1..500)).min(self.records.len());
            let (first, batch) = (done as u64 + 1, &self.records[done..last]);
            if fastrand::u8(..4) == 0 {
                record(&self.store, first, batch).await;
            } else {
                let (batch, up_to) = journal(first, batch);
                recorder.record(batch, up_to).await.unwrap();
            }
            let from = fastrand::usize(..last);
            record(&self.store, from as u64 + 1, &self.records[from..last]).await;
            done = last;
        }
    }

    #[track_caller]
    fn compare(&self, balances: &Accounts) {
        let wrong: Vec<_> =
            self.expected.iter().filter(|(name, minor)| balances.get(*name) != Some(*minor)).collect();
        assert!(wrong.is_empty(), "expected {wrong:#?}");
        assert_eq!(balances.len(), self.expected.len());
    }

    async fn balances(&self) -> Accounts {
        let checked = check(&self.store).await.unwrap();
        none(&checked.findings);
        assert!(checked.trial_balance.values().all(|sum| *sum == 0), "{:?}", checked.trial_balance);
        let accounts = accounts_at(&self.store, None).await;
        let balances = accounts.into_iter().filter(|balance| balance.minor != 0);
        balances.map(|one| (format!("{} {}", one.account, one.currency), one.minor)).collect()
    }
}

/// So many cases, recorded once and then from the journal's beginning twice more.
async fn prove_in(place: Place, cases: u32) {
    let mixed = Mixed::of(&place, cases).await;
    let recorder = recorder_at(&mixed.store, "node-1", at(24)).await;
    mixed.record_all(&recorder).await;
    mixed.compare(&mixed.balances().await);
    let asked = mixed.store.open_exceptions(&Page::first()).await.unwrap();
    // What waited and was too much then is asked about as what waited.
    let doubts = [" more of sale ", "both cancelled and settled", "of which no sale in"];
    let is_doubt = |reason: &str| doubts.iter().any(|doubt| reason.contains(doubt));
    assert!(asked.iter().all(|one| is_doubt(&one.reason)), "{asked:#?}");
    place.tamper(&untrigger(&place, "journal_position_goes_on", "journal_position")).await;
    let rows = "select count(*) || ' ' || max(sequence) from usage";
    let before = place.texts(rows).await;
    for _ in 0..2 {
        place.tamper("update journal_position set sequence = 0").await;
        mixed.record_all(&recorder).await;
        mixed.compare(&mixed.balances().await);
        assert_eq!(place.texts(rows).await, before);
    }
    println!(
        "{cases} plans, {} records in any order, batches and repetitions: to the minor unit",
        mixed.records.len()
    );
    mixed.store.close().await;
}

async fn months_come_to_what_fractions_do_in_the_books(place: Place) {
    prove_in(place, 12).await;
}

/// `make prove`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a long proof: `make prove`"]
async fn thousands_of_months_come_to_what_fractions_do_in_the_books() {
    prove_in(Place::sqlite(), 3_000).await;
    prove_in(Place::postgres().await, 500).await;
}
