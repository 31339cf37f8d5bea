//! What apps ask about themselves: `/me`, `/me/limits`, `/me/usage`.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::masked::mask_products;
use crate::support::dev::{Dev, wait_for};
use crate::support::dpop::Holder;
use crate::support::http::{self, Answer, FORM, form};
use crate::support::message_signer::{MessageSigner, Unsigned, borrowed};

const PATHS: [&str; 3] = ["/me", "/me/limits", "/me/usage"];

/// `standard` limited to a burst of 20, of which one comes back in 36 seconds.
fn start() -> Dev {
    Dev::with_policies(|policies| {
        let plan = policies.join("plans/standard.yaml");
        let text = std::fs::read_to_string(&plan).unwrap();
        let limited =
            text.replace("requests: 60000, window: 1m, burst: 2000", "requests: 100, window: 1h, burst: 20");
        assert_ne!(text, limited);
        std::fs::write(&plan, limited).unwrap();
    })
}

#[track_caller]
fn told(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert!(answer.header("x-request-id").is_some());
    answer.json()
}

/// The names of the routes that a credential is told it can call.
fn routes(me: &Value) -> Vec<&str> {
    me["routes"].as_array().unwrap().iter().map(|route| route["name"].as_str().unwrap()).collect()
}

/// How many calls of an app are in the books.
fn records(dev: &Dev, app: &str) -> usize {
    let usage = dev.admin("GET", &format!("/admin/usage?app={app}"), "").json();
    usage["items"].as_array().unwrap().len()
}

#[test]
fn a_key_is_told_what_it_may_do_and_a_token_what_its_merchant_granted() {
    let dev = Dev::start();
    let by_key = told(&dev.get("/me", &[("X-Api-Key", dev.told("/app/api_key"))]));
    assert_eq!(by_key["app"], dev.told("/app/client_id"));
    assert_eq!((&by_key["environment"], &by_key["merchant"]), (&json!("sandbox"), &json!(null)));
    assert_eq!(by_key["credential"]["kind"], "api_key");
    assert!(by_key["credential"]["id"].as_str().unwrap().starts_with("key_"), "{by_key}");
    assert_eq!(by_key["subscriptions"][0]["plan"], "standard@1");
    assert!(by_key["scopes"].as_array().unwrap().contains(&json!("order:pii")));
    let of_key = routes(&by_key);
    assert!(of_key.contains(&"list-products") && !of_key.contains(&"place-order"), "{of_key:?}");
    let listed = by_key["routes"].as_array().unwrap();
    let listed = listed.iter().find(|route| route["name"] == "list-products").unwrap();
    assert_eq!((&listed["methods"], &listed["path"]), (&json!(["GET"]), &json!("/api/products")));
    assert_eq!((&listed["product"], &listed["plan"]), (&json!("storefront"), &json!("standard@1")));
    assert_eq!((&listed["masked"], &listed["merchant_named_by"]), (&json!([]), &json!(null)));

    let bearer = dev.bearer(0);
    let by_token = told(&dev.get("/me", &[("Authorization", &bearer)]));
    assert_eq!(by_token["credential"]["kind"], "access_token");
    assert_eq!(by_token["merchant"], dev.told("/merchants/0/id"));
    assert!(by_token["grant"].is_string() && by_token["credential"]["expires_at"].is_string());
    assert!(routes(&by_token).contains(&"place-order"), "{by_token}");
    let routes = by_token["routes"].as_array().unwrap();
    let placing = routes.iter().find(|route| route["name"] == "place-order").unwrap();
    let masked = |what: &str| json!({"what": what, "scope": "order:pii"});
    let receiver = ["receiver.name", "receiver.phone", "receiver.address"].map(masked);
    assert_eq!(placing["masked"], json!(receiver), "the default scopes are without it");
    // Each route that it is told of can be called: whatever the upstream says, the gateway lets the call pass.
    for route in by_token["routes"].as_array().unwrap() {
        let path = route["path"].as_str().unwrap().replace("{id}", "x").replace("{provider}", "x");
        let method = route["methods"][0].as_str().unwrap();
        let headers = [("Authorization", &*bearer), ("Content-Type", "application/json")];
        let answer = http::request(dev.base(), method, &path, &headers, "{}");
        assert!(!matches!(answer.status, 401 | 403), "{method} {path}: {}", answer.text());
    }
}

