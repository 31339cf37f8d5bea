//! Which route a path has, among few and among many.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion};
use http::Method;
use tollgate::policy::route_table::{Lookup, RouteTable};

pub(super) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("find a route");
    for count in [10, 10_000] {
        let table = table(count);
        let paths: Vec<_> = (0..1_000).map(|number| path(number * 7 % count, "42")).collect();
        let mut paths = paths.iter().cycle();
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            bencher.iter(|| {
                let path = paths.next().unwrap();
                let found = table.find(black_box("api.example.com"), &Method::GET, path);
                assert!(matches!(found, Lookup::Found(..)));
            });
        });
    }
}

fn table(count: usize) -> RouteTable {
    let mut table = RouteTable::default();
    for place in 0..count {
        table.insert(&[], &[Method::GET], &path(place, "{id}"), place).unwrap();
    }
    table
}

fn path(place: usize, id: &str) -> String {
    format!("/api/r{place:05}/items/{id}")
}
