//! Apps that prove themselves by the certificates of their connections, at the API.

use rustls::HandshakeKind;
use rustls::version::{TLS12, TLS13};
use serde_json::{Value, json};

use crate::support::dev::wait_for;
use crate::support::machines::{Machines, get, named, told};
use crate::support::origin::{Origin, point};
use crate::support::tls::Identity;

const PRODUCT: &str = "/api/products/p-1001";

fn refused(status: u16) -> (u16, String) {
    (status, "certificate_invalid".to_owned())
}

#[test]
fn a_call_by_a_registered_certificate_is_its_apps_in_every_way() {
    let origin = Origin::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    let machines = Machines::start_with(None, |policies| point(policies, "catalog", &origin.address));
    let erp = machines.authority.issue_to(named("erp", &["spiffe://bright.example/erp"]));
    let made = machines.register(&json!({"spiffe_id": "spiffe://bright.example/erp", "label": "ERP"}));
    let (id, app) = (made["id"].as_str().unwrap(), machines.dev.told("/other_app/client_id"));
    let mut connection = machines.connect(&erp);
    for _ in 0..3 {
        let answer = get(&mut connection, PRODUCT, "");
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(answer.header("ratelimit-policy").unwrap().starts_with("\"calls\""), "its app's own limits");
        let seen = origin.received().unwrap().to_ascii_lowercase();
        assert!(seen.contains(&format!("x-tollgate-app: {app}\r\n")), "{seen}");
        assert!(!seen.contains("spiffe"), "{seen}");
    }
    let me = get(&mut connection, "/me", "").json();
    let credential = &me["credential"];
    assert_eq!((&credential["kind"], &credential["id"]), (&json!("client_certificate"), &json!(id)));
    assert_eq!((&me["app"], &me["merchant"], &me["narrowed_to"]), (&json!(app), &Value::Null, &Value::Null));
    // It acts for no merchant.
    let orders = get(&mut connection, "/api/orders", "");
    assert_eq!(told(&orders), (403, "merchant_missing".to_owned()));

    let last_use = || {
        let path = format!("/admin/client-certificates/{id}");
        machines.dev.admin("GET", &path, "").json()["last_used_at"].clone()
    };
    wait_for("the last use to be known", || last_use().is_string());
    let id = orders.header("x-request-id").unwrap().to_owned();
    let path = format!("/admin/usage/{id}");
    wait_for("the usage record", || machines.dev.admin("GET", &path, "").status == 200);
    assert_eq!(machines.dev.admin("GET", &path, "").json()["app"], app);
}

#[test]
fn a_certificate_takes_anothers_place_on_connections_that_are_open() {
    let machines = Machines::start();
    let (first, second) =
        (Identity::self_signed(named("erp", &[])), Identity::self_signed(named("erp", &[])));
    let made = machines.register(&json!({"fingerprint": first.fingerprint()}));
    let (mut old, mut new) = (machines.connect(&first), machines.connect(&second));
    assert_eq!(told(&get(&mut new, "/api/orders", "")), refused(401));
    let path = format!("/admin/client-certificates/{}/rotate", made["id"].as_str().unwrap());
    let body = json!({"fingerprint": second.fingerprint(), "overlap": "3s"});
    let rotated = machines.dev.admin("POST", &path, &body.to_string());
    assert_eq!(rotated.status, 201, "{}", rotated.text());
    let is_apps = (403, "merchant_missing".to_owned());
    assert_eq!(told(&get(&mut new, "/api/orders", "")), is_apps);
    assert_eq!(told(&get(&mut old, "/api/orders", "")), is_apps);
    wait_for("the end of the overlap", || told(&get(&mut old, "/api/orders", "")) == refused(401));
    assert_eq!(told(&get(&mut new, "/api/orders", "")), is_apps);
}

#[test]
fn another_credential_goes_before_the_certificate_and_a_bound_token_needs_it() {
    let machines = Machines::start();
    let (erp, other) = (Identity::self_signed(named("erp", &[])), Identity::self_signed(named("erp", &[])));
    machines.register(&json!({"fingerprint": erp.fingerprint()}));
    let dev = &machines.dev;
    let mut connection = machines.connect(&erp);
    let key = format!("X-Api-Key: {}\r\n", dev.told("/app/api_key"));
    let me = get(&mut connection, "/me", &key).json();
    assert_eq!(
        (&me["app"], &me["credential"]["kind"]),
        (&json!(dev.told("/app/client_id")), &json!("api_key"))
    );
    let wrong = get(&mut connection, PRODUCT, "X-Api-Key: tg_live_x\r\n");
    assert_eq!(told(&wrong), (401, "credential_invalid".to_owned()), "what is shown is what counts");
    let both = get(&mut connection, PRODUCT, &format!("{key}Authorization: Bearer x\r\n"));
    assert_eq!(told(&both), (400, "credential_repeated".to_owned()));

    // A token of another app, which is bound to the certificate that is registered, is that app's.
    let (bearer, app) = machines.bound_token(&mut connection);
    let me = get(&mut connection, "/me", &bearer).json();
    assert_eq!((&me["app"], &me["credential"]["bound_to"]), (&json!(app), &json!("client_certificate")));
    let stolen = get(&mut machines.connect(&other), "/me", &bearer);
    assert_eq!(told(&stolen), (401, "credential_invalid".to_owned()));
    // Without it, the certificate is the one that it is.
    assert_eq!(get(&mut connection, "/me", "").json()["app"], dev.told("/other_app/client_id"));
}

