//! Access tokens of other issuers: whom they prove, for whom they act, and which are refused.

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use serde_json::{Value, json};

use crate::support::dev::{Dev, wait_for};
use crate::support::dpop::{Holder, encode, hash};
use crate::support::http::{self, Answer, FORM, form};
use crate::support::issuer::{AUDIENCE, Issuer, trust};
use crate::support::origin::point;
use crate::support::provider::now;
use crate::support::server::{Server, answer};
use crate::support::signer::Signer;

const PATH: &str = "/api/products";

/// A gateway that takes the tokens of an issuer, before upstreams that tell whom it says that they serve.
struct World {
    dev: Dev,
    issuer: Issuer,
    signer: Signer,
    _upstream: Server,
}

impl World {
    fn start() -> Self {
        let signer = Signer::new("ES256", "one");
        let issuer = Issuer::start(&[&signer]);
        // In a field: bodies of orders are masked.
        let upstream = Server::start(|asked, to| {
            let told = ["app", "merchant", "scopes"].map(|name| asked.header(&format!("x-tollgate-{name}")));
            assert_eq!(asked.header("authorization"), None);
            let told = json!(told);
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Told: {told}\r\n");
            let _ = to.write_all(format!("{answer}Content-Length: 2\r\n\r\n[]").as_bytes());
        });
        let dev = Dev::with_policies(|policies| {
            point(policies, "catalog", &upstream.address);
            point(policies, "order", &upstream.address);
            trust(policies, &[issuer.section(&[])]);
        });
        wait_for("the keys", || {
            dev.figure(&format!("tollgate_issuer_keys{{issuer=\"{}\"}}", issuer.name())) > 0
        });
        Self { dev, issuer, signer, _upstream: upstream }
    }

    fn app(&self) -> &str {
        self.dev.told("/app/client_id")
    }

    /// A token with more claims, or other ones.
    fn token(&self, more: &Value) -> String {
        self.signer.sign(&self.claims(more))
    }

    fn claims(&self, more: &Value) -> Value {
        let mut claims = self.issuer.claims(self.app());
        for (name, value) in more.as_object().unwrap() {
            match value {
                Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
                value => claims[name] = value.clone(),
            }
        }
        claims
    }

    #[track_caller]
    fn call(&self, path: &str, token: &str) -> Answer {
        self.dev.get(path, &[("Authorization", &format!("Bearer {token}"))])
    }

    /// The same as the holder of a key, who asks for a nonce first: a node that has just begun tells one.
    #[track_caller]
    fn call_as(&self, holder: &mut Holder, token: &str) -> Answer {
        let (url, authorization) = (format!("{}{PATH}", self.dev.base()), format!("DPoP {token}"));
        let call =
            |proof: &str| self.dev.get(PATH, &[("Authorization", authorization.as_str()), ("DPoP", proof)]);
        let unknown = holder.prove_with("GET", &url, json!({"ath": hash(token), "nonce": "unknown"}));
        holder.learn(call(&unknown).header("dpop-nonce").expect("a nonce"));
        call(&holder.prove_token("GET", &url, token))
    }

    /// Puts these sections in force.
    fn reload(&self, sections: &[String]) -> Answer {
        trust(&self.dev.policies(), sections);
        self.dev.admin("POST", "/admin/policy/reload", "")
    }
}

/// Whom the upstream was told that it serves: app, merchant and scopes.
#[track_caller]
fn told(answer: &Answer) -> Value {
    let told = answer.header("x-told").unwrap_or_else(|| panic!("{}", answer.text()));
    serde_json::from_str(told).unwrap()
}

#[track_caller]
fn assert_invalid(answer: &Answer, what: &str) {
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (401, "credential_invalid"),
        "{what}: {}",
        answer.text()
    );
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(challenge.contains("error=\"invalid_token\""), "{what}: {challenge}");
}

#[test]
fn a_token_by_each_algorithm_proves_the_app_that_its_claims_name_and_is_verified_once() {
    let world = World::start();
    let signers = ["RS256", "ES256", "EdDSA", "PS256"].map(|algorithm| Signer::new(algorithm, algorithm));
    let other = Issuer::start(&signers.each_ref());
    assert_eq!(
        world.reload(&[world.issuer.section(&[]), other.section(&["merchant: \"null\""])]).status,
        200
    );
    let verified = || world.dev.figure("tollgate_tokens_verified_total");
    let mut mine = other.claims(world.app());
    mine["shop"] = json!("nobody");
    for signer in &signers {
        let token = signer.sign(&mine);
        wait_for("the other's keys", || world.call(PATH, &token).status == 200);
        let before = verified();
        for _ in 0..20 {
            let told = told(&world.call(PATH, &token));
            assert_eq!(told, json!([world.app(), null, "catalog:read order:read"]));
        }
        assert_eq!(verified(), before, "its signature was looked at once");
    }
    let own = world.dev.bearer(0);
    assert_eq!(world.dev.get(PATH, &[("Authorization", &own)]).status, 200, "our own are taken beside it");
    // The one that was there kept its keys.
    assert_eq!(world.issuer.server.calls(), 1);
    // An app that is registered nowhere, and one that may not call.
    assert_invalid(&world.call(PATH, &world.token(&json!({"client_id": "app_none"}))), "an unknown app");
    let token = world.token(&json!({"jti": "2"}));
    assert_eq!(world.call(PATH, &token).status, 200);
    let suspend = format!("/admin/apps/{}/suspend", world.app());
    assert_eq!(world.dev.admin("POST", &suspend, "").status, 200);
    let refused = world.call(PATH, &token);
    assert_eq!((refused.status, refused.code().as_str()), (403, "suspended"));
}

