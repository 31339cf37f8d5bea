//! What administrators see of merchants' sessions and of apps' secrets in use, and how they end sessions.

use serde_json::{Value, json};

use super::visitor::Browser;
use crate::cli::{Finished, finished, tollgate};
use crate::support::dev::{Dev, wait_for};
use crate::support::http::{self, FORM, form};

const PAGE: &str = "/oauth/apps";

/// Runs a command against the node.
fn run(dev: &Dev, arguments: &[&str]) -> Finished {
    let mut command = tollgate(arguments);
    command.arg("--ready-file").arg(dev.ready_file());
    finished(command.output().unwrap())
}

fn items(answer: &Value) -> Vec<Value> {
    answer["items"].as_array().unwrap_or_else(|| panic!("no list: {answer}")).clone()
}

/// The newest audit record of that action.
fn record(dev: &Dev, action: &str) -> Value {
    let found = dev.admin("GET", &format!("/admin/audit?action={action}&limit=1"), "").json();
    found["items"][0].clone()
}

#[test]
fn an_administrator_sees_where_a_merchant_is_logged_in_and_ends_it_there_or_everywhere() {
    let dev = Dev::start();
    let [mut here, mut there, mut other] = [0, 0, 1].map(|merchant| {
        let mut browser = Browser::new(&dev);
        assert_eq!(browser.log_in_at(PAGE, merchant).status, 303);
        browser
    });
    let is_in = |browser: &mut Browser<'_>| browser.get(PAGE).text().contains("Where you are logged in");
    let merchant = dev.told("/merchants/0/id");
    let path = format!("/admin/merchants/{merchant}/sessions");
    let listed = dev.admin("GET", &path, "");
    for browser in [&here, &there] {
        let (_, cookie) = browser.cookies.iter().find(|(name, _)| name == "tollgate").unwrap();
        assert!(!listed.text().contains(cookie.as_str()), "a cookie is shown: {}", listed.text());
    }
    let sessions = items(&listed.json());
    assert_eq!(sessions.len(), 2);
    for session in &sessions {
        assert_eq!(session["merchant"], merchant);
        assert_eq!((&session["method"], &session["two_factors"]), (&json!("password"), &json!(false)));
        assert_eq!(session["address"], "127.0.0.1");
        assert_eq!(session["last_seen_at"], session["created_at"]);
        let known: Vec<&str> = session.as_object().unwrap().keys().map(String::as_str).collect();
        let shown = [
            "address",
            "created_at",
            "expires_at",
            "id",
            "last_seen_at",
            "merchant",
            "method",
            "two_factors",
        ];
        assert_eq!(known, shown, "what is shown of a session");
    }

    // The youngest comes first. It is another merchant's to end by no way.
    let youngest = sessions[0]["id"].as_str().unwrap();
    let strange = format!("/admin/merchants/{}/sessions/{youngest}/end", dev.told("/merchants/1/id"));
    assert_eq!(dev.admin("POST", &strange, "").json()["detail"], "There is no such session.");
    assert_eq!(dev.admin("POST", "/admin/merchants/mer_none/sessions/end", "").status, 404);
    assert!(is_in(&mut there));
    let ended = run(&dev, &["merchant", "end-session", merchant, youngest]);
    assert!(ended.status == 0 && ended.out.contains(youngest), "{} {}", ended.out, ended.err);
    assert!(!is_in(&mut there) && is_in(&mut here) && is_in(&mut other));
    let told = record(&dev, "session.end");
    assert_eq!((&told["subject"], &told["before"]["merchant"]), (&json!(youngest), &json!(merchant)));
    assert_eq!((&told["actor"], &told["after"]), (&json!("administrator:node"), &Value::Null));
    let again = run(&dev, &["merchant", "end-session", merchant, youngest]);
    assert!(again.status == 1 && again.err.contains("There is no such session"), "{}", again.err);

    assert_eq!(there.log_in_at(PAGE, 0).status, 303);
    let before = run(&dev, &["merchant", "sessions", merchant]);
    assert_eq!(before.out.matches("ses_").count(), 2, "{}", before.out);
    let ended = run(&dev, &["merchant", "end-sessions", merchant]);
    assert_eq!(ended.out.matches("ses_").count(), 2, "{} {}", ended.out, ended.err);
    assert!(!is_in(&mut there) && !is_in(&mut here) && is_in(&mut other));
    let told = record(&dev, "merchant.end_sessions");
    assert_eq!((&told["subject"], &told["after"]), (&json!(merchant), &json!({"sessions": []})));
    assert_eq!(told["before"]["sessions"].as_array().unwrap().len(), 2);
    let nowhere = run(&dev, &["merchant", "sessions", merchant]);
    assert!(nowhere.out.is_empty() && nowhere.err.contains("logged in nowhere"), "{}", nowhere.err);
    // What ended nothing is no change.
    assert_eq!(items(&dev.admin("POST", &format!("{path}/end"), "").json()).len(), 0);
    assert_eq!(record(&dev, "merchant.end_sessions")["number"], told["number"]);
}

