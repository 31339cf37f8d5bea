//! What an upstream may answer, and what of it reaches the caller.

use std::io::{Read, Write};
use std::sync::Arc;

use crate::support::dev::{Dev, wait_for};
use crate::support::http::{Answer, Connection};
use crate::support::origin::{Origin, point};

fn in_front_of(origin: &Origin) -> (Dev, String) {
    let dev = Dev::with_policies(|policies| point(policies, "catalog", &origin.address));
    let address = dev.base().strip_prefix("http://").unwrap().to_owned();
    (dev, address)
}

/// What a caller gets of an upstream that answers with `bytes` and closes, piece by piece.
fn relayed(pieces: &'static [&'static str]) -> Option<Answer> {
    let origin = Origin::start(move |stream, _| {
        for piece in pieces {
            let _ = stream.write_all(piece.as_bytes());
            let _ = stream.flush();
        }
        let _ = stream.shutdown(std::net::Shutdown::Both);
    });
    let (_dev, address) = in_front_of(&origin);
    Connection::open(&address).try_exchange("GET /api/products HTTP/1.1\r\nHost: a\r\n\r\n")
}

#[test]
fn an_answer_is_the_same_however_it_is_framed_and_cut() {
    for (pieces, body) in [
        (&["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"][..], "hello"),
        (&["HTTP/1.1 200 OK\r\nContent-", "Length: 5\r\nX: y\r", "\n\r\nhe", "llo"], "hello"),
        (
            &[
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3",
                ";x=y\r\nllo\r\n0\r\n\r\n",
            ],
            "hello",
        ),
        (
            &["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n"],
            "hello",
        ),
        (&["HTTP/1.1 200 OK\r\n\r\nhel", "lo"], "hello"),
        (&["HTTP/1.0 200 OK\r\n\r\nhello"], "hello"),
        (
            &[
                "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            ],
            "hello",
        ),
        (&["HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"], ""),
    ] {
        let answer = relayed(pieces).unwrap_or_else(|| panic!("nothing of {pieces:?}"));
        assert_eq!((answer.status, answer.text().as_str()), (200, body), "{pieces:?}");
    }
}

#[test]
fn an_answer_whose_end_is_uncertain_is_refused() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: \u{1}\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5",
        "HTTP/2.0 200 OK\r\n\r\n",
        "",
    ] {
        let origin = Origin::start(move |stream, _| {
            let _ = stream.write_all(answer.as_bytes());
            let _ = stream.shutdown(std::net::Shutdown::Both);
        });
        let (dev, _) = in_front_of(&origin);
        let told = dev.get("/api/products", &[]);
        assert_eq!(
            (told.status, told.code().as_str()),
            (502, "upstream_broken"),
            "{answer:?}: {}",
            told.text()
        );
    }
}

#[test]
fn a_head_without_end_is_given_up() {
    let origin = Origin::start(|stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
        while stream.write_all(b"X-More: and more and more and more and more\r\n").is_ok() {}
    });
    let (dev, _) = in_front_of(&origin);
    assert_eq!(dev.get("/api/products", &[]).code(), "upstream_broken");
}

#[test]
fn a_body_that_breaks_its_framing_never_looks_whole() {
    for pieces in [
        &["HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"][..],
        &["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"],
        &["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello!!\r\n0\r\n\r\n"],
        &["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n"],
    ] {
        assert!(relayed(pieces).is_none(), "{pieces:?}");
    }
}

#[test]
fn connections_are_used_again_only_after_an_answer_that_leaves_them_clean() {
    for (answer, is_kept) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", true),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n", true),
        ("HTTP/1.1 204 No Content\r\n\r\n", true),
        ("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n[]", false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n[]", false),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n",
            false,
        ),
    ] {
        let peers = Arc::new(std::sync::Mutex::new(std::collections::HashSet::new()));
        let seen = peers.clone();
        let origin = Origin::start(move |stream, _| {
            seen.lock().unwrap().insert(stream.peer_addr().unwrap());
            let _ = stream.write_all(answer.as_bytes());
        });
        let (_dev, address) = in_front_of(&origin);
        let mut connection = Connection::open(&address);
        for _ in 0..3 {
            let told = connection.exchange("GET /api/products HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
            assert!(told.status == 200 || told.status == 204, "{answer:?}: {}", told.text());
        }
        assert_eq!(peers.lock().unwrap().len(), if is_kept { 1 } else { 3 }, "{answer:?}");
    }
}

