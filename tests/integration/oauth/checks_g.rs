//! The list G: the API as a protected resource, introspection (RFC 7662) and revocation (RFC 7009). G3 has more in
//! [`super::attacks`], G4 in [`super::introspection`], G5 in [`super::revocation`].

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::table::Expected::{Refused, Status};
use super::table::{Expected, Table};
use crate::support::dev::Dev;
use crate::support::dpop::{Holder, claims, now};
use crate::support::http::{self, Answer, FORM, form};

const INVALID_CLIENT: Expected<'_> = Refused(401, "invalid_client");
const INVALID_REQUEST: Expected<'_> = Refused(400, "invalid_request");

#[test]
fn checks_g() {
    let dev = Dev::start();
    let mut table = Table::default();
    g1(&dev, &mut table);
    g2(&dev, &mut table);
    g3(&dev, &mut table);
    g4(&dev, &mut table);
    g5(&dev, &mut table);
    table.end(&["G1", "G2", "G3", "G4", "G5"]);
}

/// A call of the API with these fields.
fn orders(dev: &Dev, headers: &[(&str, &str)]) -> Answer {
    dev.get("/api/orders", headers)
}

fn challenges(answer: &Answer) -> Vec<&str> {
    let is_challenge = |name: &str| name.eq_ignore_ascii_case("www-authenticate");
    answer.headers.iter().filter(|(name, _)| is_challenge(name)).map(|(_, value)| value.as_str()).collect()
}

/// The tokens of a new authorization of the first app.
fn tokens(dev: &Dev, scope: &str) -> (String, String) {
    let fields = [("client_id", dev.told("/app/client_id")), ("response_type", "code"), ("scope", scope)];
    let back = dev.consent(&form(&fields), 0);
    let code = crate::support::dev::parameter(&back, "code").unwrap();
    let told = dev.token_call(&[("grant_type", "authorization_code"), ("code", &code)]).json();
    let text = |name: &str| told[name].as_str().unwrap().to_owned();
    (text("access_token"), text("refresh_token"))
}

/// A call of an endpoint for tokens by an app.
fn call_as(dev: &Dev, app: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
    let mut all = vec![("client_id", dev.told(&format!("/{app}/client_id")))];
    let secret = dev.ready.pointer(&format!("/{app}/client_secret")).and_then(Value::as_str);
    all.extend(secret.map(|secret| ("client_secret", secret)));
    all.extend(fields);
    http::request(dev.base(), "POST", path, &[FORM], &form(&all))
}

fn g1(dev: &Dev, table: &mut Table) {
    let bearer = dev.bearer(0);
    let token = bearer.strip_prefix("Bearer ").unwrap();
    for (scheme, status) in [
        ("Bearer", 200),
        ("bearer", 200),
        ("BEARER", 200),
        ("bEaReR", 200),
        ("Token", 401),
        ("OAuth", 401),
        ("Bearerx", 401),
        ("", 401),
    ] {
        let answer = orders(dev, &[("Authorization", &format!("{scheme} {token}"))]);
        table.row(&format!("G1 the scheme {scheme:?}"), &answer, Status(status));
    }
    let in_query = dev.get(&format!("/api/orders?access_token={token}"), &[]);
    let in_form =
        http::request(dev.base(), "POST", "/api/orders", &[FORM], &form(&[("access_token", token)]));
    let in_cookie = orders(dev, &[("Cookie", &format!("access_token={token}"))]);
    for (name, answer) in
        [("G1 in the query", in_query), ("G1 in the body", in_form), ("G1 in a cookie", in_cookie)]
    {
        table.row(name, &answer, Status(401));
        table.equal(name, answer.code().as_str(), "credential_missing");
    }
    let both = dev.get(&format!("/api/orders?access_token={token}"), &[("Authorization", "Bearer x")]);
    table.row("G1 the query makes up for nothing", &both, Status(401));
    let authorization = ("Authorization", &*bearer);
    for (name, other) in [
        ("G1 a token and a key", ("X-Api-Key", dev.told("/app/api_key"))),
        ("G1 a token twice", authorization),
        ("G1 as Bearer and as DPoP", ("Authorization", &format!("DPoP {token}"))),
    ] {
        let answer = orders(dev, &[authorization, other]);
        table.row(name, &answer, Status(400));
        table.equal(name, challenges(&answer)[0].contains("error=\"invalid_request\""), true);
    }
}

