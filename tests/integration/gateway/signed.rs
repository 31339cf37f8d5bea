//! Requests that apps sign (RFC 9421), at the API.

use std::io::Read;
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::json;

use crate::support::clients::outside;
use crate::support::dev::{Dev, wait_for};
use crate::support::dpop::now;
use crate::support::http::{self, Answer, Connection};
use crate::support::message_signer::{MessageSigner, Unsigned, borrowed, content_digest};
use crate::support::origin::{Origin, point};

pub(super) const PRODUCT: &str = "/api/products/p-1001";

/// A gateway, and a key of an app that may write to the catalog.
pub(super) struct World {
    pub(super) dev: Dev,
    pub(super) signer: MessageSigner,
}

impl World {
    fn new() -> Self {
        Self::over(Dev::start())
    }

    pub(super) fn over(dev: Dev) -> Self {
        let signer = MessageSigner::register(&dev, dev.told("/other_app/client_id"));
        Self { dev, signer }
    }

    pub(super) fn url(&self, target: &str) -> String {
        format!("{}{target}", self.dev.base())
    }

    fn fields(&self, method: &str, target: &str, body: &str) -> Vec<(String, String)> {
        self.signer.sign(Unsigned { method, url: &self.url(target), body })
    }

    pub(super) fn send(&self, method: &str, target: &str, fields: &[(String, String)], body: &str) -> Answer {
        http::request(self.dev.base(), method, target, &borrowed(fields), body)
    }

    pub(super) fn get(&self, target: &str) -> Answer {
        self.send("GET", target, &self.fields("GET", target, ""), "")
    }
}

#[track_caller]
pub(super) fn refused(answer: &Answer, code: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (401, code), "{}", answer.text());
    assert!(answer.header("www-authenticate").is_some() && answer.header("accept-signature").is_some());
    assert_eq!(answer.json()["type"], format!("urn:tollgate:problem:{code}"));
}

#[test]
fn a_signed_request_proves_its_app_and_the_signature_ends_at_the_gateway() {
    let origin = Origin::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    let world = World::over(Dev::with_policies(|policies| point(policies, "catalog", &origin.address)));
    for target in [PRODUCT, "/api/products/p-1001?a=b&c=%20", "/api/%70roducts/p-1001"] {
        let answer = world.get(target);
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(answer.header("ratelimit").is_some(), "its app's own limits apply");
        let seen = origin.received().unwrap().to_ascii_lowercase();
        assert!(
            seen.contains(&format!("x-tollgate-app: {}\r\n", world.dev.told("/other_app/client_id"))),
            "{seen}"
        );
        assert!(!seen.contains("signature"), "{seen}");
    }
    let body = r#"{"price":"1.00"}"#;
    assert_eq!(world.send("PUT", PRODUCT, &world.fields("PUT", PRODUCT, body), body).status, 200);
    // A field of that name that is no credential is the upstream's.
    let other = [("Signature".to_owned(), "keyId=x".to_owned())];
    assert_eq!(world.send("GET", PRODUCT, &other, "").status, 200);
    let (_, seen) = (origin.received().unwrap(), origin.received().unwrap().to_ascii_lowercase());
    assert!(seen.contains("signature: keyid=x\r\n") && !seen.contains("x-tollgate-app"), "{seen}");
}

#[test]
fn a_signed_call_is_in_the_books_by_its_kind_and_the_id_of_its_key() {
    let world = World::new();
    let id = world.get(PRODUCT).header("x-request-id").unwrap().to_owned();
    let path = format!("/admin/usage/{id}");
    wait_for("the usage record", || world.dev.admin("GET", &path, "").status == 200);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let store = format!("sqlite:{}", world.dev.data().join("tollgate.db").display());
    let (credential, key): (String, String) = runtime.block_on(async {
        let mut file = <sqlx::SqliteConnection as sqlx::Connection>::connect(&store).await.unwrap();
        sqlx::query_as(
            "select credential, credential_id from usage_record where credential = 'signed_request'",
        )
        .fetch_one(&mut file)
        .await
        .unwrap()
    });
    assert_eq!((credential.as_str(), &key), ("signed_request", &world.signer.id));
}

