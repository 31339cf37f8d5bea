//! A browser without a screen: it sees pages and sends their forms.

use crate::support::dev::{Dev, input};
use crate::support::http::{self, Answer, FORM, form};

/// A browser: it keeps cookies, and tells where a form came from.
pub(super) struct Browser<'d> {
    dev: &'d Dev,
    pub(super) cookies: Vec<(String, String)>,
}

impl<'d> Browser<'d> {
    pub(super) fn new(dev: &'d Dev) -> Self {
        Self { dev, cookies: Vec::new() }
    }

    pub(super) fn cookie(&self) -> String {
        self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    pub(super) fn keep(&mut self, answer: &Answer) {
        for (_, value) in answer.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie")) {
            let (name, value) = value.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            if !value.is_empty() {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
    }

    pub(super) fn get(&mut self, path: &str) -> Answer {
        let answer = self.dev.get(path, &[("Cookie", &self.cookie()), ("Sec-Fetch-Site", "none")]);
        self.keep(&answer);
        answer
    }

    pub(super) fn post(&mut self, path: &str, headers: &[(&str, &str)], fields: &[(&str, &str)]) -> Answer {
        let cookie = self.cookie();
        let mut all = vec![FORM, ("Cookie", cookie.as_str())];
        all.extend(headers);
        let answer = http::request(self.dev.base(), "POST", path, &all, &form(fields));
        self.keep(&answer);
        answer
    }

    /// Sees the login page and sends its form back, as the first merchant.
    pub(super) fn log_in(&mut self, query: &str) -> Answer {
        self.log_in_at(&format!("/oauth/authorize?{query}"), 0)
    }

    /// Sees the login page at `path` and sends its form back, as one of the merchants.
    pub(super) fn log_in_at(&mut self, path: &str, merchant: usize) -> Answer {
        let page = self.get(path).text();
        let (request, csrf) = (input(&page, "request"), input(&page, "csrf"));
        let username = self.dev.told(&format!("/merchants/{merchant}/username"));
        let password = self.dev.told(&format!("/merchants/{merchant}/password"));
        self.submit(
            "/oauth/login",
            &[("request", &*request), ("csrf", &csrf), ("username", username), ("password", password)],
        )
    }

    /// Sends a form of our own page.
    pub(super) fn submit(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.post(path, &[("Origin", self.dev.base()), ("Sec-Fetch-Site", "same-origin")], fields)
    }

    pub(super) fn has_session(&self) -> bool {
        self.cookies.iter().any(|(name, _)| name == "tollgate")
    }

    pub(super) fn merchant(&self) -> (&'d str, &'d str) {
        (self.dev.told("/merchants/0/username"), self.dev.told("/merchants/0/password"))
    }
}
