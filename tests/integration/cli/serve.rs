//! `tollgate serve` and `tollgate dev` as processes: start, stop, and what keeps them from starting.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::process::Process;
use super::{Finished, finished, tollgate};
use crate::support::dev::wait_for;
use crate::support::{folder, http};

pub(super) const TOKEN: &str = "a-token-of-this-test-with-32-characters";

pub(super) fn serve(folder: &Path, more: &[&str]) -> Command {
    let base = ["serve", "--policies", "policies", "--data", "data"];
    let mut command = tollgate(&[&base[..], &["--admin-listen", "127.0.0.1:0"], more].concat());
    command.current_dir(folder).env("TOLLGATE_ADMIN_TOKEN", TOKEN).env("TOLLGATE_LISTEN", "127.0.0.1:0");
    command
}

pub(super) fn fails(mut command: Command) -> Finished {
    finished(command.output().unwrap())
}

#[test]
fn a_node_keeps_what_it_was_told_over_an_orderly_stop() {
    let project = folder::copy_of_policies_in_a_project();
    let ready = project.path().join("ready.json");
    let mut seen = Vec::new();
    for round in 0..2 {
        let node = Process::start(serve(project.path(), &["--ready-file", "ready.json"]), &ready);
        let addresses: Value = serde_json::from_str(&std::fs::read_to_string(&ready).unwrap()).unwrap();
        let run = |arguments: &[&str]| {
            let mut command = tollgate(&[arguments, &["--output", "json"]].concat());
            command.env("TOLLGATE_ADMIN_URL", addresses["admin_url"].as_str().unwrap());
            let done = finished(command.env("TOLLGATE_ADMIN_TOKEN", TOKEN).output().unwrap());
            assert_eq!(done.status, 0, "{}", done.err);
            serde_json::from_str::<Value>(&done.out).unwrap()
        };
        if round == 0 {
            run(&["partner", "create", "--name", "Bright Apps"]);
        }
        assert_eq!(run(&["ledger", "check"])["balanced"], true);
        seen.push(run(&["partner", "list"]));
        assert_eq!(node.stop().code(), Some(0));
        std::fs::remove_file(&ready).unwrap();
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0][0]["name"], "Bright Apps");
}

/// Name and niceness of each thread (`proc_pid_stat(5)`: the 19th value; the name before it is in parentheses).
fn niceness(process: u32) -> Vec<(String, i32)> {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    // A thread may end meanwhile.
    let told = threads.filter_map(|thread| std::fs::read_to_string(thread.unwrap().path().join("stat")).ok());
    told.map(|line| {
        let (name, values) = line.split_once(") ").unwrap();
        let name = name.split_once('(').unwrap().1.to_owned();
        (name, values.split(' ').nth(16).unwrap().parse().unwrap())
    })
    .collect()
}

#[test]
fn what_serves_goes_before_what_keeps_the_books() {
    let project = folder::copy_of_policies_in_a_project();
    let node = Process::start(
        serve(project.path(), &["--workers", "2", "--ready-file", "ready.json"]),
        &project.path().join("ready.json"),
    );
    let mut threads = Vec::new();
    wait_for("the threads' names", || {
        threads = niceness(node.id());
        threads.iter().filter(|(name, _)| name.starts_with("core-")).count() == 2
    });
    let of = |wanted: &str| -> Vec<i32> {
        threads.iter().filter(|(name, _)| name.starts_with(wanted)).map(|(_, nice)| *nice).collect()
    };
    let usual = of("tollgate");
    assert_eq!(of("core-"), [usual[0]; 2], "{threads:?}");
    assert_eq!(of("journal"), usual, "{threads:?}");
    assert_eq!(of("control")[..2], [usual[0] + 10; 2], "{threads:?}");
    assert_eq!(of("sqlx-sqlite")[0], usual[0] + 10, "{threads:?}");
    assert_eq!(node.stop().code(), Some(0));
}

