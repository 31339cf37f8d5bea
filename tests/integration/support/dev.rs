//! The real binary as `tollgate dev`, driven from outside.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::Value;
use sqlx::Connection;
use tempfile::TempDir;

use super::faults::Faults;
use super::http::{self, Answer, FORM, form};

/// A running `tollgate dev`.
pub(crate) struct Dev {
    child: Child,
    folder: TempDir,
    session: OnceLock<String>,
    pub(crate) ready: Value,
}

impl Dev {
    /// With the shipped policies.
    pub(crate) fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), &[], |_| {})
    }

    /// With TLS beside clear text, by the certificates in a folder.
    pub(crate) fn with_tls(certificates: &Path, change: impl FnOnce(&Path)) -> Self {
        let more = ["--tls-port", "0", "--tls-certificates", certificates.to_str().unwrap()];
        Self::start_in(tempfile::tempdir().unwrap(), &more, change)
    }

    /// With TLS, and a door for machines that show certificates of their own, which `authority` vouches for.
    pub(crate) fn with_mutual_tls(certificates: &Path, authority: &Path) -> Self {
        let (certificates, authority) = (certificates.to_str().unwrap(), authority.to_str().unwrap());
        let more = ["--tls-port", "0", "--tls-certificates", certificates];
        let more = [&more[..], &["--mtls-port", "0", "--mtls-client-ca", authority]].concat();
        Self::start_in(tempfile::tempdir().unwrap(), &more, |_| {})
    }

    /// With the shipped policies, changed before the start.
    pub(crate) fn with_policies(change: impl FnOnce(&Path)) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), &[], change)
    }

    /// With a log of all that is of `level` or above.
    pub(crate) fn logging(level: &str) -> Self {
        Self::start_with(tempfile::tempdir().unwrap(), &[], &[("TOLLGATE_LOG", level)], |_| {})
    }

    /// With a disk and a clock that do as they are told.
    pub(crate) fn with_faults(faults: &Faults) -> Self {
        let environment = faults.environment();
        let environment = environment.each_ref().map(|(name, path)| (*name, path.to_str().unwrap()));
        Self::start_with(tempfile::tempdir().unwrap(), &[], &environment, |_| {})
    }

    /// With more options.
    pub(crate) fn with_options(more: &[&str], change: impl FnOnce(&Path)) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), more, change)
    }

    fn start_in(folder: TempDir, more: &[&str], change: impl FnOnce(&Path)) -> Self {
        Self::start_with(folder, more, &[], change)
    }

    fn start_with(
        folder: TempDir,
        more: &[&str],
        environment: &[(&str, &str)],
        change: impl FnOnce(&Path),
    ) -> Self {
        let policies = folder.path().join("policies");
        if !policies.exists() {
            copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("policies"), &policies);
        }
        change(&policies);
        let ready_file = folder.path().join("ready.json");
        let _ = std::fs::remove_file(&ready_file);
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_tollgate"))
            .args(["dev", "--port", "0", "--admin-port", "0", "--policies"])
            .arg(&policies)
            .arg("--data")
            .arg(folder.path().join("data"))
            .arg("--ready-file")
            .arg(&ready_file)
            .args(more)
            .envs(environment.iter().copied())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut dev = Self { child, folder, session: OnceLock::new(), ready: Value::Null };
        wait_for("the ready file", || {
            if let Some(status) = dev.child.try_wait().unwrap() {
                panic!("tollgate ended with {status}:\n{}", dev.log());
            }
            ready_file.exists()
        });
        dev.ready = serde_json::from_slice(&std::fs::read(&ready_file).unwrap()).unwrap();
        dev
    }

    /// SIGKILL, and a new process on the same data.
    pub(crate) fn kill_and_restart(mut self) -> Self {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let folder = std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap());
        drop(self);
        Self::start_in(folder, &[], |_| {})
    }

    /// SIGKILL, now; others may be using it.
    pub(crate) fn kill_now(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-KILL", &pid]).status().unwrap().success());
    }

    /// SIGTERM; gives the exit status.
    pub(crate) fn terminate(&mut self) -> std::process::ExitStatus {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap()
    }

    /// Waits until it has ended by itself; gives the exit status.
    pub(crate) fn ended(&mut self) -> std::process::ExitStatus {
        let mut status = None;
        wait_for("the end", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }

    /// What it has had of the processors so far, in ticks of the clock (proc_pid_stat(5): utime and stime).
    pub(crate) fn processor_time(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let after_name = stat.rsplit_once(')').unwrap().1;
        after_name.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum()
    }

    /// Its resident memory, in bytes (proc_pid_status(5)).
    pub(crate) fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// The one line of the log about a call, found by the id that its answer carries.
    #[track_caller]
    pub(crate) fn line_of(&self, answer: &Answer) -> String {
        let id = answer.header("x-request-id").unwrap().to_owned();
        let lines = || {
            let log = self.log();
            log.lines().filter(|line| line.contains(&id)).map(str::to_owned).collect::<Vec<_>>()
        };
        wait_for("the line of the log", || !lines().is_empty());
        let lines = lines();
        assert_eq!(lines.len(), 1, "{lines:#?}");
        lines[0].clone()
    }

    pub(crate) fn ready_file(&self) -> PathBuf {
        self.folder.path().join("ready.json")
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Changes its store behind its back.
    pub(crate) fn tamper(&self, sql: &'static str) {
        self.store_runs(sql);
    }

    /// Keeps it from writing to its store until what is given is called.
    pub(crate) fn hold_store(&self) -> impl FnOnce() {
        let (runtime, file) = self.store_runs("begin immediate");
        move || runtime.block_on(async { file.close().await.unwrap() })
    }

    fn store_runs(&self, sql: &'static str) -> (tokio::runtime::Runtime, sqlx::SqliteConnection) {
        let store = format!("sqlite:{}", self.data().join("tollgate.db").display());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let file = runtime.block_on(async {
            let mut file = sqlx::SqliteConnection::connect(&store).await.unwrap();
            sqlx::raw_sql(sql).execute(&mut file).await.unwrap();
            file
        });
        (runtime, file)
    }

    pub(crate) fn policies(&self) -> PathBuf {
        self.folder.path().join("policies")
    }

    /// What the ready file has at a JSON Pointer.
    #[track_caller]
    pub(crate) fn told(&self, pointer: &str) -> &str {
        self.ready.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no {pointer}"))
    }

    pub(crate) fn base(&self) -> &str {
        self.told("/base_url")
    }

    /// Where clear text is spoken.
    pub(crate) fn plain(&self) -> &str {
        self.told("/plain_url")
    }

    /// Where TLS is spoken.
    pub(crate) fn tls_address(&self) -> &str {
        self.base().strip_prefix("https://").unwrap()
    }

    /// A figure of the metrics page.
    #[track_caller]
    pub(crate) fn figure(&self, name: &str) -> u64 {
        http::figure(self.told("/admin_url"), name)
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        http::request(self.plain(), "GET", path, headers, "")
    }

    /// The same in a browser in which the first merchant has logged in.
    #[track_caller]
    pub(crate) fn get_logged_in(&self, path: &str) -> Answer {
        let session = self.session.get_or_init(|| {
            let who = (self.told("/merchants/0/username"), self.told("/merchants/0/password"));
            browser_login(self.base(), "apps", who).0
        });
        self.get(path, &[("Cookie", session)])
    }

    /// A call of the admin API.
    #[track_caller]
    pub(crate) fn admin(&self, method: &str, path: &str, body: &str) -> Answer {
        let authorization = format!("Bearer {}", self.told("/admin_token"));
        let headers = [("Authorization", authorization.as_str()), ("Content-Type", "application/json")];
        let body = if method == "POST" && body.is_empty() { "{}" } else { body };
        http::request(self.told("/admin_url"), method, path, &headers, body)
    }

    /// Registers an app with these settings, of a partner of its own; gives what the admin API tells of it.
    #[track_caller]
    pub(crate) fn register(&self, settings: &Value) -> Value {
        let partner = self.admin("POST", "/admin/partners", r#"{"name":"A"}"#).json();
        let mut app = serde_json::json!({
            "partner": partner["id"], "name": "App", "scopes": ["catalog:read", "order:read"],
        });
        let is_for_codes = |grants: &Vec<Value>| grants.contains(&Value::from("authorization_code"));
        if settings["grant_types"].as_array().is_none_or(is_for_codes) {
            app["redirect_uris"] = serde_json::json!(["http://127.0.0.1:9999/callback"]);
        }
        for (name, value) in settings.as_object().unwrap() {
            app[name] = value.clone();
        }
        let made = self.admin("POST", "/admin/apps", &app.to_string());
        assert_eq!(made.status, 201, "{}", made.text());
        made.json()
    }

    /// Logs a merchant in and consents; gives the location that the browser is sent to.
    #[track_caller]
    pub(crate) fn consent(&self, query: &str, merchant: usize) -> String {
        let username = self.told(&format!("/merchants/{merchant}/username"));
        let password = self.told(&format!("/merchants/{merchant}/password"));
        browser_consent(self.plain(), query, (username, password))
    }

    /// An authorization code for the first app.
    #[track_caller]
    pub(crate) fn code(&self, merchant: usize) -> String {
        let query = format!(
            "client_id={}&response_type=code&redirect_uri={}",
            self.told("/app/client_id"),
            self.told("/app/redirect_uri")
        );
        parameter(&self.consent(&query, merchant), "code").expect("a code")
    }

    /// A call of the token endpoint by the first app.
    #[track_caller]
    pub(crate) fn token_call(&self, fields: &[(&str, &str)]) -> Answer {
        let mut all = vec![
            ("client_id", self.told("/app/client_id")),
            ("client_secret", self.told("/app/client_secret")),
        ];
        all.extend(fields);
        http::request(self.plain(), "POST", "/oauth/token", &[FORM], &form(&all))
    }

    /// An access token of the first app for a merchant, as an Authorization value.
    #[track_caller]
    pub(crate) fn bearer(&self, merchant: usize) -> String {
        let code = self.code(merchant);
        let redirect_uri = self.told("/app/redirect_uri");
        let answer = self.token_call(&[
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", redirect_uri),
        ]);
        assert_eq!(answer.status, 200, "{}", answer.text());
        format!("Bearer {}", answer.json()["access_token"].as_str().unwrap())
    }

    /// Places an order; `None` if there was no whole answer.
    pub(crate) fn order(&self, bearer: &str, product: &str) -> Option<Answer> {
        let body = format!(
            r#"{{"items":[{{"product_id":"{product}","quantity":1}}],"currency":"CNY",
            "receiver":{{"name":"李雷","phone":"13800000000","address":"杭州"}}}}"#
        );
        let headers = [("Authorization", bearer), ("Content-Type", "application/json")];
        http::try_request(self.base(), "POST", "/api/orders", &headers, &body)
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A merchant logs in for a request; gives the session's cookie, and where the browser is sent.
#[track_caller]
fn browser_login(base: &str, request: &str, (username, password): (&str, &str)) -> (String, String) {
    let login = form(&[("request", request), ("username", username), ("password", password)]);
    let answer = http::request(base, "POST", "/oauth/login", &[FORM], &login);
    assert_eq!(answer.status, 303, "{}", answer.text());
    let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    (cookie, answer.header("location").unwrap().to_owned())
}

/// A merchant's browser logs in and consents; gives the location that it is sent to.
#[track_caller]
pub(crate) fn browser_consent(base: &str, query: &str, who: (&str, &str)) -> String {
    let get = |path: &str, headers: &[(&str, &str)]| http::request(base, "GET", path, headers, "");
    let page = get(&format!("/oauth/authorize?{query}"), &[]);
    assert_eq!(page.status, 200, "{}", page.text());
    let (cookie, next) = browser_login(base, query, who);
    let page = get(&next, &[("Cookie", &cookie)]);
    assert_eq!(page.status, 200, "{}", page.text());
    let csrf = input(&page.text(), "csrf");
    let consent = form(&[("request", query), ("csrf", &csrf), ("decision", "allow")]);
    let answer = http::request(base, "POST", "/oauth/consent", &[FORM, ("Cookie", &cookie)], &consent);
    assert_eq!(answer.status, 303, "{}", answer.text());
    answer.header("location").unwrap().to_owned()
}

/// Waits until a condition holds; fails after a time that is far beyond what it takes.
#[track_caller]
pub(crate) fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let patience = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < patience, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The value of a hidden input of a page.
#[track_caller]
pub(crate) fn input(page: &str, name: &str) -> String {
    let at = page.find(&format!("name=\"{name}\"")).unwrap_or_else(|| panic!("no input {name} in {page}"));
    let value = page[at..].split("value=\"").nth(1).unwrap();
    value[..value.find('"').unwrap()].replace("&#38;", "&").replace("&amp;", "&")
}

/// A parameter of a URL's query.
pub(crate) fn parameter(url: &str, name: &str) -> Option<String> {
    let query = url.split_once('?')?.1;
    form_urlencoded::parse(query.as_bytes())
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.into_owned())
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}
