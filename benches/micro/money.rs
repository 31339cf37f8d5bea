//! What a record is worth.

use std::hint::black_box;

use criterion::{BatchSize, Criterion};
use tollgate::billing::rating::totals::Totals;
use tollgate::billing::rating::{Billable, Booking, rate};
use tollgate::domain::id::AppId;
use tollgate::domain::money::Amount;
use tollgate::domain::tariff::Tariff;
use tollgate::domain::time::{Period, Zone};
use tollgate::domain::transaction::{Details, Transaction, TransactionKind};
use tollgate::domain::usage::{Evidence, UsageRecord};
use tollgate::metering::record;

use super::usage::usage;

pub(super) fn bench(criterion: &mut Criterion) {
    let policies = super::policies();
    let plan = policies.plans.values().find(|plan| plan.name.as_str() == "standard").unwrap();
    let tariff = &plan.versions.last().unwrap().tariff;
    bench_rating(criterion, "rate a call", tariff, None);
    let amount = Amount { minor: 12_850, currency: "CNY".parse().unwrap() };
    let (kind, details) = (TransactionKind::Sale, Details::default());
    let sale = Transaction { id: "o-1".to_owned(), of: None, amount, kind, details };
    bench_rating(criterion, "rate a sale", tariff, Some(sale));
    bench_many_apps(criterion, tariff);
}

/// Records as the journal has them, of 10,000 apps in turn, whose sums are all remembered.
fn bench_many_apps(criterion: &mut Criterion, tariff: &Tariff) {
    let one = usage(Evidence::Billable { units: 1, transaction: None });
    let of_app = |number: u64| {
        let app = AppId::new(&format!("app_{number:016x}")).unwrap();
        record::encode(&UsageRecord { app, ..one.clone() })
    };
    let records: Vec<Vec<u8>> = (0..10_000).map(of_app).collect();
    let period = Period::of(one.at, &Zone::utc());
    let booking = Booking { period, service_period: period };
    let mut totals = Totals::default();
    let mut turns = records.iter().cycle();
    criterion.bench_function("read a record and rate its call, of 10,000 apps", |bencher| {
        bencher.iter(|| {
            let record = record::decode(black_box(turns.next().unwrap())).unwrap();
            rate(&Billable::of(&record).unwrap(), tariff, booking, &mut totals).unwrap()
        });
    });
}

fn bench_rating(criterion: &mut Criterion, name: &str, tariff: &Tariff, transaction: Option<Transaction>) {
    let record = usage(Evidence::Billable { units: 1, transaction });
    let period = Period::of(record.at, &Zone::utc());
    let booking = Booking { period, service_period: period };
    criterion.bench_function(name, |bencher| {
        bencher.iter_batched_ref(
            Totals::default,
            |totals| {
                let call = Billable::of(black_box(&record)).unwrap();
                rate(&call, tariff, booking, totals).unwrap()
            },
            BatchSize::SmallInput,
        );
    });
}
