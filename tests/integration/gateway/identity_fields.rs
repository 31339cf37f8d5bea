//! Fields by which an upstream knows who calls and what is asked of it: no caller sets them, however an upstream reads their names.

use crate::support::bound::Bound;
use crate::support::http::{self, FORM};

#[test]
fn no_field_that_an_upstream_may_take_for_one_of_ours_goes_on() {
    let world = Bound::start();
    let [own, other] = &world.ids;
    let forged = "forged";
    let sent = [
        ("X.Tollgate.Merchant", other.as_str()),
        ("x+tollgate+app", forged),
        ("X_Tollgate_Scopes", forged),
        ("XTollgate-App", forged),
        ("X.Forwarded.For", forged),
        ("X~Real~IP", forged),
        ("X-HTTP-Method-Override", forged),
        ("X-HTTP-Method", forged),
        ("X-Method-Override", forged),
        ("X_Http_Method_Override", forged),
        ("X-Original-URL", forged),
        ("X-Rewrite-URL", forged),
        ("Client-Cert", forged),
        ("Client_Cert_Chain", forged),
        ("X-Client-Cert", forged),
        ("X_SSL_Client_Verify", forged),
        ("SSL-Client-S-DN", forged),
        ("Transfer_Encoding", forged),
        ("Content_Length", forged),
        ("Content.Length", forged),
        ("X-Shop", "kept"),
    ];
    let path = format!("/api/reports?merchant_id={own}");
    assert_eq!(world.call("GET", &path, &sent, "").status, 200);
    let [seen] = world.seen().try_into().unwrap();
    assert_eq!(seen.header("x-tollgate-merchant"), Some(&**own));
    assert_eq!(seen.header("x-shop"), Some("kept"));
    let values: Vec<&str> = seen.headers.iter().map(|(_, value)| value.as_str()).collect();
    assert!(!values.contains(&forged) && !values.contains(&other.as_str()), "{:?}", seen.headers);
}

#[test]
fn no_coding_that_the_meter_cannot_read_is_asked_for_under_another_name() {
    let world = Bound::with_policies(|policies| {
        let file = policies.join("routes/bound.yaml");
        let routes = std::fs::read_to_string(&file).unwrap();
        let metered = routes.replacen("    meter: {}\n", "    meter: {units: response.body.count}\n", 1);
        assert_ne!(metered, routes);
        std::fs::write(file, metered).unwrap();
    });
    let path = format!("/api/merchants/{}/orders", world.ids[0]);
    world.call("GET", &path, &[("Accept_Encoding", "br"), ("Accept.Encoding", "br")], "");
    let [seen] = world.seen().try_into().unwrap();
    assert_eq!(seen.header("accept-encoding"), Some("identity"));
    assert!(seen.headers.iter().all(|(_, value)| value != "br"), "{:?}", seen.headers);
}

#[test]
fn a_body_that_may_be_a_form_names_no_second_merchant_and_meets_no_condition() {
    let world = Bound::start();
    let [own, other] = &world.ids;
    let (path, form) = (format!("/api/reports?merchant_id={own}"), format!("merchant_id={other}"));
    let (key, json) = (world.dev.told("/app/api_key"), ("Content-Type", "application/json"));
    for fields in [
        &[][..],
        &[FORM],
        &[("Content-Type", "")],
        &[("Content-Type", "form")],
        &[("Content-Type", "application/x-url-encoded")],
        &[("Content-Type", "application/x-urlencoded")],
        &[("Content-Type", "application/json, application/x-www-form-urlencoded")],
        &[json, ("Connection", "Content-Type")],
        &[json, json],
        &[json, ("content_type", "text/plain")],
    ] {
        let answer = world.call("GET", &path, fields, &form);
        assert_eq!((answer.status, answer.code().as_str()), (400, "merchant_unclear"), "{fields:?}");
        let headers = [&[("X-Api-Key", key)], fields].concat();
        let answer =
            http::request(world.dev.base(), "GET", "/api/summaries?kind=summary", &headers, "kind=full");
        assert_eq!((answer.status, answer.code().as_str()), (403, "condition_unmet"), "{fields:?}");
        assert_eq!(world.seen().len(), 0, "{fields:?}");
    }
    for (fields, body) in [(&[json][..], "{}"), (&[("Content-Type", "text/csv")], "a,b"), (&[], "")] {
        let answer = world.call("GET", &path, fields, body);
        assert_eq!(answer.status, 200, "{fields:?}: {}", answer.text());
        let headers = [&[("X-Api-Key", key)], fields].concat();
        let answer = http::request(world.dev.base(), "GET", "/api/summaries?kind=summary", &headers, body);
        assert_eq!(answer.status, 200, "{fields:?}: {}", answer.text());
    }
    // It may come in pieces, of which nobody says how many there are.
    let host = world.dev.base().strip_prefix("http://").unwrap();
    let mut connection = http::Connection::open(host);
    let (bearer, length) = (&world.bearers[0], form.len());
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: a\r\nAuthorization: {bearer}\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n{form}\r\n0\r\n\r\n"
    );
    assert_eq!(connection.exchange(&request).unwrap().code(), "merchant_unclear");
}
