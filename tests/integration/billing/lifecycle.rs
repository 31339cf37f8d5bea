//! What becomes of sales, in any order and by whichever app, comes to what exact fractions say: for each party, and on both stores.

use std::collections::BTreeMap;

use num_rational::BigRational;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use tollgate::billing::ledger::check::check;
use tollgate::billing::statement::show;
use tollgate::domain::id::PartnerId;
use tollgate::domain::identity::{Partner, Standing};
use tollgate::domain::money::{Amount, Rounding};
use tollgate::domain::share::{Base, Earned, Held, Receiver, SaleRate, Share, ShareItem, ShareRate};
use tollgate::domain::split::Split;
use tollgate::domain::tariff::Tariff;
use tollgate::domain::transaction::{Details, Extent, Reach, Transaction, TransactionKind};
use tollgate::domain::usage::UsageRecord;
use tollgate::store::{Page, Store};

use super::on_both_stores;
use super::oracle::{decimal, rounded, whole};
use super::seed::{
    app, cny, none, november, period, plan, record, refund_named, register, rule, sale, tariff, usage,
};
use crate::support::stores::Place;

on_both_stores! {
    histories_in_any_order_come_to_what_fractions_do,
    a_provider_settles_the_sale_of_another_app,
    a_sale_that_several_apps_have_made_is_asked_about,
    what_is_given_back_is_owed_by_whoever_made_the_sale,
    a_part_for_someone_who_is_not_named_is_asked_about,
}

/// What a plan takes, and what became of the sales under it.
#[derive(Debug, Clone)]
struct History {
    rounding: Rounding,
    /// In 10^-4 of a percent.
    percent: i64,
    fixed: i64,
    floor: Option<i64>,
    cap: Option<i64>,
    without_tax: bool,
    earned: Earned,
    /// Weights of the platform, the partner and the carrier.
    split: Option<[u64; 3]>,
    /// Amounts, and how many thousandths of each are tax.
    sales: Vec<(i64, i64)>,
    events: Vec<Event>,
}

#[derive(Debug, Clone)]
struct Event {
    of: usize,
    kind: TransactionKind,
    /// None of all that is left.
    amount: Option<i64>,
    by_provider: bool,
}

fn any_history() -> impl Strategy<Value = History> {
    let rate = (
        prop_oneof![Just(Rounding::HalfUp), Just(Rounding::HalfEven)],
        0..=1_000_000_i64,
        prop_oneof![Just(0_i64), 0..500_i64],
        prop::option::of(0..300_i64),
        prop::option::of(300..5_000_i64),
        any::<bool>(),
        prop_oneof![Just(Earned::OnSale), Just(Earned::OnSettlement)],
        prop::option::of([1..100_u64, 0..100_u64, 0..100_u64]),
    );
    let sales = prop::collection::vec((prop_oneof![0..50_i64, 0..100_000_i64], 0..=300_i64), 1..5);
    (rate, sales).prop_flat_map(|(rate, sales)| {
        let kinds = prop::sample::select(TransactionKind::ALL[1..].to_vec());
        let event = (0..sales.len(), kinds, 0..=1_200_i64, any::<bool>(), any::<bool>());
        (Just(rate), Just(sales), prop::collection::vec(event, 0..16)).prop_map(|(rate, sales, drawn)| {
            let events = drawn.into_iter().map(|(of, kind, thousandths, is_rest, by_provider)| Event {
                of,
                kind,
                amount: (!is_rest || !kind.may_be_of_the_rest()).then_some(sales[of].0 * thousandths / 1_000),
                by_provider,
            });
            let events = events.collect();
            let (rounding, percent, fixed, floor, cap, without_tax, earned, split) = rate;
            History { rounding, percent, fixed, floor, cap, without_tax, earned, split, sales, events }
        })
    })
}

