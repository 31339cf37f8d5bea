//! What the consent page tells a merchant.

use serde_json::{Value, json};

use super::visitor::Browser;
use crate::support::dev::{Dev, input, wait_for};

#[test]
fn a_consent_whose_session_has_ended_leads_to_the_login_and_gives_nothing() {
    let dev = Dev::start();
    let query = format!("client_id={}&response_type=code&scope=order:read", dev.told("/app/client_id"));
    let mut browser = Browser::new(&dev);
    let page = browser.log_in(&query).header("location").unwrap().to_owned();
    let csrf = input(&browser.get(&page).text(), "csrf");
    browser.cookies.clear();
    let consent = [("request", &*query), ("csrf", &csrf), ("decision", "allow")];
    let answer = browser.submit("/oauth/consent", &consent);
    assert_eq!(answer.status, 303, "{}", answer.text());
    let next = answer.header("location").unwrap().to_owned();
    assert!(next.starts_with("/oauth/authorize?"), "{next}");
    assert!(browser.get(&next).text().contains("name=\"password\""));
}

#[test]
fn consent_is_asked_each_time_and_says_what_is_new_and_what_the_app_has() {
    let dev = Dev::start();
    let app = dev.told("/app/client_id");
    let query = |scope: &str| format!("client_id={app}&response_type=code&scope={scope}");
    let mut browser = Browser::new(&dev);
    let first = browser.log_in(&query("order:read")).header("location").unwrap().to_owned();
    let page = browser.get(&first).text();
    assert!(page.contains("It asks to:") && page.contains("See your orders"), "{page}");
    assert!(!page.contains("It may already") && !page.contains("What you pay"), "{page}");
    let csrf = input(&page, "csrf");
    let consent = [("request", &*query("order:read")), ("csrf", &csrf), ("decision", "allow")];
    assert_eq!(browser.submit("/oauth/consent", &consent).status, 303);

    let same = browser.get(&format!("/oauth/authorize?{}", query("order:read"))).text();
    assert!(same.contains("nothing that it does not have") && same.contains("value=\"allow\""), "{same}");
    let more = browser.get(&format!("/oauth/authorize?{}", query("order:read+payment:read"))).text();
    let (new, had) = more.split_once("It may already").expect("what it has");
    assert!(new.contains("It now asks to do more") && new.contains("See your payments"), "{more}");
    assert!(had.contains("See your orders") && !new.contains("See your orders"), "{more}");
    let records = dev.admin("GET", "/admin/audit?action=grant.give", "").json();
    let record = records["items"][0].clone();
    let merchant = dev.told("/merchants/0/id");
    assert_eq!(record["actor"], format!("merchant:{merchant}"));
    assert_eq!(record["before"], Value::Null);
    // It is the grant's, and found by the merchant and the app as well.
    let grants = dev.admin("GET", &format!("/admin/grants?merchant={merchant}"), "").json();
    assert_eq!((&record["subject"], &record["subject_kind"]), (&grants["items"][0]["id"], &json!("grant")));
    assert_eq!(record["after"], grants["items"][0], "what was consented to");
    assert_eq!(record["after"]["scopes"], json!(["order:read"]));
    let grant = record["subject"].as_str().unwrap();
    for subject in [grant, &format!("grant:{grant}"), &format!("merchant:{merchant}"), app] {
        let found = dev.admin("GET", &format!("/admin/audit?subject={subject}&action=grant.give"), "").json();
        assert_eq!(found["items"], json!([record]), "{subject}");
    }

    let consent = [("request", &*query("order:read+payment:read")), ("csrf", &csrf), ("decision", "allow")];
    assert_eq!(browser.submit("/oauth/consent", &consent).status, 303);
    let next = dev.admin("GET", &format!("/admin/audit?subject={grant}&limit=1"), "").json();
    assert_eq!(next["items"][0]["before"], record["after"]);
    assert_eq!(next["items"][0]["after"]["scopes"], json!(["order:read", "payment:read"]));
}

#[test]
fn a_fee_that_a_plan_tells_of_stands_on_the_consent_page_in_the_merchants_language() {
    let dev = Dev::start();
    let query = format!("client_id={}&response_type=code", dev.told("/app/client_id"));
    let mut browser = Browser::new(&dev);
    let path = browser.log_in(&query).header("location").unwrap().to_owned();
    let plan = dev.policies().join("plans/standard.yaml");
    let text = std::fs::read_to_string(&plan).unwrap();
    let fee = "    merchant_fee: {en: 30 CNY a month <after> the first, zh: 首月后每月 30 元}\n    fee:";
    std::fs::write(&plan, text.replacen("    fee:", fee, 1)).unwrap();
    wait_for("the plan with a fee", || browser.get(&path).text().contains("What you pay"));
    assert!(browser.get(&path).text().contains("30 CNY a month &#60;after&#62; the first"));
    let chinese = [("Cookie", &*browser.cookie()), ("Accept-Language", "zh")];
    assert!(dev.get(&path, &chinese).text().contains("首月后每月 30 元"));
}