#[test]
fn what_is_wrong_with_a_token_has_it_refused_whoever_signed_it() {
    let world = World::start();
    assert_eq!(world.call(PATH, &world.token(&json!({}))).status, 200);
    let now = now();
    for wrong in [
        json!({"iss": "https://login.example"}),
        json!({"iss": null}),
        json!({"aud": "gateway"}),
        json!({"aud": ["gateway", "https://api.shop.example/"]}),
        json!({"aud": null}),
        json!({"exp": now - 1}),
        json!({"exp": null}),
        json!({"nbf": now + 120}),
        json!({"iat": now + 120}),
        json!({"client_id": null}),
        json!({"shop": true}),
        json!({"scope": null}),
        json!({"cnf": {"jwk": {"kty": "EC"}}}),
        json!({"exp": now + 90_000}),
        json!({"exp": now + 90_000, "iat": null}),
    ] {
        assert_invalid(&world.call(PATH, &world.token(&wrong)), &wrong.to_string());
    }
    let right = world.claims(&json!({}));
    let jwk = world.signer.jwk();
    for header in [
        json!({"alg": "ES256", "kid": "one", "typ": "at+jwt", "crit": ["exp"]}),
        json!({"alg": "ES256", "kid": "one", "typ": "at+jwt", "b64": false}),
        json!({"alg": "ES256", "kid": "one", "typ": "dpop+jwt"}),
        json!({"alg": "RS256", "kid": "one"}),
        json!({"alg": "none", "kid": "one"}),
        json!({"alg": "HS256", "kid": "one"}),
    ] {
        assert_invalid(&world.call(PATH, &world.signer.sign_as(&header, &right)), &header.to_string());
    }
    // What comes along in a header is no key, and no address that anybody asks.
    let thief = Signer::new("ES256", "one");
    let asked = Server::start(|_, to| answer(to, 200, "{}"));
    let url = format!("http://{}/jwks.json", asked.address);
    let header = json!({"alg": "ES256", "kid": "one", "jwk": thief.jwk(), "jku": url, "x5u": url});
    assert_invalid(&world.call(PATH, &thief.sign_as(&header, &right)), "a key of its own");
    assert_eq!(asked.calls(), 0);
    // The public key as a secret, and no signature at all.
    let parts =
        |header: Value| [header, right.clone()].map(|part| encode(part.to_string().as_bytes())).join(".");
    let signed = parts(json!({"alg": "HS256", "kid": "one", "typ": "JWT"}));
    let tag = sign(&Key::new(HMAC_SHA256, jwk.to_string().as_bytes()), signed.as_bytes());
    assert_invalid(&world.call(PATH, &format!("{signed}.{}", encode(tag.as_ref()))), "HS256");
    let unsigned = parts(json!({"alg": "none", "typ": "JWT"}));
    assert_invalid(&world.call(PATH, &format!("{unsigned}.")), "none");
    let text = world.call(PATH, &world.token(&json!({"aud": "gateway"}))).text();
    assert!(text.contains("another audience") && !text.contains(AUDIENCE), "{text}");
    assert_eq!(world.issuer.server.calls(), 1, "nothing of it had the keys read again");
}

#[test]
fn an_app_acts_for_a_merchant_by_its_grant_alone_and_not_a_moment_longer() {
    let world = World::start();
    let merchant = world.dev.told("/merchants/0/id").to_owned();
    let for_shop = |jti: &str| world.token(&json!({"shop": merchant, "jti": jti}));
    assert_invalid(&world.call("/api/orders", &for_shop("0")), "no grant yet");
    let alone = world.call("/api/orders", &world.token(&json!({"jti": "alone"})));
    assert_eq!((alone.status, alone.code().as_str()), (403, "merchant_missing"));
    let _own = world.dev.bearer(0);
    let token = for_shop("1");
    let first = told(&world.call("/api/orders", &token));
    assert_eq!(first, json!([world.app(), merchant, "catalog:read order:read"]));
    // What the grant does not have, the issuer cannot give.
    let more =
        world.token(&json!({"shop": merchant, "jti": "2", "scope": "order:read order:pii catalog:write"}));
    assert_eq!(told(&world.call("/api/orders", &more))[2], "order:read");
    let stand = |step: &str| {
        let path = format!("/admin/merchants/{merchant}/{step}");
        assert_eq!(world.dev.admin("POST", &path, "").status, 200);
    };
    stand("suspend");
    assert_eq!(world.call("/api/orders", &token).code(), "suspended");
    stand("resume");
    assert_eq!(world.call("/api/orders", &token).status, 200);
    let grants = world.dev.admin("GET", &format!("/admin/grants?app={}", world.app()), "").json();
    let grant = grants["items"][0]["id"].as_str().unwrap_or_else(|| panic!("{grants}")).to_owned();
    assert_eq!(world.dev.admin("POST", &format!("/admin/grants/{grant}/revoke"), "").status, 200);
    for token in [&token, &more, &for_shop("3")] {
        assert_invalid(&world.call("/api/orders", token), "the grant is revoked");
    }
    let _again = world.dev.bearer(0);
    assert_eq!(world.call("/api/orders", &for_shop("4")).status, 200);
}

