//! Calls whose parameters apps sign, as the platforms TOP and Alipay have them, at routes that take such.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use serde_json::json;

use crate::support::clients::outside;
use crate::support::dev::{Dev, wait_for};
use crate::support::http::{self, Answer, Connection, FORM};
use crate::support::message_signer::{MessageSigner, Unsigned, borrowed};
use crate::support::origin::point;
use crate::support::parameter_signer::{ParameterSigner, encoded};

pub(super) const ROUTER: &str = "/router/rest";

/// Adds a route of that style to the shipped policies, and has `address` serve it.
pub(super) fn with_router(policies: &Path, style: &str, address: &str) {
    let route = format!(
        "\n  - name: router\n    methods: [GET, POST]\n    path: {ROUTER}\n    upstream: catalog\n    \
         max_body: 512KiB\n    access:\n      scopes: [catalog:write]\n    signature: {style}\n    meter: {{}}\n"
    );
    let file = policies.join("routes/catalog.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text + &route).unwrap();
    let file = policies.join("products.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("- update-stock\n", "- update-stock\n      - router\n")).unwrap();
    point(policies, "catalog", address);
}

/// An upstream that answers each request alike, and tells all that it was sent.
pub(super) fn upstream() -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (sender, received) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let sender = sender.clone();
            std::thread::spawn(move || answer_all(stream, &sender));
        }
    });
    (address, received)
}

fn answer_all(mut stream: TcpStream, told: &Sender<String>) {
    let (mut buffer, mut chunk) = (Vec::new(), [0; 16 * 1024]);
    loop {
        let text = String::from_utf8_lossy(&buffer).into_owned();
        let whole = text.split_once("\r\n\r\n").and_then(|(head, _)| {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let whole = head.len() + 4 + length.map_or(0, |length| length.parse::<usize>().unwrap());
            (buffer.len() >= whole).then_some(whole)
        });
        if let Some(whole) = whole {
            let request = String::from_utf8_lossy(&buffer[..whole]).into_owned();
            buffer.drain(..whole);
            let body = r#"{"alipay_trade_query_response":{"code":"10000","msg":"Success"}}"#;
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json";
            let answer = format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            if told.send(request).is_err() || stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
            continue;
        }
        match stream.read(&mut chunk) {
            Ok(read) if read > 0 => buffer.extend_from_slice(&chunk[..read]),
            _ => return,
        }
    }
}

/// A gateway with a route of TOP's style, and a key of an app that may write to the catalog.
pub(super) struct World {
    pub(super) dev: Dev,
    pub(super) signer: ParameterSigner,
    received: Receiver<String>,
}

impl World {
    pub(super) fn new() -> Self {
        let (address, received) = upstream();
        let dev = Dev::with_policies(|policies| with_router(policies, "top", &address));
        let signer = ParameterSigner::register(&dev, dev.told("/other_app/client_id"), json!({}));
        Self { dev, signer, received }
    }

    pub(super) fn get(&self, query: &str) -> Answer {
        http::request(self.dev.base(), "GET", &format!("{ROUTER}?{query}"), &[], "")
    }

    pub(super) fn post(&self, query: &str, form: &str) -> Answer {
        http::request(self.dev.base(), "POST", &format!("{ROUTER}?{query}"), &[FORM], form)
    }

    /// The next request that the upstream got.
    pub(super) fn seen(&self) -> String {
        self.received.recv_timeout(Duration::from_secs(30)).unwrap()
    }
}

#[track_caller]
pub(super) fn refused(answer: &Answer, code: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (401, code), "{}", answer.text());
    assert!(answer.header("www-authenticate").is_some());
    // Who does not sign messages is not told how.
    let is_message = code == "signature_digest_mismatch";
    assert_eq!(answer.header("accept-signature").is_some(), is_message, "{code}");
}

