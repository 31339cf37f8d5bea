//! Policies change while they are in force: at once, as a whole, or not at all.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::time::{Duration, Instant};

use tollgate::domain::time::{ManualClock, Timestamp};
use tollgate::policy::live::{Admit, Live, Reloaded};
use tollgate::policy::load::{LoadError, NoValues, Values};
use tollgate::policy::watch::watch;

use crate::support::folder::{change, policies};

const PLAN: &str = "plans/standard.yaml";

fn open(folder: &Path, admit: Admit) -> Arc<Live> {
    let clock = ManualClock::at(Timestamp::from_seconds(1_800_000_000));
    Arc::new(Live::open(folder, Arc::new(NoValues), admit, Arc::new(clock)).unwrap())
}

fn percent(live: &Live) -> String {
    let snapshot = live.load();
    let share = snapshot.plans["standard"].versions[0].tariff.share.clone().unwrap();
    share.items[0].rate.one_percent().unwrap().to_string()
}

#[track_caller]
fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let give_up = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < give_up, "it never came to pass that {what}");
        std::thread::yield_now();
    }
}

#[test]
fn a_change_on_disk_is_in_force_soon_and_a_broken_one_never() {
    let folder = policies();
    let live = open(folder.path(), Box::new(|_, _| Ok(())));
    let _watch = watch(&live).unwrap();
    change(&folder, PLAN, "percent: 2.5", "percent: 3");
    wait_until("the change is in force", || percent(&live) == "3");
    let hash = live.load().hash.clone();

    change(&folder, PLAN, "percent: 3", "percent: 300");
    let told = || live.status().last_error.as_ref().map(ToString::to_string).unwrap_or_default();
    // The watcher may come while the file is being written; what counts is what stands there in the end.
    wait_until("the mistake is told", || told().contains("percent: 300"));
    assert_eq!((&live.load().hash, &live.status().hash), (&hash, &hash));
    assert!(told().contains("plans/standard.yaml:16:"), "{}", told());

    change(&folder, PLAN, "percent: 300", "percent: 4");
    wait_until("the mended set is in force", || percent(&live) == "4" && live.status().last_error.is_none());
    assert!(live.failures() >= 1);
}

#[test]
fn a_set_of_the_same_content_is_no_swap() {
    let folder = policies();
    let live = open(folder.path(), Box::new(|_, _| Ok(())));
    let (before, version) = (live.load(), live.version());
    change(&folder, PLAN, "percent: 2.5", "percent: 2.5");
    assert!(matches!(live.reload(), Ok(Reloaded::Unchanged(_))));
    assert!(Arc::ptr_eq(&before, &live.load()));
    assert_eq!(live.version(), version);
}

/// Gives a host's address, which may change.
struct Address(AtomicU16);

impl Values for Address {
    fn value(&self, name: &str) -> Option<String> {
        (name == "TOLLGATE_UPSTREAM_ORDER").then(|| format!("order:{}", self.0.load(Ordering::SeqCst)))
    }
}

#[test]
fn another_value_of_a_variable_is_a_swap_though_the_hash_of_the_files_is_the_same() {
    let folder = policies();
    let address = Arc::new(Address(AtomicU16::new(1)));
    let clock = ManualClock::at(Timestamp::from_seconds(1_800_000_000));
    let live = Live::open(folder.path(), address.clone(), Box::new(|_, _| Ok(())), Arc::new(clock)).unwrap();
    let hash = live.status().hash.clone();
    address.0.store(2, Ordering::SeqCst);
    assert!(matches!(live.reload(), Ok(Reloaded::Swapped(_))));
    let snapshot = live.load();
    assert!(snapshot.upstreams.iter().any(|upstream| upstream.endpoints[0].port == 2));
    assert_eq!((&live.status().hash, live.version()), (&hash, 2));
    assert!(matches!(live.reload(), Ok(Reloaded::Unchanged(_))));
}

#[test]
fn a_set_that_could_not_be_kept_is_tried_again_though_no_file_of_the_folder_changed() {
    let folder = policies();
    let address = Arc::new(Address(AtomicU16::new(1)));
    let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(1_800_000_000)));
    let is_away = Arc::new(AtomicBool::new(false));
    let asked = is_away.clone();
    let admit: Admit = Box::new(move |_, _| match asked.load(Ordering::SeqCst) {
        true => Err(LoadError::Unavailable("the store is out of reach".to_owned())),
        false => Ok(()),
    });
    let live = Arc::new(Live::open(folder.path(), address.clone(), admit, clock.clone()).unwrap());
    let opened = live.status().last_attempt;
    clock.advance(Duration::from_secs(1));
    let _watch = watch(&live).unwrap();
    wait_until("the folder was read by the watch", || live.status().last_attempt > opened);
    is_away.store(true, Ordering::SeqCst);
    address.0.store(2, Ordering::SeqCst);
    assert!(matches!(live.reload(), Err(LoadError::Unavailable(_))));
    is_away.store(false, Ordering::SeqCst);
    wait_until("the set is in force", || live.version() == 2 && live.status().last_error.is_none());
}

