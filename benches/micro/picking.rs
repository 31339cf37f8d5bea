//! What it costs to read three members of an answer of 64 KiB: picked as it goes by, or of all of it; and to sum up a member of lines.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput};
use tollgate::json::picker::Picker;
use tollgate::json::wanted::WantedMembers;
use tollgate::metering::lines::Lines;
use tollgate::policy::expression::json;

use super::usage::ORDER;

const LENGTH: usize = 64 << 10;

pub(super) fn bench(criterion: &mut Criterion) {
    let order = String::from_utf8(ORDER.to_vec()).unwrap().replace('\n', "");
    let count = LENGTH / (order.len() + 1);
    let list = vec![order.as_str(); count].join(",");
    let answer = format!(r#"{{"id":"o-1","orders":[{list}],"total_amount":"100.00","currency":"CNY"}}"#);
    let mut group = criterion.benchmark_group("read 64 KiB of orders");
    group.throughput(Throughput::Bytes(answer.len() as u64));
    let wanted = wanted(&["id", "total_amount", "currency"]);
    group.bench_function("three members are picked", |bencher| {
        bencher.iter(|| {
            let mut picker = Picker::new(wanted.clone(), LENGTH);
            picker.push(black_box(answer.as_bytes()));
            assert!(picker.end().is_ok());
        });
    });
    group.bench_function("all of it is read", |bencher| {
        bencher.iter(|| assert!(json::read(black_box(answer.as_bytes())).is_ok()));
    });
    let lines = vec![order.as_str(); count].join("\n");
    let sums = self::wanted(&["total_amount"]);
    group.bench_function("a member of each line is summed up", |bencher| {
        bencher.iter(|| {
            let mut all = Lines::new(sums.clone());
            all.push(black_box(lines.as_bytes()));
            assert!(all.end().is_ok());
        });
    });
    group.finish();
}

fn wanted(names: &[&str]) -> Arc<WantedMembers> {
    let paths: Vec<Vec<String>> = names.iter().map(|name| vec![(*name).to_owned()]).collect();
    Arc::new(WantedMembers::new(paths.iter().map(Vec::as_slice)))
}
