//! Wrong credentials of each kind, each with its own clear answer.

use tollgate::domain::id::AppId;
use tollgate::domain::identity::Standing;
use tollgate::store::Store;

use crate::support::dev::{Dev, wait_for};
use crate::support::http::{self, Answer};

#[track_caller]
fn check(answer: &Answer, status: u16, code: &str, challenge: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (status, code), "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    let id = answer.header("x-request-id").unwrap();
    assert_eq!(answer.json()["request_id"], id);
    let given = answer.header("www-authenticate").unwrap_or_default();
    assert!(given.contains(challenge) && (challenge.is_empty() == given.is_empty()), "{given:?}");
}

#[test]
fn each_wrong_credential_is_refused_in_its_own_words() {
    let dev = Dev::start();
    let key = dev.told("/app/api_key").to_owned();
    let mistyped = format!("{}{}", &key[..key.len() - 1], if key.ends_with('a') { 'b' } else { 'a' });
    let unknown = "tg_test_0000000000000000000000000000000000000000000";
    let get = |headers: &[(&str, &str)]| dev.get("/api/orders", headers);
    check(&get(&[]), 401, "credential_missing", "Bearer realm");
    assert!(!get(&[]).header("www-authenticate").unwrap().contains("error"));
    let invalid = "error=\"invalid_token\"";
    check(&get(&[("X-Api-Key", "nonsense")]), 401, "credential_invalid", invalid);
    check(&get(&[("X-Api-Key", &mistyped)]), 401, "credential_invalid", invalid);
    check(&get(&[("X-Api-Key", unknown)]), 401, "credential_invalid", invalid);
    check(&get(&[("Authorization", "Bearer a.b.c")]), 401, "credential_invalid", invalid);
    check(&get(&[("Authorization", "Basic YTpi")]), 401, "credential_invalid", invalid);
    let twice = [("X-Api-Key", key.as_str()), ("Authorization", "Bearer x")];
    check(&get(&twice), 400, "credential_repeated", "invalid_request");
    check(&get(&[("X-Api-Key", &key)]), 403, "merchant_missing", "");
    let query = dev.get(&format!("/api/orders?access_token={key}"), &[]);
    check(&query, 401, "credential_missing", "Bearer realm");
    let write = http::request(dev.base(), "PUT", "/api/products/p-1001", &[("X-Api-Key", &key)], "{}");
    check(&write, 403, "not_subscribed", "");
}

#[test]
fn a_key_works_in_both_fields_and_a_bad_one_is_refused_even_where_none_is_needed() {
    let dev = Dev::start();
    let key = dev.told("/app/api_key");
    assert_eq!(dev.get("/api/products", &[("X-Api-Key", key)]).status, 200);
    assert_eq!(dev.get("/api/products", &[("Authorization", &format!("bearer {key}"))]).status, 200);
    assert_eq!(dev.get("/api/products", &[("X-Api-Key", "nonsense")]).status, 401);
}

#[test]
fn who_is_suspended_is_said() {
    let dev = Dev::start();
    let (key, bearer) = (dev.told("/app/api_key").to_owned(), dev.bearer(0));
    let id_of = |path: &str, at: &str| {
        let items = dev.admin("GET", path, "").json()["items"].clone();
        items.as_array().unwrap().iter().find(|item| item.to_string().contains(at)).unwrap().clone()
    };
    let app = dev.told("/app/client_id").to_owned();
    let partner = dev.admin("GET", &format!("/admin/apps/{app}"), "").json()["partner"].clone();
    let merchant = id_of("/admin/merchants", dev.told("/merchants/0/username"))["id"].clone();
    let (partner, merchant) = (partner.as_str().unwrap(), merchant.as_str().unwrap());
    for (path, headers, who) in [
        (format!("apps/{app}"), ("X-Api-Key", key.as_str()), "The app is suspended"),
        (format!("partners/{partner}"), ("X-Api-Key", &key), "The app's partner is suspended"),
        (format!("merchants/{merchant}"), ("Authorization", &bearer), "The merchant is suspended"),
    ] {
        assert_eq!(dev.admin("POST", &format!("/admin/{path}/suspend"), "").status, 200, "{path}");
        let refused = dev.get("/api/orders", &[headers]);
        check(&refused, 403, "suspended", "");
        assert!(refused.json()["detail"].as_str().unwrap().contains(who), "{}", refused.text());
        assert_eq!(dev.admin("POST", &format!("/admin/{path}/resume"), "").status, 200, "{path}");
    }
}

