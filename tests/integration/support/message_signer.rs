//! Signs requests by a secret that app and platform share (RFC 9421), as a test wants them signed.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::dev::Dev;
use super::dpop::now;

/// A key of an app.
pub(crate) struct MessageSigner {
    pub(crate) id: String,
    key: hmac::Key,
    number: std::sync::atomic::AtomicU64,
}

/// A request that is to be signed.
#[derive(Clone, Copy)]
pub(crate) struct Unsigned<'r> {
    pub(crate) method: &'r str,
    pub(crate) url: &'r str,
    pub(crate) body: &'r str,
}

impl MessageSigner {
    /// Registers a key for an app.
    #[track_caller]
    pub(crate) fn register(dev: &Dev, app: &str) -> Self {
        Self::register_as(dev, app, &json!({}))
    }

    /// The same; `more` are its other terms.
    #[track_caller]
    pub(crate) fn register_as(dev: &Dev, app: &str, more: &Value) -> Self {
        let mut body = json!({"app": app, "algorithm": "hmac-sha256"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let made = dev.admin("POST", "/admin/signature-keys", &body.to_string());
        assert_eq!(made.status, 201, "{}", made.text());
        Self::made(&made.json())
    }

    /// The key that was made.
    pub(crate) fn made(made: &Value) -> Self {
        Self::new(made["id"].as_str().unwrap(), made["secret"].as_str().unwrap())
    }

    pub(crate) fn new(id: &str, secret: &str) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        Self { id: id.to_owned(), key, number: std::sync::atomic::AtomicU64::new(0) }
    }

    fn nonce(&self) -> String {
        let number = self.number.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        format!("{}-{number}", now())
    }

    /// The parameters of a signature that is made `age` seconds ago.
    pub(crate) fn parameters(&self, age: i64) -> String {
        let created = i64::try_from(now()).unwrap() - age;
        format!("created={created};keyid=\"{}\";nonce=\"{}\"", self.id, self.nonce())
    }

    /// The fields by which a request is signed as it must be.
    pub(crate) fn sign(&self, request: Unsigned<'_>) -> Vec<(String, String)> {
        self.sign_with(request, &self.parameters(0))
    }

    /// The same with other parameters.
    pub(crate) fn sign_with(&self, request: Unsigned<'_>, parameters: &str) -> Vec<(String, String)> {
        let Unsigned { method, url, body } = request;
        let mut lines = vec![("\"@method\"", method.to_owned()), ("\"@target-uri\"", url.to_owned())];
        let mut fields = Vec::new();
        if !body.is_empty() {
            let value = content_digest(body);
            lines.push(("\"content-digest\"", value.clone()));
            fields.push(("Content-Digest".to_owned(), value));
        }
        fields.extend(self.sign_lines(&lines, parameters));
        fields
    }

    /// Signs those lines of a signature base.
    pub(crate) fn sign_lines(&self, lines: &[(&str, String)], parameters: &str) -> [(String, String); 2] {
        let names: Vec<_> = lines.iter().map(|(name, _)| *name).collect();
        let input = format!("({});{parameters}", names.join(" "));
        let mut base: String = lines.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
        base.push_str(&format!("\"@signature-params\": {input}"));
        let signature = STANDARD.encode(hmac::sign(&self.key, base.as_bytes()));
        [
            ("Signature-Input".to_owned(), format!("sig1={input}")),
            ("Signature".to_owned(), format!("sig1=:{signature}:")),
        ]
    }
}

/// `Content-Digest` of a body.
pub(crate) fn content_digest(body: &str) -> String {
    format!("sha-256=:{}:", STANDARD.encode(digest(&SHA256, body.as_bytes())))
}

/// Fields as calls take them.
pub(crate) fn borrowed(fields: &[(String, String)]) -> Vec<(&str, &str)> {
    fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}
