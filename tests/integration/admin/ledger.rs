//! The ledger over HTTP: accounts, their history, the trial balance, and postings by hand.

use serde_json::{Value, json};
use tollgate::store::Page;
use tollgate::store::audit::AuditFilter;

use super::world::{World, text};

/// A payment of a new partner's, under a cause; gives the partner's account.
async fn paid(world: &World, cause: &str, amount: &str) -> (String, Value) {
    let owed = format!("partner:{}:receivable", world.partner().await);
    let body = payment(cause, &owed, amount);
    let posted = world.post("/admin/ledger/postings", &body).await.expect(200);
    assert_eq!(posted["was_posted"], false);
    (owed, body)
}

fn payment(cause: &str, owed: &str, amount: &str) -> Value {
    json!({
        "cause": cause, "debit": "platform:cash", "credit": owed, "amount": amount, "currency": "CNY",
        "reason": "a transfer",
    })
}

#[tokio::test]
async fn a_posting_by_hand_is_recorded_once_with_who_made_it() {
    let world = World::new().await;
    let (owed, body) = paid(&world, "paid-1", "1.25").await;
    let again = world.post("/admin/ledger/postings", &body).await.expect(200);
    assert_eq!((&again["was_posted"], &again["poster"]), (&json!(true), &json!("node")));
    assert_eq!((&again["amount"], &again["at"]), (&json!("1.25"), &json!("2026-11-24T08:00:00Z")));
    let partner = owed.split(':').nth(1).unwrap();
    for subject in ["manual:paid-1", partner] {
        let filter = AuditFilter { subject: Some(subject.to_owned()), ..AuditFilter::default() };
        let records = world.store.audit_records(&filter, &Page::first()).await.unwrap();
        let posted = records.iter().filter(|record| record.action == "ledger.post");
        assert_eq!(posted.count(), 1, "{subject}");
    }
    let other = world.post("/admin/ledger/postings", &payment("paid-1", &owed, "1.26")).await.expect(409);
    let detail = other["detail"].as_str().unwrap();
    for part in ["paid-1 was posted before", "1.25 CNY", "platform:cash", "by node", "another cause"] {
        assert!(detail.contains(part), "no {part:?} in {detail}");
    }
    let checked = world.get("/admin/ledger/check").await.expect(200);
    assert_eq!((&checked["balanced"], &checked["findings"]), (&json!(true), &json!([])));
}

#[tokio::test]
async fn a_payment_by_hand_of_what_a_balance_pays_is_warned_of() {
    let world = World::new().await;
    let (owed, _) = paid(&world, "paid-1", "1.25").await;
    let partner = owed.split(':').nth(1).unwrap();
    let balance = json!({"partner": partner, "kind": "credit", "limit": "5.00", "currency": "CNY"});
    let made = text(&world.post("/admin/balances", &balance).await.expect(201), "id");
    let mut waits = payment("paid-3", &owed, "1.00");
    waits["expires_in"] = json!("1d");
    for body in [payment("paid-2", &owed, "1.00"), waits] {
        let posted = world.post("/admin/ledger/postings", &body).await.expect(200);
        let warning = text(&posted, "warning");
        let whose = format!("fees and shares of all apps of {partner} are paid from {made}");
        assert!(warning.contains(&format!("{whose} (`tollgate balance deposit {made}`)")), "{warning}");
    }
    let dollars = json!({
        "cause": "paid-4", "debit": "platform:cash", "credit": owed, "amount": "1.00", "currency": "USD",
        "reason": "a transfer",
    });
    let posted = world.post("/admin/ledger/postings", &dollars).await.expect(200);
    assert!(posted.get("warning").is_none(), "{posted}");
}

