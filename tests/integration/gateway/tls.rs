//! Partners by TLS: versions, protocols, certificates by host, and connections that do not go as they should.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::HandshakeKind;
use rustls::pki_types::ServerName;
use rustls::version::TLS13;
use tokio_rustls::TlsConnector;

use crate::support::dev::{Dev, wait_for};
use crate::support::http::Connection;
use crate::support::origin::{Origin, point};
use crate::support::tls::{Authority, BOTH_VERSIONS};

const HOST: &str = "shop.example";
const REQUEST: &str = "GET /api/products HTTP/1.1\r\nHost: shop.example\r\n\r\n";

fn open(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream
}

#[test]
fn both_versions_are_spoken_with_and_without_a_protocol_agreed_on() {
    let authority = Authority::of(&[HOST]);
    let origin = Origin::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]");
    let dev = Dev::with_tls(authority.folder(), |policies| point(policies, "catalog", &origin.address));
    for version in BOTH_VERSIONS {
        for alpn in [&[][..], &["http/1.1"], &["http/1.0"], &["spdy/3", "http/1.1"]] {
            let client = authority.client_of(&[version], alpn);
            let mut connection = client.connect(dev.tls_address(), HOST).unwrap();
            for _ in 0..2 {
                assert_eq!(connection.exchange(REQUEST).unwrap().status, 200, "{version:?} {alpn:?}");
                let seen = origin.received().unwrap().to_ascii_lowercase();
                assert!(seen.contains("x-forwarded-proto: https\r\n"), "{seen}");
            }
            let tls = &connection.stream().conn;
            assert_eq!(tls.protocol_version(), Some(version.version));
            assert_eq!(tls.alpn_protocol(), alpn.last().map(|name| name.as_bytes()));
        }
        let other = authority.client_of(&[version], &["spdy/3"]).connect(dev.tls_address(), HOST);
        assert!(other.err().unwrap().to_string().contains("NoApplicationProtocol"), "{version:?}");
    }
    let plain = dev.told("/plain_url").strip_prefix("http://").unwrap();
    assert_eq!(Connection::open(plain).exchange(REQUEST).unwrap().status, 200);
    let seen = origin.received().unwrap().to_ascii_lowercase();
    assert!(seen.contains("x-forwarded-proto: http\r\n"), "{seen}");
    assert_eq!(
        (dev.figure("tollgate_tls_handshakes_total"), dev.figure("tollgate_tls_handshakes_failed_total")),
        (8, 2)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn http_2_is_agreed_on_or_begun_unasked_and_its_streams_are_served_at_once() {
    let authority = Authority::of(&[HOST]);
    let dev = Dev::with_tls(authority.folder(), |_| {});
    for version in BOTH_VERSIONS {
        for alpn in [&["h2", "http/1.1"][..], &[]] {
            let connector = TlsConnector::from(Arc::new(authority.config(&[version], alpn)));
            let stream = tokio::net::TcpStream::connect(dev.tls_address()).await.unwrap();
            let stream = connector.connect(ServerName::try_from(HOST).unwrap(), stream).await.unwrap();
            assert_eq!(stream.get_ref().1.alpn_protocol(), alpn.first().map(|name| name.as_bytes()));
            let (sender, connection) =
                hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                    .await
                    .unwrap();
            tokio::spawn(connection);
            let answers = (0..20).map(|_| {
                let mut sender = sender.clone();
                tokio::spawn(async move {
                    let request = http::Request::get("https://shop.example/api/products/p-1001");
                    let answer =
                        sender.send_request(request.body(Full::<Bytes>::default()).unwrap()).await.unwrap();
                    (answer.status(), answer.into_body().collect().await.unwrap().to_bytes())
                })
            });
            for answer in answers.collect::<Vec<_>>() {
                let (status, body) = answer.await.unwrap();
                assert_eq!(status, 200, "{body:?}");
            }
        }
    }
}

#[test]
fn each_host_is_shown_its_own_certificate_and_a_stranger_the_default_one() {
    let authority = Authority::new();
    let a = authority.issue("first", &["a.example"]);
    let live = authority.folder().join("b.example");
    let b = authority.issue_as(
        &live.join("fullchain.pem"),
        &live.join("privkey.pem"),
        &["*.b.example", "b.example"],
    );
    let default = authority.issue("default", &["gateway.example", "127.0.0.1"]);
    let dev = Dev::with_tls(authority.folder(), |_| {});
    let client = authority.client();
    // An address is no host, so a client that has no other tells none.
    let hosts = [
        ("a.example", &a),
        ("A.Example", &a),
        ("b.example", &b),
        ("x.b.example", &b),
        ("127.0.0.1", &default),
    ];
    for (host, expected) in hosts {
        assert_eq!(client.shown(dev.tls_address(), host), *expected, "{host}");
    }
    for stranger in ["c.example", "x.y.b.example", "x.a.example"] {
        let refused = client.connect(dev.tls_address(), stranger).err().unwrap().to_string();
        assert!(refused.contains("gateway.example"), "{stranger}: {refused}");
    }
}

#[test]
fn a_client_that_comes_again_resumes_its_session_on_any_core() {
    let authority = Authority::of(&[HOST]);
    let dev = Dev::with_tls(authority.folder(), |_| {});
    for version in BOTH_VERSIONS {
        let client = authority.client_of(&[version], &[]);
        let mut kinds = Vec::new();
        for _ in 0..20 {
            let mut connection = client.connect(dev.tls_address(), HOST).unwrap();
            // A client of TLS 1.3 gets its tickets after the handshake.
            assert_eq!(connection.exchange(REQUEST).unwrap().status, 200);
            kinds.push(connection.stream().conn.handshake_kind().unwrap());
        }
        assert_eq!(kinds[0], HandshakeKind::Full, "{version:?}");
        assert!(kinds[1..].iter().all(|kind| *kind == HandshakeKind::Resumed), "{version:?}: {kinds:?}");
    }
    assert_eq!(dev.figure("tollgate_tls_handshakes_resumed_total"), 38);
}

#[test]
fn whoever_speaks_in_clear_text_or_anything_else_is_told_or_closed_and_hurts_nobody() {
    let authority = Authority::of(&[HOST]);
    let dev = Dev::with_tls(authority.folder(), |_| {});
    let mut connection = Connection::open(dev.tls_address());
    let answer = connection.exchange(REQUEST).unwrap();
    assert_eq!((answer.status, answer.code().as_str()), (400, "message_malformed"));
    assert!(answer.text().contains("https://"), "{}", answer.text());
    assert_eq!(connection.read_to_end().unwrap(), b"");
    // A record of a handshake in which no message of one stands.
    let mut garbage = open(dev.tls_address());
    garbage.write_all(&[22, 3, 1, 0, 4, 7, 0, 0, 0]).unwrap();
    let mut told = Vec::new();
    garbage.read_to_end(&mut told).unwrap();
    assert_eq!(told.first(), Some(&21), "an alert was expected: {told:?}");
    drop(open(dev.tls_address()));
    wait_for("both to be counted", || dev.figure("tollgate_tls_handshakes_failed_total") == 2);
    let mut connection = authority.client().connect(dev.tls_address(), HOST).unwrap();
    assert_eq!(connection.exchange(REQUEST).unwrap().status, 200);
}

#[test]
fn handshakes_that_take_too_long_are_cut() {
    let authority = Authority::of(&[HOST]);
    let dev = Dev::with_tls(authority.folder(), |_| {});
    let slow: Vec<TcpStream> = [&b""[..], &[22], &[22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]]
        .into_iter()
        .map(|beginning| {
            let mut stream = open(dev.tls_address());
            stream.write_all(beginning).unwrap();
            stream
        })
        .collect();
    for mut stream in slow {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, b"");
    }
    assert_eq!(dev.figure("tollgate_tls_handshakes_failed_total"), 3);
    wait_for("all to be gone", || dev.figure("tollgate_connections") == 0);
}

