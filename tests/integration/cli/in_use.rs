//! A running node keeps what apps are subscribed to, and tells what is in force.

use std::fs::File;
use std::path::PathBuf;

use serde_json::Value;
use tempfile::TempDir;

use super::process::Process;
use super::{Finished, finished, tollgate};
use crate::support::folder;

const TOKEN: &str = "a-token-of-this-test-with-32-characters";

/// A node of its own with its project.
struct Served {
    project: TempDir,
    node: Process,
    admin: String,
}

impl Served {
    fn start(project: TempDir) -> Self {
        let ready = project.path().join("ready.json");
        let _ = std::fs::remove_file(&ready);
        let mut command = tollgate(&["serve", "--policies", "policies", "--ready-file", "ready.json"]);
        command.current_dir(project.path()).env("TOLLGATE_ADMIN_TOKEN", TOKEN);
        command.env("TOLLGATE_LISTEN", "127.0.0.1:0").env("TOLLGATE_ADMIN_LISTEN", "127.0.0.1:0");
        // Another value than the shell has in which the files are checked.
        command.env("TOLLGATE_UPSTREAM_ORDER", "127.0.0.1:1");
        let node =
            Process::start_with_log(command, &ready, File::create(project.path().join("log")).unwrap());
        let ready: Value = serde_json::from_str(&std::fs::read_to_string(&ready).unwrap()).unwrap();
        Self { admin: ready["admin_url"].as_str().unwrap().to_owned(), project, node }
    }

    fn run(&self, arguments: &[&str]) -> Finished {
        let mut command = tollgate(arguments);
        command.env("TOLLGATE_ADMIN_URL", &self.admin).env("TOLLGATE_ADMIN_TOKEN", TOKEN);
        finished(command.output().unwrap())
    }

    #[track_caller]
    fn json(&self, arguments: &[&str]) -> Value {
        let done = self.run(&[arguments, &["--output", "json"]].concat());
        assert_eq!(done.status, 0, "{}", done.err);
        serde_json::from_str(&done.out).unwrap()
    }

    /// An app that is subscribed; its id and the subscription's.
    fn subscribe(&self) -> (String, String) {
        let id = |value: &Value| value["id"].as_str().unwrap().to_owned();
        let partner = id(&self.json(&["partner", "create", "--name", "Bright Apps"]));
        let app = id(&self.json(&[
            "app",
            "create",
            "--partner",
            &partner,
            "--name",
            "Shop",
            "--scope",
            "order:read",
            "--redirect-uri",
            "https://a.example/cb",
        ]));
        let subscribed =
            self.json(&["app", "subscribe", &app, "--product", "storefront", "--plan", "standard"]);
        (app, id(&subscribed))
    }

    fn change(&self, file: &str, from: &str, to: &str) {
        folder::change(&self.project, &format!("policies/{file}"), from, to);
    }

    fn policies(&self) -> PathBuf {
        self.project.path().join("policies")
    }
}

#[test]
fn a_plan_or_product_that_an_app_is_subscribed_to_stays() {
    let served = Served::start(folder::copy_of_policies_in_a_project());
    let (app, subscription) = served.subscribe();
    let other = served.subscribe().0;
    let others = &served.json(&["subscription", "list", "--app", &other])[0]["id"];
    assert_eq!(served.run(&["subscription", "end", others.as_str().unwrap()]).status, 0);
    let before = served.json(&["policy", "status"])["hash"].clone();
    let refused = |named: &[&str]| {
        let reloaded = served.run(&["policy", "reload"]);
        assert_eq!((reloaded.status, reloaded.out.as_str()), (3, ""), "{}", reloaded.err);
        let listing = reloaded.err.split('`').find(|part| part.starts_with("tollgate subscription list"));
        let listing: Vec<&str> = listing.unwrap().split(' ').skip(1).collect();
        assert_eq!(served.json(&listing)[0]["id"], subscription.as_str(), "{listing:?}");
        for part in [named, &["1 subscription", &format!("it ({subscription}):"), "end ID"]].concat() {
            assert!(reloaded.err.contains(part), "no {part:?} in {}", reloaded.err);
        }
        assert_eq!(served.json(&["policy", "status"])["hash"], before);
    };
    served.change("plans/standard.yaml", "plan: standard", "plan: gold");
    refused(&["plan standard is missing"]);
    served.change("plans/standard.yaml", "plan: gold", "plan: standard");
    served.change("plans/standard.yaml", "products: [storefront]", "products: [supply]");
    refused(&["plan standard is no longer for API product storefront"]);
    served.change("plans/standard.yaml", "products: [supply]", "products: [storefront]");
    for file in ["products.yaml", "plans/standard.yaml", "plans/starter.yaml"] {
        served.change(file, "storefront", "shopfront");
    }
    refused(&["API product storefront is missing"]);
    assert_eq!(served.run(&["subscription", "end", &subscription, "--app", &other]).status, 1);
    assert_eq!(served.run(&["subscription", "end", &subscription, "--app", &app]).status, 0);
    // The node tries a refused set again by itself, and may have been first.
    assert_eq!(served.run(&["policy", "reload"]).status, 0);
    assert_ne!(served.json(&["policy", "status"])["hash"], before);
    assert_eq!(served.node.stop().code(), Some(0));
}

#[test]
fn a_node_that_starts_without_a_subscribed_plan_says_so_loudly_and_serves() {
    let served = Served::start(folder::copy_of_policies_in_a_project());
    served.subscribe();
    assert_eq!(served.node.stop().code(), Some(0));
    folder::change(&served.project, "policies/plans/standard.yaml", "plan: standard", "plan: gold");
    let served = Served::start(served.project);
    let log = std::fs::read_to_string(served.project.path().join("log")).unwrap();
    let line = log.lines().find(|line| line.contains("ERROR")).unwrap_or_else(|| panic!("{log}"));
    assert!(line.contains("subscribed") && log.contains("plan standard is missing"), "{log}");
    assert_eq!(served.json(&["plan", "list"]).as_array().unwrap().len(), 3);
}

#[test]
fn what_was_checked_has_the_hash_of_what_is_live_whatever_its_variables_hold() {
    let served = Served::start(folder::copy_of_policies_in_a_project());
    let checked = served.json(&["policy", "check", served.policies().to_str().unwrap()]);
    assert_eq!(checked["hash"], served.json(&["policy", "status"])["hash"]);
}

#[test]
fn why_the_last_attempt_failed_is_shown_line_by_line() {
    let served = Served::start(folder::copy_of_policies_in_a_project());
    served.change("plans/standard.yaml", "per_unit", "per_unti");
    let reloaded = served.run(&["policy", "reload"]);
    assert_eq!((reloaded.status, reloaded.out.as_str()), (3, ""), "{}", reloaded.err);
    assert!(reloaded.err.contains("per_unti") && !reloaded.err.contains("  : "), "{}", reloaded.err);
    let status = served.run(&["policy", "status"]);
    assert_eq!((status.status, status.err.as_str()), (0, ""));
    assert!(!status.out.contains('\u{fffd}'), "{}", status.out);
    let lines: Vec<&str> = status.out.lines().collect();
    assert!(lines.iter().any(|line| line.trim_start().starts_with("--> plans/standard.yaml:")), "{lines:?}");
}