fn g2(dev: &Dev, table: &mut Table) {
    let metadata = format!("resource_metadata=\"{}/.well-known/oauth-protected-resource\"", dev.base());
    let nothing = orders(dev, &[]);
    table.row("G2 nothing", &nothing, Status(401));
    let told = challenges(&nothing);
    let schemes: Vec<_> = told.iter().filter_map(|told| told.split(" realm=").next()).collect();
    table.equal("G2 what would do", schemes, ["Bearer", "DPoP"]);
    let is_right = told.iter().all(|told| told.contains(&metadata) && !told.contains("error"));
    table.equal("G2 no error without a credential", is_right, true);
    let narrow = dev.token_call(&[("grant_type", "client_credentials"), ("scope", "catalog:read")]).json();
    let narrow = format!("Bearer {}", narrow["access_token"].as_str().unwrap());
    for (name, authorization, status, error) in [
        ("G2 no token", "Bearer x", 401, "error=\"invalid_token\""),
        ("G2 a bad token", "Bearer a.b.c", 401, "error=\"invalid_token\""),
        ("G2 a bad bound token", "DPoP a.b.c", 401, "error=\"invalid_token\""),
        ("G2 another scope", &*narrow, 403, "error=\"insufficient_scope\", scope=\"order:read\""),
    ] {
        let answer = orders(dev, &[("Authorization", authorization)]);
        table.row(name, &answer, Status(status));
        let told = challenges(&answer)[0];
        table.equal(name, told.contains(error) && told.contains(&metadata), true);
        table.equal(name, told.split(' ').next(), authorization.split(' ').next());
    }
    let well = dev.get("/api/products", &[("Authorization", &narrow)]);
    table.equal("G2 no challenge where all is well", (well.status, challenges(&well).len()), (200, 0));
}

fn g3(dev: &Dev, table: &mut Table) {
    let (token, _) = tokens(dev, "order:read");
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    table.equal("G3 typ", &header["typ"], "at+jwt");
    table.equal("G3 signed", &header["alg"], "ES256");
    let told = claims(&token);
    for (name, expected) in [
        ("iss", dev.base()),
        ("aud", dev.base()),
        ("sub", dev.told("/merchants/0/id")),
        ("client_id", dev.told("/app/client_id")),
        ("scope", "order:read"),
    ] {
        table.equal(&format!("G3 {name}"), &told[name], expected);
    }
    let [issued, expires] = ["iat", "exp"].map(|name| told[name].as_u64().unwrap_or_default());
    table.equal("G3 iat and exp", issued <= now() && expires > now(), true);
    table.equal("G3 jti", told["jti"].as_str().is_some_and(|id| id.starts_with("tok_")), true);
    let elsewhere = Dev::start();
    let foreign = orders(dev, &[("Authorization", &elsewhere.bearer(0))]);
    table.row("G3 of another issuer, for another API", &foreign, Status(401));
    let ours = orders(&elsewhere, &[("Authorization", &format!("Bearer {token}"))]);
    table.row("G3 and ours is of no use there", &ours, Status(401));
}

