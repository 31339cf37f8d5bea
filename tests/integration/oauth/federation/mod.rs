//! Logins by the platform's own identity provider, as a browser sees them.

mod linking;
mod real;
mod refused;
mod two_factors;

use tempfile::NamedTempFile;

use crate::support::dev::{Dev, input, parameter};
use crate::support::http::{self, Answer, FORM, form};
use crate::support::provider::Provider;

/// What the gateway proves itself to the provider with.
const SECRET: &str = "the-secret-of-the-provider";

/// A gateway that lets merchants log in by a provider.
struct Federated {
    dev: Dev,
    provider: Provider,
    _secret: NamedTempFile,
}

/// A browser that was sent to the provider.
struct Sent {
    /// Where.
    location: String,
    /// The cookie of the login page.
    cookie: String,
}

impl Sent {
    fn parameter(&self, name: &str) -> String {
        parameter(&self.location, name).unwrap_or_else(|| panic!("no {name} in {}", self.location))
    }
}

/// The provider's secret, in a file.
fn secret() -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{SECRET}\n")).unwrap();
    file
}

/// The authorization request of the first app.
fn query(dev: &Dev) -> String {
    let (client, redirect_uri) = (dev.told("/app/client_id"), dev.told("/app/redirect_uri"));
    format!("client_id={client}&response_type=code&redirect_uri={redirect_uri}&state=of-the-app")
}

/// Sends a browser to the provider by the button of the login page.
#[track_caller]
fn send(dev: &Dev) -> Sent {
    send_with(dev, "a=b")
}

/// As [`send`], with one more cookie.
#[track_caller]
fn send_with(dev: &Dev, more: &str) -> Sent {
    send_for(dev, &query(dev), more)
}

/// As [`send_with`], for another authorization request.
#[track_caller]
fn send_for(dev: &Dev, query: &str, more: &str) -> Sent {
    let page = dev.get(&format!("/oauth/authorize?{query}"), &[]);
    assert_eq!(page.status, 200, "{}", page.text());
    assert!(page.text().contains("Company account"), "{}", page.text());
    let cookie = page.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let fields = form(&[("request", query), ("csrf", &input(&page.text(), "csrf"))]);
    let both = format!("{cookie}; {more}");
    let headers = [FORM, ("Cookie", both.as_str()), ("Origin", dev.base())];
    let answer = http::request(dev.base(), "POST", "/oauth/federated", &headers, &fields);
    assert_eq!(answer.status, 303, "{}", answer.text());
    Sent { location: answer.header("location").unwrap().to_owned(), cookie }
}

/// The browser comes back with these parameters.
fn come_back(dev: &Dev, cookie: &str, parameters: &[(&str, &str)]) -> Answer {
    dev.get(&format!("/oauth/federated/callback?{}", form(parameters)), &[("Cookie", cookie)])
}

/// The session's cookie that an answer sets.
fn session(answer: &Answer) -> Option<String> {
    let cookie = answer.header("set-cookie")?.split(';').next().unwrap();
    cookie.starts_with("tollgate=").then(|| cookie.to_owned())
}

impl Federated {
    /// With more lines in the provider's section.
    fn start(more: &[&str]) -> Self {
        let (provider, secret) = (Provider::start(), secret());
        let dev = Dev::with_policies(|policies| provider.trust(policies, secret.path(), more));
        Self { dev, provider, _secret: secret }
    }

    /// Links an account to one of the demonstration's merchants, as an administrator does.
    #[track_caller]
    fn link(&self, merchant: usize, subject: &str) -> Answer {
        let id = self.dev.told(&format!("/merchants/{merchant}/id"));
        let body = serde_json::json!({"issuer": self.provider.issuer(), "subject": subject}).to_string();
        self.dev.admin("POST", &format!("/admin/merchants/{id}/accounts"), &body)
    }

    /// Sends a browser there, has the provider let `subject` in, and comes back.
    #[track_caller]
    fn log_in(&self, subject: &str, more: &serde_json::Value) -> Answer {
        let sent = send(&self.dev);
        self.provider.lets_in(subject, &sent.parameter("nonce"), more);
        come_back(&self.dev, &sent.cookie, &[("code", "c"), ("state", &sent.parameter("state"))])
    }
}
