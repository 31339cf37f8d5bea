//! How the policies stand, and reading them anew.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::world::World;
use crate::policy::approved::{key_pair, section};
use crate::support::dev::{Dev, wait_for};
use crate::support::folder;

#[tokio::test]
async fn a_reload_says_what_came_of_it() {
    let world = World::new().await;
    let before = world.get("/admin/policy").await.expect(200);
    assert_eq!((&before["last_error"], &before["failed_attempts"]), (&json!(null), &json!(0)));
    let unchanged = world.post("/admin/policy/reload", &json!({})).await.expect(200);
    assert_eq!((&unchanged["outcome"], &unchanged["hash"]), (&json!("unchanged"), &before["hash"]));
    folder::change(&world.policies, "plans/standard.yaml", "percent: 2.5", "percent: 2.6");
    let swapped = world.post("/admin/policy/reload", &json!({})).await.expect(200);
    assert_eq!(swapped["outcome"], "swapped");
    assert_ne!(swapped["hash"], before["hash"]);
    let plan = world.get("/admin/plans/standard").await.expect(200);
    assert_eq!(plan["current"]["share"]["percent"], "2.6");
}

#[tokio::test]
async fn a_broken_set_changes_nothing_and_is_told_with_file_and_line() {
    let world = World::new().await;
    let before = world.get("/admin/policy").await.expect(200);
    folder::change(&world.policies, "plans/standard.yaml", "percent", "precent");
    let problem = world.post("/admin/policy/reload", &json!({})).await.expect(422);
    assert_eq!(problem["code"], "policy_invalid");
    assert_eq!(problem["errors"][0]["file"], "plans/standard.yaml");
    let after = world.get("/admin/policy").await.expect(200);
    assert_eq!(after["hash"], before["hash"]);
    assert_eq!(after["failed_attempts"], 1);
    assert!(after["last_error"]["text"].as_str().unwrap().contains("plans/standard.yaml:"), "{after}");
    folder::change(&world.policies, "plans/standard.yaml", "precent", "percent");
    let mended = world.post("/admin/policy/reload", &json!({})).await.expect(200);
    assert_eq!(mended["last_error"], json!(null));
}

#[test]
fn the_price_of_a_set_that_could_not_be_recorded_may_still_be_corrected() {
    let dev = Dev::start();
    let file = dev.policies().join("plans/standard.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let first = &text[text.find("  - version: 1").unwrap()..];
    let next = first.replace("version: 1", "version: 2").replace("2026-01-01", "2026-02-01");
    let reload_with = |percent: &str| {
        let next = next.replace("percent: 2.5", &format!("percent: {percent}"));
        std::fs::write(&file, format!("{}\n{next}", text.trim_end())).unwrap();
        let answer = dev.admin("POST", "/admin/policy/reload", "");
        (answer.status, answer.json()["code"].clone())
    };
    dev.tamper("alter table audit_record rename to audit_record_away");
    assert_eq!(reload_with("30"), (503, json!("unavailable")));
    assert_eq!(reload_with("3"), (503, json!("unavailable")));
    dev.tamper("alter table audit_record_away rename to audit_record");
    let percent =
        || dev.admin("GET", "/admin/plans/standard", "").json()["current"]["share"]["percent"].clone();
    wait_for("the corrected price", || percent() == "3");
}

#[test]
fn no_set_comes_into_force_that_is_not_recorded_and_it_does_once_the_store_is_back() {
    let dev = Dev::start();
    let rename = |from: &str, to: &str| {
        let file = dev.policies().join("platform.yaml");
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(from), "{text}");
        std::fs::write(&file, text.replacen(from, to, 1)).unwrap();
    };
    let hash = || dev.admin("GET", "/admin/policy", "").json()["hash"].clone();
    let records = |action: &str, after: &Value| {
        let path = format!("/admin/audit?subject=policies&action={action}");
        let all = dev.admin("GET", &path, "").json()["items"].as_array().unwrap().clone();
        all.into_iter().filter(|record| record["after"]["hash"] == *after).collect::<Vec<_>>()
    };
    let first = hash();
    let let_go = dev.hold_store();
    rename("name: ", "name: Another ");
    let refused = dev.admin("POST", "/admin/policy/reload", "");
    assert_eq!((refused.status, &refused.json()["code"]), (503, &json!("unavailable")), "{}", refused.text());
    assert_eq!(hash(), first);
    let status = dev.admin("GET", "/admin/policy", "").json();
    assert!(status["last_error"]["text"].as_str().unwrap().contains("cannot be recorded"), "{status}");
    let_go();
    wait_for("the set that could not be recorded", || hash() != first);
    let second = hash();
    let activated = records("policy.activate", &second);
    assert_eq!((activated.len(), &activated[0]["before"]["hash"]), (1, &first));

    rename("name: Another ", "name: Yet another ");
    assert_eq!(dev.admin("POST", "/admin/policy/reload", "").status, 200);
    let third = hash();
    assert_ne!(third, second);
    assert_eq!(records("policy.activate", &third)[0]["before"]["hash"], second);
    let asked = records("policy.reload", &third);
    assert_eq!((asked.len(), &asked[0]["actor"]), (1, &json!("administrator:node")));
}