/// Of a partner's apps some have a balance: what the others owe is paid by hand.
#[tokio::test]
async fn a_payment_by_hand_is_warned_of_by_the_apps_whose_fees_balances_pay() {
    let world = World::new().await;
    let app = world.app().await;
    let (partner, mut named) = (text(&app, "partner"), Vec::new());
    let body =
        |number: u8| payment(&format!("paid-{number}"), &format!("partner:{partner}:receivable"), "1.00");
    let unpaid = world.post("/admin/ledger/postings", &body(0)).await.expect(200);
    assert!(unpaid.get("warning").is_none(), "{unpaid}");
    for number in 1..=4 {
        let another = json!({
            "partner": partner, "name": "Another", "redirect_uris": ["http://127.0.0.1:9999/callback"],
            "scopes": ["order:read"], "default_scopes": ["order:read"],
        });
        let id = text(&world.post("/admin/apps", &another).await.expect(201), "id");
        let counts = if number == 1 { "fees" } else { "fees_and_shares" };
        let balance = json!({"app": id, "kind": "prepaid", "currency": "CNY", "counts": counts});
        let balance = text(&world.post("/admin/balances", &balance).await.expect(201), "id");
        let what = counts.replace('_', " ");
        let deposit = format!("`tollgate balance deposit {balance}`");
        named.push(format!("{what} of app {id} are paid from {balance} ({deposit})"));
        let posted = world.post("/admin/ledger/postings", &body(number)).await.expect(200);
        let warning = text(&posted, "warning");
        let told = named.iter().filter(|one| warning.contains(*one)).count();
        let others = warning.contains("and those of other apps from others");
        assert_eq!((told, others), (usize::from(number.min(3)), number == 4), "{warning}");
    }
}

#[tokio::test]
async fn a_new_balance_that_keeps_sales_from_passing_is_warned_of() {
    let world = World::new().await;
    let app = text(&world.app().await, "id");
    let partner = world.partner().await;
    for (body, warning) in [
        (
            json!({"app": app, "kind": "prepaid", "currency": "EUR"}),
            Some("until money is paid in, sales of this app"),
        ),
        (json!({"app": app, "kind": "prepaid", "currency": "USD", "counts": "fees"}), None),
        (json!({"app": app, "kind": "credit", "limit": "1.00", "currency": "CNY"}), None),
        (
            json!({"partner": partner, "kind": "budget", "limit": "0.00", "currency": "CNY"}),
            Some("until its limit is raised, sales of this partner's apps"),
        ),
    ] {
        let made = world.post("/admin/balances", &body).await.expect(201);
        match warning {
            Some(warning) => assert!(text(&made, "warning").starts_with(warning), "{made}"),
            None => assert!(made.get("warning").is_none(), "{made}"),
        }
    }
}

#[tokio::test]
async fn a_posting_by_hand_that_makes_no_sense_is_refused_by_its_fields() {
    let world = World::new().await;
    let (owed, body) = paid(&world, "paid-1", "1.25").await;
    let with = |field: &str, value: Value| {
        let mut body = body.clone();
        body["cause"] = json!("paid-2");
        body[field] = value;
        body
    };
    for (body, pointer) in [
        (with("cause", json!("two words")), "/cause"),
        (with("cause", json!("")), "/cause"),
        (with("debit", json!("platform:pocket")), "/debit"),
        (with("debit", json!(owed)), "/credit"),
        (with("credit", json!("partner:partner_nobody:receivable")), "/credit"),
        (with("credit", json!("merchant:mer_nobody:payable")), "/credit"),
        (with("credit", json!("platform:pending")), "/credit"),
        (with("credit", json!("platform:deposit")), "/credit"),
        (with("debit", json!("platform:held")), "/debit"),
        (with("amount", json!("0")), "/amount"),
        (with("amount", json!("-1.00")), "/amount"),
        (with("amount", json!("1.001")), "/amount"),
        (with("amount", json!("10000000000000.01")), "/amount"),
        (with("amount", json!(1)), "/amount"),
        (with("currency", json!("XXY")), "/currency"),
        (with("reason", json!("")), "/reason"),
        (with("reason", Value::Null), "/reason"),
        (with("poster", json!("li")), "/poster"),
    ] {
        let refused = world.post("/admin/ledger/postings", &body).await.expect(422);
        assert_eq!(refused["errors"][0]["pointer"], pointer, "{body}: {refused}");
    }
    let accounts = world.get("/admin/ledger/accounts").await.expect(200);
    assert_eq!(accounts["items"].as_array().unwrap().len(), 2, "nothing but the first was posted");
}