#[test]
fn an_answer_that_ends_a_connection_comes_whole_though_its_client_sends_on() {
    let authority = Authority::of(&[HOST]);
    let dev = Dev::with_tls(authority.folder(), |_| {});
    for version in BOTH_VERSIONS {
        let mut connection = authority.client_of(&[version], &[]).connect(dev.tls_address(), HOST).unwrap();
        let mut request = b"GET /api/products HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".to_vec();
        request.resize(1 << 20, b'x');
        connection.send(&request);
        let answer = connection.receive().unwrap();
        assert_eq!(answer.status, 400, "{version:?}: {}", answer.text());
        // By TLS an end is only one that is told, else it is an error.
        assert_eq!(connection.read_to_end().unwrap(), b"", "{version:?}");
    }
}

#[test]
fn a_big_answer_comes_whole_and_one_that_is_cut_off_never_looks_so() {
    let big = Arc::new(Vec::from_iter((0..3_000_000_u32).map(|number| (number % 251) as u8)));
    let sent = big.clone();
    let origin = Origin::start(move |stream, head| {
        let head_of =
            |length: usize| format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").into_bytes();
        let is_cut = head.starts_with("GET /products/cut ");
        let answer = if is_cut {
            [head_of(sent.len()), b"few".to_vec()]
        } else {
            [head_of(sent.len()), sent.to_vec()]
        };
        // The other end may have left.
        let _ = stream.write_all(&answer.concat());
        if is_cut {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    });
    let authority = Authority::of(&[HOST]);
    let dev = Dev::with_tls(authority.folder(), |policies| point(policies, "catalog", &origin.address));
    for version in BOTH_VERSIONS {
        let client = authority.client_of(&[version], &[]);
        let mut connection = client.connect(dev.tls_address(), HOST).unwrap();
        assert!(connection.exchange(REQUEST).unwrap().body == *big, "{version:?}");
        let cut = connection.exchange("GET /api/products/cut HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(cut.is_none(), "{version:?}");
        assert!(connection.read_to_end().is_err(), "{version:?}: the end was told as if it were one");
    }
}

#[test]
fn a_stop_lets_requests_and_handshakes_under_way_finish_and_tells_the_rest() {
    let (reached, go_on) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (tell, wait) = (reached.clone(), go_on.clone());
    let origin = Origin::start(move |stream, _| {
        tell.store(true, Ordering::SeqCst);
        wait_for("the stop", || wait.load(Ordering::SeqCst));
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]").unwrap();
    });
    let authority = Authority::of(&[HOST]);
    let mut dev = Dev::with_tls(authority.folder(), |policies| point(policies, "catalog", &origin.address));
    let address = dev.tls_address().to_owned();
    let client = authority.client();
    let mut idle = client.connect(&address, HOST).unwrap();
    assert_eq!(idle.exchange("GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n").unwrap().status, 404);
    let mut busy = client.connect(&address, HOST).unwrap();
    busy.send(REQUEST.as_bytes());
    wait_for("the upstream to be reached", || reached.load(Ordering::SeqCst));
    let (mut half, mut shaking) = half_a_handshake(&authority, &address);
    let answered = std::thread::spawn(move || (busy.receive(), busy.read_to_end()));
    let stopping = std::thread::spawn(move || (dev.terminate(), dev));
    wait_for("the listener to close", || TcpStream::connect(&address).is_err());
    assert_eq!(idle.read_to_end().unwrap(), b"", "a kept connection ends in order");
    shaking.complete_io(&mut half).unwrap();
    assert!(!shaking.is_handshaking(), "a handshake under way is finished");
    go_on.store(true, Ordering::SeqCst);
    let (answer, end) = answered.join().unwrap();
    assert_eq!((answer.unwrap().status, end.unwrap().len()), (200, 0));
    let (status, _dev) = stopping.join().unwrap();
    assert!(status.success(), "{status}");
}

/// A connection on which the first half of a client's first flight has been sent, and received.
fn half_a_handshake(authority: &Authority, address: &str) -> (TcpStream, rustls::ClientConnection) {
    let mut stream = open(address);
    let host = ServerName::try_from(HOST).unwrap();
    let mut tls = rustls::ClientConnection::new(Arc::new(authority.config(&[&TLS13], &[])), host).unwrap();
    let mut hello = Vec::new();
    tls.write_tls(&mut hello).unwrap();
    let (first, second) = hello.split_at(hello.len() / 2);
    stream.write_all(first).unwrap();
    // What was read is no longer in the kernel, so that a stop finds the handshake begun.
    wait_for("the first half to be read", || unread(&stream) == Some(0));
    stream.write_all(second).unwrap();
    (stream, tls)
}

/// How many bytes the other end of a connection has not read, as the kernel tells.
fn unread(stream: &TcpStream) -> Option<usize> {
    let [here, there] =
        [stream.local_addr(), stream.peer_addr()].map(|address| format!(":{:04X}", address.unwrap().port()));
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let line = table.lines().find(|line| {
        let mut fields = line.split_whitespace().skip(1);
        fields.next().is_some_and(|local| local.ends_with(&there))
            && fields.next().is_some_and(|peer| peer.ends_with(&here))
    })?;
    usize::from_str_radix(line.split_whitespace().nth(4)?.split_once(':')?.1, 16).ok()
}

#[test]
fn curl_and_python_are_served_by_tls_as_by_clear_text() {
    let authority = Authority::of(&[HOST, "127.0.0.1"]);
    let dev = Dev::with_tls(authority.folder(), |_| {});
    let roots = dev.data().join("authority.pem");
    std::fs::write(&roots, authority.pem()).unwrap();
    let port = dev.tls_address().rsplit_once(':').unwrap().1;
    for (protocol, version) in
        [("--http2", "2"), ("--http1.1", "1.1"), ("--http1.0", "1"), ("--no-alpn", "1.1")]
    {
        let done = Command::new("curl")
            .args(["-sS", protocol, "-o", "/dev/null", "-w", "%{http_code} %{http_version}", "--cacert"])
            .arg(&roots)
            .args([
                "--resolve",
                &format!("{HOST}:{port}:127.0.0.1"),
                &format!("https://{HOST}:{port}/api/products"),
            ])
            .output()
            .unwrap();
        let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        assert_eq!(out, format!("200 {version}"), "{protocol}: {err}");
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/outside/partner.py");
    let mut python = Command::new("python3");
    let run = python.arg(script).arg(dev.ready_file()).env("REQUESTS_CA_BUNDLE", &roots).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
}
