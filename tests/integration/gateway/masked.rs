//! Personal data in answers: who has the scope gets it, anybody else gets the answer without it, or none.

use serde_json::{Value, json};

use super::abandoned::record_of;
use crate::cli::run;
use crate::support::dev::{Dev, parameter, wait_for};
use crate::support::http::{self, Answer, form};
use crate::support::origin::{Origin, point};

/// What no caller without the scope may ever see.
pub(super) const SECRET: &str = "Li Lei";

/// An access token of the first app for the first merchant.
pub(super) fn bearer(dev: &Dev, scope: &str) -> String {
    let (id, redirect_uri) = (dev.told("/app/client_id"), dev.told("/app/redirect_uri"));
    let query =
        [("client_id", id), ("response_type", "code"), ("redirect_uri", redirect_uri), ("scope", scope)];
    let code = parameter(&dev.consent(&form(&query), 0), "code").unwrap();
    let grant = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", redirect_uri)];
    format!("Bearer {}", dev.token_call(&grant).json()["access_token"].as_str().unwrap())
}

/// Has the route `list-products`, which is open to anyone, mask its receivers.
pub(super) fn mask_products(policies: &std::path::Path) {
    change(policies, "catalog", "  - name: list-products\n", |name| {
        format!("{name}    mask: [{{fields: [receiver.name, items.receiver], scope: order:pii}}]\n")
    });
}

pub(super) fn change(policies: &std::path::Path, file: &str, from: &str, to: impl Fn(&str) -> String) {
    let file = policies.join(format!("routes/{file}.yaml"));
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains(from), "no {from:?} in {text}");
    std::fs::write(&file, text.replacen(from, &to(from), 1)).unwrap();
}

/// A gateway before an upstream that answers with the head and body at the place that the query names; in a body that is chunked,
/// a bar stands between two chunks.
pub(super) fn in_front_of(answers: &'static [(&'static str, &'static str)]) -> (Dev, Origin) {
    let origin = Origin::start(move |stream, head| {
        use std::io::Write;
        let place =
            head.split(' ').nth(1).and_then(|target| target.split_once('?')).map_or("0", |(_, place)| place);
        let (fields, body) = answers[place.parse::<usize>().unwrap()];
        let answer = match fields.contains("chunked") {
            true => {
                let chunk = |piece: &str| format!("{:x}\r\n{piece}\r\n", piece.len());
                let chunks: String = body.split('|').filter(|piece| !piece.is_empty()).map(chunk).collect();
                format!("{fields}\r\n{chunks}0\r\nContent-Digest: x\r\n\r\n")
            }
            false if fields.starts_with("204") => format!("{fields}\r\n"),
            false if head.starts_with("HEAD") => format!("{fields}Content-Length: {}\r\n\r\n", body.len()),
            false => format!("{fields}Content-Length: {}\r\n\r\n{body}", body.len()),
        };
        let _ = stream.write_all(format!("HTTP/1.1 {answer}").as_bytes());
    });
    let dev = Dev::with_policies(|policies| {
        point(policies, "catalog", &origin.address);
        mask_products(policies);
    });
    (dev, origin)
}

fn receivers(orders: &Value) -> Vec<&Value> {
    match orders {
        Value::Array(orders) => orders.iter().map(|order| &order["receiver"]).collect(),
        order => vec![&order["receiver"]],
    }
}

