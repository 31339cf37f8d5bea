//! A real provider, npm `oidc-provider`, which `tests/setup.sh` installs: its pages are gone through by plain HTTP.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::json;

use super::{query, send, session};
use crate::support::dev::{Dev, input};
use crate::support::http::{self, Answer, FORM, form};
use crate::support::provider::trust;

/// Of no use beyond the tests; as long as HS256 asks for.
const SECRET: &str = "a-secret-of-the-real-provider-of-32";

/// A running provider.
struct Real {
    child: Child,
    issuer: String,
}

impl Drop for Real {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where its packages lie.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/provider")
}

impl Real {
    fn start(redirect_uri: &str, algorithm: &str) -> Self {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/outside/provider/provider.mjs");
        // Beside its packages; each start its own copy, since several tests may do so at once.
        let copy = folder().join(format!("provider-{algorithm}.mjs"));
        std::fs::copy(program, &copy).expect("tests/setup.sh installs the provider");
        let mut child = Command::new("node")
            .arg(&copy)
            .env("ALGORITHM", algorithm)
            .env("CLIENT_SECRET", SECRET)
            .env("REDIRECT_URI", redirect_uri)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let issuer = lines.find(|line| line.starts_with("http://")).expect("its issuer");
        // It goes on to tell what it does, and ends if nobody listens.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, issuer }
    }
}

/// A browser at the provider, which keeps its cookies.
struct Browser<'r> {
    real: &'r Real,
    cookies: HashMap<String, String>,
}

impl Browser<'_> {
    fn request(&mut self, method: &str, path: &str, body: &str) -> Answer {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookie = cookies.join("; ");
        let answer = http::request(&self.real.issuer, method, path, &[FORM, ("Cookie", &cookie)], body);
        for (name, value) in &answer.headers {
            if name.eq_ignore_ascii_case("set-cookie") {
                let (name, value) = value.split(';').next().unwrap().split_once('=').unwrap();
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }

    /// Logs in as `login`, and agrees to what is asked; gives where the browser is sent to in the end.
    #[track_caller]
    fn log_in(&mut self, location: &str, login: &str) -> String {
        let mut answer = self.request("GET", location.strip_prefix(&self.real.issuer).unwrap(), "");
        let mut at = String::new();
        for _ in 0..10 {
            if let Some(next) = answer.header("location") {
                let next = next.strip_prefix(&self.real.issuer).unwrap_or(next).to_owned();
                if !next.starts_with('/') {
                    return next;
                }
                answer = self.request("GET", &next, "");
                at = next;
                continue;
            }
            let page = answer.text();
            assert!(answer.status == 200 && page.contains("prompt"), "{} {page}", answer.status);
            let fields = match input(&page, "prompt").as_str() {
                "login" => form(&[("prompt", "login"), ("login", login), ("password", "any")]),
                prompt => form(&[("prompt", prompt)]),
            };
            answer = self.request("POST", &at, &fields);
        }
        panic!("the provider does not come to an end: {}", answer.text());
    }
}

/// A gateway that trusts a provider that knows it, with more lines in the provider's section.
fn gateway(algorithm: &str, more: &[&str]) -> (Dev, Real, tempfile::NamedTempFile) {
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), SECRET).unwrap();
    let dev = Dev::start();
    let real = Real::start(&format!("{}/oauth/federated/callback", dev.base()), algorithm);
    trust(&dev.policies(), (&real.issuer, secret.path()), more);
    assert_eq!(dev.admin("POST", "/admin/policy/reload", "").status, 200);
    (dev, real, secret)
}

#[track_caller]
fn come_back(dev: &Dev, url: &str, cookie: &str) -> Answer {
    dev.get(url.strip_prefix(dev.base()).unwrap(), &[("Cookie", cookie)])
}

#[test]
fn a_merchant_logs_in_by_a_real_provider_whatever_it_signs_with() {
    for algorithm in ["RS256", "PS256", "ES256", "EdDSA"] {
        let (dev, real, _secret) = gateway(algorithm, &[]);
        let merchant = dev.told("/merchants/0/id");
        let body = json!({"issuer": real.issuer, "subject": "alice"}).to_string();
        assert_eq!(dev.admin("POST", &format!("/admin/merchants/{merchant}/accounts"), &body).status, 201);
        let sent = send(&dev);
        let mut browser = Browser { real: &real, cookies: HashMap::new() };
        let back = browser.log_in(&sent.location, "alice");
        let answer = come_back(&dev, &back, &sent.cookie);
        assert_eq!(answer.status, 303, "{algorithm}: {} {}", answer.text(), dev.log());
        let session = session(&answer).unwrap();
        let page = dev.get(answer.header("location").unwrap(), &[("Cookie", &session)]);
        assert!(page.status == 200 && page.text().contains("name=\"decision\""), "{}", page.text());
        // What came back works once; another account is nobody's.
        assert_eq!(come_back(&dev, &back, &sent.cookie).status, 400);
        let sent = send(&dev);
        let back = Browser { real: &real, cookies: HashMap::new() }.log_in(&sent.location, "mallory");
        assert_eq!(come_back(&dev, &back, &sent.cookie).status, 403);
    }
}

#[test]
fn a_real_providers_verified_address_registers_a_shop_and_its_no_is_a_no() {
    let (dev, real, _secret) =
        gateway("ES256", &["scopes: [email]", "link_by: {claim: email, create: true}"]);
    let sent = send(&dev);
    let back = Browser { real: &real, cookies: HashMap::new() }.log_in(&sent.location, "bob");
    let answer = come_back(&dev, &back, &sent.cookie);
    assert_eq!(answer.status, 303, "{} {}", answer.text(), dev.log());
    let merchants = dev.admin("GET", "/admin/merchants", "").text();
    assert!(merchants.contains("bob@example.com"), "{merchants}");

    let sent = send(&dev);
    let mut browser = Browser { real: &real, cookies: HashMap::new() };
    let first = browser.request("GET", sent.location.strip_prefix(&real.issuer).unwrap(), "");
    let abort = browser.request("GET", &format!("{}/abort", first.header("location").unwrap()), "");
    let resume = abort.header("location").unwrap().to_owned();
    let back = browser.request("GET", resume.strip_prefix(&real.issuer).unwrap_or(&resume), "");
    let answer = come_back(&dev, back.header("location").unwrap(), &sent.cookie);
    assert_eq!((answer.status, session(&answer)), (403, None), "{}", answer.text());
}

#[test]
fn what_is_known_of_a_real_provider_outlives_it_and_the_login_does_not() {
    let (dev, mut real, _secret) = gateway("RS256", &[]);
    let sent = send(&dev);
    let back = Browser { real: &real, cookies: HashMap::new() }.log_in(&sent.location, "alice");
    real.child.kill().unwrap();
    real.child.wait().unwrap();
    let answer = come_back(&dev, &back, &sent.cookie);
    assert_eq!((answer.status, session(&answer)), (502, None), "{}", answer.text());
    let page = dev.get(&format!("/oauth/authorize?{}", query(&dev)), &[]);
    assert!(page.status == 200 && page.text().contains("name=\"password\""), "the password still works");
}
