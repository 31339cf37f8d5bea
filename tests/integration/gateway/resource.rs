//! The API as a protected resource: checks G1, G2 and P6 of the list.

use serde_json::json;

use crate::support::dev::{Dev, parameter};
use crate::support::http::{self, Answer, FORM, form};

fn challenges(answer: &Answer) -> Vec<&str> {
    let is_challenge = |name: &str| name.eq_ignore_ascii_case("www-authenticate");
    answer.headers.iter().filter(|(name, _)| is_challenge(name)).map(|(_, value)| value.as_str()).collect()
}

#[test]
fn g1_a_token_is_taken_from_authorization_alone_and_from_nowhere_else() {
    let dev = Dev::start();
    let bearer = dev.bearer(0);
    let token = bearer.strip_prefix("Bearer ").unwrap();
    let authorization = |value: &str| dev.get("/api/orders", &[("Authorization", value)]).status;
    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
        assert_eq!(authorization(&format!("{scheme} {token}")), 200, "{scheme}");
    }
    for scheme in ["Token", "OAuth", "Bearerx", ""] {
        assert_eq!(authorization(&format!("{scheme} {token}")), 401, "{scheme:?}");
    }
    let in_query = dev.get(&format!("/api/orders?access_token={token}"), &[]);
    assert_eq!((in_query.status, in_query.code().as_str()), (401, "credential_missing"));
    let in_form =
        http::request(dev.base(), "POST", "/api/orders", &[FORM], &form(&[("access_token", token)]));
    assert_eq!((in_form.status, in_form.code().as_str()), (401, "credential_missing"));
    let key = dev.told("/app/api_key");
    for headers in [
        &[("Authorization", &*bearer), ("X-Api-Key", key)][..],
        &[("Authorization", &bearer), ("Authorization", &bearer)],
        &[("Authorization", &bearer), ("Authorization", &format!("DPoP {token}"))],
    ] {
        let answer = dev.get("/api/orders", headers);
        assert_eq!((answer.status, answer.code().as_str()), (400, "credential_repeated"));
        assert!(challenges(&answer)[0].contains("error=\"invalid_request\""), "{:?}", challenges(&answer));
    }
}

#[test]
fn g2_each_refusal_says_what_kind_of_token_would_do() {
    let dev = Dev::start();
    let narrow = dev.token_call(&[("grant_type", "client_credentials"), ("scope", "catalog:read")]).json();
    let narrow = format!("Bearer {}", narrow["access_token"].as_str().unwrap());
    let metadata = format!("resource_metadata=\"{}/.well-known/oauth-protected-resource\"", dev.base());
    let nothing = dev.get("/api/orders", &[]);
    assert_eq!(nothing.status, 401);
    let told = challenges(&nothing);
    assert!(
        told[0].starts_with("Bearer realm=") && told[1].starts_with("DPoP realm=") && told.len() == 2,
        "{told:?}"
    );
    assert!(told.iter().all(|told| told.contains(&metadata) && !told.contains("error")), "{told:?}");
    for (authorization, status, error) in [
        ("Bearer x", 401, "error=\"invalid_token\""),
        ("Bearer a.b.c", 401, "error=\"invalid_token\""),
        ("DPoP a.b.c", 401, "error=\"invalid_token\""),
        (&*narrow, 403, "error=\"insufficient_scope\", scope=\"order:read\""),
    ] {
        let answer = dev.get("/api/orders", &[("Authorization", authorization)]);
        assert_eq!(answer.status, status, "{authorization}: {}", answer.text());
        let told = challenges(&answer);
        assert!(told[0].contains(error) && told[0].contains(&metadata), "{authorization}: {told:?}");
        assert_eq!(told[0].starts_with("DPoP"), authorization.starts_with("DPoP"), "{told:?}");
    }
    // One of the two that the route requires is there: the client has to ask for both.
    let both = Dev::with_policies(|policies| {
        let path = policies.join("routes/orders.yaml");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("scopes: [order:read]", "scopes: [order:read, catalog:read]"))
            .unwrap();
    });
    let narrow_there =
        both.token_call(&[("grant_type", "client_credentials"), ("scope", "catalog:read")]).json();
    let bearer = format!("Bearer {}", narrow_there["access_token"].as_str().unwrap());
    let answer = both.get("/api/orders", &[("Authorization", &bearer)]);
    assert!(
        challenges(&answer)[0].contains("scope=\"catalog:read order:read\""),
        "{:?}",
        challenges(&answer)
    );
    let well = dev.get("/api/products", &[("Authorization", &narrow)]);
    assert!(well.status == 200 && challenges(&well).is_empty());
}

#[test]
fn p6_the_api_tells_which_server_gives_tokens_for_it() {
    let dev = Dev::start();
    let metadata = dev.get("/.well-known/oauth-protected-resource", &[]);
    assert_eq!(metadata.status, 200, "{}", metadata.text());
    let metadata = metadata.json();
    assert_eq!(metadata["resource"], dev.base());
    assert_eq!(metadata["authorization_servers"], json!([dev.base()]));
    assert_eq!(metadata["bearer_methods_supported"], json!(["header"]));
    assert!(metadata["scopes_supported"].as_array().unwrap().contains(&json!("order:read")));
    assert!(metadata["dpop_signing_alg_values_supported"].as_array().unwrap().contains(&json!("ES256")));
}

#[test]
fn p6_a_token_is_for_this_api_or_for_none() {
    let dev = Dev::start();
    let (ours, with_slash) = (("resource", dev.base()), format!("{}/", dev.base()));
    let foreign = ("resource", "https://other.example");
    let ask = |more: &[(&str, &str)]| {
        let mut fields = vec![("grant_type", "client_credentials"), ("scope", "catalog:read")];
        fields.extend(more);
        dev.token_call(&fields)
    };
    for fields in [&[ours][..], &[("resource", &*with_slash)], &[ours, ours], &[]] {
        let answer = ask(fields);
        assert_eq!(answer.status, 200, "{fields:?}: {}", answer.text());
    }
    for fields in [&[foreign][..], &[ours, foreign], &[("resource", "/api")]] {
        let answer = ask(fields);
        assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("invalid_target")), "{fields:?}");
    }
    let query = format!("client_id={}&response_type=code&state=s", dev.told("/app/client_id"));
    let page = dev.get(&format!("/oauth/authorize?{query}&resource={}", dev.base()), &[]);
    assert_eq!(page.status, 200, "{}", page.text());
    let refused = dev.get_logged_in(&format!("/oauth/authorize?{query}&resource=https://other.example"));
    let location = refused.header("location").unwrap();
    assert_eq!(parameter(location, "error").as_deref(), Some("invalid_target"));
    assert_eq!(parameter(location, "state").as_deref(), Some("s"));
}