#[test]
fn each_thing_that_is_wrong_with_a_signature_has_a_code_of_its_own() {
    let world = World::new();
    let (url, signer) = (world.url(PRODUCT), &world.signer);
    let get = Unsigned { method: "GET", url: &url, body: "" };
    let with = |parameters: &str| signer.sign_with(get, parameters);
    let lines = |lines: &[(&str, String)]| signer.sign_lines(lines, &signer.parameters(0)).to_vec();
    let (method, target) = (("\"@method\"", "GET".to_owned()), ("\"@target-uri\"", url.clone()));
    let id = signer.id.clone();
    let mut two = world.fields("GET", PRODUCT, "");
    let again = two[0].1.replace("sig1=", "sig2=");
    two[0].1.push_str(&format!(", {again}"));
    for (fields, code) in [
        (two, "signature_malformed"),
        (world.fields("GET", PRODUCT, "")[..1].to_vec(), "signature_malformed"),
        (with(&format!("created={};keyid=\"{id}\"", now())), "signature_parameter_missing"),
        (with(&format!("keyid=\"{id}\";nonce=\"1\"")), "signature_parameter_missing"),
        (with(&format!("created={};nonce=\"1\"", now())), "signature_parameter_missing"),
        (lines(std::slice::from_ref(&target)), "signature_component_missing"),
        (lines(&[method.clone(), ("\"@path\"", PRODUCT.to_owned())]), "signature_component_missing"),
        (
            lines(&[method.clone(), target.clone(), ("\"x-none\"", String::new())]),
            "signature_component_unknown",
        ),
        (
            lines(&[method.clone(), target.clone(), ("\"@status\"", "200".to_owned())]),
            "signature_component_unknown",
        ),
        (with(&signer.parameters(301)), "signature_too_old"),
        (with(&format!("{};expires={}", signer.parameters(60), now() - 30)), "signature_too_old"),
        (with(&signer.parameters(-60)), "signature_too_early"),
        (with(&format!("created={};keyid=\"sgk_none\";nonce=\"1\"", now())), "signature_key_unknown"),
        (with(&format!("created={};keyid=\"none\";nonce=\"1\"", now())), "signature_key_unknown"),
        (with(&format!("{};alg=\"ed25519\"", signer.parameters(0))), "signature_algorithm_mismatch"),
        (world.fields("POST", PRODUCT, ""), "signature_mismatch"),
        (world.fields("GET", "/api/products/p-1002", ""), "signature_mismatch"),
        (world.fields("GET", &format!("{PRODUCT}?a=b"), ""), "signature_mismatch"),
    ] {
        refused(&world.send("GET", PRODUCT, &fields, ""), code);
    }
    assert_eq!(world.send("GET", PRODUCT, &with(&signer.parameters(290)), "").status, 200);
    let named = format!("{};alg=\"hmac-sha256\";tag=\"anything\"", signer.parameters(0));
    assert_eq!(world.send("GET", PRODUCT, &with(&named), "").status, 200);
    let good = world.fields("GET", PRODUCT, "");
    assert_eq!(world.send("GET", PRODUCT, &good, "").status, 200);
    refused(&world.send("GET", PRODUCT, &good, ""), "signature_replayed");
}

#[test]
fn a_signature_is_a_credential_beside_which_there_is_no_other() {
    let world = World::new();
    let key = world.dev.told("/other_app/api_key").to_owned();
    for other in [("X-Api-Key", key.clone()), ("Authorization", format!("Bearer {key}"))] {
        let mut fields = world.fields("GET", PRODUCT, "");
        fields.push((other.0.to_owned(), other.1));
        let answer = world.send("GET", PRODUCT, &fields, "");
        assert_eq!((answer.status, answer.code().as_str()), (400, "credential_repeated"));
    }
    // A route for merchants asks for one, whom no signature of an app names.
    let answer = world.get("/api/orders");
    assert_eq!((answer.status, answer.code().as_str()), (403, "merchant_missing"));
}

#[test]
fn what_is_covered_and_would_not_reach_the_upstream_is_refused() {
    let world = World::new();
    let url = world.url(PRODUCT);
    let lines =
        [("\"@method\"", "GET".to_owned()), ("\"@target-uri\"", url), ("\"x-amount\"", "100".to_owned())];
    let signed = || world.signer.sign_lines(&lines, &world.signer.parameters(0)).to_vec();
    let with = |more: &[(&str, &str)]| {
        let mut fields = signed();
        fields.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        world.send("GET", PRODUCT, &fields, "")
    };
    assert_eq!(with(&[("X-Amount", "100")]).status, 200);
    refused(&with(&[("X-Amount", "100"), ("Connection", "X-Amount")]), "signature_component_unknown");
    refused(&with(&[("X-Amount", "100"), ("X-Amount", "100")]), "signature_mismatch");
}