#[test]
fn a_node_without_a_good_admin_token_does_not_start() {
    let project = folder::copy_of_policies_in_a_project();
    for token in ["", "short"] {
        let mut command = serve(project.path(), &[]);
        let done = fails({
            command.env("TOLLGATE_ADMIN_TOKEN", token);
            command
        });
        assert_eq!(done.status, 2);
        assert!(done.err.contains("TOLLGATE_ADMIN_TOKEN") && done.err.contains("32"), "{}", done.err);
    }
}

#[test]
fn a_node_that_the_world_reaches_must_know_by_which_address() {
    let project = folder::copy_of_policies_in_a_project();
    for more in [
        &["--listen", "0.0.0.0:0"][..],
        &["--listen", "[::]:0"],
        &["--public-url", "http://api.example.com"],
        &["--public-url", "https://api.example.com/base"],
    ] {
        let done = fails(serve(project.path(), more));
        assert_eq!((done.status, done.out.as_str()), (2, ""), "{more:?}: {}", done.err);
        assert!(done.err.contains("https://api.example.com"), "{more:?}: {}", done.err);
    }
    let mut refused = serve(project.path(), &["--public-url", "http://gateway:8080"]);
    refused.env("TOLLGATE_INSECURE_PUBLIC_URL", "false");
    let refused = fails(refused);
    assert_eq!(refused.status, 2);
    assert!(refused.err.contains("TOLLGATE_INSECURE_PUBLIC_URL=true"), "{}", refused.err);
    assert!(!project.path().join("data").exists());
}

#[test]
fn an_insecure_public_url_is_served_and_warned_of_once_it_is_asked_for() {
    for by_variable in [true, false] {
        let project = folder::copy_of_policies_in_a_project();
        let (ready, log) = (project.path().join("ready.json"), project.path().join("log"));
        let url = ["--ready-file", "ready.json", "--public-url", "http://Gateway:8080/"];
        let mut command = serve(project.path(), &url);
        match by_variable {
            true => command.env("TOLLGATE_INSECURE_PUBLIC_URL", "true"),
            false => command.arg("--insecure-public-url"),
        };
        let node = Process::start_with_log(command, &ready, std::fs::File::create(&log).unwrap());
        let addresses: Value = serde_json::from_str(&std::fs::read_to_string(&ready).unwrap()).unwrap();
        let base = addresses["base_url"].as_str().unwrap();
        let metadata = http::request(base, "GET", "/.well-known/oauth-authorization-server", &[], "").json();
        assert_eq!(metadata["issuer"], "http://gateway:8080");
        let log = std::fs::read_to_string(&log).unwrap();
        assert!(log.contains("WARN") && log.contains("http://gateway:8080"), "{log}");
        let login_cookie = login_cookie(base, addresses["admin_url"].as_str().unwrap());
        assert!(login_cookie.starts_with("tollgate-login="), "{login_cookie}");
        assert!(!login_cookie.contains("Secure"), "{login_cookie}");
        assert_eq!(node.stop().code(), Some(0));
    }
}

