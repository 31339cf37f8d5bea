//! Signatures of changed requests, and of anything at all.

use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Method};
use proptest::prelude::*;

use super::super::input::Written;
use super::super::{Body, MessageSignature, SIGNATURE, SIGNATURE_INPUT};
use super::{CREATED, Request, open, refused};
use crate::credential::jwk::PublicKey;
use crate::domain::signature_key::SignatureAlgorithm;
use crate::domain::time::Timestamp;

/// Where a byte may be changed of what is covered.
#[derive(Debug, Clone, Copy)]
enum Place {
    Method,
    Authority,
    Target,
    Field,
    Parameters,
    Signature,
}

/// `text` with the byte at some place changed into another letter or digit.
fn changed(text: &str, at: usize, to: u8) -> Option<String> {
    let mut bytes = text.as_bytes().to_vec();
    let place = at % bytes.len();
    bytes[place] = if bytes[place] == to { to ^ 1 } else { to };
    String::from_utf8(bytes).ok()
}

proptest! {
    #[test]
    fn one_changed_byte_of_what_is_covered_is_refused(
        at in 0_usize..1000, to in prop::sample::select(b"azAZ09-._~".to_vec()),
        place in prop::sample::select(vec![
            Place::Method, Place::Authority, Place::Target, Place::Field, Place::Parameters, Place::Signature,
        ]),
    ) {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let jwk = PublicKey::of_ed25519(pair.public_key().as_ref()).unwrap().to_jwk();
        let key = open(SignatureAlgorithm::Ed25519, &jwk);
        let input = r#"("@method" "@target-uri" "content-type" "content-digest");created=1618884473;keyid="k";nonce="n""#;
        let unsigned = Request::of_the_rfc().signed(input, "AAAA");
        let signature = STANDARD.encode(pair.sign(unsigned.base().unwrap().as_bytes()));
        let good = Request::of_the_rfc().signed(input, &signature);
        prop_assert!(good.is_verified_by(&key));
        let mut bad = good.clone();
        match place {
            Place::Method => {
                let method = changed("POST", at, to).unwrap();
                bad.method = Method::from_bytes(method.as_bytes()).unwrap();
            }
            Place::Authority => bad.authority = changed(&good.authority, at, to).unwrap(),
            Place::Target => {
                let Ok(uri) = changed("/foo?param=Value&Pet=dog", at, to).unwrap().parse() else { return Ok(()) };
                bad.uri = uri;
            }
            Place::Field => bad = bad.with("content-type", &changed("application/json", at, to).unwrap()),
            Place::Parameters => bad = bad.signed(&changed(input, at, to).unwrap(), &signature),
            Place::Signature => bad = bad.signed(input, &changed(&signature, at, to).unwrap()),
        }
        // The last digit of base 64 has bits that say nothing.
        let is_same = Written::read(&bad.headers).is_ok_and(|bad| bad.signature == STANDARD.decode(&signature).unwrap());
        if matches!(place, Place::Signature) && is_same {
            return Ok(());
        }
        prop_assert!(!bad.is_verified_by(&key), "{place:?} {at} {to}");
    }

    #[test]
    fn any_text_is_a_signature_or_refused(input in "[ -~]{0,200}", signature in "[ -~]{0,80}") {
        let request = Request::of_the_rfc().with("signature-input", &input).with("signature", &signature);
        let _ = refused(&request);
    }

    #[test]
    fn anything_that_is_nearly_a_signature_is_one_or_refused(
        components in prop::collection::vec(
            prop::sample::select(vec![
                "\"@method\"", "\"@target-uri\"", "\"@query-param\";name=\"Pet\"", "\"@query-param\";name=\"%\"",
                "\"date\";bs", "\"content-digest\";key=\"sha-512\"", "\"content-digest\";sf", "\"\"", "\"@\"",
                "\"x\";key=\"\"", "date", "1", ":AA==:", "?1", "\"signature\";key=\"sig\"",
            ]), 0..6),
        parameters in prop::collection::vec(
            prop::sample::select(vec![
                ";created=1", ";created=-1", ";created=999999999999999", ";expires=1", ";nonce=\"n\"", ";keyid=\"k\"",
                ";alg=\"ed25519\"", ";tag=\"t\"", ";created=@1", ";nonce=%\"n\"", ";x", ";keyid",
            ]), 0..8),
    ) {
        let input = format!("sig=({}){}", components.join(" "), parameters.concat());
        let request = Request::of_the_rfc().with("signature-input", &input).with("signature", "sig=:AAAA:");
        if let Ok(signature) = MessageSignature::read(&request.headers) {
            let _ = signature.check_time(Timestamp::from_seconds(CREATED), Duration::from_secs(300));
            let _ = signature.check_covers(Body::Present);
            let shown = signature.shown_base(&request.message());
            assert_eq!(signature.base(&request.message()).is_ok(), shown.is_ok());
        }
    }

    #[test]
    fn any_bytes_in_the_fields_are_read_or_refused(
        input in prop::collection::vec(any::<u8>(), 0..100), signature in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let mut request = Request::of_the_rfc();
        for (name, bytes) in [(SIGNATURE_INPUT, &input), (SIGNATURE, &signature)] {
            let Ok(value) = HeaderValue::from_bytes(bytes) else { return Ok(()) };
            request.headers.insert(name, value);
        }
        let _ = refused(&request);
    }
}
