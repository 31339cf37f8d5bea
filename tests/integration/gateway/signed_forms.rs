//! Signed parameters that come in a form: it is read for whoever sends it, and so within narrow bounds, and what the upstream gets of
//! the call is what was signed.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::masked::change;
use super::signed_parameters::{ROUTER, World, refused, upstream, with_router};
use crate::support::dev::{Dev, wait_for};
use crate::support::dpop::now;
use crate::support::http::{self, Answer, Connection, FORM};
use crate::support::parameter_signer::encoded;
use crate::support::signer::Signer;
use tollgate::domain::time::{Timestamp, Zone};

/// All of a call with a form but for its last byte.
fn begun(form: &str) -> Vec<u8> {
    let (name, value) = FORM;
    let length = form.len();
    let head =
        format!("POST {ROUTER} HTTP/1.1\r\nHost: a\r\n{name}: {value}\r\nContent-Length: {length}\r\n\r\n");
    [head.as_bytes(), &form.as_bytes()[..length - 1]].concat()
}

/// A connection on which that has been sent.
fn begin(dev: &Dev, form: &str) -> Connection {
    let mut connection = Connection::open(dev.base().strip_prefix("http://").unwrap());
    connection.send(&begun(form));
    connection
}

#[test]
fn a_form_that_does_not_end_in_time_is_refused() {
    let world = World::new();
    let begun = Instant::now();
    let answer = begin(&world.dev, &world.signer.call()).receive().unwrap();
    assert_eq!((answer.status, answer.code().as_str()), (408, "body_too_slow"), "{}", answer.text());
    assert!(begun.elapsed() < Duration::from_secs(19), "after {:?}", begun.elapsed());
}

#[test]
fn a_signature_is_judged_by_when_its_form_had_come() {
    let world = World::new();
    let mut pairs = world.signer.parameters(597, "hmac-sha256");
    let form = world.signer.signed(pairs.clone());
    let mut connection = begin(&world.dev, &form);
    let number = pairs.iter().position(|(name, _)| name == "num_iid").unwrap();
    let mut count = 1000;
    wait_for("the timestamp to become too old", || {
        count += 1;
        pairs[number].1 = count.to_string();
        world.get(&world.signer.signed(pairs.clone())).status == 401
    });
    connection.send(&form.as_bytes()[form.len() - 1..]);
    refused(&connection.receive().unwrap(), "signature_too_old");
}

#[test]
fn what_one_network_may_have_under_way_is_bounded_and_comes_back() {
    let world = World::new();
    let form = |length: usize| format!("a={}", "x".repeat(length - 2));
    let mut held: Vec<Connection> = (0..9).map(|_| begin(&world.dev, &form(256 << 10))).collect();
    let send = |last: u8, form: &str| {
        let from = IpAddr::from(Ipv4Addr::new(127, 0, 0, last));
        let answer = http::send_from(from, world.dev.base(), ("POST", ROUTER), &[FORM], form);
        (answer.status, answer.code())
    };
    let (short, read) = (form(4096), (401, "credential_missing".to_owned()));
    // What the last one left, short ones take.
    wait_for("the network's part to be taken", || {
        held.push(begin(&world.dev, &short));
        send(1, &short) == (503, "unavailable".to_owned())
    });
    assert_eq!(send(2, &short), read, "another network has a part of its own");
    assert_eq!(world.get(&world.signer.call()).status, 200, "a call without a form needs no room");
    drop(held);
    wait_for("the part to come back", || send(1, &short) == read);
}