/// The cookie that the login page sets.
fn login_cookie(base: &str, admin: &str) -> String {
    let authorization = format!("Bearer {TOKEN}");
    let headers = [("Authorization", &*authorization), ("Content-Type", "application/json")];
    let make = |path: &str, body: &str| http::request(admin, "POST", path, &headers, body).json();
    let partner = make("/admin/partners", r#"{"name":"Bright Apps"}"#);
    let app = make(
        "/admin/apps",
        &format!(
            r#"{{"partner":{},"name":"App","scopes":["order:read"],"redirect_uris":["https://app.example/cb"]}}"#,
            partner["id"]
        ),
    );
    let id = app["client_id"].as_str().unwrap();
    let path = format!("/oauth/authorize?client_id={id}&response_type=code");
    let page = http::request(base, "GET", &path, &[], "");
    page.header("set-cookie").unwrap_or_else(|| panic!("{}: {}", page.status, page.text())).to_owned()
}

#[test]
fn the_issuer_has_one_form_and_the_data_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let project = folder::copy_of_policies_in_a_project();
    let ready = project.path().join("ready.json");
    let more = ["--ready-file", "ready.json", "--public-url", "HTTPS://API.example.com:443/"];
    let node = Process::start(serve(project.path(), &more), &ready);
    let addresses: Value = serde_json::from_str(&std::fs::read_to_string(&ready).unwrap()).unwrap();
    let base = addresses["base_url"].as_str().unwrap();
    let metadata = http::request(base, "GET", "/.well-known/oauth-authorization-server", &[], "").json();
    assert_eq!(metadata["issuer"], "https://api.example.com");
    assert_eq!(metadata["token_endpoint"], "https://api.example.com/oauth/token");
    let mode =
        |path: &str| std::fs::metadata(project.path().join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("data"), mode("data/sealing.key"), mode("ready.json")), (0o700, 0o600, 0o600));
    assert_eq!(node.stop().code(), Some(0));
}

#[test]
fn a_node_with_wrong_policies_does_not_start_and_says_where_they_are_wrong() {
    let project = folder::copy_of_policies_in_a_project();
    let plan = project.path().join("policies/plans/standard.yaml");
    let text = std::fs::read_to_string(&plan).unwrap();
    std::fs::write(&plan, text.replace("percent", "precent")).unwrap();
    let done = fails(serve(project.path(), &[]));
    assert_eq!(done.status, 3, "{}", done.err);
    assert!(done.err.contains("plans/standard.yaml:") && done.err.contains("precent"), "{}", done.err);
    let mut dev = tollgate(&["dev", "--port", "0", "--admin-port", "0"]);
    dev.current_dir(project.path());
    assert_eq!(fails(dev).status, 3);
}

#[test]
fn a_missing_policy_folder_is_told_once() {
    let project = folder::copy_of_policies_in_a_project();
    let mut command = tollgate(&["serve", "--policies", "nope", "--data", "data"]);
    command.current_dir(project.path()).env("TOLLGATE_ADMIN_TOKEN", TOKEN);
    let done = fails({
        command.env("TOLLGATE_LISTEN", "127.0.0.1:0").env("TOLLGATE_ADMIN_LISTEN", "127.0.0.1:0");
        command
    });
    assert_eq!((done.status, done.err.matches("cannot read nope").count()), (1, 1), "{}", done.err);
}

#[test]
fn a_taken_port_is_named() {
    let project = folder::copy_of_policies_in_a_project();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for option in ["--listen", "--admin-listen"] {
        let mut command = tollgate(&["serve", "--policies", "policies", "--data", "data", option, &address]);
        let free = if option == "--listen" { "TOLLGATE_ADMIN_LISTEN" } else { "TOLLGATE_LISTEN" };
        command.current_dir(project.path()).env("TOLLGATE_ADMIN_TOKEN", TOKEN).env(free, "127.0.0.1:0");
        let done = fails(command);
        assert_eq!(done.status, 1);
        assert!(
            done.err.contains(&address) && done.err.contains(&format!("by {option}\n")),
            "{option}: {}",
            done.err
        );
    }
}

#[test]
fn a_command_that_asks_the_port_for_partners_is_told_so() {
    let project = folder::copy_of_policies_in_a_project();
    let ready = project.path().join("ready.json");
    let node = Process::start(serve(project.path(), &["--ready-file", "ready.json"]), &ready);
    let addresses: Value = serde_json::from_str(&std::fs::read_to_string(&ready).unwrap()).unwrap();
    let mut command = tollgate(&["app", "list", "--admin-url", addresses["base_url"].as_str().unwrap()]);
    let done = fails({
        command.env("TOLLGATE_ADMIN_TOKEN", TOKEN);
        command
    });
    assert!(done.status == 1 && done.err.contains("is where partners connect"), "{}", done.err);
    assert_eq!(node.stop().code(), Some(0));
}
