//! A small identity provider that says whatever a test has it say, right or wrong.

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::server::{Asked, Server, answer};

/// A key by which it signs.
pub(crate) struct SigningPair {
    pair: EcdsaKeyPair,
    pub(crate) kid: &'static str,
}

impl SigningPair {
    pub(crate) fn new(kid: &'static str) -> Self {
        Self { pair: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(), kid }
    }

    fn jwk(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        let [x, y] = [&point[1..33], &point[33..]].map(|part| URL_SAFE_NO_PAD.encode(part));
        json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": self.kid, "use": "sig"})
    }

    /// Signs whatever it is given, under whatever header.
    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(header), part(claims));
        let signature = self.pair.sign(&SystemRandom::new(), text.as_bytes()).unwrap();
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// What it says of itself and of who logs in.
pub(crate) struct Says {
    /// Its metadata, beside what it must have.
    pub(crate) metadata: Value,
    /// Its keys.
    pub(crate) keys: Vec<Value>,
    /// The answer of its token endpoint: status and body.
    pub(crate) tokens: (u16, String),
}

/// The provider.
pub(crate) struct Provider {
    pub(crate) server: Server,
    pub(crate) says: Arc<Mutex<Says>>,
    asked: Arc<Mutex<Vec<Asked>>>,
    pub(crate) key: SigningPair,
}

impl Provider {
    pub(crate) fn start() -> Self {
        let key = SigningPair::new("one");
        let says = Says { metadata: json!({}), keys: vec![key.jwk()], tokens: (500, String::new()) };
        let (says, asked) = (Arc::new(Mutex::new(says)), Arc::<Mutex<Vec<Asked>>>::default());
        let (said, seen) = (says.clone(), asked.clone());
        let server = Server::start(move |asked, to| {
            seen.lock().unwrap().push(asked.clone());
            respond(&said.lock().unwrap(), asked, to);
        });
        Self { server, says, asked, key }
    }

    pub(crate) fn issuer(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// Publishes these keys alone.
    pub(crate) fn publish(&self, keys: &[&SigningPair]) {
        self.says.lock().unwrap().keys = keys.iter().map(|key| key.jwk()).collect();
    }

    /// Claims of an ID token that is right.
    pub(crate) fn claims(&self, subject: &str, nonce: &str) -> Value {
        let now = now();
        json!({"iss": self.issuer(), "sub": subject, "aud": "gateway", "exp": now + 300, "iat": now,
            "auth_time": now - 60, "nonce": nonce})
    }

    /// Gives that ID token for the next codes.
    pub(crate) fn gives(&self, id_token: &str) {
        let body =
            json!({"access_token": "at", "token_type": "Bearer", "id_token": id_token, "expires_in": 60});
        self.says.lock().unwrap().tokens = (200, body.to_string());
    }

    /// Lets `subject` in, with more claims.
    pub(crate) fn lets_in(&self, subject: &str, nonce: &str, more: &Value) {
        let mut claims = self.claims(subject, nonce);
        for (name, value) in more.as_object().into_iter().flatten() {
            claims[name] = value.clone();
        }
        self.gives(&self.key.sign(&json!({"alg": "ES256", "kid": self.key.kid}), &claims));
    }

    /// What its token endpoint was asked.
    pub(crate) fn exchanges(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().iter().filter(|asked| asked.path == "/token").cloned().collect()
    }

    /// Has a set of policies let merchants log in by it; `more` are lines of the provider's section.
    pub(crate) fn trust(&self, policies: &Path, secret: &Path, more: &[&str]) {
        trust(policies, (&self.issuer(), secret), more);
    }
}

fn respond(says: &Says, asked: &Asked, to: &mut dyn Write) {
    let issuer = format!("http://{}", asked.header("host").unwrap());
    match asked.path.as_str() {
        "/.well-known/openid-configuration" => {
            let mut metadata = json!({
                "issuer": issuer,
                "authorization_endpoint": format!("{issuer}/auth"),
                "token_endpoint": format!("{issuer}/token"),
                "jwks_uri": format!("{issuer}/jwks"),
                "code_challenge_methods_supported": ["S256"],
            });
            for (name, value) in says.metadata.as_object().into_iter().flatten() {
                metadata[name] = value.clone();
            }
            answer(to, 200, &metadata.to_string());
        }
        "/jwks" => answer(to, 200, &json!({"keys": says.keys}).to_string()),
        "/token" => answer(to, says.tokens.0, &says.tokens.1),
        _ => answer(to, 404, "{}"),
    }
}

/// Has a set of policies let merchants log in by the provider of that issuer.
pub(crate) fn trust(policies: &Path, (issuer, secret): (&str, &Path), more: &[&str]) {
    let file = policies.join("platform.yaml");
    let mut text = std::fs::read_to_string(&file).unwrap();
    let secret = secret.display();
    text.push_str(&format!(
        "  login:\n    provider:\n      issuer: \"{issuer}\"\n      client_id: gateway\n      \
         client_secret: \"${{file:{secret}}}\"\n      label: {{en: Company account, zh: 企业账号}}\n"
    ));
    for line in more {
        text.push_str(&format!("      {line}\n"));
    }
    std::fs::write(&file, text).unwrap();
}

/// The time, in seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}