#[test]
fn who_signs_is_not_shut_out_by_the_forms_of_strangers() {
    let world = World::new();
    let address = |last: u8| IpAddr::from(Ipv4Addr::new(127, 0, 2, last));
    let form = |length: usize| format!("a={}", "x".repeat(length - 2));
    let send = |last: u8, form: &str| {
        http::send_from(address(last), world.dev.base(), ("POST", ROUTER), &[FORM], form).status
    };
    // One of them may happen to share its part with a stranger.
    let known = [1, 2, 3];
    assert_eq!(known.map(|last| send(last, &world.signer.call())), [200; 3]);
    let (long, short) = (begun(&form(256 << 10)), form(4096));
    let (mut strangers, mut held) = (100.., Vec::new());
    wait_for("the strangers' room to be taken", || {
        let stranger = address(strangers.next().unwrap());
        for _ in 0..8 {
            let mut stream = http::connect_from(stranger, world.dev.base());
            // For who is beyond the room it is closed.
            let _ = stream.write_all(&long);
            held.push(stream);
        }
        send(4, &short) == 503
    });
    assert_eq!(send(4, &world.signer.call()), 503);
    assert!(known.iter().any(|last| send(*last, &world.signer.call()) == 200));
    drop(held);
    wait_for("the room to come back", || send(4, &short) == 401);
}

#[test]
fn what_was_signed_cannot_be_hidden_from_the_upstream_nor_something_else_be_shown() {
    let world = World::new();
    let send = |method: &str, fields: &[(&str, &str)], form: &str| {
        let target = format!("{ROUTER}?{}", world.signer.call());
        http::request(world.dev.base(), method, &target, fields, form)
    };
    let blank = ("Content-Type", "application/x-www-form-urlencoded; charset =gbk");
    for (method, fields) in [
        ("GET", &[FORM][..]),
        ("POST", &[FORM, ("Connection", "Content-Type")]),
        ("POST", &[FORM, ("Connection", "close, content-encoding")]),
        ("POST", &[FORM, ("Content_Type", "text/plain")]),
        ("POST", &[blank]),
    ] {
        refused(&send(method, fields, "a=1"), "signature_component_missing");
        assert_eq!(send(method, fields, "").status, 200, "there is nothing to cover");
        world.seen();
    }
    // In the form, the signature is none where the form is none.
    for (method, fields) in [("GET", &[FORM][..]), ("POST", &[FORM, ("Connection", "Content-Type")])] {
        let answer = http::request(world.dev.base(), method, ROUTER, fields, &world.signer.call());
        assert_eq!((answer.status, answer.code().as_str()), (401, "credential_missing"));
    }
}

#[test]
fn no_digest_goes_on_of_a_form_of_which_something_does_not() {
    let world = World::new();
    let digest = "sha-256=:eA==:";
    let fields = [FORM, ("Content-Digest", digest), ("Content_MD5", "eA=="), ("Repr-Digest", digest)];
    let send = |query: &str, form: &str| {
        let answer = http::request(world.dev.base(), "POST", &format!("{ROUTER}?{query}"), &fields, form);
        assert_eq!(answer.status, 200, "{}", answer.text());
        world.seen().to_ascii_lowercase()
    };
    let is_there = |seen: &str| {
        ["content-digest", "content_md5", "repr-digest"].map(|name| seen.contains(&format!("\r\n{name}: ")))
    };
    assert_eq!(is_there(&send("", &world.signer.call())), [false; 3]);
    let pairs = world.signer.parameters(0, "hmac-sha256");
    let sign = format!("sign={}", world.signer.sign(&pairs));
    assert_eq!(is_there(&send(&sign, &encoded(&pairs))), [true; 3]);
}

/// Parameters with their signature in Alipay's style: `sign` makes it of those whose values are not empty, unless `is_all`.
fn alipay(signer: &Signer, key: &str, more: &[(&str, &str)], is_all: bool) -> String {
    let at = Zone::default().shown(Timestamp::from_seconds(i64::try_from(now()).unwrap()));
    let mut pairs = vec![("app_id", key), ("sign_type", "RSA2"), ("timestamp", at.as_str())];
    pairs.extend(more);
    pairs.sort_unstable();
    let signed = pairs.iter().filter(|(_, value)| is_all || !value.is_empty());
    let text: Vec<String> = signed.map(|(name, value)| format!("{name}={value}")).collect();
    let sign = STANDARD.encode(signer.sign_text(&text.join("&")));
    let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    encoded(&pairs.chain([("sign".to_owned(), sign)]).collect::<Vec<_>>())
}

