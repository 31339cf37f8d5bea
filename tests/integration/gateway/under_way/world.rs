//! A gateway with routes whose upstream takes its time, and calls that are under way there.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::bound::add;
use crate::support::dev::{Dev, wait_for};
use crate::support::http::{Answer, Connection};
use crate::support::origin::{Origin, point};

/// Routes whose last segment says how the upstream takes its time.
pub(super) const ROUTES: &str = r#"
routes:
  - name: watch
    methods: [GET, POST]
    path: /api/watch/{how}
    upstream: order
    rewrite: /{how}
    access: {scopes: [order:read]}
    meter: {}
  - name: watch-elsewhere
    methods: [GET]
    path: /api/elsewhere/{how}
    upstream: catalog
    rewrite: /{how}
    access: {scopes: [order:read]}
    meter: {}
  - name: watch-masked
    methods: [GET]
    path: /api/masked/{how}
    upstream: order
    rewrite: /{how}
    access: {scopes: [order:read]}
    meter: {}
    mask: [{fields: [receiver], scope: order:pii}]
  - name: watch-durable
    methods: [POST]
    path: /api/durable/{how}
    upstream: order
    rewrite: /{how}
    access: {scopes: [order:read]}
    durable: true
    meter: {}
"#;

/// Longer than a revocation may take by far: a machine may do much else.
pub(super) const SOON: Duration = Duration::from_secs(10);

const STREAM: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";

/// An upstream that takes its time.
pub(super) struct Upstream {
    pub(super) origin: Origin,
    /// How many requests for each path have come, and how many connections of such have ended.
    seen: Arc<Mutex<HashMap<String, (usize, usize)>>>,
    /// Has a request for `/later` or `/half` go on.
    go_on: Sender<()>,
}

impl Upstream {
    pub(super) fn start() -> Self {
        let seen = Arc::<Mutex<HashMap<String, (usize, usize)>>>::default();
        let (go_on, told) = channel();
        let (noting, told) = (seen.clone(), Mutex::new(told));
        let origin = Origin::start(move |stream, head| {
            let path = head.split([' ', '?']).nth(1).unwrap().to_owned();
            noting.lock().unwrap().entry(path.clone()).or_default().0 += 1;
            answer(stream, &path, &told);
            noting.lock().unwrap().entry(path).or_default().1 += 1;
        });
        Self { origin, seen, go_on }
    }

    pub(super) fn arrived(&self, path: &str) -> usize {
        self.seen.lock().unwrap().get(path).map_or(0, |seen| seen.0)
    }

    pub(super) fn ended(&self, path: &str) -> usize {
        self.seen.lock().unwrap().get(path).map_or(0, |seen| seen.1)
    }

    /// Has one more request be answered to its end.
    pub(super) fn go_on(&self) {
        self.go_on.send(()).unwrap();
    }
}

fn answer(stream: &mut TcpStream, path: &str, told: &Mutex<Receiver<()>>) {
    let chunk = |text: &str| format!("{:x}\r\n{text}\r\n", text.len());
    match path {
        "/silent" => stream.write_all(format!("{STREAM}{}", chunk("{\"begun\":1,")).as_bytes()).unwrap(),
        "/headed" => stream.write_all(STREAM.as_bytes()).unwrap(),
        "/ticking" | "/flood" => {
            let (text, rest) = match path {
                "/flood" => ("x".repeat(60_000), Duration::ZERO),
                _ => ("tick".to_owned(), Duration::from_millis(20)),
            };
            let _ = stream.write_all(STREAM.as_bytes());
            while stream.write_all(chunk(&text).as_bytes()).is_ok() {
                std::thread::sleep(rest);
            }
            return;
        }
        "/later" => {
            told.lock().unwrap().recv().unwrap();
            let _ = stream.write_all(b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}");
            return;
        }
        "/half" => {
            stream.write_all(b"HTTP/1.1 201 Created\r\nContent-Length: 19\r\n\r\n{\"half\"").unwrap();
            told.lock().unwrap().recv().unwrap();
            let _ = stream.write_all(b":\"the rest\"}");
            return;
        }
        _ => {}
    }
    while stream.read(&mut [0; 4096]).is_ok_and(|read| read > 0) {}
}

pub(super) struct World {
    pub(super) dev: Dev,
    pub(super) upstream: Upstream,
}

impl World {
    pub(super) fn start() -> Self {
        Self::with_policies(|_| {})
    }

    pub(super) fn with_policies(change: impl FnOnce(&std::path::Path)) -> Self {
        let upstream = Upstream::start();
        let dev = Dev::with_policies(|policies| {
            point(policies, "order", &upstream.origin.address);
            point(policies, "catalog", &upstream.origin.address);
            add(policies, ROUTES);
            change(policies);
        });
        Self { dev, upstream }
    }

    #[track_caller]
    pub(super) fn admin(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = self.dev.admin(method, path, &body);
        assert!(matches!(answer.status, 200 | 201), "{method} {path}: {}", answer.text());
        if answer.body.is_empty() { Value::Null } else { answer.json() }
    }