#[test]
fn a_body_needs_a_digest_that_fits() {
    let world = World::new();
    let body = r#"{"price":"1.00"}"#;
    let (url, signer) = (world.url(PRODUCT), &world.signer);
    let put = |fields: &[(String, String)], body: &str| world.send("PUT", PRODUCT, fields, body);
    let good = || world.fields("PUT", PRODUCT, body);
    assert_ne!(put(&good(), body).status, 401);
    refused(&put(&good(), r#"{"price":"1.01"}"#), "signature_digest_mismatch");
    refused(&put(&good(), &body[..body.len() - 1]), "signature_digest_mismatch");
    refused(&put(&good(), ""), "signature_digest_mismatch");
    let bare = Unsigned { method: "PUT", url: &url, body: "" };
    refused(&put(&signer.sign(bare), body), "signature_component_missing");
    assert_ne!(put(&signer.sign(bare), "").status, 401);
    for digest in ["sha-256=:AAAA:", "md5=:AAAA:", "nonsense;"] {
        let lines = [
            ("\"@method\"", "PUT".to_owned()),
            ("\"@target-uri\"", url.clone()),
            ("\"content-digest\"", digest.to_owned()),
        ];
        let mut fields = signer.sign_lines(&lines, &signer.parameters(0)).to_vec();
        fields.push(("Content-Digest".to_owned(), digest.to_owned()));
        refused(&put(&fields, body), "signature_digest_malformed");
    }
}

/// An upstream that never answers, and tells all that it was sent once a connection has ended.
fn silent() -> (String, Receiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (sender, received) = channel();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut bytes = Vec::new();
            let _ = stream.read_to_end(&mut bytes);
            if sender.send(bytes).is_err() {
                return;
            }
        }
    });
    (address, received)
}