/// A gateway with a route of Alipay's style, and a key for it.
struct Alipay {
    dev: Dev,
    received: Receiver<String>,
    signer: Signer,
    key: String,
}

impl Alipay {
    /// With `more` said of the route's access.
    fn start(more: &str) -> Self {
        let (address, received) = upstream();
        let dev = Dev::with_policies(|policies| {
            with_router(policies, "alipay", &address);
            change(policies, "catalog", "    signature: alipay\n", |style| format!("{more}{style}"));
        });
        let signer = Signer::new("RS256", "one");
        let mut jwk = signer.jwk();
        jwk.as_object_mut().unwrap().remove("kid");
        let app = dev.told("/other_app/client_id");
        let body = json!({"app": app, "style": "alipay", "public_key": jwk.to_string()});
        let made = dev.admin("POST", "/admin/signature-keys", &body.to_string());
        assert_eq!(made.status, 201, "{}", made.text());
        let key = made.json()["id"].as_str().unwrap().to_owned();
        Self { dev, received, signer, key }
    }

    fn signed(&self, more: &[(&str, &str)], is_all: bool) -> String {
        alipay(&self.signer, &self.key, more, is_all)
    }

    fn send(&self, query: &str, fields: &[(&str, &str)], form: &str) -> Answer {
        http::request(self.dev.base(), "POST", &format!("{ROUTER}?{query}"), fields, form)
    }

    /// The next request that the upstream got.
    fn seen(&self) -> String {
        self.received.recv_timeout(Duration::from_secs(30)).unwrap()
    }
}

#[test]
fn what_a_signature_of_alipays_style_leaves_out_does_not_go_on() {
    let world = Alipay::start("");
    let send = |query: &str, form: &str| world.send(query, &[FORM], form);
    let without_sign = |query: &str| query.rsplit_once("&sign=").unwrap().0.to_owned();
    // A body that is JSON is one parameter without a value, and who passes the call on can add it.
    let signed = world.signed(&[("n", "1")], false);
    let answer = send(&signed, r#"{"total_amount":"0.01"}"#);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let told = world.seen();
    assert!(told.ends_with("\r\n\r\n") && !told.contains("total_amount"), "{told}");
    assert!(told.starts_with(&format!("POST {ROUTER}?{} HTTP/1.1\r\n", without_sign(&signed))), "{told}");
    // So is what was there before, in either place.
    let signed = world.signed(&[("n", "2"), ("return_url", "")], false);
    assert!(signed.contains("&return_url=&"));
    assert_eq!(send(&signed, "a&n2=&b=").status, 200);
    let told = world.seen();
    assert!(told.ends_with("\r\n\r\n") && !told.contains("return_url"), "{told}");
    // Who signs what is empty has it go on, and nothing added to it.
    let signed = || world.signed(&[("n", "3"), ("return_url", "")], true);
    refused(&send(&signed(), "a="), "signature_mismatch");
    assert_eq!(send(&signed(), "").status, 200);
    assert!(world.seen().contains("&return_url=&"));
    // A name is not two.
    let answer = send(&world.signed(&[("n=4&a", "1")], false), "");
    refused(&answer, "signature_malformed");
}

#[test]
fn a_condition_sees_no_parameter_that_the_upstream_does_not_get() {
    let world = Alipay::start("      condition: request.query.kind != 'full'\n");
    let added = |signed: String| format!("{signed}&kind=");
    for (query, is_met) in [
        (world.signed(&[("kind", "summary")], false), true),
        (world.signed(&[("kind", "full")], false), false),
        (world.signed(&[("n", "1")], false), false),
        (added(world.signed(&[("n", "2")], false)), false),
    ] {
        let answer = world.send(&query, &[], "");
        match is_met {
            true => assert_eq!(answer.status, 200, "{query}: {}", answer.text()),
            false => assert_eq!(answer.code(), "condition_unmet", "{query}"),
        }
    }
}
