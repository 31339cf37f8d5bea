//! Every route that changes something leaves its record: who, what, when, from where, before and after, and no secret.

use std::collections::BTreeSet;
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tollgate::domain::authentication::{Authentication, AuthenticationClass, LoginMethod};
use tollgate::domain::balance::{Lease, Part, Run, Stretch};
use tollgate::domain::id::{AppId, GrantId, MerchantId};
use tollgate::domain::plan::PlanRef;
use tollgate::domain::secret_hash::SessionHash;
use tollgate::domain::time::Clock;
use tollgate::store::first_factor::FirstFactor;
use tollgate::store::login_session::LoginSession;

use super::books::{usage_id, with_doubted, with_exceptions};
use super::world::{ADDRESS, TOKEN, World, text};
use crate::support::provider::trust;

/// The table of routes, as it is written.
const ROUTER: &str = include_str!("../../../src/admin/router.rs");

/// A route that only asks, though by `POST`.
const ASKING: &str = "POST /keys/inspect";

/// All routes of the table that change something, such as `POST /partners`.
pub(super) fn changing_routes() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for route in ROUTER.split(".route(").skip(1) {
        let path = route.split('"').nth(1).unwrap();
        for (handler, method) in
            [("post(", "POST"), ("patch(", "PATCH"), ("put(", "PUT"), ("delete(", "DELETE"), ("any(", "ANY")]
        {
            let called = route.match_indices(handler).map(|(at, _)| at);
            let is_word =
                |at: usize| route[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_');
            if called.into_iter().any(|at| !is_word(at)) {
                found.insert(format!("{method} {path}"));
            }
        }
    }
    assert!(found.remove(ASKING));
    found
}

/// Whether something was there before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Before {
    Told,
    Nothing,
}

use Before::{Nothing, Told};

/// Goes from route to route.
struct Walk<'w> {
    world: &'w World,
    left: BTreeSet<String>,
    secrets: Vec<String>,
}

impl Walk<'_> {
    async fn newest(&self) -> Value {
        self.world.get("/admin/audit?limit=1").await.expect(200)["items"][0].clone()
    }

    /// Calls a route of the table, with `names` in the place of what its path leaves open, and looks at what that has left.
    async fn calls(
        &mut self,
        (route, names): (&str, &[&str]),
        body: Value,
        (action, subject, before): (&str, Option<&str>, Before),
    ) -> Value {
        assert!(self.left.remove(route), "{route} is none of the table's, or was called before");
        let (method, open) = route.split_once(' ').unwrap();
        let mut names = names.iter();
        let parts =
            open.split('/').map(|part| if part.starts_with('{') { names.next().unwrap() } else { part });
        let path = format!("/admin{}", parts.collect::<Vec<_>>().join("/"));
        let number = self.newest().await["number"].as_i64().unwrap_or(0);
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let answered = self.world.send(self.world.request(method, &path, body.to_string())).await;
        assert!(answered.status.is_success(), "{route}: {answered:?}");
        let (answer, record) = (answered.json(), self.newest().await);
        assert_eq!(record["number"], number + 1, "{route} left no record, or more than one: {record}");
        let subject = subject.map_or_else(|| text(&answer, "id"), str::to_owned);
        assert_eq!((&record["action"], &record["subject"]), (&json!(action), &json!(subject)), "{route}");
        assert_eq!(
            (&record["actor"], &record["at"]),
            (&json!("administrator:node"), &json!("2026-11-24T08:00:00Z"))
        );
        assert_eq!(record["address"], ADDRESS.to_string(), "{route}");
        assert_eq!(record["request_id"], answered.header("x-request-id"), "{route}");
        assert_eq!(record["before"].is_null(), before == Nothing, "{route}: {record}");
        self.secrets.extend(
            ["client_secret", "key", "password", "secret", "token"]
                .iter()
                .filter_map(|name| answer[name].as_str().map(str::to_owned)),
        );
        answer
    }
}