#[test]
fn a_session_that_is_shown_again_is_known_to_have_been_seen() {
    let dev = Dev::start();
    let mut browser = Browser::new(&dev);
    browser.log_in_at(PAGE, 0);
    let path = format!("/admin/merchants/{}/sessions", dev.told("/merchants/0/id"));
    let seen = || items(&dev.admin("GET", &path, "").json())[0]["last_seen_at"].clone();
    let begun = seen();
    dev.tamper("update login_session set seen_at = seen_at - 301000000");
    let long_ago = seen();
    assert!(long_ago.as_str() < begun.as_str(), "{long_ago} {begun}");
    browser.get(PAGE);
    wait_for("the session to be seen", || seen().as_str() >= begun.as_str());
}

#[test]
fn a_list_of_secrets_says_which_of_them_are_still_in_use() {
    let dev = Dev::start();
    let app = dev.told("/app/client_id");
    let path = format!("/admin/apps/{app}/secrets");
    let old = items(&dev.admin("GET", &path, "").json())[0]["id"].clone();
    let new = dev.admin("POST", &path, "").json()["secret"]["id"].clone();
    let used = |id: &Value| {
        let secrets = items(&dev.admin("GET", &path, "").json());
        secrets.iter().find(|secret| secret["id"] == *id).unwrap()["last_used_at"].clone()
    };
    assert_eq!((used(&old), used(&new)), (Value::Null, Value::Null));
    let call = || dev.token_call(&[("grant_type", "client_credentials"), ("scope", "catalog:read")]).status;
    assert_eq!(call(), 200);
    wait_for("the use to be told", || !used(&old).is_null());
    assert_eq!(used(&new), Value::Null, "nobody used it");
    let first = used(&old);
    assert!(first.as_str().unwrap().ends_with(":00:00Z"), "told by the hour: {first}");
    dev.tamper("update secret_use set used_at = used_at - 3601000000");
    assert!(used(&old).as_str() < first.as_str());
    assert_eq!(call(), 200);
    wait_for("the next use to be told", || used(&old).as_str() >= first.as_str());
    let wrong = [("grant_type", "client_credentials"), ("client_id", app), ("client_secret", "tgs_wrong")];
    let refused = http::request(dev.base(), "POST", "/oauth/token", &[FORM], &form(&wrong));
    assert_eq!((refused.status, used(&new)), (401, Value::Null));
    let listed = run(&dev, &["app", "secret", "list", app]);
    assert!(listed.out.lines().next().unwrap().contains("last used"), "{}", listed.out);
}

#[test]
fn what_was_used_last_is_known_after_an_orderly_stop() {
    let mut dev = Dev::start();
    let path = format!("/admin/apps/{}/secrets", dev.told("/app/client_id"));
    let secret = items(&dev.admin("GET", &path, "").json())[0]["id"].clone();
    let call = [("grant_type", "client_credentials"), ("scope", "catalog:read")];
    assert_eq!(dev.token_call(&call).status, 200);
    assert!(dev.terminate().success());
    let dev = dev.kill_and_restart();
    let secrets = items(&dev.admin("GET", &path, "").json());
    let used = secrets.iter().find(|known| known["id"] == secret).unwrap();
    assert!(!used["last_used_at"].is_null(), "the use was not written down: {used}");
}
