//! What of a request's and an answer's fields crosses the gateway.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

use super::*;

fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(*name, HeaderValue::from_static(value));
    }
    headers
}

fn connection() -> ConnectionFields {
    let address = HeaderValue::from_static("192.0.2.1");
    ConnectionFields {
        forwarded_for: address,
        forwarded_proto: HeaderValue::from_static("http"),
        door: Door::Front,
    }
}

/// The lines that an upstream is sent of what a caller sent, but for those that it is always told.
fn written(sent: &HeaderMap, version: Version) -> Vec<String> {
    written_to(sent, version, ("x-set", false))
}

/// The same where the route sets that field, and if `is_all`, all that callers send gives way to what may.
fn written_to(sent: &HeaderMap, version: Version, (set, is_all): (&'static str, bool)) -> Vec<String> {
    let connection = connection();
    let told = Told {
        authority: "a.example",
        connection: &connection,
        request_id: &HeaderValue::from_static("id"),
        traceparent: b"trace",
        identity: None,
        set: &[(HeaderName::from_static(set), HeaderValue::from_static("1"))],
        is_answer_read: is_all,
        is_unconditional: is_all,
        is_masked: is_all,
        is_signed: is_all,
        is_body_cut: is_all,
    };
    let mut head = RequestHead::begin(&http::Method::GET, ["/"]).unwrap();
    write_request(&mut head, sent, version, &told);
    let text = head.text();
    let (first, rest) = text.split_once("\r\n").unwrap();
    assert_eq!(first, "GET / HTTP/1.1");
    let always = "x-forwarded-for: 192.0.2.1\r\nx-forwarded-proto: http\r\nx-forwarded-host: a.example\r\n\
        x-request-id: id\r\ntraceparent: trace\r\nx-set: 1\r\n";
    let own = rest.strip_prefix("host: a.example\r\n").unwrap().replace(always, "");
    own.lines().map(str::to_owned).collect()
}

#[test]
fn what_is_ours_or_between_two_hops_does_not_cross() {
    let sent = headers(&[
        ("host", "b.example"),
        ("x-set", "forged"),
        ("x_set", "forged"),
        ("accept", "*/*"),
        ("connection", "close, X-Secret"),
        ("x-secret", "1"),
        ("x-tollgate-app", "forged"),
        ("x_tollgate_app", "forged"),
        ("x-tollgate_merchant", "forged"),
        ("x-forwarded-for", "1.2.3.4"),
        ("x-real-ip", "1.2.3.4"),
        ("authorization", "Bearer t"),
        ("x-api-key", "tg_live_x"),
        ("dpop", "a.b.c"),
        ("upgrade", "h2c"),
        ("http2-settings", "AAMAAABk"),
        ("te", "trailers"),
        ("traceparent", "00-0-0-0"),
        ("content-length", "5"),
        ("x-custom", "kept"),
    ]);
    assert_eq!(written(&sent, Version::HTTP_11), ["accept: */*", "x-custom: kept"]);
}

/// Whatever may stand in a name and is neither letter nor digit, and nothing at all.
const BETWEEN: [&str; 17] =
    ["", "-", "_", ".", "+", "!", "#", "$", "%", "&", "'", "*", "^", "`", "|", "~", "--"];

#[test]
fn no_name_that_some_upstream_takes_for_one_of_ours_crosses() {
    let names = [
        ["x", "tollgate", "merchant"],
        ["x", "tollgate", "app"],
        ["x", "forwarded", "for"],
        ["x", "forwarded", "proto"],
        ["x", "real", "ip"],
        ["x", "request", "id"],
        ["x", "api", "key"],
        ["x", "http", "method"],
        ["x", "http", "method-override"],
        ["x", "method", "override"],
        ["x", "original", "url"],
        ["x", "rewrite", "url"],
        ["x", "client", "cert"],
        ["x", "ssl", "client-verify"],
    ];
    for (name, one) in names.iter().flat_map(|name| BETWEEN.map(|one| (name, one))) {
        for other in BETWEEN {
            let [first, second, third] = name;
            let name = format!("{first}{one}{second}{other}{third}");
            let mut sent = HeaderMap::new();
            sent.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_static("forged"));
            assert_eq!(written(&sent, Version::HTTP_11), [""; 0], "{name}");
            set_own(&mut sent, &connection(), &HeaderValue::from_static("id"));
            assert!(sent.values().all(|value| value != "forged"), "{name}");
        }
    }
    let others = [
        ("x-custom", "1"),
        ("x-method", "2"),
        ("x-original", "3"),
        ("tollgate-app", "4"),
        ("x_shop.id", "5"),
    ];
    let kept: Vec<String> = others.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    assert_eq!(written(&headers(&others), Version::HTTP_11), kept);
}

