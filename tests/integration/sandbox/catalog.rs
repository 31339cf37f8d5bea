//! Products: the list, its pages, and what a supplier changes.

use std::time::Duration;

use serde_json::{Value, json};

use super::world::{World, order};

#[test]
fn the_product_list_is_an_array_of_names_and_prices() {
    let world = World::start();
    let answer = world.call("catalog", "GET", "/products?page_size=500", &Value::Null);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let products = answer.json();
    let products = products.as_array().unwrap();
    assert!(products.len() >= 300, "{}", products.len());
    for product in products {
        for field in ["id", "sku", "name", "name_en", "price", "updated_at"] {
            assert!(product[field].as_str().is_some_and(|text| !text.is_empty()), "{field} in {product}");
        }
        assert_eq!(product["currency"], "CNY");
        assert!(product["stock"].as_i64().unwrap() >= 0);
        let (_, cents) = product["price"].as_str().unwrap().split_once('.').unwrap();
        assert_eq!(cents.len(), 2, "{product}");
    }
    let known = world.get("catalog", "/products/p-1001");
    assert_eq!((&known["price"], &known["stock"]), (&json!("100.00"), &json!(1_000_000)));
    let known = world.get("catalog", "/products/p-1050");
    assert_eq!((&known["price"], &known["stock"]), (&json!("19.90"), &json!(50)));
}

#[test]
fn following_the_next_links_reads_every_product_once() {
    let world = World::start();
    let mut path = "/products?page_size=37".to_owned();
    let mut seen = Vec::new();
    loop {
        let answer = world.call("catalog", "GET", &path, &Value::Null);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let page = answer.json();
        seen.extend(
            page.as_array().unwrap().iter().map(|product| product["id"].as_str().unwrap().to_owned()),
        );
        let links = answer.header("link").unwrap().to_owned();
        let Some(next) = links.split(", ").find(|link| link.ends_with("rel=\"next\"")) else { break };
        path = format!("/products{}", next.trim_start_matches('<').split_once('>').unwrap().0);
    }
    let whole = world.get("catalog", "/products?page_size=500").as_array().unwrap().len();
    assert_eq!(seen.len(), whole);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), whole);
}

#[test]
fn updated_since_gives_what_changed() {
    let world = World::start();
    world.clock.advance(Duration::from_secs(60));
    let change = json!({"price": "88.80"});
    let changed = world.call("catalog", "PUT", "/products/p-2007", &change).json();
    let since = changed["updated_at"].as_str().unwrap();
    let list = world.get("catalog", &format!("/products?updated_since={since}"));
    assert_eq!(list, json!([changed]));
    let east = world.get("catalog", "/products?updated_since=2026-09-21T22%3A14%3A20%2B08%3A00");
    assert_eq!(east, list, "the same moment in Shanghai: a minute after the start");
}

#[test]
fn a_supplier_reads_its_change_at_once_and_orders_cost_the_new_price() {
    let world = World::start();
    let mut product = world.get("catalog", "/products/p-2001");
    product["price"] = json!("129.5");
    product["name_en"] = json!("Longjing Tea, new harvest");
    let answer = world.call("catalog", "PUT", "/products/p-2001", &product);
    assert_eq!(answer.status, 200, "a product can be sent back whole: {}", answer.text());
    let answer = world.call("catalog", "PUT", "/products/p-2001/stock", &json!({"stock": 3}));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let product = world.get("catalog", "/products/p-2001");
    assert_eq!(
        (&product["price"], &product["stock"], &product["name_en"]),
        (&json!("129.50"), &json!(3), &json!("Longjing Tea, new harvest"))
    );
    assert_eq!(world.place("p-2001", 2)["total_amount"], "259.00");
    let answer = world.call("order", "POST", "/orders", &order(&[("p-2001", 2)]));
    assert_eq!((answer.status, answer.json()["left"].as_i64()), (409, Some(1)));
}