#[test]
fn orders_have_their_receivers_for_who_has_the_scope() {
    // So that its calls are recorded in the order in which they were made.
    let dev = Dev::with_options(&["--workers", "1"], |_| {});
    let (plain, personal) =
        (bearer(&dev, "order:read order:write"), bearer(&dev, "order:read order:write order:pii"));
    let hidden = json!({"name": "***", "phone": "***", "address": "***"});
    let open = json!({"name": "李雷", "phone": "13800000000", "address": "杭州"});
    let placed = dev.order(&plain, "p-1001").unwrap();
    assert_eq!((placed.status, &placed.json()["receiver"]), (201, &hidden), "{}", placed.text());
    assert_eq!(placed.json()["total_amount"], "100.00");
    let id = placed.json()["id"].as_str().unwrap().to_owned();
    let placed = dev.order(&personal, "p-1001").unwrap();
    assert_eq!((placed.status, &placed.json()["receiver"]), (201, &open), "{}", placed.text());
    for (bearer, receiver) in [(&plain, &hidden), (&personal, &open)] {
        for path in ["/api/orders", &format!("/api/orders/{id}")] {
            let answer = dev.get(path, &[("Authorization", bearer)]);
            assert_eq!(answer.status, 200, "{}", answer.text());
            let orders = answer.json();
            assert!(receivers(&orders).iter().all(|found| *found == receiver), "{path}: {orders}");
            assert_eq!(answer.header("vary"), Some("authorization, x-api-key, signature-input"));
        }
    }
    let (app, merchant) = (dev.told("/app/client_id"), dev.told("/merchants/0/id"));
    for path in [format!("/admin/apps/{app}"), format!("/admin/merchants/{merchant}")] {
        let reads = reads(&dev, &path, 3);
        let routes: Vec<_> = reads.iter().map(|read| read["route"].as_str().unwrap()).collect();
        assert_eq!(
            routes,
            ["get-order", "list-orders", "place-order"],
            "who got the receivers, the last call first"
        );
        assert!(
            reads.iter().all(|read| (&read["app"], &read["merchant"]) == (&json!(app), &json!(merchant)))
        );
    }
    let cancelled = http::request(
        dev.base(),
        "POST",
        &format!("/api/orders/{id}/cancel"),
        &[("Authorization", &plain)],
        "",
    );
    assert_eq!((cancelled.status, receivers(&cancelled.json())[0]), (200, &hidden), "{}", cancelled.text());
}

/// The calls by which personal data left, as the list below that path has them once they are so many.
fn reads(dev: &Dev, path: &str, count: usize) -> Vec<Value> {
    let path = format!("{path}/personal-data-reads");
    let mut reads = Vec::new();
    wait_for("the reads", || {
        let answer = dev.admin("GET", &path, "");
        assert_eq!(answer.status, 200, "{}", answer.text());
        reads = answer.json()["items"].as_array().unwrap().clone();
        reads.len() >= count
    });
    for read in &reads {
        assert_eq!(read["scopes"], json!(["order:pii"]));
        let usage = dev.admin("GET", &format!("/admin/usage/{}", read["usage"].as_str().unwrap()), "").json();
        for field in ["route", "at", "merchant", "credential_id"] {
            assert_eq!(usage[field], read[field], "{usage}");
        }
    }
    reads
}

#[test]
fn who_reads_for_no_merchant_is_listed_by_app() {
    const RECEIVER: &str = r#"{"receiver":{"name":"Li Lei"}}"#;
    let (dev, _origin) = in_front_of(&[("200 OK\r\nContent-Type: application/json\r\n", RECEIVER)]);
    let key = [("X-Api-Key", dev.told("/app/api_key"))];
    let lacking = [("X-Api-Key", dev.told("/other_app/api_key"))];
    for (headers, is_open) in [(&[][..], false), (&lacking[..], false), (&key[..], true)] {
        assert_eq!(dev.get("/api/products?0", headers).text().contains(SECRET), is_open);
    }
    let app = dev.told("/app/client_id");
    let read = &reads(&dev, &format!("/admin/apps/{app}"), 1)[..];
    let [read] = read else { panic!("{read:?}") };
    assert_eq!(
        (&read["credential"], &read["merchant"], &read["route"]),
        (&json!("api_key"), &Value::Null, &json!("list-products"))
    );
    let file = dev.ready_file();
    let list = |format: &str, more: &[&str]| {
        let asked = ["app", "personal-data-reads", app, "--output", format, "--ready-file"];
        run(&[&asked[..], &[file.to_str().unwrap()], more].concat())
    };
    let listed: Value = serde_json::from_str(&list("json", &[]).out).unwrap();
    assert_eq!(listed, json!([read]));
    let page = list("human", &["--limit", "1"]);
    assert!(page.out.contains("list-products"), "{}", page.out);
    assert!(page.err.contains("Go on with --after"), "{}", page.err);
    assert_eq!(dev.admin("GET", "/admin/apps/app_none/personal-data-reads", "").status, 404);
}

