//! Bad input of every kind gets a problem document that names what is wrong; the servers stop when told to.

use std::net::TcpStream;

use serde_json::{Value, json};

use super::world::{World, order};
use crate::support::http::{self, Answer, Connection};

#[track_caller]
fn check_problem(answer: &Answer, status: u16) -> Value {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{}", answer.text());
    let problem = answer.json();
    assert_eq!(problem["status"], status);
    for member in ["title", "detail"] {
        assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{member} in {problem}");
    }
    problem
}

#[test]
fn a_wrong_field_is_named() {
    let world = World::start();
    let check = |upstream: &str, method: &str, path: &str, body: &Value, field: &str| {
        let problem = check_problem(&world.call(upstream, method, path, body), 422);
        assert_eq!(problem["field"], field, "{problem}");
    };
    let with = |pointer: &str, value: Value| {
        let mut body = order(&[("p-1001", 1), ("p-1050", 1)]);
        *body.pointer_mut(pointer).unwrap() = value;
        body
    };
    for (pointer, value, field) in [
        ("/items", json!([]), "items"),
        ("/items", json!({}), "items"),
        ("/items", json!(vec![json!({"product_id": "p-1001", "quantity": 1}); 101]), "items"),
        ("/items/1", json!("p-1050"), "items[1]"),
        ("/items/1/product_id", json!(7), "items[1].product_id"),
        ("/items/1/product_id", json!("p-0"), "items[1].product_id"),
        ("/items/1/quantity", json!(0), "items[1].quantity"),
        ("/items/1/quantity", json!(-1), "items[1].quantity"),
        ("/items/1/quantity", json!(1.5), "items[1].quantity"),
        ("/items/1/quantity", json!(1e300), "items[1].quantity"),
        ("/currency", json!("USD"), "currency"),
        ("/receiver", Value::Null, "receiver"),
        ("/receiver/phone", json!(""), "receiver.phone"),
        ("/receiver/address", json!("x".repeat(501)), "receiver.address"),
    ] {
        check("order", "POST", "/orders", &with(pointer, value), field);
    }
    for (price, stock, field) in [
        (json!(19.9), json!(1), "price"),
        (json!("0"), json!(1), "price"),
        (json!("-1.00"), json!(1), "price"),
        (json!("1.001"), json!(1), "price"),
        (json!("1e3"), json!(1), "price"),
        (json!("99999999999999999999"), json!(1), "price"),
        (json!("1.00"), json!(-1), "stock"),
        (json!("1.00"), json!("1"), "stock"),
    ] {
        check("catalog", "PUT", "/products/p-1001", &json!({"price": price, "stock": stock}), field);
    }
    check("catalog", "PUT", "/products/p-1001", &json!({"prize": "1.00"}), "prize");
    check("catalog", "PUT", "/products/p-1001", &json!({"price": "1.00", "id": "p-1050"}), "id");
    check("catalog", "GET", "/products?page=0", &Value::Null, "page");
    check("catalog", "GET", "/products?page_size=501", &Value::Null, "page_size");
    check("catalog", "GET", "/products?updated_since=yesterday", &Value::Null, "updated_since");
    check("payment", "POST", "/payments", &json!({"order_id": 1}), "order_id");
    check("payment", "POST", "/payments", &json!({"order_id": "o", "provider": "paypal"}), "provider");
    let placed = world.place("p-1001", 1);
    let payment = world.pay(super::world::id(&placed));
    let refunds = format!("/payments/{}/refunds", super::world::id(&payment));
    for amount in [json!("0.00"), json!("-1.00"), json!(1), json!("one"), Value::Null] {
        check("payment", "POST", &refunds, &json!({"amount": amount}), "amount");
    }
    let events = format!("/shipments/{}/events", super::world::id(&placed));
    check("logistics", "POST", &events, &json!({"status": "flying"}), "status");
    let future = json!({"status": "delivered", "at": "2999-01-01T00:00:00Z"});
    check("logistics", "POST", &events, &future, "at");
    assert_eq!((world.stock("p-1001"), world.stock("p-1050")), (999_999, 50), "nothing else happened");
}

