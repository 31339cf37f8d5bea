//! Whatever ends a call that is under way ends it wherever it is, and only those that it is about.

use serde_json::{Value, json};

use super::world::World;
use crate::support::dev::wait_for;
use crate::support::http::{self, FORM, form};

/// What ends, by what, and what its callers are told.
struct Case {
    name: &'static str,
    credential: String,
    end: (&'static str, String, Value),
    expected: (u16, &'static str),
    /// What an answer is worth that was cut off.
    cut: &'static str,
}

const REVOKED: (u16, &str) = (401, "revoked_under_way");
const SUSPENDED: (u16, &str) = (403, "suspended_under_way");
const OFF: (u16, &str) = (503, "switched_off_under_way");

impl Case {
    fn new(name: &'static str, credential: String, path: String, expected: (u16, &'static str)) -> Self {
        let cut = if expected == OFF { "free" } else { "billable" };
        let end = if expected == OFF {
            ("PUT", path, json!({"reason": "a test"}))
        } else {
            ("POST", path, Value::Null)
        };
        Self { name, credential, end, expected, cut }
    }
}

/// Four calls are under way, and then they are not.
#[track_caller]
fn check(world: &World, case: &Case, end: impl FnOnce()) {
    let Case { name, credential, expected: (status, code), .. } = case;
    let ended = |path: &str| world.upstream.ended(path);
    let before = [ended("/waiting"), ended("/silent"), ended("/upload")];
    let waiting = world.get(credential, "/api/watch/waiting");
    let mut silent = world.get(credential, "/api/watch/silent");
    silent.read_until("begun");
    let mut ticking = world.get(credential, "/api/watch/ticking");
    ticking.read_until("tick");
    let upload = world.upload(credential, "/api/watch/upload");
    end();
    let refused = [waiting.ends_refused(*status, code), upload.ends_refused(*status, code)];
    let cut = [silent.ends_cut_off(), ticking.ends_cut_off()];
    let is_over = || {
        [ended("/waiting"), ended("/silent"), ended("/upload")]
            .iter()
            .zip(before)
            .all(|(now, before)| *now > before)
    };
    wait_for(name, is_over);
    for answer in &refused {
        assert!(
            answer.json()["detail"].as_str().unwrap().contains("may or may not"),
            "{name}: {}",
            answer.text()
        );
        assert_eq!(answer.header("www-authenticate").is_some(), *status == 401, "{name}");
        world.is_recorded(answer.header("x-request-id").unwrap(), *status, code, "free");
    }
    for id in &cut {
        world.is_recorded(id, 200, code, case.cut);
    }
}

fn cases(world: &World) -> Vec<Case> {
    let app = world.dev.told("/app/client_id");
    let ((key, key_id), [for_one, for_other]) =
        (world.key(app), [0, 1].map(|merchant| world.token(merchant)));
    let grants = world.admin("GET", &format!("/admin/grants?app={app}"), &Value::Null);
    let one = world.dev.told("/merchants/0/id");
    let grant = grants["items"].as_array().unwrap().iter().find(|grant| grant["merchant"] == one).unwrap();
    let grant = grant["id"].as_str().unwrap();
    let other = world.dev.told("/merchants/1/id");
    let apps = [0, 1].map(|_| {
        let made = world.dev.register(&json!({}));
        let (id, partner) = (made["id"].as_str().unwrap(), made["partner"].as_str().unwrap());
        let subscription = json!({"app": id, "product": "storefront", "plan": "standard"});
        world.admin("POST", "/admin/subscriptions", &subscription);
        (world.key(id).0, id.to_owned(), partner.to_owned())
    });
    let [(of_app, app_id, _), (of_partner, _, partner)] = &apps;
    vec![
        Case::new("a key", key, format!("/admin/keys/{key_id}/revoke"), REVOKED),
        Case::new("a grant", for_one, format!("/admin/grants/{grant}/revoke"), REVOKED),
        Case::new("a merchant", for_other, format!("/admin/merchants/{other}/suspend"), SUSPENDED),
        Case::new("an app", of_app.clone(), format!("/admin/apps/{app_id}/suspend"), SUSPENDED),
        Case::new("a partner", of_partner.clone(), format!("/admin/partners/{partner}/suspend"), SUSPENDED),
        Case::new("a route", world.other(), "/admin/kill-switches/route/watch".to_owned(), OFF),
        Case::new("an upstream", world.other(), "/admin/kill-switches/upstream/order".to_owned(), OFF),
    ]
}

#[test]
fn what_is_revoked_suspended_or_switched_off_ends_what_is_under_way_and_nothing_else() {
    let world = World::start();
    let mut beside = world.get(&world.other(), "/api/elsewhere/ticking");
    for case in cases(&world) {
        let mut of_another = world.get(&world.other(), "/api/watch/ticking");
        let (method, path, body) = &case.end;
        check(&world, &case, || drop(world.admin(method, path, body)));
        if case.expected == OFF {
            of_another.ends_cut_off();
            world.admin("DELETE", path, &Value::Null);
        } else {
            (0..5).for_each(|_| of_another.read_until("tick"));
        }
        (0..5).for_each(|_| beside.read_until("tick"));
    }
    assert!(world.dev.figure("tollgate_refusals_total{code=\"revoked_under_way\"}") >= 8);
}

#[test]
fn a_token_that_its_app_revokes_ends_its_own_calls_alone() {
    let world = World::start();
    let [revoked, kept] = [0, 0].map(|merchant| world.token(merchant));
    let mut beside = world.get(&kept, "/api/watch/ticking");
    let case = Case::new("a token", revoked.clone(), String::new(), REVOKED);
    check(&world, &case, || {
        let token = revoked.strip_prefix("Authorization: Bearer ").unwrap();
        let (id, secret) = (world.dev.told("/app/client_id"), world.dev.told("/app/client_secret"));
        let fields = form(&[("client_id", id), ("client_secret", secret), ("token", token)]);
        let answer = http::request(world.dev.base(), "POST", "/oauth/revoke", &[FORM], &fields);
        assert_eq!(answer.status, 200, "{}", answer.text());
    });
    (0..5).for_each(|_| beside.read_until("tick"));
}

#[test]
fn what_changes_without_an_end_ends_nothing() {
    let world = World::start();
    let app = world.dev.told("/app/client_id").to_owned();
    let (key, id) = world.key(&app);
    let mut stream = world.get(&key, "/api/watch/ticking");
    let waiting = world.get(&key, "/api/watch/waiting");
    world.admin("PATCH", &format!("/admin/apps/{app}"), &json!({"name": "Another name"}));
    world.admin("POST", &format!("/admin/keys/{id}/rotate"), &Value::Null);
    world.admin("PUT", "/admin/kill-switches/route/watch-masked", &json!({"reason": "a test"}));
    let other = world.key(&app).1;
    world.admin("POST", &format!("/admin/keys/{other}/revoke"), &Value::Null);
    (0..50).for_each(|_| stream.read_until("tick"));
    // All of that was looked at by then.
    world.admin("POST", &format!("/admin/keys/{id}/revoke"), &Value::Null);
    waiting.ends_refused(401, "revoked_under_way");
    stream.ends_cut_off();
}

#[test]
fn a_key_that_only_expires_ends_nothing_until_it_is_revoked_too() {
    let world = World::start();
    let app = world.dev.told("/app/client_id").to_owned();
    let (key, id) = world.key(&app);
    let mut stream = world.get(&key, "/api/watch/ticking");
    world.admin("POST", &format!("/admin/keys/{id}/rotate"), &json!({"overlap": "500ms"}));
    let sent = key.split_once(": ").unwrap();
    wait_for("the key's end", || {
        http::request(world.dev.base(), "GET", "/api/products", &[sent], "").status == 401
    });
    // What it rests on is looked at again.
    world.admin("PATCH", &format!("/admin/apps/{app}"), &json!({"name": "Another name"}));
    (0..50).for_each(|_| stream.read_until("tick"));
    world.admin("POST", &format!("/admin/keys/{id}/revoke"), &Value::Null);
    world.is_recorded(&stream.ends_cut_off(), 200, "revoked_under_way", "billable");
}

#[test]
fn an_app_that_loses_the_scope_of_a_route_loses_what_it_has_under_way_there() {
    let world = World::start();
    let made = world.dev.register(&json!({}));
    let id = made["id"].as_str().unwrap();
    world.admin(
        "POST",
        "/admin/subscriptions",
        &json!({"app": id, "product": "storefront", "plan": "standard"}),
    );
    let (key, _) = world.key(id);
    let mut stream = world.get(&key, "/api/watch/ticking");
    let update =
        |scopes: Value| world.admin("PATCH", &format!("/admin/apps/{id}"), &json!({"scopes": scopes}));
    update(json!(["order:read"]));
    (0..50).for_each(|_| stream.read_until("tick"));
    update(json!(["catalog:read"]));
    world.is_recorded(&stream.ends_cut_off(), 200, "revoked_under_way", "billable");
}

#[test]
fn a_flood_is_cut_off_whether_its_caller_reads_it_or_not() {
    let world = World::start();
    let (key, id) = world.key(world.dev.told("/app/client_id"));
    let [mut read, unread] = [0, 1].map(|_| world.get(&key, "/api/watch/flood"));
    read.read_until("xxxx");
    world.admin("POST", &format!("/admin/keys/{id}/revoke"), &Value::Null);
    read.ends_cut_off();
    unread.ends_cut_off();
}
