//! What a record is worth.

use std::hint::black_box;

use criterion::{BatchSize, Criterion};
use tollgate::billing::rating::totals::Totals;
use tollgate::billing::rating::{Billable, Booking, rate};
use tollgate::domain::money::Amount;
use tollgate::domain::plan::Tariff;
use tollgate::domain::time::{Period, Zone};
use tollgate::domain::usage::{Evidence, Transaction, TransactionKind};

use super::usage::usage;

pub(super) fn bench(criterion: &mut Criterion) {
    let policies = super::policies();
    let plan = policies.plans.values().find(|plan| plan.name.as_str() == "standard").unwrap();
    let tariff = &plan.versions.last().unwrap().tariff;
    bench_rating(criterion, "rate a call", tariff, None);
    let amount = Amount { minor: 12_850, currency: "CNY".parse().unwrap() };
    let sale = Transaction { id: "o-1".to_owned(), of: None, amount, kind: TransactionKind::Sale };
    bench_rating(criterion, "rate a sale", tariff, Some(sale));
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
