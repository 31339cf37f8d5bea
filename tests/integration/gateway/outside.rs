//! Programs that know nothing of this one: a partner's client in Python, and a browser.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::dev::Dev;
use crate::support::webdriver::Browser;

#[test]
fn a_partner_with_python_requests_gets_exactly_the_orders_that_there_is_stock_for() {
    let dev = Dev::start();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/outside/partner.py");
    let run = Command::new("python3").arg(script).arg(dev.ready_file()).output().unwrap();
    assert!(
        run.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&run.stdout),
        String::from_utf8_lossy(&run.stderr)
    );
}

#[test]
fn a_merchant_logs_in_and_consents_in_a_real_browser() {
    let dev = Dev::start();
    let browser = Browser::start();
    let query = format!(
        "response_type=code&client_id={}&redirect_uri={}&state=s%201",
        dev.told("/app/client_id"),
        dev.told("/app/redirect_uri")
    );
    browser.open(&format!("{}/oauth/authorize?{query}", dev.base()));
    browser.type_into("input[name=username]", dev.told("/merchants/0/username"));
    browser.type_into("input[name=password]", dev.told("/merchants/0/password"));
    browser.click("button[type=submit]");
    browser.wait_for_element("button[value=allow]");
    // What the page's own policy would block is in the console.
    let refused: Vec<Value> = browser
        .log()
        .into_iter()
        .filter(|entry| {
            entry["message"].as_str().is_some_and(|text| text.contains("Content Security Policy"))
        })
        .collect();
    assert_eq!(json!(refused), json!([]));
    browser.click("button[value=allow]");
    // Nobody listens at the app's address; the browser stands before it all the same.
    let redirect_uri = dev.told("/app/redirect_uri").to_owned();
    browser.wait_for_address(|address| address.starts_with(&redirect_uri) && address.contains("code="));
    assert!(browser.address().contains("state=s%201") || browser.address().contains("state=s+1"));
}