#[tokio::test]
async fn every_changing_route_leaves_a_record_with_all_of_it_and_no_secret() {
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), "secret").unwrap();
    let provider = ("https://login.example.com", secret.path());
    let world = World::with_policies(|policies| trust(policies, provider, &[])).await;
    with_exceptions(&world, 1..=1).await;
    let mut walk = Walk { world: &world, left: changing_routes(), secrets: vec![TOKEN.to_owned()] };
    assert!(walk.left.len() > 25, "the table is read wrongly: {:?}", walk.left);
    let nothing = || json!({});
    let reload = ("policy.reload", Some("policies"), Told);
    walk.calls(("POST /policy/reload", &[]), nothing(), reload).await;

    let partner =
        walk.calls(("POST /partners", &[]), json!({"name": "A"}), ("partner.create", None, Nothing)).await;
    let partner = text(&partner, "id");
    for (route, action) in
        [("POST /partners/{id}/suspend", "partner.suspend"), ("POST /partners/{id}/resume", "partner.resume")]
    {
        walk.calls((route, &[&partner]), nothing(), (action, Some(&partner), Told)).await;
    }

    let body = json!({
        "partner": partner, "name": "Order helper", "redirect_uris": ["http://127.0.0.1:9999/callback"],
        "scopes": ["order:read"], "default_scopes": ["order:read"],
    });
    let app = walk.calls(("POST /apps", &[]), body, ("app.create", None, Nothing)).await;
    let app = text(&app, "id");
    for (route, action, body) in [
        ("PATCH /apps/{id}", "app.update", json!({"name": "Order helpers"})),
        ("POST /apps/{id}/suspend", "app.suspend", nothing()),
        ("POST /apps/{id}/resume", "app.resume", nothing()),
        ("POST /apps/{id}/introspection", "app.introspection", json!({"of": "all"})),
    ] {
        walk.calls((route, &[&app]), body, (action, Some(&app), Told)).await;
    }
    let added = ("app.add_secret", Some(&*app), Nothing);
    let secret = walk.calls(("POST /apps/{id}/secrets", &[&app]), nothing(), added).await;
    let secret = text(&secret["secret"], "id");
    let revoked = ("app.revoke_secret", Some(&*app), Told);
    walk.calls(("POST /apps/{id}/secrets/{secret}/revoke", &[&app, &secret]), nothing(), revoked).await;

    let key = walk.calls(("POST /keys", &[]), json!({"app": app}), ("key.create", None, Nothing)).await;
    let key = text(&key, "id");
    walk.calls(("POST /keys/{id}/rotate", &[&key]), nothing(), ("key.rotate", Some(&key), Told)).await;
    walk.calls(("POST /keys/{id}/revoke", &[&key]), nothing(), ("key.revoke", Some(&key), Told)).await;

    let body = json!({"app": app, "subject": "CN=erp"});
    let made = ("client_certificate.create", None, Nothing);
    let certificate = text(&walk.calls(("POST /client-certificates", &[]), body, made).await, "id");
    let rotated = ("client_certificate.rotate", Some(&*certificate), Told);
    let route = "POST /client-certificates/{id}/rotate";
    walk.calls((route, &[&certificate]), json!({"subject": "CN=erp 2"}), rotated).await;
    let revoked = ("client_certificate.revoke", Some(&*certificate), Told);
    let route = "POST /client-certificates/{id}/revoke";
    walk.calls((route, &[&certificate]), nothing(), revoked).await;

    let body = json!({"app": app, "algorithm": "hmac-sha256"});
    let made = ("signature_key.create", None, Nothing);
    let key = text(&walk.calls(("POST /signature-keys", &[]), body, made).await, "id");
    let rotated = ("signature_key.rotate", Some(&*key), Told);
    walk.calls(("POST /signature-keys/{id}/rotate", &[&key]), nothing(), rotated).await;
    let revoked = ("signature_key.revoke", Some(&*key), Told);
    walk.calls(("POST /signature-keys/{id}/revoke", &[&key]), nothing(), revoked).await;

    merchants(&mut walk, &app).await;

    let rotated = walk.world.get("/admin/signing-keys").await.expect(200);
    let first = text(&rotated["items"][0], "kid");
    let revoked = ("signing_key.revoke", Some(&*first), Told);
    walk.calls(("POST /signing-keys/{kid}/revoke", &[&first]), nothing(), revoked).await;
    let proof_keys = walk.world.get("/admin/proof-keys").await.expect(200);
    let first = text(&proof_keys["items"][0], "kid");
    let revoked = ("proof_key.revoke", Some(&*first), Told);
    walk.calls(("POST /proof-keys/{kid}/revoke", &[&first]), nothing(), revoked).await;
    let body = json!({"app": app, "product": "storefront", "plan": "standard"});
    let made = walk.calls(("POST /subscriptions", &[]), body, ("subscription.create", None, Nothing)).await;
    let made = text(&made, "id");
    let moved = ("subscription.move", Some(&*made), Told);
    walk.calls(("POST /subscriptions/{id}/move", &[&made]), json!({"version": 1}), moved).await;
    let ended = ("subscription.end", Some(&*made), Told);
    walk.calls(("POST /subscriptions/{id}/end", &[&made]), json!({"app": app}), ended).await;

    let body = json!({"app": app, "kind": "prepaid", "currency": "CNY"});
    let made = walk.calls(("POST /balances", &[]), body, ("balance.create", None, Nothing)).await;
    let made = text(&made, "id");
    let (body, paid) = (json!({"amount": "5.00", "cause": "transfer 1"}), ("balance.deposit", None, Nothing));
    walk.calls(("POST /balances/{id}/deposits", &[&made]), body, paid).await;
    let (body, out) = (json!({"amount": "1.00", "cause": "back 1"}), ("balance.withdraw", None, Nothing));
    walk.calls(("POST /balances/{id}/withdrawals", &[&made]), body, out).await;
    let body = json!({"deposit": "transfer 1", "amount": "4.00", "cause": "typed wrong"});
    let corrected = ("balance.correct", None, Nothing);
    walk.calls(("POST /balances/{id}/corrections", &[&made]), body, corrected).await;
    leased(&world, &made, &app).await;
    let given_back = ("balance.give_back", None, Nothing);
    walk.calls(("POST /balances/{id}/give-back", &[&made]), json!({"node": "node-9"}), given_back).await;
    let ended = ("balance.end", None, Nothing);
    walk.calls(("POST /balances/{id}/end", &[&made]), json!({"cause": "left"}), ended).await;
    let body = json!({"app": app, "kind": "credit", "currency": "CNY", "limit": "5.00"});
    let made = text(&walk.world.post("/admin/balances", &body).await.expect(201), "id");
    let (body, limit) = (json!({"limit": "7.00", "cause": "asked for"}), ("balance.limit", None, Told));
    walk.calls(("POST /balances/{id}/limit", &[&made]), body, limit).await;

    let token =
        walk.calls(("POST /tokens", &[]), json!({"name": "alice"}), ("token.create", None, Nothing)).await;
    let token = text(&token, "id");
    walk.calls(("POST /tokens/{id}/revoke", &[&token]), nothing(), ("token.revoke", Some(&token), Told))
        .await;

    let names = ["route", "place-order"];
    let body = json!({"reason": "too many double orders", "message": "Orders are closed."});
    let off = ("kill_switch.off", Some("route:place-order"), Nothing);
    walk.calls(("PUT /kill-switches/{kind}/{name}", &names), body, off).await;
    let on = ("kill_switch.on", Some("route:place-order"), Told);
    walk.calls(("DELETE /kill-switches/{kind}/{name}", &names), nothing(), on).await;

    let exception = usage_id(1);
    let body = json!({"decision": "waive", "who": "li", "why": "a test call"});
    let resolved = ("exception.resolve", Some(&*exception), Nothing);
    walk.calls(("POST /exceptions/{id}/resolve", &[&exception]), body, resolved).await;
    with_doubted(&world, "node-2", &[(2, crate::billing::seed::at("2026-10-01T00:00:00Z"))]).await;
    let exception = usage_id(2);
    let body = json!({"kind": "time", "decision": "waive", "who": "li", "why": "a clock was wrong"});
    let resolved = ("exception.resolve", Some(&*exception), Nothing);
    walk.calls(("POST /exceptions/resolve", &[]), body, resolved).await;
    let closed = ("statement.close", Some("2026-10"), Nothing);
    walk.calls(("POST /statements", &[]), json!({"period": "2026-10"}), closed).await;
    let body = json!({
        "cause": "paid-1", "debit": "platform:cash", "credit": format!("partner:{partner}:receivable"),
        "amount": "1.00", "currency": "CNY", "reason": "a transfer",
    });
    let posted = ("ledger.post", Some("manual:paid-1"), Nothing);
    walk.calls(("POST /ledger/postings", &[]), body.clone(), posted).await;
    let mut waits = body;
    (waits["cause"], waits["expires_in"]) = (json!("paid-2"), json!("7d"));
    world.post("/admin/ledger/postings", &waits).await.expect(200);
    let resolved = ("ledger.resolve", Some("manual:paid-2"), Nothing);
    let body = json!({"resolution": "void", "reason": "it never came"});
    walk.calls(("POST /ledger/pending/{cause}/resolve", &["paid-2"]), body, resolved).await;

    // A key that is made has no id but its own name.
    for (keys, action) in [("signing-keys", "signing_key.rotate"), ("proof-keys", "proof_key.rotate")] {
        assert!(walk.left.remove(&format!("POST /{keys}")));
        let made = world.post(&format!("/admin/{keys}"), &nothing()).await.expect(201);
        let record = walk.newest().await;
        assert_eq!((&record["action"], &record["subject"]), (&json!(action), &made["kid"]), "{keys}");
    }
    assert_eq!(walk.left, BTreeSet::new(), "routes that change something and are not covered here");

    let all = world.get("/admin/audit?limit=100").await.expect(200).to_string();
    assert_eq!(walk.secrets.len(), 10, "the secrets that were told");
    for secret in &walk.secrets {
        assert!(!all.contains(secret.as_str()), "{secret} in {all}");
    }
}

