//! What it takes to load many routes, from the files' bytes to the set that can be served, as each reload does it.

use std::fmt::Write;
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};

use criterion::{BenchmarkId, Criterion};
use tollgate::policy::load::{self, NoValues};
use tollgate::policy::source::Source;

/// A policy file has a bound on its size.
const ROUTES_A_FILE: usize = 1_000;

pub(super) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("load a policy set");
    group.sample_size(20);
    for count in [1_000, 10_000] {
        let folder = tempfile::tempdir().unwrap();
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/policies"), folder.path());
        for first in (0..count).step_by(ROUTES_A_FILE) {
            let file = folder.path().join(format!("routes/many-{first}.yaml"));
            fs::write(file, routes(first..first + ROUTES_A_FILE)).unwrap();
        }
        let source = Source::read(folder.path()).unwrap();
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            bencher.iter(|| load::load_source(black_box(&source), &NoValues).unwrap());
        });
    }
}

/// Routes as a platform has them: a path with a variable, a limit of their own.
fn routes(numbers: std::ops::Range<usize>) -> String {
    let mut file = String::from("routes:\n");
    for number in numbers {
        write!(
            file,
            "  - name: route-{number}\n    methods: [GET]\n    path: /api/routes/r{number:05}/items/{{id}}\n    upstream: bench\n    \
             access:\n      anonymous: true\n      address_limit: {{requests: 1000000, window: 1m, burst: 1000000}}\n"
        )
        .unwrap();
    }
    file
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, name): (PathBuf, _) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        if path.is_dir() {
            copy(&path, &to.join(name));
        } else {
            fs::copy(&path, to.join(name)).unwrap();
        }
    }
}
