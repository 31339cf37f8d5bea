//! Clients as programs have them, in Python and Node.js.

use std::path::Path;
use std::process::Command;

use super::dev::Dev;

/// Runs a script of `tests/outside/clients` where its packages were installed.
#[track_caller]
pub(crate) fn outside(script: &str, dev: &Dev, arguments: &[&str]) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (from, installed) = (root.join("tests/outside/clients"), root.join("target/clients"));
    let python = installed.join("python/bin/python3");
    let mut command = if script.ends_with(".py") {
        let mut command = Command::new(&python);
        command.arg(from.join(script));
        command
    } else {
        // Node.js looks for packages beside the script.
        std::fs::copy(from.join(script), installed.join(script)).unwrap();
        let mut command = Command::new("node");
        command.arg(installed.join(script)).env("PYTHON", &python).env("MERCHANT", from.join("merchant.py"));
        command
    };
    let run = command.arg(dev.ready_file()).args(arguments).output().unwrap();
    let told = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(run.status.success(), "{}\n{}\n{}", told(&run.stdout), told(&run.stderr), dev.log());
}
