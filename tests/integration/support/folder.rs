//! Folders of files to change: copies of the shipped policies.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// The policies that are shipped.
pub(crate) fn shipped_policies() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("policies")
}

/// A copy of the shipped policies; goes away with the test.
pub(crate) fn policies() -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    copy_folder(&shipped_policies(), copy.path());
    copy
}

/// A folder that looks like the project to someone who stands in it: with `policies/` and `target/`.
pub(crate) fn copy_of_policies_in_a_project() -> TempDir {
    let project = tempfile::tempdir().unwrap();
    copy_folder(&shipped_policies(), &project.path().join("policies"));
    std::fs::create_dir(project.path().join("target")).unwrap();
    project
}

/// Puts `to` for the first `from` in a file.
pub(crate) fn change(folder: &TempDir, file: &str, from: &str, to: &str) {
    let path = folder.path().join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{file} has no {from:?}");
    std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
