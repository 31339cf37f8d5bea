//! Keys that are narrower than their app: of use for some of its API products, and from some networks.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::masked::mask_products;
use crate::support::dev::{Dev, wait_for};
use crate::support::fleet::Fleet;
use crate::support::http::{self, Answer};
use crate::support::message_signer::{MessageSigner, Unsigned, borrowed};
use crate::support::origin::{Origin, point};
use crate::support::stores::Place;

/// Another key of the app that has subscribed to three API products.
#[track_caller]
fn key(dev: &Dev, narrowing: &Value) -> String {
    let mut body = narrowing.clone();
    body["app"] = json!(dev.told("/other_app/client_id"));
    let made = dev.admin("POST", "/admin/keys", &body.to_string());
    assert_eq!(made.status, 201, "{}", made.text());
    made.json()["key"].as_str().unwrap().to_owned()
}

/// A route of each API product that asks for no merchant, and what the demonstration's upstream makes of an empty call.
const ROUTES: [(&str, &str, &str); 3] = [
    ("storefront", "GET", "/api/orders"),
    ("supply", "PUT", "/api/products/p-1001"),
    ("carrier", "POST", "/api/logistics/shipments/x/events"),
];

#[test]
fn a_key_is_of_use_for_its_products_alone_and_says_which_they_are() {
    let dev = Dev::start();
    for chosen in 0..8_usize {
        let of = |bit: usize| chosen & 1 << bit != 0;
        let products: Vec<&str> = (0..3).filter(|bit| of(*bit)).map(|bit| ROUTES[bit].0).collect();
        let narrowing = if chosen == 0 { json!({}) } else { json!({"products": products}) };
        let key = key(&dev, &narrowing);
        for (bit, (product, method, path)) in ROUTES.into_iter().enumerate() {
            let headers = [("X-Api-Key", key.as_str()), ("Content-Type", "application/json")];
            let answer = http::request(dev.base(), method, path, &headers, "{}");
            let is_refused = answer.status == 403 && answer.code() == "product_not_allowed";
            assert_eq!(is_refused, chosen != 0 && !of(bit), "{products:?}: {path} {}", answer.text());
            if is_refused {
                let detail = answer.json()["detail"].as_str().unwrap().to_owned();
                let mut sorted = products.clone();
                sorted.sort_unstable();
                let told = format!(
                    "API product {product}, and this credential is narrowed to: {}.",
                    sorted.join(" ")
                );
                assert!(detail.contains(&told), "no {told:?} in {detail:?}");
            }
        }
        // On a route that is open to anyone, a key whose products do not have it counts as nobody.
        let open = dev.get("/api/products", &[("X-Api-Key", &key)]);
        let is_of_app = open.header("ratelimit-policy").unwrap().starts_with("\"calls\"");
        assert_eq!((open.status, is_of_app), (200, chosen == 0 || of(0)), "{products:?} {open:?}");
    }
    let unsubscribed =
        http::request(dev.base(), "PUT", ROUTES[1].2, &[("X-Api-Key", dev.told("/app/api_key"))], "{}");
    assert_eq!(unsubscribed.code(), "not_subscribed");
}

#[test]
fn who_counts_as_nobody_is_named_to_no_upstream_sees_what_nobody_does_and_leaves_no_record() {
    let origin = Origin::answering(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 30\r\n\r\n{\"receiver\":{\"name\":\"Li Lei\"}}",
    );
    // Records of one core come in the order of their calls.
    let dev = Dev::with_options(&["--workers", "1"], |policies| {
        point(policies, "catalog", &origin.address);
        mask_products(policies);
    });
    let whole = key(&dev, &json!({}));
    for (products, is_nobody) in [(json!(["storefront"]), false), (json!(["supply"]), true)] {
        let key = key(&dev, &json!({ "products": products }));
        let answer = dev.get("/api/products", &[("X-Api-Key", &key)]);
        let sent = origin.received().unwrap().to_ascii_lowercase();
        assert_eq!((answer.status, sent.contains("x-tollgate-app")), (200, !is_nobody), "{sent}");
        assert!(!sent.contains(&key.to_ascii_lowercase()), "{sent}");
        let open = dev.get("/api/products", &[("X-Api-Key", &whole)]);
        let _ = origin.received();
        let seen = open.json()["receiver"]["name"].clone();
        let expected = if is_nobody { json!("***") } else { seen };
        assert_eq!(answer.json()["receiver"]["name"], expected, "{}", answer.text());
        let record = |answer: &Answer| {
            let path = format!("/admin/usage/{}", answer.header("x-request-id").unwrap());
            dev.admin("GET", &path, "")
        };
        wait_for("the later call's usage record", || record(&open).status == 200);
        assert_eq!(record(&answer).status, if is_nobody { 404 } else { 200 });
        assert_eq!(record(&open).json()["credential"], "api_key");
    }
}

#[test]
fn a_signature_of_who_counts_as_nobody_ends_at_the_gateway_too() {
    let origin = Origin::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]");
    let dev = Dev::with_policies(|policies| point(policies, "catalog", &origin.address));
    let unsubscribed = dev.register(&json!({}));
    let signer = MessageSigner::register(&dev, unsubscribed["id"].as_str().unwrap());
    let url = format!("{}/api/products", dev.base());
    let fields = signer.sign(Unsigned { method: "GET", url: &url, body: "" });
    let answer = http::request(dev.base(), "GET", "/api/products", &borrowed(&fields), "");
    assert_eq!(answer.status, 200, "{}", answer.text());
    let sent = origin.received().unwrap().to_ascii_lowercase();
    assert!(!sent.contains("signature") && !sent.contains("x-tollgate-app"), "{sent}");
}

