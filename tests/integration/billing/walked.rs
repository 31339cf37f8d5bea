//! Shares by the net amount of many sales come to what exact fractions say of all of them, summed up first and priced once: in whatever
//! order and batches they come, by whichever node, and on both stores.

use std::collections::BTreeMap;

use num_rational::BigRational;
use proptest::prelude::*;
use tollgate::billing::books::recorder::record_batch;
use tollgate::billing::rating::totals::Totals;
use tollgate::billing::rating::{Billable, Booking, Standing, Unrated, family_of, rate_transaction};
use tollgate::billing::statement::show;
use tollgate::domain::id::PartnerId;
use tollgate::domain::money::{Amount, Rounding};
use tollgate::domain::running_total::TierSum;
use tollgate::domain::share::{Base, Earned, Held, Receiver, ShareItem};
use tollgate::domain::split::Split;
use tollgate::domain::tariff::Tariff;
use tollgate::domain::tiers::{Across, Over, TierBand, TierTerms, Walk};
use tollgate::domain::time::Period;
use tollgate::domain::transaction::{Details, Extent, Reach, Transaction, TransactionKind};
use tollgate::domain::usage::UsageRecord;
use tollgate::store::Store;

use super::histories::{Became, gone_and_paid};
use super::lifecycle::balances;
use super::on_both_stores;
use super::oracle::{Band, Prices, comes_to, decimal, rounded, whole};
use super::seed::{
    app, at, cny, journal, journal_of, node, november, period, plan, register, sale, time, usage, zone,
};
use super::split::sample;
use super::tiers::{priced, tiered};
use crate::support::stores::Place;

on_both_stores! {
    sales_in_any_order_come_to_what_their_net_amount_does,
}

/// The last moment of October and the first of November, in Shanghai.
const MOMENTS: [&str; 2] = ["2026-10-31T15:59:59Z", "2026-10-31T16:00:00Z"];
const APPS: [&str; 2] = ["app_1", "app_2"];

/// What a plan takes, and what became of the sales under it.
#[derive(Debug, Clone)]
struct History {
    rounding: Rounding,
    walk: Walk,
    /// How wide each band but the last is, and what it gives, in 10^-4 of a percent.
    bands: Vec<(i64, i64)>,
    last: i64,
    over: Over,
    across: Across,
    floor: Option<i64>,
    cap: Option<i64>,
    without_tax: bool,
    earned: Earned,
    /// Weights of the platform and the partner.
    split: Option<[u64; 2]>,
    sales: Vec<Sold>,
    events: Vec<Event>,
}

#[derive(Debug, Clone)]
struct Sold {
    amount: i64,
    /// Thousandths of the amount.
    tax: i64,
    moment: usize,
    app: usize,
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
    let tiers = (
        prop_oneof![Just(Rounding::HalfUp), Just(Rounding::HalfEven)],
        prop_oneof![Just(Walk::Graduated), Just(Walk::Volume)],
        prop::collection::vec((1..60_000_i64, prop_oneof![0..60_000_i64, 0..=1_000_000_i64]), 0..4),
        prop_oneof![0..60_000_i64, Just(1_000_000_i64)],
        prop_oneof![Just(Over::Month), Just(Over::Lifetime)],
        prop_oneof![Just(Across::App), Just(Across::Partner)],
        prop::option::weighted(0.3, 0..300_i64),
        prop::option::weighted(0.3, 300..5_000_i64),
    );
    let terms = (
        any::<bool>(),
        prop_oneof![Just(Earned::OnSale), Just(Earned::OnSettlement)],
        prop::option::of([1..100_u64, 0..100_u64]),
    );
    let sold = (prop_oneof![0..50_i64, 0..50_000_i64], 0..=300_i64, 0..2_usize, 0..2_usize);
    let sold = sold.prop_map(|(amount, tax, moment, app)| Sold { amount, tax, moment, app });
    (tiers, terms, prop::collection::vec(sold, 1..8)).prop_flat_map(|(tiers, terms, sales)| {
        let kinds = prop::sample::select(TransactionKind::ALL[1..].to_vec());
        let event = (0..sales.len(), kinds, 0..=1_200_i64, any::<bool>(), any::<bool>());
        let events = prop::collection::vec(event, 0..24);
        (Just(tiers), Just(terms), Just(sales), events).prop_map(|(tiers, terms, sales, drawn)| {
            let events = drawn.into_iter().map(|(of, kind, thousandths, is_rest, by_provider)| Event {
                of,
                kind,
                amount: (!is_rest || !kind.may_be_of_the_rest())
                    .then_some(sales[of].amount * thousandths / 1_000),
                by_provider,
            });
            let events = events.collect();
            let (rounding, walk, bands, last, over, across, floor, cap) = tiers;
            let (without_tax, earned, split) = terms;
            History {
                rounding,
                walk,
                bands,
                last,
                over,
                across,
                floor,
                cap,
                without_tax,
                earned,
                split,
                sales,
                events,
            }
        })
    })
}

