//! Accounts tell their history, and history, balances and the trial balance are one, whatever is posted.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use tollgate::billing::ledger::check::check;
use tollgate::billing::ledger::history::{History, HistoryCursor, PageEnds, history};
use tollgate::billing::ledger::manual::post;
use tollgate::billing::ledger::pending::{Done, WaitError};
use tollgate::domain::account::Account;
use tollgate::domain::money::Currency;
use tollgate::domain::pending::{Moved, Pending, Resolution};
use tollgate::store::ledger::Balance;
use tollgate::store::trial_balance::Sides;
use tollgate::store::{Page, Store};

use super::ledger::{booked, without};
use super::manual::posting;
use super::on_both_stores;
use super::pending::{becomes, hold, posted, waits};
use super::seed::{accounts_at, cny, none, november};
use super::split::sample;
use crate::support::stores::Place;

on_both_stores! {
    an_account_tells_its_postings_and_what_it_came_to,
    a_page_goes_on_with_what_the_one_before_came_to,
    balances_are_told_as_they_were,
    histories_balances_and_the_trial_balance_agree_whatever_is_posted,
    no_sum_is_too_large_for_the_books,
}

fn account(text: &str) -> Account {
    text.parse().unwrap()
}

async fn balances(store: &Store) -> Vec<Balance> {
    accounts_at(store, None).await
}

async fn sums(store: &Store) -> Vec<(String, Sides)> {
    let mut transaction = store.begin_reading().await.unwrap();
    let sums = transaction.trial_balance(None).await.unwrap();
    transaction.roll_back().await.unwrap();
    sums
}

/// All balances, two at a time.
async fn page_by_page(store: &Store) -> Vec<Balance> {
    let (mut seen, mut page) = (Vec::new(), Page::first().with_size(2));
    loop {
        let mut transaction = store.begin_reading().await.unwrap();
        let told = transaction.account_balances(None, None, &page).await.unwrap();
        transaction.roll_back().await.unwrap();
        assert!(told.balances.len() <= 2);
        seen.extend(told.balances);
        let Some(next) = told.next else { return seen };
        page = Page::after(&next).with_size(2);
    }
}

/// A page of whoever remembers nothing.
async fn page(store: &Store, of: (&Account, Currency), after: i64, size: usize) -> History {
    history(store, of, HistoryCursor::after(after), size, &PageEnds::default()).await.unwrap()
}

/// Of which an earlier posting is made another, so that a sum of all tells itself.
async fn a_page_goes_on_with_what_the_one_before_came_to(place: Place) {
    let store = booked(&place).await;
    for number in 1..=4 {
        let paid = posting(&format!("paid-{number}"), "platform:cash", "partner:a:deposit", 10);
        post(&store, paid, ("li", november())).await.unwrap();
    }
    let (cash, ends) = (account("platform:cash"), PageEnds::default());
    let told = async |after| {
        let page = history(&store, (&cash, cny()), after, 2, &ends).await.unwrap();
        (page.opening, page.closing, page.next)
    };
    let first = told(HistoryCursor::default()).await;
    let Some(next) = first.2 else { panic!("{first:?}") };
    assert_eq!((first.0, first.1), (0, 20));
    place.tamper(&without(&place, "ledger_entry_stays", "ledger_entry")).await;
    let changed = |which: &str, minor: i64| {
        format!(
            "update ledger_entry set minor = {minor} where minor > 0 and number = \
             (select number from ledger_transaction where cause = 'manual:{which}')"
        )
    };
    place.tamper(&changed("paid-1", 13)).await;
    let second = told(next).await;
    assert_eq!((second.0, second.1), (20, 40), "nothing is summed up again");
    // The posting behind which it goes on is another now, as in a store that was put back.
    place.tamper(&changed("paid-2", 14)).await;
    assert_eq!(told(next).await, (27, 47, second.2));
    store.close().await;
}

