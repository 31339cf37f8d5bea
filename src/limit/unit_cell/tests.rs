//! What is known of a call only once it is answered counts as if it had been known before.

use std::num::NonZeroU32;

use proptest::prelude::*;

use super::*;

fn rate_of(units: u32, seconds: u64, burst: u32) -> Rate {
    let (requests, burst) = (NonZeroU32::new(units).unwrap(), NonZeroU32::new(burst).unwrap());
    Rate { requests, window: Duration::from_secs(seconds), burst }
}

fn cell() -> Arc<UnitCell> {
    Arc::default()
}

const START: Duration = Duration::from_secs(1000);

/// A unit each second, ten at once.
fn slow() -> Rate {
    rate_of(1, 1, 10)
}

#[track_caller]
fn take(cell: &Arc<UnitCell>, units: u64, now: Duration) -> Taken {
    cell.take(units, &slow(), now).unwrap().0
}

fn left(cell: &UnitCell, now: Duration) -> u32 {
    cell.left(&slow(), now).0
}

#[test]
fn a_burst_of_units_passes_and_waiting_as_told_is_enough() {
    let (cell, rate) = (cell(), slow());
    let (taken, remaining) = cell.take(7, &rate, START).unwrap();
    assert_eq!(remaining, 3);
    taken.settle(7);
    assert_eq!(cell.take(5, &rate, START).unwrap_err(), NotTaken::For(Duration::from_secs(2)));
    let later = START + Duration::from_secs(2);
    let (taken, remaining) = cell.take(5, &rate, later).unwrap();
    assert_eq!(remaining, 0);
    taken.keep();
    assert_eq!(cell.reset_after(later), Duration::from_secs(10));
    assert_eq!(cell.take(11, &rate, START + Duration::from_secs(1000)).unwrap_err(), NotTaken::Ever);
}

#[test]
fn what_a_call_did_not_use_is_there_again_in_whatever_order_calls_end() {
    for is_turned in [false, true] {
        let cell = cell();
        let mut under_way: Vec<Taken> = (0..10).map(|_| take(&cell, 1, START)).collect();
        assert_eq!(left(&cell, START), 0);
        if is_turned {
            under_way.reverse();
        }
        let later = START + Duration::from_millis(500);
        under_way.into_iter().for_each(drop);
        assert_eq!(left(&cell, later), 10);
        assert_eq!(cell.reset_after(later), Duration::ZERO);
        assert!(cell.lock().entries.is_empty());
    }
}

#[test]
fn what_time_has_given_back_does_not_come_back_twice() {
    let cell = cell();
    let first = take(&cell, 10, START);
    let later = START + Duration::from_secs(10);
    take(&cell, 10, later).keep();
    drop(first);
    assert_eq!(left(&cell, later), 0, "the second one's are taken");
}

#[test]
fn what_a_call_used_beyond_pushes_the_next_one_back() {
    let (cell, rate) = (cell(), slow());
    take(&cell, 1, START).settle(25);
    assert_eq!(left(&cell, START), 0);
    assert_eq!(cell.take(1, &rate, START).unwrap_err(), NotTaken::For(Duration::from_secs(16)));
    let (free, _) = cell.take(0, &rate, START).unwrap();
    drop(free);
    assert!(cell.take(1, &rate, START + Duration::from_secs(16)).is_ok());
}

#[test]
fn another_rate_goes_on_from_the_units_that_were_used() {
    let cell = cell();
    let open = take(&cell, 4, START);
    take(&cell, 6, START).settle(16);
    let fast = rate_of(10, 1, 25);
    assert_eq!(cell.left(&fast, START), (5, Duration::from_secs(2)));
    drop(open);
    assert_eq!(cell.left(&fast, START), (9, Duration::from_millis(1600)));
    assert_eq!(left(&cell, START), 0, "16 of 10 are used under the slow one again");
}

#[test]
fn a_cell_remembers_so_many_calls_and_no_more() {
    let (cell, rate) = (cell(), rate_of(1_000_000, 1, 1_000_000));
    let under_way: Vec<Taken> = (0..5_000).map(|_| cell.take(2, &rate, START).unwrap().0).collect();
    assert_eq!(cell.lock().entries.len(), MOST);
    drop(under_way);
    let flow = cell.lock();
    assert!(flow.entries.is_empty());
    assert_eq!(flow.arrival, nanos(START), "all is there again");
}

#[test]
fn what_the_oldest_of_too_many_calls_used_counts_once_they_end() {
    let (cell, rate) = (cell(), rate_of(1_000_000, 1, 1_000_000));
    let under_way: Vec<Taken> = (0..5_000).map(|_| cell.take(2, &rate, START).unwrap().0).collect();
    for (number, taken) in (0..).zip(under_way) {
        match number % 3 {
            0 => taken.settle(100),
            1 => taken.settle(1),
            _ => taken.keep(),
        }
    }
    let flow = cell.lock();
    let used = 1_667 * 100 + 1_667 + 1_666 * 2;
    assert_eq!(flow.arrival, nanos(START) + used * flow.each);
}

