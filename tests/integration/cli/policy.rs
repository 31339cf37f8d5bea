//! `tollgate policy check` and `schema` on the shipped policies and on broken ones.

use std::path::Path;

use serde_json::Value;

use super::run;
use crate::support::folder;

#[test]
fn the_shipped_policies_are_right() {
    let checked = run(&["policy", "check", "policies/"]);
    assert_eq!(checked.status, 0);
    assert!(checked.out.starts_with("policies/ is right: "), "{}", checked.out);
    assert!(checked.err.contains("what was in force"), "{}", checked.err);
    let checked = run(&["policy", "check", "policies/", "--output", "json"]);
    let json: Value = serde_json::from_str(&checked.out).unwrap();
    assert_eq!((checked.status, &json["valid"]), (0, &Value::Bool(true)));
    assert_eq!(json["upstreams"], 4);
}

#[test]
fn a_mistake_is_shown_with_its_place_and_what_would_be_right() {
    let folder = folder::policies();
    folder::change(&folder, "plans/standard.yaml", "per_unit", "per_unti");
    let path = folder.path().to_str().unwrap();
    let checked = run(&["policy", "check", path]);
    assert_eq!((checked.status, checked.out.as_str()), (3, ""));
    for part in ["plans/standard.yaml:", "per_unti: 0.01", "per_unit"] {
        assert!(checked.err.contains(part), "no {part:?} in {}", checked.err);
    }
    let checked = run(&["--output", "json", "policy", "check", path]);
    assert_eq!(checked.status, 3);
    let json: Value = serde_json::from_str(&checked.out).unwrap();
    assert_eq!(json["valid"], false);
    assert_eq!(json["errors"][0]["file"], "plans/standard.yaml");
    assert!(json["errors"][0]["line"].as_u64().unwrap() > 1, "{json}");
}

#[test]
fn a_folder_that_is_not_there_is_a_failure_and_not_a_mistake_in_it() {
    let checked = run(&["policy", "check", "no-such-folder"]);
    assert_eq!((checked.status, checked.out.as_str()), (1, ""));
    assert!(checked.err.contains("no-such-folder"), "{}", checked.err);
}

#[test]
fn the_schemas_are_those_beside_the_shipped_policies() {
    let folder = tempfile::tempdir().unwrap();
    let written = run(&["policy", "schema", "--write", folder.path().to_str().unwrap()]);
    assert_eq!((written.status, written.out.lines().count()), (0, 6), "{}", written.err);
    let printed: Value = serde_json::from_str(&run(&["policy", "schema"]).out).unwrap();
    for entry in std::fs::read_dir(folder.path()).unwrap().map(Result::unwrap) {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/schema").join(entry.file_name());
        let text = std::fs::read_to_string(entry.path()).unwrap();
        assert_eq!(text, std::fs::read_to_string(shipped).unwrap());
        let name = entry.file_name().into_string().unwrap();
        assert_eq!(printed[&name], serde_json::from_str::<Value>(&text).unwrap());
    }
}

#[test]
fn a_set_that_is_wrong_is_wrong_also_when_nobody_reads_why() {
    let folder = folder::policies();
    folder::change(&folder, "plans/standard.yaml", "per_unit", "per_unti");
    let mut command =
        super::tollgate(&["policy", "check", folder.path().to_str().unwrap(), "--output", "json"]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = command.stdout(writer).stderr(std::process::Stdio::null()).status().unwrap();
    assert_eq!(status.code(), Some(3));
}

#[test]
fn a_value_from_a_pipe_is_refused_and_not_waited_for() {
    let folder = folder::policies();
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let from_pipe = format!("${{file:{}}}", pipe.display());
    folder::change(&folder, "upstreams.yaml", "${env:TOLLGATE_UPSTREAM_ORDER:-127.0.0.1:9102}", &from_pipe);
    let checked = run(&["policy", "check", folder.path().to_str().unwrap()]);
    assert_eq!(checked.status, 3);
    assert!(checked.err.contains("cannot be read"), "{}", checked.err);
}