async fn an_account_tells_its_postings_and_what_it_came_to(place: Place) {
    let store = booked(&place).await;
    let owed = account("partner:partner_1:receivable");
    post(&store, posting("paid-1", "platform:cash", "partner:partner_1:receivable", 200), ("li", november()))
        .await
        .unwrap();
    let told = page(&store, (&owed, cny()), 0, 10).await;
    let mut entries: Vec<_> =
        told.entries.iter().map(|(entry, _)| (entry.cause.as_str(), entry.minor)).collect();
    entries.sort_unstable();
    assert_eq!(
        entries,
        [
            ("fees:node-1:1-2 partner_1 app_1 2026-11 CNY 2026-11 service_fee storefront standard@1", 2),
            ("manual:paid-1", -200),
            ("usage:00000000-0000-0000-0000-000000000001:share", 250),
        ]
    );
    for (entry, _) in &told.entries {
        let is_by_hand = entry.cause.starts_with("manual:");
        let stands = (entry.app.as_str(), entry.period.as_str());
        assert_eq!(stands, if is_by_hand { ("", "") } else { ("app_1", "2026-11") });
        assert_eq!(entry.reason.as_deref(), is_by_hand.then_some("a transfer"));
        assert_eq!(entry.at, november());
    }
    assert_eq!((told.opening, told.closing, told.next), (0, 52, None));
    let in_dollars: Currency = "USD".parse().unwrap();
    let nothing = page(&store, (&owed, in_dollars), 0, 10).await;
    assert_eq!((nothing.opening, nothing.entries.len(), nothing.closing), (0, 0, 0));
    store.close().await;
}

async fn balances_are_told_as_they_were(place: Place) {
    let store = booked(&place).await;
    let later = november().plus(Duration::from_secs(60));
    post(&store, posting("paid-1", "platform:cash", "partner:partner_1:receivable", 252), ("li", later))
        .await
        .unwrap();
    for (at, owed) in [
        (november().minus(Duration::from_micros(1)), None),
        (november(), Some(252)),
        (later.minus(Duration::from_micros(1)), Some(252)),
        (later, Some(0)),
    ] {
        let mut transaction = store.begin_reading().await.unwrap();
        let sums = transaction.trial_balance(Some(at)).await.unwrap();
        transaction.roll_back().await.unwrap();
        let balances = accounts_at(&store, Some(at)).await;
        let of_partner = balances.iter().find(|balance| balance.account == "partner:partner_1:receivable");
        assert_eq!(of_partner.map(|balance| balance.minor), owed, "at {at}");
        assert!(sums.iter().all(|(_, sides)| sides.difference() == 0), "{sums:?}");
    }
    store.close().await;
}

/// What is done: its kind, two different accounts of [`ACCOUNTS`], and an amount.
type Step = (u8, usize, usize, i64);

const ACCOUNTS: [&str; 5] = [
    "platform:cash",
    "partner:partner_1:receivable",
    "partner:a:deposit",
    "merchant:receivable:payable",
    "platform:revenue:fees",
];

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec((0_u8..6, 0_usize..5, 1_usize..5, 1_i64..1_000_000), 1..40)
}

/// What accounts come to, by another way of counting.
struct Counted(BTreeMap<String, i128>);

impl Counted {
    fn move_to(&mut self, (debit, credit): (&str, &str), minor: i64) {
        *self.0.entry(debit.to_owned()).or_default() += i128::from(minor);
        *self.0.entry(credit.to_owned()).or_default() -= i128::from(minor);
    }
}

async fn histories_balances_and_the_trial_balance_agree_whatever_is_posted(place: Place) {
    let store = booked(&place).await;
    let steps = sample(steps());
    let before = balances(&store).await.into_iter().map(|balance| (balance.account, balance.minor));
    let mut counted = Counted(before.collect());
    let mut last: Option<(String, Pending)> = None;
    for (number, (kind, from, offset, minor)) in steps.iter().copied().enumerate() {
        let (debit, credit) = (ACCOUNTS[from], ACCOUNTS[(from + offset) % ACCOUNTS.len()]);
        let cause = format!("step-{number}");
        match (kind, &mut last) {
            (3 | 4, Some((waiting, pending))) => {
                let resolution = if kind == 3 { posted(minor) } else { Resolution::Voided };
                let expected = pending.resolve(&resolution, november());
                take_out(&store, (waiting, &cause), &resolution, &expected).await;
                if let Ok(moved) = expected {
                    let (held, to) = (pending.held().to_string(), moved.to.to_string());
                    counted.move_to((&held, &to), moved.amount.minor);
                }
            }
            (2, _) => {
                let pending = hold(minor);
                assert_eq!(waits(&store, &cause, &pending).await.unwrap(), Done::Now);
                assert_eq!(waits(&store, &cause, &pending).await.unwrap(), Done::Before);
                let (source, held) = (pending.source().to_string(), pending.held().to_string());
                counted.move_to((&source, &held), minor);
                last = Some((cause, pending));
            }
            _ => {
                for is_again in [false, true] {
                    let by_hand = posting(&cause, debit, credit, minor);
                    let made = post(&store, by_hand, ("li", november())).await.unwrap();
                    assert_eq!(made.was_posted, is_again);
                }
                counted.move_to((debit, credit), minor);
            }
        }
    }
    agree(&store, &counted, &steps).await;
    store.close().await;
}