#[test]
fn any_good_credential_is_answered_and_no_other() {
    let dev = Dev::start();
    let fields = [("grant_type", "client_credentials"), ("scope", "catalog:read")];
    let mut holder = Holder::new();
    let url = |path: &str| format!("{}{path}", dev.base());
    let proof = holder.prove("POST", &url("/oauth/token"));
    let mut all =
        vec![("client_id", dev.told("/app/client_id")), ("client_secret", dev.told("/app/client_secret"))];
    all.extend(fields);
    let bound = http::request(dev.base(), "POST", "/oauth/token", &[FORM, ("DPoP", &proof)], &form(&all));
    let bound = bound.json()["access_token"].as_str().unwrap().to_owned();
    let authorization = format!("DPoP {bound}");
    let by_proof = |holder: &Holder, path: &str| {
        let proof = holder.prove_token("GET", &url(path), &bound);
        dev.get(path, &[("Authorization", &authorization), ("DPoP", &proof)])
    };
    let first = by_proof(&holder, "/me");
    if let Some(nonce) = first.header("dpop-nonce") {
        holder.learn(nonce);
    }
    let signer = MessageSigner::register(&dev, dev.told("/other_app/client_id"));
    for path in PATHS {
        told(&by_proof(&holder, path));
        let downgraded = dev.get(path, &[("Authorization", &format!("Bearer {bound}"))]);
        assert_eq!((downgraded.status, downgraded.code().as_str()), (401, "credential_invalid"));
        let signed = signer.sign(Unsigned { method: "GET", url: &url(path), body: "" });
        assert_eq!(told(&dev.get(path, &borrowed(&signed)))["app"], dev.told("/other_app/client_id"));
        let replayed = dev.get(path, &borrowed(&signed));
        assert_eq!(replayed.code(), "signature_replayed", "{}", replayed.text());

        let nobody = dev.get(path, &[]);
        assert_eq!((nobody.status, nobody.code().as_str()), (401, "credential_missing"));
        assert!(nobody.header("www-authenticate").unwrap().starts_with("Bearer "));
        let wrong = dev.get(path, &[("Authorization", "Bearer nonsense")]);
        assert_eq!((wrong.status, wrong.code().as_str()), (401, "credential_invalid"));
        let posted =
            http::request(dev.base(), "POST", path, &[("X-Api-Key", dev.told("/app/api_key"))], "{}");
        assert_eq!((posted.status, posted.header("allow")), (405, Some("GET, HEAD")));
    }
    assert_eq!(told(&by_proof(&holder, "/me"))["credential"]["bound_to"], "dpop_key");
    dev.admin("POST", &format!("/admin/apps/{}/suspend", dev.told("/app/client_id")), "");
    let suspended = dev.get("/me", &[("X-Api-Key", dev.told("/app/api_key"))]);
    assert_eq!((suspended.status, suspended.code().as_str()), (403, "suspended"));
}

#[test]
fn all_below_me_is_the_gateways_whatever_routes_there_are() {
    let dev = Dev::with_policies(|policies| {
        let path = policies.join("routes/catalog.yaml");
        let mut text = std::fs::read_to_string(&path).unwrap();
        text.push_str(
            "\n  - {name: rest, methods: [GET], path: '/{*rest}', upstream: catalog, access: *open}\n",
        );
        std::fs::write(&path, text).unwrap();
    });
    for (path, is_the_gateways) in [("/menu", false), ("/me/other", true), ("/me/", true)] {
        let answer = dev.get(path, &[("X-Api-Key", dev.told("/app/api_key"))]);
        assert_eq!(answer.text().contains("route_unknown"), is_the_gateways, "{path}: {}", answer.text());
    }
}

#[test]
fn a_narrowed_key_is_told_of_its_products_alone_and_only_in_its_networks() {
    let dev = Dev::start();
    let body = json!({
        "app": dev.told("/other_app/client_id"), "products": ["supply"], "addresses": ["127.0.0.0/30"],
    });
    let key = dev.admin("POST", "/admin/keys", &body.to_string()).json();
    let key = key["key"].as_str().unwrap();
    let me = told(&dev.get("/me", &[("X-Api-Key", key)]));
    assert_eq!(me["narrowed_to"], json!({"products": ["supply"], "addresses": ["127.0.0.0/30"]}));
    let products: Vec<_> = me["subscriptions"].as_array().unwrap().iter().collect();
    assert_eq!((products.len(), &products[0]["product"]), (1, &json!("supply")));
    assert!(
        me["routes"]
            .as_array()
            .unwrap()
            .iter()
            .all(|route| { route["product"] == "supply" || route["product"].is_null() })
    );
    for path in PATHS {
        let from = |last: u8| {
            let source = IpAddr::from([127, 0, 0, last]);
            http::request_from(source, dev.base(), "GET", path, &[("X-Api-Key", key)])
        };
        told(&from(2));
        let elsewhere = from(5);
        assert_eq!((elsewhere.status, elsewhere.code().as_str()), (403, "address_not_allowed"));
    }
}

