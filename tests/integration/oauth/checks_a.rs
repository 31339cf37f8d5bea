//! The list A: registration and the authorization endpoint. A8 has more in [`super::consent`], [`super::apps`] and
//! [`super::attacks`], A9 in [`super::step_up`].

use serde_json::json;

use super::table::Expected::{Page, Status, ToApp};
use super::table::Table;
use super::visitor::Browser;
use crate::support::dev::{Dev, input, parameter};
use crate::support::http::{self, Answer, form};

const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const S256: [(&str, &str); 2] = [("code_challenge", CHALLENGE), ("code_challenge_method", "S256")];

#[test]
fn checks_a() {
    let dev = Dev::start();
    let mut table = Table::default();
    a1(&dev, &mut table);
    a2(&dev, &mut table);
    a3(&dev, &mut table);
    a4(&dev, &mut table);
    a5(&dev, &mut table);
    a6(&dev, &mut table);
    a7(&dev, &mut table);
    a8(&dev, &mut table);
    a9(&dev, &mut table);
    table.end(&["A1", "A2", "A3", "A4", "A5", "A6", "A7", "A8", "A9"]);
}

fn authorize(dev: &Dev, fields: &[(&str, &str)]) -> Answer {
    dev.get_logged_in(&format!("/oauth/authorize?{}", form(fields)))
}

/// Asks for a code of an app.
fn ask(dev: &Dev, app: &str, more: &[(&str, &str)]) -> Answer {
    authorize(dev, &[&[("client_id", app), ("response_type", "code")], more].concat())
}

/// A new app with these settings; its id.
fn app(dev: &Dev, settings: &serde_json::Value) -> String {
    dev.register(settings)["client_id"].as_str().unwrap().to_owned()
}

fn a1(dev: &Dev, table: &mut Table) {
    let registered =
        ["https://shop.example/cb", "http://127.0.0.1:9999/callback", "http://[::1]:9999/callback"];
    let app = app(dev, &json!({ "redirect_uris": registered }));
    for (name, uri, expected) in [
        ("A1 as registered", "https://shop.example/cb", Status(200)),
        ("A1 as registered, loopback", "http://127.0.0.1:9999/callback", Status(200)),
        ("A1 loopback, another port", "http://127.0.0.1:1234/callback", Status(200)),
        ("A1 loopback, no port", "http://127.0.0.1/callback", Status(200)),
        ("A1 loopback of IPv6, another port", "http://[::1]:1234/callback", Status(200)),
        ("A1 a slash more", "https://shop.example/cb/", Page),
        ("A1 extra query", "https://shop.example/cb?x=1", Page),
        ("A1 a fragment", "https://shop.example/cb#x", Page),
        ("A1 a path in other letters", "https://shop.example/CB", Page),
        ("A1 a host in other letters", "https://SHOP.example/cb", Page),
        ("A1 a subdomain", "https://www.shop.example/cb", Page),
        ("A1 a host that begins alike", "https://shop.example.evil.example/cb", Page),
        ("A1 a host behind a user's name", "https://shop.example@evil.example/cb", Page),
        ("A1 a port", "https://shop.example:443/cb", Page),
        ("A1 a path upwards", "https://shop.example/cb/../evil", Page),
        ("A1 an encoded letter", "https://shop.example/%63b", Page),
        ("A1 another scheme", "http://shop.example/cb", Page),
        ("A1 no scheme", "//shop.example/cb", Page),
        ("A1 a loopback by its name", "http://localhost:9999/callback", Page),
        ("A1 loopback, another path", "http://127.0.0.1:9999/callback/../evil", Page),
        ("A1 loopback as a user's name", "http://127.0.0.1:9999@evil.example/callback", Page),
        ("A1 loopback, no number for a port", "http://127.0.0.1:evil/callback", Page),
        ("A1 a script", "javascript:alert(1)", Page),
    ] {
        table.row(name, &ask(dev, &app, &[("redirect_uri", uri)]), expected);
    }
}

fn a2(dev: &Dev, table: &mut Table) {
    let id = dev.told("/app/client_id");
    for (name, uri) in [
        ("A2 registered: a path", "/cb"),
        ("A2 registered: no scheme", "shop.example/cb"),
        ("A2 registered: a fragment", "https://shop.example/cb#part"),
        ("A2 registered: no host", "https:///cb"),
        ("A2 registered: nothing", ""),
    ] {
        let body = json!({ "redirect_uris": [uri] }).to_string();
        table.row(name, &dev.admin("PATCH", &format!("/admin/apps/{id}"), &body), Status(422));
    }
    let several = app(dev, &json!({"redirect_uris": ["https://a.example/cb", "https://b.example/cb"]}));
    let none = app(dev, &json!({"redirect_uris": []}));
    for (name, app, expected) in [
        ("A2 not named: the only one", id, Status(200)),
        ("A2 not named: which one?", &several, Page),
        ("A2 not named: there is none", &none, Page),
    ] {
        table.row(name, &ask(dev, app, &[]), expected);
    }
}

