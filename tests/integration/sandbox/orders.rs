//! Orders: stock, races, expiry, tracking.

use std::sync::Barrier;
use std::time::Duration;

use serde_json::{Value, json};

use super::world::{World, id, order};

#[test]
fn an_order_answers_with_what_the_interface_names() {
    let world = World::start();
    let answer = world.call("order", "POST", "/orders", &order(&[("p-1001", 1), ("p-1050", 2)]));
    assert_eq!(answer.status, 201, "{}", answer.text());
    let placed = answer.json();
    assert_eq!(placed["status"], "created");
    assert_eq!((&placed["total_amount"], &placed["currency"]), (&json!("139.80"), &json!("CNY")));
    assert_eq!(placed["items"][1], json!({"product_id": "p-1050", "quantity": 2, "price": "19.90"}));
    assert_eq!(placed["receiver"]["name"], "李雷");
    assert_eq!(placed["created_at"], "2026-09-21T14:13:20Z");
    assert_eq!(placed["expires_at"], "2026-09-21T14:43:20Z");
    assert_eq!(world.get("order", &format!("/orders/{}", id(&placed))), placed);
    assert_eq!(world.get("order", "/orders"), json!([placed]));
}

#[test]
fn two_hundred_buyers_of_fifty_units_place_exactly_fifty_orders() {
    const BUYERS: usize = 200;
    let world = World::start();
    let start = Barrier::new(BUYERS);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let buy = |_| {
            scope.spawn(|| {
                start.wait();
                let answer = world.call("order", "POST", "/orders", &order(&[("p-1050", 1)]));
                assert!(answer.status == 201 || answer.json()["left"] == 0, "{}", answer.text());
                answer.status
            })
        };
        let buyers: Vec<_> = (0..BUYERS).map(buy).collect();
        buyers.into_iter().map(|buyer| buyer.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 50);
    assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 150);
    assert_eq!(world.stock("p-1050"), 0);
    let orders = world.get("order", "/orders?page_size=500");
    assert_eq!(orders.as_array().unwrap().len(), 50);
}

#[test]
fn an_order_that_lacks_stock_of_one_item_reserves_none() {
    let world = World::start();
    let answer = world.call("order", "POST", "/orders", &order(&[("p-1001", 1), ("p-1050", 51)]));
    assert_eq!(answer.status, 409);
    let problem = answer.json();
    assert_eq!((&problem["product_id"], &problem["left"]), (&json!("p-1050"), &json!(50)));
    assert_eq!((world.stock("p-1001"), world.stock("p-1050")), (1_000_000, 50));
}

#[test]
fn cancelling_many_times_at_once_gives_the_stock_back_once() {
    let world = World::start();
    let placed = world.place("p-1050", 7);
    let path = format!("/orders/{}/cancel", id(&placed));
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let cancel = |_| scope.spawn(|| world.call("order", "POST", &path, &Value::Null).status);
        let cancels: Vec<_> = (0..20).map(cancel).collect();
        cancels.into_iter().map(|cancel| cancel.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1);
    assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 19);
    assert_eq!(world.stock("p-1050"), 50);
}

#[test]
fn an_unpaid_order_expires_and_gives_its_stock_back() {
    let world = World::start();
    let placed = world.place("p-1050", 50);
    world.clock.advance(Duration::from_secs(30 * 60 - 1));
    assert_eq!(world.stock("p-1050"), 0);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(world.stock("p-1050"), 50);
    assert_eq!(world.get("order", &format!("/orders/{}", id(&placed)))["status"], "expired");
    let tracking = world.get("logistics", &format!("/orders/{}", id(&placed)));
    assert_eq!(tracking["status"], "cancelled");
}

#[test]
fn another_merchants_order_is_not_found() {
    let world = World::start();
    let placed = world.place("p-1001", 1);
    let order = id(&placed);
    let begin = json!({"order_id": order, "provider": "alipay"});
    for (upstream, method, path, body) in [
        ("order", "GET", format!("/orders/{order}"), Value::Null),
        ("order", "POST", format!("/orders/{order}/cancel"), Value::Null),
        ("logistics", "GET", format!("/orders/{order}"), Value::Null),
        ("payment", "POST", "/payments".to_owned(), begin),
    ] {
        let answer = world.call_as("m-2", upstream, method, &path, &body);
        assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text());
    }
    let others = world.call_as("m-2", "order", "GET", "/orders", &Value::Null);
    assert_eq!(others.json(), json!([]));
}

#[test]
fn the_order_follows_its_parcel() {
    let world = World::start();
    let placed = world.place("p-1001", 1);
    let order = id(&placed);
    let tracking = world.get("logistics", &format!("/orders/{order}"));
    assert_eq!((&tracking["order_id"], &tracking["status"]), (&json!(order), &json!("created")));
    let waybill = tracking["waybill"].as_str().unwrap();
    assert!(!tracking["carrier"].as_str().unwrap().is_empty());
    let path = format!("/shipments/{waybill}/events");
    let event = json!({"status": "in_transit", "place": "上海", "text": "Sorted"});
    assert_eq!(world.call("logistics", "POST", &path, &event).status, 409, "it is not paid");
    world.pay(order);
    assert_eq!(world.get("order", &format!("/orders/{order}"))["status"], "paid");
    let answer = world.call("logistics", "POST", &path, &event);
    assert_eq!((answer.status, answer.json()["status"].clone()), (201, json!("in_transit")));
    assert_eq!(world.get("order", &format!("/orders/{order}"))["status"], "shipped");
    let cancel = world.call("order", "POST", &format!("/orders/{order}/cancel"), &Value::Null);
    assert_eq!(cancel.status, 409);
    let delivered = json!({"status": "delivered", "at": "2026-09-21T14:00:00Z"});
    assert_eq!(world.call("logistics", "POST", &path, &delivered).status, 201);
    assert_eq!(world.get("order", &format!("/orders/{order}"))["status"], "delivered");
    let tracking = world.get("logistics", &format!("/orders/{order}"));
    assert_eq!(tracking["status"], "delivered");
    assert_eq!(tracking["events"][1]["place"], "上海");
    assert_eq!(tracking["events"][2]["at"], "2026-09-21T14:00:00Z");
}