#[test]
fn who_counts_as_nobody_is_told_what_is_masked_for_nobody() {
    let dev = Dev::with_policies(mask_products);
    let key = [("X-Api-Key", dev.told("/app/api_key"))];
    let masked = || {
        let me = told(&dev.get("/me", &key));
        let routes = me["routes"].as_array().unwrap();
        routes.iter().find(|route| route["name"] == "list-products").unwrap()["masked"].clone()
    };
    assert_eq!(masked(), json!([]));
    let path = format!("/admin/subscriptions?app={}", dev.told("/app/client_id"));
    for subscription in dev.admin("GET", &path, "").json()["items"].as_array().unwrap() {
        let path = format!("/admin/subscriptions/{}/end", subscription["id"].as_str().unwrap());
        assert_eq!(dev.admin("POST", &path, "").status, 200);
    }
    let all = ["receiver.name", "items.receiver"].map(|what| json!({"what": what, "scope": "order:pii"}));
    assert_eq!(masked(), json!(all));
}

#[test]
fn what_is_left_is_told_without_using_any_of_it_up() {
    let dev = start();
    let app = dev.told("/app/client_id");
    let headers = [("X-Api-Key", dev.told("/app/api_key"))];
    let limits = || told(&dev.get("/me/limits", &headers))["limits"].clone();
    let before = json!([{
        "plan": "standard@1", "limit": "calls", "per": "app", "requests": 100, "window_seconds": 3600,
        "burst": 20, "remaining": 20, "reset_seconds": 0, "counts": "calls",
    }]);
    assert_eq!(limits(), before);
    for left in (0..20).rev() {
        let answer = dev.get("/api/products", &headers);
        assert!(answer.header("ratelimit").unwrap().starts_with(&format!("\"calls\";r={left};")));
        if left % 5 == 0 {
            assert_eq!(limits()[0]["remaining"], left);
            assert_eq!(limits()[0]["remaining"], left, "asking used something up");
        }
    }
    let reset = limits()[0]["reset_seconds"].as_u64().unwrap();
    assert!((600..=720).contains(&reset), "{reset} s");
    assert_eq!(dev.get("/api/products", &headers).status, 429);
    assert_eq!(limits()[0]["remaining"], 0, "who has nothing left may still ask");
    wait_for("the calls to be in the books", || records(&dev, app) >= 21);
    assert_eq!(records(&dev, app), 21, "questions are no calls");
}

#[test]
fn a_window_is_told_in_whole_seconds_as_in_the_answers_to_calls() {
    let dev = Dev::with_policies(|policies| {
        let plan = policies.join("plans/standard.yaml");
        let text = std::fs::read_to_string(&plan).unwrap();
        std::fs::write(&plan, text.replace("window: 1m", "window: 500ms")).unwrap();
    });
    let headers = [("X-Api-Key", dev.told("/app/api_key"))];
    let policy = dev.get("/api/products", &headers);
    assert!(policy.header("ratelimit-policy").unwrap().contains(";w=1;"));
    assert_eq!(told(&dev.get("/me/limits", &headers))["limits"][0]["window_seconds"], 1);
}