#[test]
fn signed_parameters_prove_their_app_and_the_signature_ends_at_the_gateway() {
    let world = World::new();
    let app = format!("x-tollgate-app: {}\r\n", world.dev.told("/other_app/client_id"));
    // All in the query.
    let call = world.signer.call();
    let kept = call.split("&sign=").next().unwrap();
    let answer = world.get(&call);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.header("ratelimit").is_some(), "its app's own limits apply");
    let seen = world.seen();
    assert!(seen.starts_with(&format!("GET {ROUTER}?{kept} HTTP/1.1\r\n")) && seen.contains(&app), "{seen}");
    // All in a form.
    let call = world.signer.call();
    let kept = call.split("&sign=").next().unwrap();
    assert_eq!(http::request(world.dev.base(), "POST", ROUTER, &[FORM], &call).status, 200);
    let seen = world.seen();
    let length = format!("content-length: {}\r\n", kept.len());
    assert!(seen.ends_with(&format!("\r\n\r\n{kept}")) && seen.contains(&length), "{seen}");
    assert!(seen.starts_with(&format!("POST {ROUTER} HTTP/1.1\r\n")) && seen.contains(&app), "{seen}");
    // What the platform's client puts in the query, and the rest in a form that comes in chunks.
    let pairs = world.signer.parameters(0, "hmac-sha256");
    let (of_query, of_form) = pairs.split_at(5);
    let (sign, form) = (world.signer.sign(&pairs), encoded(of_form));
    let (begin, end) = form.split_at(7);
    let host = world.dev.base().strip_prefix("http://").unwrap();
    let head = format!(
        "POST {ROUTER}?sign={sign}&{} HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n{}: {}; charset=UTF-8",
        encoded(of_query),
        FORM.0,
        FORM.1,
    );
    let chunks = format!("7\r\n{begin}\r\n{:x}\r\n{end}\r\n0\r\n\r\n", end.len());
    let answer = Connection::open(host).exchange(&format!("{head}\r\n\r\n{chunks}")).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    let seen = world.seen();
    assert!(seen.starts_with(&format!("POST {ROUTER}?{} HTTP/1.1\r\n", encoded(of_query))), "{seen}");
    assert!(seen.ends_with(&form), "{seen}");
}

#[test]
fn a_call_in_this_style_is_in_the_books() {
    let world = World::new();
    let id = world.get(&world.signer.call()).header("x-request-id").unwrap().to_owned();
    wait_for("the usage record", || world.dev.admin("GET", &format!("/admin/usage/{id}"), "").status == 200);
}

#[test]
fn each_thing_that_is_wrong_with_signed_parameters_has_a_code() {
    let world = World::new();
    let signer = &world.signer;
    let good = || signer.call();
    let aged = |age| signer.signed(signer.parameters(age, "hmac-sha256"));
    let other = ParameterSigner::new("sgk_none", "secret");
    let none = ParameterSigner::new(world.dev.told("/other_app/client_id"), "secret");
    let app = world.dev.told("/other_app/client_id");
    let http = MessageSigner::register(&world.dev, app);
    let http = ParameterSigner::new(&http.id, "secret");
    let without_sign = good().split("&sign=").next().unwrap().to_owned();
    for (query, code) in [
        (without_sign, "signature_parameter_missing"),
        (good().replace("app_key=", "app_kex="), "signature_parameter_missing"),
        (format!("{}&v=2.0", good()), "signature_malformed"),
        (format!("{}&a=%zz", good()), "signature_malformed"),
        (good().replace("hmac-sha256", "rsa"), "signature_algorithm_mismatch"),
        (signer.signed(signer.parameters(0, "md5")), "signature_algorithm_mismatch"),
        (aged(601), "signature_too_old"),
        (aged(-630), "signature_too_early"),
        (other.call(), "signature_key_unknown"),
        (none.call(), "signature_key_unknown"),
        (http.call(), "signature_algorithm_mismatch"),
        (format!("{}&a=1", good()), "signature_mismatch"),
        (ParameterSigner::new(&signer.id, "guess").call(), "signature_mismatch"),
    ] {
        refused(&world.get(&query), code);
    }
    for age in [590, -590] {
        assert_eq!(world.get(&aged(age)).status, 200);
    }
    let used = good();
    assert_eq!(world.get(&used).status, 200);
    for again in [&used, &used.replace("%2C", "%2c")] {
        refused(&world.get(again), "signature_replayed");
    }
    // What is signed for the query is as good in a form, and used up there too.
    let again = http::request(world.dev.base(), "POST", ROUTER, &[FORM], &used);
    refused(&again, "signature_replayed");
    let told = world.get(&format!("{}&a=1", good())).json();
    let told = told["detail"].as_str().unwrap();
    assert!(told.contains("hmac-sha256 of a, app_key, fields") && !told.contains("tgk_"), "{told}");
}