#[test]
fn a_token_that_is_bound_to_a_key_is_of_no_use_without_it() {
    let world = World::start();
    let mut holder = Holder::new();
    let bound = world.token(&json!({"cnf": {"jkt": holder.thumbprint()}}));
    assert_invalid(&world.call(PATH, &bound), "as Bearer");
    assert_eq!(world.call_as(&mut holder, &bound).status, 200);
    assert_eq!(world.call_as(&mut Holder::new(), &bound).code(), "proof_invalid");
    let elsewhere = world.token(&json!({"cnf": {"x5t#S256": encode(&[7; 32])}, "jti": "2"}));
    assert_invalid(&world.call(PATH, &elsewhere), "bound to a certificate that was not shown");
}

#[test]
fn an_app_that_must_bind_its_tokens_is_not_proved_by_anothers_that_is_not_bound() {
    let world = World::start();
    let mut holder = Holder::new();
    let plain = world.token(&json!({"jti": "plain"}));
    let bound = world.token(&json!({"jti": "bound", "cnf": {"jkt": holder.thumbprint()}}));
    assert_eq!(world.call(PATH, &plain).status, 200);
    let set = |settings: Value| {
        let path = format!("/admin/apps/{}", world.app());
        let changed = world.dev.admin("PATCH", &path, &settings.to_string());
        assert_eq!(changed.status, 200, "{}", changed.text());
    };
    set(json!({"dpop_bound_access_tokens": true}));
    let refused = world.call(PATH, &plain);
    assert_invalid(&refused, "not bound");
    assert!(refused.text().contains("bound to a key (DPoP)"), "{}", refused.text());
    assert_invalid(&world.call(PATH, &bound), "without a proof");
    assert_eq!(world.call_as(&mut Holder::new(), &bound).code(), "proof_invalid");
    assert_eq!(world.call_as(&mut holder, &bound).status, 200);
    set(json!({"dpop_bound_access_tokens": false}));
    assert_eq!(world.call(PATH, &plain).status, 200);
}

#[test]
fn the_gateways_own_endpoints_tell_and_revoke_nothing_of_other_issuers_tokens() {
    let world = World::start();
    let token = world.token(&json!({}));
    let ask = |path: &str| {
        let (id, secret) = (world.app(), world.dev.told("/app/client_secret"));
        let fields = form(&[("client_id", id), ("client_secret", secret), ("token", token.as_str())]);
        http::request(world.dev.base(), "POST", path, &[FORM], &fields)
    };
    assert_eq!(ask("/oauth/introspect").json(), json!({"active": false}));
    assert_eq!(ask("/oauth/revoke").status, 200);
    assert_eq!(world.call(PATH, &token).status, 200, "whose it is not cannot revoke it");
}

#[test]
fn other_policies_end_what_was_believed_and_the_platform_is_no_other_issuer() {
    let world = World::start();
    let token = world.token(&json!({"azp": world.dev.told("/other_app/client_id")}));
    let told = |token: &str| told(&world.call(PATH, token));
    assert_eq!(told(&token)[0], world.app());
    assert_eq!(
        world.reload(&[world.issuer.section(&["app: claims.azp", "scopes: \"['catalog:read']\""])]).status,
        200
    );
    let expected = json!([world.dev.told("/other_app/client_id"), null, "catalog:read"]);
    wait_for("the other meaning", || told(&token) == expected);
    assert_eq!(world.reload(&[world.issuer.section(&["audience: another"])]).status, 200);
    wait_for("the other audience", || world.call(PATH, &token).status == 401);
    assert_eq!(world.reload(&[world.issuer.section(&[])]).status, 200);
    wait_for("what there was", || world.call(PATH, &token).status == 200);
    assert_eq!(world.issuer.server.calls(), 1, "its keys were known all along");
    assert_eq!(world.reload(&[]).status, 200);
    wait_for("no other issuer", || world.call(PATH, &token).status == 401);
    let ours = format!("issuer: \"{}\"", world.dev.base());
    let refused = world.reload(&[world.issuer.section(&[&ours])]);
    assert!(
        refused.status >= 400 && refused.text().contains("is this platform itself"),
        "{}",
        refused.text()
    );
    assert_invalid(&world.call(PATH, &token), "the set before is in force");
}