    /// Another API key of an app as a field, and its id.
    #[track_caller]
    pub(super) fn key(&self, app: &str) -> (String, String) {
        let made = self.admin("POST", "/admin/keys", &json!({"app": app}));
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        (format!("X-Api-Key: {}", text("key")), text("id"))
    }

    /// An access token of the first app for a merchant, as a field.
    #[track_caller]
    pub(super) fn token(&self, merchant: usize) -> String {
        format!("Authorization: {}", self.dev.bearer(merchant))
    }

    /// The key of an app that nothing happens to, as a field.
    pub(super) fn other(&self) -> String {
        format!("X-Api-Key: {}", self.dev.told("/other_app/api_key"))
    }

    pub(super) fn host(&self) -> &str {
        self.dev.base().strip_prefix("http://").unwrap()
    }

    /// Begins a call with these fields; it is at the upstream by then.
    #[track_caller]
    pub(super) fn begin(&self, credential: &str, method: &str, path: &str, rest: &str) -> Call {
        let at = format!("/{}", path.rsplit('/').next().unwrap());
        let before = self.upstream.arrived(&at);
        let (mut connection, host) = (Connection::open(self.host()), self.host());
        let head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n{credential}\r\n{rest}");
        connection.send(head.as_bytes());
        wait_for("the upstream to have the call", || self.upstream.arrived(&at) > before);
        Call::on(connection)
    }

    #[track_caller]
    pub(super) fn get(&self, credential: &str, path: &str) -> Call {
        self.begin(credential, "GET", path, "\r\n")
    }

    /// Begins to upload a body, of which the rest does not come.
    #[track_caller]
    pub(super) fn upload(&self, credential: &str, path: &str) -> Call {
        self.begin(credential, "POST", path, "Content-Length: 1000\r\n\r\nthe beginning")
    }

    /// The usage record of the call of that id, once it is in the books.
    #[track_caller]
    pub(super) fn record(&self, request_id: &str) -> Value {
        let path = format!("/admin/usage/{request_id}");
        wait_for("the usage record", || self.dev.admin("GET", &path, "").status == 200);
        self.dev.admin("GET", &path, "").json()
    }

    /// The record of a call says what became of it.
    #[track_caller]
    pub(super) fn is_recorded(&self, request_id: &str, status: u16, code: &str, outcome: &str) {
        let record = self.record(request_id);
        let told = (record["status"].as_u64(), record["refusal"].as_str(), record["outcome"].as_str());
        assert_eq!(told, (Some(status.into()), Some(code), Some(outcome)), "{record}");
    }
}

/// A call under way.
pub(super) struct Call<S = TcpStream> {
    connection: Connection<S>,
    /// What has been read of its answer.
    read: String,
}

impl<S: Read + Write> Call<S> {
    /// One that was sent on that connection.
    pub(super) fn on(connection: Connection<S>) -> Self {
        Self { connection, read: String::new() }
    }

    /// Reads on until `text` has come once more.
    #[track_caller]
    pub(super) fn read_until(&mut self, text: &str) {
        let from = self.read.len();
        while !self.read[from..].contains(text) {
            let mut piece = [0; 1024];
            let read = self.connection.stream_mut().read(&mut piece).unwrap();
            assert_ne!(read, 0, "it ended within {:?}", self.read);
            self.read.push_str(&String::from_utf8_lossy(&piece[..read]));
        }
    }

    /// The answer, soon.
    #[track_caller]
    pub(super) fn answer(mut self) -> Answer {
        let begun = Instant::now();
        let answer = self.connection.receive().expect("an answer");
        assert!(begun.elapsed() < SOON, "after {:?}", begun.elapsed());
        answer
    }

    /// It is refused soon.
    #[track_caller]
    pub(super) fn ends_refused(self, status: u16, code: &str) -> Answer {
        let answer = self.answer();
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{}", answer.text());
        answer
    }

    /// Its answer, of which some has come, is cut off soon, and does not look whole; gives the call's id.
    #[track_caller]
    pub(super) fn ends_cut_off(mut self) -> String {
        let begun = Instant::now();
        let mut piece = vec![0; 1 << 20];
        while let Ok(read @ 1..) = self.connection.stream_mut().read(&mut piece) {
            self.read.push_str(&String::from_utf8_lossy(&piece[..read]));
            assert!(begun.elapsed() < SOON, "it goes on");
        }
        assert!(begun.elapsed() < SOON, "after {:?}", begun.elapsed());
        assert!(self.read.starts_with("HTTP/1.1 200 OK\r\n"), "{:.300}", self.read);
        assert!(!self.read.ends_with("0\r\n\r\n"), "it looks whole");
        self.id()
    }

    /// The call's id, of an answer whose head has been read.
    pub(super) fn id(&self) -> String {
        let mut lines = self.read.split("\r\n");
        lines.find_map(|line| line.strip_prefix("x-request-id: ")).expect("an id").to_owned()
    }
}