#[test]
fn what_a_sale_is_worth_is_read_of_what_the_upstream_said() {
    let dev = Dev::with_policies(|policies| {
        change(policies, "orders", "receiver.name,", |name| format!("{name} id, total_amount,"));
    });
    let answer = dev.order(&dev.bearer(0), "p-1001").unwrap();
    assert_eq!((answer.status, &answer.json()["total_amount"]), (201, &json!("***")), "{}", answer.text());
    let record = record_of(&dev, "place-order");
    assert_eq!(
        (&record["outcome"], &record["transaction"]["amount"]),
        (&json!("billable"), &json!("100.00")),
        "{record}"
    );
}

#[test]
fn a_sale_whose_answer_cannot_be_masked_is_in_the_books_and_its_caller_is_refused() {
    const ORDER: &str =
        r#"{"id":"o-1","total_amount":"100.00","currency":"CNY","receiver":{"name":"Li Lei"}}"#;
    let origin = Origin::start(|stream, _| {
        use std::io::Write;
        let _ = write!(stream, "HTTP/1.1 201 Created\r\nContent-Length: {}\r\n\r\n{ORDER}", ORDER.len());
    });
    let dev = Dev::with_policies(|policies| point(policies, "order", &origin.address));
    let answer = dev.order(&dev.bearer(0), "p-1001").unwrap();
    assert_eq!((answer.status, answer.code().as_str()), (502, "answer_unmaskable"), "{}", answer.text());
    let record = record_of(&dev, "place-order");
    assert_eq!(
        (&record["outcome"], &record["refusal"]),
        (&json!("billable"), &json!("answer_unmaskable")),
        "{record}"
    );
}

