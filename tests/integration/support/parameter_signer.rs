//! Signs the parameters of calls by a secret that app and platform share, as TOP has it.

use aws_lc_rs::hmac;
use md5::{Digest, Md5};
use serde_json::{Value, json};
use tollgate::domain::hexadecimal::hexadecimal;
use tollgate::domain::time::{Timestamp, Zone};

use super::dev::Dev;
use super::dpop::now;

/// A key of an app.
pub(crate) struct ParameterSigner {
    pub(crate) id: String,
    secret: String,
    number: std::sync::atomic::AtomicU64,
}

/// Parameters by name.
pub(crate) type Pairs = Vec<(String, String)>;

impl ParameterSigner {
    /// Registers a key for an app; `more` are its other terms.
    #[track_caller]
    pub(crate) fn register(dev: &Dev, app: &str, more: Value) -> Self {
        let mut body = json!({"app": app, "style": "top"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let made = dev.admin("POST", "/admin/signature-keys", &body.to_string());
        assert_eq!(made.status, 201, "{}", made.text());
        let made = made.json();
        Self::new(made["id"].as_str().unwrap(), made["secret"].as_str().unwrap())
    }

    pub(crate) fn new(id: &str, secret: &str) -> Self {
        Self { id: id.to_owned(), secret: secret.to_owned(), number: std::sync::atomic::AtomicU64::new(0) }
    }

    /// What calls have that are made `age` seconds ago; no two are alike.
    pub(crate) fn parameters(&self, age: i64, method: &str) -> Pairs {
        let at = Timestamp::from_seconds(i64::try_from(now()).unwrap() - age);
        let number = self.number.fetch_add(1, std::sync::atomic::Ordering::Relaxed).to_string();
        let shown = Zone::default().shown(at);
        let pairs = [
            ("method", "taobao.item.get"),
            ("app_key", self.id.as_str()),
            ("timestamp", shown.as_str()),
            ("v", "2.0"),
            ("sign_method", method),
            ("num_iid", number.as_str()),
            ("fields", "title,price & 茶"),
        ];
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
    }

    /// The signature of such parameters.
    pub(crate) fn sign(&self, pairs: &[(String, String)]) -> String {
        let mut sorted = pairs.to_vec();
        sorted.sort_unstable();
        let string: String = sorted.iter().map(|(name, value)| format!("{name}{value}")).collect();
        let method = pairs.iter().find(|(name, _)| name == "sign_method").map(|(_, value)| value.as_str());
        let mac = match method {
            Some("md5") => Md5::digest(format!("{0}{string}{0}", self.secret)).to_vec(),
            _ => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, self.secret.as_bytes());
                hmac::sign(&key, string.as_bytes()).as_ref().to_vec()
            }
        };
        hexadecimal(&mac).to_uppercase()
    }

    /// A call that is signed as it must be: its parameters, and the signature at their end.
    pub(crate) fn call(&self) -> String {
        self.signed(self.parameters(0, "hmac-sha256"))
    }

    /// Those parameters with their signature at the end.
    pub(crate) fn signed(&self, mut pairs: Pairs) -> String {
        pairs.push(("sign".to_owned(), self.sign(&pairs)));
        encoded(&pairs)
    }
}

/// Parameters as a query or form has them.
pub(crate) fn encoded(pairs: &[(String, String)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}
