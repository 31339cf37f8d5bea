//! Whose account it is at the provider decides who it is here.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{Federated, SECRET, come_back, query, send, send_with, session};
use crate::support::dev::{Dev, input, parameter, wait_for};
use crate::support::http::{self, FORM, form};
use crate::support::provider::now;

/// Consents in a session; gives the claims of the access token that the app gets.
#[track_caller]
fn claims(dev: &Dev, session: &str) -> Value {
    let query = query(dev);
    let page = dev.get(&format!("/oauth/authorize?{query}"), &[("Cookie", session)]);
    let csrf = input(&page.text(), "csrf");
    let fields = form(&[("request", &query), ("csrf", &csrf), ("decision", "allow")]);
    let answer = http::request(dev.base(), "POST", "/oauth/consent", &[FORM, ("Cookie", session)], &fields);
    let code = parameter(answer.header("location").unwrap(), "code").unwrap();
    let redirect_uri = dev.told("/app/redirect_uri");
    let fields =
        [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", redirect_uri)];
    let token = dev.token_call(&fields).json()["access_token"].as_str().unwrap().to_owned();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

#[test]
fn only_an_account_that_an_administrator_linked_logs_in_and_no_longer_than_it_is_linked() {
    let federated = Federated::start(&["two_factors_acr: [strong]"]);
    let dev = &federated.dev;
    let stranger = federated.log_in("user-1", &json!({}));
    assert_eq!(stranger.status, 403, "{}", stranger.text());
    assert!(stranger.text().contains("user-1") && session(&stranger).is_none(), "{}", stranger.text());
    wait_for("the log", || dev.log().contains("user-1"));

    assert_eq!(federated.link(0, "user-1").status, 201);
    // An account is one merchant's, and a merchant has one account: what is in the way is told, and how it is ended.
    let issuer = federated.provider.issuer();
    let unlink = |subject: &str| {
        let merchant = dev.told("/merchants/0/id");
        format!("tollgate merchant unlink {merchant} --issuer={issuer} --subject={subject}")
    };
    for (merchant, subject, told) in [
        (
            1,
            "user-1",
            format!(
                "linked to merchant {} already; end that first: {}",
                dev.told("/merchants/0/id"),
                unlink("user-1")
            ),
        ),
        (
            0,
            "user-2",
            format!("has account user-1 at that provider already; end that first: {}", unlink("user-1")),
        ),
        (0, "user-1", "linked to this merchant already.".to_owned()),
    ] {
        let refused = federated.link(merchant, subject);
        assert_eq!(refused.status, 409, "{merchant} {subject}");
        assert!(refused.json()["detail"].as_str().unwrap().ends_with(&told), "{}", refused.text());
    }
    let sent = send(dev);
    for (name, value) in
        [("response_type", "code"), ("client_id", "gateway"), ("code_challenge_method", "S256")]
    {
        assert_eq!(sent.parameter(name), value);
    }
    assert_eq!(sent.parameter("scope"), "openid");
    let at = now();
    federated.provider.lets_in(
        "user-1",
        &sent.parameter("nonce"),
        &json!({"acr": "strong", "auth_time": at - 30}),
    );
    let answer = come_back(dev, &sent.cookie, &[("code", "c"), ("state", &sent.parameter("state"))]);
    assert_eq!(answer.status, 303, "{}", answer.text());
    assert_eq!(answer.header("location").unwrap(), format!("/oauth/authorize?{}", query(dev)));
    let session = session(&answer).unwrap();
    let claims = claims(dev, &session);
    assert_eq!(claims["sub"], dev.told("/merchants/0/id"));
    assert_eq!(
        (&claims["acr"], &claims["auth_time"]),
        (&json!("urn:tollgate:acr:two-factors"), &json!(at - 30))
    );

    // What the provider was asked proves this login and this gateway.
    let exchange = federated.provider.exchanges().pop().unwrap();
    let verifier = exchange.field("code_verifier").unwrap();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, verifier.as_bytes());
    assert_eq!(URL_SAFE_NO_PAD.encode(digest), sent.parameter("code_challenge"));
    assert_eq!(exchange.field("redirect_uri").unwrap(), format!("{}/oauth/federated/callback", dev.base()));
    assert!(exchange.header("authorization").unwrap().starts_with("Basic "));
    assert!(!exchange.body.contains(SECRET) && !dev.log().contains(SECRET));

    let id = dev.told("/merchants/0/id");
    let listed = dev.admin("GET", &format!("/admin/merchants/{id}/accounts"), "").json();
    assert_eq!(listed["items"][0]["subject"], "user-1");
    let body = json!({"issuer": federated.provider.issuer(), "subject": "user-1"}).to_string();
    assert_eq!(dev.admin("POST", &format!("/admin/merchants/{id}/accounts/unlink"), &body).status, 200);
    // The session is over, and the account is a stranger's again.
    let page = dev.get(&format!("/oauth/authorize?{}", query(dev)), &[("Cookie", &session)]);
    assert!(page.text().contains("name=\"password\""), "{}", page.text());
    assert_eq!(federated.log_in("user-1", &json!({})).status, 403);
    let audit = dev.admin("GET", "/admin/audit", "").text();
    assert!(audit.contains("merchant.link") && audit.contains("merchant.unlink"), "{audit}");
}

#[test]
fn an_account_at_no_provider_of_the_policies_is_not_linked() {
    let federated = Federated::start(&[]);
    let refused = |dev: &Dev, issuer: &str| {
        let path = format!("/admin/merchants/{}/accounts", dev.told("/merchants/0/id"));
        let answer = dev.admin("POST", &path, &json!({"issuer": issuer, "subject": "user-1"}).to_string());
        let problem = answer.json();
        assert_eq!((answer.status, &problem["errors"][0]["pointer"]), (422, &json!("/issuer")), "{problem}");
        problem["errors"][0]["detail"].as_str().unwrap().to_owned()
    };
    let issuer = federated.provider.issuer();
    for wrong in ["https://login.example.com", &format!("{issuer}/")] {
        assert!(refused(&federated.dev, wrong).ends_with(&format!("there is: {issuer}")), "{wrong}");
    }
    assert!(refused(&Dev::start(), &issuer).contains("platform.yaml, under oauth.login.provider"));
    // One that was linked at an earlier provider can be unlinked.
    federated.dev.tamper(
        "insert into linked_account (issuer, subject, merchant, linked_at) \
         select 'https://old.example', id, id, 0 from merchant",
    );
    let id = federated.dev.told("/merchants/0/id");
    let path = format!("/admin/merchants/{id}/accounts/unlink");
    let body = json!({"issuer": "https://old.example", "subject": id}).to_string();
    assert_eq!(federated.dev.admin("POST", &path, &body).status, 200);
}

#[test]
fn who_is_asked_again_has_to_prove_itself_anew() {
    let federated = Federated::start(&["two_factors_acr: [strong, stronger]"]);
    let dev = &federated.dev;
    assert_eq!(federated.link(0, "user-1").status, 201);
    let sent = send(dev);
    assert_eq!(parameter(&sent.location, "prompt"), None);
    federated.provider.lets_in("user-1", &sent.parameter("nonce"), &json!({}));
    let right = [("code", "c"), ("state", &*sent.parameter("state"))];
    let session = session(&come_back(dev, &sent.cookie, &right)).unwrap();
    let again = send_with(dev, &session);
    assert_eq!(
        (again.parameter("prompt").as_str(), again.parameter("acr_values").as_str()),
        ("login", "strong stronger")
    );
}

#[test]
fn a_suspended_merchant_does_not_log_in_by_its_account_either() {
    let federated = Federated::start(&[]);
    assert_eq!(federated.link(0, "user-1").status, 201);
    let id = federated.dev.told("/merchants/0/id");
    assert_eq!(federated.dev.admin("POST", &format!("/admin/merchants/{id}/suspend"), "").status, 200);
    let answer = federated.log_in("user-1", &json!({}));
    assert_eq!((answer.status, session(&answer)), (403, None));
}

#[test]
fn a_verified_address_links_once_and_never_a_second_account_to_the_same_shop() {
    let federated = Federated::start(&["scopes: [email]", "link_by: {claim: email}"]);
    let dev = &federated.dev;
    let body = json!({"username": "shop@example.com", "name": "A shop"}).to_string();
    let merchant = dev.admin("POST", "/admin/merchants", &body).json()["id"].as_str().unwrap().to_owned();
    assert_eq!(send(dev).parameter("scope"), "openid email");
    for claims in [
        json!({"email": "shop@example.com"}),
        json!({"email": "shop@example.com", "email_verified": false}),
        json!({"email": "shop@example.com", "email_verified": "true"}),
        json!({"email": "nobody@example.com", "email_verified": true}),
        json!({"email": ["shop@example.com"], "email_verified": true}),
    ] {
        assert_eq!(federated.log_in("user-1", &claims).status, 403, "{claims}");
    }
    let verified = json!({"email": "shop@example.com", "email_verified": true});
    let session = session(&federated.log_in("user-1", &verified)).unwrap();
    assert_eq!(claims(dev, &session)["sub"], merchant.as_str());
    // The address is given to somebody else at the provider: the shop is not.
    assert_eq!(federated.log_in("user-2", &verified).status, 403);
    // Who is linked is known by his account, whatever his address is now.
    assert_eq!(federated.log_in("user-1", &json!({})).status, 303);
    let record = dev.admin("GET", "/admin/audit?action=merchant.link", "").json()["items"][0].clone();
    assert_eq!(record["actor"], format!("merchant:{merchant}"));
    let accounts = dev.admin("GET", &format!("/admin/merchants/{merchant}/accounts"), "").json();
    assert_eq!((&record["after"], &record["after"]["subject"]), (&accounts["items"][0], &json!("user-1")));
}

#[test]
fn a_merchant_may_be_registered_by_its_first_login_and_has_no_password() {
    let federated = Federated::start(&["link_by: {claim: preferred_username, create: true}"]);
    let dev = &federated.dev;
    let claims_of_it = json!({"preferred_username": "new-shop", "name": "新店"});
    let session = session(&federated.log_in("user-9", &claims_of_it)).unwrap();
    let merchant = claims(dev, &session)["sub"].as_str().unwrap().to_owned();
    let shown = dev.admin("GET", &format!("/admin/merchants/{merchant}"), "").json();
    assert_eq!((&shown["username"], &shown["name"]), (&json!("new-shop"), &json!("新店")));
    let record =
        dev.admin("GET", "/admin/audit?action=merchant.create&limit=1", "").json()["items"][0].clone();
    let after = &record["after"];
    for name in ["id", "username", "name", "standing", "created_at"] {
        assert_eq!(after[name], shown[name], "{name}");
    }
    assert_eq!(after["linked_account"]["subject"], "user-9");
    // The same one again, and no other of that name.
    assert_eq!(federated.log_in("user-9", &claims_of_it).status, 303);
    assert_eq!(federated.log_in("user-10", &claims_of_it).status, 403);
    for bad in ["", "a b", "é", &"x".repeat(101)] {
        assert_eq!(federated.log_in("user-11", &json!({"preferred_username": bad})).status, 403, "{bad}");
    }
    let fields = form(&[("request", &query(dev)), ("username", "new-shop"), ("password", "")]);
    assert_eq!(http::request(dev.base(), "POST", "/oauth/login", &[FORM], &fields).status, 200);
}
