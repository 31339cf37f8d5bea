//! The token endpoint: how clients prove themselves, what they get, and what no client should ever send.

use base64::Engine;

use tollgate::domain::id::AppId;
use tollgate::domain::time::Timestamp;
use tollgate::store::Store;

use crate::support::dev::{Dev, parameter};
use crate::support::http::{self, Answer, Connection, FORM, form};

const GRANT: (&str, &str) = ("grant_type", "client_credentials");

fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{id}:{secret}")))
}

fn call(dev: &Dev, headers: &[(&str, &str)], fields: &[(&str, &str)]) -> Answer {
    let mut all = vec![FORM];
    all.extend(headers);
    http::request(dev.base(), "POST", "/oauth/token", &all, &form(fields))
}

#[track_caller]
fn check(answer: &Answer, status: u16, error: &str) {
    assert_eq!((answer.status, answer.json()["error"].as_str()), (status, Some(error)), "{}", answer.text());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("pragma"), Some("no-cache"));
    assert_eq!(answer.header("www-authenticate").is_some(), status == 401);
}

#[test]
fn an_error_of_the_token_endpoint_is_always_one_that_a_client_library_reads() {
    let dev = Dev::start();
    let (id, secret) = (dev.told("/app/client_id"), dev.told("/app/client_secret"));
    check(&call(&dev, &[], &[GRANT]), 401, "invalid_client");
    check(&call(&dev, &[], &[GRANT, ("client_id", id), ("client_secret", "wrong")]), 401, "invalid_client");
    check(&call(&dev, &[("Authorization", "Bearer x")], &[GRANT]), 401, "invalid_client");
    check(&call(&dev, &[("Authorization", &basic(id, ""))], &[GRANT]), 401, "invalid_client");
    let right = basic(id, secret);
    let twice = [("Authorization", &*right), ("Authorization", &*right)];
    check(&call(&dev, &twice, &[GRANT]), 400, "invalid_request");
    let nul = [GRANT, ("client_id", id), ("client_secret", secret), ("scope", "a\0b")];
    check(&call(&dev, &[], &nul), 400, "invalid_request");
    let address = dev.base().strip_prefix("http://").unwrap();
    let mut raw = Connection::open(address);
    raw.send(
        format!(
            "POST /oauth/token HTTP/1.1\r\nHost: {address}\r\nContent-Length: 3\r\n{}: {}\r\n\r\n",
            FORM.0, FORM.1
        )
        .as_bytes(),
    );
    raw.send(b"a=\xff");
    check(&raw.receive().unwrap(), 400, "invalid_request");
    assert_eq!(call(&dev, &[("Authorization", &right)], &[GRANT]).status, 200);
}

#[test]
fn a_public_app_may_name_itself_by_basic_with_an_empty_password() {
    let dev = Dev::start();
    let id = dev.told("/public_app/client_id");
    let headers = [("Authorization", &*basic(id, ""))];
    check(
        &call(&dev, &headers, &[("grant_type", "refresh_token"), ("refresh_token", "x")]),
        400,
        "invalid_grant",
    );
    check(&call(&dev, &[("Authorization", &*basic(id, "x"))], &[GRANT]), 401, "invalid_client");
}

#[test]
fn an_authorization_that_is_not_basic_says_nothing_of_the_client() {
    let dev = Dev::start();
    let (id, secret) = (dev.told("/app/client_id"), dev.told("/app/client_secret"));
    let right = [GRANT, ("client_id", id), ("client_secret", secret)];
    for stray in ["Bearer an-old-token", "Bearer", "Digest username=\"x\"", ""] {
        let answer = call(&dev, &[("Authorization", stray)], &right);
        assert_eq!(answer.status, 200, "{stray:?}: {}", answer.text());
    }
    let bearer = ("Authorization", "Bearer an-old-token");
    check(&call(&dev, &[bearer], &[GRANT, ("client_id", id)]), 401, "invalid_client");
    let basic = basic(id, secret);
    assert_eq!(call(&dev, &[bearer, ("Authorization", &basic)], &[GRANT]).status, 200);
    for (malformed, status, error) in [("Basic", 401, "invalid_client"), ("bAsIc %", 401, "invalid_client")] {
        check(&call(&dev, &[("Authorization", malformed)], &[GRANT, ("client_id", id)]), status, error);
        check(&call(&dev, &[("Authorization", malformed)], &right), 400, "invalid_request");
    }
}

#[test]
fn wrong_secrets_stop_no_right_one_from_the_same_address() {
    let dev = Dev::start();
    let (id, secret) = (dev.told("/app/client_id"), dev.told("/app/client_secret"));
    let ask =
        |id: &str, secret: &str| call(&dev, &[], &[GRANT, ("client_id", id), ("client_secret", secret)]);
    let failed: Vec<Answer> = (0..400).map(|_| ask(id, "wrong")).collect();
    let slowed = failed.iter().find(|answer| answer.status != 401).expect("nobody is slowed");
    check(slowed, 429, "temporarily_unavailable");
    assert!(slowed.header("retry-after").is_some());
    assert_eq!(ask(id, secret).status, 200);
    check(&ask(dev.told("/other_app/client_id"), "wrong"), 401, "invalid_client");
    assert_eq!(ask(dev.told("/other_app/client_id"), dev.told("/other_app/client_secret")).status, 200);
}