#[test]
fn a_body_that_the_signature_does_not_cover_is_refused() {
    let world = World::new();
    let send = |fields: &[(&str, &str)], body: &str| {
        let target = format!("{ROUTER}?{}", world.signer.call());
        http::request(world.dev.base(), "POST", &target, fields, body)
    };
    for fields in [
        &[][..],
        &[("Content-Type", "application/json")],
        &[("Content-Type", "multipart/form-data; boundary=a")],
        &[FORM, ("Content-Encoding", "gzip")],
        &[("Content-Type", "application/x-www-form-urlencoded; charset=GBK")],
    ] {
        refused(&send(fields, "a=1"), "signature_component_missing");
        assert_eq!(send(fields, "").status, 200, "there is nothing to cover");
    }
    // A form has a bound, however it comes.
    let long = "a".repeat((256 << 10) + 1);
    let answer = send(&[FORM], &long);
    assert_eq!((answer.status, answer.code().as_str()), (413, "body_too_large"));
    assert!(answer.json()["detail"].as_str().unwrap().contains("262144"));
    let host = world.dev.base().strip_prefix("http://").unwrap();
    let head = format!(
        "POST {ROUTER} HTTP/1.1\r\nHost: {host}\r\n{}: {}\r\nTransfer-Encoding: chunked",
        FORM.0, FORM.1
    );
    let mut connection = Connection::open(host);
    let answer =
        connection.exchange(&format!("{head}\r\n\r\n{:x}\r\n{long}\r\n0\r\n\r\n", long.len())).unwrap();
    assert_eq!((answer.status, answer.code().as_str()), (413, "body_too_large"));
    let mut connection = Connection::open(host);
    let not_text = [format!("{head}\r\n\r\n2\r\n").as_bytes(), b"\xff\xfe\r\n0\r\n\r\n"].concat();
    connection.send(&not_text);
    refused(&connection.receive().unwrap(), "signature_malformed");
}

#[test]
fn one_changed_byte_of_what_is_signed_is_refused() {
    let world = World::new();
    let call = world.signer.call();
    // A network may try fifty.
    let places = (0..call.len()).filter(|at| call.as_bytes()[*at].is_ascii_alphanumeric());
    let step = (call.len() / 40).max(1);
    for at in places.step_by(step) {
        let mut bytes = world.signer.call().into_bytes();
        bytes[at] = if bytes[at] == b'7' { b'8' } else { b'7' };
        let changed = String::from_utf8(bytes).unwrap();
        let answer = world.get(&changed);
        assert_eq!(answer.status, 401, "{changed}: {}", answer.text());
        assert!(answer.code().starts_with("signature_"), "{}", answer.text());
    }
    assert_eq!(world.get(&world.signer.call()).status, 200);
}

#[test]
fn methods_of_md5_are_for_keys_that_say_so() {
    let world = World::new();
    let app = world.dev.told("/other_app/client_id");
    let lax = ParameterSigner::register(&world.dev, app, json!({"weak_methods": ["md5"]}));
    let answer = world.get(&lax.signed(lax.parameters(0, "md5")));
    assert_eq!(answer.status, 200, "{}", answer.text());
    refused(&world.get(&lax.signed(lax.parameters(0, "hmac"))), "signature_malformed");
    refused(
        &world.get(&world.signer.signed(world.signer.parameters(0, "md5"))),
        "signature_algorithm_mismatch",
    );
}

#[test]
fn there_is_one_credential_and_it_may_stand_in_a_field_instead() {
    let world = World::new();
    let key = world.dev.told("/other_app/api_key");
    let with_key = ("X-Api-Key", key);
    let form = "a=%41&b=+&&c";
    let target = format!("{ROUTER}?app_key=mine");
    let send = |target: &str, fields: &[(&str, &str)], form: &str| {
        http::request(world.dev.base(), "POST", target, fields, form)
    };
    let answer = send(&target, &[with_key, FORM], form);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let seen = world.seen();
    assert!(
        seen.starts_with(&format!("POST {target} ")) && seen.ends_with(&format!("\r\n\r\n{form}")),
        "{seen}"
    );
    let signed = world.signer.call();
    let answer = send(&format!("{ROUTER}?{signed}"), &[with_key, FORM], "");
    assert_eq!((answer.status, answer.code().as_str()), (400, "credential_repeated"));
    // Beside it a form is a body like others, whatever it is said to be and whatever stands in it.
    let gbk = ("Content-Type", "application/x-www-form-urlencoded; charset=GBK");
    let long = format!("{signed}&a={}", "a".repeat(300 << 10));
    for (fields, form) in [(FORM, signed.as_str()), (gbk, "a=1"), (FORM, &long)] {
        let answer = send(ROUTER, &[with_key, fields], form);
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(world.seen().ends_with(&format!("\r\n\r\n{form}")));
    }
    // A message that is signed (RFC 9421) has its form checked as any other body.
    let signer = MessageSigner::register(&world.dev, world.dev.told("/other_app/client_id"));
    let url = format!("{}{ROUTER}", world.dev.base());
    let signed = || {
        let mut fields = signer.sign(Unsigned { method: "POST", url: &url, body: form });
        fields.push((FORM.0.to_owned(), FORM.1.to_owned()));
        fields
    };
    assert_eq!(send(ROUTER, &borrowed(&signed()), form).status, 200);
    refused(&send(ROUTER, &borrowed(&signed()), "a=%41&b=+&&d"), "signature_digest_mismatch");
    // Without any, the caller is told what is missing.
    let answer = send(ROUTER, &[FORM], form);
    assert_eq!((answer.status, answer.code().as_str()), (401, "credential_missing"));
}