/// A node that is lost has leased units of a balance.
async fn leased(world: &World, balance: &str, app: &str) {
    let stretch = Stretch {
        balance: balance.parse().unwrap(),
        app: app.parse().unwrap(),
        product: "storefront".parse().unwrap(),
        plan: PlanRef { name: "standard".parse().unwrap(), version: 1 },
        part: Some(Part { item: "calls".parse().unwrap(), promotion: None }),
        service_period: "2026-11".parse().unwrap(),
    };
    let mut transaction = world.store.begin().await.unwrap();
    let lease = Lease { stretch, run: Run { node: "node-9".parse().unwrap(), since: 3 }, units: 7 };
    transaction.grant_units(&lease).await.unwrap();
    transaction.commit().await.unwrap();
}

/// The routes of merchants and of what they have.
async fn merchants(walk: &mut Walk<'_>, app: &str) {
    let body = json!({"username": "shop", "name": "Shop"});
    let merchant = walk.calls(("POST /merchants", &[]), body, ("merchant.create", None, Nothing)).await;
    let merchant = text(&merchant, "id");
    let id = MerchantId::new(&merchant).unwrap();
    let now = walk.world.clock.now();
    let by = (&"ses_1".parse().unwrap(), now);
    assert!(walk.world.store.offer_second_factor(&id, b"sealed", by).await.unwrap());
    assert!(walk.world.store.confirm_second_factor((&id, b"sealed"), (1, &[]), now).await.unwrap());
    let (grant, scopes) = (GrantId::new("gr_1").unwrap(), "order:read".parse().unwrap());
    let pair = (&id, &AppId::new(app).unwrap());
    walk.world.store.grant_consent(pair, &scopes, &grant, now).await.unwrap();
    walk.secrets.push("correct horse battery".to_owned());
    let account = || json!({"issuer": "https://login.example.com", "subject": "user-1"});
    for name in ["ses_1", "ses_2"] {
        log_in(walk.world, &id, name).await;
    }
    let ended = ("session.end", Some("ses_1"), Told);
    let route = "POST /merchants/{id}/sessions/{session}/end";
    walk.calls((route, &[&merchant, "ses_1"]), json!({}), ended).await;
    let ended = ("merchant.end_sessions", Some(&*merchant), Told);
    walk.calls(("POST /merchants/{id}/sessions/end", &[&merchant]), json!({}), ended).await;
    for (route, action, before, body) in [
        (
            "POST /merchants/{id}/password",
            "merchant.set_password",
            Nothing,
            json!({"password": "correct horse battery"}),
        ),
        ("POST /merchants/{id}/suspend", "merchant.suspend", Told, json!({})),
        ("POST /merchants/{id}/resume", "merchant.resume", Told, json!({})),
        ("POST /merchants/{id}/accounts", "merchant.link", Nothing, account()),
        ("POST /merchants/{id}/accounts/unlink", "merchant.unlink", Told, account()),
        ("POST /merchants/{id}/second-factor/remove", "merchant.remove_second_factor", Told, json!({})),
    ] {
        walk.calls((route, &[&merchant]), body, (action, Some(&merchant), before)).await;
    }
    walk.calls(("POST /grants/{id}/revoke", &["gr_1"]), json!({}), ("grant.revoke", Some("gr_1"), Told))
        .await;
}