/// The books do as the rules alone do, and do it once.
async fn take_out(
    store: &Store,
    causes: (&str, &str),
    resolution: &Resolution,
    expected: &Result<Moved, tollgate::domain::pending::PendingError>,
) {
    let done = becomes(store, causes, resolution, november()).await;
    match (done, expected) {
        (Ok(Done::Now), Ok(_)) => {
            let again = becomes(store, causes, resolution, november()).await.unwrap();
            assert_eq!(again, Done::Before);
        }
        (Err(WaitError::Pending(refused)), Err(expected)) => assert_eq!(refused, *expected),
        (done, expected) => panic!("{done:?}, not {expected:?}"),
    }
}

async fn agree(store: &Store, counted: &Counted, steps: &[Step]) {
    let checked = check(store).await.unwrap();
    none(&checked.findings);
    let accounts = balances(store).await;
    assert_eq!(checked.accounts, accounts.len() as u64);
    let known: BTreeMap<String, i128> =
        accounts.iter().map(|balance| (balance.account.clone(), balance.minor)).collect();
    assert_eq!(known, counted.0, "{steps:?}");
    let sums = sums(store).await;
    let above = |sum: i128, minor: &i128| sum + (*minor).max(0);
    let debits = counted.0.values().fold(0, above);
    let sides = Sides { debits, credits: debits, accounts: checked.accounts };
    assert_eq!(sums, [("CNY".to_owned(), sides)], "{steps:?}");
    assert_eq!(page_by_page(store).await, accounts);
    let ends = PageEnds::default();
    for (name, expected) in &counted.0 {
        let (owner, mut after, mut came_to) = (account(name), HistoryCursor::default(), 0);
        loop {
            let page = history(store, (&owner, cny()), after, 3, &ends).await.unwrap();
            assert_eq!(page.opening, came_to, "{name} after {after}: {steps:?}");
            for (entry, balance) in &page.entries {
                came_to += i128::from(entry.minor);
                assert_eq!(*balance, came_to, "{name} at {}", entry.number);
            }
            assert_eq!(page.closing, came_to);
            let Some(next) = page.next else { break };
            assert!(next > after);
            after = next;
        }
        assert_eq!(came_to, *expected, "{name}: {steps:?}");
    }
}

async fn no_sum_is_too_large_for_the_books(place: Place) {
    let store = booked(&place).await;
    // Far beyond 64 bits, in both directions, and odd in every part.
    let largest = i64::MAX;
    place.tamper("insert into ledger_account values (50, 'platform', 'cash', 'CNY'), (51, 'platform', 'held', 'CNY')").await;
    for number in 100..110 {
        let sql = format!(
            "insert into ledger_transaction values ({number}, 'huge-{number}', 0, '', '', 'CNY'); \
             insert into ledger_entry values ({number}, 50, {largest}), ({number}, 51, -{largest});"
        );
        place.tamper(&sql).await;
    }
    let checked = check(&store).await.unwrap();
    assert_eq!(checked.trial_balance["CNY"], 0);
    let accounts = balances(&store).await;
    let of = |name: &str| accounts.iter().find(|balance| balance.account == name).unwrap().minor;
    let huge = 10 * i128::from(largest);
    assert_eq!((of("platform:cash"), of("platform:held")), (huge, -huge));
    let (_, sides) = sums(&store).await.into_iter().find(|(currency, _)| currency == "CNY").unwrap();
    assert_eq!((sides.debits, sides.credits), (huge + 252, huge + 252));
    let about: Vec<_> = checked.findings.iter().filter(|finding| finding.starts_with("huge-")).collect();
    assert!(about.iter().all(|finding| !finding.contains("do not balance")), "{about:?}");
    assert!(about.iter().any(|finding| finding.contains("which nothing caused")), "{about:?}");
    let last = page(&store, (&account("platform:cash"), cny()), 108, 5).await;
    assert_eq!((last.opening, last.closing), (huge - i128::from(largest), huge));
    store.close().await;
}
