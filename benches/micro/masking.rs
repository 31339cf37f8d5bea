//! What it costs to mask an answer of 4 KiB: a list of orders, of each of which three members are masked. Most cases repeat one order;
//! how alike the values of two orders are must make no difference. All but the one that says so are answers of a route that has had some
//! like them.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, Throughput};
use tollgate::masking::fields::{FieldPath, FieldTree, Rules};
use tollgate::masking::learned::Learned;
use tollgate::masking::masker::{Form, Masker};

use super::usage::ORDER;

const LENGTH: usize = 4096;
const NAMES: [&str; 3] = ["receiver.name", "receiver.phone", "receiver.address"];

pub(super) fn bench(criterion: &mut Criterion) {
    let (orders, others) = (orders(), various_orders());
    let there = tree(&NAMES);
    let many: Vec<String> = (0..100).map(|number| format!("receiver.field_{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).chain(NAMES).collect();
    let mut group = criterion.benchmark_group("mask 4 KiB of orders");
    group.throughput(Throughput::Bytes(orders.len() as u64));
    for (name, tree, body) in [
        ("three members of each", &there, &orders),
        ("three members of each, which differ", &there, &others),
        ("none is there", &tree(&["buyer.name"]), &orders),
        ("a hundred named, three members of each", &tree(&many), &orders),
        ("three at any depth", &tree(&["**.name", "**.phone", "**.address"]), &orders),
    ] {
        let mut learned = Learned::default();
        group.bench_function(name, |bencher| bencher.iter(|| mask(tree, &mut learned, black_box(body))));
    }
    group.bench_function("three members of each, the first of its route", |bencher| {
        bencher.iter(|| mask(&there, &mut Learned::default(), black_box(&orders)));
    });
    group.finish();
}

/// As many orders as go into 4 KiB.
fn orders() -> Bytes {
    let order = String::from_utf8(ORDER.to_vec()).unwrap();
    let count = LENGTH / (order.len() + 1);
    Bytes::from(format!("[{}]", vec![order; count].join(",")))
}

/// About as many bytes of orders that differ in their values, in how long these are, and in how many items they have.
fn various_orders() -> Bytes {
    let item = |number: usize| format!(r#"{{"product_id":"p-{number}","quantity":{}}}"#, number % 7 + 1);
    let order = |number: usize| {
        let items: Vec<String> = (0..=number % 3).map(|place| item(number * 37 + place)).collect();
        let (name, paid) = (["Li Lei", "Han Meimei", "Jim"][number % 3], number.is_multiple_of(2));
        let receiver =
            format!(r#"{{"name":"{name}","phone":"1380000{number}","address":"{number} Longjing Road"}}"#);
        format!(
            r#"{{"id":"o-{}","paid":{paid},"receiver":{receiver},"items":[{}]}}"#,
            number * 91,
            items.join(",")
        )
    };
    Bytes::from(format!("[{}]", (0..LENGTH / 200).map(order).collect::<Vec<_>>().join(",")))
}

fn tree(paths: &[&str]) -> FieldTree {
    let paths: Vec<FieldPath> = paths.iter().map(|path| path.parse().unwrap()).collect();
    FieldTree::new(paths.iter().map(|path| (path, 0)))
}

fn mask(tree: &FieldTree, learned: &mut Learned, body: &Bytes) -> Bytes {
    let mut masker = Masker::new(Rules::NONE.with(0), Form::Text);
    let left = masker.mask(tree, learned, body.clone()).unwrap();
    masker.end().unwrap();
    left
}
