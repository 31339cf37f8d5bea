//! Upstreams that ask for an access token: one is had ahead of time by client credentials, and never more than need be.

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};

use crate::support::dev::{Dev, wait_for};
use crate::support::http::Connection;
use crate::support::server::{Server, answer};
use crate::support::tls::{Authority, BOTH_VERSIONS};
use crate::support::tokens::{SECRET, State, Tokens, ask, section};

/// An upstream that takes a good token alone.
fn strict(tokens: &Tokens) -> Server {
    let state = tokens.state.clone();
    Server::start(move |asked, to| match state.good(asked) {
        Some(number) => answer(to, 200, &format!("[{number}]")),
        None => refuse(to),
    })
}

/// As RFC 6750 has it.
fn refuse(to: &mut dyn Write) {
    let head = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer error=\"invalid_token\"\r\nContent-Length: 2\r\n\r\n";
    let _ = to.write_all(format!("{head}{{}}").as_bytes());
}

/// A file with the secret.
fn secret() -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "{SECRET}").unwrap();
    file
}

/// Asserts that nothing secret stands in what the gateway tells.
#[track_caller]
fn assert_silent(dev: &Dev) {
    let page = crate::support::http::request(dev.told("/admin_url"), "GET", "/metrics", &[], "").text();
    for text in [dev.log(), page] {
        assert!(!text.contains(SECRET) && !text.contains("upstream-token-"), "{text}");
    }
}

#[test]
fn a_hundred_first_calls_wait_for_one_token_and_no_callers_credential_goes_on() {
    let tokens = Tokens::start(3600);
    tokens.state.open(false);
    let seen = Arc::<Mutex<Vec<_>>>::default();
    let (state, heads) = (tokens.state.clone(), seen.clone());
    let upstream = Server::start(move |asked, to| {
        heads.lock().unwrap().push(asked.clone());
        let number = state.good(asked).unwrap_or_default();
        answer(to, 200, &format!("[{number}]"));
    });
    let secret = secret();
    let dev = Dev::with_policies(|policies| {
        ask(policies, "catalog", &upstream.address, &tokens.section(secret.path()));
    });
    let address = dev.base().strip_prefix("http://").unwrap();
    let (key, barrier) = (dev.told("/app/api_key"), Barrier::new(101));
    std::thread::scope(|scope| {
        for number in 0..100 {
            let barrier = &barrier;
            scope.spawn(move || {
                let mut connection = Connection::open(address);
                let credential = match number % 2 {
                    0 => format!("X-Api-Key: {key}"),
                    _ => format!("Authorization: Bearer {key}"),
                };
                let request = format!("GET /api/products HTTP/1.1\r\nHost: a\r\n{credential}\r\n\r\n");
                connection.send(request.as_bytes());
                barrier.wait();
                let answer = connection.receive().unwrap();
                assert_eq!((answer.status, answer.text().as_str()), (200, "[1]"));
            });
        }
        barrier.wait();
        tokens.state.open(true);
    });
    assert_eq!((tokens.server.calls(), tokens.state.issued()), (1, 1));
    for asked in seen.lock().unwrap().iter() {
        assert_eq!(asked.header("authorization"), Some("Bearer upstream-token-1"));
        assert_eq!(asked.headers.iter().filter(|(name, _)| name == "authorization").count(), 1);
        assert!(!format!("{asked:?}").contains(key), "{asked:?}");
    }
    // Another upstream has none of it.
    assert_eq!(dev.figure("tollgate_upstream_token_held{upstream=\"catalog\"}"), 1);
    assert_eq!(dev.figure("tollgate_upstream_token_requests_total{upstream=\"catalog\"}"), 1);
    assert_silent(&dev);
}

#[test]
fn a_token_is_replaced_before_it_ends_and_no_call_notices() {
    let tokens = Tokens::start(2);
    let upstream = strict(&tokens);
    let secret = secret();
    let dev = Dev::with_policies(|policies| {
        ask(policies, "catalog", &upstream.address, &tokens.section(secret.path()));
    });
    let mut connection = Connection::open(dev.base().strip_prefix("http://").unwrap());
    wait_for("four tokens, one after the other", || {
        let answer = connection.exchange("GET /api/products HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.text().trim_matches(['[', ']']).parse::<usize>().unwrap() >= 4
    });
    assert_eq!(dev.figure("tollgate_upstream_token_failures_total{upstream=\"catalog\"}"), 0);
}

#[test]
fn another_secret_begins_with_another_token_and_what_is_the_same_keeps_its_own() {
    let (tokens, others) = (Tokens::start(3600), Tokens::start(3600));
    let (upstream, other) = (strict(&tokens), strict(&others));
    let (secret, same) = (secret(), secret());
    let dev = Dev::with_policies(|policies| {
        ask(policies, "catalog", &upstream.address, &tokens.section(secret.path()));
        ask(policies, "logistics", &other.address, &others.section(same.path()));
    });
    assert_eq!(dev.get("/api/products", &[]).text(), "[1]");
    wait_for("the other's token", || others.state.issued() == 1);
    tokens.state.rotate("the-next-secret");
    std::fs::write(secret.path(), "the-next-secret\n").unwrap();
    assert_eq!(dev.admin("POST", "/admin/policy/reload", "").status, 200);
    assert_eq!(dev.get("/api/products", &[]).text(), "[2]");
    // A change elsewhere changes no token.
    let file = dev.policies().join("upstreams.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{text}# a remark\n")).unwrap();
    assert_eq!(dev.admin("POST", "/admin/policy/reload", "").status, 200);
    assert_eq!(dev.get("/api/products", &[]).text(), "[2]");
    assert_eq!((tokens.server.calls(), others.server.calls()), (2, 1));
    assert!(!dev.log().contains("the-next-secret"), "{}", dev.log());
    assert_silent(&dev);
}