#[test]
fn what_the_oldest_of_too_many_calls_did_not_use_is_not_there_before_others_came() {
    let (cell, rate) = (cell(), rate_of(1_000_000, 1, 1_000_000));
    let oldest = cell.take(1_000_000, &rate, START).unwrap().0;
    let later = START + Duration::from_secs(1);
    let under_way: Vec<Taken> = (0..5_000).map(|_| cell.take(2, &rate, later).unwrap().0).collect();
    drop(oldest);
    let kept = 2 * MOST as u64 * each(&rate);
    assert!(cell.lock().arrival >= nanos(later) + kept);
    drop(under_way);
}

/// What a call does: after a gap it takes units, and ends after so many further calls with other units.
#[derive(Debug, Clone)]
struct Does {
    gap: u64,
    takes: u64,
    uses: u64,
    ends_after: usize,
}

fn any_call(most: u64) -> impl Strategy<Value = Does> {
    (0_u64..3_000, 0..=most, 0_u64..=200, 0_usize..12).prop_map(|(gap, takes, uses, ends_after)| Does {
        gap,
        takes,
        uses,
        ends_after,
    })
}

/// What passed: when, how many units it took and used. `uses` says how many of what it was to use and took.
fn passed(
    cell: &Arc<UnitCell>,
    rate: &Rate,
    calls: &[Does],
    uses: impl Fn(&Does) -> u64,
) -> Vec<(u64, u64, u64)> {
    let (mut now, mut passed) = (START, Vec::new());
    let mut under_way: Vec<(usize, u64, Taken)> = Vec::new();
    for (place, call) in calls.iter().enumerate() {
        now += Duration::from_millis(call.gap);
        let (ended, rest): (Vec<_>, Vec<_>) = under_way.into_iter().partition(|(ends, ..)| *ends <= place);
        ended.into_iter().for_each(|(_, used, taken)| taken.settle(used));
        under_way = rest;
        if let Ok((taken, _)) = cell.take(call.takes, rate, now) {
            passed.push((nanos(now), call.takes, uses(call)));
            under_way.push((place + call.ends_after, uses(call), taken));
        }
    }
    under_way.into_iter().for_each(|(_, used, taken)| taken.settle(used));
    passed
}

proptest! {
    #[test]
    fn once_all_have_ended_it_is_as_if_all_had_been_known_before(
        units in 1_u32..50, seconds in 1_u64..20, burst in 1_u32..60,
        calls in prop::collection::vec(any_call(60), 1..120),
    ) {
        let (cell, rate) = (cell(), rate_of(units, seconds, burst));
        let passed = passed(&cell, &rate, &calls, |call| call.uses);
        let known = passed.iter().fold(0, |arrival: u64, (at, _, used)| arrival.max(*at) + used * each(&rate));
        let flow = cell.lock();
        prop_assert!(flow.entries.is_empty());
        prop_assert_eq!(flow.arrival, known);
    }

    #[test]
    fn no_stretch_of_time_uses_more_than_the_rate_says_whatever_is_given_back(
        units in 1_u32..50, seconds in 1_u64..20, burst in 1_u32..60,
        calls in prop::collection::vec(any_call(60), 1..120),
    ) {
        let (cell, rate) = (cell(), rate_of(units, seconds, burst));
        let passed = passed(&cell, &rate, &calls, |call| call.uses.min(call.takes));
        for (first, (from, ..)) in passed.iter().enumerate() {
            let mut used = 0;
            for (to, _, uses) in &passed[first..] {
                used += uses;
                prop_assert!(used <= u64::from(burst) + (to - from) / each(&rate) + 1);
            }
        }
    }

    #[test]
    fn a_client_at_the_announced_pace_is_never_refused(
        units in 1_u32..5_000, seconds in 1_u64..90, burst in 1_u32..500,
        calls in prop::collection::vec((0_u64..400, 0_u64..600, 0_usize..12), 1..200),
    ) {
        let (cell, rate) = (cell(), rate_of(units, seconds, burst));
        let mut now = START;
        let mut under_way: Vec<(usize, u64, Taken)> = Vec::new();
        for (place, (takes, uses, ends_after)) in calls.into_iter().enumerate() {
            let (takes, uses) = (takes.min(burst.into()), uses.min(takes).min(burst.into()));
            let taken = cell.take(takes, &rate, now);
            prop_assert!(taken.is_ok(), "{taken:?}");
            under_way.extend(taken.map(|(taken, _)| (place + ends_after, uses, taken)));
            let (ended, rest): (Vec<_>, Vec<_>) =
                under_way.into_iter().partition(|(ends, ..)| *ends <= place);
            ended.into_iter().for_each(|(_, used, taken)| taken.settle(used));
            under_way = rest;
            now += Duration::from_nanos(takes * each(&rate));
        }
    }

    #[test]
    fn what_is_told_to_remain_passes_and_no_more(
        units in 1_u32..50, seconds in 1_u64..20, burst in 1_u32..60,
        calls in prop::collection::vec(any_call(60), 1..60),
    ) {
        let (cell, rate) = (cell(), rate_of(units, seconds, burst));
        let mut now = START;
        for call in calls {
            now += Duration::from_millis(call.gap);
            if let Ok((taken, _)) = cell.take(call.takes, &rate, now) {
                taken.settle(call.uses);
            }
            let (told, _) = cell.left(&rate, now);
            prop_assert!(cell.take(u64::from(told) + 1, &rate, now).is_err());
            prop_assert!(cell.take(told.into(), &rate, now).is_ok());
        }
    }
}