#[test]
fn a_certificate_is_nobodys_until_it_is_registered_and_refused_once_that_is_revoked() {
    let machines = Machines::start();
    let (erp, stranger) = (Identity::self_signed(named("erp", &[])), Identity::self_signed(named("x", &[])));
    let (mut connection, mut beside) = (machines.connect(&erp), machines.connect(&stranger));
    for _ in 0..2 {
        assert_eq!(told(&get(&mut connection, PRODUCT, "")).0, 200, "open to anyone");
        let answer = get(&mut connection, "/me", "");
        assert_eq!(told(&answer), refused(401));
        // RFC 6750, section 3.1: no error, as no token was sent.
        assert!(!answer.header("www-authenticate").unwrap().contains("error"), "{answer:?}");
    }
    let terms = json!({"fingerprint": erp.fingerprint(), "app": machines.dev.told("/app/client_id")});
    let made = machines.register(&terms);
    assert_eq!(get(&mut connection, "/me", "").json()["app"], machines.dev.told("/app/client_id"));
    let again = machines.dev.admin("POST", "/admin/client-certificates", &terms.to_string());
    assert_eq!(told(&again), (409, "conflict".to_owned()), "it proves one app");

    let path = format!("/admin/client-certificates/{}/revoke", made["id"].as_str().unwrap());
    assert_eq!(machines.dev.admin("POST", &path, "").status, 200);
    for path in ["/me", PRODUCT] {
        assert_eq!(told(&get(&mut connection, path, "")), refused(401), "{path}");
    }
    let key = format!("X-Api-Key: {}\r\n", machines.dev.told("/app/api_key"));
    assert_eq!(get(&mut connection, PRODUCT, &key).status, 200, "another credential is taken");
    assert_eq!(told(&get(&mut beside, PRODUCT, "")).0, 200);

    machines.register(&json!({"fingerprint": erp.fingerprint()}));
    assert_eq!(get(&mut connection, "/me", "").json()["app"], machines.dev.told("/other_app/client_id"));
    let app = machines.dev.told("/other_app/client_id");
    machines.dev.admin("POST", &format!("/admin/apps/{app}/suspend"), "");
    assert_eq!(told(&get(&mut connection, "/me", "")), (403, "suspended".to_owned()));
    machines.dev.admin("POST", &format!("/admin/apps/{app}/resume"), "");
    assert_eq!(get(&mut connection, "/me", "").status, 200);
}

#[test]
fn a_certificate_is_narrowed_as_keys_are() {
    let machines = Machines::start();
    let narrowed = |terms: Value| {
        let identity = Identity::self_signed(named("erp", &[]));
        let mut terms = terms;
        terms["fingerprint"] = json!(identity.fingerprint());
        machines.register(&terms);
        machines.connect(&identity)
    };
    let mut supply = narrowed(json!({"products": ["supply"]}));
    assert_eq!(told(&get(&mut supply, "/api/orders", "")), (403, "product_not_allowed".to_owned()));
    assert_eq!(get(&mut supply, "/me", "").json()["narrowed_to"]["products"], json!(["supply"]));
    let mut elsewhere = narrowed(json!({"addresses": ["192.0.2.0/24"]}));
    for path in ["/api/orders", "/me"] {
        assert_eq!(told(&get(&mut elsewhere, path, "")), (403, "address_not_allowed".to_owned()), "{path}");
    }
    let mut reading = narrowed(json!({"scopes": ["catalog:read"], "addresses": ["127.0.0.0/8"]}));
    assert_eq!(get(&mut reading, "/me", "").json()["scopes"], json!(["catalog:read"]));
    let mut orders = narrowed(json!({"scopes": ["catalog:read"], "products": ["storefront"]}));
    assert_eq!(told(&get(&mut orders, "/api/orders", "")), (403, "scope_missing".to_owned()));
    let ends = narrowed(json!({"expires_at": "2099-01-01T00:00:00Z"}));
    let mut ends = ends;
    assert_eq!(get(&mut ends, "/me", "").json()["credential"]["expires_at"], "2099-01-01T00:00:00Z");
}

#[test]
fn a_session_that_is_resumed_is_its_certificates_by_either_version() {
    let machines = Machines::start();
    let erp = machines.authority.issue_to(named("erp", &[]));
    machines.register(&json!({"subject": "CN=erp,O=Bright Apps"}));
    for version in [&TLS12, &TLS13] {
        let client = machines.authority.client_as(&erp, version);
        for expected in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let mut connection = machines.open(&client);
            assert_eq!(get(&mut connection, "/me", "").status, 200);
            assert_eq!(connection.stream().conn.handshake_kind(), Some(expected), "{version:?}");
        }
    }
    let mut front = machines.client(&erp).connect(machines.dev.tls_address(), "mtls.example").unwrap();
    assert_eq!(
        told(&get(&mut front, "/me", "")),
        (401, "credential_missing".to_owned()),
        "nobody asks there"
    );
}

#[test]
fn who_shows_ever_new_certificates_is_told_to_wait_and_still_served_what_is_open_to_anyone() {
    let machines = Machines::start();
    let strangers: Vec<_> = (0..400).map(|_| Identity::self_signed(named("x", &[]))).collect();
    let mut last = None;
    for stranger in &strangers {
        let mut connection = machines.connect(stranger);
        let answer = get(&mut connection, "/me", "");
        if answer.status == 429 {
            assert_eq!(told(&get(&mut connection, PRODUCT, "")).0, 200);
            last = Some(answer);
            break;
        }
        assert_eq!(told(&answer), refused(401));
    }
    assert!(last.is_some(), "nobody was told to wait");
}