#[test]
fn a_redirect_uri_that_is_sent_with_a_code_is_compared_even_if_the_request_had_none() {
    let dev = Dev::start();
    let query = format!("client_id={}&response_type=code", dev.told("/app/client_id"));
    let code = parameter(&dev.consent(&query, 0), "code").unwrap();
    let exchange = |redirect_uri| {
        let grant = [("grant_type", "authorization_code"), ("code", &*code), ("redirect_uri", redirect_uri)];
        dev.token_call(&grant)
    };
    check(&exchange("http://127.0.0.1:9999/other"), 400, "invalid_grant");
    assert_eq!(exchange(dev.told("/app/redirect_uri")).status, 200);
    let code = parameter(&dev.consent(&query, 0), "code").unwrap();
    assert_eq!(dev.token_call(&[("grant_type", "authorization_code"), ("code", &code)]).status, 200);
}

#[test]
fn an_app_gets_no_scope_that_the_platform_no_longer_has_and_never_none_at_all() {
    let dev = Dev::start();
    let partner = dev.admin("POST", "/admin/partners", r#"{"name":"A"}"#).json();
    let body = format!(
        r#"{{"partner":{},"name":"App","scopes":["catalog:read","logistics:write"],
            "default_scopes":["logistics:write"],"redirect_uris":["http://127.0.0.1:9999/cb"]}}"#,
        partner["id"]
    );
    let app = dev.admin("POST", "/admin/apps", &body).json();
    let (id, secret) = (app["client_id"].as_str().unwrap(), app["client_secret"].as_str().unwrap());
    let ask = |scope: &str| {
        call(&dev, &[], &[GRANT, ("client_id", id), ("client_secret", secret), ("scope", scope)])
    };
    assert_eq!(ask("").json()["scope"], "logistics:write");
    let gone = |text: &str| text.replace("logistics:write", "logistics:gone");
    for file in ["scopes.yaml", "routes/logistics.yaml"] {
        let path = dev.policies().join(file);
        std::fs::write(&path, gone(&std::fs::read_to_string(&path).unwrap())).unwrap();
    }
    assert_eq!(dev.admin("POST", "/admin/policy/reload", "").status, 200);
    check(&ask(""), 400, "invalid_scope");
    check(&ask("logistics:write"), 400, "invalid_scope");
    assert_eq!(ask("catalog:read").json()["scope"], "catalog:read");
    let page = dev.get_logged_in(&format!("/oauth/authorize?client_id={id}&response_type=code"));
    assert_eq!(parameter(page.header("location").unwrap(), "error").as_deref(), Some("invalid_scope"));
}

#[test]
fn tokens_end_with_the_secrets_that_they_were_got_by_and_with_a_suspension() {
    let dev = Dev::start();
    let id = dev.told("/app/client_id");
    let token = |secret: &str| {
        let fields = [GRANT, ("client_id", id), ("client_secret", secret), ("scope", "catalog:read")];
        let answer = call(&dev, &[], &fields);
        assert_eq!(answer.status, 200, "{}", answer.text());
        format!("Bearer {}", answer.json()["access_token"].as_str().unwrap())
    };
    let works = |token: &str| dev.get("/api/products", &[("Authorization", token)]).status == 200;
    let leaked = token(dev.told("/app/client_secret"));
    assert!(works(&leaked));
    let another = dev.admin("POST", &format!("/admin/apps/{id}/secrets"), "").json();
    assert!(works(&leaked), "another secret ends nothing");
    let other = token(another["client_secret"].as_str().unwrap());
    let renewed = dev.admin("POST", &format!("/admin/apps/{id}/secrets"), r#"{"revoke_others":true}"#).json();
    let secret = renewed["client_secret"].as_str().unwrap();
    let fresh = token(secret);
    assert!(!works(&leaked) && !works(&other) && works(&fresh));
    for step in ["suspend", "resume"] {
        assert_eq!(dev.admin("POST", &format!("/admin/apps/{id}/{step}"), "").status, 200);
        assert!(!works(&fresh), "{step}");
    }
    assert!(works(&token(secret)));
}

#[test]
fn a_token_works_though_the_clock_that_older_ones_were_ended_by_goes_ahead() {
    let dev = Dev::start();
    let ask = || dev.token_call(&[GRANT, ("scope", "catalog:read")]);
    let works = |answer: &Answer| {
        let bearer = format!("Bearer {}", answer.json()["access_token"].as_str().unwrap());
        dev.get("/api/products", &[("Authorization", &bearer)]).status == 200
    };
    let before = ask();
    let ahead = Timestamp::from_seconds(i64::from(u32::MAX));
    let app = AppId::new(dev.told("/app/client_id")).unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let database = dev.data().join("tollgate.db");
        let store = Store::open(&format!("sqlite:{}", database.display())).await.unwrap();
        store.end_app_tokens(&app, ahead).await.unwrap();
    });
    assert!(!works(&before) && works(&ask()));
}

#[test]
fn control_characters_and_strange_paths_end_at_the_border() {
    let dev = Dev::start();
    let login = |body: &str| http::request(dev.base(), "POST", "/oauth/login", &[FORM], body);
    for body in ["username=a%00&password=12345678", "username=%ff&password=12345678"] {
        let answer = login(body);
        assert_eq!(answer.status, 400, "{body}: {}", answer.text());
        assert!(answer.header("content-security-policy").is_some());
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    let after = dev.admin("GET", "/admin/merchants?after=%00", "");
    assert_eq!((after.status, after.code().as_str()), (422, "fields_invalid"));
    for (method, path, status, code) in [
        ("GET", "/oauth/nothing", 404, "no_such_path"),
        ("GET", "/oauth/token", 405, "method_not_allowed"),
        ("DELETE", "/oauth/authorize", 405, "method_not_allowed"),
        ("GET", "/.well-known/oauth-authorization-server2", 404, "route_unknown"),
    ] {
        let answer = http::request(dev.base(), method, path, &[], "");
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{method} {path}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{path}");
        assert_eq!(answer.json()["request_id"], answer.header("x-request-id").unwrap(), "{path}");
        assert_eq!(answer.header("allow").is_some(), status == 405, "{path}");
    }
}
