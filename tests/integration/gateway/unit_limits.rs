//! Limits that count units: a call takes what its request tells of, and its answer settles what it has used.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::dev::{Dev, wait_for};
use crate::support::http::Answer;
use crate::support::origin::{Origin, point};

const PRODUCT: &str = "/api/products/p-1001";

/// `standard` with this limit in place of its own, and the route for one product with this meter.
fn set(policies: &Path, limit: &str, meter: &str) {
    let plan = policies.join("plans/standard.yaml");
    let text = std::fs::read_to_string(&plan).unwrap();
    let limited = text.replace("{name: calls, requests: 60000, window: 1m, burst: 2000}", limit);
    assert_ne!(text, limited);
    std::fs::write(&plan, limited).unwrap();
    let file = policies.join("routes/catalog.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let (head, route) = text.split_once("  - name: get-product\n").unwrap();
    let route = route.replacen("meter: {}", meter, 1);
    std::fs::write(&file, format!("{head}  - name: get-product\n{route}")).unwrap();
}

fn call(dev: &Dev, query: &str) -> Answer {
    dev.get(&format!("{PRODUCT}?{query}"), &[("X-Api-Key", dev.told("/app/api_key"))])
}

fn told(dev: &Dev) -> Value {
    dev.get("/me/limits", &[("X-Api-Key", dev.told("/app/api_key"))]).json()["limits"][0].clone()
}

/// Waits until the last call has been settled, and so many units are left.
fn settled(dev: &Dev, left: u64) {
    wait_for("units to be settled", || told(dev)["remaining"] == json!(left));
}

/// Says how many units it has used as the query says, `500` if that is what it says.
fn upstream() -> Origin {
    Origin::start(|stream, head| {
        let used = head.split_once("used=").map_or("1", |(_, rest)| &rest[..rest.find(['&', ' ']).unwrap()]);
        let answer = match used {
            "500" => {
                "HTTP/1.1 500 Internal Server Error\r\nX-Units: 9\r\nContent-Length: 2\r\n\r\n{}".to_owned()
            }
            _ => format!("HTTP/1.1 200 OK\r\nX-Units: {used}\r\nContent-Length: 2\r\n\r\n{{}}"),
        };
        let _ = stream.write_all(answer.as_bytes());
    })
}

#[test]
fn units_that_the_request_tells_of_are_counted_before_the_upstream_sees_it() {
    let dev = Dev::with_policies(|policies| {
        let limit = "{name: items, units: 20, window: 1h}";
        set(policies, limit, "meter: {units: int(request.query.count)}");
    });
    let answer = call(&dev, "count=7");
    assert_eq!(answer.status, 200, "{}", answer.text());
    let policy = Some("\"items\";q=20;qu=\"tollgate-units\";w=3600;tollgate-burst=20");
    assert_eq!(answer.header("ratelimit-policy"), policy);
    assert_eq!(answer.header("ratelimit"), Some("\"items\";r=13;t=1260"));
    settled(&dev, 13);
    assert_eq!(call(&dev, "count=11").status, 200);
    settled(&dev, 2);

    let refused = call(&dev, "count=4");
    assert_eq!((refused.status, refused.code().as_str()), (429, "limit_reached"));
    assert_eq!(refused.json()["violated-policies"], json!(["items"]));
    assert!(refused.header("ratelimit").unwrap().starts_with("\"items\";r=2;t=3"), "{:?}", refused.headers);
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((340..=360).contains(&wait), "2 units are missing, of 180 s each, and not {wait} s");
    settled(&dev, 2);
    assert_eq!(call(&dev, "count=2").status, 200, "what is left passes");

    let never = call(&dev, "count=21");
    assert_eq!((never.status, never.code().as_str()), (403, "call_too_large"));
    assert_eq!(never.header("retry-after"), None, "no wait mends it");
    let problem = never.json();
    assert_eq!((&problem["violated-policies"], &problem["fault"]), (&json!(["items"]), &json!("caller")));
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("21 units") && detail.contains("items has 20 at most"), "{detail}");
    assert_eq!(call(&dev, "count=0").status, 200, "what is nothing takes nothing");
    let limit = told(&dev);
    assert_eq!((&limit["counts"], &limit["units"]), (&json!("units"), &json!(20)), "{limit}");
    assert!(limit.get("requests").is_none(), "{limit}");
}

#[test]
fn the_answer_settles_what_was_reserved_and_a_failed_call_has_used_nothing() {
    let origin = upstream();
    let dev = Dev::with_policies(|policies| {
        point(policies, "catalog", &origin.address);
        let meter = "meter: {headers: [x-units], units: \"int(response.headers['x-units'])\", reserve: int(request.query.most)}";
        set(policies, "{name: items, units: 20, window: 10h}", meter);
    });
    let answer = call(&dev, "most=20&used=3");
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.header("ratelimit").unwrap().starts_with("\"items\";r=0;"), "all are reserved");
    settled(&dev, 17);
    for _ in 0..5 {
        assert_eq!(call(&dev, "most=17&used=500").status, 500);
        settled(&dev, 17);
    }
    assert_eq!(call(&dev, "most=9999&used=1").code(), "call_too_large");
    assert_eq!(call(&dev, "most=2&used=30").status, 200, "nobody knew");
    settled(&dev, 0);
    assert_eq!(call(&dev, "most=0&used=1").status, 429, "who says none takes one");
    let refused = call(&dev, "most=1&used=1");
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert_eq!(refused.status, 429);
    assert!((14 * 1800 - 60..=14 * 1800).contains(&wait), "14 units are owed and one is asked for: {wait} s");
}

#[test]
fn a_client_at_the_announced_pace_is_never_refused() {
    let origin = upstream();
    let dev = Dev::with_policies(|policies| {
        point(policies, "catalog", &origin.address);
        let meter = "meter: {headers: [x-units], units: \"int(response.headers['x-units'])\"}";
        set(policies, "{name: items, units: 1000, window: 1s, burst: 40}", meter);
    });
    let (start, mut calls) = (Instant::now(), 0_u64);
    while start.elapsed() < Duration::from_secs(2) {
        let units = 1 + calls * 7 % 40;
        let answer = call(&dev, &format!("used={units}"));
        assert_eq!(answer.status, 200, "call {calls}: {}", answer.text());
        calls += 1;
        let answered = Instant::now();
        while answered.elapsed() < Duration::from_millis(units) {
            std::thread::yield_now();
        }
    }
    assert!(calls > 20, "{calls} calls");
}
