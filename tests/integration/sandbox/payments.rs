//! Payments: the page, the way back, refunds.

use serde_json::{Value, json};

use super::world::{World, id};
use crate::support::http;

#[test]
fn a_buyer_pays_on_the_page_and_comes_back() {
    let world = World::start();
    let placed = world.place("p-1001", 1);
    let begin = json!({
        "order_id": id(&placed), "provider": "alipay", "return_url": "https://shop.example/paid?order=1",
    });
    let payment = world.call("payment", "POST", "/payments", &begin).json();
    assert_eq!((&payment["status"], &payment["amount"]), (&json!("created"), &json!("100.00")));
    let base = world.base("payment");
    let path = payment["pay_url"].as_str().unwrap().strip_prefix(&base).unwrap().to_owned();
    let page = http::request(&base, "GET", &path, &[], "");
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
    assert!(page.text().contains("<form method=post>") && page.text().contains("100.00 CNY"));
    let paid = http::request(&base, "POST", &path, &[http::FORM], "");
    assert_eq!((paid.status, paid.header("location")), (303, Some("https://shop.example/paid?order=1")));
    let elsewhere = format!("{path}?return_url=http%3A%2F%2F127.0.0.1%3A9999%2Fback");
    let paid = http::request(&base, "POST", &elsewhere, &[http::FORM], "");
    assert_eq!((paid.status, paid.header("location")), (303, Some("http://127.0.0.1:9999/back")));
    let shown = world.get("payment", &format!("/payments/{}", id(&payment)));
    assert_eq!(shown["status"], "paid");
    assert_eq!(world.get("order", &format!("/orders/{}", id(&placed)))["status"], "paid");
    assert_eq!(world.stock("p-1001"), 999_999, "paid once");
}

#[test]
fn a_buyer_is_sent_back_to_web_addresses_only() {
    let world = World::start();
    let placed = world.place("p-1001", 1);
    for bad in
        ["javascript:alert(1)", "/paid", "shop.example", "https://", "https://a b", "ftp://a/", "http://a/\n"]
    {
        let begin = json!({"order_id": id(&placed), "provider": "alipay", "return_url": bad});
        let answer = world.call("payment", "POST", "/payments", &begin);
        assert_eq!((answer.status, &answer.json()["field"]), (422, &json!("return_url")), "{bad}");
        let payment = world.call("payment", "POST", "/payments", &json!({"order_id": id(&placed)})).json();
        let query: String = form_urlencoded::byte_serialize(bad.as_bytes()).collect();
        let path = format!("/pay/{}?return_url={query}", id(&payment));
        let answer = http::request(&world.base("payment"), "POST", &path, &[], "");
        assert_eq!(answer.status, 422, "{bad}");
    }
    assert_eq!(world.get("order", &format!("/orders/{}", id(&placed)))["status"], "created");
}

#[test]
fn refunds_add_up_to_the_payment_and_no_further() {
    let world = World::start();
    let placed = world.place("p-1001", 1);
    let payment = world.pay(id(&placed));
    let path = format!("/payments/{}/refunds", id(&payment));
    let refund = |amount: &str| {
        world.call("payment", "POST", &path, &json!({"amount": amount, "reason": "broken in transit"}))
    };
    let first = refund("30.00");
    assert_eq!(first.status, 201, "{}", first.text());
    let first = first.json();
    assert_eq!((&first["payment_id"], &first["amount"]), (&payment["id"], &json!("30.00")));
    assert_eq!(first["order_id"], placed["id"], "the sale whose money it gives back");
    assert_eq!((&first["currency"], &first["status"]), (&json!("CNY"), &json!("succeeded")));
    let order = format!("/orders/{}", id(&placed));
    assert_eq!(world.get("order", &order)["status"], "partially_refunded");
    let too_much = refund("70.01");
    assert_eq!((too_much.status, &too_much.json()["left"]), (409, &json!("70.00")));
    assert_eq!(refund("70").status, 201);
    let refunded = world.get("order", &order);
    assert_eq!((&refunded["status"], &refunded["refunded_amount"]), (&json!("refunded"), &json!("100.00")));
    assert_eq!(refund("0.01").status, 409);
    assert_eq!(world.get("payment", &format!("/payments/{}", id(&payment)))["status"], "refunded");
}

#[test]
fn refunds_that_race_never_give_back_more_than_was_paid() {
    let world = World::start();
    let placed = world.place("p-1001", 1);
    let payment = world.pay(id(&placed));
    let path = format!("/payments/{}/refunds", id(&payment));
    let given: usize = std::thread::scope(|scope| {
        let refund = |_| {
            scope.spawn(|| world.call("payment", "POST", &path, &json!({"amount": "9.00"})).status == 201)
        };
        let refunds: Vec<_> = (0..30).map(refund).collect();
        refunds.into_iter().map(|refund| usize::from(refund.join().unwrap())).sum()
    });
    assert_eq!(given, 11, "eleven times 9.00 is 99.00");
    assert_eq!(world.get("order", &format!("/orders/{}", id(&placed)))["refunded_amount"], "99.00");
}

#[test]
fn what_has_ended_cannot_be_paid() {
    let world = World::start();
    let placed = world.place("p-1050", 1);
    let payment = world.call("payment", "POST", "/payments", &json!({"order_id": id(&placed)})).json();
    world.call("order", "POST", &format!("/orders/{}/cancel", id(&placed)), &Value::Null);
    let path = format!("/pay/{}", id(&payment));
    let answer = http::request(&world.base("payment"), "POST", &path, &[], "");
    assert_eq!(answer.status, 409, "{}", answer.text());
    assert_eq!(world.stock("p-1050"), 50);
}
