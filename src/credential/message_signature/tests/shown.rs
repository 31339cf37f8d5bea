//! What of a signature base is shown.

use super::*;

fn shown(request: &Request, components: &str) -> String {
    let input = format!(r#"({components});created=1;keyid="k";nonce="n""#);
    let request = request.clone().signed(&input, "AAAA");
    let signature = MessageSignature::read(&request.headers).unwrap();
    signature.shown_base(&request.message()).unwrap().into()
}

#[test]
fn what_describes_a_request_is_shown_as_it_was_to_be_signed() {
    let components =
        r#""@method" "@target-uri" "@query-param";name="Pet" "content-digest" "content-type" "date""#;
    let request = Request::of_the_rfc();
    let base =
        request.clone().signed(&format!(r#"({components});created=1;keyid="k";nonce="n""#), "AAAA").base();
    assert_eq!(shown(&request, components), base.unwrap());
}

#[test]
fn of_what_may_be_somebodys_secret_the_length_is_shown() {
    let request = Request::of_the_rfc()
        .with("authorization", "Basic c2VjcmV0")
        .with("cookie", "session=c2VjcmV0")
        .with("x-origin-verify", "c2VjcmV0")
        .with("x-tokens", "a=c2VjcmV0, b=1");
    let components = r#""authorization" "cookie";bs "x-origin-verify" "x-tokens";key="a""#;
    let base = shown(&request, components);
    assert!(!base.contains("c2VjcmV0") && !base.contains(&STANDARD.encode("session=c2VjcmV0")), "{base}");
    assert_eq!(
        base.lines().take(4).collect::<Vec<_>>(),
        [
            r#""authorization": (14 bytes, not shown)"#,
            r#""cookie";bs: (26 bytes, not shown)"#,
            r#""x-origin-verify": (8 bytes, not shown)"#,
            r#""x-tokens";key="a": (8 bytes, not shown)"#,
        ]
    );
    assert!(
        base.ends_with(&format!("\"@signature-params\": ({components});created=1;keyid=\"k\";nonce=\"n\""))
    );
}

#[test]
fn a_long_one_is_cut() {
    let mut request = Request::of_the_rfc();
    request.uri = format!("/{}", "é".repeat(5000)).parse().unwrap();
    let base = shown(&request, r#""@method" "@path""#);
    assert!(base.starts_with("\"@method\": POST\n\"@path\": /é") && base.len() < 8300, "{base}");
    assert!(base.ends_with(" bytes)") && !base.contains("@signature-params"), "{base}");
}