/// What the documentation names to find calls that have no usage record.
const REFUSED_CALLS: &str = "info,tollgate::gateway=debug";

#[test]
fn a_refused_call_without_a_usage_record_is_in_the_log_with_the_app_of_its_credential() {
    let dev = Dev::logging(REFUSED_CALLS);
    let (key, bearer) = (dev.told("/app/api_key").to_owned(), dev.bearer(0));
    let (app, merchant) = (dev.told("/app/client_id"), dev.told("/merchants/0/id"));
    let partner = dev.admin("GET", &format!("/admin/apps/{app}"), "").json()["partner"].clone();
    let is_told = |header: (&str, &str), code: &str, app: Option<&str>| {
        let refused = dev.get("/api/orders", &[header]);
        assert_eq!(refused.code(), code, "{}", refused.text());
        let line = dev.line_of(&refused);
        for part in ["DEBUG", "route=\"list-orders\"", "method=\"GET\"", &format!("code=\"{code}\"")] {
            assert!(line.contains(part), "no {part} in {line}");
        }
        let told = app.map(|app| format!("app=\"{app}\"")).unwrap_or_default();
        assert!(line.contains(&told) && line.contains("app=") == app.is_some(), "{line}");
        let record = format!("/admin/usage/{}", refused.header("x-request-id").unwrap());
        assert_eq!(dev.admin("GET", &record, "").status, 404);
    };
    let (by_key, by_token) = (("X-Api-Key", key.as_str()), ("Authorization", bearer.as_str()));
    for (path, header) in [
        (format!("apps/{app}"), by_key),
        (format!("apps/{app}"), by_token),
        (format!("partners/{}", partner.as_str().unwrap()), by_key),
        (format!("merchants/{merchant}"), by_token),
    ] {
        assert_eq!(dev.admin("POST", &format!("/admin/{path}/suspend"), "").status, 200, "{path}");
        is_told(header, "suspended", Some(app));
        is_told(header, "suspended", Some(app));
        assert_eq!(dev.admin("POST", &format!("/admin/{path}/resume"), "").status, 200, "{path}");
    }
    let grants = dev.admin("GET", &format!("/admin/grants?app={app}"), "").json();
    let keys = dev.admin("GET", &format!("/admin/keys?app={app}"), "").json();
    for (kind, list, header) in [("grants", grants, by_token), ("keys", keys, by_key)] {
        let path = format!("/admin/{kind}/{}/revoke", list["items"][0]["id"].as_str().unwrap());
        assert_eq!(dev.admin("POST", &path, "").status, 200, "{path}");
        is_told(header, "credential_invalid", Some(app));
        is_told(header, "credential_invalid", Some(app));
    }
    let unknown = "tg_test_0000000000000000000000000000000000000000000";
    is_told(("X-Api-Key", unknown), "credential_invalid", None);
    is_told(("Authorization", "Bearer a.b.c"), "credential_invalid", None);
}

#[test]
fn a_token_of_one_merchant_never_reads_anothers_orders() {
    let dev = Dev::start();
    let (first, second) = (dev.bearer(0), dev.bearer(1));
    let order = dev.order(&first, "p-1001").unwrap();
    let id = order.json()["id"].as_str().unwrap().to_owned();
    for path in [format!("/api/orders/{id}"), format!("/api/logistics/orders/{id}")] {
        assert_eq!(dev.get(&path, &[("Authorization", &first)]).status, 200);
        assert_eq!(dev.get(&path, &[("Authorization", &second)]).status, 404);
    }
}

