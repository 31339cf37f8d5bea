//! Plan limits and address limits.

use std::time::{Duration, Instant};

use crate::support::dev::Dev;
use crate::support::http::Connection;

/// `standard` limited to 100 requests per 10 s with a burst of 20; the other app on a plan of its own.
fn start() -> Dev {
    Dev::with_policies(|policies| {
        let plan = policies.join("plans/standard.yaml");
        let text = std::fs::read_to_string(&plan).unwrap();
        let limited =
            text.replace("requests: 60000, window: 1m, burst: 2000", "requests: 100, window: 10s, burst: 20");
        assert_ne!(text, limited);
        std::fs::write(&plan, limited).unwrap();
    })
}

#[test]
fn no_window_lets_through_more_than_the_plan_says_and_waiting_as_told_is_enough() {
    let dev = start();
    let address = dev.base().strip_prefix("http://").unwrap().to_owned();
    let request = format!(
        "GET /api/products/p-1001 HTTP/1.1\r\nHost: a\r\nX-Api-Key: {}\r\n\r\n",
        dev.told("/app/api_key")
    );
    let mut connection = Connection::open(&address);
    let start = Instant::now();
    let mut passed = Vec::new();
    let mut refused = None;
    while start.elapsed() < Duration::from_secs(3) {
        let before = start.elapsed();
        let answer = connection.exchange(&request).unwrap();
        match answer.status {
            200 => passed.push((before, start.elapsed())),
            429 => refused = Some(answer),
            other => panic!("{other}: {}", answer.text()),
        }
    }
    for (first, (from, _)) in passed.iter().enumerate() {
        for (last, (_, to)) in passed.iter().enumerate().skip(first) {
            let allowed = 20.0 + (*to - *from).as_secs_f64() * 10.0 + 1.0;
            assert!((last - first + 1) as f64 <= allowed, "{} in {:?}", last - first + 1, *to - *from);
        }
    }
    assert!((45..=52).contains(&passed.len()), "{} passed in 3 s", passed.len());
    let refused = refused.unwrap();
    assert_eq!(refused.code(), "limit_reached");
    assert_eq!(refused.json()["violated-policies"], serde_json::json!(["calls"]));
    assert_eq!(refused.header("ratelimit-policy"), Some("\"calls\";q=100;w=10;tollgate-burst=20"));
    assert!(refused.header("ratelimit").unwrap().starts_with("\"calls\";r=0;t="));
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    let other = dev.get("/api/products", &[("X-Api-Key", dev.told("/other_app/api_key"))]);
    assert_eq!(other.header("ratelimit"), Some("\"calls\";r=19;t=1"), "another app is unaffected");
    let told = Instant::now();
    while told.elapsed() < Duration::from_secs(wait) {
        std::thread::yield_now();
    }
    assert_eq!(connection.exchange(&request).unwrap().status, 200);
}

#[test]
fn calls_under_one_plan_give_nothing_back_to_another_and_take_nothing_from_it() {
    // `standard` as in `start`, the storefront's calls; `supplier` is the faster plan of the same app's supply calls.
    let dev = start();
    let address = dev.base().strip_prefix("http://").unwrap().to_owned();
    let key = dev.told("/other_app/api_key");
    let stock = r#"{"stock":1000}"#;
    let put = format!(
        "PUT /api/products/p-1001/stock HTTP/1.1\r\nHost: a\r\nX-Api-Key: {key}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{stock}",
        stock.len()
    );
    let get = format!("GET /api/products/p-1001 HTTP/1.1\r\nHost: a\r\nX-Api-Key: {key}\r\n\r\n");
    let mut connection = Connection::open(&address);
    let start = Instant::now();
    let mut passed = 0;
    for round in 0..10 {
        while connection.exchange(&put).unwrap().status == 200 {
            passed += 1;
        }
        let storefront = connection.exchange(&get).unwrap();
        assert_eq!(storefront.status, 200, "round {round}: {}", storefront.text());
    }
    let allowed = 500.0 + 100.0 * start.elapsed().as_secs_f64() + 1.0;
    assert!(passed >= 500 && f64::from(passed) <= allowed, "{passed} passed, {allowed} are allowed");
}

#[test]
fn a_call_that_one_limit_refuses_uses_up_nothing_of_another() {
    let dev = Dev::with_policies(|policies| {
        let plan = policies.join("plans/standard.yaml");
        let text = std::fs::read_to_string(&plan).unwrap();
        let one = "      - {name: calls, requests: 60000, window: 1m, burst: 2000}\n";
        let two = "      - {name: calls, requests: 5, window: 1h, burst: 5}\n      \
                   - {name: each, requests: 1, window: 1h, burst: 1, per: app-and-route}\n";
        assert!(text.contains(one));
        std::fs::write(&plan, text.replace(one, two)).unwrap();
    });
    let key = [("X-Api-Key", dev.told("/app/api_key"))];
    assert_eq!(dev.get("/api/products/p-1001", &key).status, 200);
    for _ in 0..10 {
        let refused = dev.get("/api/products/p-1001", &key);
        assert_eq!(refused.json()["violated-policies"], serde_json::json!(["each"]));
    }
    assert_eq!(dev.get("/api/products", &key).status, 200, "4 of 5 calls are left");
}

#[test]
fn a_reload_hands_out_no_fresh_burst() {
    let dev = start();
    let key = dev.told("/app/api_key");
    let get = || dev.get("/api/products/p-1001", &[("X-Api-Key", key)]);
    while get().status == 200 {}
    let plan = dev.policies().join("plans/standard.yaml");
    let text = std::fs::read_to_string(&plan).unwrap();
    std::fs::write(&plan, text.replace("requests: 100,", "requests: 101,")).unwrap();
    assert_eq!(dev.admin("POST", "/admin/policy/reload", "{}").status, 200);
    let after = (0..5).filter(|_| get().status == 200).count();
    assert!(after <= 1, "{after} passed right after a reload");
}

#[test]
fn anonymous_callers_are_limited_by_address() {
    let dev = Dev::with_policies(|policies| {
        let file = policies.join("routes/catalog.yaml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(
            &file,
            text.replace("requests: 3000, window: 1m, burst: 500", "requests: 60, window: 1m, burst: 5"),
        )
        .unwrap();
    });
    let statuses: Vec<u16> = (0..7).map(|_| dev.get("/api/products", &[]).status).collect();
    assert_eq!(statuses, [200, 200, 200, 200, 200, 429, 429]);
    assert_eq!(dev.get("/api/products", &[("X-Api-Key", dev.told("/app/api_key"))]).status, 200);
}
