//! What `platform.yaml` says of nodes' journals.

use std::time::Duration;

use tollgate::policy::journal_terms::{Archiving, RecordTimes};
use tollgate::policy::load::{NoValues, load_source};

use super::broken::{changed, check, shipped};

const PLATFORM: &str = "platform.yaml";

#[test]
fn spans_and_sizes_that_do_not_fit_are_told_where_they_stand() {
    check(PLATFORM, "oldest: 35d", "oldest: 23h", "it is 1d to 400d", None);
    check(PLATFORM, "ahead: 5m", "ahead: 25h", "it is 1s to 1d", None);
    check(PLATFORM, "keep: 90d", "keep: 1h", "it is 1d to 400d", None);
    check(
        PLATFORM,
        "size: 16GiB",
        "size: 16GB",
        "\"16GB\" has the wrong form",
        Some("A size: 512B, 64KiB, 1MiB"),
    );
    check(PLATFORM, "size: 16GiB", "size: 20000000000GiB", "not a size that fits", Some("512MiB"));
}

#[test]
fn what_is_left_out_is_as_it_is_shipped() {
    let spare = changed(PLATFORM, "  oldest: 35d\n  ahead: 5m\n", "");
    let sparer = changed(PLATFORM, "    keep: 90d\n    size: 16GiB\n", "    keep: 2d\n");
    for (source, days) in [(shipped(), 90), (spare, 90), (sparer, 2)] {
        let snapshot = load_source(&source, &NoValues).unwrap();
        assert_eq!(snapshot.platform.record_times, RecordTimes::default());
        let keep = Duration::from_secs(days * 24 * 3600);
        assert_eq!(snapshot.platform.archiving, Archiving { keep, most_bytes: 16 << 30 });
    }
}
