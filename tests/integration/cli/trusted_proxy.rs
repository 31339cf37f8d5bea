//! `tollgate serve --trusted-proxy`: who calls through something that ends TLS before the gateway.

use serde_json::Value;
use tempfile::TempDir;

use super::process::Process;
use super::serve::{TOKEN, fails, serve};
use super::{finished, tollgate};
use crate::support::folder;
use crate::support::http::{self, Answer, FORM, form};
use crate::support::origin::{Origin, point};

/// A node with an upstream that tells what it was sent.
struct Behind {
    origin: Origin,
    base: String,
    admin: String,
    _node: Process,
    _project: TempDir,
}

impl Behind {
    fn start(more: &[&str]) -> Self {
        Self::with_policies(more, |_| {})
    }

    /// With more changed in the policies of that project.
    fn with_policies(more: &[&str], change: impl FnOnce(&TempDir)) -> Self {
        let project = folder::copy_of_policies_in_a_project();
        let origin = Origin::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]");
        point(&project.path().join("policies"), "catalog", &origin.address);
        let (from, to) = ("requests: 3000, window: 1m, burst: 500", "requests: 1, window: 1h, burst: 2");
        folder::change(&project, "policies/routes/catalog.yaml", from, to);
        change(&project);
        let ready = project.path().join("ready.json");
        let command = serve(project.path(), &[&["--ready-file", "ready.json"], more].concat());
        let node = Process::start(command, &ready);
        let ready: Value = serde_json::from_str(&std::fs::read_to_string(&ready).unwrap()).unwrap();
        let url = |name: &str| ready[name].as_str().unwrap().to_owned();
        Self { origin, base: url("base_url"), admin: url("admin_url"), _node: node, _project: project }
    }

    fn call(&self, fields: &[(&str, &str)]) -> Answer {
        http::request(&self.base, "GET", "/api/products", fields, "")
    }

    /// What the upstream is told of a call with `fields`: for whom, and how it came.
    #[track_caller]
    fn told(&self, fields: &[(&str, &str)]) -> (String, String) {
        let answer = self.call(fields);
        assert_eq!(answer.status, 200, "{fields:?}: {}", answer.text());
        let head = self.origin.received().unwrap().to_ascii_lowercase();
        let field = |name: &str| {
            let values: Vec<&str> = head.lines().filter_map(|line| line.strip_prefix(name)).collect();
            assert_eq!(values.len(), 1, "{head}");
            values[0].to_owned()
        };
        (field("x-forwarded-for: "), field("x-forwarded-proto: "))
    }

    fn run(&self, arguments: &[&str]) -> Value {
        let mut command = tollgate(&[arguments, &["--output", "json"]].concat());
        command.env("TOLLGATE_ADMIN_URL", &self.admin).env("TOLLGATE_ADMIN_TOKEN", TOKEN);
        let done = finished(command.output().unwrap());
        assert_eq!(done.status, 0, "{}", done.err);
        serde_json::from_str(&done.out).unwrap()
    }

    /// From where a login is known that came with `fields`.
    fn logged_in_from(&self, username: &str, fields: &[(&str, &str)]) -> Value {
        let made = self.run(&["merchant", "create", "--username", username, "--name", "Shop"]);
        let login = form(&[("username", username), ("password", made["password"].as_str().unwrap())]);
        let answer = http::request(&self.base, "POST", "/oauth/login", &[&[FORM], fields].concat(), &login);
        assert_eq!(answer.status, 303, "{}", answer.text());
        self.run(&["merchant", "sessions", made["id"].as_str().unwrap()])[0]["address"].clone()
    }
}

#[test]
fn what_a_trusted_proxy_says_of_its_callers_is_what_they_are() {
    let behind = Behind::start(&["--trusted-proxy", "127.0.0.1", "--trusted-proxy", "10.0.0.0/8"]);
    let for_whom = |list: &'static str| ("X-Forwarded-For", list);
    let https = ("X-Forwarded-Proto", "https");
    for (fields, caller, scheme) in [
        (&[][..], "127.0.0.1", "http"),
        (&[for_whom("192.0.2.1"), https], "192.0.2.1", "https"),
        (&[for_whom("203.0.113.9, 192.0.2.2, 10.1.2.3"), https], "192.0.2.2", "https"),
        (&[for_whom("203.0.113.9"), for_whom("192.0.2.3:4711")], "192.0.2.3", "http"),
        (&[for_whom("[2001:db8::1]:4711"), ("X-Forwarded-Proto", "gopher")], "2001:db8::1", "http"),
        (&[for_whom("192.0.2.4, unknown"), https, https], "127.0.0.1", "http"),
    ] {
        assert_eq!(behind.told(fields), (caller.to_owned(), scheme.to_owned()), "{fields:?}");
    }
    // Each of them is limited by itself, whatever it says before the proxy does.
    for (made_up, status) in [("1.1.1.1", 200), ("2.2.2.2", 200), ("3.3.3.3", 429), ("4.4.4.4", 429)] {
        let list = format!("{made_up}, 198.51.100.7");
        assert_eq!(behind.call(&[("X-Forwarded-For", &list)]).status, status, "{list}");
    }
    assert_eq!(behind.call(&[for_whom("198.51.100.8")]).status, 200);
    assert_eq!(behind.logged_in_from("shop", &[for_whom("192.0.2.1")]), "192.0.2.1");
}

