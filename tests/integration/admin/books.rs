//! Usage, statements and ledger over HTTP, on empty books. Full ones are in the README's tour.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tollgate::billing::books::recorder::record_batch;
use tollgate::domain::time::Timestamp;
use tollgate::domain::usage::{Evidence, UsageRecord};
use tollgate::metering::drain::{Drained, UsageSink};

use super::world::{World, text};

#[tokio::test]
async fn empty_books_balance() {
    let world = World::new().await;
    let checked = world.get("/admin/ledger/check").await.expect(200);
    assert_eq!((&checked["balanced"], &checked["findings"]), (&json!(true), &json!([])));
    for path in ["usage", "exceptions", "statements", "sales/pending", "sales/waiting", "ledger/accounts"] {
        let listed = world.get(&format!("/admin/{path}")).await.expect(200);
        assert_eq!(listed, json!({"items": [], "next": null}), "{path}");
    }
}

#[tokio::test]
async fn a_period_that_runs_is_closed_only_on_demand_and_only_once() {
    let world = World::new().await;
    let open = world.post("/admin/statements", &json!({"period": "2026-11"})).await.expect(409);
    assert!(open["detail"].as_str().unwrap().contains("2026-11-30T16:00:00Z"), "{open}");
    let closed =
        world.post("/admin/statements", &json!({"period": "2026-11", "early": true})).await.expect(200);
    assert_eq!((&closed["was_closed"], &closed["items"]), (&json!(false), &json!([])));
    let again = world.post("/admin/statements", &json!({"period": "2026-11"})).await.expect(200);
    assert_eq!(again["was_closed"], true);
    let past = world.post("/admin/statements", &json!({"period": "2026-10"})).await.expect(200);
    assert_eq!(past["was_closed"], false);
    let future = json!({"period": "2026-12", "early": true});
    let future = world.post("/admin/statements", &future).await.expect(409);
    assert!(future["detail"].as_str().unwrap().contains("begins at 2026-11-30T16:00:00Z"), "{future}");
}

/// The version came into force, and no call has come since by which the books would have heard of it.
#[tokio::test]
async fn a_period_without_calls_is_charged_by_the_versions_that_came_into_force() {
    let world = World::with_policies(|policies| {
        let file = policies.join("plans/supplier.yaml");
        let text = std::fs::read_to_string(&file).unwrap();
        let monthly = text.replacen("    currency: CNY\n", "    currency: CNY\n    monthly_fee: 30.00\n", 1);
        assert_ne!(text, monthly);
        std::fs::write(&file, monthly).unwrap();
    })
    .await;
    let app = text(&world.app().await, "id");
    let subscription = json!({"app": app, "product": "supply", "plan": "supplier"});
    world.post("/admin/subscriptions", &subscription).await.expect(201);
    world.clock.advance(std::time::Duration::from_secs(8 * 24 * 3600));
    world.post("/admin/statements", &json!({"period": "2026-11"})).await.expect(200);
    let closed = world.get("/admin/statements?period=2026-11").await.expect(200);
    // Seven days of thirty, from the 24th on.
    let line = &closed["items"][0]["lines"][0];
    assert_eq!((&line["kind"], &line["amount"]), (&json!("monthly_fee"), &json!("7.00")), "{closed}");
}

/// Books with exceptions of these numbers of a usage record; nothing is said of what they were worth.
pub(super) async fn with_exceptions(world: &World, numbers: std::ops::RangeInclusive<u64>) {
    use crate::billing::seed::{journal_of, november, plan, register, tariff, time, usage};
    register(&world.store, &plan("standard", 1), &tariff("0.01", 0, "2.5")).await;
    let last = *numbers.end();
    let unreadable = |number: u64| {
        let reason = "it is not JSON".to_owned();
        let evidence = Evidence::Exception { reason };
        Drained::Usage(number, Box::new(UsageRecord { evidence, ..usage(u128::from(number), 1, None) }))
    };
    let batch = (numbers.map(unreadable).collect(), last);
    record_batch(&world.store, &journal_of("node-1"), batch, time(november())).await.unwrap();
}

