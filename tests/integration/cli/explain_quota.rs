//! `tollgate policy explain` tells a quota that is used up from one of which nodes have leased all.

use serde_json::json;

use super::explain::{explained, line, on_node};
use super::explain_money::price;
use super::explain_on_node::{decision, recorded};
use crate::support::dev::{Dev, wait_for};
use crate::support::origin::{Origin, point};

const PRODUCT: &str = "/api/products/p-1001";

#[test]
fn a_quota_that_is_used_up_decides_as_on_a_node() {
    let origin = Origin::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    let dev = Dev::with_policies(|policies| {
        point(policies, "catalog", &origin.address);
        price(policies, "requests: 6");
    });
    let app = dev.told("/app/client_id");
    let keys = dev.admin("GET", &format!("/admin/keys?app={app}"), "").json();
    let key = keys["items"][0]["id"].as_str().unwrap();
    let (mut passed, mut refused) = (0, None);
    wait_for("a refusal", || {
        let answer = dev.get(PRODUCT, &[("X-Api-Key", dev.told("/app/api_key"))]);
        passed += u64::from(answer.status == 200);
        refused = Some(answer).filter(|answer| answer.status == 429);
        refused.is_some()
    });
    let refused = refused.unwrap();
    assert_eq!((passed, refused.code().as_str()), (6, "quota_used_up"));
    let path = format!("/admin/apps/{app}/quotas?plan=standard&quota=monthly");
    wait_for("the books", || dev.admin("GET", &path, "").json()["items"][0]["used"] == 6);

    let told = explained(&on_node(&dev, &[PRODUCT, "--key", key, "--expect", "quota_used_up"]));
    assert_eq!((&told["code"], &told["status"]), (&json!("quota_used_up"), &json!(429)), "{told}");
    let (outcome, asked) = decision(&told, "quota");
    let begin = "monthly: 6 calls of the app in each month; this call takes 1 of them before it is answered; nodes have leased 6 of them until ";
    assert!(outcome == "refused" && asked.starts_with(begin), "{asked}");
    let end = ", and 6 are used by calls that are in the books: the call takes more than is left";
    assert!(asked.ends_with(end), "{asked}");
    assert!(line(&dev.policies(), &told, "quota").contains("name: monthly"), "{told}");
    let last = told["decisions"].as_array().unwrap().last().unwrap();
    let details = &last["details"];
    assert_eq!([&details["leased"], &details["left"], &details["used"]], [&json!(6), &json!(0), &json!(6)]);
    let told = explained(&on_node(&dev, &["--request-id", &recorded(&dev, &refused)]));
    let (outcome, asked) = decision(&told, "quota");
    assert!(
        outcome == "not known" && asked.ends_with("but it is on record as refused: quota_used_up"),
        "{asked}"
    );
}