#[test]
fn a_key_is_narrowed_to_the_networks_of_callers_and_who_presents_one_is_the_caller_too() {
    let behind = Behind::start(&["--trusted-proxy", "127.0.0.1"]);
    let text = |value: &Value, name: &str| value[name].as_str().unwrap().to_owned();
    let partner = text(&behind.run(&["partner", "create", "--name", "Bright Apps"]), "id");
    let app = ["app", "create", "--partner", &partner, "--name", "Shop", "--scope", "catalog:read"];
    let app = text(&behind.run(&[&app[..], &["--grant-type", "client_credentials"]].concat()), "id");
    let made = behind.run(&["key", "create", "--app", &app, "--address", "192.0.2.0/24"]);
    let key = text(&made, "key");
    let call = |caller: &str| behind.call(&[("X-Api-Key", &key), ("X-Forwarded-For", caller)]);
    assert_eq!(call("127.0.0.1, 192.0.2.7").status, 200);
    for caller in ["198.51.100.7", "192.0.2.7, 198.51.100.7"] {
        let refused = call(caller);
        assert_eq!((refused.status, refused.code().as_str()), (403, "address_not_allowed"), "{caller}");
        assert!(refused.text().contains("198.51.100.7"), "{}", refused.text());
    }
    let found = [("Content-Type", "application/json"), ("X-Forwarded-For", "203.0.113.5")];
    let body = serde_json::json!({"key": key}).to_string();
    assert_eq!(http::request(&behind.base, "POST", "/oauth/keys/revoke", &found, &body).status, 200);
    assert_eq!(call("192.0.2.7").status, 401);
    let record = behind.run(&["audit", "--subject", &text(&made, "id"), "--action", "key.revoke"]);
    assert_eq!(record[0]["actor"], "presenter:203.0.113.5");
}

#[test]
fn a_route_is_for_the_networks_of_callers_and_not_of_their_proxies() {
    let behind = Behind::with_policies(&["--trusted-proxy", "127.0.0.1"], |project| {
        let (from, to) =
            ("      anonymous: true\n", "      anonymous: true\n      addresses: [192.0.2.0/24]\n");
        folder::change(project, "policies/routes/catalog.yaml", from, to);
    });
    let call = |caller: &str| behind.call(&[("X-Forwarded-For", caller)]);
    for caller in ["192.0.2.7", "127.0.0.1, 192.0.2.8"] {
        assert_eq!(call(caller).status, 200, "{caller}");
    }
    for caller in ["198.51.100.7", "192.0.2.7, 198.51.100.7"] {
        let refused = call(caller);
        assert_eq!((refused.status, refused.code().as_str()), (403, "address_not_allowed"), "{caller}");
        assert!(refused.text().contains("198.51.100.7"), "{}", refused.text());
    }
    assert_eq!(behind.call(&[]).code(), "address_not_allowed", "the proxy itself");
}

#[test]
fn who_is_no_trusted_proxy_says_nothing_of_others() {
    for more in [&[][..], &["--trusted-proxy", "10.0.0.0/8"]] {
        let behind = Behind::start(more);
        let forged = [("X-Forwarded-For", "10.0.0.1, 192.0.2.1"), ("X-Forwarded-Proto", "https")];
        assert_eq!(behind.told(&forged), ("127.0.0.1".to_owned(), "http".to_owned()), "{more:?}");
        assert_eq!(behind.logged_in_from("shop", &forged), "127.0.0.1", "{more:?}");
    }
}

#[test]
fn what_is_no_network_of_proxies_is_told() {
    let project = folder::copy_of_policies_in_a_project();
    for (network, told) in [
        ("10.0.0.0/33", "no network of addresses such as"),
        ("0.0.0.0/0", "everybody"),
        ("10.1.2.3/8", "the network is 10.0.0.0/8"),
    ] {
        let done = fails(serve(project.path(), &["--trusted-proxy", network]));
        assert!(done.status == 2 && done.err.contains(told), "{network}: {}", done.err);
    }
    let mut command = serve(project.path(), &[]);
    let done = fails({
        command.env("TOLLGATE_TRUSTED_PROXY", "10.0.0.0/8,nowhere");
        command
    });
    assert!(done.status == 2 && done.err.contains("TOLLGATE_TRUSTED_PROXY"), "{}", done.err);
}
