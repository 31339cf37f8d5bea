//! Many cases that are drawn at random, on all processors.

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

/// That something holds of so many cases; fails with the smallest case that it finds of which it does not.
#[track_caller]
pub(super) fn prove<S: Strategy>(
    cases: u32,
    any: impl Fn() -> S + Sync,
    holds: impl Fn(S::Value) -> Result<(), TestCaseError> + Sync,
) {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let each = cases.div_ceil(u32::try_from(threads).unwrap());
    std::thread::scope(|scope| {
        let prove = || {
            let mut runner = TestRunner::new(Config { cases: each, ..Config::default() });
            runner.run(&any(), &holds).unwrap();
        };
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(prove)).collect();
        running.into_iter().for_each(|one| one.join().unwrap());
    });
}