/// Logs a merchant in by a session of that name.
async fn log_in(world: &World, merchant: &MerchantId, name: &str) {
    let now = world.clock.now();
    let session = LoginSession {
        id: name.parse().unwrap(),
        merchant: merchant.clone(),
        csrf_secret: [7; 32],
        authentication: Authentication { at: now, class: AuthenticationClass::TwoFactors },
        method: Some(LoginMethod::Password),
        address: Some(ADDRESS),
        created_at: now,
        seen_at: Some(now),
        expires_at: now.plus(Duration::from_secs(60)),
    };
    let (_, password_hash) = world.store.merchant_login("shop").await.unwrap().unwrap();
    let first = FirstFactor::Password(password_hash);
    assert!(world.store.begin_login_session(&SessionHash::of(name), &session, &first).await.unwrap());
}

/// The records of `subject` by those actions, the oldest first.
async fn records(world: &World, subject: &str, actions: &[&str]) -> Vec<Value> {
    let found = world.get(&format!("/admin/audit?limit=100&subject={subject}")).await.expect(200);
    let mut found: Vec<Value> = found["items"].as_array().unwrap().clone();
    found.retain(|record| actions.iter().any(|action| record["action"] == *action));
    found.reverse();
    found
}

#[tokio::test]
async fn of_changes_that_race_each_says_what_the_one_before_it_left() {
    let world = World::new().await;
    let partner = world.partner().await;
    let merchant =
        world.post("/admin/merchants", &json!({"username": "shop", "name": "Shop"})).await.expect(201);
    for (noun, id) in [("partner", partner), ("merchant", text(&merchant, "id"))] {
        let paths: Vec<String> = (0..24)
            .map(|number| if number % 2 == 0 { "suspend" } else { "resume" })
            .map(|verb| format!("/admin/{noun}s/{id}/{verb}"))
            .collect();
        let body = json!({});
        let calls = paths.iter().map(|path| world.post(path, &body));
        for answered in futures_util::future::join_all(calls).await {
            answered.expect(200);
        }
        let (suspend, resume) = (format!("{noun}.suspend"), format!("{noun}.resume"));
        let records = records(&world, &id, &[&suspend, &resume]).await;
        assert_eq!(records.len(), 24);
        let mut standing = json!("active");
        for record in &records {
            assert_eq!(record["before"]["standing"], standing, "{record}");
            standing = record["after"]["standing"].clone();
        }
    }
    let app = world.app().await;
    let key = world.post("/admin/keys", &json!({"app": text(&app, "id")})).await.expect(201);
    let path = format!("/admin/keys/{}/revoke", text(&key, "id"));
    let body = json!({});
    futures_util::future::join_all((0..12).map(|_| world.post(&path, &body))).await;
    let records = records(&world, &text(&key, "id"), &["key.revoke"]).await;
    let living = records.iter().filter(|record| record["before"]["revoked_at"].is_null()).count();
    assert_eq!((records.len(), living), (12, 1));
}
