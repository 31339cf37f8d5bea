//! A real browser, driven over the W3C WebDriver protocol by Debian's chromedriver.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::dev::wait_for;
use super::http;

/// The key under which an element's id stands (WebDriver, section 12.1).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
const FLAGS: [&str; 6] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--no-first-run",
];

/// A browser with one window.
pub(crate) struct Browser {
    driver: Child,
    base: String,
    session: String,
}

impl Browser {
    /// Starts it. `tests/setup.sh` installs what it takes.
    pub(crate) fn start() -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver, which tests/setup.sh installs");
        let lines = BufReader::new(driver.stdout.take().unwrap()).lines().map(Result::unwrap);
        let port = lines
            .filter_map(|line| {
                line.split_once(" on port ").map(|(_, port)| port.trim_end_matches('.').to_owned())
            })
            .find_map(|port| port.parse::<u16>().ok().filter(|port| *port != 0))
            .expect("chromedriver's port");
        let mut browser = Self { driver, base: format!("http://127.0.0.1:{port}"), session: String::new() };
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": {"args": FLAGS},
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let session = browser.call("POST", "/session", &wanted);
        browser.session = session["sessionId"].as_str().unwrap_or_else(|| panic!("{session}")).to_owned();
        browser
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = if method == "GET" { String::new() } else { body.to_string() };
        let headers = [("Content-Type", "application/json")];
        http::request(&self.base, method, path, &headers, &body).json()["value"].take()
    }

    fn in_session(&self, method: &str, path: &str, body: &Value) -> Value {
        self.call(method, &format!("/session/{}{path}", self.session), body)
    }

    pub(crate) fn open(&self, address: &str) {
        let opened = self.in_session("POST", "/url", &json!({"url": address}));
        assert!(opened.is_null(), "{opened}");
    }

    pub(crate) fn address(&self) -> String {
        self.in_session("GET", "/url", &Value::Null).as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn wait_for_address(&self, holds: impl Fn(&str) -> bool) {
        wait_for("the browser's address", || holds(&self.address()));
    }

    /// What the console has shown since it was last asked.
    pub(crate) fn log(&self) -> Vec<Value> {
        let log = self.in_session("POST", "/se/log", &json!({"type": "browser"}));
        log.as_array().unwrap_or_else(|| panic!("{log}")).clone()
    }

    pub(crate) fn wait_for_element(&self, selector: &str) {
        wait_for(selector, || self.element(selector).is_some());
    }

    pub(crate) fn type_into(&self, selector: &str, text: &str) {
        let element = self.element(selector).unwrap_or_else(|| panic!("no {selector}"));
        self.in_session("POST", &format!("/element/{element}/value"), &json!({"text": text}));
    }

    pub(crate) fn click(&self, selector: &str) {
        let element = self.element(selector).unwrap_or_else(|| panic!("no {selector}"));
        self.in_session("POST", &format!("/element/{element}/click"), &json!({}));
    }

    fn element(&self, selector: &str) -> Option<String> {
        let wanted = json!({"using": "css selector", "value": selector});
        let found = self.in_session("POST", "/element", &wanted);
        found[ELEMENT].as_str().map(str::to_owned)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Ends the browser too, which the driver's end would not.
        let path = format!("/session/{}", self.session);
        let _ = http::try_request(&self.base, "DELETE", &path, &[], "");
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