#[tokio::test]
async fn accounts_are_told_as_they_were_and_of_whom() {
    let world = World::new().await;
    let (owed, _) = paid(&world, "paid-1", "1.25").await;
    let listed = async |query: &str| {
        let listed = world.get(&format!("/admin/ledger/accounts{query}")).await.expect(200);
        let told = |item: &Value| {
            format!("{} {}", item["account"].as_str().unwrap(), item["balance"].as_str().unwrap())
        };
        listed["items"].as_array().unwrap().iter().map(told).collect::<Vec<_>>()
    };
    let both = [format!("{owed} -1.25"), "platform:cash 1.25".to_owned()];
    assert_eq!(listed("").await, both);
    assert_eq!(listed("?as_of=2026-11-24T08:00:00Z").await, both);
    assert!(listed("?as_of=2026-11-24T07:59:59Z").await.is_empty());
    assert_eq!(listed("?party=platform").await, both[1..]);
    assert_eq!(listed(&format!("?party={}", owed.trim_end_matches(":receivable"))).await, both[..1]);
    let nobody = world.get("/admin/ledger/accounts?party=merchant:mer_1").await.expect(404);
    assert!(nobody["detail"].as_str().unwrap().contains("no merchant:mer_1"), "{nobody}");
    let first = world.get("/admin/ledger/accounts?limit=1").await.expect(200);
    assert_eq!(first["items"].as_array().unwrap().len(), 1);
    assert_eq!(listed(&format!("?limit=5&after={}", text(&first, "next"))).await, both[1..]);
    let sums = world.get("/admin/ledger/trial-balance").await.expect(200);
    let cny =
        json!({"currency": "CNY", "debits": "1.25", "credits": "1.25", "difference": "0.00", "accounts": 2});
    assert_eq!(sums["items"], json!([cny]));
    for wrong in ["accounts?party=shop:1", "accounts?as_of=noon", "trial-balance?as_of=noon"] {
        world.get(&format!("/admin/ledger/{wrong}")).await.expect(422);
    }
}

#[tokio::test]
async fn a_history_is_told_page_by_page_with_what_the_account_came_to() {
    let world = World::new().await;
    let (owed, _) = paid(&world, "paid-1", "1.00").await;
    for (cause, amount) in [("paid-2", "2.00"), ("paid-3", "3.00")] {
        world.post("/admin/ledger/postings", &payment(cause, &owed, amount)).await.expect(200);
    }
    let path = format!("/admin/ledger/accounts/{owed}/history");
    let (mut seen, mut after, mut before) = (Vec::new(), "0".to_owned(), "0.00".to_owned());
    loop {
        let page = world.get(&format!("{path}?limit=2&after={after}")).await.expect(200);
        assert_eq!(page["opening_balance"], before);
        before = page["closing_balance"].as_str().unwrap().to_owned();
        for item in page["items"].as_array().unwrap() {
            assert_eq!((&item["app"], &item["reason"]), (&Value::Null, &json!("a transfer")));
            seen.push(format!("{} {} {}", item["cause"], item["amount"], item["balance"]).replace('"', ""));
        }
        match page["next"].as_str() {
            Some(next) => after = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen, ["manual:paid-1 -1.00 -1.00", "manual:paid-2 -2.00 -3.00", "manual:paid-3 -3.00 -6.00"]);
    let dollars = json!({
        "cause": "paid-4", "debit": "platform:cash", "credit": owed, "amount": "1.00", "currency": "USD",
        "reason": "a transfer",
    });
    world.post("/admin/ledger/postings", &dollars).await.expect(200);
    let which = world.get(&path).await.expect(422);
    assert!(which["errors"][0]["detail"].as_str().unwrap().contains("CNY, USD"), "{which}");
    let dollars = world.get(&format!("{path}?currency=USD")).await.expect(200);
    assert_eq!((&dollars["closing_balance"], &dollars["currency"]), (&json!("-1.00"), &json!("USD")));
    for missing in [format!("{path}?currency=JPY"), "/admin/ledger/accounts/platform:held/history".to_owned()]
    {
        let refused = world.get(&missing).await.expect(404);
        assert!(refused["detail"].as_str().unwrap().contains("Nothing was posted to"), "{refused}");
    }
    world.get("/admin/ledger/accounts/shop/history").await.expect(404);
    for wrong in ["after=x", "after=-1", "limit=0", "limit=501", "currency=XXY", "order=desc"] {
        world.get(&format!("{path}?{wrong}")).await.expect(422);
    }
}