impl History {
    fn tariff(&self) -> Tariff {
        let percent = rust_decimal::Decimal::new(self.percent, 4);
        let split = self.split.map(|weights| {
            let receivers = [Receiver::Platform, Receiver::Partner, Receiver::named("carrier").unwrap()];
            Split::new(receivers.into_iter().zip(weights).collect()).unwrap()
        });
        let item = ShareItem {
            base: Base { tax: if self.without_tax { Held::Out } else { Held::In }, ..Base::default() },
            rate: ShareRate::PerSale(SaleRate {
                percent,
                fixed: self.fixed,
                floor: self.floor,
                cap: self.cap,
            }),
            split,
            earned: self.earned,
            ..ShareItem::new("goods".parse().unwrap(), ShareRate::percent(percent), rule(14))
        };
        let share = Some(Share { items: vec![item] });
        Tariff { rounding: self.rounding, fees: Vec::new(), share, ..tariff("0", 0, "0") }
    }

    fn tax(&self, (amount, thousandths): (i64, i64)) -> i64 {
        amount * thousandths / 1_000
    }

    fn records(&self) -> Vec<UsageRecord> {
        let sales = self.sales.iter().enumerate().map(|(number, drawn)| {
            let details = Details {
                tax: Some(self.tax(*drawn)),
                parties: vec![("carrier".parse().unwrap(), PartnerId::new("haulier").unwrap())],
                ..Details::default()
            };
            let sale = Transaction { details, ..sale(&format!("o-{number}"), drawn.0) };
            usage(1 + number as u128, 1, Some(sale))
        });
        let events = self.events.iter().enumerate().map(|(number, event)| {
            let details = Details {
                extent: if event.amount.is_some() { Extent::Amount } else { Extent::Rest },
                reach: if event.by_provider { Reach::AnyApp } else { Reach::OwnApp },
                ..Details::default()
            };
            let transaction = Transaction {
                id: format!("e-{number}"),
                of: Some(format!("o-{}", event.of)),
                kind: event.kind,
                amount: Amount { minor: event.amount.unwrap_or(0), currency: cny() },
                details,
            };
            let mut record = usage(1_000 + number as u128, 1, Some(transaction));
            if event.by_provider {
                (record.app, record.partner) = (app("provider"), PartnerId::new("partner_2").unwrap());
            }
            record
        });
        sales.chain(events).collect()
    }

    /// What stands on each account at the end, by fractions.
    fn expected(&self) -> BTreeMap<String, i128> {
        let mut accounts: BTreeMap<String, i128> = BTreeMap::new();
        let mut add = |account: &str, minor: i64| {
            *accounts.entry(account.to_owned()).or_default() += i128::from(minor);
        };
        for (number, drawn) in self.sales.iter().enumerate() {
            let (earned, pending) = self.standing(number, *drawn);
            add("partner:partner_1:receivable", earned);
            add("partner:partner_1:pending", pending);
            let weights = self.split.unwrap_or([1, 0, 0]);
            let (of_earned, of_left) = (parts(earned, weights), parts(earned + pending, weights));
            let names = ["platform:revenue:share", "partner:partner_1:payable", "partner:haulier:payable"];
            for (name, minor) in names.into_iter().zip(of_earned) {
                add(name, -minor);
            }
            let names = ["platform:pending", "partner:partner_1:pending", "partner:haulier:pending"];
            for (name, (left, earned)) in names.into_iter().zip(of_left.into_iter().zip(of_earned)) {
                add(name, earned - left);
            }
        }
        accounts.retain(|_, minor| *minor != 0);
        accounts
    }