/// Books with calls of these numbers and times, of a node of its own whose clock is not believed.
pub(crate) async fn with_doubted(world: &World, name: &str, calls: &[(u64, Timestamp)]) {
    use crate::billing::remembered::recorder_at;
    use crate::billing::seed::{journal, node, november, usage};
    let of = |(number, at): &(u64, Timestamp)| UsageRecord {
        at: *at,
        node: node(name),
        ..usage(u128::from(*number), 1, None)
    };
    let (batch, up_to) = journal(1, &calls.iter().map(of).collect::<Vec<_>>());
    recorder_at(&world.store, name, november()).await.record(batch, up_to).await.unwrap();
}

#[tokio::test]
async fn an_operator_decides_about_all_calls_of_a_clock_that_are_chosen() {
    let days = |days: u64| Duration::from_secs(days * 86_400);
    let now = crate::billing::seed::november();
    let world = World::new().await;
    with_exceptions(&world, 1..=1).await;
    with_doubted(&world, "node-2", &[51, 52, 53].map(|number| (number, now.minus(days(number))))).await;
    with_doubted(&world, "node-3", &[(61, now.minus(days(61))), (40, now.plus(days(40)))]).await;
    let decide = async |chosen: Value| {
        let mut body =
            json!({"kind": "time", "decision": "rate_at_its_time", "who": "li", "why": "it is right"});
        body.as_object_mut().unwrap().extend(chosen.as_object().unwrap().clone());
        world.post("/admin/exceptions/resolve", &body).await.expect(200)
    };
    let none = json!({"resolved": 0, "refused": [], "next": null});
    assert_eq!(decide(json!({"node": "node-4"})).await, none);
    assert_eq!(decide(json!({"app": "app_2"})).await, none);
    let until = now.minus(days(52)).to_string();
    let oldest = decide(json!({"node": "node-2", "app": "app_1", "until": until})).await;
    assert_eq!((&oldest["resolved"], &oldest["next"]), (&json!(1), &Value::Null));
    let newest = world.get("/admin/audit?limit=1").await.expect(200)["items"][0].clone();
    assert_eq!((&newest["action"], &newest["subject"]), (&json!("exception.resolve"), &json!(usage_id(53))));
    assert_eq!(
        newest["after"]["chosen"],
        json!({"kind": "time", "node": "node-2", "app": "app_1", "from": null, "until": until})
    );
    assert_eq!(decide(json!({"node": "node-2"})).await["resolved"], 2);
    for resolved in [1, 0] {
        let rest = decide(json!({})).await;
        assert_eq!((&rest["resolved"], &rest["refused"][0]["id"]), (&json!(resolved), &json!(usage_id(40))));
        assert!(rest["refused"][0]["why"].as_str().unwrap().contains("still to come"), "{rest}");
    }
    let left = world.get("/admin/exceptions").await.expect(200);
    assert_eq!(left["items"].as_array().unwrap().len(), 2, "{left}");
    let owed = world.get("/admin/statements?period=2026-10").await.expect(200);
    assert_eq!(owed["items"][0]["total"], "0.03");
    let wrong = json!({"kind": "evidence", "decision": "rate_by", "who": "li", "why": "so"});
    let wrong = world.post("/admin/exceptions/resolve", &wrong).await.expect(422);
    assert_eq!(wrong["errors"].as_array().unwrap().len(), 2, "{wrong}");
    let checked = world.get("/admin/ledger/check").await.expect(200);
    assert_eq!(checked["findings"], json!([]));
}

pub(super) fn usage_id(number: u128) -> String {
    format!("usage:{}", uuid::Uuid::from_u128(number))
}

