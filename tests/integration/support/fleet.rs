//! Nodes of one store, each the real binary as `tollgate serve`, with an app and a merchant; they stand for one gateway.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::dev::{browser_consent, parameter, wait_for};
use super::folder;
use super::http::{self, Answer, FORM, form};

const ADMIN_TOKEN: &str = "a-token-of-this-test-with-32-characters";
/// Nobody listens there: it is a name.
pub(crate) const PUBLIC_URL: &str = "http://localhost:9";
const REDIRECT_URI: &str = "http://127.0.0.1:9999/callback";
const USERNAME: &str = "teahouse";
const PASSWORD: &str = "a-password-of-this-test";

/// Nodes that share a store, a sealing key and their policies.
pub(crate) struct Fleet {
    folder: TempDir,
    store: String,
    more: Vec<String>,
    nodes: Vec<Node>,
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    pub(crate) merchant: String,
}

struct Node {
    child: Child,
    base: String,
    admin: String,
    /// Where machines connect that show certificates, if they may.
    machines: Option<String>,
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Fleet {
    /// So many nodes on the store at `store`, by the shipped policies as `change` leaves them.
    pub(crate) fn start(store: String, nodes: usize, change: impl FnOnce(&Path)) -> Self {
        Self::start_with(store, nodes, &[], change)
    }

    /// The same, with more options.
    pub(crate) fn start_with(store: String, nodes: usize, more: &[&str], change: impl FnOnce(&Path)) -> Self {
        let more = more.iter().map(ToString::to_string).collect();
        let folder = folder::copy_of_policies_in_a_project();
        let upstreams = folder.path().join("policies/upstreams.yaml");
        let text = std::fs::read_to_string(&upstreams).unwrap();
        std::fs::write(&upstreams, text.replace("environment: sandbox", "environment: live")).unwrap();
        change(&folder.path().join("policies"));
        std::fs::write(folder.path().join("shared.key"), format!("{}\n", "5a".repeat(32))).unwrap();
        let (client_id, client_secret, merchant) = (String::new(), String::new(), String::new());
        let mut fleet = Self { folder, store, more, nodes: Vec::new(), client_id, client_secret, merchant };
        for number in 0..nodes {
            let node = fleet.start_node(number);
            fleet.nodes.push(node);
        }
        fleet.register();
        fleet
    }

    /// What a node is started by that has the sealing key in that file.
    fn command(&self, number: usize, sealing_key: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
        command.args(["serve", "--policies", "policies", "--sealing-key-file", sealing_key]);
        command.args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--workers", "1"]);
        command.args(["--public-url", PUBLIC_URL, "--data", &format!("data-{number}")]);
        command.args(["--node", &format!("node-{number}"), "--ready-file", &ready_file(number)]);
        command.env("TOLLGATE_ADMIN_TOKEN", ADMIN_TOKEN).env("TOLLGATE_STORE", &self.store);
        command.args(&self.more);
        // Nobody listens there, whatever else runs on this machine.
        command.env("TOLLGATE_UPSTREAM_ORDER", "127.0.0.1:1");
        command.current_dir(self.folder.path());
        command
    }

    fn start_node(&self, number: usize) -> Node {
        let ready = self.folder.path().join(ready_file(number));
        let _ = std::fs::remove_file(&ready);
        let log = self.folder.path().join(format!("log-{number}"));
        let log = std::fs::File::options().create(true).append(true).open(log).unwrap();
        let child = self.command(number, "shared.key").stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let mut node = Node { child, base: String::new(), admin: String::new(), machines: None };
        wait_for("a node", || {
            assert!(node.child.try_wait().unwrap().is_none(), "it ended:\n{}", self.log(number));
            ready.exists()
        });
        let told: Value = serde_json::from_slice(&std::fs::read(&ready).unwrap()).unwrap();
        node.base = told["base_url"].as_str().unwrap().to_owned();
        node.admin = told["admin_url"].as_str().unwrap().to_owned();
        node.machines = told["mtls_url"].as_str().map(str::to_owned);
        // It tells its public URL first.
        node.base = told["plain_url"].as_str().unwrap_or(&node.base).to_owned();
        node
    }

    /// What another node says that has another sealing key, or none, instead of starting.
    #[track_caller]
    pub(crate) fn refusal(&self, sealing_key: Option<&str>) -> String {
        let file = self.folder.path().join("other.key");
        if let Some(key) = sealing_key {
            std::fs::write(file, key).unwrap();
        }
        let done = self.command(self.nodes.len(), "other.key").output().unwrap();
        let told = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(1), "{told}");
        told
    }

