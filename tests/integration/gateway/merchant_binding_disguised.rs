//! Requests that name one merchant to the gateway, and another to an upstream that reads them in its own way.

use crate::support::bound::Bound;
use crate::support::http::{Answer, Connection};

const JSON: (&str, &str) = ("Content-Type", "application/json");

#[track_caller]
fn unclear(world: &Bound, answer: &Answer, what: &str) {
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (400, "merchant_unclear"),
        "{what}: {}",
        answer.text()
    );
    assert_eq!(world.seen().len(), 0, "{what}: the upstream was sent something");
}

#[test]
fn a_body_that_an_upstream_may_take_for_another_kind_is_refused() {
    let world = Bound::start();
    let [own, other] = &world.ids;
    let form = "application/x-www-form-urlencoded";
    let body = format!(r#"{{"seller":{{"id":"{own}"}},"count":1,"x":"&seller[id]={other}&"}}"#);
    for headers in [
        &[("Content-Type", "application/x-www-form-urlencoded, a+json")][..],
        &[("Content-Type", "application/x-www-form-urlencoded+json")],
        &[("Content-Type", "application/merge-patch+json")],
        &[("Content-Type", "application/json; v=1, application/x-www-form-urlencoded")],
        &[("Content-Type", "application/json; v=application/x-www-form-urlencoded")],
        &[JSON, ("Connection", "Content-Type")],
        &[JSON, ("Content-Encoding", "identity"), ("Connection", "content-encoding")],
        &[JSON, ("content_type", form)],
        &[JSON, ("content_encoding", "gzip")],
    ] {
        unclear(&world, &world.call("POST", "/api/listings", headers, &body), &format!("{headers:?}"));
    }
    assert_eq!(world.call("POST", "/api/listings", &[JSON, ("Connection", "X-Other")], &body).status, 200);
}

#[test]
fn a_name_that_an_upstream_may_take_for_the_merchants_is_refused() {
    let world = Bound::start();
    let [own, other] = &world.ids;
    for name in ["i_d", "_id", "i-d", "Id", " id", r"id\u0000", r"id\u0000x", r"\u0131d"] {
        let body = format!(r#"{{"seller":{{"id":"{own}","{name}":"{other}"}},"count":1}}"#);
        unclear(&world, &world.call("POST", "/api/listings", &[JSON], &body), &body);
    }
    let body = format!(r#"{{"seller":{{"id":"{own}"}},"sel_ler":{{"id":"{other}"}},"count":1}}"#);
    unclear(&world, &world.call("POST", "/api/listings", &[JSON], &body), &body);
    for name in [
        "merchantId",
        "merchant-id",
        "merchant[id",
        "[merchant_id]",
        "[merchant_id][0]",
        "%u006derchant_id",
        "merchant_id%00x",
    ] {
        let path = format!("/api/reports?merchant_id={own}&{name}={other}");
        unclear(&world, &world.call("GET", &path, &[], ""), &path);
    }
    let (path, form) = (format!("/api/reports?merchant_id={own}"), format!("merchant_id={other}"));
    for media_type in ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        unclear(&world, &world.call("GET", &path, &[("Content-Type", media_type)], &form), media_type);
    }
    assert_eq!(world.call("GET", &path, &[], "").status, 200);
}

#[test]
fn what_the_head_tells_is_refused_before_the_body_is_read() {
    let world = Bound::start();
    let [own, _] = &world.ids;
    let mut connection = Connection::open(world.dev.base().strip_prefix("http://").unwrap());
    let head = format!("HTTP/1.1\r\nHost: a\r\nAuthorization: {}\r\n", world.bearers[0]);
    let body = format!(r#"{{"seller":{{"id":"{own}"}},"count":1}}"#);
    for media_type in ["text/plain", "application/x-www-form-urlencoded"] {
        let length = body.len();
        let request = format!(
            "POST /api/listings {head}Content-Type: {media_type}\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        let answer = connection.exchange(&request).unwrap();
        unclear(&world, &answer, media_type);
        assert_eq!(answer.header("ratelimit"), None, "it was not counted");
    }
    let next = connection.exchange(&format!("GET /api/reports?merchant_id={own} {head}\r\n"));
    assert_eq!(next.unwrap().status, 200, "the connection goes on");
}