fn from(dev: &Dev, source: &str, path: &str, key: &str) -> Answer {
    let source: IpAddr = source.parse().unwrap();
    http::request_from(source, dev.base(), "GET", path, &[("X-Api-Key", key)])
}

#[test]
fn a_key_is_of_use_from_its_networks_alone_also_where_none_is_needed() {
    let dev = Dev::start();
    let whole = key(&dev, &json!({}));
    for (addresses, permitted) in [
        (json!(["127.0.0.2"]), [false, true, false]),
        (json!(["127.0.0.0/30"]), [true, true, false]),
        (json!(["::1", "127.0.0.4/30", "10.0.0.0/8"]), [false, false, true]),
        (json!(["::ffff:127.0.0.1"]), [true, false, false]),
        (json!(["::/0"]), [false; 3]),
        (json!(["0.0.0.0/0"]), [true; 3]),
    ] {
        let key = key(&dev, &json!({"addresses": addresses}));
        for (source, is_permitted) in ["127.0.0.1", "127.0.0.2", "127.0.0.5"].into_iter().zip(permitted) {
            // Twice, as the core knows the key by then.
            for _ in 0..2 {
                let answer = from(&dev, source, "/api/products", &key);
                let expected = if is_permitted { 200 } else { 403 };
                assert_eq!(answer.status, expected, "{addresses} from {source}: {}", answer.text());
                if !is_permitted {
                    assert_eq!(answer.code(), "address_not_allowed");
                    let detail = answer.json()["detail"].as_str().unwrap().to_owned();
                    assert!(detail.contains(source) && !detail.contains("10.0.0.0"), "{detail}");
                }
            }
            assert_eq!(from(&dev, source, "/api/products", &whole).status, 200);
        }
    }
}

#[test]
fn a_call_from_where_its_key_may_not_be_used_is_on_record_and_uses_up_nothing() {
    let dev = Dev::start();
    let key = key(&dev, &json!({"addresses": ["192.0.2.0/24"]}));
    // Also before it is looked at what the app may: whoever has taken the key learns nothing of that.
    let refused = from(&dev, "127.0.0.1", "/api/orders", &key);
    assert_eq!((refused.status, refused.code().as_str()), (403, "address_not_allowed"));
    assert_eq!(refused.header("ratelimit"), None);
    let record = format!("/admin/usage/{}", refused.header("x-request-id").unwrap());
    wait_for("its usage record", || dev.admin("GET", &record, "").status == 200);
    let record = dev.admin("GET", &record, "").json();
    assert_eq!(
        (&record["refusal"], &record["status"]),
        (&json!("address_not_allowed"), &json!(403)),
        "{record}"
    );
}

#[tokio::test]
async fn each_node_of_a_store_knows_how_narrow_a_key_is_also_after_it_was_started_anew() {
    let place = Place::postgres().await;
    let address = place.address();
    let test = move || {
        let mut fleet = Fleet::start(address, 2, |_| {});
        let subscription = json!({"app": fleet.client_id, "product": "supply", "plan": "supplier"});
        fleet.admin(0, "POST", "/admin/subscriptions", &subscription);
        let make = |narrowing: Value| {
            let mut body = narrowing;
            body["app"] = json!(fleet.client_id);
            let made = fleet.admin(0, "POST", "/admin/keys", &body);
            made["key"].as_str().unwrap().to_owned()
        };
        let keys = [
            (make(json!({})), "merchant_missing"),
            (make(json!({"products": ["storefront"], "addresses": ["127.0.0.0/8"]})), "merchant_missing"),
            (make(json!({"products": ["supply"]})), "product_not_allowed"),
            (make(json!({"addresses": ["192.0.2.0/24"]})), "address_not_allowed"),
        ];
        let check = |fleet: &Fleet| {
            for ((key, code), node) in keys.iter().flat_map(|key| [(key, 0), (key, 1)]) {
                let answer = http::request(fleet.base(node), "GET", "/api/orders", &[("X-Api-Key", key)], "");
                assert_eq!((answer.status, answer.code().as_str()), (403, *code), "{}", answer.text());
            }
        };
        check(&fleet);
        fleet.signal(1, "KILL");
        fleet.restart(1);
        check(&fleet);
    };
    tokio::task::spawn_blocking(test).await.unwrap();
    drop(place);
}