    /// What of a sale's share is earned, and what is pending.
    fn standing(&self, number: usize, drawn: (i64, i64)) -> (i64, i64) {
        let amount = drawn.0;
        let base = if self.without_tax { amount - self.tax(drawn) } else { amount };
        let share = decimal(self.percent.into(), 6) * whole(base) + whole(self.fixed);
        let share = rounded(&share, self.rounding).unwrap().max(self.floor.unwrap_or(0));
        let share = share.min(self.cap.unwrap_or(i64::MAX)).min(base);
        let of = |kind: TransactionKind| {
            self.events.iter().filter(move |one| one.of == number && one.kind == kind)
        };
        let sum = |kind| of(kind).filter_map(|one| one.amount).sum::<i64>();
        let is_whole = |kind| of(kind).any(|one| one.amount.is_none());
        let charged_back = sum(TransactionKind::Chargeback) - sum(TransactionKind::ChargebackWon);
        let gone = sum(TransactionKind::Refund) + sum(TransactionKind::Cancellation) + charged_back.max(0);
        let paid = sum(TransactionKind::Settlement).min(amount);
        let rest = if is_whole(TransactionKind::Cancellation) { amount - paid } else { 0 };
        let gone = gone.max(rest).min(amount);
        let is_settled = self.earned == Earned::OnSale || is_whole(TransactionKind::Settlement);
        let settled = if is_settled { amount } else { paid };
        let portion = |part: i64| match amount {
            0 => 0,
            amount => rounded(&(whole(share) * whole(part) / whole(amount)), self.rounding).unwrap(),
        };
        let left = share - portion(gone);
        let earned = if gone + settled >= amount { left } else { portion(settled).min(left) };
        (earned, left - earned)
    }
}

/// Parts by the largest remainders, one minor unit after another.
fn parts(minor: i64, weights: [u64; 3]) -> [i64; 3] {
    let all = weights.iter().fold(whole(0), |sum, weight| sum + whole(*weight));
    let dues: Vec<BigRational> = weights.iter().map(|weight| whole(minor) * whole(*weight) / &all).collect();
    let floor = |due: &BigRational| i64::try_from(due.floor().to_integer()).unwrap();
    let mut parts: Vec<i64> = dues.iter().map(floor).collect();
    let mut was_raised = [false; 3];
    while parts.iter().sum::<i64>() < minor {
        let loss = |place: usize| &dues[place] - whole(floor(&dues[place]));
        let largest = (0..3).filter(|place| !was_raised[*place]);
        // Of equals the first.
        let largest = largest.rev().max_by(|one, other| loss(*one).cmp(&loss(*other))).unwrap();
        (parts[largest], was_raised[largest]) = (parts[largest] + 1, true);
    }
    [parts[0], parts[1], parts[2]]
}

pub(super) async fn balances(store: &Store) -> BTreeMap<String, i128> {
    let checked = check(store).await.unwrap();
    none(&checked.findings);
    let balances = checked.balances.into_iter().filter(|balance| balance.minor != 0);
    balances.map(|balance| (balance.account, balance.minor)).collect()
}

pub(super) fn sample<S: Strategy>(strategy: S) -> S::Value {
    strategy.new_tree(&mut TestRunner::default()).unwrap().current()
}

async fn histories_in_any_order_come_to_what_fractions_do(place: Place) {
    for round in 0..6 {
        let history = sample(any_history());
        let expected = history.expected();
        let records = history.records();
        let shuffled: Vec<UsageRecord> = sample(Just(records.clone()).prop_shuffle());
        for (number, records) in [records, shuffled].into_iter().enumerate() {
            let fresh = match place {
                Place::Folder(_) => Place::sqlite(),
                Place::Schema(_) => Place::postgres().await,
            };
            let store = fresh.open().await;
            register(&store, &plan("standard", 1), &history.tariff()).await;
            haulier(&store).await;
            for (first, batch) in (1..).step_by(3).zip(records.chunks(3)) {
                record(&store, first, batch).await;
                record(&store, first, batch).await;
            }
            assert_eq!(
                balances(&store).await,
                expected,
                "round {round}, order {number}: {history:#?} {records:#?}"
            );
            store.close().await;
        }
    }
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
pub(super) async fn haulier(store: &Store) {
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
