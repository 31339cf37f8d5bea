//! What is told to who signed another request than the one that came, or by another key.

use super::signed::{PRODUCT, World, refused};
use crate::support::dev::Dev;
use crate::support::dpop::now;
use crate::support::http::Answer;
use crate::support::message_signer::{MessageSigner, Unsigned, content_digest};

/// The signature base that a refusal shows.
fn base_in(answer: &Answer) -> String {
    refused(answer, "signature_mismatch");
    answer.json()["signature_base"].as_str().unwrap().to_owned()
}

#[test]
fn a_mismatch_shows_what_must_have_been_signed() {
    let world = World::over(Dev::start());
    let (signed, sent) = (world.url("/api/products/p-1002"), world.url(PRODUCT));
    let parameters = world.signer.parameters(0);
    let fields = world.signer.sign_with(Unsigned { method: "GET", url: &signed, body: "" }, &parameters);
    let base = base_in(&world.send("GET", PRODUCT, &fields, ""));
    let expected = format!(
        "\"@method\": GET\n\"@target-uri\": {sent}\n\
         \"@signature-params\": (\"@method\" \"@target-uri\");{parameters}"
    );
    assert_eq!(base, expected);
    // Signed as it was shown, it is taken.
    let lines = [("\"@method\"", "GET".to_owned()), ("\"@target-uri\"", sent)];
    let fields = world.signer.sign_lines(&lines, &parameters).to_vec();
    assert_eq!(world.send("GET", PRODUCT, &fields, "").status, 200);
}

#[test]
fn a_mismatch_shows_no_field_that_may_hold_a_secret() {
    let world = World::over(Dev::start());
    let lines = [
        ("\"@method\"", "GET".to_owned()),
        ("\"@target-uri\"", world.url(PRODUCT)),
        ("\"cookie\"", "session=abc".to_owned()),
        ("\"x-origin-verify\"", "another".to_owned()),
    ];
    let mut fields = world.signer.sign_lines(&lines, &world.signer.parameters(0)).to_vec();
    fields.push(("Cookie".to_owned(), "session=abc".to_owned()));
    fields.push(("X-Origin-Verify".to_owned(), "of-a-proxy".to_owned()));
    let answer = world.send("GET", PRODUCT, &fields, "");
    let base = base_in(&answer);
    assert!(base.contains("\"cookie\": (11 bytes, not shown)\n"), "{base}");
    assert!(base.contains("\"x-origin-verify\": (10 bytes, not shown)\n"), "{base}");
    assert!(!answer.text().contains("of-a-proxy") && !answer.text().contains("session=abc"));
}

#[test]
fn a_refusal_asks_for_a_signature_that_is_taken() {
    let world = World::over(Dev::start());
    let thief = MessageSigner::new(&world.signer.id, "guess");
    let url = world.url(PRODUCT);
    let answer = world.send("GET", PRODUCT, &thief.sign(Unsigned { method: "GET", url: &url, body: "" }), "");
    refused(&answer, "signature_mismatch");
    let nonce = answer.header("x-request-id").unwrap();
    let wanted = format!("sig=(\"@method\" \"@target-uri\" \"content-digest\");created;nonce=\"{nonce}\"");
    assert_eq!(answer.header("accept-signature"), Some(wanted.as_str()));
    let digest = content_digest("");
    let lines = [
        ("\"@method\"", "GET".to_owned()),
        ("\"@target-uri\"", url.clone()),
        ("\"content-digest\"", digest.clone()),
    ];
    let parameters = format!("created={};nonce=\"{nonce}\";keyid=\"{}\"", now(), world.signer.id);
    let mut fields = world.signer.sign_lines(&lines, &parameters).to_vec();
    fields.push(("Content-Digest".to_owned(), digest));
    assert_eq!(world.send("GET", PRODUCT, &fields, "").status, 200);
}

#[test]
fn of_a_key_that_is_not_known_nothing_is_shown() {
    let world = World::over(Dev::start());
    let stranger = MessageSigner::new("sgk_none", "guess");
    let url = world.url(PRODUCT);
    let fields = stranger.sign(Unsigned { method: "GET", url: &url, body: "" });
    let answer = world.send("GET", PRODUCT, &fields, "");
    refused(&answer, "signature_key_unknown");
    assert!(answer.json().get("signature_base").is_none());
}