    fn log(&self, number: usize) -> String {
        std::fs::read_to_string(self.folder.path().join(format!("log-{number}"))).unwrap_or_default()
    }

    /// Sends a signal, such as `KILL`, now; others may be using the node.
    pub(crate) fn signal(&self, number: usize, signal: &str) {
        let pid = self.nodes[number].child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{signal}"), &pid]).status().unwrap().success());
    }

    /// Starts a node anew that was told to end.
    pub(crate) fn restart(&mut self, number: usize) {
        self.nodes[number].child.wait().unwrap();
        self.nodes[number] = self.start_node(number);
    }

    /// Starts a node that was told to end, and kills it some time later, ready or not.
    pub(crate) fn start_and_kill(&mut self, number: usize, after: Duration) {
        self.nodes[number].child.wait().unwrap();
        let mut command = self.command(number, "shared.key");
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(after);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// What a node keeps.
    pub(crate) fn data(&self, number: usize) -> PathBuf {
        self.folder.path().join(format!("data-{number}"))
    }

    /// A figure of a node's metrics page.
    #[track_caller]
    pub(crate) fn figure(&self, number: usize, name: &str) -> u64 {
        http::figure(&self.nodes[number].admin, name)
    }

    /// Where machines connect that show certificates.
    pub(crate) fn machines(&self, number: usize) -> &str {
        self.nodes[number].machines.as_ref().and_then(|url| url.strip_prefix("https://")).unwrap()
    }

    pub(crate) fn base(&self, number: usize) -> &str {
        &self.nodes[number].base
    }

    /// Has a command speak to a node, by the policies that all have.
    pub(crate) fn point_at(&self, number: usize, command: &mut Command) {
        command.env("TOLLGATE_ADMIN_URL", &self.nodes[number].admin).env("TOLLGATE_ADMIN_TOKEN", ADMIN_TOKEN);
        command.env("TOLLGATE_POLICIES", self.folder.path().join("policies"));
    }

    /// A call of a node's admin API.
    #[track_caller]
    pub(crate) fn admin(&self, number: usize, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.admin_call(number, method, path, body);
        assert!(matches!(answer.status, 200..=202), "{method} {path}: {}", answer.text());
        answer.json()
    }

    /// A call of a node's admin API that may not fit what is there: then `None`.
    #[track_caller]
    pub(crate) fn try_admin(&self, number: usize, path: &str, body: &Value) -> Option<Value> {
        let answer = self.admin_call(number, "POST", path, body);
        assert!(matches!(answer.status, 200 | 201 | 409), "{path}: {}", answer.text());
        (answer.status != 409).then(|| answer.json())
    }

    #[track_caller]
    fn admin_call(&self, number: usize, method: &str, path: &str, body: &Value) -> Answer {
        let authorization = format!("Bearer {ADMIN_TOKEN}");
        let headers = [("Authorization", &*authorization), ("Content-Type", "application/json")];
        let body = if matches!(method, "POST" | "PUT") { body.to_string() } else { String::new() };
        http::request(&self.nodes[number].admin, method, path, &headers, &body)
    }

    fn register(&mut self) {
        let text = |value: &Value, name: &str| value[name].as_str().unwrap().to_owned();
        let partner = self.admin(0, "POST", "/admin/partners", &json!({"name": "Bright Apps"}));
        let app = json!({
            "partner": partner["id"], "name": "Shop", "scopes": ["order:read", "catalog:read"],
            "redirect_uris": [REDIRECT_URI], "environment": "live",
            "grant_types": [
                "authorization_code", "refresh_token", "client_credentials",
                "urn:ietf:params:oauth:grant-type:device_code",
            ],
        });
        let app = self.admin(0, "POST", "/admin/apps", &app);
        (self.client_id, self.client_secret) = (text(&app, "client_id"), text(&app, "client_secret"));
        let subscription = json!({"app": app["id"], "product": "storefront", "plan": "standard"});
        self.admin(0, "POST", "/admin/subscriptions", &subscription);
        let merchant = json!({"username": USERNAME, "name": "Tea House", "password": PASSWORD});
        self.merchant = text(&self.admin(0, "POST", "/admin/merchants", &merchant), "id");
    }

    /// What the app asks a merchant for.
    pub(crate) fn query(&self) -> String {
        format!(
            "client_id={}&response_type=code&redirect_uri={REDIRECT_URI}&scope=order:read",
            self.client_id
        )
    }

    /// A merchant consents at a node; gives the code.
    #[track_caller]
    pub(crate) fn code(&self, number: usize) -> String {
        let location = browser_consent(self.base(number), &self.query(), (USERNAME, PASSWORD));
        parameter(&location, "code").expect("a code")
    }

    /// The merchant logs in at a node; gives the session's cookie, if there was a whole answer.
    pub(crate) fn try_log_in(&self, number: usize) -> Option<String> {
        let fields = [("request", "/oauth/apps"), ("username", USERNAME), ("password", PASSWORD)];
        let answer = self.try_submit(number, "/oauth/login", "", &fields)?;
        assert_eq!(answer.status, 303, "{}", answer.text());
        Some(answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned())
    }

    /// A page as the browser with that cookie sees it; `None` if there was no whole answer.
    pub(crate) fn try_page(&self, number: usize, path: &str, cookie: &str) -> Option<Answer> {
        http::try_request(self.base(number), "GET", path, &[("Cookie", cookie)], "")
    }

    /// A form that the browser with that cookie sends; `None` if there was no whole answer.
    pub(crate) fn try_submit(
        &self,
        number: usize,
        path: &str,
        cookie: &str,
        fields: &[(&str, &str)],
    ) -> Option<Answer> {
        http::try_request(self.base(number), "POST", path, &[FORM, ("Cookie", cookie)], &form(fields))
    }

    /// The merchant's grants that hold.
    pub(crate) fn grants(&self, number: usize) -> usize {
        let path = format!("/admin/grants?merchant={}", self.merchant);
        let grants = self.admin(number, "GET", &path, &Value::Null);
        let grants = grants["items"].as_array().unwrap();
        grants.iter().filter(|grant| grant["revoked_at"].is_null()).count()
    }

    /// A call of an OAuth2 endpoint by the app; `None` if there was no whole answer.
    pub(crate) fn try_call(&self, number: usize, path: &str, fields: &[(&str, &str)]) -> Option<Answer> {
        http::try_request(self.base(number), "POST", path, &[FORM], &self.form(fields))
    }

    /// The app's form.
    pub(crate) fn form(&self, fields: &[(&str, &str)]) -> String {
        let mut all = vec![("client_id", &*self.client_id), ("client_secret", &*self.client_secret)];
        all.extend(fields);
        form(&all)
    }

    /// A call of the token endpoint that must be answered.
    #[track_caller]
    pub(crate) fn token_call(&self, number: usize, fields: &[(&str, &str)]) -> Answer {
        self.try_call(number, "/oauth/token", fields).expect("an answer")
    }

    /// Exchanges a code.
    #[track_caller]
    pub(crate) fn exchange(&self, number: usize, code: &str) -> Answer {
        self.try_exchange(number, code).expect("an answer")
    }

    /// Exchanges a code; `None` if there was no whole answer.
    pub(crate) fn try_exchange(&self, number: usize, code: &str) -> Option<Answer> {
        let grant = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", REDIRECT_URI)];
        self.try_call(number, "/oauth/token", &grant)
    }

    /// Whether a node believes an access token. Behind it is no upstream: a call that may go there ends with 502.
    #[track_caller]
    pub(crate) fn believes(&self, number: usize, access_token: &str) -> bool {
        let authorization = format!("Bearer {access_token}");
        let headers = [("Authorization", &*authorization)];
        let answer = http::request(self.base(number), "GET", "/api/orders", &headers, "");
        assert!(matches!(answer.status, 401 | 403 | 502), "{}: {}", answer.status, answer.text());
        answer.status != 401
    }
}

fn ready_file(number: usize) -> String {
    format!("ready-{number}.json")
}