#[test]
fn an_upstream_never_gets_the_end_of_a_body_that_is_not_the_one_that_was_signed() {
    let (address, received) = silent();
    let world = World::over(Dev::with_policies(|policies| point(policies, "catalog", &address)));
    let (signed, sent) = ("x".repeat(60_000), format!("{}y", "x".repeat(59_999)));
    let host = world.dev.base().strip_prefix("http://").unwrap().to_owned();
    for is_chunked in [false, true] {
        let fields = world.fields("PUT", PRODUCT, &signed);
        let mut connection = Connection::open(&host);
        let framing = match is_chunked {
            true => "Transfer-Encoding: chunked".to_owned(),
            false => format!("Content-Length: {}", sent.len()),
        };
        let fields: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        connection
            .send(format!("PUT {PRODUCT} HTTP/1.1\r\nHost: {host}\r\n{fields}{framing}\r\n\r\n").as_bytes());
        for piece in sent.as_bytes().chunks(10_000) {
            match is_chunked {
                true => {
                    connection.send(&[format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat())
                }
                false => connection.send(piece),
            }
        }
        if is_chunked {
            connection.send(b"0\r\n\r\n");
        }
        refused(&connection.receive().unwrap(), "signature_digest_mismatch");
        // A connection may have been given up before anything was sent on it.
        let seen = loop {
            match received.recv_timeout(Duration::from_secs(30)) {
                Ok(bytes) if bytes.is_empty() => {}
                Ok(bytes) => break bytes,
                Err(_) => break Vec::new(),
            }
        };
        let text = String::from_utf8_lossy(&seen);
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        match is_chunked {
            true => assert!(!body.contains("\r\n0\r\n"), "the last chunk was sent on"),
            false => {
                assert!(head.contains("content-length: 60000") && body.len() < sent.len(), "{}", body.len())
            }
        }
    }
}

#[test]
fn one_changed_byte_of_a_request_is_refused() {
    let world = World::new();
    let (target, body) = ("/api/products/p-1001?note=abc", r#"{"price":"1.00"}"#);
    let place = |text: &str, at: usize| {
        let mut bytes = text.as_bytes().to_vec();
        bytes[at] = if bytes[at] == b'q' { b'r' } else { b'q' };
        String::from_utf8(bytes).unwrap()
    };
    // Forty at most, as a network may try fifty.
    for at in (14..target.len()).filter(|at| target.as_bytes()[*at] != b'?') {
        let fields = world.fields("PUT", target, body);
        let answer = world.send("PUT", &place(target, at), &fields, body);
        refused(&answer, "signature_mismatch");
    }
    for at in 0..body.len() {
        let fields = world.fields("PUT", target, body);
        let answer = world.send("PUT", target, &fields, &place(body, at));
        refused(&answer, "signature_digest_mismatch");
    }
    for (name, changed) in [("Content-Digest", content_digest("{}")), ("Signature", "sig1=:AAAA:".to_owned())]
    {
        let mut fields = world.fields("PUT", target, body);
        fields
            .iter_mut()
            .filter(|(known, _)| known == name)
            .for_each(|(_, value)| value.clone_from(&changed));
        refused(&world.send("PUT", target, &fields, body), "signature_mismatch");
    }
}

#[test]
fn a_signature_is_taken_once_by_all_cores() {
    let world = World::new();
    let fields = world.fields("GET", PRODUCT, "");
    let taken = std::thread::scope(|scope| {
        let calls: Vec<_> =
            (0..16).map(|_| scope.spawn(|| world.send("GET", PRODUCT, &fields, "").status)).collect();
        calls.into_iter().map(|call| call.join().unwrap()).filter(|status| *status == 200).count()
    });
    assert_eq!(taken, 1);
}

#[test]
fn what_becomes_of_a_key_and_its_app_holds_from_the_next_call_on() {
    let world = World::new();
    assert_eq!(world.get(PRODUCT).status, 200);
    let app = world.dev.told("/other_app/client_id");
    assert_eq!(world.dev.admin("POST", &format!("/admin/apps/{app}/suspend"), "").status, 200);
    let suspended = world.get(PRODUCT);
    assert_eq!((suspended.status, suspended.code().as_str()), (403, "suspended"));
    assert_eq!(world.dev.admin("POST", &format!("/admin/apps/{app}/resume"), "").status, 200);
    assert_eq!(world.get(PRODUCT).status, 200);
    let path = format!("/admin/signature-keys/{}/revoke", world.signer.id);
    assert_eq!(world.dev.admin("POST", &path, "").status, 200);
    refused(&world.get(PRODUCT), "signature_key_unknown");
    // One with fewer scopes than its app.
    let narrow = json!({"app": app, "algorithm": "hmac-sha256", "scopes": ["catalog:read"]}).to_string();
    let made = world.dev.admin("POST", "/admin/signature-keys", &narrow).json();
    let narrow = MessageSigner::new(made["id"].as_str().unwrap(), made["secret"].as_str().unwrap());
    let url = world.url(PRODUCT);
    let fields = narrow.sign(Unsigned { method: "PUT", url: &url, body: "{}" });
    let answer = world.send("PUT", PRODUCT, &fields, "{}");
    assert_eq!((answer.status, answer.code().as_str()), (403, "scope_missing"), "{}", answer.text());
}

#[test]
fn a_signature_that_was_used_before_a_crash_is_not_taken_after_it() {
    let world = World::new();
    let used = world.fields("GET", PRODUCT, "");
    assert_eq!(world.send("GET", PRODUCT, &used, "").status, 200);
    let World { dev, signer } = world;
    let dev = dev.kill_and_restart();
    let world = World { dev, signer };
    // The port is another, so what was used before is signed for where it was; it must not even get that far.
    let answer = world.send("GET", PRODUCT, &used, "");
    assert_eq!((answer.status, answer.code().as_str()), (503, "unavailable"), "{}", answer.text());
    wait_for("signatures that surely were not used before", || world.get(PRODUCT).status == 200);
    let new = World::over(world.dev);
    assert_eq!(new.get(PRODUCT).status, 200, "a key that there was not before is good at once");
}

#[test]
fn a_flood_of_wrong_signatures_is_stopped_before_they_are_looked_at() {
    let world = World::new();
    let thief = MessageSigner::new(&world.signer.id, "guess");
    let url = world.url(PRODUCT);
    let forged = || thief.sign(Unsigned { method: "GET", url: &url, body: "" });
    let statuses: Vec<u16> = (0..200).map(|_| world.send("GET", PRODUCT, &forged(), "").status).collect();
    assert!(statuses.contains(&401) && statuses.contains(&429) && !statuses.contains(&200), "{statuses:?}");
    wait_for("the owner", || world.get(PRODUCT).status == 200);
}

#[test]
fn what_the_libraries_of_python_programs_sign_is_taken() {
    outside("message_signers.py", &Dev::start(), &[]);
}

#[test]
fn what_the_libraries_of_node_programs_sign_is_taken() {
    outside("message_signers.mjs", &Dev::start(), &[]);
}