fn a3(dev: &Dev, table: &mut Table) {
    let (id, uri) = (dev.told("/app/client_id"), dev.told("/app/redirect_uri"));
    let code = ("response_type", "code");
    for (name, fields) in [
        ("A3 no client", &[code, ("redirect_uri", uri)][..]),
        ("A3 an unknown client", &[("client_id", "nobody"), code, ("redirect_uri", uri)]),
        ("A3 an empty client", &[("client_id", ""), code, ("redirect_uri", uri)]),
        ("A3 two clients", &[("client_id", id), ("client_id", id), code, ("redirect_uri", uri)]),
        (
            "A3 an unknown redirect URI before any other mistake",
            &[("client_id", id), ("redirect_uri", "https://evil.example/"), ("response_type", "token")],
        ),
        (
            "A3 two redirect URIs",
            &[("client_id", id), code, ("redirect_uri", uri), ("redirect_uri", "https://evil.example/")],
        ),
    ] {
        table.row(name, &authorize(dev, fields), Page);
    }
    let suspended = app(dev, &json!({}));
    let path = format!("/admin/apps/{suspended}/suspend");
    table.row("A3 to be suspended", &dev.admin("POST", &path, ""), Status(200));
    table.row("A3 a suspended client", &ask(dev, &suspended, &[]), Page);
}

fn a4(dev: &Dev, table: &mut Table) {
    let id = dev.told("/app/client_id");
    for (name, response_type) in [
        ("A4 the implicit grant", "token"),
        ("A4 an ID token", "id_token"),
        ("A4 a hybrid flow", "code token"),
        ("A4 nothing at all", "none"),
        ("A4 in other letters", "Code"),
    ] {
        let answer = authorize(dev, &[("client_id", id), ("response_type", response_type)]);
        table.row(name, &answer, ToApp("unsupported_response_type"));
    }
    let metadata = dev.get("/.well-known/oauth-authorization-server", &[]).json();
    table.equal("A4 metadata: code alone", &metadata["response_types_supported"], &json!(["code"]));
    let grants = metadata["grant_types_supported"].to_string();
    table.equal("A4 metadata: no password", grants.contains("password"), false);
}

fn a5(dev: &Dev, table: &mut Table) {
    let (confidential, public) = (dev.told("/app/client_id"), dev.told("/public_app/client_id"));
    let must = app(dev, &json!({"requires_pkce": true}));
    let refused = ToApp("invalid_request");
    let method = S256[1];
    for (name, app, fields, expected) in [
        ("A5 S256, a public app", public, &S256[..], Status(200)),
        ("A5 S256, a confidential app", confidential, &S256, Status(200)),
        ("A5 S256, an app that must", &must, &S256, Status(200)),
        ("A5 nothing, a confidential app that need not", confidential, &[], Status(200)),
        ("A5 nothing, a public app", public, &[], refused),
        ("A5 nothing, an app that must", &must, &[], refused),
        ("A5 no method means plain", confidential, &S256[..1], refused),
        ("A5 plain", confidential, &[S256[0], ("code_challenge_method", "plain")], refused),
        ("A5 an unknown method", confidential, &[S256[0], ("code_challenge_method", "s256")], refused),
        ("A5 no challenge", confidential, &S256[1..], refused),
        ("A5 an empty challenge", public, &[("code_challenge", ""), method], refused),
        ("A5 a short challenge", confidential, &[("code_challenge", "short"), method], refused),
        ("A5 a long challenge", confidential, &[("code_challenge", &"x".repeat(129)), method], refused),
        (
            "A5 another alphabet",
            confidential,
            &[("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM"), method],
            refused,
        ),
    ] {
        table.row(name, &ask(dev, app, fields), expected);
    }
}

fn a6(dev: &Dev, table: &mut Table) {
    let id = dev.told("/app/client_id");
    for name in ["scope", "state", "response_type", "code_challenge", "prompt", "anything"] {
        let answer = ask(dev, id, &[(name, "a"), (name, "b")]);
        table.row(&format!("A6 {name} twice"), &answer, ToApp("invalid_request"));
    }
    for (name, more) in [
        ("A6 empty is absent", &[("scope", ""), ("state", "")][..]),
        ("A6 an empty challenge is absent", &[("code_challenge", "")]),
        ("A6 an unknown parameter", &[("nonsense", "x")]),
    ] {
        table.row(name, &ask(dev, id, more), Status(200));
    }
    let path = format!("/oauth/authorize?client_id={id}&response_type=code");
    let page = dev.get(&path, &[("Origin", "https://evil.example")]);
    table.row("A6 from another origin", &page, Status(200));
    table.equal("A6 no CORS", page.header("access-control-allow-origin"), None);
    let preflight = [("Origin", "https://evil.example"), ("Access-Control-Request-Method", "GET")];
    let preflight = http::request(dev.base(), "OPTIONS", "/oauth/authorize", &preflight, "");
    table.row("A6 a preflight", &preflight, Status(405));
    table.equal("A6 no CORS by a preflight", preflight.header("access-control-allow-origin"), None);
}

