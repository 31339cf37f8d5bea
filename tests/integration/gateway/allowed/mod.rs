//! The gateway allows exactly what a model of ten lines allows: random partners, apps, keys, grants, merchants, API products,
//! plans, environments and routes, and random calls to them. Many by the code that decides, some by the whole of it.

mod decided;
mod model;
mod over_http;
mod policies;

use std::cell::RefCell;
use std::collections::BTreeMap;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

use self::decided::Gate;
use self::model::{Call, World, allows, calls, world};

/// The same worlds on each run; PROPTEST_CASES says how many.
fn runner(cases: u32) -> TestRunner {
    let config =
        Config { cases: cases.max(Config::default().cases), failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

/// What a test must have seen, each so often at least, to have shown anything.
const SEEN: &[&str] = &[
    "allowed",
    "method_not_allowed",
    "credential_missing",
    "credential_invalid",
    "suspended",
    "address_not_allowed",
    "not_subscribed",
    "product_not_allowed",
    "environment_mismatch",
    "scope_missing",
    "merchant_missing",
    "merchant_mismatch",
    "merchant_unclear",
    "condition_unmet",
];

#[test]
fn what_is_decided_is_what_ten_lines_say() {
    let seen = RefCell::new(BTreeMap::<&str, u32>::new());
    let decided = runner(256).run(&(world(), calls()), |(world, calls)| {
        let gate = Gate::of(&world);
        for call in calls.iter().map(|call| call.within(&world)) {
            let decision = gate.decide(&call);
            let code = decision.as_ref().map_or_else(|refusal| refusal.code(), |_| "allowed");
            *seen.borrow_mut().entry(code).or_default() += 1;
            if decision.is_ok() != allows(&world, &call) {
                return Err(TestCaseError::fail(format!("{code}, and not so: {call:?}")));
            }
        }
        Ok(())
    });
    decided.unwrap_or_else(|error| panic!("{error}"));
    let seen = seen.into_inner();
    let seldom: Vec<_> =
        SEEN.iter().filter(|code| seen.get(**code).is_none_or(|times| *times < 10)).collect();
    assert!(seldom.is_empty() && seen["allowed"] > 500, "{seen:?} has hardly any {seldom:?}");
}

#[test]
fn what_the_whole_gateway_lets_through_is_what_ten_lines_say() {
    let mut runner = runner(1);
    let mut some = || Strategy::new_tree(&world(), &mut runner).unwrap().current();
    let worlds = std::iter::from_fn(|| Some(some()));
    // Of many a world nothing is learnt but that nobody may do anything in it.
    let lively = |world: &World| Call::each(world).iter().filter(|call| allows(world, call)).count() > 10;
    for world in worlds.filter(lively).take(3) {
        let node = over_http::Node::of(&world);
        for call in Call::each(&world) {
            let (is_allowed, answer) = node.call(&call);
            assert_eq!(is_allowed, allows(&world, &call), "{}\n{call:?}\n{world:#?}", answer.text());
        }
    }
}
