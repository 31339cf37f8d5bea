//! Access tokens that nobody signed who may: check G3 of the list as an attacker sees it, and the attacks of RFC 8725.
//!
//! What the platform would take but for the one thing that is wrong with it is signed by the platform's own key, which the test
//! takes out of the store: else each forgery would be refused for its signature, whatever else was looked at.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tollgate::credential::sealing::SealingKey;
use tollgate::store::Store;

use crate::support::dev::Dev;
use crate::support::dpop::{Holder, claims, encode, now};

fn part(value: &Value) -> String {
    encode(value.to_string().as_bytes())
}

fn header(token: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap()).unwrap()
}

/// `value` with some members changed, or taken away by null.
fn with(mut value: Value, changes: Value) -> Value {
    for (name, change) in changes.as_object().unwrap() {
        match change {
            Value::Null => value.as_object_mut().unwrap().remove(name),
            _ => value.as_object_mut().unwrap().insert(name.clone(), change.clone()),
        };
    }
    value
}

/// A gateway, and a token of it that is good.
struct World {
    dev: Dev,
    token: String,
    head: Value,
    payload: Value,
}

impl World {
    fn new() -> Self {
        let dev = Dev::start();
        let token = dev.bearer(0).strip_prefix("Bearer ").unwrap().to_owned();
        let (head, payload) = (header(&token), claims(&token));
        Self { dev, token, head, payload }
    }

    fn status(&self, token: &str) -> u16 {
        self.dev.get("/api/orders", &[("Authorization", &format!("Bearer {token}"))]).status
    }

    fn kid(&self) -> &str {
        self.head["kid"].as_str().unwrap()
    }

    fn signature(&self) -> &str {
        self.token.rsplit('.').next().unwrap()
    }

    /// Whoever signs as the platform does.
    fn platform(&self) -> Holder {
        let sealing = SealingKey::new(&std::fs::read(self.dev.data().join("sealing.key")).unwrap()).unwrap();
        let address = format!("sqlite:{}", self.dev.data().join("tollgate.db").display());
        let stored = tokio::runtime::Runtime::new().unwrap().block_on(async {
            let store = Store::open(&address).await.unwrap();
            let keys = store.signing_keys().await.unwrap();
            store.close().await;
            keys
        });
        let key = stored.into_iter().find(|key| key.kid == self.kid()).unwrap();
        Holder::from_pkcs8(&sealing.open(&key.kid, &key.sealed).unwrap())
    }

    #[track_caller]
    fn refuses(&self, forged: &[(String, String)]) {
        assert_eq!(self.status(&self.token), 200);
        for (why, text) in forged {
            assert_eq!(self.status(text), 401, "{why}");
        }
        assert_eq!(self.status(&self.token), 200, "who guesses keeps nobody out that is known");
    }
}

