//! Bodies that stream by longer than anything is kept of them, and are metered nevertheless.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use serde_json::Value;

use crate::support::dev::{Dev, wait_for};
use crate::support::http::{self, Answer, FORM};
use crate::support::origin::point;

const ROUTES: &str = "
  - name: bulk-stock
    methods: [POST]
    path: /api/stock
    upstream: catalog
    max_body: 8MiB
    access: {scopes: [catalog:write]}
    meter: {units: request.lines.sum.quantity}

  - name: form
    methods: [POST]
    path: /api/form
    upstream: catalog
    access: {scopes: [catalog:write]}
    meter: {units: int(request.form.units)}

  - name: by-query
    methods: [GET, POST]
    path: /api/by-query
    upstream: catalog
    access: {scopes: [catalog:write]}
    meter: {units: int(request.query.units)}

  - name: export
    methods: [GET]
    path: /api/export
    upstream: catalog
    access: {scopes: [catalog:write]}
    meter:
      headers: [x-more]
      units: response.body.count + int(response.headers['x-more'])
      max_capture: 64

  - name: durable-export
    methods: [GET]
    path: /api/durable
    upstream: catalog
    access: {scopes: [catalog:write]}
    durable: true
    meter: {units: response.body.count, max_capture: 1KiB}
";

/// How many items an export has: far more than is kept of it.
const ITEMS: usize = 20_000;

pub(super) fn with_routes(policies: &Path, address: &str) {
    let append = |file: &str, change: &dyn Fn(String) -> String| {
        let file = policies.join(file);
        std::fs::write(&file, change(std::fs::read_to_string(&file).unwrap())).unwrap();
    };
    append("routes/catalog.yaml", &|text| text + ROUTES);
    append("products.yaml", &|text| {
        text.replace(
            "- update-stock\n",
            "- update-stock\n      - bulk-stock\n      - form\n      - by-query\n      - export\n      - durable-export\n",
        )
    });
    point(policies, "catalog", address);
}

/// An upstream that answers once it has all of a request.
pub(super) fn upstream() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || serve(stream));
        }
    });
    address
}

fn serve(mut stream: TcpStream) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return,
        }
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).unwrap();
    let items = "{\"sku\":\"a\",\"count\":1},".repeat(ITEMS);
    let answer = format!("{{\"items\":[{items}0],\"count\":{ITEMS}}}");
    let more = "HTTP/1.1 200 OK\r\nX-More: 7\r\nConnection: close";
    let _ =
        stream.write_all(format!("{more}\r\nContent-Length: {}\r\n\r\n{answer}", answer.len()).as_bytes());
}

const LINES: (&str, &str) = ("Content-Type", "application/x-ndjson");

#[track_caller]
fn call(dev: &Dev, (method, path): (&str, &str), (of, body): ((&str, &str), &str)) -> Answer {
    let headers = [("X-Api-Key", dev.told("/other_app/api_key")), of];
    let answer = http::request(dev.base(), method, path, &headers, body);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer
}

/// The record of the one call of a route.
fn record_of(dev: &Dev, route: &str) -> Value {
    let mut found = Value::Null;
    wait_for("the usage record", || {
        let path = format!("/admin/usage?app={}", dev.told("/other_app/client_id"));
        let usage = dev.admin("GET", &path, "").json();
        let records = usage["items"].as_array().unwrap();
        found = records.iter().find(|record| record["route"] == route).cloned().unwrap_or_default();
        !found.is_null()
    });
    found
}

#[test]
fn bulk_requests_forms_and_long_answers_are_metered_by_what_they_say() {
    let address = upstream();
    let dev = Dev::with_policies(|policies| with_routes(policies, &address));
    let lines = "{\"sku\":\"a-product\",\"quantity\":3}\n".repeat(20_000);
    call(&dev, ("POST", "/api/stock"), (LINES, &lines));
    call(&dev, ("POST", "/api/form"), (FORM, "units=12&note=a+b"));
    let answer = call(&dev, ("GET", "/api/export"), (LINES, ""));
    assert_eq!(answer.json()["count"], ITEMS);
    for (route, units) in [("bulk-stock", 60_000), ("form", 12), ("export", ITEMS + 7)] {
        let record = record_of(&dev, route);
        assert_eq!((&record["outcome"], &record["units"]), (&"billable".into(), &units.into()), "{record}");
    }
}