#[test]
fn what_may_be_worse_for_those_who_call_is_refused_until_it_was_announced() {
    let dev = Dev::with_policies(|policies| {
        let file = policies.join("platform.yaml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(file, format!("{text}\nchanges: {{notice: 30d}}\n")).unwrap();
    });
    let file = dev.policies().join("routes/orders.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replacen("scopes: [order:write]", "scopes: [order:write, order:read]", 1))
        .unwrap();
    let refused = dev.admin("POST", "/admin/policy/reload", "");
    assert_eq!((refused.status, refused.json()["code"].clone()), (409, json!("policy_refused")));
    let told = refused.json()["detail"].to_string();
    assert!(told.contains("routes/orders.yaml:") && told.contains("announcements:"), "{told}");
    // To announce it is no change for anybody.
    std::fs::write(&file, &text).unwrap();
    let change = "narrows route place-order: scope order:read";
    let announced = format!("announcements:\n  - {{change: \"{change}\", from: 2099-01-01T00:00:00Z}}\n");
    std::fs::write(dev.policies().join("announcements.yaml"), announced).unwrap();
    wait_for("the announcement", || {
        let files = dev.admin("GET", "/admin/policy/files", "").json();
        files["files"].as_array().unwrap().iter().any(|file| file["path"] == "announcements.yaml")
    });
}

#[test]
fn a_set_comes_into_force_once_a_second_person_has_approved_it_who_stands_in_the_audit_record() {
    let (der, key) = key_pair();
    let dev = Dev::with_policies(|policies| {
        let file = policies.join("platform.yaml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(file, format!("{text}\n{}", section("always", &key))).unwrap();
    });
    let pem = dev.policies().with_file_name("alice.pem");
    let base64 = STANDARD.encode(der);
    std::fs::write(&pem, format!("-----BEGIN PRIVATE KEY-----\n{base64}\n-----END PRIVATE KEY-----\n"))
        .unwrap();
    let file = dev.policies().join("routes/orders.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{text}# Looked over.\n")).unwrap();
    let refused = dev.admin("POST", "/admin/policy/reload", "");
    assert_eq!((refused.status, refused.json()["code"].clone()), (409, json!("policy_refused")));
    assert!(refused.text().contains("tollgate policy approve"), "{}", refused.text());
    let policies = dev.policies();
    let arguments = ["policy", "approve", policies.to_str().unwrap(), "--name", "alice", "--key"];
    let approved = crate::cli::run(&[&arguments[..], &[pem.to_str().unwrap()]].concat());
    assert_eq!(approved.status, 0, "{}", approved.err);
    let reloaded = dev.admin("POST", "/admin/policy/reload", "");
    assert_eq!(reloaded.status, 200, "{}", reloaded.text());
    let records = dev.admin("GET", "/admin/audit?action=policy.activate&limit=1", "").json();
    assert_eq!(records["items"][0]["after"]["approved_by"], json!(["alice"]), "{records}");
}
