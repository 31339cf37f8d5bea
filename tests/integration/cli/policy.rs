//! `tollgate policy check` and `schema` on the shipped policies and on broken ones.

use std::path::Path;

use serde_json::{Value, json};

use super::run;
use crate::support::folder;
use crate::support::provider::trust;

#[test]
fn the_shipped_policies_are_right() {
    let checked = run(&["policy", "check", "policies/"]);
    assert_eq!(checked.status, 0);
    assert!(checked.out.starts_with("policies/ is right: "), "{}", checked.out);
    assert!(checked.err.contains("what was in force"), "{}", checked.err);
    let checked = run(&["policy", "check", "policies/", "--output", "json"]);
    let json: Value = serde_json::from_str(&checked.out).unwrap();
    assert_eq!((checked.status, &json["valid"]), (0, &Value::Bool(true)));
    assert_eq!((&json["upstreams"], &json["warnings"]), (&json!(4), &json!([])));
}

#[test]
fn what_may_not_be_meant_is_a_warning_with_its_place() {
    let folder = folder::policies();
    folder::change(&folder, "upstreams.yaml", "    environment: sandbox\n", "");
    let path = folder.path().to_str().unwrap();
    let checked = run(&["policy", "check", path]);
    assert_eq!(checked.status, 0, "{}", checked.err);
    for part in ["warning: nothing says of which environment", "upstreams.yaml:8", "environment: both"] {
        assert!(checked.err.contains(part), "no {part:?} in {}", checked.err);
    }
    let checked = run(&["policy", "check", path, "--output", "json"]);
    let json: Value = serde_json::from_str(&checked.out).unwrap();
    let warning = &json["warnings"][0];
    assert_eq!((checked.status, &json["valid"]), (0, &json!(true)));
    assert_eq!((&warning["file"], &warning["line"]), (&json!("upstreams.yaml"), &json!(8)), "{json}");
    folder::change(&folder, "upstreams.yaml", "environment: sandbox", "environment: staging");
    let checked = run(&["policy", "check", path]);
    assert!(checked.status == 3 && checked.err.contains("live, sandbox, both"), "{}", checked.err);
}

