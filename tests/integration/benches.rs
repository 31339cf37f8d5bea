//! The side-by-side runs are measured by hand, but what makes tables and plots of them is tested with the rest.

use std::process::Command;

#[test]
fn the_report_of_the_side_by_side_runs_is_right() {
    let mut python = Command::new("python3");
    python.args([
        "-B",
        "-m",
        "unittest",
        "discover",
        "--start-directory",
        "tests",
        "--top-level-directory",
        ".",
    ]);
    let ran = python.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers")).output().unwrap();
    let told = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{told}");
    assert!(!told.contains("Ran 0 tests"), "{told}");
}
