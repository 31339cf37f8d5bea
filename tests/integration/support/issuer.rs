//! Another issuer: its key set, whatever a test has it be, and tokens by its keys.

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::provider::now;
use super::server::{Server, answer};
use super::signer::Signer;

/// The name that the API has at the issuer.
pub(crate) const AUDIENCE: &str = "https://api.shop.example";

/// A running issuer.
pub(crate) struct Issuer {
    pub(crate) server: Server,
    says: Arc<Mutex<(u16, String)>>,
    held_back: Arc<Mutex<Option<Receiver<()>>>>,
}

impl Issuer {
    /// With these keys.
    pub(crate) fn start(signers: &[&Signer]) -> Self {
        let says = Arc::new(Mutex::new((200, String::new())));
        let (said, held_back) = (says.clone(), Arc::<Mutex<Option<Receiver<()>>>>::default());
        let waiting = held_back.clone();
        let server = Server::start(move |asked, to| {
            let until = waiting.lock().unwrap().take();
            if let Some(until) = until {
                let _ = until.recv();
            }
            let (status, body) = said.lock().unwrap().clone();
            match asked.path.as_str() {
                "/jwks.json" => answer(to, status, &body),
                _ => answer(to, 404, "{}"),
            }
        });
        let issuer = Self { server, says, held_back };
        issuer.publish(signers);
        issuer
    }

    /// Publishes these keys alone.
    pub(crate) fn publish(&self, signers: &[&Signer]) {
        let keys: Vec<Value> = signers.iter().map(|signer| signer.jwk()).collect();
        self.says(200, &json!({ "keys": keys }).to_string());
    }

    /// Has the next answer wait until something is sent, or nothing can be any more.
    pub(crate) fn hold_back(&self) -> Sender<()> {
        let (sender, until) = channel();
        *self.held_back.lock().unwrap() = Some(until);
        sender
    }

    /// Answers whoever asks for its keys like this.
    pub(crate) fn says(&self, status: u16, body: &str) {
        *self.says.lock().unwrap() = (status, body.to_owned());
    }

    pub(crate) fn name(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// Its section in `platform.yaml`; `more` are lines of it, which take the place of those of their name.
    pub(crate) fn section(&self, more: &[&str]) -> String {
        let (issuer, address) = (self.name(), &self.server.address);
        let lines = [
            format!("issuer: \"{issuer}\""),
            format!("keys: \"http://{address}/jwks.json\""),
            format!("audience: \"{AUDIENCE}\""),
            "algorithms: [ES256, EdDSA, PS256, RS256]".to_owned(),
            "types: [at+jwt, JWT]".to_owned(),
            "app: claims.client_id".to_owned(),
            "merchant: \"has(claims.shop) ? claims.shop : null\"".to_owned(),
            "scopes: claims.scope".to_owned(),
        ];
        let name = |line: &str| line.split_once(':').unwrap().0.to_owned();
        let kept = lines.iter().map(String::as_str);
        let kept = kept.filter(|line| !more.iter().any(|other| name(other) == name(line)));
        let lines: Vec<&str> = kept.chain(more.iter().copied()).collect();
        format!("  - {}\n", lines.join("\n    "))
    }

    /// Claims that are right.
    pub(crate) fn claims(&self, app: &str) -> Value {
        let now = now();
        json!({"iss": self.name(), "aud": AUDIENCE, "sub": "u", "client_id": app, "scope": "openid catalog:read order:read",
            "iat": now, "exp": now + 600, "jti": "1"})
    }
}

/// Has a set of policies take the tokens of these issuers, and of no others.
pub(crate) fn trust(policies: &Path, sections: &[String]) {
    let file = policies.join("platform.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let before = text.split("\nissuers:\n").next().unwrap();
    let list = if sections.is_empty() { String::new() } else { format!("\nissuers:\n{}", sections.concat()) };
    std::fs::write(&file, format!("{before}{list}")).unwrap();
}