#[tokio::test]
async fn exceptions_are_listed_page_by_page() {
    let world = World::new().await;
    with_exceptions(&world, 1..=5).await;
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let listed = world.get(&format!("/admin/exceptions?limit=2&after={after}")).await.expect(200);
        seen.extend(listed["items"].as_array().unwrap().iter().map(|item| item["id"].clone()));
        match listed["next"].as_str() {
            Some(next) => after = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen, (1..=5).map(|number| json!(usage_id(number))).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_operator_resolves_exceptions_and_each_once() {
    let world = World::new().await;
    with_exceptions(&world, 1..=3).await;
    let path = |number| format!("/admin/exceptions/{}/resolve", usage_id(number));
    let sale = json!({"id": "o-1", "kind": "sale", "amount": "100.00", "currency": "CNY"});
    let by = json!({"decision": "rate_by", "who": "li", "why": "the shop's books", "units": 1, "transaction": sale});
    world.post(&path(1), &by).await.expect(200);
    let again = world.post(&path(1), &by).await.expect(200);
    assert_eq!(
        (&again["was_resolved"], &again["outcome"], &again["who"]),
        (&json!(true), &json!("rated"), &json!("li"))
    );
    let other = json!({"decision": "waive", "who": "li", "why": "a test call"});
    let other = world.post(&path(1), &other).await.expect(409);
    assert!(other["detail"].as_str().unwrap().contains("rated, by li"), "{other}");
    world.post(&path(9), &by).await.expect(404);
    let waive = json!({"decision": "waive", "who": "li", "why": "a test call"});
    world.post(&path(2), &waive).await.expect(200);
    let again = json!({"decision": "rate_again", "who": "li", "why": "it may be there now"});
    let refused = world.post(&path(3), &again).await.expect(409);
    assert!(refused["detail"].as_str().unwrap().contains("stays open"), "{refused}");
    let left = world.get("/admin/exceptions").await.expect(200);
    assert_eq!((left["items"].as_array().unwrap().len(), &left["items"][0]["id"]), (1, &json!(usage_id(3))));
    let statements = world.get("/admin/statements?period=2026-11").await.expect(200);
    assert_eq!(statements["items"][0]["total"], "2.51");
    let items: Vec<_> =
        statements["items"][0]["lines"].as_array().unwrap().iter().map(|line| line["item"].clone()).collect();
    assert_eq!(items, ["calls", "share"], "items have names that the plan does not give them, too");
    let checked = world.get("/admin/ledger/check").await.expect(200);
    assert_eq!(checked["findings"], json!([]));
}

#[tokio::test]
async fn who_decides_is_whose_name_the_token_has_unless_it_is_said() {
    let world = World::new().await;
    with_exceptions(&world, 1..=2).await;
    let made = world.post("/admin/tokens", &json!({"name": "wang"})).await.expect(201);
    let by = format!("Bearer {}", made["token"].as_str().unwrap());
    for (number, body, who) in [
        (1, json!({"decision": "waive", "why": "a test call"}), "wang"),
        (2, json!({"decision": "waive", "who": "li", "why": "a test call"}), "li"),
    ] {
        let path = format!("/admin/exceptions/{}/resolve", usage_id(number));
        let mut request = world.request(Method::POST, &path, body.to_string());
        request.headers_mut().insert("authorization", by.parse().unwrap());
        assert_eq!(world.send(request).await.expect(200)["who"], who);
    }
}

#[tokio::test]
async fn a_usage_record_names_its_charges_and_what_was_decided_about_it() {
    let world = World::new().await;
    with_exceptions(&world, 1..=2).await;
    let id = |number| uuid::Uuid::from_u128(number).to_string();
    let sale = json!({"id": "o-1", "kind": "sale", "amount": "100.00", "currency": "CNY"});
    let by = json!({"decision": "rate_by", "who": "li", "why": "the shop's books", "units": 0, "transaction": sale});
    let answer = world.post(&format!("/admin/exceptions/{}/resolve", usage_id(1)), &by).await.expect(200);
    let record = world.get(&format!("/admin/usage/{}", id(1))).await.expect(200);
    let charges = record["charges"].as_array().unwrap();
    let share = charges.iter().find(|charge| charge["kind"] == "revenue_share").unwrap();
    assert_eq!((&share["amount"], &share["period"]), (&json!("2.50"), &json!("2026-11")));
    assert!(charges.iter().all(|charge| charge["amount"] != "0"), "{record}");
    assert_eq!(answer["charges"], record["charges"]);
    let stated = world.get("/admin/statements/2026-11/app_1/charges").await.expect(200);
    let stated = &stated["items"][0];
    assert_eq!(
        (&stated["at"], &stated["route"], &stated["method"], &stated["usage"]),
        (&record["at"], &record["route"], &record["method"], &json!(id(1)))
    );
    let resolution = &record["resolution"];
    assert_eq!((&resolution["who"], &resolution["why"]), (&json!("li"), &json!("the shop's books")));
    assert_eq!((&resolution["outcome"], resolution["at"].is_string()), (&json!("rated"), true));
    let open = world.get(&format!("/admin/usage/{}", id(2))).await.expect(200);
    assert_eq!((&open["charges"], &open["resolution"]), (&json!([]), &json!(null)));
}

#[tokio::test]
async fn a_close_tells_how_many_calls_of_the_period_are_not_rated() {
    let world = World::new().await;
    with_exceptions(&world, 1..=3).await;
    let waive = json!({"decision": "waive", "who": "li", "why": "a test call"});
    world.post(&format!("/admin/exceptions/{}/resolve", usage_id(1)), &waive).await.expect(200);
    let october = world.post("/admin/statements", &json!({"period": "2026-10"})).await.expect(200);
    assert_eq!(october["open_exceptions"], 0);
    let body = json!({"period": "2026-11", "early": true});
    let closed = world.post("/admin/statements", &body).await.expect(200);
    assert_eq!((&closed["was_closed"], &closed["open_exceptions"]), (&json!(false), &json!(2)));
}

#[tokio::test]
async fn what_is_billed_on_a_later_statement_is_not_said_to_be_unused() {
    let world = World::new().await;
    with_exceptions(&world, 1..=1).await;
    world.post("/admin/statements", &json!({"period": "2026-11", "early": true})).await.expect(200);
    let path = "/admin/statements/2026-11/app_1";
    let unused = world.get(path).await.expect(404);
    assert!(unused["detail"].as_str().unwrap().contains("nothing was used"), "{unused}");
    let by = json!({"decision": "rate_by", "who": "li", "why": "w", "units": 1});
    world.post(&format!("/admin/exceptions/{}/resolve", usage_id(1)), &by).await.expect(200);
    let later = world.get(path).await.expect(404);
    assert!(later["detail"].as_str().unwrap().contains("billed on a later one"), "{later}");
    let record = world.get(&format!("/admin/usage/{}", uuid::Uuid::from_u128(1))).await.expect(200);
    assert_eq!(record["charges"][0]["period"], "2026-12");
}

#[tokio::test]
async fn a_decision_that_is_not_whole_is_refused() {
    let world = World::new().await;
    with_exceptions(&world, 1..=1).await;
    let path = format!("/admin/exceptions/{}/resolve", usage_id(1));
    let sale = json!({"id": "o-1", "kind": "sale", "amount": "1.00", "currency": "CNY"});
    let with = |field: &str, value: serde_json::Value| {
        let mut sale = sale.clone();
        sale[field] = value;
        json!({"decision": "rate_by", "who": "li", "why": "w", "units": 1, "transaction": sale})
    };
    for (body, pointer) in [
        (json!({"decision": "forget", "who": "li", "why": "w"}), "/decision"),
        (json!({"decision": "waive", "why": "w"}), "/who"),
        (json!({"decision": "waive", "who": "li"}), "/why"),
        (json!({"decision": "waive", "who": "li", "why": "w", "units": 1}), "/units"),
        (json!({"decision": "rate_by", "who": "li", "why": "w"}), "/units"),
        (json!({"decision": "rate_by", "who": "li", "why": "w", "units": 0}), "/units"),
        (json!({"decision": "rate_by", "who": "li", "why": "w", "units": -1}), "/units"),
        (with("amount", json!("-1.00")), "/transaction"),
        (with("amount", json!("1.001")), "/transaction"),
        (with("currency", json!("XXY")), "/transaction"),
        (with("kind", json!("gift")), "/transaction"),
        (with("of", json!("o-2")), "/transaction"),
        (with("id", json!("")), "/transaction"),
        (with("colour", json!("red")), "/transaction"),
    ] {
        let refused = world.post(&path, &body).await.expect(422);
        assert_eq!(refused["errors"][0]["pointer"], pointer, "{body}: {refused}");
    }
}

#[tokio::test]
async fn a_final_statement_is_given_byte_for_byte() {
    let world = World::new().await;
    with_exceptions(&world, 1..=1).await;
    let path = "/admin/statements/2026-11/app_1/content";
    world.get(path).await.expect(404);
    let by = json!({"decision": "rate_by", "who": "li", "why": "w", "units": 1});
    world.post(&format!("/admin/exceptions/{}/resolve", usage_id(1)), &by).await.expect(200);
    world.post("/admin/statements", &json!({"period": "2026-11", "early": true})).await.expect(200);
    let closed = world.get("/admin/statements?period=2026-11").await.expect(200);
    let content = world.get(path).await;
    assert_eq!((content.status.as_u16(), content.header("content-type")), (200, "application/json"));
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &content.body);
    let hexadecimal: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(closed["items"][0]["hash"], hexadecimal);
    assert_eq!(world.get(&format!("{path}?currency=CNY")).await.body, content.body);
    world.get(&format!("{path}?currency=USD")).await.expect(404);
}

#[tokio::test]
async fn a_call_that_was_worth_its_transaction_alone_is_rated_without_a_fee() {
    let world = World::new().await;
    with_exceptions(&world, 1..=1).await;
    let sale = json!({"id": "o-1", "kind": "sale", "amount": "100.00", "currency": "CNY"});
    let by = json!({"decision": "rate_by", "who": "li", "why": "w", "units": 0, "transaction": sale});
    world.post(&format!("/admin/exceptions/{}/resolve", usage_id(1)), &by).await.expect(200);
    let statements = world.get("/admin/statements?period=2026-11").await.expect(200);
    assert_eq!(statements["items"][0]["total"], "2.50");
}

#[tokio::test]
async fn of_an_open_period_the_content_is_a_draft_that_says_so() {
    let world = World::new().await;
    with_exceptions(&world, 1..=1).await;
    let by = json!({"decision": "rate_by", "who": "li", "why": "w", "units": 1});
    world.post(&format!("/admin/exceptions/{}/resolve", usage_id(1)), &by).await.expect(200);
    let path = "/admin/statements/2026-11/app_1/content";
    let draft = world.get(path).await.expect(200);
    assert_eq!(
        (&draft["status"], &draft["total"], &draft["number"]),
        (&json!("draft"), &json!("0.01"), &json!(null))
    );
    world.get(&format!("{path}?currency=USD")).await.expect(404);
    world.post("/admin/statements", &json!({"period": "2026-11", "early": true})).await.expect(200);
    assert_eq!(world.get(path).await.expect(200)["number"], 1);
}

#[tokio::test]
async fn what_is_no_period_or_time_is_refused() {
    let world = World::new().await;
    for query in [
        "usage?period=2026-13",
        "usage?period=2026-11&from=2026-11-01T00:00:00Z",
        "usage?from=yesterday",
        "usage?limit=0",
        "statements?period=november",
        "exceptions?limit=501",
        "ledger/check?deep=yes",
    ] {
        assert_eq!(
            world.get(&format!("/admin/{query}")).await.expect(422)["code"],
            "fields_invalid",
            "{query}"
        );
    }
    for path in ["usage/nothing", "statements/2026-11/app_x", "statements/2026-13/app_x"] {
        assert_eq!(world.get(&format!("/admin/{path}")).await.expect(404)["code"], "not_found", "{path}");
    }
    world.post("/admin/statements", &json!({"period": "2026-13"})).await.expect(422);
    assert_eq!(world.get("/admin/usage?app=app_nope").await.expect(404)["code"], "not_found");
}