#[test]
fn what_a_meter_does_not_read_is_no_question() {
    let address = upstream();
    let dev = Dev::with_policies(|policies| with_routes(policies, &address));
    let latin = ("Content-Type", "application/x-www-form-urlencoded; charset=ISO-8859-1");
    let multipart = ("Content-Type", "multipart/form-data; boundary=x");
    let sent = [
        ("GET", "/api/by-query?units=2", FORM, ""),
        ("POST", "/api/by-query?units=3&page[size]=1&page[number]=2", FORM, "tag=a&tag=b"),
        ("POST", "/api/by-query?units=4&q=100%", multipart, "--x--"),
        ("POST", "/api/form?tag=a&tag=b", latin, "units=5&metadata[a]=1&metadata[b]=2&note=a;b"),
        ("POST", "/api/stock", LINES, "{\"quantity\":9,\"_id\":1,\"id\":2}\n{\"quantity\":-3}\n"),
    ];
    for (method, path, of, body) in sent {
        call(&dev, (method, path), (of, body));
    }
    let mut units = Vec::new();
    wait_for("the usage records", || {
        let path = format!("/admin/usage?app={}", dev.told("/other_app/client_id"));
        let usage = dev.admin("GET", &path, "").json();
        let records = usage["items"].as_array().unwrap();
        units = records.iter().map(|record| record["units"].as_u64().unwrap()).collect();
        units.len() == sent.len()
    });
    units.sort_unstable();
    assert_eq!(units, [2, 3, 4, 5, 6], "{}", dev.admin("GET", "/admin/exceptions", "").text());
}

#[test]
fn a_durable_answer_that_cannot_be_held_back_whole_is_for_someone_to_look_at() {
    let address = upstream();
    let dev = Dev::with_policies(|policies| with_routes(policies, &address));
    let answer = call(&dev, ("GET", "/api/durable"), (LINES, ""));
    assert_eq!(answer.json()["count"], ITEMS);
    let record = record_of(&dev, "durable-export");
    assert_eq!(record["outcome"], "exception", "{record}");
    let exceptions = dev.admin("GET", "/admin/exceptions", "").text();
    assert!(exceptions.contains("it is longer than the meter captures"), "{exceptions}");
}

#[test]
fn a_line_that_cannot_be_read_is_for_someone_to_look_at() {
    let address = upstream();
    let dev = Dev::with_policies(|policies| with_routes(policies, &address));
    call(&dev, ("POST", "/api/stock"), (LINES, "{\"quantity\":3}\n{\"quantity\":\"many\"}\n"));
    check_exception(&dev, "bulk-stock", "line 2 has no quantity that is a decimal");
}

#[track_caller]
fn check_exception(dev: &Dev, route: &str, reason: &str) {
    let record = record_of(dev, route);
    assert_eq!(record["outcome"], "exception", "{record}");
    let exceptions = dev.admin("GET", "/admin/exceptions", "").text();
    assert!(exceptions.contains(reason), "{exceptions}");
}

#[test]
fn a_body_that_its_upstream_may_read_otherwise_is_for_someone_to_look_at() {
    let address = upstream();
    let dev = Dev::with_policies(|policies| with_routes(policies, &address));
    let disguised = "{\"quantity\":1,\"x\":\"&quantity=1000&y=1\"}";
    let sent = [
        ("/api/stock", FORM, disguised, "its Content-Type says that it is a form"),
        (
            "/api/stock",
            LINES,
            "{\"quantity\":1,\"Quantity\":1000}",
            "a key that some readers take for one that is read",
        ),
        ("/api/form?Units=1000", FORM, "units=1", "its query has a name that is read of the form"),
        ("/api/form", LINES, "units=1", "its Content-Type does not say that it is a form"),
        ("/api/form", FORM, "units=1&Units=1000", "units is there twice, or by another spelling"),
        ("/api/form", FORM, "units=1&a=b;units=1000", "a semicolon that is not escaped"),
    ];
    for (path, of, body, _) in sent {
        call(&dev, ("POST", path), (of, body));
    }
    let mut reasons = Vec::new();
    wait_for("the exceptions", || {
        let open = dev.admin("GET", "/admin/exceptions", "").json();
        let open = open["items"].as_array().unwrap().iter();
        reasons = open.map(|exception| exception["reason"].to_string()).collect();
        reasons.len() == sent.len()
    });
    for (path, _, body, why) in sent {
        assert!(reasons.iter().any(|reason| reason.contains(why)), "{path} {body}: {reasons:#?}");
    }
}