fn a7(dev: &Dev, table: &mut Table) {
    let id = dev.told("/app/client_id");
    let metadata = dev.get("/.well-known/oauth-authorization-server", &[]).json();
    table.equal("A7 metadata: iss", &metadata["authorization_response_iss_parameter_supported"], true);
    for state in ["a+b c&=%/?#é中", " ", "x".repeat(1000).as_str(), "a=b&code=evil&iss=evil"] {
        let fields = [("client_id", id), ("response_type", "code"), ("state", state)];
        let good = dev.consent(&form(&fields), 0);
        let bad = authorize(dev, &[fields[0], ("response_type", "token"), fields[2]]);
        for (what, location) in [("a code", good.as_str()), ("an error", bad.header("location").unwrap())] {
            let told = |name| parameter(location, name);
            table.equal(&format!("A7 state with {what}"), told("state").as_deref(), Some(state));
            table.equal(&format!("A7 iss with {what}"), told("iss").as_deref(), Some(dev.base()));
        }
        let code = parameter(&good, "code").unwrap_or_default();
        table.equal("A7 the state adds no code", code.starts_with("tgc_"), true);
    }
    let without = dev.consent(&form(&[("client_id", id), ("response_type", "code")]), 0);
    table.equal("A7 no state where there was none", parameter(&without, "state"), None);
}

fn a8(dev: &Dev, table: &mut Table) {
    let query = format!("client_id={}&response_type=code&scope=order:read", dev.told("/app/client_id"));
    // The merchant that the other checks have consent for nothing.
    let mut browser = Browser::new(dev);
    let login = browser.log_in_at(&format!("/oauth/authorize?{query}"), 1);
    table.row("A8 303 after a password", &login, Status(303));
    let page = browser.get(login.header("location").unwrap());
    for (name, text) in [
        ("A8 the page names the app", "Shop Manager"),
        ("A8 the page names its developer", "Bright Apps"),
        ("A8 the page names the scope", "See your orders"),
    ] {
        table.equal(name, page.text().contains(text), true);
    }
    table.equal("A8 no other scope", page.text().contains("See your payments"), false);
    table.equal("A8 the page is not framed", page.header("x-frame-options"), Some("DENY"));
    let csrf = input(&page.text(), "csrf");
    for decision in ["deny", "allow"] {
        let fields = [("request", &*query), ("csrf", &csrf), ("decision", decision)];
        let answer = browser.submit("/oauth/consent", &fields);
        table.row(&format!("A8 303 after {decision}"), &answer, Status(303));
        table.equal("A8 nobody keeps it", answer.header("cache-control"), Some("no-store"));
    }
    let apps = browser.get("/oauth/apps").text();
    table.equal("A8 the merchant sees who has access", apps.contains("Shop Manager"), true);
    let revoke = [("grant", input(&apps, "grant")), ("csrf", input(&apps, "csrf"))];
    let revoke = revoke.each_ref().map(|(name, value)| (*name, value.as_str()));
    table.row("A8 the merchant takes it back", &browser.submit("/oauth/apps/revoke", &revoke), Status(303));
    let apps = browser.get("/oauth/apps").text();
    table.equal("A8 nobody has access", apps.contains("Shop Manager"), false);
}

fn a9(dev: &Dev, table: &mut Table) {
    let id = dev.told("/app/client_id");
    let for_itself = app(dev, &json!({"name": "For itself"}));
    // As an older program would have let it be registered, with redirect URIs.
    dev.tamper(
        "update client_settings set grant_types = 'client_credentials' \
         where app in (select id from app where name = 'For itself')",
    );
    let code = ("response_type", "code");
    for (name, app, fields, error) in [
        ("A9 no response type", id, &[][..], "invalid_request"),
        ("A9 another response type", id, &[("response_type", "token")], "unsupported_response_type"),
        ("A9 a scope beyond", id, &[code, ("scope", "catalog:write")], "invalid_scope"),
        ("A9 an unknown scope", id, &[code, ("scope", "no such")], "invalid_scope"),
        ("A9 a malformed scope", id, &[code, ("scope", "\"")], "invalid_scope"),
        ("A9 not registered for codes", &for_itself, &[code], "unauthorized_client"),
    ] {
        let answer = authorize(dev, &[&[("client_id", app), ("state", "s")], fields].concat());
        table.row(name, &answer, ToApp(error));
        let location = answer.header("location").unwrap_or_default();
        let described = parameter(location, "error_description").is_some_and(|text| text.is_ascii());
        table.equal(name, described, true);
    }
    let query = format!("client_id={id}&response_type=code&state=s");
    let mut browser = Browser::new(dev);
    let consent = browser.log_in(&query).header("location").unwrap().to_owned();
    let csrf = input(&browser.get(&consent).text(), "csrf");
    let mut decide = |decision: &str| {
        browser.submit("/oauth/consent", &[("request", &query), ("csrf", &csrf), ("decision", decision)])
    };
    table.row("A9 the merchant says no", &decide("deny"), ToApp("access_denied"));
    // The last of all: the store takes no more codes.
    dev.tamper(
        "create trigger full before insert on authorization_code begin select raise(abort, 'full'); end",
    );
    table.row("A9 the store takes no code", &decide("allow"), ToApp("server_error"));
}