#[test]
fn without_a_token_calls_are_refused_by_the_upstreams_name_and_nothing_secret_is_told() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let secret = secret();
    let huge = format!("{{\"access_token\":\"{}\",\"token_type\":\"bearer\"}}", "x".repeat(300_000));
    let bodies: Vec<(u16, String, &str)> = vec![
        (200, "this is not JSON".to_owned(), "not the JSON of RFC 6749"),
        (200, huge, "longer than"),
        (200, r#"{"token_type":"bearer"}"#.to_owned(), "not the JSON of RFC 6749"),
        (200, r#"{"access_token":"upstream-token-x","token_type":"DPoP"}"#.to_owned(), "not Bearer"),
        (
            200,
            r#"{"access_token":"upstream-token-x\r\nX: y","token_type":"bearer"}"#.to_owned(),
            "cannot be sent",
        ),
        (
            200,
            r#"{"access_token":"upstream-token-x","token_type":"bearer","expires_in":0}"#.to_owned(),
            "expired",
        ),
        (400, format!(r#"{{"error":"invalid_scope","error_description":"{SECRET}"}}"#), "invalid_scope"),
        (400, format!(r#"{{"error":"your secret is {SECRET}"}}"#), "malformed code"),
        (302, String::new(), "another status"),
    ];
    let servers: Vec<(String, &str)> = bodies
        .into_iter()
        .map(|(status, body, told)| (Server::start(move |_, to| answer(to, status, &body)).address, told))
        .chain([(closed, "cannot be reached")])
        .collect();
    for cases in servers.chunks(4) {
        let names = ["catalog", "order", "logistics", "payment"];
        let dev = Dev::with_policies(|policies| {
            for ((address, _), name) in cases.iter().zip(names) {
                ask(
                    policies,
                    name,
                    "127.0.0.1:1",
                    &section(&format!("http://{address}/token"), secret.path()),
                );
            }
        });
        let bearer = dev.bearer(0);
        let paths = ["/api/products", "/api/orders", "/api/logistics/orders/1", "/api/payments/1"];
        for (((_, told), name), path) in cases.iter().zip(names).zip(paths) {
            let answer = dev.get(path, &[("Authorization", &bearer)]);
            assert_eq!((answer.status, answer.code().as_str()), (503, "upstream_token_missing"), "{told}");
            assert_eq!(answer.header("retry-after"), Some("1"));
            assert!(answer.text().contains(&format!("upstream {name}")), "{}", answer.text());
            assert!(!answer.text().contains("127.0.0.1"), "{}", answer.text());
            wait_for(told, || dev.log().contains(told));
            let label = format!("{{upstream=\"{name}\"}}");
            assert_eq!(dev.figure(&format!("tollgate_upstream_token_held{label}")), 0);
            assert!(dev.figure(&format!("tollgate_upstream_token_failures_total{label}")) >= 1);
        }
        assert_silent(&dev);
    }
}

#[test]
fn a_slow_token_server_holds_a_call_for_a_bounded_time() {
    let tokens = Tokens::start(3600);
    tokens.state.open(false);
    let upstream = strict(&tokens);
    let secret = secret();
    let dev = Dev::with_policies(|policies| {
        ask(policies, "catalog", &upstream.address, &tokens.section(secret.path()));
        let file = policies.join("routes/catalog.yaml");
        let text = std::fs::read_to_string(&file).unwrap();
        let with_time = text.replace("rewrite: /products\n", "rewrite: /products\n    timeout: 200ms\n");
        std::fs::write(&file, with_time).unwrap();
    });
    let refused = dev.get("/api/products", &[]);
    assert_eq!((refused.status, refused.code().as_str()), (503, "upstream_token_missing"));
    tokens.state.open(true);
    wait_for("a token", || dev.get("/api/products", &[]).status == 200);
}

#[test]
fn an_outage_of_the_token_server_is_over_by_itself_and_a_token_is_used_to_its_end() {
    let tokens = Tokens::start(3600);
    let least = Arc::new(AtomicUsize::new(1));
    let upstream = from_number(&tokens, &least);
    let secret = secret();
    tokens.state.rotate("not yet in place");
    let dev = Dev::with_policies(|policies| {
        ask(policies, "catalog", &upstream.address, &tokens.section(secret.path()));
    });
    assert_eq!(dev.get("/api/products", &[]).code(), "upstream_token_missing");
    tokens.state.rotate(SECRET);
    wait_for("a token", || dev.get("/api/products", &[]).status == 200);
    wait_for("the log", || dev.log().contains("there is an access token again"));
    let failures = || dev.figure("tollgate_upstream_token_failures_total{upstream=\"catalog\"}");
    let before = failures();
    tokens.state.rotate("no longer in place");
    least.store(99, Ordering::SeqCst);
    assert_eq!(dev.get("/api/products", &[]).code(), "upstream_token_refused");
    assert_eq!(failures(), before + 1);
    least.store(1, Ordering::SeqCst);
    assert_eq!(dev.get("/api/products", &[]).text(), "[1]");
}

/// An upstream that takes the tokens from a number on.
fn from_number(tokens: &Tokens, least: &Arc<AtomicUsize>) -> Server {
    let (state, least) = (tokens.state.clone(), least.clone());
    Server::start(move |asked, to| match state.good(asked) {
        Some(number) if number >= least.load(Ordering::SeqCst) => answer(to, 200, &format!("[{number}]")),
        _ => refuse(to),
    })
}

#[test]
fn a_refused_token_is_replaced_once_for_all_and_a_safe_call_is_sent_again() {
    let tokens = Tokens::start(3600);
    let least = Arc::new(AtomicUsize::new(1));
    let upstream = from_number(&tokens, &least);
    let secret = secret();
    let dev = Dev::with_policies(|policies| {
        ask(policies, "catalog", &upstream.address, &tokens.section(secret.path()));
    });
    assert_eq!(dev.get("/api/products", &[]).text(), "[1]");
    // The upstream was restarted, say, and no longer knows what it gave.
    least.store(2, Ordering::SeqCst);
    std::thread::scope(|scope| {
        for _ in 0..50 {
            scope.spawn(|| {
                let answer = dev.get("/api/products", &[]);
                assert_eq!((answer.status, answer.text().as_str()), (200, "[2]"));
            });
        }
    });
    assert_eq!(tokens.server.calls(), 2);
    // Refused again so soon, it is not replaced again, and there is no storm. Nothing tells the caller to mend its own.
    least.store(3, Ordering::SeqCst);
    for _ in 0..20 {
        let answer = dev.get("/api/products", &[]);
        assert_eq!((answer.status, answer.code().as_str()), (502, "upstream_token_refused"));
        assert_eq!(answer.header("www-authenticate"), None);
    }
    assert_eq!(tokens.server.calls(), 2);
}

#[test]
fn a_call_that_changes_something_is_not_sent_again() {
    let tokens = Tokens::start(3600);
    let least = Arc::new(AtomicUsize::new(2));
    let upstream = from_number(&tokens, &least);
    let secret = secret();
    let dev = Dev::with_policies(|policies| {
        ask(policies, "order", &upstream.address, &tokens.section(secret.path()));
    });
    let bearer = dev.bearer(0);
    let refused = dev.order(&bearer, "p-1001").unwrap();
    assert_eq!((refused.status, refused.code().as_str()), (502, "upstream_token_refused"));
    assert_eq!(upstream.calls(), 1);
    wait_for("another token", || tokens.state.issued() == 2);
    wait_for("the call with it", || dev.order(&bearer, "p-1001").unwrap().status == 200);
}

#[test]
fn a_token_server_is_believed_by_its_certificate_alone() {
    let authority = Authority::of(&["localhost"]);
    let state = State::new(3600);
    let known = state.clone();
    let server =
        Server::with_tls(authority.server_config(&BOTH_VERSIONS), move |asked, to| known.answer(asked, to));
    let upstream = Server::start(|_, to| answer(to, 200, "[]"));
    let secret = secret();
    let token_url = format!("https://{}/token", server.address);
    let change = |policies: &std::path::Path| {
        ask(policies, "catalog", &upstream.address, &section(&token_url, secret.path()));
    };
    let dev = Dev::with_policies(change);
    assert_eq!(dev.get("/api/products", &[]).code(), "upstream_token_missing");
    assert_eq!(state.issued(), 0);
    drop(dev);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), authority.pem()).unwrap();
    let dev = Dev::with_options(&["--authorities", file.path().to_str().unwrap()], change);
    assert_eq!(dev.get("/api/products", &[]).status, 200);
    assert_eq!(state.issued(), 1);
    assert_eq!(state.asked()[0].header("host"), Some(server.address.as_str()));
}