#[test]
fn an_upstream_that_answers_early_and_reads_no_further_is_heard() {
    let origin = Origin::start(|stream, _| {
        let _ = stream
            .write_all(b"HTTP/1.1 413 Too Large\r\nContent-Length: 9\r\nConnection: close\r\n\r\ntoo large");
        let _ = stream.shutdown(std::net::Shutdown::Write);
        // What is still under way is read, so that no reset takes the answer away.
        let _ = stream.read(&mut [0; 1024]);
    });
    let (dev, address) = in_front_of(&origin);
    let key = dev.told("/other_app/api_key");
    let mut connection = Connection::open(&address);
    connection.send(
        format!("PUT /api/products/p-1001 HTTP/1.1\r\nHost: a\r\nX-Api-Key: {key}\r\nContent-Length: 60000\r\n\r\n")
            .as_bytes(),
    );
    connection.send(&[b'x'; 1000]);
    let answer = connection.receive().unwrap();
    assert_eq!((answer.status, answer.text().as_str()), (413, "too large"));
}

#[test]
fn a_large_answer_and_a_large_body_cross_whole() {
    let origin = Origin::start(move |stream, head| {
        if head.starts_with("GET") {
            let body: Vec<u8> = (0..3_000_000_u32).map(|at| (at % 251) as u8).collect();
            let _ = stream
                .write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes());
            let _ = stream.write_all(&body);
            return;
        }
        // The first bytes came with the head.
        let mut body = Vec::new();
        let mut chunk = [0; 4096];
        while body.last() != Some(&b'.') {
            let read = stream.read(&mut chunk).unwrap();
            assert!(read > 0);
            body.extend_from_slice(&chunk[..read]);
        }
        assert!(body.len() > 50_000 && body[..body.len() - 1].iter().all(|byte| *byte == b'x'));
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    });
    let (dev, address) = in_front_of(&origin);
    let mut connection = Connection::open(&address);
    let answer = connection.exchange("GET /api/products HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert!(answer.body.iter().zip(0_u32..).all(|(byte, at)| u32::from(*byte) == at % 251));
    assert_eq!(answer.body.len(), 3_000_000);
    let key = dev.told("/other_app/api_key");
    let head = format!(
        "PUT /api/products/p-1001 HTTP/1.1\r\nHost: a\r\nX-Api-Key: {key}\r\nContent-Length: 60001\r\n\r\n"
    );
    assert_eq!(connection.exchange(&(head + &"x".repeat(60_000) + ".")).unwrap().text(), "ok");
}

#[test]
fn an_upload_that_is_answered_before_its_end_goes_on_to_its_end() {
    let received = Arc::new(std::sync::Mutex::new(Vec::new()));
    let kept = received.clone();
    let origin = Origin::start(move |stream, head| {
        if head.starts_with("GET") {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]");
            return;
        }
        let _ = stream.write_all(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n");
        let mut chunk = [0; 4096];
        while kept.lock().unwrap().last() != Some(&b'.') {
            let read = stream.read(&mut chunk).unwrap();
            assert!(read > 0, "the upload was cut off");
            kept.lock().unwrap().extend_from_slice(&chunk[..read]);
        }
    });
    let (dev, address) = in_front_of(&origin);
    let key = dev.told("/other_app/api_key");
    let mut connection = Connection::open(&address);
    connection.send(
        format!("PUT /api/products/p-1001 HTTP/1.1\r\nHost: a\r\nX-Api-Key: {key}\r\nContent-Length: 40001\r\n\r\n")
            .as_bytes(),
    );
    assert_eq!(connection.receive().unwrap().status, 202);
    connection.send(&[b'x'; 40_000]);
    connection.send(b".");
    wait_for("the rest of the upload", || received.lock().unwrap().ends_with(b"."));
    assert_eq!(connection.exchange("GET /api/products HTTP/1.1\r\nHost: a\r\n\r\n").unwrap().text(), "[]");
}

#[test]
fn an_upstreams_page_runs_no_script_on_the_host_where_merchants_log_in() {
    let origin = Origin::start(|stream, _| {
        let page = "<script>fetch('/oauth/apps')</script>";
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Security-Policy: default-src *\r\n\
             Content-Length: {}\r\n\r\n{page}",
            page.len()
        );
        let _ = stream.write_all(head.as_bytes());
    });
    let (dev, address) = in_front_of(&origin);
    let policies = |host: &str, credential: &str| -> Vec<String> {
        let request = format!("GET /api/products HTTP/1.1\r\nHost: {host}\r\n{credential}\r\n");
        let answer = Connection::open(&address).try_exchange(&request).unwrap();
        assert_eq!(answer.status, 200);
        let fields = answer.headers.into_iter();
        fields.filter(|(name, _)| name == "content-security-policy").map(|(_, value)| value).collect()
    };
    assert_eq!(policies(&address, ""), ["default-src *", "sandbox"]);
    assert_eq!(
        policies("127.0.0.1:1", ""),
        ["default-src *", "sandbox"],
        "cookies are of a host, whatever its port"
    );
    let key = format!("X-Api-Key: {}\r\n", dev.told("/app/api_key"));
    assert_eq!(policies(&address, &key), ["default-src *", "sandbox"], "a cache may keep it for others");
    assert_eq!(policies("shop.example", ""), ["default-src *"], "no merchant logs in there");
}