impl History {
    fn tariff(&self) -> Tariff {
        let percent = |drawn: i64| rust_decimal::Decimal::new(drawn, 4);
        let mut ends = 0;
        let below = self.bands.iter().map(|(width, drawn)| {
            ends += width;
            TierBand { up_to: Some(ends), percent: percent(*drawn) }
        });
        let mut bands: Vec<TierBand> = below.collect();
        bands.push(TierBand { up_to: None, percent: percent(self.last) });
        let terms = TierTerms {
            walk: self.walk,
            bands,
            over: self.over,
            across: self.across,
            floor: self.floor,
            cap: self.cap,
        };
        let split = self.split.map(|weights| {
            let receivers = [Receiver::Platform, Receiver::Partner];
            Split::new(receivers.into_iter().zip(weights).collect()).unwrap()
        });
        let item = ShareItem {
            base: Base { tax: if self.without_tax { Held::Out } else { Held::In }, ..Base::default() },
            split,
            earned: self.earned,
            ..tiered(terms)
        };
        Tariff { rounding: self.rounding, ..priced(item) }
    }

    fn base(&self, sold: &Sold) -> i64 {
        if self.without_tax { sold.amount - sold.amount * sold.tax / 1_000 } else { sold.amount }
    }

    fn records(&self) -> Vec<UsageRecord> {
        let sales = self.sales.iter().enumerate().map(|(number, sold)| {
            let details = Details { tax: Some(sold.amount * sold.tax / 1_000), ..Details::default() };
            let sale = Transaction { details, ..sale(&format!("o-{number}"), sold.amount) };
            let (app, at) = (app(APPS[sold.app]), at(MOMENTS[sold.moment]));
            UsageRecord { app, at, ..usage(1 + number as u128, 1, Some(sale)) }
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
            record.app = app(APPS[self.sales[event.of].app]);
            if event.by_provider {
                (record.app, record.partner) = (app("provider"), PartnerId::new("partner_2").unwrap());
            }
            record
        });
        sales.chain(events).collect()
    }

    /// What all families come to: each is summed up, then priced.
    fn expected(&self) -> i64 {
        let mut families: BTreeMap<(usize, usize), i64> = BTreeMap::new();
        for (number, sold) in self.sales.iter().enumerate() {
            let app = if self.across == Across::App { sold.app } else { 0 };
            let month = if self.over == Over::Month { sold.moment } else { 0 };
            *families.entry((app, month)).or_default() += self.earned(number, sold);
        }
        families.into_values().map(|net| self.total(net)).sum()
    }

    /// What a net amount comes to.
    fn total(&self, net: i64) -> i64 {
        let each = |drawn: i64| decimal(drawn.into(), 6);
        let mut ends = 0;
        let below = self.bands.iter().map(|(width, drawn)| {
            ends += u64::try_from(*width).unwrap();
            Band { ends: Some(ends), each: each(*drawn), flat: whole(0) }
        });
        let mut bands: Vec<Band> = below.collect();
        bands.push(Band { ends: None, each: each(self.last), flat: whole(0) });
        let prices = match self.walk {
            Walk::Graduated => Prices::Graduated(bands),
            Walk::Volume => Prices::Volume(bands),
        };
        let plain = rounded(&comes_to(&prices, u64::try_from(net).unwrap()), self.rounding).unwrap();
        plain.max(self.floor.unwrap_or(0)).min(self.cap.unwrap_or(i64::MAX)).min(net)
    }

