//! Micro-benchmarks of what a call costs in user space, one thing at a time: `cargo bench --bench micro`.
//!
//! They show where a change of the request path came from; what a request costs as a whole is for benches/peers and
//! benches/instructions to say.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a benchmark may fail loudly")]

mod caller;
mod loading;
mod masking;
mod money;
mod picking;
mod routing;
mod usage;

use criterion::{criterion_group, criterion_main};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

criterion_group!(
    micro,
    routing::bench,
    loading::bench,
    caller::bench,
    usage::bench,
    masking::bench,
    picking::bench,
    money::bench
);
criterion_main!(micro);

/// The policies that are shipped.
fn policies() -> tollgate::policy::snapshot::Snapshot {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    tollgate::policy::load::load(&folder, &tollgate::policy::load::NoValues).unwrap()
}
