//! `tollgate policy explain --request-id` tells which merchant a call was for, and whether its request named that one, as far as its
//! record does.

use serde_json::{Value, json};

use super::explain::{decisions, explained, on_node};
use super::explain_on_node::{decision, recorded};
use super::{finished, tollgate};
use crate::support::bound::Bound;
use crate::support::http::{self, Answer};

const JSON: (&str, &str) = ("Content-Type", "application/json");
const NOT_KEPT: &str = "records keep neither paths nor queries nor bodies";

/// A call, and what its record tells: what is refused, and whether it named the merchant.
type Row = (&'static str, Answer, Option<&'static str>, Value, &'static str);

#[test]
fn a_record_tells_whether_its_call_named_the_merchant_of_its_grant() {
    let world = Bound::start();
    let (dev, [own, other]) = (&world.dev, &world.ids);
    let body = |id: &str| format!(r#"{{"seller":{{"id":"{id}"}},"count":1}}"#);
    let get = |path: String| world.call("GET", &path, &[], "");
    let list = |body: &str| world.call("POST", "/api/listings", &[JSON], body);
    let (mismatch, unclear) = (Some("merchant_mismatch"), Some("merchant_unclear"));
    let (path, query, body_field) =
        ("path parameter merchant", "query parameter merchant_id", "body field seller.id");
    let rows: [Row; 7] = [
        (path, get(format!("/api/merchants/{own}/orders")), None, json!(true), "named the same one"),
        (path, get(format!("/api/merchants/{other}/orders")), mismatch, json!(false), "named another one"),
        (query, get(format!("/api/reports?merchant_id={own}")), None, json!(true), "named the same one"),
        (
            query,
            get(format!("/api/reports?merchant_id={other}")),
            mismatch,
            json!(false),
            "named another one",
        ),
        (query, get("/api/reports".to_owned()), unclear, Value::Null, "named none clearly"),
        (body_field, list(&body(own)), None, json!(true), "named the same one"),
        (body_field, list(&body(other)), mismatch, json!(false), "named another one"),
    ];
    for (named_by, answer, code, is_same, words) in rows {
        let call = recorded(dev, &answer);
        let told = explained(&on_node(dev, &["--request-id", &call]));
        assert_eq!((told["code"].as_str(), &told["allowed"]), (code, &json!(code.is_none())), "{told}");
        let merchant = &told["on_record"]["merchant"];
        assert_eq!((&merchant["id"], &merchant["named_by"]), (&json!(own), &json!(named_by)), "{told}");
        assert_eq!(merchant["is_same"], is_same, "{merchant}");
        let grants = dev.admin("GET", &format!("/admin/grants/{}", merchant["grant"].as_str().unwrap()), "");
        assert_eq!(grants.json()["merchant"], own.as_str(), "{merchant}");
        let sentence = merchant["told"].as_str().unwrap();
        assert!(sentence.contains(&format!("The {named_by} {words}")), "{sentence}");
        assert_eq!(sentence.contains(NOT_KEPT), code.is_some(), "{sentence}");
        assert!(!told.to_string().contains(other.as_str()), "no record has it: {told}");
        if let Some(code) = code {
            let asked = if named_by == body_field { "body" } else { "binding" };
            assert_eq!(decisions(&told).last(), Some(&(asked, "refused")), "{code}: {told}");
            assert!(decision(&told, asked).1.contains("; by its record it "), "{told}");
        }
    }
}

#[test]
fn a_call_that_was_refused_before_tells_nothing_of_the_merchant_that_it_named() {
    let world = Bound::start();
    let (dev, own) = (&world.dev, &world.ids[0]);
    // An app for itself.
    let path = format!("/api/merchants/{own}/orders");
    let without = http::request(dev.base(), "GET", &path, &[("X-Api-Key", dev.told("/app/api_key"))], "");
    assert_eq!(without.code(), "merchant_missing");
    let told = explained(&on_node(dev, &["--request-id", &recorded(dev, &without)]));
    let merchant = &told["on_record"]["merchant"];
    assert_eq!((&merchant["id"], &merchant["is_same"]), (&Value::Null, &Value::Null), "{told}");
    let sentence = merchant["told"].as_str().unwrap();
    assert!(sentence.starts_with("It was for no merchant.") && sentence.contains(NOT_KEPT), "{sentence}");
    assert_eq!(told["code"], "merchant_missing");
    // A route that was off, and is on again.
    let switch = "/admin/kill-switches/route/bound-by-path";
    assert_eq!(dev.admin("PUT", switch, &json!({"reason": "a trial"}).to_string()).status, 200);
    let off = world.call("GET", &path, &[], "");
    assert_eq!(off.code(), "switched_off");
    dev.admin("DELETE", switch, "");
    let told = explained(&on_node(dev, &["--request-id", &recorded(dev, &off)]));
    let (outcome, asked) = decision(&told, "binding");
    assert_eq!((outcome.as_str(), &told["allowed"]), ("not known", &Value::Null), "{told}");
    assert!(asked.contains("the call was refused before that is asked"), "{asked}");
    // Nothing names it where no policy says so.
    let free = world.call("GET", "/api/summaries?kind=summary", &[], "");
    let call = recorded(dev, &free);
    let told = explained(&on_node(dev, &["--request-id", &call]));
    assert_eq!(told["on_record"]["merchant"]["named_by"], Value::Null, "{told}");
    let mut command = tollgate(&["policy", "explain", "--request-id", &call]);
    command.env("TOLLGATE_READY_FILE", dev.ready_file()).env("TOLLGATE_POLICIES", dev.policies());
    let human = finished(command.output().unwrap()).out;
    let expected = format!("It was for merchant {own}, by grant ");
    assert!(human.contains(&expected) && human.contains("name no place"), "{human}");
}