    /// Of how much of a sale's base a share is earned.
    fn earned(&self, number: usize, sold: &Sold) -> i64 {
        let (amount, base) = (sold.amount, self.base(sold));
        let became: Vec<Became> =
            self.events.iter().filter(|one| one.of == number).map(|one| (one.kind, one.amount)).collect();
        let (gone, paid) = gone_and_paid(amount, &became);
        let is_settled =
            self.earned == Earned::OnSale || became.contains(&(TransactionKind::Settlement, None));
        let settled = if is_settled { amount } else { paid };
        let portion = |part: i64| match amount {
            0 => 0,
            amount => {
                let exact: BigRational = whole(base) * whole(part) / whole(amount);
                rounded(&exact, self.rounding).unwrap()
            }
        };
        let left = base - portion(gone);
        if gone + settled >= amount { left } else { portion(settled).min(left) }
    }
}

/// Records by two nodes in turn, each batch again after it.
async fn record_by_turns(store: &Store, records: &[UsageRecord], sizes: &[usize]) {
    let mut rest = records;
    let mut reached = [0_u64; 2];
    for (turn, size) in sizes.iter().cycle().enumerate() {
        if rest.is_empty() {
            return;
        }
        let (batch, later) = rest.split_at((*size).min(rest.len()));
        rest = later;
        let name = ["node-1", "node-2"][turn % 2];
        let batch: Vec<UsageRecord> =
            batch.iter().map(|record| UsageRecord { node: node(name), ..record.clone() }).collect();
        for _ in 0..2 {
            let (source, drained) = (journal_of(name), journal(reached[turn % 2] + 1, &batch));
            record_batch(store, &source, drained, time(november())).await.unwrap();
        }
        reached[turn % 2] += batch.len() as u64;
    }
}

async fn sales_in_any_order_come_to_what_their_net_amount_does(place: Place) {
    for round in 0..8 {
        let history = sample(any_history());
        let expected = history.expected();
        let records = history.records();
        for order in 0..2 {
            let shuffled: Vec<UsageRecord> = sample(Just(records.clone()).prop_shuffle());
            let sizes = sample(prop::collection::vec(1..6_usize, 1..6));
            let fresh = match place {
                Place::Folder(_) => Place::sqlite(),
                Place::Schema(_) => Place::postgres().await,
            };
            let store = fresh.open().await;
            register(&store, &plan("standard", 1), &history.tariff()).await;
            record_by_turns(&store, &shuffled, &sizes).await;
            let accounts = balances(&store).await;
            let owed = accounts.get("partner:partner_1:receivable").copied().unwrap_or(0);
            assert_eq!(
                owed,
                i128::from(expected),
                "round {round}, order {order}: {history:#?} {shuffled:#?} {sizes:?}"
            );
            assert_eq!(stated(&store).await, expected, "round {round}, order {order}: {history:#?}");
            store.close().await;
        }
    }
}

/// What all statements come to.
async fn stated(store: &Store) -> i64 {
    let mut sum = 0;
    for month in ["2026-10", "2026-11"] {
        let statements = show(store, period(month), None).await.unwrap();
        sum += statements.iter().map(|one| one.totals.total.minor).sum::<i64>();
    }
    sum
}

proptest! {
    #[test]
    fn rating_alone_comes_to_what_the_net_amount_does((history, mut waiting) in any_history().prop_flat_map(|history| {
        let records = Just(history.records()).prop_shuffle();
        (Just(history), records)
    })) {
        let tariff = history.tariff();
        let tiers = tariff.share.as_ref().unwrap().items[0].rate.tiers().unwrap();
        let mut totals = Totals::default();
        let (mut charged, mut moved) = (0, 0);
        // What comes before its sale is rated behind all the others.
        while !waiting.is_empty() {
            for record in std::mem::take(&mut waiting) {
                let call = Billable::of(&record).unwrap();
                let month = Period::of(call.at, &zone());
                let booking = Booking { period: month, service_period: month };
                if let Some(family) = family_of(&totals, &call, &tariff, month) {
                    totals.load_tiers(family, tiers.clone(), TierSum::default());
                }
                match rate_transaction(&call, &tariff, booking, &mut totals) {
                    Err(Unrated::SaleUnknown { .. }) => waiting.push(record),
                    Err(unrated) => prop_assert!(false, "{unrated}"),
                    Ok(rated) => {
                        charged += rated.charges.iter().map(|charge| charge.minor).sum::<i64>();
                        let change = rated.change.unwrap();
                        let standing = |one: Standing| one.earned + one.walked;
                        moved += standing(change.after) - standing(change.before);
                    }
                }
            }
        }
        prop_assert_eq!(moved, history.expected());
        prop_assert_eq!(charged, moved);
    }
}