#[test]
fn questions_have_a_bound_of_their_own_for_each_app() {
    let dev = Dev::start();
    let ask = |key: &str| dev.get("/me", &[("X-Api-Key", key)]);
    let bearer = dev.bearer(0);
    let mut refused = None;
    for asked in 0..1_000 {
        let answer = dev.get("/me", &[("Authorization", &bearer)]);
        assert!(answer.header("ratelimit-policy") == Some("\"me\";q=20;w=4;tollgate-burst=20"));
        if answer.status == 429 {
            assert!(asked >= 20, "the {asked}th was refused");
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("a thousand questions at once are too many");
    assert_eq!((refused.code().as_str(), refused.header("retry-after")), ("limit_reached", Some("1")));
    assert_eq!(refused.json()["violated-policies"], json!(["me"]));
    told(&ask(dev.told("/other_app/api_key")));
    told(&dev.get("/me", &[("Authorization", &dev.bearer(1))]));
    for _ in 0..20 {
        told(&ask(dev.told("/app/api_key")));
    }
    let calls = dev.get("/api/products", &[("X-Api-Key", dev.told("/app/api_key"))]);
    assert_eq!(calls.status, 200, "its calls are not held up");
    let app = dev.told("/app/client_id");
    wait_for("the call to be in the books", || records(&dev, app) >= 1);
    assert_eq!(records(&dev, app), 1, "a refused question is no call either");
}

#[test]
fn what_calls_came_to_is_told_to_the_cent() {
    let dev = Dev::start();
    let bearer = dev.bearer(0);
    let headers = [("X-Api-Key", dev.told("/app/api_key"))];
    let usage = || told(&dev.get("/me/usage", &headers));
    let before = usage();
    assert_eq!((&before["lines"], &before["totals"]), (&json!([]), &json!([])));
    for _ in 0..3 {
        assert_eq!(dev.get("/api/products", &headers).status, 200);
    }
    assert_eq!(dev.order(&bearer, "p-1001").unwrap().status, 201);
    let mut after = Value::Null;
    wait_for("the calls to be told", || {
        // It may be asked too often for that.
        after = dev.get("/me/usage", &headers).json();
        after["lines"][0]["calls"] == 4 && after["lines"].as_array().unwrap().len() == 2
    });
    let statement = dev.admin("GET", &format!("/admin/statements?app={}", dev.told("/app/client_id")), "");
    let statement = &statement.json()["items"][0];
    assert_eq!(after["period"], statement["period"]);
    let (fee, share) = (&after["lines"][0], &after["lines"][1]);
    assert_eq!((&fee["kind"], &fee["product"]), (&json!("service_fee"), &json!("storefront")));
    assert_eq!(
        (&fee["plan"], &fee["units"], &fee["free_units"]),
        (&json!("standard@1"), &json!(4), &json!(0))
    );
    assert_eq!((&fee["amount"], &fee["currency"]), (&json!("0.04"), &json!("CNY")));
    assert_eq!((&share["kind"], &share["base"]), (&json!("revenue_share"), &statement["lines"][1]["base"]));
    assert_eq!(share["amount"], statement["lines"][1]["amount"]);
    let totals = &after["totals"][0];
    assert_eq!((&totals["fees"], &totals["share"]), (&statement["fees"], &statement["share"]));
    assert_eq!((&totals["total"], &totals["currency"]), (&statement["total"], &json!("CNY")));
    // Whoever asks gets his own app's alone.
    let other = told(&dev.get("/me/usage", &[("X-Api-Key", dev.told("/other_app/api_key"))]));
    assert_eq!((&other["app"], &other["lines"]), (&json!(dev.told("/other_app/client_id")), &json!([])));
}

#[test]
fn what_an_app_pays_is_not_for_its_merchants() {
    let dev = Dev::start();
    let refused = dev.get("/me/usage", &[("Authorization", &dev.bearer(0))]);
    assert_eq!((refused.status, refused.code().as_str()), (403, "own_credential_needed"));
    let own = dev.token_call(&[("grant_type", "client_credentials"), ("scope", "catalog:read")]).json();
    let own = format!("Bearer {}", own["access_token"].as_str().unwrap());
    told(&dev.get("/me/usage", &[("Authorization", &own)]));
}

#[test]
fn after_an_early_close_the_period_is_told_that_takes_the_charges() {
    let dev = Dev::start();
    let headers = [("X-Api-Key", dev.told("/app/api_key"))];
    let period = told(&dev.get("/me/usage", &headers))["period"].clone();
    let close = json!({"period": period, "early": true}).to_string();
    assert_eq!(dev.admin("POST", "/admin/statements", &close).status, 200);
    assert_eq!(dev.get("/api/products", &headers).status, 200);
    let mut after = Value::Null;
    wait_for("the call to be told", || {
        after = dev.get("/me/usage", &headers).json();
        after["lines"][0]["calls"] == 1
    });
    assert!(after["period"].as_str() > period.as_str(), "{after}");
    assert_eq!(after["lines"][0]["service_period"], period);
}

#[test]
fn what_was_told_last_stands_while_the_store_is_away_and_says_as_of_when_it_is() {
    let dev = Dev::start();
    let headers = [("X-Api-Key", dev.told("/app/api_key"))];
    let first = told(&dev.get("/me/usage", &headers));
    // Renamed, the table is not there for whoever asks.
    dev.tamper("alter table closed_period rename to closed_period_away");
    let away_since = Instant::now();
    while away_since.elapsed() < Duration::from_secs(3) {
        std::thread::yield_now();
    }
    assert_eq!(told(&dev.get("/me/usage", &headers)), first);
    let other = dev.get("/me/usage", &[("X-Api-Key", dev.told("/other_app/api_key"))]);
    assert_eq!((other.status, other.code().as_str()), (503, "unavailable"));
    dev.tamper("alter table closed_period_away rename to closed_period");
    wait_for("the books to be back", || {
        dev.get("/me/usage", &[("X-Api-Key", dev.told("/other_app/api_key"))]).status == 200
    });
}

#[test]
fn the_head_of_an_answer_is_told_alone() {
    let dev = Dev::start();
    let headers = [("X-Api-Key", dev.told("/app/api_key"))];
    let head = http::request(dev.base(), "HEAD", "/me", &headers, "");
    assert_eq!((head.status, head.body.len()), (200, 0));
}
