//! A token for one merchant never acts for another, wherever a route says that the request names its merchant.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::support::bound::Bound;
use crate::support::dev::wait_for;
use crate::support::http::{Answer, Connection, request};

const JSON: (&str, &str) = ("Content-Type", "application/json");

#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str, field: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (status, code), "{}", answer.text());
    let detail = answer.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains(field), "no {field} in {detail}");
}

#[test]
fn a_token_acts_for_its_own_merchant_and_tells_nothing_of_others() {
    let world = Bound::start();
    let [own, other] = &world.ids;
    for (method, path, body, field) in [
        ("GET", "/api/merchants/{}/orders", "", "path parameter merchant"),
        ("GET", "/api/reports?merchant_id={}", "", "query parameter merchant_id"),
        ("POST", "/api/listings", r#"{"seller":{"id":"{}"},"count":1}"#, "body field seller.id"),
    ] {
        let call = |merchant: &str| {
            let (path, body) = (path.replace("{}", merchant), body.replace("{}", merchant));
            world.call(method, &path, &[JSON], &body)
        };
        assert_eq!(call(own).status, 200, "{path}");
        let [seen] = world.seen().try_into().unwrap();
        assert_eq!(seen.header("x-tollgate-merchant"), Some(&**own));
        assert_eq!(seen.body, body.replace("{}", own));
        let (there_is, there_is_not) = (call(other), call("mer_that_there_is_not"));
        refused(&there_is, 403, "merchant_mismatch", field);
        refused(&there_is_not, 403, "merchant_mismatch", field);
        let told = |answer: &Answer| {
            let mut told = answer.json();
            told["request_id"].take();
            told
        };
        assert_eq!(told(&there_is), told(&there_is_not), "whether there is another merchant");
        assert!(!there_is.text().contains(other.as_str()) && !there_is.text().contains(own.as_str()));
        assert_eq!(world.seen().len(), 0, "{path}: the upstream was sent something");
        // An app for itself has no merchant to name.
        let key = world.dev.told("/app/api_key");
        let (path, body) = (path.replace("{}", own), body.replace("{}", own));
        let without = request(world.dev.base(), method, &path, &[("X-Api-Key", key), JSON], &body);
        assert_eq!((without.status, without.code().as_str()), (403, "merchant_missing"));
    }
}

#[test]
fn a_path_or_query_that_can_be_read_in_two_ways_is_refused() {
    let world = Bound::start();
    let [own, other] = &world.ids;
    let escaped: String = own.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let (mismatch, unclear) = ((403, "merchant_mismatch"), (400, "merchant_unclear"));
    for (path, expected) in [
        (format!("/api/merchants/{escaped}/orders"), None),
        (format!("/api/merchants/{}/orders", escaped.replace('%', "%25")), Some(mismatch)),
        (format!("/api/merchants/{}/orders", own.to_uppercase()), Some(mismatch)),
        (format!("/api/merchants/{own};x={other}/orders"), Some(mismatch)),
        (format!("/api/merchants/{own}%20/orders"), Some(mismatch)),
        (format!("/api/merchants/{other}/../{own}/orders"), Some((400, "path_ambiguous"))),
        (format!("/api/merchants/{other}%2f..%2f{own}/orders"), Some((400, "path_ambiguous"))),
        ("/api/merchants//orders".to_owned(), Some((400, "path_ambiguous"))),
        (format!("/api/reports?%6Derchant_id={escaped}"), None),
        (format!("/api/reports?a=b&merchant_id={own}&c"), None),
        ("/api/reports".to_owned(), Some(unclear)),
        ("/api/reports?merchant_id".to_owned(), Some(unclear)),
        ("/api/reports?merchant_id=".to_owned(), Some(unclear)),
        (format!("/api/reports?Merchant_Id={own}"), Some(unclear)),
        (format!("/api/reports?merchant_id={own}&merchant_id={own}"), Some(unclear)),
        (format!("/api/reports?merchant_id={own}&merchant_id={other}"), Some(unclear)),
        (format!("/api/reports?merchant_id={other}&merchant%5fid={own}"), Some(unclear)),
        (format!("/api/reports?merchant_id={own}&merchant_id[]={other}"), Some(unclear)),
        (format!("/api/reports?merchant_id={own}&MERCHANT_ID={other}"), Some(unclear)),
        (format!("/api/reports?merchant_id={own}&x;merchant_id={other}"), Some(unclear)),
        (format!("/api/reports?merchant_id={own}%00"), Some(mismatch)),
    ] {
        let answer = world.call("GET", &path, &[], "");
        let found = (answer.status != 200).then(|| (answer.status, answer.code()));
        assert_eq!(found.as_ref().map(|(status, code)| (*status, code.as_str())), expected, "{path}");
        assert_eq!(world.seen().len(), usize::from(expected.is_none()), "{path}");
    }
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_body_that_can_be_read_in_two_ways_is_refused() {
    let world = Bound::start();
    let [own, other] = &world.ids;
    let (mismatch, unclear) = ((403, "merchant_mismatch"), (400, "merchant_unclear"));
    for (body, expected) in [
        (format!(r#"{{"s\u0065ller":{{"\u0069d":"{own}"}},"count":1}}"#), None),
        (format!(r#"{{"seller":[{{"id":"{own}"}},{{"id":"{own}"}}],"count":1}}"#), None),
        (format!(r#"{{"seller":{{"id":"{own}"}},"buyer":{{"id":"{other}"}},"count":1}}"#), None),
        (format!(r#"{{"seller":{{"id":"{own}"}},"seller":{{"id":"{other}"}}}}"#), Some(mismatch)),
        (format!(r#"{{"seller":{{"id":"{other}","id":"{own}"}}}}"#), Some(mismatch)),
        (format!(r#"{{"seller":[{{"id":"{own}"}},{{"id":"{other}"}}]}}"#), Some(mismatch)),
        (format!(r#"{{"seller":{{"id":"{own}","i\u0064":"{other}"}}}}"#), Some(mismatch)),
        (format!(r#"{{"seller":{{"id":"{own}","ID":"{other}"}}}}"#), Some(unclear)),
        (format!(r#"{{"seller":{{"id":"{own}"}}, "Seller":{{"id":"{other}"}}}}"#), Some(unclear)),
        (r#"{"seller":{"id":""}}"#.to_owned(), Some(unclear)),
        (r#"{"seller":{"id":null}}"#.to_owned(), Some(unclear)),
        (r#"{"seller":{}}"#.to_owned(), Some(unclear)),
        (r#"{"seller":{"id":7}}"#.to_owned(), Some(unclear)),
        ("{}".to_owned(), Some(unclear)),
        (String::new(), Some(unclear)),
        (format!("seller.id={own}"), Some(unclear)),
        (format!(r#"{{"seller":{{"id":"{own}"}}}}{{}}"#), Some(unclear)),
        (format!(r#"{{"seller":{{"id":"{own}"}}"#), Some(unclear)),
    ] {
        let answer = world.call("POST", "/api/listings", &[JSON], &body);
        let found = (answer.status != 200).then(|| (answer.status, answer.code()));
        let found = found.as_ref().map(|(status, code)| (*status, code.as_str()));
        assert_eq!(found, expected, "{body}: {}", answer.text());
        assert_eq!(world.seen().len(), usize::from(expected.is_none()), "{body}");
    }
    let good = format!(r#"{{"seller":{{"id":"{own}"}},"count":1}}"#);
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    for headers in [&[][..], &[form], &[JSON, JSON], &[("Content-Type", "application/json; charset=utf-16")]]
    {
        let answer = world.call("POST", "/api/listings", headers, &good);
        refused(&answer, 400, "merchant_unclear", "Content-Type is not application/json");
    }
    let host = world.dev.base().strip_prefix("http://").unwrap();
    let coded = gzip(&good);
    let mut connection = Connection::open(host);
    let head = format!(
        "POST /api/listings HTTP/1.1\r\nHost: a\r\nAuthorization: {}\r\nContent-Type: application/json\r\n\
         Content-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
        world.bearers[0],
        coded.len()
    );
    connection.send(&[head.as_bytes(), &coded].concat());
    refused(&connection.receive().unwrap(), 400, "merchant_unclear", "Content-Encoding");
    assert_eq!(world.seen().len(), 0);
}

/// A body of `length` bytes that names the merchant at its end.
fn long(merchant: &str, length: usize) -> String {
    let (start, end) = (r#"{"count":3,"text":""#, format!(r#"","seller":{{"id":"{merchant}"}}}}"#));
    format!("{start}{}{end}", "x".repeat(length - start.len() - end.len()))
}

#[test]
fn a_body_is_kept_up_to_its_bound_and_the_upstream_gets_nothing_of_one_that_is_refused() {
    let world = Bound::start();
    let [own, other] = &world.ids;
    let (host, bearer) = (world.dev.base().strip_prefix("http://").unwrap(), &world.bearers[0]);
    let head = |framing: &str| {
        format!(
            "POST /api/listings HTTP/1.1\r\nHost: a\r\nAuthorization: {bearer}\r\nContent-Type: application/json\r\n{framing}\r\n\r\n"
        )
    };
    for is_chunked in [false, true] {
        let send = |body: &str| {
            let mut connection = Connection::open(host);
            match is_chunked {
                true => connection.send(head("Transfer-Encoding: chunked").as_bytes()),
                false => connection.send(head(&format!("Content-Length: {}", body.len())).as_bytes()),
            }
            for piece in body.as_bytes().chunks(10_000) {
                match is_chunked {
                    true => connection
                        .send(&[format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat()),
                    false => connection.send(piece),
                }
            }
            if is_chunked {
                connection.send(b"0\r\n\r\n");
            }
            connection.receive().unwrap()
        };
        let body = long(own, 64 << 10);
        let answer = send(&body);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let [seen] = world.seen().try_into().unwrap();
        assert_eq!(seen.body, body, "what came is what goes on");
        let record = format!("/admin/usage/{}", answer.header("x-request-id").unwrap());
        wait_for("the usage record", || world.dev.admin("GET", &record, "").status == 200);
        assert_eq!(world.dev.admin("GET", &record, "").json()["units"], 3, "the meter read the body");
        refused(&send(&long(other, 64 << 10)), 403, "merchant_mismatch", "body field seller.id");
        assert_eq!(send(&long(own, (64 << 10) + 1)).code(), "body_too_large");
        assert_eq!(world.seen().len(), 0, "the upstream was sent something");
    }
    // Of a body that never ends nothing goes on either.
    let mut connection = Connection::open(host);
    connection.send(head("Content-Length: 200").as_bytes());
    connection.send(format!(r#"{{"seller":{{"id":"{other}"}},"#).as_bytes());
    let next = world.call("POST", "/api/listings", &[JSON], &long(own, 200));
    assert_eq!((next.status, world.seen().len()), (200, 1));
    drop(connection);
}

#[test]
fn a_refusal_for_another_merchant_is_on_record() {
    let world = Bound::start();
    let path = format!("/api/merchants/{}/orders", world.ids[1]);
    let answer = world.call("GET", &path, &[], "");
    let record = format!("/admin/usage/{}", answer.header("x-request-id").unwrap());
    wait_for("the usage record", || world.dev.admin("GET", &record, "").status == 200);
    let record = world.dev.admin("GET", &record, "").json();
    assert_eq!(record["refusal"], "merchant_mismatch");
    assert_eq!(record["merchant"], world.ids[0].as_str(), "whose token it was");
}
