//! A token server for client credentials, and upstreams of the shipped policies that ask for its tokens.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use super::origin::point;
use super::server::{Asked, Server, answer};

/// The secret that it believes to begin with.
pub(crate) const SECRET: &str = "the-secret-of-the-tests";

/// A token server whose tokens tell their number: `upstream-token-1` and so on.
pub(crate) struct Tokens {
    pub(crate) server: Server,
    pub(crate) state: Arc<State>,
}

/// What it knows.
pub(crate) struct State {
    secret: Mutex<String>,
    lifetime: Mutex<u64>,
    /// When each token ends.
    issued: Mutex<HashMap<String, Instant>>,
    is_open: Mutex<bool>,
    opened: Condvar,
    asked: Mutex<Vec<Asked>>,
}

impl Tokens {
    /// Its tokens live for so many seconds.
    pub(crate) fn start(lifetime: u64) -> Self {
        let state = State::new(lifetime);
        let known = state.clone();
        Self { server: Server::start(move |asked, to| known.answer(asked, to)), state }
    }

    /// The section of an upstream that asks for its tokens, the secret in a file.
    pub(crate) fn section(&self, secret: &Path) -> String {
        section(&format!("http://{}/token", self.server.address), secret)
    }
}

/// The section of an upstream that asks for tokens at `token_url`.
pub(crate) fn section(token_url: &str, secret: &Path) -> String {
    format!(
        "{{token_url: \"{token_url}\", client_id: gateway, client_secret: \"${{file:{}}}\"}}",
        secret.display()
    )
}

/// Points an upstream of the shipped policies at `address` and has it ask for tokens.
pub(crate) fn ask(policies: &Path, upstream: &str, address: &str, section: &str) {
    point(policies, upstream, address);
    let file = policies.join("upstreams.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let line = format!("  {upstream}:\n    endpoints: [\"{address}\"]\n");
    assert!(text.contains(&line), "{text}");
    std::fs::write(&file, text.replace(&line, &format!("{line}    oauth2: {section}\n"))).unwrap();
}

impl State {
    pub(crate) fn new(lifetime: u64) -> Arc<Self> {
        Arc::new(Self {
            secret: Mutex::new(SECRET.to_owned()),
            lifetime: Mutex::new(lifetime),
            issued: Mutex::default(),
            is_open: Mutex::new(true),
            opened: Condvar::new(),
            asked: Mutex::default(),
        })
    }

    /// Answers a request, once the server is open.
    pub(crate) fn answer(&self, asked: &Asked, to: &mut dyn std::io::Write) {
        self.asked.lock().unwrap().push(asked.clone());
        let mut is_open = self.is_open.lock().unwrap();
        while !*is_open {
            is_open = self.opened.wait(is_open).unwrap();
        }
        drop(is_open);
        let basic = format!("gateway:{}", self.secret.lock().unwrap());
        let expected = format!("Basic {}", base64(basic.as_bytes()));
        let is_right = asked.method == "POST"
            && asked.path == "/token"
            && asked.field("grant_type").as_deref() == Some("client_credentials")
            && asked.header("authorization") == Some(&expected);
        if !is_right {
            return answer(to, 401, r#"{"error":"invalid_client","error_description":"you sent nonsense"}"#);
        }
        let lifetime = *self.lifetime.lock().unwrap();
        let mut issued = self.issued.lock().unwrap();
        let token = format!("upstream-token-{}", issued.len() + 1);
        issued.insert(token.clone(), Instant::now() + Duration::from_secs(lifetime));
        answer(
            to,
            200,
            &format!(r#"{{"access_token":"{token}","token_type":"bearer","expires_in":{lifetime}}}"#),
        );
    }

    /// Lets requests wait, or go on.
    pub(crate) fn open(&self, is_open: bool) {
        *self.is_open.lock().unwrap() = is_open;
        self.opened.notify_all();
    }

    /// Believes another secret from now on.
    pub(crate) fn rotate(&self, secret: &str) {
        *self.secret.lock().unwrap() = secret.to_owned();
    }

    /// How many tokens there are.
    pub(crate) fn issued(&self) -> usize {
        self.issued.lock().unwrap().len()
    }

    /// The number of a token that was sent, if it is one of these and good now.
    pub(crate) fn good(&self, asked: &Asked) -> Option<usize> {
        let token = asked.header("authorization")?.strip_prefix("Bearer ")?;
        let is_good = self.issued.lock().unwrap().get(token).is_some_and(|end| Instant::now() < *end);
        is_good.then(|| token.rsplit('-').next().unwrap().parse().unwrap())
    }

    /// What was asked for.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