#[test]
fn an_answer_is_masked_whatever_its_status_and_spelling() {
    let (dev, _origin) = in_front_of(&[
        (
            "200 OK\r\nContent-Type: application/json\r\nETag: \"a\"\r\nLast-Modified: x\r\n\
             Content-Digest: sha-256=:x:\r\nAccept-Ranges: bytes\r\nVary: Accept\r\n\
             Cache-Control: public, s-maxage=60\r\nCDN-Cache-Control: max-age=60\r\n\
             X-Accel-Expires: 60\r\nX-Accel-Redirect: /orders.json\r\n",
            r#"{"receiver":{"n\u0061me":"Li Lei","city":"X"}}"#,
        ),
        (
            "404 Not Found\r\nContent-Type: application/problem+json\r\n",
            r#"{"title":"no","receiver":{"name":"Li Lei"}"#,
        ),
        (
            "404 Not Found\r\nContent-Type: application/problem+json\r\n",
            r#"{"title":"no","receiver":{"name":"Li Lei"}}"#,
        ),
        (
            "200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n",
            "{\"receiver\":{\"nam\\u006|5\":|\"Li L|ei\"}}\n{\"item|s\":[{\"receiver\":[1]}]}\n",
        ),
        ("204 No Content\r\nETag: \"a\"\r\n", ""),
        ("200 OK\r\n", ""),
        ("200 OK\r\nContent-Type: application/json\r\n", r#"{"receiver":"Li Lei"}  "#),
    ]);
    let get = |place: usize| dev.get(&format!("/api/products?{place}"), &[]);
    let first = get(0);
    assert_eq!(
        (first.status, first.text().as_str()),
        (200, r#"{"receiver":{"n\u0061me":"***","city":"X"}}"#)
    );
    assert_eq!(first.header("cache-control"), Some("private, no-cache"));
    let to_caches = ["cdn-cache-control", "x-accel-expires", "x-accel-redirect"];
    for gone in ["etag", "last-modified", "content-digest", "accept-ranges"].into_iter().chain(to_caches) {
        assert_eq!(first.header(gone), None, "{gone}");
    }
    assert_eq!(first.header("content-length"), Some(first.body.len().to_string().as_str()));
    let varies: Vec<&str> =
        first.headers.iter().filter(|(name, _)| name == "vary").map(|(_, value)| &**value).collect();
    assert_eq!(varies, ["Accept", "authorization, x-api-key, signature-input"]);
    assert_eq!((get(1).status, get(1).code().as_str()), (404, "answer_withheld"), "it ends too soon");
    let problem = get(2);
    assert_eq!(
        (problem.status, problem.text().as_str()),
        (404, r#"{"title":"no","receiver":{"name":"***"}}"#)
    );
    let lines = get(3);
    assert_eq!(
        lines.text(),
        "{\"receiver\":{\"nam\\u0065\":\"***\"}}\n{\"items\":[{\"receiver\":\"***\"}]}\n"
    );
    assert_eq!((get(4).status, get(4).header("etag")), (204, None));
    assert_eq!((get(5).status, get(5).body.len()), (200, 0));
    assert_eq!(get(6).text(), r#"{"receiver":"***"}  "#, "what an object was to be is none");
    let head = http::request(dev.plain(), "HEAD", "/api/products?0", &[], "");
    assert_eq!((head.status, head.header("etag"), head.header("content-length")), (200, None, None));
}

#[test]
fn an_answer_that_cannot_be_masked_is_refused() {
    let (dev, _origin) = in_front_of(&[
        ("200 OK\r\n", r#"{"receiver":{"name":"Li Lei"}} "#),
        ("200 OK\r\nContent-Type: text/html\r\n", "<p>Li Lei</p>"),
        ("200 OK\r\nContent-Type: application/json\r\nContent-Type: text/html\r\n", "{}"),
        ("200 OK\r\nContent-Type: application/json; charset=gbk\r\n", "{}"),
        ("200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n", "{}"),
        ("206 Partial Content\r\nContent-Type: application/json\r\n", "\"Li Lei\""),
        ("200 OK\r\nContent-Type: application/json\r\nContent-Range: bytes 0-1/9\r\n", "{}"),
        ("200 OK\r\nContent-Type: application/json\r\n", "<p>Li Lei</p>"),
        ("200 OK\r\nContent-Type: application/json\r\n", "{}\"Li Lei\""),
        (
            "200 OK\r\nContent-Type: application/hal+json\r\n",
            r#"{"_embedded":{"receiver":{"name":"Li Lei"}}}"#,
        ),
        (
            "200 OK\r\nContent-Type: application/x-ndjson\r\n",
            "{\"wrap\":\n{\"receiver\":{\"name\":\"Li Lei\"}}\n}\n",
        ),
        ("200 OK\r\nContent-Type: application/json\r\n", "{\u{feff}}"),
    ]);
    for place in 0..12 {
        let answer = dev.get(&format!("/api/products?{place}"), &[]);
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (502, "answer_unmaskable"),
            "{place}: {}",
            answer.text()
        );
        assert!(!answer.text().contains(SECRET), "{place}: {}", answer.text());
        assert_eq!(answer.json()["fault"], "upstream");
        if place == 0 {
            let line = dev.line_of(&answer);
            assert!(line.contains("list-products") && line.contains("not said to be JSON"), "{line}");
            assert!(!line.contains(SECRET), "{line}");
        }
    }
}

#[test]
fn an_answer_for_who_has_the_scope_is_as_the_upstream_gave_it() {
    let (dev, _origin) = in_front_of(&[
        (
            "200 OK\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\nETag: \"a\"\r\n\
             Edge-Control: max-age=60\r\n",
            SECRET,
        ),
        ("206 Partial Content\r\nContent-Range: bytes 0-5/9\r\n", SECRET),
    ]);
    let key = [("X-Api-Key", dev.told("/app/api_key"))];
    for place in 0..2 {
        let answer = dev.get(&format!("/api/products?{place}"), &key);
        assert_eq!((answer.status / 100, answer.text().as_str()), (2, SECRET));
        assert_eq!(answer.header("vary"), Some("authorization, x-api-key, signature-input"));
        assert_eq!(answer.header("cache-control"), Some("private, no-cache"));
        assert_eq!((answer.header("etag").is_some(), answer.header("edge-control")), (place == 0, None));
    }
    let lacking = [("X-Api-Key", dev.told("/other_app/api_key"))];
    assert_eq!(dev.get("/api/products?0", &lacking).code(), "answer_unmaskable");
}

#[test]
fn what_is_named_at_any_depth_and_header_fields_that_are_named_do_not_leave() {
    let origin = Origin::start(|stream, _| {
        use std::io::Write;
        let body = r#"{"phone":"Li Lei","a":[{"buyers":[{"phone":["Li Lei"],"note":"x"}]}],"x":{"name":1}}"#;
        let _ = write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Buyer: Li Lei\r\nX-BUYER: Li Lei\r\n\
             Location: /buyers/Li%20Lei\r\nX-Other: kept\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
    });
    let dev = Dev::with_policies(|policies| {
        point(policies, "catalog", &origin.address);
        change(policies, "catalog", "  - name: list-products\n", |name| {
            format!(
                "{name}    mask: [{{fields: ['**.phone'], headers: [x-buyer, Location], scope: order:pii}}]\n"
            )
        });
        change(policies, "catalog", "  - name: get-product\n", |name| {
            format!("{name}    mask: [{{headers: [X-Buyer], scope: order:pii}}]\n")
        });
    });
    let answer = dev.get("/api/products", &[]);
    assert_eq!(
        answer.text(),
        r#"{"phone":"***","a":[{"buyers":[{"phone":"***","note":"x"}]}],"x":{"name":1}}"#
    );
    let fields =
        |answer: &Answer| ["x-buyer", "location", "x-other"].map(|name| answer.header(name).is_some());
    assert_eq!(fields(&answer), [false, false, true]);
    let head_alone = dev.get("/api/products/p-1001", &[]);
    assert_eq!(fields(&head_alone), [false, true, true]);
    assert!(head_alone.text().contains(SECRET), "its body is nobody's secret");
    let key = [("X-Api-Key", dev.told("/app/api_key"))];
    for path in ["/api/products", "/api/products/p-1001"] {
        let answer = dev.get(path, &key);
        assert_eq!(fields(&answer), [true; 3]);
        assert!(answer.text().contains(SECRET));
    }
}

#[test]
fn an_upstream_is_asked_for_an_answer_that_can_be_masked() {
    let (dev, origin) = in_front_of(&[("200 OK\r\nContent-Type: application/json\r\n", "{}")]);
    let asked = [
        ("Accept", "application/hal+json"),
        ("A-IM", "feed"),
        ("Accept-Encoding", "gzip, br"),
        ("Range", "bytes=0-9"),
        ("If-Range", "\"a\""),
        ("If-None-Match", "\"a\""),
        ("If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("If-Match", "\"b\""),
    ];
    let fields = |more: &[(&str, &str)]| -> Vec<String> {
        let answer: Answer = dev.get("/api/products?0", &[&asked[..], more].concat());
        assert_eq!(answer.status, 200, "{}", answer.text());
        let head = origin.received().unwrap().to_ascii_lowercase();
        let is_asked =
            |line: &&str| ["if-", "accept", "a-im", "range"].iter().any(|begin| line.starts_with(begin));
        head.lines().filter(is_asked).map(str::to_owned).collect()
    };
    let maskable = "accept: application/json, application/problem+json, application/x-ndjson;q=0.9";
    assert_eq!(fields(&[]), ["if-match: \"b\"", "accept-encoding: identity", maskable]);
    assert_eq!(fields(&[("X-Api-Key", dev.told("/app/api_key"))]).len(), asked.len());
}