#[test]
fn routes_that_do_not_say_so_take_no_signed_parameters() {
    let world = World::new();
    let target = format!("/api/products/p-1001?{}", world.signer.call());
    let answer = http::request(world.dev.base(), "PUT", &target, &[FORM], "");
    assert_eq!((answer.status, answer.code().as_str()), (401, "credential_missing"));
    // Where anyone may call, they are parameters like others, and go on as they are.
    let answer = http::request(world.dev.base(), "GET", &target, &[], "");
    assert_eq!(answer.status, 200, "{}", answer.text());
    let seen = world.seen();
    assert!(seen.contains("&sign=") && !seen.contains("x-tollgate-app"), "{seen}");
}

#[test]
fn signed_parameters_are_taken_once_by_all_cores() {
    let world = World::new();
    let call = world.signer.call();
    let base = world.dev.base();
    let send = || http::request(base, "GET", &format!("{ROUTER}?{call}"), &[], "").status;
    let taken = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..16).map(|_| scope.spawn(send)).collect();
        calls.into_iter().map(|call| call.join().unwrap()).filter(|status| *status == 200).count()
    });
    assert_eq!(taken, 1);
}

#[test]
fn what_becomes_of_a_key_its_app_or_the_gateway_holds_from_the_next_call_on() {
    let world = World::new();
    let used = world.signer.call();
    assert_eq!(world.get(&used).status, 200);
    let app = world.dev.told("/other_app/client_id");
    assert_eq!(world.dev.admin("POST", &format!("/admin/apps/{app}/suspend"), "").status, 200);
    let suspended = world.get(&world.signer.call());
    assert_eq!((suspended.status, suspended.code().as_str()), (403, "suspended"));
    assert_eq!(world.dev.admin("POST", &format!("/admin/apps/{app}/resume"), "").status, 200);
    assert_eq!(world.get(&world.signer.call()).status, 200);
    let World { dev, signer, received } = world;
    let world = World { dev: dev.kill_and_restart(), signer, received };
    let answer = world.get(&used);
    assert_eq!((answer.status, answer.code().as_str()), (503, "unavailable"), "{}", answer.text());
    wait_for("calls that surely were not made before", || world.get(&world.signer.call()).status == 200);
    let path = format!("/admin/signature-keys/{}/revoke", world.signer.id);
    assert_eq!(world.dev.admin("POST", &path, "").status, 200);
    refused(&world.get(&world.signer.call()), "signature_key_unknown");
}

#[test]
fn a_flood_of_wrong_signatures_of_parameters_is_stopped() {
    let world = World::new();
    let thief = ParameterSigner::new(&world.signer.id, "guess");
    let statuses: Vec<u16> = (0..200).map(|_| world.post("", &thief.call()).status).collect();
    assert!(statuses.contains(&401) && statuses.contains(&429) && !statuses.contains(&200), "{statuses:?}");
    wait_for("the owner", || world.get(&world.signer.call()).status == 200);
}

/// A gateway with a route of Alipay's style.
fn alipay() -> Dev {
    let (address, received) = upstream();
    std::thread::spawn(move || while received.recv().is_ok() {});
    Dev::with_policies(|policies| with_router(policies, "alipay", &address))
}

#[test]
fn what_the_alipay_client_of_node_programs_signs_is_taken() {
    outside("alipay_signer.mjs", &alipay(), &[ROUTER]);
}

#[test]
fn what_the_alipay_client_of_python_programs_signs_is_taken() {
    outside("alipay_signer.py", &alipay(), &[ROUTER]);
}