#[test]
fn a_body_that_is_no_object_is_refused() {
    let world = World::start();
    let merchant = [("X-Tollgate-Merchant", "m-1")];
    let deep = "[".repeat(100_000);
    for body in ["", "{", "[]", "null", "\"\\ud800\"", "{\"items\": NaN}", deep.as_str()] {
        let answer = http::request(&world.base("order"), "POST", "/orders", &merchant, body);
        check_problem(&answer, 400);
    }
    check_problem(&world.call("catalog", "PUT", "/products/p-1001", &json!({})), 400);
}

#[test]
fn a_body_of_more_than_256_kib_is_refused() {
    let world = World::start();
    let merchant = [("X-Tollgate-Merchant", "m-1")];
    let body = order(&[("p-1001", 1)]).to_string();
    let fits = format!("{body}{}", " ".repeat((256 << 10) - body.len()));
    assert_eq!(http::request(&world.base("order"), "POST", "/orders", &merchant, &fits).status, 201);
    let answer = http::request(&world.base("order"), "POST", "/orders", &merchant, &format!("{fits} "));
    check_problem(&answer, 413);
}

#[test]
fn what_is_not_there_is_not_found() {
    let world = World::start();
    for (upstream, path) in [
        ("catalog", "/products/p-0"),
        ("catalog", "/orders/o-1"),
        ("order", "/orders/o-1"),
        ("order", "/"),
        ("logistics", "/orders/o-1"),
        ("payment", "/payments/pay-1"),
        ("payment", "/pay/pay-1"),
    ] {
        check_problem(&world.call(upstream, "GET", path, &Value::Null), 404);
    }
    let event = json!({"status": "delivered"});
    check_problem(&world.call("logistics", "POST", "/shipments/SF1/events", &event), 404);
    check_problem(&world.call("order", "GET", "/orders/%FF", &Value::Null), 400);
}

#[test]
fn a_method_that_a_path_has_not_is_refused_with_those_that_it_has() {
    let world = World::start();
    let answer = world.call("catalog", "DELETE", "/products/p-1001", &Value::Null);
    check_problem(&answer, 405);
    let allowed = answer.header("allow").unwrap();
    assert!(allowed.contains("GET") && allowed.contains("PUT"), "{allowed}");
}

#[test]
fn a_call_on_behalf_of_nobody_is_refused() {
    let world = World::start();
    let body = order(&[("p-1001", 1)]).to_string();
    for headers in [&[][..], &[("X-Tollgate-Merchant", "")], &[("X-Tollgate-Merchant", "a b")]] {
        let answer = http::request(&world.base("order"), "POST", "/orders", headers, &body);
        check_problem(&answer, 403);
        let answer = http::request(&world.base("payment"), "GET", "/payments/pay-1", headers, "");
        check_problem(&answer, 403);
    }
    let nobody = [("X-Tollgate-Merchant", "")];
    check_problem(&http::request(&world.base("logistics"), "GET", "/orders/o-1", &nobody, ""), 403);
}

#[test]
fn each_upstream_is_healthy_until_it_is_stopped() {
    let mut world = World::start();
    let names = ["catalog", "order", "logistics", "payment"];
    for name in names {
        assert_eq!(http::request(&world.base(name), "GET", "/healthz", &[], "").status, 200, "{name}");
    }
    let address = |name: &str| world.base(name).strip_prefix("http://").unwrap().to_owned();
    let addresses = names.map(address);
    let mut idle = Connection::open(&addresses[0]);
    let head = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_eq!(idle.exchange(head).unwrap().status, 200);
    world.stop();
    assert!(idle.receive().is_none(), "a kept connection ends too");
    for address in addresses {
        assert!(TcpStream::connect(address).is_err());
    }
}
