//! Every usage record is accounted for, as `/metrics` of the real binary tells: under load, after it, and after a kill.

use crate::support::dev::{Dev, wait_for};

fn figure(page: &str, name: &str) -> u64 {
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in {page}")).trim().parse().unwrap()
}

/// The accounts of a page: accepted, recorded, excepted, waiting; nothing is unaccounted for.
#[track_caller]
fn accounts(dev: &Dev) -> [u64; 4] {
    let page = dev.admin("GET", "/metrics", "").text();
    let [accepted, recorded, excepted] = ["accepted", "recorded", "excepted"]
        .map(|name| figure(&page, &format!("tollgate_usage_{name}_total")));
    let waiting = figure(&page, "tollgate_usage_waiting");
    assert_eq!(accepted, recorded + excepted + waiting, "{page}");
    assert_eq!(figure(&page, "tollgate_usage_unaccounted"), 0, "{page}");
    [accepted, recorded, excepted, waiting]
}

#[test]
fn no_record_is_unaccounted_for_under_load_after_it_and_after_a_kill() {
    let mut dev = Dev::start();
    let begin = accounts(&dev)[0];
    let bearer = dev.bearer(0);
    let ordered = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..4)
            .map(|_| {
                let order = || dev.order(&bearer, "p-1001").is_some_and(|answer| answer.status == 201);
                scope.spawn(move || (0..15).filter(|_| order()).count())
            })
            .collect();
        while callers.iter().any(|caller| !caller.is_finished()) {
            accounts(&dev);
        }
        callers.into_iter().map(|caller| caller.join().unwrap()).sum::<usize>()
    });
    assert!(ordered > 0);
    wait_for("the drain", || accounts(&dev)[3] == 0);
    let [accepted, recorded, excepted, _] = accounts(&dev);
    assert!(accepted - begin >= ordered as u64, "{accepted} of {ordered}");
    assert_eq!((recorded, excepted), (accepted, 0));

    dev = dev.kill_and_restart();
    // The new process makes records of its own at the start, such as those of the demonstration's callers.
    assert!(accounts(&dev)[0] >= accepted);
    wait_for("the drain", || accounts(&dev)[3] == 0);
    assert!(accounts(&dev)[1] >= recorded);
}