#[test]
fn what_is_masked_whatever_scope_a_caller_has_is_warned_of() {
    let folder = folder::policies();
    let route = "  - name: list-products\n";
    let masked = format!("{route}    mask: [{{fields: [supplier], scope: catalog:read}}]\n");
    folder::change(&folder, "routes/catalog.yaml", route, &masked);
    let path = folder.path().to_str().unwrap().to_owned();
    let warnings = || {
        let checked = run(&["policy", "check", &path, "--output", "json"]);
        assert_eq!(checked.status, 0, "{}", checked.err);
        serde_json::from_str::<Value>(&checked.out).unwrap()["warnings"].clone()
    };
    assert_eq!(warnings(), json!([]), "apps that are subscribed to storefront may have the scope");
    folder::change(&folder, "products.yaml", "      - list-products\n", "");
    let warnings = warnings();
    let [warning] = warnings.as_array().unwrap().as_slice() else { panic!("not one warning: {warnings}") };
    assert_eq!((&warning["file"], &warning["line"]), (&json!("routes/catalog.yaml"), &json!(5)));
    assert!(warning["message"].as_str().unwrap().starts_with("nobody gets this unmasked"), "{warning}");
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
    assert_eq!((written.status, written.out.lines().count()), (0, 8), "{}", written.err);
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
fn a_value_from_a_pipe_is_none_and_not_waited_for() {
    let folder = folder::policies();
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let from_pipe = format!("${{file:{}}}", pipe.display());
    folder::change(&folder, "upstreams.yaml", "${env:TOLLGATE_UPSTREAM_ORDER:-127.0.0.1:9102}", &from_pipe);
    let checked = run(&["policy", "check", folder.path().to_str().unwrap(), "--output", "json"]);
    let json: Value = serde_json::from_str(&checked.out).unwrap();
    let variable = format!("file:{}", pipe.display());
    assert_eq!(json["needs"], json!([{"variable": variable, "is_there": false}]));
}

/// An upstream that asks for a token, a provider and a header, each with a value from outside.
fn with_values_from_outside() -> tempfile::TempDir {
    let folder = folder::policies();
    let oauth2 = "    oauth2: {token_url: \"${env:TEST_TOKEN_URL}\", client_id: gateway, \
         client_secret: \"${env:TEST_SECRET}\"}\n";
    let order = "    endpoints: [\"${env:TOLLGATE_UPSTREAM_ORDER:-127.0.0.1:9102}\"]\n";
    let from_outside = format!("    endpoints: [\"${{env:TEST_HOST}}:9102\"]\n{oauth2}");
    folder::change(&folder, "upstreams.yaml", order, &from_outside);
    let provider = ("https://login.example.com", Path::new("/run/secrets/none-of-this-machine"));
    trust(folder.path(), provider, &[]);
    folder
}

#[test]
fn a_check_needs_no_secrets_and_says_what_a_node_will_need() {
    let folder = with_values_from_outside();
    let path = folder.path().to_str().unwrap();
    let check = |more: &[&str], values: &[(&str, &str)]| {
        let mut command = super::tollgate(&[&["policy", "check", path], more].concat());
        command.envs(values.iter().copied());
        super::finished(command.output().unwrap())
    };
    let checked = check(&["--output", "json"], &[]);
    assert_eq!(checked.status, 0, "{}", checked.err);
    let json: Value = serde_json::from_str(&checked.out).unwrap();
    let needs = |variable: &str, is_there: bool| json!({"variable": variable, "is_there": is_there});
    let [host, secret, url, file] =
        ["env:TEST_HOST", "env:TEST_SECRET", "env:TEST_TOKEN_URL", "file:/run/secrets/none-of-this-machine"];
    let all = [host, secret, url, file].map(|variable| needs(variable, false));
    assert_eq!((&json["valid"], &json["needs"]), (&json!(true), &json!(all)));
    let hash = json["hash"].clone();

    let shown = check(&[], &[("TEST_SECRET", "the-secret-itself")]);
    let line = |name: &str| shown.out.lines().find(|line| line.contains(name)).unwrap().to_owned();
    assert!(line(secret).ends_with("yes") && line(host).ends_with("no"), "{}", shown.out);
    assert!(!shown.out.contains("the-secret-itself") && !shown.err.contains("the-secret-itself"));
    // A value that is there is looked at.
    let wrong = check(&[], &[("TEST_TOKEN_URL", "no address")]);
    assert!(wrong.status == 3 && wrong.err.contains("gives no address"), "{}", wrong.err);
    let right = check(&["--output", "json"], &[("TEST_TOKEN_URL", "https://login.example.com/token")]);
    let json: Value = serde_json::from_str(&right.out).unwrap();
    assert_eq!((&json["hash"], &json["needs"][2]), (&hash, &needs(url, true)), "the hash is of the files");
    // What is wrong beside it is told, and nothing about what is not there.
    folder::change(&folder, "plans/standard.yaml", "per_unit", "per_unti");
    let wrong = check(&[], &[]);
    assert!(wrong.status == 3 && wrong.err.contains("per_unti"), "{}", wrong.err);
    assert!(!wrong.err.contains("TEST_"), "{}", wrong.err);
}

#[test]
fn a_node_starts_with_nothing_left_open() {
    let folder = with_values_from_outside();
    let data = tempfile::tempdir().unwrap();
    let mut command = super::tollgate(&["serve", "--policies", folder.path().to_str().unwrap()]);
    command.env("TOLLGATE_ADMIN_TOKEN", "a-token-of-this-test-with-32-characters");
    command.env("TOLLGATE_LISTEN", "127.0.0.1:0").env("TOLLGATE_ADMIN_LISTEN", "127.0.0.1:0");
    command.arg("--data").arg(data.path());
    let refused = super::finished(command.output().unwrap());
    assert_eq!(refused.status, 3, "{}", refused.err);
    for missing in ["TEST_HOST is not set", "TEST_SECRET is not set", "none-of-this-machine cannot be read"] {
        assert!(refused.err.contains(missing), "no {missing:?} in {}", refused.err);
    }
}

#[test]
fn no_route_stands_where_the_gateway_answers_questions() {
    let folder = folder::policies();
    folder::change(&folder, "routes/orders.yaml", "path: /api/orders\n", "path: /me/orders\n");
    let checked = run(&["policy", "check", folder.path().to_str().unwrap()]);
    assert_eq!(checked.status, 3);
    assert!(checked.err.contains("/me is served by the gateway itself"), "{}", checked.err);
}