#[test]
fn suspending_an_app_and_revoking_a_grant_act_on_the_next_call() {
    let dev = Dev::start();
    let bearer = dev.bearer(0);
    let orders = || dev.get("/api/orders", &[("Authorization", &bearer)]).status;
    assert_eq!(orders(), 200);
    let app = dev.told("/app/client_id");
    assert!(dev.admin("POST", &format!("/admin/apps/{app}/suspend"), "").status < 300);
    assert_eq!(orders(), 403);
    assert!(dev.admin("POST", &format!("/admin/apps/{app}/resume"), "").status < 300);
    assert_eq!(orders(), 200);
    let grants = dev.admin("GET", &format!("/admin/grants?app={app}"), "").json();
    let grant = grants["items"][0]["id"].as_str().unwrap().to_owned();
    let revoked = dev.admin("POST", &format!("/admin/grants/{grant}/revoke"), "");
    assert!(revoked.status < 300, "{}", revoked.text());
    assert_eq!(orders(), 401);
}

/// Sets an app's standing as another process does.
fn set_standing(dev: &Dev, app: &AppId, standing: Standing) {
    let address = format!("sqlite:{}", dev.data().join("tollgate.db").display());
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let store = Store::open(&address).await.unwrap();
        store.set_app_standing(app, standing).await.unwrap();
        store.close().await;
    });
}

/// Waits until the node has heard of all that changed before, its own start's apps and keys too: what a node changes is told again, half
/// a second later, to that very node. It hears of what changed in the order in which that happened, at last of this.
fn hears_of_what_changed(dev: &Dev, app: &str) {
    let key = dev.told(&format!("/{app}/api_key"));
    let app = AppId::new(dev.told(&format!("/{app}/client_id"))).unwrap();
    let status = || dev.get("/api/products", &[("X-Api-Key", key)]).status;
    assert_eq!(status(), 200);
    for (standing, expected) in [(Standing::Suspended, 403), (Standing::Active, 200)] {
        set_standing(dev, &app, standing);
        wait_for("the change is known", || status() == expected);
    }
}

#[test]
fn what_another_process_changes_in_the_store_is_known_without_being_told() {
    hears_of_what_changed(&Dev::start(), "app");
}

#[test]
fn a_token_is_verified_once_and_one_that_is_refused_by_its_look_never() {
    let dev = Dev::start();
    hears_of_what_changed(&dev, "other_app");
    let verified = || {
        let page = dev.admin("GET", "/metrics", "").text();
        let line = page.lines().find(|line| line.starts_with("tollgate_tokens_verified_total")).unwrap();
        line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()
    };
    // A token that rests on nothing that changed since: a consent would be heard of once more meanwhile.
    let token = dev.token_call(&[("grant_type", "client_credentials"), ("scope", "catalog:read")]).json();
    let bearer = format!("Bearer {}", token["access_token"].as_str().unwrap());
    let (start, end) = bearer.split_at(bearer.len() - 10);
    let (payload, signature) = start.rsplit_once('.').unwrap();
    let before = verified();
    for _ in 0..10 {
        assert_eq!(dev.get("/api/products", &[("Authorization", &bearer)]).status, 200);
        for wrong in ["Bearer x", "Bearer a.b.c", &format!("{start}.{end}")] {
            assert_eq!(dev.get("/api/products", &[("Authorization", wrong)]).status, 401, "{wrong}");
        }
    }
    assert_eq!(verified() - before, 1);
    let forged = format!("{payload}.AAAA{}{end}", &signature[4..]);
    assert_eq!(dev.get("/api/products", &[("Authorization", &forged)]).status, 401);
    assert_eq!(verified() - before, 2);
}