#[test]
fn g3_what_the_platform_signed_is_taken_for_an_access_token_of_its_own_alone() {
    let world = World::new();
    let platform = world.platform();
    let sign = |head, payload| {
        platform.sign_raw(&with(world.head.clone(), head), &with(world.payload.clone(), payload))
    };
    assert_eq!(world.head["typ"], "at+jwt");
    assert_eq!(world.status(&sign(json!({}), json!({}))), 200, "the test signs as the platform does");
    for typ in ["AT+JWT", "application/at+jwt"] {
        assert_eq!(world.status(&sign(json!({"typ": typ}), json!({}))), 200, "{typ}");
    }
    let mut forged = Vec::new();
    for head in [
        json!({"typ": "JWT"}),
        json!({"typ": null}),
        json!({"typ": ""}),
        json!({"typ": "dpop+jwt"}),
        json!({"typ": "logout+jwt"}),
        json!({"typ": "at+jwt2"}),
        json!({"crit": ["exp"]}),
        json!({"crit": []}),
        json!({"b64": false, "crit": ["b64"]}),
        json!({"alg": null}),
        json!({"alg": ""}),
        json!({"alg": "none"}),
        json!({"alg": "es256"}),
        json!({"alg": "HS256"}),
        json!({"alg": "RS256"}),
        json!({"alg": "EdDSA"}),
        json!({"alg": "ES384"}),
        json!({"kid": null}),
        json!({"kid": ""}),
        json!({"kid": [world.kid()]}),
        json!({"kid": "../../../../dev/null"}),
        json!({"kid": "' union select 'x' --"}),
        json!({"kid": "A".repeat(43)}),
    ] {
        forged.push((head.to_string(), sign(head, json!({}))));
    }
    for payload in [
        json!({"iss": "https://evil.example"}),
        json!({"iss": format!("{}/", world.payload["iss"].as_str().unwrap())}),
        json!({"aud": "https://evil.example"}),
        json!({"aud": ["https://evil.example"]}),
        json!({"exp": now() - 1}),
        json!({"exp": "9999999999"}),
        json!({"client_id": "nobody"}),
        json!({"client_id": ""}),
        json!({"grant": "nothing"}),
        json!({"merchant": ""}),
        json!({"scope": "\u{7f}"}),
        json!({"cnf": {}}),
        json!({"cnf": {"jkt": "short"}}),
        json!({"cnf": {"jku": "https://evil.example/jwks.json"}}),
    ] {
        forged.push((payload.to_string(), sign(json!({}), payload)));
    }
    for name in ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"] {
        assert!(world.payload.get(name).is_some(), "no {name} in {}", world.payload);
        forged.push((format!("no {name}"), sign(json!({}), json!({name: null}))));
    }
    let token = sign(json!({}), json!({}));
    let (rest, signature) = token.rsplit_once('.').unwrap();
    for (why, text) in [
        ("padded", format!("{token}==")),
        ("five parts", format!("{token}.x.y")),
        ("two parts", rest.to_owned()),
        ("more after the signature", format!("{token}AAAA")),
        ("twice", format!("{token}{signature}")),
    ] {
        forged.push((why.to_owned(), text));
    }
    world.refuses(&forged);
}

#[test]
fn g3_a_token_that_this_platform_did_not_sign_proves_nothing() {
    let world = World::new();
    let (head, payload, signature) = (&world.head, &world.payload, world.signature());
    let keys = world.dev.get("/oauth/jwks", &[]).json();
    let jwk = keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == world.kid()).unwrap();
    let mut forged: Vec<(String, String)> = Vec::new();
    for alg in ["none", "None", "NONE", "nOnE", "ES256"] {
        let head = with(head.clone(), json!({"alg": alg}));
        forged.push((format!("alg {alg:?}, no signature"), format!("{}.{}.", part(&head), part(payload))));
    }
    // The public key taken for a secret one.
    let point = ["x", "y"].map(|name| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap()).concat();
    for secret in [
        point.clone(),
        [&[4], &*point].concat(),
        jwk.to_string().into_bytes(),
        world.kid().into(),
        Vec::new(),
    ] {
        let text = format!("{}.{}", part(&with(head.clone(), json!({"alg": "HS256"}))), part(payload));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), text.as_bytes());
        forged.push(("HS256 by the public key".to_owned(), format!("{text}.{}", encode(tag.as_ref()))));
    }
    // A key of the attacker's, however it is offered.
    let thief = Holder::new();
    for (why, changes) in [
        ("our kid", json!({})),
        ("a jwk", json!({"jwk": thief.jwk()})),
        ("a jwk and its own kid", json!({"jwk": thief.jwk(), "kid": thief.thumbprint()})),
        ("a jwk and no kid", json!({"jwk": thief.jwk(), "kid": null})),
        ("a jku", json!({"jku": "https://evil.example/jwks.json"})),
        ("an x5u", json!({"x5u": "https://evil.example/chain.pem"})),
    ] {
        forged.push((why.to_owned(), thief.sign_raw(&with(head.clone(), changes), payload)));
    }
    // Our signature under something else.
    for changes in [
        json!({"scope": "catalog:write order:pii"}),
        json!({"merchant": world.dev.told("/merchants/1/id")}),
        json!({"exp": 9_999_999_999_u64}),
        json!({"client_id": world.dev.told("/other_app/client_id")}),
        json!({"cnf": null, "jti": "another"}),
    ] {
        let text = format!("{}.{}.{signature}", part(head), part(&with(payload.clone(), changes.clone())));
        forged.push((changes.to_string(), text));
    }
    let rest = world.token.rsplit_once('.').unwrap().0;
    for (why, signature) in [("zeros", encode(&[0; 64])), ("half", signature[..43].to_owned())] {
        forged.push((why.to_owned(), format!("{rest}.{signature}")));
    }
    world.refuses(&forged);
}