#[test]
fn no_name_that_some_upstream_takes_for_one_that_ends_here_crosses() {
    let names = [
        ["content", "length"],
        ["transfer", "encoding"],
        ["proxy", "authorization"],
        ["proxy", "connection"],
        ["keep", "alive"],
        ["http2", "settings"],
        ["client", "cert"],
        ["client", "cert-chain"],
        ["ssl", "client-s-dn"],
        ["", "upgrade"],
        ["te", ""],
    ];
    for (name, between) in names.iter().flat_map(|name| BETWEEN.map(|between| (name, between))) {
        let name = name.join(between);
        let mut sent = HeaderMap::new();
        sent.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_static("300"));
        assert_eq!(written(&sent, Version::HTTP_11), [""; 0], "{name}");
    }
    let others = [
        ("content-type", "1"),
        ("content_language", "2"),
        ("connection-id", "3"),
        ("client", "4"),
        ("hostname", "5"),
        ("proxy_user", "6"),
        ("ssl", "7"),
        ("text", "8"),
        ("upgrade-insecure-requests", "9"),
    ];
    let kept: Vec<String> = others.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    assert_eq!(written(&headers(&others), Version::HTTP_11), kept);
}

#[test]
fn what_an_upstream_is_told_stands_whatever_is_like_it() {
    let sent = headers(&[
        ("accept_encoding", "br"),
        ("if.range", "x"),
        ("x.set", "forged"),
        ("x_shop", "forged"),
        ("x-shop", "forged"),
        ("signature_input", "x"),
        ("a+im", "x"),
        ("if_none_match", "x"),
        ("content_digest", "x"),
        ("acceptance", "kept"),
    ]);
    let all = written(&sent, Version::HTTP_11);
    assert_eq!(all.len(), sent.len() - 1, "x.set alone is like what is set: {all:?}");
    let left = written_to(&sent, Version::HTTP_11, ("x-set", true)).join("\n");
    for (name, is_left) in [
        ("accept_encoding", false),
        ("if.range", false),
        ("signature_input", false),
        ("a+im", false),
        ("if_none_match", false),
        ("content_digest", false),
        ("x.set", false),
        ("acceptance", true),
        ("x_shop", true),
    ] {
        assert_eq!(left.contains(&format!("{name}: ")), is_left, "{name}: {left}");
    }
    let left = written_to(&sent, Version::HTTP_11, ("x_shop", false)).join("\n");
    assert!(left.contains("x_shop: 1") && !left.contains("shop: forged"), "{left}");
}

#[test]
fn the_gateways_own_cookies_never_reach_an_upstream() {
    for (sent, left) in [
        (&["tollgate=secret"][..], &[][..]),
        (&["a=1; tollgate=secret; b=2"], &["a=1; b=2"]),
        (&["__Host-tollgate=s;c=3", "tollgate-login=l", "d=4"], &["c=3", "d=4"]),
        (&["a=1;b=2", "tollgates=mine; x-tollgate=y"], &["a=1;b=2", "tollgates=mine; x-tollgate=y"]),
        (&[" tollgate = spaced "], &[]),
    ] {
        let mut fields = HeaderMap::new();
        for value in sent {
            fields.append(COOKIE, HeaderValue::from_static(value));
        }
        let left: Vec<String> = left.iter().map(|cookie| format!("cookie: {cookie}")).collect();
        assert_eq!(written(&fields, Version::HTTP_11), left, "{sent:?}");
    }
}

#[test]
fn no_upstream_sets_one_of_the_gateways_own_cookies() {
    let mut answer = headers(&[
        ("set-cookie", "basket=1; Path=/"),
        ("set-cookie", "tollgate=forged; Path=/"),
        ("set-cookie", "__Host-tollgate=forged; Secure; Path=/"),
        ("set-cookie", "=tollgate=forged"),
        ("set-cookie", " tollgate-login =forged"),
        ("set-cookie", "tollgate2=theirs"),
    ]);
    drop_own_set_cookies(&mut answer);
    let left: Vec<_> = answer.get_all(SET_COOKIE).iter().collect();
    assert_eq!(left, ["basket=1; Path=/", "tollgate2=theirs"]);
}

#[test]
fn cookie_crumbs_become_one_cookie() {
    let sent = headers(&[("cookie", "a=1"), ("cookie", "tollgate=secret"), ("cookie", "b=2")]);
    assert_eq!(written(&sent, Version::HTTP_2), ["cookie: a=1; b=2"]);
}