#[test]
fn a_set_that_cannot_follow_the_one_in_force_is_refused() {
    let folder = policies();
    let follows = Arc::new(AtomicBool::new(true));
    let may = follows.clone();
    let admit: Admit = Box::new(move |_, _| match may.load(Ordering::SeqCst) {
        true => Ok(()),
        false => Err(LoadError::Refused("standard@1 is in force and has another price now".to_owned())),
    });
    let live = open(folder.path(), admit);
    follows.store(false, Ordering::SeqCst);
    change(&folder, PLAN, "percent: 2.5", "percent: 3");
    let Err(LoadError::Refused(reason)) = live.reload() else { panic!("it was taken") };
    assert!(reason.contains("standard@1"), "{reason}");
    assert_eq!((percent(&live).as_str(), live.failures()), ("2.5", 1));
}

#[test]
fn two_hundred_reloads_some_broken_never_show_a_reader_half_a_set() {
    let folder = policies();
    let live = open(folder.path(), Box::new(|_, _| Ok(())));
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut seen = 0_u64;
            while !stop.load(Ordering::Relaxed) {
                let snapshot = live.load();
                assert_eq!((snapshot.upstreams.len(), snapshot.routes.is_empty()), (4, false));
                seen += 1;
            }
            seen
        });
        let mut now = "2.5".to_owned();
        for round in 1..=200_u32 {
            let next = if round % 5 == 0 { "no".to_owned() } else { format!("{}.{}", round % 97, round) };
            change(&folder, PLAN, &format!("percent: {now}"), &format!("percent: {next}"));
            assert_eq!(live.reload().is_err(), round % 5 == 0, "round {round}");
            now = next;
        }
        stop.store(true, Ordering::Relaxed);
        assert!(reader.join().unwrap() > 0);
    });
    assert_eq!(live.failures(), 40);
    assert_eq!(live.version(), 1 + 160);
}

#[test]
fn a_set_with_no_plan_in_force_yet_is_refused() {
    let folder = policies();
    let live = open(folder.path(), Box::new(|_, _| Ok(())));
    for plan in ["standard", "starter", "supplier"] {
        change(&folder, &format!("plans/{plan}.yaml"), "from: 2026-01-01", "from: 2096-01-01");
    }
    let Err(LoadError::Refused(reason)) = live.reload() else { panic!("it was taken") };
    assert!(reason.contains("no plan has a version in force"), "{reason}");
}

/// The shipped set as a release beside others, with that share of sales.
fn release(releases: &Path, name: &str, percent: &str) {
    let folder = policies();
    change(&folder, PLAN, "percent: 2.5", &format!("percent: {percent}"));
    std::fs::rename(folder.keep(), releases.join(name)).unwrap();
}

#[test]
fn a_folder_that_is_made_again_moved_or_linked_elsewhere_is_still_watched() {
    let releases = tempfile::tempdir_in(std::env::temp_dir()).unwrap();
    let (current, next) = (releases.path().join("current"), releases.path().join("next"));
    for (name, percent) in [("one", "1"), ("two", "2"), ("three", "3"), ("four", "4"), ("five", "5")] {
        release(releases.path(), name, percent);
    }
    std::os::unix::fs::symlink("one", &current).unwrap();
    let live = open(&current, Box::new(|_, _| Ok(())));
    assert_eq!(percent(&live), "1");
    let _watch = watch(&live).unwrap();

    std::os::unix::fs::symlink("two", &next).unwrap();
    std::fs::rename(&next, &current).unwrap();
    wait_until("the link's new folder is in force", || percent(&live) == "2");
    let plan = current.join(PLAN);
    let text = std::fs::read_to_string(&plan).unwrap();
    std::fs::write(&plan, text.replace("percent: 2", "percent: 2.1")).unwrap();
    wait_until("a change in the new folder is in force", || percent(&live) == "2.1");

    std::fs::remove_file(&current).unwrap();
    std::fs::rename(releases.path().join("three"), &current).unwrap();
    wait_until("the folder in the link's place is in force", || percent(&live) == "3");

    std::fs::remove_dir_all(&current).unwrap();
    wait_until("its absence is told", || live.status().last_error.is_some());
    std::fs::rename(releases.path().join("four"), &current).unwrap();
    wait_until("the folder that was made again is in force", || percent(&live) == "4");

    std::fs::rename(&current, releases.path().join("old")).unwrap();
    std::fs::rename(releases.path().join("five"), &current).unwrap();
    wait_until("the folder that was moved there is in force", || percent(&live) == "5");
}

#[test]
fn what_changed_between_loading_and_watching_is_in_force_soon() {
    let folder = policies();
    let live = open(folder.path(), Box::new(|_, _| Ok(())));
    change(&folder, PLAN, "percent: 2.5", "percent: 3");
    let _watch = watch(&live).unwrap();
    wait_until("the change is in force", || percent(&live) == "3");
}

#[test]
fn a_snapshot_that_was_in_force_is_kept_until_no_call_is_under_it() {
    let folder = policies();
    let live = open(folder.path(), Box::new(|_, _| Ok(())));
    let pinned = live.load();
    change(&folder, PLAN, "percent: 2.5", "percent: 3");
    live.reload().unwrap();
    live.drop_retired();
    assert_eq!((live.retired(), Arc::strong_count(&pinned)), (1, 2), "a call would be the last to hold it");
    drop(pinned);
    live.drop_retired();
    assert_eq!(live.retired(), 0);
}
