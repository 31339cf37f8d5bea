//! An app of one environment never reaches an upstream of the other, by no route and no credential.

use crate::support::dev::Dev;
use crate::support::http;
use crate::support::origin::{Origin, point};

#[test]
fn an_upstream_of_which_nothing_is_said_serves_both_and_is_warned_of_by_its_line() {
    let dev = Dev::with_policies(|policies| {
        let file = policies.join("upstreams.yaml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replacen("    environment: sandbox\n", "", 1)).unwrap();
    });
    let key = [("X-Api-Key", dev.told("/app/api_key"))];
    assert_eq!(dev.get("/api/products", &key).status, 200);
    let log = dev.log();
    let lines: Vec<_> = log.lines().filter(|line| line.contains("of which environment")).collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert!(lines[0].contains("WARN") && lines[0].contains("policy=upstreams.yaml:8:3"), "{}", lines[0]);
}

#[test]
fn a_sandbox_app_reaches_no_live_upstream_also_where_anyone_may_call() {
    let origin = Origin::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]");
    let start = |environment: &str| {
        Dev::with_policies(|policies| {
            point(policies, "catalog", &origin.address);
            let file = policies.join("upstreams.yaml");
            let text = std::fs::read_to_string(&file).unwrap();
            let (before, rest) = text.split_once("    environment: sandbox\n").unwrap();
            assert!(before.contains("  catalog:\n") && !before.contains("  order:\n"), "{before}");
            std::fs::write(&file, format!("{before}    environment: {environment}\n{rest}")).unwrap();
        })
    };
    // The demonstration's apps are of the sandbox.
    for (environment, is_reached) in [("live", false), ("sandbox", true), ("both", true)] {
        let dev = start(environment);
        let (key, other, bearer) = (dev.told("/app/api_key"), dev.told("/other_app/api_key"), dev.bearer(0));
        for (method, path, header) in [
            ("GET", "/api/products", ("X-Api-Key", key)),
            ("GET", "/api/products/p-1001", ("Authorization", &*bearer)),
            ("PUT", "/api/products/p-1001", ("X-Api-Key", other)),
        ] {
            let answer = http::request(dev.base(), method, path, &[header], "");
            let code = if is_reached { String::new() } else { answer.code() };
            let expected = if is_reached { (200, "") } else { (403, "environment_mismatch") };
            assert_eq!((answer.status, code.as_str()), expected, "{environment}: {method} {path}");
            assert_eq!(origin.received().is_some(), is_reached);
        }
        // Nobody in particular is of no environment.
        assert_eq!(dev.get("/api/products", &[]).status, 200);
        assert!(origin.received().is_some());
    }
}