fn g4(dev: &Dev, table: &mut Table) {
    let path = "/oauth/introspect";
    let (access, refresh) = tokens(dev, "order:read");
    let ask = |app: &str, token: &str| call_as(dev, app, path, &[("token", token)]);
    let inactive = json!({"active": false});
    for (name, app, token) in [
        ("G4 another app's access token", "other_app", &*access),
        ("G4 another app's refresh token", "other_app", &refresh),
        ("G4 an unknown refresh token", "app", "tgr_unknown"),
        ("G4 an unknown access token", "app", "a.b.c"),
        ("G4 no token at all", "app", "x"),
        ("G4 an API key", "app", dev.told("/app/api_key")),
    ] {
        table.equal(name, ask(app, token).json(), inactive.clone());
    }
    for (name, fields, expected) in [
        ("G4 nobody asks", &[("token", &*access)][..], INVALID_CLIENT),
        ("G4 no secret", &[("client_id", dev.told("/app/client_id")), ("token", &access)], INVALID_CLIENT),
        (
            "G4 a wrong secret",
            &[("client_id", dev.told("/app/client_id")), ("client_secret", "wrong"), ("token", &access)],
            INVALID_CLIENT,
        ),
        (
            "G4 a public app",
            &[("client_id", dev.told("/public_app/client_id")), ("token", &access)],
            INVALID_CLIENT,
        ),
    ] {
        table.row(name, &http::request(dev.base(), "POST", path, &[FORM], &form(fields)), expected);
    }
    let headers = [FORM, ("Authorization", &*format!("Bearer {access}"))];
    let by_itself = http::request(dev.base(), "POST", path, &headers, &form(&[("token", &access)]));
    table.row("G4 a token is no client", &by_itself, INVALID_CLIENT);
    table.row("G4 of no token", &call_as(dev, "app", path, &[]), INVALID_REQUEST);
    let told = ask("app", &access);
    table.equal("G4 nobody keeps it", told.header("cache-control"), Some("no-store"));
    for (name, expected) in [("active", json!(true)), ("token_type", json!("Bearer"))] {
        table.equal(&format!("G4 {name}"), &told.json()[name], &expected);
    }
    let holder = Holder::new();
    let proof = holder.prove("POST", &format!("{}/oauth/token", dev.base()));
    let fields = form(&[
        ("grant_type", "client_credentials"),
        ("client_id", dev.told("/app/client_id")),
        ("client_secret", dev.told("/app/client_secret")),
    ]);
    let bound = http::request(dev.base(), "POST", "/oauth/token", &[FORM, ("DPoP", &proof)], &fields).json();
    let told = ask("app", bound["access_token"].as_str().unwrap()).json();
    table.equal("G4 token_type of a bound token", &told["token_type"], "DPoP");
    table.equal("G4 cnf of a bound token", &told["cnf"]["jkt"], &*holder.thumbprint());
}

fn g5(dev: &Dev, table: &mut Table) {
    let path = "/oauth/revoke";
    let (access, refresh) = tokens(dev, "order:read");
    let bearer = format!("Bearer {access}");
    let call = || orders(dev, &[("Authorization", &bearer)]);
    for (token, kind) in [(&access, "access"), (&refresh, "refresh")] {
        for app in ["other_app", "public_app"] {
            let answer = call_as(dev, app, path, &[("token", token)]);
            table.row(&format!("G5 the {kind} token of another app, by {app}"), &answer, Status(200));
        }
    }
    let app_id = ("client_id", dev.told("/app/client_id"));
    for (name, fields, expected) in [
        ("G5 nobody asks", &[("token", &*refresh)][..], INVALID_CLIENT),
        ("G5 a wrong secret", &[app_id, ("client_secret", "wrong"), ("token", &refresh)], INVALID_CLIENT),
        ("G5 no secret", &[app_id, ("token", &refresh)], INVALID_CLIENT),
    ] {
        table.row(name, &http::request(dev.base(), "POST", path, &[FORM], &form(fields)), expected);
    }
    table.row("G5 nothing of it was revoked", &call(), Status(200));
    for (name, fields, expected) in [
        ("G5 an unknown token", &[("token", "tgr_unknown")][..], Status(200)),
        ("G5 a broken token", &[("token", &access[..access.len() - 1])], Status(200)),
        ("G5 no token", &[], INVALID_REQUEST),
        ("G5 two tokens", &[("token", "x"), ("token", "y")], INVALID_REQUEST),
        ("G5 an API key", &[("token", dev.told("/app/api_key"))], Refused(400, "unsupported_token_type")),
    ] {
        table.row(name, &call_as(dev, "app", path, fields), expected);
    }
    let wrong_hint = [("token", &*refresh), ("token_type_hint", "access_token")];
    table.row("G5 a wrong hint", &call_as(dev, "app", path, &wrong_hint), Status(200));
    table.row("G5 the access token of a revoked refresh token", &call(), Status(401));
    let again = dev.token_call(&[("grant_type", "refresh_token"), ("refresh_token", &refresh)]);
    table.row("G5 the refresh token", &again, Refused(400, "invalid_grant"));
    table.row("G5 once more", &call_as(dev, "app", path, &wrong_hint), Status(200));
    table.row("G5 GET", &dev.get(path, &[]), Status(405));
}
